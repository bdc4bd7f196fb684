/*
 * test_kern_borrow.c - pages beyond the guarantee: what nobody was promised is lent, to the page, and every promise is kept
 *
 * offer() has the first environment give up pages. From then on these are either to be borrowed or lent, whatever happens.
 */
#include "kern/page.h"
#include "kern_test.h"

static struct env *init;
static struct sim_child a, b;

static int setup(void **state)
{
	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16 });
	init = sim_init_env;
	a = sim_child(init, 60);
	b = sim_child(init, 60);
	return 0;
}

static void offer(uint32_t n)
{
	answers(init, 0, env_set, 0, ENV_GUARANTEE, init->pub->guarantee - n, 0);
}

static uint32_t to_borrow(void)
{
	return system_info->free_frames - system_info->promised_frames;
}

/* Pages that living environments hold beyond what is their own. */
static uint32_t lent(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < ENV_MAX; i++) {
		const struct env *e = env_table[i];

		if (e != NULL && e->pub->held > env_own_guarantee(e))
			n += e->pub->held - env_own_guarantee(e);
	}
	return n;
}

/* To the end of its guarantee. */
static void fill(struct env *e)
{
	while (e->pub->held < env_own_guarantee(e))
		sim_page(e);
}

/* Everything e can get. Returns the error that ended it. */
static long take_all(struct env *e)
{
	long r;

	sim_audit = false;
	while ((r = sim_call(e, page_alloc, 0, sim_slot(e), FRAME_ANY, 0)) >= 0)
		;
	sim_audit = true;
	audit();
	return r;
}

static void exactly_what_nobody_was_promised_is_lent(void **state)
{
	struct sim_snapshot *start = sim_save();

	(void)state;
	for (uint32_t n = 0; n <= 20; n++) {
		sim_restore(start);
		assert_int_equal(to_borrow(), 0);
		offer(n);
		assert_int_equal(to_borrow(), n);
		fill(a.env);
		assert_int_equal(to_borrow(), n);
		for (uint32_t k = 0; k < n; k++)
			sim_page(a.env);
		assert_int_equal(a.env->pub->held, 60 + n);
		assert_int_equal(to_borrow(), 0);
		refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0);
		refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), frame_any(), 0);
		refused(init, E_QUOTA, page_alloc, a.slot, 120, FRAME_ANY, 0);
	}
	sim_snapshot_free(start);
}

static void every_promise_is_kept_though_all_is_lent(void **state)	/* D5 */
{
	(void)state;
	offer(30);
	assert_int_equal(take_all(a.env), -E_QUOTA);
	assert_int_equal(a.env->pub->held, 90);
	fill(b.env);
	assert_int_equal(b.env->pub->held, 60);
	refused(b.env, E_QUOTA, page_alloc, 0, sim_slot(b.env), FRAME_ANY, 0);
	/* The lender too has what it kept, to the page; then the machine is empty. */
	assert_int_equal(take_all(init), -E_NOMEM);
	assert_int_equal(init->pub->held, env_own_guarantee(init));
	assert_int_equal(system_info->free_frames, 0);
}

static void a_large_page_is_borrowed_whole_or_not(void **state)
{
	ppn_t first = (first_ppn + 1023) & ~511u;
	struct sim_snapshot *start;

	(void)state;
	fill(a.env);
	start = sim_save();
	for (uint32_t n = 508; n <= 513; n++) {
		sim_restore(start);
		offer(n);
		if (n < 512)
			refused(a.env, E_QUOTA, page_alloc, 0, 100, first, 1);
		else
			answers(a.env, first, page_alloc, 0, 100, first, 1);
		assert_int_equal(to_borrow(), n < 512 ? n : n - 512);
	}
	sim_snapshot_free(start);
}

/* A context of three pages, a child, a page of its table: all of them are borrowed, for they were pages. */
static void tables_and_objects_are_borrowed_like_data(void **state)
{
	unsigned ctx, child, page;

	(void)state;
	fill(a.env);
	offer(5);
	ctx = sim_context(a.env);
	child = sim_page(a.env);
	assert_true(sim_call(a.env, env_create, child, 0) > 0);
	page = sim_page(a.env);
	assert_true(sim_call(a.env, env_captab, child, page) > 0);
	assert_int_equal(lent(), 5);
	assert_int_equal(to_borrow(), 0);
	refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0);
	/* The table page comes back to the slot that gave it, so it is lent until that is deleted. */
	sim_end(a.env, child);
	assert_int_equal(to_borrow(), 1);
	answers(a.env, 0, cap_delete, page);
	assert_int_equal(to_borrow(), 2);
	sim_end(a.env, ctx);
	assert_int_equal(to_borrow() + lent(), 5);
	assert_in_range(to_borrow(), 3, 5);
}

