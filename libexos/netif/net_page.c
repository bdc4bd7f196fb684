/*
 * net_page.c - the page that tells every program what the machine's network address is
 */
#include "netif/net_page.h"

#include <string.h>

bool net_page_read(const struct net_page *page, struct net_page *out)
{
	/* The writer may be preempted half-way for a whole round of slices: after some tries "not yet" is the better answer. */
	for (int tries = 0; tries < 1000; tries++) {
		uint32_t before = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);

		if (before & 1)
			continue;
		memcpy(out, page, sizeof(*out));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);	/* the copy before the second look; pairs with the release below */
		if (__atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != before)
			continue;
		if (out->version == NET_PAGE_VERSION && out->valid)
			return true;
		break;
	}
	memset(out, 0, sizeof(*out));
	return false;
}

void net_page_write(struct net_page *page, const struct net_page *in)
{
	uint32_t sequence = page->sequence | 1;
	struct net_page copy = *in;

	__atomic_store_n(&page->sequence, sequence, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);	/* odd before any change */
	copy.version = NET_PAGE_VERSION;
	copy.sequence = sequence;
	memcpy(page, &copy, sizeof(copy));
	__atomic_store_n(&page->sequence, sequence + 1, __ATOMIC_RELEASE);	/* every change before even */
}
