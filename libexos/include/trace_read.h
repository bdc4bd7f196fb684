/*
 * trace_read.h - reading a trace ring that goes on being written
 *
 * exposed_trace() maps the ring, sys_trace_set() lets the kernel write it; exos/trace.h tells what it writes.
 */
#ifndef TRACE_READ_H
#define TRACE_READ_H

#include <exos/trace.h>
#include <stddef.h>

struct trace_reader {
	const volatile struct trace_ring *ring;
	uint64_t next;		/* the event to be read next */
	uint64_t lost;		/* events that were overwritten before they were read */
};

/* Begin with what happens from now on. */
void trace_reader_begin(struct trace_reader *r, const volatile struct trace_ring *ring);
/* The same with the last n events, as far as they are still there. */
void trace_reader_begin_before(struct trace_reader *r, const volatile struct trace_ring *ring, uint64_t n);

/* Copy the next events, at most n, oldest first. Returns how many; 0: there are none now. Those that are gone already count as lost. */
size_t trace_read(struct trace_reader *r, struct trace_event *to, size_t n);

#endif
