/*
 * dhcp.c - an address from the network (RFC 2131, options of RFC 2132)
 *
 *   SELECTING   DISCOVER sent, waiting for the first good OFFER       \  broadcast, repeated after 4, 8, 16, 32, 64 s,
 *   REQUESTING  REQUEST sent for that offer, waiting for the ACK      /  each +-1 s; from REQUESTING back after four
 *   BOUND       until T1
 *   RENEWING    REQUEST by unicast to the server, until T2            \  repeated after half of the time that is left,
 *   REBINDING   REQUEST by broadcast, until the lease ends            /  at least 60 s
 *
 * Every message is checked against the transaction id, the MAC and, once chosen, the server. Options are parsed within the bytes
 * that arrived; a lying length makes the message malformed. A lease is believed only if it makes a usable interface.
 */
#include <string.h>

#include "internal.h"

#define BOOTREQUEST	1
#define BOOTREPLY	2
#define MAGIC		0x63825363u
#define FIXED_LEN	236		/* up to the magic cookie */
#define OPTIONS		240
#define MESSAGE_LEN	300		/* RFC 1542 2.1: shorter ones may be lost */

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE };
enum { OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_REQUESTED_IP = 50, OPT_LEASE = 51, OPT_TYPE = 53,
       OPT_SERVER = 54, OPT_PARAMETERS = 55, OPT_T1 = 58, OPT_T2 = 59, OPT_CLIENT_ID = 61, OPT_END = 255 };

/* Offsets in the message, RFC 2131 figure 1. */
enum { OP = 0, HTYPE = 1, HLEN = 2, XID = 4, SECS = 8, CIADDR = 12, YIADDR = 16, CHADDR = 28 };

struct message {
	uint8_t type;
	uint32_t yiaddr, server, mask, router, dns, lease, t1, t2;
};

/* Append one option; the message is large enough for all that are ever sent together. */
static uint8_t *option(uint8_t *p, uint8_t code, const void *data, uint8_t len)
{
	*p++ = code;
	*p++ = len;
	memcpy(p, data, len);
	return p + len;
}

static uint8_t *option32(uint8_t *p, uint8_t code, uint32_t v)
{
	uint8_t b[4];

	put32(b, v);
	return option(p, code, b, 4);
}

static void dhcp_send(struct net *net, uint8_t type)
{
	static const uint8_t parameters[] = { OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_LEASE, OPT_T1, OPT_T2 };
	struct dhcp *d = &net->dhcp;
	bool bound = d->state >= DHCP_BOUND;
	uint8_t m[MESSAGE_LEN] = { 0 }, id[7] = { 1 }, *p = m + OPTIONS;
	uint32_t src = bound ? net->addr.ip : 0;
	uint32_t dst = d->state == DHCP_RENEWING || type == RELEASE ? d->server : IP_BROADCAST;

	m[OP] = BOOTREQUEST;
	m[HTYPE] = 1;
	m[HLEN] = 6;
	put32(m + XID, d->xid);
	if (!bound && (net->now - d->start_us) / SECOND <= 0xffff)
		put16(m + SECS, (uint32_t)((net->now - d->start_us) / SECOND));
	put32(m + CIADDR, src);
	memcpy(m + CHADDR, net->netif->mac, 6);
	put32(m + FIXED_LEN, MAGIC);

	p = option(p, OPT_TYPE, &type, 1);
	memcpy(id + 1, net->netif->mac, 6);
	p = option(p, OPT_CLIENT_ID, id, sizeof(id));
	if (type == REQUEST && !bound)			/* RFC 2131 4.3.2, table 4 */
		p = option32(p, OPT_REQUESTED_IP, d->offered);
	if ((type == REQUEST && !bound) || type == RELEASE)
		p = option32(p, OPT_SERVER, d->server);
	if (type != RELEASE)
		p = option(p, OPT_PARAMETERS, parameters, sizeof(parameters));
	*p = OPT_END;
	udp_output(net, UDP_PORT_DHCP_CLIENT, src, dst, UDP_PORT_DHCP_SERVER, m, sizeof(m));
}

/* RFC 2131 4.1: 4 s doubling to 64 s, plus or minus a second. */
static uint64_t backoff_us(struct net *net)
{
	unsigned int shift = net->dhcp.tries < 4 ? net->dhcp.tries : 4;

	return (4 * (uint64_t)SECOND << shift) - SECOND + net_random(net) % (2 * SECOND);
}

