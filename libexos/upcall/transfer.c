/*
 * transfer.c - the protected entry, in C
 */
#include "exos_calls.h"
#include "frame.h"
#include "pct.h"
#include "preempt.h"
#include "upcall.h"

static_assert(CALL_yield == NUMBER_YIELD && CALL_wait == NUMBER_WAIT && CALL_pct_call == NUMBER_PCT_CALL &&
	      CALL_pct_send == NUMBER_PCT_SEND && CALL_pct_reply == NUMBER_PCT_REPLY, "switch.S knows these numbers");

extern char pct_entry[];
void pct_dispatch(uint64_t caller, struct pct_message *m);

static void (*serve)(uint32_t caller, bool sent, struct pct_message *m);

void pct_dispatch(uint64_t caller, struct pct_message *m)
{
	/* The time is the caller's: no other thread of ours goes on in it. */
	preempt_off();
	serve((uint32_t)caller, (caller & PCT_SENT) != 0, m);
	preempt_depth = preempt_depth - 1;
}

long pct_serve(void (*fn)(uint32_t caller, bool sent, struct pct_message *m))
{
	if (fn != NULL)
		serve = fn;
	return sys_env_set(0, ENV_HANDLER, UP_ENTRY, fn != NULL ? (unsigned long)pct_entry : 0);
}
