/*
 * copy.c - a copy of this address space for another environment
 *
 * One page capability holds one binding, so the copy gets capabilities of its own: copies of ours, with the same slot numbers, so that the
 * page table, which is copied like everything else, is right there as it stands. A page that is private on both sides is given
 * without the right to write and bound read-only here (ENTRY_COW); who writes first makes a page of its own (space_unshare()).
 *
 * What an upcall handler may touch, image data and upcall stack and the page table itself, cannot wait for a fault: it is copied now.
 * So the cost is one grant for each page that is there, and a copy for each page of data; all else is paid by who writes.
 */
#include "exos_calls.h"
#include "internal.h"
#include "space.h"
#include "start.h"

#define STACK_BELOW	2048	/* of the stack, what is used before the copy can serve faults */
#define STACK_ABOVE	1024

enum fate { SHARED, UNTIL_WRITTEN, COPIED };

static bool near_sp(const struct vm_copy *c, uint64_t va)
{
	return va + PAGE_SIZE > c->sp - STACK_BELOW && va < c->sp + STACK_ABOVE;
}

static enum fate fate_of(const struct vm_copy *c, const struct region *r, uint64_t va, struct vm_entry e)
{
	if (r == NULL || r->flags & REGION_SHARED)
		return SHARED;
	if (r->kind == REGION_FIXED)
		return e.prot & PROT_W ? COPIED : SHARED;
	return near_sp(c, va) ? COPIED : UNTIL_WRITTEN;
}

/* Bound before the copy goes on: image, upcall path, stack. */
static bool needed_at_once(const struct region *r, enum fate fate)
{
	return fate == COPIED || (r != NULL && (r->flags & REGION_PLACED) && fate == SHARED);
}

static long give(const struct vm_copy *c, unsigned int slot, unsigned int rights)
{
	long r = sys_cap_grant(slot, c->env, slot, rights, 0, 0);

	/* What we were given may have fewer rights than a page of our own. */
	return r == -E_RIGHTS && rights != PROT_R ? sys_cap_grant(slot, c->env, slot, PROT_R, 0, 0) : r;
}

/* Pages [vpn, vpn + n) are private until written from now on. They are bound, with prot. */
static long protect_run(uint64_t vpn, unsigned int n, unsigned int prot)
{
	long r = n > 0 && (prot & PROT_W) ? sys_page_protect(ctx_slot(), vpn * PAGE_SIZE, n, prot & ~PROT_W) : n;

	return r == n ? 0 : r < 0 ? r : -E_NOTBOUND;
}

/* A page that waits to be bound here, in a copy that is copied again, is not there to be protected. */
static long protect_each(uint64_t vpn, unsigned int n, unsigned int prot)
{
	long r = protect_run(vpn, n, prot);

	for (unsigned int i = 0; r == -E_NOTBOUND && n > 1 && i < n; i++) {
		long one = protect_run(vpn + i, 1, prot);

		if (one < 0 && one != -E_NOTBOUND)
			return one;
	}
	return r == -E_NOTBOUND ? 0 : r;
}

struct run {
	uint64_t vpn;
	unsigned int n, prot;
};

static long mark(struct run *run, uint64_t vpn, struct vm_entry e)
{
	long r = 0;

	if (run->n == PAGES_MAX || run->vpn + run->n != vpn || run->prot != e.prot) {
		r = protect_each(run->vpn, run->n, run->prot);
		*run = (struct run){ .vpn = vpn, .prot = e.prot };
	}
	run->n++;
	e.prot &= (uint8_t)~PROT_W;
	e.flags |= ENTRY_COW;
	ptable_insert(vpn, e);
	return r;
}

