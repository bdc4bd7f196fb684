/*
 * tcp_timer.c - what TCP does when nothing arrives
 *
 * Each connection has three deadlines and one timer in the heap. Moving a deadline later, which happens with every segment, does
 * not touch the heap: the timer fires early, finds nothing due and goes to sleep for the rest.
 */
#include "tcp.h"

void tcp_arm(struct tcp_conn *c)
{
	uint64_t when = c->t_rtx;

	if (c->t_ack < when)
		when = c->t_ack;
	if (c->t_misc < when)
		when = c->t_misc;
	if (when == NET_NEVER)
		timer_clear(c->net, &c->timer);
	else if (c->timer.pos == 0 || when < c->timer.when)
		timer_set(c->net, &c->timer, when);
}

static void give_up(struct tcp_conn *c)
{
	c->net->stats.tcp_timeouts++;
	tcp_kill(c, NET_ETIMEDOUT);
}

/* SYN and SYN-ACK. */
static void syn_fire(struct tcp_conn *c)
{
	bool passive = c->state == TCP_SYN_RECEIVED && !c->active;

	if (passive ? c->tries >= SYN_RETRIES : c->net->now - c->progress_us >= c->net->cfg.give_up_us) {
		c->net->stats.tcp_timeouts++;
		tcp_end(c, NET_ETIMEDOUT);	/* nothing to reset: the peer never answered */
		return;
	}
	c->tries++;
	c->syn_lost = true;
	c->net->stats.tcp_rto++;
	c->net->stats.tcp_rtx++;
	tcp_rto_backoff(c);
	c->t_rtx = c->net->now + c->rto;
	tcp_send_syn(c);
	tcp_arm(c);
}

/* The window is closed, or too small to be worth a segment and nothing is outstanding: RFC 9293 3.8.6.1 and 3.8.6.2.1. */
static void probe_fire(struct tcp_conn *c)
{
	uint64_t gap = (uint64_t)c->rto << min32(c->tries, 6);

	/* As long as the peer answers, a closed window may stay closed (RFC 9293 3.8.6.1); orphans have their own limit. */
	if (c->tries > 0 && c->net->now - c->alive_us >= c->net->cfg.give_up_us) {
		give_up(c);
		return;
	}
	c->tries++;
	c->net->stats.tcp_probes++;
	c->t_rtx = c->net->now + (gap < RTO_MAX_US ? gap : RTO_MAX_US);
	tcp_send_probe(c);
	tcp_arm(c);
}

/* RFC 6298 (5.4) to (5.6). */
static void rto_fire(struct tcp_conn *c)
{
	if (c->net->now - c->progress_us >= c->net->cfg.give_up_us) {
		give_up(c);
		return;
	}
	c->net->stats.tcp_rto++;
	tcp_rto_backoff(c);
	tcp_cc_timeout(c);
	c->snd_ptr = c->snd_una;
	c->t_rtx = c->net->now + c->rto;
	tcp_output(c);
}

static void rtx_fire(struct tcp_conn *c)
{
	c->t_rtx = NET_NEVER;
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
		syn_fire(c);
	else if (c->snd_una == c->snd_nxt ? c->buf->queued > 0 : c->snd_wnd == 0)
		probe_fire(c);
	else if (c->snd_una != c->snd_nxt)
		rto_fire(c);
	else
		tcp_arm(c);
}

/* RFC 9293 3.8.4; only when nothing is outstanding, else the retransmission timer watches. */
static void keepalive_fire(struct tcp_conn *c)
{
	uint64_t gap = c->keepalive_us < KEEPALIVE_GAP_US ? c->keepalive_us : KEEPALIVE_GAP_US;

	if (c->net->now - c->alive_us < c->keepalive_us) {
		c->t_misc = c->alive_us + c->keepalive_us;
	} else if (c->snd_una != c->snd_nxt || c->t_rtx != NET_NEVER) {
		c->t_misc = c->net->now + gap;
	} else if (c->keepalives >= KEEPALIVE_PROBES) {
		give_up(c);
		return;
	} else {
		c->keepalives++;
		c->net->stats.tcp_keepalives++;
		c->t_misc = c->net->now + gap;
		tcp_send_keepalive(c);
	}
	tcp_arm(c);
}

static void misc_fire(struct tcp_conn *c)
{
	uint64_t limit = c->progress_us + c->net->cfg.orphan_us;

	c->t_misc = NET_NEVER;
	if (c->state == TCP_TIME_WAIT) {
		tcp_end(c, 0);
	} else if (c->held && c->keepalive_us != 0) {
		keepalive_fire(c);
	} else if (!c->held && c->net->now >= limit) {
		give_up(c);
	} else {
		if (!c->held)
			c->t_misc = limit;
		tcp_arm(c);
	}
}

/*
 * One deadline at a time: it may end the connection, so nothing may be touched after it. What lives sets the timer again, and for
 * another deadline that has passed already it fires at once.
 */
void tcp_fire(struct net *net, struct timer *t)
{
	struct tcp_conn *c = container_of(t, struct tcp_conn, timer);

	if (c->t_ack <= net->now) {
		c->t_ack = NET_NEVER;
		tcp_send_ack(c);
		tcp_arm(c);
	} else if (c->t_rtx <= net->now) {
		rtx_fire(c);
	} else if (c->t_misc <= net->now) {
		misc_fire(c);
	} else {
		tcp_arm(c);
	}
}
