/*
 * test_kern_harts_revoke.c - the dialogue of revocation, and what others do at that moment on two and three harts, in every order: see explore.h
 *
 * The machine is full. r is promised three pages that v has borrowed. On one hart r asks for them, or a parent does, or the timer takes
 * them; on the other somebody binds, transfers, sends or ends what is just being taken. At the end the answers are those of some order in which
 * the calls run whole; nobody has lost more than was asked for, r finds what it gets zeroed, and what all others have is as it was.
 * Mistakes that these must notice are in test/harness/seeded.py.
 */
/* ctest: label=slow timeout=900 sources=test/unit/explore.c */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/revoke.h"
#include "kern/ring.h"
#include "kern/syscall.h"
#include "kern_test.h"
#include "explore.h"

#define RW	(PROT_R | PROT_W)
#define VA(n)	(SIM_FREE + (n) * PAGE_SIZE)
#define FAR	0x200000ul	/* below a leaf table that can be taken */
#define FAR2	0x400000ul	/* and where there is none */
#define ENTRY	(SIM_CODE + 0x80)
#define HANDLER	(SIM_CODE + 0x100)
#define END	{ .kind = STEP_END }
#define OWN	8		/* guarantee of each: five pages of its world, and three more */
#define WIRE	0x5a		/* what stands in the page that is sent */

static struct env *init;
static struct sim_child r, v, w;
/* Slots: the page of v that is taken first, of which w may have a copy; pages for this and that; a peer; v's context; empty ones; and all the others. */
enum { PAGE = 60, OTHER, RING, SHARED, PEER, ITS_CTX, FLOW, EMPTY, EMPTY2, CHILD, LENT, LEAF = CAPS_PER_PAGE - 1 };

static uint64_t *content(const struct env *e, unsigned slot) { return page_kva(sim_frame(e, slot)); }
static uint64_t mark(const struct env *e, unsigned slot) { return (uint64_t)e->id << 32 | slot; }

/* Pages for e, each with its mark, as many as it gets. */
static void hoard(struct env *e)
{
	for (unsigned slot = LENT; slot < e->nslots; slot++)
		if (sim_cap(e, slot)->type == CAP_NONE) {
			if (sim_call(e, page_alloc, 0, slot, FRAME_ANY, 0) < 0)
				return;
			for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
				content(e, slot)[i] = mark(e, slot);
		}
}

/* w is a parent: of one that borrows a page, and has no u-area. */
static void have_child(void)
{
	answers(init, 0, env_set, w.slot, ENV_BORROW, 1000, 0);
	succeeds(w.env, page_alloc, 0, CHILD, FRAME_ANY, 0);
	succeeds(w.env, page_alloc, 0, EMPTY, FRAME_ANY, 0);
	succeeds(w.env, env_create, CHILD, 0);
	succeeds(w.env, env_captab, CHILD, EMPTY);
	answers(w.env, 0, env_set, CHILD, ENV_BORROW, 10, 0);
	succeeds(w.env, page_alloc, CHILD, 1, FRAME_ANY, 0);
}

/* A machine that is full; w is promised three pages more, like r, if it is to want some; or it is a parent. */
enum { BYSTANDER, WANTS, PARENT };
static void boot_full(unsigned harts, bool nic, unsigned w_is)
{
	boot_with(&(struct sim_config){ .asid_bits = 16, .harts = harts, .nic = nic, .ram_bytes = 928u << 10 });
	sim_audit = false;
	init = sim_init_env;
	r = sim_child(init, OWN);
	v = sim_child(init, OWN);
	w = sim_child(init, w_is != BYSTANDER ? OWN : 5);
	answers(init, 0, env_set, v.slot, ENV_BORROW, 1000, 0);
	/* One slice of each hart is enough: the search through the others would only be many points. */
	answers(init, 0, slice_bind, SLOT_SLICES, 1, SLICES - 1, 0);
	for (unsigned slot = PAGE; slot <= SHARED; slot++)
		succeeds(v.env, page_alloc, 0, slot, FRAME_ANY, 0);
	succeeds(v.env, page_alloc, 0, LEAF, FRAME_ANY, 0);
	memset(content(v.env, PAGE), WIRE, PAGE_SIZE);
	memset(content(v.env, OTHER), WIRE, PAGE_SIZE);
	if (w_is == PARENT)
		have_child();
	hoard(init);
	hoard(v.env);
	assert_int_equal(system_info->free_frames, 0);
	sim_audit = true;
	audit();
	sim_short_roads = true;
}

