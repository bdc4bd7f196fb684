/*
 * test_kern_harts.c - two and three harts, and every way in which their calls can overtake each other: see explore.h
 *
 * Names begin with the attack that the test carries. What the explorer must notice is tried by test/harness/seeded.py.
 */
/* ctest: label=slow timeout=900 sources=test/unit/explore.c */
#include "kern/lock.h"
#include "kern/pct.h"
#include "kern/syscall.h"
#include "kern_test.h"
#include "explore.h"

#define RW	(PROT_R | PROT_W)
#define VA(n)	(SIM_FREE + (n) * PAGE_SIZE)
#define ENTRY	(SIM_CODE + 0x80)
#define HANDLER	(SIM_CODE + 0x100)
#define END	{ .kind = STEP_END }

static struct env *init;
static struct sim_child a, b, c;
/* Slots in the tables of the three: a peer, another; a page that several hold; the context of a; a page, a slot that is empty. */
enum { PEER = 70, PEER2, PAGE, ITS_CTX, OTHER, EMPTY };

static void boot_harts(unsigned n)
{
	boot_with(&(struct sim_config){ .asid_bits = 16, .harts = n, .ram_bytes = (1u << 20) + (64u << 10) });
	init = sim_init_env;
	a = sim_child(init, 30);
	b = sim_child(init, 30);
	c = sim_child(init, 30);
	/* One slice of each hart is enough: the search through the others would only be many points. */
	answers(init, 0, slice_bind, SLOT_SLICES, 1, SLICES - 1, 0);
	sim_short_roads = true;
}

static int setup(void **state)
{
	(void)state;
	boot_harts(2);
	return 0;
}

static int setup_three(void **state)
{
	(void)state;
	boot_harts(3);
	return 0;
}

/* from gets a capability for to. */
static void grant(struct sim_child *from, struct sim_child *to, unsigned slot, unsigned rights)
{
	answers(init, 0, cap_grant, to->slot, from->slot, slot, rights, 0, 0);
}

/* All schedules, or the test fails. What it took is added up for the last line. */
static unsigned explorations, states, runs;

static void explored(const struct explore *x)
{
	struct explore_result r = explore(x);

	if (r.failure[0] != 0)
		fail_msg("%s: %s", x->name, r.failure);
	explorations++;
	states += r.states;
	runs += r.runs;
	if (getenv("EXOS_VERBOSE") != NULL)
		printf("%-40s %3u serial results, %6u states, %6u runs of which %4u ended, at most %3u choices\n", x->name, r.serial,
		       r.states, r.runs, r.ends, r.deepest);
}

/* Two environments, in a few steps each; gap: see explore.h. */
static void race_gap(const char *name, struct sim_child *one, const struct step *its, struct sim_child *two, const struct step *others, bool gap)
{
	struct explore x = { .name = name, .program = { { one->env, { its } }, { two->env, { others } } }, .gap = gap };

	explored(&x);
}

static void race(const char *name, struct sim_child *one, const struct step *its, struct sim_child *two, const struct step *others)
{
	race_gap(name, one, its, two, others, false);
}

/* b runs in the context of a, with a capability to map there: a thread of the same program. */
static void share_context(void)
{
	sim_hart = 0;
	answers(init, 0, env_set, b.slot, ENV_RUN, 0, 0);
	answers(init, 0, env_set, b.slot, ENV_CONTEXT, a.ctx, 0);
	answers(init, 0, env_set, b.slot, ENV_RUN, 1, 0);
	answers(init, 0, cap_grant, a.ctx, b.slot, ITS_CTX, RIGHTS_ALL, 0, 0);
}

