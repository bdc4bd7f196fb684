/*
 * test_filter.c - predicates and the classifier against a plain reading of their definition
 *
 * The oracle knows nothing of words, shapes or hashing: it loads the bytes of each atom as <exos/flow.h> says, and goes
 * through all filters one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <exos/err.h>

#include "kern/filter.h"

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifdef ASAN
#include <sanitizer/asan_interface.h>
#define poison(p, n)	__asan_poison_memory_region(p, n)
#define unpoison(p, n)	__asan_unpoison_memory_region(p, n)
#else
#define poison(p, n)	memset(p, 0xa5, n)
#define unpoison(p, n)	((void)(p), (void)(n))
#endif

static uint64_t seed = 0x1234567;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % n;
}

static struct classifier *c;

static int setup(void **state)
{
	(void)state;
	c = malloc(sizeof(*c));
	classifier_init(c, 0x0123456789abcdef);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(c);
	return 0;
}

static void add(struct flow_predicate *p, unsigned offset, unsigned width, uint32_t mask, uint32_t value)
{
	p->version = FLOW_VERSION;
	p->atom[p->natoms++] = (struct flow_atom){ .offset = offset, .width = width, .mask = mask, .value = value };
}

/* UDP or TCP over IPv4 without options and not a fragment, to one port of ours: what a library binds. */
static struct flow_predicate port_predicate(unsigned proto, unsigned port)
{
	struct flow_predicate p = { .version = FLOW_VERSION };

	add(&p, 12, 2, 0xffff, 0x0800);
	add(&p, 14, 1, 0xff, 0x45);
	add(&p, 20, 2, 0x3fff, 0);
	add(&p, 23, 1, 0xff, proto);
	add(&p, 36, 2, 0xffff, port);
	return p;
}

static void port_frame(uint8_t frame[64], unsigned proto, unsigned port)
{
	memset(frame, 0, 64);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[23] = proto;
	frame[36] = port >> 8;
	frame[37] = port;
}

static struct filter *filter_of(const struct flow_predicate *fp, bool shared)
{
	struct filter *f = malloc(sizeof(*f));
	struct predicate p;

	assert_int_equal(predicate_init(&p, fp), 0);
	filter_init(f, &p, shared, p.bits);
	return f;
}

/* The frame as the kernel may find it: FLOW_REACH bytes that can be read, anything behind the end. One byte more is ASan's. */
static uint64_t *in_memory(const uint8_t *frame, size_t len)
{
	uint8_t *m = malloc(len > FLOW_REACH ? len : FLOW_REACH);

	for (unsigned i = 0; i < FLOW_REACH; i++)
		m[i] = rnd(2) != 0 ? rnd(256) : rnd(2);
	memcpy(m, frame, len);
	return (uint64_t *)(void *)m;
}

static unsigned lookup(const uint8_t *frame, size_t len, struct filter **out)
{
	uint64_t *m = in_memory(frame, len);
	unsigned n = classifier_lookup(c, m, len, out, CLASSIFIER_SHARED);

	free(m);
	return n;
}

static void audit(void)
{
	const char *wrong = classifier_audit(c);

	if (wrong != NULL)
		fail_msg("audit: %s", wrong);
}

/* The definition, atom by atom. */
static bool oracle_match(const struct flow_predicate *p, const uint8_t *frame, size_t len)
{
	for (unsigned i = 0; i < p->natoms; i++) {
		const struct flow_atom *a = &p->atom[i];
		uint32_t v = 0;

		if ((size_t)a->offset + a->width > len)
			return false;
		for (unsigned k = 0; k < a->width; k++)
			v = v << 8 | frame[a->offset + k];
		if ((v & a->mask) != a->value)
			return false;
	}
	return true;
}

/* A predicate over a small universe, so that prefixes, equals and near misses are frequent. */
static struct flow_predicate random_predicate(void)
{
	static const uint16_t offset[] = { 0, 4, 6, 12, 14, 15, 23, 30, 36, 38, 60, 124, 126 };
	static const uint32_t mask[] = { 0xff, 0x0f, 0xff00, 0xffff, 0xff000000, 0xffffffff };
	struct flow_predicate p = { .version = FLOW_VERSION };
	struct predicate unused;

