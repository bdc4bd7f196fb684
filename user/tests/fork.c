/*
 * fork.c - a copy of the program: two memories that begin alike, and a cost that follows what is written
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

#define P	PAGE_SIZE
#define RW	(PROT_READ | PROT_WRITE)

static int in_data = 1, in_bss;

static int status_of(pid_t pid)
{
	int status = -1;

	CHECK_IS(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		printf("FAILED: fork: errno %d\n", errno);
		exit(1);
	}
	return pid;
}

static void both_go_on_from_here(void)
{
	pid_t parent = getpid(), pid;
	double f = 2.5;
	int on_stack = 7;

	pid = must_fork();
	if (pid == 0)
		_exit(getpid() != parent && on_stack == 7 && f == 2.5 && in_data == 1 ? 33 : 1);
	CHECK(pid != parent && getpid() == parent);
	CHECK_IS(status_of(pid), 33);
	CHECK_IS(wait(NULL), -1);
	CHECK_IS(errno, ECHILD);
}

/* What each kind of memory is in the child, and that neither sees the other's writes. */
static void two_memories(void)
{
	volatile int *heap = malloc(100 * P), *mapped = mmap(NULL, 64 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int *shared = mmap(NULL, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile int deep[2 * P / sizeof(int)];
	const unsigned int step = P / sizeof(int);
	pid_t pid;

	for (unsigned int i = 0; i < 64; i++)
		mapped[i * step] = (int)i;
	for (unsigned int i = 0; i < 100; i++)
		heap[i * step] = (int)i + 1000;
	shared[0] = 5;
	deep[0] = deep[2 * step - 1] = 9;
	in_data = 2;
	in_bss = 3;
	pid = must_fork();
	if (pid == 0) {
		int wrong = in_data != 2 || in_bss != 3 || deep[0] != 9 || deep[2 * step - 1] != 9 || shared[0] != 5;

		for (unsigned int i = 0; i < 64; i++)
			wrong += mapped[i * step] != (int)i;
		for (unsigned int i = 0; i < 100; i++)
			wrong += heap[i * step] != (int)i + 1000;
		for (unsigned int i = 0; i < 64; i++)
			mapped[i * step] = -1;
		heap[0] = deep[0] = in_data = in_bss = -1;
		shared[1] = 6;
		wrong += mmap(NULL, P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
		free(malloc(200 * P));
		_exit(wrong);
	}
	mapped[63 * step] = 100;	/* before the child runs: it must not see this */
	heap[99 * step] = 100;
	CHECK_IS(status_of(pid), 0);
	for (unsigned int i = 0; i < 63; i++)
		CHECK(mapped[i * step] == (int)i);
	CHECK(mapped[63 * step] == 100 && heap[0] == 1000 && heap[99 * step] == 100);
	CHECK(deep[0] == 9 && in_data == 2 && in_bss == 3);
	CHECK_IS(shared[1], 6);		/* this one is seen */
	for (unsigned int i = 0; i < 64; i++)
		mapped[i * step] = 1;
	free((void *)heap);
	munmap((void *)mapped, 64 * P);
	in_data = 1;
}

/* 256 pages are there; the copy writes n of them. */
static uint64_t pages_for(char *p, unsigned int n)
{
	uint32_t before = frames_free(), *there = mmap(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t used;
	pid_t pid;

	there[0] = 0;
	before = frames_free();
	pid = must_fork();
	if (pid == 0) {
		for (unsigned int i = 0; i < n; i++)
			p[i * P] = 1;
		there[0] = frames_free();
		_exit(0);
	}
	CHECK_IS(status_of(pid), 0);
	used = before - there[0];
	munmap(there, P);
	return used;
}

static void cost_follows_what_is_written(void)
{
	char *p = mmap(NULL, 256 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t none = pages_for(p, 0), some = pages_for(p, 100), all = pages_for(p, 256);
	struct vm_stats s, after;

	printf("a copy takes %lu pages, and one for each page that it writes: %lu for 100, %lu for 256\n", none, some, all);
	CHECK(none < 100);
	CHECK(some - none >= 100 && some - none < 110);
	CHECK(all - none >= 256 && all - none < 270);
	/* The children are gone: the pages are ours alone again, and nothing is copied when we write. */
	vm_get_stats(&s);
	memset(p, 2, 256 * P);
	vm_get_stats(&after);
	CHECK_IS(after.copied, s.copied);
	munmap(p, 256 * P);
}

static void protections_are_inherited(void)
{
	char *p = mmap(NULL, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	pid_t pid;

	p[0] = p[P] = 4;
	mprotect(p, P, PROT_READ);
	mprotect(p + P, P, PROT_NONE);
	pid = must_fork();
	if (pid == 0) {
		int wrong = fault_of_store((unsigned long)p) != 15;

		wrong += fault_of_load((unsigned long)p + P) != 13;
		wrong += mprotect(p, 2 * P, RW) != 0;
		wrong += p[0] != 4 || p[P] != 4;
		p[0] = p[P] = 5;
		_exit(wrong);
	}
	CHECK_IS(status_of(pid), 0);
	CHECK(p[0] == 4);
	CHECK_IS(fault_of_store((unsigned long)p), 15);
	CHECK_IS(mprotect(p, 2 * P, RW), 0);
	CHECK(p[P] == 4);
	p[0] = p[P] = 6;
	upcall_set_fault_handler(NULL);
	munmap(p, 4 * P);
}

/* Faults of the child are the child's. */
static void a_child_may_die(void)
{
	pid_t pid = must_fork();

	if (pid == 0)
		__builtin_trap();
	CHECK(status_of(pid) != 0);
}

static int generation(int n)
{
	static char kept[P * 2];
	pid_t pid;

	kept[n * 100] = (char)n;
	if (n == 4)
		return kept[0] == 0 && kept[100] == 1 && kept[400] == 4 ? 40 : 1;
	pid = must_fork();
	if (pid == 0)
		_exit(generation(n + 1) + 1);
	return status_of(pid);
}

static void large_pages_are_copied_piece_by_piece(void)
{
	char *p = mmap(NULL, 2ul << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	pid_t pid;

	for (unsigned int i = 0; i < 512; i += 50)
		p[i * P] = (char)(i / 50 + 1);
	pid = must_fork();
	if (pid == 0) {
		int wrong = 0;

		for (unsigned int i = 0; i < 512; i += 50)
			wrong += p[i * P] != (char)(i / 50 + 1);
		p[0] = 77;
		_exit(wrong);
	}
	p[50 * P] = 88;
	CHECK_IS(status_of(pid), 0);
	CHECK(p[0] == 1 && p[50 * P] == 88);
	munmap(p, 2ul << 20);
}

int main(void)
{
	uint32_t held, free_before;

	both_go_on_from_here();
	two_memories();
	cost_follows_what_is_written();
	protections_are_inherited();
	a_child_may_die();
	CHECK_IS(generation(0), 44);
	large_pages_are_copied_piece_by_piece();

	held = pages_held();
	free_before = frames_free();
	for (int i = 0; i < 50; i++) {
		pid_t pid = must_fork();

		if (pid == 0)
			_exit(i);
		CHECK_IS(status_of(pid), i);
	}
	CHECK_IS(pages_held(), held);
	CHECK_IS(frames_free(), free_before);
	return verdict();
}
