/*
 * test_kern_page.c - frames, bindings, protection, larger pages, and what never becomes reachable
 */
#include "kern/page.h"
#include "kern_test.h"

static struct env *init;
static struct sim_child a, b;

static int setup(void **state)
{
	boot_default(state);
	init = sim_init_env;
	a = sim_child(init, 120);
	b = sim_child(init, 120);
	return 0;
}

#define PAGE2M	(1ul << 21)

/* A 2 MiB page in the memory that is certainly free. */
static unsigned large_page(struct env *e)
{
	unsigned slot = sim_slot(e);

	for (ppn_t p = (first_ppn + 511) & ~511u; p < end_ppn; p += 512)
		if (sim_call(e, page_alloc, 0, slot, p, 1) == (long)p)
			return slot;
	fail_msg("no 2 MiB page is free");
	return 0;
}

/* ---- taking frames ---- */

static void a_frame_can_be_named(void **state)
{
	unsigned s = sim_slot(init);
	ppn_t p = frame_any();

	(void)state;
	answers(init, p, page_alloc, 0, s, p, 0);
	refused(init, E_NOMEM, page_alloc, 0, sim_slot(init), p, 0);
	answers(init, 0, cap_delete, s);
	answers(init, p, page_alloc, 0, s, p, 0);
}

static void only_free_memory_is_taken(void **state)	/* M1, M2 */
{
	static const unsigned long devices[] = { 0x10000000, 0xc000000, 0x2000000, 0x100000, 0x10001000, 0x10100000, 0x20000000, 0x30000000 };
	unsigned s = sim_slot(init);

	(void)state;
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		if (frame_of(p)->type != FRAME_FREE)
			assert_int_equal(sim_call(init, page_alloc, 0, s, p, 0), -E_NOMEM);
	refused(init, E_NOMEM, page_alloc, 0, s, first_ppn, 0);
	refused(init, E_INVAL, page_alloc, 0, s, first_ppn - 1, 0);
	refused(init, E_INVAL, page_alloc, 0, s, end_ppn, 0);
	refused(init, E_INVAL, page_alloc, 0, s, 0, 0);
	refused(init, E_INVAL, page_alloc, 0, s, frame_any() + (1ul << 32), 0);
	refused(init, E_INVAL, page_alloc, 0, s, frame_any() + (1ul << 44), 0);
	refused(init, E_INVAL, page_alloc, 0, s, ~0ul - 1, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		refused(init, E_INVAL, page_alloc, 0, s, devices[i] >> PAGE_SHIFT, 0);
	refused(init, E_INVAL, page_alloc, 0, s, FRAME_ANY, 1);
	refused(init, E_INVAL, page_alloc, 0, s, FRAME_ANY, 2);
	refused(init, E_INVAL, page_alloc, 0, s, first_ppn + 512, 2);
	refused(init, E_INVAL, page_alloc, 0, s, first_ppn + 512, ~0ul);
	refused(init, E_INVAL, page_alloc, 0, s, first_ppn + 512 + 1, 1);
	refused(init, E_SLOT, page_alloc, 0, 0, FRAME_ANY, 0);
	refused(init, E_SLOT, page_alloc, 0, SLOT_SELF, FRAME_ANY, 0);
	refused(init, E_SLOT, page_alloc, 0, init->nslots, FRAME_ANY, 0);
	refused(init, E_NOCAP, page_alloc, SLOT_CTX, s, FRAME_ANY, 0);
}

static void a_frame_is_zeroed_between_owners_and_not_for_its_own(void **state)	/* S12 */
{
	unsigned s = sim_page(a.env);
	ppn_t p = sim_frame(a.env, s);

	(void)state;
	sim_bind(a.env, SIM_FREE, s, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 0x5ec4e7);
	answers(a.env, 0, cap_delete, s);
	answers(a.env, p, page_alloc, 0, s, p, 0);
	sim_bind(a.env, SIM_FREE, s, PROT_R);
	assert_int_equal(sim_peek(SIM_FREE), 0x5ec4e7);
	answers(a.env, 0, cap_delete, s);
	s = sim_slot(b.env);
	answers(b.env, p, page_alloc, 0, s, p, 0);
	sim_bind(b.env, SIM_FREE, s, PROT_R);
	assert_int_equal(sim_peek(SIM_FREE), 0);
}

static void a_quota_is_kept_and_a_guarantee_is_there(void **state)	/* D5 */
{
	uint32_t held = a.env->pub->held;
	unsigned s;
	long r;

	(void)state;
	/* The first environment's guarantee is everything, so that nobody borrows: a gets what it was promised, to the page. */
	answers(a.env, 256, env_captab, 0, sim_page(a.env));
	while ((r = sim_call(a.env, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0)) >= 0)
		;
	assert_int_equal(r, -E_QUOTA);
	assert_int_equal(a.env->pub->held, 120);
	assert_true(held < 120);
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0);
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), frame_any(), 0);
	/* What another takes is no concern of b's. */
	s = sim_page(b.env);
	assert_int_not_equal(s, 0);
	/* Nor can the parent take what it has promised. */
	sim_audit = false;
	while ((r = sim_call(init, page_alloc, 0, sim_slot(init), FRAME_ANY, 0)) >= 0)
		;
	sim_audit = true;
	assert_int_equal(r, -E_QUOTA);
	audit();
	while (b.env->pub->held < 120)
		sim_page(b.env);
	assert_int_equal(system_info->free_frames, system_info->promised_frames);
}

