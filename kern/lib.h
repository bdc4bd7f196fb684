/*
 * lib.h - the few things every file of the kernel needs: number types, assertions, printing, memory
 */
#ifndef KERN_LIB_H
#define KERN_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exos/err.h"

typedef uint64_t paddr_t;	/* physical address, bytes */
typedef uint64_t vaddr_t;	/* checked virtual address, bytes */
typedef uint64_t uva_t;		/* address that a user merely claims */
typedef uint32_t ppn_t;		/* physical page number; 0 is never memory here and means none */
typedef uint16_t asid_t;
typedef uint64_t ticks_t;	/* of the time CSR */

#define PAGE_SIZE	4096ul
#define PAGE_SHIFT	12

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define noinline	__attribute__((noinline))
static inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t excess(uint32_t a, uint32_t b) { return a > b ? a - b : 0; }
/* A variable that is no state: a cache, a measurement. A test that looks whether a refusal left a trace passes over it. */
#ifdef EXOS_HOST
#define scratch		__attribute__((section(".scratch")))
#else
#define scratch
#endif

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* What we promise ourselves; never a test of what a program, packet or device may pass. Stays in release builds. */
#define KASSERT(cond) \
	do { if (unlikely(!(cond))) panic(__FILE__, __LINE__, "assertion failed: " #cond, 0, 0); } while (0)

/* Stop the machine: where, what, and two values involved. */
_Noreturn void panic(const char *file, int line, const char *what, uint64_t a, uint64_t b);

/* Console output for boot and panic only: %s %d %u %x %lu %lx. */
void kprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);

#endif