	do {
		unsigned n = rnd(5);

		p.natoms = 0;
		while (p.natoms < n) {
			unsigned width = 1u << rnd(3), at = offset[rnd(13)];
			uint32_t m = mask[rnd(6)] & (width == 4 ? ~0u : (1u << 8 * width) - 1);

			if (m != 0 && at + width <= FLOW_REACH)
				add(&p, at, width, m, (rnd(2) * 0x01010101u) & m);
		}
	} while (predicate_init(&unused, &p) != 0);
	return p;
}

static size_t random_frame(uint8_t frame[192])
{
	for (unsigned i = 0; i < 192; i++)
		frame[i] = rnd(16) == 0 ? rnd(256) : rnd(3) == 0;
	return rnd(4) == 0 ? rnd(192) : 128 + rnd(64);
}

/*
 * Two words of a packet, of which the attacker chooses the highest bits: whatever the key, no choice may bring more of his filters into one
 * bucket than chance does. With a hash of which only the lower half of a product counts, 1024 such filters have 32 different hashes.
 */
static void F8_nobody_can_aim_at_a_bucket(void **state)
{
	enum { CHOICES = 32 };
	static struct filter *f[CHOICES * CHOICES];

	(void)state;
	for (uint64_t key = 1; key <= 8; key++) {
		classifier_init(c, key * 0x9e3779b97f4a7c15u);
		for (unsigned i = 0; i < CHOICES * CHOICES; i++) {
			struct flow_predicate p = port_predicate(17, 7);
			uint32_t a = i % CHOICES << 3, b = i / CHOICES << 3;

			add(&p, 47, 1, 0xf8, a);		/* the highest bits of a word in memory order; of the next those and bit 31 down */
			add(&p, 51, 1, 0xf8, b);
			add(&p, 55, 1, 0xf8, b);
			f[i] = filter_of(&p, false);
			assert_int_equal(classifier_insert(c, f[i]), 0);
		}
		audit();
		for (unsigned i = 0; i < sizeof(c->bucket) / sizeof(c->bucket[0]); i++) {
			unsigned n = 0;

			for (const struct filter *o = c->bucket[i]; o != NULL; o = o->chain)
				n++;
			assert_true(n <= 8);
		}
		for (unsigned i = 0; i < CHOICES * CHOICES; i++) {
			classifier_remove(c, f[i]);
			free(f[i]);
		}
	}
}

static void malformed_atoms_are_refused(void **state)
{
	static const struct flow_atom bad[] = {
		{ 0, 0, 0, 1, 0 }, { 0, 3, 0, 1, 0 }, { 0, 8, 0, 1, 0 }, { 0, 255, 0, 1, 0 },	/* width */
		{ 128, 1, 0, 1, 0 }, { 127, 2, 0, 1, 0 }, { 125, 4, 0, 1, 0 }, { 65535, 4, 0, 1, 0 }, { 65532, 4, 0, 1, 0 },
		{ 0, 1, 0, 0, 0 }, { 0, 1, 0, 0x100, 0 }, { 0, 2, 0, 0x10000, 0 },		/* mask */
		{ 0, 1, 0, 0x0f, 0x10 }, { 0, 1, 0, 0xff, 0x100 }, { 0, 4, 0, 0xfffffffe, 1 },	/* value */
		{ 0, 1, 1, 1, 0 },								/* reserved */
	};
	struct flow_predicate p = { .version = FLOW_VERSION, .natoms = 1 };
	struct predicate out;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p.atom[0] = bad[i];
		assert_int_equal(predicate_init(&out, &p), -E_INVAL);
	}
	p = port_predicate(17, 7);
	assert_int_equal(predicate_init(&out, &p), 0);
	p.version++;
	assert_int_equal(predicate_init(&out, &p), -E_INVAL);
	p.version = FLOW_VERSION;
	p.zero = 1;
	assert_int_equal(predicate_init(&out, &p), -E_INVAL);
	p.zero = 0;
	p.natoms = FLOW_ATOMS_MAX + 1;
	assert_int_equal(predicate_init(&out, &p), -E_INVAL);

	p = port_predicate(17, 7);
	add(&p, 12, 4, 0x00ff0000, 0);			/* agrees with 0800 at offset 13 */
	assert_int_equal(predicate_init(&out, &p), 0);
	add(&p, 10, 4, 0x0000ff00, 0x0900);		/* contradicts it at offset 12 */
	assert_int_equal(predicate_init(&out, &p), -E_INVAL);
}

