/*
 * map.c - regions: what addresses mean, and changing it
 */
#include "exos_calls.h"
#include "exposed.h"
#include "internal.h"
#include "space.h"
#include "start.h"

static void add(uint64_t start, uint64_t end, enum region_kind kind, unsigned int prot, unsigned int flags, const char *name)
{
	struct region r = {
		.start = start, .end = end, .kind = (uint8_t)kind, .prot = (uint8_t)prot, .flags = (uint8_t)(flags | REGION_PLACED), .name = name,
	};

	region_insert(&regions, &r);
}

void vm_init(uintptr_t image_start, uintptr_t image_end)
{
	heap_start = heap_break = image_end;
	add(image_start, image_end, REGION_FIXED, PROT_R, 0, "program image");
	add(LAYOUT_STACK, LAYOUT_STACK_END, REGION_DEMAND, PROT_R | PROT_W, REGION_STACK, "stack");
	add(START_VA, LAYOUT_NODES_END, REGION_FIXED, PROT_R | PROT_W, 0, "memory of the upcall path");
}

void vm_heap(uint64_t end)
{
	add(heap_start, end, REGION_DEMAND, PROT_R | PROT_W, 0, "heap");
}

static bool prot_ok(unsigned int prot)
{
	return (prot & ~PROT_RWX) == 0 && (prot == 0 || prot & PROT_R || prot == PROT_X);
}

/* Is [start, end) where mapped regions may lie? */
static bool in_range(uint64_t start, uint64_t end)
{
	return (start >= LAYOUT_MAP && end <= LAYOUT_MAP_END) || (start >= LAYOUT_FAR && end <= LAYOUT_FAR_END);
}

/* The page range that [va, va + len) touches. False: empty, or it wraps. */
static bool page_range(const void *va, size_t len, uint64_t *start, uint64_t *end)
{
	uint64_t at = (uint64_t)va;

	if (len == 0 || at > LAYOUT_END || len > LAYOUT_END - at)
		return false;
	*start = at & ~PAGE_MASK;
	*end = ROUND_UP(at + len);
	return true;
}

static bool any_placed(uint64_t start, uint64_t end)
{
	for (struct region *r = region_from(&regions, start); r != NULL && r->start < end; r = region_from(&regions, r->end))
		if (r->flags & REGION_PLACED)
			return true;
	return false;
}

/* Regions and large pages end at the ends of the range. Returns 0 or a negative E_* code. */
static int cut(uint64_t start, uint64_t end)
{
	int r = space_break(start);

	if (r == 0)
		r = space_break(end);
	return r < 0 ? r : region_cut(&regions, start, end) < 0 ? -E_LIMIT : 0;
}

int vm_unmap_range(void *va, size_t len)
{
	uint64_t start, end;
	struct region *r;
	int err;

	stack_ready();
	if (!page_range(va, len, &start, &end) || any_placed(start, end))
		return -E_INVAL;
	if ((err = cut(start, end)) < 0)
		return err;
	space_drop(start, end);
	while ((r = region_from(&regions, start)) != NULL && r->start < end)
		region_remove(&regions, r);
	return 0;
}

int vm_unmap(void *va)
{
	struct region *r;

	stack_ready();
	r = region_find(&regions, (uint64_t)va);
	if (r == NULL || r->start != (uint64_t)va || r->flags & REGION_PLACED)
		return -E_INVAL;
	space_drop(r->start, r->end);
	region_remove(&regions, r);
	return 0;
}

/* ---- larger pages ---- */

/* The first of 512 free frames that make a page of 2 MiB; 0: there are none. The kernel chooses nothing, so the library looks. */
static uint64_t free_run(void)
{
	const volatile struct exposed_system *sys = exposed_system();
	const volatile struct frame *f = exposed_frames();
	uint64_t skip = sys != NULL ? -(uint64_t)sys->first_frame % LARGE_PAGES : 0;

	if (f == NULL)
		return 0;
	for (uint64_t i = skip; i + LARGE_PAGES <= sys->nframes; i += LARGE_PAGES) {
		uint64_t n = 0;

		while (n < LARGE_PAGES && f[i + n].type == FRAME_FREE)
			n++;
		if (n == LARGE_PAGES)
			return sys->first_frame + i;
	}
	return 0;
}

static void clear_large(uint64_t va)
{
	for (uint64_t p = 0; p < LARGE_SIZE; p += PAGE_SIZE)
		space_clear(va + p);
}

