/*
 * test_kern_storm.c - R8, R10: many demand pages, and many answer, late, not at all, with lies, with a fault, with a call for memory; on 1, 2 and 4 harts
 *
 * The machine is full, and at each step somebody does something at random: on any hart, or time passes, or somebody ends and another one is made. The audit
 * follows every step. Whoever keeps the rules, that is demands no more than it is promised and answers when it is asked, finds every page that it did
 * not give as it was; whoever breaks them keeps its guarantee all the same, and loses as many capabilities as it is told. At the end all
 * end, and free frames, guarantees, promises and slots are what they were.
 *
 * EXOS_OPERATIONS=1000000 does more ("make nightly" does), EXOS_SEED=n others; a failure prints the seed.
 */
/* ctest: timeout=240 nightly=1000000 */
#include <time.h>

#include "kern/charge.h"
#include "kern/revoke.h"
#include "kern_test.h"

#define HANDLER	(SIM_CODE + 0x200)
#define WANTERS	6
#define LENDERS	14		/* two of each temper */
#define MOST	100		/* pages that one holds beyond its world */
#define OWN	12		/* guarantee of a lender: five pages of its world, and some */
#define ROUND	3400		/* steps of a storm, between a fresh boot and its end */

enum temper { ANSWERS, SLOW, DEAF, LIES, DIES, FAULTS, STARVES, TEMPERS, WANTS, GONE };
static const char *const tempers[] = { "answers", "slow", "deaf", "lies", "dies", "faults", "starves", "", "wants", "is not there" };

static struct who {
	struct sim_child c;
	enum temper temper;
	unsigned slots[MOST], n;	/* the pages that it has beyond its world, and where */
	ppn_t frames[MOST];
	uint32_t lost;			/* of which it knows */
	uint32_t answered;		/* number of the last request that it answered */
} all[WANTERS + LENDERS];

static struct env *init;
static uint64_t chance;
static unsigned long seed, step;

static unsigned below(unsigned n)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (unsigned)(chance >> 20) % n;
}

static unsigned long variable(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? strtoul(value, NULL, 0) : otherwise;
}

#define must(w, cond) \
	do { \
		if (!(cond)) \
			fail_msg("seed %lu, step %lu, %u harts: one that %s, number %u: " #cond, seed, step, nharts, tempers[(w)->temper], \
				 (unsigned)((w) - all)); \
	} while (0)

/* That there was a storm at all. */
static unsigned long got, refusals, given, taken, deaths, empty;

/* ---- what each has ---- */

static uint64_t mark(const struct who *w, ppn_t frame, unsigned word) { return ((uint64_t)w->c.id << 32 | frame) * 0x9e3779b97f4a7c15u + word; }

/* Is the page in that place still its own, with all that it held? */
static bool whole(const struct who *w, unsigned i)
{
	const struct cap *c = sim_cap(w->c.env, w->slots[i]);
	const uint64_t *at;

	if (c->type != CAP_PAGE || c->object != w->frames[i])
		return false;
	at = page_kva(c->object);
	for (unsigned k = 0; k < PAGE_SIZE / 8; k += 7)
		must(w, at[k] == mark(w, w->frames[i], k));
	return true;
}

static void leave_out(struct who *w, unsigned i)
{
	w->n--;
	w->slots[i] = w->slots[w->n];
	w->frames[i] = w->frames[w->n];
}

/* After each step: nobody lacks what it was promised, or anything that it was not told of. */
static void look_at(struct who *w)
{
	const uint32_t told = w->c.env->pub->lost - w->lost;
	uint32_t missing = 0;

	for (unsigned i = w->n; i-- > 0;)
		if (!whole(w, i)) {
			missing++;
			leave_out(w, i);
		}
	w->lost += told;
	taken += told;
	must(w, told >= missing);
	must(w, w->c.env->uarea == &no_uarea || w->c.env->uarea->nlost == w->c.env->pub->lost);
	if (w->temper == ANSWERS || w->temper == WANTS)
		must(w, w->c.env->pub->lost == 0);
}

static void look(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		look_at(&all[i]);
}

/* ---- what each does ---- */

