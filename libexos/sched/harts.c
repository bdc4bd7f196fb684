/*
 * harts.c - threads on several harts
 *
 * The program's own environment is home. For each other hart there is a worker: an environment in the same context, with a u-area and
 * a stack of its own, no pages and one capability, by which it tells home. Home keeps all lists; it gives a worker one thread at a
 * time, and gets it back when the thread needs something that only home has: a queue, the vm part, a capability.
 *
 *	        give                    preempt_off(), a fault
 *	home --------> worker runs it -------------------------> back --> home
 *
 * give and back hold one thread each and have one writer at a time, so there is no lock, and a worker that ends at whatever
 * instruction takes one thread with it and nothing else. A thread leaves home only where it says so itself (thread_yield(), the end of
 * a piece of preempt_off(), its very beginning) or after a fault that home has served: so what preempt_off() finds about where it is
 * stays true, though its turn may end at any instruction.
 *
 * A worker whose slices are all taken stands still, with its thread. Home cannot take that over, for it cannot read the floating-point
 * registers of another environment; but it can give its own time: it yields to the worker, every other slice, until the thread comes
 * home. Such a worker is given no other thread before it has slices again.
 */
#include "exos_calls.h"
#include "exposed.h"
#include "internal.h"
#include "preempt.h"
#include "sched/threads.h"
#include "slices.h"
#include "start.h"
#include "upcall.h"
#include "upcall/frame.h"
#include "vm.h"
#include "vm/space.h"

#define WORKERS		7
#define HOME_SLOT	1		/* in a worker's table: home's ENV, to notify it */
#define WORK		EV_USER(0)	/* in a worker's u-area: there is a thread for it */
#define STACK_BYTES	(2 * PAGE_SIZE)	/* of the loop below */
#define LOOKS		2000		/* for another thread, before a worker sleeps */
#define REGAIN_TICKS	10000000	/* of the time CSR, between two attempts to have slices for a worker that lost them */

struct worker {
	uint64_t sp;			/* of the loop, while a thread runs */
	struct thread *thread;		/* which runs */
	struct thread *give, *back;	/* home to worker, worker to home; NULL: nothing there */
	uint32_t asleep;		/* the worker will not look before it is told */

	/* Home's own. */
	struct thread *has;		/* given, and not back yet */
	unsigned int env;		/* slot; 0: it has ended */
	uint32_t id;
	const volatile struct exposed_env *record;
	unsigned int slices;		/* SLICE slot */
	uint64_t regain;		/* when to try again to bind some */
};
static_assert(offsetof(struct worker, sp) == W_SP && offsetof(struct worker, thread) == W_THREAD, "switch.S");

long worker_run(struct worker *w, struct thread *t);
void worker_leave(struct thread *self);
extern char worker_fault[];

static struct worker *workers[WORKERS];
static unsigned int nworkers;
static bool used;
static uint64_t lent;			/* when home got its time back from a worker that has none */

/* ---- on the other hart ---- */

/* A call of a worker: the kernel saves its registers, for it has no handlers to do that. */
static void worker_wait(void)
{
	register long a0 __asm__("a0") = CALL_wait;
	register uint64_t a1 __asm__("a1") = WORK, a2 __asm__("a2") = 0;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2) : :
			 "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");
}

static struct thread *next_thread(struct worker *w)
{
	struct uarea *u = (struct uarea *)((char *)w - U_LIB);
	struct thread *t;

	for (;;) {
		for (unsigned int i = 0; i < LOOKS; i++)
			if ((t = __atomic_exchange_n(&w->give, NULL, __ATOMIC_ACQUIRE)) != NULL)
				return t;
		__atomic_store_n(&w->asleep, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&w->give, __ATOMIC_SEQ_CST) == NULL)
			worker_wait();
		__atomic_store_n(&w->asleep, 0, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&u->events, ~WORK, __ATOMIC_SEQ_CST);
	}
}

static __attribute__((noreturn)) void worker_main(struct worker *w)
{
	for (;;) {
		struct thread *t = next_thread(w);

		while (__atomic_load_n(&t->full, __ATOMIC_ACQUIRE) == FULL_NOT_YET)
			;		/* home is just about to save its registers */
		t->faulted = worker_run(w, t) != 0;
		w->thread = NULL;
		__atomic_store_n(&w->back, t, __ATOMIC_RELEASE);
		sys_notify(HOME_SLOT, POOL_EVENT);
	}
}

/* ---- at home ---- */

void thread_home(void)
{
	struct thread *self = thread_me;

	worker_leave(self);
	if (self->came) {
		self->came = false;
		preempt_depth = preempt_depth - 1;	/* arrive() */
	}
}

bool pool_busy(void)
{
	for (unsigned int i = 0; i < nworkers; i++)
		if (workers[i]->has != NULL)
			return true;
	return false;
}

