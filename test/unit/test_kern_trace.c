/*
 * test_kern_trace.c - the trace ring: what is written, who may switch it on and read it, and what a reader that comes late gets
 */
/* ctest: sources=libexos/expose/trace_read.c */
#include "exos/ring.h"
#include "kern/pct.h"
#include "kern/trace.h"
#include "kern_test.h"
#include "trace_read.h"

#define ENTRY	(SIM_CODE + 0x80)
#define HANDLER	(SIM_CODE + 0x40)
#define EVENTS	64

static struct env *init;
static struct sim_child a, b;
static struct trace_reader reader;
static struct trace_event event[EVENTS];
static size_t nevents;

static int setup(void **state)
{
	boot_default(state);
	init = sim_init_env;
	a = sim_child(init, 40);
	b = sim_child(init, 40);
	return 0;
}

static const struct trace_ring *ring(void)
{
	return trace_ring(&harts[0]);
}

static void on(void)
{
	answers(init, 0, trace_set, SLOT_MACHINE, 1);
	sim_run(a.env);
	trace_reader_begin(&reader, ring());
}

/* What was written since on(), or since the last look. */
static void look(void)
{
	nevents = trace_read(&reader, event, EVENTS);
	assert_true(nevents < EVENTS);
}

static void check_event(size_t i, unsigned kind, uint32_t env, unsigned what, uint64_t value, int line)
{
	const struct trace_event *e = &event[i];

	if (i >= nevents || e->kind != kind || e->env != env || e->what != what || e->value != value || e->time != sim_now)
		fail_msg("line %d: event %zu of %zu: kind %u, env %x, what %u, value %#lx, time %lu", line, i, nevents, e->kind, e->env, e->what,
			 (unsigned long)e->value, (unsigned long)e->time);
}
#define IS(i, kind, env, what, value) check_event(i, kind, env, what, (uint64_t)(value), __LINE__)

