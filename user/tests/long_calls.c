/*
 * long_calls.c - P6: the most that one call can be asked to do with pages, for test/harness/longest.py to count
 *
 * Each does all that it was asked, for what a call accepts is bounded; but page_batch(), which does a part, and is called again. What the
 * kernel takes by force is there too: a page that as many capabilities stand for as may be, each with a binding.
 * No stay may be longer than stay.h says: test/qemu/test_longest.py.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define N	PAGES_MAX
#define RW	(PROT_R | PROT_W)
#define AREA	0x3000000000ul		/* two leaf tables; a range that begins in the middle of the first needs both */
#define MIDDLE	(AREA + N / 2 * PAGE_SIZE)
#define OTHER	(AREA + 3 * N * PAGE_SIZE)	/* and two more */

static unsigned int slots;
static struct page_op op[N] __attribute__((aligned(PAGE_SIZE)));

static void table(unsigned long va, unsigned int level)
{
	long slot = page_new();

	MUST(slot);
	MUST(sys_table_bind(ctx_slot(), va, level, (unsigned long)slot));
}

static void all(unsigned int kind, unsigned long va, unsigned int prot)
{
	for (unsigned int i = 0; i < N; i++)
		op[i] = (struct page_op){ .op = kind, .va = va + i * PAGE_SIZE, .slot = slots + i, .prot = prot };
	for (unsigned int i = 0; i < N; i += BATCH_MAX)
		CHECK_IS(sys_page_batch(ctx_slot(), op + i, N - i), BATCH_MAX);
	for (unsigned int i = 0; i < N; i++)
		if (op[i].result < 0)
			CHECK_IS(op[i].result, 0);
}

/* The largest page that there is: it is zeroed, for it was somebody else's. */
static void large_page(void)
{
	const volatile struct exposed_system *s = exposed_system();
	unsigned int slot = slot_alloc();
	volatile char *at = (volatile char *)(AREA + (1ul << 30));
	long frame = -E_NOMEM;

	table(AREA + (1ul << 30), 1);
	for (unsigned long f = (s->first_frame + 511) & ~511ul; frame < 0 && f + 512 <= s->first_frame + s->nframes; f += 512)
		frame = sys_page_alloc(0, slot, f, 1);
	MUST(frame);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)at, slot, 1, RW), 1);
	for (unsigned long k = 0; k < 512; k++)
		CHECK_IS(at[k * PAGE_SIZE], 0);
	MUST(sys_cap_delete(slot));
}

/* One that borrows, and would rather lose first the page that stands in its list: the one with all the copies. */
static __attribute__((noreturn)) void borrower(void)
{
	static uint32_t list[1];
	unsigned int copies = slot_alloc_run(CAP_LIST_MAX - 1), page = slot_alloc();

	sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0);
	sys_env_set(0, ENV_HANDLER, UP_REPOSSESS, 0);
	table(AREA, 1);
	table(AREA, 0);
	MUST(sys_page_alloc(0, page, FRAME_ANY, 0));
	for (unsigned int i = 0; i < CAP_LIST_MAX - 1; i++)
		MUST(sys_cap_copy(0, page, copies + i, RW, 0, 0));
	MUST(sys_page_bind(ctx_slot(), AREA, copies, CAP_LIST_MAX - 1, RW));
	while (exposed_env_of(self_env())->held < exposed_env_of(self_env())->guarantee + 40)
		MUST(page_new());
	list[0] = page;
	((struct uarea *)uarea())->offer = (uint64_t)list;
	((struct uarea *)uarea())->noffer = 1;
	MUST(sys_notify(start_slot("peer"), EV_USER(1)));
	for (;;)
		sys_wait(EV_USER(0), 0);
}

static void taken_by_force(unsigned int hart)
{
	struct proc_grant peer = { .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "long_calls", .role = "borrower", .pages = 300, .first = 8, .count = 16, .hart = hart, .stopped = true,
			   .grants = &peer, .ngrants = 1 };
	const volatile struct exposed_env *e;
	struct proc p;

	event_clear(EV_USER(1));
	MUST(child(&c, &p));
	MUST(sys_env_set(p.env, ENV_BORROW, 1000, 0));
	MUST(proc_run(&p));
	CHECK_IS(event_wait(EV_USER(1), PATIENCE), EV_USER(1));
	e = exposed_env_of(p.id);
	CHECK(sys_env_ask(p.env, REVOKE_PAGES, 20, time_now()) > 0);
	AWAIT(e->lost >= CAP_LIST_MAX);
	CHECK(e->lost >= CAP_LIST_MAX);
	CHECK_IS(proc_end(&p), 0);
}

int main(int argc, char **argv)
{
	unsigned int copies;

	if (argc > 1 && strcmp(argv[1], "borrower") == 0)
		borrower();
	copies = slot_alloc_run(N);
	table(AREA, 1);
	for (unsigned int i = 0; i < 5; i++)
		table(AREA + i * N * PAGE_SIZE, 0);
	slots = slot_alloc_run(N);
	for (unsigned int i = 0; i < N; i++)
		MUST(sys_page_alloc(0, slots + i, FRAME_ANY, 0));

	/* Pages that are bound elsewhere, one fence each; over a range where others stand; and away from both. */
	CHECK_IS(sys_page_bind(ctx_slot(), OTHER, slots, N, RW), N);
	CHECK_IS(sys_page_bind(ctx_slot(), MIDDLE, slots, N, RW), N);
	for (unsigned int i = 0; i < N; i++)
		MUST(sys_cap_copy(0, slots + i, copies + i, RW, 0, 0));
	CHECK_IS(sys_page_bind(ctx_slot(), OTHER, copies, N, RW), N);
	CHECK_IS(sys_page_bind(ctx_slot(), OTHER, slots, N, RW), N);
	CHECK_IS(sys_page_protect(ctx_slot(), OTHER, N, PROT_R), N);
	CHECK_IS(sys_page_protect(ctx_slot(), OTHER, N, RW | PROT_TRACK), N);
	all(PAGE_OP_BIND, MIDDLE, RW);
	all(PAGE_OP_PROTECT, MIDDLE, PROT_R | PROT_TRACK);
	all(PAGE_OP_BIND, OTHER, RW);
	all(PAGE_OP_UNBIND, OTHER, 0);
	CHECK_IS(sys_page_bind(ctx_slot(), MIDDLE, copies, N, RW), N);
	CHECK_IS(sys_page_unbind(ctx_slot(), MIDDLE, N), N);
	for (unsigned int i = 0; i < N; i++) {
		MUST(sys_cap_delete(copies + i));
		MUST(sys_cap_delete(slots + i));
	}

	/* Many copies of one page, each bound somewhere. */
	MUST(sys_page_alloc(0, slots, FRAME_ANY, 0));
	for (unsigned int i = 0; i < N / 2; i++)
		MUST(sys_cap_copy(0, slots, copies + i, RW, 0, 0));
	MUST(sys_page_bind(ctx_slot(), MIDDLE, copies, N / 2, RW));
	while (sys_cap_revoke(slots) == 1)
		;
	CHECK_IS(sys_cap_delete(slots), 0);
	large_page();
	for (unsigned int i = 0; i < exposed_system()->nharts; i++)
		taken_by_force(i);
	return verdict();
}
