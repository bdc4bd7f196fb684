/*
 * test_kern_attack.c - what hostile programs try with memory, capabilities and calls, each attempt under its number
 *
 * M: bindings, page types, TLB. C: capabilities. S: calls, user memory, registers. One hart; what needs two, or instructions that the
 * simulated machine does not have (M11, M14, S6, S8, S11), is in user/tests.
 *
 * A victim lives beside the attacker and has lent it a page to read. After each attack the victim's memory, tables and charges are what
 * they were; then the attacker dies, and the machine has as many free frames, promises, capabilities and slices as before it was born.
 */
#include "exos/flow.h"
#include "exos/ring.h"
#include "kern/flow.h"
#include "kern/ring.h"
#include "kern/shared.h"
#include "kern/syscall.h"
#include "kern_test.h"

#define SECRETS 12
#define SECRET 0x5ec4e7

/* Slots of the attacker. */
enum { LENT = 90, TO_VICTIM, TO_SELF, SLICES_SLOT, FIRST_FREE };

static struct env *init;
static struct sim_child victim, hostile;
static struct env *h;
static unsigned asid_bits = 16;
static unsigned secret[SECRETS];	/* slots of the victim */

/* ---- what is there before and after ---- */

struct state {
	uint32_t free, promised, held, guarantee, promised_on, flows, slices, console, filters;
};

static struct state state_now(void)
{
	return (struct state){
		.free = system_info->free_frames, .promised = system_info->promised_frames, .held = init->pub->held, .guarantee = init->pub->guarantee,
		.promised_on = init->pub->promised_on, .flows = flow_caps.count, .slices = harts[0].caps.count,
		.console = console_caps.count, .filters = classifier.nfilters,
	};
}

/* Everything that the victim pays for: contents of its pages, entries of its tables; and its charges. */
static uint64_t victim_hash(void)
{
	const struct exposed_env *p = victim.env->pub;
	uint64_t hash = 1469598103934665603u;

	for (ppn_t f = first_ppn; f < end_ppn; f++) {
		const uint64_t *w = page_kva(f);
		bool table = frame_of(f)->type == FRAME_TABLE;

		if (frame_of(f)->owner != victim.id || frame_of(f)->type == FRAME_KOBJ)
			continue;
		for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
			hash = (hash ^ (table ? w[i] & ~(PTE_A | PTE_D) : w[i]) ^ f) * 1099511628211u;
	}
	for (unsigned s = 1; s < victim.env->nslots; s++) {
		const struct cap *c = cap_slot(victim.env, s);

		hash = (hash ^ c->type ^ (uint64_t)c->rights << 8 ^ (uint64_t)c->object << 16 ^ c->binding) * 1099511628211u;
	}
	hash = (hash ^ p->held ^ (uint64_t)p->guarantee << 32) * 1099511628211u;
	return (hash ^ p->promised_on ^ (uint64_t)p->slices.held << 32 ^ (uint64_t)p->state << 48) * 1099511628211u;
}

static struct state at_birth;
static uint64_t hash_before;

static void world(void)
{
	boot_with(&(struct sim_config){ .asid_bits = asid_bits, .nic = true });
	init = sim_init_env;
	victim = sim_child(init, 80);
	for (unsigned i = 0; i < SECRETS; i++) {
		secret[i] = sim_page(victim.env);
		sim_bind(victim.env, SIM_FREE + i * PAGE_SIZE, secret[i], PROT_R | PROT_W);
		for (unsigned n = 0; n < PAGE_SIZE; n += 8)
			sim_poke(SIM_FREE + i * PAGE_SIZE + n, SECRET + i);
	}
	at_birth = state_now();
	hostile = sim_child(init, 200);
	h = hostile.env;
	answers(init, 0, cap_copy, victim.slot, secret[0], 100, PROT_R, 0, 0);
	answers(init, 0, cap_grant, 100, hostile.slot, LENT, PROT_R, 0, 0);
	answers(init, 0, cap_grant, victim.slot, hostile.slot, TO_VICTIM, RIGHT_NOTIFY | RIGHT_YIELD, 0, 0);
	answers(init, 0, cap_grant, SLOT_SLICES, hostile.slot, SLICES_SLOT, RIGHT_BIND, 8, 4);
	answers(h, 256, env_captab, 0, sim_page(h));
	hash_before = victim_hash();
}

static void end_child(struct sim_child *c)
{
	unsigned steps = 0;

	while (sim_call(init, object_end, c->slot) == 1)
		assert_in_range(++steps, 1, 1000);
	answers(init, 0, cap_delete, c->slot);
}

/* The attacker dies, with everything that it made; what the first environment gave for it comes back. */
static void aftermath(void)
{
	struct state now;

	assert_int_equal(victim_hash(), hash_before);
	audit();
	if (env_find(hostile.id) != NULL)
		end_child(&hostile);
	sim_end(init, hostile.ctx);
	for (unsigned s = SIM_SLOT_FREE; s < init->nslots; s++)	/* its tables are pages again */
		if (sim_cap(init, s)->type == CAP_PAGE && sim_cap(init, s)->binding == 0 && frame_of(sim_frame(init, s))->pins == 0 &&
		    state_now().held > at_birth.held)
			answers(init, 0, cap_delete, s);
	assert_int_equal(victim_hash(), hash_before);
	now = state_now();
	assert_memory_equal(&now, &at_birth, sizeof(now));
	audit();
}

/* A cmocka test that consists of an attack. */
#define ATTACK(name) \
	static void name##_(void); \
	static void name(void **state) \
	{ \
		(void)state; \
		world(); \
		name##_(); \
		aftermath(); \
	} \
	static void name##_(void)

/* A page of the attacker bound at an address of its own. */
static unsigned page_at(vaddr_t va, unsigned prot)
{
	unsigned s = sim_page(h);

	sim_bind(h, va, s, prot);
	return s;
}

/* So many capabilities that the child does not end in one step. */
static void burden(struct sim_child *c)
{
	sim_audit = false;
	for (unsigned i = 0; i < 100; i++)
		answers(c->env, 0, cap_copy, 0, SIM_SLOT_DATA, sim_slot(c->env), 0, 0, 0);
	sim_audit = true;
}

/* ---- M: memory ---- */

ATTACK(m1_frames_of_others_and_of_nobody)
{
	unsigned s = sim_slot(h);

	for (ppn_t p = first_ppn; p < end_ppn; p++)
		if (frame_of(p)->type != FRAME_FREE)
			assert_int_equal(sim_call(h, page_alloc, 0, s, p, 0), -E_NOMEM);
	refused(h, E_INVAL, page_alloc, 0, s, first_ppn - 1, 0);
	refused(h, E_INVAL, page_alloc, 0, s, end_ppn, 0);
	for (unsigned bit = 20; bit < 64; bit++)
		refused(h, E_INVAL, page_alloc, 0, s, (1ul << bit | (frame_any() & 0xfffff)) + (bit == 20 ? 1ul << 21 : 0), 0);
	/* What was lent for reading is bound for reading only. */
	refused(h, E_RIGHTS, page_bind, SIM_SLOT_CTX, SIM_FREE, LENT, 1, PROT_R | PROT_W);
	sim_bind(h, SIM_FREE, LENT, PROT_R);
	assert_int_equal(sim_peek(SIM_FREE), SECRET);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);
	refused(h, E_RIGHTS, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W);
	refused(h, E_FAULT, cap_info, LENT, SIM_FREE);
}

ATTACK(m2_devices_are_no_pages)
{
	static const unsigned long base[] = { 0, 0x1000, 0x100000, 0x101000, 0x2000000, 0xc000000, 0x10000000, 0x10001000, 0x10100000,
		0x20000000, 0x30000000, 0x40000000 };
	unsigned s = sim_slot(h);

	for (unsigned i = 0; i < ARRAY_SIZE(base); i++) {
		refused(h, E_INVAL, page_alloc, 0, s, base[i] >> PAGE_SHIFT, 0);
		refused(h, E_INVAL, page_alloc, 0, s, base[i] >> PAGE_SHIFT & ~511ul, 1);
		refused(h, E_INVAL, expose_bind, SIM_SLOT_CTX, SIM_FREE, base[i] | EXPOSE_REGIONS, 0, 1);
		refused(h, E_INVAL, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_SYSTEM, base[i] >> PAGE_SHIFT | 1, 1);
	}
}

ATTACK(m3_tables_are_not_written_and_what_is_written_is_no_table)
{
	unsigned p = page_at(SIM_FREE, PROT_R | PROT_W), t = sim_page(h), u = sim_page(h);

	refused(h, E_TYPE, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, p);
	refused(h, E_TYPE, ctx_create, p);
	refused(h, E_RIGHTS, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, LENT);
	refused(h, E_RIGHTS, ctx_create, LENT);
	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, t);
	for (unsigned prot = 1; prot < 16; prot++)
		if (prot_valid(prot) && (prot & 7) != PROT_R)
			refused(h, E_TYPE, page_bind, SIM_SLOT_CTX, SIM_FREE + PAGE_SIZE, t, 1, prot);
	sim_bind(h, SIM_FREE + PAGE_SIZE, t, PROT_R);
	assert_int_equal(sim_store(SIM_FREE + PAGE_SIZE, ~0ul, 8), 15);
	refused(h, E_RIGHTS, page_protect, SIM_SLOT_CTX, SIM_FREE + PAGE_SIZE, 1, PROT_R | PROT_W);
	refused(h, E_NOCAP, env_set, 0, ENV_UAREA, t, SIM_UAREA);
	refused(h, E_NOCAP, ring_create, u, t, 0);
}

/* All bits of a leaf that h wrote, in all its tables. */
static pte_t all_leaf_bits(void)
{
	pte_t bits = 0;

	for (ppn_t t = first_ppn; t < end_ppn; t++) {
		const pte_t *e = page_kva(t);

		if (frame_of(t)->type != FRAME_TABLE || frame_of(t)->level == 2)
			continue;
		for (unsigned i = 0; i < SV39_ENTRIES; i++)
			bits |= e[i] & ~((pte_t)0xffffffff << PTE_PPN_SHIFT);
	}
	return bits;
}

