/*
 * page.c - page bindings: what makes a page reachable at an address
 *
 * Road of a translation: sys_page_bind() here judges the slots, page_bind() judges the rest and writes through the one
 * writer in arch/riscv/sv39.c, ctx_fence_page() in ctx.c makes it true on every hart.
 */
#include "kern/page.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/revoke.h"
#include "kern/syscall.h"
#include "kern/user.h"

/*
 * What the last call found: a program works in one leaf table for a while. The table is known by a key, the bindings in it without
 * the bits of the entry: root and address; 0 is none, for no root is frame 0. When `self` is set, that environment was
 * found to have the right to map in the table's context through slot `ctx`. A cache: the end of a table or object, and of each
 * capability of a context, goes by page_forget().
 */
static struct {
	uint64_t key;
	pte_t *table;
	struct frame_priv *priv;
	const struct frame_priv *root;
	const struct env *self;
	uint64_t ctx;
	uint64_t area;			/* addresses >> 21 */
	uint64_t root_binding;		/* binding of address 0 */
} known scratch;

void page_forget(void)
{
	known.key = 0;
	known.self = NULL;
}

/* May self map a page at va through slot ctx, in the table that is known? False: ask. */
static inline bool known_right(const struct env *self, unsigned long ctx, unsigned long va)
{
	return known.self == self && known.ctx == ctx && known.area == va >> (PAGE_SHIFT + 9) && (va & (PAGE_SIZE - 1)) == 0;
}

static inline pte_t *known_entry(vaddr_t va)
{
	return known.table + sv39_index(va, 0);
}

static inline uint64_t known_binding(vaddr_t va)
{
	return known.root_binding + (va >> PAGE_SHIFT);
}

/* The entry for a binding in its leaf table; NULL: there is no such table. Afterwards it is known. */
static pte_t *leaf_entry(uint64_t binding)
{
	pte_t *e;

	if (binding >> 9 == known.key)
		return known.table + binding % SV39_ENTRIES;
	e = sv39_entry(binding_root(binding), binding_va(binding), 0);
	if (e != NULL) {
		known.key = binding >> 9;
		known.table = e - binding % SV39_ENTRIES;
		known.priv = priv_of(kva_page(e));
		known.root = priv_of(binding_root(binding));
		known.self = NULL;
	}
	return e;
}

/* self may map in root through slot ctx, and did so at va. */
static void know_right(const struct env *self, unsigned long ctx, ppn_t root, vaddr_t va)
{
	if (leaf_entry(binding_of(root, va)) == NULL)
		return;
	known.self = self;
	known.ctx = ctx;
	known.area = va >> (PAGE_SHIFT + 9);
	known.root_binding = binding_of(root, 0);
}

bool page_known_is_true(void)
{
	ppn_t root = binding_root(known.key << 9);
	vaddr_t va = binding_va(known.key << 9);
	const struct cap *x;

	if (known.key == 0)
		return known.self == NULL;
	if (!frame_exists(root) || frame_of(root)->type != FRAME_TABLE || frame_of(root)->level != 2 ||
	    sv39_entry(root, va, 0) != known.table || priv_of(kva_page(known.table)) != known.priv || known.root != priv_of(root))
		return false;
	if (known.self == NULL)
		return true;
	x = env_table[known.self->id & ENV_INDEX_MASK] == known.self ? cap_get(known.self, known.ctx, CAP_CTX) : NULL;
	return x != NULL && (x->rights & RIGHT_MAP) && x->object == root && known.area == va >> (PAGE_SHIFT + 9) && known.root_binding == binding_of(root, 0);
}

/* Clear a valid leaf and the binding behind it. */
static void leaf_remove(pte_t *e, uint64_t binding)
{
	struct cap *c = page_cap_bound(pte_ppn(*e), binding);

	KASSERT(c != NULL || frame_of(pte_ppn(*e))->type == FRAME_EXPOSED);
	if (c != NULL)
		c->binding = 0;
	sv39_clear(e);
	priv_of(kva_page(e))->live--;
}

static inline bool va_ok(vaddr_t va, unsigned level)
{
	return va < SV39_USER_TOP && (va & (sv39_span(level) - 1)) == 0;
}

