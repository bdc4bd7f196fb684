/*
 * proc.c - what becomes of a program that was started
 */
#include "proc.h"

#include "exos_calls.h"
#include "exposed.h"
#include "slices.h"
#include "upcall.h"
#include "vm.h"

int proc_run(const struct proc *p)
{
	return (int)sys_env_set(p->env, ENV_RUN, 1, 0);
}

int proc_slices(struct proc *p, unsigned int slot, unsigned int first, unsigned int count)
{
	struct cap_info info;
	long r = sys_cap_info(slot, &info);

	if (r == 0)
		r = slices_bind(slot, info.first + first, count, p->env);
	return r == -E_QUOTA ? PROC_SLICES : r == -E_AGAIN ? PROC_SLICES_LENT : (int)r;
}

static enum proc_state why_stopped(uint8_t reason)
{
	switch (reason) {
	case STOP_EXIT:
		return PROC_EXITED;
	case STOP_FAULT:
	case STOP_NO_CONTEXT:
		return PROC_FAULTED;
	case STOP_DOUBLE_FAULT:
		return PROC_DOUBLE_FAULT;
	default:
		return PROC_STOPPED;
	}
}

enum proc_state proc_state(const struct proc *p, int *status)
{
	const volatile struct exposed_env *e = exposed_env_of(p->id);

	if (status != NULL)
		*status = 0;
	if (e == NULL || e->state == ENV_DYING)
		return PROC_GONE;
	if (e->state != ENV_STOPPED)
		return PROC_RUNNING;
	if (status != NULL)
		*status = e->status;
	return why_stopped(e->reason);
}

const char *proc_state_name(enum proc_state state)
{
	static const char *const names[] = {
		[PROC_RUNNING] = "runs",
		[PROC_EXITED] = "exited",
		[PROC_FAULTED] = "stopped by a fault without a handler",
		[PROC_DOUBLE_FAULT] = "stopped by a fault in its fault handler",
		[PROC_STOPPED] = "stopped",
		[PROC_GONE] = "gone",
	};

	return names[state];
}

enum proc_state proc_wait(const struct proc *p, unsigned long deadline, int *status)
{
	for (;;) {
		enum proc_state state;

		/* First clear, then look: a stop in between leaves the bit set and ends the wait. */
		event_clear(EV_CHILD);
		state = proc_state(p, status);
		if (state != PROC_RUNNING || (deadline != 0 && time_now() >= deadline))
			return state;
		event_wait(EV_CHILD, deadline);
	}
}

/* End the object in slot and give the page back that it was made of. */
static long end_object(unsigned int slot)
{
	long r;

	while ((r = sys_object_end(slot)) == 1)
		;
	return r < 0 ? r : slot_delete(slot);
}

int proc_end(struct proc *p)
{
	long r;

	if (p->env != 0) {
		r = end_object(p->env);
		if (r < 0)
			return (int)r;
		p->env = 0;
	}
	if (p->ctx != 0) {
		r = end_object(p->ctx);
		if (r < 0)
			return (int)r;
		p->ctx = 0;
	}
	while (p->ndonated > 0)
		slot_delete(p->donated[--p->ndonated]);
	return 0;
}
