/*
 * tcp_cc.c - how long to wait (RFC 6298) and how much to send (RFC 5681, RFC 6582: NewReno)
 */
#include "tcp.h"

#define CLOCK_US MS		/* the granularity G of our timers */

/* RFC 6298 (2.2), (2.3): a sample R, from a segment that was not retransmitted (Karn). */
void tcp_rtt_sample(struct tcp_conn *c, uint64_t us)
{
	uint32_t r = us < RTO_MAX_US ? (uint32_t)us : RTO_MAX_US;
	uint32_t rto, delta;

	if (c->srtt == 0) {
		c->srtt = r;
		c->rttvar = r / 2;
	} else {
		delta = c->srtt > r ? c->srtt - r : r - c->srtt;
		c->rttvar = c->rttvar - c->rttvar / 4 + delta / 4;
		c->srtt = c->srtt - c->srtt / 8 + r / 8;
	}
	if (c->srtt == 0)
		c->srtt = 1;		/* a link faster than the clock; 0 means no sample */
	rto = c->srtt + max32(CLOCK_US, 4 * c->rttvar);
	c->rto = min32(max32(rto, c->net->cfg.rto_min_us), RTO_MAX_US);
}

/* (5.5) */
void tcp_rto_backoff(struct tcp_conn *c)
{
	c->rto = min32(2 * c->rto, RTO_MAX_US);
	c->timing = false;
}

/* RFC 5681 3.1, the initial window; one segment when the SYN or its answer was lost. */
static uint32_t initial_window(const struct tcp_conn *c)
{
	if (c->syn_lost)
		return c->mss;
	return c->mss > 2190 ? 2 * c->mss : c->mss > 1095 ? 3 * c->mss : 4 * c->mss;
}

static uint32_t flight(const struct tcp_conn *c)
{
	return c->snd_nxt - c->snd_una;
}

static uint32_t half_flight(const struct tcp_conn *c)
{
	return max32(flight(c) / 2, 2 * c->mss);	/* RFC 5681 (4) */
}

/* On entering ESTABLISHED. */
void tcp_cc_open(struct tcp_conn *c)
{
	c->cwnd = initial_window(c);
	c->ssthresh = UINT32_MAX;
	c->recover = c->iss;
	/* RFC 6298 (5.7): the RTO of a lost SYN says nothing about data. */
	if (c->syn_lost && c->srtt == 0)
		c->rto = RTO_AFTER_SYN_US;
}

/* RFC 5681 4.1: after idling for longer than the RTO the old window means nothing. */
void tcp_cc_idle(struct tcp_conn *c)
{
	c->cwnd = min32(c->cwnd, initial_window(c));
}

/* RFC 5681 3.1 and RFC 6582 4; ssthresh is not lowered again when the same segment times out again. */
void tcp_cc_timeout(struct tcp_conn *c)
{
	if (!c->rto_recovery)
		c->ssthresh = half_flight(c);
	c->cwnd = c->mss;
	c->bytes_acked = 0;
	c->recover = c->snd_nxt;
	c->rto_recovery = true;
	c->recovery = false;
	c->dupacks = 0;
}

/* RFC 5681 3.2, RFC 6582 3.2: the ACK was a duplicate by the definition of RFC 5681 2. tcp_output() follows. */
void tcp_cc_dup_ack(struct tcp_conn *c)
{
	c->net->stats.tcp_dup_acks++;
	c->dupacks++;
	if (c->recovery) {
		c->cwnd += c->mss;		/* step 4: one more has left the network */
		return;
	}
	/* RFC 6582 step 2: duplicates for what was lost before `recover` must not start another recovery. */
	if (c->dupacks != 3 || c->rto_recovery)
		return;
	c->ssthresh = half_flight(c);
	c->recover = c->snd_nxt;
	c->recovery = true;
	c->net->stats.tcp_fast_rtx++;
	tcp_resend_first(c);
	c->cwnd = c->ssthresh + 3 * c->mss;
}

/* Bytes by which the window grows on an ACK of new data outside recovery; RFC 5681 3.1 with byte counting (RFC 3465, L = 1). */
static void grow(struct tcp_conn *c, uint32_t acked)
{
	const uint32_t most = 1 << 30;

	if (c->cwnd < c->ssthresh) {
		c->cwnd += min32(acked, c->mss);
	} else {
		c->bytes_acked += acked;
		if (c->bytes_acked >= c->cwnd) {
			c->bytes_acked -= c->cwnd;
			c->cwnd += c->mss;
		}
	}
	c->cwnd = min32(c->cwnd, most);
}

/* `acked` new bytes are acknowledged, and snd_una has moved already. */
void tcp_cc_ack(struct tcp_conn *c, uint32_t acked)
{
	c->dupacks = 0;
	if (c->rto_recovery && seq_le(c->recover, c->snd_una))
		c->rto_recovery = false;
	if (!c->recovery) {
		grow(c, acked);
		return;
	}
	if (seq_le(c->recover, c->snd_una)) {	/* full acknowledgment, RFC 6582 3.2 step 3 (1) */
		c->cwnd = min32(c->ssthresh, max32(flight(c), c->mss) + c->mss);
		c->recovery = false;
		c->bytes_acked = 0;
		return;
	}
	/* Partial acknowledgment: the next hole is at snd_una. Deflate by what has left, and let one segment follow. */
	tcp_resend_first(c);
	c->cwnd -= min32(acked, c->cwnd - c->mss);
	if (acked >= c->mss)
		c->cwnd += c->mss;
}
