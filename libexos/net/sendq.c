/*
 * sendq.c - bytes on their way to the peer: copied into the connection's ring, or lent by the program
 *
 * The queue is a short row of pieces. A copy extends the last piece when it continues it in the ring, so that a program which only
 * copies has at most three. A frame's payload points straight into the pieces. Bytes of the ring are free again as soon as they are
 * acknowledged: whoever still reads them sends a duplicate that the peer must throw away. Lent bytes go back only when the device
 * has let go of them, too.
 */
#include <string.h>

#include "tcp.h"

static struct piece *at(struct tcp_buf *b, unsigned int i)
{
	return &b->piece[i & (PIECES - 1)];
}

void sendq_init(struct tcp_buf *b)
{
	b->reap = b->first = b->end = 0;
	b->queued = 0;
	b->snd_start = b->snd_used = 0;
	b->tx_mark = 0;
}

static struct piece *append(struct tcp_buf *b, const uint8_t *p)
{
	struct piece *new = at(b, b->end);

	if (b->end - b->reap == PIECES)
		return NULL;
	b->end++;
	*new = (struct piece){ .p = p };
	return new;
}

uint32_t sendq_room(const struct net *net, const struct tcp_buf *b)
{
	/* A wrap at the end of the ring needs one more piece than a plain copy. */
	return PIECES - (b->end - b->reap) >= 2 ? net->cfg.tcp_sndbuf - b->snd_used : 0;
}

uint32_t sendq_copy(const struct net *net, struct tcp_buf *b, const uint8_t *data, size_t len)
{
	uint32_t size = net->cfg.tcp_sndbuf, room = sendq_room(net, b);
	uint32_t total = len < room ? (uint32_t)len : room;

	for (uint32_t left = total; left > 0; ) {
		uint32_t where = (b->snd_start + b->snd_used) & (size - 1);
		uint32_t n = min32(left, size - where);
		struct piece *last = b->end != b->first ? at(b, b->end - 1) : NULL;

		if (last == NULL || last->lent || last->p + last->len != b->snd + where)
			last = append(b, b->snd + where);
		memcpy(b->snd + where, data, n);
		last->len += n;
		b->snd_used += n;
		b->queued += n;
		data += n;
		left -= n;
	}
	return total;
}

bool sendq_lend(struct tcp_buf *b, const uint8_t *data, uint32_t len, void (*release)(void *arg), void *arg)
{
	struct piece *p = append(b, data);

	if (p == NULL)
		return false;
	p->len = len;
	p->lent = true;
	p->release = release;
	p->arg = arg;
	b->queued += len;
	return true;
}

uint32_t sendq_gather(const struct tcp_buf *b, uint32_t offset, uint32_t len, struct net_iov *iov, int max, int *n)
{
	uint32_t total = 0;

	*n = 0;
	for (unsigned int i = b->first; i != b->end && total < len && *n < max; i++) {
		const struct piece *p = &b->piece[i & (PIECES - 1)];

		if (offset >= p->len) {
			offset -= p->len;
			continue;
		}
		iov[*n].base = p->p + offset;
		iov[*n].len = min32(p->len - offset, len - total);
		total += (uint32_t)iov[*n].len;
		offset = 0;
		++*n;
	}
	return total;
}

void sendq_mark(struct tcp_buf *b, uint32_t offset, uint32_t len, uint64_t mark)
{
	b->tx_mark = mark;
	for (unsigned int i = b->first; i != b->end && len > 0; i++) {
		struct piece *p = at(b, i);
		uint32_t n;

		if (offset >= p->len) {
			offset -= p->len;
			continue;
		}
		n = min32(p->len - offset, len);
		p->tx_mark = mark;
		len -= n;
		offset = 0;
	}
}

void sendq_ack(const struct net *net, struct tcp_buf *b, uint32_t len)
{
	b->queued -= len;
	while (len > 0) {
		struct piece *p = at(b, b->first);
		uint32_t n = min32(len, p->len);

		if (!p->lent) {
			b->snd_start = (b->snd_start + n) & (net->cfg.tcp_sndbuf - 1);
			b->snd_used -= n;
		}
		p->p += n;
		p->len -= n;
		len -= n;
		if (p->len == 0)
			b->first++;
	}
}

bool sendq_reap(struct tcp_buf *b, uint64_t done)
{
	for (; b->reap != b->first; b->reap++) {
		struct piece *p = at(b, b->reap);

		if (p->lent && p->tx_mark > done)
			return false;
		if (p->release != NULL)
			p->release(p->arg);
	}
	return b->conn != NULL || b->tx_mark <= done;
}

void sendq_clear(struct tcp_buf *b)
{
	b->first = b->end;
	b->queued = 0;
}