static void every_protection(unsigned long end)
{
	unsigned s = sim_page(h);

	for (unsigned long prot = 0; prot < end; prot++) {
		struct page_op op[2] = {
			{ .op = PAGE_OP_BIND, .prot = prot, .slot = s, .va = SIM_FREE }, { .op = PAGE_OP_PROTECT, .prot = prot, .va = SIM_FREE },
		};
		bool good = prot_valid(prot);

		if (good)
			answers(h, 1, page_bind, SIM_SLOT_CTX, SIM_FREE, s, 1, prot);
		else
			refused(h, E_INVAL, page_bind, SIM_SLOT_CTX, SIM_FREE, s, 1, prot);
		answers(h, good ? 1 : -E_INVAL, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, prot);
		if (prot > 255)
			continue;
		sim_put(h, op, sizeof(op));
		answers(h, 2, page_batch, SIM_SLOT_CTX, SIM_ARGS, 2);
		sim_get(h, op, sizeof(op));
		assert_int_equal(op[0].result, good ? 0 : -E_INVAL);
		assert_int_equal(op[1].result, good ? 0 : -E_INVAL);
	}
	for (unsigned bit = 4; bit < 64; bit++) {
		refused(h, E_INVAL, page_bind, SIM_SLOT_CTX, SIM_FREE, s, 1, 1ul << bit | PROT_R);
		refused(h, E_INVAL, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, 1ul << bit | PROT_R);
	}
}

ATTACK(m4_bits_of_an_entry)
{
	every_protection(512);
	assert_int_equal(all_leaf_bits() & ~PTE_ALLOWED, 0);
}

ATTACK(m5_no_entry_is_global)
{
	uint64_t v;

	every_protection(64);
	assert_int_equal(all_leaf_bits() & PTE_G, 0);
	/* What h has at an address, nobody else has there. */
	page_at(SIM_NOTABLE - PAGE_SIZE - (SIM_NOTABLE - (1ul << 21)), PROT_R | PROT_W);
	sim_poke((1ul << 21) - PAGE_SIZE, 0xbad);
	sim_run(victim.env);
	assert_int_equal(sim_load((1ul << 21) - PAGE_SIZE, &v, 8), 13);
}

ATTACK(m6_larger_pages_over_several_owners)
{
	ppn_t stretch = sim_frame(victim.env, secret[3]) & ~511u;
	unsigned s = sim_slot(h), first;

	refused(h, E_NOMEM, page_alloc, 0, s, stretch, 1);
	refused(h, E_INVAL, page_alloc, 0, s, stretch + 1, 1);
	refused(h, E_INVAL, page_alloc, 0, s, stretch, 2);
	/* Pages in a row, of which one is the victim's: 127 slots are too few, and the parts are not of one owner either. */
	first = sim_page(h);
	refused(h, E_INVAL, page_join, LENT);
	assert_true(sim_call(h, page_join, first) < 0);
	refused(h, E_INVAL, page_split, LENT, FIRST_FREE + 20);
	/* A page of 4 KiB does not become a leaf of a higher level. */
	refused(h, E_NOTABLE, page_bind, SIM_SLOT_CTX, 1ul << 21, first, 1, PROT_R);
}

ATTACK(m7_tables_in_wrong_places)
{
	unsigned t = sim_page(h), u = sim_page(h), root = sim_page(h);

	refused(h, E_NOTABLE, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 0, t);
	for (unsigned long level = 2; level < 70; level++)
		refused(h, E_INVAL, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, level, t);
	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, t);
	refused(h, E_NOCAP, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 0, t);	/* below itself */
	refused(h, E_NOCAP, table_bind, SIM_SLOT_CTX, 2 * SIM_NOTABLE, 1, t);	/* twice */
	refused(h, E_EXISTS, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, u);
	answers(h, 0, ctx_create, root);
	refused(h, E_NOCAP, table_bind, root, SIM_NOTABLE, 1, t);	/* under two roots */
	refused(h, E_NOCAP, table_bind, root, SIM_NOTABLE, 1, root);
	refused(h, E_NOCAP, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 0, root);
	refused(h, E_NOCAP, table_bind, TO_VICTIM, SIM_NOTABLE, 1, u);
	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 0, u);
	refused(h, E_BUSY, table_unbind, SIM_SLOT_CTX, SIM_NOTABLE, 1);
}

ATTACK(m8_the_upper_half)
{
	static const unsigned long wrong[] = { SV39_USER_TOP, SV39_USER_TOP + PAGE_SIZE, 1ul << 39, 1ul << 47, 1ul << 63, ~0ul - 4095,
		0xffffffc000000000, 0xffffffc080200000, 0xffffffffffe00000, 0x8000000000 - 4096 };
	unsigned s = sim_page(h), t = sim_page(h);
	uint64_t v;

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		refused(h, E_INVAL, page_bind, SIM_SLOT_CTX, wrong[i], s, 1, PROT_R);
		refused(h, E_INVAL, page_unbind, SIM_SLOT_CTX, wrong[i], 1);
		refused(h, E_INVAL, page_protect, SIM_SLOT_CTX, wrong[i], 1, PROT_R);
		refused(h, E_INVAL, table_bind, SIM_SLOT_CTX, wrong[i], 1, t);
		refused(h, E_INVAL, table_unbind, SIM_SLOT_CTX, wrong[i], 1);
		refused(h, E_INVAL, expose_bind, SIM_SLOT_CTX, wrong[i], EXPOSE_SYSTEM, 0, 1);
		refused(h, E_INVAL, env_set, 0, ENV_UAREA, s, wrong[i]);
		refused(h, E_INVAL, env_set, 0, ENV_HANDLER, UP_FAULT, wrong[i]);
		assert_int_equal(sim_load(wrong[i], &v, 8), 13);
	}
}

/* Every order in which two who share a page may bind, write, unbind and give it up while one of them makes it a table. */
ATTACK(m9_a_shared_page_becomes_a_table_in_every_order)
{
	struct sim_child mate = sim_child(h, 60);
	unsigned order[6] = { 0, 1, 2, 3, 4, 5 }, claims = 0;
	struct sim_snapshot *start;
	unsigned p = sim_page(h), shared = 50;
	ppn_t ppn = sim_frame(h, p);
	unsigned mate_slot = mate.slot;

	answers(h, 0, cap_grant, p, mate_slot, shared, PROT_R | PROT_W, 0, 0);
	start = sim_save();
	for (unsigned n = 0; n < 720; n++) {
		sim_restore(start);
		for (unsigned i = 0; i < 6; i++) {
			switch (order[i]) {
			case 0:
				sim_call(mate.env, page_bind, SIM_SLOT_CTX, SIM_FREE, shared, 1, PROT_R | PROT_W);
				break;
			case 1:
				sim_run(mate.env);
				sim_store(SIM_FREE, ~0ul, 8);	/* the translation is cached now, if there is one */
				break;
			case 2:
				sim_call(mate.env, page_unbind, SIM_SLOT_CTX, SIM_FREE, 1);
				break;
			case 3:
				sim_call(mate.env, cap_delete, shared);
				break;
			case 4:
				sim_call(h, cap_revoke, p);
				break;
			default:
				claims += sim_call(h, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, p) == 0;
			}
			sim_run(mate.env);
			if (frame_of(ppn)->type == FRAME_TABLE) {
				assert_int_equal(sim_store(SIM_FREE, ~0ul, 8), 15);
				for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
					assert_int_equal(((uint64_t *)page_kva(ppn))[w], 0);
			}
		}
		/* The next permutation. */
		for (int i = 4; i >= 0; i--) {
			unsigned k = 5, t = order[i];

			if (t > order[i + 1])
				continue;
			while (order[k] < t)
				k--;
			order[i] = order[k];
			order[k] = t;
			for (unsigned a = i + 1, b = 5; a < b; a++, b--) {
				t = order[a];
				order[a] = order[b];
				order[b] = t;
			}
			break;
		}
	}
	assert_in_range(claims, 300, 700);
	sim_snapshot_free(start);
}

/* Ways to lose a page that the TLB remembers as writable. Afterwards the victim gets the frame. */
static void lose(unsigned way, unsigned p)
{
	unsigned q = way == 4 || way == 5 ? 0 : sim_page(h), sub;

	switch (way) {
	case 0:
		answers(h, 0, cap_delete, p);
		break;
	case 1:
		answers(h, 1, page_unbind, SIM_SLOT_CTX, SIM_FREE, 1);
		answers(h, 0, cap_delete, p);
		break;
	case 2:		/* something else takes its place */
		sim_bind(h, SIM_FREE, q, PROT_R);
		answers(h, 0, cap_delete, p);
		break;
	case 3:		/* it moves */
		sim_bind(h, SIM_FREE + PAGE_SIZE, p, PROT_R | PROT_W);
		sim_poke(SIM_FREE + PAGE_SIZE, 1);
		answers(h, 0, cap_delete, p);
		break;
	case 4:		/* read-only first */
		answers(h, 1, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, PROT_R);
		assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);
		answers(h, 0, cap_delete, p);
		break;
	case 5:		/* by a batch */
		sim_put(h, &(struct page_op){ .op = PAGE_OP_UNBIND, .va = SIM_FREE }, sizeof(struct page_op));
		answers(h, 1, page_batch, SIM_SLOT_CTX, SIM_ARGS, 1);
		answers(h, 0, cap_delete, p);
		break;
	case 6:		/* only a copy is bound, and the revoke takes it */
		sub = sim_slot(h);
		answers(h, 0, cap_copy, 0, p, sub, PROT_R | PROT_W, 0, 0);
		sim_bind(h, SIM_FREE, sub, PROT_R | PROT_W);
		sim_poke(SIM_FREE, 1);
		answers(h, 0, cap_revoke, p);
		answers(h, 0, cap_delete, p);
		break;
	case 7:		/* the bookkeeping takes its place */
		answers(h, 1, expose_bind, SIM_SLOT_CTX, SIM_FREE, EXPOSE_SYSTEM, 0, 1);
		answers(h, 0, cap_delete, p);
		break;
	default:	/* it was something else in between */
		answers(h, 1, page_unbind, SIM_SLOT_CTX, SIM_FREE, 1);
		answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, p);
		answers(h, 0, table_unbind, SIM_SLOT_CTX, SIM_NOTABLE, 1);
		answers(h, 0, cap_delete, p);
	}
}

