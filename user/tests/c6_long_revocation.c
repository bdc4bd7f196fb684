/*
 * c6_long_revocation.c - C6, C1, C3: the widest and the deepest derivation, revoked piece by piece; and slots that are guessed
 *
 * Each call of the revocation is short; in between, what it has not reached yet makes nothing new. Counted in bindings: a capability is
 * there and its page can be read, or it is gone and cannot.
 */
#include "check.h"

#define FAR	0x3000000000ul

static unsigned int page, copies, first;

static bool exists(unsigned int slot)
{
	struct cap_info info;

	return sys_cap_info(slot, &info) == 0;
}

/* Revoke, and between the calls look at all that is left. */
static void revoke_all(void)
{
	unsigned int calls = 0, left, last = copies, spare = slot_alloc();
	unsigned long longest = 0;
	long r;

	do {
		unsigned long start = time_now(), took;

		r = sys_cap_revoke(page);
		took = time_now() - start;
		longest = took > longest ? took : longest;
		left = 0;
		for (unsigned int i = 0; i < copies; i++) {
			if (!exists(first + i)) {
				CHECK_IS(sys_cap_copy(0, first + i, spare, 0, 0, 0), -E_NOCAP);
				if (i < 64)
					CHECK_IS(fault_of_load(FAR + i * PAGE_SIZE), 13);
				continue;
			}
			left++;
			CHECK_IS(sys_cap_copy(0, first + i, spare, 0, 0, 0), -E_BUSY);
			if (i < 64)
				CHECK_IS(fault_of_load(FAR + i * PAGE_SIZE), -1);
		}
		CHECK(last - left <= 128 && (left < last || r == 0));
		CHECK_IS(r, left > 0);
		if (r == 1)
			CHECK_IS(sys_cap_copy(0, page, spare, 0, 0, 0), -E_BUSY);
		last = left;
		calls++;
	} while (r == 1 && calls < 100);
	CHECK_IS(calls, (copies + 127) / 128);
	printf("%u capabilities in %u calls, the longest took %lu ticks\n", copies, calls, longest);
	CHECK_IS(sys_cap_copy(0, page, spare, 0, 0, 0), 0);
	CHECK_IS(sys_cap_delete(spare), 0);
	slot_free(spare);
}

int main(void)
{
	uint32_t free;
	struct cap_info info;

	MUST(page = (unsigned int)page_new());
	MUST(vm_table(ctx_slot(), FAR, 0));
	first = slot_alloc_run(600);
	free = frames_free();
	/* Wide. */
	for (copies = 0; sys_cap_copy(0, page, first + copies, PROT_R, 0, 0) == 0; copies++)
		if (copies < 64)
			CHECK_IS(sys_page_bind(ctx_slot(), FAR + copies * PAGE_SIZE, first + copies, 1, PROT_R), 1);
	CHECK_IS(copies, CAP_LIST_MAX - 1);
	CHECK_IS(sys_cap_copy(0, page, first + copies, PROT_R, 0, 0), -E_LIMIT);
	CHECK_IS(sys_cap_copy(0, first, first + copies, PROT_R, 0, 0), -E_LIMIT);
	revoke_all();
	/* Deep. */
	for (copies = 0; sys_cap_copy(0, copies == 0 ? page : first + copies - 1, first + copies, PROT_R, 0, 0) == 0; copies++)
		if (copies < 64)
			CHECK_IS(sys_page_bind(ctx_slot(), FAR + copies * PAGE_SIZE, first + copies, 1, PROT_R), 1);
	CHECK_IS(copies, CAP_DEPTH_MAX);
	CHECK_IS(sys_cap_info(first + copies - 1, &info), 0);
	CHECK_IS(info.depth, CAP_DEPTH_MAX);
	CHECK_IS(sys_cap_copy(0, first + copies - 1, first + copies, PROT_R, 0, 0), -E_LIMIT);
	revoke_all();
	CHECK_IS(frames_free(), free);

	/* Guesses: slots beside those in use, and numbers that only look like them. */
	for (unsigned long slot = 0; slot < 40000; slot++)
		if (sys_cap_info(slot, &info) != 0) {
			CHECK_IS(sys_cap_delete(slot), -E_NOCAP);
			CHECK_IS(sys_page_bind(ctx_slot(), FAR, slot, 1, PROT_R), -E_NOCAP);
		}
	for (int bit = 16; bit < 64; bit++)
		for (unsigned long slot = 0; slot < 128; slot++)
			CHECK_IS(sys_cap_delete(1ul << bit | slot), -E_NOCAP);
	return verdict();
}
