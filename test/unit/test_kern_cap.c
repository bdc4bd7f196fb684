/*
 * test_kern_cap.c - capabilities: copies only narrow, revocation takes all descendants and nothing else, names do not outlive
 */
#include "kern/cap.h"
#include "kern/object.h"
#include "kern_test.h"

static struct env *init;
static struct sim_child a, b;

static int setup(void **state)
{
	boot_default(state);
	init = sim_init_env;
	a = sim_child(init, 100);
	b = sim_child(init, 100);
	return 0;
}

/* ---- copy ---- */

static void a_copy_lies_right_behind_its_source_one_level_deeper(void **state)
{
	unsigned p = sim_page(init), q = sim_slot(init), r;

	(void)state;
	answers(init, 0, cap_copy, 0, p, q, PROT_R | PROT_W, 0, 0);
	r = sim_slot(init);
	answers(init, 0, cap_copy, 0, q, r, PROT_R, 0, 0);
	assert_int_equal(sim_cap(init, p)->depth, 0);
	assert_ptr_equal(sim_cap(init, p)->next, sim_cap(init, q));
	assert_int_equal(sim_cap(init, q)->depth, 1);
	assert_ptr_equal(sim_cap(init, q)->next, sim_cap(init, r));
	assert_int_equal(sim_cap(init, r)->depth, 2);
	assert_int_equal(sim_cap(init, r)->rights, PROT_R);
}

static void a_copy_never_has_a_right_that_its_source_lacks(void **state)	/* C3 */
{
	unsigned p = sim_page(init), q = sim_slot(init), r;

	(void)state;
	answers(init, 0, cap_copy, 0, p, q, PROT_R, 0, 0);
	r = sim_slot(init);
	for (unsigned rights = 0; rights < 256; rights++)
		if (rights & ~PROT_R)
			refused(init, E_RIGHTS, cap_copy, 0, q, r, rights, 0, 0);
	refused(init, E_RIGHTS, cap_copy, 0, q, r, 1ul << 32 | PROT_R, 0, 0);
	refused(init, E_RIGHTS, cap_copy, 0, q, r, ~0ul, 0, 0);
	refused(init, E_RIGHTS, cap_copy, 0, p, r, PROT_R | 8, 0, 0);
}

static void a_copy_needs_a_source_and_an_empty_slot(void **state)	/* C1 */
{
	static const unsigned long wrong[] = { 0, 1ul << 32, ~0ul, 1ul << 63, (1ul << 32) + SIM_SLOT_CODE, 0x7fffffff };
	unsigned p = sim_page(init), q = sim_slot(init);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		refused(init, E_NOCAP, cap_copy, 0, wrong[i], q, PROT_R, 0, 0);
		refused(init, E_SLOT, cap_copy, 0, p, wrong[i], PROT_R, 0, 0);
		refused(init, E_NOCAP, cap_delete, wrong[i]);
		refused(init, E_NOCAP, cap_revoke, wrong[i]);
		refused(init, E_NOCAP, cap_info, wrong[i], SIM_ARGS);
		refused(init, E_NOCAP, cap_word, wrong[i], 7);
		refused(init, E_NOCAP, object_end, wrong[i]);
	}
	refused(init, E_NOCAP, cap_copy, 0, init->nslots, q, PROT_R, 0, 0);
	refused(init, E_SLOT, cap_copy, 0, p, init->nslots, PROT_R, 0, 0);
	refused(init, E_NOCAP, cap_copy, 0, q, q, PROT_R, 0, 0);
	refused(init, E_SLOT, cap_copy, 0, p, p, PROT_R, 0, 0);
	refused(init, E_NOCAP, cap_delete, init->nslots);
	/* The last slot of the table is one. */
	answers(init, 0, cap_copy, 0, p, init->nslots - 1, PROT_R, 0, 0);
	answers(init, 0, cap_delete, init->nslots - 1);
}

static void a_range_is_only_for_slices(void **state)
{
	unsigned p = sim_page(init), q = sim_slot(init);

	(void)state;
	refused(init, E_INVAL, cap_copy, 0, p, q, PROT_R, 1, 0);
	refused(init, E_INVAL, cap_copy, 0, p, q, PROT_R, 0, 1);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 0, 0);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 0, SLICES + 1);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, SLICES, 1);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 1, SLICES);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, ~0ul, 2);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 1ul << 32, 1);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 0, 1ul << 32);
	refused(init, E_INVAL, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 1, ~0ul);
	answers(init, 0, cap_copy, 0, SLOT_SLICES, q, RIGHT_BIND, 8, 8);
	refused(init, E_INVAL, cap_copy, 0, q, sim_slot(init), RIGHT_BIND, 7, 2);
	refused(init, E_INVAL, cap_copy, 0, q, sim_slot(init), RIGHT_BIND, 15, 2);
	answers(init, 0, cap_copy, 0, q, sim_slot(init), RIGHT_BIND, 15, 1);
}

