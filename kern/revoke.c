/*
 * revoke.c - who is asked for what is lent, and what is taken when it does not answer
 */
#include "kern/revoke.h"
#include "kern/ctx.h"
#include "kern/flow.h"
#include "kern/frame.h"
#include "kern/page.h"
#include "kern/ring.h"
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
struct env *revoke_waiting[REVOKE_SHARES + 1];
static uint32_t wanted[REVOKE_SHARES + 1];	/* by all that wait, by kind */
static uint32_t asked_last[REVOKE_SHARES + 1];	/* number of the environment that was asked last, but by its parent, by kind */
static uint32_t taken_last;	/* index of the one that was taken from last */

/* ---- who waits ---- */

uint32_t revoke_ahead(const struct env *e, unsigned kind, uint32_t n)
{
	uint32_t kept = 0;

	for (const struct env *w = revoke_waiting[kind]; w != NULL && (w != e || share_of(w, kind)->wanted < n); w = w->want_next[kind])
		kept += w != e ? share_of(w, kind)->wanted : 0;
	return kept;
}

void revoke_want(struct env *e, unsigned kind, uint32_t n)
{
	struct exposed_share *s = share_of(e, kind);
	struct env **link = &revoke_waiting[kind];
	const bool waited = *link != NULL, more = n > s->wanted;

	while (*link != NULL && *link != e)
		link = &(*link)->want_next[kind];
	/* One that wants more goes to the end: those behind it may have been told that what they wait for is there. */
	if (*link == e && (more || n == 0)) {
		*link = e->want_next[kind];
		e->want_next[kind] = NULL;
		while (*link != NULL)
			link = &(*link)->want_next[kind];
	}
	if (more) {
		*link = e;
		e->granted &= ~(1u << kind);
	}
	wanted[kind] += n - s->wanted;
	system_info->wanted_frames = wanted[REVOKE_PAGES];	/* while it is not 0 each page is given on the long road */
	s->wanted = n;
	revoke_open += (revoke_waiting[kind] != NULL) - waited;
}

void revoke_took_some(struct env *e, unsigned kind, uint32_t n)
{
	const struct exposed_share *s = share_of(e, kind);

	revoke_want(e, kind, least(excess(s->wanted, n), share_outstanding(s)));
}

static uint32_t free_of(unsigned kind)
{
	switch (kind) {
	case REVOKE_PAGES:
		return system_info->free_frames;
	case REVOKE_SLICES:
		return slices_free;
	case REVOKE_FILTERS:
		return classifier_room(&classifier);
	default:
		return 0;
	}
}

void revoke_grant(unsigned kind)
{
	uint32_t need = 0;

	for (struct env *w = revoke_waiting[kind]; w != NULL && (need += share_of(w, kind)->wanted) <= free_of(kind); w = w->want_next[kind])
		if (!(w->granted & 1u << kind)) {
			w->granted |= 1u << kind;
			event_raise(w, EV_GRANT);
		}
}

int revoke_demand(struct env *e, unsigned kind, uint32_t n)
{
	const struct exposed_share *s = share_of(e, kind);

	if (s->wanted < n && share_outstanding(s) >= n) {
		revoke_want(e, kind, n);
		revoke_step();
	}
	return s->wanted != 0 ? -E_AGAIN : -E_NOMEM;
}

int revoke_admit(struct env *e, unsigned kind, uint32_t n)
{
	if (n == 0 || free_of(kind) >= n + revoke_ahead(e, kind, n))
		return 0;
	return e == NULL || share_outstanding(share_of(e, kind)) < n ? -E_QUOTA : revoke_demand(e, kind, n);
}

/* What those who wait miss, and what is not on its way. */
static uint32_t missing(unsigned kind)
{
	return excess(wanted[kind], free_of(kind) + (kind == REVOKE_PAGES ? system_info->quarantined_frames : 0));
}

bool revoke_may_exceed(const struct env *e, unsigned kind, uint32_t n)
{
	return n <= share_outstanding(share_of(e, kind)) || missing(kind) == 0;
}

/* ---- who is asked ---- */

/* What can be asked of e. */
static uint32_t above(const struct env *e, unsigned kind)
{
	const struct exposed_share *s = share_of(e, kind);

	return kind == REVOKE_PAGES ? env_above(e) : excess(s->held, share_own(s));
}

