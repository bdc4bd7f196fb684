/*
 * frame.c - frames: which are free, what each of the others is used for, and who pays for it
 */
#include "kern/frame.h"
#include "kern/charge.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/page.h"
#include "kern/revoke.h"
#include "kern/pct.h"
#include "kern/syscall.h"

#define LAST_OWNER_BOOT	(~0u)	/* whatever firmware and boot left there */

struct frame *frames, *frames_public;
struct frame_priv *frames_priv;
ppn_t first_ppn, end_ppn;
uint64_t free_head;

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
	memset(frames + n, 0, (char *)(frames_priv + first) - (char *)(frames + n));	/* exposed, too */
	free_head = 0;
}

/* The first of the free frames is free no more. */
static inline void free_pop(void)
{
	struct frame_priv *p = priv_of(free_head);

	free_head = p->next;
	p->next = p->prev = 0;
	system_info->free_frames--;
}

static void free_remove(ppn_t ppn)
{
	struct frame_priv *p = priv_of(ppn);

	if (ppn == free_head)
		return free_pop();
	priv_of(p->prev)->next = p->next;
	if (p->next != 0)
		priv_of(p->next)->prev = p->prev;
	p->next = p->prev = 0;
	system_info->free_frames--;
}

void frames_keep(ppn_t first, ppn_t end)
{
	for (ppn_t p = first; p < end; p++) {
		*frame_of(p) = (struct frame){ .type = FRAME_KERNEL };
		*priv_of(p) = (struct frame_priv){ 0 };
	}
}

