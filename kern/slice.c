/*
 * slice.c - who runs next, and what happens when its time is over
 *
 * Road of a change of environment: slice_timer() or a call decides that current stops, hart_leave() accounts it,
 * slice_pick() or sys_yield() chooses, hart_enter() prepares, trap_exit in arch/riscv/entry.S restores.
 */
#include "kern/slice.h"
#include "kern/ctx.h"
#include "kern/expose.h"
#include "kern/ring.h"
#include "kern/syscall.h"
#include "kern/upcall.h"

struct hart harts[HARTS_MAX];
unsigned nharts;
ticks_t slice_ticks, grace_ticks;

void slice_init(struct hart *h, unsigned index, unsigned id, struct exposed_hart *pub)
{
	h->index = index;
	h->id = id;
	h->pub = pub;
	h->position = SLICES - 1;
	pub->version = EXOS_ABI_VERSION;
	pub->hart = id;
	pub->slice_ticks = slice_ticks;
	pub->grace_ticks = grace_ticks;
}

void hart_leave(struct hart *h)
{
	struct env *e = h->current;
	ticks_t now = arch_time();

	e->pub->used += now - h->since;
	if (e->grace) {
		/* What it took beyond its slice is withheld from later ones. */
		if (now > h->slice_end)
			e->pub->debt += now - h->slice_end;
		e->grace = false;
	}
	arch_fp_switch(h, e, NULL);
	h->since = now;
	h->current = NULL;
	h->pub->current = 0;
}

void hart_enter(struct hart *h, struct env *e, ticks_t slice_end)
{
	if (e->resume == RESUME_SLICE_BEGIN) {
		/* It saved its registers itself and gave the processor back: nothing but gp, and nobody else's values. */
		memset(e->x, 0, sizeof(e->x));
		e->x[0] = e->handler[UP_SLICE_BEGIN];
		e->x[3] = e->uarea_va;
		e->resume = RESUME_FRAME;
	}
	h->slice_end = slice_end;
	h->current = e;
	h->pub->current = e->id;
	h->pub->position = h->position;
	e->hart = h;
	e->pub->switches++;
	if (e->uarea != &no_uarea) {
		e->uarea->slice_end = slice_end;
		e->uarea->hart = h->index;
	}
	ctx_activate(h, e->context);
	arch_fp_switch(h, NULL, e);
}

/* Can it run now? A sleeper whose time has come wakes here. */
static bool runnable(struct env *e, ticks_t now)
{
	if (e->state == ENV_READY)
		return true;
	if (e->state != ENV_WAITING || e->deadline > now)
		return false;
	e->x[10] = e->uarea->events & e->wait_mask;
	env_set_state(e, ENV_READY);
	return true;
}

/* Slices from `at` on that belong to one environment without interruption. */
static unsigned run_length(const struct hart *h, unsigned at)
{
	unsigned n = 1;

	while (at + n < SLICES && h->slice[at + n].env == h->slice[at].env)
		n++;
	return n;
}

/* The position of the first slice after the current one whose environment can run; SLICES: none. */
static unsigned next_position(struct hart *h, ticks_t now)
{
	for (unsigned n = 1; n <= SLICES; n++) {
		unsigned at = (h->position + n) % SLICES;

		if (h->slice[at].env != NULL && runnable(h->slice[at].env, now))
			return at;
	}
	return SLICES;
}

/* The earliest time at which an idle hart has something to do. */
static ticks_t next_deadline(const struct hart *h)
{
	ticks_t first = ~0ul;

	for (unsigned i = 0; i < SLICES; i++) {
		const struct env *e = h->slice[i].env;

		if (e != NULL && e->state == ENV_WAITING && e->deadline < first)
			first = e->deadline;
	}
	return first;
}

struct env *slice_pick(struct hart *h)
{
	ticks_t now = arch_time(), wake;
	bool withheld = false;

	net_reap();
	h->pub->idle += now - h->since;
	h->since = now;
	for (unsigned n = 0; n < SLICES; n++) {
		unsigned at = next_position(h, now);
		struct env *e;

		if (at == SLICES)
			break;
		e = h->slice[at].env;
		if (e->pub->debt >= slice_ticks) {
			e->pub->debt -= slice_ticks;
			h->position = at;
			withheld = true;
			continue;
		}
		h->position = at + run_length(h, at) - 1;
		hart_enter(h, e, now + run_length(h, at) * slice_ticks);
		arch_timer_set(h->slice_end);
		return e;
	}
	/* Nobody, or only debtors: then the slice passes unused. */
	ctx_activate(h, 0);
	wake = withheld || net_busy() ? now + slice_ticks : ~0ul;
	arch_timer_set(next_deadline(h) < wake ? next_deadline(h) : wake);
	return NULL;
}

