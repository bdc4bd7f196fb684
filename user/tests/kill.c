/*
 * kill.c - P8, M18: a program that never lets go is ended at any moment, and all it held is free again
 */
#include "check.h"

static int role(const char *name)
{
	if (strcmp(name, "spin") == 0)
		for (;;)
			;
	if (strcmp(name, "held") == 0) {	/* U6: no upcall will ever reach it */
		uarea()->held = 1;
		for (;;)
			;
	}
	if (strcmp(name, "leak") == 0) {
		for (unsigned int i = 0; i < 100; i++)
			page_new();
		vm_touch(vm_map(50 * PAGE_SIZE, PROT_R | PROT_W), 50 * PAGE_SIZE);
		return 0;
	}
	if (strcmp(name, "sleep") == 0)
		sys_wait(EV_USER(0), 0);
	return 1;
}

static void end_after(const char *name, unsigned long us)
{
	struct child c = { .name = "kill", .role = name, .first = 8, .count = 32, .pages = 512 };
	uint32_t before = frames_free(), held = pages_held();
	unsigned long sleep_end;
	struct proc p;

	MUST(child(&c, &p));
	sleep_end = deadline_us(us);
	while (time_now() < sleep_end)
		sys_wait(0, sleep_end);
	CHECK_IS(proc_end(&p), 0);
	CHECK_IS(proc_state(&p, NULL), PROC_GONE);
	CHECK_IS(frames_free(), before);
	CHECK_IS(pages_held(), held);
}

int main(int argc, char **argv)
{
	static const char *const roles[] = { "spin", "held", "leak", "sleep" };

	if (argc > 1)
		return role(argv[1]);
	end_after("spin", 1000);	/* the first one leaves tables of the window behind */
	failures = 0;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned long us = 0; us < 40000; us = us * 2 + 500)
			end_after(roles[i], us);
	/* The slices that it had are ours to give away again, and we still run. */
	usleep(10000);
	return verdict();
}
