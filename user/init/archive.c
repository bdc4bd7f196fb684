/*
 * archive.c - the boot archive: 2 MiB pages that hold a cpio file
 */
#include <exos/boot.h>
#include <stdio.h>

#include "cpio.h"
#include "exos_calls.h"
#include "init.h"
#include "start.h"
#include "vm.h"

#define LARGE_PAGE (512 * PAGE_SIZE)

const void *archive(size_t *len)
{
	static char *at;
	const struct boot_info *b = start_boot_info();

	*len = b->archive_bytes;
	if (at != NULL || b->archive_pages == 0)
		return at;
	at = vm_reserve(b->archive_pages * LARGE_PAGE, LARGE_PAGE);
	for (uint32_t i = 0; at != NULL && i < b->archive_pages; i++) {
		int err = vm_superpage(b->archive_slot + i, at + i * LARGE_PAGE, PROT_R);

		if (err < 0) {
			printf("init: the boot archive cannot be mapped: %s\n", exos_strerror(err));
			at = NULL;
		}
	}
	return at;
}

int archive_spawn(const char *file, struct spawn *s, struct proc *p)
{
	struct cpio_entry e;
	size_t len;
	const void *a = archive(&len);
	int err;

	if (a == NULL) {
		printf("init: there is no boot archive, so there is no %s\n", file);
		return -E_NODEV;
	}
	err = cpio_find(a, len, file, &e);
	if (err != 1) {
		printf("init: %s: %s\n", file, err == 0 ? "not in the boot archive" : cpio_strerror(err));
		return -E_NODEV;
	}
	s->elf = e.data;
	s->elf_bytes = e.size;
	err = proc_spawn(s, p);
	if (err < 0)
		printf("init: %s: %s\n", file, proc_strerror(err));
	return err;
}
