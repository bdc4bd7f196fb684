/*
 * init.h - the first program: who gets what
 */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc.h"

#define SERVICE_FLOWS 4

enum {
	GIVE_CONSOLE = 1,
	GIVE_NETPAGE = 2,	/* to read */
	GIVE_NETPAGE_RW = 4,	/* to write */
	GIVE_ARCHIVE = 8,
	GIVE_SLICES = 16,	/* slices to share out among its children */
	NEEDS_NIC = 32,		/* not started when there is no network device */
	GIVE_CONTROL = 64,	/* over the programs started before it, as "env.NAME" */
	GIVE_MACHINE = 256,	/* to switch it off, to report, and to see what everybody does (trace) */
	MAY_BORROW = 512,	/* pages that others are promised, and it may let its children */
	ENDS_MACHINE = 128,	/* when it exits, the machine is switched off with its status */
};

/* One line of the table (table.c). */
struct service {
	const char *file;			/* in the boot archive */
	unsigned int pages;			/* guarantee; 0: a half of what is left */
	unsigned int slices;			/* promised: of the 64 .. */
	unsigned int hart;			/* .. of this hart, modulo their number */
	unsigned int gives;
	const char *flows[SERVICE_FLOWS];	/* grants: flow.arp, flow.icmp, flow.dhcp, flow.tcpN, flow.udpN */
};

extern const struct service services[];
extern const unsigned int nservices;
extern const unsigned int borrowable_part;

/* Pages that init may still give away. */
unsigned int free_guarantee(void);

/* ---- slices.c: which of the 64 slices of each hart are whose ---- */

#define SLICES_KEPT	2	/* init's own, on hart 0 */
#define SLICES_SHELL	16	/* a run at the end of the vector of hart 0, for GIVE_SLICES */
#define FILTERS_SHELL	12	/* places in the packet classifier that go with them, for its children */

/* Bind n slices, spread evenly over the vector of a hart, to a program. Returns 0 or a negative E_* code. */
int slices_give(struct proc *p, unsigned int hart, unsigned int n);

/* From now on init itself runs in its own slices only. */
int slices_begin(void);

/* ---- archive.c ---- */

/* The boot archive, mapped. Returns NULL when there is none. */
const void *archive(size_t *len);

/* Spawn a file of the archive; s->elf is filled in. Says on the console what went wrong. Returns 0 or a negative number. */
int archive_spawn(const char *file, struct spawn *s, struct proc *p);

/* ---- report.c: lines for whoever started the machine ---- */

void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void power_off(int status) __attribute__((noreturn));

/* ---- the two lives ---- */

/* init.c: the services, for ever. trial.c: one guest test, the benchmarks or the tracer, and off. */
void run_trial(const char *file, const char *name, const char *argument) __attribute__((noreturn));

#endif
