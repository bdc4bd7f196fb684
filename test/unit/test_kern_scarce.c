/*
 * test_kern_scarce.c - every call that takes or charges something, with exactly k of it left, for all k up to success
 *
 * Frames, guarantees, slots, places in lists, numbers, tables, transmit slots. One too few is the error of the reference page and
 * an unchanged machine; just enough is success. What may stop half-way says how far it came, and has done exactly that.
 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/flow.h"
#include "kern/ring.h"
#include "kern_test.h"

#define LARGE_FRAMES 512u

static struct env *init;
static struct sim_child a;

static int setup(void **state)
{
	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .nic = true });
	init = sim_init_env;
	a = sim_child(init, 60);
	return 0;
}

/* One more page for e's table. */
static void grow(struct env *e)
{
	unsigned page = sim_page(e);

	succeeds(e, env_captab, 0, page);
}

/* The first environment takes frames until k are left that it may take. Its table must have the slots. */
static void leave_free(uint32_t k)
{
	sim_audit = false;
	while (system_info->free_frames - system_info->promised_frames + (env_own_guarantee(init) > init->pub->held ? env_own_guarantee(init) - init->pub->held : 0) > k) {
		unsigned s = 0;

		for (unsigned n = SIM_SLOT_FREE; n < init->nslots && s == 0; n++)
			if (cap_empty_slot(init, n) != NULL && cap_empty_slot(init, n + 1) != NULL)
				s = n;
		if (s == 0)
			fail_msg("no slot is left for the frames");
		succeeds(init, page_alloc, 0, s, FRAME_ANY, 0);
	}
	sim_audit = true;
	audit();
}

/* ---- frames ---- */

static void the_last_frames_are_given_and_then_no_more(void **state)
{
	struct sim_snapshot *start;
	uint32_t held;

	(void)state;
	/* a gives its promise back, so that the machine can be empty. */
	answers(init, 0, env_set, a.slot, ENV_GUARANTEE, a.env->pub->held, 0);
	answers(init, 0, cap_delete, sim_page(init));
	for (unsigned n = 0; n < 8; n++)
		grow(init);
	leave_free(4);
	start = sim_save();
	for (unsigned k = 0; k <= 4; k++) {
		sim_restore(start);
		for (unsigned n = 4; n > k; n--)
			sim_page(init);
		held = init->pub->held;
		for (unsigned n = 0; n < k; n++)
			sim_page(init);
		assert_int_equal(init->pub->held, held + k);
		assert_int_equal(system_info->free_frames, 0);
		refused(init, E_NOMEM, page_alloc, 0, sim_slot(init), FRAME_ANY, 0);
		refused(init, E_NOMEM, page_alloc, a.slot, 100, FRAME_ANY, 0);
		refused(init, E_NOMEM, page_alloc, 0, sim_slot(init), sim_frame(init, SIM_SLOT_FREE), 0);
	}
	sim_snapshot_free(start);
}

/* A larger page needs all of its frames: whichever is missing, nothing is taken. */
static void a_larger_page_with_one_frame_missing_is_not_taken(void **state)
{
	ppn_t first = (first_ppn + 1023) & ~511u;
	unsigned s = 100, t = 101;

	(void)state;
	for (ppn_t i = 0; i < LARGE_FRAMES; i++) {
		answers(init, first + i, page_alloc, 0, t, first + i, 0);
		refused(init, E_NOMEM, page_alloc, 0, s, first, 1);
		answers(init, 0, cap_delete, t);
	}
	answers(init, first, page_alloc, 0, s, first, 1);
}

/* ---- guarantees ---- */

static void a_guarantee_is_spent_to_the_last_page(void **state)
{
	uint32_t k = 60 - a.env->pub->held;

	(void)state;
	for (; k > 0; k--)
		sim_page(a.env);
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0);
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), frame_any(), 0);
	refused(init, E_QUOTA, page_alloc, a.slot, 120, FRAME_ANY, 0);	/* not by the parent's hand either */
	answers(a.env, 0, cap_delete, SIM_SLOT_FREE);
	succeeds(a.env, page_alloc, 0, SIM_SLOT_FREE, FRAME_ANY, 0);
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0);
}

