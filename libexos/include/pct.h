/*
 * pct.h - protected control transfer: calling another environment, and being called
 *
 * A message is seven words in registers. What goes with a call is w[2..6] (a3..a7), with a one-way send w[1..6] (a2..a7), with an
 * answer w[0..6] (a1..a7). The stubs clear every other register, so that nothing else of the caller or callee is seen.
 * What the kernel promises is told in docs/transfers.md.
 */
#ifndef PCT_H
#define PCT_H

#include <stdbool.h>
#include <stdint.h>

struct pct_message {
	uint64_t w[7];
};

/*
 * Call the environment in a slot (RIGHT_CALL), and wait for its answer, at most until deadline (time CSR; 0: for ever). Returns 0, with
 * the answer in m; a negative E_* code, and m is as it was.
 */
long pct_call(unsigned long env, unsigned long deadline, struct pct_message *m);

/* Send without waiting: the receiver gets the rest of our slice. Returns 0 or a negative E_* code. */
long pct_send(unsigned long env, const struct pct_message *m);

/*
 * From now on transfers to this environment call fn, on a stack of 8 KiB of its own: caller is the number of the environment that
 * made it, sent says that nobody waits for an answer, m holds the message and afterwards the answer. NULL: no transfers any more.
 * It is called whenever the program itself yields, waits or answered its last transfer, never in the middle of anything else; so what fn
 * shares with the program needs no lock, if the program leaves it in order when it yields or waits.
 */
long pct_serve(void (*fn)(uint32_t caller, bool sent, struct pct_message *m));

#endif
