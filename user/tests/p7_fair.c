/*
 * p7_fair.c - P7: long calls without a pause, and what is left to those who make short ones: on the same hart, and on another one
 *
 * On the same hart the one with the long calls is one of three with equal slices: what a call takes beyond its slice is withheld from it
 * later. On another hart they meet at the lock. While a short call waits, each other hart ends the call that it is in, or one
 * that stood before it in the queue, and counts the one that it had ended just before: two, and no third one. The emulator runs one hart
 * at a time, and may turn to another between the look at the count and the call; so one call in forty may have seen more.
 */
/* guest: harts=1,2,4 icount=3 */
#include "contest.h"

#define HARTS	8
#define N	PAGES_MAX
#define AREA	0x3000000000ul		/* N pages, and N more behind them */
#define SHORT	200			/* short calls that are looked at, with up to 4 ms between them */
#define RW	(PROT_R | PROT_W)

struct shared {
	uint64_t stop;
	struct {
		uint64_t done, wrong, ended;	/* done: long calls */
		uint64_t zero[5];
	} of[HARTS];
};

static struct shared *shared;

static void table(unsigned long va, unsigned int level)
{
	long slot = page_new();

	MUST(slot);
	MUST(sys_table_bind(ctx_slot(), va, level, (unsigned long)slot));
}

static __attribute__((noreturn)) void hammer(void)
{
	const struct start_grant *g = start_grant("shared");
	unsigned int slots, me = g != NULL ? (unsigned int)g->value : 0;
	static struct shared own;
	unsigned long va = AREA;

	shared = g != NULL ? vm_attach(g->slot, 1, RW) : &own;
	table(AREA, 1);
	table(AREA, 0);
	table(AREA + N * PAGE_SIZE, 0);
	slots = slot_alloc_run(N);
	for (unsigned int i = 0; i < N; i++)
		MUST(sys_page_alloc(0, slots + i, FRAME_ANY, 0));
	while (__atomic_load_n(&shared->stop, __ATOMIC_RELAXED) == 0) {
		va ^= N * PAGE_SIZE;		/* bound elsewhere: a fence for each page */
		shared->of[me].wrong += sys_page_bind(ctx_slot(), va, slots, N, RW) != N;
		__atomic_fetch_add(&shared->of[me].done, 1, __ATOMIC_RELAXED);
	}
	shared->of[me].ended = 1;
	for (;;)
		sys_wait(0, deadline_us(1000000));
}

static __attribute__((noreturn)) void short_calls(void)
{
	struct cap_info info;

	for (;;)
		sys_cap_info(self_slot(), &info);
}

static void on_one_hart(unsigned int hart)
{
	struct contest c = { .name = "p7_fair", .hart = hart, .pages = 700 };

	contest_start(&c, 0, "hammer", NULL, 0);
	c.pages = 0;
	contest_start(&c, 1, "short", NULL, 0);
	contest_start(&c, 2, "short", NULL, 0);
	contest_run(&c, 10000);
	contest_judge(&c, "long calls");
	contest_end(&c);
}

static uint64_t done_by(unsigned int i)
{
	return __atomic_load_n(&shared->of[i].done, __ATOMIC_RELAXED);
}

static void at_the_lock(unsigned int n)
{
	uint64_t before[HARTS], after, most = 0, longest = 0, held = 0;
	unsigned int slot, overtaken = 0, calls = shares_count() ? SHORT : SHORT / 20;
	struct cap_info info;
	struct proc p[HARTS];
	unsigned long start, until, ms4 = exposed_system()->timebase_hz / 250;
	uint64_t random = 88172645463325252ull;

	shared = vm_share(PAGE_SIZE, &slot);
	MUST(shared != NULL ? 0 : -E_NOMEM);
	memset(shared, 0, sizeof(*shared));
	for (unsigned int i = 1; i < n; i++) {
		struct proc_grant give = { .name = "shared", .slot = slot, .rights = RW, .value = i };
		struct child c = { .name = "p7_fair", .role = "hammer", .pages = 700, .count = 60, .grants = &give, .ngrants = 1, .hart = i };

		MUST(child(&c, &p[i]));
	}
	for (unsigned int i = 1; i < n; i++)
		AWAIT(done_by(i) > 2);
	for (unsigned int k = 0; k < calls; k++) {
		bool more = false;

		for (until = time_now() + random_next(&random) % ms4; time_now() < until;)
			;
		for (unsigned int i = 1; i < n; i++)
			before[i] = done_by(i);
		start = time_now();
		CHECK_IS(sys_cap_info(self_slot(), &info), 0);
		longest = time_now() - start > longest ? time_now() - start : longest;
		for (unsigned int i = 1; i < n; i++) {
			after = done_by(i) - before[i];
			more |= after > 2;
			most = after > most ? after : most;
		}
		overtaken += more;
	}
	for (unsigned int i = 1; i < n; i++)
		held += exposed_hart(i)->lock_held;
	printf("%u short calls; at %u of them another hart ended more than two long calls meanwhile, %lu at most; the longest took %lu ticks, "
	       "others kept the lock for %lu\n", calls, overtaken, most, longest, held);
	CHECK(overtaken <= calls / 40);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 1; i < n; i++) {
		CHECK(done_by(i) > 0);
		AWAIT(shared->of[i].ended == 1);
		CHECK_IS(shared->of[i].ended, 1);
		CHECK_IS(shared->of[i].wrong, 0);
	}
}

int main(int argc, char **argv)
{
	if (is_role(argc, argv, "hammer"))
		hammer();
	if (is_role(argc, argv, "short"))
		short_calls();
	on_one_hart(exposed_system()->nharts - 1);
	if (exposed_system()->nharts > 1)
		at_the_lock(exposed_system()->nharts);
	return verdict();
}
