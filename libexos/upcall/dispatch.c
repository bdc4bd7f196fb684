/*
 * dispatch.c - who gets an upcall
 *
 * Compiled, like the vm part, without floating-point registers (CMakeLists.txt), so that a page fault that the library serves need not
 * save them. Handlers of the program may use them: they are saved around those.
 */
#include <stdio.h>
#include <string.h>

#include "exos_calls.h"
#include "frame.h"
#include "internal.h"
#include "posix.h"
#include "preempt.h"
#include "upcall.h"

static_assert(sizeof(struct upcall_frame) == FRAME_BYTES, "frame");
static_assert(offsetof(struct upcall_frame, cause) == FRAME_CAUSE, "frame");
static_assert(offsetof(struct upcall_frame, tval) == FRAME_TVAL, "frame");

extern char upcall_entry_fault[], upcall_entry_slice_end[], upcall_entry_slice_begin[], upcall_entry_event[];
extern char upcall_entry_revoke[], upcall_entry_repossess[];
extern char upcall_resume_start[], upcall_resume_end[];
void upcall_dispatch(struct upcall_frame *f, unsigned int kind);
void upcall_slice_begin(void);

static bool (*fault_handler)(struct upcall_frame *f);
static void (*event_handler)(uint64_t events);
static void (*slice_end_handler)(void), (*slice_begin_handler)(void);
static uint64_t event_mask, wake_mask;
static uint64_t switch_sp;	/* what the interrupted program keeps at U_SWITCH_SP, while upcalls make such calls too */
static bool own_switch;
static uint64_t switch_fp[33];	/* floating-point registers between slice end and slice begin */
static struct upcall_stats stats;

const struct upcall_stats *upcall_stats(void)
{
	return &stats;
}

const char *upcall_cause_name(uint64_t cause)
{
	static const char *const names[] = {
		"misaligned instruction address", "instruction access fault", "illegal instruction", "breakpoint",
		"misaligned load", "load access fault", "misaligned store", "store access fault",
		"environment call", "environment call", "environment call", "environment call",
		"instruction page fault", "load page fault", "unknown exception", "store page fault",
	};

	return cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "unknown exception";
}

