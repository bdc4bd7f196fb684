/*
 * events.c - wait, notify, deadlines, and events that interrupt
 */
#include "check.h"

static volatile uint64_t told;

static void on_event(uint64_t events)
{
	told |= events;
	event_clear(events);
}

static int role(const char *name)
{
	unsigned int parent = start_slot("parent");

	if (strcmp(name, "echo") == 0) {
		/* Four times: sleep until notified, answer. */
		for (int i = 0; i < 4; i++) {
			if (sys_wait(EV_USER(3), deadline_us(2000000)) != (long)EV_USER(3))
				return 1;
			event_clear(EV_USER(3));
			if (sys_notify(parent, EV_USER(5)) != 0)
				return 2;
		}
		return 0;
	}
	for (int i = 0; i < 5; i++) {
		usleep(5000);
		sys_notify(parent, EV_USER(i));
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "events", .role = "echo", .first = 20, .count = 8, .grants = &parent, .ngrants = 1 };
	unsigned long before, deadline;
	struct proc p;
	int status;

	if (argc > 1)
		return role(argv[1]);

	/* Deadlines. */
	CHECK_IS(sys_wait(0, 0), -E_INVAL);
	CHECK_IS(sys_wait(0, 1), 0);
	CHECK_IS(sys_wait(EV_USER(0), time_now()), 0);
	for (unsigned long us = 10; us < 20000; us *= 3) {
		deadline = deadline_us(us);
		CHECK_IS(sys_wait(EV_USER(0), deadline), 0);
		CHECK(time_now() >= deadline);
	}
	before = time_now();
	CHECK_IS(sys_wait(0, deadline_us(30000)), 0);
	CHECK(time_now() - before < 10 * exposed_system()->timebase_hz);

	/* To oneself: the bit is set at once, wait returns at once, and the bit stays. */
	CHECK_IS(sys_notify(self_slot(), EV_USER(1) | EV_USER(31)), 0);
	CHECK_IS(event_pending() & EV_USER_MASK, EV_USER(1) | EV_USER(31));
	CHECK_IS(sys_wait(EV_USER(31), 0), EV_USER(31));
	CHECK_IS(sys_wait(EV_USER(31), 0), EV_USER(31));
	event_clear(EV_USER(31));
	CHECK_IS(sys_wait(EV_USER(31) | EV_USER(1), 0), EV_USER(1));
	event_clear(EV_USER(1));
	CHECK_IS(sys_notify(self_slot(), 0), -E_INVAL);
	CHECK_IS(sys_notify(self_slot(), EV_CHILD), -E_INVAL);
	CHECK_IS(sys_notify(self_slot(), EV_USER(0) | EV_CONSOLE), -E_INVAL);
	CHECK_IS(event_pending() & EV_USER_MASK, 0);

	/* Back and forth with another program. */
	MUST(child(&c, &p));
	for (int i = 0; i < 4; i++) {
		long r;

		AWAIT((r = sys_notify(p.env, EV_USER(3))) != -E_INVAL);	/* until it has a u-area */
		CHECK_IS(r, 0);
		CHECK_IS(sys_wait(EV_USER(5), deadline_us(2000000)), EV_USER(5));
		event_clear(EV_USER(5));
	}
	CHECK_IS(proc_wait(&p, deadline_us(2000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(sys_notify(p.env, EV_USER(3)), -E_DEAD);
	CHECK_IS(proc_end(&p), 0);

	/* Interrupted by events while running, and by one's own notification in the middle of a call. */
	upcall_set_event_handler(EV_USER_MASK, on_event);
	c.role = "sender";
	MUST(child(&c, &p));
	deadline = deadline_us(2000000);
	while (told != 0x1full << 32 && time_now() < deadline)
		;
	CHECK_IS(told, 0x1full << 32);
	told = 0;
	CHECK_IS(sys_notify(self_slot(), EV_USER(9)), 0);
	for (int i = 0; i < 1000 && told == 0; i++)
		sys_null();
	CHECK_IS(told, EV_USER(9));
	upcall_set_event_handler(0, NULL);
	CHECK_IS(proc_wait(&p, deadline_us(2000000), &status), PROC_EXITED);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
