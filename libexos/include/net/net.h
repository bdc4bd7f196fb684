/*
 * net/net.h - the library's TCP/IP stack, as a program sees it
 *
 * One `struct net` is one host on one Ethernet. It is made from one block of memory whose size follows from the configuration;
 * after net_init() nothing is ever allocated, so a flood can fill the pools but never the program. There are no threads, no
 * globals and no waiting inside: the program hands in time (net_poll) and frames (net_input), the stack hands out frames
 * (struct netif) and events (net_next_event). The same files run over a ring of packets on exos and over a simulated link on a
 * host, where they are tested.
 *
 * The loop of a program:
 *
 *	for (;;) {
 *		net_poll(net, now_us());
 *		while ((frame = next frame of the ring))
 *			net_input(net, frame, len);
 *		while (net_next_event(net, &ev))
 *			act(&ev);
 *		sleep until a frame arrives or net_next_deadline(net);
 *	}
 *
 * Several programs may share one MAC and one IP address and be told apart by ports alone (flows). A stack therefore stays silent
 * about ports it does not own, and answers ARP and ICMP echo only where the configuration says so.
 *
 * Conventions: addresses and ports are in host byte order (10.0.2.15 is NET_IP(10, 0, 2, 15)); times are microseconds of any
 * clock that never goes back; a handle (struct tcp_conn *, struct tcp_listener *, struct udp_sock *) stays valid until the
 * program closes it, whatever the peer does. Results are 0 or a count, or one of the negative codes below. Not reentrant: no
 * function of this header may be called from within transmit(), a release function or the raw hook.
 *
 * Sources: RFC 791, 792, 826, 768, 1122, 2131, 9293, 5681, 6582, 6298, 5961, 6528, 6056, 7323 (window scale only).
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_IP(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* ---- Errors ---- */

#define NET_ERRORS(E) \
	E(NET_EAGAIN, -1, "nothing to read or no room to write now; an event tells when to try again") \
	E(NET_EINVAL, -2, "an argument is out of range") \
	E(NET_ENOMEM, -3, "the pool for this kind of object is used up") \
	E(NET_EINUSE, -4, "the port or the pair of addresses is taken") \
	E(NET_ENOADDR, -5, "the stack has no IP address yet") \
	E(NET_ENOROUTE, -6, "the address is in no attached network and there is no router") \
	E(NET_EREFUSED, -7, "the peer refused the connection with a reset") \
	E(NET_ERESET, -8, "the peer reset the connection") \
	E(NET_ETIMEDOUT, -9, "the peer did not answer for longer than the retransmission limit") \
	E(NET_EABORTED, -10, "the connection was given up on this side") \
	E(NET_ENOTCONN, -11, "the connection is not in a state that allows this") \
	E(NET_EMSGSIZE, -12, "the datagram does not fit into one packet") \
	E(NET_EUNREACH, -13, "the next hop does not answer ARP")

enum net_error {
#define E(name, value, text) name = value,
	NET_ERRORS(E)
#undef E
};

/* The sentence above for err; a fixed text for any other value. */
const char *net_strerror(int err);

/* ---- Counters ---- */

