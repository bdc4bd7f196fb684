/*
 * Page-table entries: whatever a user asks for, what is written comes from the allow-list.
 *
 * proof: a_leaf_is_from_the_allow_list unwind 4
 * proof: protection_changes_nothing_else unwind 4
 * proof: prot_is_judged_exactly unwind 4
 * proof: a_table_entry_is_a_table unwind 4
 *
 * mutant: arch/riscv/sv39.h | LEAF_AD(3ul), LEAF_AD(4ul) | LEAF_AD(2ul), LEAF_AD(4ul)
 * mutant: arch/riscv/sv39.h | (PTE_V \| PTE_U \| (p) << 1) | (PTE_V \| (p) << 1)
 * mutant: arch/riscv/sv39.h | \| (bits & PTE_ALLOWED)); | \| bits \| PTE_G);
 * mutant: arch/riscv/sv39.h | (LEAF(p) \| PTE_A \| ((p) & PROT_W ? PTE_D : 0)) | (LEAF(p) \| PTE_A)
 * mutant: arch/riscv/sv39.h | drop = PTE_R \| PTE_W | drop = PTE_R
 * mutant: arch/riscv/sv39.h | (drop & ~ad) | drop
 * mutant: arch/riscv/sv39.h | __atomic_fetch_or(entry, was & ad | __atomic_fetch_or(entry, was & PTE_R
 * mutant: arch/riscv/sv39.h | prot < ARRAY_SIZE(sv39_leaf_bits) ? | prot <= ARRAY_SIZE(sv39_leaf_bits) ?
 * mutant: arch/riscv/sv39.h | 0, LEAF_AD(1ul), 0, | 0, LEAF_AD(1ul), LEAF_AD(2ul),
 * mutant: arch/riscv/sv39.h | pte_write(entry, ppn, PTE_V); | pte_write(entry, ppn, PTE_V \| PTE_U);
 */
#include "arch/riscv/sv39.c"
#include "prove.h"

#define HIGH_BITS	(~0ul << 54)	/* N, PBMT, reserved */
#define RSW		(3ul << 8)

static void user_leaf(pte_t e, ppn_t ppn, unsigned long prot)
{
	PROVE(pte_valid(e) && pte_is_leaf(e) && !pte_is_table(e), "it is a leaf");
	PROVE((e & PTE_U) != 0, "reachable from user mode");
	PROVE((e & PTE_G) == 0, "in this context only");
	PROVE((e & (HIGH_BITS | RSW)) == 0, "no bit that the hardware or we might understand otherwise");
	PROVE(pte_ppn(e) == ppn, "it leads to the frame and no other");
	PROVE(pte_prot(e) == (prot & 7), "with that protection and no more");
	PROVE(!(e & PTE_W) || (e & PTE_R), "never writable without being readable");
}

void a_leaf_is_from_the_allow_list(void)
{
	pte_t e = nondet_u64();
	ppn_t ppn = nondet_unsigned();
	unsigned long prot = nondet_u64();

	ASSUME(prot_valid(prot));
	sv39_set_leaf(&e, ppn, leaf_bits(prot));
	user_leaf(e, ppn, prot);
	PROVE(!(prot & PROT_TRACK) || (e & (PTE_A | PTE_D)) == 0, "tracking starts with accessed and dirty clear");
	PROVE((prot & PROT_TRACK) || ((e & PTE_A) && (!(prot & PROT_W) || (e & PTE_D))), "otherwise no fault will come for them");
}

void protection_changes_nothing_else(void)
{
	pte_t e, old, was;
	ppn_t ppn = nondet_unsigned();
	unsigned long first = nondet_u64(), prot = nondet_u64();

	ASSUME(prot_valid(first) && prot_valid(prot));
	sv39_set_leaf(&e, ppn, leaf_bits(first));
	e |= nondet_u64() & (PTE_A | PTE_D);	/* by the hardware */
	old = e;
	e |= nondet_u64() & (PTE_A | PTE_D);	/* again, after we looked */
	was = e;
	PROVE(sv39_protect(&e, old, leaf_bits(prot), prot & PROT_TRACK) == was, "what is cleared is told");
	user_leaf(e, ppn, prot);
	PROVE((prot & PROT_TRACK) || (was & (PTE_A | PTE_D) & ~e) == 0, "what was accessed or dirty stays so");
	PROVE(!(prot & PROT_TRACK) || (e & (PTE_A | PTE_D)) == 0, "tracking starts with accessed and dirty clear");
}

void prot_is_judged_exactly(void)
{
	unsigned long prot = nondet_u64();
	bool r = prot & 1, w = prot & 2, x = prot & 4;

	PROVE(prot_valid(prot) == (prot <= 15 && (r || w || x) && !(w && !r)), "the eleven pairs of the privileged ISA, table 4.5, but W alone");
}

void a_table_entry_is_a_table(void)
{
	pte_t e = nondet_u64();
	ppn_t ppn = nondet_unsigned();

	sv39_set_table(&e, ppn);
	PROVE(pte_is_table(e) && !pte_is_leaf(e) && pte_ppn(e) == ppn, "it is a table");
	PROVE((e & (PTE_U | PTE_G | PTE_A | PTE_D | RSW | HIGH_BITS)) == 0, "4.3.1: reserved in a non-leaf");
	sv39_clear(&e);
	PROVE(e == 0, "nothing is left");
}
