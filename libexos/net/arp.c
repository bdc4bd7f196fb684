/*
 * arp.c - the addresses of neighbours (RFC 826), believed with care
 *
 * The cache learns only answers to questions the stack has asked. A claim that nobody asked for may confirm what is known; one
 * that contradicts it only makes the stack ask the old owner (by unicast, RFC 1122 2.3.2.1), and only when that one is silent
 * everybody.
 *
 *   FREE        -> INCOMPLETE   a packet wants to go there: broadcast request, the packet waits (at most ARP_PENDING of them)
 *   INCOMPLETE  -> REACHABLE    reply; the packets leave.  -> FREE  after TRIES seconds without one; the packets are dropped
 *   REACHABLE   -> PROBE        used after REACHABLE_US, or contradicted: unicast requests, packets still go to the old MAC
 *   PROBE       -> REACHABLE    reply from the old MAC.    -> INCOMPLETE  after UNICAST_TRIES seconds without one
 */
#include <string.h>

#include "internal.h"

#define REACHABLE_US	(60 * (uint64_t)SECOND)
#define TRIES		3
#define UNICAST_TRIES	2

static void arp_send(struct net *net, uint16_t op, const uint8_t dst_mac[6], const uint8_t tha[6], uint32_t tpa)
{
	struct packet pkt = { .head_len = ETH_LEN + ARP_LEN };
	struct arp_hdr *h = (struct arp_hdr *)(pkt.head + ETH_LEN);

	put16(h->hrd, 1);
	put16(h->pro, ETH_TYPE_IP);
	h->hln = 6;
	h->pln = 4;
	put16(h->op, op);
	memcpy(h->sha, net->netif->mac, 6);
	put32(h->spa, net->addr.ip);
	memcpy(h->tha, tha, 6);
	put32(h->tpa, tpa);
	eth_send(net, &pkt, dst_mac, ETH_TYPE_ARP);
}

static void arp_ask(struct net *net, struct arp_entry *e)
{
	static const uint8_t unknown[6];
	bool unicast = e->state == ARP_PROBE;

	e->tries++;
	e->changed_us = net->now;
	net->stats.arp_requests++;
	arp_send(net, ARP_REQUEST, unicast ? e->mac : mac_broadcast, unicast ? e->mac : unknown, e->ip);
	if (net->arp_timer.pos == 0)
		timer_set(net, &net->arp_timer, net->now + SECOND);
}

/* The oldest packet that waits for e; NULL: none. */
static struct slot *arp_unhold(struct net *net, struct arp_entry *e)
{
	struct slot *s = e->pending;

	if (s == NULL)
		return NULL;
	e->pending = s->next;
	e->npending--;
	net->arp_npending--;
	return s;
}

static void arp_drop(struct net *net, struct slot *s)
{
	slot_put(net, s);
	net->stats.arp_failed++;
}

static void arp_free(struct net *net, struct arp_entry *e)
{
	struct slot *s;

	while ((s = arp_unhold(net, e)) != NULL)
		arp_drop(net, s);
	e->state = ARP_FREE;
}

void arp_flush(struct net *net)
{
	for (unsigned int i = 0; i < net->cfg.arp_entries; i++)
		arp_free(net, &net->arp[i]);
}

/* Once a second while questions are open. */
static void arp_fire(struct net *net, struct timer *t)
{
	bool open = false;

	for (unsigned int i = 0; i < net->cfg.arp_entries; i++) {
		struct arp_entry *e = &net->arp[i];

		if (e->state != ARP_INCOMPLETE && e->state != ARP_PROBE)
			continue;
		open = true;
		if (net->now - e->changed_us < SECOND)
			continue;
		if (e->state == ARP_PROBE && e->tries >= UNICAST_TRIES) {
			e->state = ARP_INCOMPLETE;
			e->tries = 0;
		}
		if (e->state == ARP_INCOMPLETE && e->tries >= TRIES)
			arp_free(net, e);
		else
			arp_ask(net, e);
	}
	if (open)
		timer_set(net, t, net->now + SECOND);
}

void arp_init(struct net *net)
{
	memset(net->arp, 0, net->cfg.arp_entries * sizeof(*net->arp));
	net->arp_hint = &net->arp[0];
	net->arp_timer.fire = arp_fire;
}

static struct arp_entry *arp_find(struct net *net, uint32_t ip)
{
	if (net->arp_hint->ip == ip && net->arp_hint->state != ARP_FREE)
		return net->arp_hint;
	for (unsigned int i = 0; i < net->cfg.arp_entries; i++)
		if (net->arp[i].ip == ip && net->arp[i].state != ARP_FREE)
			return net->arp_hint = &net->arp[i];
	return NULL;
}

/*
 * An entry for a new question. Spoofed packets from many neighbours that do not exist can raise many questions; they may take half
 * of the cache and then only each other's entries, so that the router's stays.
 */
static struct arp_entry *arp_new(struct net *net)
{
	struct arp_entry *known = NULL, *asked = NULL;
	unsigned int nasked = 0;

