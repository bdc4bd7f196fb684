/*
 * test_net_base.c - the parts under the protocols: checksum, SipHash, randomness, timers, pools, queues
 */
#include "net_harness.h"

static void checksum_equals_rfc_1071_at_every_alignment_and_length(void **state)
{
	uint8_t buf[8 + 200];
	uint64_t s = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)rnd(&s);
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 0; len <= 200; len++)
			assert_int_equal(inet_sum(buf + at, len), slow_sum(buf + at, len));
}

static void checksum_carries_are_not_lost(void **state)
{
	static uint8_t buf[70000];

	(void)state;
	memset(buf, 0xff, sizeof(buf));
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 65000; len < 65020; len++)
			assert_int_equal(inet_sum(buf + at, len), slow_sum(buf + at, len));
	/* The example of RFC 1071 section 3. */
	assert_int_equal(inet_sum("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8), 0xddf2);
}

static void siphash_gives_the_published_vector(void **state)
{
	/* Key 00..0f, message 00..0f: entry 16 of the table that the authors published. */
	uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

	(void)state;
	assert_true(net_siphash(key, 0x0706050403020100, 0x0f0e0d0c0b0a0908) == 0x3f2acc7f57c29bdb);
}

static int compare32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Chi-square over 16 bins with 15 degrees of freedom: beyond 45 with a probability under 1e-4, and the seed is fixed. */
static void assert_uniform(const uint32_t *v, unsigned int n, uint32_t range)
{
	unsigned int bin[16] = { 0 };
	double chi = 0, want = n / 16.0;

	for (unsigned int i = 0; i < n; i++)
		bin[(uint64_t)v[i] * 16 / range]++;
	for (int i = 0; i < 16; i++)
		chi += (bin[i] - want) * (bin[i] - want) / want;
	assert_true(chi < 45);
}

static void F16_sequence_numbers_of_different_peers_are_unrelated(void **state)
{
	enum { N = 4096 };
	static uint32_t isn[N], step[N];
	struct wire w;
	unsigned int same = 0;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	for (uint32_t i = 0; i < N; i++)
		isn[i] = tcp_isn(w.net, IP_A, 80, IP_B, (uint16_t)(1000 + i));
	for (uint32_t i = 0; i + 1 < N; i++)
		step[i] = isn[i + 1] - isn[i];
	assert_uniform(isn, N, UINT32_MAX);
	assert_uniform(step, N - 1, UINT32_MAX);
	qsort(isn, N, sizeof(isn[0]), compare32);
	for (uint32_t i = 0; i + 1 < N; i++)
		same += isn[i] == isn[i + 1];
	assert_true(same <= 1);
	wire_stop(&w);
}

static void F16_sequence_numbers_of_one_pair_advance_every_4_us_and_depend_on_the_seed(void **state)
{
	struct wire w;
	uint32_t before, other;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	before = tcp_isn(w.net, IP_A, 80, IP_B, 4000);
	net_poll(w.net, w.now + 4000);
	assert_int_equal(tcp_isn(w.net, IP_A, 80, IP_B, 4000) - before, 1000);
	wire_stop(&w);

	w.cfg.seed[5] ^= 1;
	wire_start(&w);
	other = tcp_isn(w.net, IP_A, 80, IP_B, 4000);
	assert_int_not_equal(other, before);
	wire_stop(&w);
}

static void F16_ephemeral_ports_are_spread_over_the_whole_range(void **state)
{
	enum { N = 2048 };
	static uint32_t port[N], step[N];
	struct wire w;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	for (int i = 0; i < N; i++) {
		struct tcp_conn *c;
		struct net_endpoints e;

		assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &c), 0);
		tcp_endpoints(c, &e);
		assert_in_range(e.local_port, 49152, 65535);
		port[i] = e.local_port - 49152u;
		tcp_abort(c);
		wire_drain(&w);
	}
	for (int i = 0; i + 1 < N; i++)
		step[i] = (port[i + 1] - port[i]) & 16383;
	assert_uniform(port, N, 16384);
	assert_uniform(step, N - 1, 16384);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F16_ip_identification_tells_nothing(void **state)
{
	struct wire w;
	struct udp_sock *s;
	uint8_t f[FRAME_MAX];
	size_t len;

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(udp_open(w.net, 7, NULL, &s), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(udp_sendto(s, IP_B, 7, "x", 1), 0);
		assert_true(wire_next(&w, f, &len));
		assert_int_equal(get16(f + ETH_LEN + 4), 0);
		assert_int_equal(get16(f + ETH_LEN + 6), 0x4000);
	}
	wire_stop(&w);
}

