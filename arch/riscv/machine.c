/*
 * machine.c - the RISC-V side of kern/arch.h: timer, fences, devices of the board, traps, panic
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/machine.h"
#include "arch/riscv/offsets.h"
#include "arch/riscv/sv39.h"
#include "kern/lock.h"
#include "kern/page.h"
#include "kern/slice.h"
#include "kern/syscall.h"

static_assert(offsetof(struct env, x[1]) == E_X(1) && offsetof(struct env, hart) == E_HART &&
	      offsetof(struct env, uarea) == E_UAREA && offsetof(struct env, uarea_va) == E_UAREA_VA &&
	      offsetof(struct env, handler[UP_FAULT]) == E_HANDLER_FAULT, "entry.S knows struct env");
#define TIED(what, member, offset) static_assert(offsetof(struct what, member) == offset, "entry.S knows struct " #what)
TIED(env, gate, E_GATE);
TIED(env, open, E_OPEN);
TIED(env, satp, E_SATP);
TIED(env, caller, E_CALLER);
TIED(env, callee, E_CALLEE);
TIED(env, base_pc, E_BASE_PC);
TIED(env, call_deadline, E_CALL_DEADLINE);
TIED(env, call_slot, E_CALL_SLOT);
TIED(env, call_env, E_CALL_ENV);
TIED(env, yield_slot, E_YIELD_SLOT);
TIED(env, yield_env, E_YIELD_ENV);
TIED(env, pub, E_PUB);
TIED(env, id, E_ID);
TIED(env, state, E_STATE);
TIED(env, resume, E_STATE + 1);
TIED(env, slice_upcall, E_STATE + 2);
TIED(env, entry_waits, E_STATE + 3);
TIED(env, lean, E_LEAN);
TIED(hart, pub, H_PUB);
TIED(hart, payer, H_PAYER);
TIED(hart, payer_id, H_PAYER_ID);
TIED(hart, fp_owner, H_FP_OWNER);
TIED(hart, since, H_SINCE);
TIED(hart, slice_end, H_SLICE_END);
TIED(hart, grace, H_GRACE);
TIED(hart, index, H_INDEX);
TIED(exposed_env, used, P_USED);
TIED(exposed_env, switches, P_SWITCHES);
TIED(exposed_hart, current, P_CURRENT);
static_assert(E_PLAIN == ENV_READY && RESUME_LEAN == 0, "entry.S compares state and resume as one word");
static_assert(offsetof(struct hart, stack) == H_STACK && offsetof(struct hart, current) == H_CURRENT &&
	      offsetof(struct hart, frame_saved) == H_FRAME_SAVED, "entry.S knows struct hart");
static_assert(E_NOCALL == 2, "entry.S knows one error");

unsigned arch_asid_bits;

static struct {
	uintptr_t uart, plic, plic_context, test;
	bool sstc, report;
} board;

/* ---- entry table ---- */

long call_full(void), call_delete(void), call_delete_locked(void);

/* What entry.S jumps to: the C function itself, or call_full for calls after which somebody else may run. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
const void *call_entry[CALL_COUNT] = {
#ifdef EXOS_DEBUG
#define X(name, ...) [CALL_##name] = (const void *)call_full,
#else
#define X(name, ...) [CALL_##name] = (const void *)sys_##name,
#endif
	EXOS_CALLS(X)
#undef X
#define X(name) [CALL_##name] = (const void *)call_full,
	SWITCHING_CALLS(X)
#undef X
#ifndef EXOS_DEBUG			/* the audit follows every call */
	[CALL_cap_delete] = (const void *)call_delete,
#endif
};
#pragma GCC diagnostic pop
static_assert(CALL_DELETE == CALL_cap_delete, "entry.S knows this one");
/* With several harts call_entry[] leads to call_locked in entry.S instead, and that to where call_entry[] led before. */
const void *call_direct[CALL_COUNT];
void call_locked(void);

static_assert(offsetof(struct hart, waits) == H_WAITS, "entry.S knows struct hart");
static_assert(CALLS == CALL_COUNT, "entry.S knows how many calls there are");
static_assert(CALL_pct_call == 1 && CALL_pct_reply == 2 && CALL_pct_send == 3 && CALL_yield == TRANSFERS_END && FAST_END == CALL_yield + 1,
	      "entry.S knows which are transfers");

/* ---- translations ---- */

