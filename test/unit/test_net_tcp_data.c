/*
 * test_net_tcp_data.c - windows, timers, retransmission and congestion, by hand-made segments
 */
#include "net_harness.h"

static uint8_t pattern[100000];

static int make_pattern(void **state)
{
	uint64_t s = 3;

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)rnd(&s);
	return 0;
}

/* ---- Receiving ---- */

static void out_of_order_segments_are_put_together(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[16];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_at(&w, TCP_ACK, w.seq + 6, w.ack, "ghi", 3);
	peer_expect_ack(&w);			/* at once, a duplicate ACK */
	peer_at(&w, TCP_ACK, w.seq + 3, w.ack, "def", 3);
	peer_expect_ack(&w);
	assert_int_equal(tcp_recv(c, buf, 16), NET_EAGAIN);
	peer_at(&w, TCP_ACK, w.seq, w.ack, "abc", 3);
	w.seq += 9;
	peer_expect_ack(&w);			/* at once: a gap was filled */
	assert_int_equal(tcp_recv(c, buf, 16), 9);
	assert_memory_equal(buf, "abcdefghi", 9);
	wire_stop(&w);
}

static void F14_overlap_with_different_data_keeps_the_first(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[16];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_at(&w, TCP_ACK, w.seq + 2, w.ack, "CDEF", 4);
	peer_at(&w, TCP_ACK, w.seq, w.ack, "abcdefgh", 8);
	assert_int_equal(tcp_recv(c, buf, 16), 8);
	assert_memory_equal(buf, "abCDEFgh", 8);
	/* And what was delivered already cannot be changed. */
	peer_at(&w, TCP_ACK, w.seq, w.ack, "XXXXXXXXij", 10);
	assert_int_equal(tcp_recv(c, buf, 16), 2);
	assert_memory_equal(buf, "ij", 2);
	wire_stop(&w);
}

static void F14_too_many_gaps_are_dropped_and_recovered(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[4096];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	for (uint32_t i = 0; i < 1000; i++)
		peer_at(&w, TCP_ACK, w.seq + 1 + 2 * i, w.ack, pattern + 1 + 2 * i, 1);
	assert_int_equal(c->buf->nspans, SPANS);
	assert_int_equal(STAT(&w, tcp_reass_full), 1000 - SPANS);
	wire_drain(&w);
	peer_send(&w, TCP_ACK, pattern, 1000);
	peer_send(&w, TCP_ACK, pattern + 1000, 1001);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 2001);
	assert_memory_equal(buf, pattern, 2001);
	wire_stop(&w);
}

static void F14_one_byte_segments_are_a_stream_like_any_other(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[5000];
	long n = 0;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	for (int i = 0; i < 5000; i++) {
		peer_send(&w, TCP_ACK, pattern + i, 1);
		if (i % 1000 == 999)
			n += tcp_recv(c, buf + n, sizeof(buf));
	}
	assert_int_equal(n, 5000);
	assert_memory_equal(buf, pattern, 5000);
	assert_true(wire_drain(&w) <= 5);		/* no ACK for each */
	wire_stop(&w);
}

static void F14_sequence_numbers_wrap_at_2_to_the_32_on_both_sides(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[9000];
	uint32_t f;
	long n;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	/* Choose the moment at which our own number begins 2000 before the wrap. */
	f = tcp_isn(w.net, IP_A, 80, IP_B, 4000) - (uint32_t)(w.now / 4);
	wire_pass(&w, (uint64_t)((uint32_t)(-2000 - f) - (uint32_t)(w.now / 4)) * 4);
	wire_know_peer(&w);
	w.seq = (uint32_t)-3000;
	c = wire_open(&w);
	assert_int_equal(c->iss, (uint32_t)-2000);
	for (int i = 0; i < 6; i++) {
		peer_send(&w, TCP_ACK, pattern + 1000 * i, 1000);
		if (i == 2)				/* out of order across the wrap, too */
			peer_at(&w, TCP_ACK, w.seq + 1000, w.ack, pattern + 4000, 1000);
	}
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 6000);
	assert_memory_equal(buf, pattern, 6000);
	wire_drain(&w);

	assert_int_equal(tcp_send(c, pattern, 8000), 8000);
	for (n = 0; n < 8000; ) {
		struct got g;

		while (peer_get(&w, &g)) {
			assert_int_equal(g.seq, w.ack);
			assert_memory_equal(g.data, pattern + n, g.len);
			n += (long)g.len;
			w.ack += (uint32_t)g.len;
		}
		peer_send(&w, TCP_ACK, NULL, 0);
	}
	assert_int_equal(n, 8000);
	assert_int_equal(tcp_unacked(c), 0);
	wire_stop(&w);
}

