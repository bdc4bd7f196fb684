/*
 * fuzz_net_input.c - bytes become frames, calls and time for one stack
 *
 * The stack has a listener, an established connection, a UDP socket and a DHCP client in turn. Each operation is one byte and what
 * it takes from those that follow. Frames are noise, noise with good headers, or segments whose numbers are near the ones that the
 * stack expects, with right checksums, so that they get deep. After each operation net_audit() checks every law of the stack, and
 * at the end everything is closed and time passes: no memory may be missing.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/net_audit.h"

#define IP_A	NET_IP(10, 0, 0, 1)
#define IP_B	NET_IP(10, 0, 0, 2)
#define NCONNS	6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	const uint8_t *p, *end;
	struct net *net;
	struct netif netif;
	struct net_config cfg;
	uint64_t now, accepted, done;
	bool full, lazy;
	struct tcp_listener *listener;
	struct tcp_conn *conn[NCONNS];
	struct udp_sock *udp;
	unsigned int lent, released;
};

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 }, mac_b[6] = { 2, 0, 0, 0, 0, 2 };

static uint32_t take(struct fuzz *z, int bytes)
{
	uint32_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | (z->p < z->end ? *z->p++ : 0);
	return v;
}

static int fuzz_transmit(struct netif *netif, const struct net_iov *iov, int n)
{
	struct fuzz *z = netif->arg;
	uint8_t copy[FRAME_MAX];
	size_t len = 0;

	LAW(n >= 1 && n <= NET_TX_IOVS && iov[0].len <= NET_TX_HEAD && iov[0].len >= ETH_LEN);
	for (int i = 0; i < n; i++) {
		LAW(iov[i].len > 0 && iov[i].len <= FRAME_MAX - len);
		memcpy(copy + len, iov[i].base, iov[i].len);
		len += iov[i].len;
	}
	LAW(memcmp(copy + 6, netif->mac, 6) == 0);
	if (z->full)
		return NET_EAGAIN;
	z->accepted++;
	return 0;
}

static uint64_t fuzz_tx_done(struct netif *netif)
{
	struct fuzz *z = netif->arg;

	return z->lazy ? z->done : z->accepted;
}

/* A copy of its own for the address sanitizer. */
static void input(struct fuzz *z, const uint8_t *frame, size_t len)
{
	uint8_t *copy = malloc(len + 1);

	memcpy(copy, frame, len);
	net_input(z->net, copy, len);
	free(copy);
}

static void eth_header(uint8_t *f, uint16_t type)
{
	memcpy(f, mac_a, 6);
	memcpy(f + 6, mac_b, 6);
	put16(f + 12, type);
}

static void ip_packet(struct fuzz *z, uint8_t *f, uint8_t protocol, size_t len)
{
	eth_header(f, ETH_TYPE_IP);
	ip_header(f + ETH_LEN, IP_B, IP_A, protocol, len);
	input(z, f, ETH_LEN + IP_LEN + len);
}

static struct tcp_conn *some_conn(struct fuzz *z, uint32_t which)
{
	return z->conn[which % NCONNS];
}

/* A segment for a connection, or for the listener. */
static void op_segment(struct fuzz *z)
{
	uint8_t f[FRAME_MAX] = { 0 }, *h = f + ETH_LEN + IP_LEN;
	uint32_t which = take(z, 1), shape = take(z, 1);
	struct tcp_conn *c = some_conn(z, which);
	size_t len = (shape & 3) == 0 ? 0 : (shape & 3) == 1 ? take(z, 1) : (shape & 3) == 2 ? 1460 : take(z, 2) % 1461;
	size_t optlen = (shape & 4) != 0 ? (take(z, 1) % 11) * 4 : 0, hlen;
	uint32_t seq = (shape & 8) != 0 ? take(z, 4) : (uint32_t)(int8_t)take(z, 1) * (shape & 16 ? 1460 : 1);
	uint32_t ack = (shape & 32) != 0 ? take(z, 4) : (uint32_t)(int8_t)take(z, 1);

	if (len > 1460 - optlen)
		len = 1460 - optlen;
	hlen = TCP_LEN + optlen;
	if (c != NULL && (which & 128) == 0) {
		put16(h, c->rport);
		put16(h + 2, c->lport);
		seq += c->rcv_nxt;
		ack += (shape & 64) != 0 ? c->snd_nxt : c->snd_una;
	} else {
		struct tcp_conn *half = NULL;

		/* A half-open one, to finish its handshake. */
		for (unsigned int i = 0; i <= z->net->hash_mask && half == NULL; i++)
			for (half = z->net->hash[i]; half != NULL && half->state != TCP_SYN_RECEIVED; half = half->hash_next)
				;
		if (half != NULL && (shape & 64) != 0) {
			put16(h, half->rport);
			seq += half->rcv_nxt;
			ack += half->snd_nxt;
		} else {
			put16(h, 1 + which % 16);
		}
		put16(h + 2, 80);
	}
	put32(h + 4, seq);
	put32(h + 8, ack);
	h[12] = (uint8_t)(hlen / 4 << 4);
	h[13] = (uint8_t)take(z, 1);
	put16(h + 14, take(z, 1) * 257);
	for (size_t i = 0; i < optlen; i++)
		h[TCP_LEN + i] = (uint8_t)take(z, 1);
	memset(h + hlen, (int)seq, len);
	put16(h + 16, (uint16_t)~inet_fold(inet_pseudo(IP_B, IP_A, IP_PROTO_TCP, hlen + len) + inet_sum(h, hlen + len)));
	ip_packet(z, f, IP_PROTO_TCP, hlen + len);
}

