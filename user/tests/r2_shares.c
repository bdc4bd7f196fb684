/*
 * r2_shares.c - R1, R2, R5, R6, R8: slices and places in the classifier are lent, and wanted back from one that answers by the library, one that is
 * deaf, one that lies, one that takes them again, and one that is promised what it has
 *
 * The test holds all that is left, so whoever wants more than is free wants it from the victim. Whatever that one does then, what is promised
 * comes in bounded time; the victim lives, knows what it has left, and its data and everybody else's are as they were.
 */
/* guest: harts=1,2,4 */
#include <exos/flow.h>
#include <exos/ring.h>

#include "check.h"
#include "netif/netif.h"
#include "preempt.h"
#include "revoke.h"
#include "slices.h"
#include "thread.h"

#define FIRST	8		/* the victim's slices, of hart 1 if there is one: from here on */
#define COUNT	16
#define WANT	5
#define THREADS	4
#define CHUNK	262144	/* additions between two times that a thread takes the lock: some milliseconds */

/* What a victim tells, in shared memory. */
struct seat {
	volatile uint64_t ready, rounds, wrong, stop;
	volatile uint64_t left, given, taken, again;	/* slices or flows */
	volatile uint64_t late;				/* the answer came when its time was nearly over */
	volatile int64_t  error;			/* of the network interface */
	volatile uint64_t up;				/* test: bring it up again */
};

static struct seat *seat;
static unsigned int seat_slot;

static bool debug_kernel(void)
{
	return exposed_system()->fences_page != 0;
}

/* Where the emulator's host or the audit may hold up an answer, it is not told from silence. */
static bool punctual(void)
{
	return !debug_kernel() && exposed_system()->nharts == 1 && seat->late == 0;
}

static const volatile struct exposed_env *me(void)
{
	return exposed_env_of(self_env());
}

/* ---- victims of slices ---- */

static uint64_t data[512];

static void fill(void)
{
	for (unsigned int i = 0; i < 512; i++)
		data[i] = i * 0x9e3779b97f4a7c15ul;
}

static void look(void)
{
	for (unsigned int i = 0; i < 512; i++)
		seat->wrong += data[i] != i * 0x9e3779b97f4a7c15ul;
}

static unsigned int lie(unsigned int n)
{
	return n;
}

static unsigned int own_cap(void)
{
	return start_slot("slices") != 0 ? start_slot("slices") : start_slot("slices1");
}

/* Give, and take again what was given: nobody gets that but who waits. */
static unsigned int give_and_take(unsigned int n)
{
	struct cap_info info;
	unsigned int given = 0;

	if (sys_cap_info(own_cap(), &info) < 0)
		return 0;
	for (unsigned int at = info.first; at < info.first + info.count && given < n; at++) {
		if (exposed_hart((unsigned int)info.object)->slice[at] != self_env() || sys_slice_bind(own_cap(), at, 1, 0) < 0)
			continue;
		given++;
		seat->again += sys_slice_bind(own_cap(), at, 1, self_slot()) == 0;
	}
	return given;
}

/* Even places are kept, and of the others the first go first. */
static uint32_t even_kept(unsigned int hart, unsigned int at)
{
	(void)hart;
	return at % 2 == 0 ? SLICE_KEEP : at;
}

static int slices_victim(const char *role)
{
	fill();
	if (strcmp(role, "deaf") == 0)
		sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0);
	else if (strcmp(role, "lies") == 0)
		revoke_set_answer(REVOKE_SLICES, lie);
	else if (strcmp(role, "takes") == 0)
		revoke_set_answer(REVOKE_SLICES, give_and_take);
	else if (strcmp(role, "chooses") == 0)
		slices_set_worth(even_kept);
	seat->ready = 1;
	while (!seat->stop) {
		look();
		seat->left = slices_left();
		seat->given = revoke_stats(REVOKE_SLICES)->given;
		seat->taken = revoke_stats(REVOKE_SLICES)->taken;
		seat->rounds++;
	}
	return 0;
}

/* ---- threads on several harts, of which one loses all its slices ---- */

static struct mutex lock;
static volatile uint64_t counter;

/* Floating-point registers are full of sums all the time, and the lock changes hands. */
static uint64_t each[THREADS], seen[THREADS];

