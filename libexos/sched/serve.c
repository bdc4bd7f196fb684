/*
 * serve.c - a scheduler at work: pick, yield, read what it used
 *
 * Whether a client can run, the yield itself tells: E_BUSY means that it sleeps. So every decision begins with all of them, and takes
 * out those that refuse. When all refuse, the scheduler sleeps for a slice.
 */
#include <stddef.h>

#include "exos_calls.h"
#include "exposed.h"
#include "schedule.h"

static int begin_decision(struct schedule *s)
{
	int alive = 0;

	for (int i = 0; i < s->n; i++) {
		s->client[i].ready = !s->client[i].dead;
		alive += s->client[i].ready;
	}
	return alive;
}

/* One turn. Returns false when nobody can run. */
static bool one_turn(struct schedule *s)
{
	int i;

	while ((i = s->pick(s, time_now())) >= 0) {
		struct client *c = &s->client[i];
		const volatile struct exposed_env *e = exposed_env_of(c->id);
		uint64_t before = e != NULL ? e->used : 0, ticks;
		long r = e != NULL ? sys_yield(c->env) : -E_DEAD;

		if (r == 0) {
			ticks = e->used - before;
			c->turns++;
			c->ran += ticks;
			s->ran(s, i, ticks);
			return true;
		}
		c->ready = false;
		c->dead = r != -E_BUSY;
	}
	return false;
}

int schedule_serve(struct schedule *s, unsigned long until)
{
	const volatile struct exposed_hart *h = exposed_hart(0);
	uint64_t pause = h != NULL ? h->slice_ticks : SLICE_TICKS;
	int alive;

	while ((alive = begin_decision(s)) > 0 && time_now() < until)
		if (!one_turn(s))
			sys_wait(0, time_now() + pause);
	return alive;
}
