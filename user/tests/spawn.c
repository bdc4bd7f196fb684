/*
 * spawn.c - programs beside this one: arguments, grants, exit status, and nothing left of them afterwards
 */
/* guest: harts=1,2,4 */
#include "check.h"

static int *nowhere = (int *)16;

static int role(char **argv)
{
	if (strcmp(argv[1], "status") == 0)
		return 42;
	if (strcmp(argv[1], "grants") == 0) {
		const struct start_grant *g = start_grant("three");

		if (g == NULL || g->count != 3 || g->value != 0x123456789ull || start_slot("none") != 0)
			return 1;
		for (uint32_t i = 0; i < 3; i++) {
			struct cap_info info;

			if (sys_cap_info(g->slot + i, &info) < 0 || info.type != CAP_PAGE || info.rights != PROT_R)
				return 2 + (int)i;
		}
		return 0;
	}
	if (strcmp(argv[1], "null") == 0)
		**(volatile int *volatile *)&nowhere = 1;	/* nobody wants this fault */
	if (strcmp(argv[1], "greedy") == 0) {
		for (;;) {
			char *p = malloc(1000000);

			if (p == NULL)
				return 0;
			memset(p, 1, 1000000);
		}
	}
	return 99;
}

static int run(const char *name, unsigned long pages, const struct proc_grant *grants, unsigned int n, enum proc_state want)
{
	struct child c = { .name = "spawn", .role = name, .pages = pages, .first = 0, .count = 8, .grants = grants, .ngrants = n };
	struct proc p;
	int status = -1;

	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, PATIENCE, &status), want);
	CHECK_IS(proc_end(&p), 0);
	CHECK_IS(proc_state(&p, NULL), PROC_GONE);
	return status;
}

int main(int argc, char **argv)
{
	uint32_t held, free_before;
	struct proc_grant three;
	struct spawn bad;
	struct proc p;
	unsigned int first;

	if (argc > 1)
		return role(argv);

	CHECK_IS(run("status", 0, NULL, 0, PROC_EXITED), 42);
	held = pages_held();
	free_before = frames_free();
	for (int i = 0; i < 20; i++)
		CHECK_IS(run("status", 0, NULL, 0, PROC_EXITED), 42);
	CHECK_IS(pages_held(), held);
	CHECK_IS(frames_free(), free_before);

	first = slot_alloc_run(3);
	for (unsigned int i = 0; i < 3; i++)
		MUST(sys_page_alloc(0, first + i, FRAME_ANY, 0));
	three = (struct proc_grant){ .name = "three", .slot = first, .count = 3, .rights = PROT_R, .value = 0x123456789ull };
	CHECK_IS(run("grants", 0, &three, 1, PROC_EXITED), 0);
	CHECK_IS(run("null", 0, NULL, 0, PROC_EXITED), 139);
	/* What it holds beyond its guarantee is borrowed; when all is gone, malloc() says so or the page fault does. */
	free_before = frames_free();
	run("greedy", 300, NULL, 0, PROC_EXITED);
	CHECK_IS(frames_free(), free_before);

	memset(&bad, 0, sizeof(bad));
	bad.elf = "not a program";
	bad.elf_bytes = 13;
	bad.guarantee = 100;
	CHECK_IS(proc_spawn(&bad, &p), PROC_ELF + -1);
	CHECK_IS(frames_free(), free_before);
	return verdict();
}
