/*
 * audit.c - the laws of the design, one function each: in words, then in code
 *
 * The audit reads the complete state and changes nothing but its own counters. It is bounded by the frames, the capability
 * table slots and the entries of page tables, and far too slow for a release build, where it does nothing.
 */
#include "kern/audit.h"

#if EXOS_DEBUG || EXOS_HOST

#include "kern/charge.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/flow.h"
#include "kern/page.h"
#include "kern/revoke.h"
#include "kern/ring.h"
#include "kern/slice.h"
#include "kern/trace.h"

/* A law that is broken: which, and two values that say where. */
#define LAW(cond, a, b) \
	do { if (unlikely(!(cond))) panic(__FILE__, __LINE__, "audit: " #cond, (uint64_t)(a), (uint64_t)(b)); } while (0)

#define FRAMES_MAX	(1u << 19)	/* 2 GiB of memory */

static uint16_t count[FRAMES_MAX];	/* of each frame: pins whose holder was found, capabilities of its flow */
static uint8_t asids[(1u << 16) / 8];	/* a bit for each ASID that a context has in this generation */

static uint64_t leaves, bound_caps;	/* of pages, not of exposed frames */
static uint32_t quarantined;
static uint32_t table_links;		/* entries that lead to a table */
static uint64_t listed, recorded;	/* capabilities found in lists, and in capability tables */
static uint32_t revoking;		/* of them, those whose revocation is under way */

static bool is_living(const struct env *e)
{
	return e != NULL && e->pub != NULL && env_table[e->id & ENV_INDEX_MASK] == e;
}

static bool all_zero(const struct cap *c)
{
	return c->type == CAP_NONE && c->rights == 0 && c->depth == 0 && c->aux == 0 && c->object == 0 && c->binding == 0 &&
	       c->next == NULL && c->prev == NULL;
}

/* ---- translations ---- */

/*
 * A leaf: (1) only bits of the allow-list, U among them, W never without R, and the page number of memory; (2) what it leads to
 * is data, a table below the root, or an exposed frame: no kernel object, no free frame, nothing of the kernel; (3) tables and exposed frames are
 * only read; (4) but for exposed frames exactly one capability is bound there, of the size of the leaf, with all the rights
 * of the leaf.
 */
static void audit_leaf(ppn_t root, vaddr_t va, pte_t pte, unsigned level)
{
	const pte_t allowed = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D | (pte_t)0xffffffff << PTE_PPN_SHIFT;
	ppn_t ppn = pte_ppn(pte);
	const struct frame *f;
	unsigned n = 0;

	LAW((pte & ~allowed) == 0 && (pte & PTE_U) && prot_valid(pte_prot(pte)), pte, va);
	LAW((uint64_t)pte >> PTE_PPN_SHIFT == ppn && frame_exists(ppn), pte, va);
	LAW((ppn & (pages_of_order(level) - 1)) == 0, pte, va);
	f = frame_of(ppn);
	LAW(f->type == FRAME_DATA || (f->type == FRAME_TABLE && f->level < 2) || f->type == FRAME_EXPOSED, f->type, ppn);
	if (f->type != FRAME_DATA)
		LAW(pte_prot(pte) == PROT_R && level == 0, pte, va);
	for (const struct cap *c = priv_of(ppn)->caps.head; c != NULL; c = c->next) {
		if (c->binding != binding_of(root, va))
			continue;
		LAW(c->type == CAP_PAGE || c->type == CAP_TABLE, c->type, ppn);
		LAW((pte_prot(pte) & ~c->rights) == 0, pte, c->rights);
		LAW(cap_order(c) == level, cap_order(c), level);
		n++;
	}
	LAW(n == (f->type == FRAME_EXPOSED ? 0 : 1), n, va);
	if (f->type != FRAME_EXPOSED)
		leaves++;
}

/*
 * A table: (1) the count of valid entries is right; (2) each entry that leads to a table leads to one of the level below,
 * whose parent and index point back: so each table has one parent, and no table leads to itself; (3) everything else is a
 * leaf. Recursion ends with the levels.
 */
static void audit_table(ppn_t root, ppn_t table, unsigned level, vaddr_t base)
{
	const pte_t *t = page_kva(table);
	unsigned n = level == 2 ? SV39_USER_ROOT : SV39_ENTRIES, live = 0;

	for (unsigned i = 0; i < n; i++) {
		vaddr_t va = base + i * sv39_span(level);
		ppn_t below = pte_ppn(t[i]);

		if (!pte_valid(t[i])) {
			LAW(t[i] == 0, t[i], va);
			continue;
		}
		live++;
		if (pte_is_leaf(t[i])) {
			audit_leaf(root, va, t[i], level);
			continue;
		}
		LAW(level > 0 && t[i] == ((pte_t)below << PTE_PPN_SHIFT | PTE_V) && frame_exists(below), t[i], va);
		LAW(frame_of(below)->type == FRAME_TABLE && frame_of(below)->level == level - 1, below, va);
		LAW(frame_of(below)->parent == table && priv_of(below)->index == i, below, table);
		table_links++;
		audit_table(root, below, level - 1, va);
	}
	LAW(priv_of(table)->live == live, priv_of(table)->live, live);
}

/*
 * Contexts: (1) all tables below the roots obey, and every table below a root is found there; (2) each binding that a capability
 * remembers has its leaf, which with law 4 of leaves makes the two the same set; (3) no two contexts share an ASID of this
 * generation, and none has number 0 while there are ASIDs; (4) the users of a context are the environments that run in it; (5) what
 * the short roads of bindings believe of tables and rights is so; (6) what an environment's short road writes into satp is its context.
 */
static void audit_contexts(void)
{
	uint32_t tables = 0;

	leaves = table_links = 0;
	LAW(page_known_is_true(), 0, 0);
	for (unsigned i = 0; i < sizeof(asids); i++)
		asids[i] = 0;
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct frame_priv *v = priv_of(p);
		uint32_t users = 0;

		if (frame_of(p)->type != FRAME_TABLE)
			continue;
		LAW(frame_of(p)->level <= 2, p, frame_of(p)->level);
		if (frame_of(p)->level < 2) {
			tables++;
			continue;
		}
		LAW(frame_of(p)->parent == 0, p, frame_of(p)->parent);
		audit_table(p, p, 2, 0);
		for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e))
			users += e->context == p;
		LAW(users == v->users, p, users);
		if (v->asid_gen != asid_generation)
			continue;
		LAW(v->asid >> arch_asid_bits == 0 && (v->asid != 0 || arch_asid_bits == 0), p, v->asid);
		if (arch_asid_bits != 0) {
			LAW(!(asids[v->asid / 8] >> v->asid % 8 & 1), p, v->asid);
			asids[v->asid / 8] |= 1u << v->asid % 8;
		}
	}
	LAW(table_links == tables, table_links, tables);
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		if (e->context != 0) {
			ppn_t root = e->context;

			LAW(frame_exists(root) && frame_of(root)->type == FRAME_TABLE && frame_of(root)->level == 2, root, e->id);
			LAW(e->satp == 0 || (priv_of(root)->asid_gen == asid_generation &&
			    e->satp == arch_satp(root, priv_of(root)->asid)), root, e->id);
		}
}

