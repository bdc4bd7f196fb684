/*
 * switch.S - calls after which the kernel may remember nothing of us but where we stood
 *
 * Each stub keeps what the rules of C let a caller rely on (ra, tp, s0..s11) on the stack, and the stack pointer in the u-area, and
 * takes it from there behind the ecall, whichever way it came back. Upcalls that make such calls themselves keep that word for
 * the program that they interrupted (dispatch.c), and so does the protected entry (pct.S).
 */
#include <exos/uarea.h>

#include "frame.h"
#include "start.h"

	.text
	.macro	keep
	addi	sp, sp, -112
	sd	ra, 0(sp)
	sd	tp, 8(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	sd	s\n, 16+8*\n(sp)
	.endr
	li	t0, LAYOUT_UAREA
	sd	sp, U_SWITCH_SP(t0)
	.endm

	.macro	back
	li	t0, LAYOUT_UAREA
	ld	sp, U_SWITCH_SP(t0)
	ld	ra, 0(sp)
	ld	tp, 8(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	ld	s\n, 16+8*\n(sp)
	.endr
	addi	sp, sp, 112
	.endm

/* long sys_yield(unsigned long env) */
	.globl	sys_yield
sys_yield:
	keep
	mv	a1, a0
	li	a0, NUMBER_YIELD
	ecall
	back
	ret

/* long sys_wait(unsigned long mask, unsigned long deadline) */
	.globl	sys_wait
sys_wait:
	keep
	mv	a2, a1
	mv	a1, a0
	li	a0, NUMBER_WAIT
	ecall
	back
	ret

/*
 * long pct_call(unsigned long env, unsigned long deadline, struct pct_message *m)
 * a3..a7 go out from m->w[2..6]; a1..a7 come back to m->w[0..6]. What else is in the registers is ours: only the callee's side of the
 * message and zeros leave here.
 */
	.globl	pct_call
pct_call:
	keep
	addi	sp, sp, -16
	sd	a2, 0(sp)
	li	t0, LAYOUT_UAREA
	sd	sp, U_SWITCH_SP(t0)
	mv	t1, a2
	mv	a2, a1
	mv	a1, a0
	ld	a3, 16(t1)
	ld	a4, 24(t1)
	ld	a5, 32(t1)
	ld	a6, 40(t1)
	ld	a7, 48(t1)
	.irp	r, ra, tp, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t0, t1, t2, t3, t4, t5, t6, sp
	li	\r, 0
	.endr
	li	a0, NUMBER_PCT_CALL
	ecall
	li	t0, LAYOUT_UAREA
	ld	sp, U_SWITCH_SP(t0)
	bnez	a0, 1f
	ld	t1, 0(sp)
	.irp	n, 1,2,3,4,5,6,7
	sd	a\n, 8*(\n-1)(t1)
	.endr
1:	addi	sp, sp, 16
	sd	sp, U_SWITCH_SP(t0)
	back
	ret

/* long pct_send(unsigned long env, const struct pct_message *m): a2..a7 from m->w[1..6] */
	.globl	pct_send
pct_send:
	keep
	mv	t1, a1
	mv	a1, a0
	ld	a2, 8(t1)
	ld	a3, 16(t1)
	ld	a4, 24(t1)
	ld	a5, 32(t1)
	ld	a6, 40(t1)
	ld	a7, 48(t1)
	.irp	r, ra, tp, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t0, t1, t2, t3, t4, t5, t6, sp
	li	\r, 0
	.endr
	li	a0, NUMBER_PCT_SEND
	ecall
	back
	ret

/*
 * The protected entry: gp = u-area, a0 = who called, a2..a7 = message; nothing else can be believed. It runs on a stack of its own,
 * for whatever the program was doing it is still in the middle of. The word of the stubs above is kept meanwhile.
 */
	.globl	pct_entry
	.balign	4
pct_entry:
	la	sp, pct_stack_end - 80
	la	tp, __tls_base
	li	s0, 0
	ld	t0, U_SWITCH_SP(gp)
	sd	t0, 72(sp)
	.irp	n, 1,2,3,4,5,6,7
	sd	a\n, 8*(\n-1)(sp)
	.endr
	sd	zero, 0(sp)		/* a1 held the caller's slot */
	mv	a1, sp
	call	pct_dispatch
	li	t0, LAYOUT_UAREA
	ld	t1, 72(sp)
	sd	t1, U_SWITCH_SP(t0)
	.irp	n, 1,2,3,4,5,6,7
	ld	a\n, 8*(\n-1)(sp)
	.endr
	.irp	r, ra, tp, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t0, t1, t2, t3, t4, t5, t6, sp
	li	\r, 0
	.endr
	li	a0, NUMBER_PCT_REPLY
	ecall
	/* It does not come back, but when we were in no entry: somebody jumped here. */
	ebreak

	.section .bss
	.balign	16
	.space	PCT_STACK_BYTES
pct_stack_end:
