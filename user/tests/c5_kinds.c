/*
 * c5_kinds.c - C5, C3, C10: a capability of one kind where another is wanted, more rights than held, and names that are no more
 */
#include <exos/flow.h>

#include "check.h"

enum { PAGE, TABLE, CTX, ENV, SLICE, RING, CONSOLE, MACHINE, EMPTY, KINDS };

static const uint8_t type_of[KINDS] = {
	CAP_PAGE, CAP_TABLE, CAP_CTX, CAP_ENV, CAP_SLICE, CAP_RING, CAP_CONSOLE, CAP_MACHINE, CAP_NONE,
};
static unsigned int slot_of[KINDS];

static void make_one_of_each(void)
{
	unsigned int shared;
	void *va;

	shared = test_page(&va, PROT_R | PROT_W);
	for (int k = 0; k < KINDS; k++)
		MUST(slot_of[k] = k == EMPTY ? slot_alloc() : (unsigned int)page_new());
	MUST(sys_ctx_create(slot_of[CTX]));
	MUST(sys_table_bind(slot_of[CTX], 0, 1, slot_of[TABLE]));
	MUST(sys_env_create(slot_of[ENV], 10));
	MUST(sys_ring_create(slot_of[RING], shared, 7));
	slot_of[SLICE] = start_slot("slices");
	slot_of[CONSOLE] = start_slot("console");
	slot_of[MACHINE] = start_slot("machine");
}

#define WRONG(kind, call) do { \
		if (k != (kind)) { \
			long wrong_result = (call); \
			if (wrong_result != -E_NOCAP) \
				printf("kind %d: ", k); \
			check_is(wrong_result, -E_NOCAP, #call, __FILE__, __LINE__); \
		} \
	} while (0)

static void wrong_kinds(void)
{
	static struct flow_spec spec;
	static struct flow_predicate pred;
	struct env_regs regs;
	struct page_op op;
	char byte;

	for (int k = 0; k < KINDS; k++) {
		unsigned int s = slot_of[k], page = slot_of[PAGE];

		WRONG(CTX, sys_page_bind(s, 0x1000, page, 1, PROT_R));
		WRONG(CTX, sys_page_unbind(s, 0x1000, 1));
		WRONG(CTX, sys_page_protect(s, 0x1000, 1, PROT_R));
		WRONG(CTX, sys_page_batch(s, &op, 1));
		WRONG(CTX, sys_table_bind(s, 0, 0, page));
		WRONG(CTX, sys_table_unbind(s, 0, 0));
		WRONG(CTX, sys_expose_bind(s, 0x1000, 0, 0, 1, 0));
		WRONG(CTX, sys_env_set(0, ENV_CONTEXT, s, 0));
		WRONG(ENV, sys_yield(s));
		WRONG(ENV, sys_notify(s, EV_USER(0)));
		WRONG(ENV, sys_env_set(s, ENV_FP, 0, 0));
		WRONG(ENV, sys_env_regs(s, 0, &regs));
		WRONG(ENV, sys_page_alloc(s, 1, FRAME_ANY, 0));
		WRONG(ENV, sys_cap_copy(s, 1, slot_of[EMPTY], 0, 0, 0));
		WRONG(ENV, sys_cap_grant(page, s, 1, PROT_R, 0, 0));
		WRONG(ENV, sys_env_captab(s, page));
		WRONG(ENV, sys_slice_bind(slot_of[SLICE], 10, 1, s));
		WRONG(SLICE, sys_slice_bind(s, 10, 1, 0));
		WRONG(RING, sys_ring_buffer(s, 0, page));
		WRONG(RING, sys_net_send(s, page, NULL, 1, 0));
		if (k != MACHINE)	/* the report channel */
			WRONG(CONSOLE, sys_console_write(s, &byte, 0));
		WRONG(CONSOLE, sys_console_read(s, &byte, 0));
		WRONG(CONSOLE, sys_console_bind(s));
		WRONG(MACHINE, sys_poweroff(s, 0));
		WRONG(PAGE, sys_ctx_create(s));
		WRONG(PAGE, sys_env_create(s, 0));
		WRONG(PAGE, sys_env_captab(0, s));
		WRONG(PAGE, sys_table_bind(slot_of[CTX], 1ul << 30, 1, s));
		WRONG(PAGE, sys_env_set(0, ENV_UAREA, s, 0x30000000));
		WRONG(-1, sys_flow_derive(s, page, &spec, 0));
		WRONG(-1, sys_filter_bind(page, s, slot_of[RING], &pred, 0));
		if (k != PAGE && k != TABLE)
			CHECK_IS(sys_page_bind(ctx_slot(), 0x30000000, s, 1, PROT_R), -E_NOCAP);
		if (k == PAGE || k == TABLE || k == SLICE || k == CONSOLE || k == MACHINE || k == EMPTY)
			CHECK_IS(sys_object_end(s), -E_NOCAP);
	}
}