/* ---- frames ---- */

/*
 * The free list: (1) doubly linked, but for what is before the first, and as long as free_frames says; (2) a free frame
 * has no capability, owner, pin, word, and no part in a larger page or a table; (3) it holds exactly the frames of type FREE.
 */
static void audit_free_list(void)
{
	uint32_t n = 0, free = 0;
	ppn_t prev = 0;

	for (ppn_t p = frame_any(); p != 0; prev = p, p = priv_of(p)->next) {
		LAW(frame_exists(p), p, prev);
		LAW(frame_of(p)->type == FRAME_FREE && (prev == 0 || priv_of(p)->prev == prev), p, prev);
		LAW(n++ < system_info->free_frames, p, system_info->free_frames);
	}
	LAW(n == system_info->free_frames, n, system_info->free_frames);
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct frame *f = frame_of(p);

		if (f->type != FRAME_FREE)
			continue;
		free++;
		LAW(f->ncaps == 0 && priv_of(p)->caps.head == NULL && priv_of(p)->caps.count == 0, p, f->ncaps);
		LAW(f->owner == 0 && f->pins == 0 && f->order == 0 && f->tail == 0 && f->parent == 0 && f->level == 0 &&
		    f->word == 0, p, f->owner);
	}
	LAW(free == system_info->free_frames, free, system_info->free_frames);
}

/* What kind of capability stands for a frame. */
static unsigned type_for(const struct frame *f)
{
	switch (f->type) {
	case FRAME_DATA:
		return CAP_PAGE;
	case FRAME_TABLE:
		return f->level == 2 ? CAP_CTX : CAP_TABLE;
	case FRAME_KOBJ:
		return f->level;
	default:
		return CAP_NONE;
	}
}

/*
 * Frames: (1) each has a known type, and only data comes in larger pages, whose parts agree with the first; (2) data that no
 * capability stands for is held by pins alone, or is what is left of a 1 GiB page that is being freed; tables and kernel objects
 * have their capability; (3) kernel and exposed frames are nobody's; (4) owners live; (5) each environment is charged for exactly
 * the frames that it owns, and the count of those that are not taken is right; (6) data of nobody is what was taken while a device
 * reads it.
 */
