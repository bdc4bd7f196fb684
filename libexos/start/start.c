/*
 * start.c - from the first instruction to main()
 *
 * Everything here runs on a small stack in .bss, before the first fault may happen: only the image is bound, by the parent's
 * instructions (start.h) or by the kernel (exos/boot.h). In order: who am I, free slots, memory, u-area and upcall stack, handlers, stack.
 */
#include <exos/boot.h>
#include <stdlib.h>
#include <string.h>

#include "exos_calls.h"
#include "internal.h"
#include "posix.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

int main(int argc, char **argv);

extern char __image_start[], __data_start[], __image_end[];
extern void (*__preinit_array_start[])(void), (*__preinit_array_end[])(void);
extern void (*__init_array_start[])(void), (*__init_array_end[])(void);

static const struct start_block *block;
static const struct boot_info *boot;
static struct start_grant boot_grants[2];
static unsigned int slot_self, slot_ctx;

const struct start_block *start_block(void)
{
	return block;
}

const struct boot_info *start_boot_info(void)
{
	return boot;
}

unsigned int self_slot(void)
{
	return slot_self;
}

unsigned int ctx_slot(void)
{
	return slot_ctx;
}

unsigned int self_env(void)
{
	return (unsigned int)uarea()->env;
}

const struct start_grant *start_grant(const char *name)
{
	const struct start_grant *g = boot_grants;
	uint32_t n = 2;

	if (block != NULL) {
		g = (const struct start_grant *)((const char *)block + block->grants);
		n = block->ngrants;
	}
	for (uint32_t i = 0; i < n; i++)
		if (strncmp(g[i].name, name, sizeof(g[i].name)) == 0)
			return &g[i];
	return NULL;
}

unsigned int start_slot(const char *name)
{
	const struct start_grant *g = start_grant(name);

	return g != NULL ? g->slot : 0;
}

/* Nothing works yet, so there is nobody to tell but the parent: exit status 200 + step says which step failed. */
static void must(int step, long result)
{
	if (result < 0)
		sys_exit(200 + step);
}

/* A fresh page at va, bound for good. */
static unsigned int fixed_page(int step, unsigned long va)
{
	long slot = page_new();

	must(step, slot);
	must(step, vm_page((unsigned int)slot, (void *)va, PROT_R | PROT_W));
	return (unsigned int)slot;
}

static void know_spawned(const struct start_block *b)
{
	block = b;
	slot_self = b->self_slot;
	slot_ctx = b->ctx_slot;
	slot_init(b->first_free, b->nslots);
}

static void know_first(const struct boot_info *b)
{
	boot = b;
	slot_self = SLOT_SELF;
	slot_ctx = SLOT_CTX;
	slot_init(b->first_slot + b->nslots, b->captab_slots);
	boot_grants[0] = (struct start_grant){ .name = "console", .slot = SLOT_CONSOLE, .count = 1 };
	boot_grants[1] = (struct start_grant){ .name = "machine", .slot = SLOT_MACHINE, .count = 1 };
}

/* Tell the vm part which slots the image hangs on. */
static void know_image(void)
{
	const struct start_segment *s;

	if (block == NULL) {
		/* The boot info lies on the page behind the image. */
		vm_init((uintptr_t)__image_start, boot->info_va + PAGE_SIZE);
		must(1, vm_note(boot->image_base, boot->image_slot, boot->image_pages, 0));
		must(1, vm_note(boot->info_va, boot->info_slot, 1, PROT_R));
		return;
	}
	vm_init((uintptr_t)__image_start, (uintptr_t)__image_end);
	s = (const struct start_segment *)((const char *)block + block->segments);
	for (uint32_t i = 0; i < block->nsegments; i++)
		must(1, vm_note(s[i].va, s[i].slot, s[i].npages, s[i].prot));
}

/* What the program can do from here on: fault. Returns the top of the stack. */
uintptr_t start_prepare(const void *arg)
{
	unsigned int slot;

	if (*(const uint64_t *)arg == START_MAGIC)
		know_spawned(arg);
	else
		know_first(arg);
	know_image();

	slot = fixed_page(2, LAYOUT_UAREA);
	must(2, sys_env_set(0, ENV_UAREA, slot, LAYOUT_UAREA));
	for (unsigned long va = LAYOUT_UPCALL; va < LAYOUT_UPCALL_END; va += PAGE_SIZE)
		fixed_page(3, va);
	must(4, sys_env_set(0, ENV_FP, 1, 0));
	must(5, upcall_init());
	fixed_page(6, LAYOUT_STACK_END - PAGE_SIZE);
	return LAYOUT_STACK_END;
}

#define ARGS_MAX 64
static char *arg_list[ARGS_MAX + 1];
static char arg_bytes[PAGE_SIZE];

/* main() may write to its arguments, and the page with them is read-only: copy them. Cut them at nuls (or at blanks). */
static int cut_args(const char *src, size_t len, int limit, const char *separators)
{
	char *p = arg_bytes, *end;
	int argc = 0;

	if (len > sizeof(arg_bytes) - 1)
		len = sizeof(arg_bytes) - 1;
	memcpy(p, src, len);
	end = p + len;
	while (argc < limit && argc < ARGS_MAX && p < end) {
		size_t n = strcspn(p, separators);

		arg_list[argc++] = p;
		p[n] = '\0';
		p += n + 1;
	}
	return argc;
}

static int make_args(void)
{
	if (block != NULL)
		return cut_args((const char *)block + block->args, block->bytes - block->args, (int)block->argc, "");
	return cut_args(boot->args, strnlen(boot->args, sizeof(boot->args)), ARGS_MAX, " ");
}

const char *program_name(void)
{
	return block == NULL ? "init" : arg_list[0] != NULL ? arg_list[0] : "program";
}

/* Runs on the stack proper. */
void start_main(void)
{
	int argc = make_args();

	own_slices_begin();
	for (void (**f)(void) = __preinit_array_start; f < __preinit_array_end; f++)
		(*f)();
	for (void (**f)(void) = __init_array_start; f < __init_array_end; f++)
		(*f)();
	exit(main(argc, arg_list));
}
