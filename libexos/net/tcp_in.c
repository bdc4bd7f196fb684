/*
 * tcp_in.c - SEGMENT ARRIVES, RFC 9293 3.10.7, with the checks of RFC 5961
 *
 * The steps have the numbers and the order of the RFC. Each returns false when the segment is finished with: dropped, answered, or
 * the connection gone. Only a step that returned true leaves a connection that may still be touched.
 */
#include "tcp.h"

/* ---- The segment ---- */

/* Walk over the options; RFC 9293 3.1. Returns false for a length that is too small or leads outside. */
static bool parse_options(const uint8_t *o, size_t len, struct segment *seg)
{
	while (len > 0 && o[0] != 0) {
		if (o[0] == 1) {
			o++;
			len--;
			continue;
		}
		if (len < 2 || o[1] < 2 || o[1] > len)
			return false;
		if (o[0] == 2 && o[1] == 4)
			seg->mss = get16(o + 2);
		else if (o[0] == 3 && o[1] == 3)
			seg->wscale = o[2] < TCP_MAX_WSCALE ? o[2] : TCP_MAX_WSCALE;
		len -= o[1];
		o += o[1];
	}
	return true;
}

static bool parse(const struct ip_info *ip, const uint8_t *p, size_t len, struct segment *seg)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)p;
	size_t hlen;

	if (len < TCP_LEN || (hlen = 4 * (size_t)(h->offset >> 4)) < TCP_LEN || hlen > len || ip->broadcast)
		return false;
	if (inet_fold(inet_pseudo(ip->src, ip->dst, IP_PROTO_TCP, len) + inet_sum(p, len)) != 0xffff)
		return false;
	*seg = (struct segment){
		.seq = get32(h->seq), .ack = get32(h->ack), .wnd = get16(h->wnd), .flags = h->flags,
		.data = p + hlen, .len = (uint32_t)(len - hlen), .full_len = (uint32_t)(len - hlen) + ((h->flags & TCP_FIN) != 0),
		.sport = get16(h->sport), .dport = get16(h->dport), .wscale = -1,
	};
	return seg->sport != 0 && seg->dport != 0 && (hlen == TCP_LEN || parse_options(p + TCP_LEN, hlen - TCP_LEN, seg));
}

static uint32_t seglen(const struct segment *seg)
{
	return seg->len + ((seg->flags & TCP_SYN) != 0) + ((seg->flags & TCP_FIN) != 0);
}

/* ---- Answers ---- */

/*
 * The ACK for a segment that is not acceptable, and the challenge ACK of RFC 5961. Section 7 of that wants a limit; it is kept per
 * connection, since a common one would tell an attacker about other connections (CVE-2016-5696).
 */
static void challenge(struct tcp_conn *c)
{
	if (!bucket_take(c->net, &c->challenge, CHALLENGE_RATE)) {
		c->net->stats.tcp_challenge_limited++;
		return;
	}
	c->net->stats.tcp_challenge++;
	tcp_send_ack(c);
	tcp_arm(c);
}

/* What the peer's SYN says about the connection. */
static void learn_syn(struct tcp_conn *c, const struct segment *seg)
{
	uint16_t mss = seg->mss != 0 ? seg->mss : TCP_DEFAULT_MSS;

	c->irs = seg->seq;
	c->rcv_nxt = c->rcv_acked = seg->seq + 1;
	c->rcv_adv = c->rcv_nxt + min32(c->net->cfg.tcp_rcvbuf, UINT16_MAX);
	c->mss = max32(min32(mss, tcp_local_mss(c->net)), TCP_MIN_MSS);
	if (seg->wscale < 0 || !c->wscale_ok) {		/* RFC 7323 2.2: both or none */
		c->wscale_ok = false;
		c->rcv_scale = c->snd_scale = 0;
	} else {
		c->snd_scale = (uint8_t)seg->wscale;
	}
}

static void update_window(struct tcp_conn *c, const struct segment *seg)
{
	c->snd_wnd = seg->wnd;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	c->max_snd_wnd = max32(c->max_snd_wnd, c->snd_wnd);
}

/* Our SYN is acknowledged. */
static void established(struct tcp_conn *c)
{
	c->snd_una = c->iss + 1;
	c->t_rtx = NET_NEVER;
	c->tries = 0;
	c->progress_us = c->sent_us = c->net->now;
	if (c->timing && !c->syn_lost)
		tcp_rtt_sample(c, c->net->now - c->rtt_start);
	c->timing = false;
	tcp_cc_open(c);
	tcp_set_state(c, c->fin_queued ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED);
}