static void F14_urgent_data_is_delivered_in_line(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct tcp_fields t;
	char buf[16];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	for (uint32_t urgent = 0; urgent <= 65535; urgent += 21845) {
		t = peer_fields(&w, TCP_ACK | TCP_URG, w.seq, w.ack, "urgent", 6);
		t.urgent = (uint16_t)urgent;
		peer_raw(&w, &t);
		w.seq += 6;
		assert_int_equal(tcp_recv(c, buf, 16), 6);
		assert_memory_equal(buf, "urgent", 6);
	}
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void acks_are_delayed_by_40_ms_or_until_the_second_segment(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[8000];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_send(&w, TCP_ACK, pattern, 1460);
	peer_expect_nothing(&w);
	wire_pass(&w, 40 * MS - 1);
	peer_expect_nothing(&w);
	wire_pass(&w, 1);
	peer_expect_ack(&w);
	peer_send(&w, TCP_ACK, pattern, 1460);
	peer_expect_nothing(&w);
	peer_send(&w, TCP_ACK, pattern, 1460);
	peer_expect_ack(&w);
	wire_pass(&w, SECOND);
	peer_expect_nothing(&w);
	/* A reply carries the ACK. */
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 4380);
	peer_send(&w, TCP_ACK, "ping", 4);
	assert_int_equal(tcp_send(c, "pong", 4), 4);
	assert_int_equal(peer_expect(&w, TCP_ACK, 4).ack, w.seq);
	peer_send(&w, TCP_ACK, NULL, 0);
	wire_pass(&w, SECOND);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

static void F14_window_closes_and_opens_without_silly_steps(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[16384];
	struct got g = { 0 };
	uint32_t sent = 0;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	while (sent < 16384) {
		uint32_t n = sent + 1460 <= 16384 ? 1460 : 16384 - sent;

		peer_send(&w, TCP_ACK, pattern + sent, n);
		sent += n;
		wire_pass(&w, 50 * MS);
		while (peer_get(&w, &g))
			assert_int_equal(g.ack + g.wnd, w.seq - sent + 16384);	/* the edge stands still */
	}
	assert_int_equal(g.wnd, 0);
	/* A byte beyond is answered and not taken. */
	peer_at(&w, TCP_ACK, w.seq, w.ack, "x", 1);
	g = peer_expect(&w, TCP_ACK, 0);
	assert_true(g.ack == w.seq && g.wnd == 0);
	/* Reading a little does not open it... */
	assert_int_equal(tcp_recv(c, buf, 1459), 1459);
	peer_expect_nothing(&w);
	peer_at(&w, TCP_ACK, w.seq, w.ack, "x", 1);
	assert_int_equal(peer_expect(&w, TCP_ACK, 0).wnd, 0);
	/* ... one full segment does, and tells so at once. */
	assert_int_equal(tcp_recv(c, buf, 1), 1);
	assert_int_equal(peer_expect(&w, TCP_ACK, 0).wnd, 1460);
	assert_int_equal(tcp_recv(c, buf, 1000), 1000);
	peer_expect_nothing(&w);
	assert_int_equal(tcp_recv(c, buf, 2000), 2000);
	assert_int_equal(peer_expect(&w, TCP_ACK, 0).wnd, 4460);
	assert_memory_equal(buf, pattern + 2460, 2000);
	/* Wide enough now: the next news are worth it at half of the buffer. */
	assert_int_equal(tcp_recv(c, buf, 8191), 8191);
	peer_expect_nothing(&w);
	assert_int_equal(tcp_recv(c, buf, 1), 1);
	assert_int_equal(peer_expect(&w, TCP_ACK, 0).wnd, 4460 + 8192);
	wire_stop(&w);
}

static void a_segment_that_overshoots_the_window_is_cut_at_its_edge(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[4096];

	(void)state;
	wire_config(&w);
	w.cfg.tcp_rcvbuf = 2048;
	c = wire_open(&w);
	peer_send(&w, TCP_ACK, pattern, 1400);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq, w.ack, pattern + 1400, 1400);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 2048);
	assert_memory_equal(buf, pattern, 2048);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);	/* the FIN was cut off with the rest */
	wire_stop(&w);
}

