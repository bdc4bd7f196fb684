/*
 * revoke.c - memory that is lent is wanted back: what an answer costs, what taking costs, how long it lasts, and who else notices
 *
 * Boot argument bench=revoke, or bench=flight for pages that the network device reads meanwhile: a boot of its own, for nothing may be
 * free. This program keeps what it is promised in larger pages, but for some; a second one, the victim, borrows those and everything
 * else that is free. It is told by an order in shared memory in which form it shall hold its pages and in which manner it shall answer,
 * and prepares just as many pages as will be wanted. Then they are wanted.
 *
 * Two marks around what is measured let a plugin of the emulator (test/harness/longest.c) tell what of it the kernel executed.
 */
#include <stdio.h>
#include <string.h>

#include <exos/flow.h>
#include <exos/ring.h>
#include <exos/uarea.h>

#include "bench.h"
#include "exposed.h"
#include "pagecache.h"
#include "posix.h"
#include "proc.h"
#include "revoke.h"
#include "start.h"
#include "upcall.h"

enum form { ONCE, CONTEXTS, DIRTY, UNLISTED, LARGE, CACHED, CACHED_DIRTY, IN_FLIGHT };
enum manner { ANSWERS, SLOW, ASLEEP, DEAF, SPINS };

#define MOST		1000u			/* pages that are wanted at once */
#define LEAVE		(MOST + 400)		/* pages that are promised to us and lent */
#define GUARANTEE	2200u			/* of the victim: image, tables, slots, and what it holds in larger pages */
#define OTHERS		9u			/* further contexts of form CONTEXTS */
#define FILLERS		6000u
#define SAMPLES		5u
#define FAR		AREA			/* addresses of the victim's pages */
#define FILLING		(FAR + 4096 * PAGE_SIZE)
#define GIANT		(FAR + (1ul << 30))	/* two larger pages */
#define PIECES		512u
#define CACHES		8u
#define SEGMENTS	(SEND_SEGMENTS - 1)	/* pages in one packet: the head is a page of its own */

#define WORK		20000000ul	/* turns of the bystander's loop, of two instructions or three */

#define ORDER		EV_USER(0)
#define READY		EV_USER(1)
#define DONE		EV_USER(2)

#define RW		(PROT_R | PROT_W)

/* What the plugin looks for: instructions that do nothing. */
#define MARK_BEGIN()	__asm__ volatile("slti zero, zero, 1" : : : "memory")
#define MARK_END()	__asm__ volatile("slti zero, zero, 2" : : : "memory")

static const unsigned int sizes[] = { 1, 10, 100, 1000 };
#define NSIZES		(sizeof(sizes) / sizeof(sizes[0]))

/* In shared memory. */
struct order {
	uint32_t number, form, manner, pages;
	/* from the victim */
	volatile uint32_t ready;
	volatile uint64_t time, deadline;	/* of the last request, in ticks */
	volatile uint64_t answered;		/* instret behind the last page that it gave */
	/* from the bystander */
	volatile uint64_t used, switches;
};

/* ---- the victim ---- */

static struct order *order;
static unsigned int first, copies, fillers, nfillers, others[OTHERS];
static unsigned int large[2], spare;	/* the first of 512 slots each */
static uint64_t large_frame[2];
static uint32_t list[MOST];
static bool cut;		/* larger page 0 is in pieces */

static unsigned long page_va(unsigned int i)
{
	return FAR + i * PAGE_SIZE;
}

static bool take_filler(void)
{
	if (nfillers == FILLERS || sys_page_alloc(0, fillers + nfillers, FRAME_ANY, 0) < 0)
		return false;
	MUST(sys_page_bind(ctx_slot(), FILLING + nfillers * PAGE_SIZE, fillers + nfillers, 1, RW));
	nfillers++;
	return true;
}

/* One may be gone: where a device takes its time a deadline can pass, although we answered, and more is taken. */
static void drop_filler(void)
{
	MUST(nfillers > 0 ? 0 : -E_NOMEM);
	sys_cap_delete(fillers + --nfillers);
}

