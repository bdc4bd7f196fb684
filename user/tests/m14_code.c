/*
 * m14_code.c - M14: code that is written and run, with and without fence.i: whoever forgets the fence harms only itself
 *
 * The machine may run the old instructions or the new ones; nothing else may happen, and nobody else sees either.
 */
#include "check.h"

#define LI_A0(n)	(0x00000513u | (uint32_t)(n) << 20)	/* addi a0, zero, n */
#define RET		0x00008067u

static uint32_t *code;

static long run(void)
{
	return ((long (*)(void))(unsigned long)code)();
}

static void write_code(int n, bool fence)
{
	code[0] = LI_A0(n);
	code[1] = RET;
	if (fence)
		__asm__ volatile("fence.i" : : : "memory");
}

/* The victim has code of its own at the same address. */
static int role(void)
{
	unsigned int slot = (unsigned int)page_new();

	code = (uint32_t *)0x2000000000ul;
	if (vm_table(ctx_slot(), (uint64_t)code, 0) < 0 || vm_page(slot, code, PROT_R | PROT_W | PROT_X) < 0)
		return 2;
	write_code(77, true);
	sys_notify(start_slot("parent"), EV_USER(0));
	for (int n = 0; n < 400; n++) {
		if (run() != 77 || code[0] != LI_A0(77))
			return 1;
		sys_yield(0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "m14_code", .role = "victim", .first = 20, .count = 8, .grants = &parent, .ngrants = 1 };
	unsigned int slot, other;
	struct proc p;
	int status;

	(void)argv;
	if (argc > 1)
		return role();
	MUST(child(&c, &p));
	CHECK_IS(sys_wait(EV_USER(0), deadline_us(5000000)), EV_USER(0));
	MUST(slot = (unsigned int)page_new());
	MUST(other = (unsigned int)page_new());
	code = (uint32_t *)0x2000000000ul;
	MUST(vm_table(ctx_slot(), (uint64_t)code, 0));
	MUST(vm_page(slot, code, PROT_R | PROT_W | PROT_X));
	for (int n = 1; n < 300; n++) {
		long got;

		write_code(n, true);
		CHECK_IS(run(), n);
		write_code(n + 1000, false);
		got = run();
		CHECK(got == n || got == n + 1000);
	}
	/* Another page comes to the address: the binding is new, and the kernel's fences see to the translation. */
	write_code(5, true);
	CHECK_IS(run(), 5);
	MUST(vm_page(other, code, PROT_R | PROT_W | PROT_X));
	write_code(6, true);
	CHECK_IS(run(), 6);
	/* Without the right to execute it is no code, without the right to write it does not change. */
	MUST(sys_page_protect(ctx_slot(), (unsigned long)code, 1, PROT_R | PROT_W));
	CHECK_IS(fault_of_jump((unsigned long)code), 12);
	MUST(sys_page_protect(ctx_slot(), (unsigned long)code, 1, PROT_X));
	CHECK_IS(run(), 6);
	CHECK_IS(fault_of_store((unsigned long)code), 15);
	CHECK_IS(fault_of_load((unsigned long)code), 13);
	CHECK_IS(proc_wait(&p, deadline_us(10000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
