/*
 * sim_drive.c - random but plausible operations
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/syscall.h"
#include "test/sim/sim_drive.h"

/*
 * Arguments of each call, a letter each:
 *	e environment, 0 for oneself	s any used slot		n an empty slot		p t c l f r i: PAGE TABLE CTX SLICE FLOW RING FILTER
 *	a page, often one that may become something else	R rights	P prot	v address	N pages	L level	F frame	o order
 *	k property and its two values	g guarantee	x slice	y slices	E event bits	m mask	d deadline	w word	j index
 *	b u memory of the caller: for reading by the kernel, prepared with what the call expects; for writing	z small number
 *	C M console, machine	K kind of what is asked for
 */
static const char *const shapes[CALL_COUNT] = {
	[CALL_null] = "",		[CALL_pct_call] = "ed",	[CALL_pct_reply] = "",	[CALL_pct_send] = "e",
	[CALL_yield] = "e",			[CALL_wait] = "md",		[CALL_exit] = "z",
	[CALL_notify] = "eE",		[CALL_cap_copy] = "esnRxy",	[CALL_cap_grant] = "senRxy",	[CALL_cap_delete] = "s",
	[CALL_cap_revoke] = "s",	[CALL_cap_info] = "su",		[CALL_cap_word] = "sw",		[CALL_object_end] = "s",
	[CALL_page_alloc] = "enFo",	[CALL_page_bind] = "cvpNP",	[CALL_page_unbind] = "cvN",	[CALL_page_protect] = "cvNP",
	[CALL_page_join] = "p",		[CALL_page_split] = "pn",	[CALL_page_batch] = "cbz",	[CALL_table_bind] = "cvLa",	[CALL_table_unbind] = "cvL",	[CALL_ctx_create] = "a",
	[CALL_expose_bind] = "cvzzNM",	[CALL_env_create] = "ag",	[CALL_env_captab] = "ea",	[CALL_env_set] = "ek",
	[CALL_env_regs] = "ezu",	[CALL_slice_bind] = "lxye",	[CALL_flow_derive] = "fabR",	[CALL_ring_create] = "apj",
	[CALL_ring_buffer] = "rjp",	[CALL_filter_bind] = "afrbz",	[CALL_net_send] = "rfbzw",	[CALL_console_write] = "Cbz",
	[CALL_console_read] = "Cuz",	[CALL_console_bind] = "C",	[CALL_poweroff] = "sz",	[CALL_env_ask] = "eKgd",
	[CALL_trace_set] = "Mo",
};

static unsigned byte(struct sim_drive *d)
{
	if (d->data == NULL) {
		d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
		if (d->taped % 64 == 0)
			d->tape = realloc(d->tape, d->taped + 64);
		return d->tape[d->taped++] = d->seed >> 56;
	}
	if (d->left == 0)
		return 0;
	d->left--;
	return *d->data++;
}

static unsigned below(struct sim_drive *d, unsigned n)
{
	if (n == 0)
		return 0;
	return n <= 256 ? byte(d) % n : (byte(d) << 8 | byte(d)) % n;
}

/* Mostly true, false, ...: one in n. */
static bool one_in(struct sim_drive *d, unsigned n)
{
	return byte(d) % n == n - 1;
}

static unsigned long wild(struct sim_drive *d)
{
	static const unsigned long edges[] = { 0, 1, ~0ul, ~0ul - 4095, 1ul << 63, SV39_USER_TOP, SV39_USER_TOP - 4096, SV39_USER_TOP - 1,
		1ul << 32, 0xffffffff, 0x80000000, 0x80000, 511, 512, 513, SIM_ARGS + 1, 0xffffffc080000000 };
	unsigned i = byte(d);

	return i < 200 ? edges[i % ARRAY_SIZE(edges)] : (unsigned long)byte(d) << byte(d) % 64;
}

