/*
 * httpd - a web server that is a program like any other
 *
 * One thread, one loop: wait for packets, hand them to the stack, act on its events. A connection is in one of few states; each
 * step takes it as far as its bytes and its room to send allow:
 *
 *	REQUEST --head complete--> ANSWER --sent--> BODY --skipped--> REQUEST ...
 *	   \--refused, timeout-->  ANSWER --sent, last one--> LINGER --peer closes--> gone
 *
 * Requests are parsed where they lie in the receive buffer; the page is sent from where it lies in the image. All memory is there
 * from the start: a request takes nothing and so leaks nothing.
 *
 * Grants: "flow.tcp80", "flow.arp"; "netpage".
 */
#include "httpd.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exos_calls.h"
#include "http/http.h"
#include "net/net.h"
#include "netif/netif.h"
#include "posix.h"
#include "start.h"
#include "vm.h"

#define PORT		80
#define BUFFERS		128
#define CLIENTS		96		/* connections that are served at the same time */
#define BACKLOG		64
#define SEND_BYTES	16384		/* per connection; a whole answer that is copied must fit: STATS_BYTES and a head */
#define RECEIVE_BYTES	4096
#define STATS_BYTES	12288
#define HEAD_BYTES	256
#define STACK_BYTES	32768		/* touched at the start, so that it never grows later */

#define SECOND		1000000ull
#define REQUEST_US	(10 * SECOND)	/* from the first byte of a head to its last: 408 */
#define IDLE_US		(30 * SECOND)	/* between requests: closed without a word */
#define SPARE_US	(2 * SECOND)	/* between requests: from now on it may have to make room */
#define ANSWER_US	(30 * SECOND)	/* for the peer to make room for an answer */
#define LINGER_US	(2 * SECOND)	/* for the peer to close after the last answer */
#define LINGER_BYTES	65536		/* that are read and forgotten meanwhile */
#define ORPHAN_US	(10 * SECOND)	/* for the peer of a closed connection to take the rest, and to close too */
#define BODY_MAX	65536		/* bodies that are skipped; longer ones: 413 */
#define TICK_US		(SECOND / 4)	/* timeouts are looked at this often */

enum phase { FREE, REQUEST, ANSWER, BODY, LINGER };

enum resource { NOTHING, PAGE, STATS };

struct client {
	enum phase phase;
	struct tcp_conn *conn;
	struct http_request request;
	uint64_t deadline;		/* in terms of net_now() */
	int status;			/* ANSWER: which one */
	enum resource resource;
	bool last;			/* ANSWER: close afterwards */
	bool head_sent;
	uint64_t left;			/* BODY: bytes to skip; LINGER: bytes to forget */
};

static struct netif_ring *ring;
static struct net *net;
static struct tcp_listener *listener;
static struct client clients[CLIENTS];
static struct httpd_counters counters;
static char body[STATS_BYTES];	/* of an answer that is made while it is sent */

static void die(const char *what, const char *why)
{
	printf("httpd: %s: %s\n", what, why);
	exit(1);
}

static void drop(struct client *c)
{
	tcp_close(c->conn);
	c->conn = NULL;
	c->phase = FREE;
}

static void enter(struct client *c, enum phase phase, uint64_t timeout_us)
{
	c->phase = phase;
	c->deadline = net_now(net) + timeout_us;
}

static void await_request(struct client *c)
{
	http_begin(&c->request);
	enter(c, REQUEST, IDLE_US);
}

/* ---- answers ---- */

static void answer(struct client *c, int status, bool last)
{
	c->status = status;
	c->resource = NOTHING;
	c->last = last;
	c->head_sent = false;
	if (status == 200)
		counters.ok++;
	else
		counters.refused++;
	enter(c, ANSWER, ANSWER_US);
}

