/*
 * pagecache.h - what a page cache asks of the machine: pagecache_map.c answers; in unit tests, an array does
 */
#ifndef VM_PAGECACHE_MACHINE_H
#define VM_PAGECACHE_MACHINE_H

#include "../include/pagecache.h"

/* A page was touched that is not bound, or not bound for this. Returns 0: it can be repeated; or a negative number. */
int pagecache_fault(struct pagecache *c, uint64_t page);

/* Where the page in frame i can be read and written while it is bound nowhere else; the accesses leave no trace. NULL: error. */
void *cache_window(struct pagecache *c, unsigned int i);

/* Bind frame i at the address of its page; tracked: accessed and dirty start at 0. Returns 0 or a negative number. */
int cache_bind(struct pagecache *c, unsigned int i, bool tracked);

/* Bits of the entry of frame i. */
#define CACHE_ACCESSED	1u
#define CACHE_DIRTY	2u
unsigned int cache_bits(struct pagecache *c, unsigned int i);

/* Clear both. */
void cache_clear_bits(struct pagecache *c, unsigned int i);

#endif
