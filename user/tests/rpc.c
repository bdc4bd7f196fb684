/*
 * rpc.c - procedures of another program: believed and not
 */
#include "check.h"
#include "rpc.h"

#define READY	EV_USER(1)

enum { ADD, SUM, SLOW, PROCEDURES };

static long add(struct rpc_client *client, uint32_t id, const uint64_t w[RPC_WORDS])
{
	(void)client, (void)id;
	return (long)(w[0] + w[1] + w[2] + w[3]);
}

/* w[0]: offset, w[1]: number of words, in the client's memory. They are copied first: what is summed is what was judged. */
static long sum(struct rpc_client *client, uint32_t id, const uint64_t w[RPC_WORDS])
{
	uint64_t copy[16], total = 0;
	long r;

	if (client != NULL && client->id != id)
		return -E_INVAL;
	if (w[1] > 16)
		return -E_LIMIT;
	r = rpc_private(client, w[0], copy, w[1] * 8);
	for (uint64_t i = 0; r == 0 && i < w[1]; i++)
		total += copy[i];
	return r < 0 ? r : (long)total;
}

static long slow(struct rpc_client *client, uint32_t id, const uint64_t w[RPC_WORDS])
{
	(void)client, (void)id;
	for (unsigned long end = time_now() + w[0]; time_now() < end;)
		;
	return 0;
}

static const rpc_procedure procedures[PROCEDURES] = { [ADD] = add, [SUM] = sum, [SLOW] = slow };

static __attribute__((noreturn)) void server(bool trusting)
{
	static struct rpc_client clients[2];
	const struct start_grant *g = start_grant("shared");

	if (!trusting) {
		clients[1] = (struct rpc_client){ .id = (uint32_t)start_grant("peer")->value, .bytes = PAGE_SIZE,
						  .shared = vm_attach(g->slot, 1, PROT_R) };
		MUST(rpc_serve(procedures, PROCEDURES, clients, 2));
	} else {
		MUST(rpc_serve(procedures, PROCEDURES, NULL, 0));
	}
	MUST(sys_notify(start_slot("peer"), READY));
	for (;;)
		sys_wait(EV_USER(8), 0);
}

static struct proc p;
static unsigned int slot;

/* id: whom the distrusting one admits. */
static void start(const char *name, uint32_t id)
{
	struct proc_grant grants[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY, .value = id },
		{ .name = "shared", .slot = slot, .rights = PROT_R },
	};
	struct child c = { .name = "rpc", .role = name, .first = 40, .count = 1, .grants = grants, .ngrants = 2 };
	uint64_t w[RPC_WORDS] = { 0 };
	int failed = 0;

	event_clear(READY);
	MUST(child(&c, &p));
	CHECK_IS(sys_wait(READY, deadline_us(5000000)), READY);
	AWAIT((rpc_call(p.env, PROCEDURES, w, 0, &failed), failed == 0));
}

int main(int argc, char **argv)
{
	uint64_t *shared, w[RPC_WORDS] = { 1, 20, 300, 4000 };
	unsigned int env;
	int failed;

	if (argc > 1)
		server(strcmp(argv[1], "trusting") == 0);
	shared = vm_share(PAGE_SIZE, &slot);
	for (uint64_t i = 0; i < 16; i++)
		shared[512 - 16 + i] = i;

	start("trusting", 0);
	for (int i = 0; i < 1000; i++)
		CHECK_IS(rpc_call(p.env, ADD, w, 0, NULL), 4321);
	CHECK_IS(rpc_call(p.env, PROCEDURES, w, 0, &failed), -E_NOCALL);
	CHECK_IS(failed, 0);
	CHECK_IS(rpc_call(p.env, ~0u, w, 0, NULL), -E_NOCALL);
	env = p.env;
	CHECK_IS(proc_end(&p), 0);
	CHECK_IS(rpc_call(env, ADD, w, 0, &failed), -E_NOCAP);
	CHECK_IS(failed, -E_NOCAP);

	start("distrusting", self_env());
	CHECK_IS(rpc_call(p.env, ADD, w, deadline_us(1000000), NULL), 4321);
	w[0] = PAGE_SIZE - 128;
	w[1] = 16;
	CHECK_IS(rpc_call(p.env, SUM, w, deadline_us(1000000), NULL), 120);
	w[0] = PAGE_SIZE - 127;
	CHECK_IS(rpc_call(p.env, SUM, w, deadline_us(1000000), NULL), -E_FAULT);
	w[0] = ~0ull;
	CHECK_IS(rpc_call(p.env, SUM, w, deadline_us(1000000), NULL), -E_FAULT);
	w[1] = ~0ull;
	CHECK_IS(rpc_call(p.env, SUM, w, deadline_us(1000000), NULL), -E_LIMIT);
	/* A procedure that takes too long costs the client its deadline and no more. */
	w[0] = exposed_system()->timebase_hz / 10;
	CHECK_IS(rpc_call(p.env, SLOW, w, deadline_us(5000), &failed), -E_TIME);
	CHECK_IS(failed, -E_TIME);
	CHECK_IS(proc_end(&p), 0);

	/* Somebody else's number is admitted: ours is not. */
	start("distrusting", self_env() ^ 1);
	CHECK_IS(rpc_call(p.env, ADD, w, deadline_us(1000000), &failed), -E_RIGHTS);
	CHECK_IS(failed, 0);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
