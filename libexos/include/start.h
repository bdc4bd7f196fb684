/*
 * start.h - how a program begins
 *
 * A parent that uses proc_spawn() leaves one page at START_VA in the new context: struct start_block, then the lists and strings
 * that it names, then a few instructions. The page stays the parent's; it is the only one that the parent binds. The pages of the
 * image are the child's, and it binds them itself with those instructions (a binding belongs to the capability through
 * which it was made, and the image is to hang on the child's own). Then it jumps to the entry with a0 = START_VA and sp = 0. So a
 * program that is not made with libexos can be spawned as well: it finds its image mapped and this block in a0, and all else is
 * its own business.
 *
 * The first environment gets struct boot_info in a0 instead; _start tells the two apart by the first word.
 *
 * Offsets count from the start of the block. Strings end with a nul. The page is mapped readable and executable.
 */
#ifndef START_H
#define START_H

/* Where libexos puts things; the kernel does not care. All in the first GiB, so that one middle page table serves a program. */
#define LAYOUT_IMAGE	0x10000ul
#define LAYOUT_HEAP_END	0x20000000ul	/* the heap grows from the end of the image to here at most */
#define LAYOUT_MAP	0x20000000ul	/* vm_map(), vm_reserve(): from here .. */
#define LAYOUT_MAP_END	0x3f000000ul	/* .. to here, then again from LAYOUT_FAR */
#define LAYOUT_FAR	0x40000000ul
#define LAYOUT_FAR_END	0x3fc0000000ul
#define LAYOUT_TABLES	0x3fc0000000ul	/* vm_entries(): own page tables, read-only, as one vector of 512 MiB */
#define LAYOUT_VECTOR	0x3ff0000000ul	/* a page table (ptable.h) that is too large for LAYOUT_NODES */
#define LAYOUT_END	0x4000000000ul	/* end of the lower half of Sv39 */
#define LAYOUT_STACK	0x3f400000ul	/* lowest address of the stack; the page below is never mapped */
#define LAYOUT_STACK_END 0x3fc00000ul
#define START_VA	0x3fe00000ul	/* start page */
#define LAYOUT_UAREA	0x3fe01000ul
#define LAYOUT_FORK	0x3fe02000ul	/* first page of a copy made by fork: what is to be bound before it goes on */
#define LAYOUT_UPCALL	0x3fe04000ul	/* upcall stack, below it nothing */
#define LAYOUT_UPCALL_END 0x3fe08000ul
#define LAYOUT_COPY	0x3fe09000ul	/* where the vm part writes a page before it is bound where it belongs */
#define LAYOUT_PEEK	0x3fe0a000ul	/* where it reads a page of the exposed frame table */
#define LAYOUT_WINDOW	0x3fe0b000ul	/* where pages of a child are written */
#define LAYOUT_NODES	0x3fe10000ul	/* the vm part's own records, one page at a time */
#define LAYOUT_NODES_END 0x40000000ul

#define START_MAGIC	0x31545241545358ul	/* "XSTART1" */
#define START_VERSION	1

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/*
 * A capability, or a run of them, that the parent gave under a name. The names that user/init uses:
 *
 *	console		the serial line
 *	machine		power and the report channel
 *	archive		the boot archive: 2 MiB pages, readable; value: its length in bytes
 *	slices		SLICE capability that the program may divide among its children; value: number of slices
 *	netpage		struct net_page (netif/net_page.h): writable for netd, readable for everyone else
 *	flow.arp, flow.icmp, flow.dhcp, flow.tcp, flow.udp	flows; value of the last two: the port
 *	flow.root	everything the network device receives and sends
 */
struct start_grant {
	char     name[24];
	uint32_t slot, count;
	uint64_t value;		/* what the two agree on, e.g. the length of an archive in bytes */
};

/* Pages of the image: slots from `slot` on belong at va. */
struct start_segment {
	uint64_t va;
	uint32_t slot, npages;
	uint32_t prot, zero;
};

struct start_block {
	uint64_t magic;
	uint32_t version, bytes;		/* bytes: of the whole content of the page */
	uint64_t entry;
	uint64_t image_base, image_end;		/* lowest and highest address of the image, multiples of 4096 */
	uint32_t env, parent;			/* environment numbers */
	uint32_t self_slot;			/* own ENV capability: NOTIFY, CALL and YIELD, to be passed on */
	uint32_t ctx_slot;			/* own context: MAP and RUN */
	uint32_t first_free, nslots;		/* slots below first_free are in use; the table has nslots */
	uint32_t segments, nsegments;		/* offset of struct start_segment[] */
	uint32_t grants, ngrants;		/* offset of struct start_grant[] */
	uint32_t args, argc;			/* offset of argc strings, one behind the other */
	uint32_t code, zero;			/* offset of the instructions */
};

/* ---- for programs made with libexos ---- */

/* The start block, or NULL in the first environment. */
const struct start_block *start_block(void);

/* The boot info, or NULL in every other environment. */
struct boot_info;
const struct boot_info *start_boot_info(void);

/* Slots of the own environment and context; the own number. */
unsigned int self_slot(void), ctx_slot(void), self_env(void);

/* The grant of that name, or NULL. */
const struct start_grant *start_grant(const char *name);

/* Its first slot, or 0 when there is no such grant. */
unsigned int start_slot(const char *name);

#endif
#endif
