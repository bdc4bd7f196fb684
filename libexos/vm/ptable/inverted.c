/*
 * inverted.c - a record for each page that is held, found by hashing its page number
 *
 * A capability stands at one address at most, so the record of a page is found by its slot: record[slot]. Anchors lead from the
 * hash of a page number to the first slot of a chain. A program that uses little memory here and there in a large address space pays
 * for the little memory only; a lookup is an anchor and, with short chains, one record.
 *
 *	page number --hash--> anchor[] --slot--> record[slot] --next--> record[slot'] --> 0
 *
 * Neighbouring page numbers hash to neighbouring anchors, so that a small program touches few pages of them.
 */
#include "ptable.h"

#include <assert.h>
#include <exos/cap.h>
#include <stdbool.h>

#define SLOTS		(CAPTAB_PAGES * CAPS_PER_PAGE)
#define ANCHORS		16384u
#define PER_PAGE(type)	(4096 / sizeof(type))
#define LOOK_AHEAD	64	/* page numbers that ptable_next() tries by hash before it looks through the records */

struct record {
	uint32_t vpn;
	uint16_t next;		/* slot */
	uint8_t prot, flags;
};

static_assert(SLOTS <= 65536, "slots have 16 bits");

/* Both vectors lie in memory of their own and are bound page by page: bit n tells of page n. */
static uint16_t *anchor;
static struct record *record;
static uint64_t anchor_pages, record_pages[SLOTS / PER_PAGE(struct record) / 64 + 1];
static uint64_t entries, pages;
static unsigned int top;	/* slots from here on have never had a record */

static unsigned int hash(uint64_t vpn)
{
	return (unsigned int)(vpn ^ vpn >> 11 ^ vpn >> 19) % ANCHORS;
}

static bool have_anchor(unsigned int h)
{
	return anchor_pages >> (h / PER_PAGE(uint16_t)) & 1;
}

static bool have_record(unsigned int slot)
{
	unsigned int page = slot / PER_PAGE(struct record);

	return record_pages[page / 64] >> (page % 64) & 1;
}

static int need(bool have, char *page, uint64_t *bits, unsigned int n)
{
	if (have)
		return 0;
	if (ptable_commit(page) < 0)
		return -1;
	*bits |= 1ull << n;
	pages++;
	return 0;
}

/* The anchor of hash h and the record of slot can be written afterwards. */
static int room(unsigned int h, unsigned int slot)
{
	unsigned int a = h / PER_PAGE(uint16_t), r = slot / PER_PAGE(struct record);

	if (anchor == NULL) {
		char *memory = ptable_memory(ANCHORS * sizeof(*anchor) + SLOTS * sizeof(*record));

		if (memory == NULL)
			return -1;
		anchor = (uint16_t *)memory;
		record = (struct record *)(memory + ANCHORS * sizeof(*anchor));
	}
	if (need(have_anchor(h), (char *)anchor + a * 4096, &anchor_pages, a) < 0)
		return -1;
	return need(have_record(slot), (char *)record + r * 4096, &record_pages[r / 64], r % 64);
}

/* Slot of the record of vpn, 0: none. */
static unsigned int find(uint64_t vpn)
{
	unsigned int h = hash(vpn), slot = vpn < PTABLE_VPNS && have_anchor(h) ? anchor[h] : 0;

	while (slot != 0 && record[slot].vpn != vpn)
		slot = record[slot].next;
	return slot;
}

struct vm_entry ptable_lookup(uint64_t vpn)
{
	unsigned int slot = find(vpn);

	if (slot == 0)
		return (struct vm_entry){ 0 };
	return (struct vm_entry){ .slot = (uint16_t)slot, .prot = record[slot].prot, .flags = record[slot].flags };
}

void ptable_remove(uint64_t vpn)
{
	unsigned int slot = find(vpn);
	uint16_t *link;

	if (slot == 0)
		return;
	for (link = &anchor[hash(vpn)]; *link != slot; link = &record[*link].next)
		;
	*link = record[slot].next;
	entries--;
}

int ptable_insert(uint64_t vpn, struct vm_entry e)
{
	unsigned int h = hash(vpn), old = find(vpn);

	if (vpn >= PTABLE_VPNS || e.slot >= SLOTS || room(h, e.slot) < 0)
		return -1;
	if (old != e.slot) {
		ptable_remove(vpn);
		record[e.slot].vpn = (uint32_t)vpn;
		record[e.slot].next = anchor[h];
		anchor[h] = e.slot;
		entries++;
		if (e.slot >= top)
			top = e.slot + 1u;
	}
	record[e.slot].prot = e.prot;
	record[e.slot].flags = e.flags;
	return 0;
}

/* Is the record of slot in use? It is when its chain leads to it. */
static bool in_use(unsigned int slot)
{
	return have_record(slot) && find(record[slot].vpn) == slot;
}

uint64_t ptable_next(uint64_t vpn, uint64_t end)
{
	uint64_t limit = end < PTABLE_VPNS ? end : PTABLE_VPNS, best = end;
	uint64_t near = vpn < limit && limit - vpn > LOOK_AHEAD ? vpn + LOOK_AHEAD : limit;

	for (; vpn < near; vpn++)
		if (find(vpn) != 0)
			return vpn;
	if (vpn >= limit)
		return end;
	for (unsigned int slot = 1; slot < top; slot++)
		if (have_record(slot) && record[slot].vpn >= vpn && record[slot].vpn < best && record[slot].vpn < limit && in_use(slot))
			best = record[slot].vpn;
	return best;
}

void ptable_get_stats(struct ptable_stats *s)
{
	*s = (struct ptable_stats){ .name = "inverted table", .entries = entries, .pages = pages };
}