/* Whoever is above its guarantee repays with whatever it deletes; pages of somebody within it were never lent. */
static void pages_come_back_in_any_order(void **state)
{
	struct sim_snapshot *start;
	unsigned s[24];

	(void)state;
	fill(a.env);
	fill(b.env);
	offer(12);
	for (unsigned i = 0; i < 24; i += 2) {
		s[i] = i < 16 ? sim_page(a.env) : 0;
		s[i + 1] = i < 8 ? sim_page(b.env) : 0;
	}
	assert_int_equal(lent(), 12);
	assert_int_equal(to_borrow(), 0);
	start = sim_save();
	for (unsigned step = 1; step < 24; step++) {
		if (step % 2 == 0 || step % 3 == 0)
			continue;	/* not every place would be met */
		sim_restore(start);
		for (unsigned n = 0, i = 0, back = 0; n < 24; n++, i = (i + step) % 24) {
			if (s[i] == 0)
				continue;
			answers(i % 2 == 0 ? a.env : b.env, 0, cap_delete, s[i]);
			back++;
			assert_int_equal(to_borrow(), back);
			assert_int_equal(lent(), 12 - back);
		}
		/* And again, all to the other. */
		for (unsigned n = 0; n < 12; n++)
			sim_page(b.env);
		refused(a.env, E_QUOTA, page_alloc, 0, sim_slot(a.env), FRAME_ANY, 0);
	}
	sim_snapshot_free(start);
}

static void what_a_dead_one_borrowed_can_be_borrowed_again(void **state)
{
	uint32_t own = env_own_guarantee(init);

	(void)state;
	offer(30);
	assert_int_equal(take_all(a.env), -E_QUOTA);
	assert_int_equal(lent(), 30);
	sim_end(init, a.slot);
	assert_int_equal(to_borrow(), 30);
	assert_int_equal(lent(), 0);
	assert_int_equal(env_own_guarantee(init), own - 30 + 60);
	fill(b.env);
	for (unsigned n = 0; n < 30; n++)
		sim_page(b.env);
	refused(b.env, E_QUOTA, page_alloc, 0, sim_slot(b.env), FRAME_ANY, 0);
}

static void the_death_of_a_parent_ends_what_its_child_borrowed(void **state)
{
	struct sim_child c;

	(void)state;
	offer(30);
	c = sim_child(a.env, 20);
	assert_int_equal(take_all(c.env), -E_QUOTA);
	assert_int_equal(c.env->pub->held, 50);
	assert_int_equal(lent(), 30);
	sim_end(init, a.slot);
	assert_null(env_find(c.id));
	assert_int_equal(to_borrow(), 30);
	assert_int_equal(lent(), 0);
}

/* A page that a borrowed and that its parent made an object of outlives it: the parent pays, with a page of guarantee or without. */
static void an_object_of_a_borrowed_page_outlives_the_borrower(void **state)
{
	struct sim_snapshot *start = sim_save();

	(void)state;
	for (unsigned left = 0; left < 2; left++) {
		uint32_t held;
		unsigned s, ctx;

		sim_restore(start);
		offer(80);
		fill(a.env);
		s = sim_page(a.env);
		ctx = sim_slot(init);
		answers(init, 0, cap_copy, a.slot, s, ctx, PROT_R | PROT_W | PROT_X, 0, 0);
		answers(a.env, 0, cap_delete, s);
		answers(init, 0, ctx_create, ctx);
		if (left == 0)
			answers(a.env, 0, env_set, 0, ENV_GUARANTEE, 0, 0);
		held = init->pub->held;
		assert_int_equal(to_borrow() + lent(), 80);
		sim_end(init, a.slot);
		assert_int_equal(to_borrow(), 80);
		assert_int_equal(lent(), 0);
		assert_in_range(init->pub->held, held, held + 1);
		sim_end(init, ctx);
		assert_int_equal(to_borrow(), 80);
	}
	sim_snapshot_free(start);
}

/* The same when the parent itself has borrowed all that there was: the page brings its own guarantee. */
static void a_parent_that_borrowed_everything_survives_a_child(void **state)
{
	unsigned ctx = sim_slot(init), s = sim_page(a.env);

	(void)state;
	answers(init, 0, cap_copy, a.slot, s, ctx, PROT_R | PROT_W | PROT_X, 0, 0);
	answers(a.env, 0, cap_delete, s);
	answers(init, 0, ctx_create, ctx);
	answers(init, 0, env_set, 0, ENV_GUARANTEE, init->pub->promised_on, 0);
	assert_int_equal(take_all(init), -E_QUOTA);
	assert_int_equal(to_borrow(), 0);
	sim_end(init, a.slot);
	fill(b.env);
	assert_int_equal(take_all(init), -E_NOMEM);
	assert_int_equal(b.env->pub->held, 60);
}

/*
 * The same between the steps of the end, for nothing may be promised twice even there: the machine is larger than what one step looks
 * at, one object lies at its beginning and one at its end, and the parent has taken all that it was promised.
 */
