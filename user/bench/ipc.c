/*
 * ipc.c - a byte to another program and one back, a procedure of another program; threads and their lock
 *
 * The other program is this one, started again with the name of what it is to do. The two share pages, and yield to the side that they
 * wait for.
 */
#include <string.h>

#include <exos/uarea.h>

#include "bench.h"
#include "cpio.h"
#include "pct.h"
#include "pipe.h"
#include "rpc.h"
#include "start.h"
#include "thread.h"
#include "upcall.h"

#define HALF	PAGE_SIZE
#define LARGE	(512 * PAGE_SIZE)

static struct series series;
static struct pipe out, in;

/* An environment with a protected entry keeps its registers itself when it yields, which is the short road (docs/transfers.md). */
static void nobody_calls_us(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent, (void)m;
}

/*
 * A pipe of our own, where the library's does not suit: one byte at a time, and nobody ever sleeps. What the two of us need is inlined
 * where it is used.
 */
struct own_pipe {
	uint32_t full;
	uint8_t byte;
	uint8_t zero[59];	/* the next one has a cache line of its own */
};

static inline __attribute__((always_inline)) void own_write(struct own_pipe *p, uint8_t byte, unsigned int peer)
{
	while (__atomic_load_n(&p->full, __ATOMIC_ACQUIRE) != 0)
		sys_yield(peer);
	p->byte = byte;
	__atomic_store_n(&p->full, 1, __ATOMIC_RELEASE);
}

static inline __attribute__((always_inline)) uint8_t own_read(struct own_pipe *p, unsigned int peer)
{
	uint8_t byte;

	while (__atomic_load_n(&p->full, __ATOMIC_ACQUIRE) == 0)
		sys_yield(peer);
	byte = p->byte;
	__atomic_store_n(&p->full, 0, __ATOMIC_RELEASE);
	return byte;
}

/* Wait until the counter is what we wait for, and count on. */
static inline __attribute__((always_inline)) void count_on(uint32_t *counter, uint32_t from, unsigned int peer)
{
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != from)
		sys_yield(peer);
	__atomic_store_n(counter, from + 1, __ATOMIC_RELEASE);
}

static long add(struct rpc_client *client, uint32_t id, const uint64_t w[RPC_WORDS])
{
	(void)client, (void)id;
	return (long)(w[0] + w[1]);
}

/* Two words in the client's memory, copied before they are used. */
static long add_private(struct rpc_client *client, uint32_t id, const uint64_t w[RPC_WORDS])
{
	uint64_t copy[2];
	long r = rpc_private(client, w[0], copy, sizeof(copy));

	(void)id;
	return r < 0 ? r : (long)(copy[0] + copy[1]);
}

static const rpc_procedure procedures[] = { add, add_private };

static int serve(char *at, struct rpc_client *admitted)
{
	if (admitted != NULL)
		*admitted = (struct rpc_client){ .id = (uint32_t)start_grant("peer")->value, .shared = at, .bytes = PAGE_SIZE };
	if (rpc_serve(procedures, 2, admitted, admitted != NULL ? 1 : 0) < 0)
		return 1;
	for (;;)
		sys_wait(EV_USER(8), 0);
}

int bench_peer(const char *role)
{
	static struct rpc_client client;
	const struct start_grant *g = start_grant("pipes");
	char *at = vm_attach(g->slot, g->count, PROT_R | PROT_W), byte;
	unsigned int peer = start_slot("peer");

	if (at == NULL)
		return 1;
	if (strcmp(role, "trusting") == 0 || strcmp(role, "distrusting") == 0)
		return serve(at, strcmp(role, "trusting") == 0 ? NULL : &client);
	if (pct_serve(nobody_calls_us) < 0)
		return 1;
	if (strcmp(role, "own_pipe") == 0) {
		struct own_pipe *p = (struct own_pipe *)at;

		for (;;)
			own_write(&p[1], own_read(&p[0], peer), peer);
	}
	if (strcmp(role, "memory") == 0)
		for (uint32_t i = 1;; i += 2)
			count_on((uint32_t *)at, i, peer);
	if (pipe_open(&in, at, HALF, peer, EV_USER(0)) < 0 || pipe_open(&out, at + HALF, HALF, peer, EV_USER(1)) < 0)
		return 1;
	while (pipe_read(&in, &byte, 1, 0) == 1)
		if (pipe_write(&out, &byte, 1, 0) != 1)
			return 2;
	return 0;
}

void bench_self(struct spawn *s)
{
	const struct start_grant *g = start_grant("archive");
	static char *at;
	struct cpio_entry e;

	if (at == NULL) {
		at = vm_reserve(g->count * LARGE, LARGE);
		for (uint32_t i = 0; i < g->count; i++)
			MUST(vm_superpage(g->slot + i, at + i * LARGE, PROT_R));
	}
	MUST(cpio_find(at, g->value, "bench/bench", &e) == 1 ? 0 : -E_INVAL);
	s->elf = e.data;
	s->elf_bytes = e.size;
}

static volatile bool enough;

