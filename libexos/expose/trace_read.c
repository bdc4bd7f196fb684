/*
 * trace_read.c - reading a trace ring that goes on being written
 */
#include "trace_read.h"

/* Events before this one are overwritten, or just being so. */
static uint64_t oldest(uint64_t head, uint32_t size)
{
	return head >= size ? head - size + 1 : 0;
}

void trace_reader_begin_before(struct trace_reader *r, const volatile struct trace_ring *ring, uint64_t n)
{
	uint64_t head = ring->head, from = oldest(head, ring->size);

	*r = (struct trace_reader){ .ring = ring, .next = head - from < n ? from : head - n };
}

void trace_reader_begin(struct trace_reader *r, const volatile struct trace_ring *ring)
{
	trace_reader_begin_before(r, ring, 0);
}

size_t trace_read(struct trace_reader *r, struct trace_event *to, size_t n)
{
	const uint32_t size = r->ring->size;
	uint64_t head = __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE), first = oldest(head, size);
	size_t got, gone = 0;

	if (first > r->next) {
		r->lost += first - r->next;
		r->next = first;
	}
	got = head - r->next < n ? (size_t)(head - r->next) : n;
	for (size_t i = 0; i < got; i++) {
		const volatile struct trace_event *e = &r->ring->event[(r->next + i) % size];

		to[i] = (struct trace_event){ .time = e->time, .value = e->value, .env = e->env, .kind = e->kind, .what = e->what };
	}
	/* What was copied, before what has become of it meanwhile. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	first = oldest(r->ring->head, size);
	if (first > r->next)
		gone = first - r->next < got ? (size_t)(first - r->next) : got;
	for (size_t i = gone; i < got; i++)
		to[i - gone] = to[i];
	r->lost += gone;
	r->next += got;
	return got - gone;
}
