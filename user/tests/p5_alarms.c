/*
 * p5_alarms.c - P5: alarms every microsecond, alarms in the past, hundreds of thousands of them
 *
 * An alarm is a deadline of the one that sleeps, kept in its own record; the timer of a hart is set once for all of them. Who sets many
 * pays for the calls, and interrupts nobody.
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

#define COUNTED	10000	/* slices */
#define ALARMS	100000

static volatile uint64_t *alarms;

static __attribute__((noreturn)) void wake_me(unsigned long ahead)
{
	for (;;) {
		sys_wait(0, time_now() + ahead);
		++*alarms;
	}
}

static __attribute__((noreturn)) void role(const char *name)
{
	alarms = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_page(start_slot("account"), (void *)alarms, PROT_R | PROT_W));
	*alarms = 0;
	wake_me(strcmp(name, "soon") == 0 ? exposed_system()->timebase_hz / 1000000 : 0);
}

/* Alarms that it got; the rate of interrupts of the hart must not follow. */
static uint64_t against(struct contest *c, const char *name)
{
	struct proc_grant grant = { .name = "account", .rights = PROT_R | PROT_W };
	uint64_t interrupts;
	void *page;

	grant.slot = test_page(&page, PROT_R | PROT_W);
	alarms = page;
	contest_start(c, 0, name, &grant, 1);
	contest_start(c, 1, "spin", NULL, 0);
	contest_start(c, 2, "spin", NULL, 0);
	interrupts = exposed_hart(c->hart)->interrupts;
	contest_run(c, COUNTED);
	interrupts = exposed_hart(c->hart)->interrupts - interrupts;
	contest_judge(c, name);
	printf("%lu alarms, %lu interrupts\n", *alarms, interrupts);
	CHECK(interrupts <= 3 * (contest_slices(COUNTED) + 100));
	contest_end(c);
	return *alarms;
}

int main(int argc, char **argv)
{
	struct contest c = { .name = "p5_alarms" };

	if (argc > 1 && strcmp(argv[1], "spin") != 0)
		role(argv[1]);
	if (argc > 1)
		contest_spin();
	c.hart = exposed_system()->nharts - 1;
	CHECK(against(&c, "past") >= contest_slices(ALARMS) || !shares_count());
	/* One in a microsecond sleeps, and then its slice is over: it gets one alarm in each. */
	CHECK(against(&c, "soon") > contest_slices(COUNTED) / 4);
	return verdict();
}