void frames_give(ppn_t first, ppn_t end)
{
	struct frame *f = frame_of(end);
	struct frame_priv *v = priv_of(end);
	uint32_t head = free_head;

	if (first == end)
		return;
	if (head != 0)
		priv_of(head)->prev = end - 1;
	/* Written out, for this happens to every frame of the machine: neighbours in the list are neighbours here. */
	for (uint32_t p = end; p-- > first; head = p) {
		*--f = (struct frame){ .type = FRAME_FREE, .last_owner = LAST_OWNER_BOOT };
		*--v = (struct frame_priv){ .prev = p - 1 };
		v->next = head;
	}
	free_head = head;
	system_info->free_frames += end - first;
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
 * A frame that was free becomes data of payer, who was charged. True: it changes hands, and is to be zeroed, for nobody reads what the last owner
 * left; its own data it may find again. All words of a free frame but type and last_owner are 0.
 */
static inline bool frame_begin(uint64_t ppn, const struct env *payer)
{
	struct frame *f = frame_of(ppn);
	const uint32_t id = payer->id, last = f->last_owner;

	f->type = FRAME_DATA;
	f->owner = id;
	f->last_owner = 0;
	return last != id && last != 0;
}

int page_take(struct env *payer, struct cap *c, ppn_t ppn, unsigned order)
{
	ppn_t n = pages_of_order(order);
	int err;

	for (ppn_t i = 0; i < n; i++)
		if (frame_of(ppn + i)->type != FRAME_FREE)
			return -E_NOMEM;
	if ((err = env_charge(payer, n)) != 0)
		return err;

	for (ppn_t i = 0; i < n; i++) {
		free_remove(ppn + i);
		if (frame_begin(ppn + i, payer))
			zero_page(ppn + i);
		if (i != 0) {
			frame_of(ppn + i)->tail = 1;
			frame_of(ppn + i)->parent = ppn;
		}
	}
	frame_of(ppn)->order = order;
	payer->pub->fixed += order != 0 ? n : 0;
	first_cap(c, frame_of(ppn), ppn, order);
	return 0;
}

static void frame_free(ppn_t ppn)
{
	ppn_t n = pages_of_order(frame_of(ppn)->order);
	uint32_t owner = frame_of(ppn)->owner;

	for (ppn_t i = 0; i < n; i++)
		frame_end(frame_of(ppn + i), ppn + i, owner != 0 ? owner : LAST_OWNER_BOOT);
	if (owner != 0) {
		env_fixes(owner, n != 1 ? -(int)n : 0);
		env_uncharge(owner, n);
	} else {
		system_info->quarantined_frames--;
		revoke_freed(REVOKE_PAGES);
	}
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

int page_pinnable(const struct cap *c, const struct env *payer)
{
	if ((c->rights & (PROT_R | PROT_W)) != (PROT_R | PROT_W) || frame_of(c->object)->owner != payer->id)
		return -E_RIGHTS;
	if (cap_order(c) != 0)
		return -E_INVAL;
	return priv_of(c->object)->fixes != 0 || env_may_fix(payer, 1) ? 0 : -E_QUOTA;
}

void env_fixes(uint32_t owner, int n)
{
	env_public[owner & ENV_INDEX_MASK].fixed += n;		/* who pays lives */
}

void frame_pin(ppn_t ppn, bool lasts)
{
	frame_of(ppn)->pins++;
	if (lasts && priv_of(ppn)->fixes++ == 0)
		env_fixes(frame_of(ppn)->owner, 1);
}

void frame_unpin(ppn_t ppn, bool lasts)
{
	struct frame *f = frame_of(ppn);

	KASSERT(f->pins > 0);
	if (lasts && --priv_of(ppn)->fixes == 0)
		env_fixes(f->owner, -1);
	if (--f->pins == 0 && f->ncaps == 0 && f->type == FRAME_DATA)
		frame_free(ppn);
}

static inline bool claimed_fixed(const struct frame *f)
{
	return f->type != FRAME_TABLE || f->level != 0;
}

bool frame_fixed(ppn_t ppn)
{
	const struct frame *f = frame_of(ppn);

	return f->type == FRAME_DATA ? f->order != 0 || f->tail != 0 || priv_of(ppn)->fixes != 0 : claimed_fixed(f);
}

void frame_strip(ppn_t ppn)
{
	struct cap *c;

	while ((c = priv_of(ppn)->caps.head) != NULL) {
		cap_unbind(c);
		cap_remove(c);
	}
}

int page_claimable(const struct cap *c)
{
	const struct frame *f = frame_of(c->object);

	if ((c->rights & RIGHTS_PAGE) != RIGHTS_PAGE)
		return -E_RIGHTS;
	if (f->type != FRAME_DATA || f->order != 0 || f->ncaps != 1 || f->pins != 0 || c->binding != 0)
		return -E_TYPE;
	return env_may_fix(env_find(f->owner), 1) ? 0 : -E_QUOTA;
}

void page_claim(struct cap *c, enum frame_type type, unsigned level, enum cap_type as)
{
	struct frame *f = frame_of(c->object);

	/* Type first: from here on no binding can be made. None exists, and the last one was fenced when it went. */
	f->type = type;
	f->level = level;
	c->type = as;
	c->rights = as == CAP_TABLE ? PROT_R : RIGHTS_ALL;
	env_fixes(f->owner, claimed_fixed(f));
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

	forget_content(c);
	env_fixes(f->owner, -claimed_fixed(f));
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
	page_forget();
}

/* ---- calls ---- */

static noinline long alloc_long(struct env *self, unsigned long env, unsigned long slot, unsigned long frame, unsigned long order)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);
	struct cap *c;

	if (e == NULL)
		return err;
	if (e->pub->wanted != 0)
		revoke_step();
	if ((c = cap_empty_slot(e, slot)) == NULL)
		return -E_SLOT;
	if (order > PAGE_ORDER_MAX || (order != 0 && frame == FRAME_ANY))
		return -E_INVAL;
	if (frame == FRAME_ANY) {
		if ((frame = frame_any()) == 0)
			return revoke_demand(e, REVOKE_PAGES, 1);
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
	const uint64_t ppn = free_head;
	struct cap *c;

	if ((env | order | (frame ^ FRAME_ANY)) != 0 || slot == 0 || slot >= self->nslots || (c = cap_at(self, slot))->type != CAP_NONE ||
	    ppn == 0 || system_info->wanted_frames != 0 || account->guarantee - account->promised_on <= account->held)
		return alloc_long(self, env, slot, frame, order);
	account->held++;
	system_info->promised_frames--;
	free_pop();
	first_cap(c, frame_of(ppn), ppn, 0);
	return frame_begin(ppn, self) ? zeroed(ppn) : (long)ppn;
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
	if (order == 0 && !env_may_fix(env_find(frame_of(ppn)->owner), SV39_ENTRIES))
		return -E_QUOTA;

	for (unsigned i = 1; i < SV39_ENTRIES; i++) {
		struct cap *c = cap_slot(self, slot + i);
		struct frame *f = frame_of(c->object);

		cap_remove(c);
		f->tail = 1;
		f->order = 0;
		f->parent = ppn;
		f->word = 0;
	}
	env_fixes(frame_of(ppn)->owner, order == 0 ? SV39_ENTRIES : 0);
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
	env_fixes(frame_of(ppn)->owner, order == 0 ? -SV39_ENTRIES : 0);
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
