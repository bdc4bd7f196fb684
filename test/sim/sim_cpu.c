/*
 * sim_cpu.c - the processor of each hart, and what arch/riscv/entry.S does on it
 *
 * While an environment runs its registers are in sim_cpu. The three ways into the kernel leave and come back here: the
 * ordinary call, which saves nothing; the fast upcall; and everything that saves all registers and may run somebody else.
 */
#include <string.h>

#include "kern/audit.h"
#include "kern/lock.h"
#include "kern/syscall.h"
#include "kern/trace.h"
#include "test/sim/sim.h"

enum { RA = 1, SP = 2, GP = 3, TP = 4, T0 = 5, T1 = 6, T2 = 7, A0 = 10, A1 = 11, A7 = 17, T3 = 28, T6 = 31 };
enum { CAUSE_FETCH_MISALIGNED = 0, CAUSE_BREAK = 3, CAUSE_LOAD_MISALIGNED = 4, CAUSE_STORE_MISALIGNED = 6 };

struct sim_registers sim_cpus[SIM_HARTS];
bool sim_audit = true, sim_short_roads, sim_together;
bool sim_traced[HARTS_MAX];

void arch_trace(bool on)
{
	sim_traced[arch_hart()->index] = on;
}

struct env *sim_current(void)
{
	return harts[sim_hart].current;
}

static void leave_kernel(void)
{
	if (!sim_audit)
		return;
	audit();
	sim_tlb_check();
}

/* trap_slow of entry.S: all registers into the record. */
static void save(void)
{
	struct hart *h = arch_hart();

	if (h->current != NULL)
		memcpy(h->current->x, sim_cpu.x, sizeof(sim_cpu.x));
	h->frame_saved = 1;
}

/* trap_exit of entry.S: all registers from the record of whoever runs now; NULL leaves the hart idle. */
static void restore(struct env *next)
{
	struct hart *h = arch_hart();

	if (next != h->current)
		panic(__FILE__, __LINE__, "sim: what a trap returns is not what is current", next != NULL ? next->id : 0,
		      h->current != NULL ? h->current->id : 0);
	h->frame_saved = 0;
	if (next != NULL) {
		if (next->state != ENV_READY && (next->state != ENV_WAITING || env_waits(next)))
			panic(__FILE__, __LINE__, "sim: an environment runs that is not ready", next->id, next->state);
		if (sim_cpu.root != next->context || priv_of(next->context)->asid != sim_cpu.asid)
			panic(__FILE__, __LINE__, "sim: an environment runs in a context that is not its own", next->context, sim_cpu.root);
		memcpy(sim_cpu.x, next->x, sizeof(sim_cpu.x));
	} else {
		memset(sim_cpu.x, 0, sizeof(sim_cpu.x));
	}
	leave_kernel();
}

void sim_interrupt(uint64_t cause)
{
	sim_counts.interrupts++;
	save();
	restore(trap_interrupt(arch_hart(), cause));
}

/* The fast road: a handler is registered and upcalls are not held. Else trap_slow. */
void sim_exception(uint64_t cause, uint64_t tval)
{
	struct env *e = sim_current();
	struct uarea *u = e->uarea;

	if (u->held != 0 || e->handler[UP_FAULT] == 0 || sim_traced[arch_hart()->index]) {
		sim_counts.slow_exceptions++;
		save();
		restore(trap_exception(arch_hart(), cause, tval));
		return;
	}
	sim_counts.fast_upcalls++;
	sim_point("an exception: pc");
	u->pc = sim_cpu.x[0];
	u->cause = cause;
	u->tval = tval;
	u->a0 = sim_cpu.x[A0];
	u->t0 = sim_cpu.x[T0];
	u->t1 = sim_cpu.x[T1];
	sim_point("an exception: held");
	u->held = 1;
	sim_cpu.x[GP] = e->uarea_va;
	sim_cpu.x[0] = e->handler[UP_FAULT];
	/* What the kernel itself had in them. */
	sim_cpu.x[A0] = sim_cpu.x[T0] = sim_cpu.x[T1] = 0;
	leave_kernel();
}

static bool transfers(unsigned long number)
{
	return number == CALL_pct_call || number == CALL_pct_reply || number == CALL_pct_send;
}

static bool switches(unsigned long number)
{
	switch (number) {
#define X(name) case CALL_##name:
	SWITCHING_CALLS(X)
#undef X
		return true;
	}
	return false;
}

