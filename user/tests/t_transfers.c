/*
 * t_transfers.c - T1, T2, T3, T4, T5, T6, T8: protected transfers between programs: what arrives, what is refused, and both ends dying
 */
/* guest: harts=1,2,4 */
#include "check.h"
#include "pct.h"

/* Words of the message: w[2] says what the server is to do. */
enum { ECHO, NESTED, LATE, FAULT, EXIT, SLEEP, WHO };

#define READY	EV_USER(1)

#define ROOM	64	/* pages that nothing has touched yet: an entry may fault */

static uint64_t sends;
static volatile char *room;
static double sum = 1.0;	/* the unit is off after a transfer until it is used, and holds the right values then */

static void serve(uint32_t caller, bool sent, struct pct_message *m)
{
	static struct pct_message inner;
	volatile uint64_t spin = 0;
	uint64_t what = m->w[2];

	if (sent) {
		sends += m->w[3];
		return;
	}
	m->w[0] = caller;
	switch (what) {
	case NESTED:			/* back to who called: it waits, and is not receptive */
		m->w[1] = (uint64_t)pct_call(start_slot("peer"), 0, &inner);
		break;
	case LATE:
		while ((event_pending() & EV_USER(7)) == 0)
			spin++;
		event_clear(EV_USER(7));
		break;
	case FAULT:
		*(volatile int *)m->w[4] = 1;
		break;
	case EXIT:
		sys_exit(5);
		break;
	case SLEEP:
		m->w[1] = (uint64_t)sys_wait(EV_USER(9), deadline_us(m->w[3]));
		break;
	default:
		room[m->w[3] % ROOM * PAGE_SIZE] = 1;
		if (m->w[3] % 3 != 0)
			sum = sum * 0.5 + (double)m->w[3];
		m->w[1] = sends;
		for (int i = 3; i < 7; i++)
			m->w[i] = ~m->w[i];
		break;
	}
}

static __attribute__((noreturn)) void server(void)
{
	room = vm_map(ROOM * PAGE_SIZE, PROT_R | PROT_W);
	MUST(pct_serve(serve));
	MUST(sys_notify(start_slot("peer"), READY));
	for (;;)
		sys_wait(EV_USER(8), 0);
}

static unsigned int peer;

static long ask_once(uint64_t what, uint64_t x, unsigned long deadline, struct pct_message *m)
{
	*m = (struct pct_message){ .w = { 0, 0, what, x, 4, 5, 6 } };
	return pct_call(peer, deadline, m);
}

/* A server may be interrupted anywhere, also when it has just answered: then it is busy until its next slice. */
static long ask(uint64_t what, uint64_t x, unsigned long deadline, struct pct_message *m)
{
	long r = -E_BUSY;

	AWAIT((r = ask_once(what, x, deadline, m)) != -E_BUSY);
	return r;
}

static void start(struct proc *p, unsigned int slices)
{
	struct proc_grant give = { .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY | RIGHT_CALL };
	struct pct_message m;
	struct child c = { .name = "t_transfers", .role = "server", .first = 40, .count = slices != 0 ? slices : 1, .grants = &give, .ngrants = 1 };

	event_clear(READY);
	MUST(child(&c, p));
	CHECK_IS(sys_wait(READY, PATIENCE), READY);
	peer = p->env;
	CHECK_IS(ask(ECHO, 0, 0, &m), 0);	/* from the notification to its wait() */
	if (slices == 0)
		MUST(sys_slice_bind(start_slot("slices"), 40, 1, 0));
}

static void nobody_calls_us(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)caller, (void)sent, (void)m;
}

