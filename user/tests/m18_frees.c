/*
 * m18_frees.c - M18, S12: freed twice, freed while shared, used after it was freed; and what is new is zero
 */
#include "check.h"

static int role(void)
{
	char *m = vm_map(600 * PAGE_SIZE, PROT_R | PROT_W);

	memset(m, 0xa5, 600 * PAGE_SIZE);
	return 0;
}

int main(int argc, char **argv)
{
	struct child c = { .name = "m18_frees", .role = "secret", .first = 8, .count = 16, .pages = 1000 };
	unsigned int slot, copy = slot_alloc(), grandchild = slot_alloc(), first;
	uint32_t before, held;
	uint64_t *p, *q;
	struct proc child_proc;
	void *va, *vb;

	(void)argv;
	if (argc > 1)
		return role();
	slot = test_page(&va, PROT_R | PROT_W);
	vb = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_table(ctx_slot(), (uint64_t)vb, 0));
	held = pages_held();
	before = frames_free();

	/* A copy keeps the page alive; the last one frees it, once. */
	p = va;
	q = vb;
	*p = 77;
	CHECK_IS(sys_cap_copy(0, slot, copy, PROT_R, 0, 0), 0);
	CHECK_IS(sys_cap_copy(0, copy, grandchild, PROT_R, 0, 0), 0);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)vb, grandchild, 1, PROT_R), 1);
	CHECK_IS(sys_cap_delete(slot), 0);
	CHECK_IS(sys_cap_delete(slot), -E_NOCAP);
	CHECK_IS(fault_of_load((unsigned long)va), 13);
	CHECK_IS(*q, 77);
	CHECK_IS(frames_free(), before);
	CHECK_IS(sys_cap_delete(copy), 0);
	CHECK_IS(*q, 77);
	CHECK_IS(sys_cap_delete(grandchild), 0);
	CHECK_IS(fault_of_load((unsigned long)vb), 13);
	CHECK_IS(frames_free(), before + 1);
	CHECK_IS(pages_held(), held - 1);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)vb, grandchild, 1, PROT_R), -E_NOCAP);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)va, slot, 1, PROT_R), -E_NOCAP);

	/* A revoke takes descendants and their bindings, not the page. */
	CHECK_IS(sys_page_alloc(0, slot, FRAME_ANY, 0) >= 0, 1);
	CHECK_IS(sys_cap_copy(0, slot, copy, PROT_R | PROT_W, 0, 0), 0);
	CHECK_IS(sys_cap_copy(0, copy, grandchild, PROT_R, 0, 0), 0);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)vb, grandchild, 1, PROT_R), 1);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)va, slot, 1, PROT_R), 1);
	CHECK_IS(sys_cap_revoke(slot), 0);
	CHECK_IS(fault_of_load((unsigned long)vb), 13);
	CHECK_IS(fault_of_load((unsigned long)va), -1);
	CHECK_IS(sys_cap_delete(copy), -E_NOCAP);
	CHECK_IS(sys_cap_delete(grandchild), -E_NOCAP);
	CHECK_IS(sys_cap_delete(slot), 0);

	/* What somebody else left in memory is gone when it is ours. */
	MUST(child(&c, &child_proc));
	CHECK_IS(proc_wait(&child_proc, deadline_us(5000000), NULL), PROC_EXITED);
	CHECK_IS(proc_end(&child_proc), 0);
	first = slot_alloc_run(700);
	for (unsigned int i = 0; i < 700; i++) {
		MUST(sys_page_alloc(0, first + i, FRAME_ANY, 0));
		MUST(sys_page_bind(ctx_slot(), (unsigned long)vb, first + i, 1, PROT_R));
		for (unsigned int k = 0; k < 512; k++)
			if (q[k] != 0)
				CHECK(!"a fresh page is not zero");
	}
	for (unsigned int i = 0; i < 700; i++)
		CHECK_IS(sys_cap_delete(first + i), 0);
	return verdict();
}
