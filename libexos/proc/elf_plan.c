/*
 * elf_plan.c - from the bytes of an ELF file to a list of pages
 *
 * Every field is read by memcpy (nothing is promised about alignment), judged, and only then used. Sums are written so that
 * they cannot wrap. Source: System V ABI, ELF-64 Object File Format 1.5; RISC-V ELF psABI 1.0.
 */
#include "elf_plan.h"

#include <exos/cap.h>
#include <string.h>

#define PAGE		4096ull
#define EM_RISCV	243
#define ET_EXEC		2
#define PT_LOAD		1
#define PT_DYNAMIC	2
#define PT_INTERP	3
#define PF_X		1u
#define PF_W		2u
#define PF_R		4u
#define PHDRS_MAX	64

struct ehdr {
	uint8_t  ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static int check_header(const struct ehdr *h, size_t len)
{
	static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

	if (memcmp(h->ident, magic, sizeof(magic)) != 0)
		return ELF_MAGIC;
	if (h->ident[4] != 2 || h->ident[5] != 1 || h->ident[6] != 1 || h->version != 1)
		return ELF_CLASS;
	if (h->type != ET_EXEC || h->machine != EM_RISCV)
		return ELF_MACHINE;
	if (h->phnum == 0 || h->phnum > PHDRS_MAX || h->phentsize != sizeof(struct phdr))
		return ELF_HEADERS;
	if (h->phoff > len || (uint64_t)h->phnum * sizeof(struct phdr) > len - h->phoff)
		return ELF_HEADERS;
	return 0;
}

static int check_segment(const struct phdr *p, size_t len)
{
	if (p->offset > len || p->filesz > len - p->offset)
		return ELF_FILE_RANGE;
	if (p->memsz < p->filesz)
		return ELF_SIZES;
	if (p->vaddr < ELF_LOWEST || p->vaddr > ELF_HIGHEST || p->memsz > ELF_HIGHEST - p->vaddr)
		return ELF_ADDRESS;
	if (p->align > 1 && ((p->align & (p->align - 1)) != 0 || (p->vaddr - p->offset) % (p->align < PAGE ? p->align : PAGE) != 0))
		return ELF_ALIGN;
	if ((p->flags & ~(PF_R | PF_W | PF_X)) != 0 || !(p->flags & PF_R))
		return ELF_RIGHTS;
	if ((p->flags & PF_W) && (p->flags & PF_X))
		return ELF_WX;
	return 0;
}

static void plan_segment(const struct phdr *p, struct elf_segment *s)
{
	s->va = p->vaddr & ~(PAGE - 1);
	s->skip = p->vaddr - s->va;
	s->npages = (uint32_t)((s->skip + p->memsz + PAGE - 1) / PAGE);
	s->prot = PROT_R | (p->flags & PF_W ? PROT_W : 0) | (p->flags & PF_X ? PROT_X : 0);
	s->file_offset = p->offset;
	s->file_bytes = p->filesz;
}

static int check_entry(const struct elf_plan *plan)
{
	for (uint32_t i = 0; i < plan->nsegments; i++) {
		const struct elf_segment *s = &plan->segment[i];

		if ((s->prot & PROT_X) && plan->entry >= s->va + s->skip && plan->entry - s->va - s->skip < s->file_bytes)
			return plan->entry % 2 == 0 ? 0 : ELF_ENTRY;
	}
	return ELF_ENTRY;
}

static int make_plan(const uint8_t *file, size_t len, struct elf_plan *plan)
{
	struct ehdr h;
	int err;

	if (len < sizeof(h))
		return ELF_SHORT;
	memcpy(&h, file, sizeof(h));
	if ((err = check_header(&h, len)) < 0)
		return err;
	for (unsigned int i = 0; i < h.phnum; i++) {
		struct elf_segment *s = &plan->segment[plan->nsegments];
		struct phdr p;

		memcpy(&p, file + h.phoff + i * sizeof(p), sizeof(p));
		if (p.type == PT_DYNAMIC || p.type == PT_INTERP)
			return ELF_DYNAMIC;
		if (p.type != PT_LOAD || p.memsz == 0)
			continue;
		if (plan->nsegments == ELF_SEGMENTS)
			return ELF_MANY;
		if ((err = check_segment(&p, len)) < 0)
			return err;
		plan_segment(&p, s);
		if (plan->nsegments > 0 && s->va < plan->end)
			return ELF_OVERLAP;
		if (s->npages > ELF_PAGES - plan->npages)
			return ELF_MANY;
		plan->npages += s->npages;
		plan->end = s->va + s->npages * PAGE;
		plan->nsegments++;
	}
	if (plan->nsegments == 0)
		return ELF_EMPTY;
	plan->base = plan->segment[0].va;
	plan->entry = h.entry;
	return check_entry(plan);
}

int elf_plan(const void *file, size_t len, struct elf_plan *plan)
{
	int err;

	memset(plan, 0, sizeof(*plan));
	err = make_plan(file, len, plan);
	if (err < 0)
		memset(plan, 0, sizeof(*plan));
	return err;
}

const char *elf_strerror(int err)
{
	switch (err) {
#define X(name, value, text) case name: return text;
	ELF_ERRORS(X)
#undef X
	default:
		return "no error";
	}
}