static void *work(void *arg)
{
	double sum = 0, step = 1.0 / CHUNK;

	while (!seat->stop) {
		unsigned int others = 1;

		for (unsigned int i = 0; i < CHUNK; i++)
			sum += step;
		mutex_lock(&lock);
		counter = counter + 1;
		seat->rounds = counter;
		/* How many went on since the test looked last: it sets `left` to 0. */
		if (seat->left == 0)
			memcpy(seen, each, sizeof(seen));
		for (unsigned int i = 0; i < THREADS; i++)
			others += each[i] != seen[i];
		seat->left = others;
		mutex_unlock(&lock);
		*(volatile uint64_t *)arg += 1;
		thread_yield();
	}
	seat->wrong += sum != (double)*(uint64_t *)arg;
	return NULL;
}

static int threads_victim(void)
{
	struct thread *t[THREADS];
	uint64_t sum = 0;

	if (thread_harts(2) != 2)
		return 20;
	for (unsigned int i = 0; i < THREADS; i++)
		if ((t[i] = thread_create(work, &each[i], 0)) == NULL)
			return 21;
	seat->ready = 1;
	for (unsigned int i = 0; i < THREADS; i++) {
		if (thread_join(t[i], NULL) != 0)
			return 22;
		sum += each[i];
	}
	/* Each of them went on, wherever it was. */
	for (unsigned int i = 0; i < THREADS; i++)
		if (each[i] == 0)
			return 23;
	return sum == counter ? 0 : 24;
}

/* ---- victims of filters ---- */

static struct flow_predicate shape(unsigned int number)
{
	return (struct flow_predicate){ .version = FLOW_VERSION, .natoms = 1,
		.atom = { { .offset = (uint16_t)(40 + number / 2 * 2), .width = 2, .mask = number % 2 ? 0xffff : 0xfff, .value = 1 } } };
}

/* Filters of so many shapes of one's own, from `first` on, into a ring without buffers. Returns how many there is a place for. */
static unsigned int hoard(unsigned int first, unsigned int n)
{
	void *va;
	unsigned int shared = test_page(&va, PROT_R | PROT_W), ring = (unsigned int)page_new(), flow = start_slot("root"), got = 0;

	MUST(sys_ring_create(ring, shared, 9));
	while (got < n) {
		struct flow_predicate p = shape(first + got);
		long page = page_new();

		MUST(page);
		if (sys_filter_bind((unsigned int)page, flow != 0 ? flow : start_slot("flow.root"), ring, &p, 0) != 0)
			break;
		got++;
	}
	return got;
}

static int filler(void)
{
	seat->left = hoard(32, 8);
	seat->ready = 1;
	while (!seat->stop)
		sys_wait(0, deadline_us(5000));
	return me()->lost == 0 && me()->filters.held == seat->left ? 0 : 30;
}

/* Five flows that have a meaning, and three that have none: eight places. */
static int net_victim(const char *role)
{
	struct netif_ring *ring;
	struct netif_stats stats;
	struct net_config cfg;
	struct flow_spec spec;
	struct net *net;
	const char *const names[] = { "flow.icmp", "flow.udp9", "flow.tcp9", "flow.arp", "flow.dhcp" };
	uint8_t mac[6];

	memcpy(mac, (const void *)exposed_system()->mac, sizeof(mac));
	if (netif_open(&ring, 8) < 0)
		return 40;
	for (unsigned int i = 0; i < 8; i++) {
		if (i < 5) {
			flow_spec_named(&spec, names[i], mac, 0);
		} else {
			spec = (struct flow_spec){ .version = FLOW_VERSION, .receive = shape(20 + i), .send = { .version = FLOW_VERSION } };
			spec.receive.atom[0].value = 7;
		}
		if (netif_flow(ring, start_slot("root"), &spec) < 0)
			return 41;
	}
	net_config_default(&cfg);
	cfg.tcp_conns = cfg.tcp_halfopen = cfg.tcp_timewait = cfg.tcp_listeners = 1;
	cfg.tcp_sndbuf = cfg.tcp_rcvbuf = 2048;
	if (netif_start(ring, &cfg, &net) < 0)
		return 42;
	if (strcmp(role, "deaf") == 0)
		sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0);
	else if (strcmp(role, "lies") == 0)
		revoke_set_answer(REVOKE_FILTERS, lie);
	fill();
	seat->ready = 1;
	while (!seat->stop) {
		netif_wait(ring, net, 0, strcmp(role, "deaf") == 0 ? 0 : now_us() + 2000);	/* with one handler only it is told while it runs */
		look();
		netif_get_stats(ring, &stats);
		seat->given = stats.flows_given;
		seat->taken = stats.flows_taken;
		seat->again = stats.flows_again;
		seat->error = netif_error(ring);
		seat->left = me()->filters.held;
		if (seat->up) {
			seat->up = 0;
			net_raw_send(net, data, 60);	/* down: it goes nowhere, and nothing hangs */
			if (netif_error(ring) == -E_NODEV && netif_up(ring) < 0)
				return 43;
		}
		seat->rounds++;
	}
	return 0;
}