/* Noise behind headers that are as good as `depth` says. */
static void op_noise(struct fuzz *z)
{
	uint8_t f[1700];
	uint32_t depth = take(z, 1);
	size_t len = take(z, 2) % sizeof(f), l4 = 0;

	for (size_t i = 0; i < len; i++)
		f[i] = (uint8_t)take(z, 1);
	if ((depth & 1) != 0 && len >= ETH_LEN)
		eth_header(f, (depth & 2) != 0 ? ETH_TYPE_IP : ETH_TYPE_ARP);
	if ((depth & 3) == 1 && len >= ETH_LEN + ARP_LEN) {
		static const uint8_t fixed[8] = { 0, 1, 8, 0, 6, 4, 0, 2 };

		memcpy(f + ETH_LEN, fixed, 8);
		f[ETH_LEN + 7] = (uint8_t)(1 + (depth >> 2 & 1));
		if ((depth & 8) != 0)
			memcpy(f + ETH_LEN + 8, f + 6, 6);
		if ((depth & 16) != 0)
			put32(f + ETH_LEN + 14, IP_B);
		if ((depth & 32) != 0)
			put32(f + ETH_LEN + 24, IP_A);
	}
	if ((depth & 7) == 7 && len >= ETH_LEN + IP_LEN && len <= FRAME_MAX) {
		l4 = len - ETH_LEN - IP_LEN;
		ip_header(f + ETH_LEN, IP_B, (depth & 64) != 0 ? z->net->addr.ip : IP_A, f[ETH_LEN + 9], l4);
		if ((depth & 8) != 0 && f[ETH_LEN + 9] == IP_PROTO_UDP && l4 >= UDP_LEN) {
			put16(f + 34, UDP_PORT_DHCP_SERVER);
			put16(f + 36, (depth & 16) != 0 ? UDP_PORT_DHCP_CLIENT : 7);
			put16(f + 38, (uint32_t)l4);
			put16(f + 40, 0);
		}
	}
	input(z, f, len);
}

/* A DHCP message that is well formed up to the options. */
static void op_dhcp(struct fuzz *z)
{
	uint8_t f[FRAME_MAX] = { 0 }, *u = f + ETH_LEN + IP_LEN, *b = u + UDP_LEN;
	size_t nopt = take(z, 1), len;

	b[0] = 2;
	b[1] = 1;
	b[2] = 6;
	put32(b + 4, z->net->dhcp.xid);
	put32(b + 16, take(z, 1) % 4 != 0 ? NET_IP(10, 0, 0, 1) : take(z, 4));
	memcpy(b + 28, mac_a, 6);
	put32(b + 236, 0x63825363);
	b[240] = 53;
	b[241] = 1;
	b[242] = (uint8_t)(take(z, 1) % 9);
	b[243] = 54;
	b[244] = 4;
	put32(b + 245, IP_B);
	b[249] = 1;
	b[250] = 4;
	put32(b + 251, NET_IP(255, 255, 255, 0));
	for (size_t i = 0; i < nopt; i++)
		b[255 + i] = (uint8_t)take(z, 1);
	len = UDP_LEN + 255 + nopt;
	put16(u, UDP_PORT_DHCP_SERVER);
	put16(u + 2, UDP_PORT_DHCP_CLIENT);
	put16(u + 4, (uint32_t)len);
	ip_packet(z, f, IP_PROTO_UDP, len);
}

