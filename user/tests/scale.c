/*
 * scale.c - the same work on each hart at once: null calls, bindings, transfers; what each hart gets done, and what the lock costs
 *
 * As a test: every hart gets on, and all that was counted was right. What it reports (scale_*) is for test/harness/run.py bench.
 */
/* guest: harts=1,2,4 */
#include "check.h"
#include "pct.h"

#define READY	EV_USER(1)
#define DONE	EV_USER(2)
#define HARTS	8
#define TICKS	(exposed_system()->timebase_hz / 20)

/* What all share. */
struct work {
	uint64_t go, until;
	struct {
		uint64_t done, ready, wrong;
		uint64_t zero[5];
	} of[HARTS];
};

static struct work *work;
static unsigned int me;

static void answer(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent;
	m->w[0] = m->w[2] + 1;
}

static void null_calls(void)
{
	for (unsigned int i = 0; i < 16; i++)
		work->of[me].wrong += sys_null() != 0;
	work->of[me].done += 16;
}

static void bindings(void)
{
	static unsigned int slot;
	static unsigned long va;

	if (slot == 0) {
		slot = (unsigned int)page_new();
		va = (unsigned long)vm_reserve(PAGE_SIZE, PAGE_SIZE);
		MUST(vm_page(slot, (void *)va, PROT_R | PROT_W));	/* now there are tables */
	}
	work->of[me].wrong += sys_page_unbind(ctx_slot(), va, 1) != 1;
	work->of[me].wrong += sys_page_bind(ctx_slot(), va, slot, 1, PROT_R | PROT_W) != 1;
	work->of[me].done += 2;
}

static void transfers(void)
{
	struct pct_message m = { .w = { 0, 0, work->of[me].done } };

	work->of[me].wrong += pct_call(start_slot("server"), 0, &m) != 0 || m.w[0] != work->of[me].done + 1;
	work->of[me].done++;
}

static __attribute__((noreturn)) void role(const char *name)
{
	const struct start_grant *g = start_grant("shared");
	void (*step)(void) = strcmp(name, "null") == 0 ? null_calls : strcmp(name, "bind") == 0 ? bindings : transfers;
	struct pct_message m = { .w = { 0 } };

	work = vm_attach(g->slot, 1, PROT_R | PROT_W);
	me = (unsigned int)g->value;
	if (strcmp(name, "serve") == 0) {
		MUST(pct_serve(answer));
		__atomic_store_n(&work->of[me].ready, 1, __ATOMIC_RELEASE);
		for (;;)
			sys_wait(EV_USER(8), 0);
	}
	if (step == transfers)
		AWAIT(pct_call(start_slot("server"), 0, &m) == 0);
	step();
	work->of[me].done = 0;
	__atomic_store_n(&work->of[me].ready, 2, __ATOMIC_RELEASE);
	while (__atomic_load_n(&work->go, __ATOMIC_ACQUIRE) == 0)
		sys_wait(0, deadline_us(500));
	do
		step();
	while (time_now() < work->until);
	sys_notify(start_slot("peer"), DONE);
	exit(0);
}

static void start(const char *name, unsigned int hart, unsigned int slot, unsigned int server, struct proc *p, unsigned int first)
{
	struct proc_grant give[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY },
		{ .name = "shared", .slot = slot, .rights = PROT_R | PROT_W, .value = hart },
		{ .name = "server", .slot = server, .rights = RIGHT_CALL },
	};
	struct child c = { .name = "scale", .role = name, .first = first, .count = 20, .grants = give, .ngrants = server != 0 ? 3 : 2,
			   .hart = hart };

	MUST(child(&c, p));
}

static void tell(const char *key, uint64_t value)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "bench scale_%s_%uh %lu\n", key, exposed_system()->nharts, (unsigned long)value);

	CHECK_IS(sys_console_write(start_slot("machine"), line, (unsigned long)n), n);
}

/* Operations of all harts in a millisecond. */
static void measure(const char *name, const char *key, unsigned int slot)
{
	unsigned int n = exposed_system()->nharts;
	bool serve = strcmp(name, "call") == 0;
	struct proc worker[HARTS], server[HARTS];
	uint64_t total = 0;

	memset(work, 0, sizeof(*work));
	for (unsigned int i = 0; i < n; i++) {
		if (serve) {
			start("serve", i, slot, 0, &server[i], 40);
			AWAIT(__atomic_load_n(&work->of[i].ready, __ATOMIC_ACQUIRE) == 1);
		}
		start(name, i, slot, serve ? server[i].env : 0, &worker[i], 10);
		AWAIT(__atomic_load_n(&work->of[i].ready, __ATOMIC_ACQUIRE) == 2);
		CHECK_IS(work->of[i].ready, 2);
	}
	work->until = time_now() + TICKS;
	__atomic_store_n(&work->go, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < n; i++) {
		CHECK_IS(proc_wait(&worker[i], PATIENCE, NULL), PROC_EXITED);
		CHECK(work->of[i].done > 0);
		CHECK_IS(work->of[i].wrong, 0);
		total += work->of[i].done;
		CHECK_IS(proc_end(&worker[i]), 0);
		if (serve)
			CHECK_IS(proc_end(&server[i]), 0);
	}
	tell(key, total * 1000 / 50);
}

int main(int argc, char **argv)
{
	uint32_t held = 0, waited = 0;
	unsigned int slot;

	if (argc > 1)
		role(argv[1]);
	work = vm_share(PAGE_SIZE, &slot);
	MUST(work != NULL ? 0 : -E_NOMEM);
	measure("null", "null", slot);
	measure("call", "transfer", slot);
	measure("bind", "bind", slot);
	for (unsigned int i = 0; i < exposed_system()->nharts; i++) {
		held = exposed_hart(i)->lock_held > held ? exposed_hart(i)->lock_held : held;
		waited = exposed_hart(i)->lock_wait > waited ? exposed_hart(i)->lock_wait : waited;
	}
	tell("lock_held", held);
	tell("lock_wait", waited);
	return verdict();
}
