/*
 * cap.c - the derivation list, and the calls that work on capabilities of every type
 *
 * Next on the road of a call: frame.c, page.c, ctx.c, env.c, slice.c, flow.c and ring.c undo the bindings of their types.
 */
#include "kern/cap.h"
#include "kern/ctx.h"
#include "kern/env.h"
#include "kern/flow.h"
#include "kern/object.h"
#include "kern/page.h"
#include "kern/pct.h"
#include "kern/slice.h"
#include "kern/syscall.h"
#include "kern/user.h"

#define REVOKE_BUDGET	128	/* capabilities that one revoke call deletes */

struct cap_list console_caps, machine_caps;
unsigned revocations;

struct cap_list *cap_list_of(const struct cap *c)
{
	switch (c->type) {
	case CAP_SLICE:
		return &harts[c->object].caps;
	case CAP_FLOW:
		return &flow_caps;
	case CAP_CONSOLE:
		return &console_caps;
	case CAP_MACHINE:
		return &machine_caps;
	default:
		return &priv_of(c->object)->caps;
	}
}

static bool names_frame(const struct cap *c)
{
	return c->type != CAP_SLICE && c->type != CAP_CONSOLE && c->type != CAP_MACHINE;
}

struct cap *cap_empty_slot(const struct env *e, unsigned long slot)
{
	struct cap *c = cap_slot(e, slot);

	return c != NULL && c->type == CAP_NONE ? c : NULL;
}

/* Link c behind prev, or at the front. */
static void list_link(struct cap *c, struct cap *prev)
{
	struct cap_list *l = cap_list_of(c);

	c->prev = prev;
	c->next = prev != NULL ? prev->next : l->head;
	if (prev != NULL)
		prev->next = c;
	else
		l->head = c;
	if (c->next != NULL)
		c->next->prev = c;
	l->count++;
	if (names_frame(c))
		frame_of(c->object)->ncaps++;
}

void cap_insert_first(struct cap *c)
{
	KASSERT(cap_list_of(c)->head == NULL && c->depth == 0);
	list_link(c, NULL);
}

/* Is a revocation under way in c or in an ancestor of c? The ancestors are the records before c that lie ever less deep. */
bool cap_being_revoked(const struct cap *c)
{
	unsigned depth = c->depth + 1u;

	if (likely(revocations == 0))
		return false;
	for (; c != NULL; c = c->prev)
		if (c->depth < depth) {
			if (c->aux & CAP_REVOKING)
				return true;
			depth = c->depth;
		}
	return false;
}

bool cap_descends(const struct cap *d, const struct cap *c)
{
	for (unsigned depth = d->depth + 1u; d != NULL; d = d->prev)
		if (d->depth < depth) {
			if (d == c)
				return true;
			depth = d->depth;
		}
	return false;
}

int cap_insert_copy(struct cap *src, struct cap *dst, unsigned rights)
{
	KASSERT(dst->type == CAP_NONE);
	if (src->depth == CAP_DEPTH_MAX || cap_list_of(src)->count >= CAP_LIST_MAX)
		return -E_LIMIT;
	if (cap_being_revoked(src))
		return -E_BUSY;
	dst->type = src->type;
	dst->rights = rights;
	dst->depth = src->depth + 1;
	dst->aux = src->aux & ~CAP_REVOKING;
	dst->object = src->object;
	list_link(dst, src);
	return 0;
}

void cap_reseat(struct cap *c, ppn_t object)
{
	frame_of(c->object)->ncaps--;
	c->object = object;
	frame_of(object)->ncaps++;
}

void cap_remove(struct cap *c)
{
	struct cap_list *l = cap_list_of(c);

	if (c->type == CAP_CTX)
		page_forget();
	for (struct cap *d = c->next; d != NULL && d->depth > c->depth; d = d->next)
		d->depth--;
	if (c->aux & CAP_REVOKING)
		revocations--;
	if (c->type == CAP_ENV)
		pct_forget_cap(c);
	if (names_frame(c))
		frame_of(c->object)->ncaps--;
	l->count--;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		l->head = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	memset(c, 0, sizeof(*c));
}

void cap_unbind(struct cap *c)
{
	switch (c->type) {
	case CAP_PAGE:
	case CAP_TABLE:
		page_unbind_cap(c);
		break;
	case CAP_SLICE:
		slice_forget_cap(c);
		break;
	case CAP_FLOW:
		KASSERT(c->binding == 0);	/* whoever deletes it unbinds its filters before, in bounded pieces */
		break;
	default:
		break;
	}
}

