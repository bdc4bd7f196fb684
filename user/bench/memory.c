/*
 * memory.c - bindings, protection, faults, frames
 */
#include "bench.h"

#include <exos/uarea.h>
#include <string.h>

#include "exposed.h"
#include "start.h"
#include "upcall.h"

#define RW		(PROT_R | PROT_W)
#define HUNDRED		100
#define FRAME_NOBODYS	(~0u)	/* struct frame, last_owner: what firmware and boot left there */

unsigned int area_slots;
static unsigned int table_slot;	/* the leaf table of the area */
static struct series series;

static struct series *begin(void)
{
	series.n = 0;
	return &series;
}

static unsigned int fresh_page(void)
{
	return (unsigned int)MUST(page_new());
}

void area_open(void)
{
	uint8_t *u = (uint8_t *)uarea();

	MUST(sys_table_bind(ctx_slot(), AREA, 1, fresh_page()));
	table_slot = fresh_page();
	MUST(sys_table_bind(ctx_slot(), AREA, 0, table_slot));
	MUST(sys_page_bind(ctx_slot(), AREA_TABLE, table_slot, 1, PROT_R));
	area_slots = slot_alloc_run(AREA_PAGES);
	for (unsigned int i = 0; i < AREA_PAGES; i++)
		MUST(sys_page_alloc(0, area_slots + i, FRAME_ANY, 0));
	MUST(sys_page_bind(ctx_slot(), AREA, area_slots, AREA_PAGES, RW));

	*(uint64_t *)(u + U_CTX) = ctx_slot();
	*(uint64_t *)(u + U_AREA) = AREA;
	*(uint64_t *)(u + U_SLOTS) = area_slots;
}

static void protect(unsigned int first, unsigned int n, unsigned int prot)
{
	MUST(sys_page_protect(ctx_slot(), (unsigned long)area_page(first), n, prot));
}

/* ---- one call ---- */

static void bind1(void)
{
	struct series *s = begin();
	long r;

	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % AREA_PAGES;
		unsigned long va = (unsigned long)area_page(p);

		MUST(sys_page_unbind(ctx_slot(), va, 1));
		series_add(s, call_cost(CALL_page_bind, ctx_slot(), (long)va, area_slots + p, 1, RW, &r));
		MUST(r);
	}
	report_series("bind1", s, 1);
}

static void unbind1(void)
{
	struct series *s = begin();
	long r;

	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % AREA_PAGES;
		unsigned long va = (unsigned long)area_page(p);

		series_add(s, call_cost(CALL_page_unbind, ctx_slot(), (long)va, 1, 0, 0, &r));
		MUST(r);
		MUST(sys_page_bind(ctx_slot(), va, area_slots + p, 1, RW));
	}
	report_series("unbind1", s, 1);
}

/* n pages in one call; before each run they have the other protection. */
static void protects(const char *key, unsigned int n, unsigned int prot)
{
	struct series *s = begin();
	long r;

	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % (AREA_PAGES - n);

		protect(p, n, prot == RW ? PROT_R : RW);
		series_add(s, call_cost(CALL_page_protect, ctx_slot(), (long)area_page(p), n, prot, 0, &r));
		MUST(r == (long)n ? 0 : -E_INVAL);
	}
	protect(0, AREA_PAGES, RW);
	report_series(key, s, 1);
}

static void dirty(void)
{
	struct series *s = begin();
	uint64_t is;

	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % AREA_PAGES;

		/* Bound anew with tracking, so that the answer is known: clean until the store. */
		MUST(sys_page_protect(ctx_slot(), (unsigned long)area_page(p), 1, RW | PROT_TRACK));
		if (i % 2 == 0)
			*area_page(p) = i;
		series_add(s, path_dirty((const uint64_t *)AREA_TABLE, (uint64_t)area_page(p), &is));
		MUST((is != 0) == (i % 2 == 0) ? 0 : -E_INVAL);
	}
	protect(0, AREA_PAGES, RW);
	report_series("dirty", s, 1);
}

/* ---- faults ---- */

/* The store, the upcall, a handler that binds a page of ours, and the store again. */
static void fault_bind_resume(void)
{
	struct series *s = begin();

	handle_faults(handler_bind);
	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % AREA_PAGES;

		MUST(sys_page_unbind(ctx_slot(), (unsigned long)area_page(p), 1));
		series_add(s, path_store(area_page(p)));
	}
	handle_faults(NULL);
	report_series("fault_bind_resume", s, 1);
}

