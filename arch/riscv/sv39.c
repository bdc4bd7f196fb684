/*
 * sv39.c - the walk for a leaf of any size
 */
#include "arch/riscv/sv39.h"

pte_t *sv39_leaf(ppn_t root, vaddr_t va, unsigned *level)
{
	pte_t *e = (pte_t *)page_kva(root) + sv39_index(va, 2);

	*level = 2;
	if (pte_is_table(*e)) {
		e = pte_below(*e) + sv39_index(va, 1);
		*level = 1;
		if (pte_is_table(*e)) {
			e = pte_below(*e) + sv39_index(va, 0);
			*level = 0;
		}
	}
	return pte_is_leaf(*e) ? e : NULL;
}
