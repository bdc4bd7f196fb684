/*
 * net_harness.h - one stack and a hand that makes segments; or two stacks over a bad link in virtual time
 *
 * The hand: `struct wire` is a stack at 10.0.0.1 whose frames are kept in a queue, and functions that make frames of a peer at
 * 10.0.0.2 (MAC 02:..:02) byte by byte. Every frame the stack sends is checked for lengths and checksums before a test sees it.
 */
#ifndef NET_HARNESS_H
#define NET_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net_audit.h"

#define IP_A	NET_IP(10, 0, 0, 1)
#define IP_B	NET_IP(10, 0, 0, 2)
#define IP_GW	NET_IP(10, 0, 0, 254)
#define MASK	NET_IP(255, 255, 255, 0)

static const uint8_t MAC_A[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t MAC_B[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t MAC_ALL[6] = { 255, 255, 255, 255, 255, 255 };

/* xorshift64*: the same numbers on every machine. */
static inline uint64_t rnd(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1d;
}

/* The checksum as RFC 1071 writes it, two bytes at a time: what inet_sum() is compared with. */
static inline uint32_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (i & 1) != 0 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline uint32_t slow_pseudo(const uint8_t *ip, size_t len)
{
	return slow_sum(ip + 12, 8) + ip[9] + (uint32_t)len;
}

static inline uint32_t slow_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Everything a frame of ours must satisfy. */
static inline void check_frame(const uint8_t *f, size_t len)
{
	assert_true(len >= ETH_LEN && len <= FRAME_MAX);
	if (get16(f + 12) == ETH_TYPE_ARP) {
		assert_int_equal(len, ETH_LEN + ARP_LEN);
		return;
	}
	assert_int_equal(get16(f + 12), ETH_TYPE_IP);
	const uint8_t *ip = f + ETH_LEN, *l4 = ip + IP_LEN;
	size_t total = get16(ip + 2), l4len = total - IP_LEN;

	assert_int_equal(ip[0], 0x45);
	assert_int_equal(total, len - ETH_LEN);
	assert_int_equal(slow_sum(ip, IP_LEN), 0xffff);
	assert_int_equal(ip[8], 64);
	if (ip[9] == IP_PROTO_TCP) {
		assert_true(l4len >= TCP_LEN && (size_t)(l4[12] >> 4) * 4 <= l4len);
		assert_int_equal(slow_fold(slow_pseudo(ip, l4len) + slow_sum(l4, l4len)), 0xffff);
	} else if (ip[9] == IP_PROTO_UDP) {
		assert_int_equal(get16(l4 + 4), l4len);
		assert_int_equal(slow_fold(slow_pseudo(ip, l4len) + slow_sum(l4, l4len)), 0xffff);
	} else {
		assert_int_equal(slow_sum(l4, l4len), 0xffff);
	}
}

/* ---- The hand ---- */

struct caught {
	struct caught *next;
	size_t len;
	uint8_t frame[FRAME_MAX];
};

struct wire {
	struct net *net;
	struct netif netif;
	struct net_config cfg;
	struct caught *first, **last;
	unsigned int ncaught;
	uint64_t now;
	bool full;			/* transmit has no room */
	bool lazy;			/* tx_done counts only what tx_done_count says */
	uint64_t accepted, done;
	/* the peer's side of one connection */
	uint32_t seq, ack;		/* what the peer sends next; what it has received */
	uint16_t sport, dport;		/* of segments the peer sends */
	uint16_t wnd;
};

static inline int wire_transmit(struct netif *netif, const struct net_iov *iov, int n)
{
	struct wire *w = netif->arg;
	struct caught *c;

	assert_true(n >= 1 && n <= NET_TX_IOVS);
	assert_true(iov[0].len <= NET_TX_HEAD);
	if (w->full)
		return NET_EAGAIN;
	c = calloc(1, sizeof(*c));
	for (int i = 0; i < n; i++) {
		assert_true(iov[i].len > 0 && c->len + iov[i].len <= FRAME_MAX);
		memcpy(c->frame + c->len, iov[i].base, iov[i].len);
		c->len += iov[i].len;
	}
	check_frame(c->frame, c->len);
	*w->last = c;
	w->last = &c->next;
	w->ncaught++;
	w->accepted++;
	return 0;
}

static inline uint64_t wire_tx_done(struct netif *netif)
{
	struct wire *w = netif->arg;

	return w->lazy ? w->done : w->accepted;
}

static inline void wire_config(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	w->last = &w->first;
	w->now = 1000 * (uint64_t)SECOND;
	w->netif = (struct netif){ .transmit = wire_transmit, .mtu = 1500, .arg = w };
	memcpy(w->netif.mac, MAC_A, 6);
	net_config_default(&w->cfg);
	w->cfg.netif = &w->netif;
	w->cfg.now_us = w->now;
	memcpy(w->cfg.seed, "a test's secret.", 16);
	w->cfg.ip = IP_A;
	w->cfg.mask = MASK;
	w->cfg.router = IP_GW;
	w->sport = 4000;
	w->dport = 80;
	w->wnd = 65535;
}

static inline void wire_start(struct wire *w)
{
	w->net = net_create(&w->cfg);
	assert_non_null(w->net);
}

static inline bool wire_next(struct wire *w, uint8_t *frame, size_t *len)
{
	struct caught *c = w->first;

	if (c == NULL)
		return false;
	w->first = c->next;
	if (w->first == NULL)
		w->last = &w->first;
	memcpy(frame, c->frame, c->len);
	*len = c->len;
	w->ncaught--;
	free(c);
	return true;
}

static inline unsigned int wire_drain(struct wire *w)
{
	uint8_t f[FRAME_MAX];
	size_t len;
	unsigned int n = 0;

	while (wire_next(w, f, &len))
		n++;
	return n;
}

static inline void wire_stop(struct wire *w)
{
	wire_drain(w);
	net_destroy(w->net);
}

/* Let time pass, firing every timer at its own moment. */
static inline void wire_pass(struct wire *w, uint64_t us)
{
	uint64_t until = w->now + us;

	for (;;) {
		uint64_t next = net_next_deadline(w->net);

		if (next >= until)
			break;
		if (next > w->now)
			w->now = next;
		net_poll(w->net, w->now);
	}
	w->now = until;
	net_poll(w->net, w->now);
}

/* The exact copy on the heap lets the address sanitizer see every byte read beyond the frame. */
static inline void wire_input(struct wire *w, const uint8_t *frame, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, frame, len);
	net_input(w->net, copy, len);
	free(copy);
	if (w->net->conns.used <= 16)
		net_audit(w->net);
}

/* ---- Making frames of the peer ---- */

static inline size_t make_eth(uint8_t *f, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, type);
	return ETH_LEN;
}

