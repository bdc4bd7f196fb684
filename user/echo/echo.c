/*
 * echo - sends back what it gets, over UDP and TCP, port 7 (RFC 862)
 *
 * Nothing is buffered here: bytes stay in the receive buffer of the connection until its send buffer takes them, so a peer who
 * sends and does not read fills its own window and nothing else. Who is silent for IDLE_US is let go.
 *
 * Grants: "flow.udp7", "flow.tcp7", "flow.arp"; "netpage".
 */
#include <stdio.h>
#include <stdlib.h>

#include "exos_calls.h"
#include "net/net.h"
#include "netif/netif.h"
#include "posix.h"

#define PORT		7
#define BUFFERS		64
#define CONNECTIONS	32
#define SECOND		1000000ull
#define IDLE_US		(300 * SECOND)

struct peer {
	struct tcp_conn *conn;		/* NULL: free */
	uint64_t last_us;		/* when something came or went */
};

static struct netif_ring *ring;
static struct net *net;
static struct tcp_listener *listener;
static struct udp_sock *udp;
static struct peer peers[CONNECTIONS];

static void die(const char *what, const char *why)
{
	printf("echo: %s: %s\n", what, why);
	exit(1);
}

/* One datagram at a time; what finds no room to go out is lost, as datagrams are. A reply to port 7 could run in circles for ever. */
static void serve_udp(void)
{
	static uint8_t data[2048];
	uint32_t ip;
	uint16_t port;
	long n;

	while ((n = udp_recvfrom(udp, data, sizeof(data), &ip, &port)) >= 0)
		if ((size_t)n <= sizeof(data) && port != PORT)
			udp_sendto(udp, ip, port, data, (size_t)n);
}

static void serve_tcp(struct peer *p)
{
	const void *data;
	long n, sent;

	while ((n = tcp_peek(p->conn, &data)) > 0) {
		sent = tcp_send(p->conn, data, (size_t)n);
		if (sent == NET_EAGAIN)
			return;
		if (sent < 0) {
			n = sent;
			break;
		}
		tcp_consume(p->conn, (size_t)sent);
		p->last_us = net_now(net);
	}
	if (n == NET_EAGAIN)
		return;
	tcp_close(p->conn);	/* the peer is done, and all is echoed; or the connection is dead */
	p->conn = NULL;
}

static void accept_all(void)
{
	for (struct peer *p = peers; p < peers + CONNECTIONS; p++) {
		if (p->conn != NULL)
			continue;
		if (tcp_accept(listener, p, &p->conn) < 0) {
			p->conn = NULL;
			return;
		}
		p->last_us = net_now(net);
		serve_tcp(p);
	}
}

/* Let go who was silent, and give the room to those who wait. Returns when to look again. */
static uint64_t tidy(void)
{
	uint64_t now = net_now(net);

	for (struct peer *p = peers; p < peers + CONNECTIONS; p++)
		if (p->conn != NULL && now - p->last_us >= IDLE_US) {
			tcp_abort(p->conn);
			p->conn = NULL;
		}
	accept_all();
	return now + SECOND;
}

int main(void)
{
	struct net_config cfg;
	struct net_event ev;
	uint64_t next = 0;
	int err;

	if ((err = netif_open(&ring, BUFFERS)) < 0)
		die("no packet ring", netif_strerror(err));
	if (!netif_await_address(ring, 0))
		die("no network address", "there is no network page");
	if ((err = netif_grants(ring)) < 0)
		die("no flow", netif_strerror(err));
	net_config_default(&cfg);
	cfg.tcp_conns = CONNECTIONS;
	cfg.tcp_halfopen = CONNECTIONS;
	cfg.tcp_sndbuf = 8192;
	cfg.tcp_rcvbuf = 8192;
	cfg.udp_rcvbuf = 65536;
	if ((err = netif_start(ring, &cfg, &net)) < 0)
		die("no stack", exos_strerror(err));
	if ((err = udp_open(net, PORT, NULL, &udp)) < 0 || (err = tcp_listen(net, PORT, CONNECTIONS, NULL, &listener)) < 0)
		die("port 7", net_strerror(err));

	for (;;) {
		netif_wait(ring, net, 0, next);
		while (net_next_event(net, &ev)) {
			if (ev.kind == NET_KIND_UDP)
				serve_udp();
			else if (ev.kind == NET_KIND_LISTENER)
				accept_all();
			else if (ev.kind == NET_KIND_CONN)
				serve_tcp(ev.user);
		}
		if (net_now(net) >= next) {
			next = tidy();
			if (netif_error(ring) == -E_NODEV)
				netif_up(ring);		/* it was taken back; if there is no other yet, there may be one later */
			else if ((err = netif_follow_address(ring, net)) < 0)
				die("no flow for the new address", netif_strerror(err));
		}
	}
}
