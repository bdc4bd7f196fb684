/*
 * explore.c - see explore.h
 *
 * It stands outside of the simulated machine: its variables are no part of a snapshot.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "kern/audit.h"
#include "kern/lock.h"
#include "test/unit/explore.h"

#ifdef EXPLORE_FEW
#define ASAN 1
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES	(256u << 10)
#define DEPTH_MAX	4000	/* choices of one run */
#define SERIAL_MAX	512
#define RUNS_MAX	200000

enum { GP = 3, T0 = 5, T1 = 6, A0 = 10, A1 = 11 };

enum agent_state { FRESH, READY, WAITING, RESTING };
static const char at_user[] = "user", at_again[] = "again";	/* between two steps */

struct position {
	unsigned at[3];			/* the next step, in main, entry, upcall */
	bool pending[3];		/* an answer is awaited */
};

static struct agent {
	ucontext_t context;
	enum agent_state state;
	uint64_t seen;			/* WAITING: how much had happened when it last looked */
	bool again;			/* WAITING: to do the same once more, which helps when others have gone on, or all rest */
	const char *where;
#ifdef ASAN
	void *fake_stack;
#endif
} agents[SIM_HARTS];
static char stacks[SIM_HARTS][STACK_BYTES] __attribute__((aligned(64)));
static ucontext_t explorer, blank;	/* blank: registers that every run starts with */
#ifdef ASAN
static void *explorer_fake_stack;
static const void *explorer_stack;
static size_t explorer_stack_bytes;
#endif

/* The lock's queue: who is in it, and of each other hart whether it asked before. */
static struct {
	bool waits;
	bool first[SIM_HARTS];
} queue[SIM_HARTS];

static const struct explore *current;
static struct position positions[EXPLORE_ENVS];
struct explore_log explore_log[EXPLORE_ENVS];
static uint64_t happened;		/* steps after which somebody who waits may look again */
static unsigned passed;			/* points since a hart went on */
static bool whole_steps;		/* the serial runs: nobody is overtaken within a step */
static unsigned time_passed;		/* how often */
static bool tracing;
static char failure[512];
static jmp_buf *outside;

/* --- Agents ------------------------------------------------------------------------------------------------------- */

__attribute__((no_sanitize("address")))
static void to_explorer(struct agent *a)
{
#ifdef ASAN
	__sanitizer_start_switch_fiber(&a->fake_stack, explorer_stack, explorer_stack_bytes);
#endif
	swapcontext(&a->context, &explorer);
#ifdef ASAN
	__sanitizer_finish_switch_fiber(a->fake_stack, &explorer_stack, &explorer_stack_bytes);
#endif
}

__attribute__((no_sanitize("address")))
static void to_agent(unsigned hart)
{
	sim_hart = hart;
#ifdef ASAN
	__sanitizer_start_switch_fiber(&explorer_fake_stack, stacks[hart], STACK_BYTES);
#endif
	swapcontext(&explorer, &agents[hart].context);
#ifdef ASAN
	__sanitizer_finish_switch_fiber(explorer_fake_stack, NULL, NULL);
#endif
}

static void pause_here(const char *where, enum agent_state state)
{
	struct agent *a = &agents[sim_hart];
	unsigned hart = sim_hart;

	a->where = where;
	a->state = state;
	to_explorer(a);
	sim_hart = hart;
}

static void hook(const char *where, bool wait)
{
	passed++;
	if (!wait && whole_steps)
		return;
	pause_here(where, wait ? WAITING : READY);
}

/* The kernel panics, or the simulation finds misuse: the run is over, and the stack that it happened on is never gone back to. */
static void run_failed(const char *sentence)
{
	snprintf(failure, sizeof(failure), "%s", sentence);
	if (outside != NULL)
		longjmp(*outside, 1);
	to_explorer(&agents[sim_hart]);
}

/* Do what may fail outside of the harts' own stacks. */
static bool succeeded(void (*what)(void *), void *of)
{
	jmp_buf here;

	outside = &here;
	if (setjmp(here) == 0)
		what(of);
	outside = NULL;
	return failure[0] == 0;
}

