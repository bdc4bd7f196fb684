/*
 * sim.h - the simulated machine under the real kernel
 *
 * One address space of this process plays a RISC-V machine: an array is its memory, virtual time stands still until a
 * test moves it, and each hart has registers, a timer and a TLB. kern/ runs on it whole and unchanged; only what
 * kern/arch.h asks for and what arch/riscv/entry.S does is written anew here.
 *
 * The TLB is as nasty as the ISA allows. It keeps leaf entries by (ASID, address), entries that were invalid, accessed and
 * dirty bits as they were, and, apart from these, pointers to tables. It forgets only what is fenced: a fence of one
 * address forgets the leaf entries of that address and no pointer to a table; a fence of an ASID everything of it. So a
 * fence that is missing, or that names the wrong address or ASID, lets a test read memory that it should not reach.
 * Source: RISC-V Privileged ISA 1.12, 4.2.1 and 4.3.2.
 */
#ifndef TEST_SIM_H
#define TEST_SIM_H

#include <setjmp.h>

#include "kern/arch.h"
#include "exos/boot.h"
#include "exos/calls.h"
#include "exos/env.h"
#include "kern/charge.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/page.h"
#include "kern/slice.h"
#include "test/sim/sim_virtio_net.h"

#define SIM_RAM_BASE	0x80000000ul

struct sim_config {
	size_t ram_bytes;	/* 0: 4 MiB; beyond 64 MiB only what is written takes memory of the host */
	unsigned asid_bits;	/* ASIDs that the machine has; 0: none */
	unsigned harts;		/* 0: one; up to SIM_HARTS */
	bool together;		/* sim_together */
	bool ad_faults;		/* accessed and dirty clear cause a page fault; otherwise the hardware sets them */
	bool nic;		/* there is a network device */
	bool bare;		/* leave the first environment as the kernel made it, without the world of sim_world.h */
	bool unwatched;		/* start with sim_audit off: with very much memory an audit takes long */
	const char *args;
	size_t archive_at, archive_bytes;	/* boot archive, from the start of memory; byte i of it is i * 7, modulo 256 */
};

/* Forget everything and start the machine; on return the first environment is current on hart 0. */
void sim_boot(const struct sim_config *config);
extern struct env *sim_init_env;	/* the first environment */
extern struct sim_virtio_net sim_nic;	/* the network device, when there is one */
extern bool sim_ad_faults;

/* What the machine did, to be read and reset by tests. */
struct sim_counts {
	unsigned fences_page, fences_asid, fences_all;
	unsigned context_sets;
	unsigned tlb_hits, tlb_misses;
	unsigned fast_upcalls, slow_exceptions, interrupts;
	unsigned calls;
};
extern struct sim_counts sim_counts;

/* --- Memory --------------------------------------------------------------------------------------------------- */

struct sim_range {
	uint8_t *start;
	size_t bytes;
};
extern struct sim_range sim_ram;

/*
 * Devices: a window of physical addresses, answered by two functions. Register before sim_boot() looks for the device;
 * sim_machine_reset() forgets all windows.
 */
struct sim_device {
	uint64_t base, bytes;
	uint32_t (*read)(struct sim_device *d, uint64_t offset);
	void (*write)(struct sim_device *d, uint64_t offset, uint32_t value);
	void *self;
};
void sim_device_add(const struct sim_device *d);
void sim_machine_reset(size_t ram_bytes, unsigned asid_bits);
/* Memory as a device sees it; NULL outside. */
void *sim_dma(uint64_t pa, size_t n);

/* --- Time and interrupts ---------------------------------------------------------------------------------------- */

extern ticks_t sim_now;
extern ticks_t sim_timer[HARTS_MAX];	/* ~0: never */
/* Let time pass while user code runs or the hart is idle; timer interrupts come when they are due. */
void sim_advance(ticks_t ticks);
/* The same with the timers, and the interrupts, of all harts. */
void sim_pass(ticks_t ticks);
/* Run until the next timer interrupt has been served. False: the timer is not set. */
bool sim_next_timer(void);
/* A device pulls its line; served at once with sim_interrupts(). */
void sim_irq_raise(unsigned irq);
void sim_irq_lower(unsigned irq);
void sim_interrupts(void);
/* Is there a line that the kernel has not served? */
bool sim_irq_pending(void);

/* --- The processor ------------------------------------------------------------------------------------------------ */

enum sim_access { SIM_FETCH, SIM_LOAD, SIM_STORE };

/*
 * Registers of each hart, and the hart that executes now: the kernel under it, and every function here, is that hart's. With several
 * the kernel takes its lock as it does on the real machine.
 */
#define SIM_HARTS	4
struct sim_registers {
	uint64_t x[32];		/* x[0]: pc */
	uint64_t f[33];		/* fcsr last */
	bool f_on, f_dirty;
	ppn_t root;
	asid_t asid;
};
extern struct sim_registers sim_cpus[SIM_HARTS];
extern unsigned sim_hart;
#define sim_cpu (sim_cpus[sim_hart])
extern bool sim_traced[HARTS_MAX];	/* the kernel has chosen the trap vector of a traced hart */

/* What runs on it. */
struct env *sim_current(void);

/* Interrupts that other harts sent and that were not taken yet, a bit for each hart. */
extern uint32_t sim_ipis;
/* Each hart takes its own. sim_pass() begins with that, and sim_run() when the harts work together. */
void sim_ipis_taken(void);
/* sim_run() goes to the hart on which an environment runs. Off: a test says itself which hart executes, and when it is interrupted. */
extern bool sim_together;