/* A slot of e that holds the type, CAP_NONE: anything but empty; 0 when there is none. */
static unsigned slot_of(struct sim_drive *d, const struct env *e, unsigned type, bool empty)
{
	unsigned start = below(d, e->nslots);

	for (unsigned n = 0; n < e->nslots; n++) {
		unsigned s = (start + n) % e->nslots;
		const struct cap *c = s != 0 ? cap_slot(e, s) : NULL;

		if (c != NULL && (empty ? c->type == CAP_NONE : type == CAP_NONE ? c->type != CAP_NONE : c->type == type))
			return s;
	}
	return 0;
}

/* A page that could become a table or an object. */
static unsigned claimable(struct sim_drive *d, const struct env *e)
{
	unsigned start = below(d, e->nslots);

	for (unsigned n = 0; n < e->nslots; n++) {
		unsigned s = (start + n) % e->nslots;
		const struct cap *c = s != 0 ? cap_slot(e, s) : NULL;

		if (c != NULL && c->type == CAP_PAGE && page_claimable(c) == 0)
			return s;
	}
	return 0;
}

static vaddr_t address(struct sim_drive *d)
{
	switch (byte(d) % 8) {
	case 0:
		return (vaddr_t)below(d, 4) << 21;
	case 1:
		return (vaddr_t)below(d, 3) << 30;
	case 2:
		return SIM_CODE + below(d, 6) * PAGE_SIZE;
	case 3:
		return SV39_USER_TOP - (1 + below(d, 3)) * PAGE_SIZE;
	default:
		return SIM_FREE + below(d, 8) * PAGE_SIZE;
	}
}

/* Something of an environment that the caller may know. */
static struct env *any_env(struct sim_drive *d)
{
	struct env *all[ENV_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < ENV_MAX; i++)
		if (env_table[i] != NULL)
			all[n++] = env_table[i];
	return all[below(d, n)];
}

static void put(vaddr_t at, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t w = 0;

		memcpy(&w, (const char *)from + i, n - i < 8 ? n - i : 8);
		if (sim_store(at + i, w, 8) != 0)
			return;
	}
}

/* Over a handful of fields that are mostly 0, so that they often imply each other, and match packets of zeros. */
static void random_predicate(struct sim_drive *d, struct flow_predicate *p, unsigned natoms)
{
	memset(p, 0, sizeof(*p));
	p->version = one_in(d, 32) ? 2 : FLOW_VERSION;
	p->natoms = one_in(d, 32) ? below(d, 20) : natoms;
	for (unsigned i = 0; i < p->natoms && i < FLOW_ATOMS_MAX; i++) {
		struct flow_atom *a = &p->atom[i];

		a->offset = one_in(d, 32) ? below(d, 160) : 12 + 2 * i;
		a->width = one_in(d, 16) ? 1u << below(d, 4) : 2;
		a->mask = a->width == 1 ? 0xff : 0xffff;
		a->value = one_in(d, 6) ? below(d, 4) : 0;
	}
}

/* What the call expects in memory, in the argument pages, if they are still there. */
static vaddr_t prepare(struct sim_drive *d, struct env *e, unsigned call)
{
	vaddr_t at = SIM_ARGS + (one_in(d, 4) ? PAGE_SIZE - 8 * below(d, 16) : 0);

	switch (call) {
	case CALL_page_batch:
		for (unsigned i = 0; i < 4; i++) {
			struct page_op op = {
				.op = below(d, one_in(d, 16) ? 256 : 3), .prot = 1 + below(d, one_in(d, 16) ? 256 : 15),
				.slot = slot_of(d, e, CAP_PAGE, false), .va = address(d),
			};

			put(at + i * sizeof(op), &op, sizeof(op));
		}
		break;
	case CALL_flow_derive: {
		struct flow_spec s = { .version = FLOW_VERSION, .flags = one_in(d, 4) ? FLOW_SHARED : 0 };

		random_predicate(d, &s.receive, below(d, 3));
		random_predicate(d, &s.send, below(d, 3));
		put(at, &s, sizeof(s));
		break;
	}
	case CALL_filter_bind: {
		struct flow_predicate p;

		random_predicate(d, &p, 2 + below(d, 3));
		put(at, &p, sizeof(p));
		break;
	}
	case CALL_net_send:
		for (unsigned i = 0; i < 4; i++) {
			struct send_segment s = {
				.slot = slot_of(d, e, CAP_PAGE, false), .offset = below(d, 4097),
				.length = one_in(d, 8) ? below(d, 5000) : 60 + below(d, 200),
			};

			put(at + i * sizeof(s), &s, sizeof(s));
		}
		break;
	case CALL_env_regs: {
		struct env_regs r = { .pc = SIM_CODE + below(d, 4) };

		put(at, &r, sizeof(r));
		break;
	}
	default:
		break;
	}
	return at;
}