#ifndef ASAN
/* Kernel code that follows a pointer to nowhere: on the machine a panic. */
static void on_signal(int number)
{
	run_failed(number == SIGSEGV ? "kernel panic: an access to no memory" : "kernel panic: an access that cannot be");
}
#endif

/* Interrupts of devices come to the first hart. */
static bool external(unsigned hart)
{
	return hart == 0 && sim_irq_pending();
}

static bool interrupted(unsigned hart)
{
	return (sim_ipis >> hart & 1) || sim_timer[hart] <= sim_now || external(hart);
}

/* --- Programs ----------------------------------------------------------------------------------------------------- */

static struct program *program_of(const struct env *e)
{
	for (unsigned i = 0; e != NULL && i < EXPLORE_ENVS; i++)
		if (current->program[i].env == e)
			return (struct program *)&current->program[i];
	return NULL;
}

static unsigned level_of(const struct env *e)
{
	if (e->uarea->held != 0 && e->uarea != &no_uarea)
		return IN_UPCALL;
	return e->base_pc != 0 ? IN_ENTRY : IN_MAIN;
}

static void log_answer(const struct program *p, long answer)
{
	struct explore_log *l = &explore_log[p - current->program];

	if (l->n < EXPLORE_LOG)
		l->answer[l->n++] = answer;
}

static void log_access(const struct program *p, long answer)
{
	log_answer(p, current->gap ? 0 : answer);
}

/* The answer of the step that gave the processor away, when its environment is back where it was. True: it is to be done again. */
static bool collect(struct program *p)
{
	struct position *at = &positions[p - current->program];
	unsigned level = level_of(p->env);
	const struct step *s;

	if (!at->pending[level])
		return false;
	at->pending[level] = false;
	s = &p->steps[level][at->at[level] - 1];
	if (s->until != 0 && (long)sim_cpu.x[A0] == s->until) {
		at->at[level]--;
		sim_cpu.x[0] -= 4;
		return true;
	}
	log_answer(p, (long)sim_cpu.x[A0]);
	return false;
}

static const struct step *next_step(const struct program *p)
{
	unsigned level = level_of(p->env);
	const struct step *s = p->steps[level];

	return s == NULL ? NULL : &s[positions[p - current->program].at[level]];
}

static void resume(struct env *e)
{
	struct uarea *u = e->uarea;

	sim_cpu.x[0] = u->pc;
	sim_cpu.x[A0] = u->a0;
	sim_cpu.x[T0] = u->t0;
	sim_cpu.x[T1] = u->t1;
	sim_point("resume: upcalls");
	u->held = 0;
}

static void act(struct program *p)
{
	struct position *at = &positions[p - current->program];
	struct env *e = p->env;
	unsigned level = level_of(e);
	const struct step *s = next_step(p);
	uint64_t v = 0;

	at->at[level]++;
	switch (s->kind) {
	case STEP_CALL:
		at->pending[level] = true;
		if (s->number == CALL_pct_reply) {
			at->pending[level] = false;
			at->at[level] = 0;
		}
		sim_ecall(e, s->number, s->a[0], s->a[1], s->a[2], s->a[3], s->a[4], s->a[5]);
		break;
	case STEP_LOAD:
		log_access(p, sim_load(s->a[0], &v, 8) == 0 ? (long)v : LOAD_FAULT);
		break;
	case STEP_STORE:
		log_access(p, sim_store(s->a[0], s->a[1], 8) == 0 ? 0 : LOAD_FAULT);
		break;
	case STEP_FAULT:
		at->at[IN_UPCALL] = 0;
		sim_exception(s->a[0], s->a[1]);
		break;
	case STEP_RESUME:
		at->at[level] = 0;
		resume(e);
		break;
	default:
		break;
	}
}

