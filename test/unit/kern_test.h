/*
 * kern_test.h - what all tests of the kernel on the simulated machine share
 */
#ifndef TEST_UNIT_KERN_TEST_H
#define TEST_UNIT_KERN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kern/audit.h"
#include "test/sim/sim.h"
#include "test/sim/sim_world.h"

static inline void test_fail(const char *sentence)
{
	fail_msg("%s", sentence);
	abort();
}

static inline int boot_with(const struct sim_config *config)
{
	sim_fail = test_fail;
	sim_boot(config);
	audit();
	return 0;
}

/* The ordinary machine: 4 MiB, 16 bits of ASID, hardware sets accessed and dirty bits. */
static inline int boot_default(void **state)
{
	(void)state;
	return boot_with(&(struct sim_config){ .asid_bits = 16 });
}

/* The call must answer with the error, and nothing may have changed. */
#define refused(e, err, name, ...) \
	do { \
		uint64_t before_, after_; \
		long got_; \
		sim_run(e); \
		before_ = sim_state_hash(); \
		got_ = sim_call(e, name, ##__VA_ARGS__); \
		after_ = sim_state_hash(); \
		if (got_ != -(long)(err)) \
			fail_msg(#name ": got %ld (%s), want -%s", got_, sim_error(got_), #err); \
		if (before_ != after_) \
			fail_msg(#name ": refused with %s, but something changed", #err); \
	} while (0)

/* The call must succeed with exactly this result. */
#define answers(e, want, name, ...) \
	do { \
		long got_ = sim_call(e, name, ##__VA_ARGS__); \
		if (got_ != (long)(want)) \
			fail_msg(#name ": got %ld (%s), want %ld", got_, sim_error(got_), (long)(want)); \
	} while (0)

/* The call must succeed; its result is the value. */
#define succeeds(e, name, ...) \
	({ \
		long got_ = sim_call(e, name, ##__VA_ARGS__); \
		if (got_ < 0) \
			fail_msg(#name ": got %ld (%s)", got_, sim_error(got_)); \
		got_; \
	})

#endif
