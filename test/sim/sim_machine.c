/*
 * sim_machine.c - memory, devices, time, interrupts, console and power of the simulated machine
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kern/audit.h"
#include "test/sim/sim.h"

/* Far from everything else in this process, and the same in every run, so that a failure repeats. */
#define RAM_ADDRESS	((void *)0x200000000000ul)
#define RAM_MAX		(2ul << 30)
#define RAM_SPARSE	(64ul << 20)	/* from here on memory is zero, and real only where it is written */
#define DEVICES		8
#define TYPED		256

struct sim_range sim_ram;
struct sim_counts sim_counts;
ticks_t sim_now;
ticks_t sim_timer[HARTS_MAX];
char sim_console[4096], sim_reports[4096];
uint32_t sim_console_room;
jmp_buf sim_power;
bool sim_power_armed;
unsigned sim_power_code;
void (*sim_fail)(const char *sentence);
unsigned arch_asid_bits;
unsigned sim_hart;
uint32_t sim_ipis;
void (*sim_point_hook)(const char *where, bool wait);

/* What the firmware of each hart is asked for. */
static struct {
	bool asked;
	vaddr_t va;
	uint64_t bytes;		/* ~0: all of the ASID */
	asid_t asid;
	bool all;		/* of every ASID */
} fences[SIM_HARTS];

static size_t console_len, reports_len;
static struct sim_device devices[DEVICES];
static unsigned ndevices;
static uint64_t irq_lines, irq_claimed, irq_disabled;
static char typed[TYPED];
static unsigned typed_in, typed_out;

static _Noreturn void fail(const char *sentence)
{
	if (sim_fail != NULL)
		sim_fail(sentence);
	fprintf(stderr, "%s\n", sentence);
	abort();
}

_Noreturn void panic(const char *file, int line, const char *what, uint64_t a, uint64_t b)
{
	char text[512];

	snprintf(text, sizeof(text), "kernel panic: %s:%d: %s (%#lx, %#lx)", file, line, what, (unsigned long)a, (unsigned long)b);
	fail(text);
}

/* --- Memory ------------------------------------------------------------------------------------------------------- */

void sim_machine_reset(size_t ram_bytes, unsigned asid_bits)
{
	if (ram_bytes > RAM_MAX || ram_bytes % PAGE_SIZE != 0)
		fail("sim: memory of a size that the simulation does not have");
	if (sim_ram.start == NULL || sim_ram.bytes != ram_bytes || ram_bytes > RAM_SPARSE) {
		if (sim_ram.start != NULL)
			munmap(sim_ram.start, sim_ram.bytes);
		sim_ram.start = mmap(RAM_ADDRESS, ram_bytes, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
		if (sim_ram.start == MAP_FAILED)
			fail("sim: no room for the memory of the machine");
		sim_ram.bytes = ram_bytes;
	}
	/* Memory holds whatever it held: what the kernel does not clear itself shows. */
	if (ram_bytes <= RAM_SPARSE)
		memset(sim_ram.start, 0xa5, ram_bytes);
	sim_counts = (struct sim_counts){ 0 };
	sim_now = 1000000;
	for (unsigned i = 0; i < HARTS_MAX; i++)
		sim_timer[i] = ~0ul;
	console_len = reports_len = 0;
	sim_console[0] = sim_reports[0] = 0;
	sim_console_room = UINT32_MAX;
	ndevices = 0;
	irq_lines = irq_claimed = irq_disabled = 0;
	sim_hart = sim_ipis = 0;
	memset(fences, 0, sizeof(fences));
	typed_in = typed_out = 0;
	sim_power_armed = false;
	arch_asid_bits = asid_bits;
}

void *arch_kva(paddr_t pa)
{
	if (pa < SIM_RAM_BASE || pa - SIM_RAM_BASE >= sim_ram.bytes) {
		char text[100];

		snprintf(text, sizeof(text), "sim: the kernel reaches for physical address %#lx, where no memory is", (unsigned long)pa);
		fail(text);
	}
	return sim_ram.start + (pa - SIM_RAM_BASE);
}

paddr_t arch_pa(const void *kva)
{
	const uint8_t *p = kva;

	if (p < sim_ram.start || p >= sim_ram.start + sim_ram.bytes)
		fail("sim: the kernel wants the physical address of something outside memory");
	return SIM_RAM_BASE + (uint64_t)(p - sim_ram.start);
}

void *sim_dma(uint64_t pa, size_t n)
{
	if (pa < SIM_RAM_BASE || pa - SIM_RAM_BASE > sim_ram.bytes || n > sim_ram.bytes - (pa - SIM_RAM_BASE))
		return NULL;
	return sim_ram.start + (pa - SIM_RAM_BASE);
}

/* --- Devices ------------------------------------------------------------------------------------------------------ */

void sim_device_add(const struct sim_device *d)
{
	if (ndevices == DEVICES)
		fail("sim: too many devices");
	devices[ndevices++] = *d;
}

static struct sim_device *device_at(uint64_t pa)
{
	for (unsigned i = 0; i < ndevices; i++)
		if (pa >= devices[i].base && pa - devices[i].base < devices[i].bytes)
			return &devices[i];
	fail("sim: access to an address without a device");
}

uint32_t mmio_read32(uintptr_t pa)
{
	struct sim_device *d = device_at(pa);

	return d->read(d, pa - d->base);
}

void mmio_write32(uintptr_t pa, uint32_t value)
{
	struct sim_device *d = device_at(pa);

	d->write(d, pa - d->base, value);
}

/* --- Time and interrupts ------------------------------------------------------------------------------------------ */

ticks_t arch_time(void)
{
	return sim_now;
}

void arch_timer_set(ticks_t at)
{
	sim_timer[arch_hart()->index] = at;
}

/* A level-triggered line comes back until it is lowered; one that is being served waits for its completion. */
unsigned arch_irq_claim(void)
{
	for (unsigned i = 1; i < 64; i++)
		if ((irq_lines & ~irq_claimed & ~irq_disabled) >> i & 1) {
			irq_claimed |= 1ull << i;
			return i;
		}
	return 0;
}

void arch_irq_complete(unsigned irq)
{
	if (irq == 0 || irq >= 64 || !(irq_claimed >> irq & 1))
		fail("sim: an interrupt is completed that was not claimed");
	irq_claimed &= ~(1ull << irq);
}

void arch_irq_disable(unsigned irq)
{
	irq_disabled |= 1ull << irq;
}

void sim_irq_raise(unsigned irq)
{
	irq_lines |= 1ull << irq;
}

void sim_irq_lower(unsigned irq)
{
	irq_lines &= ~(1ull << irq);
}

bool sim_irq_pending(void)
{
	return (irq_lines & ~irq_claimed & ~irq_disabled) != 0;
}

void sim_interrupts(void)
{
	for (unsigned rounds = 0; sim_irq_pending(); rounds++) {
		if (rounds == 1000)
			fail("sim: a device keeps its interrupt line raised whatever the kernel does");
		sim_interrupt(IRQ_EXTERNAL);
		if (irq_claimed != 0)
			fail("sim: an interrupt was claimed and never completed");
	}
}

void sim_advance(ticks_t ticks)
{
	ticks_t until = sim_now + ticks;

	for (unsigned n = 0; sim_timer[sim_hart] <= until; n++) {
		if (n == 3000)
			fail("sim: timer interrupts without end");
		if (sim_timer[sim_hart] > sim_now)
			sim_now = sim_timer[sim_hart];
		sim_interrupt(IRQ_TIMER);
		if (sim_timer[sim_hart] <= sim_now)
			sim_now++;		/* the kernel asks for the next one at once: entering it takes time */
	}
	if (sim_now < until)
		sim_now = until;
}

void sim_pass(ticks_t ticks)
{
	const ticks_t until = sim_now + ticks;
	const unsigned self = sim_hart;
	const bool watched = sim_audit;

	sim_audit = watched && nharts == 1;	/* with several it is the end that is looked at: they interrupt each other often */
	for (unsigned n = 0; ; n++) {
		unsigned first = 0;

		if (n == 3000 * nharts)
			fail("sim: timer interrupts without end");
		sim_ipis_taken();
		for (unsigned i = 1; i < nharts; i++)
			if (sim_timer[i] < sim_timer[first])
				first = i;
		if (sim_timer[first] > until)
			break;
		sim_hart = first;
		if (sim_timer[first] > sim_now)
			sim_now = sim_timer[first];
		sim_interrupt(IRQ_TIMER);
		if (sim_timer[first] <= sim_now)
			sim_now++;		/* as in sim_advance() */
	}
	sim_hart = self;
	if (sim_now < until)
		sim_now = until;
	sim_audit = watched;
	if (watched) {
		audit();
		sim_tlb_check();
	}
}

bool sim_next_timer(void)
{
	if (sim_timer[sim_hart] == ~0ul)
		return false;
	if (sim_timer[sim_hart] > sim_now)
		sim_now = sim_timer[sim_hart];
	sim_interrupt(IRQ_TIMER);
	return true;
}

/* --- Several harts ------------------------------------------------------------------------------------------------ */

void arch_ipi(const struct hart *h)
{
	sim_point("an interrupt to another hart");
	if (h->index >= nharts)
		fail("sim: an interrupt to a hart that is not there");
	sim_ipis |= h->bit;
}

void arch_relax(unsigned *turns)
{
	bool some = false;

	(void)turns;
	if (sim_point_hook != NULL) {
		sim_point_hook("wait", true);
		return;
	}
	/* Nobody else executes now. Those that were interrupted stand at the lock, until it is their turn: see go_to() in sim_cpu.c. */
	for (unsigned i = 0; i < nharts; i++)
		if (i != sim_hart && (sim_ipis >> i & 1) && harts[i].waits == 0) {
			harts[i].waits = 1;
			some = true;
		}
	if (!some)
		fail("sim: a hart waits for another, and none executes");
}

bool sim_fence_asked(unsigned hart)
{
	return fences[hart].asked;
}

void sim_firmware(unsigned hart)
{
	unsigned self = sim_hart;

	sim_hart = hart;
	if (fences[hart].all || arch_asid_bits == 0)
		arch_fence_all();
	else if (fences[hart].bytes == ~0ul)
		arch_fence_asid(fences[hart].asid);
	else
		for (uint64_t at = 0; at < fences[hart].bytes; at += PAGE_SIZE)
			arch_fence_page(fences[hart].va + at, fences[hart].asid);
	fences[hart].asked = false;
	sim_hart = self;
}

/* Ask, and wait until all have done it. */
static void ask(uint32_t hart_mask, vaddr_t va, uint64_t bytes, asid_t asid, bool all)
{
	if (hart_mask >> nharts != 0 || (hart_mask & 1u << sim_hart))
		fail("sim: a fence on a hart that is not there, or on this one");
	if (hart_mask == 0)
		return;
	sim_point("a fence on other harts");
	for (unsigned i = 0; i < nharts; i++) {
		if (!(hart_mask >> i & 1))
			continue;
		fences[i].asked = true;
		fences[i].va = va;
		fences[i].bytes = bytes;
		fences[i].asid = asid;
		fences[i].all = all;
		if (sim_point_hook == NULL)
			sim_firmware(i);
	}
	for (unsigned i = 0; i < nharts; i++)
		while ((hart_mask >> i & 1) && fences[i].asked)
			sim_point_hook("wait for a fence", true);
}

void arch_fence_remote(uint32_t hart_mask, vaddr_t va, uint64_t bytes, asid_t asid)
{
	ask(hart_mask, va, bytes, asid, false);
}

void arch_fence_all_remote(uint32_t hart_mask)
{
	ask(hart_mask, 0, ~0ul, 0, true);
}

bool arch_idle(void)
{
	return false;
}

struct hart *arch_hart(void)
{
	return &harts[sim_hart];
}

/* --- Floating point ----------------------------------------------------------------------------------------------- */

void arch_fp_switch(struct hart *h, struct env *from, struct env *to)
{
	if (from != NULL && from->fp_on && sim_cpu.f_dirty) {
		memcpy(from->fp, sim_cpu.f, sizeof(from->fp));
		from->fp_saved = true;
		sim_cpu.f_dirty = false;
	}
	sim_cpu.f_on = to != NULL && to->fp_on;
	if (!sim_cpu.f_on || h->fp_owner == to->id)
		return;
	if (to->fp_saved)
		memcpy(sim_cpu.f, to->fp, sizeof(sim_cpu.f));
	else
		memset(sim_cpu.f, 0, sizeof(sim_cpu.f));
	h->fp_owner = to->id;
}

bool arch_fp_wake(struct hart *h, struct env *e)
{
	(void)h;
	(void)e;
	return false;		/* floating-point instructions are not simulated */
}

void arch_fp_reset(struct hart *h, struct env *e)
{
	e->fp_saved = false;
	if (h->fp_owner == e->id)
		h->fp_owner = 0;
	if (h->current == e) {
		sim_cpu.f_dirty = false;
		arch_fp_switch(h, NULL, e);
	}
}

/* --- Console, report, power --------------------------------------------------------------------------------------- */

bool arch_console_ready(void)
{
	return sim_console_room > 0;
}

void arch_console_putc(char c)
{
	if (sim_console_room > 0)
		sim_console_room--;
	if (console_len + 1 < sizeof(sim_console)) {
		sim_console[console_len++] = c;
		sim_console[console_len] = 0;
	}
}

int arch_console_getc(void)
{
	return typed_out == typed_in ? -1 : (unsigned char)typed[typed_out++ % TYPED];
}

void sim_type(const char *text)
{
	while (*text != 0 && typed_in - typed_out < TYPED)
		typed[typed_in++ % TYPED] = *text++;
}

bool arch_report(const char *buf, size_t n)
{
	for (size_t i = 0; i < n && reports_len + 1 < sizeof(sim_reports); i++)
		sim_reports[reports_len++] = buf[i];
	sim_reports[reports_len] = 0;
	return true;
}

_Noreturn void arch_poweroff(unsigned code)
{
	if (!sim_power_armed)
		fail("sim: the kernel switches off and no test expects it");
	sim_power_armed = false;
	sim_power_code = code;
	longjmp(sim_power, 1);
}
