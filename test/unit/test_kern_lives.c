/*
 * test_kern_lives.c - ten thousand environments live and die, and after each the machine has what it had before
 *
 * A life is a few random deeds; death comes by the parent's hand, by exit or by a fault, at any moment: in the middle of a revocation
 * or of a child's end, with packets under way, rings, filters, children and their children, asleep, or with pages in others' hands.
 * EXOS_OPERATIONS is the number of lives.
 */
/* ctest: label=slow timeout=300 nightly=300000 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/flow.h"
#include "kern/ring.h"
#include "kern_test.h"

static struct env *init;
static struct sim_child neighbour;
static uint64_t seed;

static unsigned below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % n;
}

/* Everything that could leak. */
struct state {
	uint32_t free, promised, envs, slots, neighbours_slots, flows, slices, console, filters, in_flight, revocations, pins;
	struct exposed_env init, neighbour;
	uint32_t slice[SLICES];
};

static unsigned used_slots(const struct env *e)
{
	unsigned n = 0;

	for (unsigned s = 1; s < e->nslots; s++)
		n += cap_slot(e, s)->type != CAP_NONE;
	return n;
}

static void take_stock(struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->free = system_info->free_frames;
	s->promised = system_info->promised_frames;
	s->slots = used_slots(init);
	s->neighbours_slots = used_slots(neighbour.env);
	s->flows = flow_caps.count;
	s->slices = harts[0].caps.count;
	s->console = console_caps.count;
	s->filters = classifier.nfilters;
	s->revocations = revocations;
	for (unsigned i = 0; i < ENV_MAX; i++)
		s->envs += env_table[i] != NULL;
	for (unsigned i = 0; i < TRANSMITS; i++)
		s->in_flight += transmits[i].busy;
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		s->pins += frame_of(p)->pins;
	for (unsigned i = 0; i < SLICES; i++)
		s->slice[i] = harts[0].pub->slice[i];
	s->init = *init->pub;
	s->neighbour = *neighbour.env->pub;
	/* Time goes on. */
	s->init.used = s->init.switches = s->init.debt = s->neighbour.used = s->neighbour.switches = s->neighbour.debt = 0;
}

/* How death found them: each must happen often enough for the test to mean something. */
static struct {
	unsigned sending, with_ring, with_children, with_grandchildren, revoking, asleep, elsewhere, in_steps, lent, calling;
} deaths;

static void look_at_the_dying(const struct env *e)
{
	for (unsigned i = 0; i < TRANSMITS; i++)
		if (transmits[i].busy && transmits[i].ring != NULL && transmits[i].ring->owner == e) {
			deaths.sending++;
			break;
		}
	deaths.with_ring += classifier.nfilters > 0;
	deaths.with_children += e->child != NULL;
	deaths.with_grandchildren += e->child != NULL && e->child->child != NULL;
	deaths.revoking += revocations > 0;
	deaths.asleep += e->state == ENV_WAITING;
	deaths.elsewhere += e->context != 0 && frame_of(e->context)->owner == e->id;
	for (unsigned s = 60; s < 76; s++)
		if (cap_slot(neighbour.env, s)->binding != 0) {
			deaths.lent++;
			break;
		}
}

static bool able(struct env *e)
{
	return e->context != 0 && (e == sim_current() || env_runnable(e, sim_now));
}

/* A deed may fail for want of pages or slots, or because of an earlier one: that is life. */
#define may(e, name, ...) ((void)sim_call(e, name, ##__VA_ARGS__))

static unsigned empty_slot(const struct env *e)
{
	for (unsigned s = SIM_SLOT_FREE + 20; s < e->nslots; s++)
		if (cap_empty_slot(e, s) != NULL)
			return s;
	return 0;
}

static unsigned take_page(struct env *e)
{
	unsigned s = empty_slot(e);

	return s != 0 && sim_call(e, page_alloc, 0, s, FRAME_ANY, 0) >= 0 ? s : 0;
}

static void deed(struct env *e, unsigned depth);

static void make_child(struct env *e, unsigned depth)
{
	struct sim_child c;

	sim_lenient = true;
	c = sim_child(e, 8 + below(40));
	sim_lenient = false;
	if (c.env == NULL || env_find(c.id) != c.env || c.env->nslots == 0 || !able(c.env))
		return;
	may(e, slice_bind, 101, 8 + below(4), 1, c.slot);
	if (below(4) == 0) {	/* called, and neither answers before it dies */
		may(c.env, env_set, 0, ENV_HANDLER, UP_ENTRY, SIM_CODE);
		may(c.env, yield, 0);
		if (able(e))
			deaths.calling += sim_call(e, pct_call, c.slot, below(2) ? sim_now + 1 + below(50000) : 0) == SIM_SWITCHED;
		return;
	}
	for (unsigned n = below(4); n > 0 && able(c.env); n--)
		deed(c.env, depth + 1);
	if (below(4) == 0 && able(e))
		may(e, object_end, c.slot);	/* perhaps only its beginning */
}

