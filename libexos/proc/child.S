/*
 * child.S - the first instructions of a spawned program, copied by its parent behind the start block
 *
 * The image's pages are the child's own and not bound yet; this code binds them through the child's slots, segment by segment,
 * and goes to the entry with a0 = start block. It uses no stack and runs wherever it is put. When a page cannot be bound there
 * is nobody to tell but the parent: exit status 199.
 *
 *              on entry        at the program's entry
 *   a0         start block     start block
 *   others     0               lost
 */
#include "child.h"

	.section .rodata.proc_child, "a"
	.globl	proc_child_code, proc_child_code_end
	.balign	8
proc_child_code:
	mv	s0, a0
	lwu	s1, BLOCK_SEGMENTS(s0)
	add	s1, s1, s0			/* next segment */
	lwu	s2, BLOCK_NSEGMENTS(s0)
1:	beqz	s2, 3f
	li	a0, NUMBER_PAGE_BIND
	lwu	a1, BLOCK_CTX_SLOT(s0)
	ld	a2, SEGMENT_VA(s1)
	lwu	a3, SEGMENT_SLOT(s1)
	lwu	a4, SEGMENT_NPAGES(s1)
	lwu	a5, SEGMENT_PROT(s1)
	ecall
	lwu	t0, SEGMENT_NPAGES(s1)		/* the result is the number of pages, or an error */
	bne	a0, t0, 2f
	addi	s1, s1, SEGMENT_BYTES
	addi	s2, s2, -1
	j	1b
2:	li	a0, NUMBER_EXIT
	li	a1, 199
	ecall
	j	2b
3:	ld	t0, BLOCK_ENTRY(s0)
	mv	a0, s0
	jr	t0
proc_child_code_end:

/*
 * Where a copy made by proc_fork() goes on when its memory is bound. Its stack pointer and the saved registers are in proc_fork_there.
 *              on entry        in longjmp(proc_fork_there, 1)
 *   a0, a1     anything        its arguments
 *   sp         0               0: it needs none
 *   tp         anything        thread-local data
 */
	.text
	.globl	proc_fork_entry
	.type	proc_fork_entry, @function
proc_fork_entry:
	la	tp, __tls_base
	la	a0, proc_fork_there
	li	a1, 1
	tail	longjmp
	.size	proc_fork_entry, . - proc_fork_entry
