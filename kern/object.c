/*
 * object.c - the end of kernel objects
 */
#include "kern/object.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/flow.h"
#include "kern/ring.h"
#include "kern/slice.h"

/* Environments in the context lose it: they are stopped, for their parents to see. 0; 1: one still runs elsewhere. */
static int ctx_evict(ppn_t root)
{
	for (unsigned i = 0; i < ENV_MAX && priv_of(root)->users > 0; i++) {
		struct env *e = env_table[i];

		if (e == NULL || e->context != root)
			continue;
		if (!env_seize(e))
			return 1;
		if (e->state != ENV_STOPPED && e->state != ENV_DYING)
			env_stop(e, STOP_NO_CONTEXT);
		env_leave_context(e);
	}
	return 0;
}

static int ctx_end(ppn_t root, bool force)
{
	if (priv_of(root)->users > 0) {
		if (!force)
			return -E_BUSY;
		if (ctx_evict(root) != 0)
			return 1;
	}
	if (ctx_tear(root) != 0)
		return 1;
	return 0;		/* and no hart stands on it: an idle one has the kernel's own */
}

int object_end_step(struct cap *c, bool force)
{
	unsigned filters = FILTER_BUDGET;
	int more = 0;

	switch (c->type) {
	case CAP_CTX:
		more = ctx_end(c->object, force);
		break;
	case CAP_ENV:
		/* Not oneself: who would be left to return to? exit() is for that. */
		if (arch_hart()->current == env_at(c->object))
			return -E_BUSY;
		more = env_destroy_step(env_at(c->object));
		break;
	case CAP_RING:
		more = ring_end(c->object);
		break;
	case CAP_FILTER:
		filter_end(c->object);
		break;
	case CAP_FLOW:
		if (!flow_forget_cap(c, &filters))
			return 1;
		flow_end(c);		/* changes lists by itself */
		return 0;
	default:
		KASSERT(false);
	}
	if (more != 0)
		return more;
	page_unclaim(c);
	return 0;
}
