/*
 * s2_hammer.c - S2, S3, C7: arguments, memory and capabilities that change during a call, because another hart hammers on them
 */
/* guest: harts=1,2,4 */
#include "hammer.h"

#define PATTERN		0x5a
#define BEFORE		40	/* bytes of an answer that lie on the page before the one that comes and goes */

static uint64_t bound_at(unsigned int slot)
{
	struct cap_info info = { .bound_va = 1 };

	CHECK_IS(sys_cap_info(slot, &info), 0);
	return info.bound_ctx != 0 ? info.bound_va : 0;
}

/* ---- S2 ---- */

/* A list whose entries name a page that may be written, or one that may not. */
static void list_that_flips(void)
{
	void *va, *list;
	unsigned int legal, illegal, copies[300], n = 0, seen[2] = { 0, 0 }, rounds = 0;
	volatile struct page_op *op;
	unsigned long began;
	char *target = vm_reserve(ENTRIES * PAGE_SIZE, 512 * PAGE_SIZE);

	legal = test_page(&va, PROT_R | PROT_W);
	/* A capability without the right, whose number differs in the lowest byte alone: a byte is never seen half changed. */
	do {
		copies[n] = slot_alloc();
	} while ((copies[n++] ^ legal) > 255 && n < 300);
	illegal = copies[--n];
	while (n > 0)
		slot_free(copies[--n]);
	CHECK((illegal ^ legal) <= 255);
	MUST(sys_page_alloc(0, illegal, FRAME_ANY, 0));
	copies[0] = slot_alloc();
	MUST(sys_cap_copy(0, illegal, copies[0], PROT_R | PROT_W, 0, 0));
	MUST(sys_cap_delete(illegal));
	MUST(sys_cap_copy(0, copies[0], illegal, PROT_R, 0, 0));
	test_page(&list, PROT_R | PROT_W);
	MUST(vm_page(legal, target, PROT_R | PROT_W));	/* the tables for the addresses are there from now on */

	op = list;
	for (unsigned int i = 0; i < ENTRIES; i++) {
		op[i] = (struct page_op){ .op = PAGE_OP_BIND, .prot = PROT_R | PROT_W, .slot = legal, .va = (uint64_t)target + i * PAGE_SIZE };
		order.byte[i] = (volatile uint8_t *)&op[i].slot;
	}
	order.bytes = ENTRIES;
	order.value[0] = (uint8_t)legal;
	order.value[1] = (uint8_t)illegal;
	set_to(FLIP);
	for (began = time_now(); again(&rounds, began, seen);) {
		uint64_t where = 0;

		MUST(sys_page_unbind(ctx_slot(), (unsigned long)target, ENTRIES));
		for (unsigned int i = 0; i < ENTRIES; i++)
			op[i].result = 1;
		CHECK_IS(sys_page_batch(ctx_slot(), list, ENTRIES), ENTRIES);
		for (unsigned int i = 0; i < ENTRIES; i++) {
			CHECK(op[i].result == 0 || op[i].result == -E_RIGHTS);
			seen[op[i].result != 0]++;
			if (op[i].result == 0)
				where = (uint64_t)target + i * PAGE_SIZE;
		}
		CHECK_IS(bound_at(legal), where);
		CHECK_IS(bound_at(illegal), 0);
		CHECK_IS(bound_at(copies[0]), 0);
	}
	set_to(REST);
	told("a list that flips", rounds, seen);
	MUST(sys_page_unbind(ctx_slot(), (unsigned long)target, ENTRIES));
}

/* Registers whose pc is even, or odd. */
static void registers_that_flip(unsigned int asleep)
{
	static struct env_regs regs, got;
	unsigned int seen[2] = { 0, 0 }, rounds = 0;
	unsigned long began;
	long r;

	memset(&regs, 0, sizeof(regs));
	regs.pc = 0x10000;
	order.byte[0] = (volatile uint8_t *)&regs.pc;
	order.bytes = 1;
	order.value[0] = 0;
	order.value[1] = 1;
	set_to(FLIP);
	for (began = time_now(); again(&rounds, began, seen);) {
		regs.x[4] = rounds;
		r = sys_env_regs(asleep, 1, &regs);
		CHECK(r == 0 || r == -E_INVAL);
		seen[r != 0]++;
		got.x[4] = ~0ul;
		CHECK_IS(sys_env_regs(asleep, 0, &got), 0);
		CHECK_IS(got.pc & 1, 0);
		CHECK_IS(got.x[4] == rounds, r == 0);	/* all of it or nothing of it */
	}
	set_to(REST);
	told("registers that flip", rounds, seen);
}