#define NET_COUNTERS(C) \
	C(rx_frames, "frames handed to net_input") \
	C(rx_bytes, "bytes in them") \
	C(tx_frames, "frames accepted by the interface") \
	C(tx_bytes, "bytes in them") \
	C(tx_busy, "frames the interface had no room for") \
	C(eth_short, "dropped: shorter than an Ethernet header or longer than the MTU allows") \
	C(eth_other, "dropped: not for our MAC, or an EtherType the stack does not speak") \
	C(arp_bad, "dropped: malformed or implausible ARP") \
	C(arp_in, "ARP packets accepted") \
	C(arp_requests, "ARP requests sent") \
	C(arp_replies, "ARP replies sent") \
	C(arp_ignored, "ARP claims nobody asked for, not believed") \
	C(arp_failed, "packets given up because the next hop did not answer ARP") \
	C(ip_header, "dropped: IPv4 version, header length, or total length wrong") \
	C(ip_checksum, "dropped: IPv4 header checksum wrong") \
	C(ip_options, "dropped: IPv4 options (source routes and the like)") \
	C(ip_fragment, "dropped: IPv4 fragments") \
	C(ip_martian, "dropped: impossible source or destination address, land packets") \
	C(ip_notforus, "dropped: for another address") \
	C(ip_protocol, "dropped: protocol neither ICMP, UDP nor TCP") \
	C(ip_noroute, "not sent: no route") \
	C(icmp_in, "ICMP messages accepted") \
	C(icmp_bad, "dropped: malformed ICMP") \
	C(icmp_ignored, "ICMP messages without effect") \
	C(icmp_echoes, "echo replies sent") \
	C(udp_in, "UDP datagrams delivered to a socket") \
	C(udp_out, "UDP datagrams sent") \
	C(udp_bad, "dropped: UDP length or checksum wrong") \
	C(udp_noport, "dropped: UDP to a port without a socket") \
	C(udp_full, "dropped: the socket's receive queue was full") \
	C(dhcp_bad, "dropped: malformed or foreign DHCP messages") \
	C(dhcp_bound, "DHCP leases obtained or renewed") \
	C(dhcp_nak, "DHCP refusals received") \
	C(tcp_in, "TCP segments accepted for processing") \
	C(tcp_out, "TCP segments sent") \
	C(tcp_bad, "dropped: TCP header, length or checksum wrong") \
	C(tcp_noport, "dropped: TCP to a port that is not ours") \
	C(tcp_rst_in, "resets believed") \
	C(tcp_rst_out, "resets sent") \
	C(tcp_syn_dropped, "SYNs dropped: backlog or pool full") \
	C(tcp_accepted, "connections completed by a listener") \
	C(tcp_connected, "connections completed by tcp_connect") \
	C(tcp_closed, "connections ended and returned to the pool") \
	C(tcp_timeouts, "connections given up after the retransmission limit") \
	C(tcp_rtx, "segments retransmitted") \
	C(tcp_rto, "retransmission timeouts") \
	C(tcp_fast_rtx, "fast retransmits") \
	C(tcp_probes, "zero window probes") \
	C(tcp_keepalives, "keepalive probes") \
	C(tcp_dup_acks, "duplicate ACKs received") \
	C(tcp_out_of_order, "segments that arrived ahead of a gap") \
	C(tcp_outside, "segments dropped because they lie outside the window") \
	C(tcp_reass_full, "segments dropped because too many gaps were open") \
	C(tcp_challenge, "challenge ACKs sent") \
	C(tcp_challenge_limited, "challenge ACKs not sent because of the limit per connection") \
	C(tcp_bad_ack, "segments that acknowledge what was never sent") \
	C(tcp_tw_reused, "TIME-WAIT records reused, the oldest first, because the pool was full")

struct net_stats {
#define C(name, text) uint64_t name;
	NET_COUNTERS(C)
#undef C
};

#define NET_NCOUNTERS (sizeof(struct net_stats) / sizeof(uint64_t))

/* Name of the i-th counter of struct net_stats ("rx_frames"); NULL when i >= NET_NCOUNTERS. */
const char *net_counter_name(unsigned int i);

/* ---- The interface to the wire ---- */

struct net_iov {
	const void *base;
	size_t len;
};

#define NET_TX_HEAD 128		/* iov[0] is at most this long */
#define NET_TX_IOVS 4		/* no frame has more pieces */

/*
 * transmit - send one Ethernet frame (without FCS) made of the pieces iov[0..n-1], 1 <= n <= NET_TX_IOVS, none of them empty.
 *   iov[0]   at most NET_TX_HEAD bytes in memory that is reused as soon as transmit returns: copy it before returning
 *   iov[1..] payload. It stays where it is and unchanged until tx_done() counts the frame. (One exception: bytes which the
 *            receiver of the frame has already acknowledged may be overwritten by later bytes of the same connection.)
 * Short frames are not padded. Must not call back into the stack.
 * Returns 0: accepted (delivery is not promised); NET_EAGAIN: no room, the stack will try again from net_poll().
 *
 * tx_done - how many of the frames accepted so far, counted from the first and in the order of the transmit() calls, the device
 * no longer reads. It never decreases. NULL means that transmit copies everything.
 */
