/*
 * paper_vm.c - the operations of tables 9, 10 and 13 of SOSP 1995, through the library's own virtual memory
 *
 * Where user/bench measures what the kernel takes, this measures what a program pays that calls libexos/vm: its regions, its page
 * table, the kernel behind them, and its C handler. paper_vm_inverted.c is the same over the inverted page table. As a test it checks
 * that each operation did what it says; `make bench` runs it too, where instret counts instructions, and reads the figures.
 */
#include "check.h"

#ifndef TABLE
#define TABLE "radix"
#endif

#define PAGES	100u
#define RUNS	41u
#define N	150
#define RW	(PROT_R | PROT_W)

typedef int64_t matrix[N][N];

static uint8_t *area, *next;		/* next: the page that the handler of appel1 protects */
static unsigned int traps;
static uint64_t runs[RUNS];

static uint64_t instret(void)
{
	uint64_t n;

	__asm__ volatile("rdinstret %0" : "=r"(n) : : "memory");
	return n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void tell(const char *key, uint64_t value)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "bench lib_%s_" TABLE " %lu\n", key, (unsigned long)value);

	if (start_slot("machine") != 0)
		CHECK_IS(sys_console_write(start_slot("machine"), line, (unsigned long)n), n);
}

/* The median of the runs, less what two reads of the counter differ by, per part. */
static void tell_runs(const char *key, unsigned int parts)
{
	uint64_t empty = instret();

	empty = instret() - empty;
	qsort(runs, RUNS, sizeof(runs[0]), by_value);
	tell(key, (runs[RUNS / 2] - empty + parts - 1) / parts);
}

static uint8_t *page(unsigned int n)
{
	return area + n % PAGES * PAGE_SIZE;
}

static void dirty(void)
{
	const volatile uint64_t *entry = vm_entries(area, PAGES * PAGE_SIZE);

	if (!CHECK(entry != NULL))
		return;
	CHECK_IS(vm_track(area, PAGES * PAGE_SIZE), 0);
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t from, bits;

		if (i % 2 == 0)
			*(volatile uint8_t *)page(i) = 1;
		from = instret();
		bits = entry[i] & PTE_DIRTY;
		runs[i] = instret() - from;
		CHECK((bits != 0) == (i % 2 == 0));
	}
	tell_runs("dirty", 1);
}

static void protects(const char *key, unsigned int n, unsigned int prot)
{
	for (unsigned int i = 0; i < RUNS; i++) {
		uint8_t *first = n == 1 ? page(i) : area;
		uint64_t from;

		CHECK_IS(vm_protect(first, n * PAGE_SIZE, prot == RW ? PROT_R : RW), 0);
		from = instret();
		CHECK_IS(vm_protect(first, n * PAGE_SIZE, prot), 0);
		runs[i] = instret() - from;
	}
	CHECK_IS(vm_protect(area, PAGES * PAGE_SIZE, RW), 0);
	tell_runs(key, 1);
}

static bool unprotect(void *arg, void *va, unsigned int access)
{
	(void)arg;
	traps++;
	if (access != PROT_W || vm_protect(va, PAGE_SIZE, RW) != 0)
		return false;
	return next == NULL || vm_protect(next, PAGE_SIZE, PROT_R) == 0;
}

/* One page is protected; the trap's handler opens it and protects another. */
static void appel1(void)
{
	CHECK_IS(vm_handle(area, PAGES * PAGE_SIZE, unprotect, NULL), 0);
	CHECK_IS(vm_protect(page(0), PAGE_SIZE, PROT_R), 0);
	traps = 0;
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t from;

		next = page(i + 1);
		from = instret();
		*(volatile uint8_t *)page(i) = (uint8_t)i;
		runs[i] = instret() - from;
	}
	CHECK_IS(traps, RUNS);
	next = NULL;
	CHECK_IS(vm_protect(area, PAGES * PAGE_SIZE, RW), 0);
	tell_runs("appel1", 1);
}

/* All pages are protected by one call; each is written to, in an order that is not that of the addresses. */
static void appel2(void)
{
	traps = 0;
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t from = instret();

		CHECK_IS(vm_protect(area, PAGES * PAGE_SIZE, PROT_R), 0);
		for (unsigned int k = 0; k < PAGES; k++)
			*(volatile uint8_t *)page(k * 37) = (uint8_t)k;
		runs[i] = instret() - from;
	}
	CHECK_IS(traps, RUNS * PAGES);
	CHECK_IS(vm_handle(area, PAGES * PAGE_SIZE, NULL, NULL), 0);
	tell_runs("appel2", PAGES);
}

static void multiply(matrix c, matrix a, matrix b)
{
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++) {
			int64_t sum = 0;

			for (int j = 0; j < N; j++)
				sum += a[i][j] * b[j][k];
			c[i][k] = sum;
		}
}

/* Table 9: in memory that the library's paging brings in at the first touch, and again when all of it is there. */
static void matmul(void)
{
	matrix *m = vm_map(3 * sizeof(matrix), RW);
	uint64_t from, first, again;

	if (!CHECK(m != NULL))
		return;
	from = instret();
	multiply(m[2], m[0], m[1]);
	first = instret() - from;
	m[0][3][4] = 5;
	m[1][4][6] = 7;
	from = instret();
	multiply(m[2], m[0], m[1]);
	again = instret() - from;
	CHECK_IS(m[2][3][6], 35);
	tell("matmul_first", first);
	tell("matmul", again);
	CHECK_IS(vm_unmap(m), 0);
}

int main(void)
{
	area = vm_map(PAGES * PAGE_SIZE, RW);
	if (!CHECK(area != NULL))
		return verdict();
	MUST(vm_touch(area, PAGES * PAGE_SIZE));
	MUST(vm_touch((char *)__builtin_frame_address(0) - 8 * PAGE_SIZE, 8 * PAGE_SIZE));
	dirty();
	protects("prot1", 1, PROT_R);
	protects("unprot1", 1, RW);
	protects("prot100", PAGES, PROT_R);
	protects("unprot100", PAGES, RW);
	appel1();
	appel2();
	matmul();
	return verdict();
}