/*
 * Where harts may overtake each other: test/sim/points.h puts one before each atomic operation and each store that others may see, the
 * simulation some of its own. A test of interleavings sets the hook; the hart goes on when it returns. wait: it can do nothing before
 * another hart has done something.
 */
extern void (*sim_point_hook)(const char *where, bool wait);
static inline void sim_point(const char *where)
{
	if (unlikely(sim_point_hook != NULL))
		sim_point_hook(where, false);
}

/*
 * A fence that another hart asks for is done by the firmware of the hart that it is asked of, at any time, and the asker waits. Without a hook it is
 * done at once. sim_firmware() does what hart is asked for; sim_fence_asked() tells whether there is something.
 */
bool sim_fence_asked(unsigned hart);
void sim_firmware(unsigned hart);

/* The short roads of entry.S, statement by statement: sim_roads.c. Off: everything takes the long road, as in the debug kernel. */
extern bool sim_short_roads;
/* Number and arguments are in the registers. True: done. */
bool sim_short_road(void);

/*
 * Translate as hardware does, through the TLB. Returns 0 or the cause of the exception. *pa is set when 0.
 */
unsigned sim_translate(enum sim_access kind, vaddr_t va, paddr_t *pa);

/* Accesses of the current environment, 1, 2, 4 or 8 bytes, aligned. 0 or the cause. */
unsigned sim_load(vaddr_t va, uint64_t *value, unsigned bytes);
unsigned sim_store(vaddr_t va, uint64_t value, unsigned bytes);
/* The same for tests that know it succeeds: a fault fails the test. */
uint64_t sim_peek(vaddr_t va);
void sim_poke(vaddr_t va, uint64_t value);
/* Could it? Changes no accessed or dirty bit, but fills the TLB. */
bool sim_can(enum sim_access kind, vaddr_t va);
/*
 * Everything that the TLB remembers, of any context that can still run, stands so in the tables. Checked together with the audit at every
 * return from the kernel: so a fence that is missing fails there, whether a test comes by the address or not.
 */
void sim_tlb_check(void);
/* What must hold at any moment, also in the middle of a call: nothing that a hart remembers leads to what is no data of anybody's. */
void sim_tlb_danger(void);

/*
 * Execute one instruction of the current environment at sim_cpu.x[0]. An exception or ecall is taken at once, as entry.S takes
 * it. Knows loads, stores, addi, add, and/or/xor, lui, auipc, branches, jal, jalr, amoand, amoor, ecall, ebreak; everything else
 * is an illegal instruction. False: the hart is idle.
 */
bool sim_step(void);

/* Whoever runs here does not run any more, and is ready. */
void sim_vacate(void);
/* Make e current, which must be ready, as a scheduler would; its registers go with it. See sim_together. */
void sim_run(struct env *e);

/*
 * What entry.S does for an ecall with number in a0 and arguments in a1..a6, e being current afterwards or not: the result is
 * that of the call when e still runs or is ready; SIM_SWITCHED when it gave the processor away. Then the audit runs.
 */
long sim_ecall(struct env *e, unsigned long number, unsigned long a1, unsigned long a2, unsigned long a3,
	       unsigned long a4, unsigned long a5, unsigned long a6);
#define SIM_SWITCHED	(-4711L)
/* sim_call(e, page_alloc, 0, slot, FRAME_ANY, 0): missing arguments are 0. */
#define sim_call(e, name, ...) SIM_CALL_(e, CALL_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SIM_CALL_(e, n, a, b, c, d, f, g, ...) \
	sim_ecall(e, n, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d), (unsigned long)(f), \
		  (unsigned long)(g))

/* An exception of the current environment, taken as entry.S takes it. */
void sim_exception(uint64_t cause, uint64_t tval);
/* An interrupt: IRQ_TIMER or IRQ_EXTERNAL of kern/arch.h. */
void sim_interrupt(uint64_t cause);

/* Audit after every entry into the kernel; on unless a test that measures switches it off. */
extern bool sim_audit;

/* --- Console, report, power ----------------------------------------------------------------------------------------- */

extern char sim_console[4096], sim_reports[4096];
extern uint32_t sim_console_room;	/* bytes that the serial line still takes; as good as no end at boot */
void sim_type(const char *text);
extern jmp_buf sim_power;	/* set it and sim_power_armed before a call that may switch off */
extern bool sim_power_armed;
extern unsigned sim_power_code;
/* Called with a sentence when the kernel panics or the simulation finds misuse; must not return. */
extern void (*sim_fail)(const char *sentence);

/* --- The state as a whole ---------------------------------------------------------------------------------------------- */

/*
 * Hash of all memory and all variables of the kernel, but for saved registers, accounting of time, counters and
 * audit scratch: equal before and after a call that changed nothing.
 */
uint64_t sim_state_hash(void);
/* Of everything that matters for what comes next: registers, TLBs, timers, the lock. And of any words. */
uint64_t sim_machine_hash(void);
uint64_t sim_hash(uint64_t h, const void *from, size_t n);
/* All variables of the kernel as they were when the process started. */
void sim_state_fresh(void);
/* Copy the whole machine away, and bring it back as often as wanted. */
struct sim_snapshot;
struct sim_snapshot *sim_save(void);
void sim_restore(const struct sim_snapshot *s);
void sim_snapshot_free(struct sim_snapshot *s);

#endif
