/*
 * vm.c - the program's own memory: regions, bindings, demand-zero pages, heap
 *
 * Two records of what is there: the regions (what an address means) and the tree (which slot's page is bound). The kernel's page
 * tables follow them and are never read.
 *
 * A stack fault may happen in any function of this file, and serving it uses the same records. Each public function that changes
 * them calls stack_ready() first, after which nothing it calls can touch a stack page that is not bound.
 */
#include "vm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exos_calls.h"
#include "internal.h"
#include "region.h"
#include "start.h"
#include "tree.h"

#define PAGE_MASK	(PAGE_SIZE - 1)
#define ROUND_UP(x)	(((x) + PAGE_MASK) & ~PAGE_MASK)
#define VPN(va)		((uint64_t)(va) / PAGE_SIZE)
#define PROT_RWX	(PROT_R | PROT_W | PROT_X)
#define STACK_DEPTH	6144	/* more than any path below a public function of this file uses */

static struct region_list regions;
static struct tree tree;
static uint64_t tables, next_node = LAYOUT_NODES;
static uint64_t heap_start, heap_break;
static long last_refusal;	/* why the last demand page could not be had */

static __attribute__((noinline)) void stack_ready(void)
{
	volatile char below[STACK_DEPTH];

	below[0] = 0;
	below[STACK_DEPTH / 2] = below[0];
}

/* ---- pages and tables ---- */

long page_new(void)
{
	unsigned int slot = slot_alloc();
	long r;

	if (slot == 0)
		return -E_LIMIT;
	r = sys_page_alloc(0, slot, FRAME_ANY, 0);
	if (r < 0) {
		slot_free(slot);
		return r;
	}
	return slot;
}

/* Donate one table. Returns 0 also when there is one already. */
static long donate(unsigned int ctx, uint64_t va, int level)
{
	long slot = page_new(), r;

	if (slot < 0)
		return slot;
	r = sys_table_bind(ctx, va, (unsigned long)level, (unsigned long)slot);
	if (r == 0)
		tables++;
	else
		slot_delete((unsigned int)slot);
	return r == -E_EXISTS ? 0 : r;
}

int vm_table(unsigned int ctx, uint64_t va, int order)
{
	long r;

	if (order == 1)
		return (int)donate(ctx, va, 1);
	r = donate(ctx, va, 0);
	if (r == -E_NOTABLE) {
		r = donate(ctx, va, 1);
		if (r == 0)
			r = donate(ctx, va, 0);
	}
	return (int)r;
}

/* page_bind() that donates the tables it lacks. */
static long bind(uint64_t va, unsigned int slot, unsigned int npages, unsigned int prot)
{
	unsigned int done = 0;

	while (done < npages) {
		unsigned int n = npages - done < PAGES_MAX ? npages - done : PAGES_MAX;
		long r = sys_page_bind(ctx_slot(), va + done * PAGE_SIZE, slot + done, n, prot);

		if (r == -E_NOTABLE)
			r = vm_table(ctx_slot(), va + done * PAGE_SIZE, 0);
		if (r < 0)
			return r;
		done += (unsigned int)r;
	}
	return 0;
}

/* The kernel clears a page that comes from somebody else, and leaves one of our own as it was: clear those that must be zero. */
static void clear(uint64_t va)
{
	uint64_t *p = (uint64_t *)va;

	for (uint64_t *end = p + PAGE_SIZE / 8; p < end; p += 8)
		p[0] = p[1] = p[2] = p[3] = p[4] = p[5] = p[6] = p[7] = 0;
}

/* Nodes of the tree lie in a range of their own, for which the start-up has the table, and are never given back. */
void *tree_node_page(void)
{
	uint64_t va = next_node;
	long slot;

	if (va >= LAYOUT_NODES_END)
		return NULL;
	slot = page_new();
	if (slot < 0)
		return NULL;
	if (bind(va, (unsigned int)slot, 1, PROT_R | PROT_W) < 0) {
		slot_delete((unsigned int)slot);
		return NULL;
	}
	next_node += PAGE_SIZE;
	clear(va);
	return (void *)va;
}

