/*
 * s2_ring.c - S2, S3, C7 with packets: predicates, lists of segments and frames that change during the call, memory that goes, capabilities lent and taken back
 *
 * What the kernel judged is what it did: a filter that was let in under a flow is that flow's, and a packet that was let out is the one
 * that the flow allows. A flow allows questions for 10.0.2.2 alone, and the hammer makes them questions for 10.0.2.3, which the emulator's network
 * would answer as well.
 */
/* guest: harts=1,2,4 */
#include "hammer.h"
#include "rings.h"

#define BUFFERS		8
#define TYPE		0x88b5		/* for experiments: nobody sends it */
#define OTHER_TYPE	0x88b6
#define CUT		20		/* bytes of a frame in its first segment */
#define HALF		2048		/* where the frame lies in a page that also becomes a u-area */
#define LENT_BUFFER	20
#define RW		(PROT_R | PROT_W)

static struct test_ring ring;
static unsigned int flow_type, flow_ask;
static uint64_t cookie;

static unsigned int derive(const struct flow_predicate *receive, const struct flow_predicate *send, unsigned int rights)
{
	static struct flow_spec spec;
	long slot = page_new();

	MUST(slot);
	spec = (struct flow_spec){ .version = FLOW_VERSION, .receive = *receive, .send = *send };
	MUST(sys_flow_derive(start_slot("flow.root"), (unsigned int)slot, &spec, rights));
	return (unsigned int)slot;
}

/* Two slots that differ in the lowest byte alone: a byte is never seen half changed. */
static unsigned int near_slots(void)
{
	unsigned int first;

	do
		first = slot_alloc_run(2);
	while ((first ^ (first + 1)) > 255);
	return first;
}

static unsigned int pins_of(unsigned int slot)
{
	struct cap_info info = { .object = 0 };

	CHECK_IS(sys_cap_info(slot, &info), 0);
	return exposed_frame(info.object)->pins;
}

/* ---- predicates ---- */

/* Bound with success: the filter is the flow's, for no other may be bound beside it, and one for the other type may. It goes again. */
static void is_of_the_flow(unsigned int filter)
{
	struct flow_predicate same = ethertype(TYPE), other = ethertype(OTHER_TYPE);
	unsigned int spare = slot_alloc();

	MUST(sys_page_alloc(0, spare, FRAME_ANY, 0));
	CHECK_IS(sys_filter_bind(spare, start_slot("flow.root"), ring.slot, &same, 0), -E_EXISTS);
	CHECK_IS(sys_filter_bind(spare, start_slot("flow.root"), ring.slot, &other, 0), 0);
	CHECK_IS(sys_cap_delete(spare), 0);
	CHECK_IS(sys_cap_delete(filter), 0);
	slot_free(spare);
}

static void bind_again_and_again(const char *what, struct flow_predicate *p)
{
	unsigned int filter = slot_alloc(), seen[2] = { 0, 0 }, rounds = 0;
	unsigned long began;
	long r;

	MUST(sys_page_alloc(0, filter, FRAME_ANY, 0));
	for (began = time_now(); again(&rounds, began, seen);) {
		r = sys_filter_bind(filter, flow_type, ring.slot, p, 0);
		CHECK(r == 0 || r == -E_IMPLY || (r == -E_FAULT && order.work == UNBIND));
		seen[r != 0]++;
		if (r != 0)
			continue;
		is_of_the_flow(filter);
		MUST(sys_page_alloc(0, filter, FRAME_ANY, 0));
	}
	set_to(REST);
	told(what, rounds, seen);
	MUST(sys_cap_delete(filter));
	slot_free(filter);
}

static void predicate_that_flips(void)
{
	struct flow_predicate *p;
	void *at;

	test_page(&at, RW);
	p = at;
	*p = ethertype(TYPE);
	order.byte[0] = (volatile uint8_t *)&p->atom[0].value;
	order.bytes = 1;
	order.value[0] = TYPE & 0xff;
	order.value[1] = OTHER_TYPE & 0xff;
	set_to(FLIP);
	bind_again_and_again("a predicate that flips", p);
}

/* ---- packets ---- */

