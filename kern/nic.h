/*
 * nic.h - a network device, as kern/ sees it
 *
 * The device only moves frames. Receive buffers and the heads of packets to send are the kernel's own pages; the rest of
 * a packet goes out straight from the sender's pages. Every descriptor is written by the kernel, and no program sees one.
 *
 * A device that breaks its protocol is broken from then on: it is reset, nothing is retried, and what was under way
 * comes back once from nic_reap_tx() with -E_IO.
 *
 * Context: kernel lock held, interrupts off; nothing here waits. Work per call is bounded by the budget passed.
 */
#ifndef KERN_NIC_H
#define KERN_NIC_H

#include "kern/lib.h"

#define NIC_MTU		1500
#define NIC_FRAME_MAX	(NIC_MTU + 14)
#define NIC_HEAD_MAX	128	/* bytes that nic_transmit() copies */
#define NIC_SG_MAX	17	/* pieces behind them */
#define NIC_TX_SLOTS	64	/* packets under way */
#define NIC_RX_BUFFERS	128

/* Pages that nic_start() takes: state, two queues, heads (16 per page), receive buffers (2 per page). */
#define NIC_PAGES	(1 + 2 + NIC_TX_SLOTS / 16 + NIC_RX_BUFFERS / 2)

struct nic {
	uint8_t  mac[6];
	uint32_t irq;
	bool present;		/* nic_start() succeeded */
	bool broken;		/* for good */
	bool wedged;		/* broken, and did not confirm the reset: it may still write where it was told to */
	bool rx_more;		/* nic_poll_rx() stopped at its budget: call it again, no interrupt will come for the rest */

	uint64_t rx_bad;	/* dropped: length or header that cannot be */
	uint64_t tx_frames;
	const char *fault;	/* why it is broken */

	uintptr_t base;
	void *driver;		/* in the first of its pages */
	ticks_t tx_since;	/* nic_watch(): when a send was last completed or nothing was under way */
	uint64_t tx_seen;
	uint32_t fruitless;	/* interrupts since a frame came or a send was completed */
};

/* One piece of a packet: physically contiguous, pinned until the completion. */
struct sg {
	paddr_t  pa;
	uint32_t len;		/* not 0 */
};

/* virtio_net_probe() of drivers/virtio/net.h finds the device and fills in *nic; then: */

/*
 * Give the device its memory and switch it on. The pages need not be contiguous and belong to the driver for ever.
 * npages is at most NIC_PAGES; fewer mean fewer receive buffers. Fills in mac, present.
 * Returns 0; -E_NOMEM: room for fewer than 16 receive buffers; -E_IO: it lacks something that we need or misbehaves.
 */
int nic_start(struct nic *nic, const ppn_t *page, unsigned npages);

/*
 * Its interrupt came: acknowledge it. Call nic_poll_rx() afterwards.
 * Returns false when its line should be disabled for good: the device is broken.
 */
bool nic_interrupt(struct nic *nic);

/*
 * Take up to budget received frames. frame is 16-byte aligned, 14 <= len <= NIC_FRAME_MAX, and readable up to
 * frame + 2032; it is valid during deliver() only. A device that ignores its protocol can change it meanwhile.
 * Returns the number taken, also of bad ones; -E_IO: the device is broken.
 */
int nic_poll_rx(struct nic *nic, unsigned budget, void (*deliver)(void *ctx, const uint8_t *frame, size_t len), void *ctx);

/*
 * Queue a packet: head, which is copied, then nsg pieces in place. Nothing reaches the device before nic_flush().
 * cookie comes back from nic_reap_tx() exactly once.
 * Returns 0; -E_INVAL: head_len > NIC_HEAD_MAX, nsg > NIC_SG_MAX, a piece of 0 bytes, less than 14 or more than
 * NIC_FRAME_MAX bytes in all; -E_FULL: reap first; -E_IO: broken.
 */
int nic_transmit(struct nic *nic, const void *head, size_t head_len, const struct sg *sg, unsigned nsg, uint64_t cookie);

/* Tell the device about everything queued since the last flush: at most one register write. */
void nic_flush(struct nic *nic);

/*
 * Take back up to budget packets that were sent (status 0), or on a broken device were not (status -E_IO). done() may
 * unpin their pages, unless nic->wedged. No interrupt announces completions: reap before sending and now and then.
 * Returns how many.
 */
unsigned nic_reap_tx(struct nic *nic, unsigned budget, void (*done)(void *ctx, uint64_t cookie, int status), void *ctx);

/* Packets under way. */
unsigned nic_tx_pending(const struct nic *nic);

/* Declare the device broken when sends are under way and none has been reaped for limit ticks. Call it now and then. */
void nic_watch(struct nic *nic, ticks_t now, ticks_t limit);

#endif
