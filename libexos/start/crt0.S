/*
 * crt0.S - the first instructions of a program
 *
 *              on entry                               in start_prepare()      in start_main()
 *   a0         start block or boot info               the same                -
 *   sp         nothing                                 boot_stack (.bss)       the program's stack
 *   tp         nothing                                 thread-local data       the same
 *   others     nothing
 */
	/* struct image_header */
	.section .image_header, "a"
	.dword	0x31474d49534f5845	/* IMAGE_MAGIC */
	.dword	_start
	.dword	__image_start
	.dword	__data_start
	.dword	__file_end
	.dword	__image_end

	.section .text.start, "ax"
	.globl	_start
	.type	_start, @function
_start:
	la	sp, boot_stack_end
	la	tp, __tls_base
	li	ra, 0
	li	s0, 0			/* the last frame of a backtrace */
	call	start_prepare		/* returns the top of the stack proper */
	mv	sp, a0
	call	start_main		/* does not return */
1:	j	1b
	.size	_start, . - _start

	.section .bss
	.balign	16
	.skip	16384
boot_stack_end:
