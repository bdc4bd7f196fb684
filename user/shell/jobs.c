/*
 * jobs.c - starting programs, waiting for them, ending them
 *
 * What a program gets comes out of what the shell has: pages out of its guarantee, slices out of its range, and copies of
 * the capabilities that the table below names for it. When it ends, all of that is back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpio.h"
#include "env_name.h"
#include "exos/uarea.h"
#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "proc.h"
#include "shell.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define JOBS		16
#define PAGES_EACH	1024		/* guarantee of a program, unless -p says otherwise */
#define SLICES_EACH	4		/* likewise, -s */
#define FILTERS_MOST	32		/* -f: so many shapes has the classifier */
#define BURIAL_US	1000000
#define CTRL_C		3
#define SUPERPAGE	(2ul << 20)

struct job {
	bool used;
	struct proc proc;
	unsigned int first, count;	/* its slices, relative to the shell's range */
	char name[24];
};

static struct job jobs[JOBS];
static const void *archive;
static size_t archive_bytes;
static unsigned int slice_slot, slice_count;
static bool slice_taken[SLICES];

/* What some programs get beside the console and the network page; the same names as where the system's own start. */
static const struct {
	const char *program, *grant;
} extras[] = {
	{ "httpd", "flow.tcp80" }, { "httpd", "flow.arp" },
	{ "echo", "flow.tcp7" }, { "echo", "flow.udp7" }, { "echo", "flow.arp" },
};

/* ---- the archive ---- */

void jobs_init(void)
{
	const struct start_grant *g = start_grant("archive");
	struct cap_info info;
	char *va;

	slice_slot = start_slot("slices");
	if (slice_slot != 0 && sys_cap_info(slice_slot, &info) == 0)
		slice_count = info.count < SLICES ? info.count : SLICES;

	if (g == NULL || (va = vm_reserve(g->count * SUPERPAGE, SUPERPAGE)) == NULL)
		return;
	for (unsigned int i = 0; i < g->count; i++)
		if (vm_superpage(g->slot + i, va + i * SUPERPAGE, PROT_R) < 0)
			return;
	archive = va;
	archive_bytes = g->value;
}

void jobs_programs(void)
{
	struct cpio_entry e;
	size_t at = 0;
	int found;

	if (archive == NULL) {
		printf("programs: there is no boot archive\n");
		return;
	}
	while ((found = cpio_next(archive, archive_bytes, &at, &e)) == 1)
		printf("%8zu  %s\n", e.size, e.name);
	if (found < 0)
		printf("programs: %s\n", cpio_strerror(found));
}

/* "echo" is bin/echo; "tests/null" is itself. */
static bool find_program(const char *name, struct cpio_entry *e)
{
	char path[64];

	if (archive == NULL || strlen(name) > sizeof(path) - 5)
		return false;
	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') == NULL ? "bin/" : "", name);
	return cpio_find(archive, archive_bytes, path, e) == 1;
}

/* ---- slices ---- */

/* A run of n free slices of the shell's range, or -1. */
static int take_slices(unsigned int n)
{
	unsigned int run = 0;

	for (unsigned int i = 0; i < slice_count; i++) {
		run = slice_taken[i] ? 0 : run + 1;
		if (run == n) {
			for (unsigned int k = i + 1 - n; k <= i; k++)
				slice_taken[k] = true;
			return (int)(i + 1 - n);
		}
	}
	return -1;
}

/* Nobody's again. */
static void return_slices(unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		slice_taken[i] = false;
	if (n > 0)
		sys_slice_bind(slice_slot, first, n, 0);
}

/* ---- start ---- */

static unsigned int collect_grants(const char *program, struct proc_grant *out, unsigned int room)
{
	unsigned int n = 0, slot;

	if (console_slot() != 0)
		out[n++] = (struct proc_grant){ .name = "console", .slot = console_slot(), .rights = RIGHT_USE };
	if ((slot = start_slot("netpage")) != 0)
		out[n++] = (struct proc_grant){ .name = "netpage", .slot = slot, .rights = PROT_R };
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]) && n < room; i++)
		if (strcmp(extras[i].program, program) == 0 && (slot = start_slot(extras[i].grant)) != 0)
			out[n++] = (struct proc_grant){ .name = extras[i].grant, .slot = slot, .rights = RIGHT_RECV | RIGHT_SEND };
	return n;
}

