/*
 * test_kern_revoke.c - visible revocation: who waits, who is asked, what is taken, and what everybody else keeps
 *
 * The machine is full. The first environment holds all that it may; r and s hold a few pages of what they are promised, and v and u have
 * borrowed all the rest of that. Now r and s want it. The audit follows every call. Attacks R1 to R12 carry their numbers.
 */
/* ctest: timeout=120 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/charge.h"
#include "kern/ring.h"
#include "kern/revoke.h"
#include "kern_test.h"

#define HANDLER	(SIM_CODE + 0x200)
#define LOSSES	(SIM_CODE + 0x240)
#define OWN	20		/* guarantee of v and u */
#define LATE	(200 * slice_ticks)

static struct env *init;
static struct sim_child r, s, v, u;
static unsigned lent_v[200], lent_u[200], nv, nu;	/* slots of all pages of v and u but those of their world */
static struct sim_snapshot *full;
static unsigned nharts_wanted = 1;

static uint64_t mark(const struct env *e, unsigned slot) { return (uint64_t)e->id << 32 | slot; }
static uint64_t *content(const struct env *e, unsigned slot) { return page_kva(sim_frame(e, slot)); }

/* Up to n pages more for e, each with its mark in it. */
static unsigned take_pages(struct env *e, unsigned *slots, unsigned n)
{
	unsigned got = 0;

	sim_audit = false;
	for (; got < n; got++) {
		unsigned slot = sim_slot(e);

		if (sim_call(e, page_alloc, 0, slot, FRAME_ANY, 0) < 0)
			break;
		if (slots != NULL)
			slots[got] = slot;
		*content(e, slot) = mark(e, slot);
	}
	sim_audit = true;
	audit();
	return got;
}

static struct sim_child borrower(unsigned *slots, unsigned *n)
{
	struct sim_child c = sim_child(init, OWN);

	succeeds(init, env_captab, c.slot, sim_page(init));
	answers(init, 0, env_set, c.slot, ENV_BORROW, 1000, 0);
	*n = take_pages(c.env, slots, env_outstanding(c.env));
	/* The pages of its world have a second capability: so they are not the first that are taken. */
	for (unsigned i = SIM_SLOT_CODE; i <= SIM_SLOT_UAREA; i++)
		answers(c.env, 0, cap_copy, 0, i, sim_slot(c.env), PROT_R, 0, 0);
	answers(c.env, 0, env_set, 0, ENV_HANDLER, UP_REVOKE, HANDLER);
	answers(c.env, 0, env_set, 0, ENV_HANDLER, UP_REPOSSESS, LOSSES);
	return c;
}

static int setup(void **state)
{
	(void)state;
	if (full != NULL) {
		sim_restore(full);
		return 0;
	}
	boot_with(&(struct sim_config){ .asid_bits = 16, .nic = true, .harts = nharts_wanted, .together = true });
	init = sim_init_env;
	r = sim_child(init, 60);
	s = sim_child(init, 60);
	v = borrower(lent_v, &nv);
	u = borrower(lent_u, &nu);
	take_pages(init, NULL, env_outstanding(init));
	/* What the archive left is nobody's; it goes to v too. */
	nu += take_pages(u.env, lent_u + nu, 40);
	nv += take_pages(v.env, lent_v + nv, 150);
	assert_int_equal(system_info->free_frames, 0);
	assert_true(env_above(v.env) > env_above(u.env) && env_above(u.env) == 40);
	/* With several harts each of them runs on one of its own, and goes on there while others call. */
	for (unsigned i = 1; i < nharts; i++) {
		sim_hart = nharts - i;
		sim_run(i == 1 ? v.env : i == 2 ? u.env : s.env);
	}
	sim_hart = 0;
	sim_run(init);
	full = sim_save();
	return 0;
}

static int on_harts(unsigned n)
{
	nharts_wanted = n;
	sim_snapshot_free(full);
	full = NULL;
	return 0;
}

static int on_two_harts(void **state)
{
	(void)state;
	return on_harts(2);
}

static int on_four_harts(void **state)
{
	(void)state;
	return on_harts(4);
}

static uint32_t free_now(void) { return system_info->free_frames; }
#define wants(e)	sim_call((e).env, page_alloc, 0, sim_slot((e).env), FRAME_ANY, 0)
#define must_wait(e)	assert_int_equal(wants(e), -E_AGAIN)

static bool has_event(const struct sim_child *c, uint64_t bit) { return (c->env->uarea->events & bit) != 0; }
static const struct revoke_request *asked_of(const struct sim_child *c) { return &c->env->uarea->revoke; }

/* Every page that c borrowed and still has holds what it held; how many are gone? */
static unsigned gone(const struct sim_child *c, const unsigned *slots, unsigned n)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < n; i++) {
		if (sim_cap(c->env, slots[i])->type != CAP_PAGE)
			lost++;
		else
			assert_int_equal(*content(c->env, slots[i]), mark(c->env, slots[i]));
	}
	return lost;
}

/* Nothing of what c was promised is missing or changed. */
static void guaranteed_is_untouched(const struct sim_child *c)
{
	assert_true(c->env->pub->held >= OWN);
}

static void one_that_is_asked_gives_and_the_waiter_gets(void **state)
{
	long frame;

	(void)state;
	must_wait(r);
	assert_int_equal(r.env->pub->wanted, 1);
	/* v is further above its guarantee than u. */
	assert_int_equal(v.env->pub->asked, 1);
	assert_int_equal(u.env->pub->asked, 0);
	assert_int_equal(asked_of(&v)->kind, REVOKE_PAGES);
	assert_int_equal(asked_of(&v)->amount, 1);
	assert_true(asked_of(&v)->deadline > sim_now);
	sim_run(v.env);
	assert_int_equal(sim_cpu.x[0], HANDLER);
	assert_false(has_event(&r, EV_GRANT));
	answers(v.env, 0, cap_delete, lent_v[3]);
	assert_true(has_event(&r, EV_GRANT));
	assert_int_equal(system_info->free_frames, 1);
	frame = wants(r);
	assert_true(frame >= 0);
	assert_int_equal(r.env->pub->wanted, 0);
	assert_int_equal(*(uint64_t *)page_kva(frame), 0);
	assert_int_equal(gone(&v, lent_v, nv), 1);
	assert_int_equal(v.env->pub->lost, 0);
	must_wait(r);
}

