/*
 * borrow.c - pages beyond the guarantee, as far as nobody was promised them, and back; giving up a part of the own guarantee
 *
 * Nobody else takes or gives pages while a line of this runs: what can be borrowed and what the test has borrowed add up to the same
 * all the time, to the page.
 */
#include "check.h"

#define MANY	5000	/* pages: more than can be borrowed */

static unsigned int slots[MANY];
static unsigned int nslots;

static const volatile struct exposed_env *me(void)
{
	return exposed_env_of(self_env());
}

static uint32_t own(void)
{
	return me()->guarantee - me()->promised_on;
}

static uint32_t to_borrow(void)
{
	return exposed_system()->free_frames - exposed_system()->promised_frames;
}

static uint32_t borrowed(void)
{
	return me()->held > own() ? me()->held - own() : 0;
}

/* Pages until there are n more, or an error, which is the result. */
static long take(unsigned int n)
{
	long r = 0;

	for (; n > 0 && nslots < MANY; n--) {
		if ((r = page_new()) < 0)
			return r;
		slots[nslots++] = (unsigned int)r;
	}
	return 0;
}

static void give(unsigned int n)
{
	for (; n > 0 && nslots > 0; n--)
		CHECK_IS(slot_delete(slots[--nslots]), 0);
}

/* The other: takes what it was promised, when it is told to, and says how much that was. Then it borrows, and dies with it. */
static int other(void)
{
	unsigned long n = 0;

	while (own() > me()->held && page_new() >= 0)
		n++;
	if (own() != me()->held)
		return 200;
	while (n < 2 * MANY && page_new() >= 0)
		n++;
	return borrowed() > 100 ? 3 : 201;
}

int main(int argc, char **argv)
{
	struct child c = { .name = "borrow", .role = "other", .first = 8, .count = 16, .pages = 300, .stopped = true };
	uint32_t sum, all, before, given_up;
	struct proc p;
	int status;

	(void)argv;
	if (argc > 1)
		return other();

	/* Nothing of what is promised to others. */
	CHECK_IS(sys_env_set(0, ENV_BORROW, 0, 0), 0);
	/* What it gives up is its parent's again, and for itself it does not come back. */
	before = me()->guarantee;
	MUST(take(20));
	give(20);
	sum = to_borrow() + borrowed();
	CHECK_IS(borrowed(), 0);
	CHECK(to_borrow() > 200);		/* init lends some */
	given_up = own() - me()->held - 400;
	CHECK_IS(sys_env_set(0, ENV_GUARANTEE, before + 1, 0), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_GUARANTEE, before, 0), 0);
	CHECK_IS(sys_env_set(0, ENV_GUARANTEE, before - given_up, 0), 0);
	CHECK_IS(me()->guarantee, before - given_up);
	CHECK_IS(sys_env_set(0, ENV_GUARANTEE, before, 0), -E_INVAL);
	CHECK_IS(to_borrow() + borrowed(), sum);
	CHECK_IS(own() - me()->held, 400);

	/* A child has 300 of the 400; with those it is not below what its child has. */
	MUST(child(&c, &p));
	CHECK_IS(me()->promised_on, 300);
	CHECK_IS(sys_env_set(0, ENV_GUARANTEE, 299, 0), -E_INVAL);
	CHECK_IS(to_borrow() + borrowed(), sum);

	/* To the end of its guarantee nothing is borrowed, then everything, to the last page; then it is refused and nothing changes. */
	while (me()->held < own())
		MUST(take(1));
	CHECK(borrowed() <= 1);			/* a page of slots may have come with the last */
	CHECK_IS(to_borrow() + borrowed(), sum);
	MUST(take(10));
	CHECK(borrowed() >= 10);
	CHECK_IS(to_borrow() + borrowed(), sum);
	CHECK_IS(take(MANY), -E_QUOTA);
	CHECK_IS(to_borrow(), 0);
	CHECK_IS(borrowed(), sum);
	CHECK_IS(page_new(), -E_QUOTA);
	CHECK_IS(sys_env_set(0, ENV_GUARANTEE, me()->guarantee - 1, 0), -E_QUOTA);	/* a page more would be borrowed */
	all = nslots;
	CHECK(all >= sum);

	/* One goes, one comes. */
	give(1);
	CHECK_IS(to_borrow(), 1);
	CHECK_IS(take(1), 0);
	CHECK_IS(page_new(), -E_QUOTA);

	/* Though all is lent, the child gets its own to the last page: it says 201, for it finds nothing to borrow then. */
	MUST(proc_run(&p));
	CHECK_IS(proc_wait(&p, deadline_us(20000000), &status), PROC_EXITED);
	CHECK_IS(status, 201);
	CHECK_IS(to_borrow(), 0);
	MUST(proc_end(&p));
	CHECK_IS(me()->promised_on, 0);

	/* Back: what the test took goes, and can be borrowed by the next, who dies with it. */
	give(nslots);
	CHECK_IS(borrowed(), 0);
	CHECK_IS(to_borrow(), sum);
	MUST(child(&c, &p));
	MUST(proc_run(&p));
	CHECK_IS(proc_wait(&p, deadline_us(20000000), &status), PROC_EXITED);
	CHECK_IS(status, 3);
	CHECK(to_borrow() < sum);
	MUST(proc_end(&p));
	CHECK_IS(borrowed(), 0);
	CHECK_IS(to_borrow(), sum);
	return verdict();
}
