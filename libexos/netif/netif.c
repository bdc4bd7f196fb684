/*
 * netif.c - between the packet ring of the kernel (exos/ring.h) and the interface of the stack (struct netif of net/net.h)
 */
#include "netif/netif.h"

#include <stdlib.h>
#include <string.h>

#include "exos_calls.h"
#include "exposed.h"
#include "netif/flows.h"
#include "netif/net_page.h"
#include "posix.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define BOUNCE_PAGES	8
#define DONE_WORDS	(RING_SIZE / 64)

static_assert(NET_TX_HEAD <= SEND_HEAD, "the kernel copies the headers, so their page can be written again at once");
static_assert(RING_SIZE % 64 == 0, "bitmap of completions");

struct bound_flow {
	unsigned int flow;		/* slot of the FLOW */
	unsigned int filter;		/* slot of the FILTER */
	struct flow_predicate send;	/* without addresses: which packets this flow is for */
};

struct netif_ring {
	struct netif netif;		/* what the stack sees */
	struct net_page address;	/* taken over from the network page, or by netif_set_address() */
	const struct net_page *page;

	unsigned int ring;		/* slot */
	uint64_t event;			/* EV_RING(n) */
	struct ring_shared *shared;
	uint8_t *buffers;		/* nbuffers pages */
	unsigned int nbuffers;
	uint32_t avail, used, reaped;	/* our own copies of the free-running indices */

	/* Packets are numbered as they are accepted; the number is the cookie. Those below `done` are out of the device. */
	uint64_t accepted, done;
	uint64_t done_bits[DONE_WORDS];	/* of the RING_SIZE numbers from `done` on, number modulo RING_SIZE */
	uint8_t *head;			/* a page: headers of the packet that is being sent */
	unsigned int head_slot;
	uint8_t *bounce;		/* BOUNCE_PAGES pages, each in use until the packet bounce_until[i] is done */
	uint64_t bounce_until[BOUNCE_PAGES];

	struct bound_flow flow[NETIF_FLOWS];
	unsigned int nflows;
	struct netif_stats stats;
};

static unsigned int rings;		/* event bits in use */

/* ---- transmit ---- */

static void mark_done(struct netif_ring *r, uint64_t number)
{
	if (number - r->done >= RING_SIZE)
		return;			/* not one of ours that is out: the kernel hands back what we gave, so this is no packet */
	r->done_bits[number % RING_SIZE / 64] |= 1ull << (number % 64);
	while (r->done_bits[r->done % RING_SIZE / 64] & (1ull << (r->done % 64))) {
		r->done_bits[r->done % RING_SIZE / 64] &= ~(1ull << (r->done % 64));
		r->done++;
	}
}

static void reap(struct netif_ring *r)
{
	uint32_t end = __atomic_load_n(&r->shared->sent_idx, __ATOMIC_ACQUIRE);	/* index before entries; kernel: the reverse */

	while (r->reaped != end) {
		uint64_t entry = r->shared->sent[r->reaped++ % RING_SIZE];

		r->stats.failed += entry & 1;
		mark_done(r, entry >> 1);
	}
}

static uint64_t tx_done(struct netif *netif)
{
	struct netif_ring *r = netif->arg;

	reap(r);
	return r->done;
}

/* Which of the flows is this packet for? The kernel judges it again, so a mistake here costs us only the packet. */
static struct bound_flow *flow_for(struct netif_ring *r, const uint8_t *frame, size_t len)
{
	for (unsigned int i = 0; i < r->nflows; i++)
		if (flow_matches(&r->flow[i].send, frame, (uint32_t)len))
			return &r->flow[i];
	return NULL;
}

/* Cut len bytes at base into pieces of pages. Returns the number of segments, -1 when one lies in no page that we know. */
static int cut(struct send_segment *seg, int room, const uint8_t *base, size_t len)
{
	int n = 0;

	while (len > 0) {
		size_t offset = (uintptr_t)base % PAGE_SIZE;
		size_t piece = PAGE_SIZE - offset < len ? PAGE_SIZE - offset : len;
		unsigned int slot = vm_slot(base);

		if (slot == 0 || n == room)
			return -1;
		seg[n++] = (struct send_segment){ .slot = slot, .offset = (uint16_t)offset, .length = (uint16_t)piece };
		base += piece;
		len -= piece;
	}
	return n;
}

