/*
 * turns.c - time is lent, and wanted back: who gives slices up, who has to, and what each gets done meanwhile
 *
 *	run -s 16 turns [ROUNDS]
 *
 * Four programs (copies of this one) have three slices each, of which none is promised to them. This program, their parent, asks all four for one
 * slice in each round. One is polite: the library gives the last one. One is greedy: it gives, and at once tries to have it again. One is
 * deaf, one is hostile and says that it gave: from these the kernel takes. After each round a table shows what everybody has, was
 * asked for and lost, and how much it got done; the slices are this program's from then on.
 *
 * It exits with 0 when each slice that was asked for came, nobody has more than was left to him, and all four live, with their data as
 * they left it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "proc.h"
#include "revoke.h"
#include "slices.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define PLAYERS		4u
#define EACH		3u	/* slices of each */
#define KEPT		4u	/* of this program, the first ones */
#define GUARANTEE	96u	/* pages of each */
#define WORDS		1024u
#define PATIENCE_MS	5000u	/* for an answer, whether it is given or taken */

/* What the four tell of themselves, in shared memory. */
struct seat {
	volatile uint64_t rounds;	/* looks at all of its data */
	volatile uint64_t wrong;	/* words that were not what they should be */
	volatile uint64_t regained;	/* slices that it had again after it gave them */
	volatile uint64_t gave, taken;
	volatile uint64_t stop;
};

static struct seat *seats, *mine;
static uint64_t data[WORDS];

/* ---- the four ---- */

static unsigned int give_and_take(unsigned int n)
{
	const struct start_grant *time = start_grant("slices");
	struct cap_info info;
	unsigned int given = 0;

	if (sys_cap_info(time->slot, &info) < 0)
		return 0;
	for (unsigned int at = info.first + info.count; at-- > info.first && given < n && slices_left() > 1;) {
		if (exposed_hart((unsigned int)info.object)->slice[at] != self_env() || sys_slice_bind(time->slot, at, 1, 0) < 0)
			continue;
		given++;
		mine->regained += sys_slice_bind(time->slot, at, 1, self_slot()) == 0;
	}
	return given;
}

static unsigned int lie(unsigned int n)
{
	return n;
}

static void polite(void)
{
}

static void greedy(void)
{
	revoke_set_answer(REVOKE_SLICES, give_and_take);
}

static void deaf(void)
{
	sys_env_set(0, ENV_HANDLER, UP_REVOKE, 0);
}

static void hostile(void)
{
	revoke_set_answer(REVOKE_SLICES, lie);
}

static void play(void)
{
	for (uint64_t i = 0; i < WORDS; i++)
		data[i] = i * self_env();
	while (!mine->stop) {
		for (uint64_t i = 0; i < WORDS; i++)
			mine->wrong += data[i] != i * self_env();
		mine->gave = revoke_stats(REVOKE_SLICES)->given;
		mine->taken = revoke_stats(REVOKE_SLICES)->taken;
		mine->rounds++;
	}
}

/* ---- their parent ---- */

static struct player {
	const char *name;
	void (*begin)(void);
	struct proc proc;
	uint64_t before;	/* its rounds when the last table was made */
} players[PLAYERS] = {
	{ .name = "polite", .begin = polite }, { .name = "greedy", .begin = greedy }, { .name = "deaf", .begin = deaf },
	{ .name = "hostile", .begin = hostile },
};

static const volatile struct exposed_env *record(unsigned int i)
{
	return exposed_env_of(players[i].proc.id);
}

static int start(unsigned int i)
{
	struct proc_fork f = { .guarantee = GUARANTEE, .slices = start_slot("slices"), .first = KEPT + i * EACH, .count = EACH };
	int r;

	mine = &seats[i];
	r = proc_fork(&f, &players[i].proc);
	if (r != 1)
		return r;
	players[i].begin();
	play();
	_exit(0);
}

