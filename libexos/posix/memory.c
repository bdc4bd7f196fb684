/*
 * memory.c - copying, in the place of the C library's, which moves one byte at a time
 *
 * Words are moved where both sides lie alike within a word; elsewhere bytes, for a load across words may cost a trap. Loads and
 * stores of integer registers only: a handler that saved no floating-point registers may come by here.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word;
typedef uint32_t __attribute__((may_alias)) half;

#define SAME_PLACE(a, b, size)	((((uintptr_t)(a) ^ (uintptr_t)(b)) & ((size) - 1)) == 0)

/* Without this the compiler would see what the loops do, and make calls of these very functions of them. */
#define AS_WRITTEN		__attribute__((optimize("no-tree-loop-distribute-patterns")))

AS_WRITTEN void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (SAME_PLACE(t, f, 8)) {
		for (; n > 0 && ((uintptr_t)t & 7) != 0; n--)
			*t++ = *f++;
		for (; n >= 64; n -= 64, t += 64, f += 64) {
			word *w = (word *)t;
			const word *v = (const word *)f;
			word a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], g = v[5], h = v[6], i = v[7];

			w[0] = a, w[1] = b, w[2] = c, w[3] = d, w[4] = e, w[5] = g, w[6] = h, w[7] = i;
		}
		for (; n >= 8; n -= 8, t += 8, f += 8)
			*(word *)t = *(const word *)f;
	} else if (SAME_PLACE(t, f, 4)) {	/* a file of an archive begins on 4 bytes */
		for (; n > 0 && ((uintptr_t)t & 3) != 0; n--)
			*t++ = *f++;
		for (; n >= 32; n -= 32, t += 32, f += 32) {
			half *w = (half *)t;
			const half *v = (const half *)f;
			half a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], g = v[5], h = v[6], i = v[7];

			w[0] = a, w[1] = b, w[2] = c, w[3] = d, w[4] = e, w[5] = g, w[6] = h, w[7] = i;
		}
	}
	while (n-- > 0)
		*t++ = *f++;
	return to;
}

AS_WRITTEN void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	/* Upwards is right unless the end of the source would be overwritten before it is read. */
	if ((uintptr_t)t - (uintptr_t)f >= n)
		return memcpy(to, from, n);
	if (SAME_PLACE(t, f, 8)) {
		for (; n > 0 && ((uintptr_t)(t + n) & 7) != 0; n--)
			t[n - 1] = f[n - 1];
		for (; n >= 8; n -= 8)
			*(word *)(t + n - 8) = *(const word *)(f + n - 8);
	}
	while (n-- > 0)
		t[n] = f[n];
	return to;
}