static void property(struct sim_drive *d, struct env *e, unsigned long *a)
{
	a[0] = below(d, one_in(d, 32) ? 256 : ENV_PROPERTIES);
	a[1] = byte(d) % 4;
	a[2] = 0;
	switch (a[0]) {
	case ENV_CONTEXT:
		a[1] = slot_of(d, e, CAP_CTX, false);
		break;
	case ENV_UAREA:
		a[1] = slot_of(d, e, CAP_PAGE, false);
		a[2] = address(d);
		break;
	case ENV_HANDLER:
		a[2] = one_in(d, 4) ? 0 : SIM_CODE + below(d, 64) * 4;
		break;
	case ENV_RESUME:
		a[1] = SIM_CODE;
		a[2] = SIM_CODE + 32;
		break;
	case ENV_WINDOW:
		a[1] = below(d, 256);
		a[2] = below(d, 64);
		break;
	case ENV_GUARANTEE:
		/* For a child, or for oneself: then it must be near what one has. */
		a[2] = one_in(d, 2) ? 0 : REVOKE_SLICES + below(d, 2);
		a[1] = below(d, a[2] == 0 ? 80 : 8);
		if (a[2] == 0 && (a[1] & 1) != 0)
			a[1] = e->pub->guarantee - (a[1] >> 1);
		break;
	case ENV_BORROW:
		a[1] = one_in(d, 4) ? below(d, 8) : 1000;
		break;
	case ENV_EVENT_UP:
		a[1] = one_in(d, 2) ? EV_USER_MASK : 0;
		break;
	case ENV_RUN:
		a[1] = !one_in(d, 4);
		break;
	default:
		break;
	}
}

static unsigned long argument(struct sim_drive *d, struct env *e, struct env *other, unsigned call, char kind)
{
	static const struct { char letter; uint8_t type; } types[] = {
		{ 'p', CAP_PAGE }, { 't', CAP_TABLE }, { 'c', CAP_CTX }, { 'l', CAP_SLICE }, { 'f', CAP_FLOW }, { 'r', CAP_RING },
		{ 'i', CAP_FILTER }, { 'C', CAP_CONSOLE }, { 'M', CAP_MACHINE },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].letter == kind)
			return slot_of(d, e, types[i].type, false);
	switch (kind) {
	case 'e':
		return one_in(d, 3) ? 0 : slot_of(d, e, CAP_ENV, false);
	case 's':
		return slot_of(d, call == CALL_cap_copy ? other : e, CAP_NONE, false);
	case 'n':
		return slot_of(d, call == CALL_cap_copy ? e : other, CAP_NONE, true);
	case 'a':
		return one_in(d, 8) ? slot_of(d, e, CAP_PAGE, false) : claimable(d, e);
	case 'R':
		return one_in(d, 2) ? RIGHTS_ALL : one_in(d, 2) ? 7 : below(d, 8);
	case 'P':
		return 1 + below(d, 15);
	case 'v':
		return address(d);
	case 'N':
		return one_in(d, 4) ? 1 + below(d, 6) : 1;
	case 'L':
		return below(d, 2);
	case 'F':
		return one_in(d, 4) ? first_ppn + below(d, end_ppn - first_ppn) : one_in(d, 8) ?
			(first_ppn + below(d, end_ppn - first_ppn)) & ~511u : FRAME_ANY;
	case 'o':
		return one_in(d, 8);
	case 'K':
		return one_in(d, 16) ? below(d, 8) : one_in(d, 2) ? REVOKE_PAGES : REVOKE_SLICES + below(d, 3);
	case 'g':
		return below(d, 40);
	case 'x':
		return one_in(d, 4) ? below(d, SLICES) : 0;
	case 'y':
		return one_in(d, 3) ? 1 + below(d, SLICES) : call == CALL_slice_bind ? SLICES : 0;
	case 'E':
		return EV_USER(below(d, 4)) | (one_in(d, 16) ? 1 : 0);
	case 'm':
		return one_in(d, 2) ? EV_USER(below(d, 4)) : EV_CHILD | EV_RING(1);
	case 'd':
		return one_in(d, 2) ? sim_now + below(d, 60000) : 0;
	case 'w':
		return byte(d);
	case 'j':
		return below(d, one_in(d, 8) ? 256 : 4);
	case 'z':
		return below(d, one_in(d, 8) ? 256 : 5);
	case 'b':
		return prepare(d, e, call);
	case 'u':
		return prepare(d, e, call);
	default:
		return 0;
	}
}

