/*
 * netd - obtains the machine's network address and tells everybody; answers ARP and ping for the machine
 *
 * All programs share one address and receive what their own flows name. What belongs to no port is done here: DHCP, on behalf of
 * all; ARP replies, once instead of by each; echo replies. The result stands in the network page (netif/net_page.h), which the
 * others can only read.
 *
 * Grants: "flow.dhcp", "flow.arp", "flow.icmp"; "netpage" with the right to write.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exos_calls.h"
#include "exposed.h"
#include "net/net.h"
#include "netif/net_page.h"
#include "netif/netif.h"
#include "posix.h"
#include "start.h"
#include "vm.h"

#define BUFFERS		32
#define PING_COUNT_US	1000000		/* how often the count of pings is published */

static struct netif_ring *ring;
static struct net *net;
static struct net_page *page;
static uint32_t bound_ip;

static void die(const char *what, long err)
{
	printf("netd: %s: %s\n", what, netif_strerror((int)err));
	exit(1);
}

/* Filters name the address; so they are bound again when it changes. A grant that is missing only means less to do. */
static void bind_flows(uint32_t ip)
{
	static const char *const names[] = { "flow.dhcp", "flow.arp", "flow.icmp" };

	netif_forget_flows(ring);
	netif_set_address(ring, ip);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int err = netif_grant(ring, names[i]);

		if (err < 0 && err != -E_NOCAP)
			die(names[i], err);
	}
	bound_ip = ip;
}

static void publish(void)
{
	const volatile struct exposed_system *system = exposed_system();
	struct net_page now = { .generation = page->generation + 1, .lease_until = UINT64_MAX };
	struct net_addr addr;

	net_get_addr(net, &addr);
	if (addr.ip != bound_ip)
		bind_flows(addr.ip);
	now.valid = addr.ip != 0;
	now.ip = addr.ip;
	now.mask = addr.mask;
	now.router = addr.router;
	now.dns = addr.dns;
	for (unsigned int i = 0; i < 6; i++)
		now.mac[i] = system->mac[i];
	if (addr.lease_until_us != NET_NEVER)
		now.lease_until = system->boot_time + addr.lease_until_us * (system->timebase_hz / 1000000);
	now.pings = net_stats(net)->icmp_echoes;
	/* A renewal is no news for the others: they look at the generation. */
	if (page->version == NET_PAGE_VERSION && page->valid == now.valid && page->ip == now.ip && page->mask == now.mask &&
	    page->router == now.router && page->dns == now.dns)
		now.generation = page->generation;
	net_page_write(page, &now);
}

int main(void)
{
	struct net_config cfg;
	struct net_event ev;
	uint64_t next = 0;
	int err;

	if ((err = netif_open(&ring, BUFFERS)) < 0)
		die("no packet ring", err);
	page = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	if (page == NULL || (err = vm_page(start_slot("netpage"), page, PROT_R | PROT_W)) < 0)
		die("no network page", page == NULL ? -E_NOMEM : err);
	bind_flows(0);

	net_config_default(&cfg);
	cfg.answer_arp = true;
	cfg.answer_icmp = true;
	cfg.tcp_conns = cfg.tcp_halfopen = cfg.tcp_timewait = cfg.tcp_listeners = 0;
	cfg.udp_socks = 1;
	if ((err = netif_start(ring, &cfg, &net)) < 0)
		die("no stack", err);
	net_dhcp_start(net);

	for (;;) {
		netif_wait(ring, net, 0, next);
		while (net_next_event(net, &ev))
			if (ev.kind == NET_KIND_STACK && (ev.events & NET_EV_ADDR))
				publish();
		if (now_us() >= next) {
			__atomic_store_n(&page->pings, net_stats(net)->icmp_echoes, __ATOMIC_RELAXED);
			next = now_us() + PING_COUNT_US;
			if (netif_error(ring) == -E_NODEV)
				netif_up(ring);
		}
	}
}
