/*
 * fuzz_elf.c - any bytes through the ELF reader and the archive reader
 *
 * Whatever they are: no read beyond the end (the sanitizer sees it), no endless walk, and a plan that is accepted keeps the
 * promises of elf_plan.h.
 */
/* ctest: sources=libexos/proc/elf_plan.c,libexos/proc/cpio.c */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <exos/cap.h>

#include "cpio.h"
#include "elf_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int truth)
{
	if (!truth)
		abort();
}

static void check_plan(const struct elf_plan *plan, size_t size)
{
	uint64_t last = ELF_LOWEST, pages = 0;
	int entry = 0;

	for (uint32_t i = 0; i < plan->nsegments; i++) {
		const struct elf_segment *s = &plan->segment[i];

		check(s->va % 4096 == 0 && s->va >= last && s->npages > 0);
		last = s->va + s->npages * 4096ull;
		check(s->file_offset <= size && s->file_bytes <= size - s->file_offset);
		check(s->skip < 4096 && s->skip + s->file_bytes <= s->npages * 4096ull);
		check((s->prot & PROT_R) && (s->prot & (PROT_W | PROT_X)) != (PROT_W | PROT_X));
		pages += s->npages;
		entry |= (s->prot & PROT_X) && plan->entry >= s->va && plan->entry < last;
	}
	check(plan->nsegments > 0 && last == plan->end && last <= ELF_HIGHEST);
	check(pages == plan->npages && pages <= ELF_PAGES && entry && plan->entry % 2 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_plan plan;
	struct cpio_entry e;
	size_t at = 0, rounds = 0;

	if (elf_plan(data, size, &plan) == 0)
		check_plan(&plan, size);
	while (cpio_next(data, size, &at, &e) == 1) {
		check(++rounds <= size / 110);
		check((const uint8_t *)e.data >= data && e.size <= (size_t)(data + size - (const uint8_t *)e.data));
		elf_plan(e.data, e.size, &plan);
	}
	return 0;
}
