/*
 * check.h - what guest tests share: checks, a verdict, programs beside them
 *
 * A test is started by init with every root capability (init/trial.c) and says by its exit status how it went: 0 pass, 1 fail, 77
 * skip. Each failed check is a line on the console. A test that needs a second program starts itself again: main() looks at its
 * first argument (see child()).
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpio.h"
#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "proc.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define SKIPPED 77

static int checks, failures;

__attribute__((unused)) static bool check(bool ok, const char *what, const char *file, int line)
{
	checks++;
	if (!ok && ++failures <= 20)
		printf("FAILED %s:%d: %s\n", file, line, what);
	return ok;
}

/* A condition that must hold. */
#define CHECK(x) check((x), #x, __FILE__, __LINE__)

__attribute__((unused)) static bool check_is(long got, long want, const char *what, const char *file, int line)
{
	checks++;
	if (got == want)
		return true;
	if (++failures <= 20)
		printf("FAILED %s:%d: %s is %ld (%s), expected %ld (%s)\n", file, line, what, got,
		       got < 0 ? exos_errname(got) : "no error", want, want < 0 ? exos_errname(want) : "no error");
	return false;
}

/* A result that must be exactly this. */
#define CHECK_IS(x, want) check_is((long)(x), (long)(want), #x, __FILE__, __LINE__)

/* A set-up step without which the test makes no sense. */
#define MUST(x) do { \
		long must_result = (long)(x); \
		if (must_result < 0) { \
			printf("FAILED %s:%d: %s: %s\n", __FILE__, __LINE__, #x, proc_strerror((int)must_result)); \
			exit(1); \
		} \
	} while (0)

/* Result of main(). */
__attribute__((unused)) static int verdict(void)
{
	printf("%d checks, %d failed\n", checks, failures);
	return failures == 0 ? 0 : 1;
}

__attribute__((unused)) static int skip(const char *why)
{
	printf("skipped: %s\n", why);
	return SKIPPED;
}

/* Pages charged to this environment, and frames that are free in the machine. */
__attribute__((unused)) static uint32_t pages_held(void)
{
	return exposed_env_of(self_env())->held;
}

__attribute__((unused)) static uint32_t frames_free(void)
{
	return exposed_system()->free_frames;
}

/* The boot archive. */
__attribute__((unused)) static const void *test_archive(size_t *len)
{
	const size_t large = 512 * PAGE_SIZE;
	const struct start_grant *g = start_grant("archive");
	static char *at;

	if (g == NULL)
		return NULL;
	*len = g->value;
	if (at == NULL) {
		at = vm_reserve(g->count * large, large);
		for (uint32_t i = 0; at != NULL && i < g->count; i++)
			MUST(vm_superpage(g->slot + i, at + i * large, PROT_R));
	}
	return at;
}

/* A fresh page, bound somewhere; its slot. */
__attribute__((unused)) static unsigned int test_page(void **va, unsigned int prot)
{
	long slot = page_new();

	MUST(slot);
	*va = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_page((unsigned int)slot, *va, prot));
	return (unsigned int)slot;
}

/* A number that is hard to foresee and the same in every run. */
__attribute__((unused)) static uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* The time until which what must come is awaited: the host of the emulator may be busy, and a hart stand still for a while. */
#define PATIENCE deadline_us(20000000)

/* Wait in steps of a millisecond until cond holds, but no longer than that. */
#define AWAIT(cond) do { \
		unsigned long await_end = PATIENCE; \
		while (!(cond) && time_now() < await_end) \
			sys_wait(0, deadline_us(1000)); \
	} while (0)

struct child {
	const char *name;		/* file in tests/ */
	const char *role;		/* its first argument */
	unsigned long pages;
	unsigned int first, count;	/* slices: the test has numbers 2..63 and gives some of them up; count 0: none yet */
	const struct proc_grant *grants;
	unsigned int ngrants;
	bool stopped;
	unsigned int hart;		/* whose slices: modulo the number of harts; those of harts but 0 are all free */
};

/* The SLICE capability of a hart. */
__attribute__((unused)) static unsigned int slices_of(unsigned int hart)
{
	char name[20];

	snprintf(name, sizeof(name), "slices%u", hart % exposed_system()->nharts);
	return start_slot(hart % exposed_system()->nharts == 0 ? "slices" : name);
}

