/*
 * test_net_transfer.c - two stacks over a link that loses, doubles, swaps, delays and corrupts, in virtual time
 *
 * The simulated interface is as lazy as a real one may be: it copies only the head of a frame and reads the rest later, straight
 * from the stack's memory or the program's, just before it counts the frame in tx_done(). The programs act only on events. What
 * arrives is compared byte by byte with a stream that both ends can compute.
 */
#include "net_harness.h"

#define DEVICE_US	200		/* between transmit() and the reading of the payload */
#define DEVICE_FRAMES	32		/* more do not fit into its ring */

struct fault {
	unsigned int loss, dup, reorder, corrupt;	/* percent */
	unsigned int delay_us, rate_us;			/* one way; per frame */
};

struct held_frame {
	uint8_t head[NET_TX_HEAD];
	struct net_iov iov[NET_TX_IOVS];
	int n;
	uint64_t when;
};

struct host {
	struct sim *sim;
	struct net *net;
	struct netif netif;
	struct net_config cfg;
	struct held_frame held[DEVICE_FRAMES];
	uint64_t head, tail;		/* frames the device has read, frames accepted */
	uint64_t line_free;		/* when the line is free again */
};

struct flight {
	struct flight *next;
	uint64_t when;
	struct host *to;
	size_t len;
	uint8_t frame[FRAME_MAX];
};

struct sim {
	uint64_t now, seed;
	struct fault fault;
	struct host host[2];
	struct flight *flights;		/* earliest first */
	uint64_t nframes;
};

static int host_transmit(struct netif *netif, const struct net_iov *iov, int n)
{
	struct host *h = netif->arg;
	struct held_frame *f = &h->held[h->tail % DEVICE_FRAMES];
	uint8_t whole[FRAME_MAX];
	size_t len = 0;

	if (h->tail - h->head == DEVICE_FRAMES)
		return NET_EAGAIN;
	assert_true(n >= 1 && n <= NET_TX_IOVS && iov[0].len <= NET_TX_HEAD);
	for (int i = 0; i < n; i++) {
		assert_true(iov[i].len > 0 && len + iov[i].len <= FRAME_MAX);
		memcpy(whole + len, iov[i].base, iov[i].len);
		len += iov[i].len;
		f->iov[i] = iov[i];
	}
	check_frame(whole, len);
	memcpy(f->head, iov[0].base, iov[0].len);
	f->iov[0].base = f->head;
	f->n = n;
	f->when = h->sim->now + DEVICE_US;
	h->tail++;
	return 0;
}

static uint64_t host_tx_done(struct netif *netif)
{
	return ((struct host *)netif->arg)->head;
}

static void fly(struct sim *s, struct host *to, const uint8_t *frame, size_t len, uint64_t when)
{
	struct flight *f = malloc(sizeof(*f)), **p = &s->flights;

	f->when = when;
	f->to = to;
	f->len = len;
	memcpy(f->frame, frame, len);
	while (*p != NULL && (*p)->when <= when)
		p = &(*p)->next;
	f->next = *p;
	*p = f;
}

static bool percent(struct sim *s, unsigned int p)
{
	return rnd(&s->seed) >> 32 < ((uint64_t)p << 32) / 100;
}

/* The device reads the oldest frame and puts it on the line. */
static void device_step(struct sim *s, struct host *h)
{
	struct held_frame *f = &h->held[h->head++ % DEVICE_FRAMES];
	struct host *to = &s->host[h == &s->host[0]];
	uint8_t frame[FRAME_MAX];
	size_t len = 0;
	uint64_t when;

	for (int i = 0; i < f->n; i++) {
		memcpy(frame + len, f->iov[i].base, f->iov[i].len);
		len += f->iov[i].len;
	}
	s->nframes++;
	if (h->line_free < s->now)
		h->line_free = s->now;
	h->line_free += s->fault.rate_us;
	when = h->line_free + s->fault.delay_us;
	if (percent(s, s->fault.loss))
		return;
	if (percent(s, s->fault.corrupt))
		frame[rnd(&s->seed) % len] ^= (uint8_t)(1 << rnd(&s->seed) % 8);
	if (percent(s, s->fault.reorder))
		when += rnd(&s->seed) % (5 * s->fault.delay_us + 1000);
	fly(s, to, frame, len, when);
	if (percent(s, s->fault.dup))
		fly(s, to, frame, len, when + rnd(&s->seed) % 2000);
}

