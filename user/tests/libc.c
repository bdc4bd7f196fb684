/*
 * libc.c - the C library on top: formatted output, heap, errno, time
 */
#include <errno.h>
#include <math.h>
#include <time.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

#define BLOCKS 200

static _Thread_local int thread_local_zero, thread_local_seven = 7;

static void formats(void)
{
	char s[128];
	const char *volatile long_text = "abcdef";
	int n;

	n = snprintf(s, sizeof(s), "%d %s %5x|%-4c|%lu", -42, "text", 0xbeef, 'c', ~0ul);
	CHECK(strcmp(s, "-42 text  beef|c   |18446744073709551615") == 0);
	CHECK_IS(n, strlen(s));
	CHECK_IS(snprintf(s, 4, "%s", long_text), 6);
	CHECK(strcmp(s, "abc") == 0);
}

/* Every distance between the two sides, within words and across them; what lies beside stays as it was. */
static void copies(void)
{
	static unsigned char from[256], to[256];

	for (unsigned int a = 0; a < 9; a++)
		for (unsigned int b = 0; b < 9; b++)
			for (unsigned int n = 0; n < 150; n += n < 20 ? 1 : 7) {
				for (unsigned int i = 0; i < sizeof(from); i++) {
					from[i] = (unsigned char)(i * 7 + n);
					to[i] = 0xee;
				}
				CHECK(memcpy(to + 16 + a, from + b, n) == to + 16 + a);
				for (unsigned int i = 0; i < sizeof(to); i++)
					CHECK(to[i] == (i - 16 - a < n ? (unsigned char)((i - 16 - a + b) * 7 + n) : 0xee));
				memmove(from + a, from + b, n);
				for (unsigned int i = 0; i < sizeof(from); i++)
					CHECK(from[i] == (unsigned char)((i - a < n ? i - a + b : i) * 7 + n));
			}
}

static void heap(void)
{
	static unsigned char *block[BLOCKS];
	static size_t size[BLOCKS];
	uint64_t r = 1;

	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < BLOCKS; i++) {
			if (block[i] != NULL) {
				CHECK(block[i][0] == (unsigned char)i && block[i][size[i] - 1] == (unsigned char)i);
				free(block[i]);
			}
			size[i] = 1 + random_next(&r) % 20000;
			block[i] = malloc(size[i]);
			if (!CHECK(block[i] != NULL))
				return;
			memset(block[i], i, size[i]);
		}
	}
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
	errno = 0;
	CHECK(malloc(1ul << 40) == NULL);
	CHECK(errno == ENOMEM);
}

static void clocks(void)
{
	struct timespec a, b;
	struct timeval tv;

	CHECK_IS(clock_gettime(CLOCK_MONOTONIC, &a), 0);
	CHECK_IS(usleep(20000), 0);
	CHECK_IS(clock_gettime(CLOCK_MONOTONIC, &b), 0);
	uint64_t ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 + (uint64_t)b.tv_nsec - (uint64_t)a.tv_nsec;
	CHECK(ns >= 20000000);
	CHECK(ns < 2000000000);
	CHECK_IS(gettimeofday(&tv, NULL), 0);
	CHECK(time(NULL) == tv.tv_sec || time(NULL) == tv.tv_sec + 1);
}

static void floating_point(void)
{
	volatile double x = 2.0;

	CHECK(sqrt(x) > 1.41421356 && sqrt(x) < 1.41421357);
	CHECK(x / 3 * 3 == 2.0);
}

int main(void)
{
	formats();
	copies();
	heap();
	clocks();
	floating_point();
	CHECK(thread_local_zero == 0 && thread_local_seven == 7);
	CHECK(getpid() == (pid_t)self_env());
	CHECK(getenv("HOME") == NULL);
	CHECK(strcmp(exos_strerror(-E_NOCAP), exos_strerror(E_NOCAP)) == 0);
	CHECK(strcmp(exos_errname(-E_FULL), "E_FULL") == 0);
	CHECK_IS(write(7, "x", 1), -1);
	CHECK(errno == EBADF);
	return verdict();
}
