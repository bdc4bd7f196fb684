/*
 * test_kern_fence.c - how many fences each operation costs, exactly: one that is missing or superfluous is a changed number
 *
 * The TLB of the simulated machine remembers entries that were invalid too, and forgets only what is fenced; that nothing stale stays
 * in it is checked after every call. Here the numbers are.
 */
#include "kern/page.h"
#include "kern_test.h"

static struct env *init;

static int setup(void **state)
{
	boot_default(state);
	init = sim_init_env;
	sim_run(init);
	return 0;
}

#define RW		(PROT_R | PROT_W)
#define VA(n)		(SIM_FREE + (n) * PAGE_SIZE)

/* The statement costs so many fences of one address, of one ASID, and of everything. */
#define costs(page, asid, all, statement) \
	do { \
		struct sim_counts before_ = sim_counts; \
		statement; \
		assert_int_equal(sim_counts.fences_page - before_.fences_page, page); \
		assert_int_equal(sim_counts.fences_asid - before_.fences_asid, asid); \
		assert_int_equal(sim_counts.fences_all - before_.fences_all, all); \
	} while (0)

/* n pages in slots that follow one another. */
static unsigned pages(unsigned n)
{
	unsigned first = 1, found = 0;

	for (unsigned s = 1; found < n; s++)
		if (sim_cap(init, s)->type == CAP_NONE) {
			found++;
		} else {
			found = 0;
			first = s + 1;
		}
	for (unsigned i = 0; i < n; i++)
		succeeds(init, page_alloc, 0, first + i, FRAME_ANY, 0);
	return first;
}

static void one_page_costs_one_fence_of_its_address(void **state)
{
	unsigned s = sim_page(init);

	(void)state;
	for (unsigned round = 0; round < 2; round++) {	/* the long road, and then the short one */
		costs(1, 0, 0, answers(init, 1, page_bind, SLOT_CTX, VA(0), s, 1, RW));
		costs(1, 0, 0, answers(init, 1, page_protect, SLOT_CTX, VA(0), 1, PROT_R));
		costs(1, 0, 0, answers(init, 1, page_protect, SLOT_CTX, VA(0), 1, RW | PROT_TRACK));
		costs(1, 0, 0, answers(init, 1, page_unbind, SLOT_CTX, VA(0), 1));
	}
	costs(0, 0, 0, answers(init, 1, page_unbind, SLOT_CTX, VA(0), 1));
}

static void a_binding_that_moves_costs_two(void **state)
{
	unsigned s = pages(2);

	(void)state;
	answers(init, 1, page_bind, SLOT_CTX, VA(0), s, 1, RW);
	costs(2, 0, 0, answers(init, 1, page_bind, SLOT_CTX, VA(1), s, 1, RW));
	costs(1, 0, 0, answers(init, 1, page_bind, SLOT_CTX, VA(1), s, 1, PROT_R));	/* the same place again */
	costs(1, 0, 0, answers(init, 1, page_bind, SLOT_CTX, VA(1), s + 1, 1, RW));	/* another page there */
}

static void many_pages_cost_one_fence_of_their_context(void **state)
{
	unsigned s = pages(20);

	(void)state;
	costs(0, 1, 0, answers(init, 20, page_bind, SLOT_CTX, VA(0), s, 20, RW));
	costs(0, 1, 0, answers(init, 20, page_protect, SLOT_CTX, VA(0), 20, PROT_R));
	costs(0, 1, 0, answers(init, 20, page_protect, SLOT_CTX, VA(0), 30, RW));	/* refused behind the twentieth */
	costs(0, 1, 0, answers(init, 25, page_unbind, SLOT_CTX, VA(0), 25));
	costs(0, 0, 0, answers(init, 25, page_unbind, SLOT_CTX, VA(0), 25));
	costs(0, 0, 0, answers(init, -E_NOTBOUND, page_protect, SLOT_CTX, VA(0), 20, PROT_R));
}

static void a_batch_costs_one_whatever_is_in_it(void **state)
{
	unsigned s = pages(2);
	struct page_op op[4] = {
		{ .op = PAGE_OP_BIND, .prot = RW, .slot = s, .va = VA(0) },
		{ .op = PAGE_OP_BIND, .prot = RW, .slot = s + 1, .va = VA(1) },
		{ .op = PAGE_OP_PROTECT, .prot = PROT_R, .va = VA(0) },
		{ .op = PAGE_OP_UNBIND, .va = VA(1) },
	};

	(void)state;
	costs(0, 1, 0, answers(init, 4, page_batch, SLOT_CTX, sim_put(init, op, sizeof(op)), 4));
}

static void a_page_that_goes_costs_one_if_it_was_bound(void **state)
{
	unsigned s = pages(2);

	(void)state;
	answers(init, 1, page_bind, SLOT_CTX, VA(0), s, 1, RW);
	costs(1, 0, 0, answers(init, 0, cap_delete, s));
	costs(0, 0, 0, answers(init, 0, cap_delete, s + 1));
	costs(0, 0, 0, succeeds(init, page_alloc, 0, s, FRAME_ANY, 0));
}

