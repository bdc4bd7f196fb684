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
	free_before = system_info->free_frames;
	bind_many(flow, MANY);
	for (long r = 1; r == 1;) {
		uint32_t before = classifier.nfilters;

		r = sim_call(init, object_end, child.slot);
		assert_true(r == 0 || r == 1);
		assert_true(before - classifier.nfilters <= PER_CALL + 64);	/* and the capabilities that one step deletes */
	}
	assert_int_equal(classifier.nfilters, 0);
	assert_true(system_info->free_frames > free_before);
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

/* ---- packets that arrive ---- */

static struct ring_shared *of_ring(void) { return page_kva(sim_frame(e, shared)); }

static unsigned receiver(void)
{
	struct flow_predicate p = port(7);
	unsigned filter = sim_page(e);

	sim_put(e, &p, sizeof(p));
	answers(e, 0, filter_bind, filter, flow, ring, SIM_ARGS, 0);
	return filter;
}

/* A page of our own, full of a byte, as a buffer of the ring. */
static void *buffer(unsigned index)
{
	unsigned slot = sim_page(e);
	void *bytes = page_kva(sim_frame(e, slot));

	memset(bytes, 0xee, PAGE_SIZE);
	answers(e, 0, ring_buffer, ring, index, slot);
	return bytes;
}

static void offer(unsigned index)
{
	struct ring_shared *s = of_ring();

	s->avail[s->avail_idx % RING_SIZE] = (uint16_t)index;
	s->avail_idx++;
}

/* A frame of that length for a port arrives; its bytes count upwards, from one that tells frames apart. */
static const uint8_t *arrive(unsigned to_port, size_t len, unsigned first)
{
	static uint8_t frame[2048];

	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(first + i);
	if (len >= 38) {
		frame[36] = (uint8_t)(to_port >> 8);
		frame[37] = (uint8_t)to_port;
	}
	assert_true(sim_virtio_net_receive(&sim_nic, frame, len));
	sim_interrupts();
	audit();
	return frame;
}

static void a_packet_lies_in_the_owners_buffer_with_nothing_stale_behind_it(void **state)
{
	const uint8_t *frame, *bytes;
	struct ring_shared *s = of_ring();

	(void)state;
	receiver();
	bytes = buffer(5);
	offer(5);
	frame = arrive(7, 61, 1);
	assert_memory_equal(bytes, frame, 61);
	assert_memory_equal(bytes + 61, ((uint8_t[3]){ 0 }), 3);
	assert_int_equal(bytes[64], 0xee);
	assert_int_equal(s->used_idx, 1);
	assert_int_equal(s->used[0].buffer, 5);
	assert_int_equal(s->used[0].length, 61);
	assert_int_equal(s->received, 1);
	assert_int_equal(s->dropped, 0);
	assert_int_equal(e->uarea->events & EV_RING(0), EV_RING(0));
	/* It was offered once and is used once. */
	arrive(7, 60, 2);
	assert_int_equal(s->dropped, 1);
	assert_int_equal(s->used_idx, 1);
	assert_int_equal(bytes[0], 1);
}

static void the_longest_frame_fits_and_a_longer_one_is_nobodys(void **state)
{
	const uint8_t *frame, *bytes;

	(void)state;
	receiver();
	bytes = buffer(0);
	offer(0);
	frame = arrive(7, RING_FRAME_MAX, 9);
	assert_memory_equal(bytes, frame, RING_FRAME_MAX);
	assert_int_equal(of_ring()->used[0].length, RING_FRAME_MAX);
	offer(0);
	arrive(7, RING_FRAME_MAX + 1, 10);
	assert_int_equal(of_ring()->used_idx, 1);
	assert_int_equal(of_ring()->dropped, 0);
	frame = arrive(7, 60, 11);		/* and the device goes on */
	assert_memory_equal(bytes, frame, 60);
}

static void a_packet_for_nobody_is_counted_as_that(void **state)
{
	(void)state;
	receiver();
	buffer(0);
	offer(0);
	arrive(8, 60, 1);
	arrive(7, 30, 1);	/* too short to have a port: the load behind its end matches nothing */
	assert_int_equal(system_info->rx_unclaimed, 2);
	assert_int_equal(of_ring()->received + of_ring()->dropped, 0);
}

