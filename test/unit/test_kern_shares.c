/*
 * test_kern_shares.c - revocation of slices, places in the classifier and rings
 *
 * Half of the vector is v's, who is promised none of it; r is promised ten slices and has none. Four others have all the shapes of the
 * classifier between them, and r is promised three. What the dialogue for pages promises is tried in test_kern_revoke.c; here it is what
 * counts as one, what is taken and what becomes of it. The audit follows every call.
 */
/* ctest: timeout=120 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/charge.h"
#include "kern/flow.h"
#include "kern/revoke.h"
#include "kern/ring.h"
#include "kern/slice.h"
#include "kern_test.h"

#define HANDLER	(SIM_CODE + 0x200)
#define LOSSES	(SIM_CODE + 0x240)
#define FIRST	32		/* v's slices: from here to the end */
#define LATE	(400 * slice_ticks)
#define HOARDERS 4

static struct env *init;
static struct sim_child r, v, hoarder[HOARDERS];
static unsigned r_slices, v_slices;	/* capabilities of both for v's half */
static struct sim_snapshot *built;

/* A receiver of packets. */
static unsigned flow_of(const struct sim_child *c)
{
	unsigned flow = sim_slot(c->env);

	answers(init, 0, cap_grant, SLOT_FLOW, c->slot, flow, RIGHT_RECV | RIGHT_SEND, 0, 0);
	return flow;
}

static unsigned ring_of(const struct sim_child *c)
{
	unsigned ring = sim_page(c->env), shared = sim_page(c->env);

	answers(c->env, 0, ring_create, ring, shared, 3);
	return ring;
}

/* Filters of the same shape have the same number; the value tells them apart. */
static struct flow_predicate shape(unsigned number, unsigned value)
{
	return (struct flow_predicate){ .version = FLOW_VERSION, .natoms = 1,
		.atom = { { .offset = 40 + number / 2 * 2, .width = 2, .mask = number % 2 ? 0xffff : 0xfff, .value = value } } };
}

static long bind(const struct sim_child *c, unsigned slot, unsigned flow, unsigned ring, unsigned number, unsigned value, unsigned flags)
{
	struct flow_predicate p = shape(number, value);

	sim_put(c->env, &p, sizeof(p));
	return sim_call(c->env, filter_bind, slot, flow, ring, SIM_ARGS, flags);
}

static unsigned hoard_flow[HOARDERS], hoard_ring[HOARDERS], hoard_filter[HOARDERS][8], r_flow, r_ring;

static int setup(void **state)
{
	(void)state;
	if (built != NULL) {
		sim_restore(built);
		return 0;
	}
	boot_with(&(struct sim_config){ .asid_bits = 16, .nic = true, .ram_bytes = 8 << 20 });
	init = sim_init_env;
	r = sim_child(init, 60);
	v = sim_child(init, 60);
	r_slices = sim_slot(r.env);
	answers(init, 0, cap_grant, SLOT_SLICES, r.slot, r_slices, RIGHT_BIND, FIRST, SLICES - FIRST);
	v_slices = sim_slot(v.env);
	answers(init, 0, cap_grant, SLOT_SLICES, v.slot, v_slices, RIGHT_BIND, FIRST, SLICES - FIRST);
	answers(init, 0, slice_bind, SLOT_SLICES, FIRST, SLICES - FIRST, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, SLICES - FIRST, SIM_SLOT_SELF);
	answers(init, 0, env_set, r.slot, ENV_GUARANTEE, 10, REVOKE_SLICES);
	answers(v.env, 0, env_set, 0, ENV_HANDLER, UP_REVOKE, HANDLER);
	answers(v.env, 0, env_set, 0, ENV_HANDLER, UP_REPOSSESS, LOSSES);

	r_flow = flow_of(&r);
	r_ring = ring_of(&r);
	answers(init, 0, env_set, r.slot, ENV_GUARANTEE, 3, REVOKE_FILTERS);
	for (unsigned k = 0; k < HOARDERS; k++) {
		struct sim_child *c = &hoarder[k];

		*c = sim_child(init, 60);
		hoard_flow[k] = flow_of(c);
		hoard_ring[k] = ring_of(c);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(bind(c, hoard_filter[k][i] = sim_page(c->env), hoard_flow[k], hoard_ring[k], 8 * k + i, k, 0), 0);
		assert_int_equal(bind(c, sim_page(c->env), hoard_flow[k], hoard_ring[k], 40, k, 0), -E_QUOTA);
	}
	assert_int_equal(classifier_room(&classifier), 0);
	built = sim_save();
	return 0;
}

static bool has_event(const struct sim_child *c, uint64_t bit) { return (c->env->uarea->events & bit) != 0; }
static const struct revoke_request *asked_of(const struct sim_child *c) { return &c->env->uarea->revoke; }

/* ---- slices ---- */

static unsigned slices_of(const struct sim_child *c)
{
	unsigned n = 0;

	for (unsigned at = 0; at < SLICES; at++)
		n += harts[0].slice[at].env == c->env;
	assert_int_equal(n, c->env->pub->slices.held);
	return n;
}

