/*
 * tree.h - the radix tree from virtual page number to slot
 *
 * Three levels over the 26 bits of a page number of the lower half: 128 roots of 2 GiB, 512 branches of 4 MiB, 1024 leaves. Nodes are
 * pages that tree_node_page() provides; they must be bound already, for the tree is used while a fault is served.
 */
#ifndef VM_TREE_H
#define VM_TREE_H

#include <stdint.h>

#define TREE_ROOTS	128
#define TREE_BRANCHES	512
#define TREE_LEAVES	1024
#define TREE_PAGES	((uint64_t)TREE_ROOTS * TREE_BRANCHES * TREE_LEAVES)

struct tree {
	uint32_t **root[TREE_ROOTS];
	uint64_t pages;		/* entries that are not 0 */
	uint64_t nodes;
};

/* A zeroed, bound page, or a null pointer. Provided by the user of the tree. */
void *tree_node_page(void);

/* Slot at page number vpn; 0: none, or vpn out of range. */
uint32_t tree_get(const struct tree *t, uint64_t vpn);

/* Set it; slot 0 removes. Returns 0, or -1 when a node is missing and cannot be had, or vpn is out of range. */
int tree_set(struct tree *t, uint64_t vpn, uint32_t slot);

/* The first page number from vpn on and below end that has a slot; end when there is none. */
uint64_t tree_next(const struct tree *t, uint64_t vpn, uint64_t end);

#endif