struct netif {
	int (*transmit)(struct netif *netif, const struct net_iov *iov, int n);
	uint64_t (*tx_done)(struct netif *netif);
	uint8_t mac[6];		/* unicast */
	uint16_t mtu;		/* bytes of IP packet, 576 to 1500 */
	void *arg;		/* the interface's own */
};

/* ---- Creation ---- */

struct net_config {
	struct netif *netif;		/* outlives the stack */
	uint8_t seed[16];		/* unpredictable; sequence numbers and ports are only as secret as this */
	uint64_t now_us;

	uint32_t ip, mask, router, dns;	/* 0 when still unknown: net_set_addr() or net_dhcp_start() follows */
	bool answer_arp;		/* answer ARP requests for ip */
	bool answer_icmp;		/* answer echo requests */
	bool own_all_ports;		/* no other program shares the address: refuse unknown ports with RST or ICMP */
	uint16_t port_lo, port_hi;	/* ephemeral ports, both inclusive: those the program has flows for */

	unsigned int tcp_conns;		/* connections with buffers: connecting, established, closing */
	unsigned int tcp_halfopen;	/* SYN-RECEIVED over all listeners */
	unsigned int tcp_timewait;
	unsigned int tcp_listeners;
	unsigned int udp_socks;
	unsigned int arp_entries;
	unsigned int tx_slots;		/* datagrams that wait for ARP or for the device; each takes about 1.6 KiB */
	uint32_t tcp_sndbuf;		/* bytes per connection, a power of two, 2 KiB to 1 MiB */
	uint32_t tcp_rcvbuf;		/* likewise */
	uint32_t udp_rcvbuf;		/* bytes per socket, a multiple of 8, at least 2 KiB */

	uint32_t rto_min_us;		/* RFC 6298 (2.4) wants 1 s */
	uint32_t msl_us;		/* TIME-WAIT lasts twice this; RFC 9293 says 2 minutes, 30 s is usual */
	uint32_t give_up_us;		/* R2 of RFC 9293 3.8.3: a peer silent for so long is given up; at least 100 s */
	uint32_t orphan_us;		/* a connection that the program closed must make progress within this */
};

/* Fill in modest defaults: 64 connections of 16 KiB each way, everything silent, no address. netif and seed remain to be set. */
void net_config_default(struct net_config *cfg);

struct net;

/* Bytes of memory the stack needs for cfg; 0 when cfg is invalid. */
size_t net_memory(const struct net_config *cfg);

/*
 * Make a stack in mem, which holds net_memory(cfg) bytes, 16-aligned and belongs to the stack until the program stops using it;
 * there is nothing else to release. Pages of the block are touched only when a connection needs them. cfg is copied.
 * Returns NULL when cfg is invalid.
 */
struct net *net_init(void *mem, const struct net_config *cfg);

/* net_memory(), malloc() and net_init(); NULL: cfg invalid or no memory. net_destroy() frees it, sending nothing. */
struct net *net_create(const struct net_config *cfg);
void net_destroy(struct net *net);

/* ---- Running ---- */

/* Set the stack's clock and run every timer that is due. Also retries what transmit() had no room for. */
void net_poll(struct net *net, uint64_t now_us);

/* Hand in one received frame. It is read once, never written, and not needed after the return. Any bytes are allowed. */
void net_input(struct net *net, const uint8_t *frame, size_t len);

#define NET_NEVER UINT64_MAX

/* When net_poll() must run next, at the latest; NET_NEVER when only a frame or a call of the program can change something. */
uint64_t net_next_deadline(const struct net *net);

uint64_t net_now(const struct net *net);
const struct net_stats *net_stats(const struct net *net);

/* Tell the stack its address (instead of DHCP). Connections that exist keep the old one. */
void net_set_addr(struct net *net, uint32_t ip, uint32_t mask, uint32_t router, uint32_t dns);

struct net_addr {
	uint32_t ip, mask, router, dns;
	uint64_t lease_until_us;	/* NET_NEVER without DHCP */
};
void net_get_addr(const struct net *net, struct net_addr *out);

/* ---- Events ---- */

