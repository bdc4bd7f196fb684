/*
 * test_virtio_net.c - the network driver over an honest device and over one that lies in every way we can think of
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>

#include "drivers/virtio/net.h"
#include "kern/shared.h"
#include "test/sim/sim.h"
#include "test/sim/sim_virtio_net.h"

#define BASE	0x10008000ul
#define IRQ	8
#define DATA	(SIM_RAM_BASE + 0x80000)	/* packets to send */

static struct sim_virtio_net dev;
static struct nic nic;
static ppn_t pages[NIC_PAGES];

/* What came up. */
static struct {
	unsigned frames;
	uint8_t last[2048];
	size_t len;
	unsigned done, failed;
	uint64_t cookies[256];		/* how often each came back */
} got;

static void deliver(void *ctx, const uint8_t *frame, size_t len)
{
	assert_ptr_equal(ctx, &got);
	assert_int_equal((uintptr_t)frame % 16, 0);
	assert_in_range(len, 14, NIC_FRAME_MAX);
	memcpy(got.last, frame, len);
	got.len = len;
	got.frames++;
}

static void done(void *ctx, uint64_t cookie, int status)
{
	assert_ptr_equal(ctx, &got);
	assert_in_range(cookie, 0, 255);
	got.cookies[cookie]++;
	got.done += status == 0;
	got.failed += status == -E_IO;
	assert_true(status == 0 || status == -E_IO);
}

static int poll(unsigned budget)
{
	return nic_poll_rx(&nic, budget, deliver, &got);
}

static unsigned reap(void)
{
	return nic_reap_tx(&nic, 1000, done, &got);
}

static void prepare(void)
{
	sim_machine_reset(1 << 20, 0);
	sim_virtio_net_init(&dev, BASE, IRQ);
	memset(&got, 0, sizeof(got));
	memset(&nic, 0xa5, sizeof(nic));
	/* Scattered, and in descending order. */
	for (unsigned i = 0; i < NIC_PAGES; i++)
		pages[i] = (SIM_RAM_BASE >> PAGE_SHIFT) + NIC_PAGES - i;
}

static int start(void)
{
	int error = virtio_net_probe(BASE, IRQ, &nic);

	return error != 0 ? error : nic_start(&nic, pages, NIC_PAGES);
}

static int setup(void **state)
{
	(void)state;
	shared_hook = NULL;
	prepare();
	return start();
}

static void send(unsigned len, uint64_t cookie)
{
	uint8_t head[NIC_HEAD_MAX];
	struct sg sg = { DATA, len - 60 };

	memset(head, 0x11, sizeof(head));
	assert_int_equal(nic_transmit(&nic, head, 60, &sg, len > 60, cookie), 0);
	nic_flush(&nic);
}

/* Broken is broken: reset once, silent, and everything that was under way comes back once as failed. */
static void assert_broken(unsigned pending)
{
	unsigned before = got.done + got.failed;

	assert_true(nic.broken);
	assert_non_null(nic.fault);
	assert_int_equal(dev.resets, 2);	/* one from the start */
	assert_false(nic.wedged);
	assert_int_equal(poll(10), -E_IO);
	assert_int_equal(nic_transmit(&nic, got.last, 60, NULL, 0, 9), -E_IO);
	nic_flush(&nic);
	assert_int_equal(reap(), pending);
	assert_int_equal(got.done + got.failed, before + pending);
	assert_int_equal(reap(), 0);
	assert_int_equal(nic_tx_pending(&nic), 0);
	assert_false(nic_interrupt(&nic));
	assert_int_equal(dev.resets, 2);
	for (unsigned i = 0; i < 256; i++)
		assert_true(got.cookies[i] <= 1);
}

static void an_honest_device_is_started_with_the_least_it_can_do(void **state)
{
	(void)state;
	assert_null(dev.complaint);
	assert_true(dev.accepted == (1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MAC));
	assert_memory_equal(nic.mac, dev.mac, 6);
	assert_true(nic.present && !nic.broken);
	assert_int_equal(dev.queue[0].num, 128);
	assert_int_equal(dev.notifies[0], 1);
	for (unsigned i = 0; i < NIC_RX_BUFFERS; i++)
		assert_true(sim_virtio_net_receive(&dev, got.last, 60));
	assert_false(sim_virtio_net_receive(&dev, got.last, 60));
}