static void *other(void *arg)
{
	while (!enough)
		thread_yield();
	return arg;
}

/* To another thread and back, halved; a lock that nobody else wants, taken and given back. */
static void threads(void)
{
	static struct mutex lock;
	struct thread *t = thread_create(other, NULL, 0);
	uint64_t from;

	MUST(t != NULL ? 0 : -E_NOMEM);
	series.n = 0;
	for (unsigned int i = 0; i < RUNS; i++) {
		from = instret();
		thread_yield();
		series_add(&series, instret() - from);
	}
	report_series("thread_switch", &series, 2);
	enough = true;
	MUST(thread_join(t, NULL));
	series.n = 0;
	for (unsigned int i = 0; i < RUNS; i++) {
		from = instret();
		mutex_lock(&lock);
		mutex_unlock(&lock);
		series_add(&series, instret() - from);
	}
	report_series("mutex_pair", &series, 1);
}

/* ---- with the other program ---- */

static struct proc peer;
static char *memory;
static unsigned int memory_slot;

static void peer_start(const char *role)
{
	const char *const argv[] = { "bench", "peer", role, NULL };
	const struct proc_grant grants[] = {
		{ .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY | RIGHT_YIELD, .value = self_env() },
		{ .name = "pipes", .slot = memory_slot, .count = 2 * HALF / PAGE_SIZE, .rights = PROT_R | PROT_W },
	};
	struct spawn s = { .argv = argv, .guarantee = 256, .grants = grants, .ngrants = 2, .slices = start_slot("slices"), .first = 40,
			   .count = 1, .stopped = true };

	bench_self(&s);
	memset(memory, 0, 2 * HALF);
	MUST(proc_spawn(&s, &peer));
}

/*
 * Rounds, each of which tells what it cost, 0: it did not work. In the first ones the other program starts and touches its pages.
 */
static void measure(const char *key, uint64_t (*round)(unsigned int i))
{
	MUST(pct_serve(nobody_calls_us));
	MUST(proc_run(&peer));
	series.n = 0;
	for (unsigned int i = 0; i < RUNS + 8; i++) {
		uint64_t cost = round(i);

		MUST(cost != 0 || i < 4 ? 0 : -E_IO);
		if (i >= 8)
			series_add(&series, cost);
	}
	MUST(pct_serve(NULL));
	MUST(proc_end(&peer));
	event_clear(EV_CHILD | EV_USER(1));
	report_series(key, &series, 1);
}

static uint64_t pipe_round(unsigned int i)
{
	char byte = (char)i;
	uint64_t from = instret(), to;
	long w = pipe_write(&out, &byte, 1, 0);
	long r = pipe_read(&in, &byte, 1, 0);

	to = instret();
	return w == 1 && r == 1 && byte == (char)i ? to - from : 0;
}

static uint64_t own_round(unsigned int i)
{
	struct own_pipe *p = (struct own_pipe *)memory;
	uint64_t from = instret(), to;
	uint8_t byte;

	own_write(&p[0], (uint8_t)i, peer.env);
	byte = own_read(&p[1], peer.env);
	to = instret();
	return byte == (uint8_t)i ? to - from : 0;
}

/* Both count: we, then the other. */
static uint64_t memory_round(unsigned int i)
{
	uint64_t from = instret();

	count_on((uint32_t *)memory, 2 * i, peer.env);
	while (__atomic_load_n((uint32_t *)memory, __ATOMIC_ACQUIRE) != 2 * i + 2)
		sys_yield(peer.env);
	return instret() - from;
}

static uint64_t rpc_round(unsigned int procedure, const uint64_t w[RPC_WORDS])
{
	uint64_t from = instret(), to;
	long r = rpc_call(peer.env, procedure, w, 0, NULL);

	to = instret();
	if (r == -E_BUSY)
		sys_yield(peer.env);		/* it has not come so far yet */
	return r == 42 ? to - from : 0;
}

static uint64_t trusting_round(unsigned int i)
{
	(void)i;
	return rpc_round(0, (const uint64_t[RPC_WORDS]){ 40, 2 });
}

static uint64_t distrusting_round(unsigned int i)
{
	((uint64_t *)memory)[0] = 41;
	((uint64_t *)memory)[1] = 1;
	(void)i;
	return rpc_round(1, (const uint64_t[RPC_WORDS]){ 0 });
}

void bench_ipc(void)
{
	memory = vm_share(2 * HALF, &memory_slot);
	MUST(memory != NULL ? 0 : -E_NOMEM);
	peer_start("pipe");
	MUST(pipe_make(&out, memory, HALF, peer.env, EV_USER(0)));
	MUST(pipe_make(&in, memory + HALF, HALF, peer.env, EV_USER(1)));
	measure("pipe_round", pipe_round);
	peer_start("own_pipe");
	measure("pipe_inlined", own_round);
	peer_start("memory");
	measure("memory_round", memory_round);
	peer_start("trusting");
	measure("rpc_trusting", trusting_round);
	peer_start("distrusting");
	measure("rpc_distrusting", distrusting_round);
	threads();
}
