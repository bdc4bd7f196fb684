/*
 * tcp.h - what the files of TCP share
 *
 * tcp.c      the calls of the program, connections and listeners, their memory
 * tcp_in.c   SEGMENT ARRIVES, in the order of RFC 9293 3.10.7
 * tcp_out.c  which segment to send next, and its header
 * tcp_cc.c   RTT and RTO (RFC 6298), congestion window (RFC 5681, 6582)
 * tcp_timer.c  what happens when nothing arrives
 * sendq.c, recvq.c  the bytes themselves
 *
 * Variables carry the names of RFC 9293 3.3.1 in lower case. SND.NXT is snd_nxt; after a timeout the segments between snd_una and
 * snd_nxt are sent again from snd_ptr on, which otherwise equals snd_nxt. RCV.WND is rcv_adv - rcv_nxt: what is remembered is
 * the right edge, since that is what must never move left.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "internal.h"

/* ---- Sequence numbers: the only comparisons modulo 2^32 (RFC 9293 3.4) ---- */

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

/* Is s in the n numbers from `from` on? */
static inline bool seq_within(uint32_t s, uint32_t from, uint32_t n)
{
	return s - from < n;
}

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

#define TCP_DEFAULT_MSS	536		/* RFC 9293 3.7.1 */
#define TCP_MIN_MSS	64		/* less is a trick to make us send headers */
#define TCP_MAX_WSCALE	14		/* RFC 7323 2.3 */
#define RTO_INITIAL_US	(1 * SECOND)	/* RFC 6298 (2.1) */
#define RTO_AFTER_SYN_US (3 * SECOND)	/* (5.7) */
#define RTO_MAX_US	(60 * SECOND)	/* (2.5) */
#define DELAYED_ACK_US	(40 * MS)	/* RFC 9293 3.8.6.3 allows 500 */
#define SYN_RETRIES	5		/* of a SYN-ACK: 31 s in all */
#define KEEPALIVE_PROBES 9
#define KEEPALIVE_GAP_US (75 * (uint64_t)SECOND)
#define CHALLENGE_RATE	10		/* ACKs per second and connection that a stranger can provoke */

/* ---- The memory of a connection ---- */

#define PIECES	16			/* a power of two */
#define SPANS	8

struct piece {				/* consecutive bytes to send */
	const uint8_t *p;
	uint32_t len;
	bool lent;			/* the program's, not the ring's */
	void (*release)(void *arg);
	void *arg;
	uint64_t tx_mark;		/* frame that last carried a byte of it */
};

struct span {				/* bytes received ahead of a gap: [from, to) */
	uint32_t from, to;
};

/*
 * Exists apart from struct tcp_conn, because half-open connections and those in TIME-WAIT have none, and because it outlives its
 * connection while the device still reads from it.
 */
struct tcp_buf {
	struct tcp_buf *next;		/* in net->waiting */
	bool waiting;			/* in that list */
	struct tcp_conn *conn;		/* NULL: it is gone */

	/* Send queue: piece[first .. end) hold bytes; piece[reap .. first) are acknowledged, but the device may still read them. */
	struct piece piece[PIECES];
	unsigned int reap, first, end;	/* free-running */
	uint32_t queued;		/* bytes in piece[first .. end) */
	uint32_t snd_start, snd_used;	/* the occupied part of the ring */
	uint64_t tx_mark;		/* frame that last carried a byte of this memory */

	/* Receive queue: `avail` bytes in order from rcv_start on, then what the spans say. The byte for rcv_nxt follows the last. */
	uint32_t rcv_start, avail;
	struct span span[SPANS + 1];	/* ascending, disjoint, not adjacent */
	unsigned int nspans;

	uint8_t *snd, *rcv;
};

struct tcp_listener {
	struct source source;		/* first, see net_next_event */
	struct net *net;
	bool open;
	uint16_t port;
	unsigned int backlog, nhalfopen, nqueued;
	struct link queue;		/* complete connections, oldest first */
};

struct tcp_conn {
	struct source source;		/* first */
	struct timer timer;		/* wakes at the earliest of the three below, or earlier */
	uint64_t t_rtx;			/* retransmission or window probe; NET_NEVER: off, likewise */
	uint64_t t_ack;			/* delayed ACK */
	uint64_t t_misc;		/* TIME-WAIT, orphans, keepalive */

	struct net *net;
	struct tcp_conn *hash_next;
	struct link queue;		/* listener->queue or net->timewait */
	struct link blocked;		/* net->blocked */
	struct tcp_listener *listener;	/* until accepted */
	struct tcp_buf *buf;

	enum tcp_state state;
	int error;
	uint32_t lip, rip;
	uint16_t lport, rport;

	/* Send sequence space, RFC 9293 3.3.1 */
	uint32_t iss, snd_una, snd_nxt, snd_ptr;
	uint32_t snd_wnd, snd_wl1, snd_wl2, max_snd_wnd;
	uint32_t mss;			/* Eff.snd.MSS */
	uint8_t snd_scale, rcv_scale;

	/* Receive sequence space */
	uint32_t irs, rcv_nxt, rcv_adv;
	uint32_t rcv_acked;		/* the ACK last sent */
	uint32_t rcv_fin;		/* sequence number of the peer's FIN, if fin_known */

	/* RTT, RFC 6298 */
	uint32_t srtt, rttvar, rto;	/* microseconds; srtt 0: no sample yet */
	uint32_t rtt_seq;		/* the ACK beyond this ends the measurement, if timing */
	uint64_t rtt_start;

	/* Congestion, RFC 5681 and 6582 */
	uint32_t cwnd, ssthresh, recover, bytes_acked;
	unsigned int dupacks;