/* A page for a slot, any or this one; nothing is free but what we give up ourselves. */
static void take(unsigned int slot, unsigned long frame)
{
	while (sys_page_alloc(0, slot, frame, 0) < 0)
		drop_filler();
}

static void prepare_small(unsigned int n)
{
	const bool written = order->form == DIRTY;

	for (unsigned int i = 0; i < n; i++) {
		take(first + i, FRAME_ANY);
		MUST(sys_page_bind(ctx_slot(), page_va(i), first + i, 1, RW | PROT_TRACK));
		if (written)
			*(volatile uint64_t *)page_va(i) = i;
		else
			(void)*(volatile uint64_t *)page_va(i);
		for (unsigned int c = 0; order->form == CONTEXTS && c < OTHERS; c++) {
			unsigned int copy = copies + c * MOST + i;

			MUST(sys_cap_copy(0, first + i, copy, RW, 0, 0));
			MUST(sys_page_bind(others[c], page_va(i), copy, 1, RW));
		}
		list[i] = first + i;
	}
	((struct uarea *)uarea())->offer = (uint64_t)list;
	((struct uarea *)uarea())->noffer = order->form == UNLISTED ? 0 : n;
}

static void give_small(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (order->form == CONTEXTS)
			while (sys_cap_revoke(first + i) > 0)
				;
		sys_cap_delete(first + i);
	}
}

/* Two larger pages, whole; pieces that went come back into their frames. */
static void prepare_large(void)
{
	if (cut) {
		MUST(sys_page_unbind(ctx_slot(), GIANT, PIECES));
		MUST(sys_table_unbind(ctx_slot(), GIANT, 0));
		cut = false;
	}
	for (unsigned int n = 0; n < 2; n++) {
		unsigned int missing = 0;

		for (unsigned int i = 0; i < PIECES; i++)
			missing += sys_page_alloc(0, large[n] + i, large_frame[n] + i, 0) >= 0;
		if (missing > 0)
			MUST(sys_page_join(large[n]));
		MUST(sys_page_bind(ctx_slot(), GIANT + n * PIECES * PAGE_SIZE, large[n], 1, RW));
		*(volatile uint64_t *)(GIANT + n * PIECES * PAGE_SIZE) = 1;
	}
}

/* A larger page goes whole when so much is wanted; for less one is taken apart, and the rest of it is bound again, in pieces. */
static void give_large(unsigned int n)
{
	if (n >= PIECES) {
		sys_cap_delete(large[1]);
		n -= PIECES;
	}
	if (n == 0)
		return;
	sys_page_unbind(ctx_slot(), GIANT, 1);
	sys_page_split(large[0], large[0] + 1);
	cut = true;
	for (unsigned int i = PIECES - n; i < PIECES; i++)
		sys_cap_delete(large[0] + i);
	sys_table_bind(ctx_slot(), GIANT, 0, spare);
	sys_page_bind(ctx_slot(), GIANT, large[0], PIECES - n, RW);
}

/* ---- a page cache over a store, which is memory ---- */

static struct pagecache cache[CACHES];
static volatile uint64_t *cached[CACHES];
static char *store;

static char *in_store(void *arg, uint64_t page)
{
	return store + ((struct pagecache *)arg - cache) * CACHE_FRAMES * PAGE_SIZE + page * PAGE_SIZE;
}

static int from_store(void *arg, uint64_t page, void *to)
{
	memcpy(to, in_store(arg, page), PAGE_SIZE);
	return 0;
}

static int to_store(void *arg, uint64_t page, const void *from)
{
	memcpy(in_store(arg, page), from, PAGE_SIZE);
	return 0;
}

