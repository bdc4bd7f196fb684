/*
 * paths.S - the paths that are measured, instruction by instruction, and the smallest handlers that do their work
 */
#include <exos/uarea.h>

#include "bench.h"

	.text
	.option	norvc			/* ebreak has four bytes */

	.globl	path_nothing
path_nothing:
	rdinstret t0
	rdinstret t1
	sub	a0, t1, t0
	ret

	.globl	path_break
path_break:
	rdinstret t0
	ebreak
	rdinstret t1
	sub	a0, t1, t0
	ret

	.globl	path_store
path_store:
	rdinstret t0
	sd	zero, 0(a0)
	rdinstret t1
	sub	a0, t1, t0
	ret

/* a0: the leaf table, as we see it; a1: address of a page; a2: where the answer goes. */
	.globl	path_dirty
path_dirty:
	rdinstret t0
	slli	t2, a1, 43		/* bits 12..20: the entry, eight bytes each */
	srli	t2, t2, 52
	add	t2, t2, a0
	ld	t2, 0(t2)
	andi	t2, t2, 0x80		/* D */
	rdinstret t1
	sd	t2, 0(a2)
	sub	a0, t1, t0
	ret

/* A store to each of a1 addresses in the array at a0. */
	.globl	path_stores
path_stores:
	slli	a1, a1, 3
	add	a1, a1, a0
	rdinstret t0
1:	ld	t2, 0(a0)
	addi	a0, a0, 8
	sd	zero, 0(t2)
	bne	a0, a1, 1b
	rdinstret t1
	sub	a0, t1, t0
	ret

/* Yield to the environment in slot a0 until it yields back. We come back with nothing but gp, and with one store more than the call. */
	.globl	path_yield
path_yield:
	addi	sp, sp, -112
	sd	ra, 0(sp)
	sd	tp, 8(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	sd	s\n, 16+8*\n(sp)
	.endr
	li	t0, UAREA_VA
	sd	sp, U_BACK(t0)
	mv	a1, a0
	li	a0, NR_YIELD
	rdinstret t1
	sd	t1, U_BACK + 8(t0)
	ecall
	rdinstret t0
	ld	sp, U_BACK(gp)
	ld	t1, U_BACK + 8(gp)
	sub	a0, t0, t1
	addi	a0, a0, -1
	ld	ra, 0(sp)
	ld	tp, 8(sp)
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11
	ld	s\n, 16+8*\n(sp)
	.endr
	addi	sp, sp, 112
	ret

/* The callee touches no register but a0 and a1, which tells when it was entered: everything else comes back as it was. */
	.globl	path_transfer
path_transfer:
	mv	a1, a0
	li	a2, 0
	li	a0, NR_PCT_CALL
	rdinstret a3
	ecall
	rdinstret a4
	sub	a0, a1, a3
	sub	a1, a4, a3
	addi	a1, a1, -2		/* rdinstret and li of the callee */
	ret

/*
 * Turn round until something else has run between two turns, a0 times at most. Gives what it took, 0: nothing came. A turn has six
 * instructions, the read among them.
 */
	.globl	path_watch
path_watch:
	li	t3, 32			/* more than a turn, less than any way into the kernel and back */
	rdinstret t0
1:	addi	a0, a0, -1
	beqz	a0, 2f
	rdinstret t1
	sub	t2, t1, t0
	mv	t0, t1
	bltu	t2, t3, 1b
	addi	a0, t2, -5
2:	ret

/*
 * Handlers. On entry gp is the u-area; a0, t0 and t1 are in it already, everything else is the interrupted program's. What a call
 * destroys is kept in the u-area too: nothing else is known to be bound.
 */
	.macro	keep op
	\op	a1, U_KEEP + 0(gp)
	\op	a2, U_KEEP + 8(gp)
	\op	a3, U_KEEP + 16(gp)
	\op	a4, U_KEEP + 24(gp)
	\op	a5, U_KEEP + 32(gp)
	\op	a6, U_KEEP + 40(gp)
	\op	a7, U_KEEP + 48(gp)
	\op	t2, U_KEEP + 56(gp)
	\op	t3, U_KEEP + 64(gp)
	\op	t4, U_KEEP + 72(gp)
	\op	t5, U_KEEP + 80(gp)
	\op	t6, U_KEEP + 88(gp)
	.endm

/* Go on behind a breakpoint. */
	.globl	handler_skip
	.balign	4
handler_skip:
	ld	t0, U_PC(gp)
	addi	t0, t0, 4
	sd	t0, U_PC(gp)
	j	resume_start

/* Bind the page that belongs to the address. */
	.globl	handler_bind
	.balign	4
handler_bind:
	keep	sd
	ld	a2, U_TVAL(gp)
	srli	a2, a2, 12
	slli	a2, a2, 12
	ld	t0, U_AREA(gp)
	sub	t0, a2, t0
	srli	t0, t0, 12
	ld	a3, U_SLOTS(gp)
	add	a3, a3, t0
	ld	a1, U_CTX(gp)
	li	a4, 1
	li	a5, NR_PROT_RW
	li	a0, NR_PAGE_BIND
	ecall
	keep	ld
	j	resume_start

/* Protect another page, unprotect the one that faulted. */
	.globl	handler_appel, handler_unprotect
	.balign	4
handler_appel:
	keep	sd
	ld	a1, U_CTX(gp)
	ld	a2, U_OTHER(gp)
	li	a3, 1
	li	a4, NR_PROT_R
	li	a0, NR_PAGE_PROTECT
	ecall
	j	1f

/* Unprotect the page that faulted. */
	.balign	4
handler_unprotect:
	keep	sd
1:	ld	a2, U_TVAL(gp)
	srli	a2, a2, 12
	slli	a2, a2, 12
	ld	a1, U_CTX(gp)
	li	a3, 1
	li	a4, NR_PROT_RW
	li	a0, NR_PAGE_PROTECT
	ecall
	keep	ld
	/* fall through */

/* As exos/uarea.h has it. `elsewhere`: nothing asynchronous is asked for here, so a pending bit is only forgotten. */
	.globl	resume_start, resume_end
resume_start:
	ld	t0, U_PENDING(gp)
	bnez	t0, 1f
	sd	zero, U_HELD(gp)
	ld	t0, U_T0(gp)
	ld	t1, U_T1(gp)
	ld	a0, U_A0(gp)
	ld	gp, U_PC(gp)
	jr	gp
resume_end:
1:	addi	t0, gp, U_PENDING
	amoand.d zero, zero, (t0)
	j	resume_start

/* Programs of children: copied to CHILD_CODE. a1: what they need. */
	.globl	child_exit, child_exit_end
	.balign	4
child_exit:
	li	a0, NR_EXIT
	ecall
child_exit_end:

/* Yield to the environment in slot 1 for ever. */
	.globl	child_yield, child_yield_end
	.balign	4
child_yield:
	li	a1, 1			/* CHILD_SELF: no register survives */
	li	a0, NR_YIELD
	ecall
	j	child_yield
child_yield_end:

/* The same, with a protected entry that answers at once. */
	.globl	child_serve, child_serve_entry, child_serve_end
	.balign	4
child_serve:
	li	a1, 1
	li	a0, NR_YIELD
	ecall
	j	child_serve
child_serve_entry:
	rdinstret a1
	li	a0, NR_PCT_REPLY
	ecall
child_serve_end:
