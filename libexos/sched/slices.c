/*
 * slices.c - giving slices up, and getting some
 *
 * What is the program's, the exposed records of the harts say; what it may give, its capabilities. All of that is bound before the first
 * request (own_slices_begin()), so that an answer takes nothing.
 */
#include "slices.h"

#include <stddef.h>

#include "exos_calls.h"
#include "exposed.h"
#include "internal.h"
#include "revoke.h"
#include "start.h"
#include "upcall.h"
#include "vm.h"

#define HARTS		8	/* for which grants have a name */
#define WAIT_TICKS	20000000 /* of the time CSR: two seconds on the virt machine */
#define LOOK_TICKS	10000

static unsigned int slot_of[HARTS];	/* SLICE capabilities, by hart */
static struct cap_info info;
static uint32_t (*own_worth)(unsigned int hart, unsigned int at);

unsigned int slices_left(void)
{
	const volatile struct exposed_env *self = exposed_env_of(self_env());

	return self != NULL ? self->slices.held : 0;
}

void slices_set_worth(uint32_t (*worth)(unsigned int hart, unsigned int at))
{
	own_worth = worth;
}

static uint32_t usual_worth(unsigned int hart, unsigned int at)
{
	return (hart == uarea()->hart ? SLICES : 0) + SLICES - 1 - at;
}

/* What the slices of a hart are worth, as far as they can be given. */
static void judge(unsigned int hart, uint32_t worth[SLICES])
{
	const volatile struct exposed_hart *h = exposed_hart(hart);
	bool may = slot_of[hart] != 0 && sys_cap_info(slot_of[hart], &info) == 0;

	for (unsigned int at = 0; at < SLICES; at++)
		worth[at] = !may || h->slice[at] != self_env() || at < info.first || at - info.first >= info.count ? SLICE_KEEP :
			    own_worth != NULL ? own_worth(hart, at) : usual_worth(hart, at);
}

static unsigned int give(void *arg, unsigned int n, bool clean)
{
	static uint32_t worth[HARTS * SLICES];
	unsigned int harts = exposed_system()->nharts < HARTS ? exposed_system()->nharts : HARTS, given = 0;
	int i;

	(void)arg;
	(void)clean;
	for (unsigned int h = 0; h < harts; h++)
		judge(h, worth + h * SLICES);
	while (given < n && slices_left() > 1 && (i = slices_least(worth, harts * SLICES)) >= 0) {
		worth[i] = SLICE_KEEP;
		given += sys_slice_bind(slot_of[i / SLICES], (unsigned int)i % SLICES, 1, 0) == 0;
	}
	return given;
}

void own_slices_begin(void)
{
	static struct revoke_giver giver = { .give = give, .kind = REVOKE_SLICES };
	static bool added;
	bool any = false;

	for (unsigned int h = 0; h < HARTS; h++) {
		char name[] = "slices0";

		name[6] = h == 0 ? '\0' : (char)('0' + h);
		slot_of[h] = start_slot(name);
		any |= slot_of[h] != 0;
	}
	/* Without the records the answer is none, and the kernel takes. */
	if (added)
		revoke_remove(&giver);
	added = any && exposed_self();
	if (added)
		revoke_add(&giver);
}

/* Of what is nobody's. Returns how many. */
static unsigned int bind_free(unsigned int n, long *err)
{
	unsigned int got = 0;

	for (unsigned int hart = 0; hart < HARTS && exposed_hart(hart) != NULL; hart++) {
		if (slot_of[hart] == 0 || sys_cap_info(slot_of[hart], &info) < 0)
			continue;
		for (unsigned int at = info.first; at < info.first + info.count && got < n; at++)
			if (exposed_hart(hart)->slice[at] == 0) {
				long r = sys_slice_bind(slot_of[hart], at, 1, self_slot());

				got += r == 0;
				*err = r < 0 ? r : *err;
			}
	}
	return got;
}

long slices_get(unsigned int n)
{
	uint64_t end = time_now() + WAIT_TICKS;
	long err = 0, r;
	unsigned int got = bind_free(n, &err);

	if (got == n)
		return n;
	event_clear(EV_GRANT);
	r = sys_env_ask(0, REVOKE_SLICES, n - got, 0);
	while (r == -E_AGAIN && time_now() < end && event_wait(EV_GRANT, end) >= 0) {
		event_clear(EV_GRANT);	/* it may have been for another kind */
		got += bind_free(n - got, &err);
		if (got == n)
			return n;
	}
	if (r >= 0)
		got += bind_free(n - got, &err);
	sys_env_ask(0, REVOKE_SLICES, 0, 0);
	return got != 0 ? (long)got : r < 0 ? r : err;
}

long slices_bind(unsigned int slot, unsigned int first, unsigned int count, unsigned int env)
{
	uint64_t end = time_now() + WAIT_TICKS;
	long r;

	/* Only the environment itself is told when they are there. */
	while ((r = sys_slice_bind(slot, first, count, env)) == -E_AGAIN && time_now() < end) {
		event_wait(EV_GRANT, env == self_slot() ? end : time_now() + LOOK_TICKS);
		event_clear(EV_GRANT);
	}
	if (r == -E_AGAIN && env == self_slot())
		sys_env_ask(0, REVOKE_SLICES, 0, 0);
	return r;
}

const char *slices_strerror(long err)
{
	switch (err) {
	case -E_QUOTA:
		return "the slices that are free are kept for programs that are promised some: promise this one as many, or give it fewer";
	case -E_AGAIN:
		return "the program is promised them, and those who have them were asked in vain";
	case -E_BUSY:
		return "one of the slices belongs to a program that got it from somebody else";
	default:
		return exos_strerror(err);
	}
}