static void frames_of_every_length_arrive_unchanged(void **state)
{
	uint8_t frame[NIC_FRAME_MAX];
	unsigned notifies;

	(void)state;
	for (unsigned len = 14; len <= NIC_FRAME_MAX; len++) {
		for (unsigned i = 0; i < len; i++)
			frame[i] = i * 7 + len;
		assert_true(sim_virtio_net_receive(&dev, frame, len));
		assert_true(nic_interrupt(&nic));
		assert_int_equal(poll(16), 1);
		assert_int_equal(got.len, len);
		assert_memory_equal(got.last, frame, len);
	}
	assert_int_equal(poll(16), 0);
	/* One notification for a batch, none when the device asks for none. */
	notifies = dev.notifies[0];
	for (unsigned i = 0; i < 20; i++)
		assert_true(sim_virtio_net_receive(&dev, frame, 60));
	assert_int_equal(poll(16), 16);
	assert_true(nic.rx_more);
	assert_int_equal(poll(16), 4);
	assert_false(nic.rx_more);
	assert_int_equal(dev.notifies[0], notifies + 2);
	assert_null(dev.complaint);
}

static void indices_wrap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		assert_true(sim_virtio_net_receive(&dev, got.last, 60));
		assert_int_equal(poll(2), 1);
		send(60 + i % 2, i % 256);
		assert_int_equal(reap(), 1);
	}
	assert_int_equal(got.frames, 70000);
	assert_int_equal(dev.sent, 70000);
	assert_int_equal(got.done, 70000);
	assert_null(dev.complaint);
}

static void a_packet_is_gathered_from_head_and_pieces(void **state)
{
	uint8_t head[NIC_HEAD_MAX];
	struct sg sg[NIC_SG_MAX + 1];
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(head); i++)
		head[i] = i;
	for (unsigned i = 0; i <= NIC_SG_MAX; i++) {
		sg[i] = (struct sg){ DATA + 0x1000 * i + 3 * i, 1 + 4 * i };
		memset(sim_dma(sg[i].pa, sg[i].len), 0x80 + i, sg[i].len);
		n += i < NIC_SG_MAX ? sg[i].len : 0;
	}
	assert_int_equal(nic_transmit(&nic, head, sizeof(head), sg, NIC_SG_MAX, 7), 0);
	assert_int_equal(dev.notifies[1], 0);		/* nothing before the flush */
	assert_int_equal(nic_tx_pending(&nic), 1);
	nic_flush(&nic);
	nic_flush(&nic);
	assert_int_equal(dev.notifies[1], 1);
	assert_int_equal(dev.sent, 1);
	assert_int_equal(dev.last_len, sizeof(head) + n);
	assert_memory_equal(dev.last, head, sizeof(head));
	for (unsigned i = 0, at = sizeof(head); i < NIC_SG_MAX; at += sg[i++].len)
		for (unsigned k = 0; k < sg[i].len; k++)
			assert_int_equal(dev.last[at + k], 0x80 + i);
	assert_int_equal(reap(), 1);
	assert_int_equal(got.cookies[7], 1);
	assert_int_equal(dev.irqs, 0);			/* completions raise none */

	/* Refusals leave no trace. */
	sg[0].len = NIC_FRAME_MAX;
	assert_int_equal(nic_transmit(&nic, head, sizeof(head) + 1, sg, 0, 8), -E_INVAL);
	assert_int_equal(nic_transmit(&nic, head, 60, sg, NIC_SG_MAX + 1, 8), -E_INVAL);
	assert_int_equal(nic_transmit(&nic, head, 1, sg, 1, 8), -E_INVAL);
	assert_int_equal(nic_transmit(&nic, head, 13, sg, 0, 8), -E_INVAL);
	sg[0].len = 0;
	assert_int_equal(nic_transmit(&nic, head, 60, sg, 1, 8), -E_INVAL);
	sg[0].len = sg[1].len = ~0u;
	assert_int_equal(nic_transmit(&nic, head, 60, sg, 2, 8), -E_INVAL);
	sg[0].len = NIC_FRAME_MAX;
	assert_int_equal(nic_transmit(&nic, head, 0, sg, 1, 8), 0);
	assert_int_equal(nic_transmit(&nic, head, 14, sg, 0, 9), 0);
	nic_flush(&nic);
	assert_int_equal(reap(), 2);
	assert_int_equal(nic_tx_pending(&nic), 0);
	assert_null(dev.complaint);
}

