/*
 * netif/net_page.h - the page that tells every program what the machine's network address is
 *
 * One program obtains the address (user/netd) and writes this page; the others have it read-only. The writer makes `sequence`
 * odd, changes the rest, and makes it even again: a reader that saw an even number, the same before and after, has one
 * consistent state. Addresses are in host byte order.
 */
#ifndef NETIF_NET_PAGE_H
#define NETIF_NET_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define NET_PAGE_VERSION 1

struct net_page {
	uint32_t version;		/* NET_PAGE_VERSION; 0 while nobody has written the page */
	uint32_t sequence;
	uint32_t valid;			/* 1: the machine has an address */
	uint32_t generation;		/* grows with every change of the address */
	uint32_t ip, mask, router, dns;
	uint8_t  mac[6], zero[2];
	uint64_t lease_until;		/* in ticks of the time CSR; UINT64_MAX: for ever */
	uint64_t pings;			/* echo requests that were answered */
};

/* Copy a consistent state to *out. Returns false while there is no valid address; out is then all 0. */
bool net_page_read(const struct net_page *page, struct net_page *out);

/* Write all but version and sequence from *in. One writer. */
void net_page_write(struct net_page *page, const struct net_page *in);

#endif