/* Does it have time of its own? If not, perhaps there is some again. */
static bool has_time(struct worker *w)
{
	struct cap_info info;

	if (w->record->slices.held != 0)
		return true;
	if (time_now() < w->regain || sys_cap_info(w->slices, &info) < 0)
		return false;
	w->regain = time_now() + REGAIN_TICKS;
	for (unsigned int i = 0; i < info.count; i++)
		sys_slice_bind(w->slices, info.first + i, 1, w->env);
	return w->record->slices.held != 0;
}

static struct worker *idle_worker(void)
{
	for (unsigned int i = 0; i < nworkers; i++)
		if (workers[i]->env != 0 && workers[i]->has == NULL && has_time(workers[i]))
			return workers[i];
	return NULL;
}

bool pool_lend(void)
{
	bool did = false;

	if (time_now() - lent < exposed_hart(0)->slice_ticks)
		return false;
	for (unsigned int i = 0; i < nworkers; i++)
		if (workers[i]->has != NULL && workers[i]->record->slices.held == 0)
			did |= sys_yield(workers[i]->env) == 0;
	if (did)
		lent = time_now();
	return did;
}

/* t is in no queue. */
static void give(struct worker *w, struct thread *t)
{
	thread_counts.moves++;
	t->free = false;
	t->at = w;
	if (t->full == 0 && t->frame.x[0] == (uint64_t)thread_begin)
		t->frame.x[0] = (uint64_t)thread_begin_away;
	w->has = t;
	__atomic_store_n(&w->give, t, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->asleep, __ATOMIC_SEQ_CST) != 0)
		sys_notify(w->env, WORK);
}

/* A page that it missed is served here, and it can go on anywhere. Every other fault it takes again, at home, where it is told. */
static void arrive(struct thread *t)
{
	t->at = NULL;
	t->depth = 1;		/* until its registers are loaded: thread_home() */
	t->came = !t->faulted;
	if (t->faulted) {
		t->faulted = false;
		thread_counts.faults++;
		stack_bound();
		t->free = vm_fault(t->frame.cause, t->frame.tval);
	}
	thread_push(&thread_ready, t);
}

static void collect(struct worker *w)
{
	struct thread *t = __atomic_exchange_n(&w->back, NULL, __ATOMIC_ACQUIRE);

	if (t == NULL)
		return;
	w->has = NULL;
	arrive(t);
}

/* An environment that stopped is of no use any more. What ran there is lost: its registers are nobody's. */
static void bury(struct worker *w)
{
	const volatile struct exposed_env *e = exposed_env_of(w->id);

	if (w->env == 0 || (e != NULL && e->state != ENV_STOPPED))
		return;
	collect(w);
	if (w->has != NULL) {
		w->has->lost = true;
		thread_end_of(w->has);
		w->has = NULL;
	}
	while (sys_object_end(w->env) == 1)
		;
	slot_delete(w->env);
	w->env = 0;
}

void pool_work(void)
{
	struct worker *w;
	struct thread *t = thread_ready.first, *next;

	__atomic_fetch_and(&((struct uarea *)uarea())->events, ~POOL_EVENT, __ATOMIC_SEQ_CST);	/* before the look, not after it */
	pool_lend();
	for (unsigned int i = 0; i < nworkers; i++)
		collect(workers[i]);
	if (event_pending() & EV_CHILD) {
		event_clear(EV_CHILD);
		for (unsigned int i = 0; i < nworkers; i++)
			bury(workers[i]);
	}
	for (t = thread_ready.first; t != NULL && (w = idle_worker()) != NULL; t = next) {
		next = t->next;
		if (t->free) {
			thread_leave_queue(t);
			give(w, t);
		}
	}
	preempt_events |= POOL_EVENT | EV_CHILD;
}

static bool may_leave(const struct thread *t)
{
	return !t->stays && t->full == 0 && thread_ready.first != NULL && idle_worker() != NULL;
}

void pool_chosen(struct thread *t)
{
	t->free = false;
	if (may_leave(t))
		preempt_wanted = true;
}

bool pool_leave(void)
{
	struct thread *self = thread_current, *t;
	struct worker *w;

	if (preempt_depth != 1 || !may_leave(self))
		return false;
	w = idle_worker();
	t = thread_pop(&thread_ready);
	t->free = false;
	thread_counts.switches++;
	thread_current = t;
	self->full = FULL_NOT_YET;
	give(w, self);
	if (t->full)
		*(volatile uint64_t *)(LAYOUT_UAREA + U_SWITCH_SP) = t->switch_sp;
	else
		preempt_depth = t->depth;
	thread_registers_away(self, t);
	return true;
}

void thread_stay(bool on)
{
	preempt_home();
	if (thread_me != &first_thread)
		thread_me->stays = on;
}

/* ---- beginning and end ---- */

/* From below: an unbound page, the stack, the u-area with struct worker. NULL: no memory. */
static struct worker *make_memory(unsigned int *uarea_slot)
{
	char *memory = vm_reserve(PAGE_SIZE + STACK_BYTES + PAGE_SIZE, PAGE_SIZE);

