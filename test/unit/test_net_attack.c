/*
 * test_net_attack.c - floods, lies and forgeries: F10 to F13, F15 of the list of attacks
 */
#include "net_harness.h"

/* ---- F13: forged segments for a connection that exists ---- */

static void F13_spoofed_rst_in_window_gets_challenge_ack(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	for (uint32_t ahead = 1; ahead < 16384; ahead += 2000) {
		peer_at(&w, TCP_RST, w.seq + ahead, 0, NULL, 0);
		peer_expect_ack(&w);
		assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	}
	assert_int_equal(STAT(&w, tcp_rst_in), 0);
	peer_at(&w, TCP_RST, w.seq, 0, NULL, 0);
	assert_int_equal(tcp_error(c), NET_ERESET);
	wire_stop(&w);
}

static void F13_spoofed_rst_outside_the_window_is_dropped_in_silence(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_at(&w, TCP_RST, w.seq - 1, 0, NULL, 0);
	peer_at(&w, TCP_RST, w.seq + 16384, 0, NULL, 0);
	peer_at(&w, TCP_RST, w.seq + 0x80000000, 0, NULL, 0);
	peer_expect_nothing(&w);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void F13_spoofed_syn_in_window_gets_challenge_ack(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_at(&w, TCP_SYN, w.seq, 0, NULL, 0);
	peer_expect_ack(&w);
	peer_at(&w, TCP_SYN | TCP_ACK, w.seq + 5, w.ack, NULL, 0);
	peer_expect_ack(&w);
	peer_at(&w, TCP_SYN, w.seq - 100000, 0, NULL, 0);
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void F13_ack_of_the_future_is_challenged_and_its_text_not_taken(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[8];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_at(&w, TCP_ACK, w.seq, w.ack + 1, "evil", 4);
	peer_expect_ack(&w);
	peer_at(&w, TCP_ACK, w.seq, w.ack + 0x7fffffff, "evil", 4);
	peer_expect_ack(&w);
	/* RFC 5961 5.2: so is one older than the largest window. */
	peer_at(&w, TCP_ACK, w.seq, w.ack - 65536, "evil", 4);
	peer_expect_ack(&w);
	assert_int_equal(tcp_recv(c, buf, 8), NET_EAGAIN);
	assert_int_equal(STAT(&w, tcp_bad_ack), 3);
	/* No ACK flag: dropped (3.10.7.4, fifth step). */
	peer_at(&w, 0, w.seq, 0, "evil", 4);
	peer_expect_nothing(&w);
	assert_int_equal(tcp_recv(c, buf, 8), NET_EAGAIN);
	/* An old ACK within the window is usual. */
	peer_send(&w, TCP_ACK, "good", 4);
	assert_int_equal(tcp_recv(c, buf, 8), 4);
	wire_stop(&w);
}

static void F13_old_duplicates_are_acknowledged_and_change_nothing(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[8];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_send(&w, TCP_ACK, "good", 4);
	assert_int_equal(tcp_recv(c, buf, 8), 4);
	peer_at(&w, TCP_ACK, w.seq - 4, w.ack, "evil", 4);
	peer_expect_ack(&w);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq - 5, w.ack, "evil", 4);
	peer_expect_ack(&w);
	peer_at(&w, TCP_ACK, w.seq + 16384, w.ack, "evil", 4);
	peer_expect_ack(&w);
	assert_int_equal(tcp_recv(c, buf, 8), NET_EAGAIN);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void F13_challenge_acks_are_limited_per_connection_and_not_in_common(void **state)
{
	struct wire w;
	struct tcp_conn *a, *b;
	uint32_t seq_a, seq_b, ack_a;

	(void)state;
	wire_config(&w);
	a = wire_open(&w);
	seq_a = w.seq;
	ack_a = w.ack;
	w.sport++;
	w.seq = 7000000;
	b = wire_open(&w);
	seq_b = w.seq;
	w.sport--;
	for (int i = 0; i < 1000; i++)
		peer_at(&w, TCP_RST, seq_a + 1 + (uint32_t)i, 0, NULL, 0);
	assert_int_equal(wire_drain(&w), CHALLENGE_RATE);
	assert_int_equal(STAT(&w, tcp_challenge_limited), 1000 - CHALLENGE_RATE);
	/* What was spent on one connection tells nothing about another (CVE-2016-5696). */
	w.sport++;
	for (int i = 0; i < 5; i++)
		peer_at(&w, TCP_RST, seq_b + 1 + (uint32_t)i, 0, NULL, 0);
	assert_int_equal(wire_drain(&w), 5);
	w.sport--;
	wire_pass(&w, SECOND);
	peer_at(&w, TCP_SYN, seq_a + 5, ack_a, NULL, 0);
	assert_int_equal(wire_drain(&w), 1);
	assert_int_equal(tcp_state(a), TCP_ESTABLISHED);
	assert_int_equal(tcp_state(b), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void F13_two_stacks_do_not_answer_acks_with_acks_for_ever(void **state)
{
	struct wire w;
	struct got g;
	unsigned int n = 0;

	(void)state;
	wire_config(&w);
	wire_open(&w);
	/* Each answer provokes the next, as between two confused peers. */
	peer_at(&w, TCP_ACK, w.seq - 10, w.ack, NULL, 0);
	while (peer_get(&w, &g)) {
		n++;
		peer_at(&w, TCP_ACK, w.seq - 10, w.ack, NULL, 0);
	}
	assert_int_equal(n, CHALLENGE_RATE);
	wire_stop(&w);
}

/* ---- F10: floods ---- */

static void F10_syn_flood_leaves_established_connections_and_memory_alone(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct tcp_listener *l;
	uint64_t s = 1;
	unsigned int fresh;
	char buf[8];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	l = tcp_find_listener(w.net, 80);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 5000; i++) {
			struct tcp_fields t = peer_fields(&w, TCP_SYN, (uint32_t)rnd(&s), 0, NULL, 0);

			t.src = NET_IP(172, 16, 0, 0) | (uint32_t)(rnd(&s) & 0xffff);
			t.sport = (uint16_t)(1 + rnd(&s) % 65535);
			peer_raw(&w, &t);
			assert_true(w.net->nhalfopen <= 8);	/* the listener's backlog */
			assert_true(w.net->conns.used <= 9);
		}
		wire_drain(&w);
		peer_send(&w, TCP_ACK, "ping", 4);
		assert_int_equal(tcp_recv(c, buf, 8), 4);
		assert_int_equal(tcp_send(c, "pong", 4), 4);
		peer_expect(&w, TCP_ACK, 4);
		peer_send(&w, TCP_ACK, NULL, 0);
		wire_pass(&w, 10 * MS);
		wire_drain(&w);
	}
	fresh = w.net->conns.fresh;
	assert_true(fresh <= 9);
	assert_int_equal(w.net->bufs.used, 1);
	/* And when it is over, within half a minute or so, everybody is served again. */
	wire_pass(&w, 70 * SECOND);
	wire_drain(&w);
	assert_int_equal(w.net->nhalfopen, 0);
	wire_know_peer(&w);
	w.sport = 4999;
	w.seq = 5;
	wire_accept(&w, l);
	wire_stop(&w);
}

static void F10_spoofed_neighbours_do_not_push_the_router_out_of_the_arp_cache(void **state)
{
	struct wire w;
	struct arp_entry *e;
	struct udp_sock *s;
	uint8_t f[64];

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	arp_lookup(w.net, IP_GW, &e);
	wire_input(&w, f, make_arp(f, MAC_A, ARP_REPLY, MAC_B, IP_GW, MAC_A, IP_A));
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	for (uint32_t i = 3; i < 250; i++) {
		udp_sendto(s, NET_IP(10, 0, 0, i), 7, "x", 1);
		wire_pass(&w, 1 * MS);
	}
	assert_non_null(arp_lookup(w.net, IP_GW, &e));
	assert_non_null(arp_lookup(w.net, IP_B, &e));
	assert_true(w.net->slots.used <= w.cfg.tx_slots / 2);
	wire_drain(&w);
	assert_int_equal(udp_sendto(s, IP_B, 7, "x", 1), 0);	/* who is known is still reached */
	assert_int_equal(wire_drain(&w), 1);
	wire_pass(&w, 10 * SECOND);
	wire_drain(&w);
	assert_int_equal(w.net->slots.used, 0);
	wire_stop(&w);
}

static void F10_random_frames_and_fragments_cost_nothing_but_a_count(void **state)
{
	struct wire w;
	uint64_t s = 42;
	uint8_t f[64];

	(void)state;
	wire_config(&w);
	w.cfg.answer_arp = w.cfg.answer_icmp = w.cfg.own_all_ports = true;
	wire_open(&w);
	for (int i = 0; i < 200000; i++) {
		for (size_t j = 0; j < sizeof(f); j += 8) {
			uint64_t x = rnd(&s);

			memcpy(f + j, &x, 8);
		}
		memcpy(f, MAC_A, 6);
		f[6] &= 0xfe;
		put16(f + 12, i % 2 != 0 ? ETH_TYPE_IP : ETH_TYPE_ARP);
		if (i % 4 == 1) {			/* some with a good header, some of them fragments */
			f[ETH_LEN] = 0x45;
			put16(f + ETH_LEN + 2, 50);
			fix_ip(f);
		}
		wire_input(&w, f, sizeof(f));
	}
	assert_int_equal(STAT(&w, rx_frames), STAT(&w, eth_short) + STAT(&w, eth_other) + STAT(&w, arp_bad) + STAT(&w, arp_in) +
			 STAT(&w, ip_header) + STAT(&w, ip_checksum) + STAT(&w, ip_options) + STAT(&w, ip_fragment) +
			 STAT(&w, ip_martian) + STAT(&w, ip_notforus) + STAT(&w, ip_protocol) + STAT(&w, icmp_bad) +
			 STAT(&w, icmp_in) + STAT(&w, udp_bad) + STAT(&w, udp_noport) + STAT(&w, udp_full) + STAT(&w, udp_in) +
			 STAT(&w, tcp_bad) + STAT(&w, tcp_noport) + STAT(&w, tcp_in));
	assert_int_equal(w.net->conns.used, 1);
	wire_stop(&w);
}

static void F10_icmp_errors_and_redirects_change_nothing(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	uint8_t f[128], *icmp = f + ETH_LEN + IP_LEN;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	for (int type = 3; type <= 18; type++)
		for (int code = 0; code < 16; code++) {
			if (type == 8)
				continue;
			memset(f, 0, sizeof(f));
			icmp[0] = (uint8_t)type;
			icmp[1] = (uint8_t)code;
			put16(icmp + 6, 68);		/* "packet too big, 68" */
			icmp[8] = 0x45;
			put16(icmp + 10, 40);
			icmp[17] = IP_PROTO_TCP;
			put32(icmp + 20, IP_A);
			put32(icmp + 24, IP_B);
			put16(icmp + 28, 80);
			put16(icmp + 30, w.sport);
			put16(icmp + 2, ~slow_sum(icmp, 36));
			wire_input(&w, f, make_ip(f, IP_B, IP_A, IP_PROTO_ICMP, 36));
		}
	assert_int_equal(STAT(&w, icmp_ignored), 15 * 16);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	assert_int_equal(c->mss, 1460);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

static void F10_port_unreachables_are_limited(void **state)
{
	struct wire w;
	uint8_t f[64];

	(void)state;
	wire_config(&w);
	w.cfg.own_all_ports = true;
	wire_ready(&w);
	for (int i = 0; i < 1000; i++)
		wire_input(&w, f, make_udp(f, IP_B, IP_A, 5, 6, "x", 1));
	assert_int_equal(wire_drain(&w), 10);
	wire_stop(&w);
}

/* ---- F11: lengths that lie ---- */

static void F11_tcp_header_lies_are_dropped_and_counted(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	uint8_t f[128], *h = f + ETH_LEN + IP_LEN;
	struct tcp_fields t;
	uint64_t before;
	size_t len;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	for (unsigned int offset = 0; offset < 16; offset++) {
		if (offset >= 5 && offset * 4 <= TCP_LEN + 8)
			continue;			/* these would be true */
		t = peer_fields(&w, TCP_ACK, w.seq, w.ack, "12345678", 8);
		len = make_tcp(f, &t);
		h[12] = (uint8_t)(offset << 4);
		fix_l4(f, 16, TCP_LEN + 8);
		before = STAT(&w, tcp_bad);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, tcp_bad), before + 1);
	}
	for (size_t cut = 0; cut < TCP_LEN; cut++) {	/* a segment shorter than a header */
		t = peer_fields(&w, TCP_ACK, w.seq, w.ack, NULL, 0);
		make_tcp(f, &t);
		len = make_ip(f, IP_B, IP_A, IP_PROTO_TCP, cut);
		before = STAT(&w, tcp_bad);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, tcp_bad), before + 1);
	}
	assert_int_equal(tcp_readable(c), 0);
	wire_stop(&w);
}

