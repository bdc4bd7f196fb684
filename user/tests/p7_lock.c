/*
 * p7_lock.c - P7: those on the other harts keep the kernel's lock with the longest calls they can make; one on this hart makes short calls
 *
 * What is judged here is that everybody gets on, however busy the emulator's host is: the one makes its calls, and each of the others does.
 */
/* guest: harts=2,4 */
#include "check.h"

#define HARTS	8
#define N	PAGES_MAX
#define AREA	0x3000000000ul		/* N pages, and N more behind them */
#define WIDE	256			/* copies of a page that a revocation has to reach */
#define RW	(PROT_R | PROT_W)

/* What all share. */
struct shared {
	uint64_t go, stop;
	struct {
		uint64_t ready, done, wrong;	/* done: long calls */
		uint64_t zero[5];
	} of[HARTS];
};

static struct shared *shared;
static struct page_op op[BATCH_MAX];

static void table(unsigned long va, unsigned int level)
{
	long slot = page_new();

	MUST(slot);
	MUST(sys_table_bind(ctx_slot(), va, level, (unsigned long)slot));
}

static __attribute__((noreturn)) void hammer(void)
{
	const struct start_grant *g = start_grant("shared");
	unsigned int slots, copies, me = (unsigned int)g->value;
	unsigned long va = AREA;

	shared = vm_attach(g->slot, 1, RW);
	table(AREA, 1);
	table(AREA, 0);
	table(AREA + N * PAGE_SIZE, 0);
	slots = slot_alloc_run(N);
	copies = slot_alloc_run(WIDE);
	for (unsigned int i = 0; i < N; i++)
		MUST(sys_page_alloc(0, slots + i, FRAME_ANY, 0));
	__atomic_store_n(&shared->of[me].ready, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE) == 0)
		sys_wait(0, deadline_us(500));
	for (unsigned long round = 0; __atomic_load_n(&shared->stop, __ATOMIC_RELAXED) == 0; round++) {
		va ^= N * PAGE_SIZE;		/* bound elsewhere: a fence for each page */
		shared->of[me].wrong += sys_page_bind(ctx_slot(), va, slots, N, RW) != N;
		__atomic_fetch_add(&shared->of[me].done, 1, __ATOMIC_RELAXED);
		for (unsigned int i = 0; i < BATCH_MAX; i++)
			op[i] = (struct page_op){ .op = PAGE_OP_PROTECT, .va = va + i * PAGE_SIZE, .prot = RW | PROT_TRACK };
		shared->of[me].wrong += sys_page_batch(ctx_slot(), op, BATCH_MAX) != BATCH_MAX;
		__atomic_fetch_add(&shared->of[me].done, 1, __ATOMIC_RELAXED);
		if (round % 16 != me)
			continue;
		for (unsigned int i = 0; i < WIDE; i++)
			shared->of[me].wrong += sys_cap_copy(0, slots, copies + i, RW, 0, 0) != 0;
		while (sys_cap_revoke(slots) == 1)
			__atomic_fetch_add(&shared->of[me].done, 1, __ATOMIC_RELAXED);
	}
	exit(0);
}

/* Each of the others has ended so many long calls, counted from what it had ended before. */
static bool got_on(unsigned int n, const uint64_t before[], uint64_t calls)
{
	for (unsigned int i = 1; i < n; i++)
		if (__atomic_load_n(&shared->of[i].done, __ATOMIC_RELAXED) < before[i] + calls)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	unsigned int n = exposed_system()->nharts, slot, calls = exposed_system()->fences_page == 0 ? 2000 : 50;	/* the debug kernel audits */
	uint64_t before[HARTS] = { 0 }, beside = 0;
	unsigned long end, start, longest = 0;
	struct cap_info info;
	struct proc p[HARTS];

	if (argc > 1 && strcmp(argv[1], "hammer") == 0)
		hammer();
	shared = vm_share(PAGE_SIZE, &slot);
	MUST(shared != NULL ? 0 : -E_NOMEM);
	memset(shared, 0, sizeof(*shared));
	for (unsigned int i = 1; i < n; i++) {
		struct proc_grant give = { .name = "shared", .slot = slot, .rights = RW, .value = i };
		struct child c = { .name = "p7_lock", .role = "hammer", .pages = 760, .count = 60, .grants = &give, .ngrants = 1, .hart = i };

		MUST(child(&c, &p[i]));
		AWAIT(__atomic_load_n(&shared->of[i].ready, __ATOMIC_ACQUIRE) == 1);
	}
	__atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
	end = deadline_us(40000000);
	while (!got_on(n, before, 1) && time_now() < end)
		sys_wait(0, deadline_us(1000));
	CHECK(got_on(n, before, 1));
	for (unsigned int i = 1; i < n; i++)
		before[i] = __atomic_load_n(&shared->of[i].done, __ATOMIC_RELAXED);
	while ((beside < calls || !got_on(n, before, 3)) && time_now() < end) {
		start = time_now();
		CHECK_IS(sys_cap_info(self_slot(), &info), 0);
		beside++;
		longest = time_now() - start > longest ? time_now() - start : longest;
	}
	CHECK(beside >= calls);
	CHECK(got_on(n, before, 3));
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	printf("%lu short calls, the longest %lu ticks; long calls meanwhile:", beside, longest);
	for (unsigned int i = 1; i < n; i++)
		printf(" %lu", shared->of[i].done - before[i]);
	printf("\n");
	for (unsigned int i = 1; i < n; i++) {
		CHECK_IS(proc_wait(&p[i], PATIENCE, NULL), PROC_EXITED);
		CHECK_IS(shared->of[i].wrong, 0);
		CHECK_IS(proc_end(&p[i]), 0);
	}
	return verdict();
}
