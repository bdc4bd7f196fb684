/*
 * test_net_link.c - ARP, ICMP echo, UDP sockets, DHCP, and the raw hook, with hostile neighbours
 */
#include "net_harness.h"

static const uint8_t MAC_EVIL[6] = { 2, 6, 6, 6, 6, 6 };
static const uint8_t MAC_NONE[6];

static const uint8_t *mac_of(struct wire *w, uint32_t ip)
{
	for (unsigned int i = 0; i < w->cfg.arp_entries; i++)
		if (w->net->arp[i].state != ARP_FREE && w->net->arp[i].state != ARP_INCOMPLETE && w->net->arp[i].ip == ip)
			return w->net->arp[i].mac;
	return NULL;
}

static void arp_in(struct wire *w, const uint8_t dst[6], uint16_t op, const uint8_t sha[6], uint32_t spa, uint32_t tpa)
{
	uint8_t f[64];

	wire_input(w, f, make_arp(f, dst, op, sha, spa, MAC_A, tpa));
}

/* The next frame the stack sent must be this ARP packet. */
static void expect_arp(struct wire *w, const uint8_t dst[6], uint16_t op, uint32_t tpa)
{
	uint8_t f[FRAME_MAX];
	const struct arp_hdr *h = (const struct arp_hdr *)(f + ETH_LEN);
	size_t len;

	assert_true(wire_next(w, f, &len));
	assert_int_equal(get16(f + 12), ETH_TYPE_ARP);
	assert_memory_equal(f, dst, 6);
	assert_memory_equal(f + 6, MAC_A, 6);
	assert_int_equal(get16(h->op), op);
	assert_memory_equal(h->sha, MAC_A, 6);
	assert_int_equal(get32(h->spa), IP_A);
	assert_int_equal(get32(h->tpa), tpa);
}

static void expect_ip_to(struct wire *w, const uint8_t mac[6], uint32_t dst)
{
	uint8_t f[FRAME_MAX];
	size_t len;

	assert_true(wire_next(w, f, &len));
	assert_int_equal(get16(f + 12), ETH_TYPE_IP);
	assert_memory_equal(f, mac, 6);
	assert_int_equal(get32(f + ETH_LEN + 16), dst);
}

/* ---- ARP ---- */

static void packets_wait_for_arp_and_leave_in_order(void **state)
{
	struct wire w;
	struct udp_sock *s;
	uint8_t f[FRAME_MAX];
	size_t len;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	for (char i = '0'; i < '6'; i++)		/* two more than may wait */
		assert_int_equal(udp_sendto(s, IP_B, 9, &i, 1), 0);
	expect_arp(&w, MAC_ALL, ARP_REQUEST, IP_B);
	assert_false(wire_next(&w, f, &len));		/* one question for all */
	assert_int_equal(STAT(&w, arp_failed), 2);
	arp_in(&w, MAC_A, ARP_REPLY, MAC_B, IP_B, IP_A);
	for (char i = '2'; i < '6'; i++) {
		assert_true(wire_next(&w, f, &len));
		assert_memory_equal(f, MAC_B, 6);
		assert_int_equal(f[42], i);
	}
	assert_int_equal(w.net->slots.used, 0);
	wire_stop(&w);
}

static void arp_gives_up_after_three_questions(void **state)
{
	struct wire w;
	struct udp_sock *s;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	assert_int_equal(udp_sendto(s, IP_B, 9, "x", 1), 0);
	wire_pass(&w, 10 * SECOND);
	assert_int_equal(STAT(&w, arp_requests), 3);
	assert_int_equal(STAT(&w, arp_failed), 1);
	assert_int_equal(w.net->slots.used, 0);
	assert_true(net_next_deadline(w.net) == NET_NEVER);
	wire_stop(&w);
}

static void packets_to_other_networks_go_to_the_router(void **state)
{
	struct wire w;
	struct udp_sock *s;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	assert_int_equal(udp_sendto(s, NET_IP(8, 8, 8, 8), 53, "x", 1), 0);
	expect_arp(&w, MAC_ALL, ARP_REQUEST, IP_GW);
	arp_in(&w, MAC_A, ARP_REPLY, MAC_B, IP_GW, IP_A);
	expect_ip_to(&w, MAC_B, NET_IP(8, 8, 8, 8));
	assert_int_equal(udp_sendto(s, NET_IP(10, 0, 0, 255), 53, "x", 1), 0);
	expect_ip_to(&w, MAC_ALL, NET_IP(10, 0, 0, 255));
	assert_int_equal(udp_sendto(s, IP_BROADCAST, 53, "x", 1), 0);
	expect_ip_to(&w, MAC_ALL, IP_BROADCAST);
	assert_int_equal(udp_sendto(s, NET_IP(224, 0, 0, 1), 53, "x", 1), NET_ENOROUTE);
	assert_int_equal(w.net->slots.used, 0);
	wire_stop(&w);
}