/* What a hart does for ever: interrupts, and the steps of whoever runs on it. */
static void hart_main(void)
{
	const unsigned hart = sim_hart;
	bool timer = false;

#ifdef ASAN
	__sanitizer_finish_switch_fiber(NULL, &explorer_stack, &explorer_stack_bytes);
#endif
	for (;;) {
		struct program *p = program_of(sim_current());
		const struct step *s;

		bool again = p != NULL && collect(p);

		again |= timer && sim_timer[hart] <= sim_now;
		agents[hart].again = again;
		timer = false;
		s = p != NULL ? next_step(p) : NULL;
		if (!interrupted(hart) && (s == NULL || s->kind == STEP_END))
			pause_here("rest", RESTING);
		else
			pause_here(again ? at_again : at_user, again ? WAITING : READY);
		agents[hart].again = false;
		if (sim_ipis >> hart & 1) {
			sim_ipis &= ~(1u << hart);
			sim_interrupt(IRQ_SOFTWARE);
		} else if (sim_timer[hart] <= sim_now) {
			timer = true;
			sim_interrupt(IRQ_TIMER);
		} else if (external(hart)) {
			sim_interrupt(IRQ_EXTERNAL);
		} else if ((p = program_of(sim_current())) != NULL && (s = next_step(p)) != NULL && s->kind != STEP_END) {
			act(p);
		}
	}
}

/* --- One step of the whole -------------------------------------------------------------------------------------------- */

enum { TIME = 2 * SIM_HARTS, DEVICE, CHOICES };		/* behind the harts and their firmware */

static bool enabled(unsigned c)
{
	if (c < SIM_HARTS)
		switch (c < nharts ? agents[c].state : RESTING) {
		case READY:
			return true;
		case WAITING:
			return agents[c].seen < happened || (agents[c].again && (sim_ipis >> c & 1));
		default:
			return c < nharts && interrupted(c);
		}
	if (c < 2 * SIM_HARTS)
		return c - SIM_HARTS < nharts && sim_fence_asked(c - SIM_HARTS);
	if (c == TIME)
		return current->time != 0 && time_passed == 0;
	return current->device && sim_virtio_net_has_work(&sim_nic);
}

static char name_of(unsigned c)
{
	return c < SIM_HARTS ? (char)('0' + c) : c < 2 * SIM_HARTS ? (char)('a' + c - SIM_HARTS) : c == TIME ? 't' : 'n';
}

static uint32_t all_enabled(void)
{
	uint32_t set = 0;

	for (unsigned c = 0; c < CHOICES; c++)
		set |= (uint32_t)enabled(c) << c;
	for (unsigned c = 0; set == 0 && c < nharts; c++)
		set |= (uint32_t)(agents[c].state == WAITING && agents[c].again) << c;
	if (set == 0 && current->time != 0 && time_passed <= current->later)
		set = 1u << TIME;
	return set;
}

/* A hart has gone on. Has it come into the queue, or got the lock, and was that its turn? */
static void look_at_queue(unsigned hart, bool asked)
{
	bool asks = harts[hart].waits != 0;

	if (asks && agents[hart].state == WAITING && !queue[hart].waits) {
		queue[hart].waits = true;
		for (unsigned i = 0; i < nharts; i++)
			queue[hart].first[i] = harts[i].waits != 0;
	}
	if (!asked || asks)
		return;
	queue[hart].waits = false;
	for (unsigned i = 0; i < nharts; i++) {
		if (i != hart && queue[i].waits && !queue[i].first[hart] && failure[0] == 0)
			snprintf(failure, sizeof(failure), "sim: hart %u gets the lock before hart %u, which has waited longer", hart, i);
		queue[i].first[hart] = false;
	}
}

