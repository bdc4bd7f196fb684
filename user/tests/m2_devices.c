/*
 * m2_devices.c - M2: device registers, flash, firmware configuration and the test device are never pages
 */
#include "check.h"

int main(void)
{
	static const struct {
		const char *name;
		uint64_t base, len;
	} devices[] = {
		{ "debug", 0, 0x1000 }, { "mask ROM", 0x1000, 0xf000 }, { "test device", 0x100000, 0x1000 }, { "clock", 0x101000, 0x1000 },
		{ "CLINT", 0x2000000, 0x10000 }, { "PCI ports", 0x3000000, 0x10000 }, { "PLIC", 0xc000000, 0x600000 },
		{ "UART", 0x10000000, 0x1000 }, { "virtio", 0x10001000, 0x8000 }, { "firmware configuration", 0x10100000, 0x1000 },
		{ "flash", 0x20000000, 0x4000000 }, { "PCI ECAM", 0x30000000, 0x10000000 }, { "PCI memory", 0x40000000, 0x40000000 },
	};
	unsigned int slot = slot_alloc(), run = slot_alloc_run(1);
	struct cap_info info;

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		for (uint64_t at = devices[i].base; at < devices[i].base + devices[i].len; at += devices[i].len > 0x100000 ? 0x80000 : 0x1000) {
			if (sys_page_alloc(0, slot, at / PAGE_SIZE, 0) != -E_INVAL)
				printf("%s at 0x%lx\n", devices[i].name, at);
			CHECK_IS(sys_page_alloc(0, slot, at / PAGE_SIZE, 0), -E_INVAL);
			CHECK_IS(sys_page_alloc(0, run, at / PAGE_SIZE & ~511ul, 1), -E_INVAL);
		}
		/* An address is not a binding either. */
		CHECK(fault_of_load(devices[i].base) == 13 || vm_slot((void *)devices[i].base) != 0 || devices[i].base >= LAYOUT_IMAGE);
	}
	CHECK_IS(sys_cap_info(slot, &info), -E_NOCAP);
	CHECK_IS(fault_of_store(0x100000), 15);
	CHECK_IS(fault_of_store(0x10000000), 15);
	return verdict();
}