/* Begin again, with a DISCOVER now or, so that refusals cannot make us spin, 1 to 3 seconds from now. */
static void dhcp_restart(struct net *net, bool now)
{
	struct dhcp *d = &net->dhcp;

	d->state = DHCP_SELECTING;
	d->xid = (uint32_t)net_random(net);
	d->start_us = net->now;
	d->tries = 0;
	if (now)
		dhcp_send(net, DISCOVER);
	timer_set(net, &d->timer, net->now + (now ? backoff_us(net) : SECOND + net_random(net) % (2 * SECOND)));
}

static void set_addr(struct net *net, const struct net_addr *a)
{
	if (a->ip != net->addr.ip || a->mask != net->addr.mask)
		arp_flush(net);
	net->addr = *a;
	source_raise(net, &net->source, NET_EV_ADDR);
}

static void dhcp_lose(struct net *net)
{
	set_addr(net, &(struct net_addr){ .lease_until_us = NET_NEVER });
	dhcp_restart(net, false);
}

/* RFC 2131 4.4.5: half of the time to the next deadline, at least 60 s, never past it. */
static void dhcp_extend(struct net *net, uint64_t until_us)
{
	uint64_t wait = (until_us - net->now) / 2;

	dhcp_send(net, REQUEST);
	if (wait < 60 * (uint64_t)SECOND)
		wait = 60 * (uint64_t)SECOND;
	timer_set(net, &net->dhcp.timer, net->now + wait < until_us ? net->now + wait : until_us);
}

static void dhcp_fire(struct net *net, struct timer *t)
{
	struct dhcp *d = &net->dhcp;

	if (d->state >= DHCP_BOUND) {
		if (d->state == DHCP_BOUND) {
			d->state = DHCP_RENEWING;
			d->xid = (uint32_t)net_random(net);
			d->bound_us = net->now;		/* a lease counts from the request */
		}
		if (d->state == DHCP_RENEWING && net->now >= d->t2_us)
			d->state = DHCP_REBINDING;
		if (net->now >= d->expiry_us)
			dhcp_lose(net);
		else
			dhcp_extend(net, d->state == DHCP_RENEWING ? d->t2_us : d->expiry_us);
		return;
	}
	d->tries++;
	if (d->state == DHCP_REQUESTING && d->tries >= 4) {
		dhcp_restart(net, false);
		return;
	}
	dhcp_send(net, d->state == DHCP_SELECTING ? DISCOVER : REQUEST);
	timer_set(net, t, net->now + backoff_us(net));
}

void dhcp_init(struct net *net)
{
	net->dhcp.state = DHCP_OFF;
	net->dhcp.timer.fire = dhcp_fire;
}

/* One option: lists of addresses count by their first; wrong lengths are as good as absent. */
static void parse_option(struct message *m, uint8_t code, const uint8_t *p, size_t len)
{
	uint32_t v = len >= 4 ? get32(p) : 0;

	switch (code) {
	case OPT_TYPE:
		m->type = len == 1 ? p[0] : 0;
		break;
	case OPT_MASK:
		m->mask = len == 4 ? v : 0;
		break;
	case OPT_ROUTER:
		m->router = v;
		break;
	case OPT_DNS:
		m->dns = v;
		break;
	case OPT_LEASE:
		m->lease = len == 4 ? v : 0;
		break;
	case OPT_SERVER:
		m->server = len == 4 ? v : 0;
		break;
	case OPT_T1:
		m->t1 = len == 4 ? v : 0;
		break;
	case OPT_T2:
		m->t2 = len == 4 ? v : 0;
		break;
	}
}