static void a_table_costs_one_of_its_context(void **state)
{
	unsigned s = pages(2);

	(void)state;
	costs(0, 1, 0, answers(init, 0, table_bind, SLOT_CTX, SIM_NOTABLE, 1, s));
	costs(0, 1, 0, answers(init, 0, table_bind, SLOT_CTX, SIM_NOTABLE, 0, s + 1));
	costs(0, 1, 0, answers(init, 0, table_unbind, SLOT_CTX, SIM_NOTABLE, 0));
	costs(0, 1, 0, answers(init, 0, table_unbind, SLOT_CTX, SIM_NOTABLE, 1));
}

static void a_context_that_never_ran_costs_nothing(void **state)
{
	unsigned ctx = sim_context(init), s = pages(3);

	(void)state;
	costs(0, 0, 0, answers(init, 3, page_bind, ctx, VA(0), s, 3, RW));
	costs(0, 0, 0, answers(init, 1, page_protect, ctx, VA(0), 1, PROT_R));
	costs(0, 0, 0, answers(init, 1, page_unbind, ctx, VA(1), 1));
	costs(0, 0, 0, answers(init, 0, cap_delete, s));
}

static void a_refusal_costs_nothing(void **state)
{
	unsigned s = sim_page(init);

	(void)state;
	costs(0, 0, 0, answers(init, -E_NOTABLE, page_bind, SLOT_CTX, SIM_NOTABLE, s, 1, RW));
	costs(0, 0, 0, answers(init, -E_INVAL, page_bind, SLOT_CTX, VA(0) + 8, s, 1, RW));
	costs(0, 0, 0, answers(init, -E_NOCAP, page_bind, SLOT_CTX, VA(0), s + 1, 1, RW));
	costs(0, 0, 0, answers(init, -E_NOTBOUND, page_protect, SLOT_CTX, VA(0), 1, RW));
}

static void the_dirty_bits_that_a_batch_clears_are_told(void **state)
{
	unsigned s = pages(2);
	struct page_op op[2] = {
		{ .op = PAGE_OP_PROTECT, .prot = RW | PROT_TRACK, .va = VA(0) },
		{ .op = PAGE_OP_PROTECT, .prot = RW | PROT_TRACK, .va = VA(1) },
	};
	static const int64_t want[3][2] = {
		{ PAGE_ACCESSED | PAGE_DIRTY, PAGE_ACCESSED | PAGE_DIRTY },	/* bound without tracking */
		{ PAGE_ACCESSED | PAGE_DIRTY, PAGE_ACCESSED },			/* one written, one read */
		{ 0, 0 },
	};

	(void)state;
	answers(init, 2, page_bind, SLOT_CTX, VA(0), s, 2, RW);
	for (unsigned round = 0; round < 3; round++) {
		answers(init, 2, page_batch, SLOT_CTX, sim_put(init, op, sizeof(op)), 2);
		sim_get(init, op, sizeof(op));
		assert_int_equal(op[0].result, want[round][0]);
		assert_int_equal(op[1].result, want[round][1]);
		op[0].result = op[1].result = 0;
		if (round == 0) {
			sim_poke(VA(0), 1);
			sim_peek(VA(1));
		}
	}
}

/* Machines that leave accessed and dirty to software: what the kernel reads and writes for a program is used as well. */
static void a_copy_marks_what_it_touches(void **state)
{
	unsigned s = pages(2);
	pte_t *e;

	(void)state;
	boot_with(&(struct sim_config){ .asid_bits = 16, .ad_faults = true });
	init = sim_init_env;
	s = pages(2);
	answers(init, 2, page_bind, SLOT_CTX, VA(0), s, 2, RW | PROT_TRACK);
	e = sv39_entry(init->context, VA(0), 0);
	assert_int_equal(pte_used(e[0]) | pte_used(e[1]), 0);
	answers(init, 0, cap_info, SLOT_CTX, VA(0));
	assert_int_equal(pte_used(e[0]), PAGE_ACCESSED | PAGE_DIRTY);
	answers(init, -E_NOCAP, page_batch, SIM_SLOT_FREE + 200, VA(1), 1);
	assert_int_equal(pte_used(e[1]), 0);
	answers(init, -E_FAULT, cap_info, SLOT_CTX, VA(2) - 8);		/* only half of it is writable: nothing is touched */
	assert_int_equal(pte_used(e[1]), 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_page_costs_one_fence_of_its_address),
		T(a_binding_that_moves_costs_two),
		T(many_pages_cost_one_fence_of_their_context),
		T(a_batch_costs_one_whatever_is_in_it),
		T(a_page_that_goes_costs_one_if_it_was_bound),
		T(a_table_costs_one_of_its_context),
		T(a_context_that_never_ran_costs_nothing),
		T(a_refusal_costs_nothing),
		T(the_dirty_bits_that_a_batch_clears_are_told),
		T(a_copy_marks_what_it_touches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
