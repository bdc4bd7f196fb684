/*
 * sim_virtio_net.c - a virtio network device of the simulated machine; see sim_virtio_net.h
 */
#include "test/sim/sim_virtio_net.h"

#include <string.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "test/sim/sim.h"

#define RUNNING (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)

static void complain(struct sim_virtio_net *n, const char *what)
{
	if (n->complaint == NULL)
		n->complaint = what;
}

/* Memory that the driver named; nothing when it named none, so that the model survives any driver. */
static void *memory(struct sim_virtio_net *n, uint64_t pa, size_t bytes)
{
	static uint8_t nowhere[65536];
	void *p = sim_dma(pa, bytes);

	if (p != NULL)
		return p;
	complain(n, "an address outside memory");
	return nowhere;
}

static struct vring_desc *desc(struct sim_virtio_net *n, unsigned q, unsigned i)
{
	return (struct vring_desc *)memory(n, n->queue[q].desc, 16 * n->queue[q].num) + i % n->queue[q].num;
}

static struct vring_avail *avail(struct sim_virtio_net *n, unsigned q)
{
	return memory(n, n->queue[q].avail, 6 + 2 * n->queue[q].num);
}

static struct vring_used *used(struct sim_virtio_net *n, unsigned q)
{
	return memory(n, n->queue[q].used, 6 + 8 * n->queue[q].num);
}

static bool running(const struct sim_virtio_net *n, unsigned q)
{
	return (n->status & RUNNING) == RUNNING && n->queue[q].ready;
}

void sim_virtio_net_interrupt(struct sim_virtio_net *n, uint32_t cause)
{
	n->isr |= cause;
	n->irqs++;
	sim_irq_raise(n->irq);
}

void sim_virtio_net_used(struct sim_virtio_net *n, unsigned q, uint32_t id, uint32_t len)
{
	struct sim_virtio_queue *vq = &n->queue[q];
	struct vring_used *u = used(n, q);

	u->ring[vq->used_idx % vq->num].id = id;
	u->ring[vq->used_idx % vq->num].len = len;
	u->idx = ++vq->used_idx;
	if (vq->pending > 0)
		vq->pending--;
	if ((avail(n, q)->flags & VRING_AVAIL_F_NO_INTERRUPT) == 0)
		sim_virtio_net_interrupt(n, VIRTIO_MMIO_INT_VRING);
}

void sim_virtio_net_jump(struct sim_virtio_net *n, unsigned q, uint16_t by)
{
	used(n, q)->idx = n->queue[q].used_idx += by;
}

void sim_virtio_net_scribble(struct sim_virtio_net *n, unsigned q)
{
	memset(desc(n, q, 0), 0xee, 16 * n->queue[q].num);
	memset(avail(n, q), 0xee, 4 + 2 * n->queue[q].num);
}

int sim_virtio_net_take(struct sim_virtio_net *n, unsigned q)
{
	struct sim_virtio_queue *vq = &n->queue[q];
	unsigned head;

	if (!running(n, q) || avail(n, q)->idx == vq->avail_seen)
		return -1;
	if ((uint16_t)(avail(n, q)->idx - vq->avail_seen) > vq->num)
		complain(n, "the available index jumps");
	head = avail(n, q)->ring[vq->avail_seen % vq->num];
	if (head >= vq->num)
		complain(n, "a head beyond the queue");
	vq->avail_seen++;
	vq->pending++;
	return head % vq->num;
}

/* Gather a chain that the device reads. Returns its length. */
static size_t gather(struct sim_virtio_net *n, unsigned q, unsigned head, uint8_t *to, size_t max)
{
	size_t len = 0;

	for (unsigned i = 0; ; i++) {
		struct vring_desc *d = desc(n, q, head);

		if (i == n->queue[q].num) {
			complain(n, "a chain without an end");
			break;
		}
		if ((d->flags & (VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)) != 0)
			complain(n, "a packet to send in a descriptor for writing");
		if (d->len == 0 || d->len > max - len) {
			complain(n, "a descriptor of an absurd length");
			break;
		}
		memcpy(to + len, memory(n, d->addr, d->len), d->len);
		len += d->len;
		if ((d->flags & VRING_DESC_F_NEXT) == 0)
			break;
		head = d->next;
	}
	return len;
}

