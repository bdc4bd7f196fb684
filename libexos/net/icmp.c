/*
 * icmp.c - echo in both directions, and "port unreachable" (RFC 792, RFC 1122 3.2.2)
 *
 * Error messages are not acted upon: anyone can forge one (RFC 5927), TCP finds out by its own timers, and path MTU discovery is
 * of no use to a stack whose MTU is that of its link.
 */
#include <string.h>

#include "internal.h"

/* A message of len bytes in a slot, to be completed by the caller; NULL: no slot. */
static struct slot *icmp_new(struct net *net, uint32_t dst, size_t len, uint8_t type, uint8_t code)
{
	struct slot *s = slot_get(net);
	struct icmp_hdr *h;

	if (s == NULL)
		return NULL;
	h = (struct icmp_hdr *)(s->frame + ETH_LEN + IP_LEN);
	ip_header(s->frame + ETH_LEN, net->addr.ip, dst, IP_PROTO_ICMP, len);
	memset(h, 0, ICMP_LEN);
	h->type = type;
	h->code = code;
	s->len = ETH_LEN + IP_LEN + len;
	return s;
}

static int icmp_send(struct net *net, struct slot *s, uint32_t dst)
{
	struct icmp_hdr *h = (struct icmp_hdr *)(s->frame + ETH_LEN + IP_LEN);

	put16(h->checksum, (uint16_t)~inet_sum(h, s->len - ETH_LEN - IP_LEN));
	return ip_send_slot(net, s, dst);
}

static void echo_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len)
{
	struct slot *s;

	/* An echo to a broadcast address would make us part of somebody's amplifier. */
	if (!net->cfg.answer_icmp || ip->broadcast || ip->dst != net->addr.ip || len > (size_t)net->netif->mtu - IP_LEN) {
		net->stats.icmp_ignored++;
		return;
	}
	s = icmp_new(net, ip->src, len, ICMP_ECHO_REPLY, 0);
	if (s == NULL)
		return;
	memcpy(s->frame + ETH_LEN + IP_LEN + 4, p + 4, len - 4);	/* identifier, sequence number, data */
	if (icmp_send(net, s, ip->src) == 0)
		net->stats.icmp_echoes++;
}

static void echo_reply_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len)
{
	const struct icmp_hdr *h = (const struct icmp_hdr *)p;

	if (!net->ping.waiting || ip->src != net->ping.ip || get16(h->id) != net->ping.id || get16(h->seq) != net->ping.seq) {
		net->stats.icmp_ignored++;
		return;
	}
	net->ping.waiting = false;
	net->ping.done = true;
	net->ping.reply = (struct net_ping_reply){
		.ip = ip->src, .seq = net->ping.seq, .len = (uint16_t)(len - ICMP_LEN), .rtt_us = net->now - net->ping.sent_us,
	};
	source_raise(net, &net->source, NET_EV_PING);
}

void icmp_input(struct net *net, const struct ip_info *ip, const uint8_t *p, size_t len)
{
	if (len < ICMP_LEN || inet_sum(p, len) != 0xffff) {
		net->stats.icmp_bad++;
		return;
	}
	net->stats.icmp_in++;
	switch (((const struct icmp_hdr *)p)->type) {
	case ICMP_ECHO:
		echo_input(net, ip, p, len);
		break;
	case ICMP_ECHO_REPLY:
		echo_reply_input(net, ip, p, len);
		break;
	default:
		net->stats.icmp_ignored++;
	}
}

/* RFC 1122 3.2.2.1: with the header and the first 8 bytes of the datagram; never about a broadcast; ten a second at most. */
void icmp_port_unreachable(struct net *net, const struct ip_info *ip)
{
	struct slot *s;

	if (ip->broadcast || !bucket_take(net, &net->unreachable, 10))
		return;
	s = icmp_new(net, ip->src, ICMP_LEN + IP_LEN + UDP_LEN, ICMP_UNREACH, 3);
	if (s == NULL)
		return;
	memcpy(s->frame + ETH_LEN + IP_LEN + ICMP_LEN, ip->header, IP_LEN + UDP_LEN);
	icmp_send(net, s, ip->src);
}

int net_ping(struct net *net, uint32_t ip, uint16_t seq, size_t len)
{
	struct slot *s;
	struct icmp_hdr *h;
	int err;

	if (net->addr.ip == 0)
		return NET_ENOADDR;
	if (len > (size_t)net->netif->mtu - IP_LEN - ICMP_LEN)
		return NET_EMSGSIZE;
	s = icmp_new(net, ip, ICMP_LEN + len, ICMP_ECHO, 0);
	if (s == NULL)
		return NET_EAGAIN;
	h = (struct icmp_hdr *)(s->frame + ETH_LEN + IP_LEN);
	net->ping.id = (uint16_t)net_random(net);
	put16(h->id, net->ping.id);
	put16(h->seq, seq);
	for (size_t i = 0; i < len; i++)
		((uint8_t *)h)[ICMP_LEN + i] = (uint8_t)i;
	err = icmp_send(net, s, ip);
	if (err != 0)
		return err;
	net->ping.waiting = true;
	net->ping.done = false;
	net->ping.ip = ip;
	net->ping.seq = seq;
	net->ping.sent_us = net->now;
	return 0;
}

bool net_ping_result(struct net *net, struct net_ping_reply *out)
{
	if (!net->ping.done)
		return false;
	net->ping.done = false;
	*out = net->ping.reply;
	return true;
}