static void a_larger_page_needs_its_whole_size_in_the_guarantee(void **state)
{
	ppn_t first = (first_ppn + 1023) & ~511u;
	uint32_t held = a.env->pub->held;
	struct sim_snapshot *start = sim_save();

	(void)state;
	for (uint32_t k = 500; k <= LARGE_FRAMES; k++) {
		sim_restore(start);
		answers(init, 0, env_set, a.slot, ENV_GUARANTEE, held + k, 0);
		if (k < LARGE_FRAMES)
			refused(a.env, E_QUOTA, page_alloc, 0, 100, first, 1);
		else
			answers(a.env, first, page_alloc, 0, 100, first, 1);
	}
	sim_snapshot_free(start);
}

static void a_promise_is_made_only_out_of_the_own(void **state)
{
	unsigned page = sim_page(a.env), other = sim_page(a.env);
	uint32_t held = a.env->pub->held;
	struct sim_snapshot *start = sim_save();

	(void)state;
	for (uint32_t promise = 0; promise <= 6; promise++)
		for (uint32_t k = 0; k <= 6; k++) {
			sim_restore(start);
			answers(init, 0, env_set, a.slot, ENV_GUARANTEE, held + k, 0);
			if (k < promise) {
				refused(a.env, E_QUOTA, env_create, page, promise);
				continue;
			}
			assert_true(sim_call(a.env, env_create, page, promise) > 0);
			assert_int_equal(a.env->pub->promised_on, promise);
			/* More, up to what is left. */
			for (uint32_t more = 0; more <= k + 1; more++)
				if (more <= k)
					answers(a.env, 0, env_set, page, ENV_GUARANTEE, more, 0);
				else
					refused(a.env, E_QUOTA, env_set, page, ENV_GUARANTEE, more, 0);
			/* What was passed on cannot be taken back over the holder's head. */
			answers(a.env, 0, env_set, page, ENV_GUARANTEE, promise, 0);
			for (uint32_t less = 0; less < held + promise; less++)
				refused(init, E_QUOTA, env_set, a.slot, ENV_GUARANTEE, less, 0);
			refused(a.env, E_QUOTA, env_set, page, ENV_GUARANTEE, ~0ul, 0);
			refused(a.env, E_QUOTA, env_set, page, ENV_GUARANTEE, 1ul << 32, 0);
		}
	refused(a.env, E_QUOTA, env_create, other, ~0ul);
	sim_snapshot_free(start);
}

/* A world for a child, built from 0, 1, 2, ... pages: wherever it stops, everything comes back. */
static void whatever_step_of_building_a_child_fails_nothing_stays_behind(void **state)
{
	struct sim_snapshot *start;
	unsigned failed = 0;

	(void)state;
	answers(init, 0, env_set, a.slot, ENV_GUARANTEE, 60, 0);
	start = sim_save();
	for (uint32_t k = 0;; k++) {
		uint32_t free = system_info->free_frames, held = init->pub->held, promised = system_info->promised_frames;
		struct sim_child c;
		unsigned page, ctx;
		bool whole;

		sim_restore(start);
		free = system_info->free_frames;
		held = init->pub->held;
		promised = system_info->promised_frames;
		page = sim_page(init);
		ctx = sim_context(init);
		assert_true(sim_call(init, env_create, page, k) > 0);
		c.env = env_at(sim_frame(init, page));
		answers(init, CAPS_PER_PAGE, env_captab, page, sim_page(init));
		answers(init, 0, cap_grant, page, page, SIM_SLOT_SELF, RIGHTS_ALL, 0, 0);
		answers(init, 0, cap_grant, ctx, page, SIM_SLOT_CTX, RIGHTS_ALL, 0, 0);
		answers(init, 0, env_set, page, ENV_CONTEXT, ctx, 0);
		answers(init, 0, env_set, page, ENV_RUN, 1, 0);
		/* The child builds a grandchild with exactly k pages, of which it promises 5. */
		sim_lenient = true;
		c = sim_child(c.env, 5);
		sim_lenient = false;
		whole = c.env != NULL && c.env->state == ENV_READY && c.env->nslots != 0 && cap_slot(c.env, SIM_SLOT_UAREA)->type == CAP_PAGE;
		audit();
		sim_run(init);
		sim_end(init, page);
		sim_end(init, ctx);
		for (unsigned s = SIM_SLOT_FREE; s < init->nslots && init->pub->held > held; s++)
			if (sim_cap(init, s)->type == CAP_PAGE && sim_cap(init, s)->binding == 0 && frame_of(sim_frame(init, s))->pins == 0)
				answers(init, 0, cap_delete, s);
		assert_int_equal(system_info->free_frames, free);
		assert_int_equal(init->pub->held, held);
		assert_int_equal(system_info->promised_frames, promised);
		failed += !whole;
		if (whole || k == 40)
			break;
	}
	assert_in_range(failed, 5, 39);
	sim_snapshot_free(start);
}

