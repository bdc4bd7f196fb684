/*
 * upcall.c - the slow road of upcalls: all registers stand in e->x
 */
#include "kern/upcall.h"
#include "kern/slice.h"
#include "kern/trace.h"

/* Put the interrupted state into the u-area and point the registers at the handler. */
static void enter(struct env *e, unsigned kind, uint64_t cause, uint64_t tval)
{
	struct uarea *u = e->uarea;

	trace(arch_hart(), TRACE_UPCALL, e->id, kind, 0);
	u->pc = e->x[0];
	u->cause = cause;
	u->tval = tval;
	u->a0 = e->x[10];
	u->t0 = e->x[5];
	u->t1 = e->x[6];
	u->held = 1;
	e->x[0] = e->handler[kind];
	e->x[3] = e->uarea_va;
	e->x[5] = e->x[6] = e->x[10] = 0;
}

bool upcall_async(struct env *e, unsigned kind)
{
	struct uarea *u = e->uarea;

	if (u == &no_uarea || e->handler[kind] == 0)
		return false;
	if (e->x[0] - e->resume_start < e->resume_len) {
		/*
		 * Inside the resume sequence: it has read nothing that may not be read again. Back to its start, whose first
		 * act is to look at the pending bits.
		 */
		u->pending |= 1ul << kind;
		u->held = 1;
		e->x[0] = e->resume_start;
		e->x[3] = e->uarea_va;
		return false;
	}
	if (u->held != 0) {
		u->pending |= 1ul << kind;
		return false;
	}
	enter(e, kind, UP_CAUSE(kind), 0);
	return true;
}

void upcall_events(struct env *e, uint64_t bits)
{
	if (bits & EV_REVOKE)
		upcall_async(e, UP_REVOKE);
	if (bits & EV_REPOSSESS)
		upcall_async(e, UP_REPOSSESS);
	if (bits & e->event_up)
		upcall_async(e, UP_EVENT);
}

void upcall_fault(struct env *e, uint64_t cause, uint64_t tval)
{
	if (e->uarea == &no_uarea || e->handler[UP_FAULT] == 0 || e->uarea->held != 0) {
		e->cause = cause;
		e->tval = tval;
		env_stop(e, e->uarea != &no_uarea && e->uarea->held != 0 ? STOP_DOUBLE_FAULT : STOP_FAULT);
		return;
	}
	enter(e, UP_FAULT, cause, tval);
}
