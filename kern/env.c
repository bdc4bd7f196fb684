/*
 * env.c - environments: numbers, properties, events, and their end
 */
#include "kern/env.h"
#include "kern/charge.h"
#include "kern/revoke.h"
#include "kern/console.h"
#include "kern/ctx.h"
#include "kern/lock.h"
#include "kern/object.h"
#include "kern/pct.h"
#include "kern/slice.h"
#include "kern/syscall.h"
#include "kern/trace.h"
#include "kern/upcall.h"
#include "kern/user.h"

static_assert(sizeof(struct env) <= PAGE_SIZE, "an environment's record fills one page");

#define DROP_BUDGET	64	/* capabilities that one step of a destruction deletes */
#define SWEEP_BUDGET	4096	/* frames that one step looks at */
#define GENERATION_MAX	((1u << (32 - ENV_INDEX_BITS)) - 1)

struct env *env_table[ENV_MAX];
uint8_t env_in_group[ENV_MAX / ENV_GROUP];
struct exposed_env *env_public;
struct uarea no_uarea = { .held = 1 };

/* ---- names ---- */

struct env *env_find(uint32_t id)
{
	struct env *e = env_table[id & ENV_INDEX_MASK];

	return e != NULL && e->id == id ? e : NULL;
}

struct env *env_next(const struct env *e)
{
	for (unsigned i = e != NULL ? (e->id & ENV_INDEX_MASK) + 1 : 1; i < ENV_MAX; i++)
		if (i % ENV_GROUP == 0 && env_in_group[i / ENV_GROUP] == 0)
			i += ENV_GROUP - 1;
		else if (env_table[i] != NULL)
			return env_table[i];
	return NULL;
}

static void env_enter(uint32_t id, struct env *e)
{
	env_in_group[(id & ENV_INDEX_MASK) / ENV_GROUP] += e != NULL ? 1 : -1;
	env_table[id & ENV_INDEX_MASK] = e;
}

struct env *env_operand(struct env *self, unsigned long slot, unsigned right, int *err)
{
	struct cap *c;
	struct env *e;

	*err = 0;
	if (slot == 0)
		return self;
	c = cap_get(self, slot, CAP_ENV);
	if (c == NULL || (c->rights & right) != right) {
		*err = c == NULL ? -E_NOCAP : -E_RIGHTS;
		return NULL;
	}
	e = env_at(c->object);
	if (e->state == ENV_DYING) {
		*err = -E_DEAD;
		return NULL;
	}
	return e;
}

/*
 * A number whose generation was never used. Index 0 stays empty, so that 0 is nobody; an index whose generations are used
 * up is retired for good, so that a stale number never names somebody new.
 */
static uint32_t env_new_id(void)
{
	static uint32_t next = 1;

	for (uint32_t n = 0; n < ENV_MAX; n++) {
		uint32_t i = (next + n) & ENV_INDEX_MASK;
		uint32_t generation = env_public[i].id >> ENV_INDEX_BITS;

		if (i == 0 || env_table[i] != NULL || generation == GENERATION_MAX)
			continue;
		next = i + 1;
		return (generation + 1) << ENV_INDEX_BITS | i;
	}
	return 0;
}

/* ---- life ---- */

void env_set_state(struct env *e, enum env_state state)
{
	e->state = state;
	e->pub->state = state;
}

struct env *env_make(struct env *parent, ppn_t page, uint32_t guarantee)
{
	uint32_t id = env_new_id();
	struct env *e = env_at(page);

	if (id == 0)
		return NULL;
	e->id = id;
	e->page = page;
	e->pub = &env_public[id & ENV_INDEX_MASK];
	memset(e->pub, 0, sizeof(*e->pub));
	e->pub->id = id;
	e->uarea = &no_uarea;
	e->open = GATE_READY;
	e->resume = RESUME_FRAME;
	e->call_env = e->yield_env = e;
	e->reason = STOP_NEW;
	e->pub->reason = STOP_NEW;
	e->nslots = 0;
	e->drop_cursor = ~0u;
	e->sweep_cursor = 0;
	env_set_state(e, ENV_STOPPED);
	env_enter(id, e);
	if (parent == NULL) {
		e->pub->guarantee = guarantee;
		system_info->promised_frames += guarantee;
		return e;
	}
	e->parent = parent;
	e->pub->parent = parent->id;
	e->sibling = parent->child;
	e->sibling_link = &parent->child;
	if (e->sibling != NULL)
		e->sibling->sibling_link = &e->sibling;
	parent->child = e;
	env_move_guarantee(parent, e, REVOKE_PAGES, guarantee);
	return e;
}

