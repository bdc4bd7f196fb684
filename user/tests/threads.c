/*
 * threads.c - threads of one environment: turns, locks, conditions, waiting, thread-local data, preemption
 */
#include <errno.h>

#include "check.h"
#include "preempt.h"
#include "thread.h"

#define MANY 20

static int order[64];
static unsigned int norder;
static struct mutex lock;
static struct condition changed;
static __thread uint64_t mine = 42;
static __thread char room[100];

static void *number(void *arg)
{
	for (int i = 0; i < 3; i++) {
		order[norder++] = (int)(intptr_t)arg;
		thread_yield();
	}
	return arg;
}

static void turns(void)
{
	struct thread *t[3];
	void *result;

	for (intptr_t i = 0; i < 3; i++)
		CHECK((t[i] = thread_create(number, (void *)(i + 1), 0)) != NULL);
	for (intptr_t i = 0; i < 3; i++) {
		CHECK_IS(thread_join(t[i], &result), 0);
		CHECK_IS(result, i + 1);
	}
	for (unsigned int i = 0; i < 9; i++)
		CHECK_IS(order[i], i % 3 + 1);
	CHECK_IS(thread_join(thread_self(), NULL), -E_INVAL);
}

/* Each thread finds the file's value, zeros, and an errno of its own. */
static void *local(void *arg)
{
	CHECK_IS(mine, 42);
	for (unsigned int i = 0; i < sizeof(room); i++)
		CHECK_IS(room[i], 0);
	mine = (uint64_t)arg;
	errno = (int)(intptr_t)arg;
	memset(room, (int)(intptr_t)arg, sizeof(room));
	thread_yield();
	CHECK_IS(mine, (uint64_t)arg);
	CHECK_IS(errno, (int)(intptr_t)arg);
	CHECK_IS(room[99], (char)(intptr_t)arg);
	return NULL;
}