/* Returns false for what is not an answer to us. Options in the sname and file fields (overload) are not looked at. */
static bool parse(struct net *net, const uint8_t *p, size_t len, struct message *m)
{
	if (len < OPTIONS || p[OP] != BOOTREPLY || p[HTYPE] != 1 || p[HLEN] != 6 || get32(p + XID) != net->dhcp.xid ||
	    memcmp(p + CHADDR, net->netif->mac, 6) != 0 || get32(p + FIXED_LEN) != MAGIC)
		return false;
	memset(m, 0, sizeof(*m));
	m->yiaddr = get32(p + YIADDR);
	for (size_t at = OPTIONS; at < len && p[at] != OPT_END; ) {
		if (p[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (len - at < 2 || len - at - 2 < p[at + 1])
			return false;
		parse_option(m, p[at], p + at + 2, p[at + 1]);
		at += 2 + (size_t)p[at + 1];
	}
	return m->type != 0;
}

/* A mask is ones, then zeros; hosts are unicast, and not the first or last address of their network. */
static bool usable(const struct message *m)
{
	uint32_t ip = m->yiaddr, host = ~m->mask;

	if (ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 14 || m->server == 0)
		return false;
	if (m->mask == 0 || (host & (host + 1)) != 0)
		return false;
	return host < 2 || ((ip & host) != 0 && (ip & host) != host);
}

static void dhcp_bind(struct net *net, struct message *m)
{
	struct dhcp *d = &net->dhcp;
	uint64_t from = d->bound_us;
	/* Shorter leases than a minute would make us a flood; 0xffffffff is for ever. */
	uint64_t lease = (m->lease < 60 ? 60 : m->lease) * (uint64_t)SECOND;
	struct net_addr a = { m->yiaddr, m->mask, m->router, m->dns, from + lease };

	/* A router outside of the network could never be reached. */
	if ((a.router & a.mask) != (a.ip & a.mask) || a.router == a.ip)
		a.router = 0;
	d->server = m->server;
	d->state = DHCP_BOUND;
	d->t1_us = from + lease / 2;			/* RFC 2131 4.4.5: 0.5 and 0.875 unless told */
	d->t2_us = from + lease / 8 * 7;
	if (m->t1 >= 30 && m->t1 < m->t2 && m->t2 < m->lease) {
		d->t1_us = from + m->t1 * (uint64_t)SECOND;
		d->t2_us = from + m->t2 * (uint64_t)SECOND;
	}
	d->expiry_us = a.lease_until_us;
	net->stats.dhcp_bound++;
	if (m->lease == 0xffffffff) {
		a.lease_until_us = NET_NEVER;
		timer_clear(net, &d->timer);
	} else {
		timer_set(net, &d->timer, d->t1_us > net->now ? d->t1_us : net->now + SECOND);
	}
	set_addr(net, &a);
}

void dhcp_input(struct net *net, const uint8_t *p, size_t len)
{
	struct dhcp *d = &net->dhcp;
	struct message m;

	if (!parse(net, p, len, &m)) {
		net->stats.dhcp_bad++;
		return;
	}
	if (d->state == DHCP_SELECTING && m.type == OFFER && usable(&m)) {
		d->state = DHCP_REQUESTING;
		d->server = m.server;
		d->offered = m.yiaddr;
		d->tries = 0;
		d->bound_us = net->now;
		dhcp_send(net, REQUEST);
		timer_set(net, &d->timer, net->now + backoff_us(net));
		return;
	}
	/* An answer to a REQUEST: from the server that was asked, except when everybody was. */
	if (d->state <= DHCP_SELECTING || d->state == DHCP_BOUND || (d->state != DHCP_REBINDING && m.server != d->server)) {
		net->stats.dhcp_bad++;
		return;
	}
	if (m.type == NAK) {
		net->stats.dhcp_nak++;
		if (d->state == DHCP_REQUESTING)
			dhcp_restart(net, false);
		else
			dhcp_lose(net);
	} else if (m.type == ACK && usable(&m) && (d->state == DHCP_REQUESTING ? m.yiaddr == d->offered : m.yiaddr == net->addr.ip)) {
		dhcp_bind(net, &m);
	} else {
		net->stats.dhcp_bad++;
	}
}

void net_dhcp_start(struct net *net)
{
	if (net->dhcp.state != DHCP_OFF)
		return;
	if (net->addr.ip != 0)
		set_addr(net, &(struct net_addr){ .lease_until_us = NET_NEVER });
	dhcp_restart(net, true);
}

void net_dhcp_stop(struct net *net)
{
	struct dhcp *d = &net->dhcp;
	bool bound = d->state >= DHCP_BOUND;

	if (bound)
		dhcp_send(net, RELEASE);
	d->state = DHCP_OFF;
	timer_clear(net, &d->timer);
	if (bound)
		set_addr(net, &(struct net_addr){ .lease_until_us = NET_NEVER });
}
