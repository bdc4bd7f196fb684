/*
 * cpio.h - reading a cpio archive of the "newc" format in place
 *
 * Nothing in the archive is believed: every length is checked against what is left. Pure functions over bytes; they build on the host
 * too.
 */
#ifndef CPIO_H
#define CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio_entry {
	const char *name;	/* inside the archive, nul-terminated there */
	size_t name_len;	/* without the nul */
	const void *data;
	size_t size;
	uint32_t mode;
};

/*
 * The entry at *at, which is 0 for the first and is advanced to the next.
 * Returns 1; 0 at the end (the trailer, or nothing but zero bytes); a negative enum cpio_error when the archive is damaged there.
 */
int cpio_next(const void *archive, size_t len, size_t *at, struct cpio_entry *e);

/* Find a name. Returns 1; 0: not there; a negative error: the archive is damaged before the name turned up. */
int cpio_find(const void *archive, size_t len, const char *name, struct cpio_entry *e);

#define CPIO_ERRORS(X) \
	X(CPIO_TRUNCATED, -1, "the archive ends in the middle of a header") \
	X(CPIO_MAGIC, -2, "a header does not begin with 070701: not a cpio archive of the newc format, or damaged") \
	X(CPIO_NUMBER, -3, "a field of a header is not a hexadecimal number") \
	X(CPIO_NAME, -4, "a name is empty, does not end with a nul, or reaches past the end") \
	X(CPIO_DATA, -5, "the data of a file reaches past the end of the archive")

enum cpio_error {
#define X(name, value, text) name = value,
	CPIO_ERRORS(X)
#undef X
};
const char *cpio_strerror(int err);

#endif
