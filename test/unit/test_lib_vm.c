/*
 * test_lib_vm.c - promises of the library's own memory records: regions and the slot allocator
 *
 * The allocator is compiled into this file, over a table that the functions below pretend to be.
 */
/* ctest: sources=libexos/vm/region.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exos_calls.h"
#include "vm/region.h"

#define PAGE 4096ull

/* ---- regions ---- */

static struct region_list list;

static int empty(void **state)
{
	(void)state;
	memset(&list, 0, sizeof(list));
	return 0;
}

static int insert(uint64_t start, uint64_t end)
{
	struct region r = { .start = start * PAGE, .end = end * PAGE };

	return region_insert(&list, &r);
}

static void regions_never_overlap(void **state)
{
	(void)state;
	assert_int_equal(insert(10, 20), 0);
	assert_int_equal(insert(20, 30), 0);
	assert_int_equal(insert(5, 10), 0);
	assert_int_equal(insert(9, 11), -1);
	assert_int_equal(insert(29, 31), -1);
	assert_int_equal(insert(0, 100), -1);
	assert_int_equal(insert(12, 13), -1);
	assert_int_equal(insert(40, 40), -1);
	assert_int_equal(list.n, 3);
}

static void an_address_finds_its_region(void **state)
{
	(void)state;
	insert(10, 20);
	insert(30, 40);
	assert_null(region_find(&list, 10 * PAGE - 1));
	assert_ptr_equal(region_find(&list, 10 * PAGE), list.r[0]);
	assert_ptr_equal(region_find(&list, 20 * PAGE - 1), list.r[0]);
	assert_null(region_find(&list, 20 * PAGE));
	assert_ptr_equal(region_find(&list, 39 * PAGE), list.r[1]);
	assert_null(region_find(&list, ~0ull));
	region_remove(&list, list.r[0]);
	assert_null(region_find(&list, 10 * PAGE));
	assert_ptr_equal(region_find(&list, 39 * PAGE), list.r[0]);
}

static void a_gap_has_guards_on_both_sides(void **state)
{
	uint64_t at;

	(void)state;
	insert(10, 20);
	insert(30, 40);
	at = region_gap(&list, 10 * PAGE, 100 * PAGE, 8 * PAGE, PAGE);
	assert_int_equal(at, 21 * PAGE);
	at = region_gap(&list, 10 * PAGE, 100 * PAGE, 9 * PAGE, PAGE);
	assert_int_equal(at, 41 * PAGE);
	at = region_gap(&list, 10 * PAGE, 100 * PAGE, 9 * PAGE, 64 * PAGE);
	assert_int_equal(at, 64 * PAGE);
	assert_int_equal(region_gap(&list, 10 * PAGE, 50 * PAGE, 9 * PAGE, PAGE), 0);
	assert_int_equal(region_gap(&list, 10 * PAGE, 100 * PAGE, ~0ull, PAGE), 0);
	assert_int_equal(region_gap(&list, 10 * PAGE, 100 * PAGE, 0, PAGE), 0);
}

static void random_regions_stay_sorted(void **state)
{
	static uint8_t model[4096];

	(void)state;
	memset(model, 0, sizeof(model));
	srand(1);
	for (int n = 0; n < 20000; n++) {
		uint64_t at, len = 1 + (uint64_t)rand() % 40;

		if (rand() % 2 == 0 && list.n > 0) {
			struct region *r = list.r[(uint32_t)rand() % list.n];

			memset(model + r->start / PAGE, 0, (r->end - r->start) / PAGE);
			region_remove(&list, r);
		} else if ((at = region_gap(&list, 100 * PAGE, 4000 * PAGE, len * PAGE, PAGE)) != 0 && list.n < REGIONS_MAX) {
			for (uint64_t p = at / PAGE - 1; p <= at / PAGE + len; p++)
				assert_int_equal(model[p], 0);
			memset(model + at / PAGE, 1, len);
			assert_int_equal(insert(at / PAGE, at / PAGE + len), 0);
		}
		for (uint32_t i = 1; i < list.n; i++)
			assert_true(list.r[i - 1]->end <= list.r[i]->start);
		at = (uint64_t)rand() % 4096;
		assert_int_equal(region_find(&list, at * PAGE) != NULL, model[at]);
	}
}