static void m10_no_old_translation_reaches_a_page_that_went_to_another(void **state)
{
	static const unsigned bits[] = { 16, 2, 1, 0 };

	(void)state;
	for (unsigned b = 0; b < ARRAY_SIZE(bits); b++)
		for (unsigned way = 0; way <= 8; way++) {
			unsigned p, got = 60;
			ppn_t ppn;

			asid_bits = bits[b];
			world();
			p = page_at(SIM_FREE, PROT_R | PROT_W);
			ppn = sim_frame(h, p);
			sim_poke(SIM_FREE, 0xbad);
			lose(way, p);
			assert_int_equal(frame_of(ppn)->type, FRAME_FREE);
			answers(victim.env, ppn, page_alloc, 0, got, ppn, 0);
			sim_bind(victim.env, SIM_FREE + 40 * PAGE_SIZE, got, PROT_R | PROT_W);
			assert_int_equal(sim_peek(SIM_FREE + 40 * PAGE_SIZE), 0);
			sim_poke(SIM_FREE + 40 * PAGE_SIZE, SECRET);
			hash_before = victim_hash();
			sim_run(h);
			if (sim_store(SIM_FREE, 0xbad, 8) == 0)
				assert_int_equal(way, 9);	/* never */
			sim_store(SIM_FREE + PAGE_SIZE, 0xbad, 8);
			assert_int_equal(*(uint64_t *)page_kva(ppn), SECRET);
			assert_int_equal(victim_hash(), hash_before);
			answers(victim.env, 0, cap_delete, got);
			hash_before = victim_hash();
			aftermath();
		}
	asid_bits = 16;
}

static void m12_asids_are_used_up_and_nobody_sees_anothers_memory(void **state)
{
	(void)state;
	for (asid_bits = 0; asid_bits <= 3; asid_bits++) {
		struct sim_child many[12];
		uint64_t generation;

		world();
		for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
			unsigned s;

			many[i] = sim_child(h, 9);
			s = sim_page(many[i].env);
			sim_bind(many[i].env, SIM_FREE, s, PROT_R | PROT_W);
			sim_poke(SIM_FREE, 1000 + i);
		}
		generation = asid_generation;
		for (unsigned n = 0, r = 1; n < 500; n++) {
			struct env *e;

			r = r * 1103515245 + 12345;
			e = many[(r >> 16) % ARRAY_SIZE(many)].env;
			sim_run(e);
			assert_int_equal(sim_peek(SIM_FREE), 1000 + (r >> 16) % ARRAY_SIZE(many));
			sim_poke(SIM_DATA, n);
			assert_int_equal(sim_store(SIM_FREE + PAGE_SIZE, 1, 8), 15);
			sim_run(victim.env);
			assert_int_equal(sim_peek(SIM_FREE), SECRET);
		}
		if (asid_bits != 0)
			assert_true(asid_generation > generation + 50);
		aftermath();
	}
	asid_bits = 16;
}

/* The fault is taken, the page is bound, and the same access succeeds at once: a fault loop would never end. */
ATTACK(m13_a_remembered_gap_does_not_outlive_the_binding)
{
	unsigned s = sim_page(h), t = sim_page(h), l1 = sim_page(h), l0 = sim_page(h);
	struct page_op op = { .op = PAGE_OP_BIND, .prot = PROT_R, .slot = t, .va = SIM_FREE + PAGE_SIZE };
	uint64_t v;

	sim_run(h);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 13);
	sim_bind(h, SIM_FREE, s, PROT_R);
	assert_int_equal(sim_load(SIM_FREE, &v, 8), 0);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);	/* and what may not be written, when it may */
	answers(h, 1, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 0);
	assert_false(sim_can(SIM_FETCH, SIM_FREE));
	sim_bind(h, SIM_FREE, s, PROT_R | PROT_X);
	assert_true(sim_can(SIM_FETCH, SIM_FREE));
	assert_int_equal(sim_load(SIM_FREE + PAGE_SIZE, &v, 8), 13);
	sim_put(h, &op, sizeof(op));
	answers(h, 1, page_batch, SIM_SLOT_CTX, SIM_ARGS, 1);
	assert_int_equal(sim_load(SIM_FREE + PAGE_SIZE, &v, 8), 0);
	assert_int_equal(sim_load(SIM_FREE + 2 * PAGE_SIZE, &v, 8), 13);
	answers(h, 1, expose_bind, SIM_SLOT_CTX, SIM_FREE + 2 * PAGE_SIZE, EXPOSE_SYSTEM, 0, 1);
	assert_int_equal(sim_load(SIM_FREE + 2 * PAGE_SIZE, &v, 8), 0);
	/* The gap is in the tables above. */
	assert_int_equal(sim_load(SIM_NOTABLE, &v, 8), 13);
	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, l1);
	assert_int_equal(sim_load(SIM_NOTABLE, &v, 8), 13);
	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 0, l0);
	assert_int_equal(sim_load(SIM_NOTABLE, &v, 8), 13);
	sim_bind(h, SIM_NOTABLE, s, PROT_R);
	assert_int_equal(sim_load(SIM_NOTABLE, &v, 8), 0);
	/* Faults that nobody serves: each is one upcall, and then the end. */
	for (unsigned n = 0; n < 5 && sim_current() == h; n++)
		sim_exception(13, SIM_FREE + 5 * PAGE_SIZE);
	assert_int_equal(h->state, ENV_STOPPED);
	assert_int_equal(h->pub->reason, STOP_FAULT);
}

ATTACK(m15_the_ground_under_its_own_feet)
{
	static const vaddr_t ground[] = { SIM_CODE, SIM_DATA, SIM_UAREA };
	struct sim_child c;

	for (unsigned i = 0; i < ARRAY_SIZE(ground); i++) {
		c = sim_child(h, 20);
		sim_run(c.env);
		sim_store(SIM_CODE, 0x00003003 | SIM_DATA << 20, 4);	/* ld zero, 0(zero) */
		answers(c.env, 0, env_set, 0, ENV_HANDLER, UP_FAULT, SIM_CODE);
		answers(c.env, 1, page_unbind, SIM_SLOT_CTX, ground[i], 1);
		sim_cpu.x[0] = SIM_CODE;
		for (unsigned n = 0; n < 20 && sim_current() == c.env; n++)
			sim_step();
		assert_int_equal(c.env->state, ENV_STOPPED);
		assert_int_equal(c.env->pub->reason, STOP_DOUBLE_FAULT);
		sim_end(h, c.slot);
		sim_end(h, c.ctx);
	}
	/* The last page: its own context, through the only capability for it. */
	c = sim_child(h, 30);
	assert_int_equal(sim_call(h, cap_delete, c.ctx), 0);
	refused(c.env, E_BUSY, object_end, SIM_SLOT_CTX);
	refused(c.env, E_BUSY, cap_delete, SIM_SLOT_CTX);
	refused(c.env, E_BUSY, table_unbind, SIM_SLOT_CTX, 0, 0);
	assert_int_equal(c.env->state, ENV_READY);
}

ATTACK(m16_a_context_or_environment_in_use)
{
	struct sim_child c = sim_child(h, 30);
	unsigned other = sim_context(h);

	/* Its own context belongs to the first environment, which holds the capability above it. */
	refused(h, E_TYPE, object_end, SIM_SLOT_CTX);
	/* One of its own that it runs in, and one that its child runs in. */
	refused(h, E_BUSY, object_end, c.ctx);
	answers(h, 0, env_set, 0, ENV_CONTEXT, other, 0);
	refused(h, E_BUSY, object_end, other);
	refused(h, E_BUSY, cap_delete, other);
	answers(h, 0, env_set, 0, ENV_CONTEXT, SIM_SLOT_CTX, 0);
	while (sim_call(h, object_end, other) == 1)
		;
	assert_int_equal(sim_cap(h, other)->type, CAP_PAGE);
	/* Oneself. */
	refused(h, E_TYPE, object_end, SIM_SLOT_SELF);
	answers(h, 0, cap_delete, SIM_SLOT_SELF);
	assert_int_equal(h->state, ENV_READY);
	burden(&c);
	/* The child, between two steps of its end: it never runs again, and nobody acts on it. */
	assert_int_equal(sim_call(h, object_end, c.slot), 1);
	assert_int_equal(c.env->state, ENV_DYING);
	refused(h, E_DEAD, yield, c.slot);
	refused(h, E_DEAD, env_set, c.slot, ENV_RUN, 1, 0);
	refused(h, E_DEAD, page_alloc, c.slot, 50, FRAME_ANY, 0);
	sim_end(h, c.slot);
	assert_null(env_find(c.id));
}

ATTACK(m17_hidden_dirty_bits_hide_nothing_from_the_kernel)
{
	unsigned p = page_at(SIM_FREE, PROT_R | PROT_W), level;
	ppn_t ppn = sim_frame(h, p);
	pte_t *e = sv39_leaf(h->context, SIM_FREE, &level);

	sim_poke(SIM_FREE, 0xd197);
	answers(h, 1, page_protect, SIM_SLOT_CTX, SIM_FREE, 1, PROT_R | PROT_W | PROT_TRACK);
	assert_int_equal(*e & (PTE_A | PTE_D), 0);
	/* Clean as it looks, it is zeroed for the next owner, and becomes no table while it is bound. */
	refused(h, E_TYPE, ctx_create, p);
	answers(h, 0, cap_delete, p);
	answers(victim.env, ppn, page_alloc, 0, 60, ppn, 0);
	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		assert_int_equal(((uint64_t *)page_kva(ppn))[i], 0);
	answers(victim.env, 0, cap_delete, 60);
	/* The hardware's update of an entry that changed meanwhile goes to the new one. */
	p = page_at(SIM_FREE, PROT_R | PROT_W | PROT_TRACK);
	sim_peek(SIM_FREE);	/* accessed, not dirty, and remembered so */
	answers(h, 1, page_unbind, SIM_SLOT_CTX, SIM_FREE, 1);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);
	assert_int_equal(*e, 0);
}