static void the_cut_into_atoms_does_not_matter(void **state)
{
	struct flow_predicate whole = { .version = FLOW_VERSION }, cut = whole;
	struct predicate a, b;

	(void)state;
	add(&whole, 30, 4, 0xffffffff, 0x0a00020f);
	add(&cut, 33, 1, 0xff, 0x0f);
	add(&cut, 30, 2, 0xffff, 0x0a00);
	add(&cut, 31, 2, 0xffff, 0x0002);
	assert_int_equal(predicate_init(&a, &whole), 0);
	assert_int_equal(predicate_init(&b, &cut), 0);
	assert_true(predicate_equal(&a, &b));
	assert_int_equal(a.bits, 32);

	/* A longer load of the same bits is another predicate: it wants more bytes. */
	add(&cut, 33, 2, 0x0f00, 0x0f00);
	assert_int_equal(predicate_init(&b, &cut), 0);
	assert_false(predicate_equal(&a, &b));
	assert_true(predicate_implies(&b, &a));
	assert_false(predicate_implies(&a, &b));
}

/* Implication is compared with its definition on packets made to satisfy the first predicate and vary elsewhere. */
static void implication_and_disjointness_are_exact(void **state)
{
	unsigned implied = 0, apart = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct flow_predicate fa = random_predicate(), fb = random_predicate();
		struct predicate a, b;
		uint8_t frame[128], mask[128], value[128];
		bool counterexample = false, common = false;

		if (rnd(2) == 0 && fb.natoms > 0) {	/* make one that often implies the other */
			fa = fb;
			fa.natoms -= rnd(2);
		}
		assert_int_equal(predicate_init(&a, &fa), 0);
		assert_int_equal(predicate_init(&b, &fb), 0);
		memcpy(mask, a.mask, 128);
		memcpy(value, a.value, 128);
		/* Shortest satisfying packet, then every free bit of b's atoms flipped on its own. */
		memcpy(frame, value, 128);
		assert_true(oracle_match(&fa, frame, a.min_len));
		if (!oracle_match(&fb, frame, a.min_len))
			counterexample = true;
		for (unsigned bit = 0; bit < 1024 && !counterexample; bit++) {
			if (mask[bit / 8] >> bit % 8 & 1)
				continue;
			frame[bit / 8] ^= 1 << bit % 8;
			assert_true(oracle_match(&fa, frame, 128));
			if (!oracle_match(&fb, frame, 128))
				counterexample = true;
			frame[bit / 8] ^= 1 << bit % 8;
		}
		assert_int_equal(predicate_implies(&a, &b), !counterexample);
		implied += !counterexample;

		for (unsigned i = 0; i < 128; i++)
			frame[i] = value[i] | ((const uint8_t *)b.value)[i];
		common = oracle_match(&fa, frame, 128) && oracle_match(&fb, frame, 128);
		assert_int_equal(predicate_disjoint(&a, &b), !common);
		assert_int_equal(predicate_disjoint(&b, &a), !common);
		apart += !common;
	}
	assert_in_range(implied, 500, 19500);
	assert_in_range(apart, 500, 19500);
}

static void match_agrees_with_the_definition_at_every_length(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct flow_predicate fp = random_predicate();
		struct predicate p;
		uint8_t frame[192];
		size_t len = random_frame(frame);
		uint64_t *exact;

		assert_int_equal(predicate_init(&p, &fp), 0);
		if (rnd(2) == 0)
			for (unsigned i = 0; i < 128; i++)
				frame[i] = (frame[i] & ~((uint8_t *)p.mask)[i]) | ((uint8_t *)p.value)[i];
		exact = in_memory(frame, len);
		assert_int_equal(predicate_match(&p, exact, len), oracle_match(&fp, frame, len));
		free(exact);
	}
}

#define SET 40

