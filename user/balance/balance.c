/*
 * balance.c - memory moves between two library systems while both keep serving
 *
 *	run -s 8 balance
 *
 * Two programs (copies of this one) answer questions about pages of a store, each from a page cache of its own. At first the left one is
 * asked about many pages and the right one about few; then the other way round. The parent looks at how often each had to read a page, and
 * moves pages: it lowers the guarantee of one, asks it for what it holds beyond that, and raises the guarantee of the other. Which
 * pages go is the one's own business, what the new ones are for the other's. The same is done once more with the memory left where it is.
 *
 * It exits with 0 when every answer was right and moving the memory saved reads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exos_calls.h"
#include "exposed.h"
#include "pagecache.h"
#include "posix.h"
#include "proc.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define FRAMES		48u	/* of each cache at the start */
#define LEAST		8u
#define MANY		80u	/* pages that one is asked about */
#define FEW		12u
#define STEP		4u	/* pages that are moved at a time */
#define ANSWERS		60000u	/* of each side in each half */
#define START_PAGES	400u	/* guarantee until it is known what one needs */
#define WORDS		(PAGE_SIZE / sizeof(uint64_t))

struct side {
	volatile uint64_t ready, stop;
	volatile uint64_t pages;	/* that it is asked about: parent */
	volatile uint64_t most;		/* answers until the parent says more */
	volatile uint64_t frames;	/* that its cache may have: parent */
	volatile uint64_t answers, wrong, reads, has;
};

static struct side *sides;
static struct proc procs[2];

/* ---- one of the two ---- */

static int make(void *arg, uint64_t page, void *to)
{
	(void)arg;
	for (unsigned int i = 0; i < WORDS; i++)
		((uint64_t *)to)[i] = page;
	return 0;
}

static int keep(void *arg, uint64_t page, const void *from)
{
	(void)arg;
	(void)page;
	(void)from;
	return -1;	/* nobody writes */
}

static void serve(struct side *s)
{
	static struct pagecache cache;
	static const struct page_store store = { .read = make, .write = keep };
	volatile uint64_t *at = pagecache_open(&cache, &store, MANY, FRAMES, &cache_lru);
	uint64_t random = 0x9e3779b97f4a7c15u;

	if (at == NULL)
		_exit(2);
	pagecache_share(&cache, LEAST);
	while (!s->stop) {
		uint64_t page;

		if (cache.nframes < s->frames)
			pagecache_grow(&cache, (unsigned int)s->frames);
		s->has = cache.nframes;
		s->reads = cache.reads;
		s->ready = 1;
		if (s->answers >= s->most) {
			sys_yield(0);
			continue;
		}
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		page = random % s->pages;
		if (at[page * WORDS + random % WORDS] != page)
			s->wrong++;
		s->answers++;
	}
	_exit(0);
}

/* ---- the one that moves memory ---- */

static const volatile struct exposed_env *record(unsigned int i)
{
	return exposed_env_of(procs[i].id);
}

static void wait_ms(unsigned int ms)
{
	event_wait(0, deadline_us(1000ul * ms));
}

static int start(unsigned int i)
{
	const struct start_grant *time = start_grant("slices");
	struct proc_fork f = { .guarantee = START_PAGES, .slices = time->slot, .first = i * 3, .count = 3 };
	int r;

	sides[i] = (struct side){ .pages = FEW, .frames = FRAMES };
	r = proc_fork(&f, &procs[i]);
	if (r == 1)
		serve(&sides[i]);
	return r;
}

/* Both run and have their caches; from now on each is promised what it holds, and some pages for its stack and its table of slots. */
static int settle(void)
{
	long r = 0;

	for (unsigned int i = 0; i < 2; i++) {
		while (!sides[i].ready && proc_state(&procs[i], NULL) == PROC_RUNNING)
			wait_ms(1);
		if (r == 0)
			r = sys_env_set(procs[i].env, ENV_GUARANTEE, record(i)->held + 4, 0);
	}
	return (int)r;
}