static void a_slice_is_not_taken_from_under_its_owner(void **state)
{
	(void)state;
	refused(r.env, E_BUSY, slice_bind, r_slices, FIRST, 1, SIM_SLOT_SELF);
	refused(r.env, E_BUSY, slice_bind, r_slices, FIRST, 1, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 1, 0);
	answers(r.env, 0, slice_bind, r_slices, FIRST, 1, SIM_SLOT_SELF);
	refused(v.env, E_BUSY, slice_bind, v_slices, FIRST, 1, SIM_SLOT_SELF);
	/* Whoever lent both may; and what was bound from above is not a matter of those below. */
	answers(init, 0, slice_bind, SLOT_SLICES, FIRST, 2, r.slot);
	refused(v.env, E_BUSY, slice_bind, v_slices, FIRST + 1, 1, SIM_SLOT_SELF);
	answers(r.env, 0, slice_bind, r_slices, FIRST, 1, SIM_SLOT_SELF);	/* its own */
	assert_int_equal(slices_of(&r), 2);
	assert_int_equal(slices_of(&v), SLICES - FIRST - 2);
}

static void slices_that_are_given_are_kept_for_who_waits(void **state)
{
	(void)state;
	refused(r.env, E_QUOTA, env_ask, 0, REVOKE_SLICES, 11, 0);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 4, 0);
	assert_int_equal(r.env->pub->slices.wanted, 4);
	assert_int_equal(asked_of(&v)->kind, REVOKE_SLICES);
	assert_int_equal(asked_of(&v)->amount, 4);
	assert_int_equal(v.env->pub->asked_kind, REVOKE_SLICES);
	answers(v.env, 0, slice_bind, v_slices, FIRST + 5, 3, 0);
	assert_false(has_event(&r, EV_GRANT));
	assert_int_equal(asked_of(&v)->amount, 4);	/* as it was asked */
	answers(v.env, 0, slice_bind, v_slices, FIRST + 20, 1, 0);
	assert_true(has_event(&r, EV_GRANT));
	/* Neither the victim takes them again, nor who is promised none. */
	refused(v.env, E_QUOTA, slice_bind, v_slices, FIRST + 20, 1, SIM_SLOT_SELF);
	refused(init, E_QUOTA, slice_bind, SLOT_SLICES, FIRST + 20, 1, v.slot);
	answers(r.env, 0, slice_bind, r_slices, FIRST + 5, 3, SIM_SLOT_SELF);
	assert_int_equal(r.env->pub->slices.wanted, 1);
	answers(r.env, 0, slice_bind, r_slices, FIRST + 20, 1, SIM_SLOT_SELF);
	assert_int_equal(r.env->pub->slices.wanted, 0);
	sim_advance(LATE);
	assert_int_equal(v.env->pub->asked, 0);
	assert_int_equal(v.env->pub->lost, 0);
	assert_int_equal(slices_of(&r), 4);
	assert_int_equal(revoke_open, 0);
}

/* Who may only give time to another does not speak for it. */
static void r6_nobody_is_made_to_wait_by_a_stranger(void **state)
{
	unsigned name = sim_slot(v.env);

	(void)state;
	answers(init, 0, cap_grant, r.slot, v.slot, name, RIGHT_YIELD, 0, 0);
	answers(init, 0, env_set, hoarder[0].slot, ENV_GUARANTEE, 10, REVOKE_SLICES);
	answers(hoarder[0].env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 10, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 4, 0);
	refused(v.env, E_QUOTA, slice_bind, v_slices, FIRST, 1, name);
	assert_int_equal(r.env->pub->slices.wanted, 0);
	answers(init, -E_AGAIN, slice_bind, SLOT_SLICES, FIRST, 1, r.slot);
	assert_int_equal(r.env->pub->slices.wanted, 1);
}

/* By deleting the capability a victim gives up all that was bound through it. */
static void deleting_the_capability_is_an_answer(void **state)
{
	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 10, 0);
	answers(v.env, 0, cap_delete, v_slices);
	assert_true(has_event(&r, EV_GRANT));
	answers(r.env, 0, slice_bind, r_slices, FIRST, 10, SIM_SLOT_SELF);
	assert_int_equal(slices_of(&v), 0);
}

static void r1_slices_are_taken_from_the_last_and_told(void **state)
{
	const struct repossession *lost = v.env->uarea->lost;

	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 10, 0);
	sim_advance(LATE);
	assert_true(has_event(&r, EV_GRANT));
	assert_int_equal(v.env->pub->lost, 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(lost[i].kind, REVOKE_SLICES);
		assert_int_equal(lost[i].name, SLICES - 1 - i);
		assert_int_equal(lost[i].slot, v_slices);
		assert_int_equal(lost[i].ctx, 0);
		assert_null(harts[0].slice[SLICES - 1 - i].env);
	}
	assert_true(has_event(&v, EV_REPOSSESS));
	refused(v.env, E_QUOTA, slice_bind, v_slices, SLICES - 1, 1, SIM_SLOT_SELF);
	answers(r.env, 0, slice_bind, r_slices, SLICES - 10, 10, SIM_SLOT_SELF);
	assert_int_equal(slices_of(&v), SLICES - FIRST - 10);
	assert_int_equal(v.env->state, ENV_READY);
	/* All of it, and not one more: nobody is asked for what is not promised. */
	refused(r.env, E_QUOTA, env_ask, 0, REVOKE_SLICES, 1, 0);
	assert_int_equal(revoke_open, 0);
}

