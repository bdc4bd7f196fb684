/*
 * radix.c - a tree of three levels
 *
 *	page number:   | 7 bits: root | 9 bits: branch | 10 bits: leaf |
 *
 * 128 roots of 2 GiB, each a page of 512 pointers to leaves, each a page of 1,024 entries. A lookup is three loads; memory goes with
 * the number of 4 MiB stretches that are in use. Nodes are never given back.
 */
#include "ptable.h"

#define ROOTS		128
#define BRANCHES	512
#define LEAVES		1024
#define NODES_MAX	480	/* of 4 KiB: addresses for so many are asked for */

#define LEAF(vpn)	((vpn) % LEAVES)
#define BRANCH(vpn)	((vpn) / LEAVES % BRANCHES)
#define ROOT(vpn)	((vpn) / LEAVES / BRANCHES)

static struct vm_entry **root[ROOTS];
static char *memory;
static uint64_t entries, nodes;

static struct vm_entry *leaves(uint64_t vpn)
{
	struct vm_entry **branch = root[ROOT(vpn)];

	return branch != NULL ? branch[BRANCH(vpn)] : NULL;
}

struct vm_entry ptable_lookup(uint64_t vpn)
{
	struct vm_entry *leaf = vpn < PTABLE_VPNS ? leaves(vpn) : NULL;

	return leaf != NULL ? leaf[LEAF(vpn)] : (struct vm_entry){ 0 };
}

static void *node(void)
{
	char *page;

	if (memory == NULL && (memory = ptable_memory(NODES_MAX * 4096)) == NULL)
		return NULL;
	page = memory + nodes * 4096;
	if (nodes == NODES_MAX || ptable_commit(page) < 0)
		return NULL;
	nodes++;
	return page;
}

int ptable_insert(uint64_t vpn, struct vm_entry e)
{
	struct vm_entry **branch, *leaf;

	if (vpn >= PTABLE_VPNS)
		return -1;
	leaf = leaves(vpn);
	if (leaf == NULL) {
		branch = root[ROOT(vpn)];
		if (branch == NULL && (branch = root[ROOT(vpn)] = node()) == NULL)
			return -1;
		if ((leaf = branch[BRANCH(vpn)] = node()) == NULL)
			return -1;
	}
	entries += leaf[LEAF(vpn)].slot == 0;
	leaf[LEAF(vpn)] = e;
	return 0;
}

void ptable_remove(uint64_t vpn)
{
	struct vm_entry *leaf = vpn < PTABLE_VPNS ? leaves(vpn) : NULL;

	if (leaf == NULL || leaf[LEAF(vpn)].slot == 0)
		return;
	leaf[LEAF(vpn)] = (struct vm_entry){ 0 };
	entries--;
}

uint64_t ptable_next(uint64_t vpn, uint64_t end)
{
	uint64_t limit = end < PTABLE_VPNS ? end : PTABLE_VPNS;

	while (vpn < limit) {
		struct vm_entry *leaf = leaves(vpn);

		if (leaf == NULL) {
			uint64_t step = root[ROOT(vpn)] == NULL ? (uint64_t)LEAVES * BRANCHES : LEAVES;

			vpn = (vpn / step + 1) * step;
			continue;
		}
		if (leaf[LEAF(vpn)].slot != 0)
			return vpn;
		vpn++;
	}
	return end;
}

void ptable_get_stats(struct ptable_stats *s)
{
	*s = (struct ptable_stats){ .name = "radix tree", .entries = entries, .pages = nodes };
}
