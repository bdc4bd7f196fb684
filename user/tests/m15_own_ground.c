/*
 * m15_own_ground.c - M15, L6: programs that pull the ground from under themselves: code, stack, u-area, handler, context
 *
 * Each harms only itself: the parent sees how it ended and gets everything back.
 */
#include "check.h"

static __attribute__((aligned(4096), noinline)) void apart(unsigned long ctx)
{
	sys_page_unbind(ctx, (unsigned long)apart & ~(PAGE_SIZE - 1), 1);
	_Exit(1);
}

extern char upcall_entry_fault[];

static int role(const char *name)
{
	unsigned long sp;

	if (strcmp(name, "code") == 0)
		apart(ctx_slot());
	if (strcmp(name, "stack") == 0) {
		__asm__ volatile("mv %0, sp" : "=r"(sp));
		sys_page_unbind(ctx_slot(), sp & ~(PAGE_SIZE - 1), 1);
		volatile char touch[64];

		touch[0] = 1;		/* comes back as a stack page, without what was on it */
		return touch[0] == 1 ? 0 : 1;
	}
	if (strcmp(name, "uarea") == 0) {
		sys_page_unbind(ctx_slot(), LAYOUT_UAREA, 1);
		__asm__ volatile("ebreak");
	}
	if (strcmp(name, "uarea-gone") == 0) {
		sys_cap_delete(vm_slot((void *)LAYOUT_UAREA));
		__asm__ volatile("ebreak");
	}
	if (strcmp(name, "uarea-read") == 0) {
		sys_page_protect(ctx_slot(), LAYOUT_UAREA, 1, PROT_R);
		__asm__ volatile("ebreak");
	}
	if (strcmp(name, "handler") == 0) {
		sys_page_unbind(ctx_slot(), (unsigned long)upcall_entry_fault & ~(PAGE_SIZE - 1), 1);
		__asm__ volatile("ebreak");
	}
	if (strcmp(name, "all") == 0)
		for (unsigned int slot = 1; slot < 128; slot++)
			sys_cap_delete(slot);
	if (strcmp(name, "context") == 0) {
		if (sys_object_end(ctx_slot()) != -E_RIGHTS)
			return 9;
		sys_cap_delete(ctx_slot());	/* its name for it; it lives on in it */
		return sys_page_unbind(ctx_slot(), LAYOUT_IMAGE, 1) == -E_NOCAP ? 42 : 8;
	}
	if (strcmp(name, "other-context") == 0) {
		long slot = page_new();

		sys_ctx_create((unsigned long)slot);
		sys_env_set(0, ENV_CONTEXT, (unsigned long)slot, 0);	/* nothing is mapped there */
	}
	return 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int status;	/* -1: any end will do */
	} roles[] = {
		{ "code", -1 }, { "stack", -1 }, { "uarea", -1 }, { "uarea-gone", -1 }, { "uarea-read", -1 }, { "handler", -1 },
		{ "all", -1 }, { "context", 42 }, { "other-context", -1 },
	};
	uint32_t before = 0, held = 0;
	struct proc p;
	int status;

	if (argc > 1)
		return role(argv[1]);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
			struct child c = { .name = "m15_own_ground", .role = roles[i].name, .first = 8, .count = 16 };
			enum proc_state state;

			MUST(child(&c, &p));
			state = proc_wait(&p, deadline_us(3000000), &status);
			printf("%s: %s, status %d\n", roles[i].name, proc_state_name(state), status);
			CHECK(state != PROC_RUNNING && state != PROC_GONE);
			if (roles[i].status >= 0)
				CHECK_IS(status, roles[i].status);
			else
				CHECK(state != PROC_EXITED || status != 1);
			CHECK_IS(proc_end(&p), 0);
			if (round == 1) {
				CHECK_IS(frames_free(), before);
				CHECK_IS(pages_held(), held);
			}
			before = frames_free();
			held = pages_held();
		}
	}
	return verdict();
}
