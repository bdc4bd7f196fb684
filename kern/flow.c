/*
 * flow.c - flow capabilities and filters
 *
 * Authority is checked here, when a filter is bound: its predicate must imply that of the flow. What a packet costs later is
 * in filter.c alone.
 */
#include "kern/flow.h"
#include "kern/env.h"
#include "kern/expose.h"
#include "kern/frame.h"
#include "kern/revoke.h"
#include "kern/ring.h"
#include "kern/syscall.h"
#include "kern/user.h"

static_assert(sizeof(struct bound_filter) <= PAGE_SIZE, "a filter fills one page");

struct cap_list flow_caps;
struct classifier classifier;

static struct flow *flow_at(const struct cap *c)
{
	return page_kva(c->object);
}

void flow_root(struct cap *c)
{
	struct flow_predicate all = { .version = FLOW_VERSION };
	int err;

	err = predicate_init(&flow_at(c)->receive, &all);
	KASSERT(err == 0);
	flow_at(c)->send = flow_at(c)->receive;
	c->type = CAP_FLOW;
	c->rights = RIGHTS_ALL;
	cap_insert_first(c);
}

/* Places that e has more with a filter in the shape: one if it is the first of e there, and one if it is SHARED. */
static unsigned places(const struct env *e, int shape, bool shared)
{
	return (shape < 0 || e->shape_uses[shape] == 0) + shared;
}

/* May e have a filter more? One that it is promised may be somebody else's: then that is asked for. */
static int admit(struct env *e, const struct predicate *p, bool shared)
{
	const int shape = classifier_shape(&classifier, p);
	const struct exposed_share *s = &e->pub->filters;
	const unsigned n = places(e, shape, shared);

	if (s->held + n > share_own(s) + PLACES_BORROWED || !revoke_may_exceed(e, REVOKE_FILTERS, n))
		return -E_QUOTA;
	/* Who is asked does not bind them faster than they are taken. */
	if (e->pub->asked_kind == REVOKE_FILTERS && s->held + n > share_own(s))
		return -E_QUOTA;
	return shape < 0 || shared ? revoke_admit(e, REVOKE_FILTERS, n) : 0;
}

void filter_unbind(struct bound_filter *b)
{
	struct env *e = b->owner;

	if (b->flow == NULL)
		return;
	classifier_remove(&classifier, &b->filter);
	e->shape_uses[b->filter.shape]--;
	e->pub->filters.held -= places(e, b->filter.shape, b->filter.shared);
	revoke_freed(REVOKE_FILTERS);
	*b->flow_link = b->flow_next;
	if (b->flow_next != NULL)
		b->flow_next->flow_link = b->flow_link;
	*b->ring_link = b->ring_next;
	if (b->ring_next != NULL)
		b->ring_next->ring_link = b->ring_link;
	b->flow = NULL;
	b->ring = NULL;
	system_info->filters = classifier.nfilters;
}

bool flow_forget_cap(struct cap *c, unsigned *budget)
{
	for (; c->binding != 0 && *budget > 0; --*budget)
		filter_unbind((struct bound_filter *)c->binding);
	return c->binding == 0;
}

void flow_page_end(ppn_t page)
{
	env_fixes(frame_of(page)->owner, -1);
	memset(page_kva(page), 0, PAGE_SIZE);
	frame_of(page)->type = FRAME_DATA;
	frame_of(page)->level = 0;
}

void flow_end(struct cap *c)
{
	ppn_t page = c->object;

	KASSERT(c->binding == 0);
	cap_remove(c);
	flow_page_end(page);
	c->type = CAP_PAGE;
	c->rights = PROT_R | PROT_W | PROT_X;
	c->object = page;
	cap_insert_first(c);
}

void filter_end(ppn_t page)
{
	filter_unbind(page_kva(page));
}

