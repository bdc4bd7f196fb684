/*
 * fuzz_http.c - any bytes, in any pieces, through the request parser
 *
 * The first byte chooses the size of the pieces. The outcome must be the same as for the whole, and what the header promises
 * about a finished request must hold.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request whole, pieces;
	size_t step, used = 0, at = 0;
	char path[64];

	if (size == 0)
		return 0;
	step = 1 + data[0] % 16;
	data++;
	size--;

	/* A connection: request after request, as long as they are good. */
	while (used < size) {
		size_t n;

		http_begin(&whole);
		n = http_parse(&whole, data + used, size - used);
		check(n <= size - used);
		used += n;

		http_begin(&pieces);
		while (at < size && pieces.state == HTTP_MORE) {
			n = size - at < step ? size - at : step;
			at += http_parse(&pieces, data + at, n);
		}
		check(whole.state == pieces.state && whole.status == pieces.status);
		if (whole.state == HTTP_MORE) {
			check(used == size && at == size);
			break;
		}
		if (whole.state == HTTP_BAD) {
			check(whole.status >= 400 && whole.status <= 505 && !whole.keep_alive);
			break;
		}
		check(used == at && strcmp(whole.target, pieces.target) == 0);
		check(strlen(whole.target) == whole.target_bytes && whole.target_bytes <= HTTP_TARGET_MAX);
		check(whole.body_bytes == pieces.body_bytes && whole.keep_alive == pieces.keep_alive);
		n = (size_t)http_path(&whole, path, sizeof(path));
		check(n == (size_t)-1 || (n < sizeof(path) && strlen(path) == n && path[0] == '/'));
	}
	return 0;
}