/* Cut, joined, removed at random, against an array of bytes: each byte tells the protection of a page, 0 none. */
static void random_cuts_keep_every_page(void **state)
{
	static uint8_t model[512];
	struct region r = { .name = "r" };

	(void)state;
	memset(model, 0, sizeof(model));
	srand(2);
	for (int n = 0; n < 20000; n++) {
		uint64_t at = (uint64_t)rand() % 500, end = at + 1 + (uint64_t)rand() % 12, want = (uint64_t)rand() % 4;
		struct region *found;

		if (region_cut(&list, at * PAGE, end * PAGE) < 0) {
			assert_true(list.n + 2 > REGIONS_MAX);
			continue;
		}
		while ((found = region_from(&list, at * PAGE)) != NULL && found->start < end * PAGE) {
			assert_true(found->start >= at * PAGE && found->end <= end * PAGE);
			region_remove(&list, found);
		}
		memset(model + at, (int)want, end - at);
		if (want != 0 && list.n < REGIONS_MAX) {
			r.start = at * PAGE;
			r.end = end * PAGE;
			r.prot = (uint8_t)want;
			assert_int_equal(region_insert(&list, &r), 0);
		} else {
			memset(model + at, 0, end - at);
		}
		region_join(&list, at * PAGE, end * PAGE);
		for (uint64_t i = 0; i < 512; i++) {
			found = region_find(&list, i * PAGE);
			assert_int_equal(found != NULL ? found->prot : 0, model[i]);
		}
		/* Joined: nothing touches a neighbour that is like it. */
		for (uint32_t i = 1; i < list.n; i++)
			assert_true(list.r[i - 1]->end < list.r[i]->start || (list.r[i - 1]->end == list.r[i]->start && list.r[i - 1]->prot != list.r[i]->prot));
		at = (uint64_t)rand() % 500;
		end = at + 1 + (uint64_t)rand() % 12;
		assert_int_equal(region_covered(&list, at * PAGE, end * PAGE), memchr(model + at, 0, end - at) == NULL);
	}
}

/* The same through region_protect(): within one region at a time, in two kinds that are never joined, with holes between them. */
static void random_protections_keep_every_page(void **state)
{
	static uint8_t model[512];
	struct region r = { .name = "r" };

	(void)state;
	memset(model, 0, sizeof(model));
	for (unsigned int k = 0; k < 6; k++) {
		r.start = (k * 80 + k % 3) * PAGE;
		r.end = (k * 80 + 75 + k % 2 * 5) * PAGE;
		r.prot = 1;
		r.flags = k & 2;
		assert_int_equal(region_insert(&list, &r), 0);
		memset(model + r.start / PAGE, 1, (r.end - r.start) / PAGE);
	}
	srand(3);
	for (int n = 0; n < 30000; n++) {
		uint64_t at = (uint64_t)rand() % 500, end = at + 1 + (uint64_t)rand() % 12;
		unsigned int want = 1 + (unsigned int)rand() % 3;
		struct region *in = region_find(&list, at * PAGE);

		if (in == NULL)
			continue;
		if (n % 5 == 0)
			at = in->start / PAGE;
		if (end * PAGE > in->end || n % 3 == 0)
			end = in->end / PAGE;
		if (region_protect(&list, region_place(&list, at * PAGE), at * PAGE, end * PAGE, want) < 0) {
			assert_true(list.n + 2 > REGIONS_MAX);
			continue;
		}
		memset(model + at, (int)want, end - at);
		for (uint64_t i = 0; i < 512; i++) {
			in = region_find(&list, i * PAGE);
			assert_int_equal(in != NULL ? in->prot : 0, model[i]);
		}
		for (uint32_t i = 0; i < list.n; i++) {
			const struct region *a = list.r[i], *b = i + 1 < list.n ? list.r[i + 1] : NULL;

			assert_true(a->start < a->end);
			assert_true(b == NULL || a->end < b->start || (a->end == b->start && (a->prot != b->prot || a->flags != b->flags)));
		}
		assert_int_equal(list.n + list.nback, list.used);
	}
}

