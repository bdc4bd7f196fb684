/*
 * shares.c - stride, lottery and earliest deadline first, held to their promise over ten thousand slices; and with the role "figure" the program
 * whose trace is drawn in docs/slices.md
 *
 * Three clients without slices of their own run when this program yields to them.
 */
/* guest: harts=1 icount=4 */
#include "check.h"
#include "env_name.h"
#include "schedule.h"

#define COUNTED	(debug_kernel() ? 300u : 10000u)	/* slices */
#define FIGURE	600u

/* Its audit takes an eighth of the time from whoever runs: there a share is judged more mildly, and for less long. */
static bool debug_kernel(void)
{
	return exposed_system()->fences_page != 0;
}

static struct proc p[3];
static uint64_t slice;

/* Every other slice, of those that are ours: a run of ours is one slice long, and between ours nobody's. */
static void own_slices(void)
{
	unsigned int slot = start_slot("slices");
	struct cap_info info;

	MUST(sys_cap_info(slot, &info));
	for (unsigned int i = 0; i < info.count; i += 2)
		if (exposed_hart(0)->slice[info.first + i] == self_env())
			MUST(sys_slice_bind(slot, info.first + i, 1, 0));
}

static void start_clients(void)
{
	static const char *const names[] = { "three", "two", "one" };

	for (int i = 0; i < 3; i++) {
		struct child c = { .name = "shares", .role = "spin", .stopped = true };

		MUST(child(&c, &p[i]));
		MUST(sys_cap_word(p[i].env, env_name_word(names[i])));
		MUST(proc_run(&p[i]));
	}
}

/* Serve them for so many slices; what each was charged goes to ran[], and the time that passed is returned. */
static uint64_t serve(struct schedule *s, unsigned int slices, uint64_t ran[3])
{
	uint64_t before[3];
	unsigned long start = time_now();

	s->n = 3;
	for (int i = 0; i < 3; i++) {
		struct client *c = &s->client[i];

		c->env = p[i].env;
		c->id = p[i].id;
		if (c->tickets == 0)
			c->tickets = 3 - (uint64_t)i;
		before[i] = exposed_env_of(p[i].id)->used;
	}
	CHECK_IS(schedule_serve(s, start + slices * slice), 3);
	for (int i = 0; i < 3; i++)
		ran[i] = exposed_env_of(p[i].id)->used - before[i];
	return time_now() - start;
}

/* part of whole is within `permille` of itself what it should be. */
static void check_share(uint64_t part, uint64_t whole, uint64_t wanted, uint64_t of, uint64_t permille)
{
	int64_t off = (int64_t)(part * of) - (int64_t)(whole * wanted);

	CHECK((uint64_t)(off < 0 ? -off : off) * 1000 <= (debug_kernel() ? 400 : permille) * whole * wanted);
}

/* 3:2:1, each within 2 % of its share. */
static void stride(unsigned int slices)
{
	static struct schedule s;
	uint64_t ran[3], sum = 0;

	stride_init(&s);
	serve(&s, slices, ran);
	for (int i = 0; i < 3; i++)
		sum += ran[i];
	for (int i = 0; i < 3; i++)
		check_share(ran[i], sum, 3 - (uint64_t)i, 6, 20);
	printf("stride: %lu %lu %lu of %lu ticks\n", ran[0], ran[1], ran[2], sum);
	CHECK(sum > slices * slice * (debug_kernel() ? 60 : 95) / 100);
}

/*
 * By chance the number of turns is shared out: n turns give pn to a client with the part p of the tickets, and in all but one of
 * 15,000 cases no more than four times sqrt(p (1 - p) n) more or less.
 */
static void lottery(void)
{
	static struct schedule s;
	uint64_t ran[3], turns = 0;

	lottery_init(&s, 20261124);
	serve(&s, COUNTED, ran);
	for (int i = 0; i < 3; i++)
		turns += s.client[i].turns;
	CHECK(turns >= COUNTED * (debug_kernel() ? 60 : 95) / 100);
	for (int i = 0; i < 3; i++) {
		int64_t part = 3 - i, off = (int64_t)s.client[i].turns * 6 - part * (int64_t)turns;

		CHECK(off * off <= 16 * part * (6 - part) * (int64_t)turns);
		/* A turn is a slice, whoever has it. */
		check_share(ran[i], s.client[i].turns, slice, 1, 20);
	}
	printf("lottery: %lu %lu %lu of %lu turns\n", s.client[0].turns, s.client[1].turns, s.client[2].turns, turns);
}

/*
 * Budgets of 9, 6 and 3 slices in every 20, less a half: a client that has something left gets a whole turn. Nobody misses a period, and
 * each gets within 2 % what it was promised and no more, although a tenth of the time is nobody's.
 */
static void edf(void)
{
	static struct schedule s;
	uint64_t ran[3], passed;

	edf_init(&s);
	for (uint64_t i = 0; i < 3; i++) {
		s.client[i].period = 20 * slice;
		s.client[i].budget = (9 - 3 * i) * slice - slice / 2;
	}
	passed = serve(&s, COUNTED, ran);
	for (uint64_t i = 0; i < 3; i++) {
		/* The audit of the debug kernel is charged to whoever made the call: budgets are spent on it. */
		if (debug_kernel())
			continue;
		check_share(ran[i], passed, 9 - 3 * i, 20, 20);
		CHECK(s.client[i].missed == 0);
	}
	printf("edf: %lu %lu %lu of %lu ticks\n", ran[0], ran[1], ran[2], passed);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "spin") == 0)
		for (;;)
			;
	slice = exposed_hart(0)->slice_ticks;
	own_slices();
	start_clients();
	stride(argc > 1 ? FIGURE : COUNTED);
	if (argc == 1) {
		lottery();
		edf();
	}
	for (int i = 0; i < 3; i++)
		CHECK_IS(proc_end(&p[i]), 0);
	return verdict();
}
