/*
 * slice.h - harts and their time vectors
 *
 * Each hart runs the slices of its vector in order, skipping those whose environment sleeps, is stopped, or pays back time
 * that it overran. Consecutive slices of one environment run without an interrupt between them. At the end an environment
 * with a slice-end handler gets an upcall and a bounded grace in which to save what it wants and to yield; one without, or
 * one that overruns its grace, is saved whole.
 */
#ifndef KERN_SLICE_H
#define KERN_SLICE_H

#include "kern/cap.h"
#include "kern/env.h"

#define HARTS_MAX	8
#define LEAST_ASIDS	5	/* bits: with fewer, several harts do without */
#define GRACE_DIVISOR	16	/* grace: a sixteenth of a slice */

struct slice {
	struct env *env;	/* NULL: nobody */
	struct cap *by;		/* the capability through which it was bound */
};

struct hart {
	uint64_t stack;		/* top of the kernel stack: entry.S */
	struct env *current;	/* NULL: idle. entry.S */
	uint64_t frame_saved;	/* the registers of current stand in its record: entry.S saved them all */

	/* What the short roads of entry.S know. */
	struct exposed_hart *pub;
	struct exposed_env *payer;	/* whose slice it is: current, or one that waits for it to answer */
	uint32_t payer_id;
	uint32_t fp_owner;	/* environment whose values the floating-point registers hold; 0: zeros */
	ticks_t since;		/* the time up to here is accounted */
	ticks_t slice_end;
	uint32_t grace;		/* current runs in the grace after the slice */
	unsigned index;		/* 0.. */

	uint32_t waits;		/* for the lock, or has it: entry.S */
	uint32_t bit;		/* 1 << index */

	unsigned id;		/* as the machine numbers it */
	struct slice slice[SLICES];
	struct cap_list caps;
	unsigned position;
	bool deferred;		/* an upcall for current waits for the next interrupt */
	struct trace_ring *trace;	/* what it does is written there; NULL: not traced */
};

extern struct hart harts[HARTS_MAX];
extern unsigned nharts;
extern ticks_t slice_ticks, grace_ticks;
extern unsigned slices_free;	/* bound to nobody, on all harts */

void slice_init(struct hart *h, unsigned index, unsigned id, struct exposed_hart *pub);

/* Who runs? Called with nothing running on h or everything of it saved. NULL: nobody, idle until the next interrupt. */
struct env *slice_pick(struct hart *h);
/* Set the timer of h, where an environment runs: for the end of the slice, or for what is to be looked at earlier. */
void slice_timer_set(struct hart *h);
/* The timer went off. */
void slice_timer(struct hart *h);
/* Another hart has something for us: an event for current, or current is to stop here. */
void slice_told(struct hart *h);
/* Current stops running here and its time is accounted. Its gate stays shut, until env_open() or an owner that knows why not. */
void hart_leave(struct hart *h);
/* e, whose gate we shut, runs until the end of the slice, on the time of payer. */
void hart_enter(struct hart *h, struct env *e, struct env *payer, ticks_t slice_end);
/* e, whose gate we shut, takes the place of current in the same slice. */
void hart_pass(struct hart *h, struct env *e);
/* Could e run now, if somebody gave it time? */
bool env_runnable(const struct env *e, ticks_t now);
/* The caller of a call that gives the processor away stops running: saved, or lean. */
void env_give_up(struct env *self);
/* The slice at a place is e's, through a capability; NULL, NULL: nobody's. */
void slice_bind(struct hart *h, unsigned at, struct env *e, struct cap *by);
/* Forget an environment, a capability. */
void slice_forget_env(struct env *e);
void slice_forget_cap(struct cap *c);

#endif
