/*
 * test_fdt.c - the device-tree reader on real trees, on broken ones, and on every small damage to a real one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/riscv/fdt.h"

static uint8_t *load(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *b = malloc(65536);

	assert_non_null(f);
	*len = fread(b, 1, 65536, f);
	fclose(f);
	assert_in_range(*len, 1000, 65535);
	return b;
}

/* A tree under construction. */
static struct {
	uint8_t structure[16384], strings[2048];
	uint32_t n, nstrings;
	uint64_t reserve[40];
	uint32_t nreserve;
} b;

static void word(uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		b.structure[b.n++] = v >> shift;
}

static void bytes(const void *p, size_t len)
{
	memcpy(b.structure + b.n, p, len);
	b.n += len;
	while (b.n % 4 != 0)
		b.structure[b.n++] = 0;
}

static void node(const char *name)
{
	word(1);
	bytes(name, strlen(name) + 1);
}

static void end(void)
{
	word(2);
}

static void prop(const char *name, const void *data, size_t len)
{
	word(3);
	word(len);
	word(b.nstrings);
	strcpy((char *)b.strings + b.nstrings, name);
	b.nstrings += strlen(name) + 1;
	bytes(data, len);
}

static void string(const char *name, const char *value)
{
	prop(name, value, strlen(value) + 1);
}

static void cells(const char *name, unsigned n, ...)
{
	uint8_t data[256];
	va_list ap;

	va_start(ap, n);
	for (unsigned i = 0; i < n; i++) {
		uint32_t v = va_arg(ap, unsigned);

		for (unsigned k = 0; k < 4; k++)
			data[4 * i + k] = v >> (24 - 8 * k);
	}
	va_end(ap);
	prop(name, data, 4 * n);
}

static void start(void)
{
	memset(&b, 0, sizeof(b));
	node("");
	cells("#address-cells", 1, 2);
	cells("#size-cells", 1, 2);
}

static void cpu(unsigned id)
{
	char name[16];

	snprintf(name, sizeof(name), "cpu@%u", id);
	node(name);
	string("device_type", "cpu");
	cells("reg", 1, id);
	string("mmu-type", "riscv,sv39");
	string("riscv,isa", "rv64imac_sstc");
	node("interrupt-controller");
	string("compatible", "riscv,cpu-intc");
	cells("phandle", 1, 100 + id);
	end();
	end();
}

static void cpus(void)
{
	node("cpus");
	cells("#address-cells", 1, 1);
	cells("#size-cells", 1, 0);
	cells("timebase-frequency", 1, 10000000);
}

static void memory(unsigned base, unsigned size)
{
	node("memory@x");
	string("device_type", "memory");
	cells("reg", 4, 0, base, 0, size);
	end();
}

static void plic(unsigned base, unsigned ndev)
{
	node("plic@x");
	string("compatible", "sifive,plic-1.0.0");
	cells("reg", 4, 0, base, 0, 0x600000);
	cells("riscv,ndev", 1, ndev);
	cells("phandle", 1, 9);
	cells("interrupts-extended", 4, 100, 11, 100, 9);
	end();
}

static void device(const char *compatible, unsigned base, unsigned size, unsigned irq)
{
	node("device@x");
	string("compatible", compatible);
	cells("reg", 4, 0, base, 0, size);
	cells("interrupts", 1, irq);
	cells("interrupt-parent", 1, 9);
	end();
}

static void bus(void)
{
	node("soc");
	cells("#address-cells", 1, 2);
	cells("#size-cells", 1, 2);
	cells("ranges", 0);
}

/* The smallest machine that is accepted; the root and the bus stay open for more. */
static void smallest(void)
{
	start();
	memory(0x80000000, 0x1000000);
	cpus();
	cpu(0);
	end();
	bus();
	plic(0xc000000, 96);
}

static void put(uint8_t *p, uint64_t v, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		p[i] = v >> 8 * (len - 1 - i);
}

static struct machine m;

