/*
 * stride.c - proportional shares without chance
 *
 * Each client has a pass, which advances by the time that it ran divided by its tickets; the one that is furthest behind runs next. So over any
 * time all passes are equal but for one quantum, and time used is proportional to tickets. A client that slept does not
 * collect what it missed: it comes back at the pass of the one that ran last.
 *
 * Source: Waldspurger, Weihl, "Stride Scheduling", MIT/LCS/TM-528, 1995. Unlike there, a turn is charged for the time used, not as a whole.
 */
#include "schedule.h"

#define ONE (1u << 20)		/* pass of one tick with one ticket; 2^64 of it are 20 days of ticks at 10 MHz */

static int pick(struct schedule *s, uint64_t now)
{
	int best = -1;

	(void)now;
	for (int i = 0; i < s->n; i++) {
		struct client *c = &s->client[i];

		if (!c->ready)
			continue;
		if ((int64_t)(c->pass - s->state) < 0)
			c->pass = s->state;
		if (best < 0 || (int64_t)(c->pass - s->client[best].pass) < 0)
			best = i;
	}
	if (best >= 0)
		s->state = s->client[best].pass;
	return best;
}

static void ran(struct schedule *s, int i, uint64_t ticks)
{
	s->client[i].pass += ticks * ONE / s->client[i].tickets;
}

void stride_init(struct schedule *s)
{
	s->pick = pick;
	s->ran = ran;
	s->state = 0;
}