static void audit_frames(void)
{
	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		e->audit_count = e->audit_fixed = 0;
	quarantined = 0;
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct frame *f = frame_of(p);
		struct env *owner;

		LAW(f->type <= FRAME_EXPOSED, p, f->type);
		if (f->order != 0) {
			/* A 1 GiB page that is being freed has lost blocks at its end; its 2 MiB parts have tails of their own. */
			ppn_t size = priv_of(p)->live != 0 ? priv_of(p)->live * pages_of_order(1) : pages_of_order(f->order);

			LAW(f->type == FRAME_DATA && f->order <= PAGE_ORDER_JOINED && f->tail == 0, p, f->order);
			LAW((p & (pages_of_order(f->order) - 1)) == 0 && end_ppn - p >= pages_of_order(f->order), p, f->order);
			for (ppn_t i = 1; i < size; i++) {
				ppn_t part = p + (i & ~(pages_of_order(1) - 1));

				LAW(frame_of(p + i)->tail == 1, p, i);
				LAW(frame_of(p + i)->parent == (p + i == part ? p : part), p, i);
			}
		}
		if (f->tail != 0) {
			const struct frame *first = frame_of(f->parent);

			LAW(f->type == FRAME_DATA && f->ncaps == 0 && f->pins == 0, p, f->ncaps);
			if (first->tail != 0)
				first = frame_of(first->parent);
			LAW(p > f->parent && p - first_ppn - (ppn_t)(first - frames) < pages_of_order(first->order), p, f->parent);
			LAW(first->owner == f->owner, p, f->owner);
		} else if (f->type == FRAME_DATA) {
			LAW(f->ncaps > 0 || f->pins > 0 || priv_of(p)->live != 0, p, f->owner);
		}
		if (f->type == FRAME_TABLE || f->type == FRAME_KOBJ) {
			LAW(f->ncaps > 0 && f->pins == 0, p, f->type);
			LAW(type_for(f) > CAP_PAGE && type_for(f) < CAP_TYPES, p, f->level);
		}
		if (f->type == FRAME_KERNEL || f->type == FRAME_EXPOSED)
			LAW(f->owner == 0 && f->ncaps == 0 && f->pins == 0, p, f->owner);
		if (f->owner == 0) {
			quarantined += f->type == FRAME_DATA;
			LAW(f->type != FRAME_DATA || (f->ncaps == 0 && !frame_fixed(p)), p, f->ncaps);
			continue;
		}
		owner = env_find(f->owner);
		LAW(owner != NULL, p, f->owner);
		owner->audit_count++;
		owner->audit_fixed += frame_fixed(p);
	}
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		LAW(e->audit_count == e->pub->held, e->audit_count, e->pub->held);
		LAW(e->audit_fixed == e->pub->fixed, e->audit_fixed, e->pub->fixed);
	}
	LAW(quarantined == system_info->quarantined_frames, quarantined, system_info->quarantined_frames);
}

/*
 * Promises: (1) what is promised and not yet taken is the sum over all environments; (2) what an environment passed on is the sum of what
 * its children have, and no more than it has; (3) pages that are not taken, but are beyond the guarantee of who holds them, fit into what
 * nobody was promised; (4) so what is promised is free, or can be taken, or is on its way.
 */
static void audit_promises(void)
{
	const uint64_t here = system_info->free_frames + quarantined;
	uint64_t promised = 0, own = 0, all = here, beyond = 0, above = 0;

	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		uint64_t passed = 0;

		LAW(e->pub->promised_on <= e->pub->guarantee, e->id, e->pub->promised_on);
		for (const struct env *c = e->child; c != NULL; c = c->sibling)
			passed += c->pub->guarantee;
		LAW(passed == e->pub->promised_on, e->id, passed);
		promised += env_outstanding(e);
		own += env_own_guarantee(e);
		all += e->pub->held;
		beyond += excess(e->pub->fixed, env_own_guarantee(e));
		above += env_above(e);
	}
	LAW(promised == system_info->promised_frames, promised, system_info->promised_frames);
	LAW(own <= all && beyond <= all - own, beyond, all - own);
	LAW(promised <= here + above, promised, above);
}

/*
 * Dialogues: (1) those who wait are in the queue once, living, for no more than they are promised; (2) their sum is right, and nobody else
 * waits; (3) who was told that its pages are there finds them; (4) all dialogues are counted.
 */
