/*
 * vm.h - the program's own memory
 *
 * The library keeps a list of regions (which addresses mean what) and a page table of its own (ptable.h: which capability stands at
 * which page; one of three structures, chosen by the linker). The kernel's tables are only a cache of it. A region of demand memory gets
 * a fresh zero page at the first touch: the fault upcall takes a slot, page_alloc, page_bind, and resumes; a missing table is
 * donated on the way. Heap and stack are such regions. A program may take a region over and serve its faults itself (vm_handle()).
 * The page below a stack, and those around each mapped region, are in no region: an overrun is told and not silent.
 *
 * Addresses and lengths are rounded outwards to whole pages. Functions return 0 or a negative E_* code, unless told otherwise. Not
 * to be called from upcall handlers, except vm_slot(); a handler of vm_handle() may call all of them, for the program that it
 * interrupts is not inside one.
 *
 * A system call that writes to memory does not fault: it is refused with E_FAULT where nothing is bound for writing. vm_touch() makes
 * memory ready for that.
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

/* The same for a larger page: order 1, 2 MiB, va aligned to it. */
int vm_superpage(unsigned int slot, void *va, unsigned int prot);

/* Slot of the page at va, 0 when none is bound. For net_send() and for giving pages away. */
unsigned int vm_slot(const void *va);

/* Unbind one page and forget it; its slot stays the caller's and is returned, 0 when there was none. */
unsigned int vm_forget(void *va);

/* ---- regions ---- */

/* Fresh demand-zero memory, which a forked copy gets as it is. NULL: no room in the address space, or prot has W without R. */
void *vm_map(size_t len, unsigned int prot);

#define VM_SHARED	1u	/* a forked copy shares it */
#define VM_LARGE	2u	/* of 2 MiB pages, there at once, as far as the machine has free ones; the rest of small ones on demand */
#define VM_REPLACE	4u	/* what is mapped there goes first */

/*
 * The same with a choice: at *va, or anywhere when that is NULL; *va is set then.
 *   prot   PROT_* or 0: no access
 *   flags  VM_*. VM_LARGE: *va a multiple of 2 MiB, len is rounded up to one
 * Returns 0; -E_INVAL: prot, flags, alignment, no length, or image, heap or stack would be replaced; -E_EXISTS: something is mapped
 * there; -E_NOMEM: no room, or not an address of LAYOUT_MAP or LAYOUT_FAR; -E_LIMIT: too many regions. On error nothing has changed.
 */
int vm_map_at(void **va, size_t len, unsigned int prot, unsigned int flags);

/* Addresses for the caller to bind something at; a touch of what is not bound is a fault. align: power of two, at least 4096. */
void *vm_reserve(size_t len, size_t align);

/* A stack that grows to `most` bytes by being touched, nothing below it. Returns its upper end, or NULL. */
void *vm_stack(size_t most);

/* End the region that begins at va, as a whole, and delete the capabilities of the pages in it. Not for image, heap and stack. */
int vm_unmap(void *va);

/* End what is mapped in a range, which may be any part of regions, or nothing. -E_INVAL: image, heap or stack; -E_LIMIT. */
int vm_unmap_range(void *va, size_t len);

/*
 * Change the protection of pages, of those already there and of those to come; 0: no access, and the pages are kept.
 * -E_INVAL: prot; -E_NOTBOUND: not all of the range is mapped; -E_RIGHTS: image, heap or stack, or a page's rights do not suffice.
 */
int vm_protect(void *va, size_t len, unsigned int prot);

/*
 * Bring in the pages now, those that may be written so that they can be: a touch cannot fault until the next fork, or until the kernel takes
 * pages away (revoke.h). -E_FAULT: one was taken away, and its content with it.
 */
int vm_touch(const void *va, size_t len);

/* Give the pages back and keep the region: the next touch finds zeros. Shared pages keep their content. */
int vm_discard(void *va, size_t len);

/* Is all of the range in regions? */
bool vm_mapped(const void *va, size_t len);

/*
 * Take regions over: a fault in the range calls handler(arg, page, access) first, on the upcall stack, with the address rounded down
 * to its page and one of PROT_R, W, X. It returns true: the access can be repeated; false: the library goes on as if there
 * were no handler. NULL gives the regions back. -E_INVAL: image, heap or stack; -E_NOTBOUND: not all of the range is mapped; -E_LIMIT.
 *
 * The handler may touch only memory that is bound (upcall.h) and call what this header and ptable.h declare, system calls included.
 */
int vm_handle(void *va, size_t len, bool (*handler)(void *arg, void *va, unsigned int access), void *arg);

/*
 * Memory to share with another environment: len bytes of zeros in neighbouring slots from *slot on, for a proc_grant. NULL: no memory.
 * The other one binds what it was given with vm_attach(), prot within its rights.
 */
void *vm_share(size_t len, unsigned int *slot);
void *vm_attach(unsigned int slot, unsigned int npages, unsigned int prot);

/*
 * The kernel's own entry for va, for reading, and behind it those of the pages that follow, for len bytes: the table itself is bound
 * read-only. So accessed and dirty bits (PTE_ACCESSED, PTE_DIRTY) cost a load. vm_track() makes them 0. NULL: a table for
 * these addresses is not the program's own (image and stack: the parent donated it), or there is no memory. Not inherited by fork().
 */
const volatile uint64_t *vm_entries(const void *va, size_t len);
/* Clear the accessed and dirty bits of the pages that are there, so that they tell of what comes. 512 neighbouring pages take one call. */
int vm_track(void *va, size_t len);
#define PTE_ACCESSED	0x40ul
#define PTE_DIRTY	0x80ul

/* Donate the page tables for an address, so that 4 KiB pages (order 0) or 2 MiB pages (order 1) can be bound there. */
int vm_table(unsigned int ctx, uint64_t va, int order);

struct vm_stats {
	const char *table;	/* structure of the page table */
	uint64_t pages;		/* entries in it */
	uint64_t tables;	/* tables donated to the kernel */
	uint64_t nodes;		/* pages that the own page table takes */
	uint64_t copied;	/* pages copied because they were shared until written */
	uint64_t slots_used, slots_total;
	uint64_t heap_bytes, stack_bytes;
};
void vm_get_stats(struct vm_stats *s);

#endif