ATTACK(m18_freed_twice_and_used_afterwards)
{
	unsigned p = page_at(SIM_FREE, PROT_R | PROT_W), c = sim_slot(h);
	ppn_t ppn = sim_frame(h, p);
	uint32_t held = h->pub->held;

	answers(h, 0, cap_copy, 0, p, c, PROT_R, 0, 0);
	answers(h, 0, cap_delete, p);
	refused(h, E_NOCAP, cap_delete, p);
	assert_int_equal(frame_of(ppn)->type, FRAME_DATA);	/* shared: it lives on */
	answers(h, 0, cap_delete, c);
	refused(h, E_NOCAP, cap_delete, c);
	assert_int_equal(frame_of(ppn)->type, FRAME_FREE);
	assert_int_equal(h->pub->held, held - 1);
	refused(h, E_NOCAP, page_bind, SIM_SLOT_CTX, SIM_FREE, p, 1, PROT_R);
	refused(h, E_NOCAP, page_bind, SIM_SLOT_CTX, SIM_FREE, c, 1, PROT_R);
	/* The lent page: it gives up its name for it, not the page. */
	answers(h, 0, cap_delete, LENT);
	assert_int_equal(frame_of(sim_frame(victim.env, secret[0]))->type, FRAME_DATA);
	/* All that it can have, and no thought of giving it back. */
	sim_audit = false;
	for (unsigned s = FIRST_FREE; s < h->nslots && sim_call(h, page_alloc, 0, s, FRAME_ANY, 0) >= 0; s++)
		;
	sim_audit = true;
}

/* ---- C: capabilities ---- */

ATTACK(c1_slots_are_guessed)
{
	unsigned p = sim_page(h), to = sim_slot(h);
	uint64_t before;

	sim_run(h);
	before = sim_state_hash();
	sim_audit = false;
	for (unsigned long s = 0; s < 3 * CAPS_PER_PAGE; s++) {
		if (s != 0 && s < h->nslots && sim_cap(h, s)->type != CAP_NONE)
			continue;
		assert_int_equal(sim_call(h, cap_copy, 0, s, to, 0, 0, 0), -E_NOCAP);
		assert_int_equal(sim_call(h, cap_info, s, SIM_ARGS), -E_NOCAP);
		assert_int_equal(sim_call(h, page_bind, SIM_SLOT_CTX, SIM_FREE, s, 1, PROT_R), -E_NOCAP);
	}
	for (unsigned bit = 9; bit < 64; bit++)
		for (unsigned long s = 0; s < h->nslots; s++) {
			assert_int_equal(sim_call(h, cap_delete, 1ul << bit | s), -E_NOCAP);
			assert_int_equal(sim_call(h, page_bind, 1ul << bit | s, SIM_FREE, p, 1, PROT_R), -E_NOCAP);
			assert_int_equal(sim_call(h, page_bind, SIM_SLOT_CTX, SIM_FREE, 1ul << bit | s, 1, PROT_R), -E_NOCAP);
		}
	sim_audit = true;
	assert_int_equal(sim_state_hash(), before);
	/* Numbers of environments are names, not rights. */
	refused(h, E_NOCAP, notify, victim.id, EV_USER(1));
	refused(h, E_NOCAP, yield, victim.id);
	refused(h, E_NOCAP, env_set, victim.id, ENV_RUN, 0, 0);
}

ATTACK(c2_generations_of_environments_are_used_up)
{
	const uint32_t last = (1u << (32 - ENV_INDEX_BITS)) - 1;
	unsigned page = sim_page(h), made = 0;
	uint32_t seen[4];
	long r;

	/* All numbers but three have had all their generations; these have one left. */
	for (unsigned i = 1; i < ENV_MAX; i++)
		if (env_table[i] == NULL)
			env_public[i].id = (i % 256 == 77 && i < 800 ? last - 1 : last) << ENV_INDEX_BITS | i;
	while ((r = sim_call(h, env_create, page, 0)) >= 0) {
		assert_in_range(made, 0, 3);
		for (unsigned i = 0; i < made; i++)
			assert_int_not_equal(seen[i], r);
		seen[made++] = r;
		assert_int_equal(r >> ENV_INDEX_BITS, last);
		while (sim_call(h, object_end, page) == 1)
			;
		assert_null(env_find(r));
	}
	assert_int_equal(r, -E_LIMIT);
	assert_true(made >= 3);
	refused(h, E_LIMIT, env_create, page, 0);
}

ATTACK(c3_more_rights_than_held_and_copies_from_what_is_revoked)
{
	unsigned p = sim_page(h), to = sim_slot(h);

	for (unsigned rights = 0; rights < 256; rights++) {
		if (rights & ~PROT_R)
			refused(h, E_RIGHTS, cap_copy, 0, LENT, to, rights, 0, 0);
		if (rights & ~(RIGHT_NOTIFY | RIGHT_YIELD))
			refused(h, E_RIGHTS, cap_copy, 0, TO_VICTIM, to, rights, 0, 0);
	}
	refused(h, E_INVAL, cap_copy, 0, SLICES_SLOT, to, RIGHT_BIND, 7, 2);
	refused(h, E_INVAL, cap_copy, 0, SLICES_SLOT, to, RIGHT_BIND, 11, 2);
	refused(h, E_INVAL, slice_bind, SLICES_SLOT, 7, 1, 0);
	refused(h, E_INVAL, slice_bind, SLICES_SLOT, 8, 5, 0);
	/* While a long revocation is under way. */
	sim_audit = false;
	for (unsigned i = 0; i < 130; i++)
		answers(h, 0, cap_copy, 0, p, sim_slot(h), PROT_R, 0, 0);
	sim_audit = true;
	assert_int_equal(sim_call(h, cap_revoke, p), 1);
	to = sim_slot(h);
	for (unsigned s = SIM_SLOT_FREE; s < h->nslots; s++)
		if (sim_cap(h, s)->type == CAP_PAGE && sim_cap(h, s)->object == sim_cap(h, p)->object)
			refused(h, E_BUSY, cap_copy, 0, s, to, 0, 0, 0);
	/* Its holder may delete what is left; the mark goes with the next call, whatever the page has become. */
	for (unsigned s = SIM_SLOT_FREE; s < h->nslots; s++)
		if (s != p && sim_cap(h, s)->type == CAP_PAGE && sim_cap(h, s)->object == sim_cap(h, p)->object)
			answers(h, 0, cap_delete, s);
	answers(h, 0, ctx_create, p);
	refused(h, E_BUSY, cap_copy, 0, p, to, 0, 0, 0);
	answers(h, 0, cap_revoke, p);
	answers(h, 0, cap_copy, 0, p, to, RIGHT_RUN, 0, 0);
	assert_int_equal(revocations, 0);
}

ATTACK(c4_gifts_to_the_dead)
{
	struct sim_child c = sim_child(h, 20), d;
	unsigned p = sim_page(h), old = sim_slot(h), steps = 0;

	burden(&c);
	refused(h, E_SLOT, cap_grant, p, TO_VICTIM, 60, PROT_R, 0, 0);
	answers(h, 0, cap_copy, 0, c.slot, old, RIGHTS_ALL, 0, 0);
	while (sim_call(h, object_end, c.slot) == 1) {
		refused(h, E_DEAD, cap_grant, p, c.slot, 60, PROT_R, 0, 0);
		assert_int_equal(sim_cap(h, old)->type, CAP_NONE);
		steps++;
	}
	refused(h, E_NOCAP, cap_grant, p, c.slot, 60, PROT_R, 0, 0);
	refused(h, E_NOCAP, cap_grant, p, old, 60, PROT_R, 0, 0);
	/* The slot gets another environment: that is the one it names. */
	d = sim_child(h, 20);
	assert_true(steps > 0);
	assert_int_not_equal(d.id, c.id);
	answers(h, 0, cap_grant, p, d.slot, 60, PROT_R, 0, 0);
	assert_int_equal(sim_cap(d.env, 60)->object, sim_frame(h, p));
	answers(h, 0, cap_grant, p, SIM_SLOT_SELF, FIRST_FREE + 30, PROT_R, 0, 0);	/* to oneself */
}