/* Close what is open and read it. The blob is a block of its own size, for ASan. */
static int finish(unsigned open)
{
	uint32_t reserve = (b.nreserve + 2) * 8, total = 40 + reserve + b.n + 4 * open + 4 + b.nstrings;
	uint8_t *blob = calloc(1, total);
	int error;

	while (open-- > 0)
		end();
	word(9);
	const uint32_t header[10] = { 0xd00dfeed, total, 40 + reserve, 40 + reserve + b.n, 40, 17, 16, 0, b.nstrings, b.n };
	for (unsigned i = 0; i < 10; i++)
		put(blob + 4 * i, header[i], 4);
	for (unsigned i = 0; i < b.nreserve; i++)
		put(blob + 40 + 8 * i, b.reserve[i], 8);
	memcpy(blob + 40 + reserve, b.structure, b.n);
	memcpy(blob + 40 + reserve + b.n, b.strings, b.nstrings);
	error = fdt_read_machine(blob, total, &m);
	free(blob);
	return error;
}

static void the_tree_of_one_hart_is_read(void **state)
{
	size_t len;
	uint8_t *blob = load("test/data/virt-smp1.dtb", &len);

	(void)state;
	assert_int_equal(fdt_read_machine(blob, len, &m), 0);
	assert_int_equal(m.nmemory, 1);
	assert_int_equal(m.memory[0].base, 0x80000000);
	assert_int_equal(m.memory[0].size, 256 << 20);
	assert_int_equal(m.nreserved, 1);
	assert_int_equal(m.reserved[0].base, 0x80000000);
	assert_int_equal(m.reserved[0].size, 0x80000);
	assert_int_equal(m.nharts, 1);
	assert_int_equal(m.hart[0].id, 0);
	assert_true(m.hart[0].sstc);
	assert_int_equal(m.hart[0].plic_context, 1);
	assert_int_equal(m.timebase_hz, 10000000);
	assert_int_equal(m.uart.base, 0x10000000);
	assert_int_equal(m.uart.irq, 10);
	assert_int_equal(m.plic.base, 0xc000000);
	assert_int_equal(m.plic.size, 0x600000);
	assert_int_equal(m.plic_ndev, 96);
	assert_int_equal(m.test.base, 0x100000);
	assert_int_equal(m.nvirtio, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(m.virtio[i].base, 0x10001000 + 0x1000 * i);
		assert_int_equal(m.virtio[i].size, 0x1000);
		assert_int_equal(m.virtio[i].irq, 1 + i);
	}
	assert_string_equal(m.bootargs, "test=hello report=semihosting");
	assert_int_equal(m.initrd_start, 0x88200000);
	assert_int_equal(m.initrd_end - m.initrd_start, 40000);
	free(blob);
}

static void the_tree_of_four_harts_is_read(void **state)
{
	size_t len;
	uint8_t *blob = load("test/data/virt-smp4.dtb", &len);

	(void)state;
	assert_int_equal(fdt_read_machine(blob, len, &m), 0);
	assert_int_equal(m.nharts, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(m.hart[i].id, i);
		assert_true(m.hart[i].sstc);
		assert_int_equal(m.hart[i].plic_context, 2 * i + 1);
	}
	free(blob);
}

/* A damaged tree may be refused or read, but what is read is within bounds: ASan and UBSan watch. */
static void every_truncation_and_every_damaged_byte_is_survived(void **state)
{
	static const uint8_t damage[] = { 0x00, 0x01, 0x04, 0x7f, 0x80, 0xff };
	size_t len;
	uint8_t *blob = load("test/data/virt-smp1.dtb", &len), *copy;
	unsigned refused = 0;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		copy = malloc(n + 1);
		memcpy(copy, blob, n);
		assert_true(fdt_read_machine(copy, n, &m) < 0);
		if (n >= 8) {
			put(copy + 4, n, 4);		/* a total that agrees */
			fdt_read_machine(copy, n, &m);
		}
		free(copy);
	}
	copy = malloc(len);
	memcpy(copy, blob, len);
	for (size_t i = 0; i < len; i++)
		for (unsigned k = 0; k < sizeof(damage); k++) {
			copy[i] = damage[k];
			int error = fdt_read_machine(copy, len, &m);
			assert_in_range(-error, 0, FDT_E_NOPLIC);
			refused += error != 0;
			copy[i] = blob[i];
		}
	assert_in_range(refused, 500, 6 * len);
	free(copy);
	free(blob);
}

