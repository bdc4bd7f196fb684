/*
 * edf.c - earliest deadline first, with budgets
 *
 * Each client has a budget of time in every period. Among those that are ready and have budget left, the one whose period ends first
 * runs. As long as budgets divided by periods add up to no more than 1, each gets its budget in each period, up to a quantum. One that
 * wants more has to wait for its next period: it takes nothing from the others.
 *
 * Source: Liu, Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time Environment", JACM 20, 1973. The budget
 * as in Abeni, Buttazzo, "Integrating Multimedia Applications in Hard Real-Time Systems", RTSS 1998, without its postponed deadlines.
 */
#include "schedule.h"

/* The period is over: a new one begins now, or, if the client was looked at in time, where the old one ended. */
static void renew(struct client *c, uint64_t now)
{
	if (now < c->deadline)
		return;
	if (c->deadline != 0 && c->left > 0 && c->ready)
		c->missed++;
	if (c->deadline == 0 || now - c->deadline >= c->period)
		c->deadline = now;
	c->deadline += c->period;
	c->left = c->budget;
}

static int pick(struct schedule *s, uint64_t now)
{
	int best = -1;

	for (int i = 0; i < s->n; i++) {
		struct client *c = &s->client[i];

		if (!c->dead)
			renew(c, now);
		if (c->ready && c->left > 0 && (best < 0 || c->deadline < s->client[best].deadline))
			best = i;
	}
	return best;
}

static void ran(struct schedule *s, int i, uint64_t ticks)
{
	struct client *c = &s->client[i];

	c->left = ticks < c->left ? c->left - ticks : 0;
}

void edf_init(struct schedule *s)
{
	s->pick = pick;
	s->ran = ran;
	s->state = 0;
}
