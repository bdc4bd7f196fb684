/*
 * net.c - making a stack, its clock, its events, and the first look at every frame
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char *const counter_names[] = {
#define C(name, text) #name,
	NET_COUNTERS(C)
#undef C
};

_Static_assert(sizeof(counter_names) / sizeof(counter_names[0]) == NET_NCOUNTERS, "every counter has a name");

const char *net_counter_name(unsigned int i)
{
	return i < NET_NCOUNTERS ? counter_names[i] : NULL;
}

const char *net_strerror(int err)
{
	switch (err) {
#define E(name, value, text) case name: return text;
	NET_ERRORS(E)
#undef E
	}
	return "unknown network error";
}

/* ---- Pools ---- */

void *pool_get(struct pool *p)
{
	void *elem = p->free;

	if (elem != NULL)
		memcpy(&p->free, elem, sizeof(p->free));
	else if (p->fresh < p->cap)
		elem = p->base + p->size * p->fresh++;
	else
		return NULL;
	p->used++;
	return elem;
}

void pool_put(struct pool *p, void *elem)
{
	memcpy(elem, &p->free, sizeof(p->free));
	p->free = elem;
	p->used--;
}

/* ---- Events ---- */

void source_init(struct source *s, enum net_kind kind, void *user)
{
	link_init(&s->link);
	s->kind = kind;
	s->bits = 0;
	s->user = user;
}

void source_raise(struct net *net, struct source *s, unsigned int bits)
{
	if (s->bits == 0)
		link_append(&net->events, &s->link);
	s->bits |= bits;
}

void source_done(struct source *s)
{
	link_remove(&s->link);
	s->bits = 0;
}

/* ---- Chance and limits ---- */

bool bucket_take(struct net *net, struct bucket *b, unsigned int rate)
{
	if (net->now - b->since_us >= SECOND) {
		b->since_us = net->now;
		b->taken = 0;
	}
	if (b->taken >= rate)
		return false;
	b->taken++;
	return true;
}

uint16_t net_pick_port(struct net *net, bool (*taken)(struct net *net, const void *arg, uint16_t port), const void *arg)
{
	uint32_t n = (uint32_t)net->cfg.port_hi - net->cfg.port_lo + 1;
	uint32_t first = (uint32_t)(net_random(net) >> 32) % n;

	for (uint32_t i = 0; i < n; i++) {
		uint16_t port = (uint16_t)(net->cfg.port_lo + (first + i) % n);

		if (!taken(net, arg, port))
			return port;
	}
	return 0;
}

/* ---- Creation ---- */

void net_config_default(struct net_config *cfg)
{
	*cfg = (struct net_config){
		.port_lo = 49152, .port_hi = 65535,
		.tcp_conns = 64, .tcp_halfopen = 64, .tcp_timewait = 64, .tcp_listeners = 4,
		.udp_socks = 4, .arp_entries = 16, .tx_slots = 16,
		.tcp_sndbuf = 16384, .tcp_rcvbuf = 16384, .udp_rcvbuf = 8192,
		.rto_min_us = SECOND, .msl_us = 30 * SECOND, .give_up_us = 180 * SECOND, .orphan_us = 60 * SECOND,
	};
}

static bool power_of_two(uint32_t v, uint32_t min, uint32_t max)
{
	return v >= min && v <= max && (v & (v - 1)) == 0;
}

static bool config_valid(const struct net_config *c)
{
	const unsigned int most = 1 << 20;

	return c->netif != NULL && c->netif->transmit != NULL && c->netif->mtu >= 576 && c->netif->mtu <= MTU_MAX &&
	       !mac_is_group(c->netif->mac) && c->port_lo >= 1 && c->port_lo <= c->port_hi &&
	       c->tcp_conns <= most && c->tcp_halfopen <= most && c->tcp_timewait <= most && c->tcp_listeners <= most &&
	       c->udp_socks <= most && c->arp_entries >= 4 && c->arp_entries <= 4096 && c->tx_slots >= 4 && c->tx_slots <= most &&
	       power_of_two(c->tcp_sndbuf, 2048, 1 << 20) && power_of_two(c->tcp_rcvbuf, 2048, 1 << 20) &&
	       c->udp_rcvbuf >= 2048 && c->udp_rcvbuf % 8 == 0 && c->udp_rcvbuf <= 1 << 20 &&
	       c->rto_min_us >= 1 * MS && c->rto_min_us <= 60 * SECOND && c->msl_us >= 1 * MS && c->give_up_us >= 100 * SECOND &&
	       c->orphan_us >= 1 * SECOND;
}