/* Would object_end_step() refuse? To be asked before the copies are deleted, for a refusal leaves no trace. */
static bool object_busy(const struct cap *c)
{
	switch (c->type) {
	case CAP_CTX:
		return priv_of(c->object)->users > 0;
	case CAP_ENV:
		return arch_hart()->current == env_at(c->object);
	default:
		return false;
	}
}

int cap_drop(struct cap *c, bool force)
{
	struct frame *f = names_frame(c) ? frame_of(c->object) : NULL;
	enum cap_type type = c->type;
	unsigned filters = FILTER_BUDGET;
	ppn_t ppn = c->object;
	int err;

	switch (type) {
	case CAP_CAPTAB:
		return -E_BUSY;		/* goes back when its environment ends */
	case CAP_PAGE:
		if (cap_order(c) == PAGE_ORDER_JOINED && cap_list_of(c)->count == 1 && !page_shrink(c))
			return 1;
		break;
	case CAP_TABLE:
		if (!force)
			return -E_BUSY;
		if (table_tear(ppn) != 0)
			return 1;
		break;			/* it is a PAGE now */
	case CAP_FLOW:
		if (!flow_forget_cap(c, &filters))
			return 1;
		break;
	case CAP_ENV:
		/*
		 * An environment ends with the capability that it was created with, which its parent holds: if the last of its
		 * copies kept it, one that holds itself, or its parent, would be a circle that nothing can end.
		 */
		if (c->depth > 0)
			break;
		if (object_busy(c))
			return -E_BUSY;
		if (cap_revoke(c) != 0)
			return 1;
		if ((err = object_end_step(c, force)) != 0)
			return err;
		break;
	case CAP_CTX:
	case CAP_RING:
	case CAP_FILTER:
		/* A copy goes like any other; with the last one the object ends, and what remains is a PAGE. */
		if (cap_list_of(c)->count > 1)
			break;
		err = object_end_step(c, force);
		if (err != 0)
			return err;
		break;
	default:
		break;
	}
	cap_unbind(c);
	cap_remove(c);
	if (f != NULL && f->ncaps == 0) {
		if (type == CAP_FLOW)
			flow_page_end(ppn);
		frame_release(ppn);
	}
	return 0;
}

static bool has_descendants(const struct cap *c)
{
	return c->next != NULL && c->next->depth > c->depth;
}

/*
 * Descendants are deleted from the front. Each is the copy of an object that keeps at least the capability c, so nothing ends
 * here and the work per record is bounded by its binding.
 */
int cap_revoke(struct cap *c)
{
	unsigned filters = FILTER_BUDGET;

	for (unsigned n = 0; n < REVOKE_BUDGET && has_descendants(c); n++) {
		struct cap *d = c->next;
		ppn_t ppn = d->object;
		bool flow = d->type == CAP_FLOW;

		if (flow && !flow_forget_cap(d, &filters))
			break;
		cap_unbind(d);
		cap_remove(d);
		if (flow && frame_of(ppn)->ncaps == 0) {	/* a derived flow has a page of its own */
			flow_page_end(ppn);
			frame_release(ppn);
		}
	}
	if (has_descendants(c)) {
		/* From now on nothing that is left may be copied, until the caller has come back often enough. */
		if (!(c->aux & CAP_REVOKING))
			revocations++;
		c->aux |= CAP_REVOKING;
		return 1;
	}
	if (c->aux & CAP_REVOKING)
		revocations--;
	c->aux &= ~CAP_REVOKING;
	return 0;
}

/* Do all other capabilities of the object descend from c? Not when the one that it was made with is gone. */
static bool above_all_others(const struct cap *c)
{
	if (c->prev != NULL)
		return false;
	for (const struct cap *d = c->next; d != NULL; d = d->next)
		if (d->depth == 0)
			return false;
	return true;
}

/* What cap_copy and cap_grant share: judge the source, then insert. */
static long copy(struct cap *src, struct cap *dst, unsigned long rights, unsigned long first, unsigned long count)
{
	int err;

	if (src == NULL || src->type == CAP_NONE)
		return -E_NOCAP;
	if (dst == NULL)
		return -E_SLOT;
	if (src->type == CAP_TABLE || src->type == CAP_CAPTAB || src->type == CAP_RING || src->type == CAP_FILTER)
		return -E_TYPE;
	if (rights & ~(unsigned long)src->rights)
		return -E_RIGHTS;
	/* A part of a slice capability; other types have none. */
	if (src->type == CAP_SLICE ? !cap_covers(src, first, count) : first != 0 || count != 0)
		return -E_INVAL;
	err = cap_insert_copy(src, dst, rights);
	if (err == 0 && src->type == CAP_SLICE)
		dst->binding = (uint64_t)first << 32 | count;
	return err;
}

