/*
 * test_kern_calls.c - every call with every argument out of range: an error of its list, and an unchanged system
 *
 * For each call a set of arguments that works, in a world that has what it needs. Then one argument after the other, and pairs of
 * them, are replaced by values from the edges, and the machine is set back each time. A refusal must leave the complete state as it was.
 */
/* ctest: timeout=300 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/syscall.h"
#include "kern_test.h"

static struct env *init;
static struct sim_child a;
static struct sim_snapshot *world;

/* Slots of the first environment. */
static unsigned page, page2, shared, object, ctx, table_page, ring_page, ring, buffer, flow, derived, notify_only, large;

static void put_at(vaddr_t at, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sim_store(at + i, ((const uint8_t *)from)[i], 1), 0);
}

#define SPEC	(SIM_ARGS + 0x100)
#define PRED	(SIM_ARGS + 0x800)
#define SEGS	(SIM_ARGS + 0xc00)
#define OPS	(SIM_ARGS + 0xd00)
#define REGS	(SIM_ARGS + 0xe00)
#define ROOM	SIM_DATA

static void build(void)
{
	struct flow_spec spec = { .version = FLOW_VERSION, .receive.version = FLOW_VERSION, .send.version = FLOW_VERSION };
	struct flow_predicate pred = { .version = FLOW_VERSION, .natoms = 1, .atom[0] = { 12, 2, 0, 0xffff, 0x0806 } };
	struct send_segment seg;
	struct page_op op;
	struct env_regs regs = { .pc = SIM_CODE };

	sim_fail = test_fail;
	sim_boot(&(struct sim_config){ .asid_bits = 16, .nic = true });
	init = sim_init_env;
	a = sim_child(init, 80);
	page = sim_page(init);
	page2 = sim_page(init);
	shared = sim_page(init);
	answers(init, 0, cap_copy, 0, shared, sim_slot(init), PROT_R, 0, 0);
	object = sim_page(init);
	ctx = sim_context(init);
	table_page = sim_page(init);
	ring_page = sim_page(init);
	ring = sim_page(init);
	answers(init, 0, ring_create, ring, sim_page(init), 1);
	buffer = sim_page(init);
	flow = SLOT_FLOW;
	derived = sim_page(init);
	notify_only = sim_slot(init);
	answers(init, 0, cap_copy, 0, a.slot, notify_only, RIGHT_NOTIFY, 0, 0);
	large = sim_slot(init);
	succeeds(init, page_alloc, 0, large, (first_ppn + 1023) & ~511u, 1);
	answers(init, 1, page_unbind, SLOT_CTX, SIM_DATA, 1);
	sim_bind(init, SIM_DATA, page2, PROT_R | PROT_W);
	seg = (struct send_segment){ .slot = page2, .offset = 0, .length = 60 };
	op = (struct page_op){ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = page, .va = SIM_FREE };
	put_at(SPEC, &spec, sizeof(spec));
	put_at(PRED, &pred, sizeof(pred));
	put_at(SEGS, &seg, sizeof(seg));
	put_at(OPS, &op, sizeof(op));
	put_at(REGS, &regs, sizeof(regs));
	answers(init, 0, env_set, a.slot, ENV_RUN, 0, 0);	/* stopped, so that its registers can be written */
}

/* Errors that the reference page of each call names. */
struct call {
	unsigned number;
	unsigned long arg[6];
	const char *errors;
};

static bool documented(const char *errors, long result)
{
	const char *name = sim_error(result) + 1;	/* without the minus */

	return strstr(errors, name + 2) != NULL;
}

static struct call calls[64];
static unsigned ncalls;

static void add(unsigned number, const char *errors, unsigned long b, unsigned long c, unsigned long d, unsigned long e,
		unsigned long f, unsigned long g)
{
	calls[ncalls++] = (struct call){ number, { b, c, d, e, f, g }, errors };
}

