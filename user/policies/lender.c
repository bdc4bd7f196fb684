/*
 * lender.c - a second environment that lends its memory
 *
 * It is a copy of this program. Between the two lie two shared pages: an order (struct order) and the page that the order is about.
 * Who wants a page writes the order, notifies the lender and yields to it; the lender serves it, says so in the order, and sleeps again.
 * All of this happens inside a page fault of the borrower.
 */
#include "lender.h"

#include <string.h>
#include <unistd.h>

#include "exos_calls.h"
#include "posix.h"
#include "proc.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define ORDERED	EV_USER(0)	/* to the lender */

enum what { BRING, TAKE, STOP };

struct order {
	uint64_t number, done;		/* served when equal */
	uint64_t what, page, served;
};

static volatile struct order *order;
static char *page;			/* what goes over */
static struct proc lender;

static void lend(unsigned int pages)
{
	char *mine = vm_map(pages * PAGE_SIZE, PROT_R | PROT_W);

	if (mine == NULL || vm_touch(mine, pages * PAGE_SIZE) < 0)
		_exit(1);
	for (uint64_t n = 0; n < pages; n++)
		for (uint64_t i = 0; i < PAGE_SIZE / 8; i++)
			((uint64_t *)(mine + n * PAGE_SIZE))[i] = n;
	for (;;) {
		event_clear(ORDERED);
		if (order->number == order->done) {
			sys_wait(ORDERED, 0);
			continue;
		}
		if (order->what == STOP)
			_exit(0);
		if (order->what == BRING)
			memcpy(page, mine + order->page * PAGE_SIZE, PAGE_SIZE);
		else
			memcpy(mine + order->page * PAGE_SIZE, page, PAGE_SIZE);
		order->served++;
		order->done = order->number;
	}
}

/* Until the lender has served it. It answers in our slice, which it gets. */
static int order_page(enum what what, uint64_t n)
{
	order->what = what;
	order->page = n;
	order->number++;
	sys_notify(lender.env, ORDERED);
	while (order->done != order->number) {
		long r = sys_yield(lender.env);

		if (r == -E_DEAD)
			return -1;
		if (r == -E_BUSY)
			sys_notify(lender.env, ORDERED);
	}
	return 0;
}

static int store_read(void *arg, uint64_t n, void *to)
{
	(void)arg;
	if (order_page(BRING, n) < 0)
		return -1;
	memcpy(to, page, PAGE_SIZE);
	return 0;
}

static int store_write(void *arg, uint64_t n, const void *from)
{
	(void)arg;
	memcpy(page, from, PAGE_SIZE);
	return order_page(TAKE, n);
}

const struct page_store lender_store = { .read = store_read, .write = store_write };

int lender_start(unsigned int pages)
{
	struct proc_fork f = { 0 };
	unsigned int slots;
	char *shared = vm_share(2 * PAGE_SIZE, &slots);
	int r;

	if (shared == NULL)
		return -E_NOMEM;
	order = (volatile struct order *)shared;
	page = shared + PAGE_SIZE;
	r = proc_fork(&f, &lender);
	if (r == 1)
		lend(pages);
	return r;
}

unsigned long lender_end(void)
{
	unsigned long served = order->served;
	int status;

	order->what = STOP;
	order->number++;
	sys_notify(lender.env, ORDERED);
	while (proc_state(&lender, &status) == PROC_RUNNING)
		if (sys_yield(lender.env) < 0)
			sys_wait(EV_CHILD, deadline_us(1000));
	proc_end(&lender);
	return served;
}