static int move(unsigned int from, unsigned int to)
{
	uint32_t less = record(from)->guarantee - STEP, more = record(to)->guarantee + STEP;
	long r;

	if (sides[from].has < LEAST + STEP || sides[to].frames + STEP > MANY)
		return 0;
	sides[from].frames -= STEP;
	/* There is time: nothing is to be taken by force, however slow the machine is. */
	if ((r = sys_env_set(procs[from].env, ENV_GUARANTEE, less, 0)) < 0 ||
	    (r = sys_env_ask(procs[from].env, REVOKE_PAGES, STEP, deadline_us(5000000))) < 0)
		return (int)r;
	while (record(from)->asked != 0)
		wait_ms(1);
	if ((r = sys_env_set(procs[to].env, ENV_GUARANTEE, more, 0)) < 0)
		return (int)r;
	sides[to].frames += STEP;
	return 0;
}

/* Both answer until they have answered so often; meanwhile memory moves to the one that reads more. */
static int half(unsigned int many, uint64_t until, bool moves)
{
	uint64_t before[2] = { sides[0].reads, sides[1].reads };
	int r = 0;

	for (unsigned int i = 0; i < 2; i++) {
		sides[i].pages = i == many ? MANY : FEW;
		sides[i].most = until;
	}
	while (r == 0 && (sides[0].answers < until || sides[1].answers < until)) {
		uint64_t reads[2];

		wait_ms(3);
		for (unsigned int i = 0; i < 2; i++) {
			reads[i] = sides[i].reads - before[i];
			before[i] += reads[i];
		}
		if (moves && reads[0] != reads[1])
			r = move(reads[0] > reads[1], reads[1] > reads[0]);
	}
	return r;
}

/* The whole play, with memory that moves or stays. Returns how many pages were read, or a negative number. */
static long play(bool moves)
{
	long reads = 0;
	int r = 0;

	for (unsigned int i = 0; i < 2 && r == 0; i++)
		r = start(i);
	if (r == 0)
		r = settle();
	for (unsigned int h = 0; h < 2 && r == 0; h++) {
		uint64_t before[2] = { sides[0].reads, sides[1].reads };

		r = half(h, (h + 1) * ANSWERS, moves);
		printf("%-6s %-12s", moves ? "moved" : "fixed", h == 0 ? "left busy" : "right busy");
		for (unsigned int i = 0; i < 2; i++)
			printf("   %2" PRIu64 " frames, %6" PRIu64 " reads", sides[i].has, sides[i].reads - before[i]);
		printf("\n");
	}
	for (unsigned int i = 0; i < 2; i++) {
		reads += (long)sides[i].reads;
		if (sides[i].wrong != 0 || record(i) == NULL || record(i)->lost != 0) {
			printf("%s: %" PRIu64 " answers were wrong, %" PRIu32 " pages were taken by force\n", i == 0 ? "left" : "right",
			       sides[i].wrong, record(i) != NULL ? record(i)->lost : 0);
			r = -1;
		}
		sides[i].stop = 1;
		proc_end(&procs[i]);
	}
	if (r < -1)
		printf("balance: %s\n", proc_strerror(r));
	fflush(stdout);
	return r < 0 ? r : reads;
}

int main(void)
{
	unsigned int slot;
	long fixed, moved;

	if (start_grant("slices") == NULL || start_grant("slices")->value < 7) {
		printf("balance: it needs 7 slices, three for each side: run -s 8 balance\n");
		return 2;
	}
	sides = vm_share(PAGE_SIZE, &slot);
	if (sides == NULL)
		return 1;
	fixed = play(false);
	moved = play(true);
	if (fixed < 0 || moved < 0)
		return 1;
	printf("both answered %u times: %ld pages read where memory stayed, %ld where it moved\n", 2 * ANSWERS, fixed, moved);
	return moved < fixed ? 0 : 1;
}