void env_fill_frame(struct env *e, long a0)
{
	uva_t pc = e->x[0];

	memset(e->x, 0, sizeof(e->x));
	e->x[0] = pc;
	e->x[3] = e->uarea_va;
	e->x[10] = a0;
	e->resume = RESUME_FRAME;
}

bool env_seize(struct env *e)
{
	if (!env_take(e) && e->state != ENV_STOPPED && e->state != ENV_DYING) {
		/* It may be on a short road, from or to somebody: to the end of that. From then on nothing changes while we hold the lock. */
		harts_gather(arch_hart());
		if (e->callee != NULL) {
			e->callee->caller = NULL;
			e->callee = NULL;
			env_fill_frame(e, -E_DEAD);	/* should it be started again */
		} else if (e->hart->current == e && e->hart != arch_hart()) {
			e->halt = true;
			arch_ipi(e->hart);
			return false;
		}
	}
	e->halt = false;
	return true;
}

/* e does not run any more, nor will it: off its hart, out of its transfers, its gate shut. Its registers stand in x[]. */
static void take_away(struct env *e, enum env_state state)
{
	struct hart *h = e->hart;
	bool running = h != NULL && h->current == e;
	struct env *caller = pct_forget(e);

	if (running)
		hart_leave(h);
	else if (e->resume == RESUME_LEAN)
		env_fill_frame(e, 0);
	e->gate = GATE_SHUT;
	e->resume = RESUME_FRAME;
	e->slice_upcall = e->entry_waits = false;
	env_set_state(e, state);
	if (running && caller != NULL && env_take(caller))
		hart_enter(h, caller, caller, h->slice_end);
}

void env_stop(struct env *e, enum env_reason reason)
{
	e->reason = reason;
	e->pub->reason = reason;
	take_away(e, ENV_STOPPED);
	if (e->parent != NULL) {
		event_raise(e->parent, EV_CHILD);
		return;
	}
	kprintf("exos: the first environment stopped: reason %d, status %d, pc 0x%lx, cause %lu, address 0x%lx; nobody is left to"
		" restart it\n", reason, e->pub->status, e->x[0], e->cause, e->tval);
	arch_poweroff(1);
}

static void set_context(struct env *e, ppn_t root)
{
	if (e->context != 0)
		priv_of(e->context)->users--;
	if (root != 0)
		priv_of(root)->users++;
	e->context = root;
	e->satp = 0;
	e->pub->context = root;
}

void env_leave_context(struct env *e)
{
	set_context(e, 0);
}

/* What follows from its handlers and its u-area. */
static void set_entry(struct env *e)
{
	bool u = e->uarea != &no_uarea;

	e->open = u && e->handler[UP_ENTRY] != 0 ? (long)e->handler[UP_ENTRY] : GATE_READY;
	e->lean = u && (e->handler[UP_ENTRY] != 0 || e->handler[UP_SLICE_BEGIN] != 0);
	/* On a short road elsewhere it may just be opened as it was: after that, again. */
	if (e->hart != arch_hart() && (e->state == ENV_READY || e->state == ENV_WAITING))
		harts_gather(arch_hart());
	if (e->gate != GATE_SHUT && env_take(e))
		env_open(e);
}

/* Nobody reads or writes the u-area of e from now on. */
static void drop_uarea(struct env *e)
{
	if (e->uarea == &no_uarea)
		return;
	e->uarea = &no_uarea;
	e->uarea_va = 0;
	frame_unpin(e->uarea_page, true);
	e->uarea_page = 0;
	set_entry(e);
}

/* False: to be asked again. */
static bool destroy_begin(struct env *e)
{
	if (!env_seize(e))
		return false;
	take_away(e, ENV_DYING);
	slice_forget_env(e);
	console_forget(e);
	drop_uarea(e);
	for (unsigned kind = REVOKE_PAGES; kind <= REVOKE_SHARES; kind++)
		revoke_took(e, kind, ~0u);
	e->drop_cursor = e->nslots;
	return true;
}

/* Delete capabilities from the last slot downwards. 0: all gone, but those of table pages. */
static int destroy_caps(struct env *e)
{
	for (unsigned budget = DROP_BUDGET; e->drop_cursor > 1; e->drop_cursor--) {
		struct cap *c = cap_slot(e, e->drop_cursor - 1);

		if (c->type == CAP_NONE || c->type == CAP_CAPTAB)
			continue;
		if (budget-- == 0 || cap_drop(c, true) == 1)
			return 1;
	}
	return 0;
}

