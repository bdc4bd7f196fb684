/*
 * revoke.h - the kernel wants something back: what a program gives, and how it goes on without what was taken
 *
 * A program may hold more than it is guaranteed of pages, slices, and places in the packet classifier, out of what others do not use. When
 * they do, the kernel asks (struct revoke_request in exos/uarea.h), in an upcall. The library answers by asking the givers that
 * the program has for that kind, in turn; a page cache over a store is one (pagecache_share()), its slices are one (slices.h), and so is
 * a network interface with its flows, its buffers and its ring (netif/netif.h). When the answer does not come in time or is too small, the
 * kernel takes: pages first from a list that the program keeps, then any. The library repairs its records. A page whose content is
 * gone is not replaced by zeros in silence: its next touch is a fault that the program may mend (revoke_set_lost()), and that ends it otherwise.
 *
 * Answering takes no memory. All functions called from here run on the upcall stack, or with upcalls put off, when no other function of the
 * vm part is at work: the rules of upcall.h hold for them, and they may call what vm.h declares.
 */
#ifndef REVOKE_H
#define REVOKE_H

#include <exos/uarea.h>
#include <stdbool.h>
#include <stdint.h>

struct revoke_giver {
	/* Give up to n of the kind up: pages with slot_delete(). clean: only those that cost nothing. Returns how many it were. */
	unsigned int (*give)(void *arg, unsigned int n, bool clean);
	/*
	 * Something was taken by force. A page: its slot, which is empty. A filter or a ring: its slot, which holds its page now. A slice: its
	 * hart * SLICES + its place. Returns false when it was not one of the giver's. NULL: it does not want to know.
	 */
	bool (*taken)(void *arg, unsigned int what);
	void *arg;
	enum revoke_kind kind;		/* REVOKE_NONE: pages */
	struct revoke_giver *next;	/* of the library */
};
void revoke_add(struct revoke_giver *g);
void revoke_remove(struct revoke_giver *g);

/* Answer for a kind instead of the library: give n up, return how many it were; what is missing the givers are asked for. NULL: none. */
void revoke_set_answer(enum revoke_kind kind, unsigned int (*answer)(unsigned int n));

/*
 * A page at va was taken, and now it is touched. Returns true: the program does not need the content, the page is a new one; or has put
 * a page there. NULL: the touch is a fault like any other.
 */
void revoke_set_lost(bool (*lost)(void *va));

/*
 * The list of what the kernel may take first, the least important first: the page in a slot becomes the most important of them, or is not
 * on it any more. No call; as long as the list is short it costs what a walk through it does. When it is full the page is left out.
 */
#define REVOKE_LIST 512
void revoke_offer(unsigned int slot);
void revoke_withdraw(unsigned int slot);

struct revoke_stats {
	uint64_t requests, given;	/* times that it was asked, how many it gave */
	uint64_t taken;			/* by force */
	uint64_t lost;			/* pages of them whose content is gone */
};
const struct revoke_stats *revoke_stats(enum revoke_kind kind);

#endif
