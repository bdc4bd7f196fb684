/*
 * s1_pointers.c - S1, S3, S4: pointers and lengths that end nowhere, wrap, lie in the kernel, or name memory that must not be written
 */
#include "check.h"

static char *page, *last;	/* a page, and its last byte: nothing is bound behind it */

/* Addresses from which nothing can be read, and to which nothing can be written. */
static const unsigned long nowhere[] = {
	0, 1, 8, 0xfff, LAYOUT_END - 1, LAYOUT_END, 0x8000000000ul, 0x8000000000000000ul, 0xffffffbffffffff8ul,
	0xffffffc000000000ul, 0xffffffc080200000ul, 0xffffffff80000000ul, ~0ul - 4096, ~0ul - 7, ~0ul,
};
#define NOWHERES (sizeof(nowhere) / sizeof(nowhere[0]))

static void reading(void)
{
	unsigned int con = start_slot("console"), machine = start_slot("machine");
	struct page_op op = { .op = PAGE_OP_UNBIND, .va = 0x1000000000ul };

	for (size_t i = 0; i < NOWHERES; i++) {
		CHECK_IS(sys_console_write(con, (void *)nowhere[i], 1), -E_FAULT);
		CHECK_IS(sys_console_write(con, (void *)nowhere[i], ~0ul), -E_FAULT);
		CHECK_IS(sys_console_write(machine, (void *)nowhere[i], 16), -E_FAULT);
		CHECK_IS(sys_env_regs(0, 1, (void *)nowhere[i]), -E_INVAL);	/* oneself: refused before it is read */
		CHECK_IS(sys_page_batch(ctx_slot(), (void *)nowhere[i], 3), -E_FAULT);
	}
	/* Lengths: zero is nothing, too much is cut, and what is cut must be there as a whole. */
	CHECK_IS(sys_console_write(con, page, 0), 0);
	CHECK_IS(sys_console_write(con, "", 0), 0);
	CHECK_IS(sys_console_write(con, last, 2), -E_FAULT);
	CHECK_IS(sys_console_write(con, last - 10, CONSOLE_MAX + 1), -E_FAULT);
	CHECK_IS(sys_console_write(con, last, 1ul << 63), -E_FAULT);
	CHECK_IS(sys_console_write(con, last, ~0ul), -E_FAULT);
	*last = '\n';
	CHECK_IS(sys_console_write(con, last, 1), 1);
	/* Across the end of the page: an entry of which only a part is there. */
	memcpy(last + 1 - 16, &op, 16);
	CHECK_IS(sys_page_batch(ctx_slot(), (struct page_op *)(last + 1 - 16), 1), -E_FAULT);
	CHECK_IS(sys_page_batch(ctx_slot(), (struct page_op *)(last + 1 - 2 * sizeof(op)), 600), -E_INVAL);
	memcpy(last + 1 - 2 * sizeof(op), &op, sizeof(op));
	memcpy(last + 1 - sizeof(op), &op, sizeof(op));
	CHECK_IS(sys_page_batch(ctx_slot(), (struct page_op *)(last + 1 - 2 * sizeof(op)), 4), 2);
	/* Misaligned is as good as aligned: the copy is judged. */
	memcpy(page + 3, &op, sizeof(op));
	CHECK_IS(sys_page_batch(ctx_slot(), (struct page_op *)(page + 3), 1), 1);
}

static void writing(void)
{
	const unsigned int con = start_slot("console");
	struct cap_info info, *at;
	uint64_t before;

	for (size_t i = 0; i < NOWHERES; i++) {
		CHECK_IS(sys_cap_info(ctx_slot(), (void *)nowhere[i]), -E_FAULT);
		CHECK(sys_console_read(con, (void *)nowhere[i], 0) <= 0);
	}
	/* Read-only memory: own code, the start page, the kernel's bookkeeping, a page table. */
	CHECK_IS(sys_cap_info(ctx_slot(), (void *)0x10000), -E_FAULT);
	CHECK_IS(sys_cap_info(ctx_slot(), (void *)START_VA), -E_FAULT);
	CHECK_IS(sys_cap_info(ctx_slot(), (void *)exposed_system()), -E_FAULT);
	CHECK_IS(sys_cap_info(ctx_slot(), (void *)exposed_env(0)), -E_FAULT);

	/* Only a part is there: nothing of it is written. */
	memset(last + 1 - 64, 0x5a, 64);
	before = hash(last + 1 - 64, 64);
	for (size_t part = 1; part < sizeof(info); part++)
		CHECK_IS(sys_cap_info(ctx_slot(), (void *)(last + 1 - part)), -E_FAULT);
	CHECK_IS(hash(last + 1 - 64, 64), before);
	at = (struct cap_info *)(last + 1 - sizeof(info));
	CHECK_IS(sys_cap_info(ctx_slot(), at), 0);
	CHECK_IS(at->type, CAP_CTX);

	/* A page that was bound for reading only, while another address of the program may write it. */
	long slot = page_new();
	void *ro = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(slot);
	MUST(vm_page((unsigned int)slot, ro, PROT_R));
	CHECK_IS(sys_cap_info(ctx_slot(), ro), -E_FAULT);
	CHECK_IS(sys_page_batch(ctx_slot(), ro, 1), -E_FAULT);

	/* Its own u-area is its own memory. */
	CHECK_IS(sys_cap_info(ctx_slot(), (void *)(LAYOUT_UAREA + U_LIB)), 0);
	/* Executable memory can be read by the kernel only if the program could. */
	CHECK_IS(sys_console_write(con, (void *)(unsigned long)0x10000, 0), 0);
}

/* The list stands on a page that its own entries unbind. */
static void input_is_its_own_target(void)
{
	long slot = page_new();
	struct page_op *ops = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	long r;

	MUST(slot);
	MUST(vm_page((unsigned int)slot, ops, PROT_R | PROT_W));
	memset(ops, 0, PAGE_SIZE);
	ops[0] = (struct page_op){ .op = PAGE_OP_UNBIND, .va = 0x1000000000ul };
	ops[1] = (struct page_op){ .op = PAGE_OP_UNBIND, .va = (uint64_t)ops };
	ops[2] = (struct page_op){ .op = PAGE_OP_UNBIND, .va = 0x1000000000ul };
	r = sys_page_batch(ctx_slot(), ops, 3);
	CHECK(r == 2);
	CHECK_IS(fault_of_load((unsigned long)ops), 13);
	/* The same with read-only instead of nothing. */
	MUST(vm_page((unsigned int)slot, ops, PROT_R | PROT_W));
	ops[0] = (struct page_op){ .op = PAGE_OP_PROTECT, .prot = PROT_R, .va = (uint64_t)ops };
	CHECK(sys_page_batch(ctx_slot(), ops, 2) == 1);
	CHECK_IS(fault_of_store((unsigned long)ops), 15);
}

int main(void)
{
	void *va;

	test_page(&va, PROT_R | PROT_W);
	page = va;
	last = page + PAGE_SIZE - 1;
	exposed_env(0);
	reading();
	writing();
	input_is_its_own_target();
	return verdict();
}