	for (unsigned int i = 1; memory != NULL && i <= STACK_BYTES / PAGE_SIZE + 1; i++) {
		long slot = page_new();

		if (slot < 0 || vm_page((unsigned int)slot, memory + i * PAGE_SIZE, PROT_R | PROT_W) < 0) {
			if (slot >= 0)
				slot_delete((unsigned int)slot);
			vm_unmap(memory);
			return NULL;
		}
		*uarea_slot = (unsigned int)slot;
	}
	return memory != NULL ? (struct worker *)(memory + PAGE_SIZE + STACK_BYTES + U_LIB) : NULL;
}

/* Let it run in the slices of a capability, all of them. What home is promised of slices, and does not use, is promised to it. */
static long give_time(unsigned int env, unsigned int slices)
{
	const volatile struct exposed_env *self = exposed_env_of(self_env());
	struct cap_info info;
	long r = sys_cap_info(slices, &info);
	uint32_t used = self->slices.promised_on + self->slices.held, spare = self->slices.guarantee > used ? self->slices.guarantee - used : 0;

	if (r < 0)
		return r;
	if (spare != 0)
		sys_env_set(env, ENV_GUARANTEE, spare < info.count ? spare : info.count, REVOKE_SLICES);
	return slices_bind(slices, info.first, info.count, env);
}

static long make_env(struct worker *w, unsigned int uarea_slot, unsigned int slices)
{
	char *u = (char *)w - U_LIB;
	struct env_regs regs = { .pc = (uint64_t)worker_main };
	long env = page_new(), table = page_new(), r = env < 0 ? env : table;

	if (r >= 0)
		r = sys_env_create((unsigned int)env, 0);
	if (r >= 0) {
		w->id = (uint32_t)r;
		w->env = (unsigned int)env;
		w->record = exposed_env_of(w->id);
		w->slices = slices;
		regs.x[2 - 1] = (uint64_t)u;
		regs.x[4 - 1] = (uint64_t)__builtin_thread_pointer();
		regs.x[10 - 1] = (uint64_t)w;
		if ((r = sys_env_captab(w->env, (unsigned int)table)) >= 0 &&
		    (r = sys_cap_grant(self_slot(), w->env, HOME_SLOT, RIGHT_NOTIFY, 0, 0)) >= 0 &&
		    (r = sys_env_set(w->env, ENV_UAREA, uarea_slot, (unsigned long)u)) >= 0 &&
		    (r = sys_env_set(w->env, ENV_CONTEXT, ctx_slot(), 0)) >= 0 &&
		    (r = sys_env_set(w->env, ENV_FP, 1, 0)) >= 0 &&
		    (r = sys_env_set(w->env, ENV_HANDLER, UP_FAULT, (unsigned long)worker_fault)) >= 0 &&
		    (r = sys_env_regs(w->env, 1, &regs)) >= 0 && (r = give_time(w->env, slices)) >= 0)
			r = sys_env_set(w->env, ENV_RUN, 1, 0);
		if (r >= 0)
			return 0;
		while (sys_object_end(w->env) == 1)
			;
	}
	if (env >= 0)
		slot_delete((unsigned int)env);
	if (table >= 0)
		slot_delete((unsigned int)table);
	return r;
}

/* Nothing is to run any more when the program ends. Whoever ends it comes home first, and stays. */
__attribute__((destructor)) static void stop_workers(void)
{
	if (!preempt_harts)
		return;
	preempt_off();
	for (unsigned int i = 0; i < nworkers; i++)
		while (workers[i]->env != 0 && sys_env_set(workers[i]->env, ENV_RUN, 0, 0) == -E_BUSY)
			;
}

int thread_harts(unsigned int n)
{
	long r = 0;

	if (used || thread_me != &first_thread || n == 0)
		return -E_INVAL;
	used = true;
	if (exposed_system() == NULL || exposed_env_of(self_env()) == NULL || exposed_hart(0) == NULL)
		return -E_NOMEM;
	for (unsigned int h = 0; h < exposed_system()->nharts && h <= WORKERS && nworkers + 1 < n; h++) {
		unsigned int uarea_slot = 0, slices;
		char name[] = "slices0";

		name[6] += (char)h;
		slices = start_slot(name);
		if (slices == 0 || h == uarea()->hart)
			continue;
		if ((workers[nworkers] = make_memory(&uarea_slot)) == NULL)
			return -E_NOMEM;
		if ((r = make_env(workers[nworkers], uarea_slot, slices)) < 0)
			return (int)r;
		nworkers++;
	}
	if (nworkers == 0)
		return 1;
	preempt_off();
	thread_first_use();
	preempt_events |= POOL_EVENT | EV_CHILD;
	preempt_harts = true;
	for (struct thread *t = thread_ready.first; t != NULL; t = t->next)
		t->free = false;	/* those that began before this are at home for now */
	preempt_on();
	thread_wake_mask();
	return (int)nworkers + 1;
}
