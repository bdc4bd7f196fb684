/*
 * bench.c - what the operations of this system cost, in instructions
 *
 * Started by init with every right there is, when the boot arguments say `bench`. Figures leave by the report channel, "bench KEY
 * MEDIAN", and for each a line "spread KEY MIN MEDIAN MAX RUNS"; the keys are explained in docs/measuring.md.
 */
#include "bench.h"

#include <exos/uarea.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "start.h"
#include "upcall.h"

static_assert(UAREA_VA == LAYOUT_UAREA && CALL_pct_call == NR_PCT_CALL && CALL_pct_reply == NR_PCT_REPLY, "paths.S knows these");
static_assert(CALL_yield == NR_YIELD && CALL_exit == NR_EXIT && CALL_page_bind == NR_PAGE_BIND &&
	      CALL_page_protect == NR_PAGE_PROTECT && PROT_R == NR_PROT_R && (PROT_R | PROT_W) == NR_PROT_RW, "paths.S knows these numbers");

extern const char upcall_entry_fault[], upcall_resume_start[], upcall_resume_end[];	/* of libexos */

static uint64_t empty;		/* difference of instret around nothing */

void report_line(const char *format, ...)
{
	char line[160];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	sys_console_write(start_slot("machine"), line, (unsigned long)n);
}

long must(long result, const char *what, const char *file, int line)
{
	if (result < 0) {
		report_line("note %s:%d: %s: %s", file, line, what, exos_strerror(result));
		exit(1);
	}
	return result;
}

void series_add(struct series *s, uint64_t delta)
{
	if (s->n < RUNS)
		s->value[s->n++] = delta - empty;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t series_median(struct series *s)
{
	qsort(s->value, s->n, sizeof(s->value[0]), by_value);
	return s->value[s->n / 2];
}

void report_series(const char *key, struct series *s, unsigned int parts)
{
	if (s->n == 0)
		return;
	report_line("bench %s %lu", key, (series_median(s) + parts - 1) / parts);
	report_line("spread %s %lu %lu %lu %u", key, (s->value[0] + parts - 1) / parts, (series_median(s) + parts - 1) / parts,
		    (s->value[s->n - 1] + parts - 1) / parts, s->n);
}

void handle_faults(const void *entry)
{
	if (entry != NULL) {
		MUST(sys_env_set(0, ENV_RESUME, (unsigned long)resume_start, (unsigned long)resume_end));
		MUST(sys_env_set(0, ENV_HANDLER, UP_FAULT, (unsigned long)entry));
		return;
	}
	MUST(sys_env_set(0, ENV_RESUME, (unsigned long)upcall_resume_start, (unsigned long)upcall_resume_end));
	MUST(sys_env_set(0, ENV_HANDLER, UP_FAULT, (unsigned long)upcall_entry_fault));
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "peer") == 0)
		return bench_peer(argv[2]);
	if (argc > 2 && strcmp(argv[1], "revoke") == 0)
		return bench_revoke_peer(argv[2]);
	/* From here on the stack is there: with a handler of paths.S nobody brings in a page of it. */
	MUST(vm_touch((char *)__builtin_frame_address(0) - 16 * PAGE_SIZE, 16 * PAGE_SIZE));
	empty = path_nothing();
	if (argc > 1) {
		(strcmp(argv[1], "flight") == 0 ? bench_flight : bench_revoke)();
		return 0;
	}
	area_open();
	bench_control();
	bench_memory();
	bench_ipc();
	bench_net();
	return 0;
}
