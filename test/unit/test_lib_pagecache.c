/*
 * test_lib_pagecache.c - promises of the page cache: data is never lost, and each policy gives up what it says
 *
 * The machine is an array: where the page of each slot is bound, and its two bits.
 */
/* ctest: sources=libexos/vm/pagecache.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vm/pagecache.h"

#define PAGES	64
#define WORDS	512

static struct pagecache cache;

/* ---- the machine ---- */

static uint64_t memory[CACHE_FRAMES][WORDS];
static struct {
	int page;		/* -1: bound nowhere, or in the window */
	unsigned int bits;
	bool gone, read_only;
} bound[CACHE_FRAMES];		/* by slot */
static int in_window;
static unsigned int offers[CACHE_FRAMES], noffers;

void *cache_window(struct pagecache *c, unsigned int i)
{
	unsigned int s = c->frame[i].slot;

	assert_ptr_equal(c, &cache);
	assert_false(bound[s].gone);
	bound[s].page = -1;
	bound[s].bits = 0;
	in_window = (int)s;
	return memory[s];
}

int cache_bind(struct pagecache *c, unsigned int i, bool tracked)
{
	unsigned int s = c->frame[i].slot;

	for (unsigned int k = 0; k < CACHE_FRAMES; k++)
		assert_true(k == s || bound[k].page != (int)c->frame[i].page);
	assert_false(bound[s].gone);
	bound[s].page = (int)c->frame[i].page;
	bound[s].bits = tracked ? 0 : CACHE_ACCESSED | CACHE_DIRTY;
	bound[s].read_only = CACHE_READ_ONLY(c, i);
	if (in_window == (int)s)
		in_window = -1;
	return 0;
}

unsigned int cache_bits(struct pagecache *c, unsigned int i)
{
	unsigned int s = c->frame[i].slot;

	return bound[s].page == (int)c->frame[i].page ? bound[s].bits : 0;
}

void cache_clear_bits(struct pagecache *c, unsigned int i)
{
	bound[c->frame[i].slot].bits = 0;
	bound[c->frame[i].slot].read_only = CACHE_READ_ONLY(c, i);
}

static void take_away(unsigned int slot)
{
	assert_false(bound[slot].gone);
	bound[slot].gone = true;
	bound[slot].page = -1;
	memset(memory[slot], 0xdd, sizeof(memory[slot]));
}

void cache_drop(struct pagecache *c, unsigned int i)
{
	take_away(c->frame[i].slot);
}

void cache_withdraw(unsigned int slot)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < noffers; i++)
		if (offers[i] != slot)
			offers[n++] = offers[i];
	noffers = n;
}

void cache_offer(unsigned int slot)
{
	cache_withdraw(slot);
	offers[noffers++] = slot;
}

/* ---- the store ---- */

static uint64_t stored[PAGES][WORDS];
static bool read_fails, write_fails;

static int store_read(void *arg, uint64_t page, void *to)
{
	assert_ptr_equal(arg, stored);
	if (read_fails)
		return -5;
	memcpy(to, stored[page], sizeof(stored[page]));
	return 0;
}

static int store_write(void *arg, uint64_t page, const void *from)
{
	assert_ptr_equal(arg, stored);
	if (write_fails)
		return -6;
	memcpy(stored[page], from, sizeof(stored[page]));
	return 0;
}

static void open_cache(unsigned int frames, const struct cache_policy *p)
{
	memset(&cache, 0, sizeof(cache));
	memset(memory, 0xee, sizeof(memory));
	memset(stored, 0, sizeof(stored));
	for (unsigned int i = 0; i < CACHE_FRAMES; i++) {
		bound[i].page = -1;
		bound[i].gone = bound[i].read_only = false;
		cache.frame[i].slot = i;
	}
	noffers = 0;
	in_window = -1;
	read_fails = write_fails = false;
	cache.store = (struct page_store){ store_read, store_write, stored };
	cache.policy = p;
	cache.pages = PAGES;
	cache.nframes = frames;
}

/* ---- the program ---- */

static int frame_at(unsigned int page)
{
	for (unsigned int s = 0; s < CACHE_FRAMES; s++)
		if (bound[s].page == (int)page)
			return (int)s;
	return -1;
}