static void audit_dialogues(void)
{
	const uint64_t free[REVOKE_SHARES + 1] = {
		[REVOKE_PAGES] = system_info->free_frames,
		[REVOKE_SLICES] = slices_free,
		[REVOKE_FILTERS] = classifier_room(&classifier),
	};
	uint64_t open = 0;

	for (unsigned kind = REVOKE_PAGES; kind <= REVOKE_SHARES; kind++) {
		uint64_t wanted = 0, all = 0, n = 0;

		open += revoke_waiting[kind] != NULL;
		for (const struct env *w = revoke_waiting[kind]; w != NULL; w = w->want_next[kind]) {
			const struct exposed_share *s = share_of(w, kind);

			LAW(n++ < ENV_MAX && is_living(w) && w->state != ENV_DYING, w->id, n);
			LAW(s->wanted != 0 && s->wanted <= share_outstanding(s), w->id, s->wanted);
			wanted += s->wanted;
			LAW(!(w->granted & 1u << kind) || wanted <= free[kind], w->id, wanted);
		}
		for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e))
			all += share_of(e, kind)->wanted;
		LAW(wanted == all, wanted, all);
		LAW(kind != REVOKE_PAGES || wanted == system_info->wanted_frames, wanted, system_info->wanted_frames);
	}
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		open += e->pub->asked != 0;
		LAW((e->pub->asked != 0) == (e->pub->asked_kind != REVOKE_NONE) && e->pub->asked_kind <= REVOKE_SHARES, e->id, e->pub->asked);
	}
	LAW(open == revoke_open, open, revoke_open);
}

/*
 * Shares: (1) what an environment passed on of a kind is the sum of what its children have, and no more than it has; (2) no more is
 * promised than there is; so (3) what those who wait miss is held by others beyond their guarantees. Of pages audit_promises() says more.
 */
static void audit_shares(void)
{
	const uint64_t all[REVOKE_SHARES + 1] = { [REVOKE_SLICES] = nharts * SLICES, [REVOKE_FILTERS] = CLASSIFIER_SHAPES };

	for (unsigned kind = REVOKE_SLICES; kind <= REVOKE_SHARES; kind++) {
		uint64_t own = 0;

		for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
			uint64_t passed = 0;

			for (const struct env *c = e->child; c != NULL; c = c->sibling)
				passed += share_of(c, kind)->guarantee;
			LAW(passed == share_of(e, kind)->promised_on && passed <= share_of(e, kind)->guarantee, e->id, passed);
			own += share_own(share_of(e, kind));
		}
		LAW(own <= all[kind], kind, own);
	}
}

/* ---- capabilities ---- */

/* May a record stand below the other? Rights and ranges shrink, and predicates imply those above. */
static bool narrower(const struct cap *c, const struct cap *above)
{
	uint64_t first = c->binding >> 32, n = (uint32_t)c->binding;
	uint64_t above_first = above->binding >> 32, above_n = (uint32_t)above->binding;

	if (c->type != above->type || (c->rights & ~above->rights))
		return false;
	if (c->type == CAP_SLICE)
		return first >= above_first && first + n <= above_first + above_n;
	if (c->type == CAP_FLOW) {
		const struct flow *flow = page_kva(c->object), *flow_above = page_kva(above->object);

		return predicate_implies(&flow->receive, &flow_above->receive) && predicate_implies(&flow->send, &flow_above->send) &&
		       (flow->shared || !flow_above->shared);
	}
	return true;
}

/*
 * A derivation list: (1) doubly linked, as long as its count; (2) it starts at depth 0, and each record lies at most one level
 * deeper than the one before; (3) rights and ranges shrink from each record to those below it; (4) every record is of the
 * resource's type and lies in the capability table of an environment (see audit_tables).
 */
static void audit_list(const struct cap_list *l, unsigned type, uint64_t object)
{
	static const struct cap *path[CAP_DEPTH_MAX + 1];
	const struct cap *prev = NULL;
	uint32_t n = 0;

	for (const struct cap *c = l->head; c != NULL; prev = c, c = c->next) {
		LAW(n++ < l->count, l->count, object);
		LAW(c->prev == prev, object, n);
		LAW(c->type == type && (type == CAP_FLOW || c->object == object), c->type, object);
		LAW(cap_list_of(c) == l, object, n);
		LAW(c->depth <= (prev == NULL ? 0 : prev->depth + 1u), c->depth, object);
		if (c->depth > 0)
			LAW(narrower(c, path[c->depth - 1]), object, n);
		path[c->depth] = c;
		listed++;
	}
	LAW(n == l->count && n <= CAP_LIST_MAX, n, l->count);
}

