/*
 * udp.c - datagrams (RFC 768, RFC 1122 4.1)
 *
 * The receive queue of a socket is a ring of bytes. Each datagram in it is a record: its length, port and address (8 bytes), then
 * its data, filled up to a multiple of 8. The ring's size is a multiple of 8, so a record's head never wraps, its data may. What
 * does not fit is dropped and counted. Sockets receive unicast only.
 */
#include <string.h>

#include "internal.h"

struct record {
	uint16_t len, port;
	uint32_t ip;
};

_Static_assert(sizeof(struct record) == 8, "records start at multiples of 8");

static uint32_t record_size(size_t len)
{
	return (uint32_t)(sizeof(struct record) + ((len + 7) & ~(size_t)7));
}

void udp_init(struct net *net)
{
	for (unsigned int i = 0; i < net->cfg.udp_socks; i++) {
		net->udp[i].net = net;
		net->udp[i].open = false;
	}
}

static struct udp_sock *udp_find(struct net *net, uint16_t port)
{
	for (unsigned int i = 0; i < net->cfg.udp_socks; i++)
		if (net->udp[i].open && net->udp[i].port == port)
			return &net->udp[i];
	return NULL;
}

/* Copy n bytes between linear memory and the ring at offset `at`. */
static void ring_write(struct udp_sock *s, uint32_t at, const void *p, size_t n)
{
	uint32_t size = s->net->cfg.udp_rcvbuf;
	size_t first = n < size - at % size ? n : size - at % size;

	memcpy(s->buf + at % size, p, first);
	memcpy(s->buf, (const uint8_t *)p + first, n - first);
}

static void ring_read(const struct udp_sock *s, uint32_t at, void *p, size_t n)
{
	uint32_t size = s->net->cfg.udp_rcvbuf;
	size_t first = n < size - at % size ? n : size - at % size;

	memcpy(p, s->buf + at % size, first);
	memcpy((uint8_t *)p + first, s->buf, n - first);
}

static void udp_deliver(struct net *net, struct udp_sock *s, const struct ip_info *ip, uint16_t sport, const uint8_t *data,
			size_t len)
{
	struct record r = { .len = (uint16_t)len, .port = sport, .ip = ip->src };
	uint32_t tail = s->head + s->used;

	if (record_size(len) > net->cfg.udp_rcvbuf - s->used) {
		net->stats.udp_full++;
		return;
	}
	ring_write(s, tail, &r, sizeof(r));
	ring_write(s, tail + (uint32_t)sizeof(r), data, len);
	s->used += record_size(len);
	net->stats.udp_in++;
	source_raise(net, &s->source, NET_EV_READABLE);
}

void udp_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len)
{
	const struct udp_hdr *h = (const struct udp_hdr *)p;
	struct udp_sock *s;
	size_t ulen;

	if (len < UDP_LEN || (ulen = get16(h->len)) < UDP_LEN || ulen > len) {
		net->stats.udp_bad++;
		return;
	}
	/* 0 says that the sender made no checksum. */
	if (get16(h->checksum) != 0 &&
	    inet_fold(inet_pseudo(ip->src, ip->dst, IP_PROTO_UDP, ulen) + inet_sum(p, ulen)) != 0xffff) {
		net->stats.udp_bad++;
		return;
	}
	if (net->dhcp.state != DHCP_OFF && get16(h->dport) == UDP_PORT_DHCP_CLIENT) {
		if (get16(h->sport) == UDP_PORT_DHCP_SERVER)
			dhcp_input(net, p + UDP_LEN, ulen - UDP_LEN);
		return;
	}
	s = ip->broadcast ? NULL : udp_find(net, get16(h->dport));
	if (s == NULL) {
		net->stats.udp_noport++;
		if (net->cfg.own_all_ports)
			icmp_port_unreachable(net, ip);
		return;
	}
	udp_deliver(net, s, ip, get16(h->sport), p + UDP_LEN, ulen - UDP_LEN);
}

static bool udp_taken(struct net *net, const void *arg, uint16_t port)
{
	(void)arg;
	return udp_find(net, port) != NULL;
}

int udp_open(struct net *net, uint16_t port, void *user, struct udp_sock **out)
{
	if (port != 0 && udp_find(net, port) != NULL)
		return NET_EINUSE;
	if (port == 0 && (port = net_pick_port(net, udp_taken, NULL)) == 0)
		return NET_EINUSE;
	for (unsigned int i = 0; i < net->cfg.udp_socks; i++) {
		struct udp_sock *s = &net->udp[i];

		if (s->open)
			continue;
		source_init(&s->source, NET_KIND_UDP, user);
		s->open = true;
		s->port = port;
		s->head = s->used = 0;
		*out = s;
		return 0;
	}
	return NET_ENOMEM;
}

uint16_t udp_port(const struct udp_sock *s)
{
	return s->port;
}

int udp_output(struct net *net, uint16_t sport, uint32_t src, uint32_t dst, uint16_t dport, const void *data, size_t len)
{
	struct slot *s;
	struct udp_hdr *h;
	uint16_t sum;
	int err;

	if (len > (size_t)net->netif->mtu - IP_LEN - UDP_LEN)
		return NET_EMSGSIZE;
	s = slot_get(net);
	if (s == NULL)
		return NET_EAGAIN;
	ip_header(s->frame + ETH_LEN, src, dst, IP_PROTO_UDP, UDP_LEN + len);
	h = (struct udp_hdr *)(s->frame + ETH_LEN + IP_LEN);
	put16(h->sport, sport);
	put16(h->dport, dport);
	put16(h->len, (uint32_t)(UDP_LEN + len));
	put16(h->checksum, 0);
	if (len > 0)
		memcpy((uint8_t *)h + UDP_LEN, data, len);
	sum = (uint16_t)~inet_fold(inet_pseudo(src, dst, IP_PROTO_UDP, UDP_LEN + len) + inet_sum(h, UDP_LEN + len));
	put16(h->checksum, sum != 0 ? sum : 0xffff);
	s->len = ETH_LEN + IP_LEN + UDP_LEN + len;
	err = ip_send_slot(net, s, dst);
	if (err == 0)
		net->stats.udp_out++;
	return err;
}

int udp_sendto(struct udp_sock *s, uint32_t ip, uint16_t port, const void *data, size_t len)
{
	if (port == 0 || (data == NULL && len > 0))
		return NET_EINVAL;
	if (s->net->addr.ip == 0)
		return NET_ENOADDR;
	return udp_output(s->net, s->port, s->net->addr.ip, ip, port, data, len);
}

long udp_recvfrom(struct udp_sock *s, void *buf, size_t len, uint32_t *ip, uint16_t *port)
{
	uint32_t size = s->net->cfg.udp_rcvbuf;
	struct record r;

	if (s->used == 0)
		return NET_EAGAIN;
	ring_read(s, s->head, &r, sizeof(r));
	ring_read(s, s->head + (uint32_t)sizeof(r), buf, len < r.len ? len : r.len);
	s->head = (s->head + record_size(r.len)) % size;
	s->used -= record_size(r.len);
	if (ip != NULL)
		*ip = r.ip;
	if (port != NULL)
		*port = r.port;
	return r.len;
}

void udp_close(struct udp_sock *s)
{
	source_done(&s->source);
	s->open = false;
}
