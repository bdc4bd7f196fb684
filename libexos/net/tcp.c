/*
 * tcp.c - TCP as the program sees it (RFC 9293 3.9), and the memory of connections
 *
 * A connection belongs to the program (held) from tcp_connect or tcp_accept until tcp_close or tcp_abort; before and after to the
 * stack. It has buffers from ESTABLISHED, or from SYN-SENT, until it ends or rests in TIME-WAIT. So three numbers bound all memory:
 * tcp_conns pairs of buffers, tcp_halfopen and tcp_timewait connections without.
 */
#include <string.h>

#include "tcp.h"

#define LENT_MAX	(1u << 30)

static const char *const state_names[] = {
	"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
	"CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
};

const char *tcp_state_name(enum tcp_state state)
{
	return (unsigned int)state < sizeof(state_names) / sizeof(state_names[0]) ? state_names[state] : "?";
}

size_t tcp_conn_size(void)
{
	return (sizeof(struct tcp_conn) + 15) & ~(size_t)15;
}

size_t tcp_listener_size(void)
{
	return sizeof(struct tcp_listener);
}

static size_t buf_head_size(void)
{
	return (sizeof(struct tcp_buf) + 15) & ~(size_t)15;
}

size_t tcp_buf_size(const struct net_config *cfg)
{
	return buf_head_size() + cfg->tcp_sndbuf + cfg->tcp_rcvbuf;
}

void tcp_init(struct net *net)
{
	memset(net->hash, 0, (net->hash_mask + 1) * sizeof(*net->hash));
	for (unsigned int i = 0; i < net->cfg.tcp_listeners; i++)
		net->listeners[i].open = false;
	link_init(&net->timewait);
	link_init(&net->blocked);
}

/* ---- Finding ---- */

/* A keyed multiplication of two sums spreads what an attacker chooses, at the price of one (NH of UMAC, RFC 4418 5.2.2). */
static struct tcp_conn **bucket(struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport)
{
	uint64_t a = (uint32_t)(rip + (uint32_t)net->key[0]);
	uint64_t b = (uint32_t)(((uint32_t)lport << 16 | rport) + (uint32_t)net->key[1]);

	return &net->hash[(uint32_t)((a * b) >> 20 ^ lip) & net->hash_mask];
}

struct tcp_conn *tcp_find(struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport)
{
	struct tcp_conn *c = *bucket(net, lip, lport, rip, rport);

	while (c != NULL && (c->rport != rport || c->rip != rip || c->lport != lport || c->lip != lip))
		c = c->hash_next;
	return c;
}

static void unhash(struct tcp_conn *c)
{
	struct tcp_conn **p = bucket(c->net, c->lip, c->lport, c->rip, c->rport);

	while (*p != NULL && *p != c)
		p = &(*p)->hash_next;
	if (*p != NULL)
		*p = c->hash_next;
}

struct tcp_listener *tcp_find_listener(struct net *net, uint16_t port)
{
	for (unsigned int i = 0; i < net->cfg.tcp_listeners; i++)
		if (net->listeners[i].open && net->listeners[i].port == port)
			return &net->listeners[i];
	return NULL;
}

/* ---- Buffers ---- */

void tcp_tell_writer(struct tcp_conn *c)
{
	if (!c->want_write || tcp_writable(c) == 0)
		return;
	c->want_write = false;
	tcp_event(c, NET_EV_WRITABLE);
}

/* Release what can be; returns true when b need not wait any longer. */
static bool buf_settle(struct net *net, struct tcp_buf *b)
{
	bool settled = sendq_reap(b, eth_tx_done(net));

	if (b->conn != NULL)
		tcp_tell_writer(b->conn);
	else if (settled)
		pool_put(&net->bufs, b);
	return settled;
}

static void buf_wait(struct net *net, struct tcp_buf *b)
{
	if (b->waiting)
		return;
	b->waiting = true;
	b->next = net->waiting;
	net->waiting = b;
}

