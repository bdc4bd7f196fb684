/*
 * test_kern_upcall.c - upcalls, held and pending, and the resume sequence with an upcall injected at every instruction
 *
 * A program of real instructions runs on the simulated hart: a loop that changes all registers, a handler that counts, and
 * the resume sequence of exos/uarea.h, word for word. Whatever comes between, the loop must not notice.
 */
#include "kern/upcall.h"
#include "kern_test.h"

static struct env *init;
static struct sim_child a;

/* ---- a program ---- */

enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2 };

static uint32_t itype(unsigned op, unsigned f3, unsigned rd, unsigned rs, int imm) { return (uint32_t)imm << 20 | rs << 15 | f3 << 12 | rd << 7 | op; }
static uint32_t ld(unsigned rd, int imm, unsigned rs) { return itype(0x03, 3, rd, rs, imm); }
static uint32_t addi(unsigned rd, unsigned rs, int imm) { return itype(0x13, 0, rd, rs, imm); }
static uint32_t jr(unsigned rs) { return itype(0x67, 0, 0, rs, 0); }
static uint32_t sd(unsigned rs2, int imm, unsigned rs1)
{
	return ((uint32_t)imm >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | 3 << 12 | (imm & 31) << 7 | 0x23;
}
static uint32_t branch(unsigned f3, unsigned rs1, unsigned rs2, int off)
{
	return ((uint32_t)off >> 12 & 1) << 31 | ((uint32_t)off >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
	       ((uint32_t)off >> 1 & 15) << 8 | ((uint32_t)off >> 11 & 1) << 7 | 0x63;
}
static uint32_t bnez(unsigned rs, int off) { return branch(1, rs, 0, off); }
static uint32_t jal(int off)
{
	return ((uint32_t)off >> 20 & 1) << 31 | ((uint32_t)off >> 1 & 1023) << 21 | ((uint32_t)off >> 11 & 1) << 20 |
	       ((uint32_t)off >> 12 & 255) << 12 | 0x6f;
}
static uint32_t amoand(unsigned rd, unsigned rs2, unsigned rs1) { return 0x0cu << 27 | rs2 << 20 | rs1 << 15 | 3 << 12 | rd << 7 | 0x2f; }

#define LOOP	SIM_CODE		/* the program proper */
#define HANDLER	(SIM_CODE + 0x100)	/* of faults */
#define ASYNC	(SIM_CODE + 0x200)	/* of asynchronous upcalls, and where pending bits are served */
#define RESUME	(SIM_CODE + 0x300)
#define RESUME_WORDS 8
#define RESUME_END (RESUME + 4 * RESUME_WORDS)
#define COUNT_FAULT	(U_LIB + 0)	/* in the u-area: how often each handler ran */
#define COUNT_ASYNC	(U_LIB + 8)
#define SCRATCH		(U_LIB + 16)

static unsigned words;

static void emit(vaddr_t at, uint32_t in)
{
	sim_store(at, in, 4);
	words++;
}

static void program(struct env *e)
{
	vaddr_t at;

	sim_run(e);
	/* Loop: each turn changes a0, t0, t1, and sp keeps their sum. */
	at = LOOP;
	emit(at, addi(A0, A0, 1)), at += 4;
	emit(at, addi(T0, T0, 3)), at += 4;
	emit(at, addi(T1, T1, 5)), at += 4;
	emit(at, addi(SP, SP, 9)), at += 4;
	emit(at, jal((int)(LOOP - at)));

	/* Fault handler: count, step over the instruction that faulted, resume. */
	at = HANDLER;
	emit(at, ld(T0, COUNT_FAULT, GP)), at += 4;
	emit(at, addi(T0, T0, 1)), at += 4;
	emit(at, sd(T0, COUNT_FAULT, GP)), at += 4;
	emit(at, ld(T0, U_PC, GP)), at += 4;
	emit(at, addi(T0, T0, 4)), at += 4;
	emit(at, sd(T0, U_PC, GP)), at += 4;
	emit(at, jal((int)(RESUME - at)));

	/* Asynchronous: clear all pending bits, count, resume. Also where the resume sequence goes when something is pending. */
	at = ASYNC;
	emit(at, addi(T1, GP, U_PENDING)), at += 4;
	emit(at, amoand(ZERO, ZERO, T1)), at += 4;
	emit(at, ld(T0, COUNT_ASYNC, GP)), at += 4;
	emit(at, addi(T0, T0, 1)), at += 4;
	emit(at, sd(T0, COUNT_ASYNC, GP)), at += 4;
	emit(at, jal((int)(RESUME - at)));

	at = RESUME;
	emit(at, ld(T0, U_PENDING, GP)), at += 4;
	emit(at, bnez(T0, (int)(ASYNC - at))), at += 4;
	emit(at, sd(ZERO, U_HELD, GP)), at += 4;
	emit(at, ld(T0, U_T0, GP)), at += 4;
	emit(at, ld(T1, U_T1, GP)), at += 4;
	emit(at, ld(A0, U_A0, GP)), at += 4;
	emit(at, ld(GP, U_PC, GP)), at += 4;
	emit(at, jr(GP)), at += 4;
	assert_int_equal(at, RESUME_END);
}

static int setup(void **state)
{
	boot_default(state);
	init = sim_init_env;
	a = sim_child(init, 60);
	program(a.env);
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, HANDLER);
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_EVENT, ASYNC);
	answers(a.env, 0, env_set, 0, ENV_RESUME, RESUME, RESUME_END);
	answers(a.env, 0, env_set, 0, ENV_EVENT_UP, EV_USER_MASK, 0);
	sim_run(a.env);
	memset(sim_cpu.x, 0, sizeof(sim_cpu.x));
	sim_cpu.x[0] = LOOP;
	return 0;
}