/* The same through libexos: its entry saves all registers, its dispatcher calls us in C. */
static bool bind_in_c(struct upcall_frame *f)
{
	unsigned long page = (f->tval - AREA) / PAGE_SIZE;

	return page < AREA_PAGES && sys_page_bind(ctx_slot(), AREA + page * PAGE_SIZE, area_slots + page, 1, RW) == 1;
}

static void fault_bind_resume_lib(void)
{
	struct series *s = begin();

	upcall_set_fault_handler(bind_in_c);
	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % AREA_PAGES;

		MUST(sys_page_unbind(ctx_slot(), (unsigned long)area_page(p), 1));
		series_add(s, path_store(area_page(p)));
	}
	upcall_set_fault_handler(NULL);
	report_series("fault_bind_resume_lib", s, 1);
}

/* Appel and Li, ASPLOS 1991: a page is protected; the trap's handler protects another and unprotects this one. */
static void appel1(void)
{
	struct series *s = begin();
	volatile uint64_t *other = (volatile uint64_t *)((uint8_t *)uarea() + U_OTHER);

	handle_faults(handler_appel);
	protect(0, 1, PROT_R);
	for (unsigned int i = 0; i < RUNS; i++) {
		unsigned int p = i % AREA_PAGES, next = (i + 1) % AREA_PAGES;

		*other = (uint64_t)area_page(next);
		series_add(s, path_store(area_page(p)));
	}
	handle_faults(NULL);
	protect(0, AREA_PAGES, RW);
	report_series("appel1", s, 1);
}

/* A hundred pages protected in one call; each is touched, in an order that is not that of the addresses. */
static void appel2(void)
{
	static volatile void *order[HUNDRED];
	struct series *s = begin();
	uint64_t loop;
	long r;

	for (unsigned int i = 0; i < HUNDRED; i++)
		order[i] = area_page(i * 37 % HUNDRED);
	path_stores(order, HUNDRED);
	loop = path_stores(order, HUNDRED) - HUNDRED;	/* the stores themselves belong to the figure */
	handle_faults(handler_unprotect);
	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t cost = call_cost(CALL_page_protect, ctx_slot(), AREA, HUNDRED, PROT_R, 0, &r);

		MUST(r == HUNDRED ? 0 : -E_INVAL);
		series_add(s, cost + path_stores(order, HUNDRED) - loop);
	}
	handle_faults(NULL);
	report_series("appel2", s, HUNDRED);
}

/* ---- frames ---- */

/* A frame that was never ours: free, and its content is what boot left. 0: none is left. */
static uint64_t foreign_frame(void)
{
	static uint32_t at;
	const volatile struct exposed_system *sys = exposed_system();
	const volatile struct frame *f = exposed_frames();

	for (; at < sys->nframes; at++)
		if (f[at].type == FRAME_FREE && f[at].last_owner == FRAME_NOBODYS)
			return sys->first_frame + at++;
	return 0;
}

/* Allocate, bind, touch, free: the three calls with their arguments, and the store. */
static uint64_t page_life(uint64_t frame, unsigned int slot)
{
	const unsigned long ctx = ctx_slot(), va = AREA_FREE;
	uint64_t from = instret();

	sys_page_alloc(0, slot, frame, 0);
	sys_page_bind(ctx, va, slot, 1, RW);
	*(volatile uint64_t *)va = 1;
	sys_cap_delete(slot);
	return instret() - from;
}

static void page_fresh(void)
{
	struct series *s = begin();
	unsigned int slot = slot_alloc();

	for (unsigned int i = 0; i < RUNS; i++) {
		uint64_t frame = foreign_frame();

		if (frame == 0)
			break;
		series_add(s, page_life(frame, slot));
	}
	report_series("page_fresh", s, 1);
	slot_free(slot);
}

static void page_again(void)
{
	struct series *s = begin();
	unsigned int slot = slot_alloc();

	page_life(FRAME_ANY, slot);
	for (unsigned int i = 0; i < RUNS; i++)
		series_add(s, page_life(FRAME_ANY, slot));
	report_series("page_again", s, 1);
	slot_free(slot);
}

void bench_memory(void)
{
	bind1();
	unbind1();
	protects("prot1", 1, PROT_R);
	protects("unprot1", 1, RW);
	protects("prot100", HUNDRED, PROT_R);
	protects("unprot100", HUNDRED, RW);
	dirty();
	fault_bind_resume();
	fault_bind_resume_lib();
	appel1();
	appel2();
	page_fresh();
	page_again();
}