/* ---- bindings that the library knows of ---- */

int vm_note(uint64_t va, unsigned int slot, unsigned int npages)
{
	for (unsigned int i = 0; i < npages; i++)
		if (tree_set(&tree, VPN(va) + i, slot + i) < 0)
			return -E_NOMEM;
	return 0;
}

int vm_pages(unsigned int slot, unsigned int npages, void *va, unsigned int prot)
{
	uint64_t at = (uint64_t)va;
	long r;

	stack_ready();
	if ((at & PAGE_MASK) != 0)
		return -E_INVAL;
	if ((r = vm_note(at, slot, npages)) < 0)
		return (int)r;
	r = bind(at, slot, npages, prot);
	if (r < 0) {
		sys_page_unbind(ctx_slot(), at, npages);
		for (unsigned int i = 0; i < npages; i++)
			tree_set(&tree, VPN(at) + i, 0);
	}
	return (int)r;
}

int vm_page(unsigned int slot, void *va, unsigned int prot)
{
	return vm_pages(slot, 1, va, prot);
}

int vm_superpage(unsigned int slot, void *va, unsigned int prot)
{
	long r;

	stack_ready();
	r = sys_page_bind(ctx_slot(), (uint64_t)va, slot, 1, prot);
	if (r == -E_NOTABLE) {
		r = vm_table(ctx_slot(), (uint64_t)va, 1);
		if (r == 0)
			r = sys_page_bind(ctx_slot(), (uint64_t)va, slot, 1, prot);
	}
	return r < 0 ? (int)r : 0;
}

unsigned int vm_slot(const void *va)
{
	return tree_get(&tree, VPN(va));
}

unsigned int vm_forget(void *va)
{
	unsigned int slot = vm_slot(va);

	stack_ready();
	if (slot != 0) {
		sys_page_unbind(ctx_slot(), (uint64_t)va & ~PAGE_MASK, 1);
		tree_set(&tree, VPN(va), 0);
	}
	return slot;
}

/* Delete the pages in a range; deleting a capability undoes its binding. */
static void drop(uint64_t start, uint64_t end)
{
	for (uint64_t vpn = tree_next(&tree, VPN(start), VPN(end)); vpn < VPN(end); vpn = tree_next(&tree, vpn, VPN(end))) {
		unsigned int slot = tree_get(&tree, vpn);

		tree_set(&tree, vpn, 0);
		slot_delete(slot);
	}
}

/* ---- regions ---- */

static void add(uint64_t start, uint64_t end, enum region_kind kind, unsigned int prot, const char *name)
{
	struct region r = {
		.start = start, .end = end, .kind = (uint8_t)kind, .prot = (uint8_t)prot, .fixed_place = 1, .name = name,
	};

	region_insert(&regions, &r);
}

void vm_init(uintptr_t image_start, uintptr_t image_end)
{
	heap_start = heap_break = image_end;
	add(image_start, image_end, REGION_FIXED, PROT_R, "program image");
	add(LAYOUT_STACK, LAYOUT_STACK_END, REGION_DEMAND, PROT_R | PROT_W, "stack");
	add(START_VA, LAYOUT_NODES_END, REGION_FIXED, PROT_R | PROT_W, "memory of the upcall path");
}

static void *place(size_t len, uint64_t align, enum region_kind kind, unsigned int prot, const char *name)
{
	struct region r = { .kind = (uint8_t)kind, .prot = (uint8_t)prot, .name = name };

	stack_ready();
	if (len == 0 || len > LAYOUT_FAR_END - LAYOUT_FAR || align < PAGE_SIZE || (align & (align - 1)) != 0)
		return NULL;
	len = ROUND_UP(len);
	r.start = region_gap(&regions, LAYOUT_MAP, LAYOUT_MAP_END, len, align);
	if (r.start == 0)
		r.start = region_gap(&regions, LAYOUT_FAR, LAYOUT_FAR_END, len, align);
	if (r.start == 0)
		return NULL;
	r.end = r.start + len;
	return region_insert(&regions, &r) == 0 ? (void *)r.start : NULL;
}

