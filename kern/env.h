/*
 * env.h - environments: the unit of protection and accounting, one thread of control each
 *
 * The kernel's record fills one donated page. Its first words are known to entry.S by the offsets in arch/riscv/offsets.h.
 * Registers stand in x[] while the environment does not run, if `resume` says so.
 */
#ifndef KERN_ENV_H
#define KERN_ENV_H

#include "exos/env.h"
#include "exos/expose.h"
#include "exos/uarea.h"
#include "kern/arch.h"
#include "kern/cap.h"

struct hart;
struct ring;

/* How an environment that does not run goes on when it does. */
enum resume { RESUME_FRAME, RESUME_SLICE_BEGIN };

struct env {
	uint64_t x[32];		/* x[0]: pc; x[n]: register n */
	struct hart *hart;	/* that runs it */
	struct uarea *uarea;	/* through the direct map; no_uarea when there is none */
	uva_t uarea_va;
	uva_t handler[UP_KINDS];
	uva_t resume_start;
	uint64_t resume_len;

	uint64_t fp[33];	/* f0..f31, fcsr; valid when fp_saved */
	uint32_t id;
	bool fp_on, fp_saved;
	uint8_t state;		/* enum env_state; the exposed record follows it */
	uint8_t resume;		/* enum resume */
	uint8_t reason;		/* enum env_reason, while stopped */
	bool grace;		/* runs in the grace after its slice */
	bool slice_upcall;	/* a slice-end upcall is being answered */
	ppn_t page;		/* the page that this is */
	ppn_t context;		/* root table, 0: none */
	ppn_t uarea_page;
	uint64_t cause, tval;	/* of the exception that stopped it */
	uint64_t wait_mask;
	ticks_t deadline;	/* while waiting; ~0: none */
	uint64_t event_up;	/* events that cause an upcall */

	struct env *parent, *child, *sibling, **sibling_link;
	struct exposed_env *pub;

	uint32_t nslots;
	uint32_t window_first, window_count;
	uint32_t ncaptab;
	struct cap *captab[CAPTAB_PAGES];	/* pages of the capability table */
	uint32_t drop_cursor;		/* destruction: slots from here on are empty */
	uint32_t sweep_cursor;		/* destruction: frames before this one are not charged to it any more */
	uint32_t audit_count;
};

extern struct env *env_table[ENV_MAX];
extern struct exposed_env *env_public;	/* ENV_MAX records on pages of their own */
extern struct uarea no_uarea;		/* held for ever: keeps exceptions on the slow path */

/* The living environment of that number, NULL: none, or another generation. */
struct env *env_find(uint32_t id);
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
/* May `from` promise n more pages away? Considers what is free in the whole machine. */
bool env_can_promise(const struct env *from, uint32_t n);
void env_move_guarantee(struct env *from, struct env *to, uint32_t n);
/* Pages that e may still call its own right: its guarantee, less what its children have of it. */
static inline uint32_t env_own_guarantee(const struct env *e) { return e->pub->guarantee - e->pub->promised_on; }
/* Charge n pages to e, or give back. charge: false when neither guarantee nor borrowing allows it. */
bool env_charge(struct env *e, uint32_t n);
void env_uncharge(uint32_t id, uint32_t n);

void env_set_state(struct env *e, enum env_state state);
/* Stop e and tell its parent. Its registers are saved. */
void env_stop(struct env *e, enum env_reason reason);
/* Take a piece of e apart. 0: all gone, its page may go back; 1: call again. */
int env_destroy_step(struct env *e);

/* e runs in no context any more. */
void env_leave_context(struct env *e);

/* Set event bits; wakes it when it waits for them, or upcalls when it asked for that. */
void event_raise(struct env *e, uint64_t bits);

#endif
