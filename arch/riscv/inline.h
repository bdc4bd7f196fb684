/*
 * inline.h - the functions of kern/arch.h that are one instruction
 */
#ifndef ARCH_RISCV_INLINE_H
#define ARCH_RISCV_INLINE_H

#include "kern/arch.h"

static inline void arch_fence_page(vaddr_t va, asid_t asid)
{
	/* Orders the table writes before every later walk for va in asid, and forgets what was cached of it. */
	__asm__ volatile("sfence.vma %0, %1" :: "r"(va), "r"((uint64_t)asid) : "memory");
}

static inline void arch_fence_asid(asid_t asid)
{
	__asm__ volatile("sfence.vma zero, %0" :: "r"((uint64_t)asid) : "memory");
}

static inline ticks_t arch_time(void)
{
	ticks_t now;

	__asm__ volatile("rdtime %0" : "=r"(now) :: "memory");
	return now;
}

static inline struct hart *arch_hart(void)
{
	struct hart *h;

	__asm__("mv %0, tp" : "=r"(h));		/* once in a function: it never changes */
	return h;
}

#endif
