/*
 * test_kern_pct.c - protected control transfer: what arrives, who may, who is told, and both ends dying at every point
 */
#include "kern/pct.h"
#include "kern_test.h"

enum { RA = 1, SP = 2, GP = 3, TP = 4, T0 = 5, S0 = 8, A0 = 10, A1, A2, A3, A7 = 17, S2 = 18, T3 = 28, T4 };

#define ENTRY	(SIM_CODE + 0x80)

static struct env *init;
static struct sim_child a, b, c;
static unsigned ab, ac, bc, ba, ca;	/* slots: a's capability for b, ... */

static unsigned grant(struct sim_child *from, struct sim_child *to, unsigned rights)
{
	unsigned slot = 70;

	while (sim_cap(from->env, slot)->type != CAP_NONE)
		slot++;
	answers(init, 0, cap_grant, to->slot, from->slot, slot, rights, 0, 0);
	return slot;
}

/* A server that has yielded: receptive. */
static void serve(struct sim_child *s)
{
	answers(s->env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	answers(s->env, SIM_SWITCHED, yield, 0);
	if (sim_current() == s->env)
		sim_run(init);
	assert_int_equal(s->env->gate, ENTRY);
}

static int setup(void **state)
{
	boot_default(state);
	init = sim_init_env;
	a = sim_child(init, 40);
	b = sim_child(init, 40);
	c = sim_child(init, 40);
	ab = grant(&a, &b, RIGHT_CALL);
	ac = grant(&a, &c, RIGHT_CALL | RIGHT_YIELD);
	bc = grant(&b, &c, RIGHT_CALL);
	ba = grant(&b, &a, RIGHT_CALL);
	ca = grant(&c, &a, RIGHT_CALL);
	serve(&b);
	serve(&c);
	sim_run(a.env);
	return 0;
}

/* Values that no kernel would make up, in every register. */
static void fill(uint64_t seed)
{
	for (unsigned n = 1; n < 32; n++)
		sim_cpu.x[n] = seed + n;
}

static void the_message_arrives_as_it_was_and_the_identity_is_the_kernels(void **state)	/* T1, T5 */
{
	ticks_t end;

	(void)state;
	fill(0x7700);
	end = harts[0].slice_end;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	assert_ptr_equal(sim_current(), b.env);
	assert_int_equal(sim_cpu.x[0], ENTRY);
	assert_int_equal(sim_cpu.x[A0], a.id);
	assert_int_equal(sim_cpu.x[GP], SIM_UAREA);
	for (unsigned n = 0; n < 32; n++)
		switch (n) {
		case 0: case GP: case A0: case A1: case A2: case A2 + 1: case A2 + 2: case A2 + 3: case A2 + 4:
			break;		/* sim_call() passed zeros in the last four */
		case T0: case T0 + 1: case T0 + 2: case T3:
			assert_int_equal(sim_cpu.x[n], 0);
			break;
		default:
			assert_int_equal(sim_cpu.x[n], 0x7700 + n);
		}
	assert_int_equal(harts[0].slice_end, end);
	assert_int_equal(harts[0].pub->current, a.id);	/* it is a's slice */

	fill(0x9900);
	answers(b.env, SIM_SWITCHED, pct_reply, 11, 12, 13, 14, 15, 16);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal(sim_cpu.x[A0], 0);
	for (unsigned n = 0; n < 6; n++)
		assert_int_equal(sim_cpu.x[A1 + n], 11 + n);
	assert_int_equal(sim_cpu.x[A7], 0x9900 + A7);
	assert_int_equal(sim_cpu.x[S2], 0x9900 + S2);
	assert_int_equal(sim_cpu.x[GP], SIM_UAREA);
	assert_int_equal(harts[0].slice_end, end);
	assert_int_equal(b.env->gate, ENTRY);
}

/* S7: a server whose parent took its floating-point unit away does not find it on when it is called by the short road. */
static void s7_what_the_parent_took_away_no_transfer_gives_back(void **state)
{
	(void)state;
	sim_short_roads = true;
	answers(b.env, 0, env_set, 0, ENV_FP, 1, 0);
	sim_cpu.f[0] = 0x5ec2e7;
	sim_cpu.f_dirty = true;
	answers(b.env, SIM_SWITCHED, yield, 0);
	answers(init, 0, env_set, b.slot, ENV_RUN, 0, 0);
	answers(init, 0, env_set, b.slot, ENV_FP, 0, 0);
	answers(init, 0, env_set, b.slot, ENV_RUN, 1, 0);
	sim_run(b.env);
	serve(&b);
	for (unsigned n = 0; n < 3; n++) {		/* the first one is a long road */
		answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
		assert_ptr_equal(sim_current(), b.env);
		assert_false(sim_cpu.f_on);
		answers(b.env, SIM_SWITCHED, pct_reply);
	}
	sim_short_roads = false;
}

static void who_may_not_call_and_whom_is_judged(void **state)	/* T2, T4 */
{
	unsigned yield_only = grant(&a, &b, RIGHT_YIELD | RIGHT_NOTIFY), self = grant(&a, &a, RIGHTS_ALL), page = sim_page(a.env);

	(void)state;
	refused(a.env, E_NOCAP, pct_call, 300, 0);
	refused(a.env, E_NOCAP, pct_call, ~0ul, 0);
	refused(a.env, E_NOCAP, pct_call, page, 0);
	refused(a.env, E_RIGHTS, pct_call, yield_only, 0);
	refused(a.env, E_INVAL, pct_call, 0, 0);
	refused(a.env, E_INVAL, pct_call, self, 0);
	refused(a.env, E_INVAL, pct_reply, 0);
	refused(a.env, E_TIME, pct_call, ab, sim_now);
	refused(a.env, E_NOCAP, pct_send, 300);
	refused(a.env, E_RIGHTS, pct_send, yield_only);
	refused(a.env, E_INVAL, pct_send, 0);
	/* Without entry; an entry outside of the lower half, or odd, is refused when it is registered. */
	refused(b.env, E_BUSY, pct_call, ba, 0);
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, UP_ENTRY, SV39_USER_TOP);
	refused(a.env, E_INVAL, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY + 1);
}