static void op_arp_answers(struct fuzz *z)
{
	for (unsigned int i = 0; i < z->cfg.arp_entries; i++) {
		uint8_t f[ETH_LEN + ARP_LEN] = { 0 };
		struct arp_hdr *h = (struct arp_hdr *)(f + ETH_LEN);

		if (z->net->arp[i].state != ARP_INCOMPLETE)
			continue;
		eth_header(f, ETH_TYPE_ARP);
		put16(h->hrd, 1);
		put16(h->pro, ETH_TYPE_IP);
		h->hln = 6;
		h->pln = 4;
		put16(h->op, ARP_REPLY);
		memcpy(h->sha, mac_b, 6);
		put32(h->spa, z->net->arp[i].ip);
		put32(h->tpa, z->net->addr.ip);
		input(z, f, sizeof(f));
	}
}

static void release(void *arg)
{
	((struct fuzz *)arg)->released++;
}

static void op_call(struct fuzz *z)
{
	static uint8_t bytes[20000];
	uint32_t what = take(z, 1), which = take(z, 1) % NCONNS;
	struct tcp_conn *c = z->conn[which];
	const void *p;
	uint8_t buf[3000];
	long n;

	switch (what % 16) {
	case 0:
		if (z->listener != NULL && c == NULL && tcp_accept(z->listener, NULL, &z->conn[which]) != 0)
			z->conn[which] = NULL;
		return;
	case 1:
		if (c == NULL && tcp_connect(z->net, IP_B, 80, 0, NULL, &z->conn[which]) != 0)
			z->conn[which] = NULL;
		return;
	case 2:
		if (z->udp != NULL)
			udp_sendto(z->udp, take(z, 1) % 4 != 0 ? IP_B : NET_IP(10, 0, 0, what), 9, bytes, take(z, 2) % 1600);
		return;
	case 3:
		if (z->udp != NULL)
			udp_recvfrom(z->udp, buf, take(z, 2) % sizeof(buf), NULL, NULL);
		return;
	case 4:
		net_ping(z->net, IP_B, (uint16_t)what, take(z, 2) % 1600);
		return;
	case 5:
		if (what & 16)
			net_dhcp_start(z->net);
		else
			net_dhcp_stop(z->net);
		if (z->net->addr.ip == 0 && (what & 32) != 0)
			net_set_addr(z->net, IP_A, NET_IP(255, 255, 255, 0), IP_B, 0);
		return;
	}
	if (c == NULL)
		return;
	switch (what % 16) {
	case 6:
		tcp_close(c);
		z->conn[which] = NULL;
		return;
	case 7:
		tcp_abort(c);
		z->conn[which] = NULL;
		return;
	case 8:
		tcp_shutdown(c);
		return;
	case 9:
	case 10:
		tcp_send(c, bytes, take(z, 2) % sizeof(bytes));
		return;
	case 11:
		if (tcp_send_ref(c, bytes, take(z, 2) % sizeof(bytes), release, z) == 0)
			z->lent++;
		return;
	case 12:
		tcp_recv(c, buf, take(z, 2) % sizeof(buf));
		return;
	case 13:
		n = tcp_peek(c, &p);
		if (n > 0)
			tcp_consume(c, take(z, 2) % ((size_t)n + 1));
		return;
	case 14:
		tcp_set_nodelay(c, (what & 16) != 0);
		return;
	default:
		tcp_set_keepalive(c, (uint64_t)take(z, 1) * SECOND);
	}
}

/* Let time pass, but not more than `steps` deadlines. */
static void pass(struct fuzz *z, uint64_t us, int steps)
{
	uint64_t until = z->now + us;

	for (; steps > 0 && net_next_deadline(z->net) < until; steps--) {
		uint64_t next = net_next_deadline(z->net);

		z->now = next > z->now ? next : z->now + 1;
		net_poll(z->net, z->now);
	}
	if (z->now < until)
		z->now = until;
	net_poll(z->net, z->now);
}

