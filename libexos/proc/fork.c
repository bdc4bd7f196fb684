/*
 * fork.c - a copy of this program
 *
 * In the order in which it happens: environment, context and slots; capabilities of what is shared (vm/copy.c), with a list of what must
 * be bound first; tables for that; two start pages, the parent's own with other numbers and one with the list; the other capabilities;
 * and last, when nothing here changes any more, the pages that are copied. The copy binds what is on the list, by the instructions
 * of child.S, and jumps to where the registers were saved.
 */
#include <setjmp.h>
#include <string.h>

#include "build.h"
#include "env_name.h"
#include "exos_calls.h"
#include "internal.h"
#include "proc.h"
#include "ptable.h"
#include "upcall.h"
#include "vm.h"

#define SPARE_SLOTS	32	/* that the copy finds beyond ours */

extern const char proc_fork_entry[];

jmp_buf proc_fork_there;

/* All that the copy needs of this is in .bss, which is copied. */
static struct proc made;
static struct vm_copy copy;
static unsigned int parent_slot, slot_for_parent;
static union page {
	struct start_block b;
	struct start_segment force_alignment;
	char bytes[PAGE_SIZE];
} list;

/* One more page to bind: it lengthens the last segment, or begins one. */
static int must_bind(void *arg, uint64_t va, unsigned int slot, unsigned int prot)
{
	struct start_block *b = arg;
	struct start_segment *s = (struct start_segment *)(b + 1) + b->nsegments;
	struct start_segment *last = s - 1;

	if (b->nsegments > 0 && last->va + last->npages * PAGE_SIZE == va && last->slot + last->npages == slot && last->prot == prot &&
	    last->npages < PAGES_MAX) {
		last->npages++;
		return 0;
	}
	if (proc_room(b, sizeof(*s)) == 0)
		return -1;
	*s = (struct start_segment){ .va = va, .slot = slot, .npages = 1, .prot = prot };
	b->nsegments++;
	return 0;
}

static_assert(sizeof(struct start_block) % 8 == 0 && sizeof(struct start_segment) % 8 == 0, "segments follow one another");

/* Tables for all that is on the list, and for the start pages. */
static long give_tables(struct proc *p, const struct start_block *b)
{
	const struct start_segment *s = (const struct start_segment *)(b + 1);
	uint64_t gib = 0, block = ~0ull;
	long r = proc_give_table(p, START_VA, 1);

	if (r == 0)
		r = proc_give_table(p, START_VA, 0);
	for (uint32_t i = 0; r == 0 && i < b->nsegments; i++) {
		uint64_t end = s[i].va + s[i].npages * PAGE_SIZE;

		for (uint64_t va = s[i].va; r == 0 && va < end; va = (va / (512 * PAGE_SIZE) + 1) * 512 * PAGE_SIZE) {
			if (va >> 30 != gib)
				r = proc_give_table(p, va, 1);
			gib = va >> 30;
			if (r == 0 && va >> 21 != block && va >> 21 != START_VA >> 21)
				r = proc_give_table(p, va, 0);
			block = va >> 21;
		}
	}
	return r;
}

static long give_cap(unsigned int env, unsigned int slot)
{
	struct cap_info info;
	long r = sys_cap_info(slot, &info);

	if (r == 0)
		r = sys_cap_grant(slot, env, slot, info.rights, info.first, info.count);
	/* A page of our memory is there already; of rings and filters there is only one; what we deleted is gone. */
	return r == -E_SLOT || r == -E_TYPE || r == -E_NOCAP ? 0 : r;
}

static long give_caps(const struct proc *p)
{
	const struct start_block *b = start_block();
	const struct start_grant *g = (const struct start_grant *)((const char *)b + b->grants);
	long r = sys_cap_grant(p->env, p->env, self_slot(), RIGHT_NOTIFY | RIGHT_CALL | RIGHT_YIELD, 0, 0);

	if (r == 0)
		r = sys_cap_grant(self_slot(), p->env, slot_for_parent, RIGHT_NOTIFY | RIGHT_CALL | RIGHT_YIELD, 0, 0);
	if (r == 0)
		r = sys_cap_grant(p->ctx, p->env, ctx_slot(), RIGHT_MAP | RIGHT_RUN, 0, 0);
	for (uint32_t i = 0; i < b->ngrants; i++)
		for (uint32_t k = 0; r == 0 && k < g[i].count; k++)
			r = give_cap(p->env, g[i].slot + k);
	return r;
}