static void waiting_settle(struct net *net)
{
	struct tcp_buf **p = &net->waiting;

	while (*p != NULL) {
		struct tcp_buf *b = *p, *next = b->next;

		b->waiting = false;
		if (buf_settle(net, b)) {
			*p = next;
		} else {
			b->waiting = true;
			p = &b->next;
		}
	}
}

void tcp_reap(struct tcp_conn *c)
{
	struct tcp_buf *b = c->buf;

	if (b->reap != b->first && !b->waiting && !buf_settle(c->net, b))
		buf_wait(c->net, b);
}

bool tcp_get_buf(struct tcp_conn *c)
{
	struct net *net = c->net;
	struct tcp_buf *b = pool_get(&net->bufs);

	if (b == NULL) {
		waiting_settle(net);
		b = pool_get(&net->bufs);
	}
	if (b == NULL)
		return false;
	b->waiting = false;
	b->conn = c;
	b->snd = (uint8_t *)b + buf_head_size();
	b->rcv = b->snd + net->cfg.tcp_sndbuf;
	sendq_init(b);
	recvq_init(b);
	c->buf = b;
	return true;
}

static void put_buf(struct tcp_conn *c)
{
	struct tcp_buf *b = c->buf;

	if (b == NULL)
		return;
	c->buf = NULL;
	b->conn = NULL;
	sendq_clear(b);
	if (!b->waiting && !buf_settle(c->net, b))
		buf_wait(c->net, b);
}

/* ---- Connections ---- */

struct tcp_conn *tcp_conn_new(struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport)
{
	struct tcp_conn *c = pool_get(&net->conns);
	struct tcp_conn **b;

	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof(*c));
	source_init(&c->source, NET_KIND_CONN, NULL);
	link_init(&c->queue);
	link_init(&c->blocked);
	c->timer.fire = tcp_fire;
	c->t_rtx = c->t_ack = c->t_misc = NET_NEVER;
	c->net = net;
	c->lip = lip;
	c->lport = lport;
	c->rip = rip;
	c->rport = rport;
	c->iss = c->snd_una = c->snd_nxt = c->snd_ptr = tcp_isn(net, lip, lport, rip, rport);
	c->mss = TCP_DEFAULT_MSS;
	c->rto = max32(RTO_INITIAL_US, net->cfg.rto_min_us);
	c->wscale_ok = true;
	while (net->cfg.tcp_rcvbuf >> c->rcv_scale > UINT16_MAX)
		c->rcv_scale++;
	c->progress_us = c->alive_us = net->now;
	b = bucket(net, lip, lport, rip, rport);
	c->hash_next = *b;
	*b = c;
	return c;
}

void tcp_set_state(struct tcp_conn *c, enum tcp_state state)
{
	c->state = state;
}

void tcp_event(struct tcp_conn *c, unsigned int bits)
{
	if (c->held)
		source_raise(c->net, &c->source, bits);
}

static void conn_free(struct tcp_conn *c)
{
	source_done(&c->source);
	put_buf(c);
	pool_put(&c->net->conns, c);
}

/* Leave the lists and counts of the present state. */
static void leave(struct tcp_conn *c)
{
	struct tcp_listener *l = c->listener;

	if (l != NULL && c->state == TCP_SYN_RECEIVED) {
		l->nhalfopen--;
		c->net->nhalfopen--;
	} else if (l != NULL) {
		l->nqueued--;
	}
	c->listener = NULL;
	if (c->state == TCP_TIME_WAIT)
		c->net->ntimewait--;
	link_remove(&c->queue);
	link_remove(&c->blocked);
	c->t_rtx = c->t_ack = c->t_misc = NET_NEVER;
	timer_clear(c->net, &c->timer);
}

void tcp_end(struct tcp_conn *c, int err)
{
	bool waited = c->state == TCP_TIME_WAIT;	/* told already */

	leave(c);
	unhash(c);
	c->state = TCP_CLOSED;
	c->error = err;
	c->net->stats.tcp_closed++;
	if (!c->held)
		conn_free(c);
	else if (!waited || err != 0)
		tcp_event(c, err != 0 ? NET_EV_ERROR : NET_EV_CLOSED);
}