/* ---- binding ---- */

static void what_is_bound_is_reached_and_nothing_else(void **state)
{
	unsigned s = sim_page(init);
	uint64_t v;

	(void)state;
	sim_bind(init, SIM_FREE, s, PROT_R | PROT_W);
	sim_poke(SIM_FREE + 8, 77);
	assert_int_equal(*((uint64_t *)page_kva(sim_frame(init, s)) + 1), 77);
	assert_int_equal(sim_load(SIM_FREE + PAGE_SIZE, &v, 8), 13);
	assert_int_equal(sim_store(SIM_FREE - 8, 0, 8), 15);
	assert_false(sim_can(SIM_FETCH, SIM_FREE));
	answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);
}

static void a_remembered_gap_is_forgotten_by_the_binding(void **state)	/* M13 */
{
	unsigned s = sim_page(init), fences = sim_counts.fences_page;
	uint64_t v;

	(void)state;
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);	/* now the TLB knows that nothing is there */
	sim_bind(init, SIM_FREE, s, PROT_R);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 0);
	assert_int_equal(sim_counts.fences_page, fences + 1);
}

static void a_capability_has_one_binding(void **state)
{
	unsigned s = sim_page(init);
	uint64_t v;

	(void)state;
	sim_bind(init, SIM_FREE, s, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 5);
	sim_bind(init, SIM_FREE + PAGE_SIZE, s, PROT_R | PROT_W);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);
	assert_int_equal(sim_peek(SIM_FREE + PAGE_SIZE), 5);
	/* At the same place once more, with less. */
	sim_bind(init, SIM_FREE + PAGE_SIZE, s, PROT_R);
	assert_int_equal(sim_store(SIM_FREE + PAGE_SIZE, 0, 8), 15);
	/* And in another context. */
	answers(init, 1, page_bind, a.ctx, SIM_FREE, s, 1, PROT_R);
	assert_int_equal(sim_load(SIM_FREE + PAGE_SIZE, &v, 8), 13);
	sim_run(a.env);
	assert_int_equal(sim_peek(SIM_FREE), 5);
}

static void a_binding_replaces_what_stood_there(void **state)
{
	unsigned s = sim_page(init), t = sim_page(init);

	(void)state;
	sim_bind(init, SIM_FREE, s, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 1);
	sim_bind(init, SIM_FREE, t, PROT_R | PROT_W);
	assert_int_equal(sim_peek(SIM_FREE), 0);
	assert_int_equal(sim_cap(init, s)->binding, 0);
	sim_poke(SIM_FREE, 2);
	assert_int_equal(*(uint64_t *)page_kva(sim_frame(init, s)), 1);
}

