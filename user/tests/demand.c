/*
 * demand.c - memory that comes with the first touch: stack, heap, mapped regions
 */
#include "check.h"

#define MIB (1024ul * 1024)

static __attribute__((noinline)) unsigned int deep(unsigned int n, volatile unsigned char *above)
{
	volatile unsigned char frame[1000];
	unsigned int below;

	frame[0] = (unsigned char)n;
	below = n == 0 ? 0 : deep(n - 1, frame);
	return below + (frame[0] == (unsigned char)n) + (above != NULL ? 0 : 1);
}

static void stack(void)
{
	uint64_t before = upcall_stats()->fault_pages;

	CHECK_IS(deep(2000, NULL), 2002);		/* about 2 MiB */
	CHECK(upcall_stats()->fault_pages - before > 400);
}

static void mapped(void)
{
	uint32_t held;
	char *p;

	held = pages_held();
	p = vm_map(16 * MIB, PROT_R | PROT_W);
	MUST(p != NULL ? 0 : -E_NOMEM);
	CHECK(pages_held() - held < 4);		/* promised, not there */
	for (size_t i = 0; i < 16 * MIB; i += MIB)
		CHECK(p[i] == 0);
	CHECK(vm_slot(p) != 0 && vm_slot(p + PAGE_SIZE) == 0);
	for (size_t i = 0; i < 16 * MIB; i += MIB / 2)
		p[i] = (char)(i / MIB + 1);
	for (size_t i = 0; i < 16 * MIB; i += MIB)
		CHECK(p[i] == (char)(i / MIB + 1));
	CHECK_IS(vm_discard(p, MIB), 0);
	CHECK(p[0] == 0 && p[MIB] == 2);
	CHECK_IS(vm_touch(p + 3 * MIB, MIB), 0);
	CHECK(vm_slot(p + 3 * MIB + 17 * PAGE_SIZE) != 0);
	CHECK_IS(vm_unmap(p + MIB), -E_INVAL);
	CHECK_IS(vm_unmap(p), 0);
	CHECK_IS(fault_of_load((unsigned long)p), 13);
	CHECK(pages_held() - held < 24);	/* tables and nodes stay */
}

static void protected(void)
{
	char *p = vm_map(16 * PAGE_SIZE, PROT_R | PROT_W);
	uint64_t faults;

	memset(p, 1, 16 * PAGE_SIZE);
	CHECK_IS(vm_protect(p + 4 * PAGE_SIZE, 8 * PAGE_SIZE, PROT_R), 0);
	faults = last_fault.count;
	CHECK_IS(fault_of_store((unsigned long)p), -1);
	CHECK_IS(fault_of_store((unsigned long)p + 4 * PAGE_SIZE), 15);
	CHECK_IS(last_fault.tval, p + 4 * PAGE_SIZE);
	CHECK_IS(fault_of_store((unsigned long)p + 11 * PAGE_SIZE), 15);
	CHECK_IS(fault_of_store((unsigned long)p + 12 * PAGE_SIZE), -1);
	CHECK_IS(fault_of_load((unsigned long)p + 4 * PAGE_SIZE), -1);
	CHECK_IS(last_fault.count - faults, 2);
	CHECK_IS(vm_protect(p, 4 * PAGE_SIZE, PROT_W), -E_INVAL);
}

int main(void);

static void guards(void)
{
	char *p = vm_map(PAGE_SIZE, PROT_R | PROT_W), *q = vm_map(PAGE_SIZE, PROT_R | PROT_W);

	CHECK(q - p > (long)PAGE_SIZE);
	CHECK_IS(fault_of_store((unsigned long)p + PAGE_SIZE), 15);
	CHECK_IS(fault_of_store(0), 15);
	CHECK_IS(fault_of_store(LAYOUT_STACK - 8), 15);
	CHECK_IS(fault_of_store(LAYOUT_UPCALL - 8), 15);
	CHECK_IS(fault_of_store((unsigned long)main), 15);
	CHECK_IS(fault_of_jump((unsigned long)p), 12);
}

static void heap_grows_and_shrinks(void)
{
	uint32_t held = pages_held();
	char *p = malloc(8 * MIB);

	CHECK(p != NULL);
	memset(p, 3, 8 * MIB);
	CHECK(pages_held() - held >= 2048);
	free(p);
}

int main(void)
{
	stack();
	mapped();
	protected();
	guards();
	heap_grows_and_shrinks();
	return verdict();
}
