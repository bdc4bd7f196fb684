/*
 * fuzz_calls.c - the system-call interface: a byte string becomes calls, accesses and interrupts of several environments
 *
 * The first byte chooses the machine. The rest is read by test/sim/sim_drive.c, one operation after the other: calls of every kind with
 * arguments that fit, that stand at an edge or that are wild; loads and stores, which fill the TLB and prove what it holds;
 * exceptions, time and packets. After every return from the kernel the audit runs and the TLB is compared with the tables. In the end
 * everybody is destroyed, and no frame may stay with one that is gone.
 *
 * EXOS_TRACE=1 prints the operations.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kern/audit.h"
#include "test/sim/sim_drive.h"

#define OPERATIONS	100		/* of one input */
#define RAM		(1536u << 10)	/* the audit looks at every frame: few are soon looked at */

static const struct sim_config machines[] = {
	{ .ram_bytes = RAM, .asid_bits = 4, .nic = true },
	{ .ram_bytes = RAM, .asid_bits = 16 },
	{ .ram_bytes = RAM, .asid_bits = 3, .nic = true, .ad_faults = true },
	{ .ram_bytes = RAM, .asid_bits = 0, .ad_faults = true },
};
static struct sim_snapshot *booted[ARRAY_SIZE(machines)];

static void fail(const char *sentence)
{
	fprintf(stderr, "%s\n", sentence);
	abort();
}

/* Booted once, brought back for each input. */
static void boot(unsigned which)
{
	sim_fail = fail;
	if (booted[which] == NULL) {
		sim_boot(&machines[which]);
		booted[which] = sim_save();
	} else {
		sim_restore(booted[which]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_drive d = { .data = data + 1, .left = size - 1, .trace = getenv("EXOS_TRACE") != NULL };

	if (size < 2)
		return 0;
	boot(data[0] % ARRAY_SIZE(machines));
	while (d.done < OPERATIONS && sim_drive_step(&d))
		;
	/* With input left it stopped because the machine was switched off, or because nobody may run any more. */
	if ((d.done < OPERATIONS && d.left >= 2) || sim_init_env->state != ENV_READY)
		return 0;
	sim_drive_end_all();
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		if (frame_of(p)->owner != 0 && frame_of(p)->owner != sim_init_env->id)
			fail("a frame is charged to somebody who is gone");
	return 0;
}