#define NET_EV_ACCEPT		0x001	/* listener: a connection waits for tcp_accept */
#define NET_EV_CONNECTED	0x002	/* tcp_connect succeeded */
#define NET_EV_READABLE		0x004	/* bytes or a datagram arrived */
#define NET_EV_WRITABLE		0x008	/* room again after NET_EAGAIN */
#define NET_EV_EOF		0x010	/* the peer will send nothing more (its FIN is in order) */
#define NET_EV_CLOSED		0x020	/* both directions are finished and acknowledged */
#define NET_EV_ERROR		0x040	/* the connection is dead: tcp_error() says why */
#define NET_EV_ADDR		0x080	/* the stack: address obtained, renewed or lost */
#define NET_EV_PING		0x100	/* the stack: an echo reply, see net_ping_result */

enum net_kind { NET_KIND_STACK, NET_KIND_LISTENER, NET_KIND_CONN, NET_KIND_UDP };

struct net_event {
	enum net_kind kind;
	unsigned int events;		/* NET_EV_* since the last event of this object */
	void *user;			/* as given when the object was made */
	union {
		struct tcp_listener *listener;
		struct tcp_conn *conn;
		struct udp_sock *udp;
	};
};

/*
 * Take the oldest event. Events of one object are merged until they are taken, so there are never more than objects, and an
 * object that is closed takes its events with it. They tell changes, not levels: read or accept until NET_EAGAIN.
 * Returns false when there is none.
 */
bool net_next_event(struct net *net, struct net_event *ev);

/* ---- TCP ---- */

enum tcp_state {		/* RFC 9293 3.3.2 */
	TCP_CLOSED, TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK, TCP_TIME_WAIT,
};
const char *tcp_state_name(enum tcp_state state);

/*
 * Passive open on port. backlog (at least 1) bounds the connections that are complete and not yet accepted, and the same number
 * again may be half open; SYNs beyond are dropped.
 * Returns 0; NET_EINVAL; NET_EINUSE: another listener has the port; NET_ENOMEM.
 */
int tcp_listen(struct net *net, uint16_t port, unsigned int backlog, void *user, struct tcp_listener **out);

/* Take the oldest complete connection; user belongs to it from now on. Returns 0; NET_EAGAIN. */
int tcp_accept(struct tcp_listener *l, void *user, struct tcp_conn **out);

/* Stop listening. Half-open and unaccepted connections are reset. The handle is gone. */
void tcp_unlisten(struct tcp_listener *l);

/*
 * Active open. local_port 0 chooses a random ephemeral one (RFC 6056). Success or failure comes as an event.
 * Returns 0; NET_EINVAL; NET_ENOADDR; NET_ENOROUTE; NET_ENOMEM; NET_EINUSE: no free port or the pair of sockets exists.
 */
int tcp_connect(struct net *net, uint32_t ip, uint16_t port, uint16_t local_port, void *user, struct tcp_conn **out);

/*
 * Receive up to len bytes. Returns the count; 0: the peer has closed and all is read (or len is 0); NET_EAGAIN; or the reason
 * for which the connection died. Bytes that arrived before a reset are lost with it, as RFC 9293 has it.
 */
long tcp_recv(struct tcp_conn *c, void *buf, size_t len);

/* The same without a copy: *data points to the returned number of bytes, until tcp_consume() gives them back. */
long tcp_peek(struct tcp_conn *c, const void **data);
void tcp_consume(struct tcp_conn *c, size_t len);

/*
 * Append up to len bytes to the send buffer and send what the windows allow. Returns the count copied, which may be less than
 * len; NET_EAGAIN when it would be 0 (NET_EV_WRITABLE follows); NET_ENOTCONN after tcp_shutdown; or why the connection died.
 * Bytes are also taken while the connection is still being opened.
 */
long tcp_send(struct tcp_conn *c, const void *data, size_t len);

/*
 * Append len bytes (at most 2^30) without copying. They must stay valid and unchanged until release(arg), which is called
 * exactly once, when the peer has acknowledged all of them or the connection is over, and the device no longer reads them.
 * release may be NULL (static pages). All or nothing: returns 0; NET_EAGAIN: too many pieces are queued; errors as tcp_send.
 */
