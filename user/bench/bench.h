/*
 * bench.h - between the files of the benchmark program
 *
 * A figure is the number of instructions between two reads of instret, less the one by which two reads next to each other differ. QEMU
 * with -icount shift=0 counts every instruction of kernel and program, ecall and sret too; a load or store that faults counts
 * once, when it is done. Each figure is taken RUNS times; what is reported is the median, and beside it minimum and maximum.
 *
 * Assembly includes this header too.
 */
#ifndef BENCH_H
#define BENCH_H

/* Numbers for assembly; bench.c ties them to exos/calls.h and exos/cap.h. */
#define NR_PCT_CALL	1
#define NR_PCT_REPLY	2
#define NR_YIELD	4
#define NR_EXIT		6
#define NR_PAGE_BIND	16
#define NR_PAGE_PROTECT	18
#define NR_PROT_R	1
#define NR_PROT_RW	3

/* The bench's own words in the u-area, behind whatever libexos may keep at U_LIB. */
#define U_KEEP		1536	/* registers that a handler saves */
#define U_CTX		1792	/* slot of the context */
#define U_AREA		1800	/* address of the first page of the area */
#define U_SLOTS		1808	/* slot of that page; the others follow */
#define U_OTHER		1816	/* appel1: the page to protect */
#define U_BACK		1824	/* stack pointer, and instret, across a yield */
#define UAREA_VA	0x3fe01000

#define AREA		0x3000000000	/* addresses that the library never uses: one leaf table, 512 pages */
#define AREA_PAGES	128
#define AREA_FREE	(AREA + 200 * 4096)	/* nothing is bound from here .. */
#define AREA_TABLE	(AREA + 511 * 4096)	/* .. to here, where the leaf table of the area itself can be read */
#define CHILD_CODE	0x10000		/* in the context of a child */

#define RUNS		201

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

#include "exos_calls.h"
#include "proc.h"
#include "vm.h"

/* ---- bench.c ---- */

struct series {
	uint64_t value[RUNS];
	unsigned int n;
};

/* One more value, as the difference of two reads of instret. More than RUNS are dropped. */
void series_add(struct series *s, uint64_t delta);
uint64_t series_median(struct series *s);

/* Report the median, divided by parts and rounded up, under a key of the table. An empty series is not reported. */
void report_series(const char *key, struct series *s, unsigned int parts);
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A step of the set-up that cannot fail on a sound system: says where and ends the program otherwise. Returns x. */
#define MUST(x) must((long)(x), #x, __FILE__, __LINE__)
long must(long result, const char *what, const char *file, int line);

static inline uint64_t instret(void)
{
	uint64_t n;

	__asm__ volatile("rdinstret %0" : "=r"(n) : : "memory");
	return n;
}

/* A call with its arguments in place: difference of instret around the ecall alone. */
static inline uint64_t call_cost(long number, long w1, long w2, long w3, long w4, long w5, long *result)
{
	register long a0 __asm__("a0") = number;
	register long a1 __asm__("a1") = w1;
	register long a2 __asm__("a2") = w2;
	register long a3 __asm__("a3") = w3;
	register long a4 __asm__("a4") = w4;
	register long a5 __asm__("a5") = w5;
	uint64_t from, to;

	__asm__ volatile("rdinstret %0\n\tecall\n\trdinstret %1"
			 : "=&r"(from), "=r"(to), "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5)
			 : : "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");
	*result = a0;
	return to - from;
}

/* Handle faults by one of the entries of paths.S instead of libexos; NULL: by libexos again. Nothing else may fault meanwhile. */
void handle_faults(const void *entry);

/* ---- area, in memory.c ---- */

/* AREA_PAGES pages of ours, bound one after the other from AREA on, readable and writable. */
extern unsigned int area_slots;
void area_open(void);
static inline volatile uint64_t *area_page(unsigned int i)
{
	return (volatile uint64_t *)(AREA + i * PAGE_SIZE);
}

void bench_memory(void);
void bench_control(void);
void bench_net(void);
void bench_ipc(void);
int bench_peer(const char *role);	/* the other side of bench_ipc(), in a program of its own */
void bench_self(struct spawn *s);	/* this program's file, to start it again */
void bench_revoke(void);
void bench_flight(void);
int bench_revoke_peer(const char *role);

/* ---- paths.S: each returns the difference of instret around its path ---- */

uint64_t path_nothing(void);
uint64_t path_break(void);
uint64_t path_store(volatile void *to);
uint64_t path_dirty(const volatile uint64_t *table, uint64_t va, uint64_t *dirty);
uint64_t path_stores(volatile void *const *to, unsigned long n);
uint64_t path_yield(unsigned int env);
/* A transfer to the environment and back: from our ecall to its first instruction, and to ours behind the call. */
struct pct_cost {
	uint64_t oneway, round;
} path_transfer(unsigned int env);
/* Read instret again and again until more than usual lies between two reads; returns how much more. 0: patience is over. */
uint64_t path_watch(unsigned long patience);

extern const char handler_skip[], handler_bind[], handler_unprotect[], handler_appel[];
extern const char resume_start[], resume_end[];
extern const char child_exit[], child_exit_end[], child_yield[], child_yield_end[];
extern const char child_serve[], child_serve_entry[], child_serve_end[];
#endif
#endif