/* All lists: of each frame, each hart, and those of their own. A frame's count is that of its list. */
static void audit_lists(void)
{
	listed = 0;
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct frame *f = frame_of(p);

		if (f->type == FRAME_KOBJ && f->level == CAP_FLOW)
			continue;	/* its capabilities are in the list of all flows */
		LAW(f->ncaps == priv_of(p)->caps.count, p, f->ncaps);
		audit_list(&priv_of(p)->caps, type_for(f), p);
	}
	for (unsigned i = 0; i < nharts; i++)
		audit_list(&harts[i].caps, CAP_SLICE, i);
	audit_list(&console_caps, CAP_CONSOLE, 0);
	audit_list(&machine_caps, CAP_MACHINE, 0);
	audit_list(&flow_caps, CAP_FLOW, 0);
}

/* One slot: an empty one is all zero; a record is where its neighbours say; a binding of a page leads to its leaf; slices exist. */
static void audit_slot(const struct cap *c)
{
	if (c->type == CAP_NONE) {
		LAW(all_zero(c), c->object, c->binding);
		return;
	}
	recorded++;
	revoking += (c->aux & CAP_REVOKING) != 0;
	LAW(c->type < CAP_TYPES, c->type, c->object);
	LAW((c->prev != NULL ? c->prev->next : cap_list_of(c)->head) == c, c->type, c->object);
	LAW(c->next == NULL || c->next->prev == c, c->type, c->object);
	LAW(c->type != CAP_SLICE || (c->binding >> 32) + (uint32_t)c->binding <= SLICES, c->object, c->binding);
	if (c->type == CAP_PAGE || c->type == CAP_TABLE) {
		ppn_t root = binding_root(c->binding);
		pte_t *e;

		LAW(cap_order(c) == frame_of(c->object)->order, c->object, c->aux);
		if (c->binding == 0)
			return;
		bound_caps++;
		LAW(frame_exists(root) && frame_of(root)->type == FRAME_TABLE && frame_of(root)->level == 2, root, c->object);
		e = sv39_entry(root, binding_va(c->binding), cap_order(c));
		LAW(e != NULL && pte_is_leaf(*e) && pte_ppn(*e) == c->object, c->object, c->binding);
	}
}

/*
 * Capability tables: (1) the pages of each are kernel objects with one capability that say whose they are, and every such page is in
 * one table; (2) the records in the tables are those in the lists; (3) the bindings in the records are the leaves in the page tables;
 * (4) as many revocations are under way as records say.
 */
static void audit_tables(void)
{
	uint32_t pages = 0, kobj = 0;

	recorded = bound_caps = 0;
	revoking = 0;
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		LAW(e->ncaptab <= CAPTAB_PAGES && e->nslots <= e->ncaptab * CAPS_PER_PAGE, e->id, e->ncaptab);
		for (unsigned n = 0; n < e->ncaptab; n++, pages++) {
			const struct cap *table = e->captab[n];
			const struct frame *f = frame_of(kva_page(table));

			LAW(f->type == FRAME_KOBJ && f->level == CAP_CAPTAB && f->ncaps == 1, e->id, n);
			LAW(f->parent == e->page, e->id, n);
			for (unsigned m = 0; m < n; m++)
				LAW(e->captab[m] != e->captab[n], e->id, m);
			LAW(priv_of(kva_page(table))->index == n, e->id, n);
			for (unsigned s = 0; s < CAPS_PER_PAGE; s++)
				audit_slot(&table[s]);
		}
		if (e->ncaptab > 0)
			LAW(all_zero(e->captab[0]), e->id, 0);
	}
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		kobj += frame_of(p)->type == FRAME_KOBJ && frame_of(p)->level == CAP_CAPTAB;
	LAW(pages == kobj, pages, kobj);
	LAW(recorded == listed, recorded, listed);
	LAW(bound_caps == leaves, bound_caps, leaves);
	LAW(revoking == revocations, revoking, revocations);
}

/* ---- environments and slices ---- */

/*
 * Environments: (1) each record fills a kernel object of its own, and each such object is one of them; (2) the public record says the
 * same; (3) the tree: each child is in its parent's list once, and there is one without a parent; (4) a u-area is a page of
 * data, pinned; without one the stand-in is held for ever.
 */
