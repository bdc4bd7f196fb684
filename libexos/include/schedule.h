/*
 * schedule.h - schedulers as libraries
 *
 * A scheduler is a program that owns slices and yields them to its clients, one quantum (the rest of its slice) at a time. A client
 * without slices of its own runs exactly when its scheduler says so, and schedulers may be clients of others. The kernel knows nothing of this:
 * it charges each environment for the time that it ran, and the scheduler reads that number.
 *
 * A policy is two functions over the list of clients, stride.c, lottery.c or edf.c; none of them makes a call. Write another
 * one in the same form, and schedule_serve() runs it. docs/scheduler-tutorial.md does so.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_CLIENTS 16

struct client {
	unsigned int env;	/* slot of its ENV capability, with RIGHT_YIELD */
	uint32_t id;		/* its number, for the exposed record */
	uint64_t tickets;	/* stride, lottery: its share, 1..SCHEDULE_TICKETS */
	uint64_t period, budget;	/* edf, in ticks: budget of time in each period; budget <= period, period > 0 */

	bool ready;		/* may be picked; kept by schedule_serve() */
	bool dead;
	uint64_t turns, ran;	/* how often and for how many ticks it ran */
	uint64_t pass;		/* stride */
	uint64_t deadline, left;	/* edf: end of the period, budget left in it */
	uint64_t missed;	/* edf: periods that ended with budget left, although it was ready */
};
#define SCHEDULE_TICKETS (1u << 16)

struct schedule {
	/* Index of the ready client that runs next, or -1. */
	int (*pick)(struct schedule *s, uint64_t now);
	/* Client i ran for so many ticks; more or less than a quantum. */
	void (*ran)(struct schedule *s, int i, uint64_t ticks);
	struct client client[SCHEDULE_CLIENTS];
	int n;
	uint64_t state;		/* stride: pass of the last turn; lottery: random state, not 0 */
};

/* Set pick, ran and state; clients may be added before or later, by one more in client[] and n. */
void stride_init(struct schedule *s);
void lottery_init(struct schedule *s, uint64_t seed);
void edf_init(struct schedule *s);

/*
 * Run the clients until the time CSR reaches `until` or none of them is alive. Returns the number of those that are. The caller's
 * slices should not be neighbours, for a run of them is one quantum (docs/slices.md).
 */
int schedule_serve(struct schedule *s, unsigned long until);

#endif