/* One that is given flows, and so is promised places for them. */
static int server(void)
{
	struct netif_ring *ring;
	unsigned long begin = time_now();

	if (netif_open(&ring, 8) < 0)
		return 50;
	if (netif_grants(ring) != 2)
		return 51;
	printf("server: its filters were bound in %lu us\n", (time_now() - begin) / 10);
	return 0;
}

/* ---- the test ---- */

/* All slices that are nobody's become the test's. */
static void take_the_rest(void)
{
	for (unsigned int h = 0; h < exposed_system()->nharts; h++)
		for (unsigned int at = 0; at < SLICES; at++)
			if (exposed_hart(h)->slice[at] == 0)
				MUST(sys_slice_bind(slices_of(h), at, 1, self_slot()));
}

static struct proc_grant share_seat(void)
{
	return (struct proc_grant){ .name = "seat", .slot = seat_slot, .rights = PROT_R | PROT_W };
}

static void begin(const char *role, const struct child *like, struct proc *p)
{
	struct child c = *like;

	memset(seat, 0, PAGE_SIZE);
	c.name = "r2_shares";
	c.role = role;
	MUST(child(&c, p));
}

static void await_ready(const struct proc *p)
{
	unsigned long end = deadline_us(20000000);

	while (!seat->ready && proc_state(p, NULL) == PROC_RUNNING && time_now() < end)
		sys_wait(0, deadline_us(1000));
	CHECK(seat->ready);
}

/* It goes on: it has looked at its data since. */
static void await_rounds(const struct proc *p)
{
	uint64_t before = seat->rounds;
	unsigned long end = deadline_us(20000000);

	while (seat->rounds < before + 3 && proc_state(p, NULL) == PROC_RUNNING && time_now() < end)
		sys_wait(0, deadline_us(1000));
	CHECK(seat->rounds >= before + 3);
}

