/*
 * ring.c - packets between the network device and the rings of environments
 *
 * Road of a packet: net_interrupt(), the driver's nic_poll_rx(), classifier_lookup() in filter.c, ring_deliver() here.
 */
#include "kern/ring.h"
#include "drivers/virtio/net.h"
#include "kern/expose.h"
#include "kern/nic.h"
#include "kern/frame.h"
#include "kern/shared.h"
#include "kern/slice.h"
#include "kern/syscall.h"
#include "kern/trace.h"
#include "kern/user.h"

#define RX_BUDGET 64	/* packets per interrupt; nic.rx_more remembers the rest */
#define TX_BUDGET 64
#define NIC_PATIENCE 5000	/* slices without a completion until the device counts as broken */

static_assert(sizeof(struct ring) <= PAGE_SIZE && sizeof(struct ring_shared) <= PAGE_SIZE, "each side fills one page");

static struct nic nic;
static bool present;
struct transmit transmits[TRANSMITS];
static uint16_t transmit_free;		/* index + 1; 0: none */
static unsigned transmits_busy;

static void transmit_put(unsigned i)
{
	transmits[i].busy = 0;
	transmits[i].next = transmit_free;
	transmit_free = i + 1;
}

void net_init(const struct machine *m, const ppn_t *pages, unsigned npages, uint64_t key)
{
	classifier_init(&classifier, key);
	memset(transmits, 0, sizeof(transmits));
	transmit_free = 0;
	transmits_busy = 0;
	for (unsigned i = TRANSMITS; i-- > 0;)
		transmit_put(i);
	present = false;
	for (unsigned i = 0; i < m->nvirtio && !present; i++)
		if (virtio_net_probe(m->virtio[i].base, m->virtio[i].irq, &nic) == 0) {
			present = nic_start(&nic, pages, npages) == 0;
			if (!present)
				kprintf("exos: the network device is left alone: %s\n", nic.fault != NULL ? nic.fault : "unusable");
			break;
		}
	system_info->nic_present = present;
	if (present)
		memcpy(system_info->mac, nic.mac, sizeof(nic.mac));
}

/* ---- receive ---- */

/* Write one packet into the owner's next buffer. Everything that the owner wrote is read once and judged. */
static bool ring_deliver(struct ring *r, const uint8_t *frame, size_t len)
{
	struct ring_shared *s = r->shared;
	uint32_t offered = READ_SHARED(s->avail_idx) - r->avail_next;
	uint16_t b;
	struct ring_used *u;
	uint64_t *to;

	if (offered == 0 || offered > RING_SIZE) {
		s->dropped++;
		return false;
	}
	b = READ_SHARED(s->avail[r->avail_next % RING_SIZE]);
	r->avail_next++;
	if (b >= RING_SIZE || r->buffer[b] == 0) {
		s->dropped++;
		return false;
	}
	to = page_kva(r->buffer[b]);
	to[len / 8] = 0;	/* no stale bytes behind the end, up to a multiple of 8 */
	memcpy(to, frame, len);
	u = &s->used[r->used_idx % RING_SIZE];
	u->buffer = b;
	u->length = len;
	u->time = (uint32_t)arch_time();
	r->used_idx++;
	s->received++;
	trace(arch_hart(), TRACE_RECEIVED, r->owner->id, len, r->event);
	dma_wmb();		/* packet and entry before the index that announces them */
	WRITE_ONCE(s->used_idx, r->used_idx);
	event_raise(r->owner, EV_RING(r->event));
	return true;
}

static void deliver(void *ctx, const uint8_t *frame, size_t len)
{
	struct filter *to[CLASSIFIER_SHARED];
	unsigned n;

	(void)ctx;
	system_info->rx_packets++;
	if (len > RING_FRAME_MAX) {
		system_info->rx_dropped++;
		return;
	}
	n = classifier_lookup(&classifier, (const uint64_t *)frame, len, to, CLASSIFIER_SHARED);
	if (n == 0)
		system_info->rx_unclaimed++;
	for (unsigned i = 0; i < n; i++)
		if (!ring_deliver(container_of(to[i], struct bound_filter, filter)->ring, frame, len))
			system_info->rx_dropped++;
}

