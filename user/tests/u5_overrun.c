/*
 * u5_overrun.c - U5, U6, P2: programs that do not answer the end of their slices: saved whole, charged, and nobody else pays
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

static void never_answer(void)
{
	for (;;)
		;
}

static void dawdle(void)
{
	unsigned long end = time_now() + exposed_hart(0)->grace_ticks / 2;

	while (time_now() < end)
		;
}

static __attribute__((noreturn)) void role(const char *name)
{
	if (strcmp(name, "never") == 0) {
		upcall_own_switch(true, never_answer, NULL);
		for (;;)
			;
	}
	if (strcmp(name, "dawdle") == 0) {
		exposed_hart(0);
		upcall_own_switch(true, dawdle, NULL);
		for (;;)
			;
	}
	uarea()->held = 1;		/* "deaf": nothing can be told to it */
	upcall_own_switch(true, NULL, NULL);
	for (;;)
		;
}

static void against(const char *name, bool debt)
{
	struct child c = { .name = "u5_overrun", .role = name };
	const volatile struct exposed_env *self = exposed_env_of(self_env()), *e;
	uint64_t used, theirs, most_debt = 0;
	unsigned long start, ticks;
	struct proc p[4];

	/* Four of them, with 5 neighbouring slices each: a third of the vector. */
	for (unsigned int i = 0; i < 4; i++) {
		c.first = 15 * i;
		c.count = 5;
		MUST(child(&c, &p[i]));
	}
	usleep(20000);
	used = self->used;
	theirs = exposed_env_of(p[0].id)->used;
	start = time_now();
	ticks = exposed_system()->timebase_hz / 2;
	while (time_now() - start < ticks)
		for (unsigned int i = 0; i < 4; i++)
			if ((e = exposed_env_of(p[i].id)) != NULL && e->debt > most_debt)
				most_debt = e->debt;
	printf("%s: ours %lu%%, one of theirs %lu%%, highest debt %lu ticks\n", name, (self->used - used) * 100 / ticks,
	       (exposed_env_of(p[0].id)->used - theirs) * 100 / ticks, most_debt);
	/* 42 of 62 slices are ours, 5 of 62 theirs each: at least nine tenths for us, not more than a fair share for them. */
	if (shares_count())
		CHECK((self->used - used) * 100 / ticks >= 42 * 90 / 62);
	CHECK((exposed_env_of(p[0].id)->used - theirs) * 100 / ticks <= 5 * 110 / 62 + 1);
	CHECK((exposed_env_of(p[0].id)->used - theirs) > 0);
	if (debt)
		CHECK(most_debt > 0);
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_IS(proc_state(&p[i], NULL), PROC_RUNNING);
		CHECK_IS(proc_end(&p[i]), 0);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		role(argv[1]);
	against("never", true);
	against("dawdle", true);
	against("deaf", false);
	return verdict();
}