static void a_fin_behind_a_full_window_is_taken(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	static uint8_t buf[4096];

	(void)state;
	wire_config(&w);
	w.cfg.tcp_rcvbuf = 2048;
	c = wire_open(&w);
	peer_send(&w, TCP_ACK, pattern, 1400);
	peer_send(&w, TCP_ACK | TCP_FIN, pattern + 1400, 648);
	assert_int_equal(tcp_state(c), TCP_CLOSE_WAIT);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 2048);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 0);
	wire_stop(&w);
}

/* ---- Sending ---- */

static void slow_start_begins_with_three_segments_and_doubles(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	unsigned int n;
	struct got g;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_sndbuf = 65536;
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, pattern, 60000), 60000);
	for (unsigned int want = 3; want <= 12; want *= 2) {
		for (n = 0; peer_get(&w, &g); n++) {
			assert_int_equal(g.len, 1460);
			assert_int_equal(g.seq, w.ack + n * 1460);
		}
		assert_int_equal(n, want);
		for (unsigned int i = 0; i < n; i++) {
			w.ack += 1460;
			peer_send(&w, TCP_ACK, NULL, 0);
		}
	}
	wire_stop(&w);
}

static void nagle_holds_small_segments_back_and_nodelay_does_not(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, "a", 1), 1);
	peer_expect(&w, TCP_ACK, 1);
	assert_int_equal(tcp_send(c, "b", 1), 1);
	assert_int_equal(tcp_send(c, "c", 1), 1);
	peer_expect_nothing(&w);
	peer_send(&w, TCP_ACK, NULL, 0);
	peer_expect(&w, TCP_ACK, 2);
	tcp_set_nodelay(c, true);
	assert_int_equal(tcp_send(c, "d", 1), 1);
	peer_expect(&w, TCP_ACK, 1);
	assert_int_equal(tcp_send(c, "e", 1), 1);
	peer_expect(&w, TCP_ACK, 1);
	wire_stop(&w);
}

static void F14_silly_windows_get_no_silly_segments(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	w.wnd = 4000;
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, pattern, 8000), 8000);
	peer_expect(&w, TCP_ACK, 1460);
	peer_expect(&w, TCP_ACK, 1460);		/* the 1080 bytes left are neither a segment nor half of the window */
	peer_expect_nothing(&w);
	w.wnd = 100;
	peer_send(&w, TCP_ACK, NULL, 0);	/* a window of 100 bytes */
	peer_expect_nothing(&w);
	wire_pass(&w, SECOND);
	peer_expect(&w, TCP_ACK, 100);		/* the override timeout: what fits */
	w.wnd = 4000;
	peer_send(&w, TCP_ACK, NULL, 0);
	peer_expect(&w, TCP_ACK, 1460);
	wire_stop(&w);
}