static void a_call_is_told_with_its_number_and_its_result(void **state)
{
	(void)state;
	on();
	answers(a.env, 0, null, 0);
	answers(a.env, -E_NOCAP, cap_delete, 300);
	assert_int_equal(sim_ecall(a.env, CALL_COUNT, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	assert_int_equal(sim_ecall(a.env, ~0ul, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	answers(a.env, 1, page_unbind, SIM_SLOT_CTX, SIM_FREE, 1);
	look();
	assert_int_equal(nevents, 10);
	IS(0, TRACE_CALL, a.id, CALL_null, 0);
	IS(1, TRACE_RETURN, a.id, CALL_null, 0);
	IS(2, TRACE_CALL, a.id, CALL_cap_delete, 0);
	IS(3, TRACE_RETURN, a.id, CALL_cap_delete, -E_NOCAP);
	IS(4, TRACE_CALL, a.id, TRACE_NO_CALL, 0);
	IS(5, TRACE_RETURN, a.id, TRACE_NO_CALL, -E_NOCALL);
	IS(7, TRACE_RETURN, a.id, TRACE_NO_CALL, -E_NOCALL);
	IS(9, TRACE_RETURN, a.id, CALL_page_unbind, 1);
}

static void a_call_that_gives_the_processor_away_ends_when_its_caller_runs_again(void **state)
{
	unsigned ab = sim_slot(a.env);

	(void)state;
	answers(init, 0, cap_grant, b.slot, a.slot, ab, RIGHT_YIELD, 0, 0);
	on();
	answers(a.env, SIM_SWITCHED, yield, ab);
	assert_ptr_equal(sim_current(), b.env);
	answers(b.env, SIM_SWITCHED, wait, EV_USER(3), sim_now + 5);
	look();
	IS(0, TRACE_CALL, a.id, CALL_yield, 0);
	IS(1, TRACE_SWITCH, b.id, 0, a.id);
	IS(2, TRACE_CALL, b.id, CALL_wait, 0);
	IS(3, TRACE_SWITCH, init->id, 0, b.id);
	assert_int_equal(nevents, 4);
	answers(init, 0, notify, b.slot, EV_USER(3));
	sim_run(b.env);
	look();
	IS(0, TRACE_CALL, init->id, CALL_notify, 0);
	IS(1, TRACE_RETURN, b.id, CALL_wait, EV_USER(3));
	IS(2, TRACE_RETURN, init->id, CALL_notify, 0);
	IS(3, TRACE_SWITCH, b.id, 0, init->id);
	assert_int_equal(nevents, 4);
	/* At once: nobody else ran. */
	answers(b.env, EV_USER(3), wait, EV_USER(3), 0);
	look();
	IS(1, TRACE_RETURN, b.id, CALL_wait, EV_USER(3));
	assert_int_equal(nevents, 2);
}

static void transfers_are_told_with_both_ends(void **state)
{
	unsigned ab = sim_slot(a.env);

	(void)state;
	answers(init, 0, cap_grant, b.slot, a.slot, ab, RIGHT_CALL, 0, 0);
	answers(b.env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	answers(b.env, SIM_SWITCHED, yield, 0);
	on();
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0, 0x1234, 0x1234);
	answers(b.env, SIM_SWITCHED, pct_reply, 0x5678, 0x5678);
	look();
	IS(0, TRACE_CALL, a.id, CALL_pct_call, 0);
	IS(1, TRACE_TRANSFER, a.id, CALL_pct_call, b.id);
	IS(2, TRACE_SWITCH, b.id, 0, a.id);
	IS(3, TRACE_CALL, b.id, CALL_pct_reply, 0);
	IS(4, TRACE_TRANSFER, b.id, CALL_pct_reply, a.id);
	IS(5, TRACE_SWITCH, a.id, 0, b.id);
	assert_int_equal(nevents, 6);

	/* Nobody answers: the caller is told. */
	answers(a.env, SIM_SWITCHED, pct_call, ab, sim_now + 20);
	look();
	sim_now += 20;
	sim_interrupt(IRQ_TIMER);
	look();
	IS(0, TRACE_RETURN, a.id, CALL_pct_call, -E_TIME);
	IS(1, TRACE_SWITCH, a.id, 0, b.id);
	answers(a.env, -E_BUSY, pct_call, ab, 0);
	look();
	IS(nevents - 1, TRACE_RETURN, a.id, CALL_pct_call, -E_BUSY);
}

static void faults_and_upcalls_are_told(void **state)
{
	(void)state;
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, HANDLER);
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_EVENT, HANDLER + 8);
	answers(a.env, 0, env_set, 0, ENV_EVENT_UP, EV_USER(1));
	on();
	sim_run(a.env);
	sim_exception(15, 0x123450);
	assert_int_equal(sim_cpu.x[0], HANDLER);	/* the slow road leads to the same place */
	assert_int_equal(a.env->uarea->tval, 0x123450);
	a.env->uarea->held = 0;
	answers(a.env, 0, notify, 0, EV_USER(1));
	look();
	IS(0, TRACE_FAULT, a.id, 15, 0x123450);
	IS(1, TRACE_UPCALL, a.id, UP_FAULT, 0);
	IS(2, TRACE_CALL, a.id, CALL_notify, 0);
	sim_interrupt(IRQ_SOFTWARE);
	look();
	IS(nevents - 1, TRACE_UPCALL, a.id, UP_EVENT, 0);
}

static void a_hart_without_work_is_told(void **state)
{
	(void)state;
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, a.slot);
	on();
	answers(a.env, SIM_SWITCHED, wait, EV_USER(1), sim_now + 1000);
	assert_null(sim_current());
	look();
	IS(1, TRACE_SWITCH, 0, 0, a.id);
	sim_advance(1001);
	nevents = trace_read(&reader, event, EVENTS);
	assert_int_equal(event[0].kind, TRACE_SWITCH);
	assert_int_equal(event[0].env, a.id);
	assert_int_equal(event[0].value, 0);
	assert_int_equal(event[1].kind, TRACE_RETURN);
	assert_int_equal(event[1].what, CALL_wait);
}

static void what_is_off_writes_nothing_and_takes_the_short_roads(void **state)
{
	uint64_t head;

	(void)state;
	assert_null(harts[0].trace);
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, HANDLER);
	sim_run(a.env);
	sim_exception(15, 0);
	assert_int_equal(sim_counts.fast_upcalls, 1);
	a.env->uarea->held = 0;
	on();
	answers(a.env, 0, null, 0);
	answers(init, 0, trace_set, SLOT_MACHINE, 0);
	assert_null(harts[0].trace);
	assert_false(sim_traced[0]);
	head = ring()->head;
	answers(a.env, 0, null, 0);
	sim_run(a.env);
	sim_exception(15, 0);
	assert_int_equal(sim_counts.fast_upcalls, 2);
	assert_int_equal(ring()->head, head);
	/* Again: what was written stays. */
	on();
	assert_true(ring()->head > head);
}

