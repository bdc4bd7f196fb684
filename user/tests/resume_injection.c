/*
 * resume_injection.c - an asynchronous upcall at every single instruction of the way into an upcall and out of it
 *
 * A child takes breakpoints with known values in all registers. Its parent, which has CONTROL, puts a breakpoint of its own on one
 * instruction of the child's upcall path; there the child stops, with exactly the registers it has at this point: while
 * upcalls are held by a double fault, and in the second half of the resume sequence because the parent took the fault handler
 * away meanwhile. The parent puts the instruction back, makes the child ready, and notifies it before it runs: the event
 * arrives at this very instruction. Inside the resume range the pc must now be at its start with the pending bit set; before it only the
 * bit. Then the child goes on, must find its registers whole, and must have been told of the event exactly once.
 */
/* guest: harts=1,2 icount=5 */
#include "check.h"

#define GO	EV_USER(1)	/* to the child: next round */
#define TELL	EV_USER(0)	/* to the child: the event that is an upcall */
#define READY	EV_USER(2)	/* to the parent */

struct shared {
	uint64_t text_slot;	/* child's slot of the page with the upcall path */
	uint64_t rounds, bad, told;
};

extern char upcall_entry_fault[], upcall_resume_start[], upcall_resume_end[];

static struct shared *shared;

/* ---- the child ---- */

static uint64_t want_x[32], got_x[32], want_f[32], got_f[32], kept[2];
uint64_t *const r_in __asm__("r_in") = want_x, *const r_out __asm__("r_out") = got_x;
uint64_t *const r_fin __asm__("r_fin") = want_f, *const r_fout __asm__("r_fout") = got_f, *const r_kept __asm__("r_kept") = kept;

/* Load all registers but gp, break, store them. */
void r_round(void);
__asm__(
"	.text\n"
"r_round:\n"
"	addi	sp, sp, -128\n"
"	sd	ra, 0(sp)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
"	sd	s\\n, 8 + 8*\\n(sp)\n"
"	.endr\n"
"	la	t0, r_kept\n"
"	ld	t0, 0(t0)\n"
"	sd	sp, 0(t0)\n"
"	sd	tp, 8(t0)\n"
"	la	t0, r_fin\n"
"	ld	t0, 0(t0)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	fld	f\\n, 8*\\n(t0)\n"
"	.endr\n"
"	la	x31, r_in\n"
"	ld	x31, 0(x31)\n"
"	.irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	ld	x\\n, 8*\\n(x31)\n"
"	.endr\n"
"	ebreak\n"
"	.globl	r_behind\n"
"r_behind:\n"
/* An event may be told here as well, and takes gp with it; so gp is loaded anew for every store. */
"	.irp n, 1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	sd	x\\n, (8*\\n)(sp)\n"
"	.endr\n"
"	la	t0, r_fout\n"
"	ld	t0, 0(t0)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	fsd	f\\n, 8*\\n(t0)\n"
"	.endr\n"
"	la	t0, r_kept\n"
"	ld	t0, 0(t0)\n"
"	ld	sp, 0(t0)\n"
"	ld	tp, 8(t0)\n"
"	ld	ra, 0(sp)\n"
"	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
"	ld	s\\n, 8 + 8*\\n(sp)\n"
"	.endr\n"
"	addi	sp, sp, 128\n"
"	ret\n");

static void on_event(uint64_t events)
{
	if (events & TELL)
		shared->told++;
	event_clear(events);
}

static int role(void)
{
	unsigned int parent = start_slot("parent");
	uint64_t r = 0x123456789;

	shared = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_page(start_slot("shared"), shared, PROT_R | PROT_W));
	shared->text_slot = vm_slot(upcall_entry_fault);
	upcall_set_fault_handler(skip_fault);
	upcall_set_event_handler(TELL, on_event);
	for (;;) {
		for (int i = 1; i < 32; i++)
			want_x[i] = random_next(&r);
		for (int i = 0; i < 32; i++)
			want_f[i] = random_next(&r);
		want_x[31] = (uint64_t)want_x;
		want_x[2] = (uint64_t)got_x;		/* sp: where the registers are stored afterwards */
		memset(got_x, 0, sizeof(got_x));
		sys_notify(parent, READY);
		sys_wait(GO, 0);
		event_clear(GO);
		r_round();
		want_x[3] = got_x[3] = want_x[0] = got_x[0] = 0;
		if (memcmp(want_x, got_x, sizeof(want_x)) != 0 || memcmp(want_f, got_f, sizeof(want_f)) != 0)
			shared->bad++;
		shared->rounds++;
	}
}

/* ---- the parent ---- */

static struct proc p;
static char *text;		/* the child's page with the upcall path, writable for us */

static uint16_t *here(const char *at)
{
	return (uint16_t *)(text + ((unsigned long)at & (PAGE_SIZE - 1)));
}

static uint16_t put(const char *at, uint16_t half)
{
	uint16_t was = *here(at);

	*here(at) = half;
	__asm__ volatile("fence.i" ::: "memory");
	return was;
}

#define C_EBREAK 0x9002