/* ---- LISTEN, 3.10.7.2 ---- */

/* past: the SND.NXT of a connection in TIME-WAIT that this SYN replaces, or NULL. */
static void listen_input(struct net *net, struct tcp_listener *l, const struct ip_info *ip, const struct segment *seg,
			 const uint32_t *past)
{
	struct tcp_conn *c;

	/* First, a RST; second, an ACK; third, a SYN; fourth, anything else is dropped. */
	if ((seg->flags & TCP_RST) != 0)
		return;
	if ((seg->flags & TCP_ACK) != 0) {
		tcp_reject(net, ip, seg);
		return;
	}
	if ((seg->flags & TCP_SYN) == 0)
		return;
	if (l->nhalfopen >= l->backlog || l->nqueued >= l->backlog || net->nhalfopen >= net->cfg.tcp_halfopen ||
	    (c = tcp_conn_new(net, ip->dst, seg->dport, ip->src, seg->sport)) == NULL) {
		net->stats.tcp_syn_dropped++;
		return;
	}
	c->listener = l;
	l->nhalfopen++;
	net->nhalfopen++;
	learn_syn(c, seg);
	if (past != NULL && seq_le(c->iss, *past))
		c->iss = c->snd_una = c->snd_nxt = c->snd_ptr = *past + UINT16_MAX;
	/* Text and FIN that came with the SYN are not acknowledged, so the peer will send them again. */
	tcp_set_state(c, TCP_SYN_RECEIVED);
	tcp_send_syn(c);
	c->t_rtx = net->now + c->rto;
	tcp_arm(c);
}

/* ---- SYN-SENT, 3.10.7.3 ---- */

/* Returns true when the segment goes on at the sixth step. */
static bool syn_sent_input(struct tcp_conn *c, const struct ip_info *ip, struct segment *seg)
{
	bool acceptable = (seg->flags & TCP_ACK) != 0;

	/* First, the ACK: SND.UNA < SEG.ACK =< SND.NXT. */
	if (acceptable && (seq_le(seg->ack, c->iss) || seq_lt(c->snd_nxt, seg->ack))) {
		c->net->stats.tcp_bad_ack++;
		tcp_reject(c->net, ip, seg);
		return false;
	}
	/* Second, the RST: believed only with such an ACK. */
	if ((seg->flags & TCP_RST) != 0) {
		if (acceptable) {
			c->net->stats.tcp_rst_in++;
			tcp_end(c, NET_EREFUSED);
		}
		return false;
	}
	/* Fourth, the SYN. */
	if ((seg->flags & TCP_SYN) == 0)
		return false;
	learn_syn(c, seg);
	c->alive_us = c->net->now;
	if (!acceptable) {	/* simultaneous open, 3.5 figure 8; text will come again */
		tcp_set_state(c, TCP_SYN_RECEIVED);
		tcp_send_syn(c);
		c->t_rtx = c->net->now + c->rto;
		tcp_arm(c);
		return false;
	}
	established(c);
	update_window(c, seg);		/* SEG.WND of a SYN is not scaled */
	c->net->stats.tcp_connected++;
	tcp_event(c, NET_EV_CONNECTED | NET_EV_WRITABLE);
	c->ack_now = true;
	seg->seq++;
	seg->flags &= (uint8_t)~TCP_SYN;
	return true;
}

/* ---- Other states, 3.10.7.4 ---- */

static bool in_window(const struct tcp_conn *c, uint32_t seq)
{
	return seq_within(seq, c->rcv_nxt, c->rcv_adv - c->rcv_nxt);
}

/* Table 6. */
static bool acceptable(const struct tcp_conn *c, const struct segment *seg)
{
	uint32_t len = seglen(seg);

	if (len == 0)
		return seg->seq == c->rcv_nxt || in_window(c, seg->seq);
	return in_window(c, seg->seq) || in_window(c, seg->seq + len - 1);
}

/* Cut off what lies outside the window; a SYN before it goes with its number. */
static void trim(const struct tcp_conn *c, struct segment *seg)
{
	uint32_t room;

	if (seq_lt(seg->seq, c->rcv_nxt)) {
		uint32_t old = c->rcv_nxt - seg->seq;

		if ((seg->flags & TCP_SYN) != 0) {
			seg->flags &= (uint8_t)~TCP_SYN;
			old--;
		}
		old = min32(old, seg->len);
		seg->data += old;
		seg->len -= old;
		seg->seq = c->rcv_nxt;
	}
	room = c->rcv_adv - seg->seq;
	if (seg->len > room) {		/* a FIN right behind the edge needs no buffer and may stay */
		seg->len = room;
		seg->flags &= (uint8_t)~TCP_FIN;
	}
}

