/*
 * policies.c - which page should go? The same scans under five policies
 *
 * 48 pages of data lie in the memory of another environment; 32 pages of memory are here. A scan reads all data from front to back, eight
 * times. LRU, which is right for most programs, gives up each page just before it is wanted again; so do FIFO and CLOCK. A kernel that
 * has chosen one of these for everybody makes this program read everything each time. Here the policy is an argument.
 *
 * The program exits with 0 when the data was right and every policy had the number of faults that a model of it has.
 */
#include <stdio.h>
#include <string.h>

#include "lender.h"
#include "vm.h"

#define DATA	48u	/* pages */
#define MEMORY	32u
#define ROUNDS	8u
#define WORDS	(PAGE_SIZE / sizeof(uint64_t))

static struct pagecache cache;

/* This program knows what it will read: the page just read comes again last of all. No general policy can do better. */
static unsigned int farthest(struct pagecache *c, uint64_t wanted)
{
	unsigned int best = 0;
	uint64_t most = 0;

	for (unsigned int i = 0; i < c->nframes; i++) {
		uint64_t until = (c->frame[i].page + c->pages - wanted) % c->pages;

		if (until > most) {
			most = until;
			best = i;
		}
	}
	return best;
}

static const struct cache_policy own = { .name = "my own", .victim = farthest };
static const struct cache_policy *const policies[] = { &cache_fifo, &cache_clock, &cache_lru, &cache_mru, &own };

/* What the one who knows the future needs: in each round after the first, faults bring the pages that were given up in turn. */
static unsigned int fewest_faults(void)
{
	bool in[DATA] = { false };
	unsigned int held = 0, faults = 0;

	for (unsigned int n = 0; n < DATA * ROUNDS; n++) {
		unsigned int p = n % DATA;

		if (in[p])
			continue;
		faults++;
		if (held == MEMORY) {
			unsigned int out = (p + DATA - 1) % DATA;

			while (!in[out])
				out = (out + DATA - 1) % DATA;
			in[out] = false;
		} else {
			held++;
		}
		in[p] = true;
	}
	return faults;
}

/* Read all of it, ROUNDS times, and change a word of every page in the last round. Returns words that were not what they should be. */
static unsigned int scan(volatile uint64_t *data, uint64_t mark)
{
	unsigned int wrong = 0;

	for (unsigned int r = 0; r < ROUNDS; r++)
		for (unsigned int p = 0; p < DATA; p++) {
			volatile uint64_t *at = data + p * WORDS;

			for (unsigned int i = 1; i < WORDS; i += 37)
				wrong += at[i] != p;
			wrong += at[0] != (mark == 0 ? p : mark);
			if (r == ROUNDS - 1)
				at[0] = mark + 1000;
		}
	return wrong;
}

int main(void)
{
	unsigned int fewest = fewest_faults(), bad = 0;
	uint64_t mark = 0, moved = 0;

	printf("A scan of %u pages, %u times, with memory for %u. The data lies with another environment.\n\n", DATA, ROUNDS, MEMORY);
	if (lender_start(DATA) < 0) {
		printf("policies: no second environment could be had\n");
		return 2;
	}
	printf("  %-8s %8s %8s %8s\n", "policy", "faults", "read", "written");
	for (unsigned int i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		unsigned int expected = i < 3 ? DATA * ROUNDS : fewest, wrong;
		uint64_t *data = pagecache_open(&cache, &lender_store, DATA, MEMORY, policies[i]);

		if (data == NULL) {
			printf("policies: no memory for the cache\n");
			return 2;
		}
		wrong = scan(data, mark);
		mark += 1000;
		if (pagecache_close(&cache) < 0)
			wrong++;
		printf("  %-8s %8lu %8lu %8lu\n", policies[i]->name, cache.faults, cache.reads, cache.writes);
		if (wrong != 0 || cache.faults != expected) {
			printf("policies: %s: %u words are wrong; %lu faults, %u were expected\n", policies[i]->name, wrong, cache.faults, expected);
			bad++;
		}
		moved += cache.reads + cache.writes;
	}
	if (lender_end() != moved)
		bad++;
	printf("\nFIFO, CLOCK and LRU read everything each time: %u faults. MRU keeps what it can: %u.\n", DATA * ROUNDS, fewest);
	return bad == 0 ? 0 : 1;
}