/* ---- arguments that fit each other ---- */

/* n empty slots of e's table that follow one another; 0: there are none. */
static unsigned empty_run(const struct env *e, unsigned n)
{
	unsigned length = 0;

	for (unsigned s = 32; s < e->nslots; s++) {
		length = cap_empty_slot(e, s) != NULL ? length + 1 : 0;
		if (length == n)
			return s - n + 1;
	}
	return 0;
}

static unsigned any_prot(struct sim_drive *d, unsigned rights)
{
	static const uint8_t good[] = { PROT_R, PROT_R | PROT_W, PROT_X, PROT_R | PROT_X, PROT_R | PROT_W | PROT_X };
	unsigned prot = good[below(d, ARRAY_SIZE(good))];

	if (prot & ~rights)
		prot = rights & PROT_R ? PROT_R : PROT_X;
	return prot | (one_in(d, 4) ? PROT_TRACK : 0);
}

/* An address of the context in a slot where a page of e is bound; *c is its capability. Otherwise any address, and NULL. */
static vaddr_t bound_address(struct sim_drive *d, const struct env *e, unsigned ctx, const struct cap **c)
{
	unsigned start = below(d, e->nslots);

	for (unsigned n = 0; n < e->nslots; n++) {
		unsigned s = (start + n) % e->nslots;

		*c = s != 0 ? cap_slot(e, s) : NULL;
		if (*c != NULL && ((*c)->type == CAP_PAGE || (*c)->type == CAP_TABLE) && (*c)->binding != 0 &&
		    binding_root((*c)->binding) == cap_slot(e, ctx)->object)
			return binding_va((*c)->binding);
	}
	*c = NULL;
	return address(d);
}

/* Where in the context a table hangs that is empty; its level. 0: there is none. */
static bool empty_table(struct sim_drive *d, ppn_t root, vaddr_t *va, unsigned long *level)
{
	ppn_t n = end_ppn - first_ppn, start = below(d, n);

	for (ppn_t i = 0; i < n; i++) {
		ppn_t p = first_ppn + (start + i) % n;

		if (frame_of(p)->type != FRAME_TABLE || frame_of(p)->level == 2 || priv_of(p)->live != 0)
			continue;
		*level = frame_of(p)->level;
		for (*va = 0; frame_of(p)->level < 2; p = frame_of(p)->parent)
			*va += (vaddr_t)priv_of(p)->index << (PAGE_SHIFT + 9 * (frame_of(p)->level + 1));
		if (p == root)
			return true;
	}
	return false;
}

/* A slot that names an environment which is stopped, or an object that can be ended. */
static unsigned slot_that(struct sim_drive *d, const struct env *e, bool stopped)
{
	unsigned start = below(d, e->nslots);

	for (unsigned n = 0; n < e->nslots; n++) {
		unsigned s = (start + n) % e->nslots;
		const struct cap *c = s != 0 ? cap_slot(e, s) : NULL;

		if (c == NULL)
			continue;
		if (stopped ? c->type == CAP_ENV && env_at(c->object)->state == ENV_STOPPED :
		    c->type == CAP_CTX || c->type == CAP_ENV || c->type == CAP_RING || c->type == CAP_FLOW || c->type == CAP_FILTER)
			return s;
	}
	return 0;
}

