/*
 * trace.h - the ring in which a hart keeps what it did
 *
 * While a hart is not traced, all this costs the short roads of entry.S nothing, for they know nothing of it: a traced hart has another
 * trap vector, from which every call comes through trace_call() and every exception by the slow road, where trace() is called. Its ring
 * is written by that hart alone, so without a lock.
 */
#ifndef KERN_TRACE_H
#define KERN_TRACE_H

#include "exos/trace.h"
#include "kern/slice.h"

/* The rings of all harts, trace_pages each; not cleared before somebody wants them. */
extern char *trace_rings;
struct trace_ring *trace_ring(const struct hart *h);

/* Let h, on which this runs, do what was asked for with trace_set(). */
void trace_follow(struct hart *h);
void trace_put(struct hart *h, enum trace_kind kind, uint32_t env, unsigned what, uint64_t value);

static inline void trace(struct hart *h, enum trace_kind kind, uint32_t env, unsigned what, uint64_t value)
{
	if (unlikely(h->trace != NULL))
		trace_put(h, kind, env, what, value);
}

/* What trap_traced in entry.S calls instead of syscall_full(), with any number. */
struct env *trace_call(struct env *self, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5,
		       unsigned long a6, unsigned long number);

#endif
