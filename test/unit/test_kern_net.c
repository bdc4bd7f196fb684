/*
 * test_kern_net.c - rings, flows and packets on their way, when owners, capabilities or the device go at the wrong moment
 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/flow.h"
#include "kern/ring.h"
#include "kern_test.h"

#define MANY	300	/* filters; more than one call may unbind */
#define PER_CALL 64	/* FILTER_BUDGET of kern/flow.h */

static struct env *init;
static struct sim_child child;
static struct env *e;
static unsigned flow, ring, shared;

static int setup(void **state)
{
	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .nic = true, .ram_bytes = 8 << 20 });
	init = sim_init_env;
	child = sim_child(init, 700);
	e = child.env;
	for (unsigned i = 0; i < 7; i++)
		succeeds(e, env_captab, 0, sim_page(e));
	flow = sim_slot(e);
	answers(init, 0, cap_grant, SLOT_FLOW, child.slot, flow, RIGHT_RECV | RIGHT_SEND, 0, 0);
	ring = sim_page(e);
	shared = sim_page(e);
	answers(e, 0, ring_create, ring, shared, 0);
	return 0;
}

static struct flow_predicate port(unsigned n)
{
	return (struct flow_predicate){ .version = FLOW_VERSION, .natoms = 1,
		.atom = { { .offset = 36, .width = 2, .mask = 0xffff, .value = n } } };
}

/* Filters for n ports under the flow in a slot. */
static void bind_many(unsigned under, unsigned n)
{
	sim_audit = false;
	for (unsigned i = 0; i < n; i++) {
		struct flow_predicate p = port(i);

		sim_put(e, &p, sizeof(p));
		answers(e, 0, filter_bind, sim_page(e), under, ring, SIM_ARGS, 0);
	}
	sim_audit = true;
	audit();
	assert_int_equal(classifier.nfilters, n);
}

