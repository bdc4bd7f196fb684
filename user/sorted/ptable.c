/*
 * ptable.c - a page table of one's own: a vector of entries, sorted by page number
 *
 * Smaller than any tree while a program has few pages: 8 bytes for each. A lookup halves the vector until one entry is left; an insertion
 * moves what lies above. docs/page-table-tutorial.md goes through this file.
 */
#include "ptable.h"

#include <string.h>

#define ENTRIES_MAX	32768u		/* no program has more slots */
#define PER_PAGE	(4096 / sizeof(struct record))

struct record {
	uint32_t vpn;
	struct vm_entry e;
};

static struct record *table;		/* 256 KiB of addresses; `pages` pages of it are bound */
static unsigned int entries, pages;

/* Index of the first record at or above vpn. */
static unsigned int lower(uint64_t vpn)
{
	unsigned int lo = 0, hi = entries;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (table[mid].vpn < vpn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct vm_entry ptable_lookup(uint64_t vpn)
{
	unsigned int i = lower(vpn);

	return i < entries && table[i].vpn == vpn ? table[i].e : (struct vm_entry){ 0 };
}

/* Is there memory for one more record? */
static int grow(void)
{
	if (table == NULL && (table = ptable_memory(ENTRIES_MAX * sizeof(*table))) == NULL)
		return -1;
	if (entries < pages * PER_PAGE)
		return 0;
	if (entries == ENTRIES_MAX || ptable_commit(table + pages * PER_PAGE) < 0)
		return -1;
	pages++;
	return 0;
}

int ptable_insert(uint64_t vpn, struct vm_entry e)
{
	unsigned int i = lower(vpn);

	if (vpn >= PTABLE_VPNS)
		return -1;
	if (i < entries && table[i].vpn == vpn) {
		table[i].e = e;
		return 0;
	}
	if (grow() < 0)
		return -1;
	memmove(&table[i + 1], &table[i], (entries - i) * sizeof(*table));
	table[i] = (struct record){ .vpn = (uint32_t)vpn, .e = e };
	entries++;
	return 0;
}

void ptable_remove(uint64_t vpn)
{
	unsigned int i = lower(vpn);

	if (i == entries || table[i].vpn != vpn)
		return;
	entries--;
	memmove(&table[i], &table[i + 1], (entries - i) * sizeof(*table));
}

uint64_t ptable_next(uint64_t vpn, uint64_t end)
{
	unsigned int i = lower(vpn);

	return i < entries && table[i].vpn < end ? table[i].vpn : end;
}

void ptable_get_stats(struct ptable_stats *s)
{
	*s = (struct ptable_stats){ .name = "sorted vector", .entries = entries, .pages = pages };
}
