/*
 * thread.h - several threads of control in one environment, and on several harts
 *
 * The kernel knows one thread per environment; this part makes more of it. Threads change places by exchanging registers, without a
 * call: when one blocks, yields or ends, and, with thread_preemption(), in upcalls. When all of them wait, the environment sleeps for the
 * union of what they wait for. Order: first come, first served.
 *
 * A thread has a stack of bound pages with an unbound page below, its own errno and other thread-local data, and its own
 * floating-point registers. event_wait() and what stands on it (reading the console, sleep(), proc_wait(), the socket calls of
 * netif.h) block only the thread that calls. The C library's malloc() and the vm part may be used by all threads at any time; other parts
 * of libexos (proc.h, netif.h, stdio on one stream) by one at a time: hold a mutex around them.
 *
 * Give the processor to other environments by event_wait(), or by sys_yield() and the like between preempt_off() and preempt_on()
 * (preempt.h): all threads of this environment stand still meanwhile.
 *
 * Not to be called from upcall handlers. Functions that can fail return a negative E_* code.
 */
#ifndef THREAD_H
#define THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

#define THREAD_STACK	32768ul		/* a good size when nothing large lies on it */

/*
 * Start fn(arg) on a stack of so many bytes (0: THREAD_STACK); it runs when its turn comes. NULL: no memory. Every thread is to be
 * joined; until then its memory stays.
 */
struct thread *thread_create(void *(*fn)(void *), void *arg, size_t stack_bytes);

/* End the calling thread. The first thread's end, here or by return from main(), is the end of the program. */
void thread_exit(void *result) __attribute__((noreturn));

/*
 * Wait for the end of t, take its result (may be NULL) and free it. -E_INVAL: t is the caller or the first thread; -E_BUSY: another
 * thread waits for it already; -E_DEAD: it was lost (thread_harts()), and is freed.
 */
int thread_join(struct thread *t, void **result);

struct thread *thread_self(void);

/* Let the others that are ready run first. */
void thread_yield(void);

/* Sleep until the time CSR reaches deadline. */
void thread_sleep(unsigned long deadline);

/*
 * On: the end of a slice and the arrival of an event are occasions for another thread that is ready to go on. Nothing ends the
 * slices of an environment that is alone on its hart (docs/slices.md); there, a thread that never blocks and never yields is interrupted by
 * events only. Uses upcall_own_switch().
 */
void thread_preemption(bool on);

/* In a fault handler: when it returns true, the faulting thread's turn is over. It goes on later as the frame says. */
void thread_turn_over(void);

/*
 * Run threads on up to n harts at the same time: that of the program, and others whose slices it was given (grants "slices1",
 * "slices2", ... by the number of the hart; all slices of each are taken). To be called once, by the first thread. Returns how many
 * harts they are, 1 when no slices of others are there, or a negative E_* code.
 *
 * On each other hart an environment in the same context runs one thread after another. A thread that needs the kernel goes home for that,
 * by itself: for a lock that is taken, a condition, malloc(), the vm part, event_wait(), a page fault, output. Everything else of
 * libexos that makes system calls (proc.h, netif.h, pipe.h, reading the console) is to be used by the first thread, which never leaves, or
 * after thread_stay(true). When such an environment is ended by somebody, the thread that ran on it is lost with what it held, and
 * thread_join() says -E_DEAD. One whose slices are all taken (revoke.h) is lent the program's own time until the thread has come home.
 */
int thread_harts(unsigned int n);

/* The calling thread comes home and stays there, or may leave again. */
void thread_stay(bool on);

/*
 * Changes of thread at home since the start, and those of them that were made in an upcall; sleeps of all; threads that were given to
 * other harts, and page faults there.
 */
struct thread_stats {
	uint64_t switches, preemptions, waits, moves, faults;
};
const struct thread_stats *thread_stats(void);

/* ---- a lock ---- */

struct thread_queue {
	struct thread *first, *last;
};

/*
 * Owner, or 0; bit 0 is set while others wait. Without contention, taking it is one compare-and-swap and giving it back another; with
 * contention it is handed to whoever waits longest. The kernel is never asked. All zero is a free one.
 */
struct mutex {
	uintptr_t word;
	struct thread_queue waiters;
};

int mutex_lock(struct mutex *m);	/* -E_BUSY: the caller has it already */
bool mutex_try(struct mutex *m);
int mutex_unlock(struct mutex *m);	/* -E_INVAL: the caller does not have it */

/* ---- a condition ---- */

/* All zero is an empty one. */
struct condition {
	struct thread_queue waiters;
};

/*
 * Give m back and sleep, as one step, until signalled or until the time CSR reaches deadline (0: for ever); then take m again. Look at the
 * condition again afterwards: somebody else may have had m first. Returns 0; 1: the deadline; -E_INVAL: the caller does not have m.
 */
int condition_wait(struct condition *c, struct mutex *m, unsigned long deadline);
void condition_signal(struct condition *c);
void condition_broadcast(struct condition *c);

#endif