/* An access, as the MMU and the fault handler make it. NULL: the fault was not served. */
static uint64_t *touch(unsigned int page, bool write)
{
	int i = frame_at(page);

	if (i < 0) {
		if (pagecache_fault(&cache, page) < 0)
			return NULL;
		i = frame_at(page);
		assert_true(i >= 0);
	}
	if (write && bound[i].read_only) {
		assert_int_equal(pagecache_fault(&cache, page), 0);
		assert_false(bound[i].read_only);
	}
	bound[i].bits |= CACHE_ACCESSED | (write ? CACHE_DIRTY : 0);
	return memory[i];
}

static void scan(unsigned int pages, unsigned int rounds)
{
	for (unsigned int r = 0; r < rounds; r++)
		for (unsigned int p = 0; p < pages; p++)
			assert_non_null(touch(p, false));
}

/* ---- the tests ---- */

static const struct cache_policy *const policies[] = { &cache_fifo, &cache_clock, &cache_lru, &cache_mru };
#define NPOLICIES 4

static void nothing_that_was_written_is_lost(void **state)
{
	static uint64_t model[PAGES];

	(void)state;
	for (unsigned int k = 0; k < NPOLICIES; k++) {
		open_cache(7, policies[k]);
		memset(model, 0, sizeof(model));
		srand(k);
		for (unsigned int n = 0; n < 20000; n++) {
			unsigned int page = (unsigned int)rand() % PAGES;
			bool write = rand() % 3 == 0;
			uint64_t *at = touch(page, write);

			assert_non_null(at);
			assert_int_equal(at[page], model[page]);
			if (write)
				at[page] = model[page] = n + 1;
			if (n % 1000 == 0) {
				assert_int_equal(pagecache_sync(&cache), 0);
				for (unsigned int p = 0; p < PAGES; p++)
					assert_int_equal(stored[p][p], model[p]);
			}
		}
		assert_int_equal(cache.reads, cache.faults);
	}
}

static void only_what_was_written_is_written_back(void **state)
{
	(void)state;
	open_cache(4, &cache_lru);
	scan(16, 3);
	assert_int_equal(cache.writes, 0);
	touch(3, true);
	scan(16, 2);
	assert_int_equal(cache.writes, 1);
	assert_int_equal(pagecache_sync(&cache), 0);
	assert_int_equal(cache.writes, 1);
	touch(5, true);
	assert_int_equal(pagecache_sync(&cache), 0);
	assert_int_equal(cache.writes, 2);
	assert_int_equal(pagecache_sync(&cache), 0);
	assert_int_equal(cache.writes, 2);
}

/* Looking for accessed bits clears the dirty bit with them; the page is dirty all the same. */
static void a_look_does_not_make_a_page_clean(void **state)
{
	(void)state;
	open_cache(3, &cache_lru);
	touch(0, true)[0] = 42;
	touch(1, false);
	touch(2, false);	/* two looks */
	scan(16, 1);
	assert_int_equal(stored[0][0], 42);
}

static void fifo_gives_up_the_first_that_came(void **state)
{
	(void)state;
	open_cache(3, &cache_fifo);
	scan(3, 1);
	touch(0, false);	/* used again, which does not help it */
	touch(3, false);
	assert_int_equal(frame_at(0), -1);
	touch(4, false);
	assert_int_equal(frame_at(1), -1);
}

static void clock_gives_a_second_chance(void **state)
{
	(void)state;
	open_cache(3, &cache_clock);
	scan(3, 1);
	touch(3, false);	/* all were used: the first goes, and all bits are clear now */
	assert_int_equal(frame_at(0), -1);
	touch(1, false);
	touch(4, false);	/* the hand passes 1, which was used, and stops at 2 */
	assert_true(frame_at(1) >= 0);
	assert_int_equal(frame_at(2), -1);
}

static void lru_gives_up_what_was_not_used_longest(void **state)
{
	(void)state;
	open_cache(3, &cache_lru);
	scan(3, 1);
	touch(0, false);
	touch(3, false);
	assert_int_equal(frame_at(1), -1);
	touch(2, false);
	touch(1, false);
	assert_int_equal(frame_at(0), -1);
}