static void a_full_queue_refuses_and_recovers(void **state)
{
	uint8_t head[60] = { 0 };
	struct sg sg[NIC_SG_MAX];
	unsigned n = 0, order[NIC_TX_SLOTS];

	(void)state;
	dev.hold_tx = true;
	while (nic_transmit(&nic, head, 60, NULL, 0, n) == 0)
		n++;
	assert_int_equal(n, NIC_TX_SLOTS);
	nic_flush(&nic);
	/* Completed out of order. */
	for (unsigned i = 0; i < n; i++)
		order[i] = sim_virtio_net_take(&dev, SIM_VN_TX);
	for (unsigned i = 0; i < n; i++)
		sim_virtio_net_used(&dev, SIM_VN_TX, order[(i * 37 + 5) % n], 0);
	assert_int_equal(nic_reap_tx(&nic, 10, done, &got), 10);
	assert_int_equal(reap(), n - 10);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(got.cookies[i], 1);
	/* Descriptors run out before slots do, and come back whole. */
	for (unsigned i = 0; i < NIC_SG_MAX; i++)
		sg[i] = (struct sg){ DATA + 64 * i, 64 };
	for (n = 0; nic_transmit(&nic, head, 60, sg, NIC_SG_MAX, n) == 0; n++)
		;
	assert_int_equal(n, 128 / (1 + NIC_SG_MAX));
	nic_flush(&nic);
	dev.hold_tx = false;
	sim_virtio_net_work(&dev);
	assert_int_equal(reap(), n);
	for (unsigned i = 0; i < NIC_TX_SLOTS; i++)
		assert_int_equal(nic_transmit(&nic, head, 60, sg, 1, i), 0);
	nic_flush(&nic);
	assert_int_equal(reap(), NIC_TX_SLOTS);
	assert_false(nic.broken);
	assert_null(dev.complaint);
}

static void a_device_that_wants_no_notifications_gets_none(void **state)
{
	(void)state;
	dev.no_notify = true;
	send(60, 1);				/* this write tells the model to set its flags */
	send(60, 2);
	assert_int_equal(dev.notifies[1], 1);
	sim_virtio_net_work(&dev);
	assert_int_equal(reap(), 2);
}

static void fewer_pages_mean_fewer_buffers(void **state)
{
	(void)state;
	prepare();
	assert_int_equal(virtio_net_probe(BASE, IRQ, &nic), 0);
	assert_int_equal(nic_start(&nic, pages, 7 + 7), -E_NOMEM);
	assert_int_equal(nic_start(&nic, pages, 7 + 8), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_true(sim_virtio_net_receive(&dev, got.last, 60));
	assert_false(sim_virtio_net_receive(&dev, got.last, 60));
	assert_int_equal(poll(100), 16);
	assert_true(sim_virtio_net_receive(&dev, got.last, 60));
}

static void D7_lies_in_the_receive_ring_break_the_device_at_once(void **state)
{
	static const struct { uint32_t id, len; } lie[] = {
		{ 128, 60 }, { 0xffffffff, 60 }, { 0x10000, 60 },		/* ids that are none */
		{ 0, 2045 }, { 0, 0xffffffff }, { 0, 0 }, { 0, 11 },		/* longer than posted, shorter than its header */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lie); i++) {
		prepare();
		assert_int_equal(start(), 0);
		dev.hold_tx = true;
		send(100, 1);
		send(100, 2);
		sim_virtio_net_used(&dev, SIM_VN_RX, lie[i].id, lie[i].len);
		assert_int_equal(poll(16), -E_IO);
		assert_int_equal(got.frames, 0);
		assert_broken(2);
	}
}

