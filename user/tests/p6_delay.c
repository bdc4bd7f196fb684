/*
 * p6_delay.c - P6: long calls without a pause, and what they delay: a deadline on the same hart, and one on another hart
 *
 * While the kernel works for the one, interrupts are off. So the other is late by the rest of one stay, after what it has to wait anyhow: on the
 * same hart for the end of the slice of somebody else. On another hart it waits for the lock, for one stay of each hart that is in the queue
 * before it. A stay is no longer than stay.h says. The emulator counts instructions: 2^ICOUNT nanoseconds for each.
 */
/* guest: harts=1,2,4 icount=3 */
#include "contest.h"
#include "stay.h"

#define ICOUNT		3
#define HARTS		8
#define N		PAGES_MAX
#define AREA		0x3000000000ul		/* N pages, and N more behind them */
#define DEADLINES	150
#define RW		(PROT_R | PROT_W)

struct shared {
	uint64_t stop;
	struct {
		uint64_t done, wrong, ended, latest;	/* done: long calls, or deadlines */
		uint64_t zero[4];
	} of[HARTS + 1];
};

static struct shared *shared;

/* Ticks that a stay may take. */
static unsigned long stay_ticks(void)
{
	return (unsigned long)STAY_MOST * exposed_system()->timebase_hz / (1000000000ul >> ICOUNT);
}

static void table(unsigned long va, unsigned int level)
{
	long slot = page_new();

	MUST(slot);
	MUST(sys_table_bind(ctx_slot(), va, level, (unsigned long)slot));
}

static __attribute__((noreturn)) void end(unsigned int me)
{
	__atomic_store_n(&shared->of[me].ended, 1, __ATOMIC_RELEASE);
	for (;;)
		sys_wait(EV_USER(9), 0);
}

static unsigned int attach(void)
{
	const struct start_grant *g = start_grant("shared");

	shared = vm_attach(g->slot, 1, RW);
	return (unsigned int)g->value;
}

static __attribute__((noreturn)) void hammer(void)
{
	unsigned int slots, me = attach();
	unsigned long va = AREA;

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
	end(me);
}

/* How late one deadline after the other is met, at most. */
static void meet_deadlines(unsigned int me, unsigned int n)
{
	uint64_t random = 88172645463325252ull + me;

	for (unsigned int k = 0; k < n; k++) {
		unsigned long at = time_now() + 1000 + random_next(&random) % (4 * exposed_hart(0)->slice_ticks), now;

		do {
			sys_wait(0, at);
			now = time_now();
		} while (now < at);
		if (now - at > shared->of[me].latest)
			shared->of[me].latest = now - at;
		shared->of[me].done++;
	}
}

static void start(const char *role, unsigned int hart, unsigned int first, unsigned int count, unsigned int slot, unsigned int me)
{
	struct proc_grant give = { .name = "shared", .slot = slot, .rights = RW, .value = me };
	struct child c = { .name = "p6_delay", .role = role, .pages = strcmp(role, "hammer") == 0 ? 700 : 0, .first = first, .count = count,
			   .grants = &give, .ngrants = 1, .hart = hart };
	struct proc p;

	MUST(child(&c, &p));
}

/* Nobody may be later than this, but for the slice of somebody else: stays of so many harts, one after the other. */
static void judge(const char *what, unsigned int me, unsigned long slices, unsigned int stays)
{
	unsigned long late = shared->of[me].latest, anyhow = slices * exposed_hart(0)->slice_ticks;

	printf("%s: at most %lu ticks late, of which %lu are slices; %u stays may take %lu\n", what, late, anyhow, stays, stays * stay_ticks());
	if (shares_count())
		CHECK(late <= anyhow + stays * stay_ticks());
}

int main(int argc, char **argv)
{
	unsigned int n = exposed_system()->nharts, slot, deadlines = shares_count() ? DEADLINES : 10;

	if (is_role(argc, argv, "hammer"))
		hammer();
	if (is_role(argc, argv, "victim")) {
		slot = attach();
		meet_deadlines(slot, shares_count() ? DEADLINES : 10);
		end(slot);
	}
	shared = vm_share(PAGE_SIZE, &slot);
	MUST(shared != NULL ? 0 : -E_NOMEM);
	memset(shared, 0, sizeof(*shared));

	/* On this hart one slice is the hammer's: its runs are one slice long, again and again while nobody else wants the time. */
	start("hammer", 0, 16, 1, slot, 0);
	AWAIT(shared->of[0].done > 2);
	meet_deadlines(HARTS, deadlines);
	CHECK(shared->of[0].done > 10);
	judge("on the same hart", HARTS, 1, 1);

	/* One on hart 1, with hammers on all others. */
	if (n > 1) {
		for (unsigned int i = 2; i < n; i++)
			start("hammer", i, 0, 60, slot, i);
		for (unsigned int i = 2; i < n; i++)
			AWAIT(shared->of[i].done > 2);
		start("victim", 1, 0, 60, slot, 1);
		AWAIT(shared->of[1].ended == 1);
		CHECK_IS(shared->of[1].done, deadlines);
		judge("on another hart", 1, 0, n - 1);
	}
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < n; i++) {
		AWAIT(shared->of[i].ended == 1);
		CHECK_IS(shared->of[i].ended, 1);
		CHECK_IS(shared->of[i].wrong, 0);
	}
	return verdict();
}
