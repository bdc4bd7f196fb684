/*
 * httpd.h - the parts of the web server
 *
 *	httpd.c   connections: reading requests, answering, timeouts
 *	stats.c   /stats.json, out of the kernel's exposed bookkeeping
 *	page.c    the page
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <stddef.h>
#include <stdint.h>

struct net;
struct netif_ring;

extern const char page_html[];
extern const size_t page_html_bytes;

/* What the server counts about itself. */
struct httpd_counters {
	uint64_t connections, requests, ok, refused, timeouts, evicted;
};

/* Write the document into buf. Returns its length, less than size whatever there is to tell. */
size_t stats_json(char *buf, size_t size, struct net *net, struct netif_ring *ring, const struct httpd_counters *counters);

#endif