/* First, check the sequence number. */
static bool check_sequence(struct tcp_conn *c, struct segment *seg)
{
	/* Figure 8 line 6: in a simultaneous open the peer's SYN comes again, now with the ACK we wait for. */
	if (c->state == TCP_SYN_RECEIVED && seg->seq == c->irs && (seg->flags & (TCP_SYN | TCP_RST)) == TCP_SYN) {
		if ((seg->flags & TCP_ACK) == 0) {	/* the SYN alone: our answer was lost */
			if (bucket_take(c->net, &c->challenge, CHALLENGE_RATE))
				tcp_send_syn(c);
			return false;
		}
		seg->flags &= (uint8_t)~TCP_SYN;
		seg->seq++;
	}
	/* A closed window accepts nothing, but the ACK, the RST and the URG of a segment at its edge count. */
	if (c->rcv_adv == c->rcv_nxt && seg->seq == c->rcv_nxt && (seg->flags & TCP_SYN) == 0) {
		if (seg->len > 0) {
			c->ack_now = true;
			seg->len = 0;
			seg->flags &= (uint8_t)~TCP_FIN;
		}
		return true;
	}
	if (!acceptable(c, seg)) {
		c->net->stats.tcp_outside++;
		if ((seg->flags & TCP_RST) != 0)
			return false;
		/*
		 * What we have received last comes again, with an ACK that may be news: when both sides close at once, stacks of BSD's
		 * family acknowledge our FIN by sending theirs anew. Only the ACK counts; trim() leaves nothing of the text.
		 */
		if (seg->full_len > 0 && seg->seq + seg->full_len == c->rcv_nxt && (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_ACK &&
		    seq_lt(c->snd_una, seg->ack) && seq_le(seg->ack, c->snd_nxt) && c->state != TCP_TIME_WAIT) {
			seg->flags &= (uint8_t)~TCP_FIN;
			c->ack_now = true;
			return true;
		}
		/* 3.10.7.4 eighth step: a FIN that comes again means that our ACK for it was lost. */
		if (c->state == TCP_TIME_WAIT && (seg->flags & TCP_FIN) != 0 && seg->seq + seglen(seg) == c->rcv_nxt)
			c->t_misc = c->net->now + 2 * (uint64_t)c->net->cfg.msl_us;
		challenge(c);
		return false;
	}
	return true;
}

/* Second, the RST. RFC 5961 3.2: only the exact number counts, others in the window are challenged. */
static bool check_rst(struct tcp_conn *c, const struct segment *seg)
{
	if ((seg->flags & TCP_RST) == 0)
		return true;
	if (seg->seq != c->rcv_nxt) {
		challenge(c);
		return false;
	}
	c->net->stats.tcp_rst_in++;
	switch (c->state) {
	case TCP_SYN_RECEIVED:		/* passive: back to LISTEN, that is, forgotten */
		tcp_end(c, NET_EREFUSED);
		break;
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		tcp_end(c, 0);
		break;
	default:
		tcp_end(c, NET_ERESET);
	}
	return false;
}

/* Fourth, the SYN. RFC 5961 4.2: always a challenge. A passive opener still in SYN-RECEIVED goes back to LISTEN. */
static bool check_syn(struct tcp_conn *c, const struct segment *seg)
{
	if ((seg->flags & TCP_SYN) == 0)
		return true;
	if (c->state == TCP_SYN_RECEIVED && !c->active)
		tcp_end(c, NET_ERESET);
	else
		challenge(c);
	return false;
}

/* The handshake's last ACK. */
static bool complete_open(struct tcp_conn *c, const struct ip_info *ip, const struct segment *seg)
{
	struct tcp_listener *l = c->listener;

	if (seq_le(seg->ack, c->snd_una) || seq_lt(c->snd_nxt, seg->ack)) {
		c->net->stats.tcp_bad_ack++;
		tcp_reject(c->net, ip, seg);
		return false;
	}
	/* No buffers or no place in the queue: as if the ACK were lost; our SYN-ACK will ask for it again. */
	if (l != NULL && (l->nqueued >= l->backlog || !tcp_get_buf(c))) {
		c->net->stats.tcp_syn_dropped++;
		return false;
	}
	established(c);
	update_window(c, seg);
	if (l != NULL) {
		c->net->nhalfopen--;
		l->nhalfopen--;
		l->nqueued++;
		link_append(&l->queue, &c->queue);
		c->net->stats.tcp_accepted++;
		source_raise(c->net, &l->source, NET_EV_ACCEPT);
	} else {
		c->net->stats.tcp_connected++;
		tcp_event(c, NET_EV_CONNECTED | NET_EV_WRITABLE);
	}
	return true;
}

/* SND.UNA < SEG.ACK =< SND.NXT: new data is acknowledged. */
static void ack_new(struct tcp_conn *c, const struct segment *seg)
{
	uint32_t acked = seg->ack - c->snd_una, bytes = min32(acked, c->buf->queued);

	if (c->timing && seq_lt(c->rtt_seq, seg->ack)) {
		c->timing = false;
		tcp_rtt_sample(c, c->net->now - c->rtt_start);
	}
	sendq_ack(c->net, c->buf, bytes);
	if (acked > bytes)
		c->fin_acked = true;		/* the only number after the bytes */
	c->snd_una = seg->ack;
	if (seq_lt(c->snd_ptr, c->snd_una))
		c->snd_ptr = c->snd_una;
	c->progress_us = c->net->now;
	c->tries = 0;
	c->t_rtx = c->snd_una == c->snd_nxt ? NET_NEVER : c->net->now + c->rto;	/* RFC 6298 (5.2), (5.3) */
	tcp_cc_ack(c, acked);
	tcp_reap(c);
	tcp_tell_writer(c);
}

/* Fifth, the ACK. */
static bool check_ack(struct tcp_conn *c, const struct ip_info *ip, const struct segment *seg)
{
	bool duplicate;

	if ((seg->flags & TCP_ACK) == 0)
		return false;
	if (c->state == TCP_SYN_RECEIVED && !complete_open(c, ip, seg))
		return false;
	if (c->state == TCP_TIME_WAIT)
		return true;
	/* RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT, else a challenge. */
	if (seq_lt(c->snd_nxt, seg->ack) || seq_lt(seg->ack, c->snd_una - c->max_snd_wnd)) {
		c->net->stats.tcp_bad_ack++;
		challenge(c);
		return false;
	}
	/* RFC 5681 2 */
	duplicate = seg->ack == c->snd_una && c->snd_una != c->snd_nxt && seg->full_len == 0 && seg->wnd == c->snd_wnd;
	if (seq_lt(c->snd_una, seg->ack))
		ack_new(c, seg);
	if (seq_le(c->snd_una, seg->ack) &&
	    (seq_lt(c->snd_wl1, seg->seq) || (c->snd_wl1 == seg->seq && seq_le(c->snd_wl2, seg->ack))))
		update_window(c, seg);
	if (duplicate && c->snd_wnd > 0 && !c->probing)
		tcp_cc_dup_ack(c);
	if (c->probing && c->snd_wnd > 0) {
		/* The window is open again. What was sent beyond it before is lost for sure. */
		c->probing = false;
		c->tries = 0;
		c->snd_ptr = c->snd_una;
		c->t_rtx = c->snd_una == c->snd_nxt ? NET_NEVER : c->net->now + c->rto;
	}

	if (!c->fin_acked)
		return true;
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		tcp_set_state(c, TCP_FIN_WAIT_2);
		return true;
	case TCP_CLOSING:
		tcp_time_wait(c);
		return false;
	case TCP_LAST_ACK:
		tcp_end(c, 0);
		return false;
	default:
		return true;
	}
}

