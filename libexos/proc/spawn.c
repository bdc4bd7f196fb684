/*
 * spawn.c - a new environment with a program in it
 *
 * In the order in which it happens: judge the file and count everything; environment and context out of pages of ours; capability
 * table and page tables; capabilities; image pages on the child's account, filled through a copy that is deleted again; start
 * page; registers; slices. Whatever fails, proc_end() takes apart what is there so far.
 */
#include "proc.h"

#include <exos/expose.h>
#include <string.h>

#include "build.h"
#include "child.h"
#include "elf_plan.h"
#include "env_name.h"
#include "exos_calls.h"
#include "internal.h"
#include "slices.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define FIRST_GRANT	16		/* slot of the child */
#define SPARE_SLOTS	64		/* free slots that a child finds at least */
#define SPARE_PAGES	16		/* u-area, upcall stack, first stack page, nodes of its tree, something to start with */

static_assert(offsetof(struct start_block, entry) == BLOCK_ENTRY, "start block");
static_assert(offsetof(struct start_block, ctx_slot) == BLOCK_CTX_SLOT, "start block");
static_assert(offsetof(struct start_block, segments) == BLOCK_SEGMENTS, "start block");
static_assert(offsetof(struct start_block, nsegments) == BLOCK_NSEGMENTS, "start block");
static_assert(offsetof(struct start_segment, slot) == SEGMENT_SLOT, "segment");
static_assert(offsetof(struct start_segment, npages) == SEGMENT_NPAGES, "segment");
static_assert(offsetof(struct start_segment, prot) == SEGMENT_PROT, "segment");
static_assert(sizeof(struct start_segment) == SEGMENT_BYTES, "segment");
static_assert(CALL_exit == NUMBER_EXIT && CALL_page_bind == NUMBER_PAGE_BIND, "call numbers");

/* ---- what the parent gives away ---- */

long proc_donated(struct proc *p)
{
	long slot;

	if (p->ndonated == PROC_DONATED)
		return PROC_LARGE;
	slot = page_new();
	if (slot >= 0)
		p->donated[p->ndonated++] = (uint16_t)slot;
	return slot;
}

void proc_take_back(struct proc *p)
{
	slot_delete(p->donated[--p->ndonated]);
}

long proc_give_table(struct proc *p, uint64_t va, unsigned int level)
{
	long slot = proc_donated(p), r;

	if (slot < 0)
		return slot;
	r = sys_table_bind(p->ctx, va, level, (unsigned long)slot);
	if (r < 0)
		proc_take_back(p);
	return r == -E_EXISTS ? 0 : r;
}

static long give_tables(struct proc *p, const struct elf_plan *plan)
{
	const uint64_t leaf = PAGE_SIZE * 512;
	long r = proc_give_table(p, START_VA, 1);

	if (r == 0)
		r = proc_give_table(p, START_VA, 0);
	for (uint32_t i = 0; r == 0 && i < plan->nsegments; i++) {
		const struct elf_segment *s = &plan->segment[i];

		for (uint64_t va = s->va & ~(leaf - 1); r == 0 && va < s->va + s->npages * PAGE_SIZE; va += leaf)
			r = proc_give_table(p, va, 0);
	}
	return r;
}

long proc_give_captab(struct proc *p, unsigned int nslots)
{
	long slot, have = 0;

	while (have < (long)nslots) {
		slot = proc_donated(p);
		if (slot < 0)
			return slot;
		have = sys_env_captab(p->env, (unsigned long)slot);
		if (have < 0) {
			proc_take_back(p);
			return have;
		}
	}
	return have;
}

static unsigned int grant_count(const struct proc_grant *g)
{
	return g->count != 0 ? g->count : 1;
}

static long give_grant(struct proc *p, const struct proc_grant *g, unsigned int k, unsigned int dst)
{
	struct cap_info info;
	long r;

	if (g->nslices == 0)
		return sys_cap_grant(g->slot + k, p->env, dst, g->rights, 0, 0);
	r = sys_cap_info(g->slot, &info);
	return r < 0 ? r : sys_cap_grant(g->slot, p->env, dst, g->rights, info.first + g->first, g->nslices);
}

