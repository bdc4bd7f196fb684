/*
 * ctx.h - addressing contexts: root tables, donated tables, ASIDs
 *
 * A context is named by the frame of its root table; what the kernel knows of it beyond the tables stands in that frame's
 * private record. Its ASID is given when it first runs, and again after the ASIDs ran out: then a new generation begins,
 * everything is fenced once, and whoever runs takes a fresh number. Without ASIDs in the hardware every switch fences.
 */
#ifndef KERN_CTX_H
#define KERN_CTX_H

#include "kern/env.h"
#include "kern/expose.h"
#include "kern/frame.h"
#include "kern/slice.h"

struct hart;

extern uint64_t asid_generation;
void ctx_init(void);
/* Make the context of e that of this hart; NULL: the kernel's own, for idling. */
void ctx_activate(struct env *e);

/* The uncommon case of those below: of several harts, or of another one. */
void ctx_fence_harts(const struct frame_priv *root, vaddr_t va, size_t bytes);
/*
 * Fence one address, or everything, of a context on the harts that may have cached something of it; none, as long as it never ran.
 * One that ran in an earlier generation only is fenced in vain. ctx_fence_page_here(): false when other harts may, to be told.
 */
static inline bool ctx_fence_page_here(const struct frame_priv *root, vaddr_t va)
{
#if EXOS_DEBUG || EXOS_HOST
	system_info->fences_page += root->harts != 0;	/* a tenth of the shortest calls */
#endif
	if (unlikely(root->harts != arch_hart()->bit))
		return root->harts == 0;
	arch_fence_page(va, root->asid);
	return true;
}

static inline void ctx_fence_page_of(const struct frame_priv *root, vaddr_t va)
{
	if (!ctx_fence_page_here(root, va))
		ctx_fence_harts(root, va, PAGE_SIZE);
}

static inline void ctx_fence_page(ppn_t root, vaddr_t va)
{
	ctx_fence_page_of(priv_of(root), va);
}

static inline void ctx_fence(ppn_t root)
{
	const struct frame_priv *p = priv_of(root);

	if (likely(p->harts == arch_hart()->bit))
		arch_fence_asid(p->asid);
	else if (p->harts != 0)
		ctx_fence_harts(p, 0, ~0ul);
	system_info->fences_asid += p->harts != 0;
}

/* The root above a table, and the first address that it covers, as in a binding. */
uint64_t table_place(ppn_t table);
/* Donate c's page as table. See table_bind in exos/calls.h for the errors. */
int table_bind(ppn_t root, vaddr_t va, unsigned level, struct cap *c);
int table_unbind(ppn_t root, vaddr_t va, unsigned level);
/* Take a table with everything below it out of its context. 0 done, 1 call again. Its capability becomes a PAGE. */
int table_tear(ppn_t table);
/* Take everything out of a context. 0 done, 1 call again. */
int ctx_tear(ppn_t root);

/* The root table of a context in which the caller may map. 0; -E_NOCAP; -E_RIGHTS. */
static inline long ctx_map_root(const struct env *self, unsigned long slot, ppn_t *root)
{
	const struct cap *x;

	*root = 0;
	if (unlikely(slot >= self->nslots))
		return -E_NOCAP;
	x = cap_at(self, slot);
	if (unlikely(x->type != CAP_CTX))
		return -E_NOCAP;
	if (unlikely(!(x->rights & RIGHT_MAP)))
		return -E_RIGHTS;
	*root = x->object;
	return 0;
}

#endif