static void F14_zero_window_is_probed_for_hours_and_resumes(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;
	unsigned int probes = 0;
	uint64_t last, gap, most = 0;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	w.wnd = 0;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_send(c, pattern, 5000), 5000);
	peer_expect_nothing(&w);
	last = w.now;
	for (int i = 0; i < 4 * 3600; i++) {
		wire_pass(&w, SECOND);
		while (peer_get(&w, &g)) {
			assert_int_equal(g.seq, w.ack);
			assert_int_equal(g.len, 1);		/* RFC 9293 3.8.6.1: one octet */
			gap = w.now - last;
			last = w.now;
			assert_true(probes < 2 || gap + SECOND >= most);
			most = gap > most ? gap : most;
			probes++;
			peer_send(&w, TCP_ACK, NULL, 0);	/* still closed */
		}
		assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	}
	assert_true(most >= 59 * (uint64_t)SECOND && most <= 61 * (uint64_t)SECOND);
	assert_in_range(probes, 4 * 60 - 10, 4 * 60 + 20);
	w.wnd = 65535;
	peer_send(&w, TCP_ACK, NULL, 0);
	peer_expect(&w, TCP_ACK, 1460);		/* from the first byte, which nobody took */
	assert_int_equal(c->probing, false);
	wire_stop(&w);
}

static void a_probe_whose_octet_is_taken_goes_on_behind_it(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	w.wnd = 0;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_send(c, pattern, 5000), 5000);
	wire_pass(&w, SECOND);
	peer_expect(&w, TCP_ACK, 1);
	w.wnd = 65535;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_memory_equal(peer_expect(&w, TCP_ACK, 1460).data, pattern + 1, 1460);
	wire_stop(&w);
}

static void a_peer_that_does_not_answer_probes_is_given_up(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	w.wnd = 0;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_send(c, pattern, 5000), 5000);
	wire_pass(&w, 100 * SECOND);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_pass(&w, 200 * SECOND);
	assert_int_equal(tcp_error(c), NET_ETIMEDOUT);
	tcp_close(c);
	wire_stop(&w);
}

static void F14_window_shrink_is_survived(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, pattern, 6000), 6000);
	peer_expect(&w, TCP_ACK, 1460);
	peer_expect(&w, TCP_ACK, 1460);
	peer_expect(&w, TCP_ACK, 1460);
	/* The peer takes the first and draws the right edge back behind the others. */
	w.ack -= 2 * 1460;
	w.wnd = 0;
	peer_send(&w, TCP_ACK, NULL, 0);
	peer_expect_nothing(&w);
	wire_pass(&w, SECOND);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.seq, w.ack);
	assert_int_equal(g.len, 1);
	peer_expect_nothing(&w);
	/* It opens again: everything that was not acknowledged comes again. */
	w.wnd = 65535;
	peer_send(&w, TCP_ACK, NULL, 0);
	peer_expect(&w, TCP_ACK, 1460);
	wire_stop(&w);
}

static void acknowledged_bytes_make_room_and_tell_so(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_sndbuf = 4096;
	c = wire_open(&w);
	wire_events(&w, NET_KIND_CONN);
	assert_int_equal(tcp_writable(c), 4096);
	assert_int_equal(tcp_send(c, pattern, 5000), 4096);
	assert_int_equal(tcp_send(c, pattern, 1), NET_EAGAIN);
	assert_int_equal(tcp_writable(c), 0);
	peer_expect(&w, TCP_ACK, 1460);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), 0);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_WRITABLE);
	assert_int_equal(tcp_writable(c), 1460);
	wire_stop(&w);
}

/* ---- Timers ---- */

