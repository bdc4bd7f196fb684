/*
 * flows.c - predicates for the flows that programs ask for
 *
 * Offsets count from the Ethernet header (14 bytes); the IPv4 header that follows has 20 bytes, which the predicates demand.
 */
#include "netif/flows.h"

#include <stdlib.h>
#include <string.h>

enum {
	ETH_SOURCE = 6, ETH_TYPE = 12,
	ARP_FORMAT = 14, ARP_LENGTHS = 18, ARP_SENDER_MAC = 22, ARP_SENDER_IP = 28,
	IP_VERSION_IHL = 14, IP_FRAGMENT = 20, IP_PROTOCOL = 23, IP_SOURCE = 26, IP_DESTINATION = 30,
	PORT_SOURCE = 34, PORT_DESTINATION = 36,
};

#define TYPE_IP		0x0800
#define TYPE_ARP	0x0806
#define VERSION_IHL	0x45
#define FRAGMENT_MASK	0x3fff	/* more fragments, and the offset; "don't fragment" may be anything */
#define PROTOCOL_ICMP	1
#define DHCP_SERVER	67
#define DHCP_CLIENT	68

static void begin(struct flow_spec *s, uint32_t flags)
{
	memset(s, 0, sizeof(*s));
	s->version = FLOW_VERSION;
	s->flags = flags;
	s->receive.version = FLOW_VERSION;
	s->send.version = FLOW_VERSION;
}

static void masked(struct flow_predicate *p, unsigned int offset, unsigned int width, uint32_t mask, uint32_t value)
{
	p->atom[p->natoms++] = (struct flow_atom){
		.offset = (uint16_t)offset, .width = (uint8_t)width, .mask = mask, .value = value & mask };
}

static void atom(struct flow_predicate *p, unsigned int offset, unsigned int width, uint32_t value)
{
	masked(p, offset, width, width == 4 ? 0xffffffffu : (1u << (8 * width)) - 1, value);
}

static void atom_mac(struct flow_predicate *p, unsigned int offset, const uint8_t mac[6])
{
	atom(p, offset, 4, (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3]);
	atom(p, offset + 4, 2, (uint32_t)mac[4] << 8 | mac[5]);
}

/* An IPv4 packet of one protocol that is no fragment. */
static void atoms_ip(struct flow_predicate *p, unsigned int protocol)
{
	atom(p, ETH_TYPE, 2, TYPE_IP);
	atom(p, IP_VERSION_IHL, 1, VERSION_IHL);
	masked(p, IP_FRAGMENT, 2, FRAGMENT_MASK, 0);
	atom(p, IP_PROTOCOL, 1, protocol);
}

static void atoms_both(struct flow_spec *s, unsigned int protocol, const uint8_t mac[6], uint32_t ip)
{
	atoms_ip(&s->receive, protocol);
	atom_mac(&s->send, ETH_SOURCE, mac);
	atoms_ip(&s->send, protocol);
	if (ip != 0) {
		atom(&s->receive, IP_DESTINATION, 4, ip);
		atom(&s->send, IP_SOURCE, 4, ip);
	}
}

void flow_spec_port(struct flow_spec *s, unsigned int protocol, const uint8_t mac[6], uint32_t ip, uint16_t port, uint16_t mask)
{
	begin(s, 0);
	atoms_both(s, protocol, mac, ip);
	masked(&s->receive, PORT_DESTINATION, 2, mask, port);
	masked(&s->send, PORT_SOURCE, 2, mask, port);
}

void flow_spec_icmp(struct flow_spec *s, const uint8_t mac[6], uint32_t ip)
{
	begin(s, 0);
	atoms_both(s, PROTOCOL_ICMP, mac, ip);
}

void flow_spec_dhcp(struct flow_spec *s, const uint8_t mac[6])
{
	begin(s, 0);
	atoms_both(s, FLOW_UDP, mac, 0);
	atom(&s->receive, PORT_SOURCE, 2, DHCP_SERVER);
	atom(&s->receive, PORT_DESTINATION, 2, DHCP_CLIENT);
	atom(&s->send, PORT_SOURCE, 2, DHCP_CLIENT);
	atom(&s->send, PORT_DESTINATION, 2, DHCP_SERVER);
}

void flow_spec_arp(struct flow_spec *s, const uint8_t mac[6], uint32_t ip)
{
	begin(s, FLOW_SHARED);
	atom(&s->receive, ETH_TYPE, 2, TYPE_ARP);

	atom_mac(&s->send, ETH_SOURCE, mac);
	atom(&s->send, ETH_TYPE, 2, TYPE_ARP);
	atom(&s->send, ARP_FORMAT, 4, 0x00010800);	/* Ethernet, IPv4: only then is the sender where the next atoms look */
	atom(&s->send, ARP_LENGTHS, 2, 0x0604);
	atom_mac(&s->send, ARP_SENDER_MAC, mac);
	if (ip != 0)
		atom(&s->send, ARP_SENDER_IP, 4, ip);
}

