/*
 * syscall.c - the table of calls, and what follows a trap that saved everything
 */
#include "kern/syscall.h"
#include "kern/audit.h"
#include "kern/console.h"
#include "kern/expose.h"
#include "kern/lock.h"
#include "kern/ring.h"
#include "kern/slice.h"
#include "kern/trace.h"
#include "kern/upcall.h"

const sys_fn call_table[CALL_COUNT] = {
#define X(name, ...) [CALL_##name] = (sys_fn)(void (*)(void))sys_##name,
	EXOS_CALLS(X)
#undef X
};

const char *const call_names[CALL_COUNT] = {
#define X(name, ...) [CALL_##name] = #name,
	EXOS_CALLS(X)
#undef X
};

#if EXOS_DEBUG && !EXOS_HOST	/* the simulated machine does that itself, where a test wants it */
/*
 * After every trap; but when that would take more than an eighth of the time, only so often that it does not: programs are to meet
 * their deadlines here too. On a machine where time stands still meanwhile it is every trap.
 */
static void audit_in_measure(void)
{
	static ticks_t next scratch;
	ticks_t begin = arch_time();

	if (begin < next)
		return;
	audit();
	next = begin + (arch_time() - begin) * 8;
}
#endif

static struct env *next_to_run(struct hart *h)
{
#if EXOS_DEBUG && !EXOS_HOST
	audit_in_measure();
#endif
	return h->current != NULL ? h->current : slice_pick(h);
}

struct env *syscall_full(struct env *self, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
			 unsigned long a5, unsigned long a6, unsigned long number)
{
	struct hart *h = self->hart;
	struct env *next;
	long result;

	lock_take(h);
	/* The result is not in the frame yet: an upcall now would lose it. event_raise() waits for the call's end. */
	h->frame_saved = 0;
	result = call_table[number](self, a1, a2, a3, a4, a5, a6);
	h->frame_saved = 1;

	/* A call that gave the processor away has left its result already. */
	if (h->current == self)
		self->x[10] = result;
	next = next_to_run(h);
	lock_give(h);
	return next;
}

struct env *trap_interrupt(struct hart *h, uint64_t cause)
{
	struct env *next;
	unsigned irq;

	lock_take(h);
	h->pub->interrupts++;
	switch (cause) {
	case IRQ_TIMER:
		slice_timer(h);
		break;
	case IRQ_SOFTWARE:
		trace_follow(h);
		slice_told(h);
		break;
	case IRQ_EXTERNAL:
		if ((irq = arch_irq_claim()) != 0) {
			if (!net_interrupt(irq))
				console_interrupt(irq);
			arch_irq_complete(irq);		/* another one that is pending interrupts again */
		}
		break;
	default:
		break;
	}
	next = next_to_run(h);
	lock_give(h);
	return next;
}

struct env *trap_exception(struct hart *h, uint64_t cause, uint64_t tval)
{
	struct env *next;

	lock_take(h);
	if (cause != CAUSE_ILLEGAL || !arch_fp_wake(h, h->current)) {
		trace(h, TRACE_FAULT, h->current->id, cause, tval);
		upcall_fault(h->current, cause, tval);
	}
	next = next_to_run(h);
	lock_give(h);
	return next;
}

long sys_null(struct env *self)
{
	(void)self;
	return 0;
}
