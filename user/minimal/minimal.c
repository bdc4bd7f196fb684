/*
 * minimal.c - a second library OS, in one file, on the bare ABI
 *
 * Neither libexos nor a C library: its own stubs, u-area, fault handler and paging policy. Of libexos it knows one thing, the page
 * that its parent left for it (start.h): which slots are its own. It registers no slice handlers, so the kernel saves and
 * restores it whole.
 *
 * What it does: it fills half of a window in which nothing is bound, and then, once a second, writes to the next page of it and gives
 * the oldest one back. Each write faults; the handler takes a page, binds it and resumes without the kernel. The count of
 * writes stands in the word that the kernel keeps for the owner of a page, where everybody can read it (EXPOSE_FRAMES): the frame of the
 * u-area.
 */
#include <exos/calls.h>
#include <exos/cap.h>
#include <exos/env.h>
#include <exos/err.h>
#include <exos/expose.h>
#include <exos/uarea.h>

#include "../../libexos/include/start.h"

#define PAGE		4096ul
#define UAREA		0x3ff00000ul	/* below START_VA + 2 MiB: the parent donated the table for these addresses */
#define SYSTEM		0x3ff01000ul
#define WINDOW		0x3ff10000ul
#define WINDOW_PAGES	32u
#define WINDOW_HELD	16u		/* pages bound at a time */

#define TEXT(x)		#x
#define STRING(x)	TEXT(x)

/* ---- stubs ---- */

static long call(long number, long w1, long w2, long w3, long w4, long w5)
{
	register long a0 __asm__("a0") = number;
	register long a1 __asm__("a1") = w1;
	register long a2 __asm__("a2") = w2;
	register long a3 __asm__("a3") = w3;
	register long a4 __asm__("a4") = w4;
	register long a5 __asm__("a5") = w5;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5)
			 :
			 : "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");
	return a0;
}

static void stop(long status)
{
	for (;;)
		call(CALL_exit, status, 0, 0, 0, 0);
}

static unsigned long now(void)
{
	unsigned long t;

	__asm__ volatile("rdtime %0" : "=r"(t));
	return t;
}

/* ---- pages: slot first + i holds page i of the window ---- */

static unsigned int ctx, uarea_slot, first_slot;

static long fresh_page(unsigned int slot, unsigned long va)
{
	long r;

	while ((r = call(CALL_page_alloc, 0, slot, (long)FRAME_ANY, 0, 0)) == -E_AGAIN)
		call(CALL_yield, 0, 0, 0, 0, 0);	/* ours, and lent: whoever has it is asked */
	return r < 0 ? r : call(CALL_page_bind, ctx, (long)va, slot, 1, PROT_R | PROT_W);
}

static int in_window(unsigned long va)
{
	return va >= WINDOW && va < WINDOW + WINDOW_PAGES * PAGE;
}

/* Called by the upcall entry below with the cause and the address. What it does not know ends the program. */
void serve_fault(unsigned long cause, unsigned long va)
{
	unsigned int i = (unsigned int)((va - WINDOW) / PAGE);

	if ((cause != 13 && cause != 15) || !in_window(va))
		stop(139);
	if (fresh_page(first_slot + i, WINDOW + i * PAGE) < 0)
		stop(140);
}

/*
 * The upcall entry. The kernel left pc, cause, tval, a0, t0 and t1 in the u-area, to which gp points; the C function above may
 * use the other caller-saved registers, so they go onto a stack of their own. Then the resume sequence of exos/uarea.h.
 */
