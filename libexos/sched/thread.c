/*
 * thread.c - threads: beginning, end, whose turn it is
 *
 * The lists are changed with preempt_depth > 0 only; in an upcall that finds it 0 they are whole. So nothing here needs a lock, and
 * nothing here touches memory that is not bound.
 */
#include "thread.h"

#include <stdlib.h>
#include <string.h>

#include "exos_calls.h"
#include "internal.h"
#include "posix.h"
#include "preempt.h"
#include "sched/threads.h"
#include "start.h"
#include "upcall/frame.h"
#include "vm.h"

static_assert(offsetof(struct thread, fp) == T_FP && offsetof(struct thread, full) == T_FULL && offsetof(struct thread, at) == T_AT, "switch.S");

#define LOOK_TICKS 100000	/* of the time CSR: how long those on other harts may go unseen */

extern char __tls_base[], __tdata_end[], __tls_end[];

struct thread first_thread = { .stays = true };
struct thread *thread_current = &first_thread;
__thread struct thread *thread_me THREAD_LOCAL_EXEC = &first_thread;
struct thread_queue thread_ready;
static struct thread *sleepers;		/* those that wait for events or for a time */
struct thread_stats thread_counts;
static void *tdata;			/* thread-local data as the program's file has them */

const struct thread_stats *thread_stats(void)
{
	return &thread_counts;
}

struct thread *thread_self(void)
{
	return thread_me;
}

/* ---- queues ---- */

void thread_push(struct thread_queue *q, struct thread *t)
{
	t->next = NULL;
	t->in = q;
	if (q->first == NULL)
		q->first = t;
	else
		q->last->next = t;
	q->last = t;
}

struct thread *thread_pop(struct thread_queue *q)
{
	struct thread *t = q->first;

	if (t != NULL) {
		q->first = t->next;
		t->in = NULL;
	}
	return t;
}

/* Out of whichever queue it is in. */
void thread_leave_queue(struct thread *t)
{
	struct thread_queue *q = t->in;
	struct thread *before = NULL;

	if (q == NULL)
		return;
	for (struct thread *i = q->first; i != t; i = i->next)
		before = i;
	if (before == NULL)
		q->first = t->next;
	else
		before->next = t->next;
	if (q->last == t)
		q->last = before;
	t->in = NULL;
}

static void wake_sleeper(struct thread **link)
{
	struct thread *t = *link;

	*link = t->sleeping;
	t->asleep = false;
	thread_leave_queue(t);
	thread_push(&thread_ready, t);
}

void thread_make_ready(struct thread *t)
{
	struct thread **link = &sleepers;

	if (!t->asleep) {
		thread_push(&thread_ready, t);
		return;
	}
	while (*link != t)
		link = &(*link)->sleeping;
	wake_sleeper(link);
}

/* Make ready whoever waits for what has happened. */
static void wake_due(void)
{
	uint64_t events = __atomic_exchange_n(&event_cleared, 0, __ATOMIC_SEQ_CST) | event_pending();
	struct thread **link = &sleepers;
	unsigned long now = sleepers != NULL ? time_now() : 0;
	uint64_t left = 0;

	while (*link != NULL) {
		struct thread *t = *link;

		t->got = events & t->mask;
		t->late = t->deadline != 0 && now >= t->deadline;
		if (t->got != 0 || t->late) {
			wake_sleeper(link);
		} else {
			left |= t->mask;
			link = &t->sleeping;
		}
	}
	preempt_events = left;
	if (__builtin_expect(preempt_harts, 0))
		pool_work();
}

/* Nobody can run: sleep for all of them. */
static void sleep_for_all(void)
{
	uint64_t mask = 0;
	unsigned long deadline = 0;

	for (const struct thread *t = sleepers; t != NULL; t = t->sleeping) {
		mask |= t->mask;
		if (t->deadline != 0 && (deadline == 0 || t->deadline < deadline))
			deadline = t->deadline;
	}
	if (preempt_harts)
		mask |= POOL_EVENT | EV_CHILD;
	/* Those elsewhere may lose their time, and nobody tells. */
	if (preempt_harts && pool_busy()) {
		if (pool_lend())
			return;
		if (deadline == 0 || deadline > time_now() + LOOK_TICKS)
			deadline = time_now() + LOOK_TICKS;
	}
	if (sleepers == NULL && !pool_busy()) {
		static const char text[] = "every thread waits for another one: this is a deadlock\r\n";

		console_flush();
		console_write_all(text, sizeof(text) - 1);
		sys_exit(128 + 6);
	}
	thread_counts.waits++;
	sys_wait(mask, deadline);
}