/* One large page at va, zero. Returns 0 or a negative E_* code; then small ones come on demand instead. */
static int large_page(uint64_t va, unsigned int prot)
{
	uint64_t frame = free_run();
	unsigned int slot = frame != 0 ? slot_alloc() : 0;
	long r;

	if (slot == 0)
		return -E_NOMEM;
	r = sys_page_alloc(0, slot, frame, 1);
	if (r < 0) {
		slot_free(slot);
		return (int)r;
	}
	r = vm_superpage(slot, (void *)va, PROT_R | PROT_W);
	if (r < 0) {
		slot_delete(slot);
		return (int)r;
	}
	clear_large(va);
	if (prot != (PROT_R | PROT_W)) {
		sys_page_protect(ctx_slot(), va, 1, prot);
		ptable_insert(VPN(va), (struct vm_entry){ .slot = (uint16_t)slot, .prot = (uint8_t)prot, .flags = ENTRY_LARGE });
	}
	return 0;
}

/* ---- making regions ---- */

static uint64_t find_room(uint64_t len, uint64_t align)
{
	uint64_t at = region_gap(&regions, LAYOUT_MAP, LAYOUT_MAP_END, len, align);

	return at != 0 ? at : region_gap(&regions, LAYOUT_FAR, LAYOUT_FAR_END, len, align);
}

static void *place(size_t len, uint64_t align, enum region_kind kind, unsigned int prot, unsigned int flags, const char *name)
{
	struct region r = { .kind = (uint8_t)kind, .prot = (uint8_t)prot, .flags = (uint8_t)flags, .name = name };

	stack_ready();
	if (len == 0 || len > LAYOUT_FAR_END - LAYOUT_FAR || align < PAGE_SIZE || (align & (align - 1)) != 0)
		return NULL;
	len = ROUND_UP(len);
	r.start = find_room(len, align);
	if (r.start == 0)
		return NULL;
	r.end = r.start + len;
	return region_insert(&regions, &r) == 0 ? (void *)r.start : NULL;
}

void *vm_map(size_t len, unsigned int prot)
{
	void *va = NULL;

	return vm_map_at(&va, len, prot, 0) == 0 ? va : NULL;
}

void *vm_reserve(size_t len, size_t align)
{
	return place(len, align, REGION_FIXED, PROT_R, REGION_SHARED, "reserved addresses");
}

void *vm_stack(size_t most)
{
	char *low = place(most, PAGE_SIZE, REGION_DEMAND, PROT_R | PROT_W, REGION_STACK, "stack");

	return low != NULL ? low + ROUND_UP(most) : NULL;
}

static int replace(uint64_t start, uint64_t end, unsigned int flags)
{
	struct region *r = region_from(&regions, start);

	if (r == NULL || r->start >= end)
		return 0;
	return flags & VM_REPLACE ? vm_unmap_range((void *)start, end - start) : -E_EXISTS;
}

int vm_map_at(void **va, size_t len, unsigned int prot, unsigned int flags)
{
	uint64_t start = (uint64_t)*va, align = flags & VM_LARGE ? LARGE_SIZE : PAGE_SIZE;
	struct region r = { .kind = REGION_DEMAND, .prot = (uint8_t)prot, .name = "mapped memory" };
	int err;

	stack_ready();
	if (!prot_ok(prot) || len == 0 || start % align != 0 || (flags & ~(VM_SHARED | VM_LARGE | VM_REPLACE)) != 0)
		return -E_INVAL;
	if (len > LAYOUT_FAR_END)
		return -E_NOMEM;
	len = (len + align - 1) & ~(align - 1);
	r.flags = (uint8_t)((flags & VM_SHARED ? REGION_SHARED : 0) | (flags & VM_LARGE ? REGION_LARGE : 0));
	if (flags & VM_LARGE)
		exposed_frames();	/* makes a region of its own, at the first use */
	if (start == 0 && !(flags & VM_REPLACE))
		start = find_room(len, align);
	if (start == 0 || start > LAYOUT_FAR_END || len > LAYOUT_FAR_END - start || !in_range(start, start + len))
		return -E_NOMEM;
	if ((err = replace(start, start + len, flags)) < 0)
		return err;
	r.start = start;
	r.end = start + len;
	if (region_insert(&regions, &r) < 0)
		return -E_LIMIT;
	if ((flags & VM_LARGE) && prot != 0)
		for (uint64_t at = start; at < start + len && large_page(at, prot) == 0; at += LARGE_SIZE)
			;
	region_join(&regions, start, start + len);
	*va = (void *)start;
	return 0;
}

bool vm_mapped(const void *va, size_t len)
{
	uint64_t start, end;

	return page_range(va, len, &start, &end) && region_covered(&regions, start, end);
}