static void a_callee_that_is_not_receptive_is_an_error_at_once(void **state)	/* T4 */
{
	(void)state;
	/* Interrupted in the middle of something. */
	sim_run(b.env);
	sim_run(a.env);
	refused(a.env, E_BUSY, pct_call, ab, 0);
	refused(a.env, E_BUSY, pct_send, ab);
	/* In an upcall. */
	answers(b.env, SIM_SWITCHED, yield, 0);
	sim_run(a.env);
	b.env->uarea->held = 1;
	refused(a.env, E_BUSY, pct_call, ab, 0);
	b.env->uarea->held = 0;
	/* Stopped. */
	answers(init, 0, env_set, b.slot, ENV_RUN, 0, 0);
	refused(a.env, E_DEAD, pct_call, ab, 0);
	answers(init, 0, env_set, b.slot, ENV_RUN, 1, 0);
	refused(a.env, E_BUSY, pct_call, ab, 0);
	/* It serves somebody already; the one who waits is not receptive either. */
	answers(b.env, SIM_SWITCHED, yield, 0);
	sim_run(a.env);
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	refused(b.env, E_BUSY, pct_call, ba, 0);
	answers(b.env, SIM_SWITCHED, pct_call, bc, 0);
	assert_ptr_equal(sim_current(), c.env);
	refused(c.env, E_BUSY, pct_call, ca, 0);
	answers(c.env, SIM_SWITCHED, pct_reply, 0);
	answers(b.env, SIM_SWITCHED, pct_reply, 0);
	assert_ptr_equal(sim_current(), a.env);
}

static void a_reply_is_used_once(void **state)	/* T8 */
{
	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	answers(b.env, SIM_SWITCHED, pct_reply, 1);
	sim_run(b.env);
	refused(b.env, E_INVAL, pct_reply, 2);
	/* a calls c; b, which answered a before, still has nothing to say to it. */
	sim_run(a.env);
	answers(a.env, SIM_SWITCHED, pct_call, ac, 0);
	sim_run(b.env);
	refused(b.env, E_INVAL, pct_reply, 3);
	assert_ptr_equal(a.env->callee, c.env);
}