static void arp_requests_are_answered_only_when_configured(void **state)
{
	struct wire w;
	uint8_t f[FRAME_MAX];
	size_t len;

	(void)state;
	for (int answer = 0; answer < 2; answer++) {
		wire_config(&w);
		w.cfg.answer_arp = answer != 0;
		wire_start(&w);
		arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, IP_B, IP_A);
		if (answer != 0)
			expect_arp(&w, MAC_B, ARP_REPLY, IP_B);
		arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, 0, IP_A);	/* a probe of RFC 5227 */
		if (answer != 0)
			expect_arp(&w, MAC_B, ARP_REPLY, 0);
		arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, IP_B, IP_GW);
		assert_false(wire_next(&w, f, &len));
		assert_null(mac_of(&w, IP_B));			/* asking teaches us nothing */
		wire_stop(&w);
	}
}

static void F10_unsolicited_arp_teaches_nothing(void **state)
{
	struct wire w;

	(void)state;
	wire_config(&w);
	w.cfg.answer_arp = true;
	wire_start(&w);
	arp_in(&w, MAC_A, ARP_REPLY, MAC_EVIL, IP_GW, IP_A);
	arp_in(&w, MAC_ALL, ARP_REPLY, MAC_EVIL, IP_GW, IP_GW);	/* gratuitous */
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_EVIL, IP_GW, IP_GW);
	assert_null(mac_of(&w, IP_GW));
	assert_int_equal(STAT(&w, arp_ignored), 3);
	wire_stop(&w);
}

static void F10_a_known_neighbour_is_not_replaced_while_he_answers(void **state)
{
	struct wire w;
	struct udp_sock *s;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	arp_in(&w, MAC_A, ARP_REPLY, MAC_EVIL, IP_B, IP_A);
	assert_memory_equal(mac_of(&w, IP_B), MAC_B, 6);
	expect_arp(&w, MAC_B, ARP_REQUEST, IP_B);		/* the old owner is asked, he alone */
	arp_in(&w, MAC_A, ARP_REPLY, MAC_EVIL, IP_B, IP_A);	/* the answer of another does not count */
	assert_int_equal(udp_sendto(s, IP_B, 9, "x", 1), 0);
	expect_ip_to(&w, MAC_B, IP_B);
	arp_in(&w, MAC_A, ARP_REPLY, MAC_B, IP_B, IP_A);
	assert_memory_equal(mac_of(&w, IP_B), MAC_B, 6);
	wire_pass(&w, 10 * SECOND);
	assert_memory_equal(mac_of(&w, IP_B), MAC_B, 6);
	wire_stop(&w);
}

static void a_neighbour_that_moved_is_found_again(void **state)
{
	struct wire w;
	struct udp_sock *s;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_EVIL, IP_B, IP_B);	/* "I am here now" */
	expect_arp(&w, MAC_B, ARP_REQUEST, IP_B);
	wire_pass(&w, SECOND);
	expect_arp(&w, MAC_B, ARP_REQUEST, IP_B);
	wire_pass(&w, SECOND);
	expect_arp(&w, MAC_ALL, ARP_REQUEST, IP_B);		/* he is silent: everybody is asked */
	arp_in(&w, MAC_A, ARP_REPLY, MAC_EVIL, IP_B, IP_A);
	assert_memory_equal(mac_of(&w, IP_B), MAC_EVIL, 6);
	wire_stop(&w);
}

static void old_entries_are_asked_again_when_they_are_used(void **state)
{
	struct wire w;
	struct udp_sock *s;
	uint8_t f[FRAME_MAX];
	size_t len;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	wire_pass(&w, 3600 * (uint64_t)SECOND);
	assert_false(wire_next(&w, f, &len));			/* unused: nobody is bothered */
	assert_int_equal(udp_sendto(s, IP_B, 9, "x", 1), 0);
	expect_arp(&w, MAC_B, ARP_REQUEST, IP_B);
	expect_ip_to(&w, MAC_B, IP_B);
	arp_in(&w, MAC_A, ARP_REPLY, MAC_B, IP_B, IP_A);
	assert_int_equal(udp_sendto(s, IP_B, 9, "x", 1), 0);
	expect_ip_to(&w, MAC_B, IP_B);
	wire_stop(&w);
}

