/*
 * prove.h - what the bounded proofs share
 *
 * A proof includes the kernel's own source file, so that its static functions are in reach, and states properties over all inputs
 * within a bound. CBMC gives nondet_*() every value of its type. What the file calls elsewhere has no body here: it may return
 * anything. panic() must be unreachable: so each KASSERT on the way is proved too.
 *
 * Lines "mutant: FILE | OLD | NEW" in a proof's comments are seeded mistakes: prove.py puts NEW in the place of OLD in a copy
 * of FILE, and the proof must refuse it.
 */
#ifndef TEST_PROOF_PROVE_H
#define TEST_PROOF_PROVE_H

#include <stdbool.h>
#include <stdint.h>

#define ASSUME(cond)		__CPROVER_assume(cond)
#define PROVE(cond, sentence)	__CPROVER_assert(cond, sentence)

uint64_t nondet_u64(void);
unsigned nondet_unsigned(void);
uint8_t nondet_u8(void);
bool nondet_bool(void);

void panic(const char *file, int line, const char *what, uint64_t a, uint64_t b)
{
	(void)file, (void)line, (void)what, (void)a, (void)b;
	PROVE(false, "no assertion of the kernel fails");
	ASSUME(false);
	for (;;)
		;
}

#endif
