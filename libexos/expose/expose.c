/*
 * expose.c - the kernel's bookkeeping, mapped at the first use
 */
#include "exposed.h"

#include "exos_calls.h"
#include "start.h"
#include "vm.h"

/* The region, mapped once; *at remembers where. */
static const volatile void *mapped(enum expose_region region, size_t bytes, const volatile void **at)
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
		long r = sys_expose_bind(ctx_slot(), to, region, done, n);

		if (r == -E_NOTABLE)
			r = vm_table(ctx_slot(), to, 0);
		if (r < 0) {
			sys_page_unbind(ctx_slot(), (unsigned long)va, done);
			vm_unmap(va);
			return NULL;
		}
		done += (size_t)r;
	}
	*at = va;
	return va;
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
