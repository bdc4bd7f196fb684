/*
 * lottery.c - proportional shares by chance
 *
 * Before each turn a ticket is drawn among those of all ready clients; its holder runs. Nobody starves who holds one, and nothing has
 * to be remembered. Shares are right in the mean: after n turns a share p is off by about sqrt(p (1 - p) / n).
 *
 * Source: Waldspurger, Weihl, "Lottery Scheduling", OSDI 1994.
 */
#include "schedule.h"

/* xorshift64*, Vigna 2016. */
static uint64_t draw(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull >> 32;
}

static int pick(struct schedule *s, uint64_t now)
{
	uint64_t total = 0, ticket;

	(void)now;
	for (int i = 0; i < s->n; i++)
		if (s->client[i].ready)
			total += s->client[i].tickets;
	if (total == 0)
		return -1;
	ticket = draw(&s->state) * total >> 32;		/* 32 random bits, at most 2^20 tickets */
	for (int i = 0; i < s->n; i++) {
		if (!s->client[i].ready)
			continue;
		if (ticket < s->client[i].tickets)
			return i;
		ticket -= s->client[i].tickets;
	}
	return -1;
}

static void ran(struct schedule *s, int i, uint64_t ticks)
{
	(void)s, (void)i, (void)ticks;
}

void lottery_init(struct schedule *s, uint64_t seed)
{
	s->pick = pick;
	s->ran = ran;
	s->state = seed != 0 ? seed : 1;
}
