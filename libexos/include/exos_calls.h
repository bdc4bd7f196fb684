/*
 * exos_calls.h - the system calls as C functions
 *
 * One inline function sys_NAME() per entry of EXOS_CALLS in exos/calls.h, which is also the reference of what each call does.
 * A negative result is an E_* code of exos/err.h; exos_strerror() turns it into a sentence. The stubs need no memory and no
 * other part of the library: they work before anything is set up and inside an upcall.
 */
#ifndef EXOS_CALLS_STUBS_H
#define EXOS_CALLS_STUBS_H

#include <exos/calls.h>
#include <exos/cap.h>
#include <exos/env.h>
#include <exos/err.h>
#include <exos/ring.h>

struct flow_spec;
struct flow_predicate;

/* The sentence of exos/err.h for err, which may be negative or positive; a fixed text for anything else. */
const char *exos_strerror(long err);

/* The name of the code ("E_NOCAP"); "E_?" for anything else. */
const char *exos_errname(long err);

#ifdef __riscv

/* a0: number in, result out. The arguments, and all registers that a call need not keep, are lost. */
#define CALL_WORD(n, w) register long a##n __asm__("a" #n) = (long)(w)
#define CALL_LOST "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory"

/* Any number, with all words. */
static inline long exos_call(long number, long w1, long w2, long w3, long w4, long w5, long w6)
{
	CALL_WORD(0, number);
	CALL_WORD(1, w1);
	CALL_WORD(2, w2);
	CALL_WORD(3, w3);
	CALL_WORD(4, w4);
	CALL_WORD(5, w5);
	CALL_WORD(6, w6);

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6) : : CALL_LOST);
	return a0;
}

#define STUB_0(name) \
	static inline long sys_##name(void) \
	{ \
		CALL_WORD(0, CALL_##name); \
		__asm__ volatile("ecall" : "+r"(a0) : : "a1", "a2", "a3", "a4", "a5", "a6", CALL_LOST); \
		return a0; \
	}
#define STUB_1(name, t1, w1) \
	static inline long sys_##name(t1 w1) \
	{ \
		CALL_WORD(0, CALL_##name); CALL_WORD(1, w1); \
		__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : : "a2", "a3", "a4", "a5", "a6", CALL_LOST); \
		return a0; \
	}
#define STUB_2(name, t1, w1, t2, w2) \
	static inline long sys_##name(t1 w1, t2 w2) \
	{ \
		CALL_WORD(0, CALL_##name); CALL_WORD(1, w1); CALL_WORD(2, w2); \
		__asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2) : : "a3", "a4", "a5", "a6", CALL_LOST); \
		return a0; \
	}
#define STUB_3(name, t1, w1, t2, w2, t3, w3) \
	static inline long sys_##name(t1 w1, t2 w2, t3 w3) \
	{ \
		CALL_WORD(0, CALL_##name); CALL_WORD(1, w1); CALL_WORD(2, w2); CALL_WORD(3, w3); \
		__asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3) : : "a4", "a5", "a6", CALL_LOST); \
		return a0; \
	}
#define STUB_4(name, t1, w1, t2, w2, t3, w3, t4, w4) \
	static inline long sys_##name(t1 w1, t2 w2, t3 w3, t4 w4) \
	{ \
		CALL_WORD(0, CALL_##name); CALL_WORD(1, w1); CALL_WORD(2, w2); CALL_WORD(3, w3); CALL_WORD(4, w4); \
		__asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4) : : "a5", "a6", CALL_LOST); \
		return a0; \
	}
#define STUB_5(name, t1, w1, t2, w2, t3, w3, t4, w4, t5, w5) \
	static inline long sys_##name(t1 w1, t2 w2, t3 w3, t4 w4, t5 w5) \
	{ \
		CALL_WORD(0, CALL_##name); CALL_WORD(1, w1); CALL_WORD(2, w2); CALL_WORD(3, w3); CALL_WORD(4, w4); CALL_WORD(5, w5); \
		__asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5) : : "a6", CALL_LOST); \
		return a0; \
	}
#define STUB_6(name, t1, w1, t2, w2, t3, w3, t4, w4, t5, w5, t6, w6) \
	static inline long sys_##name(t1 w1, t2 w2, t3 w3, t4 w4, t5 w5, t6 w6) \
	{ return exos_call(CALL_##name, (long)w1, (long)w2, (long)w3, (long)w4, (long)w5, (long)w6); }

#define STUB(name, count, ...) STUB_##count(name, ##__VA_ARGS__)
#define APART(name, count, ...)
EXOS_CALL_LIST(STUB, APART)
#undef STUB
#undef APART
#undef STUB_0
#undef STUB_1
#undef STUB_2
#undef STUB_3
#undef STUB_4
#undef STUB_5
#undef STUB_6
#undef CALL_WORD
#undef CALL_LOST

/*
 * Calls that give the processor away, in upcall/switch.S: they save what the rules of C keep on the stack, and the stack pointer
 * in the u-area, for the kernel may keep nothing of it. For protected transfers see pct.h.
 */
long sys_yield(unsigned long env);
long sys_wait(unsigned long mask, unsigned long deadline);

/* The time CSR: ticks since some moment before boot; exposed_system()->timebase_hz of them make a second. */
static inline unsigned long time_now(void)
{
	unsigned long t;

	__asm__ volatile("rdtime %0" : "=r"(t));
	return t;
}

#endif
#endif
