/*
 * uarea.h - the page through which kernel and environment talk
 *
 * The u-area is one page of the environment's own memory, pinned for its life. On an upcall the kernel stores the
 * interrupted pc, the cause and the three registers that it needed itself (a0, t0, t1), sets `held`, points gp at the
 * u-area and enters the handler. Everything else is still in the registers; what to save is the handler's policy. gp is
 * lost on an upcall: user code is linked without gp relaxation, so that the register belongs to the upcall path.
 *
 * Resuming needs no kernel. The registered resume range must do exactly this, in this order:
 *
 *	start:	ld	t0, U_PENDING(gp)	(1) anything that came meanwhile?
 *		bnez	t0, elsewhere
 *		sd	zero, U_HELD(gp)	(2) from here on upcalls may arrive again
 *		ld	t0, U_T0(gp)		(3) registers, from the u-area only
 *		ld	t1, U_T1(gp)
 *		ld	a0, U_A0(gp)
 *		ld	gp, U_PC(gp)		(4)
 *		jr	gp
 *	end:
 *
 * An asynchronous upcall that finds pc inside [start, end) sets its pending bit, `held` again, gp to the u-area and pc to
 * start; nothing that (3) needs has been overwritten, so the sequence may begin anew any number of times. One that finds
 * `held` set only sets its pending bit. A synchronous exception while held is a double fault: the environment stops and
 * its parent is told. `elsewhere` clears the bits that it serves (amoand, for the kernel may set others), and comes back.
 *
 * Assembly includes this header too: plain numbers first, the struct for C below, tied together by static_assert.
 */
#ifndef EXOS_UAREA_H
#define EXOS_UAREA_H

#define U_VERSION	0
#define U_HELD		8
#define U_PENDING	16
#define U_PC		24
#define U_CAUSE		32
#define U_TVAL		40
#define U_A0		48
#define U_T0		56
#define U_T1		64
#define U_EVENTS	72
#define U_SLICE_END	80
#define U_ENV		88
#define U_HART		96
#define U_REVOKE	128	/* struct revoke_request */
#define U_OFFER		160
#define U_LOST		512	/* struct repossession[LOST_MAX] */
#define U_LIB		1024	/* from here to the end the page is the library's own */

/* Kinds of upcall: index of the handler, bit of `pending`. */
#define UP_FAULT	0	/* synchronous exception; cause and tval as the ISA defines them */
#define UP_SLICE_END	1	/* time is up: save what you want, then yield; grace is short */
#define UP_SLICE_BEGIN	2	/* a slice begins after a slice-end upcall was answered by a yield: restore what you saved */
#define UP_EVENT	3	/* an event bit of `events` was set while running */
#define UP_ENTRY	4	/* protected entry: another environment called pct_call() or pct_send(); see docs/transfers.md */
#define UP_REVOKE	5	/* EV_REVOKE was set: the kernel asks for something, see struct revoke_request */
#define UP_REPOSSESS	6	/* EV_REPOSSESS was set: it has taken something, see struct repossession */
#define UP_KINDS	7

/* In a0 at a protected entry, beside the number of the environment that called: nobody waits for an answer. */
#define PCT_SENT	(1ull << 32)

/* Cause of an asynchronous upcall: no exception of the ISA has bit 63 set. */
#define UP_CAUSE(kind)	((1ull << 63) | (kind))

/* Event bits. The lower half belongs to the kernel, the upper half to notify(). */
#define EV_CHILD	(1ull << 0)	/* a child stopped: exit, fault without handler, double fault */
#define EV_CONSOLE	(1ull << 1)	/* input waits on the console bound to this environment */
#define EV_GRANT	(1ull << 2)	/* all that this environment waits for of a kind is free: page_alloc(), slice_bind() or filter_bind() takes it */
#define EV_REVOKE	(1ull << 3)	/* `revoke` below holds a request */
#define EV_REPOSSESS	(1ull << 4)	/* `lost` below has new entries */
#define EV_RING(n)	(1ull << (8 + (n)))	/* ring n (0..15) received or completed something */
#define EV_RINGS	16
#define EV_USER(n)	(1ull << (32 + (n)))	/* 0..31: another environment called notify() */
#define EV_USER_MASK	0xffffffff00000000ull