static void rto_follows_the_arithmetic_of_rfc_6298(void **state)
{
	struct wire w;
	struct tcp_conn c = { .rto = RTO_INITIAL_US };

	(void)state;
	wire_config(&w);
	w.cfg.rto_min_us = 1 * MS;
	wire_start(&w);
	c.net = w.net;
	tcp_rtt_sample(&c, 100000);		/* SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR */
	assert_int_equal(c.srtt, 100000);
	assert_int_equal(c.rttvar, 50000);
	assert_int_equal(c.rto, 300000);
	tcp_rtt_sample(&c, 200000);		/* 3/4 50000 + 1/4 100000; 7/8 100000 + 1/8 200000 */
	assert_int_equal(c.rttvar, 62500);
	assert_int_equal(c.srtt, 112500);
	assert_int_equal(c.rto, 362500);
	tcp_rtt_sample(&c, 112500);
	assert_int_equal(c.rttvar, 46875);
	assert_int_equal(c.srtt, 112500 - 112500 / 8 + 112500 / 8);
	for (int i = 0; i < 200; i++)
		tcp_rtt_sample(&c, 112500);
	assert_in_range(c.rto, 112500, 112500 + 1 * MS + 100);	/* max(G, 4 RTTVAR) with G = 1 ms */
	tcp_rto_backoff(&c);
	assert_in_range(c.rto, 2 * 112500, 2 * 112500 + 2 * MS + 200);
	for (int i = 0; i < 20; i++)
		tcp_rto_backoff(&c);
	assert_int_equal(c.rto, RTO_MAX_US);
	tcp_rtt_sample(&c, UINT32_MAX);
	assert_int_equal(c.rto, RTO_MAX_US);
	wire_stop(&w);

	w.cfg.rto_min_us = SECOND;
	wire_start(&w);
	c = (struct tcp_conn){ .net = w.net };
	tcp_rtt_sample(&c, 0);
	assert_int_equal(c.rto, SECOND);	/* (2.4) */
	wire_stop(&w);
}

static void lost_segments_are_repeated_with_backoff_and_given_up(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	uint64_t start;
	struct got g;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, "hello", 5), 5);
	peer_expect(&w, TCP_ACK, 5);
	start = w.now;
	for (uint64_t gap = 1; gap <= 32; gap *= 2) {
		wire_pass(&w, gap * SECOND - 1);
		peer_expect_nothing(&w);
		wire_pass(&w, 1);
		w.ack -= 5;
		peer_expect(&w, TCP_ACK, 5);
	}
	while (tcp_state(c) != TCP_CLOSED)
		wire_pass(&w, SECOND);
	assert_in_range(w.now - start, 180 * (uint64_t)SECOND, 260 * (uint64_t)SECOND);
	assert_int_equal(tcp_error(c), NET_ETIMEDOUT);
	do
		assert_true(peer_get(&w, &g));
	while ((g.flags & TCP_RST) == 0);
	tcp_close(c);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void karn_an_ack_of_a_repeated_segment_is_no_sample(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	uint32_t before;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	before = c->srtt;
	assert_int_equal(tcp_send(c, "hello", 5), 5);
	wire_pass(&w, SECOND);
	w.ack += 5;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(c->srtt, before);
	assert_int_equal(c->rto, 2 * SECOND);		/* backed off until there is a sample */
	wire_drain(&w);
	assert_int_equal(tcp_send(c, "again", 5), 5);
	wire_pass(&w, 80 * MS);
	peer_expect(&w, TCP_ACK, 5);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_in_range(c->srtt, 10000, 80000);
	assert_int_equal(c->rto, SECOND);
	wire_stop(&w);
}