static void open_caches(void)
{
	void *at = NULL;

	MUST(vm_map_at(&at, CACHES * CACHE_FRAMES * PAGE_SIZE, RW, VM_LARGE));
	store = at;
	MUST(vm_touch(store, CACHES * CACHE_FRAMES * PAGE_SIZE));
	for (unsigned int c = 0; c < CACHES; c++) {
		const struct page_store s = { .read = from_store, .write = to_store, .arg = &cache[c] };

		cached[c] = pagecache_open(&cache[c], &s, CACHE_FRAMES, CACHE_FRAMES, &cache_clock);
		MUST(cached[c] != NULL ? 0 : -E_NOMEM);
		pagecache_share(&cache[c], 1);
	}
}

/* All frames are full; so many of each cache as are wanted have been written to, or none. */
static void prepare_caches(unsigned int n)
{
	for (unsigned int c = 0; c < CACHES; c++) {
		while (pagecache_grow(&cache[c], CACHE_FRAMES) < CACHE_FRAMES)
			drop_filler();
		MUST(pagecache_sync(&cache[c]));
		for (unsigned int p = 0; p < CACHE_FRAMES; p++) {
			volatile uint64_t *word = &cached[c][p * PAGE_SIZE / sizeof(uint64_t)];

			(void)*word;
			if (order->form == CACHED_DIRTY)
				*word = n;
		}
	}
}

/* ---- pages that the device reads ---- */

static struct ring_shared *ring_page;
static unsigned int ring, head_slot;
static uint32_t sent;

static void open_ring(void)
{
	void *at = vm_reserve(2 * PAGE_SIZE, PAGE_SIZE);
	unsigned int shared = (unsigned int)MUST(page_new());

	ring = (unsigned int)MUST(page_new());
	head_slot = (unsigned int)MUST(page_new());
	MUST(vm_page(shared, at, RW));
	MUST(vm_page(head_slot, (char *)at + PAGE_SIZE, RW));
	ring_page = at;
	memset((char *)at + PAGE_SIZE, 0xff, SEND_HEAD);	/* to everybody */
	MUST(sys_ring_create(ring, shared, 0));
}

/* A packet whose head is the same each time, and behind it a few bytes from each of n pages. */
static void send(unsigned int slot, unsigned int n)
{
	struct send_segment s[SEND_SEGMENTS] = { { .slot = head_slot, .length = SEND_HEAD } };

	for (unsigned int i = 0; i < n; i++)
		s[1 + i] = (struct send_segment){ .slot = slot + i, .length = 8 };
	MUST(sys_net_send(ring, start_slot("flow.root"), s, 1 + n, 0));
	sent++;
}

static bool all_sent(unsigned long deadline)
{
	while (__atomic_load_n(&ring_page->sent_idx, __ATOMIC_ACQUIRE) != sent && time_now() < deadline)
		sys_wait(0, time_now() + 1000);
	return __atomic_load_n(&ring_page->sent_idx, __ATOMIC_ACQUIRE) == sent;
}

/* The other end of the wire takes nothing: when what lies between is full the device keeps a packet, and all that come after it. */
static void prepare_flight(unsigned int n)
{
	MUST(all_sent(deadline_us(3000000)) ? 0 : -E_TIME);
	report_line("hold");
	do
		send(0, 0);
	while (all_sent(deadline_us(150000)));	/* the host may be busy */
	for (unsigned int i = 0; i < n; i += SEGMENTS)
		send(first + i, n - i < SEGMENTS ? n - i : SEGMENTS);
}

/* ---- what the victim does when it is asked ---- */

static void note(void)
{
	order->time = uarea()->revoke.time;
	order->deadline = uarea()->revoke.deadline;
}

static void answer(void)
{
	const unsigned int n = uarea()->revoke.kind == REVOKE_PAGES ? uarea()->revoke.amount : 0;
	const unsigned long begin = time_now();

	note();
	if (n == 0 || order->manner >= ASLEEP)
		return;
	if (order->manner == SLOW) {
		/* A quarter at a time, the last one when nine tenths of the time are over. */
		for (unsigned int piece = 0, i = 0; piece < 4; piece++) {
			while (time_now() < begin + order->time * (6 + piece) / 10)
				;
			for (; i < n * (piece + 1) / 4; i++)
				sys_cap_delete(first + i);
		}
	} else if (order->form == LARGE) {
		give_large(n);
	} else {
		give_small(n);
	}
	if (order->form == IN_FLIGHT) {
		order->answered = instret();
		MARK_END();
	}
}