static void every_prot_is_one_the_isa_knows(void **state)	/* M4, M5, M8 */
{
	unsigned s = sim_page(init);

	(void)state;
	for (unsigned long prot = 0; prot < 256; prot++) {
		bool good = prot < 16 && (prot & 7) != 0 && (prot & 3) != 2;
		unsigned level;

		if (!good) {
			refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_FREE, s, 1, prot);
			continue;
		}
		sim_bind(init, SIM_FREE, s, prot);
		assert_int_equal(pte_prot(*sv39_leaf(init->context, SIM_FREE, &level)), prot & 7);
		assert_int_equal(sim_can(SIM_LOAD, SIM_FREE), !!(prot & PROT_R));
		assert_int_equal(sim_can(SIM_STORE, SIM_FREE), !!(prot & PROT_W));
		assert_int_equal(sim_can(SIM_FETCH, SIM_FREE), !!(prot & PROT_X));
	}
	/* Nothing that could land in the reserved, NAPOT or memory-type bits. */
	for (unsigned bit = 8; bit < 64; bit++)
		refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_FREE, s, 1, 1ul << bit | PROT_R);
}

static void a_binding_never_exceeds_its_capability(void **state)
{
	(void)state;
	for (unsigned rights = 0; rights < 8; rights++) {
		unsigned p = sim_page(init), s = sim_slot(init);

		answers(init, 0, cap_copy, 0, p, s, rights, 0, 0);
		for (unsigned prot = 1; prot < 8; prot++) {
			if ((prot & 3) == 2)
				continue;
			if (prot & ~rights)
				refused(init, E_RIGHTS, page_bind, SLOT_CTX, SIM_FREE, s, 1, prot);
			else
				sim_bind(init, SIM_FREE, s, prot);
		}
		answers(init, 0, cap_delete, s);
		answers(init, 0, cap_delete, p);
	}
}

static void addresses_are_in_the_lower_half_and_aligned(void **state)	/* M8 */
{
	static const unsigned long wrong[] = { SIM_FREE + 1, SIM_FREE + 8, SIM_FREE + 4095, SV39_USER_TOP, SV39_USER_TOP + PAGE_SIZE, 1ul << 39,
		1ul << 63, ~0ul, ~0ul - 4095, 0xffffffc080200000, 0xffffffffffe00000 };
	unsigned s = sim_page(init);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		refused(init, E_INVAL, page_bind, SLOT_CTX, wrong[i], s, 1, PROT_R);
		refused(init, E_INVAL, page_unbind, SLOT_CTX, wrong[i], 1);
		refused(init, E_INVAL, page_protect, SLOT_CTX, wrong[i], 1, PROT_R);
		refused(init, E_INVAL, expose_bind, SLOT_CTX, wrong[i], EXPOSE_SYSTEM, 0, 1);
	}
	refused(init, E_NOTABLE, page_bind, SLOT_CTX, SV39_USER_TOP - PAGE_SIZE, s, 1, PROT_R);
	refused(init, E_INVAL, page_bind, SLOT_CTX, SV39_USER_TOP - PAGE_SIZE, s, 2, PROT_R);
	refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_FREE, s, 0, PROT_R);
	refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_FREE, s, PAGES_MAX + 1, PROT_R);
	refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_FREE, s, ~0ul, PROT_R);
	refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_FREE, s, 1ul << 52, PROT_R);
	refused(init, E_INVAL, page_unbind, SLOT_CTX, SIM_FREE, 0);
	refused(init, E_INVAL, page_unbind, SLOT_CTX, SIM_FREE, ~0ul);
	refused(init, E_INVAL, page_protect, SLOT_CTX, SIM_FREE, 1ul << 63, PROT_R);
	refused(init, E_NOTABLE, page_bind, SLOT_CTX, SIM_NOTABLE, s, 1, PROT_R);
	refused(init, E_NOTBOUND, page_protect, SLOT_CTX, SIM_NOTABLE, 1, PROT_R);
	refused(init, E_NOTBOUND, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R);
}

static void a_context_is_changed_only_with_the_right(void **state)
{
	unsigned c = sim_slot(init), s;

	(void)state;
	answers(init, 0, cap_copy, 0, a.ctx, c, RIGHT_RUN, 0, 0);
	s = sim_page(init);
	refused(init, E_RIGHTS, page_bind, c, SIM_FREE, s, 1, PROT_R);
	refused(init, E_RIGHTS, page_unbind, c, SIM_FREE, 1);
	refused(init, E_RIGHTS, page_protect, c, SIM_FREE, 1, PROT_R);
	refused(init, E_RIGHTS, page_batch, c, SIM_ARGS, 1);
	refused(init, E_RIGHTS, table_bind, c, SIM_NOTABLE, 1, s);
	refused(init, E_RIGHTS, table_unbind, c, SIM_FREE, 0);
	refused(init, E_RIGHTS, expose_bind, c, SIM_FREE, EXPOSE_SYSTEM, 0, 1);
}