static void F11_tcp_options_that_lie_are_dropped_and_end_no_loop(void **state)
{
	static const struct {
		uint8_t o[8];
		bool bad;
	} cases[] = {
		{ { 2, 0, 5, 180, 1, 1, 1, 1 }, true },		/* length 0 */
		{ { 2, 1, 5, 180, 1, 1, 1, 1 }, true },		/* length 1 */
		{ { 2, 9, 5, 180, 1, 1, 1, 1 }, true },		/* beyond the header */
		{ { 1, 1, 1, 1, 1, 1, 1, 99 }, true },		/* no room for a length */
		{ { 1, 1, 1, 1, 99, 255, 1, 1 }, true },
		{ { 5, 8, 255, 255, 255, 255, 0, 0 }, false },	/* SACK nobody asked for */
		{ { 0, 0, 0, 0, 0, 0, 0, 0 }, false },
		{ { 0, 99, 99, 99, 99, 99, 99, 99 }, false },	/* after the end there is nothing */
		{ { 2, 3, 5, 1, 3, 2, 1, 1 }, false },		/* wrong lengths of known options: not them */
		{ { 8, 8, 1, 2, 3, 4, 5, 6 }, false },
	};
	struct wire w;
	struct tcp_listener *l;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_halfopen = 4;
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 64, NULL, &l), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_fields t = peer_fields(&w, TCP_SYN, 100, 0, NULL, 0);
		uint64_t bad = STAT(&w, tcp_bad);

		t.options = cases[i].o;
		t.optlen = 8;
		peer_raw(&w, &t);
		assert_int_equal(STAT(&w, tcp_bad) - bad, cases[i].bad);
		assert_int_equal(w.net->nhalfopen, !cases[i].bad);
		if (!cases[i].bad) {
			assert_int_equal(tcp_find(w.net, IP_A, 80, IP_B, w.sport)->mss, 536);
			peer_at(&w, TCP_RST, 101, 0, NULL, 0);
		}
	}
	wire_stop(&w);
}