/* Our own start page with the numbers of the copy; the list is finished and goes beside it. */
static long give_start_pages(struct proc *p)
{
	static union page mine;
	long r;

	if (proc_put_code(&list.b) < 0)
		return -E_LIMIT;
	memcpy(&mine, start_block(), sizeof(mine));
	mine.b.env = p->id;
	mine.b.parent = self_env();
	r = proc_give_start_page(p, &mine.b, START_VA);
	return r == 0 ? proc_give_start_page(p, &list.b, LAYOUT_FORK) : r;
}

static long set_registers(const struct proc *p)
{
	struct env_regs regs = { .pc = LAYOUT_FORK + list.b.code };
	long r = sys_env_set(p->env, ENV_CONTEXT, p->ctx, 0);

	regs.x[10 - 1] = LAYOUT_FORK;
	if (r == 0)
		r = sys_env_set(p->env, ENV_FP, 1, 0);
	return r == 0 ? sys_env_regs(p->env, 1, &regs) : r;
}

static long build(const struct proc_fork *f, struct proc *p)
{
	struct vm_stats now;
	long r;

	if ((r = proc_new_env(p, f->guarantee, f->borrow)) < 0 || (r = proc_new_ctx(p)) < 0)
		return r;
	sys_cap_word(p->env, env_name_word(program_name()));
	copy.env = p->env;
	copy.must_bind = must_bind;
	copy.arg = &list.b;
	if ((r = vm_copy_prepare()) < 0)
		return r;
	vm_get_stats(&now);
	if ((r = proc_give_captab(p, (unsigned int)now.slots_total + SPARE_SLOTS)) < 0)
		return r;
	if ((r = give_caps(p)) < 0 || (r = vm_copy_share(&copy)) < 0)
		return r;
	if ((r = give_tables(p, &list.b)) < 0 || (r = give_start_pages(p)) < 0)
		return r;
	if ((r = set_registers(p)) < 0)
		return r;
	made = *p;
	return vm_copy_now(&copy);
}

/* The first thing in the copy: nothing but the list is bound, and a fault would be the end. */
static int go_on(struct proc *p)
{
	if (sys_env_set(0, ENV_UAREA, vm_slot((void *)LAYOUT_UAREA), LAYOUT_UAREA) < 0 || upcall_again() < 0)
		sys_exit(198);
	vm_copy_begin();
	/* These slots are our parent's, and empty here. */
	slot_free(made.env);
	slot_free(made.ctx);
	for (unsigned int i = 0; i < made.ndonated; i++)
		slot_free(made.donated[i]);
	slot_free(copy.scratch);
	if (parent_slot != 0)
		slot_free(parent_slot);		/* our parent's parent, who is not ours */
	parent_slot = slot_for_parent;
	memset(p, 0, sizeof(*p));
	own_slices_begin();
	return 1;
}

unsigned int proc_parent_slot(void)
{
	return parent_slot;
}

int proc_fork(const struct proc_fork *f, struct proc *p)
{
	static struct proc *volatile to;
	long r;

	if (start_block() == NULL)
		return -E_INVAL;
	to = p;
	memset(p, 0, sizeof(*p));
	memset(&list, 0, sizeof(list));
	list.b = (struct start_block){
		.magic = START_MAGIC, .version = START_VERSION, .bytes = sizeof(list.b), .ctx_slot = ctx_slot(),
		.entry = (uint64_t)proc_fork_entry, .segments = sizeof(list.b),
	};
	copy.sp = (uint64_t)__builtin_frame_address(0) - 512;
	vm_touch((void *)(copy.sp - 4096), 8192);
	copy.scratch = slot_alloc();
	slot_for_parent = slot_alloc();
	if (copy.scratch == 0 || slot_for_parent == 0) {
		slot_free(copy.scratch);
		return -E_LIMIT;
	}
	if (setjmp(proc_fork_there) != 0)
		return go_on(to);
	r = build(f, p);
	slot_free(copy.scratch);
	slot_free(slot_for_parent);
	if (r == 0 && f->slices != 0)
		r = proc_slices(p, f->slices, f->first, f->count);
	if (r == 0)
		r = proc_run(p);
	if (r < 0)
		proc_end(p);
	return (int)r;
}
