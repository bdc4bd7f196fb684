/*
 * matmul_harts.c - a product of matrices by one thread, and by as many as there are harts: the same product in less time
 *
 * Rows are handed out eight at a time by an atomic counter, so that a hart that has less time takes fewer of them. The product is made
 * six times in a row. The times are those of the time CSR, the shortest of five; they mean something when the machine under the
 * emulator has as many processors free. Each matrix has 32 pages: the emulator, which makes its own TLB as small as it was used before,
 * then has room for the three.
 */
/* guest: harts=1,2,4 */
#include "check.h"
#include "thread.h"

#define N	128
#define AGAIN	6
#define AT_ONCE	8
#define TIMES	5

static int64_t a[N][N], b[N][N], c[N][N], want[N][N];
static volatile unsigned int next, ready, all;
static volatile uint64_t begin;
static unsigned int threads;

static void rows(int64_t to[N][N], unsigned int first)
{
	for (unsigned int i = first; i < first + AT_ONCE; i++)
		for (unsigned int k = 0; k < N; k++) {
			int64_t sum = 0;

			for (unsigned int j = 0; j < N; j++)
				sum += a[i][j] * b[j][k];
			to[i][k] = sum;
		}
}

/* Returns how many rows it made. */
static void *work(void *arg)
{
	unsigned int i = __atomic_fetch_add(&next, AT_ONCE, __ATOMIC_RELAXED);	/* each takes part: its first rows are its own before any are made */
	uintptr_t done = 0;

	(void)arg;
	if (__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST) == all)
		begin = time_now();
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < all)
		;		/* every thread has a hart of its own: otherwise this does not end */
	for (; i < AGAIN * N; i = __atomic_fetch_add(&next, AT_ONCE, __ATOMIC_RELAXED)) {
		rows(c, i % N);
		done += AT_ONCE;
	}
	return (void *)done;
}

/* Ticks; done: rows that each made. */
static uint64_t product(unsigned int by, uintptr_t done[8])
{
	struct thread *t[8];
	uint64_t ticks;

	next = ready = 0;
	all = by;
	for (unsigned int i = 1; i < by; i++)
		t[i] = thread_create(work, NULL, 0);
	done[0] += (uintptr_t)work(NULL);
	for (unsigned int i = 1; i < by; i++) {
		void *rows_made = NULL;

		CHECK_IS(thread_join(t[i], &rows_made), 0);
		done[i] += (uintptr_t)rows_made;
	}
	ticks = time_now() - begin;
	CHECK_IS(memcmp(c, want, sizeof(c)), 0);
	memset(c, 0, sizeof(c));
	return ticks;
}

int main(void)
{
	uint64_t alone = ~0ull, together = ~0ull, us = exposed_system()->timebase_hz / 1000000;
	uintptr_t done[8] = { 0 }, sum = 0;
	int r = thread_harts(8);

	CHECK_IS(r, exposed_system()->nharts);
	threads = (unsigned int)r;
	for (unsigned int i = 0; i < N; i++)
		for (unsigned int k = 0; k < N; k++) {
			a[i][k] = (int64_t)((i * 7 + k * 3) % 101) - 50;
			b[i][k] = (int64_t)((i * 5 + k * 11) % 97) - 48;
		}
	for (unsigned int i = 0; i < N; i += AT_ONCE)
		rows(want, i);
	for (unsigned int i = 0; i < TIMES; i++) {
		uint64_t t = product(1, done);

		alone = t < alone ? t : alone;
	}
	memset(done, 0, sizeof(done));
	for (unsigned int i = 0; i < TIMES; i++) {
		uint64_t t = product(threads, done);

		together = t < together ? t : together;
	}
	printf("%u by %u: by one thread %lu us, by %u on as many harts %lu us, %lu.%02lu times as fast; rows of each:", N, N, alone / us, threads,
	       together / us, alone / together, alone * 100 / together % 100);
	for (unsigned int i = 0; i < threads; i++) {
		printf(" %lu", (unsigned long)done[i]);
		sum += done[i];
	}
	printf("\n");
	CHECK_IS(sum, AGAIN * N * TIMES);
	return verdict();
}