static void audit_envs(void)
{
	uint32_t n = 0, kobj = 0, linked = 0, roots = 0;

	for (unsigned i = 0; i < ENV_MAX; i++) {
		const struct env *e = env_table[i];

		LAW(e != NULL || env_public[i].state == ENV_FREE, i, env_public[i].state);
		if (e == NULL)
			continue;
		n++;
		LAW((e->id & ENV_INDEX_MASK) == i && e->pub == &env_public[i] && e->pub->id == e->id, i, e->id);
		LAW(env_at(e->page) == e && frame_of(e->page)->type == FRAME_KOBJ && frame_of(e->page)->level == CAP_ENV, e->id, e->page);
		LAW(e->state > ENV_FREE && e->state <= ENV_DYING && e->pub->state == e->state, e->id, e->state);
		LAW(e->pub->context == e->context, e->id, e->context);
		LAW(e->pub->parent == (e->parent != NULL ? e->parent->id : 0), e->id, e->pub->parent);
		LAW(e->parent == NULL || is_living(e->parent), e->id, e->pub->parent);
		roots += e->parent == NULL;
		for (struct env *const *link = &e->child; *link != NULL; link = &(*link)->sibling) {
			LAW((*link)->parent == e && (*link)->sibling_link == link, e->id, (*link)->id);
			LAW(is_living(*link) && linked++ < ENV_MAX, e->id, (*link)->id);
		}
		if (e->uarea_page != 0) {
			const struct frame *f = frame_of(e->uarea_page);

			LAW(e->uarea == page_kva(e->uarea_page) && (e->uarea_va & (PAGE_SIZE - 1)) == 0, e->id, e->uarea_page);
			LAW(f->type == FRAME_DATA && f->order == 0 && f->tail == 0 && f->pins > 0, e->id, e->uarea_page);
			LAW(e->uarea_va < SV39_USER_TOP, e->id, e->uarea_va);
		} else {
			LAW(e->uarea == &no_uarea, e->id, 0);
		}
	}
	LAW(no_uarea.held != 0, no_uarea.held, 0);
	LAW(roots <= 1 && linked + roots == n, linked, n);
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		kobj += frame_of(p)->type == FRAME_KOBJ && frame_of(p)->level == CAP_ENV;
	LAW(kobj == n, kobj, n);
}

/*
 * Slices: (1) each is bound to a living environment, through a capability that covers it and may bind, or to none; (2) the public
 * vector says the same; (3) an environment's count is the number of its slices on all harts, and the others are counted as nobody's; (4) a
 * hart is at one of its slices.
 */
static void audit_slices(void)
{
	unsigned nobody = nharts * SLICES;

	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		e->audit_count = 0;
	for (unsigned n = 0; n < nharts; n++) {
		const struct hart *h = &harts[n];

		LAW(h->position < SLICES, n, h->position);
		for (unsigned i = 0; i < SLICES; i++) {
			const struct slice *s = &h->slice[i];

			LAW((s->env == NULL) == (s->by == NULL), n, i);
			LAW(h->pub->slice[i] == (s->env != NULL ? s->env->id : 0), n, i);
			if (s->env == NULL)
				continue;
			LAW(is_living(s->env), n, i);
			LAW(s->by->type == CAP_SLICE && s->by->object == n && (s->by->rights & RIGHT_BIND), n, i);
			LAW(i >= s->by->binding >> 32 && i - (s->by->binding >> 32) < (uint32_t)s->by->binding, i, s->by->binding);
			s->env->audit_count++;
		}
	}
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		LAW(e->audit_count == e->pub->slices.held, e->id, e->audit_count);
		nobody -= e->audit_count;
	}
	LAW(nobody == slices_free, nobody, slices_free);
}

/*
 * Harts: (1) whoever runs is ready, or what it does in its protected entry is, and says where; (2) the public record says whose slice
 * it is; (3) the context that it stands on knows of it, for the fences of others; (4) a traced one writes into its own ring, which is
 * exposed as far as it writes.
 */
static void audit_harts(void)
{
	for (unsigned n = 0; n < nharts; n++) {
		const struct hart *h = &harts[n];

		LAW(h->trace == NULL || (h->trace == trace_ring(h) && frame_of(kva_page(h->trace))->type == FRAME_EXPOSED), n, 0);
		LAW(h->trace == NULL || sizeof(*h->trace) + h->trace->size * sizeof(h->trace->event[0]) <= system_info->trace_pages * PAGE_SIZE,
		    n, h->trace->size);
		LAW((h->pub->current == 0) == (h->current == NULL), n, h->pub->current);
		if (h->current == NULL)
			continue;
		LAW(h->pub->current == h->payer_id && h->payer == &env_public[h->payer_id & ENV_INDEX_MASK], n, h->payer_id);
		LAW(is_living(h->current) && h->current->hart == h, n, h->current->id);
		LAW(h->current->state == ENV_READY || (h->current->state == ENV_WAITING && !env_waits(h->current)), n, h->current->state);
		LAW(h->current->context != 0 && priv_of(h->current->context)->asid_gen == asid_generation &&
		    (priv_of(h->current->context)->harts & h->bit), n, h->current->context);
	}
}

