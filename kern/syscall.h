/*
 * syscall.h - the table of calls
 *
 * Road of a system call: trap_entry in arch/riscv/entry.S takes the number from a0, loads call_entry[number] and jumps there
 * with a0 = self and a1..a6 as the user left them. Calls that may give the processor away, or end the caller, go through
 * syscall_full() with all registers saved; in the debug kernel all calls do, and the audit follows each.
 */
#ifndef KERN_SYSCALL_H
#define KERN_SYSCALL_H

#include "exos/calls.h"
#include "kern/env.h"

typedef long (*sys_fn)(struct env *self, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
		       unsigned long a5, unsigned long a6);

/* Protected control transfers: all registers of the caller go to the other side. */
#define TRANSFER_CALLS(X) \
	X(pct_call) X(pct_reply) X(pct_send)

/* Calls after which another environment may run. */
#define SWITCHING_CALLS(X) \
	X(yield) X(wait) X(exit) X(notify) X(cap_delete) X(object_end)

extern const sys_fn call_table[CALL_COUNT];
extern const char *const call_names[CALL_COUNT];

/* The way of switching calls: result into self->x[10] if self still runs. Returns who runs next, NULL: idle. */
struct env *syscall_full(struct env *self, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
			 unsigned long a5, unsigned long a6, unsigned long number);

/* An interrupt or slow exception; all registers of the hart's current environment, if any, are saved. Returns who runs next. */
struct env *trap_interrupt(struct hart *h, uint64_t cause);
struct env *trap_exception(struct hart *h, uint64_t cause, uint64_t tval);

/* Prototypes sys_NAME(self, words...): in the kernel every argument is a word that some user claims. */
#define SYS_ARGS_0()
#define SYS_ARGS_1(ta, a) , unsigned long a
#define SYS_ARGS_2(ta, a, tb, b) SYS_ARGS_1(ta, a), unsigned long b
#define SYS_ARGS_3(ta, a, tb, b, tc, c) SYS_ARGS_2(ta, a, tb, b), unsigned long c
#define SYS_ARGS_4(ta, a, tb, b, tc, c, td, d) SYS_ARGS_3(ta, a, tb, b, tc, c), unsigned long d
#define SYS_ARGS_5(ta, a, tb, b, tc, c, td, d, te, e) SYS_ARGS_4(ta, a, tb, b, tc, c, td, d), unsigned long e
#define SYS_ARGS_6(ta, a, tb, b, tc, c, td, d, te, e, tf, f) SYS_ARGS_5(ta, a, tb, b, tc, c, td, d, te, e), unsigned long f
#define X(name, nargs, ...) long sys_##name(struct env *self SYS_ARGS_##nargs(__VA_ARGS__));
EXOS_CALLS(X)
#undef X

#endif
