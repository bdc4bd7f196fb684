/*
 * entry.S - every way into the kernel and out of it
 *
 * While an environment runs, sscratch holds the address of its record; in the kernel it is 0. The record begins with the
 * registers: x[n] at byte 8*n, and the pc in the place of x0. The kernel runs with SIE = 0 throughout: an interrupt waits until
 * the next instruction of a user. gp is the user's at all times: the kernel is linked without it.
 *
 * Length of the short roads, from the first instruction here to sret (make bench shows them with the user's part):
 *	null call		15
 *	exception to handler	38
 *	transfer, its answer	56, 51
 *	yield to somebody	117
 *	any call		27 + its C code + 16
 *
 * What a call leaves in t0-t6 and a1-a7: t2-t6 are still the user's, for the kernel's C code is compiled without them
 * (registers.py holds it to that); the others are cleared.
 */
#include "arch/riscv/offsets.h"
#include "exos/uarea.h"

	.section .text.entry, "ax"

/*
 * trap_entry - stvec points here
 *              on entry                on the way
 *   a0         user's                  self, the running environment; 0: the trap came from the kernel
 *   sscratch   self                    user's a0
 *   t0         user's                  in x[5] of self, free
 */
	.globl	trap_entry
	.balign	4
trap_entry:
	csrrw	a0, sscratch, a0
	beqz	a0, trap_kernel
	sd	t0, E_X(5)(a0)
	csrr	t0, scause
	addi	t0, t0, -CAUSE_ECALL_U
	bnez	t0, trap_not_call

	/* A system call: from here on t0, t1 and a7 are lost, as the convention says. */
	csrr	t0, sscratch		/* its number, for the user's a0 held it */
	bnez	t0, call
	/* null: number 0 */
	csrr	t0, sepc
	addi	t0, t0, 4
	csrw	sepc, t0
	csrw	sscratch, a0
	li	a0, 0
	li	t0, 0
	sret

/*
 * call - a call with a number other than 0
 *              on entry                in the C function
 *   a0         self                    self: first argument
 *   a1..a6     user's arguments        the same: arguments two to seven, untouched
 *   t0         number                  number (call_full wants it)
 *   s0..s11    user's                  user's: kept by the rules of C
 *   ra, sp, tp user's                  return address, this hart's stack, struct hart
 */
call:
#ifdef EXOS_DEBUG			/* the audit follows every call */
	li	t1, TRANSFERS_END
	bltu	t0, t1, transfer
#else
	li	t1, FAST_END
	bltu	t0, t1, fast
call_long:
#endif
	li	t1, CALLS
	bgeu	t0, t1, call_unknown
	csrr	t1, sepc
	addi	t1, t1, 4
	csrw	sepc, t1		/* stays there: no trap comes while we are in the kernel */
	slli	a7, t0, 3
	lla	t1, call_entry
	add	t1, t1, a7
	ld	t1, 0(t1)
	sd	ra, E_X(1)(a0)
	sd	sp, E_X(2)(a0)
	sd	tp, E_X(4)(a0)
	ld	tp, E_HART(a0)
	ld	sp, H_STACK(tp)
	csrw	sscratch, zero
	jalr	t1
call_done:
	/* Back from a call that never gives the processor away: the same environment goes on, with a0 as result. */
	ld	t1, H_CURRENT(tp)
	csrw	sscratch, t1
	ld	ra, E_X(1)(t1)
	ld	sp, E_X(2)(t1)
	ld	tp, E_X(4)(t1)
	.irp	r, t0, t1, t2, a1, a2, a3, a4, a5, a6, a7
	li	\r, 0			/* no value of the kernel's leaves it */
	.endr
	sret

call_unknown:
	csrr	t0, sepc
	addi	t0, t0, 4
	csrw	sepc, t0
	csrw	sscratch, a0
	li	a0, -2			/* -E_NOCALL */
	li	t0, 0
	li	t1, 0
	sret

/*
 * call_locked - what call_entry[] names for all other calls when there are several harts: take a ticket, wait for it, make the call.
 * kern/lock.c says the same in C.
 *   a0..a6, t0, sp, tp, ra as in `call`; a7, t1 free
 */
	.globl	call_locked
