/*
 * offsets.h - what entry.S knows of the kernel's structures; machine.c ties each to its offsetof
 */
#ifndef ARCH_RISCV_OFFSETS_H
#define ARCH_RISCV_OFFSETS_H

#define E_X(n)		(8 * (n))	/* struct env: register n; 0: pc */
#define E_HART		256
#define E_UAREA		264
#define E_UAREA_VA	272
#define E_HANDLER_FAULT	280

#define H_STACK		0		/* struct hart */
#define H_CURRENT	8
#define H_FRAME_SAVED	16

#define CAUSE_ECALL_U	8
#define CALLS		41		/* system calls; those below TRANSFERS_END but null are transfers */
#define TRANSFERS_END	4

#endif
