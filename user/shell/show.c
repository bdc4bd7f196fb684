/*
 * show.c - the kernel's bookkeeping as tables
 *
 * Everything here is read from the exposed regions: no call asks the kernel anything. Values change while they are read.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env_name.h"
#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "shell.h"
#include "start.h"

const char *show_name(uint32_t id)
{
	static char names[2][16];
	static unsigned int turn;
	char *name = names[turn++ % 2];
	const volatile struct exposed_env *e = exposed_env_of(id);

	name[0] = '\0';
	if (e != NULL)
		env_name(e->word, name);
	if (name[0] == '\0')
		snprintf(name, sizeof(names[0]), "#%" PRIu32, id);
	return name;
}

#define TOP_US		1000000	/* between two pictures */

static const char *state_of(const volatile struct exposed_env *e)
{
	static const char *const states[] = {
		[ENV_FREE] = "free", [ENV_STOPPED] = "stopped", [ENV_READY] = "ready", [ENV_WAITING] = "waiting",
		[ENV_DYING] = "dying",
	};
	static const char *const reasons[] = {
		[STOP_NEW] = "new", [STOP_EXIT] = "exited", [STOP_PARENT] = "stopped", [STOP_FAULT] = "fault",
		[STOP_DOUBLE_FAULT] = "2 faults", [STOP_NO_CONTEXT] = "no context",
	};
	unsigned int state = e->state, reason = e->reason;

	if (state == ENV_STOPPED && reason < sizeof(reasons) / sizeof(reasons[0]))
		return reasons[reason];
	return state < sizeof(states) / sizeof(states[0]) ? states[state] : "?";
}

/* Who holds what beyond what it is promised, what it was asked for and what became of that (docs/revocation.md). */
static void memory_table(void)
{
	printf("%8s %9s %7s %9s %7s %6s %8s %6s  %s\n", "env", "guarantee", "pages", "borrowed", "wanted", "asked", "requests", "lost", "name");
	for (unsigned int i = 0; i < ENV_MAX; i++) {
		const volatile struct exposed_env *e = exposed_env(i);
		uint32_t own, held;

		if (e == NULL)
			break;
		if (e->state == ENV_FREE)
			continue;
		own = e->guarantee - e->promised_on;
		held = e->held;
		printf("%8" PRIu32 " %9" PRIu32 " %7" PRIu32 " %9" PRIu32 " %7" PRIu32 " %6" PRIu32 " %8" PRIu32 " %6" PRIu32 "  %s\n", e->id, e->guarantee,
		       held, held > own ? held - own : 0, e->wanted, e->asked, e->requests, e->lost, show_name(e->id));
	}
}

void show_memory(void)
{
	do {
		const volatile struct exposed_system *s = exposed_system();

		printf("\n%" PRIu32 " frames, %" PRIu32 " free, %" PRIu32 " waited for, %" PRIu32 " taken and still read by a device\n", s->nframes,
		       s->free_frames, s->wanted_frames, s->quarantined_frames);
		memory_table();
		printf("any key ends this\n");
		fflush(stdout);
	} while (console_getc(deadline_us(TOP_US)) < 0);
}

static const char *const kinds[] = {
	[REVOKE_NONE] = "", [REVOKE_PAGES] = "pages", [REVOKE_SLICES] = "slices", [REVOKE_FILTERS] = "filters", [REVOKE_RINGS] = "rings",
};

/* Promised (less what was passed on), held, wanted. */
static void show_share(const volatile struct exposed_share *s)
{
	printf(" %6" PRIu32 " %4" PRIu32 " %6" PRIu32, s->guarantee - s->promised_on, s->held, s->wanted);
}

/* Of each kind but pages: what is promised to whom, what he has and waits for; what he is asked for now, how often, and what he lost. */
static void shares_table(void)
{
	printf("%8s  %18s %18s %5s  %-11s %8s %6s  %s\n%8s  %6s %4s %6s %6s %4s %6s\n", "", "------- slices", "------ filters", "rings",
	       "asked for", "requests", "lost", "name", "env", "own", "has", "wants", "own", "has", "wants");
	for (unsigned int i = 0; i < ENV_MAX; i++) {
		const volatile struct exposed_env *e = exposed_env(i);
		char asked[24] = "-";
		uint32_t kind;

		if (e == NULL)
			break;
		if (e->state == ENV_FREE)
			continue;
		kind = e->asked_kind;
		if (e->asked != 0 && kind < sizeof(kinds) / sizeof(kinds[0]))
			snprintf(asked, sizeof(asked), "%" PRIu32 " %s", e->asked, kinds[kind]);
		printf("%8" PRIu32 " ", e->id);
		show_share(&e->slices);
		show_share(&e->filters);
		printf(" %5" PRIu32 "  %-11s %8" PRIu32 " %6" PRIu32 "  %s\n", e->rings.held, asked, e->requests, e->lost, show_name(e->id));
	}
}

void show_shares(void)
{
	do {
		printf("\n");
		shares_table();
		printf("any key ends this\n");
		fflush(stdout);
	} while (console_getc(deadline_us(TOP_US)) < 0);
}