/* Who runs on the first hart, on the second, on the third if there is one; each has the one slice of its hart. */
static void on_harts(struct env *first, struct env *second, struct env *third)
{
	struct env *const on[] = { first, second, third };

	for (sim_hart = nharts - 1; sim_hart > 0; sim_hart--)
		sim_vacate();
	for (unsigned h = 0; h < nharts; h++) {
		const struct env *e = on[h];
		unsigned slot = e == init ? SLOT_SELF : e == r.env ? r.slot : e == v.env ? v.slot : w.slot;

		answers(init, 0, slice_bind, SLOT_SLICES + h, 0, 1, slot);
	}
	sim_vacate();
	for (unsigned h = nharts; h-- > 0;)
		explore_place(h, on[h]);
	sim_hart = 0;
}

/* v says what it would rather lose: PAGE, then OTHER. Before that stands what it may send: PAGE. */
static void offer(void)
{
	const struct {
		struct send_segment segment;
		uint32_t list[2];
	} args = { { .slot = PAGE, .length = 200 }, { PAGE, OTHER } };

	v.env->uarea->offer = sim_put(v.env, &args, sizeof(args)) + sizeof(args.segment);
	v.env->uarea->noffer = ARRAY_SIZE(args.list);
}

/* w is a thread of v's program: it runs in v's context, and may map there. */
static void share_context(void)
{
	answers(init, 0, env_set, w.slot, ENV_RUN, 0, 0);
	answers(init, 0, env_set, w.slot, ENV_CONTEXT, v.ctx, 0);
	answers(init, 0, env_set, w.slot, ENV_RUN, 1, 0);
	answers(init, 0, cap_grant, v.ctx, w.slot, ITS_CTX, RIGHTS_ALL, 0, 0);
}

/* r wants n pages; late: and v has not answered in time. */
static void ask(unsigned n, bool late)
{
	answers(r.env, -E_AGAIN, env_ask, 0, REVOKE_PAGES, n, 0);
	assert_int_equal(v.env->pub->asked, n);
	if (late)
		sim_now = v.env->answer_end;
}

/* ---- what must hold ---- */

static uint32_t held_before;	/* by v */
static uint32_t most;		/* pages that it may lose */

/* The pages of those who have nothing to do with it: their first word, or all of them. */
static bool others_are_whole(bool all)
{
	struct env *const of[] = { init, env_find(v.id) };

	for (unsigned i = 0; i < ARRAY_SIZE(of); i++)
		for (unsigned slot = LENT; of[i] != NULL && slot < of[i]->nslots; slot++) {
			const struct cap *c = sim_cap(of[i], slot);

			if (c->type != CAP_PAGE || c->depth != 0 || frame_of(c->object)->owner != of[i]->id || slot == LEAF)
				continue;
			for (unsigned k = 0; k < (all ? PAGE_SIZE / 8 : 1); k++)
				if (content(of[i], slot)[k] != mark(of[i], slot))
					return false;
		}
	return true;
}

static const char *nobody_loses_what_it_has(const struct explore *x)
{
	(void)x;
	if (env_find(v.id) == v.env && v.env->state != ENV_DYING && v.env->pub->held < OWN)
		return "sim: a guarantee is touched";
	return others_are_whole(false) ? NULL : "sim: a page of somebody who has nothing to do with it has changed";
}

static const char *what_r_got_is_zero(void)
{
	for (unsigned slot = EMPTY; env_find(r.id) == r.env && slot <= EMPTY2; slot++)
		for (unsigned i = 0; sim_cap(r.env, slot)->type == CAP_PAGE && i < PAGE_SIZE / 8; i++)
			if (content(r.env, slot)[i] != 0)
				return "sim: a page that somebody gets is not zeroed, or written by who lost it";
	return NULL;
}

static const char *nothing_more_is_lost(const struct explore *x)
{
	const char *wrong = what_r_got_is_zero();

	(void)x;
	if (wrong != NULL)
		return wrong;
	if (env_find(v.id) == v.env && v.env->state != ENV_DYING && v.env->pub->held + most < held_before)
		return "sim: more is taken than was asked for";
	if (sim_nic.sent != 0 && (sim_nic.last_len != 200 || sim_nic.last[14] != WIRE || sim_nic.last[199] != WIRE))
		return "sim: a page on its way to the device has changed";
	return others_are_whole(true) ? NULL : "sim: a page of somebody who has nothing to do with it has changed";
}