int vm_handle(void *va, size_t len, bool (*handler)(void *arg, void *va, unsigned int access), void *arg)
{
	uint64_t start, end;
	int err;

	stack_ready();
	if (!page_range(va, len, &start, &end) || any_placed(start, end))
		return -E_INVAL;
	if (!region_covered(&regions, start, end))
		return -E_NOTBOUND;
	if ((err = cut(start, end)) < 0)
		return err;
	for (struct region *r = region_find(&regions, start); r != NULL && r->start < end; r = region_from(&regions, r->end)) {
		r->handler = handler;
		r->arg = arg;
	}
	region_join(&regions, start, end);
	return 0;
}

/* ---- protection ---- */

/* Bound pages whose numbers follow one another, in one call. Anything unusual is left to rebind(). */
static long protect_run(uint64_t vpn, unsigned int n, unsigned int prot)
{
	return prot == 0 ? sys_page_unbind(ctx_slot(), vpn * PAGE_SIZE, n) : sys_page_protect(ctx_slot(), vpn * PAGE_SIZE, n, prot);
}

static long rebind(uint64_t vpn, struct vm_entry e, unsigned int prot)
{
	if (prot == 0)
		return sys_page_unbind(ctx_slot(), vpn * PAGE_SIZE, 1);
	if (e.flags & ENTRY_LARGE)
		return vm_superpage(e.slot, (void *)(vpn * PAGE_SIZE), prot);
	return space_bind(vpn * PAGE_SIZE, e.slot, 1, prot);
}

/* Can the page with entry e be changed by one call together with that before it, whose entry has flags? */
static bool follows(struct vm_entry e, unsigned int flags)
{
	return e.slot != 0 && e.prot != 0 && e.flags == flags && !(e.flags & ENTRY_LARGE);
}

#define RUN_MAX	256u	/* pages of one call */

static int protect_pages(uint64_t start, uint64_t end, unsigned int prot)
{
	struct vm_entry run[RUN_MAX];

	for (uint64_t vpn = ptable_next(VPN(start), VPN(end)); vpn < VPN(end); vpn = ptable_next(vpn, VPN(end))) {
		struct vm_entry e = run[0] = ptable_lookup(vpn);
		unsigned int n = 1, want = space_prot(prot, e.flags);
		long r;

		if (follows(e, e.flags))
			while (n < RUN_MAX && vpn + n < VPN(end) && follows(run[n] = ptable_lookup(vpn + n), e.flags))
				n++;
		r = e.prot != 0 ? protect_run(vpn, n, want) : -E_NOTBOUND;
		if (r == -E_NOTBOUND) {
			n = 1;
			r = rebind(vpn, e, want);
		} else if (r > 0 && r < n) {
			n = (unsigned int)r;
		}
		if (r < 0)
			return (int)r;
		for (unsigned int i = 0; i < n; i++) {
			run[i].prot = (uint8_t)want;
			ptable_insert(vpn + i, run[i]);
		}
		vpn += n;
	}
	return 0;
}

/* Of one region. A page that is there and small needs no look for larger ones, and one call. */
static int protect_within(struct region **in, uint64_t start, uint64_t end, unsigned int prot)
{
	struct vm_entry e = ptable_lookup(VPN(start));
	unsigned int want = space_prot(prot, e.flags);
	bool one = end - start == PAGE_SIZE && follows(e, e.flags) && want != 0;
	int err;

	if (!one && ((err = space_break(start)) < 0 || (err = space_break(end)) < 0))
		return err;
	if (region_protect(&regions, one ? in : region_place(&regions, start), start, end, prot) < 0)
		return -E_LIMIT;
	if (!one || sys_page_protect(ctx_slot(), start, 1, want) != 1)
		return protect_pages(start, end, prot);
	e.prot = (uint8_t)want;
	ptable_insert(VPN(start), e);
	return 0;
}

int vm_protect(void *va, size_t len, unsigned int prot)
{
	uint64_t start, end;
	struct region **in;
	int err;

	stack_ready();
	if (!page_range(va, len, &start, &end) || !prot_ok(prot))
		return -E_INVAL;
	in = region_place(&regions, start);
	if (in != NULL && end <= (*in)->end)
		return (*in)->flags & REGION_PLACED ? -E_RIGHTS : protect_within(in, start, end, prot);
	if (!region_covered(&regions, start, end))
		return -E_NOTBOUND;
	if (any_placed(start, end))
		return -E_RIGHTS;
	if ((err = cut(start, end)) < 0)
		return err;
	for (struct region *r = region_find(&regions, start); r != NULL && r->start < end; r = region_from(&regions, r->end))
		r->prot = (uint8_t)prot;
	err = protect_pages(start, end, prot);
	region_join(&regions, start, end);
	return err;
}

