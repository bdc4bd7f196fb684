/*
 * netif/netif.h - a program's own end of the network: one packet ring, some flows, and the stack above them
 *
 *	struct netif_ring *ring;		the ring and its buffers, pages of this program
 *	struct net *net;			the stack (net/net.h) over it
 *
 *	netif_open(&ring, 32);
 *	netif_await_address(ring, deadline);	somebody else obtains the address: see net_page.h
 *	netif_grants(ring);			bind every flow that the parent gave
 *	net_config_default(&cfg); ...; netif_start(ring, &cfg, &net);
 *	for (;;) {
 *		netif_wait(ring, net, 0, NET_NEVER);
 *		while (net_next_event(net, &ev)) ...
 *	}
 *
 * Packets come into pages of the program, are read there by the stack and offered to the kernel again. What the program sends
 * leaves from where it lies: payload is never copied, as long as it lies in pages of 4 KiB that the library knows (image, heap,
 * vm_map()); elsewhere it goes through one of a few pages that are kept for this.
 *
 * When the kernel wants places in the packet classifier, memory, or the ring back (revoke.h), the interface answers: with flows, the least
 * important first (netif_set_worth()), buffers, its ring. A flow that was given up or taken is bound again, by netif_wait(), as soon
 * as there is a place; until then its packets do not come, and netif_error() says why. Without a ring the interface is down: what is
 * sent is counted as refused, nothing comes, and netif_up() makes it anew.
 *
 * Flows come as grants named "flow.arp", "flow.icmp", "flow.dhcp", "flow.tcpN", "flow.udpN". A filter is bound for what the name
 * says, narrowed to the machine's address once that is known.
 */
#ifndef NETIF_NETIF_H
#define NETIF_NETIF_H

#include <stdbool.h>
#include <stdint.h>

#include "exos/flow.h"
#include "net/net.h"
#include "netif/flows.h"

struct netif_ring;

/*
 * Make the ring: buffers (1..RING_SIZE) pages for packets, and the pages that ring and transmission need, all out of the
 * program's guarantee. One per program is the idea; each takes an event bit. Returns 0 or a negative E_* code.
 */
int netif_open(struct netif_ring **out, unsigned int buffers);

/*
 * Receive under a flow and send under it. spec: what flow_spec_*() makes; its receive predicate becomes the filter, its send
 * predicate tells which packets are sent under this flow.
 * Returns 0 or a negative E_* code: those of filter_bind(), E_LIMIT: NETIF_FLOWS are there already; E_NODEV: the interface is down.
 * A place in the classifier that is promised, and that others have, it waits for, two seconds at most. netif_strerror() says what an
 * error means.
 */
#define NETIF_FLOWS 16
int netif_flow(struct netif_ring *r, unsigned int slot, const struct flow_spec *spec);

/* netif_flow() for every grant "flow.*" whose name is understood. Returns how many; a negative E_* code when one was refused. */
int netif_grants(struct netif_ring *r);

/* The same for one grant, e.g. "flow.icmp". Returns 0 or a negative E_* code; -E_NOCAP: no such grant. */
int netif_grant(struct netif_ring *r, const char *name);

/* 0: all flows are bound; -E_NODEV: the interface is down; else why one is not bound: that of its last attempt. In words. */
int netif_error(const struct netif_ring *r);
const char *netif_strerror(int err);

/*
 * Make the ring anew, with fresh pages and all its buffers, and bind all flows: after it was taken, or to have buffers again that were given
 * up. What was on its way out is not waited for. Returns 0; an error of one flow, which is bound later; or another negative E_* code, and
 * then the interface is down.
 */
int netif_up(struct netif_ring *r);

/* What a flow is worth; the least goes first when places are wanted back. NULL: netif_usual_worth(). The rules of revoke.h hold for it. */
void netif_set_worth(struct netif_ring *r, uint32_t (*worth)(const struct netif_use *use));

/* End all filters, to bind them anew when the address has changed. The flows stay the program's. */
void netif_forget_flows(struct netif_ring *r);

/*
 * Wait until the network page holds an address or the time CSR reaches deadline (0: for ever), and take it over. Returns false
 * at the deadline, or when there is no such page or no network device.
 */
bool netif_await_address(struct netif_ring *r, unsigned long deadline);

/* Has the network page another address than the one taken over? Then it is taken over now: forget and grant anew. */
bool netif_address_changed(struct netif_ring *r);

/* The address for predicates, where there is no network page: the one who writes it. */
void netif_set_address(struct netif_ring *r, uint32_t ip);

/* Fill in what the stack must know: interface, clock, seed, addresses as far as known. */
void netif_configure(struct netif_ring *r, struct net_config *cfg);

/*
 * netif_configure(), and a stack in memory whose pages are all there from the beginning: whatever the peers do later, the program
 * needs no further page. Returns 0 or a negative E_* code; -E_INVAL: cfg.
 */
int netif_start(struct netif_ring *r, struct net_config *cfg, struct net **out);

/* Has the machine another address? Then tell the stack and bind all flows anew. To be called now and then. Errors as netif_grants(). */
int netif_follow_address(struct netif_ring *r, struct net *net);

/*
 * Sleep until a packet or completion arrives, a timer of the stack is due, one of the event bits of mask is set, or now_us()
 * reaches until_us (NET_NEVER: no limit); then run the stack's timers and hand it the packets. Returns the bits of mask that are
 * set; they stay set. At most RING_SIZE packets are taken at once, so that a flood leaves time for the program's own work.
 */
uint64_t netif_wait(struct netif_ring *r, struct net *net, uint64_t mask, uint64_t until_us);

#define NETIF_COUNTERS(C) \
	C(received, "packets taken from the ring") \
	C(dropped, "packets that found no free buffer (the kernel's count)") \
	C(sent, "packets handed to the kernel") \
	C(segments, "pieces of pages in them, sent from where they lay") \
	C(bounced, "packets whose payload lay in no page of 4 KiB and was copied") \
	C(no_flow, "packets that no flow of the program allows, not sent") \
	C(refused, "packets that the kernel refused") \
	C(failed, "packets that the device failed to send") \
	C(flows_given, "flows that were given up because the kernel asked") \
	C(flows_taken, "flows that it took") \
	C(flows_again, "flows that were bound again") \
	C(buffers_given, "buffers that were given up") \
	C(rings_lost, "times that the ring was given up or taken")

struct netif_stats {
#define C(name, text) uint64_t name;
	NETIF_COUNTERS(C)
#undef C
};
void netif_get_stats(struct netif_ring *r, struct netif_stats *out);

#endif
