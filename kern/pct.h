/*
 * pct.h - protected control transfer: processor and registers pass to another environment, at the entry which that one chose
 *
 * A transfer needs no kernel stack and no queue: the two records point at each other. caller->callee and callee->caller are set by
 * a call and cleared by the answer, a deadline, or the death of either side; callee->caller is the reply right, and there is one.
 *
 *	A: pct_call(B)		A.callee = B, B.caller = A, B runs on A's slice at its entry; A's gate stays shut
 *	B: pct_reply()		both links gone, A goes on behind its call, B is receptive again
 *
 * A callee may call on, so that those who wait for each other form a chain; the one at its end is the only one that can run, in the
 * slices of each of them. Chains have no circles, for whoever waits is not receptive.
 *
 * arch/riscv/entry.S has a short road for the plain case of each call; here is all of it. Next on the road: hart_pass(), slice.c.
 */
#ifndef KERN_PCT_H
#define KERN_PCT_H

#include "kern/env.h"
#include "kern/frame.h"

/*
 * A, which waits for an answer, gets an error instead; it may run when it is given time. Its callee keeps running. False: it is just
 * being answered.
 */
bool pct_abandon(struct env *a, long err);

/* e stops or ends: nobody waits for it any more. Returns who waited for its answer, NULL: nobody. */
struct env *pct_forget(struct env *e);

/* An ENV capability is not one any more: what its holder's transfers remember of it. */
static inline void pct_forget_cap(const struct cap *c)
{
	struct env *e = env_at(frame_of(kva_page(c))->parent);

	e->call_env = e->yield_env = e;
	e->call_slot = e->yield_slot = 0;
}

/* Of those who wait for e to answer, directly or not, the outermost whose deadline has passed; NULL: none. */
struct env *pct_late_caller(const struct env *e, ticks_t now);
/* The earliest deadline of those who wait for e, but not later than `end`. */
ticks_t pct_first_deadline(const struct env *e, ticks_t end);

#endif