/* The call is repeated until it is done, and unbinds a bounded number of filters each time. */
#define in_bounded_pieces(env, name, ...) \
	do { \
		unsigned calls_ = 0; \
		long r_ = 1; \
		while (r_ == 1) { \
			uint32_t before_ = classifier.nfilters; \
			r_ = sim_call(env, name, ##__VA_ARGS__); \
			assert_true(r_ == 0 || r_ == 1); \
			assert_true(before_ - classifier.nfilters <= PER_CALL); \
			calls_++; \
		} \
		assert_int_equal(classifier.nfilters, 0); \
		assert_in_range(calls_, MANY / PER_CALL, 2 * MANY / PER_CALL + 2); \
	} while (0)

static void a_ring_with_many_filters_ends_in_bounded_pieces(void **state)
{
	(void)state;
	bind_many(flow, MANY);
	in_bounded_pieces(e, object_end, ring);
	assert_int_equal(sim_cap(e, ring)->type, CAP_PAGE);
	assert_int_equal(frame_of(sim_frame(e, shared))->pins, 0);
}

static void a_ring_with_many_filters_is_deleted_in_bounded_pieces(void **state)
{
	(void)state;
	bind_many(flow, MANY);
	in_bounded_pieces(e, cap_delete, ring);
	assert_int_equal(sim_cap(e, ring)->type, CAP_NONE);
}

static void a_flow_with_many_filters_is_deleted_in_bounded_pieces(void **state)
{
	(void)state;
	bind_many(flow, MANY);
	in_bounded_pieces(e, cap_delete, flow);
	assert_int_equal(sim_cap(e, flow)->type, CAP_NONE);
}

static void a_flow_with_many_filters_is_revoked_in_bounded_pieces(void **state)
{
	struct flow_predicate p = port(MANY);
	unsigned page = sim_page(e);

	(void)state;
	bind_many(flow, MANY);
	assert_int_equal(sim_call(init, cap_revoke, SLOT_FLOW), 1);
	/* What the revocation has not finished with takes no new filters. */
	sim_put(e, &p, sizeof(p));
	refused(e, E_BUSY, filter_bind, page, flow, ring, SIM_ARGS, 0);
	in_bounded_pieces(init, cap_revoke, SLOT_FLOW);
	assert_int_equal(sim_cap(e, flow)->type, CAP_NONE);
}

static void a_derived_flow_with_many_filters_ends_in_bounded_pieces(void **state)
{
	struct flow_spec s = { .version = FLOW_VERSION, .receive = { .version = FLOW_VERSION }, .send = { .version = FLOW_VERSION } };
	unsigned own = sim_page(init), to = sim_slot(e);

	(void)state;
	for (unsigned i = 0; i < sizeof(s); i++)
		assert_int_equal(sim_store(SIM_ARGS + i, ((const uint8_t *)&s)[i], 1), 0);
	answers(init, 0, flow_derive, SLOT_FLOW, own, SIM_ARGS, RIGHTS_ALL);
	answers(init, 0, cap_grant, own, child.slot, to, RIGHT_RECV, 0, 0);
	bind_many(to, MANY);
	in_bounded_pieces(e, cap_delete, to);
	answers(init, 0, object_end, own);
	assert_int_equal(sim_cap(init, own)->type, CAP_PAGE);
}

static void an_environment_with_many_filters_ends_in_bounded_pieces(void **state)
{
	uint32_t free_before;

	(void)state;
	free_before = free_frames;
	bind_many(flow, MANY);
	for (long r = 1; r == 1;) {
		uint32_t before = classifier.nfilters;

		r = sim_call(init, object_end, child.slot);
		assert_true(r == 0 || r == 1);
		assert_true(before - classifier.nfilters <= PER_CALL + 64);	/* and the capabilities that one step deletes */
	}
	assert_int_equal(classifier.nfilters, 0);
	assert_true(free_frames > free_before);
}

/* ---- packets on their way ---- */

static unsigned sent_page;

static void send_from_page(void)
{
	struct send_segment seg;

	sent_page = sim_page(e);
	seg = (struct send_segment){ .slot = sent_page, .offset = 0, .length = 1000 };
	sim_put(e, &seg, sizeof(seg));
	answers(e, 0, net_send, ring, flow, SIM_ARGS, 1, 7);
}

/* D10: a device that does not even confirm its reset may still read what it was told to: the pins stay, and are accounted for. */
static void D10_pages_of_a_wedged_device_stay_pinned_for_good(void **state)
{
	ppn_t page;
	uint32_t n;

	(void)state;
	sim_nic.hold_tx = true;
	send_from_page();
	page = sim_frame(e, sent_page);
	assert_int_equal(frame_of(page)->pins, 1);
	sim_nic.stuck_in_reset = true;
	sim_virtio_net_used(&sim_nic, SIM_VN_RX, 500, 60);
	sim_virtio_net_interrupt(&sim_nic, 1);
	sim_interrupts();
	audit();
	assert_int_equal(system_info->nic_broken, 1);
	assert_int_equal(frame_of(page)->pins, 1);
	n = ((struct ring_shared *)page_kva(sim_frame(e, shared)))->sent_idx;
	assert_int_equal(n, 1);
	assert_int_equal(((struct ring_shared *)page_kva(sim_frame(e, shared)))->sent[0], 7 << 1 | 1);
	refused(e, E_IO, net_send, ring, flow, SIM_ARGS, 1, 8);
	assert_false(net_busy());
	sim_end(init, child.slot);
	assert_int_equal(frame_of(page)->pins, 1);
	assert_int_equal(frame_of(page)->type, FRAME_DATA);
	assert_int_equal(frame_of(page)->owner, init->id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_ring_with_many_filters_ends_in_bounded_pieces, setup),
		cmocka_unit_test_setup(a_ring_with_many_filters_is_deleted_in_bounded_pieces, setup),
		cmocka_unit_test_setup(a_flow_with_many_filters_is_deleted_in_bounded_pieces, setup),
		cmocka_unit_test_setup(a_flow_with_many_filters_is_revoked_in_bounded_pieces, setup),
		cmocka_unit_test_setup(a_derived_flow_with_many_filters_ends_in_bounded_pieces, setup),
		cmocka_unit_test_setup(an_environment_with_many_filters_ends_in_bounded_pieces, setup),
		cmocka_unit_test_setup(D10_pages_of_a_wedged_device_stay_pinned_for_good, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
