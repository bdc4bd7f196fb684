/*
 * charge.h - who pays for how many pages
 *
 * Each page that is used is charged to one environment. Each environment has a guarantee, a part of its parent's, and what it
 * has passed on to its children is theirs; what it holds above the rest is borrowed. At all times what is free covers what is
 * promised: the sum, over all environments, of what each has of its own and does not use yet.
 */
#ifndef KERN_CHARGE_H
#define KERN_CHARGE_H

#include "kern/env.h"

/* May `from` promise n more pages away? Considers what is free in the whole machine. */
bool env_can_promise(const struct env *from, uint32_t n);
void env_move_guarantee(struct env *from, struct env *to, uint32_t n);
/* Pages that e may still call its own right: its guarantee, less what its children have of it. */
static inline uint32_t env_own_guarantee(const struct env *e) { return e->pub->guarantee - e->pub->promised_on; }
/* Charge n pages to e, or give back. charge: false when neither guarantee nor borrowing allows it. */
bool env_charge(struct env *e, uint32_t n);
void env_uncharge(uint32_t id, uint32_t n);
/* The parent pays for one page instead of e; with it goes a page of guarantee, if e has one, so that nothing is promised twice. */
void env_charge_parent(struct env *e);
/* The call env_set(ENV_GUARANTEE). */
long env_set_guarantee(struct env *self, struct env *e, unsigned long pages);

#endif
