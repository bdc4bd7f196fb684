/*
 * internal.h - the stack's own view of itself
 *
 * Who calls whom: net_input (net.c) -> arp_input | ip_input -> icmp_input | udp_input | tcp_input; everything that is sent ends in
 * ip_send (ip.c) -> eth_send (eth.c) -> transmit(). The memory block of net_init() is cut into the arrays below once; pools hand
 * out their elements in order of first use and reuse the most recently freed, so untouched memory stays untouched.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <net/net.h>

#include "inet.h"

#define MS	1000u			/* microseconds */
#define SECOND	1000000u

#define IP_BROADCAST	0xffffffffu
#define MTU_MAX		1500
#define FRAME_MAX	(ETH_LEN + MTU_MAX)

#define container_of(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* ---- Lists: circular, doubly linked; a link in no list points to itself ---- */

struct link {
	struct link *prev, *next;
};

static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}

static inline bool link_alone(const struct link *l)
{
	return l->next == l;
}

static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

static inline void link_append(struct link *head, struct link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* ---- Pools of equal elements ---- */

struct pool {
	uint8_t *base;
	size_t size;			/* of one element, a multiple of 16 */
	unsigned int cap, fresh, used;	/* elements; those ever touched; those handed out */
	void *free;			/* freed ones, linked through their first word */
};

void *pool_get(struct pool *p);		/* contents undefined; NULL when all are in use */
void pool_put(struct pool *p, void *elem);

/* ---- Timers: a binary heap ---- */

struct timer {
	uint64_t when;
	unsigned int pos;		/* index in the heap plus one; 0: not set */
	void (*fire)(struct net *net, struct timer *t);
};

void timer_set(struct net *net, struct timer *t, uint64_t when);	/* sets or moves */
void timer_clear(struct net *net, struct timer *t);
void timer_run(struct net *net);

/* ---- Events ---- */

struct source {				/* the part of an object that net_next_event() sees */
	struct link link;		/* in net->events while bits != 0 */
	enum net_kind kind;
	unsigned int bits;
	void *user;
};

void source_init(struct source *s, enum net_kind kind, void *user);
void source_raise(struct net *net, struct source *s, unsigned int bits);
void source_done(struct source *s);	/* takes its events back */

/* ---- Ethernet, slots, ARP ---- */

/*
 * A packet on its way out: head[0 .. head_len) are the headers, room for Ethernet's at the front included, and as much of a small
 * payload as fits; then up to three pieces of payload.
 */
struct packet {
	uint8_t head[NET_TX_HEAD];
	size_t head_len;
	struct net_iov piece[NET_TX_IOVS - 1];
	int npieces;
};

/*
 * A slot holds a whole frame: a datagram while the device reads it, or anything that waits for ARP. A slot is in exactly one
 * place: the pool, the chain of an ARP entry, or the queue of those the device may still read.
 */
struct slot {
	struct slot *next;
	uint64_t tx_mark;		/* the device is done when netif->tx_done() reaches it */
	size_t len;
	uint8_t frame[FRAME_MAX];
};

struct slot *slot_get(struct net *net);
void slot_put(struct net *net, struct slot *s);

enum arp_state { ARP_FREE, ARP_INCOMPLETE, ARP_REACHABLE, ARP_PROBE };

#define ARP_PENDING 4			/* packets that may wait for one address */

struct arp_entry {
	enum arp_state state;
	uint8_t tries;
	uint8_t npending;
	uint8_t mac[6];
	uint32_t ip;
	uint64_t changed_us;		/* confirmed, or the last request sent */
	uint64_t used_us;
	struct slot *pending;		/* oldest first */
};

/* Send head and pieces to mac; fills in the Ethernet header. Returns 0 or NET_EAGAIN. */
int eth_send(struct net *net, struct packet *pkt, const uint8_t mac[6], uint16_t type);
/* Send the frame in s, complete but for the destination MAC; s is the callee's from now on. */
int eth_send_slot(struct net *net, struct slot *s, const uint8_t mac[6]);
/* Count of accepted frames that the device no longer reads. */
uint64_t eth_tx_done(const struct net *net);
bool mac_is_group(const uint8_t mac[6]);
bool mac_equal(const uint8_t a[6], const uint8_t b[6]);
extern const uint8_t mac_broadcast[6];

void arp_init(struct net *net);
void arp_input(struct net *net, const uint8_t *frame, size_t len);
/*
 * Find the MAC of ip, a neighbour. Returns NULL while it is unknown; then *entry can hold the packet (arp_hold), or is NULL when
 * the cache is full of other questions.
 */
const uint8_t *arp_lookup(struct net *net, uint32_t ip, struct arp_entry **entry);
void arp_hold(struct net *net, struct arp_entry *e, struct slot *s);
void arp_flush(struct net *net);

/* ---- IP and above ---- */

/* What ip_input() found out about the packet it passes on. */
struct ip_info {
	uint32_t src, dst;
	bool broadcast;			/* dst is a broadcast address */
	const uint8_t *header;
};

void ip_input(struct net *net, const uint8_t *p, size_t len, bool link_broadcast);
bool ip_is_broadcast(const struct net *net, uint32_t ip);
/* The IPv4 header for len bytes of payload. */
void ip_header(uint8_t *at, uint32_t src, uint32_t dst, uint8_t protocol, size_t len);
/* Route and send; the Ethernet header comes in here. Returns 0 (perhaps waiting for ARP), NET_EAGAIN, NET_ENOROUTE. */
int ip_send(struct net *net, struct packet *pkt, uint32_t dst);
/* The same for a whole frame in a slot; takes the slot in every case. */
int ip_send_slot(struct net *net, struct slot *s, uint32_t dst);
/* 0 or NET_ENOROUTE; *hop is the neighbour to which a packet for dst goes. */
int ip_route(const struct net *net, uint32_t dst, uint32_t *hop);

void icmp_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len);
void icmp_port_unreachable(struct net *net, const struct ip_info *ip);