static void a_callee_that_is_interrupted_goes_on_in_the_callers_slices(void **state)	/* T3 */
{
	(void)state;
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 1, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 3, 1, a.slot);
	sim_run(a.env);
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	fill(0x4400);
	for (unsigned n = 0; n < 5; n++)
		assert_true(sim_next_timer());
	/* Only a has a slice, and b runs in it, undisturbed, at a's cost. */
	assert_ptr_equal(sim_current(), b.env);
	assert_int_equal(sim_cpu.x[S2], 0x4400 + S2);
	assert_int_equal(b.env->pub->used, 0);
	answers(b.env, SIM_SWITCHED, pct_reply, 5);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal(sim_cpu.x[A1], 5);
}

static void what_it_did_before_the_entry_goes_on_after_it(void **state)
{
	(void)state;
	sim_run(b.env);
	sim_cpu.x[0] = SIM_CODE + 0x40;
	answers(b.env, SIM_SWITCHED, wait, EV_USER(3), 0);
	sim_run(a.env);
	assert_int_equal(b.env->gate, ENTRY);
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	/* The event comes while it serves: it ends the wait after the answer. */
	answers(init, 0, notify, b.slot, EV_USER(3));
	sim_run(b.env);
	assert_int_equal(b.env->state, ENV_WAITING);
	answers(b.env, SIM_SWITCHED, pct_reply, 0);
	assert_ptr_equal(sim_current(), a.env);
	sim_run(b.env);
	assert_int_equal(sim_cpu.x[0], SIM_CODE + 0x44);
	assert_int_equal(sim_cpu.x[A0], EV_USER(3));
	assert_int_equal(sim_cpu.x[GP], SIM_UAREA);
	assert_int_equal(sim_cpu.x[SP], 0);

	/* One that sleeps while it serves gives up the sleep from before. */
	b.env->uarea->events = 0;
	sim_cpu.x[0] = SIM_CODE + 0x40;
	answers(b.env, SIM_SWITCHED, wait, EV_USER(3), 0);
	sim_run(a.env);
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	answers(b.env, SIM_SWITCHED, wait, EV_USER(4), 0);
	assert_false(env_runnable(b.env, sim_now));
	answers(init, 0, notify, b.slot, EV_USER(3));
	assert_false(env_runnable(b.env, sim_now));
	answers(init, 0, notify, b.slot, EV_USER(4));
	sim_run(b.env);
	assert_int_equal(sim_cpu.x[A0], EV_USER(4));
	answers(b.env, SIM_SWITCHED, pct_reply, 0);
	sim_run(b.env);
	assert_int_equal(sim_cpu.x[0], SIM_CODE + 0x44);
	assert_int_equal(sim_cpu.x[A0], 0);
}

static void a_deadline_gives_the_caller_its_slice_back(void **state)
{
	ticks_t end;

	(void)state;
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, a.slot);
	sim_run(init);
	answers(init, SIM_SWITCHED, yield, 0);
	assert_ptr_equal(sim_current(), a.env);
	end = harts[0].slice_end;
	fill(0x1100);
	answers(a.env, SIM_SWITCHED, pct_call, ab, sim_now + 500);
	fill(0x2200);
	sim_advance(600);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_TIME);
	assert_int_equal(sim_cpu.x[S2], 0);		/* nothing of the callee's */
	assert_int_equal(harts[0].slice_end, end);
	/* The callee was interrupted: busy, until it has ended its entry, whose answer reaches nobody. */
	refused(a.env, E_BUSY, pct_call, ab, 0);
	sim_run(b.env);
	assert_int_equal(sim_cpu.x[S2], 0x2200 + S2);
	answers(b.env, SIM_SWITCHED, pct_reply, 9);
	assert_ptr_equal(sim_current(), a.env);		/* in a slice of its own, not through the answer */
	assert_int_not_equal(sim_cpu.x[A1], 9);
	assert_int_equal(b.env->gate, ENTRY);
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	answers(b.env, SIM_SWITCHED, pct_reply, 10);
	assert_int_equal(sim_cpu.x[A1], 10);

	/* An answer in time: the timer that is still set disturbs nobody. */
	answers(a.env, SIM_SWITCHED, pct_call, ab, sim_now + 500);
	answers(b.env, SIM_SWITCHED, pct_reply, 7);
	sim_advance(600);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal(sim_cpu.x[A1], 7);
}