static void a_program_without_the_right_neither_switches_nor_reads(void **state)
{
	unsigned slot = sim_slot(a.env);

	(void)state;
	refused(init, E_INVAL, expose_bind, SLOT_CTX, SIM_FREE, EXPOSE_TRACE, 0, 1, SLOT_MACHINE);	/* nothing is there yet */
	refused(a.env, E_NOCAP, trace_set, SIM_SLOT_SELF, 1);
	refused(a.env, E_NOCAP, trace_set, 0, 1);
	refused(a.env, E_NOCAP, trace_set, ~0ul, 1);
	refused(init, E_NOCAP, trace_set, SLOT_CONSOLE, 1);
	refused(init, E_INVAL, trace_set, SLOT_MACHINE, 2);
	answers(init, 0, trace_set, SLOT_MACHINE, 1);
	answers(init, 0, trace_set, SLOT_MACHINE, 0);
	refused(a.env, E_NOCAP, trace_set, SIM_SLOT_SELF, 1);
	refused(a.env, E_NOCAP, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_TRACE, 0, 1, 0);
	refused(a.env, E_NOCAP, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_TRACE, 0, 1, SIM_SLOT_SELF);
	refused(a.env, E_NOCAP, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_TRACE, 0, 1, ~0ul);
	assert_false(sim_can(SIM_LOAD, SIM_FREE));
	/* No other region reaches there, and no page capability. */
	for (unsigned r = 0; r < EXPOSE_REGIONS; r++)
		for (unsigned long p = 0; r != EXPOSE_TRACE && sim_call(a.env, expose_bind, SIM_SLOT_CTX, SIM_FREE, r, p, 1) == 1; p++) {
			paddr_t pa;

			assert_int_equal(sim_translate(SIM_LOAD, SIM_FREE, &pa), 0);
			assert_true(pa < arch_pa(ring()) || pa >= arch_pa(ring()) + system_info->trace_pages * PAGE_SIZE);
		}
	answers(a.env, -E_NOMEM, page_alloc, 0, slot, kva_page(ring()), 0);
	/* With it. */
	answers(init, 0, cap_grant, SLOT_MACHINE, a.slot, slot, RIGHT_USE, 0, 0);
	answers(a.env, 1, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_TRACE, 0, 1, slot);
	sim_run(a.env);
	assert_true(sim_can(SIM_LOAD, SIM_FREE));
	assert_false(sim_can(SIM_STORE, SIM_FREE));
	assert_false(sim_can(SIM_FETCH, SIM_FREE));
	assert_int_equal(sim_peek(SIM_FREE) & 0xffffffff, EXOS_ABI_VERSION);
	refused(a.env, E_INVAL, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_TRACE, system_info->trace_pages * nharts, 1, slot);
}

/* Memory before the start held who knows what. */
static void nothing_old_shows_in_the_rings(void **state)
{
	const uint64_t *w = (const uint64_t *)ring();
	size_t n = system_info->trace_pages * PAGE_SIZE / 8;

	(void)state;
	answers(init, 0, trace_set, SLOT_MACHINE, 1);
	answers(init, 0, trace_set, SLOT_MACHINE, 0);
	for (size_t i = (sizeof(struct trace_ring) + 4 * sizeof(struct trace_event)) / 8; i < n; i++)
		assert_int_equal(w[i], 0);
	assert_int_equal(ring()->size, (n * 8 - sizeof(struct trace_ring)) / sizeof(struct trace_event));
}

