/*
 * pct.c - protected control transfer, all of it; the short roads are in arch/riscv/entry.S
 */
#include "kern/pct.h"
#include "kern/lock.h"
#include "kern/slice.h"
#include "kern/syscall.h"
#include "kern/trace.h"

/* a, which nobody will answer any more, is told. */
static void tell(struct env *a, long err)
{
	trace(arch_hart(), TRACE_RETURN, a->id, CALL_pct_call, (uint64_t)err);
	a->callee = NULL;
	env_fill_frame(a, err);
	env_open(a);
	harts_kick(arch_hart());
}

bool pct_abandon(struct env *a, long err)
{
	struct env *b = a->callee;

	/* The reply right is one word: whoever takes it out has it, we or the callee, on whichever hart. */
	if (b == NULL || !__atomic_compare_exchange_n(&b->caller, &(struct env *){ a }, NULL, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	tell(a, err);
	return true;
}

struct env *pct_forget(struct env *e)
{
	struct env *caller = __atomic_exchange_n(&e->caller, NULL, __ATOMIC_ACQ_REL);

	if (caller != NULL)
		tell(caller, -E_DEAD);
	return caller;
}

struct env *pct_late_caller(const struct env *e, ticks_t now)
{
	struct env *late = NULL;

	for (struct env *a = e->caller; a != NULL; a = a->caller)
		if (a->call_deadline != 0 && a->call_deadline <= now)
			late = a;
	return late;
}

ticks_t pct_first_deadline(const struct env *e, ticks_t end)
{
	for (const struct env *a = e->caller; a != NULL; a = a->caller)
		if (a->call_deadline != 0 && a->call_deadline < end)
			end = a->call_deadline;
	return end;
}

/* Judge the callee of self and shut its gate: it is ours to enter. NULL sets *err. */
static struct env *callee(struct env *self, unsigned long slot, int *err)
{
	struct env *to = slot == 0 ? self : env_operand(self, slot, RIGHT_CALL, err);
	long gate;

	if (to == NULL)
		return NULL;
	if (to == self || self->uarea == &no_uarea) {
		*err = -E_INVAL;
		return NULL;
	}
	*err = to->state == ENV_STOPPED ? -E_DEAD : -E_BUSY;
	gate = __atomic_load_n(&to->gate, __ATOMIC_ACQUIRE);
	if (gate <= 0 || to->uarea->held != 0 || !__atomic_compare_exchange_n(&to->gate, &gate, GATE_SHUT, false, __ATOMIC_ACQUIRE,
									       __ATOMIC_RELAXED))
		return NULL;
	self->call_slot = slot;
	self->call_env = to;
	return to;
}

/* All registers of from go to `to`, which goes on at pc with a0. */
static void hand_over(struct env *from, struct env *to, uva_t pc, uint64_t a0)
{
	struct hart *h = from->hart;

	trace(h, TRACE_TRANSFER, from->id, a0 == 0 ? CALL_pct_reply : a0 & PCT_SENT ? CALL_pct_send : CALL_pct_call, to->id);
	to->resume = RESUME_FRAME;
	memcpy(to->x, from->x, sizeof(to->x));
	to->x[0] = pc;
	to->x[3] = to->uarea_va;
	to->x[5] = to->x[6] = to->x[7] = to->x[28] = 0;	/* t0..t3: what the short roads use up */
	to->x[10] = a0;
	hart_pass(h, to);
}

/* `to`, whose gate is shut, is entered by self. */
static void enter(struct env *self, struct env *to, uint64_t id)
{
	to->base_pc = to->x[0];
	hand_over(self, to, to->open, id);
	self->resume = RESUME_LEAN;
}

long sys_pct_call(struct env *self, unsigned long env, unsigned long deadline)
{
	struct hart *h = self->hart;
	ticks_t now = arch_time();
	struct env *to;
	int err;

	if (deadline != 0 && deadline <= now)
		return -E_TIME;
	if ((to = callee(self, env, &err)) == NULL)
		return err;
	self->call_deadline = deadline;
	self->callee = to;
	to->caller = self;
	enter(self, to, self->id);
	if (deadline != 0 && deadline < h->slice_end)
		arch_timer_set(deadline);
	return 0;
}

long sys_pct_send(struct env *self, unsigned long env)
{
	struct env *to;
	int err;

	if ((to = callee(self, env, &err)) == NULL)
		return err;
	enter(self, to, self->id | PCT_SENT);
	env_open(self);
	return 0;
}

long sys_pct_reply(struct env *self)
{
	struct hart *h = self->hart;
	struct env *to;

	if (self->base_pc == 0)
		return -E_INVAL;
	to = __atomic_exchange_n(&self->caller, NULL, __ATOMIC_ACQ_REL);
	if (to != NULL) {
		to->callee = NULL;
		hand_over(self, to, to->x[0], 0);
	} else {
		hart_leave(h);
	}
	self->x[0] = self->base_pc;
	self->base_pc = 0;
	self->slice_upcall = false;
	self->resume = RESUME_LEAN;
	env_open(self);
	if (to == NULL)
		slice_pick(h);
	return 0;
}
