/*
 * sim_drive.h - a stream of numbers becomes calls, memory accesses, interrupts and exceptions by many environments
 *
 * The property tests feed a generator, the fuzzer its input. Most arguments are plausible, for otherwise nothing would ever get past the
 * first check; some are at the edges; some are wild.
 */
#ifndef TEST_SIM_DRIVE_H
#define TEST_SIM_DRIVE_H

#include "test/sim/sim_world.h"

struct sim_drive {
	const uint8_t *data;	/* NULL: the generator */
	size_t left;		/* bytes of data that are left */
	uint64_t seed;
	unsigned done;		/* operations */
	unsigned answered[CALL_COUNT], refused[CALL_COUNT];
	bool trace;		/* print each operation */
	uint8_t *tape;		/* what the generator gave since it was NULL; the caller frees it */
	size_t taped;
};

/* One operation. False: the data is used up, or the machine was switched off. */
bool sim_drive_step(struct sim_drive *d);
/* End every environment but the first. False: the first went with one of them, and the machine was switched off. */
bool sim_drive_end_all(void);

#endif