static void r1_one_that_does_not_answer_loses_and_lives(void **state)
{
	ppn_t frame = sim_frame(v.env, lent_v[0]);
	const struct repossession *lost = &v.env->uarea->lost[0];
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++)
		sim_bind(v.env, SIM_FREE + i * PAGE_SIZE, lent_v[i], PROT_R | PROT_W);
	sim_run(v.env);
	for (i = 0; i < 8; i++)
		assert_int_equal(sim_peek(SIM_FREE + i * PAGE_SIZE), mark(v.env, lent_v[i]));
	must_wait(r);
	must_wait(r);
	sim_pass(LATE);
	assert_true(has_event(&r, EV_GRANT));
	assert_true(wants(r) >= 0);
	assert_int_equal(gone(&v, lent_v, nv), 1);
	assert_int_equal(v.env->uarea->nlost, 1);
	for (i = 0; sim_cap(v.env, lent_v[i])->type == CAP_PAGE; i++)
		;
	assert_int_equal(lost->kind, REVOKE_PAGES);
	assert_int_equal(lost->slot, lent_v[i]);
	if (i < 8) {
		assert_int_equal(lost->va, SIM_FREE + i * PAGE_SIZE);
		assert_int_equal(lost->ctx, v.env->context);
	}
	if (i == 0)
		assert_int_equal(lost->name, frame);
	/* It goes on, and meets a fault where the page was; the others are there. */
	sim_run(v.env);
	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(sim_can(SIM_LOAD, SIM_FREE + n * PAGE_SIZE), n != i);
	assert_true(has_event(&v, EV_REPOSSESS));
	assert_int_equal(v.env->state, ENV_READY);
}

/* The deadline counts the time that the victim ran, and all time. */
static void the_deadline_is_in_its_own_time_and_bounded(void **state)
{
	(void)state;
	must_wait(r);
	sim_run(v.env);
	sim_pass(asked_of(&v)->time / 2);
	assert_int_equal(v.env->pub->lost, 0);
	must_wait(r);
	assert_int_equal(v.env->pub->lost, 0);

	setup(NULL);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 32, v.slot);
	must_wait(r);
	sim_run(v.env);
	sim_pass(asked_of(&v)->time + 64 * slice_ticks);
	assert_true(sim_now < v.env->answer_end);
	assert_int_equal(v.env->pub->lost, 1);

	setup(NULL);
	must_wait(r);
	sim_run(init);
	sim_now = v.env->answer_end - 1;
	must_wait(r);
	assert_int_equal(v.env->pub->lost, 0);
	sim_now++;
	assert_true(wants(r) >= 0);
	assert_int_equal(v.env->pub->lost, 1);
}

static void r2_lies_free_nothing_and_win_no_time(void **state)
{
	uint32_t page = sim_slot(u.env), held;
	ticks_t end;

	(void)state;
	/* A copy of v's page in u's table, one of u's in v's. */
	answers(v.env, 0, cap_grant, lent_v[1], SIM_SLOT_SELF, sim_slot(v.env), 7, 0, 0);
	answers(init, 0, cap_copy, v.slot, lent_v[0], 900, 7, 0, 0);
	answers(init, 0, cap_grant, 900, u.slot, page, 7, 0, 0);
	answers(init, 0, cap_copy, u.slot, lent_u[0], 901, 7, 0, 0);
	answers(init, 0, cap_grant, 901, v.slot, 120, 7, 0, 0);
	must_wait(r);
	held = v.env->pub->held;
	end = v.env->answer_end;
	answers(v.env, 0, cap_delete, 120);		/* another's */
	answers(v.env, 0, cap_delete, lent_v[0]);	/* shared: u and the first environment have it still */
	refused(v.env, E_NOCAP, cap_delete, lent_v[0]);	/* twice */
	answers(v.env, 0, cap_delete, lent_v[1]);	/* of which v has a copy */
	answers(v.env, 1, page_unbind, SIM_SLOT_CTX, SIM_UAREA, 1);
	answers(v.env, 0, cap_delete, SIM_SLOT_UAREA);	/* pinned */
	assert_int_equal(v.env->pub->held, held);
	assert_int_equal(system_info->free_frames, 0);
	must_wait(r);
	assert_int_equal(v.env->answer_end, end);
	assert_false(has_event(&r, EV_GRANT));
	sim_pass(LATE);
	assert_true(wants(r) >= 0);
	assert_int_equal(v.env->pub->held, held - 1);
}

static void r3_a_hidden_u_area_stops_nothing(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		setup(NULL);
		if (how == 0)
			answers(v.env, 1, page_unbind, SIM_SLOT_CTX, SIM_UAREA, 1);
		else if (how == 1)
			answers(v.env, 1, page_protect, SIM_SLOT_CTX, SIM_UAREA, 1, PROT_R);
		else if (how == 2)
			answers(v.env, 0, cap_delete, SIM_SLOT_UAREA);
		must_wait(r);
		if (how == 3)		/* another one, when it was asked already */
			answers(v.env, 0, env_set, 0, ENV_UAREA, SIM_SLOT_DATA, SIM_DATA);
		assert_int_equal(asked_of(&v)->kind, REVOKE_PAGES);
		assert_true(has_event(&v, EV_REVOKE));
		v.env->uarea->nlost = 77;	/* what it writes there itself changes nothing */
		sim_pass(LATE);
		assert_true(wants(r) >= 0);
		assert_int_equal(v.env->uarea->nlost, 1);
		assert_int_equal(v.env->uarea->lost[0].kind, REVOKE_PAGES);
		assert_int_equal(gone(&v, lent_v, nv), 1);
	}
}

