/*
 * object.h - the end of a kernel object: its page goes back to the capability that gave it
 */
#ifndef KERN_OBJECT_H
#define KERN_OBJECT_H

#include "kern/cap.h"

/*
 * Take a piece of the object of c apart: CTX, ENV, RING, FLOW or FILTER, c being its only capability.
 * force: its holder is being destroyed: users of the object are stopped instead of being an obstacle.
 * Returns 0: done, c is a PAGE now; 1: call again; -E_BUSY: in use.
 */
int object_end_step(struct cap *c, bool force);

#endif
