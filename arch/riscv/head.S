/*
 * head.S - from OpenSBI to C
 *
 * OpenSBI enters at the lowest loaded address, in S-mode, paging off: a0 = hart id, a1 = device tree, physical. We zero .bss, map the
 * kernel image and the memory it lies in by large pages, switch paging on and go to arch_boot(), which maps it properly. Paging
 * begins with a trick: the next instruction is not mapped at its physical address, so it traps to stvec, which already
 * holds the virtual address to go on at.
 */
#include "arch/riscv/offsets.h"

#define PTE_TABLE	0x01		/* V */
#define PTE_RW		0xe7		/* D A G W R V */
#define PTE_RWX		0xef
#define IMAGE_ROOT	510		/* entry of 0xffffffff80000000 */
#define DIRECT_ROOT	258		/* entry of DIRECT_MAP + 0x80000000 */

	.section .head, "ax"
	.globl	_start
_start:
	/*
	 * OpenSBI before 1.2 publishes that a hart is to start before it writes where: one that looks in between comes here, like the first
	 * one. Only the first boots.
	 */
	lla	t0, boot_taken
	li	t1, 1
	amoswap.w t1, t1, (t0)
	bnez	t1, hart_start
	csrw	sie, zero
	csrw	satp, zero
	mv	s0, a0
	mv	s1, a1
	rdtime	s2

	lla	t0, __bss_start
	lla	t1, __bss_end
1:	sd	zero, 0(t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b

	/* image_l1[0..15]: 2 MiB pages from 0x80000000 on. Only for the moment: writable and executable. */
	lla	t0, image_l1
	li	t1, 0x80000000 >> 12 << 10 | PTE_RWX
	li	t2, 16
	li	t3, 0x200000 >> 12 << 10
2:	sd	t1, 0(t0)
	addi	t0, t0, 8
	add	t1, t1, t3
	addi	t2, t2, -1
	bnez	t2, 2b

	lla	t0, kernel_root
	lla	t1, image_l1
	srli	t1, t1, 12
	slli	t1, t1, 10
	ori	t1, t1, PTE_TABLE
	li	t2, IMAGE_ROOT * 8
	add	t2, t2, t0
	sd	t1, 0(t2)
	li	t1, 0x80000000 >> 12 << 10 | PTE_RW
	li	t2, DIRECT_ROOT * 8
	add	t2, t2, t0
	sd	t1, 0(t2)
	li	t1, 0x00000000 | PTE_RW	/* the first GiB: device registers */
	li	t2, 256 * 8
	add	t2, t2, t0
	sd	t1, 0(t2)

	lla	t1, 3f
	li	t2, 0xffffffff00000000
	add	t1, t1, t2
	csrw	stvec, t1
	srli	t0, t0, 12
	li	t1, 8 << 60		/* Sv39 */
	or	t0, t0, t1
	sfence.vma			/* the tables above, before the first walk */
	csrw	satp, t0
	.balign	4
3:	lla	sp, boot_stack_top	/* pc-relative: virtual from here on */
	lla	t0, trap_entry
	csrw	stvec, t0
	csrw	sscratch, zero
	li	gp, 0
	li	tp, 0
	mv	a0, s0
	mv	a1, s1
	mv	a2, s2
	li	s0, 0			/* end of the chain of frames */
	li	ra, 0
	call	arch_boot
	lla	tp, harts
	j	trap_exit

/*
 * hart_start - another hart, from OpenSBI's HSM: a0 = hart id; paging off. The kernel's root table is complete by now, and paging begins
 * by the same trick. hart_of_id[] tells its struct hart.
 */
	.globl	hart_start
hart_start:
	csrw	sie, zero
	lla	t1, 4f
	li	t2, 0xffffffff00000000
	add	t1, t1, t2
	csrw	stvec, t1
	lla	t0, kernel_root
	srli	t0, t0, 12
	li	t1, 8 << 60		/* Sv39 */
	or	t0, t0, t1
	sfence.vma			/* whatever the firmware's time left */
	csrw	satp, t0
	.balign	4
4:	lla	t0, trap_entry
	csrw	stvec, t0
	csrw	sscratch, zero
	li	gp, 0
	lla	t0, hart_of_id
	slli	t1, a0, 3
	add	t0, t0, t1
	ld	tp, 0(t0)
	ld	sp, H_STACK(tp)
	li	s0, 0
	li	ra, 0
	mv	a0, tp
	call	arch_hart_main
	j	trap_exit

	.data
boot_taken:
	.word	0

	.section .bss
	.balign	16
	.space	16384
	.globl	boot_stack_top
boot_stack_top:

	.section .bss.page_aligned, "aw", @nobits
	.balign	4096
	.globl	kernel_root, image_l1
kernel_root:
	.space	4096
image_l1:
	.space	4096
