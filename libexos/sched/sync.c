/*
 * sync.c - a lock and a condition for the threads of one environment
 *
 * The short road is one compare-and-swap, at depth 0, where another thread may come between any two instructions, or run on another hart.
 * With preempt_depth > 0 there is one thread at a time, at home, and the queues belong to it; the word is still changed by those on
 * the short road, but not while bit 0 is set: then only its owner gives it back, here.
 */
#include <stddef.h>

#include "exos_calls.h"
#include "preempt.h"
#include "sched/threads.h"

#define PATIENCE 300		/* looks at a lock that is taken, before the caller waits for it */
#define WAITED	1ul		/* bit 0 of the word; struct thread is aligned */

static bool swap_word(struct mutex *m, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(&m->word, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static uintptr_t self_word(void)
{
	return (uintptr_t)thread_me;
}

bool mutex_try(struct mutex *m)
{
	return swap_word(m, 0, self_word());
}

/* Who has it may run on another hart, and be done soon. */
static bool try_again(struct mutex *m)
{
	for (unsigned int i = 0; i < PATIENCE; i++) {
		if (__atomic_load_n(&m->word, __ATOMIC_RELAXED) == 0 && mutex_try(m))
			return true;
		__asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010");	/* pause */
	}
	return false;
}

static int lock_slowly(struct mutex *m)
{
	uintptr_t word = __atomic_load_n(&m->word, __ATOMIC_RELAXED);
	bool mine = (word & ~WAITED) == self_word();

	if (mine)
		return -E_BUSY;
	if (preempt_harts && try_again(m))
		return 0;
	preempt_off();
	do {
		word = __atomic_load_n(&m->word, __ATOMIC_RELAXED);
	} while (!swap_word(m, word, word == 0 ? self_word() : word | WAITED));
	if (word != 0)
		thread_block(&m->waiters, 0, 0);	/* comes back as the owner */
	preempt_on();
	return 0;
}

int mutex_lock(struct mutex *m)
{
	return mutex_try(m) ? 0 : lock_slowly(m);
}

/* Depth > 0; the caller is the owner. */
static void hand_over(struct mutex *m)
{
	struct thread *t = thread_pop(&m->waiters);

	__atomic_store_n(&m->word, (uintptr_t)t | (m->waiters.first != NULL ? WAITED : 0), __ATOMIC_RELEASE);
	if (t != NULL)
		thread_make_ready(t);
}

int mutex_unlock(struct mutex *m)
{
	if (swap_word(m, self_word(), 0))
		return 0;
	if ((m->word & ~WAITED) != self_word())
		return -E_INVAL;
	preempt_off();
	hand_over(m);
	preempt_on();
	return 0;
}

int condition_wait(struct condition *c, struct mutex *m, unsigned long deadline)
{
	struct thread *self = thread_me;
	bool late;

	if ((m->word & ~WAITED) != self_word())
		return -E_INVAL;
	preempt_off();
	thread_push(&c->waiters, self);		/* first: whoever takes m on another hart and signals must find it there */
	hand_over(m);
	thread_block(NULL, 0, deadline);
	late = self->late;
	preempt_on();
	mutex_lock(m);
	return late;
}

void condition_signal(struct condition *c)
{
	struct thread *t;

	preempt_off();
	if ((t = thread_pop(&c->waiters)) != NULL)
		thread_make_ready(t);
	preempt_on();
}

void condition_broadcast(struct condition *c)
{
	struct thread *t;

	preempt_off();
	while ((t = thread_pop(&c->waiters)) != NULL)
		thread_make_ready(t);
	preempt_on();
}
