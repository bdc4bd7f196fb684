/*
 * page.h - the bindings that make pages reachable
 *
 * Authority is checked when a binding is made; after that the MMU enforces it alone.
 * Source: Engler, Kaashoek, O'Toole, SOSP 1995, "Secure Bindings".
 *
 * A page capability holds at most one binding, encoded in one word: root table frame << 27 | address >> 12. So the record that
 * the owner of a mapping paid for is also the reverse map, and a forced unbind is a walk of one list.
 */
#ifndef KERN_PAGE_H
#define KERN_PAGE_H

#include "kern/frame.h"

static inline uint64_t binding_of(ppn_t root, vaddr_t va) { return (uint64_t)root << 27 | va >> PAGE_SHIFT; }
static inline ppn_t binding_root(uint64_t b) { return (ppn_t)(b >> 27); }
static inline vaddr_t binding_va(uint64_t b) { return (b & ((1ul << 27) - 1)) << PAGE_SHIFT; }

/*
 * c, the only capability of a 1 GiB page, loses 2 MiB of it. True when what is left is a 2 MiB page, to be released like others:
 * no call frees a quarter of a million frames at once.
 */
bool page_shrink(struct cap *c);

/*
 * The short road of cap_delete(): the only capability of a page of 4 KiB that nothing pins and its holder pays for, bound nowhere or in
 * the table that is known. False: nothing happened, take the long one.
 */
bool page_delete(struct env *self, unsigned long slot);

/*
 * Write the leaf for va in the context so that it reaches the page of c, undoing what stood there and where c was bound before.
 *   va    bytes, in the lower half, aligned to the page's size
 *   c     PAGE or TABLE capability; the caller's right to it and to the context is already checked
 *   prot  valid, a subset of c's rights
 * Allocates nothing. On return no hart can use an old translation, unless fence is false: then the caller fences the context.
 * Returns 0; -E_INVAL: alignment; -E_RIGHTS; -E_TYPE; -E_NOTABLE; -E_BUSY. On error nothing has changed.
 */
int page_bind(ppn_t root, vaddr_t va, struct cap *c, unsigned long prot, bool fence);
/* Undo the leaf for va, if there is one. Returns how many bytes it covered, 0 when nothing was there. */
vaddr_t page_unbind(ppn_t root, vaddr_t va, bool fence);
/* A table, a right to map or an environment goes: what the last call found is not to be believed any more. */
void page_forget(void);
/* Is what it found still true? For the audit. */
bool page_known_is_true(void);
/* Undo the binding that c holds, if any. */
void page_unbind_cap(struct cap *c);
/* The capability through which a leaf that leads to ppn was bound: the one with that binding. NULL for exposed frames. */
static inline struct cap *page_cap_bound(uint64_t ppn, uint64_t binding)
{
	struct cap *c = priv_of(ppn)->caps.head;

	while (c != NULL && c->binding != binding)
		c = c->next;
	return c;
}

#endif