/* A page of a, bound at VA(0), cached by both harts; b has a copy. */
static ppn_t share_page(bool copy)
{
	ppn_t ppn;

	share_context();
	explore_place(0, a.env);
	ppn = succeeds(a.env, page_alloc, 0, PAGE, FRAME_ANY, 0);
	answers(a.env, 1, page_bind, SIM_SLOT_CTX, VA(0), PAGE, 1, RW);
	if (copy) {
		sim_run(init);
		answers(init, 0, cap_copy, a.slot, PAGE, EMPTY, RW | PROT_X, 0, 0);
		answers(init, 0, cap_grant, EMPTY, b.slot, PAGE, RW | PROT_X, 0, 0);
		answers(init, 0, cap_delete, EMPTY);
		sim_run(a.env);
	}
	explore_place(1, b.env);
	sim_poke(VA(0), 1);
	sim_can(SIM_LOAD, VA(1));
	explore_place(0, a.env);
	sim_poke(VA(0), 1);
	sim_can(SIM_LOAD, VA(1));
	return ppn;
}

/* ---- memory ---- */

/*
 * Two calls on one page, its capabilities, its table, by two threads of one context, each with a load and a store afterwards; all
 * pairs. VA(0) is where a bound the page; VA(1) is free.
 */
static void c7_m9_s3_every_pair_of_calls_on_one_page(void **state)
{
	enum { A = 14, B = 12 };

	(void)state;
	boot_harts(2);
	share_page(true);
	const struct step by_a[A] = {
		CALL(page_bind, SIM_SLOT_CTX, VA(1), PAGE, 1, RW), CALL(page_unbind, SIM_SLOT_CTX, VA(0), 1),
		CALL(page_protect, SIM_SLOT_CTX, VA(0), 1, PROT_R), CALL(cap_delete, PAGE), CALL(cap_revoke, PAGE),
		CALL(cap_copy, 0, PAGE, EMPTY, PROT_R), CALL(table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, PAGE),
		CALL(cap_info, PAGE, VA(0)), CALL(page_unbind, SIM_SLOT_CTX, VA(0), 2), CALL(ctx_create, PAGE),
		CALL(env_set, 0, ENV_UAREA, PAGE, SIM_UAREA), CALL(cap_grant, PAGE, 0, EMPTY, PROT_R),
		CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), CALL(page_alloc, 0, EMPTY, sim_frame(a.env, PAGE), 0),
	};
	const struct step by_b[B] = {
		CALL(page_bind, ITS_CTX, VA(1), PAGE, 1, RW), CALL(page_unbind, ITS_CTX, VA(0), 1),
		CALL(page_protect, ITS_CTX, VA(0), 1, PROT_R), CALL(cap_delete, PAGE), CALL(cap_revoke, PAGE),
		CALL(cap_copy, 0, PAGE, EMPTY, PROT_R), CALL(page_bind, ITS_CTX, VA(0), PAGE, 1, RW),
		CALL(cap_info, PAGE, VA(0)), CALL(page_protect, ITS_CTX, VA(0), 2, RW), CALL(cap_grant, PAGE, 0, EMPTY, PROT_R),
		CALL(page_bind, ITS_CTX, VA(0), SIM_SLOT_DATA, 1, PROT_R), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0),
	};

	for (unsigned i = 0; i < A; i++)
		for (unsigned k = 0; k < B; k++) {
			const struct step its[] = { by_a[i], LOAD(VA(0)), STORE(VA(0), 2), END };
			const struct step others[] = { by_b[k], LOAD(VA(0)), STORE(VA(1), 3), END };
			char name[80];

#ifdef EXPLORE_FEW
			if (i != k)
				continue;
#endif
			boot_harts(2);
			share_page(true);
			snprintf(name, sizeof(name), "a:%s:%u,b:%s:%u", call_names[by_a[i].number], i, call_names[by_b[k].number], k);
			race_gap(name, &a, its, &b, others, by_b[k].number == CALL_page_bind && by_b[k].a[1] == VA(0));
		}
}

