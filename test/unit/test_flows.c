/*
 * test_flows.c - the predicates that programs ask for, judged by the kernel's own matcher and implication
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kern/filter.h"
#include "netif/flows.h"
#include "netif/net_page.h"

static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static const uint8_t other_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x57 };

#define IP_OURS		0x0a00020fu	/* 10.0.2.15 */
#define IP_OTHER	0x0a000202u

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

struct packet {
	uint8_t b[64];
};

static struct packet ip_packet(const uint8_t *from, uint32_t src, uint32_t dst, unsigned int protocol, unsigned int sport, unsigned int dport)
{
	struct packet p = { 0 };

	memcpy(p.b + 6, from, 6);
	put16(p.b + 12, 0x0800);
	p.b[14] = 0x45;
	p.b[23] = (uint8_t)protocol;
	put32(p.b + 26, src);
	put32(p.b + 30, dst);
	put16(p.b + 34, sport);
	put16(p.b + 36, dport);
	return p;
}

static struct packet arp_packet(const uint8_t *from, const uint8_t *sender, uint32_t ip)
{
	struct packet p = { 0 };

	memset(p.b, 0xff, 6);
	memcpy(p.b + 6, from, 6);
	put16(p.b + 12, 0x0806);
	put32(p.b + 14, 0x00010800);
	put16(p.b + 18, 0x0604);
	put16(p.b + 20, 1);
	memcpy(p.b + 22, sender, 6);
	put32(p.b + 28, ip);
	return p;
}

static bool matches(const struct flow_predicate *f, const struct packet *p, size_t len)
{
	struct predicate kernel;
	uint64_t frame[FLOW_REACH / 8] = { 0 };
	bool result;

	assert_int_equal(predicate_init(&kernel, f), 0);
	memcpy(frame, p->b, len < FLOW_REACH ? len : FLOW_REACH);
	result = predicate_match(&kernel, frame, len);
	assert_int_equal(flow_matches(f, p->b, (uint32_t)len), result);
	return result;
}

#define assert_matches(f, ...)	do { struct packet p_ = __VA_ARGS__; assert_true(matches(f, &p_, sizeof(p_.b))); } while (0)
#define assert_differs(f, ...)	do { struct packet p_ = __VA_ARGS__; assert_false(matches(f, &p_, sizeof(p_.b))); } while (0)

static bool implies(const struct flow_predicate *a, const struct flow_predicate *b)
{
	struct predicate x, y;

	assert_int_equal(predicate_init(&x, a), 0);
	assert_int_equal(predicate_init(&y, b), 0);
	return predicate_implies(&x, &y);
}

static void a_port_receives_what_is_for_it(void **state)
{
	struct flow_spec s;
	struct packet p;

	(void)state;
	flow_spec_port(&s, FLOW_TCP, mac, IP_OURS, 80, 0xffff);
	assert_int_equal(s.flags, 0);
	p = ip_packet(other_mac, IP_OTHER, IP_OURS, 6, 1234, 80);
	assert_true(matches(&s.receive, &p, 64));
	assert_true(matches(&s.receive, &p, 38));
	assert_false(matches(&s.receive, &p, 37));	/* the port is not all there */
	assert_false(matches(&s.receive, &p, 0));
	assert_differs(&s.receive, ip_packet(other_mac, IP_OTHER, IP_OURS, 6, 80, 81));
	assert_differs(&s.receive, ip_packet(other_mac, IP_OTHER, IP_OURS, 17, 1234, 80));
	assert_differs(&s.receive, ip_packet(other_mac, IP_OTHER, IP_OTHER, 6, 1234, 80));
	assert_differs(&s.receive, arp_packet(other_mac, other_mac, IP_OTHER));
}

static void options_and_fragments_have_no_ports(void **state)
{
	struct flow_spec s;
	struct packet p;

	(void)state;
	flow_spec_port(&s, FLOW_UDP, mac, IP_OURS, 7, 0xffff);
	for (unsigned int first = 0; first < 256; first++) {
		p = ip_packet(mac, IP_OURS, IP_OURS, 17, 7, 7);
		p.b[14] = (uint8_t)first;
		assert_int_equal(matches(&s.receive, &p, 64), first == 0x45);
		assert_int_equal(matches(&s.send, &p, 64), first == 0x45);
	}
	for (unsigned int bit = 0; bit < 16; bit++) {
		p = ip_packet(mac, IP_OURS, IP_OURS, 17, 7, 7);
		put16(p.b + 20, 1u << bit);
		assert_int_equal(matches(&s.receive, &p, 64), bit >= 14);	/* reserved bit, don't fragment */
		assert_int_equal(matches(&s.send, &p, 64), bit >= 14);
	}
}