static bool gets(struct who *w)
{
	unsigned slot;
	long frame;

	if (w->n == MOST || w->c.env->state == ENV_STOPPED || (w->temper == WANTS && env_outstanding(w->c.env) == 0))
		return false;
	/* While a request stands, what one that keeps the rules gave is not taken again. */
	if (w->temper == ANSWERS && w->c.env->uarea->revoke.kind != REVOKE_NONE)
		return false;
	slot = sim_slot(w->c.env);
	frame = sim_call(w->c.env, page_alloc, 0, slot, FRAME_ANY, 0);
	if (frame < 0) {
		must(w, frame == -E_AGAIN || frame == -E_QUOTA || frame == -E_NOMEM);
		refusals++;
		return false;
	}
	for (unsigned k = 0; k < PAGE_SIZE / 8; k++)
		((uint64_t *)page_kva(frame))[k] = mark(w, frame, k);
	w->slots[w->n] = slot;
	w->frames[w->n++] = frame;
	got++;
	/* Some are bound, and in the TLB of that hart. */
	if (below(3) == 0 && slot < 128) {
		sim_bind(w->c.env, SIM_FREE + slot * PAGE_SIZE, slot, PROT_R | PROT_W);
		must(w, sim_peek(SIM_FREE + slot * PAGE_SIZE) == mark(w, frame, 0));
	}
	return true;
}

static void gives(struct who *w, unsigned n)
{
	for (; n > 0 && w->n > 0; n--) {
		answers(w->c.env, 0, cap_delete, w->slots[w->n - 1]);
		w->n--;
		given++;
	}
}

static void cooperative_ones_answer(void);

/* Time, in which those who keep the rules are not asleep. */
static void pass(unsigned slices)
{
	for (unsigned n = 0; n < slices; n += 4) {
		sim_pass(4 * slice_ticks);
		cooperative_ones_answer();
	}
}

/* The first environment has what a world needs, behind all who wait already. */
static void room_for_a_world(void)
{
	for (unsigned tries = 0; sim_call(init, env_ask, 0, REVOKE_PAGES, 25, 0) != 0; tries++) {
		if (tries == 100)
			fail_msg("seed %lu, step %lu, %u harts: who is promised 25 pages does not get them", seed, step, nharts);
		cooperative_ones_answer();
		pass(40);
	}
	answers(init, 0, env_ask, 0, REVOKE_PAGES, 0, 0);
}

static void make(struct who *w, enum temper temper)
{
	*w = (struct who){ .temper = GONE };
	room_for_a_world();
	*w = (struct who){ .temper = temper };
	w->c = sim_child(init, temper == WANTS ? 20 : OWN);
	if (temper == WANTS)
		return;
	answers(init, 0, env_set, w->c.slot, ENV_BORROW, 100000, 0);
	answers(w->c.env, 0, env_set, 0, ENV_HANDLER, UP_REVOKE, HANDLER);
}

static void end(struct who *w)
{
	deaths++;
	sim_end(init, w->c.slot);
	sim_end(init, w->c.ctx);	/* its tables stay in slots of the first environment, as pages that can be had again */
}

/* It is asked, and does what it does in its handler. */
static void is_asked(struct who *w)
{
	struct uarea *u = w->c.env->uarea;
	const uint32_t amount = u->revoke.amount;

	if (u->revoke.kind != REVOKE_PAGES || w->c.env->state == ENV_STOPPED)
		return;
	switch (w->temper) {
	case SLOW:
		if (below(40) != 0)
			return;
		gives(w, amount);
		break;
	case LIES:
		if (w->answered == u->revoke.number)
			return;
		w->answered = u->revoke.number;
		/* A copy of what it deletes stays. */
		for (unsigned i = 0; i < amount && i < w->n; i++) {
			unsigned slot = sim_slot(w->c.env);

			if (sim_call(w->c.env, cap_copy, 0, w->slots[i], slot, PROT_R, 0, 0) != 0)
				return;
			answers(w->c.env, 0, cap_delete, w->slots[i]);
			w->slots[i] = slot;
		}
		return;
	case FAULTS:
		/* In the middle of its answer, for the second time: it is stopped, and does not answer any more. */
		gives(w, amount / 2);
		sim_run(w->c.env);
		u->held = 1;
		sim_exception(13, 0x7000);
		must(w, w->c.env->state == ENV_STOPPED);
		return;
	case STARVES:
		/* It wants a page to answer with, and there is none. It gives what it has then. */
		if (gets(w))
			return;
		gives(w, amount);
		break;
	case DIES:
		if (below(2) == 0) {
			gives(w, amount / 2);
			end(w);
			make(w, DIES);
			return;
		}
		return;
	default:
		return;
	}
	if (w->c.env->state != ENV_STOPPED)
		u->held = 0;
}

