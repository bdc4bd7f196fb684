/*
 * s8_privileged.c - S8, S11: instructions of the supervisor and the machine are illegal here, one by one and in a storm
 */
#include "check.h"

#define ILLEGAL(text) do { \
		uint64_t before = last_fault.count; \
		__asm__ volatile(text : : : "t0", "memory"); \
		if (!check(last_fault.count == before + 1 && last_fault.cause == 2, text, __FILE__, __LINE__)) \
			printf("cause %lu, %lu faults\n", last_fault.cause, last_fault.count - before); \
	} while (0)

static __attribute__((noreturn)) void role(void)
{
	upcall_set_fault_handler(skip_fault);
	for (;;)
		__asm__ volatile(".word 0xffffffff");
}

int main(int argc, char **argv)
{
	struct child c = { .name = "s8_privileged", .role = "storm", .first = 0, .count = 1 };
	const volatile struct exposed_env *self;
	unsigned long start, end;
	struct proc storm[4];
	uint64_t used;

	(void)argv;
	if (argc > 1)
		role();
	upcall_set_fault_handler(skip_fault);
	ILLEGAL("csrr t0, sstatus");
	ILLEGAL("csrw sstatus, t0");
	ILLEGAL("csrr t0, satp");
	ILLEGAL("csrw satp, zero");
	ILLEGAL("csrw stvec, zero");
	ILLEGAL("csrr t0, sepc");
	ILLEGAL("csrr t0, sscratch");
	ILLEGAL("csrw sie, zero");
	ILLEGAL("csrw scounteren, zero");
	ILLEGAL("csrr t0, 0x14d");	/* stimecmp */
	ILLEGAL("csrw 0x14d, zero");
	ILLEGAL("csrr t0, mstatus");
	ILLEGAL("csrr t0, mhartid");
	ILLEGAL("csrw pmpaddr0, zero");
	ILLEGAL("csrr t0, 0x600");	/* hstatus */
	ILLEGAL("csrw time, zero");
	ILLEGAL("csrr t0, 0x7c0");
	ILLEGAL("sret");
	ILLEGAL("mret");
	ILLEGAL("wfi");
	ILLEGAL("sfence.vma");
	ILLEGAL(".half 0");
	ILLEGAL(".word 0xffffffff");
	start = time_now();
	__asm__ volatile("rdtime t0" : : : "t0");
	CHECK(time_now() >= start);

	/* Others storm; our own time stays ours: we run in 58 of 62 slices. */
	for (unsigned int i = 0; i < 4; i++) {
		c.first = 15 * i;
		MUST(child(&c, &storm[i]));
	}
	self = exposed_env_of(self_env());
	used = self->used;
	start = time_now();
	end = start + exposed_system()->timebase_hz / 4;
	while (time_now() < end)
		;
	CHECK((self->used - used) * 100 >= (end - start) * 75);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_IS(proc_end(&storm[i]), 0);
	return verdict();
}
