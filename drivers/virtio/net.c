/*
 * net.c - the virtio network device
 *
 * Receive: descriptor i of queue 0 stands for buffer i for ever, so giving a buffer back is one entry of the available ring.
 *
 *	buffer, 2048 bytes:   0..3 unused   4..15 struct virtio_net_hdr_v1   16.. frame
 *
 * The frame is aligned for fast copying and for the classifier, which loads words. Transmit: a slot of 256 bytes of the
 * same form holds header and head; its descriptor is the first of the chain. The header is all zero: no offloads.
 */
#include "drivers/virtio/net.h"

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>

#include "drivers/virtio/mmio.h"
#include "drivers/virtio/queue.h"
#include "kern/arch.h"
#include "kern/shared.h"

#define HEADER		sizeof(struct virtio_net_hdr_v1)
#define HEADER_AT	4
#define FRAME_AT	(HEADER_AT + HEADER)
#define BUFFER		2048
#define SLOT		256
#define FRAME_MIN	14
#define BUFFERS_MIN	16
#define FRUITLESS_MAX	10000	/* interrupts in a row, whatever cause they name, without a frame or a completion */

struct virtio_net {
	struct virtq rx, tx;
	ppn_t rx_page[NIC_RX_BUFFERS / 2];
	ppn_t tx_page[NIC_TX_SLOTS / 16];
	uint64_t cookie[NIC_TX_SLOTS];
	uint8_t busy[NIC_TX_SLOTS];
	uint8_t free_slot[NIC_TX_SLOTS];	/* stack */
	uint8_t slot_of[VIRTQ_SIZE_MAX];	/* by the chain's head */
	uint16_t nfree_slots;
	uint16_t fail_next;			/* slots below it have been failed */
};

_Static_assert(sizeof(struct virtio_net) <= PAGE_SIZE, "the state fits its page");
_Static_assert(HEADER == 12 && FRAME_AT % 16 == 0, "the frame behind the header is aligned");
_Static_assert(FRAME_AT + NIC_HEAD_MAX <= SLOT && FRAME_AT + NIC_FRAME_MAX <= BUFFER, "slots and buffers are large enough");

static uint8_t *rx_buffer(const struct virtio_net *v, unsigned i)
{
	return (uint8_t *)page_kva(v->rx_page[i / 2]) + i % 2 * BUFFER;
}

static uint8_t *tx_slot(const struct virtio_net *v, unsigned i)
{
	return (uint8_t *)page_kva(v->tx_page[i / 16]) + i % 16 * SLOT;
}

/* No second chance: what such a device says next is worth no more. */
static void nic_break(struct nic *nic, const char *why)
{
	if (nic->broken)
		return;
	nic->broken = true;
	nic->fault = why;
	nic->rx_more = false;
	nic->wedged = !virtio_mmio_reset(nic->base);
}

int virtio_net_probe(uintptr_t base, unsigned irq, struct nic *nic)
{
	int error = virtio_mmio_probe(base, VIRTIO_ID_NET);

	if (error != 0)
		return error;
	memset(nic, 0, sizeof(*nic));
	nic->base = base;
	nic->irq = irq;
	return 0;
}

static int start(struct nic *nic, struct virtio_net *v, const ppn_t *page, unsigned nbuffers)
{
	uint32_t config[2];		/* struct virtio_net_config: the MAC address in bytes 0..5 */
	uint64_t features;
	int error;

	if ((error = virtio_mmio_negotiate(nic->base, VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | VIRTIO_FEATURE(VIRTIO_NET_F_MAC), 0,
			&features)) != 0 || (error = virtio_mmio_config(nic->base, config, 2)) != 0)
		return error;
	memcpy(nic->mac, config, sizeof(nic->mac));
	if ((nic->mac[0] & 1) != 0)
		return -E_IO;			/* a group address cannot be a station's */
	if ((error = virtq_init(&v->rx, nic->base, 0, page_kva(page[1]))) != 0 ||
	    (error = virtq_init(&v->tx, nic->base, 1, page_kva(page[2]))) != 0)
		return error;
	WRITE_ONCE(v->tx.avail->flags, VRING_AVAIL_F_NO_INTERRUPT);

	for (unsigned i = 0; i < nbuffers && i < v->rx.size; i++) {
		struct sg all = { arch_pa(rx_buffer(v, i)) + HEADER_AT, BUFFER - HEADER_AT };

		if (virtq_chain(&v->rx, &all, 1, 0) != (int)i)
			return -E_IO;
	}
	if ((error = virtio_mmio_go(nic->base)) != 0)
		return error;
	virtq_publish(&v->rx);
	return 0;
}

int nic_start(struct nic *nic, const ppn_t *page, unsigned npages)
{
	const unsigned fixed = 3 + NIC_TX_SLOTS / 16;
	struct virtio_net *v;
	int error;

	if (npages > NIC_PAGES)
		npages = NIC_PAGES;
	if (npages < fixed + BUFFERS_MIN / 2)
		return -E_NOMEM;
	for (unsigned i = 0; i < npages; i++)
		memset(page_kva(page[i]), 0, PAGE_SIZE);
	v = page_kva(page[0]);
	memcpy(v->tx_page, page + 3, sizeof(v->tx_page));
	memcpy(v->rx_page, page + fixed, (npages - fixed) * sizeof(ppn_t));
	for (unsigned i = 0; i < NIC_TX_SLOTS; i++)
		v->free_slot[i] = NIC_TX_SLOTS - 1 - i;
	v->nfree_slots = NIC_TX_SLOTS;
	nic->driver = v;
	if ((error = start(nic, v, page, 2 * (npages - fixed))) != 0) {
		nic_break(nic, "the device could not be started");
		return error;
	}
	nic->present = true;
	return 0;
}