static void tables_and_kernel_objects_without_copies_stay_single(void **state)
{
	unsigned q = sim_slot(init), captab = 0, l0 = 0;

	(void)state;
	for (unsigned s = 1; s < init->nslots; s++) {
		if (sim_cap(init, s)->type == CAP_CAPTAB)
			captab = s;
		if (sim_cap(init, s)->type == CAP_TABLE)
			l0 = s;
	}
	refused(init, E_TYPE, cap_copy, 0, captab, q, 0, 0, 0);
	refused(init, E_TYPE, cap_copy, 0, l0, q, PROT_R, 0, 0);
	refused(init, E_BUSY, cap_delete, captab);
	refused(init, E_BUSY, cap_delete, l0);
	refused(init, E_TYPE, cap_grant, l0, a.slot, sim_slot(a.env), PROT_R, 0, 0);
}

static void depth_is_bounded(void **state)	/* C6 */
{
	unsigned p = sim_page(init), last = p, first = sim_slot(init);

	(void)state;
	sim_audit = false;
	for (unsigned d = 1; d <= CAP_DEPTH_MAX; d++) {
		unsigned q = sim_slot(init);

		answers(init, 0, cap_copy, 0, last, q, PROT_R, 0, 0);
		last = q;
	}
	sim_audit = true;
	refused(init, E_LIMIT, cap_copy, 0, last, sim_slot(init), PROT_R, 0, 0);
	/* Deleting in the middle lifts what is below, so there is room again. */
	answers(init, 0, cap_delete, first);
	answers(init, 0, cap_copy, 0, last, first, PROT_R, 0, 0);
	while (sim_call(init, cap_revoke, p) == 1)
		;
	assert_null(sim_cap(init, p)->next);
}

static void a_page_has_a_bounded_number_of_capabilities(void **state)	/* C6 */
{
	unsigned p = sim_page(init), first = sim_slot(init);
	unsigned calls = 1;
	long r;

	(void)state;
	sim_audit = false;
	for (unsigned n = 1; n < CAP_LIST_MAX; n++)
		answers(init, 0, cap_copy, 0, p, sim_slot(init), PROT_R, 0, 0);
	sim_audit = true;
	refused(init, E_LIMIT, cap_copy, 0, p, sim_slot(init), PROT_R, 0, 0);
	refused(init, E_LIMIT, cap_copy, 0, first, sim_slot(init), PROT_R, 0, 0);

	/* A long revocation comes back in between, and nothing that it has not reached makes descendants meanwhile. */
	r = sim_call(init, cap_revoke, p);
	if (r == 1) {
		refused(init, E_BUSY, cap_copy, 0, first, sim_slot(init), PROT_R, 0, 0);
		refused(init, E_BUSY, cap_copy, 0, p, sim_slot(init), PROT_R, 0, 0);
	}
	for (; r == 1; calls++)
		r = sim_call(init, cap_revoke, p);
	assert_int_equal(r, 0);
	assert_in_range(calls, 1, 16);
	assert_int_equal(frame_of(sim_frame(init, p))->ncaps, 1);
	answers(init, 0, cap_copy, 0, p, first, PROT_R, 0, 0);
}

/* ---- grant ---- */

static void nobody_fills_anothers_table(void **state)	/* C9 */
{
	unsigned p, to_b;

	(void)state;
	/* a may notify b, but holds no control. */
	to_b = sim_slot(a.env);
	answers(init, 0, cap_grant, b.slot, a.slot, to_b, RIGHT_NOTIFY | RIGHT_YIELD, 0, 0);
	p = sim_page(a.env);
	for (unsigned s = 0; s < 40; s++)
		refused(a.env, E_SLOT, cap_grant, p, to_b, s, PROT_R, 0, 0);

	answers(b.env, 0, env_set, 0, ENV_WINDOW, 40, 2);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 39, PROT_R, 0, 0);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 42, PROT_R, 0, 0);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 40 + (1ul << 32), PROT_R, 0, 0);
	answers(a.env, 0, cap_grant, p, to_b, 40, PROT_R, 0, 0);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 40, PROT_R, 0, 0);
	answers(a.env, 0, cap_grant, p, to_b, 41, PROT_R, 0, 0);
	answers(b.env, 0, env_set, 0, ENV_WINDOW, 0, 0);
	answers(b.env, 0, cap_delete, 41);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 41, PROT_R, 0, 0);
	/* A window beyond the table opens nothing. */
	answers(b.env, 0, env_set, 0, ENV_WINDOW, 0xffffff00, 0xff);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 0xffffff00, PROT_R, 0, 0);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 0xffffffffff00, PROT_R, 0, 0);
	answers(b.env, 0, env_set, 0, ENV_WINDOW, 0, 0xffffffff);
	refused(a.env, E_SLOT, cap_grant, p, to_b, 0, PROT_R, 0, 0);
}

