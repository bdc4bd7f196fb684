/*
 * r1_revocation.c - R1, R2, R5, R6, R7: memory is lent, and wanted back from one that answers, is deaf, sleeps, lies, says what it would
 * rather lose, is slow, has no memory to answer with, faults in its answer, or dies in it
 *
 * The test leaves little memory free, and a second program borrows all of that and binds it. Whatever it does then, the test has its
 * pages in bounded time; the other reads the right content in every page that it still has, and faults where one is gone. What it does in
 * r8_storm is the same: a role that begins with + borrows less, and again whenever it can.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define LEAVE	1100	/* pages that the test is promised and does not take: the other borrows them, and what else is free */
#define MANY	6000
#define FAR	0x3000000000ul

/* ---- the other ---- */

static unsigned int slots[MANY], npages, wrong, missing;
static bool late;	/* the emulator's host was busy, and the time for an answer was over before it was given */
static uint32_t list[64];
static bool storm;		/* one of many */
static unsigned int share = MANY;	/* pages that it borrows */
#define SHARE	400		/* of each of many */

static const volatile struct exposed_env *me(void)
{
	return exposed_env_of(self_env());
}

static volatile uint64_t *page_at(unsigned int i)
{
	return (volatile uint64_t *)(FAR + i * PAGE_SIZE);
}

static uint64_t mark(unsigned int i)
{
	return i * 0x9e3779b97f4a7c15ul ^ self_env();
}

/* Every page that can still be read holds its mark; the others are counted. */
static void look(void)
{
	unsigned int gone = 0;

	for (unsigned int i = 0; i < npages; i++) {
		uint64_t before = last_fault.count, got = mark(i);

		upcall_set_fault_handler(skip_fault);
		__asm__ volatile("ld %0, 0(%1)" : "+r"(got) : "r"(page_at(i)) : "memory");
		if (last_fault.count != before)
			gone++;
		else if (got != mark(i))
			wrong++;
	}
	missing = gone;
}

static void hoard(void)
{
	for (; npages < MANY && me()->held < me()->guarantee + share; npages++) {
		if (npages % 512 == 0 && vm_table(ctx_slot(), FAR + npages * PAGE_SIZE, 0) != 0)
			return;
		slots[npages] = slot_alloc();
		if (slots[npages] == 0 || sys_page_alloc(0, slots[npages], FRAME_ANY, 0) < 0)
			return;
		if (sys_page_bind(ctx_slot(), FAR + npages * PAGE_SIZE, slots[npages], 1, PROT_R | PROT_W) != 1)
			return;
		*page_at(npages) = mark(npages);
	}
}

static void answer(uint64_t events)
{
	unsigned int n = uarea()->revoke.kind == REVOKE_PAGES ? uarea()->revoke.amount : 0;

	event_clear(events);
	for (; n > 0 && npages > 0; n--)
		sys_cap_delete(slots[--npages]);
	/* The wall deadline is four times the time, and a round of 64 slices. */
	late |= time_now() + 3 * uarea()->revoke.time + 640000 > uarea()->revoke.deadline;
}

/* It wants a page to answer with, and there is none; it gives what it has then. */
static void starve(uint64_t events)
{
	unsigned int slot = slot_alloc();

	while (slot != 0 && sys_page_alloc(0, slot, FRAME_ANY, 0) >= 0)
		slot = slot_alloc();
	slot_free(slot);
	answer(events);
}

/* It begins to answer when it is too late, and there is nothing left to give; a request that has come since it does not hear. */
static void dawdle(uint64_t events)
{
	while (uarea()->revoke.kind != REVOKE_NONE)
		;
	event_clear(events);
}

/* Half of an answer, and then a fault while upcalls are held; or its end. */
static void fault(uint64_t events)
{
	event_clear(events);
	for (unsigned int n = uarea()->revoke.amount / 2; n > 0 && npages > 0; n--)
		sys_cap_delete(slots[--npages]);
	((struct uarea *)uarea())->held = 1;
	*(volatile uint64_t *)0x3000 = 1;
}

