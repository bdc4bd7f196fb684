/*
 * p1_hoard.c - P1: takes all the time it can reach, with as many environments as it can make
 *
 * What it can reach is what its SLICE capability covers. Environments cost pages, and a slice is bound to one of them: dozens of names
 * for the same sixteen slices are sixteen slices.
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

#define COUNTED	10000	/* slices */
#define MANY	40	/* environments that it tries to make */

/* What it tells the test. */
struct told {
	uint64_t done, failures, helpers;
};

static unsigned int slot, self;
static struct cap_info info;

/* Slices beside its own, by any number and by any copy. */
static void reach(void)
{
	unsigned int copy;

	for (unsigned int i = 0; i < SLICES; i++)
		CHECK_IS(sys_slice_bind(slot, i, 1, self), i >= info.first && i - info.first < info.count ? 0 : -E_INVAL);
	CHECK_IS(sys_slice_bind(slot, 0, SLICES, self), -E_INVAL);
	CHECK_IS(sys_slice_bind(slot, info.first, info.count + 1, self), -E_INVAL);
	CHECK_IS(sys_slice_bind(slot, info.first - 1, 2, self), -E_INVAL);
	CHECK_IS(sys_slice_bind(slot, ~0ul, 2, self), -E_INVAL);
	copy = slot_alloc();
	CHECK_IS(sys_cap_copy(0, slot, copy, RIGHT_BIND, 0, SLICES), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, slot, copy, RIGHT_BIND, info.first + info.count, 1), -E_INVAL);
	/* The same again, many times over. */
	for (unsigned int i = 0; i < 32; i++) {
		CHECK_IS(sys_cap_copy(0, slot, copy = slot_alloc(), RIGHT_BIND, info.first, info.count), 0);
		CHECK_IS(sys_slice_bind(copy, info.first, info.count, self), 0);
		CHECK_IS(exposed_env_of(self_env())->slices.held, info.count);
	}
}

/* Helpers until its pages are used up; all of them together have what it had. */
static void multiply(struct told *told)
{
	static struct proc p[MANY];
	unsigned int n = 0, sum = exposed_env_of(self_env())->slices.held;
	struct child c = { .name = "p1_hoard", .role = "spin", .pages = 60 };
	int err = 0;

	while (n < MANY && (err = child(&c, &p[n])) == 0)
		n++;
	CHECK(err == -E_QUOTA || err == -E_NOMEM);
	for (unsigned int i = 0; i < n; i++)
		MUST(sys_slice_bind(slot, info.first + i % info.count, 1, p[i].env));
	MUST(sys_slice_bind(slot, info.first, 4, self));
	sum = exposed_env_of(self_env())->slices.held;
	for (unsigned int i = 0; i < n; i++)
		sum += exposed_env_of(p[i].id)->slices.held;
	CHECK_IS(sum, info.count);
	told->helpers = n;
}

static __attribute__((noreturn)) void hoard(void)
{
	struct told *told = vm_reserve(PAGE_SIZE, PAGE_SIZE);

	MUST(vm_page(start_slot("account"), told, PROT_R | PROT_W));
	slot = start_slot("some");
	self = start_block()->self_slot;
	MUST(sys_cap_info(slot, &info));
	reach();
	multiply(told);
	told->failures = (uint64_t)failures;
	told->done = 1;
	contest_spin();
}

int main(int argc, char **argv)
{
	struct contest c = { .name = "p1_hoard", .runs = true, .pages = 700 };
	struct proc_grant grants[] = {
		{ .name = "some", .rights = RIGHT_BIND, .nslices = LANE_SLICES },
		{ .name = "account", .rights = PROT_R | PROT_W },
		{ .name = "archive", .slot = start_slot("archive"), .rights = PROT_R },
	};
	volatile struct told *told;
	void *page;
	uint64_t all = 0;

	if (is_role(argc, argv, "hoard"))
		hoard();
	if (argc > 1)
		contest_spin();
	c.hart = exposed_system()->nharts - 1;
	grants[0].slot = slices_of(c.hart);
	MUST(sys_cap_info(grants[0].slot, &info));
	grants[0].first = LANES_FIRST - info.first;
	grants[1].slot = test_page(&page, PROT_R | PROT_W);
	grants[2].count = start_grant("archive")->count;
	grants[2].value = start_grant("archive")->value;
	told = page;
	told->done = 0;
	contest_start(&c, 0, "hoard", grants, 3);
	contest_start(&c, 1, "spin", NULL, 0);
	contest_start(&c, 2, "spin", NULL, 0);
	for (int i = 0; i < 4000 && told->done == 0; i++)
		sys_wait(0, time_now() + 10 * slice_ticks_of(&c));
	CHECK_IS(told->done, 1);
	CHECK_IS(told->failures, 0);
	CHECK(told->helpers >= 3);
	printf("%lu helpers\n", told->helpers);
	/* A turn is a run of sixteen here, so fewer of them would say less. */
	contest_run(&c, exposed_system()->nharts > 1 ? 4 * COUNTED : COUNTED);
	contest_print(&c, "hoard");
	for (unsigned int lane = 1; lane < LANES && shares_count(); lane++)
		CHECK(contest_share(&c, lane) >= VICTIMS_LEAST && contest_share(&c, lane) <= ATTACKER_MOST);
	/* With its helpers it has a third, too. */
	for (unsigned int i = 0; i < ENV_MAX; i++) {
		const volatile struct exposed_env *e = exposed_env(i);

		all += e->state != ENV_FREE && (e->id == c.p[0].id || e->parent == c.p[0].id) ? e->slices.held : 0;
	}
	CHECK_IS(all, LANE_SLICES);
	contest_end(&c);
	return verdict();
}
