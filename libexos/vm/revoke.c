/*
 * revoke.c - giving up what the kernel asks for, and repairing the records after it took something
 *
 * Both happen in an upcall, or, when that came in the middle of the vm part or of malloc(), as soon as that is left: preempt_depth tells.
 * Nothing here takes a page, a slot or memory. What is needed for it (image, upcall stack, page table) is not on the list of what may be
 * taken first, and everything else that is not needed for it is put there when the answer was too small.
 */
#include "revoke.h"

#include "exos_calls.h"
#include "internal.h"
#include "space.h"
#include "start.h"
#include "upcall.h"

#define LOST_PAGES	256	/* of which is remembered that their content is gone */
#define WAIT_TICKS	20000000 /* of the time CSR, for a page that is ours and that others are asked for. Two seconds on the virt machine: to look
				    the frequency up may take a page */
#define LOOK_TICKS	10000	/* between two looks for another's page */

static uint32_t offers[REVOKE_LIST];
static unsigned int nnamed, noffers;	/* those that somebody named, and behind them pages of data, in no order */
static struct revoke_giver *givers;
static unsigned int (*own_answer[REVOKE_SHARES + 1])(unsigned int n);
static bool (*lost_handler)(void *va);
static uint32_t lost_vpn[LOST_PAGES];
static unsigned int nlost;
static bool lost_more;		/* than are remembered: each touch of a page that is not there is suspect */
static uint64_t seen;		/* entries of the repossession vector */
static uint64_t answered;	/* number of the last request */
static volatile bool due;
static struct revoke_stats stats[REVOKE_SHARES + 1];

const struct revoke_stats *revoke_stats(enum revoke_kind kind)
{
	return &stats[kind <= REVOKE_SHARES ? kind : REVOKE_NONE];
}

void revoke_set_answer(enum revoke_kind kind, unsigned int (*answer)(unsigned int n))
{
	if (kind <= REVOKE_SHARES)
		own_answer[kind] = answer;
}

void revoke_set_lost(bool (*lost)(void *va))
{
	lost_handler = lost;
}

void revoke_add(struct revoke_giver *g)
{
	PREEMPT_OFF;

	if (g->kind == REVOKE_NONE)
		g->kind = REVOKE_PAGES;
	g->next = givers;
	givers = g;
}

void revoke_remove(struct revoke_giver *g)
{
	struct revoke_giver **link = &givers;
	PREEMPT_OFF;

	while (*link != NULL && *link != g)
		link = &(*link)->next;
	if (*link != NULL)
		*link = g->next;
}

/* ---- the list ---- */

static void tell_list(void)
{
	uarea()->offer = (uint64_t)offers;
	uarea()->noffer = noffers;
}

/* The kernel may read the list at any moment: an entry that it sees twice or not at all for an instant does no harm. */
void revoke_withdraw(unsigned int slot)
{
	unsigned int i = 0;
	PREEMPT_OFF;

	while (i < noffers && offers[i] != slot)
		i++;
	if (i == noffers)
		return;
	nnamed -= i < nnamed;
	for (noffers--; i < noffers; i++)
		offers[i] = offers[i + 1];
	tell_list();
}

void revoke_offer(unsigned int slot)
{
	PREEMPT_OFF;

	revoke_withdraw(slot);
	noffers = nnamed;
	if (noffers < REVOKE_LIST)
		offers[noffers++] = slot;
	nnamed = noffers;
	tell_list();
}

/* Pages of the program's own data, from the heap upwards: their loss hurts the program, and not what answers for it. */
static void offer_data(void)
{
	noffers = nnamed;
	for (uint64_t vpn = VPN(heap_start); noffers < REVOKE_LIST && (vpn = ptable_next(vpn, PTABLE_VPNS)) < PTABLE_VPNS; vpn++) {
		const struct region *r = region_find(&regions, vpn * PAGE_SIZE);
		struct vm_entry e = ptable_lookup(vpn);

		if (r != NULL && r->kind == REGION_DEMAND && !(r->flags & REGION_STACK) && !(e.flags & ENTRY_LARGE))
			offers[noffers++] = e.slot;
	}
	tell_list();
}