static void take_step(unsigned c)
{
	if (tracing)
		fprintf(stderr, "%c  %s\n", name_of(c), c < SIM_HARTS ? agents[c].where : c < TIME ? "firmware: the fence" :
			c == TIME ? "time passes" : "the device sends");
	if (c == TIME) {
		time_passed++;
		sim_now += current->time;
		happened++;
	} else if (c == DEVICE) {
		sim_nic.hold_tx = false;
		sim_virtio_net_work(&sim_nic);
		sim_nic.hold_tx = true;
		sim_now += slice_ticks;		/* no interrupt tells of what was sent: the next tick finds it */
		happened++;
	} else if (c >= SIM_HARTS) {
		sim_point_hook = NULL;
		sim_firmware(c - SIM_HARTS);
		sim_point_hook = hook;
		happened++;
	} else {
		enum agent_state before = agents[c].state;
		bool asked = harts[c].waits != 0;

		passed = 0;
		to_agent(c);
		if (current->in_order)
			look_at_queue(c, asked);
		/* One that waited, looked, and waits on has changed nothing: a look passes two points and the wait itself. */
		if (before == WAITING && agents[c].state == WAITING && passed <= 3)
			agents[c].seen = happened;
		else
			agents[c].seen = ++happened;
	}
}

static bool all_rest(void)
{
	for (unsigned i = 0; i < nharts; i++)
		if (agents[i].state != RESTING)
			return false;
	return true;
}

static void start(void)
{
	for (unsigned i = 0; i < nharts; i++) {
		struct agent *a = &agents[i];

		memset(a, 0, sizeof(*a));
#ifndef ASAN
		memset(stacks[i], 0, STACK_BYTES);
#endif
		a->context = blank;
		a->context.uc_stack.ss_sp = stacks[i];
		a->context.uc_stack.ss_size = STACK_BYTES;
		a->context.uc_link = NULL;
		makecontext(&a->context, hart_main, 0);
	}
	memset(queue, 0, sizeof(queue));
	memset(positions, 0, sizeof(positions));
	memset(explore_log, 0, sizeof(explore_log));
	happened = 1;
	time_passed = 0;
	failure[0] = 0;
	for (unsigned i = 0; i < nharts; i++)
		to_agent(i);		/* to its first pause, before it has done anything */
}

/* --- States --------------------------------------------------------------------------------------------------------- */

static uint64_t *visited;
static size_t visited_room, visited_count;

static bool visit(uint64_t h)
{
	size_t at;

	h += h == 0;
	if (2 * visited_count >= visited_room) {
		uint64_t *old = visited;
		size_t room = visited_room;

		visited_room = room != 0 ? 2 * room : 4096;
		visited = calloc(visited_room, sizeof(*visited));
		for (size_t i = 0; i < room; i++)
			if (old[i] != 0) {
				at = old[i] % visited_room;
				while (visited[at] != 0)
					at = (at + 1) % visited_room;
				visited[at] = old[i];
			}
		free(old);
	}
	for (at = h % visited_room; visited[at] != 0; at = (at + 1) % visited_room)
		if (visited[at] == h)
			return false;
	visited[at] = h;
	visited_count++;
	return true;
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	return sim_hash(h, p, n & ~7ul);
}

/* What says only how we came here goes: counters, and tickets when nobody holds one. */
static void forget_the_way(void)
{
	sim_counts = (struct sim_counts){ 0 };
	sim_hart = 0;
	system_info->fences_page = system_info->fences_asid = system_info->fences_all = 0;
	for (unsigned i = 0; i < nharts; i++)
		harts[i].pub->interrupts = harts[i].pub->timer_interrupts = 0;
	for (unsigned i = 0; i < ENV_MAX; i++) {
		env_public[i].switches = 0;
		if (env_table[i] != NULL)
			env_table[i]->audit_count = env_table[i]->audit_fixed = 0;
	}
	if (kernel_lock.next == kernel_lock.serving)
		kernel_lock = (struct lock){ 0 };
}