static void prepare(void)
{
	if (order->form == LARGE)
		prepare_large();
	else if (order->form == CACHED || order->form == CACHED_DIRTY)
		prepare_caches(order->pages);
	else
		prepare_small(order->pages);
	if (order->form == IN_FLIGHT)
		prepare_flight(order->pages);
	while (take_filler())
		;
}

static void have_slots(void)
{
	fillers = slot_alloc_run(FILLERS);
	first = slot_alloc_run(MOST);		/* the last ones are taken first */
	MUST(first == 0 || fillers == 0 ? -E_SLOT : 0);
	for (unsigned long va = FAR; va < FILLING + FILLERS * PAGE_SIZE; va += PIECES * PAGE_SIZE)
		MUST(vm_table(ctx_slot(), va, 0));
	if (order->form == CONTEXTS) {
		copies = slot_alloc_run(OTHERS * MOST);
		MUST(copies == 0 ? -E_SLOT : 0);
		for (unsigned int c = 0; c < OTHERS; c++) {
			others[c] = (unsigned int)MUST(page_new());
			MUST(sys_ctx_create(others[c]));
			for (unsigned long va = FAR; va < FAR + MOST * PAGE_SIZE; va += PIECES * PAGE_SIZE)
				MUST(vm_table(others[c], va, 0));
		}
	}
	if (order->form == LARGE) {
		const volatile struct exposed_system *s = exposed_system();
		unsigned int n = 0;

		MUST(vm_table(ctx_slot(), GIANT, 1));
		spare = (unsigned int)MUST(page_new());
		large[0] = slot_alloc_run(2 * PIECES);
		MUST(large[0] == 0 ? -E_SLOT : 0);
		large[1] = large[0] + PIECES;
		for (unsigned long f = (s->first_frame + PIECES - 1) & ~(PIECES - 1ul); n < 2 && f + PIECES <= s->first_frame + s->nframes; f += PIECES)
			if (sys_page_alloc(0, large[n], f, 1) >= 0)
				large_frame[n++] = f;
		MUST(n == 2 ? 0 : -E_NOMEM);
	}
}

static _Noreturn void victim(unsigned int peer)
{
	const bool own = order->form != CACHED && order->form != CACHED_DIRTY;

	MUST(exposed_system() != NULL ? 0 : -E_NOMEM);
	if (!own)
		open_caches();
	if (order->form == IN_FLIGHT)
		open_ring();
	have_slots();
	/* A cache answers in the library's upcalls; the others look for what they are asked themselves, or do not. */
	if (own) {
		MUST(sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0));
		MUST(sys_env_set(0, ENV_HANDLER, UP_REPOSSESS, 0));
	}
	MUST(sys_notify(peer, READY));
	for (;;) {
		long got = order->manner == DEAF || order->manner == SPINS ? (long)event_pending() : sys_wait(ORDER | EV_REVOKE, 0);

		if (own && (got & (long)EV_REVOKE) != 0) {
			event_clear(EV_REVOKE);
			answer();
		}
		if ((got & (long)ORDER) != 0) {
			event_clear(ORDER);
			prepare();
			order->ready = order->number;
			MUST(sys_notify(peer, READY));
		}
	}
}

/* ---- the bystander ---- */

/* The same work each time; then it tells what it was charged for it, and how often it was given the processor. */
static _Noreturn void bystander(unsigned int peer)
{
	const volatile struct exposed_env *self = exposed_env_of(self_env());

	MUST(sys_notify(peer, DONE));
	for (;;) {
		uint64_t used, switches;

		sys_wait(ORDER, 0);
		event_clear(ORDER);
		sys_yield(0);		/* what it is charged is written down whenever it leaves */
		used = self->used;
		switches = self->switches;
		for (unsigned long i = 0; i < WORK; i++)
			__asm__ volatile("" : : : "memory");
		sys_yield(0);
		order->used = self->used - used;
		order->switches = self->switches - switches;
		MUST(sys_notify(peer, DONE));
	}
}