static uint64_t *u(unsigned off)
{
	return (uint64_t *)((char *)a.env->uarea + off);
}

/* An asynchronous upcall, from an interrupt: all registers are saved, an event arrives, and a goes on. */
static void inject(void)
{
	struct hart *h = &harts[0];

	memcpy(a.env->x, sim_cpu.x, sizeof(sim_cpu.x));
	h->frame_saved = 1;
	event_raise(a.env, EV_USER(1));
	h->frame_saved = 0;
	memcpy(sim_cpu.x, a.env->x, sizeof(sim_cpu.x));
	audit();
}

/* The registers of the loop fit together, wherever in it the program stands. */
static void check_loop(void)
{
	static const uint64_t a0[] = { 0, 1, 1, 1, 1 }, t0[] = { 0, 0, 3, 3, 3 }, t1[] = { 0, 0, 0, 5, 5 }, sp[] = { 0, 0, 0, 0, 9 };
	unsigned at = (sim_cpu.x[0] - LOOP) / 4;
	uint64_t n;

	assert_in_range(at, 0, 4);
	n = (sim_cpu.x[SP] - sp[at]) / 9;
	assert_int_equal(sim_cpu.x[SP], 9 * n + sp[at]);
	assert_int_equal(sim_cpu.x[A0], n + a0[at]);
	assert_int_equal(sim_cpu.x[T0], 3 * n + t0[at]);
	assert_int_equal(sim_cpu.x[T1], 5 * n + t1[at]);
}

static bool in_loop(void)
{
	return sim_cpu.x[0] >= LOOP && sim_cpu.x[0] < LOOP + 20;
}

/* Run until the program is back in its loop with nothing held or pending. */
static void settle(void)
{
	for (unsigned n = 0; !in_loop() || *u(U_HELD) != 0; n++) {
		assert_in_range(n, 0, 500);
		assert_true(sim_step());
		assert_ptr_equal(sim_current(), a.env);
	}
	assert_int_equal(*u(U_PENDING), 0);
	check_loop();
}

/* ---- the fast road ---- */

static void a_fault_enters_the_handler_with_everything_else_in_the_registers(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 32; i++)
		sim_cpu.x[i] = 0x1000 + i;
	sim_cpu.x[0] = 0x123450;
	sim_exception(13, 0xdead0);
	assert_int_equal(sim_cpu.x[0], HANDLER);
	assert_int_equal(sim_cpu.x[GP], SIM_UAREA);
	assert_int_equal(*u(U_PC), 0x123450);
	assert_int_equal(*u(U_CAUSE), 13);
	assert_int_equal(*u(U_TVAL), 0xdead0);
	assert_int_equal(*u(U_A0), 0x1000 + A0);
	assert_int_equal(*u(U_T0), 0x1000 + T0);
	assert_int_equal(*u(U_T1), 0x1000 + T1);
	assert_int_equal(*u(U_HELD), 1);
	for (unsigned i = 1; i < 32; i++)
		if (i != GP && i != A0 && i != T0 && i != T1)
			assert_int_equal(sim_cpu.x[i], 0x1000 + i);
	assert_int_equal(sim_cpu.x[A0] | sim_cpu.x[T0] | sim_cpu.x[T1], 0);
	assert_int_equal(sim_counts.fast_upcalls, 1);
}

