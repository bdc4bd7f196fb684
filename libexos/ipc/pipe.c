/*
 * pipe.c - bytes and messages between two environments
 *
 * head and tail run freely; their difference is what is in the ring. Each is written by one side only: bytes first, then the index that
 * covers them. Before a side sleeps it says so and looks once more, and the other one looks whether somebody sleeps after it has moved its
 * index; so one of the two sees the other (both orders need a full fence).
 */
#include "pipe.h"

#include <string.h>

#include "exos_calls.h"
#include "preempt.h"
#include "upcall.h"

static_assert(offsetof(struct pipe_shared, ring) == PIPE_HEADER, "pipe");

static uint32_t load(const uint32_t *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *to, uint32_t value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static int adopt(struct pipe *p, void *memory, uint32_t bytes, unsigned int peer, uint64_t event)
{
	*p = (struct pipe){ .s = memory, .bytes = bytes, .peer = peer, .event = event };
	return 0;
}

int pipe_make(struct pipe *p, void *memory, size_t bytes, unsigned int peer, uint64_t event)
{
	struct pipe_shared *s = memory;
	uint32_t ring = 1u << 30;

	if (bytes < PIPE_HEADER + 8)
		return -E_INVAL;
	while (ring > bytes - PIPE_HEADER)
		ring /= 2;
	memset(s, 0, sizeof(*s));
	s->bytes = ring;
	store(&s->version, PIPE_VERSION);
	return adopt(p, memory, ring, peer, event);
}

int pipe_open(struct pipe *p, void *memory, size_t bytes, unsigned int peer, uint64_t event)
{
	struct pipe_shared *s = memory;
	uint32_t ring;

	if (bytes < PIPE_HEADER + 8 || load(&s->version) != PIPE_VERSION)
		return -E_INVAL;
	ring = load(&s->bytes);
	if (ring < 8 || (ring & (ring - 1)) != 0 || ring > bytes - PIPE_HEADER)
		return -E_INVAL;
	return adopt(p, memory, ring, peer, event);
}

/* Bytes in the ring; more than there can be: the other side lies. `own` is this side's index, `other` is read once. */
static long used(const struct pipe *p, bool reader)
{
	uint32_t n = reader ? load(&p->s->head) - p->s->tail : p->s->head - load(&p->s->tail);

	return n <= p->bytes ? (long)n : -E_IO;
}

/* What this side can move: bytes to read, or room to write. */
static long possible(const struct pipe *p, bool reader)
{
	long n = used(p, reader);

	return reader || n < 0 ? n : (long)p->bytes - n;
}

static bool is_closed(const struct pipe *p, bool reader)
{
	return load(reader ? &p->s->writer_closed : &p->s->reader_closed) != 0;
}

/* The index was moved: wake the other side if it sleeps. */
static void tell(struct pipe *p, uint32_t *sleeps)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (load(sleeps) != 0) {
		store(sleeps, 0);
		sys_notify(p->peer, p->event);
	}
}

/*
 * Wait until `least` can be moved. First the other side gets the rest of the slice, for it is the one that is waited for; not when there
 * are other threads here, who have something better to do.
 */
static __attribute__((noinline)) long await_long(struct pipe *p, bool reader, long least, unsigned long deadline)
{
	uint32_t *sleeps = reader ? &p->s->reader_sleeps : &p->s->writer_sleeps;
	bool yielded = preempt_ops != NULL;

	for (;;) {
		long n = possible(p, reader);

		if (n < 0 || n >= least)
			return n;
		if (is_closed(p, reader)) {
			n = possible(p, reader);
			return n >= least ? n : -E_DEAD;
		}
		if (deadline != 0 && (deadline == 1 || time_now() >= deadline))
			return 0;
		if (!yielded) {
			yielded = true;
			if (sys_yield(p->peer) == 0)
				continue;
		}
		event_clear(p->event);
		store(sleeps, 1);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (possible(p, reader) < least && !is_closed(p, reader))
			event_wait(p->event, deadline);
		store(sleeps, 0);
	}
}

