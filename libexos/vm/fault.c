/*
 * fault.c - what happens at the touch of a page that is not bound, or not bound for that
 */
#include <exos/expose.h>
#include <stdio.h>

#include "exos_calls.h"
#include "internal.h"
#include "space.h"
#include "start.h"

static long last_refusal;	/* why the last demand page could not be had */
static uint64_t copied;
static bool in_copy;		/* this program began as a copy of another (copy.c) */

uint64_t vm_copied(void)
{
	return copied;
}

/* ---- a fresh page ---- */

/* A page just bound at va for writing, entered in the page table with prot. On an error it is still the caller's. */
static long enter(uint64_t va, unsigned int slot, unsigned int prot)
{
	long r = ptable_insert(VPN(va), (struct vm_entry){ .slot = (uint16_t)slot, .prot = (uint8_t)prot }) < 0 ? -E_NOMEM : 0;

	return r == 0 ? space_bind(va, slot, 1, PROT_R | PROT_W) : r;
}

int space_demand(const struct region *r, uint64_t va)
{
	long slot = page_new(), err;

	va &= ~PAGE_MASK;
	if (slot < 0)
		return (int)slot;
	err = enter(va, (unsigned int)slot, r->prot);
	if (err == 0) {
		space_clear(va);
		if (r->prot != (PROT_R | PROT_W))
			err = sys_page_protect(ctx_slot(), va, 1, r->prot);
	}
	if (err < 0) {
		ptable_remove(VPN(va));
		slot_delete((unsigned int)slot);
		return (int)err;
	}
	return 0;
}

/* ---- a page that is shared until it is written ---- */

/* Is the page of slot ours alone, and may we write it? The frame's record is read through a binding made for the purpose. */
static bool sole_owner(unsigned int slot)
{
	static uint32_t first_frame;
	static struct cap_info info;
	uint64_t index;

	if (sys_cap_info(slot, &info) < 0 || !(info.rights & PROT_W))
		return false;
	if (first_frame == 0) {
		if (sys_expose_bind(ctx_slot(), LAYOUT_PEEK, EXPOSE_SYSTEM, 0, 1, 0) != 1)
			return false;
		first_frame = ((const volatile struct exposed_system *)LAYOUT_PEEK)->first_frame;
	}
	index = info.object - first_frame;
	if (sys_expose_bind(ctx_slot(), LAYOUT_PEEK, EXPOSE_FRAMES, index * sizeof(struct frame) / PAGE_SIZE, 1, 0) != 1)
		return false;
	return ((const volatile struct frame *)LAYOUT_PEEK)[index % (PAGE_SIZE / sizeof(struct frame))].ncaps == 1;
}

void space_copy_page(uint64_t *to, const uint64_t *from)
{
	for (unsigned int i = 0; i < PAGE_SIZE / 8; i += 4) {
		uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];

		to[i] = a;
		to[i + 1] = b;
		to[i + 2] = c;
		to[i + 3] = d;
	}
}

/* Before a page is written that is shared with a copy of this address space: have one of our own. */
int space_unshare(uint64_t va)
{
	struct vm_entry e = ptable_lookup(VPN(va));
	long slot, r;

	va &= ~PAGE_MASK;
	if (sole_owner(e.slot)) {
		ptable_insert(VPN(va), (struct vm_entry){ .slot = e.slot, .prot = e.prot | PROT_W });
		return (int)space_bind(va, e.slot, 1, e.prot | PROT_W);
	}
	/* The old page may not be bound yet: in a fresh copy nothing is. */
	if ((r = space_bind(va, e.slot, 1, e.prot)) < 0)
		return (int)r;
	slot = page_new();
	if (slot < 0)
		return (int)slot;
	r = sys_page_bind(ctx_slot(), LAYOUT_COPY, (unsigned long)slot, 1, PROT_R | PROT_W);
	if (r == 1) {
		space_copy_page((uint64_t *)LAYOUT_COPY, (const uint64_t *)va);
		/* The page moves: a capability holds one binding. What stood at va is unbound by this. */
		r = space_bind(va, (unsigned int)slot, 1, e.prot | PROT_W);
	}
	if (r < 0) {
		slot_delete((unsigned int)slot);
		return (int)r;
	}
	ptable_remove(VPN(va));
	ptable_insert(VPN(va), (struct vm_entry){ .slot = (uint16_t)slot, .prot = e.prot | PROT_W });
	slot_delete(e.slot);
	copied++;
	return 0;
}

void vm_copy_begin(void)
{
	in_copy = true;
	space_forget_tables();
	revoke_begin();
}

/* ---- faults ---- */

#define CAUSE_FETCH_PAGE	12
#define CAUSE_LOAD_PAGE		13
#define CAUSE_STORE_PAGE	15