	uint64_t progress_us;		/* snd_una moved, or something was sent while nothing was outstanding */
	uint64_t alive_us;		/* the peer was heard last */
	uint64_t sent_us;		/* data was sent last */
	uint64_t keepalive_us;
	unsigned int tries;		/* of SYN or probe */
	unsigned int keepalives;	/* sent and not answered */
	struct bucket challenge;

	bool held : 1;			/* the program has the handle */
	bool active : 1;		/* opened by tcp_connect */
	bool wscale_ok : 1;		/* both sides scale, or we offer it in our SYN */
	bool nodelay : 1;
	bool fin_queued : 1;		/* a FIN follows the last byte */
	bool fin_acked : 1;		/* and the peer has it */
	bool fin_known : 1;		/* the peer's FIN was seen */
	bool fin_done : 1;		/* and is in order */
	bool ack_now : 1;
	bool timing : 1;
	bool recovery : 1;		/* fast recovery */
	bool rto_recovery : 1;		/* a timeout, and not all of that window is acknowledged */
	bool probing : 1;		/* the window was closed and we probed it */
	bool want_write : 1;		/* tell when there is room */
	bool syn_lost : 1;
};

/* A segment that arrived; SEG.* of RFC 9293 3.3.1 */
struct segment {
	uint32_t seq, ack, wnd;
	uint8_t flags;
	const uint8_t *data;
	uint32_t len;			/* of data: SYN and FIN not counted; less after trimming */
	uint32_t full_len;		/* of data and FIN as they arrived */
	uint16_t sport, dport;
	uint16_t mss;			/* 0: no option */
	int wscale;			/* -1: no option */
};

/* tcp.c */
struct tcp_conn *tcp_find(struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport);
struct tcp_listener *tcp_find_listener(struct net *net, uint16_t port);
/* A connection in state CLOSED, known by its addresses; NULL: pool empty. */
struct tcp_conn *tcp_conn_new(struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport);
void tcp_set_state(struct tcp_conn *c, enum tcp_state state);
/* Give c its buffers; false: none left. */
bool tcp_get_buf(struct tcp_conn *c);
/* The end of c, with err (0: orderly). Returns it to the pool unless the program holds it. */
void tcp_end(struct tcp_conn *c, int err);
/* Enter TIME-WAIT, RFC 9293 3.6; c may be gone afterwards. */
void tcp_time_wait(struct tcp_conn *c);
void tcp_event(struct tcp_conn *c, unsigned int bits);
/* NET_EV_WRITABLE for a program that found no room before. */
void tcp_tell_writer(struct tcp_conn *c);
/* Give lent memory back that is acknowledged and no longer read. */
void tcp_reap(struct tcp_conn *c);
/* Reset the peer, then tcp_end(). */
void tcp_kill(struct tcp_conn *c, int err);

/* tcp_out.c */
void tcp_output(struct tcp_conn *c);
void tcp_send_syn(struct tcp_conn *c);
void tcp_send_ack(struct tcp_conn *c);
void tcp_send_probe(struct tcp_conn *c);
void tcp_send_keepalive(struct tcp_conn *c);
void tcp_send_rst(struct tcp_conn *c);
void tcp_resend_first(struct tcp_conn *c);
/* The answer to a segment that belongs to no connection, RFC 9293 3.10.7.1. */
void tcp_reject(struct net *net, const struct ip_info *ip, const struct segment *seg);
/* Would a window update be worth a segment of its own? RFC 9293 3.8.6.2.2. */
bool tcp_window_worth(const struct tcp_conn *c);
uint16_t tcp_local_mss(const struct net *net);

/* tcp_cc.c */
void tcp_rtt_sample(struct tcp_conn *c, uint64_t us);
void tcp_rto_backoff(struct tcp_conn *c);
void tcp_cc_open(struct tcp_conn *c);
void tcp_cc_idle(struct tcp_conn *c);
void tcp_cc_timeout(struct tcp_conn *c);
void tcp_cc_dup_ack(struct tcp_conn *c);
void tcp_cc_ack(struct tcp_conn *c, uint32_t acked);

/* tcp_timer.c */
void tcp_arm(struct tcp_conn *c);
void tcp_fire(struct net *net, struct timer *t);

/* sendq.c */
void sendq_init(struct tcp_buf *b);
uint32_t sendq_room(const struct net *net, const struct tcp_buf *b);
uint32_t sendq_copy(const struct net *net, struct tcp_buf *b, const uint8_t *data, size_t len);
bool sendq_lend(struct tcp_buf *b, const uint8_t *data, uint32_t len, void (*release)(void *arg), void *arg);
/* Describe up to len bytes from `offset` on in at most max pieces; returns how many bytes that are. */
uint32_t sendq_gather(const struct tcp_buf *b, uint32_t offset, uint32_t len, struct net_iov *iov, int max, int *n);
/* The len bytes from `offset` on are in frame `mark`. */
void sendq_mark(struct tcp_buf *b, uint32_t offset, uint32_t len, uint64_t mark);
/* Forget the first len bytes. */
void sendq_ack(const struct net *net, struct tcp_buf *b, uint32_t len);
/* Release what is acknowledged and no longer read. Returns true when nothing is left to wait for. */
bool sendq_reap(struct tcp_buf *b, uint64_t done);
/* Forget everything. */
void sendq_clear(struct tcp_buf *b);

/* recvq.c */
void recvq_init(struct tcp_buf *b);
/* Store a segment that lies within the window; moves rcv_nxt. Returns false, having stored nothing, when all spans are in use. */
bool recvq_write(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len);
uint32_t recvq_peek(const struct tcp_conn *c, const uint8_t **p);
void recvq_consume(struct tcp_conn *c, uint32_t len);

#endif