void sim_virtio_net_work(struct sim_virtio_net *n)
{
	static const struct virtio_net_hdr_v1 plain;
	uint8_t packet[4096];
	int head;

	while (!n->hold_tx && (head = sim_virtio_net_take(n, SIM_VN_TX)) >= 0) {
		size_t len = gather(n, SIM_VN_TX, head, packet, sizeof(packet));

		if (len < 12 + 14 || len > 12 + 1514 || memcmp(packet, &plain, 12) != 0) {
			complain(n, "a packet without a plain header or of a wrong length");
		} else {
			n->sent++;
			n->last_len = len - 12;
			memcpy(n->last, packet + 12, n->last_len);
			if (n->on_send != NULL)
				n->on_send(n->ctx, n->last, n->last_len);
		}
		sim_virtio_net_used(n, SIM_VN_TX, head, 0);
	}
}

bool sim_virtio_net_receive(struct sim_virtio_net *n, const void *frame, size_t len)
{
	struct virtio_net_hdr_v1 h = { .flags = n->rx_flags, .gso_type = n->rx_gso, .num_buffers = 1 };
	int head = sim_virtio_net_take(n, SIM_VN_RX);
	struct vring_desc *d;
	uint8_t *to;

	if (head < 0)
		return false;
	d = desc(n, SIM_VN_RX, head);
	if ((d->flags & VRING_DESC_F_WRITE) == 0 || d->len < 12 + 1514)
		complain(n, "a receive buffer that is too small or not for writing");
	to = memory(n, d->addr, d->len);
	if (len > d->len - 12)
		len = d->len - 12;
	memcpy(to, &h, 12);
	memcpy(to + 12, frame, len);
	sim_virtio_net_used(n, SIM_VN_RX, head, 12 + len);
	return true;
}

bool sim_virtio_net_has_work(struct sim_virtio_net *n)
{
	return running(n, SIM_VN_TX) && avail(n, SIM_VN_TX)->idx != n->queue[SIM_VN_TX].avail_seen;
}

static uint32_t config_read(struct sim_virtio_net *n, uint64_t at)
{
	uint8_t config[12] = { 0 };
	uint32_t v = 0;

	memcpy(config, n->mac, 6);
	memcpy(config + 6, &n->link, 2);
	if (at <= 8)
		memcpy(&v, config + at, 4);
	return v;
}

static uint32_t reg_read(struct sim_device *device, uint64_t at)
{
	struct sim_virtio_net *n = device->self;

	if (at >= VIRTIO_MMIO_CONFIG)
		return config_read(n, at - VIRTIO_MMIO_CONFIG);
	switch (at) {
	case VIRTIO_MMIO_MAGIC_VALUE: return n->magic;
	case VIRTIO_MMIO_VERSION: return n->version;
	case VIRTIO_MMIO_DEVICE_ID: return n->device_id;
	case VIRTIO_MMIO_VENDOR_ID: return 0;
	case VIRTIO_MMIO_DEVICE_FEATURES: return n->device_sel == 0 ? (uint32_t)n->features : n->device_sel == 1 ? n->features >> 32 : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX: return n->queue_sel < 2 ? n->num_max : 0;
	case VIRTIO_MMIO_QUEUE_READY: return n->queue_sel < 2 ? n->queue[n->queue_sel].ready : 0;
	case VIRTIO_MMIO_INTERRUPT_STATUS: return n->isr;
	case VIRTIO_MMIO_STATUS: return n->status;
	case VIRTIO_MMIO_CONFIG_GENERATION: return n->restless ? n->generation++ : n->generation;
	default: complain(n, "a read of a register that is none"); return 0;
	}
}

static void reset(struct sim_virtio_net *n)
{
	n->resets++;
	n->isr = n->device_sel = n->driver_sel = n->queue_sel = 0;
	n->accepted = 0;
	memset(n->queue, 0, sizeof(n->queue));
	n->status = n->stuck_in_reset ? VIRTIO_CONFIG_S_NEEDS_RESET : 0;
	if (!n->line_stuck)
		sim_irq_lower(n->irq);
}

