/*
 * timer.c - deadlines, kept in a binary heap
 *
 * heap[0] is the earliest. Setting, moving and clearing take O(log n) steps; the heap has room for every timer there is, so none
 * of them can fail.
 */
#include "internal.h"

static void place(struct net *net, unsigned int i, struct timer *t)
{
	net->heap[i] = t;
	t->pos = i + 1;
}

static void sift_up(struct net *net, unsigned int i, struct timer *t)
{
	while (i > 0 && net->heap[(i - 1) / 2]->when > t->when) {
		place(net, i, net->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(net, i, t);
}

static void sift_down(struct net *net, unsigned int i, struct timer *t)
{
	unsigned int child;

	while ((child = 2 * i + 1) < net->heap_len) {
		if (child + 1 < net->heap_len && net->heap[child + 1]->when < net->heap[child]->when)
			child++;
		if (net->heap[child]->when >= t->when)
			break;
		place(net, i, net->heap[child]);
		i = child;
	}
	place(net, i, t);
}

void timer_set(struct net *net, struct timer *t, uint64_t when)
{
	if (t->pos == 0) {
		t->when = when;
		sift_up(net, net->heap_len++, t);
	} else if (when < t->when) {
		t->when = when;
		sift_up(net, t->pos - 1, t);
	} else {
		t->when = when;
		sift_down(net, t->pos - 1, t);
	}
}

void timer_clear(struct net *net, struct timer *t)
{
	unsigned int i = t->pos - 1;
	struct timer *last;

	if (t->pos == 0)
		return;
	t->pos = 0;
	last = net->heap[--net->heap_len];
	if (last == t)
		return;
	if (i > 0 && net->heap[(i - 1) / 2]->when > last->when)
		sift_up(net, i, last);
	else
		sift_down(net, i, last);
}

/* A timer that sets itself again for now or earlier would loop; what fires therefore sets itself into the future. */
void timer_run(struct net *net)
{
	while (net->heap_len > 0 && net->heap[0]->when <= net->now) {
		struct timer *t = net->heap[0];

		timer_clear(net, t);
		t->fire(net, t);
	}
}