static void F11_malformed_arp_is_dropped(void **state)
{
	struct wire w;
	uint8_t f[64];
	size_t len;

	(void)state;
	wire_config(&w);
	w.cfg.answer_arp = true;
	wire_start(&w);
	for (size_t cut = ETH_LEN; cut < ETH_LEN + ARP_LEN; cut++) {
		make_arp(f, MAC_ALL, ARP_REQUEST, MAC_B, IP_B, MAC_NONE, IP_A);
		wire_input(&w, f, cut);
	}
	for (size_t at = 0; at < 8; at++) {		/* types, lengths, operation */
		len = make_arp(f, MAC_ALL, ARP_REQUEST, MAC_B, IP_B, MAC_NONE, IP_A);
		f[ETH_LEN + at] ^= 0x40;
		wire_input(&w, f, len);
	}
	assert_int_equal(STAT(&w, arp_bad), ARP_LEN + 8);
	len = make_arp(f, MAC_ALL, ARP_REQUEST, MAC_EVIL, IP_B, MAC_NONE, IP_A);
	memcpy(f + 6, MAC_B, 6);			/* the frame comes from another than it says */
	wire_input(&w, f, len);
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, IP_BROADCAST, IP_A);
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, NET_IP(10, 0, 0, 255), IP_A);
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, NET_IP(224, 0, 0, 1), IP_A);
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_B, NET_IP(127, 0, 0, 1), IP_A);
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_EVIL, IP_A, IP_A);	/* somebody claims to be us */
	arp_in(&w, MAC_ALL, ARP_REQUEST, MAC_A, IP_B, IP_A);
	assert_int_equal(STAT(&w, arp_bad), ARP_LEN + 8 + 7);
	assert_int_equal(wire_drain(&w), 0);
	wire_stop(&w);
}

/* ---- ICMP ---- */

static void echo_requests_are_answered_only_when_configured(void **state)
{
	struct wire w;
	uint8_t f[FRAME_MAX], got[FRAME_MAX], *icmp = f + ETH_LEN + IP_LEN;
	size_t len, glen;

	(void)state;
	for (int answer = 0; answer < 2; answer++) {
		wire_config(&w);
		w.cfg.answer_icmp = answer != 0;
		wire_ready(&w);
		for (size_t n = 0; n <= 1472; n += 184) {
			for (size_t i = 0; i < ICMP_LEN + n; i++)
				icmp[i] = (uint8_t)i;
			icmp[0] = ICMP_ECHO;
			icmp[1] = 0;
			put16(icmp + 2, 0);
			put16(icmp + 2, ~slow_sum(icmp, ICMP_LEN + n));
			len = make_ip(f, IP_B, IP_A, IP_PROTO_ICMP, ICMP_LEN + n);
			wire_input(&w, f, len);
			if (answer == 0) {
				assert_false(wire_next(&w, got, &glen));
				continue;
			}
			assert_true(wire_next(&w, got, &glen));
			assert_int_equal(glen, len);
			assert_int_equal(got[34], ICMP_ECHO_REPLY);
			assert_memory_equal(got + 38, f + 38, n + 4);
			/* Not to a broadcast, not with a wrong checksum. */
			make_ip(f, IP_B, NET_IP(10, 0, 0, 255), IP_PROTO_ICMP, ICMP_LEN + n);
			memcpy(f, MAC_ALL, 6);
			wire_input(&w, f, len);
			make_ip(f, IP_B, IP_A, IP_PROTO_ICMP, ICMP_LEN + n);
			icmp[3] ^= 1;
			wire_input(&w, f, len);
			assert_false(wire_next(&w, got, &glen));
		}
		wire_stop(&w);
	}
}

static void F13_echo_replies_must_match_the_question(void **state)
{
	struct wire w;
	struct net_ping_reply r;
	uint8_t f[FRAME_MAX], reply[FRAME_MAX], *icmp = reply + ETH_LEN + IP_LEN;
	size_t len;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(net_ping(w.net, IP_B, 3, 10), 0);
	assert_true(wire_next(&w, f, &len));
	for (int wrong = 0; wrong <= 3; wrong++) {
		memcpy(icmp, f + 34, 18);
		icmp[0] = 0;
		put16(icmp + 2, 0);
		if (wrong == 1)
			icmp[4] ^= 1;			/* identifier */
		if (wrong == 2)
			icmp[7] ^= 1;			/* sequence number */
		put16(icmp + 2, ~slow_sum(icmp, 18));
		len = make_ip(reply, wrong == 3 ? IP_GW : IP_B, IP_A, IP_PROTO_ICMP, 18);
		if (wrong != 0)
			wire_input(&w, reply, len);
		assert_false(net_ping_result(w.net, &r));
	}
	memcpy(icmp, f + 34, 18);
	icmp[0] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 2, ~slow_sum(icmp, 18));
	len = make_ip(reply, IP_B, IP_A, IP_PROTO_ICMP, 18);
	wire_pass(&w, 5000);
	wire_input(&w, reply, len);
	assert_int_equal(wire_events(&w, NET_KIND_STACK), NET_EV_PING);
	assert_true(net_ping_result(w.net, &r));
	assert_true(r.ip == IP_B && r.seq == 3 && r.len == 10 && r.rtt_us == 5000);
	wire_input(&w, reply, len);			/* once is enough */
	assert_false(net_ping_result(w.net, &r));
	wire_stop(&w);
}

