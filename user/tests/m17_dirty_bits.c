/*
 * m17_dirty_bits.c - M17, S12: dirty and accessed bits are the program's business; the kernel trusts none of them
 *
 * A program hides that it wrote a page, and gives the page up. Whoever gets the frame finds zeros.
 */
#include "check.h"

#define FAR	0x3000000000ul
#define PTE_A	0x40ul
#define PTE_D	0x80ul
#define PAGES	64
#define SECRET	0x5ec4e75ec4e7ul

static int role(void)
{
	unsigned int parent = start_slot("parent"), pages[PAGES], page;
	struct cap_info info;

	if (vm_table(ctx_slot(), FAR, 0) < 0)
		return 2;
	for (int n = 0; n < PAGES; n++) {
		page = pages[n] = (unsigned int)page_new();
		if (sys_page_bind(ctx_slot(), FAR, page, 1, PROT_R | PROT_W) != 1)
			return 3;
		for (int i = 0; i < 512; i++)
			((volatile uint64_t *)FAR)[i] = SECRET;
		/* Clean and never used, as the table tells. */
		if (sys_page_protect(ctx_slot(), FAR, 1, PROT_R | PROT_W | PROT_TRACK) != 1 || sys_cap_info(page, &info) != 0)
			return 4;
		if (n & 1 && sys_page_protect(ctx_slot(), FAR, 1, PROT_R | PROT_TRACK) != 1)
			return 5;
	}
	for (int n = 0; n < PAGES; n++)
		if (sys_cap_delete(pages[n]) != 0)
			return 6;
	sys_notify(parent, EV_USER(0));
	sys_wait(EV_USER(1), deadline_us(5000000));
	return 0;
}

int main(int argc, char **argv)
{
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "m17_dirty_bits", .role = "writer", .first = 20, .count = 8, .grants = &parent, .ngrants = 1 };
	unsigned int first, leaf_slot, page, seen = 0;
	volatile uint64_t *leaf, *p = (volatile uint64_t *)FAR;
	uint32_t writer;
	struct proc q;
	int status;

	(void)argv;
	if (argc > 1)
		return role();
	/* What the hardware tells of a page that is tracked. */
	MUST(vm_table(ctx_slot(), FAR, 1));
	MUST(leaf_slot = (unsigned int)page_new());
	MUST(page = (unsigned int)page_new());
	MUST(sys_table_bind(ctx_slot(), FAR, 0, leaf_slot));
	leaf = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_page(leaf_slot, (void *)leaf, PROT_R));
	CHECK_IS(sys_page_bind(ctx_slot(), FAR, page, 1, PROT_R | PROT_W | PROT_TRACK), 1);
	CHECK_IS(leaf[0] & (PTE_A | PTE_D), 0);
	(void)p[0];
	CHECK_IS(leaf[0] & (PTE_A | PTE_D), PTE_A);
	p[0] = 1;
	CHECK_IS(leaf[0] & (PTE_A | PTE_D), PTE_A | PTE_D);
	CHECK_IS(sys_page_protect(ctx_slot(), FAR, 1, PROT_R), 1);
	CHECK_IS(leaf[0] & (PTE_A | PTE_D), PTE_A | PTE_D);
	CHECK_IS(sys_page_protect(ctx_slot(), FAR, 1, PROT_R | PROT_W | PROT_TRACK), 1);
	CHECK_IS(leaf[0] & (PTE_A | PTE_D), 0);
	/* What the kernel writes on our behalf is dirty as well. */
	CHECK_IS(sys_cap_info(page, (struct cap_info *)FAR), 0);
	CHECK_IS(leaf[0] & PTE_D, PTE_D);

	first = slot_alloc_run(200);
	MUST(child(&c, &q));
	CHECK_IS(sys_wait(EV_USER(0), deadline_us(5000000)), EV_USER(0));
	writer = q.id;
	for (unsigned int i = 0; i < 200; i++) {
		const volatile struct frame *f;
		uint64_t frame = 0;

		/* First those that the kernel still knows to be the writer's. */
		for (uint32_t n = 0; n < exposed_system()->nframes && frame == 0; n++) {
			f = exposed_frame(exposed_system()->first_frame + n);
			if (f->type == FRAME_FREE && f->last_owner == writer)
				frame = exposed_system()->first_frame + n;
		}
		seen += frame != 0;
		MUST(sys_page_alloc(0, first + i, frame != 0 ? frame : FRAME_ANY, 0));
		MUST(sys_page_bind(ctx_slot(), FAR, first + i, 1, PROT_R));
		for (int w = 0; w < 512; w++)
			if (p[w] != 0) {
				CHECK(!"a fresh page is not zero");
				break;
			}
		if (frame == 0)
			break;
	}
	CHECK(seen > PAGES / 2);
	CHECK_IS(sys_notify(q.env, EV_USER(1)), 0);
	CHECK_IS(proc_wait(&q, deadline_us(5000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&q), 0);
	return verdict();
}