static void its_list_names_the_slices_that_go_first(void **state)
{
	unsigned few = sim_slot(v.env);
	uint32_t list[2] = { SIM_SLOT_CODE, few };

	(void)state;
	answers(v.env, 0, cap_copy, 0, v_slices, few, RIGHT_BIND, FIRST + 4, 6);
	answers(v.env, 0, slice_bind, few, FIRST + 4, 3, SIM_SLOT_SELF);
	v.env->uarea->offer = sim_put(v.env, list, sizeof(list));
	v.env->uarea->noffer = 2;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 5, 0);
	sim_advance(LATE);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(v.env->uarea->lost[i].name, i < 3 ? FIRST + 4 + i : SLICES - 1 - (i - 3));
		assert_int_equal(v.env->uarea->lost[i].slot, i < 3 ? few : v_slices);
	}
}

/* What was bound for the victim by another's capability has no slot of the victim's. */
static void a_slice_bound_by_others_is_told_without_a_slot(void **state)
{
	(void)state;
	answers(init, 0, slice_bind, SLOT_SLICES, SLICES - 1, 1, v.slot);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 1, 0);
	sim_advance(LATE);
	assert_int_equal(v.env->uarea->lost[0].name, SLICES - 1);
	assert_int_equal(v.env->uarea->lost[0].slot, 0);
}

static void r6_promised_slices_are_not_asked_for(void **state)
{
	(void)state;
	/* The first environment keeps 4 for itself, and has 32: it is furthest above. */
	answers(init, 0, env_set, v.slot, ENV_GUARANTEE, 50, REVOKE_SLICES);
	refused(init, E_QUOTA, env_set, v.slot, ENV_GUARANTEE, 55, REVOKE_SLICES);
	refused(init, E_INVAL, env_set, v.slot, ENV_GUARANTEE, 1, REVOKE_RINGS);
	refused(v.env, E_INVAL, env_set, 0, ENV_GUARANTEE, 51, REVOKE_SLICES);
	refused(r.env, E_NOCAP, env_set, v.slot, ENV_GUARANTEE, 1, REVOKE_SLICES);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 10, 0);
	assert_int_equal(v.env->pub->asked, 0);
	assert_int_equal(init->pub->asked, 10);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 10, 0);
	assert_true(has_event(&r, EV_GRANT));
	assert_int_equal(slices_of(&v), SLICES - FIRST);
	/* A guarantee that goes back is had back: what is promised to nobody else may be asked for. */
	answers(v.env, 0, env_set, 0, ENV_GUARANTEE, 5, REVOKE_SLICES);
	answers(r.env, 0, env_ask, 0, REVOKE_SLICES, 0, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 10, SIM_SLOT_SELF);
	assert_int_equal(revoke_open, 0);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 10, 0);
	assert_int_equal(v.env->pub->asked + init->pub->asked, 10);
	sim_advance(LATE);
	assert_true(slices_of(&v) >= 5);
	assert_true(has_event(&r, EV_GRANT));
}

static void r7_a_victim_or_waiter_of_slices_dies(void **state)
{
	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 3, 0);
	sim_end(init, v.slot);
	assert_true(has_event(&r, EV_GRANT));
	answers(r.env, 0, slice_bind, r_slices, FIRST, 3, SIM_SLOT_SELF);
	assert_int_equal(slices_free, SLICES - FIRST - 3);
	assert_int_equal(init->pub->slices.promised_on, 10);

	setup(NULL);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 3, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 2, 0);
	sim_end(init, r.slot);
	assert_int_equal(init->pub->slices.promised_on, 0);
	sim_advance(slice_ticks);
	assert_int_equal(v.env->pub->asked, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 2, SIM_SLOT_SELF);
	assert_int_equal(revoke_open, 0);
}

/* One without slices is run in those of the one that waits, so that it can answer; that holds for each kind. */
static void who_waits_for_slices_lends_what_it_has(void **state)
{
	(void)state;
	answers(v.env, 0, slice_bind, v_slices, FIRST, 4, 0);
	answers(r.env, 0, slice_bind, r_slices, FIRST, 4, SIM_SLOT_SELF);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 6, 0);
	assert_ptr_equal(revoke_lent(r.env), NULL);	/* v has slices */
	answers(init, 0, cap_revoke, SLOT_SLICES);
	assert_int_equal(slices_free, SLICES - FIRST);
	assert_int_equal(r.env->pub->slices.wanted, 6);
	assert_true(has_event(&r, EV_GRANT));
}

static void a_parent_asks_its_child_for_slices(void **state)
{
	(void)state;
	refused(init, E_INVAL, env_ask, v.slot, REVOKE_TABLES, 5, 0);
	refused(init, E_INVAL, env_ask, v.slot, REVOKE_NONE, 5, 0);
	answers(init, 5, env_ask, v.slot, REVOKE_SLICES, 5, sim_now + 10 * slice_ticks);
	refused(init, E_BUSY, env_ask, v.slot, REVOKE_PAGES, 1, 0);
	answers(init, 0, env_ask, v.slot, REVOKE_SLICES, 0, 0);
	assert_int_equal(v.env->pub->asked, 0);
	answers(init, SLICES - FIRST, env_ask, v.slot, REVOKE_SLICES, 1000, sim_now + 10 * slice_ticks);
	sim_advance(LATE);
	assert_int_equal(slices_of(&v), 0);
	assert_int_equal(v.env->pub->lost, SLICES - FIRST);
	/* What its parent asked for is free for all, v too. */
	answers(v.env, 0, slice_bind, v_slices, FIRST, 1, SIM_SLOT_SELF);
}

