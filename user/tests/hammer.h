/*
 * hammer.h - an environment that changes arguments, memory and capabilities during the calls of the test
 *
 * It is in our context, with a capability table of its own and no handlers. On several harts it has one to itself and never
 * rests; on one it makes a step each time that it is given the processor, and gives it back.
 */
#ifndef TESTS_HAMMER_H
#define TESTS_HAMMER_H

#include "check.h"

#define ROUNDS		1000
#define TIME_MS		1500	/* for each thing that is tried, on a kernel that audits itself */
#define ENTRIES		8

/* Slots of the hammer's own table. */
enum { HIS_CTX = 10, HIS_PEER, HIS_ONE, HIS_OTHER, HIS_LENT };

enum work { REST, FLIP, UNBIND, LEND };

static volatile struct {
	enum work work;
	uint64_t steps, wrong;		/* wrong: calls of the hammer that must not fail and did */
	bool alone;
	volatile uint8_t *byte[ENTRIES];/* FLIP: bytes that go from one value to the other and back */
	unsigned int bytes;
	uint8_t value[2];
	unsigned long at;		/* UNBIND: the address */
	unsigned int to;		/* LEND: our slot */
} order;

static unsigned char *guard;	/* a victim's page: nothing names it in any call */
static uint64_t guard_hash;
static unsigned int hammer;

/* ---- the other side ---- */

static void must(bool ok)
{
	if (!ok)
		order.wrong++;
}

static __attribute__((noreturn)) void hammer_main(void)
{
	for (uint64_t n = 0;; n++) {
		switch (order.work) {
		case FLIP:
			for (unsigned int i = 0; i < order.bytes; i++)
				*order.byte[i] = order.value[n & 1];
			break;
		case UNBIND:	/* nothing, one page, nothing, the other page */
			if ((n & 1) != 0)
				must(sys_page_bind(HIS_CTX, order.at, (n & 2) != 0 ? HIS_ONE : HIS_OTHER, 1, PROT_R | PROT_W) == 1);
			else
				must(sys_page_unbind(HIS_CTX, order.at, 1) == 1);
			break;
		case LEND:
			if ((n & 1) != 0)
				must(sys_cap_grant(HIS_LENT, HIS_PEER, order.to, PROT_R | PROT_W, 0, 0) == 0);
			else
				must(sys_cap_revoke(HIS_LENT) == 0);
			break;
		case REST:
			break;
		}
		order.steps++;
		if (order.alone)
			exos_call(CALL_yield, HIS_PEER, 0, 0, 0, 0, 0);
	}
}

static void hammer_start(void)
{
	static uint64_t stack[1024];
	void *va;
	struct env_regs regs = { .pc = (uint64_t)hammer_main };
	long slot = page_new(), table = page_new();

	MUST(slot);
	MUST(table);
	test_page(&va, PROT_R | PROT_W);
	guard = va;
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		guard[i] = (unsigned char)(i * 7);
	guard_hash = hash(guard, PAGE_SIZE);
	hammer = (unsigned int)slot;
	memset(stack, 1, sizeof(stack));
	order.alone = exposed_system()->nharts == 1;
	MUST(sys_env_create(hammer, 0));
	MUST(sys_env_captab(hammer, (unsigned long)table));
	MUST(sys_env_set(hammer, ENV_CONTEXT, ctx_slot(), 0));
	MUST(sys_cap_grant(ctx_slot(), hammer, HIS_CTX, RIGHT_MAP, 0, 0));
	MUST(sys_cap_grant(self_slot(), hammer, HIS_PEER, RIGHT_YIELD, 0, 0));
	regs.x[1] = (uint64_t)(stack + 1024);
	__asm__ volatile("mv %0, gp\n\tmv %1, tp" : "=r"(regs.x[2]), "=r"(regs.x[3]));
	MUST(sys_env_regs(hammer, 1, &regs));
	MUST(sys_slice_bind(slices_of(1), order.alone ? 20 : 0, order.alone ? 10 : SLICES, hammer));
	MUST(sys_env_set(hammer, ENV_RUN, 1, 0));
}

/* Its turn: on one hart it makes a step, on several it has never stopped. */
static void turn(void)
{
	if (order.alone)
		CHECK_IS(sys_yield(hammer), 0);
}

/* It does this from now on: it has done at least two steps of it. */
static void set_to(enum work work)
{
	uint64_t from;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	order.work = work;
	from = order.steps;
	for (unsigned long end = PATIENCE; order.steps < from + 3 && time_now() < end;)
		turn();
	CHECK(order.steps >= from + 3);
	CHECK_IS(order.wrong, 0);
	CHECK_IS(hash(guard, PAGE_SIZE), guard_hash);
}

/* Rounds until all are made and each outcome was seen; fewer when the time is over, but the outcomes must have come. */
static bool again(unsigned int *round, unsigned long began, const unsigned int seen[2])
{
	unsigned long spent = time_now() - began, hz = exposed_system()->timebase_hz;
	bool both = seen[0] > 0 && seen[1] > 0;

	if (failures > 0 || (both && (*round >= ROUNDS || spent > hz / 1000 * TIME_MS)) || spent > 20 * hz)
		return false;
	turn();
	/* At the lock the two take turns: a pause of another length each time, or each call would find the same. */
	for (volatile unsigned int pause = *round % 61 * 8; !order.alone && pause > 0; pause--)
		;
	++*round;
	return true;
}

static void told(const char *what, unsigned int rounds, const unsigned int seen[2])
{
	printf("%s: %u rounds, %u one way, %u the other\n", what, rounds, seen[0], seen[1]);
	CHECK(seen[0] > 0);
	CHECK(seen[1] > 0);
}

static void hammer_end(void)
{
	long r;

	while ((r = sys_object_end(hammer)) == 1)
		;
	CHECK_IS(r, 0);
	CHECK_IS(hash(guard, PAGE_SIZE), guard_hash);
}

#endif
