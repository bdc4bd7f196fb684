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

/* Yield to the environment in slot a0 until it yields back. */
	.globl	path_yield
path_yield:
	addi	sp, sp, -16
	sd	s2, 0(sp)
	mv	a1, a0
	li	a0, NR_YIELD
	rdinstret s2
	ecall
	rdinstret t0
	sub	a0, t0, s2
	ld	s2, 0(sp)
	addi	sp, sp, 16
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

/* Yield to the environment in slot s1 for ever. */
	.globl	child_yield, child_yield_end
	.balign	4
child_yield:
	mv	a1, s1
	li	a0, NR_YIELD
	ecall
	j	child_yield
child_yield_end:
