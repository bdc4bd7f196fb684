/*
 * test_kern_types.c - what one frame may become, in every order and by every way back
 *
 *	FREE  <->  DATA  <->  TABLE of level 0, 1, 2 (a root: a context)
 *	                 <->  KOBJ: environment, capability table, ring, flow, filter
 *
 * A form is what the frame is made into, a way how it comes back from there: as data in the slot that it was made from, or free.
 * Whatever it was before, it is then made into the next. The audit and the check of the TLB run after each call.
 */
/* ctest: timeout=300 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/flow.h"
#include "kern/expose.h"
#include "kern/page.h"
#include "kern/ring.h"
#include "kern_test.h"

#define RW		(PROT_R | PROT_W)
#define PAGE2M		(1ul << 21)
#define AT_LEVEL1	(SIM_NOTABLE + (1ul << 30))	/* nothing is there in the root */
#define AT_LEVEL0	SIM_NOTABLE			/* a table of level 1 and nothing below */
#define SPEC		SIM_ARGS
#define PRED		(SIM_ARGS + sizeof(struct flow_spec))

enum form { AS_DATA, AS_ROOT, AS_LEVEL1, AS_LEVEL0, AS_ENV, AS_CAPTAB, AS_RING, AS_FLOW, AS_FILTER, FORMS };

static const struct {
	const char *name;
	unsigned type, level, ways;
} forms[FORMS] = {
	[AS_DATA]   = { "data", FRAME_DATA, 0, 5 },
	[AS_ROOT]   = { "a root", FRAME_TABLE, 2, 3 },
	[AS_LEVEL1] = { "a table of level 1", FRAME_TABLE, 1, 3 },
	[AS_LEVEL0] = { "a table of level 0", FRAME_TABLE, 0, 3 },
	[AS_ENV]    = { "an environment", FRAME_KOBJ, CAP_ENV, 2 },
	[AS_CAPTAB] = { "a capability table", FRAME_KOBJ, CAP_CAPTAB, 2 },
	[AS_RING]   = { "a ring", FRAME_KOBJ, CAP_RING, 2 },
	[AS_FLOW]   = { "a flow", FRAME_KOBJ, CAP_FLOW, 3 },
	[AS_FILTER] = { "a filter", FRAME_KOBJ, CAP_FILTER, 4 },
};

static struct env *init;
static struct sim_child a, b;
static struct {
	unsigned level1, ctx, env, ring, shared, ring2, flow, uarea;
} with;		/* what the other pages of a form are: slots of the first environment */

/* The root of all flows has a way of its own to give narrower ones away: this copy is what tests derive from and revoke. */
static void lend_flow(void)
{
	answers(init, 0, cap_copy, 0, SLOT_FLOW, with.flow, RIGHTS_ALL, 0, 0);
}

static const struct {
	struct flow_spec spec;
	struct flow_predicate pred;
} args = {
	.spec = { .version = FLOW_VERSION,
		.receive = { .version = FLOW_VERSION, .natoms = 1, .atom[0] = { .offset = 12, .width = 2, .mask = 0xffff, .value = 0x86dd } },
		.send = { .version = FLOW_VERSION, .natoms = 1, .atom[0] = { .offset = 12, .width = 2, .mask = 0xffff, .value = 0x86dd } } },
	.pred = { .version = FLOW_VERSION, .natoms = 1, .atom[0] = { .offset = 12, .width = 2, .mask = 0xffff, .value = 0x800 } },
};

static int setup(void **state)
{
	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .nic = true });
	init = sim_init_env;
	for (unsigned i = 0; i < 12; i++)
		succeeds(init, env_captab, 0, sim_page(init));
	a = sim_child(init, 120);
	b = sim_child(init, 120);
	sim_put(init, &args, sizeof(args));
	with.level1 = sim_page(init);
	answers(init, 0, table_bind, SLOT_CTX, AT_LEVEL0, 1, with.level1);
	with.ctx = sim_page(init);
	with.env = sim_page(init);
	with.ring = sim_page(init);
	with.shared = sim_page(init);
	answers(init, 0, ring_create, with.ring, with.shared, 0);
	with.ring2 = sim_page(init);
	with.uarea = sim_page(init);
	with.flow = sim_slot(init);
	lend_flow();
	return 0;
}