/* Without one there is nobody to ask: it loses at the next call. */
static void r3_one_without_a_u_area_loses_at_once(void **state)
{
	unsigned page, n;
	struct env *e;

	(void)state;
	answers(v.env, 0, cap_delete, lent_v[0]);
	answers(v.env, 0, cap_delete, lent_v[1]);
	answers(v.env, 0, cap_delete, lent_v[2]);
	answers(u.env, 0, env_set, 0, ENV_GUARANTEE, OWN, 0);
	for (n = 0; sim_call(s.env, page_alloc, 0, sim_slot(s.env), FRAME_ANY, 0) >= 0 && n < 2; n++)
		;
	page = sim_slot(s.env) - 1;
	e = env_find(succeeds(s.env, env_create, page, 0));
	succeeds(s.env, env_captab, page, sim_slot(s.env) - 2);
	e->pub->borrow = 1000;
	assert_int_equal(system_info->free_frames, 0);
	answers(v.env, 0, cap_delete, lent_v[3]);
	for (n = 4; n < nv; n++) {
		sim_audit = n % 16 == 0;
		answers(v.env, 0, cap_delete, lent_v[n]);
		succeeds(s.env, page_alloc, page, 1 + n % 100, FRAME_ANY, 0);
		if (n == 100)
			break;
	}
	sim_audit = true;
	assert_true(env_above(e) > env_above(v.env) && env_above(e) > env_above(u.env));
	assert_int_equal(system_info->free_frames, 1);
	assert_true(wants(r) >= 0);
	must_wait(r);
	assert_int_equal(e->pub->asked, 1);
	assert_true(wants(r) >= 0);
	assert_int_equal(e->pub->lost, 1);
}

static void r4_pages_given_to_an_accomplice_are_found(void **state)
{
	unsigned to[200], n = env_above(v.env), lost = 0;
	uint32_t held = v.env->pub->held, want = env_outstanding(r.env) + env_outstanding(s.env), before = env_above(v.env) + env_above(u.env);

	(void)state;
	/* All that v borrowed is in u's table now, and bound there. v pays for it still. */
	sim_audit = false;
	for (unsigned i = 0; i < n; i++) {
		to[i] = sim_slot(u.env);
		answers(init, 0, cap_copy, v.slot, lent_v[i], 900, 7, 0, 0);
		answers(init, 0, cap_grant, 900, u.slot, to[i], 7, 0, 0);
		answers(init, 0, cap_delete, 900);
		answers(v.env, 0, cap_delete, lent_v[i]);
		sim_bind(u.env, SIM_FREE + i * PAGE_SIZE, to[i], PROT_R);
	}
	sim_audit = true;
	assert_int_equal(v.env->pub->held, held);
	assert_int_equal(free_now(), 0);
	for (unsigned tries = 0; env_outstanding(r.env) + env_outstanding(s.env) > 0; tries++) {
		assert_true(tries < 1000);
		if (wants(r) < 0 && wants(s) < 0)
			sim_pass(LATE);
	}
	assert_int_equal(env_above(v.env) + env_above(u.env), before - want);
	sim_run(u.env);
	for (unsigned i = 0; i < n; i++) {
		lost += sim_cap(u.env, to[i])->type == CAP_NONE;
		assert_int_equal(sim_can(SIM_LOAD, SIM_FREE + i * PAGE_SIZE), sim_cap(u.env, to[i])->type == CAP_PAGE);
	}
	assert_true(lost > 0);
	assert_true(u.env->pub->lost >= lost);
	guaranteed_is_untouched(&v);
	guaranteed_is_untouched(&u);
}

static void r5_what_is_given_goes_to_who_waits(void **state)
{
	ppn_t frame = sim_frame(v.env, lent_v[0]);

	(void)state;
	must_wait(r);
	answers(v.env, 0, cap_delete, lent_v[0]);
	refused(v.env, E_QUOTA, page_alloc, 0, lent_v[0], FRAME_ANY, 0);
	refused(v.env, E_QUOTA, page_alloc, 0, lent_v[0], frame, 0);
	refused(u.env, E_QUOTA, page_alloc, 0, sim_slot(u.env), frame, 0);
	refused(init, E_QUOTA, page_alloc, v.slot, lent_v[0], frame, 0);
	/* Another that is promised it, too, stands behind. */
	must_wait(s);
	assert_true(wants(r) >= 0);
	must_wait(s);
	answers(v.env, 0, cap_delete, lent_v[1]);
	assert_true(has_event(&s, EV_GRANT));
	refused(v.env, E_QUOTA, page_alloc, 0, lent_v[0], FRAME_ANY, 0);
	assert_true(wants(s) >= 0);
}

static void r6_nobody_is_asked_for_one_that_borrows(void **state)
{
	(void)state;
	assert_int_equal(wants(v), -E_NOMEM);
	assert_int_equal(wants(u), -E_NOMEM);
	refused(v.env, E_QUOTA, env_ask, 0, REVOKE_PAGES, 1, 0);
	refused(r.env, E_QUOTA, env_ask, 0, REVOKE_PAGES, env_outstanding(r.env) + 1, 0);
	assert_int_equal(revoke_open, 0);
	assert_null(revoke_waiting[REVOKE_PAGES]);
}

/* Everything that two are promised is had from those that borrow, page by page, and not one page more. */
static void r6_the_guarantee_of_a_victim_is_not_touched(void **state)
{
	uint32_t want = env_outstanding(r.env) + env_outstanding(s.env), above = env_above(v.env) + env_above(u.env);

	(void)state;
	for (unsigned tries = 0; env_outstanding(r.env) + env_outstanding(s.env) > 0 && tries < 3000; tries++) {
		if (wants(r) < 0)
			sim_pass(slice_ticks * 10);
		if (wants(s) < 0)
			sim_pass(slice_ticks * 10);
	}
	assert_int_equal(env_outstanding(r.env) + env_outstanding(s.env), 0);
	assert_int_equal(env_above(v.env) + env_above(u.env), above - want);
	guaranteed_is_untouched(&v);
	guaranteed_is_untouched(&u);
	gone(&v, lent_v, nv);
	gone(&u, lent_u, nu);
	assert_int_equal(revoke_open, 0);
}

/* Ended at each point of the dialogue: the victim, who waits, or both. */
static void r7_either_side_dies(void **state)
{
	(void)state;
	for (unsigned point = 0; point < 4; point++)
		for (unsigned who = 0; who < 3; who++) {
			uint32_t id = v.id;

			setup(NULL);
			must_wait(r);
			if (point >= 1)
				must_wait(s);
			if (point >= 2)
				sim_pass(LATE);
			if (point >= 3)
				assert_true(wants(r) >= 0);
			if (who != 1) {
				sim_end(init, v.slot);
				assert_null(env_find(id));
				assert_true(wants(s) >= 0);
			}
			if (who != 0) {
				sim_end(init, r.slot);
				assert_int_equal(system_info->wanted_frames, s.env->pub->wanted);
				sim_pass(LATE);
				if (who == 1 && wants(s) < 0) {
					sim_pass(LATE);
					assert_true(wants(s) >= 0);
				}
			}
			sim_pass(LATE);
			gone(&u, lent_u, nu);
		}
}

