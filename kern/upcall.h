/*
 * upcall.h - entering an environment at an address that it chose
 *
 * The fast road is in arch/riscv/entry.S: an exception in an environment that registered a fault handler and does not hold
 * upcalls. Everything else comes here, with all registers saved in e->x. include/exos/uarea.h tells the whole protocol.
 */
#ifndef KERN_UPCALL_H
#define KERN_UPCALL_H

#include "kern/env.h"

/* Deliver an asynchronous upcall to e, or leave its pending bit. True when its handler is entered. */
bool upcall_async(struct env *e, unsigned kind);
/* Deliver what tells of some event bits. Two of them have handlers of their own. */
#define EV_REVOCATION	(EV_REVOKE | EV_REPOSSESS)
void upcall_events(struct env *e, uint64_t bits);
/* Deliver a synchronous exception; a double fault or a missing handler stops e. */
void upcall_fault(struct env *e, uint64_t cause, uint64_t tval);

#endif