#ifndef __ASSEMBLER__
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of what is promised, asked for and taken; docs/revocation.md tells what counts as one of each. */
enum revoke_kind {
	REVOKE_NONE,
	REVOKE_PAGES,
	REVOKE_SLICES,
	REVOKE_FILTERS,		/* places in the classifier */
	REVOKE_RINGS,		/* with their pages and buffers. Asked for by parents only */
	REVOKE_SHARES = REVOKE_RINGS,	/* how many kinds there are */
	REVOKE_TABLES		/* only taken, as pages */
};

/*
 * What the kernel asks for: `amount` of a kind, to be given up by deleting capabilities of one's own choice. When the environment has run
 * for `time` ticks since it was asked, and at `deadline` in any case, the kernel takes what is still missing. docs/revocation.md.
 */
struct revoke_request {
	uint64_t number;	/* grows with each request */
	uint32_t kind;		/* enum revoke_kind; REVOKE_NONE: nothing is asked for, or not any more */
	uint32_t amount;
	uint64_t time;
	uint64_t deadline;	/* value of the time CSR */
};

/*
 * What the kernel took, what it named, and where it was bound. A page or a table: the slot is empty now; a filter or a ring has ended and
 * the slot holds its page; a slice: the slot holds the capability by which it was bound, or is 0 when that is another's.
 */
struct repossession {
	uint64_t when;		/* value of the time CSR */
	uint32_t kind;		/* enum revoke_kind; REVOKE_TABLES: a page table, with everything that was bound through it */
	uint32_t name;		/* frame; of a slice its hart * SLICES + its place */
	uint32_t slot;
	uint32_t ctx;		/* frame of the root table of the context that it was bound in, 0: it was not bound */
	uint64_t va;
};
#define LOST_MAX	16
#define OFFER_MAX	4096

struct uarea {
	uint32_t version;	/* kernel: EXOS_ABI_VERSION, written when the page is registered */
	uint32_t size;		/* kernel: bytes that the kernel knows of */
	uint64_t held;		/* kernel sets, library clears */
	uint64_t pending;	/* bits 1 << UP_*: kernel sets, library clears */
	uint64_t pc, cause, tval, a0, t0, t1;	/* kernel: the interrupted state */
	uint64_t events;	/* EV_*: kernel sets, library clears with amoand */
	uint64_t slice_end;	/* kernel: time at which the slice ends, in ticks of the time CSR */
	uint64_t env;		/* kernel: own environment number */
	uint64_t hart;		/* kernel: hart it runs on */
	uint64_t zero[3];
	struct revoke_request revoke;	/* kernel */
	uint64_t offer;		/* library: address of an array of slots (uint32_t) with what it would rather lose than the rest of its kind */
	uint64_t noffer;	/* library: how many there are, the least important first, OFFER_MAX at most; 0: no list */
	uint64_t nlost;		/* kernel: capabilities taken so far. Number n (from 0) stands in lost[n % LOST_MAX], unless it was overwritten */
	uint64_t zero2[41];
	struct repossession lost[LOST_MAX];	/* kernel */
};

static_assert(offsetof(struct uarea, held) == U_HELD, "uarea");
static_assert(offsetof(struct uarea, pending) == U_PENDING, "uarea");
static_assert(offsetof(struct uarea, pc) == U_PC, "uarea");
static_assert(offsetof(struct uarea, t1) == U_T1, "uarea");
static_assert(offsetof(struct uarea, events) == U_EVENTS, "uarea");
static_assert(offsetof(struct uarea, hart) == U_HART, "uarea");
static_assert(offsetof(struct uarea, revoke) == U_REVOKE && offsetof(struct uarea, offer) == U_OFFER, "uarea");
static_assert(offsetof(struct uarea, lost) == U_LOST && sizeof(struct uarea) == U_LIB, "uarea");
#endif
#endif
