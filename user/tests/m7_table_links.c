/*
 * m7_table_links.c - M7: tables at the wrong level, twice, in a circle, under two roots
 */
#include "check.h"

#define FAR 0x1000000000ul

int main(void)
{
	unsigned int t, u, root, page;

	MUST(t = (unsigned int)page_new());
	MUST(u = (unsigned int)page_new());
	MUST(root = (unsigned int)page_new());
	MUST(page = (unsigned int)page_new());

	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 0, t), -E_NOTABLE);
	CHECK_IS(sys_page_bind(ctx_slot(), FAR, page, 1, PROT_R), -E_NOTABLE);
	for (unsigned long level = 2; level < 66; level++)
		CHECK_IS(sys_table_bind(ctx_slot(), FAR, level, t), -E_INVAL);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, ~0ul, t), -E_INVAL);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 1, t), 0);

	/* The same page again: at the same place, below itself, elsewhere, in another context. */
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 1, t), -E_NOCAP);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 0, t), -E_NOCAP);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR + (1ul << 30), 1, t), -E_NOCAP);
	CHECK_IS(sys_ctx_create(root), 0);
	CHECK_IS(sys_table_bind(root, FAR, 1, t), -E_NOCAP);
	/* A root as a table, a context as a page. */
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 0, root), -E_NOCAP);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 0, ctx_slot()), -E_NOCAP);
	CHECK_IS(sys_page_bind(ctx_slot(), FAR, root, 1, PROT_R), -E_NOCAP);
	/* A second table where there is one. */
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 1, u), -E_EXISTS);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR, 0, u), 0);
	CHECK_IS(sys_table_bind(ctx_slot(), FAR + PAGE_SIZE, 0, page), -E_EXISTS);

	/* Out again only from below, and only when empty. */
	CHECK_IS(sys_page_bind(ctx_slot(), FAR, page, 1, PROT_R | PROT_W), 1);
	CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 0), -E_BUSY);
	CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 1), -E_BUSY);
	CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 2), -E_INVAL);
	CHECK_IS(sys_cap_delete(page), 0);	/* unbinds */
	CHECK_IS(fault_of_load(FAR), 13);
	CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 0), 0);
	CHECK_IS(sys_table_unbind(ctx_slot(), FAR, 1), 0);
	CHECK_IS(sys_cap_delete(t), 0);
	CHECK_IS(sys_cap_delete(u), 0);
	CHECK_IS(sys_object_end(root), 0);
	CHECK_IS(sys_cap_delete(root), 0);
	return verdict();
}
