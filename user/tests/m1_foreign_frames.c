/*
 * m1_foreign_frames.c - M1: frames of others, of the kernel, of the firmware, beyond memory; the victim's bytes stay what they were
 */
#include "check.h"

#define VICTIM_PAGES 64

static int victim(void)
{
	char *m = vm_map(VICTIM_PAGES * PAGE_SIZE, PROT_R | PROT_W);
	uint64_t before, r = 99;

	for (size_t i = 0; i < VICTIM_PAGES * PAGE_SIZE; i += 8)
		*(uint64_t *)(m + i) = random_next(&r);
	before = hash(m, VICTIM_PAGES * PAGE_SIZE);
	sys_notify(start_slot("parent"), EV_USER(0));
	if (sys_wait(EV_USER(1), deadline_us(5000000)) != (long)EV_USER(1))
		return 2;
	return hash(m, VICTIM_PAGES * PAGE_SIZE) == before ? 0 : 1;
}

static void refused(uint64_t frame, unsigned int slot, long want)
{
	struct cap_info info;

	CHECK_IS(sys_page_alloc(0, slot, frame, 0), want);
	CHECK_IS(sys_cap_info(slot, &info), -E_NOCAP);
	CHECK_IS(sys_page_bind(ctx_slot(), 0x30000000, slot, 1, PROT_R), -E_NOCAP);
}

int main(int argc, char **argv)
{
	const volatile struct exposed_system *s = exposed_system();
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "m1_foreign_frames", .role = "victim", .first = 20, .count = 8, .grants = &parent, .ngrants = 1 };
	uint32_t tried[FRAME_EXPOSED + 1] = { 0 }, first, end, free_before;
	unsigned int slot;
	struct proc p;
	int status;

	(void)argv;
	if (argc > 1)
		return victim();
	MUST(child(&c, &p));
	CHECK_IS(sys_wait(EV_USER(0), deadline_us(5000000)), EV_USER(0));

	first = s->first_frame;
	end = first + s->nframes;
	slot = slot_alloc();
	exposed_frames();
	free_before = frames_free();
	for (uint32_t frame = first; frame < end; frame++) {
		const volatile struct frame *f = exposed_frame(frame);

		/* Not the frames that are free: those anybody may have. Of each owner's some. */
		if (f->type == FRAME_FREE || (f->type == FRAME_KERNEL && frame % 16 != 0))
			continue;
		refused(frame, slot, -E_NOMEM);
		tried[f->type]++;
	}
	CHECK(tried[FRAME_DATA] > 100 && tried[FRAME_TABLE] > 5 && tried[FRAME_KOBJ] > 5);
	CHECK(tried[FRAME_KERNEL] > 10 && tried[FRAME_EXPOSED] > 10);

	refused(first - 1, slot, -E_INVAL);
	refused(end, slot, -E_INVAL);
	refused(end + 1, slot, -E_INVAL);
	refused(0, slot, -E_INVAL);
	for (int bit = 20; bit < 64; bit++)
		if ((1ul << bit | first) < first || (1ul << bit | first) >= end)
			refused(1ul << bit | first, slot, -E_INVAL);
	refused(~0ul - 1, slot, -E_INVAL);
	refused(1ul << 63, slot, -E_INVAL);
	CHECK_IS(frames_free(), free_before);

	CHECK_IS(sys_notify(p.env, EV_USER(1)), 0);
	CHECK_IS(proc_wait(&p, deadline_us(5000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
