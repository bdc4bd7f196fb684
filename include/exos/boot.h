/*
 * boot.h - what the first environment finds
 *
 * The kernel maps the image of the first environment at its link address, puts struct boot_info on a page of its own
 * behind the image, and enters at the image's entry with a0 = address of the boot info, sp = 0: paging, stack and
 * everything else are the program's own business. All page tables on the way are donated to it already.
 */
#ifndef EXOS_BOOT_H
#define EXOS_BOOT_H

#include <stdint.h>

/* Slots of the first environment. */
#define SLOT_SELF	1
#define SLOT_CTX	2
#define SLOT_MACHINE	3
#define SLOT_CONSOLE	4
#define SLOT_FLOW	5	/* root flow capability of the network device, when there is one */
#define SLOT_SLICES	8	/* + hart */
#define SLOT_BOOT	16	/* pages from here on: image, boot info, u-area, tables; see boot_info */

/* First words of the first environment's flat image. All addresses are multiples of 4096 but entry and file_end. */
#define IMAGE_MAGIC	0x31474d49534f5845ull	/* "EXOSIMG1" */
struct image_header {
	uint64_t magic;
	uint64_t entry;
	uint64_t base;		/* address of this header */
	uint64_t data;		/* start of writable data */
	uint64_t file_end;	/* end of the bytes in the file */
	uint64_t end;		/* end including zeroed data */
};

struct boot_info {
	uint32_t version, bytes;
	uint32_t first_slot, nslots;		/* slots from SLOT_BOOT that are used; free ones follow */
	uint64_t image_base;
	uint32_t image_slot, image_pages;	/* pages of the image, in order of their addresses */
	uint64_t info_va;
	uint32_t info_slot, zero;
	uint64_t table_va;			/* everything below is covered by donated tables up to this address */
	uint32_t captab_pages, captab_slots;
	uint32_t archive_slot, archive_pages;	/* 2 MiB pages with the boot archive (cpio newc), rights R */
	uint64_t archive_bytes;
	uint32_t nharts, nic_present;
	char     args[256];			/* boot arguments, nul-terminated */
};

#endif
