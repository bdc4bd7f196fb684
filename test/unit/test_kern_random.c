/*
 * test_kern_random.c - long random sequences by several environments, the audit after each operation
 *
 * EXOS_OPERATIONS=1000000 runs more of them ("make nightly" does), EXOS_SEED=n others, EXOS_TRACE=1 prints each, EXOS_COUNTS=1 what was
 * answered and refused. A sequence that fails is cut down to the few operations that are enough.
 */
/* ctest: timeout=600 nightly=1000000 */
#include <sys/wait.h>
#include <unistd.h>

#include "kern/audit.h"
#include "kern/syscall.h"
#include "kern_test.h"
#include "test/sim/sim_drive.h"

static unsigned long variable(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtoul(value, NULL, 0) : otherwise;
}

#define LENGTH 500	/* operations of a sequence; now and then a long one */

static unsigned long seed;
static unsigned failed_at;
static bool quiet;

/* ---- a sequence that fails, made short ---- */

/* The bytes that each operation took from the generator: with them it can be done again, without those before it. */
struct operation {
	uint8_t *bytes;
	size_t n;
	bool left_out;
};
static struct operation *operations;
static unsigned noperations;
static const struct sim_config *machine;

/* Afterwards everything goes, and not a frame is missing. */
static void end_all(void)
{
	if (!sim_drive_end_all())
		return;
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		if (frame_of(p)->owner != 0 && frame_of(p)->owner != sim_init_env->id)
			sim_fail("a frame is charged to somebody who is gone");
}

static void fail_quietly(const char *sentence)
{
	if (!quiet)
		fprintf(stderr, "%s\n", sentence);
	fflush(stderr);
	_exit(1);
}

/* Do what is not left out, in a process of its own. Does it still fail? */
static bool still_fails(bool trace)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		quiet = !trace;
		boot_with(machine);
		sim_fail = fail_quietly;
		for (unsigned i = 0; i < noperations; i++) {
			struct sim_drive d = { .data = operations[i].bytes, .left = operations[i].n, .done = i, .trace = trace };

			if (!operations[i].left_out && !sim_drive_step(&d))
				_exit(0);
		}
		end_all();
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Leave out ever smaller pieces, as long as what remains fails. Then show what remains. */
static void shorten(void)
{
	unsigned remain = 0;

	if (!still_fails(false)) {
		print_message("it does not fail again from the bytes of its operations\n");
		return;
	}
	for (unsigned piece = noperations / 2; piece > 0; piece /= 2)
		for (unsigned at = 0; at < noperations; at += piece) {
			unsigned end = at + piece < noperations ? at + piece : noperations, gone = 0;

			for (unsigned i = at; i < end; i++)
				gone += operations[i].left_out;
			if (gone == end - at)
				continue;
			for (unsigned i = at; i < end; i++)
				operations[i].left_out = true;
			if (!still_fails(false))
				for (unsigned i = at; i < end; i++)
					operations[i].left_out = false;
		}
	for (unsigned i = 0; i < noperations; i++)
		remain += !operations[i].left_out;
	print_message("%u of its %u operations are enough:\n", remain, noperations);
	fflush(stdout);
	still_fails(true);
}

static jmp_buf failure;
static char why[200];

static void fail_with_seed(const char *sentence)
{
	snprintf(why, sizeof(why), "%s", sentence);
	longjmp(failure, 1);
}

/* One sequence; false: it failed. */
static bool sequence(struct sim_drive *d, unsigned length)
{
	bool on = true;

	if (setjmp(failure) != 0) {
		failed_at = d->done;
		return false;
	}
	boot_with(machine);
	sim_fail = fail_with_seed;
	while (on && d->done < length) {
		struct operation *o = &operations[d->done];

		d->tape = NULL;
		d->taped = 0;
		on = sim_drive_step(d);
		o->bytes = d->tape;
		o->n = d->taped;
		o->left_out = false;
		noperations = d->done;
	}
	if (!on || sim_init_env->state != ENV_READY)
		return true;
	end_all();
	return true;
}

/* Sequences, each from a fresh boot. */
static void run(const struct sim_config *config, unsigned share)
{
	unsigned long total = variable("EXOS_OPERATIONS", 12000) / share;
	struct sim_drive sum = { 0 };

	machine = config;
	seed = variable("EXOS_SEED", 1);
	for (unsigned long n = 0; n < total || n == 0; seed++) {
		struct sim_drive d = { .seed = seed * 0x9e3779b97f4a7c15u, .trace = variable("EXOS_TRACE", 0) };
		unsigned length = seed % 16 == 0 ? 8 * LENGTH : LENGTH;
		bool good;

		operations = calloc(length, sizeof(*operations));
		noperations = 0;
		if (d.trace)
			print_message("seed %lu\n", seed);
		good = sequence(&d, length);
		if (!good) {
			print_message("%s\nagain: EXOS_SEED=%lu EXOS_OPERATIONS=1 EXOS_TRACE=1, operation %u\n", why, seed, failed_at);
			if (noperations < length && d.done > noperations)
				operations[noperations++] = (struct operation){ .bytes = d.tape, .n = d.taped };
			shorten();
		}
		for (unsigned i = 0; i < noperations; i++)
			free(operations[i].bytes);
		free(operations);
		if (!good)
			fail_msg("%s", why);
		n += d.done;
		for (unsigned i = 0; i < CALL_COUNT; i++) {
			sum.answered[i] += d.answered[i];
			sum.refused[i] += d.refused[i];
		}
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
	run(&(struct sim_config){ .asid_bits = 4, .nic = true }, 3);
}

static void with_room_for_larger_pages(void **state)
{
	(void)state;
	run(&(struct sim_config){ .asid_bits = 2, .ram_bytes = 8u << 20 }, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_a_network),
		cmocka_unit_test(with_room_for_larger_pages),
		cmocka_unit_test(with_many_asids),
		cmocka_unit_test(with_seven_asids),
		cmocka_unit_test(without_asids_and_with_faults_for_accessed_and_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