/* M9, M3: the page becomes a table when nobody else has it; until then b binds, writes and loses it. */
static void m9_a_table_against_whoever_writes_it(void **state)
{
	const struct step its[] = { CALL(page_unbind, SIM_SLOT_CTX, VA(0), 1), CALL(cap_revoke, PAGE),
				    CALL(table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, PAGE), END };
	const struct step others[] = { CALL(page_bind, ITS_CTX, VA(1), PAGE, 1, RW), STORE(VA(1), ~0ul), STORE(VA(0), ~0ul), END };

	(void)state;
	share_page(true);
	race("m9", &a, its, &b, others);
}

/* M10, M11: a page goes, a third takes it, and a hart that is late in forgetting writes on. */
static void m10_m11_a_page_that_a_third_takes(void **state)
{
	const struct step its[] = { CALL(cap_delete, PAGE), END };
	const struct step others[] = { STORE(VA(0), 666), LOAD(VA(0)), END };
	ppn_t ppn = share_page(false);
	const struct step thirds[] = { CALL(page_alloc, 0, PAGE, ppn, 0), CALL(page_bind, SIM_SLOT_CTX, VA(0), PAGE, 1, RW),
				       LOAD(VA(0)), LOAD(VA(0)), END };
	struct explore x = { .name = "m10", .program = { { a.env, { its } }, { b.env, { others } }, { c.env, { thirds } } } };

	(void)state;
	explore_place(2, c.env);
	explored(&x);
}

/* The same where the first takes a table away under which the page was, and with it the whole ASID is to be forgotten. */
static void m10_m15_a_table_goes_under_the_other_hart(void **state)
{
	const struct step its[] = { CALL(page_unbind, SIM_SLOT_CTX, SIM_NOTABLE, 1), CALL(table_unbind, SIM_SLOT_CTX, SIM_NOTABLE, 0),
				    CALL(page_bind, SIM_SLOT_CTX, VA(1), OTHER, 1, RW), STORE(VA(1), 0x1234567), END };
	const struct step others[] = { LOAD(SIM_NOTABLE), STORE(SIM_NOTABLE, 666), END };

	(void)state;
	share_page(false);
	answers(a.env, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, sim_page(a.env));
	succeeds(a.env, page_alloc, 0, OTHER, FRAME_ANY, 0);
	answers(a.env, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 0, OTHER);
	answers(a.env, 1, page_bind, SIM_SLOT_CTX, SIM_NOTABLE, PAGE, 1, RW);
	sim_hart = 1;
	sim_poke(SIM_NOTABLE, 1);
	sim_hart = 0;
	race("m15", &a, its, &b, others);
}

/* M16: a context and an environment end while they are in use on the other hart. */
static void m16_a_context_and_its_environment_end_elsewhere(void **state)
{
	const struct step its[] = { LOAD(SIM_DATA), CALL(null), LOAD(SIM_DATA), END };
	struct step ends[] = { CALL(object_end, a.ctx), AGAIN(1, object_end, a.slot), CALL(cap_delete, a.slot),
			       AGAIN(1, object_end, a.ctx), CALL(cap_delete, a.ctx), END };
	struct sim_child parent = { .env = init };

	(void)state;
	explore_place(0, a.env);
	sim_peek(SIM_DATA);
	explore_place(1, init);
	race("m16", &a, its, &parent, ends);
}

