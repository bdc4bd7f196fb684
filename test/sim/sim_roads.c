/*
 * sim_roads.c - the short roads of arch/riscv/entry.S in C, statement by statement in the same order
 *
 * They take no lock. So between any two accesses to what other harts may see another hart may do anything: there is a point before each.
 * What entry.S does to registers that nobody else sees is done at once. A change there is to be made here too.
 */
#include <string.h>

#include "test/sim/sim.h"

enum { GP = 3, T0 = 5, T1, T2, A0 = 10, A1, A2, A7 = 17, T3 = 28 };

/* An access that others may see. */
#define SHARED(what, access)	(sim_point(what), (access))

static bool plain(const struct env *e)
{
	return e->state == ENV_READY && e->resume == RESUME_LEAN && !e->slice_upcall && !e->entry_waits;
}

/* `near`: was it last on this hart, is its context ready, is nothing dirty? */
static bool near(const struct env *self, const struct env *to)
{
	return SHARED("near: hart", to->hart) == self->hart && SHARED("near: context", to->satp) != 0 && !sim_cpu.f_dirty;
}

/* `cross`: context and floating-point unit of `to`, and its registers as they arrive there. */
static void cross(struct hart *h, const struct env *to)
{
	uint64_t satp = SHARED("cross: context", to->satp);

	sim_cpu.root = (ppn_t)satp;
	sim_cpu.asid = satp >> 44;
	sim_cpu.f_on = h->fp_owner == to->id;
	sim_cpu.x[GP] = to->uarea_va;
}

static void lose(unsigned first, unsigned last)
{
	for (unsigned r = first; r <= last; r++)
		sim_cpu.x[r] = 0;
}

/* `take`: shut the gate, if it is one that may be shut. */
static long take(struct env *to, bool entries_only)
{
	long gate = SHARED("take: look", to->gate);

	if (entries_only ? gate <= 0 : gate == GATE_SHUT)
		return GATE_SHUT;
	/* lr and sc: nobody has written it in between. */
	return SHARED("take: shut", __atomic_compare_exchange_n(&to->gate, &gate, GATE_SHUT, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) ?
	       gate : GATE_SHUT;
}

static bool road_call(struct env *self)
{
	struct hart *h = self->hart;
	struct env *to;
	long gate;

	if (SHARED("call: slot", self->call_slot) != sim_cpu.x[A1])
		return false;
	to = SHARED("call: callee", self->call_env);
	if (SHARED("call: deadline", self->call_deadline) != 0 || sim_cpu.x[A2] != 0)
		return false;
	gate = take(to, true);
	if (gate == GATE_SHUT)
		return false;
	if (SHARED("call: held", to->uarea->held) != 0 || !near(self, to)) {
		SHARED("call: reopen", to->gate = gate);
		return false;
	}
	self->x[0] = sim_cpu.x[0] + 4;
	sim_cpu.x[0] = gate;
	SHARED("call: base", to->base_pc = to->x[0]);
	SHARED("call: reply right", to->caller = self);
	SHARED("call: link to the callee", self->callee = to);
	SHARED("call: current", h->current = to);
	cross(h, to);
	sim_cpu.x[A0] = self->id;
	lose(T0, T2);
	lose(T3, T3);
	return true;
}

static bool road_reply(struct env *self)
{
	struct hart *h = self->hart;
	struct env *to = SHARED("reply: to whom", self->caller);
	long open;

	if (to == NULL || !near(self, to))
		return false;
	to = SHARED("reply: right", __atomic_exchange_n(&self->caller, NULL, __ATOMIC_RELAXED));
	if (to == NULL)
		return false;
	SHARED("reply: link", to->callee = NULL);
	sim_cpu.x[0] = SHARED("reply: pc", to->x[0]);
	SHARED("reply: current", h->current = to);
	SHARED("reply: base", self->x[0] = self->base_pc);
	self->base_pc = 0;
	cross(h, to);
	open = SHARED("reply: open", self->open);
	SHARED("reply: gate", self->gate = open);
	sim_cpu.x[A0] = 0;
	lose(T0, T2);
	lose(T3, T3);
	return true;
}

static bool road_yield(struct env *self)
{
	struct hart *h = self->hart;
	struct env *to;
	long gate, open;

	if (SHARED("yield: slot", self->yield_slot) != sim_cpu.x[A1])
		return false;
	to = SHARED("yield: to whom", self->yield_env);
	if (!self->lean || self->base_pc != 0 || !plain(self) || !SHARED("yield: state", plain(to)))
		return false;
	if (h->grace || h->payer != self->pub)
		return false;
	gate = take(to, false);
	if (gate == GATE_SHUT)
		return false;
	if (!SHARED("yield: state again", plain(to)) || !near(self, to)) {
		SHARED("yield: reopen", to->gate = gate);
		return false;
	}
	SHARED("yield: time", self->pub->used += sim_now - h->since);
	h->since = sim_now;
	h->payer = to->pub;
	h->payer_id = to->id;
	h->pub->current = to->id;
	to->pub->switches++;
	SHARED("yield: slice end", to->uarea->slice_end = h->slice_end);
	SHARED("yield: pc", self->x[0] = sim_cpu.x[0] + 4);
	sim_cpu.x[0] = to->x[0];
	SHARED("yield: current", h->current = to);
	lose(1, 31);
	cross(h, to);
	open = SHARED("yield: open", self->open);
	SHARED("yield: gate", self->gate = open);
	return true;
}

bool sim_short_road(void)
{
	struct env *self = sim_current();

	switch (sim_cpu.x[A0]) {
	case CALL_pct_call:
		return road_call(self);
	case CALL_pct_reply:
		return road_reply(self);
	case CALL_yield:
		return road_yield(self);
	default:
		return false;
	}
}