/* Until the child has stopped (true) or is ready for the next round (false). */
static bool stopped(void)
{
	unsigned long deadline = PATIENCE;

	for (;;) {
		event_clear(EV_CHILD);
		if (proc_state(&p, NULL) != PROC_RUNNING)
			return true;
		if ((event_pending() & READY) != 0 || time_now() > deadline)
			return false;
		sys_wait(EV_CHILD | READY, deadline);
	}
}

/* What follows takes far less than this, so the child does not run in between. */
static void fresh_slice(void)
{
	while (uarea()->slice_end < time_now() + exposed_hart(0)->slice_ticks / 4)
		sys_wait(0, time_now() + 100);
}

/* Let the child run until it is about to execute the instruction at `at`. Returns whether it got there. */
static bool run_to(const char *at)
{
	uint16_t was = put(at, C_EBREAK);
	bool there;

	there = stopped();
	put(at, was);
	return there;
}

/* Handlers of the child, as libexos registered them, and none. */
static void child_handler(bool on)
{
	CHECK_IS(sys_env_set(p.env, ENV_HANDLER, UP_FAULT, on ? (unsigned long)upcall_entry_fault : 0), 0);
}

static bool in_range(const char *at)
{
	return at >= upcall_resume_start && at < upcall_resume_end;
}

/* One round with the event at instruction `at`. Returns 1: it was told there; 0: the child does not come that way. */
static int inject(const char *at)
{
	uint64_t rounds = shared->rounds, told = shared->told;
	struct env_regs regs;
	uint16_t was;
	int result = 0;

	AWAIT(event_pending() & READY);
	event_clear(READY);
	/* First stop: where upcalls are still held, at the start of the resume sequence or before. */
	was = put(in_range(at) ? upcall_resume_start : at, C_EBREAK);
	CHECK_IS(sys_notify(p.env, GO), 0);
	if (!stopped()) {
		put(at, was);
		goto out;
	}
	put(in_range(at) ? upcall_resume_start : at, was);
	if (in_range(at) && at != upcall_resume_start) {
		child_handler(false);
		CHECK_IS(proc_run(&p), 0);
		CHECK(run_to(at));
		child_handler(true);
	}
	CHECK_IS(sys_env_regs(p.env, 0, &regs), 0);
	CHECK_IS(regs.pc, (unsigned long)at);
	CHECK_IS(regs.cause, 3);

	fresh_slice();
	CHECK_IS(proc_run(&p), 0);
	CHECK_IS(sys_notify(p.env, TELL), 0);
	CHECK_IS(sys_env_set(p.env, ENV_RUN, 0, 0), 0);
	CHECK_IS(sys_env_regs(p.env, 0, &regs), 0);
	CHECK_IS(regs.pc, (unsigned long)(in_range(at) ? upcall_resume_start : at));
	CHECK_IS(proc_run(&p), 0);
	result = 1;
out:
	AWAIT(shared->rounds > rounds);
	CHECK_IS(shared->rounds, rounds + 1);
	CHECK_IS(shared->bad, 0);
	CHECK_IS(shared->told, told + (uint64_t)result);
	return result;
}

int main(int argc, char **argv)
{
	struct proc_grant grants[] = {
		{ .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY },
		{ .name = "shared", .rights = PROT_R | PROT_W },
	};
	struct child c = { .name = "resume_injection", .role = "child", .first = 0, .count = 30, .grants = grants, .ngrants = 2 };
	unsigned int in_sequence = 0, before = 0, elsewhere = 0, copy = slot_alloc();
	void *va;

	(void)argv;
	if (argc > 1)
		return role();
	grants[1].slot = test_page(&va, PROT_R | PROT_W);
	shared = va;
	exposed_hart(0);
	MUST(child(&c, &p));
	AWAIT(event_pending() & READY);
	CHECK(((unsigned long)upcall_entry_fault ^ (unsigned long)upcall_resume_end) < PAGE_SIZE);
	text = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	MUST(vm_table(ctx_slot(), (uint64_t)text, 0));
	MUST(sys_cap_copy(p.env, shared->text_slot, copy, PROT_R | PROT_W, 0, 0));
	MUST(sys_page_bind(ctx_slot(), (unsigned long)text, copy, 1, PROT_R | PROT_W));
	CHECK(memcmp(here(upcall_resume_start), upcall_resume_start, 32) == 0);

	for (const char *at = upcall_entry_fault; at < upcall_resume_end; at += (*here(at) & 3) == 3 ? 4 : 2) {
		int hit = inject(at);

		in_sequence += hit && in_range(at);
		before += hit && !in_range(at);
		elsewhere += !hit;
		if (proc_state(&p, NULL) != PROC_RUNNING || failures > 0) {
			printf("at 0x%lx: the child %s\n", (unsigned long)at, proc_state_name(proc_state(&p, NULL)));
			break;
		}
	}
	printf("told at %u instructions of the resume sequence and %u before it; %u are on other roads\n", in_sequence, before, elsewhere);
	/* bnez is never taken without a pending bit, so all eight are passed. */
	CHECK_IS(in_sequence, 8);
	CHECK(before > 60);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
