/*
 * test_httpd.c - the web server of user/httpd against clients on a simulated wire
 *
 * The server's own main() runs in a thread that only ever moves inside netif_wait(), where the test hands it frames and time: so a run
 * is the same every time, and ten seconds of a slow client take no time at all. The clients use a second stack.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The clock of the machine, in microseconds, and its time CSR, which counts the same here. */
static uint64_t clock_us = 1000000;
#define time_now() clock_us

#define main httpd_main
#include "user/httpd/httpd.c"
#include "user/httpd/page.c"
#include "user/httpd/stats.c"
#undef main

int httpd_main(void);

/* ---- the wire ---- */

#define FRAMES 4096

struct wire {
	struct netif netif;
	struct {
		size_t len;
		uint8_t bytes[1514];
	} *frame;			/* on their way to the other side */
	unsigned int first, count;
};

static struct wire to_client = { .netif.mac = { 2, 0, 0, 0, 0, 1 } }, to_server = { .netif.mac = { 2, 0, 0, 0, 0, 2 } };

static int wire_transmit(struct netif *netif, const struct net_iov *iov, int n)
{
	struct wire *w = netif->arg;
	unsigned int at = (w->first + w->count) % FRAMES;

	if (w->count == FRAMES)
		return NET_EAGAIN;
	w->frame[at].len = 0;
	for (int i = 0; i < n; i++) {
		memcpy(w->frame[at].bytes + w->frame[at].len, iov[i].base, iov[i].len);
		w->frame[at].len += iov[i].len;
	}
	w->count++;
	return 0;
}

static void wire_init(struct wire *w)
{
	w->netif.transmit = wire_transmit;
	w->netif.mtu = 1500;
	w->netif.arg = w;
	w->frame = calloc(FRAMES, sizeof(*w->frame));
	assert_non_null(w->frame);
}

static void wire_deliver(struct wire *w, struct net *to)
{
	while (w->count > 0) {
		unsigned int at = w->first;

		w->first = (w->first + 1) % FRAMES;
		w->count--;
		net_input(to, w->frame[at].bytes, w->frame[at].len);
	}
}

/* ---- what the server finds below itself ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static bool server_turn;
static struct net *server_net;

static void give_turn(bool server)
{
	pthread_mutex_lock(&lock);
	server_turn = server;
	pthread_cond_broadcast(&turned);
	while (server_turn == server)
		pthread_cond_wait(&turned, &lock);
	pthread_mutex_unlock(&lock);
}

uint64_t netif_wait(struct netif_ring *r, struct net *n, uint64_t mask, uint64_t until_us)
{
	(void)r, (void)mask, (void)until_us;
	server_net = n;
	give_turn(false);
	net_poll(n, clock_us);
	wire_deliver(&to_server, n);
	return 0;
}

int netif_open(struct netif_ring **out, unsigned int buffers)
{
	(void)buffers;
	*out = NULL;
	return 0;
}

bool netif_await_address(struct netif_ring *r, unsigned long deadline)
{
	(void)r, (void)deadline;
	return true;
}

int netif_grants(struct netif_ring *r)
{
	(void)r;
	return 2;
}

int netif_start(struct netif_ring *r, struct net_config *cfg, struct net **out)
{
	(void)r;
	cfg->netif = &to_client.netif;
	cfg->now_us = clock_us;
	cfg->ip = NET_IP(10, 0, 0, 1);
	cfg->mask = 0xffffff00;
	cfg->answer_arp = true;		/* on the machine netd does it */
	*out = net_create(cfg);
	return 0;
}

int netif_follow_address(struct netif_ring *r, struct net *n)
{
	(void)r, (void)n;
	return 0;
}

/* The server's ring is taken back, and it can make another one or not. */
static int ring_error, ups;
static bool can_come_up;

int netif_error(const struct netif_ring *r)
{
	(void)r;
	return ring_error;
}

int netif_up(struct netif_ring *r)
{
	(void)r;
	ups++;
	ring_error = can_come_up ? 0 : ring_error;
	return ring_error;
}

const char *netif_strerror(int err)
{
	(void)err;
	return "?";
}

void netif_get_stats(struct netif_ring *r, struct netif_stats *out)
{
	(void)r;
	memset(out, 0, sizeof(*out));
}

int vm_touch(const void *va, size_t len)
{
	(void)va, (void)len;
	return 0;
}

const char *exos_strerror(long err)
{
	(void)err;
	return "?";
}

unsigned int self_env(void)
{
	return 2;
}

const volatile struct exposed_system *exposed_system(void)
{
	static struct exposed_system s = { .timebase_hz = 1000000, .nframes = 1000, .free_frames = 600, .nharts = 1 };

	return &s;
}