static void whoever_controls_may_grant_anywhere_but_over_something(void **state)
{
	unsigned p = sim_page(init);

	(void)state;
	answers(init, 0, cap_grant, p, a.slot, 60, PROT_R, 0, 0);
	refused(init, E_SLOT, cap_grant, p, a.slot, 60, PROT_R, 0, 0);
	refused(init, E_SLOT, cap_grant, p, a.slot, SIM_SLOT_SELF, PROT_R, 0, 0);
	refused(init, E_SLOT, cap_grant, p, a.slot, 0, PROT_R, 0, 0);
	refused(init, E_SLOT, cap_grant, p, a.slot, CAPS_PER_PAGE, PROT_R, 0, 0);
	refused(init, E_NOCAP, cap_grant, p, p, 61, PROT_R, 0, 0);
	refused(init, E_NOCAP, cap_grant, sim_slot(init), a.slot, 61, PROT_R, 0, 0);
	/* To oneself, by slot 0. */
	answers(init, 0, cap_grant, p, 0, sim_slot(init), PROT_R, 0, 0);
}

static void a_table_is_read_only_with_control(void **state)
{
	unsigned to_b = sim_slot(a.env);

	(void)state;
	answers(init, 0, cap_grant, b.slot, a.slot, to_b, RIGHT_NOTIFY | RIGHT_YIELD, 0, 0);
	refused(a.env, E_RIGHTS, cap_copy, to_b, SIM_SLOT_DATA, 50, PROT_R, 0, 0);
	answers(init, 0, cap_copy, a.slot, SIM_SLOT_DATA, sim_slot(init), PROT_R, 0, 0);
}

static void a_dead_environment_gets_nothing(void **state)	/* C4, C10 */
{
	unsigned p = sim_page(init), old = sim_slot(init);
	struct sim_child c;

	(void)state;
	/* Its own slot now names a page; a slot reused for another environment names that one. */
	answers(init, 0, cap_copy, 0, a.slot, old, RIGHTS_ALL, 0, 0);
	while (sim_call(init, object_end, a.slot) == 1)
		refused(init, E_DEAD, cap_grant, p, a.slot, 60, PROT_R, 0, 0);
	refused(init, E_NOCAP, cap_grant, p, old, 60, PROT_R, 0, 0);
	refused(init, E_NOCAP, cap_grant, p, a.slot, 60, PROT_R, 0, 0);
	assert_null(env_find(a.id));
	c = sim_child(init, 20);
	assert_int_not_equal(c.id, a.id);
	assert_null(env_find(a.id));
}

static void kinds_are_not_confused(void **state)	/* C5 */
{
	unsigned p = sim_page(init), q = sim_slot(init);

	(void)state;
	refused(init, E_NOCAP, page_bind, p, SIM_FREE, p, 1, PROT_R);
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, SLOT_CTX, 1, PROT_R);
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, a.slot, 1, PROT_R);
	refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, SLOT_SLICES, 1, PROT_R);
	refused(init, E_NOCAP, slice_bind, p, 0, 1, 0);
	refused(init, E_NOCAP, slice_bind, SLOT_MACHINE, 0, 1, 0);
	refused(init, E_NOCAP, slice_bind, SLOT_SLICES, 0, 1, p);
	refused(init, E_NOCAP, notify, p, EV_USER(0));
	refused(init, E_NOCAP, yield, p);
	refused(init, E_NOCAP, env_set, p, ENV_RUN, 0, 0);
	refused(init, E_NOCAP, env_set, 0, ENV_CONTEXT, p, 0);
	refused(init, E_NOCAP, env_set, 0, ENV_UAREA, a.slot, SIM_UAREA);
	refused(init, E_NOCAP, env_create, a.slot, 0);
	refused(init, E_NOCAP, ctx_create, a.ctx);
	refused(init, E_NOCAP, table_bind, a.ctx, SIM_NOTABLE, 0, a.slot);
	refused(init, E_NOCAP, console_write, p, SIM_ARGS, 1);
	refused(init, E_NOCAP, console_read, p, SIM_ARGS, 1);
	refused(init, E_NOCAP, console_bind, p);
	refused(init, E_NOCAP, poweroff, SLOT_CONSOLE, 0);
	refused(init, E_NOCAP, ring_create, a.slot, p, 0);
	refused(init, E_NOCAP, ring_buffer, p, 0, p);
	refused(init, E_NOCAP, flow_derive, p, q, SIM_ARGS, 0);
	refused(init, E_NOCAP, filter_bind, p, p, p, SIM_ARGS, 0);
	refused(init, E_NOCAP, net_send, p, p, SIM_ARGS, 1, 0);
	refused(init, E_NOCAP, object_end, p);
	refused(init, E_NOCAP, object_end, SLOT_SLICES);
	refused(init, E_NOCAP, object_end, SLOT_CONSOLE);
}

/* ---- delete and revoke ---- */

static void the_last_capability_frees_the_page_and_the_charge(void **state)
{
	uint32_t free = system_info->free_frames, held = init->pub->held;
	unsigned p = sim_page(init), q = sim_slot(init);

	(void)state;
	answers(init, 0, cap_copy, 0, p, q, PROT_R, 0, 0);
	answers(init, 0, cap_delete, p);
	assert_int_equal(system_info->free_frames, free - 1);
	answers(init, 0, cap_delete, q);
	assert_int_equal(system_info->free_frames, free);
	assert_int_equal(init->pub->held, held);
	refused(init, E_NOCAP, cap_delete, q);	/* C10, M18: twice */
}

static void descendants_of_a_deleted_capability_stay_under_its_ancestor(void **state)
{
	unsigned A = sim_page(init), B = sim_slot(init), C, D, E;

	(void)state;
	answers(init, 0, cap_copy, 0, A, B, PROT_R | PROT_W, 0, 0);
	C = sim_slot(init);
	answers(init, 0, cap_copy, 0, B, C, PROT_R, 0, 0);
	D = sim_slot(init);
	answers(init, 0, cap_copy, 0, A, D, PROT_R, 0, 0);	/* between A and B */
	E = sim_slot(init);
	answers(init, 0, cap_copy, 0, D, E, PROT_R, 0, 0);
	/* A(0) D(1) E(2) B(1) C(2): without D, E is A's and not B's; B's revoke takes C only. */
	answers(init, 0, cap_delete, D);
	assert_int_equal(sim_cap(init, E)->depth, 1);
	answers(init, 1 - 1, cap_revoke, E);
	assert_int_equal(sim_cap(init, B)->type, CAP_PAGE);
	sim_call(init, cap_revoke, B);
	assert_int_equal(sim_cap(init, C)->type, CAP_NONE);
	assert_int_equal(sim_cap(init, E)->type, CAP_PAGE);
	sim_call(init, cap_revoke, A);
	assert_int_equal(sim_cap(init, E)->type, CAP_NONE);
	assert_int_equal(sim_cap(init, B)->type, CAP_NONE);
	assert_int_equal(frame_of(sim_frame(init, A))->ncaps, 1);
}

static void revocation_reaches_into_other_environments_and_breaks_bindings(void **state)
{
	unsigned p = sim_page(init);
	uint64_t v;

	(void)state;
	answers(init, 0, cap_grant, p, a.slot, 60, PROT_R | PROT_W, 0, 0);
	sim_bind(a.env, SIM_FREE, 60, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 0x1122);
	answers(a.env, 0, cap_copy, 0, 60, 61, PROT_R, 0, 0);
	sim_bind(a.env, SIM_FREE + PAGE_SIZE, 61, PROT_R);
	assert_int_equal(sim_peek(SIM_FREE + PAGE_SIZE), 0x1122);
	sim_call(init, cap_revoke, p);
	sim_run(a.env);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);
	assert_int_equal(sim_load(SIM_FREE + PAGE_SIZE, &v, 8), 13);
	refused(a.env, E_NOCAP, cap_delete, 60);
	refused(a.env, E_NOCAP, cap_delete, 61);
}