/* ---- filters ---- */

static void r8_children_that_take_all_shapes_give_them_back(void **state)
{
	unsigned page = sim_page(r.env), more = sim_page(r.env), victim = HOARDERS;
	struct sim_child w = sim_child(init, 40);
	unsigned w_flow = flow_of(&w), w_ring = ring_of(&w);

	(void)state;
	/* One that is promised nothing is refused, and shapes in use are open to everyone. */
	assert_int_equal(bind(&w, sim_page(w.env), w_flow, w_ring, 40, 0, 0), -E_QUOTA);
	assert_int_equal(bind(&w, sim_page(w.env), w_flow, w_ring, 0, 99, 0), 0);
	assert_int_equal(revoke_open, 0);
	/* One that is promised a place gets it. */
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	for (unsigned k = 0; k < HOARDERS; k++)
		if (hoarder[k].env->pub->asked != 0) {
			assert_int_equal(victim, HOARDERS);
			victim = k;
		}
	assert_true(victim < HOARDERS);
	assert_int_equal(asked_of(&hoarder[victim])->kind, REVOKE_FILTERS);
	assert_int_equal(asked_of(&hoarder[victim])->amount, 1);
	answers(hoarder[victim].env, 0, object_end, hoard_filter[victim][5]);
	assert_true(has_event(&r, EV_GRANT));
	assert_int_equal(bind(&hoarder[victim], hoard_filter[victim][5], hoard_flow[victim], hoard_ring[victim], 42, 0, 0), -E_QUOTA);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), 0);
	assert_int_equal(r.env->pub->filters.held, 1);
	sim_advance(slice_ticks);
	assert_int_equal(revoke_open, 0);
	/* A shared one is two places: its shape and its copies. */
	assert_int_equal(bind(&r, more, r_flow, r_ring, 43, 0, FILTER_SHARED), -E_AGAIN);
	assert_int_equal(r.env->pub->filters.wanted, 2);
	r.env->uarea->events = 0;
	for (unsigned i = 0; i < 4 && !has_event(&r, EV_GRANT); i++)
		sim_advance(LATE);
	assert_int_equal(bind(&r, more, r_flow, r_ring, 43, 0, FILTER_SHARED), 0);
	assert_int_equal(r.env->pub->filters.held, 3);
	/* Two shapes were given back for it and it needs one. Beyond its guarantee it is like all others: it gets what is left over. */
	assert_int_equal(classifier_room(&classifier), 1);
	assert_int_equal(bind(&r, sim_page(r.env), r_flow, r_ring, 44, 0, 0), 0);
	assert_int_equal(bind(&r, sim_page(r.env), r_flow, r_ring, 45, 0, 0), -E_QUOTA);
}

static void r1_a_filter_is_taken_and_its_page_stays(void **state)
{
	unsigned page = sim_page(r.env), k = 0, last = hoard_filter[0][7];
	const struct repossession *lost;
	ppn_t frame;

	(void)state;
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	while (hoarder[k].env->pub->asked == 0)
		k++;
	last = hoard_filter[k][7];
	frame = sim_frame(hoarder[k].env, last);
	sim_advance(LATE);
	assert_true(has_event(&r, EV_GRANT));
	lost = &hoarder[k].env->uarea->lost[0];
	assert_int_equal(hoarder[k].env->uarea->nlost, 1);
	assert_int_equal(lost->kind, REVOKE_FILTERS);
	assert_int_equal(lost->slot, last);
	assert_int_equal(lost->name, frame);
	assert_int_equal(sim_cap(hoarder[k].env, last)->type, CAP_PAGE);
	assert_int_equal(hoarder[k].env->pub->filters.held, 7);
	assert_int_equal(hoarder[k].env->pub->rings.held, 1);
	answers(hoarder[k].env, 0, cap_delete, last);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), 0);
}

/* A shape that several use is free when all of them have given it up: the dialogue goes on with the next. */
static void a_shape_that_many_use_is_had_from_all_of_them(void **state)
{
	unsigned page = sim_page(r.env), tries;

	(void)state;
	/* Each hoarder keeps 8 places, and the filters of all of them are in all the shapes of the first two. */
	for (unsigned k = 0; k < HOARDERS; k++)
		for (unsigned i = 0; i < 8; i++)
			answers(hoarder[k].env, 0, object_end, hoard_filter[k][i]);
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < HOARDERS; k++)
			assert_int_equal(bind(&hoarder[k], hoard_filter[k][i], hoard_flow[k], hoard_ring[k], i, k, 0), 0);
	for (unsigned i = 0; i < CLASSIFIER_SHAPES - 8; i++) {
		/* The rest: by the first environment, which is promised what it uses. */
		struct flow_predicate p = shape(8 + i, 0);
		unsigned ring = i == 0 ? sim_page(init) : SLOT_FLOW;
		static unsigned kept;

		if (i == 0) {
			answers(init, 0, ring_create, ring, sim_page(init), 1);
			kept = ring;
		}
		sim_put(init, &p, sizeof(p));
		answers(init, 0, filter_bind, sim_page(init), SLOT_FLOW, kept, SIM_ARGS, 0);
	}
	assert_int_equal(classifier_room(&classifier), 0);
	assert_int_equal(excess(init->pub->filters.held, share_own(&init->pub->filters)), 0);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	for (tries = 0; !has_event(&r, EV_GRANT); tries++) {
		assert_true(tries < 200);
		sim_advance(LATE);
	}
	assert_true(tries > 0);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), 0);
	assert_int_equal(init->pub->filters.held, CLASSIFIER_SHAPES - 8);
}

