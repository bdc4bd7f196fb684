/*
 * region.c - a sorted list of address ranges
 */
#include "region.h"

#include <stddef.h>

#define GUARD 4096ull

/* Index of the first region that ends above va. */
static uint32_t lower(const struct region_list *l, uint64_t va)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (l->r[mid]->end > va)
			hi = mid;
		else
			lo = mid + 1;
	}
	return (uint32_t)lo;
}

struct region **region_place(struct region_list *l, uint64_t va)
{
	uint32_t i = lower(l, va);

	return i < l->n && l->r[i]->start <= va ? &l->r[i] : NULL;
}

struct region *region_find(struct region_list *l, uint64_t va)
{
	uint32_t i = lower(l, va);

	return i < l->n && l->r[i]->start <= va ? l->r[i] : NULL;
}

/* Room for k pointers before index i. */
static void shift(struct region_list *l, uint32_t i, size_t k)
{
	for (struct region **p = &l->r[l->n], **at = &l->r[i]; p > at; p--)
		p[k - 1] = p[-1];
	l->n += k;
}

static struct region *keep(struct region_list *l, const struct region *r)
{
	struct region *at = l->nback > 0 ? l->back[--l->nback] : &l->pool[l->used++];

	*at = *r;
	return at;
}

static void remove_at(struct region_list *l, uint32_t i)
{
	l->back[l->nback++] = l->r[i];
	l->n--;
	for (struct region **p = &l->r[i], **end = &l->r[l->n]; p < end; p++)
		p[0] = p[1];
}

int region_insert(struct region_list *l, const struct region *r)
{
	uint32_t i = lower(l, r->start);

	if (r->start >= r->end || l->n == REGIONS_MAX || (i < l->n && l->r[i]->start < r->end))
		return -1;
	shift(l, i, 1);
	l->r[i] = keep(l, r);
	return 0;
}

void region_remove(struct region_list *l, struct region *r)
{
	remove_at(l, lower(l, r->start));
}

struct region *region_from(struct region_list *l, uint64_t va)
{
	uint32_t i = lower(l, va);

	return i < l->n ? l->r[i] : NULL;
}

bool region_covered(struct region_list *l, uint64_t start, uint64_t end)
{
	for (uint32_t i = lower(l, start); start < end; i++) {
		if (i == l->n || l->r[i]->start > start)
			return false;
		start = l->r[i]->end;
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
	while (i + 1 < l->n && l->r[i]->start <= end) {
		if (!alike(l->r[i], l->r[i + 1])) {
			i++;
			continue;
		}
		l->r[i]->end = l->r[i + 1]->end;
		remove_at(l, i + 1);
	}
}

/* Would r with this protection be one region with n? They touch already. */
static bool joins(const struct region *n, const struct region *r, unsigned int prot)
{
	return n->prot == prot && n->kind == r->kind && n->flags == r->flags && !(n->flags & REGION_PLACED) && n->name == r->name &&
	       n->handler == r->handler && n->arg == r->arg;
}

int region_protect(struct region_list *l, struct region **place, uint64_t start, uint64_t end, unsigned int prot)
{
	struct region *r = *place, *before = NULL, *after = NULL;
	const bool left = r->start < start, right = end < r->end;	/* of r stay as they are */
	uint32_t i = (uint32_t)(place - l->r);

	if (r->prot == prot)
		return 0;
	if (left + right > (int)(REGIONS_MAX - l->n))
		return -1;
	if (!left && i > 0 && l->r[i - 1]->end == start && joins(l->r[i - 1], r, prot))
		before = l->r[i - 1];
	if (!right && i + 1 < l->n && l->r[i + 1]->start == end && joins(l->r[i + 1], r, prot))
		after = l->r[i + 1];

	if (before != NULL) {		/* it grows over the part */
		before->end = after != NULL ? after->end : end;
		r->start = end;
		if (after != NULL)
			remove_at(l, i + 1);
		if (!right)
			remove_at(l, i);
		return 0;
	}
	if (after != NULL) {
		after->start = start;
		r->end = start;
		if (!left)
			remove_at(l, i);
		return 0;
	}
	if (left || right)
		shift(l, i + 1, left + right);
	if (right) {
		l->r[i + left + 1] = keep(l, r);
		l->r[i + left + 1]->start = end;
		r->end = end;
	}
	if (left) {
		l->r[i + 1] = keep(l, r);
		r->end = start;
		r = l->r[i + 1];
		r->start = start;
	}
	r->prot = (uint8_t)prot;
	return 0;
}

uint64_t region_gap(const struct region_list *l, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align)
{
	uint64_t at = lo;

	if (len == 0 || len > hi - lo)
		return 0;
	for (uint32_t i = lower(l, lo);; i++) {
		uint64_t limit = i < l->n && l->r[i]->start < hi ? l->r[i]->start : hi;

		at = (at + GUARD + align - 1) & ~(align - 1);
		if (at < limit && len + GUARD <= limit - at)
			return at;
		if (limit == hi)
			return 0;
		at = l->r[i]->end;
	}
}
