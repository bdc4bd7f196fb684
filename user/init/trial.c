/*
 * trial.c - one program with every right there is: a guest test, the benchmarks or the tracer
 *
 * Boot argument test=NAME runs tests/NAME, bench runs bench/bench, bench=ARGUMENT with that, trace=NAME lets bin/tracer run that program. The program gets copies of the root capabilities and nearly all of
 * memory and time, and may borrow. Its exit status is the verdict: 0 pass, 77 skip, anything else fail.
 */
#include <exos/boot.h>
#include <exos/flow.h>
#include <stdio.h>
#include <stdlib.h>

#include "exos_calls.h"
#include "exposed.h"
#include "init.h"
#include "start.h"

#define SKIPPED		77
#define PAGES_KEPT	1024	/* init's own */
#define FILTERS		24	/* places in the packet classifier */
#define PAGES_LENT	800	/* promised to nobody: who has used up its own borrows here */

void run_trial(const char *file, const char *name, const char *argument)
{
	const struct boot_info *b = start_boot_info();
	const char *argv[] = { name, argument, NULL };
	static char names[8][20];
	struct proc_grant grants[16] = {
		{ .name = "console", .slot = SLOT_CONSOLE, .rights = RIGHT_USE },
		{ .name = "machine", .slot = SLOT_MACHINE, .rights = RIGHT_USE },
		{ .name = "slices", .slot = SLOT_SLICES, .rights = RIGHT_BIND, .first = SLICES_KEPT, .nslices = SLICES - SLICES_KEPT,
		  .value = SLICES - SLICES_KEPT },
	};
	struct spawn s = { .argv = argv, .grants = grants, .ngrants = 3, .stopped = true, .promise_filters = FILTERS,
			   .promise_slices = b->nharts * SLICES - SLICES_KEPT };
	enum proc_state state;
	struct proc p;
	int status;

	if (b->archive_pages > 0)
		grants[s.ngrants++] = (struct proc_grant){ .name = "archive", .slot = b->archive_slot, .count = b->archive_pages,
							   .rights = PROT_R, .value = b->archive_bytes };
	/* The vectors of the other harts, whole: "slices1", ... */
	for (unsigned int i = 1; i < b->nharts && i < 8; i++) {
		snprintf(names[i], sizeof(names[i]), "slices%u", i);
		grants[s.ngrants++] = (struct proc_grant){ .name = names[i], .slot = SLOT_SLICES + i, .rights = RIGHT_BIND,
							   .nslices = SLICES, .value = SLICES };
	}
	if (b->nic_present)
		grants[s.ngrants++] = (struct proc_grant){ .name = "flow.root", .slot = SLOT_FLOW, .rights = RIGHT_RECV | RIGHT_SEND };
	if (sys_env_set(0, ENV_GUARANTEE, exposed_env_of(self_env())->guarantee - PAGES_LENT, 0) < 0)
		printf("init: nothing can be borrowed\n");
	s.guarantee = free_guarantee() - PAGES_KEPT;
	s.borrow = UINT32_MAX;

	if (archive_spawn(file, &s, &p) < 0) {
		report("fail %s there is no such program, or it could not be started", name);
		power_off(2);
	}
	/* The whole vector but init's own slices; the test divides it further through its capability. */
	if (slices_begin() < 0 || proc_slices(&p, SLOT_SLICES, SLICES_KEPT, SLICES - SLICES_KEPT) < 0 ||
	    sys_env_set(p.env, ENV_BORROW, UINT32_MAX, 0) < 0 || proc_run(&p) < 0) {
		report("fail %s could not be given time", name);
		power_off(2);
	}
	state = proc_wait(&p, 0, &status);
	if (state == PROC_EXITED && status == 0)
		report("pass %s", name);
	else if (state == PROC_EXITED && status == SKIPPED)
		report("skip %s", name);
	else if (state == PROC_EXITED)
		report("fail %s exit status %d", name, status);
	else
		report("fail %s %s", name, proc_state_name(state));
	power_off(state != PROC_EXITED ? 1 : status == SKIPPED ? 0 : status);
}