static void sim_init(struct sim *s, const struct fault *fault, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->fault = *fault;
	s->seed = seed * 0x9e3779b97f4a7c15 + 1;
	s->now = 5 * SECOND;
	for (int i = 0; i < 2; i++) {
		struct host *h = &s->host[i];

		h->sim = s;
		h->netif = (struct netif){ .transmit = host_transmit, .tx_done = host_tx_done, .mtu = 1500, .arg = h };
		memcpy(h->netif.mac, i == 0 ? MAC_A : MAC_B, 6);
		net_config_default(&h->cfg);
		h->cfg.netif = &h->netif;
		h->cfg.now_us = s->now;
		memcpy(h->cfg.seed, &s->seed, 8);
		h->cfg.seed[9] = (uint8_t)i;
		h->cfg.ip = i == 0 ? IP_A : IP_B;
		h->cfg.mask = MASK;
		h->cfg.answer_arp = true;
		h->cfg.answer_icmp = true;
		h->cfg.give_up_us = 3600 * (uint64_t)SECOND > UINT32_MAX ? UINT32_MAX : 3600u * SECOND;
	}
}

static void sim_start(struct sim *s)
{
	for (int i = 0; i < 2; i++)
		assert_non_null(s->host[i].net = net_create(&s->host[i].cfg));
}

/* Go to the next moment at which something happens; false: nothing ever will. */
static bool sim_step(struct sim *s)
{
	uint64_t next = s->flights != NULL ? s->flights->when : NET_NEVER;

	for (int i = 0; i < 2; i++) {
		struct host *h = &s->host[i];

		if (h->head != h->tail && h->held[h->head % DEVICE_FRAMES].when < next)
			next = h->held[h->head % DEVICE_FRAMES].when;
		if (net_next_deadline(h->net) < next)
			next = net_next_deadline(h->net);
	}
	if (next == NET_NEVER)
		return false;
	if (next > s->now)
		s->now = next;
	for (int i = 0; i < 2; i++) {
		struct host *h = &s->host[i];

		while (h->head != h->tail && h->held[h->head % DEVICE_FRAMES].when <= s->now)
			device_step(s, h);
		net_poll(h->net, s->now);
	}
	while (s->flights != NULL && s->flights->when <= s->now) {
		struct flight *f = s->flights;

		s->flights = f->next;
		net_input(f->to->net, f->frame, f->len);
		free(f);
	}
	net_audit(s->host[0].net);
	net_audit(s->host[1].net);
	return true;
}

/* Until both hosts are as empty as at the start, TIME-WAIT included. */
static void sim_settle(struct sim *s)
{
	uint64_t limit = s->now + 7200 * (uint64_t)SECOND;

	while (sim_step(s))
		assert_true(s->now < limit);
	assert_net_empty(s->host[0].net);
	assert_net_empty(s->host[1].net);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(slot_get(s->host[i].net) == NULL, 0);
		assert_int_equal(s->host[i].net->slots.used, 1);
		assert_int_equal(s->host[i].net->heap_len, 0);
	}
}

static void sim_stop(struct sim *s)
{
	net_destroy(s->host[0].net);
	net_destroy(s->host[1].net);
}

/* ---- A program at each end that sends a stream and checks the other's ---- */

struct stream {
	struct tcp_conn *conn;
	uint64_t out_key, in_key;
	uint64_t sent, received, total;
	uint64_t seed;
	bool lend;			/* tcp_send_ref and tcp_peek instead of copies */
	bool shut, eof, closed;
	unsigned int releases, lent;
};

static uint8_t stream_byte(uint64_t key, uint64_t at)
{
	uint64_t x = (at / 8 + key) * 0x9e3779b97f4a7c15;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9;
	return (uint8_t)(x >> 8 * (at % 8));
}

struct block {
	struct stream *owner;
	uint8_t bytes[];
};