/* One that keeps the rules gives all that it is asked for, once, and before its time is over. */
static void cooperative_ones_answer(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct who *w = &all[i];
		struct uarea *u;

		if (w->temper != ANSWERS)
			continue;
		u = w->c.env->uarea;
		if (u->revoke.kind == REVOKE_NONE || u->revoke.number == w->answered)
			continue;
		must(w, u->revoke.kind == REVOKE_PAGES && u->revoke.amount <= w->n);
		w->answered = u->revoke.number;
		gives(w, u->revoke.amount);
		u->held = 0;
	}
}

static void one_step(void)
{
	struct who *w = &all[below(ARRAY_SIZE(all))];

	sim_hart = below(nharts);
	if (w->c.env->state == ENV_STOPPED && below(8) == 0) {
		/* Its parent gives it another chance: ended, and made anew. */
		enum temper temper = w->temper;

		end(w);
		make(w, temper);
	} else if (w->c.env->state != ENV_STOPPED) {
		switch (below(12)) {
		case 0:
			pass(1 + below(30));
			break;
		case 1:
			if (w->temper != WANTS)
				answers(init, 0, env_set, w->c.slot, ENV_BORROW, below(3) == 0 ? 0 : 100000, 0);
			break;
		case 2:
			if (sim_call(init, env_ask, w->c.slot, REVOKE_PAGES, below(4), below(2) == 0 ? 0 : sim_now + slice_ticks) > 0 && w->temper != WANTS)
				is_asked(w);
			break;
		case 3:
			if (below(40) == 0) {
				enum temper temper = w->temper;

				end(w);
				make(w, temper);
			} else if (w->temper == WANTS) {
				gives(w, below(w->n + 1));
			}
			break;
		case 4:
			if (w->temper == WANTS)
				sim_call(w->c.env, env_ask, 0, REVOKE_PAGES, below(env_outstanding(w->c.env) + 1), 0);
			break;
		case 5:
			is_asked(w);
			break;
		default:
			for (unsigned n = below(w->temper == WANTS ? 4 : 24); gets(w) && n > 0; n--)
				;
			break;
		}
	}
	sim_ipis_taken();
	cooperative_ones_answer();
	audit();
	look();
	empty += system_info->free_frames == 0;
}

/* ---- storms ---- */

struct account {
	uint32_t free, promised, guarantee, passed_on, held, caps;
};

static uint32_t account_caps(void)
{
	uint32_t n = 0;

	for (unsigned slot = 1; slot < init->nslots; slot++)
		n += sim_cap(init, slot)->type != CAP_NONE;
	return n;
}

static struct account account(void)
{
	return (struct account){ system_info->free_frames, system_info->promised_frames, init->pub->guarantee, init->pub->promised_on, init->pub->held,
				 account_caps() };
}

/* What the first environment has beyond what it had goes back: the pages that worlds were made of. */
static void tidy(unsigned from)
{
	for (unsigned slot = from; slot < init->nslots; slot++)
		if (sim_cap(init, slot)->type == CAP_PAGE)
			answers(init, 0, cap_delete, slot);
}

static void storm(unsigned harts, unsigned long steps)
{
	struct account before, after;
	unsigned last;

	boot_with(&(struct sim_config){ .asid_bits = 16, .harts = harts, .together = true, .ram_bytes = 3u << 20, .unwatched = true });
	init = sim_init_env;
	chance = (seed + 1) * 0x9e3779b97f4a7c15u;
	for (last = init->nslots; sim_cap(init, last - 1)->type == CAP_NONE; last--)
		;
	before = account();
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		make(&all[i], i < WANTERS ? WANTS : (i - WANTERS) % TEMPERS);
	for (step = 0; step < steps; step++)
		one_step();
	/* Whoever is promised something has it in the end, whatever the others do. */
	for (unsigned i = 0; i < WANTERS; i++)
		for (unsigned tries = 0; env_outstanding(all[i].c.env) > 0; tries++) {
			must(&all[i], tries < 500);
			if (!gets(&all[i])) {
				cooperative_ones_answer();
				pass(40);
			}
		}
	audit();
	look();
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		end(&all[i]);
	sim_hart = 0;
	tidy(last);
	audit();
	sim_tlb_check();
	after = account();
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(revoke_open, 0);
	assert_int_equal(system_info->wanted_frames, 0);
}

