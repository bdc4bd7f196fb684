/*
 * s7_floating_point.c - S7: floating-point registers of one program are never seen in another
 */
#include "check.h"

static uint64_t f[33];

void s7_load(const uint64_t *from), s7_store(uint64_t *to);
__asm__(
"	.text\n"
"s7_load:\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	fld	f\\n, 8*\\n(a0)\n"
"	.endr\n"
"	ld	t0, 256(a0)\n"
"	fscsr	t0\n"
"	ret\n"
"s7_store:\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	fsd	f\\n, 8*\\n(a0)\n"
"	.endr\n"
"	frcsr	t0\n"
"	sd	t0, 256(a0)\n"
"	ret\n");

static int role(const char *name)
{
	if (strcmp(name, "look") == 0) {
		sys_env_set(0, ENV_FP, 1, 0);		/* again: starts as zeros */
		s7_store(f);
		for (int i = 0; i < 33; i++)
			if (f[i] != 0)
				return 1;
		return 0;
	}
	if (strcmp(name, "none") == 0) {
		sys_env_set(0, ENV_FP, 0, 0);		/* without registers the instruction is none */
		upcall_set_fault_handler(NULL);
		__asm__ volatile("fmv.x.d t0, ft0" : : : "t0");
		return 1;
	}
	/* "fill": other values in all registers, again and again. */
	for (uint64_t r = 7;;) {
		for (int i = 0; i < 32; i++)
			f[i] = random_next(&r);
		f[32] = 0x1f;
		s7_load(f);
	}
}

int main(int argc, char **argv)
{
	struct child c = { .name = "s7_floating_point", .role = "fill", .first = 0, .count = 1 };
	static uint64_t mine[33], now[33];
	struct proc fill[4], p;
	uint64_t r = 3;
	int status;

	if (argc > 1)
		return role(argv[1]);
	for (unsigned int i = 0; i < 4; i++) {
		c.first = 3 + 12 * i;
		MUST(child(&c, &fill[i]));
	}
	for (int i = 0; i < 32; i++)
		mine[i] = random_next(&r);
	mine[32] = 0x15;
	c.role = "look";
	c.count = 4;
	for (int n = 0; n < 10; n++) {
		s7_load(mine);
		__asm__ volatile("fscsr zero");
		c.first = 5 + 5 * (unsigned int)n;
		MUST(child(&c, &p));
		CHECK_IS(proc_wait(&p, deadline_us(3000000), &status), PROC_EXITED);
		CHECK_IS(status, 0);
		CHECK_IS(proc_end(&p), 0);
	}
	/* Ours stay ours over many slices. */
	for (int n = 0; n < 20; n++) {
		unsigned long end = deadline_us(20000);

		s7_load(mine);
		while (time_now() < end)
			;
		s7_store(now);
		CHECK(memcmp(mine, now, sizeof(mine)) == 0);
		__asm__ volatile("fscsr zero");
	}
	c.role = "none";
	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, deadline_us(3000000), &status), PROC_EXITED);
	CHECK(status != 1);
	CHECK_IS(proc_end(&p), 0);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_IS(proc_end(&fill[i]), 0);
	return verdict();
}