static void block_release(void *arg)
{
	struct block *b = arg;

	b->owner->releases++;
	free(b);			/* from here on the address sanitizer watches the device */
}

static void stream_send(struct stream *st)
{
	while (st->sent < st->total) {
		size_t n = 1 + rnd(&st->seed) % 6000;
		struct block *b;
		long done;

		if (n > st->total - st->sent)
			n = st->total - st->sent;
		b = malloc(sizeof(*b) + n);
		b->owner = st;
		for (size_t i = 0; i < n; i++)
			b->bytes[i] = stream_byte(st->out_key, st->sent + i);
		if (st->lend && rnd(&st->seed) % 2 != 0) {
			done = tcp_send_ref(st->conn, b->bytes, n, block_release, b);
			if (done == 0) {
				st->lent++;
				st->sent += n;
				continue;
			}
			free(b);
		} else {
			done = tcp_send(st->conn, b->bytes, n);
			free(b);
			if (done > 0)
				st->sent += (uint64_t)done;
		}
		if (done == NET_EAGAIN)
			return;
		assert_true(done > 0);
	}
	if (!st->shut) {
		assert_int_equal(tcp_shutdown(st->conn), 0);
		st->shut = true;
	}
}

static void stream_receive(struct stream *st)
{
	uint8_t buf[5000];
	const void *p = buf;
	long n;

	for (;;) {
		if (st->lend) {
			n = tcp_peek(st->conn, &p);
			if (n > 1)
				n = 1 + (long)(rnd(&st->seed) % (uint64_t)n);
		} else {
			n = tcp_recv(st->conn, buf, 1 + rnd(&st->seed) % sizeof(buf));
		}
		if (n <= 0)
			break;
		for (long i = 0; i < n; i++)
			if (((const uint8_t *)p)[i] != stream_byte(st->in_key, st->received + (uint64_t)i))
				fail_msg("byte %llu differs", (unsigned long long)st->received + (unsigned long long)i);
		st->received += (uint64_t)n;
		if (st->lend)
			tcp_consume(st->conn, (size_t)n);
	}
	if (n == 0)
		st->eof = true;
	else
		assert_int_equal(n, NET_EAGAIN);
}

static void stream_act(struct stream *st, const struct net_event *ev)
{
	assert_int_equal(ev->events & NET_EV_ERROR, 0);
	if ((ev->events & (NET_EV_WRITABLE | NET_EV_CONNECTED)) != 0)
		stream_send(st);
	if ((ev->events & (NET_EV_READABLE | NET_EV_EOF)) != 0)
		stream_receive(st);
	if ((ev->events & NET_EV_CLOSED) != 0)
		st->closed = true;
}

/* `total` bytes each way at once. Returns the virtual time it took. */
static uint64_t transfer(struct sim *s, uint64_t total, bool lend)
{
	struct stream a = { .out_key = 1, .in_key = 2, .total = total, .seed = s->seed | 1, .lend = lend };
	struct stream b = { .out_key = 2, .in_key = 1, .total = total, .seed = s->seed | 3, .lend = lend };
	struct tcp_listener *l;
	uint64_t start = s->now;

	assert_int_equal(tcp_listen(s->host[1].net, 80, 4, NULL, &l), 0);
	assert_int_equal(tcp_connect(s->host[0].net, IP_B, 80, 0, &a, &a.conn), 0);
	while (!(a.eof && b.eof && a.closed && b.closed)) {
		struct net_event ev;

		for (int i = 0; i < 2; i++)
			while (net_next_event(s->host[i].net, &ev)) {
				if (ev.kind == NET_KIND_LISTENER)
					assert_int_equal(tcp_accept(l, &b, &b.conn), 0);
				else if (ev.kind == NET_KIND_CONN)
					stream_act(ev.user, &ev);
			}
		if (a.eof && b.eof && a.closed && b.closed)
			break;
		if (!sim_step(s))
			fail_msg("stuck: a %llu sent %llu received, b %llu sent %llu received", (unsigned long long)a.sent,
				 (unsigned long long)a.received, (unsigned long long)b.sent, (unsigned long long)b.received);
		assert_true(s->now - start < 40000 * (uint64_t)SECOND);
	}
	assert_true(a.received == total && b.received == total);
	start = s->now - start;
	tcp_close(a.conn);
	tcp_close(b.conn);
	tcp_unlisten(l);
	sim_settle(s);
	assert_int_equal(a.releases, a.lent);
	assert_int_equal(b.releases, b.lent);
	return start;
}