static void bad_headers_are_refused(void **state)
{
	static const struct { unsigned at; uint32_t value; int error; } bad[] = {
		{ 0, 0xedfe0dd0, FDT_E_MAGIC }, { 4, 39, FDT_E_SIZE }, { 4, 0xffffffff, FDT_E_SIZE },
		{ 20, 16, FDT_E_VERSION }, { 24, 18, FDT_E_VERSION },
		{ 8, 0xfffffffc, FDT_E_HEADER }, { 8, 41, FDT_E_HEADER }, { 8, 36, FDT_E_HEADER }, { 36, 0xffffffff, FDT_E_HEADER },
		{ 12, 0xffffffff, FDT_E_HEADER }, { 32, 0xffffffff, FDT_E_HEADER }, { 16, 0xfffffff8, FDT_E_HEADER },
		{ 16, 44, FDT_E_HEADER }, { 36, 0, FDT_E_TRUNCATED }, { 36, 3, FDT_E_TRUNCATED }, { 32, 0, FDT_E_TRUNCATED },
	};
	size_t len;
	uint8_t *blob = load("test/data/virt-smp1.dtb", &len), *copy = malloc(len);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(copy, blob, len);
		put(copy + bad[i].at, bad[i].value, 4);
		assert_int_equal(fdt_read_machine(copy, len, &m), -bad[i].error);
	}
	for (size_t n = 0; n < 40; n++)
		assert_int_equal(fdt_read_machine(blob, n, &m), -FDT_E_SIZE);
	assert_string_equal(fdt_strerror(-FDT_E_MAGIC), "this is not a flattened device tree");
	assert_string_equal(fdt_strerror(-1000), "unknown error");
	free(copy);
	free(blob);
}

static void structure_is_judged(void **state)
{
	(void)state;
	smallest();
	assert_int_equal(finish(2), 0);
	smallest();
	assert_int_equal(finish(1), -FDT_E_TOKEN);	/* ends inside the root */
	smallest();
	assert_int_equal(finish(3), -FDT_E_TOKEN);	/* one end too many */
	smallest();
	end();
	end();
	node("second");
	assert_int_equal(finish(1), -FDT_E_TOKEN);
	smallest();
	string("late", "a property behind a child");
	assert_int_equal(finish(2), -FDT_E_TOKEN);
	smallest();
	word(5);
	assert_int_equal(finish(2), -FDT_E_TOKEN);
	for (uint32_t len = 0xfffffff0; len != 0; len++) {	/* lengths that would wrap */
		start();
		word(3), word(len), word(0);
		assert_int_equal(finish(1), -FDT_E_TRUNCATED);
	}
	start();
	word(3), word(0), word(b.nstrings);			/* a name behind the strings */
	assert_int_equal(finish(1), -FDT_E_TRUNCATED);
	smallest();
	word(4);					/* FDT_NOP is allowed anywhere */
	assert_int_equal(finish(2), 0);
	memset(&b, 0, sizeof(b));
	assert_int_equal(finish(0), -FDT_E_TOKEN);	/* no root */
	for (unsigned depth = FDT_DEPTH_MAX - 3; depth < FDT_DEPTH_MAX + 3; depth++) {
		smallest();
		for (unsigned i = 2; i < depth; i++)
			node("deeper");
		assert_int_equal(finish(depth), depth <= FDT_DEPTH_MAX ? 0 : -FDT_E_DEPTH);
	}
}

static void missing_parts_are_named(void **state)
{
	(void)state;
	start();
	cpus(), cpu(0), end();
	bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), -FDT_E_NOMEMORY);
	start();
	memory(0x80000000, 0x1000000);
	bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), -FDT_E_NOHART);
	start();
	memory(0x80000000, 0x1000000);
	cpus(), cpu(0), end();
	assert_int_equal(finish(1), -FDT_E_NOPLIC);
	start();
	memory(0x80000000, 0x1000000);
	node("cpus"), cells("#address-cells", 1, 1), cells("#size-cells", 1, 0), cpu(0), end();
	bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), -FDT_E_NOTIME);
}