/* One that is half destroyed is not asked; what it borrowed goes to who waits all the same. */
static void r7_a_dying_one_still_pays(void **state)
{
	(void)state;
	assert_int_equal(sim_call(init, object_end, v.slot), 1);
	assert_int_equal(v.env->state, ENV_DYING);
	while (wants(r) >= 0 || wants(s) >= 0)
		;
	sim_pass(slice_ticks * 2);
	for (unsigned n = 0; n < 5 && r.env->pub->wanted != 0; n++)
		wants(r);
	assert_int_equal(r.env->pub->wanted, 0);
	sim_end(init, v.slot);
}

/* Many that are promised pages, many that hold them: each gets its own, nobody loses more than it borrowed. */
static void r8_a_storm_of_demands(void **state)
{
	struct sim_child want[12], hold[4];
	unsigned slots[4][80], n[4];
	uint64_t seed = 7;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .harts = nharts_wanted, .together = true });
	init = sim_init_env;
	for (unsigned i = 0; i < 12; i++)
		want[i] = sim_child(init, 16);
	for (unsigned i = 0; i < 4; i++)
		hold[i] = borrower(slots[i], &n[i]);
	take_pages(init, NULL, env_outstanding(init));
	for (unsigned i = 0; i < 4; i++)
		n[i] += take_pages(hold[i].env, slots[i] + n[i], i == 3 ? 40 : 25);
	take_pages(hold[0].env, NULL, 200);
	assert_int_equal(system_info->free_frames, 0);
	for (unsigned step = 0; step < 3000; step++) {
		struct sim_child *c;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		c = &want[(seed >> 33) % 12];
		switch ((seed >> 50) % 8) {
		case 0:
			sim_pass(slice_ticks * ((seed >> 40) % 30));
			break;
		case 1:
			sim_call(c->env, env_ask, 0, REVOKE_PAGES, (seed >> 45) % (env_outstanding(c->env) + 1), 0);
			break;
		case 2: {
			/* One gives something back, and answers if it was asked. */
			unsigned i = (seed >> 44) % 4;

			if (hold[i].env->pub->asked != 0 && env_above(hold[i].env) > 0 && n[i] > 0)
				sim_call(hold[i].env, cap_delete, slots[i][--n[i]]);
			break;
		}
		case 3:
			/* One that has its pages gives them all back, and begins anew; or they are borrowed meanwhile. */
			if (env_outstanding(c->env) == 0)
				for (unsigned slot = SIM_SLOT_FREE; slot < 100; slot++)
					if (sim_cap(c->env, slot)->type == CAP_PAGE)
						answers(c->env, 0, cap_delete, slot);
			take_pages(hold[(seed >> 44) % 4].env, NULL, (seed >> 40) % 8);
			break;
		default:
			wants(*c);
		}
		for (unsigned i = 0; i < 4; i++)
			guaranteed_is_untouched(&hold[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < n[i]; k++)
			if (sim_cap(hold[i].env, slots[i][k])->type == CAP_PAGE && hold[i].env->pub->lost == 0)
				assert_int_equal(*content(hold[i].env, slots[i][k]), mark(hold[i].env, slots[i][k]));
	for (unsigned i = 0; i < 12; i++)
		for (unsigned tries = 0; env_outstanding(want[i].env) > 0; tries++) {
			assert_true(tries < 500);
			if (wants(want[i]) < 0)
				sim_pass(LATE);
		}
	for (unsigned i = 0; i < 12; i++)
		sim_end(init, want[i].slot);
	for (unsigned i = 0; i < 4; i++)
		sim_end(init, hold[i].slot);
	assert_int_equal(system_info->wanted_frames, 0);
}

/* As many pages as are missing, to the page; and every call on the way refuses without a trace. */
static void r9_each_number_of_missing_pages(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 40; n += n < 8 ? 1 : 8) {
		setup(NULL);
		answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, n, 0);
		assert_int_equal(v.env->pub->asked, n);
		for (unsigned i = 0; i < n; i++) {
			assert_false(has_event(&r, EV_GRANT));
			answers(v.env, 0, cap_delete, lent_v[i]);
		}
		assert_true(has_event(&r, EV_GRANT));
		answers(r.env, 0, env_ask, 0, REVOKE_PAGES, n, 0);
		for (unsigned i = 0; i < n; i++)
			assert_true(wants(r) >= 0);
		must_wait(r);
		assert_int_equal(v.env->pub->lost, 0);
	}
}

static void r10_dialogues_with_the_short_lived_leave_nothing(void **state)
{
	struct sim_snapshot *start;
	uint32_t held = init->pub->held, promised = system_info->promised_frames, guarantee = init->pub->guarantee;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		answers(v.env, 0, cap_delete, lent_v[i]);
	start = sim_save();
	for (unsigned n = 0; n < (nharts == 1 ? 200u : 50u); n++) {
		unsigned page = sim_slot(r.env);
		struct env *e;

		assert_true(sim_call(r.env, page_alloc, 0, page, FRAME_ANY, 0) >= 0);
		e = env_find(succeeds(r.env, env_create, page, 4));
		while (wants(r) >= 0)
			;
		(void)e;
		sim_pass(n % 3 == 0 ? LATE : slice_ticks);
		while (sim_call(r.env, object_end, page) != 0)
			;
		for (unsigned i = page; i < r.env->nslots; i++)
			if (sim_cap(r.env, i)->type == CAP_PAGE)
				answers(r.env, 0, cap_delete, i);
		answers(r.env, 0, env_ask, 0, REVOKE_PAGES, 0, 0);
		assert_null(revoke_waiting[REVOKE_PAGES]);
	}
	assert_int_equal(init->pub->held, held);
	assert_int_equal(init->pub->guarantee, guarantee);
	assert_true(system_info->promised_frames >= promised);
	sim_snapshot_free(start);
}

