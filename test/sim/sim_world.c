/*
 * sim_world.c - environments to test with
 */
#include <stdio.h>
#include <string.h>

#include "test/sim/sim_world.h"

#define must(e, name, ...)	must_(sim_call(e, name, ##__VA_ARGS__), #name)

bool sim_lenient;
static jmp_buf give_up;

static long must_(long result, const char *call)
{
	char text[120];

	if (result >= 0)
		return result;
	if (sim_lenient)
		longjmp(give_up, 1);
	snprintf(text, sizeof(text), "sim: %s answers %s while a world is built", call, sim_error(result));
	sim_fail(text);
	return result;
}

const char *sim_error(long result)
{
	static const char *const names[] = {
#define X(name, number, sentence) [number] = "-" #name,
		EXOS_ERRORS(X)
#undef X
	};

	if (result >= 0)
		return "no error";
	if (result == SIM_SWITCHED)
		return "gave the processor away";
	if (-result < (long)ARRAY_SIZE(names) && names[-result] != NULL)
		return names[-result];
	return "no code at all";
}

unsigned sim_slot(const struct env *e)
{
	for (unsigned s = SIM_SLOT_FREE; s < e->nslots; s++)
		if (cap_empty_slot(e, s) != NULL)
			return s;
	sim_fail("sim: no empty slot is left");
	return 0;
}

struct cap *sim_cap(const struct env *e, unsigned slot)
{
	return cap_slot(e, slot);
}

ppn_t sim_frame(const struct env *e, unsigned slot)
{
	return cap_slot(e, slot)->object;
}

unsigned sim_page(struct env *e)
{
	unsigned slot = sim_slot(e);

	must(e, page_alloc, 0, slot, FRAME_ANY, 0);
	return slot;
}

void sim_bind(struct env *e, vaddr_t va, unsigned slot, unsigned prot)
{
	must(e, page_bind, SIM_SLOT_CTX, va, slot, 1, prot);
}

unsigned sim_context(struct env *e)
{
	unsigned ctx = sim_page(e);

	must(e, ctx_create, ctx);
	must(e, table_bind, ctx, 0, 1, sim_page(e));
	must(e, table_bind, ctx, 0, 0, sim_page(e));
	return ctx;
}

/* Page for a child: in its own slot, charged to it. */
static void child_page(struct env *parent, unsigned env, unsigned slot)
{
	must(parent, page_alloc, env, slot, FRAME_ANY, 0);
}

/* Bind a page that stands in the child's slot through a copy that lives only as long as this. The child's own takes over later. */
static unsigned borrow(struct env *parent, unsigned env, unsigned slot)
{
	unsigned copy = sim_slot(parent);

	must(parent, cap_copy, env, slot, copy, PROT_R | PROT_W | PROT_X, 0, 0);
	return copy;
}

struct sim_child sim_child(struct env *parent, uint32_t guarantee)
{
	static struct sim_child c;
	unsigned uarea;

	c = (struct sim_child){ 0 };
	if (sim_lenient && setjmp(give_up) != 0)
		return c;
	c.slot = sim_page(parent);
	c.id = must(parent, env_create, c.slot, guarantee);
	c.env = env_find(c.id);
	must(parent, env_captab, c.slot, sim_page(parent));
	c.ctx = sim_context(parent);
	must(parent, cap_grant, c.slot, c.slot, SIM_SLOT_SELF, RIGHTS_ALL, 0, 0);
	must(parent, cap_grant, c.ctx, c.slot, SIM_SLOT_CTX, RIGHTS_ALL, 0, 0);
	for (unsigned s = SIM_SLOT_CODE; s <= SIM_SLOT_UAREA; s++)
		child_page(parent, c.slot, s);
	uarea = borrow(parent, c.slot, SIM_SLOT_UAREA);
	must(parent, env_set, c.slot, ENV_UAREA, uarea, SIM_UAREA);
	must(parent, cap_delete, uarea);
	must(parent, env_set, c.slot, ENV_CONTEXT, c.ctx, 0);
	must(parent, env_set, c.slot, ENV_RUN, 1, 0);
	/* It binds its pages itself: calls need no memory. */
	sim_bind(c.env, SIM_CODE, SIM_SLOT_CODE, PROT_R | PROT_W | PROT_X);
	sim_bind(c.env, SIM_DATA, SIM_SLOT_DATA, PROT_R | PROT_W);
	must(c.env, page_bind, SIM_SLOT_CTX, SIM_ARGS, SIM_SLOT_ARGS, 2, PROT_R | PROT_W);
	sim_bind(c.env, SIM_UAREA, SIM_SLOT_UAREA, PROT_R | PROT_W);
	sim_cpu.x[0] = SIM_CODE;
	sim_run(parent);
	return c;
}

void sim_end(struct env *parent, unsigned slot)
{
	for (unsigned n = 0; n < 100000; n++)
		if (must(parent, object_end, slot) == 0) {
			must(parent, cap_delete, slot);
			return;
		}
	sim_fail("sim: an object does not end however often it is asked to");
}

vaddr_t sim_put(struct env *e, const void *bytes, size_t n)
{
	sim_run(e);
	for (size_t i = 0; i < n; i++)
		if (sim_store(SIM_ARGS + i, ((const uint8_t *)bytes)[i], 1) != 0)
			sim_fail("sim: the argument pages are not bound");
	return SIM_ARGS;
}

void sim_get(struct env *e, void *bytes, size_t n)
{
	sim_run(e);
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 0;

		if (sim_load(SIM_ARGS + i, &v, 1) != 0)
			sim_fail("sim: the argument pages are not bound");
		((uint8_t *)bytes)[i] = (uint8_t)v;
	}
}