static void D7_the_same_id_twice_and_free_ids_break_the_device(void **state)
{
	int id;

	(void)state;
	assert_true(sim_virtio_net_receive(&dev, got.last, 60));
	sim_virtio_net_used(&dev, SIM_VN_RX, 0, 72);	/* the one that is not posted again yet */
	assert_int_equal(nic_poll_rx(&nic, 1, deliver, &got), 1);
	assert_int_equal(poll(16), 1);			/* by now it is: it has been posted, so this is a frame */

	prepare();
	assert_int_equal(start(), 0);
	dev.hold_tx = true;
	send(60, 1);
	send(60, 2);
	id = sim_virtio_net_take(&dev, SIM_VN_TX);
	sim_virtio_net_used(&dev, SIM_VN_TX, id, 0);
	sim_virtio_net_used(&dev, SIM_VN_TX, id, 0);
	assert_int_equal(reap(), 2);
	assert_int_equal(got.done, 1);
	assert_int_equal(got.failed, 1);
	assert_broken(0);

	prepare();
	assert_int_equal(start(), 0);
	dev.hold_tx = true;
	send(60, 1);
	sim_virtio_net_used(&dev, SIM_VN_TX, 77, 0);
	assert_int_equal(reap(), 1);
	assert_int_equal(got.failed, 1);
	assert_broken(0);

	prepare();
	assert_int_equal(start(), 0);
	dev.hold_tx = true;
	send(60, 1);
	sim_virtio_net_used(&dev, SIM_VN_TX, sim_virtio_net_take(&dev, SIM_VN_TX), 1);	/* it may write nothing */
	assert_int_equal(reap(), 1);
	assert_int_equal(got.failed, 1);
	assert_broken(0);
}

static void D7_a_used_index_that_jumps_breaks_the_device(void **state)
{
	static const uint16_t jump[] = { 129, 1000, 0x8000, 0xffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(jump); i++) {
		prepare();
		assert_int_equal(start(), 0);
		sim_virtio_net_jump(&dev, SIM_VN_RX, jump[i]);
		assert_int_equal(poll(16), -E_IO);
		assert_broken(0);

		prepare();
		assert_int_equal(start(), 0);
		dev.hold_tx = true;
		send(60, 3);
		sim_virtio_net_jump(&dev, SIM_VN_TX, i == 0 ? 2 : jump[i]);	/* one is under way */
		assert_int_equal(reap(), 1);
		assert_int_equal(got.failed, 1);
		assert_broken(0);
	}
}

static void D8_descriptors_rewritten_by_the_device_are_never_read_back(void **state)
{
	int head[8];

	(void)state;
	dev.hold_tx = true;
	for (unsigned i = 0; i < 8; i++)
		send(100, i);
	for (unsigned i = 0; i < 8; i++)
		head[i] = sim_virtio_net_take(&dev, SIM_VN_TX);
	assert_true(sim_virtio_net_receive(&dev, got.last, 60));
	sim_virtio_net_scribble(&dev, SIM_VN_TX);
	sim_virtio_net_scribble(&dev, SIM_VN_RX);
	assert_int_equal(poll(4), 1);
	for (unsigned i = 0; i < 8; i++)
		sim_virtio_net_used(&dev, SIM_VN_TX, head[7 - i], 0);
	assert_int_equal(reap(), 8);
	assert_int_equal(got.done, 8);
	assert_false(nic.broken);
}