/* S2: the list of a vectored call changes while it is worked on: what was read once was judged. */
static void s2_a_list_that_changes_under_the_call(void **state)
{
	struct page_op op = { .op = PAGE_OP_BIND, .prot = RW, .slot = OTHER, .va = VA(2) };
	const struct step its[] = { CALL(page_batch, SIM_SLOT_CTX, SIM_ARGS, 1), LOAD(VA(2)), LOAD(VA(0)), END };
	const uint64_t *w = (void *)&op;
	struct step others[3] = { END, END, END };

	(void)state;
	for (unsigned word = 0; word < 3; word++)
		for (unsigned k = 0; k < 2; k++) {
			struct page_op changed = op;
			const uint64_t *v = (void *)&changed;

			boot_harts(2);
			share_page(true);
			succeeds(a.env, page_alloc, 0, OTHER, FRAME_ANY, 0);
			answers(a.env, 1, page_bind, SIM_SLOT_CTX, VA(3), OTHER, 1, RW);
			sim_poke(VA(3), 0x77);
			answers(a.env, 1, page_unbind, SIM_SLOT_CTX, VA(3), 1);
			sim_put(a.env, &op, sizeof(op));
			changed.slot = k == 0 ? PAGE : EMPTY;
			changed.va = k == 0 ? VA(0) : ~0ul;
			changed.prot = k == 0 ? PROT_R : PROT_W;
			changed.op = k == 0 ? PAGE_OP_BIND : 99;
			if (word == 0)
				others[0] = (struct step)STORE(SIM_ARGS, v[0]);
			else
				others[0] = (struct step)STORE(SIM_ARGS + 8 * word, v[word]);
			assert_true(sizeof(op) >= 24 && w[0] != 0);
			race("s2", &a, its, &b, others);
		}
}

/* S3: the buffer of a call goes, or becomes another page, before, in and after it. */
static void s3_a_buffer_that_goes_under_the_call(void **state)
{
	static const struct step takes[][2] = {
		{ CALL(page_unbind, ITS_CTX, SIM_ARGS, 1), END }, { CALL(page_bind, ITS_CTX, SIM_ARGS, PAGE, 1, RW), END },
		{ CALL(page_protect, ITS_CTX, SIM_ARGS, 1, PROT_R), END }, { CALL(page_bind, ITS_CTX, SIM_ARGS, PAGE, 1, PROT_R), END },
	};
	static const struct step uses[][3] = {
		{ CALL(cap_info, SIM_SLOT_DATA, SIM_ARGS + 0xff0), LOAD(SIM_ARGS + 0xff8), END },
		{ CALL(page_batch, SIM_SLOT_CTX, SIM_ARGS, 1), LOAD(VA(2)), END },
	};
	struct page_op op = { .op = PAGE_OP_UNBIND, .va = VA(0) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(takes); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(uses); k++) {
			boot_harts(2);
			share_page(true);
			sim_put(a.env, &op, sizeof(op));
			race("s3", &a, uses[k], &b, takes[i]);
		}
}

/* ---- transfers ---- */