/* The slow road, taken when all registers are saved already, leaves exactly the same. */
static void both_roads_lead_to_the_same_place(void **state)
{
	struct sim_registers fast;
	uint64_t area[13];

	(void)state;
	for (unsigned i = 1; i < 32; i++)
		sim_cpu.x[i] = 0x1000 + i;
	sim_cpu.x[0] = 0x123450;
	memcpy(a.env->x, sim_cpu.x, sizeof(sim_cpu.x));
	sim_exception(15, 0xbeef8);
	fast = sim_cpu;
	memcpy(area, u(0), sizeof(area));
	*u(U_HELD) = 0;
	upcall_fault(a.env, 15, 0xbeef8);
	assert_memory_equal(fast.x, a.env->x, sizeof(fast.x));
	assert_memory_equal(area, u(0), sizeof(area));
}

static void a_handler_resumes_without_the_kernel(void **state)
{
	unsigned calls = sim_counts.calls, slow = sim_counts.slow_exceptions;

	(void)state;
	for (unsigned n = 0; n < 200; n++) {
		sim_step();
		if (n % 7 == 3 && in_loop()) {
			sim_exception(2, 0);	/* steps over one instruction: take it back */
			*u(U_PC) -= 4;
		}
	}
	settle();
	assert_true(*u(COUNT_FAULT) >= 4);
	assert_int_equal(sim_counts.calls, calls);
	assert_int_equal(sim_counts.slow_exceptions, slow);
}

/* ---- held and pending ---- */

static void an_upcall_that_comes_while_one_is_held_waits_for_its_end(void **state)
{
	(void)state;
	inject();
	assert_int_equal(sim_cpu.x[0], ASYNC);
	assert_int_equal(*u(U_CAUSE), UP_CAUSE(UP_EVENT));
	assert_int_equal(*u(U_PENDING), 0);
	inject();
	assert_int_equal(sim_cpu.x[0], ASYNC);
	assert_int_equal(*u(U_PENDING), 1u << UP_EVENT);
	settle();
	assert_int_equal(*u(COUNT_ASYNC), 1);
	check_loop();
}

static void a_fault_while_held_stops_it_and_its_parent_is_told(void **state)	/* U3 */
{
	struct env_regs r;

	(void)state;
	init->uarea->events = 0;
	sim_exception(13, 1);
	sim_cpu.x[S1] = 0x515;
	sim_exception(15, 0x40);
	assert_ptr_not_equal(sim_current(), a.env);
	assert_int_equal(a.env->state, ENV_STOPPED);
	assert_int_equal(a.env->pub->reason, STOP_DOUBLE_FAULT);
	assert_int_equal(init->uarea->events & EV_CHILD, EV_CHILD);
	/* The parent inspects, repairs, and starts it again. */
	answers(init, 0, env_regs, a.slot, 0, SIM_ARGS);
	sim_get(init, &r, sizeof(r));
	assert_int_equal(r.cause, 15);
	assert_int_equal(r.tval, 0x40);
	assert_int_equal(r.pc, HANDLER);
	assert_int_equal(r.x[S1 - 1], 0x515);
	r.pc = LOOP;
	sim_put(init, &r, sizeof(r));
	answers(init, 0, env_regs, a.slot, 1, SIM_ARGS);
	answers(init, 0, env_set, a.slot, ENV_RUN, 1, 0);
	sim_run(a.env);
	assert_int_equal(sim_cpu.x[0], LOOP);
	assert_int_equal(sim_cpu.x[S1], 0x515);
}

