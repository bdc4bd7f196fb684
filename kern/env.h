/*
 * env.h - environments: the unit of protection and accounting, one thread of control each
 *
 * The kernel's record fills one donated page. Its first words are known to entry.S by the offsets in arch/riscv/offsets.h.
 * Registers stand in x[] while the environment does not run, as `resume` says.
 */
#ifndef KERN_ENV_H
#define KERN_ENV_H

#include "exos/env.h"
#include "exos/expose.h"
#include "exos/uarea.h"
#include "kern/arch.h"
#include "kern/cap.h"
#include "kern/filter.h"

struct hart;
struct ring;

/*
 * How an environment that does not run goes on when it does: with all the registers in x[], or with its pc, gp and a0, for it has
 * kept the rest itself. One that runs counts as lean: nothing of it is saved.
 */
enum resume { RESUME_LEAN, RESUME_FRAME };

/*
 * The gate decides who may run an environment: whoever finds it open and shuts it, in one atomic step. It is shut while it runs, while
 * it waits for an answer to its transfer, and while it is stopped. Open for slices and yields alone, or, with the address of the
 * protected entry in it, for transfers too.
 */
#define GATE_SHUT	0l
#define GATE_READY	(-1l)

struct env {
	uint64_t x[32];		/* x[0]: pc; x[n]: register n */
	struct hart *hart;	/* that runs it */
	struct uarea *uarea;	/* through the direct map; no_uarea when there is none */
	uva_t uarea_va;
	uva_t handler[UP_KINDS];
	long gate;		/* GATE_*, or the address of the entry */
	long open;		/* what gate is when it is receptive: the entry, or GATE_READY when it has none */
	uint64_t satp;		/* of its context, valid on `hart`; 0: to be made by ctx_activate() */
	struct env *caller;	/* waits for our answer: the reply right. NULL: nobody */
	struct env *callee;	/* whose answer we wait for */
	uva_t base_pc;		/* in a protected entry: where to go on after it. 0: not in one */
	ticks_t call_deadline;	/* of the transfer we wait for; 0: none */
	/* The ENV capability that was used last for a transfer, for a yield, and whom it names; self: none. cap_remove() forgets it. */
	unsigned long call_slot;
	struct env *call_env;
	unsigned long yield_slot;
	struct env *yield_env;
	struct exposed_env *pub;
	uint32_t id;
	uint8_t state;		/* enum env_state; the exposed record follows it */
	uint8_t resume;		/* enum resume */
	bool slice_upcall;	/* a slice-end upcall is being answered */
	bool entry_waits;	/* the wait is that of the protected entry, not that of what it interrupted */
	bool lean;		/* keeps its registers itself when it gives the processor away */
	bool fp_on, fp_saved;
	uint8_t reason;		/* enum env_reason, while stopped */
	bool halt;		/* somebody wants to stop it: once it does not run it stays so until env_seize() */

	uva_t resume_start;
	uint64_t resume_len;
	uint64_t fp[33];	/* f0..f31, fcsr; valid when fp_saved */
	ppn_t page;		/* the page that this is */
	ppn_t context;		/* root table, 0: none */
	ppn_t uarea_page;
	uint64_t cause, tval;	/* of the exception that stopped it */
	uint64_t wait_mask;
	ticks_t deadline;	/* while waiting; ~0: none */
	uint64_t event_up;	/* events that cause an upcall */

	/* Revocation: see revoke.h. */
	struct env *want_next[REVOKE_SHARES + 1];	/* by kind: waits behind this one */
	uint32_t target, take_cursor;	/* while asked: what it is to come down to; how far it was searched for what can be taken */
	uint8_t granted;		/* 1 << kind: it was told that what it waits for is there */
	bool by_parent;			/* its parent asked it */
	uint8_t asked_before;		/* the kind that it was last asked for, but by its parent */
	/* Its time for an answer is over when it has run so long in all, and then in any case; how long it ran in slices of others. */
	ticks_t answer_used, answer_end, guest;

	struct env *parent, *child, *sibling, **sibling_link;

	uint32_t shape_uses[CLASSIFIER_SHAPES];	/* its filters of each shape */

