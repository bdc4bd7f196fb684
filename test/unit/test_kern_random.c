/*
 * test_kern_random.c - long random sequences by several environments, the audit after each operation
 *
 * EXOS_OPERATIONS=1000000 runs more of them, EXOS_SEED=n others, EXOS_TRACE=1 prints each, EXOS_COUNTS=1 what was
 * answered and refused.
 */
/* ctest: timeout=600 */
#include "kern/audit.h"
#include "kern/syscall.h"
#include "kern_test.h"
#include "test/sim/sim_drive.h"

static unsigned long variable(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtoul(value, NULL, 0) : otherwise;
}

static unsigned long seed;
static const struct sim_drive *current;

static void fail_with_seed(const char *sentence)
{
	fail_msg("%s\nagain: EXOS_SEED=%lu EXOS_OPERATIONS=1 EXOS_TRACE=1, operation %u", sentence, seed, current->done);
}

/* Sequences of 500 operations, each from a fresh boot; afterwards everything goes, and not a frame is missing. */
static void run(const struct sim_config *config, unsigned share)
{
	unsigned long total = variable("EXOS_OPERATIONS", 12000) / share;
	struct sim_drive sum = { 0 };

	seed = variable("EXOS_SEED", 1);
	for (unsigned long n = 0; n < total || n == 0; seed++) {
		struct sim_drive d = { .seed = seed * 0x9e3779b97f4a7c15u, .trace = variable("EXOS_TRACE", 0) };
		bool on = true;

		boot_with(config);
		current = &d;
		sim_fail = fail_with_seed;
		if (d.trace)
			print_message("seed %lu\n", seed);
		while (on && d.done < 500)
			on = sim_drive_step(&d);
		n += d.done;
		for (unsigned i = 0; i < CALL_COUNT; i++) {
			sum.answered[i] += d.answered[i];
			sum.refused[i] += d.refused[i];
		}
		if (!on || sim_init_env->state != ENV_READY)
			continue;
		sim_drive_end_all();
		for (ppn_t p = first_ppn; p < end_ppn; p++)
			if (frame_of(p)->owner != 0)
				assert_int_equal(frame_of(p)->owner, sim_init_env->id);
	}
	for (unsigned i = 0; i < CALL_COUNT; i++)
		if (variable("EXOS_COUNTS", 0))
			print_message("%-14s answered %7u refused %7u\n", call_names[i], sum.answered[i], sum.refused[i]);
}

static void with_many_asids(void **state)
{
	(void)state;
	run(&(struct sim_config){ .asid_bits = 16 }, 6);
}

static void with_seven_asids(void **state)
{
	(void)state;
	run(&(struct sim_config){ .asid_bits = 3 }, 6);
}

static void without_asids_and_with_faults_for_accessed_and_dirty(void **state)
{
	(void)state;
	run(&(struct sim_config){ .asid_bits = 0, .ad_faults = true }, 6);
}

static void with_a_network(void **state)
{
	(void)state;
	run(&(struct sim_config){ .asid_bits = 4, .nic = true }, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_a_network),
		cmocka_unit_test(with_many_asids),
		cmocka_unit_test(with_seven_asids),
		cmocka_unit_test(without_asids_and_with_faults_for_accessed_and_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
