/*
 * t7_chain.c - T7: transfers within transfers, as deep as there are programs, again and again: each waits for the next, on one slice
 *
 * The kernel keeps nothing for a level but that one environment waits for another. The last of the chain calls the first, which waits
 * already: that is refused, so a chain has no circle and is never deeper than there are environments.
 */
/* guest: harts=1,2,4 */
#include "check.h"
#include "pct.h"

#define DEEP	10
#define READY	EV_USER(1)

/* w[0]: how many are behind us, w[1]: what the last one was answered; w[2]: which level we are. */
static void answer(uint32_t caller, bool sent, struct pct_message *m)
{
	struct pct_message next = { .w = { [2] = m->w[2] + 1 } };
	uint64_t level = m->w[2];

	(void)caller, (void)sent;
	m->w[0] = m->w[1] = 0;
	if (level == DEEP) {
		m->w[1] = (uint64_t)pct_call(start_slot("first"), 0, &next);
		return;
	}
	for (unsigned long end = PATIENCE; pct_call(start_slot("next"), 0, &next) == -E_BUSY && time_now() < end;)
		;
	m->w[0] = next.w[0] + 1;
	m->w[1] = next.w[1];
}

static __attribute__((noreturn)) void link_of_chain(void)
{
	MUST(pct_serve(answer));
	MUST(sys_notify(start_slot("peer"), READY));
	for (;;)
		sys_wait(EV_USER(8), 0);
}

static void nobody_calls_us(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent, (void)m;
}

int main(int argc, char **argv)
{
	unsigned int times = exposed_system()->fences_page == 0 ? 2000 : 50;
	struct proc p[DEEP + 1];
	struct pct_message m;
	long r;

	if (argc > 1 && strcmp(argv[1], "link") == 0)
		link_of_chain();
	MUST(pct_serve(nobody_calls_us));
	for (unsigned int level = DEEP; level > 0; level--) {
		struct proc_grant give[] = {
			{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY },
			{ .name = "first", .slot = self_slot(), .rights = RIGHT_CALL },
			{ .name = "next", .slot = level < DEEP ? p[level + 1].env : 0, .rights = RIGHT_CALL },
		};
		struct child c = { .name = "t7_chain", .role = "link", .pages = 140, .first = 20 + level, .count = 1, .grants = give,
				   .ngrants = level < DEEP ? 3 : 2, .hart = level };

		event_clear(READY);
		MUST(child(&c, &p[level]));
		CHECK_IS(sys_wait(READY, PATIENCE), READY);
	}
	for (unsigned int i = 0; i < times; i++) {
		m = (struct pct_message){ .w = { [2] = 1 } };
		AWAIT((r = pct_call(p[1].env, 0, &m)) != -E_BUSY);
		CHECK_IS(r, 0);
		CHECK_IS(m.w[0], DEEP - 1);
		CHECK_IS(m.w[1], -E_BUSY);
		if (r != 0 || failures > 0)
			break;
	}
	/* One in the middle dies: who waited for it goes on with an error, and the way back is whole. */
	CHECK_IS(proc_end(&p[DEEP / 2]), 0);
	m = (struct pct_message){ .w = { [2] = 1 } };
	AWAIT((r = pct_call(p[1].env, 0, &m)) != -E_BUSY);
	CHECK_IS(r, 0);
	CHECK_IS(m.w[0], DEEP / 2 - 1);
	for (unsigned int level = DEEP; level > 0; level--)
		if (level != DEEP / 2)
			CHECK_IS(proc_end(&p[level]), 0);
	return verdict();
}
