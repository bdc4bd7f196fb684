/*
 * m13_fault_loop.c - M13: a page comes with the fault for it, at every kind of gap: one fault each, and the access succeeds at once
 *
 * The hardware may remember that nothing was there; a program cannot make it forget, so a fence that is missing would be a fault
 * without end.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define FAR	0x3000000000ul
#define ROUNDS	200

static unsigned int page, middle, leaf;
static volatile enum { PAGE_MISSING, LEAF_TABLE_MISSING, ALL_MISSING, READ_ONLY, NOT_EXECUTABLE } gap;
static volatile uint64_t faults;

/* Close the gap and try again. */
static bool serve(struct upcall_frame *f)
{
	unsigned long va = f->tval & ~(PAGE_SIZE - 1);

	faults++;
	if (va != FAR || faults > 3 * ROUNDS)
		return false;
	switch (gap) {
	case ALL_MISSING:
		if (sys_table_bind(ctx_slot(), FAR, 1, middle) != 0)
			return false;
		/* fall through */
	case LEAF_TABLE_MISSING:
		if (sys_table_bind(ctx_slot(), FAR, 0, leaf) != 0)
			return false;
		/* fall through */
	case PAGE_MISSING:
		return sys_page_bind(ctx_slot(), FAR, page, 1, PROT_R | PROT_W) == 1;
	case READ_ONLY:
		return sys_page_protect(ctx_slot(), FAR, 1, PROT_R | PROT_W) == 1;
	default:
		return sys_page_protect(ctx_slot(), FAR, 1, PROT_R | PROT_X) == 1;
	}
}

static void expect_one_fault(void (*access)(void))
{
	uint64_t before = faults;

	upcall_set_fault_handler(serve);
	access();
	CHECK_IS(faults, before + 1);
	access();
	CHECK_IS(faults, before + 1);
}

static void load(void) { (void)*(volatile uint64_t *)FAR; }
static void store(void) { *(volatile uint32_t *)FAR = 0x00008067; }	/* ret */
static void jump(void) { ((void (*)(void))FAR)(); }

int main(void)
{
	MUST(page = (unsigned int)page_new());
	MUST(middle = (unsigned int)page_new());
	MUST(leaf = (unsigned int)page_new());
	for (int n = 0; n < ROUNDS; n++) {
		gap = ALL_MISSING;
		expect_one_fault(n & 1 ? load : store);
		gap = PAGE_MISSING;
		CHECK_IS(sys_page_unbind(ctx_slot(), FAR, 1), 1);
		expect_one_fault(n & 1 ? store : load);
		gap = READ_ONLY;
		CHECK_IS(sys_page_protect(ctx_slot(), FAR, 1, PROT_R), 1);
		expect_one_fault(store);
		gap = NOT_EXECUTABLE;
		expect_one_fault(jump);
		gap = LEAF_TABLE_MISSING;
		CHECK_IS(sys_page_unbind(ctx_slot(), FAR, 1), 1);
		CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 0), 0);
		expect_one_fault(load);
		CHECK_IS(sys_page_unbind(ctx_slot(), FAR, 1), 1);
		CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 0), 0);
		CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 1), 0);
		faults = 0;
	}
	return verdict();
}
