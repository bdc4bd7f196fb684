/*
 * s6_registers.c - S6, S10: calls with hostile registers; what comes back is the result, and zeros or what was there before
 */
#include "check.h"

static uint64_t in[32], out[32], stack[2];
uint64_t *const s6_in __asm__("s6_in") = in, *const s6_out __asm__("s6_out") = out, *const s6_stack __asm__("s6_stack") = stack;

/*
 * All registers from in[], one ecall, all registers to out[]. gp is lost: it leads to out[] and back. In what order registers
 * are read does not matter, since every one but gp is stored before any is changed.
 */
void call_with_all(void);
__asm__(
"	.text\n"
"call_with_all:\n"
"	addi	sp, sp, -128\n"
"	sd	ra, 0(sp)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
"	sd	s\\n, 8 + 8*\\n(sp)\n"
"	.endr\n"
"	la	t0, s6_stack\n"
"	ld	t0, 0(t0)\n"
"	sd	sp, 0(t0)\n"
"	sd	tp, 8(t0)\n"
"	la	x31, s6_in\n"
"	ld	x31, 0(x31)\n"
"	.irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	ld	x\\n, 8*\\n(x31)\n"
"	.endr\n"
"	ecall\n"
"	mv	s11, gp\n"		/* s11 is checked by the second pass, with gp in its place */
"	la	gp, s6_out\n"
"	ld	gp, 0(gp)\n"
"	.irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	sd	x\\n, 8*\\n(gp)\n"
"	.endr\n"
"	la	t0, s6_stack\n"
"	ld	t0, 0(t0)\n"
"	ld	sp, 0(t0)\n"
"	ld	tp, 8(t0)\n"
"	ld	ra, 0(sp)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
"	ld	s\\n, 8 + 8*\\n(sp)\n"
"	.endr\n"
"	addi	sp, sp, 128\n"
"	ret\n");

static const char *const call_name[] = {
#define X(name, ...) #name,
	EXOS_CALLS(X)
#undef X
};

static bool survives(int n)
{
	return n == 1 || n == 2 || n == 4 || n == 8 || n == 9 || (n >= 18 && n <= 26);
}

static void one(uint64_t number, const char *name)
{
	uint64_t before[32];

	memcpy(before, in, sizeof(before));
	in[10] = before[10] = number;
	call_with_all();
	for (int n = 1; n < 32; n++) {
		bool good;

		if (n == 3)
			continue;
		if (n == 27)		/* holds gp */
			good = out[27] == before[3];
		else if (survives(n))
			good = out[n] == before[n];
		else if (n == 10)
			good = (int64_t)out[10] <= 0 ? (int64_t)out[10] > -64 : out[10] < 1ull << 32;
		else
			good = out[n] == 0 || out[n] == before[n];	/* the shortest calls do not touch them */
		if (!good)
			printf("FAILED: after %s x%d is 0x%lx, was 0x%lx\n", name, n, out[n], before[n]);
		CHECK(good);
		CHECK(n == 27 || out[n] == before[n] || out[n] < 0xffffffc000000000ul || (n == 10 && (int64_t)out[n] > -64));
	}
}

int main(void)
{
	static const uint64_t hostile[] = {
		0, 1, 7, 0x10001, LAYOUT_STACK_END - 1, 0x3fffffffff, 0x4000000000, 0x8000000000000000ul, 0xffffffc000000000ul,
		0xffffffc080200000ul, 0xffffffff80200000ul, ~0ul,
	};
	uint64_t r = 12345;

	/* Each call with arguments that it refuses, random values elsewhere. yield and wait give the processor away. */
	for (uint64_t call = 0; call < CALL_COUNT; call++) {
		if (call == CALL_exit || call == CALL_poweroff)
			continue;
		for (int round = 0; round < 8; round++) {
			for (int n = 1; n < 32; n++)
				in[n] = random_next(&r) | 1ull << 63;
			in[31] = (uint64_t)in;
			if (call == CALL_wait) {
				in[11] = EV_USER(17);
				in[12] = time_now() + 1000;
			}
			if (call == CALL_yield)
				in[11] = 0;
			one(call, call_name[call]);
		}
	}
	for (int n = 1; n < 32; n++)
		in[n] = 0x1111111111111111ul * (unsigned int)(n % 15 + 1);
	in[31] = (uint64_t)in;
	one(CALL_COUNT, "no call");
	one(~0ul, "no call");

	/* sp, gp and tp are the program's business, whatever stands there. */
	for (size_t a = 0; a < sizeof(hostile) / sizeof(hostile[0]); a++) {
		in[2] = in[4] = in[3] = hostile[a];
		one(CALL_null, "null");
		one(CALL_cap_info, "cap_info");
		one(CALL_COUNT + 5, "no call");
	}
	return verdict();
}