/* ---- slots ---- */

static void the_last_slots_are_filled_and_then_no_more(void **state)
{
	unsigned p = sim_page(a.env), last = 0;

	(void)state;
	sim_audit = false;
	for (unsigned s = 1; s < a.env->nslots; s++)
		if (cap_empty_slot(a.env, s) != NULL) {
			answers(a.env, 0, cap_copy, 0, p, s, 0, 0, 0);
			last = s;
		}
	sim_audit = true;
	for (unsigned s = 0; s <= a.env->nslots; s++) {
		refused(a.env, E_SLOT, page_alloc, 0, s, FRAME_ANY, 0);
		refused(a.env, E_SLOT, cap_copy, 0, p, s, 0, 0, 0);
		refused(init, E_SLOT, cap_grant, SIM_SLOT_DATA + 10, a.slot, s, 0, 0, 0);
		if (s % 16 == 15)
			s += 13;
	}
	answers(a.env, 0, cap_delete, last);
	succeeds(a.env, page_alloc, 0, last, FRAME_ANY, 0);
}

static void a_table_grows_to_its_bound(void **state)
{
	unsigned page;

	(void)state;
	answers(init, 0, env_set, a.slot, ENV_GUARANTEE, 400, 0);
	sim_audit = false;
	while (a.env->ncaptab < CAPTAB_PAGES)
		grow(a.env);
	sim_audit = true;
	page = sim_page(a.env);
	refused(a.env, E_LIMIT, env_captab, 0, page);
	assert_int_equal(a.env->nslots, CAPTAB_PAGES * CAPS_PER_PAGE);
	answers(a.env, 0, cap_copy, 0, SIM_SLOT_DATA, a.env->nslots - 1, 0, 0, 0);
	refused(a.env, E_SLOT, cap_copy, 0, SIM_SLOT_DATA, a.env->nslots, 0, 0, 0);
}

static void splitting_needs_every_slot_and_joining_every_part(void **state)
{
	ppn_t frame = (first_ppn + 1023) & ~511u;
	unsigned first = 300, whole = 299, copy;

	(void)state;
	while (init->nslots < 2000)
		grow(init);
	copy = init->nslots - 5;
	answers(init, frame, page_alloc, 0, whole, frame, 1);
	for (unsigned i = 0; i < 511; i += i % 64 == 0 ? 1 : 9) {
		answers(init, 0, cap_copy, 0, SLOT_CONSOLE, first + i, 0, 0, 0);
		refused(init, E_SLOT, page_split, whole, first);
		answers(init, 0, cap_delete, first + i);
	}
	answers(init, 0, page_split, whole, first);
	for (unsigned i = 0; i < 512; i += i % 64 == 0 ? 1 : 9) {
		/* The part in place i: shared, bound, pinned, gone, and another page in its place. */
		answers(init, 0, cap_copy, 0, whole + i, copy, PROT_R, 0, 0);
		refused(init, E_TYPE, page_join, whole);
		answers(init, 0, cap_delete, copy);
		sim_bind(init, SIM_FREE, whole + i, PROT_R);
		refused(init, E_TYPE, page_join, whole);
		answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
		answers(init, 0, cap_delete, whole + i);
		refused(init, E_NOCAP, page_join, whole);
		succeeds(init, page_alloc, 0, whole + i, frame_any(), 0);
		if (sim_frame(init, whole + i) != frame + i) {
			refused(init, E_INVAL, page_join, whole);
			answers(init, 0, cap_delete, whole + i);
			answers(init, frame + i, page_alloc, 0, whole + i, frame + i, 0);
		}
	}
	answers(init, 0, page_join, whole);
}

