/*
 * pagecache.c - which pages are in memory, and the policies
 *
 * Pure: what it needs of page tables it asks of pagecache_map.c.
 */
#include "vm/pagecache.h"

#include <stddef.h>

/* ---- looking ---- */

/* Clearing the accessed bit clears the dirty bit, too: it is remembered first. */
bool pagecache_used(struct pagecache *c, unsigned int i)
{
	unsigned int bits = cache_bits(c, i);

	if (bits & CACHE_DIRTY)
		c->frame[i].dirty = true;
	if (bits & CACHE_ACCESSED)
		cache_clear_bits(c, i);
	return bits & CACHE_ACCESSED;
}

static void look(struct pagecache *c)
{
	for (unsigned int i = 0; i < c->nframes; i++)
		if (c->frame[i].full && pagecache_used(c, i))
			c->frame[i].used = c->faults;
}

/* ---- policies ---- */

static unsigned int fifo(struct pagecache *c, uint64_t wanted)
{
	unsigned int best = 0;

	(void)wanted;
	for (unsigned int i = 1; i < c->nframes; i++)
		if (c->frame[i].filled < c->frame[best].filled)
			best = i;
	return best;
}

/* When all were used, the second round finds the first of them. */
static unsigned int clock(struct pagecache *c, uint64_t wanted)
{
	unsigned int i;

	(void)wanted;
	while (pagecache_used(c, c->hand))
		c->hand = (c->hand + 1) % c->nframes;
	i = c->hand;
	c->hand = (i + 1) % c->nframes;
	return i;
}

static unsigned int lru(struct pagecache *c, uint64_t wanted)
{
	unsigned int best = 0;

	(void)wanted;
	for (unsigned int i = 1; i < c->nframes; i++)
		if (c->frame[i].used < c->frame[best].used)
			best = i;
	return best;
}

/* How far behind the wanted page another lies, going round. */
static uint64_t behind(const struct pagecache *c, uint64_t wanted, uint64_t page)
{
	return page < wanted ? wanted - page : wanted + c->pages - page;
}

/*
 * The bits do not tell in which order the pages used since the last fault were used. A scan that made them all goes upwards: the last one is
 * the one just behind the page that is wanted now.
 */
static unsigned int mru(struct pagecache *c, uint64_t wanted)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < c->nframes; i++) {
		const struct cache_frame *f = &c->frame[i], *b = &c->frame[best];

		if (f->used > b->used || (f->used == b->used && behind(c, wanted, f->page) < behind(c, wanted, b->page)))
			best = i;
	}
	return best;
}

const struct cache_policy cache_fifo = { .name = "FIFO", .victim = fifo };
const struct cache_policy cache_clock = { .name = "CLOCK", .victim = clock };
const struct cache_policy cache_lru = { .name = "LRU", .looks = true, .victim = lru };
const struct cache_policy cache_mru = { .name = "MRU", .looks = true, .victim = mru };

/* ---- in and out ---- */

static int write_back(struct pagecache *c, unsigned int i)
{
	struct cache_frame *f = &c->frame[i];
	const void *from;
	int r;

	if (!f->full || !(f->dirty || (cache_bits(c, i) & CACHE_DIRTY)))
		return 0;
	from = cache_window(c, i);
	r = from != NULL ? c->store.write(c->store.arg, f->page, from) : -1;
	/* While it was in the window it was bound nowhere else; dirty until it is written. */
	f->dirty = r < 0;
	if (r < 0)
		c->errors++;
	else
		c->writes++;
	return r;
}

/* A frame for a page: a free one, or the victim's, written back. Negative: it could not be had, and nothing is lost. */
static int take_frame(struct pagecache *c, uint64_t wanted)
{
	unsigned int i = 0;
	int r;

	while (i < c->nframes && c->frame[i].full)
		i++;
	if (i < c->nframes)
		return (int)i;
	i = c->policy->victim(c, wanted);
	if (i >= c->nframes)
		i = 0;
	if ((r = write_back(c, i)) < 0) {
		cache_bind(c, i, false);
		return r;
	}
	return (int)i;
}

static unsigned int frame_of(const struct pagecache *c, uint64_t page)
{
	unsigned int i = 0;

	while (i < c->nframes && !(c->frame[i].full && c->frame[i].page == page))
		i++;
	return i;
}