static void fast_retransmit_and_newreno_recovery(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;
	uint32_t una;
	unsigned int n;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_sndbuf = 65536;
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, pattern, 65536), 65536);
	for (int i = 0; i < 7; i++) {			/* slow start to ten segments */
		assert_true(peer_get(&w, &g));
		w.ack = g.seq + 1460;
		peer_send(&w, TCP_ACK, NULL, 0);
	}
	assert_int_equal(c->cwnd, 10 * 1460);
	una = w.ack;
	for (n = 0; peer_get(&w, &g); n++)
		assert_int_equal(g.seq, una + n * 1460);
	assert_int_equal(n, 10);

	/* Segments 0 and 4 are lost. Duplicate ACKs 1 and 2 let one new segment out each (RFC 3042). */
	for (int i = 1; i <= 2; i++) {
		peer_send(&w, TCP_ACK, NULL, 0);
		assert_true(peer_get(&w, &g));
		assert_int_equal(g.seq, una + (9 + (uint32_t)i) * 1460);
		peer_expect_nothing(&w);
	}
	peer_send(&w, TCP_ACK, NULL, 0);		/* the third */
	assert_true(peer_get(&w, &g));
	assert_true(g.seq == una && g.len == 1460);
	assert_int_equal(c->ssthresh, 6 * 1460);	/* half of the twelve in flight */
	assert_int_equal(c->cwnd, 9 * 1460);
	assert_int_equal(STAT(&w, tcp_fast_rtx), 1);
	peer_expect_nothing(&w);
	for (int i = 0; i < 4; i++)			/* the window inflates; from 13 on new segments */
		peer_send(&w, TCP_ACK, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.seq, una + 12 * 1460);
	peer_expect_nothing(&w);

	/* Partial ACK up to the second hole: it is sent at once, without another three duplicates. */
	w.ack = una + 4 * 1460;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.seq, w.ack);
	assert_int_equal(c->recovery, true);
	wire_drain(&w);

	/* Everything: recovery ends with the halved window. */
	w.ack = c->snd_nxt;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(c->recovery, false);
	assert_true(c->cwnd <= 6 * 1460);
	assert_int_equal(STAT(&w, tcp_rto), 0);
	wire_stop(&w);
}

static void timeout_restarts_from_one_segment_and_half_the_flight(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;
	uint32_t una;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_sndbuf = 65536;
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, pattern, 65536), 65536);
	for (int i = 0; i < 5; i++) {
		assert_true(peer_get(&w, &g));
		w.ack = g.seq + 1460;
		peer_send(&w, TCP_ACK, NULL, 0);
	}
	una = w.ack;
	wire_drain(&w);
	wire_pass(&w, c->rto);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.seq, una);
	peer_expect_nothing(&w);
	assert_int_equal(c->cwnd, 1460);
	assert_int_equal(c->ssthresh, 4 * 1460);
	wire_pass(&w, c->rto);				/* again: ssthresh stays */
	assert_int_equal(c->ssthresh, 4 * 1460);
	wire_drain(&w);
	w.ack = una + 1460;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_true(peer_get(&w, &g));			/* slow start over what is in doubt */
	assert_int_equal(g.seq, una + 1460);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.seq, una + 2 * 1460);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

static void keepalive_probes_and_gives_up(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	tcp_set_keepalive(c, 600 * (uint64_t)SECOND);
	wire_pass(&w, 599 * (uint64_t)SECOND);
	peer_expect_nothing(&w);
	wire_pass(&w, SECOND);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.seq, w.ack - 1);
	assert_int_equal(g.len, 0);
	peer_send(&w, TCP_ACK, NULL, 0);		/* alive */
	wire_pass(&w, 590 * (uint64_t)SECOND);
	peer_expect_nothing(&w);
	wire_pass(&w, (10 + 8 * 75) * (uint64_t)SECOND);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_pass(&w, 76 * (uint64_t)SECOND);
	assert_int_equal(tcp_error(c), NET_ETIMEDOUT);
	assert_int_equal(STAT(&w, tcp_keepalives), 10);
	tcp_close(c);
	wire_stop(&w);
}

static void an_idle_connection_sets_no_deadline(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, "x", 1), 1);
	peer_expect(&w, TCP_ACK, 1);
	peer_send(&w, TCP_ACK, NULL, 0);
	wire_pass(&w, SECOND);			/* ARP forgets its question */
	assert_true(net_next_deadline(w.net) == NET_NEVER);
	wire_stop(&w);
}