/* All schedules, or the test fails. What it took is added up for the last line. */
static unsigned explorations, states, runs;

static void explored(struct explore *x)
{
	struct explore_result result;

	held_before = v.env->pub->held;
	if (x->judge == NULL)
		x->judge = nothing_more_is_lost;
	x->always = nobody_loses_what_it_has;
	result = explore(x);
	if (result.failure[0] != 0)
		fail_msg("%s: %s", x->name, result.failure);
	explorations++;
	states += result.states;
	runs += result.runs;
	if (getenv("EXOS_VERBOSE") != NULL)
		printf("%-40s %3u serial results, %6u states, %6u runs of which %4u ended, at most %3u choices\n", x->name, result.serial,
		       result.states, result.runs, result.ends, result.deepest);
}

/* ---- one who loses a page while it uses it ---- */

enum kind { BOUND, COPIED, TABLE, FLYING, KINDS };
static const char *const kinds[KINDS] = { "bound", "copied", "table", "flying" };

/*
 * PAGE of v is bound at VA(0), and in the TLBs of all harts; or w has a copy too, bound in its own context; or PAGE is bound below the
 * table LEAF, which is taken; or the device still reads PAGE.
 */
static void prepare(enum kind kind, unsigned harts)
{
	const vaddr_t va = kind == TABLE ? FAR : VA(0);

	boot_full(harts, true, BYSTANDER);
	answers(init, 0, cap_grant, w.slot, v.slot, PEER, RIGHT_CONTROL, 0, 0);
	answers(init, 0, cap_grant, SLOT_FLOW, v.slot, FLOW, RIGHTS_ALL, 0, 0);
	answers(v.env, 0, ring_create, RING, SHARED, 1);
	if (kind == COPIED) {
		answers(init, 0, cap_copy, v.slot, PAGE, EMPTY, RW, 0, 0);
		answers(init, 0, cap_grant, EMPTY, w.slot, PAGE, RW, 0, 0);
		answers(init, 0, cap_delete, EMPTY);
		sim_bind(w.env, VA(0), PAGE, RW);
	}
	/* Tables go last, before what stands in lower slots and is known to others. */
	if (kind == TABLE)
		for (unsigned slot = SIM_SLOT_CODE; slot < LEAF; slot++)
			if (sim_cap(v.env, slot)->type == CAP_PAGE && frame_of(sim_frame(v.env, slot))->ncaps == 1)
				answers(v.env, 0, cap_copy, 0, slot, sim_slot(v.env), PROT_R, 0, 0);
	if (kind == TABLE)
		answers(v.env, 0, table_bind, SIM_SLOT_CTX, FAR, 0, LEAF);
	sim_bind(v.env, va, PAGE, RW);
	for (unsigned h = harts; h-- > 0;) {
		explore_place(h, v.env);
		sim_peek(va);
		sim_can(SIM_LOAD, VA(1));
	}
	offer();
	if (kind == TABLE)
		v.env->uarea->noffer = 0;
	sim_nic.hold_tx = true;
	if (kind == FLYING)
		answers(v.env, 0, net_send, RING, FLOW, SIM_ARGS, 1, 5);
	most = 1;
	ask(1, true);
}