static void die(uint64_t events)
{
	event_clear(events);
	for (unsigned int n = uarea()->revoke.amount / 2; n > 0 && npages > 0; n--)
		sys_cap_delete(slots[--npages]);
	_Exit(7);
}

/* A copy of each page that it deletes stays. */
static void lie(uint64_t events)
{
	unsigned int n = uarea()->revoke.amount;

	event_clear(events);
	for (unsigned int i = 0; i < n && i < npages; i++) {
		unsigned int copy = slot_alloc();

		if (copy == 0 || sys_cap_copy(0, slots[i], copy, PROT_R, 0, 0) != 0)
			return;
		if (sys_page_bind(ctx_slot(), (unsigned long)page_at(i), copy, 1, PROT_R) != 1)
			return;
		sys_cap_delete(slots[i]);
	}
}

static int other(const char *role)
{
	static const struct {
		const char *role;
		void (*handler)(uint64_t);
	} answers[] = { { "answers", answer }, { "lies", lie }, { "starves", starve }, { "slow", dawdle }, { "faults", fault }, { "dies", die } };
	char room[16384];
	uint32_t lost;

	/* What it will need later is there before nothing is left: its stack, the exposed bookkeeping, the console. */
	memset(room, 1, sizeof(room));
	if (me() == NULL || frames_free() == 0)
		return 99;
	printf("%s: begins\n", role);
	storm = *role == '+';
	role += storm;
	if (storm)
		share = SHARE;
	/* It answers for itself, and the library knows nothing of its pages. */
	sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0);
	sys_env_set(0, ENV_HANDLER, UP_REPOSSESS, 0);
	upcall_set_fault_handler(skip_fault);
	hoard();
	if (npages < LEAVE / 2 && !storm)
		return 100;
	for (unsigned int i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(role, answers[i].role) == 0)
			upcall_set_event_handler(EV_REVOKE, answers[i].handler);
	if (strcmp(role, "lists") == 0) {
		for (unsigned int i = 0; i < 64; i++)
			list[i] = slots[i * 3];
		((struct uarea *)uarea())->offer = (uint64_t)list;
		((struct uarea *)uarea())->noffer = 64;
	}
	if (strcmp(role, "sleeps") == 0)
		sys_wait(EV_USER(0), 0);
	while ((event_pending() & EV_USER(0)) == 0) {
		look();
		/* More, in place of what it gave. What was taken stays empty. */
		if (storm && uarea()->revoke.kind == REVOKE_NONE)
			hoard();
	}
	lost = me()->lost;
	look();
	printf("%s: %u pages, %u gone, %u lost, %u wrong\n", role, npages, missing, lost, wrong);
	if (wrong != 0 || (uarea()->nlost != lost && !storm))
		return 101;
	if (storm)
		return lost >= missing ? 0 : 107;
	if (strcmp(role, "answers") == 0 || strcmp(role, "starves") == 0)
		/*
		 * In the debug kernel (it counts fences) the audit is charged to whoever made the call; with several harts the emulator's host
		 * lets one stand still now and then, while its time goes on. There an answer may come too late.
		 */
		return (lost != 0 || missing != 0) && !late && exposed_system()->fences_page == 0 && exposed_system()->nharts == 1 ? 102 : 0;
	if (strcmp(role, "lists") == 0)
		for (unsigned int i = 0; i < 64; i++)
			if (sys_cap_delete(list[i]) == 0 && i < lost)
				return 103;
	/* One record for each page that is gone; the last of them name empty slots and addresses where nothing is. */
	for (unsigned int n = 1; n <= LOST_MAX && n <= lost; n++) {
		volatile struct repossession *r = &((struct uarea *)uarea())->lost[(lost - n) % LOST_MAX];

		if (r->kind != REVOKE_PAGES || r->va < FAR || r->va >= FAR + npages * PAGE_SIZE || fault_of_load(r->va) != 13)
			return 104;
		if (strcmp(role, "lists") != 0 && strcmp(role, "lies") != 0 && sys_cap_delete(r->slot) != -E_NOCAP)
			return 105;
	}
	return lost == missing && lost > 0 ? 0 : 106;
}