static void ephemeral_ports_run_out_with_an_error(void **state)
{
	struct wire w;
	struct tcp_conn *c[4], *more;

	(void)state;
	wire_config(&w);
	w.cfg.port_lo = 50000;
	w.cfg.port_hi = 50003;
	wire_ready(&w);
	for (int i = 0; i < 4; i++)
		assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &c[i]), 0);
	assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &more), NET_EINUSE);
	assert_int_equal(tcp_connect(w.net, IP_B, 81, 0, NULL, &more), 0);
	tcp_abort(c[2]);
	assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &c[2]), 0);
	wire_stop(&w);
}

static uint64_t fired_at[64];
static unsigned int nfired;

static void note_fire(struct net *net, struct timer *t)
{
	(void)net;
	fired_at[nfired++] = t->when;
}

static void timers_fire_in_order_whatever_is_set_moved_and_cleared(void **state)
{
	struct wire w;
	struct timer t[60];
	uint64_t s = 7;

	(void)state;
	wire_config(&w);
	wire_start(&w);
	for (int round = 0; round < 200; round++) {
		unsigned int set = 0;

		memset(t, 0, sizeof(t));
		for (int i = 0; i < 60; i++)
			t[i].fire = note_fire;
		for (int i = 0; i < 400; i++) {
			struct timer *x = &t[rnd(&s) % 60];

			if (rnd(&s) % 3 == 0)
				timer_clear(w.net, x);
			else
				timer_set(w.net, x, w.now + 1 + rnd(&s) % 1000);
		}
		for (int i = 0; i < 60; i++)
			set += t[i].pos != 0;
		assert_int_equal(w.net->heap_len, set);
		nfired = 0;
		w.now += 500;
		net_poll(w.net, w.now);
		assert_true(nfired == set || net_next_deadline(w.net) > w.now);
		w.now += 500;
		net_poll(w.net, w.now);
		assert_int_equal(nfired, set);
		for (unsigned int i = 0; i + 1 < nfired; i++)
			assert_true(fired_at[i] <= fired_at[i + 1]);
		assert_true(net_next_deadline(w.net) == NET_NEVER);
	}
	wire_stop(&w);
}

static void configurations_that_make_no_sense_are_refused(void **state)
{
	struct wire w;
	uint64_t odd[64];

	(void)state;
	wire_config(&w);
	assert_true(net_memory(&w.cfg) > 64 * 32768);
	w.cfg.tcp_sndbuf = 3000;
	assert_int_equal(net_memory(&w.cfg), 0);
	assert_null(net_create(&w.cfg));
	w.cfg.tcp_sndbuf = 4096;
	assert_int_not_equal(net_memory(&w.cfg), 0);
	assert_null(net_init((char *)odd + 4, &w.cfg));
	w.netif.mtu = 9000;
	assert_int_equal(net_memory(&w.cfg), 0);
	w.netif.mtu = 1500;
	w.netif.mac[0] = 1;
	assert_int_equal(net_memory(&w.cfg), 0);
	w.netif.mac[0] = 2;
	w.cfg.port_hi = w.cfg.port_lo - 1;
	assert_int_equal(net_memory(&w.cfg), 0);
}

