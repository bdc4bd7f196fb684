/*
 * regions.c - regions that a program takes over, memory that two environments share, page tables that are read
 */
#include "check.h"

#define P	PAGE_SIZE
#define RW	(PROT_R | PROT_W)

/* ---- a handler ---- */

static volatile struct {
	unsigned int calls, access;
	volatile char *page;
	unsigned int slot;	/* of the page that it binds */
	bool refuse;
} h;

static bool on_fault(void *arg, void *va, unsigned int access)
{
	CHECK(arg == &h);
	h.calls++;
	h.page = va;
	h.access = access;
	return !h.refuse && vm_page(h.slot, va, RW) == 0;
}

static void a_region_is_taken_over(void)
{
	volatile char *p = vm_reserve(8 * P, P), *q = vm_map(8 * P, RW);	/* each access where it stands */
	double before = 1.5, after;

	h.slot = (unsigned int)page_new();
	CHECK_IS(vm_handle((void *)(p + 2 * P), 4 * P, on_fault, (void *)&h), 0);
	p[3 * P + 100] = 42;
	after = before * 2;
	CHECK(h.calls == 1 && h.page == p + 3 * P && h.access == PROT_W && after == 3.0);
	CHECK(vm_slot((void *)(p + 3 * P)) == h.slot);
	vm_forget((void *)(p + 3 * P));		/* the page moves: the content with it */
	CHECK(p[4 * P + 100] == 42);
	CHECK(h.calls == 2 && h.access == PROT_R);
	h.refuse = true;
	CHECK_IS(fault_of_load((unsigned long)p + 3 * P), 13);
	CHECK_IS(h.calls, 3);
	CHECK_IS(fault_of_load((unsigned long)p + P), 13);	/* beside the range */
	CHECK_IS(fault_of_load((unsigned long)p + 6 * P), 13);
	CHECK_IS(h.calls, 3);
	CHECK_IS(vm_handle((void *)(p + 2 * P), 4 * P, NULL, NULL), 0);
	CHECK_IS(fault_of_load((unsigned long)p + 3 * P), 13);
	CHECK_IS(h.calls, 3);
	/* In demand memory a handler that refuses leaves it to the library. */
	CHECK_IS(vm_handle((void *)q, 8 * P, on_fault, (void *)&h), 0);
	q[0] = 1;
	CHECK_IS(h.calls, 4);
	CHECK(vm_slot((void *)q) != 0);
	CHECK_IS(vm_handle((void *)LAYOUT_STACK, P, on_fault, (void *)&h), -E_INVAL);
	CHECK_IS(vm_handle((void *)q, 100 * P, on_fault, (void *)&h), -E_NOTBOUND);
	CHECK_IS(vm_unmap_range((void *)q, 8 * P), 0);
	upcall_set_fault_handler(NULL);
}

/* ---- bits ---- */

static bool bits(const volatile uint64_t *e, unsigned int page, bool accessed, bool dirty)
{
	return !!(e[page] & PTE_ACCESSED) == accessed && !!(e[page] & PTE_DIRTY) == dirty;
}

/* Over the border of two tables. */
static void the_own_page_table_is_read(void)
{
	const unsigned int n = 1024;
	char *p = vm_map(n * P, RW);
	const volatile uint64_t *e = vm_entries(p, n * P);

	MUST(e != NULL ? 0 : -E_NOMEM);
	CHECK_IS(e[5], 0);
	MUST(vm_touch(p, n * P));
	CHECK_IS(vm_track(p, n * P), 0);
	for (unsigned int i = 0; i < n; i += 100)
		CHECK(bits(e, i, false, false));
	for (unsigned int i = 0; i < n; i += 100) {
		(void)*(volatile char *)(p + i * P);
		CHECK(bits(e, i, true, false) && bits(e, i + 1, false, false));
		p[i * P] = 1;
		CHECK(bits(e, i, true, true) && bits(e, i + 1, false, false));
	}
	CHECK_IS(fault_of_store((unsigned long)e), 15);	/* it is for reading */
	upcall_set_fault_handler(NULL);
	CHECK(vm_entries((void *)LAYOUT_UAREA, P) == NULL);	/* this table is the parent's */
	CHECK_IS(vm_unmap(p), 0);
	CHECK_IS(e[100], 0);
}

/* ---- sharing ---- */

static int other_side(void)
{
	const struct start_grant *g = start_grant("shared"), *r = start_grant("readable");
	volatile int *both = vm_attach(g->slot, g->count, RW), *read = vm_attach(r->slot, r->count, PROT_R);

	if (both == NULL || read == NULL || vm_attach(r->slot, r->count, RW) != NULL)
		return 1;
	read = vm_attach(r->slot, r->count, PROT_R);
	if (read == NULL || read[0] != 77 || both[P / 4] != 5)
		return 2;
	if (fault_of_store((unsigned long)read) != 15)
		return 3;
	both[P / 4] = 6;
	return 0;
}

static void two_environments_share(void)
{
	unsigned int slot, only_read;
	volatile int *both = vm_share(2 * P, &slot), *mine = vm_share(P, &only_read);
	struct proc_grant grants[] = {
		{ .name = "shared", .slot = slot, .count = 2, .rights = RW },
		{ .name = "readable", .slot = only_read, .count = 1, .rights = PROT_R },
	};
	struct child c = { .name = "regions", .role = "other", .count = 8, .grants = grants, .ngrants = 2 };
	struct proc p;
	int status = -1;

	MUST(both != NULL && mine != NULL ? 0 : -E_NOMEM);
	mine[0] = 77;
	both[P / 4] = 5;
	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, deadline_us(5000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	CHECK(both[P / 4] == 6 && mine[0] == 77);
	CHECK_IS(vm_unmap((void *)both), 0);
	CHECK_IS(vm_unmap((void *)mine), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "other") == 0)
		return other_side();
	a_region_is_taken_over();
	the_own_page_table_is_read();
	two_environments_share();
	return verdict();
}
