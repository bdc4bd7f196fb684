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
#include "preempt.h"
#include "revoke.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define BOUNCE_PAGES	8
#define DONE_WORDS	(RING_SIZE / 64)
#define WAIT_TICKS	20000000	/* of the time CSR, for a place in the classifier that is promised: two seconds on the virt machine */
#define AGAIN_US	100000		/* between two attempts to bind what was lost, and two looks at who uses what */
#define IDLE_US		10000000	/* without a datagram: UDP is idle */
#define NO_BUFFER	RING_SIZE

static_assert(NET_TX_HEAD <= SEND_HEAD, "the kernel copies the headers, so their page can be written again at once");
static_assert(RING_SIZE % 64 == 0, "bitmap of completions");

struct bound_flow {
	unsigned int flow;		/* slot of the FLOW */
	unsigned int filter;		/* slot of the FILTER, or of its page while `bound` is false; 0: it has none */
	bool bound;
	unsigned int flags;		/* FILTER_* */
	struct flow_predicate receive;
	struct flow_predicate send;	/* without addresses: which packets this flow is for */
	struct netif_use use;
};

struct netif_ring {
	struct netif netif;		/* what the stack sees */
	struct net_page address;	/* taken over from the network page, or by netif_set_address() */
	const struct net_page *page;

	unsigned int ring;		/* slot */
	uint64_t event;			/* EV_RING(n) */
	struct ring_shared *shared;
	uint8_t *buffers;		/* nbuffers pages, */
	unsigned int nbuffers, nhas;	/* of which so many are there: has[] */
	bool has[RING_SIZE];
	unsigned int reading;		/* the stack reads in this one; NO_BUFFER: in none */
	bool down;			/* there is no ring: it was given up, or taken */
	bool settled;			/* what was on its way out of the last ring is not waited for */
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
	uint64_t again_us;		/* when to bind again what is not bound, and to look who uses what */
	int error;			/* of the last attempt */
	uint64_t udp_seen, udp_us;	/* datagrams so far, and when the last one came */
	uint32_t (*worth)(const struct netif_use *use);
	struct revoke_giver give_filters, give_ring, give_buffers;
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
	uint32_t end;

	/* A ring that is gone tells nothing any more. What the device still has of it is the kernel's care, and goes out as it is by then. */
	if (r->down) {
		if (!r->settled) {
			r->done = r->accepted;
			memset(r->done_bits, 0, sizeof(r->done_bits));
		}
		r->settled = true;
		return;
	}
	end = __atomic_load_n(&r->shared->sent_idx, __ATOMIC_ACQUIRE);	/* index before entries; kernel: the reverse */
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
	if (r->down) {
		r->stats.refused++;
		mark_done(r, r->accepted++);
		return 0;
	}
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
	return !r->down && __atomic_load_n(&r->shared->used_idx, __ATOMIC_ACQUIRE) != r->used;
}

/* A buffer may be given up in an upcall between any two instructions, but not the one that is being read. */
static void receive(struct netif_ring *r, struct net *net)
{
	for (unsigned int i = 0; i < RING_SIZE && arrived(r); i++) {
		struct ring_used u = r->shared->used[r->used++ % RING_SIZE];

		__atomic_store_n(&r->reading, u.buffer, __ATOMIC_SEQ_CST);
		if (u.buffer < r->nbuffers && r->has[u.buffer]) {
			if (u.length <= RING_FRAME_MAX)
				net_input(net, r->buffers + u.buffer * PAGE_SIZE, u.length);
			r->stats.received++;
			if (!r->down)
				offer(r, u.buffer);
		}
		__atomic_store_n(&r->reading, NO_BUFFER, __ATOMIC_SEQ_CST);
	}
}

static bool all_bound(const struct netif_ring *r)
{
	unsigned int i = 0;

	while (i < r->nflows && r->flow[i].bound)
		i++;
	return i == r->nflows;
}

static void look_again(struct netif_ring *r, const struct net *net);

uint64_t netif_wait(struct netif_ring *r, struct net *net, uint64_t mask, uint64_t until_us)
{
	uint64_t now, until = net_next_deadline(net), bits = mask | r->event;

	if (until_us < until)
		until = until_us;
	if (!r->down && !all_bound(r)) {
		bits |= EV_GRANT;
		until = r->again_us < until ? r->again_us : until;
	}
	now = now_us();
	if (now < until && !arrived(r))
		event_wait(bits, until == NET_NEVER ? 0 : deadline_us(until - now));
	event_clear(r->event);		/* before looking at the ring, so that what comes meanwhile sets it again */
	net_poll(net, now_us());
	receive(r, net);
	look_again(r, net);
	return event_pending() & mask;
}

