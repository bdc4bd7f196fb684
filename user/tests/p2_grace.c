/*
 * p2_grace.c - P2: spends the grace at each end of its slices, nearly all of it
 *
 * What is taken beyond a slice is debt, and a slice is withheld for each slice of debt. So in the long run it has no more than its
 * share, and the others no less: judged by half a percent, for the grace alone would be one part in 48.
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

#define COUNTED	10000	/* slices */

static void greedy(void)
{
	unsigned long end = uarea()->slice_end + exposed_hart(0)->grace_ticks * 7ul / 8;

	while (time_now() < end)
		;
}

int main(int argc, char **argv)
{
	struct contest c = { .name = "p2_grace" };
	const volatile struct exposed_env *e;
	uint64_t most = 0;

	if (is_role(argc, argv, "greedy")) {
		exposed_hart(0);
		upcall_own_switch(true, greedy, NULL);
	}
	if (argc > 1)
		contest_spin();
	c.hart = exposed_system()->nharts - 1;
	contest_against(&c, "greedy", COUNTED);
	for (unsigned int lane = 0; lane < LANES && shares_count(); lane++)
		CHECK(lane == 0 ? contest_share(&c, 0) <= 3334 + 17 : contest_share(&c, lane) >= 3333 - 17);
	/* It really did it. */
	e = exposed_env_of(c.p[0].id);
	for (int i = 0; i < 200; i++) {
		sys_wait(0, time_now() + slice_ticks_of(&c));
		if (e->debt > most)
			most = e->debt;
	}
	printf("highest debt %lu ticks\n", most);
	CHECK(most > slice_ticks_of(&c) / 2);
	CHECK(most < 3 * slice_ticks_of(&c) || !shares_count());
	contest_end(&c);
	return verdict();
}