static void the_end_of_a_flow_or_an_owner_gives_places_back(void **state)
{
	unsigned page = sim_page(r.env);

	(void)state;
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	answers(hoarder[1].env, 0, cap_delete, hoard_flow[1]);
	assert_true(has_event(&r, EV_GRANT));
	assert_int_equal(hoarder[1].env->pub->filters.held, 0);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), 0);
	for (unsigned k = 0; k < HOARDERS; k++)
		sim_end(init, hoarder[k].slot);
	assert_int_equal(classifier_room(&classifier), CLASSIFIER_SHAPES - 1);
	sim_end(init, r.slot);
	assert_int_equal(classifier_room(&classifier), CLASSIFIER_SHAPES);
	assert_int_equal(init->pub->filters.promised_on, 0);
	assert_int_equal(revoke_open, 0);
}

/* Copies of packets are scarce by themselves: the places for SHARED filters run out before the shapes do. */
static void shared_filters_are_places_too(void **state)
{
	struct sim_child c[9];
	unsigned n = 0, page = sim_page(r.env);

	(void)state;
	for (unsigned k = 0; k < HOARDERS; k++)
		sim_end(init, hoarder[k].slot);
	for (unsigned k = 0; k < ARRAY_SIZE(c); k++) {
		unsigned flow, ring;

		c[k] = sim_child(init, 60);
		flow = flow_of(&c[k]);
		ring = ring_of(&c[k]);
		while (bind(&c[k], sim_page(c[k].env), flow, ring, 5, 5, FILTER_SHARED) == 0)
			n++;
		assert_int_equal(c[k].env->pub->filters.held, 8);
	}
	assert_int_equal(n, CLASSIFIER_SHARED - 1);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 5, 5, FILTER_SHARED), -E_AGAIN);
	sim_advance(LATE);
	sim_advance(LATE);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 5, 5, FILTER_SHARED), 0);
	assert_int_equal(r.env->pub->filters.held, 2);
}

/* ---- rings ---- */

static void a_ring_is_taken_with_its_filters_and_its_buffers(void **state)
{
	struct sim_child *c = &hoarder[0];
	unsigned flow = hoard_flow[0], ring = hoard_ring[0], buffer[4], page = sim_page(c->env), segment = sim_page(c->env), spare = sim_page(c->env);
	struct send_segment seg = { .slot = segment, .length = 1000 };
	ppn_t frame = sim_frame(c->env, ring), sent = sim_frame(c->env, segment);
	const struct repossession *lost = c->env->uarea->lost;
	uint32_t fixed;

	(void)state;
	sim_audit = false;
	for (unsigned i = 0; i < 20; i++)	/* more filters than one step unbinds */
		assert_int_equal(bind(c, i == 0 ? page : sim_page(c->env), flow, ring, 0, 100 + i, 0), 0);
	sim_audit = true;
	for (unsigned i = 0; i < ARRAY_SIZE(buffer); i++)
		answers(c->env, 0, ring_buffer, ring, i, buffer[i] = sim_page(c->env));
	sim_nic.hold_tx = true;
	sim_put(c->env, &seg, sizeof(seg));
	answers(c->env, 0, net_send, ring, flow, SIM_ARGS, 1, 7);
	fixed = c->env->pub->fixed;
	answers(init, 1, env_ask, c->slot, REVOKE_RINGS, 9, sim_now + slice_ticks);
	assert_int_equal(asked_of(c)->kind, REVOKE_RINGS);
	sim_advance(LATE);
	assert_int_equal(c->env->pub->rings.held, 0);
	assert_int_equal(c->env->pub->filters.held, 0);
	assert_int_equal(c->env->uarea->nlost, 1);
	assert_int_equal(lost->kind, REVOKE_RINGS);
	assert_int_equal(lost->slot, ring);
	assert_int_equal(lost->name, frame);
	assert_int_equal(sim_cap(c->env, ring)->type, CAP_PAGE);
	/* Its own page, the shared one and four buffers are ordinary pages now; its filters have only to be ended. */
	assert_int_equal(c->env->pub->fixed, fixed - 6);
	for (unsigned i = 0; i < ARRAY_SIZE(buffer); i++)
		answers(c->env, 0, cap_delete, buffer[i]);
	answers(c->env, 0, object_end, page);
	answers(c->env, 0, cap_delete, ring);
	assert_int_equal(bind(c, spare, flow, ring, 0, 200, 0), -E_NOCAP);
	/* The device has the packet still. */
	assert_int_equal(frame_of(sent)->pins, 1);
	answers(c->env, 0, cap_delete, segment);
	sim_nic.hold_tx = false;
	sim_virtio_net_work(&sim_nic);
	sim_run(c->env);
	answers(c->env, -E_NOCAP, net_send, ring, flow, SIM_ARGS, 1, 7);
	sim_advance(LATE);
	assert_int_equal(frame_of(sent)->pins, 0);
}

