/*
 * double_fault.c - U3: a fault in a fault handler stops the program; its parent sees where, repairs it, and lets it go on
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define HOLE 0x3000ul

static volatile uint64_t repaired;

static bool broken_handler(struct upcall_frame *f)
{
	(void)f;
	*(volatile uint64_t *)HOLE = 1;		/* faults while the fault is held */
	return true;
}

/* Entered by the parent, with the u-area as it was at the double fault. */
static void second_life(void)
{
	repaired = uarea()->held;
	uarea()->held = 0;
	upcall_set_fault_handler(skip_fault);
	*(volatile uint64_t *)HOLE = 1;
	_Exit(repaired == 1 && last_fault.count == 1 ? 7 : 8);
}

static int role(void)
{
	/* The address of second_life() for the parent, through a page that both see. */
	uint64_t *shared = vm_reserve(PAGE_SIZE, PAGE_SIZE);

	MUST(vm_page(start_slot("shared"), shared, PROT_R | PROT_W));
	shared[0] = (uint64_t)second_life;
	upcall_set_fault_handler(broken_handler);
	__asm__ volatile("ebreak");
	return 9;
}

int main(int argc, char **argv)
{
	struct proc_grant grant = { .name = "shared", .rights = PROT_R | PROT_W };
	struct child c = { .name = "double_fault", .role = "child", .first = 0, .count = 8, .grants = &grant, .ngrants = 1 };
	struct env_regs regs;
	uint64_t *shared;
	struct proc p;
	void *va;
	int status;

	(void)argv;
	if (argc > 1)
		return role();
	grant.slot = test_page(&va, PROT_R | PROT_W);
	shared = va;
	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, PATIENCE, &status), PROC_DOUBLE_FAULT);
	CHECK_IS(sys_env_regs(p.env, 0, &regs), 0);
	CHECK_IS(regs.cause, 15);
	CHECK_IS(regs.tval, HOLE);
	CHECK(regs.pc > LAYOUT_IMAGE && regs.pc < LAYOUT_HEAP_END);
	CHECK(regs.x[2 - 1] > LAYOUT_UPCALL && regs.x[2 - 1] < LAYOUT_UPCALL_END);
	CHECK(event_pending() == 0 || (event_pending() & EV_CHILD) != 0);

	/* Registers that name the kernel are refused; good ones start a second life. */
	regs.pc = 0xffffffff80200000ul;
	CHECK_IS(sys_env_regs(p.env, 1, &regs), -E_INVAL);
	regs.pc = shared[0] | 1;
	CHECK_IS(sys_env_regs(p.env, 1, &regs), -E_INVAL);
	regs.pc = shared[0];
	regs.x[2 - 1] = LAYOUT_STACK_END - 64;
	CHECK_IS(sys_env_regs(p.env, 1, &regs), 0);
	CHECK_IS(proc_run(&p), 0);
	CHECK_IS(proc_wait(&p, PATIENCE, &status), PROC_EXITED);
	CHECK_IS(status, 7);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