static void nobody_sends_as_another(void **state)
{
	struct flow_spec s;

	(void)state;
	flow_spec_port(&s, FLOW_TCP, mac, IP_OURS, 80, 0xffff);
	assert_matches(&s.send, ip_packet(mac, IP_OURS, IP_OTHER, 6, 80, 1234));
	assert_differs(&s.send, ip_packet(other_mac, IP_OURS, IP_OTHER, 6, 80, 1234));
	assert_differs(&s.send, ip_packet(mac, IP_OTHER, IP_OTHER, 6, 80, 1234));
	assert_differs(&s.send, ip_packet(mac, IP_OURS, IP_OTHER, 6, 81, 80));
	assert_differs(&s.send, ip_packet(mac, IP_OURS, IP_OTHER, 17, 80, 1234));

	flow_spec_arp(&s, mac, IP_OURS);
	assert_int_equal(s.flags, FLOW_SHARED);
	assert_matches(&s.receive, arp_packet(other_mac, other_mac, IP_OTHER));
	assert_matches(&s.send, arp_packet(mac, mac, IP_OURS));
	assert_differs(&s.send, arp_packet(other_mac, mac, IP_OURS));
	assert_differs(&s.send, arp_packet(mac, other_mac, IP_OURS));
	assert_differs(&s.send, arp_packet(mac, mac, IP_OTHER));
	flow_spec_arp(&s, mac, 0);
	assert_matches(&s.send, arp_packet(mac, mac, 0));
}

static void dhcp_is_the_clients_side(void **state)
{
	struct flow_spec s;

	(void)state;
	flow_spec_dhcp(&s, mac);
	assert_matches(&s.receive, ip_packet(other_mac, IP_OTHER, 0xffffffff, 17, 67, 68));
	assert_differs(&s.receive, ip_packet(other_mac, IP_OTHER, 0xffffffff, 17, 68, 67));
	assert_matches(&s.send, ip_packet(mac, 0, 0xffffffff, 17, 68, 67));
	assert_differs(&s.send, ip_packet(mac, 0, 0xffffffff, 17, 67, 68));
	assert_differs(&s.send, ip_packet(other_mac, 0, 0xffffffff, 17, 68, 67));
}

static void what_knows_the_address_is_implied_by_what_does_not(void **state)
{
	static const char *const names[] = { "flow.tcp80", "flow.udp7", "flow.arp", "flow.icmp", "flow.dhcp" };
	struct flow_spec wide, narrow;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(flow_spec_named(&wide, names[i], mac, 0));
		assert_true(flow_spec_named(&narrow, names[i], mac, IP_OURS));
		assert_true(implies(&narrow.receive, &wide.receive));
		assert_true(implies(&narrow.send, &wide.send));
	}
}

static void ports_can_be_a_range(void **state)
{
	struct flow_spec range, one;

	(void)state;
	flow_spec_port(&range, FLOW_UDP, mac, IP_OURS, 0xc012, 0xff00);
	assert_matches(&range.receive, ip_packet(mac, 0, IP_OURS, 17, 1, 0xc0ff));
	assert_differs(&range.receive, ip_packet(mac, 0, IP_OURS, 17, 1, 0xc100));
	flow_spec_port(&one, FLOW_UDP, mac, IP_OURS, 0xc012, 0xffff);
	assert_true(implies(&one.receive, &range.receive));
	assert_false(implies(&range.receive, &one.receive));
}

static void names_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"", "flow", "flow.", "arp", "flow.arpx", "flow.tcp", "flow.tcp0", "flow.tcp080", "flow.tcp65536", "flow.tcp-1", "flow.tcp 1",
		"flow.tcp1x", "flow.udp99999999999999999999", "flow.sctp1", "console",
	};
	struct flow_spec s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(flow_spec_named(&s, bad[i], mac, 0));
	assert_true(flow_spec_named(&s, "flow.tcp65535", mac, 0));
	assert_true(flow_spec_named(&s, "flow.udp1", mac, 0));
}

static void the_network_page_is_read_whole_or_not_at_all(void **state)
{
	struct net_page page = { 0 }, out, in = { .valid = 1, .ip = IP_OURS, .mask = 0xffffff00, .lease_until = UINT64_MAX, .generation = 1 };

	(void)state;
	memset(&out, 0xff, sizeof(out));
	assert_false(net_page_read(&page, &out));
	assert_int_equal(out.ip, 0);
	net_page_write(&page, &in);
	assert_true(net_page_read(&page, &out));
	assert_int_equal(out.ip, IP_OURS);
	assert_int_equal(out.sequence % 2, 0);
	page.sequence |= 1;		/* the writer is at work */
	assert_false(net_page_read(&page, &out));
	assert_int_equal(out.ip, 0);
	net_page_write(&page, &in);	/* and comes back */
	assert_true(net_page_read(&page, &out));
	in.valid = 0;
	net_page_write(&page, &in);
	assert_false(net_page_read(&page, &out));
}

/* ---- which flow goes first ---- */

static struct netif_use use_of(const char *name)
{
	struct flow_spec s;

	assert_true(flow_spec_named(&s, name, mac, IP_OURS));
	return flow_use(&s.receive);
}