static void run(const struct fault *fault, uint64_t total, uint64_t seed, bool lend)
{
	struct sim *s = malloc(sizeof(*s));

	sim_init(s, fault, seed);
	sim_start(s);
	transfer(s, total, lend);
	sim_stop(s);
	free(s);
}

#define TRANSFER(name, bytes, ...)						\
	static void name(void **state)						\
	{									\
		struct fault f = { .delay_us = 5000, .rate_us = 120, __VA_ARGS__ }; \
										\
		(void)state;							\
		for (uint64_t seed = 1; seed <= 4; seed++)			\
			run(&f, bytes, seed, seed % 2 == 0);			\
	}

TRANSFER(data_arrives_intact_over_a_perfect_link, 500000, .loss = 0)
TRANSFER(data_arrives_intact_with_loss_1_percent, 300000, .loss = 1)
TRANSFER(data_arrives_intact_with_loss_3_percent, 300000, .loss = 3)
TRANSFER(data_arrives_intact_with_loss_10_percent, 150000, .loss = 10)
TRANSFER(data_arrives_intact_with_loss_20_percent, 80000, .loss = 20)
TRANSFER(data_arrives_intact_with_loss_30_percent, 50000, .loss = 30)
TRANSFER(data_arrives_intact_with_reordering_25_percent, 300000, .reorder = 25)
TRANSFER(data_arrives_intact_with_duplicates_10_percent, 300000, .dup = 10)
TRANSFER(data_arrives_intact_with_corruption_1_percent, 300000, .corrupt = 1)
TRANSFER(data_arrives_intact_with_everything_at_once, 150000, .loss = 5, .dup = 10, .reorder = 25, .corrupt = 1)

static void data_arrives_intact_with_tiny_buffers(void **state)
{
	struct fault f = { .delay_us = 500, .rate_us = 120, .loss = 3, .reorder = 10 };
	struct sim *s = malloc(sizeof(*s));

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		sim_init(s, &f, seed);
		for (int i = 0; i < 2; i++)
			s->host[i].cfg.tcp_sndbuf = s->host[i].cfg.tcp_rcvbuf = 2048;
		s->host[1].netif.mtu = 576;
		sim_start(s);
		transfer(s, 60000, seed % 2 == 0);
		sim_stop(s);
	}
	free(s);
}

static void window_scaling_fills_a_long_fat_pipe(void **state)
{
	struct fault f = { .delay_us = 50000, .rate_us = 12 };
	struct sim *s = malloc(sizeof(*s));
	uint64_t scaled, plain;

	(void)state;
	sim_init(s, &f, 1);
	for (int i = 0; i < 2; i++)
		s->host[i].cfg.tcp_sndbuf = s->host[i].cfg.tcp_rcvbuf = 1 << 20;
	sim_start(s);
	scaled = transfer(s, 3000000, false);
	assert_true(net_stats(s->host[0].net)->tcp_rto == 0);
	sim_stop(s);

	sim_init(s, &f, 1);
	for (int i = 0; i < 2; i++)
		s->host[i].cfg.tcp_sndbuf = s->host[i].cfg.tcp_rcvbuf = 32768;
	sim_start(s);
	plain = transfer(s, 3000000, false);
	sim_stop(s);
	assert_true(plain > 4 * scaled);
	free(s);
}

