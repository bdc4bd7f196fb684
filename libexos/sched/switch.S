/*
 * switch.S - void thread_registers(struct thread *from, struct thread *to)
 *
 * Keep in *from what a call must keep, and go on as *to says: either behind its own call of this function, with what it kept there, or,
 * when it was preempted (T_FULL), with all registers, through the resume sequence of the upcall path. That needs `held`, which
 * keeps upcalls out while the registers are loaded; and from then on the depth is 0, for so it was when the thread was preempted.
 */
#include <exos/uarea.h>

#include "sched/threads.h"
#include "start.h"
#include "upcall/frame.h"

	.text
	.macro	save_called	area
	sd	ra, 0(\area)		/* the pc at which it goes on */
	.irp	n, 1,2,4,8,9,18,19,20,21,22,23,24,25,26,27
	sd	x\n, 8*\n(\area)
	.endr
	.irp	n, 8,9,18,19,20,21,22,23,24,25,26,27
	fsd	f\n, T_FP + 8*\n(\area)
	.endr
	frcsr	t0
	sd	t0, T_FP + 8*32(\area)
	.endm

	.macro	load_called	area
	.irp	n, 8,9,18,19,20,21,22,23,24,25,26,27
	fld	f\n, T_FP + 8*\n(\area)
	.endr
	ld	t0, T_FP + 8*32(\area)
	fscsr	t0
	ld	t0, 0(\area)
	.irp	n, 1,2,4,8,9,18,19,20,21,22,23,24,25,26,27
	ld	x\n, 8*\n(\area)
	.endr
	jr	t0
	.endm

	.globl	thread_registers, thread_registers_away
	.type	thread_registers, @function
	.type	thread_registers_away, @function
/* The same for a `from` that was given to another hart already, which waits for T_FULL = 0: all that was saved comes before that. */
thread_registers_away:
	save_called a0
	fence	rw, w
	sd	zero, T_FULL(a0)
	j	2f
thread_registers:
	save_called a0
	sd	zero, T_FULL(a0)
2:	ld	t0, T_FULL(a1)
	bnez	t0, 1f
	load_called a1

1:	li	gp, LAYOUT_UAREA
	li	t0, 1
	sd	t0, U_HELD(gp)
	sw	zero, preempt_depth, t1
	mv	s0, a1
	addi	a0, a1, T_FP
	call	upcall_fp_restore
	mv	sp, s0			/* upcall_restore finds the frame there, and uses no stack */
	j	upcall_restore

/*
 * long worker_run(struct worker *w, struct thread *t)
 * On another hart: go on as t. Returns 0 when t went home by worker_leave(), 1 when it took a fault; its registers are in t then.
 */
	.macro	keep_loop
	addi	sp, sp, -112
	sd	ra, 0(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	sd	s\n, 8+8*\n(sp)
	.endr
	sd	tp, 104(sp)
	sd	sp, W_SP(a0)
	.endm

	.macro	back_to_loop	w
	ld	sp, W_SP(\w)
	ld	ra, 0(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	ld	s\n, 8+8*\n(sp)
	.endr
	ld	tp, 104(sp)
	addi	sp, sp, 112
	ret
	.endm

	.globl	worker_run, worker_leave, worker_fault
	.type	worker_run, @function
	.type	worker_leave, @function
worker_run:
	keep_loop
	sd	a1, W_THREAD(a0)
	ld	t0, T_FULL(a1)
	bnez	t0, 1f
	load_called a1
1:	mv	s0, a1
	addi	a0, a1, T_FP
	call	upcall_fp_restore
	mv	gp, s0			/* no upcall resumes here, so gp is free to be the last */
	.irp	n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, 8*\n(gp)
	.endr
	ld	gp, 0(gp)
	jr	gp

/*
 * void worker_leave(struct thread *self): returns at home; at once when self is there. In one page: so a fault at its first instruction
 * may still change where self is, and none does after the look.
 */
	.balign	512
worker_leave:
	ld	a1, T_AT(a0)
	bnez	a1, 1f
	ret
1:	save_called a0
	sd	zero, T_FULL(a0)
	li	a0, 0
	back_to_loop a1

/* UP_FAULT of a worker's environment. gp is its u-area; a0, t0, t1 and the pc are in it, everything else is the thread's. */
	.balign	4
worker_fault:
	ld	t0, U_LIB + W_THREAD(gp)
	.irp	n, 1,2,4,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(t0)
	.endr
	ld	t1, U_PC(gp)
	sd	t1, 0(t0)
	ld	t1, U_A0(gp)
	sd	t1, 8*10(t0)
	ld	t1, U_T0(gp)
	sd	t1, 8*5(t0)
	ld	t1, U_T1(gp)
	sd	t1, 8*6(t0)
	ld	t1, U_CAUSE(gp)
	sd	t1, FRAME_CAUSE(t0)
	ld	t1, U_TVAL(gp)
	sd	t1, FRAME_TVAL(t0)
	li	t1, 1
	sd	t1, T_FULL(t0)
	addi	a0, t0, T_FP
	call	upcall_fp_save
	sd	zero, U_HELD(gp)
	addi	a1, gp, U_LIB
	li	a0, 1
	back_to_loop a1
