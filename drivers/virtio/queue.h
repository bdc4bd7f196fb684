/*
 * queue.h - split virtqueues
 *
 * One page holds the descriptors and both rings, which the device can write; struct virtq is ours alone and knows all
 * that we need: which descriptors are free, which chains are with the device and how much it may write into each. So
 * the descriptors and the available ring are written and never read back, and of the used ring each word is read once.
 *
 * virtq_post() and virtq_chain() collect; virtq_publish() shows the device all of it with one index and at most one notification.
 * Source: VIRTIO 1.2, 2.7 (split virtqueues).
 */
#ifndef DRIVERS_VIRTIO_QUEUE_H
#define DRIVERS_VIRTIO_QUEUE_H

#include <linux/virtio_ring.h>

#include "kern/nic.h"

#define VIRTQ_SIZE_MAX	128	/* descriptors; power of two; all of it fits one page */
#define VIRTQ_SIZE_MIN	16
#define VIRTQ_NONE	0xffffu

struct virtq {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uintptr_t base;			/* of the device's registers */
	uint16_t index, size;
	uint16_t avail_idx;		/* next entry to post, free-running */
	uint16_t published;		/* what the device was shown of it */
	uint16_t used_idx;		/* next entry to take, free-running */
	uint16_t used_seen;		/* the device's index when last read */
	uint16_t inflight;		/* chains posted and not taken back */
	uint16_t free, nfree;		/* list of free descriptors */
	struct {
		uint16_t next;		/* of a free descriptor, or in a chain; VIRTQ_NONE at the end */
		uint8_t  head;		/* 1: head of a chain that is with the device */
		uint8_t  zero;
		uint32_t room;		/* of a head: bytes that the device may write */
	} shadow[VIRTQ_SIZE_MAX];
};

/*
 * Set up queue number index of the device at base, which has agreed on its features, in a page of ours.
 * Returns 0; -E_IO: it has no such queue, its size is no power of two or too small, or the queue is in use.
 */
int virtq_init(struct virtq *q, uintptr_t base, unsigned index, void *page);

/*
 * Make and post a chain of n pieces, of which the device reads the first nread and writes the others.
 * Returns its head, -E_FULL: fewer than n descriptors are free.
 */
int virtq_chain(struct virtq *q, const struct sg *piece, unsigned n, unsigned nread);

/* Post a chain that came back from virtq_take() and was not freed, again, as it was. */
void virtq_post(struct virtq *q, unsigned head);

/* Show the device what was posted. Returns true when it had to be notified. */
bool virtq_publish(struct virtq *q);

/*
 * Take back one chain. Returns its head, *len being the bytes that the device says it wrote, at most the room it had;
 * VIRTQ_NONE: there is none; -E_IO: the device broke the rules: an index that jumps, a head that it does not have, a
 * length beyond the room.
 */
int virtq_take(struct virtq *q, uint32_t *len);

/* The descriptors of a chain that was taken back are free again. */
void virtq_free(struct virtq *q, unsigned head);

#endif
