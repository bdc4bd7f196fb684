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

/* vm/vm.c: the image is a region; nothing is known about its pages until vm_note(). */
void vm_init(uintptr_t image_start, uintptr_t image_end);

/* npages pages of neighbouring slots stand at va already, with prot. */
int vm_note(uint64_t va, unsigned int slot, unsigned int npages, unsigned int prot);

/* The heap begins, and reaches to end now. */
void vm_heap(uint64_t end);

/* Pages copied because they were shared until written. */
uint64_t vm_copied(void);

/* A fault: returns true when it was a first touch of demand memory and can be repeated now. */
bool vm_fault(uint64_t cause, uint64_t va);

/* Why the last fault that vm_fault() refused was refused: a sentence. */
const char *vm_fault_reason(uint64_t cause, uint64_t va, char *buf, size_t len);

/* upcall/: register the handlers. u-area and upcall stack are there already. */
long upcall_init(void);

/* All floating-point registers and fcsr. */
void upcall_fp_save(uint64_t area[33]);
void upcall_fp_restore(const uint64_t area[33]);

/* start/: argv[0]. */
const char *program_name(void);

/* posix/: what stdio holds back. */
void console_flush(void);

#endif