static void thread_local_data(void)
{
	struct thread *t[3];

	mine = 7;
	errno = 99;
	for (intptr_t i = 0; i < 3; i++)
		t[i] = thread_create(local, (void *)(i + 1), 0);
	for (int i = 0; i < 3; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	CHECK_IS(mine, 7);
	CHECK_IS(errno, 99);
}

static int counter, inside;

static void *increments(void *arg)
{
	for (int i = 0; i < 50; i++) {
		CHECK_IS(mutex_lock(&lock), 0);
		CHECK_IS(inside++, 0);
		thread_yield();
		counter++;
		CHECK_IS(--inside, 0);
		CHECK_IS(mutex_unlock(&lock), 0);
	}
	return arg;
}

static void locks(void)
{
	struct thread *t[5];

	for (int i = 0; i < 5; i++)
		t[i] = thread_create(increments, NULL, 0);
	for (int i = 0; i < 5; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	CHECK_IS(counter, 250);
	CHECK_IS(lock.word, 0);

	CHECK_IS(mutex_unlock(&lock), -E_INVAL);
	CHECK_IS(mutex_lock(&lock), 0);
	CHECK_IS(mutex_lock(&lock), -E_BUSY);
	CHECK(!mutex_try(&lock));
	CHECK_IS(mutex_unlock(&lock), 0);
	CHECK(mutex_try(&lock));
	CHECK_IS(mutex_unlock(&lock), 0);
}

/* ---- a bounded buffer between two producers and two consumers ---- */

static int buffer[4];
static unsigned int put_at, get_at, total;

static void *produce(void *arg)
{
	for (int i = 1; i <= 100; i++) {
		mutex_lock(&lock);
		while (put_at - get_at == 4)
			condition_wait(&changed, &lock, 0);
		buffer[put_at++ % 4] = i;
		condition_broadcast(&changed);
		mutex_unlock(&lock);
	}
	return arg;
}

static void *consume(void *arg)
{
	for (int i = 0; i < 100; i++) {
		mutex_lock(&lock);
		while (put_at == get_at)
			condition_wait(&changed, &lock, 0);
		total += (unsigned int)buffer[get_at++ % 4];
		condition_broadcast(&changed);
		mutex_unlock(&lock);
	}
	return arg;
}

static void conditions(void)
{
	struct thread *t[4];
	unsigned long deadline;

	for (int i = 0; i < 4; i++)
		t[i] = thread_create(i % 2 == 0 ? consume : produce, NULL, 0);
	for (int i = 0; i < 4; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	CHECK_IS(total, 2 * 5050);

	CHECK_IS(condition_wait(&changed, &lock, 0), -E_INVAL);
	mutex_lock(&lock);
	deadline = deadline_us(3000);
	CHECK_IS(condition_wait(&changed, &lock, deadline), 1);
	CHECK(time_now() >= deadline);
	CHECK_IS(mutex_unlock(&lock), 0);
	CHECK(changed.waiters.first == NULL);
}

/* ---- waiting ---- */

static volatile uint64_t ticks;
static volatile bool stop;

static void *ticker(void *arg)
{
	while (!stop) {
		ticks++;
		usleep(500);
	}
	return arg;
}

static void *waiter(void *arg)
{
	CHECK_IS(event_wait((uint64_t)arg, 0), (uint64_t)arg);
	return arg;
}

/* One waits for a child, one for an event, one sleeps again and again: nobody keeps the others from running. */
static void waiting(void)
{
	struct child c = { .name = "threads", .role = "later", .count = 8 };
	struct thread *t, *w[2];
	struct proc p;
	int status;

	CHECK_IS(event_wait(0, 0), -E_INVAL);
	CHECK_IS(event_wait(EV_USER(3), deadline_us(1000)), 0);
	t = thread_create(ticker, NULL, 0);
	w[0] = thread_create(waiter, (void *)EV_USER(4), 0);
	w[1] = thread_create(waiter, (void *)EV_USER(4), 0);
	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, deadline_us(3000000), &status), PROC_EXITED);
	CHECK_IS(status, 5);
	for (unsigned long end = deadline_us(2000000); ticks <= 5 && time_now() < end;)
		thread_sleep(deadline_us(1000));
	CHECK(ticks > 5);
	MUST(proc_end(&p));
	/* Cleared before either of them has run: both are told. */
	MUST(sys_notify(self_slot(), EV_USER(4)));
	event_clear(EV_USER(4));
	for (int i = 0; i < 2; i++)
		CHECK_IS(thread_join(w[i], NULL), 0);
	/* What was cleared before a wait began is nothing to it. */
	MUST(sys_notify(self_slot(), EV_USER(4)));
	event_clear(EV_USER(4));
	CHECK_IS(event_wait(EV_USER(4), deadline_us(2000)), 0);
	stop = true;
	CHECK_IS(thread_join(t, NULL), 0);
}

/* ---- preemption ---- */

static volatile uint64_t spins[4];
static double sums[4];
static volatile bool enough;

/* Never yields; its registers and memory are its own all the same. */
static void *spin(void *arg)
{
	unsigned int me = (unsigned int)(intptr_t)arg;
	uint64_t a = me + 1, rounds = 0;
	double x = me + 0.5;

	while (!enough) {
		char *p = malloc(100 + rounds % 1000);

		memset(p, (int)me, 100);
		a = a * 6364136223846793005ull + 1442695040888963407ull;
		x = x * 0.5 + me;
		mutex_lock(&lock);
		CHECK_IS(inside++, 0);
		counter++;
		CHECK_IS(--inside, 0);
		mutex_unlock(&lock);
		for (int i = 0; i < 100; i++)
			if (p[i] != (char)me)
				CHECK_IS(p[i], (char)me);
		free(p);
		spins[me] = ++rounds;
	}
	sums[me] = x;
	/* Once more, alone. */
	{
		uint64_t b = me + 1;
		double y = me + 0.5;

		for (uint64_t i = 0; i < rounds; i++) {
			b = b * 6364136223846793005ull + 1442695040888963407ull;
			y = y * 0.5 + me;
		}
		CHECK_IS(a, b);
		CHECK(x == y);
	}
	return NULL;
}

static void preemption(void)
{
	struct child c = { .name = "threads", .role = "spin", .count = 1 };
	struct thread *t[4];
	uint64_t least = ~0ull, before = thread_stats()->preemptions;
	struct proc p[8];

	/* Somebody else's slices between ours: each of ours has an end. */
	for (unsigned int i = 0; i < 8; i++) {
		c.first = 7 * i + 3;
		MUST(child(&c, &p[i]));
	}
	counter = 0;
	thread_preemption(true);
	for (intptr_t i = 0; i < 4; i++)
		t[i] = thread_create(spin, (void *)i, 0);
	thread_sleep(deadline_us(1500000));
	enough = true;
	for (int i = 0; i < 4; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		least = spins[i] < least ? spins[i] : least;
	CHECK(least > 10);
	CHECK_IS(counter, spins[0] + spins[1] + spins[2] + spins[3]);
	CHECK(thread_stats()->preemptions - before > 10);
	printf("%lu changes, %lu of them in upcalls\n", thread_stats()->switches, thread_stats()->preemptions);
	thread_preemption(false);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_IS(proc_end(&p[i]), 0);
}

/* An event ends the turn of a thread that spins, when another one waits for it. */
static volatile bool told;

static void *told_by_event(void *arg)
{
	event_wait(EV_USER(6), 0);
	event_clear(EV_USER(6));
	told = true;
	return arg;
}

static void interrupted_by_events(void)
{
	struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
	struct child c = { .name = "threads", .role = "notify", .first = 30, .count = 8, .grants = &parent, .ngrants = 1 };
	struct thread *t = thread_create(told_by_event, NULL, 0);
	unsigned long end = deadline_us(3000000);
	struct proc p;

	thread_yield();
	thread_preemption(true);
	MUST(child(&c, &p));
	while (!told && time_now() < end)
		;
	CHECK(told);
	thread_preemption(false);
	CHECK_IS(thread_join(t, NULL), 0);
	CHECK_IS(proc_wait(&p, 0, NULL), PROC_EXITED);
	MUST(proc_end(&p));
}

static void *nothing(void *arg)
{
	return arg;
}

static int role(const char *name)
{
	if (strcmp(name, "spin") == 0)
		for (;;)
			;
	if (strcmp(name, "deadlock") == 0) {
		mutex_lock(&lock);
		thread_join(thread_create(increments, NULL, 0), NULL);
		return 0;
	}
	if (strcmp(name, "overrun") == 0) {
		thread_join(thread_create(nothing, NULL, 1), NULL);
		thread_create(nothing, NULL, ~0ul >> 1);
		*(volatile char *)((char *)thread_create(nothing, NULL, PAGE_SIZE) - 2 * PAGE_SIZE) = 1;
		return 0;
	}
	usleep(10000);
	if (strcmp(name, "notify") != 0)
		return 5;
	/* Several times, for the turn that the first one brings may be ended by the end of a slice. */
	for (int i = 0; i < 20 && sys_notify(start_slot("parent"), EV_USER(6)) == 0; i++)
		usleep(5000);
	return 0;
}

static void ends_with(const char *name, int want)
{
	struct child c = { .name = "threads", .role = name, .count = 8 };
	int status = -1;
	struct proc p;

	MUST(child(&c, &p));
	CHECK_IS(proc_wait(&p, deadline_us(5000000), &status), PROC_EXITED);
	CHECK_IS(status, want);
	MUST(proc_end(&p));
}

int main(int argc, char **argv)
{
	struct thread *t[MANY];
	uint32_t held;

	if (argc > 1)
		return role(argv[1]);
	turns();
	thread_local_data();
	locks();
	conditions();
	held = pages_held();
	for (int i = 0; i < MANY; i++)
		CHECK((t[i] = thread_create(nothing, &t[i], 0)) != NULL);
	for (int i = MANY; i-- > 0;) {
		void *result;

		CHECK_IS(thread_join(t[i], &result), 0);
		CHECK(result == &t[i]);
	}
	CHECK(pages_held() <= held + 3);	/* tables and nodes for the addresses stay */
	waiting();
	preemption();
	interrupted_by_events();
	ends_with("deadlock", 128 + 6);
	ends_with("overrun", 128 + 11);
	return verdict();
}
