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

	.text
	.globl	thread_registers
	.type	thread_registers, @function
thread_registers:
	sd	ra, 0(a0)		/* the pc at which it goes on */
	.irp	n, 1,2,4,8,9,18,19,20,21,22,23,24,25,26,27
	sd	x\n, 8*\n(a0)
	.endr
	.irp	n, 8,9,18,19,20,21,22,23,24,25,26,27
	fsd	f\n, T_FP + 8*\n(a0)
	.endr
	frcsr	t0
	sd	t0, T_FP + 8*32(a0)
	sd	zero, T_FULL(a0)

	ld	t0, T_FULL(a1)
	bnez	t0, 1f
	.irp	n, 8,9,18,19,20,21,22,23,24,25,26,27
	fld	f\n, T_FP + 8*\n(a1)
	.endr
	ld	t0, T_FP + 8*32(a1)
	fscsr	t0
	ld	t0, 0(a1)
	.irp	n, 1,2,4,8,9,18,19,20,21,22,23,24,25,26,27
	ld	x\n, 8*\n(a1)
	.endr
	jr	t0

1:	li	gp, LAYOUT_UAREA
	li	t0, 1
	sd	t0, U_HELD(gp)
	sw	zero, preempt_depth, t1
	mv	s0, a1
	addi	a0, a1, T_FP
	call	upcall_fp_restore
	mv	sp, s0			/* upcall_restore finds the frame there, and uses no stack */
	j	upcall_restore