/* The first of 512 slots that page_join() would take; an aligned stretch of free memory. */
static unsigned joinable(const struct env *e)
{
	unsigned length = 0;

	for (unsigned s = 32; s < e->nslots; s++) {
		const struct cap *c = cap_slot(e, s), *before = cap_slot(e, s - 1);

		if (c->type != CAP_PAGE || cap_order(c) != 0)
			length = 0;
		else if (length > 0 && c->object == before->object + 1)
			length++;
		else
			length = (c->object & 511) == 0;
		if (length == 512)
			return s - 511;
	}
	return 0;
}

static ppn_t free_stretch(void)
{
	for (ppn_t p = (first_ppn + 511) & ~511u; p + 512 <= end_ppn; p += 512) {
		ppn_t i = 0;

		while (i < 512 && frame_of(p + i)->type == FRAME_FREE)
			i++;
		if (i == 512)
			return p;
	}
	return 0;
}

static unsigned slot_of_order(const struct env *e, unsigned order)
{
	for (unsigned s = 32; s < e->nslots; s++)
		if (cap_slot(e, s)->type == CAP_PAGE && cap_order(cap_slot(e, s)) == order)
			return s;
	return 0;
}

/* The rights and the range of a copy that its source can give. */
static void aim_copy(struct sim_drive *d, const struct cap *src, unsigned long *rights, unsigned long *range)
{
	range[0] = range[1] = 0;
	if (src == NULL)
		return;
	*rights &= src->rights;
	if (src->type == CAP_SLICE) {
		unsigned count = (uint32_t)src->binding, skip = below(d, count);

		range[0] = (src->binding >> 32) + skip;
		range[1] = 1 + below(d, count - skip);
	}
}

/*
 * Chance alone would seldom get some calls past their first checks: give them what is there. Arguments that a call needs a
 * capability for are in their places already.
 */
static void aim(struct sim_drive *d, struct env *e, struct env *other, unsigned call, unsigned long *a)
{
	const struct cap *c;

	switch (call) {
	case CALL_cap_copy:
		aim_copy(d, cap_slot(other, a[1]), &a[3], &a[4]);
		break;
	case CALL_cap_grant:
		aim_copy(d, cap_slot(e, a[0]), &a[3], &a[4]);
		break;
	case CALL_object_end:
		a[0] = slot_that(d, e, false);
		break;
	case CALL_page_alloc:
		if (a[3] == 1)
			a[2] = free_stretch();
		break;
	case CALL_page_bind:
		c = cap_slot(e, a[2]);
		if (c == NULL)
			break;
		if (cap_order(c) != 0) {
			a[1] &= ~(sv39_span(1) - 1);
			a[3] = 1;
		}
		a[4] = any_prot(d, c->rights);
		break;
	case CALL_page_unbind:
		a[1] = bound_address(d, e, a[0], &c);
		break;
	case CALL_page_protect:
		a[1] = bound_address(d, e, a[0], &c);
		a[3] = any_prot(d, c != NULL ? c->rights : 7);
		break;
	case CALL_page_split:
		a[0] = slot_of_order(e, 1);
		a[1] = empty_run(e, 511);
		break;
	case CALL_page_join:
		a[0] = joinable(e);
		break;
	case CALL_table_bind:
		a[2] = sv39_entry(cap_slot(e, a[0])->object, a[1] & (SV39_USER_TOP - 1), 1) == NULL;
		break;
	case CALL_table_unbind:
		empty_table(d, cap_slot(e, a[0])->object, &a[1], &a[2]);
		break;
	case CALL_expose_bind:
		a[2] = below(d, EXPOSE_REGIONS);
		a[3] = 0;
		a[4] = 1;
		break;
	case CALL_env_regs:
		a[0] = slot_that(d, e, true);
		a[1] = below(d, 2);
		break;
	case CALL_slice_bind:
		aim_copy(d, cap_slot(e, a[0]), &(unsigned long){ 0 }, &a[1]);
		break;
	case CALL_filter_bind:
		a[4] = one_in(d, 2) ? FILTER_SHARED : 0;
		break;
	case CALL_net_send:
		a[3] = 1 + below(d, 4);
		break;
	default:
		break;
	}
}

