/*
 * test_lib_elf.c - promises of the ELF reader: what it accepts, and each way to refuse
 *
 * L1 of the attack list. Each case starts from a good file and breaks one thing.
 */
/* ctest: sources=libexos/proc/elf_plan.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <exos/cap.h>

#include "elf_plan.h"

#define EHDR	64
#define PHDR	56
#define FILE_BYTES 0x3000

static uint8_t file[FILE_BYTES];
static struct elf_plan plan;

static void put(size_t at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		file[at + i] = (uint8_t)(value >> 8 * i);
}

/* Fields of program header i. */
static void phdr(int i, uint32_t type, uint32_t flags, uint64_t offset, uint64_t va, uint64_t filesz, uint64_t memsz, uint64_t align)
{
	size_t at = EHDR + (size_t)i * PHDR;

	put(at, type, 4);
	put(at + 4, flags, 4);
	put(at + 8, offset, 8);
	put(at + 16, va, 8);
	put(at + 24, va, 8);
	put(at + 32, filesz, 8);
	put(at + 40, memsz, 8);
	put(at + 48, align, 8);
}

enum { R = 4, W = 2, X = 1 };

/* Text at 0x10000, data with zeroed memory behind it at 0x12000. */
static int good(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	memcpy(file, "\x7f" "ELF\2\1\1", 7);
	put(16, 2, 2);
	put(18, 243, 2);
	put(20, 1, 4);
	put(24, 0x10004, 8);
	put(32, EHDR, 8);
	put(54, PHDR, 2);
	put(56, 2, 2);
	phdr(0, 1, R | X, 0x1000, 0x10000, 0x1800, 0x1800, 0x1000);
	phdr(1, 1, R | W, 0x2900, 0x12900, 0x100, 0x2000, 0x1000);
	return 0;
}

static int plan_of(size_t len)
{
	/* A copy that ends where the file ends, so that a sanitizer sees every read beyond it. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int err;

	memcpy(copy, file, len);
	memset(&plan, 0x5a, sizeof(plan));
	err = elf_plan(copy, len, &plan);
	free(copy);
	if (err < 0) {
		static const struct elf_plan nothing;

		assert_memory_equal(&plan, &nothing, sizeof(plan));
		assert_string_not_equal(elf_strerror(err), "no error");
	}
	return err;
}

#define REFUSED(code) assert_int_equal(plan_of(FILE_BYTES), code)

static void a_good_file_becomes_a_list_of_pages(void **state)
{
	(void)state;
	assert_int_equal(plan_of(FILE_BYTES), 0);
	assert_int_equal(plan.nsegments, 2);
	assert_int_equal(plan.npages, 2 + 3);
	assert_int_equal(plan.entry, 0x10004);
	assert_int_equal(plan.base, 0x10000);
	assert_int_equal(plan.end, 0x15000);
	assert_int_equal(plan.segment[0].prot, PROT_R | PROT_X);
	assert_int_equal(plan.segment[1].prot, PROT_R | PROT_W);
	assert_int_equal(plan.segment[1].va, 0x12000);
	assert_int_equal(plan.segment[1].skip, 0x900);
	assert_int_equal(plan.segment[1].file_bytes, 0x100);
}

static void every_truncation_is_refused_or_harmless(void **state)
{
	(void)state;
	for (size_t len = 0; len < FILE_BYTES; len++) {
		int err = plan_of(len);

		if (len < EHDR)
			assert_int_equal(err, ELF_SHORT);
		else if (len < EHDR + 2 * PHDR)
			assert_int_equal(err, ELF_HEADERS);
		else if (len < 0x2a00)
			assert_int_equal(err, ELF_FILE_RANGE);
		else
			assert_int_equal(err, 0);
	}
}

static void foreign_files_are_refused(void **state)
{
	(void)state;
	file[0] = '#';
	REFUSED(ELF_MAGIC);
	good(NULL);
	file[4] = 1;	/* 32 bits */
	REFUSED(ELF_CLASS);
	good(NULL);
	file[5] = 2;	/* big-endian */
	REFUSED(ELF_CLASS);
	good(NULL);
	put(16, 3, 2);	/* shared object */
	REFUSED(ELF_MACHINE);
	good(NULL);
	put(18, 62, 2);	/* x86-64 */
	REFUSED(ELF_MACHINE);
	good(NULL);
	phdr(1, 3, R, 0x1000, 0x10000, 10, 10, 1);
	REFUSED(ELF_DYNAMIC);
	good(NULL);
	phdr(0, 2, R, 0x1000, 0x10000, 10, 10, 1);
	REFUSED(ELF_DYNAMIC);
}

