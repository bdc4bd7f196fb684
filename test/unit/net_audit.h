/*
 * net_audit.h - what must be true of a stack between any two calls
 *
 * For the unit tests and the fuzzer. A broken law prints itself and aborts.
 */
#ifndef NET_AUDIT_H
#define NET_AUDIT_H

#include <stdio.h>
#include <stdlib.h>

#include "../../libexos/net/tcp.h"

#define LAW(x)									\
	do {									\
		if (!(x)) {							\
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #x); \
			abort();						\
		}								\
	} while (0)

/* The send queue: its pieces add up, and those of the ring lie in the ring without a gap. */
static inline void audit_sendq(const struct net *net, const struct tcp_buf *b)
{
	uint32_t queued = 0, ring = 0;

	LAW(b->end - b->first <= PIECES && b->end - b->reap <= PIECES && b->first - b->reap <= PIECES);
	for (unsigned int i = b->first; i != b->end; i++) {
		const struct piece *p = &b->piece[i % PIECES];

		LAW(p->len > 0);
		queued += p->len;
		if (!p->lent) {
			LAW(p->p == b->snd + ((b->snd_start + ring) & (net->cfg.tcp_sndbuf - 1)));
			LAW(p->p + p->len <= b->snd + net->cfg.tcp_sndbuf);
			ring += p->len;
		}
	}
	LAW(queued == b->queued && ring == b->snd_used && ring <= net->cfg.tcp_sndbuf);
}

/* The receive queue: spans ascend beyond rcv_nxt, with gaps between them, within the buffer. */
static inline void audit_recvq(const struct tcp_conn *c)
{
	const struct tcp_buf *b = c->buf;
	uint32_t size = c->net->cfg.tcp_rcvbuf, at = c->rcv_nxt;

	LAW(b->avail <= size && b->rcv_start < size && b->nspans <= SPANS);
	for (unsigned int i = 0; i < b->nspans; i++) {
		LAW(seq_lt(at, b->span[i].from) && seq_lt(b->span[i].from, b->span[i].to));
		at = b->span[i].to;
	}
	if (b->nspans > 0)
		LAW(at - c->rcv_nxt <= size - b->avail);
	/* What the peer may send fits; the FIN, which needs no room, may stand one beyond. */
	if (c->state != TCP_SYN_SENT && !c->fin_done)
		LAW(c->rcv_adv - c->rcv_nxt <= size - b->avail);
}

static inline void audit_conn(const struct net *net, struct tcp_conn *c)
{
	uint64_t due;
	bool linked = !link_alone(&c->queue);

	LAW(c->net == net && c->state != TCP_CLOSED && c->state != TCP_LISTEN && c->error == 0);
	LAW(seq_le(c->snd_una, c->snd_ptr) && seq_le(c->snd_ptr, c->snd_nxt));
	LAW(seq_le(c->rcv_nxt, c->rcv_adv));
	LAW(c->mss >= TCP_MIN_MSS && c->mss <= MTU_MAX - IP_LEN - TCP_LEN);
	LAW(c->rto >= net->cfg.rto_min_us && c->rto <= RTO_MAX_US);
	LAW(!c->held || c->listener == NULL);
	LAW(c->held || c->source.bits == 0);
	LAW((c->source.bits != 0) == !link_alone(&c->source.link));
	LAW(linked == (c->state == TCP_TIME_WAIT || (c->listener != NULL && c->state != TCP_SYN_RECEIVED)));
	LAW(!c->fin_done || c->fin_known);
	LAW(!c->fin_acked || c->fin_queued);
	if (c->buf != NULL) {
		LAW(c->buf->conn == c);
		audit_sendq(net, c->buf);
		audit_recvq(c);
		if (c->state >= TCP_ESTABLISHED) {
			LAW(c->snd_nxt - c->snd_una <= c->buf->queued + (c->fin_queued && !c->fin_acked));
			LAW(c->cwnd >= c->mss);
		}
	} else {
		LAW(c->state == TCP_SYN_RECEIVED || (c->state == TCP_TIME_WAIT && !c->held));
	}

	/* Whatever is outstanding is watched, and no connection without an owner lives without a limit. */
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
		LAW(c->t_rtx != NET_NEVER);
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT && (c->snd_una != c->snd_nxt || c->buf->queued > 0))
		LAW(c->t_rtx != NET_NEVER);
	if (!c->held && c->listener == NULL)
		LAW(c->t_misc != NET_NEVER);
	due = c->t_rtx < c->t_ack ? c->t_rtx : c->t_ack;
	due = due < c->t_misc ? due : c->t_misc;
	LAW(due == NET_NEVER || (c->timer.pos != 0 && c->timer.when <= due));
}

static inline unsigned int audit_length(const struct link *head)
{
	unsigned int n = 0;

	for (const struct link *l = head->next; l != head; l = l->next) {
		LAW(l->next->prev == l && l->prev->next == l);
		n++;
	}
	return n;
}

static inline void net_audit(struct net *net)
{
	unsigned int nconns = 0, nhalf = 0, nwait = 0, nbufs = 0, nslots = 0;

	for (unsigned int i = 0; i < net->heap_len; i++) {
		LAW(net->heap[i]->pos == i + 1);
		LAW(i == 0 || net->heap[(i - 1) / 2]->when <= net->heap[i]->when);
	}
	for (unsigned int i = 0; i <= net->hash_mask; i++)
		for (struct tcp_conn *c = net->hash[i]; c != NULL; c = c->hash_next) {
			audit_conn(net, c);
			LAW(tcp_find(net, c->lip, c->lport, c->rip, c->rport) == c);
			nconns++;
			nhalf += c->state == TCP_SYN_RECEIVED && c->listener != NULL;
			nwait += c->state == TCP_TIME_WAIT;
			nbufs += c->buf != NULL;
		}
	LAW(nhalf == net->nhalfopen && nhalf <= net->cfg.tcp_halfopen);
	LAW(nwait == net->ntimewait && nwait <= net->cfg.tcp_timewait && nwait == audit_length(&net->timewait));
	LAW(nconns <= net->conns.used && nbufs <= net->bufs.used);	/* ended ones that the program holds are in no table */
	audit_length(&net->blocked);
	audit_length(&net->events);
	nhalf = 0;
	for (unsigned int i = 0; i < net->cfg.tcp_listeners; i++) {
		struct tcp_listener *l = &net->listeners[i];

		if (!l->open)
			continue;
		LAW(l->nqueued == audit_length(&l->queue) && l->nqueued <= l->backlog && l->nhalfopen <= l->backlog);
		nhalf += l->nhalfopen;
	}
	LAW(nhalf == net->nhalfopen);

	for (unsigned int i = 0; i < net->cfg.arp_entries; i++) {
		unsigned int n = 0;

		for (struct slot *s = net->arp[i].pending; s != NULL; s = s->next)
			n++;
		LAW(n == net->arp[i].npending && n <= ARP_PENDING);
		LAW(n == 0 || net->arp[i].state == ARP_INCOMPLETE);
		LAW(net->arp[i].state != ARP_INCOMPLETE || net->arp_timer.pos != 0);
		nslots += n;
	}
	LAW(nslots == net->arp_npending && nslots <= net->cfg.tx_slots / 2);
	for (struct slot *s = net->tx_first; s != NULL; s = s->next)
		nslots++;
	LAW(nslots == net->slots.used);
	for (unsigned int i = 0; i < net->cfg.udp_socks; i++)
		LAW(!net->udp[i].open || (net->udp[i].used <= net->cfg.udp_rcvbuf && net->udp[i].head < net->cfg.udp_rcvbuf));
}

#endif