static void F11_absurd_mss_and_window_scale_are_clamped(void **state)
{
	static const uint8_t mss[][8] = {
		{ 2, 4, 0, 0, 1, 3, 3, 255 }, { 2, 4, 0, 1, 1, 3, 3, 15 }, { 2, 4, 255, 255, 1, 3, 3, 0 },
	};
	static const uint32_t want[] = { 536, 64, 1460 };
	struct wire w;
	struct tcp_listener *l;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 8, NULL, &l), 0);
	for (int i = 0; i < 3; i++) {
		struct tcp_fields t = peer_fields(&w, TCP_SYN, 100, 0, NULL, 0);
		struct tcp_conn *c;

		t.options = mss[i];
		t.optlen = 8;
		peer_raw(&w, &t);
		c = tcp_find(w.net, IP_A, 80, IP_B, w.sport);
		assert_int_equal(c->mss, want[i]);
		assert_true(c->snd_scale <= 14);
		peer_at(&w, TCP_RST, 101, 0, NULL, 0);
	}
	wire_stop(&w);
}

static void F11_ip_lengths_that_lie_are_dropped(void **state)
{
	struct wire w;
	uint8_t f[128];
	struct tcp_fields t;
	uint64_t before;
	size_t len;

	(void)state;
	wire_config(&w);
	wire_open(&w);
	t = peer_fields(&w, TCP_ACK, w.seq, w.ack, "12345678", 8);
	for (uint32_t total = 0; total <= 65535; total += total < 200 ? 1 : 997) {
		if (total >= 20 && total <= 48)
			continue;
		len = make_tcp(f, &t);
		put16(f + ETH_LEN + 2, total);
		fix_ip(f);
		before = STAT(&w, ip_header);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, ip_header), before + 1);
	}
	for (uint8_t ihl = 0; ihl < 5; ihl++) {
		len = make_tcp(f, &t);
		f[ETH_LEN] = 0x40 | ihl;
		before = STAT(&w, ip_header);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, ip_header), before + 1);
	}
	for (uint8_t version = 0; version < 16; version++) {
		if (version == 4)
			continue;
		len = make_tcp(f, &t);
		f[ETH_LEN] = (uint8_t)(version << 4 | 5);
		fix_ip(f);
		before = STAT(&w, ip_header);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, ip_header), before + 1);
	}
	for (uint8_t ihl = 6; ihl < 16; ihl++) {	/* options: dropped whole, in the frame or beyond it */
		len = make_tcp(f, &t);
		f[ETH_LEN] = 0x40 | ihl;
		if ((size_t)ihl * 4 <= 48)
			fix_ip(f);
		wire_input(&w, f, len);
	}
	assert_true(STAT(&w, ip_options) >= 6);
	wire_stop(&w);
}

