/*
 * cap.h - capability types and rights, as user programs name them
 *
 * A capability is a record in the kernel; a program knows it by the number of a slot in its own table. Slot 0 is never
 * used: as an operand it means "myself" or "nobody", as each call says. Rights only shrink when a capability is copied.
 */
#ifndef EXOS_CAP_H
#define EXOS_CAP_H

#include <stdint.h>

#define EXOS_ABI_VERSION 1

enum cap_type {
	CAP_NONE,
	CAP_PAGE,	/* a page of memory: 4 KiB, 2 MiB or 1 GiB */
	CAP_TABLE,	/* a page donated as page table; may be bound read-only */
	CAP_CAPTAB,	/* a page donated as capability table of an environment */
	CAP_CTX,	/* an addressing context; its page is the root table */
	CAP_ENV,	/* an environment; its page is the kernel's record of it */
	CAP_SLICE,	/* a range of slices of one hart */
	CAP_FLOW,	/* the packets that satisfy a predicate */
	CAP_RING,	/* a packet ring */
	CAP_FILTER,	/* a flow bound to a ring */
	CAP_CONSOLE,	/* the serial line */
	CAP_MACHINE,	/* power and the report channel */
	CAP_TYPES
};

/* Page rights; also the prot argument of page_bind() and page_protect(). Sv39 reserves W without R. */
#define PROT_R		1u
#define PROT_W		2u
#define PROT_X		4u
#define PROT_TRACK	8u	/* prot only: start with accessed and dirty clear, so that the MMU tells of the first use */

/* What page_batch() tells of a page whose accessed and dirty bits it clears. */
#define PAGE_ACCESSED	1u
#define PAGE_DIRTY	2u

/* Rights of the other types. Each right is one bit of the same eight. */
#define RIGHT_MAP	1u	/* CTX: bind, unbind, protect, donate tables */
#define RIGHT_RUN	2u	/* CTX: let an environment run in it */
#define RIGHT_CONTROL	1u	/* ENV: everything its parent may do */
#define RIGHT_NOTIFY	2u	/* ENV: raise event bits */
#define RIGHT_CALL	4u	/* ENV: enter it at its protected entry */
#define RIGHT_YIELD	8u	/* ENV: give it the rest of a slice; bind slices to it */
#define RIGHT_BIND	1u	/* SLICE: bind to environments */
#define RIGHT_RECV	1u	/* FLOW: bind filters */
#define RIGHT_SEND	2u	/* FLOW: send what satisfies its send predicate */
#define RIGHT_USE	1u	/* RING, CONSOLE, MACHINE, FILTER */
#define RIGHTS_ALL	0xffu

#define PAGE_ORDER_MAX	1	/* page_alloc(): 2 MiB */
#define PAGE_ORDER_JOINED 2	/* page_join(): 1 GiB */
#define CAP_LIST_MAX	512	/* capabilities that may stand for one resource */
#define CAP_DEPTH_MAX	255
#define CAPS_PER_PAGE	128
#define CAPTAB_PAGES	256	/* table pages of one environment: 32,768 slots */

/* What cap_info() tells. Fields that a type does not have are 0. */
struct cap_info {
	uint32_t version;	/* EXOS_ABI_VERSION */
	uint8_t  type, rights, depth, order;
	uint64_t object;	/* PAGE and page-based objects: frame number. SLICE: hart */
	uint64_t bound_ctx;	/* PAGE: frame of the root table it is bound in, 0: unbound */
	uint64_t bound_va;
	uint32_t first, count;	/* SLICE: range */
	uint64_t word;		/* the owner's word of the object */
};

#endif
