/*
 * test_kern_ctx.c - one environment with several contexts; several environments in one
 */
#include "kern/page.h"
#include "kern_test.h"

static struct env *init;

#define RW	(PROT_R | PROT_W)

static void boot_asids(unsigned bits)
{
	boot_with(&(struct sim_config){ .asid_bits = bits });
	init = sim_init_env;
	sim_run(init);
}

static int setup(void **state)
{
	(void)state;
	boot_asids(16);
	return 0;
}

static unsigned page_with(unsigned ctx, vaddr_t va, uint64_t value)
{
	unsigned s = sim_page(init);

	*(uint64_t *)page_kva(sim_frame(init, s)) = value;
	answers(init, 1, page_bind, ctx, va, s, 1, RW);
	return s;
}

static void an_environment_changes_between_its_own_contexts(void **state)
{
	static const unsigned bits[] = { 16, 2, 1, 0 };

	(void)state;
	for (unsigned b = 0; b < ARRAY_SIZE(bits); b++) {
		unsigned ctx[3], all;

		boot_asids(bits[b]);
		for (unsigned i = 0; i < 3; i++) {
			ctx[i] = sim_context(init);
			page_with(ctx[i], SIM_FREE, 100 + i);
		}
		all = sim_counts.fences_all;
		for (unsigned n = 0; n < 12; n++) {
			answers(init, 0, env_set, 0, ENV_CONTEXT, ctx[n % 3], 0);
			assert_int_equal(sim_peek(SIM_FREE), 100 + n % 3);
			assert_int_equal(priv_of(init->context)->users, 1);
		}
		/* 16 bits: never; 2 bits are three numbers, one of them taken; without any each change is a fence. */
		if (bits[b] == 16)
			assert_int_equal(sim_counts.fences_all, all);
		if (bits[b] == 0)
			assert_int_equal(sim_counts.fences_all, all + 12);
		if (bits[b] == 1)
			assert_true(sim_counts.fences_all >= all + 12 && asid_generation > 12);
		answers(init, 0, env_set, 0, ENV_CONTEXT, SLOT_CTX, 0);
	}
}

static void environments_in_one_context_see_one_memory(void **state)
{
	struct sim_child a = sim_child(init, 60), b = sim_child(init, 60);
	ppn_t root = a.env->context;
	unsigned s;

	(void)state;
	answers(init, 0, env_set, b.slot, ENV_RUN, 0, 0);
	answers(init, 0, env_set, b.slot, ENV_CONTEXT, a.ctx, 0);
	answers(init, 0, env_set, b.slot, ENV_RUN, 1, 0);
	assert_int_equal(priv_of(root)->users, 2);
	s = sim_page(a.env);
	sim_bind(a.env, SIM_FREE, s, RW);
	sim_poke(SIM_FREE, 4711);
	sim_run(b.env);
	assert_int_equal(sim_peek(SIM_FREE), 4711);
	sim_poke(SIM_FREE, 1174);
	answers(a.env, 1, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, PROT_R);
	sim_run(b.env);
	assert_false(sim_can(SIM_STORE, SIM_FREE));
	assert_int_equal(sim_peek(SIM_FREE), 1174);
	answers(a.env, 1, page_unbind, SIM_SLOT_CTX, SIM_FREE, 1);
	sim_run(b.env);
	assert_false(sim_can(SIM_LOAD, SIM_FREE));
	/* The one who made it lives on in it when the other goes. */
	sim_end(init, b.slot);
	assert_int_equal(priv_of(root)->users, 1);
	sim_run(a.env);
	sim_bind(a.env, SIM_FREE, s, RW);
	assert_int_equal(sim_peek(SIM_FREE), 1174);
}

/* Harts that are called come, and wait for the lock. */
static void others_come(const char *where, bool wait)
{
	(void)where;
	for (unsigned i = 0; wait && i < nharts; i++) {
		if (i == sim_hart)
			continue;
		harts[i].waits = 1;
		if (sim_fence_asked(i))
			sim_firmware(i);
	}
}

/*
 * While all numbers are given anew, a context runs on another hart and keeps its own. When that one runs no more, its number is still
 * its own: somebody else with it would read, on that hart, what the TLB remembers of the first.
 */
static void m12_a_number_that_was_kept_is_nobody_elses(void **state)
{
	enum { OTHERS = 40 };
	struct sim_child victim, other[OTHERS];
	uint64_t generation, value;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 5, .harts = 2, .ram_bytes = 8u << 20 });
	init = sim_init_env;
	victim = sim_child(init, 30);
	for (unsigned i = 0; i < OTHERS; i++)
		other[i] = sim_child(init, 30);
	sim_bind(victim.env, SIM_FREE, sim_page(victim.env), RW);
	sim_run(init);
	sim_hart = 1;
	sim_run(victim.env);

	sim_hart = 0;
	sim_point_hook = others_come;
	generation = asid_generation;
	for (unsigned i = 0; asid_generation == generation; i = (i + 1) % OTHERS)
		sim_run(other[i].env);
	assert_int_equal(priv_of(victim.env->context)->asid_gen, asid_generation);
	sim_run(init);
	sim_hart = 1;
	sim_poke(SIM_FREE, 4711);
	/* All others have their turn here, with every number that is left. */
	generation = asid_generation;
	for (unsigned i = 0; asid_generation == generation; i = (i + 1) % OTHERS) {
		sim_run(other[i].env);
		assert_int_not_equal(sim_load(SIM_FREE, &value, 8), 0);
	}
	sim_point_hook = NULL;
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(m12_a_number_that_was_kept_is_nobody_elses),
		T(an_environment_changes_between_its_own_contexts),
		T(environments_in_one_context_see_one_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
