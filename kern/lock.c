/*
 * lock.c - the one lock, and how harts reach each other
 */
#include "kern/lock.h"
#include "kern/slice.h"

struct lock kernel_lock scratch;	/* call_locked in entry.S takes it too */
static ticks_t taken[HARTS_MAX] scratch;	/* when each hart got it last */

void lock_wait(uint32_t ticket)
{
	unsigned turns = 0;

	while (__atomic_load_n(&kernel_lock.serving, __ATOMIC_ACQUIRE) != ticket)
		arch_relax(&turns);
}

void lock_take(struct hart *h)
{
	uint32_t ticket;
	ticks_t begin = arch_time(), waited;

	__atomic_store_n(&h->waits, 1, __ATOMIC_SEQ_CST);
	ticket = __atomic_fetch_add(&kernel_lock.next, 1, __ATOMIC_RELAXED);
	lock_wait(ticket);
	h->waits = 0;
	taken[h->index] = arch_time();
	waited = taken[h->index] - begin;
	if (waited > h->pub->lock_wait)
		h->pub->lock_wait = waited;
}

void lock_give(struct hart *h)
{
	ticks_t held = arch_time() - taken[h->index];

	if (held > h->pub->lock_held)
		h->pub->lock_held = held;
	__atomic_store_n(&kernel_lock.serving, kernel_lock.serving + 1, __ATOMIC_RELEASE);
}

void harts_gather(struct hart *h)
{
	unsigned turns = 0;

	for (unsigned i = 0; i < nharts; i++)
		if (&harts[i] != h && __atomic_load_n(&harts[i].current, __ATOMIC_RELAXED) != NULL)
			arch_ipi(&harts[i]);
	/* Nobody leaves the idle loop or the lock's queue while we hold it. A user is interrupted at once: the wait is short. */
	for (unsigned i = 0; i < nharts; i++)
		while (&harts[i] != h && __atomic_load_n(&harts[i].current, __ATOMIC_RELAXED) != NULL &&
		       __atomic_load_n(&harts[i].waits, __ATOMIC_SEQ_CST) == 0)
			arch_relax(&turns);
}

void harts_kick(struct hart *h)
{
	for (unsigned i = 0; i < nharts; i++)
		if (&harts[i] != h && harts[i].current == NULL)
			arch_ipi(&harts[i]);
}
