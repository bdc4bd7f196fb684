/*
 * revoke.h - visible revocation: pages that are lent are asked for, and taken when nobody answers
 *
 * Whoever lacks a page that it is promised waits in a queue (`wanted`, in the public record). Free frames are kept for those who wait,
 * from the first on. For what is missing the environment that is furthest above its guarantee is asked (`asked`): it answers by deleting
 * capabilities of its choice, until it holds no more than `target`. When its time is over the kernel takes frames, and tells each
 * holder of a capability which one it lost. The environment lives on.
 *
 *	not asked --- furthest above, frames missing ---> asked --- deadline ---> frames are taken, a few in each step
 *	    ^                                               |                          |
 *	    +---- holds no more than `target`, or nobody waits any more ---------------+
 *
 * revoke_step() is one step of all dialogues: it looks at each environment once, asks one, takes from one. It runs when one that waits
 * calls again, and at the timer, at the expense of the first that waits.
 * Source: Engler, Kaashoek, O'Toole, SOSP 1995, "Visible Resource Revocation", "The Abort Protocol".
 */
#ifndef KERN_REVOKE_H
#define KERN_REVOKE_H

#include "kern/env.h"

extern uint32_t revoke_open;		/* dialogues: environments that are asked, and one more when somebody waits */
extern struct env *revoke_waiting;	/* the queue */

/* Frames that are kept for others than e: for those who wait before it, or for all when it does not wait. */
uint32_t revoke_ahead(const struct env *e);
/* e waits for so many pages from now on; 0: for none. */
void revoke_want(struct env *e, uint32_t n);
/* e lacks a page that it is promised: it waits, and others are asked. -E_AGAIN; -E_NOMEM: it is promised none. */
int revoke_demand(struct env *e);
void revoke_step(void);
/* Frames have become free: are they enough for somebody? */
void revoke_freed(void);
/* A step, at the expense of the first that waits. */
void revoke_tick(struct hart *h);
/* e sleeps: if it waits for pages, its time goes to the one that was asked last and has no slices. NULL: there is none. */
struct env *revoke_lent(const struct env *e);
/* The u-area of e is a new one. */
void revoke_tell(struct env *e);
/* Nothing is asked of e any more. */
void revoke_no_more(struct env *e);

#endif