/* All that v can do with a page, a table, its account. */
#define CALLS	20
static void calls_of_v(vaddr_t va, struct step *to)
{
	const struct step calls[] = {
		CALL(null),
		CALL(page_bind, SIM_SLOT_CTX, VA(1), PAGE, 1, RW), CALL(page_bind, SIM_SLOT_CTX, va, OTHER, 1, RW),
		CALL(page_unbind, SIM_SLOT_CTX, va, 1), CALL(page_protect, SIM_SLOT_CTX, va, 1, PROT_R),
		CALL(page_batch, SIM_SLOT_CTX, SIM_ARGS, 1), CALL(table_bind, SIM_SLOT_CTX, FAR2, 0, OTHER),
		CALL(table_bind, SIM_SLOT_CTX, FAR2, 0, PAGE), CALL(table_unbind, SIM_SLOT_CTX, FAR, 0),
		CALL(cap_copy, 0, PAGE, EMPTY, PROT_R), CALL(cap_grant, PAGE, PEER, EMPTY, PROT_R), CALL(cap_delete, PAGE),
		CALL(cap_delete, OTHER), CALL(cap_revoke, PAGE), CALL(cap_info, PAGE, VA(0)), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0),
		CALL(net_send, RING, FLOW, SIM_ARGS, 1, 6), CALL(env_set, 0, ENV_UAREA, PAGE, SIM_UAREA),
		CALL(env_set, 0, ENV_GUARANTEE, OWN - 1), CALL(env_set, 0, ENV_CONTEXT, SIM_SLOT_CTX),
	};

	static_assert(ARRAY_SIZE(calls) == CALLS, "all of them");
	memcpy(to, calls, sizeof(calls));
}

