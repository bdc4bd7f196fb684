/*
 * p4_donation_rings.c - P4: three that give their time to each other in a ring, to the dead, and more than they have
 *
 * A yield gives the rest of one slice. It makes no time: the ring has together what its first member has slices for, and what was charged to
 * all is what passed.
 */
/* guest: harts=1,2,4 icount=5 */
#include "contest.h"

#define COUNTED	10000	/* slices */

/* What it tells the test. */
struct told {
	uint64_t ready, failures, yields, late;
};

static unsigned int next;
static struct told *told;

/* Give on at once, for ever; never in possession of a slice that ends later than the one that was given. */
static __attribute__((noreturn)) void give_on(void)
{
	for (;;) {
		unsigned long end = uarea()->slice_end, now = time_now();

		told->late += end > now + 2ul * exposed_hart(0)->slice_ticks;
		told->yields++;
		if (sys_yield(next) < 0)
			sys_yield(0);
	}
}

/* The head has the slices; the two behind it have none, and an ENV capability for the next one in the ring. */
static __attribute__((noreturn)) void head(void)
{
	struct proc member[2], dead;
	unsigned int gone;
	struct proc_grant grants[] = {
		{ .name = "account", .slot = start_slot("account"), .rights = PROT_R | PROT_W },
		{ .name = "next", .rights = RIGHT_YIELD },
	};
	struct child c = { .name = "p4_donation_rings", .role = "member", .grants = grants, .ngrants = 2, .pages = 100 };

	grants[1].slot = start_block()->self_slot;
	MUST(child(&c, &member[1]));
	grants[1].slot = member[1].env;
	MUST(child(&c, &member[0]));
	/* To one that was stopped, one that is no more, oneself. */
	c.stopped = true;
	MUST(child(&c, &dead));
	gone = dead.env;
	CHECK_IS(sys_yield(gone), -E_DEAD);
	CHECK_IS(proc_end(&dead), 0);
	CHECK_IS(sys_yield(gone), -E_NOCAP);
	CHECK_IS(sys_yield(start_block()->self_slot), 0);
	CHECK_IS(exposed_env_of(member[0].id)->slices.held, 0);
	next = member[0].env;
	told->failures += (uint64_t)failures;
	told->ready = 1;
	give_on();
}

static __attribute__((noreturn)) void role(const char *name)
{
	told = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_page(start_slot("account"), told, PROT_R | PROT_W));
	exposed_hart(0);
	if (strcmp(name, "head") == 0)
		head();
	next = start_slot("next");
	give_on();
}

/* Of the whole machine: what was charged to everyone alive. */
static uint64_t all_used(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < ENV_MAX; i++)
		if (exposed_env(i)->state != ENV_FREE)
			sum += exposed_env(i)->used;
	return sum;
}

static uint64_t all_idle(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < exposed_system()->nharts; i++)
		sum += exposed_hart(i)->idle;
	return sum;
}

int main(int argc, char **argv)
{
	struct contest c = { .name = "p4_donation_rings", .pages = 600 };
	struct proc_grant grants[] = {
		{ .name = "account", .rights = PROT_R | PROT_W },
		{ .name = "archive", .slot = start_slot("archive"), .rights = PROT_R },
	};
	uint64_t used, ring, idle, passed;
	void *page;

	if (argc > 1 && strcmp(argv[1], "spin") != 0)
		role(argv[1]);
	if (argc > 1)
		contest_spin();
	c.hart = exposed_system()->nharts - 1;
	grants[0].slot = test_page(&page, PROT_R | PROT_W);
	grants[1].count = start_grant("archive")->count;
	grants[1].value = start_grant("archive")->value;
	told = page;
	memset(told, 0, sizeof(*told));
	contest_start(&c, 0, "head", grants, 2);
	contest_start(&c, 1, "spin", NULL, 0);
	contest_start(&c, 2, "spin", NULL, 0);
	for (int i = 0; i < 1000 && ((volatile struct told *)told)->ready == 0; i++)
		sys_wait(0, time_now() + 10 * slice_ticks_of(&c));
	CHECK_IS(told->ready, 1);
	used = all_used();
	idle = all_idle();
	passed = time_now();
	ring = told->yields;
	contest_run(&c, COUNTED);
	used = all_used() - used;
	idle = all_idle() - idle;
	passed = time_now() - passed;
	ring = told->yields - ring;
	contest_print(&c, "ring");
	printf("%lu yields; charged %lu and idle %lu of %lu ticks of %u harts\n", ring, used, idle, passed, exposed_system()->nharts);
	CHECK_IS(told->failures, 0);
	CHECK_IS(told->late, 0);
	CHECK(ring > 2 * contest_slices(COUNTED));
	for (unsigned int lane = 1; lane < LANES && shares_count(); lane++)
		CHECK(contest_share(&c, lane) >= VICTIMS_LEAST && contest_share(&c, lane) <= ATTACKER_MOST);
	/* Nothing was made, nothing was lost. What runs and what idles now is in no account yet: a turn on each hart. */
	if (exposed_system()->nharts == 1) {
		CHECK(used + idle <= passed + 70 * slice_ticks_of(&c));
		CHECK(used + idle + 70 * slice_ticks_of(&c) >= passed);
	}
	contest_end(&c);
	return verdict();
}
