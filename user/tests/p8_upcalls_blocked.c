/*
 * p8_upcalls_blocked.c - P8: spins for ever with upcalls blocked. Beside it: one that only spins, and one that does not answer the end
 * of its slices. Each loses its own slices and nobody else's.
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

#define COUNTED 10000	/* slices */

static __attribute__((noreturn)) void role(const char *name)
{
	if (strcmp(name, "deaf") == 0) {
		upcall_own_switch(true, NULL, NULL);	/* wants to be told of the end of its slices .. */
		uarea()->held = 1;			/* .. and never is */
	}
	if (strcmp(name, "silent") == 0)
		upcall_own_switch(true, contest_spin, NULL);
	contest_spin();
}

int main(int argc, char **argv)
{
	static const char *const roles[] = { "spin", "deaf", "silent" };
	struct contest c = { .name = "p8_upcalls_blocked" };

	if (argc > 1)
		role(argv[1]);
	c.hart = exposed_system()->nharts - 1;
	for (unsigned int i = 0; i < 3; i++) {
		contest_against(&c, roles[i], i == 1 ? COUNTED : COUNTED / 4);
		/* Nobody is stopped or ended for it. */
		CHECK_IS(proc_state(&c.p[0], NULL), PROC_RUNNING);
		CHECK(contest_share(&c, 0) > 2500 || !shares_count());
		contest_end(&c);
	}
	return verdict();
}
