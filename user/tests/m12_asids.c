/*
 * m12_asids.c - M12: more contexts than the machine has ASIDs, each used once, beside programs that keep theirs
 *
 * An environment without handlers is started in one new context after the other, faults, and stops: each context has needed a number. When they
 * run out, all numbers begin anew, on all harts. On each of the others a program reads and writes its own pages meanwhile, and finds in
 * them what it wrote; on the first one such a program sleeps until the end.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define PAGES	16
#define NOWHERE	0x10000ul
#define DONE	EV_USER(1)

static __attribute__((noreturn)) void victim(void)
{
	static volatile uint64_t page[PAGES][PAGE_SIZE / 8];
	uint64_t n, wrong = 0;

	for (n = 1; n <= 2 || (event_pending() & DONE) == 0; n++) {
		/* On the first hart it would take the slices in which contexts are used up: there it looks before and after. */
		sys_wait(DONE, n == 2 && uarea()->hart == 0 ? 0 : deadline_us(20000));
		for (unsigned int i = 0; i < PAGES; i++) {
			wrong += n > 1 && page[i][n % 512 == 0 ? 511 : n % 512 - 1] != n - 1 + i;
			page[i][n % 512] = n + i;
		}
	}
	exit(wrong == 0 ? 0 : 1);
}

int main(int argc, char **argv)
{
	unsigned int n = exposed_system()->nharts, env, two[2] = { slot_alloc(), slot_alloc() };
	const bool all = exposed_system()->fences_page == 0;	/* the debug kernel's audit would take minutes */
	uint64_t before = exposed_system()->asid_generation;
	unsigned long contexts = all ? (1ul << 16) + 1000 : 300, used = 0;
	struct env_regs regs = { .pc = NOWHERE };
	struct proc p[8];
	uint32_t held;
	int status;
	long r;

	(void)argv;
	if (argc > 1)
		victim();
	for (unsigned int i = 0; i < n; i++) {
		struct child c = { .name = "m12_asids", .role = "victim", .first = 40, .count = 4, .hart = i };

		MUST(child(&c, &p[i]));
	}
	MUST(r = page_new());
	env = (unsigned int)r;
	MUST(sys_env_create(env, 0));
	held = pages_held();
	for (unsigned long i = 0; i < contexts && failures == 0; i++) {
		unsigned int ctx = two[i & 1], last = two[~i & 1];

		MUST(sys_page_alloc(0, ctx, FRAME_ANY, 0));
		MUST(sys_ctx_create(ctx));
		MUST(sys_env_set(env, ENV_CONTEXT, ctx, 0));
		MUST(sys_env_regs(env, 1, &regs));
		MUST(sys_env_set(env, ENV_RUN, 1, 0));
		r = sys_yield(env);
		CHECK_IS(r, 0);
		for (unsigned long end = PATIENCE; sys_env_regs(env, 0, &regs) == -E_BUSY && time_now() < end;)
			sys_yield(env);
		used += regs.cause == 12 && regs.tval == NOWHERE;
		regs.cause = 0;
		/* The one before is nobody's any more. */
		while (i > 0 && (r = sys_object_end(last)) == 1)
			;
		CHECK_IS(r, 0);
		if (i > 0)
			MUST(sys_cap_delete(last));
	}
	CHECK_IS(used, contexts);
	if (all)
		CHECK(exposed_system()->asid_generation > before);
	CHECK_IS(pages_held(), held + 1);
	for (unsigned int i = 0; i < n; i++) {
		AWAIT((r = sys_notify(p[i].env, DONE)) != -E_INVAL);	/* until it has a u-area */
		CHECK_IS(r, 0);
		CHECK_IS(proc_wait(&p[i], PATIENCE, &status), PROC_EXITED);
		CHECK_IS(status, 0);
		CHECK_IS(proc_end(&p[i]), 0);
	}
	return verdict();
}