call_locked:
	addi	sp, sp, -16
	sd	ra, 8(sp)
	li	a7, 1
	/*
	 * harts_gather() takes waits = 1 for the end of every short road of this hart: what they read and wrote comes before it. Neither mret nor
	 * ecall orders accesses, and without this fence no rule of RVWMO (Unprivileged ISA, 17.1, "Preserved Program Order") does.
	 */
	fence	rw, w
	sw	a7, H_WAITS(tp)
	lla	t1, kernel_lock
	amoadd.w.aqrl ra, a7, (t1)	/* next; release: we wait, before we are in the queue; acquire: before we look whose turn it is */
	lw	a7, 4(t1)		/* serving */
	bne	a7, ra, lock_queue
lock_mine:
	fence	r, rw
	sw	zero, H_WAITS(tp)
	slli	a7, t0, 3
	lla	t1, call_direct
	add	t1, t1, a7
	ld	t1, 0(t1)
	jalr	t1
	lla	t1, kernel_lock
	lw	a7, 4(t1)
	addi	a7, a7, 1
	fence	rw, w
	sw	a7, 4(t1)
	ld	ra, 8(sp)
	addi	sp, sp, 16
	ret
lock_queue:				/* not our turn yet: ra is our ticket */
	addi	sp, sp, -64
	.irp	n, 0, 1, 2, 3, 4, 5, 6
	sd	a\n, 8*\n(sp)
	.endr
	sd	t0, 56(sp)
	mv	a0, ra
	call	lock_wait
	.irp	n, 0, 1, 2, 3, 4, 5, 6
	ld	a\n, 8*\n(sp)
	.endr
	ld	t0, 56(sp)
	addi	sp, sp, 64
	j	lock_mine

/*
 * call_delete - what call_entry[] names for cap_delete: most often a page goes, nobody else will run, and page_delete() does it all.
 * call_delete_locked - the same with several harts, where call_direct[] leads from call_locked to page_delete().
 *   a0, a1, t0, sp, tp as in `call`
 */
	.globl	call_delete, call_delete_locked
call_delete_locked:
	sd	a1, E_X(11)(a0)
	call	call_locked
	j	1f
call_delete:
	sd	a1, E_X(11)(a0)
	call	page_delete
1:	mv	a1, a0
	li	a0, 0
	bnez	a1, call_done
	ld	a0, H_CURRENT(tp)
	ld	a1, E_X(11)(a0)
	li	t0, CALL_DELETE
	/* fall through */

/*
 * call_full - what call_entry[] names for calls after which somebody else may run: the caller is saved as after a function
 * call, then syscall_full() in kern/syscall.c decides.
 *   a0..a6, t0, sp, tp as in `call`
 */
	.globl	call_full
call_full:
	.irp	n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	sd	x\n, E_X(\n)(a0)
	.endr
	csrr	t1, sepc
	sd	t1, E_X(0)(a0)
	sd	gp, E_X(3)(a0)
	.irp	n, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	sd	zero, E_X(\n)(a0)
	.endr
	li	t1, 1
	sd	t1, H_FRAME_SAVED(tp)
	mv	a7, t0
	call	syscall_full
	j	trap_exit

#ifndef EXOS_DEBUG
/*
 * fast - the plain cases of transfers and of a yield to a named environment; everything else goes on in `transfer` and `call_long`.
 * The other side was last on this hart, so that its context is known here by the satp in its record, and no other hart holds its
 * floating-point registers. The unit is off for whoever is entered, but when its values are in it; then it need not be told.
 *              on entry                at the other side
 *   a0         self                    who called; 0
 *   t0         number                  lost, and t1..t3
 *   others     user's                  user's, but gp: the u-area
 * Length from trap_entry to sret: call 56, answer 51, yield 117.
 * test/model/transfer.pml has these roads access by access, and the mistakes that they avoid.
 */
	/* To the environment in t1, at t0, on the hart in t3: context and floating-point unit. Uses t0, t2, t3. */
	.macro	cross
	ld	t2, E_SATP(t1)
	csrr	t0, satp
	beq	t0, t2, 8f
	csrw	satp, t2
8:	li	t2, SSTATUS_FS_MASK
	csrc	sstatus, t2
	lwu	t0, H_FP_OWNER(t3)
	lwu	t3, E_ID(t1)
	bne	t0, t3, 9f
	li	t2, SSTATUS_FS_CLEAN
	csrs	sstatus, t2
