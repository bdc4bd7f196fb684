/*
 * flow.h - who may receive and send which packets
 *
 * A flow capability names a page with two predicates: packets that may be received under it, and packets that may be sent.
 * All flow capabilities form one derivation list; a derived flow has a page of its own and lies one level below its source,
 * whose predicates its own imply. A filter is bound under a flow capability and goes when that one goes.
 */
#ifndef KERN_FLOW_H
#define KERN_FLOW_H

#include "kern/cap.h"
#include "kern/filter.h"

struct ring;

struct flow {
	struct predicate receive, send;
	bool shared;		/* declared FLOW_SHARED, or below one that was */
	uint16_t rank;		/* of that declaration */
};

/* The page of a FILTER capability. */
struct bound_filter {
	struct filter filter;
	struct env *owner;			/* whose places in the classifier it takes */
	struct cap *flow;			/* NULL: unbound, waits for its owner to end it */
	struct ring *ring;
	struct bound_filter *flow_next, **flow_link;	/* others under the same flow capability */
	struct bound_filter *ring_next, **ring_link;	/* others into the same ring */
};

#define PLACES_BORROWED	8	/* places in the classifier that an environment may have beyond its guarantee */

extern struct cap_list flow_caps;
extern struct classifier classifier;

/* Boot: make c, whose page is claimed as KOBJ, the root flow of the machine: everything. */
void flow_root(struct cap *c);
#define FILTER_BUDGET 64	/* filters that one call unbinds */
/* Unbind filters under a flow capability, at most *budget, which shrinks by as many. True when none is left. */
bool flow_forget_cap(struct cap *c, unsigned *budget);
/* The last capability of a flow's page is gone: the page is ordinary memory again. */
void flow_page_end(ppn_t page);
/* c, the only capability of its flow and without filters, becomes a PAGE. */
void flow_end(struct cap *c);
/* Take the filter in a page out of the classifier, if it still is there. */
void filter_end(ppn_t page);
void filter_unbind(struct bound_filter *b);

#endif