/*
 * Give the pages of the capability table back. A page that e donated itself is named in an earlier page of the same table,
 * so the order from the last to the first never pulls away the record that is needed next.
 */
static void destroy_captab(struct env *e)
{
	while (e->ncaptab > 0) {
		ppn_t ppn = kva_page(e->captab[--e->ncaptab]);
		struct cap *c = priv_of(ppn)->caps.head;
		bool own = frame_of(kva_page(c))->parent == e->page;

		e->captab[e->ncaptab] = NULL;
		page_unclaim(c);
		if (own) {
			cap_remove(c);
			frame_release(ppn);
		}
	}
	e->nslots = 0;
}

/*
 * Frames that e pays for though others hold them now. Data dies with the one who paid for it; a table or object that somebody
 * else made of such a page lives on, charged to the parent, with a page of guarantee if e has one to give.
 */
static int destroy_sweep(struct env *e)
{
	for (unsigned n = 0; e->pub->held > 0 && n < SWEEP_BUDGET && e->sweep_cursor < end_ppn - first_ppn; n++, e->sweep_cursor++) {
		ppn_t ppn = first_ppn + e->sweep_cursor;
		struct frame *f = frame_of(ppn);

		if (f->owner != e->id || f->tail)
			continue;
		if (f->type != FRAME_DATA) {
			env_charge_parent(e, frame_fixed(ppn));
			f->owner = e->parent->id;
			continue;
		}
		frame_strip(ppn);
		n += CAP_LIST_MAX / 8;
		if (f->order == PAGE_ORDER_JOINED && !frame_shrink(ppn)) {
			e->sweep_cursor--;		/* again, until 2 MiB of it are left */
		} else if (f->pins > 0) {
			/* Requests in flight, and frame_unpin() frees it: until then somebody pays, for it is not free. */
			env_charge_parent(e, frame_fixed(ppn));
			f->owner = e->parent->id;
		} else {
			frame_release(ppn);
		}
	}
	return e->pub->held > 0;
}

static struct cap *first_cap(const struct env *e)
{
	return priv_of(e->page)->caps.head;
}

int env_destroy_step(struct env *e)
{
	if (e->state != ENV_DYING && !destroy_begin(e))
		return 1;
	/*
	 * Children first, from the youngest generation: nothing of theirs may outlive what it was made of. Whoever is above
	 * stops now, so that it makes no new ones.
	 */
	if (e->child != NULL) {
		struct env *c = e->child;

		while (c->child != NULL) {
			if (c->state != ENV_DYING && !destroy_begin(c))
				return 1;
			c = c->child;
		}
		if (cap_revoke(first_cap(c)) == 0 && env_destroy_step(c) == 0)
			page_unclaim(first_cap(c));
		return 1;
	}
	if (destroy_caps(e) != 0)
		return 1;
	destroy_captab(e);
	if (destroy_sweep(e) != 0)
		return 1;

	set_context(e, 0);
	revoke_no_more(e);
	if (e->parent != NULL) {
		for (unsigned kind = REVOKE_PAGES; kind <= REVOKE_SHARES; kind++)
			if (share_of(e, kind)->guarantee != 0)
				env_move_guarantee(e, e->parent, kind, share_of(e, kind)->guarantee);
		*e->sibling_link = e->sibling;
		if (e->sibling != NULL)
			e->sibling->sibling_link = e->sibling_link;
	}
	env_set_state(e, ENV_FREE);
	env_enter(e->id, NULL);
	harts_gather(arch_hart());	/* a short road elsewhere may still look at the record, whose page goes back now */
	return 0;
}

/* ---- events ---- */

void env_wake(struct env *e)
{
	e->x[10] = e->uarea->events & e->wait_mask;
	e->entry_waits = false;
	env_set_state(e, ENV_READY);
	trace(arch_hart(), TRACE_RETURN, e->id, CALL_wait, e->x[10]);
}