9:	csrw	sscratch, t1
	ld	gp, E_UAREA_VA(t1)
	.endm

	/* Was the environment in t1 last on the hart in t3, is its context ready, is nothing dirty? Uses t0. */
	.macro	near elsewhere
	ld	t0, E_HART(t1)
	bne	t0, t3, \elsewhere
	ld	t0, E_SATP(t1)
	beqz	t0, \elsewhere
	csrr	t0, sstatus
	bltz	t0, \elsewhere		/* SD: floating-point registers to be saved */
	.endm

	/*
	 * Shut the gate of the environment in t1, if it satisfies the branch; its value in t2. Uses t0. Only then does it make sense to ask
	 * about it: before, it may run on another hart meanwhile, and come back as somebody else.
	 */
	.macro	take branch, elsewhere
	addi	t0, t1, E_GATE
	lr.d.aq	t2, (t0)
	\branch	t2, \elsewhere
	sc.d	t0, zero, (t0)
	bnez	t0, \elsewhere
	.endm

fast:
	addi	t1, t0, -1
	bnez	t1, 1f
	/* pct_call */
	ld	t1, E_CALL_SLOT(a0)
	bne	t1, a1, transfer
	ld	t1, E_CALL_ENV(a0)
	ld	t2, E_CALL_DEADLINE(a0)
	or	t2, t2, a2
	bnez	t2, transfer		/* a deadline, or an old one to forget: they change with the lock held */
	take	blez, transfer
	ld	t0, E_UAREA(t1)
	ld	t0, U_HELD(t0)
	bnez	t0, call_reopen
	ld	t3, E_HART(a0)
	near	call_reopen
	csrr	t0, sepc
	addi	t0, t0, 4
	sd	t0, E_X(0)(a0)
	csrw	sepc, t2
	ld	t0, E_X(0)(t1)
	sd	t0, E_BASE_PC(t1)
	sd	a0, E_CALLER(t1)
	sd	t1, E_CALLEE(a0)
	sd	t1, H_CURRENT(t3)
	cross
	lwu	a0, E_ID(a0)
	li	t1, 0
	sret

1:	addi	t1, t1, -1
	bnez	t1, 2f
	/* pct_reply */
	ld	t1, E_CALLER(a0)
	beqz	t1, transfer
	ld	t3, E_HART(a0)
	near	transfer		/* it waits for us: nobody runs it meanwhile */
	addi	t0, a0, E_CALLER
	amoswap.d t1, zero, (t0)	/* the reply right: whoever takes it out has it */
	beqz	t1, transfer
	sd	zero, E_CALLEE(t1)
	ld	t0, E_X(0)(t1)
	csrw	sepc, t0
	sd	t1, H_CURRENT(t3)
	ld	t0, E_BASE_PC(a0)
	sd	t0, E_X(0)(a0)
	sd	zero, E_BASE_PC(a0)
	cross
	ld	t0, E_OPEN(a0)
	fence	rw, w			/* all of it, before another hart may enter it */
	sd	t0, E_GATE(a0)
	li	a0, 0
	li	t0, 0
	li	t1, 0
	sret