/* ---- set-up ---- */

/* The ring out of its page, and a buffer in each page that is there. */
static long make_ring(struct netif_ring *r)
{
	long err = sys_ring_create(r->ring, vm_slot(r->shared), (unsigned int)__builtin_ctzll(r->event / EV_RING(0)));

	if (err < 0)
		return err;
	r->avail = r->used = r->reaped = 0;
	r->reading = NO_BUFFER;
	for (r->nhas = 0; r->nhas < r->nbuffers; r->nhas++) {
		unsigned int slot = vm_slot(r->buffers + r->nhas * PAGE_SIZE);

		err = slot != 0 ? sys_ring_buffer(r->ring, r->nhas, slot) : -E_NOCAP;
		if (err < 0) {
			while (sys_object_end(r->ring) == 1)
				;
			return err;
		}
		r->has[r->nhas] = true;
		offer(r, (uint16_t)r->nhas);
	}
	return 0;
}

static size_t all_pages(const struct netif_ring *r)
{
	return 1 + 1 + BOUNCE_PAGES + r->nbuffers;
}

/* Where the parts are in memory whose pages are there now. */
static void know_pages(struct netif_ring *r, uint8_t *memory)
{
	r->shared = (struct ring_shared *)memory;
	r->head = memory + PAGE_SIZE;
	r->head_slot = vm_slot(r->head);
	r->bounce = memory + 2 * PAGE_SIZE;
	r->buffers = memory + (2 + BOUNCE_PAGES) * PAGE_SIZE;
	memset(r->bounce_until, 0xff, sizeof(r->bounce_until));
}

static void add_givers(struct netif_ring *r);

int netif_open(struct netif_ring **out, unsigned int buffers)
{
	const volatile struct exposed_system *system = exposed_system();
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
	r->nbuffers = buffers;
	r->event = EV_RING(rings);

	err = -E_NOMEM;
	memory = vm_map(all_pages(r) * PAGE_SIZE, PROT_R | PROT_W);
	if (memory == NULL || !exposed_self())
		goto out;
	err = vm_touch(memory, all_pages(r) * PAGE_SIZE);	/* the kernel wants pages, not promises of pages */
	if (err < 0)
		goto out;
	know_pages(r, memory);

	err = slot = page_new();
	if (err < 0)
		goto out;
	r->ring = (unsigned int)slot;
	err = make_ring(r);
	if (err < 0) {
		slot_delete(r->ring);
		goto out;
	}
	rings++;
	add_givers(r);
	*out = r;
	return 0;

out:
	if (memory != NULL)
		vm_unmap(memory);
	free(r);
	return (int)err;
}

/* ---- flows ---- */

/* The page for it is there. What is taken of it before the record says that it is bound, is told afterwards. */
static long bind_filter(struct netif_ring *r, struct bound_flow *f)
{
	long err;
	PREEMPT_OFF;

	err = sys_filter_bind(f->filter, f->flow, r->ring, &f->receive, f->flags);
	f->bound = err == 0;
	return err;
}

/* A place that is promised may be another's, who is asked for it. */
static long bind_waiting(struct netif_ring *r, struct bound_flow *f)
{
	uint64_t end = time_now() + WAIT_TICKS;
	long err;

	while ((err = bind_filter(r, f)) == -E_AGAIN && time_now() < end) {
		event_wait(EV_GRANT, end);
		event_clear(EV_GRANT);
	}
	if (err == -E_AGAIN)
		sys_env_ask(0, REVOKE_FILTERS, 0, 0);
	return err;
}

