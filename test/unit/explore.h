/*
 * explore.h - every way in which several harts can overtake each other, one after the other
 *
 * A test builds a world, puts an environment on each hart, and gives each environment a few steps: calls, loads, stores. explore() then
 * runs them from that state again and again, each hart on a stack of its own, and at each point (sim_point() in sim.h) another hart may
 * go on. It tries all choices, depth first; where a choice leads to a state that has been seen, of memory, registers, TLBs and
 * stacks, it turns back, so that the number of runs grows with the states and not with the schedules.
 *
 * First the steps run whole, in every order: these are the serial results. Then every schedule must (1) come to an end; (2) give one of the
 * serial results, that is what each step answered and the state of all capabilities, frames, bindings, gates and links; (3) satisfy
 * the audit whenever nobody is in the kernel, the law of TLBs at every moment, and, where a test asks for it, the order in which the lock
 * is served.
 *
 * What goes on by itself: interrupts that another hart sent and timers that are due are taken between two steps; the firmware of a hart does the fences
 * that it is asked for at any time; the network device sends, if there is one that holds what it is given. A hart without an environment,
 * or whose environment has no more steps, waits for an interrupt.
 *
 * A failure prints the schedule as a string, a character for each choice: 0..3 a hart goes on, a..d the firmware of hart 0..3 acts, t
 * time passes, n the network device sends. EXOS_SCHEDULE='name string' in the environment runs that one alone and prints each point on the way.
 */
#ifndef TEST_UNIT_EXPLORE_H
#define TEST_UNIT_EXPLORE_H

#include "test/sim/sim.h"
#include "test/sim/sim_world.h"

/* Under AddressSanitizer a run takes several times as long, and what is looked for is memory misused: few runs show it. */
#if defined(__SANITIZE_ADDRESS__)
#define EXPLORE_FEW
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EXPLORE_FEW
#endif
#endif

enum step_kind { STEP_END, STEP_CALL, STEP_LOAD, STEP_STORE, STEP_FAULT, STEP_RESUME };
struct step {
	enum step_kind kind;
	unsigned long number, a[6];	/* CALL; LOAD and STORE: a[0] address, a[1] value; FAULT: a[0] cause, a[1] address */
	long until;			/* CALL: again until the answer is not this one; 0: once */
};
#define CALL(name, ...)		{ .kind = STEP_CALL, .number = CALL_##name, .a = { __VA_ARGS__ } }
#define AGAIN(answer, name, ...) { .kind = STEP_CALL, .number = CALL_##name, .a = { __VA_ARGS__ }, .until = (answer) }
#define LOAD(va)		{ .kind = STEP_LOAD, .a = { va } }
#define STORE(va, v)		{ .kind = STEP_STORE, .a = { va, v } }
#define FAULT(cause, va)	{ .kind = STEP_FAULT, .a = { cause, va } }
#define RESUME			{ .kind = STEP_RESUME }		/* the end of an upcall's handler, as the library does it */

#define EXPLORE_ENVS	4
#define EXPLORE_LOG	12

/* What an environment does by itself, in its protected entry, in its upcalls. Ends with an empty step; entry and upcall start anew each time. */
struct program {
	struct env *env;
	const struct step *steps[3];
};
enum { IN_MAIN, IN_ENTRY, IN_UPCALL };

struct explore {
	const char *name;
	struct program program[EXPLORE_ENVS];
	ticks_t time;		/* passes at once, at any moment; 0: it stands still */
	unsigned later;		/* and so often again, when otherwise nothing more would happen */
	bool device;		/* sim_nic.hold_tx is set, and what waits there is sent at any moment, of which a slice later the timer tells */
	bool unserial;		/* answers of the two may differ from any serial order: `judge` decides alone */
	bool in_order;		/* whoever is in the lock's queue is overtaken by nobody who asks for it later */
	bool gap;		/* a binding is replaced: for a moment a load or store faults that does so in no serial order; not compared */
	/* More to ask of a result; NULL: fine. log: what each step of an environment answered, in order. */
	const char *(*judge)(const struct explore *x);
	/* The same whenever nobody is in the kernel or on a short road. */
	const char *(*always)(const struct explore *x);
	unsigned overtakings;	/* at most so often somebody goes on while another one could who went on last; 0: as often as possible */
	unsigned max_runs;	/* 0: 200,000 */
};

/* What happened in the run that ended. */
struct explore_log {
	long answer[EXPLORE_LOG];
	unsigned n;
};
extern struct explore_log explore_log[EXPLORE_ENVS];
#define NO_ANSWER	(-4712L)	/* the step never came back */
#define LOAD_FAULT	(-4713L)

/* What it took: states, schedules that ran to the end, serial results. */
struct explore_result {
	unsigned runs, ends, states, serial, deepest;
	char failure[512];	/* empty: none */
};

/* Put e on a hart, which was idle or runs somebody who then is ready. */
void explore_place(unsigned hart, struct env *e);
/* All schedules. The machine is afterwards as before. */
struct explore_result explore(const struct explore *x);

#endif