/* ---- UDP ---- */

static void F14_udp_queue_is_bounded_and_keeps_order(void **state)
{
	struct wire w;
	struct udp_sock *s;
	uint8_t f[FRAME_MAX], data[1472], buf[1472];
	uint64_t seed = 17;
	unsigned int sent = 0, taken = 0;
	uint16_t lens[4096];

	(void)state;
	wire_config(&w);
	w.cfg.udp_rcvbuf = 4096;
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, &w, &s), 0);
	for (int round = 0; round < 2000; round++) {
		uint64_t full = STAT(&w, udp_full);
		uint16_t n = (uint16_t)(rnd(&seed) % 3 == 0 ? rnd(&seed) % 1473 : rnd(&seed) % 40), port;
		uint32_t ip;
		long k;

		memset(data, (int)sent, n);
		wire_input(&w, f, make_udp(f, IP_B, IP_A, (uint16_t)(1 + sent), 7, data, n));
		if (STAT(&w, udp_full) == full)
			lens[sent++ % 4096] = n;
		assert_true(s->used <= 4096);
		while (rnd(&seed) % 2 != 0 && (k = udp_recvfrom(s, buf, sizeof(buf), &ip, &port)) >= 0) {
			assert_int_equal(k, lens[taken % 4096]);
			assert_true(ip == IP_B && port == 1 + taken);
			for (long i = 0; i < k; i++)
				assert_int_equal(buf[i], (uint8_t)taken);
			taken++;
		}
	}
	assert_true(STAT(&w, udp_full) > 100 && taken > 500);
	assert_int_equal(STAT(&w, udp_full) + STAT(&w, udp_in), 2000);
	wire_stop(&w);
}

static void udp_cuts_what_does_not_fit_into_the_callers_buffer(void **state)
{
	struct wire w;
	struct udp_sock *s, *t;
	uint8_t f[FRAME_MAX];
	char buf[4] = "....";

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	assert_int_equal(udp_open(w.net, 7, NULL, &t), NET_EINUSE);
	wire_input(&w, f, make_udp(f, IP_B, IP_A, 5, 7, "abcdef", 6));
	assert_int_equal(wire_events(&w, NET_KIND_UDP), NET_EV_READABLE);
	assert_int_equal(udp_recvfrom(s, buf, 3, NULL, NULL), 6);
	assert_memory_equal(buf, "abc.", 4);
	/* Another port: silence, since it may be another program's. */
	wire_input(&w, f, make_udp(f, IP_B, IP_A, 5, 8, "abcdef", 6));
	assert_int_equal(STAT(&w, udp_noport), 1);
	assert_int_equal(wire_drain(&w), 0);
	/* A wrong checksum. */
	make_udp(f, IP_B, IP_A, 5, 7, "abcdef", 6);
	f[43] ^= 1;
	wire_input(&w, f, 48);
	assert_int_equal(STAT(&w, udp_bad), 1);
	udp_close(s);
	for (int i = 0; i < 4; i++)
		assert_int_equal(udp_open(w.net, 0, NULL, &s), 0);
	assert_int_equal(udp_open(w.net, 0, NULL, &s), NET_ENOMEM);
	wire_stop(&w);
}

static void datagrams_wait_in_slots_for_the_device_and_no_longer(void **state)
{
	struct wire w;
	struct udp_sock *s;
	static uint8_t data[1000];

	(void)state;
	wire_config(&w);
	w.cfg.tx_slots = 4;
	w.netif.tx_done = wire_tx_done;
	wire_ready(&w);
	w.lazy = true;
	w.done = w.accepted;
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(udp_sendto(s, IP_B, 9, data, sizeof(data)), 0);
	assert_int_equal(udp_sendto(s, IP_B, 9, data, sizeof(data)), NET_EAGAIN);
	w.done += 2;
	assert_int_equal(udp_sendto(s, IP_B, 9, data, sizeof(data)), 0);
	for (int i = 0; i < 10; i++)		/* short ones are copied and wait for nobody */
		assert_int_equal(udp_sendto(s, IP_B, 9, data, 86), 0);
	w.full = true;
	assert_int_equal(udp_sendto(s, IP_B, 9, data, 10), NET_EAGAIN);
	w.full = false;
	w.done = w.accepted;
	assert_int_equal(udp_sendto(s, IP_B, 9, data, 10), 0);
	assert_int_equal(w.net->slots.used, 0);
	assert_int_equal(udp_sendto(s, IP_B, 0, data, 10), NET_EINVAL);
	wire_stop(&w);
}