static void without_a_handler_a_fault_stops(void **state)
{
	(void)state;
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, 0);
	sim_exception(2, 0);
	assert_int_equal(a.env->state, ENV_STOPPED);
	assert_int_equal(a.env->pub->reason, STOP_FAULT);
}

static void a_handler_that_is_not_mapped_is_a_double_fault(void **state)	/* M15 */
{
	(void)state;
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, SIM_NOTABLE);
	sim_cpu.x[0] = LOOP;
	sim_exception(13, 0);
	assert_int_equal(sim_cpu.x[0], SIM_NOTABLE);
	assert_false(sim_step() && sim_current() == a.env);
	assert_int_equal(a.env->pub->reason, STOP_DOUBLE_FAULT);
}

static void the_kernel_writes_the_registered_page_wherever_it_is_mapped(void **state)	/* U1 */
{
	(void)state;
	answers(a.env, 1, page_unbind, SIM_SLOT_CTX, SIM_UAREA, 1);
	sim_cpu.x[0] = LOOP;
	sim_exception(13, 7);
	assert_int_equal(*u(U_TVAL), 7);
	/* The handler's first access finds nothing there: that is its own double fault. */
	while (sim_current() == a.env)
		sim_step();
	assert_int_equal(a.env->pub->reason, STOP_DOUBLE_FAULT);
}

static void a_u_area_is_judged_when_it_is_registered(void **state)	/* U1 */
{
	unsigned p = sim_page(a.env), ro = sim_slot(a.env);
	uint32_t pins;

	(void)state;
	answers(a.env, 0, cap_copy, 0, p, ro, PROT_R, 0, 0);
	refused(a.env, E_RIGHTS, env_set, 0, ENV_UAREA, ro, SIM_UAREA);
	refused(a.env, E_INVAL, env_set, 0, ENV_UAREA, p, SIM_UAREA + 8);
	refused(a.env, E_INVAL, env_set, 0, ENV_UAREA, p, SV39_USER_TOP);
	refused(a.env, E_INVAL, env_set, 0, ENV_UAREA, p, ~0ul << 12);
	refused(a.env, E_NOCAP, env_set, 0, ENV_UAREA, SIM_SLOT_CTX, SIM_UAREA);
	refused(a.env, E_NOCAP, env_set, 0, ENV_UAREA, SIM_SLOT_L0, SIM_UAREA);
	refused(a.env, E_NOCAP, env_set, 0, ENV_UAREA, 0, SIM_UAREA);
	pins = frame_of(a.env->uarea_page)->pins;
	answers(a.env, 0, env_set, 0, ENV_UAREA, SIM_SLOT_UAREA, SIM_UAREA);
	assert_int_equal(frame_of(a.env->uarea_page)->pins, pins);
	answers(a.env, 0, env_set, 0, ENV_UAREA, p, SIM_UAREA);
	assert_int_equal(frame_of(sim_frame(a.env, SIM_SLOT_UAREA))->pins, pins - 1);
}

static void a_u_area_outlives_its_capability(void **state)	/* D1, U2 */
{
	ppn_t p = a.env->uarea_page;
	uint32_t free;

	(void)state;
	answers(a.env, 0, cap_delete, SIM_SLOT_UAREA);
	assert_int_equal(frame_of(p)->type, FRAME_DATA);
	assert_int_equal(frame_of(p)->pins, 1);
	refused(a.env, E_NOMEM, page_alloc, 0, 90, p, 0);
	sim_cpu.x[0] = LOOP;
	sim_exception(13, 7);
	assert_int_equal(*u(U_TVAL), 7);
	free = system_info->free_frames;
	*u(U_HELD) = 0;
	sim_run(init);
	sim_end(init, a.slot);
	assert_int_equal(frame_of(p)->type, FRAME_FREE);
	assert_true(system_info->free_frames > free);
}

