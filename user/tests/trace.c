/*
 * trace.c - the trace ring, read while the machine goes on: what this program and its children do is in it, in order, and in nobody's
 * sight who has no MACHINE capability. S10: nothing in it is an address of the kernel.
 */
/* guest: harts=1,2,4 */
#include <exos/trace.h>

#include "check.h"
#include "exposed.h"
#include "pct.h"
#include "trace_read.h"

#define EVENTS	4096

static unsigned int machine;
static struct trace_reader reader;
static struct trace_event event[EVENTS];
static size_t nevents;

/* Without the right: nothing of the trace can be had. */
static int spy(void)
{
	void *at = vm_reserve(PAGE_SIZE, PAGE_SIZE);
	unsigned long va = (unsigned long)at;
	void *table;

	test_page(&table, PROT_R);	/* so that there are tables for the addresses near by */
	for (unsigned int slot = 0; slot < 200; slot++) {
		CHECK_IS(sys_trace_set(slot, 1), -E_NOCAP);
		CHECK_IS(sys_trace_set(slot, 0), -E_NOCAP);
		CHECK_IS(sys_expose_bind(ctx_slot(), va, EXPOSE_TRACE, 0, 1, slot), -E_NOCAP);
	}
	CHECK(exposed_trace(0, start_slot("console")) == NULL);
	CHECK(exposed_trace(0, 0) == NULL);
	return verdict();
}

/* Something to be seen: calls, a fault, an end. */
static int play(void)
{
	for (int i = 0; i < 50; i++) {
		sys_null();
		sys_cap_delete(3000);
	}
	usleep(1000);
	__asm__ volatile("sw zero, 8(zero)");
	return 0;
}

static void look(void)
{
	nevents = trace_read(&reader, event, EVENTS);
}

static unsigned int count(unsigned int kind, uint32_t env, unsigned int what, uint64_t value)
{
	unsigned int n = 0;

	for (size_t i = 0; i < nevents; i++)
		n += event[i].kind == kind && event[i].env == env && event[i].what == what && event[i].value == value;
	return n;
}

static struct proc run(const char *role)
{
	struct child c = { .name = "trace", .role = role, .first = 20, .count = 20 };
	struct proc p;

	MUST(child(&c, &p));
	return p;
}

/* What the calls of this program leave behind, exactly. */
static void own_calls(void)
{
	uint32_t self = self_env();

	trace_reader_begin(&reader, exposed_trace(0, machine));
	sys_null();
	CHECK_IS(sys_cap_delete(3000), -E_NOCAP);
	CHECK_IS(exos_call(9999, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	look();
	CHECK_IS(count(TRACE_CALL, self, CALL_null, 0), 1);
	CHECK_IS(count(TRACE_RETURN, self, CALL_null, 0), 1);
	CHECK_IS(count(TRACE_RETURN, self, CALL_cap_delete, (uint64_t)-E_NOCAP), 1);
	CHECK_IS(count(TRACE_RETURN, self, TRACE_NO_CALL, (uint64_t)-E_NOCALL), 1);
	for (size_t i = 1; i < nevents; i++)
		CHECK(event[i].time >= event[i - 1].time);
}

static void a_childs_life(void)
{
	struct proc p;
	int status;

	trace_reader_begin(&reader, exposed_trace(0, machine));
	p = run("play");
	CHECK_IS(proc_wait(&p, 0, &status), PROC_EXITED);
	look();
	CHECK_IS(reader.lost, 0);
	CHECK_IS(count(TRACE_RETURN, p.id, CALL_null, 0), 50);
	CHECK_IS(count(TRACE_RETURN, p.id, CALL_cap_delete, (uint64_t)-E_NOCAP), 50);
	CHECK_IS(count(TRACE_FAULT, p.id, 15, 8), 1);
	CHECK(count(TRACE_UPCALL, p.id, UP_FAULT, 0) >= 1);
	CHECK(count(TRACE_SWITCH, p.id, 0, self_env()) >= 1);
	CHECK(count(TRACE_CALL, p.id, CALL_wait, 0) >= 1);
	CHECK_IS(count(TRACE_CALL, p.id, CALL_exit, 0), 1);
	/* Nobody does anything while somebody else runs, and a call is over before the next one begins. */
	for (size_t i = 0, running = self_env(), open = 0; i < nevents; i++) {
		const struct trace_event *e = &event[i];

		CHECK(e->kind > TRACE_NONE && e->kind < TRACE_KINDS);
		CHECK(e->value < 1ul << 38 || (int64_t)e->value > -256);
		if (e->kind == TRACE_SWITCH) {
			running = e->env;
			open = 0;
		}
		if (e->kind == TRACE_CALL) {
			CHECK_IS(e->env, running);
			CHECK_IS(open, 0);
			open = 1;
		}
		if (e->kind == TRACE_RETURN && e->env == running)
			open = 0;
	}
	CHECK_IS(proc_end(&p), 0);
}

/* More than there is room for, without a look: the count of what is missing is exact, and the rest in order. */
static void late(void)
{
	const volatile struct trace_ring *ring = exposed_trace(0, machine);
	uint64_t begin, seen = 0;

	trace_reader_begin(&reader, ring);
	begin = reader.next;
	for (uint32_t i = 0; i < ring->size; i++)
		sys_null();
	sys_trace_set(machine, 0);
	for (look(); nevents != 0; look()) {
		seen += nevents;
		for (size_t i = 1; i < nevents; i++)
			CHECK(event[i].time >= event[i - 1].time);
	}
	CHECK(reader.lost > ring->size / 2);
	CHECK_IS(seen + reader.lost, ring->head - begin);
	sys_null();
	look();
	CHECK_IS(nevents, 0);
}

int main(int argc, char **argv)
{
	struct proc p;
	int status;

	if (argc > 1)
		return strcmp(argv[1], "spy") == 0 ? spy() : play();
	machine = start_slot("machine");
	CHECK(exposed_trace(0, machine) == NULL);	/* nobody has traced yet */
	CHECK_IS(sys_trace_set(machine, 2), -E_INVAL);
	CHECK_IS(sys_trace_set(machine, 1), 0);
	for (unsigned int i = 0; i < exposed_system()->nharts; i++) {
		const volatile struct trace_ring *r = exposed_trace(i, machine);

		CHECK(r != NULL && r->version == EXOS_ABI_VERSION && r->hart == i && r->size > 100);
	}
	own_calls();
	a_childs_life();
	p = run("spy");
	CHECK_IS(proc_wait(&p, 0, &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	/* Other harts follow by themselves. */
	for (unsigned int i = 1; i < exposed_system()->nharts; i++) {
		struct child c = { .name = "trace", .role = "play", .first = 0, .count = 8, .hart = i };

		trace_reader_begin(&reader, exposed_trace(i, machine));
		MUST(child(&c, &p));
		CHECK_IS(proc_wait(&p, 0, &status), PROC_EXITED);
		look();
		CHECK_IS(count(TRACE_RETURN, p.id, CALL_null, 0), 50);
		CHECK_IS(count(TRACE_FAULT, p.id, 15, 8), 1);
		CHECK_IS(proc_end(&p), 0);
	}
	late();
	return verdict();
}
