/*
 * pressure.c - more memory is promised than there is, and somebody wants what he was promised
 *
 *	run -p 1400 -b 100000 -s 8 pressure [ROUNDS]
 *
 * Four programs (copies of this one) borrow until the machine is full: one is polite and gives back what it is asked for from its page caches,
 * one is greedy and takes whatever it can get as soon as it is free, one is deaf and never answers, one is hostile: it answers with lies.
 * Then this program takes the pages that it is promised, a part of them in each round; the kernel asks who borrowed most, and takes from
 * those who do not answer. After each round a table shows what everybody holds, was asked for, and lost. On a small machine (MEM=36)
 * all four are asked.
 *
 * It exits with 0 when it got each page that it was promised in each round, and all four lived on, with their data as they left it but for
 * the pages that they were told of.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exos_calls.h"
#include "exposed.h"
#include "pagecache.h"
#include "posix.h"
#include "preempt.h"
#include "proc.h"
#include "revoke.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define GUARANTEE	96u		/* pages of each of the four: its image, its tables, and some */
#define MOST		30000u		/* pages that one greedy program can name */
#define GREEDY_MAX	8u
#define CACHES		8u
#define WORDS		(PAGE_SIZE / sizeof(uint64_t))

/* What the four tell of themselves, in shared memory. */
struct seat {
	volatile uint64_t rounds;	/* looks at all of its data */
	volatile uint64_t wrong;	/* words that were not what they should be */
	volatile uint64_t told;		/* pages that it was told it lost */
	volatile uint64_t gave;
	volatile uint64_t full;		/* it has taken all that it could get */
	volatile uint64_t stop;
};

static unsigned int quarter;	/* of what was free at the start */
static struct seat *seats;
static struct seat *mine;

/* ---- memory that is filled with its own addresses ---- */

static uint64_t *data;
static unsigned int npages, held;
static uint8_t lost_page[MOST];

static void fill(unsigned int page)
{
	for (unsigned int i = 0; i < WORDS; i += 64)
		data[page * WORDS + i] = (uint64_t)page << 16 | i;
}

static bool right(unsigned int page)
{
	for (unsigned int i = 0; i < WORDS; i += 64)
		if (data[page * WORDS + i] != ((uint64_t)page << 16 | i))
			return false;
	return true;
}

/*
 * Each page is used within guarded(): nothing is given away meanwhile, and when it is taken between two instructions, and there is no
 * other, the fault ends that use of it.
 */
static jmp_buf out;
static void (*recovery)(void);

static void jump_out(void)
{
	longjmp(out, 1);
}

static bool leave(struct upcall_frame *f)
{
	if (recovery == NULL)
		return false;
	f->frame_pc = (uint64_t)recovery;
	return true;
}

static bool guarded(bool (*use)(unsigned int page), unsigned int page)
{
	const volatile unsigned int depth = preempt_depth;
	volatile bool done = false;

	preempt_off();
	recovery = jump_out;
	if (setjmp(out) == 0)
		done = use(page);
	recovery = NULL;
	preempt_depth = depth + 1;	/* the fault may have been in the middle of vm_touch() */
	preempt_on();
	return done;
}

static bool take(unsigned int page)
{
	if (vm_touch(data + page * WORDS, PAGE_SIZE) < 0)
		return false;
	fill(page);
	held = page + 1;
	return true;
}

/* Take pages until no more can be had. */
static void take_all(void)
{
	while (held < npages && guarded(take, held))
		;
	mine->full = 1;
}

/* Pages that were lost come back empty, and are filled anew; all others must be as they were. */
static bool look_at(unsigned int p)
{
	if (p >= held || vm_touch(data + p * WORDS, PAGE_SIZE) < 0)
		return false;	/* given away, or lost, and there is no other now */
	if (!lost_page[p] && !right(p) && !lost_page[p])
		mine->wrong++;
	if (lost_page[p]) {
		fill(p);
		lost_page[p] = 0;
	}
	return true;
}

static void look(void)
{
	for (unsigned int p = 0; p < held; p++)
		guarded(look_at, p);
	mine->rounds++;
}

/* The library asks when such a page is touched. */
static bool on_lost(void *va)
{
	lost_page[(uint64_t *)va - data < (long)(npages * WORDS) ? ((uint64_t *)va - data) / WORDS : 0] = 1;
	mine->told++;
	return true;
}

