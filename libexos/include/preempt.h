/*
 * preempt.h - pieces of a program in which its threads do not change places
 *
 * Threads (thread.h) share one environment, so only one of them runs at a time; another one can take its place when it blocks, or, if
 * the program asked for preemption, in an upcall. Between preempt_off() and preempt_on() the second does not happen: data that
 * belong to all threads are changed there. No call and no atomic instruction is needed for that: whoever interrupts puts the depth
 * back to what it was before the interrupted thread goes on. Pieces nest. A change that was due meanwhile happens in preempt_on().
 *
 * With thread_harts() threads run on other harts too, but never within such a piece: preempt_off() brings the caller home first, to the
 * program's own environment, which alone has its capabilities. So there is still only one thread in all of them.
 *
 * libexos uses it in its own vm part, and as the lock of the C library. In a program without threads it costs a few instructions and
 * has no effect.
 */
#ifndef PREEMPT_H
#define PREEMPT_H

#include <stdbool.h>
#include <stdint.h>

struct upcall_frame;

extern volatile unsigned int preempt_depth;
extern bool preempt_harts;		/* threads may be away from home: on other harts */
extern volatile bool preempt_wanted;	/* the running thread has had its turn, or another one may have become ready */
extern volatile uint64_t preempt_events;	/* event bits for which threads wait */

/* A thread that is away comes home. It does not leave again before it reaches depth 0 in preempt_on(), or thread_yield(). */
void preempt_home(void);

/* preempt_on() found that a change is due: make it, if this is not an upcall. */
void preempt_late(void);

static inline void preempt_off(void)
{
	if (__builtin_expect(preempt_harts, 0))
		preempt_home();
	preempt_depth = preempt_depth + 1;
	__asm__ volatile("" ::: "memory");
}

static inline void preempt_on(void)
{
	unsigned int left = preempt_depth - 1;

	__asm__ volatile("" ::: "memory");
	preempt_depth = left;
	if (left == 0 && preempt_wanted)
		preempt_late();
}

/* PREEMPT_OFF; as a declaration: until the end of the block, wherever it is left. */
static inline void preempt_leave(const int *unused)
{
	(void)unused;
	preempt_on();
}
#define PREEMPT_OFF \
	__attribute__((cleanup(preempt_leave), unused)) const int preempt_block = 0; \
	preempt_off()

/*
 * For the library of threads: `swap` replaces the interrupted registers in f and fp (f0..f31, fcsr), and the word that upcall/switch.S
 * keeps, by those of another thread, in an upcall, when a change is wanted and the depth is 0; `yield` makes a change outside of upcalls; `home`
 * is preempt_home().
 */
struct preempt_ops {
	void (*swap)(struct upcall_frame *f, uint64_t fp[33], uint64_t *switch_sp);
	void (*yield)(void);
	void (*home)(void);
};
extern const struct preempt_ops *preempt_ops;

#endif
