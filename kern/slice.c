/*
 * slice.c - who runs next, and what happens when its time is over
 *
 * Road of a change of environment: slice_timer() or a call decides that current stops, hart_leave() accounts it,
 * slice_pick() or sys_yield() chooses, hart_enter() prepares, trap_exit in arch/riscv/entry.S restores.
 */
#include "kern/slice.h"
#include "kern/ctx.h"
#include "kern/expose.h"
#include "kern/lock.h"
#include "kern/pct.h"
#include "kern/revoke.h"
#include "kern/ring.h"
#include "kern/syscall.h"
#include "kern/trace.h"
#include "kern/upcall.h"

struct hart harts[HARTS_MAX];
unsigned nharts;
ticks_t slice_ticks, grace_ticks;
unsigned slices_free;

void slice_init(struct hart *h, unsigned index, unsigned id, struct exposed_hart *pub)
{
	h->index = index;
	h->bit = 1u << index;
	h->id = id;
	h->pub = pub;
	h->position = SLICES - 1;
	pub->version = EXOS_ABI_VERSION;
	pub->hart = id;
	pub->slice_ticks = slice_ticks;
	pub->grace_ticks = grace_ticks;
}

/* The time since the last account goes to whoever has the slice, if he still lives. */
static void charge(struct hart *h, ticks_t now)
{
	struct exposed_env *p = h->payer;

	if (p != NULL && p->id == h->payer_id) {
		p->used += now - h->since;
		/* What was taken beyond the slice is withheld from later ones. */
		if (h->grace && now > h->slice_end)
			p->debt += now - h->slice_end;
	}
	if (h->current != NULL && h->current->pub != p)
		h->current->guest += now - h->since;
	h->grace = false;
	h->since = now;
}

static void pay(struct hart *h, struct env *payer)
{
	h->payer = payer->pub;
	h->payer_id = payer->id;
	h->pub->current = payer->id;
}

void hart_leave(struct hart *h)
{
	charge(h, arch_time());
	arch_fp_switch(h, h->current, NULL);
	h->current = NULL;
	h->pub->current = 0;
}

static void hart_run(struct hart *h, struct env *e)
{
	trace(h, TRACE_SWITCH, e->id, 0, 0);
	if (e->handler[UP_SLICE_BEGIN] != 0 && e->x[0] == e->handler[UP_SLICE_BEGIN])
		trace(h, TRACE_UPCALL, e->id, UP_SLICE_BEGIN, 0);
	if (e->resume == RESUME_LEAN)
		env_fill_frame(e, 0);
	if (env_waits(e))
		env_wake(e);
	e->resume = RESUME_LEAN;
	h->current = e;
	if (e->hart != h && h->fp_owner == e->id)
		h->fp_owner = ~0u;		/* it has been elsewhere since: what stands in the registers here is old */
	e->hart = h;
	if (e->uarea != &no_uarea) {
		e->uarea->slice_end = h->slice_end;
		e->uarea->hart = h->index;
	}
	ctx_activate(e);
	arch_fp_switch(h, NULL, e);
}

void hart_enter(struct hart *h, struct env *e, struct env *payer, ticks_t slice_end)
{
	h->slice_end = slice_end;
	h->pub->position = h->position;
	e->pub->switches++;
	pay(h, payer);
	hart_run(h, e);
}

void hart_pass(struct hart *h, struct env *e)
{
	arch_fp_switch(h, h->current, NULL);
	hart_run(h, e);
}

bool env_runnable(const struct env *e, ticks_t now)
{
	return e->gate != GATE_SHUT && (!env_waits(e) || e->deadline <= now || (e->uarea->events & e->wait_mask) != 0);
}

/*
 * Who would run in a slice of e: e itself, or, while it waits for an answer, the one at the end of the chain of those who wait for each
 * other. NULL: nobody. A deadline that has passed ends the chain there.
 */
static struct env *runner(struct hart *h, struct env *e, ticks_t now)
{
	/* Each link is read once: an answer on another hart may be taking it away. */
	for (struct env *next; (next = READ_ONCE(e->callee)) != NULL; e = next)
		if (e->call_deadline != 0 && e->call_deadline <= now) {
			if (!pct_abandon(e, -E_TIME))
				return NULL;
			break;
		}
	if (revoke_open != 0 && e != h->current && !env_runnable(e, now))
		e = revoke_lent(e);
	return e == h->current || (e != NULL && env_runnable(e, now)) ? e : NULL;
}

/* Slices from `at` on that belong to one environment without interruption. */
static unsigned run_length(const struct hart *h, unsigned at)
{
	unsigned n = 1;

	while (at + n < SLICES && h->slice[at + n].env == h->slice[at].env)
		n++;
	return n;
}

/* The position of the first slice after the current one in which somebody can run; SLICES: none. */
static unsigned next_position(struct hart *h, ticks_t now)
{
	for (unsigned n = 1; n <= SLICES; n++) {
		unsigned at = (h->position + n) % SLICES;

		if (h->slice[at].env != NULL && runner(h, h->slice[at].env, now) != NULL)
			return at;
	}
	return SLICES;
}

