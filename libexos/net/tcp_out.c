/*
 * tcp_out.c - which segment to send next, and its making
 */
#include <string.h>

#include "tcp.h"

#define HEADERS	(ETH_LEN + IP_LEN)

uint16_t tcp_local_mss(const struct net *net)
{
	return (uint16_t)(net->netif->mtu - IP_LEN - TCP_LEN);	/* RFC 9293 3.7.1 */
}

/* ---- The receive window ---- */

/* How far the right edge could move. */
static uint32_t window_gain(const struct tcp_conn *c)
{
	uint32_t edge = c->rcv_nxt + min32(c->net->cfg.tcp_rcvbuf - c->buf->avail, (uint32_t)UINT16_MAX << c->rcv_scale);

	return seq_lt(c->rcv_adv, edge) ? edge - c->rcv_adv : 0;
}

/* The edge moves by no less than this: RFC 9293 3.8.6.2.2, the receiver's part against silly windows. */
static uint32_t window_step(const struct tcp_conn *c)
{
	return min32(c->net->cfg.tcp_rcvbuf / 2, tcp_local_mss(c->net));
}

bool tcp_window_worth(const struct tcp_conn *c)
{
	uint32_t size = c->net->cfg.tcp_rcvbuf;

	/* While the window is wide, the ACKs of the data themselves carry it on. */
	return window_gain(c) >= (c->rcv_adv - c->rcv_nxt < size / 4 ? window_step(c) : size / 2);
}

/* SEG.WND of the segment about to be sent. */
static uint16_t window_advertise(struct tcp_conn *c, bool syn)
{
	if (c->buf != NULL && window_gain(c) >= window_step(c))
		c->rcv_adv += window_gain(c);
	if (syn)	/* never scaled, RFC 7323 2.2 */
		return (uint16_t)min32(c->rcv_adv - c->rcv_nxt, UINT16_MAX);
	return (uint16_t)min32((c->rcv_adv - c->rcv_nxt) >> c->rcv_scale, UINT16_MAX);
}

/* ---- Making a segment ---- */

static size_t syn_options(const struct tcp_conn *c, uint8_t *o)
{
	o[0] = 2;				/* MSS */
	o[1] = 4;
	put16(o + 2, tcp_local_mss(c->net));
	if (!c->wscale_ok)
		return 4;
	o[4] = 1;
	o[5] = 3;				/* window scale, RFC 7323 2.2 */
	o[6] = 3;
	o[7] = c->rcv_scale;
	return 8;
}

static void fill_header(struct tcp_hdr *h, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags, size_t hlen)
{
	put16(h->sport, sport);
	put16(h->dport, dport);
	put32(h->seq, seq);
	put32(h->ack, (flags & TCP_ACK) != 0 ? ack : 0);
	h->offset = (uint8_t)(hlen / 4 << 4);
	h->flags = flags;
	put16(h->wnd, 0);
	put16(h->checksum, 0);
	put16(h->urgent, 0);
}

/* The sum of the pieces; one that starts at an odd place has its bytes in the other halves of the words. */
static uint32_t sum_pieces(const struct packet *pkt)
{
	uint32_t total = 0;
	size_t at = 0;

	for (int i = 0; i < pkt->npieces; i++) {
		uint32_t sum = inet_sum(pkt->piece[i].base, pkt->piece[i].len);

		total += (at & 1) != 0 ? (sum & 0xff) << 8 | sum >> 8 : sum;
		at += pkt->piece[i].len;
	}
	return total;
}

/*
 * Send len bytes of the queue from seq on under `flags`, of which FIN and PSH are left out when not all the bytes fit into the
 * pieces of one frame. Returns the number of bytes sent, or NET_EAGAIN: the interface has no room, and tcp_poll() will retry.
 */