static void program_headers_out_of_range_are_refused(void **state)
{
	static const uint64_t offsets[] = { FILE_BYTES, FILE_BYTES - PHDR, FILE_BYTES + 1, 1ull << 63, ~0ull, ~0ull - PHDR, ~0ull - 2 * PHDR + 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		good(NULL);
		put(32, offsets[i], 8);
		REFUSED(ELF_HEADERS);
	}
	good(NULL);
	put(56, 65535, 2);
	REFUSED(ELF_HEADERS);
	put(56, 0, 2);
	REFUSED(ELF_HEADERS);
	good(NULL);
	put(54, 55, 2);
	REFUSED(ELF_HEADERS);
	put(54, 0, 2);
	REFUSED(ELF_HEADERS);
}

static void bytes_beyond_the_file_are_refused(void **state)
{
	(void)state;
	phdr(1, 1, R | W, ~0ull, 0x12fff, 2, 2, 1);
	REFUSED(ELF_FILE_RANGE);
	phdr(1, 1, R | W, 0x2000, 0x12000, ~0ull, ~0ull, 1);
	REFUSED(ELF_FILE_RANGE);
	phdr(1, 1, R | W, 0x2000, 0x12000, ~0ull - 0x1fff, ~0ull - 0x1fff, 1);	/* the sum is 0 */
	REFUSED(ELF_FILE_RANGE);
	phdr(1, 1, R | W, FILE_BYTES, 0x12000, 1, 1, 1);
	REFUSED(ELF_FILE_RANGE);
	phdr(1, 1, R | W, FILE_BYTES, 0x12000, 0, 1, 1);
	assert_int_equal(plan_of(FILE_BYTES), 0);
}

static void sizes_and_addresses_are_judged(void **state)
{
	(void)state;
	phdr(1, 1, R | W, 0x2000, 0x12000, 0x101, 0x100, 0x1000);
	REFUSED(ELF_SIZES);
	phdr(1, 1, R | W, 0x2000, 0x12000, 0x100, ~0ull, 0x1000);
	REFUSED(ELF_ADDRESS);
	phdr(1, 1, R | W, 0x2000, 0, 0x100, 0x100, 0x1000);
	REFUSED(ELF_ADDRESS);
	phdr(1, 1, R | W, 0x2000, 0xf000, 0x100, 0x1001, 0x1000);
	REFUSED(ELF_ADDRESS);
	phdr(1, 1, R | W, 0x2000, ELF_HIGHEST - 0x1000, 0x100, 0x1001, 0x1000);
	REFUSED(ELF_ADDRESS);
	phdr(1, 1, R | W, 0x2000, 0xffffffff80200000, 0x100, 0x100, 0x1000);	/* the kernel's half */
	REFUSED(ELF_ADDRESS);
	phdr(1, 1, R | W, 0x2000, 0xfffffffffffff000, 0x100, 0x1000, 0x1000);	/* ends at 2^64 */
	REFUSED(ELF_ADDRESS);
	phdr(1, 1, R | W, 0x2000, 0x12000, 0x100, ELF_PAGES * 4096ull, 0x1000);
	REFUSED(ELF_MANY);
}

static void alignments_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	phdr(1, 1, R | W, 0x2000, 0x12000, 0x100, 0x100, 3);
	REFUSED(ELF_ALIGN);
	phdr(1, 1, R | W, 0x2000, 0x12010, 0x100, 0x100, 0x1000);
	REFUSED(ELF_ALIGN);
	phdr(1, 1, R | W, 0x2000, 0x12010, 0x100, 0x100, 0x200000);
	REFUSED(ELF_ALIGN);
	phdr(1, 1, R | W, 0x2000, 0x12010, 0x100, 0x100, 16);
	assert_int_equal(plan_of(FILE_BYTES), 0);
	phdr(1, 1, R | W, 0x2000, 0x12000, 0x100, 0x100, 0);
	assert_int_equal(plan_of(FILE_BYTES), 0);
}