/* Seventh, the text. The sixth step, urgent data, is none: it is delivered in line like any other (RFC 6093). */
static bool take_text(struct tcp_conn *c, struct segment *seg)
{
	uint32_t before = c->rcv_nxt, avail;
	bool gap;

	if (seg->len == 0)
		return true;
	if (c->state != TCP_ESTABLISHED && c->state != TCP_FIN_WAIT_1 && c->state != TCP_FIN_WAIT_2)
		return true;		/* after the peer's FIN there can be no text: ignored */
	/* The program has closed and nobody will ever read this: RFC 9293 3.6.1. */
	if (!c->held && c->listener == NULL) {
		tcp_kill(c, NET_EABORTED);
		return false;
	}
	if (c->fin_known && seq_lt(c->rcv_fin, seg->seq + seg->len)) {
		if (seq_le(c->rcv_fin, seg->seq))
			return true;
		seg->len = c->rcv_fin - seg->seq;
	}
	gap = seg->seq != c->rcv_nxt || c->buf->nspans > 0;
	if (seg->seq != c->rcv_nxt)
		c->net->stats.tcp_out_of_order++;
	avail = c->buf->avail;
	if (!recvq_write(c, seg->seq, seg->data, seg->len)) {
		c->net->stats.tcp_reass_full++;
		c->ack_now = true;
		return true;
	}
	if (c->buf->avail != avail)
		tcp_event(c, NET_EV_READABLE);

	/* RFC 5681 4.2: at once when it opens, extends or fills a gap, and for every second full segment; else delayed. */
	if (gap || c->rcv_nxt - c->rcv_acked >= 2 * min32(c->mss, tcp_local_mss(c->net)))
		c->ack_now = true;
	else if (c->rcv_nxt != before && c->t_ack == NET_NEVER)
		c->t_ack = c->net->now + DELAYED_ACK_US;
	return true;
}

