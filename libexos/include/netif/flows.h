/*
 * netif/flows.h - predicates for the flows that programs ask for
 *
 * Each function fills a struct flow_spec: what may be received under the flow, and what may be sent. Whoever holds a wider flow
 * hands it to flow_derive(). The receive predicate of a port names everything that has to hold before the port's bytes are a
 * port at all: Ethertype, a header of exactly 20 bytes, the protocol, and that the packet is no later fragment. The send
 * predicate names the same and the sender, so that nobody can speak with another's address or port, not even in a fragment.
 *
 * mac is the machine's address, ip the machine's IPv4 address in host byte order, or 0 while it is unknown: then the address
 * is not part of the predicates.
 */
#ifndef NETIF_FLOWS_H
#define NETIF_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "exos/flow.h"

#define FLOW_TCP	6
#define FLOW_UDP	17

/*
 * One port of TCP or UDP: packets for it, packets from it. mask tells which bits of the port count: 0xffff for one port, 0xff00
 * for the 256 ports that begin with the byte of port.
 */
void flow_spec_port(struct flow_spec *s, unsigned int protocol, const uint8_t mac[6], uint32_t ip, uint16_t port, uint16_t mask);

/* ARP: everybody hears all of it (FLOW_SHARED), and says only what is true about the sender. */
void flow_spec_arp(struct flow_spec *s, const uint8_t mac[6], uint32_t ip);

/* ICMP for and from the machine. */
void flow_spec_icmp(struct flow_spec *s, const uint8_t mac[6], uint32_t ip);

/* The client's side of DHCP: from port 67 to port 68, and back. No address: there is none yet. */
void flow_spec_dhcp(struct flow_spec *s, const uint8_t mac[6]);

/*
 * The specification that the name of a grant stands for: "flow.arp", "flow.icmp", "flow.dhcp", "flow.tcpN", "flow.udpN" with a
 * port number N. Parent and child both use it, so that what the child binds is implied by what the parent gave, whether or not
 * the parent knew the address. Returns false when the name is none of these.
 */
bool flow_spec_named(struct flow_spec *s, const char *name, const uint8_t mac[6], uint32_t ip);

/* Does the frame satisfy the predicate? What the kernel does, for programs that hold several flows and have to choose one. */
int flow_matches(const struct flow_predicate *p, const uint8_t *frame, uint32_t len);

/* Do two predicates test the same bits? Then filters of one program for them take one place in the classifier. */
bool flow_same_bits(const struct flow_predicate *p, const struct flow_predicate *q);

/* ---- which flow goes first ---- */

struct netif_use {
	enum { NETIF_OTHER, NETIF_ICMP, NETIF_UDP, NETIF_TCP, NETIF_DHCP, NETIF_ARP } kind;
	uint16_t port;			/* UDP, TCP */
	unsigned int busy;		/* TCP: connections; UDP: 1, datagrams came lately */
	unsigned int group;		/* flows that take one place together have the same number */
};

/* What a receive predicate is for: kind and port. */
struct netif_use flow_use(const struct flow_predicate *receive);

/* ICMP, idle UDP, TCP without connections, UDP, TCP, what is none of these, DHCP, ARP. */
uint32_t netif_usual_worth(const struct netif_use *use);
#define NETIF_IN_USE 10u		/* worth of those that somebody uses, or without which nothing works: from here on */

/*
 * Of n flows the group that goes first, whose most important flow is worth least; -1: none. idle: only one that is worth less than
 * NETIF_IN_USE.
 */
int netif_least(const struct netif_use *use, unsigned int n, uint32_t (*worth)(const struct netif_use *use), bool idle);

#endif
