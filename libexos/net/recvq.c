/*
 * recvq.c - bytes from the peer, put in order within the receive buffer
 *
 * A segment that arrives ahead of a gap is stored where it belongs in the ring at once; a short ascending list of spans remembers
 * what is there. So reassembly needs no memory beyond the buffer whose size the window promised, and every byte is copied once.
 * Where segments overlap with different data, the byte that came first stays.
 */
#include <string.h>

#include "tcp.h"

void recvq_init(struct tcp_buf *b)
{
	b->rcv_start = b->avail = 0;
	b->nspans = 0;
}

/* Copy [from, to) of the segment that starts at seq. */
static void store(struct tcp_conn *c, uint32_t from, uint32_t to, uint32_t seq, const uint8_t *data)
{
	struct tcp_buf *b = c->buf;
	uint32_t size = c->net->cfg.tcp_rcvbuf;
	uint32_t where = (b->rcv_start + b->avail + (from - c->rcv_nxt)) & (size - 1);
	uint32_t n = to - from, head = min32(n, size - where);

	memcpy(b->rcv + where, data + (from - seq), head);
	memcpy(b->rcv, data + (from - seq) + head, n - head);
}

/* The spans [*first, *last) that touch or overlap [from, to). */
static void touching(const struct tcp_buf *b, uint32_t from, uint32_t to, unsigned int *first, unsigned int *last)
{
	unsigned int i = 0;

	while (i < b->nspans && seq_lt(b->span[i].to, from))
		i++;
	*first = i;
	while (i < b->nspans && seq_le(b->span[i].from, to))
		i++;
	*last = i;
}

bool recvq_write(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	struct tcp_buf *b = c->buf;
	uint32_t end = seq + len, hole = seq;
	unsigned int first, last;
	struct span all = { seq, end };

	if (seq == c->rcv_nxt && b->nspans == 0) {	/* the usual case */
		store(c, seq, end, seq, data);
		b->avail += len;
		c->rcv_nxt = end;
		return true;
	}
	touching(b, seq, end, &first, &last);
	if (first == last && b->nspans >= SPANS && seq != c->rcv_nxt)
		return false;

	for (unsigned int i = first; i < last; i++) {
		if (seq_lt(hole, b->span[i].from))
			store(c, hole, b->span[i].from, seq, data);
		hole = b->span[i].to;
	}
	if (first == last || seq_lt(hole, end))
		store(c, first == last ? seq : hole, end, seq, data);

	/* Replace the spans that were touched by their union with the segment. */
	if (first != last) {
		if (seq_lt(b->span[first].from, all.from))
			all.from = b->span[first].from;
		if (seq_lt(all.to, b->span[last - 1].to))
			all.to = b->span[last - 1].to;
	}
	memmove(&b->span[first + 1], &b->span[last], (b->nspans - last) * sizeof(b->span[0]));
	b->span[first] = all;
	b->nspans = b->nspans - (last - first) + 1;

	if (b->span[0].from == c->rcv_nxt) {
		b->avail += b->span[0].to - c->rcv_nxt;
		c->rcv_nxt = b->span[0].to;
		b->nspans--;
		memmove(&b->span[0], &b->span[1], b->nspans * sizeof(b->span[0]));
	}
	return true;
}

uint32_t recvq_peek(const struct tcp_conn *c, const uint8_t **p)
{
	const struct tcp_buf *b = c->buf;

	*p = b->rcv + b->rcv_start;
	return min32(b->avail, c->net->cfg.tcp_rcvbuf - b->rcv_start);
}

void recvq_consume(struct tcp_conn *c, uint32_t len)
{
	struct tcp_buf *b = c->buf;

	b->rcv_start = (b->rcv_start + len) & (c->net->cfg.tcp_rcvbuf - 1);
	b->avail -= len;
}