static void D9_devices_that_cannot_be_driven_are_left_alone(void **state)
{
	(void)state;
	prepare(), dev.magic ^= 1;
	assert_int_equal(start(), -E_NODEV);
	prepare(), dev.version = 1;
	assert_int_equal(start(), -E_NODEV);
	prepare(), dev.device_id = 0;
	assert_int_equal(start(), -E_NODEV);
	prepare(), dev.device_id = 2;
	assert_int_equal(start(), -E_NODEV);
	assert_int_equal(dev.resets, 0);
	assert_null(dev.complaint);

	static const uint32_t size[] = { 0, 3, 8, 129, 0xffffffff };
	for (unsigned i = 0; i < ARRAY_SIZE(size); i++) {
		prepare(), dev.num_max = size[i];
		assert_int_equal(start(), -E_IO);
		assert_true(nic.broken && !nic.present);
		assert_int_equal(dev.status, 0);
	}
	prepare(), dev.num_max = 16;
	assert_int_equal(start(), 0);
	assert_int_equal(dev.queue[0].num, 16);
	assert_null(dev.complaint);
	prepare(), dev.features &= ~(1ull << VIRTIO_F_VERSION_1);
	assert_int_equal(start(), -E_IO);
	prepare(), dev.features &= ~(1ull << VIRTIO_NET_F_MAC);
	assert_int_equal(start(), -E_IO);
	prepare(), dev.refuse_features = true;
	assert_int_equal(start(), -E_IO);
	prepare(), dev.restless = true;
	assert_int_equal(start(), -E_IO);
	prepare(), dev.stuck_in_reset = true;
	assert_int_equal(start(), -E_IO);
	assert_true(nic.wedged);
	prepare(), dev.mac[0] |= 1;
	assert_int_equal(start(), -E_IO);
	assert_int_equal(poll(1), -E_IO);
	assert_int_equal(reap(), 0);
	assert_int_equal(nic_tx_pending(&nic), 0);
	assert_false(nic_interrupt(&nic));
}

static void D9_changes_of_the_configuration_change_nothing_or_end_it(void **state)
{
	(void)state;
	dev.link = 0;
	dev.mac[5]++;
	dev.generation++;
	sim_virtio_net_interrupt(&dev, VIRTIO_MMIO_INT_CONFIG);
	assert_true(nic_interrupt(&nic));
	assert_int_equal(nic.mac[5], 0x56);		/* what programs were told stays true */
	assert_int_equal(dev.isr, 0);

	dev.hold_tx = true;
	send(60, 4);
	dev.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	sim_virtio_net_interrupt(&dev, VIRTIO_MMIO_INT_CONFIG);
	assert_false(nic_interrupt(&nic));
	assert_broken(1);
}

static void D10_a_storm_of_causeless_interrupts_ends_with_the_device(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 9999; i++)
		assert_true(nic_interrupt(&nic));
	assert_true(sim_virtio_net_receive(&dev, (uint8_t[60]){ 1 }, 60));	/* one with a frame starts the count again */
	assert_true(nic_interrupt(&nic));
	assert_int_equal(poll(64), 1);
	while (nic_interrupt(&nic))
		assert_true(++n < 20000);
	assert_in_range(n, 10000, 10010);
	assert_broken(0);
}

static void D10_a_storm_that_names_causes_and_brings_nothing_ends_too(void **state)
{
	for (unsigned cause = 1; cause < 4; cause++) {
		unsigned n = 0;

		setup(state);
		do {
			sim_virtio_net_interrupt(&dev, cause);
			assert_true(++n < 20000);
		} while (nic_interrupt(&nic) && poll(64) == 0);
		assert_in_range(n, 10000, 10010);
		assert_broken(0);
	}
}

static void D10_a_device_that_never_completes_is_given_up(void **state)
{
	(void)state;
	nic_watch(&nic, 1000, 500);
	nic_watch(&nic, 100000, 500);			/* nothing under way: nothing is late */
	assert_false(nic.broken);
	dev.hold_tx = true;
	send(60, 1);
	send(60, 2);
	nic_watch(&nic, 100400, 500);
	sim_virtio_net_used(&dev, SIM_VN_TX, sim_virtio_net_take(&dev, SIM_VN_TX), 0);
	assert_int_equal(reap(), 1);
	nic_watch(&nic, 100600, 500);			/* progress: the clock starts again */
	nic_watch(&nic, 101100, 500);
	assert_false(nic.broken);
	nic_watch(&nic, 101101, 500);
	assert_broken(1);
}