static void list(void)
{
	unsigned empty = sim_slot(init);

	ncalls = 0;
	add(CALL_null, "", 0, 0, 0, 0, 0, 0);
	add(CALL_notify, "NOCAP RIGHTS INVAL DEAD", SLOT_SELF, EV_USER(2), 0, 0, 0, 0);
	add(CALL_cap_copy, "NOCAP SLOT RIGHTS INVAL TYPE LIMIT DEAD BUSY", 0, page, empty, PROT_R, 0, 0);
	add(CALL_cap_copy, "NOCAP SLOT RIGHTS INVAL TYPE LIMIT DEAD BUSY", a.slot, SIM_SLOT_DATA, empty, PROT_R, 0, 0);
	add(CALL_cap_copy, "NOCAP SLOT RIGHTS INVAL TYPE LIMIT DEAD BUSY", 0, SLOT_SLICES, empty, RIGHT_BIND, 3, 7);
	add(CALL_cap_grant, "NOCAP SLOT RIGHTS INVAL TYPE LIMIT DEAD BUSY", page, a.slot, 80, PROT_R, 0, 0);
	add(CALL_cap_delete, "NOCAP BUSY", page, 0, 0, 0, 0, 0);
	add(CALL_cap_revoke, "NOCAP", shared, 0, 0, 0, 0, 0);
	add(CALL_cap_info, "NOCAP FAULT", page, ROOM, 0, 0, 0, 0);
	add(CALL_cap_word, "NOCAP RIGHTS INVAL", page, 5, 0, 0, 0, 0);
	add(CALL_object_end, "NOCAP RIGHTS BUSY TYPE", ctx, 0, 0, 0, 0, 0);
	add(CALL_page_alloc, "NOCAP SLOT INVAL NOMEM QUOTA DEAD RIGHTS", 0, empty, FRAME_ANY, 0, 0, 0);
	add(CALL_page_alloc, "NOCAP SLOT INVAL NOMEM QUOTA DEAD RIGHTS", a.slot, 80, frame_any(), 0, 0, 0);
	add(CALL_page_bind, "NOCAP RIGHTS INVAL NOTABLE BUSY TYPE", SLOT_CTX, SIM_FREE, page, 1, PROT_R | PROT_W, 0);
	add(CALL_page_bind, "NOCAP RIGHTS INVAL NOTABLE BUSY TYPE", SLOT_CTX, SIM_FREE, page, 2, PROT_R, 0);
	add(CALL_page_bind, "NOCAP RIGHTS INVAL NOTABLE BUSY TYPE", SLOT_CTX, 1ul << 21, large, 1, PROT_R, 0);
	add(CALL_page_unbind, "NOCAP RIGHTS INVAL", SLOT_CTX, SIM_CODE, 1, 0, 0, 0);
	add(CALL_page_protect, "NOCAP INVAL RIGHTS NOTBOUND", SLOT_CTX, SIM_CODE, 1, PROT_R, 0, 0);
	add(CALL_page_batch, "NOCAP RIGHTS INVAL FAULT", SLOT_CTX, OPS, 1, 0, 0, 0);
	add(CALL_page_join, "NOCAP INVAL TYPE", page, 0, 0, 0, 0, 0);
	add(CALL_page_split, "NOCAP SLOT INVAL TYPE", large, 400, 0, 0, 0, 0);
	add(CALL_table_bind, "NOCAP RIGHTS INVAL TYPE EXISTS NOTABLE", SLOT_CTX, SIM_NOTABLE, 1, table_page, 0, 0);
	add(CALL_table_bind, "NOCAP RIGHTS INVAL TYPE EXISTS NOTABLE", SLOT_CTX, 1ul << 22, 0, table_page, 0, 0);
	add(CALL_table_unbind, "NOCAP RIGHTS INVAL NOTABLE BUSY", ctx, 0, 0, 0, 0, 0);
	add(CALL_ctx_create, "NOCAP TYPE RIGHTS", object, 0, 0, 0, 0, 0);
	add(CALL_expose_bind, "NOCAP RIGHTS INVAL NOTABLE", SLOT_CTX, SIM_FREE, EXPOSE_FRAMES, 1, 2, 0);
	add(CALL_env_create, "NOCAP TYPE RIGHTS QUOTA LIMIT", object, 5, 0, 0, 0, 0);
	add(CALL_env_captab, "NOCAP TYPE RIGHTS DEAD LIMIT", a.slot, object, 0, 0, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_CONTEXT, ctx, 0, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_UAREA, page, SIM_UAREA, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_HANDLER, UP_FAULT, SIM_CODE, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_RESUME, SIM_CODE, SIM_CODE + 32, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_WINDOW, 10, 10, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_FP, 1, 0, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY QUOTA", a.slot, ENV_GUARANTEE, 81, 0, 0, 0);
	add(CALL_env_set, "NOCAP RIGHTS INVAL DEAD BUSY", a.slot, ENV_RUN, 1, 0, 0, 0);
	add(CALL_env_regs, "NOCAP RIGHTS DEAD BUSY FAULT INVAL", a.slot, 0, ROOM, 0, 0, 0);
	add(CALL_env_regs, "NOCAP RIGHTS DEAD BUSY FAULT INVAL", a.slot, 1, REGS, 0, 0, 0);
	add(CALL_slice_bind, "NOCAP RIGHTS INVAL DEAD", SLOT_SLICES, 3, 4, a.slot, 0, 0);
	add(CALL_flow_derive, "NOCAP RIGHTS TYPE FAULT INVAL IMPLY LIMIT BUSY", flow, derived, SPEC, RIGHTS_ALL, 0, 0);
	add(CALL_ring_create, "NOCAP RIGHTS TYPE INVAL", ring_page, page, 3, 0, 0, 0);
	add(CALL_ring_buffer, "NOCAP RIGHTS INVAL EXISTS", ring, 5, buffer, 0, 0, 0);
	add(CALL_filter_bind, "NOCAP RIGHTS TYPE FAULT INVAL IMPLY EXISTS LIMIT BUSY", object, flow, ring, PRED, 0, 0);
	add(CALL_net_send, "NOCAP RIGHTS FAULT INVAL IMPLY FULL IO NODEV", ring, flow, SEGS, 1, 77, 0);
	add(CALL_console_write, "NOCAP FAULT NODEV", SLOT_CONSOLE, ROOM, 10, 0, 0, 0);
	add(CALL_console_write, "NOCAP FAULT NODEV", SLOT_MACHINE, ROOM, 10, 0, 0, 0);
	add(CALL_console_read, "NOCAP FAULT", SLOT_CONSOLE, ROOM, 10, 0, 0, 0);
	add(CALL_console_bind, "NOCAP INVAL", SLOT_CONSOLE, 0, 0, 0, 0, 0);
	add(CALL_poweroff, "NOCAP INVAL", SLOT_MACHINE, 3, 0, 0, 0, 0);
	add(CALL_trace_set, "NOCAP INVAL", SLOT_MACHINE, 1, 0, 0, 0, 0);
	add(CALL_wait, "INVAL", EV_USER(4), 0, 0, 0, 0, 0);
	add(CALL_yield, "NOCAP RIGHTS DEAD BUSY", 0, 0, 0, 0, 0, 0);
}

static unsigned answered, refused_calls;

/* From the saved world: the call, and what it left. */
static void attempt(const struct call *c, const unsigned long *arg)
{
	uint64_t before;
	long r;

	sim_restore(world);
	/* What ends the machine or the caller has tests of its own. */
	if (c->number == CALL_poweroff && arg[0] == SLOT_MACHINE && arg[1] <= 255)
		return;
	before = sim_state_hash();
	r = sim_ecall(init, c->number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (r >= 0 || r == SIM_SWITCHED) {
		answered++;
		return;
	}
	refused_calls++;
	if (!documented(c->errors, r))
		fail_msg("%s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %s, which is not in its list", call_names[c->number], arg[0], arg[1],
			 arg[2], arg[3], arg[4], arg[5], sim_error(r));
	if (sim_state_hash() != before)
		fail_msg("%s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %s, but something changed", call_names[c->number], arg[0], arg[1],
			 arg[2], arg[3], arg[4], arg[5], sim_error(r));
}

static const unsigned long edges[] = {
	0, 1, 2, 7, 15, 16, 63, 64, 65, 127, 128, 255, 256, 511, 512, 513, 1023, 1024, 1025, 4095, 4096, 32767, 32768, 65535, 65536,
	0x7fffffff, 0x80000000, 0x80000000 >> 12, 0xffffffff, 1ul << 32, (1ul << 32) + 1, (1ul << 32) + 16, 1ul << 38, (1ul << 38) - 1,
	(1ul << 38) - 4096, 1ul << 39, 1ul << 52, 1ul << 62, 1ul << 63, (1ul << 63) + 1, (1ul << 63) - 1, ~0ul, ~0ul - 1, ~0ul - 7,
	~0ul - 4095, ~0ul - 4096, 0xffffffc080000000, 0xffffffffffe00000, SIM_ARGS, SIM_ARGS + 1, SIM_ARGS + 2 * PAGE_SIZE - 8, SIM_CODE,
	SIM_UAREA + PAGE_SIZE - 1, SIM_FREE, SIM_NOTABLE,
};

static int group_setup(void **state)
{
	(void)state;
	build();
	list();
	world = sim_save();
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sim_snapshot_free(world);
	return 0;
}

/* A world in which what should be refused would also fail for want of something proves nothing. */
static void each_call_works_with_the_right_arguments(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ncalls; i++) {
		const struct call *c = &calls[i];
		long r;

		sim_restore(world);
		if (c->number == CALL_poweroff || c->number == CALL_page_join || c->number == CALL_table_unbind)
			continue;
		r = sim_ecall(init, c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
		if (r < 0 && r != SIM_SWITCHED)
			fail_msg("%s: %s", call_names[c->number], sim_error(r));
	}
}

static void one_wrong_argument_changes_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ncalls; i++)
		for (unsigned n = 0; n < 6; n++)
			for (unsigned e = 0; e < ARRAY_SIZE(edges); e++) {
				unsigned long arg[6];

				memcpy(arg, calls[i].arg, sizeof(arg));
				arg[n] = edges[e];
				attempt(&calls[i], arg);
				if (n >= 2 && e % 3 != 0 && arg[n - 1] == 0 && calls[i].arg[n] == 0)
					break;	/* arguments that the call does not have */
			}
	assert_true(refused_calls > 2000);
}

