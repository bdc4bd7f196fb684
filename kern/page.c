/*
 * page.c - frames, page bindings, and copies from and to user memory
 *
 * Road of a translation: sys_page_bind() here judges the slots, page_bind() judges the rest and writes through the one
 * writer in arch/riscv/sv39.c, ctx_fence_page() in ctx.c makes it true on every hart.
 */
#include "kern/page.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/expose.h"
#include "kern/pct.h"
#include "kern/syscall.h"

#define RIGHTS_PAGE	(PROT_R | PROT_W | PROT_X)
#define LAST_OWNER_BOOT	(~0u)	/* whatever firmware and boot left there */

struct frame *frames, *frames_public;
struct frame_priv *frames_priv;
ppn_t first_ppn, end_ppn;
uint32_t free_frames, promised_frames;

static ppn_t free_head;

/* ---- frames ---- */

size_t frame_table_bytes(ppn_t first, ppn_t end)
{
	size_t n = end - first;
	size_t public_bytes = (n * sizeof(struct frame) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	/* The public half ends on a page boundary: what is exposed behind it would be kernel addresses. */
	return public_bytes + n * sizeof(struct frame_priv);
}

void frame_table_init(void *table, ppn_t first, ppn_t end)
{
	size_t n = end - first;

	first_ppn = first;
	end_ppn = end;
	frames = table;
	frames_public = frames - first;
	frames_priv = (struct frame_priv *)((char *)table + ((n * sizeof(struct frame) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))) - first;
	free_head = 0;
	free_frames = promised_frames = 0;
	for (ppn_t p = first; p < end; p++)
		frame_of(p)->type = FRAME_KERNEL;
}

/* Show the two counts to everyone; each word is consistent in itself. */
static inline void tell(void)
{
	WRITE_ONCE(system_info->free_frames, free_frames);
	WRITE_ONCE(system_info->promised_frames, promised_frames);
}

void frames_tell(void)
{
	tell();
}

/* The free frames are a list, `prev` meaning nothing in the first of them. */
static inline void free_push(uint64_t ppn)
{
	const uint32_t head = free_head;

	priv_of(ppn)->next = head;
	if (head != 0)
		priv_of(head)->prev = ppn;
	free_head = ppn;
	free_frames++;
}

static inline void free_remove(ppn_t ppn)
{
	struct frame_priv *p = priv_of(ppn);

	if (ppn != free_head) {
		priv_of(p->prev)->next = p->next;
		if (p->next != 0)
			priv_of(p->next)->prev = p->prev;
	} else {
		free_head = p->next;
	}
	p->next = p->prev = 0;
	free_frames--;
}

void frame_give(ppn_t ppn)
{
	*frame_of(ppn) = (struct frame){ .type = FRAME_FREE, .last_owner = LAST_OWNER_BOOT };
	free_push(ppn);
	tell();
}

ppn_t frame_any(void)
{
	return free_head;
}

#define ZERO_STEP	64	/* words that are zeroed between two tests */

/* n words, a multiple of ZERO_STEP, from the first of a page on. */
static void zero_words(uint64_t *w, unsigned n)
{
	for (const uint64_t *end = w + n; w != end; w += ZERO_STEP) {
#pragma GCC unroll 64
		for (unsigned i = 0; i < ZERO_STEP; i++)
			w[i] = 0;
	}
}

static void zero_page(ppn_t ppn)
{
	zero_words(page_kva(ppn), PAGE_SIZE / 8);
}

void frame_take_boot(ppn_t ppn, enum cap_type as)
{
	free_remove(ppn);
	tell();
	zero_page(ppn);
	frame_of(ppn)->last_owner = 0;
	frame_of(ppn)->type = FRAME_KOBJ;
	frame_of(ppn)->level = as;
}

/* c, empty, becomes the one capability of a page that has none, f being the record of its frame. */
static inline void first_cap(struct cap *c, struct frame *f, uint64_t ppn, unsigned order)
{
	c->type = CAP_PAGE;
	c->rights = RIGHTS_PAGE;
	c->depth = 0;
	c->aux = order;
	c->object = ppn;
	priv_of(ppn)->caps = (struct cap_list){ .head = c, .count = 1 };
	f->ncaps = 1;
}

/*
 * A free frame becomes data of payer, who was charged. True: it changes hands, and is to be zeroed, for nobody reads what the last owner
 * left; its own data it may find again. All words of a free frame but type and last_owner are 0.
 */
static inline bool frame_begin(ppn_t ppn, const struct env *payer)
{
	struct frame *f = frame_of(ppn);
	uint32_t last = f->last_owner;

	free_remove(ppn);
	f->type = FRAME_DATA;
	f->owner = payer->id;
	f->last_owner = 0;
	return last != payer->id && last != 0;
}

/* The way back, of one that nobody can reach any more. */
static inline void frame_end(uint64_t ppn, uint32_t owner)
{
	struct frame *f = frame_of(ppn);

	f->type = FRAME_FREE;
	f->level = f->order = f->tail = 0;
	f->owner = 0;
	f->last_owner = owner;
	f->ncaps = f->parent = 0;
	f->word = 0;
	free_push(ppn);
}

int page_take(struct env *payer, struct cap *c, ppn_t ppn, unsigned order)
{
	ppn_t n = pages_of_order(order);

	for (ppn_t i = 0; i < n; i++)
		if (frame_of(ppn + i)->type != FRAME_FREE)
			return -E_NOMEM;
	if (!env_charge(payer, n))
		return -E_QUOTA;

	for (ppn_t i = 0; i < n; i++) {
		if (frame_begin(ppn + i, payer))
			zero_page(ppn + i);
		if (i != 0) {
			frame_of(ppn + i)->tail = 1;
			frame_of(ppn + i)->parent = ppn;
		}
	}
	tell();
	frame_of(ppn)->order = order;
	first_cap(c, frame_of(ppn), ppn, order);
	return 0;
}

static void frame_free(ppn_t ppn)
{
	ppn_t n = pages_of_order(frame_of(ppn)->order);
	uint32_t owner = frame_of(ppn)->owner;

	for (ppn_t i = 0; i < n; i++)
		frame_end(ppn + i, owner != 0 ? owner : LAST_OWNER_BOOT);
	tell();
	env_uncharge(owner, n);
}

void frame_release(ppn_t ppn)
{
	KASSERT(frame_of(ppn)->type == FRAME_DATA && frame_of(ppn)->ncaps == 0);
	/* With requests in flight the frame stays nobody's and charged, until frame_unpin() comes here for the last of them. */
	if (frame_of(ppn)->pins == 0)
		frame_free(ppn);
}

bool frame_shrink(ppn_t ppn)
{
	struct frame_priv *p = priv_of(ppn);
	unsigned blocks = p->live != 0 ? p->live : SV39_ENTRIES;	/* live: what is left, meanwhile */
	ppn_t last = ppn + (blocks - 1) * pages_of_order(1);

	frame_of(last)->tail = 0;
	frame_of(last)->order = 1;
	frame_free(last);
	p->live = blocks - 1;
	if (p->live > 1)
		return false;
	p->live = 0;
	frame_of(ppn)->order = 1;
	return true;
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

int page_pinnable(const struct cap *c, const struct env *payer)
{
	if ((c->rights & (PROT_R | PROT_W)) != (PROT_R | PROT_W) || frame_of(c->object)->owner != payer->id)
		return -E_RIGHTS;
	return cap_order(c) != 0 ? -E_INVAL : 0;
}

void frame_pin(ppn_t ppn)
{
	frame_of(ppn)->pins++;
}

void frame_unpin(ppn_t ppn)
{
	struct frame *f = frame_of(ppn);

	KASSERT(f->pins > 0);
	if (--f->pins == 0 && f->ncaps == 0 && f->type == FRAME_DATA)
		frame_free(ppn);
}

int page_claimable(const struct cap *c)
{
	const struct frame *f = frame_of(c->object);

	if ((c->rights & RIGHTS_PAGE) != RIGHTS_PAGE)
		return -E_RIGHTS;
	if (f->type != FRAME_DATA || f->order != 0 || f->ncaps != 1 || f->pins != 0 || c->binding != 0)
		return -E_TYPE;
	return 0;
}

void page_claim(struct cap *c, enum frame_type type, unsigned level, enum cap_type as)
{
	struct frame *f = frame_of(c->object);

	/* Type first: from here on no binding can be made. None exists, and the last one was fenced when it went. */
	f->type = type;
	f->level = level;
	c->type = as;
	c->rights = as == CAP_TABLE ? PROT_R : RIGHTS_ALL;
	zero_page(c->object);
}

#define ENV_WORDS	(((offsetof(struct env, captab) / 8) / ZERO_STEP + 1) * ZERO_STEP)	/* behind them are empty slots of captab */
static_assert(ENV_WORDS <= PAGE_SIZE / 8, "they lie in the page");

/* Nothing of the kernel's stays in the page of an object that ended. */
static void forget_content(const struct cap *c)
{
	uint64_t *w = page_kva(c->object);

	switch (c->type) {
	case CAP_TABLE:
	case CAP_CAPTAB:
		break;			/* every entry was cleared when it went */
	case CAP_CTX:
		zero_words(w + SV39_USER_ROOT, SV39_ENTRIES - SV39_USER_ROOT);
		break;
	case CAP_ENV:
		zero_words(w, ENV_WORDS);
		break;
	default:
		zero_words(w, PAGE_SIZE / 8);
	}
#if EXOS_DEBUG || EXOS_HOST
	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		KASSERT(w[i] == 0);
#endif
}

void page_unclaim(struct cap *c)
{
	struct frame *f = frame_of(c->object);
	struct frame_priv *p = priv_of(c->object);

	page_forget();
	forget_content(c);
	f->type = FRAME_DATA;
	f->level = 0;
	f->parent = 0;
	p->live = p->index = p->users = 0;
	p->asid = 0;
	p->asid_gen = 0;
	if (c->type == CAP_ENV)
		pct_forget_cap(c);
	c->type = CAP_PAGE;
	c->rights = RIGHTS_PAGE;
}

/* ---- bindings ---- */

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

/* ---- calls ---- */

static inline bool npages_ok(unsigned long va, unsigned long npages)
{
	return npages >= 1 && npages <= PAGES_MAX && va < SV39_USER_TOP && npages <= (SV39_USER_TOP - va) >> PAGE_SHIFT &&
	       (va & (PAGE_SIZE - 1)) == 0;
}

static noinline long alloc_long(struct env *self, unsigned long env, unsigned long slot, unsigned long frame, unsigned long order)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);
	struct cap *c;

	if (e == NULL)
		return err;
	if ((c = cap_empty_slot(e, slot)) == NULL)
		return -E_SLOT;
	if (order > PAGE_ORDER_MAX || (order != 0 && frame == FRAME_ANY))
		return -E_INVAL;
	if (frame == FRAME_ANY) {
		if ((frame = frame_any()) == 0)
			return -E_NOMEM;
	} else if (!frame_exists(frame) || (frame & (pages_of_order(order) - 1)) != 0 ||
		   end_ppn - frame < pages_of_order(order)) {
		return -E_INVAL;
	}
	err = page_take(e, c, frame, order);
	return err != 0 ? err : (long)frame;
}