/* The rings' indices run through their wrap at the end of the list, and at 2^32 where the owner chooses to begin there. */
static void a_ring_turns_round_and_keeps_the_order(void **state)
{
	struct ring_shared *s = of_ring();
	uint8_t *bytes[3];

	(void)state;
	receiver();
	for (unsigned i = 0; i < 3; i++)
		bytes[i] = buffer(i);
	sim_audit = false;
	for (unsigned n = 0; n < 2 * RING_SIZE + 5; n++) {
		offer(n % 3);
		arrive(7, 60 + n % 8, n);
		assert_int_equal(s->used_idx, n + 1);
		assert_int_equal(s->used[n % RING_SIZE].buffer, n % 3);
		assert_int_equal(s->used[n % RING_SIZE].length, 60 + n % 8);
		assert_int_equal(bytes[n % 3][0], (uint8_t)n);
	}
	sim_audit = true;
	audit();
}

/* Whatever the owner writes into the shared page costs the owner packets, and nobody anything else. */
static void F7_nonsense_in_the_shared_page_costs_packets_only(void **state)
{
	struct ring_shared *s = of_ring();

	(void)state;
	receiver();
	buffer(1);
	s->avail_idx = RING_SIZE + 1;		/* more than there can be */
	arrive(7, 60, 1);
	s->avail_idx = 0xffffffff;		/* it went backwards */
	arrive(7, 60, 1);
	assert_int_equal(s->dropped, 2);
	s->avail_idx = 0;
	offer(RING_SIZE);			/* no buffer can have that number */
	arrive(7, 60, 1);
	offer(2);				/* none has it */
	arrive(7, 60, 1);
	assert_int_equal(s->dropped, 4);
	assert_int_equal(s->received, 0);
	/* The kernel's counts are the kernel's: what the owner does to them comes back as it was. */
	s->used_idx = 77;
	offer(1);
	arrive(7, 60, 1);
	assert_int_equal(s->used_idx, 1);
	assert_int_equal(s->used[0].buffer, 1);
	assert_int_equal(s->received, 1);
}

static void a_buffer_taken_back_gets_no_packet(void **state)
{
	uint8_t *bytes;

	(void)state;
	receiver();
	bytes = buffer(3);
	offer(3);
	answers(e, 0, ring_buffer, ring, 3, 0);
	arrive(7, 60, 1);
	assert_int_equal(of_ring()->dropped, 1);
	assert_int_equal(bytes[0], 0xee);
}

/* F2: two that say SHARED get a copy each, and one that has no buffer takes nothing from the other. */
static void F2_shared_filters_get_a_copy_each(void **state)
{
	struct flow_predicate p = port(7);
	unsigned second = sim_page(e), page = sim_page(e);
	const uint8_t *frame, *bytes;

	(void)state;
	answers(e, 0, ring_create, second, page, 1);
	sim_put(e, &p, sizeof(p));
	answers(e, 0, filter_bind, sim_page(e), flow, ring, SIM_ARGS, FILTER_SHARED);
	answers(e, 0, filter_bind, sim_page(e), flow, second, SIM_ARGS, FILTER_SHARED);
	bytes = buffer(0);
	offer(0);
	frame = arrive(7, 60, 4);
	assert_memory_equal(bytes, frame, 60);
	assert_int_equal(of_ring()->received, 1);
	assert_int_equal(((struct ring_shared *)page_kva(sim_frame(e, page)))->dropped, 1);
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
		cmocka_unit_test_setup(a_packet_lies_in_the_owners_buffer_with_nothing_stale_behind_it, setup),
		cmocka_unit_test_setup(the_longest_frame_fits_and_a_longer_one_is_nobodys, setup),
		cmocka_unit_test_setup(a_packet_for_nobody_is_counted_as_that, setup),
		cmocka_unit_test_setup(a_ring_turns_round_and_keeps_the_order, setup),
		cmocka_unit_test_setup(F7_nonsense_in_the_shared_page_costs_packets_only, setup),
		cmocka_unit_test_setup(a_buffer_taken_back_gets_no_packet, setup),
		cmocka_unit_test_setup(F2_shared_filters_get_a_copy_each, setup),
		cmocka_unit_test_setup(D10_pages_of_a_wedged_device_stay_pinned_for_good, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
