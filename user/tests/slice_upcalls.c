/*
 * slice_upcalls.c - a program that saves itself at the end of its slices, and one that leaves that to the kernel
 *
 * Both compute the same checksum with integer and floating-point registers while a third one takes the processor away.
 */
#include "check.h"

static volatile uint64_t ended, begun;

static void on_end(void)
{
	ended++;
}

static void on_begin(void)
{
	begun++;
}

static uint64_t compute(uint64_t rounds)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5;
	double x = 1.0, y = 0.5, z = 0.25;

	for (uint64_t i = 0; i < rounds; i++) {
		__asm__ volatile("" ::: "memory");	/* every call is really made */
		a = a * 6364136223846793005ull + 1442695040888963407ull;
		b ^= a >> 17;
		c += b * 3;
		d = (d << 5 | d >> 59) ^ c;
		e += d;
		x = x * 0.999 + 1.0;
		y = y * 0.5 + x;
		z = z * 0.75 + y;
	}
	return a ^ b ^ c ^ d ^ e ^ (uint64_t)(x * 1000) ^ (uint64_t)(y * 1000) ^ (uint64_t)(z * 1000);
}

int main(int argc, char **argv)
{
	struct child c = { .name = "slice_upcalls", .role = "spin", .count = 1 };
	const uint64_t rounds = 300000;
	uint64_t want, switches;
	struct proc p[8];

	(void)argv;
	if (argc > 1)
		for (;;)
			compute(1000);		/* other values in all the registers */
	want = compute(rounds);
	/* Every sixth slice is somebody else's. */
	for (unsigned int i = 0; i < 8; i++) {
		c.first = 6 * i + 3;
		MUST(child(&c, &p[i]));
	}
	switches = exposed_env_of(self_env())->switches;
	for (int i = 0; i < 10; i++)
		CHECK_IS(compute(rounds), want);
	CHECK(exposed_env_of(self_env())->switches - switches >= 3);

	upcall_own_switch(true, on_end, on_begin);
	for (int i = 0; i < 10; i++)
		CHECK_IS(compute(rounds), want);
	CHECK(ended >= 3);
	CHECK(ended == begun || ended == begun + 1);
	/* A page fault may be under way when the slice ends. */
	for (int i = 0; i < 20; i++) {
		char *m = vm_map(400 * PAGE_SIZE, PROT_R | PROT_W);

		for (size_t k = 0; k < 400; k++)
			m[k * PAGE_SIZE] = (char)k;
		for (size_t k = 0; k < 400; k++)
			CHECK(m[k * PAGE_SIZE] == (char)k);
		CHECK_IS(vm_unmap(m), 0);
	}
	upcall_own_switch(false, NULL, NULL);
	/* Every answer takes a little longer than the slice, and is paid for by whole slices. */
	CHECK(exposed_env_of(self_env())->debt < exposed_hart(0)->slice_ticks * 2);
	printf("%lu slice ends, %lu slice begins\n", ended, begun);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_IS(proc_end(&p[i]), 0);
	return verdict();
}
