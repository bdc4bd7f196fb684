/*
 * Ranges: what the checks let through lies inside, for every value of 64 bits, with no wrap.
 *
 * proof: pages_lie_in_the_lower_half unwind 4
 * proof: user_memory_lies_in_the_lower_half unwind 4
 *
 * mutant: kern/page.c | npages >= 1 && npages <= PAGES_MAX && | npages >= 1 &&
 * mutant: kern/page.c | va < SV39_USER_TOP && npages <= (SV39_USER_TOP - va) >> PAGE_SHIFT | va + (npages << PAGE_SHIFT) <= SV39_USER_TOP
 * mutant: kern/page.c | >> PAGE_SHIFT &&\n\t       (va & (PAGE_SIZE - 1)) == 0; | >> PAGE_SHIFT;
 * mutant: kern/page.c | npages <= (SV39_USER_TOP - va) >> PAGE_SHIFT | npages <= ((SV39_USER_TOP - va) >> PAGE_SHIFT) + 1
 * mutant: kern/user.c | if (n > SV39_USER_TOP \|\| va > SV39_USER_TOP - n)\n\t\treturn false; | if (va + n > SV39_USER_TOP)\n\t\treturn false;
 * mutant: kern/user.c | if (n > SV39_USER_TOP \|\| va > SV39_USER_TOP - n)\n\t\treturn false; | if (va > SV39_USER_TOP - n)\n\t\treturn false;
 */
#include "kern/page.c"
#include "kern/user.c"
#include "prove.h"

void pages_lie_in_the_lower_half(void)
{
	unsigned long va = nondet_u64(), npages = nondet_u64(), i = nondet_u64();

	ASSUME(npages_ok(va, npages));
	PROVE(npages >= 1 && npages <= PAGES_MAX, "bounded");
	PROVE((va & (PAGE_SIZE - 1)) == 0, "aligned");
	ASSUME(i < npages);
	PROVE(va + i * PAGE_SIZE >= va && va + i * PAGE_SIZE <= SV39_USER_TOP - PAGE_SIZE, "each page whole, in the lower half");
}

/* The environment has no context: the walk refuses, and what got as far as the walk is the range itself. */
static bool walked;

pte_t *sv39_leaf(ppn_t root, vaddr_t va, unsigned *level)
{
	(void)root;
	walked = true;
	PROVE(va < SV39_USER_TOP, "no walk begins outside the lower half");
	*level = 0;
	return NULL;
}

void user_memory_lies_in_the_lower_half(void)
{
	static struct env e;
	uva_t va = nondet_u64();
	size_t n = nondet_u64();

	e.context = 1;
	if (user_range_ok(&e, va, n, PROT_R))
		PROVE(n == 0, "nothing is mapped, so only nothing can be read");
	if (walked)
		PROVE(va + n >= va && va + n <= SV39_USER_TOP, "the end lies in the lower half and did not wrap");
}