static void end(struct proc *p)
{
	int status = -1;

	seat->stop = 1;
	CHECK_IS(proc_wait(p, deadline_us(30000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(seat->wrong, 0);
	CHECK_IS(proc_end(p), 0);
}

static void slices_from(const char *role)
{
	const unsigned int hart = 1 % exposed_system()->nharts;
	struct proc_grant grants[] = { share_seat(), { .name = hart == 0 ? "slices" : "slices1", .slot = slices_of(hart), .rights = RIGHT_BIND,
				       .first = FIRST, .nslices = COUNT, .value = COUNT } };
	struct child c = { .first = FIRST, .count = COUNT, .hart = 1, .grants = grants, .ngrants = 2 };
	bool kind = strcmp(role, "polite") == 0 || strcmp(role, "takes") == 0 || strcmp(role, "chooses") == 0;
	const volatile struct exposed_env *e;
	struct cap_info info;
	unsigned long began;
	struct proc p;

	MUST(sys_cap_info(slices_of(hart), &info));
	begin(role, &c, &p);
	e = exposed_env_of(p.id);
	await_ready(&p);
	take_the_rest();
	CHECK_IS(e->slices.held, COUNT);
	if (strcmp(role, "promised") == 0) {
		/* R6: what it is promised is not asked for. */
		MUST(sys_env_set(p.env, ENV_GUARANTEE, COUNT - 2, REVOKE_SLICES));
		CHECK_IS(sys_env_ask(0, REVOKE_SLICES, WANT, 0), -E_QUOTA);
	}
	began = time_now();
	CHECK_IS(slices_get(strcmp(role, "promised") == 0 ? 2 : WANT), strcmp(role, "promised") == 0 ? 2 : WANT);
	printf("slices, %s: in %lu us\n", role, (time_now() - began) / 10);
	CHECK_IS(e->slices.held, strcmp(role, "promised") == 0 ? COUNT - 2 : COUNT - WANT);
	await_rounds(&p);
	CHECK_IS(seat->left, e->slices.held);
	CHECK_IS(seat->again, 0);		/* R5 */
	if (!kind && strcmp(role, "promised") != 0)
		CHECK(e->lost == WANT && seat->taken == WANT);
	if (kind && punctual())
		CHECK(e->lost == 0 && seat->given == WANT);
	if (strcmp(role, "chooses") == 0 && e->lost == 0)
		for (unsigned int i = 0; i < COUNT; i++) {
			unsigned int at = info.first + FIRST + i;

			CHECK_IS(exposed_hart(hart)->slice[at] == p.id, at % 2 == 0 || at > info.first + FIRST + 2 * WANT);
		}
	if (kind && strcmp(role, "polite") == 0 && e->lost == 0)
		for (unsigned int i = 0; i < COUNT; i++)
			CHECK_IS(exposed_hart(hart)->slice[info.first + FIRST + i] == p.id, i < COUNT - WANT);
	end(&p);
}

/* R1: a worker of another hart loses all its slices; no thread stands still for ever, and no register is lost. */
static void a_hart_is_lost(void)
{
	struct proc_grant grants[] = { share_seat(), { .name = "slices1", .slot = slices_of(1), .rights = RIGHT_BIND, .first = FIRST, .nslices = COUNT } };
	struct child c = { .first = FIRST, .count = COUNT, .grants = grants, .ngrants = 2, .pages = 400, .stopped = true };
	struct proc p, spinner;
	uint64_t worker;

	if (exposed_system()->nharts == 1)
		return;
	MUST(sys_slice_bind(slices_of(1), 0, SLICES, 0));
	begin("threads", &c, &p);
	MUST(sys_env_set(p.env, ENV_GUARANTEE, COUNT, REVOKE_SLICES));
	MUST(proc_run(&p));
	await_ready(&p);
	take_the_rest();
	worker = exposed_hart(1)->slice[FIRST];
	CHECK(worker != 0 && worker != self_env());
	await_rounds(&p);
	/* Somebody wants that hart for himself, all the time: as long as nobody does, one without slices simply goes on. */
	MUST(child(&(struct child){ .name = "r2_shares", .role = "spins", .grants = grants, .ngrants = 1 }, &spinner));
	MUST(sys_env_set(spinner.env, ENV_GUARANTEE, SLICES - COUNT, REVOKE_SLICES));
	MUST(sys_slice_bind(slices_of(1), 0, FIRST, spinner.env));
	MUST(sys_slice_bind(slices_of(1), FIRST + COUNT, SLICES - FIRST - COUNT, spinner.env));
	CHECK_IS(slices_get(COUNT), COUNT);
	CHECK_IS(exposed_env_of((uint32_t)worker)->slices.held, 0);
	sys_wait(0, deadline_us(20000));
	seat->left = 0;
	for (unsigned int i = 0; i < 10; i++) {
		sys_wait(0, deadline_us(20000));
		await_rounds(&p);
	}
	AWAIT(seat->left == 1 + THREADS);
	CHECK_IS(seat->left, 1 + THREADS);	/* all of them go on, also the one that was there */
	end(&p);
	CHECK_IS(proc_end(&spinner), 0);
}

static unsigned int flow_for(const char *name)
{
	struct flow_spec spec;
	long page = page_new();
	uint8_t mac[6];

	memcpy(mac, (const void *)exposed_system()->mac, sizeof(mac));
	MUST(page);
	CHECK(flow_spec_named(&spec, name, mac, 0));
	MUST(sys_flow_derive(start_slot("flow.root"), (unsigned long)page, &spec, RIGHT_RECV | RIGHT_SEND));
	return (unsigned int)page;
}

/* The server's filters come, though all shapes are taken (R8). */
static void serve(const char *role)
{
	struct proc_grant grants[] = { share_seat(), { .name = "flow.arp", .slot = flow_for("flow.arp"), .rights = RIGHT_RECV },
				       { .name = "flow.tcp99", .slot = flow_for("flow.tcp99"), .rights = RIGHT_RECV } };
	struct child c = { .name = "r2_shares", .role = "server", .first = FIRST + 2 * COUNT, .count = 8, .grants = grants, .ngrants = 3 };
	struct proc p;
	int status = -1;

	MUST(child(&c, &p));
	CHECK_IS(exposed_env_of(p.id)->filters.guarantee, PROC_FILTERS);
	CHECK_IS(proc_wait(&p, deadline_us(30000000), &status), PROC_EXITED);
	printf("filters, %s: the server ended with %d\n", role, status);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&p), 0);
	slot_delete(grants[1].slot);
	slot_delete(grants[2].slot);
}

static void filters_from(const char *role)
{
	struct proc_grant grants[] = { share_seat(), { .name = "root", .slot = start_slot("flow.root"), .rights = RIGHT_RECV | RIGHT_SEND } };
	struct child c = { .first = FIRST, .count = COUNT, .grants = grants, .ngrants = 2, .pages = 400 };
	struct child f = { .name = "r2_shares", .role = "filler", .first = FIRST + COUNT, .count = COUNT, .grants = grants, .ngrants = 2 };
	const volatile struct exposed_env *e, *other;
	const uint32_t own = me()->filters.held;
	struct seat *filler_seat;
	unsigned int filler_slot, victim_slot = seat_slot;
	struct seat *victim_seat = seat;
	struct proc p, q;
	int status = -1;
	char name[20];

	snprintf(name, sizeof(name), "net-%s", role);
	begin(name, &c, &p);
	e = exposed_env_of(p.id);
	await_ready(&p);
	CHECK_IS(e->filters.held, 8);

	/* Another one takes what is left, and loses nothing: it is not the one with most. */
	filler_seat = vm_share(PAGE_SIZE, &filler_slot);
	MUST(filler_seat != NULL ? 0 : -E_NOMEM);
	seat = filler_seat;
	seat_slot = filler_slot;
	grants[0] = share_seat();
	MUST(child(&f, &q));
	await_ready(&q);
	other = exposed_env_of(q.id);
	printf("filters, %s: the victim has %u, another one %u, the test %u\n", role, e->filters.held, other->filters.held, own);
	CHECK(other->filters.held > 0 && other->filters.held < 6);
	seat = victim_seat;
	seat_slot = victim_slot;

	serve(role);
	await_rounds(&p);
	CHECK(e->requests > 0);
	if (strcmp(role, "polite") == 0 && punctual())
		CHECK(e->lost == 0 && seat->given > 0 && seat->taken == 0);
	if (strcmp(role, "polite") != 0)
		CHECK(e->lost > 0 && seat->taken > 0 && seat->given == 0);
	/* The server is gone, and there are places again: they are bound again. */
	AWAIT(e->filters.held == 8);
	CHECK_IS(e->filters.held, 8);
	await_rounds(&p);
	CHECK_IS(seat->error, 0);
	CHECK(seat->again >= seat->given + seat->taken);
	CHECK_IS(me()->filters.held, own);
	CHECK_IS(me()->lost, 0);

	/* Its parent takes the ring: it is down, says so, and comes up again. */
	CHECK_IS(sys_env_ask(p.env, REVOKE_RINGS, 1, 0), 1);
	AWAIT(e->rings.held == 0);
	CHECK_IS(e->rings.held, 0);
	await_rounds(&p);
	CHECK_IS(seat->error, -E_NODEV);
	CHECK_IS(seat->left, 0);
	seat->up = 1;
	AWAIT(e->rings.held == 1 && e->filters.held == 8);
	await_rounds(&p);
	CHECK_IS(seat->error, 0);
	CHECK_IS(e->filters.held, 8);
	end(&p);

	filler_seat->stop = 1;
	CHECK_IS(proc_wait(&q, deadline_us(20000000), &status), PROC_EXITED);
	CHECK_IS(status, 0);
	CHECK_IS(proc_end(&q), 0);
}

static int other(const char *role)
{
	const struct start_grant *g = start_grant("seat");
	char room[8192];

	memset(room, 1, sizeof(room));
	seat = g != NULL ? vm_attach(g->slot, 1, PROT_R | PROT_W) : NULL;
	if (seat == NULL || me() == NULL)
		return 10;
	while (strcmp(role, "spins") == 0)
		;
	if (strcmp(role, "threads") == 0)
		return threads_victim();
	if (strcmp(role, "filler") == 0)
		return filler();
	if (strcmp(role, "server") == 0)
		return server();
	if (strncmp(role, "net-", 4) == 0)
		return net_victim(role + 4);
	return slices_victim(role);
}

int main(int argc, char **argv)
{
	static const char *const slices[] = { "polite", "deaf", "lies", "takes", "chooses", "promised" };
	static const char *const filters[] = { "polite", "deaf", "lies" };
	unsigned int mine;

	if (argc > 1)
		return other(argv[1]);
	seat = vm_share(PAGE_SIZE, &seat_slot);
	MUST(seat != NULL ? 0 : -E_NOMEM);
	take_the_rest();
	for (unsigned int i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
		slices_from(slices[i]);
	a_hart_is_lost();
	if (!exposed_system()->nic_present)
		return skip("no network device");
	mine = hoard(0, 20);
	CHECK_IS(mine, 20);
	for (unsigned int i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		filters_from(filters[i]);
	return verdict();
}