static void D10_a_reset_that_is_not_confirmed_is_remembered(void **state)
{
	(void)state;
	dev.hold_tx = true;
	send(60, 5);
	dev.stuck_in_reset = true;
	sim_virtio_net_used(&dev, SIM_VN_RX, 500, 60);
	assert_int_equal(poll(1), -E_IO);
	assert_true(nic.broken && nic.wedged);
	assert_int_equal(reap(), 1);
	assert_int_equal(got.failed, 1);
}

static void D12_frames_that_cannot_be_are_dropped_and_counted(void **state)
{
	static const unsigned length[] = { 0, 1, 13, 1515, 2032 };
	uint8_t frame[2048] = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(length); i++)
		assert_true(sim_virtio_net_receive(&dev, frame, length[i]));
	dev.rx_flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	assert_true(sim_virtio_net_receive(&dev, frame, 60));
	dev.rx_flags = 0;
	dev.rx_gso = VIRTIO_NET_HDR_GSO_TCPV4;
	assert_true(sim_virtio_net_receive(&dev, frame, 60));
	dev.rx_gso = VIRTIO_NET_HDR_GSO_ECN;
	assert_true(sim_virtio_net_receive(&dev, frame, 60));
	assert_int_equal(poll(100), 8);
	assert_int_equal(got.frames, 0);
	assert_int_equal(nic.rx_bad, 8);
	dev.rx_gso = 0;
	dev.rx_flags = VIRTIO_NET_HDR_F_DATA_VALID;	/* harmless */
	for (unsigned i = 0; i < NIC_RX_BUFFERS; i++)	/* every buffer is back */
		assert_true(sim_virtio_net_receive(&dev, frame, 60));
	assert_int_equal(poll(1000), NIC_RX_BUFFERS);
	assert_false(nic.broken);
	assert_null(dev.complaint);
}

static unsigned reads;

static uint64_t count_reads(const volatile void *at, uint64_t value, unsigned bytes)
{
	(void)at, (void)bytes;
	reads++;
	return value;
}

/* Index, id, length, flags, offload, and the flag of the repost: nothing twice. */
static void what_the_device_wrote_is_read_once(void **state)
{
	(void)state;
	assert_true(sim_virtio_net_receive(&dev, got.last, 60));
	shared_hook = count_reads;
	reads = 0;
	assert_int_equal(poll(1), 1);
	assert_int_equal(reads, 6);
	shared_hook = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_honest_device_is_started_with_the_least_it_can_do, setup),
		cmocka_unit_test_setup(frames_of_every_length_arrive_unchanged, setup),
		cmocka_unit_test_setup(indices_wrap, setup),
		cmocka_unit_test_setup(a_packet_is_gathered_from_head_and_pieces, setup),
		cmocka_unit_test_setup(a_full_queue_refuses_and_recovers, setup),
		cmocka_unit_test_setup(a_device_that_wants_no_notifications_gets_none, setup),
		cmocka_unit_test_setup(fewer_pages_mean_fewer_buffers, setup),
		cmocka_unit_test_setup(D7_lies_in_the_receive_ring_break_the_device_at_once, setup),
		cmocka_unit_test_setup(D7_the_same_id_twice_and_free_ids_break_the_device, setup),
		cmocka_unit_test_setup(D7_a_used_index_that_jumps_breaks_the_device, setup),
		cmocka_unit_test_setup(D8_descriptors_rewritten_by_the_device_are_never_read_back, setup),
		cmocka_unit_test_setup(D9_devices_that_cannot_be_driven_are_left_alone, setup),
		cmocka_unit_test_setup(D9_changes_of_the_configuration_change_nothing_or_end_it, setup),
		cmocka_unit_test_setup(D10_a_storm_of_causeless_interrupts_ends_with_the_device, setup),
		cmocka_unit_test_setup(D10_a_storm_that_names_causes_and_brings_nothing_ends_too, setup),
		cmocka_unit_test_setup(D10_a_device_that_never_completes_is_given_up, setup),
		cmocka_unit_test_setup(D10_a_reset_that_is_not_confirmed_is_remembered, setup),
		cmocka_unit_test_setup(D12_frames_that_cannot_be_are_dropped_and_counted, setup),
		cmocka_unit_test_setup(what_the_device_wrote_is_read_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
