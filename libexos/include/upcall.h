/*
 * upcall.h - what the kernel tells a program, and how the program goes on
 *
 * The kernel enters upcall_entry_* (upcall/entry.S) with three registers and the pc in the u-area and nothing else saved. The
 * entry saves the rest into struct upcall_frame on the upcall stack, calls the dispatcher, restores what is in the frame then and
 * resumes without the kernel. Handlers may change any register of the frame, pc included.
 *
 * While a handler runs, `held` is set: further asynchronous upcalls only leave a pending bit and are served before the program
 * goes on. A synchronous exception in a handler is a double fault, which stops the program and is told to its parent. So a handler
 * may only touch memory that is bound: the image, the upcall stack (16 KiB), what vm_touch() or vm_page() bound. It must not
 * call malloc() or anything else that the interrupted code may be in the middle of.
 *
 * Order of a fault: the vm part first (demand-zero pages), then the program's fault handler, then the verdict: a message that
 * names cause, pc and address, and exit with status 128 + 11.
 */
#ifndef UPCALL_H
#define UPCALL_H

#include <exos/uarea.h>
#include <stdbool.h>
#include <stdint.h>

#include "start.h"

/* All registers of the interrupted program. x[n] is register xn; x[0] is its pc. x[3], gp, belongs to the upcall path. */
struct upcall_frame {
	uint64_t x[32];
	uint64_t cause, tval;
};
#define frame_pc x[0]

/*
 * Call fn for every fault that the vm part does not serve. fn returns true: resume as the frame says; false: nobody wants the
 * fault. NULL: no handler. Floating-point registers are saved around fn.
 */
void upcall_set_fault_handler(bool (*fn)(struct upcall_frame *f));

/*
 * Call fn(events) when one of the bits of mask arrives while the program runs; it clears those that it serves with
 * event_clear(). NULL or an empty mask: none, bits are found by sys_wait() and event_pending() only.
 */
void upcall_set_event_handler(uint64_t mask, void (*fn)(uint64_t events));

/*
 * Save and restore the registers at the borders of slices in the library instead of leaving that to the kernel: every slice end
 * is told to end(), which may be NULL, before the slice is given up; begin() is called when the next one starts.
 */
void upcall_own_switch(bool on, void (*end)(void), void (*begin)(void));

/* The environment's u-area. */
static inline volatile struct uarea *uarea(void)
{
	return (volatile struct uarea *)LAYOUT_UAREA;
}

/* Event bits that are set; clear some of them (one instruction: the kernel sets bits meanwhile). */
static inline uint64_t event_pending(void)
{
	return uarea()->events;
}

extern uint64_t event_cleared;	/* what event_clear() cleared since a thread of this program last looked: it may have waited for it */

static inline void event_clear(uint64_t bits)
{
	uint64_t was = __atomic_fetch_and(&((struct uarea *)uarea())->events, ~bits, __ATOMIC_SEQ_CST) & bits;

	if (was != 0)
		__atomic_fetch_or(&event_cleared, was, __ATOMIC_SEQ_CST);
}

/*
 * sys_wait() that lets the other threads of the program run meanwhile (thread.h); in a program without threads it is sys_wait().
 * Other threads may wait for the same bits and clear them: so look again at what was waited for, not only at the result.
 */
long event_wait(uint64_t mask, unsigned long deadline);

/* Counters since start. */
struct upcall_stats {
	uint64_t faults, events, slice_ends, slice_begins, fault_pages;
};
const struct upcall_stats *upcall_stats(void);

/* Name of an exception cause of the ISA: "load page fault". */
const char *upcall_cause_name(uint64_t cause);

#endif
