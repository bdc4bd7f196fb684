/*
 * sorted.c - a program that brings its own page table (ptable.c beside this file) and uses memory in every way there is
 *
 * It exits with 0 when all of it worked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define PAGES 600ul

static unsigned int mistakes;

static void expect(int ok, const char *what)
{
	if (ok)
		return;
	printf("sorted: %s\n", what);
	mistakes++;
}

/* The number of the page stands in every third page. */
static int intact(const char *p, unsigned long from, unsigned long to)
{
	for (unsigned long i = from; i < to; i++)
		if (*(const unsigned long *)(p + i * PAGE_SIZE) != (i % 3 == 0 ? i : 0))
			return 0;
	return 1;
}

int main(void)
{
	char *p = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *heap;
	struct vm_stats before, s;
	int status = -1;
	pid_t pid;

	if (p == MAP_FAILED)
		return 2;
	vm_get_stats(&before);
	for (unsigned long i = 0; i < PAGES; i += 3)
		*(unsigned long *)(p + i * PAGE_SIZE) = i;
	vm_get_stats(&s);
	expect(s.pages - before.pages == PAGES / 3, "an entry for each page that was touched");
	expect(intact(p, 0, PAGES), "what was written is there");
	expect(munmap(p + 100 * PAGE_SIZE, 50 * PAGE_SIZE) == 0 && vm_slot(p + 102 * PAGE_SIZE) == 0, "a part can go");
	expect(mprotect(p, 100 * PAGE_SIZE, PROT_READ) == 0 && intact(p, 0, 100), "protected pages can be read");
	heap = malloc(300 * PAGE_SIZE);
	expect(heap != NULL && memset(heap, 1, 300 * PAGE_SIZE) == heap, "the heap grows");

	pid = fork();
	if (pid == 0)
		_exit(intact(p, 0, 100) && intact(p, 150, PAGES) && heap[299 * PAGE_SIZE] == 1 ? 7 : 1);
	expect(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7, "a copy finds everything");
	free(heap);

	vm_get_stats(&s);
	printf("Page table of this program: %s, %lu entries in %lu pages.\n", s.table, s.pages, s.nodes);
	if (mistakes == 0)
		printf("Pages touched, unmapped, protected, a heap and a copy of all that by fork(): as it should be.\n");
	expect(strcmp(s.table, "sorted vector") == 0, "it is our own table");
	return mistakes == 0 ? 0 : 1;
}