static void F11_udp_lengths_that_lie_are_dropped(void **state)
{
	struct wire w;
	struct udp_sock *s;
	uint8_t f[128], buf[64];
	uint64_t before;
	size_t len;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	for (uint32_t ulen = 0; ulen <= 65535; ulen += ulen < 100 ? 1 : 997) {
		if (ulen >= 8 && ulen <= 16)
			continue;
		len = make_udp(f, IP_B, IP_A, 5, 7, "12345678", 8);
		put16(f + ETH_LEN + IP_LEN + 4, ulen);
		put16(f + ETH_LEN + IP_LEN + 6, 0);	/* no checksum to save us */
		before = STAT(&w, udp_bad);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, udp_bad), before + 1);
	}
	for (size_t cut = 0; cut < UDP_LEN; cut++) {
		make_udp(f, IP_B, IP_A, 5, 7, "12345678", 8);
		len = make_ip(f, IP_B, IP_A, IP_PROTO_UDP, cut);
		before = STAT(&w, udp_bad);
		wire_input(&w, f, len);
		assert_int_equal(STAT(&w, udp_bad), before + 1);
	}
	assert_int_equal(udp_recvfrom(s, buf, sizeof(buf), NULL, NULL), NET_EAGAIN);
	/* Shorter than its packet is allowed: the rest is padding. */
	make_udp(f, IP_B, IP_A, 5, 7, "1234", 4);
	memcpy(f + 46, "5678", 4);
	len = make_ip(f, IP_B, IP_A, IP_PROTO_UDP, 16);
	wire_input(&w, f, len);
	assert_int_equal(udp_recvfrom(s, buf, sizeof(buf), NULL, NULL), 4);
	wire_stop(&w);
}