/* A third of the steps for each number of harts, a storm after the other. */
static void storms(unsigned harts)
{
	unsigned long total = variable("EXOS_OPERATIONS", 3 * ROUND) / 3;

	got = refusals = given = taken = deaths = empty = 0;
	for (seed = variable("EXOS_SEED", 1); total > 0; seed++) {
		unsigned long n = total < ROUND ? total : ROUND;

		storm(harts, n);
		total -= n;
	}
	if (getenv("EXOS_VERBOSE") != NULL)
		print_message("pages: %lu got, %lu refused, %lu given back, %lu taken; %lu ends; nothing was free after %lu steps\n", got, refusals, given, taken,
			      deaths, empty);
	assert_true(got > 0 && refusals > 0 && given > 0 && taken > 0 && empty > 0);
}

static void r8_a_storm_on_one_hart(void **state) { (void)state; storms(1); }
static void r8_a_storm_on_two_harts(void **state) { (void)state; storms(2); }
static void r8_a_storm_on_four_harts(void **state) { (void)state; storms(4); }

/* ---- lives of a moment ---- */

#define PAIRS	25	/* are timed together */

/* CPU time of this process in nanoseconds: the load of the host is not in it. */
static uint64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Pairs of creation and destruction, each in the middle of a dialogue: nothing is left, and the last one takes no longer than the first. */
static void r10_many_that_live_for_a_moment(void **state)
{
	const unsigned long n = variable("EXOS_OPERATIONS", 3 * ROUND) / 10 / PAIRS;
	uint64_t first = UINT64_MAX, last = UINT64_MAX;
	struct account before, after;
	struct who lender = { 0 };
	bool *had;			/* slots of the first environment that were in use before */

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .ram_bytes = 2u << 20, .unwatched = true });
	init = sim_init_env;
	chance = 1;
	make(&lender, DEAF);
	end(&lender);			/* slots, and what else stays */
	make(&lender, DEAF);
	before = account();
	had = calloc(init->nslots, sizeof(*had));
	for (unsigned s = 1; s < init->nslots; s++)
		had[s] = sim_cap(init, s)->type != CAP_NONE;
	for (unsigned long i = 0; i < n; i++) {
		uint64_t begin = cpu_time(), took;

		for (unsigned k = 0; k < PAIRS; k++) {
			struct sim_child c = sim_child(init, 12);
			unsigned slot = sim_slot(lender.c.env);

			/* It waits for pages when it ends: they are kept for it. */
			sim_call(lender.c.env, page_alloc, 0, slot, FRAME_ANY, 0);
			answers(c.env, 0, env_ask, 0, REVOKE_PAGES, 7, 0);
			sim_end(init, c.slot);
			sim_end(init, c.ctx);
			for (unsigned s = 1; s < init->nslots; s++)
				if (!had[s] && sim_cap(init, s)->type == CAP_PAGE)
					answers(init, 0, cap_delete, s);
			sim_call(lender.c.env, cap_delete, slot);
		}
		took = cpu_time() - begin;
		if (i < (n + 4) / 5 && took < first)
			first = took;
		if (i >= n - (n + 4) / 5 && took < last)
			last = took;
		audit();
		after = account();
		assert_memory_equal(&before, &after, sizeof(before));
		assert_int_equal(revoke_open, 0);
	}
	if (getenv("EXOS_VERBOSE") != NULL)
		print_message("%lu pairs: %lu ns each at first, %lu ns at last\n", n * PAIRS, first / PAIRS, last / PAIRS);
	assert_true(last < 2 * first);
	free(had);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r8_a_storm_on_one_hart),
		cmocka_unit_test(r8_a_storm_on_two_harts),
		cmocka_unit_test(r8_a_storm_on_four_harts),
		cmocka_unit_test(r10_many_that_live_for_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