static void step(struct fuzz *z)
{
	static const uint32_t spans[] = { 1, 40000, 300000, 1000000, 5000000, 60000000, 200000000, 1800000000 };
	struct net_event ev;
	uint32_t op = take(z, 1);

	switch (op % 12) {
	case 0: case 1: case 2: case 3: case 4:
		op_segment(z);
		break;
	case 5:
		op_noise(z);
		break;
	case 6:
		op_dhcp(z);
		break;
	case 7:
		op_arp_answers(z);
		break;
	case 8:
		pass(z, spans[op / 12 % 8], 300);
		break;
	case 9:
		if ((op & 64) != 0)
			z->full = !z->full;
		else
			z->lazy = !z->lazy;
		z->done = z->accepted;
		break;
	default:
		op_call(z);
	}
	net_audit(z->net);
	if ((op & 128) != 0)
		while (net_next_event(z->net, &ev))
			;
}

/* Three segments make a connection, accepted as the first. */
static void handshake(struct fuzz *z)
{
	static const uint8_t syn[] = { 128, 0, 0, 0, TCP_SYN, 255 }, ack[] = { 128, 64, 0, 0, TCP_ACK, 255 };
	const uint8_t *p = z->p, *end = z->end;
	struct arp_entry *e;

	arp_lookup(z->net, IP_B, &e);
	op_arp_answers(z);
	z->p = syn;
	z->end = syn + sizeof(syn);
	op_segment(z);
	z->p = ack;
	z->end = ack + sizeof(ack);
	op_segment(z);
	z->p = p;
	z->end = end;
	LAW(tcp_accept(z->listener, NULL, &z->conn[0]) == 0);
	net_audit(z->net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t mem[256 * 1024] __attribute__((aligned(16)));
	struct fuzz z = { .p = data, .end = data + size, .now = 1000 * (uint64_t)SECOND };
	uint32_t flags = take(&z, 1);
	struct slot *slot;

	z.netif = (struct netif){ .transmit = fuzz_transmit, .tx_done = (flags & 1) != 0 ? fuzz_tx_done : NULL, .mtu = 1500, .arg = &z };
	memcpy(z.netif.mac, mac_a, 6);
	net_config_default(&z.cfg);
	z.cfg.netif = &z.netif;
	z.cfg.now_us = z.now;
	z.cfg.ip = IP_A;
	z.cfg.mask = NET_IP(255, 255, 255, 0);
	z.cfg.router = NET_IP(10, 0, 0, 254);
	z.cfg.answer_arp = z.cfg.answer_icmp = (flags & 2) != 0;
	z.cfg.own_all_ports = (flags & 4) != 0;
	z.cfg.tcp_conns = 4;
	z.cfg.tcp_halfopen = 3;
	z.cfg.tcp_timewait = 2;
	z.cfg.tcp_sndbuf = 4096;
	z.cfg.tcp_rcvbuf = (flags & 8) != 0 ? 4096 : 2048;
	z.cfg.udp_socks = 1;
	z.cfg.udp_rcvbuf = 2048;
	z.cfg.tx_slots = 4;
	z.cfg.arp_entries = 4;
	LAW(net_memory(&z.cfg) != 0 && net_memory(&z.cfg) <= sizeof(mem));
	z.net = net_init(mem, &z.cfg);
	LAW(z.net != NULL);
	LAW(tcp_listen(z.net, 80, 2, NULL, &z.listener) == 0);
	LAW(udp_open(z.net, 7, NULL, &z.udp) == 0);
	handshake(&z);

	for (int i = 0; i < 400 && z.p < z.end; i++)
		step(&z);

	/* The end: everything comes back. */
	z.full = z.lazy = false;
	tcp_unlisten(z.listener);
	udp_close(z.udp);
	net_dhcp_stop(z.net);
	for (int i = 0; i < NCONNS; i++)
		if (z.conn[i] != NULL) {
			if ((flags & 16) != 0)
				tcp_close(z.conn[i]);
			else
				tcp_abort(z.conn[i]);
		}
	net_audit(z.net);
	pass(&z, 100 * (uint64_t)SECOND, 10000);
	pass(&z, 100 * (uint64_t)SECOND, 10000);
	net_audit(z.net);
	slot = slot_get(z.net);			/* takes back what the device has read */
	LAW(slot != NULL);
	slot_put(z.net, slot);
	LAW(z.net->conns.used == 0 && z.net->bufs.used == 0 && z.net->slots.used == 0 && z.net->waiting == NULL);
	LAW(z.net->heap_len == 0 && link_alone(&z.net->blocked));
	LAW(z.lent == z.released);
	return 0;
}