bool flow_spec_named(struct flow_spec *s, const char *name, const uint8_t mac[6], uint32_t ip)
{
	unsigned int protocol;
	char *end;
	long port;

	if (strncmp(name, "flow.", 5) != 0)
		return false;
	name += 5;
	if (strcmp(name, "arp") == 0) {
		flow_spec_arp(s, mac, ip);
		return true;
	}
	if (strcmp(name, "icmp") == 0) {
		flow_spec_icmp(s, mac, ip);
		return true;
	}
	if (strcmp(name, "dhcp") == 0) {
		flow_spec_dhcp(s, mac);
		return true;
	}
	if (strncmp(name, "tcp", 3) == 0)
		protocol = FLOW_TCP;
	else if (strncmp(name, "udp", 3) == 0)
		protocol = FLOW_UDP;
	else
		return false;
	if (name[3] < '1' || name[3] > '9')
		return false;
	port = strtol(name + 3, &end, 10);
	if (*end != '\0' || port > 65535)
		return false;
	flow_spec_port(s, protocol, mac, ip, (uint16_t)port, 0xffff);
	return true;
}

int flow_matches(const struct flow_predicate *p, const uint8_t *frame, uint32_t len)
{
	for (unsigned int i = 0; i < p->natoms; i++) {
		const struct flow_atom *a = &p->atom[i];
		uint32_t v = 0;

		if ((uint32_t)a->offset + a->width > len)
			return 0;
		for (unsigned int k = 0; k < a->width; k++)
			v = v << 8 | frame[a->offset + k];
		if ((v & a->mask) != a->value)
			return 0;
	}
	return 1;
}

/* ---- which flow goes first ---- */

static void mask_bytes(const struct flow_predicate *p, uint8_t mask[FLOW_REACH])
{
	memset(mask, 0, FLOW_REACH);
	for (unsigned int i = 0; i < p->natoms; i++)
		for (unsigned int k = 0; k < p->atom[i].width; k++)
			mask[p->atom[i].offset + k] |= (uint8_t)(p->atom[i].mask >> (8 * (p->atom[i].width - 1 - k)));
}

bool flow_same_bits(const struct flow_predicate *p, const struct flow_predicate *q)
{
	uint8_t a[FLOW_REACH], b[FLOW_REACH];

	mask_bytes(p, a);
	mask_bytes(q, b);
	return memcmp(a, b, sizeof(a)) == 0;
}

/* The value that all bits of a field must have; -1: not all are tested. */
static long field(const struct flow_predicate *p, unsigned int offset, unsigned int width)
{
	for (unsigned int i = 0; i < p->natoms; i++)
		if (p->atom[i].offset == offset && p->atom[i].width == width && p->atom[i].mask == (1u << (8 * width)) - 1)
			return (long)p->atom[i].value;
	return -1;
}

struct netif_use flow_use(const struct flow_predicate *p)
{
	const long type = field(p, ETH_TYPE, 2), protocol = field(p, IP_PROTOCOL, 1), port = field(p, PORT_DESTINATION, 2);
	struct netif_use u = { .kind = NETIF_OTHER, .port = port > 0 ? (uint16_t)port : 0 };

	if (type == TYPE_ARP)
		u.kind = NETIF_ARP;
	else if (type == TYPE_IP && protocol == PROTOCOL_ICMP)
		u.kind = NETIF_ICMP;
	else if (type == TYPE_IP && protocol == FLOW_UDP && port == DHCP_CLIENT && field(p, PORT_SOURCE, 2) == DHCP_SERVER)
		u.kind = NETIF_DHCP;
	else if (type == TYPE_IP && protocol == FLOW_UDP && port > 0)
		u.kind = NETIF_UDP;
	else if (type == TYPE_IP && protocol == FLOW_TCP && port > 0)
		u.kind = NETIF_TCP;
	return u;
}

uint32_t netif_usual_worth(const struct netif_use *u)
{
	switch (u->kind) {
	case NETIF_ICMP:
		return 0;
	case NETIF_UDP:
		return u->busy == 0 ? 1 : NETIF_IN_USE;
	case NETIF_TCP:
		return u->busy == 0 ? 2 : NETIF_IN_USE + (u->busy < 1000 ? u->busy : 1000);
	case NETIF_OTHER:
		return NETIF_IN_USE + 2000;
	case NETIF_DHCP:
		return NETIF_IN_USE + 3000;
	default:
		return NETIF_IN_USE + 4000;
	}
}

int netif_least(const struct netif_use *use, unsigned int n, uint32_t (*worth)(const struct netif_use *use), bool idle)
{
	uint32_t least = UINT32_MAX;
	int group = -1;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t most = 0;

		for (unsigned int k = 0; k < n; k++)
			if (use[k].group == use[i].group && worth(&use[k]) > most)
				most = worth(&use[k]);
		if ((!idle || most < NETIF_IN_USE) && (group < 0 || most < least)) {
			least = most;
			group = (int)use[i].group;
		}
	}
	return group;
}
