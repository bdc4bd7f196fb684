/*
 * harts.c - programs on several harts: they run at the same time, and can be told, stopped and ended from another one
 *
 * M16, T4, U8. With one hart everything is on that one.
 */
/* guest: harts=1,2,4 */
#include "check.h"
#include "pct.h"

#define READY	EV_USER(1)
#define DONE	EV_USER(2)

static volatile uint64_t told;

static void on_event(uint64_t events)
{
	event_clear(events);
	told++;
}

static void answer(uint32_t caller, bool sent, struct pct_message *m)
{
	(void)sent;
	m->w[0] = caller;
	m->w[1] = uarea()->hart;
	m->w[2] = told;
}

static __attribute__((noreturn)) void role(const char *name)
{
	if (strcmp(name, "spin") == 0) {
		MUST(sys_notify(start_slot("peer"), READY));
		for (;;)
			;
	}
	if (strcmp(name, "listen") == 0) {
		/* Told by upcalls while it spins. */
		upcall_set_event_handler(EV_USER(5), on_event);
		MUST(sys_notify(start_slot("peer"), READY));
		for (uint64_t n = 1; n <= 30; n++) {
			while (told < n)
				;
			MUST(sys_notify(start_slot("peer"), DONE));
		}
		sys_exit(0);
	}
	MUST(pct_serve(answer));
	MUST(sys_notify(start_slot("peer"), READY));
	for (;;) {
		sys_wait(EV_USER(8), 0);
		event_clear(EV_USER(8));
	}
}

static void start(const char *what, unsigned int hart, struct proc *p)
{
	struct proc_grant give = { .name = "peer", .slot = self_slot(), .rights = RIGHT_NOTIFY | RIGHT_CALL };
	struct child c = { .name = "harts", .role = what, .first = 10 + hart, .count = 1, .grants = &give, .ngrants = 1, .hart = hart };

	event_clear(READY);
	MUST(child(&c, p));
	CHECK_IS(sys_wait(READY, PATIENCE), READY);
}

/* On the other hart it cannot be stopped in one step: it is told, and asked again. */
static long stop(unsigned int env)
{
	long r;

	AWAIT((r = sys_env_set(env, ENV_RUN, 0, 0)) != -E_BUSY);
	return r;
}

int main(int argc, char **argv)
{
	unsigned int n = exposed_system()->nharts;
	const volatile struct exposed_env *e;
	struct pct_message m;
	struct env_regs regs;
	struct proc p[8], q;
	uint64_t used[8], before, ticks;
	long r;

	if (argc > 1)
		role(argv[1]);
	printf("%u harts\n", n);

	/* All at once: each gets nearly all of a hart of its own; ours shares hart 0 with one of them. */
	for (unsigned int i = 0; i < n; i++)
		start("spin", i, &p[i]);
	for (unsigned int i = 0; i < n; i++)
		used[i] = exposed_env_of(p[i].id)->used;
	before = time_now();
	ticks = exposed_system()->timebase_hz / 5;
	while (time_now() - before < ticks)
		sys_wait(0, deadline_us(20000));
	for (unsigned int i = 1; i < n; i++) {
		AWAIT(exposed_env_of(p[i].id)->used - used[i] > ticks / 2);	/* it is accounted when its run of slices ends */
		CHECK(exposed_env_of(p[i].id)->used - used[i] > ticks / 2);
		CHECK_IS(exposed_hart(i)->current, p[i].id);
	}

	/* M16, T4: what runs elsewhere is busy, and can be stopped, looked at, started and ended. */
	for (unsigned int i = 0; i < n; i++) {
		if (i > 0) {
			CHECK_IS(sys_yield(p[i].env), -E_BUSY);
			CHECK_IS(pct_call(p[i].env, 0, &m), -E_BUSY);
			CHECK_IS(sys_env_regs(p[i].env, 0, &regs), -E_BUSY);
		}
		for (int k = 0; k < 10; k++) {
			CHECK_IS(stop(p[i].env), 0);
			CHECK_IS(sys_env_regs(p[i].env, 0, &regs), 0);
			CHECK(regs.pc >= LAYOUT_IMAGE && regs.pc < LAYOUT_HEAP_END);
			CHECK_IS(sys_yield(p[i].env), -E_DEAD);
			CHECK_IS(sys_env_set(p[i].env, ENV_RUN, 1, 0), 0);
		}
		CHECK_IS(proc_end(&p[i]), 0);
	}
	for (int k = 0; k < 5; k++) {
		start("spin", 1, &q);
		CHECK_IS(proc_end(&q), 0);
	}

	/* An event reaches a program that runs on another hart at once. */
	for (unsigned int i = 0; i < n; i++) {
		start("listen", i, &q);
		for (int k = 0; k < 30; k++) {
			event_clear(DONE);
			CHECK_IS(r = sys_notify(q.env, EV_USER(5)), 0);
			CHECK_IS(r = sys_wait(DONE, PATIENCE), DONE);
			if (r != (long)DONE)
				break;
		}
		CHECK_IS(proc_wait(&q, PATIENCE, NULL), PROC_EXITED);
		CHECK_IS(proc_end(&q), 0);
	}

	/* A server that sleeps on another hart serves here, in our slice; one that it wakes there goes on there. */
	for (unsigned int i = 0; i < n; i++) {
		start("serve", i, &q);
		e = exposed_env_of(q.id);
		for (int k = 0; k < 100; k++) {
			AWAIT((r = pct_call(q.env, 0, &m)) != -E_BUSY);
			CHECK_IS(r, 0);
			if (r != 0)
				break;
			CHECK_IS(m.w[0], self_env());
			CHECK_IS(m.w[1], uarea()->hart);
			if (k % 20 == 0) {
				CHECK_IS(sys_notify(q.env, EV_USER(8)), 0);
				usleep(500);
			}
		}
		CHECK(e->switches > 0);
		CHECK_IS(proc_end(&q), 0);
	}
	printf("longest wait for the lock %u ticks, longest hold %u ticks\n", exposed_hart(0)->lock_wait, exposed_hart(0)->lock_held);
	return verdict();
}