static inline size_t make_arp(uint8_t *f, const uint8_t dst[6], uint16_t op, const uint8_t sha[6], uint32_t spa, const uint8_t tha[6],
			      uint32_t tpa)
{
	struct arp_hdr *h = (struct arp_hdr *)(f + make_eth(f, dst, sha, ETH_TYPE_ARP));

	put16(h->hrd, 1);
	put16(h->pro, ETH_TYPE_IP);
	h->hln = 6;
	h->pln = 4;
	put16(h->op, op);
	memcpy(h->sha, sha, 6);
	put32(h->spa, spa);
	memcpy(h->tha, tha, 6);
	put32(h->tpa, tpa);
	return ETH_LEN + ARP_LEN;
}

static inline void fix_ip(uint8_t *f)
{
	put16(f + ETH_LEN + 10, 0);
	put16(f + ETH_LEN + 10, ~slow_sum(f + ETH_LEN, (size_t)(f[ETH_LEN] & 15) * 4));
}

/* Frame of an IP packet around len bytes that lie at f + 34 already. */
static inline size_t make_ip(uint8_t *f, uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
	struct ip_hdr *h = (struct ip_hdr *)(f + make_eth(f, MAC_A, MAC_B, ETH_TYPE_IP));

	memset(h, 0, IP_LEN);
	h->version_ihl = 0x45;
	put16(h->len, (uint32_t)(IP_LEN + len));
	h->ttl = 64;
	h->protocol = protocol;
	put32(h->src, src);
	put32(h->dst, dst);
	fix_ip(f);
	return ETH_LEN + IP_LEN + len;
}

static inline void fix_l4(uint8_t *f, size_t at, size_t len)
{
	put16(f + ETH_LEN + IP_LEN + at, 0);
	put16(f + ETH_LEN + IP_LEN + at, ~slow_fold(slow_pseudo(f + ETH_LEN, len) + slow_sum(f + ETH_LEN + IP_LEN, len)));
}