static void r12_arguments_that_make_no_sense(void **state)
{
	(void)state;
	refused(r.env, E_INVAL, env_ask, 0, REVOKE_NONE, 1, 0);
	refused(r.env, E_INVAL, env_ask, 0, REVOKE_TABLES, 1, 0);
	refused(r.env, E_INVAL, env_ask, 0, ~0ul, 1, 0);
	refused(r.env, E_INVAL, env_ask, 0, REVOKE_PAGES, 1, 1);
	refused(r.env, E_QUOTA, env_ask, 0, REVOKE_PAGES, ~0ul, 0);
	refused(r.env, E_QUOTA, env_ask, 0, REVOKE_PAGES, 1ul << 32, 0);
	refused(r.env, E_NOCAP, env_ask, 77, REVOKE_PAGES, 1, 0);
	refused(r.env, E_NOCAP, env_ask, SIM_SLOT_CTX, REVOKE_PAGES, 1, 0);
	answers(r.env, 0, env_ask, SIM_SLOT_SELF, REVOKE_PAGES, 0, 0);
	answers(init, 0, env_ask, r.slot, REVOKE_PAGES, ~0ul, 0);	/* holds nothing above its guarantee */
	refused(r.env, E_QUOTA, env_set, 0, ENV_BORROW, 1, 0);
	refused(v.env, E_QUOTA, env_set, 0, ENV_BORROW, 1001, 0);
	answers(v.env, 0, env_set, 0, ENV_BORROW, 999, 0);
	refused(v.env, E_QUOTA, env_set, 0, ENV_BORROW, 1000, 0);
}

/* D2: a page that is being sent is taken, and free when the device is done. */
static void d2_a_page_in_flight_is_taken_and_waits_for_the_device(void **state)
{
	struct send_segment seg = { .length = 200 };
	unsigned ring = 0, shared = 0;

	(void)state;
	/* Its ring is of pages that it is promised: they stay. */
	ring = lent_v[1];
	shared = lent_v[2];
	answers(init, 0, cap_grant, SLOT_FLOW, v.slot, 200, RIGHTS_ALL, 0, 0);
	answers(v.env, 0, ring_create, ring, shared, 1);
	seg.slot = lent_v[0];
	sim_nic.hold_tx = true;
	answers(v.env, 0, net_send, ring, 200, sim_put(v.env, &seg, sizeof(seg)), 1, 5);
	assert_int_equal(frame_of(sim_frame(v.env, lent_v[0]))->pins, 1);
	for (unsigned i = 3; env_above(v.env) > 1; i++)
		answers(v.env, 0, cap_delete, lent_v[i]);
	for (unsigned i = 0; env_above(u.env) > 0; i++)
		answers(u.env, 0, cap_delete, lent_u[i]);
	v.env->uarea->offer = sim_put(v.env, &lent_v[0], sizeof(lent_v[0]));
	v.env->uarea->noffer = 1;
	while (system_info->free_frames > 0)
		if (wants(r) < 0 && wants(s) < 0)
			break;
	must_wait(s);
	sim_pass(LATE);
	assert_int_equal(system_info->quarantined_frames, 1);
	assert_int_equal(sim_cap(v.env, lent_v[0])->type, CAP_NONE);
	must_wait(s);
	assert_int_equal(v.env->pub->asked, 0);		/* nobody is asked for what is on its way */
	sim_nic.hold_tx = false;
	sim_virtio_net_work(&sim_nic);
	sim_interrupts();
	sim_pass(slice_ticks);
	assert_int_equal(system_info->quarantined_frames, 0);
	assert_true(has_event(&s, EV_GRANT));
	assert_true(wants(s) >= 0);
}

static void its_list_says_what_goes_first(void **state)
{
	uint32_t list[12];

	(void)state;
	/* Nothing, one of another type, one twice, a page of its own guarantee: it says so itself, then it loses that. */
	list[0] = 0;
	list[1] = SIM_SLOT_CTX;
	list[2] = ~0u;
	list[3] = SIM_SLOT_UAREA;
	for (unsigned i = 4; i < 12; i++)
		list[i] = lent_v[nv - 1 - (i & ~1u)];
	v.env->uarea->offer = sim_put(v.env, list, sizeof(list));
	v.env->uarea->noffer = 12;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, 3, 0);
	sim_pass(LATE);
	assert_int_equal(system_info->free_frames, 3);
	for (unsigned i = 4; i < 12; i++)
		assert_int_equal(sim_cap(v.env, list[i])->type, i < 10 ? CAP_NONE : CAP_PAGE);
	assert_int_equal(v.env->uarea->lost[0].slot, list[4]);
	assert_int_equal(v.env->uarea->lost[2].slot, list[8]);
	assert_int_equal(gone(&v, lent_v, nv), 3);
	while (wants(r) >= 0)
		;
	/* A list that is nowhere, or has no end, takes nothing away and delays nothing for long. */
	for (unsigned how = 0; how < 3; how++) {
		v.env->uarea->offer = how == 0 ? 0x7000000 : how == 1 ? ~0ul - 3 : SIM_ARGS;
		v.env->uarea->noffer = ~0ul;
		must_wait(r);
		sim_pass(LATE);
		for (unsigned n = 0; wants(r) < 0; n++)
			assert_true(n < 12);
	}
}

static void what_is_bound_least_goes_first(void **state)
{
	unsigned shared = 0;

	(void)state;
	/* Two of three of v's pages are known to others. */
	for (unsigned i = 0; i < nv; i++)
		if (i % 3 != 0) {
			sim_audit = false;
			answers(v.env, 0, cap_copy, 0, lent_v[i], sim_slot(v.env), PROT_R, 0, 0);
			shared++;
			if (shared == 60)
				break;
		}
	sim_audit = true;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, 15, 0);
	sim_pass(LATE);
	assert_int_equal(system_info->free_frames, 15);
	for (unsigned i = 0; i < nv && shared > 0; i++)
		if (i % 3 != 0 && shared-- > 0)
			assert_int_equal(sim_cap(v.env, lent_v[i])->type, CAP_PAGE);
}