static void overlaps_are_refused(void **state)
{
	(void)state;
	phdr(1, 1, R | W, 0x2000, 0x11000, 0x100, 0x100, 0x1000);
	REFUSED(ELF_OVERLAP);
	phdr(1, 1, R | W, 0x2000, 0x10000, 0x100, 0x10000, 0x1000);
	REFUSED(ELF_OVERLAP);
	phdr(0, 1, R | X, 0x1000, 0x20000, 0x1800, 0x1800, 0x1000);	/* descending */
	phdr(1, 1, R | W, 0x2000, 0x10000, 0x100, 0x100, 0x1000);
	put(24, 0x20004, 8);
	REFUSED(ELF_OVERLAP);
}

static void rights_are_judged(void **state)
{
	(void)state;
	phdr(1, 1, R | W | X, 0x2000, 0x12000, 0x100, 0x100, 0x1000);
	REFUSED(ELF_WX);
	phdr(1, 1, W, 0x2000, 0x12000, 0x100, 0x100, 0x1000);
	REFUSED(ELF_RIGHTS);
	phdr(1, 1, 0, 0x2000, 0x12000, 0x100, 0x100, 0x1000);
	REFUSED(ELF_RIGHTS);
	phdr(1, 1, R | 8, 0x2000, 0x12000, 0x100, 0x100, 0x1000);
	REFUSED(ELF_RIGHTS);
}

static void the_entry_is_an_instruction_of_the_file(void **state)
{
	static const uint64_t bad[] = { 0, 1, 0x10005, 0xffff, 0x11800, 0x12900, 1ull << 63, ~0ull };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(24, bad[i], 8);
		REFUSED(ELF_ENTRY);
	}
	put(24, 0x117fe, 8);
	assert_int_equal(plan_of(FILE_BYTES), 0);
}

static void many_segments_and_none(void **state)
{
	(void)state;
	put(56, ELF_SEGMENTS + 1, 2);
	for (int i = 0; i <= ELF_SEGMENTS; i++)
		phdr(i, 1, R | X, 0x1000, 0x10000 + i * 0x1000ull, 0x100, 0x100, 0x1000);
	REFUSED(ELF_MANY);
	put(56, ELF_SEGMENTS, 2);
	assert_int_equal(plan_of(FILE_BYTES), 0);
	for (int i = 0; i < ELF_SEGMENTS; i++)
		phdr(i, 1, R | X, 0x1000, 0x10000 + i * 0x1000ull, 0, 0, 0x1000);
	REFUSED(ELF_EMPTY);
}

/* Whatever one byte is changed to: a refusal, or a plan that keeps every promise of the header. */
static void any_single_byte_may_lie(void **state)
{
	(void)state;
	for (size_t at = 0; at < EHDR + 2 * PHDR; at++) {
		for (int v = 0; v < 256; v++) {
			uint8_t was = file[at];
			uint64_t last = ELF_LOWEST, pages = 0;

			file[at] = (uint8_t)v;
			if (plan_of(FILE_BYTES) == 0) {
				for (uint32_t i = 0; i < plan.nsegments; i++) {
					const struct elf_segment *s = &plan.segment[i];

					assert_true(s->va >= last && s->va % 4096 == 0 && s->npages > 0);
					last = s->va + s->npages * 4096ull;
					assert_true(s->skip + s->file_bytes <= s->npages * 4096ull);
					assert_true(s->file_offset + s->file_bytes <= FILE_BYTES);
					assert_true((s->prot & (PROT_W | PROT_X)) != (PROT_W | PROT_X));
					pages += s->npages;
				}
				assert_true(last <= ELF_HIGHEST && last == plan.end && pages == plan.npages && pages <= ELF_PAGES);
			}
			file[at] = was;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_good_file_becomes_a_list_of_pages, good),
		cmocka_unit_test_setup(every_truncation_is_refused_or_harmless, good),
		cmocka_unit_test_setup(foreign_files_are_refused, good),
		cmocka_unit_test_setup(program_headers_out_of_range_are_refused, good),
		cmocka_unit_test_setup(bytes_beyond_the_file_are_refused, good),
		cmocka_unit_test_setup(sizes_and_addresses_are_judged, good),
		cmocka_unit_test_setup(alignments_that_make_no_sense_are_refused, good),
		cmocka_unit_test_setup(overlaps_are_refused, good),
		cmocka_unit_test_setup(rights_are_judged, good),
		cmocka_unit_test_setup(the_entry_is_an_instruction_of_the_file, good),
		cmocka_unit_test_setup(many_segments_and_none, good),
		cmocka_unit_test_setup(any_single_byte_may_lie, good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