/* An answer has come, and it is the right one. */
static void answered(uint32_t received)
{
	unsigned long end = PATIENCE;
	unsigned int b;

	while (ring.shared->received == received && time_now() < end)
		turn();
	CHECK_IS(ring.shared->received, received + 1);
	CHECK_IS(ring.shared->dropped, 0);
	if (ring.shared->received != received + 1)
		return;
	b = ring.shared->used[received % RING_SIZE].buffer;
	CHECK(b < BUFFERS && is_arp_answer(ring.at[b]));
	ring.shared->avail[ring.shared->avail_idx % RING_SIZE] = (uint16_t)b;
	__atomic_store_n(&ring.shared->avail_idx, ring.shared->avail_idx + 1, __ATOMIC_RELEASE);
}

/* Send once; what is let out is answered. */
static long send_once(struct send_segment *s, unsigned int n)
{
	uint32_t received = (uint32_t)ring.shared->received;
	unsigned long end = PATIENCE;
	long r;

	do
		r = sys_net_send(ring.slot, flow_ask, s, n, ++cookie);
	while (r == -E_FULL && time_now() < end);
	if (r == 0)
		answered(received);
	return r;
}

static void send_again_and_again(const char *what, struct send_segment *s, unsigned int n)
{
	unsigned int seen[2] = { 0, 0 }, rounds = 0;
	unsigned long began;
	long r;

	for (began = time_now(); again(&rounds, began, seen);) {
		r = send_once(s, n);
		CHECK(r == 0 || r == -E_IMPLY || (r == -E_FAULT && order.work == UNBIND));
		seen[r != 0]++;
	}
	set_to(REST);
	told(what, rounds, seen);
}

/* The pages of a question in two pieces: the first, and the second in two forms, of which one is allowed. */
static void pieces(unsigned int *first, unsigned int second[2])
{
	unsigned char frame[ARP_BYTES];
	void *at;

	arp_request(frame);
	*first = test_page(&at, RW);
	memcpy(at, frame, CUT);
	second[0] = near_slots();
	second[1] = second[0] + 1;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int page = test_page(&at, RW);

		frame[41] = (unsigned char)(2 + i);
		memcpy(at, frame + CUT, ARP_BYTES - CUT);
		MUST(sys_cap_copy(0, page, second[i], PROT_R, 0, 0));
	}
}

static void segments_that_flip(void)
{
	unsigned int first, second[2];
	struct send_segment *s;
	void *at;

	pieces(&first, second);
	test_page(&at, RW);
	s = at;
	s[0] = (struct send_segment){ .slot = first, .length = CUT };
	s[1] = (struct send_segment){ .slot = second[0], .length = ARP_BYTES - CUT };
	order.byte[0] = (volatile uint8_t *)&s[1].slot;
	order.bytes = 1;
	order.value[0] = (uint8_t)second[0];
	order.value[1] = (uint8_t)second[1];
	set_to(FLIP);
	send_again_and_again("segments that flip", s, 2);
}

static void frame_that_flips(void)
{
	struct send_segment s = { .length = ARP_BYTES };
	unsigned char *frame;
	void *at;

	s.slot = test_page(&at, RW);
	frame = at;
	arp_request(frame);
	order.byte[0] = &frame[41];
	order.bytes = 1;
	order.value[0] = 2;
	order.value[1] = 3;
	set_to(FLIP);
	send_again_and_again("a frame that flips", &s, 1);
}

/* ---- memory that goes ---- */

/* The hammer binds one of two pages, or none. The first holds what is allowed, the second what is not. */
static void memory_that_goes(void)
{
	char *va = vm_reserve(2 * PAGE_SIZE, 512 * PAGE_SIZE), *gone = va + PAGE_SIZE;
	unsigned int first, second[2];
	void *at;

	MUST(vm_page((unsigned int)page_new(), va, RW));	/* for the tables */
	pieces(&first, second);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int page = test_page(&at, RW);
		struct send_segment *s = (void *)((char *)at + HALF);

		*(struct flow_predicate *)at = ethertype(i == 0 ? TYPE : OTHER_TYPE);
		s[0] = (struct send_segment){ .slot = first, .length = CUT };
		s[1] = (struct send_segment){ .slot = second[i], .length = ARP_BYTES - CUT };
		MUST(sys_cap_grant(page, hammer, i == 0 ? HIS_ONE : HIS_OTHER, RW, 0, 0));
	}
	order.at = (unsigned long)gone;
	set_to(UNBIND);
	bind_again_and_again("a predicate that goes", (struct flow_predicate *)gone);
	set_to(UNBIND);
	send_again_and_again("segments that go", (struct send_segment *)(gone + HALF), 2);
	sys_page_unbind(ctx_slot(), (unsigned long)gone, 1);
}

