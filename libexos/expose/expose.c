/*
 * expose.c - the kernel's bookkeeping, mapped at the first use
 */
#include "exposed.h"

#include "exos_calls.h"
#include "start.h"
#include "vm.h"

struct view {
	char *va;
	enum expose_region region;
	unsigned int machine;	/* slot that shows the right to it, where one is needed */
};

static struct view views[EXPOSE_REGIONS];

/* Bindings are not inherited by a copy of the program, for no capability stands for them: there they are made page by page. */
static bool bind_again(void *arg, void *va, unsigned int access)
{
	const struct view *v = arg;
	unsigned long page = (unsigned long)((char *)va - v->va) / PAGE_SIZE;
	long r;

	if (access != PROT_R)
		return false;
	r = sys_expose_bind(ctx_slot(), (unsigned long)va, v->region, page, 1, v->machine);
	if (r == -E_NOTABLE && vm_table(ctx_slot(), (unsigned long)va, 0) == 0)
		r = sys_expose_bind(ctx_slot(), (unsigned long)va, v->region, page, 1, v->machine);
	return r == 1;
}

/* The region, mapped once; *at remembers where. */
static const volatile void *mapped_with(unsigned int machine, enum expose_region region, size_t bytes, const volatile void **at)
{
	size_t npages = (bytes + PAGE_SIZE - 1) / PAGE_SIZE, done = 0;
	char *va;

	if (*at != NULL)
		return *at;
	va = vm_reserve(bytes, PAGE_SIZE);
	if (va == NULL)
		return NULL;
	while (done < npages) {
		size_t n = npages - done < PAGES_MAX ? npages - done : PAGES_MAX;
		unsigned long to = (unsigned long)va + done * PAGE_SIZE;
		long r = sys_expose_bind(ctx_slot(), to, region, done, n, machine);

		if (r == -E_NOTABLE)
			r = vm_table(ctx_slot(), to, 0);
		if (r < 0) {
			sys_page_unbind(ctx_slot(), (unsigned long)va, done);
			vm_unmap(va);
			return NULL;
		}
		done += (size_t)r;
	}
	views[region] = (struct view){ va, region, machine };
	vm_handle(va, bytes, bind_again, &views[region]);
	*at = va;
	return va;
}

static const volatile void *mapped(enum expose_region region, size_t bytes, const volatile void **at)
{
	return mapped_with(0, region, bytes, at);
}

const volatile struct exposed_system *exposed_system(void)
{
	static const volatile void *at;

	return mapped(EXPOSE_SYSTEM, PAGE_SIZE, &at);
}

const volatile struct exposed_env *exposed_env(unsigned int i)
{
	static const volatile void *at;
	const volatile struct exposed_env *e = mapped(EXPOSE_ENVS, ENV_MAX * sizeof(*e), &at);

	return e != NULL && i < ENV_MAX ? &e[i] : NULL;
}

const volatile struct exposed_env *exposed_env_of(uint32_t id)
{
	const volatile struct exposed_env *e = exposed_env(id & ENV_INDEX_MASK);

	return e != NULL && e->id == id && e->state != ENV_FREE ? e : NULL;
}

bool exposed_self(void)
{
	const volatile struct exposed_env *self = exposed_env(self_env() & ENV_INDEX_MASK);
	const volatile void *at[] = { exposed_system(), self };

	for (unsigned int i = 0; i < 2; i++)
		if (at[i] == NULL || !bind_again(&views[i == 0 ? EXPOSE_SYSTEM : EXPOSE_ENVS], (void *)((uintptr_t)at[i] & ~(PAGE_SIZE - 1)), PROT_R))
			return false;
	/* A record may lie across a border of pages. */
	if (!bind_again(&views[EXPOSE_ENVS], (void *)(((uintptr_t)(self + 1) - 1) & ~(PAGE_SIZE - 1)), PROT_R))
		return false;
	for (unsigned int h = 0; h < exposed_system()->nharts; h++)
		if (exposed_hart(h) == NULL || !bind_again(&views[EXPOSE_HARTS], (void *)exposed_hart(h), PROT_R))
			return false;
	return true;
}

const volatile struct frame *exposed_frames(void)
{
	static const volatile void *at;
	const volatile struct exposed_system *s = exposed_system();

	return s != NULL ? mapped(EXPOSE_FRAMES, s->nframes * sizeof(struct frame), &at) : NULL;
}

const volatile struct frame *exposed_frame(uint64_t frame)
{
	const volatile struct frame *f = exposed_frames();

	if (f == NULL || frame < exposed_system()->first_frame || frame - exposed_system()->first_frame >= exposed_system()->nframes)
		return NULL;
	return &f[frame - exposed_system()->first_frame];
}

const volatile struct exposed_hart *exposed_hart(unsigned int hart)
{
	static const volatile void *at;
	const volatile struct exposed_system *s = exposed_system();
	const volatile char *harts;

	if (s == NULL || hart >= s->nharts)
		return NULL;
	harts = mapped(EXPOSE_HARTS, s->nharts * PAGE_SIZE, &at);
	return harts != NULL ? (const volatile struct exposed_hart *)(harts + hart * PAGE_SIZE) : NULL;
}

const volatile struct trace_ring *exposed_trace(unsigned int hart, unsigned int machine)
{
	static const volatile void *at;
	const volatile struct exposed_system *s = exposed_system();
	const volatile char *rings;

	if (s == NULL || hart >= s->nharts)
		return NULL;
	rings = mapped_with(machine, EXPOSE_TRACE, s->nharts * s->trace_pages * PAGE_SIZE, &at);
	return rings != NULL ? (const volatile struct trace_ring *)(rings + hart * s->trace_pages * PAGE_SIZE) : NULL;
}
