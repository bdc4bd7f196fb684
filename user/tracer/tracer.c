/*
 * tracer.c - another program, traced from its first instruction to its end
 *
 * Boot argument trace=NAME[:ARGUMENT...] (make trace PROG=NAME) starts this in the place of the services, with every root capability.
 * It starts bin/NAME or tests/NAME with the same capabilities, half of the memory and three quarters of the time, and empties the
 * trace rings meanwhile. When the program ends, the time is up or there is no more room, it writes what it has to the report channel,
 * a line each, numbers in hexadecimal but for the first line:
 *
 *	trace 1 HZ HARTS		version, ticks of a second, harts
 *	env ID NAME			an environment that ran
 *	e HART DELTA KIND ENV WHAT VALUE	an event, in the order of its hart; DELTA: ticks since the one before it there, first: the time
 *	lost HART N			so many events of a hart were overwritten before they were read
 *	dropped N			so many there was no room for here
 *	ended STATE STATUS		how the program ended, "running" when it was cut off
 *
 * Its own calls, faults and upcalls are left out: they are those of reading.
 */
#include <exos/flow.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpio.h"
#include "env_name.h"
#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "proc.h"
#include "start.h"
#include "trace_read.h"
#include "upcall.h"
#include "vm.h"

#define HARTS		8
#define SECONDS		20		/* of the machine's time, at most */
#define CHUNK		4096u		/* events */
#define CHUNKS		256u
#define ENVS		128u
#define ARGUMENTS	8
#define OWN		4u		/* slices of hart 0 that the program cannot get at */
#define STRIDE		4u		/* and of the others every fourth, as long as it takes none away */

struct kept {
	struct trace_event e;
	unsigned int hart;
};

static unsigned int machine;
static struct trace_reader reader[HARTS];
static struct kept *chunk[CHUNKS];
static size_t nkept, dropped;
static struct { uint32_t id; uint64_t word; } env[ENVS];
static unsigned int nenvs;

/* ---- the report channel ---- */

static char line[1024];
static size_t filled;

static void flush(void)
{
	if (filled > 0)
		sys_console_write(machine, line, filled);
	filled = 0;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list ap;

	if (filled > sizeof(line) - 128)
		flush();
	va_start(ap, format);
	filled += (size_t)vsnprintf(line + filled, 128, format, ap);
	va_end(ap);
}

/* ---- events ---- */

/* Names are known only while their environments live. */
static void remember(uint32_t id)
{
	const volatile struct exposed_env *e;

	for (unsigned int i = 0; i < nenvs; i++)
		if (env[i].id == id)
			return;
	e = exposed_env_of(id);
	if (nenvs < ENVS && e != NULL && e->word != 0) {
		env[nenvs].word = e->word;
		env[nenvs++].id = id;
	}
}

static void keep(unsigned int hart, const struct trace_event *e)
{
	struct kept **c = &chunk[nkept / CHUNK % CHUNKS];

	if (e->env == self_env() && e->kind != TRACE_SWITCH)
		return;
	if (e->env != 0)
		remember(e->env);
	if (nkept < CHUNK * CHUNKS && *c == NULL)
		*c = malloc(CHUNK * sizeof(struct kept));
	if (nkept == CHUNK * CHUNKS || *c == NULL) {
		dropped++;
		return;
	}
	(*c)[nkept++ % CHUNK] = (struct kept){ *e, hart };
}

static void drain(void)
{
	static struct trace_event event[256];

	for (unsigned int h = 0; h < exposed_system()->nharts; h++)
		for (size_t n; (n = trace_read(&reader[h], event, 256)) != 0;)
			for (size_t i = 0; i < n; i++)
				keep(h, &event[i]);
}

static void tell(const char *state, int status)
{
	const volatile struct exposed_system *s = exposed_system();
	uint64_t last[HARTS] = { 0 };
	char name[ENV_NAME_BYTES + 1];

	say("trace 1 %lu %u\n", s->timebase_hz, s->nharts);
	for (unsigned int i = 0; i < nenvs; i++) {
		env_name(env[i].word, name);
		say("env %x %s\n", env[i].id, name);
	}
	for (size_t i = 0; i < nkept; i++) {
		const struct kept *k = &chunk[i / CHUNK][i % CHUNK];

		say("e %x %lx %x %x %x %lx\n", k->hart, k->e.time - last[k->hart], k->e.kind, k->e.env, k->e.what, k->e.value);
		last[k->hart] = k->e.time;
	}
	for (unsigned int h = 0; h < s->nharts; h++)
		say("lost %x %lx\n", h, reader[h].lost);
	say("dropped %lx\nended %s %d\n", dropped, state, status);
	flush();
}

