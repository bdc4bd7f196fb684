/*
 * env.h - properties and registers of an environment, entries of vectored calls
 */
#ifndef EXOS_ENV_H
#define EXOS_ENV_H

#include <stdint.h>

/* What env_set(env, property, a, b) sets. */
enum env_property {
	ENV_CONTEXT,	/* a: CTX slot of the caller with RIGHT_RUN. The environment must be stopped, or be the caller */
	ENV_UAREA,	/* a: page slot of the caller (4 KiB, writable, paid by it or by the environment), pinned from now on; b: its user
			   address, aligned */
	ENV_HANDLER,	/* a: UP_*; b: entry address, even, in the lower half; 0: none */
	ENV_RESUME,	/* a, b: start and end of the resume range; 0, 0: none */
	ENV_WINDOW,	/* a, b: first slot and number of slots that others may grant into; 0, 0: closed */
	ENV_FP,		/* a: 1: has floating-point registers, 0: has none. Must be stopped, or be the caller */
	ENV_GUARANTEE,	/* a: what is promised, moved from or to the caller, who must be its parent; b: of which kind, enum revoke_kind,
			   0: pages. Of the caller itself: no more than now and no less than its children have of it; the rest goes
			   back to its parent. What the first environment gives up is promised to nobody, for good, and can be borrowed */
	ENV_EVENT_UP,	/* a: event bits whose arrival while running is an UP_EVENT upcall */
	ENV_RUN,	/* a: 1: ready; 0: stopped, with its registers saved. Not for the caller itself */
	ENV_BORROW,	/* a: pages that it may hold beyond its guarantee out of those that are promised to others, who may ask for them back
			   (docs/revocation.md); at first 0. No more than the caller's own, unless that is the first environment */
	ENV_PROPERTIES
};

/* Registers of a stopped environment. */
struct env_regs {
	uint64_t pc;
	uint64_t x[31];		/* x1..x31 */
	uint64_t cause, tval;	/* of the exception that stopped it; ignored when written */
};

/* One entry of page_batch(). */
enum page_opcode { PAGE_OP_BIND, PAGE_OP_UNBIND, PAGE_OP_PROTECT };
struct page_op {
	uint8_t  op;		/* enum page_opcode */
	uint8_t  prot;
	uint16_t zero;
	uint32_t slot;		/* BIND only */
	uint64_t va;
	int64_t  result;	/* written by the kernel: 0, an error, or PAGE_ACCESSED and PAGE_DIRTY that were cleared */
};

#endif