/* Eighth, the FIN. One that arrives ahead of a gap is remembered until the gap is filled. */
static bool take_fin(struct tcp_conn *c, const struct segment *seg)
{
	uint32_t fin = seg->seq + seg->len;

	if (c->fin_done)
		return true;
	if ((seg->flags & TCP_FIN) != 0 && !c->fin_known) {
		/* One that lies before text already received contradicts it. */
		if (c->buf->nspans > 0 && seq_lt(fin, c->buf->span[c->buf->nspans - 1].to))
			return true;
		c->fin_known = true;
		c->rcv_fin = fin;
		c->ack_now = true;
	}
	if (!c->fin_known || c->rcv_nxt != c->rcv_fin)
		return true;
	c->rcv_nxt++;
	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		c->rcv_adv = c->rcv_nxt;
	c->fin_done = true;
	c->ack_now = true;
	tcp_event(c, NET_EV_EOF | NET_EV_READABLE);
	switch (c->state) {
	case TCP_ESTABLISHED:
		tcp_set_state(c, TCP_CLOSE_WAIT);
		return true;
	case TCP_FIN_WAIT_1:		/* ours is not acknowledged, or we would be in FIN-WAIT-2 */
		tcp_set_state(c, TCP_CLOSING);
		return true;
	case TCP_FIN_WAIT_2:
		tcp_time_wait(c);
		return false;
	default:
		return true;
	}
}

/*
 * A SYN for a connection in TIME-WAIT may open a new one when its number is beyond the old connection's (RFC 9293 3.10.7.4, fourth
 * step, and RFC 6191 without timestamps): then no old segment can be mistaken for a new one.
 */
static bool reopens(const struct tcp_conn *c, const struct segment *seg)
{
	return c->state == TCP_TIME_WAIT && (seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && seq_lt(c->rcv_nxt, seg->seq) &&
	       tcp_find_listener(c->net, seg->dport) != NULL;
}

static void conn_input(struct tcp_conn *c, const struct ip_info *ip, struct segment *seg)
{
	if (c->state == TCP_SYN_SENT) {
		if (!syn_sent_input(c, ip, seg))
			return;
		trim(c, seg);
	} else {
		if ((seg->flags & TCP_SYN) == 0)
			seg->wnd <<= c->snd_scale;
		if (!check_sequence(c, seg) || !check_rst(c, seg))
			return;
		if (!check_syn(c, seg))
			return;
		c->alive_us = c->net->now;
		c->keepalives = 0;
		trim(c, seg);
		if (!check_ack(c, ip, seg))
			return;
	}
	if (c->state == TCP_TIME_WAIT) {
		tcp_arm(c);
		return;
	}
	if (!take_text(c, seg) || !take_fin(c, seg))
		return;
	tcp_output(c);
}

void tcp_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len)
{
	struct segment seg;
	struct tcp_conn *c;
	struct tcp_listener *l;
	uint32_t past;
	bool again = false;

	if (!parse(ip, p, len, &seg)) {
		net->stats.tcp_bad++;
		return;
	}
	c = tcp_find(net, ip->dst, seg.dport, ip->src, seg.sport);
	if (c != NULL && reopens(c, &seg)) {
		again = true;
		past = c->snd_nxt;
		tcp_end(c, 0);
		c = NULL;
	}
	if (c != NULL) {
		net->stats.tcp_in++;
		conn_input(c, ip, &seg);
	} else if ((l = tcp_find_listener(net, seg.dport)) != NULL) {
		net->stats.tcp_in++;
		listen_input(net, l, ip, &seg, again ? &past : NULL);
	} else {
		/* CLOSED, 3.10.7.1. The port may be another program's, who alone may answer. */
		net->stats.tcp_noport++;
		if (net->cfg.own_all_ports)
			tcp_reject(net, ip, &seg);
	}
}
