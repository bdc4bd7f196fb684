/*
 * net.c - packets from the device to a ring
 *
 * The other end of the wire is the harness: told by a report line, it sends frames of 64 bytes, a UDP port among FILTERS that have an
 * owner. We turn in a loop and see how many instructions the kernel put between two turns: from the interrupt to the packet in
 * our ring, the event told, and back. Turns that something else came between, a timer, brought no packet and do not count.
 */
#include "bench.h"

#include <exos/flow.h>
#include <exos/ring.h>
#include <string.h>

#include "exposed.h"
#include "netif/flows.h"
#include "start.h"

#define FILTERS		1000
#define PORT		20000	/* of the first filter; the packets are for one in the middle */
#define BUFFERS		8
#define PATIENCE	100000000ul	/* turns without a packet: there is nobody on the wire */

static struct series series;

static struct ring_shared *open_ring(unsigned int *ring)
{
	unsigned int shared = (unsigned int)MUST(page_new());
	struct ring_shared *r = (void *)(AREA_FREE + PAGE_SIZE);

	*ring = (unsigned int)MUST(page_new());
	MUST(sys_page_bind(ctx_slot(), (unsigned long)r, shared, 1, PROT_R | PROT_W));
	MUST(sys_ring_create(*ring, shared, 0));
	for (unsigned int i = 0; i < BUFFERS; i++)
		MUST(sys_ring_buffer(*ring, i, (unsigned long)MUST(page_new())));
	return r;
}

/* How many filters could be bound: one UDP port each, the last ones of ring. */
static unsigned int bind_filters(unsigned int ring)
{
	static struct flow_spec spec;
	uint8_t mac[6];
	unsigned int n;

	memcpy(mac, (const void *)exposed_system()->mac, sizeof(mac));
	for (n = 0; n < FILTERS; n++) {
		flow_spec_port(&spec, FLOW_UDP, mac, 0, (uint16_t)(PORT + n), 0xffff);
		if (sys_filter_bind((unsigned long)MUST(page_new()), start_slot("flow.root"), ring, &spec.receive, 0) < 0)
			break;
	}
	return n;
}

void bench_net(void)
{
	volatile struct ring_shared *r;
	unsigned int ring, filters;
	uint64_t took = 1;
	uint32_t offered = 0;

	if (!exposed_system()->nic_present)
		return;
	r = open_ring(&ring);
	filters = bind_filters(ring);
	report_line("bench rx_filters %u", filters);
	report_line("wire %02x%02x%02x%02x%02x%02x %u", exposed_system()->mac[0], exposed_system()->mac[1], exposed_system()->mac[2],
		    exposed_system()->mac[3], exposed_system()->mac[4], exposed_system()->mac[5], PORT + filters / 2);
	series.n = 0;
	while (series.n < RUNS && took != 0) {
		uint32_t used = r->used_idx;

		for (; offered - used < BUFFERS; offered++)
			r->avail[offered % RING_SIZE] = offered % BUFFERS;
		__atomic_store_n(&r->avail_idx, offered, __ATOMIC_RELEASE);	/* entries before index; the kernel reads the reverse */
		took = path_watch(PATIENCE);
		if (took != 0 && r->used_idx == used + 1)
			series_add(&series, took);
	}
	report_series("rx_to_ring", &series, 1);
	report_line("unwire");
}