static noinline long zeroed(ppn_t ppn)
{
	zero_page(ppn);
	return ppn;
}

/* The short road is for the first free page, for a caller who was promised one more: then what is free covers it. */
long sys_page_alloc(struct env *self, unsigned long env, unsigned long slot, unsigned long frame, unsigned long order)
{
	struct exposed_env *account = self->pub;
	const uint32_t id = self->id;
	const uint64_t ppn = free_head;
	struct frame_priv *p;
	struct cap *c;
	struct frame *f;
	uint32_t last;

	if ((env | order | (frame ^ FRAME_ANY)) != 0 || slot == 0 || slot >= self->nslots || (c = cap_at(self, slot))->type != CAP_NONE ||
	    ppn == 0 || account->guarantee - account->promised_on <= account->held)
		return alloc_long(self, env, slot, frame, order);
	f = frame_of(ppn);
	account->held++;
	promised_frames--;
	free_frames--;
	tell();
	p = priv_of(ppn);
	free_head = p->next;
	p->next = p->prev = 0;
	first_cap(c, f, ppn, 0);
	last = f->last_owner;
	f->type = FRAME_DATA;
	f->owner = id;
	f->last_owner = 0;
	return last == id || last == 0 ? (long)ppn : zeroed(ppn);
}

struct short_answer page_delete(struct env *self, unsigned long slot)
{
	struct exposed_env *account = self->pub;
	const uint32_t id = self->id;
	struct cap *c;
	uint64_t b, ppn;

