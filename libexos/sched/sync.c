/*
 * sync.c - a lock and a condition for the threads of one environment
 *
 * Only one thread runs at a time, so with preempt_depth > 0 plain loads and stores are enough; the compare-and-swap is for the short
 * road, on which the depth stays 0 and another thread may come between any two instructions.
 */
#include <stddef.h>

#include "exos_calls.h"
#include "preempt.h"
#include "sched/threads.h"

#define WAITED	1ul		/* bit 0 of the word; struct thread is aligned */

static bool swap_word(struct mutex *m, uintptr_t from, uintptr_t to)
{
	return __atomic_compare_exchange_n(&m->word, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static uintptr_t self_word(void)
{
	return (uintptr_t)thread_current;
}

bool mutex_try(struct mutex *m)
{
	return swap_word(m, 0, self_word());
}

static int lock_slowly(struct mutex *m)
{
	int result = 0;

	preempt_off();
	if (m->word == 0) {
		m->word = self_word();		/* it was given back meanwhile */
	} else if ((m->word & ~WAITED) == self_word()) {
		result = -E_BUSY;
	} else {
		m->word |= WAITED;
		thread_block(&m->waiters, 0, 0);	/* comes back as the owner */
	}
	preempt_on();
	return result;
}

int mutex_lock(struct mutex *m)
{
	return mutex_try(m) ? 0 : lock_slowly(m);
}

/* Depth > 0; the caller is the owner. */
static void hand_over(struct mutex *m)
{
	struct thread *t = thread_pop(&m->waiters);

	m->word = (uintptr_t)t | (m->waiters.first != NULL ? WAITED : 0);
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
	struct thread *self = thread_current;
	bool late;

	if ((m->word & ~WAITED) != self_word())
		return -E_INVAL;
	preempt_off();
	hand_over(m);
	thread_block(&c->waiters, 0, deadline);
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
