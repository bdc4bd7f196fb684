/*
 * matmul.c - what does it cost that the library does the paging? A product of two matrices of 150 by 150, as in SOSP 1995
 *
 * Nothing, where no page is touched for the first time: between two faults the hardware translates alone, whoever wrote the page tables.
 * The program multiplies in fresh memory, in the same memory again, and in a 2 MiB page, and counts faults each time. Then it
 * touches lonely pages, 4 MiB from each other, and looks at what the library's own page table takes for them: user/inverted is the same
 * program, linked with another table.
 *
 * It exits with 0 when the products are right and the faults are as many as the pages that were touched first.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "posix.h"
#include "upcall.h"
#include "vm.h"

#ifndef TABLE_SMALL
#define TABLE_SMALL	false	/* does the table's size follow the pages that are there, and not where they are? */
#endif

#define N	150
#define BYTES	(3 * sizeof(matrix))
#define LONELY	64
#define FAR	(4ul << 20)

typedef int64_t matrix[N][N];

static unsigned int mistakes;

static void expect(bool ok, const char *what)
{
	if (ok)
		return;
	printf("matmul: %s\n", what);
	mistakes++;
}

static void fill(matrix a, matrix b)
{
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++) {
			a[i][k] = (i * 7 + k * 3) % 101 - 50;
			b[i][k] = (i * 5 + k * 11) % 97 - 48;
		}
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

/* C v = A (B v), for a vector that no row of zeros hides from. */
static bool is_product(matrix c, matrix a, matrix b)
{
	int64_t v[N], bv[N];

	for (int i = 0; i < N; i++)
		v[i] = i % 13 + 1;
	for (int i = 0; i < N; i++) {
		bv[i] = 0;
		for (int k = 0; k < N; k++)
			bv[i] += b[i][k] * v[k];
	}
	for (int i = 0; i < N; i++) {
		int64_t left = 0, right = 0;

		for (int k = 0; k < N; k++) {
			left += c[i][k] * v[k];
			right += a[i][k] * bv[k];
		}
		if (left != right)
			return false;
	}
	return true;
}

static void run(const char *where, char *memory, uint64_t faults_expected)
{
	matrix *m = (matrix *)memory;
	uint64_t faults = upcall_stats()->fault_pages, from = now_us(), us;

	fill(m[0], m[1]);
	multiply(m[2], m[0], m[1]);
	us = now_us() - from;
	faults = upcall_stats()->fault_pages - faults;
	printf("  %-32s %8lu us %6lu page faults\n", where, us, faults);
	expect(is_product(m[2], m[0], m[1]), "the product is wrong");
	expect(faults == faults_expected, "the faults are not as many as the pages touched first");
}

static void products(void)
{
	const uint64_t pages = (BYTES + PAGE_SIZE - 1) / PAGE_SIZE;
	char *small = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *large = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (small == MAP_FAILED || large == MAP_FAILED) {
		expect(false, "no memory");
		return;
	}
	run("4 KiB pages, first touch", small, pages);
	run("4 KiB pages, again", small, 0);
	/* Where no 2 MiB are free in one piece the library takes small pages. */
	run("2 MiB page, or small ones", large, vm_slot(large) != 0 ? 0 : pages);
	munmap(small, BYTES);
	munmap(large, BYTES);
}

static void lonely_pages(void)
{
	struct vm_stats before, after;
	char *p = mmap(NULL, LONELY * FAR, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		expect(false, "no addresses");
		return;
	}
	vm_get_stats(&before);
	for (unsigned int i = 0; i < LONELY; i++)
		p[i * FAR] = (char)i;
	vm_get_stats(&after);
	printf("\n%u lonely pages, 4 MiB from each other: the %s grew from %lu to %lu pages.\n", LONELY, after.table, before.nodes, after.nodes);
	expect(after.pages - before.pages == LONELY, "the table does not hold the pages that were touched");
	expect(TABLE_SMALL ? after.nodes - before.nodes <= 8 : after.nodes - before.nodes >= LONELY - 1,
	       "the table did not grow as this structure should");
	munmap(p, LONELY * FAR);
}

int main(void)
{
	struct vm_stats s;

	vm_get_stats(&s);
	printf("Product of two matrices, %d by %d, 64-bit integers. Page table of this program: %s.\n\n", N, N, s.table);
	products();
	lonely_pages();
	return mistakes == 0 ? 0 : 1;
}
