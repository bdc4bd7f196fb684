/*
 * m6_large_pages.c - M6: larger pages: misaligned, over frames of several owners, where a table stands
 */
#include "check.h"

#define LARGE (512 * PAGE_SIZE)
#define FAR 0x1000000000ul

int main(void)
{
	const volatile struct exposed_system *s = exposed_system();
	unsigned int slot = slot_alloc(), table;
	uint32_t first = s->first_frame, end = first + s->nframes, whole = 0, mixed = 0, before;
	struct cap_info info;
	volatile char *p;

	/* A 2 MiB stretch that is free, and one of which a part is not. */
	for (uint32_t f = (first + 511) & ~511u; f + 512 <= end; f += 512) {
		unsigned int n = 0;

		for (uint32_t i = 0; i < 512; i++)
			n += exposed_frame(f + i)->type == FRAME_FREE;
		if (n == 512 && f > end - (end - first) / 2)
			whole = f;
		else if (n > 0 && n < 512)
			mixed = f;
	}
	MUST(whole != 0 ? 0 : -E_NOMEM);
	before = frames_free();
	CHECK_IS(sys_page_alloc(0, slot, FRAME_ANY, 1), -E_INVAL);
	CHECK_IS(sys_page_alloc(0, slot, whole + 1, 1), -E_INVAL);
	CHECK_IS(sys_page_alloc(0, slot, whole + 511, 1), -E_INVAL);
	CHECK_IS(sys_page_alloc(0, slot, end & ~511u, 1), (end & 511) == 0 ? -E_INVAL : -E_NOMEM);
	for (unsigned long order = 2; order < 70; order++)
		CHECK_IS(sys_page_alloc(0, slot, whole, order), -E_INVAL);
	CHECK_IS(sys_page_alloc(0, slot, whole, ~0ul), -E_INVAL);
	if (mixed != 0)
		CHECK_IS(sys_page_alloc(0, slot, mixed, 1), -E_NOMEM);
	CHECK_IS(frames_free(), before);

	CHECK_IS(sys_page_alloc(0, slot, whole, 1), whole);
	CHECK_IS(frames_free(), before - 512);
	CHECK_IS(sys_page_alloc(0, slot, whole + 3, 0), -E_SLOT);
	CHECK_IS(sys_cap_info(slot, &info), 0);
	CHECK_IS(info.order, 1);
	/* No part of it becomes a table or object, and it is bound as a whole or not at all. */
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 1, slot), -E_TYPE);
	CHECK_IS(sys_ctx_create(slot), -E_TYPE);
	CHECK_IS(sys_env_set(0, ENV_UAREA, slot, FAR), -E_INVAL);
	MUST(vm_table(ctx_slot(), FAR, 1));
	for (int bit = 12; bit < 21; bit++)
		CHECK_IS(sys_page_bind(ctx_slot(), FAR + (1ul << bit), slot, 1, PROT_R), -E_INVAL);
	CHECK_IS(sys_page_bind(ctx_slot(), FAR, slot, 2, PROT_R), -E_INVAL);
	CHECK_IS(sys_page_bind(ctx_slot(), FAR, slot, 1, PROT_R | PROT_W), 1);
	p = (volatile char *)FAR;
	for (size_t i = 0; i < LARGE; i += PAGE_SIZE) {
		CHECK(p[i] == 0);
		p[i] = (char)(i / PAGE_SIZE);
	}

	/* A table cannot be hung where it is, nor it where a table is. */
	MUST(table = (unsigned int)page_new());
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 0, table), -E_EXISTS);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR + LARGE, 0, table), 0);
	CHECK_IS(sys_page_bind(ctx_slot(), FAR + LARGE, slot, 1, PROT_R), -E_BUSY);
	CHECK_IS(p[7 * PAGE_SIZE], 7);
	/* Protection of one 4 KiB piece is protection of all of it; unbinding too. */
	CHECK_IS(sys_page_protect(ctx_slot(), FAR + 5 * PAGE_SIZE, 1, PROT_R), 1);
	CHECK_IS(fault_of_store(FAR), 15);
	CHECK_IS(sys_page_unbind(ctx_slot(), FAR + 9 * PAGE_SIZE, 1), 1);
	CHECK_IS(fault_of_load(FAR + LARGE - 1), 13);
	CHECK_IS(sys_cap_delete(slot), 0);
	CHECK_IS(frames_free(), before - 2);
	return verdict();
}