static void handlers_and_ranges_are_judged(void **state)	/* U3 */
{
	(void)state;
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, UP_KINDS, HANDLER);
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, ~0ul, HANDLER);
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, UP_FAULT, HANDLER + 1);
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, UP_FAULT, SV39_USER_TOP);
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, UP_FAULT, 0xffffffc080200000);
	refused(a.env, E_INVAL, env_set, 0, ENV_RESUME, RESUME_END, RESUME);
	refused(a.env, E_INVAL, env_set, 0, ENV_RESUME, 0, 1ul << 40);
	refused(a.env, E_INVAL, env_set, 0, ENV_RESUME, RESUME, ~0ul);
	refused(a.env, E_INVAL, env_set, 0, ENV_RESUME, 0xffffffc080200000, 0xffffffc080200020);
	refused(a.env, E_INVAL, env_set, 0, ENV_PROPERTIES, 0, 0);
	refused(a.env, E_INVAL, env_set, 0, ~0ul, 0, 0);
	refused(a.env, E_INVAL, env_set, 0, ENV_FP, 2, 0);
	refused(a.env, E_INVAL, env_set, 0, ENV_RUN, 1, 0);
	refused(a.env, E_INVAL, env_set, 0, ENV_RUN, 0, 0);
}

/* ---- the resume sequence ---- */

/* One upcall at each instruction, from each start: fault, asynchronous, and with something pending. */
static void an_upcall_at_each_instruction_of_the_resume_sequence_disturbs_nothing(void **state)
{
	struct sim_snapshot *start = NULL;

	(void)state;
	for (unsigned loop = 0; loop < 5; loop++)
		for (unsigned kind = 0; kind < 3; kind++)
			for (unsigned at = 0; at < 40; at++) {
				unsigned n = 0;
				uint64_t before;

				if (start == NULL)
					start = sim_save();
				sim_restore(start);
				for (unsigned i = 0; i < 10 + loop; i++)
					sim_step();
				check_loop();
				if (kind == 0) {
					sim_exception(2, 0);
					*u(U_PC) -= 4;		/* the handler steps over one */
				} else {
					inject();
				}
				if (kind == 2)
					inject();
				before = *u(COUNT_ASYNC);
				while (n < at && !(in_loop() && *u(U_HELD) == 0)) {
					sim_step();
					n++;
				}
				if (n < at)
					break;		/* the program was back before the upcall could come */
				before = *u(COUNT_ASYNC);
				inject();
				settle();
				assert_in_range(*u(COUNT_ASYNC) - before, 1, 2);
			}
	sim_snapshot_free(start);
}

/* Two upcalls, at every pair of instructions: the second often hits the sequence that the first began anew. */
static void two_upcalls_at_every_pair_of_instructions_disturb_nothing(void **state)
{
	struct sim_snapshot *start = sim_save();

	(void)state;
	sim_audit = false;
	for (unsigned first = 0; first < 22; first++)
		for (unsigned second = 0; second < 30; second++) {
			sim_restore(start);
			sim_audit = false;
			inject();
			for (unsigned n = 0; n < first; n++)
				sim_step();
			inject();
			for (unsigned n = 0; n < second; n++)
				sim_step();
			inject();
			settle();
			assert_in_range(*u(COUNT_ASYNC), 1, 3);
		}
	sim_snapshot_free(start);
}

/* And as many as come, at random, for long; the loop goes on and never notices. */
static void a_storm_of_upcalls_disturbs_nothing(void **state)
{
	uint64_t seed = 42, upcalls = 0;

	(void)state;
	sim_audit = false;
	for (unsigned n = 0; n < 60000; n++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if (seed >> 58 < 3) {
			inject();
			upcalls++;
		} else if (seed >> 58 == 4 && in_loop() && *u(U_HELD) == 0) {
			sim_exception(2, 0);
			*u(U_PC) -= 4;
		}
		assert_true(sim_step());
		assert_ptr_equal(sim_current(), a.env);
		if (in_loop())
			check_loop();
	}
	settle();
	assert_true(sim_cpu.x[A0] > 500);
	assert_true(*u(COUNT_ASYNC) > upcalls / 4);
	sim_audit = true;
}

