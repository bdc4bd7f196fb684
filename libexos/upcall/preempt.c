/*
 * preempt.c - depth, waiting, and the lock of the C library
 *
 * picolibc takes one lock around malloc() and other shared state. It can be had without contention here: while it is held, threads
 * do not change places. All of its lock functions stand in this file, which is in every program, so that its own are left out.
 */
#include "preempt.h"

#include <stddef.h>
#include <sys/lock.h>

#include "exos_calls.h"
#include "internal.h"
#include "upcall.h"

volatile unsigned int preempt_depth;
bool preempt_harts;
volatile bool preempt_wanted;
volatile uint64_t preempt_events;
const struct preempt_ops *preempt_ops;
uint64_t event_cleared;
long (*event_waiter)(uint64_t mask, unsigned long deadline);

long event_wait(uint64_t mask, unsigned long deadline)
{
	long r = event_waiter != NULL ? event_waiter(mask, deadline) : sys_wait(mask, deadline);

	/* Woken because the kernel asked for memory, which has been answered: not what was waited for. */
	while (r > 0 && ((uint64_t)r & mask) == 0 && event_waiter == NULL)
		r = sys_wait(mask, deadline);
	return r;
}

void preempt_home(void)
{
	if (preempt_harts)
		preempt_ops->home();
}

void preempt_late(void)
{
	if (uarea()->held != 0)
		return;		/* an upcall is being served: the change is made on the way out of it */
	preempt_wanted = false;
	revoke_late();
	if (preempt_ops != NULL)
		preempt_ops->yield();
}

struct __lock {
	char unused;
};
struct __lock __lock___libc_recursive_mutex;

void __retarget_lock_init(_LOCK_T *lock)
{
	*lock = &__lock___libc_recursive_mutex;
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	*lock = &__lock___libc_recursive_mutex;
}

void __retarget_lock_close(_LOCK_T lock)
{
	(void)lock;
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	(void)lock;
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	(void)lock;
	preempt_off();
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	(void)lock;
	preempt_off();
}

void __retarget_lock_release(_LOCK_T lock)
{
	(void)lock;
	preempt_on();
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	(void)lock;
	preempt_on();
}
