/*
 * region.c - a sorted list of address ranges
 */
#include "region.h"

#include <stddef.h>

#define GUARD 4096ull

/* Index of the first region that ends above va. */
static uint32_t lower(const struct region_list *l, uint64_t va)
{
	uint32_t lo = 0, hi = l->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (l->r[mid].end > va)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct region *region_find(struct region_list *l, uint64_t va)
{
	uint32_t i = lower(l, va);

	return i < l->n && l->r[i].start <= va ? &l->r[i] : NULL;
}

int region_insert(struct region_list *l, const struct region *r)
{
	uint32_t i = lower(l, r->start);

	if (r->start >= r->end || l->n == REGIONS_MAX || (i < l->n && l->r[i].start < r->end))
		return -1;
	for (uint32_t j = l->n; j > i; j--)
		l->r[j] = l->r[j - 1];
	l->r[i] = *r;
	l->n++;
	return 0;
}

void region_remove(struct region_list *l, struct region *r)
{
	uint32_t i = (uint32_t)(r - l->r);

	for (l->n--; i < l->n; i++)
		l->r[i] = l->r[i + 1];
}

uint64_t region_gap(const struct region_list *l, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align)
{
	uint64_t at = lo;

	if (len == 0 || len > hi - lo)
		return 0;
	for (uint32_t i = lower(l, lo);; i++) {
		uint64_t limit = i < l->n && l->r[i].start < hi ? l->r[i].start : hi;

		at = (at + GUARD + align - 1) & ~(align - 1);
		if (at < limit && len + GUARD <= limit - at)
			return at;
		if (limit == hi)
			return 0;
		at = l->r[i].end;
	}
}
