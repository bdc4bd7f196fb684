/*
 * rpc.c - procedures of another environment
 *
 * Message of a call: w[2] the number, w[3..6] the words. Answer: w[0] the result; the rest is cleared, for it held the client's words.
 */
#include "rpc.h"

#include <string.h>

#include "exos_calls.h"
#include "pct.h"

static const rpc_procedure *table;
static unsigned int table_n, admitted_n;
static struct rpc_client *admitted;

static struct rpc_client *find(uint32_t id)
{
	for (unsigned int i = 0; i < admitted_n; i++)
		if (admitted[i].id == id && id != 0)
			return &admitted[i];
	return NULL;
}

static long answer(uint32_t caller, const struct pct_message *m)
{
	struct rpc_client *client = NULL;

	if (admitted != NULL && (client = find(caller)) == NULL)
		return -E_RIGHTS;
	if (m->w[2] >= table_n)
		return -E_NOCALL;
	return table[m->w[2]](client, caller, &m->w[3]);
}

/* A one-way send has no answer; the procedure runs all the same. */
static void serve(uint32_t caller, bool sent, struct pct_message *m)
{
	long result = answer(caller, m);

	(void)sent;
	memset(m, 0, sizeof(*m));
	m->w[0] = (uint64_t)result;
}

long rpc_serve(const rpc_procedure *procedures, unsigned int n, struct rpc_client *list, unsigned int clients)
{
	table = procedures;
	table_n = procedures != NULL ? n : 0;
	admitted = list;
	admitted_n = list != NULL ? clients : 0;
	return pct_serve(procedures != NULL ? serve : NULL);
}

long rpc_private(const struct rpc_client *client, uint64_t offset, void *to, size_t bytes)
{
	if (client == NULL || client->shared == NULL || offset > client->bytes || bytes > client->bytes - offset)
		return -E_FAULT;
	memcpy(to, (const char *)client->shared + offset, bytes);
	return 0;
}

long rpc_call(unsigned int server, unsigned int n, const uint64_t word[RPC_WORDS], unsigned long deadline, int *failed)
{
	struct pct_message m = { .w = { 0, 0, n, word[0], word[1], word[2], word[3] } };
	long r = pct_call(server, deadline, &m);

	if (failed != NULL)
		*failed = (int)r;
	return r < 0 ? r : (long)m.w[0];
}