static void many_pages_in_one_call_stop_at_the_first_refusal(void **state)
{
	unsigned first = 200, fences;

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		if (i != 4)
			succeeds(init, page_alloc, 0, first + i, FRAME_ANY, 0);
	fences = sim_counts.fences_asid;
	answers(init, 4, page_bind, SLOT_CTX, SIM_FREE, first, 6, PROT_R | PROT_W);
	assert_int_equal(sim_counts.fences_asid, fences + 1);
	for (unsigned i = 0; i < 4; i++)
		sim_poke(SIM_FREE + i * PAGE_SIZE, i);
	assert_false(sim_can(SIM_LOAD, SIM_FREE + 4 * PAGE_SIZE));
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, first + 4, 2, PROT_R);
	answers(init, 2, page_protect, SLOT_CTX, SIM_FREE + 2 * PAGE_SIZE, 3, PROT_R);
	assert_int_equal(sim_store(SIM_FREE + 2 * PAGE_SIZE, 0, 8), 15);
	assert_int_equal(sim_store(SIM_FREE + PAGE_SIZE, 9, 8), 0);
	answers(init, 6, page_unbind, SLOT_CTX, SIM_FREE, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_false(sim_can(SIM_LOAD, SIM_FREE + i * PAGE_SIZE));
	/* A slot number that wraps names nothing. */
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, ~0ul, 1, PROT_R);
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, (1ul << 32) + first, 1, PROT_R);
}

static void protection_falls_and_rises_within_the_rights(void **state)
{
	unsigned p = sim_page(init), s = sim_slot(init);
	uint64_t v;

	(void)state;
	answers(init, 0, cap_copy, 0, p, s, PROT_R | PROT_W, 0, 0);
	sim_bind(init, SIM_FREE, s, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 1);
	answers(init, 1, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R);
	assert_int_equal(sim_store(SIM_FREE, 2, 8), 15);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 0);
	answers(init, 1, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W);
	assert_int_equal(sim_store(SIM_FREE, 2, 8), 0);
	refused(init, E_RIGHTS, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_X);
	refused(init, E_INVAL, page_protect, SLOT_CTX, SIM_FREE, 1, 0);
	refused(init, E_INVAL, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_W);
	refused(init, E_INVAL, page_protect, SLOT_CTX, SIM_FREE, 1, 1ul << 32 | PROT_R);
}

static void dirty_and_accessed_are_tracked_on_request(void **state)	/* M17 */
{
	unsigned s = sim_page(init), level;
	pte_t *e;

	(void)state;
	sim_bind(init, SIM_FREE, s, PROT_R | PROT_W);
	e = sv39_leaf(init->context, SIM_FREE, &level);
	assert_int_equal(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	sim_poke(SIM_FREE, 1);
	answers(init, 1, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W | PROT_TRACK);
	assert_int_equal(*e & (PTE_A | PTE_D), 0);
	sim_peek(SIM_FREE);
	assert_int_equal(*e & (PTE_A | PTE_D), PTE_A);
	sim_poke(SIM_FREE, 2);
	assert_int_equal(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* What the kernel writes for the page's user is dirty too. */
	answers(init, 1, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W | PROT_TRACK);
	answers(init, 0, cap_info, s, SIM_FREE);
	assert_int_equal(*e & PTE_D, PTE_D);
	/* A change of protection keeps what was tracked. */
	answers(init, 1, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R);
	assert_int_equal(*e & PTE_D, PTE_D);
}

static void where_hardware_faults_instead_the_fault_goes_up(void **state)
{
	unsigned s;
	uint64_t v;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .ad_faults = true });
	init = sim_init_env;
	s = sim_page(init);
	sim_bind(init, SIM_FREE, s, PROT_R | PROT_W | PROT_TRACK);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);
	answers(init, 1, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 0);
}

/* ---- tables and objects as pages ---- */

