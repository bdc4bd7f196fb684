/*
 * ctx.c - addressing contexts: donated tables, ASIDs, fences
 */
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/expose.h"
#include "kern/lock.h"
#include "kern/page.h"
#include "kern/slice.h"
#include "kern/syscall.h"

uint64_t asid_generation;
static uint32_t asid_next;
static asid_t asid_kept[HARTS_MAX];	/* what another context brought along from the generation before, and keeps in this one; 0: none */

void ctx_init(void)
{
	asid_generation = 1;
	asid_next = 1;
}

/* The context that another hart runs in; NULL: it idles, or it is this one. */
static struct frame_priv *runs_in(unsigned hart)
{
	const struct hart *h = &harts[hart];

	return h != arch_hart() && h->current != NULL && h->current->context != 0 ? priv_of(h->current->context) : NULL;
}

/* All numbers were given: everything is forgotten once. Contexts in which other harts run keep theirs, in the new generation. */
static void new_generation(void)
{
	struct frame_priv *p;

	harts_gather(arch_hart());
	asid_generation++;
	asid_next = 1;
	system_info->asid_generation = asid_generation;
	system_info->fences_all++;
	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		e->satp = 0;
	for (unsigned i = 0; i < nharts; i++) {
		asid_kept[i] = 0;
		if ((p = runs_in(i)) != NULL) {
			asid_kept[i] = p->asid;
			p->harts = p->asid_gen == asid_generation ? p->harts | harts[i].bit : harts[i].bit;
			p->asid_gen = asid_generation;
		}
	}
	arch_fence_all();
	arch_fence_all_remote(((1u << nharts) - 1) & ~arch_hart()->bit);
}

static bool is_kept(asid_t asid)
{
	for (unsigned i = 0; i < nharts; i++)
		if (asid_kept[i] == asid)
			return true;
	return false;
}

/* A number for root in this generation. ASID 0 is the kernel's own, and nobody's while there are ASIDs. */
static void asid_assign(struct frame_priv *p)
{
	p->harts = 0;
	if (arch_asid_bits == 0) {
		p->asid = 0;
		p->asid_gen = asid_generation;
		return;
	}
	do {
		if (asid_next >> arch_asid_bits != 0)
			new_generation();
		/* A new generation may have left this very context its number, for another hart runs in it. */
		if (p->asid_gen == asid_generation)
			return;
		p->asid = asid_next++;
	} while (is_kept(p->asid));
	p->asid_gen = asid_generation;
}

void ctx_activate(struct env *e)
{
	ppn_t root = e != NULL ? e->context : 0;
	asid_t asid = 0;

	if (root != 0) {
		struct frame_priv *p = priv_of(root);

		if (p->asid_gen != asid_generation)
			asid_assign(p);
		p->harts |= arch_hart()->bit;
		asid = p->asid;
		e->satp = arch_asid_bits != 0 ? arch_satp(root, asid) : 0;
	}
	/* Without ASIDs what the last context cached must go, but when it is the same one. */
	if (arch_context_set(root, asid) && arch_asid_bits == 0) {
		system_info->fences_all++;
		arch_fence_all();
	}
}

void ctx_fence_harts(const struct frame_priv *root, vaddr_t va, size_t bytes)
{
	const uint32_t us = arch_hart()->bit;

	if ((root->harts & us) && bytes == PAGE_SIZE)
		arch_fence_page(va, root->asid);
	else if (root->harts & us)
		arch_fence_asid(root->asid);
	if (root->harts & ~us)	/* when the context moved here, the hart before remembers it */
		(void)bytes;
}

int table_bind(ppn_t root, vaddr_t va, unsigned level, struct cap *c)
{
	pte_t *e;
	int err;

	if (va >= SV39_USER_TOP || level > 1)
		return -E_INVAL;
	if ((err = page_claimable(c)) != 0 && (err != -E_QUOTA || level != 0))
		return err;
	e = sv39_entry(root, va, level + 1);
	if (e == NULL)
		return -E_NOTABLE;
	if (pte_valid(*e))
		return -E_EXISTS;

	page_claim(c, FRAME_TABLE, level, CAP_TABLE);
	frame_of(c->object)->parent = kva_page(e);
	priv_of(c->object)->index = sv39_index(va, level + 1);
	sv39_set_table(e, c->object);
	priv_of(kva_page(e))->live++;
	ctx_fence(root);	/* that there was no table may be remembered for any address below it */
	return 0;
}

