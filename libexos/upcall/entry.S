/*
 * entry.S - into an upcall and out of it without the kernel
 *
 *              on entry (all but UP_SLICE_BEGIN)                   in upcall_dispatch(frame, kind)
 *   gp         u-area                                             u-area: no C code here touches gp
 *   a0         lost, in U_A0                                      frame
 *   t0, t1     lost, in U_T0, U_T1                                lost
 *   a1         interrupted                                        kind
 *   sp         interrupted                                        frame, the top of the upcall stack
 *   tp         interrupted                                        thread-local data
 *   others     interrupted                                        interrupted
 *
 * The frame lies always at the same address, because upcalls do not nest: while `held` is set asynchronous ones leave pending
 * bits, and a synchronous one is a double fault. x[n] lies at byte 8*n; slot 0 holds the pc.
 * On entry for UP_SLICE_BEGIN only gp is defined, and the frame holds what the slice-end upcall left there.
 */
#include <exos/uarea.h>

#include "frame.h"
#include "start.h"

	.text
	.globl	upcall_entry_fault, upcall_entry_slice_end, upcall_entry_slice_begin, upcall_entry_event
	.globl	upcall_entry_revoke, upcall_entry_repossess
	.balign	4
upcall_entry_fault:
	li	t0, UP_FAULT
	j	save
	.balign	4
upcall_entry_slice_end:
	li	t0, UP_SLICE_END
	j	save
	.balign	4
upcall_entry_revoke:
	li	t0, UP_REVOKE
	j	save
	.balign	4
upcall_entry_repossess:
	li	t0, UP_REPOSSESS
	j	save
	.balign	4
upcall_entry_event:
	li	t0, UP_EVENT
save:
	li	a0, LAYOUT_UPCALL_END - FRAME_BYTES
	.irp	n, 1,2,3,4,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(a0)
	.endr
	ld	t1, U_PC(gp)
	sd	t1, 0(a0)
	ld	t1, U_A0(gp)
	sd	t1, 8*10(a0)
	ld	t1, U_T0(gp)
	sd	t1, 8*5(a0)
	ld	t1, U_T1(gp)
	sd	t1, 8*6(a0)
	ld	t1, U_CAUSE(gp)
	sd	t1, FRAME_CAUSE(a0)
	ld	t1, U_TVAL(gp)
	sd	t1, FRAME_TVAL(a0)
	mv	sp, a0
	la	tp, __tls_base
	li	s0, 0			/* a backtrace ends here */
	mv	a1, t0
	call	upcall_dispatch

/* Restore what the frame says. sp is the frame; `held` is set. Also sched/switch.S comes here. */
	.globl	upcall_restore
upcall_restore:
	mv	a0, sp
	ld	t1, 0(a0)
	sd	t1, U_PC(gp)
	ld	t1, 8*10(a0)
	sd	t1, U_A0(gp)
	ld	t1, 8*5(a0)
	sd	t1, U_T0(gp)
	ld	t1, 8*6(a0)
	sd	t1, U_T1(gp)
	.irp	n, 1,2,4,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, 8*\n(a0)
	.endr

/* The range that is registered with ENV_RESUME, word for word as exos/uarea.h has it. */
	.globl	upcall_resume_start, upcall_resume_end
	.balign	64			/* one cache line, one page */
upcall_resume_start:
	ld	t0, U_PENDING(gp)
	bnez	t0, pending
	sd	zero, U_HELD(gp)
	ld	t0, U_T0(gp)
	ld	t1, U_T1(gp)
	ld	a0, U_A0(gp)
	ld	gp, U_PC(gp)
	jr	gp
upcall_resume_end:

/* Everything but a0, t0, t1 and gp is the interrupted program's again, and those are in the u-area: as after an upcall. */
pending:
	li	t0, UP_PENDING
	j	save

	.balign	4
upcall_entry_slice_begin:
	li	sp, LAYOUT_UPCALL_END - FRAME_BYTES
	la	tp, __tls_base
	call	upcall_slice_begin
	j	upcall_restore

/*
 * void upcall_fp_save(uint64_t area[33]), void upcall_fp_restore(const uint64_t area[33])
 * All floating-point registers and fcsr.
 */
	.globl	upcall_fp_save, upcall_fp_restore
upcall_fp_save:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, 8*\n(a0)
	.endr
	frcsr	t0
	sd	t0, 8*32(a0)
	ret
upcall_fp_restore:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, 8*\n(a0)
	.endr
	ld	t0, 8*32(a0)
	fscsr	t0
	ret
