/*
 * region.h - which addresses mean what: a sorted list of ranges that do not overlap
 *
 * Pure data structure, no calls. All addresses are multiples of 4096; end is exclusive.
 */
#ifndef VM_REGION_H
#define VM_REGION_H

#include <stdint.h>

enum region_kind {
	REGION_DEMAND,		/* a fresh zero page at the first touch */
	REGION_FIXED,		/* what is bound there was bound on purpose */
};

struct region {
	uint64_t start, end;
	uint8_t  kind, prot;
	uint8_t  fixed_place;	/* image, heap, stack: not for vm_unmap() */
	const char *name;	/* for messages */
};

#define REGIONS_MAX 192

struct region_list {
	uint32_t n;
	struct region r[REGIONS_MAX];
};

/* The region that contains va, or a null pointer. */
struct region *region_find(struct region_list *l, uint64_t va);

/* Insert; returns 0, or -1: overlaps another, empty, or the list is full. */
int region_insert(struct region_list *l, const struct region *r);

void region_remove(struct region_list *l, struct region *r);

/* Lowest multiple of align in [lo, hi) where len bytes and a page on either side are free. Returns 0 when there is none. */
uint64_t region_gap(const struct region_list *l, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align);

#endif