/* `at`, but while somebody is asked for something no later than a slice from now. */
static ticks_t soon(ticks_t at)
{
	return revoke_open != 0 && arch_time() + slice_ticks < at ? arch_time() + slice_ticks : at;
}

/* What is done now and then, whoever runs. Returns the time after it. */
static ticks_t look_after(struct hart *h)
{
	net_reap();
	if (unlikely(revoke_open != 0)) {
		if (h->current != NULL && !h->grace)
			charge(h, arch_time());		/* the time of one that was asked counts while it runs, not when it is through */
		revoke_tick(h);
	}
	return arch_time();
}

/* The earliest time at which an idle hart has something to do. */
static ticks_t next_deadline(const struct hart *h)
{
	ticks_t first = ~0ul;

	for (unsigned i = 0; i < SLICES; i++)
		for (const struct env *e = h->slice[i].env; e != NULL; e = e->callee) {
			/* One that runs on another hart may become free without our being told: look again after a slice. */
			if (e->callee == NULL && e->gate == GATE_SHUT && (e->state == ENV_READY || e->state == ENV_WAITING) &&
			    arch_time() + slice_ticks < first)
				first = arch_time() + slice_ticks;
			if (e->callee != NULL && e->call_deadline != 0 && e->call_deadline < first)
				first = e->call_deadline;
			if (e->callee == NULL && env_waits(e) && e->deadline < first)
				first = e->deadline;
		}
	return soon(first);
}

void slice_timer_set(struct hart *h)
{
	arch_timer_set(soon(pct_first_deadline(h->current, h->slice_end)));
}

struct env *slice_pick(struct hart *h)
{
	ticks_t now = look_after(h), wake;
	bool withheld = false;

	h->pub->idle += now - h->since;
	h->since = now;
	for (unsigned n = 0; n < SLICES; n++) {
		unsigned at = next_position(h, now);
		struct env *owner, *e;

		if (at == SLICES)
			break;
		owner = h->slice[at].env;
		if (owner->pub->debt >= slice_ticks) {
			owner->pub->debt -= slice_ticks;
			h->position = at;
			withheld = true;
			continue;
		}
		h->position = at + run_length(h, at) - 1;
		if ((e = runner(h, owner, now)) == NULL || !env_take(e))
			continue;
		hart_enter(h, e, owner, now + run_length(h, at) * slice_ticks);
		slice_timer_set(h);
		return e;
	}
	/* Nobody, or only debtors: then the slice passes unused. */
	trace(h, TRACE_SWITCH, 0, 0, 0);
	ctx_activate(NULL);
	wake = withheld || net_busy() ? now + slice_ticks : ~0ul;
	arch_timer_set(next_deadline(h) < wake ? next_deadline(h) : wake);
	return NULL;
}

/* Current gives way: all its registers are in its record. */
static void preempt(struct hart *h)
{
	struct env *e = h->current;

	hart_leave(h);
	e->resume = RESUME_FRAME;
	env_open(e);
}

/* The slice of the current run ends now and the next one is to go to `at`. True: the same environment simply goes on. */
static bool run_on(struct hart *h, unsigned at, ticks_t now)
{
	struct env *e = h->current;

	if (at != SLICES && runner(h, h->slice[at].env, now) != e)
		return false;
	/* Its own slice follows, or nobody else wants the time: no reason to disturb it. */
	charge(h, now);
	if (at != SLICES) {
		pay(h, h->slice[at].env);
		h->position = at + run_length(h, at) - 1;
	}
	h->slice_end = now + (at != SLICES ? run_length(h, at) : 1) * slice_ticks;
	e->uarea->slice_end = h->slice_end;
	slice_timer_set(h);
	return true;
}

void slice_timer(struct hart *h)
{
	struct env *e = h->current, *late;
	ticks_t now = look_after(h);

	h->pub->timer_interrupts++;
	if (e == NULL) {
		arch_timer_set(~0ul);		/* slice_pick() follows */
		return;
	}
	if (h->deferred || (e->uarea->events & EV_REVOCATION) != 0) {
		upcall_events(e, e->uarea->events & (h->deferred ? ~0ul : EV_REVOCATION));
		h->deferred = false;
	}
	if ((late = pct_late_caller(e, now)) != NULL && pct_abandon(late, -E_TIME)) {
		/* It gets its slice back, or what is left of it. */
		preempt(h);
		if (now < h->slice_end && env_take(late)) {
			hart_enter(h, late, late, h->slice_end);
			slice_timer_set(h);
		}
		return;
	}
	if (h->grace && now < h->slice_end + grace_ticks) {
		arch_timer_set(h->slice_end + grace_ticks);
		return;
	}
	if (!h->grace) {
		if (now < h->slice_end) {
			slice_timer_set(h);
			return;
		}
		if (run_on(h, next_position(h, now), now))
			return;
		if (e->handler[UP_SLICE_END] != 0 && e->uarea != &no_uarea) {
			e->slice_upcall = upcall_async(e, UP_SLICE_END);
			h->grace = true;
			arch_timer_set(h->slice_end + grace_ticks);
			return;
		}
		h->grace = true;		/* a long call at the end of its slice is charged as a grace is */
	}
	preempt(h);
}