static void open_data(unsigned int pages)
{
	npages = pages;
	data = vm_map(pages * PAGE_SIZE, PROT_R | PROT_W);
	if (data == NULL)
		_exit(2);
	revoke_set_lost(on_lost);
	upcall_set_fault_handler(leave);
}

/* The stack that will be needed: where all pages are taken, a fault for one more cannot be served. */
__attribute__((noinline)) static void have_stack(void)
{
	volatile char below[8 * PAGE_SIZE];

	for (unsigned int i = 0; i < sizeof(below); i += PAGE_SIZE)
		below[i] = 0;
}

/* ---- the four ---- */

/* Data that can be made anew: page n of the store holds n. */
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
	return -1;		/* nobody writes here */
}

static void polite(void)
{
	static struct pagecache cache[CACHES];
	static const struct page_store store = { .read = make, .write = keep };
	volatile uint64_t *at[CACHES];
	const unsigned int pages = 200, each = quarter / CACHES < CACHE_FRAMES ? quarter / CACHES : CACHE_FRAMES;

	for (unsigned int c = 0; c < CACHES; c++) {
		at[c] = pagecache_open(&cache[c], &store, pages, each, &cache_clock);
		if (at[c] == NULL)
			_exit(2);
		pagecache_share(&cache[c], 8);
	}
	mine->full = 1;
	while (!mine->stop) {
		uint64_t gave = 0;

		for (unsigned int n = 0; n < pages * CACHES; n++)
			if (at[n % CACHES][n / CACHES * WORDS + n % WORDS] != n / CACHES)
				mine->wrong++;
		for (unsigned int c = 0; c < CACHES; c++)
			gave += cache[c].given;
		mine->gave = gave;
		mine->rounds++;
	}
}

static void wait_ms(unsigned int ms)
{
	event_wait(0, deadline_us(1000ul * ms));
}

/* Gives the pages that it took last, and takes them again as soon as it runs. */
static unsigned int give_last(unsigned int n)
{
	if (n > held)
		n = held;
	held -= n;
	vm_discard(data + held * WORDS, n * PAGE_SIZE);
	mine->gave += n;
	return n;
}

static void greedy(void)
{
	open_data(MOST);
	revoke_set_answer(REVOKE_PAGES, give_last);
	/* After the deaf and the hostile one: so they have their quarters, and are asked. */
	while (!mine->stop && (!seats[1].full || !seats[2].full))
		wait_ms(5);
	while (!mine->stop) {
		take_all();
		look();
	}
}

static unsigned int give_nothing(unsigned int n)
{
	(void)n;
	return 0;
}

static void deaf(void)
{
	open_data(quarter);
	revoke_set_answer(REVOKE_PAGES, give_nothing);
	take_all();
	while (!mine->stop)
		look();
}

/* "I gave them all": copies of capabilities, deleted again, and a page taken for each. */
static unsigned int lie(unsigned int n)
{
	unsigned int slot = slot_alloc(), page = vm_slot(data);

	for (unsigned int i = 0; i < n && slot != 0; i++) {
		if (page != 0 && sys_cap_copy(0, page, slot, PROT_R, 0, 0) == 0)
			sys_cap_delete(slot);
		if (sys_page_alloc(0, slot, FRAME_ANY, 0) >= 0)
			sys_cap_delete(slot);
	}
	slot_free(slot);
	return n;
}

static void hostile(void)
{
	open_data(quarter);
	revoke_set_answer(REVOKE_PAGES, lie);
	take_all();
	while (!mine->stop) {
		look();
		take_all();
	}
}

/* ---- the one that wants what it is promised ---- */

struct player {
	const char *name;
	void (*play)(void);
	struct proc proc;
	bool runs;
};

static struct player players[3 + GREEDY_MAX] = {
	{ .name = "polite", .play = polite }, { .name = "deaf", .play = deaf }, { .name = "hostile", .play = hostile },
};
static unsigned int nplayers = 3;

static const volatile struct exposed_env *record(const struct player *p)
{
	return exposed_env_of(p->proc.id);
}

static int start(unsigned int n, unsigned long borrow)
{
	const struct start_grant *time = start_grant("slices");
	struct proc_fork f = { .guarantee = GUARANTEE, .borrow = borrow, .slices = time->slot, .first = n, .count = 1 };
	struct player *p = &players[n];
	int r;

	mine = &seats[n];
	r = proc_fork(&f, &p->proc);
	if (r == 1) {
		have_stack();
		p->play();
		_exit(0);
	}
	p->runs = r == 0;
	return r;
}