ATTACK(c5_one_kind_for_another)
{
	/* Each call, the place of an operand, and the one kind that fits there. */
	static const struct { uint8_t call, place, kind; } wants[] = {
		{ CALL_yield, 0, CAP_ENV }, { CALL_notify, 0, CAP_ENV }, { CALL_cap_copy, 0, CAP_ENV }, { CALL_cap_grant, 1, CAP_ENV },
		{ CALL_page_alloc, 0, CAP_ENV }, { CALL_page_bind, 0, CAP_CTX }, { CALL_page_unbind, 0, CAP_CTX },
		{ CALL_page_protect, 0, CAP_CTX }, { CALL_page_batch, 0, CAP_CTX }, { CALL_page_join, 0, CAP_PAGE },
		{ CALL_page_split, 0, CAP_PAGE }, { CALL_table_bind, 0, CAP_CTX }, { CALL_table_bind, 3, CAP_PAGE },
		{ CALL_table_unbind, 0, CAP_CTX }, { CALL_ctx_create, 0, CAP_PAGE }, { CALL_expose_bind, 0, CAP_CTX },
		{ CALL_env_create, 0, CAP_PAGE }, { CALL_env_captab, 0, CAP_ENV }, { CALL_env_captab, 1, CAP_PAGE }, { CALL_env_set, 0, CAP_ENV },
		{ CALL_env_regs, 0, CAP_ENV }, { CALL_slice_bind, 0, CAP_SLICE }, { CALL_slice_bind, 3, CAP_ENV },
		{ CALL_flow_derive, 0, CAP_FLOW }, { CALL_flow_derive, 1, CAP_PAGE }, { CALL_ring_create, 0, CAP_PAGE },
		{ CALL_ring_create, 1, CAP_PAGE }, { CALL_ring_buffer, 0, CAP_RING }, { CALL_ring_buffer, 2, CAP_PAGE },
		{ CALL_filter_bind, 0, CAP_PAGE }, { CALL_filter_bind, 1, CAP_FLOW }, { CALL_filter_bind, 2, CAP_RING },
		{ CALL_net_send, 0, CAP_RING }, { CALL_net_send, 1, CAP_FLOW }, { CALL_console_write, 0, CAP_CONSOLE },
		{ CALL_console_read, 0, CAP_CONSOLE }, { CALL_console_bind, 0, CAP_CONSOLE },
		{ CALL_poweroff, 0, CAP_MACHINE }, { CALL_trace_set, 0, CAP_MACHINE },
	};
	unsigned slot[CAP_TYPES] = { 0 };

	/* One of each. */
	slot[CAP_PAGE] = sim_page(h);
	slot[CAP_CTX] = SIM_SLOT_CTX;
	slot[CAP_ENV] = SIM_SLOT_SELF;
	slot[CAP_SLICE] = SLICES_SLOT;
	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, slot[CAP_TABLE] = sim_page(h));
	answers(h, 3 * CAPS_PER_PAGE, env_captab, 0, slot[CAP_CAPTAB] = sim_page(h));
	slot[CAP_RING] = sim_page(h);
	answers(h, 0, ring_create, slot[CAP_RING], sim_page(h), 0);
	slot[CAP_FLOW] = FIRST_FREE + 100;
	answers(init, 0, cap_grant, SLOT_FLOW, hostile.slot, slot[CAP_FLOW], RIGHT_RECV | RIGHT_SEND, 0, 0);
	slot[CAP_CONSOLE] = FIRST_FREE + 101;
	answers(init, 0, cap_grant, SLOT_CONSOLE, hostile.slot, slot[CAP_CONSOLE], RIGHT_USE, 0, 0);
	sim_put(h, &(struct flow_predicate){ .version = FLOW_VERSION }, sizeof(struct flow_predicate));
	slot[CAP_FILTER] = sim_page(h);
	answers(h, 0, filter_bind, slot[CAP_FILTER], slot[CAP_FLOW], slot[CAP_RING], SIM_ARGS, FILTER_SHARED);
	slot[CAP_MACHINE] = FIRST_FREE + 102;
	answers(init, 0, cap_grant, SLOT_MACHINE, hostile.slot, slot[CAP_MACHINE], RIGHT_USE, 0, 0);
	sim_run(h);
	for (unsigned i = 0; i < ARRAY_SIZE(wants); i++)
		for (unsigned kind = CAP_PAGE; kind < CAP_TYPES; kind++) {
			unsigned long a[6];
			uint64_t before;
			long r;

			if (kind == wants[i].kind || (wants[i].call == CALL_console_write && kind == CAP_MACHINE))
				continue;
			/* Everywhere else stands what is right there. */
			for (unsigned n = 0; n < 6; n++) {
				a[n] = n == 1 && wants[i].call != CALL_ring_buffer ? SIM_ARGS : 1;
				for (unsigned k = 0; k < ARRAY_SIZE(wants); k++)
					if (wants[k].call == wants[i].call && wants[k].place == n)
						a[n] = slot[wants[k].kind];
			}
			a[wants[i].place] = slot[kind];
			before = sim_state_hash();
			r = sim_ecall(h, wants[i].call, a[0], a[1], a[2], a[3], a[4], a[5]);
			if (r != -E_NOCAP && !(r == -E_INVAL && wants[i].place == 3 && wants[i].call == CALL_slice_bind))
				fail_msg("%s with kind %u in place %u: %s", call_names[wants[i].call], kind, wants[i].place, sim_error(r));
			assert_int_equal(sim_state_hash(), before);
		}
}

/* Wide and deep; each call of the revocation does a bounded piece, and what it has not reached makes nothing new. */
static void revoke_all(unsigned p, unsigned copies)
{
	unsigned calls = 0;
	long r;

	do {
		uint32_t before = frame_of(sim_frame(h, p))->ncaps, after;

		r = sim_call(h, cap_revoke, p);
		after = frame_of(sim_frame(h, p))->ncaps;
		assert_in_range(before - after, 1, 128);
		assert_int_equal(r, after > 1);
		/* Half-revoked is never half-usable: a record is there with its binding, or it is gone without a trace. */
		for (unsigned s = SIM_SLOT_FREE; s < h->nslots && r == 1; s++)
			if (sim_cap(h, s)->type == CAP_PAGE && sim_cap(h, s)->object == sim_frame(h, p))
				assert_int_equal(sim_call(h, cap_copy, 0, s, h->nslots - 1, 0, 0, 0), -E_BUSY);
		calls++;
	} while (r == 1);
	assert_int_equal(calls, (copies + 127) / 128);
	assert_int_equal(frame_of(sim_frame(h, p))->ncaps, 1);
	assert_int_equal(revocations, 0);
}

ATTACK(c6_a_derivation_as_wide_and_as_deep_as_possible)
{
	unsigned p = sim_page(h), last = p, n;

	for (unsigned i = 0; i < 4; i++)
		answers(h, (3 + i) * CAPS_PER_PAGE, env_captab, 0, sim_page(h));
	sim_audit = false;
	for (n = 0; sim_call(h, cap_copy, 0, p, sim_slot(h), PROT_R, 0, 0) == 0; n++)
		;
	assert_int_equal(n, CAP_LIST_MAX - 1);
	sim_audit = true;
	refused(h, E_LIMIT, cap_copy, 0, p, sim_slot(h), PROT_R, 0, 0);
	sim_audit = false;
	revoke_all(p, n);
	for (n = 0;; n++) {
		unsigned s = sim_slot(h);

		if (sim_call(h, cap_copy, 0, last, s, PROT_R, 0, 0) != 0)
			break;
		last = s;
		if (n % 32 == 0 && n / 32 < 8)
			sim_bind(h, SIM_FREE + n / 32 * PAGE_SIZE, s, PROT_R);
	}
	assert_int_equal(n, CAP_DEPTH_MAX);
	sim_audit = true;
	refused(h, E_LIMIT, cap_copy, 0, last, sim_slot(h), PROT_R, 0, 0);
	sim_audit = false;
	revoke_all(p, n);
	sim_audit = true;
	sim_run(h);
	for (unsigned i = 0; i < 8; i++)
		assert_false(sim_can(SIM_LOAD, SIM_FREE + i * PAGE_SIZE));
}

/* What was lent to the attacker is taken back while a call of it is on the way, a ring or the kernel uses it. */
ATTACK(c7_revoked_in_the_middle_of_its_use)
{
	unsigned lent = FIRST_FREE + 20, ring = sim_page(h), own = sim_page(h), shared = sim_page(h);
	struct page_op op[2] = { { .op = PAGE_OP_BIND, .prot = PROT_R, .slot = lent, .va = SIM_FREE + PAGE_SIZE },
				 { .op = PAGE_OP_UNBIND, .va = SIM_FREE + PAGE_SIZE } };

	answers(init, 0, cap_copy, victim.slot, secret[1], 101, PROT_R | PROT_W, 0, 0);
	answers(init, 0, cap_grant, 101, hostile.slot, lent, PROT_R | PROT_W, 0, 0);
	/* A page that is only lent can be nothing that the kernel writes later, when it was taken back. */
	refused(h, E_RIGHTS, env_set, 0, ENV_UAREA, lent, SIM_UAREA);
	refused(h, E_RIGHTS, ring_create, ring, lent, 0);
	answers(h, 0, ring_create, ring, shared, 0);
	refused(h, E_RIGHTS, ring_buffer, ring, 0, lent);
	answers(h, 0, ring_buffer, ring, 0, own);
	assert_int_equal(frame_of(sim_frame(victim.env, secret[1]))->pins, 0);
	/* As the memory of a call: there it is for one call, gone for the next. */
	sim_bind(h, SIM_FREE, lent, PROT_R | PROT_W);
	answers(h, 0, cap_info, LENT, SIM_FREE + 64);
	for (unsigned i = 0; i < PAGE_SIZE; i += 8)
		*(uint64_t *)((char *)page_kva(sim_frame(h, lent)) + i) = SECRET + 1;
	assert_int_equal(victim_hash(), hash_before);
	sim_put(h, op, sizeof(op));
	answers(h, 2, page_batch, SIM_SLOT_CTX, SIM_ARGS, 2);
	sim_bind(h, SIM_FREE, lent, PROT_R | PROT_W);
	assert_int_equal(sim_peek(SIM_FREE), SECRET + 1);
	answers(init, 0, cap_revoke, 101);
	refused(h, E_FAULT, cap_info, LENT, SIM_FREE + 64);
	refused(h, E_NOCAP, page_bind, SIM_SLOT_CTX, SIM_FREE, lent, 1, PROT_R);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);
	sim_put(h, op, sizeof(op));
	answers(h, 2, page_batch, SIM_SLOT_CTX, SIM_ARGS, 2);
	sim_get(h, op, sizeof(op));
	assert_int_equal(op[0].result, -E_NOCAP);
	assert_int_equal(op[1].result, -E_NOTBOUND);
	answers(init, 0, cap_delete, 101);
}

