/*
 * ip.c - IPv4 (RFC 791, RFC 1122 3.2): what comes in is judged here once, what goes out is routed here
 *
 * Fragments and options are dropped and counted: TCP never makes fragments (DF is set and the MSS fits), and the only options
 * still seen in the wild are source routes, which a host must not follow blindly.
 */
#include <string.h>

#include "internal.h"

/* 255.255.255.255 or the directed broadcast of our network; /31 and /32 networks have none (RFC 3021). */
bool ip_is_broadcast(const struct net *net, uint32_t ip)
{
	uint32_t mask = net->addr.mask;

	if (ip == IP_BROADCAST)
		return true;
	return net->addr.ip != 0 && mask < 0xfffffffe && (ip & mask) == (net->addr.ip & mask) && (ip | mask) == IP_BROADCAST;
}

/* Sources no host has (RFC 1122 3.2.1.3), and our own: a land packet. */
static bool martian_source(const struct net *net, uint32_t src)
{
	return src >> 24 == 0 || src >> 24 == 127 || src >> 28 >= 14 || ip_is_broadcast(net, src) || src == net->addr.ip;
}

/* May the packet be for us although it is not addressed to us? A DHCP server sends to the address it is about to give. */
static bool maybe_dhcp(const struct net *net, const uint8_t *p, size_t ihl, size_t total)
{
	const struct ip_hdr *h = (const struct ip_hdr *)p;

	return net->dhcp.state != DHCP_OFF && h->protocol == IP_PROTO_UDP && total >= ihl + UDP_LEN &&
	       get16(((const struct udp_hdr *)(p + ihl))->dport) == UDP_PORT_DHCP_CLIENT;
}

void ip_input(struct net *net, const uint8_t *p, size_t len, bool link_broadcast)
{
	const struct ip_hdr *h = (const struct ip_hdr *)p;
	struct ip_info ip = { .header = p };
	size_t ihl, total;

	if (len < IP_LEN || h->version_ihl >> 4 != 4 || (ihl = 4 * (size_t)(h->version_ihl & 15)) < IP_LEN ||
	    (total = get16(h->len)) < ihl || total > len) {
		net->stats.ip_header++;
		return;
	}
	if (inet_sum(p, ihl) != 0xffff) {
		net->stats.ip_checksum++;
		return;
	}
	if (ihl > IP_LEN) {
		net->stats.ip_options++;
		return;
	}
	if ((get16(h->fragment) & (IP_FLAG_MF | IP_OFFSET_MASK)) != 0) {
		net->stats.ip_fragment++;
		return;
	}
	ip.src = get32(h->src);
	ip.dst = get32(h->dst);
	ip.broadcast = ip_is_broadcast(net, ip.dst);
	/* RFC 1122 3.3.6: a unicast packet inside a link-layer broadcast is a trick. */
	if (martian_source(net, ip.src) || ip.dst >> 24 == 127 || ip.dst == 0 || (link_broadcast && !ip.broadcast)) {
		net->stats.ip_martian++;
		return;
	}
	if (!ip.broadcast && ip.dst != net->addr.ip && !maybe_dhcp(net, p, ihl, total)) {
		net->stats.ip_notforus++;
		return;
	}

	switch (h->protocol) {
	case IP_PROTO_TCP:
		tcp_input(net, &ip, p + ihl, total - ihl);
		break;
	case IP_PROTO_UDP:
		udp_input(net, &ip, p + ihl, total - ihl);
		break;
	case IP_PROTO_ICMP:
		icmp_input(net, &ip, p + ihl, total - ihl);
		break;
	default:
		net->stats.ip_protocol++;
	}
}

/* DF is always set, so the packet is atomic and its ID carries nothing: RFC 6864 4.1 allows any value, 0 reveals least. */
void ip_header(uint8_t *at, uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
	struct ip_hdr *h = (struct ip_hdr *)at;

	h->version_ihl = 4 << 4 | IP_LEN / 4;
	h->tos = 0;
	put16(h->len, (uint32_t)(IP_LEN + len));
	put16(h->id, 0);
	put16(h->fragment, IP_FLAG_DF);
	h->ttl = IP_TTL;
	h->protocol = protocol;
	put16(h->checksum, 0);
	put32(h->src, src);
	put32(h->dst, dst);
	put16(h->checksum, (uint16_t)~inet_sum(h, IP_LEN));
}

int ip_route(const struct net *net, uint32_t dst, uint32_t *hop)
{
	const struct net_addr *a = &net->addr;

	*hop = dst;
	if (ip_is_broadcast(net, dst))
		return 0;
	/* There is no loopback: nothing comes back that we send to ourselves. */
	if (dst >> 24 == 0 || dst >> 24 == 127 || dst >> 28 >= 14 || a->ip == 0 || dst == a->ip)
		return NET_ENOROUTE;
	if ((dst & a->mask) == (a->ip & a->mask))
		return 0;
	*hop = a->router;
	return a->router != 0 ? 0 : NET_ENOROUTE;
}

/* The MAC for dst. NULL: *err is NET_ENOROUTE, or 0 and *e the entry to wait for. */
static const uint8_t *resolve(struct net *net, uint32_t dst, struct arp_entry **e, int *err)
{
	uint32_t hop;

	*err = ip_route(net, dst, &hop);
	if (*err != 0) {
		net->stats.ip_noroute++;
		return NULL;
	}
	return ip_is_broadcast(net, hop) ? mac_broadcast : arp_lookup(net, hop, e);
}

int ip_send(struct net *net, struct packet *pkt, uint32_t dst)
{
	struct arp_entry *e;
	struct slot *s;
	int err;
	const uint8_t *mac = resolve(net, dst, &e, &err);

	if (mac != NULL)
		return eth_send(net, pkt, mac, ETH_TYPE_IP);
	if (err != 0)
		return err;

	/* The pieces may change while the packet waits, so it is copied. Without a slot it is lost like any packet. */
	s = slot_get(net);
	if (s == NULL) {
		net->stats.arp_failed++;
		return 0;
	}
	memcpy(s->frame, pkt->head, pkt->head_len);
	s->len = pkt->head_len;
	for (int i = 0; i < pkt->npieces; i++) {
		memcpy(s->frame + s->len, pkt->piece[i].base, pkt->piece[i].len);
		s->len += pkt->piece[i].len;
	}
	memcpy(((struct eth_hdr *)s->frame)->src, net->netif->mac, 6);
	put16(((struct eth_hdr *)s->frame)->type, ETH_TYPE_IP);
	arp_hold(net, e, s);
	return 0;
}

int ip_send_slot(struct net *net, struct slot *s, uint32_t dst)
{
	struct arp_entry *e;
	int err;
	const uint8_t *mac = resolve(net, dst, &e, &err);

	memcpy(((struct eth_hdr *)s->frame)->src, net->netif->mac, 6);
	put16(((struct eth_hdr *)s->frame)->type, ETH_TYPE_IP);
	if (mac != NULL)
		return eth_send_slot(net, s, mac);
	if (err != 0)
		slot_put(net, s);
	else
		arp_hold(net, e, s);
	return err;
}