static void table(const char *when)
{
	printf("%-10s %6s %6s %9s %6s %8s %8s\n", when, "slices", "asked", "requests", "lost", "rounds", "its data");
	for (unsigned int i = 0; i < PLAYERS; i++) {
		const volatile struct exposed_env *e = record(i);
		uint64_t rounds = seats[i].rounds;

		if (e != NULL)
			printf("  %-8s %6" PRIu32 " %6" PRIu32 " %9" PRIu32 " %6" PRIu32 " %8" PRIu64 " %8s\n", players[i].name, e->slices.held, e->asked,
			       e->requests, e->lost, rounds - players[i].before, seats[i].wrong == 0 ? "right" : "WRONG");
		players[i].before = rounds;
	}
	fflush(stdout);
}

static void wait_ms(unsigned int ms)
{
	event_wait(0, deadline_us(1000ul * ms));
}

/* All four are asked for one slice, and then it is this program's. Returns how many did not come. */
static unsigned int demand(void)
{
	uint32_t target[PLAYERS];
	unsigned long began[PLAYERS];
	unsigned int missing = 0;

	for (unsigned int i = 0; i < PLAYERS; i++) {
		long r;

		target[i] = record(i)->slices.held - 1;
		began[i] = time_now();
		r = sys_env_ask(players[i].proc.env, REVOKE_SLICES, 1, 0);
		if (r != 1)
			printf("turns: %s could not be asked: %s\n", players[i].name, r < 0 ? exos_strerror(r) : "it has nothing beyond its guarantee");
	}
	for (unsigned int i = 0; i < PLAYERS; i++) {
		for (unsigned int ms = 0; record(i)->asked != 0 && ms < PATIENCE_MS; ms++)
			wait_ms(1);
		missing += record(i)->slices.held > target[i];
		printf("%s: %lu ms\n", players[i].name, (time_now() - began[i]) / (exposed_system()->timebase_hz / 1000));
	}
	return missing;
}

/* Each has looked at all of its data again. */
static bool all_look(void)
{
	uint64_t before[PLAYERS];
	bool all = true;

	for (unsigned int i = 0; i < PLAYERS; i++)
		before[i] = seats[i].rounds;
	for (unsigned int i = 0; i < PLAYERS; i++) {
		for (unsigned int ms = 0; seats[i].rounds < before[i] + 2 && ms < PATIENCE_MS; ms++)
			wait_ms(1);
		all &= seats[i].rounds >= before[i] + 2 && seats[i].wrong == 0;
	}
	return all;
}

int main(int argc, char **argv)
{
	const struct start_grant *time = start_grant("slices");
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : EACH - 1, missing = 0, slot;
	bool good = true;

	if (time == NULL || time->value < KEPT + PLAYERS * EACH || rounds >= EACH) {
		printf("turns: it needs %u slices, and has at most %u rounds: run -s %u turns\n", KEPT + PLAYERS * EACH, EACH - 1, KEPT + PLAYERS * EACH);
		return 2;
	}
	seats = vm_share(PAGE_SIZE, &slot);
	if (seats == NULL)
		return 1;
	for (unsigned int i = 0; i < PLAYERS; i++) {
		int r = start(i);

		if (r < 0) {
			printf("turns: %s could not be started: %s\n", players[i].name, proc_strerror(r));
			return 1;
		}
	}
	good = all_look();
	table("at first");
	for (unsigned int r = 1; r <= rounds; r++) {
		missing += demand();
		slices_get(PLAYERS);
		wait_ms(500);
		good &= all_look();
		table("after it");
	}
	for (unsigned int i = 0; i < PLAYERS; i++) {
		if (record(i) == NULL || proc_state(&players[i].proc, NULL) != PROC_RUNNING || record(i)->slices.held != EACH - rounds) {
			printf("%s does not live with the %u slices that were left to it\n", players[i].name, EACH - rounds);
			good = false;
		}
		seats[i].stop = 1;
		proc_end(&players[i].proc);
	}
	printf("%u slices of those asked for were missing; the others %s\n", missing, good ? "live, and their data is right" : "do not all do well");
	return good && missing == 0 ? 0 : 1;
}