int tcp_send_ref(struct tcp_conn *c, const void *data, size_t len, void (*release)(void *arg), void *arg);

/* Close the sending direction: a FIN follows the bytes queued. Receiving goes on. Returns 0; NET_ENOTCONN. */
int tcp_shutdown(struct tcp_conn *c);

/*
 * Give the connection back. The stack delivers what is queued and finishes the handshake by itself, within orphan_us of silence;
 * when received bytes were not read it resets instead (RFC 9293 3.6.1). The handle is gone; release functions may run later.
 */
void tcp_close(struct tcp_conn *c);

/* Reset the connection and forget it. The handle is gone. */
void tcp_abort(struct tcp_conn *c);

enum tcp_state tcp_state(const struct tcp_conn *c);
int tcp_error(const struct tcp_conn *c);		/* 0 or why the connection died */
unsigned int tcp_ready(const struct tcp_conn *c);	/* NET_EV_* that hold right now */
size_t tcp_readable(const struct tcp_conn *c);		/* bytes tcp_recv would give */
size_t tcp_writable(const struct tcp_conn *c);		/* bytes tcp_send would take */
size_t tcp_unacked(const struct tcp_conn *c);		/* bytes queued and not yet acknowledged */
void *tcp_user(const struct tcp_conn *c);
void tcp_set_user(struct tcp_conn *c, void *user);
void tcp_set_nodelay(struct tcp_conn *c, bool on);	/* true: no Nagle algorithm */
void tcp_set_keepalive(struct tcp_conn *c, uint64_t idle_us);	/* probe after so much silence, 0: never (default) */

struct net_endpoints {
	uint32_t local_ip, remote_ip;
	uint16_t local_port, remote_port;
};
void tcp_endpoints(const struct tcp_conn *c, struct net_endpoints *out);

/* Connections on a local port, half-open ones too, but not those that are only remembered (TIME-WAIT). */
unsigned int tcp_connections(const struct net *net, uint16_t port);

/* ---- UDP ---- */

/* A socket on port (0: a random ephemeral one). Returns 0; NET_EINUSE; NET_ENOMEM. */
int udp_open(struct net *net, uint16_t port, void *user, struct udp_sock **out);
uint16_t udp_port(const struct udp_sock *s);

/*
 * Send one datagram of len bytes, copied. Returns 0; NET_EAGAIN: no free slot; NET_EMSGSIZE: more than mtu - 28 bytes;
 * NET_ENOADDR; NET_ENOROUTE; NET_EINVAL. 0 does not promise delivery.
 */
int udp_sendto(struct udp_sock *s, uint32_t ip, uint16_t port, const void *data, size_t len);

/* Take the oldest datagram; what exceeds len is cut off. Returns its full length (may be 0); NET_EAGAIN. ip, port may be NULL. */
long udp_recvfrom(struct udp_sock *s, void *buf, size_t len, uint32_t *ip, uint16_t *port);

void udp_close(struct udp_sock *s);

/* ---- DHCP (RFC 2131), ping, raw frames ---- */

/* Obtain an address and keep it: NET_EV_ADDR tells of every change. */
void net_dhcp_start(struct net *net);

/* Give the address back (DHCPRELEASE) and stop. */
void net_dhcp_stop(struct net *net);

/* Send an echo request with len bytes of payload (at most mtu - 28). Errors as udp_sendto. */
int net_ping(struct net *net, uint32_t ip, uint16_t seq, size_t len);

struct net_ping_reply {
	uint32_t ip;
	uint16_t seq;
	uint16_t len;
	uint64_t rtt_us;
};

/* The last echo reply that matched the last net_ping(); each is given once. Returns false when there is none. */
bool net_ping_result(struct net *net, struct net_ping_reply *out);

/* Called with every frame before the stack looks at it; returns true when the frame is dealt with. NULL: none. */
void net_set_raw_hook(struct net *net, bool (*hook)(void *arg, const uint8_t *frame, size_t len), void *arg);

/* Send a whole Ethernet frame, copied. Returns 0; NET_EAGAIN; NET_EINVAL: shorter than 14 bytes; NET_EMSGSIZE. */
int net_raw_send(struct net *net, const void *frame, size_t len);

#endif