/* The parts of the memory block, in order; layout() below is the only place that knows it. */
enum part { PART_NET, PART_HEAP, PART_ARP, PART_SLOTS, PART_UDP, PART_LISTENERS, PART_HASH, PART_CONNS, PART_UDP_RINGS, PART_BUFS,
	    PARTS };

static unsigned int conn_count(const struct net_config *c)
{
	return c->tcp_conns + c->tcp_halfopen + c->tcp_timewait;
}

static unsigned int hash_size(const struct net_config *c)
{
	unsigned int n = 64;

	while (n < conn_count(c))
		n *= 2;
	return n;
}

/* Offsets of the parts within the block; off[PARTS] is its size. The counts are bounded, so nothing here can wrap. */
static void layout(const struct net_config *c, size_t off[PARTS + 1])
{
	const size_t size[PARTS] = {
		[PART_NET] = sizeof(struct net),
		[PART_HEAP] = (conn_count(c) + 2) * sizeof(struct timer *),	/* and those of ARP and DHCP */
		[PART_ARP] = c->arp_entries * sizeof(struct arp_entry),
		[PART_SLOTS] = c->tx_slots * ((sizeof(struct slot) + 15) & ~(size_t)15),
		[PART_UDP] = c->udp_socks * sizeof(struct udp_sock),
		[PART_LISTENERS] = c->tcp_listeners * tcp_listener_size(),
		[PART_HASH] = hash_size(c) * sizeof(struct tcp_conn *),
		[PART_CONNS] = conn_count(c) * tcp_conn_size(),
		[PART_UDP_RINGS] = (size_t)c->udp_socks * c->udp_rcvbuf,
		[PART_BUFS] = c->tcp_conns * tcp_buf_size(c),
	};

	off[0] = 0;
	for (int i = 0; i < PARTS; i++)
		off[i + 1] = (off[i] + size[i] + 15) & ~(size_t)15;
}

size_t net_memory(const struct net_config *cfg)
{
	size_t off[PARTS + 1];

	if (!config_valid(cfg))
		return 0;
	layout(cfg, off);
	return off[PARTS];
}

struct net *net_init(void *mem, const struct net_config *cfg)
{
	uint8_t *base = mem;
	struct net *net = mem;
	size_t off[PARTS + 1];

	if (!config_valid(cfg) || ((uintptr_t)mem & 15) != 0)
		return NULL;
	layout(cfg, off);
	memset(net, 0, sizeof(*net));
	net->cfg = *cfg;
	net->netif = cfg->netif;
	net->now = cfg->now_us;
	net->addr = (struct net_addr){ cfg->ip, cfg->mask, cfg->router, cfg->dns, NET_NEVER };
	secret_init(net, cfg->seed);
	link_init(&net->events);
	source_init(&net->source, NET_KIND_STACK, NULL);
	net->heap = (struct timer **)(void *)(base + off[PART_HEAP]);
	net->slots = (struct pool){ .base = base + off[PART_SLOTS], .size = (sizeof(struct slot) + 15) & ~(size_t)15,
				    .cap = cfg->tx_slots };
	net->arp = (struct arp_entry *)(void *)(base + off[PART_ARP]);
	arp_init(net);
	net->udp = (struct udp_sock *)(void *)(base + off[PART_UDP]);
	for (unsigned int i = 0; i < cfg->udp_socks; i++)
		net->udp[i].buf = base + off[PART_UDP_RINGS] + (size_t)i * cfg->udp_rcvbuf;
	udp_init(net);
	dhcp_init(net);
	net->listeners = (struct tcp_listener *)(void *)(base + off[PART_LISTENERS]);
	net->hash = (struct tcp_conn **)(void *)(base + off[PART_HASH]);
	net->hash_mask = hash_size(cfg) - 1;
	net->conns = (struct pool){ .base = base + off[PART_CONNS], .size = tcp_conn_size(), .cap = conn_count(cfg) };
	net->bufs = (struct pool){ .base = base + off[PART_BUFS], .size = tcp_buf_size(cfg), .cap = cfg->tcp_conns };
	tcp_init(net);
	return net;
}