static void a_table_is_read_by_its_owner_and_never_written(void **state)	/* M3 */
{
	unsigned t = 0, obj = sim_page(init), level;

	(void)state;
	for (unsigned s = 1; s < init->nslots; s++)
		if (sim_cap(init, s)->type == CAP_TABLE &&
		    sim_frame(init, s) == kva_page(sv39_entry(init->context, SIM_FREE, 0)))
			t = s;
	assert_int_not_equal(t, 0);
	sim_bind(init, SIM_FREE, t, PROT_R);
	for (unsigned prot = 1; prot < 8; prot++)
		if (prot != PROT_R && (prot & 3) != 2)
			refused(init, E_TYPE, page_bind, SLOT_CTX, SIM_FREE + PAGE_SIZE, t, 1, prot);
	refused(init, E_RIGHTS, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W);
	assert_int_equal(sim_store(SIM_FREE, 0, 8), 15);
	answers(init, 0, ctx_create, obj);
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE + PAGE_SIZE, obj, 1, PROT_R);
	/* One reads in it what the hardware reads. */
	(void)sv39_leaf(init->context, SIM_FREE, &level);
	assert_int_equal(sim_peek(SIM_FREE + 8 * sv39_index(SIM_FREE, 0)), *sv39_leaf(init->context, SIM_FREE, &level));
	/* The kernel does not write it for the user either. */
	refused(init, E_FAULT, cap_info, SLOT_SELF, SIM_FREE);
}

static void only_a_sole_unbound_unpinned_page_becomes_an_object(void **state)	/* M3, D1 */
{
	unsigned p = sim_page(init), u = sim_page(init), c = sim_slot(init), l;

	(void)state;
	/* shared */
	answers(init, 0, cap_copy, 0, p, c, PROT_R, 0, 0);
	refused(init, E_TYPE, ctx_create, p);
	refused(init, E_RIGHTS, ctx_create, c);
	refused(init, E_TYPE, env_create, p, 0);
	refused(init, E_TYPE, env_captab, 0, p);
	refused(init, E_TYPE, table_bind, SLOT_CTX, SIM_NOTABLE, 1, p);
	answers(init, 0, cap_delete, c);
	/* bound, even if only for reading */
	sim_bind(init, SIM_FREE, p, PROT_R);
	refused(init, E_TYPE, ctx_create, p);
	refused(init, E_TYPE, env_create, p, 0);
	refused(init, E_TYPE, env_captab, 0, p);
	refused(init, E_TYPE, table_bind, SLOT_CTX, SIM_NOTABLE, 1, p);
	answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
	/* pinned */
	answers(init, 0, env_set, 0, ENV_UAREA, u, SIM_UAREA);
	refused(init, E_TYPE, ctx_create, u);
	refused(init, E_TYPE, env_captab, 0, u);
	/* larger */
	l = large_page(init);
	refused(init, E_TYPE, ctx_create, l);
	refused(init, E_TYPE, table_bind, SLOT_CTX, SIM_NOTABLE, 1, l);
	answers(init, 0, ctx_create, p);
	refused(init, E_NOCAP, ctx_create, p);
}

static void nobody_writes_through_an_old_translation_into_what_became_a_table(void **state)	/* M3, M9, M10 */
{
	unsigned p = sim_page(init), ctx;

	(void)state;
	sim_bind(init, SIM_FREE, p, PROT_R | PROT_W);
	sim_poke(SIM_FREE, ~0ul);	/* cached, writable and dirty */
	answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
	answers(init, 0, ctx_create, p);
	assert_int_equal(sim_store(SIM_FREE, ~0ul, 8), 15);
	/* It starts empty, whatever it held. */
	for (unsigned i = 0; i < SV39_USER_ROOT; i++)
		assert_int_equal(((pte_t *)page_kva(sim_frame(init, p)))[i], 0);
	ctx = p;
	answers(init, 0, table_bind, ctx, 0, 1, sim_page(init));
}