static bool is_lost(const struct pagecache *c, uint64_t page)
{
	for (unsigned int i = 0; i < c->nlost; i++)
		if (c->lost[i] == page)
			return true;
	return c->nlost == CACHE_FRAMES;	/* who knows what else */
}

int pagecache_fault(struct pagecache *c, uint64_t page)
{
	unsigned int have = frame_of(c, page);
	struct cache_frame *f;
	void *to;
	int i, r;

	if (page >= c->pages || c->nframes == 0 || (c->nlost > 0 && is_lost(c, page)))
		return -1;
	/* It is there: the first write, or hardware that does not set the bits by itself has asked for them. */
	if (have < c->nframes) {
		c->frame[have].dirty = true;
		cache_withdraw(c->frame[have].slot);
		return cache_bind(c, have, false);
	}
	c->wanted = page;
	c->faults++;
	if (c->policy->looks)
		look(c);
	if ((i = take_frame(c, page)) < 0)
		return i;
	f = &c->frame[i];
	to = cache_window(c, (unsigned int)i);	/* from here on the old page is out */
	f->full = f->dirty = false;
	r = to != NULL ? c->store.read(c->store.arg, page, to) : -1;
	if (r < 0) {
		c->errors++;
		return r;
	}
	c->reads++;
	f->page = page;
	f->filled = f->used = c->faults;
	f->full = true;
	r = cache_bind(c, (unsigned int)i, true);
	if (r < 0)
		f->full = false;
	else if (c->least != 0)
		cache_offer(f->slot);
	return r;
}

int pagecache_sync(struct pagecache *c)
{
	int result = 0;

	for (unsigned int i = 0; i < c->nframes; i++) {
		bool was = c->frame[i].full && (c->frame[i].dirty || (cache_bits(c, i) & CACHE_DIRTY));
		int r = was ? write_back(c, i) : 0;

		if (was && cache_bind(c, i, true) < 0)
			c->frame[i].full = false;
		if (was && r == 0 && c->least != 0)
			cache_offer(c->frame[i].slot);
		if (r < 0)
			result = r;
	}
	return result;
}

/* ---- less memory ---- */

static void remove_frame(struct pagecache *c, unsigned int i)
{
	cache_withdraw(c->frame[i].slot);
	c->frame[i] = c->frame[--c->nframes];
	if (c->hand >= c->nframes)
		c->hand = 0;
}

/* Of the first n frames, the policy's choice. */
static unsigned int choose(struct pagecache *c, unsigned int n)
{
	unsigned int all = c->nframes, i;

	c->nframes = n;
	c->hand %= n;
	i = c->policy->victim(c, c->wanted);
	c->nframes = all;
	return i < n ? i : 0;
}

/* Sort the frames from the n-th on: first those that are empty, or clean. Returns how many there are with the n before. */
static unsigned int gather(struct pagecache *c, unsigned int n, bool clean)
{
	for (unsigned int i = n; i < c->nframes; i++) {
		struct cache_frame f = c->frame[i];

		if (clean ? !f.dirty : !f.full) {
			c->frame[i] = c->frame[n];
			c->frame[n++] = f;
		}
	}
	return n;
}

unsigned int pagecache_give(struct pagecache *c, unsigned int n, bool clean)
{
	unsigned int given = 0;

	for (; given < n && c->nframes > c->least; given++) {
		unsigned int empty = gather(c, 0, false), cleans = gather(c, empty, true), i = 0;

		if (empty == 0 && cleans > 0) {
			i = choose(c, cleans);
		} else if (empty == 0) {
			if (clean)
				break;
			i = choose(c, c->nframes);
			if (write_back(c, i) < 0) {
				cache_bind(c, i, false);
				break;
			}
		}
		cache_drop(c, i);
		remove_frame(c, i);
		c->given++;
	}
	return given;
}

bool pagecache_taken(struct pagecache *c, unsigned int slot)
{
	unsigned int i = 0;

	while (i < c->nframes && c->frame[i].slot != slot)
		i++;
	if (i == c->nframes)
		return false;
	if (c->frame[i].full && c->frame[i].dirty && c->nlost < CACHE_FRAMES)
		c->lost[c->nlost++] = c->frame[i].page;
	remove_frame(c, i);
	return true;
}