2:	addi	t1, t1, -1
	beqz	t1, transfer		/* pct_send */
	/* yield: what is in the registers is the caller's no more */
	ld	t1, E_YIELD_SLOT(a0)
	bne	t1, a1, yield_long
	ld	t1, E_YIELD_ENV(a0)
	lbu	t2, E_LEAN(a0)
	beqz	t2, yield_long
	ld	t2, E_BASE_PC(a0)
	bnez	t2, yield_long
	li	a3, E_PLAIN
	lwu	a4, E_STATE(a0)
	bne	a4, a3, yield_long
	lwu	a4, E_STATE(t1)
	bne	a4, a3, yield_long
	ld	t3, E_HART(a0)
	lwu	a4, H_GRACE(t3)
	bnez	a4, yield_long
	ld	a4, H_PAYER(t3)
	ld	a5, E_PUB(a0)
	bne	a4, a5, yield_long	/* in somebody else's slice */
	take	beqz, yield_long
	lwu	a4, E_STATE(t1)		/* again: now it stays so */
	bne	a4, a3, yield_reopen
	near	yield_reopen
	rdtime	a2			/* account for us */
	ld	a3, H_SINCE(t3)
	sd	a2, H_SINCE(t3)
	sub	a2, a2, a3
	ld	a3, P_USED(a5)
	add	a3, a3, a2
	sd	a3, P_USED(a5)
	ld	a5, E_PUB(t1)		/* from now on it is the other's time */
	sd	a5, H_PAYER(t3)
	lwu	a2, E_ID(t1)
	sw	a2, H_PAYER_ID(t3)
	ld	a3, H_PUB(t3)
	sw	a2, P_CURRENT(a3)
	ld	a2, P_SWITCHES(a5)
	addi	a2, a2, 1
	sd	a2, P_SWITCHES(a5)
	ld	a2, E_UAREA(t1)
	ld	a3, H_SLICE_END(t3)
	sd	a3, U_SLICE_END(a2)
	csrr	a3, sepc
	addi	a3, a3, 4
	sd	a3, E_X(0)(a0)
	ld	a3, E_X(0)(t1)
	csrw	sepc, a3
	sd	t1, H_CURRENT(t3)
	cross
	ld	t0, E_OPEN(a0)
	fence	rw, w
	sd	t0, E_GATE(a0)
	.irp	r, ra, sp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6
	li	\r, 0
	.endr
	sret
call_reopen:				/* not what the short road is for: its gate as it was, and the long one */
	fence	rw, w
	sd	t2, E_GATE(t1)
	j	transfer
yield_reopen:
	fence	rw, w
	sd	t2, E_GATE(t1)
yield_long:
	li	t0, 4
	j	call_long
#endif

/*
 * transfer - protected control transfer: all registers go on to the other side, so all are saved, but t0..t3, which are lost. Then
 * syscall_full() decides, as for every call after which somebody else runs.
 *   a0 self; sscratch number; t0..t3 lost; everything else the user's
 */
	.macro	save_caller
	.irp	n, 1, 2, 3, 4, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31
	sd	x\n, E_X(\n)(a0)
	.endr
	.irp	n, 5, 6, 7, 28
	sd	zero, E_X(\n)(a0)
	.endr
	csrrw	a7, sscratch, zero
	csrr	t1, sepc
	addi	t1, t1, 4
	sd	t1, E_X(0)(a0)
	ld	tp, E_HART(a0)
	ld	sp, H_STACK(tp)
	li	t1, 1
	sd	t1, H_FRAME_SAVED(tp)
	.endm

transfer:
	save_caller
	call	syscall_full
	j	trap_exit

/*
 * trap_traced - stvec points here while this hart is traced: as trap_entry, but without short roads. Every call is saved as a transfer
 * is, and goes on in trace_call(), kern/trace.c.
 */
	.globl	trap_traced
	.balign	4
trap_traced:
	csrrw	a0, sscratch, a0
	beqz	a0, trap_kernel
	sd	t0, E_X(5)(a0)
	csrr	t0, scause
	addi	t0, t0, -CAUSE_ECALL_U
	bnez	t0, trap_slow
	save_caller
	call	trace_call
	/* fall through */

/*
 * trap_exit - run the environment in a0, all of whose registers are in its record; 0: idle until there is one.
 *   tp: this hart
 */
	.globl	trap_exit
trap_exit:
	beqz	a0, trap_idle
	sd	zero, H_FRAME_SAVED(tp)
	csrw	sscratch, a0
	ld	t0, E_X(0)(a0)
	csrw	sepc, t0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	x\n, E_X(\n)(a0)
	.endr
	ld	a0, E_X(10)(a0)
	sret

trap_idle:
	ld	sp, H_STACK(tp)
	mv	a0, tp
	call	arch_wait_for_work
	j	trap_exit

/*
 * trap_not_call - t0 holds scause - 8. An exception in an environment that has a fault handler and does not hold upcalls goes
 * straight there; what the handler may want to know is in the u-area, everything else still in the registers.
 *              on entry                in the handler
 *   a0, t0, t1 user's (t0 in x[5])     0; the user's are in the u-area
 *   gp         user's                  the u-area's address
 *   others     user's                  user's
 */