/* Is what e remembers of its last transfer or yield what the slot names? */
static bool remembers(const struct env *e, unsigned long slot, const struct env *to, unsigned right)
{
	const struct cap *c = cap_slot(e, slot);

	if (slot == 0)
		return to == e;
	return c != NULL && c->type == CAP_ENV && (c->rights & right) && env_at(c->object) == to;
}

/*
 * Gates and transfers: (1) a gate is shut exactly while its environment runs, waits for an answer, is stopped or ends; (2) one that is
 * open for transfers has a u-area, is in no entry, and the gate holds the address; (3) who waits and who is to answer point at each
 * other, and only one in a protected entry has somebody to answer; (4) no chain of those who wait has a circle; (5) what a
 * holder's transfers remember is what its slot names.
 */
static void audit_transfers(void)
{
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		bool runs = e->hart != NULL && e->hart->current == e;
		unsigned n = 0;

		LAW((e->gate == GATE_SHUT) == (runs || e->callee != NULL || e->state == ENV_STOPPED || e->state == ENV_DYING ||
		    (e->halt && e->gate == GATE_SHUT)), e->id, e->gate);
		LAW(e->open == GATE_READY || (e->uarea != &no_uarea && e->open == (long)e->handler[UP_ENTRY] && e->open > 0), e->id, e->open);
		if (e->gate > 0)
			LAW(e->gate == e->open && e->base_pc == 0 && e->resume == RESUME_LEAN, e->id, e->gate);
		LAW(e->callee == NULL || (is_living(e->callee) && e->callee->caller == e && !runs), e->id, 0);
		LAW(e->caller == NULL || (is_living(e->caller) && e->caller->callee == e && e->base_pc != 0), e->id, 0);
		LAW(!e->entry_waits || (e->base_pc != 0 && e->state == ENV_WAITING), e->id, e->state);
		for (const struct env *b = e->callee; b != NULL; b = b->callee)
			LAW(b != e && n++ < ENV_MAX, e->id, n);
		LAW(remembers(e, e->call_slot, e->call_env, RIGHT_CALL), e->id, e->call_slot);
		LAW(remembers(e, e->yield_slot, e->yield_env, RIGHT_YIELD), e->id, e->yield_slot);
	}
}

/* ---- network ---- */

static bool is_object(const void *kva, enum cap_type type)
{
	ppn_t p = kva != NULL ? kva_page(kva) : 0;

	return frame_exists(p) && frame_of(p)->type == FRAME_KOBJ && frame_of(p)->level == type && page_kva(p) == kva;
}

/*
 * Flows: (1) a page per flow, that as many capabilities stand for as its count says; (2) each filter under a capability says so,
 * implies its flow's predicate, and is SHARED under a shared one; (3) the classifier has exactly these filters, and accepts their
 * union; (4) a filter that is bound nowhere only waits for its end; (5) each environment is charged for the shapes that its filters
 * have, and for those of them that are SHARED.
 */
static void audit_flows(void)
{
	static uint32_t uses[ENV_MAX][CLASSIFIER_SHAPES];
	uint32_t filters = 0, bound = 0;
	const char *wrong = classifier_audit(&classifier);

	if (wrong != NULL)
		panic(__FILE__, __LINE__, wrong, classifier.nfilters, 0);
	memset(uses, 0, sizeof(uses));
	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		e->audit_count = 0;
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		count[p - first_ppn] = 0;
	for (const struct cap *c = flow_caps.head; c != NULL; c = c->next) {
		const struct flow *flow = page_kva(c->object);
		struct bound_filter *const *link = (struct bound_filter *const *)&c->binding;

		LAW(is_object(flow, CAP_FLOW), c->object, c->depth);
		count[c->object - first_ppn]++;
		for (const struct bound_filter *b = *link; b != NULL; link = &b->flow_next, b = *link) {
			LAW(is_object(b, CAP_FILTER) && b->flow == c && b->flow_link == link, c->object, filters);
			LAW(b->filter.bound == &classifier, c->object, filters);
			LAW(predicate_implies(&b->filter.pred, &flow->receive), c->object, filters);
			LAW(b->filter.shared || !flow->shared, c->object, filters);
			LAW(is_object(b->ring, CAP_RING), c->object, filters);
			LAW(filters++ < classifier.nfilters, filters, classifier.nfilters);
		}
	}
	LAW(filters == classifier.nfilters, filters, classifier.nfilters);
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		if (frame_of(p)->type != FRAME_KOBJ)
			continue;
		if (frame_of(p)->level == CAP_FLOW)
			LAW(frame_of(p)->ncaps == count[p - first_ppn], p, frame_of(p)->ncaps);
		if (frame_of(p)->level == CAP_FILTER) {
			const struct bound_filter *b = page_kva(p);

			LAW((b->flow == NULL) == (b->filter.bound == NULL) && (b->flow == NULL) == (b->ring == NULL), p, 0);
			if (b->flow == NULL)
				continue;
			bound++;
			LAW(is_living(b->owner), p, 0);
			uses[b->owner->id & ENV_INDEX_MASK][b->filter.shape]++;
			b->owner->audit_count += b->filter.shared;
		}
	}
	LAW(bound == filters, bound, filters);
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e)) {
		uint32_t places = e->audit_count;

		for (unsigned i = 0; i < CLASSIFIER_SHAPES; i++) {
			LAW(uses[e->id & ENV_INDEX_MASK][i] == e->shape_uses[i], e->id, i);
			places += e->shape_uses[i] != 0;
		}
		LAW(places == e->pub->filters.held, e->id, places);
	}
}

