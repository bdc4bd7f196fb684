/*
 * m16_in_use.c - M16, M7, C10: contexts and environments that are in use are not taken away, and what ends never runs again
 */
#include "check.h"

static __attribute__((noreturn)) void role(void)
{
	volatile unsigned long n = 0;

	sys_notify(start_slot("parent"), EV_USER(0));
	for (;;)
		n++;
}

int main(int argc, char **argv)
{
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "m16_in_use", .role = "spin", .first = 8, .count = 32, .grants = &parent, .ngrants = 1 };
	unsigned int ctx = 0, table = 0, page = 0, copy = slot_alloc();
	const volatile struct exposed_env *e;
	uint32_t free, held;
	uint64_t used;
	struct proc p;
	long r;

	(void)argv;
	if (argc > 1)
		role();
	/* A context of its own that nobody uses; then one that it runs in itself, with everything that it needs there. */
	MUST(ctx = (unsigned int)page_new());
	MUST(table = (unsigned int)page_new());
	MUST(page = (unsigned int)page_new());
	free = frames_free();
	held = pages_held();
	for (int n = 0; n < 50; n++) {
		CHECK_IS(sys_ctx_create(ctx), 0);
		CHECK_IS(sys_table_bind(ctx, 0x1000000000ul, 1, table), 0);
		CHECK_IS(sys_cap_delete(table), -E_BUSY);
		CHECK_IS(sys_cap_copy(0, ctx, copy, RIGHT_MAP | RIGHT_RUN, 0, 0), 0);
		CHECK_IS(sys_object_end(copy), -E_RIGHTS);
		while ((r = sys_object_end(ctx)) == 1)
			;
		CHECK_IS(r, 0);
		CHECK_IS(sys_page_unbind(copy, 0x1000, 1), -E_NOCAP);
		CHECK_IS(sys_object_end(ctx), -E_NOCAP);
	}
	CHECK_IS(frames_free(), free);
	CHECK_IS(pages_held(), held);
	/* The one that it runs in belongs to whoever made it. */
	CHECK_IS(sys_object_end(ctx_slot()), -E_RIGHTS);
	CHECK_IS(sys_env_set(0, ENV_CONTEXT, page, 0), -E_NOCAP);
	CHECK_IS(sys_object_end(self_slot()), -E_RIGHTS);

	/* A child that spins: its context is in use, whoever asks. */
	MUST(child(&c, &p));
	CHECK_IS(sys_wait(EV_USER(0), deadline_us(5000000)), EV_USER(0));
	CHECK_IS(sys_object_end(p.ctx), -E_BUSY);
	CHECK_IS(sys_env_set(p.env, ENV_CONTEXT, p.ctx, 0), -E_BUSY);
	CHECK_IS(sys_env_set(p.env, ENV_RUN, 0, 0), 0);
	CHECK_IS(sys_object_end(p.ctx), -E_BUSY);	/* stopped, and still in it */
	CHECK_IS(sys_env_set(p.env, ENV_RUN, 1, 0), 0);
	e = exposed_env_of(p.id);
	used = e->used;
	usleep(20000);
	CHECK(e->used > used);
	CHECK(exposed_env_of(p.id) != NULL);

	/* Taken apart step by step: from the first step on it does not run. */
	r = sys_object_end(p.env);
	CHECK(r == 0 || r == 1);
	used = e->used;
	usleep(20000);
	CHECK_IS(e->used - used, 0);
	if (r == 1) {
		CHECK_IS(sys_notify(p.env, EV_USER(1)), -E_DEAD);
		CHECK_IS(sys_env_set(p.env, ENV_RUN, 1, 0), -E_DEAD);
		CHECK_IS(sys_cap_grant(page, p.env, 90, PROT_R, 0, 0), -E_DEAD);
	}
	while ((r = sys_object_end(p.env)) == 1)
		;
	CHECK(exposed_env_of(p.id) == NULL);
	CHECK_IS(sys_notify(p.env, EV_USER(1)), -E_NOCAP);
	while ((r = sys_object_end(p.ctx)) == 1)
		;
	CHECK_IS(r, 0);
	return verdict();
}