static long give_grants(struct proc *p, const struct spawn *s)
{
	unsigned int dst = FIRST_GRANT;
	long r = sys_cap_grant(p->env, p->env, 1, RIGHT_NOTIFY | RIGHT_CALL | RIGHT_YIELD, 0, 0);

	if (r == 0)
		r = sys_cap_grant(p->ctx, p->env, 2, RIGHT_MAP | RIGHT_RUN, 0, 0);
	for (unsigned int i = 0; r == 0 && i < s->ngrants; i++) {
		const struct proc_grant *g = &s->grants[i];

		for (unsigned int k = 0; r == 0 && k < grant_count(g); k++)
			r = give_grant(p, g, k, dst++);
	}
	return r;
}

/* ---- the image ---- */

/* Bytes for one page of the child: file bytes [from, from + n) at offset skip. */
static long fill_page(struct proc *p, unsigned int child_slot, unsigned int scratch, const void *from, size_t skip, size_t n)
{
	char *to = (char *)LAYOUT_WINDOW;
	long r;

	r = sys_cap_copy(p->env, child_slot, scratch, PROT_R | PROT_W, 0, 0);
	if (r < 0)
		return r;
	r = sys_page_bind(ctx_slot(), (unsigned long)to, scratch, 1, PROT_R | PROT_W);
	if (r == 1)
		memcpy(to + skip, from, n);
	sys_cap_delete(scratch);
	return r < 0 ? r : 0;
}

static long load_segment(struct proc *p, const struct spawn *s, const struct elf_segment *seg, unsigned int slot, unsigned int scratch)
{
	const char *file = (const char *)s->elf + seg->file_offset;
	uint64_t done = 0, at = seg->skip;

	for (uint32_t i = 0; i < seg->npages; i++) {
		uint64_t n = seg->file_bytes - done < PAGE_SIZE - at ? seg->file_bytes - done : PAGE_SIZE - at;
		long r = page_take_for(p->env, slot + i);

		if (r >= 0 && n > 0)
			r = fill_page(p, slot + i, scratch, file + done, at, n);
		if (r < 0)
			return r;
		done += n;
		at = 0;
	}
	return 0;
}

static long load_image(struct proc *p, const struct spawn *s, const struct elf_plan *plan, unsigned int slot)
{
	unsigned int scratch = slot_alloc();
	long r = 0;

	if (scratch == 0)
		return -E_LIMIT;
	for (uint32_t i = 0; r == 0 && i < plan->nsegments; i++) {
		r = load_segment(p, s, &plan->segment[i], slot, scratch);
		slot += plan->segment[i].npages;
	}
	slot_free(scratch);
	return r;
}

/* ---- the start page ---- */

/* Room for n bytes in the page, at a multiple of 8. Returns its offset, or 0: full. */
uint32_t proc_room(struct start_block *b, size_t n)
{
	uint32_t at = (b->bytes + 7) & ~7u;

	if (n > PAGE_SIZE - at)
		return 0;
	b->bytes = at + (uint32_t)n;
	return at;
}

static int put_args(struct start_block *b, const char *const *argv)
{
	size_t total = 0;
	char *at;

	for (b->argc = 0; argv != NULL && argv[b->argc] != NULL; b->argc++)
		total += strlen(argv[b->argc]) + 1;
	if (total > PAGE_SIZE || (b->args = proc_room(b, total + 1)) == 0)
		return PROC_ARGS;
	at = (char *)b + b->args;
	for (uint32_t i = 0; i < b->argc; i++)
		at = stpcpy(at, argv[i]) + 1;
	return 0;
}

static int put_grants(struct start_block *b, const struct spawn *s)
{
	struct start_grant *to;
	unsigned int slot = FIRST_GRANT;

	b->ngrants = s->ngrants;
	if (s->ngrants > PAGE_SIZE / sizeof(*to) || (b->grants = proc_room(b, s->ngrants * sizeof(*to))) == 0)
		return PROC_ARGS;
	to = (struct start_grant *)((char *)b + b->grants);
	for (unsigned int i = 0; i < s->ngrants; i++) {
		const struct proc_grant *g = &s->grants[i];

		if (strlen(g->name) >= sizeof(to[i].name))
			return PROC_ARGS;
		strcpy(to[i].name, g->name);
		to[i].slot = slot;
		to[i].count = grant_count(g);
		to[i].value = g->value;
		slot += grant_count(g);
	}
	return 0;
}

