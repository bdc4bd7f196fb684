/*
 * revoke.c - who is asked for lent pages, and what is taken when it does not answer
 */
#include "kern/revoke.h"
#include "kern/charge.h"
#include "kern/ctx.h"
#include "kern/frame.h"
#include "kern/page.h"
#include "kern/shared.h"
#include "kern/slice.h"
#include "kern/syscall.h"
#include "kern/user.h"

#define ANSWER_SLICES	16	/* time of its own for an answer, */
#define ANSWER_PAGES	4	/* and a slice more for so many pages; */
#define ANSWER_WALL	4	/* so many times that, and a round of the vector, in wall time */
#define TAKE_BUDGET	32	/* capabilities that one step takes, */
#define SWEEP_BUDGET	4096	/* and frames that it looks at; */
#define OFFER_LOOKS	8	/* an entry of the victim's list counts as so many */

uint32_t revoke_open;
struct env *revoke_waiting;
static uint32_t asked_last;	/* number of the environment that was asked last */

/* ---- who waits ---- */

uint32_t revoke_ahead(const struct env *e)
{
	uint32_t n = 0;

	for (const struct env *w = revoke_waiting; w != NULL && w != e; w = w->want_next)
		n += w->pub->wanted;
	return n;
}

void revoke_want(struct env *e, uint32_t n)
{
	struct env **link = &revoke_waiting;
	const bool waited = revoke_waiting != NULL, more = n > e->pub->wanted;

	while (*link != NULL && *link != e)
		link = &(*link)->want_next;
	/* One that wants more goes to the end: those behind it may have been told that their pages are there. */
	if (*link == e && (more || n == 0)) {
		*link = e->want_next;
		e->want_next = NULL;
		while (*link != NULL)
			link = &(*link)->want_next;
	}
	if (more) {
		*link = e;
		e->granted = false;
	}
	system_info->wanted_frames += n - e->pub->wanted;	/* while it is not 0 each page is given on the long road */
	e->pub->wanted = n;
	revoke_open += (revoke_waiting != NULL) - waited;
}

void revoke_freed(void)
{
	uint32_t need = 0;

	for (struct env *w = revoke_waiting; w != NULL && (need += w->pub->wanted) <= system_info->free_frames; w = w->want_next)
		if (!w->granted) {
			w->granted = true;
			event_raise(w, EV_GRANT);
		}
}

int revoke_demand(struct env *e)
{
	if (e->pub->wanted == 0 && env_outstanding(e) != 0) {
		revoke_want(e, 1);
		revoke_step();
	}
	return e->pub->wanted != 0 ? -E_AGAIN : -E_NOMEM;
}

/* Frames that those who wait miss, and that are not on their way. */
static uint32_t missing(void)
{
	return excess(system_info->wanted_frames, system_info->free_frames + system_info->quarantined_frames);
}

/* ---- who is asked ---- */

/* Pages that e was asked for and still holds. Neither its guarantee nor what cannot be taken is asked for, even if they grew since. */
static uint32_t owed(const struct env *e)
{
	return e->pub->asked != 0 ? least(excess(e->pub->held, e->target), env_above(e)) : 0;
}

void revoke_tell(struct env *e)
{
	struct uarea *u = e->uarea;	/* what is written into the stand-in for one that has none is read by nobody */

	u->nlost = e->pub->lost;
	u->revoke.kind = REVOKE_NONE;
	if (e->pub->asked == 0)
		return;
	u->revoke = (struct revoke_request){
		.number = e->pub->requests, .kind = REVOKE_PAGES, .amount = owed(e),
		.time = e->answer_used - e->pub->used - e->guest, .deadline = e->answer_end,
	};
	event_raise(e, EV_REVOKE);
}

/* e is to give up n pages. end: when it is to have done so, 0: as usual. */
static void ask(struct env *e, uint32_t n, bool by_parent, ticks_t end)
{
	ticks_t now = arch_time(), time = end > now ? end - now : end != 0 ? 0 : (ANSWER_SLICES + n / ANSWER_PAGES) * slice_ticks;

	e->answer_end = end != 0 ? end : now + ANSWER_WALL * time + SLICES * slice_ticks;
	e->answer_used = e->pub->used + e->guest + time;
	e->pub->asked = n;
	e->pub->requests++;
	e->target = e->pub->held - n;
	e->by_parent = by_parent;
	e->take_cursor = 0;
	asked_last = e->id;
	revoke_open++;
	revoke_tell(e);
	if (arch_hart()->current != NULL && !arch_hart()->deferred)
		slice_timer_set(arch_hart());	/* the deadline is looked at once a slice */
}

void revoke_no_more(struct env *e)
{
	revoke_open -= e->pub->asked != 0;
	e->pub->asked = 0;
	revoke_tell(e);
}

struct env *revoke_lent(const struct env *e)
{
	struct env *to = e->pub->wanted != 0 ? env_find(asked_last) : NULL;

	return to != NULL && to->pub->asked != 0 && to->pub->nslices == 0 ? to : NULL;
}

/* ---- what is taken ---- */

/* The holder of c is told what it loses. The vector is written through the direct map, whatever its bindings have become. */
static void tell_lost(const struct cap *c, unsigned kind, uint64_t binding)
{
	struct env *holder = env_at(frame_of(kva_page(c))->parent);
	struct uarea *u = holder->uarea;
	unsigned n = 0;

	while (kva_page(holder->captab[n]) != kva_page(c))
		n++;
	u->lost[holder->pub->lost % LOST_MAX] = (struct repossession){
		.when = arch_time(), .kind = kind, .name = c->object, .slot = n * CAPS_PER_PAGE + (c - holder->captab[n]),
		.ctx = binding_root(binding), .va = binding_va(binding),
	};
	__atomic_store_n(&u->nlost, ++holder->pub->lost, __ATOMIC_RELEASE);	/* it may read on another hart now */
	event_raise(holder, EV_REPOSSESS);
}