static struct exposed_env envs[ENV_MAX] = {
	{ .id = 1024, .state = ENV_WAITING, .word = 0x74696e69 },
	{ .id = 2, .state = ENV_READY, .word = 0x2200225c7822ull },	/* a name with quotes and a backslash */
};

const volatile struct exposed_env *exposed_env(unsigned int i)
{
	return i < ENV_MAX ? &envs[i] : NULL;
}

const volatile struct exposed_hart *exposed_hart(unsigned int hart)
{
	static struct exposed_hart h;

	return hart == 0 ? &h : NULL;
}

/* ---- clients ---- */

static struct net *client_net;

static void *server_thread(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	while (!server_turn)
		pthread_cond_wait(&turned, &lock);
	pthread_mutex_unlock(&lock);
	httpd_main();
	return NULL;
}

/* Let us microseconds pass, in steps of a millisecond in which each side runs once. */
static void run(uint64_t us)
{
	struct net_event ev;

	for (uint64_t t = 0; t < us; t += 1000) {
		clock_us += 1000;
		give_turn(true);
		net_poll(client_net, clock_us);
		wire_deliver(&to_client, client_net);
		while (net_next_event(client_net, &ev))
			;
	}
}

static int setup(void **state)
{
	struct net_config cfg;
	pthread_t thread;

	(void)state;
	wire_init(&to_client);
	wire_init(&to_server);
	net_config_default(&cfg);
	cfg.netif = &to_server.netif;
	memset(cfg.seed, 7, sizeof(cfg.seed));
	cfg.now_us = clock_us;
	cfg.ip = NET_IP(10, 0, 0, 2);
	cfg.mask = 0xffffff00;
	cfg.answer_arp = true;
	cfg.tcp_conns = 256;
	cfg.tcp_timewait = 1024;
	cfg.tcp_rcvbuf = 65536;
	client_net = net_create(&cfg);
	assert_non_null(client_net);
	assert_int_equal(pthread_create(&thread, NULL, server_thread, NULL), 0);
	pthread_detach(thread);
	run(10000);
	return 0;
}

static struct tcp_conn *dial(void)
{
	struct tcp_conn *c;

	assert_int_equal(tcp_connect(client_net, NET_IP(10, 0, 0, 1), 80, 0, NULL, &c), 0);
	return c;
}

static struct tcp_conn *dialled(void)
{
	struct tcp_conn *c = dial();

	for (int i = 0; i < 1000 && tcp_state(c) != TCP_ESTABLISHED; i++)
		run(1000);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	return c;
}

static void say_bytes(struct tcp_conn *c, const char *text, size_t n)
{
	while (n > 0) {
		long sent = tcp_send(c, text, n);

		if (sent > 0) {
			text += sent;
			n -= (size_t)sent;
		} else if (sent != NET_EAGAIN) {
			return;		/* the server has had enough */
		}
		run(1000);
	}
}

static void say(struct tcp_conn *c, const char *text)
{
	say_bytes(c, text, strlen(text));
}

static char answer_text[1 << 20];

/* All that comes until the server closes, or until nothing came for half a second. Returns its length. */
static size_t listen_to(struct tcp_conn *c)
{
	size_t n = 0;
	int quiet = 0;

	while (quiet < 500 && n < sizeof(answer_text) - 1) {
		long got = tcp_recv(c, answer_text + n, sizeof(answer_text) - 1 - n);

		if (got > 0) {
			n += (size_t)got;
			quiet = 0;
			continue;
		}
		if (got != NET_EAGAIN)
			break;
		quiet++;
		run(1000);
	}
	answer_text[n] = '\0';
	return n;
}

