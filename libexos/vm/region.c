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

struct region *region_from(struct region_list *l, uint64_t va)
{
	uint32_t i = lower(l, va);

	return i < l->n ? &l->r[i] : NULL;
}

bool region_covered(struct region_list *l, uint64_t start, uint64_t end)
{
	for (uint32_t i = lower(l, start); start < end; i++) {
		if (i == l->n || l->r[i].start > start)
			return false;
		start = l->r[i].end;
	}
	return true;
}

/* Does va lie within a region, and not at its start? */
static bool divides(struct region_list *l, uint64_t va)
{
	struct region *r = region_find(l, va);

	return r != NULL && r->start != va;
}

static void cut_at(struct region_list *l, uint64_t va)
{
	struct region *r = region_find(l, va), upper;

	if (r == NULL || r->start == va)
		return;
	upper = *r;
	upper.start = va;
	r->end = va;
	region_insert(l, &upper);
}

int region_cut(struct region_list *l, uint64_t start, uint64_t end)
{
	if (divides(l, start) + divides(l, end) > (int)(REGIONS_MAX - l->n))
		return -1;
	cut_at(l, start);
	cut_at(l, end);
	return 0;
}

static bool alike(const struct region *a, const struct region *b)
{
	return a->end == b->start && a->kind == b->kind && a->prot == b->prot && a->flags == b->flags && !(a->flags & REGION_PLACED) &&
	       a->name == b->name && a->handler == b->handler && a->arg == b->arg;
}

void region_join(struct region_list *l, uint64_t start, uint64_t end)
{
	uint32_t i = lower(l, start);

	if (i > 0)
		i--;
	while (i + 1 < l->n && l->r[i].start <= end) {
		if (!alike(&l->r[i], &l->r[i + 1])) {
			i++;
			continue;
		}
		l->r[i].end = l->r[i + 1].end;
		region_remove(l, &l->r[i + 1]);
	}
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