/*
 * Take a frame from e, if it pays for it, it can be taken, and no more than `most` breaks: 0 no binding, 1 one, 2 any number. This is where a page goes to a disk block that
 * was named for it, once the kernel has disks: before its capabilities go.
 */
static bool take_frame(struct env *e, ppn_t ppn, unsigned most, unsigned *budget)
{
	struct frame *f = frame_of(ppn);
	const bool table = f->type == FRAME_TABLE;
	const struct cap *c = priv_of(ppn)->caps.head;
	const unsigned breaks = table || f->ncaps > 1 ? 2 : c != NULL && c->binding != 0;
	uint64_t place = 0;
	unsigned cost = table ? priv_of(ppn)->live : f->ncaps;

	if (f->owner != e->id || frame_fixed(ppn) || breaks > most)
		return false;
	if (table) {
		place = table_place(ppn);
		table_tear(ppn);	/* at once, for it is one of leaves */
	}
	for (; c != NULL; c = c->next)
		tell_lost(c, table ? REVOKE_TABLES : REVOKE_PAGES, table ? place : c->binding);
	frame_strip(ppn);
	if (f->pins > 0) {
		/* A device still reads it: nobody's from now on, and free when that is done. */
		env_uncharge(f->owner, 1);
		f->owner = 0;
		system_info->quarantined_frames++;
	} else {
		frame_release(ppn);
	}
	*budget -= cost < *budget ? cost : *budget;
	return true;
}

/*
 * The frame at a place of the order in which e loses: first what its own list names; then three times through its table from the last slot
 * down, so that what it gave low slots goes last, for what is bound nowhere, once, or more often; then all frames, for those whose
 * capabilities are elsewhere. 0: nothing is there. Moves on to the next place.
 */
static ppn_t in_turn(const struct env *e, uint32_t *place, unsigned *most)
{
	uint32_t at = *place, slot;
	const struct cap *c;

	*most = 2;
	if (at < OFFER_MAX && at < READ_SHARED(e->uarea->noffer) &&
	    user_read(e, &slot, READ_SHARED(e->uarea->offer) + sizeof(slot) * at, sizeof(slot)) == 0) {
		++*place;
		c = cap_get(e, slot, CAP_PAGE);
		return c != NULL ? c->object : 0;
	}
	at = at < OFFER_MAX ? 0 : at - OFFER_MAX;
	*place = at + OFFER_MAX + 1;
	if (at < 3 * e->nslots) {
		*most = at / e->nslots;
		c = cap_at(e, e->nslots - 1 - at % e->nslots);
		return c->type == CAP_PAGE || c->type == CAP_TABLE ? c->object : 0;
	}
	at += first_ppn - 3 * e->nslots;
	if (at == end_ppn - 1)
		*place = 0;
	return at;
}

/* Take a piece of what e owes. */
static void take(struct env *e)
{
	unsigned budget = TAKE_BUDGET, most;
	uint32_t left = e->by_parent ? owed(e) : least(owed(e), missing());

	for (int looks = SWEEP_BUDGET; left > 0 && budget > 0 && looks > 0; looks -= e->take_cursor < OFFER_MAX ? OFFER_LOOKS : 1) {
		ppn_t ppn = in_turn(e, &e->take_cursor, &most);

		left -= ppn != 0 && take_frame(e, ppn, most, &budget);
	}
}

void revoke_step(void)
{
	ticks_t now = arch_time();
	struct env *most = NULL, *late = NULL;
	uint32_t coming = 0;

	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		if (e->pub->asked != 0 && (owed(e) == 0 || (!e->by_parent && missing() == 0)))
			revoke_no_more(e);
		if (e->pub->asked == 0) {
			if (env_above(e) > (most != NULL ? env_above(most) : 0))
				most = e;
			continue;
		}
		coming += owed(e);
		/* One that cannot hear the question is not waited for. */
		if (now >= e->answer_end || e->pub->used + e->guest >= e->answer_used || e->uarea == &no_uarea)
			late = e;
	}
	if (late != NULL)
		take(late);
	if (most != NULL && missing() > coming)
		ask(most, least(missing() - coming, env_above(most)), false, 0);
	revoke_freed();
}

void revoke_tick(struct hart *h)
{
	struct exposed_env *first = revoke_waiting != NULL ? revoke_waiting->pub : NULL;
	ticks_t took = arch_time();

	revoke_step();
	took = arch_time() - took;
	h->since += took;
	h->slice_end += took;
	if (first != NULL)
		first->used += took;
}

/* ---- the call ---- */

long sys_env_ask(struct env *self, unsigned long env, unsigned long kind, unsigned long amount, unsigned long deadline)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);

	if (e == NULL)
		return err;
	if (kind != REVOKE_PAGES || (e == self && deadline != 0))
		return -E_INVAL;
	if (e == self) {
		if (amount > env_outstanding(self))
			return -E_QUOTA;
		revoke_want(self, amount);
		revoke_step();
		return amount == 0 || self->granted ? 0 : -E_AGAIN;
	}
	if (amount == 0 && e->by_parent)
		revoke_no_more(e);
	if (e->pub->asked != 0)
		return -E_BUSY;
	amount = amount < env_above(e) ? amount : env_above(e);
	if (amount != 0)
		ask(e, amount, true, deadline);
	return amount;
}
