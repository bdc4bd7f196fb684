/*
 * elf_plan.h - what an ELF file asks for, before anything is done about it
 *
 * elf_plan() reads an ELF64 RISC-V executable and writes down which pages with which rights it wants and which bytes go there. It
 * believes nothing and changes nothing; it builds on the host too. The loader (proc.h) then only follows the plan.
 *
 * Accepted: statically linked executables for RV64, little-endian, whose loadable segments lie between ELF_LOWEST and
 * ELF_HIGHEST, share no page, are not writable and executable at once, and hold the entry in an executable one.
 */
#ifndef ELF_PLAN_H
#define ELF_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define ELF_LOWEST	0x10000ul	/* the null page and its neighbours stay unmapped */
#define ELF_HIGHEST	0x20000000ul	/* LAYOUT_HEAP_END */
#define ELF_SEGMENTS	8
#define ELF_PAGES	16384u		/* 64 MiB in all */

struct elf_segment {
	uint64_t va;		/* multiple of 4096 */
	uint32_t npages;
	uint32_t prot;		/* PROT_R, PROT_W, PROT_X */
	uint64_t file_offset;	/* bytes to copy .. */
	uint64_t file_bytes;
	uint64_t skip;		/* .. to va + skip; everything else is zero */
};

struct elf_plan {
	uint64_t entry;
	uint32_t nsegments;
	uint32_t npages;	/* of all segments */
	uint64_t base, end;	/* lowest and highest address, multiples of 4096 */
	struct elf_segment segment[ELF_SEGMENTS];	/* ascending */
};

/* Returns 0, or a negative enum elf_error, and then *plan is all zero. */
int elf_plan(const void *file, size_t len, struct elf_plan *plan);

#define ELF_ERRORS(X) \
	X(ELF_SHORT, -1, "the file is shorter than an ELF header") \
	X(ELF_MAGIC, -2, "the file does not begin with the bytes of an ELF file") \
	X(ELF_CLASS, -3, "not a 64-bit little-endian ELF file of version 1") \
	X(ELF_MACHINE, -4, "not an executable for RISC-V (a shared or position-independent one is none)") \
	X(ELF_HEADERS, -5, "the program headers are missing, too many, of a wrong size, or reach past the end of the file") \
	X(ELF_FILE_RANGE, -6, "a segment's bytes reach past the end of the file") \
	X(ELF_SIZES, -7, "a segment is smaller in memory than in the file") \
	X(ELF_ADDRESS, -8, "a segment lies below 0x10000, above 512 MiB, or wraps around") \
	X(ELF_ALIGN, -9, "a segment's alignment is no power of two, or address and offset disagree within a page") \
	X(ELF_OVERLAP, -10, "two segments share a page, or are not in ascending order") \
	X(ELF_WX, -11, "a segment is writable and executable at once") \
	X(ELF_RIGHTS, -12, "a segment is not readable, or has unknown flags") \
	X(ELF_MANY, -13, "more than 8 loadable segments or more than 64 MiB") \
	X(ELF_ENTRY, -14, "the entry point is not in an executable segment, or is odd") \
	X(ELF_DYNAMIC, -15, "the file wants an interpreter or dynamic linking") \
	X(ELF_EMPTY, -16, "there is no loadable segment")

enum elf_error {
#define X(name, value, text) name = value,
	ELF_ERRORS(X)
#undef X
};
const char *elf_strerror(int err);

#endif