static void a_circle_of_grants_ends(void **state)	/* C8 */
{
	unsigned to_b = 70, to_a = 70, p;

	(void)state;
	answers(init, 0, cap_grant, b.slot, a.slot, to_b, RIGHTS_ALL, 0, 0);
	answers(init, 0, cap_grant, a.slot, b.slot, to_a, RIGHTS_ALL, 0, 0);
	p = sim_page(a.env);
	for (unsigned i = 0; i < 10; i++) {
		answers(a.env, 0, cap_grant, i == 0 ? p : 80 + i - 1, to_b, 80 + i, PROT_R, 0, 0);
		answers(b.env, 0, cap_grant, 80 + i, to_a, 80 + i, PROT_R, 0, 0);
	}
	sim_call(a.env, cap_revoke, p);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(sim_cap(a.env, 80 + i)->type, CAP_NONE);
		assert_int_equal(sim_cap(b.env, 80 + i)->type, CAP_NONE);
	}
	assert_int_equal(frame_of(sim_frame(a.env, p))->ncaps, 1);
}

/* Nothing that is granted, deleted and ended in any order may leave an object with two names of two kinds. */
static void an_object_whose_first_capability_went_does_not_change_type_under_the_others(void **state)
{
	unsigned page = sim_page(init), ctx = sim_context(init), c1 = sim_slot(init), c2;
	long r;

	(void)state;
	answers(init, 0, cap_copy, 0, ctx, c1, RIGHTS_ALL, 0, 0);
	c2 = sim_slot(init);
	answers(init, 0, cap_copy, 0, ctx, c2, RIGHTS_ALL, 0, 0);
	answers(init, 0, cap_delete, ctx);
	refused(init, E_TYPE, object_end, c1);
	refused(init, E_TYPE, object_end, c2);
	/* What is left names a context that works; the last one ends it. */
	refused(init, E_NOTABLE, page_bind, c2, SIM_NOTABLE, page, 1, PROT_R);
	answers(init, 0, cap_delete, c1);
	while ((r = sim_call(init, object_end, c2)) == 1)
		;
	assert_int_equal(r, 0);
	assert_int_equal(sim_cap(init, c2)->type, CAP_PAGE);
}

static void an_environment_that_holds_itself_can_be_ended(void **state)
{
	struct sim_child p = sim_child(init, 60), c;
	uint32_t id;

	(void)state;
	/* p's child holds a capability for itself and for p, both with all rights; p drops its own for the child. */
	c = sim_child(p.env, 20);
	id = c.id;
	answers(p.env, 0, cap_grant, SIM_SLOT_SELF, c.slot, 50, RIGHTS_ALL, 0, 0);
	for (unsigned n = 0; n < 1000 && sim_call(p.env, cap_delete, c.slot) == 1; n++)
		;
	for (unsigned n = 0; n < 1000 && sim_call(init, object_end, p.slot) == 1; n++)
		;
	audit();
	assert_null(env_find(p.id));
	assert_null(env_find(id));
}

static void a_child_cannot_end_the_hand_that_feeds_it(void **state)
{
	(void)state;
	/* a holds a capability with all rights for its own parent, the first environment. */
	answers(init, 0, cap_grant, SLOT_SELF, a.slot, 50, RIGHTS_ALL, 0, 0);
	refused(a.env, E_TYPE, object_end, 50);
	answers(a.env, 0, cap_delete, 50);
	assert_non_null(env_find(init->id));
}

static void the_first_environment_cannot_delete_itself(void **state)
{
	(void)state;
	answers(init, 0, cap_grant, SLOT_SELF, a.slot, 50, RIGHTS_ALL, 0, 0);
	refused(init, E_BUSY, object_end, SLOT_SELF);
	refused(init, E_BUSY, cap_delete, SLOT_SELF);
	answers(a.env, 0, cap_delete, 50);
	assert_non_null(env_find(init->id));
	answers(init, 0, null);
}

/* ---- info and word ---- */