/* What <exos/flow.h> promises, over a list. Returns a set as a bit mask over the list. */
static uint64_t oracle_lookup(struct filter *const *f, const struct flow_predicate *fp, const uint8_t *frame, size_t len)
{
	const struct filter *best = NULL;
	uint64_t got = 0, winner = 0;

	for (unsigned i = 0; i < SET; i++)
		if (f[i] != NULL && !f[i]->shared && oracle_match(&fp[i], frame, len) &&
		    (best == NULL || f[i]->rank > best->rank ||
		     (f[i]->rank == best->rank && (f[i]->pred.min_len > best->pred.min_len ||
		      (f[i]->pred.min_len == best->pred.min_len && f[i]->order < best->order))))) {
			best = f[i];
			winner = 1ull << i;
		}
	for (unsigned i = 0; i < SET; i++)
		if (f[i] != NULL && f[i]->shared && oracle_match(&fp[i], frame, len) && (best == NULL || f[i]->rank > best->rank))
			got |= 1ull << i;
	return got != 0 ? got : winner;
}

static void random_sets_classify_like_the_oracle(void **state)
{
	static struct filter *f[SET];
	static struct flow_predicate fp[SET];
	unsigned refused = 0, limited = 0, bound = 0, hits = 0;

	(void)state;
	for (unsigned round = 0; round < 30000; round++) {
		unsigned i = rnd(SET);
		uint8_t frame[192] __attribute__((aligned(8)));
		struct filter *out[CLASSIFIER_SHARED];
		uint64_t got = 0;
		size_t len;

		if (f[i] != NULL) {
			classifier_remove(c, f[i]);
			poison(f[i], sizeof(*f[i]));	/* nothing may point there any more */
			audit();
			unpoison(f[i], sizeof(*f[i]));
			free(f[i]);
			f[i] = NULL;
		} else {
			struct predicate p;
			bool shared = rnd(3) == 0, equal = false;
			int error;

			fp[i] = rnd(4) == 0 ? fp[rnd(SET)] : random_predicate();
			fp[i].version = FLOW_VERSION;
			assert_int_equal(predicate_init(&p, &fp[i]), 0);
			f[i] = malloc(sizeof(*f[i]));
			filter_init(f[i], &p, shared, shared && rnd(2) ? p.bits / 2 : p.bits);
			for (unsigned k = 0; k < SET; k++)
				if (k != i && f[k] != NULL && predicate_equal(&p, &f[k]->pred) && !(shared && f[k]->shared))
					equal = true;
			error = classifier_insert(c, f[i]);
			assert_true(equal ? error == -E_EXISTS : error == 0 || error == -E_LIMIT);
			if (error != 0) {
				refused += equal;
				limited += !equal;
				memset(f[i], 0xa5, sizeof(*f[i]));
				free(f[i]);
				f[i] = NULL;
			} else {
				bound++;
			}
		}
		audit();

		len = random_frame(frame);
		if ((i = rnd(SET)), f[i] != NULL)
			for (unsigned k = 0; k < 128; k++)
				frame[k] = (frame[k] & ~((uint8_t *)f[i]->pred.mask)[k]) | ((uint8_t *)f[i]->pred.value)[k];
		unsigned n = lookup(frame, len, out);
		for (unsigned k = 0; k < n; k++)
			for (unsigned m = 0; m < SET; m++)
				if (out[k] == f[m]) {
					assert_false(got >> m & 1);
					got |= 1ull << m;
				}
		assert_true(got == oracle_lookup(f, fp, frame, len));
		hits += n > 0;
	}
	assert_true(refused > 100 && bound > 5000 && hits > 5000);
	print_message("bound %u, refused as equal %u, by a limit %u, hits %u\n", bound, refused, limited, hits);
	for (unsigned i = 0; i < SET; i++)
		if (f[i] != NULL) {
			classifier_remove(c, f[i]);
			free(f[i]);
			f[i] = NULL;
		}
	audit();
	assert_int_equal(c->nfilters, 0);
	assert_int_equal(c->nshapes, 0);
	for (unsigned i = 0; i < 1u << CLASSIFIER_BITS; i++)
		assert_null(c->bucket[i]);
}

#define MANY 10000

