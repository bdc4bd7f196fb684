/*
 * slot.c - which slots of the capability table are free
 *
 * A bit per slot, for the largest table there can be. The bit is taken by one atomic instruction, so that a stack fault in the
 * middle of an allocation, which allocates a slot itself, does no harm. When few are left a page is donated as the next page of the
 * table; the last slots are kept back for that.
 */
#include "exos_calls.h"
#include "internal.h"
#include "preempt.h"
#include "vm.h"

#define SLOTS_MAX	(CAPTAB_PAGES * CAPS_PER_PAGE)
#define RESERVE		4	/* free slots that only the growth of the table may use */

static uint64_t taken[SLOTS_MAX / 64];
static unsigned int total, used, hint;
static bool growing;

void slot_init(unsigned int first_free, unsigned int nslots)
{
	total = nslots < SLOTS_MAX ? nslots : SLOTS_MAX;
	used = first_free < total ? first_free : total;
	hint = used;
	for (unsigned int i = 0; i < used; i++)
		taken[i / 64] |= 1ull << (i % 64);
}

void slot_count(uint64_t *u, uint64_t *t)
{
	*u = used;
	*t = total;
}

static bool is_taken(unsigned int slot)
{
	return taken[slot / 64] >> (slot % 64) & 1;
}

bool slot_used(unsigned int slot)
{
	return slot < total && is_taken(slot);
}

static bool take(unsigned int slot)
{
	uint64_t bit = 1ull << (slot % 64);

	if (__atomic_fetch_or(&taken[slot / 64], bit, __ATOMIC_RELAXED) & bit)
		return false;
	__atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);
	return true;
}

/* First free slot from the hint on, round the table once. */
static unsigned int find(void)
{
	for (unsigned int n = 0, slot = hint; n <= total; n++, slot++) {
		if (slot >= total)
			slot = 1;
		if (slot % 64 == 0 && taken[slot / 64] == ~0ull) {
			n += 63;
			slot += 63;
			continue;
		}
		if (!is_taken(slot) && take(slot)) {
			hint = slot + 1;
			return slot;
		}
	}
	return 0;
}

static void grow(void)
{
	unsigned int slot;
	long r;

	if (growing || total >= SLOTS_MAX)
		return;
	growing = true;
	slot = find();
	if (slot != 0) {
		r = page_take(slot);
		if (r >= 0) {
			r = sys_env_captab(0, slot);
			if (r < 0)
				sys_cap_delete(slot);
		}
		if (r < 0)
			slot_free(slot);
		else
			total = (unsigned int)r < SLOTS_MAX ? (unsigned int)r : SLOTS_MAX;
	}
	growing = false;
}

unsigned int slot_alloc(void)
{
	PREEMPT_OFF;
	if (total - used <= RESERVE)
		grow();
	return find();
}

static unsigned int find_run(unsigned int n)
{
	unsigned int len = 0;

	for (unsigned int slot = 1; slot < total; slot++) {
		len = is_taken(slot) ? 0 : len + 1;
		if (len == n)
			return slot - n + 1;
	}
	return 0;
}

unsigned int slot_alloc_run(unsigned int n)
{
	unsigned int first, before;
	PREEMPT_OFF;

	if (n == 0 || n > SLOTS_MAX)
		return 0;
	while ((first = find_run(n)) == 0) {
		before = total;
		grow();
		if (total == before)
			return 0;
	}
	for (unsigned int i = 0; i < n; i++)
		take(first + i);
	return first;
}

void slot_free(unsigned int slot)
{
	uint64_t bit = 1ull << (slot % 64);

	if (slot == 0 || slot >= total)
		return;
	if (__atomic_fetch_and(&taken[slot / 64], ~bit, __ATOMIC_RELAXED) & bit)
		__atomic_fetch_sub(&used, 1, __ATOMIC_RELAXED);
	if (slot < hint)
		hint = slot;
}

void slot_free_run(unsigned int first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		slot_free(first + i);
}

long slot_delete(unsigned int slot)
{
	long r;

	while ((r = sys_cap_delete(slot)) == 1)
		;
	if (r == 0)
		slot_free(slot);
	return r;
}