/* The textbook's MRU, which sees every access. */
static unsigned int exact_mru_faults(unsigned int pages, unsigned int frames, unsigned int rounds)
{
	bool in[PAGES] = { false };
	unsigned int held = 0, last = 0, faults = 0;

	for (unsigned int n = 0; n < pages * rounds; n++) {
		unsigned int p = n % pages;

		if (!in[p]) {
			faults++;
			if (held == frames)
				in[last] = false;
			else
				held++;
			in[p] = true;
		}
		last = p;
	}
	return faults;
}

static void a_scan_round_and_round_is_the_case_for_mru(void **state)
{
	(void)state;
	for (unsigned int frames = 2; frames < 40; frames += 3) {
		for (unsigned int k = 0; k < 3; k++) {
			open_cache(frames, policies[k]);
			scan(40, 10);
			assert_int_equal(cache.faults, 400);	/* each touch of each round */
		}
		open_cache(frames, &cache_mru);
		scan(40, 10);
		assert_int_equal(cache.faults, exact_mru_faults(40, frames, 10));
	}
}

static unsigned int my_choice(struct pagecache *c, uint64_t wanted)
{
	return wanted % 2 == 0 ? 1 : c->nframes + 100;	/* a mistake is answered, not believed */
}

static void a_program_may_bring_its_own_policy(void **state)
{
	static const struct cache_policy mine = { .name = "mine", .victim = my_choice };

	(void)state;
	open_cache(3, &mine);
	scan(3, 1);
	touch(10, false);
	assert_int_equal(frame_at(1), -1);
	touch(11, false);
	assert_int_equal(frame_at(0), -1);
	assert_true(frame_at(2) >= 0);
}

static void a_store_that_fails_loses_nothing(void **state)
{
	(void)state;
	open_cache(2, &cache_fifo);
	touch(0, true)[7] = 70;
	touch(1, true)[7] = 71;
	write_fails = true;
	assert_null(touch(2, false));
	assert_int_equal(touch(0, false)[7], 70);
	assert_int_equal(touch(1, false)[7], 71);
	assert_int_equal(pagecache_sync(&cache), -6);
	write_fails = false;
	read_fails = true;
	assert_null(touch(2, false));	/* 0 was written back for it, and is out */
	assert_int_equal(stored[0][7], 70);
	read_fails = false;
	assert_non_null(touch(2, false));
	assert_int_equal(touch(0, false)[7], 70);
	assert_int_equal(touch(1, false)[7], 71);
	assert_int_equal(cache.errors, 4);
}

/* On such hardware an access to a page with clear bits is a fault, too: the page is there, and must be usable afterwards. */
static void hardware_that_asks_for_the_bits_is_answered(void **state)
{
	(void)state;
	open_cache(2, &cache_lru);
	touch(0, false);
	bound[frame_at(0)].bits = 0;
	assert_int_equal(pagecache_fault(&cache, 0), 0);
	assert_int_equal(bound[frame_at(0)].bits, CACHE_ACCESSED | CACHE_DIRTY);
	assert_int_equal(cache.reads, 1);
}

/* ---- less memory ---- */

static void share(unsigned int least)
{
	cache.least = least;
	for (unsigned int i = 0; i < cache.nframes; i++)
		cache_offer(cache.frame[i].slot);
}

static void clean_pages_are_given_first_and_none_is_lost(void **state)
{
	(void)state;
	for (unsigned int k = 0; k < NPOLICIES; k++) {
		open_cache(8, policies[k]);
		share(2);
		scan(6, 1);
		touch(1, true)[0] = 11;
		touch(4, true)[0] = 44;
		assert_int_equal(pagecache_give(&cache, 3, true), 3);	/* two that are empty, one that is clean */
		assert_int_equal(cache.nframes, 5);
		assert_int_equal(cache.writes, 0);
		assert_true(frame_at(1) >= 0 && frame_at(4) >= 0);
		assert_int_equal(pagecache_give(&cache, 100, true), 3);	/* what is left is dirty */
		assert_int_equal(cache.nframes, 2);
		assert_int_equal(pagecache_give(&cache, 100, false), 0);	/* and the least */
		cache.least = 1;
		assert_int_equal(pagecache_give(&cache, 100, false), 1);
		assert_int_equal(cache.writes, 1);
		assert_int_equal(touch(1, false)[0], 11);
		assert_int_equal(touch(4, false)[0], 44);
		scan(PAGES, 2);
		assert_int_equal(stored[1][0], 11);
		assert_int_equal(stored[4][0], 44);
		assert_int_equal(cache.given, 7);
	}
}