static void the_use_of_a_flow_is_read_from_its_predicate(void **state)
{
	static const struct {
		const char *name;
		int kind;
		uint16_t port;
	} cases[] = {
		{ "flow.arp", NETIF_ARP, 0 }, { "flow.icmp", NETIF_ICMP, 0 }, { "flow.dhcp", NETIF_DHCP, 68 }, { "flow.tcp80", NETIF_TCP, 80 },
		{ "flow.udp7", NETIF_UDP, 7 }, { "flow.udp68", NETIF_UDP, 68 },
	};
	struct flow_spec s;
	struct flow_predicate nothing = { .version = FLOW_VERSION };

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netif_use u = use_of(cases[i].name);

		assert_int_equal(u.kind, cases[i].kind);
		assert_int_equal(u.port, cases[i].port);
	}
	assert_int_equal(flow_use(&nothing).kind, NETIF_OTHER);
	flow_spec_port(&s, FLOW_TCP, mac, IP_OURS, 0x4200, 0xff00);	/* many ports are not one */
	assert_int_equal(flow_use(&s.receive).kind, NETIF_OTHER);
}

/* What the kernel calls a shape. */
static void the_same_bits_are_those_that_the_kernel_tests(void **state)
{
	static const char *const names[] = { "flow.arp", "flow.icmp", "flow.dhcp", "flow.tcp80", "flow.tcp7", "flow.udp7" };
	const unsigned int n = sizeof(names) / sizeof(names[0]);
	static struct flow_spec spec[6];

	(void)state;
	for (unsigned int i = 0; i < n; i++)
		assert_true(flow_spec_named(&spec[i], names[i], mac, IP_OURS));
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = 0; k < n; k++) {
			struct predicate a, b;

			assert_int_equal(predicate_init(&a, &spec[i].receive), 0);
			assert_int_equal(predicate_init(&b, &spec[k].receive), 0);
			assert_int_equal(flow_same_bits(&spec[i].receive, &spec[k].receive), memcmp(a.mask, b.mask, sizeof(a.mask)) == 0);
		}
	assert_true(flow_same_bits(&spec[3].receive, &spec[5].receive));
	assert_false(flow_same_bits(&spec[3].receive, &spec[2].receive));
}

static void the_least_important_flow_goes_first_and_arp_last(void **state)
{
	static const int order[] = { NETIF_ICMP, NETIF_UDP, NETIF_TCP, NETIF_UDP, NETIF_TCP, NETIF_TCP, NETIF_OTHER, NETIF_DHCP, NETIF_ARP };
	static const unsigned int busy[] = { 0, 0, 0, 1, 1, 30, 0, 0, 0 };
	const unsigned int n = sizeof(order) / sizeof(order[0]);
	struct netif_use use[16];

	(void)state;
	for (unsigned int i = 0; i < n; i++)	/* put together in another order */
		use[i * 4 % n] = (struct netif_use){ .kind = order[i], .busy = busy[i], .group = i };
	for (unsigned int left = n, i = 0; i < n; i++, left--) {
		unsigned int at = 0;

		assert_int_equal(netif_least(use, left, netif_usual_worth, false), i);
		assert_int_equal(netif_least(use, left, netif_usual_worth, true), i < 3 ? (int)i : -1);
		while (use[at].group != i)
			at++;
		use[at] = use[left - 1];
	}
	assert_int_equal(netif_least(use, 0, netif_usual_worth, false), -1);
}

static uint32_t by_port(const struct netif_use *u)
{
	return u->port;
}

/* Flows that take one place are worth what the best of them is. */
static void a_group_is_worth_what_its_best_flow_is(void **state)
{
	struct netif_use use[] = {
		{ .kind = NETIF_UDP, .port = 7, .group = 0 }, { .kind = NETIF_TCP, .port = 9, .busy = 3, .group = 0 },
		{ .kind = NETIF_TCP, .port = 8, .busy = 1, .group = 2 },
	};

	(void)state;
	assert_int_equal(netif_least(use, 3, netif_usual_worth, false), 2);
	assert_int_equal(netif_least(use, 3, netif_usual_worth, true), -1);
	assert_int_equal(netif_least(use, 2, netif_usual_worth, false), 0);
	assert_int_equal(netif_least(use, 3, by_port, false), 2);
	assert_int_equal(netif_least(use, 3, by_port, true), 2);
	use[2].port = 10;
	assert_int_equal(netif_least(use, 3, by_port, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_receives_what_is_for_it),
		cmocka_unit_test(options_and_fragments_have_no_ports),
		cmocka_unit_test(nobody_sends_as_another),
		cmocka_unit_test(dhcp_is_the_clients_side),
		cmocka_unit_test(what_knows_the_address_is_implied_by_what_does_not),
		cmocka_unit_test(ports_can_be_a_range),
		cmocka_unit_test(names_are_read_strictly),
		cmocka_unit_test(the_network_page_is_read_whole_or_not_at_all),
		cmocka_unit_test(the_use_of_a_flow_is_read_from_its_predicate),
		cmocka_unit_test(the_same_bits_are_those_that_the_kernel_tests),
		cmocka_unit_test(the_least_important_flow_goes_first_and_arp_last),
		cmocka_unit_test(a_group_is_worth_what_its_best_flow_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
