/*
 * u2_uarea.c - U2: a program faults without a pause, and its u-area is unbound, replaced, protected, deleted, revoked under it
 *
 * It is an environment in our context, on another hart if there is one, with a u-area of its own. The kernel writes each fault into the frame
 * that was registered, and that is pinned: whatever becomes of the address and of the capability, it is nobody else's until the
 * environment has another one. The handler faults where the page was; that is a double fault, and it stops. When it has
 * another u-area the frame is free: it becomes a victim's page, while the next one is written to. No victim's page ever changes.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define RW	(PROT_R | PROT_W)
#define VICTIMS	8

enum way { UNBIND, REPLACE, PROTECT, DELETE, REVOKE, WAYS };

void fault_for_ever(void);
void fault_handler(void);
__asm__(
"	.text\n"
"	.balign	4\n"
"	.option	push\n"
"	.option	norvc\n"
"fault_for_ever:\n"			/* s1: a counter */
"1:	ebreak\n"
"	addi	s2, s2, 1\n"
"	sd	s2, 0(s1)\n"
"	j	1b\n"
"fault_handler:\n"			/* gp: the u-area */
"	sd	zero, 8(gp)\n"		/* held */
"	ld	t0, 24(gp)\n"		/* pc */
"	addi	t0, t0, 4\n"
"	jr	t0\n"
"	.option	pop\n");

static volatile uint64_t counter;
static struct {
	unsigned int slot;
	unsigned char *at;
	uint64_t hash;
} victim[VICTIMS];
static unsigned int faulter, nvictims;
static unsigned long where;		/* the u-area's address in our context */

static void victims_are_whole(void)
{
	for (unsigned int i = 0; i < VICTIMS && i < nvictims; i++)
		CHECK_IS(hash(victim[i].at, PAGE_SIZE), victim[i].hash);
}

/* The frame is free now: it becomes the page of a victim, in place of the one that has been one longest. */
static void new_victim(uint64_t frame)
{
	unsigned int i = nvictims++ % VICTIMS;

	if (victim[i].slot != 0) {
		MUST(sys_cap_delete(victim[i].slot));
	} else {
		victim[i].slot = slot_alloc();
		victim[i].at = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	}
	CHECK_IS(sys_page_alloc(0, victim[i].slot, frame, 0), frame);
	CHECK_IS(sys_page_bind(ctx_slot(), (unsigned long)victim[i].at, victim[i].slot, 1, RW), 1);
	for (unsigned int k = 0; k < PAGE_SIZE; k++)
		victim[i].at[k] = (unsigned char)(k * 7 + nvictims);
	victim[i].hash = hash(victim[i].at, PAGE_SIZE);
}

static void create(void)
{
	long slot = page_new();

	MUST(slot);
	faulter = (unsigned int)slot;
	MUST(sys_env_create(faulter, 0));
	MUST(sys_env_set(faulter, ENV_CONTEXT, ctx_slot(), 0));
	MUST(sys_env_set(faulter, ENV_HANDLER, UP_FAULT, (unsigned long)fault_handler));
	MUST(sys_slice_bind(slices_of(1), exposed_system()->nharts > 1 ? 0 : 20, 10, faulter));
}

/* It has stopped by a double fault: its handler could not write where its u-area was. */
static void stopped(void)
{
	struct env_regs regs = { .pc = 0 };

	AWAIT(sys_env_regs(faulter, 0, &regs) == 0);
	CHECK_IS(sys_env_regs(faulter, 0, &regs), 0);
	CHECK_IS(regs.cause, 15);
	CHECK_IS(regs.tval, where + U_HELD);
	event_clear(EV_CHILD);
}