void show_ps(void)
{
	uint64_t hz = exposed_system()->timebase_hz;

	printf("%8s %8s  %-10s %7s %9s %6s %10s  %s\n", "env", "parent", "state", "pages", "guarantee", "slices", "time", "name");
	for (unsigned int i = 0; i < ENV_MAX; i++) {
		const volatile struct exposed_env *e = exposed_env(i);
		uint64_t ms;

		if (e == NULL)
			break;
		if (e->state == ENV_FREE)
			continue;
		ms = e->used / (hz / 1000);
		printf("%8" PRIu32 " %8" PRIu32 "  %-10s %7" PRIu32 " %9" PRIu32 " %6u %6" PRIu64 ".%03u  %s\n", e->id, e->parent, state_of(e),
		       e->held, e->guarantee, e->slices.held, ms / 1000, (unsigned int)(ms % 1000), show_name(e->id));
	}
}

/* ---- top ---- */

#define TOP_ROWS	20

static struct sample {
	uint32_t id;
	uint64_t used;
} samples[ENV_MAX];
static uint64_t idle_before[64];

struct row {
	uint32_t id;
	uint64_t used;
};

/* Time used since the last sample, most first; at most TOP_ROWS. Takes the new sample. */
static unsigned int top_rows(struct row *rows)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ENV_MAX; i++) {
		const volatile struct exposed_env *e = exposed_env(i);
		struct row r;
		unsigned int at;

		if (e == NULL)
			break;
		if (e->state == ENV_FREE)
			continue;
		r = (struct row){ .id = e->id, .used = e->used };
		if (samples[i].id == r.id)
			r.used -= samples[i].used;
		samples[i] = (struct sample){ .id = e->id, .used = samples[i].id == r.id ? samples[i].used + r.used : r.used };
		at = n < TOP_ROWS ? n++ : TOP_ROWS - 1;
		if (at == TOP_ROWS - 1 && rows[at].id != 0 && rows[at].used >= r.used)
			continue;
		for (; at > 0 && rows[at - 1].used < r.used; at--)
			rows[at] = rows[at - 1];
		rows[at] = r;
	}
	return n;
}

/* Tenths of a percent. */
static unsigned int share(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (unsigned int)(part * 1000 / whole);
}

static void top_harts(uint64_t ticks)
{
	const volatile struct exposed_system *s = exposed_system();

	for (uint32_t i = 0; i < s->nharts && i < sizeof(idle_before) / sizeof(idle_before[0]); i++) {
		const volatile struct exposed_hart *h = exposed_hart(i);
		unsigned int idle;
		uint64_t now;

		if (h == NULL)
			break;
		now = h->idle;
		idle = share(now - idle_before[i] < ticks ? now - idle_before[i] : ticks, ticks);
		idle_before[i] = now;
		printf("hart %" PRIu32 ": %3u.%u %% idle; %s runs\n", i, idle / 10, idle % 10, h->current != 0 ? show_name(h->current) : "nobody");
	}
}

/* A time slept through in the kernel is in `idle` only when it is over; so the first picture is of what was before. */
void show_top(void)
{
	unsigned long last = exposed_system()->boot_time, now;
	static struct row rows[TOP_ROWS];

	memset(samples, 0, sizeof(samples));
	memset(idle_before, 0, sizeof(idle_before));
	do {
		unsigned int n;

		memset(rows, 0, sizeof(rows));
		n = top_rows(rows);
		now = time_now();
		printf("\033[H\033[J");
		top_harts(now - last);
		printf("%8s %8s %8s  %s\n", "env", "time", "ms", "name");
		for (unsigned int i = 0; i < n; i++) {
			unsigned int part = share(rows[i].used, now - last);

			printf("%8" PRIu32 " %4u.%u %% %8" PRIu64 "  %s\n", rows[i].id, part / 10, part % 10,
			       rows[i].used / (exposed_system()->timebase_hz / 1000), show_name(rows[i].id));
		}
		printf("any key ends this\n");
		fflush(stdout);
		last = now;
	} while (console_getc(deadline_us(TOP_US)) < 0);
}

/* ---- frames ---- */

struct owner {
	uint32_t id;
	uint32_t data, tables, objects, pinned;
	uint32_t flows, rings, filters;
};

static struct owner owners[ENV_MAX];
static unsigned int nowners;

static struct owner *owner_of(uint32_t id)
{
	for (unsigned int i = 0; i < nowners; i++)
		if (owners[i].id == id)
			return &owners[i];
	if (nowners == ENV_MAX)
		return &owners[ENV_MAX - 1];
	memset(&owners[nowners], 0, sizeof(owners[0]));
	owners[nowners].id = id;
	return &owners[nowners++];
}

