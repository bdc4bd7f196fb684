/*
 * test_lib_cpio.c - promises of the archive reader
 */
/* ctest: sources=libexos/proc/cpio.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpio.h"

static char archive[4096];
static size_t length;

static void pad(void)
{
	while (length % 4 != 0)
		archive[length++] = '\0';
}

static void add(const char *name, const char *data, size_t n)
{
	length += (size_t)sprintf(archive + length, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1, 0100644, 0, 0, 1, 0, n,
				  0, 0, 0, 0, strlen(name) + 1, 0);
	strcpy(archive + length, name);
	length += strlen(name) + 1;
	pad();
	memcpy(archive + length, data, n);
	length += n;
	pad();
}

static int good(void **state)
{
	(void)state;
	memset(archive, 0, sizeof(archive));
	length = 0;
	add("bin/one", "1234567", 7);
	add("empty", "", 0);
	add("tests/two", "abcd", 4);
	add("TRAILER!!!", "", 0);
	return 0;
}

/* Walks over a copy that ends exactly where the archive ends. Returns the number of entries, or the error. */
static int walk(size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	struct cpio_entry e;
	size_t at = 0, before;
	int n = 0, r;

	memcpy(copy, archive, len);
	do {
		before = at;
		r = cpio_next(copy, len, &at, &e);
		if (r == 1) {
			n++;
			assert_true(at > before && at <= len);
			assert_true(e.name >= copy && e.name + e.name_len < copy + len && e.name[e.name_len] == '\0');
			assert_true((const char *)e.data >= copy && e.size <= len && (const char *)e.data + e.size <= copy + len);
		}
	} while (r == 1);
	free(copy);
	return r < 0 ? r : n;
}

static void entries_come_in_order(void **state)
{
	struct cpio_entry e;

	(void)state;
	assert_int_equal(walk(length), 3);
	assert_int_equal(cpio_find(archive, length, "bin/one", &e), 1);
	assert_int_equal(e.size, 7);
	assert_memory_equal(e.data, "1234567", 7);
	assert_int_equal(cpio_find(archive, length, "empty", &e), 1);
	assert_int_equal(e.size, 0);
	assert_int_equal(cpio_find(archive, length, "tests/two", &e), 1);
	assert_memory_equal(e.data, "abcd", 4);
	assert_int_equal(cpio_find(archive, length, "bin", &e), 0);
	assert_int_equal(cpio_find(archive, length, "TRAILER!!!", &e), 0);
}

static void an_end_without_trailer_is_an_end(void **state)
{
	(void)state;
	assert_int_equal(walk(0), 0);
	length = 0;
	memset(archive, 0, sizeof(archive));
	add("x", "y", 1);
	assert_int_equal(walk(length), 1);
	assert_int_equal(walk(length + 512), 1);	/* padding of zeros */
}

static void every_truncation_is_noticed_or_harmless(void **state)
{
	(void)state;
	for (size_t len = 0; len < length; len++)
		assert_true(walk(len) <= 3);
	assert_int_equal(walk(50), CPIO_TRUNCATED);
	assert_int_equal(walk(112), CPIO_NAME);
}

static void lies_are_refused(void **state)
{
	(void)state;
	archive[0] = '1';
	assert_int_equal(walk(length), CPIO_MAGIC);
	good(NULL);
	archive[6 + 8 * 6] = 'G';
	assert_int_equal(walk(length), CPIO_NUMBER);
	good(NULL);
	memcpy(archive + 6 + 8 * 6, "FFFFFFFF", 8);	/* size of the data */
	assert_int_equal(walk(length), CPIO_DATA);
	good(NULL);
	memcpy(archive + 6 + 8 * 11, "FFFFFFFF", 8);	/* size of the name */
	assert_int_equal(walk(length), CPIO_NAME);
	memcpy(archive + 6 + 8 * 11, "00000000", 8);
	assert_int_equal(walk(length), CPIO_NAME);
	memcpy(archive + 6 + 8 * 11, "00000001", 8);
	assert_int_equal(walk(length), CPIO_NAME);
	memcpy(archive + 6 + 8 * 11, "00000004", 8);	/* no nul at its end */
	assert_int_equal(walk(length), CPIO_NAME);
	good(NULL);
	archive[110 + 3] = '\0';			/* a nul inside the name */
	assert_int_equal(walk(length), CPIO_NAME);
}

static void any_single_byte_may_lie(void **state)
{
	(void)state;
	for (size_t at = 0; at < length; at++) {
		for (int v = 0; v < 256; v++) {
			char was = archive[at];

			archive[at] = (char)v;
			assert_true(walk(length) <= 4);	/* the trailer may become one more */
			archive[at] = was;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(entries_come_in_order, good),
		cmocka_unit_test_setup(an_end_without_trailer_is_an_end, good),
		cmocka_unit_test_setup(every_truncation_is_noticed_or_harmless, good),
		cmocka_unit_test_setup(lies_are_refused, good),
		cmocka_unit_test_setup(any_single_byte_may_lie, good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