void event_raise(struct env *e, uint64_t bits)
{
	struct hart *h = e->hart;

	if (e->uarea == &no_uarea)
		return;
	__atomic_fetch_or(&e->uarea->events, bits, __ATOMIC_RELAXED);	/* the library clears some meanwhile, maybe on another hart */
	if (h != NULL && h->current == e) {
		if ((bits & (e->event_up | EV_REVOCATION)) == 0)
			return;
		if (h != arch_hart()) {
			h->deferred = true;
			arch_ipi(h);
			return;
		}
		if (!h->frame_saved) {
			/* In the middle of a short call of its own: the registers are not at hand. Come back by an interrupt at once. */
			h->deferred = true;
			arch_timer_set(0);
			return;
		}
		upcall_events(e, bits);
		return;
	}
	/* A lean one finds the bits when it goes on; whoever picks it sees them too. */
	if (nharts > 1)
		harts_kick(arch_hart());
	if (e->resume != RESUME_FRAME || !env_take(e))
		return;
	if (env_waits(e) && (e->uarea->events & e->wait_mask) != 0)
		env_wake(e);
	if (!env_waits(e))
		upcall_events(e, bits);
	env_open(e);
}

long sys_notify(struct env *self, unsigned long env, unsigned long bits)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_NOTIFY, &err);

	if (e == NULL)
		return err;
	if (e->state == ENV_STOPPED)
		return -E_DEAD;
	if (bits == 0 || (bits & ~EV_USER_MASK) != 0 || e->uarea == &no_uarea)
		return -E_INVAL;
	self->x[10] = 0;	/* the result: an upcall to itself stores it away before the call returns */
	event_raise(e, bits);
	return 0;
}

long sys_wait(struct env *self, unsigned long mask, unsigned long deadline)
{
	struct hart *h = self->hart;

	if (self->uarea == &no_uarea || (mask == 0 && deadline == 0))
		return -E_INVAL;
	if ((self->uarea->events & mask) != 0)
		return self->uarea->events & mask;
	if (deadline != 0 && deadline <= arch_time())
		return 0;
	self->slice_upcall = false;
	self->wait_mask = mask | (self->handler[UP_REVOKE] != 0 ? EV_REVOCATION : 0);	/* it would be interrupted: so it is woken */
	self->deadline = deadline != 0 ? deadline : ~0ul;
	self->entry_waits = self->base_pc != 0;
	env_set_state(self, ENV_WAITING);
	env_give_up(self);
	slice_pick(h);
	return self->x[10];
}

long sys_exit(struct env *self, unsigned long status)
{
	struct hart *h = self->hart;

	self->pub->status = (int32_t)status;
	env_stop(self, STOP_EXIT);
	if (h->current == NULL)
		slice_pick(h);
	return 0;
}

/* ---- calls of the parent ---- */

long sys_env_create(struct env *self, unsigned long slot, unsigned long guarantee)
{
	struct cap *c = cap_get(self, slot, CAP_PAGE);
	struct env *e;
	ppn_t page;
	int err;

	if (c == NULL)
		return -E_NOCAP;
	if ((err = page_claimable(c)) != 0)
		return err;
	page = c->object;
	env_fixes(frame_of(page)->owner, 1);		/* the record counts before the rest is promised away */
	err = guarantee > UINT32_MAX || !env_can_promise(self, guarantee) ? -E_QUOTA : env_new_id() == 0 ? -E_LIMIT : 0;
	env_fixes(frame_of(page)->owner, -1);
	if (err != 0)
		return err;
	page_claim(c, FRAME_KOBJ, CAP_ENV, CAP_ENV);
	e = env_make(self, page, guarantee);
	KASSERT(e != NULL);
	return e->id;
}

long sys_env_captab(struct env *self, unsigned long env, unsigned long slot)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);
	struct cap *c = cap_get(self, slot, CAP_PAGE);

	if (e == NULL)
		return err;
	/* Only the parent: the giver's death must not pull the table away under somebody who lives on. */
	if (e != self && e->parent != self)
		return -E_RIGHTS;
	if (c == NULL)
		return -E_NOCAP;
	if (e->ncaptab == CAPTAB_PAGES)
		return -E_LIMIT;
	if ((err = page_claimable(c)) != 0)
		return err;
	page_claim(c, FRAME_KOBJ, CAP_CAPTAB, CAP_CAPTAB);
	frame_of(c->object)->parent = e->page;
	priv_of(c->object)->index = e->ncaptab;
	e->captab[e->ncaptab++] = page_kva(c->object);
	e->nslots += CAPS_PER_PAGE;
	return e->nslots;
}

static bool user_address(unsigned long a)
{
	return a < SV39_USER_TOP;
}