void *vm_map(size_t len, unsigned int prot)
{
	if ((prot & PROT_R) == 0 || (prot & ~PROT_RWX) != 0)
		return NULL;
	return place(len, PAGE_SIZE, REGION_DEMAND, prot, "mapped memory");
}

void *vm_reserve(size_t len, size_t align)
{
	return place(len, align, REGION_FIXED, PROT_R, "reserved addresses");
}

int vm_unmap(void *va)
{
	struct region *r;

	stack_ready();
	r = region_find(&regions, (uint64_t)va);
	if (r == NULL || r->start != (uint64_t)va || r->fixed_place)
		return -E_INVAL;
	drop(r->start, r->end);
	region_remove(&regions, r);
	return 0;
}

/* The part of a demand region that [va, va + len) names, rounded outwards; a null pointer when it is not within one. */
static struct region *within(const void *va, size_t len, uint64_t *start, uint64_t *end)
{
	struct region *r = region_find(&regions, (uint64_t)va);

	if (r == NULL || r->kind != REGION_DEMAND || len > r->end - (uint64_t)va)
		return NULL;
	*start = (uint64_t)va & ~PAGE_MASK;
	*end = ROUND_UP((uint64_t)va + len);
	return r;
}

/* A region that covers only part of the change is cut in up to three. */
int vm_protect(void *va, size_t len, unsigned int prot)
{
	uint64_t start, end;
	struct region *r, old;
	long result;

	stack_ready();
	r = within(va, len, &start, &end);
	if (r == NULL || (prot & PROT_R) == 0 || (prot & ~PROT_RWX) != 0 || r->fixed_place || regions.n + 2 > REGIONS_MAX)
		return -E_INVAL;
	old = *r;
	if (old.prot != prot) {
		struct region part = old;

		region_remove(&regions, r);
		part.end = start;
		if (part.start < part.end)
			region_insert(&regions, &part);
		part = old;
		part.start = end;
		if (part.start < part.end)
			region_insert(&regions, &part);
		part.start = start;
		part.end = end;
		part.prot = (uint8_t)prot;
		region_insert(&regions, &part);
	}
	for (uint64_t vpn = tree_next(&tree, VPN(start), VPN(end)); vpn < VPN(end); vpn = tree_next(&tree, vpn + 1, VPN(end))) {
		result = sys_page_protect(ctx_slot(), vpn * PAGE_SIZE, 1, prot);
		if (result < 0)
			return (int)result;
	}
	return 0;
}

/* ---- demand ---- */

static int demand(struct region *r, uint64_t va)
{
	long slot, result;

	va &= ~PAGE_MASK;
	slot = tree_get(&tree, VPN(va));
	if (slot != 0)		/* bound already: tracked, or its binding was undone behind our back */
		return (int)bind(va, (unsigned int)slot, 1, r->prot);
	slot = page_new();
	if (slot < 0)
		return (int)slot;
	result = tree_set(&tree, VPN(va), (unsigned int)slot) < 0 ? -E_NOMEM : bind(va, (unsigned int)slot, 1, PROT_R | PROT_W);
	if (result == 0) {
		clear(va);
		if (r->prot != (PROT_R | PROT_W))
			result = sys_page_protect(ctx_slot(), va, 1, r->prot);
	}
	if (result < 0) {
		tree_set(&tree, VPN(va), 0);
		slot_delete((unsigned int)slot);
		return (int)result;
	}
	return 0;
}

#define CAUSE_FETCH_PAGE	12
#define CAUSE_LOAD_PAGE		13
#define CAUSE_STORE_PAGE	15

static unsigned int access_of(uint64_t cause)
{
	switch (cause) {
	case CAUSE_FETCH_PAGE:
		return PROT_X;
	case CAUSE_LOAD_PAGE:
		return PROT_R;
	case CAUSE_STORE_PAGE:
		return PROT_W;
	default:
		return 0;
	}
}