/* A whole head has arrived: what does it want? */
static void decide(struct client *c)
{
	const struct http_request *r = &c->request;
	/* Who waits for "100 Continue" gets the final answer instead, and must not send the body on this connection (RFC 9110, 10.1.1). */
	bool last = !r->keep_alive || (r->expect_continue && r->body_bytes > 0);
	char path[64];
	long n;

	counters.requests++;
	if (r->body_bytes > BODY_MAX)
		return answer(c, 413, true);
	if (r->method == HTTP_UNKNOWN)
		return answer(c, 501, last);
	if (r->method == HTTP_OTHER)
		return answer(c, 405, last);
	n = http_path(r, path, sizeof(path));
	if (n < 0 && r->target[0] != '/' && r->target_bytes < sizeof(path))
		return answer(c, 400, last);
	if (n >= 0 && (strcmp(path, "/") == 0 || strcmp(path, "/index.html") == 0)) {
		answer(c, 200, last);
		c->resource = PAGE;
	} else if (n >= 0 && strcmp(path, "/stats.json") == 0) {
		answer(c, 200, last);
		c->resource = STATS;
	} else {
		answer(c, 404, last);
	}
}

static const char *type_of(enum resource resource)
{
	return resource == STATS ? "application/json" : "text/html; charset=utf-8";
}

/* Send the answer, or as much as there is room for. Returns false when it has to wait. */
static bool send_answer(struct client *c)
{
	static char head[HEAD_BYTES];
	bool with_body = c->request.state != HTTP_DONE || c->request.method != HTTP_HEAD;
	size_t body_bytes = page_html_bytes;
	int n;

	if (!c->head_sent) {
		/* All that is copied must fit at once. A client that asks faster than it reads waits here. */
		if (tcp_writable(c->conn) < HEAD_BYTES + (c->resource == PAGE ? 0 : STATS_BYTES))
			return false;
		if (c->resource == STATS)
			body_bytes = stats_json(body, sizeof(body), net, ring, &counters);
		else if (c->resource == NOTHING)
			body_bytes = (size_t)snprintf(body, sizeof(body), "<!doctype html>\n<title>%d %s</title>\n<h1>%d %s</h1>\n",
						      c->status, http_reason(c->status), c->status, http_reason(c->status));
		n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\nServer: exos\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n",
			     c->status, http_reason(c->status), c->status == 405 ? "Allow: GET, HEAD\r\n" : "", type_of(c->resource),
			     body_bytes, c->resource == PAGE ? "" : "Cache-Control: no-store\r\n",
			     c->last ? "Connection: close\r\n" : c->request.minor == 0 ? "Connection: keep-alive\r\n" : "");
		if (tcp_send(c->conn, head, (size_t)n) != n)
			return false;
		c->head_sent = true;
		if (with_body && c->resource != PAGE && tcp_send(c->conn, body, body_bytes) != (long)body_bytes)
			c->last = true;		/* dead: the next step finds out */
	}
	if (with_body && c->resource == PAGE && tcp_send_ref(c->conn, page_html, page_html_bytes, NULL, NULL) == NET_EAGAIN)
		return false;
	return true;
}

static void answered(struct client *c)
{
	if (c->last) {
		tcp_shutdown(c->conn);
		c->left = LINGER_BYTES;
		enter(c, LINGER, LINGER_US);
	} else if (c->request.body_bytes > 0) {
		c->left = c->request.body_bytes;
		enter(c, BODY, REQUEST_US);
	} else {
		await_request(c);
	}
}

/* ---- steps ---- */

/* Use some of n bytes at data, at least one. Returns how many. */
static size_t take(struct client *c, const void *data, size_t n)
{
	bool begun;
	size_t used;

	if (c->phase != REQUEST) {
		used = n < c->left ? n : c->left;
		c->left -= used;
		if (c->left == 0 && c->phase == BODY)
			await_request(c);
		return used;
	}
	begun = http_begun(&c->request);
	used = http_parse(&c->request, data, n);
	if (c->request.state == HTTP_DONE) {
		decide(c);
	} else if (c->request.state == HTTP_BAD) {
		counters.requests++;
		answer(c, c->request.status, true);
	} else if (!begun && http_begun(&c->request)) {
		c->deadline = net_now(net) + REQUEST_US;
	}
	return used;
}

/* Take the connection as far as it goes now. */
static void serve(struct client *c)
{
	const void *data;
	long n;

	while (c->phase != FREE) {
		n = tcp_error(c->conn);
		if (n == 0 && c->phase == ANSWER) {
			if (!send_answer(c))
				return;
			answered(c);
			continue;
		}
		if (n == 0)
			n = tcp_peek(c->conn, &data);
		if (n == NET_EAGAIN)
			return;
		if (n <= 0 || (c->phase == LINGER && c->left == 0)) {
			drop(c);	/* the peer is done, the connection is dead, or it never stops talking */
			return;
		}
		tcp_consume(c->conn, take(c, data, (size_t)n));
	}
}