static unsigned int access_of(uint64_t cause)
{
	switch (cause) {
	case CAUSE_FETCH_PAGE:
		return PROT_X;
	case CAUSE_LOAD_PAGE:
		return PROT_R;
	case CAUSE_STORE_PAGE:
		return PROT_W;
	default:
		return 0;
	}
}

/* The program has taken the region over. */
static bool ask_handler(const struct region *r, uint64_t va, unsigned int access)
{
	uint64_t fp[33];
	bool served;

	upcall_fp_save(fp);
	served = r->handler(r->arg, (void *)(va & ~PAGE_MASK), access);
	upcall_fp_restore(fp);
	return served;
}

/* A page is there, and the access was refused by the MMU. Returns 0: it works now; otherwise it is forbidden, or the error. */
static long serve_present(const struct region *r, uint64_t va, struct vm_entry e, unsigned int access)
{
	/* What was bound on purpose and unbound on purpose stays so; only in a copy it may not have been bound yet. */
	if (r->kind == REGION_DEMAND ? (r->prot & access) == 0 : !in_copy)
		return -E_RIGHTS;
	if (e.flags & ENTRY_LARGE)
		return e.prot & access ? vm_superpage(e.slot, (void *)(va & ~(LARGE_SIZE - 1)), e.prot) : -E_RIGHTS;
	if (e.prot & access)	/* tracked, or not bound yet, or its binding was undone behind our back */
		return space_bind(va & ~PAGE_MASK, e.slot, 1, e.prot);
	if (access == PROT_W && (e.flags & ENTRY_COW))
		return space_unshare(va);
	return -E_RIGHTS;
}

static struct vm_entry entry_for(const struct region *r, uint64_t va)
{
	struct vm_entry e = ptable_lookup(VPN(va));

	if (e.slot == 0 && (va & ~(LARGE_SIZE - 1)) >= r->start) {
		e = ptable_lookup(VPN(va & ~(LARGE_SIZE - 1)));
		if (!(e.flags & ENTRY_LARGE))
			e.slot = 0;
	}
	return e;
}

bool vm_fault(uint64_t cause, uint64_t va)
{
	static uint64_t last_va, repeats;
	unsigned int access = access_of(cause);
	struct vm_entry e;
	struct region *r;
	long refusal;

	last_refusal = 0;
	if (access == 0 || (r = region_find(&regions, va)) == NULL)
		return false;
	if (r->handler != NULL && ask_handler(r, va, access))
		return true;
	if ((r = region_find(&regions, va)) == NULL)	/* the handler may have done anything */
		return false;
	e = entry_for(r, va);
	/* The same address again and again, which should work already: binding it does not help, so somebody else has to know. */
	repeats = va == last_va && (e.prot & access) ? repeats + 1 : 0;
	last_va = va;
	if (repeats > 16)
		return false;
	if (e.slot != 0) {
		refusal = serve_present(r, va, e, access);
		last_refusal = refusal == -E_RIGHTS ? 0 : refusal;
		return refusal == 0;
	}
	if (r->kind != REGION_DEMAND || (r->prot & access) == 0 || revoke_is_lost(va))
		return false;
	last_refusal = space_demand(r, va);
	return last_refusal == 0;
}

static bool below_a_stack(uint64_t va)
{
	struct region *above = region_from(&regions, va);

	return above != NULL && (above->flags & REGION_STACK) && above->start - va <= 16 * PAGE_SIZE;
}

const char *vm_fault_reason(uint64_t cause, uint64_t va, char *buf, size_t len)
{
	struct region *r = region_find(&regions, va);
	unsigned int access = access_of(cause);

	if (access == 0)
		return "";
	if (last_refusal < 0)
		snprintf(buf, len, "no page could be had for the %s: %s", r != NULL ? r->name : "address", exos_strerror(last_refusal));
	else if (va >= LAYOUT_END)
		return "the address is not one of the lower half";
	else if (va < LAYOUT_IMAGE)
		return "a null pointer, or an offset from one";
	else if (r != NULL && revoke_is_lost(va))
		snprintf(buf, len, "this page of the %s was taken by the kernel: it was asked for, and no other was given in time", r->name);
	else if (r != NULL && (r->prot & access) == 0 && r->kind == REGION_DEMAND)
		snprintf(buf, len, "the %s may not be used that way", r->name);
	else if (r != NULL)
		snprintf(buf, len, "the address lies in the %s, where the access is not allowed or nothing is bound", r->name);
	else if (below_a_stack(va))
		return "the stack is full: too deep a recursion, or too large a local array";
	else
		return "nothing is mapped there";
	return buf;
}