void arch_fence_all(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

uint64_t arch_satp(ppn_t root, asid_t asid)
{
	return SATP_SV39 | (uint64_t)asid << SATP_ASID_SHIFT | root;
}

bool arch_context_set(ppn_t root, asid_t asid)
{
	uint64_t satp = arch_satp(root != 0 ? root : kernel_root_ppn, asid);

	if (csr_read(satp) == satp)
		return false;
	csr_write(satp, satp);
	return true;
}

static unsigned probe_asid_bits(void)
{
	uint64_t satp = csr_read(satp), all;
	unsigned n = 0;

	/* Unimplemented bits of the field read back as zero. 4.1.11. */
	csr_write(satp, satp | 0xfffful << SATP_ASID_SHIFT);
	all = csr_read(satp) >> SATP_ASID_SHIFT & 0xffff;
	csr_write(satp, satp);
	arch_fence_all();
	for (; all != 0; all >>= 1)
		n++;
	return n;
}

/* ---- time ---- */

static ticks_t timer[HARTS_MAX];	/* what each hart has asked for */

static void timer_set(ticks_t at)
{
	if (board.sstc)
		csr_write(0x14d, at);		/* stimecmp */
	else
		sbi_call(SBI_TIME, 0, at, 0, 0, 0, 0);
}

void arch_timer_set(ticks_t at)
{
	timer[arch_hart()->index] = at;
	timer_set(at);
}

#define TURNS	500	/* of a loop, before a hart that waits for another one sleeps */
#define NAP	300	/* ticks */

void arch_relax(unsigned *turns)
{
	if (++*turns < TURNS) {
		__asm__ volatile(".4byte 0x0100000f" ::: "memory");	/* pause, from Zihintpause; elsewhere a fence without effect */
		return;
	}
	timer_set(arch_time() + NAP);
	__asm__ volatile("wfi" ::: "memory");		/* SIE is 0: nothing is taken */
	timer_set(timer[arch_hart()->index]);
}

/* ---- harts ---- */

static void fs_set(uint64_t fs)
{
	csr_clear(sstatus, SSTATUS_FS);
	csr_set(sstatus, fs);
}

#define HART_STACK 16384

static char hart_stacks[HARTS_MAX - 1][HART_STACK] __attribute__((aligned(16)));
extern char hart_start[];
struct hart *hart_of_id[64];		/* head.S: which hart is it that starts? */

/* The firmware wants the machine's own numbers, as a mask with base 0: they are below 64. */
static uint64_t firmware_mask(uint32_t mask)
{
	uint64_t ids = 0;

	for (unsigned i = 0; i < nharts; i++)
		if (mask >> i & 1)
			ids |= 1ul << harts[i].id;
	return ids;
}

/* Functions 1 and 2 of RFENCE: sfence.vma, and the same for one ASID. They return when all those harts have done it. 8.2, 8.3. */
void arch_fence_remote(uint32_t hart_mask, vaddr_t va, uint64_t bytes, asid_t asid)
{
	if (hart_mask != 0)
		sbi_call(SBI_RFENCE, arch_asid_bits != 0 ? 2 : 1, firmware_mask(hart_mask), 0, va, bytes, asid);
}

void arch_fence_all_remote(uint32_t hart_mask)
{
	if (hart_mask != 0)
		sbi_call(SBI_RFENCE, 1, firmware_mask(hart_mask), 0, 0, ~0ul, 0);
}

void arch_ipi(const struct hart *h)
{
	sbi_call(SBI_IPI, 0, 1ul << h->id, 0, 0, 0, 0);
}

void arch_hart_init(bool devices)
{
	csr_write(scounteren, 7);		/* cycle, time, instret: readable in U-mode */
	fs_set(FS_OFF);
	csr_clear(sstatus, SSTATUS_SPP);
	arch_timer_set(~0ul);
	csr_write(sie, SIE_SOFTWARE | SIE_TIMER | (devices ? SIE_EXTERNAL : 0));
}

void arch_harts_start(void)
{
	if (nharts == 1)
		return;
	for (unsigned i = 0; i < CALL_COUNT; i++) {
		if (call_entry[i] == (const void *)call_full)
			continue;			/* takes the lock itself */
		call_direct[i] = call_entry[i];
		call_entry[i] = (const void *)call_locked;
		if (call_direct[i] == (const void *)call_delete) {
			call_direct[i] = (const void *)page_delete;
			call_entry[i] = (const void *)call_delete_locked;
		}
	}
	for (unsigned i = 1; i < nharts; i++) {
		harts[i].stack = (uint64_t)(hart_stacks[i - 1] + HART_STACK);
		hart_of_id[harts[i].id] = &harts[i];
		dma_wmb();			/* before the hart may look */
		if (sbi_call(SBI_HSM, 0, harts[i].id, (uint64_t)hart_start - LINK_OFFSET, 0, 0, 0) != 0)
			kprintf("exos: hart %u does not start\n", harts[i].id);
	}
}

/* From hart_start in head.S, on the hart's own stack. */
struct env *arch_hart_main(struct hart *h)
{
	struct env *e;

	arch_hart_init(false);
	lock_take(h);
	h->since = arch_time();
	e = slice_pick(h);
	lock_give(h);
	return e;
}

/* ---- floating point ---- */

void fp_save(uint64_t *to);
void fp_load(const uint64_t *from);
void fp_zero(void);

void arch_fp_switch(struct hart *h, struct env *from, struct env *to)
{
	if (from != NULL && from->fp_on) {
		if ((csr_read(sstatus) & SSTATUS_FS) == FS_DIRTY) {
			fp_save(from->fp);
			from->fp_saved = true;
			h->fp_owner = from->id;
		}
		fs_set(FS_OFF);
	}
	if (to == NULL || !to->fp_on)
		return;
	/* Values that stand there since it last ran, or zeros for one that never used them, need not move. */
	if (h->fp_owner != (to->fp_saved ? to->id : 0)) {
		csr_set(sstatus, SSTATUS_FS);
		if (to->fp_saved)
			fp_load(to->fp);
		else
			fp_zero();
		h->fp_owner = to->fp_saved ? to->id : 0;
	}
	fs_set(FS_CLEAN);
}

bool arch_fp_wake(struct hart *h, struct env *e)
{
	if (!e->fp_on || (csr_read(sstatus) & SSTATUS_FS) != FS_OFF)
		return false;
	arch_fp_switch(h, NULL, e);
	return true;
}

void arch_fp_reset(struct hart *h, struct env *e)
{
	fs_set(FS_DIRTY);
	fp_zero();
	h->fp_owner = 0;
	fs_set(e->fp_on ? FS_CLEAN : FS_OFF);
}

/* ---- board ---- */

/* Device accesses and memory accesses are ordered by name: what a register said is read before memory that it vouches for, ... */
uint32_t mmio_read32(uintptr_t pa)
{
	uint32_t value = *(volatile uint32_t *)arch_kva(pa);

	__asm__ volatile("fence i, r" ::: "memory");
	return value;
}

/* ... and memory that a register announces is written before the register. */
void mmio_write32(uintptr_t pa, uint32_t value)
{
	__asm__ volatile("fence w, o" ::: "memory");
	*(volatile uint32_t *)arch_kva(pa) = value;
}

/* ns16550a: registers are bytes. RBR/THR 0, IER 1, LSR 5. */
static volatile uint8_t *uart_register(unsigned n)
{
	return (volatile uint8_t *)arch_kva(board.uart) + n;
}

static bool uart_room(unsigned patience)
{
	while (!(*uart_register(5) & 0x20))
		if (patience-- == 0)
			return false;
	return true;
}

bool arch_console_ready(void)
{
	return board.uart == 0 || uart_room(1000);
}

void arch_console_putc(char c)
{
	static bool stuck;

	if (board.uart == 0)
		return;
	/* Bounded: a line that does not become free loses bytes, not the machine; and is waited for once, not for each byte. */
	stuck = !uart_room(stuck ? 0 : 1000000);
	if (!stuck)
		*uart_register(0) = (uint8_t)c;
}

int arch_console_getc(void)
{
	return board.uart != 0 && (*uart_register(5) & 1) ? *uart_register(0) : -1;
}

long semihost(long op, const void *arg);

bool arch_report(const char *buf, size_t n)
{
	static const long SYS_WRITEC = 3;

	for (size_t i = 0; i < n && board.report; i++)
		if (semihost(SYS_WRITEC, &buf[i]) == -1)
			board.report = false;
	return board.report;
}

void arch_poweroff(unsigned code)
{
	/* Test device: 0x5555 ends with 0, code << 16 | 0x3333 with code. An SBI shutdown would always end with 0. */
	if (board.test != 0)
		mmio_write32(board.test, code == 0 ? 0x5555 : code << 16 | 0x3333);
	for (;;)
		__asm__ volatile("wfi");
}

/* PLIC specification 1.0: priorities at 0, enables at 0x2000 + 0x80 * context, threshold and claim at 0x200000 + 0x1000 * context. */
static void plic_enable(const struct machine_device *d)
{
	uintptr_t word = board.plic + 0x2000 + 0x80 * board.plic_context + d->irq / 32 * 4;

	if (d->base == 0 || d->irq == 0)
		return;
	mmio_write32(board.plic + 4ul * d->irq, 1);
	mmio_write32(word, mmio_read32(word) | 1u << d->irq % 32);
}

unsigned arch_irq_claim(void)
{
	return board.plic != 0 ? mmio_read32(board.plic + 0x200004 + 0x1000 * board.plic_context) : 0;
}

void arch_irq_complete(unsigned irq)
{
	mmio_write32(board.plic + 0x200004 + 0x1000 * board.plic_context, irq);
}

void arch_irq_disable(unsigned irq)
{
	uintptr_t word = board.plic + 0x2000 + 0x80 * board.plic_context + irq / 32 * 4;

	mmio_write32(word, mmio_read32(word) & ~(1u << irq % 32));
}

static bool has_word(const char *args, const char *word)
{
	size_t n = strlen(word);

	for (; *args != '\0'; args++)
		if (memcmp(args, word, n) == 0)		/* args is followed by at least n readable bytes */
			return true;
	return false;
}

void arch_early_console(uintptr_t uart)
{
	board.uart = uart;
}

void arch_machine_init(const struct machine *m)
{
	char args[MACHINE_ARGS_MAX + 32] = { 0 };

	board.uart = m->uart.base;
	board.test = m->test.base;
	board.plic = m->hart[0].plic_context >= 0 ? m->plic.base : 0;
	board.plic_context = m->hart[0].plic_context;
	board.sstc = m->hart[0].sstc;
	memcpy(args, m->bootargs, sizeof(m->bootargs));
	board.report = has_word(args, "report=semihosting");
	arch_asid_bits = probe_asid_bits();

	if (board.uart != 0)
		*uart_register(1) = 1;		/* interrupt when a byte came */
	if (board.plic != 0) {
		plic_enable(&m->uart);
		for (unsigned i = 0; i < m->nvirtio; i++)
			plic_enable(&m->virtio[i]);
		mmio_write32(board.plic + 0x200000 + 0x1000 * board.plic_context, 0);
	}
	arch_hart_init(true);
}

/* ---- traps ---- */

extern char trap_entry[], trap_traced[];

void arch_trace(bool on)
{
	csr_write(stvec, (uint64_t)(on ? trap_traced : trap_entry));
}

/* From trap_slow: everything of the running environment is saved. */
struct env *arch_trap(struct hart *h)
{
	uint64_t cause = csr_read(scause);

	if (cause == (CAUSE_INTERRUPT | IRQ_SOFTWARE))
		csr_clear(sip, SIE_SOFTWARE);	/* before we look at what it is about */
	return cause & CAUSE_INTERRUPT ? trap_interrupt(h, cause & ~CAUSE_INTERRUPT) : trap_exception(h, cause, csr_read(stval));
}

/* From trap_idle: SIE is 0, so a pending interrupt ends wfi without being taken. 3.3.3. */
struct env *arch_wait_for_work(struct hart *h)
{
	struct env *e = NULL;

	while (e == NULL) {
		uint64_t pending;

		__asm__ volatile("wfi" ::: "memory");
		pending = csr_read(sip) & csr_read(sie);
		if (pending & SIE_EXTERNAL)
			e = trap_interrupt(h, IRQ_EXTERNAL);
		else if (pending & SIE_TIMER)
			e = trap_interrupt(h, IRQ_TIMER);
		else if (pending & SIE_SOFTWARE) {
			csr_clear(sip, SIE_SOFTWARE);
			e = trap_interrupt(h, IRQ_SOFTWARE);
		}
	}
	return e;
}

/* ---- panic ---- */

static void backtrace(uint64_t fp)
{
	kprintf("calls, innermost first:\n");
	/* A frame: return address at fp - 8, the caller's fp at fp - 16. Frames lie ever higher on kernel stacks. */
	for (unsigned n = 0; n < 24 && fp >= LINK_BASE && (fp & 7) == 0; n++) {
		uint64_t ra = *(uint64_t *)(fp - 8), up = *(uint64_t *)(fp - 16);

		if (ra == 0)
			break;
		kprintf("  ");
		ksym_print(ra);
		kprintf("\n");
		if (up <= fp)
			break;
		fp = up;
	}
}

static _Noreturn void die(uint64_t fp)
{
	const struct hart *h = arch_hart();

	if (h == NULL)
		h = &harts[0];
	if (h->current != NULL)
		kprintf("environment %x ran, pc 0x%lx\n", h->current->id, h->current->x[0]);
	backtrace(fp);
	arch_poweroff(70);	/* neither pass nor fail of a test: a bug of the kernel */
}

void panic(const char *file, int line, const char *what, uint64_t a, uint64_t b)
{
	kprintf("\nexos panic: %s:%d: %s (0x%lx, 0x%lx)\n", file, line, what, a, b);
	die((uint64_t)__builtin_frame_address(0));
}

/* From trap_kernel. */
_Noreturn void arch_trap_panic(uint64_t cause, uint64_t pc, uint64_t tval, uint64_t fp)
{
	kprintf("\nexos panic: exception %lu in the kernel at ", cause);
	ksym_print(pc);
	kprintf(", address 0x%lx%s\n", tval, cause == 3 ? "; a breakpoint here is undefined behaviour found by the debug build" : "");
	die(fp);
}