/* Everything is still what it was. */
static void unchanged(void)
{
	struct cap_info info;

	for (int k = 0; k < KINDS; k++) {
		long r = sys_cap_info(slot_of[k], &info);

		CHECK_IS(r, k == EMPTY ? -E_NOCAP : 0);
		if (r == 0)
			CHECK_IS(info.type, type_of[k]);
	}
}

static void numbers_that_are_no_slots(void)
{
	static const unsigned long none[] = { 0, 0x7fff, 0x8000, 1ul << 31, 1ul << 32 | 2, 1ul << 63, ~0ul };
	struct cap_info info;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		CHECK_IS(sys_cap_info(none[i], &info), -E_NOCAP);
		CHECK_IS(sys_cap_delete(none[i]), -E_NOCAP);
		CHECK_IS(sys_cap_revoke(none[i]), -E_NOCAP);
		CHECK_IS(sys_cap_word(none[i], 1), -E_NOCAP);
		CHECK_IS(sys_object_end(none[i]), -E_NOCAP);
		CHECK_IS(sys_cap_copy(0, slot_of[PAGE], none[i], PROT_R, 0, 0), -E_SLOT);
		CHECK_IS(sys_cap_copy(0, none[i], slot_of[EMPTY], PROT_R, 0, 0), -E_NOCAP);
		CHECK_IS(sys_page_alloc(0, none[i], FRAME_ANY, 0), -E_SLOT);
	}
}

static void rights_only_shrink(void)
{
	unsigned int copy = slot_alloc(), again = slot_alloc();

	for (unsigned long rights = 8; rights != 0; rights <<= 1)
		CHECK_IS(sys_cap_copy(0, slot_of[PAGE], copy, rights, 0, 0), -E_RIGHTS);
	CHECK_IS(sys_cap_copy(0, slot_of[PAGE], copy, ~0ul, 0, 0), -E_RIGHTS);
	for (unsigned long rights = 0; rights < 8; rights++) {
		CHECK_IS(sys_cap_copy(0, slot_of[PAGE], copy, rights, 0, 0), 0);
		for (unsigned long more = 0; more < 16; more++) {
			long r = sys_cap_copy(0, copy, again, more, 0, 0);

			CHECK_IS(r, (more & ~rights) == 0 ? 0 : -E_RIGHTS);
			if (r == 0)
				CHECK_IS(sys_cap_delete(again), 0);
		}
		CHECK_IS(sys_cap_delete(copy), 0);
	}
	CHECK_IS(sys_cap_copy(0, slot_of[PAGE], slot_of[PAGE], PROT_R, 0, 0), -E_SLOT);
	CHECK_IS(sys_cap_copy(0, slot_of[PAGE], copy, PROT_R, 0, 1), -E_INVAL);
	/* Slices: a part of the range, never more. */
	CHECK_IS(sys_cap_copy(0, slot_of[SLICE], copy, RIGHT_BIND, 0, 1), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, slot_of[SLICE], copy, RIGHT_BIND, 10, 0), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, slot_of[SLICE], copy, RIGHT_BIND, 63, 2), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, slot_of[SLICE], copy, RIGHT_BIND, 10, ~0ul), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, slot_of[SLICE], copy, RIGHT_BIND, 1ul << 32 | 10, 1), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, slot_of[SLICE], copy, RIGHT_BIND, 10, 4), 0);
	CHECK_IS(sys_slice_bind(copy, 9, 1, 0), -E_INVAL);
	CHECK_IS(sys_slice_bind(copy, 13, 2, 0), -E_INVAL);
	CHECK_IS(sys_slice_bind(copy, 13, ~0ul, 0), -E_INVAL);
	CHECK_IS(sys_slice_bind(copy, 10, 0, 0), -E_INVAL);
	CHECK_IS(sys_cap_copy(0, copy, again, RIGHT_BIND, 9, 2), -E_INVAL);
	CHECK_IS(sys_cap_delete(copy), 0);
}