/* trap_entry of entry.S: pc behind the ecall, temporaries and arguments cleared. */
static void ecall(void)
{
	struct env *e = sim_current();
	struct hart *h = arch_hart();
	unsigned long n = sim_cpu.x[A0];
	uint64_t *a = &sim_cpu.x[A1];

	sim_counts.calls++;
	if (sim_short_roads && !sim_traced[h->index] && sim_short_road())
		return;
	sim_cpu.x[0] += 4;
	if (sim_traced[h->index]) {
		/* trap_traced: every call is saved as a transfer is. */
		sim_cpu.x[T0] = sim_cpu.x[T1] = sim_cpu.x[T2] = sim_cpu.x[T3] = 0;
		save();
		restore(trace_call(e, a[0], a[1], a[2], a[3], a[4], a[5], n));
		return;
	}
	if (n == CALL_cap_delete) {
		bool deleted;

		if (nharts > 1)
			lock_take(h);
		deleted = page_delete(e, a[0]);
		if (nharts > 1)
			lock_give(h);
		if (deleted) {
			sim_cpu.x[A0] = 0;
			goto done;
		}
	}
	if (n < CALL_COUNT && (switches(n) || transfers(n))) {
		unsigned long args[6] = { a[0], a[1], a[2], a[3], a[4], a[5] };

		for (unsigned r = A1; r <= A7 && !transfers(n); r++)
			sim_cpu.x[r] = 0;
		sim_cpu.x[T0] = sim_cpu.x[T1] = sim_cpu.x[T2] = sim_cpu.x[T3] = 0;
		for (unsigned r = T3; r <= T6 && !transfers(n); r++)
			sim_cpu.x[r] = 0;
		save();
		restore(syscall_full(e, args[0], args[1], args[2], args[3], args[4], args[5], n));
		return;
	}
	if (nharts > 1 && n != CALL_null)
		lock_take(h);		/* call_locked of entry.S */
	sim_cpu.x[A0] = n < CALL_COUNT ? (uint64_t)call_table[n](e, a[0], a[1], a[2], a[3], a[4], a[5]) : (uint64_t)-E_NOCALL;
	if (nharts > 1 && n != CALL_null)
		lock_give(h);
done:
	if (sim_current() != e)
		panic(__FILE__, __LINE__, "sim: an ordinary call gave the processor away", n, 0);
	for (unsigned r = A1; r <= A7; r++)
		sim_cpu.x[r] = 0;
	sim_cpu.x[T0] = sim_cpu.x[T1] = sim_cpu.x[T2] = 0;
	for (unsigned r = T3; r <= T6; r++)
		sim_cpu.x[r] = 0;
	leave_kernel();
}

void sim_vacate(void)
{
	struct hart *h = arch_hart();
	struct env *left = h->current;

	if (left == NULL)
		return;
	save();
	hart_leave(h);
	left->resume = RESUME_FRAME;
	env_open(left);
	ctx_activate(NULL);
	restore(NULL);
}

void sim_ipis_taken(void)
{
	const unsigned self = sim_hart;

	for (sim_hart = 0; sim_hart < nharts; sim_hart++)
		if (sim_ipis >> sim_hart & 1) {
			sim_ipis &= ~(1u << sim_hart);
			sim_interrupt(IRQ_SOFTWARE);
		}
	sim_hart = self;
}

/* All harts take what they were told by others, and the one that e runs on becomes this one. */
static void go_to(const struct env *e)
{
	if (!sim_together)
		return;
	sim_ipis_taken();
	for (unsigned i = 0; i < nharts; i++)
		if (harts[i].current == e)
			sim_hart = i;
}

void sim_run(struct env *e)
{
	struct hart *h;

	go_to(e);
	h = arch_hart();
	if (h->current == e)
		return;
	if (!env_runnable(e, sim_now) || !env_take(e))
		panic(__FILE__, __LINE__, "sim: a test wants to run an environment that is not ready", e->id, e->state);
	save();
	if (h->current != NULL) {
		struct env *left = h->current;

		hart_leave(h);
		left->resume = RESUME_FRAME;
		env_open(left);
	}
	hart_enter(h, e, e, h->slice_end);
	restore(e);
}

long sim_ecall(struct env *e, unsigned long number, unsigned long a1, unsigned long a2, unsigned long a3,
	       unsigned long a4, unsigned long a5, unsigned long a6)
{
	uint32_t id;

	sim_run(e);
	id = e->id;
	sim_cpu.x[A0] = number;
	sim_cpu.x[A1] = a1;
	sim_cpu.x[A1 + 1] = a2;
	sim_cpu.x[A1 + 2] = a3;
	sim_cpu.x[A1 + 3] = a4;
	sim_cpu.x[A1 + 4] = a5;
	sim_cpu.x[A1 + 5] = a6;
	ecall();
	if (sim_current() == e)
		return (long)sim_cpu.x[A0];
	/* It may even be gone. */
	if (env_find(id) == e && e->state == ENV_READY && number < CALL_COUNT && number != CALL_yield && !transfers(number))
		return (long)e->x[A0];
	return SIM_SWITCHED;
}

/* --- A small RV64 -------------------------------------------------------------------------------------------------- */

