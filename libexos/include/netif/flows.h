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

#endif