static void a_page_that_outlives_brings_its_guarantee_along_at_once(void **state)
{
	struct sim_child parent, child;
	unsigned steps = 0;
	uint32_t held;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .ram_bytes = 32 << 20 });
	init = sim_init_env;
	parent = sim_child(init, 120);
	child = sim_child(parent.env, 30);
	for (unsigned i = 0; i < 2; i++) {
		ppn_t p = i == 0 ? frame_any() : end_ppn - 1;
		unsigned s = sim_slot(parent.env);

		answers(child.env, p, page_alloc, 0, 100, p, 0);
		answers(parent.env, 0, cap_copy, child.slot, 100, s, PROT_R | PROT_W | PROT_X, 0, 0);
		answers(child.env, 0, cap_delete, 100);
		answers(parent.env, 0, ctx_create, s);
	}
	fill(child.env);
	fill(parent.env);
	assert_int_equal(to_borrow(), 0);
	held = parent.env->pub->held;
	/* The audit, after each step, finds as much free as is promised. */
	while (succeeds(parent.env, object_end, child.slot) != 0) {
		steps++;
		assert_int_equal(to_borrow(), 0);
		if (parent.env->pub->held == held + 1)
			assert_int_equal(env_own_guarantee(parent.env), 90 + 1);
	}
	assert_in_range(steps, 1, 100);
	assert_int_equal(parent.env->pub->held, held + 2);
	assert_int_equal(env_own_guarantee(parent.env), 120);
}

/* What it gives up goes to the parent. What it holds beyond the rest is borrowed from then on, so there must be that much. */
static void a_child_gives_back_what_can_be_lent_to_it(void **state)
{
	struct sim_snapshot *start;

	(void)state;
	fill(a.env);
	start = sim_save();
	for (uint32_t n = 0; n <= 6; n++)
		for (uint32_t less = 0; less <= 6; less++) {
			uint32_t own;

			sim_restore(start);
			offer(n);
			own = env_own_guarantee(init);
			if (less > n) {
				refused(a.env, E_QUOTA, env_set, 0, ENV_GUARANTEE, 60 - less, 0);
				continue;
			}
			answers(a.env, 0, env_set, less & 1 ? SIM_SLOT_SELF : 0, ENV_GUARANTEE, 60 - less, 0);
			assert_int_equal(env_own_guarantee(init), own + less);
			assert_int_equal(to_borrow(), n - less);
			assert_int_equal(lent(), less);
			refused(a.env, E_INVAL, env_set, 0, ENV_GUARANTEE, 61 - less, 0);
		}
	sim_snapshot_free(start);
}

static void nobody_raises_its_own_or_takes_from_its_children(void **state)
{
	uint32_t now = init->pub->guarantee, passed = init->pub->promised_on;
	struct sim_child c = sim_child(a.env, 10);

	(void)state;
	assert_int_equal(passed, 120);
	answers(init, 0, env_set, 0, ENV_GUARANTEE, now, 0);
	refused(init, E_INVAL, env_set, 0, ENV_GUARANTEE, now + 1, 0);
	refused(init, E_INVAL, env_set, 0, ENV_GUARANTEE, ~0ul, 0);
	refused(init, E_INVAL, env_set, 0, ENV_GUARANTEE, 1ul << 32, 0);
	for (uint32_t n = 0; n < passed; n++)
		refused(init, E_INVAL, env_set, 0, ENV_GUARANTEE, n, 0);
	for (uint32_t n = 0; n < 10; n++)
		refused(a.env, E_INVAL, env_set, 0, ENV_GUARANTEE, n, 0);
	refused(a.env, E_INVAL, env_set, 0, ENV_GUARANTEE, 61, 0);
	refused(c.env, E_INVAL, env_set, 0, ENV_GUARANTEE, 11, 0);
	/* All that is not passed on: what the first environment holds is borrowed now, and its children lack nothing. */
	answers(init, 0, env_set, 0, ENV_GUARANTEE, passed, 0);
	assert_int_equal(env_own_guarantee(init), 0);
	assert_int_equal(lent(), init->pub->held);
	refused(init, E_INVAL, env_set, 0, ENV_GUARANTEE, passed + 1, 0);
	assert_int_equal(take_all(init), -E_QUOTA);
	assert_int_equal(to_borrow(), 0);
	fill(a.env);
	fill(b.env);
	fill(c.env);
	assert_int_equal(system_info->free_frames, 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(exactly_what_nobody_was_promised_is_lent),
		T(every_promise_is_kept_though_all_is_lent),
		T(a_large_page_is_borrowed_whole_or_not),
		T(tables_and_objects_are_borrowed_like_data),
		T(pages_come_back_in_any_order),
		T(what_a_dead_one_borrowed_can_be_borrowed_again),
		T(the_death_of_a_parent_ends_what_its_child_borrowed),
		T(an_object_of_a_borrowed_page_outlives_the_borrower),
		T(a_parent_that_borrowed_everything_survives_a_child),
		T(a_page_that_outlives_brings_its_guarantee_along_at_once),
		T(a_child_gives_back_what_can_be_lent_to_it),
		T(nobody_raises_its_own_or_takes_from_its_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
