/*
 * ptable_test.h - what every page table of ptable.h promises; test_lib_ptable_*.c run it over one each
 *
 * Memory comes from an area of addresses that is made accessible page by page, so that a table that uses what it did not ask for
 * dies of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "ptable.h"

#define AREA	(256ul << 20)
#define PAGE	4096ul

static char *area;
static size_t area_used;
static unsigned int committed, commit_limit = ~0u;

void *ptable_memory(size_t bytes)
{
	char *at = area + area_used;

	assert_int_equal(bytes % PAGE, 0);
	if (bytes > AREA - area_used)
		return NULL;
	area_used += bytes;
	return at;
}

int ptable_commit(void *page)
{
	size_t offset = (size_t)((char *)page - area);

	assert_true(offset < area_used && offset % PAGE == 0);
	if (committed == commit_limit)
		return -1;
	committed++;
	return mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static struct vm_entry entry(unsigned int slot)
{
	return (struct vm_entry){ .slot = (uint16_t)slot, .prot = slot % 7 + 1, .flags = slot % 3 };
}

static void assert_entry(uint64_t vpn, unsigned int slot)
{
	struct vm_entry e = ptable_lookup(vpn), want = slot != 0 ? entry(slot) : (struct vm_entry){ 0 };

	assert_int_equal(e.slot, want.slot);
	if (slot != 0) {
		assert_int_equal(e.prot, want.prot);
		assert_int_equal(e.flags, want.flags);
	}
}

static uint64_t entries(void)
{
	struct ptable_stats s;

	ptable_get_stats(&s);
	assert_int_equal(s.pages, committed);
	return s.entries;
}

static int emptied(void **state)
{
	(void)state;
	for (uint64_t vpn = 0; (vpn = ptable_next(vpn, PTABLE_VPNS)) < PTABLE_VPNS;)
		ptable_remove(vpn);
	commit_limit = ~0u;
	return entries() == 0 ? 0 : -1;
}

/* First of all tests: nothing has been committed yet. */
static void without_memory_an_insertion_changes_nothing(void **state)
{
	(void)state;
	for (commit_limit = 0; ptable_insert(70000, entry(9)) < 0; commit_limit++) {
		assert_entry(70000, 0);
		assert_int_equal(ptable_next(0, PTABLE_VPNS), PTABLE_VPNS);
		assert_int_equal(entries(), 0);
		assert_true(commit_limit < 4);
	}
	assert_true(committed > 0);
	assert_entry(70000, 9);
	/* Replacing needs no memory. */
	commit_limit = committed;
	assert_int_equal(ptable_insert(70000, (struct vm_entry){ .slot = 9, .prot = 1 }), 0);
	assert_int_equal(ptable_lookup(70000).prot, 1);
}

static void what_is_inserted_is_found_in_order(void **state)
{
	static const uint64_t vpns[] = { 0, 1, 1023, 1024, 524287, 524288, PTABLE_VPNS - 1 };
	const unsigned int n = sizeof(vpns) / sizeof(vpns[0]);
	uint64_t at = 0;

	(void)state;
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(ptable_insert(vpns[i], entry(i + 1)), 0);
	for (unsigned int i = 0; i < n; i++)
		assert_entry(vpns[i], i + 1);
	assert_int_equal(entries(), n);
	for (unsigned int i = 0; i < n; i++, at++) {
		at = ptable_next(at, PTABLE_VPNS);
		assert_int_equal(at, vpns[i]);
	}
	assert_int_equal(ptable_next(1025, 524287), 524287);
	assert_int_equal(ptable_next(1025, 524288), 524287);
	for (unsigned int i = 0; i < n; i++)
		ptable_remove(vpns[i]);
	assert_int_equal(entries(), 0);
	assert_int_equal(ptable_next(0, ~0ull), ~0ull);
}

static void what_is_out_of_range_is_not_there(void **state)
{
	(void)state;
	assert_entry(PTABLE_VPNS, 0);
	assert_entry(~0ull, 0);
	assert_int_equal(ptable_insert(PTABLE_VPNS, entry(1)), -1);
	assert_int_equal(ptable_insert(~0ull, entry(1)), -1);
	ptable_remove(PTABLE_VPNS);
	ptable_remove(5);
	assert_int_equal(entries(), 0);
	assert_int_equal(ptable_next(3, 3), 3);
	assert_int_equal(ptable_next(PTABLE_VPNS, PTABLE_VPNS + 5), PTABLE_VPNS + 5);
}

static void a_page_changes_hands(void **state)
{
	(void)state;
	assert_int_equal(ptable_insert(100, entry(11)), 0);
	assert_int_equal(ptable_insert(100, entry(12)), 0);
	assert_entry(100, 12);
	assert_int_equal(entries(), 1);
	assert_int_equal(ptable_insert(101, entry(11)), 0);	/* the slot is free for another page */
	assert_entry(101, 11);
	ptable_remove(100);
	assert_entry(100, 0);
	assert_entry(101, 11);
	assert_int_equal(ptable_insert(102, entry(12)), 0);
	assert_entry(102, 12);
}

/* Some dense stretches and some lonely pages, against an array. */
#define MODEL	40000u
static uint16_t model[MODEL];

static uint64_t where(unsigned int i)
{
	return i < 20000 ? i : i < 39800 ? 5000000 + i : (uint64_t)i * 1500 + (i - 39800) * 30000ul;
}

static uint64_t model_next(unsigned int i)
{
	while (i < MODEL && model[i] == 0)
		i++;
	return i < MODEL ? where(i) : PTABLE_VPNS;
}

static void a_random_life_is_remembered(void **state)
{
	static unsigned int free_slots[32000];
	unsigned int nfree = 0, live = 0;

	(void)state;
	for (unsigned int s = 1; s < 32000; s++)
		free_slots[nfree++] = s;
	srand(3);
	for (unsigned int n = 0; n < 200000; n++) {
		unsigned int i = (unsigned int)rand() % MODEL, was = model[i];

		if (rand() % 5 < 2 + (n < 60000)) {
			if (nfree == 0)
				continue;
			model[i] = (uint16_t)free_slots[--nfree];
			assert_int_equal(ptable_insert(where(i), entry(model[i])), 0);
			live += was == 0;
		} else {
			ptable_remove(where(i));
			live -= was != 0;
			model[i] = 0;
		}
		if (was != 0)
			free_slots[nfree++] = was;
		assert_entry(where(i), model[i]);
		if (n % 64 == 0) {
			unsigned int k = (unsigned int)rand() % MODEL;

			assert_int_equal(entries(), live);
			assert_entry(where(k), model[k]);
			assert_int_equal(ptable_next(where(k), PTABLE_VPNS), model_next(k));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(without_memory_an_insertion_changes_nothing, emptied),
		cmocka_unit_test_teardown(what_is_inserted_is_found_in_order, emptied),
		cmocka_unit_test_teardown(what_is_out_of_range_is_not_there, emptied),
		cmocka_unit_test_teardown(a_page_changes_hands, emptied),
		cmocka_unit_test_teardown(a_random_life_is_remembered, emptied),
	};

	area = mmap(NULL, AREA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return area == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