/* Page tables beyond the guarantee go last, with what is bound through them; the pages bound there stay where they are. */
static void tables_above_the_guarantee_go_last(void **state)
{
	unsigned tables = 0, page;

	(void)state;
	/* v's guarantee goes into objects; what it borrowed becomes tables but for a few pages. */
	sim_audit = false;
	for (unsigned i = 0; i < nv; i++)
		if (i < 30) {
			answers(v.env, 0, table_bind, SIM_SLOT_CTX, 0x200000ul * (i + 1), 0, lent_v[i]);
			tables++;
		} else if (i > 31) {
			answers(v.env, 0, cap_delete, lent_v[i]);
		}
	for (unsigned i = 0; i < nu; i++)
		answers(u.env, 0, cap_delete, lent_u[i]);
	page = sim_slot(v.env) - 1;
	for (page = lent_v[0] - 1; sim_cap(v.env, page)->type != CAP_PAGE; page--)
		;
	for (unsigned i = 0; i < 2; i++)
		answers(v.env, 1, page_bind, SIM_SLOT_CTX, 0x200000ul * (i * 29 + 1) + 0x5000, page + i == page ? page : lent_v[30], 1, PROT_R);
	sim_audit = true;
	audit();
	while (system_info->free_frames > 0 && (wants(r) >= 0 || wants(s) >= 0))
		;
	answers(s.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, env_outstanding(s.env) < 10 ? env_outstanding(s.env) : 10, 0);
	for (unsigned n = 0; n < 4; n++)
		sim_pass(LATE);
	assert_true(has_event(&s, EV_GRANT));
	for (unsigned i = 0; i < tables; i++) {
		pte_t *e = sv39_entry(v.env->context, 0x200000ul * (i + 1), 0);

		assert_int_equal(e != NULL, sim_cap(v.env, lent_v[i])->type == CAP_TABLE);
	}
	assert_true(v.env->pub->lost > 0);
	guaranteed_is_untouched(&v);
	assert_int_equal(sim_cap(v.env, page)->type, CAP_PAGE);
}

static void who_waits_first_is_served_first(void **state)
{
	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, 2, 0);
	answers(s.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, 1, 0);
	answers(v.env, 0, cap_delete, lent_v[0]);
	must_wait(s);
	assert_false(has_event(&s, EV_GRANT));
	/* One that wants more than at first goes to the end. */
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, 3, 0);
	assert_true(has_event(&s, EV_GRANT) || revoke_waiting[REVOKE_PAGES] == s.env);
	assert_true(wants(s) >= 0);
	for (unsigned i = 1; i < 4; i++) {
		assert_false(has_event(&r, EV_GRANT));
		answers(v.env, 0, cap_delete, lent_v[i]);
	}
	assert_true(has_event(&r, EV_GRANT));
	/* Withdrawn, it is for all again. */
	answers(r.env, 0, env_ask, 0, REVOKE_PAGES, 0, 0);
	assert_int_equal(system_info->free_frames, 3);
	assert_true(wants(v) >= 0);
	assert_true(wants(s) >= 0);
}

static void a_parent_asks_its_child(void **state)
{
	uint32_t above = env_above(u.env);

	(void)state;
	answers(init, 5, env_ask, u.slot, REVOKE_PAGES, 5, sim_now + slice_ticks);
	refused(init, E_BUSY, env_ask, u.slot, REVOKE_PAGES, 5, 0);
	assert_int_equal(asked_of(&u)->amount, 5);
	assert_int_equal(asked_of(&u)->deadline, sim_now + slice_ticks);
	answers(u.env, 0, cap_delete, lent_u[0]);
	sim_pass(slice_ticks * 3);
	assert_int_equal(env_above(u.env), above - 5);
	assert_int_equal(u.env->pub->lost, 4);
	assert_int_equal(system_info->free_frames, 5);
	sim_pass(slice_ticks * 2);
	assert_int_equal(u.env->pub->asked, 0);
	/* All it can be asked for, and withdrawn. */
	assert_int_equal(sim_call(init, env_ask, u.slot, REVOKE_PAGES, 1000, 0), above - 5);
	answers(init, 0, env_ask, u.slot, REVOKE_PAGES, 0, 0);
	assert_int_equal(asked_of(&u)->kind, REVOKE_NONE);
	sim_pass(LATE);
	assert_int_equal(env_above(u.env), above - 5);
	/* Its guarantee first, then its pages: so a parent has back all that it gave. */
	answers(init, 0, env_set, u.slot, ENV_GUARANTEE, OWN - 4, 0);
	assert_int_equal(env_above(u.env), above - 1);
}

static void guarantees_move_in_the_middle(void **state)
{
	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, 10, 0);
	assert_int_equal(v.env->pub->asked, 10);
	/* Who waits is promised less: it waits for less. */
	answers(r.env, 0, env_set, 0, ENV_GUARANTEE, r.env->pub->held + 3, 0);
	assert_int_equal(r.env->pub->wanted, 3);
	/* v is promised all that it holds: nothing can be asked of it any more, and u is. */
	answers(init, 0, env_set, v.slot, ENV_GUARANTEE, OWN + 30, 0);
	sim_pass(LATE);
	sim_pass(LATE);
	assert_int_equal(system_info->free_frames, 3);
	assert_true(v.env->pub->held >= OWN + 30);
}

/*
 * v is half taken apart: its capability table is gone, and others hold what it pays for. It is searched on, among the frames of the machine
 * and nowhere else.
 */
static void r7_one_without_a_table_is_searched_to_the_end(void **state)
{
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < 40; i++)	/* more than one call that ends it frees */
		answers(u.env, 0, cap_delete, lent_u[i]);
	n = nv + take_pages(v.env, lent_v + nv, 40);
	succeeds(init, env_captab, v.slot, sim_slot(init) - 1);
	sim_audit = false;
	for (unsigned i = 0; i < n; i++) {
		unsigned copy = sim_slot(init);

		answers(init, 0, cap_copy, v.slot, lent_v[i], copy, 7, 0, 0);
		answers(init, 0, cap_grant, copy, u.slot, sim_slot(u.env), 7, 0, 0);
		answers(v.env, 0, cap_delete, lent_v[i]);
	}
	sim_audit = true;
	assert_int_equal(succeeds(init, env_ask, v.slot, REVOKE_PAGES, 1000, 1), env_above(v.env));
	revoke_step();
	assert_true(u.env->pub->lost > 0);
	answers(init, 1, cap_delete, v.slot);
	assert_int_equal(v.env->state, ENV_DYING);
	assert_int_equal(v.env->ncaptab, 0);
	assert_true(env_above(v.env) > 0);
	for (unsigned i = 0; i < 4; i++)
		revoke_step();
	assert_int_equal(env_above(v.env), 0);
	sim_end(init, v.slot);
}