/*
 * Rings: (1) the owner is there, and each environment's are counted; (2) the filters of a ring say so, and every filter is in the list of one; (3) what is in
 * flight for it is what the transmit table has.
 */
static void audit_rings(void)
{
	uint32_t filters = 0;

	for (struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		e->audit_count = 0;
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct ring *r = page_kva(p);
		uint32_t in_flight = 0;

		if (frame_of(p)->type != FRAME_KOBJ || frame_of(p)->level != CAP_RING)
			continue;
		LAW(is_living(r->owner) && r->event < EV_RINGS && r->shared == page_kva(r->shared_page), p, r->event);
		r->owner->audit_count++;
		for (struct bound_filter *const *link = &r->filters; *link != NULL; link = &(*link)->ring_next)
			LAW((*link)->ring == r && (*link)->ring_link == link && filters++ < classifier.nfilters, p, filters);
		for (unsigned i = 0; i < TRANSMITS; i++)
			in_flight += transmits[i].busy && transmits[i].ring == r;
		LAW(in_flight == r->in_flight && in_flight <= RING_SIZE, in_flight, r->in_flight);
	}
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		LAW(e->audit_count == e->pub->rings.held, e->id, e->audit_count);
	LAW(filters == classifier.nfilters, filters, classifier.nfilters);
	for (unsigned i = 0; i < TRANSMITS; i++)
		if (transmits[i].busy && transmits[i].ring != NULL)
			LAW(is_object(transmits[i].ring, CAP_RING), i, 0);
}

/* Each pin of a frame is that of a u-area, a ring, a buffer of a ring, or a piece of a packet on its way out. */
static void audit_pins(void)
{
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		count[p - first_ppn] = 0;
	for (const struct env *e = env_next(NULL); e != NULL; e = env_next(e))
		if (e->uarea_page != 0)
			count[e->uarea_page - first_ppn]++;
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct ring *r = page_kva(p);

		if (frame_of(p)->type != FRAME_KOBJ || frame_of(p)->level != CAP_RING)
			continue;
		count[r->shared_page - first_ppn]++;
		for (unsigned i = 0; i < RING_SIZE; i++)
			if (r->buffer[i] != 0)
				count[r->buffer[i] - first_ppn]++;
	}
	for (unsigned i = 0; i < TRANSMITS; i++)
		for (unsigned n = 0; transmits[i].busy && n < transmits[i].npins; n++)
			count[transmits[i].pin[n] - first_ppn]++;
	for (ppn_t p = first_ppn; p < end_ppn; p++)
		LAW(frame_of(p)->pins == count[p - first_ppn], p, frame_of(p)->pins);
}

void audit(void)
{
	unsigned in_group = 0;

	LAW(end_ppn - first_ppn <= FRAMES_MAX, first_ppn, end_ppn);
	for (unsigned i = 0; i < ENV_MAX; i++)
		LAW(env_table[i] == NULL || (env_table[i]->id & ENV_INDEX_MASK) == i, i, 0);	/* or env_next() finds no end */
	audit_free_list();
	audit_frames();
	audit_dialogues();
	audit_promises();
	audit_shares();
	audit_lists();
	audit_envs();
	audit_contexts();
	audit_tables();		/* after lists and contexts, which count */
	audit_slices();
	audit_harts();
	audit_transfers();
	audit_flows();
	audit_rings();
	audit_pins();
	for (unsigned i = 0; i < ENV_MAX; i++) {
		in_group = (i % ENV_GROUP != 0 ? in_group : 0) + (env_table[i] != NULL);
		LAW(i % ENV_GROUP != ENV_GROUP - 1 || in_group == env_in_group[i / ENV_GROUP], i, in_group);	/* or it passes some over */
	}
}

#else

void audit(void)
{
}

#endif