int page_bind(ppn_t root, vaddr_t va, struct cap *c, unsigned long prot, bool fence)
{
	unsigned level = cap_order(c);
	uint64_t b = binding_of(root, va);
	pte_t *e;

	if (!va_ok(va, level))
		return -E_INVAL;
	if ((prot & 7) & ~(unsigned long)c->rights)
		return c->type == CAP_TABLE ? -E_TYPE : -E_RIGHTS;
	e = level == 0 ? leaf_entry(b) : sv39_entry(root, va, level);
	if (e == NULL)
		return -E_NOTABLE;
	if (pte_is_table(*e))
		return -E_BUSY;

	if (pte_valid(*e))
		leaf_remove(e, b);
	if (c->binding != 0 && c->binding != b)
		page_unbind_cap(c);
	c->binding = b;
	sv39_set_leaf(e, c->object, leaf_bits(prot));
	priv_of(kva_page(e))->live++;
	/* Also where nothing stood before: the hart may remember that (4.2.1), and the user could not make it forget. */
	if (fence)
		ctx_fence_page(root, va);
	return 0;
}

vaddr_t page_unbind(ppn_t root, vaddr_t va, bool fence)
{
	unsigned level;
	pte_t *e = sv39_leaf(root, va, &level);

	if (e == NULL)
		return 0;
	va &= ~(sv39_span(level) - 1);
	leaf_remove(e, binding_of(root, va));
	if (fence)
		ctx_fence_page(root, va);
	return sv39_span(level);
}

/*
 * Give the leaf that may stand in *e, in a leaf table or of a larger page, another protection. bits are those of prot. Returns 0,
 * or with PROT_TRACK what it clears of PAGE_ACCESSED and PAGE_DIRTY; -E_NOTBOUND; -E_RIGHTS. The caller fences.
 */
static inline long leaf_protect(pte_t *e, uint64_t binding, unsigned long prot, pte_t bits)
{
	pte_t old = READ_ONCE(*e);
	const struct cap *c;

	if (old == 0)
		return -E_NOTBOUND;
	c = page_cap_bound(old >> PTE_PPN_SHIFT, binding);
	if (unlikely(c == NULL) || (c->rights & prot & RIGHTS_PAGE) != (prot & RIGHTS_PAGE))
		return -E_RIGHTS;
	old = sv39_protect(e, old, bits, prot & PROT_TRACK);
	return prot & PROT_TRACK ? pte_used(old) : 0;
}

/* The same for the leaf that translates va, whatever its size. */
static long page_protect(ppn_t root, vaddr_t va, unsigned long prot)
{
	unsigned level;
	pte_t *e = sv39_leaf(root, va, &level);

	if (e == NULL)
		return -E_NOTBOUND;
	return leaf_protect(e, binding_of(root, va & ~(sv39_span(level) - 1)), prot, leaf_bits(prot));
}

void page_unbind_cap(struct cap *c)
{
	ppn_t root = binding_root(c->binding);
	vaddr_t va = binding_va(c->binding);
	pte_t *e;

	if (c->binding == 0)
		return;
	e = cap_order(c) == 0 ? leaf_entry(c->binding) : sv39_entry(root, va, cap_order(c));
	KASSERT(e != NULL && pte_is_leaf(*e) && pte_ppn(*e) == c->object);
	c->binding = 0;
	sv39_clear(e);
	priv_of(kva_page(e))->live--;
	ctx_fence_page(root, va);
}

bool page_shrink(struct cap *c)
{
	page_unbind_cap(c);
	c->rights = 0;		/* with a piece missing it is good for nothing but the rest of this */
	if (!frame_shrink(c->object))
		return false;
	cap_set_order(c, 1);
	return true;
}

/* ---- calls ---- */

static inline bool npages_ok(unsigned long va, unsigned long npages)
{
	return npages >= 1 && npages <= PAGES_MAX && va < SV39_USER_TOP && npages <= (SV39_USER_TOP - va) >> PAGE_SHIFT &&
	       (va & (PAGE_SIZE - 1)) == 0;
}

/* The rest of page_delete(), when other harts must be told, or somebody may wait for the page. */
static noinline bool deleted(uint64_t binding)
{
	if (binding != 0)
		ctx_fence_page(binding_root(binding), binding_va(binding));
	revoke_freed(REVOKE_PAGES);
	return true;
}