/* ---- transmit ---- */

static void sent(void *ctx, uint64_t cookie, int status)
{
	struct transmit *t = &transmits[cookie];
	struct ring *r = t->ring;

	(void)ctx;
	KASSERT(cookie < TRANSMITS && t->busy);
	if (r != NULL) {
		r->shared->sent[r->sent_idx % RING_SIZE] = t->cookie << 1 | (status != 0);
		r->sent_idx++;
		r->in_flight--;
		dma_wmb();	/* entry before index */
		WRITE_ONCE(r->shared->sent_idx, r->sent_idx);
		event_raise(r->owner, EV_RING(r->event));
	}
	transmits_busy--;
	t->ring = NULL;
	/* A device that does not even confirm its reset may still read them: then they stay pinned for good, and this accounts for it. */
	if (nic.wedged)
		return;
	for (unsigned i = 0; i < t->npins; i++)
		frame_unpin(t->pin[i], false);
	transmit_put(cookie);
}

void net_reap(void)
{
	if (transmits_busy != 0) {
		nic_watch(&nic, arch_time(), NIC_PATIENCE * slice_ticks);
		nic_reap_tx(&nic, TX_BUDGET, sent, NULL);
		system_info->nic_broken = nic.broken;
	}
	if (nic.rx_more)
		nic_poll_rx(&nic, RX_BUDGET, deliver, NULL);
}

bool net_busy(void)
{
	return transmits_busy != 0 || nic.rx_more;
}

bool net_interrupt(unsigned irq)
{
	if (!present || irq != nic.irq)
		return false;
	if (!nic_interrupt(&nic))
		arch_irq_disable(irq);
	nic_poll_rx(&nic, RX_BUDGET, deliver, NULL);
	net_reap();
	if (nic.rx_more)
		arch_timer_set(0);	/* no interrupt will tell of the rest: net_reap() goes on at the next one */
	system_info->nic_broken = nic.broken;
	return true;
}

/* Where the bytes of a packet lie, and its first bytes, copied: they are judged and sent from the copy. */
struct packet {
	uint64_t head[SEND_HEAD / 8];
	size_t head_len, len;
	struct sg sg[SEND_SEGMENTS];
	ppn_t page[SEND_SEGMENTS];
	unsigned nsg;
};

static int gather(struct env *self, struct packet *p, const struct send_segment *segs, unsigned n)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < n; i++) {
		struct cap *c = cap_get(self, segs[i].slot, CAP_PAGE);
		unsigned offset = segs[i].offset, length = segs[i].length, head;

		if (c == NULL)
			return -E_NOCAP;
		if (!(c->rights & PROT_R))
			return -E_RIGHTS;
		if (cap_order(c) != 0 || length == 0 || offset > PAGE_SIZE || length > PAGE_SIZE - offset)
			return -E_INVAL;
		p->len += length;
		head = SEND_HEAD - p->head_len < length ? SEND_HEAD - p->head_len : length;
		memcpy((char *)p->head + p->head_len, (char *)page_kva(c->object) + offset, head);
		p->head_len += head;
		if (head == length)
			continue;
		p->sg[p->nsg].pa = ((paddr_t)c->object << PAGE_SHIFT) + offset + head;
		p->sg[p->nsg].len = length - head;
		p->page[p->nsg++] = c->object;
	}
	return p->len >= 14 && p->len <= RING_FRAME_MAX ? 0 : -E_INVAL;
}

