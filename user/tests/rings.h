/*
 * rings.h - a packet ring for a guest test, and packets that come back: the network of the emulator answers ARP for 10.0.2.2
 */
#ifndef TESTS_RINGS_H
#define TESTS_RINGS_H

#include <exos/flow.h>
#include <exos/ring.h>

#include "check.h"

#define ARP_BYTES	60

struct test_ring {
	unsigned int slot;			/* of the ring */
	volatile struct ring_shared *shared;
	unsigned int page[RING_SIZE];		/* buffers: slots, and where they are seen */
	const unsigned char *at[RING_SIZE];
	unsigned int nbuffers;
};

/* A ring with so many buffers, all of them offered, whose event is EV_RING(event). */
__attribute__((unused)) static void ring_open(struct test_ring *r, unsigned int nbuffers, unsigned int event)
{
	long slot = page_new();
	unsigned int shared;
	void *va;

	MUST(slot);
	r->slot = (unsigned int)slot;
	r->nbuffers = nbuffers;
	shared = test_page(&va, PROT_R | PROT_W);
	r->shared = va;
	MUST(sys_ring_create(r->slot, shared, event));
	for (unsigned int i = 0; i < nbuffers; i++) {
		r->page[i] = test_page(&va, PROT_R | PROT_W);
		r->at[i] = va;
		MUST(sys_ring_buffer(r->slot, i, r->page[i]));
		r->shared->avail[i] = (uint16_t)i;
	}
	__atomic_store_n(&r->shared->avail_idx, nbuffers, __ATOMIC_RELEASE);
}

/* Packets of this type. */
__attribute__((unused)) static struct flow_predicate ethertype(uint16_t type)
{
	return (struct flow_predicate){ .version = FLOW_VERSION, .natoms = 1,
					.atom = { { .offset = 12, .width = 2, .mask = 0xffff, .value = type } } };
}

/* Bound under the root flow; its slot. */
__attribute__((unused)) static unsigned int filter_for(const struct test_ring *r, uint16_t type)
{
	struct flow_predicate p = ethertype(type);
	long slot = page_new();

	MUST(slot);
	MUST(sys_filter_bind((unsigned int)slot, start_slot("flow.root"), r->slot, &p, 0));
	return (unsigned int)slot;
}

/* Who has 10.0.2.2? Asked by the machine's own address. */
__attribute__((unused)) static void arp_request(unsigned char frame[ARP_BYTES])
{
	static const unsigned char ask[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 }, us[] = { 10, 0, 2, 15 }, them[] = { 10, 0, 2, 2 };
	unsigned char mac[6];

	for (unsigned int i = 0; i < 6; i++)
		mac[i] = exposed_system()->mac[i];
	memset(frame, 0, ARP_BYTES);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, ask, sizeof(ask));
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 28, us, 4);
	memcpy(frame + 38, them, 4);
}

/* Is it the answer? */
__attribute__((unused)) static bool is_arp_answer(const unsigned char *frame)
{
	static const unsigned char answer[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 }, them[] = { 10, 0, 2, 2 };

	return memcmp(frame + 12, answer, sizeof(answer)) == 0 && memcmp(frame + 28, them, 4) == 0;
}

/* Send it from a page, as soon as there is room. */
__attribute__((unused)) static long send_page(const struct test_ring *r, unsigned int page, uint16_t length, uint64_t cookie)
{
	struct send_segment s = { .slot = page, .length = length };
	unsigned long end = PATIENCE;
	long err;

	while ((err = sys_net_send(r->slot, start_slot("flow.root"), &s, 1, cookie)) == -E_FULL && time_now() < end)
		;
	return err;
}

#endif