/* The same for every slot that holds something: wrong types, copies with fewer rights, objects in use. */
static void every_slot_in_every_place_is_judged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ncalls; i++)
		for (unsigned n = 0; n < 4; n++)
			for (unsigned s = 0; s < 100; s++) {
				unsigned long arg[6];

				if (s != 0 && sim_cap(init, s)->type == CAP_NONE)
					continue;
				/* Ending its own context or slices would be an answer. */
				memcpy(arg, calls[i].arg, sizeof(arg));
				if (arg[n] == 0 || arg[n] > 200)
					continue;
				arg[n] = s;
				attempt(&calls[i], arg);
			}
}

static void numbers_that_are_no_calls_are_refused(void **state)	/* S5, S9 */
{
	uint64_t before;

	(void)state;
	sim_restore(world);
	before = sim_state_hash();
	for (unsigned long n = CALL_COUNT; n < 1u << 16; n++)
		if (sim_ecall(init, n, n, ~n, n, 1, 2, 3) != -E_NOCALL)
			fail_msg("number %lu is a call", n);
	for (unsigned bit = 16; bit < 64; bit++)
		for (unsigned long n = 0; n < CALL_COUNT; n++)
			assert_int_equal(sim_ecall(init, 1ul << bit | n, 1, 2, 3, 4, 5, 6), -E_NOCALL);
	/* Those of the firmware: shutdown, time, harts, fences. */
	assert_int_equal(sim_ecall(init, 0x53525354, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	assert_int_equal(sim_ecall(init, 0x54494d45, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	assert_int_equal(sim_ecall(init, 0x48534d, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	assert_int_equal(sim_state_hash(), before);
}

static void power_goes_off_with_the_code(void **state)
{
	(void)state;
	sim_restore(world);
	if (setjmp(sim_power) == 0) {
		sim_power_armed = true;
		sim_call(init, poweroff, SLOT_MACHINE, 42);
		fail_msg("poweroff came back");
	}
	assert_int_equal(sim_power_code, 42);
	sim_restore(world);
	/* The first environment was the last hope. */
	if (setjmp(sim_power) == 0) {
		sim_power_armed = true;
		sim_call(init, exit, 3);
		fail_msg("the first environment is gone and the machine goes on");
	}
	assert_int_equal(sim_power_code, 1);
	assert_non_null(strstr(sim_console, "first environment stopped"));
}

/* ---- memory of the caller ---- */

static void memory_is_copied_whole_or_not_at_all(void **state)	/* S1, S2, S3 */
{
	const uint64_t end = SIM_ARGS + 2 * PAGE_SIZE + PAGE_SIZE;	/* arguments and u-area lie next to each other */

	(void)state;
	sim_restore(world);
	memset(sim_console, 0, sizeof(sim_console));
	answers(init, 4, console_write, SLOT_CONSOLE, end - 4, 4);
	sim_console_room = 3;
	answers(init, 3, console_write, SLOT_CONSOLE, end - 4, 4);
	answers(init, 0, console_write, SLOT_CONSOLE, end - 4, 4);
	sim_console_room = UINT32_MAX;
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, end - 4, 5);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, end, 1);
	answers(init, 0, console_write, SLOT_CONSOLE, end, 0);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, ~0ul - 3, 8);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, SV39_USER_TOP - 1, 2);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, 0xffffffc080000000, 8);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, 0, 1);
	/* A length beyond any bound is cut, then judged. */
	answers(init, CONSOLE_MAX, console_write, SLOT_CONSOLE, SIM_ARGS, 1ul << 63);
	answers(init, CONSOLE_MAX, console_write, SLOT_CONSOLE, SIM_ARGS, ~0ul);
	/* Execute-only memory is not read, read-only memory not written. */
	answers(init, 1, page_protect, SLOT_CTX, SIM_DATA, 1, PROT_X);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, SIM_DATA, 1);
	answers(init, 1, page_protect, SLOT_CTX, SIM_DATA, 1, PROT_R);
	answers(init, 1, console_write, SLOT_CONSOLE, SIM_DATA, 1);
	sim_type("hello");
	sim_irq_raise(10);
	sim_interrupt(IRQ_EXTERNAL);
	sim_irq_lower(10);
	refused(init, E_FAULT, console_read, SLOT_CONSOLE, SIM_DATA, 5);
	refused(init, E_FAULT, console_read, SLOT_CONSOLE, end - 4, 5);
	answers(init, 3, console_read, SLOT_CONSOLE, SIM_ARGS, 3);
	answers(init, 2, console_read, SLOT_CONSOLE, SIM_ARGS + 3, 100);
	answers(init, 0, console_read, SLOT_CONSOLE, SIM_ARGS, 100);
	assert_int_equal(sim_peek(SIM_ARGS) & 0xffffffffff, 0x6f6c6c6568);
}

