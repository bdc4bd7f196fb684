/*
 * vm.c - pages: taking them, binding them, remembering where they are
 */
#include "vm.h"

#include <string.h>

#include "exos_calls.h"
#include "internal.h"
#include "space.h"
#include "start.h"

#define STACK_DEPTH	6144	/* more than any path below a public function of this part uses */
#define NODES_MAX	256	/* pages of the page table whose slots are remembered for copies */
#define TABLES_MAX	256	/* leaf tables whose slots are remembered for vm_entries() */

struct region_list regions;

static uint64_t tables;
static struct {
	uint32_t block;		/* address / 2 MiB */
	uint16_t slot;
	bool shown;		/* bound in LAYOUT_TABLES */
} leaf_table[TABLES_MAX];
static unsigned int leaf_tables;
static struct {
	uint32_t vpn;
	uint16_t slot;
} node[NODES_MAX];
static unsigned int nodes;

__attribute__((noinline)) void stack_bound(void)
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
	r = page_take(slot);
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
	if (r < 0) {
		slot_delete((unsigned int)slot);
		return r == -E_EXISTS ? 0 : r;
	}
	tables++;
	if (level == 0 && ctx == ctx_slot() && leaf_tables < TABLES_MAX) {
		leaf_table[leaf_tables].block = (uint32_t)(va / LARGE_SIZE);
		leaf_table[leaf_tables].shown = false;
		leaf_table[leaf_tables++].slot = (uint16_t)slot;
	}
	return 0;
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

/* Which of the remembered leaf tables serves a block; leaf_tables: none. */
static unsigned int table_of(uint64_t block)
{
	unsigned int i = 0;

	while (i < leaf_tables && leaf_table[i].block != block)
		i++;
	return i;
}

bool space_forget_table(unsigned int slot)
{
	unsigned int i = 0;

	while (i < leaf_tables && leaf_table[i].slot != slot)
		i++;
	if (i == leaf_tables)
		return false;
	leaf_table[i] = leaf_table[--leaf_tables];
	tables--;
	return true;
}

/* Take an empty leaf table of ours away: a larger page is to stand in its place. */
static long withdraw(uint64_t va)
{
	unsigned int i = table_of(va / LARGE_SIZE), slot;
	long r;

	if (i == leaf_tables)
		return -E_BUSY;
	r = sys_table_unbind(ctx_slot(), va, 0);
	if (r < 0)
		return r;
	slot = leaf_table[i].slot;
	leaf_table[i] = leaf_table[--leaf_tables];
	tables--;
	slot_delete(slot);	/* undoes where it was shown, too */
	return 0;
}

static int show(uint64_t block)
{
	uint64_t window = LAYOUT_TABLES + block * PAGE_SIZE;
	unsigned int i = table_of(block);
	long r;

	if (i == leaf_tables)
		return -E_NOTABLE;
	if (leaf_table[i].shown)
		return 0;
	r = space_bind(window, leaf_table[i].slot, 1, PROT_R);
	leaf_table[i].shown = r == 0;
	return (int)r;
}

const volatile uint64_t *vm_entries(const void *va, size_t len)
{
	uint64_t first = (uint64_t)va / LARGE_SIZE, last = ((uint64_t)va + len - 1) / LARGE_SIZE;

	stack_ready();
	if (len == 0 || last < first || (uint64_t)va + len > LAYOUT_END)
		return NULL;
	for (uint64_t block = first; block <= last; block++)
		if (vm_table(ctx_slot(), block * LARGE_SIZE, 0) < 0 || show(block) < 0)
			return NULL;
	return (const volatile uint64_t *)LAYOUT_TABLES + VPN(va);
}

long space_bind(uint64_t va, unsigned int slot, unsigned int npages, unsigned int prot)
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

void space_clear(uint64_t va)
{
	uint64_t *p = (uint64_t *)va;

	for (uint64_t *end = p + PAGE_SIZE / 8; p < end; p += 8)
		p[0] = p[1] = p[2] = p[3] = p[4] = p[5] = p[6] = p[7] = 0;
}

/* ---- memory of the page table ---- */

/* Small ones lie where the start-up has the leaf table already. */
void *ptable_memory(size_t bytes)
{
	static uint64_t near = LAYOUT_NODES, far = LAYOUT_VECTOR;
	uint64_t *at = bytes <= LAYOUT_NODES_END - near ? &near : &far;
	uint64_t end = at == &near ? LAYOUT_NODES_END : LAYOUT_END, va = *at;

	if (bytes > end - va)
		return NULL;
	*at += bytes;
	return (void *)va;
}

int ptable_commit(void *page)
{
	long slot = page_new();

	if (slot < 0)
		return -1;
	if (space_bind((uint64_t)page, (unsigned int)slot, 1, PROT_R | PROT_W) < 0) {
		slot_delete((unsigned int)slot);
		return -1;
	}
	space_clear((uint64_t)page);
	if (nodes < NODES_MAX) {
		node[nodes].vpn = (uint32_t)VPN(page);
		node[nodes].slot = (uint16_t)slot;
	}
	nodes++;
	return 0;
}

bool space_node(unsigned int i, uint64_t *va, unsigned int *slot)
{
	if (i >= nodes)
		return false;
	*va = node[i].vpn * PAGE_SIZE;
	*slot = node[i].slot;
	return true;
}

bool space_nodes_known(void)
{
	return nodes <= NODES_MAX;
}