/* Valid frames of every kind the stack understands, at most 1514 bytes. */
static size_t valid_frame(struct wire *w, uint8_t *f, uint64_t *s)
{
	static uint8_t data[1600];
	static const uint8_t options[8] = { 2, 4, 5, 180, 1, 3, 3, 7 };
	struct tcp_fields t = peer_fields(w, (uint8_t)rnd(s), w->seq + (uint32_t)(rnd(s) % 3000), w->ack - (uint32_t)(rnd(s) % 3), data,
					  rnd(s) % 1400);

	switch (rnd(s) % 8) {
	case 0:
		return make_arp(f, rnd(s) % 2 != 0 ? MAC_A : MAC_ALL, 1 + rnd(s) % 2, MAC_B, IP_B, MAC_A, IP_A);
	case 1:
		memset(f + 34, 0, 8);
		f[34] = rnd(s) % 2 != 0 ? 8 : 0;
		put16(f + 36, ~slow_sum(f + 34, 8));
		return make_ip(f, IP_B, IP_A, IP_PROTO_ICMP, 8);
	case 2:
		return make_udp(f, IP_B, IP_A, 5, 7, data, rnd(s) % 1472);
	case 3:
		return make_udp(f, IP_B, IP_A, 67, 68, data, 240 + rnd(s) % 300);
	case 4:
		t.options = options;
		t.optlen = 8;
		t.flags = TCP_SYN;
		t.sport = (uint16_t)rnd(s);
		return make_tcp(f, &t);
	case 5:
		t.sport = (uint16_t)rnd(s);
		return make_tcp(f, &t);
	default:
		t.flags &= (uint8_t)~TCP_RST;
		if (rnd(s) % 2 != 0)
			t.flags |= TCP_ACK;
		return make_tcp(f, &t);
	}
}

