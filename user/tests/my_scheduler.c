/*
 * my_scheduler.c - the scheduler of docs/scheduler-tutorial.md: one client first, the others in turn with what it leaves
 */
/* guest: icount=4 */
#include "check.h"
#include "schedule.h"

/* Client 0 whenever it can run; otherwise the next one behind the one that ran last, which `state` remembers. */
static int pick_foreground(struct schedule *s, uint64_t now)
{
	(void)now;
	if (s->n > 0 && s->client[0].ready)
		return 0;
	for (int k = 1; k <= s->n; k++) {
		int i = (int)((s->state + (uint64_t)k) % (uint64_t)s->n);

		if (s->client[i].ready)
			return i;
	}
	return -1;
}

static void ran_foreground(struct schedule *s, int i, uint64_t ticks)
{
	(void)ticks;
	if (i != 0)
		s->state = (uint64_t)i;
}

static struct schedule s = { .pick = pick_foreground, .ran = ran_foreground };

/* A run of neighbouring slices is one quantum: give up every other one, and each of ours ends after a millisecond. */
static void spread_slices(void)
{
	unsigned int slot = start_slot("slices");
	struct cap_info info;

	MUST(sys_cap_info(slot, &info));
	for (unsigned int i = 0; i < info.count; i += 2)
		MUST(sys_slice_bind(slot, info.first + i, 1, 0));
}

/* A client is a program without slices. Its ENV capability has every right, RIGHT_YIELD among them. */
static void add_client(struct proc *p, const char *role)
{
	struct child c = { .name = "my_scheduler", .role = role };

	MUST(child(&c, p));
	s.client[s.n++] = (struct client){ .env = p->env, .id = p->id };
}

static int client(const char *role)
{
	if (strcmp(role, "background") == 0)
		for (;;)
			;
	/* The foreground: answers something every 10 ms, 50 times. */
	for (int i = 0; i < 50; i++)
		usleep(10000);
	return 0;
}

int main(int argc, char **argv)
{
	struct proc p[3];
	uint64_t all;

	if (argc > 1)
		return client(argv[1]);
	spread_slices();
	add_client(&p[0], "foreground");
	add_client(&p[1], "background");
	add_client(&p[2], "background");

	schedule_serve(&s, deadline_us(2000000));

	/* The foreground came to its end; the other two shared what it left, and that was nearly all. */
	CHECK(s.client[0].dead);
	CHECK(s.client[0].turns >= 50);
	all = s.client[0].ran + s.client[1].ran + s.client[2].ran;
	CHECK(s.client[1].ran > all * 4 / 10);
	CHECK(s.client[2].ran > all * 4 / 10);
	for (int i = 0; i < 3; i++)
		CHECK_IS(proc_end(&p[i]), 0);
	return verdict();
}