int netif_flow(struct netif_ring *r, unsigned int slot, const struct flow_spec *spec)
{
	struct bound_flow *f = &r->flow[r->nflows];
	long filter, err;

	if (r->nflows == NETIF_FLOWS)
		return -E_LIMIT;
	if (r->down)
		return -E_NODEV;
	filter = page_new();
	if (filter < 0)
		return (int)filter;
	*f = (struct bound_flow){ .flow = slot, .filter = (unsigned int)filter, .receive = spec->receive, .send = spec->send,
				  .flags = spec->flags & FLOW_SHARED ? FILTER_SHARED : 0, .use = flow_use(&spec->receive) };
	/* Of those that test the same bits, together they take one place: the number of the first of them. */
	while (f->use.group < r->nflows && !flow_same_bits(&r->flow[f->use.group].receive, &f->receive))
		f->use.group++;
	r->nflows++;
	err = bind_waiting(r, f);
	if (err < 0) {
		r->nflows--;
		slot_delete((unsigned int)filter);
		return (int)err;
	}
	return 0;
}

void netif_forget_flows(struct netif_ring *r)
{
	PREEMPT_OFF;

	while (r->nflows > 0) {
		unsigned int filter = r->flow[--r->nflows].filter;

		if (filter == 0)
			continue;
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

/* ---- when the kernel wants something back ---- */

static uint32_t places(void)
{
	return exposed_env_of(self_env())->filters.held;
}

/* All flows of a group go, for less frees no place. */
static void unbind_group(struct netif_ring *r, unsigned int group)
{
	for (unsigned int i = 0; i < r->nflows; i++) {
		struct bound_flow *f = &r->flow[i];

		if (!f->bound || f->use.group != group)
			continue;
		f->bound = false;
		while (sys_object_end(f->filter) == 1)
			;
		r->stats.flows_given++;
	}
}

static unsigned int give_filters(void *arg, unsigned int n, bool clean)
{
	struct netif_ring *r = arg;
	const uint32_t before = places();
	struct netif_use use[NETIF_FLOWS];
	int group;

	do {
		unsigned int bound = 0;

		if (before - places() >= n)
			break;
		for (unsigned int i = 0; i < r->nflows; i++)
			if (r->flow[i].bound)
				use[bound++] = r->flow[i].use;
		group = netif_least(use, bound, r->worth, clean);
		if (group >= 0)
			unbind_group(r, (unsigned int)group);
	} while (group >= 0);
	return before - places();
}

static bool filter_taken(void *arg, unsigned int slot)
{
	struct netif_ring *r = arg;

	for (unsigned int i = 0; i < r->nflows; i++)
		if (r->flow[i].bound && r->flow[i].filter == slot) {
			r->flow[i].bound = false;
			r->stats.flows_taken++;
			return true;
		}
	return false;
}

static void ring_gone(struct netif_ring *r)
{
	r->settled = false;
	r->down = true;
	for (unsigned int i = 0; i < r->nflows; i++)
		r->flow[i].bound = false;
	r->stats.rings_lost++;
}

static unsigned int give_ring(void *arg, unsigned int n, bool clean)
{
	struct netif_ring *r = arg;

	if (n == 0 || clean || r->down)
		return 0;
	while (sys_object_end(r->ring) == 1)
		;
	ring_gone(r);
	return 1;
}

static bool ring_taken(void *arg, unsigned int slot)
{
	struct netif_ring *r = arg;

	if (r->down || slot != r->ring)
		return false;
	ring_gone(r);
	return true;
}

/* A quarter of the buffers stays. A packet that is in one of those given is lost, as packets are. */
static unsigned int give_buffers(void *arg, unsigned int n, bool clean)
{
	struct netif_ring *r = arg;
	unsigned int given = 0;

	if (clean || r->down)
		return 0;
	for (unsigned int b = r->nbuffers; b-- > 0 && given < n && r->nhas > (r->nbuffers + 3) / 4;) {
		if (!r->has[b] || b == r->reading || sys_ring_buffer(r->ring, b, 0) < 0)
			continue;
		r->has[b] = false;
		r->nhas--;
		given += vm_discard(r->buffers + b * PAGE_SIZE, PAGE_SIZE) == 0;
		r->stats.buffers_given++;
	}
	return given;
}

/* Pages of filters that are not bound, and of a ring that is down, are like others; the memory of the ring is known to the vm part. */
static bool page_taken(void *arg, unsigned int slot)
{
	struct netif_ring *r = arg;

	if (r->down && slot == r->ring) {
		r->ring = 0;
		return true;
	}
	for (unsigned int i = 0; i < r->nflows; i++)
		if (!r->flow[i].bound && r->flow[i].filter == slot) {
			r->flow[i].filter = 0;
			return true;
		}
	return false;
}

static void add_givers(struct netif_ring *r)
{
	r->worth = netif_usual_worth;
	r->give_filters = (struct revoke_giver){ .give = give_filters, .taken = filter_taken, .arg = r, .kind = REVOKE_FILTERS };
	r->give_ring = (struct revoke_giver){ .give = give_ring, .taken = ring_taken, .arg = r, .kind = REVOKE_RINGS };
	r->give_buffers = (struct revoke_giver){ .give = give_buffers, .taken = page_taken, .arg = r, .kind = REVOKE_PAGES };
	revoke_add(&r->give_filters);
	revoke_add(&r->give_ring);
	revoke_add(&r->give_buffers);
}

void netif_set_worth(struct netif_ring *r, uint32_t (*worth)(const struct netif_use *use))
{
	r->worth = worth != NULL ? worth : netif_usual_worth;
}

/* A page for the object in *slot, if it has lost its own. */
static long have_page(unsigned int *slot)
{
	long got = 0;

	if (*slot == 0 && (got = page_new()) > 0)
		*slot = (unsigned int)got;
	return got < 0 ? got : 0;
}

static void bind_again(struct netif_ring *r)
{
	event_clear(EV_GRANT);
	r->error = 0;
	for (unsigned int i = 0; i < r->nflows; i++) {
		struct bound_flow *f = &r->flow[i];
		long err;

		if (f->bound)
			continue;
		if ((err = have_page(&f->filter)) == 0)
			err = bind_filter(r, f);
		r->stats.flows_again += err == 0;
		r->error = err < 0 && r->error == 0 ? (int)err : r->error;
	}
}

/* Who uses which flow, for the choice of what goes first: looked at here, for in an upcall the stack may be in the middle of something. */
static void look_at_use(struct netif_ring *r, const struct net *net, uint64_t now)
{
	if (net_stats(net)->udp_in != r->udp_seen) {
		r->udp_seen = net_stats(net)->udp_in;
		r->udp_us = now;
	}
	for (unsigned int i = 0; i < r->nflows; i++) {
		struct netif_use *u = &r->flow[i].use;

		if (u->kind == NETIF_TCP)
			u->busy = tcp_connections(net, u->port);
		else if (u->kind == NETIF_UDP)
			u->busy = r->udp_us != 0 && now - r->udp_us < IDLE_US;
	}
}

static void look_again(struct netif_ring *r, const struct net *net)
{
	const bool bound = all_bound(r);
	uint64_t now = now_us();

	if (now < r->again_us && (bound || (event_pending() & EV_GRANT) == 0))
		return;
	r->again_us = now + AGAIN_US;
	look_at_use(r, net, now);
	if (!bound && !r->down)
		bind_again(r);
}

int netif_error(const struct netif_ring *r)
{
	return r->down ? -E_NODEV : all_bound(r) ? 0 : r->error != 0 ? r->error : -E_AGAIN;
}

const char *netif_strerror(int err)
{
	switch (err) {
	case -E_NODEV:
		return "there is no network device, or the packet ring was taken back";
	case -E_QUOTA:
		return "the packet classifier has no place that is not kept for others: promise the program some, or end one that has filters";
	case -E_AGAIN:
		return "a place in the packet classifier was taken back, and others are asked for another one";
	case -E_EXISTS:
		return "another program receives these packets";
	default:
		return exos_strerror(err);
	}
}

int netif_up(struct netif_ring *r)
{
	uint8_t *memory = (uint8_t *)r->shared;
	long err;

	if (!r->down)
		give_ring(r, 1, false);
	reap(r);
	for (unsigned int i = 0; i < r->nflows; i++)
		if (r->flow[i].filter != 0)
			while (sys_object_end(r->flow[i].filter) == 1)
				;
	/* Nothing in these pages is needed any more, and some may be gone. */
	if ((err = vm_discard(memory, all_pages(r) * PAGE_SIZE)) < 0 || (err = vm_touch(memory, all_pages(r) * PAGE_SIZE)) < 0 ||
	    (err = have_page(&r->ring)) < 0)
		return (int)err;
	know_pages(r, memory);
	{
		PREEMPT_OFF;

		if ((err = make_ring(r)) == 0)
			r->down = false;
	}
	if (err < 0)
		return (int)err;
	bind_again(r);
	return r->error;
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
	if (!r->down)
		out->dropped = __atomic_load_n(&r->shared->dropped, __ATOMIC_RELAXED);
}
