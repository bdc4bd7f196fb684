/*
 * table.c - what runs on this machine, and with what
 *
 * Started in this order. Network programs wait until the first of them has an address. A page is 4 KiB; a slice is 1 ms in
 * every 64 of its hart, which is taken modulo their number; slices of a program that sleeps fall to the next one that does not. What stands
 * here is promised, and so are four places for filters to each program with flows: others may use it, and give it back (docs/revocation.md).
 */
#include "init.h"

/* One part of so many of what is free at the start is promised to nobody: who has used up its own pages borrows there. */
const unsigned int borrowable_part = 8;

const struct service services[] = {
/*	file		pages	slices	hart	gives								flows			*/
	{ "bin/netd",	256,	6,	0,	NEEDS_NIC | GIVE_CONSOLE | GIVE_NETPAGE_RW,
	  { "flow.dhcp", "flow.arp", "flow.icmp" } },
	{ "bin/httpd",	1536,	14,	1,	NEEDS_NIC | GIVE_CONSOLE | GIVE_NETPAGE,
	  { "flow.arp", "flow.tcp80" } },
	{ "bin/echo",	512,	8,	2,	NEEDS_NIC | GIVE_CONSOLE | GIVE_NETPAGE,
	  { "flow.arp", "flow.tcp7", "flow.udp7" } },
	{ "bin/minimal", 64,	2,	3,	0, { NULL } },
	/* The shell has the flows to pass them on, when a server is ended and started again. */
	{ "bin/shell",	0,	12,	0,	GIVE_CONSOLE | GIVE_NETPAGE | GIVE_ARCHIVE | GIVE_SLICES | GIVE_CONTROL | GIVE_MACHINE | ENDS_MACHINE |
						MAY_BORROW,
	  { "flow.arp", "flow.tcp80", "flow.tcp7", "flow.udp7" } },
};
const unsigned int nservices = sizeof(services) / sizeof(services[0]);
