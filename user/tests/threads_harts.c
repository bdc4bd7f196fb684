/*
 * threads_harts.c - threads of one program on several harts: they run at the same time, and share locks, conditions, memory and fate
 *
 * With one hart everything is at home, and the same must come out.
 */
/* guest: harts=1,2,4 */
#include <errno.h>

#include "check.h"
#include "preempt.h"
#include "thread.h"

#define THREADS 6

static struct mutex lock;
static struct condition changed;
static unsigned int harts;

static void run(void *(*fn)(void *), unsigned int n, uintptr_t arg)
{
	struct thread *t[16];

	for (unsigned int i = 0; i < n; i++)
		CHECK((t[i] = thread_create(fn, (void *)(arg != 0 ? arg : i), 0)) != NULL);
	for (unsigned int i = 0; i < n; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	CHECK_IS(preempt_depth, 0);
}

/* ---- at the same time ---- */

static volatile unsigned int arrived;

/* Nobody yields, nobody blocks: this ends only when all of them run at once. */
static void *meet(void *arg)
{
	for (unsigned int round = 1; round <= 100; round++) {
		__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < round * (unsigned int)(uintptr_t)arg)
			;
	}
	return NULL;
}

static void all_run_at_once(void)
{
	struct thread *t[8];

	arrived = 0;
	for (unsigned int i = 1; i < harts; i++)
		MUST((t[i] = thread_create(meet, (void *)(uintptr_t)harts, 0)) != NULL ? 0 : -E_NOMEM);
	meet((void *)(uintptr_t)harts);
	for (unsigned int i = 1; i < harts; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	CHECK_IS(arrived, 100 * harts);
}

/* ---- a counter under a lock ---- */

static volatile uint64_t counter, torn;

static void *count(void *arg)
{
	for (uintptr_t i = 0; i < (uintptr_t)arg; i++) {
		mutex_lock(&lock);
		uint64_t was = counter;

		for (volatile int k = 0; k < 5; k++)
			;
		torn += counter != was;
		counter = was + 1;
		mutex_unlock(&lock);
	}
	return arg;
}

static void counting(uint64_t each)
{
	counter = 0;
	run(count, THREADS, each);
	CHECK_IS(counter, each * THREADS);
	CHECK_IS(torn, 0);
	CHECK_IS(lock.word, 0);
	CHECK(lock.waiters.first == NULL);
}

/* A lock that nobody else wants: whoever has it stays where it is. */
static void *lock_alone(void *arg)
{
	static struct mutex own[THREADS];
	struct mutex *m = &own[(uintptr_t)arg % THREADS];
	uint64_t moves = thread_stats()->moves, faults = thread_stats()->faults;

	for (unsigned int i = 0; i < 50000; i++) {
		mutex_lock(m);
		mutex_unlock(m);
	}
	return (void *)(uintptr_t)(thread_stats()->moves - moves + thread_stats()->faults - faults);
}

static void no_call_without_contention(void)
{
	struct thread *t = thread_create(lock_alone, NULL, 0);
	void *moved;

	CHECK_IS(thread_join(t, &moved), 0);
	CHECK_IS(moved, 0);
}

/* ---- conditions ---- */

#define ROOM	4
#define THINGS	600

static unsigned int queue[ROOM], first, filled, made, taken_sum;
static struct condition space;

static void *produce(void *arg)
{
	(void)arg;
	for (;;) {
		mutex_lock(&lock);
		while (filled == ROOM)
			condition_wait(&space, &lock, 0);
		if (made == THINGS) {
			condition_broadcast(&changed);
			mutex_unlock(&lock);
			return NULL;
		}
		queue[(first + filled++) % ROOM] = ++made;
		condition_signal(&changed);
		mutex_unlock(&lock);
	}
}

static void *consume(void *arg)
{
	(void)arg;
	for (;;) {
		mutex_lock(&lock);
		while (filled == 0 && made < THINGS)
			condition_wait(&changed, &lock, 0);
		if (filled == 0) {
			condition_broadcast(&changed);
			condition_broadcast(&space);
			mutex_unlock(&lock);
			return NULL;
		}
		taken_sum += queue[first];
		first = (first + 1) % ROOM;
		filled--;
		condition_signal(&space);
		mutex_unlock(&lock);
	}
}

static void *either(void *arg)
{
	return (uintptr_t)arg % 2 ? produce(arg) : consume(arg);
}

static void producers_and_consumers(void)
{
	first = filled = made = taken_sum = 0;
	run(either, THREADS, 0);
	CHECK_IS(made, THINGS);
	CHECK_IS(filled, 0);
	CHECK_IS(taken_sum, THINGS * (THINGS + 1) / 2);
}

static unsigned int waiting, generation, rounds[THREADS];

static void barrier(void)
{
	unsigned int mine;

	mutex_lock(&lock);
	mine = generation;
	if (++waiting == THREADS) {
		waiting = 0;
		generation++;
		condition_broadcast(&changed);
	}
	while (generation == mine)
		condition_wait(&changed, &lock, 0);
	mutex_unlock(&lock);
}

/* Nobody is ever more than one round ahead. */
static void *in_step(void *arg)
{
	for (unsigned int i = 0; i < 60; i++) {
		rounds[(uintptr_t)arg]++;
		barrier();
		for (unsigned int k = 0; k < THREADS; k++)
			if (__atomic_load_n(&rounds[k], __ATOMIC_SEQ_CST) - i > 2)
				__atomic_fetch_add(&torn, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void barriers(void)
{
	memset(rounds, 0, sizeof(rounds));
	run(in_step, THREADS, 0);
	for (unsigned int k = 0; k < THREADS; k++)
		CHECK_IS(rounds[k], 60);
	CHECK_IS(torn, 0);
}

/* ---- what is a thread's own ---- */

static __thread uint64_t mine = 42;
static __thread char room[64];

/* Home and away again, by a yield, a sleep, a fault and a lock; registers, thread-local data and errno come along. */
static void *own(void *arg)
{
	uint64_t me = (uint64_t)arg;
	double sum = 0, want = 0;
	char *memory = vm_map(40 * PAGE_SIZE, PROT_R | PROT_W);

	if (memory == NULL || mine != 42 || room[63] != 0)
		return (void *)1;
	mine = me;
	errno = (int)me;
	memset(room, (int)me, sizeof(room));
	for (unsigned int i = 0; i < 40; i++) {
		sum += (double)me / 4;
		memory[i * PAGE_SIZE] = (char)i;		/* not there yet */
		want += (double)me / 4;
		if (i % 8 == 1)
			thread_yield();
		if (i % 8 == 3)
			thread_sleep(deadline_us(300));
		if (i % 8 == 5)
			count((void *)1);
		if (i % 8 == 7)
			event_wait(EV_USER(3), deadline_us(100));
		if (mine != me || errno != (int)me || room[0] != (char)me || room[63] != (char)me || thread_self() == NULL || sum != want)
			return (void *)2;
	}
	for (unsigned int i = 0; i < 40; i++)
		if (memory[i * PAGE_SIZE] != (char)i)
			return (void *)3;
	return (void *)(uintptr_t)(vm_unmap(memory) != 0);
}

static void what_is_own(bool others)
{
	struct thread *t[THREADS];
	uint64_t faults = thread_stats()->faults;
	void *result;

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK((t[i] = thread_create(own, (void *)(i + 1), 0)) != NULL);
	for (uintptr_t i = 0; i < THREADS; i++) {
		CHECK_IS(thread_join(t[i], &result), 0);
		CHECK_IS(result, 0);
	}
	CHECK_IS(mine, 42);
	if (others)
		CHECK(thread_stats()->faults > faults);
}

/* malloc(), and the vm part, from everywhere at once. */
static void *memory(void *arg)
{
	uint64_t state = (uint64_t)arg + 1;
	unsigned char *have[8] = { NULL };
	size_t size[8] = { 0 };

	for (unsigned int i = 0; i < 150; i++) {
		unsigned int k = (unsigned int)(random_next(&state) % 8);

		if (have[k] != NULL) {
			if (have[k][0] != (unsigned char)k || have[k][size[k] - 1] != (unsigned char)(uintptr_t)arg)
				return (void *)1;
			if (k < 4)
				free(have[k]);
			else
				vm_unmap(have[k]);
		}
		size[k] = 2 + random_next(&state) % (k < 4 ? 3000 : 20000);
		have[k] = k < 4 ? malloc(size[k]) : vm_map(size[k], PROT_R | PROT_W);
		if (have[k] == NULL)
			return (void *)2;
		have[k][0] = (unsigned char)k;
		have[k][size[k] - 1] = (unsigned char)(uintptr_t)arg;
	}
	for (unsigned int k = 0; k < 8; k++)
		if (have[k] != NULL && k < 4)
			free(have[k]);
		else if (have[k] != NULL)
			vm_unmap(have[k]);
	return NULL;
}

static void memory_of_all(void)
{
	struct thread *t[THREADS];
	void *result;

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK((t[i] = thread_create(memory, (void *)i, 0)) != NULL);
	for (uintptr_t i = 0; i < THREADS; i++) {
		CHECK_IS(thread_join(t[i], &result), 0);
		CHECK_IS(result, 0);
	}
}

/* ---- faults that are the program's own, and calls ---- */

static volatile unsigned int breaks;

static bool on_break(struct upcall_frame *f)
{
	if (f->cause != 3)
		return false;
	breaks++;
	f->frame_pc += 2;
	return true;
}

static void *with_calls(void *arg)
{
	void *va;
	unsigned int slot;

	for (unsigned int i = 0; i < 20; i++)
		__asm__ volatile("c.ebreak" ::: "memory");	/* told at home, wherever it happens */
	thread_stay(true);
	for (unsigned int i = 0; i < 20; i++) {
		slot = test_page(&va, PROT_R | PROT_W);
		*(volatile uint64_t *)va = i;
		if (slot_delete(slot) != 0)
			return (void *)1;
		vm_unmap(va);
		thread_yield();
	}
	thread_stay(false);
	printf("%lu ", (unsigned long)(uintptr_t)arg);
	return NULL;
}

static void faults_and_calls(void)
{
	upcall_set_fault_handler(on_break);
	breaks = 0;
	run(with_calls, THREADS, 0);
	printf("\n");
	CHECK_IS(breaks, 20 * THREADS);
	upcall_set_fault_handler(NULL);
}

/* ---- one of the environments is slow, or ends ---- */

static unsigned int worker_slot(unsigned int n)
{
	struct cap_info info;

	for (unsigned int s = 2; s < 4000; s++)
		if (sys_cap_info(s, &info) == 0 && info.type == CAP_ENV && (info.rights & RIGHT_CONTROL) && n-- == 0)
			return s;
	return 0;
}

static void one_is_slow(void)
{
	MUST(sys_slice_bind(slices_of(1), 1, SLICES - 1, 0));	/* one slice of 64 is left to it */
	counting(300);
	barriers();
	MUST(sys_slice_bind(slices_of(1), 1, SLICES - 1, worker_slot(0)));
}

static volatile bool stop, started;

static void *spin(void *arg)
{
	(void)arg;
	started = true;
	while (!stop)
		;
	return (void *)7;
}

/* Ended from outside while a thread runs on it: that one is lost, the others and the program go on. */
static void one_ends(void)
{
	unsigned int slots[8];
	struct thread *t;
	void *result = NULL;
	long r;

	for (unsigned int left = harts - 1; left > 0; left--) {
		uint32_t held;

		/* Which of them it is given to is the library's choice: so all of those that may have it are tried in turn. */
		started = false;
		stop = false;
		t = thread_create(spin, NULL, 0);
		AWAIT(started);
		CHECK(started);
		for (unsigned int i = 0; i < left; i++)
			slots[i] = worker_slot(i);
		CHECK_IS(worker_slot(left), 0);
		held = pages_held();
		AWAIT((r = sys_env_set(slots[0], ENV_RUN, 0, 0)) != -E_BUSY);
		CHECK_IS(r, 0);
		AWAIT(worker_slot(left - 1) == 0 || (thread_yield(), false));
		CHECK_IS(worker_slot(left - 1), 0);
		CHECK(pages_held() < held);
		stop = true;
		r = thread_join(t, &result);
		CHECK(r == -E_DEAD || (r == 0 && result == (void *)7));
		if (left == 1)
			CHECK_IS(r, -E_DEAD);		/* there was only that one */
		counting(200);
	}
	what_is_own(false);
}

/* ---- the end of the program ---- */

static void *end_all(void *how)
{
	started = true;
	if (how == (void *)1)
		exit(9);
	if (how == (void *)2)
		abort();
	while (!stop)
		;
	return NULL;
}

/* A program of two harts, that ends from a thread that is away, or is ended. */
static int role(char what)
{
	MUST(thread_harts(2));
	MUST(thread_create(end_all, (void *)(uintptr_t)(what - '0'), 0) != NULL ? 0 : -E_NOMEM);
	if (what == '3') {	/* the end of the first thread, while the other is somewhere */
		AWAIT(started);
		return 11;
	}
	thread_join(thread_create(spin, NULL, 0), NULL);
	return 1;
}

static void programs_end(void)
{
	static const int status[] = { 0, 9, 128 + 6, 11 };
	const char *const roles[] = { "0", "1", "2", "3" };

	for (unsigned int i = 0; i < 4; i++) {
		struct proc_grant more = { .name = "slices1", .slot = slices_of(1), .rights = RIGHT_BIND, .nslices = SLICES, .value = SLICES };
		struct child c = { .name = "threads_harts", .role = roles[i], .first = 8, .count = 16, .pages = 400, .grants = &more,
				   .ngrants = 1 };
		uint32_t free = frames_free();
		int got = -1;
		struct proc p;

		MUST(child(&c, &p));
		if (i == 0) {		/* ended from outside, in the middle of it */
			thread_sleep(deadline_us(100000));
		} else {
			CHECK_IS(proc_wait(&p, PATIENCE, &got), PROC_EXITED);
			CHECK_IS(got, status[i]);
		}
		CHECK_IS(proc_end(&p), 0);
		if (i > 0)		/* the first leaves a table or a page of slots behind */
			CHECK_IS(frames_free(), free);
	}
}

int main(int argc, char **argv)
{
	int r;

	if (argc > 1)
		return role(argv[1][0]);
	if (exposed_system()->nharts > 1)
		programs_end();
	r = thread_harts(8);
	harts = exposed_system()->nharts;
	CHECK_IS(r, harts);
	CHECK_IS(thread_harts(2), -E_INVAL);
	for (unsigned int preemption = 0; preemption < 2; preemption++) {
		thread_preemption(preemption);
		all_run_at_once();
		counting(2000);
		no_call_without_contention();
		producers_and_consumers();
		barriers();
		what_is_own(harts > 1);
		memory_of_all();
		faults_and_calls();
	}
	if (harts > 1) {
		one_is_slow();
		one_ends();
	}
	printf("%d harts, %lu switches, %lu moves, %lu faults\n", r, thread_stats()->switches, thread_stats()->moves, thread_stats()->faults);
	return verdict();
}
