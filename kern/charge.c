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
	if (unlikely(system_info->free_frames - n < revoke_ahead(e)))
		return own < n ? -E_QUOTA : n > 1 ? -E_NOMEM : revoke_demand(e);
	system_info->promised_frames -= own;
	e->pub->held += n;
	if (e->pub->wanted != 0)
		revoke_want(e, excess(e->pub->wanted, n));
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
	if (revoke_waiting != NULL)
		revoke_freed();
}

bool env_can_promise(const struct env *from, uint32_t n)
{
	uint32_t own = env_own_guarantee(from), before = env_outstanding(from), after;

	if (own < n)
		return false;
	after = excess(own - n, from->pub->held);
	if ((uint64_t)system_info->free_frames >= (uint64_t)system_info->promised_frames - before + after + n)
		return true;
	/* It is lent, or will be: what `from` holds beyond the rest of its guarantee it borrows from then on. */
	return from->pub->fixed <= own - n && (from->pub->held <= own - n || from->pub->held - (own - n) <= from->pub->borrow);
}

/* Nobody waits for more than it is promised. */
static void wants_less(struct env *e)
{
	if (e->pub->wanted > env_outstanding(e))
		revoke_want(e, env_outstanding(e));
}

void env_move_guarantee(struct env *from, struct env *to, uint32_t n)
{
	system_info->promised_frames -= env_outstanding(from) + env_outstanding(to);
	if (to->parent == from) {
		from->pub->promised_on += n;
		to->pub->guarantee += n;
	} else {
		from->pub->guarantee -= n;
		to->pub->promised_on -= n;
	}
	system_info->promised_frames += env_outstanding(from) + env_outstanding(to);
	wants_less(from);
	wants_less(to);
}

void env_charge_parent(struct env *e, bool fixed)
{
	if (env_own_guarantee(e) > 0)
		env_move_guarantee(e, e->parent, 1);
	system_info->promised_frames -= env_outstanding(e) + env_outstanding(e->parent);
	e->pub->held--;
	e->parent->pub->held++;
	e->pub->fixed -= fixed;
	e->parent->pub->fixed += fixed;
	system_info->promised_frames += env_outstanding(e) + env_outstanding(e->parent);
	wants_less(e->parent);
}

/* Its parent gives and takes; an environment itself gives up. What the first gives up is promised to nobody: it can be borrowed. */
long env_set_guarantee(struct env *self, struct env *e, unsigned long pages)
{
	uint32_t now = e->pub->guarantee;
	struct env *from = pages >= now ? e->parent : e, *to = pages >= now ? e : e->parent;
	unsigned long n = pages >= now ? pages - now : now - pages;

	if (e == self && (pages > now || pages < e->pub->promised_on))
		return -E_INVAL;
	if (e != self && e->parent != self)
		return -E_RIGHTS;
	if (e->parent == NULL) {
		system_info->promised_frames -= env_outstanding(e);
		e->pub->guarantee = pages;
		system_info->promised_frames += env_outstanding(e);
		wants_less(e);
		return 0;
	}
	if (pages > UINT32_MAX || pages < e->pub->promised_on || !env_can_promise(from, n))
		return -E_QUOTA;
	env_move_guarantee(from, to, n);
	return 0;
}
