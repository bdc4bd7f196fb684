/*
 * pagecache.h - what a page cache asks of the machine: pagecache_map.c answers; in unit tests, an array does
 */
#ifndef VM_PAGECACHE_MACHINE_H
#define VM_PAGECACHE_MACHINE_H

#include "../include/pagecache.h"

/* A page was touched that is not bound, or not bound for this. Returns 0: it can be repeated; or a negative number. */
int pagecache_fault(struct pagecache *c, uint64_t page);

/*
 * Give up to n pages up and return how many it were. clean: only those that need no writing. To be called when no fault is being served.
 */
unsigned int pagecache_give(struct pagecache *c, unsigned int n, bool clean);

/* The capability in a slot was taken away. False: it is not one of this cache's frames. */
bool pagecache_taken(struct pagecache *c, unsigned int slot);

/* Where the page in frame i can be read and written while it is bound nowhere else; the accesses leave no trace. NULL: error. */
void *cache_window(struct pagecache *c, unsigned int i);

/*
 * Bind frame i at the address of its page; tracked: accessed and dirty start at 0. For reading only when the cache shares and the page is
 * clean. Returns 0 or a negative number.
 */
#define CACHE_READ_ONLY(c, i)	((c)->least != 0 && !(c)->frame[i].dirty)
int cache_bind(struct pagecache *c, unsigned int i, bool tracked);

/* Bits of the entry of frame i. */
#define CACHE_ACCESSED	1u
#define CACHE_DIRTY	2u
unsigned int cache_bits(struct pagecache *c, unsigned int i);

/* Delete the capability of frame i. */
void cache_drop(struct pagecache *c, unsigned int i);

/* The page in a slot can be lost without harm; it is more important than those named before. Or it cannot any more. */
void cache_offer(unsigned int slot);
void cache_withdraw(unsigned int slot);

/* Clear both. */
void cache_clear_bits(struct pagecache *c, unsigned int i);

#endif