ATTACK(c8_gifts_in_a_circle)
{
	struct sim_child c = sim_child(h, 30);
	unsigned p = sim_page(h), to_h = 50;

	answers(h, 0, cap_grant, SIM_SLOT_SELF, c.slot, to_h, RIGHTS_ALL, 0, 0);
	for (unsigned i = 0; i < 20; i++) {
		answers(h, 0, cap_grant, i == 0 ? p : FIRST_FREE + 60 + i - 1, c.slot, 60 + i, PROT_R | PROT_W, 0, 0);
		answers(c.env, 0, cap_grant, 60 + i, to_h, FIRST_FREE + 60 + i, PROT_R | PROT_W, 0, 0);
	}
	sim_bind(c.env, SIM_FREE, 79, PROT_R | PROT_W);
	sim_poke(SIM_FREE, 7);
	answers(h, 0, cap_revoke, p);
	sim_run(c.env);
	assert_int_equal(sim_store(SIM_FREE, 1, 8), 15);
	assert_int_equal(frame_of(sim_frame(h, p))->ncaps, 1);
	/* A circle of environments: the child holds its parent, and the parent the child. */
	sim_end(h, c.slot);
	assert_null(env_find(c.id));
	assert_int_equal(h->state, ENV_READY);
}

ATTACK(c9_unwanted_gifts)
{
	unsigned p = sim_page(h);

	for (unsigned long s = 0; s < 2 * CAPS_PER_PAGE; s++)
		refused(h, E_SLOT, cap_grant, p, TO_VICTIM, s, PROT_R, 0, 0);
	/* It cannot open the window either, nor grow the table. */
	refused(h, E_RIGHTS, env_set, TO_VICTIM, ENV_WINDOW, 0, 1000);
	refused(h, E_RIGHTS, env_captab, TO_VICTIM, p);
	refused(h, E_RIGHTS, page_alloc, TO_VICTIM, 100, FRAME_ANY, 0);
}

ATTACK(c10_closed_twice_and_used_afterwards)
{
	struct sim_child c = sim_child(h, 20);
	unsigned ctx = sim_context(h), ring = sim_page(h), page = sim_page(h);

	answers(h, 0, ring_create, ring, sim_page(h), 1);
	answers(h, 0, object_end, ring);
	refused(h, E_NOCAP, object_end, ring);
	refused(h, E_NOCAP, ring_buffer, ring, 0, page);
	while (sim_call(h, object_end, ctx) == 1)
		;
	refused(h, E_NOCAP, object_end, ctx);
	refused(h, E_NOCAP, page_unbind, ctx, SIM_FREE, 1);
	burden(&c);
	/* The peer stops: it cannot be notified or given time; then it is gone. */
	answers(h, 0, env_set, c.slot, ENV_RUN, 0, 0);
	refused(h, E_DEAD, notify, c.slot, EV_USER(0));
	refused(h, E_DEAD, yield, c.slot);
	while (sim_call(h, object_end, c.slot) == 1) {
		refused(h, E_DEAD, notify, c.slot, EV_USER(0));
		refused(h, E_DEAD, env_regs, c.slot, 0, SIM_ARGS);
	}
	refused(h, E_NOCAP, notify, c.slot, EV_USER(0));
	refused(h, E_NOCAP, object_end, c.slot);
}

/* ---- S: calls ---- */

ATTACK(s1_pointers_to_nowhere)
{
	static const unsigned long wrong[] = { 0, 1, SIM_FREE, SIM_UAREA + PAGE_SIZE - 1, SIM_UAREA + PAGE_SIZE, SV39_USER_TOP - 1, SV39_USER_TOP,
		SV39_USER_TOP - 8, 1ul << 63, ~0ul, ~0ul - 15, 0ul - sizeof(struct cap_info), 0xffffffc080200000, 0x80200000 };
	struct sim_child c = sim_child(h, 20);
	unsigned p = sim_page(h);

	answers(h, 0, env_set, c.slot, ENV_RUN, 0, 0);
	answers(init, 0, cap_grant, SLOT_FLOW, hostile.slot, FIRST_FREE + 20, RIGHT_RECV, 0, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		refused(h, E_FAULT, cap_info, p, wrong[i]);
		refused(h, E_FAULT, page_batch, SIM_SLOT_CTX, wrong[i], 1);
		refused(h, E_FAULT, env_regs, c.slot, 0, wrong[i]);
		refused(h, E_FAULT, env_regs, c.slot, 1, wrong[i]);
		refused(h, E_FAULT, flow_derive, FIRST_FREE + 20, p, wrong[i], RIGHT_RECV);
	}
	/* n * size would wrap; the end lies beyond the lower half. */
	refused(h, E_INVAL, page_batch, SIM_SLOT_CTX, SIM_ARGS, 1ul << 59);
	refused(h, E_INVAL, page_batch, SIM_SLOT_CTX, SIM_ARGS, ~0ul);
	/* Nothing is half-written: the reply crosses into a page that is not there. */
	sim_run(h);
	for (unsigned n = 1; n < sizeof(struct cap_info); n++)
		refused(h, E_FAULT, cap_info, p, SIM_UAREA + PAGE_SIZE - n);
}

/* The list changes between two of its entries, as another hart could change it: each entry is read once and judged from the copy. */
ATTACK(s2_arguments_that_change_during_the_call)
{
	unsigned other = sim_page(h), p = sim_page(h), q = sim_page(h);
	struct page_op *there = page_kva(sim_frame(h, other));
	struct page_op op[3] = {
		{ .op = PAGE_OP_BIND, .prot = PROT_R | PROT_W, .slot = other, .va = SIM_ARGS },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = p, .va = SIM_FREE },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = p, .va = SIM_FREE },
	};

	/* In the page that comes into the list's place: one entry that would be wrong as the rest of the old one, and one that is right. */
	there[1] = (struct page_op){ .op = PAGE_OP_BIND, .prot = PROT_R | PROT_W, .slot = LENT, .va = SIM_FREE };
	there[2] = (struct page_op){ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = q, .va = SIM_FREE };
	sim_put(h, op, sizeof(op));
	answers(h, 3, page_batch, SIM_SLOT_CTX, SIM_ARGS, 3);
	assert_int_equal(there[0].result, 0);		/* the first result goes where the list is now */
	assert_int_equal(there[1].result, -E_RIGHTS);
	assert_int_equal(there[2].result, 0);
	assert_int_equal(sim_cap(h, q)->binding, binding_of(h->context, SIM_FREE));
	assert_int_equal(sim_cap(h, p)->binding, 0);
}

ATTACK(s3_memory_that_goes_during_the_call)
{
	unsigned ro = sim_page(h), p = sim_page(h);
	struct page_op op[3] = {
		{ .op = PAGE_OP_PROTECT, .prot = PROT_R, .va = SIM_ARGS },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = p, .va = SIM_FREE },
		{ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = p, .va = SIM_FREE },
	};

	sim_put(h, op, sizeof(op));
	answers(h, 1, page_batch, SIM_SLOT_CTX, SIM_ARGS, 3);	/* read-only after the first */
	assert_int_equal(sim_cap(h, p)->binding, 0);
	assert_int_equal(sim_store(SIM_ARGS, 0, 8), 15);
	refused(h, E_FAULT, page_batch, SIM_SLOT_CTX, SIM_ARGS, 3);
	answers(h, 1, page_protect, SIM_SLOT_CTX, SIM_ARGS, 1, PROT_R | PROT_W);
	op[0] = (struct page_op){ .op = PAGE_OP_BIND, .prot = PROT_R, .slot = ro, .va = SIM_ARGS };	/* another, read-only, in its place */
	sim_put(h, op, sizeof(op));
	answers(h, 1, page_batch, SIM_SLOT_CTX, SIM_ARGS, 3);
	assert_int_equal(sim_cap(h, p)->binding, 0);
	op[0] = (struct page_op){ .op = PAGE_OP_UNBIND, .va = SIM_ARGS };
	answers(h, 1, page_bind, SIM_SLOT_CTX, SIM_ARGS, SIM_SLOT_ARGS, 1, PROT_R | PROT_W);
	sim_put(h, op, sizeof(op));
	answers(h, 1, page_batch, SIM_SLOT_CTX, SIM_ARGS, 3);
	refused(h, E_FAULT, page_batch, SIM_SLOT_CTX, SIM_ARGS, 3);
}

ATTACK(s4_results_into_what_must_not_be_written)
{
	unsigned t = sim_page(h), p = sim_page(h);

	answers(h, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, t);
	sim_bind(h, SIM_FREE, t, PROT_R);
	sim_bind(h, SIM_FREE + PAGE_SIZE, LENT, PROT_R);
	sim_bind(h, SIM_FREE + 2 * PAGE_SIZE, p, PROT_R);
	answers(h, 1, expose_bind, SIM_SLOT_CTX, SIM_FREE + 3 * PAGE_SIZE, EXPOSE_FRAMES, 0, 1);
	for (unsigned i = 0; i < 4; i++) {
		refused(h, E_FAULT, cap_info, p, SIM_FREE + i * PAGE_SIZE);
		refused(h, E_FAULT, page_batch, SIM_SLOT_CTX, SIM_FREE + i * PAGE_SIZE, 1);
	}
	/* Its u-area is its own memory; a list that gets its result is read before. */
	answers(h, 0, cap_info, p, SIM_UAREA + U_LIB);
	sim_bind(h, SIM_FREE + 2 * PAGE_SIZE, p, PROT_X);
	refused(h, E_FAULT, cap_info, p, SIM_FREE + 2 * PAGE_SIZE);
}

static void s5_s9_numbers(void)
{
	static const unsigned long firmware[] = { 0x10, 0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x53525354, 0x504d55, 0x4442434e, 8, 1 };
	uint64_t before = sim_state_hash(), r = 88172645463325252u;

	sim_audit = false;
	for (unsigned long n = CALL_COUNT; n < 1u << 16; n++) {
		unsigned long a[6];

		for (unsigned i = 0; i < 6; i++) {
			r ^= r << 13;
			r ^= r >> 7;
			r ^= r << 17;
			a[i] = r;
		}
		assert_int_equal(sim_ecall(h, n, a[0], a[1], a[2], a[3], a[4], a[5]), -E_NOCALL);
		assert_int_equal(sim_ecall(h, -n, a[0], a[1], a[2], a[3], a[4], a[5]), -E_NOCALL);
	}
	for (unsigned bit = 16; bit < 64; bit++)
		for (unsigned long n = 0; n < CALL_COUNT; n++)
			assert_int_equal(sim_ecall(h, 1ul << bit | n, 0, 0, 0, 0, 0, 0), -E_NOCALL);
	for (unsigned i = 0; i < ARRAY_SIZE(firmware) - 2; i++)
		if (firmware[i] >= CALL_COUNT)
			assert_int_equal(sim_ecall(h, firmware[i], 0, 0, 0, 0, 0, 0), -E_NOCALL);
	sim_audit = true;
	assert_int_equal(sim_state_hash(), before);
}