/* A call that may have to be repeated. */
#define until_done(e, name, ...) \
	do { \
		unsigned n_ = 0; \
		while (succeeds(e, name, ##__VA_ARGS__) != 0) \
			assert_in_range(n_++, 0, 100); \
	} while (0)

static void uarea_is(unsigned slot)
{
	answers(init, 0, env_set, 0, ENV_UAREA, slot, SIM_UAREA);
}

/* The page in slot s becomes that form. */
static void make(enum form form, unsigned way, unsigned s)
{
	switch (form) {
	case AS_DATA:
		sim_bind(init, SIM_FREE, s, RW);
		sim_poke(SIM_FREE, ~0ul);
		if (way == 3)
			uarea_is(s);
		break;
	case AS_ROOT:
		answers(init, 0, ctx_create, s);
		if (way == 2) {		/* with something in it */
			answers(init, 0, table_bind, s, 0, 1, sim_page(init));
			answers(init, 0, table_bind, s, 0, 0, sim_page(init));
			answers(init, 1, page_bind, s, SIM_FREE, with.uarea, 1, PROT_R);
		}
		break;
	case AS_LEVEL1:
	case AS_LEVEL0:
		if (way != 0) {		/* in a context that ends */
			answers(init, 0, ctx_create, with.ctx);
			if (form == AS_LEVEL0)
				answers(init, 0, table_bind, with.ctx, AT_LEVEL0, 1, sim_page(init));
			answers(init, 0, table_bind, with.ctx, AT_LEVEL0, form == AS_LEVEL0 ? 0 : 1, s);
			if (way == 2 && form == AS_LEVEL0)
				answers(init, 1, page_bind, with.ctx, AT_LEVEL0, with.uarea, 1, RW);
			if (way == 2 && form == AS_LEVEL1)
				answers(init, 0, table_bind, with.ctx, AT_LEVEL0, 0, sim_page(init));
		} else {
			answers(init, 0, table_bind, SLOT_CTX, form == AS_LEVEL0 ? AT_LEVEL0 : AT_LEVEL1, form == AS_LEVEL0 ? 0 : 1, s);
		}
		break;
	case AS_ENV:
		succeeds(init, env_create, s, way);
		break;
	case AS_CAPTAB:
		succeeds(init, env_create, with.env, 0);
		answers(init, CAPS_PER_PAGE, env_captab, with.env, s);
		if (way == 1)		/* full of capabilities */
			for (unsigned i = 1; i < CAPS_PER_PAGE; i++)
				answers(init, 0, cap_grant, SLOT_CONSOLE, with.env, i, 0, 0, 0);
		break;
	case AS_RING:
		answers(init, 0, ring_create, s, with.uarea, 1);
		break;
	case AS_FLOW:
		answers(init, 0, flow_derive, with.flow, s, SPEC, RIGHTS_ALL);
		break;
	case AS_FILTER:
		if (way == 2)
			answers(init, 0, ring_create, with.ring2, with.uarea, 1);
		answers(init, 0, filter_bind, s, with.flow, way == 2 ? with.ring2 : with.ring, PRED, 0);
		break;
	default:
		fail();
	}
}

/* The way back: data in slot s, or free. Everything that make() used beside it is as before. */
static void back(enum form form, unsigned way, unsigned s)
{
	unsigned c;

	switch (form) {
	case AS_DATA:
		switch (way) {
		case 0:		/* unbound */
			answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
			break;
		case 1:		/* deleted while bound */
			answers(init, 0, cap_delete, s);
			break;
		case 2:		/* lent, bound by the other, and taken back */
			answers(init, 0, cap_grant, s, a.slot, 90, RW, 0, 0);
			sim_bind(a.env, SIM_FREE, 90, RW);
			sim_poke(SIM_FREE, 1);
			answers(init, 0, cap_revoke, s);
			answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
			break;
		case 3:		/* pinned, then deleted: data without a capability, until the pin goes */
			c = sim_frame(init, s);
			answers(init, 0, cap_delete, s);
			assert_int_equal(frame_of(c)->type, FRAME_DATA);
			assert_int_equal(frame_of(c)->ncaps, 0);
			refused(init, E_NOMEM, page_alloc, 0, s, c, 0);
			uarea_is(with.uarea);
			break;
		default:	/* given away for good, and deleted there */
			answers(init, 0, cap_grant, s, a.slot, 90, RW | PROT_X, 0, 0);
			answers(init, 0, cap_delete, s);
			answers(a.env, 0, cap_delete, 90);
		}
		return;
	case AS_ROOT:
		if (way == 0)
			until_done(init, object_end, s);
		else
			until_done(init, cap_delete, s);
		break;
	case AS_LEVEL1:
	case AS_LEVEL0:
		if (way == 0)
			answers(init, 0, table_unbind, SLOT_CTX, form == AS_LEVEL0 ? AT_LEVEL0 : AT_LEVEL1, form == AS_LEVEL0 ? 0 : 1);
		else
			until_done(init, object_end, with.ctx);
		break;
	case AS_ENV:
		if (way == 0)
			until_done(init, object_end, s);
		else
			until_done(init, cap_delete, s);
		break;
	case AS_CAPTAB:
		until_done(init, object_end, with.env);
		break;
	case AS_RING:
		if (way == 0)
			until_done(init, object_end, s);
		else
			until_done(init, cap_delete, s);
		break;
	case AS_FLOW:
		if (way == 0)
			until_done(init, object_end, s);
		else if (way == 1)
			until_done(init, cap_delete, s);
		else
			until_done(init, cap_revoke, with.flow);
		break;
	case AS_FILTER:
		if (way == 0) {
			until_done(init, object_end, s);
		} else if (way == 1) {
			until_done(init, cap_delete, s);
		} else if (way == 2) {		/* its ring goes first */
			until_done(init, object_end, with.ring2);
			until_done(init, object_end, s);
		} else {			/* its flow goes first */
			until_done(init, cap_delete, with.flow);
			lend_flow();
			until_done(init, cap_delete, s);
		}
		break;
	default:
		fail();
	}
}

/* Pages that tables in a context were made of are not needed any more. */
static void tidy(unsigned from, unsigned s)
{
	for (unsigned n = from; n < from + 8; n++)
		if (n != s && sim_cap(init, n)->type == CAP_PAGE)
			answers(init, 0, cap_delete, n);
}

static void is_form(enum form form, ppn_t p)
{
	if (frame_of(p)->type != forms[form].type || frame_of(p)->level != forms[form].level)
		fail_msg("%s has type %u and level %u", forms[form].name, frame_of(p)->type, frame_of(p)->level);
}

/* The frame goes through one form: from data in s to data in s. */
static void through(enum form form, unsigned way, unsigned s, ppn_t p)
{
	unsigned spare = sim_slot(init);
	const uint64_t *w = page_kva(p);

	make(form, way, s);
	is_form(form, p);
	/* Nobody writes it through what was known of the data that it was. */
	if (form != AS_DATA)
		assert_int_equal(sim_store(SIM_FREE, ~0ul, 8), 15);
	back(form, way, s);
	tidy(spare, s);
	if (frame_of(p)->type == FRAME_FREE)
		answers(init, p, page_alloc, 0, s, p, 0);
	is_form(AS_DATA, p);
	assert_int_equal(frame_of(p)->ncaps, 1);
	assert_int_equal(sim_cap(init, s)->type, CAP_PAGE);
	assert_int_equal(sim_cap(init, s)->rights, RW | PROT_X);
	assert_int_equal(sim_cap(init, s)->depth, 0);
	/* Nothing of the kernel's is left in it. */
	if (form != AS_DATA)
		for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
			assert_int_equal(w[i], 0);
	/* It is data that can be written, and is: what comes next must not find it. */
	sim_bind(init, SIM_FREE, s, RW);
	sim_poke(SIM_FREE, 0x5a5a5a5a5a5a5a5aul);
	memset(page_kva(p), 0x5a, PAGE_SIZE);
	answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
}

static void one_after_another(unsigned s)
{
	ppn_t p = sim_frame(init, s);

	for (enum form f1 = 0; f1 < FORMS; f1++)
		for (unsigned w1 = 0; w1 < forms[f1].ways; w1++)
			for (enum form f2 = 0; f2 < FORMS; f2++)
				for (unsigned w2 = 0; w2 < forms[f2].ways; w2++) {
					through(f1, w1, s, p);
					through(f2, w2, s, p);
				}
}

static void a_frame_goes_through_every_pair_of_forms_by_every_way(void **state)
{
	uint32_t free = system_info->free_frames, held = init->pub->held;
	unsigned s = sim_page(init);

	(void)state;
	one_after_another(s);
	answers(init, 0, cap_delete, s);
	assert_int_equal(system_info->free_frames, free);
	assert_int_equal(init->pub->held, held);
}

static void a_frame_goes_through_every_three_forms_in_every_order(void **state)
{
	unsigned s = sim_page(init), turn = 0;
	ppn_t p = sim_frame(init, s);

	(void)state;
	for (enum form f1 = 0; f1 < FORMS; f1++)
		for (enum form f2 = 0; f2 < FORMS; f2++)
			for (enum form f3 = 0; f3 < FORMS; f3++, turn++) {
				through(f1, turn % forms[f1].ways, s, p);
				through(f2, turn / 2 % forms[f2].ways, s, p);
				through(f3, turn / 3 % forms[f3].ways, s, p);
			}
}

/* ---- what is refused ---- */

/* Every call that would make something of the page in slot s, or reach it: one by one, the error that is expected of each. */
static void nothing_becomes_of(unsigned s, int error)
{
	unsigned other = sim_page(init);

#define EACH(name, ...) \
	do { \
		if (error == E_NOCAP) \
			refused(init, E_NOCAP, name, __VA_ARGS__); \
		else if (error == E_TYPE) \
			refused(init, E_TYPE, name, __VA_ARGS__); \
		else \
			refused(init, E_RIGHTS, name, __VA_ARGS__); \
	} while (0)
	EACH(ctx_create, s);
	EACH(table_bind, SLOT_CTX, AT_LEVEL1, 1, s);
	EACH(table_bind, SLOT_CTX, AT_LEVEL0, 0, s);
	EACH(env_create, s, 0);
	EACH(env_captab, 0, s);
	EACH(env_captab, a.slot, s);
	EACH(ring_create, s, other, 0);
	EACH(flow_derive, with.flow, s, SPEC, RIGHT_RECV);
	EACH(filter_bind, s, with.flow, with.ring, PRED, 0);
	answers(init, 0, cap_delete, other);
}

static void what_is_not_data_becomes_nothing_else(void **state)	/* M3, M7 */
{
	unsigned s = sim_page(init), other = sim_page(init), spare = sim_slot(init), c = init->nslots - 1;
	ppn_t p = sim_frame(init, s);

	(void)state;
	for (enum form f = AS_ROOT; f < FORMS; f++) {
		make(f, 0, s);
		is_form(f, p);
		nothing_becomes_of(s, E_NOCAP);
		refused(init, E_NOCAP, ring_create, other, s, 0);
		refused(init, E_NOCAP, ring_buffer, with.ring, 0, s);
		refused(init, E_NOCAP, env_set, 0, ENV_UAREA, s, SIM_UAREA);
		refused(init, E_NOCAP, page_join, s);
		refused(init, E_NOCAP, page_split, s, spare);
		refused(init, E_NOMEM, page_alloc, 0, c, p, 0);
		/* A table below the root is read, and only that; everything else is not reached at all. */
		for (unsigned long prot = 1; prot < 8; prot++) {
			if ((prot & 3) == 2)
				continue;
			if (f != AS_LEVEL0 && f != AS_LEVEL1)
				refused(init, E_NOCAP, page_bind, SLOT_CTX, SIM_FREE, s, 1, prot);
			else if (prot != PROT_R)
				refused(init, E_TYPE, page_bind, SLOT_CTX, SIM_FREE, s, 1, prot);
			else
				sim_bind(init, SIM_FREE, s, PROT_R);
		}
		answers(init, 1, page_unbind, SLOT_CTX, SIM_FREE, 1);
		/* There is one of a table, a ring, a filter; and those of tables do not just go. */
		if (f == AS_LEVEL0 || f == AS_LEVEL1 || f == AS_CAPTAB) {
			refused(init, E_BUSY, cap_delete, s);
			refused(init, E_NOCAP, object_end, s);
		}
		if (f == AS_LEVEL0 || f == AS_LEVEL1 || f == AS_CAPTAB || f == AS_RING || f == AS_FILTER) {
			refused(init, E_TYPE, cap_copy, 0, s, c, 0, 0, 0);
			refused(init, E_TYPE, cap_grant, s, a.slot, 90, 0, 0, 0);
		}
		back(f, 0, s);
		tidy(spare, s);
		is_form(AS_DATA, p);
	}
}

static void a_table_stands_where_its_level_belongs(void **state)	/* M7 */
{
	unsigned s = sim_page(init), t = sim_page(init), l;
	ppn_t large = (first_ppn + 1023) & ~511u;

	(void)state;
	for (unsigned long level = 2; level < 6; level++) {
		refused(init, E_INVAL, table_bind, SLOT_CTX, AT_LEVEL1, level, s);
		refused(init, E_INVAL, table_unbind, SLOT_CTX, AT_LEVEL0, level);
	}
	refused(init, E_INVAL, table_bind, SLOT_CTX, AT_LEVEL1, ~0ul, s);
	refused(init, E_INVAL, table_bind, SLOT_CTX, AT_LEVEL1, 1ul << 32, s);
	refused(init, E_NOTABLE, table_bind, SLOT_CTX, AT_LEVEL1, 0, s);
	refused(init, E_NOTABLE, table_unbind, SLOT_CTX, AT_LEVEL1, 0);
	refused(init, E_NOTABLE, table_unbind, SLOT_CTX, AT_LEVEL1, 1);
	refused(init, E_NOTABLE, table_unbind, SLOT_CTX, AT_LEVEL0, 0);
	refused(init, E_EXISTS, table_bind, SLOT_CTX, AT_LEVEL0, 1, s);
	answers(init, 0, table_bind, SLOT_CTX, AT_LEVEL0, 0, s);
	refused(init, E_EXISTS, table_bind, SLOT_CTX, AT_LEVEL0, 0, t);
	/* One that leads somewhere does not go, whether to a table or a page. */
	refused(init, E_BUSY, table_unbind, SLOT_CTX, AT_LEVEL0, 1);
	answers(init, 1, page_bind, SLOT_CTX, AT_LEVEL0, t, 1, PROT_R);
	refused(init, E_BUSY, table_unbind, SLOT_CTX, AT_LEVEL0, 0);
	/* A larger page in the way, and a table in the way of a larger page. */
	l = sim_slot(init);
	answers(init, large, page_alloc, 0, l, large, 1);
	refused(init, E_BUSY, page_bind, SLOT_CTX, AT_LEVEL0, l, 1, PROT_R);
	answers(init, 1, page_bind, SLOT_CTX, AT_LEVEL0 + PAGE2M, l, 1, PROT_R);
	answers(init, 1, page_unbind, SLOT_CTX, AT_LEVEL0, 1);
	refused(init, E_EXISTS, table_bind, SLOT_CTX, AT_LEVEL0 + PAGE2M, 0, t);
	refused(init, E_NOTABLE, table_unbind, SLOT_CTX, AT_LEVEL0 + PAGE2M, 0);
	refused(init, E_NOTABLE, page_bind, SLOT_CTX, AT_LEVEL0 + PAGE2M + PAGE_SIZE, t, 1, PROT_R);
	/* A table is no context, neither to run in nor to map in, and a context no table. */
	refused(init, E_NOCAP, env_set, 0, ENV_CONTEXT, s, 0);
	refused(init, E_NOCAP, page_bind, s, SIM_FREE, t, 1, PROT_R);
	answers(init, 0, ctx_create, t);
	refused(init, E_NOCAP, table_bind, SLOT_CTX, AT_LEVEL1, 1, t);
	/* That which runs does not lose its ground. */
	refused(init, E_BUSY, object_end, SLOT_CTX);
	refused(init, E_BUSY, cap_delete, SLOT_CTX);
}

/* Each way in which a page is not its holder's alone. Afterwards it is, and becomes what it was refused to be. */
static void only_a_sole_unbound_unpinned_whole_page_becomes_anything(void **state)	/* M3, D1 */
{
	unsigned s = sim_page(init), c = init->nslots - 1, l = init->nslots - 2, turn = 0;
	struct send_segment seg = { .slot = s, .offset = 0, .length = 600 };
	ppn_t p = sim_frame(init, s), large = (first_ppn + 1023) & ~511u;

	(void)state;
	for (unsigned how = 0; how < 10; how++) {
		switch (how) {
		case 0:		/* a copy, with no rights at all, which is refused for that */
			answers(init, 0, cap_copy, 0, s, c, 0, 0, 0);
			nothing_becomes_of(s, E_TYPE);
			nothing_becomes_of(c, E_RIGHTS);
			answers(init, 0, cap_delete, c);
			break;
		case 1:		/* somebody else's copy, which is bound there */
			answers(init, 0, cap_grant, s, a.slot, 90, PROT_R, 0, 0);
			sim_bind(a.env, SIM_FREE, 90, PROT_R);
			nothing_becomes_of(s, E_TYPE);
			answers(init, 0, cap_revoke, s);
			break;
		case 2:		/* bound for reading */
		case 3:		/* for writing */
		case 4:		/* in a context in which nobody runs */
			answers(init, 1, page_bind, how == 4 ? a.ctx : SLOT_CTX, SIM_FREE, s, 1, how == 3 ? RW : PROT_R);
			nothing_becomes_of(s, E_TYPE);
			answers(init, 1, page_unbind, how == 4 ? a.ctx : SLOT_CTX, SIM_FREE, 1);
			break;
		case 5:		/* pinned as u-area */
			uarea_is(s);
			nothing_becomes_of(s, E_TYPE);
			uarea_is(with.uarea);
			break;
		case 6:		/* as buffer of a ring */
			answers(init, 0, ring_buffer, with.ring, 3, s);
			nothing_becomes_of(s, E_TYPE);
			answers(init, 0, ring_buffer, with.ring, 3, 0);
			break;
		case 7:		/* as the shared side of a ring */
			answers(init, 0, ring_create, with.ring2, s, 2);
			nothing_becomes_of(s, E_TYPE);
			until_done(init, object_end, with.ring2);
			break;
		case 8:		/* on its way out */
			sim_nic.hold_tx = true;
			sim_put(init, &seg, sizeof(seg));
			answers(init, 0, net_send, with.ring, SLOT_FLOW, SIM_ARGS, 1, 7);
			sim_put(init, &args, sizeof(args));
			nothing_becomes_of(s, E_TYPE);
			sim_nic.hold_tx = false;
			sim_virtio_net_work(&sim_nic);
			sim_interrupts();
			sim_call(init, yield, 0);	/* completions are looked for between slices */
			sim_run(init);
			break;
		default:	/* a larger one */
			answers(init, large, page_alloc, 0, l, large, 1);
			nothing_becomes_of(l, E_TYPE);
			answers(init, 0, cap_delete, l);
		}
		assert_int_equal(frame_of(p)->pins, 0);
		for (enum form f = AS_ROOT; f < FORMS; f++, turn++)
			through(f, turn % forms[f].ways, s, p);
	}
	/* The last one left has not grown with that: fewer rights than all are not enough, though it is alone. */
	for (unsigned rights = 0; rights < 7; rights++) {
		answers(init, 0, cap_copy, 0, s, c, rights, 0, 0);
		answers(init, 0, cap_delete, s);
		assert_int_equal(frame_of(p)->ncaps, 1);
		nothing_becomes_of(c, E_RIGHTS);
		answers(init, 0, cap_delete, c);
		answers(init, p, page_alloc, 0, s, p, 0);
	}
}

/* ---- the holder dies ---- */

static void whatever_its_frame_is_the_death_of_the_holder_frees_it(void **state)	/* M16, M18 */
{
	unsigned page = sim_slot(init);
	uint32_t free = system_info->free_frames, promised = system_info->promised_frames, held = init->pub->held, flows = flow_caps.count;

	(void)state;
	for (enum form f = 0; f < FORMS; f++) {
		struct sim_child h = sim_child(init, 60);
		unsigned s = sim_page(h.env), t = sim_page(h.env);
		ppn_t p = sim_frame(h.env, s);
		struct flow_predicate pred = { .version = FLOW_VERSION };

		answers(init, 0, cap_grant, SLOT_FLOW, h.slot, 100, RIGHT_RECV | RIGHT_SEND, 0, 0);
		switch (f) {
		case AS_DATA:
			sim_bind(h.env, SIM_FREE, s, RW);
			break;
		case AS_ROOT:
			answers(h.env, 0, ctx_create, s);
			answers(h.env, 0, table_bind, s, 0, 1, t);
			break;
		case AS_LEVEL1:
			answers(h.env, 0, table_bind, SIM_SLOT_CTX, AT_LEVEL1, 1, s);
			break;
		case AS_LEVEL0:
			answers(h.env, 0, table_bind, SIM_SLOT_CTX, AT_LEVEL1, 1, t);
			answers(h.env, 0, table_bind, SIM_SLOT_CTX, AT_LEVEL1, 0, s);
			sim_bind(h.env, AT_LEVEL1, SIM_SLOT_DATA, RW);
			break;
		case AS_ENV:
			succeeds(h.env, env_create, s, 3);
			break;
		case AS_CAPTAB:
			succeeds(h.env, env_captab, 0, s);
			break;
		case AS_RING:
			answers(h.env, 0, ring_create, s, t, 1);
			break;
		case AS_FLOW:
			sim_put(h.env, &(struct flow_spec){ .version = FLOW_VERSION, .receive.version = FLOW_VERSION,
				.send.version = FLOW_VERSION }, sizeof(struct flow_spec));
			answers(h.env, 0, flow_derive, 100, s, SIM_ARGS, RIGHT_RECV);
			break;
		default:
			answers(h.env, 0, ring_create, t, sim_page(h.env), 1);
			sim_put(h.env, &pred, sizeof(pred));
			answers(h.env, 0, filter_bind, s, 100, t, SIM_ARGS, FILTER_SHARED);
		}
		is_form(f, p);
		sim_end(init, h.slot);
		assert_int_equal(frame_of(p)->type, FRAME_FREE);
		sim_end(init, h.ctx);
		tidy(page, 0);
		assert_int_equal(system_info->free_frames, free);
		assert_int_equal(system_info->promised_frames, promised);
		assert_int_equal(init->pub->held, held);
		assert_int_equal(flow_caps.count, flows);
		/* The next one finds nothing in it. */
		answers(b.env, p, page_alloc, 0, 100, p, 0);
		for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
			assert_int_equal(((uint64_t *)page_kva(p))[i], 0);
		answers(b.env, 0, cap_delete, 100);
	}
}

/* ---- larger pages over frames that differ ---- */

static const unsigned places[] = { 0, 1, 255, 256, 510, 511 };

static void no_larger_page_is_taken_over_a_frame_that_is_not_free(void **state)	/* M6 */
{
	ppn_t large = (first_ppn + 1023) & ~511u;
	unsigned s = init->nslots - 1, l = init->nslots - 2, spare = sim_slot(init);

	(void)state;
	/* Each of the 512 in turn belongs to somebody else. */
	for (unsigned i = 0; i < SV39_ENTRIES; i++) {
		answers(b.env, large + i, page_alloc, 0, 100, large + i, 0);
		if (i % 32 == 0)
			refused(init, E_NOMEM, page_alloc, 0, l, large, 1);
		else
			answers(init, -E_NOMEM, page_alloc, 0, l, large, 1);
		answers(b.env, 0, cap_delete, 100);
	}
	/* Some of them are each of the forms, by whoever asks for the larger one. */
	for (unsigned n = 0; n < ARRAY_SIZE(places); n++)
		for (enum form f = 0; f < FORMS; f++) {
			ppn_t p = large + places[n];

			answers(init, p, page_alloc, 0, s, p, 0);
			make(f, 0, s);
			is_form(f, p);
			refused(init, E_NOMEM, page_alloc, 0, l, large, 1);
			back(f, 0, s);
			tidy(spare, s);
			answers(init, 0, cap_delete, s);
			answers(init, large, page_alloc, 0, l, large, 1);
			answers(init, 0, cap_delete, l);
		}
}

static void no_larger_page_is_joined_of_parts_that_differ(void **state)	/* M6 */
{
	ppn_t large = (first_ppn + 1023) & ~511u;
	unsigned first = 700, c = init->nslots - 1, spare = sim_page(init);
	ppn_t another = sim_frame(init, spare);

	(void)state;
	answers(init, 0, cap_delete, spare);
	answers(init, large, page_alloc, 0, first, large, 1);
	answers(init, 0, page_split, first, first + 1);
	spare = sim_slot(init);
	/* A copy of each of the 512 in turn. */
	for (unsigned i = 0; i < SV39_ENTRIES; i++) {
		answers(init, 0, cap_copy, 0, first + i, c, 0, 0, 0);
		if (i % 32 == 0)
			refused(init, E_TYPE, page_join, first);
		else
			answers(init, -E_TYPE, page_join, first);
		answers(init, 0, cap_delete, c);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(places); n++) {
		unsigned i = places[n], s = first + i;
		ppn_t p = large + i;

		/* It is something else, or nothing. */
		for (enum form f = AS_ROOT; f < FORMS; f++) {
			make(f, 0, s);
			refused(init, E_NOCAP, page_join, first);
			back(f, 0, s);
			tidy(spare, s);
		}
		answers(init, 0, cap_delete, s);
		refused(init, E_NOCAP, page_join, first);
		/* It is another's, who lets us use it; whether that one pays or is dead, it was not ours. */
		answers(b.env, p, page_alloc, 0, 100, p, 0);
		answers(init, 0, cap_copy, b.slot, 100, s, RW | PROT_X, 0, 0);
		refused(init, E_TYPE, page_join, first);
		answers(b.env, 0, cap_delete, 100);
		assert_int_equal(frame_of(p)->ncaps, 1);
		refused(init, E_TYPE, page_join, first);
		answers(init, 0, cap_delete, s);
		/* Bound, here or in a context that does not run; pinned in each way. */
		answers(init, p, page_alloc, 0, s, p, 0);
		sim_bind(init, SIM_FREE, s, PROT_R);
		refused(init, E_TYPE, page_join, first);
		answers(init, 1, page_bind, a.ctx, SIM_FREE, s, 1, PROT_R);
		refused(init, E_TYPE, page_join, first);
		answers(init, 1, page_unbind, a.ctx, SIM_FREE, 1);
		uarea_is(s);
		refused(init, E_TYPE, page_join, first);
		uarea_is(with.uarea);
		answers(init, 0, ring_buffer, with.ring, 0, s);
		refused(init, E_TYPE, page_join, first);
		answers(init, 0, ring_buffer, with.ring, 0, 0);
		/* Without a right. */
		answers(init, 0, cap_copy, 0, s, c, PROT_R | PROT_X, 0, 0);
		answers(init, 0, cap_delete, s);
		answers(init, 0, cap_copy, 0, c, s, PROT_R | PROT_X, 0, 0);
		answers(init, 0, cap_delete, c);
		refused(init, E_TYPE, page_join, first);
		answers(init, 0, cap_delete, s);
		/* Another frame in its place. */
		answers(init, another, page_alloc, 0, s, another, 0);
		refused(init, E_INVAL, page_join, first);
		answers(init, 0, cap_delete, s);
		answers(init, p, page_alloc, 0, s, p, 0);
	}
	answers(init, 0, page_join, first);
	/* Its parts cannot be named any more. */
	for (unsigned i = 0; i < SV39_ENTRIES; i++) {
		answers(init, -E_NOMEM, page_alloc, 0, c, large + i, 0);
		assert_int_equal(frame_of(large + i)->tail, i != 0);
	}
	/* And it does not fall apart while somebody else has it, or through less than all of it. */
	answers(init, 0, cap_grant, first, b.slot, 100, PROT_R, 0, 0);
	refused(init, E_TYPE, page_split, first, first + 1);
	answers(init, 0, cap_revoke, first);
	answers(init, 1, page_bind, SLOT_CTX, AT_LEVEL0 + PAGE2M, first, 1, PROT_R);
	refused(init, E_TYPE, page_split, first, first + 1);
	answers(init, 1, page_unbind, SLOT_CTX, AT_LEVEL0 + PAGE2M + 5 * PAGE_SIZE, 1);
	refused(init, E_INVAL, env_set, 0, ENV_UAREA, first, SIM_UAREA);
	refused(init, E_INVAL, ring_buffer, with.ring, 0, first);
	answers(init, 0, cap_copy, 0, first, c, RW, 0, 0);
	answers(init, 0, cap_delete, first);
	refused(init, E_TYPE, page_split, c, first + 1);
	answers(init, 0, cap_delete, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_frame_goes_through_every_pair_of_forms_by_every_way),
		T(a_frame_goes_through_every_three_forms_in_every_order),
		T(what_is_not_data_becomes_nothing_else),
		T(a_table_stands_where_its_level_belongs),
		T(only_a_sole_unbound_unpinned_whole_page_becomes_anything),
		T(whatever_its_frame_is_the_death_of_the_holder_frees_it),
		T(no_larger_page_is_taken_over_a_frame_that_is_not_free),
		T(no_larger_page_is_joined_of_parts_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
