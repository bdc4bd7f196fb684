/*
 * fuzz_fdt.c - any bytes as a device tree: refused with a known error, or read into a machine that keeps its promises
 */
#include <stdlib.h>
#include <string.h>

#include "arch/riscv/fdt.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct machine m;
	int error = fdt_read_machine(data, len, &m);

	check(error <= 0 && error >= -FDT_E_NOPLIC);
	if (error != 0)
		return 0;
	check(m.nmemory >= 1 && m.nmemory <= MACHINE_MEMORY_MAX && m.nharts >= 1 && m.nharts <= MACHINE_HARTS_MAX);
	for (unsigned i = 0; i < m.nmemory; i++) {
		check(m.memory[i].size > 0 && (m.memory[i].base | m.memory[i].size) % PAGE_SIZE == 0);
		check(m.memory[i].base + m.memory[i].size <= MACHINE_ADDRESS_END);
		check(i == 0 || m.memory[i - 1].base + m.memory[i - 1].size <= m.memory[i].base);
	}
	for (unsigned i = 0; i < m.nreserved; i++)
		check(m.reserved[i].size > 0 && (m.reserved[i].base | m.reserved[i].size) % PAGE_SIZE == 0);
	for (unsigned i = 1; i < m.nharts; i++)
		check(m.hart[i - 1].id < m.hart[i].id);
	for (unsigned i = 0; i < m.nvirtio; i++)
		check(m.virtio[i].base != 0 && m.virtio[i].irq <= m.plic_ndev &&
		      (i == 0 || m.virtio[i - 1].base + m.virtio[i - 1].size <= m.virtio[i].base));
	check(memchr(m.bootargs, 0, sizeof(m.bootargs)) != NULL);
	check(m.initrd_start <= m.initrd_end);
	return 0;
}