static void of_a_chain_the_outermost_deadline_counts(void **state)
{
	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, sim_now + 300);
	answers(b.env, SIM_SWITCHED, pct_call, bc, sim_now + 300);
	sim_advance(400);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_TIME);
	/* b waits for c as before; its own deadline has passed too, and it sees that when it gets time. */
	assert_ptr_equal(b.env->callee, c.env);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, b.slot);
	sim_run(init);
	answers(init, SIM_SWITCHED, yield, 0);
	assert_ptr_equal(sim_current(), b.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_TIME);
	assert_null(c.env->caller);
}

static void a_send_gives_the_rest_of_the_slice_and_waits_for_nothing(void **state)
{
	ticks_t end = harts[0].slice_end;

	(void)state;
	answers(a.env, SIM_SWITCHED, pct_send, ab, 21, 22, 23);
	assert_ptr_equal(sim_current(), b.env);
	assert_int_equal(sim_cpu.x[A0], a.id | PCT_SENT);
	assert_int_equal(sim_cpu.x[A2], 21);
	assert_int_equal(sim_cpu.x[A2 + 2], 23);
	assert_int_equal(harts[0].slice_end, end);
	assert_null(b.env->caller);
	assert_int_equal(a.env->gate, GATE_READY);
	answers(b.env, SIM_SWITCHED, pct_reply, 0);
	assert_ptr_not_equal(sim_current(), b.env);
	sim_run(a.env);
	assert_int_equal(sim_cpu.x[A0], 0);
	assert_int_equal(sim_cpu.x[SP], 0);
}

/* ---- death ---- */

static void the_callee_dies_and_the_caller_is_told(void **state)	/* T3 */
{
	(void)state;
	/* By a fault, while it runs on the caller's slice: the caller goes on at once. */
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	sim_exception(13, 0);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_DEAD);
	assert_int_equal(b.env->state, ENV_STOPPED);
	assert_int_equal(b.env->reason, STOP_FAULT);
	/* By its own exit. */
	answers(a.env, SIM_SWITCHED, pct_call, ac, 0);
	answers(c.env, SIM_SWITCHED, exit, 3);
	assert_ptr_equal(sim_current(), a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_DEAD);
	refused(a.env, E_DEAD, pct_call, ac, 0);
}

static void the_callee_is_ended_by_somebody_else(void **state)	/* T3 */
{
	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	sim_end(init, b.slot);
	sim_run(a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_DEAD);
	refused(a.env, E_NOCAP, pct_call, ab, 0);	/* the capability went with it */
}

static void the_caller_dies_and_the_answer_reaches_nobody(void **state)	/* T3 */
{
	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	sim_end(init, a.slot);
	assert_null(b.env->caller);
	sim_run(b.env);
	answers(b.env, SIM_SWITCHED, pct_reply, 77);
	assert_ptr_not_equal(sim_current(), b.env);
	assert_int_equal(b.env->gate, ENTRY);
	sim_run(b.env);
	refused(b.env, E_INVAL, pct_reply, 78);
}

static void the_middle_of_a_chain_dies(void **state)
{
	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	answers(b.env, SIM_SWITCHED, pct_call, bc, 0);
	sim_end(init, b.slot);
	assert_null(c.env->caller);
	assert_null(a.env->callee);
	sim_run(a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_DEAD);
	refused(a.env, E_BUSY, pct_call, ac, 0);	/* it does not know yet */
	sim_run(c.env);
	answers(c.env, SIM_SWITCHED, pct_reply, 0);
	sim_run(a.env);
	answers(a.env, SIM_SWITCHED, pct_call, ac, 0);
}

static void a_stopped_caller_finds_an_error_when_it_runs_again(void **state)
{
	struct env_regs r;

	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	answers(init, 0, env_set, a.slot, ENV_RUN, 0, 0);
	assert_null(b.env->caller);
	answers(init, 0, env_regs, a.slot, 0, SIM_ARGS);
	sim_get(init, &r, sizeof(r));
	assert_int_equal((long)r.x[A0 - 1], -E_DEAD);
	assert_int_equal(r.x[GP - 1], SIM_UAREA);
	answers(init, 0, env_set, a.slot, ENV_RUN, 1, 0);
	sim_run(a.env);
	assert_int_equal((long)sim_cpu.x[A0], -E_DEAD);
}