/* A call binds PAGES_MAX pages at most, so a large segment becomes several. */
static int put_segments(struct start_block *b, const struct elf_plan *plan, unsigned int slot)
{
	for (uint32_t i = 0; i < plan->nsegments; i++) {
		const struct elf_segment *s = &plan->segment[i];

		for (uint32_t done = 0, n; done < s->npages; done += n) {
			uint32_t at = proc_room(b, sizeof(struct start_segment));
			struct start_segment *to = (struct start_segment *)((char *)b + at);

			if (at == 0)
				return PROC_ARGS;
			if (b->nsegments++ == 0)
				b->segments = at;
			n = s->npages - done < PAGES_MAX ? s->npages - done : PAGES_MAX;
			*to = (struct start_segment){ .va = s->va + done * PAGE_SIZE, .slot = slot, .npages = n, .prot = s->prot };
			slot += n;
		}
	}
	return 0;
}

int proc_put_code(struct start_block *b)
{
	size_t n = (size_t)(proc_child_code_end - proc_child_code);

	if ((b->code = proc_room(b, n)) == 0)
		return PROC_ARGS;
	memcpy((char *)b + b->code, proc_child_code, n);
	return 0;
}

/* The start page stays a page of the parent, which the child may read and execute. */
long proc_give_start_page(struct proc *p, const struct start_block *b, uint64_t va)
{
	char *to = (char *)LAYOUT_WINDOW;
	long slot = proc_donated(p), r;

	if (slot < 0)
		return slot;
	r = sys_page_bind(ctx_slot(), (unsigned long)to, (unsigned long)slot, 1, PROT_R | PROT_W);
	if (r == 1) {
		memcpy(to, b, PAGE_SIZE);	/* all of it: the page may hold old data of ours, which is nobody's business */
		r = sys_page_bind(p->ctx, va, (unsigned long)slot, 1, PROT_R | PROT_X);
	}
	return r == 1 ? 0 : r;
}

/* ---- */

static long prepare_run(struct proc *p, const struct start_block *b)
{
	struct env_regs regs = { .pc = START_VA + b->code };
	long r = sys_env_set(p->env, ENV_CONTEXT, p->ctx, 0);

	if (r < 0)
		return r;
	regs.x[10 - 1] = START_VA;
	return sys_env_regs(p->env, 1, &regs);
}

/* A page of ours becomes an object; its slot, or an error. */
long proc_new_env(struct proc *p, unsigned long guarantee, unsigned long borrow)
{
	long slot = page_new(), r;

	if (slot < 0)
		return slot;
	r = sys_env_create((unsigned long)slot, guarantee);
	if (r < 0) {
		slot_delete((unsigned int)slot);
		return r;
	}
	p->id = (uint32_t)r;
	p->env = (unsigned int)slot;
	return borrow != 0 ? sys_env_set(p->env, ENV_BORROW, borrow, 0) : 0;
}

long proc_new_ctx(struct proc *p)
{
	long slot = page_new(), r;

	if (slot < 0)
		return slot;
	r = sys_ctx_create((unsigned long)slot);
	if (r < 0) {
		slot_delete((unsigned int)slot);
		return r;
	}
	p->ctx = (unsigned int)slot;
	return 0;
}

/* The first eight characters of argv[0] stand in the word of the exposed record, for whoever lists environments. */
static void name_it(const struct proc *p, const struct spawn *s)
{
	char name[9] = "";
	uint64_t word;

	if (s->argv != NULL && s->argv[0] != NULL)
		strncpy(name, s->argv[0], sizeof(name) - 1);
	memcpy(&word, name, sizeof(word));
	sys_cap_word(p->env, word);
}