/* What e was asked for and still holds. Neither its guarantee nor what cannot be taken is asked for, even if they grew since. */
static uint32_t owed(const struct env *e)
{
	const unsigned kind = e->pub->asked_kind;

	return e->pub->asked != 0 ? least(excess(share_of(e, kind)->held, e->target), above(e, kind)) : 0;
}

/* What is to be had from e: its parent wants all that it owes, others what they still miss. */
static uint32_t due(const struct env *e)
{
	return e->by_parent ? owed(e) : least(owed(e), missing(e->pub->asked_kind));
}

void revoke_tell(struct env *e)
{
	struct uarea *u = e->uarea;	/* what is written into the stand-in for one that has none is read by nobody */

	u->nlost = e->pub->lost;
	u->revoke.kind = REVOKE_NONE;
	if (e->pub->asked == 0)
		return;
	u->revoke = (struct revoke_request){
		.number = e->pub->requests, .kind = e->pub->asked_kind, .amount = owed(e),
		.time = e->answer_used - e->pub->used - e->guest, .deadline = e->answer_end,
	};
	event_raise(e, EV_REVOKE);
}

/* e is to give up n of a kind. end: when it is to have done so, 0: as usual. */
static void ask(struct env *e, unsigned kind, uint32_t n, bool by_parent, ticks_t end)
{
	ticks_t now = arch_time(), time = end > now ? end - now : end != 0 ? 0 : (ANSWER_SLICES + n / ANSWER_PAGES) * slice_ticks;

	e->answer_end = end != 0 ? end : now + ANSWER_WALL * time + SLICES * slice_ticks;
	e->answer_used = e->pub->used + e->guest + time;
	revoke_open += e->pub->asked == 0;
	e->pub->asked = n;
	e->pub->asked_kind = kind;
	e->pub->requests++;
	e->target = share_of(e, kind)->held - n;
	e->by_parent = by_parent;
	e->take_cursor = 0;
	if (!by_parent) {
		asked_last[kind] = e->id;
		e->asked_before = kind;
	}
	revoke_tell(e);
	if (arch_hart()->current != NULL && !arch_hart()->deferred)
		slice_timer_set(arch_hart());	/* the deadline is looked at once a slice */
}

void revoke_no_more(struct env *e)
{
	revoke_open -= e->pub->asked != 0;
	e->pub->asked = e->pub->asked_kind = 0;
	revoke_tell(e);
}

struct env *revoke_lent(const struct env *e)
{
	for (unsigned kind = REVOKE_PAGES; kind <= REVOKE_SHARES; kind++) {
		struct env *to = share_of(e, kind)->wanted != 0 ? env_find(asked_last[kind]) : NULL;

		if (to != NULL && to->pub->asked_kind == kind && !to->by_parent && to->pub->slices.held == 0)
			return to;
	}
	return NULL;
}

/* ---- what is taken ---- */

/* e, which holds c, is told what it loses. The vector is written through the direct map, whatever its bindings have become. */
static void tell_lost(struct env *e, const struct cap *c, unsigned kind, uint32_t name, uint64_t binding)
{
	struct uarea *u = e->uarea;
	const unsigned n = c != NULL ? priv_of(kva_page(c))->index : 0;

	u->lost[e->pub->lost % LOST_MAX] = (struct repossession){
		.when = arch_time(), .kind = kind, .name = name, .slot = c != NULL ? n * CAPS_PER_PAGE + (c - e->captab[n]) : 0,
		.ctx = binding_root(binding), .va = binding_va(binding),
	};
	__atomic_store_n(&u->nlost, ++e->pub->lost, __ATOMIC_RELEASE);	/* it may read on another hart now */
	event_raise(e, EV_REPOSSESS);
}

static struct env *holder(const struct cap *c)
{
	return env_at(frame_of(kva_page(c))->parent);
}

/* Can the frame be taken from e, who pays for it, without breaking more than `most`: 0 no binding, 1 one, 2 any number? */
static bool takeable(const struct env *e, ppn_t ppn, unsigned most)
{
	const struct frame *f = frame_of(ppn);
	const struct cap *c = priv_of(ppn)->caps.head;

	return f->owner == e->id && (most == 2 || (f->type != FRAME_TABLE && f->ncaps <= 1 && (c == NULL || c->binding == 0 || most == 1))) &&
	       !frame_fixed(ppn);
}

