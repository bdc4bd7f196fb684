/*
 * schedulers.c - time shared out by libraries: three children without slices run at 3:2:1 because this program says so
 *
 * Judged by the time that the kernel charged to them, read from the exposed records.
 */
/* guest: icount=4 */
#include "check.h"
#include "schedule.h"

#define QUANTA 600

static struct proc p[4];

/* Every other slice: a run of ours is one slice long, and between ours nobody's. */
static void own_slices(void)
{
	unsigned int slot = start_slot("slices");
	struct cap_info info;

	MUST(sys_cap_info(slot, &info));
	for (unsigned int i = 0; i < info.count; i += 2)
		MUST(sys_slice_bind(slot, info.first + i, 1, 0));
}

static void start(int i, const char *role)
{
	struct child c = { .name = "schedulers", .role = role };

	MUST(child(&c, &p[i]));
}

static void add(struct schedule *s, int i, uint64_t tickets)
{
	s->client[s->n++] = (struct client){ .env = p[i].env, .id = p[i].id, .tickets = tickets };
}

static uint64_t used(int i)
{
	return exposed_env_of(p[i].id)->used;
}

/*
 * Shares of the time that the three used while s ran them: 3:2:1, within two percent of the whole. The emulator's clock goes on while the
 * emulator is kept waiting, so turns are of unequal length; by chance only the number of turns is shared, within four times the
 * deviation that is to be expected: sqrt(p (1 - p) n).
 */
static void three_two_one(struct schedule *s, const char *name, bool by_chance)
{
	uint64_t before[3], sum = 0, got[3], turns;

	for (int i = 0; i < 3; i++) {
		before[i] = used(i);
		add(s, i, 3 - (uint64_t)i);
	}
	CHECK_IS(schedule_serve(s, time_now() + (unsigned long)QUANTA * exposed_hart(0)->slice_ticks), 3);
	for (int i = 0; i < 3; i++)
		sum += got[i] = used(i) - before[i];
	turns = s->client[0].turns + s->client[1].turns + s->client[2].turns;
	for (int i = 0; i < 3; i++) {
		int64_t p = 3 - i, off = (int64_t)(by_chance ? s->client[i].turns : got[i]) * 6 - p * (int64_t)(by_chance ? turns : sum);

		if (by_chance)
			CHECK(off * off <= 16 * p * (6 - p) * (int64_t)turns);
		else
			CHECK((off < 0 ? -off : off) * 100 <= 6 * 2 * (int64_t)sum);
		CHECK_IS(got[i], s->client[i].ran);
	}
	printf("%s: %lu %lu %lu permille of %lu ticks in %lu turns\n", name, got[0] * 1000 / sum, got[1] * 1000 / sum, got[2] * 1000 / sum,
	       sum, turns);
	CHECK(sum > (uint64_t)QUANTA * exposed_hart(0)->slice_ticks / 2);
}

int main(int argc, char **argv)
{
	static struct schedule stride, lottery, edf;
	uint64_t slice = exposed_hart(0)->slice_ticks, before[2], got;

	if (argc > 1 && strcmp(argv[1], "spin") == 0)
		for (;;)
			;
	if (argc > 1) {
		/* Runs a little, sleeps a little. */
		for (int i = 0; i < 20; i++)
			usleep(2000);
		return 0;
	}
	own_slices();
	for (int i = 0; i < 3; i++)
		start(i, "spin");
	stride_init(&stride);
	three_two_one(&stride, "stride", false);
	lottery_init(&lottery, 12345);
	three_two_one(&lottery, "lottery", true);

	/* A fourth that sleeps most of the time: the others run meanwhile; it ends, and the scheduler goes on without it. */
	start(3, "sleeps");
	add(&stride, 3, 3);
	CHECK_IS(schedule_serve(&stride, time_now() + 400 * slice), 3);
	CHECK(stride.client[3].dead);
	CHECK_IS(proc_state(&p[3], NULL), PROC_EXITED);
	CHECK_IS(proc_end(&p[3]), 0);

	/* Half of the time for the first, a quarter for the second, nothing promised to the third. */
	edf_init(&edf);
	add(&edf, 0, 0);
	add(&edf, 1, 0);
	edf.client[0].period = 8 * slice;
	edf.client[0].budget = 4 * slice;
	edf.client[1].period = 16 * slice;
	edf.client[1].budget = 4 * slice;
	before[0] = used(0);
	before[1] = used(1);
	CHECK_IS(schedule_serve(&edf, time_now() + 400 * slice), 2);
	printf("edf: %lu and %lu slices of 400\n", (used(0) - before[0]) / slice, (used(1) - before[1]) / slice);
	got = used(0) - before[0];
	CHECK(got > used(1) - before[1]);
	CHECK(used(1) - before[1] > 20 * slice);

	for (int i = 0; i < 3; i++)
		CHECK_IS(proc_end(&p[i]), 0);
	CHECK_IS(schedule_serve(&stride, time_now() + 10 * slice), 0);
	return verdict();
}
