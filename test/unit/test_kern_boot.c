/*
 * test_kern_boot.c - the state in which the first environment finds the machine
 */
#include "kern/boot.h"
#include "kern_test.h"

static void frames_add_up_and_the_audit_holds(void **state)
{
	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .bare = true });
	assert_int_equal(system_info->free_frames, system_info->promised_frames);
	assert_ptr_equal(sim_current(), sim_init_env);
}

static void boot_info_tells_the_truth(void **state)
{
	struct boot_info info;
	struct cap_info cap;
	uint64_t *w = (void *)&info;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .args = "test=one report" });
	assert_int_equal(sim_cpu.x[2], 0);
	for (size_t i = 0; i < sizeof(info) / 8; i++)
		w[i] = sim_peek(sim_init_env->x[10] + 8 * i);
	assert_int_equal(info.version, EXOS_ABI_VERSION);
	assert_int_equal(info.bytes, sizeof(info));
	assert_int_equal(info.image_base, 0x10000);
	assert_int_equal(info.image_pages, 4);
	assert_string_equal(info.args, "test=one report");
	assert_int_equal(info.nharts, 1);
	assert_int_equal(info.nic_present, 0);
	assert_int_equal(info.captab_slots, sim_init_env->nslots);
	for (unsigned i = 0; i < info.image_pages; i++) {
		answers(sim_init_env, 0, cap_info, info.image_slot + i, SIM_ARGS);
		sim_get(sim_init_env, &cap, sizeof(cap));
		assert_int_equal(cap.type, CAP_PAGE);
		assert_int_equal(cap.bound_va, info.image_base + i * PAGE_SIZE);
	}
	assert_false(sim_can(SIM_STORE, info.image_base));
	assert_true(sim_can(SIM_FETCH, info.image_base));
	assert_true(sim_can(SIM_STORE, info.image_base + 2 * PAGE_SIZE));
	assert_false(sim_can(SIM_FETCH, info.image_base + 2 * PAGE_SIZE));
	assert_false(sim_can(SIM_STORE, info.info_va));
	/* Beyond the bytes of the file the image is zero. */
	assert_int_equal(sim_peek(info.image_base + 3 * PAGE_SIZE), 0);
}

static void fresh_pages_hold_nothing_of_before(void **state)
{
	(void)state;
	boot_default(NULL);
	while (system_info->free_frames > system_info->promised_frames - 4 && system_info->free_frames > 4) {
		unsigned slot = sim_page(sim_init_env);
		const uint64_t *w = page_kva(sim_frame(sim_init_env, slot));

		for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
			assert_int_equal(w[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_add_up_and_the_audit_holds),
		cmocka_unit_test(boot_info_tells_the_truth),
		cmocka_unit_test(fresh_pages_hold_nothing_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