static void a_capability_that_is_taken_back_is_forgotten_at_once(void **state)
{
	(void)state;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	answers(b.env, SIM_SWITCHED, pct_reply, 0);
	assert_ptr_equal(a.env->call_env, b.env);
	answers(init, 0, cap_revoke, b.slot);
	assert_int_equal(a.env->call_slot, 0);
	refused(a.env, E_NOCAP, pct_call, ab, 0);
}

/* ---- upcalls and registers of an entry ---- */

static void a_fault_in_an_entry_is_handled_like_any_other(void **state)
{
	(void)state;
	answers(b.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, SIM_CODE + 0xc0);
	answers(b.env, SIM_SWITCHED, yield, 0);
	sim_run(a.env);
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	sim_exception(13, 0x123000);
	assert_ptr_equal(sim_current(), b.env);
	assert_int_equal(sim_cpu.x[0], SIM_CODE + 0xc0);
	assert_int_equal(b.env->uarea->pc, ENTRY);
	b.env->uarea->held = 0;
	answers(b.env, SIM_SWITCHED, pct_reply, 0);
	assert_ptr_equal(sim_current(), a.env);
}

static void time_that_a_callee_overruns_is_the_callers(void **state)	/* T6, P2 */
{
	uint64_t used;

	(void)state;
	answers(b.env, 0, env_set, 0, ENV_HANDLER, UP_SLICE_END, SIM_CODE + 0xc0);
	answers(b.env, SIM_SWITCHED, yield, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 32, a.slot);
	answers(init, 0, slice_bind, SLOT_SLICES, 32, 32, c.slot);
	sim_run(init);
	answers(init, SIM_SWITCHED, yield, 0);
	sim_run(a.env);
	used = a.env->pub->used;
	answers(a.env, SIM_SWITCHED, pct_call, ab, 0);
	sim_advance(33 * slice_ticks);
	assert_ptr_equal(sim_current(), c.env);
	assert_int_equal(b.env->pub->used, 0);
	assert_int_equal(b.env->pub->debt, 0);
	assert_true(a.env->pub->used - used > 0);
	assert_in_range(a.env->pub->debt, grace_ticks, grace_ticks + 1);
}

static void a_deep_chain_needs_nothing_of_the_kernel(void **state)	/* T7 */
{
	struct sim_child all[12];
	unsigned slot[12];

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .ram_bytes = 8u << 20 });
	init = sim_init_env;
	for (unsigned i = 0; i < 12; i++) {
		all[i] = sim_child(init, 12);
		slot[i] = i > 0 ? grant(&all[i], &all[i - 1], RIGHT_CALL) : 0;
		serve(&all[i]);
	}
	sim_run(all[11].env);
	for (unsigned i = 11; i > 0; i--)
		answers(all[i].env, SIM_SWITCHED, pct_call, slot[i], 0);
	assert_ptr_equal(sim_current(), all[0].env);
	for (unsigned i = 0; i < 11; i++) {
		answers(all[i].env, SIM_SWITCHED, pct_reply, 100 + i);
		assert_ptr_equal(sim_current(), all[i + 1].env);
		assert_int_equal(sim_cpu.x[A1], 100 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(the_message_arrives_as_it_was_and_the_identity_is_the_kernels),
		T(s7_what_the_parent_took_away_no_transfer_gives_back),
		T(who_may_not_call_and_whom_is_judged),
		T(a_callee_that_is_not_receptive_is_an_error_at_once),
		T(a_reply_is_used_once),
		T(a_callee_that_is_interrupted_goes_on_in_the_callers_slices),
		T(what_it_did_before_the_entry_goes_on_after_it),
		T(a_deadline_gives_the_caller_its_slice_back),
		T(of_a_chain_the_outermost_deadline_counts),
		T(a_send_gives_the_rest_of_the_slice_and_waits_for_nothing),
		T(the_callee_dies_and_the_caller_is_told),
		T(the_callee_is_ended_by_somebody_else),
		T(the_caller_dies_and_the_answer_reaches_nobody),
		T(the_middle_of_a_chain_dies),
		T(a_stopped_caller_finds_an_error_when_it_runs_again),
		T(a_capability_that_is_taken_back_is_forgotten_at_once),
		T(a_fault_in_an_entry_is_handled_like_any_other),
		T(time_that_a_callee_overruns_is_the_callers),
		T(a_deep_chain_needs_nothing_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