void upcall_entry(void);
extern char resume_start[], resume_end[];
__asm__(
"	.text\n"
"	.balign	4\n"
"upcall_entry:\n"
"	la	a0, upcall_stack_end - 128\n"
"	sd	sp, 0(a0)\n"
"	mv	sp, a0\n"
"	sd	ra, 8(sp)\n"
"	sd	t2, 16(sp)\n"
"	sd	t3, 24(sp)\n"
"	sd	t4, 32(sp)\n"
"	sd	t5, 40(sp)\n"
"	sd	t6, 48(sp)\n"
"	sd	a1, 56(sp)\n"
"	sd	a2, 64(sp)\n"
"	sd	a3, 72(sp)\n"
"	sd	a4, 80(sp)\n"
"	sd	a5, 88(sp)\n"
"	sd	a6, 96(sp)\n"
"	sd	a7, 104(sp)\n"
"	ld	a0, " STRING(U_CAUSE) "(gp)\n"
"	ld	a1, " STRING(U_TVAL) "(gp)\n"
"	call	serve_fault\n"
"	ld	ra, 8(sp)\n"
"	ld	t2, 16(sp)\n"
"	ld	t3, 24(sp)\n"
"	ld	t4, 32(sp)\n"
"	ld	t5, 40(sp)\n"
"	ld	t6, 48(sp)\n"
"	ld	a1, 56(sp)\n"
"	ld	a2, 64(sp)\n"
"	ld	a3, 72(sp)\n"
"	ld	a4, 80(sp)\n"
"	ld	a5, 88(sp)\n"
"	ld	a6, 96(sp)\n"
"	ld	a7, 104(sp)\n"
"	ld	sp, 0(sp)\n"
"resume_start:\n"
"	ld	t0, " STRING(U_PENDING) "(gp)\n"
"	bnez	t0, 1f\n"
"	sd	zero, " STRING(U_HELD) "(gp)\n"
"	ld	t0, " STRING(U_T0) "(gp)\n"
"	ld	t1, " STRING(U_T1) "(gp)\n"
"	ld	a0, " STRING(U_A0) "(gp)\n"
"	ld	gp, " STRING(U_PC) "(gp)\n"
"	jr	gp\n"
"resume_end:\n"
"1:	sd	zero, " STRING(U_PENDING) "(gp)\n"	/* no asynchronous handler is registered: nothing to serve */
"	j	resume_start\n"
"	.section .bss\n"
"	.balign	16\n"
"	.skip	2048\n"
"upcall_stack_end:\n"
"	.skip	4096\n"
"stack_end:\n"
"	.section .text.start, \"ax\"\n"
"	.globl	_start\n"
"_start:\n"
"	la	sp, stack_end\n"
"	call	begin\n"
"1:	j	1b\n"
"	.text\n");

/* ---- the program ---- */

static void set_up(const struct start_block *b)
{
	ctx = b->ctx_slot;
	uarea_slot = b->first_free;
	first_slot = uarea_slot + 1;
	if (b->version != START_VERSION || first_slot + WINDOW_PAGES > b->nslots)
		stop(201);
	if (fresh_page(uarea_slot, UAREA) < 0 || call(CALL_env_set, 0, ENV_UAREA, uarea_slot, UAREA, 0) < 0)
		stop(202);
	if (call(CALL_env_set, 0, ENV_RESUME, (long)resume_start, (long)resume_end, 0) < 0 ||
	    call(CALL_env_set, 0, ENV_HANDLER, UP_FAULT, (long)upcall_entry, 0) < 0)
		stop(203);
	if (call(CALL_expose_bind, ctx, SYSTEM, EXPOSE_SYSTEM, 0, 1) < 0)
		stop(204);
}

void begin(const struct start_block *b)
{
	const volatile struct exposed_system *system = (const volatile struct exposed_system *)SYSTEM;
	unsigned long next;

	set_up(b);
	next = now();
	for (unsigned long seconds = 0;; seconds++) {
		unsigned int i = (unsigned int)(seconds % WINDOW_PAGES);
		volatile unsigned long *word = (volatile unsigned long *)(WINDOW + i * PAGE);

		if (*word > seconds)	/* zero, or what this very program left in a page that it gave back and got again */
			stop(1);
		*word = seconds + 1;
		if (seconds >= WINDOW_HELD)	/* deleting the last capability of a page frees it and unbinds it */
			call(CALL_cap_delete, first_slot + (i + WINDOW_PAGES - WINDOW_HELD) % WINDOW_PAGES, 0, 0, 0, 0);
		call(CALL_cap_word, uarea_slot, (long)(seconds + 1), 0, 0, 0);
		if (seconds < WINDOW_HELD)
			continue;	/* first of all the window fills; from then on it holds the same number of pages */
		next += system->timebase_hz;
		while (now() < next)
			if (call(CALL_wait, 0, (long)next, 0, 0, 0) < 0)
				stop(2);
	}
}