static void impossible_machines_are_refused(void **state)
{
	char args[MACHINE_ARGS_MAX + 2];

	(void)state;
	smallest(), device("virtio,mmio", 0x80001000, 0x1000, 1);
	assert_int_equal(finish(2), -FDT_E_OVERLAP);	/* registers within memory */
	smallest(), device("virtio,mmio", 0x10001000, 0x1000, 1), device("virtio,mmio", 0x10001ffc, 0x1000, 2);
	assert_int_equal(finish(2), -FDT_E_OVERLAP);
	smallest(), device("ns16550a", 0x10001000, 0, 1);
	assert_int_equal(finish(2), -FDT_E_VALUE);
	smallest(), device("ns16550a", 0x10001000, 8, 97);
	assert_int_equal(finish(2), -FDT_E_VALUE);	/* an interrupt that the PLIC does not have */
	smallest(), node("device"), string("compatible", "virtio,mmio"), cells("reg", 3, 0, 0x10001000, 0), end();
	assert_int_equal(finish(2), -FDT_E_VALUE);	/* reg is not a multiple of its cells */
	smallest(), node("device"), string("compatible", "virtio,mmio"), cells("reg", 4, ~0u, ~0u, 0, 0x1000), end();
	assert_int_equal(finish(2), -FDT_E_RANGE);
	smallest(), node("bus"), cells("#address-cells", 1, ~0u), cells("#size-cells", 1, 1), cells("ranges", 0);
	node("device"), string("compatible", "virtio,mmio"), cells("reg", 4, 0, 0x10001000, 0, 0x1000), end();
	assert_int_equal(finish(3), -FDT_E_VALUE);

	for (unsigned n = 8; n <= 9; n++) {
		start(), memory(0x80000000, 0x1000000), cpus();
		for (unsigned i = 0; i < n; i++)
			cpu(n - i);
		end(), bus(), plic(0xc000000, 96);
		assert_int_equal(finish(2), n == 8 ? 0 : -FDT_E_MANY);
		if (n == 8)
			assert_int_equal(m.hart[0].id, 1);	/* sorted, whatever the order in the tree */
	}
	start(), memory(0x80000000, 0x1000000), cpus(), cpu(0), cpu(0), end(), bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), -FDT_E_OVERLAP);
	start(), memory(0x80000000, 0x1000000), memory(0x80fff000, 0x1000), cpus(), cpu(0), end(), bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), -FDT_E_OVERLAP);
	for (unsigned n = 0; n < 2; n++) {
		smallest();
		for (unsigned i = 0; i < MACHINE_VIRTIO_MAX + n; i++)
			device("virtio,mmio", 0x20000000 + (63 - i) * 0x1000, 0x1000, 1 + i);
		assert_int_equal(finish(2), n == 0 ? 0 : -FDT_E_MANY);
	}

	for (unsigned n = MACHINE_ARGS_MAX - 1; n <= MACHINE_ARGS_MAX; n++) {
		memset(args, 'a', n);
		args[n] = 0;
		smallest(), end(), node("chosen"), string("bootargs", args);
		assert_int_equal(finish(2), n < MACHINE_ARGS_MAX ? 0 : -FDT_E_ARGS);
	}
	smallest(), end(), node("chosen"), prop("bootargs", "abc", 3);
	assert_int_equal(finish(2), -FDT_E_ARGS);

	static const uint32_t initrd[][2] = { { 0x80001000, 0x80001000 }, { 0x80002000, 0x80001000 }, { 0x7ffff000, 0x80001000 },
		{ 0x80fff000, 0x81000001 } };
	for (unsigned i = 0; i < ARRAY_SIZE(initrd); i++) {
		smallest(), end(), node("chosen");
		cells("linux,initrd-start", 1, initrd[i][0]), cells("linux,initrd-end", 1, initrd[i][1]);
		assert_int_equal(finish(2), -FDT_E_INITRD);
	}
	smallest(), end(), node("chosen"), cells("linux,initrd-start", 1, 0x80001000);
	assert_int_equal(finish(2), -FDT_E_INITRD);
}