/* The pages through which a program and the kernel talk, bound anew if they were lost on the way. */
static void mend_arguments(struct sim_drive *d, struct env *e)
{
	unsigned ctx = 0, page;

	for (unsigned s = 1; s < e->nslots && ctx == 0; s++) {
		const struct cap *c = cap_slot(e, s);

		if (c->type == CAP_CTX && c->object == e->context && (c->rights & RIGHT_MAP))
			ctx = s;
	}
	for (vaddr_t va = SIM_ARGS; ctx != 0 && va <= SIM_ARGS + PAGE_SIZE; va += PAGE_SIZE)
		if (!sim_can(SIM_STORE, va) && (page = slot_of(d, e, CAP_PAGE, false)) >= SIM_SLOT_FREE)
			sim_call(e, page_bind, ctx, va, page, 1, PROT_R | PROT_W);
}

/* One that may run, 0: nobody may. */
static struct env *ready_env(struct sim_drive *d)
{
	struct env *e = any_env(d);

	if (e->context != 0 && (e == sim_current() || env_runnable(e, sim_now)))
		return e;
	/* The first environment may sleep, or wait for an answer that nobody gives any more. */
	for (unsigned i = 0; i < ENV_MAX; i++)
		if ((e = env_table[i]) != NULL && e->context != 0 && (e == sim_current() || env_runnable(e, sim_now)))
			return e;
	return NULL;
}

/* What builds something comes more often than what only looks or takes away. */
static const uint8_t builders[] = {
	CALL_page_alloc, CALL_page_alloc, CALL_page_alloc, CALL_page_bind, CALL_page_bind, CALL_cap_copy, CALL_cap_grant, CALL_env_set,
	CALL_table_bind, CALL_page_batch, CALL_page_protect, CALL_ring_create, CALL_ring_buffer, CALL_flow_derive, CALL_filter_bind,
	CALL_net_send, CALL_pct_call, CALL_pct_send, CALL_cap_delete, CALL_object_end, CALL_slice_bind, CALL_env_captab, CALL_ctx_create,
};

/* What no sequence may do, for it would be its last. */
static bool spared(const struct env *e, unsigned call, const unsigned long *a)
{
	if (e != sim_init_env)
		return false;
	switch (call) {
	case CALL_exit:
		return true;
	case CALL_poweroff:
		return a[0] == SLOT_MACHINE;
	case CALL_cap_delete:
	case CALL_object_end:
	case CALL_page_unbind:
	case CALL_table_unbind:
		return a[0] < 32;	/* what the first environment holds in the beginning it keeps, so that the world goes on */
	default:
		return false;
	}
}

/* Whose page_alloc() it is, and whether the page may still hold what it held. */
static bool may_be_used(struct env *e, const unsigned long *a)
{
	const struct cap *c = a[0] != 0 ? cap_get(e, a[0], CAP_ENV) : NULL;
	const struct env *to = c != NULL ? env_at(c->object) : e;
	unsigned long frame = a[2] == FRAME_ANY ? frame_any() : a[2];

	return frame_exists(frame) && (a[3] != 0 || frame_of(frame)->last_owner == to->id || frame_of(frame)->last_owner == 0);
}

static void check_fresh(ppn_t ppn)
{
	const uint64_t *w = page_kva(ppn);

	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		if (w[i] != 0)
			sim_fail("sim: a fresh page holds what somebody else left in it");
}

static void count(struct sim_drive *d, unsigned call, long r)
{
	if (r < 0 && r != SIM_SWITCHED)
		d->refused[call]++;
	else
		d->answered[call]++;
}