/* A server that has yielded, last on the hart. */
static void serve(unsigned hart, struct sim_child *s)
{
	explore_place(hart, s->env);
	answers(s->env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	sim_call(s->env, yield, 0);
	assert_int_equal(s->env->gate, ENTRY);
}

/* One that is in slot of e was called from there last, so that the short road knows it. */
static void acquaint(unsigned hart, struct sim_child *e, unsigned slot, struct sim_child *server)
{
	explore_place(hart, e->env);
	sim_call(e->env, pct_call, slot, 0);
	assert_ptr_equal(sim_current(), server->env);
	sim_call(server->env, pct_reply, 0);
	assert_ptr_equal(sim_current(), e->env);
}

static const struct step reply[] = { CALL(pct_reply, 5), END };

static void t4_two_harts_call_one_server(void **state)
{
	static const struct step call[] = { CALL(pct_call, PEER, 0, 11), END };
	struct explore x = { .name = "t4" };

	(void)state;
	grant(&a, &b, PEER, RIGHT_CALL);
	grant(&c, &b, PEER, RIGHT_CALL);
	serve(0, &b);
	acquaint(0, &a, PEER, &b);
	explore_place(1, c.env);
	x.program[0] = (struct program){ a.env, { call } };
	x.program[1] = (struct program){ b.env, { NULL, reply } };
	x.program[2] = (struct program){ c.env, { call } };
	explored(&x);
	/* Both have called it before: the last one from hart 1, so that the other finds it elsewhere. */
	acquaint(1, &c, PEER, &b);
	sim_hart = 0;
	x.name = "t4_elsewhere";
	explored(&x);
}

/* T2: the parent takes the entry away while a call goes in or comes out: nobody is let in by what the entry was. */
static void t2_an_entry_that_goes_while_it_is_entered(void **state)
{
	static const struct step call[] = { CALL(pct_call, PEER, 0, 11), CALL(pct_call, PEER, 0, 11), END };
	const struct step take[] = { CALL(env_set, b.slot, ENV_HANDLER, UP_ENTRY, 0), END };
	struct explore x = { .name = "t2" };

	(void)state;
	grant(&a, &b, PEER, RIGHT_CALL);
	serve(0, &b);
	acquaint(0, &a, PEER, &b);
	explore_place(1, init);
	sim_hart = 0;
	x.program[0] = (struct program){ a.env, { call } };
	x.program[1] = (struct program){ b.env, { NULL, reply } };
	x.program[2] = (struct program){ init, { take } };
	explored(&x);
}

/* A call is answered, or refused since the callee runs. */
static const char *answered_or_busy(const struct explore *x)
{
	(void)x;
	for (unsigned n = 0; n < explore_log[0].n; n++)
		if (explore_log[0].answer[n] != 0 && explore_log[0].answer[n] != -E_BUSY)
			return "sim: a call is neither answered nor refused";
	return explore_log[0].n == 2 ? NULL : "sim: a call is missing";
}

/*
 * The callee also has slices on the other hart, where it goes on by itself, and sleeps. No serial order: a hart that finds its gate shut for
 * the moment of a look idles for a slice, and so it may go on later than in any.
 */
static void t4_u8_a_callee_that_wakes_elsewhere(void **state)
{
	static const struct step call[] = { CALL(pct_call, PEER, 0), CALL(pct_call, PEER, 0), END };
	static const struct step main_b[] = { CALL(yield, 0), CALL(wait, EV_USER(1), 0), END };
	struct explore x = { .name = "t4_wakes", .unserial = true, .judge = answered_or_busy };

	(void)state;
	grant(&a, &b, PEER, RIGHT_CALL);
	answers(init, 0, slice_bind, SLOT_SLICES + 1, 0, 1, b.slot);
	serve(0, &b);
	acquaint(0, &a, PEER, &b);
	x.program[0] = (struct program){ a.env, { call } };
	x.program[1] = (struct program){ b.env, { main_b, reply } };
	sim_ipis |= 2;
	explored(&x);
}

/* T3, T4: either side dies, or is stopped, at every point of a call and its answer; its record becomes something else at once. */
static void t3_death_at_every_point_of_a_transfer(void **state)
{
	static const struct step call[] = { CALL(pct_call, PEER, 0), CALL(pct_call, PEER, 0), END };
	struct sim_child parent;

	for (unsigned how = 0; how < 4; how++) {
		struct sim_child *victim = how % 2 == 0 ? &a : &b;
		struct step kill[] = { AGAIN(1, object_end, victim->slot), CALL(cap_delete, victim->slot), CALL(page_alloc, 0, EMPTY, FRAME_ANY),
				       CALL(page_bind, SLOT_CTX, VA(0), EMPTY, 1, RW), STORE(VA(0) + offsetof(struct env, gate), ENTRY), END };
		struct step stop[] = { AGAIN(-E_BUSY, env_set, victim->slot, ENV_RUN, 0), CALL(env_set, victim->slot, ENV_RUN, 1), END };
		static const char *const names[] = { "t3_caller_dies", "t3_callee_dies", "t3_caller_stops", "t3_callee_stops" };
		struct explore x = { .name = names[how] };

		(void)state;
		boot_harts(2);
		parent = (struct sim_child){ .env = init };
		grant(&a, &b, PEER, RIGHT_CALL);
		serve(0, &b);
		acquaint(0, &a, PEER, &b);
		explore_place(1, parent.env);
		sim_hart = 0;
		x.program[0] = (struct program){ a.env, { call } };
		x.program[1] = (struct program){ b.env, { NULL, reply } };
		x.program[2] = (struct program){ init, { how < 2 ? kill : stop } };
		explored(&x);
	}
}

/* T8: the answer and the deadline, on two harts; afterwards a call without a deadline, which no old deadline may end. */
static const char *no_deadline_that_was_not_asked_for(const struct explore *x)
{
	(void)x;
	if (explore_log[0].n != 2 || (explore_log[0].answer[0] != 0 && explore_log[0].answer[0] != -E_TIME))
		return "sim: a call with a deadline is neither answered nor late";
	return explore_log[0].answer[1] != 0 && (explore_log[0].answer[1] != -E_BUSY || explore_log[0].answer[0] != -E_TIME) ?
	       "sim: a call without a deadline is not answered" : NULL;
}

static void t8_an_answer_against_its_deadline(void **state)
{
	struct step call[] = { CALL(pct_call, PEER, sim_now + 5), CALL(pct_call, PEER, 0), END };
	struct explore x = { .name = "t8", .time = 10, .unserial = true, .judge = no_deadline_that_was_not_asked_for };

	(void)state;
	grant(&a, &b, PEER, RIGHT_CALL);
	answers(init, 0, slice_bind, SLOT_SLICES + 1, 0, 1, a.slot);
	serve(0, &b);
	acquaint(0, &a, PEER, &b);
	x.program[0] = (struct program){ a.env, { call } };
	x.program[1] = (struct program){ b.env, { NULL, reply } };
	sim_ipis |= 2;
	explored(&x);
}

/* ---- yield, sleep, slices ---- */

/*
 * a yields to b by the short road, while the other hart, which has slices of both, takes b, and b falls asleep there; then it takes a.
 * No serial order, as above.
 */
static void t4_a_yield_to_one_that_another_hart_takes(void **state)
{
	static const struct step yield[] = { CALL(yield, PEER), END };
	static const struct step sleep[] = { CALL(wait, EV_USER(1), 0), END };
	struct explore x = { .name = "yield_wakes", .unserial = true };

	(void)state;
	grant(&a, &b, PEER, RIGHT_YIELD);
	grant(&b, &a, PEER, RIGHT_YIELD);
	answers(init, 0, slice_bind, SLOT_SLICES + 1, 0, 1, b.slot);
	answers(init, 0, slice_bind, SLOT_SLICES + 1, 1, 1, a.slot);
	answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_SLICE_BEGIN, HANDLER);
	answers(b.env, 0, env_set, 0, ENV_HANDLER, UP_SLICE_BEGIN, HANDLER);
	explore_place(0, b.env);
	explore_place(0, a.env);
	for (unsigned i = 0; i < 2; i++) {
		sim_call(a.env, yield, PEER);
		assert_ptr_equal(sim_current(), b.env);
		sim_call(b.env, yield, PEER);
		assert_ptr_equal(sim_current(), a.env);
	}
	x.program[0] = (struct program){ a.env, { yield } };
	x.program[1] = (struct program){ b.env, { sleep } };
	sim_ipis |= 2;
	explored(&x);
}

