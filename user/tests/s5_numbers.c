/*
 * s5_numbers.c - S5, S9: numbers that are no call, numbers that look like calls to the firmware, and every call with nonsense
 */
#include "check.h"

static long raw(uint64_t number, const uint64_t *w)
{
	return exos_call((long)number, (long)w[0], (long)w[1], (long)w[2], (long)w[3], (long)w[4], (long)w[5]);
}

/* Numbers that are likely to mean something. */
static uint64_t interesting(uint64_t *r)
{
	uint64_t x = random_next(r);

	switch (x % 12) {
	case 0: return 0;
	case 1: return x >> 32 & 7;
	case 2: return x >> 32 & 255;
	case 3: return 1ull << (x >> 32 & 63);
	case 4: return ~0ull - (x >> 32 & 15);
	case 5: return LAYOUT_IMAGE + (x >> 32 & 0xff) * PAGE_SIZE;
	case 6: return 0x20000000ull + (x >> 32 & 0x3f) * PAGE_SIZE;
	case 7: return 0xffffffc080000000ull + (x >> 32 & 0xffffff);
	case 8: return (x >> 40 & 0xff) * PAGE_SIZE;
	case 9: return 0x80000 + (x >> 32 & 0xffff);
	case 10: return LAYOUT_STACK_END - (x >> 32 & 0xffff);
	default: return x;
	}
}

/* A program that calls what comes. It may end in any way. */
static int role(const char *seed)
{
	uint64_t r = strtoul(seed, NULL, 10) * 0x9e3779b97f4a7c15ull + 1, w[6];

	for (int n = 0; n < 3000; n++) {
		uint64_t number = random_next(&r) % CALL_COUNT;

		for (int i = 0; i < 6; i++)
			w[i] = interesting(&r);
		if (number == CALL_exit || number == CALL_console_write || number == CALL_poweroff)
			continue;
		if (number == CALL_wait)
			w[1] = time_now() + (w[1] & 1023);
		raw(number, w);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const uint64_t sbi[] = {
		0x10, 0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x53525354, 0x504d55, 0x4442434e, 0x8000000, 0x9000000, 0xa000000,
	};
	struct child c = { .name = "s5_numbers", .first = 4, .count = 40, .pages = 400 };
	static const uint64_t nothing[6];
	uint64_t w[6], r = 1;
	uint32_t before, held;
	char seed[16];
	struct proc p;

	if (argc > 1)
		return role(argv[1]);

	for (uint64_t n = CALL_COUNT; n < 65536; n++)
		CHECK_IS(raw(n, nothing), -E_NOCALL);
	for (uint64_t n = 1; n < 1000; n++)
		CHECK_IS(raw(-n, nothing), -E_NOCALL);
	for (int bit = 16; bit < 64; bit++)
		for (uint64_t n = 0; n < CALL_COUNT; n++)
			CHECK_IS(raw(1ull << bit | n, nothing), -E_NOCALL);
	for (int n = 0; n < 20000; n++) {
		for (int i = 0; i < 6; i++)
			w[i] = interesting(&r);
		CHECK_IS(raw(CALL_COUNT + random_next(&r) % 100000, w), -E_NOCALL);
	}

	/* The number is in a0 alone; a7 and a6, where the firmware looks, mean nothing. */
	for (size_t i = 0; i < sizeof(sbi) / sizeof(sbi[0]); i++) {
		for (uint64_t function = 0; function < 10; function++) {
			register uint64_t a0 __asm__("a0") = 0xffff;
			register uint64_t a6 __asm__("a6") = function;
			register uint64_t a7 __asm__("a7") = sbi[i];

			__asm__ volatile("ecall" : "+r"(a0), "+r"(a6), "+r"(a7)
					 : : "a1", "a2", "a3", "a4", "a5", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");
			CHECK_IS(a0, -E_NOCALL);
		}
		CHECK_IS(raw(sbi[i], nothing), sbi[i] < CALL_COUNT ? raw(sbi[i], nothing) : -E_NOCALL);
	}

	/* Programs that call at random, one after another; what they did to themselves goes with them. */
	for (int n = 0; n < 12; n++) {
		snprintf(seed, sizeof(seed), "%d", n);
		c.role = seed;
		before = frames_free();
		held = pages_held();
		MUST(child(&c, &p));
		proc_wait(&p, deadline_us(3000000), NULL);
		CHECK_IS(proc_end(&p), 0);
		if (n > 0) {
			CHECK_IS(frames_free(), before);
			CHECK_IS(pages_held(), held);
		}
	}
	return verdict();
}