static bool swallow(void *arg, const uint8_t *frame, size_t len)
{
	(void)len;
	++*(unsigned int *)arg;
	return frame[12] == 0x88;
}

static void raw_frames_pass_the_hook_first_and_can_be_sent(void **state)
{
	struct wire w;
	uint8_t f[1600], got[FRAME_MAX];
	unsigned int seen = 0;
	size_t len;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	net_set_raw_hook(w.net, swallow, &seen);
	make_eth(f, MAC_A, MAC_B, 0x88b5);
	wire_input(&w, f, 60);
	make_eth(f, MAC_A, MAC_B, 0x9000);
	wire_input(&w, f, 60);
	assert_int_equal(seen, 2);
	assert_int_equal(STAT(&w, eth_other), 1);
	make_arp(f, MAC_B, ARP_REQUEST, MAC_A, IP_A, MAC_B, IP_B);
	assert_int_equal(net_raw_send(w.net, f, 13), NET_EINVAL);
	assert_int_equal(net_raw_send(w.net, f, 1515), NET_EMSGSIZE);
	assert_int_equal(net_raw_send(w.net, f, ETH_LEN + ARP_LEN), 0);
	assert_true(wire_next(&w, got, &len));
	assert_memory_equal(got, f, ETH_LEN + ARP_LEN);
	wire_stop(&w);
}

/* ---- DHCP ---- */

#define SERVER	NET_IP(10, 0, 0, 250)
#define GIVEN	NET_IP(10, 0, 0, 77)

struct dhcp_msg {			/* what the client sent */
	uint8_t type;
	uint32_t xid, ciaddr, src, dst, requested, server;
	bool to_all;
};

static void dhcp_config(struct wire *w)
{
	wire_config(w);
	w->cfg.ip = w->cfg.mask = w->cfg.router = 0;
	wire_start(w);
}

static bool dhcp_get(struct wire *w, struct dhcp_msg *m)
{
	uint8_t f[FRAME_MAX], reply[64];
	size_t len;

	while (wire_next(w, f, &len)) {
		const uint8_t *b = f + 42;

		if (get16(f + 12) == ETH_TYPE_ARP) {
			const struct arp_hdr *a = (const struct arp_hdr *)(f + ETH_LEN);

			wire_input(w, reply, make_arp(reply, MAC_A, ARP_REPLY, MAC_B, get32(a->tpa), MAC_A, get32(a->spa)));
			continue;
		}
		assert_true(get16(f + 34) == 68 && get16(f + 36) == 67);
		assert_true(len >= 42 + 300 && b[0] == 1 && b[1] == 1 && b[2] == 6 && get32(b + 236) == 0x63825363);
		assert_memory_equal(b + 28, MAC_A, 6);
		*m = (struct dhcp_msg){ .xid = get32(b + 4), .ciaddr = get32(b + 12), .src = get32(f + 26), .dst = get32(f + 30),
					.to_all = memcmp(f, MAC_ALL, 6) == 0 };
		for (const uint8_t *o = b + 240; *o != 255; o += 2 + o[1]) {
			assert_true(o + 2 + o[1] < f + len);
			if (*o == 53)
				m->type = o[2];
			if (*o == 50)
				m->requested = get32(o + 2);
			if (*o == 54)
				m->server = get32(o + 2);
		}
		return true;
	}
	return false;
}

struct dhcp_answer {
	uint8_t type;
	uint32_t xid, yiaddr, server, mask, router, dns, lease, t1, t2;
};

static size_t dhcp_make(uint8_t *f, const struct dhcp_answer *a)
{
	uint8_t b[400] = { 2, 1, 6 }, *o = b + 240;
	const struct { uint8_t code; uint32_t v; } opt[] = {
		{ 54, a->server }, { 1, a->mask }, { 3, a->router }, { 6, a->dns }, { 51, a->lease }, { 58, a->t1 }, { 59, a->t2 },
	};

	put32(b + 4, a->xid);
	put32(b + 16, a->yiaddr);
	memcpy(b + 28, MAC_A, 6);
	put32(b + 236, 0x63825363);
	*o++ = 53;
	*o++ = 1;
	*o++ = a->type;
	*o++ = 0;
	for (size_t i = 0; i < 7; i++) {
		if (opt[i].v == 0)
			continue;
		*o++ = opt[i].code;
		*o++ = 4;
		put32(o, opt[i].v);
		o += 4;
	}
	*o++ = 255;
	return make_udp(f, SERVER, a->yiaddr != 0 ? a->yiaddr : IP_BROADCAST, 67, 68, b, (size_t)(o - b));
}