static struct filter *many[MANY];

/* Average number of filters looked at per packet over all ports bound. */
static double probes_per_packet(unsigned n)
{
	uint8_t frame[64] __attribute__((aligned(8)));
	struct filter *out[CLASSIFIER_SHARED];

	c->probes = 0;
	for (unsigned i = 0; i < n; i++) {
		port_frame(frame, 17, 1000 + i);
		assert_int_equal(lookup(frame, sizeof(frame), out), 1);
		assert_ptr_equal(out[0], many[i]);
	}
	return (double)c->probes / n;
}

static void F8_ten_thousand_filters_cost_a_packet_no_more_than_ten(void **state)
{
	double ten = 0, all;
	uint8_t frame[64] __attribute__((aligned(8)));
	struct filter *out[CLASSIFIER_SHARED];

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		struct flow_predicate fp = port_predicate(17, 1000 + i);

		many[i] = filter_of(&fp, false);
		assert_int_equal(classifier_insert(c, many[i]), 0);
		if (i == 9)
			ten = probes_per_packet(10);
		if (i == 9 || i == 999)
			audit();
	}
	audit();
	all = probes_per_packet(MANY);
	print_message("filters looked at per packet: 10 filters %.3f, %u filters %.3f\n", ten, MANY, all);
	assert_true(all < ten + 0.75);	/* a whole bucket each: chance gives 1 + 10000 / 16384 */
	for (unsigned i = 0; i < MANY; i++) {
		classifier_remove(c, many[i]);
		poison(many[i], sizeof(*many[i]));
		if (i % 1000 == 0) {
			audit();
			port_frame(frame, 17, 1000 + MANY - 1);
			assert_int_equal(lookup(frame, sizeof(frame), out), 1);
			assert_ptr_equal(out[0], many[MANY - 1]);
		}
	}
	audit();
	for (unsigned i = 0; i < MANY; i++) {
		unpoison(many[i], sizeof(*many[i]));
		free(many[i]);
	}
}

static void F1_only_implied_predicates_can_be_bound(void **state)
{
	struct flow_predicate mine = port_predicate(17, 7), theirs = port_predicate(17, 8), wider = mine, narrower = mine;
	struct predicate a, b, w, n;

	(void)state;
	wider.natoms--;				/* any port */
	add(&narrower, 26, 4, ~0u, 0x0a000001);	/* from one host */
	assert_int_equal(predicate_init(&a, &mine) | predicate_init(&b, &theirs) | predicate_init(&w, &wider) |
		predicate_init(&n, &narrower), 0);
	assert_false(predicate_implies(&b, &a));
	assert_false(predicate_implies(&w, &a));
	assert_true(predicate_implies(&n, &a));
	assert_true(predicate_disjoint(&b, &n));
}

static void F2_a_narrow_shared_filter_blinds_nobody(void **state)
{
	struct flow_predicate arp = { .version = FLOW_VERSION }, request, all = { .version = FLOW_VERSION };
	struct filter *wide, *narrow, *sink, *out[CLASSIFIER_SHARED];
	uint8_t frame[64] __attribute__((aligned(8))) = { [12] = 8, [13] = 6, [21] = 1 };

	(void)state;
	add(&arp, 12, 2, 0xffff, 0x0806);
	request = arp;
	add(&request, 20, 2, 0xffff, 1);
	sink = filter_of(&all, false);
	wide = filter_of(&arp, true);
	narrow = filter_of(&request, true);
	assert_int_equal(classifier_insert(c, sink) | classifier_insert(c, narrow) | classifier_insert(c, wide), 0);
	assert_int_equal(lookup(frame, 64, out), 2);
	frame[21] = 2;
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_ptr_equal(out[0], wide);
	frame[13] = 7;
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_ptr_equal(out[0], sink);
	free(wide), free(narrow), free(sink);
}