/* Sleep and wake-up, with and without an upcall, and the end of the sleeper in the middle: by whoever notifies, and by a third. */
static void t3_sleep_notification_and_death(void **state)
{
	static const struct step sleep[] = { CALL(wait, EV_USER(1), 0), CALL(null), END };
	static const struct step notify[] = { CALL(notify, PEER, EV_USER(1)), CALL(notify, PEER, EV_USER(2)), END };
	static const struct step handle[] = { RESUME, END };
	static const char *const names[] = { "sleep", "sleep_upcall", "sleep_killed", "sleep_upcall_killed", "sleep_third", "sleep_upcall_third" };

	(void)state;
	for (unsigned how = 0; how < ARRAY_SIZE(names); how++) {
		struct explore x = { .name = names[how] };
		struct step kill[] = { CALL(notify, a.slot, EV_USER(1)), AGAIN(1, object_end, a.slot), CALL(cap_delete, a.slot), END };

		boot_harts(how < 4 ? 2 : 3);
		grant(&b, &a, PEER, RIGHT_NOTIFY);
		answers(init, 0, slice_bind, SLOT_SLICES, 0, 1, a.slot);
		if (how % 2 == 1) {
			answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_EVENT, HANDLER);
			answers(a.env, 0, env_set, 0, ENV_EVENT_UP, EV_USER(1) | EV_USER(2), 0);
			x.unserial = true;	/* an upcall may come before the call or after it: the step is not the unit */
		}
		explore_place(0, a.env);
		explore_place(1, how < 2 || how >= 4 ? b.env : init);
		if (how >= 4) {
			explore_place(2, init);
			x.overtakings = 1;
			x.unserial = true;
		}
		sim_hart = 0;
		x.program[0] = (struct program){ a.env, { sleep, NULL, handle } };
		x.program[1] = (struct program){ b.env, { how < 2 || how >= 4 ? notify : NULL } };
		x.program[2] = (struct program){ init, { how >= 2 ? kill : NULL } };
		explored(&x);
	}
}