bool page_delete(struct env *self, unsigned long slot)
{
	struct exposed_env *account = self->pub;
	const uint32_t id = self->id;
	struct cap *c;
	struct frame *f;
	uint64_t b, ppn;

	if (slot >= self->nslots || (c = cap_at(self, slot))->type != CAP_PAGE || c->aux != 0)
		return false;
	ppn = c->object;
	f = frame_of(ppn);
	b = c->binding;
	if (f->owner != id || f->ncaps != 1 || f->pins != 0 || (b != 0 && b >> 9 != known.key))
		return false;
	/* Its neighbours in the list of the page were none. */
	c->type = CAP_NONE;
	c->rights = c->depth = c->aux = 0;
	c->object = 0;
	c->binding = 0;
	if (b != 0) {
		sv39_clear(known.table + b % SV39_ENTRIES);
		known.priv->live--;
	}
	frame_end(f, ppn, id);
	if (--account->held < account->guarantee - account->promised_on)
		system_info->promised_frames++;
	else if (unlikely(revoke_waiting[REVOKE_PAGES] != NULL))
		return deleted(b);
	/* The frame is free for the next call only, so the fence may come last. */
	if (b == 0 || ctx_fence_page_here(known.root, binding_va(b)))
		return true;
	return deleted(b);
}

/* A page capability in a slot that may be bound: PAGE, or TABLE for reading. */
static inline struct cap *bindable(struct env *self, unsigned long slot)
{
	struct cap *c = cap_slot(self, slot);

	return c != NULL && (c->type == CAP_PAGE || c->type == CAP_TABLE) ? c : NULL;
}

static noinline long bind_range(struct env *self, unsigned long ctx, unsigned long va, unsigned long slot, unsigned long npages,
				unsigned long prot)
{
	ppn_t root;
	unsigned long i;
	long err = ctx_map_root(self, ctx, &root);

	if (err != 0)
		return err;
	if (!npages_ok(va, npages) || !prot_valid(prot))
		return -E_INVAL;
	for (i = 0; i < npages; i++) {
		struct cap *c = bindable(self, slot + i);

		if (c == NULL)
			err = -E_NOCAP;
		else if (npages > 1 && cap_order(c) != 0)
			err = -E_INVAL;
		else
			err = page_bind(root, va + i * PAGE_SIZE, c, prot, npages == 1);
		if (err != 0)
			break;
	}
	if (npages > 1 && i > 0)
		ctx_fence(root);
	if (i > 0)
		know_right(self, ctx, root, va);
	return i > 0 ? (long)i : err;
}

/* The short road is for one page of 4 KiB, bound nowhere, where nothing stands in the table that is known. */
long sys_page_bind(struct env *self, unsigned long ctx, unsigned long va, unsigned long slot, unsigned long npages,
		   unsigned long prot)
{
	struct cap *c;
	pte_t bits;

	if (npages != 1 || !known_right(self, ctx, va) || *known_entry(va) != 0 || slot >= self->nslots ||
	    (c = cap_at(self, slot))->type != CAP_PAGE || c->aux != 0 || c->binding != 0 || prot >= PROT_TRACK ||
	    (prot & ~(unsigned long)c->rights) != 0 || (bits = leaf_bits(prot)) == 0)
		return bind_range(self, ctx, va, slot, npages, prot);
	c->binding = known_binding(va);
	sv39_set_leaf(known_entry(va), c->object, bits);
	known.priv->live++;
	ctx_fence_page_of(known.root, va);
	return 1;
}

static noinline long unbind_range(struct env *self, unsigned long ctx, unsigned long va, unsigned long npages)
{
	bool some = false;
	ppn_t root;
	long err = ctx_map_root(self, ctx, &root);

	if (err != 0)
		return err;
	if (!npages_ok(va, npages))
		return -E_INVAL;
	for (unsigned long i = 0; i < npages; i++) {
		uint64_t b = binding_of(root, va) + i;
		pte_t *e = leaf_entry(b);

		if (e == NULL) {		/* a larger page, or nothing */
			some |= page_unbind(root, va + i * PAGE_SIZE, false) != 0;
		} else if (pte_valid(*e)) {
			leaf_remove(e, b);
			some = true;
		}
	}
	if (some && npages == 1)
		ctx_fence_page(root, va);
	else if (some)
		ctx_fence(root);
	know_right(self, ctx, root, va);
	return npages;
}

/* The short road is for one page that the first capability of its frame bound. */
long sys_page_unbind(struct env *self, unsigned long ctx, unsigned long va, unsigned long npages)
{
	struct cap *c;
	pte_t *e;

	if (npages != 1 || !known_right(self, ctx, va) || !pte_valid(*(e = known_entry(va))) ||
	    (c = priv_of(*e >> PTE_PPN_SHIFT)->caps.head) == NULL || c->binding != known_binding(va))
		return unbind_range(self, ctx, va, npages);
	c->binding = 0;
	sv39_clear(e);
	known.priv->live--;
	ctx_fence_page_of(known.root, va);
	return 1;
}