/* With NewReno a lost segment costs about a round trip, not a timeout: 1 % loss may not bring the link to a crawl. */
static void single_losses_are_repaired_without_timeouts(void **state)
{
	struct fault f = { .delay_us = 5000, .rate_us = 120, .loss = 1 };
	struct sim *s = malloc(sizeof(*s));
	const struct net_stats *st;
	uint64_t fast = 0, slow = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		sim_init(s, &f, seed);
		for (int i = 0; i < 2; i++)
			s->host[i].cfg.tcp_sndbuf = s->host[i].cfg.tcp_rcvbuf = 65536;
		sim_start(s);
		transfer(s, 1000000, false);
		for (int i = 0; i < 2; i++) {
			st = net_stats(s->host[i].net);
			fast += st->tcp_fast_rtx;
			slow += st->tcp_rto;
		}
		sim_stop(s);
	}
	assert_true(fast > 5 * slow);
	free(s);
}

static void F15_a_thousand_connections_return_all_memory(void **state)
{
	struct fault f = { .delay_us = 100, .rate_us = 10, .loss = 1 };
	struct sim *s = malloc(sizeof(*s));
	struct tcp_listener *l;
	unsigned int opened = 0, served = 0, finished = 0;

	(void)state;
	sim_init(s, &f, 9);
	s->host[0].cfg.tcp_conns = s->host[1].cfg.tcp_conns = 32;
	s->host[0].cfg.tcp_timewait = 8;	/* older ones are reused */
	s->host[0].cfg.rto_min_us = s->host[1].cfg.rto_min_us = 200 * MS;
	sim_start(s);
	assert_int_equal(tcp_listen(s->host[1].net, 80, 16, NULL, &l), 0);
	while (finished < 1000) {
		struct net_event ev;
		struct tcp_conn *c;
		char buf[256];

		/* Those that wait for a lost last ACK count, too, so now and then the pool is empty. */
		while (opened < 1000 && opened - finished < 20) {
			int err = tcp_connect(s->host[0].net, IP_B, 80, 0, NULL, &c);

			if (err == NET_ENOMEM)
				break;
			assert_int_equal(err, 0);
			opened++;
		}
		while (net_next_event(s->host[0].net, &ev)) {
			if (ev.kind != NET_KIND_CONN)
				continue;
			assert_int_equal(ev.events & NET_EV_ERROR, 0);
			if ((ev.events & NET_EV_CONNECTED) != 0)
				assert_int_equal(tcp_send(ev.conn, "GET / HTTP/1.0\r\n\r\n", 18), 18);
			while (tcp_recv(ev.conn, buf, sizeof(buf)) > 0)
				;
			if ((ev.events & NET_EV_EOF) != 0) {
				tcp_close(ev.conn);
				finished++;
			}
		}
		while (net_next_event(s->host[1].net, &ev)) {
			if (ev.kind == NET_KIND_LISTENER) {
				while (tcp_accept(l, NULL, &c) == 0)
					;
			} else if (ev.kind == NET_KIND_CONN && (ev.events & NET_EV_READABLE) != 0 && tcp_recv(ev.conn, buf, 256) > 0) {
				assert_int_equal(tcp_send(ev.conn, "HTTP/1.0 200 OK\r\n\r\nhello\n", 25), 25);
				tcp_close(ev.conn);
				served++;
			}
		}
		assert_true(s->host[0].net->conns.used <= 32 + 8);
		assert_true(sim_step(s));
	}
	assert_int_equal(served, 1000);
	tcp_unlisten(l);
	sim_settle(s);
	/* The buffers came from a pool that never had to grow beyond what was open at once. */
	assert_true(s->host[1].net->bufs.fresh <= 32);
	sim_stop(s);
	free(s);
}

static void simultaneous_open_and_close_between_two_stacks(void **state)
{
	struct fault f = { .delay_us = 1000, .rate_us = 10 };
	struct sim *s = malloc(sizeof(*s));
	struct tcp_conn *c[2];

	(void)state;
	for (unsigned int loss = 0; loss <= 20; loss += 20)
		for (uint64_t seed = 1; seed < 20; seed++) {
			f.loss = loss;
			sim_init(s, &f, seed);
			sim_start(s);
			for (int i = 0; i < 2; i++)
				assert_int_equal(tcp_connect(s->host[i].net, i == 0 ? IP_B : IP_A, 5000, 5000, NULL, &c[i]), 0);
			while (tcp_state(c[0]) != TCP_ESTABLISHED || tcp_state(c[1]) != TCP_ESTABLISHED)
				assert_true(sim_step(s));
			for (int i = 0; i < 2; i++)
				assert_int_equal(tcp_shutdown(c[i]), 0);
			while (tcp_state(c[0]) < TCP_TIME_WAIT || tcp_state(c[1]) < TCP_TIME_WAIT) {
				if (tcp_state(c[0]) == TCP_CLOSED || tcp_state(c[1]) == TCP_CLOSED)
					break;
				assert_true(sim_step(s));
			}
			assert_int_equal(tcp_error(c[0]), 0);
			assert_int_equal(tcp_error(c[1]), 0);
			tcp_close(c[0]);
			tcp_close(c[1]);
			sim_settle(s);
			sim_stop(s);
		}
	free(s);
}