	for (unsigned int i = 0; i < net->cfg.arp_entries; i++) {
		struct arp_entry *e = &net->arp[i];

		if (e->state == ARP_INCOMPLETE) {
			nasked++;
			if (asked == NULL || e->used_us < asked->used_us)
				asked = e;
		} else if (e->state == ARP_FREE) {
			known = e;
		} else if (known == NULL || (known->state != ARP_FREE && e->used_us < known->used_us)) {
			known = e;
		}
	}
	if (nasked >= net->cfg.arp_entries / 2)
		known = asked;
	arp_free(net, known);
	return known;
}

const uint8_t *arp_lookup(struct net *net, uint32_t ip, struct arp_entry **entry)
{
	struct arp_entry *e = arp_find(net, ip);

	if (e == NULL) {
		e = arp_new(net);
		e->ip = ip;
		e->state = ARP_INCOMPLETE;
		e->tries = 0;
		arp_ask(net, e);
	}
	e->used_us = net->now;
	*entry = e;
	if (e->state == ARP_INCOMPLETE)
		return NULL;
	if (e->state == ARP_REACHABLE && net->now - e->changed_us >= REACHABLE_US) {
		e->state = ARP_PROBE;
		e->tries = 0;
		arp_ask(net, e);
	}
	return e->mac;
}

/*
 * Keep s until e is known. When too many wait for e the oldest goes; all together they leave half of the slots to packets that
 * need not wait, so that questions nobody answers cannot stop the others.
 */
void arp_hold(struct net *net, struct arp_entry *e, struct slot *s)
{
	struct slot **end = &e->pending;

	if (e->npending == ARP_PENDING || net->arp_npending >= net->cfg.tx_slots / 2) {
		struct slot *old = arp_unhold(net, e);

		arp_drop(net, old != NULL ? old : s);
		if (old == NULL)
			return;
	}
	while (*end != NULL)
		end = &(*end)->next;
	s->next = NULL;
	*end = s;
	e->npending++;
	net->arp_npending++;
}

static void arp_confirm(struct net *net, struct arp_entry *e, const uint8_t mac[6])
{
	struct slot *s;

	memcpy(e->mac, mac, 6);
	e->state = ARP_REACHABLE;
	e->changed_us = net->now;
	while ((s = arp_unhold(net, e)) != NULL)
		eth_send_slot(net, s, e->mac);
}

/* The sender says that ip is at mac. `answer`: in a reply to us. */
static void arp_learn(struct net *net, uint32_t ip, const uint8_t mac[6], bool answer)
{
	struct arp_entry *e = arp_find(net, ip);

	if (e != NULL && e->state == ARP_INCOMPLETE && answer) {
		arp_confirm(net, e, mac);
	} else if (e != NULL && e->state != ARP_INCOMPLETE && mac_equal(e->mac, mac)) {
		/* Another's question proves that mac still claims ip, but only an answer proves that it hears us. */
		if (answer || e->state == ARP_REACHABLE)
			arp_confirm(net, e, mac);
	} else if (e != NULL && e->state == ARP_REACHABLE) {
		net->stats.arp_ignored++;
		e->state = ARP_PROBE;
		e->tries = 0;
		arp_ask(net, e);
	} else {
		net->stats.arp_ignored++;
	}
}

void arp_input(struct net *net, const uint8_t *frame, size_t len)
{
	const struct eth_hdr *eth = (const struct eth_hdr *)frame;
	const struct arp_hdr *h = (const struct arp_hdr *)(frame + ETH_LEN);
	uint32_t spa, tpa;
	uint16_t op;

	if (len < ETH_LEN + ARP_LEN || get16(h->hrd) != 1 || get16(h->pro) != ETH_TYPE_IP || h->hln != 6 || h->pln != 4) {
		net->stats.arp_bad++;
		return;
	}
	op = get16(h->op);
	spa = get32(h->spa);
	tpa = get32(h->tpa);
	/* The sender is who the frame came from, one station, and neither we nor everybody. 0 as spa is a probe (RFC 5227). */
	if ((op != ARP_REQUEST && op != ARP_REPLY) || mac_is_group(h->sha) || !mac_equal(h->sha, eth->src) ||
	    ip_is_broadcast(net, spa) || spa >> 28 == 14 || spa >> 24 == 127 || mac_equal(h->sha, net->netif->mac) ||
	    (spa != 0 && spa == net->addr.ip)) {
		net->stats.arp_bad++;
		return;
	}
	net->stats.arp_in++;
	if (spa != 0)
		arp_learn(net, spa, h->sha, op == ARP_REPLY && mac_equal(eth->dst, net->netif->mac) && tpa == net->addr.ip);
	if (op == ARP_REQUEST && tpa == net->addr.ip && tpa != 0 && net->cfg.answer_arp) {
		net->stats.arp_replies++;
		arp_send(net, ARP_REPLY, h->sha, h->sha, spa);
	}
}