void tcp_kill(struct tcp_conn *c, int err)
{
	/* RFC 9293 3.10.5: in the other states the peer has our FIN and needs no reset, or knows nothing of us. */
	if (c->state >= TCP_SYN_RECEIVED && c->state <= TCP_CLOSE_WAIT)
		tcp_send_rst(c);
	tcp_end(c, err);
}

/* Without the program's hand on it the connection has a limit: orphan_us since the last progress. */
static void orphan(struct tcp_conn *c)
{
	c->held = false;
	source_done(&c->source);
	c->progress_us = c->net->now;
	c->t_misc = c->net->now + c->net->cfg.orphan_us;
}

void tcp_time_wait(struct tcp_conn *c)
{
	struct net *net = c->net;

	if (c->ack_now)
		tcp_send_ack(c);
	if (net->cfg.tcp_timewait == 0) {
		tcp_end(c, 0);
		return;
	}
	if (net->ntimewait >= net->cfg.tcp_timewait) {
		net->stats.tcp_tw_reused++;
		tcp_end(container_of(net->timewait.next, struct tcp_conn, queue), 0);
	}
	c->state = TCP_TIME_WAIT;
	c->t_rtx = c->t_ack = NET_NEVER;
	c->t_misc = net->now + 2 * (uint64_t)net->cfg.msl_us;
	net->ntimewait++;
	link_append(&net->timewait, &c->queue);
	tcp_event(c, NET_EV_CLOSED);
	if (!c->held)
		put_buf(c);
	tcp_arm(c);
}

/* ---- Calls: LISTEN, ACCEPT, CONNECT ---- */

int tcp_listen(struct net *net, uint16_t port, unsigned int backlog, void *user, struct tcp_listener **out)
{
	if (port == 0 || backlog == 0)
		return NET_EINVAL;
	if (tcp_find_listener(net, port) != NULL)
		return NET_EINUSE;
	for (unsigned int i = 0; i < net->cfg.tcp_listeners; i++) {
		struct tcp_listener *l = &net->listeners[i];

		if (l->open)
			continue;
		memset(l, 0, sizeof(*l));
		source_init(&l->source, NET_KIND_LISTENER, user);
		link_init(&l->queue);
		l->net = net;
		l->open = true;
		l->port = port;
		l->backlog = backlog;
		*out = l;
		return 0;
	}
	return NET_ENOMEM;
}

int tcp_accept(struct tcp_listener *l, void *user, struct tcp_conn **out)
{
	struct tcp_conn *c;

	if (link_alone(&l->queue))
		return NET_EAGAIN;
	c = container_of(l->queue.next, struct tcp_conn, queue);
	link_remove(&c->queue);
	l->nqueued--;
	c->listener = NULL;
	c->held = true;
	c->source.user = user;
	tcp_event(c, tcp_ready(c));
	*out = c;
	return 0;
}

void tcp_unlisten(struct tcp_listener *l)
{
	struct net *net = l->net;

	/* Half-open connections are only in the hash. */
	for (unsigned int i = 0; i <= net->hash_mask && l->nhalfopen + l->nqueued > 0; i++)
		for (struct tcp_conn *c = net->hash[i], *next; c != NULL; c = next) {
			next = c->hash_next;
			if (c->listener == l)
				tcp_kill(c, NET_EABORTED);
		}
	source_done(&l->source);
	l->open = false;
}

struct pair {
	uint32_t lip, rip;
	uint16_t rport;
};

static bool port_taken(struct net *net, const void *arg, uint16_t port)
{
	const struct pair *p = arg;

	return tcp_find_listener(net, port) != NULL || tcp_find(net, p->lip, port, p->rip, p->rport) != NULL;
}