long sys_flow_derive(struct env *self, unsigned long flow, unsigned long slot, unsigned long spec, unsigned long rights)
{
	struct cap *src = cap_get(self, flow, CAP_FLOW), *c = cap_get(self, slot, CAP_PAGE);
	struct flow_spec s;
	struct predicate receive, send;
	const struct flow *from;
	struct flow *to;
	ppn_t page;
	int err;

	if (src == NULL || c == NULL)
		return -E_NOCAP;
	if (rights & ~(unsigned long)src->rights)
		return -E_RIGHTS;
	if ((err = page_claimable(c)) != 0)
		return err;
	if ((err = user_read(self, &s, spec, sizeof(s))) != 0)
		return err;
	if (s.version != FLOW_VERSION || (s.flags & ~FLOW_SHARED) != 0)
		return -E_INVAL;
	if ((err = predicate_init(&receive, &s.receive)) != 0 || (err = predicate_init(&send, &s.send)) != 0)
		return err;
	from = flow_at(src);
	if (!predicate_implies(&receive, &from->receive) || !predicate_implies(&send, &from->send))
		return -E_IMPLY;
	if (src->depth == CAP_DEPTH_MAX || flow_caps.count >= CAP_LIST_MAX)
		return -E_LIMIT;
	if (cap_being_revoked(src))
		return -E_BUSY;

	page = c->object;
	cap_remove(c);
	env_fixes(frame_of(page)->owner, 1);
	frame_of(page)->type = FRAME_KOBJ;
	frame_of(page)->level = CAP_FLOW;
	memset(page_kva(page), 0, PAGE_SIZE);
	to = page_kva(page);
	to->receive = receive;
	to->send = send;
	to->shared = from->shared || (s.flags & FLOW_SHARED);
	to->rank = from->shared ? from->rank : receive.bits;
	err = cap_insert_copy(src, c, rights);
	KASSERT(err == 0);
	cap_reseat(c, page);
	return 0;
}

long sys_filter_bind(struct env *self, unsigned long slot, unsigned long flow, unsigned long ring, unsigned long pred,
		     unsigned long flags)
{
	struct cap *c = cap_get(self, slot, CAP_PAGE), *f = cap_get(self, flow, CAP_FLOW);
	struct cap *r = cap_get(self, ring, CAP_RING);
	struct flow_predicate user;
	struct predicate p;
	const struct flow *fl;
	struct bound_filter *b;
	bool shared = (flags & FILTER_SHARED) != 0;
	unsigned n;
	int err;

	if (c == NULL || f == NULL || r == NULL)
		return -E_NOCAP;
	if (!(f->rights & RIGHT_RECV))
		return -E_RIGHTS;
	if ((flags & ~(unsigned long)FILTER_SHARED) != 0)
		return -E_INVAL;
	if ((err = page_claimable(c)) != 0 || (err = user_read(self, &user, pred, sizeof(user))) != 0 ||
	    (err = predicate_init(&p, &user)) != 0)
		return err;
	fl = flow_at(f);
	if (!predicate_implies(&p, &fl->receive))
		return -E_IMPLY;
	if (fl->shared && !shared)
		return -E_EXISTS;	/* under a shared flow nobody may claim a packet for itself */
	if (cap_being_revoked(f) || ring_at(r)->ending)
		return -E_BUSY;
	if ((err = admit(self, &p, shared)) != 0)
		return err;

	/* The classifier has the last word; until it agrees, the page is only lent. */
	page_claim(c, FRAME_KOBJ, CAP_FILTER, CAP_FILTER);
	b = page_kva(c->object);
	filter_init(&b->filter, &p, shared, fl->shared ? fl->rank : p.bits);
	if ((err = classifier_insert(&classifier, &b->filter)) != 0) {
		page_unclaim(c);
		return err;
	}
	b->owner = self;
	n = places(self, b->filter.shape, shared);
	self->shape_uses[b->filter.shape]++;
	self->pub->filters.held += n;
	revoke_took(self, REVOKE_FILTERS, n);
	b->flow = f;
	b->ring = ring_at(r);
	b->flow_next = (struct bound_filter *)f->binding;
	b->flow_link = (struct bound_filter **)&f->binding;
	f->binding = (uint64_t)b;
	b->ring_next = b->ring->filters;
	b->ring_link = &b->ring->filters;
	b->ring->filters = b;
	if (b->flow_next != NULL)
		b->flow_next->flow_link = &b->flow_next;
	if (b->ring_next != NULL)
		b->ring_next->ring_link = &b->ring_next;
	system_info->filters = classifier.nfilters;
	return 0;
}