static long emit(struct tcp_conn *c, uint32_t seq, uint8_t flags, uint32_t len)
{
	struct net *net = c->net;
	struct packet pkt;
	struct tcp_hdr *h = (struct tcp_hdr *)(pkt.head + HEADERS);
	size_t hlen = TCP_LEN;
	uint32_t offset = seq - c->snd_una, sum, fit;

	pkt.npieces = 0;
	if (len > 0) {
		fit = sendq_gather(c->buf, offset, len, pkt.piece, NET_TX_IOVS - 1, &pkt.npieces);
		if (fit < len)
			flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
		len = fit;
	}
	if ((flags & TCP_SYN) != 0)
		hlen += syn_options(c, pkt.head + HEADERS + TCP_LEN);
	fill_header(h, c->lport, c->rport, seq, c->rcv_nxt, flags, hlen);
	put16(h->wnd, window_advertise(c, (flags & TCP_SYN) != 0));
	pkt.head_len = HEADERS + hlen;
	if (len > 0 && pkt.head_len + len <= NET_TX_HEAD) {
		/* Small enough to travel with the header: nothing to wait for. */
		for (int i = 0; i < pkt.npieces; i++) {
			memcpy(pkt.head + pkt.head_len, pkt.piece[i].base, pkt.piece[i].len);
			pkt.head_len += pkt.piece[i].len;
		}
		pkt.npieces = 0;
	}
	sum = inet_pseudo(c->lip, c->rip, IP_PROTO_TCP, hlen + len) + inet_sum(h, pkt.head_len - HEADERS) + sum_pieces(&pkt);
	put16(h->checksum, (uint16_t)~inet_fold(sum));
	ip_header(pkt.head + ETH_LEN, c->lip, c->rip, IP_PROTO_TCP, hlen + len);

	if (ip_send(net, &pkt, c->rip) == NET_EAGAIN) {
		if (link_alone(&c->blocked))
			link_append(&net->blocked, &c->blocked);
		return NET_EAGAIN;
	}
	if (pkt.npieces > 0)
		sendq_mark(c->buf, offset, len, net->tx_count);
	net->stats.tcp_out++;
	if ((flags & TCP_ACK) != 0) {
		c->ack_now = false;
		c->t_ack = NET_NEVER;
		c->rcv_acked = c->rcv_nxt;
	}
	return len;
}

void tcp_send_ack(struct tcp_conn *c)
{
	c->ack_now = true;		/* until it is out */
	emit(c, c->snd_nxt, TCP_ACK, 0);
}

void tcp_send_syn(struct tcp_conn *c)
{
	bool first = c->snd_nxt == c->iss;

	if (emit(c, c->iss, c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK, 0) < 0)
		return;
	c->snd_nxt = c->snd_ptr = c->iss + 1;
	if (first) {
		c->timing = true;
		c->rtt_seq = c->iss;
		c->rtt_start = c->net->now;
	}
}

void tcp_send_rst(struct tcp_conn *c)
{
	c->net->stats.tcp_rst_out++;
	emit(c, c->snd_nxt, TCP_RST | TCP_ACK, 0);
}

/* An old sequence number without data: not acceptable, so the peer must answer (RFC 9293 3.8.4). */
void tcp_send_keepalive(struct tcp_conn *c)
{
	emit(c, c->snd_nxt - 1, TCP_ACK, 0);
}

void tcp_reject(struct net *net, const struct ip_info *ip, const struct segment *seg)
{
	struct packet pkt = { .head_len = HEADERS + TCP_LEN };
	struct tcp_hdr *h = (struct tcp_hdr *)(pkt.head + HEADERS);
	uint32_t seglen = seg->len + ((seg->flags & TCP_SYN) != 0) + ((seg->flags & TCP_FIN) != 0);

	if ((seg->flags & TCP_RST) != 0)
		return;
	if ((seg->flags & TCP_ACK) != 0)
		fill_header(h, seg->dport, seg->sport, seg->ack, 0, TCP_RST, TCP_LEN);
	else
		fill_header(h, seg->dport, seg->sport, 0, seg->seq + seglen, TCP_RST | TCP_ACK, TCP_LEN);
	put16(h->checksum, (uint16_t)~inet_fold(inet_pseudo(ip->dst, ip->src, IP_PROTO_TCP, TCP_LEN) + inet_sum(h, TCP_LEN)));
	ip_header(pkt.head + ETH_LEN, ip->dst, ip->src, IP_PROTO_TCP, TCP_LEN);
	if (ip_send(net, &pkt, ip->src) == 0) {
		net->stats.tcp_rst_out++;
		net->stats.tcp_out++;
	}
}

/* ---- What to send ---- */

/* Has the FIN's turn come after `sent` bytes of the queue? */
static bool fin_follows(const struct tcp_conn *c, uint32_t sent)
{
	return c->fin_queued && !c->fin_acked && sent == c->buf->queued;
}

/*
 * RFC 9293 3.8.6.2.1 and 3.7.4: a full segment; or all there is, if nothing is outstanding (Nagle) or a FIN ends it; or half of
 * the largest window the peer ever had. What was sent before goes again in any case.
 */