static void info_tells_what_a_capability_is(void **state)
{
	struct cap_info i;
	unsigned p = sim_page(init);

	(void)state;
	sim_bind(init, SIM_FREE, p, PROT_R);
	answers(init, 0, cap_word, p, 0x123456789abcdef0);
	answers(init, 0, cap_info, p, SIM_ARGS);
	sim_get(init, &i, sizeof(i));
	assert_int_equal(i.version, EXOS_ABI_VERSION);
	assert_int_equal(i.type, CAP_PAGE);
	assert_int_equal(i.rights, PROT_R | PROT_W | PROT_X);
	assert_int_equal(i.object, sim_frame(init, p));
	assert_int_equal(i.bound_ctx, init->context);
	assert_int_equal(i.bound_va, SIM_FREE);
	assert_int_equal(i.word, 0x123456789abcdef0);
	assert_int_equal(i.first + i.count, 0);
	answers(init, 0, cap_info, SLOT_SLICES, SIM_ARGS);
	sim_get(init, &i, sizeof(i));
	assert_int_equal(i.type, CAP_SLICE);
	assert_int_equal(i.count, SLICES);
	assert_int_equal(i.bound_ctx, 0);
	/* No byte of it is a kernel address. */
	for (unsigned s = 1; s < init->nslots; s++) {
		uint64_t w[sizeof(i) / 8];

		if (sim_cap(init, s)->type == CAP_NONE)
			continue;
		answers(init, 0, cap_info, s, SIM_ARGS);
		sim_get(init, w, sizeof(w));
		for (unsigned n = 0; n < ARRAY_SIZE(w); n++)
			assert_false(w[n] >= (uint64_t)sim_ram.start && w[n] < (uint64_t)sim_ram.start + sim_ram.bytes);
	}
}

static void info_needs_writable_memory(void **state)	/* S1, S4 */
{
	unsigned p = sim_page(init);

	(void)state;
	sim_bind(init, SIM_FREE, p, PROT_R);
	refused(init, E_FAULT, cap_info, p, SIM_FREE);
	refused(init, E_FAULT, cap_info, p, SIM_FREE + PAGE_SIZE);
	refused(init, E_FAULT, cap_info, p, SIM_FREE - 8);
	refused(init, E_FAULT, cap_info, p, ~0ul);
	refused(init, E_FAULT, cap_info, p, 0ul - sizeof(struct cap_info));
	refused(init, E_FAULT, cap_info, p, SV39_USER_TOP - 8);
	refused(init, E_FAULT, cap_info, p, 0xffffffc080200000);
	/* Across two pages, unaligned: the last byte that fits. */
	answers(init, 0, cap_info, p, SIM_ARGS + PAGE_SIZE - 13);
	answers(init, 0, cap_info, p, SIM_ARGS + 2 * PAGE_SIZE - sizeof(struct cap_info));
	refused(init, E_FAULT, cap_info, p, SIM_ARGS + 3 * PAGE_SIZE - sizeof(struct cap_info) + 1);
}

static void the_word_is_its_owners(void **state)
{
	unsigned p = sim_page(init), to_b = 50;

	(void)state;
	answers(init, 0, cap_grant, p, a.slot, 60, PROT_R | PROT_W, 0, 0);
	refused(a.env, E_RIGHTS, cap_word, 60, 1);
	answers(init, 0, cap_grant, b.slot, a.slot, to_b, RIGHT_NOTIFY, 0, 0);
	refused(a.env, E_RIGHTS, cap_word, to_b, 1);
	refused(init, E_INVAL, cap_word, SLOT_SLICES, 1);
	refused(init, E_INVAL, cap_word, SLOT_CONSOLE, 1);
	refused(init, E_INVAL, cap_word, SLOT_MACHINE, 1);
	answers(init, 0, cap_word, b.slot, 77);
	assert_int_equal(b.env->pub->word, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_copy_lies_right_behind_its_source_one_level_deeper),
		T(a_copy_never_has_a_right_that_its_source_lacks),
		T(a_copy_needs_a_source_and_an_empty_slot),
		T(a_range_is_only_for_slices),
		T(tables_and_kernel_objects_without_copies_stay_single),
		T(depth_is_bounded),
		T(a_page_has_a_bounded_number_of_capabilities),
		T(nobody_fills_anothers_table),
		T(whoever_controls_may_grant_anywhere_but_over_something),
		T(a_table_is_read_only_with_control),
		T(a_dead_environment_gets_nothing),
		T(kinds_are_not_confused),
		T(the_last_capability_frees_the_page_and_the_charge),
		T(descendants_of_a_deleted_capability_stay_under_its_ancestor),
		T(revocation_reaches_into_other_environments_and_breaks_bindings),
		T(a_circle_of_grants_ends),
		T(an_object_whose_first_capability_went_does_not_change_type_under_the_others),
		T(an_environment_that_holds_itself_can_be_ended),
		T(a_child_cannot_end_the_hand_that_feeds_it),
		T(the_first_environment_cannot_delete_itself),
		T(info_tells_what_a_capability_is),
		T(info_needs_writable_memory),
		T(the_word_is_its_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