/* The time for the answer is over, and r, on the first hart, calls again: PAGE is taken. v, on the second, does this and that with it. */
static void r7_every_call_of_the_one_who_loses_a_page(void **state)
{
	static const struct step takes[] = { AGAIN(-E_AGAIN, page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
	struct step calls[CALLS];

	(void)state;
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < CALLS; i++) {
			const vaddr_t va = kind == TABLE ? FAR : VA(0);
			char name[80];

			calls_of_v(va, calls);
#ifdef EXPLORE_FEW
			if (i % 4 != kind)
				continue;
#endif
			if (kind == FLYING && i % 2 == 0 && i != 16)
				continue;
			snprintf(name, sizeof(name), "%s:%s:%u", kinds[kind], call_names[calls[i].number], i);
			const struct step uses[] = { calls[i], LOAD(va), STORE(va, 2), END };
			struct explore x = { .name = name, .program = { { r.env, { takes } }, { v.env, { uses } } }, .device = true };

			prepare(kind, 2);
			/* It may give another one itself, when the one is gone, or one that is not free yet. */
			most = 1 + (calls[i].number == CALL_cap_delete && (calls[i].a[0] == OTHER || kind == FLYING));
			/* The device may be done at any moment, too: then one overtaking must do, and every moment of the device. */
			if (kind == FLYING || calls[i].number == CALL_net_send)
				x.overtakings = 1;
			x.program[0].env = r.env;
			x.program[1].env = v.env;
			on_harts(r.env, v.env, NULL);
			explored(&x);
		}
}

static const char *r_has_one(const struct explore *x)
{
	return sim_cap(r.env, EMPTY)->type != CAP_PAGE ? "sim: time passes, and who waits does not get its page" : nothing_more_is_lost(x);
}

static const char *one_is_free(const struct explore *x)
{
	return system_info->free_frames != 1 ? "sim: time passes, and what a parent asked for is not free" : nothing_more_is_lost(x);
}

/* The same by the timer of either hart, when the time has passed, with a thread of v that does it; and when a parent asks. */
static void r7_the_timer_takes_what_a_thread_uses(void **state)
{
	struct step calls[CALLS], to_w[CALLS];

	(void)state;
	for (unsigned by_parent = 0; by_parent < 2; by_parent++)
		for (unsigned i = 0; i < 6; i++) {
			static const struct step sleeps[] = { CALL(wait, EV_GRANT, 0), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
			char name[80];

#ifdef EXPLORE_FEW
			if (i != by_parent + 1)
				continue;
#endif
			calls_of_v(VA(0), calls);
			memcpy(to_w, calls, sizeof(calls));
			boot_full(2, false, BYSTANDER);
			share_context();
			sim_bind(v.env, VA(0), PAGE, RW);
			offer();
			to_w[i].a[0] = ITS_CTX;
			if (i == 1 || i == 2)
				to_w[i].a[2] = SIM_SLOT_DATA;
			most = 1;
			if (!by_parent) {
				ask(1, false);
				answers(init, 0, env_set, v.slot, ENV_RUN, 0, 0);	/* nobody lends it time */
			}
			on_harts(by_parent ? init : r.env, w.env, NULL);
			sim_hart = 1;
			sim_poke(VA(0), 1);
			sim_hart = 0;
			snprintf(name, sizeof(name), "%s:%s:%u", by_parent ? "parent" : "timer", call_names[calls[i].number], i);
			const struct step asks[] = { CALL(env_ask, v.slot, REVOKE_PAGES, 1, 0), END };
			const struct step uses[] = { to_w[i], LOAD(VA(0)), STORE(VA(0), 2), END };
			struct explore x = { .name = name, .program = { { by_parent ? init : r.env, { by_parent ? asks : sleeps } }, { w.env, { uses } } },
					     .time = 1000 * slice_ticks, .later = 2, .unserial = true, .overtakings = 1,
					     .judge = by_parent ? one_is_free : r_has_one };

			explored(&x);
		}
}

/* ---- who gets what becomes free ---- */

static const struct step wants_two[] = { AGAIN(-E_AGAIN, page_alloc, 0, EMPTY, FRAME_ANY, 0), AGAIN(-E_AGAIN, page_alloc, 0, EMPTY2, FRAME_ANY, 0), END };

/* v gave two pages, and r, who asked first, has them: w has none. */
static const char *the_first_has_them(const struct explore *x)
{
	if (sim_cap(r.env, EMPTY)->type != CAP_PAGE || sim_cap(r.env, EMPTY2)->type != CAP_PAGE)
		return "sim: who asked first does not have what became free";
	return nothing_more_is_lost(x);
}

/* A cooperative one gives, and the one that waits takes; a third, who borrows or stands behind, is as fast as can be. */
static void r5_a_third_takes_nothing_that_is_kept(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		static const char *const names[] = { "r5_borrower", "r5_behind", "r5_borrower_names_it", "r5_victim" };
		const struct step gives[] = { CALL(cap_delete, PAGE), CALL(cap_delete, OTHER), CALL(page_alloc, 0, PAGE, FRAME_ANY, 0), END };
		struct step takes[] = { CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
		struct explore x = { .name = names[how], .overtakings = 1, .judge = the_first_has_them };

		boot_full(3, false, how == 1 ? WANTS : BYSTANDER);
		if (how != 1)
			answers(init, 0, env_set, w.slot, ENV_BORROW, 1000, 0);
		ask(2, false);
		if (how == 2)
			takes[0].a[2] = takes[1].a[2] = sim_frame(v.env, PAGE);
		most = 2;
		x.program[0] = (struct program){ r.env, { wants_two } };
		x.program[1] = (struct program){ v.env, { gives } };
		x.program[2] = (struct program){ w.env, { how == 3 ? NULL : takes } };
		if (how == 3)
			x.overtakings = 0;
		on_harts(r.env, v.env, w.env);
		explored(&x);
	}
}

/* Two want pages at the same moment, of one that was stopped: both get theirs, none twice. */
static const char *both_have_one(const struct explore *x)
{
	if (sim_cap(r.env, EMPTY)->type != CAP_PAGE || sim_cap(w.env, EMPTY)->type != CAP_PAGE)
		return "sim: one of two that are promised a page does not have it";
	return nothing_more_is_lost(x);
}

static void r8_two_demands_at_once(void **state)
{
	static const struct step wants[] = { CALL(env_ask, 0, REVOKE_PAGES, 1, 0), CALL(wait, EV_GRANT, 0), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
	struct explore x = { .name = "r8", .program = { { NULL, { wants } }, { NULL, { wants } } }, .judge = both_have_one, .unserial = true, .later = 3, .overtakings = 1 };

	(void)state;
	boot_full(2, false, WANTS);
	offer();
	answers(init, 0, env_set, v.slot, ENV_RUN, 0, 0);
	most = 2;
	x.time = 1000 * slice_ticks;
	x.program[0].env = r.env;
	x.program[1].env = w.env;
	on_harts(r.env, w.env, NULL);
	explored(&x);
}

/* ---- ends in the middle ---- */

/* Whoever lives has what it is promised; the rest went with whoever ended. */
static void r7_either_side_ends_at_every_point(void **state)
{
	static const char *const names[] = { "r7_victim", "r7_requester", "r7_victim_late", "r7_requester_late", "r7_victim_gives", "r7_requester_given" };

	(void)state;
	for (unsigned how = 0; how < ARRAY_SIZE(names); how++) {
		static const struct step asks[] = { CALL(env_ask, 0, REVOKE_PAGES, 2, 0), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
		static const struct step gives[] = { CALL(cap_delete, PAGE), CALL(cap_delete, OTHER), END };
		static const struct step again[] = { CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), CALL(page_alloc, 0, EMPTY2, FRAME_ANY, 0), END };
		struct sim_child *ends;
		struct explore x = { .name = names[how] };

		boot_full(2, false, WANTS);
		ends = how % 2 == 0 ? &v : &r;
		const struct step kill[] = { AGAIN(1, object_end, ends->slot), CALL(cap_delete, ends->slot), END };

		offer();
		most = 2;
		x.program[0] = (struct program){ init, { kill } };
		if (how < 2) {
			x.program[1] = (struct program){ r.env, { asks } };
			/* The one that dies is elsewhere, or the one that asks itself. */
			on_harts(init, r.env, NULL);
		} else if (how < 4) {
			ask(2, true);
			x.program[1] = (struct program){ how == 2 ? r.env : w.env, { again } };
			on_harts(init, how == 2 ? r.env : w.env, NULL);
		} else {
			ask(2, false);
			x.program[1] = (struct program){ v.env, { gives } };
			on_harts(init, v.env, NULL);
		}
		explored(&x);
	}
}

/* A parent asks its child, which ends, or ends itself while it asks; its guarantee moves while r asks. */
static void r7_a_parent_and_its_child_end(void **state)
{
	static const struct step asks_child[] = { CALL(env_ask, 0, REVOKE_PAGES, 1, 0), CALL(env_ask, CHILD, REVOKE_PAGES, 1, 0), CALL(env_ask, CHILD, REVOKE_PAGES, 0, 0), END };
	static const struct step asks[] = { CALL(env_ask, 0, REVOKE_PAGES, 2, 0), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
	static const struct step ends_child[] = { CALL(env_ask, CHILD, REVOKE_PAGES, 1, 0), AGAIN(1, object_end, CHILD), CALL(cap_delete, CHILD), END };
	static const char *const names[] = { "r7_parent_ends", "r7_child_ends", "r7_guarantees_move" };

	(void)state;
	for (unsigned how = 0; how < ARRAY_SIZE(names); how++) {
		struct explore x = { .name = names[how], .time = 1000000, .overtakings = how < 2 ? 1 : 0 };

		boot_full(2, false, how < 2 ? PARENT : BYSTANDER);
		const struct step kill[] = { AGAIN(1, object_end, w.slot), CALL(cap_delete, w.slot), END };
		const struct step moves[] = { CALL(env_set, v.slot, ENV_GUARANTEE, OWN + 2), CALL(env_set, r.slot, ENV_GUARANTEE, OWN - 2), END };

		offer();
		most = 2;
		x.program[0] = how == 0 ? (struct program){ init, { kill } } : (struct program){ r.env, { asks } };
		x.program[1] = how == 2 ? (struct program){ init, { moves } } : (struct program){ w.env, { how == 0 ? asks_child : ends_child } };
		x.unserial = how == 1;		/* what the time that passes does stands in no order with steps that are begun again */
		on_harts(x.program[0].env, x.program[1].env, NULL);
		explored(&x);
	}
}

/* ---- transfers and upcalls ---- */

/* A server that has yielded, and a client that has called it once from there, so that the short road knows it. */
static void acquaint(struct sim_child *client, struct sim_child *server)
{
	answers(init, 0, cap_grant, server->slot, client->slot, PEER, RIGHT_CALL, 0, 0);
	answers(server->env, 0, env_set, 0, ENV_HANDLER, UP_ENTRY, ENTRY);
	for (sim_hart = nharts - 1; sim_hart > 0; sim_hart--)
		sim_vacate();
	sim_vacate();
	explore_place(1, server->env);
	sim_call(server->env, yield, 0);
	assert_int_equal(server->env->gate, ENTRY);
	sim_run(client->env);
	sim_call(client->env, pct_call, PEER, 0);
	assert_ptr_equal(sim_current(), server->env);
	sim_call(server->env, pct_reply, 0);
	assert_ptr_equal(sim_current(), client->env);
	sim_vacate();
	sim_hart = 0;
}

/* Each call is answered, or refused since the callee is busy for a moment; who is promised the page has it. */
static const char *answered_and_served(const struct explore *x)
{
	const struct explore_log *calls = &explore_log[1];

	for (unsigned n = 0; n < calls->n; n++)
		if (calls->answer[n] != 0 && calls->answer[n] != -E_BUSY)
			return "sim: a call is neither answered nor refused";
	if (calls->n != 2)
		return "sim: a call is missing";
	if (sim_cap(r.env, EMPTY)->type != CAP_PAGE && system_info->free_frames != 1)
		return "sim: the page is neither free nor had";
	return nothing_more_is_lost(x);
}

static void r7_t4_taken_from_one_that_calls_or_is_called(void **state)
{
	static const char *const names[] = { "victim_called", "victim_calls", "requester_called", "requester_calls" };
	static const struct step call[] = { CALL(pct_call, PEER, 0, 11), CALL(pct_call, PEER, 0, 12), END };
	static const struct step reply[] = { CALL(pct_reply, 5), END }, handle[] = { RESUME, END };
	static const struct step takes[] = { AGAIN(-E_AGAIN, page_alloc, 0, EMPTY, FRAME_ANY, 0), END }, gives[] = { CALL(cap_delete, PAGE), END };

	(void)state;
	for (unsigned how = 0; how < ARRAY_SIZE(names); how++) {
		struct sim_child *party = how < 2 ? &v : &r, *actor = how < 2 ? &r : &v;
		struct sim_child *client = how % 2 == 0 ? &w : party, *server = how % 2 == 0 ? party : &w;
		struct explore x = { .name = names[how], .unserial = true, .judge = answered_and_served };

		boot_full(2, false, BYSTANDER);
		answers(v.env, 0, env_set, 0, ENV_HANDLER, UP_REPOSSESS, HANDLER);
		answers(r.env, 0, env_set, 0, ENV_HANDLER, UP_EVENT, HANDLER);
		answers(r.env, 0, env_set, 0, ENV_EVENT_UP, EV_GRANT, 0);
		offer();
		ask(1, how < 2);
		most = 1;
		acquaint(client, server);
		on_harts(actor->env, client->env, NULL);
		x.program[0] = (struct program){ actor->env, { how < 2 ? takes : gives, NULL, handle } };
		x.program[1] = (struct program){ client->env, { call, NULL, handle } };
		x.program[2] = (struct program){ server->env, { NULL, reply, handle } };
		explored(&x);
	}
}

/* A cooperative one answers in its upcall, wherever it runs at that moment, and keeps all the rest. */
static const char *given_and_not_taken(const struct explore *x)
{
	if (v.env->pub->lost != 0 || explore_log[1].n == 0 || sim_cap(v.env, PAGE)->type != CAP_NONE)
		return "sim: one that answers in its upcall was not told, or loses something all the same";
	return r_has_one(x);
}

static void r1_one_that_runs_elsewhere_is_told_and_answers(void **state)
{
	static const struct step asks[] = { CALL(env_ask, 0, REVOKE_PAGES, 1, 0), CALL(wait, EV_GRANT, 0), CALL(page_alloc, 0, EMPTY, FRAME_ANY, 0), END };
	static const struct step works[] = { CALL(null), CALL(cap_info, PAGE, VA(0)), END };
	static const struct step handle[] = { CALL(cap_delete, PAGE), RESUME, END };
	struct explore x = { .name = "r1_answers", .unserial = true, .judge = given_and_not_taken };

	(void)state;
	boot_full(2, false, BYSTANDER);
	answers(v.env, 0, env_set, 0, ENV_HANDLER, UP_REVOKE, HANDLER);
	most = 1;
	on_harts(r.env, v.env, NULL);
	x.program[0] = (struct program){ r.env, { asks } };
	x.program[1] = (struct program){ v.env, { works, NULL, handle } };
	explored(&x);
}

static int count(void **state)
{
	(void)state;
	printf("%u explorations, %u states, %u runs\n", explorations, states, runs);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r7_every_call_of_the_one_who_loses_a_page),
		cmocka_unit_test(r7_the_timer_takes_what_a_thread_uses),
		cmocka_unit_test(r5_a_third_takes_nothing_that_is_kept),
		cmocka_unit_test(r8_two_demands_at_once),
		cmocka_unit_test(r7_either_side_ends_at_every_point),
		cmocka_unit_test(r7_a_parent_and_its_child_end),
		cmocka_unit_test(r7_t4_taken_from_one_that_calls_or_is_called),
		cmocka_unit_test(r1_one_that_runs_elsewhere_is_told_and_answers),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, count);
}