static void round_of(enum way way, uint64_t *random)
{
	struct env_regs regs = { .pc = (uint64_t)fault_for_ever };
	unsigned int slot = slot_alloc(), parent = slot_alloc(), spare = slot_alloc();
	unsigned long until;
	struct cap_info info;
	uint64_t before = counter, frame;
	long r;

	/* A u-area, and it faults. */
	MUST(sys_page_alloc(0, parent, FRAME_ANY, 0));
	MUST(sys_cap_copy(0, parent, slot, RW, 0, 0));
	MUST(sys_cap_info(slot, &info));
	frame = info.object;
	CHECK_IS(sys_page_bind(ctx_slot(), where, slot, 1, RW), 1);
	MUST(sys_env_set(faulter, ENV_UAREA, slot, where));
	regs.x[8] = (uint64_t)&counter;
	regs.x[17] = before;
	MUST(sys_env_regs(faulter, 1, &regs));
	MUST(sys_env_set(faulter, ENV_RUN, 1, 0));
	AWAIT(counter > before + 2);
	CHECK(counter > before + 2);
	victims_are_whole();
	for (until = time_now() + random_next(random) % 300; time_now() < until;)
		;

	/* It is on the other hart, and cannot have another one now. */
	r = sys_env_set(faulter, ENV_UAREA, slot, where);
	if (exposed_system()->nharts > 1)
		CHECK_IS(r, -E_BUSY);
	switch (way) {
	case UNBIND:
		CHECK_IS(sys_page_unbind(ctx_slot(), where, 1), 1);
		break;
	case REPLACE:	/* by a page that is a victim's, to be read only */
		MUST(sys_cap_copy(0, victim[0].slot, spare, PROT_R, 0, 0));
		CHECK_IS(sys_page_bind(ctx_slot(), where, spare, 1, PROT_R), 1);
		break;
	case PROTECT:
		CHECK_IS(sys_page_protect(ctx_slot(), where, 1, PROT_R), 1);
		break;
	case DELETE:
		CHECK_IS(sys_cap_delete(slot), 0);
		CHECK_IS(sys_cap_delete(parent), 0);
		break;
	default:
		CHECK_IS(sys_cap_revoke(parent), 0);
		CHECK_IS(sys_cap_info(slot, &info), -E_NOCAP);
	}
	/* The frame is still its own: pinned, and not to be had. */
	CHECK(exposed_frame(frame)->pins > 0);
	CHECK(exposed_frame(frame)->type != FRAME_FREE);
	if (way == DELETE)
		CHECK(sys_page_alloc(0, spare, frame, 0) < 0);
	stopped();
	victims_are_whole();
	CHECK(exposed_frame(frame)->pins > 0);

	/* One that is nobody's in between: then the frame goes. */
	sys_page_unbind(ctx_slot(), where, 1);
	sys_cap_delete(spare);
	sys_cap_delete(slot);
	sys_cap_delete(parent);
	MUST(sys_page_alloc(0, slot, FRAME_ANY, 0));
	MUST(sys_env_set(faulter, ENV_UAREA, slot, where));
	MUST(sys_cap_delete(slot));
	CHECK_IS(exposed_frame(frame)->type, FRAME_FREE);
	new_victim(frame);
	slot_free(slot);
	slot_free(parent);
	slot_free(spare);
}

int main(void)
{
	unsigned int rounds = exposed_system()->fences_page == 0 ? 20 : 4;
	uint64_t random = 88172645463325252ull;
	struct cap_info info;
	void *near;
	long r;

	where = (unsigned long)vm_reserve(PAGE_SIZE, PAGE_SIZE);
	test_page(&near, PROT_R | PROT_W);	/* a table for the addresses around is there */
	r = page_new();
	MUST(r);
	MUST(sys_cap_info((unsigned int)r, &info));
	MUST(sys_cap_delete((unsigned int)r));
	new_victim(info.object);		/* the first */
	create();
	for (unsigned int i = 0; i < rounds; i++)
		for (enum way way = UNBIND; way < WAYS; way++)
			round_of(way, &random);
	printf("%lu faults, %u frames that were u-areas\n", counter, nvictims - 1);
	while ((r = sys_object_end(faulter)) == 1)
		;
	CHECK_IS(r, 0);
	victims_are_whole();
	return verdict();
}