struct net *net_create(const struct net_config *cfg)
{
	size_t size = net_memory(cfg);
	void *mem = size != 0 ? malloc(size) : NULL;
	struct net *net = mem != NULL ? net_init(mem, cfg) : NULL;

	if (net == NULL)
		free(mem);
	return net;
}

void net_destroy(struct net *net)
{
	free(net);
}

/* ---- Running ---- */

void net_poll(struct net *net, uint64_t now_us)
{
	if (now_us > net->now)
		net->now = now_us;
	timer_run(net);
	tcp_poll(net);
}

uint64_t net_next_deadline(const struct net *net)
{
	uint64_t when = net->heap_len > 0 ? net->heap[0]->when : NET_NEVER;

	/* Nothing tells us that the interface has room again or has finished with a buffer, so ask every millisecond. */
	if ((net->blocked.next != &net->blocked || net->waiting != NULL) && when > net->now + MS)
		when = net->now + MS;
	return when;
}

void net_input(struct net *net, const uint8_t *frame, size_t len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;
	bool broadcast;

	net->stats.rx_frames++;
	net->stats.rx_bytes += len;
	if (net->hook != NULL && net->hook(net->hook_arg, frame, len))
		return;
	if (len < ETH_LEN || len > FRAME_MAX) {
		net->stats.eth_short++;
		return;
	}
	broadcast = mac_equal(eth->dst, mac_broadcast);
	if ((!broadcast && !mac_equal(eth->dst, net->netif->mac)) || mac_is_group(eth->src)) {
		net->stats.eth_other++;
		return;
	}
	switch (get16(eth->type)) {
	case ETH_TYPE_IP:
		ip_input(net, frame + ETH_LEN, len - ETH_LEN, broadcast);
		break;
	case ETH_TYPE_ARP:
		arp_input(net, frame, len);
		break;
	default:
		net->stats.eth_other++;
	}
}

bool net_next_event(struct net *net, struct net_event *ev)
{
	struct source *s;

	if (link_alone(&net->events))
		return false;
	s = container_of(net->events.next, struct source, link);
	ev->kind = s->kind;
	ev->events = s->bits;
	ev->user = s->user;
	/* In every object the source comes first. */
	ev->conn = NULL;
	if (s->kind == NET_KIND_CONN)
		ev->conn = (struct tcp_conn *)(void *)s;
	else if (s->kind == NET_KIND_LISTENER)
		ev->listener = (struct tcp_listener *)(void *)s;
	else if (s->kind == NET_KIND_UDP)
		ev->udp = (struct udp_sock *)(void *)s;
	source_done(s);
	return true;
}

uint64_t net_now(const struct net *net)
{
	return net->now;
}

const struct net_stats *net_stats(const struct net *net)
{
	return &net->stats;
}

void net_set_addr(struct net *net, uint32_t ip, uint32_t mask, uint32_t router, uint32_t dns)
{
	net->addr = (struct net_addr){ ip, mask, router, dns, NET_NEVER };
	arp_flush(net);
}

void net_get_addr(const struct net *net, struct net_addr *out)
{
	*out = net->addr;
}

void net_set_raw_hook(struct net *net, bool (*hook)(void *arg, const uint8_t *frame, size_t len), void *arg)
{
	net->hook = hook;
	net->hook_arg = arg;
}