/* Copy the payload into a page of our own that stays untouched until this packet is done. Returns its slot, 0: all in use. */
static unsigned int bounce(struct netif_ring *r, const struct net_iov *iov, int n)
{
	for (unsigned int i = 0; i < BOUNCE_PAGES; i++) {
		uint8_t *page = r->bounce + i * PAGE_SIZE;

		if (r->bounce_until[i] >= r->done && r->bounce_until[i] != UINT64_MAX)
			continue;
		r->bounce_until[i] = r->accepted;
		for (int k = 1; k < n; k++) {
			memcpy(page, iov[k].base, iov[k].len);
			page += iov[k].len;
		}
		return vm_slot(r->bounce + i * PAGE_SIZE);
	}
	return 0;
}

static int transmit(struct netif *netif, const struct net_iov *iov, int n)
{
	struct netif_ring *r = netif->arg;
	struct send_segment seg[SEND_SEGMENTS];
	struct bound_flow *flow;
	size_t total = 0, head = iov[0].len;
	int nseg = 1;
	long err;

	reap(r);
	if (r->accepted - r->done == RING_SIZE)
		return NET_EAGAIN;	/* more in flight than sent[] can tell of */
	for (int i = 0; i < n; i++)
		total += iov[i].len;
	if (head > SEND_HEAD || total > RING_FRAME_MAX)
		return NET_EMSGSIZE;

	memcpy(r->head, iov[0].base, head);
	flow = flow_for(r, r->head, head);
	if (flow == NULL) {
		r->stats.no_flow++;
		mark_done(r, r->accepted++);
		return 0;
	}
	if (total <= SEND_HEAD) {
		/* The kernel copies all of it: one piece is cheaper than translating addresses. */
		for (int i = 1; i < n; head += iov[i++].len)
			memcpy(r->head + head, iov[i].base, iov[i].len);
	} else {
		for (int i = 1; i < n; i++) {
			int pieces = cut(seg + nseg, SEND_SEGMENTS - nseg, iov[i].base, iov[i].len);

			if (pieces < 0) {
				unsigned int slot = bounce(r, iov, n);

				if (slot == 0)
					return NET_EAGAIN;
				seg[1] = (struct send_segment){ .slot = slot, .length = (uint16_t)(total - head) };
				nseg = 2;
				r->stats.bounced++;
				break;
			}
			nseg += pieces;
		}
	}
	seg[0] = (struct send_segment){ .slot = r->head_slot, .length = (uint16_t)head };

	err = sys_net_send(r->ring, flow->flow, seg, (unsigned long)nseg, r->accepted);
	if (err == -E_FULL)
		return NET_EAGAIN;
	if (err < 0) {
		r->stats.refused++;
		mark_done(r, r->accepted++);
		return 0;
	}
	r->accepted++;
	r->stats.sent++;
	r->stats.segments += (uint64_t)nseg - 1;
	return 0;
}

/* ---- receive ---- */

static void offer(struct netif_ring *r, uint16_t buffer)
{
	r->shared->avail[r->avail % RING_SIZE] = buffer;
	r->avail++;
	__atomic_store_n(&r->shared->avail_idx, r->avail, __ATOMIC_RELEASE);	/* entry before index; kernel: index first */
}

static bool arrived(const struct netif_ring *r)
{
	return __atomic_load_n(&r->shared->used_idx, __ATOMIC_ACQUIRE) != r->used;
}

static void receive(struct netif_ring *r, struct net *net)
{
	for (unsigned int i = 0; i < RING_SIZE && arrived(r); i++) {
		struct ring_used u = r->shared->used[r->used++ % RING_SIZE];

		if (u.buffer >= r->nbuffers)
			continue;
		if (u.length <= RING_FRAME_MAX)
			net_input(net, r->buffers + u.buffer * PAGE_SIZE, u.length);
		r->stats.received++;
		offer(r, u.buffer);
	}
}

uint64_t netif_wait(struct netif_ring *r, struct net *net, uint64_t mask, uint64_t until_us)
{
	uint64_t now, until = net_next_deadline(net);

	if (until_us < until)
		until = until_us;
	now = now_us();
	if (now < until && !arrived(r))
		event_wait(mask | r->event, until == NET_NEVER ? 0 : deadline_us(until - now));
	event_clear(r->event);		/* before looking at the ring, so that what comes meanwhile sets it again */
	net_poll(net, now_us());
	receive(r, net);
	return event_pending() & mask;
}