/* A guarantee that moves to and fro would always cover the one that is asked. */
static void r4_guarantees_are_no_hiding_place(void **state)
{
	(void)state;
	must_wait(r);
	refused(init, E_QUOTA, env_set, u.slot, ENV_GUARANTEE, OWN - 2, 0);
	refused(u.env, E_QUOTA, env_set, 0, ENV_GUARANTEE, OWN - 2, 0);
	answers(v.env, 0, cap_delete, lent_v[0]);
	answers(init, 0, env_set, u.slot, ENV_GUARANTEE, OWN - 2, 0);
}

static void u6_held_upcalls_stop_no_clock(void **state)
{
	(void)state;
	v.env->uarea->held = 1;
	must_wait(r);
	assert_int_equal(v.env->uarea->pending & (1u << UP_REVOKE), 1u << UP_REVOKE);
	sim_pass(LATE);
	assert_true(wants(r) >= 0);
	assert_int_equal(gone(&v, lent_v, nv), 1);
	assert_int_equal(v.env->uarea->pending & (1u << UP_REPOSSESS), 1u << UP_REPOSSESS);
	/* Inside the resume sequence: back to its start. */
	setup(NULL);
	answers(v.env, 0, env_set, 0, ENV_RESUME, SIM_CODE + 0x80, SIM_CODE + 0xa0);
	sim_run(v.env);
	sim_cpu.x[0] = SIM_CODE + 0x90;
	sim_run(r.env);
	must_wait(r);
	sim_run(v.env);
	assert_int_equal(sim_cpu.x[0], SIM_CODE + 0x80);
	assert_int_equal(v.env->uarea->pending, 1u << UP_REVOKE);
}

static void a_sleeper_is_woken_and_answers(void **state)
{
	(void)state;
	assert_int_equal(sim_call(v.env, wait, EV_USER(1), 0), SIM_SWITCHED);
	assert_int_equal(v.env->state, ENV_WAITING);
	must_wait(r);
	assert_int_equal(v.env->state, ENV_READY);
	sim_run(v.env);
	assert_int_equal(sim_cpu.x[0], HANDLER);
	answers(v.env, 0, cap_delete, lent_v[0]);
	assert_true(wants(r) >= 0);
	/* One that did not ask for it sleeps on. */
	setup(NULL);
	answers(v.env, 0, env_set, 0, ENV_HANDLER, UP_REVOKE, 0);
	assert_int_equal(sim_call(v.env, wait, EV_USER(1), 0), SIM_SWITCHED);
	must_wait(r);
	assert_int_equal(v.env->state, ENV_WAITING);
}

/* r sleeps until its page is there; v has no slices: it runs in r's, and is charged as a guest. */
static void who_waits_lends_its_time(void **state)
{
	(void)state;
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 1, r.slot);
	must_wait(r);
	assert_int_equal(v.env->pub->slices.held, 0);
	sim_call(r.env, wait, EV_GRANT, 0);
	assert_ptr_equal(sim_current(), v.env);
	assert_int_equal(harts[0].pub->current, r.id);
	assert_int_equal(sim_cpu.x[0], HANDLER);
	sim_pass(slice_ticks / 2);
	answers(v.env, 0, cap_delete, lent_v[0]);
	sim_pass(slice_ticks * 2);
	assert_ptr_equal(sim_current(), r.env);
	assert_true(v.env->guest >= slice_ticks / 2);
	assert_true(wants(r) >= 0);
	/* A deaf one uses it up, and no more. */
	must_wait(r);
	r.env->uarea->events = 0;
	sim_call(r.env, wait, EV_GRANT, 0);
	assert_ptr_equal(sim_current(), v.env);
	sim_pass(asked_of(&v)->time + 3 * slice_ticks);
	assert_ptr_equal(sim_current(), r.env);
	assert_true(wants(r) >= 0);
	assert_int_equal(v.env->pub->lost, 1);
}

/* What is lent can be had back: so what cannot be taken is made of what one is promised. */
static void objects_are_not_made_of_what_is_lent(void **state)
{
	unsigned fixed = 0;

	(void)state;
	for (unsigned i = 0; i < OWN; i++) {
		long got = sim_call(v.env, ctx_create, lent_v[i]);

		if (got < 0) {
			assert_int_equal(got, -E_QUOTA);
			break;
		}
		fixed++;
	}
	assert_int_equal(v.env->pub->fixed, OWN);
	assert_true(fixed > 0);
	refused(v.env, E_QUOTA, ctx_create, lent_v[fixed]);
	refused(v.env, E_QUOTA, ring_create, lent_v[fixed], lent_v[fixed + 1], 1);
	refused(v.env, E_QUOTA, env_set, 0, ENV_UAREA, lent_v[fixed], SIM_UAREA);
	answers(v.env, 0, table_bind, SIM_SLOT_CTX, 0x600000, 0, lent_v[fixed]);	/* a leaf table can be taken */
	refused(v.env, E_QUOTA, table_bind, SIM_SLOT_CTX, 0x40000000, 1, lent_v[fixed + 1]);
	/* Nor does its parent take away the guarantee under them. */
	refused(init, E_QUOTA, env_set, v.slot, ENV_GUARANTEE, OWN - 1, 0);
	answers(v.env, 0, object_end, lent_v[0]);
	/* A ring takes two, unless its shared page is one already. */
	refused(v.env, E_QUOTA, ring_create, lent_v[0], lent_v[fixed + 1], 1);
	answers(init, 0, env_set, v.slot, ENV_GUARANTEE, OWN - 1, 0);
	refused(v.env, E_QUOTA, ring_create, lent_v[0], SIM_SLOT_UAREA, 1);
	/* All that is promised is had. */
	for (unsigned n = 0; env_outstanding(r.env) + env_outstanding(s.env) > 0; n++) {
		assert_true(n < 1000);
		if (wants(r) < 0 && wants(s) < 0)
			sim_pass(LATE);
	}
	assert_true(v.env->pub->held >= OWN - 1);
}