static bool worth_sending(const struct tcp_conn *c, uint32_t len, uint32_t avail, bool fin, bool again)
{
	bool idle = c->snd_nxt == c->snd_una || c->nodelay;

	if (len == 0)
		return fin;
	if (again || len >= c->mss || (fin && len == avail))
		return true;
	return idle && (len == avail || len >= c->max_snd_wnd / 2);
}

/* Bookkeeping after len bytes, and perhaps a FIN, went out from seq on. */
static void sent(struct tcp_conn *c, uint32_t seq, uint32_t len, bool fin)
{
	uint32_t end = seq + len + fin;
	bool again = seq_lt(seq, c->snd_nxt);

	if (c->snd_nxt == c->snd_una)
		c->progress_us = c->net->now;
	c->sent_us = c->net->now;
	if (again)
		c->net->stats.tcp_rtx++;
	if (again && c->timing && seq_le(seq, c->rtt_seq))
		c->timing = false;	/* Karn: the ACK would be ambiguous */
	if (!again && !c->timing) {
		c->timing = true;
		c->rtt_seq = seq;
		c->rtt_start = c->net->now;
	}
	if (seq_lt(c->snd_nxt, end))
		c->snd_nxt = end;
	if (c->t_rtx == NET_NEVER)
		c->t_rtx = c->net->now + c->rto;	/* RFC 6298 (5.1) */
}

/* Send the next segment that the windows allow. Returns false when there is none. */
static bool send_one(struct tcp_conn *c)
{
	uint32_t offset = c->snd_ptr - c->snd_una, queued = c->buf->queued;
	bool again = c->snd_ptr != c->snd_nxt;
	uint32_t cwnd = c->cwnd, wnd, avail, len;
	bool fin;
	long n;

	/* RFC 3042: each of the first two duplicate ACKs lets one new segment out. */
	if (!c->recovery && !again)
		cwnd += min32(c->dupacks, 2) * c->mss;
	wnd = min32(cwnd, c->snd_wnd);
	avail = queued > offset ? queued - offset : 0;
	len = min32(min32(avail, wnd > offset ? wnd - offset : 0), c->mss);
	fin = offset <= queued && fin_follows(c, offset + len);
	if (!worth_sending(c, len, avail, fin, again))
		return false;

	n = emit(c, c->snd_ptr, (uint8_t)(TCP_ACK | (len == avail && len > 0 ? TCP_PSH : 0) | (fin ? TCP_FIN : 0)), len);
	if (n < 0)
		return false;
	fin = fin && (uint32_t)n == len;
	sent(c, c->snd_ptr, (uint32_t)n, fin);
	c->snd_ptr += (uint32_t)n + fin;
	return true;
}

void tcp_output(struct tcp_conn *c)
{
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT) {
		if (c->snd_nxt == c->snd_una && c->net->now - c->sent_us > c->rto)
			tcp_cc_idle(c);
		while (send_one(c))
			;
		if (c->snd_nxt == c->snd_una && c->buf->queued > 0 && c->t_rtx == NET_NEVER) {
			c->tries = 0;
			c->t_rtx = c->net->now + c->rto;	/* the persist timer */
		}
	}
	if (c->ack_now && c->state != TCP_CLOSED)
		tcp_send_ack(c);
	tcp_arm(c);
}

/* The first segment that is not acknowledged once more, whatever the windows say: fast retransmit. */
void tcp_resend_first(struct tcp_conn *c)
{
	uint32_t len = min32(min32(c->buf->queued, c->mss), c->snd_nxt - c->snd_una);
	bool fin = fin_follows(c, len) && c->snd_nxt - c->snd_una > len;
	long n = emit(c, c->snd_una, (uint8_t)(TCP_ACK | (fin ? TCP_FIN : 0)), len);

	if (n >= 0)
		sent(c, c->snd_una, (uint32_t)n, fin && (uint32_t)n == len);
}

/* One byte beyond a closed window, or what fits into one that stays small: the answer tells the window. */
void tcp_send_probe(struct tcp_conn *c)
{
	uint32_t len = min32(min32(c->buf->queued, c->mss), max32(c->snd_wnd, 1));
	bool fin = fin_follows(c, len);
	long n = emit(c, c->snd_una, (uint8_t)(TCP_ACK | (fin ? TCP_FIN : 0)), len);

	if (n < 0)
		return;
	fin = fin && (uint32_t)n == len;
	sent(c, c->snd_una, (uint32_t)n, fin);
	c->timing = false;		/* the answer may take its time */
	c->probing = true;
	if (seq_lt(c->snd_ptr, c->snd_una + (uint32_t)n + fin))
		c->snd_ptr = c->snd_una + (uint32_t)n + fin;
}