/* ---- connections ---- */

/* May the connection go when others wait? One that just came has not had the time to ask yet. */
static bool spare(const struct client *c)
{
	if (c->phase == LINGER)
		return tcp_unacked(c->conn) == 0;
	return c->phase == REQUEST && !http_begun(&c->request) && net_now(net) + IDLE_US >= c->deadline + SPARE_US;
}

/* Somewhere to put a new connection: a free place, or that of the one that has been idle for longest. */
static struct client *place(void)
{
	struct client *idle = NULL;

	for (struct client *c = clients; c < clients + CLIENTS; c++) {
		if (c->phase == FREE)
			return c;
		if (spare(c) && (idle == NULL || c->deadline < idle->deadline))
			idle = c;
	}
	return idle;
}

static void accept_all(void)
{
	struct client *c;
	struct tcp_conn *conn;

	while ((c = place()) != NULL && tcp_accept(listener, c, &conn) == 0) {
		if (c->phase != FREE) {
			counters.evicted++;
			drop(c);
		}
		counters.connections++;
		c->conn = conn;
		tcp_set_nodelay(conn, true);	/* head and body of an answer are two pieces, and neither waits for the other */
		await_request(c);
		serve(c);
	}
}

static void expire(struct client *c)
{
	switch (c->phase) {
	case REQUEST:
	case BODY:
		if (c->phase == REQUEST && !http_begun(&c->request)) {
			drop(c);
			break;
		}
		counters.timeouts++;
		if (c->phase == BODY) {
			tcp_abort(c->conn);	/* its answer went out long ago */
			c->conn = NULL;
			c->phase = FREE;
			break;
		}
		answer(c, 408, true);
		serve(c);
		break;
	case ANSWER:
		counters.timeouts++;
		tcp_abort(c->conn);
		c->conn = NULL;
		c->phase = FREE;
		break;
	case LINGER:
		drop(c);
		break;
	case FREE:
		break;
	}
}

int main(void)
{
	struct net_config cfg;
	struct net_event ev;
	uint64_t next = 0;
	int err;

	if ((err = vm_touch((void *)(LAYOUT_STACK_END - STACK_BYTES), STACK_BYTES)) < 0)
		die("no stack", exos_strerror(err));
	if ((err = netif_open(&ring, BUFFERS)) < 0)
		die("no packet ring", netif_strerror(err));
	if (!netif_await_address(ring, 0))
		die("no network address", "there is no network page");
	if ((err = netif_grants(ring)) < 0)
		die("no flow", netif_strerror(err));
	net_config_default(&cfg);
	cfg.tcp_conns = CLIENTS + BACKLOG;
	cfg.tcp_halfopen = BACKLOG;
	cfg.tcp_sndbuf = SEND_BYTES;
	cfg.tcp_rcvbuf = RECEIVE_BYTES;
	cfg.udp_socks = 0;
	cfg.orphan_us = ORPHAN_US;
	if ((err = netif_start(ring, &cfg, &net)) < 0)
		die("no stack", exos_strerror(err));
	stats_json(body, sizeof(body), net, ring, &counters);	/* the first time maps what it reads */
	if ((err = tcp_listen(net, PORT, BACKLOG, NULL, &listener)) < 0)
		die("port 80", net_strerror(err));

	for (;;) {
		netif_wait(ring, net, 0, next);
		while (net_next_event(net, &ev)) {
			if (ev.kind == NET_KIND_LISTENER)
				accept_all();
			else if (ev.kind == NET_KIND_CONN)
				serve(ev.user);
		}
		/* Acknowledgements make room without an event of their own. */
		for (struct client *c = clients; c < clients + CLIENTS; c++) {
			if (c->phase == ANSWER)
				serve(c);
			if (c->phase != FREE && net_now(net) >= c->deadline)
				expire(c);
		}
		accept_all();
		if (net_now(net) >= next) {
			next = net_now(net) + TICK_US;
			if (netif_error(ring) == -E_NODEV)
				netif_up(ring);		/* it was taken back; if there is no other yet, there may be one later */
			else if ((err = netif_follow_address(ring, net)) < 0)
				die("no flow for the new address", netif_strerror(err));
		}
	}
}