static void dhcp_answer(struct wire *w, const struct dhcp_answer *a)
{
	uint8_t f[FRAME_MAX];
	size_t len = dhcp_make(f, a);

	wire_input(w, f, len);
}

static struct dhcp_answer offer_for(const struct dhcp_msg *m, uint8_t type)
{
	return (struct dhcp_answer){ .type = type, .xid = m->xid, .yiaddr = GIVEN, .server = SERVER, .mask = MASK, .router = IP_GW,
				     .dns = NET_IP(10, 0, 0, 3), .lease = 3600 };
}

/* DISCOVER, OFFER, REQUEST, ACK. */
static void dhcp_obtain(struct wire *w, uint32_t lease)
{
	struct dhcp_msg m;
	struct dhcp_answer a;

	net_dhcp_start(w->net);
	assert_true(dhcp_get(w, &m));
	assert_true(m.type == 1 && m.src == 0 && m.dst == IP_BROADCAST && m.to_all && m.ciaddr == 0);
	a = offer_for(&m, 2);
	dhcp_answer(w, &a);
	assert_true(dhcp_get(w, &m));
	assert_true(m.type == 3 && m.requested == GIVEN && m.server == SERVER && m.dst == IP_BROADCAST && m.src == 0);
	assert_int_equal(m.xid, a.xid);
	a = offer_for(&m, 5);
	a.lease = lease;
	dhcp_answer(w, &a);
}

static void dhcp_obtains_renews_and_loses_an_address(void **state)
{
	struct wire w;
	struct net_addr addr;
	struct dhcp_msg m;
	struct dhcp_answer a;
	uint64_t start;
	unsigned int unicast = 0, broadcast = 0;

	(void)state;
	dhcp_config(&w);
	dhcp_obtain(&w, 3600);
	start = w.now;
	assert_int_equal(wire_events(&w, NET_KIND_STACK), NET_EV_ADDR);
	net_get_addr(w.net, &addr);
	assert_true(addr.ip == GIVEN && addr.mask == MASK && addr.router == IP_GW && addr.dns == NET_IP(10, 0, 0, 3));
	assert_true(addr.lease_until_us == start + 3600 * (uint64_t)SECOND);

	/* T1 = half: renewal by unicast. */
	wire_pass(&w, 1800 * (uint64_t)SECOND - 1);
	assert_false(dhcp_get(&w, &m));
	wire_pass(&w, 1);
	assert_true(dhcp_get(&w, &m));
	assert_true(m.type == 3 && m.src == GIVEN && m.ciaddr == GIVEN && m.dst == SERVER && m.requested == 0 && m.server == 0);
	a = offer_for(&m, 5);
	dhcp_answer(&w, &a);
	assert_int_equal(wire_events(&w, NET_KIND_STACK), NET_EV_ADDR);
	net_get_addr(w.net, &addr);
	assert_true(addr.lease_until_us == start + 5400 * (uint64_t)SECOND);

	/* Silence: repeated, from T2 = 7/8 on by broadcast, and at the end the address is gone. */
	for (int i = 0; i < 7198; i++) {
		wire_pass(&w, SECOND / 2);
		while (dhcp_get(&w, &m)) {		/* which also answers ARP */
			assert_int_equal(m.type, 3);
			if (m.dst == SERVER)
				unicast++;
			else
				broadcast++;
		}
	}
	assert_true(unicast >= 3 && unicast < 12 && broadcast >= 2 && broadcast < 12);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, GIVEN);
	wire_pass(&w, 2 * SECOND);
	assert_int_equal(wire_events(&w, NET_KIND_STACK), NET_EV_ADDR);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, 0);
	wire_pass(&w, 5 * SECOND);
	assert_true(dhcp_get(&w, &m));
	assert_int_equal(m.type, 1);			/* and it begins again */
	wire_stop(&w);
}

static void dhcp_repeats_with_backoff_for_ever(void **state)
{
	struct wire w;
	struct dhcp_msg m;
	unsigned int n = 0;

	(void)state;
	dhcp_config(&w);
	net_dhcp_start(w.net);
	wire_pass(&w, 5 * SECOND);
	while (dhcp_get(&w, &m))
		n++;
	assert_int_equal(n, 2);				/* 0 s and 4 s +- 1 */
	wire_pass(&w, 3600 * (uint64_t)SECOND);
	while (dhcp_get(&w, &m)) {
		assert_int_equal(m.type, 1);
		n++;
	}
	assert_in_range(n, 3600 / 66, 3600 / 60 + 6);
	wire_stop(&w);
}

