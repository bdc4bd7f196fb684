/*
 * queue.c - split virtqueues; see queue.h
 */
#include "drivers/virtio/queue.h"

#include <linux/virtio_mmio.h>

#include "kern/arch.h"
#include "kern/shared.h"

/* Within the page: descriptors, available ring (2-byte aligned), used ring (4-byte aligned). */
#define AVAIL_AT	(VIRTQ_SIZE_MAX * sizeof(struct vring_desc))
#define USED_AT		((AVAIL_AT + sizeof(struct vring_avail) + 2 * VIRTQ_SIZE_MAX + 2 + 63) & ~63ul)

_Static_assert(USED_AT + sizeof(struct vring_used) + VIRTQ_SIZE_MAX * sizeof(struct vring_used_elem) + 2 <= PAGE_SIZE,
	"a queue fits one page");

static void write_address(uintptr_t low, paddr_t pa)
{
	mmio_write32(low, (uint32_t)pa);
	mmio_write32(low + 4, pa >> 32);
}

int virtq_init(struct virtq *q, uintptr_t base, unsigned index, void *page)
{
	uint32_t max;

	memset(q, 0, sizeof(*q));
	memset(page, 0, PAGE_SIZE);
	q->base = base;
	q->index = index;
	q->desc = page;
	q->avail = (void *)((char *)page + AVAIL_AT);
	q->used = (void *)((char *)page + USED_AT);

	/* 4.2.3.2 */
	mmio_write32(base + VIRTIO_MMIO_QUEUE_SEL, index);
	if (mmio_read32(base + VIRTIO_MMIO_QUEUE_READY) != 0)
		return -E_IO;
	max = mmio_read32(base + VIRTIO_MMIO_QUEUE_NUM_MAX);
	if (max < VIRTQ_SIZE_MIN || (max & (max - 1)) != 0)
		return -E_IO;
	q->size = max < VIRTQ_SIZE_MAX ? max : VIRTQ_SIZE_MAX;
	for (unsigned i = 0; i < q->size; i++)
		q->shadow[i].next = i + 1 < q->size ? i + 1 : VIRTQ_NONE;
	q->nfree = q->size;

	mmio_write32(base + VIRTIO_MMIO_QUEUE_NUM, q->size);
	write_address(base + VIRTIO_MMIO_QUEUE_DESC_LOW, arch_pa(q->desc));
	write_address(base + VIRTIO_MMIO_QUEUE_AVAIL_LOW, arch_pa(q->avail));
	write_address(base + VIRTIO_MMIO_QUEUE_USED_LOW, arch_pa(q->used));
	mmio_write32(base + VIRTIO_MMIO_QUEUE_READY, 1);
	return mmio_read32(base + VIRTIO_MMIO_QUEUE_READY) == 1 ? 0 : -E_IO;
}

void virtq_post(struct virtq *q, unsigned head)
{
	KASSERT(head < q->size && q->inflight < q->size && !q->shadow[head].head);
	q->shadow[head].head = 1;
	q->inflight++;
	WRITE_ONCE(q->avail->ring[q->avail_idx & (q->size - 1)], head);
	q->avail_idx++;
}

int virtq_chain(struct virtq *q, const struct sg *piece, unsigned n, unsigned nread)
{
	unsigned head = q->free, at = head, last = head;
	uint64_t room = 0;

	KASSERT(n >= 1 && nread <= n);
	if (q->nfree < n)
		return -E_FULL;
	for (unsigned i = 0; i < n; i++) {
		struct vring_desc d = { .addr = piece[i].pa, .len = piece[i].len };

		last = at;
		at = q->shadow[at].next;
		if (i >= nread) {
			d.flags |= VRING_DESC_F_WRITE;
			room += piece[i].len;
		}
		if (i + 1 < n) {
			d.flags |= VRING_DESC_F_NEXT;
			d.next = at;
		}
		q->desc[last] = d;
	}
	q->free = at;
	q->nfree -= n;
	q->shadow[last].next = VIRTQ_NONE;
	q->shadow[head].room = room < UINT32_MAX ? room : UINT32_MAX;
	virtq_post(q, head);
	return head;
}

bool virtq_publish(struct virtq *q)
{
	if (q->published == q->avail_idx)
		return false;
	dma_wmb();				/* descriptors and ring before the index */
	WRITE_ONCE(q->avail->idx, q->avail_idx);
	q->published = q->avail_idx;
	dma_mb();				/* the index before the device's flag (2.7.10) */
	if ((READ_SHARED(q->used->flags) & VRING_USED_F_NO_NOTIFY) != 0)
		return false;
	mmio_write32(q->base + VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
	return true;
}

int virtq_take(struct virtq *q, uint32_t *len)
{
	struct vring_used_elem *e;
	uint32_t id, wrote;

	if (q->used_idx == q->used_seen) {
		uint16_t seen = READ_SHARED(q->used->idx);

		if (seen == q->used_idx)
			return VIRTQ_NONE;
		if ((uint16_t)(seen - q->used_idx) > q->inflight)
			return -E_IO;
		q->used_seen = seen;
		dma_rmb();			/* the index before the entries */
	}
	e = &q->used->ring[q->used_idx & (q->size - 1)];
	id = READ_SHARED(e->id);
	wrote = READ_SHARED(e->len);
	if (id >= q->size || !q->shadow[id].head || wrote > q->shadow[id].room)
		return -E_IO;
	q->used_idx++;
	q->shadow[id].head = 0;
	q->inflight--;
	*len = wrote;
	return id;
}

void virtq_free(struct virtq *q, unsigned head)
{
	unsigned last = head, n = 1;

	KASSERT(head < q->size && !q->shadow[head].head);
	while (q->shadow[last].next != VIRTQ_NONE) {
		last = q->shadow[last].next;
		KASSERT(++n <= q->size);
	}
	q->shadow[last].next = q->nfree > 0 ? q->free : VIRTQ_NONE;
	q->free = head;
	q->nfree += n;
}