static void F11_every_length_of_random_and_mutated_frames_is_survived(void **state)
{
	uint64_t s = 99;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct wire w;
		struct udp_sock *u;
		uint8_t f[1700];

		wire_config(&w);
		w.cfg.answer_arp = w.cfg.answer_icmp = true;
		w.cfg.own_all_ports = round % 2 != 0;
		wire_open(&w);
		assert_int_equal(udp_open(w.net, 7, NULL, &u), 0);
		if (round % 4 == 3)
			net_dhcp_start(w.net);
		for (size_t len = 0; len <= 1600; len++) {
			size_t valid;

			for (size_t i = 0; i < sizeof(f); i++)
				f[i] = (uint8_t)rnd(&s);
			wire_input(&w, f, len);			/* noise */
			memcpy(f, MAC_A, 6);
			f[6] = 2;
			put16(f + 12, len % 2 != 0 ? ETH_TYPE_IP : ETH_TYPE_ARP);
			wire_input(&w, f, len);			/* addressed noise */
			valid = valid_frame(&w, f, &s);
			wire_input(&w, f, len < valid ? len : valid);	/* cut off */
			for (int i = 0; i < 4; i++) {		/* bits turned, checksums mended so that it gets further */
				f[ETH_LEN + rnd(&s) % (valid - ETH_LEN)] ^= (uint8_t)(1 << rnd(&s) % 8);
				if (get16(f + 12) == ETH_TYPE_IP && valid >= ETH_LEN + IP_LEN + TCP_LEN) {
					f[ETH_LEN] = 0x45;
					fix_ip(f);
					if (f[ETH_LEN + 9] == IP_PROTO_TCP)
						fix_l4(f, 16, valid - ETH_LEN - IP_LEN);
				}
				wire_input(&w, f, valid);
			}
			wire_pass(&w, rnd(&s) % (200 * MS));
			wire_events(&w, NET_KIND_CONN);
		}
		wire_drain(&w);
		assert_true(w.net->conns.used <= 1 + 8 + 8 + 64);
		/* Whatever happened, a friend is still served. */
		wire_pass(&w, 120 * SECOND);
		wire_drain(&w);
		if (round % 4 != 3) {
			wire_know_peer(&w);
			w.sport = 61000;
			w.seq = 5;
			while (true) {
				struct tcp_conn *c;

				if (tcp_accept(tcp_find_listener(w.net, 80), NULL, &c) != 0)
					break;
				tcp_abort(c);
			}
			wire_drain(&w);
			wire_open(&w);
		}
		wire_stop(&w);
	}
}

/* ---- F12: impossible addresses ---- */

