/*
 * control.c - calls, exceptions, switches, lives of environments
 */
#include "bench.h"

#include <exos/uarea.h>
#include <string.h>

#include "exposed.h"
#include "start.h"
#include "upcall.h"

#define CHILD_SELF	1	/* slots of a child: ours, to yield to */

static struct series series;

static void null_call(void)
{
	long r;

	series.n = 0;
	for (unsigned int i = 0; i < RUNS; i++)
		series_add(&series, call_cost(CALL_null, 0, 0, 0, 0, 0, &r));
	report_series("null_call", &series, 1);
}

static void exception_round(void)
{
	series.n = 0;
	handle_faults(handler_skip);
	for (unsigned int i = 0; i < RUNS; i++)
		series_add(&series, path_break());
	handle_faults(NULL);
	report_series("exception_round", &series, 1);
}

/* ---- children ---- */

/*
 * An environment with a context of its own, of eight pages: record, capability table, three page tables, code, data, u-area. The
 * slots of the eight follow one another.
 */
enum { C_ENV, C_CAPTAB, C_ROOT, C_TABLE1, C_TABLE0, C_CODE, C_DATA, C_UAREA, C_PAGES };

struct child {
	unsigned int slot;	/* first of C_PAGES */
	struct env_regs regs;
};

#define CHILD_DATA	(CHILD_CODE + PAGE_SIZE)
#define CHILD_UAREA	(CHILD_CODE + 2 * PAGE_SIZE)

/* code: bound in our context meanwhile, at AREA_FREE. */
static void child_create(struct child *c, const void *code, unsigned long len)
{
	unsigned int s = c->slot;

	for (unsigned int i = 0; i < C_PAGES; i++)
		MUST(sys_page_alloc(0, s + i, FRAME_ANY, 0));
	MUST(sys_page_bind(ctx_slot(), AREA_FREE, s + C_CODE, 1, PROT_R | PROT_W));
	memcpy((void *)AREA_FREE, code, len);

	MUST(sys_ctx_create(s + C_ROOT));
	MUST(sys_table_bind(s + C_ROOT, CHILD_CODE, 1, s + C_TABLE1));
	MUST(sys_table_bind(s + C_ROOT, CHILD_CODE, 0, s + C_TABLE0));
	MUST(sys_page_bind(s + C_ROOT, CHILD_CODE, s + C_CODE, 1, PROT_R | PROT_X));
	MUST(sys_page_bind(s + C_ROOT, CHILD_DATA, s + C_DATA, 1, PROT_R | PROT_W));
	MUST(sys_page_bind(s + C_ROOT, CHILD_UAREA, s + C_UAREA, 1, PROT_R | PROT_W));

	MUST(sys_env_create(s + C_ENV, 0));
	MUST(sys_env_captab(s + C_ENV, s + C_CAPTAB));
	MUST(sys_env_set(s + C_ENV, ENV_CONTEXT, s + C_ROOT, 0));
	MUST(sys_env_set(s + C_ENV, ENV_UAREA, s + C_UAREA, CHILD_UAREA));
	MUST(sys_env_regs(s + C_ENV, 1, &c->regs));
	MUST(sys_env_set(s + C_ENV, ENV_RUN, 1, 0));
}

static void child_destroy(struct child *c)
{
	unsigned int s = c->slot;

	while (MUST(sys_object_end(s + C_ENV)) != 0)
		;
	for (unsigned int i = C_CODE; i < C_PAGES; i++)
		MUST(sys_cap_delete(s + i));
	MUST(sys_table_unbind(s + C_ROOT, CHILD_CODE, 0));
	MUST(sys_table_unbind(s + C_ROOT, CHILD_CODE, 1));
	while (MUST(sys_object_end(s + C_ROOT)) != 0)
		;
	for (unsigned int i = 0; i <= C_TABLE0; i++)
		MUST(sys_cap_delete(s + i));
}

