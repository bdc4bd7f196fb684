/*
 * vm.h - the program's own memory
 *
 * The library keeps a list of regions (which addresses mean what) and a radix tree from virtual page to the slot of the capability
 * that is bound there. The kernel's page tables are only a cache of it. A region of kind demand gets a fresh zero page at the first
 * touch: the fault upcall takes a slot, page_alloc, page_bind, and resumes; a missing page table is donated on the way. Heap and
 * stack are such regions. The page below the stack is in no region, so an overrun is told and not silent.
 *
 * Addresses and lengths are rounded outwards to whole pages. Functions return 0 or a negative E_* code, unless told otherwise. Not
 * to be called from upcall handlers, except vm_slot().
 */
#ifndef VM_H
#define VM_H

#include <exos/cap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096ul

/* ---- slots of the capability table ---- */

/* A free slot; the table grows by a page when it is nearly full. 0: none. It counts as used until slot_free(). */
unsigned int slot_alloc(void);

/* n neighbouring free slots; returns the first, or 0. */
unsigned int slot_alloc_run(unsigned int n);

/* Give slots back whose capabilities are gone already. */
void slot_free(unsigned int slot);
void slot_free_run(unsigned int first, unsigned int n);

/* Delete the capability and give the slot back. Returns what cap_delete() says; on an error the slot stays used. */
long slot_delete(unsigned int slot);

/* ---- pages ---- */

/* A fresh page, unbound. Returns its slot or a negative E_* code. It is zero, or holds what this program left in it before. */
long page_new(void);

/*
 * Bind the page of slot at va with prot and remember it; tables are donated when they are missing. What stood there is
 * unbound and forgotten, not deleted. The slot stays the caller's.
 */
int vm_page(unsigned int slot, void *va, unsigned int prot);

/* The same for npages pages in neighbouring slots. */
int vm_pages(unsigned int slot, unsigned int npages, void *va, unsigned int prot);

/* The same for a larger page: order 1, 2 MiB, va aligned to it. It is not remembered page by page. */
int vm_superpage(unsigned int slot, void *va, unsigned int prot);

/* Slot of the page at va, 0 when none is bound. For net_send() and for giving pages away. */
unsigned int vm_slot(const void *va);

/* Unbind one page and forget it; its slot stays the caller's and is returned, 0 when there was none. */
unsigned int vm_forget(void *va);

/* ---- regions ---- */

/* Fresh demand-zero memory. NULL: no room in the address space. */
void *vm_map(size_t len, unsigned int prot);

/* Addresses for the caller to bind something at; a touch of what is not bound is a fault. align: power of two, at least 4096. */
void *vm_reserve(size_t len, size_t align);

/* End a region made by vm_map() or vm_reserve(), as a whole, and delete the capabilities of the pages in it. */
int vm_unmap(void *va);

/* Change the protection of pages in a demand region, of those already there and of those to come. */
int vm_protect(void *va, size_t len, unsigned int prot);

/* Bring in the pages now, so that a touch cannot fault. */
int vm_touch(const void *va, size_t len);

/* Give the pages back and keep the region: the next touch finds zeros. */
int vm_discard(void *va, size_t len);

/* Donate the page tables for an address, so that 4 KiB pages (order 0) or 2 MiB pages (order 1) can be bound there. */
int vm_table(unsigned int ctx, uint64_t va, int order);

struct vm_stats {
	uint64_t pages;		/* bound through the library */
	uint64_t tables;	/* page tables donated */
	uint64_t nodes;		/* pages of the radix tree */
	uint64_t slots_used, slots_total;
	uint64_t heap_bytes, stack_bytes;
};
void vm_get_stats(struct vm_stats *s);

#endif