static void F12_land_packets_and_martians_are_dropped(void **state)
{
	static const uint32_t sources[] = {
		IP_A, 0, NET_IP(0, 1, 2, 3), NET_IP(127, 0, 0, 1), NET_IP(224, 0, 0, 1), NET_IP(239, 255, 255, 255),
		NET_IP(240, 0, 0, 1), NET_IP(255, 255, 255, 255), NET_IP(10, 0, 0, 255),
	};
	static const uint32_t targets[] = { NET_IP(127, 0, 0, 1), 0 };
	struct wire w;
	struct tcp_listener *l;
	struct tcp_fields t;

	(void)state;
	wire_config(&w);
	w.cfg.own_all_ports = w.cfg.answer_icmp = true;
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 8, NULL, &l), 0);
	t = peer_fields(&w, TCP_SYN, 100, 0, NULL, 0);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		t.src = sources[i];
		peer_raw(&w, &t);
		assert_int_equal(STAT(&w, ip_martian), i + 1);
	}
	t.src = IP_A;				/* land: the same port, too */
	t.sport = 80;
	peer_raw(&w, &t);
	t = peer_fields(&w, TCP_SYN, 100, 0, NULL, 0);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		t.dst = targets[i];
		peer_raw(&w, &t);
	}
	t.dst = NET_IP(224, 0, 0, 1);
	peer_raw(&w, &t);
	t.dst = NET_IP(10, 0, 0, 3);
	peer_raw(&w, &t);
	assert_int_equal(STAT(&w, ip_notforus), 2);
	assert_int_equal(wire_drain(&w), 0);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F12_tcp_to_broadcast_and_unicast_in_a_broadcast_frame_are_dropped(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_fields t;
	uint8_t f[128];
	size_t len;

	(void)state;
	wire_config(&w);
	w.cfg.own_all_ports = true;
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 8, NULL, &l), 0);
	t = peer_fields(&w, TCP_SYN, 100, 0, NULL, 0);
	len = make_tcp(f, &t);
	memcpy(f, MAC_ALL, 6);
	wire_input(&w, f, len);
	assert_int_equal(STAT(&w, ip_martian), 1);
	t.dst = NET_IP(10, 0, 0, 255);
	len = make_tcp(f, &t);
	memcpy(f, MAC_ALL, 6);
	wire_input(&w, f, len);
	wire_input(&w, f, len);
	assert_int_equal(STAT(&w, tcp_bad), 2);
	t.dst = IP_A;
	len = make_tcp(f, &t);
	f[6] |= 1;				/* from a group address */
	wire_input(&w, f, len);
	assert_int_equal(STAT(&w, eth_other), 1);
	assert_int_equal(wire_drain(&w), 0);
	wire_stop(&w);
}