/* ---- set-up ---- */

int netif_open(struct netif_ring **out, unsigned int buffers)
{
	const volatile struct exposed_system *system = exposed_system();
	size_t pages = 1 + 1 + BOUNCE_PAGES + buffers;
	struct netif_ring *r;
	uint8_t *memory = NULL;
	long slot, err;

	if (buffers == 0 || buffers > RING_SIZE || rings == EV_RINGS)
		return -E_INVAL;
	if (system == NULL || !system->nic_present)
		return -E_NODEV;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -E_NOMEM;
	for (unsigned int i = 0; i < 6; i++)
		r->netif.mac[i] = system->mac[i];
	r->netif.mtu = 1500;
	r->netif.transmit = transmit;
	r->netif.tx_done = tx_done;
	r->netif.arg = r;
	memset(r->bounce_until, 0xff, sizeof(r->bounce_until));

	err = -E_NOMEM;
	memory = vm_map(pages * PAGE_SIZE, PROT_R | PROT_W);
	if (memory == NULL)
		goto out;
	err = vm_touch(memory, pages * PAGE_SIZE);	/* the kernel wants pages, not promises of pages */
	if (err < 0)
		goto out;
	r->shared = (struct ring_shared *)memory;
	r->head = memory + PAGE_SIZE;
	r->head_slot = vm_slot(r->head);
	r->bounce = memory + 2 * PAGE_SIZE;
	r->buffers = memory + (2 + BOUNCE_PAGES) * PAGE_SIZE;

	err = slot = page_new();
	if (err < 0)
		goto out;
	r->ring = (unsigned int)slot;
	r->event = EV_RING(rings);
	err = sys_ring_create(r->ring, vm_slot(r->shared), rings);
	if (err < 0) {
		slot_delete(r->ring);
		goto out;
	}
	for (r->nbuffers = 0; r->nbuffers < buffers; r->nbuffers++) {
		err = sys_ring_buffer(r->ring, r->nbuffers, vm_slot(r->buffers + r->nbuffers * PAGE_SIZE));
		if (err < 0) {
			while (sys_object_end(r->ring) == 1)
				;
			slot_delete(r->ring);
			goto out;
		}
		offer(r, (uint16_t)r->nbuffers);
	}
	rings++;
	*out = r;
	return 0;

out:
	if (memory != NULL)
		vm_unmap(memory);
	free(r);
	return (int)err;
}

int netif_flow(struct netif_ring *r, unsigned int slot, const struct flow_spec *spec)
{
	struct bound_flow *f = &r->flow[r->nflows];
	long filter, err;

	if (r->nflows == NETIF_FLOWS)
		return -E_LIMIT;
	filter = page_new();
	if (filter < 0)
		return (int)filter;
	err = sys_filter_bind((unsigned long)filter, slot, r->ring, (struct flow_predicate *)&spec->receive,
			      spec->flags & FLOW_SHARED ? FILTER_SHARED : 0);
	if (err < 0) {
		slot_delete((unsigned int)filter);
		return (int)err;
	}
	f->flow = slot;
	f->filter = (unsigned int)filter;
	f->send = spec->send;
	r->nflows++;
	return 0;
}

void netif_forget_flows(struct netif_ring *r)
{
	while (r->nflows > 0) {
		unsigned int filter = r->flow[--r->nflows].filter;

		while (sys_object_end(filter) == 1)
			;
		slot_delete(filter);
	}
}

static int bind_grant(struct netif_ring *r, const char *name, unsigned int slot)
{
	struct flow_spec spec, anywhere;
	int err;

	if (!flow_spec_named(&spec, name, r->netif.mac, r->address.ip) || !flow_spec_named(&anywhere, name, r->netif.mac, 0))
		return -E_INVAL;
	err = netif_flow(r, slot, &spec);
	if (err == 0)
		r->flow[r->nflows - 1].send = anywhere.send;	/* to choose by; whether the address is right the kernel tells */
	return err;
}

int netif_grant(struct netif_ring *r, const char *name)
{
	unsigned int slot = start_slot(name);

	return slot == 0 ? -E_NOCAP : bind_grant(r, name, slot);
}

