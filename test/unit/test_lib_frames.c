/*
 * test_lib_frames.c - pages by colour and runs of neighbouring frames, over a frame table that this file pretends to be the kernel's
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exos_calls.h"
#include "exposed.h"
#include "vm.h"

#define FIRST	1003u
#define NFRAMES	200u
#define SLOTS_	400u

static struct exposed_system pretended;
static struct frame table[NFRAMES];
static uint64_t slots[SLOTS_];		/* frame in each, 1: reserved, 0: free */
static uint64_t stolen;			/* looks free, and is taken when it is asked for */
static unsigned quota;

static long sys_page_alloc(unsigned long env, unsigned long slot, unsigned long frame, unsigned long order)
{
	struct frame *f = &table[frame - FIRST];

	assert_true(env == 0 && order == 0 && slots[slot] == 1 && frame >= FIRST && frame < FIRST + NFRAMES);
	if (f->type != FRAME_FREE || frame == stolen)
		return -E_NOMEM;
	if (quota == 0)
		return -E_QUOTA;
	quota--;
	f->type = FRAME_DATA;
	slots[slot] = frame;
	return (long)frame;
}

static long sys_cap_delete(unsigned long slot)
{
	assert_true(slots[slot] > 1);
	table[slots[slot] - FIRST].type = FRAME_FREE;
	slots[slot] = 1;
	quota++;
	return 0;
}

const volatile struct exposed_system *exposed_system(void)
{
	return &pretended;
}

const volatile struct frame *exposed_frame(uint64_t frame)
{
	return frame >= FIRST && frame < FIRST + NFRAMES ? &table[frame - FIRST] : NULL;
}

unsigned int slot_alloc_run(unsigned int n)
{
	for (unsigned s = 1, found = 0; s < SLOTS_; s++) {
		found = slots[s] == 0 ? found + 1 : 0;
		if (found == n) {
			for (unsigned i = 0; i < n; i++)
				slots[s - i] = 1;
			return s - n + 1;
		}
	}
	return 0;
}

unsigned int slot_alloc(void)
{
	return slot_alloc_run(1);
}

void slot_free_run(unsigned int first, unsigned int n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(slots[first + i], 1);
		slots[first + i] = 0;
	}
}

void slot_free(unsigned int slot)
{
	slot_free_run(slot, 1);
}

#include "vm/frames.c"

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NFRAMES; i++)
		table[i] = (struct frame){ .type = FRAME_FREE };
	memset(slots, 0, sizeof(slots));
	pretended.first_frame = FIRST;
	pretended.nframes = NFRAMES;
	stolen = 0;
	quota = 1000;
	return 0;
}

static unsigned used_slots(void)
{
	unsigned n = 0;

	for (unsigned s = 0; s < SLOTS_; s++)
		n += slots[s] != 0;
	return n;
}

static void a_page_has_the_colour_that_was_asked_for(void **state)
{
	(void)state;
	for (unsigned colours = 1; colours <= 16; colours++)
		for (unsigned colour = 0; colour < colours; colour++) {
			long s = page_colour(colour, colours);

			assert_true(s > 0);
			assert_int_equal(slots[s] % colours, colour);
		}
	assert_int_equal(page_colour(4, 4), -E_INVAL);
	assert_int_equal(page_colour(0, 0), -E_INVAL);
}

static void a_colour_ends_when_its_frames_do(void **state)
{
	unsigned n = 0;

	(void)state;
	while (page_colour(3, 8) > 0)
		n++;
	assert_int_equal(n, NFRAMES / 8);
	assert_int_equal(page_colour(3, 8), -E_NOMEM);
	assert_int_equal(used_slots(), n);
	assert_true(page_colour(4, 8) > 0);
}

static void a_run_is_whole_aligned_and_in_order(void **state)
{
	(void)state;
	table[1008 - FIRST].type = FRAME_KERNEL;
	table[1030 - FIRST].type = FRAME_DATA;
	for (unsigned align = 1; align <= 16; align *= 2) {
		long s = page_run(7, align);

		assert_true(s > 0);
		assert_int_equal(slots[s] % align, 0);
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(slots[s + i], slots[s] + i);
	}
	assert_int_equal(page_run(0, 1), -E_INVAL);
	assert_int_equal(page_run(1, 3), -E_INVAL);
	assert_int_equal(page_run(1, 0), -E_INVAL);
}

static void a_refused_run_takes_nothing(void **state)
{
	(void)state;
	for (unsigned i = 9; i < NFRAMES; i += 10)
		table[i].type = FRAME_DATA;
	assert_int_equal(page_run(10, 1), -E_NOMEM);
	assert_true(page_run(9, 1) > 0);
	quota = 4;
	assert_int_equal(page_run(9, 1), -E_QUOTA);
	assert_int_equal(quota, 4);
	assert_int_equal(used_slots(), 9);
	assert_int_equal(page_run(SLOTS_, 1), -E_SLOT);
}

static void what_another_takes_meanwhile_is_passed_over(void **state)
{
	long s;

	(void)state;
	stolen = FIRST + 4;
	s = page_run(6, 1);
	assert_true(s > 0);
	assert_true(slots[s] > stolen || slots[s] + 5 < stolen);
	setup(NULL);
	stolen = 1008;
	s = page_colour(0, 8);
	assert_true(s > 0);
	assert_int_equal(slots[s], 1016);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_page_has_the_colour_that_was_asked_for),
		T(a_colour_ends_when_its_frames_do),
		T(a_run_is_whole_aligned_and_in_order),
		T(a_refused_run_takes_nothing),
		T(what_another_takes_meanwhile_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
