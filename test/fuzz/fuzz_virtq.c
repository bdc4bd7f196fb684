/*
 * fuzz_virtq.c - the network driver over a device whose every word is invented
 *
 * The input is a list of steps: what the kernel does, what the device does, and, while it is hostile, what each read of
 * shared memory and of its registers gives. Whatever comes, frames delivered lie within a buffer, each cookie comes back
 * exactly once, and a broken device stays broken.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_mmio.h>

#include "drivers/virtio/net.h"
#include "kern/shared.h"
#include "test/sim/sim.h"
#include "test/sim/sim_virtio_net.h"

#define BASE	0x10008000ul
#define COOKIES	4096

static const uint8_t *input;
static size_t left;
static bool hostile;
static struct sim_virtio_net dev;
static struct nic nic;
static uint8_t cookie_state[COOKIES];	/* 1: under way, 2: came back */
static unsigned ncookies, pending;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static uint8_t byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *input++;
}

/* Small lies are more dangerous than large ones: a first byte says how far from the truth. */
static uint64_t lie(const volatile void *at, uint64_t value, unsigned bytes)
{
	unsigned how;

	(void)at;
	if (!hostile || left == 0)
		return value;
	how = byte();
	if (how < 128)
		return value;
	if (how < 192)
		return (bytes == 2 ? (uint16_t)(value + how - 160) : (uint32_t)(value + how - 160));
	return bytes == 1 ? byte() : bytes == 2 ? byte() | byte() << 8 : byte() | byte() << 8 | (uint32_t)byte() << 24;
}

static void deliver(void *ctx, const uint8_t *frame, size_t len)
{
	(void)ctx;
	check(len >= 14 && len <= NIC_FRAME_MAX && (uintptr_t)frame % 16 == 0);
	check(frame >= sim_ram.start && frame + len <= sim_ram.start + (NIC_PAGES << PAGE_SHIFT));
}

static void done(void *ctx, uint64_t cookie, int status)
{
	(void)ctx;
	check(cookie < COOKIES && cookie_state[cookie] == 1 && pending > 0);
	check(status == 0 || (status == -E_IO && nic.broken));
	cookie_state[cookie] = 2;
	pending--;
}

static void transmit(void)
{
	uint8_t head[NIC_HEAD_MAX] = { 0 };
	struct sg sg[NIC_SG_MAX + 1];
	unsigned nsg = byte() % (NIC_SG_MAX + 2), head_len = byte() % (NIC_HEAD_MAX + 2);

	for (unsigned i = 0; i < nsg && i <= NIC_SG_MAX; i++)
		sg[i] = (struct sg){ SIM_RAM_BASE + 0x80000 + byte() * 16, byte() };
	if (nic_transmit(&nic, head, head_len, sg, nsg, ncookies) == 0) {
		check(ncookies < COOKIES);
		cookie_state[ncookies++] = 1;
		pending++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	ppn_t pages[NIC_PAGES];
	uint8_t frame[2048] = { 0 };
	uint64_t now = 0;
	bool was_broken = false;

	if (len > 4 * COOKIES)
		return 0;
	input = data;
	left = len;
	hostile = false;
	ncookies = pending = 0;
	memset(cookie_state, 0, sizeof(cookie_state));
	sim_machine_reset(1 << 20, 0);
	sim_virtio_net_init(&dev, BASE, 8);
	for (unsigned i = 0; i < NIC_PAGES; i++)
		pages[i] = (SIM_RAM_BASE >> PAGE_SHIFT) + i;
	shared_hook = lie;
	check(virtio_net_probe(BASE, 8, &nic) == 0 && nic_start(&nic, pages, NIC_PAGES) == 0);

	while (left > 0) {
		unsigned op = byte();

		switch (op % 16) {
		case 0: case 1: check(nic_poll_rx(&nic, byte() % 32, deliver, NULL) <= 31); break;
		case 2: case 3: transmit(); break;
		case 4: nic_reap_tx(&nic, byte() % 32, done, NULL); break;
		case 5: nic_flush(&nic); break;
		case 6: nic_interrupt(&nic); break;
		case 7: nic_watch(&nic, now += byte(), 1000); break;
		case 8: sim_virtio_net_receive(&dev, frame, byte() * 8); break;
		case 9: sim_virtio_net_work(&dev); break;
		case 10: dev.hold_tx = !dev.hold_tx; break;
		case 11: hostile = !hostile; break;
		case 12: sim_virtio_net_interrupt(&dev, byte() & 3); break;
		case 13: dev.status |= op & 0x40; dev.restless = (op & 0x80) != 0; break;
		case 14: dev.rx_flags = byte(); dev.rx_gso = op >> 6; break;
		case 15:
			if (dev.queue[0].ready && dev.queue[1].ready)
				sim_virtio_net_used(&dev, op >> 4 & 1, byte(), op & 0x20 ? byte() * 16 : 0);
			break;
		}
		check(nic.broken || !was_broken);
		was_broken = nic.broken;
		check(nic_tx_pending(&nic) == pending);
	}
	/* The end of the device: everything comes back. */
	hostile = false;
	if (!nic.broken) {
		sim_virtio_net_jump(&dev, SIM_VN_RX, 1000);
		nic_poll_rx(&nic, 1000, deliver, NULL);
	}
	while (nic_poll_rx(&nic, 1000, deliver, NULL) > 0)
		;
	check(nic.broken);
	for (unsigned i = 0; i < 100; i++)
		nic_reap_tx(&nic, 3, done, NULL);
	check(pending == 0);
	for (unsigned i = 0; i < ncookies; i++)
		check(cookie_state[i] == 2);
	return 0;
}