/* Entries of one leaf table, from e to end, the first being that of the binding b. Returns the first that is refused, or end. */
static inline pte_t *protect_entries(pte_t *e, pte_t *end, uint64_t b, unsigned long prot, long *err)
{
	const pte_t bits = leaf_bits(prot);

	for (; e < end; e++, b++)
		if ((*err = leaf_protect(e, b, prot, bits)) < 0)
			break;
	return e;
}

/* One look for each leaf table; then its entries and the bindings behind them follow one another. */
static noinline long protect_range(struct env *self, unsigned long ctx, unsigned long va, unsigned long npages, unsigned long prot)
{
	unsigned long done = 0;
	ppn_t root;
	long err = ctx_map_root(self, ctx, &root);

	if (err != 0)
		return err;
	if (!npages_ok(va, npages) || !prot_valid(prot))
		return -E_INVAL;
	while (done < npages && err >= 0) {
		uint64_t b = binding_of(root, va) + done;
		unsigned long n = SV39_ENTRIES - b % SV39_ENTRIES;
		pte_t *e = leaf_entry(b), *end;

		if (e == NULL) {	/* a larger page, or nothing */
			err = page_protect(root, va + done * PAGE_SIZE, prot);
			done += err >= 0;
			continue;
		}
		end = e + (n < npages - done ? n : npages - done);
		if (prot < PROT_TRACK)
			done += protect_entries(e, end, b, prot & (PROT_TRACK - 1), &err) - e;
		else
			done += protect_entries(e, end, b, prot | PROT_TRACK, &err) - e;
	}
	if (done == 0)
		return err;
	if (npages == 1)
		ctx_fence_page(root, va);
	else
		ctx_fence(root);
	know_right(self, ctx, root, va);
	return done;
}

/* The short road is for one page in the table that is known, without PROT_TRACK. */
long sys_page_protect(struct env *self, unsigned long ctx, unsigned long va, unsigned long npages, unsigned long prot)
{
	pte_t bits;
	long err;

	if (npages != 1 || prot >= PROT_TRACK || (bits = leaf_bits(prot)) == 0 || !known_right(self, ctx, va))
		return protect_range(self, ctx, va, npages, prot);
	if ((err = leaf_protect(known_entry(va), known_binding(va), prot, bits)) != 0)
		return err;
	ctx_fence_page_of(known.root, va);
	return 1;
}

/* The result of one entry. */
static long batch_entry(struct env *self, ppn_t root, const struct page_op *op)
{
	struct cap *c;

	if (op->zero != 0 || !npages_ok(op->va, 1) || (op->op != PAGE_OP_UNBIND && !prot_valid(op->prot)))
		return -E_INVAL;
	switch (op->op) {
	case PAGE_OP_BIND:
		c = bindable(self, op->slot);
		return c == NULL ? -E_NOCAP : page_bind(root, op->va, c, op->prot, false);
	case PAGE_OP_UNBIND:
		return page_unbind(root, op->va, false) != 0 ? 0 : -E_NOTBOUND;
	case PAGE_OP_PROTECT:
		return page_protect(root, op->va, op->prot);
	default:
		return -E_INVAL;
	}
}

long sys_page_batch(struct env *self, unsigned long ctx, unsigned long ops, unsigned long n)
{
	ppn_t root;
	long err = ctx_map_root(self, ctx, &root);
	struct page_op op;
	unsigned long i;

	if (err != 0)
		return err;
	if (n < 1 || n > PAGES_MAX)
		return -E_INVAL;
	if (ops > SV39_USER_TOP || n * sizeof(op) > SV39_USER_TOP - ops)
		return -E_FAULT;
	for (i = 0; i < n && i < BATCH_MAX; i++) {
		uva_t at = ops + i * sizeof(op);

		/* Read once, judge the copy. An entry may unbind the page that the list stands on: then the list ends here. */
		if (user_read(self, &op, at, sizeof(op)) != 0 || user_write(self, at, &op, sizeof(op)) != 0)
			break;
		op.result = batch_entry(self, root, &op);
		if (user_write(self, at, &op, sizeof(op)) != 0) {
			i++;
			break;
		}
	}
	if (i > 0)
		ctx_fence(root);
	return i > 0 ? (long)i : -E_FAULT;
}
