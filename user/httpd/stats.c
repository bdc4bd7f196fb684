/*
 * stats.c - /stats.json, out of the kernel's exposed bookkeeping
 *
 * Values change while they are read; each is right in itself. Frame counts are those of the kernel: what leaks shows here.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "env_name.h"
#include "exos_calls.h"
#include "exposed.h"
#include "httpd.h"
#include "net/net.h"
#include "netif/netif.h"
#include "posix.h"
#include "start.h"

#define CLOSING_ROOM 64		/* kept free for the brackets at the end */

struct text {
	char *buf;
	size_t used, size;
	bool full;		/* something did not fit; nothing is added any more */
};

/* Append, all or nothing. */
__attribute__((format(printf, 2, 3))) static bool put(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->full)
		return false;
	va_start(ap, format);
	n = vsnprintf(t->buf + t->used, t->size - t->used, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->used) {
		t->buf[t->used] = '\0';
		t->full = true;
		return false;
	}
	t->used += (size_t)n;
	return true;
}

static uint64_t ticks_to_us(uint64_t ticks)
{
	uint64_t hz = exposed_system()->timebase_hz;

	return ticks / hz * 1000000 + ticks % hz * 1000000 / hz;
}

static const char *state_name(unsigned int state)
{
	static const char *const names[] = {
		[ENV_FREE] = "free", [ENV_STOPPED] = "stopped", [ENV_READY] = "ready", [ENV_WAITING] = "waiting",
		[ENV_DYING] = "dying",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static void put_machine(struct text *t)
{
	const volatile struct exposed_system *s = exposed_system();

	put(t, "\"uptime_ms\":%" PRIu64 ",", ticks_to_us(time_now() - s->boot_time) / 1000);
	put(t, "\"memory\":{\"frames\":%" PRIu32 ",\"free\":%" PRIu32 ",\"held\":%" PRIu32 ",\"promised\":%" PRIu32 "},",
	    s->nframes, s->free_frames, s->nframes - s->free_frames, s->promised_frames);
	put(t, "\"network\":{\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",", s->mac[0], s->mac[1], s->mac[2], s->mac[3], s->mac[4], s->mac[5]);
	put(t, "\"rx_packets\":%" PRIu64 ",\"rx_unclaimed\":%" PRIu64 ",\"rx_dropped\":%" PRIu64 ",\"tx_packets\":%" PRIu64
	    ",\"tx_refused\":%" PRIu64 ",\"filters\":%" PRIu32 ",\"broken\":%" PRIu32 "},",
	    s->rx_packets, s->rx_unclaimed, s->rx_dropped, s->tx_packets, s->tx_refused, s->filters, s->nic_broken);
	put(t, "\"fences\":{\"page\":%" PRIu64 ",\"asid\":%" PRIu64 ",\"all\":%" PRIu64 "},", s->fences_page, s->fences_asid, s->fences_all);
	put(t, "\"harts\":[");
	for (uint32_t i = 0; i < s->nharts; i++) {
		const volatile struct exposed_hart *h = exposed_hart(i);

		if (h == NULL)
			break;
		put(t, "%s{\"idle_us\":%" PRIu64 ",\"interrupts\":%" PRIu64 ",\"timer_interrupts\":%" PRIu64 "}", i == 0 ? "" : ",",
		    ticks_to_us(h->idle), h->interrupts, h->timer_interrupts);
	}
	put(t, "],");
}

static void put_self(struct text *t, struct net *net, struct netif_ring *ring, const struct httpd_counters *c)
{
	const struct net_stats *n = net_stats(net);
	struct netif_stats i;

	netif_get_stats(ring, &i);
	put(t, "\"httpd\":{\"connections\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"timeouts\":%" PRIu64
	    ",\"evicted\":%" PRIu64 ",",
	    c->connections, c->requests, c->ok, c->refused, c->timeouts, c->evicted);
	put(t, "\"ring\":{");
#define C(name, text) put(t, "\"" #name "\":%" PRIu64 ",", i.name);
	NETIF_COUNTERS(C)
#undef C
	put(t, "\"size\":%d},\"stack\":{", RING_SIZE);
#define C(name, text) if (n->name != 0) put(t, "\"" #name "\":%" PRIu64 ",", n->name);
	NET_COUNTERS(C)
#undef C
	put(t, "\"now_us\":%" PRIu64 "}},", net_now(net));
}

static void put_environment(struct text *t, const volatile struct exposed_env *e, bool first)
{
	char name[ENV_NAME_BYTES + 1];

	env_name(e->word, name);
	put(t, "%s{\"id\":%" PRIu32 ",\"name\":\"%s\",\"parent\":%" PRIu32 ",\"state\":\"%s\",\"pages\":%" PRIu32 ",\"guarantee\":%" PRIu32
	    ",\"slices\":%u,\"filters\":%u,\"requests\":%" PRIu32 ",\"lost\":%" PRIu32 ",\"used_us\":%" PRIu64 ",\"switches\":%" PRIu64 "}",
	    first ? "" : ",", e->id, name, e->parent, state_name(e->state), e->held, e->guarantee, e->slices.held, e->filters.held,
	    e->requests, e->lost, ticks_to_us(e->used), e->switches);
}

size_t stats_json(char *buf, size_t size, struct net *net, struct netif_ring *ring, const struct httpd_counters *counters)
{
	struct text t = { .buf = buf, .size = size - CLOSING_ROOM };
	bool first = true;
	int n;

	put(&t, "{\"version\":1,\"self\":%u,", self_env());
	put_machine(&t);
	put_self(&t, net, ring, counters);
	put(&t, "\"environments\":[");
	for (unsigned int i = 0; i < ENV_MAX && !t.full; i++) {
		const volatile struct exposed_env *e = exposed_env(i);

		if (e == NULL)
			break;
		if (e->state == ENV_FREE)
			continue;
		put_environment(&t, e, first);
		first = false;
	}
	n = snprintf(buf + t.used, size - t.used, "],\"complete\":%s}\n", t.full ? "false" : "true");
	return t.used + (size_t)n;
}