int bench_revoke_peer(const char *role)
{
	const struct start_grant *g = start_grant("order");

	order = vm_attach(g->slot, 1, PROT_R | PROT_W);
	MUST(order != NULL ? 0 : -E_NOMEM);
	MUST(vm_touch((char *)__builtin_frame_address(0) - 8 * PAGE_SIZE, 8 * PAGE_SIZE));
	if (strcmp(role, "victim") == 0)
		victim(start_slot("peer"));
	bystander(start_slot("peer"));
}

/* ---- the one that wants what it is promised ---- */

static struct series series;
static struct proc peer;
static const volatile struct exposed_env *asked;	/* record of the victim */
static unsigned int order_slot, wanted;

/* An event of one of the others, if they live. */
static void until(uint64_t event)
{
	MUST((sys_wait(event | EV_CHILD, 0) & (long)EV_CHILD) == 0 ? 0 : -E_DEAD);
	event_clear(event);
}

/* Start one of the others, and wait until it says that it is there. */
static void spawn(const char *role, unsigned long guarantee, unsigned int from, unsigned int count, uint64_t there, struct proc *p)
{
	const char *const argv[] = { "bench", "revoke", role, NULL };
	const struct proc_grant grants[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY, .value = self_env() },
		{ .name = "order", .slot = order_slot, .rights = PROT_R | PROT_W },
		{ .name = "machine", .slot = start_slot("machine"), .rights = RIGHT_USE },
		{ .name = "flow.root", .slot = start_slot("flow.root"), .rights = RIGHT_SEND },
	};
	struct spawn s = { .argv = argv, .guarantee = guarantee, .borrow = UINT32_MAX, .grants = grants, .ngrants = start_slot("flow.root") != 0 ? 4 : 3,
			   .slices = start_slot("slices"), .first = from, .count = count, .stopped = true };

	bench_self(&s);
	MUST(proc_spawn(&s, p));
	MUST(proc_run(p));
	until(there);
}

/* count: slices of the victim, next to each other. When it has answered, or has lost what it was asked for, we run at the end of them. */
static void begin(enum form form, enum manner manner, unsigned int count)
{
	memset(order, 0, sizeof(*order));
	order->form = form;
	order->manner = manner;
	spawn("victim", GUARANTEE, 40, count, READY, &peer);
	asked = exposed_env_of(peer.id);
}

/* All that we are promised becomes larger pages, but for what is wanted and lent. */
static void leave(unsigned int pages)
{
	const volatile struct exposed_system *s = exposed_system();
	const volatile struct exposed_env *e = exposed_env_of(self_env());

	for (unsigned long f = (s->first_frame + PIECES - 1) & ~(PIECES - 1ul); f + PIECES <= s->first_frame + s->nframes; f += PIECES) {
		unsigned int slot;

		if (e->guarantee - e->promised_on < e->held + pages + PIECES)
			break;
		if ((slot = slot_alloc()) == 0 || sys_page_alloc(0, slot, f, 1) < 0)
			slot_free(slot);
	}
}

/* The victim holds so many pages as we want them next, and all that is free. */
static void command(unsigned int n)
{
	order->pages = n;
	order->number++;
	MUST(sys_notify(peer.env, ORDER));
	until(READY);
	MUST(order->ready == order->number ? 0 : -E_INVAL);
	event_clear(EV_GRANT);
	MUST(exposed_system()->free_frames == 0 ? 0 : -E_INVAL);
}

static void take_and_return(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		MUST(sys_page_alloc(0, wanted + i, FRAME_ANY, 0));
	for (unsigned int i = 0; i < n; i++)
		MUST(sys_cap_delete(wanted + i));
}

