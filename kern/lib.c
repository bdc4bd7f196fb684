/*
 * lib.c - printing for boot and panic, and memory functions where there is no C library
 */
#include <stdarg.h>

#include "kern/arch.h"

static void put_number(uint64_t v, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	while (n > 0)
		arch_console_putc(digits[--n]);
}

static void put(char c)
{
	if (c == '\n')
		arch_console_putc('\r');	/* a terminal wants both */
	arch_console_putc(c);
}

void kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		bool is_long = *++fmt == 'l';

		fmt += is_long;
		switch (*fmt) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s != '\0'; s++)
				put(*s);
			break;
		case 'd': {
			int v = va_arg(ap, int);

			if (v < 0)
				arch_console_putc('-');
			put_number(v < 0 ? 0 - (unsigned)v : (unsigned)v, 10);
			break;
		}
		case 'u':
		case 'x':
			put_number(is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), *fmt == 'u' ? 10 : 16);
			break;
		default:
			KASSERT(false);
		}
	}
	va_end(ap);
}

#ifndef EXOS_HOST
/* Words where both sides are aligned, bytes elsewhere. -fno-builtin keeps the compiler from calling memcpy to do memcpy. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	char *t = to;
	const char *f = from;

	if ((((uintptr_t)t | (uintptr_t)f) & 7) == 0) {
		for (; n >= 64; n -= 64, t += 64, f += 64) {
			uint64_t *tw = (uint64_t *)t;
			const uint64_t *fw = (const uint64_t *)f;
			uint64_t a = fw[0], b = fw[1], c = fw[2], d = fw[3], e = fw[4], g = fw[5], h = fw[6], i = fw[7];

			tw[0] = a, tw[1] = b, tw[2] = c, tw[3] = d, tw[4] = e, tw[5] = g, tw[6] = h, tw[7] = i;
		}
		for (; n >= 8; n -= 8, t += 8, f += 8)
			*(uint64_t *)t = *(const uint64_t *)f;
	}
	while (n-- > 0)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (t <= f || t >= f + n)
		return memcpy(to, from, n);
	while (n-- > 0)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int value, size_t n)
{
	char *t = to;
	uint64_t word = 0x0101010101010101ul * (uint8_t)value;

	if (((uintptr_t)t & 7) == 0) {
		/* The frame table is megabytes: the loop must cost less than what it does. */
		for (; n >= 64; n -= 64, t += 64) {
			uint64_t *w = (uint64_t *)t;

			w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = word;
		}
		for (; n >= 8; n -= 8, t += 8)
			*(uint64_t *)t = word;
	}
	while (n-- > 0)
		*t++ = (char)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}
#endif
