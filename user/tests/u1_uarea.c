/*
 * u1_uarea.c - U1, U3, U4: u-areas and handlers that must be refused, and saved registers that were tampered with
 */
/* guest: harts=1,2,4 */
#include "check.h"

static volatile uint64_t resumed;

/* The handler sends the program into the kernel's half; the jump faults, and the second time it is sent back. */
static bool tamper(struct upcall_frame *f)
{
	static uint64_t home;

	last_fault.count++;
	last_fault.cause = f->cause;
	last_fault.tval = f->tval;
	if (f->cause == 3) {
		home = f->frame_pc + ((*(const uint16_t *)f->frame_pc & 3) == 3 ? 4 : 2);
		f->frame_pc = 0xffffffc080200000ul;
		return true;
	}
	resumed++;
	f->frame_pc = home;
	return true;
}

static int role(void)
{
	/* A handler at an odd place is refused; one in nothing is the program's own misfortune. */
	if (sys_env_set(0, ENV_HANDLER, UP_FAULT, 0x10001) != -E_INVAL)
		return 2;
	sys_env_set(0, ENV_HANDLER, UP_FAULT, 0x5000);
	__asm__ volatile("ebreak");
	return 1;
}

int main(int argc, char **argv)
{
	struct child c = { .name = "u1_uarea", .role = "lost", .first = 8, .count = 8 };
	unsigned int slot, copy = slot_alloc(), table, ctx;
	struct proc p;

	(void)argv;
	if (argc > 1)
		return role();
	MUST(slot = (unsigned int)page_new());
	MUST(table = (unsigned int)page_new());
	MUST(ctx = (unsigned int)page_new());
	MUST(sys_ctx_create(ctx));
	MUST(sys_table_bind(ctx, 0, 1, table));
	MUST(sys_cap_copy(0, slot, copy, PROT_R, 0, 0));

	CHECK_IS(sys_env_set(0, ENV_UAREA, copy, 0x30000000), -E_RIGHTS);
	CHECK_IS(sys_env_set(0, ENV_UAREA, slot, 0), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_UAREA, slot, 0x30000008), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_UAREA, slot, 0x30000ff8), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_UAREA, slot, 0x4000000000ul), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_UAREA, slot, 0xffffffc080200000ul), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_UAREA, table, 0x30000000), -E_NOCAP);
	CHECK_IS(sys_env_set(0, ENV_UAREA, ctx, 0x30000000), -E_NOCAP);
	CHECK_IS(sys_env_set(0, ENV_UAREA, self_slot(), 0x30000000), -E_NOCAP);
	CHECK_IS(sys_env_set(0, ENV_UAREA, 0, 0x30000000), -E_NOCAP);
	CHECK_IS(sys_env_set(0, ENV_UAREA, 1u << 31, 0x30000000), -E_NOCAP);
	CHECK_IS(sys_env_set(0, ENV_UAREA, ~0ul, 0x30000000), -E_NOCAP);

	CHECK_IS(sys_env_set(0, ENV_HANDLER, UP_KINDS, 0x10000), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_HANDLER, ~0ul, 0x10000), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_HANDLER, UP_EVENT, 0x10001), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_HANDLER, UP_EVENT, 0xffffffc080200000ul), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_RESUME, 0x20000, 0x10000), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_RESUME, 0, ~0ul), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_PROPERTIES, 0, 0), -E_INVAL);
	CHECK_IS(sys_env_set(0, ~0ul, 0, 0), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_RUN, 0, 0), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_FP, 2, 0), -E_INVAL);
	CHECK_IS(sys_env_set(self_slot(), ENV_FP, 1, 0), -E_RIGHTS);

	/* Upcalls still work: nothing of the above changed anything. */
	CHECK_IS(fault_of_load(0x3000), 13);

	upcall_set_fault_handler(tamper);
	__asm__ volatile("ebreak" : : : "memory");
	CHECK_IS(resumed, 1);
	CHECK(last_fault.cause == 12 || last_fault.cause == 1);
	CHECK_IS(last_fault.tval, 0xffffffc080200000ul);

	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, PATIENCE, NULL), PROC_DOUBLE_FAULT);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