static void dhcp_nak_starts_over_without_spinning(void **state)
{
	struct wire w;
	struct dhcp_msg m;
	struct dhcp_answer a;
	struct net_addr addr;
	unsigned int n = 0;

	(void)state;
	dhcp_config(&w);
	net_dhcp_start(w.net);
	for (int i = 0; i < 1000; i++) {		/* a server that offers and refuses for 100 s */
		while (dhcp_get(&w, &m)) {
			n++;
			a = offer_for(&m, m.type == 1 ? 2 : 6);
			dhcp_answer(&w, &a);
		}
		wire_pass(&w, 100 * MS);
	}
	assert_in_range(n, 2 * 100 / 4, 2 * 100);
	net_dhcp_stop(w.net);
	wire_drain(&w);

	/* A NAK for a renewal takes the address at once. */
	dhcp_obtain(&w, 3600);
	wire_pass(&w, 1800 * (uint64_t)SECOND);
	assert_true(dhcp_get(&w, &m));
	a = offer_for(&m, 6);
	dhcp_answer(&w, &a);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, 0);
	assert_true(STAT(&w, dhcp_nak) > 10);
	wire_stop(&w);
}

static void dhcp_release_gives_the_address_back(void **state)
{
	struct wire w;
	struct dhcp_msg m;
	struct net_addr addr;
	uint8_t f[64];

	(void)state;
	dhcp_config(&w);
	dhcp_obtain(&w, 0xffffffff);
	net_get_addr(w.net, &addr);
	assert_true(addr.lease_until_us == NET_NEVER);
	assert_true(net_next_deadline(w.net) == NET_NEVER);	/* for ever is for ever */
	{
		struct arp_entry *e;

		arp_lookup(w.net, SERVER, &e);
		wire_drain(&w);
		wire_input(&w, f, make_arp(f, MAC_A, ARP_REPLY, MAC_B, SERVER, MAC_A, GIVEN));
	}
	net_dhcp_stop(w.net);
	assert_true(dhcp_get(&w, &m));
	assert_true(m.type == 7 && m.dst == SERVER && m.ciaddr == GIVEN && m.server == SERVER);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, 0);
	wire_stop(&w);
}

static void F13_dhcp_answers_of_strangers_are_ignored(void **state)
{
	struct wire w;
	struct dhcp_msg m;
	struct dhcp_answer a;
	struct net_addr addr;
	uint8_t f[FRAME_MAX];
	size_t len;

	(void)state;
	dhcp_config(&w);
	net_dhcp_start(w.net);
	assert_true(dhcp_get(&w, &m));
	for (int wrong = 0; wrong < 6; wrong++) {
		a = offer_for(&m, 2);
		if (wrong == 0)
			a.xid ^= 1;
		if (wrong == 1)
			a.type = 5;			/* an ACK for nothing */
		if (wrong == 2)
			a.type = 6;
		len = dhcp_make(f, &a);
		if (wrong == 3)
			f[42] = 1;			/* BOOTREQUEST */
		if (wrong == 4)
			f[42 + 28] ^= 4;		/* another's MAC */
		if (wrong == 5)
			f[42 + 236] = 0;		/* magic cookie */
		put16(f + 40, 0);
		wire_input(&w, f, len);
		assert_false(dhcp_get(&w, &m));
	}
	assert_int_equal(STAT(&w, dhcp_bad), 6);
	a = offer_for(&m, 2);
	dhcp_answer(&w, &a);
	assert_true(dhcp_get(&w, &m));
	a = offer_for(&m, 5);
	a.server++;					/* another server's ACK, another address */
	dhcp_answer(&w, &a);
	a = offer_for(&m, 5);
	a.yiaddr++;
	dhcp_answer(&w, &a);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, 0);
	a = offer_for(&m, 5);
	dhcp_answer(&w, &a);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, GIVEN);
	/* Bound: nobody can change it unasked. */
	a.yiaddr++;
	dhcp_answer(&w, &a);
	a.type = 6;
	dhcp_answer(&w, &a);
	net_get_addr(w.net, &addr);
	assert_int_equal(addr.ip, GIVEN);
	wire_stop(&w);
}

static void F12_dhcp_offers_of_impossible_addresses_are_refused(void **state)
{
	static const struct { uint32_t ip, mask; bool ok; } cases[] = {
		{ 0, MASK, false }, { NET_IP(127, 0, 0, 1), MASK, false }, { NET_IP(224, 1, 1, 1), MASK, false },
		{ IP_BROADCAST, MASK, false }, { NET_IP(10, 0, 0, 0), MASK, false }, { NET_IP(10, 0, 0, 255), MASK, false },
		{ GIVEN, 0, false }, { GIVEN, NET_IP(255, 0, 255, 0), false }, { GIVEN, NET_IP(0, 0, 0, 255), false },
		{ GIVEN, NET_IP(255, 255, 255, 255), true }, { GIVEN, NET_IP(255, 255, 255, 254), true }, { GIVEN, MASK, true },
	};
	struct wire w;
	struct dhcp_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dhcp_answer a;

		dhcp_config(&w);
		net_dhcp_start(w.net);
		assert_true(dhcp_get(&w, &m));
		a = offer_for(&m, 2);
		a.yiaddr = cases[i].ip;
		a.mask = cases[i].mask;
		dhcp_answer(&w, &a);
		assert_int_equal(dhcp_get(&w, &m), cases[i].ok);
		wire_stop(&w);
	}
}

