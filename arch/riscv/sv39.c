/*
 * sv39.c - the walk, and the one function that writes page-table entries
 */
#include <assert.h>

#include "arch/riscv/sv39.h"

static_assert(PROT_R << 1 == PTE_R && PROT_W << 1 == PTE_W && PROT_X << 1 == PTE_X, "prot bits shift into place");

/* Everything that may ever stand in the low ten bits of an entry of the lower half. */
#define PTE_ALLOWED (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

pte_t *sv39_leaf(ppn_t root, vaddr_t va, unsigned *level)
{
	pte_t *table = page_kva(root);

	for (unsigned l = 2;; l--) {
		pte_t *e = &table[sv39_index(va, l)];

		if (pte_is_leaf(*e)) {
			*level = l;
			return e;
		}
		if (l == 0 || !pte_is_table(*e))
			return NULL;
		table = page_kva(pte_ppn(*e));
	}
}

/* One store, so that a hardware walker sees the old entry or the new one. 4.3.1: no other order is needed before a fence. */
static inline void pte_write(pte_t *entry, ppn_t ppn, pte_t bits)
{
	KASSERT((bits & ~PTE_ALLOWED) == 0);
	WRITE_ONCE(*entry, (pte_t)ppn << PTE_PPN_SHIFT | bits);
}

static inline pte_t leaf_bits(unsigned long prot)
{
	pte_t bits = PTE_V | PTE_U | (prot & 7) << 1;

	KASSERT(prot_valid(prot));
	if (!(prot & PROT_TRACK))
		bits |= PTE_A | (prot & PROT_W ? PTE_D : 0);
	return bits;
}

void sv39_set_leaf(pte_t *entry, ppn_t ppn, unsigned long prot)
{
	pte_write(entry, ppn, leaf_bits(prot));
}

void sv39_protect(pte_t *entry, unsigned long prot)
{
	pte_t kept = prot & PROT_TRACK ? 0 : *entry & (PTE_A | PTE_D);

	pte_write(entry, pte_ppn(*entry), leaf_bits(prot) | kept);
}

void sv39_set_table(pte_t *entry, ppn_t ppn)
{
	pte_write(entry, ppn, PTE_V);
}

void sv39_clear(pte_t *entry)
{
	pte_write(entry, 0, 0);
}

void sv39_mark_dirty(pte_t *entry)
{
	pte_write(entry, pte_ppn(*entry), (*entry & PTE_ALLOWED) | PTE_A | PTE_D);
}
