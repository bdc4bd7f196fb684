/*
 * pagecache.h - more data than memory: pages of a store, a few of them in memory, chosen by a policy
 *
 * pagecache_open() takes a region of addresses over, as long as the store. A touch of a page that is not there reads it from the
 * store; when all frames are taken, the policy chooses which page goes, and it is written back if it was written to. Who was used, and
 * who was written, is read from the program's own page tables (vm_entries()), without asking anybody.
 *
 * Which page goes is nobody's business but the program's: four policies are here, and a program may bring its own, which knows what it
 * will read next.
 */
#ifndef PAGECACHE_H
#define PAGECACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "revoke.h"

#define CACHE_FRAMES	128	/* at most, in one cache */

/*
 * Where pages come from and go to. Both return 0 or a negative number, which ends the access that wanted the page with a fault. They are
 * called while a fault is served: memory that they touch is bound already (upcall.h).
 */
struct page_store {
	int (*read)(void *arg, uint64_t page, void *to);
	int (*write)(void *arg, uint64_t page, const void *from);
	void *arg;
};

/* A frame and the page in it. */
struct cache_frame {
	uint64_t page;		/* of the store */
	uint64_t filled;	/* number of the fault that brought it */
	uint64_t used;		/* number of the last fault before which it was seen used; policies with `looks` only */
	bool full, dirty;
	uint32_t slot;
};

struct pagecache;

struct cache_policy {
	const char *name;
	bool looks;		/* accessed bits are read and cleared at each fault, `used` follows them */
	/* All frames are full: the index of the one to give up for page `wanted`. */
	unsigned int (*victim)(struct pagecache *c, uint64_t wanted);
};

extern const struct cache_policy cache_fifo;	/* the one that came first */
extern const struct cache_policy cache_clock;	/* the first, going round, that was not used since the last round */
extern const struct cache_policy cache_lru;	/* the one that was not used for the longest time */
extern const struct cache_policy cache_mru;	/* the one that was used last: the right one for scans round and round */

struct pagecache {
	struct page_store store;
	const struct cache_policy *policy;
	uint64_t pages, wanted;		/* wanted: the page that was brought in last */
	unsigned int nframes, hand;
	struct cache_frame frame[CACHE_FRAMES];
	uint64_t faults, reads, writes, errors;
	unsigned int least;		/* it gives pages up when they are asked for, down to this; 0: it gives none */
	uint64_t given;			/* pages given up */
	unsigned int nlost;
	uint64_t lost[CACHE_FRAMES];	/* pages whose last writes were taken by force: not to be touched any more */

	struct revoke_giver giver;		/* of the machine's side (pagecache_map.c) */
	char *base, *window;
	const volatile uint64_t *entries;
};

/*
 * Open a cache of `frames` pages of memory over `pages` pages of a store. c is the caller's, zeroed or not, and must stay bound: in .bss,
 * or touched by vm_touch(). Returns the address of the first page, or NULL: no memory, or frames is not 1..CACHE_FRAMES.
 */
void *pagecache_open(struct pagecache *c, const struct page_store *store, uint64_t pages, unsigned int frames, const struct cache_policy *p);

/* Write back what was written. Returns 0, or what the store said; then the rest was tried all the same. */
int pagecache_sync(struct pagecache *c);

/* Write back, and give memory and addresses back. Returns what pagecache_sync() says. */
int pagecache_close(struct pagecache *c);

/*
 * From now on the cache gives pages up when the kernel asks the program for memory (revoke.h): clean ones first, in the order of the policy,
 * then others, which it writes back; never below `least` frames, which is 1 at least. It keeps the list of what may be taken by force:
 * its clean pages, which it can read again. So that clean is a fact, a clean page is bound for reading; the first write to it is a fault.
 * What is taken although it was written to since is lost: its next touch is a fault that nobody serves.
 */
void pagecache_share(struct pagecache *c, unsigned int least);

/* Take frames again, up to so many in all. Returns how many there are. */
unsigned int pagecache_grow(struct pagecache *c, unsigned int frames);

/* For policies: was the page in frame i used since this was last asked? Reads the bit, and clears it. */
bool pagecache_used(struct pagecache *c, unsigned int i);

#endif