int tcp_connect(struct net *net, uint32_t ip, uint16_t port, uint16_t local_port, void *user, struct tcp_conn **out)
{
	struct pair pair = { net->addr.ip, ip, port };
	struct tcp_conn *c;
	uint32_t hop;

	if (port == 0)
		return NET_EINVAL;
	if (net->addr.ip == 0)
		return NET_ENOADDR;
	if (ip_is_broadcast(net, ip) || ip_route(net, ip, &hop) != 0)
		return NET_ENOROUTE;
	if (local_port == 0)
		local_port = net_pick_port(net, port_taken, &pair);
	else if (tcp_find(net, pair.lip, local_port, ip, port) != NULL)
		local_port = 0;
	if (local_port == 0)
		return NET_EINUSE;
	c = tcp_conn_new(net, pair.lip, local_port, ip, port);
	if (c == NULL)
		return NET_ENOMEM;
	if (!tcp_get_buf(c)) {
		unhash(c);
		conn_free(c);
		return NET_ENOMEM;
	}
	c->held = true;
	c->active = true;
	c->source.user = user;
	tcp_set_state(c, TCP_SYN_SENT);
	tcp_send_syn(c);
	c->t_rtx = net->now + c->rto;
	tcp_arm(c);
	*out = c;
	return 0;
}

/* ---- Calls: RECEIVE ---- */

/* What a reader gets when no bytes are there. */
static long nothing(const struct tcp_conn *c)
{
	if (c->error != 0)
		return c->error;
	return c->fin_done || c->state == TCP_CLOSED ? 0 : NET_EAGAIN;
}

long tcp_peek(struct tcp_conn *c, const void **data)
{
	const uint8_t *p;
	uint32_t n;

	if (c->error != 0 || c->buf->avail == 0)
		return nothing(c);
	n = recvq_peek(c, &p);
	*data = p;
	return n;
}

void tcp_consume(struct tcp_conn *c, size_t len)
{
	recvq_consume(c, len < c->buf->avail ? (uint32_t)len : c->buf->avail);
	if (c->state < TCP_ESTABLISHED || c->fin_done || !tcp_window_worth(c))
		return;
	c->ack_now = true;
	tcp_output(c);
}

long tcp_recv(struct tcp_conn *c, void *buf, size_t len)
{
	const uint8_t *p;
	size_t done = 0;

	if (c->error != 0 || c->buf->avail == 0)
		return nothing(c);
	while (done < len && c->buf->avail > 0) {	/* twice when the ring wraps */
		size_t n = recvq_peek(c, &p);

		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)buf + done, p, n);
		recvq_consume(c, (uint32_t)n);
		done += n;
	}
	tcp_consume(c, 0);
	return (long)done;
}

/* ---- Calls: SEND, CLOSE, ABORT ---- */

/* 0 when bytes may be queued. */
static int sendable(const struct tcp_conn *c)
{
	if (c->error != 0)
		return c->error;
	if (c->fin_queued || c->state < TCP_SYN_SENT || (c->state > TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT))
		return NET_ENOTCONN;
	return 0;
}

long tcp_send(struct tcp_conn *c, const void *data, size_t len)
{
	int err = sendable(c);
	uint32_t n;

	if (err != 0 || len == 0)
		return err;
	n = sendq_copy(c->net, c->buf, data, len);
	if (n < len)
		c->want_write = true;
	if (n == 0)
		return NET_EAGAIN;
	tcp_output(c);
	return n;
}

int tcp_send_ref(struct tcp_conn *c, const void *data, size_t len, void (*release)(void *arg), void *arg)
{
	int err = sendable(c);

	if (err != 0)
		return err;
	if (len == 0 || len > LENT_MAX || c->buf->queued > LENT_MAX - len)
		return NET_EINVAL;
	if (!sendq_lend(c->buf, data, (uint32_t)len, release, arg)) {
		c->want_write = true;
		return NET_EAGAIN;
	}
	tcp_output(c);
	return 0;
}

/* RFC 9293 3.10.4 */
int tcp_shutdown(struct tcp_conn *c)
{
	int err = sendable(c);

	if (err != 0)
		return err;
	c->fin_queued = true;
	if (c->state == TCP_ESTABLISHED)
		tcp_set_state(c, TCP_FIN_WAIT_1);
	else if (c->state == TCP_CLOSE_WAIT)
		tcp_set_state(c, TCP_LAST_ACK);
	tcp_output(c);
	return 0;
}

