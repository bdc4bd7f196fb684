/*
 * internal.h - what the parts of libexos say to each other and to nobody else
 */
#ifndef LIBEXOS_INTERNAL_H
#define LIBEXOS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upcall_frame;

/* vm/slot.c: slots below first_free are used, the table has nslots. */
void slot_init(unsigned int first_free, unsigned int nslots);
void slot_count(uint64_t *used, uint64_t *total);
bool slot_used(unsigned int slot);
long page_take(unsigned int slot);	/* see vm/space.h */
long page_take_for(unsigned int env, unsigned int slot);

/* vm/revoke.c: the kernel asks or has taken, in an upcall; what was put off then; the u-area is a new one. */
void revoke_upcall(void);
void revoke_late(void);
void revoke_begin(void);

/* sched/slices.c: from now on the program answers when it is asked for slices, if it was given the right to bind some. */
void own_slices_begin(void);

/* vm/vm.c: the image is a region; nothing is known about its pages until vm_note(). */
void vm_init(uintptr_t image_start, uintptr_t image_end);

/* npages pages of neighbouring slots stand at va already, with prot. */
int vm_note(uint64_t va, unsigned int slot, unsigned int npages, unsigned int prot);

/* The heap begins, and reaches to end now. */
void vm_heap(uint64_t end);

/* Pages copied because they were shared until written. */
uint64_t vm_copied(void);

/*
 * vm/copy.c: a copy of this memory for a stopped environment, in its slots of the same numbers. vm_copy_prepare() may take slots;
 * vm_copy_share() gives capabilities of what is shared, now or until it is written, and tells must_bind(arg, ...) of each page that the
 * copy has to bind before it goes on with the stack pointer sp; when nothing in this program changes any more, vm_copy_now() gives
 * it pages of its own for the rest. All return 0 or a negative E_* code.
 */
struct vm_copy {
	unsigned int env;	/* with CONTROL */
	unsigned int scratch;	/* an empty slot */
	uint64_t sp;
	int (*must_bind)(void *arg, uint64_t va, unsigned int slot, unsigned int prot);
	void *arg;
};
long vm_copy_prepare(void);
long vm_copy_share(struct vm_copy *c);
long vm_copy_now(struct vm_copy *c);

/* In the copy: forget what is not there. */
void vm_copy_begin(void);

/* upcall/: register all handlers anew. */
long upcall_again(void);

/* A fault: returns true when it was a first touch of demand memory and can be repeated now. */
bool vm_fault(uint64_t cause, uint64_t va);

/* Why the last fault that vm_fault() refused was refused: a sentence. */
const char *vm_fault_reason(uint64_t cause, uint64_t va, char *buf, size_t len);

/* upcall/: register the handlers. u-area and upcall stack are there already. */
long upcall_init(void);

/* All floating-point registers and fcsr. */
void upcall_fp_save(uint64_t area[33]);
void upcall_fp_restore(const uint64_t area[33]);

/* Events that are a reason for another thread to run: their arrival is an upcall. */
void upcall_set_wake_mask(uint64_t mask);

/* sched/: what event_wait() is in a program with threads. */
extern long (*event_waiter)(uint64_t mask, unsigned long deadline);

/* start/: argv[0]. */
const char *program_name(void);

/* posix/: what stdio holds back. */
void console_flush(void);

#endif
