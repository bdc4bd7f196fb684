/*
 * boot.c - frame table, bookkeeping, and the first environment
 *
 * Memory, from the start of the range that holds the kernel:
 *
 *	| firmware | kernel image | frame table | environments, harts, system | device buffers | free frames ... |
 *
 * Reserved ranges (device tree, firmware tables) and the boot archive, with the rest of its pages of 2 MiB, are stepped over.
 */
#include "kern/boot.h"
#include "exos/boot.h"
#include "kern/console.h"
#include "kern/ctx.h"
#include "kern/expose.h"
#include "kern/flow.h"
#include "kern/nic.h"
#include "kern/page.h"
#include "kern/ring.h"
#include "kern/slice.h"
#include "kern/trace.h"

#define TRACE_PART	256u	/* of all pages, for all trace rings together .. */
#define TRACE_PAGES	256u	/* .. but not more */
#define SPARE_SLOTS	1024u	/* empty slots that the first environment starts with, at least */

struct exposed_system *system_info;
struct exposed_hart *hart_pages;

static struct {
	const struct machine *m;
	struct machine_range range;	/* the memory that we use */
	struct machine_range archive;	/* whole pages of 2 MiB in which the boot archive lies */
	paddr_t cursor;			/* next byte that nobody has */
	ppn_t kept;			/* frames before this one have their records; 0: there is no table yet */
	struct env *env;		/* the first environment */
	unsigned slot;			/* its next empty slot */
} boot;

/* ---- memory before there is a frame table ---- */

static bool overlaps(paddr_t a, uint64_t an, paddr_t b, uint64_t bn)
{
	return an != 0 && bn != 0 && a < b + bn && b < a + an;
}

#define STRETCH	(512 * PAGE_SIZE)	/* is looked at at once */

/* The end of something in the way of [at, at + n), 0: nothing is. */
static paddr_t obstacle(paddr_t at, uint64_t n)
{
	const struct machine *m = boot.m;

	if (overlaps(at, n, boot.archive.base, boot.archive.size))
		return boot.archive.base + boot.archive.size;
	for (unsigned i = 0; i < m->nreserved; i++)
		if (overlaps(at, n, m->reserved[i].base, m->reserved[i].size))
			return m->reserved[i].base + m->reserved[i].size;
	return 0;
}

/* The frames up to here are the kernel's: records that are not written yet say so. */
static void keep_frames(void)
{
	frames_keep(boot.kept, boot.cursor >> PAGE_SHIFT);
	boot.kept = boot.cursor >> PAGE_SHIFT;
}

