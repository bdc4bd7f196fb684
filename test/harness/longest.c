/*
 * longest.c - a plugin for the emulator: the longest stays in the kernel, in instructions, by what they were for
 *
 * A stay begins at trap_entry and ends with sret, or with the wfi of a hart that idles; interrupts are off meanwhile. It is named
 * after the first function that it reaches of those which the file of symbols lists. What the firmware executes for it is counted
 * apart, and so is what is executed in functions that wait for another hart.
 *
 * -plugin longest.so,symbols=FILE,out=FILE. Lines of symbols: "entry ADDRESS", "name ADDRESS NAME", "wait ADDRESS END", "idle ADDRESS
 * END". Lines of out: "NAME STAYS LONGEST FIRMWARE WAIT", each the most. The header of the interface is not packaged; what is used of it is declared here.
 *
 * A program may mark a part of its run: slti zero, zero, 1 begins it, slti zero, zero, 2 ends it, instructions that do nothing. For each part
 * there is a line "(marked) PROGRAM KERNEL FIRMWARE", before the others: what was executed meanwhile, on all harts, in programs, in
 * the kernel and in the firmware.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int, void *), int, void *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned int, void *), int, void *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
EXPORT int qemu_plugin_install(plugin_id, const void *, int, char **);

#define HARTS	8
#define NAMES	96
#define WAITS	8
#define SRET	0x10200073u
#define WFI	0x10500073u
#define MARK(n)	(0x00002013u | (n) << 20)
#define MARKS	1024

static struct name {
	uint64_t address;
	char text[32];
	uint64_t stays[HARTS], longest[HARTS], firmware[HARTS], wait[HARTS];
} name[NAMES] = { { .text = "other" } };
static unsigned int names = 1;
static uint64_t entry, wait_from[WAITS], wait_end[WAITS], idle_from, idle_end;
static unsigned int waits;
static const char *out;

static struct stay {
	bool in;
	struct name *name;
	uint64_t n, firmware, waited;
} stay[HARTS];

/* What was executed since the beginning, and at the marks. */
static struct sum {
	uint64_t program, kernel, firmware;
} sum, marked_since, marked[MARKS];
static unsigned int nmarked;

/* A block of instructions that are executed one after the other. */
struct block {
	uint32_t n;
	bool begins, ends, idles, waits, firmware;
	struct name *name;
};

static void finish(struct stay *s, unsigned int hart)
{
	struct name *m = s->name;

	m->stays[hart]++;
	m->longest[hart] = s->n > m->longest[hart] ? s->n : m->longest[hart];
	m->firmware[hart] = s->firmware > m->firmware[hart] ? s->firmware : m->firmware[hart];
	m->wait[hart] = s->waited > m->wait[hart] ? s->waited : m->wait[hart];
	*s = (struct stay){ .name = name };
}

static void executed(unsigned int hart, void *data)
{
	const struct block *b = data;
	struct stay *s = &stay[hart % HARTS];

	if (b->begins)
		*s = (struct stay){ .in = true, .name = name };
	*(!s->in ? &sum.program : b->firmware ? &sum.firmware : &sum.kernel) += b->n;
	if (!s->in)
		return;
	*(b->firmware ? &s->firmware : b->waits ? &s->waited : &s->n) += b->n;
	if (b->name != NULL && s->name == name)
		s->name = b->name;
	if (b->ends || b->idles)
		finish(s, hart % HARTS);
	if (b->idles)
		s->in = true;		/* what follows the wfi is the next one */
}

/* The marks lie in blocks that are counted as a whole: a few instructions more or less of the program. */
static void mark_begin(unsigned int hart, void *data)
{
	(void)hart, (void)data;
	marked_since = sum;
}

static void mark_end(unsigned int hart, void *data)
{
	(void)hart, (void)data;
	if (nmarked < MARKS)
		marked[nmarked++] = (struct sum){ .program = sum.program - marked_since.program, .kernel = sum.kernel - marked_since.kernel,
						  .firmware = sum.firmware - marked_since.firmware };
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b = calloc(1, sizeof(*b));
	uint64_t first;

	(void)id;
	if (b == NULL || n == 0)
		return;
	first = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	b->n = (uint32_t)n;
	b->begins = first == entry;
	b->firmware = first >> 63 == 0;
	for (unsigned int i = 1; i < names; i++)
		if (name[i].address == first)
			b->name = &name[i];
	for (unsigned int i = 0; i < waits; i++)
		b->waits |= first >= wait_from[i] && first < wait_end[i];
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t word = 0;

		if (qemu_plugin_insn_size(insn) == 4)
			memcpy(&word, qemu_plugin_insn_data(insn), 4);
		b->ends |= word == SRET && first >> 63;
		if (word == MARK(1u) || word == MARK(2u))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, word == MARK(1u) ? mark_begin : mark_end, 0, NULL);
		b->idles |= word == WFI && first >= idle_from && first < idle_end;
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, b);
}

static void tell(plugin_id id, void *data)
{
	FILE *f = fopen(out, "w");

	(void)id, (void)data;
	for (unsigned int i = 0; f != NULL && i < nmarked; i++)
		fprintf(f, "(marked) %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", marked[i].program, marked[i].kernel, marked[i].firmware);
	for (unsigned int i = 0; f != NULL && i < names; i++) {
		uint64_t stays = 0, longest = 0, firmware = 0, wait = 0;

		for (unsigned int h = 0; h < HARTS; h++) {
			stays += name[i].stays[h];
			longest = name[i].longest[h] > longest ? name[i].longest[h] : longest;
			firmware = name[i].firmware[h] > firmware ? name[i].firmware[h] : firmware;
			wait = name[i].wait[h] > wait ? name[i].wait[h] : wait;
		}
		if (stays > 0)
			fprintf(f, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name[i].text, stays, longest, firmware, wait);
	}
	if (f != NULL)
		fclose(f);
}

static bool read_symbols(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[128], text[32];
	uint64_t a, b;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "name %" SCNx64 " %31s", &a, text) == 2 && names < NAMES) {
			name[names].address = a;
			memcpy(name[names++].text, text, sizeof(text));
		} else if (sscanf(line, "wait %" SCNx64 " %" SCNx64, &a, &b) == 2 && waits < WAITS) {
			wait_from[waits] = a;
			wait_end[waits++] = b;
		} else if (sscanf(line, "idle %" SCNx64 " %" SCNx64, &a, &b) == 2) {
			idle_from = a;
			idle_end = b;
		} else {
			sscanf(line, "entry %" SCNx64, &entry);
		}
	if (f != NULL)
		fclose(f);
	return entry != 0;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	const char *symbols = NULL;

	(void)info;
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "out=", 4) == 0)
			out = strdup(argv[i] + 4);
		else if (strncmp(argv[i], "symbols=", 8) == 0)
			symbols = argv[i] + 8;
	if (out == NULL || symbols == NULL || !read_symbols(symbols))
		return 1;
	for (unsigned int h = 0; h < HARTS; h++)
		stay[h].name = name;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, tell, NULL);
	return 0;
}
