/*
 * long_calls.c - P6: the most that one call can be asked to do with pages, for test/harness/longest.py to count
 *
 * Each does all that it was asked, for what a call accepts is bounded; but page_batch(), which does a part, and is called again.
 */
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

int main(void)
{
	unsigned int copies = slot_alloc_run(N);

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
	return verdict();
}