static void ping_and_udp_cross_the_link(void **state)
{
	struct fault f = { .delay_us = 1000, .rate_us = 10 };
	struct sim *s = malloc(sizeof(*s));
	struct udp_sock *a, *b;
	struct net_ping_reply reply;
	uint8_t buf[2000], big[1472];
	uint32_t ip;
	uint16_t port;

	(void)state;
	sim_init(s, &f, 1);
	sim_start(s);
	assert_int_equal(net_ping(s->host[0].net, IP_B, 7, 1472), 0);
	while (!net_ping_result(s->host[0].net, &reply))
		assert_true(sim_step(s));
	assert_true(reply.ip == IP_B && reply.seq == 7 && reply.len == 1472);
	assert_true(reply.rtt_us >= 2 * 1000 && reply.rtt_us < 20000);
	assert_false(net_ping_result(s->host[0].net, &reply));
	assert_int_equal(net_ping(s->host[0].net, IP_B, 8, 1473), NET_EMSGSIZE);

	assert_int_equal(udp_open(s->host[0].net, 0, NULL, &a), 0);
	assert_int_equal(udp_open(s->host[1].net, 7, NULL, &b), 0);
	memset(big, 0x5a, sizeof(big));
	assert_int_equal(udp_sendto(a, IP_B, 7, big, sizeof(big)), 0);
	assert_int_equal(udp_sendto(a, IP_B, 7, NULL, 0), 0);
	assert_int_equal(udp_sendto(a, IP_B, 7, big, sizeof(big) + 1), NET_EMSGSIZE);
	while (sim_step(s))
		;
	assert_int_equal(udp_recvfrom(b, buf, sizeof(buf), &ip, &port), 1472);
	assert_memory_equal(buf, big, 1472);
	assert_true(ip == IP_A && port == udp_port(a));
	assert_int_equal(udp_recvfrom(b, buf, sizeof(buf), &ip, &port), 0);
	assert_int_equal(udp_recvfrom(b, buf, sizeof(buf), &ip, &port), NET_EAGAIN);
	udp_close(a);
	udp_close(b);
	sim_settle(s);
	sim_stop(s);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_arrives_intact_over_a_perfect_link),
		cmocka_unit_test(data_arrives_intact_with_loss_1_percent),
		cmocka_unit_test(data_arrives_intact_with_loss_3_percent),
		cmocka_unit_test(data_arrives_intact_with_loss_10_percent),
		cmocka_unit_test(data_arrives_intact_with_loss_20_percent),
		cmocka_unit_test(data_arrives_intact_with_loss_30_percent),
		cmocka_unit_test(data_arrives_intact_with_reordering_25_percent),
		cmocka_unit_test(data_arrives_intact_with_duplicates_10_percent),
		cmocka_unit_test(data_arrives_intact_with_corruption_1_percent),
		cmocka_unit_test(data_arrives_intact_with_everything_at_once),
		cmocka_unit_test(data_arrives_intact_with_tiny_buffers),
		cmocka_unit_test(window_scaling_fills_a_long_fat_pipe),
		cmocka_unit_test(single_losses_are_repaired_without_timeouts),
		cmocka_unit_test(F15_a_thousand_connections_return_all_memory),
		cmocka_unit_test(simultaneous_open_and_close_between_two_stacks),
		cmocka_unit_test(ping_and_udp_cross_the_link),
	};

	return cmocka_run_group_tests_name("net_transfer", tests, NULL, NULL);
}