long sys_cap_copy(struct env *self, unsigned long env, unsigned long src, unsigned long dst, unsigned long rights,
		  unsigned long first, unsigned long count)
{
	int err;
	struct env *from = env_operand(self, env, RIGHT_CONTROL, &err);

	if (from == NULL)
		return err;
	return copy(cap_slot(from, src), cap_empty_slot(self, dst), rights, first, count);
}

long sys_cap_grant(struct env *self, unsigned long src, unsigned long env, unsigned long dst, unsigned long rights,
		   unsigned long first, unsigned long count)
{
	int err;
	struct env *to = env_operand(self, env, 0, &err);

	if (to == NULL)
		return err;
	if (to != self && !(cap_get(self, env, CAP_ENV)->rights & RIGHT_CONTROL) &&
	    (dst < to->window_first || dst - to->window_first >= to->window_count))
		return -E_SLOT;
	return copy(cap_slot(self, src), cap_empty_slot(to, dst), rights, first, count);
}

long sys_cap_delete(struct env *self, unsigned long slot)
{
	struct cap *c = cap_slot(self, slot);

	if (c == NULL || c->type == CAP_NONE)
		return -E_NOCAP;
	return cap_drop(c, false);
}

long sys_cap_revoke(struct env *self, unsigned long slot)
{
	struct cap *c = cap_slot(self, slot);

	if (c == NULL || c->type == CAP_NONE)
		return -E_NOCAP;
	return cap_revoke(c);
}

static uint64_t word_of(const struct cap *c)
{
	switch (c->type) {
	case CAP_ENV:
		return env_at(c->object)->pub->word;
	case CAP_SLICE:
	case CAP_CONSOLE:
	case CAP_MACHINE:
		return 0;
	default:
		return frame_of(c->object)->word;
	}
}

long sys_cap_info(struct env *self, unsigned long slot, unsigned long info)
{
	struct cap *c = cap_slot(self, slot);
	struct cap_info out = { .version = EXOS_ABI_VERSION };

	if (c == NULL || c->type == CAP_NONE)
		return -E_NOCAP;
	out.type = c->type;
	out.rights = c->rights;
	out.depth = c->depth;
	out.object = c->object;
	out.word = word_of(c);
	if (c->type == CAP_SLICE) {
		out.first = c->binding >> 32;
		out.count = (uint32_t)c->binding;
	} else if (c->type == CAP_PAGE || c->type == CAP_TABLE) {
		out.order = cap_order(c);
		out.bound_ctx = binding_root(c->binding);
		out.bound_va = binding_va(c->binding);
	}
	return user_write(self, info, &out, sizeof(out));
}

long sys_cap_word(struct env *self, unsigned long slot, unsigned long word)
{
	struct cap *c = cap_slot(self, slot);

	if (c == NULL || c->type == CAP_NONE)
		return -E_NOCAP;
	switch (c->type) {
	case CAP_ENV:
		if (!(c->rights & RIGHT_CONTROL))
			return -E_RIGHTS;
		env_at(c->object)->pub->word = word;
		return 0;
	case CAP_SLICE:
	case CAP_CONSOLE:
	case CAP_MACHINE:
		return -E_INVAL;
	default:
		if (frame_of(c->object)->owner != self->id)
			return -E_RIGHTS;
		frame_of(c->object)->word = word;
		return 0;
	}
}

long sys_object_end(struct env *self, unsigned long slot)
{
	struct cap *c = cap_slot(self, slot);

	if (c == NULL || (c->type != CAP_CTX && c->type != CAP_ENV && c->type != CAP_RING && c->type != CAP_FLOW &&
			  c->type != CAP_FILTER))
		return -E_NOCAP;
	if (c->rights != RIGHTS_ALL)
		return -E_RIGHTS;
	if (c->type == CAP_FLOW ? frame_of(c->object)->ncaps != 1 : !above_all_others(c))
		return -E_TYPE;
	if (object_busy(c))
		return -E_BUSY;
	return cap_revoke(c) != 0 ? 1 : object_end_step(c, false);
}