static void F2_a_filter_below_a_shared_flow_takes_nothing_from_an_exclusive_one(void **state)
{
	struct flow_predicate broadcast = { .version = FLOW_VERSION }, dhcp, thief;
	struct filter *owner, *taker, *out[CLASSIFIER_SHARED];
	uint8_t frame[64] __attribute__((aligned(8)));
	struct predicate p;

	(void)state;
	add(&broadcast, 0, 4, ~0u, ~0u);
	dhcp = port_predicate(17, 68);
	thief = dhcp;				/* narrower than dhcp and implies broadcast */
	add(&thief, 0, 4, ~0u, ~0u);
	owner = filter_of(&dhcp, false);
	assert_int_equal(predicate_init(&p, &thief), 0);
	taker = malloc(sizeof(*taker));
	filter_init(taker, &p, true, 32);	/* the rank of the broadcast flow */
	assert_int_equal(classifier_insert(c, owner) | classifier_insert(c, taker), 0);
	port_frame(frame, 17, 68);
	memset(frame, 0xff, 4);
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_ptr_equal(out[0], owner);
	free(owner), free(taker);
}

static void F3_header_tricks_do_not_reach_a_port_filter(void **state)
{
	struct flow_predicate fp = port_predicate(6, 80);
	struct filter *f = filter_of(&fp, false), *out[CLASSIFIER_SHARED];
	uint8_t frame[64] __attribute__((aligned(8)));

	(void)state;
	assert_int_equal(classifier_insert(c, f), 0);
	port_frame(frame, 6, 80);
	assert_int_equal(lookup(frame, 64, out), 1);
	for (unsigned len = 0; len < 38; len++)		/* truncated header */
		assert_int_equal(lookup(frame, len, out), 0);
	assert_int_equal(lookup(frame, 38, out), 1);
	static const struct { uint8_t at, value; } trick[] = {
		{ 14, 0x46 }, { 14, 0x44 }, { 14, 0x65 }, { 20, 0x20 }, { 21, 1 }, { 12, 0x81 }, { 13, 0xdd }, { 23, 17 },
	};
	for (unsigned i = 0; i < sizeof(trick) / sizeof(trick[0]); i++) {
		port_frame(frame, 6, 80);
		frame[trick[i].at] = trick[i].value;
		assert_int_equal(lookup(frame, 64, out), 0);
	}
	free(f);
}

static void F4_bytes_behind_the_frame_decide_nothing(void **state)
{
	struct flow_predicate fp = { .version = FLOW_VERSION };
	struct filter *f, *out[CLASSIFIER_SHARED];

	(void)state;
	add(&fp, 60, 4, 0xff000000, 0x11000000);	/* only one byte counts, but the load takes four */
	f = filter_of(&fp, false);
	assert_int_equal(classifier_insert(c, f), 0);
	for (unsigned len = 0; len < 70; len++) {
		uint8_t frame[72];
		uint64_t stale[FLOW_REACH / 8];		/* the rest of an earlier packet, which would match */

		memset(frame, 0x11, len);
		memset(stale, 0x11, sizeof(stale));
		assert_int_equal(lookup(frame, len, out), len >= 64);
		assert_int_equal(classifier_lookup(c, stale, len, out, CLASSIFIER_SHARED), len >= 64);
		assert_int_equal(predicate_match(&f->pred, stale, len), len >= 64);
	}
	free(f);
}

static void F5_a_lookup_changes_no_byte_of_the_packet(void **state)
{
	struct flow_predicate fp = port_predicate(17, 7);
	struct filter *f = filter_of(&fp, false), *out[CLASSIFIER_SHARED];
	uint8_t frame[64] __attribute__((aligned(8))), before[64];

	(void)state;
	assert_int_equal(classifier_insert(c, f), 0);
	port_frame(frame, 17, 7);
	memcpy(before, frame, 64);
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_memory_equal(frame, before, 64);
	free(f);
}