static void F11_dhcp_options_with_every_lie_are_survived(void **state)
{
	struct wire w;
	struct dhcp_msg m;
	struct dhcp_answer a;
	uint8_t f[FRAME_MAX], b[700];
	uint64_t s = 23;

	(void)state;
	dhcp_config(&w);
	net_dhcp_start(w.net);
	assert_true(dhcp_get(&w, &m));
	a = offer_for(&m, 2);
	for (size_t cut = 0; cut < 290; cut++) {		/* every length */
		dhcp_make(f, &a);
		memcpy(b, f + 42, 290);
		wire_input(&w, f, make_udp(f, SERVER, IP_BROADCAST, 67, 68, b, cut));
		if (w.net->dhcp.state != DHCP_SELECTING)
			break;
	}
	wire_drain(&w);
	for (int i = 0; i < 20000; i++) {
		size_t len = 240 + rnd(&s) % 300;

		a.xid = w.net->dhcp.xid;
		a.type = (uint8_t)(rnd(&s) % 8);
		dhcp_make(f, &a);
		memcpy(b, f + 42, 290);
		for (size_t j = 244; j < len; j++)
			if (rnd(&s) % 4 == 0)
				b[j] = (uint8_t)rnd(&s);
		memcpy(f, MAC_A, 6);
		wire_input(&w, f, make_udp(f, SERVER, IP_BROADCAST, 67, 68, b, len));
		if (i % 100 == 0)
			wire_pass(&w, 10 * SECOND);
		wire_drain(&w);
	}
	net_dhcp_stop(w.net);
	wire_drain(&w);
	arp_flush(w.net);
	assert_int_equal(w.net->slots.used, 0);
	wire_stop(&w);
}

static void F10_absurdly_short_leases_do_not_make_a_flood(void **state)
{
	struct wire w;
	struct dhcp_msg m;
	struct dhcp_answer a;
	unsigned int n = 0;

	(void)state;
	dhcp_config(&w);
	dhcp_obtain(&w, 1);
	for (int i = 0; i < 600; i++) {
		wire_pass(&w, SECOND);
		while (dhcp_get(&w, &m)) {
			n++;
			a = offer_for(&m, m.type == 1 ? 2 : 5);
			a.lease = 1;
			a.t1 = 0;
			a.t2 = 1;
			dhcp_answer(&w, &a);
		}
	}
	assert_true(n <= 600 / 30 + 1);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_wait_for_arp_and_leave_in_order),
		cmocka_unit_test(arp_gives_up_after_three_questions),
		cmocka_unit_test(packets_to_other_networks_go_to_the_router),
		cmocka_unit_test(arp_requests_are_answered_only_when_configured),
		cmocka_unit_test(F10_unsolicited_arp_teaches_nothing),
		cmocka_unit_test(F10_a_known_neighbour_is_not_replaced_while_he_answers),
		cmocka_unit_test(a_neighbour_that_moved_is_found_again),
		cmocka_unit_test(old_entries_are_asked_again_when_they_are_used),
		cmocka_unit_test(F11_malformed_arp_is_dropped),
		cmocka_unit_test(echo_requests_are_answered_only_when_configured),
		cmocka_unit_test(F13_echo_replies_must_match_the_question),
		cmocka_unit_test(F14_udp_queue_is_bounded_and_keeps_order),
		cmocka_unit_test(udp_cuts_what_does_not_fit_into_the_callers_buffer),
		cmocka_unit_test(datagrams_wait_in_slots_for_the_device_and_no_longer),
		cmocka_unit_test(raw_frames_pass_the_hook_first_and_can_be_sent),
		cmocka_unit_test(dhcp_obtains_renews_and_loses_an_address),
		cmocka_unit_test(dhcp_repeats_with_backoff_for_ever),
		cmocka_unit_test(dhcp_nak_starts_over_without_spinning),
		cmocka_unit_test(dhcp_release_gives_the_address_back),
		cmocka_unit_test(F13_dhcp_answers_of_strangers_are_ignored),
		cmocka_unit_test(F12_dhcp_offers_of_impossible_addresses_are_refused),
		cmocka_unit_test(F11_dhcp_options_with_every_lie_are_survived),
		cmocka_unit_test(F10_absurdly_short_leases_do_not_make_a_flood),
	};

	return cmocka_run_group_tests_name("net_link", tests, NULL, NULL);
}
