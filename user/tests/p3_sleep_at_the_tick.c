/*
 * p3_sleep_at_the_tick.c - P3: sleeps just before each tick, so that an account by ticks would never see it
 *
 * Time is charged by the time counter: what this program measured itself is what it was charged, and nobody else got less.
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

#define COUNTED	10000	/* slices */

/* Its own account, in a page that the test reads. */
static volatile uint64_t *ran;

static __attribute__((noreturn)) void dodge(void)
{
	const uint64_t margin = exposed_hart(0)->slice_ticks / 20;
	unsigned long start = time_now(), now = start;

	for (;;) {
		while (now + margin < uarea()->slice_end && now >= start)
			now = time_now();
		*ran += now - start;
		/* Gone when the tick comes, and back for the next slice. */
		sys_wait(0, uarea()->slice_end + 1);
		start = now = time_now();
	}
}

int main(int argc, char **argv)
{
	struct contest c = { .name = "p3_sleep_at_the_tick" };
	struct proc_grant grant = { .name = "account", .rights = PROT_R | PROT_W };
	void *page;
	uint64_t before;

	if (is_role(argc, argv, "dodge")) {
		ran = vm_reserve(PAGE_SIZE, PAGE_SIZE);
		MUST(vm_page(start_slot("account"), (void *)ran, PROT_R | PROT_W));
		exposed_hart(0);
		dodge();
	}
	if (argc > 1)
		contest_spin();
	c.hart = exposed_system()->nharts - 1;
	grant.slot = test_page(&page, PROT_R | PROT_W);
	ran = page;
	*ran = 0;
	contest_start(&c, 0, "dodge", &grant, 1);
	contest_start(&c, 1, "spin", NULL, 0);
	contest_start(&c, 2, "spin", NULL, 0);
	sys_wait(0, time_now() + 100 * slice_ticks_of(&c));
	before = *ran;
	contest_run(&c, COUNTED);
	/* Its own account is that of a hundred slices more. */
	before = (*ran - before) * contest_slices(COUNTED) / (contest_slices(COUNTED) + 100);
	contest_judge(&c, "dodge");
	printf("charged %lu, by its own account %lu\n", c.used[0], before);
	if (shares_count()) {
		CHECK(c.used[0] >= before * 98 / 100);
		CHECK(before > c.elapsed / 5);
	}
	contest_end(&c);
	return verdict();
}
