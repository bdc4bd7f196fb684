/*
 * c9_windows.c - C9, C4, C8: gifts come only into an opened window; a circle of gifts ends with a revoke
 */
#include "check.h"

#define WINDOW_FIRST 90u

static int role(void)
{
	unsigned int parent = start_slot("parent");
	struct cap_info info;

	/* The parent's table is closed to us but for its window. */
	for (unsigned int slot = 1; slot < 2000; slot++) {
		long r = sys_cap_grant(ctx_slot(), parent, slot, RIGHT_MAP, 0, 0);

		if (r != -E_SLOT)
			return 1;
	}
	/* Ours: nothing outside of the window arrives. */
	if (sys_env_set(0, ENV_WINDOW, WINDOW_FIRST, 2) != 0)
		return 2;
	sys_notify(parent, EV_USER(0));
	if (sys_wait(EV_USER(1), deadline_us(3000000)) != (long)EV_USER(1))
		return 3;
	if (sys_cap_info(WINDOW_FIRST, &info) != 0 || info.type != CAP_PAGE || info.rights != (PROT_R | PROT_W))
		return 4;
	if (sys_cap_info(WINDOW_FIRST + 1, &info) != 0 || sys_cap_info(WINDOW_FIRST + 2, &info) != -E_NOCAP ||
	    sys_cap_info(WINDOW_FIRST - 1, &info) != -E_NOCAP)
		return 5;

	/* Give it back: a circle. */
	if (sys_cap_grant(WINDOW_FIRST, parent, start_grant("parent")->value, PROT_R, 0, 0) != 0)
		return 6;
	char *at = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	if (vm_page(WINDOW_FIRST, at, PROT_R | PROT_W) != 0)
		return 7;
	at[0] = 33;
	sys_env_set(0, ENV_WINDOW, 0, 0);
	event_clear(EV_USER(1));
	sys_notify(parent, EV_USER(2));
	if (sys_wait(EV_USER(1), deadline_us(3000000)) != (long)EV_USER(1))
		return 8;
	/* Now it was revoked: the capability is gone, and so is the page. */
	if (sys_cap_info(WINDOW_FIRST, &info) != -E_NOCAP || fault_of_load((unsigned long)at) != 13)
		return 9;
	return 0;
}

int main(int argc, char **argv)
{
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "c9_windows", .role = "receiver", .first = 20, .count = 16, .grants = &parent, .ngrants = 1 };
	unsigned int slot, back, stranger;
	struct cap_info info;
	struct proc p;
	void *va;
	int status;

	(void)argv;
	if (argc > 1)
		return role();
	back = slot_alloc();
	parent.value = back;
	slot = test_page(&va, PROT_R | PROT_W);
	MUST(child(&c, &p));
	CHECK_IS(sys_wait(EV_USER(0), deadline_us(3000000)), EV_USER(0));

	/* As somebody without CONTROL. */
	stranger = slot_alloc();
	MUST(sys_cap_copy(0, p.env, stranger, RIGHT_NOTIFY, 0, 0));
	for (unsigned int to = 1; to < 1000; to++)
		if (to != WINDOW_FIRST && to != WINDOW_FIRST + 1)
			CHECK_IS(sys_cap_grant(slot, stranger, to, PROT_R, 0, 0), -E_SLOT);
	CHECK_IS(sys_cap_grant(slot, stranger, ~0ul, PROT_R, 0, 0), -E_SLOT);
	CHECK_IS(sys_cap_grant(slot, stranger, 1ul << 32 | WINDOW_FIRST, PROT_R, 0, 0), -E_SLOT);
	CHECK_IS(sys_cap_grant(slot, stranger, WINDOW_FIRST, PROT_R | PROT_W, 0, 0), 0);
	CHECK_IS(sys_cap_grant(slot, stranger, WINDOW_FIRST, PROT_R | PROT_W, 0, 0), -E_SLOT);
	CHECK_IS(sys_cap_grant(slot, stranger, WINDOW_FIRST + 1, PROT_R, 0, 0), 0);
	/* Nothing else can be done to a stranger. */
	CHECK_IS(sys_env_set(stranger, ENV_RUN, 0, 0), -E_RIGHTS);
	CHECK_IS(sys_page_alloc(stranger, 100, FRAME_ANY, 0), -E_RIGHTS);
	CHECK_IS(sys_cap_copy(stranger, 1, back, 0, 0, 0), -E_RIGHTS);
	CHECK_IS(sys_env_captab(stranger, slot), -E_RIGHTS);
	CHECK_IS(sys_yield(stranger), -E_RIGHTS);

	CHECK_IS(sys_env_set(0, ENV_WINDOW, back, 1), 0);
	CHECK_IS(sys_notify(p.env, EV_USER(1)), 0);
	CHECK_IS(sys_wait(EV_USER(2), deadline_us(3000000)), EV_USER(2));
	CHECK_IS(((char *)va)[0], 33);
	CHECK_IS(sys_cap_info(back, &info), 0);
	CHECK_IS(info.depth, 2);
	CHECK_IS(sys_cap_revoke(slot), 0);
	CHECK_IS(sys_cap_info(back, &info), -E_NOCAP);
	CHECK_IS(((char *)va)[0], 33);
	CHECK_IS(sys_notify(p.env, EV_USER(1)), 0);
	CHECK_IS(proc_wait(&p, deadline_us(3000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	CHECK_IS(sys_cap_grant(slot, stranger, WINDOW_FIRST, PROT_R, 0, 0), -E_NOCAP);
	return verdict();
}
