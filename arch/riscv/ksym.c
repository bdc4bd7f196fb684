/*
 * ksym.c - names for addresses, from the table that ksyms.py links into the image
 */
#include "arch/riscv/machine.h"

extern const uint32_t ksyms_count, ksyms_addr[], ksyms_name[];
extern const char ksyms_strings[];
extern const char __text_start[], __text_end[];

void ksym_print(uint64_t pc)
{
	uint32_t at = (uint32_t)(pc - (uint64_t)__text_start), low = 0, high = ksyms_count;

	if (pc < (uint64_t)__text_start || pc >= (uint64_t)__text_end || ksyms_count == 0 || at < ksyms_addr[0]) {
		kprintf("0x%lx", pc);
		return;
	}
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (ksyms_addr[middle] <= at)
			low = middle;
		else
			high = middle;
	}
	kprintf("%s+0x%x", ksyms_strings + ksyms_name[low], at - ksyms_addr[low]);
}