long sys_net_send(struct env *self, unsigned long ring, unsigned long flow, unsigned long segs, unsigned long n,
		  unsigned long cookie)
{
	struct cap *rc = cap_get(self, ring, CAP_RING), *f = cap_get(self, flow, CAP_FLOW);
	struct send_segment list[SEND_SEGMENTS];
	struct packet p;
	struct transmit *t;
	struct ring *r;
	int err;

	if (rc == NULL || f == NULL)
		return -E_NOCAP;
	if (!(f->rights & RIGHT_SEND))
		return -E_RIGHTS;
	if (!present)
		return -E_NODEV;
	if (n < 1 || n > SEND_SEGMENTS || cookie >> 63 != 0)
		return -E_INVAL;
	if ((err = user_read(self, list, segs, n * sizeof(list[0]))) != 0 || (err = gather(self, &p, list, n)) != 0)
		return err;
	if (!predicate_match(&((struct flow *)page_kva(f->object))->send, p.head, p.head_len)) {
		system_info->tx_refused++;
		return -E_IMPLY;
	}
	net_reap();
	r = ring_at(rc);
	if (nic.broken)
		return -E_IO;		/* before a full table: that of a wedged device never empties */
	if (transmit_free == 0 || r->in_flight == RING_SIZE)
		return -E_FULL;
	t = &transmits[transmit_free - 1];
	if ((err = nic_transmit(&nic, p.head, p.head_len, p.sg, p.nsg, t - transmits)) != 0)
		return err;
	nic_flush(&nic);

	transmit_free = t->next;
	transmits_busy++;
	t->busy = 1;
	t->ring = r;
	t->cookie = cookie;
	t->npins = p.nsg;
	for (unsigned i = 0; i < p.nsg; i++)
		frame_pin(t->pin[i] = p.page[i], false);
	r->in_flight++;
	system_info->tx_packets++;
	trace(self->hart, TRACE_SENT, self->id, p.len, 0);
	return 0;
}

/* ---- rings ---- */

long sys_ring_create(struct env *self, unsigned long slot, unsigned long shared, unsigned long event)
{
	struct cap *c = cap_get(self, slot, CAP_PAGE), *s = cap_get(self, shared, CAP_PAGE);
	struct ring *r;
	int err, fixes;

	if (c == NULL || s == NULL)
		return -E_NOCAP;
	if ((err = page_pinnable(s, self)) != 0)
		return err;
	if (c == s || event >= EV_RINGS || self->uarea == &no_uarea)
		return -E_INVAL;
	fixes = !frame_fixed(s->object);
	env_fixes(self->id, fixes);		/* the shared page counts before there is room for the other */
	err = page_claimable(c);
	env_fixes(self->id, -fixes);
	if (err != 0)
		return err;

	page_claim(c, FRAME_KOBJ, CAP_RING, CAP_RING);
	frame_pin(s->object, true);
	r = ring_at(c);
	r->owner = self;
	r->shared_page = s->object;
	r->shared = page_kva(s->object);
	r->event = event;
	self->pub->rings.held++;
	memset(r->shared, 0, sizeof(*r->shared));
	r->shared->version = EXOS_ABI_VERSION;
	r->shared->size = RING_SIZE;
	return 0;
}

long sys_ring_buffer(struct env *self, unsigned long ring, unsigned long index, unsigned long slot)
{
	struct cap *rc = cap_get(self, ring, CAP_RING), *c;
	struct ring *r;
	int err;

	if (rc == NULL)
		return -E_NOCAP;
	if (index >= RING_SIZE)
		return -E_INVAL;
	r = ring_at(rc);
	if (slot == 0) {
		if (r->buffer[index] != 0)
			frame_unpin(r->buffer[index], true);
		r->buffer[index] = 0;
		return 0;
	}
	if ((c = cap_get(self, slot, CAP_PAGE)) == NULL)
		return -E_NOCAP;
	if ((err = page_pinnable(c, self)) != 0)
		return err;
	if (r->buffer[index] != 0)
		return -E_EXISTS;
	frame_pin(c->object, true);
	r->buffer[index] = c->object;
	return 0;
}

int ring_end(ppn_t page)
{
	struct ring *r = page_kva(page);

	for (unsigned n = 0; r->filters != NULL; n++) {
		if (n == FILTER_BUDGET)
			return 1;
		filter_unbind(r->filters);
	}
	for (unsigned i = 0; i < RING_SIZE; i++)
		if (r->buffer[i] != 0)
			frame_unpin(r->buffer[i], true);
	for (unsigned i = 0; i < TRANSMITS; i++)
		if (transmits[i].ring == r)
			transmits[i].ring = NULL;
	frame_unpin(r->shared_page, true);
	r->owner->pub->rings.held--;
	return 0;
}