void slice_timer(struct hart *h)
{
	struct env *e = h->current;
	ticks_t now = arch_time();
	unsigned at;

	h->pub->timer_interrupts++;
	net_reap();
	if (e == NULL) {
		arch_timer_set(~0ul);		/* slice_pick() follows */
		return;
	}
	if (h->deferred) {
		h->deferred = false;
		if (e->uarea->events & e->event_up)
			upcall_async(e, UP_EVENT);
	}
	if (e->grace && now < h->slice_end + grace_ticks) {
		arch_timer_set(h->slice_end + grace_ticks);
		return;
	}
	if (!e->grace) {
		if (now < h->slice_end) {
			arch_timer_set(h->slice_end);
			return;
		}
		at = next_position(h, now);
		if (at == SLICES || h->slice[at].env == e) {
			/* Its own slice follows, or nobody else wants the time: no reason to disturb it. */
			if (at != SLICES)
				h->position = at + run_length(h, at) - 1;
			h->slice_end = now + (at != SLICES ? run_length(h, at) : 1) * slice_ticks;
			e->uarea->slice_end = h->slice_end;
			arch_timer_set(h->slice_end);
			return;
		}
		if (e->handler[UP_SLICE_END] != 0 && e->uarea != &no_uarea) {
			e->slice_upcall = upcall_async(e, UP_SLICE_END);
			e->grace = true;
			arch_timer_set(h->slice_end + grace_ticks);
			return;
		}
	}
	hart_leave(h);		/* all its registers are in its record already */
}

static void forget(struct slice *s, struct hart *h, unsigned at)
{
	if (s->env != NULL)
		s->env->pub->nslices--;
	s->env = NULL;
	s->by = NULL;
	h->pub->slice[at] = 0;
}

void slice_forget_env(struct env *e)
{
	for (unsigned i = 0; i < nharts && e->pub->nslices > 0; i++)
		for (unsigned at = 0; at < SLICES; at++)
			if (harts[i].slice[at].env == e)
				forget(&harts[i].slice[at], &harts[i], at);
}

void slice_forget_cap(struct cap *c)
{
	struct hart *h = &harts[c->object];

	for (unsigned at = 0; at < SLICES; at++)
		if (h->slice[at].by == c)
			forget(&h->slice[at], h, at);
}

long sys_slice_bind(struct env *self, unsigned long slot, unsigned long first, unsigned long count, unsigned long env)
{
	struct cap *c = cap_get(self, slot, CAP_SLICE);
	struct env *e = NULL;
	struct hart *h;
	uint32_t have_first, have_count;
	int err = 0;

	if (c == NULL)
		return -E_NOCAP;
	if (!(c->rights & RIGHT_BIND))
		return -E_RIGHTS;
	have_first = c->binding >> 32;
	have_count = (uint32_t)c->binding;
	if (count == 0 || first < have_first || count > have_count || first - have_first > have_count - count)
		return -E_INVAL;
	if (env != 0 && (e = env_operand(self, env, RIGHT_YIELD, &err)) == NULL)
		return err;

	h = &harts[c->object];
	for (unsigned at = first; at < first + count; at++) {
		forget(&h->slice[at], h, at);
		if (e == NULL)
			continue;
		h->slice[at].env = e;
		h->slice[at].by = c;
		h->pub->slice[at] = e->id;
		e->pub->nslices++;
	}
	return 0;
}

long sys_yield(struct env *self, unsigned long env)
{
	struct hart *h = self->hart;
	struct env *to = NULL;
	bool in_grace = self->grace;
	int err;

	if (env != 0) {
		if ((to = env_operand(self, env, RIGHT_YIELD, &err)) == NULL)
			return err;
		if (!runnable(to, arch_time()))
			return to->state == ENV_WAITING ? -E_BUSY : -E_DEAD;
	}
	if (to == self)
		return 0;

	self->x[10] = 0;
	if (self->slice_upcall && self->handler[UP_SLICE_BEGIN] != 0)
		self->resume = RESUME_SLICE_BEGIN;
	self->slice_upcall = false;
	hart_leave(h);
	/* The rest of the slice is a gift only while there is a rest. */
	if (to != NULL && !in_grace)
		hart_enter(h, to, h->slice_end);
	else
		slice_pick(h);
	return 0;
}