static uint64_t state_hash(void)
{
	uint64_t h;

	forget_the_way();
	h = sim_machine_hash();
	h = hash_bytes(h, positions, sizeof(positions));
	h = hash_bytes(h, explore_log, sizeof(explore_log));
	h = hash_bytes(h, queue, sizeof(queue));
	for (unsigned i = 0; i < nharts; i++) {
		struct agent *a = &agents[i];
#ifdef ASAN
		/* The sanitizer leaves its own on the stacks, so that nothing ever comes back: here those who stand at the same place count as equal. */
		h = hash_bytes(h, &a->where, sizeof(a->where));
#else
		char *sp = stacks[i];

#if defined(__x86_64__)
		sp = (char *)a->context.uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
		sp = (char *)a->context.uc_mcontext.sp;
#endif
		sp = (char *)((uintptr_t)sp & ~7ul);
		h = hash_bytes(h, &a->context.uc_mcontext, sizeof(a->context.uc_mcontext));
		h = hash_bytes(h, sp, stacks[i] + STACK_BYTES - sp);
#endif
		h = (h ^ a->state ^ (uint64_t)enabled(i) << 8) * 0x9e3779b97f4a7c15u;
	}
	return h ^ time_passed;
}

/* --- Results ---------------------------------------------------------------------------------------------------------- */

static void mix(uint64_t *h, uint64_t v)
{
	*h = (*h ^ v) * 0x9e3779b97f4a7c15u;
	*h ^= *h >> 31;
}

/*
 * What can be seen of the end without the way to it: answers, who runs where, capabilities, frames, bindings, gates, links, event bits.
 * The order of the free list, counters and times are left out.
 */
static uint64_t outcome(void)
{
	uint64_t h = 1;

	for (unsigned i = 0; i < EXPLORE_ENVS; i++)
		for (unsigned n = 0; n < EXPLORE_LOG; n++)
			mix(&h, n < explore_log[i].n ? (uint64_t)explore_log[i].answer[n] : ~0ul);
	for (unsigned i = 0; i < ENV_MAX; i++) {
		const struct env *e = env_table[i];

		if (e == NULL)
			continue;
		mix(&h, e->id);
		mix(&h, e->state | (uint64_t)e->resume << 8 | (uint64_t)e->reason << 16 | (uint64_t)e->entry_waits << 24 | (uint64_t)e->fp_on << 25);
		mix(&h, e->gate);
		mix(&h, e->base_pc);
		if (e->hart == NULL || e->hart->current != e)
			mix(&h, e->x[0]);
		mix(&h, e->caller != NULL ? e->caller->id : 0);
		mix(&h, e->callee != NULL ? e->callee->id : 0);
		mix(&h, e->context);
		mix(&h, e->uarea->events);
		mix(&h, e->uarea->held | e->uarea->pending << 1);
		mix(&h, e->pub->held);
		mix(&h, e->hart != NULL && e->hart->current == e);
		for (unsigned s = 1; s < e->nslots; s++) {
			const struct cap *c = cap_slot(e, s);

			if (c->type == CAP_NONE)
				continue;
			mix(&h, s);
			mix(&h, c->type | c->rights << 8 | c->depth << 16 | c->aux << 24);
			mix(&h, c->object);
			mix(&h, c->type == CAP_FLOW ? 0 : c->binding);
		}
	}
	for (ppn_t p = first_ppn; p < end_ppn; p++) {
		const struct frame *f = frame_of(p);

		mix(&h, f->type | (uint64_t)f->level << 8 | (uint64_t)f->pins << 16 | (uint64_t)f->ncaps << 32);
		mix(&h, f->owner);
		if (f->type == FRAME_TABLE && f->level < 2)
			for (unsigned i = 0; i < SV39_ENTRIES; i++)
				mix(&h, ((pte_t *)page_kva(p))[i] & ~(PTE_A | PTE_D));
	}
	return h;
}

static uint64_t serials[SERIAL_MAX];
static unsigned nserials;

static bool known_serial(uint64_t h)
{
	for (unsigned i = 0; i < nserials; i++)
		if (serials[i] == h)
			return true;
	return false;
}

/* Answers that are still awaited when nobody does anything any more. */
static void close_logs(void)
{
	for (unsigned i = 0; i < EXPLORE_ENVS; i++)
		for (unsigned level = 0; level < 3; level++)
			if (positions[i].pending[level])
				log_answer(&current->program[i], NO_ANSWER);
}

