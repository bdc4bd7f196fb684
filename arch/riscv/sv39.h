/*
 * sv39.h - page tables: the one walk, and the one place that writes an entry; inline, for most of a binding is this
 *
 * Sv39: three levels of 512 entries; level 2 is the root. An entry:
 *
 *	 63  62 61 60    54 53                   10 9   8 7 6 5 4 3 2 1 0
 *	| N | PBMT |  rsvd |   physical page number | RSW |D|A|G|U|X|W|R|V|
 *
 * Entries are built from an allow-list: V, R, W, X, U, A, D and the page number of memory. N, PBMT, reserved bits, RSW and G
 * are never set in the lower half, so nothing that a user passes can become one of them.
 * Source: RISC-V Privileged ISA 1.12, 4.4. This file compiles for the host too.
 */
#ifndef ARCH_RISCV_SV39_H
#define ARCH_RISCV_SV39_H

#include <assert.h>

#include "exos/cap.h"
#include "kern/arch.h"

typedef uint64_t pte_t;

#define PTE_V	0x01ul
#define PTE_R	0x02ul
#define PTE_W	0x04ul
#define PTE_X	0x08ul
#define PTE_U	0x10ul
#define PTE_G	0x20ul
#define PTE_A	0x40ul
#define PTE_D	0x80ul
#define PTE_PPN_SHIFT	10
#define PTE_PPN		(((1ul << 44) - 1) << PTE_PPN_SHIFT)

#define SV39_ENTRIES	512u
#define SV39_USER_TOP	(1ul << 38)	/* first address beyond the lower half */
#define SV39_USER_ROOT	256u		/* root entries of the lower half */

static inline unsigned sv39_index(vaddr_t va, unsigned level) { return (va >> (PAGE_SHIFT + 9 * level)) & 511; }
static inline vaddr_t sv39_span(unsigned level) { return 1ul << (PAGE_SHIFT + 9 * level); }
static inline bool pte_valid(pte_t p) { return (p & PTE_V) != 0; }
static inline bool pte_is_leaf(pte_t p) { return (p & (PTE_V | PTE_R | PTE_X)) > PTE_V; }
static inline bool pte_is_table(pte_t p) { return (p & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V; }
static inline ppn_t pte_ppn(pte_t p) { return (ppn_t)(p >> PTE_PPN_SHIFT); }
/* The table that a non-leaf entry leads to. Entries are ours: nothing stands above the page number. */
static inline pte_t *pte_below(pte_t p) { return arch_kva(p >> PTE_PPN_SHIFT << PAGE_SHIFT); }
/* PROT_* of a leaf: R, W, X lie next to each other in both. */
static inline unsigned pte_prot(pte_t p) { return (p >> 1) & 7; }

/* Is prot a set of bits that a leaf may have: not empty, W only with R, nothing unknown. */
static inline bool prot_valid(unsigned long prot)
{
	return prot < 16 && (prot & 7) != 0 && (prot & 3) != 2;
}

/*
 * The entry for va at a level, in the tables below root. NULL when a table on the way is missing or a larger page is in
 * the way. va lies in the lower half.
 */
static inline pte_t *sv39_entry(ppn_t root, vaddr_t va, unsigned level)
{
	pte_t *e = (pte_t *)page_kva(root) + sv39_index(va, 2);

	if (level == 2)
		return e;
	if (unlikely(!pte_is_table(*e)))
		return NULL;
	e = pte_below(*e) + sv39_index(va, 1);
	if (level == 1)
		return e;
	if (unlikely(!pte_is_table(*e)))
		return NULL;
	return pte_below(*e) + sv39_index(va, 0);
}

/* The leaf that translates va, whatever its size; *level tells which. NULL: none. */
pte_t *sv39_leaf(ppn_t root, vaddr_t va, unsigned *level);

/* ---- the only writers of entries in user tables ---- */

static_assert(PROT_R << 1 == PTE_R && PROT_W << 1 == PTE_W && PROT_X << 1 == PTE_X, "prot bits shift into place");

/* Everything that may ever stand in the low ten bits of an entry of the lower half. */
#define PTE_ALLOWED (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

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

static inline void sv39_set_leaf(pte_t *entry, ppn_t ppn, unsigned long prot)
{
	pte_write(entry, ppn, leaf_bits(prot));
}

/* What a change of protection makes of an entry: it keeps some bits and gets others. */
struct leaf_change {
	pte_t keep, set;
};

/* Accessed and dirty stay unless prot asks to track them. */
static inline struct leaf_change leaf_change(unsigned long prot)
{
	return (struct leaf_change){
		.keep = PTE_PPN | (prot & PROT_TRACK ? 0 : PTE_A | PTE_D),
		.set = leaf_bits(prot),
	};
}

/* The same page with other protection. */
static inline void sv39_protect(pte_t *entry, struct leaf_change change)
{
	KASSERT((change.keep & ~(PTE_PPN | PTE_A | PTE_D)) == 0 && (change.set & ~PTE_ALLOWED) == 0);
	WRITE_ONCE(*entry, (*entry & change.keep) | change.set);
}

static inline void sv39_set_table(pte_t *entry, ppn_t ppn)
{
	pte_write(entry, ppn, PTE_V);
}

static inline void sv39_clear(pte_t *entry)
{
	pte_write(entry, 0, 0);
}

/* Mark what the kernel itself did through the direct map on behalf of the page's user. */
static inline void sv39_mark_dirty(pte_t *entry)
{
	pte_write(entry, pte_ppn(*entry), (*entry & PTE_ALLOWED) | PTE_A | PTE_D);
}

#endif
