/*
 * space.h - what the files of the vm part share
 *
 * Two records of what is there: the regions (what an address means) and the page table (ptable.h: which slot's page stands at it). The
 * kernel's tables follow them and are never read.
 *
 * A stack fault may happen in any function of these files, and serving it uses the same records. Each public function that changes
 * them calls stack_ready() first, after which nothing it calls can touch a stack page that is not bound, and until its end no other
 * thread of the program comes in.
 */
#ifndef VM_SPACE_H
#define VM_SPACE_H

#include "preempt.h"
#include "ptable.h"
#include "region.h"
#include "vm.h"

#define PAGE_MASK	(PAGE_SIZE - 1)
#define ROUND_UP(x)	(((x) + PAGE_MASK) & ~PAGE_MASK)
#define VPN(va)		((uint64_t)(va) / PAGE_SIZE)
#define LARGE_PAGES	512ul			/* of 4 KiB in one of 2 MiB */
#define LARGE_SIZE	(LARGE_PAGES * PAGE_SIZE)
#define PROT_RWX	(PROT_R | PROT_W | PROT_X)

extern struct region_list regions;
extern uint64_t heap_start, heap_break;

void stack_bound(void);
#define stack_ready() PREEMPT_OFF; stack_bound()

/* page_bind() of neighbouring slots that donates the tables it lacks. Returns 0 or a negative E_* code. */
long space_bind(uint64_t va, unsigned int slot, unsigned int npages, unsigned int prot);

/* All zeros. The kernel clears a page that comes from somebody else, and leaves one of our own as it was. */
void space_clear(uint64_t va);

/* Delete the pages in a range, and forget them. No large page reaches over its ends: space_break() has seen to that. */
void space_drop(uint64_t start, uint64_t end);

/* Take the large page apart that va lies within but does not begin, if there is one. Returns 0 or a negative E_* code. */
int space_break(uint64_t va);

/* vm/revoke.c: a page in an empty slot; when it is ours and has been lent, wait for it. Returns 0 or more, or a negative E_* code. */
long page_take(unsigned int slot);
/* The same for another environment, in a slot of its table. */
long page_take_for(unsigned int env, unsigned int slot);
/* Was the page at va taken by force, so that its content is gone and nobody mends it? Its range means something new. */
bool revoke_is_lost(uint64_t va);
void revoke_forget_range(uint64_t start, uint64_t end);

/* The table in a slot was taken by force. False: it is none of those that are remembered. */
bool space_forget_table(unsigned int slot);

/* Page i of the page table's own memory; false: there is no such. */
bool space_node(unsigned int i, uint64_t *va, unsigned int *slot);
bool space_nodes_known(void);

void space_copy_page(uint64_t *to, const uint64_t *from);
void space_forget_tables(void);

/* How pages of a region with prot are bound, given that one has these flags. */
static inline unsigned int space_prot(unsigned int prot, unsigned int flags)
{
	return flags & ENTRY_COW ? prot & ~PROT_W : prot;
}

/* A fresh page at va, or what keeps the page at va from being written. Returns 0 or a negative E_* code. */
int space_demand(const struct region *r, uint64_t va);
int space_unshare(uint64_t va);

#endif
