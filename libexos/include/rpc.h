/*
 * rpc.h - procedures of another environment, called like one's own
 *
 * A server offers a table of procedures; a client calls number n with four words and gets one back, in its own slice, by protected control
 * transfer (pct.h). Two forms, by how much the sides believe each other:
 *
 *	trusting	rpc_call() without deadline; data is passed in memory that both have bound, and the procedure works on it there
 *	distrusting	the server admits its clients by number, and gives each its own shared memory; rpc_private() copies an argument
 *			out of it before it is judged. The client sets a deadline and gets its slice back when it has passed
 *
 * The identity of the client is the kernel's word in both.
 */
#ifndef RPC_H
#define RPC_H

#include <stddef.h>
#include <stdint.h>

#define RPC_WORDS	4

struct rpc_client {
	uint32_t id;			/* environment number */
	const void *shared;		/* memory that it shares with us; may be NULL */
	size_t bytes;
	void *context;			/* the server's own */
};

/* A procedure: its result goes to the client. client is NULL in a server that serves everybody. Runs as pct.h says. */
typedef long (*rpc_procedure)(struct rpc_client *client, uint32_t id, const uint64_t word[RPC_WORDS]);

/*
 * Serve the procedures, to everybody (admitted NULL) or to the `clients` environments listed in admitted only: all others get -E_RIGHTS. A number
 * beyond the table is answered with -E_NOCALL. Table and list stay the caller's and in use; a list may be changed at any time, an id of 0
 * is nobody. procedures NULL: serve no longer. Returns 0 or a negative E_* code.
 */
long rpc_serve(const rpc_procedure *procedures, unsigned int n, struct rpc_client *admitted, unsigned int clients);

/*
 * In a procedure: copy `bytes` at `offset` of the client's shared memory to memory of our own, where nobody changes them any more.
 * -E_FAULT: they are not all within it.
 */
long rpc_private(const struct rpc_client *client, uint64_t offset, void *to, size_t bytes);

/*
 * Call procedure n of the environment in a slot (RIGHT_CALL). Returns its result, or what pct_call() says: -E_DEAD, -E_BUSY, -E_TIME;
 * failed (may be NULL) tells which: 0 the procedure's, else the transfer's. deadline: time CSR, 0: none.
 */
long rpc_call(unsigned int server, unsigned int n, const uint64_t word[RPC_WORDS], unsigned long deadline, int *failed);

#endif
