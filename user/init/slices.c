/*
 * slices.c - which of the slices of each hart are whose
 *
 * The vector of hart 0: init's own slices first, the run that the shell shares out last, and between them the services, each spread as evenly as
 * the free places allow: a program with 6 of 64 slices then waits about 10 ms at most for its next one.
 * The vectors of other harts hold services alone.
 */
#include <exos/boot.h>
#include <exos/expose.h>

#include "exos_calls.h"
#include "init.h"
#include "start.h"

static bool taken[8][SLICES];

int slices_begin(void)
{
	long r;

	for (unsigned int i = 0; i < SLICES; i++)
		taken[0][i] = i < SLICES_KEPT || i >= SLICES - SLICES_SHELL;
	r = sys_slice_bind(SLOT_SLICES, SLICES_KEPT, SLICES - SLICES_KEPT, 0);
	return r < 0 ? (int)r : 0;
}

int slices_give(struct proc *p, unsigned int hart, unsigned int n)
{
	hart %= start_boot_info()->nharts;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = i * SLICES / n, tries = 0;
		int r;

		while (taken[hart][at] && tries++ < SLICES)
			at = (at + 1) % SLICES;
		if (taken[hart][at])
			return -E_LIMIT;
		r = proc_slices(p, SLOT_SLICES + hart, at, 1);
		if (r < 0)
			return r;
		taken[hart][at] = true;
	}
	return 0;
}