static void a_page_that_goes_takes_every_translation_with_it(void **state)	/* M10, M18 */
{
	unsigned p = sim_page(init), c = 90;
	ppn_t ppn = sim_frame(init, p);
	uint64_t v;

	(void)state;
	answers(init, 0, cap_grant, p, a.slot, c, PROT_R | PROT_W, 0, 0);
	sim_bind(init, SIM_FREE, p, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 1);
	sim_bind(a.env, SIM_FREE, c, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 2);
	answers(a.env, 0, cap_delete, c);
	answers(init, 0, cap_delete, p);
	assert_int_equal(frame_of(ppn)->type, FRAME_FREE);
	assert_int_equal(sim_store(SIM_FREE, 3, 8), 15);
	sim_run(a.env);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);
	/* b gets the frame: it finds zeros, and nobody else in it. */
	answers(b.env, ppn, page_alloc, 0, 90, ppn, 0);
	sim_bind(b.env, SIM_FREE, 90, PROT_R | PROT_W);
	assert_int_equal(sim_peek(SIM_FREE), 0);
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, p, 1, PROT_R);
}

/* ---- 2 MiB ---- */

static void a_large_page_is_one_leaf(void **state)	/* M6 */
{
	unsigned l = large_page(init), s = sim_page(init), fences;
	uint64_t v;

	(void)state;
	answers(init, 1, page_bind, SLOT_CTX, SIM_NOTABLE - PAGE2M, l, 1, PROT_R | PROT_W);
	sim_poke(SIM_NOTABLE - PAGE2M, 1);
	sim_poke(SIM_NOTABLE - 8, 2);
	assert_int_equal(*(uint64_t *)page_kva(sim_frame(init, l)), 1);
	assert_int_equal(*((uint64_t *)page_kva(sim_frame(init, l) + 511) + 511), 2);
	for (unsigned long off = PAGE_SIZE; off < PAGE2M; off <<= 1)
		refused(init, E_INVAL, page_bind, SLOT_CTX, off, l, 1, PROT_R);
	/* A table stands there; a small page has no table there. */
	refused(init, E_BUSY, page_bind, SLOT_CTX, 0, l, 1, PROT_R);
	refused(init, E_NOTABLE, page_bind, SLOT_CTX, SIM_NOTABLE - PAGE_SIZE, s, 1, PROT_R);
	refused(init, E_EXISTS, table_bind, SLOT_CTX, SIM_NOTABLE - PAGE_SIZE, 0, s);
	refused(init, E_INVAL, page_bind, SLOT_CTX, SIM_NOTABLE - 2 * PAGE2M, l, 2, PROT_R);
	/* One fence reaches all of it. */
	for (unsigned i = 0; i < 512; i += 37)
		sim_peek(SIM_NOTABLE - PAGE2M + i * PAGE_SIZE);
	fences = sim_counts.fences_page;
	answers(init, 1, page_unbind, SLOT_CTX, SIM_NOTABLE - 5 * PAGE_SIZE, 1);
	assert_int_equal(sim_counts.fences_page, fences + 1);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(sim_load(SIM_NOTABLE - PAGE2M + i * PAGE_SIZE, &v, 8), 13);
}

static void a_large_page_is_whole_or_not_at_all(void **state)
{
	uint32_t free = system_info->free_frames, held = init->pub->held;
	unsigned l = large_page(init);
	ppn_t p = sim_frame(init, l);

	(void)state;
	assert_int_equal(system_info->free_frames, free - 512);
	assert_int_equal(init->pub->held, held + 512);
	refused(init, E_NOMEM, page_alloc, 0, sim_slot(init), p, 1);
	refused(init, E_NOMEM, page_alloc, 0, sim_slot(init), p + 7, 0);
	answers(init, 0, cap_delete, l);
	assert_int_equal(system_info->free_frames, free);
	/* One frame in the middle is taken: then it cannot be. */
	answers(init, p + 300, page_alloc, 0, l, p + 300, 0);
	refused(init, E_NOMEM, page_alloc, 0, sim_slot(init), p, 1);
	answers(init, 0, cap_delete, l);
	/* Beyond a's guarantee. */
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), p, 1);
}