/* False: there was nothing to call with. */
static bool call_step(struct sim_drive *d, struct env *e)
{
	unsigned call = one_in(d, 2) ? builders[below(d, ARRAY_SIZE(builders))] : below(d, CALL_COUNT);
	const char *shape = shapes[call];
	unsigned long a[8] = { 0 };
	struct env *other = e;
	bool used;
	long r;

	if (call == CALL_exit && spared(e, call, a))
		return false;
	sim_run(e);
	if (strpbrk(shape, "bu") != NULL && !one_in(d, 4))
		mend_arguments(d, e);
	for (unsigned i = 0; shape[i] != 0; i++) {
		/* Without an operand of the right type a call says the same each time: seldom is enough. */
		if (i > 0 && strchr("ptclfra", shape[i - 1]) != NULL && a[i - 1] == 0 && !one_in(d, 32))
			return false;
		if (shape[i] == 'k') {
			property(d, e, &a[i]);
			continue;
		}
		a[i] = argument(d, e, other, call, shape[i]);
		if (shape[i] == 'e' && a[i] != 0)
			other = env_at(cap_slot(e, a[i])->object);
	}
	if (!one_in(d, 4) && (strchr("cl", shape[0]) == NULL || shape[0] == 0 || a[0] != 0))
		aim(d, e, other, call, a);
	if (one_in(d, 16))
		a[byte(d) % 6] = wild(d);
	if (spared(e, call, a))
		return false;
	used = may_be_used(e, a);
	if (d->trace)
		fprintf(stderr, "%u: env %x %s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)", d->done, e->id, call_names[call], a[0], a[1], a[2],
			a[3], a[4], a[5]);
	r = sim_ecall(e, call, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (d->trace)
		fprintf(stderr, " = %ld %s\n", r, r < 0 ? sim_error(r) : "");
	if (call == CALL_page_alloc && r >= 0 && !used)
		check_fresh(r);
	count(d, call, r);
	return true;
}

static void spawn(struct sim_drive *d, struct env *e)
{
	unsigned living = 0, empty = 0, slices, flow;
	struct sim_child c;

	for (unsigned i = 0; i < ENV_MAX; i++)
		living += env_table[i] != NULL;
	for (unsigned s = SIM_SLOT_FREE; s < e->nslots; s++)
		empty += cap_empty_slot(e, s) != NULL;
	if (living >= 8 || empty < 16 || system_info->free_frames - system_info->promised_frames + env_own_guarantee(e) < 64)
		return;
	sim_lenient = true;
	c = sim_child(e, 10 + below(d, 60));
	sim_lenient = false;
	if (env_find(c.id) == NULL || c.env->nslots == 0)
		return;
	/* Something to live on: a part of what the parent has of slices and flows. */
	slices = slot_of(d, e, CAP_SLICE, false);
	if (slices != 0)
		sim_call(e, cap_grant, slices, c.slot, 100, RIGHT_BIND, one_in(d, 2) ? 0 : below(d, SLICES - 16), 1 + below(d, 16));
	flow = slot_of(d, e, CAP_FLOW, false);
	if (flow != 0)
		sim_call(e, cap_grant, flow, c.slot, 101, RIGHTS_ALL, 0, 0);
}

/* A larger page: taken, split, joined, whatever is next. Room for its 512 parts comes first. */
static void large(struct sim_drive *d, struct env *e)
{
	unsigned page = claimable(d, e), run = empty_run(e, 511), whole = slot_of_order(e, 1), parts = joinable(e);

	if (e->nslots < 6 * CAPS_PER_PAGE) {
		if (page >= SIM_SLOT_FREE && e->pub->held < env_own_guarantee(e))
			sim_call(e, env_captab, 0, page);
	} else if (parts != 0 && one_in(d, 2)) {
		count(d, CALL_page_join, sim_call(e, page_join, parts));
	} else if (whole == 0 && run != 0) {
		sim_call(e, page_alloc, 0, run, free_stretch(), 1);
	} else if (whole != 0 && run != 0) {
		unsigned ctx = one_in(d, 2) ? slot_of(d, e, CAP_CTX, false) : 0;

		if (ctx != 0)
			sim_call(e, page_bind, ctx, (vaddr_t)below(d, 4) << 21, whole, 1, any_prot(d, 7));
		else
			count(d, CALL_page_split, sim_call(e, page_split, whole, run));
	}
}

/*
 * Everything that e can get, or all but a few: then whoever is promised something lacks it. Or the way back. The audit follows once, for
 * these are many calls.
 */
static void hoard(struct sim_drive *d, struct env *e)
{
	unsigned leave = one_in(d, 2) ? 0 : below(d, 64), keep = below(d, 200);
	bool audits = sim_audit, give = one_in(d, 3);
	long r = 0;

	e->pub->borrow = one_in(d, 4) ? below(d, 16) : 1000;
	sim_audit = false;
	for (unsigned s = 32; r >= 0 && s < e->nslots; s++) {
		const struct cap *c = cap_slot(e, s);

		if (give && s > keep && c->type == CAP_PAGE && c->binding == 0)
			sim_call(e, cap_delete, s);
		else if (!give && c->type == CAP_NONE && system_info->free_frames > leave)
			r = sim_call(e, page_alloc, 0, s, FRAME_ANY, 0);
	}
	if (!give && r >= 0 && system_info->free_frames > leave && claimable(d, e) >= SIM_SLOT_FREE)
		sim_call(e, env_captab, 0, claimable(d, e));
	sim_audit = audits;
	sim_run(e);
	sim_call(e, null);
}

/* A frame arrives, sends complete, or the device is slow for a while. */
static void packet(struct sim_drive *d)
{
	uint8_t frame[RING_FRAME_MAX + 100] = { 0 };

	for (unsigned i = 0; i < 32; i++)
		frame[i] = i & 1 ? below(d, 4) : 0;
	sim_nic.hold_tx = one_in(d, 3);
	sim_virtio_net_work(&sim_nic);
	sim_virtio_net_receive(&sim_nic, frame, one_in(d, 8) ? below(d, sizeof(frame)) : 60);
	sim_interrupts();
}

bool sim_drive_step(struct sim_drive *d)
{
	struct env *e;
	uint64_t v;

	if (d->data != NULL && d->left < 2)
		return false;
	if (setjmp(sim_power) != 0)
		return false;
	sim_power_armed = true;
	d->done++;
	e = ready_env(d);
	if (e == NULL)
		return false;
	switch (byte(d) % 16) {
	case 0:
		sim_run(e);
		sim_load(address(d), &v, 8);
		break;
	case 1:
		sim_run(e);
		sim_store(address(d), byte(d), 8);
		break;
	case 2:
		sim_advance(1 + below(d, 20000));
		break;
	case 3:
		if (e != sim_init_env) {
			sim_run(e);
			sim_exception(13, address(d));
		}
		break;
	case 4:
		spawn(d, e);
		break;
	case 5:
		if (sim_nic.base != 0)
			packet(d);
		else if (one_in(d, 4))
			hoard(d, e);
		break;
	case 6:
		if (one_in(d, 2)) {
			sim_run(e);
			large(d, e);
		}
		break;
	default:
		for (unsigned tries = 0; tries < 8 && !call_step(d, e); tries++)
			;
	}
	sim_power_armed = false;
	return true;
}

bool sim_drive_end_all(void)
{
	struct env *init = sim_init_env;

	/* It may run in a context whose last capability one of them holds: then it goes with it, and the machine goes off. */
	if (setjmp(sim_power) != 0)
		return false;
	sim_power_armed = true;
	for (unsigned n = 0; n < 1000000 && init->child != NULL; n++) {
		for (unsigned s = 1; s < init->nslots; s++) {
			const struct cap *c = cap_slot(init, s);

			if (c->type == CAP_ENV && c->depth == 0 && s != SLOT_SELF)
				sim_call(init, object_end, s);
		}
	}
	sim_power_armed = false;
	if (init->child != NULL)
		sim_fail("sim: children do not end");
	return true;
}
