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

/* The last exposed page of the frame table: what firmware left behind the last record is nobody's to read. */
static void s12_nothing_old_stands_behind_the_frame_table(void **state)
{
	const uint8_t *end;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .ram_bytes = (4u << 20) + PAGE_SIZE });
	assert_int_not_equal((end_ppn - first_ppn) * sizeof(struct frame) % PAGE_SIZE, 0);
	for (end = (const uint8_t *)(frames + (end_ppn - first_ppn)); (uintptr_t)end % PAGE_SIZE != 0; end++)
		assert_int_equal(*end, 0);
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

/* Wherever it lies: at the beginning of a page of 2 MiB, or behind it. What else stands in these pages is gone. */
static void the_archive_stays_and_nothing_beside_it(void **state)
{
	static const struct { size_t at, bytes; unsigned pages; } place[] = {
		{ 4u << 20, 3u << 20, 2 }, { (4u << 20) + 0x3000, 0x180001, 1 }, { (6u << 20) - 0x1000, 0x2001, 2 }, { 14u << 20, 2u << 20, 1 },
	};

	(void)state;
	for (unsigned n = 0; n < ARRAY_SIZE(place); n++) {
		struct sim_config config = { .ram_bytes = 16u << 20, .asid_bits = 16, .archive_at = place[n].at, .archive_bytes = place[n].bytes };
		const struct boot_info *info;
		const uint8_t *at;
		unsigned level;

		boot_with(&config);
		info = page_kva(pte_ppn(*sv39_leaf(sim_init_env->context, sim_init_env->x[10], &level)));
		assert_int_equal(info->archive_pages, place[n].pages);
		assert_int_equal(info->archive_bytes, place[n].bytes);
		at = page_kva(sim_frame(sim_init_env, info->archive_slot));
		for (size_t i = 0; i < place[n].pages * 512 * PAGE_SIZE; i++)
			if (at[i] != (uint8_t)(i < place[n].bytes ? i * 7 : 0))
				fail_msg("archive %u: byte %#zx is %#x", n, i, at[i]);
		for (unsigned i = 0; i < info->archive_pages; i++) {
			const struct cap *c = sim_cap(sim_init_env, info->archive_slot + i);

			assert_int_equal(c->type, CAP_PAGE);
			assert_int_equal(cap_order(c), 1);
			assert_int_equal(c->rights, PROT_R);
			assert_int_equal(c->object, ((SIM_RAM_BASE + place[n].at) >> PAGE_SHIFT & ~511u) + 512 * i);
		}
		assert_int_equal(system_info->free_frames + sim_init_env->pub->held, sim_init_env->pub->guarantee);
	}
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
		cmocka_unit_test(s12_nothing_old_stands_behind_the_frame_table),
		cmocka_unit_test(boot_info_tells_the_truth),
		cmocka_unit_test(the_archive_stays_and_nothing_beside_it),
		cmocka_unit_test(fresh_pages_hold_nothing_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