static void the_longest_match_wins_and_equals_are_refused(void **state)
{
	struct flow_predicate port = port_predicate(6, 80), peer = port, any = { .version = FLOW_VERSION };
	struct filter *a, *b, *d, *again, *shared, *out[CLASSIFIER_SHARED];
	uint8_t frame[64] __attribute__((aligned(8)));

	(void)state;
	add(&peer, 26, 4, ~0u, 0);
	a = filter_of(&port, false);
	b = filter_of(&peer, false);
	d = filter_of(&any, false);
	again = filter_of(&port, false);
	shared = filter_of(&port, true);
	assert_int_equal(classifier_insert(c, a) | classifier_insert(c, b) | classifier_insert(c, d), 0);
	assert_int_equal(classifier_insert(c, again), -E_EXISTS);
	assert_int_equal(classifier_insert(c, shared), -E_EXISTS);
	port_frame(frame, 6, 80);
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_ptr_equal(out[0], b);
	classifier_remove(c, b);
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_ptr_equal(out[0], a);
	classifier_remove(c, a);
	assert_int_equal(lookup(frame, 64, out), 1);
	assert_ptr_equal(out[0], d);
	assert_int_equal(classifier_insert(c, shared), 0);
	assert_int_equal(classifier_insert(c, again), -E_EXISTS);
	audit();
	free(a), free(b), free(d), free(again), free(shared);
}

/* Shapes that are in use are open to everyone; who may have how many of them is decided in flow.c. */
static void limits_are_refused_and_the_room_is_told(void **state)
{
	struct filter *f[64], *other;
	struct flow_predicate fp = port_predicate(17, 1);
	unsigned n = 0;
	int error;

	(void)state;
	while (n < 64) {
		fp = port_predicate(17, 1);
		add(&fp, 40 + n / 4, 1, 1u << n % 4, 0);
		f[n] = filter_of(&fp, false);
		error = classifier_insert(c, f[n]);
		if (error != 0)
			break;
		n++;
	}
	assert_int_equal(error, -E_LIMIT);
	assert_int_equal(n, CLASSIFIER_SHAPES);
	assert_int_equal(classifier_room(c), 0);
	assert_int_equal(classifier_shape(c, &f[n]->pred), -1);
	audit();
	fp = port_predicate(17, 1);
	fp.atom[0].value = 0x0801;
	add(&fp, 40, 1, 1, 0);			/* a shape that is in use */
	free(f[n]);
	f[n] = filter_of(&fp, false);
	assert_int_equal(classifier_insert(c, f[n]), 0);
	assert_int_equal(f[n]->shape, f[0]->shape);
	audit();
	classifier_remove(c, f[0]);		/* the other of that shape stays */
	free(f[0]);
	assert_int_equal(classifier_room(c), 0);
	for (unsigned i = 1; i <= n; i++) {
		classifier_remove(c, f[i]);
		free(f[i]);
		assert_int_equal(classifier_room(c), i < n ? i : CLASSIFIER_SHAPES);
	}
	audit();

	fp = port_predicate(17, 9);
	for (n = 0; n < CLASSIFIER_SHARED; n++) {
		f[n] = filter_of(&fp, true);
		assert_int_equal(classifier_insert(c, f[n]), 0);
	}
	assert_int_equal(classifier_room(c), 0);
	other = filter_of(&fp, true);
	assert_int_equal(classifier_insert(c, other), -E_LIMIT);
	classifier_remove(c, f[0]);
	assert_int_equal(classifier_room(c), 1);
	assert_int_equal(classifier_insert(c, other), 0);
	audit();
	free(other);
	for (n = 0; n < 64; n++)
		free(f[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_atoms_are_refused),
		cmocka_unit_test(the_cut_into_atoms_does_not_matter),
		cmocka_unit_test(implication_and_disjointness_are_exact),
		cmocka_unit_test(match_agrees_with_the_definition_at_every_length),
		cmocka_unit_test_setup_teardown(random_sets_classify_like_the_oracle, setup, teardown),
		cmocka_unit_test_setup_teardown(F1_only_implied_predicates_can_be_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(F2_a_narrow_shared_filter_blinds_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(F2_a_filter_below_a_shared_flow_takes_nothing_from_an_exclusive_one, setup, teardown),
		cmocka_unit_test_setup_teardown(F3_header_tricks_do_not_reach_a_port_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(F4_bytes_behind_the_frame_decide_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(F5_a_lookup_changes_no_byte_of_the_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(F8_nobody_can_aim_at_a_bucket, setup, teardown),
		cmocka_unit_test_setup_teardown(F8_ten_thousand_filters_cost_a_packet_no_more_than_ten, setup, teardown),
		cmocka_unit_test_setup_teardown(the_longest_match_wins_and_equals_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_are_refused_and_the_room_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
