/*
 * boot.h - from a described machine to the first environment
 */
#ifndef KERN_BOOT_H
#define KERN_BOOT_H

#include "kern/env.h"
#include "kern/machine.h"

struct boot_param {
	const struct machine *machine;
	paddr_t kernel_end;	/* everything in its memory range below this belongs to firmware and kernel */
	const void *image;	/* flat image of the first environment, struct image_header first */
	size_t image_bytes;
	uint64_t random;	/* nobody outside knows it */
	ticks_t entered;	/* time CSR when the kernel was entered */
};

/*
 * Make frame table, bookkeeping and the first environment, which gets the root capabilities of everything. Returns it, entered
 * on harts[0] and ready to be restored. Panics when the machine is too small or the image is none: ours to prevent.
 */
struct env *kern_boot(const struct boot_param *b);

#endif