/* This is where a page goes to a disk block that was named for it, once the kernel has disks: before its capabilities go. */
static noinline bool take_frame(ppn_t ppn, unsigned *budget)
{
	struct frame *f = frame_of(ppn);
	const bool table = f->type == FRAME_TABLE;
	const struct cap *c = priv_of(ppn)->caps.head;
	uint64_t place = 0;
	unsigned cost = table ? priv_of(ppn)->live : f->ncaps;

	if (table) {
		place = table_place(ppn);
		table_tear(ppn);	/* at once, for it is one of leaves */
	}
	for (; c != NULL; c = c->next)
		tell_lost(holder(c), c, table ? REVOKE_TABLES : REVOKE_PAGES, ppn, table ? place : c->binding);
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

/* A slice of e, bound through c or, NULL, through any capability. */
static bool take_slice(struct env *e, struct hart *h, unsigned at, const struct cap *c, unsigned *budget)
{
	const struct cap *by = h->slice[at].by;

	if (h->slice[at].env != e || (c != NULL && by != c))
		return false;
	tell_lost(e, holder(by) == e ? by : NULL, REVOKE_SLICES, h->index * SLICES + at, 0);
	slice_bind(h, at, NULL, NULL);
	--*budget;
	return true;
}

/* What e holds through c, which is not a page, if it is of the kind that is asked for. Filters and rings end, and their pages stay. */
static noinline bool take_object(struct env *e, struct cap *c, unsigned *budget)
{
	const unsigned kind = e->pub->asked_kind;
	ppn_t page = c->object;

	switch (c->type) {
	case CAP_SLICE:
		for (unsigned at = c->binding >> 32, end = at + (uint32_t)c->binding; kind == REVOKE_SLICES && at < end; at++)
			if (take_slice(e, &harts[page], at, c, budget)) {
				e->take_cursor--;	/* there may be more */
				return true;
			}
		return false;
	case CAP_FILTER:
		if (kind != REVOKE_FILTERS || ((struct bound_filter *)page_kva(page))->flow == NULL)
			return false;
		filter_end(page);
		break;
	case CAP_RING:
		if (kind != REVOKE_RINGS)
			return false;
		ring_at(c)->ending = true;
		*budget = 1;			/* enough for this step */
		if (ring_end(page) != 0) {
			*budget = 0;
			e->take_cursor--;
			return false;
		}
		break;
	default:
		return false;
	}
	page_unclaim(c);
	tell_lost(e, c, kind, page, 0);
	--*budget;
	return true;
}

static bool take_cap(struct env *e, struct cap *c, unsigned most, unsigned *budget)
{
	if (e->pub->asked_kind != REVOKE_PAGES)
		return take_object(e, c, budget);
	return (c->type == CAP_PAGE || c->type == CAP_TABLE) && takeable(e, c->object, most) && take_frame(c->object, budget);
}

/*
 * Look at the next place in the order in which e loses. First what its own list names. Then slices from the last one of the last hart down;
 * filters and rings in its table, from the last slot down, so that what it gave low slots goes last; pages in the same order three times, for what is
 * bound nowhere, once, or more often, and then in all frames, for those whose capabilities are elsewhere. True: it was taken.
 */
static bool take_next(struct env *e, unsigned *budget)
{
	const unsigned kind = e->pub->asked_kind, passes = kind == REVOKE_PAGES ? 3 : 1;
	uint32_t at = e->take_cursor++, slot;
	struct cap *c;

	if (at < OFFER_MAX) {
		if (at < READ_SHARED(e->uarea->noffer) &&
		    user_read(e, &slot, READ_SHARED(e->uarea->offer) + sizeof(slot) * at, sizeof(slot)) == 0)
			return (c = cap_slot(e, slot)) != NULL && take_cap(e, c, 2, budget);
		e->take_cursor = OFFER_MAX;
		return false;
	}
	at -= OFFER_MAX;
	if (kind == REVOKE_SLICES && at < nharts * SLICES) {
		at = nharts * SLICES - 1 - at;
		return take_slice(e, &harts[at / SLICES], at % SLICES, NULL, budget);
	}
	if (kind != REVOKE_SLICES && at < passes * e->nslots)
		return take_cap(e, cap_at(e, e->nslots - 1 - at % e->nslots), passes == 1 ? 2 : at / e->nslots, budget);
	at += first_ppn - passes * e->nslots;
	if (kind != REVOKE_PAGES || at >= end_ppn - 1)
		e->take_cursor = 0;
	/* There may be no such frame: while e is ended its slots go, and those that were looked at count as frames. */
	return kind == REVOKE_PAGES && frame_exists(at) && takeable(e, at, 2) && take_frame(at, budget);
}

/* Take a piece of what e owes. */
static void take(struct env *e)
{
	unsigned budget = TAKE_BUDGET;
	uint32_t left = due(e);

	for (int looks = SWEEP_BUDGET; left > 0 && budget > 0 && looks > 0; looks -= e->take_cursor < OFFER_MAX ? OFFER_LOOKS : 1)
		if (take_next(e, &budget))
			left = due(e);
	revoke_freed(e->pub->asked_kind);
}

static uint32_t index_of(const struct env *e) { return e->id & ENV_INDEX_MASK; }

/* Its parent may be in no hurry: what it asks for keeps nobody from asking, and ends with that. */
static bool may_ask(const struct env *e) { return e->pub->asked == 0 || e->by_parent; }

void revoke_step(void)
{
	ticks_t now = arch_time();
	struct env *most[REVOKE_SHARES + 1] = { NULL }, *late = NULL;
	uint32_t coming[REVOKE_SHARES + 1] = { 0 };

	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		if (e->pub->asked != 0 && due(e) == 0)
			revoke_no_more(e);
		for (unsigned kind = REVOKE_PAGES; may_ask(e) && kind <= REVOKE_SHARES; kind++)
			if (above(e, kind) > (most[kind] != NULL ? above(most[kind], kind) : 0))
				most[kind] = e;
		if (e->pub->asked == 0)
			continue;
		if (!e->by_parent)
			coming[e->pub->asked_kind] += owed(e);
		/* One that cannot hear the question is not waited for. Those who are late lose in turn. */
		if ((now >= e->answer_end || e->pub->used + e->guest >= e->answer_used || e->uarea == &no_uarea) &&
		    (late == NULL || (index_of(late) <= taken_last && index_of(e) > taken_last)))
			late = e;
	}
	if (late != NULL) {
		taken_last = index_of(late);
		take(late);
	}
	/* One that several kinds are wanted of is asked for each of them in turn. */
	for (unsigned n = 0; n < REVOKE_SHARES; n++)
		for (unsigned kind = REVOKE_PAGES; kind <= REVOKE_SHARES; kind++) {
			struct env *e = most[kind];
			uint32_t ask_for = e != NULL ? least(excess(missing(kind), coming[kind]), above(e, kind)) : 0;

			if (ask_for != 0 && may_ask(e) && (kind + REVOKE_SHARES - 1 - e->asked_before) % REVOKE_SHARES == n)
				ask(e, kind, ask_for, false, 0);
		}
	for (unsigned kind = REVOKE_PAGES; kind <= REVOKE_SHARES; kind++)
		revoke_freed(kind);
}