static void F12_port_zero_is_nobody(void **state)
{
	struct wire w;
	struct tcp_fields t;

	(void)state;
	wire_config(&w);
	w.cfg.own_all_ports = true;
	wire_ready(&w);
	t = peer_fields(&w, TCP_SYN, 100, 0, NULL, 0);
	t.sport = 0;
	peer_raw(&w, &t);
	t.sport = 5;
	t.dport = 0;
	peer_raw(&w, &t);
	assert_int_equal(STAT(&w, tcp_bad), 2);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

/* ---- F15: peers that never finish ---- */

static void F15_handshakes_that_are_never_finished_time_out(void **state)
{
	struct wire w;
	struct tcp_listener *l;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 64, NULL, &l), 0);
	for (int i = 0; i < 64; i++) {
		w.sport = (uint16_t)(4000 + i);
		peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
	}
	assert_int_equal(w.net->nhalfopen, 64);
	wire_pass(&w, 30 * SECOND);
	assert_int_equal(w.net->nhalfopen, 64);
	wire_pass(&w, 40 * SECOND);
	assert_int_equal(w.net->nhalfopen, 0);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F15_a_fin_that_is_never_acknowledged_times_out(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, "bye", 3), 3);
	tcp_close(c);
	wire_pass(&w, 50 * SECOND);
	assert_int_equal(w.net->bufs.used, 1);
	wire_pass(&w, 20 * SECOND);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F15_a_peer_that_acknowledges_our_fin_and_never_sends_its_own_times_out(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	tcp_close(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(c->state, TCP_FIN_WAIT_2);
	for (int i = 0; i < 59; i++) {		/* keeping it alive does not help */
		wire_pass(&w, SECOND);
		peer_at(&w, TCP_ACK, w.seq, w.ack, NULL, 0);
	}
	assert_int_equal(w.net->conns.used, 1);
	wire_pass(&w, 5 * SECOND);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F15_an_orphan_at_a_closed_window_times_out_although_the_peer_answers(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	w.wnd = 0;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_send(c, "unwanted", 8), 8);
	tcp_close(c);
	for (int i = 0; i < 100 && w.net->bufs.used > 0; i++) {
		wire_pass(&w, SECOND);
		while (peer_get(&w, &g))
			if ((g.flags & TCP_RST) == 0)
				peer_at(&w, TCP_ACK, w.seq, w.ack, NULL, 0);
	}
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F15_a_thousand_silent_readers_cost_what_was_agreed(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c[1000];
	static uint8_t data[65536];
	unsigned int n = 0;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_conns = 1000;
	w.cfg.tcp_sndbuf = w.cfg.tcp_rcvbuf = 4096;
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 8, NULL, &l), 0);
	for (int i = 0; i < 1100; i++) {
		uint32_t iss;
		struct got g;

		w.sport = (uint16_t)(2000 + i);
		peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
		if (!peer_get(&w, &g))
			continue;		/* full: some SYN-ACKs are never completed */
		iss = g.seq;
		peer_at(&w, TCP_ACK, 101, iss + 1, NULL, 0);
		if (tcp_accept(l, NULL, &c[n < 1000 ? n : 0]) == 0) {
			assert_true(n < 1000);
			assert_int_equal(tcp_send(c[n], data, sizeof(data)), 4096);
			n++;
		}
		wire_drain(&w);
	}
	assert_int_equal(n, 1000);
	assert_int_equal(w.net->bufs.used, 1000);
	wire_pass(&w, 170 * SECOND);
	wire_drain(&w);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(tcp_state(c[i]), TCP_ESTABLISHED);
	wire_pass(&w, 120 * SECOND);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(tcp_error(c[i]), NET_ETIMEDOUT);
		tcp_close(c[i]);
	}
	tcp_unlisten(l);
	assert_net_empty(w.net);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F13_spoofed_rst_in_window_gets_challenge_ack),
		cmocka_unit_test(F13_spoofed_rst_outside_the_window_is_dropped_in_silence),
		cmocka_unit_test(F13_spoofed_syn_in_window_gets_challenge_ack),
		cmocka_unit_test(F13_ack_of_the_future_is_challenged_and_its_text_not_taken),
		cmocka_unit_test(F13_old_duplicates_are_acknowledged_and_change_nothing),
		cmocka_unit_test(F13_challenge_acks_are_limited_per_connection_and_not_in_common),
		cmocka_unit_test(F13_two_stacks_do_not_answer_acks_with_acks_for_ever),
		cmocka_unit_test(F10_syn_flood_leaves_established_connections_and_memory_alone),
		cmocka_unit_test(F10_spoofed_neighbours_do_not_push_the_router_out_of_the_arp_cache),
		cmocka_unit_test(F10_random_frames_and_fragments_cost_nothing_but_a_count),
		cmocka_unit_test(F10_icmp_errors_and_redirects_change_nothing),
		cmocka_unit_test(F10_port_unreachables_are_limited),
		cmocka_unit_test(F11_tcp_header_lies_are_dropped_and_counted),
		cmocka_unit_test(F11_tcp_options_that_lie_are_dropped_and_end_no_loop),
		cmocka_unit_test(F11_absurd_mss_and_window_scale_are_clamped),
		cmocka_unit_test(F11_ip_lengths_that_lie_are_dropped),
		cmocka_unit_test(F11_udp_lengths_that_lie_are_dropped),
		cmocka_unit_test(F11_every_length_of_random_and_mutated_frames_is_survived),
		cmocka_unit_test(F12_land_packets_and_martians_are_dropped),
		cmocka_unit_test(F12_tcp_to_broadcast_and_unicast_in_a_broadcast_frame_are_dropped),
		cmocka_unit_test(F12_port_zero_is_nobody),
		cmocka_unit_test(F15_handshakes_that_are_never_finished_time_out),
		cmocka_unit_test(F15_a_fin_that_is_never_acknowledged_times_out),
		cmocka_unit_test(F15_a_peer_that_acknowledges_our_fin_and_never_sends_its_own_times_out),
		cmocka_unit_test(F15_an_orphan_at_a_closed_window_times_out_although_the_peer_answers),
		cmocka_unit_test(F15_a_thousand_silent_readers_cost_what_was_agreed),
	};

	return cmocka_run_group_tests_name("net_attack", tests, NULL, NULL);
}
