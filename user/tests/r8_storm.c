/*
 * r8_storm.c - R8: many programs borrow memory, and answer, are slow, deaf, asleep, lie, starve; some want theirs back, again and again
 *
 * The borrowers are those of r1_revocation. Whoever wants pages has them each time, writes and reads them, and gives them back; the borrowers
 * take them again. In the end every one finds in all the pages that it still has what it wrote, knows how many it lost, and when all have ended
 * every frame and all of the guarantee is there again.
 */
/* guest: harts=1,2,4 */
#include "check.h"

#define LEAVE	400	/* pages that the test is promised and does not take: less than all can borrow, with what nobody is promised */
#define MOST	120	/* pages that one wants at a time */
#define ROUNDS	5
#define OWN	320	/* guarantee of a borrower */

static uint64_t chance;

/* So many pages, of those that we are promised: 0, or where it failed. */
static int want(unsigned int first, unsigned long va, unsigned int n)
{
	volatile uint64_t *page = (volatile uint64_t *)va;
	int wrong = 0;
	long here;

	event_clear(EV_GRANT);
	here = sys_env_ask(0, REVOKE_PAGES, n, 0);
	if (here != 0 && here != -E_AGAIN)
		return 1;
	if (here != 0 && event_wait(EV_GRANT, PATIENCE) != (long)EV_GRANT)
		return 2;
	for (unsigned int i = 0; i < n; i++)
		if (sys_page_alloc(0, first + i, FRAME_ANY, 0) < 0)
			return 3;
	for (unsigned int i = 0; i < n; i++) {
		if (sys_page_bind(ctx_slot(), va, first + i, 1, PROT_R | PROT_W) != 1)
			return 4;
		for (unsigned int k = 0; k < PAGE_SIZE / 8; k += 8)
			wrong += page[k] != 0 && page[k] != (self_env() ^ k);	/* nothing of anybody else's */
		for (unsigned int k = 0; k < PAGE_SIZE / 8; k++)
			page[k] = self_env() ^ k;
		for (unsigned int k = 0; k < PAGE_SIZE / 8; k++)
			wrong += page[k] != (self_env() ^ k);
	}
	for (unsigned int i = 0; i < n; i++)
		if (sys_cap_delete(first + i) != 0)
			return 5;
	return wrong != 0 ? 6 : 0;
}

static int wants(const char *seed)
{
	unsigned int first = slot_alloc_run(MOST);
	unsigned long va = (unsigned long)vm_reserve(PAGE_SIZE, PAGE_SIZE);
	char room[16384];

	/* What it will need is there before nothing is left. */
	memset(room, 1, sizeof(room));
	chance = strtoul(seed, NULL, 10) * 0x9e3779b97f4a7c15ul + 1;
	if (first == 0 || va == 0 || vm_table(ctx_slot(), va, 0) < 0)
		return 99;
	sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0);
	if (want(first, va, 1) != 0 || sys_notify(start_slot("parent"), EV_USER(0)) != 0)
		return 98;
	sys_wait(EV_USER(1), 0);
	for (unsigned int n = 0; n < ROUNDS; n++) {
		unsigned long end = deadline_us(20000);
		int wrong;

		/* Until the borrowers have it all again, or have had time for it. */
		while (frames_free() > 0 && time_now() < end)
			sys_wait(0, deadline_us(1000));
		wrong = want(first, va, 1 + random_next(&chance) % MOST);

		if (wrong != 0)
			return wrong;
	}
	return 0;
}

/* What we are promised becomes larger pages, but for so many: they stay. */
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

static bool all_have(const struct proc borrower[8], uint32_t pages)
{
	for (unsigned int i = 0; i < 8; i++)
		if (exposed_env_of(borrower[i].id)->held < pages)
			return false;
	return true;
}

static void storm(void)
{
	static const char *const borrowers[] = { "+faults", "+dies", "+answers", "+deaf", "+sleeps", "+lies", "+slow", "+starves" };
	static const char *const seeds[] = { "1", "2", "3" };
	struct proc borrower[8], wanter[3];
	uint32_t requests = 0;
	bool full;
	int status;

	for (unsigned int i = 0; i < 3; i++) {
		struct proc_grant parent = { .name = "parent", .slot = self_slot(), .rights = RIGHT_NOTIFY };
		struct child c = { .name = "r8_storm", .role = seeds[i], .pages = 420, .first = 50 + 2 * i, .count = 2, .hart = i, .grants = &parent, .ngrants = 1 };

		event_clear(EV_USER(0));
		MUST(child(&c, &wanter[i]));
		CHECK_IS(event_wait(EV_USER(0), PATIENCE), EV_USER(0));
	}
	for (unsigned int i = 0; i < 8; i++) {
		struct child c = { .name = "r1_revocation", .role = borrowers[i], .pages = OWN, .first = 8 + 4 * i, .count = 4, .hart = i, .stopped = true };

		MUST(child(&c, &borrower[i]));
		MUST(sys_env_set(borrower[i].env, ENV_BORROW, 100000, 0));
		MUST(proc_run(&borrower[i]));
	}
	AWAIT(frames_free() == 0 || all_have(borrower, OWN + 300));
	full = frames_free() == 0;
	for (unsigned int i = 0; i < 3; i++)
		CHECK_IS(sys_notify(wanter[i].env, EV_USER(1)), 0);
	for (unsigned int i = 0; i < 3; i++) {
		status = -1;
		CHECK_IS(proc_wait(&wanter[i], deadline_us(60000000), &status), PROC_EXITED);
		CHECK_IS(status, 0);
	}
	for (unsigned int i = 0; i < 8; i++) {
		const volatile struct exposed_env *e = exposed_env_of(borrower[i].id);

		requests += e->requests;
		printf("%s: asked %u times, lost %u\n", borrowers[i], e->requests, e->lost);
		if (i > 1) {
			CHECK(e->lost == 0 || e->held >= OWN);
			CHECK_IS(sys_notify(borrower[i].env, EV_USER(0)), 0);
			status = -1;
			CHECK_IS(proc_wait(&borrower[i], PATIENCE, &status), PROC_EXITED);
			CHECK_IS(status, 0);
		}
	}
	/* Who is asked, and who of these is late, is chance here; r1_revocation has each of them lose. */
	CHECK(!full || requests > 2);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_IS(proc_end(&borrower[i]), 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_IS(proc_end(&wanter[i]), 0);
}

int main(int argc, char **argv)
{
	const volatile struct exposed_env *e = exposed_env_of(self_env());
	uint32_t free = 0, held = 0, promised = 0;

	if (argc > 1)
		return wants(argv[1]);
	leave(LEAVE + 3 * 420 + 8 * OWN);
	for (unsigned int n = 0; n < 2; n++) {
		storm();
		/* The first one leaves us with pages for more slots. */
		if (n > 0) {
			CHECK_IS(frames_free(), free);
			CHECK_IS(e->held, held);
			CHECK_IS(exposed_system()->promised_frames, promised);
		}
		free = frames_free();
		held = e->held;
		promised = exposed_system()->promised_frames;
		CHECK_IS(e->promised_on, 0);
		CHECK_IS(exposed_system()->wanted_frames, 0);
	}
	return verdict();
}
