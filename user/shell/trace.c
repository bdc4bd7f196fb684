/*
 * trace.c - trace on, off, show: what the kernel did, last first out of the trace rings
 */
#include <exos/calls.h>
#include <exos/uarea.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exos_calls.h"
#include "exposed.h"
#include "shell.h"
#include "start.h"
#include "trace_read.h"

#define SHOWN_MAX	2000
#define SHOWN		20

struct line {
	struct trace_event e;
	unsigned int hart;
};

static struct line lines[SHOWN_MAX];

static const char *call_name(unsigned int number)
{
	static const char *const names[CALL_COUNT] = {
#define X(name, ...) [CALL_##name] = #name,
		EXOS_CALLS(X)
#undef X
	};

	return number < CALL_COUNT ? names[number] : "no such call";
}

static void print_event(const struct line *l)
{
	static const char *const upcalls[UP_KINDS] = {
		[UP_FAULT] = "fault", [UP_SLICE_END] = "slice end", [UP_SLICE_BEGIN] = "slice begin", [UP_EVENT] = "event",
		[UP_ENTRY] = "entry",
	};
	const struct trace_event *e = &l->e;
	uint64_t us = (e->time - exposed_system()->boot_time) / (exposed_system()->timebase_hz / 1000000);

	printf("%6" PRIu64 ".%06" PRIu64 " hart %u  %-8s  ", us / 1000000, us % 1000000, l->hart, e->env != 0 ? show_name(e->env) : "nobody");
	switch (e->kind) {
	case TRACE_CALL:
		printf("calls %s\n", call_name(e->what));
		break;
	case TRACE_RETURN:
		if ((int64_t)e->value < 0)
			printf("%s refused: %s\n", call_name(e->what), exos_errname((long)e->value));
		else
			printf("%s returns %" PRIu64 "\n", call_name(e->what), e->value);
		break;
	case TRACE_SWITCH:
		printf("runs, after %s\n", e->value != 0 ? show_name((uint32_t)e->value) : "nobody");
		break;
	case TRACE_UPCALL:
		printf("upcall: %s\n", e->what < UP_KINDS ? upcalls[e->what] : "?");
		break;
	case TRACE_FAULT:
		printf("exception %u at 0x%" PRIx64 "\n", e->what, e->value);
		break;
	case TRACE_TRANSFER:
		printf("%s to %s\n", call_name(e->what), show_name((uint32_t)e->value));
		break;
	case TRACE_RECEIVED:
		printf("%u bytes into ring %" PRIu64 "\n", e->what, e->value);
		break;
	case TRACE_SENT:
		printf("%u bytes sent\n", e->what);
		break;
	default:
		printf("?\n");
	}
}

static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->e.time != y->e.time)
		return x->e.time < y->e.time ? -1 : 1;
	return x < y ? -1 : 1;
}

/* The last n of every hart, then the last n of these. */
static void show(unsigned int machine, size_t n)
{
	const volatile struct exposed_system *s = exposed_system();
	static struct trace_event event[SHOWN_MAX];
	size_t have = 0;

	if (exposed_trace(0, machine) == NULL) {
		printf("nothing was traced yet: trace on\n");
		return;
	}
	for (uint32_t h = 0; h < s->nharts; h++) {
		struct trace_reader r;
		size_t each = SHOWN_MAX / s->nharts < n ? SHOWN_MAX / s->nharts : n, got;

		trace_reader_begin_before(&r, exposed_trace(h, machine), each);
		got = trace_read(&r, event, each);
		for (size_t i = 0; i < got; i++)
			lines[have++] = (struct line){ event[i], h };
	}
	qsort(lines, have, sizeof(lines[0]), by_time);
	for (size_t i = have > n ? have - n : 0; i < have; i++)
		print_event(&lines[i]);
}

bool trace_command(int n, char **words)
{
	unsigned int machine = start_slot("machine");
	unsigned long count = SHOWN;
	char *end = NULL;
	long r;

	if (machine == 0) {
		printf("trace: the shell has no MACHINE capability\n");
		return true;
	}
	if (n == 2 && (strcmp(words[1], "on") == 0 || strcmp(words[1], "off") == 0)) {
		r = sys_trace_set(machine, words[1][1] == 'n');
		if (r < 0)
			printf("trace: %s\n", exos_strerror(r));
		return true;
	}
	if (n > 2)
		count = strtoul(words[2], &end, 10);
	if (strcmp(words[1], "show") != 0 || (end != NULL && (*end != '\0' || count == 0)))
		return false;
	show(machine, count < SHOWN_MAX ? count : SHOWN_MAX);
	return true;
}