static void a_ring_that_is_being_taken_gets_no_new_filters(void **state)
{
	struct sim_child c = sim_child(init, 300);
	unsigned flow, ring, n = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		succeeds(c.env, env_captab, 0, sim_page(c.env));
	for (unsigned k = 0; k < HOARDERS; k++)
		sim_end(init, hoarder[k].slot);
	flow = flow_of(&c);
	ring = ring_of(&c);
	sim_audit = false;
	for (; n < 200; n++)
		assert_int_equal(bind(&c, sim_page(c.env), flow, ring, 0, n, 0), 0);
	sim_audit = true;
	answers(init, 1, env_ask, c.slot, REVOKE_RINGS, 1, sim_now);
	answers(init, -E_BUSY, env_ask, c.slot, REVOKE_RINGS, 1, sim_now);
	revoke_step();
	assert_true(classifier.nfilters > 0 && classifier.nfilters < n);
	assert_int_equal(bind(&c, sim_page(c.env), flow, ring, 0, n, 0), -E_BUSY);
	for (unsigned i = 0; i < 4; i++) {
		revoke_step();
		audit();
	}
	assert_int_equal(classifier.nfilters, 0);
	assert_int_equal(c.env->pub->rings.held, 0);
	assert_int_equal(sim_cap(c.env, ring)->type, CAP_PAGE);
}

/* ---- several kinds at once ---- */

static void one_waits_for_several_kinds_and_each_is_granted(void **state)
{
	unsigned page = sim_page(r.env), told = 0;

	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 2, 0);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	assert_int_equal(revoke_open, 2 + 2);
	assert_int_equal(v.env->pub->asked_kind, REVOKE_SLICES);
	for (unsigned k = 0; k < HOARDERS; k++)
		told += hoarder[k].env->pub->asked_kind == REVOKE_FILTERS;
	assert_int_equal(told, 1);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 2, 0);
	assert_true(has_event(&r, EV_GRANT));
	answers(r.env, 0, slice_bind, r_slices, FIRST, 2, SIM_SLOT_SELF);
	assert_int_equal(r.env->pub->filters.wanted, 1);
	r.env->uarea->events = 0;
	sim_advance(LATE);
	assert_true(has_event(&r, EV_GRANT));
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), 0);
	sim_advance(slice_ticks);
	assert_int_equal(revoke_open, 0);
}

/* ---- those who would not lose, or would have more than is theirs ---- */

/* Another that is promised ten slices and may bind those of v's half. */
static unsigned rival(const struct sim_child *c)
{
	unsigned slot = sim_slot(c->env);

	answers(init, 0, cap_grant, SLOT_SLICES, c->slot, slot, RIGHT_BIND, FIRST, SLICES - FIRST);
	answers(init, 0, env_set, c->slot, ENV_GUARANTEE, 10, REVOKE_SLICES);
	return slot;
}

/* c's name for another. */
static unsigned name_of(const struct sim_child *c, const struct sim_child *other, unsigned rights)
{
	unsigned name = sim_slot(c->env);

	answers(init, 0, cap_grant, other->slot, c->slot, name, rights, 0, 0);
	return name;
}

/* Who stands first in the queue, for a little, takes nothing of what is kept for those behind. */
static void r5_the_first_takes_no_more_than_it_waits_for(void **state)
{
	unsigned w_slices = rival(&hoarder[0]);

	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 1, 0);
	answers(hoarder[0].env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 5, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 6, 0);
	assert_true(has_event(&r, EV_GRANT) && has_event(&hoarder[0], EV_GRANT));
	answers(r.env, -E_AGAIN, slice_bind, r_slices, FIRST, 3, SIM_SLOT_SELF);
	answers(hoarder[0].env, 0, slice_bind, w_slices, FIRST + 1, 5, SIM_SLOT_SELF);
	/* It waits for all three now, behind the other. */
	assert_int_equal(r.env->pub->slices.wanted, 3);
	answers(v.env, 0, slice_bind, v_slices, FIRST + 6, 2, 0);
	answers(r.env, 0, slice_bind, r_slices, FIRST, 1, SIM_SLOT_SELF);
	answers(r.env, 0, slice_bind, r_slices, FIRST + 6, 2, SIM_SLOT_SELF);
}

/* The one in front withdraws, or dies: what is free is enough for the next, who is told. */
static void r7_who_comes_to_the_front_is_told(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		setup(NULL);
		rival(&hoarder[0]);
		answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 5, 0);
		answers(hoarder[0].env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 3, 0);
		answers(v.env, 0, slice_bind, v_slices, FIRST, 3, 0);
		assert_false(has_event(&hoarder[0], EV_GRANT));
		if (how == 0)
			sim_end(init, r.slot);
		else
			answers(init, 0, env_set, r.slot, ENV_GUARANTEE, how - 1, REVOKE_SLICES);
		assert_int_equal(v.env->pub->lost, 0);
		sim_advance(2 * slice_ticks);
		assert_true(how == 2 || has_event(&hoarder[0], EV_GRANT));
	}
}

/* E_AGAIN says that it waits for so many, not for those of an earlier call. */
static void again_is_for_all_that_the_call_needs(void **state)
{
	unsigned page = sim_page(r.env), tries;

	(void)state;
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	assert_int_equal(r.env->pub->filters.wanted, 1);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, FILTER_SHARED), -E_AGAIN);
	assert_int_equal(r.env->pub->filters.wanted, 2);
	for (tries = 0; !has_event(&r, EV_GRANT); tries++) {
		assert_true(tries < 10);
		sim_advance(LATE);
	}
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, FILTER_SHARED), 0);
}