	if (slot >= self->nslots || (c = cap_at(self, slot))->type != CAP_PAGE || c->aux != 0)
		return (struct short_answer){ 0, 0 };
	ppn = c->object;
	b = c->binding;
	if (frame_of(ppn)->owner != id || frame_of(ppn)->ncaps != 1 || frame_of(ppn)->pins != 0 || (b != 0 && b >> 9 != known.key))
		return (struct short_answer){ 0, 0 };
	/* Its neighbours in the list of the page were none. */
	c->type = CAP_NONE;
	c->rights = c->depth = c->aux = 0;
	c->object = 0;
	c->binding = 0;
	if (b != 0) {
		sv39_clear(known.table + b % SV39_ENTRIES);
		known.priv->live--;
		ctx_fence_page_of(known.root, binding_va(b));
	}
	priv_of(ppn)->caps = (struct cap_list){ 0 };
	frame_end(ppn, id);
	if (--account->held < account->guarantee - account->promised_on)
		promised_frames++;
	tell();
	return (struct short_answer){ 0, 1 };
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
	for (i = 0; i < n; i++) {
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

/* Is c all there is of its page, so that the page may become part of a larger one, or several smaller ones? */
static bool page_whole(const struct cap *c)
{
	const struct frame *f = frame_of(c->object);

	return c->type == CAP_PAGE && (c->rights & RIGHTS_PAGE) == RIGHTS_PAGE && c->binding == 0 && f->ncaps == 1 && f->pins == 0;
}

long sys_page_join(struct env *self, unsigned long slot)
{
	struct cap *first = cap_get(self, slot, CAP_PAGE);
	unsigned order;
	ppn_t ppn;

	if (first == NULL)
		return -E_NOCAP;
	order = cap_order(first);
	ppn = first->object;
	if (order + 1 > PAGE_ORDER_JOINED || (ppn & (pages_of_order(order + 1) - 1)) != 0)
		return -E_INVAL;
	for (unsigned i = 0; i < SV39_ENTRIES; i++) {
		struct cap *c = cap_get(self, slot + i, CAP_PAGE);

		if (c == NULL)
			return -E_NOCAP;
		if (c->object != ppn + i * pages_of_order(order) || cap_order(c) != order)
			return -E_INVAL;
		if (!page_whole(c) || frame_of(c->object)->owner != frame_of(ppn)->owner)
			return -E_TYPE;
	}

	for (unsigned i = 1; i < SV39_ENTRIES; i++) {
		struct cap *c = cap_slot(self, slot + i);
		struct frame *f = frame_of(c->object);

		cap_remove(c);
		f->tail = 1;
		f->order = 0;
		f->parent = ppn;
		f->word = 0;
	}
	cap_set_order(first, order + 1);
	frame_of(ppn)->order = order + 1;
	return 0;
}

long sys_page_split(struct env *self, unsigned long slot, unsigned long others)
{
	struct cap *first = cap_get(self, slot, CAP_PAGE);
	unsigned order;
	ppn_t ppn;

	if (first == NULL)
		return -E_NOCAP;
	if (cap_order(first) == 0)
		return -E_INVAL;
	if (!page_whole(first))
		return -E_TYPE;
	for (unsigned i = 0; i < SV39_ENTRIES - 1; i++)
		if (cap_empty_slot(self, others + i) == NULL)
			return -E_SLOT;

	ppn = first->object;
	order = cap_order(first) - 1;
	cap_set_order(first, order);
	frame_of(ppn)->order = order;
	for (unsigned i = 1; i < SV39_ENTRIES; i++) {
		ppn_t part = ppn + i * pages_of_order(order);

		frame_of(part)->tail = 0;
		frame_of(part)->order = order;
		frame_of(part)->parent = 0;
		first_cap(cap_slot(self, others + i - 1), frame_of(part), part, order);
	}
	return 0;
}

/* ---- user memory ---- */

/*
 * The kernel address of one byte of the caller's memory, and how many bytes follow on the page. All tables belong to the
 * kernel, so the walk can be believed; the memory is reached through the direct map, so no access here can fault. use: it is going to be
 * accessed, which the entry tells from now on, whether the hardware sets such bits or not.
 */
static char *user_page(const struct env *e, uva_t va, unsigned need, bool use, size_t *room)
{
	unsigned level;
	pte_t *entry;

	if (e->context == 0 || va >= SV39_USER_TOP)
		return NULL;
	entry = sv39_leaf(e->context, va, &level);
	if (entry == NULL || (pte_prot(*entry) & need) != need)
		return NULL;
	if (use)
		sv39_mark(entry, need & PROT_W ? PTE_A | PTE_D : PTE_A);
	*room = sv39_span(level) - (va & (sv39_span(level) - 1));
	return (char *)page_kva(pte_ppn(*entry)) + (va & (sv39_span(level) - 1));
}

static bool user_range_ok(const struct env *e, uva_t va, size_t n, unsigned need)
{
	size_t room;

	if (n > SV39_USER_TOP || va > SV39_USER_TOP - n)
		return false;
	while (n > 0) {
		if (user_page(e, va, need, false, &room) == NULL)
			return false;
		if (room >= n)
			return true;
		va += room;
		n -= room;
	}
	return true;
}

int user_read(const struct env *e, void *to, uva_t from, size_t n)
{
	if (!user_range_ok(e, from, n, PROT_R))
		return -E_FAULT;
	while (n > 0) {
		size_t room = 0;
		const char *p = user_page(e, from, PROT_R, true, &room);
		size_t m = room < n ? room : n;

		memcpy(to, p, m);
		to = (char *)to + m;
		from += m;
		n -= m;
	}
	return 0;
}

int user_write(const struct env *e, uva_t to, const void *from, size_t n)
{
	if (!user_range_ok(e, to, n, PROT_R | PROT_W))
		return -E_FAULT;
	while (n > 0) {
		size_t room = 0;
		char *p = user_page(e, to, PROT_R | PROT_W, true, &room);
		size_t m = room < n ? room : n;

		memcpy(p, from, m);
		to += m;
		from = (const char *)from + m;
		n -= m;
	}
	return 0;
}
