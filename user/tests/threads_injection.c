/*
 * threads_injection.c - the end of a turn at every single instruction of the lock, the condition and a change of threads
 *
 * A breakpoint is put on one instruction of libexos after the other. Whoever meets it puts the instruction back, and its turn is over:
 * the fault's handler says so, and the other thread goes on with the registers that it had. Both do the same work on shared
 * data under one lock, hand a token back and forth by a condition, and must find nothing torn; both must come to their end. With two
 * harts the second thread is on the other one, as long as nothing brings it home: a breakpoint does.
 */
/* guest: harts=1,2 */
#include "check.h"
#include "preempt.h"
#include "thread.h"

static struct mutex lock;
static struct condition turn;
static volatile unsigned int a, b;	/* equal whenever the lock is free */
static volatile unsigned int token, done;

static char *at;		/* where the breakpoint is */
static uint16_t original;
static unsigned int met, inside;

static void put(char *where, uint16_t what)
{
	*(volatile uint16_t *)where = what;	/* in one piece: the other hart may come by */
	__asm__ volatile("fence.i" ::: "memory");
}

static bool on_break(struct upcall_frame *f)
{
	if (f->cause != 3 || f->frame_pc != (uint64_t)at)
		return false;
	put(at, original);
	met++;
	if (preempt_depth != 0)
		inside++;
	thread_turn_over();
	return true;
}

static void *work(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg;

	for (unsigned int i = 0; i < 2; i++) {
		mutex_lock(&lock);
		CHECK_IS(a, b);
		a = a + 1;
		thread_yield();
		CHECK_IS(a, b + 1);
		b = b + 1;
		while (token != me)
			condition_wait(&turn, &lock, 0);
		token = !me;
		condition_signal(&turn);
		mutex_unlock(&lock);
	}
	mutex_lock(&lock);
	done++;
	mutex_unlock(&lock);
	return NULL;
}

static void round_of_two(void)
{
	struct thread *t[2];

	token = done = 0;
	for (uintptr_t i = 0; i < 2; i++)
		t[i] = thread_create(work, (void *)i, PAGE_SIZE);
	for (int i = 0; i < 2; i++)
		CHECK_IS(thread_join(t[i], NULL), 0);
	CHECK_IS(done, 2);
	CHECK_IS(a, b);
	CHECK_IS(lock.word, 0);
	CHECK(lock.waiters.first == NULL && turn.waiters.first == NULL);
	CHECK_IS(preempt_depth, 0);
}

/* From each function to the next one behind it in memory, as the linker put them: its size is not known here, so 400 bytes of each. */
static char *const functions[] = {
	(char *)mutex_lock, (char *)mutex_try, (char *)mutex_unlock, (char *)condition_wait, (char *)condition_signal,
	(char *)thread_yield, (char *)thread_exit, (char *)thread_join,
};

int main(void)
{
	unsigned int instructions = 0;

	upcall_set_fault_handler(on_break);
	CHECK_IS(thread_harts(2), exposed_system()->nharts);
	round_of_two();
	for (unsigned int k = 0; k < sizeof(functions) / sizeof(functions[0]); k++) {
		char *p = functions[k], *end = p + 160;

		MUST(sys_page_protect(ctx_slot(), (unsigned long)p & ~(PAGE_SIZE - 1), 1, PROT_R | PROT_W | PROT_X));
		MUST(sys_page_protect(ctx_slot(), (unsigned long)end & ~(PAGE_SIZE - 1), 1, PROT_R | PROT_W | PROT_X));
		while (p < end) {
			memcpy(&original, p, sizeof(original));
			at = p;
			put(at, 0x9002);	/* c.ebreak */
			round_of_two();
			put(at, original);
			instructions++;
			p += (original & 3) == 3 ? 4 : 2;
		}
	}
	printf("%u instructions, %u met, %u of them where threads do not change places\n", instructions, met, inside);
	CHECK(met > 150);
	CHECK(inside > 50 && met - inside > 30);
	CHECK(thread_stats()->preemptions > 30);
	return verdict();
}