uint64_t table_place(ppn_t table)
{
	vaddr_t va = 0;

	for (; frame_of(table)->level < 2; table = frame_of(table)->parent)
		va += priv_of(table)->index * sv39_span(frame_of(table)->level + 1);
	return binding_of(table, va);
}

/* Take an empty table out of its parent. Its capability becomes a PAGE; a read-only binding of the page stays. */
static void table_unlink(ppn_t table)
{
	ppn_t parent = frame_of(table)->parent, root = binding_root(table_place(table));
	pte_t *e = (pte_t *)page_kva(parent) + priv_of(table)->index;

	KASSERT(priv_of(table)->live == 0 && pte_is_table(*e) && pte_ppn(*e) == table);
	sv39_clear(e);
	priv_of(parent)->live--;
	ctx_fence(root);	/* a non-leaf went: whatever walk may have cached, before the page is anything else */
	page_unclaim(priv_of(table)->caps.head);
}

int table_unbind(ppn_t root, vaddr_t va, unsigned level)
{
	pte_t *e;

	if (va >= SV39_USER_TOP || level > 1)
		return -E_INVAL;
	e = sv39_entry(root, va, level + 1);
	if (e == NULL || !pte_is_table(*e))
		return -E_NOTABLE;
	if (priv_of(pte_ppn(*e))->live != 0)
		return -E_BUSY;
	table_unlink(pte_ppn(*e));
	return 0;
}

/* Undo all leaves of a table, and tear one table below it if there is one. 0: empty; 1: call again. */
static int table_empty(ppn_t table)
{
	unsigned level = frame_of(table)->level;
	unsigned n = level == 2 ? SV39_USER_ROOT : SV39_ENTRIES;
	pte_t *t = page_kva(table);
	ppn_t root = binding_root(table_place(table));
	vaddr_t base = binding_va(table_place(table));

	for (unsigned i = 0; i < n && priv_of(table)->live > 0; i++) {
		if (pte_is_table(t[i])) {
			table_tear(pte_ppn(t[i]));	/* one level down: depth is bounded by the level */
			return 1;
		}
		if (pte_valid(t[i]))
			page_unbind(root, base + i * sv39_span(level), false);
	}
	ctx_fence(root);
	return 0;
}

int table_tear(ppn_t table)
{
	if (table_empty(table) != 0)
		return 1;
	table_unlink(table);
	return 0;
}

int ctx_tear(ppn_t root)
{
	return table_empty(root);
}

/* ---- calls ---- */

long sys_table_bind(struct env *self, unsigned long ctx, unsigned long va, unsigned long level, unsigned long slot)
{
	ppn_t root;
	long err = ctx_map_root(self, ctx, &root);
	struct cap *c = cap_get(self, slot, CAP_PAGE);

	if (err != 0)
		return err;
	if (c == NULL)
		return -E_NOCAP;
	return level > 1 ? -E_INVAL : table_bind(root, va, level, c);
}

long sys_table_unbind(struct env *self, unsigned long ctx, unsigned long va, unsigned long level)
{
	ppn_t root;
	long err = ctx_map_root(self, ctx, &root);

	if (err != 0)
		return err;
	return level > 1 ? -E_INVAL : table_unbind(root, va, level);
}

long sys_ctx_create(struct env *self, unsigned long slot)
{
	struct cap *c = cap_get(self, slot, CAP_PAGE);
	int err;

	if (c == NULL)
		return -E_NOCAP;
	if ((err = page_claimable(c)) != 0)
		return err;
	page_claim(c, FRAME_TABLE, 2, CAP_CTX);
	arch_root_init(c->object);
	return 0;
}