static long share_page(struct vm_copy *c, struct run *run, uint64_t vpn)
{
	struct vm_entry e = ptable_lookup(vpn);
	struct region *r = region_find(&regions, vpn * PAGE_SIZE);
	enum fate fate = fate_of(c, r, vpn * PAGE_SIZE, e);
	long err = 0;

	/* A page that is copied is written by us, and may be by the copy: it must be ours alone. */
	if (fate == COPIED && (e.flags & ENTRY_COW)) {
		if ((err = space_unshare(vpn * PAGE_SIZE)) < 0)
			return err;
		e = ptable_lookup(vpn);
	}
	if (needed_at_once(r, fate) && c->must_bind(c->arg, vpn * PAGE_SIZE, e.slot, e.prot) < 0)
		return -E_LIMIT;
	if (fate == COPIED)
		return 0;
	if (fate == UNTIL_WRITTEN)
		err = mark(run, vpn, e);
	return err < 0 ? err : give(c, e.slot, fate == SHARED ? (e.prot != 0 ? e.prot : PROT_R) : PROT_R | PROT_X);
}

/* Private large pages are copied in small pieces: they are taken apart before it is counted how many slots the copy needs. */
long vm_copy_prepare(void)
{
	long r = 0;

	stack_ready();
	for (uint64_t vpn = ptable_next(0, PTABLE_VPNS); r == 0 && vpn < PTABLE_VPNS; vpn = ptable_next(vpn + 1, PTABLE_VPNS)) {
		struct region *at = region_find(&regions, vpn * PAGE_SIZE);

		if ((ptable_lookup(vpn).flags & ENTRY_LARGE) && at != NULL && !(at->flags & REGION_SHARED))
			r = space_break(vpn * PAGE_SIZE + PAGE_SIZE);
	}
	return r;
}

static long tell_nodes(struct vm_copy *c)
{
	unsigned int slot;
	uint64_t va;

	for (unsigned int i = 0; space_node(i, &va, &slot); i++)
		if (c->must_bind(c->arg, va, slot, PROT_R | PROT_W) < 0)
			return -E_LIMIT;
	return 0;
}

long vm_copy_share(struct vm_copy *c)
{
	struct run run = { .n = 0 };
	long r = 0;

	stack_ready();
	if (!space_nodes_known())
		return -E_LIMIT;
	for (uint64_t vpn = ptable_next(0, PTABLE_VPNS); r == 0 && vpn < PTABLE_VPNS; vpn = ptable_next(vpn + 1, PTABLE_VPNS))
		r = share_page(c, &run, vpn);
	if (r == 0)
		r = protect_each(run.vpn, run.n, run.prot);
	return r == 0 ? tell_nodes(c) : r;
}

/* A page of the copy's own, filled through a capability that is deleted again. */
static long copy_one(const struct vm_copy *c, uint64_t va, unsigned int slot)
{
	long r = page_take_for(c->env, slot);

	if (r < 0 || (va >= LAYOUT_UPCALL && va < LAYOUT_UPCALL_END))	/* nothing is in progress on the upcall stack */
		return r < 0 ? r : 0;
	r = sys_cap_copy(c->env, slot, c->scratch, PROT_R | PROT_W, 0, 0);
	if (r < 0)
		return r;
	r = sys_page_bind(ctx_slot(), LAYOUT_COPY, c->scratch, 1, PROT_R | PROT_W);
	if (r == 1)
		space_copy_page((uint64_t *)LAYOUT_COPY, (const uint64_t *)va);
	sys_cap_delete(c->scratch);
	return r < 0 ? r : 0;
}

long vm_copy_now(struct vm_copy *c)
{
	unsigned int slot;
	uint64_t va;
	long r = 0;

	for (uint64_t vpn = ptable_next(0, PTABLE_VPNS); r == 0 && vpn < PTABLE_VPNS; vpn = ptable_next(vpn + 1, PTABLE_VPNS)) {
		struct vm_entry e = ptable_lookup(vpn);

		if (fate_of(c, region_find(&regions, vpn * PAGE_SIZE), vpn * PAGE_SIZE, e) == COPIED)
			r = copy_one(c, vpn * PAGE_SIZE, e.slot);
	}
	for (unsigned int i = 0; r == 0 && space_node(i, &va, &slot); i++)
		r = copy_one(c, va, slot);
	return r;
}
