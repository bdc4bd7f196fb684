/*
 * ptable.h - the page table of a program: from page number to the capability that stands there
 *
 * The kernel's tables are a cache of checked bindings. What a program believes about its memory stands here, in whatever structure
 * it likes. Three come with the library, each in a file of libexos/vm/ptable; the linker chooses one:
 *
 *	radix.c		a tree of three levels. In libexos.a: what a program gets that says nothing
 *	inverted.c	a record per page held, found by hashing. Its size follows what is resident, not the address space
 *	linear.c	a vector indexed by page number, itself filled page by page
 *
 * A program takes another with a line in one of its files, which user/CMakeLists.txt reads:  / * link: vm_inverted * /, and its own by
 * defining the five functions below: the linker then leaves radix.c in the archive. docs/page-table-tutorial.md does that.
 *
 * The functions are called while a page fault is served. They may touch only the image, the upcall stack and pages that
 * ptable_commit() bound, use no floating-point registers, and take less than 4 KiB of stack. They never run in two places at once.
 */
#ifndef PTABLE_H
#define PTABLE_H

#include <stddef.h>
#include <stdint.h>

#define PTABLE_VPNS	(1ul << 26)	/* page numbers of the lower half */

/* What is known of one page. */
struct vm_entry {
	uint16_t slot;		/* its capability; 0: there is no entry */
	uint8_t prot;		/* PROT_R, W, X: how it is to be bound; 0: held, and not bound */
	uint8_t flags;		/* ENTRY_* */
} __attribute__((aligned(4)));	/* one load, one store */
#define ENTRY_COW	1u	/* shared with a copy of this address space: copied before it is written */
#define ENTRY_LARGE	2u	/* a 2 MiB page; the entry stands at its first page number */

/* The entry of page number vpn; slot 0: none, or vpn out of range. */
struct vm_entry ptable_lookup(uint64_t vpn);

/*
 * Set the entry of vpn; e.slot is not 0 and stands at no other page number. Returns 0, or -1 when memory is missing or vpn is out of
 * range; then nothing has changed. Replacing an entry needs no memory.
 */
int ptable_insert(uint64_t vpn, struct vm_entry e);

/* Forget the entry of vpn, if there is one. */
void ptable_remove(uint64_t vpn);

/* The first page number from vpn on and below end that has an entry; end when there is none. */
uint64_t ptable_next(uint64_t vpn, uint64_t end);

struct ptable_stats {
	const char *name;
	uint64_t entries;
	uint64_t pages;		/* of memory that the table itself takes */
};
void ptable_get_stats(struct ptable_stats *s);

/* ---- what the vm part provides for them ---- */

/* Addresses for bytes of a table, a multiple of 4096, nothing bound there yet; at most 256 MiB in all. NULL: no room. */
void *ptable_memory(size_t bytes);

/* Bind a page of zeros at one page of these addresses. Returns 0 or -1. */
int ptable_commit(void *page);

#endif
