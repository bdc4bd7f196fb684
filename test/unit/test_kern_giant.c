/*
 * test_kern_giant.c - pages of 1 GiB: joined, bound, split, given back in bounded pieces, and left behind by the dead
 *
 * The machine has 2 GiB, of which the host gives only what is written. The second GiB is free when it starts. It is zero, as all sparse
 * memory is, and marked so, that the kernel does not write all of it. The audit of half a million frames runs where it matters.
 */
/* ctest: timeout=300 */
#include "kern/expose.h"
#include "kern/page.h"
#include "kern_test.h"

#define GIB		(1ul << 30)
#define PAGE2M		(1ul << 21)
#define PARTS		512u
#define FIRST		((ppn_t)((SIM_RAM_BASE + GIB) >> PAGE_SHIFT))	/* frame of the second GiB */
#define PAGES		(PARTS * 512u)
#define AT		(2 * GIB)	/* an address for it: the world has nothing there */
#define SLOT		200u		/* of the first part */
#define RW		(PROT_R | PROT_W)

static struct env *init;

static void boot(uint32_t guarantee, struct sim_child *c)
{
	sim_fail = test_fail;
	sim_boot(&(struct sim_config){ .asid_bits = 16, .ram_bytes = 2 * GIB, .unwatched = true });
	init = sim_init_env;
	for (ppn_t p = FIRST; p < FIRST + PAGES; p++) {
		assert_int_equal(frame_of(p)->type, FRAME_FREE);
		frame_of(p)->last_owner = 0;
	}
	if (c != NULL)
		*c = sim_child(init, guarantee);
}

static int setup(void **state)
{
	(void)state;
	boot(0, NULL);
	return 0;
}

/* The 512 parts of 2 MiB, in slots of e from SLOT on. */
static void take_parts(struct env *e)
{
	while (e->nslots < SLOT + 2 * PARTS + 50)
		succeeds(e, env_captab, 0, sim_page(e));
	for (unsigned i = 0; i < PARTS; i++)
		answers(e, FIRST + i * 512, page_alloc, 0, SLOT + i, FIRST + i * 512, 1);
}

static void take_giant(struct env *e)
{
	take_parts(e);
	answers(e, 0, page_join, SLOT);
	audit();
}

