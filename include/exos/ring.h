/*
 * ring.h - the page that a packet ring shares with its owner, and the entry of the transmit list
 *
 * Receive: the owner registers pages as buffers (ring_buffer), which pins them, and offers them by writing their numbers
 * to avail[] and then advancing avail_idx. The kernel writes one packet into one buffer, from its first byte, zeroes the
 * rest up to the next multiple of 8, appends {buffer, length} to used[] and advances used_idx; used_idx is written last.
 * Transmit: net_send() queues; each completion appends its cookie to sent[] and advances sent_idx.
 * Indices run freely and wrap at 2^32. A full ring drops: `dropped` counts. The kernel keeps its own copies of the
 * indices that it writes and judges what it reads, so the owner harms nobody but itself by writing nonsense.
 */
#ifndef EXOS_RING_H
#define EXOS_RING_H

#include <stdint.h>

#define RING_SIZE	128	/* entries of avail[], used[] and sent[]; buffers per ring */
#define RING_FRAME_MAX	1514	/* longest frame, without FCS */
#define SEND_HEAD	128	/* bytes at the front of a packet that the kernel copies and judges */
#define SEND_SEGMENTS	16

struct ring_used {
	uint16_t buffer;
	uint16_t length;
	uint32_t time;		/* low half of the time CSR at arrival */
};

struct ring_shared {
	uint32_t version;	/* kernel: EXOS_ABI_VERSION */
	uint32_t size;		/* kernel: RING_SIZE */
	uint32_t avail_idx;	/* owner */
	uint32_t zero;
	uint32_t used_idx;	/* kernel */
	uint32_t sent_idx;	/* kernel */
	uint64_t dropped;	/* kernel: packets for this ring without a free buffer */
	uint64_t received;	/* kernel */
	uint16_t avail[RING_SIZE];
	struct ring_used used[RING_SIZE];
	uint64_t sent[RING_SIZE];	/* cookie << 1 | failed */
};

/* One piece of a packet to send: bytes of a page that the sender holds a capability with PROT_R for. */
struct send_segment {
	uint32_t slot;		/* page capability, 4 KiB page */
	uint16_t offset, length;	/* within the page */
};

#endif