/* The vector of a hart changes while its timer goes off. */
static void p_a_vector_that_changes_under_the_timer(void **state)
{
	static const struct step spin[] = { CALL(null), END };
	struct step bind[] = { CALL(slice_bind, SLOT_SLICES, 0, 2, b.slot), CALL(slice_bind, SLOT_SLICES, 0, 2, 0),
			       CALL(slice_bind, SLOT_SLICES, 3, 4, a.slot), END };
	struct explore x = { .name = "slices", .time = 100000 };

	(void)state;
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 1, a.slot);
	explore_place(0, a.env);
	explore_place(1, init);
	sim_timer[1] = ~0ul;
	sim_hart = 0;
	x.program[0] = (struct program){ a.env, { spin } };
	x.program[1] = (struct program){ b.env, { spin } };
	x.program[2] = (struct program){ init, { bind } };
	x.unserial = true;		/* who runs after the timer depends on the moment */
	explored(&x);
}

/* ---- the lock ---- */

/*
 * P7: two harts ask for the lock again and again, and a third once or twice. Whoever is in the queue is served before all who come later,
 * so nobody waits for more than one stay of each other.
 */
static void p7_the_lock_is_served_in_order(void **state)
{
	static const struct step twice[] = { CALL(cap_delete, EMPTY), CALL(cap_delete, EMPTY), END }, once[] = { CALL(cap_delete, EMPTY), END };
	(void)state;
	for (unsigned n = 2; n <= 3; n++) {
		struct explore x = { .name = n == 2 ? "p7_two" : "p7_three", .in_order = true, .overtakings = n == 2 ? 0 : 2 };

		boot_harts(n);
		explore_place(0, a.env);
		explore_place(1, b.env);
		if (n == 3)
			explore_place(2, c.env);
		sim_hart = 0;
		x.program[0] = (struct program){ a.env, { twice } };
		x.program[1] = (struct program){ b.env, { n == 2 ? twice : once } };
		x.program[2] = (struct program){ c.env, { n == 3 ? once : NULL } };
		explored(&x);
	}
}

/* ---- upcalls ---- */