/* ---- the program ---- */

static const void *archive(size_t *len)
{
	const struct start_grant *g = start_grant("archive");
	const size_t large = 512 * PAGE_SIZE;
	char *at;

	if (g == NULL || (at = vm_reserve(g->count * large, large)) == NULL)
		return NULL;
	for (uint32_t i = 0; i < g->count; i++)
		if (vm_superpage(g->slot + i, at + i * large, PROT_R) < 0)
			return NULL;
	*len = g->value;
	return at;
}

static bool find(const char *name, struct cpio_entry *e)
{
	static const char *const folders[] = { "bin", "tests", "bench" };
	char file[96];
	size_t len;
	const void *a = archive(&len);

	for (size_t i = 0; a != NULL && i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", folders[i], name);
		if (cpio_find(a, len, file, e) == 1)
			return true;
	}
	return false;
}

/* What this program was given, all but the first slices. */
static unsigned int pass_on(struct proc_grant *grants, unsigned int max)
{
	const struct start_block *b = start_block();
	const struct start_grant *g = (const struct start_grant *)((const char *)b + b->grants);
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->ngrants && n < max; i++) {
		struct proc_grant to = { .name = g[i].name, .slot = g[i].slot, .count = g[i].count, .rights = RIGHT_USE, .value = g[i].value };

		if (strncmp(g[i].name, "slices", 6) == 0) {
			to.first = g[i].name[6] == '\0' ? OWN : 0;
			to.nslices = (unsigned int)(to.value -= to.first);
		} else if (strncmp(g[i].name, "flow.", 5) == 0) {
			to.rights = RIGHT_RECV | RIGHT_SEND;
		}
		grants[n++] = to;
	}
	return n;
}

static int start(const char *name, char **argv, struct proc *p)
{
	const volatile struct exposed_env *self = exposed_env_of(self_env());
	struct proc_grant grants[16];
	struct spawn s = { .argv = (const char *const *)argv, .grants = grants, .stopped = true };
	unsigned int slices = start_slot("slices");
	struct cpio_entry e;
	struct cap_info info;
	int err;

	if (!find(name, &e))
		return -E_NOCAP;
	s.elf = e.data;
	s.elf_bytes = e.size;
	s.guarantee = (self->guarantee - self->promised_on - self->held) / 2;
	s.ngrants = pass_on(grants, sizeof(grants) / sizeof(grants[0]));
	if ((err = proc_spawn(&s, p)) < 0 || (err = (int)sys_cap_info(slices, &info)) < 0)
		return err;
	for (unsigned int i = info.first + OWN; i < info.first + info.count && err >= 0; i++)
		if (i % STRIDE != 0)
			err = (int)sys_slice_bind(slices, i, 1, p->env);
	return err;
}

int main(int argc, char **argv)
{
	unsigned long end;
	struct proc p;
	char *words[ARGUMENTS + 1], *word = argc > 1 ? argv[1] : NULL;
	int n = 0, status = 0, err;
	enum proc_state state;

	machine = start_slot("machine");
	for (word = word != NULL ? strtok(word, ":") : NULL; word != NULL && n < ARGUMENTS; word = strtok(NULL, ":"))
		words[n++] = word;
	words[n] = NULL;
	if (n == 0)
		return 2;
	if ((err = start(words[0], words, &p)) < 0 || (err = (int)sys_trace_set(machine, 1)) < 0) {
		printf("tracer: %s: %s\n", words[0], proc_strerror(err));
		return 1;
	}
	for (unsigned int h = 0; h < exposed_system()->nharts; h++)
		trace_reader_begin(&reader[h], exposed_trace(h, machine));
	end = time_now() + SECONDS * exposed_system()->timebase_hz;
	if ((err = proc_run(&p)) < 0) {
		printf("tracer: %s: %s\n", words[0], proc_strerror(err));
		return 1;
	}
	remember(p.id);
	while ((state = proc_state(&p, &status)) == PROC_RUNNING && time_now() < end && dropped == 0) {
		drain();
		sys_wait(EV_CHILD, deadline_us(1000));
	}
	sys_trace_set(machine, 0);
	drain();
	tell(state == PROC_RUNNING ? "running" : proc_state_name(state), status);
	return proc_end(&p) < 0;
}