/* ---- changes ---- */

/* Go on as t. */
static void become(struct thread *t)
{
	struct thread *self = thread_current;

	if (t == self)
		return;
	thread_counts.switches++;
	thread_current = t;
	self->depth = preempt_depth;
	if (t->full)
		*(volatile uint64_t *)(LAYOUT_UAREA + U_SWITCH_SP) = t->switch_sp;
	else
		preempt_depth = t->depth;
	thread_registers(self, t);
}

void thread_block(struct thread_queue *q, uint64_t mask, unsigned long deadline)
{
	struct thread *self = thread_current, *t;

	if (q != NULL)
		thread_push(q, self);
	self->mask = mask;
	self->deadline = deadline;
	self->got = 0;
	self->late = false;
	if (mask != 0 || deadline != 0) {
		self->asleep = true;
		self->sleeping = sleepers;
		sleepers = self;
	}
	for (;;) {
		wake_due();
		if ((t = thread_pop(&thread_ready)) != NULL)
			break;
		sleep_for_all();
	}
	if (__builtin_expect(preempt_harts, 0))
		pool_chosen(t);
	become(t);
}

void thread_yield(void)
{
	preempt_wanted = false;		/* before: what is put off from here on is done in preempt_on() */
	preempt_off();
	wake_due();
	if (thread_ready.first != NULL) {
		struct thread *t;

		if (__builtin_expect(preempt_harts, 0) && pool_leave())
			return;		/* away, where there is no depth */
		thread_push(&thread_ready, thread_current);
		t = thread_pop(&thread_ready);
		if (__builtin_expect(preempt_harts, 0))
			t->free = false;
		become(t);
	}
	preempt_on();
}

/* In an upcall, with depth 0: the interrupted thread goes to the end of the queue, the first of it takes its registers. */
static void swap(struct upcall_frame *f, uint64_t fp[33], uint64_t *switch_sp)
{
	struct thread *self = thread_current, *t;

	preempt_wanted = false;
	wake_due();
	if ((t = thread_pop(&thread_ready)) == NULL)
		return;
	if (preempt_harts)
		pool_chosen(t);
	self->frame = *f;
	memcpy(self->fp, fp, sizeof(self->fp));
	self->switch_sp = *switch_sp;
	self->full = 1;
	self->depth = 0;
	thread_push(&thread_ready, self);

	thread_counts.switches++;
	thread_counts.preemptions++;
	thread_current = t;
	preempt_depth = t->full ? 0 : t->depth;
	if (t->full)
		*switch_sp = t->switch_sp;
	*f = t->frame;
	memcpy(fp, t->fp, sizeof(t->fp));
}

void thread_turn_over(void)
{
	preempt_wanted = true;
}

/*
 * A slice begins. A thread that is in the middle of a piece of preempt_off() keeps its turn for this slice: often it is one that was chosen
 * just now and is on its way out of thread_block().
 */
static void slice_begun(void)
{
	if (preempt_depth == 0)
		preempt_wanted = true;
}

static bool preemption;

void thread_wake_mask(void)
{
	upcall_set_wake_mask(preemption ? ~0ull : preempt_harts ? POOL_EVENT | EV_CHILD : 0);
}

void thread_preemption(bool on)
{
	preemption = on;
	upcall_own_switch(on, NULL, on ? slice_begun : NULL);
	thread_wake_mask();
}

/* ---- waiting ---- */

/* First the others are woken, so that they see what was cleared before this one began to wait, and this one does not. */
static long wait_for(uint64_t mask, unsigned long deadline)
{
	struct thread *self = thread_me;
	long result;

	if (mask == 0 && deadline == 0)
		return -E_INVAL;
	preempt_off();
	wake_due();
	result = (long)(event_pending() & mask);
	if (result == 0 && (deadline == 0 || time_now() < deadline)) {
		thread_block(NULL, mask, deadline);
		result = (long)self->got;
	}
	preempt_on();
	return result;
}

