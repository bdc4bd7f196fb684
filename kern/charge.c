/*
 * charge.c - who pays for how many pages, and what is promised to whom
 */
#include "kern/charge.h"
#include "kern/frame.h"
#include "kern/revoke.h"

bool env_may_fix(const struct env *e, uint32_t n)
{
	return e->pub->fixed + n <= env_own_guarantee(e) || system_info->promised_frames <= system_info->free_frames;
}

int env_charge(struct env *e, uint32_t n)
{
	uint32_t own = least(env_outstanding(e), n);
	uint64_t above = (uint64_t)e->pub->held + n - env_own_guarantee(e);

	/* What is borrowed leaves enough for all that is promised, or is asked for when that is needed. Larger pages are fixed: not so. */
	if (own < n && system_info->free_frames - n < system_info->promised_frames - own && (n > 1 || above > e->pub->borrow))
		return -E_QUOTA;
	if (unlikely(revoke_waiting[REVOKE_PAGES] != NULL) && system_info->free_frames - n < revoke_ahead(e, REVOKE_PAGES, n))
		return own < n ? -E_QUOTA : n > 1 ? -E_NOMEM : revoke_demand(e, REVOKE_PAGES, 1);
	system_info->promised_frames -= own;
	e->pub->held += n;
	revoke_took(e, REVOKE_PAGES, n);
	return 0;
}

void env_uncharge(uint32_t id, uint32_t n)
{
	struct env *e = env_find(id);
	uint32_t before;

	if (e == NULL)
		return;
	before = env_outstanding(e);
	KASSERT(e->pub->held >= n);
	e->pub->held -= n;
	system_info->promised_frames += env_outstanding(e) - before;
	revoke_freed(REVOKE_PAGES);
}

bool env_can_promise(const struct env *from, uint32_t n)
{
	uint32_t own = env_own_guarantee(from), before = env_outstanding(from), after;

	if (own < n || !revoke_may_exceed(from, REVOKE_PAGES, n))
		return false;
	after = excess(own - n, from->pub->held);
	if ((uint64_t)system_info->free_frames >= (uint64_t)system_info->promised_frames - before + after + n)
		return true;
	/* It is lent, or will be: what `from` holds beyond the rest of its guarantee it borrows from then on. */
	return from->pub->fixed <= own - n && (from->pub->held <= own - n || from->pub->held - (own - n) <= from->pub->borrow);
}

void env_move_guarantee(struct env *from, struct env *to, unsigned kind, uint32_t n)
{
	struct exposed_share *f = share_of(from, kind), *t = share_of(to, kind);

	system_info->promised_frames -= env_outstanding(from) + env_outstanding(to);
	if (to->parent == from) {
		f->promised_on += n;
		t->guarantee += n;
	} else {
		f->guarantee -= n;
		t->promised_on -= n;
	}
	system_info->promised_frames += env_outstanding(from) + env_outstanding(to);
	revoke_took(from, kind, 0);
	revoke_took(to, kind, 0);
}

void env_charge_parent(struct env *e, bool fixed)
{
	if (env_own_guarantee(e) > 0)
		env_move_guarantee(e, e->parent, REVOKE_PAGES, 1);
	system_info->promised_frames -= env_outstanding(e) + env_outstanding(e->parent);
	e->pub->held--;
	e->parent->pub->held++;
	e->pub->fixed -= fixed;
	e->parent->pub->fixed += fixed;
	system_info->promised_frames += env_outstanding(e) + env_outstanding(e->parent);
	revoke_took(e->parent, REVOKE_PAGES, 0);
}

/* Its parent gives and takes; an environment itself gives up. What the first gives up is promised to nobody: it can be borrowed. */
long env_set_guarantee(struct env *self, struct env *e, unsigned long n, unsigned long kind)
{
	struct exposed_share *s;
	struct env *from, *to;
	uint32_t moved;

	kind += kind == REVOKE_NONE;
	if (kind > REVOKE_FILTERS)
		return -E_INVAL;
	s = share_of(e, kind);
	if (e == self && (n > s->guarantee || n < s->promised_on))
		return -E_INVAL;
	if (e != self && e->parent != self)
		return -E_RIGHTS;
	if (e->parent == NULL) {
		system_info->promised_frames -= env_outstanding(e);
		s->guarantee = n;
		system_info->promised_frames += env_outstanding(e);
		revoke_took(e, kind, 0);
		return 0;
	}
	if (n > UINT32_MAX || n < s->promised_on)
		return -E_QUOTA;
	from = n >= s->guarantee ? e->parent : e;
	to = n >= s->guarantee ? e : e->parent;
	moved = n >= s->guarantee ? n - s->guarantee : s->guarantee - n;
	if (kind == REVOKE_PAGES ? !env_can_promise(from, moved) : share_own(share_of(from, kind)) < moved || !revoke_may_exceed(from, kind, moved))
		return -E_QUOTA;
	env_move_guarantee(from, to, kind, moved);
	return 0;
}