static void child_init(struct child *c)
{
	memset(c, 0, sizeof(*c));
	c->slot = slot_alloc_run(C_PAGES);
	c->regs.pc = CHILD_CODE;
}

/* Create, let it run until it exits, destroy; all pages were ours before, so page_alloc() need not zero them. */
static void env_life(void)
{
	struct child c;

	child_init(&c);
	series.n = 0;
	for (unsigned int i = 0; i < RUNS + 2; i++) {
		uint64_t from = instret(), to;

		child_create(&c, child_exit, (unsigned long)(child_exit_end - child_exit));
		MUST(sys_yield(c.slot + C_ENV));
		child_destroy(&c);
		to = instret();
		if (i >= 2)	/* in the first lives the frames change hands */
			series_add(&series, to - from);
	}
	event_clear(EV_CHILD);
	slot_free_run(c.slot, C_PAGES);
	report_series("env_life", &series, 1);
}

/*
 * Two environments in two contexts that yield to each other. A round is two switches and three instructions of the other one's
 * loop. fp: both have floating-point registers, clean ones.
 */
static void yield_to(const char *key, bool fp)
{
	struct child c;

	child_init(&c);
	child_create(&c, child_yield, (unsigned long)(child_yield_end - child_yield));
	MUST(sys_cap_grant(self_slot(), c.slot + C_ENV, CHILD_SELF, RIGHT_YIELD, 0, 0));
	if (fp) {
		MUST(sys_env_set(c.slot + C_ENV, ENV_RUN, 0, 0));
		MUST(sys_env_set(c.slot + C_ENV, ENV_FP, 1, 0));
		MUST(sys_env_set(c.slot + C_ENV, ENV_RUN, 1, 0));
	}
	/* Both keep their registers themselves. */
	MUST(sys_env_set(c.slot + C_ENV, ENV_HANDLER, UP_SLICE_BEGIN, CHILD_CODE));
	MUST(sys_env_set(0, ENV_HANDLER, UP_SLICE_BEGIN, CHILD_CODE));
	series.n = 0;
	MUST(sys_env_set(0, ENV_FP, fp, 0));
	for (unsigned int i = 0; i < RUNS + 2; i++) {
		uint64_t cost = path_yield(c.slot + C_ENV);

		if (i >= 2)
			series_add(&series, cost - 3);
	}
	MUST(sys_env_set(0, ENV_FP, 1, 0));
	MUST(sys_env_set(0, ENV_HANDLER, UP_SLICE_BEGIN, 0));
	child_destroy(&c);
	event_clear(EV_CHILD);
	slot_free_run(c.slot, C_PAGES);
	report_series(key, &series, 2);
}

/* A transfer into another context and the answer, both of the same registers. */
static void transfers(void)
{
	struct series oneway = { .n = 0 };
	struct child c;

	child_init(&c);
	child_create(&c, child_serve, (unsigned long)(child_serve_end - child_serve));
	MUST(sys_cap_grant(self_slot(), c.slot + C_ENV, CHILD_SELF, RIGHT_YIELD, 0, 0));
	MUST(sys_env_set(c.slot + C_ENV, ENV_HANDLER, UP_ENTRY, CHILD_CODE + (unsigned long)(child_serve_entry - child_serve)));
	MUST(sys_yield(c.slot + C_ENV));
	series.n = 0;
	for (unsigned int i = 0; i < RUNS + 2; i++) {
		struct pct_cost cost = path_transfer(c.slot + C_ENV);

		if (i >= 2) {
			series_add(&oneway, cost.oneway);
			series_add(&series, cost.round);
		}
	}
	child_destroy(&c);
	event_clear(EV_CHILD);
	slot_free_run(c.slot, C_PAGES);
	report_series("pct_oneway", &oneway, 1);
	report_series("pct_round", &series, 1);
}

void bench_control(void)
{
	null_call();
	exception_round();
	yield_to("yield_to", false);
	yield_to("yield_to_fp", true);
	transfers();
	env_life();
}