#define UDP_PORT_DHCP_SERVER	67
#define UDP_PORT_DHCP_CLIENT	68

struct udp_sock {
	struct source source;
	struct net *net;
	bool open;
	uint16_t port;
	uint8_t *buf;			/* a ring of cfg.udp_rcvbuf bytes, see udp.c */
	uint32_t head, used;
};

void udp_init(struct net *net);
void udp_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len);
int udp_output(struct net *net, uint16_t sport, uint32_t src, uint32_t dst, uint16_t dport, const void *data, size_t len);

enum dhcp_state { DHCP_OFF, DHCP_SELECTING, DHCP_REQUESTING, DHCP_BOUND, DHCP_RENEWING, DHCP_REBINDING };

struct dhcp {
	enum dhcp_state state;
	unsigned int tries;
	uint32_t xid, server, offered;
	uint64_t start_us, bound_us, t1_us, t2_us, expiry_us;
	struct timer timer;
};

void dhcp_init(struct net *net);
void dhcp_input(struct net *net, const uint8_t *p, size_t len);

/* ---- Limits on what strangers can make us send ---- */

struct bucket {
	uint64_t since_us;
	unsigned int taken;
};

/* Take one of at most `rate` tokens a second; false when they are used up. A bucket of zeros is full. */
bool bucket_take(struct net *net, struct bucket *b, unsigned int rate);

/* ---- The stack ---- */

struct tcp_conn;
struct tcp_buf;

struct net {
	struct net_config cfg;
	struct netif *netif;
	uint64_t now;
	struct net_addr addr;
	struct net_stats stats;

	uint64_t key[2], random_count;

	struct timer **heap;
	unsigned int heap_len;
	struct link events;
	struct source source;		/* NET_KIND_STACK */

	uint64_t tx_count;		/* frames accepted by transmit() */
	struct pool slots;
	struct slot *tx_first, *tx_last;	/* slots the device may still read, in order of transmission */

	struct arp_entry *arp;
	struct timer arp_timer;
	struct arp_entry *arp_hint;	/* the entry last used */
	unsigned int arp_npending;	/* packets that wait, over all entries */

	struct bucket unreachable;
	bool (*hook)(void *arg, const uint8_t *frame, size_t len);
	void *hook_arg;

	struct {
		uint16_t id, seq;
		uint32_t ip;
		uint64_t sent_us;
		bool waiting, done;
		struct net_ping_reply reply;
	} ping;

	struct udp_sock *udp;
	struct dhcp dhcp;

	struct pool conns, bufs;
	struct tcp_listener *listeners;
	struct tcp_conn **hash;
	unsigned int hash_mask;
	unsigned int nhalfopen, ntimewait;
	struct link timewait;		/* oldest first */
	struct link blocked;		/* connections for which transmit() had no room */
	struct tcp_buf *waiting;	/* buffers with memory that the device may still read */
};

void secret_init(struct net *net, const uint8_t seed[16]);
uint64_t net_siphash(const uint64_t key[2], uint64_t a, uint64_t b);
uint64_t net_random(struct net *net);
uint32_t tcp_isn(const struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport);
/* A free ephemeral port by RFC 6056 3.3.1, or 0; taken(arg, port) tells which are not free. */
uint16_t net_pick_port(struct net *net, bool (*taken)(struct net *net, const void *arg, uint16_t port), const void *arg);

void tcp_init(struct net *net);
void tcp_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len);
void tcp_poll(struct net *net);
size_t tcp_conn_size(void);
size_t tcp_buf_size(const struct net_config *cfg);
size_t tcp_listener_size(void);

#endif