/* The run is at its end: is it a good one? */
static void judge(void *result)
{
	struct explore_result *r = result;
	uint64_t h;

	if (!all_rest()) {
		char text[400];
		int n = snprintf(text, sizeof(text), "sim: harts wait for each other:");

		for (unsigned i = 0; i < nharts; i++)
			n += snprintf(text + n, sizeof(text) - n, " %u at %s;", i, agents[i].where);
		run_failed(text);
	}
	for (unsigned i = 0; i < nharts; i++)
		if (harts[i].waits != 0)
			run_failed("sim: a hart rests and says that it waits for the lock");
	close_logs();
	audit();
	sim_tlb_check();
	h = outcome();
	if (current->judge != NULL && current->judge(current) != NULL)
		run_failed(current->judge(current));
	if (whole_steps) {
		if (!known_serial(h) && nserials < SERIAL_MAX)
			serials[nserials++] = h;
	} else if (!current->unserial && !known_serial(h)) {
		char text[400];
		int n = snprintf(text, sizeof(text), "sim: no serial order gives this result:");

		for (unsigned i = 0; i < EXPLORE_ENVS; i++)
			for (unsigned k = 0; k < explore_log[i].n && n < 380; k++)
				n += snprintf(text + n, sizeof(text) - n, "%s%ld", k == 0 ? " | " : ",", explore_log[i].answer[k]);
		run_failed(text);
	}
	r->ends++;
}

/* --- All runs --------------------------------------------------------------------------------------------------------- */

struct choice {
	uint32_t left;		/* what is still to be tried */
	uint8_t taken;
};

static struct choice path[DEPTH_MAX];
static unsigned depth;

static void describe_failure(struct explore_result *r)
{
	char schedule[DEPTH_MAX + 1];

	for (unsigned i = 0; i < depth; i++)
		schedule[i] = name_of(path[i].taken);
	schedule[depth] = 0;
	/* A serial failure has whole steps. */
	snprintf(r->failure, sizeof(r->failure), "%.300s", failure);
	fprintf(stderr, "%s\nto see it: EXOS_SCHEDULE='%s%s %s'\n", failure, whole_steps ? "serial:" : "", current->name, schedule);
}

static bool all_outside(void)
{
	for (unsigned i = 0; i < nharts; i++)
		if (agents[i].state != RESTING && agents[i].where != at_user && agents[i].where != at_again)
			return false;
	return true;
}

/* What must hold now. */
static void look(void *nothing)
{
	const char *wrong;

	(void)nothing;
	sim_tlb_danger();
	if (!all_outside())
		return;
	audit();
	sim_tlb_check();
	if (current->always != NULL && (wrong = current->always(current)) != NULL)
		run_failed(wrong);
}

/* One run along path[], then on by itself. False: it failed. */
static bool run(const struct sim_snapshot *begin, struct explore_result *r)
{
	unsigned at = 0, last = 0, overtakings = 0, most = whole_steps ? 0 : current->overtakings;

	r->runs++;
	sim_restore(begin);
	start();
	while (failure[0] == 0) {
		uint32_t can = all_enabled();

		if (can == 0)
			break;
		if (at == DEPTH_MAX) {
			snprintf(failure, sizeof(failure), "sim: a run without end");
			break;
		}
		if (at == depth) {
			if (!visit(state_hash() + (most != 0 ? overtakings + ((uint64_t)last << 32) : 0)))
				return true;
			if (!succeeded(look, NULL))
				break;
			if (most != 0 && overtakings == most && (can >> last & 1))
				can = 1u << last;
			/* Whoever went on last goes on, if it can. */
			path[at].taken = can >> last & 1 ? last : (unsigned)__builtin_ctz(can);
			path[at].left = can & ~(1u << path[at].taken);
			depth++;
		}
		overtakings += path[at].taken != last && (can >> last & 1);
		last = path[at++].taken;
		take_step(last);
		if (at > r->deepest)
			r->deepest = at;
	}
	return failure[0] == 0 && succeeded(judge, r);
}

static bool backtrack(void)
{
	while (depth > 0) {
		struct choice *c = &path[depth - 1];

		if (c->left != 0) {
			c->taken = (uint8_t)__builtin_ctz(c->left);
			c->left &= c->left - 1;
			return true;
		}
		depth--;
	}
	return false;
}

