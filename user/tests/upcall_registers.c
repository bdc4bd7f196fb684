/*
 * upcall_registers.c - an exception and the way back leave every register as it was, integer and floating point
 */
#include "check.h"

static uint64_t want_x[32], got_x[32], want_f[33], got_f[33];
static uint64_t seen_x[32];
static volatile uint64_t served;

/* Load all registers but gp from want_*, break, store all in got_*. sp and tp carry nonsense meanwhile. */
void round_trip(void);
__asm__(
"	.text\n"
"round_trip:\n"
"	addi	sp, sp, -128\n"
"	sd	ra, 0(sp)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
"	sd	s\\n, 8 + 8*\\n(sp)\n"
"	.endr\n"
"	la	t0, kept_sp\n"
"	sd	sp, 0(t0)\n"
"	sd	tp, 8(t0)\n"
"	la	t0, fp_want\n"
"	ld	t0, 0(t0)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	fld	f\\n, 8*\\n(t0)\n"
"	.endr\n"
"	ld	t1, 256(t0)\n"
"	fscsr	t1\n"
"	la	x31, int_want\n"
"	ld	x31, 0(x31)\n"
"	.irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	ld	x\\n, 8*\\n(x31)\n"
"	.endr\n"
"	ebreak\n"
/* gp is the only register that may be used now: an upcall takes it anyway. */
"	la	gp, int_got\n"
"	ld	gp, 0(gp)\n"
"	.irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	sd	x\\n, 8*\\n(gp)\n"
"	.endr\n"
"	la	t0, kept_sp\n"
"	ld	sp, 0(t0)\n"
"	ld	tp, 8(t0)\n"
"	la	t0, fp_got\n"
"	ld	t0, 0(t0)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	fsd	f\\n, 8*\\n(t0)\n"
"	.endr\n"
"	frcsr	t1\n"
"	sd	t1, 256(t0)\n"
"	ld	ra, 0(sp)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
"	ld	s\\n, 8 + 8*\\n(sp)\n"
"	.endr\n"
"	addi	sp, sp, 128\n"
"	ret\n");
uint64_t *const int_want __asm__("int_want") = want_x, *const int_got __asm__("int_got") = got_x;
uint64_t *const fp_want __asm__("fp_want") = want_f, *const fp_got __asm__("fp_got") = got_f;
uint64_t kept_sp[2] __asm__("kept_sp");

static bool on_break(struct upcall_frame *f)
{
	volatile double spoil = 1.5;

	if (f->cause != 3)
		return false;
	served++;
	memcpy(seen_x, f->x, sizeof(seen_x));
	for (int i = 0; i < 50; i++)
		spoil = spoil * 1.25 + 3;	/* floating point in the handler is allowed */
	f->frame_pc += (*(const uint16_t *)f->frame_pc & 3) == 3 ? 4 : 2;
	return true;
}

/* The handler may change what it likes. */
static bool on_break_change(struct upcall_frame *f)
{
	if (f->cause != 3)
		return false;
	for (int i = 5; i < 32; i++)
		if (i != 8 && i != 9 && (i < 18 || i > 27))
			f->x[i] = 0x1000u + (unsigned int)i;
	f->frame_pc += (*(const uint16_t *)f->frame_pc & 3) == 3 ? 4 : 2;
	return true;
}

static void all_survive(void)
{
	uint64_t r = 88172645463325252ull;

	upcall_set_fault_handler(on_break);
	for (int round = 0; round < 200; round++) {
		for (int i = 1; i < 32; i++)
			want_x[i] = random_next(&r);
		for (int i = 0; i < 32; i++)
			want_f[i] = random_next(&r);
		want_f[32] = random_next(&r) & 0x9f;	/* rounding modes 0..4 and the flags */
		want_x[31] = (uint64_t)want_x;		/* it is loaded last, from itself */
		memset(got_x, 0, sizeof(got_x));
		memset(got_f, 0, sizeof(got_f));
		round_trip();
		want_x[3] = got_x[3];
		if (memcmp(want_x + 1, got_x + 1, sizeof(want_x) - 8) != 0)
			CHECK(!"an integer register has changed");
		if (memcmp(want_f, got_f, sizeof(want_f)) != 0)
			CHECK(!"a floating-point register has changed");
		seen_x[3] = want_x[3];
		if (memcmp(want_x + 1, seen_x + 1, sizeof(want_x) - 8) != 0)
			CHECK(!"the handler saw another value");
	}
	CHECK_IS(served, 200);
	__asm__ volatile("fscsr zero");
}

static void handler_changes_registers(void)
{
	register uint64_t a0 __asm__("a0") = 1;
	register uint64_t a7 __asm__("a7") = 2;
	register uint64_t t6 __asm__("t6") = 3;

	upcall_set_fault_handler(on_break_change);
	__asm__ volatile("ebreak" : "+r"(a0), "+r"(a7), "+r"(t6)
			 : : "t0", "t1", "t2", "t3", "t4", "t5", "a1", "a2", "a3", "a4", "a5", "a6", "memory");
	uint64_t x10 = a0, x17 = a7, x31 = t6;
	CHECK_IS(x10, 0x1000 + 10);
	CHECK_IS(x17, 0x1000 + 17);
	CHECK_IS(x31, 0x1000 + 31);
}

int main(void)
{
	all_survive();
	handler_changes_registers();
	CHECK_IS(uarea()->held, 0);
	return verdict();
}