/* Refused, and the frame table and the slots are what they were: a hash of all memory would take the 2 GiB from the host. */
#define refused_here(e, err, name, ...) \
	do { \
		uint64_t before_ = digest(e); \
		answers(e, -(err), name, ##__VA_ARGS__); \
		assert_true(digest(e) == before_); \
	} while (0)

static uint64_t digest_of(uint64_t h, const void *from, size_t n)
{
	for (const uint64_t *w = from; n >= 8; n -= 8, w++)
		h = ((h ^ *w) * 0x9e3779b97f4a7c15u) ^ h >> 29;
	return h;
}

static uint64_t digest(const struct env *e)
{
	uint64_t h = digest_of(1, frame_of(FIRST), PAGES * sizeof(struct frame));

	h = digest_of(h, priv_of(FIRST), PAGES * sizeof(struct frame_priv));
	for (unsigned i = 0; i < e->ncaptab; i++)
		h = digest_of(h, e->captab[i], PAGE_SIZE);
	h = digest_of(h, page_kva(e->context), PAGE_SIZE);
	return digest_of(h, e->pub, offsetof(struct exposed_env, used));
}

static void a_page_of_1gib_is_joined_of_512_and_falls_apart_again(void **state)
{
	uint32_t held;

	(void)state;
	take_parts(init);
	held = init->pub->held;
	*(uint64_t *)page_kva(FIRST + 300 * 512 + 7) = 0x77;
	refused_here(init, E_INVAL, page_alloc, 0, SLOT + PARTS, FIRST, 2);	/* not in one call */
	refused_here(init, E_INVAL, page_join, SLOT + 1);			/* not aligned */
	answers(init, 0, page_join, SLOT);
	audit();
	assert_int_equal(frame_of(FIRST)->order, 2);
	assert_int_equal(frame_of(FIRST)->ncaps, 1);
	assert_int_equal(init->pub->held, held);
	for (unsigned i = 1; i < PARTS; i++) {
		assert_int_equal(sim_cap(init, SLOT + i)->type, CAP_NONE);
		assert_int_equal(frame_of(FIRST + i * 512)->tail, 1);
		assert_int_equal(frame_of(FIRST + i * 512)->parent, FIRST);
		answers(init, -E_NOMEM, page_alloc, 0, SLOT + PARTS, FIRST + i * 512, i % 2);
	}
	refused_here(init, E_INVAL, page_join, SLOT);				/* there is nothing larger */
	refused_here(init, E_TYPE, ctx_create, SLOT);
	refused_here(init, E_INVAL, env_set, 0, ENV_UAREA, SLOT, SIM_UAREA);
	/* Every slot that it needs. */
	for (unsigned i = 1; i < PARTS; i += i % 64 == 0 ? 63 : 7) {
		answers(init, 0, cap_copy, 0, SLOT_CONSOLE, SLOT + i, 0, 0, 0);
		answers(init, -E_SLOT, page_split, SLOT, SLOT + 1);
		answers(init, 0, cap_delete, SLOT + i);
	}
	answers(init, 0, page_split, SLOT, SLOT + 1);
	audit();
	for (unsigned i = 0; i < PARTS; i++) {
		assert_int_equal(sim_frame(init, SLOT + i), FIRST + i * 512);
		assert_int_equal(frame_of(FIRST + i * 512)->order, 1);
	}
	assert_int_equal(*(uint64_t *)page_kva(FIRST + 300 * 512 + 7), 0x77);
	/* One part small: then there is no larger page, until it is whole again. */
	answers(init, 0, page_split, SLOT + 300, SLOT + PARTS);
	audit();
	refused_here(init, E_INVAL, page_join, SLOT);
	sim_bind(init, SIM_FREE, SLOT + PARTS + 6, RW);
	assert_int_equal(sim_peek(SIM_FREE), 0x77);
	answers(init, 0, cap_delete, SLOT + 300);
	for (unsigned i = 0; i < 511; i++)
		answers(init, 0, cap_delete, SLOT + PARTS + i);
	refused_here(init, E_NOCAP, page_join, SLOT);
	answers(init, FIRST + 300 * 512, page_alloc, 0, SLOT + 300, FIRST + 300 * 512, 1);
	answers(init, 0, page_join, SLOT);
	audit();
	assert_int_equal(init->pub->held, held);
}

static void it_is_one_leaf_of_the_root(void **state)
{
	unsigned s = sim_page(init), fences;
	struct cap_info info;
	uint64_t v;

	(void)state;
	take_giant(init);
	for (unsigned long off = PAGE_SIZE; off < GIB; off <<= 1)
		refused_here(init, E_INVAL, page_bind, SLOT_CTX, AT + off, SLOT, 1, PROT_R);
	refused_here(init, E_INVAL, page_bind, SLOT_CTX, SV39_USER_TOP, SLOT, 1, PROT_R);
	refused_here(init, E_INVAL, page_bind, SLOT_CTX, AT, SLOT, 2, PROT_R);
	refused_here(init, E_BUSY, page_bind, SLOT_CTX, 0, SLOT, 1, PROT_R);		/* a table of level 1 is there */
	answers(init, 1, page_bind, SLOT_CTX, AT, SLOT, 1, RW);
	audit();
	refused_here(init, E_EXISTS, table_bind, SLOT_CTX, AT + 5 * PAGE2M, 1, s);
	refused_here(init, E_NOTABLE, table_bind, SLOT_CTX, AT + 5 * PAGE2M, 0, s);
	refused_here(init, E_NOTABLE, table_unbind, SLOT_CTX, AT, 1);
	refused_here(init, E_NOTABLE, page_bind, SLOT_CTX, AT + PAGE_SIZE, s, 1, PROT_R);
	refused_here(init, E_TYPE, page_split, SLOT, SLOT + 1);
	/* First, last and middle are where they belong. */
	for (unsigned i = 0; i < PARTS; i += i == 0 ? 1 : i) {
		sim_poke(AT + i * PAGE2M + 8 * i, i + 1);
		assert_int_equal(*(uint64_t *)((char *)page_kva(FIRST + i * 512) + 8 * i), i + 1);
	}
	sim_poke(AT + GIB - 8, 0x99);
	assert_int_equal(*((uint64_t *)page_kva(FIRST + PAGES - 1) + 511), 0x99);
	assert_int_equal(sim_load(AT + GIB, &v, 8), 13);
	assert_int_equal(sim_load(AT - 8, &v, 8), 13);
	/* The kernel copies across its inner borders, and not across its end. */
	answers(init, 0, cap_info, SLOT, AT + 9 * PAGE2M - 24);
	sim_run(init);
	for (unsigned i = 0; i < sizeof(info) / 8; i++)
		((uint64_t *)&info)[i] = sim_peek(AT + 9 * PAGE2M - 24 + 8 * i);
	assert_int_equal(info.order, 2);
	assert_int_equal(info.object, FIRST);
	assert_int_equal(info.bound_va, AT);
	refused_here(init, E_FAULT, cap_info, SLOT, AT + GIB - 24);
	/* Protection is that of all of it, whichever address is named. */
	answers(init, 1, page_protect, SLOT_CTX, AT + 77 * PAGE2M + 3 * PAGE_SIZE, 1, PROT_R);
	assert_int_equal(sim_store(AT + GIB - 8, 0, 8), 15);
	assert_int_equal(sim_store(AT, 0, 8), 15);
	assert_int_equal(sim_peek(AT + GIB - 8), 0x99);
	/* One fence reaches all of it. */
	for (unsigned i = 0; i < PARTS; i += 7)
		sim_peek(AT + i * PAGE2M + i * PAGE_SIZE);
	fences = sim_counts.fences_page;
	answers(init, 1, page_unbind, SLOT_CTX, AT + 333 * PAGE2M, 1);
	assert_int_equal(sim_counts.fences_page, fences + 1);
	for (unsigned i = 0; i < PARTS; i++)
		assert_int_equal(sim_load(AT + i * PAGE2M + i * PAGE_SIZE, &v, 8), 13);
	/* At the very top of the lower half; from there it moves, and then a table can stand there. */
	answers(init, 1, page_bind, SLOT_CTX, SV39_USER_TOP - GIB, SLOT, 1, PROT_R);
	assert_int_equal(sim_peek(SV39_USER_TOP - 8), 0x99);
	answers(init, 1, page_bind, SLOT_CTX, AT, SLOT, 1, PROT_R);
	assert_int_equal(sim_load(SV39_USER_TOP - 8, &v, 8), 13);
	answers(init, 0, table_bind, SLOT_CTX, SV39_USER_TOP - GIB, 1, s);
	refused_here(init, E_BUSY, page_bind, SLOT_CTX, SV39_USER_TOP - GIB, SLOT, 1, PROT_R);
	answers(init, 0, table_unbind, SLOT_CTX, SV39_USER_TOP - GIB, 1);
	audit();
	sim_tlb_check();
}

static void it_is_lent_and_taken_back_like_others(void **state)
{
	struct sim_child a;
	uint64_t v;

	(void)state;
	boot(60, &a);
	take_giant(init);
	answers(init, 0, cap_grant, SLOT, a.slot, 90, PROT_R, 0, 0);
	refused_here(init, E_TYPE, page_split, SLOT, SLOT + 1);
	refused_here(a.env, E_TYPE, page_split, 90, 91);
	refused_here(a.env, E_RIGHTS, page_bind, SIM_SLOT_CTX, AT, 90, 1, RW);
	answers(a.env, 1, page_bind, SIM_SLOT_CTX, AT, 90, 1, PROT_R);
	*(uint64_t *)page_kva(FIRST + 1000) = 4711;
	sim_run(a.env);
	assert_int_equal(sim_peek(AT + 1000 * PAGE_SIZE), 4711);
	audit();
	answers(init, 0, cap_revoke, SLOT);
	sim_run(a.env);
	assert_int_equal(sim_load(AT + 1000 * PAGE_SIZE, &v, 8), 13);
	audit();
	sim_tlb_check();
	answers(init, 0, page_split, SLOT, SLOT + 1);
}

static void parts_that_differ_are_not_joined(void **state)	/* M6 */
{
	static const unsigned places[] = { 0, 1, 255, 256, 510, 511 };
	unsigned c = SLOT + PARTS + 20;
	struct sim_child b;

	(void)state;
	boot(700, &b);
	take_parts(init);
	for (unsigned i = 0; i < PARTS; i++) {
		answers(init, 0, cap_copy, 0, SLOT + i, c, 0, 0, 0);
		answers(init, -E_TYPE, page_join, SLOT);
		answers(init, 0, cap_delete, c);
	}
	for (unsigned n = 0; n < ARRAY_SIZE(places); n++) {
		unsigned i = places[n], s = SLOT + i;
		ppn_t p = FIRST + i * 512;

		answers(init, 1, page_bind, SLOT_CTX, SIM_NOTABLE - PAGE2M, s, 1, PROT_R);
		refused_here(init, E_TYPE, page_join, SLOT);
		answers(init, 1, page_unbind, SLOT_CTX, SIM_NOTABLE - PAGE2M, 1);
		answers(init, 0, cap_copy, 0, s, c, RW, 0, 0);
		answers(init, 0, cap_delete, s);
		answers(init, 0, cap_copy, 0, c, s, RW, 0, 0);
		answers(init, 0, cap_delete, c);
		refused_here(init, E_TYPE, page_join, SLOT);		/* without X */
		answers(init, 0, cap_delete, s);
		refused_here(init, E_NOCAP, page_join, SLOT);
		answers(b.env, p, page_alloc, 0, 90, p, 1);
		answers(init, 0, cap_copy, b.slot, 90, s, RW | PROT_X, 0, 0);
		refused_here(init, E_TYPE, page_join, SLOT);
		answers(b.env, 0, cap_delete, 90);
		refused_here(init, E_TYPE, page_join, SLOT);		/* the only one, but charged to another */
		answers(init, 0, cap_delete, s);
		answers(init, p, page_alloc, 0, s, p, 0);
		refused_here(init, E_INVAL, page_join, SLOT);		/* the first 4 KiB alone */
		answers(init, 0, cap_delete, s);
		answers(init, p, page_alloc, 0, s, p, 1);
	}
	answers(init, 0, page_join, SLOT);
	audit();
}

static void it_goes_back_in_bounded_pieces(void **state)
{
	unsigned copy = SLOT + PARTS + 20, calls = 0;
	uint32_t free, held;
	uint64_t v;
	long r;

	(void)state;
	take_giant(init);
	answers(init, 1, page_bind, SLOT_CTX, AT, SLOT, 1, RW);
	sim_poke(AT + GIB / 2, 5);
	/* While there is a copy, one goes like any other. */
	answers(init, 0, cap_copy, 0, SLOT, copy, RW, 0, 0);
	free = system_info->free_frames;
	answers(init, 0, cap_delete, copy);
	assert_int_equal(system_info->free_frames, free);
	held = init->pub->held;
	do {
		uint32_t before = system_info->free_frames;

		r = succeeds(init, cap_delete, SLOT);
		calls++;
		assert_in_range(system_info->free_frames - before, 1, 1024);
		if (calls == 1) {	/* nobody reaches it, and nothing else becomes of it */
			sim_run(init);
			assert_int_equal(sim_load(AT + GIB / 2, &v, 8), 13);
			refused_here(init, E_RIGHTS, page_bind, SLOT_CTX, AT, SLOT, 1, PROT_R);
			refused_here(init, E_TYPE, page_split, SLOT, SLOT + 1);
			refused_here(init, E_RIGHTS, cap_copy, 0, SLOT, copy, PROT_R, 0, 0);
			/* What has gone back is anybody's. */
			answers(init, FIRST + PAGES - 1, page_alloc, 0, copy, FIRST + PAGES - 1, 0);
			answers(init, 0, cap_delete, copy);
		}
		if (r == 0 || calls == 1 || calls == 300)
			audit();
	} while (r != 0);
	assert_in_range(calls, 500, 520);
	assert_int_equal(system_info->free_frames, free + PAGES);
	assert_int_equal(init->pub->held, held - PAGES);
	assert_int_equal(sim_cap(init, SLOT)->type, CAP_NONE);
	/* It can be taken again at once. */
	for (ppn_t p = FIRST; p < FIRST + PAGES; p++)
		frame_of(p)->last_owner = 0;
	take_giant(init);
}

/* In steps that are counted, each of which leaves everything lawful. */
static void end_in_steps(struct sim_child *c)
{
	unsigned steps = 0;
	uint32_t most = 0;

	for (long r = 1; r != 0; steps++) {
		uint32_t before = system_info->free_frames;

		r = succeeds(init, object_end, c->slot);
		if (system_info->free_frames - before > most)
			most = system_info->free_frames - before;
		if (r == 0 || steps == 3)
			audit();
	}
	assert_in_range(steps, 8, 600);
	assert_in_range(most, 1, 64 * 512);
	answers(init, 0, cap_delete, c->slot);
}

static void the_death_of_its_holder_gives_it_back(void **state)	/* M18 */
{
	for (unsigned how = 0; how < 3; how++) {
		struct sim_child a;
		uint32_t promised, held;
		uint64_t v;

		setup(state);
		promised = system_info->promised_frames;
		held = init->pub->held;
		a = sim_child(init, PAGES + 200);
		take_giant(a.env);
		assert_true(a.env->pub->held > PAGES);
		answers(a.env, 1, page_bind, SIM_SLOT_CTX, AT, SLOT, 1, RW);
		sim_run(a.env);
		sim_poke(AT + 12345 * 8, 6);
		if (how == 1) {		/* it was lent, and is bound there: it goes with the one who paid for it */
			answers(init, 0, cap_copy, a.slot, SLOT, SLOT, RW, 0, 0);
			answers(init, 1, page_bind, SLOT_CTX, AT, SLOT, 1, RW);
			assert_int_equal(sim_peek(AT + 12345 * 8), 6);
		}
		if (how == 2)		/* in the middle of giving it back */
			for (unsigned i = 0; i < 100; i++)
				answers(a.env, 1, cap_delete, SLOT);
		end_in_steps(&a);
		if (how == 1) {
			assert_int_equal(sim_cap(init, SLOT)->type, CAP_NONE);
			assert_int_equal(sim_load(AT + 12345 * 8, &v, 8), 13);
		}
		for (ppn_t p = FIRST; p < FIRST + PAGES; p++)
			assert_int_equal(frame_of(p)->type, FRAME_FREE);
		/* The page of its record and those of its context are the parent's again. */
		sim_end(init, a.ctx);
		assert_in_range(init->pub->held, held, held + 8);
		assert_int_equal(system_info->promised_frames + init->pub->held, promised + held);
		sim_tlb_check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_page_of_1gib_is_joined_of_512_and_falls_apart_again),
		T(it_is_one_leaf_of_the_root),
		T(it_is_lent_and_taken_back_like_others),
		T(parts_that_differ_are_not_joined),
		T(it_goes_back_in_bounded_pieces),
		cmocka_unit_test(the_death_of_its_holder_gives_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
