/*
 * linear.c - a vector indexed by page number
 *
 * 256 MiB of addresses hold an entry for every page of the lower half; of these, the pages that have entries are bound. A lookup
 * is a test of a bit and a load. The VAX kept its user page tables this way.
 */
#include "ptable.h"

#include <stdbool.h>

#define PER_PAGE	(4096 / sizeof(struct vm_entry))
#define PAGES		(PTABLE_VPNS / PER_PAGE)

static struct vm_entry *vector;
static uint64_t have[PAGES / 64];	/* which pages of the vector are bound */
static uint64_t entries, pages;

static bool bound(uint64_t vpn)
{
	uint64_t page = vpn / PER_PAGE;

	return vpn < PTABLE_VPNS && (have[page / 64] >> (page % 64) & 1);
}

struct vm_entry ptable_lookup(uint64_t vpn)
{
	return bound(vpn) ? vector[vpn] : (struct vm_entry){ 0 };
}

int ptable_insert(uint64_t vpn, struct vm_entry e)
{
	uint64_t page = vpn / PER_PAGE;

	if (vpn >= PTABLE_VPNS)
		return -1;
	if (vector == NULL && (vector = ptable_memory(PTABLE_VPNS * sizeof(*vector))) == NULL)
		return -1;
	if (!bound(vpn)) {
		if (ptable_commit(vector + page * PER_PAGE) < 0)
			return -1;
		have[page / 64] |= 1ull << (page % 64);
		pages++;
	}
	entries += vector[vpn].slot == 0;
	vector[vpn] = e;
	return 0;
}

void ptable_remove(uint64_t vpn)
{
	if (!bound(vpn) || vector[vpn].slot == 0)
		return;
	vector[vpn] = (struct vm_entry){ 0 };
	entries--;
}

uint64_t ptable_next(uint64_t vpn, uint64_t end)
{
	uint64_t limit = end < PTABLE_VPNS ? end : PTABLE_VPNS;

	while (vpn < limit) {
		uint64_t page = vpn / PER_PAGE;

		if (have[page / 64] >> (page % 64) == 0)
			vpn = (page / 64 + 1) * 64 * PER_PAGE;
		else if (!bound(vpn))
			vpn = (page + 1) * PER_PAGE;
		else if (vector[vpn].slot != 0)
			return vpn;
		else
			vpn++;
	}
	return end;
}

void ptable_get_stats(struct ptable_stats *s)
{
	*s = (struct ptable_stats){ .name = "linear vector", .entries = entries, .pages = pages };
}