/* ---- The interface without room, and lent memory ---- */

static void frames_refused_by_the_interface_follow_from_poll(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	w.full = true;
	assert_int_equal(tcp_send(c, pattern, 3000), 3000);
	assert_true(net_next_deadline(w.net) <= w.now + MS);
	wire_pass(&w, 10 * MS);
	peer_expect_nothing(&w);
	assert_true(STAT(&w, tx_busy) > 5);
	w.full = false;
	wire_pass(&w, MS);
	peer_expect(&w, TCP_ACK, 1460);
	peer_expect(&w, TCP_ACK, 1460);
	peer_send(&w, TCP_ACK, NULL, 0);
	peer_expect(&w, TCP_ACK, 80);
	peer_send(&w, TCP_ACK, NULL, 0);
	w.full = true;					/* an ACK, too */
	peer_send(&w, TCP_ACK, pattern, 1000);
	wire_pass(&w, 50 * MS);
	w.full = false;
	wire_pass(&w, MS);
	peer_expect_ack(&w);
	/* And a SYN. */
	w.full = true;
	assert_int_equal(tcp_connect(w.net, IP_B, 81, 0, NULL, &c), 0);
	w.full = false;
	wire_pass(&w, MS);
	w.ack = 0;
	peer_expect(&w, TCP_SYN, 0);
	wire_stop(&w);
}

static unsigned int released;

static void note_release(void *arg)
{
	released++;
	*(bool *)arg = true;
}