/* ---- lent and taken back ---- */

/* A page that the hammer lends and takes back becomes a buffer, a u-area, a piece of a packet: all of it, or nothing. */
static void lent_and_taken_back(unsigned int asleep)
{
	unsigned int lent = slot_alloc(), page, spare, seen[2] = { 0, 0 }, rounds = 0;
	unsigned long began;
	uint64_t before;
	void *at;
	long r;

	spare = test_page(&at, RW);
	page = test_page(&at, RW);
	arp_request((unsigned char *)at + HALF);
	MUST(sys_cap_grant(page, hammer, HIS_LENT, RW, 0, 0));
	MUST(sys_env_set(0, ENV_WINDOW, lent, 1));
	MUST(sys_env_set(asleep, ENV_UAREA, page, LAYOUT_UAREA));	/* its first words are in it from now on */
	MUST(sys_env_set(asleep, ENV_UAREA, spare, LAYOUT_UAREA));
	before = hash(at, PAGE_SIZE);
	CHECK_IS(pins_of(page), 0);
	order.to = lent;
	set_to(LEND);
	for (began = time_now(); again(&rounds, began, seen);) {
		struct send_segment s = { .slot = lent, .offset = HALF, .length = ARP_BYTES };

		r = sys_ring_buffer(ring.slot, LENT_BUFFER, lent);
		CHECK(r == 0 || r == -E_NOCAP);
		seen[r != 0]++;
		CHECK_IS(pins_of(page), r == 0);
		CHECK_IS(sys_ring_buffer(ring.slot, LENT_BUFFER, 0), 0);
		CHECK_IS(pins_of(page), 0);
		turn();
		r = sys_env_set(asleep, ENV_UAREA, lent, LAYOUT_UAREA);
		CHECK(r == 0 || r == -E_NOCAP);
		CHECK_IS(pins_of(page), r == 0);
		CHECK_IS(sys_env_set(asleep, ENV_UAREA, spare, LAYOUT_UAREA), 0);
		turn();
		r = send_once(&s, 1);
		CHECK(r == 0 || r == -E_NOCAP);
		for (unsigned long end = PATIENCE; pins_of(page) != 0 && time_now() < end;)
			;
		CHECK_IS(pins_of(page), 0);
		CHECK_IS(hash(at, PAGE_SIZE), before);
	}
	set_to(REST);
	told("lent and taken back", rounds, seen);
	MUST(sys_env_set(0, ENV_WINDOW, 0, 0));
}

int main(void)
{
	struct flow_predicate type = ethertype(TYPE), ask = ethertype(0x0806);
	struct send_segment s = { .length = ARP_BYTES };
	long asleep = page_new();
	void *at;

	if (!exposed_system()->nic_present)
		return skip("there is no network device");
	MUST(asleep);
	MUST(sys_env_create((unsigned int)asleep, 0));
	ring_open(&ring, BUFFERS, 3);
	flow_type = derive(&type, &type, RIGHT_RECV);
	filter_for(&ring, 0x0806);

	/* The other question would be answered: so what must not go out would be seen. */
	s.slot = test_page(&at, RW);
	arp_request(at);
	((unsigned char *)at)[41] = 3;
	MUST(sys_net_send(ring.slot, start_slot("flow.root"), &s, 1, 0));
	AWAIT(ring.shared->received == 1);
	CHECK_IS(ring.shared->received, 1);
	CHECK(!is_arp_answer(ring.at[0]) && ring.at[0][31] == 3);
	ring.shared->avail[BUFFERS] = 0;
	__atomic_store_n(&ring.shared->avail_idx, BUFFERS + 1, __ATOMIC_RELEASE);

	ask.atom[ask.natoms++] = (struct flow_atom){ .offset = 38, .width = 4, .mask = 0xffffffff, .value = 0x0a000202 };
	flow_ask = derive(&type, &ask, RIGHT_SEND);
	hammer_start();
	set_to(REST);
	predicate_that_flips();
	segments_that_flip();
	frame_that_flips();
	memory_that_goes();
	lent_and_taken_back((unsigned int)asleep);
	hammer_end();
	return verdict();
}
