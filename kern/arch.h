/*
 * arch.h - the contract between the kernel and the machine under it
 *
 * arch/riscv/ implements it on the real machine, test/sim/ on the simulated one. Nothing else of the architecture is
 * visible in kern/, but the page-table format, which arch/riscv/sv39.h hides behind names.
 */
#ifndef KERN_ARCH_H
#define KERN_ARCH_H

#include "kern/lib.h"

struct env;
struct hart;

/* What is one instruction on the real machine comes inline from arch/riscv/inline.h. */
#ifdef EXOS_HOST
#define ARCH_INLINE
#else
#define ARCH_INLINE static inline
#endif

/* Direct map: every byte of memory at a fixed kernel address. */
#ifdef EXOS_HOST
void *arch_kva(paddr_t pa);
paddr_t arch_pa(const void *kva);
#else
#define DIRECT_MAP 0xffffffc000000000ul		/* + physical address; see arch/riscv/boot.c */
static inline void *arch_kva(paddr_t pa) { return (void *)(pa + DIRECT_MAP); }
static inline paddr_t arch_pa(const void *kva) { return (paddr_t)kva - DIRECT_MAP; }
#endif
static inline void *page_kva(ppn_t ppn) { return arch_kva((paddr_t)ppn << PAGE_SHIFT); }
static inline ppn_t kva_page(const void *kva) { return (ppn_t)(arch_pa(kva) >> PAGE_SHIFT); }

/*
 * Translations. Each fence returns when no hart can use the old translation; asid 0 belongs to contexts that never ran
 * (nothing to fence) unless the machine has no ASIDs. arch_context_set() makes a root table the current one, 0 the kernel's;
 * false: it was already.
 */
ARCH_INLINE void arch_fence_page(vaddr_t va, asid_t asid);
ARCH_INLINE void arch_fence_asid(asid_t asid);
void arch_fence_all(void);
bool arch_context_set(ppn_t root, asid_t asid);
uint64_t arch_satp(ppn_t root, asid_t asid);
extern unsigned arch_asid_bits;
/* Copy the kernel's half into a new root table. */
void arch_root_init(ppn_t root);

/* Time: the time CSR, and one timer per hart. Setting it in the past interrupts at once; ~0 is never. */
ARCH_INLINE ticks_t arch_time(void);
void arch_timer_set(ticks_t at);

/* Floating point: registers belong to at most one environment; saved only when dirty. Called at every switch. */
void arch_fp_switch(struct hart *h, struct env *from, struct env *to);
/* An illegal instruction: true when it was one of the unit, which a short road left off though e, which runs, has it; now it is on. */
bool arch_fp_wake(struct hart *h, struct env *e);
/* The environment's registers start as zeros (again), or it loses them. */
void arch_fp_reset(struct hart *h, struct env *e);

/* Devices. mmio addresses are physical. */
uint32_t mmio_read32(uintptr_t pa);
void mmio_write32(uintptr_t pa, uint32_t value);
#ifdef EXOS_HOST
#define dma_wmb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dma_rmb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dma_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#else
#define dma_wmb() __asm__ volatile("fence w, w" ::: "memory")
#define dma_rmb() __asm__ volatile("fence r, r" ::: "memory")
#define dma_mb()  __asm__ volatile("fence rw, rw" ::: "memory")
#endif

bool arch_console_ready(void);			/* takes a byte now, or after a very short wait */
void arch_console_putc(char c);			/* waits longer, for the kernel's own messages */
int arch_console_getc(void);			/* -1: nothing there */
bool arch_report(const char *buf, size_t n);	/* false: no such channel */
_Noreturn void arch_poweroff(unsigned code);

#define CAUSE_ILLEGAL	2
/* Several harts. What another hart may have cached of an ASID: one address, or all with bytes ~0. Harts by their index. */
void arch_fence_remote(uint32_t hart_mask, vaddr_t va, uint64_t bytes, asid_t asid);
void arch_fence_all_remote(uint32_t hart_mask);
void arch_ipi(const struct hart *h);
/*
 * Wait a moment for another hart: at first only that, with `turns` counting; then asleep for some microseconds each time, so that a
 * machine that is emulated gives the processor to the one we wait for.
 */
void arch_relax(unsigned *turns);

/* Causes of interrupts, as trap_interrupt() gets them. */
#define IRQ_SOFTWARE	1
#define IRQ_TIMER	5
#define IRQ_EXTERNAL	9

/* Pending external interrupt of this hart, 0 none; every claim is completed. */
unsigned arch_irq_claim(void);
void arch_irq_complete(unsigned irq);
/* A device that cannot be silenced is not heard any more. */
void arch_irq_disable(unsigned irq);

/* Wait until an interrupt is pending. Returns false when this machine does not wait (the simulated one). */
bool arch_idle(void);

/* From now on this hart enters the kernel by trap_traced, or by trap_entry again. */
void arch_trace(bool on);

/* The hart that executes this. */
ARCH_INLINE struct hart *arch_hart(void);

#ifndef EXOS_HOST
#include "arch/riscv/inline.h"
#endif

#endif