int netif_grants(struct netif_ring *r)
{
	const struct start_block *b = start_block();
	const struct start_grant *g;
	struct flow_spec spec;
	int n = 0;

	if (b == NULL)
		return 0;
	g = (const struct start_grant *)((const char *)b + b->grants);
	for (unsigned int i = 0; i < b->ngrants; i++) {
		int err;

		if (!flow_spec_named(&spec, g[i].name, r->netif.mac, 0))
			continue;
		err = bind_grant(r, g[i].name, g[i].slot);
		if (err < 0)
			return err;
		n++;
	}
	return n;
}

/* ---- the address ---- */

#define ADDRESS_POLL_US	20000

/* The network page, mapped at the first call; NULL without one. */
static const struct net_page *network_page(struct netif_ring *r)
{
	unsigned int slot = start_slot("netpage");
	void *va;

	if (r->page == NULL && slot != 0) {
		va = vm_reserve(PAGE_SIZE, PAGE_SIZE);
		if (va != NULL && vm_page(slot, va, PROT_R) == 0)
			r->page = va;
	}
	return r->page;
}

bool netif_await_address(struct netif_ring *r, unsigned long deadline)
{
	const struct net_page *page = network_page(r);

	if (page == NULL)
		return false;
	while (!net_page_read(page, &r->address)) {
		unsigned long next = deadline_us(ADDRESS_POLL_US);

		if (deadline != 0 && time_now() >= deadline)
			return false;
		event_wait(0, deadline != 0 && deadline < next ? deadline : next);
	}
	return true;
}

bool netif_address_changed(struct netif_ring *r)
{
	const struct net_page *page = network_page(r);
	struct net_page now;

	if (page == NULL || __atomic_load_n(&page->generation, __ATOMIC_RELAXED) == r->address.generation ||
	    !net_page_read(page, &now))
		return false;
	r->address = now;
	return true;
}

void netif_set_address(struct netif_ring *r, uint32_t ip)
{
	r->address.ip = ip;
}

/*
 * What little the machine does not foretell: the time of several moments that depend on when others ran, and names of pages.
 * There is no source of true randomness below us, and a peer who sees our clock can try to guess.
 */
static void make_seed(struct netif_ring *r, uint8_t seed[16])
{
	uint64_t x = time_now() ^ (uint64_t)self_env() << 40, out[2];

	for (unsigned int i = 0; i < 8; i++)
		x = (x ^ r->netif.mac[i % 6]) * 0x9e3779b97f4a7c15ull + time_now();
	for (unsigned int i = 0; i < 2; i++) {
		x += 0x9e3779b97f4a7c15ull + vm_slot(r->buffers);
		out[i] = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
		out[i] = (out[i] ^ (out[i] >> 27)) * 0x94d049bb133111ebull;
		out[i] ^= out[i] >> 31;
		x ^= time_now() << 17;
	}
	memcpy(seed, out, sizeof(out));
}

void netif_configure(struct netif_ring *r, struct net_config *cfg)
{
	cfg->netif = &r->netif;
	cfg->now_us = now_us();
	make_seed(r, cfg->seed);
	cfg->ip = r->address.ip;
	cfg->mask = r->address.mask;
	cfg->router = r->address.router;
	cfg->dns = r->address.dns;
}

int netif_start(struct netif_ring *r, struct net_config *cfg, struct net **out)
{
	size_t bytes;
	void *memory;
	int err;

	netif_configure(r, cfg);
	bytes = net_memory(cfg);
	if (bytes == 0)
		return -E_INVAL;
	memory = vm_map(bytes, PROT_R | PROT_W);
	if (memory == NULL)
		return -E_NOMEM;
	err = vm_touch(memory, bytes);
	if (err < 0) {
		vm_unmap(memory);
		return err;
	}
	*out = net_init(memory, cfg);
	return *out == NULL ? -E_INVAL : 0;
}

int netif_follow_address(struct netif_ring *r, struct net *net)
{
	int err;

	if (!netif_address_changed(r))
		return 0;
	net_set_addr(net, r->address.ip, r->address.mask, r->address.router, r->address.dns);
	netif_forget_flows(r);
	err = netif_grants(r);
	return err < 0 ? err : 0;
}

void netif_get_stats(struct netif_ring *r, struct netif_stats *out)
{
	*out = r->stats;
	out->dropped = __atomic_load_n(&r->shared->dropped, __ATOMIC_RELAXED);
}
