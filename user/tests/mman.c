/*
 * mman.c - mmap(), munmap(), mprotect(), madvise(): every promise and every error of theirs
 */
#include <errno.h>
#include <sys/mman.h>

#include "check.h"
#include "ptable.h"

#ifndef TABLE		/* mman_inverted.c, mman_linear.c: the same over another page table */
#define TABLE "radix tree"
#endif

#define P	PAGE_SIZE
#define RW	(PROT_READ | PROT_WRITE)
#define ANON	(MAP_PRIVATE | MAP_ANONYMOUS)

/* The errno of a call that must fail. */
#define FAILS(call, error) do { \
		errno = 0; \
		CHECK((long)(call) == -1); \
		CHECK_IS(errno, error); \
	} while (0)

static char *map(size_t pages)
{
	char *p = mmap(NULL, pages * P, RW, ANON, -1, 0);

	MUST(p != MAP_FAILED ? 0 : -E_NOMEM);
	return p;
}

static void errors(void)
{
	char *p = map(4);

	FAILS(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	FAILS(mmap(NULL, P, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	FAILS(mmap(NULL, P, RW, MAP_ANONYMOUS | MAP_SHARED | MAP_PRIVATE, -1, 0), EINVAL);
	FAILS(mmap(NULL, P, 8, ANON, -1, 0), EINVAL);
	FAILS(mmap(p + 1, P, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	FAILS(mmap(NULL, P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	FAILS(mmap((void *)LAYOUT_IMAGE, P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	FAILS(mmap((void *)(LAYOUT_END - P), 2 * P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	FAILS(mmap((void *)-P, 2 * P, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	FAILS(mmap(p, P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	FAILS(mmap(NULL, ~0ul, RW, ANON, -1, 0), ENOMEM);
	FAILS(mmap(NULL, LAYOUT_END, RW, ANON, -1, 0), ENOMEM);
	FAILS(mmap(NULL, P, RW, MAP_PRIVATE, 7, 0), EBADF);
	FAILS(mmap(NULL, P, RW, MAP_SHARED, -1, 0), EBADF);
	FAILS(mmap(NULL, P, RW, MAP_PRIVATE, 1, 0), ENODEV);
	FAILS(munmap(p + 1, P), EINVAL);
	FAILS(munmap(p, 0), EINVAL);
	FAILS(munmap(p, ~0ul - P), EINVAL);
	FAILS(munmap((void *)LAYOUT_IMAGE, P), EINVAL);
	FAILS(mprotect(p + 1, P, RW), EINVAL);
	FAILS(mprotect(p, P, 16), EINVAL);
	FAILS(mprotect(p, 5 * P, PROT_READ), ENOMEM);
	FAILS(mprotect(p, ~0ul - P, PROT_READ), ENOMEM);
	FAILS(mprotect((void *)LAYOUT_STACK, P, PROT_READ), EACCES);
	FAILS(madvise(p, P, 99), EINVAL);
	FAILS(madvise(p + 1, P, MADV_DONTNEED), EINVAL);
	FAILS(madvise(p, 5 * P, MADV_DONTNEED), ENOMEM);
	FAILS(madvise(p, 5 * P, MADV_NORMAL), ENOMEM);
	CHECK_IS(posix_madvise(p, P, 8), EINVAL);
	CHECK_IS(posix_madvise(p, 5 * P, POSIX_MADV_WILLNEED), ENOMEM);
	CHECK_IS(mprotect(p, 0, PROT_READ), 0);
	p[0] = p[3 * P] = 1;		/* no refusal above has changed anything */
	CHECK_IS(munmap(p, 4 * P), 0);
	CHECK_IS(munmap(p, 4 * P), 0);	/* nothing is there: that is no error */
}

static void any_part_can_go(void)
{
	uint32_t held;
	char *p = map(64);

	for (unsigned int i = 0; i < 64; i++)
		p[i * P] = (char)(i + 1);
	held = pages_held();
	CHECK_IS(munmap(p + 10 * P, P + 1), 0);		/* rounded up: two pages */
	CHECK_IS(held - pages_held(), 2);
	CHECK_IS(fault_of_load((unsigned long)p + 10 * P), 13);
	CHECK_IS(fault_of_load((unsigned long)p + 11 * P), 13);
	CHECK(p[9 * P] == 10 && p[12 * P] == 13);
	CHECK_IS(munmap(p, 5 * P), 0);
	CHECK_IS(munmap(p + 60 * P, 5 * P), 0);	/* into the free page behind it */
	CHECK(p[5 * P] == 6 && p[59 * P] == 60);
	CHECK_IS(fault_of_store((unsigned long)p + 4 * P), 15);
	CHECK_IS(fault_of_store((unsigned long)p + 60 * P), 15);
	/* The hole can be filled again, exactly there. */
	CHECK(mmap(p + 10 * P, 2 * P, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 10 * P);
	CHECK(p[10 * P] == 0 && p[11 * P] == 0);
	/* Over old pages and a hole at once. */
	CHECK(mmap(p, 8 * P, RW, ANON | MAP_FIXED, -1, 0) == p);
	CHECK(p[0] == 0 && p[5 * P] == 0 && p[8 * P] == 9);
	CHECK_IS(munmap(p, 64 * P), 0);
	CHECK_IS(held - pages_held(), 64);
	/* A free hint is taken, a taken one is not. */
	CHECK(mmap(p, P, RW, ANON, -1, 0) == p);
	CHECK(mmap(p, P, RW, ANON, -1, 0) != p);
}

static void protection_of_any_part(void)
{
	char *p = map(16);

	p[4 * P] = 4;
	CHECK_IS(mprotect(p + 4 * P, 8 * P, PROT_NONE), 0);
	CHECK_IS(fault_of_load((unsigned long)p + 4 * P), 13);
	CHECK_IS(fault_of_load((unsigned long)p + 11 * P), 13);
	CHECK_IS(fault_of_store((unsigned long)p + 3 * P), -1);
	CHECK_IS(mprotect(p + 4 * P, P, PROT_READ), 0);
	CHECK(p[4 * P] == 4);				/* what was there came back */
	CHECK_IS(fault_of_store((unsigned long)p + 4 * P), 15);
	CHECK_IS(mprotect(p, 16 * P, PROT_WRITE), 0);	/* over three kinds of pieces */
	for (unsigned int i = 0; i < 16; i++)
		p[i * P] = 7;
	CHECK(p[4 * P] == 7);
	CHECK_IS(fault_of_jump((unsigned long)p), 12);
	/* Two bytes of code: ret. */
	p[2 * P] = (char)0x82;
	p[2 * P + 1] = (char)0x80;
	CHECK_IS(mprotect(p + 2 * P, P, PROT_READ | PROT_EXEC), 0);
	__asm__ volatile("fence.i" : : : "memory");
	CHECK_IS(fault_of_jump((unsigned long)p + 2 * P), -1);
	CHECK_IS(fault_of_store((unsigned long)p + 2 * P), 15);
	CHECK_IS(munmap(p, 16 * P), 0);
}

static void many_pieces_and_none_lost(void)
{
	char *p = map(1000);
	unsigned int done = 0;

	/* Every second page read-only: as many pieces as the library keeps, then ENOMEM; and they join again. */
	while (done < 500 && mprotect(p + 2 * done * P, P, PROT_READ) == 0)
		done++;
	CHECK(done > 50 && done < 500);
	CHECK_IS(errno, ENOMEM);
	CHECK_IS(fault_of_store((unsigned long)p + 2 * (done - 1) * P), 15);
	CHECK_IS(fault_of_store((unsigned long)p + 2 * done * P), -1);
	CHECK_IS(mprotect(p, 1000 * P, RW), 0);
	for (unsigned int i = 0; i < done; i++)
		p[2 * i * P] = 1;
	CHECK_IS(mprotect(p + 500 * P, P, PROT_READ), 0);
	CHECK_IS(munmap(p, 1000 * P), 0);
}

static void advice(void)
{
	char *p = map(8), *shared = mmap(NULL, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t held = pages_held();

	CHECK_IS(madvise(p, 8 * P, MADV_WILLNEED), 0);
	CHECK(pages_held() - held >= 8);
	for (unsigned int i = 0; i < 8; i++)
		CHECK(vm_slot(p + i * P) != 0);
	memset(p, 5, 8 * P);
	memset(shared, 6, 4 * P);
	CHECK_IS(madvise(p + 2 * P, 3 * P, MADV_DONTNEED), 0);
	CHECK(p[P] == 5 && p[2 * P] == 0 && p[4 * P] == 0 && p[5 * P] == 5);
	CHECK_IS(posix_madvise(p, 8 * P, POSIX_MADV_DONTNEED), 0);
	CHECK(p[P] == 5);
	CHECK_IS(madvise(shared, 4 * P, MADV_DONTNEED), 0);
	CHECK(shared[0] == 6);
	for (int a = MADV_NORMAL; a <= MADV_SEQUENTIAL; a++)
		CHECK_IS(madvise(p, 8 * P, a), 0);
	held = pages_held();
	CHECK(mmap(p, 8 * P, RW, ANON | MAP_FIXED | MAP_POPULATE, -1, 0) == p);
	CHECK(pages_held() - held <= 1);	/* one more page of slots, perhaps */
	CHECK(vm_slot(p + 7 * P) != 0 && p[7 * P] == 0);
}

static void large_pages(void)
{
	char *p = mmap(NULL, 4ul << 20, RW, ANON | MAP_HUGETLB, -1, 0);
	struct vm_entry e;

	MUST(p != MAP_FAILED ? 0 : -E_NOMEM);
	e = ptable_lookup((uint64_t)p / P);
	if (!(e.flags & ENTRY_LARGE)) {
		printf("no 2 MiB of neighbouring frames are free: small pages instead\n");
	} else {
		uint64_t faults = upcall_stats()->faults;

		for (unsigned int i = 0; i < 512; i++)
			p[i * P] = (char)i;
		CHECK_IS(upcall_stats()->faults - faults, 0);	/* 512 pages without a fault */
	}
	for (unsigned int i = 0; i < 1024; i++) {
		p[i * P + 1] = (char)(i / 7);
	}
	CHECK_IS(mprotect(p + 100 * P, P, PROT_READ), 0);	/* takes the large page apart */
	CHECK_IS(fault_of_store((unsigned long)p + 100 * P), 15);
	CHECK_IS(fault_of_store((unsigned long)p + 101 * P), -1);
	CHECK_IS(munmap(p + 7 * P, 3 * P), 0);
	CHECK_IS(fault_of_load((unsigned long)p + 7 * P), 13);
	CHECK(p[6 * P + 1] == 0 && p[10 * P + 1] == 1 && p[511 * P + 1] == 73 && p[1023 * P + 1] == (char)(1023 / 7));
	CHECK_IS(munmap(p, 4ul << 20), 0);
	FAILS(mmap(p + P, 2ul << 20, RW, ANON | MAP_FIXED | MAP_HUGETLB, -1, 0), EINVAL);
}

static void stacks_grow(void)
{
	char *top = vm_stack(64 * P);

	CHECK_IS(fault_of_store((unsigned long)top - 1), -1);
	CHECK_IS(fault_of_store((unsigned long)top - 64 * P), -1);
	CHECK_IS(fault_of_store((unsigned long)top - 64 * P - 1), 15);
	CHECK_IS(fault_of_store((unsigned long)top), 15);
}

int main(void)
{
	uint32_t held;
	struct vm_stats s;

	any_part_can_go();	/* once before, so that tables and nodes are there */
	large_pages();
	held = pages_held();
	errors();
	any_part_can_go();
	protection_of_any_part();
	many_pieces_and_none_lost();
	advice();
	large_pages();
	CHECK(pages_held() - held < 40);
	stacks_grow();
	vm_get_stats(&s);
	CHECK(strcmp(s.table, TABLE) == 0);
	printf("%s: %lu entries in %lu pages\n", s.table, (unsigned long)s.pages, (unsigned long)s.nodes);
	return verdict();
}