static uint64_t sign(uint64_t v, unsigned bits)
{
	return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

static void set(unsigned rd, uint64_t v)
{
	if (rd != 0)
		sim_cpu.x[rd] = v;
}

static bool step_load(uint32_t in, uint64_t va)
{
	unsigned size = 1u << (in >> 12 & 3), rd = in >> 7 & 31, cause;
	uint64_t v;

	if (va & (size - 1)) {
		sim_exception(CAUSE_LOAD_MISALIGNED, va);
		return false;
	}
	if ((cause = sim_load(va, &v, size)) != 0) {
		sim_exception(cause, va);
		return false;
	}
	set(rd, in >> 14 & 1 || size == 8 ? v : sign(v, 8 * size));
	return true;
}

static bool step_store(uint64_t va, uint64_t v, unsigned size)
{
	unsigned cause;

	if (va & (size - 1)) {
		sim_exception(CAUSE_STORE_MISALIGNED, va);
		return false;
	}
	if ((cause = sim_store(va, v, size)) != 0) {
		sim_exception(cause, va);
		return false;
	}
	return true;
}

static bool branch_taken(unsigned kind, uint64_t a, uint64_t b)
{
	bool yes;

	switch (kind >> 1) {
	case 0: yes = a == b; break;
	case 2: yes = (int64_t)a < (int64_t)b; break;
	default: yes = a < b; break;
	}
	return yes != (kind & 1);
}

/* amoand.d and amoor.d */
static bool step_amo(uint32_t in, uint64_t va, uint64_t b)
{
	unsigned kind = in >> 27, cause;
	uint64_t v;

	if ((cause = sim_store(va, 0, 0)) != 0 || (cause = sim_load(va, &v, 8)) != 0) {
		sim_exception(cause == 13 ? 15 : cause, va);
		return false;
	}
	sim_store(va, kind == 0x0c ? v & b : v | b, 8);
	set(in >> 7 & 31, v);
	return true;
}

bool sim_step(void)
{
	uint64_t pc = sim_cpu.x[0], next = pc + 4, a, b, word;
	unsigned rd, kind, cause;
	paddr_t pa;
	uint32_t in;

	if (sim_current() == NULL)
		return false;
	if (pc & 3) {
		sim_exception(CAUSE_FETCH_MISALIGNED, pc);
		return sim_current() != NULL;
	}
	if ((cause = sim_translate(SIM_FETCH, pc, &pa)) != 0) {
		sim_exception(cause, pc);
		return sim_current() != NULL;
	}
	memcpy(&in, sim_dma(pa, 4), 4);
	rd = in >> 7 & 31;
	kind = in >> 12 & 7;
	a = (in >> 15 & 31) != 0 ? sim_cpu.x[in >> 15 & 31] : 0;
	b = (in >> 20 & 31) != 0 ? sim_cpu.x[in >> 20 & 31] : 0;

	switch (in & 0x7f) {
	case 0x03:
		if (!step_load(in, a + sign(in >> 20, 12)))
			return sim_current() != NULL;
		break;
	case 0x23:
		if (!step_store(a + sign((in >> 25) << 5 | (in >> 7 & 31), 12), b, 1u << (kind & 3)))
			return sim_current() != NULL;
		break;
	case 0x2f:
		if (!step_amo(in, a, b))
			return sim_current() != NULL;
		break;
	case 0x13:
		if (kind != 0)
			goto illegal;
		set(rd, a + sign(in >> 20, 12));
		break;
	case 0x33:
		switch (kind) {
		case 0: set(rd, a + b); break;
		case 4: set(rd, a ^ b); break;
		case 6: set(rd, a | b); break;
		case 7: set(rd, a & b); break;
		default: goto illegal;
		}
		break;
	case 0x37:
		set(rd, sign(in & 0xfffff000, 32));
		break;
	case 0x17:
		set(rd, pc + sign(in & 0xfffff000, 32));
		break;
	case 0x63:
		word = (in >> 31 & 1) << 12 | (in >> 7 & 1) << 11 | (in >> 25 & 63) << 5 | (in >> 8 & 15) << 1;
		if (branch_taken(kind, a, b))
			next = pc + sign(word, 13);
		break;
	case 0x6f:
		word = (in >> 31 & 1) << 20 | (in >> 12 & 255) << 12 | (in >> 20 & 1) << 11 | (in >> 21 & 1023) << 1;
		set(rd, next);
		next = pc + sign(word, 21);
		break;
	case 0x67:
		word = (a + sign(in >> 20, 12)) & ~1ull;
		set(rd, next);
		next = word;
		break;
	case 0x73:
		if (in == 0x00000073) {
			ecall();
			return sim_current() != NULL;
		}
		if (in == 0x00100073) {
			sim_exception(CAUSE_BREAK, pc);
			return sim_current() != NULL;
		}
		goto illegal;
	default:
	illegal:
		sim_exception(CAUSE_ILLEGAL, in);
		return sim_current() != NULL;
	}
	sim_cpu.x[0] = next;
	return true;
}