/* The message is put together in .bss and written past stdio, whose state may be half changed. */
static void nobody_wants(struct upcall_frame *f)
{
	static char line[400], why[160];
	const char *reason = vm_fault_reason(f->cause, f->tval, why, sizeof(why));
	int n;

	n = snprintf(line, sizeof(line), "\n%s: %s at pc 0x%lx, address 0x%lx%s%s (ra 0x%lx, sp 0x%lx)\n", program_name(),
		     upcall_cause_name(f->cause), f->frame_pc, f->tval, *reason != '\0' ? ": " : "", reason, f->x[1], f->x[2]);
	console_flush();
	console_write_all(line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
	sys_exit(128 + 11);
}

/* Another thread's registers instead of the interrupted one's, when that is wanted and allowed. fp: where its f0..f31 and fcsr are. */
static void change_places(struct upcall_frame *f, uint64_t fp[33])
{
	if (preempt_wanted && preempt_depth == 0 && preempt_ops != NULL)
		preempt_ops->swap(f, fp, &switch_sp);
}

static volatile uint64_t *switch_word(void)
{
	return (volatile uint64_t *)(LAYOUT_UAREA + U_SWITCH_SP);
}

static void serve_fault(struct upcall_frame *f)
{
	uint64_t fp[33];
	bool served = false;

	stats.faults++;
	if (vm_fault(f->cause, f->tval)) {
		stats.fault_pages++;
		return;
	}
	if (fault_handler != NULL) {
		upcall_fp_save(fp);
		served = fault_handler(f);
		if (served)
			change_places(f, fp);
		upcall_fp_restore(fp);
	}
	if (!served)
		nobody_wants(f);
}

static void tell_events(void)
{
	uint64_t events = event_pending();

	if ((events & wake_mask & preempt_events) != 0)
		preempt_wanted = true;
	if (event_handler != NULL && (events & event_mask) != 0)
		event_handler(events & event_mask);
}

static void serve_event(struct upcall_frame *f)
{
	uint64_t fp[33];

	stats.events++;
	upcall_fp_save(fp);
	tell_events();
	change_places(f, fp);
	upcall_fp_restore(fp);
}

void upcall_slice_begin(void)
{
	struct upcall_frame *f = (struct upcall_frame *)(LAYOUT_UPCALL_END - FRAME_BYTES);

	stats.slice_begins++;
	upcall_fp_restore(switch_fp);
	if (slice_begin_handler != NULL || (event_pending() & (event_mask | wake_mask)) != 0) {
		if (slice_begin_handler != NULL)
			slice_begin_handler();
		tell_events();	/* what came meanwhile could not be told in an upcall: there were no registers to interrupt */
		change_places(f, switch_fp);
		upcall_fp_restore(switch_fp);
	}
	*switch_word() = switch_sp;
}

/*
 * The frame keeps the integer registers, switch_fp the others. Answering the upcall itself, this yield does not return: entry.S goes
 * on in upcall_slice_begin(). When the end of the slice was found pending, the kernel brings us back here.
 */
static void serve_slice_end(void)
{
	stats.slice_ends++;
	upcall_fp_save(switch_fp);
	if (slice_end_handler != NULL)
		slice_end_handler();
	sys_yield(0);
	upcall_slice_begin();
}

/* The end of the slice comes last: what is served after it would be served a turn later. */
void upcall_dispatch(struct upcall_frame *f, unsigned int kind)
{
	uint64_t bits = 1ull << kind;

	switch_sp = *switch_word();
	if (kind == UP_PENDING)
		bits = __atomic_exchange_n(&((struct uarea *)uarea())->pending, 0, __ATOMIC_SEQ_CST);
	if (bits & (1ull << UP_REPOSSESS | 1ull << UP_REVOKE))
		revoke_upcall();
	if (bits & 1ull << UP_FAULT)
		serve_fault(f);
	if (bits & 1ull << UP_EVENT)
		serve_event(f);
	if (bits & 1ull << UP_SLICE_END)
		serve_slice_end();
	*switch_word() = switch_sp;
}

long upcall_init(void)
{
	long r = sys_env_set(0, ENV_RESUME, (unsigned long)upcall_resume_start, (unsigned long)upcall_resume_end);

	revoke_begin();
	if (r >= 0)
		r = sys_env_set(0, ENV_HANDLER, UP_REVOKE, (unsigned long)upcall_entry_revoke);
	if (r >= 0)
		r = sys_env_set(0, ENV_HANDLER, UP_REPOSSESS, (unsigned long)upcall_entry_repossess);
	return r < 0 ? r : sys_env_set(0, ENV_HANDLER, UP_FAULT, (unsigned long)upcall_entry_fault);
}

void upcall_set_fault_handler(bool (*fn)(struct upcall_frame *f))
{
	fault_handler = fn;
}

static void ask_for_events(void)
{
	uint64_t mask = event_mask | wake_mask;

	sys_env_set(0, ENV_HANDLER, UP_EVENT, mask != 0 ? (unsigned long)upcall_entry_event : 0);
	sys_env_set(0, ENV_EVENT_UP, mask, 0);
}

void upcall_set_event_handler(uint64_t mask, void (*fn)(uint64_t events))
{
	sys_env_set(0, ENV_EVENT_UP, 0, 0);
	event_handler = fn;
	event_mask = fn != NULL ? mask : 0;
	ask_for_events();
}

void upcall_set_wake_mask(uint64_t mask)
{
	wake_mask = mask;
	ask_for_events();
}

void upcall_own_switch(bool on, void (*end)(void), void (*begin)(void))
{
	if (!on)
		sys_env_set(0, ENV_HANDLER, UP_SLICE_END, 0);
	own_switch = on;
	slice_end_handler = end;
	slice_begin_handler = begin;
	sys_env_set(0, ENV_HANDLER, UP_SLICE_BEGIN, on ? (unsigned long)upcall_entry_slice_begin : 0);
	if (on)
		sys_env_set(0, ENV_HANDLER, UP_SLICE_END, (unsigned long)upcall_entry_slice_end);
}

/* A copy of the program is an environment that knows nothing of all this. */
long upcall_again(void)
{
	long r = upcall_init();

	if (r < 0)
		return r;
	if ((event_mask | wake_mask) != 0)
		ask_for_events();
	if (own_switch)
		upcall_own_switch(true, slice_end_handler, slice_begin_handler);
	return 0;
}