ATTACK(s5_numbers_that_are_no_call)
{
	sim_run(h);
	s5_s9_numbers();
}

ATTACK(s7_floating_point_of_others)
{
	for (unsigned i = 0; i < 33; i++)
		sim_cpu.f[i] = 0;
	answers(victim.env, 0, env_set, 0, ENV_FP, 1, 0);
	sim_run(victim.env);
	for (unsigned i = 0; i < 33; i++)
		sim_cpu.f[i] = SECRET;
	sim_cpu.f_dirty = true;
	sim_run(h);
	assert_false(sim_cpu.f_on);
	answers(h, 0, env_set, 0, ENV_FP, 1, 0);
	assert_true(sim_cpu.f_on);
	for (unsigned i = 0; i < 33; i++)
		assert_int_equal(sim_cpu.f[i], 0);
	for (unsigned i = 0; i < 33; i++)
		sim_cpu.f[i] = 0xbad;
	sim_cpu.f_dirty = true;
	sim_run(victim.env);
	for (unsigned i = 0; i < 33; i++)
		assert_int_equal(sim_cpu.f[i], SECRET);
	answers(victim.env, 0, env_set, 0, ENV_FP, 0, 0);
}

ATTACK(s9_numbers_that_the_firmware_knows)
{
	static const unsigned long number[] = { 0x53525354, 0x48534d, 0x52464e43, 0x735049, 0x54494d45 };

	sim_run(h);
	/* Where the firmware looks, in a7 and a6, stands nothing for the kernel. */
	for (unsigned i = 0; i < ARRAY_SIZE(number); i++) {
		sim_run(h);
		sim_cpu.x[17] = number[i];
		sim_cpu.x[16] = 0;
		assert_int_equal(sim_ecall(h, CALL_null, 0, 0, 0, 0, 0, 0), 0);
		assert_int_equal(sim_ecall(h, number[i], 0, 0, 0, 0, 0, 0), -E_NOCALL);
	}
}

static bool of_kernel(uint64_t w)
{
	return w >= (uint64_t)sim_ram.start && w < (uint64_t)sim_ram.start + sim_ram.bytes;
}

ATTACK(s10_replies_hold_nothing_of_the_kernel)
{
	struct sim_child c = sim_child(h, 20);
	uint8_t room[4][512];
	unsigned n = 0;

	answers(h, 0, env_set, c.slot, ENV_RUN, 0, 0);
	/* Each reply twice, over different ground: a byte that differs was not written; a word may be no address of the kernel. */
	for (unsigned s = 1; s < h->nslots; s++) {
		if (sim_cap(h, s)->type == CAP_NONE)
			continue;
		for (unsigned i = 0; i < 2; i++) {
			memset(room[i], i ? 0xff : 0, sizeof(room[i]));
			sim_put(h, room[i], sizeof(room[i]));
			answers(h, 0, cap_info, s, SIM_ARGS);
			sim_get(h, room[i], sizeof(room[i]));
		}
		assert_memory_equal(room[0], room[1], sizeof(struct cap_info));
		assert_int_equal(room[0][sizeof(struct cap_info)] | (room[1][sizeof(struct cap_info)] ^ 0xff), 0);
		for (unsigned w = 0; w < sizeof(struct cap_info); w += 8) {
			uint64_t v;

			memcpy(&v, room[0] + w, 8);
			assert_false(of_kernel(v));
		}
		n++;
	}
	assert_true(n > 12);
	for (unsigned i = 2; i < 4; i++) {
		memset(room[i], i == 3 ? 0xff : 0, sizeof(room[i]));
		sim_put(h, room[i], sizeof(room[i]));
		answers(h, 0, env_regs, c.slot, 0, SIM_ARGS);
		sim_get(h, room[i], sizeof(room[i]));
	}
	assert_memory_equal(room[2], room[3], sizeof(struct env_regs));
	for (unsigned w = 0; w < sizeof(struct env_regs); w += 8) {
		uint64_t v;

		memcpy(&v, room[2] + w, 8);
		assert_false(of_kernel(v));
	}
}

ATTACK(s12_old_data)
{
	unsigned p, s;
	struct sim_child c = sim_child(h, 50);

	/* Somebody fills pages with secrets and dies, with pages that were tables, rings and records as well. */
	for (unsigned i = 0; i < 20; i++) {
		p = sim_page(c.env);
		sim_bind(c.env, SIM_FREE + i * PAGE_SIZE, p, PROT_R | PROT_W);
		for (unsigned n = 0; n < PAGE_SIZE; n += 8)
			sim_poke(SIM_FREE + i * PAGE_SIZE + n, SECRET);
	}
	answers(c.env, 0, ring_create, sim_page(c.env), sim_page(c.env), 0);
	answers(c.env, 0, table_bind, SIM_SLOT_CTX, SIM_NOTABLE, 1, sim_page(c.env));
	sim_end(h, c.slot);
	sim_end(h, c.ctx);
	/* Now h takes all that it may have: what it did not own last is zero. */
	sim_audit = false;
	for (s = FIRST_FREE; s < h->nslots; s++) {
		ppn_t next = frame_any();
		uint32_t last = next != 0 ? frame_of(next)->last_owner : 0;

		if (sim_cap(h, s)->type != CAP_NONE)
			continue;
		if (sim_call(h, page_alloc, 0, s, FRAME_ANY, 0) < 0)
			break;
		for (unsigned n = 0; n < PAGE_SIZE / 8 && last != h->id; n++)
			assert_int_equal(((uint64_t *)page_kva(next))[n], 0);
	}
	sim_audit = true;
	/* An object that becomes a page again holds nothing of what it was. */
	for (s = FIRST_FREE; s < h->nslots && sim_cap(h, s)->type != CAP_PAGE; s++)
		;
	while (frame_of(sim_frame(h, s))->pins != 0)
		s++;
	answers(h, 0, ctx_create, s);
	answers(h, 0, object_end, s);
	for (unsigned n = 0; n < PAGE_SIZE / 8; n++)
		assert_int_equal(((uint64_t *)page_kva(sim_frame(h, s)))[n], 0);
	/* What an upcall finds in the registers that the kernel used is no value of it. */
	answers(h, 0, env_set, 0, ENV_HANDLER, UP_FAULT, SIM_CODE);
	sim_exception(13, 0);
	assert_int_equal(sim_cpu.x[5] | sim_cpu.x[6] | sim_cpu.x[10], 0);
}

/* ---- time ---- */

static struct uarea victims_uarea;

/* From now on the attacker and the victim have one slice each, in turn, and nobody else has any. */
static void share_time(void)
{
	victims_uarea = *victim.env->uarea;
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, 0);
	answers(init, 0, slice_bind, SLOT_SLICES, 40, 1, victim.slot);
	answers(h, 0, slice_bind, SLICES_SLOT, 9, 1, SIM_SLOT_SELF);
	/* Whoever runs now lives on its last borrowed slice. */
	for (unsigned n = 0; n < 4; n++)
		sim_next_timer();
}

static void give_time_back(void)
{
	answers(init, 0, slice_bind, SLOT_SLICES, 0, SLICES, SLOT_SELF);
	/* But for the end of its slice the victim was told nothing. */
	victim.env->uarea->slice_end = victims_uarea.slice_end;
}

/* Until time has passed for so many slices; whenever the attacker runs, it takes its turn. */
static void compete(unsigned slices, void (*turn)(void))
{
	ticks_t end = sim_now + slices * slice_ticks;

	while (sim_now < end) {
		if (turn != NULL && sim_current() == h)
			turn();
		else
			sim_next_timer();
	}
}

ATTACK(p1_more_slices_than_the_capability_covers)
{
	struct sim_child helper[6];
	unsigned sum;

	for (unsigned i = 0; i < SLICES; i++)
		if (i < 8 || i >= 12)
			refused(h, E_INVAL, slice_bind, SLICES_SLOT, i, 1, SIM_SLOT_SELF);
	refused(h, E_INVAL, slice_bind, SLICES_SLOT, 8, 5, SIM_SLOT_SELF);
	refused(h, E_INVAL, slice_bind, SLICES_SLOT, 7, 2, SIM_SLOT_SELF);
	refused(h, E_INVAL, slice_bind, SLICES_SLOT, ~0ul, 2, SIM_SLOT_SELF);
	refused(h, E_INVAL, slice_bind, SLICES_SLOT, 8, ~0ul, SIM_SLOT_SELF);
	refused(h, E_INVAL, cap_copy, 0, SLICES_SLOT, FIRST_FREE, RIGHT_BIND, 7, 5);
	/* Many names for four slices are four slices. */
	refused(h, E_BUSY, slice_bind, SLICES_SLOT, 8, 4, SIM_SLOT_SELF);	/* the first environment has them yet */
	answers(init, 0, slice_bind, SLOT_SLICES, 8, 4, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(helper); i++) {
		helper[i] = sim_child(h, 20);
		answers(h, 0, cap_copy, 0, SLICES_SLOT, FIRST_FREE + 50 + i, RIGHT_BIND, 8, 4);
		if (i > 0) {
			/* Nor does a second name take what was bound with the first: only one above both does. */
			refused(h, E_BUSY, slice_bind, FIRST_FREE + 50 + i, 8, 4, helper[i].slot);
			answers(h, 0, slice_bind, SLICES_SLOT, 8, 4, 0);
		}
		answers(h, 0, slice_bind, FIRST_FREE + 50 + i, 8, 4, helper[i].slot);
		answers(h, 0, slice_bind, SLICES_SLOT, 8 + i % 4, 1, SIM_SLOT_SELF);
		sum = h->pub->slices.held;
		for (unsigned k = 0; k <= i; k++)
			sum += helper[k].env->pub->slices.held;
		assert_int_equal(sum, 4);
	}
	/* The slices go with the capability. */
	answers(init, 0, cap_revoke, SLOT_SLICES);
	assert_int_equal(h->pub->slices.held + helper[5].env->pub->slices.held, 0);
}