bool vm_fault(uint64_t cause, uint64_t va)
{
	static uint64_t last_va, repeats;
	unsigned int access = access_of(cause);
	struct region *r;

	last_refusal = 0;
	if (access == 0)
		return false;
	r = region_find(&regions, va);
	if (r == NULL || r->kind != REGION_DEMAND || (r->prot & access) == 0)
		return false;
	/* The same address again and again: binding it does not help, so somebody else has to know. */
	repeats = va == last_va && tree_get(&tree, VPN(va)) != 0 ? repeats + 1 : 0;
	last_va = va;
	if (repeats > 16)
		return false;
	last_refusal = demand(r, va);
	return last_refusal == 0;
}

const char *vm_fault_reason(uint64_t cause, uint64_t va, char *buf, size_t len)
{
	struct region *r = region_find(&regions, va), *above;
	unsigned int access = access_of(cause);

	if (access == 0)
		return "";
	if (last_refusal < 0)
		snprintf(buf, len, "no page could be had for the %s: %s", r != NULL ? r->name : "address", exos_strerror(last_refusal));
	else if (va >= LAYOUT_FAR_END)
		return "the address is not one of the lower half";
	else if (va < LAYOUT_IMAGE)
		return "a null pointer, or an offset from one";
	else if (r != NULL && (r->prot & access) == 0 && r->kind == REGION_DEMAND)
		snprintf(buf, len, "the %s may not be used that way", r->name);
	else if (r != NULL)
		snprintf(buf, len, "the address lies in the %s, where the access is not allowed or nothing is bound", r->name);
	else if ((above = region_find(&regions, va + 16 * PAGE_SIZE)) != NULL && above->start == LAYOUT_STACK)
		return "the stack is full: too deep a recursion, or too large a local array";
	else
		return "nothing is mapped there";
	return buf;
}

int vm_touch(const void *va, size_t len)
{
	uint64_t start, end;
	struct region *r;
	int result;

	stack_ready();
	r = within(va, len, &start, &end);
	if (r == NULL)
		return region_find(&regions, (uint64_t)va) != NULL ? 0 : -E_INVAL;
	for (; start < end; start += PAGE_SIZE)
		if (tree_get(&tree, VPN(start)) == 0 && (result = demand(r, start)) < 0)
			return result;
	return 0;
}

int vm_discard(void *va, size_t len)
{
	uint64_t start, end;

	stack_ready();
	if (within(va, len, &start, &end) == NULL)
		return -E_INVAL;
	drop(start, end);
	return 0;
}

/* ---- heap: what malloc() of picolibc stands on ---- */

void *sbrk(ptrdiff_t change)
{
	uint64_t old = heap_break, now = old + (uint64_t)change, end = ROUND_UP(now);
	struct region *r;

	stack_ready();
	if (now < heap_start || now > LAYOUT_HEAP_END)
		return (void *)-1;
	r = region_find(&regions, heap_start);
	if (r == NULL) {
		if (end > heap_start)
			add(heap_start, end, REGION_DEMAND, PROT_R | PROT_W, "heap");
	} else if (end < r->end) {
		drop(end, r->end);
		if (end == heap_start)
			region_remove(&regions, r);
		else
			r->end = end;
	} else {
		r->end = end;
	}
	heap_break = now;
	return (void *)old;
}

void vm_get_stats(struct vm_stats *s)
{
	struct region *stack = region_find(&regions, LAYOUT_STACK);

	memset(s, 0, sizeof(*s));
	s->pages = tree.pages;
	s->nodes = tree.nodes;
	s->tables = tables;
	slot_count(&s->slots_used, &s->slots_total);
	s->heap_bytes = heap_break - heap_start;
	for (uint64_t vpn = VPN(stack->start); (vpn = tree_next(&tree, vpn, VPN(stack->end))) < VPN(stack->end); vpn++)
		s->stack_bytes += PAGE_SIZE;
}
