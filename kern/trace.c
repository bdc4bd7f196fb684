/*
 * trace.c - events: switched on and off, and written
 */
#include "kern/trace.h"
#include "kern/arch.h"
#include "kern/expose.h"
#include "kern/page.h"
#include "kern/syscall.h"

char *trace_rings;
static bool wanted;	/* harts are to be traced */

struct trace_ring *trace_ring(const struct hart *h)
{
	return (struct trace_ring *)(trace_rings + h->index * system_info->trace_pages * PAGE_SIZE);
}

/* Not at the start of the machine, so that one that nobody traces does not start later for it. */
static void show(size_t each)
{
	memset(trace_rings, 0, nharts * each);
	for (unsigned i = 0; i < nharts; i++) {
		trace_ring(&harts[i])->version = EXOS_ABI_VERSION;
		trace_ring(&harts[i])->hart = i;
		trace_ring(&harts[i])->size = (each - sizeof(struct trace_ring)) / sizeof(struct trace_event);
	}
	expose_region(EXPOSE_TRACE, trace_rings, nharts * each);
}

void trace_follow(struct hart *h)
{
	if ((h->trace != NULL) == wanted)
		return;
	h->trace = wanted ? trace_ring(h) : NULL;
	arch_trace(wanted);
	trace(h, TRACE_SWITCH, h->current != NULL ? h->current->id : 0, 0, 0);
}

void trace_put(struct hart *h, enum trace_kind kind, uint32_t env, unsigned what, uint64_t value)
{
	struct trace_ring *r = h->trace;

	if (kind == TRACE_SWITCH) {
		value = r->env;
		r->env = env;
	}
	dma_wmb();		/* `head` said so before what it gives up is overwritten, */
	r->event[r->head % r->size] = (struct trace_event){ .time = arch_time(), .value = value, .env = env, .kind = kind, .what = what };
	dma_wmb();		/* and the event is there before `head` says so */
	WRITE_ONCE(r->head, r->head + 1);
}

struct env *trace_call(struct env *self, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5,
		       unsigned long a6, unsigned long number)
{
	struct hart *h = self->hart;
	uint64_t switches = self->pub->switches;
	unsigned what = number < CALL_COUNT ? number : TRACE_NO_CALL;
	struct env *next = self;

	trace(h, TRACE_CALL, self->id, what, 0);
	if (what != TRACE_NO_CALL)
		next = syscall_full(self, a1, a2, a3, a4, a5, a6, number);
	else
		self->x[10] = (uint64_t)-E_NOCALL;
	/* It may have been away meanwhile, and then its return is told elsewhere; or be gone. */
	if (next == self && self->pub->switches == switches)
		trace(h, TRACE_RETURN, self->id, what, self->x[10]);
	return next;
}

long sys_trace_set(struct env *self, unsigned long machine, unsigned long on)
{
	if (cap_get(self, machine, CAP_MACHINE) == NULL)
		return -E_NOCAP;
	if (on > 1)
		return -E_INVAL;
	if (frame_of(kva_page(trace_rings))->type != FRAME_EXPOSED)
		show(system_info->trace_pages * PAGE_SIZE);
	wanted = on;
	trace_follow(self->hart);
	for (unsigned i = 0; i < nharts; i++)
		if (&harts[i] != self->hart)
			arch_ipi(&harts[i]);
	return 0;
}
