/*
 * lock.h - the one lock, and how harts reach each other
 *
 * Whoever is in C code of the kernel holds it: fair, since tickets are served in order, and held for one call, interrupt or slow
 * exception. The short roads of entry.S take no lock: the null call, the dispatch of exceptions, transfers, yield. They touch what
 * belongs to their hart, and another environment only when they have shut its gate. So what they may still look at, the record
 * of an environment, is used for something else only after harts_gather().
 * A hart that waits for the lock has interrupts off, but the firmware answers fences for it.
 */
#ifndef KERN_LOCK_H
#define KERN_LOCK_H

#include "kern/lib.h"

struct hart;
struct env;

struct lock {
	uint32_t next, serving;
};
extern struct lock kernel_lock;		/* call_locked in entry.S knows it too */

void lock_take(struct hart *h);
/* Until it is the ticket's turn. */
void lock_wait(uint32_t ticket);
void lock_give(struct hart *h);

/* With the lock held: on return every other hart idles or waits for the lock, so none is on a short road. */
void harts_gather(struct hart *h);
/* Wake those harts that idle and have slices, for something may have become ready. */
void harts_kick(struct hart *h);

#endif