/* The chain of copies has an end, and a revoke of its head takes all of it. */
static void deep_and_wide(void)
{
	unsigned int first = slot_alloc_run(600), n = 0;
	struct cap_info info;
	long r;

	CHECK_IS(sys_cap_copy(0, slot_of[PAGE], first, 7, 0, 0), 0);
	while (n < 500 && (r = sys_cap_copy(0, first + n, first + n + 1, 7, 0, 0)) == 0)
		n++;
	CHECK_IS(r, -E_LIMIT);
	CHECK_IS(n, CAP_DEPTH_MAX - 1);
	while ((r = sys_cap_revoke(slot_of[PAGE])) == 1)
		;
	CHECK_IS(r, 0);
	for (unsigned int i = 0; i <= n; i++)
		CHECK_IS(sys_cap_info(first + i, &info), -E_NOCAP);
	for (n = 0; n < 600 && (r = sys_cap_copy(0, slot_of[PAGE], first + n, 7, 0, 0)) == 0; n++)
		;
	CHECK_IS(r, -E_LIMIT);
	CHECK_IS(n, CAP_LIST_MAX - 1);
	while ((r = sys_cap_revoke(slot_of[PAGE])) == 1)
		CHECK_IS(sys_cap_copy(0, slot_of[PAGE], slot_of[EMPTY], 7, 0, 0), -E_BUSY);
	CHECK_IS(r, 0);
}

static void dead_names(void)
{
	unsigned int copy = slot_alloc();
	struct env_regs regs;

	CHECK_IS(sys_cap_copy(0, slot_of[ENV], copy, RIGHT_CONTROL | RIGHT_NOTIFY | RIGHT_YIELD, 0, 0), 0);
	CHECK_IS(sys_yield(slot_of[ENV]), -E_DEAD);		/* stopped */
	CHECK_IS(sys_notify(slot_of[ENV], EV_USER(0)), -E_DEAD);
	CHECK_IS(sys_object_end(copy), -E_RIGHTS);
	CHECK_IS(sys_object_end(slot_of[ENV]), 0);
	CHECK_IS(sys_object_end(slot_of[ENV]), -E_NOCAP);
	CHECK_IS(sys_env_regs(copy, 0, &regs), -E_NOCAP);
	CHECK_IS(sys_notify(copy, EV_USER(0)), -E_NOCAP);
	CHECK_IS(sys_cap_grant(slot_of[PAGE], copy, 5, PROT_R, 0, 0), -E_NOCAP);
	CHECK_IS(sys_cap_delete(slot_of[ENV]), 0);
	CHECK_IS(sys_cap_delete(slot_of[ENV]), -E_NOCAP);
}

int main(void)
{
	make_one_of_each();
	wrong_kinds();
	unchanged();
	numbers_that_are_no_slots();
	unchanged();
	rights_only_shrink();
	deep_and_wide();
	unchanged();
	dead_names();
	return verdict();
}
