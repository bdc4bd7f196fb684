/*
 * fdt.h - reader for flattened device trees
 *
 * The blob is believed in what it says about the machine and in nothing else: each offset, length and count is checked
 * before it is used, no list outgrows its room, and work is linear in the blob's size. Nothing is written, nothing is
 * allocated, nothing recurses. Results point into the blob.
 * Source: Devicetree Specification 0.3, chapter 5 (format), 2.3 and 3 (nodes); Linux bindings for RISC-V.
 */
#ifndef ARCH_RISCV_FDT_H
#define ARCH_RISCV_FDT_H

#include "kern/machine.h"

#define FDT_SIZE_MAX	(2u << 20)	/* QEMU's blobs say 1 MiB */
#define FDT_DEPTH_MAX	16

/* X(name, sentence); the functions return the negative */
#define FDT_ERRORS(X) \
	X(FDT_E_MAGIC,     "this is not a flattened device tree") \
	X(FDT_E_VERSION,   "the format's version is not 17 or compatible with it") \
	X(FDT_E_SIZE,      "the tree is larger than its room or smaller than its header") \
	X(FDT_E_HEADER,    "a block lies outside the tree or is misaligned") \
	X(FDT_E_TRUNCATED, "a token, name or value does not end within its block") \
	X(FDT_E_TOKEN,     "a token is unknown or stands where it must not") \
	X(FDT_E_DEPTH,     "nodes are nested too deeply") \
	X(FDT_E_VALUE,     "a property has the wrong length or an impossible value") \
	X(FDT_E_RANGE,     "an address range wraps or lies beyond what can be mapped") \
	X(FDT_E_OVERLAP,   "memory or device registers overlap") \
	X(FDT_E_MANY,      "there are more memory ranges, reservations, harts or devices than exos has room for") \
	X(FDT_E_ARGS,      "the boot arguments are too long or not a string") \
	X(FDT_E_INITRD,    "the boot archive is not within memory") \
	X(FDT_E_NOMEMORY,  "no memory is described") \
	X(FDT_E_NOHART,    "no usable hart with an MMU is described") \
	X(FDT_E_NOTIME,    "the timebase frequency is missing or absurd") \
	X(FDT_E_NOPLIC,    "no PLIC is described")

enum fdt_error {
	FDT_E_NONE,
#define X(name, sentence) name,
	FDT_ERRORS(X)
#undef X
};

/* The sentence for a result of fdt_read_machine(). */
const char *fdt_strerror(int error);

/* Read everything that the kernel wants to know. Returns 0 or a negative fdt_error; on error *m is undefined. */
int fdt_read_machine(const void *blob, size_t max, struct machine *m);

#endif
