/*
 * u7_flood.c - U7: a flood of notifications at one that holds its upcalls: bits in a word, and nothing is queued
 *
 * A hundred thousand times another program sets all the bits that it may, from another hart if there is one. Meanwhile the flooded one holds
 * its upcalls and looks at its u-area: the event bits and the pending bit are set once, no other word changes, no page is taken for it. When
 * it lets go, it is told once, of all.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define TIMES	100000
#define NOWHERE	0x3000000000ul
#define WORDS	(PAGE_SIZE / sizeof(uint64_t))

static uint64_t before[WORDS], after[WORDS];
static volatile uint64_t told, calls;

static void on_event(uint64_t events)
{
	told |= events & EV_USER_MASK;
	calls++;
	event_clear(events & EV_USER_MASK);
}

static void copy(uint64_t *to)
{
	const volatile uint64_t *from = (const volatile uint64_t *)LAYOUT_UAREA;

	for (unsigned int i = 0; i < WORDS; i++)
		to[i] = from[i];
}

/* Words of the u-area that may change while upcalls are held: events, what is pending, and when this slice ends. */
static bool may_change(unsigned int offset)
{
	return offset == U_EVENTS || offset == U_PENDING || offset == U_SLICE_END;
}

static int flood(void)
{
	unsigned int peer = start_slot("peer");

	for (unsigned int i = 0; i < TIMES; i++)
		if (sys_notify(peer, EV_USER_MASK) != 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct proc_grant peer = { .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "u7_flood", .role = "flood", .first = 20, .count = 20, .grants = &peer, .ngrants = 1, .stopped = true, .hart = 1 };
	const volatile struct exposed_env *flooder;
	unsigned long until;
	uint32_t held, theirs;
	struct proc p;
	int status = -1;

	if (argc > 1 && strcmp(argv[1], "flood") == 0)
		return flood();
	MUST(child(&c, &p));
	flooder = exposed_env_of(p.id);
	upcall_set_event_handler(EV_USER_MASK, on_event);
	copy(after);
	held = pages_held();
	until = deadline_us(60000000);
	theirs = 0;

	/* From here to the release nothing may fault: all that is used has been used above. */
	uarea()->held = 1;
	copy(before);
	if (sys_env_set(p.env, ENV_RUN, 1, 0) == 0)
		while ((flooder->state != ENV_STOPPED || (event_pending() & EV_CHILD) == 0) && time_now() < until)
			theirs = event_pending() >> 32 == 0xffffffff;
	copy(after);
	uarea()->held = 0;

	CHECK_IS(flooder->state, ENV_STOPPED);
	CHECK_IS(theirs, 1);
	CHECK_IS(calls, 0);
	CHECK_IS(before[U_EVENTS / 8], 0);
	CHECK_IS(after[U_EVENTS / 8], EV_USER_MASK | EV_CHILD);
	CHECK_IS(before[U_PENDING / 8], 0);
	CHECK_IS(after[U_PENDING / 8], 1ul << UP_EVENT);
	CHECK_IS(after[U_HELD / 8], 1);
	for (unsigned int i = 0; i < WORDS; i++)
		if (!may_change(i * 8) && !CHECK(before[i] == after[i]))
			printf("word %u of the u-area: %lx, then %lx\n", i, before[i], after[i]);
	CHECK_IS(pages_held(), held);

	/* The end of any upcall looks at what is pending: that of a fault. */
	CHECK_IS(fault_of_load(NOWHERE), 13);
	CHECK_IS(calls, 1);
	CHECK_IS(told, EV_USER_MASK);
	CHECK_IS(event_pending() & EV_USER_MASK, 0);
	/* And nothing comes after it. */
	sys_wait(0, deadline_us(20000));
	for (unsigned int i = 0; i < 1000; i++)
		sys_null();
	CHECK_IS(fault_of_load(NOWHERE), 13);
	CHECK_IS(calls, 1);
	CHECK_IS(uarea()->pending, 0);
	upcall_set_event_handler(0, NULL);
	CHECK_IS(proc_wait(&p, PATIENCE, &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