static void with_a_ring(struct env *e)
{
	unsigned ring = take_page(e), shared = take_page(e), filter = take_page(e), page = take_page(e);
	struct send_segment seg = { .slot = page, .offset = 0, .length = 60 + below(1000) };
	struct flow_predicate pred = { .version = FLOW_VERSION, .natoms = 1, .atom[0] = { 12, 2, 0, 0xffff, 0x0800 + below(64) } };

	if (page == 0 || sim_call(e, ring_create, ring, shared, below(EV_RINGS)) != 0)
		return;
	for (unsigned n = below(5); n > 0; n--)
		may(e, ring_buffer, ring, n, take_page(e));
	sim_run(e);
	if (!sim_can(SIM_STORE, SIM_ARGS))
		return;
	sim_put(e, &pred, sizeof(pred));
	may(e, filter_bind, filter, 100, ring, SIM_ARGS, below(2) ? FILTER_SHARED : 0);
	sim_put(e, &seg, sizeof(seg));
	for (unsigned n = below(4); n > 0; n--)
		may(e, net_send, ring, 100, SIM_ARGS, 1, n);
	if (below(3) == 0)
		may(e, cap_delete, page);	/* under way, and given up */
}

static void deed(struct env *e, unsigned depth)
{
	unsigned s, t;

	switch (below(16)) {
	case 0:		/* pages, bound and written */
		for (unsigned n = below(6); n > 0; n--)
			if ((s = take_page(e)) != 0) {
				may(e, page_bind, SIM_SLOT_CTX, SIM_FREE + n * PAGE_SIZE, s, 1, PROT_R | PROT_W);
				sim_run(e);
				sim_store(SIM_FREE + n * PAGE_SIZE, n, 8);
			}
		break;
	case 1:		/* a page in a neighbour's hands, who binds it */
		if ((s = take_page(e)) != 0 && sim_call(e, cap_grant, s, 102, 60 + below(16), PROT_R | PROT_W, 0, 0) == 0)
			for (unsigned n = 60; n < 76; n++)
				if (cap_slot(neighbour.env, n)->type == CAP_PAGE)
					may(neighbour.env, page_bind, SIM_SLOT_CTX, SIM_FREE + n * PAGE_SIZE, n, 1, PROT_R | PROT_W);
		break;
	case 2:		/* copies, and a revocation that has only begun */
		if ((s = take_page(e)) == 0)
			break;
		may(e, env_captab, 0, take_page(e));
		for (unsigned n = below(300); n > 0 && (t = empty_slot(e)) != 0; n--)
			may(e, cap_copy, 0, below(2) ? s : t - 1, t, PROT_R, 0, 0);
		if (below(2))
			may(e, cap_revoke, s);
		break;
	case 3:		/* a context with tables, and it runs there, or not */
		if ((s = take_page(e)) == 0 || sim_call(e, ctx_create, s) != 0)
			break;
		may(e, table_bind, s, 0, 1, take_page(e));
		may(e, table_bind, s, 0, 0, take_page(e));
		may(e, page_bind, s, SIM_FREE, SIM_SLOT_DATA, 1, PROT_R);
		if (below(3) == 0)
			may(e, env_set, 0, ENV_CONTEXT, s, 0);
		break;
	case 4:
	case 5:
		if (depth < 3)
			make_child(e, depth);
		break;
	case 6:
	case 7:
		with_a_ring(e);
		break;
	case 8:		/* time, and what it gave on */
		may(e, slice_bind, 101, 8, 1 + below(8), SIM_SLOT_SELF);
		may(e, cap_copy, 0, 101, empty_slot(e), RIGHT_BIND, 8 + below(4), 1);
		break;
	case 9:		/* a narrower flow */
		sim_run(e);
		if (!sim_can(SIM_STORE, SIM_ARGS) || !sim_can(SIM_STORE, SIM_ARGS + PAGE_SIZE))
			break;
		sim_put(e, &(struct flow_spec){ .version = FLOW_VERSION, .receive.version = FLOW_VERSION, .send.version = FLOW_VERSION },
			sizeof(struct flow_spec));
		may(e, flow_derive, 100, take_page(e), SIM_ARGS, RIGHTS_ALL);
		break;
	case 10:	/* asleep */
		may(e, wait, EV_USER(1), sim_now + 100 + below(100000));
		break;
	case 11:	/* its table grows by a page of its own */
		may(e, env_captab, 0, take_page(e));
		break;
	case 12:	/* the console, floating point, handlers */
		may(e, console_bind, 103);
		may(e, env_set, 0, ENV_FP, 1, 0);
		may(e, env_set, 0, ENV_HANDLER, UP_FAULT, SIM_CODE + 64);
		break;
	case 13:	/* another u-area; the old one goes */
		if ((s = take_page(e)) != 0)
			may(e, env_set, 0, ENV_UAREA, s, SIM_UAREA);
		may(e, cap_delete, SIM_SLOT_UAREA);
		break;
	case 14:
		sim_advance(below(30000));
		break;
	default:	/* the ground */
		may(e, page_unbind, SIM_SLOT_CTX, SIM_CODE + below(5) * PAGE_SIZE, 1);
		break;
	}
}