static void status_write(struct sim_virtio_net *n, uint32_t value)
{
	if (value == 0) {
		reset(n);
		return;
	}
	if ((n->status & ~value & ~VIRTIO_CONFIG_S_NEEDS_RESET) != 0 && value != VIRTIO_CONFIG_S_FAILED)
		complain(n, "a status bit is taken back");
	if ((value & VIRTIO_CONFIG_S_DRIVER_OK) != 0 && (value & RUNNING) != RUNNING)
		complain(n, "DRIVER_OK before its time");
	if ((value & VIRTIO_CONFIG_S_FEATURES_OK) != 0 && (n->refuse_features || (n->accepted & ~n->features) != 0))
		value &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	n->status = value | (n->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void half(uint64_t *to, bool high, uint32_t value)
{
	*to = high ? (*to & 0xffffffff) | (uint64_t)value << 32 : (*to & ~0xffffffffull) | value;
}

static void reg_write(struct sim_device *device, uint64_t at, uint32_t value)
{
	struct sim_virtio_net *n = device->self;
	struct sim_virtio_queue *q = &n->queue[n->queue_sel % 2];

	switch (at) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL: n->device_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL: n->driver_sel = value; break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if ((n->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0)
			complain(n, "features change after FEATURES_OK");
		if (n->driver_sel < 2)
			half(&n->accepted, n->driver_sel == 1, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL: n->queue_sel = value; break;
	case VIRTIO_MMIO_QUEUE_NUM:
		if (value == 0 || value > n->num_max || (value & (value - 1)) != 0)
			complain(n, "a queue of a size that it cannot have");
		q->num = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if ((n->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
			complain(n, "a queue before the features are agreed on");
		if (q->desc % 16 != 0 || q->avail % 2 != 0 || q->used % 4 != 0)
			complain(n, "a misaligned queue");
		q->ready = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value >= 2 || !running(n, value)) {
			complain(n, "a notification of a queue that does not run");
			break;
		}
		n->notifies[value]++;
		sim_virtio_net_work(n);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		n->isr &= ~value;
		if (n->isr == 0 && !n->line_stuck)
			sim_irq_lower(n->irq);
		break;
	case VIRTIO_MMIO_STATUS: status_write(n, value); break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW: case VIRTIO_MMIO_QUEUE_DESC_HIGH: half(&q->desc, at & 4, value); break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW: case VIRTIO_MMIO_QUEUE_AVAIL_HIGH: half(&q->avail, at & 4, value); break;
	case VIRTIO_MMIO_QUEUE_USED_LOW: case VIRTIO_MMIO_QUEUE_USED_HIGH: half(&q->used, at & 4, value); break;
	default: complain(n, "a write to a register that is none");
	}
	if (n->no_notify && n->queue[0].ready && n->queue[1].ready) {
		used(n, 0)->flags = VRING_USED_F_NO_NOTIFY;
		used(n, 1)->flags = VRING_USED_F_NO_NOTIFY;
	}
}

void sim_virtio_net_init(struct sim_virtio_net *n, uint64_t base, unsigned irq)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	struct sim_device d = { .base = base, .bytes = 0x1000, .read = reg_read, .write = reg_write, .self = n };

	memset(n, 0, sizeof(*n));
	n->base = base;
	n->irq = irq;
	n->magic = 0x74726976;
	n->version = 2;
	n->device_id = VIRTIO_ID_NET;
	n->num_max = 256;
	/* More than a careful driver takes. */
	n->features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS | 1ull << VIRTIO_NET_F_CSUM |
		1ull << VIRTIO_NET_F_GUEST_CSUM | 1ull << VIRTIO_NET_F_MRG_RXBUF | 1ull << VIRTIO_NET_F_CTRL_VQ | 1ull << VIRTIO_NET_F_MQ |
		1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_NET_F_MTU;
	memcpy(n->mac, mac, 6);
	n->link = VIRTIO_NET_S_LINK_UP;
	sim_device_add(&d);
}
