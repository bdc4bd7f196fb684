/*
 * machine.h - between the files of arch/riscv
 */
#ifndef ARCH_RISCV_MACHINE_H
#define ARCH_RISCV_MACHINE_H

#include "kern/arch.h"
#include "kern/machine.h"

#define LINK_BASE	0xffffffff80000000ul	/* virtual address of physical 0x80000000 in the image's own mapping */
#define LINK_OFFSET	0xffffffff00000000ul

extern ppn_t kernel_root_ppn;

void arch_early_console(uintptr_t uart);
void arch_machine_init(const struct machine *m);
/* What every hart sets up for itself; the first takes the interrupts of devices. */
void arch_hart_init(bool devices);
/* Start the other harts; each goes to arch_hart_main(). */
void arch_harts_start(void);
struct env *arch_hart_main(struct hart *h);
/* NAME+0xOFFSET of an address in the kernel's text. */
void ksym_print(uint64_t pc);

#endif