/* A parent, for whom there is no hurry, does not keep its child from being asked by those who are promised what it has. */
static void r4_a_parents_question_is_no_shield(void **state)
{
	(void)state;
	for (unsigned kind = REVOKE_SLICES; kind <= REVOKE_RINGS; kind += REVOKE_RINGS - REVOKE_SLICES) {
		setup(NULL);
		ring_of(&v);
		answers(init, 1, env_ask, v.slot, kind, 1, ~0ul >> 1);
		answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 4, 0);
		assert_int_equal(asked_of(&v)->kind, REVOKE_SLICES);
		assert_int_equal(asked_of(&v)->amount, 4);
		refused(init, E_BUSY, env_ask, v.slot, kind, 0, 0);	/* not its parent's to withdraw */
		assert_int_equal(v.env->pub->asked, 4);
		sim_advance(LATE);
		assert_true(has_event(&r, EV_GRANT));
		assert_int_equal(v.env->pub->lost, 4);
		assert_int_equal(v.env->pub->rings.held, 1);
	}
}

/* While somebody misses what it is promised, slices do not move on to one that is not promised them. */
static void r4_slices_are_not_passed_to_an_accomplice(void **state)
{
	unsigned w = name_of(&v, &hoarder[0], RIGHT_YIELD), to = name_of(&v, &r, RIGHT_YIELD);

	(void)state;
	answers(v.env, 0, slice_bind, v_slices, FIRST, 1, w);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 4, 0);
	refused(v.env, E_QUOTA, slice_bind, v_slices, FIRST + 1, SLICES - FIRST - 1, w);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 1, w);			/* where it is */
	answers(v.env, 0, slice_bind, v_slices, FIRST + 1, 2, to);		/* to one that is promised them */
	assert_int_equal(r.env->pub->slices.wanted, 4);
	sim_advance(LATE);
	assert_true(has_event(&r, EV_GRANT));
	answers(v.env, 0, slice_bind, v_slices, FIRST + 3, 2, w);
	/* What is kept for r is not given to r by a stranger, who could take it back. */
	refused(v.env, E_QUOTA, slice_bind, v_slices, SLICES - 1, 1, to);
	assert_int_equal(r.env->pub->slices.wanted, 4);
}

/* Nor does a guarantee move to and fro, so that whoever is asked is promised what it holds just then. */
static void r4_a_guarantee_does_not_move_from_under_what_is_held(void **state)
{
	(void)state;
	answers(init, 0, env_set, v.slot, ENV_GUARANTEE, 32, REVOKE_SLICES);
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 10, 0);
	assert_int_equal(init->pub->asked, 10);
	refused(init, E_QUOTA, env_set, v.slot, ENV_GUARANTEE, 22, REVOKE_SLICES);
	refused(v.env, E_QUOTA, env_set, 0, ENV_GUARANTEE, 22, REVOKE_SLICES);
	sim_advance(LATE);
	assert_true(has_event(&r, EV_GRANT));
	answers(init, 0, env_set, v.slot, ENV_GUARANTEE, 22, REVOKE_SLICES);
}

/* The end of the hoarders' filters, and all shapes but the first eight for the first environment, which is promised them. */
static void leave_eight_shapes(void)
{
	unsigned ring = sim_page(init);

	for (unsigned k = 0; k < HOARDERS; k++)
		for (unsigned i = 0; i < 8; i++)
			answers(hoarder[k].env, 0, object_end, hoard_filter[k][i]);
	answers(init, 0, ring_create, ring, sim_page(init), 1);
	for (unsigned i = 8; i < CLASSIFIER_SHAPES; i++) {
		struct flow_predicate p = shape(i, 0);

		sim_put(init, &p, sizeof(p));
		answers(init, 0, filter_bind, sim_page(init), SLOT_FLOW, ring, SIM_ARGS, 0);
	}
}

/* Two that use the same shapes, and come back to each as long as the other has it: they would never both have left one. */
static void r5_a_shape_is_not_kept_by_two_in_turn(void **state)
{
	unsigned page = sim_page(r.env), tries;

	(void)state;
	leave_eight_shapes();
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < 2; k++)
			assert_int_equal(bind(&hoarder[k], hoard_filter[k][i], hoard_flow[k], hoard_ring[k], i, k, 0), 0);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	for (tries = 0; !has_event(&r, EV_GRANT); tries++) {
		assert_true(tries < 100);
		sim_advance(slice_ticks * 50);
		for (unsigned k = 0; k < 2; k++)
			for (unsigned i = 0; i < 8; i++)
				if (sim_cap(hoarder[k].env, hoard_filter[k][i])->type == CAP_PAGE)
					bind(&hoarder[k], hoard_filter[k][i], hoard_flow[k], hoard_ring[k], i, k, 0);
	}
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), 0);
}

/* One that is asked for places does not bind filters as fast as they are taken. */
static void r5_who_is_asked_for_filters_binds_no_more(void **state)
{
	const struct sim_child *c = &hoarder[0];
	unsigned page = sim_page(c->env);

	(void)state;
	answers(init, 8, env_ask, c->slot, REVOKE_FILTERS, 100, sim_now + slice_ticks);
	assert_int_equal(bind(c, page, hoard_flow[0], hoard_ring[0], 0, 77, 0), -E_QUOTA);
	sim_advance(LATE);
	assert_int_equal(c->env->pub->filters.held, 0);
	assert_int_equal(bind(c, page, hoard_flow[0], hoard_ring[0], 0, 77, 0), 0);
}