/* ---- lists and numbers ---- */

static void the_last_place_of_a_list_is_taken_and_then_no_more(void **state)
{
	static const unsigned sources[] = { 0, SLOT_SLICES, SLOT_CONSOLE, SLOT_FLOW };

	(void)state;
	while (init->nslots < 1000)
		grow(init);
	for (unsigned n = 0; n < ARRAY_SIZE(sources); n++) {
		unsigned src = sources[n] != 0 ? sources[n] : sim_page(init), s = 400, count = src == SLOT_SLICES, derived = sim_page(init);
		const struct cap_list *l = cap_list_of(sim_cap(init, src));

		sim_audit = false;
		while (l->count < CAP_LIST_MAX)
			answers(init, 0, cap_copy, 0, src, s++, 0, 0, count);
		sim_audit = true;
		refused(init, E_LIMIT, cap_copy, 0, src, s, 0, 0, count);
		refused(init, E_LIMIT, cap_copy, 0, s - 1, s, 0, 0, count);
		refused(init, E_LIMIT, cap_grant, src, a.slot, 100, 0, 0, count);
		if (src == SLOT_FLOW) {
			sim_put(init, &(struct flow_spec){ .version = FLOW_VERSION, .receive.version = FLOW_VERSION,
							   .send.version = FLOW_VERSION }, sizeof(struct flow_spec));
			refused(init, E_LIMIT, flow_derive, src, derived, SIM_ARGS, 0);
			answers(init, 0, cap_delete, s - 1);
			answers(init, 0, flow_derive, src, derived, SIM_ARGS, 0);
		} else {
			answers(init, 0, cap_delete, s - 1);
			answers(init, 0, cap_copy, 0, src, s - 1, 0, 0, count);
		}
		sim_audit = false;
		for (unsigned i = 400; i < s; i++)
			sim_call(init, cap_delete, i);
		sim_audit = true;
		audit();
	}
}

/* ---- what stops half-way ---- */

static void many_pages_in_one_call_come_exactly_as_far_as_they_can(void **state)
{
	unsigned first = 200, n = 6;
	struct sim_snapshot *start;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		succeeds(init, page_alloc, 0, first + i, FRAME_ANY, 0);
	start = sim_save();
	for (unsigned k = 0; k <= n; k++) {
		/* The k-th capability is missing. */
		sim_restore(start);
		if (k < n)
			answers(init, 0, cap_delete, first + k);
		if (k == 0)
			refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, first, n, PROT_R);
		else
			answers(init, k, page_bind, SLOT_CTX, SIM_FREE, first, n, PROT_R);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(sim_can(SIM_LOAD, SIM_FREE + i * PAGE_SIZE), i < k);
		/* From the k-th address on there is no table. */
		sim_restore(start);
		if (k == 0)
			refused(init, E_NOTABLE, page_bind, SLOT_CTX, 1ul << 21, first, n, PROT_R);
		else
			answers(init, k, page_bind, SLOT_CTX, (1ul << 21) - k * PAGE_SIZE, first, n, PROT_R);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(sim_cap(init, first + i)->binding != 0, i < k);
		/* The k-th is not bound when all are to be protected. */
		sim_restore(start);
		answers(init, n, page_bind, SLOT_CTX, SIM_FREE, first, n, PROT_R | PROT_W);
		if (k < n)
			answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE + k * PAGE_SIZE, 1);
		if (k == 0)
			refused(init, E_NOTBOUND, page_protect, SLOT_CTX, SIM_FREE, n, PROT_R);
		else
			answers(init, k, page_protect, SLOT_CTX, SIM_FREE, n, PROT_R);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(sim_can(SIM_STORE, SIM_FREE + i * PAGE_SIZE), i > k);
		/* The bookkeeping, where the table ends. */
		sim_restore(start);
		if (k == 0)
			refused(init, E_NOTABLE, expose_bind, SLOT_CTX, 1ul << 21, EXPOSE_FRAMES, 0, n);
		else
			answers(init, k, expose_bind, SLOT_CTX, (1ul << 21) - k * PAGE_SIZE, EXPOSE_FRAMES, 0, n);
		/* A list of which k entries can be read and written. */
		sim_restore(start);
		for (unsigned i = 0; i < k; i++) {
			struct page_op op = { .op = PAGE_OP_BIND, .prot = PROT_R, .slot = first + i, .va = SIM_FREE + i * PAGE_SIZE };

			memcpy((char *)init->uarea + PAGE_SIZE - (k - i) * sizeof(op), &op, sizeof(op));
		}
		if (k == 0)
			refused(init, E_FAULT, page_batch, SLOT_CTX, SIM_UAREA + PAGE_SIZE, n);
		else
			answers(init, k, page_batch, SLOT_CTX, SIM_UAREA + PAGE_SIZE - k * sizeof(struct page_op), n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(sim_cap(init, first + i)->binding != 0, i < k);
	}
	sim_snapshot_free(start);
}