static inline size_t make_udp(uint8_t *f, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, const void *data, size_t len)
{
	uint8_t *u = f + ETH_LEN + IP_LEN;
	size_t total;

	put16(u, sport);
	put16(u + 2, dport);
	put16(u + 4, (uint32_t)(UDP_LEN + len));
	put16(u + 6, 0);
	if (len > 0)
		memcpy(u + UDP_LEN, data, len);
	total = make_ip(f, src, dst, IP_PROTO_UDP, UDP_LEN + len);
	fix_l4(f, 6, UDP_LEN + len);
	return total;
}

struct tcp_fields {
	uint32_t src, dst, seq, ack;
	uint16_t sport, dport, wnd, urgent;
	uint8_t flags;
	const uint8_t *options;		/* a multiple of 4 bytes */
	size_t optlen;
	const void *data;
	size_t len;
};

static inline size_t make_tcp(uint8_t *f, const struct tcp_fields *t)
{
	uint8_t *h = f + ETH_LEN + IP_LEN;
	size_t hlen = TCP_LEN + t->optlen, total;

	put16(h, t->sport);
	put16(h + 2, t->dport);
	put32(h + 4, t->seq);
	put32(h + 8, t->ack);
	h[12] = (uint8_t)(hlen / 4 << 4);
	h[13] = t->flags;
	put16(h + 14, t->wnd);
	put16(h + 18, t->urgent);
	if (t->optlen > 0)
		memcpy(h + TCP_LEN, t->options, t->optlen);
	if (t->len > 0)
		memcpy(h + hlen, t->data, t->len);
	total = make_ip(f, t->src, t->dst, IP_PROTO_TCP, hlen + t->len);
	fix_l4(f, 16, hlen + t->len);
	return total;
}

/* ---- The peer's side of a connection ---- */

static inline struct tcp_fields peer_fields(struct wire *w, uint8_t flags, uint32_t seq, uint32_t ack, const void *data, size_t len)
{
	return (struct tcp_fields){ .src = IP_B, .dst = IP_A, .sport = w->sport, .dport = w->dport, .seq = seq, .ack = ack,
				    .flags = flags, .wnd = w->wnd, .data = data, .len = len };
}

static inline void peer_raw(struct wire *w, const struct tcp_fields *t)
{
	uint8_t f[2048];
	size_t len = make_tcp(f, t);

	wire_input(w, f, len);
}

/* A segment at any place; nothing is remembered. */
static inline void peer_at(struct wire *w, uint8_t flags, uint32_t seq, uint32_t ack, const void *data, size_t len)
{
	struct tcp_fields t = peer_fields(w, flags, seq, ack, data, len);

	peer_raw(w, &t);
}

/* The next segment in order. */
static inline void peer_send(struct wire *w, uint8_t flags, const void *data, size_t len)
{
	peer_at(w, flags, w->seq, (flags & TCP_ACK) != 0 ? w->ack : 0, data, len);
	w->seq += (uint32_t)len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
}

/* A segment that the stack sent; ARP requests for the peer or the router are answered on the way. */
struct got {
	uint32_t seq, ack, wnd, dst;
	uint16_t sport, dport;
	uint8_t flags;
	size_t optlen, len;
	uint8_t options[40], data[1500];
};

static inline bool peer_get(struct wire *w, struct got *g)
{
	uint8_t f[FRAME_MAX], reply[64];
	size_t len, hlen;

	while (wire_next(w, f, &len)) {
		const uint8_t *h = f + ETH_LEN + IP_LEN;

		if (get16(f + 12) == ETH_TYPE_ARP) {
			const struct arp_hdr *a = (const struct arp_hdr *)(f + ETH_LEN);

			if (get16(a->op) == ARP_REQUEST)
				wire_input(w, reply, make_arp(reply, MAC_A, ARP_REPLY, MAC_B, get32(a->tpa), MAC_A, IP_A));
			continue;
		}
		if (f[ETH_LEN + 9] != IP_PROTO_TCP)
			continue;
		hlen = (size_t)(h[12] >> 4) * 4;
		*g = (struct got){ .sport = get16(h), .dport = get16(h + 2), .seq = get32(h + 4), .ack = get32(h + 8), .flags = h[13],
				   .wnd = get16(h + 14), .dst = get32(f + ETH_LEN + 16), .optlen = hlen - TCP_LEN,
				   .len = len - ETH_LEN - IP_LEN - hlen };
		memcpy(g->options, h + TCP_LEN, g->optlen);
		memcpy(g->data, h + hlen, g->len);
		return true;
	}
	return false;
}

