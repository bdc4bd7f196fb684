/*
 * m4_pte_bits.c - M4, M5: of all protection words only the documented ones pass, and a leaf holds only the allowed bits
 *
 * The leaf table is bound read-only, so each entry that the kernel wrote can be looked at.
 */
#include "check.h"

#define VA 0x1000000000ul	/* nothing there */
#define PTE_V 0x01ul
#define PTE_R 0x02ul
#define PTE_W 0x04ul
#define PTE_X 0x08ul
#define PTE_U 0x10ul
#define PTE_G 0x20ul
#define PTE_A 0x40ul
#define PTE_D 0x80ul

static bool documented(unsigned long prot)
{
	return prot < 16 && (prot & 7) != 0 && (prot & (PROT_R | PROT_W)) != PROT_W;
}

static uint64_t flags_of(unsigned long prot)
{
	uint64_t f = PTE_V | PTE_U;

	f |= prot & PROT_R ? PTE_R : 0;
	f |= prot & PROT_W ? PTE_W : 0;
	f |= prot & PROT_X ? PTE_X : 0;
	return f;
}

int main(void)
{
	unsigned int middle, leaf_slot, page;
	volatile uint64_t *leaf = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	struct cap_info info;
	struct page_op op;
	uint64_t entry;

	MUST(middle = (unsigned int)page_new());
	MUST(leaf_slot = (unsigned int)page_new());
	MUST(page = (unsigned int)page_new());
	MUST(sys_table_bind(ctx_slot(), VA, 1, middle));
	MUST(sys_table_bind(ctx_slot(), VA, 0, leaf_slot));
	MUST(vm_page(leaf_slot, (void *)leaf, PROT_R));
	MUST(sys_cap_info(page, &info));

	for (unsigned long prot = 0; prot < 4096; prot++) {
		if (!documented(prot)) {
			CHECK_IS(sys_page_bind(ctx_slot(), VA, page, 1, prot), -E_INVAL);
			CHECK_IS(leaf[0], 0);
			continue;
		}
		CHECK_IS(sys_page_bind(ctx_slot(), VA, page, 1, prot), 1);
		entry = leaf[0];
		CHECK_IS(entry >> 10, info.object);
		CHECK_IS(entry & ~(PTE_A | PTE_D) & 0x3ff, flags_of(prot));
		CHECK((entry & PTE_G) == 0);
		CHECK_IS(sys_page_unbind(ctx_slot(), VA, 1), 1);
		CHECK_IS(leaf[0], 0);
	}
	for (int bit = 4; bit < 64; bit++) {
		CHECK_IS(sys_page_bind(ctx_slot(), VA, page, 1, 1ul << bit | PROT_R), -E_INVAL);
		CHECK_IS(leaf[0], 0);
	}

	/* The same through protect and through the vectored call. */
	CHECK_IS(sys_page_bind(ctx_slot(), VA, page, 1, PROT_R), 1);
	entry = leaf[0];
	for (unsigned long prot = 0; prot < 256; prot++) {
		long want = documented(prot) ? 1 : -E_INVAL;

		CHECK_IS(sys_page_protect(ctx_slot(), VA, 1, prot), want);
		op = (struct page_op){ .op = PAGE_OP_PROTECT, .prot = (uint8_t)prot, .va = VA, .result = 77 };
		CHECK_IS(sys_page_batch(ctx_slot(), &op, 1), 1);
		CHECK_IS(op.result, documented(prot) ? 0 : -E_INVAL);
		op = (struct page_op){ .op = PAGE_OP_BIND, .prot = (uint8_t)prot, .slot = page, .va = VA, .result = 77 };
		CHECK_IS(sys_page_batch(ctx_slot(), &op, 1), 1);
		CHECK_IS(op.result, documented(prot) ? 0 : -E_INVAL);
		if (documented(prot))
			entry = leaf[0];
		CHECK_IS(leaf[0], entry);
		CHECK_IS(entry >> 10, info.object);
		CHECK((entry & PTE_G) == 0 && (entry & PTE_U) != 0);
	}
	op = (struct page_op){ .op = 3, .va = VA };
	CHECK_IS(sys_page_batch(ctx_slot(), &op, 1), 1);
	CHECK_IS(op.result, -E_INVAL);
	op = (struct page_op){ .op = PAGE_OP_UNBIND, .zero = 1, .va = VA };
	CHECK_IS(sys_page_batch(ctx_slot(), &op, 1), 1);
	CHECK_IS(op.result, -E_INVAL);

	/* Tracking: the entry starts clean; the hardware, or a fault, tells of the first use. */
	CHECK_IS(sys_page_bind(ctx_slot(), VA, page, 1, PROT_R | PROT_W | PROT_TRACK), 1);
	CHECK_IS(leaf[0] & (PTE_A | PTE_D), 0);
	fault_of_load(VA);
	CHECK((leaf[0] & PTE_A) != 0 || last_fault.tval == VA);
	return verdict();
}