/* In a copy of this program the tables are its parent's, and their slots are empty. */
void space_forget_tables(void)
{
	while (leaf_tables > 0)
		slot_free(leaf_table[--leaf_tables].slot);
	tables = 0;
}

/* ---- bindings that the library knows of ---- */

int vm_note(uint64_t va, unsigned int slot, unsigned int npages, unsigned int prot)
{
	for (unsigned int i = 0; i < npages; i++)
		if (ptable_insert(VPN(va) + i, (struct vm_entry){ .slot = (uint16_t)(slot + i), .prot = (uint8_t)prot }) < 0)
			return -E_NOMEM;
	return 0;
}

int vm_pages(unsigned int slot, unsigned int npages, void *va, unsigned int prot)
{
	uint64_t at = (uint64_t)va;
	long r;

	stack_ready();
	if ((at & PAGE_MASK) != 0 || slot == 0 || slot > UINT16_MAX)
		return -E_INVAL;
	if ((r = vm_note(at, slot, npages, prot & PROT_RWX)) < 0)
		return (int)r;
	r = space_bind(at, slot, npages, prot);
	if (r < 0) {
		sys_page_unbind(ctx_slot(), at, npages);
		for (unsigned int i = 0; i < npages; i++)
			ptable_remove(VPN(at) + i);
	}
	return (int)r;
}

int vm_page(unsigned int slot, void *va, unsigned int prot)
{
	return vm_pages(slot, 1, va, prot);
}

int vm_superpage(unsigned int slot, void *va, unsigned int prot)
{
	struct vm_entry e = { .slot = (uint16_t)slot, .prot = (uint8_t)(prot & PROT_RWX), .flags = ENTRY_LARGE };
	long r;

	stack_ready();
	if ((uint64_t)va % LARGE_SIZE != 0 || slot == 0 || slot > UINT16_MAX)
		return -E_INVAL;
	if (ptable_insert(VPN(va), e) < 0)
		return -E_NOMEM;
	r = sys_page_bind(ctx_slot(), (uint64_t)va, slot, 1, prot);
	if (r == -E_NOTABLE || r == -E_BUSY) {
		r = r == -E_BUSY ? withdraw((uint64_t)va) : vm_table(ctx_slot(), (uint64_t)va, 1);
		if (r == 0)
			r = sys_page_bind(ctx_slot(), (uint64_t)va, slot, 1, prot);
	}
	if (r < 0)
		ptable_remove(VPN(va));
	return r < 0 ? (int)r : 0;
}

unsigned int vm_slot(const void *va)
{
	return ptable_lookup(VPN(va)).slot;
}

unsigned int vm_forget(void *va)
{
	unsigned int slot = vm_slot(va);

	stack_ready();
	if (slot != 0) {
		sys_page_unbind(ctx_slot(), (uint64_t)va & ~PAGE_MASK, 1);
		ptable_remove(VPN(va));
	}
	return slot;
}

/* Deleting a capability undoes its binding. */
void space_drop(uint64_t start, uint64_t end)
{
	revoke_forget_range(start, end);
	for (uint64_t vpn = ptable_next(VPN(start), VPN(end)); vpn < VPN(end); vpn = ptable_next(vpn, VPN(end))) {
		unsigned int slot = ptable_lookup(vpn).slot;

		ptable_remove(vpn);
		slot_delete(slot);
	}
}

/* The parts get a run of slots; the table for them takes one more page. What is lost on an error is nothing: the page is bound again. */
int space_break(uint64_t va)
{
	uint64_t start = va & ~(LARGE_SIZE - 1);
	struct vm_entry e = ptable_lookup(VPN(start));
	unsigned int others;
	long r;

	if (va == start || e.slot == 0 || !(e.flags & ENTRY_LARGE))
		return 0;
	others = slot_alloc_run(LARGE_PAGES - 1);
	if (others == 0)
		return -E_LIMIT;
	sys_page_unbind(ctx_slot(), start, 1);
	r = sys_page_split(e.slot, others);
	if (r < 0) {
		slot_free_run(others, LARGE_PAGES - 1);
		sys_page_bind(ctx_slot(), start, e.slot, 1, e.prot);
		return (int)r;
	}
	ptable_insert(VPN(start), (struct vm_entry){ .slot = e.slot, .prot = e.prot });
	r = vm_note(start + PAGE_SIZE, others, LARGE_PAGES - 1, e.prot);
	if (r == 0 && e.prot != 0 && (r = space_bind(start, e.slot, 1, e.prot)) == 0)
		r = space_bind(start + PAGE_SIZE, others, LARGE_PAGES - 1, e.prot);
	return (int)r;
}

void vm_get_stats(struct vm_stats *s)
{
	struct region *stack = region_find(&regions, LAYOUT_STACK);
	struct ptable_stats t;

	ptable_get_stats(&t);
	memset(s, 0, sizeof(*s));
	s->table = t.name;
	s->pages = t.entries;
	s->nodes = t.pages;
	s->tables = tables;
	slot_count(&s->slots_used, &s->slots_total);
	s->heap_bytes = heap_break - heap_start;
	s->copied = vm_copied();
	for (uint64_t vpn = VPN(stack->start); (vpn = ptable_next(vpn, VPN(stack->end))) < VPN(stack->end); vpn++)
		s->stack_bytes += PAGE_SIZE;
}