void revoke_tick(struct hart *h)
{
	struct env *first = NULL;
	ticks_t took = arch_time();

	for (unsigned kind = REVOKE_SHARES; kind >= REVOKE_PAGES; kind--)
		first = revoke_waiting[kind] != NULL ? revoke_waiting[kind] : first;

	revoke_step();
	took = arch_time() - took;
	h->since += took;
	h->slice_end += took;
	if (first != NULL)
		first->pub->used += took;
}

/* ---- the call ---- */

long sys_env_ask(struct env *self, unsigned long env, unsigned long kind, unsigned long amount, unsigned long deadline)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);

	if (e == NULL)
		return err;
	if (kind < REVOKE_PAGES || kind > REVOKE_SHARES || (e == self && deadline != 0))
		return -E_INVAL;
	if (e == self) {
		if (amount > share_outstanding(share_of(self, kind)))
			return -E_QUOTA;
		revoke_want(self, kind, amount);
		revoke_step();
		revoke_freed(kind);
		return amount == 0 || (self->granted & 1u << kind) ? 0 : -E_AGAIN;
	}
	if (amount == 0 && e->by_parent)
		revoke_no_more(e);
	if (e->pub->asked != 0)
		return -E_BUSY;
	amount = amount < above(e, kind) ? amount : above(e, kind);
	if (amount != 0)
		ask(e, kind, amount, true, deadline);
	return amount;
}