/* The rewind is for the range alone: one instruction before it and at its end the pc stays. */
static void the_range_ends_where_it_ends(void **state)
{
	static const struct { uint64_t pc; bool inside; } at[] = {
		{ RESUME - 4, false }, { RESUME, true }, { RESUME + 2, true }, { RESUME_END - 1, true }, { RESUME_END, false }, { 0, false },
		{ ~0ul, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		*u(U_HELD) = *u(U_PENDING) = 0;
		sim_cpu.x[0] = at[i].pc;
		inject();
		assert_int_equal(sim_cpu.x[0], at[i].inside ? RESUME : ASYNC);
		assert_int_equal(*u(U_PENDING), at[i].inside ? 1u << UP_EVENT : 0);
		assert_int_equal(*u(U_HELD), 1);
	}
}

/* ---- events ---- */

static void an_event_in_the_middle_of_an_own_call_comes_right_after_it(void **state)
{
	(void)state;
	/* a notifies itself: the bit is set at once, the upcall comes through the timer. */
	answers(a.env, 0, notify, SIM_SLOT_SELF, EV_USER(3));
	assert_int_equal(*u(U_EVENTS), EV_USER(3));
	assert_int_equal(sim_cpu.x[A0], 0);
	memset(sim_cpu.x, 0, sizeof(sim_cpu.x));
	sim_cpu.x[0] = LOOP;
	sim_advance(1);
	assert_int_equal(*u(U_HELD), 1);
	settle();
	assert_int_equal(*u(COUNT_ASYNC), 1);
}

static void a_sleeper_wakes_for_its_bits_and_its_deadline(void **state)
{
	(void)state;
	answers(a.env, 0, env_set, 0, ENV_EVENT_UP, 0, 0);
	refused(a.env, E_INVAL, wait, 0, 0);
	answers(a.env, SIM_SWITCHED, wait, EV_USER(5) | EV_USER(6), 0);
	assert_int_equal(a.env->state, ENV_WAITING);
	answers(init, 0, notify, a.slot, EV_USER(4));
	assert_int_equal(a.env->state, ENV_WAITING);
	refused(init, E_BUSY, yield, a.slot);
	answers(init, 0, notify, a.slot, EV_USER(6));
	assert_int_equal(a.env->state, ENV_READY);
	sim_run(a.env);
	assert_int_equal(sim_cpu.x[A0], EV_USER(6));
	/* Set already: it does not sleep. */
	answers(a.env, EV_USER(6), wait, EV_USER(6), 0);
	answers(a.env, 0, wait, EV_USER(1), sim_now);
	answers(a.env, 0, wait, 0, 1);
	*u(U_EVENTS) = 0;
	answers(a.env, SIM_SWITCHED, wait, EV_USER(6), sim_now + 5);
	sim_now += 10;
	answers(init, SIM_SWITCHED, yield, a.slot);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal(sim_cpu.x[A0], 0);
}

static void notify_is_judged(void **state)
{
	unsigned n = 90;

	(void)state;
	refused(init, E_INVAL, notify, a.slot, 0);
	refused(init, E_INVAL, notify, a.slot, EV_CHILD);
	refused(init, E_INVAL, notify, a.slot, EV_USER(0) | EV_RING(15));
	refused(init, E_INVAL, notify, a.slot, ~0ul);
	answers(init, 0, cap_grant, SLOT_SELF, a.slot, n, RIGHT_YIELD, 0, 0);
	refused(a.env, E_RIGHTS, notify, n, EV_USER(0));
	answers(init, 0, env_set, a.slot, ENV_RUN, 0, 0);
	refused(init, E_DEAD, notify, a.slot, EV_USER(0));
	refused(init, E_DEAD, yield, a.slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_fault_enters_the_handler_with_everything_else_in_the_registers),
		T(both_roads_lead_to_the_same_place),
		T(a_handler_resumes_without_the_kernel),
		T(an_upcall_that_comes_while_one_is_held_waits_for_its_end),
		T(a_fault_while_held_stops_it_and_its_parent_is_told),
		T(without_a_handler_a_fault_stops),
		T(a_handler_that_is_not_mapped_is_a_double_fault),
		T(the_kernel_writes_the_registered_page_wherever_it_is_mapped),
		T(a_u_area_is_judged_when_it_is_registered),
		T(a_u_area_outlives_its_capability),
		T(handlers_and_ranges_are_judged),
		T(an_upcall_at_each_instruction_of_the_resume_sequence_disturbs_nothing),
		T(two_upcalls_at_every_pair_of_instructions_disturb_nothing),
		T(a_storm_of_upcalls_disturbs_nothing),
		T(the_range_ends_where_it_ends),
		T(an_event_in_the_middle_of_an_own_call_comes_right_after_it),
		T(a_sleeper_wakes_for_its_bits_and_its_deadline),
		T(notify_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