static unsigned int occurrences(const char *what)
{
	unsigned int n = 0;

	for (const char *p = answer_text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static int status_line(void)
{
	int status = 0;

	sscanf(answer_text, "HTTP/1.1 %d ", &status);
	return status;
}

/* Send text on a connection of its own; the status of the first answer. */
static int ask(const char *text)
{
	struct tcp_conn *c = dialled();

	say(c, text);
	listen_to(c);
	tcp_close(c);
	run(5000);
	return status_line();
}

static unsigned int busy_clients(void)
{
	unsigned int n = 0;

	for (struct client *c = clients; c < clients + CLIENTS; c++)
		n += c->phase != FREE;
	return n;
}

#define GET_CLOSE "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* ---- the promises ---- */

static void the_page_is_served(void **state)
{
	(void)state;
	assert_int_equal(ask(GET_CLOSE), 200);
	assert_non_null(strstr(answer_text, "\r\n\r\n<!doctype html>"));
	assert_string_equal(answer_text + strlen(answer_text) - page_html_bytes, page_html);
	assert_non_null(strstr(answer_text, "Connection: close\r\n"));
	run(3000000);
	assert_int_equal(busy_clients(), 0);
}

static void names_of_environments_cannot_break_the_json(void **state)
{
	const char *body;

	(void)state;
	assert_int_equal(ask("GET /stats.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 200);
	body = strstr(answer_text, "\r\n\r\n") + 4;
	assert_int_equal(body[0], '{');
	assert_string_equal(body + strlen(body) - 2, "}\n");
	assert_non_null(strstr(body, "\"name\":\"init\""));
	assert_non_null(strstr(body, "\"name\":\"?x??\""));
	assert_non_null(strstr(body, "\"complete\":true"));
}

static void too_many_environments_are_cut_at_a_comma(void **state)
{
	static struct exposed_env saved[ENV_MAX];
	static char buf[STATS_BYTES];
	size_t n;

	(void)state;
	memcpy(saved, envs, sizeof(envs));
	for (unsigned int i = 0; i < ENV_MAX; i++)
		envs[i] = (struct exposed_env){ .id = 0xffffffff, .state = ENV_READY, .word = ~0ull, .used = ~0ull };
	for (size_t size = 4096; size <= sizeof(buf); size += 7) {
		memset(buf, 'z', sizeof(buf));
		n = stats_json(buf, size, server_net, ring, &counters);
		assert_true(n < size && strlen(buf) == n);
		assert_string_equal(buf + n - 21, "}],\"complete\":false}\n");
	}
	memcpy(envs, saved, sizeof(envs));
}

static void requests_may_come_in_any_pieces(void **state)
{
	const char *request = GET_CLOSE;

	(void)state;
	for (size_t cut = 1; cut < strlen(request); cut++) {
		struct tcp_conn *c = dialled();

		say_bytes(c, request, cut);
		run(20000);
		say(c, request + cut);
		listen_to(c);
		assert_int_equal(status_line(), 200);
		tcp_close(c);
	}
}

static void a_connection_carries_many_requests(void **state)
{
	struct tcp_conn *c = dialled();

	(void)state;
	for (int i = 0; i < 20; i++) {
		say(c, i % 3 == 0 ? "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" : i % 3 == 1 ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
										: "GET /no HTTP/1.1\r\nHost: a\r\n\r\n");
		listen_to(c);
		assert_int_equal(status_line(), i % 3 == 2 ? 404 : 200);
		assert_int_equal(occurrences("<!doctype"), i % 3 == 0 ? 0 : 1);
		assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	}
	tcp_close(c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct tcp_conn *c = dialled();
	char text[4096] = "";

	(void)state;
	for (int i = 0; i < 20; i++)
		strcat(text, i % 2 ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n" : "GET /stats.json HTTP/1.1\r\nHost: a\r\n\r\n");
	strcat(text, "GET /no HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	say(c, text);
	listen_to(c);
	assert_int_equal(occurrences("HTTP/1.1 200 OK\r\n"), 20);
	assert_int_equal(occurrences("\"complete\":true}\nHTTP/1.1 200 OK\r\n"), 10);
	assert_int_equal(occurrences("</html>\nHTTP/1.1 "), 10);
	assert_int_equal(occurrences("HTTP/1.1 404 "), 1);
	tcp_close(c);
}

static void refusals_close_the_connection(void **state)
{
	static char text[20000];

	(void)state;
	assert_int_equal(ask("GET / HTTP/1.1\r\n\r\n"), 400);
	assert_non_null(strstr(answer_text, "Connection: close\r\n"));
	assert_int_equal(ask("BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 501);
	assert_int_equal(ask("DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 405);
	assert_non_null(strstr(answer_text, "Allow: GET, HEAD\r\n"));
	assert_int_equal(ask("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
	assert_int_equal(ask("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	assert_int_equal(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n"), 413);
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "GET /", 5);
	assert_int_equal(ask(text), 414);
	memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nA: ", 28);
	assert_int_equal(ask(text), 431);
	run(3000000);
	assert_int_equal(busy_clients(), 0);
}

static void bodies_are_skipped(void **state)
{
	static char text[40000];
	struct tcp_conn *c = dialled();
	int n = sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n");

	(void)state;
	memset(text + n, 'G', 30000);
	strcpy(text + n + 30000, GET_CLOSE);
	say(c, text);
	listen_to(c);
	assert_int_equal(status_line(), 405);
	assert_int_equal(occurrences("HTTP/1.1 200 OK"), 1);
	assert_int_equal(occurrences("HTTP/1.1 "), 2);
	tcp_close(c);
}

static void unfinished_requests_time_out(void **state)
{
	struct tcp_conn *silent = dialled(), *slow = dialled();

	(void)state;
	for (int i = 0; i < 9; i++) {
		say(slow, i == 0 ? "G" : "E");
		run(1000000);
	}
	assert_int_equal(tcp_readable(slow), 0);
	run(2000000);
	listen_to(slow);
	assert_int_equal(status_line(), 408);
	assert_int_equal(tcp_state(silent), TCP_ESTABLISHED);
	run(IDLE_US);
	assert_int_equal(listen_to(silent), 0);	/* closed without a word */
	assert_int_not_equal(tcp_state(silent), TCP_ESTABLISHED);
	tcp_close(slow);
	tcp_close(silent);
	run(5000000);
	assert_int_equal(busy_clients(), 0);
}

static void who_does_not_read_blocks_nobody(void **state)
{
	struct tcp_conn *deaf = dialled();

	(void)state;
	for (int i = 0; i < 200; i++)
		say(deaf, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(ask(GET_CLOSE), 200);
	run(ANSWER_US + SECOND);
	assert_int_equal(ask(GET_CLOSE), 200);
	tcp_abort(deaf);
	run(5000000);
	assert_int_equal(busy_clients(), 0);
}

static void many_at_once_are_all_answered(void **state)
{
	enum { MANY = 200 };
	static struct tcp_conn *c[MANY];
	static size_t got[MANY];
	int open = MANY;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		c[i] = dial();
		assert_int_equal(tcp_send(c[i], GET_CLOSE, strlen(GET_CLOSE)), strlen(GET_CLOSE));	/* when it is open */
	}
	for (int ms = 0; ms < 60000 && open > 0; ms++) {
		run(1000);
		for (int i = 0; i < MANY; i++) {
			long n = c[i] == NULL ? NET_EAGAIN : tcp_recv(c[i], answer_text, sizeof(answer_text));

			if (n > 0)
				got[i] += (size_t)n;
			if (n == NET_EAGAIN || n > 0)
				continue;
			assert_int_equal(n, 0);
			assert_true(got[i] > page_html_bytes);
			tcp_close(c[i]);
			c[i] = NULL;
			open--;
		}
	}
	assert_int_equal(open, 0);
	run(5000000);
	assert_int_equal(busy_clients(), 0);
}

static void idle_connections_make_room(void **state)
{
	static struct tcp_conn *idle[CLIENTS];

	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		idle[i] = dialled();
	run(5000);
	assert_int_equal(busy_clients(), CLIENTS);
	run(SPARE_US);
	assert_int_equal(ask(GET_CLOSE), 200);
	for (int i = 0; i < CLIENTS; i++)
		tcp_abort(idle[i]);
	run(5000000);
	assert_int_equal(busy_clients(), 0);
}

static void a_thousand_one_after_the_other(void **state)
{
	uint64_t before = net_stats(server_net)->tcp_accepted;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(i % 2 ? GET_CLOSE : "GET /stats.json HTTP/1.0\r\n\r\n"), 200);
	assert_int_equal(net_stats(server_net)->tcp_accepted - before, 1000);
	run(5000000);
	assert_int_equal(busy_clients(), 0);
}

static void a_ring_that_was_taken_is_made_anew(void **state)
{
	(void)state;
	ring_error = -E_NODEV;
	run(2 * SECOND);
	assert_in_range(ups, 4, 8);	/* it tries again at each tick, and not more often */
	can_come_up = true;
	run(SECOND);
	assert_int_equal(ring_error, 0);
	ups = 0;
	ring_error = -E_QUOTA;		/* a flow that is not bound is netif's own matter */
	run(2 * SECOND);
	assert_int_equal(ups, 0);
	ring_error = 0;
	assert_int_equal(ask(GET_CLOSE), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_is_served),
		cmocka_unit_test(names_of_environments_cannot_break_the_json),
		cmocka_unit_test(too_many_environments_are_cut_at_a_comma),
		cmocka_unit_test(requests_may_come_in_any_pieces),
		cmocka_unit_test(a_connection_carries_many_requests),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(refusals_close_the_connection),
		cmocka_unit_test(bodies_are_skipped),
		cmocka_unit_test(unfinished_requests_time_out),
		cmocka_unit_test(who_does_not_read_blocks_nobody),
		cmocka_unit_test(many_at_once_are_all_answered),
		cmocka_unit_test(idle_connections_make_room),
		cmocka_unit_test(a_thousand_one_after_the_other),
		cmocka_unit_test(a_ring_that_was_taken_is_made_anew),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
