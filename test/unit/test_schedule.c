/* ctest: label=unit sources=libexos/sched/stride.c,libexos/sched/lottery.c,libexos/sched/edf.c,libexos/sched/least.c */
/*
 * test_schedule.c - the policies of libexos/sched: shares over ten thousand decisions, sleepers, deadlines; which slice goes first
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schedule.h"
#include "slices.h"

#define DECISIONS	10000
#define QUANTUM		10000u

static struct schedule s;

static void clients(const uint64_t *tickets, int n)
{
	memset(&s, 0, sizeof(s));
	for (int i = 0; i < n; i++)
		s.client[i] = (struct client){ .tickets = tickets[i], .ready = true };
	s.n = n;
}

static void run(int decisions, uint64_t ticks)
{
	for (int d = 0; d < decisions; d++) {
		int i = s.pick(&s, 0);

		assert_in_range(i, 0, s.n - 1);
		assert_true(s.client[i].ready);
		s.client[i].turns++;
		s.client[i].ran += ticks;
		s.ran(&s, i, ticks);
	}
}

/* Each client's time is within permille of its tickets' share of all. */
static void assert_shares(unsigned int permille)
{
	uint64_t time = 0, tickets = 0;

	for (int i = 0; i < s.n; i++) {
		time += s.client[i].ran;
		tickets += s.client[i].tickets;
	}
	for (int i = 0; i < s.n; i++) {
		uint64_t want = time * s.client[i].tickets / tickets, got = s.client[i].ran;

		assert_true((got > want ? got - want : want - got) * 1000 <= time * permille);
	}
}

static const uint64_t three[] = { 3, 2, 1 }, wild[] = { 1, 100, 7, 7, 65536, 3000, 1, 12 };

static void stride_shares_time_exactly(void **state)
{
	(void)state;
	clients(three, 3);
	stride_init(&s);
	run(DECISIONS, QUANTUM);
	assert_shares(1);
	clients(wild, 8);
	stride_init(&s);
	run(DECISIONS, QUANTUM);
	assert_shares(1);
}

static void lottery_shares_time_in_the_mean(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		clients(three, 3);
		lottery_init(&s, seed);
		run(DECISIONS, QUANTUM);
		assert_shares(20);
		clients(wild, 8);
		lottery_init(&s, seed);
		run(DECISIONS, QUANTUM);
		assert_shares(20);
	}
}

/* Who uses a tenth of each turn gets ten times as many. */
static void stride_charges_time_and_not_turns(void **state)
{
	static const uint64_t equal[] = { 5, 5 };

	(void)state;
	clients(equal, 2);
	stride_init(&s);
	for (int d = 0; d < DECISIONS; d++) {
		int i = s.pick(&s, 0);
		uint64_t ticks = i == 0 ? QUANTUM / 10 : QUANTUM;

		s.client[i].turns++;
		s.client[i].ran += ticks;
		s.ran(&s, i, ticks);
	}
	assert_shares(2);
	assert_in_range(s.client[0].turns, s.client[1].turns * 9, s.client[1].turns * 11);
}

static void a_sleeper_collects_nothing(void **state)
{
	(void)state;
	clients(three, 3);
	stride_init(&s);
	s.client[0].ready = false;
	run(DECISIONS, QUANTUM);
	assert_int_equal(s.client[0].turns, 0);
	s.client[0].ready = true;
	for (int i = 0; i < 3; i++)
		s.client[i].ran = 0;
	run(DECISIONS, QUANTUM);
	assert_shares(2);
}

/* The pass may wrap. */
static void stride_outlives_its_numbers(void **state)
{
	(void)state;
	clients(three, 3);
	stride_init(&s);
	s.state = ~0ull - 1000000;
	run(DECISIONS, QUANTUM);
	assert_shares(2);
}

static void nobody_ready_is_nobody_picked(void **state)
{
	(void)state;
	for (int policy = 0; policy < 3; policy++) {
		clients(three, 3);
		if (policy == 0)
			stride_init(&s);
		else if (policy == 1)
			lottery_init(&s, 1);
		else
			edf_init(&s);
		for (int i = 0; i < 3; i++) {
			s.client[i].ready = false;
			s.client[i].period = 10;
		}
		assert_int_equal(s.pick(&s, 5), -1);
		s.n = 0;
		assert_int_equal(s.pick(&s, 5), -1);
	}
}

/* Three clients with 19/20 of the time; each turn takes one tick of ours. */
static void edf_keeps_every_deadline_up_to_full_load(void **state)
{
	static const struct client c[] = {
		{ .period = 4, .budget = 1 }, { .period = 10, .budget = 4 }, { .period = 20, .budget = 6 },
	};

	(void)state;
	memset(&s, 0, sizeof(s));
	memcpy(s.client, c, sizeof(c));
	s.n = 3;
	for (int i = 0; i < 3; i++)
		s.client[i].ready = true;
	edf_init(&s);
	for (uint64_t now = 1; now <= DECISIONS; now++) {
		int i = s.pick(&s, now);

		if (i >= 0) {
			s.client[i].ran++;
			s.ran(&s, i, 1);
		}
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s.client[i].missed, 0);
		assert_in_range(s.client[i].ran, DECISIONS * c[i].budget / c[i].period - c[i].budget, DECISIONS * c[i].budget / c[i].period + c[i].budget);
	}
}

/* One that always wants to run gets its budget and no more; with more promised than there is, deadlines are missed and counted. */
static void edf_overload_is_told(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.n = 2;
	s.client[0] = (struct client){ .period = 10, .budget = 7, .ready = true };
	s.client[1] = (struct client){ .period = 10, .budget = 7, .ready = true };
	edf_init(&s);
	for (uint64_t now = 1; now <= DECISIONS; now++) {
		int i = s.pick(&s, now);

		assert_true(i >= 0);
		s.client[i].ran++;
		s.ran(&s, i, 1);
	}
	assert_true(s.client[0].missed + s.client[1].missed >= DECISIONS / 10 - 2);
	assert_true(s.client[0].ran <= DECISIONS / 10 * 7 + 7 && s.client[1].ran <= DECISIONS / 10 * 7 + 7);
}

static void the_slice_that_is_worth_least_goes_first(void **state)
{
	uint32_t worth[] = { SLICE_KEEP, 7, 3, 9, 3, SLICE_KEEP };
	static const int order[] = { 2, 4, 1, 3, -1 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		assert_int_equal(slices_least(worth, 6), order[i]);
		if (order[i] >= 0)
			worth[order[i]] = SLICE_KEEP;
	}
	assert_int_equal(slices_least(worth, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stride_shares_time_exactly),
		cmocka_unit_test(lottery_shares_time_in_the_mean),
		cmocka_unit_test(stride_charges_time_and_not_turns),
		cmocka_unit_test(a_sleeper_collects_nothing),
		cmocka_unit_test(stride_outlives_its_numbers),
		cmocka_unit_test(nobody_ready_is_nobody_picked),
		cmocka_unit_test(edf_keeps_every_deadline_up_to_full_load),
		cmocka_unit_test(edf_overload_is_told),
		cmocka_unit_test(the_slice_that_is_worth_least_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