/* S10: secrets in every register, and the kernel's own addresses, are in no event. */
static void s10_no_register_and_no_address_of_the_kernel_is_in_an_event(void **state)
{
	unsigned ab = sim_slot(a.env);

	(void)state;
	answers(init, 0, cap_grant, b.slot, a.slot, ab, RIGHT_CALL | RIGHT_YIELD | RIGHT_NOTIFY, 0, 0);
	answers(b.env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	answers(b.env, SIM_SWITCHED, yield, 0);
	on();
	for (unsigned n = 1; n < CALL_COUNT; n++) {
		if (n == CALL_exit || n == CALL_wait || n == CALL_poweroff || n == CALL_object_end || n == CALL_cap_delete)
			continue;
		sim_run(a.env);
		for (unsigned r = 1; r < 32; r++)
			sim_cpu.x[r] = 0x5ec2e700 + r;
		sim_ecall(a.env, n, ab, 0x5ec2e701, 0x5ec2e702, 0x5ec2e703, 0x5ec2e704, 0x5ec2e705);
		if (sim_current() == b.env)
			sim_ecall(b.env, CALL_pct_reply, 0x5ec2e706, 0, 0, 0, 0, 0);
	}
	for (size_t n; (n = trace_read(&reader, event, EVENTS)) != 0;)
		for (size_t i = 0; i < n; i++) {
			assert_int_not_equal(event[i].value >> 8, 0x5ec2e7);
			assert_true(event[i].value < 1ul << 38 || (int64_t)event[i].value >= -256);
		}
	assert_int_equal(reader.lost, 0);
}

static void a_reader_that_is_late_learns_how_much_it_missed(void **state)
{
	uint64_t before, head, size, got = 0;
	uint64_t expected = 0;

	(void)state;
	on();
	sim_audit = false;
	size = ring()->size;
	before = reader.next;
	/* As many as there is room for, and three: the kernel never waits. Each null call is two events at its own time. */
	while (ring()->head < before + size + 3) {
		sim_now++;
		answers(a.env, 0, null, 0);
	}
	sim_audit = true;
	audit();
	head = ring()->head;
	for (size_t n; (n = trace_read(&reader, event, EVENTS)) != 0; got += n)
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(event[i].what, CALL_null);
			if (expected != 0)
				assert_true(event[i].time == expected || event[i].time == expected + 1);
			expected = event[i].time;
		}
	assert_int_equal(expected, sim_now);
	assert_int_equal(reader.lost, head - before - (size - 1));
	assert_int_equal(got, size - 1);	/* the oldest one may be half overwritten */

	/* The last few of what happened before. */
	trace_reader_begin_before(&reader, ring(), 4);
	assert_int_equal(trace_read(&reader, event, EVENTS), 4);
	trace_reader_begin_before(&reader, ring(), ~0ul);
	assert_int_equal(trace_read(&reader, event, 10), 10);
	assert_int_equal(reader.lost, 0);
}

static void programs_behave_the_same_when_they_are_traced(void **state)
{
	uint64_t x[32];
	unsigned page = sim_page(a.env);

	(void)state;
	on();
	/* Registers of the C rules survive, those that are lost hold nothing of the kernel. */
	for (unsigned r = 1; r < 32; r++)
		sim_cpu.x[r] = 0x7000 + r;
	answers(a.env, 1, page_bind, SIM_SLOT_CTX, SIM_FREE, page, 1, PROT_R | PROT_W);
	memcpy(x, sim_cpu.x, sizeof(x));
	for (unsigned r = 1; r < 32; r++)
		if (r < 5 || r == 8 || r == 9 || (r >= 18 && r < 28))
			assert_int_equal(x[r], 0x7000 + r);
		else
			assert_true(x[r] < SV39_USER_TOP);
	sim_poke(SIM_FREE, 5);
	answers(a.env, 0, cap_delete, page);
	assert_false(sim_can(SIM_LOAD, SIM_FREE));
	answers(init, 0, trace_set, SLOT_MACHINE, 1);	/* a second time */
	assert_ptr_equal(harts[0].trace, ring());
	/* The end of who is traced. */
	sim_call(a.env, exit, 3);
	assert_int_equal(a.env->state, ENV_STOPPED);
	sim_end(init, a.slot);
	sim_end(init, b.slot);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_told_with_its_number_and_its_result),
		TEST(a_call_that_gives_the_processor_away_ends_when_its_caller_runs_again),
		TEST(transfers_are_told_with_both_ends),
		TEST(faults_and_upcalls_are_told),
		TEST(a_hart_without_work_is_told),
		TEST(what_is_off_writes_nothing_and_takes_the_short_roads),
		TEST(a_program_without_the_right_neither_switches_nor_reads),
		TEST(nothing_old_shows_in_the_rings),
		TEST(s10_no_register_and_no_address_of_the_kernel_is_in_an_event),
		TEST(a_reader_that_is_late_learns_how_much_it_missed),
		TEST(programs_behave_the_same_when_they_are_traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
