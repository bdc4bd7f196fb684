/*
 * csr.h - control and status registers. Privileged ISA 1.12; stimecmp from the Sstc extension, by number for old assemblers.
 */
#ifndef ARCH_RISCV_CSR_H
#define ARCH_RISCV_CSR_H

#include <stdint.h>

#define csr_read(name) \
	({ uint64_t csr_v; __asm__ volatile("csrr %0, " #name : "=r"(csr_v) :: "memory"); csr_v; })
#define csr_write(name, value) \
	__asm__ volatile("csrw " #name ", %0" :: "rK"((uint64_t)(value)) : "memory")
#define csr_set(name, bits) \
	__asm__ volatile("csrs " #name ", %0" :: "rK"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits) \
	__asm__ volatile("csrc " #name ", %0" :: "rK"((uint64_t)(bits)) : "memory")

#define CSR_STIMECMP	0x14d

#define SSTATUS_SPP	(1ul << 8)
#define SSTATUS_FS	(3ul << 13)
#define FS_OFF		(0ul << 13)
#define FS_CLEAN	(2ul << 13)
#define FS_DIRTY	(3ul << 13)

#define SIE_SOFTWARE	(1ul << 1)
#define SIE_TIMER	(1ul << 5)
#define SIE_EXTERNAL	(1ul << 9)
#define SATP_SV39	(8ul << 60)
#define SATP_ASID_SHIFT	44
#define CAUSE_INTERRUPT	(1ul << 63)

/* Supervisor Binary Interface 1.0: chapter 3 (calling convention), 6 (TIME), 7 (IPI), 8 (RFENCE), 9 (HSM). */
#define SBI_TIME	0x54494d45ul
#define SBI_IPI		0x735049ul
#define SBI_RFENCE	0x52464e43ul
#define SBI_HSM		0x48534dul
static inline long sbi_call(unsigned long extension, unsigned long function, unsigned long arg, unsigned long arg1, unsigned long arg2,
			    unsigned long arg3, unsigned long arg4)
{
	register unsigned long a0 __asm__("a0") = arg;
	register unsigned long a1 __asm__("a1") = arg1;
	register unsigned long a2 __asm__("a2") = arg2;
	register unsigned long a3 __asm__("a3") = arg3;
	register unsigned long a4 __asm__("a4") = arg4;
	register unsigned long a6 __asm__("a6") = function;
	register unsigned long a7 __asm__("a7") = extension;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
	return (long)a0;
}

#endif
