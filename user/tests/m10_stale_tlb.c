/*
 * m10_stale_tlb.c - M10, M11, M9: a program writes to a page on another hart while we unbind it, protect it, or make a table of it
 *
 * When the call has returned, nothing may reach the page through the old translation: its content stands still, and the writer
 * has faulted. The writer is an environment in our context without handlers, so its fault stops it.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define ROUNDS	25

void write_for_ever(void);
__asm__(
"	.text\n"
"write_for_ever:\n"			/* a0: where */
"1:	addi	t0, t0, 1\n"
"	sd	t0, 0(a0)\n"
"	j	1b\n");

static unsigned int writer;

static void writer_create(void)
{
	long slot = page_new();

	MUST(slot);
	writer = (unsigned int)slot;
	MUST(sys_env_create(writer, 0));
	MUST(sys_env_set(writer, ENV_CONTEXT, ctx_slot(), 0));
	MUST(sys_slice_bind(slices_of(1), exposed_system()->nharts > 1 ? 0 : 20, 10, writer));
}

static void writer_start(volatile uint64_t *at)
{
	struct env_regs regs = { .pc = (uint64_t)write_for_ever };
	uint64_t before = *at;

	regs.x[9] = (uint64_t)at;
	regs.x[4] = before;
	MUST(sys_env_regs(writer, 1, &regs));
	MUST(sys_env_set(writer, ENV_RUN, 1, 0));
	AWAIT(*at != before);
	CHECK(*at != before);
}

/* It has faulted at the address, and not otherwise. */
static void writer_faulted(const volatile void *at)
{
	struct env_regs regs = { .pc = 0 };

	AWAIT(sys_env_regs(writer, 0, &regs) == 0);
	CHECK_IS(sys_env_regs(writer, 0, &regs), 0);
	CHECK_IS(regs.cause, 15);
	CHECK_IS(regs.tval, (unsigned long)at);
	event_clear(EV_CHILD);
}

static void stands_still(const volatile uint64_t *page)
{
	uint64_t seen = *page;

	for (int i = 0; i < 2000; i++)
		if (*page != seen)
			break;
	CHECK_IS(*page, seen);
}

int main(void)
{
	volatile uint64_t *at, *other;
	void *va, *spare;
	unsigned int page = test_page(&va, PROT_R | PROT_W);
	long table;

	at = va;
	other = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	test_page(&spare, PROT_R | PROT_W);	/* a table for the addresses around is there */
	MUST(sys_page_bind(ctx_slot(), (unsigned long)other, page, 1, PROT_R | PROT_W));
	writer_create();
	for (int i = 0; i < ROUNDS; i++) {
		/* Moved to another address. */
		MUST(sys_page_bind(ctx_slot(), (unsigned long)at, page, 1, PROT_R | PROT_W));
		writer_start(at);
		MUST(sys_page_bind(ctx_slot(), (unsigned long)other, page, 1, PROT_R));
		stands_still(other);
		writer_faulted(at);

		/* Protected. */
		MUST(sys_page_bind(ctx_slot(), (unsigned long)at, page, 1, PROT_R | PROT_W));
		writer_start(at);
		MUST(sys_page_protect(ctx_slot(), (unsigned long)at, 1, PROT_R));
		stands_still(at);
		writer_faulted(at);

		/* Made a table of an empty context, and given back: nothing was written to it in between (M9). */
		MUST(sys_page_protect(ctx_slot(), (unsigned long)at, 1, PROT_R | PROT_W));
		writer_start(at);
		MUST(sys_page_unbind(ctx_slot(), (unsigned long)at, 1));
		MUST(sys_ctx_create(page));
		for (int k = 0; k < 200; k++)
			(void)exposed_system()->free_frames;
		while ((table = sys_object_end(page)) == 1)
			;
		CHECK_IS(table, 0);
		writer_faulted(at);
		MUST(sys_page_bind(ctx_slot(), (unsigned long)at, page, 1, PROT_R | PROT_W));
		CHECK_IS(*at, 0);
	}
	while ((table = sys_object_end(writer)) == 1)
		;
	CHECK_IS(table, 0);
	return verdict();
}