/* One that is late all the time, for its parent asks it again and again, does not keep the kernel from taking from others. */
static void r4_one_that_is_always_late_is_not_the_only_one(void **state)
{
	const struct sim_child *c = &hoarder[0];
	(void)state;
	assert_true((c->id & ENV_INDEX_MASK) > (v.id & ENV_INDEX_MASK));
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 4, 0);
	sim_now = v.env->answer_end;
	for (unsigned tries = 0; !has_event(&r, EV_GRANT); tries++) {
		assert_true(tries < 4);
		answers(init, 0, env_ask, c->slot, REVOKE_FILTERS, 0, 0);
		if (sim_cap(c->env, hoard_filter[0][7])->type == CAP_PAGE)
			assert_int_equal(bind(c, hoard_filter[0][7], hoard_flow[0], hoard_ring[0], 7, 0, 0), 0);
		answers(init, 1, env_ask, c->slot, REVOKE_FILTERS, 1, 1);
		revoke_step();
	}
	assert_int_equal(v.env->pub->lost, 4);
}

/* A sleeper lends its time to one that is asked for what it waits for, and to no other. */
static void r4_time_is_not_lent_to_whoever_was_asked_last(void **state)
{
	(void)state;
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 4, 0);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 3, 0);
	answers(init, 1, env_ask, hoarder[0].slot, REVOKE_FILTERS, 1, ~0ul >> 1);
	assert_ptr_equal(revoke_lent(r.env), NULL);
	answers(init, 0, env_ask, hoarder[0].slot, REVOKE_FILTERS, 0, 0);
	answers(r.env, 0, env_ask, 0, REVOKE_SLICES, 0, 0);
	assert_int_equal(bind(&r, sim_page(r.env), r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	assert_non_null(revoke_lent(r.env));
	assert_int_equal(revoke_lent(r.env)->pub->asked_kind, REVOKE_FILTERS);
	answers(init, 1, env_ask, hoarder[3].slot, REVOKE_RINGS, 1, ~0ul >> 1);
	assert_non_null(revoke_lent(r.env));
	assert_int_equal(revoke_lent(r.env)->pub->asked_kind, REVOKE_FILTERS);
}

/* One that two kinds are wanted of is asked for each in turn: who wants one of them again and again does not keep it from the other. */
static void r5_one_kind_does_not_keep_another_waiting(void **state)
{
	unsigned w_slices = rival(&hoarder[0]), flow = flow_of(&v), ring = ring_of(&v), page = sim_page(r.env);

	(void)state;
	leave_eight_shapes();
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(bind(&v, sim_page(v.env), flow, ring, i, 0, 0), 0);
	answers(hoarder[0].env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 1, 0);
	assert_int_equal(bind(&r, page, r_flow, r_ring, 41, 0, 0), -E_AGAIN);
	assert_int_equal(asked_of(&v)->kind, REVOKE_SLICES);
	answers(v.env, 0, slice_bind, v_slices, FIRST, 1, 0);
	answers(hoarder[0].env, 0, slice_bind, w_slices, FIRST, 1, SIM_SLOT_SELF);
	answers(hoarder[0].env, -E_AGAIN, env_ask, 0, REVOKE_SLICES, 1, 0);
	assert_int_equal(asked_of(&v)->kind, REVOKE_FILTERS);
	hoarder[0].env->uarea->events = 0;
	sim_advance(LATE);
	sim_advance(LATE);
	assert_true(has_event(&r, EV_GRANT) && has_event(&hoarder[0], EV_GRANT));
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_slice_is_not_taken_from_under_its_owner),
		T(slices_that_are_given_are_kept_for_who_waits),
		T(r6_nobody_is_made_to_wait_by_a_stranger),
		T(deleting_the_capability_is_an_answer),
		T(r1_slices_are_taken_from_the_last_and_told),
		T(its_list_names_the_slices_that_go_first),
		T(a_slice_bound_by_others_is_told_without_a_slot),
		T(r6_promised_slices_are_not_asked_for),
		T(r7_a_victim_or_waiter_of_slices_dies),
		T(who_waits_for_slices_lends_what_it_has),
		T(a_parent_asks_its_child_for_slices),
		T(r8_children_that_take_all_shapes_give_them_back),
		T(r1_a_filter_is_taken_and_its_page_stays),
		T(a_shape_that_many_use_is_had_from_all_of_them),
		T(the_end_of_a_flow_or_an_owner_gives_places_back),
		T(shared_filters_are_places_too),
		T(a_ring_is_taken_with_its_filters_and_its_buffers),
		T(a_ring_that_is_being_taken_gets_no_new_filters),
		T(one_waits_for_several_kinds_and_each_is_granted),
		T(r5_the_first_takes_no_more_than_it_waits_for),
		T(r7_who_comes_to_the_front_is_told),
		T(again_is_for_all_that_the_call_needs),
		T(r4_a_parents_question_is_no_shield),
		T(r4_slices_are_not_passed_to_an_accomplice),
		T(r4_a_guarantee_does_not_move_from_under_what_is_held),
		T(r5_a_shape_is_not_kept_by_two_in_turn),
		T(r5_who_is_asked_for_filters_binds_no_more),
		T(r4_one_that_is_always_late_is_not_the_only_one),
		T(r4_time_is_not_lent_to_whoever_was_asked_last),
		T(r5_one_kind_does_not_keep_another_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
