/*
 * charge.c - who pays for how many pages, and what is promised to whom
 */
#include "kern/charge.h"
#include "kern/frame.h"

/* What e has of its own and does not use yet. The sum over all environments is promised_frames. */
static uint32_t outstanding(const struct env *e)
{
	uint32_t own = env_own_guarantee(e);

	return own > e->pub->held ? own - e->pub->held : 0;
}

bool env_charge(struct env *e, uint32_t n)
{
	uint32_t before = outstanding(e), after = before > n ? before - n : 0;

	/* What is free must still cover what is promised to everyone: so a guarantee is always there when it is asked for. */
	if (system_info->free_frames < n || system_info->free_frames - n < system_info->promised_frames - (before - after))
		return false;
	system_info->promised_frames -= before - after;
	e->pub->held += n;
	return true;
}

void env_uncharge(uint32_t id, uint32_t n)
{
	struct env *e = env_find(id);
	uint32_t before;

	if (e == NULL)
		return;
	before = outstanding(e);
	KASSERT(e->pub->held >= n);
	e->pub->held -= n;
	system_info->promised_frames += outstanding(e) - before;
}

bool env_can_promise(const struct env *from, uint32_t n)
{
	uint32_t own = env_own_guarantee(from), before = outstanding(from), after;

	if (own < n)
		return false;
	after = own - n > from->pub->held ? own - n - from->pub->held : 0;
	return (uint64_t)system_info->free_frames >= (uint64_t)system_info->promised_frames - before + after + n;
}

void env_move_guarantee(struct env *from, struct env *to, uint32_t n)
{
	system_info->promised_frames -= outstanding(from) + outstanding(to);
	if (to->parent == from) {
		from->pub->promised_on += n;
		to->pub->guarantee += n;
	} else {
		from->pub->guarantee -= n;
		to->pub->promised_on -= n;
	}
	system_info->promised_frames += outstanding(from) + outstanding(to);
}

void env_charge_parent(struct env *e)
{
	if (env_own_guarantee(e) > 0)
		env_move_guarantee(e, e->parent, 1);
	system_info->promised_frames -= outstanding(e) + outstanding(e->parent);
	e->pub->held--;
	e->parent->pub->held++;
	system_info->promised_frames += outstanding(e) + outstanding(e->parent);
}

/* A guarantee moves between an environment and its parent. What the first gives up, who has none, can be borrowed by all. */
long env_set_guarantee(struct env *self, struct env *e, unsigned long pages)
{
	uint32_t now = e->pub->guarantee;

	if (e != self && e->parent != self)
		return -E_RIGHTS;
	if (e == self && (pages > now || pages < e->pub->promised_on))
		return -E_INVAL;
	if (e->parent == NULL) {
		system_info->promised_frames -= outstanding(e);
		e->pub->guarantee = pages;
		system_info->promised_frames += outstanding(e);
		return 0;
	}
	if (pages > now) {
		if (pages > UINT32_MAX || !env_can_promise(e->parent, pages - now))
			return -E_QUOTA;
		env_move_guarantee(e->parent, e, pages - now);
		return 0;
	}
	if (pages < e->pub->promised_on || !env_can_promise(e, now - pages))
		return -E_QUOTA;
	env_move_guarantee(e, e->parent, now - pages);
	return 0;
}