/* ---- an answer ---- */

static void answer(enum revoke_kind kind, unsigned int n)
{
	unsigned int given = 0;

	stats[kind].requests++;
	if (own_answer[kind] != NULL)
		given = own_answer[kind](n);
	for (unsigned int pass = 0; pass < 2; pass++)
		for (struct revoke_giver *g = givers; g != NULL && given < n; g = g->next)
			if (g->kind == kind)
				given += g->give(g->arg, n - given, pass == 0);
	stats[kind].given += given;
	if (kind == REVOKE_PAGES && (given < n || own_answer[kind] != NULL))
		offer_data();		/* it may have been mistaken */
}

/* ---- repairs ---- */

static void remember_loss(uint64_t vpn)
{
	stats[REVOKE_PAGES].lost++;
	if (nlost < LOST_PAGES)
		lost_vpn[nlost++] = (uint32_t)vpn;
	else
		lost_more = true;
}

/* The page number where the page of a slot stands; PTABLE_VPNS: nowhere. near: where it was bound. */
static uint64_t place_of(unsigned int slot, uint64_t near)
{
	uint64_t vpn;

	if (near != 0 && ptable_lookup(VPN(near)).slot == slot)
		return VPN(near);
	for (vpn = 0; (vpn = ptable_next(vpn, PTABLE_VPNS)) < PTABLE_VPNS && ptable_lookup(vpn).slot != slot; vpn++)
		;
	return vpn;
}

/* Whose was it? */
static bool tell_giver(enum revoke_kind kind, unsigned int what)
{
	for (struct revoke_giver *g = givers; g != NULL; g = g->next)
		if (g->kind == kind && g->taken != NULL && g->taken(g->arg, what))
			return true;
	return false;
}

static enum cap_type type_of(unsigned int slot)
{
	static struct cap_info info;

	return sys_cap_info(slot, &info) == 0 ? (enum cap_type)info.type : CAP_NONE;
}

/* The capability of a page or a table is gone, and its slot is empty; if it is not, that was told already and the slot is in use again. */
static void repair(unsigned int slot, uint64_t va)
{
	uint64_t vpn;

	stats[REVOKE_PAGES].taken++;
	if (type_of(slot) != CAP_NONE)
		return;
	revoke_withdraw(slot);
	if (tell_giver(REVOKE_PAGES, slot) || space_forget_table(slot)) {
		slot_free(slot);
		return;
	}
	vpn = place_of(slot, va);
	if (vpn < PTABLE_VPNS) {
		ptable_remove(vpn);
		remember_loss(vpn);
		slot_free(slot);
	}
	/* Else the program holds it in a way that it knows itself: the slot stays its own, and empty. */
}

/* A page stands in a slot where a filter or a ring was. */
static void repair_object(enum revoke_kind kind, unsigned int slot)
{
	stats[kind].taken += tell_giver(kind, slot);
}

static void repair_entry(enum revoke_kind kind, unsigned int slot, unsigned int name, uint64_t va)
{
	switch (kind) {
	case REVOKE_SLICES:
		stats[kind].taken++;
		tell_giver(kind, name);		/* what it has left, the exposed record says */
		break;
	case REVOKE_FILTERS:
	case REVOKE_RINGS:
		if (type_of(slot) == CAP_PAGE)
			repair_object(kind, slot);
		break;
	default:
		repair(slot, va);
	}
}

/* More was taken than the vector holds: look at each slot in use. */
static void repair_all(void)
{
	uint64_t used, total;

	slot_count(&used, &total);
	for (unsigned int slot = 1; slot < total; slot++) {
		enum cap_type type = slot_used(slot) ? type_of(slot) : CAP_MACHINE;

		if (type == CAP_NONE) {
			repair(slot, 0);
		} else if (type == CAP_PAGE) {
			repair_object(REVOKE_FILTERS, slot);
			repair_object(REVOKE_RINGS, slot);
		}
	}
}

