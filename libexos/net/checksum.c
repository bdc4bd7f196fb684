/*
 * checksum.c - the Internet checksum, eight bytes at a time
 *
 * RFC 1071: ones' complement addition does not care in which order the carries come around, nor (2.B) in which byte order the
 * words are read as long as the result is swapped back. So the bytes are taken as little-endian 64-bit words from aligned
 * addresses, whatever the alignment of the start: the first and the last word are filled up with zeros, and when the start was
 * odd every byte has stood in the wrong half of its 16-bit word, which one more swap repairs.
 */
#include <string.h>

#include "inet.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read in little-endian order");

typedef uint64_t __attribute__((may_alias)) word_t;

/* n bytes at p (n < 8) as they would lie in a word from byte `at` on, the rest zero. */
static uint64_t part(const uint8_t *p, size_t n, size_t at)
{
	uint64_t w = 0;

	memcpy((uint8_t *)&w + at, p, n);
	return w;
}

uint32_t inet_sum(const void *start, size_t len)
{
	const uint8_t *p = start;
	size_t at = (uintptr_t)p & 7;
	uint64_t sum = 0, carry = 0;

	if (at != 0) {
		size_t n = 8 - at < len ? 8 - at : len;

		sum = part(p, n, at);
		p += n;
		len -= n;
	}
	for (; len >= 32; p += 32, len -= 32) {
		const word_t *w = (const word_t *)__builtin_assume_aligned(p, 8);

		sum += w[0];
		carry += sum < w[0];
		sum += w[1];
		carry += sum < w[1];
		sum += w[2];
		carry += sum < w[2];
		sum += w[3];
		carry += sum < w[3];
	}
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t w = *(const word_t *)__builtin_assume_aligned(p, 8);

		sum += w;
		carry += sum < w;
	}
	if (len > 0) {
		uint64_t w = part(p, len, 0);

		sum += w;
		carry += sum < w;
	}

	/* 64 bits to 16, carries included; 2^64, 2^32 and 2^16 are all 1 modulo 2^16 - 1. */
	sum = (sum & 0xffffffff) + (sum >> 32) + carry;
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	/* Little-endian words hold the big-endian sum with its halves swapped; an odd start has swapped them once already. */
	return (at & 1) != 0 ? (uint32_t)sum : (uint32_t)((sum & 0xff) << 8 | sum >> 8);
}
