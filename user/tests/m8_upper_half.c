/*
 * m8_upper_half.c - M8: nothing of the program ever stands in the kernel's half, at its edge, or at an address that does not exist
 */
#include "check.h"

int main(void)
{
	static const uint64_t edges[] = {
		0x4000000000ul, 0x4000001000ul, 0x7ffffff000ul, 0x8000000000ul, 0x3fffffffffff000ul, 0x7ffffffffffff000ul,
		0x8000000000000000ul, 0xffffffbffffff000ul, 0xffffffc000000000ul, 0xffffffc080000000ul, 0xffffffff80000000ul,
		0xffffffff80200000ul, 0xfffffffffffff000ul,
	};
	unsigned int slot;
	struct page_op op;

	MUST(slot = (unsigned int)page_new());
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		uint64_t va = edges[i];

		CHECK_IS(sys_page_bind(ctx_slot(), va, slot, 1, PROT_R | PROT_W), -E_INVAL);
		CHECK_IS(sys_page_unbind(ctx_slot(), va, 1), -E_INVAL);
		CHECK_IS(sys_page_protect(ctx_slot(), va, 1, PROT_R), -E_INVAL);
		CHECK_IS(sys_table_bind(ctx_slot(), va, 1, slot), -E_INVAL);
		CHECK_IS(sys_table_bind(ctx_slot(), va, 0, slot), -E_INVAL);
		CHECK_IS(sys_table_unbind(ctx_slot(), va, 0), -E_INVAL);
		CHECK_IS(sys_table_unbind(ctx_slot(), va, 1), -E_INVAL);
		CHECK_IS(sys_expose_bind(ctx_slot(), va, EXPOSE_SYSTEM, 0, 1, 0), -E_INVAL);
		CHECK_IS(sys_env_set(0, ENV_HANDLER, UP_EVENT, va), -E_INVAL);
		CHECK_IS(sys_env_set(0, ENV_RESUME, va, va + 16), -E_INVAL);
		CHECK_IS(sys_env_set(0, ENV_UAREA, slot, va), -E_INVAL);
		for (uint8_t o = 0; o < 3; o++) {
			op = (struct page_op){ .op = o, .prot = PROT_R, .slot = slot, .va = va };
			CHECK_IS(sys_page_batch(ctx_slot(), &op, 1), 1);
			CHECK_IS(op.result, -E_INVAL);
		}
		CHECK_IS(sys_page_batch(ctx_slot(), (struct page_op *)va, 1), -E_FAULT);
		/* And none of it can be read, written or run. */
		CHECK(fault_of_load(va) == 13 || last_fault.cause == 5);
		CHECK(fault_of_store(va) == 15 || last_fault.cause == 7);
		CHECK(fault_of_jump(va) == 12 || last_fault.cause == 1);
	}

	/* Runs of pages that begin below the edge and end above it, or wrap. */
	for (unsigned long n = 2; n <= PAGES_MAX; n *= 2) {
		CHECK_IS(sys_page_unbind(ctx_slot(), 0x4000000000ul - PAGE_SIZE, n), -E_INVAL);
		CHECK_IS(sys_page_protect(ctx_slot(), 0x4000000000ul - PAGE_SIZE, n, PROT_R), -E_INVAL);
		CHECK_IS(sys_page_bind(ctx_slot(), 0x4000000000ul - PAGE_SIZE, slot, n, PROT_R), -E_INVAL);
		CHECK_IS(sys_expose_bind(ctx_slot(), 0x4000000000ul - PAGE_SIZE, EXPOSE_ENVS, 0, n, 0), -E_INVAL);
	}
	static const unsigned long counts[] = { 0, PAGES_MAX + 1, 1ul << 32, 1ul << 52, (1ul << 52) + 1, 1ul << 63, ~0ul };
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		CHECK_IS(sys_page_bind(ctx_slot(), 0x1000000000ul, slot, counts[i], PROT_R), -E_INVAL);
		CHECK_IS(sys_page_unbind(ctx_slot(), 0x1000000000ul, counts[i]), -E_INVAL);
		CHECK_IS(sys_page_protect(ctx_slot(), 0x1000000000ul, counts[i], PROT_R), -E_INVAL);
		CHECK_IS(sys_expose_bind(ctx_slot(), 0x1000000000ul, EXPOSE_SYSTEM, 0, counts[i], 0), -E_INVAL);
		CHECK_IS(sys_page_batch(ctx_slot(), &op, counts[i]), -E_INVAL);
	}
	for (int bit = 0; bit < 12; bit++) {
		CHECK_IS(sys_page_bind(ctx_slot(), 0x1000000000ul + (1ul << bit), slot, 1, PROT_R), -E_INVAL);
		CHECK_IS(sys_page_unbind(ctx_slot(), 0x1000000000ul + (1ul << bit), 1), -E_INVAL);
		CHECK_IS(sys_env_set(0, ENV_UAREA, slot, 0x1000000000ul + (1ul << bit)), -E_INVAL);
	}
	/* The last page of the lower half is an address like any other. */
	MUST(vm_table(ctx_slot(), 0x4000000000ul - PAGE_SIZE, 0));
	CHECK_IS(sys_page_bind(ctx_slot(), 0x4000000000ul - PAGE_SIZE, slot, 1, PROT_R | PROT_W), 1);
	CHECK_IS(fault_of_store(0x4000000000ul - 1), -1);
	return verdict();
}