	uint32_t nslots;
	uint32_t window_first, window_count;
	uint32_t ncaptab;
	uint32_t drop_cursor;		/* destruction: slots from here on are empty */
	uint32_t sweep_cursor;		/* destruction: frames before this one are not charged to it any more */
	uint32_t audit_count, audit_fixed;
	struct cap *captab[CAPTAB_PAGES];	/* pages of the capability table; NULL where there is none */
};

extern struct env *env_table[ENV_MAX];
#define ENV_GROUP	32
extern uint8_t env_in_group[ENV_MAX / ENV_GROUP];	/* entries of each group of env_table that are not empty: there are often few */
extern struct exposed_env *env_public;	/* ENV_MAX records on pages of their own */
extern struct uarea no_uarea;		/* held for ever: keeps exceptions on the slow path */

/* The living environment of that number, NULL: none, or another generation. */
struct env *env_find(uint32_t id);
/* The next of the living after e, in the order of their numbers; after NULL the first. NULL: there is none. */
struct env *env_next(const struct env *e);
static inline struct env *env_at(ppn_t page) { return page_kva(page); }


/* The record in a slot of e's table, which has so many. That of slot 0 is always empty. */
static inline struct cap *cap_at(const struct env *e, unsigned long slot)
{
	return e->captab[slot / CAPS_PER_PAGE] + slot % CAPS_PER_PAGE;
}

/* The same, NULL when there is no such slot. */
static inline struct cap *cap_slot(const struct env *e, unsigned long slot)
{
	return likely(slot != 0 && slot < e->nslots) ? cap_at(e, slot) : NULL;
}

/* The same, when it holds the type, which is not CAP_NONE: so slot 0 needs no test. */
static inline struct cap *cap_get(const struct env *e, unsigned long slot, enum cap_type type)
{
	return likely(slot < e->nslots && cap_at(e, slot)->type == type) ? cap_at(e, slot) : NULL;
}

/* The environment that a call acts on: self for slot 0, else through an ENV capability with the right. NULL sets *err. */
struct env *env_operand(struct env *self, unsigned long slot, unsigned right, int *err);

/* Make the claimed page of c an environment. Returns its record; NULL: no number is left. guarantee is already judged. */
struct env *env_make(struct env *parent, ppn_t page, uint32_t guarantee);
void env_set_state(struct env *e, enum env_state state);
/* Shut the gate of e: true when it was open, and e is the caller's to run, stop or change. */
static inline bool env_take(struct env *e) { return __atomic_exchange_n(&e->gate, GATE_SHUT, __ATOMIC_ACQUIRE) != GATE_SHUT; }
/* Open it for others, after all that they may see of e has been written. */
static inline void env_open(struct env *e)
{
	bool receptive = e->resume == RESUME_LEAN && e->base_pc == 0;

	if (!e->halt)
		__atomic_store_n(&e->gate, receptive ? e->open : GATE_READY, __ATOMIC_RELEASE);
}
/* Does what would go on next in e wait for an event? */
static inline bool env_waits(const struct env *e) { return e->state == ENV_WAITING && (e->base_pc == 0 || e->entry_waits); }
/* Its wait is over: an event has come, or the time. Its registers stand in x[]. */
void env_wake(struct env *e);
/* Fill in the registers of a lean one: pc, gp, a0, and zeros. */
void env_fill_frame(struct env *e, long a0);
/*
 * Make e ours to stop or end, wherever it is: its gate is shut then, or it runs on this hart. False: it runs on another hart, which has
 * been told; to be asked again.
 */
bool env_seize(struct env *e);
/*
 * Stop e, which was seized, and tell its parent. It runs, and its registers are saved, or its gate is shut by us. If somebody waited for its answer on
 * this hart, that one goes on.
 */
void env_stop(struct env *e, enum env_reason reason);
/* Take a piece of e apart. 0: all gone, its page may go back; 1: call again. */
int env_destroy_step(struct env *e);

/* e runs in no context any more. */
void env_leave_context(struct env *e);

/* Set event bits; wakes it when it waits for them, or upcalls when it asked for that. */
void event_raise(struct env *e, uint64_t bits);

#endif
