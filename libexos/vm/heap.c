/*
 * heap.c - the heap: what malloc() of picolibc stands on
 */
#include <unistd.h>

#include "internal.h"
#include "space.h"
#include "start.h"

uint64_t heap_start, heap_break;

void *sbrk(ptrdiff_t change)
{
	uint64_t old = heap_break, now = old + (uint64_t)change, end = ROUND_UP(now);
	struct region *r;

	stack_ready();
	if (now < heap_start || now > LAYOUT_HEAP_END)
		return (void *)-1;
	r = region_find(&regions, heap_start);
	if (r == NULL) {
		if (end > heap_start)
			vm_heap(end);
	} else if (end < r->end) {
		space_drop(end, r->end);
		if (end == heap_start)
			region_remove(&regions, r);
		else
			r->end = end;
	} else {
		r->end = end;
	}
	heap_break = now;
	return (void *)old;
}