static void all_runs(const struct sim_snapshot *begin, struct explore_result *r)
{
	unsigned max = current->max_runs != 0 ? current->max_runs : RUNS_MAX;

	depth = 0;
	visited_count = 0;
	if (visited != NULL)
		memset(visited, 0, visited_room * sizeof(*visited));
	do {
		if (!run(begin, r)) {
			describe_failure(r);
			return;
		}
		if (r->runs > max) {
			snprintf(r->failure, sizeof(r->failure), "sim: %u runs were not enough", max);
			return;
		}
	} while (backtrack());
	r->states += visited_count;
}

/* EXOS_SCHEDULE: this one and no other. */
static bool replay(const struct sim_snapshot *begin, struct explore_result *r, const char *schedule)
{
	tracing = true;
	sim_restore(begin);
	start();
	for (; *schedule != 0 && failure[0] == 0; schedule++)
		for (unsigned c = 0; c < CHOICES; c++)
			if (name_of(c) == *schedule && failure[0] == 0) {
				if (!(all_enabled() >> c & 1))
					snprintf(failure, sizeof(failure), "sim: %c cannot go on here", *schedule);
				else
					take_step(c);
			}
	if (failure[0] == 0)
		succeeded(judge, r);
	for (unsigned i = 0; i < EXPLORE_ENVS; i++)
		for (unsigned n = 0; n < explore_log[i].n; n++)
			fprintf(stderr, "program %u, answer %u: %ld\n", i, n, explore_log[i].answer[n]);
	tracing = false;
	if (failure[0] != 0)
		snprintf(r->failure, sizeof(r->failure), "%.300s", failure);
	return failure[0] == 0;
}

void explore_place(unsigned hart, struct env *e)
{
	for (sim_hart = 0; sim_hart < nharts; sim_hart++)
		if (sim_hart != hart && sim_current() == e)
			sim_vacate();
	sim_hart = hart;
	harts[hart].slice_end = sim_now + slice_ticks;
	sim_run(e);
	sim_timer[hart] = harts[hart].slice_end;
}

struct explore_result explore(const struct explore *x)
{
	struct explore_result r = { 0 };
	struct sim_snapshot *begin;
	void (*fail_before)(const char *) = sim_fail;
	bool audit_before = sim_audit;
	const char *want = getenv("EXOS_SCHEDULE");
	size_t name = strlen(x->name);

#ifndef ASAN
	struct sigaction before[2], ours = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &ours, &before[0]);
	sigaction(SIGBUS, &ours, &before[1]);
#endif
#ifdef ASAN
	/* A run takes several times as long: what is looked for here is memory misused, and the first overtakings show it. */
	struct explore fewer = *x;

	fewer.overtakings = 1;
	x = &fewer;
#endif
	current = x;
	getcontext(&blank);
	nserials = 0;
	sim_audit = false;
	sim_fail = run_failed;
	sim_point_hook = hook;
	begin = sim_save();
	whole_steps = true;
	if (!x->unserial) {
		bool one = want != NULL && strncmp(want, "serial:", 7) == 0 && strncmp(want + 7, x->name, name) == 0 && want[7 + name] == ' ';

		if (one)
			replay(begin, &r, want + 8 + name);
		all_runs(begin, &r);
		r.serial = nserials;
		r.runs = r.ends = r.states = r.deepest = 0;
	}
	whole_steps = false;
	if (r.failure[0] == 0) {
		if (want != NULL && strncmp(want, x->name, name) == 0 && want[name] == ' ')
			replay(begin, &r, want + name + 1);
		else
			all_runs(begin, &r);
	}
#ifndef ASAN
	sigaction(SIGSEGV, &before[0], NULL);
	sigaction(SIGBUS, &before[1], NULL);
#endif
	sim_restore(begin);
	sim_point_hook = NULL;
	sim_fail = fail_before;
	sim_audit = audit_before;
	sim_hart = 0;
	sim_snapshot_free(begin);
	return r;
}