static long await(struct pipe *p, bool reader, long least, unsigned long deadline)
{
	long n = possible(p, reader);

	return n >= least ? n : await_long(p, reader, least, deadline);
}

/* n bytes at an index of the ring, which may go over its end. */
static void put(struct pipe *p, uint32_t at, const void *from, uint32_t n)
{
	uint32_t i = at & (p->bytes - 1), first = n < p->bytes - i ? n : p->bytes - i;

	if (n == 1) {
		p->s->ring[i] = *(const uint8_t *)from;
		return;
	}
	memcpy(p->s->ring + i, from, first);
	if (n > first)
		memcpy(p->s->ring, (const char *)from + first, n - first);
}

static void get(const struct pipe *p, uint32_t at, void *to, uint32_t n)
{
	uint32_t i = at & (p->bytes - 1), first = n < p->bytes - i ? n : p->bytes - i;

	if (n == 1) {
		*(uint8_t *)to = p->s->ring[i];
		return;
	}
	memcpy(to, p->s->ring + i, first);
	if (n > first)
		memcpy((char *)to + first, p->s->ring, n - first);
}

static void moved_head(struct pipe *p, uint32_t n)
{
	store(&p->s->head, p->s->head + n);
	tell(p, &p->s->reader_sleeps);
}

static void moved_tail(struct pipe *p, uint32_t n)
{
	store(&p->s->tail, p->s->tail + n);
	tell(p, &p->s->writer_sleeps);
}

long pipe_write(struct pipe *p, const void *buf, size_t n, unsigned long deadline)
{
	long room;

	if (n == 0)
		return 0;
	if (is_closed(p, false))
		return -E_DEAD;
	room = await(p, false, 1, deadline);
	if (room <= 0)
		return room;
	if (n > (size_t)room)
		n = (size_t)room;
	put(p, p->s->head, buf, (uint32_t)n);
	moved_head(p, (uint32_t)n);
	return (long)n;
}

long pipe_read(struct pipe *p, void *buf, size_t n, unsigned long deadline)
{
	long there;

	if (n == 0)
		return 0;
	there = await(p, true, 1, deadline);
	if (there <= 0)
		return there;
	if (n > (size_t)there)
		n = (size_t)there;
	get(p, p->s->tail, buf, (uint32_t)n);
	moved_tail(p, (uint32_t)n);
	return (long)n;
}

void pipe_close_writer(struct pipe *p)
{
	store(&p->s->writer_closed, 1);
	tell(p, &p->s->reader_sleeps);
}

void pipe_close_reader(struct pipe *p)
{
	store(&p->s->reader_closed, 1);
	tell(p, &p->s->writer_sleeps);
}

/* ---- messages ---- */

long queue_send(struct pipe *p, const void *message, size_t n, unsigned long deadline)
{
	uint32_t length = (uint32_t)n;
	long room;

	if (n == 0 || n > p->bytes - sizeof(length))
		return -E_INVAL;
	if (is_closed(p, false))
		return -E_DEAD;
	room = await(p, false, (long)(n + sizeof(length)), deadline);
	if (room <= 0)
		return room;
	put(p, p->s->head, &length, sizeof(length));
	put(p, p->s->head + sizeof(length), message, length);
	moved_head(p, length + sizeof(length));
	return (long)n;
}

long queue_receive(struct pipe *p, void *message, size_t room, unsigned long deadline)
{
	uint32_t length;
	long there = await(p, true, sizeof(length) + 1, deadline);

	if (there <= 0)
		return there;
	get(p, p->s->tail, &length, sizeof(length));
	if (length == 0 || length > (size_t)there - sizeof(length))
		return -E_IO;			/* messages arrive whole */
	if (length > room)
		return -E_LIMIT;
	get(p, p->s->tail + sizeof(length), message, length);
	moved_tail(p, length + sizeof(length));
	return length;
}
