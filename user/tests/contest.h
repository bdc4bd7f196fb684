/*
 * contest.h - programs beside each other on one hart, and what share of the time each gets
 *
 * Three contestants have 16 slices each, places 16 to 63 of the hart's vector, alternating or in runs; the test itself has some before, and sleeps.
 * What counts is the time that the kernel charged, read from the exposed records. These tests run with an emulator that counts
 * instructions ("icount" in their first lines), so that its host's load is not in the figures, and idle time passes at once.
 */
#ifndef TESTS_CONTEST_H
#define TESTS_CONTEST_H

#include "check.h"

#define LANES		3
#define LANE_SLICES	16
#define LANES_FIRST	16

struct contest {
	const char *name;	/* file in tests/ */
	unsigned int hart;
	bool runs;		/* the slices of one contestant are neighbours */
	unsigned long pages;	/* for each; 0: as child() has it */
	struct proc p[LANES];
	uint64_t used[LANES];	/* in the last measurement, in ticks */
	uint64_t elapsed;
};

__attribute__((unused)) static uint64_t slice_ticks_of(const struct contest *c)
{
	return exposed_hart(c->hart)->slice_ticks;
}

/*
 * The debug kernel's audit takes an eighth of the time from whoever runs, so there shares say nothing: a short run, for what the audit may
 * find. With several harts, of which the emulator runs one at a time, a quarter of what is asked for.
 */
__attribute__((unused)) static bool shares_count(void)
{
	return exposed_system()->fences_page == 0;	/* which only the debug kernel counts */
}

__attribute__((unused)) static unsigned long contest_slices(unsigned long n)
{
	return !shares_count() ? n / 40 : exposed_system()->nharts > 1 ? n / 4 : n;
}

/* Place number i of a lane. */
static unsigned int contest_place(const struct contest *c, unsigned int lane, unsigned int i)
{
	return LANES_FIRST + (c->runs ? lane * LANE_SLICES + i : i * LANES + lane);
}

/* Start a contestant, a copy of the test's program with that role; grants as for child(). */
__attribute__((unused)) static void contest_start(struct contest *c, unsigned int lane, const char *role, const struct proc_grant *grants,
						  unsigned int ngrants)
{
	struct child child_of = { .name = c->name, .role = role, .stopped = true, .hart = c->hart, .grants = grants, .ngrants = ngrants,
				  .pages = c->pages };

	MUST(child(&child_of, &c->p[lane]));
	for (unsigned int i = 0; i < LANE_SLICES; i++)
		MUST(sys_slice_bind(slices_of(c->hart), contest_place(c, lane, i), 1, c->p[lane].env));
	MUST(proc_run(&c->p[lane]));
}

/* Let them run for so many slices, or contest_slices() of it. */
__attribute__((unused)) static void contest_run(struct contest *c, unsigned long slices)
{
	unsigned long start, end;
	uint64_t before[LANES];

	slices = contest_slices(slices);
	sys_wait(0, time_now() + 100 * slice_ticks_of(c));	/* until all of them are at it */
	start = time_now();
	for (unsigned int i = 0; i < LANES; i++)
		before[i] = exposed_env_of(c->p[i].id)->used;
	end = start + slices * slice_ticks_of(c);
	while (time_now() < end)
		sys_wait(0, end);
	c->elapsed = time_now() - start;
	for (unsigned int i = 0; i < LANES; i++)
		c->used[i] = exposed_env_of(c->p[i].id)->used - before[i];
}

/* Hundredths of a percent of the time that passed. */
__attribute__((unused)) static long contest_share(const struct contest *c, unsigned int lane)
{
	return (long)(c->used[lane] * 10000 / c->elapsed);
}

__attribute__((unused)) static void contest_print(const struct contest *c, const char *what)
{
	printf("%s, hart %u: shares %ld.%02ld %ld.%02ld %ld.%02ld %% of %lu slices\n", what, c->hart, contest_share(c, 0) / 100,
	       contest_share(c, 0) % 100, contest_share(c, 1) / 100, contest_share(c, 1) % 100, contest_share(c, 2) / 100,
	       contest_share(c, 2) % 100, c->elapsed / slice_ticks_of(c));
}

/*
 * They get no more time, and on one hart they are ended. An emulator that counts instructions runs the harts by turns of up to a tenth of a
 * second, so that what one waits for of another, as the fences of an end, would take the test's time many times over.
 */
__attribute__((unused)) static void contest_end(struct contest *c)
{
	MUST(sys_slice_bind(slices_of(c->hart), LANES_FIRST, LANES * LANE_SLICES, 0));
	for (unsigned int i = 0; i < LANES && exposed_system()->nharts == 1; i++)
		if (c->p[i].env != 0)
			CHECK_IS(proc_end(&c->p[i]), 0);
	memset(c->p, 0, sizeof(c->p));
}

/*
 * Contestant 0 does what its role says, 1 and 2 spin. Neither may get less than beside an honest one: a third of the time, less than 2 % of
 * that under it; and the first not more, by as much. contest_run() has been called.
 */
#define VICTIMS_LEAST	(3333 * 98 / 100)
#define ATTACKER_MOST	(3334 * 102 / 100)
__attribute__((unused)) static void contest_judge(const struct contest *c, const char *what)
{
	contest_print(c, what);
	if (!shares_count())
		return;
	CHECK(contest_share(c, 1) >= VICTIMS_LEAST);
	CHECK(contest_share(c, 2) >= VICTIMS_LEAST);
	CHECK(contest_share(c, 0) <= ATTACKER_MOST);
}

__attribute__((unused)) static void contest_against(struct contest *c, const char *role, unsigned long slices)
{
	contest_start(c, 0, role, NULL, 0);
	contest_start(c, 1, "spin", NULL, 0);
	contest_start(c, 2, "spin", NULL, 0);
	contest_run(c, slices);
	contest_judge(c, role);
}

__attribute__((unused, noreturn)) static void contest_spin(void)
{
	for (;;)
		;
}

/* Does this role say no more than that? */
__attribute__((unused)) static bool is_role(int argc, char **argv, const char *role)
{
	return argc > 1 && strcmp(argv[1], role) == 0;
}

#endif
