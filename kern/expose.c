/*
 * expose.c - read-only windows on the kernel's own bookkeeping
 */
#include "kern/expose.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/page.h"
#include "kern/syscall.h"

static struct {
	ppn_t first;
	uint32_t npages;
} regions[EXPOSE_REGIONS];

void expose_region(enum expose_region region, void *kva, size_t bytes)
{
	KASSERT((arch_pa(kva) & (PAGE_SIZE - 1)) == 0);
	regions[region].first = kva_page(kva);
	regions[region].npages = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
	for (uint32_t i = 0; i < regions[region].npages; i++) {
		KASSERT(frame_of(regions[region].first + i)->type == FRAME_KERNEL);
		frame_of(regions[region].first + i)->type = FRAME_EXPOSED;
	}
}

/* Replace what stands at va by a read-only leaf to an exposed frame. */
static long expose_page(ppn_t root, vaddr_t va, ppn_t ppn)
{
	pte_t *e = sv39_entry(root, va, 0);

	if (e == NULL)
		return -E_NOTABLE;
	page_unbind(root, va, false);
	sv39_set_leaf(e, ppn, leaf_bits(PROT_R));
	priv_of(kva_page(e))->live++;
	ctx_fence_page(root, va);
	return 0;
}

long sys_expose_bind(struct env *self, unsigned long ctx, unsigned long va, unsigned long region, unsigned long first,
		     unsigned long npages, unsigned long machine)
{
	ppn_t root;
	long err = ctx_map_root(self, ctx, &root);
	unsigned long i;

	if (err != 0)
		return err;
	if (region >= EXPOSE_REGIONS || npages < 1 || npages > PAGES_MAX || first >= regions[region].npages ||
	    npages > regions[region].npages - first)
		return -E_INVAL;
	if ((va & (PAGE_SIZE - 1)) != 0 || va >= SV39_USER_TOP || npages > (SV39_USER_TOP - va) >> PAGE_SHIFT)
		return -E_INVAL;
	if (region == EXPOSE_TRACE && cap_get(self, machine, CAP_MACHINE) == NULL)
		return -E_NOCAP;
	for (i = 0; i < npages; i++)
		if ((err = expose_page(root, va + i * PAGE_SIZE, regions[region].first + first + i)) != 0)
			break;
	return i > 0 ? (long)i : err;
}