static void splitting_and_joining_are_inverse(void **state)
{
	unsigned l = large_page(init), first = 300;
	ppn_t p = sim_frame(init, l);
	uint32_t held = init->pub->held;

	(void)state;
	answers(init, 1, page_bind, SLOT_CTX, SIM_NOTABLE - PAGE2M, l, 1, PROT_R | PROT_W);
	refused(init, E_TYPE, page_split, l, first + 1);
	sim_poke(SIM_NOTABLE - PAGE2M + 300 * PAGE_SIZE, 0x77);
	answers(init, 1, page_unbind, SLOT_CTX, SIM_NOTABLE - PAGE2M, 1);
	refused(init, E_SLOT, page_split, l, init->nslots - 510);
	refused(init, E_SLOT, page_split, l, ~0ul);
	refused(init, E_SLOT, page_split, l, 0);
	answers(init, 0, page_split, l, first + 1);
	assert_int_equal(init->pub->held, held);
	for (unsigned i = 1; i < 512; i++)
		assert_int_equal(sim_frame(init, first + i), p + i);
	refused(init, E_INVAL, page_split, first + 1, first + 600);
	sim_bind(init, SIM_FREE, first + 300, PROT_R);
	assert_int_equal(sim_peek(SIM_FREE), 0x77);
	refused(init, E_NOCAP, page_join, first);
	/* Put the first part in front of the others. */
	answers(init, 0, cap_delete, l);
	answers(init, p, page_alloc, 0, first, p, 0);
	refused(init, E_TYPE, page_join, first);	/* one is bound */
	answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
	refused(init, E_INVAL, page_join, first + 1);
	answers(init, 0, page_join, first);
	assert_int_equal(sim_cap(init, first + 1)->type, CAP_NONE);
	assert_int_equal(frame_of(p)->order, 1);
	answers(init, 1, page_bind, SLOT_CTX, SIM_NOTABLE - PAGE2M, first, 1, PROT_R);
	assert_int_equal(sim_peek(SIM_NOTABLE - PAGE2M + 300 * PAGE_SIZE), 0x77);
	answers(init, 0, cap_delete, first);
	assert_int_equal(init->pub->held, held - 512);
}

static void parts_of_different_owners_are_not_joined(void **state)	/* M6 */
{
	unsigned l = large_page(init), first = 300;
	ppn_t p = sim_frame(init, l);

	(void)state;
	answers(init, 0, page_split, l, first + 1);
	answers(init, 0, cap_delete, l);
	answers(a.env, p, page_alloc, 0, 90, p, 0);	/* charged to a */
	answers(init, 0, cap_copy, a.slot, 90, first, PROT_R | PROT_W | PROT_X, 0, 0);
	refused(init, E_TYPE, page_join, first);
	answers(a.env, 0, cap_delete, 90);
	refused(init, E_TYPE, page_join, first);
}

/* ---- in one call ---- */

static void a_batch_says_what_became_of_each_entry(void **state)	/* S4 */
{
	unsigned s = sim_page(init), t = sim_page(init);
	struct page_op op[8] = {
		{ .op = PAGE_OP_BIND, .prot = PROT_R | PROT_W, .slot = s, .va = SIM_FREE },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = 0, .va = SIM_FREE + PAGE_SIZE },
		{ .op = PAGE_OP_PROTECT, .prot = PROT_R, .va = SIM_FREE },
		{ .op = PAGE_OP_UNBIND, .va = SIM_FREE + 5 * PAGE_SIZE },
		{ .op = 9, .va = SIM_FREE },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = t, .va = SIM_FREE + 1 },
		{ .op = PAGE_OP_BIND, .prot = PROT_W, .slot = t, .va = SIM_FREE + PAGE_SIZE },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = t, .va = SIM_FREE + PAGE_SIZE, .zero = 1 },
	};
	static const int64_t want[8] = { 0, -E_NOCAP, 0, -E_NOTBOUND, -E_INVAL, -E_INVAL, -E_INVAL, -E_INVAL };

	(void)state;
	sim_put(init, op, sizeof(op));
	answers(init, 8, page_batch, SLOT_CTX, SIM_ARGS, 8);
	sim_get(init, op, sizeof(op));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(op[i].result, want[i]);
	assert_true(sim_can(SIM_LOAD, SIM_FREE));
	assert_false(sim_can(SIM_STORE, SIM_FREE));
	refused(init, E_INVAL, page_batch, SLOT_CTX, SIM_ARGS, 0);
	refused(init, E_INVAL, page_batch, SLOT_CTX, SIM_ARGS, PAGES_MAX + 1);
	refused(init, E_INVAL, page_batch, SLOT_CTX, SIM_ARGS, ~0ul);
	refused(init, E_FAULT, page_batch, SLOT_CTX, SIM_FREE, 1);	/* readable only */
	refused(init, E_FAULT, page_batch, SLOT_CTX, SIM_NOTABLE, 1);
	/* The list ends where its memory does. */
	answers(init, 1, page_batch, SLOT_CTX, SIM_UAREA + PAGE_SIZE - sizeof(op[0]), 3);
}