/* ---- the test ---- */

/* What we are promised becomes larger pages, but for so many. */
static void leave(unsigned int pages)
{
	const volatile struct exposed_system *s = exposed_system();
	const volatile struct exposed_env *e = exposed_env_of(self_env());

	for (unsigned long f = (s->first_frame + 511) & ~511u; f + 512 <= s->first_frame + s->nframes; f += 512) {
		unsigned int slot;

		if (e->guarantee - e->promised_on < e->held + pages + 512)
			break;
		if ((slot = slot_alloc()) == 0 || sys_page_alloc(0, slot, f, 1) < 0)
			slot_free(slot);
	}
	while (e->guarantee - e->promised_on > e->held + pages && page_new() >= 0)
		;
}

/* n pages are wanted, for the slots from first on: do they come, and in which time? */
static void want(const char *role, unsigned int first, unsigned int n)
{
	unsigned long begin = time_now(), took;
	long here;

	event_clear(EV_GRANT);
	here = sys_env_ask(0, REVOKE_PAGES, n, 0);
	CHECK(here == 0 || here == -E_AGAIN);
	if (here != 0)
		CHECK_IS(event_wait(EV_GRANT, PATIENCE), EV_GRANT);
	took = time_now() - begin;
	for (unsigned int i = 0; i < n; i++) {
		long f = sys_page_alloc(0, first + i, FRAME_ANY, 0);

		CHECK(f >= 0);
	}
	printf("%s: %u pages in %lu us\n", role, n, took / 10);
}

static void with(const char *role)
{
	struct child c = { .name = "r1_revocation", .role = role, .pages = 420, .first = 8, .count = 16, .hart = 1, .stopped = true };
	const volatile struct exposed_env *e;
	unsigned int first = slot_alloc_run(111);
	unsigned long lost;
	struct proc p;
	int status = -1;

	MUST(first == 0 ? -E_SLOT : 0);
	MUST(child(&c, &p));
	MUST(sys_env_set(p.env, ENV_BORROW, 100000, 0));
	e = exposed_env_of(p.id);
	MUST(proc_run(&p));
	AWAIT(frames_free() == 0);
	sys_wait(0, deadline_us(50000));
	CHECK_IS(frames_free(), 0);
	/* Whoever is beyond its guarantee asks in vain. */
	CHECK_IS(sys_env_ask(0, REVOKE_PAGES, 1ul << 31, 0), -E_QUOTA);
	lost = e->lost;
	want(role, first, 1);
	want(role, first + 1, 10);
	want(role, first + 11, 100);
	if (strcmp(role, "answers") != 0 && strcmp(role, "starves") != 0)
		CHECK(e->lost > lost);
	CHECK(e->held >= e->guarantee);
	if (strcmp(role, "faults") == 0) {
		CHECK_IS(proc_state(&p, &status), PROC_DOUBLE_FAULT);
	} else if (strcmp(role, "dies") == 0) {
		CHECK_IS(proc_state(&p, &status), PROC_EXITED);
		CHECK_IS(status, 7);
	} else {
		CHECK_IS(sys_notify(p.env, EV_USER(0)), 0);
		CHECK_IS(proc_wait(&p, PATIENCE, &status), PROC_EXITED);
		CHECK_IS(status, 0);
	}
	CHECK_IS(proc_end(&p), 0);
	for (unsigned int i = 0; i < 111; i++)
		CHECK_IS(sys_cap_delete(first + i), 0);
	slot_free_run(first, 111);
}

int main(int argc, char **argv)
{
	static const char *const roles[] = { "answers", "deaf", "sleeps", "lies", "lists", "slow", "starves", "faults", "dies" };
	unsigned int run;

	if (argc > 1)
		return other(argv[1]);
	run = slot_alloc_run(600);		/* so the table is large enough from here on */
	MUST(run == 0 ? -E_SLOT : 0);
	slot_free_run(run, 600);
	for (unsigned int i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		leave(LEAVE);
		with(roles[i]);
	}
	return verdict();
}