static void finish(struct job *j)
{
	int err = proc_end(&j->proc);

	if (err < 0)
		printf("%s: %s\n", j->name, exos_strerror(err));
	return_slices(j->first, j->count);
	j->used = false;
}

static void tell_end(const struct job *j, enum proc_state state, int status, bool background)
{
	if (state == PROC_EXITED && status == 0 && !background)
		return;
	if (state == PROC_EXITED)
		printf("%s (%u): ended with status %d\n", j->name, j->proc.id, status);
	else
		printf("%s (%u): %s\n", j->name, j->proc.id, proc_state_name(state));
}

/* Wait in the foreground. Input that comes meanwhile is kept, unless the program reads it itself; ^C ends the program. */
static void attend(struct job *j)
{
	enum proc_state state;
	int status = 0, c;

	fflush(stdout);
	for (;;) {
		event_clear(EV_CHILD);
		state = proc_state(&j->proc, &status);
		if (state != PROC_RUNNING)
			break;
		while ((c = console_getc(1)) >= 0) {
			if (c == CTRL_C) {
				printf("^C\n");
				goto out;
			}
			type_ahead((char)c);
		}
		sys_wait(EV_CHILD | EV_CONSOLE, 0);
	}
	tell_end(j, state, status, false);
out:
	finish(j);
	sys_console_bind(console_slot());	/* the program may have taken the event to itself */
}

static bool number(const char *word, unsigned long most, unsigned long *out)
{
	char *end;

	if (word == NULL || *word < '0' || *word > '9')
		return false;
	*out = strtoul(word, &end, 10);
	return *end == '\0' && *out <= most;
}

void jobs_run(int n, char **words, bool background)
{
	unsigned long pages = PAGES_EACH, count = SLICES_EACH, borrow = 0, promised = 0, filters = 0;
	struct proc_grant grants[8];
	struct cpio_entry e;
	struct spawn s = { 0 };
	struct job *j = jobs;
	int first, err, w = 1;
	const struct {
		const char *name;
		unsigned long *to, most;
	} options[] = {
		{ "-p", &pages, 1000000 }, { "-b", &borrow, 1000000 }, { "-s", &count, SLICES }, { "-g", &promised, SLICES },
		{ "-f", &filters, FILTERS_MOST },
	};

	for (; w < n && words[w][0] == '-'; w += 2) {
		unsigned int o = 0;

		while (o < sizeof(options) / sizeof(options[0]) && strcmp(words[w], options[o].name) != 0)
			o++;
		if (o == sizeof(options) / sizeof(options[0]) || !number(words[w + 1], options[o].most, options[o].to)) {
			printf("usage: run [-p PAGES] [-b PAGES TO BORROW] [-s SLICES] [-g SLICES PROMISED] [-f FILTERS PROMISED] PROGRAM [ARGUMENT...] [&], "
			       "at most %d slices and %d filters\n", SLICES, FILTERS_MOST);
			return;
		}
	}
	if (w >= n) {
		printf("run: which program? 'programs' lists them\n");
		return;
	}
	if (!find_program(words[w], &e)) {
		char test[64];

		snprintf(test, sizeof(test), "tests/%s", words[w]);
		if (find_program(test, &e))
			printf("run: there is no program '%s', but a test of that name: 'run %s'\n", words[w], test);
		else
			printf("run: there is no program '%s': 'programs' lists them\n", words[w]);
		return;
	}
	while (j < jobs + JOBS && j->used)
		j++;
	if (j == jobs + JOBS) {
		printf("run: %d programs run already: kill one first\n", JOBS);
		return;
	}
	first = count == 0 ? 0 : take_slices((unsigned int)count);
	if (first < 0) {
		printf("run: there are no %lu neighbouring slices left of the %u that the shell has\n", count, slice_count);
		return;
	}

	s.elf = e.data;
	s.elf_bytes = e.size;
	s.argv = (const char *const *)&words[w];
	s.guarantee = pages;
	s.borrow = borrow;
	s.promise_slices = (unsigned int)promised;
	s.promise_filters = (unsigned int)filters;
	s.slices = count == 0 ? 0 : slice_slot;
	s.first = (unsigned int)first;
	s.count = (unsigned int)count;
	s.grants = grants;
	s.ngrants = collect_grants(words[w], grants, sizeof(grants) / sizeof(grants[0]) - 1);
	if (count > 0)		/* to divide them among children of its own */
		grants[s.ngrants++] = (struct proc_grant){ .name = "slices", .slot = slice_slot, .rights = RIGHT_BIND, .first = s.first,
							   .nslices = s.count, .value = s.count };
	err = proc_spawn(&s, &j->proc);
	if (err < 0) {
		return_slices((unsigned int)first, (unsigned int)count);
		printf("run: %s: %s\n", words[w], proc_strerror(err));
		return;
	}
	j->used = true;
	j->first = (unsigned int)first;
	j->count = (unsigned int)count;
	snprintf(j->name, sizeof(j->name), "%s", words[w]);
	if (background)
		printf("%s: environment %u\n", j->name, j->proc.id);
	else
		attend(j);
}

