/*
 * shared.h - reading memory that somebody else may change meanwhile
 *
 * What a program or a device can write is read exactly once, through READ_SHARED, into a variable of ours; that variable
 * is judged and used. On the host a test may set shared_hook, which then invents each value: a second read of the same
 * place gives another one, as it could on the machine.
 */
#ifndef KERN_SHARED_H
#define KERN_SHARED_H

#include "kern/lib.h"

#ifdef EXOS_HOST
/* What a read of bytes bytes at `at` gives, value being what stands there; NULL: value. Defined in test/sim/shared.c. */
extern uint64_t (*shared_hook)(const volatile void *at, uint64_t value, unsigned bytes);

static inline uint64_t shared_value(const volatile void *at, uint64_t value, unsigned bytes)
{
	return shared_hook != NULL ? shared_hook(at, value, bytes) : value;
}
#define READ_SHARED(x)	((__typeof__(x))shared_value(&(x), READ_ONCE(x), sizeof(x)))
#else
#define READ_SHARED(x)	READ_ONCE(x)
#endif

#endif
