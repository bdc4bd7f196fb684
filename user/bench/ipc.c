/*
 * ipc.c - a byte through a pipe to another program and one back; threads and their lock
 *
 * The other program is this one, started again with an argument. Both ends are libexos' (pipe.h): shared pages, and a yield to the
 * side that is waited for.
 */
#include <string.h>

#include <exos/uarea.h>

#include "bench.h"
#include "cpio.h"
#include "pct.h"
#include "pipe.h"
#include "proc.h"
#include "start.h"
#include "thread.h"
#include "upcall.h"

#define HALF	PAGE_SIZE
#define LARGE	(512 * PAGE_SIZE)

static struct series series;
static struct pipe out, in;

/* An environment with a protected entry keeps its registers itself when it yields, which is the short road (docs/transfers.md). */
static void nobody_calls_us(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent, (void)m;
}

int bench_peer(void)
{
	const struct start_grant *g = start_grant("pipes");
	char *at = vm_attach(g->slot, g->count, PROT_R | PROT_W), byte;

	if (at == NULL || pipe_open(&in, at, HALF, start_slot("peer"), EV_USER(0)) < 0 ||
	    pipe_open(&out, at + HALF, HALF, start_slot("peer"), EV_USER(1)) < 0 || pct_serve(nobody_calls_us) < 0)
		return 1;
	while (pipe_read(&in, &byte, 1, 0) == 1)
		if (pipe_write(&out, &byte, 1, 0) != 1)
			return 2;
	return 0;
}

/* This program's file. */
static void find_self(struct spawn *s)
{
	const struct start_grant *g = start_grant("archive");
	char *at = vm_reserve(g->count * LARGE, LARGE);
	struct cpio_entry e;

	for (uint32_t i = 0; i < g->count; i++)
		MUST(vm_superpage(g->slot + i, at + i * LARGE, PROT_R));
	MUST(cpio_find(at, g->value, "bench/bench", &e) == 1 ? 0 : -E_INVAL);
	s->elf = e.data;
	s->elf_bytes = e.size;
}

static volatile bool enough;

static void *other(void *arg)
{
	while (!enough)
		thread_yield();
	return arg;
}

/* To another thread and back, halved; a lock that nobody else wants, taken and given back. */
static void threads(void)
{
	static struct mutex lock;
	struct thread *t = thread_create(other, NULL, 0);
	uint64_t from;

	MUST(t != NULL ? 0 : -E_NOMEM);
	series.n = 0;
	for (unsigned int i = 0; i < RUNS; i++) {
		from = instret();
		thread_yield();
		series_add(&series, instret() - from);
	}
	report_series("thread_switch", &series, 2);
	enough = true;
	MUST(thread_join(t, NULL));
	series.n = 0;
	for (unsigned int i = 0; i < RUNS; i++) {
		from = instret();
		mutex_lock(&lock);
		mutex_unlock(&lock);
		series_add(&series, instret() - from);
	}
	report_series("mutex_pair", &series, 1);
}

void bench_ipc(void)
{
	static const char *const argv[] = { "bench", "peer", NULL };
	struct proc_grant grants[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY | RIGHT_YIELD },
		{ .name = "pipes", .count = 2 * HALF / PAGE_SIZE, .rights = PROT_R | PROT_W },
	};
	struct spawn s = { .argv = argv, .guarantee = 256, .grants = grants, .ngrants = 2, .slices = start_slot("slices"), .first = 40,
			   .count = 1, .stopped = true };
	unsigned int slot;
	char *memory = vm_share(2 * HALF, &slot), byte = 0;
	struct proc p;

	MUST(memory != NULL ? 0 : -E_NOMEM);
	find_self(&s);
	grants[1].slot = slot;
	MUST(proc_spawn(&s, &p));
	MUST(pipe_make(&out, memory, HALF, p.env, EV_USER(0)));
	MUST(pipe_make(&in, memory + HALF, HALF, p.env, EV_USER(1)));
	MUST(pct_serve(nobody_calls_us));
	MUST(proc_run(&p));
	series.n = 0;
	for (unsigned int i = 0; i < RUNS + 4; i++) {
		uint64_t from = instret(), to;
		long w, r;

		w = pipe_write(&out, &byte, 1, 0);
		r = pipe_read(&in, &byte, 1, 0);
		to = instret();
		MUST(w == 1 && r == 1 ? 0 : -E_IO);
		if (i >= 4)	/* in the first rounds the other one starts and touches its pages */
			series_add(&series, to - from);
	}
	MUST(pct_serve(NULL));
	MUST(proc_end(&p));
	event_clear(EV_CHILD | EV_USER(1));
	report_series("pipe_round", &series, 1);
	threads();
}