/* From the demand until all is there. */
static uint64_t until_granted(unsigned int n)
{
	uint64_t from, to;
	long r;

	from = instret();
	r = sys_env_ask(0, REVOKE_PAGES, n, 0);
	if (r == -E_AGAIN)
		r = sys_wait(EV_GRANT, 0);
	to = instret();
	MUST(r);
	return to - from;
}

static void report_both(const char *what, const char *name, unsigned int n)
{
	char key[64];

	snprintf(key, sizeof(key), "revoke_%s_%s_%u", what, name, n);
	report_series(key, &series, n);
	report_line("marked %u %u revoke_%s_kernel_%s_%u", series.n, n, what, name, n);
}

/* The victim answers; nothing is taken from it. */
static void answered(const char *name, enum form form)
{
	begin(form, ANSWERS, 1);
	for (unsigned int s = 0; s < NSIZES; s++) {
		const unsigned int n = sizes[s];

		series.n = 0;
		for (unsigned int i = 0; i < SAMPLES; i++) {
			uint32_t requests, held;
			uint64_t cost;

			command(n);
			requests = asked->requests;
			held = asked->held;
			MARK_BEGIN();
			cost = until_granted(n);
			MARK_END();
			series_add(&series, cost);
			MUST(asked->requests == requests + 1 && held - asked->held >= n && asked->lost == 0 ? 0 : -E_INVAL);
			take_and_return(n);
		}
		report_both("answered", name, n);
	}
	MUST(proc_end(&peer));
	event_clear(EV_CHILD);
}

/*
 * Until the deadline is over, and nothing has been taken yet: the victim sleeps, and notes no more than when it is. True: so it is. Where
 * time passes by itself we may wake too late, and a tick of the timer has begun to take.
 */
static bool until_late(unsigned int n)
{
	const uint32_t lost = asked->lost;

	order->deadline = 0;
	MUST(sys_env_ask(0, REVOKE_PAGES, n, 0) == -E_AGAIN ? 0 : -E_INVAL);
	while (order->deadline == 0)
		MUST(sys_wait(EV_GRANT, time_now() + SLICE_TICKS));
	MUST(sys_wait(EV_GRANT, order->deadline - 5 * SLICE_TICKS + SLICE_TICKS / 2));
	while (time_now() <= order->deadline)
		;
	return asked->lost == lost;
}

/* What is wanted comes, sooner or later, and goes back. */
static void leave_it(unsigned int n, enum form form)
{
	if (form == IN_FLIGHT)
		report_line("drain");
	MUST(sys_wait(EV_GRANT, 0));
	take_and_return(n);
}

static void aborted(const char *name, enum form form, const unsigned int *of, unsigned int nsizes)
{
	begin(form, ASLEEP, 1);
	for (unsigned int s = 0; s < nsizes; s++) {
		const unsigned int n = of[s], each = form == CONTEXTS ? 1 + OTHERS : 1;

		series.n = 0;
		while (series.n < SAMPLES) {
			uint64_t from, to;
			uint32_t lost;

			command(n);
			lost = asked->lost;
			if (!until_late(n)) {
				leave_it(n, form);
				continue;
			}
			MARK_BEGIN();
			from = instret();
			while (sys_env_ask(0, REVOKE_PAGES, n, 0) != 0 && exposed_system()->quarantined_frames < n)
				;
			to = instret();
			MARK_END();
			series_add(&series, to - from);
			MUST(asked->lost - lost == n * each && exposed_system()->quarantined_frames == (form == IN_FLIGHT ? n : 0) ? 0 : -E_INVAL);
			leave_it(n, form);
		}
		report_both("aborted", name, n);
	}
	MUST(proc_end(&peer));
	event_clear(EV_CHILD);
}

