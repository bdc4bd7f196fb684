/*
 * cpio.c - reading a cpio archive of the "newc" format in place
 *
 * Layout of an entry: a header of 110 characters, "070701" and thirteen numbers of eight hexadecimal digits; the name with its nul,
 * padded so that the data begins at a multiple of 4; the data, padded likewise.
 */
#include "cpio.h"

#include <string.h>

#define HEADER		110
#define FIELD(n)	(6 + 8 * (n))
#define F_MODE		1
#define F_SIZE		6
#define F_NAME		11

/* Eight hexadecimal digits. Returns 0 or CPIO_NUMBER. */
static int number(const unsigned char *p, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		unsigned char c = p[i];

		if (c >= '0' && c <= '9')
			c = (unsigned char)(c - '0');
		else if (c >= 'a' && c <= 'f')
			c = (unsigned char)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			c = (unsigned char)(c - 'A' + 10);
		else
			return CPIO_NUMBER;
		v = v << 4 | c;
	}
	*out = v;
	return 0;
}

static int only_zeros(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

/* offset rounded up to 4, or len when that is less. offset <= len. */
static size_t padded(size_t offset, size_t len)
{
	size_t pad = -offset & 3;

	return pad <= len - offset ? offset + pad : len;
}

int cpio_next(const void *archive, size_t len, size_t *at, struct cpio_entry *e)
{
	const unsigned char *p = archive;
	uint32_t size, name, mode;
	size_t left, name_at, data_at;

	if (*at >= len)
		return 0;
	left = len - *at;
	if (left < HEADER)
		return only_zeros(p + *at, left) ? 0 : CPIO_TRUNCATED;
	p += *at;
	if (memcmp(p, "070701", 6) != 0)
		return only_zeros(p, left) ? 0 : CPIO_MAGIC;
	if (number(p + FIELD(F_SIZE), &size) < 0 || number(p + FIELD(F_NAME), &name) < 0 || number(p + FIELD(F_MODE), &mode) < 0)
		return CPIO_NUMBER;
	name_at = *at + HEADER;
	if (name < 2 || name > len - name_at || p[HEADER + name - 1] != '\0' || memchr(p + HEADER, '\0', name) != p + HEADER + name - 1)
		return CPIO_NAME;
	if (name == sizeof("TRAILER!!!") && memcmp(p + HEADER, "TRAILER!!!", name) == 0)
		return 0;
	data_at = padded(name_at + name, len);
	if (size > len - data_at)
		return CPIO_DATA;
	e->name = (const char *)p + HEADER;
	e->name_len = name - 1;
	e->data = (const unsigned char *)archive + data_at;
	e->size = size;
	e->mode = mode;
	*at = padded(data_at + size, len);
	return 1;
}

int cpio_find(const void *archive, size_t len, const char *name, struct cpio_entry *e)
{
	size_t at = 0;
	int r;

	while ((r = cpio_next(archive, len, &at, e)) == 1)
		if (strcmp(e->name, name) == 0)
			return 1;
	return r;
}

const char *cpio_strerror(int err)
{
	switch (err) {
#define X(name, value, text) case name: return text;
	CPIO_ERRORS(X)
#undef X
	default:
		return "no error";
	}
}