/* U2: the u-area is unbound, bound elsewhere, and its capability goes, between a fault and its delivery. */
static void u2_the_uarea_goes_between_fault_and_upcall(void **state)
{
	static const struct step takes[][3] = {
		{ CALL(page_unbind, ITS_CTX, SIM_UAREA, 1), END }, { CALL(page_bind, ITS_CTX, SIM_UAREA, PAGE, 1, RW), END },
		{ CALL(page_protect, ITS_CTX, SIM_UAREA, 1, PROT_R), END },
	};
	static const struct step faults[] = { FAULT(13, 0x5000), CALL(null), END }, handle[] = { RESUME, END };

	(void)state;
	for (unsigned i = 0; i <= ARRAY_SIZE(takes); i++) {
		struct explore x = { .name = "u2" };
		struct step stop[] = { AGAIN(-E_BUSY, env_set, a.slot, ENV_RUN, 0), CALL(env_set, a.slot, ENV_UAREA, PAGE, SIM_UAREA),
				       CALL(env_set, a.slot, ENV_RUN, 1), END };

		boot_harts(2);
		share_page(true);
		answers(a.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, HANDLER);
		x.program[0] = (struct program){ a.env, { faults, NULL, handle } };
		x.program[1] = (struct program){ b.env, { i < ARRAY_SIZE(takes) ? takes[i] : NULL } };
		if (i == ARRAY_SIZE(takes)) {
			/* The parent stops it, gives it another one, and starts it again. */
			succeeds(init, page_alloc, 0, PAGE, FRAME_ANY, 0);
			explore_place(1, init);
			explore_place(0, a.env);
			x.program[2] = (struct program){ init, { stop } };
			x.unserial = true;	/* stopped in the middle of an upcall */
		}
		explored(&x);
	}
}

/* U8: two environments on two harts whose u-area is one page: a matter of theirs, and none of the kernel's. */
static void u8_one_uarea_for_two_harts(void **state)
{
	static const struct step faults[] = { FAULT(13, 0x5000), CALL(null), FAULT(15, 0x6000), END }, handle[] = { RESUME, END };
	unsigned page = sim_page(init);
	struct explore x = { .name = "u8", .unserial = true };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_child *e = i == 0 ? &a : &b;

		answers(init, 0, env_set, e->slot, ENV_RUN, 0, 0);
		answers(init, 0, env_set, e->slot, ENV_UAREA, page, SIM_UAREA);
		answers(init, 0, env_set, e->slot, ENV_HANDLER, UP_FAULT, HANDLER);
		answers(init, 0, env_set, e->slot, ENV_RUN, 1, 0);
	}
	explore_place(0, a.env);
	explore_place(1, b.env);
	sim_hart = 0;
	x.program[0] = (struct program){ a.env, { faults, NULL, handle } };
	x.program[1] = (struct program){ b.env, { faults, NULL, handle } };
	explored(&x);
}

static int count(void **state)
{
	(void)state;
	printf("%u explorations, %u states, %u runs\n", explorations, states, runs);
	return 0;
}

#define T(name) cmocka_unit_test_setup(name, setup)
#define T3(name) cmocka_unit_test_setup(name, setup_three)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(c7_m9_s3_every_pair_of_calls_on_one_page),
		T(m9_a_table_against_whoever_writes_it),
		T3(m10_m11_a_page_that_a_third_takes),
		T(m10_m15_a_table_goes_under_the_other_hart),
		T(m16_a_context_and_its_environment_end_elsewhere),
		T(s2_a_list_that_changes_under_the_call),
		T(s3_a_buffer_that_goes_under_the_call),
		T(t2_an_entry_that_goes_while_it_is_entered),
		T(t4_two_harts_call_one_server),
		T(t4_u8_a_callee_that_wakes_elsewhere),
		T(t3_death_at_every_point_of_a_transfer),
		T(t8_an_answer_against_its_deadline),
		T(t4_a_yield_to_one_that_another_hart_takes),
		T(t3_sleep_notification_and_death),
		T(p_a_vector_that_changes_under_the_timer),
		T(p7_the_lock_is_served_in_order),
		T(u2_the_uarea_goes_between_fault_and_upcall),
		T(u8_one_uarea_for_two_harts),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, count);
}