void thread_sleep(unsigned long deadline)
{
	if (time_now() < deadline)
		event_wait(0, deadline);
}

/* ---- beginning and end ---- */

/* The file's thread-local data, before the first thread changes its own. */
__attribute__((constructor(101))) static void keep_tdata(void)
{
	size_t n = (size_t)(__tdata_end - __tls_base);

	if (n > 0 && (tdata = malloc(n)) != NULL)
		memcpy(tdata, __tls_base, n);
}

void thread_begin_away(void)
{
	thread_exit(thread_me->fn(thread_me->arg));
}

void thread_begin(void)
{
	preempt_on();		/* whoever chose this thread had it off */
	thread_exit(thread_me->fn(thread_me->arg));
}

void thread_first_use(void)
{
	static const struct preempt_ops ops = { .swap = swap, .yield = thread_yield, .home = thread_home };

	preempt_ops = &ops;
	event_waiter = wait_for;
}

/* From below: an unbound page, the stack, thread-local data, struct thread. All of it is bound, for it is used where nothing may fault. */
struct thread *thread_create(void *(*fn)(void *), void *arg, size_t stack_bytes)
{
	size_t data = (size_t)(__tdata_end - __tls_base), tls = ((size_t)(__tls_end - __tls_base) + 63) & ~63ul;
	size_t top = (sizeof(struct thread) + 63) & ~63ul, bytes;
	struct thread *t;
	char *memory, *end;
	PREEMPT_OFF;

	if (stack_bytes == 0)
		stack_bytes = THREAD_STACK;
	if (stack_bytes > LAYOUT_MAP_END - LAYOUT_MAP || (data > 0 && tdata == NULL))
		return NULL;
	bytes = (stack_bytes + tls + top + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	memory = vm_reserve(PAGE_SIZE + bytes, PAGE_SIZE);
	if (memory == NULL)
		return NULL;
	end = memory + PAGE_SIZE + bytes;
	for (char *va = memory + PAGE_SIZE; va < end; va += PAGE_SIZE) {
		long slot = page_new();

		if (slot < 0 || vm_page((unsigned int)slot, va, PROT_R | PROT_W) < 0) {
			if (slot >= 0)
				slot_delete((unsigned int)slot);
			vm_unmap(memory);
			return NULL;
		}
	}
	t = (struct thread *)(end - top);
	memset(end - top - tls, 0, top + tls);
	if (data > 0)
		memcpy(end - top - tls, tdata, data);
	*(struct thread **)(end - top - tls + ((char *)&thread_me - (char *)__builtin_thread_pointer())) = t;
	t->fn = fn;
	t->arg = arg;
	t->memory = memory;
	t->depth = 1;
	t->frame.x[0] = (uint64_t)thread_begin;
	t->frame.x[2] = (uint64_t)(end - top - tls);
	t->frame.x[4] = (uint64_t)(end - top - tls);

	thread_first_use();
	thread_push(&thread_ready, t);
	if (preempt_harts) {
		t->free = true;
		pool_work();
	}
	return t;
}

void thread_end_of(struct thread *t)
{
	struct thread *joiner = thread_pop(&t->joiner);

	t->ended = true;
	if (joiner != NULL)
		thread_make_ready(joiner);
}

void thread_exit(void *result)
{
	struct thread *self = thread_me;

	if (self == &first_thread)
		exit((int)(intptr_t)result);
	preempt_off();
	self->result = result;
	thread_end_of(self);
	thread_block(NULL, 0, 0);	/* its memory is freed by somebody else, when another stack is in use */
	abort();
}

int thread_join(struct thread *t, void **result)
{
	int err = 0;

	if (t == &first_thread || t == thread_me)
		return -E_INVAL;
	preempt_off();
	if (t->joiner.first != NULL)
		err = -E_BUSY;
	else if (!t->ended)
		thread_block(&t->joiner, 0, 0);
	preempt_on();
	if (err < 0)
		return err;
	if (result != NULL)
		*result = t->result;
	err = t->lost ? -E_DEAD : 0;
	vm_unmap(t->memory);
	return err;
}