static void repairs(void)
{
	volatile struct uarea *u = uarea();
	uint64_t end = __atomic_load_n(&u->nlost, __ATOMIC_ACQUIRE);

	for (; seen != end; seen++) {
		const volatile struct repossession *r = &u->lost[seen % LOST_MAX];
		enum revoke_kind kind = (enum revoke_kind)r->kind;
		unsigned int slot = r->slot, name = r->name;
		uint64_t va = r->va;

		/* Overwritten before or while it was read? */
		if (__atomic_load_n(&u->nlost, __ATOMIC_ACQUIRE) - seen > LOST_MAX) {
			seen = __atomic_load_n(&u->nlost, __ATOMIC_ACQUIRE);
			repair_all();
			return;
		}
		repair_entry(kind, slot, name, va);
	}
}

/* ---- when ---- */

static void serve(void)
{
	volatile struct uarea *u = uarea();
	uint64_t number, before[REVOKE_SHARES + 1];
	unsigned int kind, amount, lost;

	for (kind = 0; kind <= REVOKE_SHARES; kind++)
		before[kind] = stats[kind].taken;
	due = false;
	event_clear(EV_REVOKE | EV_REPOSSESS);
	if (u->nlost != seen)
		repairs();
	do {		/* another hart may replace one request by the next one meanwhile */
		number = u->revoke.number;
		kind = u->revoke.kind;
		amount = u->revoke.amount;
	} while (number != u->revoke.number || kind != u->revoke.kind);
	if (kind == REVOKE_NONE || kind > REVOKE_SHARES || number == answered)
		return;
	/* It stays there, as it was asked, until the kernel looks again. Who is late does not owe what was taken meanwhile. */
	answered = number;
	lost = (unsigned int)(stats[kind].taken - before[kind]);
	if (amount > lost)
		answer((enum revoke_kind)kind, amount - lost);
}

void revoke_upcall(void)
{
	uint64_t fp[33];

	if (preempt_depth != 0) {
		due = preempt_wanted = true;
		return;
	}
	upcall_fp_save(fp);
	serve();
	upcall_fp_restore(fp);
}

void revoke_late(void)
{
	if (!due)
		return;
	/* The stack is the program's own. A giver that needs more of it may fault: no record is half changed then. */
	stack_bound();
	PREEMPT_OFF;
	serve();
}

void revoke_begin(void)
{
	seen = uarea()->nlost;
	answered = 0;
	tell_list();
}

/* ---- what others ask ---- */

bool revoke_is_lost(uint64_t va)
{
	unsigned int i = 0;

	while (i < nlost && lost_vpn[i] != VPN(va))
		i++;
	if (i == nlost && !lost_more)
		return false;
	if (lost_handler == NULL || !lost_handler((void *)(va & ~PAGE_MASK)))
		return true;
	if (i < nlost)
		lost_vpn[i] = lost_vpn[--nlost];
	return false;
}

void revoke_forget_range(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < nlost;)
		if (lost_vpn[i] >= VPN(start) && lost_vpn[i] < VPN(end))
			lost_vpn[i] = lost_vpn[--nlost];
		else
			i++;
}

/* The environment has a right to it, and others are asked for it. Only the environment itself is told when it is there. */
__attribute__((noinline)) static long wait_for_page(unsigned int env, unsigned int slot)
{
	uint64_t end = time_now() + WAIT_TICKS;
	long r;

	do {
		sys_wait(EV_GRANT, env == 0 ? end : time_now() + LOOK_TICKS);
		event_clear(EV_GRANT);
		r = sys_page_alloc(env, slot, FRAME_ANY, 0);
	} while (r == -E_AGAIN && time_now() < end);
	if (r != -E_AGAIN)
		return r;
	if (env == 0)
		sys_env_ask(0, REVOKE_PAGES, 0, 0);
	return -E_NOMEM;
}

long page_take_for(unsigned int env, unsigned int slot)
{
	long r = sys_page_alloc(env, slot, FRAME_ANY, 0);

	return r == -E_AGAIN ? wait_for_page(env, slot) : r;
}

long page_take(unsigned int slot)
{
	return page_take_for(0, slot);
}
