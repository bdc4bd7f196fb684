/*
 * revoke.h - visible revocation: what is lent is asked for, and taken when nobody answers
 *
 * There are pages, slices, and places in the classifier for filters. Whoever lacks one that it is promised waits in a queue (`wanted`, in
 * the public record). What is free is kept for those who wait, from the first on. For what is missing the environment that is
 * furthest above its guarantee is asked (`asked`): it answers by deleting capabilities of its choice, until it holds no more than `target`.
 * When its time is over the kernel takes, and tells the holder of each capability what became of it. The environment lives on.
 *
 *	not asked --- furthest above, something missing ---> asked --- deadline ---> a few are taken in each step
 *	    ^                                               |                          |
 *	    +---- holds no more than `target`, or nobody waits any more ---------------+
 *
 * revoke_step() is one step of all dialogues: it looks at each environment once, asks one, takes from one. It runs when one that waits
 * calls again, and at the timer, at the expense of the first that waits.
 * Source: Engler, Kaashoek, O'Toole, SOSP 1995, "Visible Resource Revocation", "The Abort Protocol".
 */
#ifndef KERN_REVOKE_H
#define KERN_REVOKE_H

#include "kern/charge.h"
#include "kern/env.h"

extern uint32_t revoke_open;		/* dialogues: environments that are asked, and one more for each kind that somebody waits for */
extern struct env *revoke_waiting[REVOKE_SHARES + 1];	/* the queues, by kind */

/* What is kept for others than e, which takes n: for those who wait before it, or for all when it does not wait for so many. */
uint32_t revoke_ahead(const struct env *e, unsigned kind, uint32_t n);
/*
 * May e come to have n more than it is promised, or pass n of its guarantee on? While somebody misses what it is promised only out of what it
 * does not use: or those who are asked would hand on what they have, or its guarantee, and never lose it.
 */
bool revoke_may_exceed(const struct env *e, unsigned kind, uint32_t n);
/* e waits for so many from now on; 0: for none. */
void revoke_want(struct env *e, unsigned kind, uint32_t n);
/* e has got n of what is free, or its guarantee has changed: it waits for so many less, and for no more than it is promised. */
void revoke_took_some(struct env *e, unsigned kind, uint32_t n);
static inline void revoke_took(struct env *e, unsigned kind, uint32_t n)
{
	if (share_of(e, kind)->wanted != 0)
		revoke_took_some(e, kind, n);
}
/* e lacks n that it is promised: it waits, and others are asked. -E_AGAIN; -E_NOMEM: it is promised none. */
int revoke_demand(struct env *e, unsigned kind, uint32_t n);
/*
 * May e take n of what is free? Slices and filters. 0; -E_QUOTA: they are kept for others, or not there; -E_AGAIN: they are promised to it, so it
 * waits for them now. NULL: somebody who waits for nothing, and is not made to.
 */
int revoke_admit(struct env *e, unsigned kind, uint32_t n);
void revoke_step(void);
/* Something has become free: is it enough for somebody? */
void revoke_grant(unsigned kind);
static inline void revoke_freed(unsigned kind)
{
	if (revoke_waiting[kind] != NULL)
		revoke_grant(kind);
}
/* A step, at the expense of the first that waits. */
void revoke_tick(struct hart *h);
/* e sleeps: if it waits for something, its time goes to the one that was asked last for such and has no slices. NULL: there is none. */
struct env *revoke_lent(const struct env *e);
/* The u-area of e is a new one. */
void revoke_tell(struct env *e);
/* Nothing is asked of e any more. */
void revoke_no_more(struct env *e);

#endif