/* Go through the whole frame table. total: by type. Returns false when it cannot be mapped. */
static bool count_frames(uint32_t total[])
{
	const volatile struct exposed_system *s = exposed_system();
	const volatile struct frame *f = exposed_frames();

	nowners = 0;
	if (s == NULL || f == NULL) {
		printf("the frame table cannot be mapped: no memory for page tables\n");
		return false;
	}
	for (uint32_t i = 0; i < s->nframes; i++) {
		unsigned int type = f[i].type, level = f[i].level;
		struct owner *o;

		if (type > FRAME_EXPOSED)
			continue;
		total[type]++;
		if (f[i].owner == 0)
			continue;
		o = owner_of(f[i].owner);
		o->data += type == FRAME_DATA;
		o->tables += type == FRAME_TABLE;
		o->objects += type == FRAME_KOBJ;
		o->pinned += f[i].pins != 0;
		if (type == FRAME_KOBJ) {
			o->flows += level == CAP_FLOW;
			o->rings += level == CAP_RING;
			o->filters += level == CAP_FILTER;
		}
	}
	return true;
}

void show_pages(void)
{
	static const char *const types[] = {
		[FRAME_FREE] = "free", [FRAME_DATA] = "data", [FRAME_TABLE] = "page tables", [FRAME_KOBJ] = "kernel objects",
		[FRAME_KERNEL] = "kernel", [FRAME_EXPOSED] = "exposed",
	};
	const volatile struct exposed_system *s = exposed_system();
	uint32_t total[FRAME_EXPOSED + 1] = { 0 };
	uint32_t promised = s->promised_frames, all_free = s->free_frames;

	if (!count_frames(total))
		return;
	printf("%" PRIu32 " frames of 4 KiB from frame %" PRIu32 " on, %" PRIu32 " of the free ones promised, %" PRIu32 " to borrow\n ", s->nframes, s->first_frame,
	       promised, all_free > promised ? all_free - promised : 0);
	for (unsigned int i = 0; i <= FRAME_EXPOSED; i++)
		printf("%s %" PRIu32 " %s", i == 0 ? "" : ",", total[i], types[i]);
	printf("\n%8s %8s %8s %8s %8s %8s  %s\n", "owner", "data", "tables", "objects", "total", "pinned", "name");
	for (unsigned int i = 0; i < nowners; i++) {
		const struct owner *o = &owners[i];

		printf("%8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 "  %s\n", o->id, o->data, o->tables,
		       o->objects, o->data + o->tables + o->objects, o->pinned, show_name(o->id));
	}
}

/* ---- slices ---- */

void show_slices(void)
{
	const volatile struct exposed_system *s = exposed_system();

	for (uint32_t hart = 0; hart < s->nharts; hart++) {
		const volatile struct exposed_hart *h = exposed_hart(hart);
		uint32_t ids[SLICES];
		unsigned int counts[SLICES] = { 0 }, n = 0;
		char picture[SLICES + 1];

		if (h == NULL)
			break;
		for (unsigned int i = 0; i < SLICES; i++) {
			uint32_t id = h->slice[i];
			unsigned int k;

			for (k = 0; k < n && ids[k] != id; k++)
				;
			if (k == n && id != 0)
				ids[n++] = id;
			if (id != 0)
				counts[k]++;
			picture[i] = id == 0 ? '.' : k < 26 ? (char)('a' + k) : '+';
		}
		picture[SLICES] = '\0';
		printf("hart %" PRIu32 ": %d slices of %" PRIu64 " us, idle for %" PRIu64 " ms\n  %s\n", hart, SLICES,
		       (uint64_t)h->slice_ticks * 1000000 / s->timebase_hz, h->idle / (s->timebase_hz / 1000), picture);
		for (unsigned int k = 0; k < n; k++)
			printf("  %c %3u  %s\n", k < 26 ? (char)('a' + k) : '+', counts[k], show_name(ids[k]));
	}
}

/* ---- network ---- */

void show_filters(void)
{
	const volatile struct exposed_system *s = exposed_system();
	const struct start_block *b = start_block();
	uint32_t total[FRAME_EXPOSED + 1] = { 0 };

	if (!s->nic_present) {
		printf("the machine has no network device\n");
		return;
	}
	printf("%s%" PRIu32 " filters; received %" PRIu64 ", for nobody %" PRIu64 ", no buffer %" PRIu64 "; sent %" PRIu64 ", refused %" PRIu64 "\n",
	       s->nic_broken ? "the device is out of order; " : "", s->filters, s->rx_packets, s->rx_unclaimed, s->rx_dropped,
	       s->tx_packets, s->tx_refused);
	if (!count_frames(total))
		return;
	printf("%8s %8s %8s %8s  %s\n", "owner", "flows", "rings", "filters", "name");
	for (unsigned int i = 0; i < nowners; i++) {
		const struct owner *o = &owners[i];

		if (o->flows + o->rings + o->filters != 0)
			printf("%8" PRIu32 " %8" PRIu32 " %8" PRIu32 " %8" PRIu32 "  %s\n", o->id, o->flows, o->rings, o->filters,
			       show_name(o->id));
	}
	if (b == NULL)
		return;
	for (unsigned int i = 0; i < b->ngrants; i++) {
		const struct start_grant *g = (const struct start_grant *)((const char *)b + b->grants) + i;

		if (strncmp(g->name, "flow.", 5) == 0)
			printf("the shell may pass on: %s\n", g->name);
	}
}