static long set_uarea(struct env *self, struct env *e, unsigned long slot, unsigned long va)
{
	struct cap *c = cap_get(self, slot, CAP_PAGE);
	struct uarea *u;
	int err;

	if (c == NULL)
		return -E_NOCAP;
	if ((err = page_pinnable(c, self)) != 0 && (err = page_pinnable(c, e)) != 0)
		return err;
	if (!user_address(va) || (va & (PAGE_SIZE - 1)) != 0 || va == 0)
		return -E_INVAL;
	frame_pin(c->object, true);
	drop_uarea(e);
	u = page_kva(c->object);
	u->version = EXOS_ABI_VERSION;
	u->size = sizeof(*u);
	u->held = u->pending = u->events = u->noffer = 0;
	u->env = e->id;
	e->uarea_page = c->object;
	e->uarea_va = va;
	e->uarea = u;
	set_entry(e);
	revoke_tell(e);
	return 0;
}

static long set_run(struct env *self, struct env *e, unsigned long run)
{
	if (e == self || run > 1)
		return -E_INVAL;
	if (run == 0) {
		if (e->state != ENV_STOPPED && !env_seize(e))
			return -E_BUSY;
		if (e->state != ENV_STOPPED)
			env_stop(e, STOP_PARENT);
		return 0;
	}
	if (e->state != ENV_STOPPED)
		return -E_BUSY;
	if (e->context == 0)
		return -E_INVAL;
	env_set_state(e, ENV_READY);
	env_open(e);
	harts_kick(self->hart);
	return 0;
}

long sys_env_set(struct env *self, unsigned long env, unsigned long property, unsigned long a, unsigned long b)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);
	struct cap *x;
	bool elsewhere;

	if (e == NULL)
		return err;
	elsewhere = e != self && e->state != ENV_STOPPED;	/* its registers may be in use */
	switch (property) {
	case ENV_CONTEXT:
		if ((x = cap_get(self, a, CAP_CTX)) == NULL)
			return -E_NOCAP;
		if (!(x->rights & RIGHT_RUN) || elsewhere)
			return x->rights & RIGHT_RUN ? -E_BUSY : -E_RIGHTS;
		set_context(e, x->object);
		if (e == self)
			ctx_activate(self);
		return 0;
	case ENV_UAREA:
		return elsewhere ? -E_BUSY : set_uarea(self, e, a, b);
	case ENV_HANDLER:
		if (a >= UP_KINDS || !user_address(b) || (b & 1) != 0)
			return -E_INVAL;
		e->handler[a] = b;
		set_entry(e);
		return 0;
	case ENV_RESUME:
		if (!user_address(a) || !user_address(b) || b < a || b - a > PAGE_SIZE)
			return -E_INVAL;
		e->resume_start = a;
		e->resume_len = b - a;
		return 0;
	case ENV_WINDOW:
		if (a > UINT32_MAX || b > UINT32_MAX)
			return -E_INVAL;
		e->window_first = a;
		e->window_count = b;
		return 0;
	case ENV_FP:
		if (a > 1 || elsewhere)
			return a > 1 ? -E_INVAL : -E_BUSY;
		e->fp_on = a;
		e->fp_saved = false;
		if (e == self)
			arch_fp_reset(self->hart, self);
		else if (e->hart != NULL && e->hart->fp_owner == e->id)
			e->hart->fp_owner = ~0u;	/* what stands in the registers there is not its own any more */
		return 0;
	case ENV_GUARANTEE:
		return env_set_guarantee(self, e, a, b);
	case ENV_BORROW:
		if (a > (self->parent != NULL ? self->pub->borrow : UINT32_MAX))
			return -E_QUOTA;
		e->pub->borrow = a;
		return 0;
	case ENV_EVENT_UP:
		e->event_up = a;
		return 0;
	case ENV_RUN:
		return set_run(self, e, a);
	default:
		return -E_INVAL;
	}
}

long sys_env_regs(struct env *self, unsigned long env, unsigned long write, unsigned long regs)
{
	int err;
	struct env *e = env_operand(self, env, RIGHT_CONTROL, &err);
	struct env_regs r;

	if (e == NULL)
		return err;
	if (write > 1 || e == self)
		return -E_INVAL;
	if (e->state != ENV_STOPPED)
		return -E_BUSY;
	if (write == 0) {
		r.pc = e->x[0];
		memcpy(r.x, &e->x[1], sizeof(r.x));
		r.cause = e->cause;
		r.tval = e->tval;
		return user_write(self, regs, &r, sizeof(r));
	}
	if ((err = user_read(self, &r, regs, sizeof(r))) != 0)
		return err;
	if (!user_address(r.pc) || (r.pc & 1) != 0)
		return -E_INVAL;
	e->x[0] = r.pc;
	memcpy(&e->x[1], r.x, sizeof(r.x));
	return 0;
}
