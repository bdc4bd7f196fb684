/*
 * charge.h - who pays for how many pages, and what is promised to whom
 *
 * Each page that is used is charged to one environment. Each environment has a guarantee, a part of its parent's, and what it
 * has passed on to its children is theirs; what it holds above the rest is borrowed. What is promised, and not used yet, is the sum
 * over all environments of what each has of its own beyond what it holds. Anybody may borrow what is free beyond that; what is promised only
 * those may who have ENV_BORROW, and they give it back when it is asked for (revoke.h). Slices and places in the classifier are promised
 * in the same way; of these anybody may borrow what is free.
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
void env_move_guarantee(struct env *from, struct env *to, unsigned kind, uint32_t n);
/* What e is promised and has of a kind, enum revoke_kind. */
static inline struct exposed_share *share_of(const struct env *e, unsigned kind) { return &e->pub->share[kind - 1]; }
/* What can still be called one's own right: the guarantee, less what one's children have of it. */
static inline uint32_t share_own(const struct exposed_share *s) { return s->guarantee - s->promised_on; }
/* What one has of one's own and does not use yet. */
static inline uint32_t share_outstanding(const struct exposed_share *s) { return excess(share_own(s), s->held); }
/* The same of pages. */
static inline uint32_t env_own_guarantee(const struct env *e) { return share_own(share_of(e, REVOKE_PAGES)); }
static inline uint32_t env_outstanding(const struct env *e) { return share_outstanding(share_of(e, REVOKE_PAGES)); }
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
long env_set_guarantee(struct env *self, struct env *e, unsigned long n, unsigned long kind);

#endif