bool nic_interrupt(struct nic *nic)
{
	uint32_t cause;

	if (nic->broken || !nic->present)
		return false;
	cause = virtio_mmio_interrupt(nic->base);
	if (++nic->fruitless > FRUITLESS_MAX) {
		nic_break(nic, "interrupts that bring nothing do not end");
		return false;
	}
	/* Nothing that we use changes: the MAC address is what it was at the start. */
	if ((cause & VIRTIO_MMIO_INT_CONFIG) != 0 && virtio_mmio_needs_reset(nic->base))
		nic_break(nic, "the device needs a reset");
	return !nic->broken;
}

int nic_poll_rx(struct nic *nic, unsigned budget, void (*deliver)(void *ctx, const uint8_t *frame, size_t len), void *ctx)
{
	struct virtio_net *v = nic->driver;
	unsigned n = 0;

	if (nic->broken || !nic->present)
		return -E_IO;
	while (n < budget) {
		uint32_t len;
		int i = virtq_take(&v->rx, &len);

		if (i == VIRTQ_NONE)
			break;
		if (i < 0 || len < HEADER) {
			nic_break(nic, "a receive completion that cannot be");
			return -E_IO;
		}
		uint8_t *buffer = rx_buffer(v, i);
		struct virtio_net_hdr_v1 *h = (void *)(buffer + HEADER_AT);

		len -= HEADER;
		/*
		 * We agreed on no offload, so none may be asked of us (5.1.6.4). num_buffers counts for nothing without
		 * MRG_RXBUF, and QEMU before 9.2 leaves it at random.
		 */
		if ((READ_SHARED(h->flags) & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 || READ_SHARED(h->gso_type) != VIRTIO_NET_HDR_GSO_NONE ||
		    len < FRAME_MIN || len > NIC_FRAME_MAX) {
			nic->rx_bad++;
		} else {
			deliver(ctx, buffer + FRAME_AT, len);
		}
		virtq_post(&v->rx, i);
		n++;
		if (v->rx.used_idx == v->rx.used_seen)
			break;		/* what came meanwhile interrupts again: the cause was acknowledged before */
	}
	virtq_publish(&v->rx);
	nic->rx_more = n == budget;
	if (n > 0)
		nic->fruitless = 0;
	return n;
}

int nic_transmit(struct nic *nic, const void *head, size_t head_len, const struct sg *sg, unsigned nsg, uint64_t cookie)
{
	struct virtio_net *v = nic->driver;
	struct sg piece[1 + NIC_SG_MAX];
	uint64_t total = head_len;
	unsigned slot;
	uint8_t *to;
	int chain;

	if (nic->broken || !nic->present)
		return -E_IO;
	if (head_len > NIC_HEAD_MAX || nsg > NIC_SG_MAX)
		return -E_INVAL;
	for (unsigned i = 0; i < nsg; i++) {
		if (sg[i].len == 0)
			return -E_INVAL;
		total += sg[i].len;
		piece[1 + i] = sg[i];
	}
	if (total < FRAME_MIN || total > NIC_FRAME_MAX)
		return -E_INVAL;
	if (v->nfree_slots == 0)
		return -E_FULL;

	slot = v->free_slot[v->nfree_slots - 1];
	to = tx_slot(v, slot);
	piece[0].pa = arch_pa(to) + HEADER_AT;
	piece[0].len = HEADER + head_len;
	if ((chain = virtq_chain(&v->tx, piece, 1 + nsg, 1 + nsg)) < 0)
		return chain;
	memcpy(to + FRAME_AT, head, head_len);
	v->nfree_slots--;
	v->slot_of[chain] = slot;
	v->busy[slot] = 1;
	v->cookie[slot] = cookie;
	nic->tx_frames++;
	return 0;
}

void nic_flush(struct nic *nic)
{
	struct virtio_net *v = nic->driver;

	if (!nic->broken && nic->present)
		virtq_publish(&v->tx);
}

unsigned nic_reap_tx(struct nic *nic, unsigned budget, void (*done)(void *ctx, uint64_t cookie, int status), void *ctx)
{
	struct virtio_net *v = nic->driver;
	unsigned n = 0;

	if (!nic->present)
		return 0;
	while (n < budget && !nic->broken) {
		uint32_t len;
		int chain = virtq_take(&v->tx, &len);

		if (chain == VIRTQ_NONE)
			return n;
		if (chain < 0) {
			nic_break(nic, "a transmit completion that cannot be");
			break;
		}
		unsigned slot = v->slot_of[chain];

		virtq_free(&v->tx, chain);
		v->busy[slot] = 0;
		v->free_slot[v->nfree_slots++] = slot;
		nic->fruitless = 0;
		n++;
		done(ctx, v->cookie[slot], 0);
	}
	for (; nic->broken && n < budget && v->fail_next < NIC_TX_SLOTS; v->fail_next++)
		if (v->busy[v->fail_next]) {
			v->busy[v->fail_next] = 0;
			v->nfree_slots++;
			n++;
			done(ctx, v->cookie[v->fail_next], -E_IO);
		}
	return n;
}

unsigned nic_tx_pending(const struct nic *nic)
{
	const struct virtio_net *v = nic->driver;

	return nic->present ? NIC_TX_SLOTS - v->nfree_slots : 0;
}

void nic_watch(struct nic *nic, ticks_t now, ticks_t limit)
{
	uint64_t completed = nic->tx_frames - nic_tx_pending(nic);

	if (!nic->present || nic->broken)
		return;
	if (nic_tx_pending(nic) == 0 || completed != nic->tx_seen) {
		nic->tx_seen = completed;
		nic->tx_since = now;
	} else if (now - nic->tx_since > limit) {
		nic_break(nic, "a packet is not sent");
	}
}
