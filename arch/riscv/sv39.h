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
/* PAGE_ACCESSED and PAGE_DIRTY of a leaf. */
static inline unsigned pte_used(pte_t p) { return (p / PTE_A) & (PAGE_ACCESSED | PAGE_DIRTY); }
/* PROT_* of a leaf: R, W, X lie next to each other in both. */
static inline unsigned pte_prot(pte_t p) { return (p >> 1) & 7; }

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

static_assert(PAGE_ACCESSED * PTE_A == PTE_A && PAGE_DIRTY * PTE_A == PTE_D, "and these");
static_assert(PROT_R << 1 == PTE_R && PROT_W << 1 == PTE_W && PROT_X << 1 == PTE_X, "prot bits shift into place");

/* Everything that may ever stand in the low ten bits of an entry of the lower half. */
#define PTE_ALLOWED (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)

/* One store, so that a hardware walker sees the old entry or the new one. 4.3.1: no other order is needed before a fence. */
static inline void pte_write(pte_t *entry, uint64_t ppn, pte_t bits)
{
	WRITE_ONCE(*entry, ppn << PTE_PPN_SHIFT | (bits & PTE_ALLOWED));
}

/* The bits of a leaf for each value of prot; 0: no leaf may have it. */
#define LEAF(p)		(PTE_V | PTE_U | (p) << 1)
#define LEAF_AD(p)	(LEAF(p) | PTE_A | ((p) & PROT_W ? PTE_D : 0))
static const uint8_t sv39_leaf_bits[16] = {
	0, LEAF_AD(1ul), 0, LEAF_AD(3ul), LEAF_AD(4ul), LEAF_AD(5ul), 0, LEAF_AD(7ul),
	0, LEAF(1ul), 0, LEAF(3ul), LEAF(4ul), LEAF(5ul), 0, LEAF(7ul),		/* PROT_TRACK: accessed and dirty start clear */
};
static_assert(PROT_TRACK == 8, "the second half of the table tracks");

static inline pte_t leaf_bits(unsigned long prot)
{
	return prot < ARRAY_SIZE(sv39_leaf_bits) ? sv39_leaf_bits[prot] : 0;
}

/* Is prot a set of bits that a leaf may have: not empty, W only with R, nothing unknown. */
static inline bool prot_valid(unsigned long prot)
{
	return leaf_bits(prot) != 0;
}

/* bits: leaf_bits() of a valid prot. */
static inline void sv39_set_leaf(pte_t *entry, uint64_t ppn, pte_t bits)
{
	KASSERT(bits != 0);
	pte_write(entry, ppn, bits);
}

/*
 * The same page with the bits of another protection. Accessed and dirty stay, unless prot tracks them anew. The hardware may set them
 * while we look, on another hart: so the entry is exchanged, and what was set meanwhile is set again. Returns what stood there.
 */
static inline pte_t sv39_protect(pte_t *entry, pte_t old, pte_t bits, bool track)
{
	const pte_t ad = track ? 0 : PTE_A | PTE_D, drop = PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
	pte_t was = __atomic_exchange_n(entry, (old & ~(drop & ~ad)) | (bits & PTE_ALLOWED), __ATOMIC_RELAXED);

	if (unlikely(was != old))
		__atomic_fetch_or(entry, was & ad, __ATOMIC_RELAXED);
	return was;
}

static inline void sv39_set_table(pte_t *entry, ppn_t ppn)
{
	pte_write(entry, ppn, PTE_V);
}

static inline void sv39_clear(pte_t *entry)
{
	pte_write(entry, 0, 0);
}

/* Mark what the kernel itself did through the direct map on behalf of the page's user: PTE_A, or PTE_A and PTE_D. */
static inline void sv39_mark(pte_t *entry, pte_t ad)
{
	__atomic_fetch_or(entry, ad & (PTE_A | PTE_D), __ATOMIC_RELAXED);
}

#endif