/* Memory that stays the kernel's for ever. */
static void *boot_memory(size_t bytes)
{
	uint64_t n = (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	paddr_t end;

	while ((end = obstacle(boot.cursor, n)) != 0)
		boot.cursor = (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	if (n > boot.range.base + boot.range.size - boot.cursor)
		panic(__FILE__, __LINE__, "not enough memory for the kernel's tables", n, boot.cursor);
	boot.cursor += n;
	if (boot.kept != 0)
		keep_frames();
	return arch_kva(boot.cursor - n);
}

/* The same as whole pages of zeros. */
static void *boot_pages(size_t bytes)
{
	return memset(boot_memory(bytes), 0, (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1));
}

/* Give [from, to) to the free list, from the top, so that low frames come out first. Whole stretches, where nothing is in the way. */
static void give_range(paddr_t from, paddr_t to)
{
	for (paddr_t at; to > from; to = at) {
		at = to - from > STRETCH ? to - STRETCH : from;
		if (obstacle(at, to - at) != 0)
			at = to - PAGE_SIZE;
		if (obstacle(at, to - at) == 0)
			frames_give(at >> PAGE_SHIFT, to >> PAGE_SHIFT);
		else
			frames_keep(at >> PAGE_SHIFT, to >> PAGE_SHIFT);
	}
}

/* The archive's pages of 2 MiB hold nothing else that must stay. */
static void archive_init(void)
{
	const struct machine *m = boot.m;
	const uint64_t round = sv39_span(1) - 1;
	paddr_t base = m->initrd_start & ~round, end = (m->initrd_end + round) & ~round;

	if (m->initrd_end == 0)
		return;
	if (base < boot.cursor || end > boot.range.base + boot.range.size || obstacle(base, end - base) != 0)
		panic(__FILE__, __LINE__, "the boot archive shares 2 MiB with what is reserved", m->initrd_start, m->initrd_end);
	boot.archive = (struct machine_range){ base, end - base };
}

static void memory_init(const struct boot_param *b)
{
	const struct machine *m = b->machine;
	paddr_t end;
	ppn_t first;

	for (unsigned i = 0; i < m->nmemory; i++)
		if (b->kernel_end > m->memory[i].base && b->kernel_end - m->memory[i].base <= m->memory[i].size)
			boot.range = m->memory[i];
	if (boot.range.size == 0)
		panic(__FILE__, __LINE__, "the kernel does not lie in any memory of the device tree", b->kernel_end, m->nmemory);
	boot.cursor = (b->kernel_end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	archive_init();
	first = boot.range.base >> PAGE_SHIFT;
	end = boot.range.base + boot.range.size;
	frame_table_init(boot_memory(frame_table_bytes(first, end >> PAGE_SHIFT)), first, end >> PAGE_SHIFT);
	boot.kept = first;
	keep_frames();
}

static void bookkeeping_init(const struct boot_param *b)
{
	const struct machine *m = b->machine;
	size_t frame_bytes = (size_t)(end_ppn - first_ppn) * sizeof(struct frame);
	uint32_t trace_pages;

	static_assert(sizeof(struct exposed_hart) <= PAGE_SIZE && sizeof(struct exposed_system) <= PAGE_SIZE, "one page each");
	system_info = boot_pages(PAGE_SIZE);
	hart_pages = boot_pages(HARTS_MAX * PAGE_SIZE);
	env_public = boot_pages(ENV_MAX * sizeof(struct exposed_env));
	expose_region(EXPOSE_SYSTEM, system_info, PAGE_SIZE);
	expose_region(EXPOSE_HARTS, hart_pages, HARTS_MAX * PAGE_SIZE);
	expose_region(EXPOSE_ENVS, env_public, ENV_MAX * sizeof(struct exposed_env));
	expose_region(EXPOSE_FRAMES, frames, frame_bytes);

	system_info->version = EXOS_ABI_VERSION;
	system_info->abi_bytes = sizeof(*system_info);
	system_info->frame_bytes = sizeof(struct frame);
	system_info->env_bytes = sizeof(struct exposed_env);
	system_info->timebase_hz = m->timebase_hz;
	system_info->boot_time = b->entered;
	system_info->first_frame = first_ppn;
	system_info->nframes = end_ppn - first_ppn;
	system_info->nharts = nharts = m->nharts < HARTS_MAX ? m->nharts : HARTS_MAX;
	for (unsigned i = 0; i < nharts; i++)
		if (m->hart[i].id >= 64)
			system_info->nharts = nharts = 1;	/* the masks of firmware and kernel do not reach so far */
	if (nharts > 1 && arch_asid_bits < LEAST_ASIDS)
		arch_asid_bits = 0;
	system_info->asid_bits = arch_asid_bits;
	ctx_init();
	system_info->asid_generation = asid_generation;

	slice_ticks = m->timebase_hz / 1000;
	grace_ticks = slice_ticks / GRACE_DIVISOR;
	for (unsigned i = 0; i < nharts; i++)
		slice_init(&harts[i], i, m->hart[i].id, (struct exposed_hart *)((char *)hart_pages + i * PAGE_SIZE));
	/* One page of so many is for the trace; more than that many would only take longer to clear. */
	trace_pages = (end_ppn - first_ppn) / TRACE_PART < TRACE_PAGES ? (end_ppn - first_ppn) / TRACE_PART : TRACE_PAGES;
	system_info->trace_pages = (trace_pages + nharts - 1) / nharts;
	trace_rings = boot_memory((size_t)nharts * system_info->trace_pages * PAGE_SIZE);
	console_init(m->uart.irq);
}

/* ---- the first environment ---- */

/* A page for the first environment, in its next slot. */
static struct cap *take(void)
{
	struct cap *c = cap_empty_slot(boot.env, boot.slot);
	int err;

	KASSERT(c != NULL);
	err = frame_any() != 0 ? page_take(boot.env, c, frame_any(), 0) : -E_NOMEM;
	if (err != 0)
		panic(__FILE__, __LINE__, "not enough memory for the first environment", -err, system_info->free_frames);
	boot.slot++;
	return c;
}

static void add_captab(void)
{
	struct cap *c = take();

	page_claim(c, FRAME_KOBJ, CAP_CAPTAB, CAP_CAPTAB);
	frame_of(c->object)->parent = boot.env->page;
	priv_of(c->object)->index = boot.env->ncaptab;
	boot.env->captab[boot.env->ncaptab++] = page_kva(c->object);
	boot.env->nslots += CAPS_PER_PAGE;
}

/* A capability that is not a page's: root of a resource. */
static struct cap *root_cap(unsigned slot, enum cap_type type, uint32_t object, uint64_t binding)
{
	struct cap *c = cap_empty_slot(boot.env, slot);

	c->type = type;
	c->rights = RIGHTS_ALL;
	c->object = object;
	c->binding = binding;
	cap_insert_first(c);
	return c;
}

/* Its record and first table page exist before anything could hold a capability for them. */
static void first_env(void)
{
	ppn_t record = frame_any(), table;
	uint32_t all = system_info->free_frames;

	frame_take_boot(record, CAP_ENV);
	table = frame_any();
	frame_take_boot(table, CAP_CAPTAB);
	boot.env = env_make(NULL, record, all);
	system_info->promised_frames -= 2;
	boot.env->pub->held = boot.env->pub->fixed = 2;
	boot.env->pub->slices.guarantee = nharts * SLICES;
	boot.env->pub->filters.guarantee = CLASSIFIER_SHAPES;
	frame_of(record)->owner = frame_of(table)->owner = boot.env->id;
	frame_of(table)->parent = record;
	boot.env->captab[0] = page_kva(table);
	boot.env->ncaptab = 1;
	boot.env->nslots = CAPS_PER_PAGE;
	boot.slot = SLOT_BOOT;
	root_cap(SLOT_SELF, CAP_ENV, record, 0);
	root_cap(boot.slot++, CAP_CAPTAB, table, 0);
}

static void root_caps(void)
{
	struct cap *c;
	ppn_t page;

	root_cap(SLOT_MACHINE, CAP_MACHINE, 0, 0);
	root_cap(SLOT_CONSOLE, CAP_CONSOLE, 0, 0);
	for (unsigned i = 0; i < nharts; i++)
		root_cap(SLOT_SLICES + i, CAP_SLICE, i, SLICES);
	if (!system_info->nic_present)
		return;
	c = take();
	page = c->object;
	cap_remove(c);
	boot.slot--;
	boot.env->pub->fixed++;
	frame_of(page)->type = FRAME_KOBJ;
	frame_of(page)->level = CAP_FLOW;
	memset(page_kva(page), 0, PAGE_SIZE);
	c = cap_empty_slot(boot.env, SLOT_FLOW);
	c->object = page;
	flow_root(c);
}

static ppn_t map_image(const struct boot_param *b, struct boot_info *info)
{
	const struct image_header *h = b->image;
	struct cap *ctx = cap_empty_slot(boot.env, SLOT_CTX);
	unsigned slot = boot.slot;
	ppn_t root;
	int err;

	if (b->image_bytes < sizeof(*h) || h->magic != IMAGE_MAGIC || h->end <= h->base || (h->base & (PAGE_SIZE - 1)) != 0)
		panic(__FILE__, __LINE__, "the kernel holds no image of a first environment", b->image_bytes, h->magic);
	boot.slot = SLOT_CTX;
	ctx = take();
	boot.slot = slot;
	page_claim(ctx, FRAME_TABLE, 2, CAP_CTX);
	root = ctx->object;
	arch_root_init(root);

	info->info_va = (h->end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	info->image_base = h->base;
	for (vaddr_t va = 0; va <= info->info_va; va += sv39_span(1)) {
		if (va == 0) {
			err = table_bind(root, va, 1, take());
			KASSERT(err == 0);
		}
		err = table_bind(root, va, 0, take());
		KASSERT(err == 0);
		info->table_va = va + sv39_span(1);
	}

	info->image_slot = boot.slot;
	for (vaddr_t va = h->base; va < info->info_va; va += PAGE_SIZE, info->image_pages++) {
		struct cap *c = take();
		uint64_t at = va - h->base, file = h->file_end - h->base;
		uint64_t n = at >= file ? 0 : file - at < PAGE_SIZE ? file - at : PAGE_SIZE;

		memcpy(page_kva(c->object), (const char *)b->image + at, n);
		err = page_bind(root, va, c, va < h->data ? PROT_R | PROT_X : PROT_R | PROT_W, false);
		KASSERT(err == 0);
	}
	return root;
}

/* The boot archive stays where it is, but for its beginning, which moves to that of a page: a few capabilities stand for all of it. */
static void take_archive(struct boot_info *info)
{
	const struct machine *m = boot.m;
	char *start;
	const ppn_t first = boot.archive.base >> PAGE_SHIFT, end = first + (boot.archive.size >> PAGE_SHIFT);

	if (boot.archive.size == 0)
		return;
	start = arch_kva(boot.archive.base);
	info->archive_slot = boot.slot;
	info->archive_bytes = m->initrd_end - m->initrd_start;
	if (m->initrd_start != boot.archive.base)
		memmove(start, arch_kva(m->initrd_start), info->archive_bytes);
	memset(start + info->archive_bytes, 0, boot.archive.size - info->archive_bytes);
	for (ppn_t p = first; p < end; p++)
		frame_of(p)->last_owner = boot.env->id;		/* nothing else stands there any more: page_take() leaves it */
	for (ppn_t p = first; p < end; p += pages_of_order(1), info->archive_pages++) {
		struct cap *c = cap_empty_slot(boot.env, boot.slot++);
		int err = page_take(boot.env, c, p, 1);

		KASSERT(err == 0);
		c->rights = PROT_R;
	}
}

struct env *kern_boot(const struct boot_param *b)
{
	ppn_t nic_pages[NIC_PAGES];
	paddr_t archive_end;
	struct hart *h = &harts[0];
	struct boot_info info = { .version = EXOS_ABI_VERSION, .bytes = sizeof(info) };
	struct cap *c;
	int err;

	memset(&boot, 0, sizeof(boot));
	boot.m = b->machine;
	memory_init(b);
	bookkeeping_init(b);
	for (unsigned i = 0; i < NIC_PAGES; i++)
		nic_pages[i] = kva_page(boot_pages(PAGE_SIZE));
	net_init(b->machine, nic_pages, NIC_PAGES, b->random);
	/* The archive's frames come last in the list, so that nobody takes them before take_archive(). */
	archive_end = boot.archive.base + boot.archive.size;
	frames_give(boot.archive.base >> PAGE_SHIFT, archive_end >> PAGE_SHIFT);
	give_range(archive_end > boot.cursor ? archive_end : boot.cursor, boot.range.base + boot.range.size);
	give_range(boot.cursor, boot.archive.base);

	first_env();
	while (boot.env->nslots < SLOT_BOOT + SPARE_SLOTS + (b->image_bytes >> PAGE_SHIFT) * 2)
		add_captab();
	root_caps();
	boot.env->context = map_image(b, &info);
	boot.env->pub->context = boot.env->context;
	priv_of(boot.env->context)->users++;
	c = take();
	info.info_slot = boot.slot - 1;
	err = page_bind(boot.env->context, info.info_va, c, PROT_R, false);
	KASSERT(err == 0);
	take_archive(&info);

	info.first_slot = SLOT_BOOT;
	info.nslots = boot.slot - SLOT_BOOT;
	info.captab_pages = boot.env->ncaptab;
	info.captab_slots = boot.env->nslots;
	info.nharts = nharts;
	info.nic_present = system_info->nic_present;
	memcpy(info.args, b->machine->bootargs, sizeof(info.args));
	memcpy(page_kva(c->object), &info, sizeof(info));

	boot.env->x[0] = ((const struct image_header *)b->image)->entry;
	boot.env->x[10] = info.info_va;
	env_set_state(boot.env, ENV_READY);
	env_open(boot.env);
	slices_free = nharts * SLICES;
	for (unsigned at = 0; at < SLICES; at++)
		slice_bind(h, at, boot.env, cap_slot(boot.env, SLOT_SLICES));
	h->since = arch_time();
	return slice_pick(h);
}