static void a_large_page_is_memory_like_any_other(void **state)
{
	(void)state;
	sim_restore(world);
	answers(init, 1, page_bind, SLOT_CTX, SIM_NOTABLE - (1ul << 21), large, 1, PROT_R | PROT_W);
	answers(init, 0, cap_info, page, SIM_NOTABLE - (1ul << 21) + PAGE_SIZE - 8);
	answers(init, 0, cap_info, page, SIM_NOTABLE - sizeof(struct cap_info));
	refused(init, E_FAULT, cap_info, page, SIM_NOTABLE - sizeof(struct cap_info) + 1);
	answers(init, 16, console_write, SLOT_CONSOLE, SIM_NOTABLE - 16, 16);
	refused(init, E_FAULT, console_write, SLOT_CONSOLE, SIM_NOTABLE - 16, 17);
}

static void no_register_comes_back_with_a_value_of_the_kernel(void **state)	/* S10, T5 */
{
	(void)state;
	for (unsigned i = 0; i < ncalls; i++) {
		const struct call *c = &calls[i];

		if (c->number == CALL_poweroff)
			continue;
		sim_restore(world);
		for (unsigned r = 1; r < 32; r++)
			sim_cpu.x[r] = 0x5000 + r;
		(void)sim_ecall(init, c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
		if (sim_current() != init || c->number == CALL_null)
			continue;
		for (unsigned r = 1; r < 32; r++) {
			bool kept = (r >= 1 && r <= 4) || r == 8 || r == 9 || (r >= 18 && r <= 27);

			if (r != 10)
				assert_int_equal(sim_cpu.x[r], kept ? 0x5000 + r : 0);
		}
		assert_false(sim_cpu.x[10] >= (uint64_t)sim_ram.start && sim_cpu.x[10] < (uint64_t)sim_ram.start + sim_ram.bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_works_with_the_right_arguments),
		cmocka_unit_test(one_wrong_argument_changes_nothing),
		cmocka_unit_test(every_slot_in_every_place_is_judged),
		cmocka_unit_test(numbers_that_are_no_calls_are_refused),
		cmocka_unit_test(power_goes_off_with_the_code),
		cmocka_unit_test(memory_is_copied_whole_or_not_at_all),
		cmocka_unit_test(a_large_page_is_memory_like_any_other),
		cmocka_unit_test(no_register_comes_back_with_a_value_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