static void the_policy_chooses_which_clean_page_goes(void **state)
{
	(void)state;
	open_cache(4, &cache_fifo);
	share(1);
	scan(4, 1);
	touch(0, true);
	assert_int_equal(pagecache_give(&cache, 1, true), 1);
	assert_int_equal(frame_at(1), -1);	/* the first that came and is clean */
	assert_true(frame_at(0) >= 0 && frame_at(2) >= 0 && frame_at(3) >= 0);
}

static void only_clean_pages_are_on_the_list(void **state)
{
	(void)state;
	open_cache(6, &cache_lru);
	share(1);
	srand(5);
	for (unsigned int n = 0; n < 5000; n++) {
		touch((unsigned int)rand() % 20, rand() % 3 == 0);
		if (rand() % 50 == 0)
			assert_int_equal(pagecache_sync(&cache), 0);
		for (unsigned int i = 0; i < noffers; i++)
			assert_false(bound[offers[i]].bits & CACHE_DIRTY && !bound[offers[i]].read_only);
	}
	assert_int_equal(pagecache_sync(&cache), 0);
	assert_int_equal(noffers, 6);
	scan(20, 1);
	assert_int_equal(offers[5], frame_at(19));	/* the last that came is the most important */
}

static void what_was_taken_by_force_is_read_again_or_refused(void **state)
{
	unsigned int slot;

	(void)state;
	open_cache(4, &cache_lru);
	share(1);
	touch(0, true)[0] = 7;
	assert_int_equal(pagecache_sync(&cache), 0);
	touch(1, true)[0] = 8;
	slot = (unsigned int)frame_at(0);
	take_away(slot);
	assert_true(pagecache_taken(&cache, slot));
	assert_false(pagecache_taken(&cache, slot));
	assert_int_equal(cache.nframes, 3);
	assert_int_equal(touch(0, false)[0], 7);	/* it was clean */
	slot = (unsigned int)frame_at(1);
	take_away(slot);
	assert_true(pagecache_taken(&cache, slot));
	assert_null(touch(1, false));			/* it was not, and what the store has is not what was written */
	assert_null(touch(1, true));
	assert_int_equal(touch(0, false)[0], 7);
	for (unsigned int i = 0; i < CACHE_FRAMES; i++)
		if (!bound[i].gone && i < 4) {
			take_away(i);
			assert_true(pagecache_taken(&cache, i));
		}
	assert_int_equal(cache.nframes, 0);
	assert_null(touch(2, false));
}

static void beyond_the_store_there_is_nothing(void **state)
{
	(void)state;
	open_cache(2, &cache_lru);
	assert_true(pagecache_fault(&cache, PAGES) < 0);
	assert_int_equal(cache.faults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_was_written_is_lost),
		cmocka_unit_test(only_what_was_written_is_written_back),
		cmocka_unit_test(a_look_does_not_make_a_page_clean),
		cmocka_unit_test(fifo_gives_up_the_first_that_came),
		cmocka_unit_test(clock_gives_a_second_chance),
		cmocka_unit_test(lru_gives_up_what_was_not_used_longest),
		cmocka_unit_test(a_scan_round_and_round_is_the_case_for_mru),
		cmocka_unit_test(a_program_may_bring_its_own_policy),
		cmocka_unit_test(a_store_that_fails_loses_nothing),
		cmocka_unit_test(hardware_that_asks_for_the_bits_is_answered),
		cmocka_unit_test(clean_pages_are_given_first_and_none_is_lost),
		cmocka_unit_test(the_policy_chooses_which_clean_page_goes),
		cmocka_unit_test(only_clean_pages_are_on_the_list),
		cmocka_unit_test(what_was_taken_by_force_is_read_again_or_refused),
		cmocka_unit_test(beyond_the_store_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