static void every_error_and_counter_has_its_text(void **state)
{
	(void)state;
	for (int err = -1; err >= -13; err--)
		assert_string_not_equal(net_strerror(err), net_strerror(0));
	assert_string_equal(net_counter_name(0), "rx_frames");
	assert_non_null(net_counter_name(NET_NCOUNTERS - 1));
	assert_null(net_counter_name(NET_NCOUNTERS));
	assert_string_equal(tcp_state_name(TCP_TIME_WAIT), "TIME-WAIT");
}

/* A receive queue against a plain array, with segments in any order, overlapping with different data: the first byte stays. */
static void F14_reassembly_keeps_the_byte_that_came_first(void **state)
{
	enum { N = 3000 };
	struct wire w;
	uint64_t s = 11;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_rcvbuf = 4096;
	wire_ready(&w);
	for (int round = 0; round < 300; round++) {
		uint8_t model[N], data[N], out[N];
		bool have[N] = { false };
		struct tcp_conn *c;
		uint32_t base = (uint32_t)rnd(&s), start;
		unsigned int n = 0;

		if (round % 3 == 0)
			base = (uint32_t)-100;		/* the wrap at 2^32 */
		assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &c), 0);
		wire_drain(&w);
		c->rcv_nxt = base;
		c->buf->rcv_start = start = (uint32_t)rnd(&s) & 4095;
		for (int i = 0; i < 100000 && c->rcv_nxt != base + N; i++) {
			uint32_t from = (uint32_t)rnd(&s) % N, len = 1 + (uint32_t)rnd(&s) % 300, lo = c->rcv_nxt - base;

			if (i > 200)			/* now fill the gaps */
				from = lo;
			if (len > N - from)
				len = N - from;
			if (from + len <= lo)
				continue;
			if (from < lo) {
				len -= lo - from;
				from = lo;
			}
			memset(data, (int)rnd(&s), len);
			if (!recvq_write(c, base + from, data, len)) {
				assert_int_equal(c->buf->nspans, SPANS);
				continue;
			}
			for (uint32_t j = 0; j < len; j++)
				if (!have[from + j]) {
					model[from + j] = data[j];
					have[from + j] = true;
				}
			while (n < N && have[n])
				n++;
			assert_int_equal(c->rcv_nxt, base + n);
			assert_int_equal(c->buf->avail, n);
			assert_true(c->buf->nspans <= SPANS);
		}
		assert_int_equal(c->rcv_nxt, base + N);
		for (n = 0; n < N; ) {
			const uint8_t *p;
			uint32_t k = recvq_peek(c, &p);

			memcpy(out + n, p, k);
			recvq_consume(c, k);
			n += k;
		}
		assert_memory_equal(out, model, N);
		tcp_abort(c);
	}
	assert_net_empty(w.net);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_equals_rfc_1071_at_every_alignment_and_length),
		cmocka_unit_test(checksum_carries_are_not_lost),
		cmocka_unit_test(siphash_gives_the_published_vector),
		cmocka_unit_test(F16_sequence_numbers_of_different_peers_are_unrelated),
		cmocka_unit_test(F16_sequence_numbers_of_one_pair_advance_every_4_us_and_depend_on_the_seed),
		cmocka_unit_test(F16_ephemeral_ports_are_spread_over_the_whole_range),
		cmocka_unit_test(F16_ip_identification_tells_nothing),
		cmocka_unit_test(ephemeral_ports_run_out_with_an_error),
		cmocka_unit_test(timers_fire_in_order_whatever_is_set_moved_and_cleared),
		cmocka_unit_test(configurations_that_make_no_sense_are_refused),
		cmocka_unit_test(every_error_and_counter_has_its_text),
		cmocka_unit_test(F14_reassembly_keeps_the_byte_that_came_first),
	};

	return cmocka_run_group_tests_name("net_base", tests, NULL, NULL);
}