/* With the right to a flow goes a place for its filter, so that others who bind all that there are keep nobody from the network. */
static long promise(const struct proc *p, const struct spawn *s)
{
	unsigned int filters = s->promise_filters;
	long r = 0;

	for (unsigned int i = 0; filters == 0 && i < s->ngrants; i++)
		if (strncmp(s->grants[i].name, "flow.", 5) == 0)
			filters = PROC_FILTERS;
	if (s->promise_slices != 0)
		r = sys_env_set(p->env, ENV_GUARANTEE, s->promise_slices, REVOKE_SLICES);
	if (r == 0 && filters != 0) {
		r = sys_env_set(p->env, ENV_GUARANTEE, filters, REVOKE_FILTERS);
		if (r == -E_QUOTA && s->promise_filters == 0)
			return 0;
	}
	return r == -E_QUOTA ? PROC_PROMISE : r;
}

static long build(const struct spawn *s, const struct elf_plan *plan, struct start_block *b, struct proc *p)
{
	long r;

	if ((r = proc_new_env(p, s->guarantee, s->borrow)) < 0 || (r = promise(p, s)) < 0 || (r = proc_new_ctx(p)) < 0)
		return r;
	name_it(p, s);
	if (s->argv != NULL && s->argv[0] != NULL)
		sys_cap_word(p->env, env_name_word(s->argv[0]));
	if ((r = proc_give_captab(p, b->first_free + SPARE_SLOTS)) < 0)
		return r;
	b->env = p->id;
	b->nslots = (uint32_t)r;
	if ((r = give_tables(p, plan)) < 0 || (r = give_grants(p, s)) < 0)
		return r;
	if ((r = load_image(p, s, plan, b->first_free - plan->npages)) < 0)
		return r;
	if ((r = proc_give_start_page(p, b, START_VA)) < 0 || (r = prepare_run(p, b)) < 0)
		return r;
	if (s->slices != 0 && (r = proc_slices(p, s->slices, s->first, s->count)) < 0)
		return r;
	return s->stopped ? 0 : proc_run(p);
}

int proc_spawn(const struct spawn *s, struct proc *p)
{
	static union {
		struct start_block b;
		char page[PAGE_SIZE];
	} start;
	struct elf_plan plan;
	struct start_block *b = &start.b;
	unsigned int slot = FIRST_GRANT;
	long r;

	memset(p, 0, sizeof(*p));
	memset(&start, 0, sizeof(start));
	r = elf_plan(s->elf, s->elf_bytes, &plan);
	if (r < 0)
		return PROC_ELF + (int)r;
	if (s->guarantee < plan.npages + SPARE_PAGES)
		return PROC_GUARANTEE;
	for (unsigned int i = 0; i < s->ngrants; i++)
		slot += grant_count(&s->grants[i]);

	b->magic = START_MAGIC;
	b->version = START_VERSION;
	b->bytes = sizeof(*b);
	b->entry = plan.entry;
	b->image_base = plan.base;
	b->image_end = plan.end;
	b->parent = self_env();
	b->self_slot = 1;
	b->ctx_slot = 2;
	b->first_free = slot + plan.npages;
	if ((r = put_segments(b, &plan, slot)) < 0 || (r = put_grants(b, s)) < 0)
		return (int)r;
	if ((r = proc_put_code(b)) < 0 || (r = put_args(b, s->argv)) < 0)
		return (int)r;
	r = build(s, &plan, b, p);
	if (r < 0)
		proc_end(p);
	return (int)r;
}

const char *proc_strerror(int err)
{
	switch (err) {
	case PROC_ARGS:
		return "arguments, grants and segments do not fit into the start page, or a name is too long";
	case PROC_LARGE:
		return "the image needs more page tables than a parent donates";
	case PROC_GUARANTEE:
		return "the guarantee is smaller than the image and what a program needs to start";
	case PROC_PROMISE:
		return "fewer slices, or places for filters, are left to promise than the program was to be promised";
	case PROC_SLICES:
		return slices_strerror(-E_QUOTA);
	case PROC_SLICES_LENT:
		return slices_strerror(-E_AGAIN);
	default:
		return err < PROC_ELF ? elf_strerror(err - PROC_ELF) : exos_strerror(err);
	}
}