ATTACK(p2_all_of_the_grace_every_time)
{
	uint64_t theirs, ours, most = 0;

	answers(h, 0, env_set, 0, ENV_HANDLER, UP_SLICE_END, SIM_CODE);
	share_time();
	theirs = h->pub->used;
	ours = victim.env->pub->used;
	for (unsigned i = 0; i < 400; i++) {
		sim_next_timer();		/* it does not answer */
		h->uarea->held = 0;
		if (h->pub->debt > most)
			most = h->pub->debt;
	}
	theirs = h->pub->used - theirs;
	ours = victim.env->pub->used - ours;
	/* Debt of up to a slice, and the slices that it was withheld for. */
	assert_in_range(most, slice_ticks - grace_ticks, slice_ticks + grace_ticks);
	assert_true(theirs <= ours + 2 * slice_ticks);	/* without: eight slices more */
	assert_true(theirs >= ours - ours / 16);
	give_time_back();
}

/* The timer goes off while interrupts are off: half a slice late. No handler, so no grace. */
static void a_call_at_the_end_of_the_slice(void)
{
	sim_now = harts[0].slice_end + slice_ticks / 2;
	sim_next_timer();
}

ATTACK(p6_calls_that_end_after_the_slice)
{
	uint64_t theirs, ours;

	share_time();
	theirs = h->pub->used;
	ours = victim.env->pub->used;
	compete(600, a_call_at_the_end_of_the_slice);
	theirs = h->pub->used - theirs;
	ours = victim.env->pub->used - ours;
	assert_true(theirs > 100 * slice_ticks);
	assert_true(theirs <= ours + 2 * slice_ticks);	/* without: half as much again */
	give_time_back();
}

static ticks_t own_account;

static void until_just_before_the_tick(void)
{
	ticks_t start = sim_now, left = harts[0].slice_end - sim_now;

	if (left > 1)
		sim_now += left - 1;
	own_account += sim_now - start;
	sim_call(h, wait, 0, harts[0].slice_end + 1);
}

ATTACK(p3_asleep_whenever_the_tick_comes)
{
	uint64_t theirs, ours;

	share_time();
	theirs = h->pub->used;
	ours = victim.env->pub->used;
	own_account = 0;
	compete(300, until_just_before_the_tick);
	theirs = h->pub->used - theirs;
	ours = victim.env->pub->used - ours;
	assert_true(own_account > 100 * slice_ticks);
	assert_in_range(theirs, own_account - slice_ticks, own_account + slice_ticks);
	assert_true(ours + slice_ticks >= theirs);
	give_time_back();
}

ATTACK(p4_time_given_in_a_ring)
{
	struct sim_child a = sim_child(h, 20), b = sim_child(h, 20), dead = sim_child(h, 20);
	struct env *const all[] = { init, victim.env, h, a.env, b.env };
	uint64_t sum, idle;
	ticks_t end, start;
	unsigned next[3] = { a.slot, 60, 60 };

	answers(h, 0, cap_grant, b.slot, a.slot, 60, RIGHT_YIELD, 0, 0);
	answers(h, 0, cap_grant, SIM_SLOT_SELF, b.slot, 60, RIGHT_YIELD, 0, 0);
	answers(h, 0, env_set, dead.slot, ENV_RUN, 0);
	share_time();
	while (sim_current() != h)
		sim_next_timer();
	refused(h, E_DEAD, yield, dead.slot);
	answers(h, 0, object_end, dead.slot);
	refused(h, E_NOCAP, yield, dead.slot);
	/* However often it goes round, it ends when it was to end. */
	end = harts[0].slice_end;
	for (unsigned i = 0; i < 300; i++) {
		sim_call(sim_current(), yield, next[i % 3]);
		assert_int_equal(harts[0].slice_end, end);
		assert_ptr_equal(sim_current(), i % 3 == 0 ? a.env : i % 3 == 1 ? b.env : h);
	}
	/* What is charged to all is what passes. */
	sum = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		sum += all[i]->pub->used;
	start = harts[0].since;
	idle = harts[0].pub->idle;
	for (unsigned i = 0; i < 300; i++) {
		if (sim_now + 7 < harts[0].slice_end && (sim_current() == h || sim_current() == a.env || sim_current() == b.env)) {
			sim_now += 7;
			sim_call(sim_current(), yield, sim_current() == h ? a.slot : 60);
		} else {
			sim_next_timer();
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		sum -= all[i]->pub->used;
	assert_int_equal(-sum + harts[0].pub->idle - idle, harts[0].since - start);
	give_time_back();
}

static void alarm_at_once(void)
{
	sim_now++;
	sim_call(h, wait, 0, sim_now + 1);
}

ATTACK(p5_alarms_without_end)
{
	uint64_t ours, interrupts;

	share_time();
	ours = victim.env->pub->used;
	interrupts = harts[0].pub->timer_interrupts;
	compete(200, alarm_at_once);
	ours = victim.env->pub->used - ours;
	assert_true(ours >= 190 * slice_ticks);		/* the sleeper's time is the victim's */
	assert_true(harts[0].pub->timer_interrupts - interrupts <= 3 * 200);
	/* An alarm rings in nobody else's slice. */
	while (sim_current() != h)
		sim_next_timer();
	answers(h, SIM_SWITCHED, wait, 0, sim_now + 1);
	assert_ptr_equal(sim_current(), victim.env);
	assert_int_equal(sim_timer[0], harts[0].slice_end);
	/* In the past, ten thousand of them: each is answered at once. */
	while (sim_current() != h)
		sim_next_timer();
	sim_audit = false;
	for (unsigned i = 0; i < 10000; i++)
		answers(h, 0, wait, 0, 1);
	sim_audit = true;
	assert_ptr_equal(sim_current(), h);
	give_time_back();
}

ATTACK(p8_nothing_can_be_told_to_it)
{
	uint64_t theirs, ours;

	answers(h, 0, env_set, 0, ENV_HANDLER, UP_SLICE_END, SIM_CODE);
	h->uarea->held = 1;
	share_time();
	theirs = h->pub->used;
	ours = victim.env->pub->used;
	compete(400, NULL);
	theirs = h->pub->used - theirs;
	ours = victim.env->pub->used - ours;
	assert_true(theirs <= ours + 2 * slice_ticks);
	assert_true(theirs >= ours - ours / 16);
	assert_int_equal(h->state, ENV_READY);
	assert_int_equal(h->uarea->pending, 1u << UP_SLICE_END);
	h->uarea->held = 0;
	give_time_back();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(m1_frames_of_others_and_of_nobody),
		cmocka_unit_test(m2_devices_are_no_pages),
		cmocka_unit_test(m3_tables_are_not_written_and_what_is_written_is_no_table),
		cmocka_unit_test(m4_bits_of_an_entry),
		cmocka_unit_test(m5_no_entry_is_global),
		cmocka_unit_test(m6_larger_pages_over_several_owners),
		cmocka_unit_test(m7_tables_in_wrong_places),
		cmocka_unit_test(m8_the_upper_half),
		cmocka_unit_test(m9_a_shared_page_becomes_a_table_in_every_order),
		cmocka_unit_test(m10_no_old_translation_reaches_a_page_that_went_to_another),
		cmocka_unit_test(m12_asids_are_used_up_and_nobody_sees_anothers_memory),
		cmocka_unit_test(m13_a_remembered_gap_does_not_outlive_the_binding),
		cmocka_unit_test(m15_the_ground_under_its_own_feet),
		cmocka_unit_test(m16_a_context_or_environment_in_use),
		cmocka_unit_test(m17_hidden_dirty_bits_hide_nothing_from_the_kernel),
		cmocka_unit_test(m18_freed_twice_and_used_afterwards),
		cmocka_unit_test(c1_slots_are_guessed),
		cmocka_unit_test(c2_generations_of_environments_are_used_up),
		cmocka_unit_test(c3_more_rights_than_held_and_copies_from_what_is_revoked),
		cmocka_unit_test(c4_gifts_to_the_dead),
		cmocka_unit_test(c5_one_kind_for_another),
		cmocka_unit_test(c6_a_derivation_as_wide_and_as_deep_as_possible),
		cmocka_unit_test(c7_revoked_in_the_middle_of_its_use),
		cmocka_unit_test(c8_gifts_in_a_circle),
		cmocka_unit_test(c9_unwanted_gifts),
		cmocka_unit_test(c10_closed_twice_and_used_afterwards),
		cmocka_unit_test(s1_pointers_to_nowhere),
		cmocka_unit_test(s2_arguments_that_change_during_the_call),
		cmocka_unit_test(s3_memory_that_goes_during_the_call),
		cmocka_unit_test(s4_results_into_what_must_not_be_written),
		cmocka_unit_test(s5_numbers_that_are_no_call),
		cmocka_unit_test(s7_floating_point_of_others),
		cmocka_unit_test(s9_numbers_that_the_firmware_knows),
		cmocka_unit_test(s10_replies_hold_nothing_of_the_kernel),
		cmocka_unit_test(s12_old_data),
		cmocka_unit_test(p1_more_slices_than_the_capability_covers),
		cmocka_unit_test(p2_all_of_the_grace_every_time),
		cmocka_unit_test(p6_calls_that_end_after_the_slice),
		cmocka_unit_test(p3_asleep_whenever_the_tick_comes),
		cmocka_unit_test(p4_time_given_in_a_ring),
		cmocka_unit_test(p5_alarms_without_end),
		cmocka_unit_test(p8_nothing_can_be_told_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