void jobs_report(void)
{
	event_clear(EV_CHILD);
	for (struct job *j = jobs; j < jobs + JOBS; j++) {
		enum proc_state state;
		int status = 0;

		if (!j->used || (state = proc_state(&j->proc, &status)) == PROC_RUNNING)
			continue;
		tell_end(j, state, status, true);
		finish(j);
	}
}

/* ---- kill ---- */

/*
 * End a program that is somebody else's child, with the right of control over it: it loses its handlers and goes on at an
 * address where nothing is. It stops with a fault; its parent hears of that and takes it apart.
 */
static long kill_other(unsigned int env)
{
	static struct env_regs regs;
	long err = sys_env_set(env, ENV_RUN, 0, 0);

	if (err < 0)
		return err;
	for (unsigned int kind = 0; kind < UP_KINDS; kind++)
		sys_env_set(env, ENV_HANDLER, kind, 0);
	memset(&regs, 0, sizeof(regs));
	err = sys_env_regs(env, 1, &regs);
	return err < 0 ? err : sys_env_set(env, ENV_RUN, 1, 0);
}

/* Slot of a grant "env.NAME" whose value is this environment's number, 0: none. */
static unsigned int control_of(uint32_t id)
{
	const struct start_block *b = start_block();
	const struct start_grant *g;

	if (b == NULL)
		return 0;
	g = (const struct start_grant *)((const char *)b + b->grants);
	for (unsigned int i = 0; i < b->ngrants; i++)
		if (strncmp(g[i].name, "env.", 4) == 0 && g[i].value == id)
			return g[i].slot;
	return 0;
}

/* The number for what the user typed: a number, or the name of exactly one environment. 0: neither, and it was told. */
static uint32_t which_env(const char *which)
{
	unsigned long id;
	uint32_t found = 0;
	char name[ENV_NAME_BYTES + 1];

	if (number(which, UINT32_MAX, &id)) {
		if (id != 0 && exposed_env_of((uint32_t)id) != NULL)
			return (uint32_t)id;
		printf("kill: there is no environment %s: ps lists them\n", which);
		return 0;
	}
	for (unsigned int i = 0; i < ENV_MAX; i++) {
		const volatile struct exposed_env *e = exposed_env(i);

		if (e == NULL)
			break;
		if (e->state == ENV_FREE)
			continue;
		env_name(e->word, name);
		if (name[0] == '\0' || strncmp(name, which, ENV_NAME_BYTES) != 0)
			continue;
		if (found != 0) {
			printf("kill: several environments are called '%s': give the number\n", which);
			return 0;
		}
		found = e->id;
	}
	if (found == 0)
		printf("kill: there is no environment '%s': ps lists them\n", which);
	return found;
}

void jobs_kill(const char *which)
{
	uint32_t id = which_env(which);
	unsigned int env;
	long err;

	if (id == 0)
		return;
	for (struct job *j = jobs; j < jobs + JOBS; j++)
		if (j->used && j->proc.id == id) {
			finish(j);
			return;
		}
	env = control_of(id);
	if (env == 0) {
		printf("kill: environment %u is not the shell's to end\n", id);
		return;
	}
	err = kill_other(env);
	if (err < 0) {
		printf("kill: %s\n", exos_strerror(err));
		return;
	}
	/* Its parent takes it apart; the prompt comes afterwards. */
	for (unsigned long until = deadline_us(BURIAL_US); exposed_env_of(id) != NULL && time_now() < until;)
		sys_wait(0, deadline_us(1000));
}