void slice_told(struct hart *h)
{
	struct env *e = h->current;

	if (e == NULL)
		return;
	if (h->deferred)
		upcall_events(e, e->uarea->events);
	h->deferred = false;
	if (e->halt)
		preempt(h);
}

void slice_bind(struct hart *h, unsigned at, struct env *e, struct cap *by)
{
	struct slice *s = &h->slice[at];

	if (s->env != NULL)
		s->env->pub->slices.held--;
	slices_free += (s->env != NULL) - (e != NULL);
	s->env = e;
	s->by = by;
	h->pub->slice[at] = e != NULL ? e->id : 0;
	if (e != NULL)
		e->pub->slices.held++;
}

void slice_forget_env(struct env *e)
{
	for (unsigned i = 0; i < nharts && e->pub->slices.held > 0; i++)
		for (unsigned at = 0; at < SLICES; at++)
			if (harts[i].slice[at].env == e)
				slice_bind(&harts[i], at, NULL, NULL);
	revoke_freed(REVOKE_SLICES);
}

void slice_forget_cap(struct cap *c)
{
	struct hart *h = &harts[c->object];

	for (unsigned at = 0; at < SLICES; at++)
		if (h->slice[at].by == c)
			slice_bind(h, at, NULL, NULL);
	revoke_freed(REVOKE_SLICES);
}

/*
 * May the slices be bound anew through c? Those of nobody and those of the caller may; those of others only by whoever could
 * revoke what they were bound with. Counts those of nobody, and those that are not e's yet.
 */
static bool may_rebind(const struct env *self, const struct cap *c, unsigned first, unsigned count, const struct env *e, unsigned *unbound,
		       unsigned *more)
{
	const struct slice *s = &harts[c->object].slice[first];
	const struct cap *below = c;

	for (*unbound = *more = 0; count-- > 0; s++) {
		*more += s->env != e;
		if (s->env == NULL) {
			++*unbound;
		} else if (s->env != self && s->by != below) {
			if (!cap_descends(s->by, c))
				return false;
			below = s->by;
		}
	}
	return true;
}

long sys_slice_bind(struct env *self, unsigned long slot, unsigned long first, unsigned long count, unsigned long env)
{
	struct cap *c = cap_get(self, slot, CAP_SLICE);
	struct env *e = NULL, *acts;
	unsigned unbound, more;
	int err = 0;

	if (c == NULL)
		return -E_NOCAP;
	if (!(c->rights & RIGHT_BIND))
		return -E_RIGHTS;
	if (!cap_covers(c, first, count))
		return -E_INVAL;
	if (env != 0 && (e = env_operand(self, env, RIGHT_YIELD, &err)) == NULL)
		return err;

	if (!may_rebind(self, c, first, count, e, &unbound, &more))
		return -E_BUSY;
	if (e != NULL && !revoke_may_exceed(e, REVOKE_SLICES, more))
		return -E_QUOTA;
	/* Only who may act for it makes it wait, and takes what is kept for it. */
	acts = e == self ? self : env_operand(self, env, RIGHT_CONTROL, &err);
	if (e != NULL && (err = revoke_admit(acts, REVOKE_SLICES, unbound)) != 0)
		return err;

	for (unsigned at = first; at < first + count; at++)
		slice_bind(&harts[c->object], at, e, e != NULL ? c : NULL);
	if (e != NULL) {
		revoke_took(e, REVOKE_SLICES, acts != NULL ? unbound : 0);
		harts_kick(self->hart);
	}
	revoke_freed(REVOKE_SLICES);
	return 0;
}

/* The caller stops running, with what the call is to return; its registers were saved as after a function call. */
void env_give_up(struct env *self)
{
	self->x[10] = 0;
	if (self->slice_upcall && self->handler[UP_SLICE_BEGIN] != 0)
		self->x[0] = self->handler[UP_SLICE_BEGIN];
	self->slice_upcall = false;
	hart_leave(self->hart);
	self->resume = self->lean ? RESUME_LEAN : RESUME_FRAME;
	env_open(self);
}

long sys_yield(struct env *self, unsigned long env)
{
	struct hart *h = self->hart;
	struct env *to = NULL;
	bool in_grace = h->grace;
	int err;

	if (env != 0) {
		if ((to = env_operand(self, env, RIGHT_YIELD, &err)) == NULL)
			return err;
		if (to == self)
			return 0;
		if (to->state == ENV_STOPPED)
			return -E_DEAD;
		if (!env_runnable(to, arch_time()) || !env_take(to))
			return -E_BUSY;
		self->yield_slot = env;
		self->yield_env = to;
	}
	env_give_up(self);
	/* The rest of the slice is a gift only while there is a rest. */
	if (to != NULL && !in_grace) {
		hart_enter(h, to, to, h->slice_end);
		return 0;
	}
	if (to != NULL)
		env_open(to);
	slice_pick(h);
	return 0;
}