static void a_full_list_is_not_cut(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < REGIONS_MAX - 1; i++)
		assert_int_equal(insert(10 * i + 1, 10 * i + 6), 0);
	assert_int_equal(region_cut(&list, 2 * PAGE, 4 * PAGE), -1);
	assert_int_equal(list.n, REGIONS_MAX - 1);
	assert_int_equal(list.r[0]->end, 6 * PAGE);
	assert_int_equal(region_cut(&list, 2 * PAGE, 6 * PAGE), 0);
	assert_int_equal(list.n, REGIONS_MAX);
}

/* ---- slots: a table of pages that env_captab() makes longer ---- */

static unsigned int table_slots, pages_left;

long page_take(unsigned int slot)
{
	assert_true(slot > 0 && slot < table_slots);
	return pages_left == 0 ? -E_NOMEM : (long)pages_left--;
}

static long sys_env_captab(unsigned long env, unsigned long slot)
{
	(void)env;
	(void)slot;
	return table_slots += CAPS_PER_PAGE;
}

static long sys_cap_delete(unsigned long slot)
{
	(void)slot;
	return 0;
}

#include "vm/slot.c"

volatile unsigned int preempt_depth;
bool preempt_harts;
volatile bool preempt_wanted;

void preempt_home(void)
{
}

void preempt_late(void)
{
	fail();
}

static int table(void **state)
{
	(void)state;
	memset(taken, 0, sizeof(taken));
	table_slots = 128;
	pages_left = 1000;
	slot_init(20, 128);
	return 0;
}

static void a_slot_is_given_once_and_the_table_grows(void **state)
{
	static uint8_t mine[SLOTS_MAX];
	unsigned int n = 0, slot;

	(void)state;
	memset(mine, 0, sizeof(mine));
	while ((slot = slot_alloc()) != 0) {
		assert_true(slot >= 20 && slot < table_slots);
		assert_int_equal(mine[slot], 0);
		mine[slot] = 1;
		n++;
	}
	/* Everything is used but one slot per page that the table grew by. */
	assert_int_equal(table_slots, SLOTS_MAX);
	assert_int_equal(n, SLOTS_MAX - 20 - (SLOTS_MAX / CAPS_PER_PAGE - 1));
	for (unsigned int i = 100; i < 200; i++)
		if (mine[i])
			slot_free(i);
	for (unsigned int i = 100; i < 200; i++)
		if (mine[i])
			assert_int_equal(slot_alloc(), i);
	assert_int_equal(slot_alloc(), 0);
}

static void a_run_is_neighbours(void **state)
{
	unsigned int a, b;

	(void)state;
	a = slot_alloc_run(50);
	b = slot_alloc_run(500);
	assert_int_equal(a, 20);
	assert_true(b >= 70 && b + 500 <= table_slots);
	for (unsigned int i = 0; i < 200; i++) {
		unsigned int slot = slot_alloc();

		assert_true(slot < a || slot >= a + 50);
		assert_true(slot < b || slot >= b + 500);
	}
	slot_free_run(a, 50);
	assert_int_equal(slot_alloc_run(50), a);
	assert_int_equal(slot_alloc_run(0), 0);
	assert_int_equal(slot_alloc_run(SLOTS_MAX), 0);
}

static void without_memory_the_table_does_not_grow(void **state)
{
	unsigned int n = 0;

	(void)state;
	pages_left = 0;
	while (slot_alloc() != 0)
		n++;
	assert_int_equal(n, 128 - 20);
	assert_int_equal(table_slots, 128);
	slot_free(33);
	assert_int_equal(slot_alloc(), 33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(regions_never_overlap, empty),
		cmocka_unit_test_setup(an_address_finds_its_region, empty),
		cmocka_unit_test_setup(a_gap_has_guards_on_both_sides, empty),
		cmocka_unit_test_setup(random_regions_stay_sorted, empty),
		cmocka_unit_test_setup(random_cuts_keep_every_page, empty),
		cmocka_unit_test_setup(random_protections_keep_every_page, empty),
		cmocka_unit_test_setup(a_full_list_is_not_cut, empty),
		cmocka_unit_test_setup(a_slot_is_given_once_and_the_table_grows, table),
		cmocka_unit_test_setup(a_run_is_neighbours, table),
		cmocka_unit_test_setup(without_memory_the_table_does_not_grow, table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