static void only_who_may_borrows_what_is_promised(void **state)
{
	uint32_t before = env_outstanding(s.env);

	(void)state;
	answers(v.env, 0, cap_delete, lent_v[0]);
	answers(v.env, 0, cap_delete, lent_v[1]);
	assert_int_equal(system_info->free_frames, 2);
	answers(init, 0, env_set, u.slot, ENV_BORROW, env_above(u.env) + 1, 0);
	assert_true(wants(u) >= 0);
	assert_int_equal(wants(u), -E_QUOTA);
	answers(init, 0, env_set, v.slot, ENV_BORROW, 0, 0);
	assert_int_equal(wants(v), -E_QUOTA);
	assert_true(wants(s) >= 0);
	assert_int_equal(env_outstanding(s.env), before - 1);
	/* A child has no more than its parent. */
	answers(init, 0, env_set, s.slot, ENV_BORROW, 7, 0);
	refused(s.env, E_QUOTA, env_set, 0, ENV_BORROW, 8, 0);
}


/* C6, C7: a page with as many capabilities as there can be, while they are being revoked; whoever holds one is told, and has none after. */
static void c6_a_page_with_many_copies_is_taken_whole(void **state)
{
	unsigned last = lent_v[nv - 1], first = init->nslots, copies;
	uint32_t before = init->pub->lost;
	ppn_t frame = sim_frame(v.env, last);

	(void)state;
	/* The first environment gives up a page of its table's worth of pages, to have the room: they are somebody's promise again. */
	for (unsigned i = first - 1; i > 400; i--)
		if (sim_cap(init, i)->type == CAP_NONE)
			first = i;
		else
			break;
	sim_audit = false;
	answers(init, 0, cap_copy, v.slot, last, first, 7, 0, 0);
	for (copies = 1; copies < 500 && first + copies < init->nslots; copies++)
		answers(init, 0, cap_copy, 0, first, first + copies, 7, 0, 0);
	sim_audit = true;
	assert_true(copies > 140);
	answers(init, 1, page_bind, SLOT_CTX, SIM_FREE, first + 1, 1, PROT_R);
	sim_run(init);
	assert_int_equal(sim_peek(SIM_FREE), mark(v.env, last));
	assert_int_equal(sim_call(init, cap_revoke, first), 1);
	v.env->uarea->offer = sim_put(v.env, &last, sizeof(last));
	v.env->uarea->noffer = 1;
	must_wait(r);
	sim_pass(LATE);
	assert_int_equal(frame_of(frame)->ncaps, 0);
	assert_int_equal(revocations, 0);
	assert_int_equal(sim_cap(v.env, last)->type, CAP_NONE);
	for (unsigned i = 0; i < copies; i++)
		assert_int_equal(sim_cap(init, first + i)->type, CAP_NONE);
	assert_int_equal(init->pub->lost - before, copies - 128);
	sim_run(init);
	assert_false(sim_can(SIM_LOAD, SIM_FREE));
	assert_true(wants(r) >= 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_that_is_asked_gives_and_the_waiter_gets),
		T(r1_one_that_does_not_answer_loses_and_lives),
		T(the_deadline_is_in_its_own_time_and_bounded),
		T(r2_lies_free_nothing_and_win_no_time),
		T(r3_a_hidden_u_area_stops_nothing),
		T(r3_one_without_a_u_area_loses_at_once),
		T(r4_pages_given_to_an_accomplice_are_found),
		T(r5_what_is_given_goes_to_who_waits),
		T(r6_nobody_is_asked_for_one_that_borrows),
		T(r6_the_guarantee_of_a_victim_is_not_touched),
		T(r7_either_side_dies),
		T(r7_a_dying_one_still_pays),
		T(r9_each_number_of_missing_pages),
		T(r10_dialogues_with_the_short_lived_leave_nothing),
		T(r12_arguments_that_make_no_sense),
		T(d2_a_page_in_flight_is_taken_and_waits_for_the_device),
		T(its_list_says_what_goes_first),
		T(what_is_bound_least_goes_first),
		T(tables_above_the_guarantee_go_last),
		T(who_waits_first_is_served_first),
		T(a_parent_asks_its_child),
		T(guarantees_move_in_the_middle),
		T(r7_one_without_a_table_is_searched_to_the_end),
		T(r4_guarantees_are_no_hiding_place),
		T(u6_held_upcalls_stop_no_clock),
		T(a_sleeper_is_woken_and_answers),
		T(who_waits_lends_its_time),
		T(objects_are_not_made_of_what_is_lent),
		T(only_who_may_borrows_what_is_promised),
		T(c6_a_page_with_many_copies_is_taken_whole),
		cmocka_unit_test(r8_a_storm_of_demands),
	};

	/* And what is no matter of one hart's time again, with the victims on other harts than those who ask. */
	const struct CMUnitTest attacks[] = {
		T(r1_one_that_does_not_answer_loses_and_lives),
		T(r2_lies_free_nothing_and_win_no_time),
		T(r3_a_hidden_u_area_stops_nothing),
		T(r3_one_without_a_u_area_loses_at_once),
		T(r4_pages_given_to_an_accomplice_are_found),
		T(r5_what_is_given_goes_to_who_waits),
		T(r6_nobody_is_asked_for_one_that_borrows),
		T(r6_the_guarantee_of_a_victim_is_not_touched),
		T(r7_either_side_dies),
		T(r7_a_dying_one_still_pays),
		T(r9_each_number_of_missing_pages),
		T(r10_dialogues_with_the_short_lived_leave_nothing),
		T(r12_arguments_that_make_no_sense),
		T(d2_a_page_in_flight_is_taken_and_waits_for_the_device),
		T(its_list_says_what_goes_first),
		T(tables_above_the_guarantee_go_last),
		T(a_parent_asks_its_child),
		T(guarantees_move_in_the_middle),
		T(u6_held_upcalls_stop_no_clock),
		T(c6_a_page_with_many_copies_is_taken_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(attacks, on_two_harts, NULL) +
	       cmocka_run_group_tests(attacks, on_four_harts, NULL);
}
