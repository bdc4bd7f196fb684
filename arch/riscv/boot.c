/*
 * boot.c - the kernel's own address space, and the hand-over to kern_boot()
 *
 * Upper half of every context, all entries global:
 *
 *	DIRECT_MAP + pa		ffffffc0_00000000	devices and memory, R W; the image's text and constants R only
 *	LINK_OFFSET + pa	ffffffff_80200000	the image: text R X, constants R, data R W
 *
 * Nothing is ever writable and executable, under any of its addresses. User contexts copy the upper half of the root table once:
 * it never changes after boot.
 */
#include "kern/boot.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/fdt.h"
#include "arch/riscv/machine.h"
#include "arch/riscv/sv39.h"
#include "kern/slice.h"

#define IMAGE_TABLES	4	/* leaf tables for the image: 8 MiB from 0x80200000 on */
#define IMAGE_PHYSICAL	0x80200000ul
#define KERNEL_R	(PTE_V | PTE_R | PTE_G | PTE_A)
#define KERNEL_RW	(KERNEL_R | PTE_W | PTE_D)
#define KERNEL_RX	(KERNEL_R | PTE_X)

#define PAGE_ALIGNED __attribute__((aligned(4096), section(".bss.page_aligned")))

extern pte_t kernel_root[SV39_ENTRIES], image_l1[SV39_ENTRIES];
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __kernel_end[], boot_stack_top[];
extern const char __init_image_start[], __init_image_end[];

static pte_t direct_l1[SV39_ENTRIES] PAGE_ALIGNED;
static pte_t image_l0[IMAGE_TABLES][SV39_ENTRIES] PAGE_ALIGNED;
static pte_t direct_l0[IMAGE_TABLES][SV39_ENTRIES] PAGE_ALIGNED;

static uint16_t filled[SV39_ENTRIES - SV39_USER_ROOT];	/* entries of the kernel's half that lead somewhere */
static unsigned nfilled;

ppn_t kernel_root_ppn;

static paddr_t physical(const void *image_address)
{
	return (paddr_t)image_address - LINK_OFFSET;
}

static pte_t entry(paddr_t pa, pte_t bits)
{
	return pa >> PAGE_SHIFT << PTE_PPN_SHIFT | bits;
}

/* The image's pages, twice: at its link address, and in the direct map, there never executable nor writable if constant. */
static void map_image(void)
{
	paddr_t text_end = physical(__text_end), ro_end = physical(__rodata_end), end = physical(__kernel_end);

	if (end > IMAGE_PHYSICAL + IMAGE_TABLES * sv39_span(1))
		panic(__FILE__, __LINE__, "the kernel image outgrew its tables: raise IMAGE_TABLES", end, IMAGE_TABLES);
	for (unsigned t = 0; t < IMAGE_TABLES; t++) {
		for (unsigned i = 0; i < SV39_ENTRIES; i++) {
			paddr_t pa = IMAGE_PHYSICAL + t * sv39_span(1) + i * PAGE_SIZE;
			bool constant = pa < ro_end;

			direct_l0[t][i] = entry(pa, constant ? KERNEL_R : KERNEL_RW);
			if (pa < end)
				image_l0[t][i] = entry(pa, pa < text_end ? KERNEL_RX : constant ? KERNEL_R : KERNEL_RW);
		}
		direct_l1[t + 1] = entry(physical(direct_l0[t]), PTE_V);
		image_l1[t + 1] = entry(physical(image_l0[t]), PTE_V);
	}
	image_l1[0] = 0;
	for (unsigned i = IMAGE_TABLES + 1; i < SV39_ENTRIES; i++)
		image_l1[i] = 0;
}

static void map_memory(const struct machine *m)
{
	/* The GiB of the image by 2 MiB pages; its first 2 MiB are the firmware's and stay unmapped. */
	for (unsigned i = IMAGE_TABLES + 1; i < SV39_ENTRIES; i++)
		direct_l1[i] = entry(0x80000000ul + i * sv39_span(1), KERNEL_RW);
	for (unsigned i = 0; i < m->nmemory; i++) {
		paddr_t end = m->memory[i].base + m->memory[i].size;

		for (paddr_t pa = m->memory[i].base & ~(sv39_span(2) - 1); pa < end; pa += sv39_span(2))
			kernel_root[SV39_USER_ROOT + sv39_index(pa, 2)] = entry(pa, KERNEL_RW);
	}
	kernel_root[SV39_USER_ROOT + sv39_index(IMAGE_PHYSICAL, 2)] = entry(physical(direct_l1), PTE_V);
	for (unsigned i = SV39_USER_ROOT; i < SV39_ENTRIES; i++)
		if (kernel_root[i] != 0)
			filled[nfilled++] = i;
	arch_fence_all();	/* replaces the boot mapping: no walk may use it any longer */
}

/* Most entries of the kernel's half are empty, as they are in the new root: there are as many others as GiB of memory, and the image. */
void arch_root_init(ppn_t root)
{
	pte_t *to = page_kva(root);

	for (unsigned i = 0; i < nfilled; i++)
		to[filled[i]] = kernel_root[filled[i]];
}

static void say_hello(const struct machine *m)
{
	kprintf("exos: hart %lu of %u runs, %lu MiB of memory, %u bit address space ids, timer by %s\n", m->hart[0].id, m->nharts,
		m->memory[0].size >> 20, arch_asid_bits, m->hart[0].sstc ? "stimecmp" : "SBI");
}

/* What only this machine's start knows: the seed that QEMU puts into the device tree, and how long everything took. */
static uint64_t random_seed(const uint8_t *blob, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ul ^ csr_read(time) ^ csr_read(cycle) << 32;

	for (size_t i = 0; i < n; i++)
		h = (h ^ blob[i]) * 0x100000001b3ul;
	return h ^ h >> 29;
}

void arch_boot(uint64_t hart, paddr_t fdt, ticks_t entered)
{
	static struct machine m;
	const uint8_t *blob = arch_kva(fdt);
	int err;

	kernel_root_ppn = physical(kernel_root) >> PAGE_SHIFT;
	arch_early_console(0x10000000);		/* where virt has it: until the device tree tells */
	if (fdt < IMAGE_PHYSICAL || fdt >= 0xc0000000ul)
		panic(__FILE__, __LINE__, "the device tree does not lie in the first GiB of memory", fdt, hart);
	err = fdt_read_machine(blob, FDT_SIZE_MAX, &m);
	if (err != 0) {
		kprintf("exos: device tree: %s\n", fdt_strerror(err));
		panic(__FILE__, __LINE__, "the machine cannot be understood", fdt, (uint64_t)-err);
	}
	for (unsigned i = 0; i < m.nharts; i++)
		if (m.hart[i].id == hart) {
			struct machine_hart first = m.hart[i];

			m.hart[i] = m.hart[0];	/* harts[0] is the one that boots */
			m.hart[0] = first;
		}
	map_image();
	map_memory(&m);
	harts[0].stack = (uint64_t)boot_stack_top;
	harts[0].bit = 1;
	__asm__ volatile("mv tp, %0" :: "r"(&harts[0]));
	arch_machine_init(&m);
	say_hello(&m);

	kern_boot(&(struct boot_param){
		.machine = &m,
		.kernel_end = physical(__kernel_end),
		.image = __init_image_start,
		.image_bytes = __init_image_end - __init_image_start,
		.random = random_seed(blob, m.tree_bytes < 65536 ? m.tree_bytes : 65536),
		.entered = entered,
	});
	arch_harts_start();
	/* head.S continues in trap_exit with what runs now. */
}
