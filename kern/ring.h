/*
 * ring.h - packet rings, and the road between them and the network device
 *
 * The kernel's side of a ring fills one page; the shared side (exos/ring.h) is the owner's own memory, pinned. Packets are
 * written at interrupt time, whoever runs. A packet to send stays accounted in a slot of the transmit table, which holds its
 * pins until the device is done, whatever becomes of ring, capabilities and environment meanwhile.
 */
#ifndef KERN_RING_H
#define KERN_RING_H

#include "exos/ring.h"
#include "kern/env.h"
#include "kern/flow.h"
#include "kern/machine.h"

struct ring {
	struct env *owner;
	struct ring_shared *shared;	/* through the direct map */
	ppn_t shared_page;
	uint32_t event;
	uint32_t avail_next, used_idx, sent_idx;	/* ours; what the owner sees are copies */
	uint32_t in_flight;
	bool ending;			/* by force: no filter is bound to it any more */
	struct bound_filter *filters;
	ppn_t buffer[RING_SIZE];	/* 0: none */
};

/* A packet that the device has. ring NULL: its ring is gone. */
struct transmit {
	struct ring *ring;
	uint64_t cookie;
	uint16_t busy, npins;
	uint16_t next;			/* free list */
	ppn_t pin[SEND_SEGMENTS];
};

#define TRANSMITS 64u		/* what the device takes at most: NIC_TX_SLOTS */
extern struct transmit transmits[TRANSMITS];

static inline struct ring *ring_at(const struct cap *c) { return page_kva(c->object); }

/* Boot: look for a network device. pages: memory that the device may write, npages of it. */
void net_init(const struct machine *m, const ppn_t *pages, unsigned npages, uint64_t key);
/* Was it that of the network device? */
bool net_interrupt(unsigned irq);
/* Take back what the device has finished sending; called at every change of environment. */
void net_reap(void);
/* Is something being sent, whose end only net_reap() notices? */
bool net_busy(void);
/* Unbind filters, unpin buffers and the shared page. 0 done, 1 call again: more filters are left. */
int ring_end(ppn_t page);

#endif
