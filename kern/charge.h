/*
 * charge.h - who pays for how many pages
 *
 * Each page that is used is charged to one environment. Each environment has a guarantee, a part of its parent's, and what it
 * has passed on to its children is theirs; what it holds above the rest is borrowed. What is promised, and not used yet, is the sum
 * over all environments of what each has of its own beyond what it holds. Anybody may borrow what is free beyond that; what is promised only
 * those may who have ENV_BORROW, and they give it back when it is asked for (revoke.h).
 *
 * So that it can be had back, what is not taken is fixed within the guarantee, or in what nobody was promised: let slack be all frames
 * less all guarantees; then the sum of max(0, fixed - own guarantee) is no more than slack. As long as what is free covers what is
 * promised this is so by itself.
 */
#ifndef KERN_CHARGE_H
#define KERN_CHARGE_H

#include "kern/env.h"

/* May `from` promise n more pages away? Considers what is free in the whole machine. */
bool env_can_promise(const struct env *from, uint32_t n);
void env_move_guarantee(struct env *from, struct env *to, uint32_t n);
/* Pages that e may still call its own right: its guarantee, less what its children have of it. */
static inline uint32_t env_own_guarantee(const struct env *e) { return e->pub->guarantee - e->pub->promised_on; }
/* What e has of its own and does not use yet. */
static inline uint32_t env_outstanding(const struct env *e) { return excess(env_own_guarantee(e), e->pub->held); }
/* Pages that can be asked of e: beyond its guarantee, and not fixed. */
static inline uint32_t env_above(const struct env *e)
{
	return least(excess(e->pub->held, env_own_guarantee(e)), excess(e->pub->held, e->pub->fixed));
}
/* May n more pages of e become such as are not taken? */
bool env_may_fix(const struct env *e, uint32_t n);
/*
 * Charge n free pages to e, or give back. charge: 0; -E_QUOTA: neither guarantee nor borrowing allows it; -E_AGAIN, -E_NOMEM: what is free is
 * kept for others.
 */
int env_charge(struct env *e, uint32_t n);
void env_uncharge(uint32_t id, uint32_t n);
/* The parent pays for one page instead of e; with it goes a page of guarantee, if e has one, so that nothing is promised twice. */
void env_charge_parent(struct env *e, bool fixed);
/* The call env_set(ENV_GUARANTEE). */
long env_set_guarantee(struct env *self, struct env *e, unsigned long pages);

#endif
