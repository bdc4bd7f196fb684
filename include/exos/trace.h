/*
 * trace.h - what the kernel did, in the order of time: a ring of events per hart
 *
 * trace_set() turns it on and off. The rings are pages of the region EXPOSE_TRACE, which needs a MACHINE capability to be bound, for
 * they tell what everybody does: exposed_system.trace_pages pages for each hart, one ring after the other. Each begins with this
 * header, and the events follow. There is no argument of a call in them, no content of a register, packet or message, and no address but
 * that of a fault.
 *
 * The kernel never waits for a reader. Event number n, counted from 0, stands at event[n % size] until number n + size is written; and
 * that may be half written while `head` still says n + size. So a reader copies first and looks at `head` afterwards: what it
 * copied is good when n + size > head.
 */
#ifndef EXOS_TRACE_H
#define EXOS_TRACE_H

#include <assert.h>
#include <stdint.h>

enum trace_kind {
	TRACE_NONE,
	TRACE_CALL,		/* env makes the call `what`; TRACE_NO_CALL: one that there is not */
	TRACE_RETURN,		/* the call `what` of env has the result `value`; not when env gave the processor away, see below */
	TRACE_SWITCH,		/* env runs from now on, 0: nobody; value: who did before */
	TRACE_UPCALL,		/* env is entered at its handler of kind `what`: UP_* */
	TRACE_FAULT,		/* env caused the exception `what`; value: the address, as stval has it */
	TRACE_TRANSFER,		/* env enters, or answers, the environment `value`; what: CALL_pct_call, CALL_pct_send or CALL_pct_reply */
	TRACE_RECEIVED,		/* a packet of `what` bytes went into ring `value` (EV_RING) of env */
	TRACE_SENT,		/* env sent a packet of `what` bytes */
	TRACE_KINDS
};

#define TRACE_NO_CALL	0xffffu

/*
 * A call after which somebody else runs is over when its caller runs again, at a TRACE_SWITCH to it, with the result 0. But a wait has its
 * TRACE_RETURN when the event or the time has come, or at the latest behind that switch; and a pct_call that nobody answered when
 * that is known. exit and pct_reply do not return.
 */
struct trace_event {
	uint64_t time;		/* time CSR */
	uint64_t value;
	uint32_t env;
	uint16_t kind;		/* enum trace_kind */
	uint16_t what;
};

struct trace_ring {
	uint32_t version, hart;
	uint32_t size;		/* events that there is room for */
	uint32_t env;		/* who runs */
	uint64_t head;		/* events written since the start of the machine */
	uint64_t zero[5];
	struct trace_event event[];
};

static_assert(sizeof(struct trace_event) == 24 && sizeof(struct trace_ring) == 64, "the layout is for everyone");
#endif