/* Start a program beside the test. The console is given to it too. */
__attribute__((unused)) static int child(const struct child *c, struct proc *p)
{
	const char *argv[] = { c->name, c->role, NULL };
	struct proc_grant grants[12] = { { .name = "console", .slot = start_slot("console"), .rights = RIGHT_USE } };
	struct spawn s = {
		.argv = argv, .guarantee = c->pages != 0 ? c->pages : 256, .grants = grants, .ngrants = 1,
		.slices = slices_of(c->hart), .first = c->first, .count = c->count, .stopped = c->stopped,
	};
	struct cpio_entry e;
	char file[64];
	const void *a;
	size_t len;

	if (c->count == 0)
		s.slices = 0;
	for (unsigned int i = 0; i < c->ngrants; i++)
		grants[s.ngrants++] = c->grants[i];
	a = test_archive(&len);
	snprintf(file, sizeof(file), "tests/%s", c->name);
	if (a == NULL || cpio_find(a, len, file, &e) != 1) {
		printf("FAILED: there is no %s in the archive\n", file);
		exit(1);
	}
	s.elf = e.data;
	s.elf_bytes = e.size;
	return proc_spawn(&s, p);
}

/* Run bin/NAME beside the test with time and memory; its result is the test's. */
__attribute__((unused)) static int demonstration(const char *name)
{
	const char *argv[] = { name, NULL };
	struct proc_grant grants[] = { { .name = "console", .slot = start_slot("console"), .rights = RIGHT_USE } };
	struct spawn s = { .argv = argv, .guarantee = 1024, .grants = grants, .ngrants = 1, .slices = start_slot("slices"), .count = 32 };
	struct cpio_entry e;
	struct proc p;
	char file[64];
	size_t len;
	const void *a = test_archive(&len);
	uint32_t free_before;
	int status = -1;

	snprintf(file, sizeof(file), "bin/%s", name);
	if (a == NULL || cpio_find(a, len, file, &e) != 1) {
		printf("FAILED: there is no %s in the archive\n", file);
		return 1;
	}
	s.elf = e.data;
	s.elf_bytes = e.size;
	free_before = frames_free();
	MUST(proc_spawn(&s, &p));
	CHECK_IS(proc_wait(&p, deadline_us(90000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	CHECK(free_before - frames_free() <= 8);	/* nothing of it is left but a page of slots, or a table */
	return verdict();
}

/* ---- faults that a test expects ---- */

static volatile struct {
	uint64_t cause, tval, pc, count;
} last_fault;

/* Remember the fault and go on behind the instruction; after a jump to nowhere, behind the call. */
__attribute__((unused)) static bool skip_fault(struct upcall_frame *f)
{
	bool fetch = f->cause == 12 || f->cause == 1 || f->cause == 0;

	last_fault.cause = f->cause;
	last_fault.tval = f->tval;
	last_fault.pc = f->frame_pc;
	last_fault.count++;
	if (fetch)
		f->frame_pc = f->x[1];
	else
		f->frame_pc += (*(const uint16_t *)f->frame_pc & 3) == 3 ? 4 : 2;
	return true;
}

/* Cause of the fault that a load, a store, a call raises; -1: none. Overwrites one byte with itself, if it can. */
__attribute__((unused, noinline)) static long fault_of_load(unsigned long va)
{
	uint64_t before = last_fault.count;
	unsigned char byte;

	upcall_set_fault_handler(skip_fault);
	__asm__ volatile("lbu %0, 0(%1)" : "=r"(byte) : "r"(va) : "memory");
	return last_fault.count == before ? -1 : (long)last_fault.cause;
}

__attribute__((unused, noinline)) static long fault_of_store(unsigned long va)
{
	uint64_t before = last_fault.count;

	upcall_set_fault_handler(skip_fault);
	__asm__ volatile("sb zero, 0(%0)" : : "r"(va) : "memory");
	return last_fault.count == before ? -1 : (long)last_fault.cause;
}

__attribute__((unused, noinline)) static long fault_of_jump(unsigned long va)
{
	uint64_t before = last_fault.count;

	upcall_set_fault_handler(skip_fault);
	__asm__ volatile("jalr ra, 0(%0)" : : "r"(va) : "ra", "memory");
	return last_fault.count == before ? -1 : (long)last_fault.cause;
}

/* ---- data ---- */

/* FNV-1a over memory: equal before and after, if nobody wrote. */
__attribute__((unused)) static uint64_t hash(const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = 0xcbf29ce484222325ull;

	while (n-- > 0)
		h = (h ^ *b++) * 0x100000001b3ull;
	return h;
}

#endif