int main(int argc, char **argv)
{
	struct pct_message m;
	volatile double y;
	double x = 0;
	long slot, r;
	struct proc p;
	int status;

	if (argc > 1 && strcmp(argv[1], "server") == 0)
		server();
	MUST(pct_serve(nobody_calls_us));

	/* T1, T5: the message, and who we are; T6: any number of times, with and without slices of the server's own. */
	for (unsigned int slices = 0; slices < 2; slices++) {
		start(&p, slices);
		for (uint64_t i = 0; i < 3000; i++) {
			x = x * 0.25 + (double)i;
			y = x + 1.0;
			CHECK_IS(r = ask(ECHO, i, 0, &m), 0);
			CHECK_IS(m.w[0], self_env());
			CHECK_IS(m.w[3], ~i);
			CHECK_IS(m.w[6], ~6ul);
			CHECK(y == x + 1.0);
			if (r != 0)
				break;
		}
		m = (struct pct_message){ .w = { [3] = 7 } };
		AWAIT((r = pct_send(peer, &m)) != -E_BUSY);
		CHECK_IS(r, 0);
		CHECK_IS(ask(ECHO, 0, 0, &m), 0);
		CHECK_IS(m.w[1], 7);

		/* T4: we wait for it, so it cannot call us. */
		CHECK_IS(ask(NESTED, 0, 0, &m), 0);
		CHECK_IS(m.w[1], -E_BUSY);

		/* A server that would never answer: we get our slice back, and it is busy until it has ended what nobody waits for. */
		CHECK_IS(ask(LATE, 0, time_now() + exposed_system()->timebase_hz / 100, &m), -E_TIME);
		CHECK_IS(ask_once(ECHO, 0, 0, &m), -E_BUSY);
		CHECK_IS(sys_notify(peer, EV_USER(7)), 0);
		while (slices == 0 && ask_once(ECHO, 1, 0, &m) == -E_BUSY)
			CHECK_IS(sys_yield(peer), 0);
		CHECK_IS(ask(ECHO, 1, 0, &m), 0);
		CHECK_IS(m.w[3], ~1ul);
		CHECK_IS(ask(ECHO, 0, time_now(), &m), -E_TIME);

		/* T3: it dies in the middle. */
		CHECK_IS(ask(slices == 0 ? FAULT : EXIT, 0, 0, &m), -E_DEAD);
		CHECK_IS(ask(ECHO, 0, 0, &m), -E_DEAD);
		CHECK_IS(proc_state(&p, &status), PROC_EXITED);
		CHECK_IS(status, slices == 0 ? 128 + 11 : 5);
		CHECK_IS(proc_end(&p), 0);
		CHECK_IS(ask(ECHO, 0, 0, &m), -E_NOCAP);
	}

	/* It sleeps while it serves, and we with it. */
	start(&p, 1);
	CHECK_IS(ask(SLEEP, 2000, 0, &m), 0);
	CHECK_IS(m.w[1], 0);

	/* T2, T4: without the right, without an environment, at an address that is none. T8: an answer to nobody. */
	slot = slot_alloc();
	MUST(slot);
	CHECK_IS(sys_cap_copy(0, peer, (unsigned long)slot, RIGHT_YIELD | RIGHT_NOTIFY, 0, 0), 0);
	CHECK_IS(pct_call((unsigned long)slot, 0, &m), -E_RIGHTS);
	CHECK_IS(pct_send((unsigned long)slot, &m), -E_RIGHTS);
	CHECK_IS(pct_call(0, 0, &m), -E_INVAL);
	CHECK_IS(pct_call(self_slot(), 0, &m), -E_INVAL);
	CHECK_IS(pct_call(ctx_slot(), 0, &m), -E_NOCAP);
	CHECK_IS(pct_call(~0ul, 0, &m), -E_NOCAP);
	CHECK_IS(sys_env_set(0, ENV_HANDLER, UP_ENTRY, 0xffffffc080000000), -E_INVAL);
	CHECK_IS(sys_env_set(0, ENV_HANDLER, UP_ENTRY, 0x10001), -E_INVAL);
	CHECK_IS(exos_call(CALL_pct_reply, 0, 0, 0, 0, 0, 0), -E_INVAL);

	/* T4: stopped. */
	MUST(sys_env_set(peer, ENV_RUN, 0, 0));
	CHECK_IS(ask(ECHO, 0, 0, &m), -E_DEAD);
	MUST(sys_env_set(peer, ENV_RUN, 1, 0));
	CHECK_IS(ask(ECHO, 0, 0, &m), 0);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