/* From the demand to the grant, in time. */
static void granted(const char *name, enum manner manner)
{
	const unsigned long us = exposed_system()->timebase_hz / 1000000;

	begin(ONCE, manner, 1);
	for (unsigned int s = 0; s < NSIZES; s++) {
		const unsigned int n = sizes[s];
		unsigned long since, took;
		uint32_t lost;

		command(n);
		lost = asked->lost;
		since = time_now();
		MARK_BEGIN();
		until_granted(n);
		MARK_END();
		took = time_now() - since;
		MUST((asked->lost - lost != 0) == (manner >= ASLEEP) ? 0 : -E_INVAL);
		report_line("bench grant_%s_us_%u %lu", name, n, took / us);
		report_line("marked 1 1 grant_%s_kernel_%u", name, n);
		if (manner == ANSWERS) {
			report_line("bench grant_time_us_%u %lu", n, order->time / us);
			report_line("bench grant_deadline_us_%u %lu", n, (order->deadline - since) / us);
		}
		take_and_return(n);
	}
	MUST(proc_end(&peer));
	event_clear(EV_CHILD);
}

/* What the same work of a third program is charged while nobody wants anything, while pages are given, while they are taken. */
static void beside(const char *name, enum manner manner, unsigned int n)
{
	const unsigned long ns = 1000000000 / exposed_system()->timebase_hz;
	struct proc third;
	unsigned int demands = 0;

	begin(ONCE, manner, 16);
	spawn("bystander", 200, 20, 4, DONE, &third);
	command(MOST);
	MUST(sys_notify(third.env, ORDER));
	while (manner != SPINS && (event_pending() & DONE) == 0) {
		until_granted(n);
		take_and_return(n);
		command(n);
		demands++;
	}
	until(DONE);
	report_line("bench bystander_%s %lu", name, order->used * ns);
	report_line("bench bystander_%s_switches %lu", name, order->switches);
	report_line("bench bystander_%s_demands %u", name, demands);
	MUST(proc_end(&third));
	MUST(proc_end(&peer));
	event_clear(EV_CHILD);
}

static void open_order(void)
{
	order = vm_share(PAGE_SIZE, &order_slot);
	wanted = slot_alloc_run(MOST);
	MUST(order == NULL || wanted == 0 ? -E_NOMEM : 0);
	leave(LEAVE + GUARANTEE);
}

void bench_revoke(void)
{
	open_order();
	answered("once", ONCE);
	answered("contexts", CONTEXTS);
	answered("cached", CACHED);
	answered("dirty", CACHED_DIRTY);
	answered("superpage", LARGE);
	aborted("once", ONCE, sizes, NSIZES);
	aborted("contexts", CONTEXTS, sizes, NSIZES);
	aborted("dirty", DIRTY, sizes, NSIZES);
	aborted("unlisted", UNLISTED, sizes, NSIZES);
	granted("cooperative", ANSWERS);
	granted("slow", SLOW);
	granted("deaf", DEAF);
	granted("asleep", ASLEEP);
	beside("calm", SPINS, 0);
	beside("answered", ANSWERS, 100);
	beside("slow", SLOW, 10);
	beside("aborted", DEAF, 10);
}

/* As many as fit into the device's queue. */
void bench_flight(void)
{
	open_order();
	begin(IN_FLIGHT, ANSWERS, 1);
	for (unsigned int s = 0; s < NSIZES - 1; s++) {
		const unsigned int n = sizes[s];

		series.n = 0;
		for (unsigned int i = 0; i < SAMPLES; i++) {
			uint64_t from;

			command(n);
			order->answered = 0;
			MARK_BEGIN();
			from = instret();
			MUST(sys_env_ask(0, REVOKE_PAGES, n, 0) == -E_AGAIN ? 0 : -E_INVAL);
			while (order->answered == 0)
				MUST(sys_wait(EV_GRANT, time_now() + SLICE_TICKS) == 0 ? 0 : -E_INVAL);
			series_add(&series, order->answered - from);
			leave_it(n, IN_FLIGHT);
		}
		report_both("answered", "in_flight", n);
	}
	MUST(proc_end(&peer));
	event_clear(EV_CHILD);
	aborted("in_flight", IN_FLIGHT, sizes, NSIZES - 1);
}