trap_not_call:
	addi	t0, t0, CAUSE_ECALL_U
	bltz	t0, trap_slow		/* bit 63: an interrupt */
	addi	t0, t0, -2
	beqz	t0, trap_slow		/* illegal instruction: the floating-point unit may only be off */
	sd	t1, E_X(6)(a0)
	ld	t1, E_UAREA(a0)		/* without u-area: one that is always held */
	ld	t0, U_HELD(t1)
	bnez	t0, trap_slow_t1
	ld	t0, E_HANDLER_FAULT(a0)
	beqz	t0, trap_slow_t1
	csrr	t0, sepc
	sd	t0, U_PC(t1)
	csrr	t0, scause
	sd	t0, U_CAUSE(t1)
	csrr	t0, stval
	sd	t0, U_TVAL(t1)
	ld	t0, E_X(5)(a0)
	sd	t0, U_T0(t1)
	ld	t0, E_X(6)(a0)
	sd	t0, U_T1(t1)
	csrr	t0, sscratch
	sd	t0, U_A0(t1)
	li	t0, 1
	sd	t0, U_HELD(t1)
	ld	gp, E_UAREA_VA(a0)
	ld	t0, E_HANDLER_FAULT(a0)
	csrw	sepc, t0
	csrw	sscratch, a0
	li	a0, 0
	li	t0, 0
	li	t1, 0
	sret

/*
 * trap_slow - save the whole environment and go on in arch_trap(), machine.c.
 *              on entry                in arch_trap()
 *   a0         self                    this hart's struct hart
 *   t0         lost, in x[5]           lost
 *   sscratch   user's a0               0
 *   others     user's                  user's or lost; all are in the record
 */
trap_slow_t1:
	ld	t1, E_X(6)(a0)
trap_slow:
	.irp	n, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd	x\n, E_X(\n)(a0)
	.endr
	csrrw	t0, sscratch, zero
	sd	t0, E_X(10)(a0)
	csrr	t0, sepc
	sd	t0, E_X(0)(a0)
	ld	tp, E_HART(a0)
	ld	sp, H_STACK(tp)
	li	t0, 1
	sd	t0, H_FRAME_SAVED(tp)
	mv	a0, tp
	call	arch_trap
	j	trap_exit

/*
 * trap_kernel - a trap while in the kernel: a bug of ours, and a panic; but for the one instruction that asks whether there is a
 * semihosting host.
 */
trap_kernel:
	csrrw	a0, sscratch, a0
	csrr	t0, sepc
	lla	t1, semihost_ebreak
	beq	t0, t1, 1f
	csrr	a0, scause
	mv	a1, t0
	csrr	a2, stval
	mv	a3, s0
	lla	sp, panic_stack_top
	tail	arch_trap_panic
1:	lla	t0, semihost_none
	csrw	sepc, t0
	sret				/* SPP is 1 */

/*
 * long semihost(long op, const void *arg) - ask the host; -1 when there is none. RISC-V semihosting: three uncompressed
 * instructions on one page. Where there is no host this traps, so sepc is kept in a2, which trap_kernel leaves alone.
 */
	.globl	semihost
	.balign	16
	.option	push
	.option	norvc
semihost:
	csrr	a2, sepc
	slli	zero, zero, 0x1f
semihost_ebreak:
	ebreak
	srai	zero, zero, 7
	ret
semihost_none:
	li	a0, -1
	csrw	sepc, a2
	ret
	.option	pop

/*
 * Floating-point registers to and from 33 words at a0, the last one fcsr. Encoded by hand, because the kernel is compiled for
 * a machine without them, so that the compiler cannot touch them.
 */
	.globl	fp_save
fp_save:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.4byte	((8 * \n) >> 5) << 25 | \n << 20 | 10 << 15 | 3 << 12 | ((8 * \n) & 31) << 7 | 0x27	/* fsd f\n, 8*\n(a0) */
	.endr
	csrr	t0, 0x003		/* fcsr */
	sd	t0, 256(a0)
	ret

	.globl	fp_load
fp_load:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.4byte	(8 * \n) << 20 | 10 << 15 | 3 << 12 | \n << 7 | 0x07	/* fld f\n, 8*\n(a0) */
	.endr
	ld	t0, 256(a0)
	csrw	0x003, t0
	ret

	.globl	fp_zero
fp_zero:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	.4byte	0xf2000053 | \n << 7	/* fmv.d.x f\n, zero */
	.endr
	csrw	0x003, zero
	ret

	.section .bss
	.balign	16
	.space	8192
panic_stack_top:
