/*
 * u7_ring.c - U7: packets and completions without end for one that holds its upcalls: bits in a word, counters in its ring, nothing queued
 *
 * The program asks by ARP again and again, and a second program, on another hart if there is one, makes it more answers. It holds its upcalls, has eight
 * buffers, and takes nothing out of its ring. The first eight answers are in the buffers, whole and in order; all others are counted
 * as dropped; of the completions none is lost. In the u-area the event's bit and the pending bit are set once, and no other word changes.
 * When it lets go, it is told once, and the ring goes on.
 */
/* guest: harts=1,2,4 */
#include "rings.h"

#define RING	3
#define BUFFERS	8
#define NOWHERE	0x3000000000ul
#define WORDS	(PAGE_SIZE / sizeof(uint64_t))

static uint64_t before[WORDS], after[WORDS];
static volatile uint64_t told, calls;
static struct test_ring ring;

static void on_event(uint64_t events)
{
	told |= events;
	calls++;
	event_clear(events & (EV_RING(RING) | EV_CHILD));
}

static void copy(uint64_t *to)
{
	const volatile uint64_t *from = (const volatile uint64_t *)LAYOUT_UAREA;

	for (unsigned int i = 0; i < WORDS; i++)
		to[i] = from[i];
}

static bool may_change(unsigned int offset)
{
	return offset == U_EVENTS || offset == U_PENDING || offset == U_SLICE_END;
}

/* How many of each program. */
static unsigned int times(void)
{
	return exposed_system()->fences_page == 0 ? 1000 : 100;
}

/* They leave, and are all confirmed. Nothing here faults a second time. */
static bool ask(const struct test_ring *r, unsigned int page, unsigned int n)
{
	uint32_t first = r->shared->sent_idx;
	unsigned long end = PATIENCE;

	for (unsigned int i = 0; i < n; i++)
		if (send_page(r, page, ARP_BYTES, i) != 0)
			return false;
	while (r->shared->sent_idx != first + n && time_now() < end)
		;
	return r->shared->sent_idx == first + n;
}

static int flood(void)
{
	unsigned int page;
	void *at;

	ring_open(&ring, 0, 0);
	page = test_page(&at, PROT_R | PROT_W);
	arp_request(at);
	return ask(&ring, page, times()) ? 0 : 1;
}

/* The last completions of n, the first of all apart: each cookie once, and none failed. */
static void cookies(unsigned int n)
{
	static unsigned int count[RING_SIZE];
	unsigned int wrong = 0;

	for (unsigned int i = n > RING_SIZE ? n - RING_SIZE : 1; i < n; i++)
		wrong += ring.shared->sent[i % RING_SIZE] & 1 || count[(ring.shared->sent[i % RING_SIZE] >> 1) % RING_SIZE]++ != 0;
	CHECK_IS(wrong, 0);
}

int main(int argc, char **argv)
{
	struct proc_grant flow = { .name = "flow.root", .slot = start_slot("flow.root"), .rights = RIGHT_SEND };
	struct child c = { .name = "u7_ring", .role = "flood", .first = 20, .count = 20, .grants = &flow, .ngrants = 1, .stopped = true, .hart = 1 };
	const volatile struct exposed_env *flooder;
	unsigned int page, n = times();
	unsigned long until;
	uint64_t in = 0;
	bool sent = false;
	uint32_t held;
	struct cap_info info;
	struct proc p;
	int status = -1;
	void *at;

	if (!exposed_system()->nic_present)
		return skip("there is no network device");
	if (argc > 1 && strcmp(argv[1], "flood") == 0)
		return flood();
	ring_open(&ring, BUFFERS, RING);
	page = test_page(&at, PROT_R | PROT_W);
	arp_request(at);
	filter_for(&ring, 0x0806);
	MUST(child(&c, &p));
	flooder = exposed_env_of(p.id);
	upcall_set_event_handler(EV_RING(RING), on_event);
	/* One that is told, so that all is used once before upcalls are held. */
	CHECK(ask(&ring, page, 1));
	AWAIT(ring.shared->received == 1);
	CHECK(is_arp_answer(ring.at[0]));
	sys_null();
	CHECK(calls > 0);
	ring.shared->avail[BUFFERS] = 0;
	__atomic_store_n(&ring.shared->avail_idx, BUFFERS + 1, __ATOMIC_RELEASE);
	fault_of_load(NOWHERE);
	event_clear(EV_RING(RING));
	calls = told = 0;
	copy(after);
	held = pages_held();
	until = PATIENCE;

	uarea()->held = 1;
	copy(before);
	if (sys_env_set(p.env, ENV_RUN, 1, 0) == 0) {
		sent = ask(&ring, page, n);
		while ((in < 1 + 2 * n || flooder->state != ENV_STOPPED || (event_pending() & EV_CHILD) == 0) && time_now() < until)
			in = ring.shared->received + ring.shared->dropped;
	}
	copy(after);
	uarea()->held = 0;

	CHECK(sent);
	CHECK_IS(calls, 0);
	CHECK_IS(ring.shared->received, 1 + BUFFERS);
	CHECK_IS(ring.shared->dropped, 2 * n - BUFFERS);
	CHECK_IS(ring.shared->used_idx, 1 + BUFFERS);
	CHECK_IS(ring.shared->sent_idx, 1 + n);
	cookies(1 + n);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		unsigned int b = (i + 1) % BUFFERS;

		CHECK_IS(ring.shared->used[1 + i].buffer, b);
		CHECK(ring.shared->used[1 + i].length >= 42);
		CHECK(is_arp_answer(ring.at[b]));
	}
	CHECK_IS(before[U_EVENTS / 8], 0);
	CHECK_IS(after[U_EVENTS / 8], EV_RING(RING) | EV_CHILD);
	CHECK_IS(before[U_PENDING / 8], 0);
	CHECK_IS(after[U_PENDING / 8], 1ul << UP_EVENT);
	CHECK_IS(after[U_HELD / 8], 1);
	for (unsigned int i = 0; i < WORDS; i++)
		if (!may_change(i * 8) && !CHECK(before[i] == after[i]))
			printf("word %u of the u-area: %lx, then %lx\n", i, before[i], after[i]);
	CHECK_IS(pages_held(), held);

	/* Told once, of all, at the end of the next upcall. */
	CHECK_IS(fault_of_load(NOWHERE), 13);
	CHECK_IS(calls, 1);
	CHECK((told & EV_RING(RING)) != 0);
	CHECK_IS(uarea()->pending, 0);

	/* Buffers again, and the ring goes on. */
	for (unsigned int i = 0; i < BUFFERS; i++)
		ring.shared->avail[(1 + BUFFERS + i) % RING_SIZE] = (uint16_t)i;
	__atomic_store_n(&ring.shared->avail_idx, 1 + 2 * BUFFERS, __ATOMIC_RELEASE);
	CHECK(ask(&ring, page, BUFFERS));
	AWAIT(ring.shared->received == 1 + 2 * BUFFERS);
	CHECK_IS(ring.shared->received, 1 + 2 * BUFFERS);
	CHECK_IS(ring.shared->dropped, 2 * n - BUFFERS);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		CHECK_IS(sys_cap_info(ring.page[i], &info), 0);
		CHECK_IS(exposed_frame(info.object)->pins, 1);
	}
	CHECK_IS(proc_wait(&p, PATIENCE, &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	return verdict();
}