static void a_batch_may_take_away_its_own_memory(void **state)	/* S3, S4 */
{
	unsigned s = sim_page(init), s2 = sim_page(init);
	struct page_op op[3] = {
		{ .op = PAGE_OP_UNBIND, .va = SIM_ARGS },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = s, .va = SIM_FREE },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = s2, .va = SIM_FREE + PAGE_SIZE },
	};

	(void)state;
	sim_put(init, op, sizeof(op));
	answers(init, 1, page_batch, SLOT_CTX, SIM_ARGS, 3);
	assert_false(sim_can(SIM_LOAD, SIM_ARGS));
	assert_false(sim_can(SIM_LOAD, SIM_FREE));
}

/* ---- exposed ---- */

static void the_bookkeeping_is_read_and_never_written(void **state)
{
	const struct frame *f;
	uint32_t pages = ((end_ppn - first_ppn) * sizeof(*f) + PAGE_SIZE - 1) / PAGE_SIZE;

	(void)state;
	answers(init, 1, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_SYSTEM, 0, 1);
	assert_int_equal((uint32_t)sim_peek(SIM_FREE), EXOS_ABI_VERSION);
	assert_int_equal(sim_store(SIM_FREE, 0, 8), 15);
	refused(init, E_RIGHTS, page_protect, SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W);
	refused(init, E_FAULT, cap_info, SLOT_SELF, SIM_FREE);
	answers(init, pages, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_FRAMES, 0, pages);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_FRAMES, 0, pages + 1);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_FRAMES, pages, 1);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_FRAMES, ~0ul, 2);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_FRAMES, 1, ~0ul);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_SYSTEM, 1, 1);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_REGIONS, 0, 1);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, ~0ul, 0, 1);
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_SYSTEM, 0, 0);
	refused(init, E_NOTABLE, expose_bind, SLOT_CTX, SIM_NOTABLE, EXPOSE_SYSTEM, 0, 1);
	/* No word of what everybody may read is an address of the kernel. */
	for (unsigned r = 0; r < EXPOSE_REGIONS; r++)
		for (unsigned p = 0; sim_call(init, expose_bind, SLOT_CTX, SIM_FREE, r, p, 1) == 1; p++)
			for (unsigned i = 0; i < PAGE_SIZE; i += 8) {
				uint64_t w = sim_peek(SIM_FREE + i);

				assert_false(w >= (uint64_t)sim_ram.start && w < (uint64_t)sim_ram.start + sim_ram.bytes);
			}
	answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
	assert_false(sim_can(SIM_LOAD, SIM_FREE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_frame_can_be_named),
		T(only_free_memory_is_taken),
		T(a_frame_is_zeroed_between_owners_and_not_for_its_own),
		T(a_quota_is_kept_and_a_guarantee_is_there),
		T(what_is_bound_is_reached_and_nothing_else),
		T(a_remembered_gap_is_forgotten_by_the_binding),
		T(a_capability_has_one_binding),
		T(a_binding_replaces_what_stood_there),
		T(every_prot_is_one_the_isa_knows),
		T(a_binding_never_exceeds_its_capability),
		T(addresses_are_in_the_lower_half_and_aligned),
		T(a_context_is_changed_only_with_the_right),
		T(many_pages_in_one_call_stop_at_the_first_refusal),
		T(protection_falls_and_rises_within_the_rights),
		T(dirty_and_accessed_are_tracked_on_request),
		T(where_hardware_faults_instead_the_fault_goes_up),
		T(a_table_is_read_by_its_owner_and_never_written),
		T(only_a_sole_unbound_unpinned_page_becomes_an_object),
		T(nobody_writes_through_an_old_translation_into_what_became_a_table),
		T(a_page_that_goes_takes_every_translation_with_it),
		T(a_large_page_is_one_leaf),
		T(a_large_page_is_whole_or_not_at_all),
		T(splitting_and_joining_are_inverse),
		T(parts_of_different_owners_are_not_joined),
		T(a_batch_says_what_became_of_each_entry),
		T(a_batch_may_take_away_its_own_memory),
		T(the_bookkeeping_is_read_and_never_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
