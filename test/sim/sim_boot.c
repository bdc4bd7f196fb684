/*
 * sim_boot.c - the simulated machine described, and the kernel booted on it
 */
#include <string.h>

#include "kern/boot.h"
#include "test/sim/sim_world.h"

#define KERNEL_BYTES	(64u << 10)	/* what firmware and kernel image would take */
#define IMAGE_BASE	0x10000ul
#define IMAGE_PAGES	4u
#define VIRTIO_BASE	0x10008000ul
#define UART_IRQ	10
#define VIRTIO_IRQ	8

struct env *sim_init_env;
struct sim_virtio_net sim_nic;

/* The first environment: code that spins, a page of data, and a page that is zeroed. */
static const void *make_image(size_t *bytes)
{
	static uint64_t words[IMAGE_PAGES * PAGE_SIZE / 8];
	struct image_header *h = (void *)words;

	*bytes = 3 * PAGE_SIZE - 100;
	*h = (struct image_header){
		.magic = IMAGE_MAGIC,
		.entry = IMAGE_BASE + sizeof(*h),
		.base = IMAGE_BASE,
		.data = IMAGE_BASE + 2 * PAGE_SIZE,
		.file_end = IMAGE_BASE + *bytes,
		.end = IMAGE_BASE + IMAGE_PAGES * PAGE_SIZE,
	};
	words[sizeof(*h) / 8] = 0x0000006f;	/* 1: j 1b */
	memset(&words[2 * PAGE_SIZE / 8], 0x77, PAGE_SIZE);
	return words;
}

static void describe(struct machine *m, const struct sim_config *config)
{
	*m = (struct machine){
		.nmemory = 1,
		.memory[0] = { SIM_RAM_BASE, sim_ram.bytes },
		.nharts = config->harts != 0 ? config->harts : 1,
		.timebase_hz = 10000000,
		.uart = { 0x10000000, 0x100, UART_IRQ },
	};
	for (unsigned i = 0; i < m->nharts; i++)
		m->hart[i] = (struct machine_hart){ .id = i, .plic_context = 1 + 2 * (int)i };
	if (config->nic) {
		m->nvirtio = 1;
		m->virtio[0] = (struct machine_device){ VIRTIO_BASE, 0x1000, VIRTIO_IRQ };
	}
	m->initrd_start = config->archive_bytes != 0 ? SIM_RAM_BASE + config->archive_at : 0;
	m->initrd_end = config->archive_bytes != 0 ? m->initrd_start + config->archive_bytes : 0;
	for (size_t i = 0; i < config->archive_bytes; i++)
		((uint8_t *)arch_kva(m->initrd_start))[i] = i * 7;
	if (config->args != NULL)
		strncpy(m->bootargs, config->args, sizeof(m->bootargs) - 1);
}

/* Give the first environment the same small world that sim_child() gives to others. */
static void settle(struct env *init)
{
	unsigned args = sim_slot(init);

	sim_call(init, page_alloc, 0, args, FRAME_ANY, 0);
	sim_bind(init, SIM_ARGS, args, PROT_R | PROT_W);
	args = sim_page(init);
	sim_bind(init, SIM_ARGS + PAGE_SIZE, args, PROT_R | PROT_W);
	sim_bind(init, SIM_CODE, sim_page(init), PROT_R | PROT_W | PROT_X);
	sim_bind(init, SIM_DATA, sim_page(init), PROT_R | PROT_W);
	args = sim_page(init);
	sim_bind(init, SIM_UAREA, args, PROT_R | PROT_W);
	sim_call(init, env_set, 0, ENV_UAREA, args, SIM_UAREA);
}

void sim_boot(const struct sim_config *config)
{
	static struct machine machine;
	struct boot_param b = { .machine = &machine, .kernel_end = SIM_RAM_BASE + KERNEL_BYTES, .random = 0x9d5b6a1f03c7e284 };

	sim_state_fresh();
	sim_machine_reset(config->ram_bytes != 0 ? config->ram_bytes : 4u << 20, config->asid_bits);
	for (sim_hart = SIM_HARTS - 1; sim_hart > 0; sim_hart--)
		arch_fence_all();
	arch_fence_all();
	sim_ad_faults = config->ad_faults;
	memset(&sim_nic, 0, sizeof(sim_nic));
	if (config->nic)
		sim_virtio_net_init(&sim_nic, VIRTIO_BASE, VIRTIO_IRQ);
	describe(&machine, config);
	b.image = make_image(&b.image_bytes);
	b.entered = sim_now;
	memset(sim_cpus, 0, sizeof(sim_cpus));
	sim_short_roads = false;
	sim_together = config->together;
	sim_point_hook = NULL;
	memset(sim_traced, 0, sizeof(sim_traced));
	sim_init_env = kern_boot(&b);
	for (unsigned i = 1; i < nharts; i++)
		harts[i].since = sim_now;
	memcpy(sim_cpu.x, sim_init_env->x, sizeof(sim_cpu.x));
	sim_audit = !config->unwatched;
	if (!config->bare)
		settle(sim_init_env);
	sim_counts = (struct sim_counts){ 0 };
}