void tcp_close(struct tcp_conn *c)
{
	if (c->state == TCP_CLOSED) {
		conn_free(c);
		return;
	}
	if (c->state == TCP_TIME_WAIT) {
		c->held = false;
		source_done(&c->source);
		put_buf(c);
		return;
	}
	/* A connection that never was, or whose bytes nobody will read (RFC 9293 3.6.1, RFC 2525 2.17). */
	if ((c->state == TCP_SYN_SENT && c->buf->queued == 0) || c->buf->avail > 0) {
		tcp_abort(c);
		return;
	}
	orphan(c);
	if (tcp_shutdown(c) != 0)
		tcp_arm(c);
}

void tcp_abort(struct tcp_conn *c)
{
	if (c->state == TCP_CLOSED) {
		conn_free(c);
		return;
	}
	c->held = false;
	tcp_kill(c, NET_EABORTED);
}

/* ---- Calls: STATUS and settings ---- */

enum tcp_state tcp_state(const struct tcp_conn *c)
{
	return c->state;
}

int tcp_error(const struct tcp_conn *c)
{
	return c->error;
}

size_t tcp_readable(const struct tcp_conn *c)
{
	return c->error == 0 ? c->buf->avail : 0;
}

size_t tcp_writable(const struct tcp_conn *c)
{
	return sendable(c) == 0 ? sendq_room(c->net, c->buf) : 0;
}

size_t tcp_unacked(const struct tcp_conn *c)
{
	return c->buf->queued;
}

unsigned int tcp_ready(const struct tcp_conn *c)
{
	unsigned int bits = 0;

	if (c->error != 0)
		return NET_EV_ERROR;
	if (c->buf->avail > 0 || c->fin_done)
		bits |= NET_EV_READABLE;
	if (c->fin_done)
		bits |= NET_EV_EOF;
	if (tcp_writable(c) > 0 && c->state >= TCP_ESTABLISHED)
		bits |= NET_EV_WRITABLE;
	if (c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT)
		bits |= NET_EV_CLOSED;
	return bits;
}

void *tcp_user(const struct tcp_conn *c)
{
	return c->source.user;
}

void tcp_set_user(struct tcp_conn *c, void *user)
{
	c->source.user = user;
}

void tcp_set_nodelay(struct tcp_conn *c, bool on)
{
	c->nodelay = on;
	if (on)
		tcp_output(c);
}

void tcp_set_keepalive(struct tcp_conn *c, uint64_t idle_us)
{
	c->keepalive_us = idle_us;
	c->keepalives = 0;
	if (c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT)
		return;
	c->t_misc = idle_us != 0 ? c->net->now + idle_us : NET_NEVER;
	tcp_arm(c);
}

void tcp_endpoints(const struct tcp_conn *c, struct net_endpoints *out)
{
	*out = (struct net_endpoints){ c->lip, c->rip, c->lport, c->rport };
}

unsigned int tcp_connections(const struct net *net, uint16_t port)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i <= net->hash_mask; i++)
		for (const struct tcp_conn *c = net->hash[i]; c != NULL; c = c->hash_next)
			n += c->lport == port && c->state != TCP_TIME_WAIT;
	return n;
}

/* ---- From net_poll() ---- */

void tcp_poll(struct net *net)
{
	struct link list;

	waiting_settle(net);
	if (link_alone(&net->blocked))
		return;
	/* Those that find no room again join a new list, so each is tried once. */
	list = net->blocked;
	list.prev->next = list.next->prev = &list;
	link_init(&net->blocked);
	while (!link_alone(&list)) {
		struct tcp_conn *c = container_of(list.next, struct tcp_conn, blocked);

		link_remove(&c->blocked);
		if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) {
			tcp_send_syn(c);
			tcp_arm(c);
		} else {
			tcp_output(c);
		}
	}
}
