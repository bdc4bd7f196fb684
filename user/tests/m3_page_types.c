/*
 * m3_page_types.c - M3: what can be written is no table or kernel object, and the other way round
 */
#include "check.h"

#define VA 0x1000000000ul	/* nothing there */

static unsigned int shared_slot;

/* Every way to make something of a page, which all must refuse. */
static void refused_everywhere(unsigned int slot, long want)
{
	CHECK_IS(sys_table_bind(ctx_slot(), VA, 1, slot), want);
	CHECK_IS(sys_ctx_create(slot), want);
	CHECK_IS(sys_env_create(slot, 0), want);
	CHECK_IS(sys_env_captab(0, slot), want);
	CHECK_IS(sys_ring_create(slot, shared_slot, 0), want);
}

int main(void)
{
	unsigned int slot, copy = slot_alloc();
	struct cap_info info;
	uint64_t *leaf;
	void *va;
	long r;

	shared_slot = test_page(&va, PROT_R | PROT_W);

	/* Bound for writing; bound for reading. */
	slot = test_page(&va, PROT_R | PROT_W);
	refused_everywhere(slot, -E_TYPE);
	vm_forget(va);
	MUST(vm_page(slot, va, PROT_R));
	refused_everywhere(slot, -E_TYPE);
	vm_forget(va);

	/* A copy exists. */
	CHECK_IS(sys_cap_copy(0, slot, copy, PROT_R, 0, 0), 0);
	refused_everywhere(slot, -E_TYPE);
	refused_everywhere(copy, -E_RIGHTS);
	CHECK_IS(sys_cap_delete(copy), 0);

	/* Pinned: as the page that a ring shares. */
	r = page_new();
	MUST(r);
	CHECK_IS(sys_ring_create((unsigned long)r, slot, 1), 0);
	refused_everywhere(slot, -E_TYPE);
	CHECK_IS(sys_object_end((unsigned long)r), 0);
	slot_delete((unsigned int)r);

	/* As a table it can be read, and not written, copied or made anything else. */
	CHECK_IS(sys_table_bind(ctx_slot(), VA, 1, slot), 0);
	CHECK_IS(sys_cap_info(slot, &info), 0);
	CHECK_IS(info.type, CAP_TABLE);
	refused_everywhere(slot, -E_NOCAP);
	CHECK_IS(sys_cap_copy(0, slot, copy, PROT_R, 0, 0), -E_TYPE);
	CHECK_IS(sys_cap_delete(slot), -E_BUSY);
	leaf = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_table(ctx_slot(), (uint64_t)leaf, 0));
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)leaf, slot, 1, PROT_R | PROT_W), -E_TYPE);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)leaf, slot, 1, PROT_R | PROT_X), -E_TYPE);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)leaf, slot, 1, PROT_R), 1);
	for (int i = 0; i < 512; i++)
		CHECK(leaf[i] == 0);
	CHECK_IS(sys_page_protect(ctx_slot(), (unsigned long)leaf, 1, PROT_R | PROT_W), -E_RIGHTS);
	CHECK_IS(fault_of_store((unsigned long)leaf), 15);

	/* The table fills while it is read. */
	MUST(r = page_new());
	CHECK_IS(sys_table_bind(ctx_slot(), VA, 0, (unsigned long)r), 0);
	CHECK(leaf[0] != 0);
	CHECK_IS(sys_table_unbind(ctx_slot(), VA, 1), -E_BUSY);
	CHECK_IS(sys_table_unbind(ctx_slot(), VA, 0), 0);
	CHECK_IS(leaf[0], 0);
	CHECK_IS(sys_table_unbind(ctx_slot(), VA, 1), 0);
	CHECK_IS(sys_table_unbind(ctx_slot(), VA, 1), -E_NOTABLE);
	CHECK_IS(sys_cap_info(slot, &info), 0);
	CHECK_IS(info.type, CAP_PAGE);

	/* Back as a page it is zero and its own again. */
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)leaf, slot, 1, PROT_R | PROT_W), 1);
	for (int i = 0; i < 512; i++)
		CHECK(leaf[i] == 0);
	CHECK_IS(fault_of_store((unsigned long)leaf), -1);
	return verdict();
}
