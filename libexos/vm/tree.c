/*
 * tree.c - the radix tree from virtual page number to slot
 */
#include "tree.h"

#include <stddef.h>

#define LEAF(vpn)	((vpn) % TREE_LEAVES)
#define BRANCH(vpn)	((vpn) / TREE_LEAVES % TREE_BRANCHES)
#define ROOT(vpn)	((vpn) / TREE_LEAVES / TREE_BRANCHES)

static uint32_t *leaves(const struct tree *t, uint64_t vpn)
{
	uint32_t **branch = t->root[ROOT(vpn)];

	return branch != NULL ? branch[BRANCH(vpn)] : NULL;
}

uint32_t tree_get(const struct tree *t, uint64_t vpn)
{
	uint32_t *leaf = vpn < TREE_PAGES ? leaves(t, vpn) : NULL;

	return leaf != NULL ? leaf[LEAF(vpn)] : 0;
}

static void *node(struct tree *t)
{
	void *page = tree_node_page();

	if (page != NULL)
		t->nodes++;
	return page;
}

int tree_set(struct tree *t, uint64_t vpn, uint32_t slot)
{
	uint32_t **branch, *leaf;

	if (vpn >= TREE_PAGES)
		return -1;
	leaf = leaves(t, vpn);
	if (leaf == NULL && slot == 0)
		return 0;
	if (leaf == NULL) {
		branch = t->root[ROOT(vpn)];
		if (branch == NULL && (branch = t->root[ROOT(vpn)] = node(t)) == NULL)
			return -1;
		if ((leaf = branch[BRANCH(vpn)] = node(t)) == NULL)
			return -1;
	}
	t->pages += (slot != 0) - (leaf[LEAF(vpn)] != 0);
	leaf[LEAF(vpn)] = slot;
	return 0;
}

uint64_t tree_next(const struct tree *t, uint64_t vpn, uint64_t end)
{
	if (end > TREE_PAGES)
		end = TREE_PAGES;
	while (vpn < end) {
		uint32_t *leaf = leaves(t, vpn);

		if (leaf == NULL) {
			uint64_t step = t->root[ROOT(vpn)] == NULL ? (uint64_t)TREE_LEAVES * TREE_BRANCHES : TREE_LEAVES;

			vpn = (vpn / step + 1) * step;
			continue;
		}
		if (leaf[LEAF(vpn)] != 0)
			return vpn;
		vpn++;
	}
	return end;
}