static void each_table_that_is_missing_is_named(void **state)
{
	unsigned p = sim_page(init), l1 = sim_page(init), l0 = sim_page(init);

	(void)state;
	refused(init, E_NOTABLE, page_bind, SLOT_CTX, SIM_NOTABLE, p, 1, PROT_R);
	refused(init, E_NOTABLE, table_bind, SLOT_CTX, SIM_NOTABLE, 0, l0);
	answers(init, 0, table_bind, SLOT_CTX, SIM_NOTABLE, 1, l1);
	refused(init, E_NOTABLE, page_bind, SLOT_CTX, SIM_NOTABLE, p, 1, PROT_R);
	refused(init, E_EXISTS, table_bind, SLOT_CTX, SIM_NOTABLE, 1, l0);
	answers(init, 0, table_bind, SLOT_CTX, SIM_NOTABLE, 0, l0);
	answers(init, 1, page_bind, SLOT_CTX, SIM_NOTABLE, p, 1, PROT_R);
}

/* ---- network ---- */

/* Packets of n pieces until the device has no room: one more is refused without a trace, and when it is done all is as before. */
static void a_full_device_refuses_without_a_trace(void **state)
{
	struct send_segment seg[SEND_SEGMENTS];
	unsigned ring = sim_page(init), shared = sim_page(init), page = sim_page(init);
	ppn_t ppn = sim_frame(init, page);

	(void)state;
	answers(init, 0, ring_create, ring, shared, 1);
	for (unsigned n = 1; n <= SEND_SEGMENTS; n++) {
		unsigned sent = 0;
		long r;

		for (unsigned i = 0; i < n; i++)
			seg[i] = (struct send_segment){ .slot = page, .offset = 64 * i, .length = i == 0 ? 200 : 40 };
		sim_put(init, seg, sizeof(seg));
		sim_nic.hold_tx = true;
		sim_audit = false;
		while ((r = sim_call(init, net_send, ring, SLOT_FLOW, SIM_ARGS, n, sent)) == 0)
			sent++;
		sim_audit = true;
		audit();
		assert_int_equal(r, -E_FULL);
		assert_in_range(sent, 4, RING_SIZE);
		assert_int_equal(frame_of(ppn)->pins, sent * n);
		refused(init, E_FULL, net_send, ring, SLOT_FLOW, SIM_ARGS, n, 77);
		refused(init, E_TYPE, ctx_create, page);
		sim_nic.hold_tx = false;
		sim_virtio_net_work(&sim_nic);
		sim_interrupts();
		sim_call(init, yield, 0);	/* what is sent is taken back when the processor changes hands */
		assert_int_equal(frame_of(ppn)->pins, 0);
		assert_int_equal(ring_at(sim_cap(init, ring))->in_flight, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(the_last_frames_are_given_and_then_no_more),
		T(a_larger_page_with_one_frame_missing_is_not_taken),
		T(a_guarantee_is_spent_to_the_last_page),
		T(a_larger_page_needs_its_whole_size_in_the_guarantee),
		T(a_promise_is_made_only_out_of_the_own),
		T(whatever_step_of_building_a_child_fails_nothing_stays_behind),
		T(the_last_slots_are_filled_and_then_no_more),
		T(a_table_grows_to_its_bound),
		T(splitting_needs_every_slot_and_joining_every_part),
		T(the_last_place_of_a_list_is_taken_and_then_no_more),
		T(many_pages_in_one_call_come_exactly_as_far_as_they_can),
		T(each_table_that_is_missing_is_named),
		T(a_full_device_refuses_without_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