/* ---- S3 ---- */

/* Every byte is the pattern's. */
static bool untouched(const unsigned char *p, size_t n)
{
	while (n > 0 && *p == PATTERN)
		p++, n--;
	return n == 0;
}

/*
 * An answer whose end lies on a page that the hammer takes away, and brings back as one of two. All three pages are seen at other
 * addresses too: after a refusal none has changed; after an answer, the first and one of the two, and no byte beyond the answer.
 */
static void memory_that_goes(unsigned int asleep)
{
	char *va = vm_reserve(2 * PAGE_SIZE, 512 * PAGE_SIZE);
	unsigned char *seen_at[3];
	unsigned int page[3], seen[2] = { 0, 0 }, rounds = 0;
	struct env_regs regs;
	struct cap_info info;
	unsigned long began;

	for (int i = 0; i < 3; i++) {
		void *at;
		unsigned int copy = slot_alloc();

		page[i] = test_page(&at, PROT_R | PROT_W);
		seen_at[i] = at;
		MUST(sys_cap_copy(0, page[i], copy, PROT_R | PROT_W, 0, 0));
		if (i == 0)
			MUST(vm_page(copy, va, PROT_R | PROT_W));
		else if (i == 1)
			MUST(sys_cap_grant(page[i], hammer, HIS_ONE, PROT_R | PROT_W, 0, 0));
		else
			MUST(sys_cap_grant(page[i], hammer, HIS_OTHER, PROT_R | PROT_W, 0, 0));
	}
	MUST(sys_cap_info(asleep, &info));
	MUST(sys_env_regs(asleep, 0, &regs));
	order.at = (unsigned long)va + PAGE_SIZE;
	set_to(UNBIND);
	for (began = time_now(); again(&rounds, began, seen);) {
		bool small = (rounds & 4) != 0;
		const unsigned char *want = small ? (const void *)&info : (const void *)&regs;
		size_t n = small ? sizeof(info) : sizeof(regs), rest = n - BEFORE, empty;
		void *to = va + PAGE_SIZE - BEFORE;
		bool one, other;
		long r;

		for (int i = 0; i < 3; i++)
			memset(seen_at[i], PATTERN, PAGE_SIZE);
		r = small ? sys_cap_info(asleep, to) : sys_env_regs(asleep, 0, to);
		CHECK(r == 0 || r == -E_FAULT);
		seen[r != 0]++;
		empty = r == 0 ? PAGE_SIZE - BEFORE : PAGE_SIZE;
		CHECK(untouched(seen_at[0], empty));
		CHECK(r != 0 || memcmp(seen_at[0] + empty, want, BEFORE) == 0);
		one = !untouched(seen_at[1], PAGE_SIZE);
		other = !untouched(seen_at[2], PAGE_SIZE);
		CHECK_IS(one + other, r == 0);
		for (int i = 1; i <= 2; i++)
			if (i == 1 ? one : other) {
				CHECK(memcmp(seen_at[i], want + BEFORE, rest) == 0);
				CHECK(untouched(seen_at[i] + rest, PAGE_SIZE - rest));
			}
	}
	set_to(REST);
	told("memory that goes", rounds, seen);

	/* A list that ends there: what was done tells so, and the rest is as it was. */
	seen[0] = seen[1] = rounds = 0;
	set_to(UNBIND);
	for (began = time_now(); again(&rounds, began, seen);) {
		const struct page_op fresh = { .op = PAGE_OP_UNBIND, .va = 0x1000000000ul, .result = 1 };
		struct page_op got;
		long r;

		for (int i = 0; i < 3; i++)
			memset(seen_at[i], PATTERN, PAGE_SIZE);
		memcpy(seen_at[0] + PAGE_SIZE - BEFORE, &fresh, sizeof(fresh));
		for (int i = 1; i <= 2; i++) {
			memcpy(seen_at[0] + PAGE_SIZE - BEFORE + sizeof(fresh), &fresh, BEFORE - sizeof(fresh));
			memcpy(seen_at[i], (const char *)&fresh + BEFORE - sizeof(fresh), 2 * sizeof(fresh) - BEFORE);
		}
		r = sys_page_batch(ctx_slot(), (struct page_op *)(va + PAGE_SIZE - BEFORE), 2);
		CHECK(r == 1 || r == 2);
		seen[r != 2]++;
		memcpy(&got, seen_at[0] + PAGE_SIZE - BEFORE, sizeof(got));
		CHECK_IS(got.result, -E_NOTBOUND);
		CHECK(untouched(seen_at[0], PAGE_SIZE - BEFORE));
		for (int i = 1, done = 0; i <= 2; i++) {
			memcpy(&got, seen_at[0] + PAGE_SIZE - BEFORE + sizeof(fresh), BEFORE - sizeof(fresh));
			memcpy((char *)&got + BEFORE - sizeof(fresh), seen_at[i], 2 * sizeof(fresh) - BEFORE);
			CHECK(got.result == 1 || got.result == -E_NOTBOUND);
			done += got.result == -E_NOTBOUND;
			CHECK(i == 1 || done == r - 1);
			CHECK(untouched(seen_at[i] + 2 * sizeof(fresh) - BEFORE, PAGE_SIZE - (2 * sizeof(fresh) - BEFORE)));
		}
	}
	set_to(REST);
	told("a list that goes", rounds, seen);
	sys_page_unbind(ctx_slot(), (unsigned long)va, 2);
}