/* The stack must have sent exactly this next: flags, and len bytes at the place the peer expects; the peer takes them. */
static inline struct got peer_take(struct wire *w, unsigned int want, size_t len)
{
	struct got g;

	assert_true(peer_get(w, &g));
	assert_int_equal(g.flags & ~TCP_PSH, want);
	assert_int_equal(g.len, len);
	if ((want & TCP_RST) == 0 && !((want & TCP_SYN) != 0 && w->ack == 0))
		assert_int_equal(g.seq, w->ack);
	w->ack = g.seq + (uint32_t)g.len + ((want & TCP_SYN) != 0) + ((want & TCP_FIN) != 0);
	return g;
}

/* A failure names the line of the script. */
#define peer_expect(w, want, n)							\
	({									\
		if ((w)->first == NULL)						\
			print_error("%s:%d: nothing was sent\n", __FILE__, __LINE__); \
		peer_take(w, want, n);						\
	})

#define peer_expect_ack(w)							\
	do {									\
		struct got a_ = peer_expect(w, TCP_ACK, 0);			\
		assert_int_equal(a_.ack, (w)->seq);				\
	} while (0)

#define peer_expect_nothing(w)							\
	do {									\
		struct got n_;							\
		assert_false(peer_get(w, &n_));					\
	} while (0)

/* Make the stack learn the peer's MAC, so that no ARP disturbs a script. */
static inline void wire_know_peer(struct wire *w)
{
	struct arp_entry *e;
	uint8_t f[64];

	arp_flush(w->net);
	assert_null(arp_lookup(w->net, IP_B, &e));
	wire_drain(w);
	wire_input(w, f, make_arp(f, MAC_A, ARP_REPLY, MAC_B, IP_B, MAC_A, IP_A));
	assert_non_null(arp_lookup(w->net, IP_B, &e));
}

/* A stack that knows the peer. */
static inline void wire_ready(struct wire *w)
{
	wire_start(w);
	wire_know_peer(w);
}

/* The peer connects to a listener on port 80: an accepted connection. */
static inline struct tcp_conn *wire_accept(struct wire *w, struct tcp_listener *l)
{
	static const uint8_t mss[4] = { 2, 4, 1460 >> 8, 1460 & 255 };
	struct tcp_fields t;
	struct tcp_conn *c;

	w->ack = 0;
	t = peer_fields(w, TCP_SYN, w->seq, 0, NULL, 0);
	t.options = mss;
	t.optlen = 4;
	peer_raw(w, &t);
	w->seq++;
	peer_expect(w, TCP_SYN | TCP_ACK, 0);
	peer_send(w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_accept(l, NULL, &c), 0);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	return c;
}

/* The usual beginning of a script. */
static inline struct tcp_conn *wire_open(struct wire *w)
{
	struct tcp_listener *l;

	if (w->net == NULL)
		wire_ready(w);
	if (w->seq == 0)
		w->seq = 1000000;
	l = tcp_find_listener(w->net, 80);
	if (l == NULL)
		assert_int_equal(tcp_listen(w->net, 80, 8, NULL, &l), 0);
	return wire_accept(w, l);
}

static inline unsigned int wire_events(struct wire *w, enum net_kind kind)
{
	struct net_event ev;
	unsigned int bits = 0;

	while (net_next_event(w->net, &ev))
		if (ev.kind == kind)
			bits |= ev.events;
	return bits;
}

static inline uint64_t stat_of(struct wire *w, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)net_stats(w->net) + offset);
}

#define STAT(w, name) stat_of(w, offsetof(struct net_stats, name))

/* All pools as after net_init: nothing leaked. */
static inline void assert_net_empty(struct net *net)
{
	assert_int_equal(net->conns.used, 0);
	assert_int_equal(net->bufs.used, 0);
	assert_int_equal(net->nhalfopen, 0);
	assert_int_equal(net->ntimewait, 0);
	assert_true(link_alone(&net->timewait));
	assert_true(link_alone(&net->blocked));
	assert_null(net->waiting);
	for (unsigned int i = 0; i <= net->hash_mask; i++)
		assert_null(net->hash[i]);
}

#endif
