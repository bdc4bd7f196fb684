/*
 * eth.c - frames out, and the slots that hold them while they wait
 */
#include <string.h>

#include "internal.h"

const uint8_t mac_broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

bool mac_is_group(const uint8_t mac[6])
{
	return (mac[0] & 1) != 0;
}

bool mac_equal(const uint8_t a[6], const uint8_t b[6])
{
	return memcmp(a, b, 6) == 0;
}

uint64_t eth_tx_done(const struct net *net)
{
	return net->netif->tx_done != NULL ? net->netif->tx_done(net->netif) : net->tx_count;
}

static int transmit(struct net *net, const struct net_iov *iov, int n)
{
	if (net->netif->transmit(net->netif, iov, n) != 0) {
		net->stats.tx_busy++;
		return NET_EAGAIN;
	}
	net->tx_count++;
	net->stats.tx_frames++;
	for (int i = 0; i < n; i++)
		net->stats.tx_bytes += iov[i].len;
	return 0;
}

int eth_send(struct net *net, struct packet *pkt, const uint8_t mac[6], uint16_t type)
{
	struct eth_hdr *eth = (struct eth_hdr *)pkt->head;
	struct net_iov iov[NET_TX_IOVS];

	memcpy(eth->dst, mac, 6);
	memcpy(eth->src, net->netif->mac, 6);
	put16(eth->type, type);
	iov[0] = (struct net_iov){ pkt->head, pkt->head_len };
	for (int i = 0; i < pkt->npieces; i++)
		iov[i + 1] = pkt->piece[i];
	return transmit(net, iov, pkt->npieces + 1);
}

/* Take back the slots that the device has finished with. They were queued in the order of their marks. */
static void slot_reap(struct net *net)
{
	uint64_t done;

	if (net->tx_first == NULL)
		return;
	done = eth_tx_done(net);
	while (net->tx_first != NULL && net->tx_first->tx_mark <= done) {
		struct slot *s = net->tx_first;

		net->tx_first = s->next;
		pool_put(&net->slots, s);
	}
}

struct slot *slot_get(struct net *net)
{
	slot_reap(net);
	return pool_get(&net->slots);
}

void slot_put(struct net *net, struct slot *s)
{
	pool_put(&net->slots, s);
}

int eth_send_slot(struct net *net, struct slot *s, const uint8_t mac[6])
{
	struct eth_hdr *eth = (struct eth_hdr *)s->frame;
	size_t head = s->len < NET_TX_HEAD ? s->len : NET_TX_HEAD;
	struct net_iov iov[2] = { { s->frame, head }, { s->frame + head, s->len - head } };
	int err;

	memcpy(eth->dst, mac, 6);
	err = transmit(net, iov, s->len > head ? 2 : 1);
	if (err != 0 || s->len == head || net->netif->tx_done == NULL) {
		slot_put(net, s);
		return err;
	}
	s->tx_mark = net->tx_count;
	s->next = NULL;
	if (net->tx_first == NULL)
		net->tx_first = s;
	else
		net->tx_last->next = s;
	net->tx_last = s;
	return 0;
}

int net_raw_send(struct net *net, const void *frame, size_t len)
{
	struct slot *s;
	uint8_t mac[6];

	if (len < ETH_LEN)
		return NET_EINVAL;
	if (len > (size_t)ETH_LEN + net->netif->mtu)
		return NET_EMSGSIZE;
	s = slot_get(net);
	if (s == NULL)
		return NET_EAGAIN;
	memcpy(s->frame, frame, len);
	memcpy(mac, s->frame, 6);
	s->len = len;
	return eth_send_slot(net, s, mac);
}