static void lent_memory_comes_back_once_it_is_acknowledged_and_the_device_is_done(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	bool back = false;

	(void)state;
	wire_config(&w);
	w.netif.tx_done = wire_tx_done;
	c = wire_open(&w);
	w.lazy = true;
	w.done = w.accepted;
	released = 0;
	assert_int_equal(tcp_send_ref(c, pattern, 1000, note_release, &back), 0);
	peer_expect(&w, TCP_ACK, 1000);
	w.done++;
	wire_pass(&w, 10 * MS);
	assert_int_equal(released, 0);			/* done, not acknowledged */
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(released, 1);

	assert_int_equal(tcp_send_ref(c, pattern, 1000, note_release, &back), 0);
	peer_expect(&w, TCP_ACK, 1000);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(released, 1);			/* acknowledged, not done */
	wire_pass(&w, 10 * MS);
	assert_int_equal(released, 1);
	w.done++;
	wire_pass(&w, MS);
	assert_int_equal(released, 2);

	/* The same when the connection ends; and the buffer waits as long. */
	assert_int_equal(tcp_send_ref(c, pattern, 1000, note_release, &back), 0);
	tcp_abort(c);
	assert_int_equal(released, 2);
	assert_int_equal(w.net->bufs.used, 1);
	w.done++;
	wire_pass(&w, MS);
	assert_int_equal(released, 3);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void lent_and_copied_pieces_form_one_stream(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;
	static uint8_t out[20000];
	size_t want = 0, n = 0;
	uint64_t s = 5;
	bool back;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	released = 0;
	for (int i = 0; i < 8; i++) {
		size_t k = 1 + rnd(&s) % 800;		/* odd lengths at odd places for the checksum */

		assert_int_equal(tcp_send(c, pattern + want, k), (long)k);
		want += k;
		k = 1 + rnd(&s) % 800;
		if (tcp_send_ref(c, pattern + want, k, note_release, &back) == 0)
			want += k;
	}
	assert_int_equal(tcp_send_ref(c, pattern, 1, note_release, &back), NET_EAGAIN);
	assert_int_equal(tcp_shutdown(c), 0);
	while (n < want) {
		while (peer_get(&w, &g)) {
			memcpy(out + n, g.data, g.len);
			n += g.len;
			w.ack += (uint32_t)g.len + ((g.flags & TCP_FIN) != 0);
		}
		peer_send(&w, TCP_ACK, NULL, 0);
	}
	assert_int_equal(n, want);
	assert_memory_equal(out, pattern, want);
	assert_int_equal(released, 8);
	assert_int_equal(tcp_state(c), TCP_FIN_WAIT_2);
	wire_stop(&w);
}

static void room_for_pieces_is_told_when_the_device_lets_go(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	bool back;

	(void)state;
	wire_config(&w);
	w.netif.tx_done = wire_tx_done;
	c = wire_open(&w);
	tcp_set_nodelay(c, true);
	w.lazy = true;
	w.done = w.accepted;
	for (int i = 0; i < PIECES; i++) {
		assert_int_equal(tcp_send_ref(c, pattern, 200, note_release, &back), 0);
		peer_expect(&w, TCP_ACK, 200);
		peer_send(&w, TCP_ACK, NULL, 0);
	}
	assert_int_equal(tcp_send_ref(c, pattern, 200, note_release, &back), NET_EAGAIN);
	assert_int_equal(tcp_writable(c), 0);
	wire_events(&w, NET_KIND_CONN);
	w.done = w.accepted;
	wire_pass(&w, MS);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_WRITABLE);
	assert_int_equal(tcp_send_ref(c, pattern, 200, note_release, &back), 0);
	assert_int_equal(tcp_send_ref(c, pattern, 0, note_release, &back), NET_EINVAL);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_of_order_segments_are_put_together),
		cmocka_unit_test(F14_overlap_with_different_data_keeps_the_first),
		cmocka_unit_test(F14_too_many_gaps_are_dropped_and_recovered),
		cmocka_unit_test(F14_one_byte_segments_are_a_stream_like_any_other),
		cmocka_unit_test(F14_sequence_numbers_wrap_at_2_to_the_32_on_both_sides),
		cmocka_unit_test(F14_urgent_data_is_delivered_in_line),
		cmocka_unit_test(acks_are_delayed_by_40_ms_or_until_the_second_segment),
		cmocka_unit_test(F14_window_closes_and_opens_without_silly_steps),
		cmocka_unit_test(a_segment_that_overshoots_the_window_is_cut_at_its_edge),
		cmocka_unit_test(a_fin_behind_a_full_window_is_taken),
		cmocka_unit_test(slow_start_begins_with_three_segments_and_doubles),
		cmocka_unit_test(nagle_holds_small_segments_back_and_nodelay_does_not),
		cmocka_unit_test(F14_silly_windows_get_no_silly_segments),
		cmocka_unit_test(F14_zero_window_is_probed_for_hours_and_resumes),
		cmocka_unit_test(a_probe_whose_octet_is_taken_goes_on_behind_it),
		cmocka_unit_test(a_peer_that_does_not_answer_probes_is_given_up),
		cmocka_unit_test(F14_window_shrink_is_survived),
		cmocka_unit_test(acknowledged_bytes_make_room_and_tell_so),
		cmocka_unit_test(rto_follows_the_arithmetic_of_rfc_6298),
		cmocka_unit_test(lost_segments_are_repeated_with_backoff_and_given_up),
		cmocka_unit_test(karn_an_ack_of_a_repeated_segment_is_no_sample),
		cmocka_unit_test(fast_retransmit_and_newreno_recovery),
		cmocka_unit_test(timeout_restarts_from_one_segment_and_half_the_flight),
		cmocka_unit_test(keepalive_probes_and_gives_up),
		cmocka_unit_test(an_idle_connection_sets_no_deadline),
		cmocka_unit_test(frames_refused_by_the_interface_follow_from_poll),
		cmocka_unit_test(lent_memory_comes_back_once_it_is_acknowledged_and_the_device_is_done),
		cmocka_unit_test(lent_and_copied_pieces_form_one_stream),
		cmocka_unit_test(room_for_pieces_is_told_when_the_device_lets_go),
	};

	return cmocka_run_group_tests_name("net_tcp_data", tests, make_pattern, NULL);
}