static void life(void)
{
	struct sim_child c = sim_child(init, 20 + below(120));
	bool asleep;

	sim_call(init, cap_grant, SLOT_FLOW, c.slot, 100, RIGHTS_ALL, 0, 0);
	sim_call(init, cap_grant, SLOT_SLICES, c.slot, 101, RIGHT_BIND, 8, 8);
	sim_call(init, cap_grant, neighbour.slot, c.slot, 102, RIGHT_NOTIFY, 0, 0);
	sim_call(init, cap_grant, SLOT_CONSOLE, c.slot, 103, RIGHT_USE, 0, 0);
	sim_call(init, slice_bind, SLOT_SLICES, 0, 4 + below(4), c.slot);
	sim_nic.hold_tx = below(2);
	for (unsigned n = below(8); n > 0; n--) {
		if (!able(c.env))
			break;
		deed(c.env, 0);
	}
	/* How it ends. */
	asleep = !able(c.env);
	switch (asleep ? 3 : below(4)) {
	case 0:
		sim_run(c.env);
		sim_call(c.env, exit, 3);
		break;
	case 1:
		sim_run(c.env);
		for (unsigned n = 0; n < 3 && sim_current() == c.env; n++)
			sim_exception(13, SIM_NOTABLE);
		break;
	case 2:
		sim_call(init, env_set, c.slot, ENV_RUN, 0, 0);
		break;
	default:
		break;
	}
	sim_run(init);
	look_at_the_dying(c.env);
	for (unsigned n = 0; sim_cap(init, c.slot)->type == CAP_ENV; n++) {
		deaths.in_steps += n == 1;
		assert_in_range(n, 0, 1000);
		sim_call(init, object_end, c.slot);
		if (below(8) == 0)
			sim_advance(below(20000));
		sim_run(init);
	}
	sim_call(init, cap_delete, c.slot);
	sim_end(init, c.ctx);
}

static void ten_thousand_lives_leave_nothing(void **state)
{
	const char *number = getenv("EXOS_OPERATIONS");
	unsigned long lives = number != NULL ? strtoul(number, NULL, 0) : 10000;
	struct state before, after;
	unsigned spare;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 5, .nic = true });
	init = sim_init_env;
	neighbour = sim_child(init, 40);
	answers(neighbour.env, 0, env_set, 0, ENV_WINDOW, 60, 16);
	answers(init, 0, slice_bind, SLOT_SLICES, 0, 16, 0);	/* time for them */
	spare = sim_slot(init);
	sim_audit = false;
	for (unsigned long n = 0; n < lives; n++) {
		seed = n;
		if (n % 64 == 0)
			sim_audit = true;	/* a life is watched at every step */
		take_stock(&before);
		life();
		/* The tables that were donated for it are pages of the parent's again; packets come back. */
		for (unsigned s = spare; s < init->nslots; s++)
			if (sim_cap(init, s)->type == CAP_PAGE && sim_cap(init, s)->binding == 0 && frame_of(sim_frame(init, s))->pins == 0)
				answers(init, 0, cap_delete, s);
		sim_nic.hold_tx = false;
		sim_virtio_net_work(&sim_nic);
		sim_interrupts();
		sim_call(init, yield, 0);
		sim_run(init);
		take_stock(&after);
		for (unsigned i = 0; i < sizeof(before) / 4; i++)
			if (((uint32_t *)&before)[i] != ((uint32_t *)&after)[i])
				fail_msg("life %lu: word %u of the stock was %u and is %u; %u frames are free of %u before", n, i,
					 ((uint32_t *)&before)[i], ((uint32_t *)&after)[i], after.free, before.free);
		sim_audit = false;
		if (n % 16 == 0)
			audit();
	}
	audit();
	print_message("sending %u, ring %u, children %u, grandchildren %u, revoking %u, asleep %u, elsewhere %u, steps %u, lent %u, "
		      "calling %u\n",
		      deaths.sending, deaths.with_ring, deaths.with_children, deaths.with_grandchildren, deaths.revoking, deaths.asleep,
		      deaths.elsewhere, deaths.in_steps, deaths.lent, deaths.calling);
	if (lives < 10000)
		return;
	for (unsigned i = 0; i < sizeof(deaths) / sizeof(unsigned); i++)
		assert_true(((unsigned *)&deaths)[i] >= lives / 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ten_thousand_lives_leave_nothing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