/* ---- C7 ---- */

static void lent_and_taken_back(void)
{
	char *va = vm_reserve(PAGE_SIZE, 512 * PAGE_SIZE);
	unsigned int lent = slot_alloc(), copy = slot_alloc(), seen[2] = { 0, 0 }, rounds = 0;
	unsigned char *at;
	unsigned long began;
	struct cap_info info;
	unsigned int page;
	uint64_t before;
	uint32_t ncaps;
	void *p;
	long r;

	page = test_page(&p, PROT_R | PROT_W);
	at = p;
	memset(at, PATTERN, PAGE_SIZE);
	before = hash(at, PAGE_SIZE);
	MUST(sys_cap_grant(page, hammer, HIS_LENT, PROT_R | PROT_W, 0, 0));
	MUST(sys_cap_info(page, &info));
	ncaps = exposed_frame(info.object)->ncaps;
	MUST(sys_cap_copy(0, page, copy, PROT_R | PROT_W, 0, 0));	/* for the tables */
	MUST(vm_page(copy, va, PROT_R));
	MUST(sys_cap_delete(copy));
	MUST(sys_env_set(0, ENV_WINDOW, lent, 1));
	order.to = lent;
	set_to(LEND);
	for (began = time_now(); again(&rounds, began, seen);) {
		r = sys_page_bind(ctx_slot(), (unsigned long)va, lent, 1, PROT_R | PROT_W);
		CHECK(r == 1 || r == -E_NOCAP);
		seen[r != 1]++;
		r = sys_page_protect(ctx_slot(), (unsigned long)va, 1, PROT_R);
		CHECK(r == 1 || r == -E_NOTBOUND);
		r = sys_cap_copy(0, lent, copy, PROT_R, 0, 0);
		CHECK(r == 0 || r == -E_NOCAP || r == -E_BUSY);
		r = sys_page_bind(ctx_slot(), (unsigned long)va, copy, 1, PROT_R);
		CHECK(r == 1 || r == -E_NOCAP);
		if ((rounds & 2) != 0) {
			r = sys_cap_delete(copy);
			CHECK(r == 0 || r == -E_NOCAP);
		} else	/* it goes with its origin */
			for (unsigned long end = PATIENCE; sys_cap_info(copy, &info) == 0 && time_now() < end;)
				turn();
		CHECK_IS(sys_cap_delete(copy), -E_NOCAP);
	}
	set_to(REST);
	told("lent and taken back", rounds, seen);

	/* Whatever it did last: one revoke, and nothing is left of it. */
	MUST(sys_env_set(0, ENV_WINDOW, 0, 0));
	sys_page_bind(ctx_slot(), (unsigned long)va, lent, 1, PROT_R | PROT_W);
	sys_cap_copy(0, lent, copy, PROT_R, 0, 0);
	CHECK_IS(sys_cap_revoke(page), 0);
	CHECK_IS(sys_cap_info(lent, &info), -E_NOCAP);
	CHECK_IS(sys_cap_info(copy, &info), -E_NOCAP);
	CHECK_IS(fault_of_load((unsigned long)va), 13);
	MUST(sys_cap_info(page, &info));
	CHECK_IS(exposed_frame(info.object)->ncaps, ncaps - 1);		/* the hammer's is gone too */
	CHECK_IS(exposed_frame(info.object)->pins, 0);
	CHECK_IS(hash(at, PAGE_SIZE), before);
}

int main(void)
{
	long asleep = page_new();

	MUST(asleep);
	MUST(sys_env_create((unsigned long)asleep, 0));
	hammer_start();
	set_to(REST);
	list_that_flips();
	registers_that_flip((unsigned int)asleep);
	memory_that_goes((unsigned int)asleep);
	lent_and_taken_back();
	hammer_end();
	return verdict();
}
