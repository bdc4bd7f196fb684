/*
 * region.h - which addresses mean what: a sorted list of ranges that do not overlap
 *
 * Pure data structure, no calls. All addresses are multiples of 4096; end is exclusive.
 */
#ifndef VM_REGION_H
#define VM_REGION_H

#include <stdbool.h>
#include <stdint.h>

enum region_kind {
	REGION_DEMAND,		/* a fresh zero page at the first touch */
	REGION_FIXED,		/* what is bound there was bound on purpose */
};

/* Bits of region.flags. */
#define REGION_PLACED	1u	/* image, heap, stack: not to be unmapped or cut */
#define REGION_SHARED	2u	/* a copy of the address space shares it */
#define REGION_STACK	4u	/* grows downwards: an overrun has a message of its own */
#define REGION_LARGE	8u	/* may hold 2 MiB pages */

struct region {
	uint64_t start, end;
	uint8_t  kind, prot, flags;
	const char *name;	/* for messages */
	bool (*handler)(void *arg, void *va, unsigned int access);	/* of the program, or NULL */
	void *arg;
};

#define REGIONS_MAX 256

/* All zero is an empty one. */
struct region_list {
	uint32_t n;
	uint32_t used, nback;
	struct region *r[REGIONS_MAX];		/* sorted. A region stays where it is in the pool; only these move */
	struct region pool[REGIONS_MAX];	/* the first `used` have been in use */
	struct region *back[REGIONS_MAX];	/* of these, those that are free again */
};

/* The region that contains va, or a null pointer. */
struct region *region_find(struct region_list *l, uint64_t va);

/* The same: where it is in the list, for region_protect(). */
struct region **region_place(struct region_list *l, uint64_t va);

/* The first region that ends above va, or a null pointer. */
struct region *region_from(struct region_list *l, uint64_t va);

/* Insert; returns 0, or -1: overlaps another, empty, or the list is full. */
int region_insert(struct region_list *l, const struct region *r);

void region_remove(struct region_list *l, struct region *r);

/* Is all of [start, end) within regions? */
bool region_covered(struct region_list *l, uint64_t start, uint64_t end);

/*
 * Cut regions at start and end, so that each lies within [start, end) or outside. Returns 0, or -1 when the list would become too
 * long; then nothing has changed.
 */
int region_cut(struct region_list *l, uint64_t start, uint64_t end);

/* Join neighbours that are alike and touch, as far as they reach into [start, end] or end there. */
void region_join(struct region_list *l, uint64_t start, uint64_t end);

/*
 * Give [start, end), which lies within the region at *r in the list, another protection: r is cut where it must be, and what is alike and touches is one region
 * afterwards. Returns 0, or -1 when the list could become too long; then nothing has changed.
 */
int region_protect(struct region_list *l, struct region **r, uint64_t start, uint64_t end, unsigned int prot);

/* Lowest multiple of align in [lo, hi) where len bytes and a page on either side are free. Returns 0 when there is none. */
uint64_t region_gap(const struct region_list *l, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align);

#endif