int vm_track(void *va, size_t len)
{
	uint64_t start, end;

	stack_ready();
	if (!page_range(va, len, &start, &end))
		return -E_INVAL;
	for (uint64_t vpn = ptable_next(VPN(start), VPN(end)); vpn < VPN(end); vpn = ptable_next(vpn, VPN(end))) {
		struct vm_entry e = ptable_lookup(vpn);
		unsigned int n = 1;

		while (e.prot != 0 && n < PAGES_MAX && vpn + n < VPN(end) && follows(ptable_lookup(vpn + n), e.flags) &&
		       ptable_lookup(vpn + n).prot == e.prot)
			n++;
		if (e.prot != 0) {
			long r = sys_page_protect(ctx_slot(), vpn * PAGE_SIZE, n, e.prot | PROT_TRACK);

			if (r < 0 && r != -E_NOTBOUND)
				return (int)r;
		}
		vpn += n;
	}
	return 0;
}

/* ---- there or not there ---- */

static int touch_region(const struct region *r, uint64_t start, uint64_t end)
{
	for (uint64_t va = start; va < end; va += PAGE_SIZE) {
		struct vm_entry e = ptable_lookup(VPN(va));
		int err = 0;

		if (e.slot == 0 && (ptable_lookup(VPN(va & ~(LARGE_SIZE - 1))).flags & ENTRY_LARGE))
			continue;
		if (e.slot == 0 && r->kind == REGION_DEMAND)
			err = r->prot == 0 ? -E_RIGHTS : revoke_is_lost(va) ? -E_FAULT : space_demand(r, va);
		else if ((e.flags & ENTRY_COW) && (r->prot & PROT_W))
			err = space_unshare(va);
		if (err < 0)
			return err;
	}
	return 0;
}

int vm_touch(const void *va, size_t len)
{
	uint64_t start, end;
	int err;

	stack_ready();
	if (!page_range(va, len, &start, &end) || !region_covered(&regions, start, end))
		return -E_INVAL;
	for (struct region *r = region_find(&regions, start); r != NULL && r->start < end; r = region_from(&regions, r->end)) {
		if ((err = touch_region(r, start > r->start ? start : r->start, end < r->end ? end : r->end)) < 0)
			return err;
	}
	return 0;
}

/* Pages that others share keep their content, whatever one of them advises. */
int vm_discard(void *va, size_t len)
{
	uint64_t start, end;
	int err;

	stack_ready();
	if (!page_range(va, len, &start, &end) || !region_covered(&regions, start, end))
		return -E_INVAL;
	if ((err = space_break(start)) < 0 || (err = space_break(end)) < 0)
		return err;
	for (struct region *r = region_find(&regions, start); r != NULL && r->start < end; r = region_from(&regions, r->end))
		if (r->kind == REGION_DEMAND && !(r->flags & REGION_SHARED))
			space_drop(start > r->start ? start : r->start, end < r->end ? end : r->end);
	return 0;
}

/* ---- sharing ---- */

void *vm_share(size_t len, unsigned int *slot)
{
	unsigned int n = (unsigned int)VPN(ROUND_UP(len)), first, have = 0;
	char *va = place(len, PAGE_SIZE, REGION_FIXED, PROT_R | PROT_W, REGION_SHARED, "shared memory");

	first = va != NULL ? slot_alloc_run(n) : 0;
	if (first != 0)
		while (have < n && page_take(first + have) >= 0)
			have++;
	if (first == 0 || have < n || vm_pages(first, n, va, PROT_R | PROT_W) < 0) {
		for (unsigned int i = 0; i < have; i++)
			sys_cap_delete(first + i);
		if (first != 0)
			slot_free_run(first, n);
		if (va != NULL)
			vm_unmap(va);
		return NULL;
	}
	for (unsigned int i = 0; i < n; i++)
		space_clear((uint64_t)va + i * PAGE_SIZE);
	*slot = first;
	return va;
}

void *vm_attach(unsigned int slot, unsigned int npages, unsigned int prot)
{
	char *va = place(npages * PAGE_SIZE, PAGE_SIZE, REGION_FIXED, prot, REGION_SHARED, "shared memory");

	if (va != NULL && vm_pages(slot, npages, va, prot) < 0) {
		vm_unmap(va);
		va = NULL;
	}
	return va;
}