static void ranges_are_rounded_and_memory_is_sorted(void **state)
{
	static const uint64_t reserved[] = { 0x80003000, 0x80000000, 0x80800000, 0x80001000 };	/* the last lies in the second */

	(void)state;
	smallest();
	b.reserve[b.nreserve++] = 0x80003001, b.reserve[b.nreserve++] = 1;
	b.reserve[b.nreserve++] = 0x80000000, b.reserve[b.nreserve++] = 0x2800;
	end();
	node("reserved-memory"), cells("#address-cells", 1, 2), cells("#size-cells", 1, 2), cells("ranges", 0);
	node("a"), cells("reg", 4, 0, 0x80800000, 0, 1), end();
	node("b"), cells("reg", 4, 0, 0x80001000, 0, 0x1000), end();
	node("c"), cells("size", 2, 0, 0x1000), end();	/* without a place: nothing to keep clear of */
	assert_int_equal(finish(2), 0);
	assert_int_equal(m.nreserved, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(m.reserved[i].base, reserved[i]);
		assert_int_equal(m.reserved[i].size, i == 1 ? 0x3000 : 0x1000);
	}

	start(), memory(0x90000800, 0x2000), memory(0x80000000, 0x1000), memory(0xa0000001, 0x1000);
	cpus(), cpu(0), end(), bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), 0);
	assert_int_equal(m.nmemory, 2);			/* the third one holds no whole page */
	assert_int_equal(m.memory[0].base, 0x80000000);
	assert_int_equal(m.memory[1].base, 0x90001000);
	assert_int_equal(m.memory[1].size, 0x1000);

	smallest();
	for (unsigned i = 0; i < 17; i++)
		b.reserve[b.nreserve++] = 0x80000000 + i * 0x10000, b.reserve[b.nreserve++] = 1;
	assert_int_equal(finish(2), -FDT_E_MANY);
}

static void what_cannot_be_reached_or_is_disabled_is_not_offered(void **state)
{
	(void)state;
	smallest();
	node("translated"), cells("#address-cells", 1, 2), cells("#size-cells", 1, 2), cells("ranges", 6, 0, 0, 0, 0x4000000, 0, 0x1000);
	device("virtio,mmio", 0x20000000, 0x1000, 1), end();
	node("device"), string("compatible", "virtio,mmio"), cells("reg", 4, 0, 0x20000000, 0, 0x1000), string("status", "disabled"), end();
	device("virtio,mmio", 0x21000000, 0x1000, 5);
	node("device"), string("compatible", "ns16550a"), cells("reg", 4, 0, 0x22000000, 0, 0x1000), cells("interrupts", 1, 4);
	cells("interrupt-parent", 1, 77), end();	/* another controller */
	assert_int_equal(finish(2), 0);
	assert_int_equal(m.nvirtio, 1);
	assert_int_equal(m.virtio[0].irq, 5);
	assert_int_equal(m.uart.base, 0x22000000);
	assert_int_equal(m.uart.irq, 0);

	start(), memory(0x80000000, 0x1000000), cpus(), cpu(3);
	node("cpu@1"), string("device_type", "cpu"), cells("reg", 1, 1), string("mmu-type", "riscv,none"), end();
	node("cpu@2"), string("device_type", "cpu"), cells("reg", 1, 2), string("mmu-type", "riscv,sv39"), string("status", "disabled"), end();
	node("cpu@0"), string("device_type", "cpu"), cells("reg", 1, 0), string("mmu-type", "riscv,sv48");
	string("riscv,isa", "rv64imac_sstcx_xsstc");
	prop("riscv,isa-extensions", "i\0sstc\0", 7), end();
	node("cpu@4"), string("device_type", "cpu"), cells("reg", 1, 4), string("mmu-type", "riscv,sv48");
	string("riscv,isa", "rv64imac_sstcx_xsstc"), end();
	end(), bus(), plic(0xc000000, 96);
	assert_int_equal(finish(2), 0);
	assert_int_equal(m.nharts, 3);
	assert_int_equal(m.hart[0].id, 0);
	assert_true(m.hart[0].sstc);
	assert_int_equal(m.hart[1].id, 3);
	assert_int_equal(m.hart[1].plic_context, -1);
	assert_false(m.hart[2].sstc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_of_one_hart_is_read),
		cmocka_unit_test(the_tree_of_four_harts_is_read),
		cmocka_unit_test(every_truncation_and_every_damaged_byte_is_survived),
		cmocka_unit_test(bad_headers_are_refused),
		cmocka_unit_test(structure_is_judged),
		cmocka_unit_test(missing_parts_are_named),
		cmocka_unit_test(impossible_machines_are_refused),
		cmocka_unit_test(ranges_are_rounded_and_memory_is_sorted),
		cmocka_unit_test(what_cannot_be_reached_or_is_disabled_is_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