static void table(const char *when)
{
	printf("%-10s %9s %6s %6s %9s %6s %8s\n", when, "guarantee", "holds", "asked", "requests", "lost", "its data");
	for (unsigned int i = 0; i < nplayers; i++) {
		const volatile struct exposed_env *e = record(&players[i]);

		if (e != NULL)
			printf("  %-8s %9" PRIu32 " %6" PRIu32 " %6" PRIu32 " %9" PRIu32 " %6" PRIu32 " %8s\n", players[i].name, e->guarantee, e->held,
			       e->asked, e->requests, e->lost, seats[i].wrong == 0 ? "right" : "WRONG");
	}
	fflush(stdout);
}

/* Pages that are ours by right and that we do not hold; some are left for what this program needs besides. */
static unsigned int by_right(void)
{
	const volatile struct exposed_env *self = exposed_env_of(self_env());
	unsigned int used = self->promised_on + self->held + 16;

	return self->guarantee > used ? self->guarantee - used : 0;
}

/* Take so many of them. Returns how many are missing. */
static unsigned int demand(unsigned int round, unsigned int want)
{
	unsigned int n = 0;
	unsigned long began = time_now();

	for (; n < want && page_new() > 0; n++)
		if (n == 0)		/* ask for the others at once, not one by one */
			sys_env_ask(0, REVOKE_PAGES, want - 1, 0);
	printf("round %u: %u of %u pages in %lu us\n", round, n, want, (time_now() - began) / (exposed_system()->timebase_hz / 1000000));
	table("after it");
	return want - n;
}

static bool all_full(void)
{
	for (unsigned int i = 0; i < nplayers; i++)
		if (!seats[i].full)
			return false;
	return true;
}

/* The four see their pages again after a round, and have time for it. */
static void let_them_look(void)
{
	uint64_t before[3 + GREEDY_MAX];

	for (unsigned int i = 0; i < nplayers; i++)
		before[i] = seats[i].rounds;
	for (unsigned int i = 0; i < nplayers; i++)
		for (unsigned int tries = 0; seats[i].rounds < before[i] + 2 && tries < 3000 && proc_state(&players[i].proc, NULL) == PROC_RUNNING; tries++)
			wait_ms(10);
}

static bool lives_and_is_right(unsigned int i)
{
	enum proc_state state = proc_state(&players[i].proc, NULL);

	if (state != PROC_RUNNING)
		printf("%s does not live any more: %s\n", players[i].name, proc_state_name(state));
	else if (seats[i].wrong != 0)
		printf("%s found %" PRIu64 " pages changed behind its back\n", players[i].name, seats[i].wrong);
	return state == PROC_RUNNING && seats[i].wrong == 0;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 6, missing = 0, want, slot;
	unsigned long borrow = exposed_env_of(self_env())->borrow;
	bool good = true;

	quarter = exposed_system()->free_frames / 4 < MOST ? exposed_system()->free_frames / 4 : MOST;
	seats = vm_share(PAGE_SIZE, &slot);
	if (seats == NULL || borrow == 0) {
		printf("pressure: it borrows, and may not: run -p 1400 -b 100000 -s 8 pressure\n");
		return 2;
	}
	for (unsigned int n = 0; n < GREEDY_MAX && n <= exposed_system()->free_frames / MOST; n++)
		players[nplayers++] = (struct player){ .name = "greedy", .play = greedy };
	if (start_grant("slices") == NULL || start_grant("slices")->value <= nplayers) {
		printf("pressure: it needs %u slices, one for each program: run -s\n", nplayers + 1);
		return 2;
	}
	for (unsigned int i = 0; i < nplayers; i++) {
		int r = start(i, borrow);

		if (r < 0) {
			printf("pressure: %s could not be started: %s\n", players[i].name, proc_strerror(r));
			return 1;
		}
	}
	for (unsigned int tries = 0; !all_full() && tries < 6000; tries++)
		wait_ms(10);
	table("full");
	want = rounds > 0 ? by_right() / rounds : 0;
	for (unsigned int r = 1; r <= rounds; r++) {
		missing += demand(r, want);
		let_them_look();
	}
	for (unsigned int i = 0; i < nplayers; i++)
		good &= lives_and_is_right(i);
	for (unsigned int i = 0; i < nplayers; i++)
		seats[i].stop = 1;
	for (unsigned int i = 0; i < nplayers; i++)
		proc_end(&players[i].proc);
	printf("%u pages of those promised were missing; the others %s\n", missing, good ? "live, and their data is right" : "do not all do well");
	return good && missing == 0 ? 0 : 1;
}
