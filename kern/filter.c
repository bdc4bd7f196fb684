/*
 * filter.c - predicates and the classifier; see filter.h for the model
 */
#include "kern/filter.h"

#include <exos/err.h>

#include "kern/lib.h"

/* Predicates */

/* Add one atom: bytes in network order, so the mask's highest byte belongs to the lowest offset. */
static int predicate_add(struct predicate *p, const struct flow_atom *a)
{
	uint8_t *mask = (uint8_t *)p->mask, *value = (uint8_t *)p->value;
	unsigned shift;

	if ((a->width != 1 && a->width != 2 && a->width != 4) || a->zero != 0)
		return -E_INVAL;
	if (a->offset > FLOW_REACH - a->width)
		return -E_INVAL;
	if (a->mask == 0 || (uint64_t)a->mask >> (8 * a->width) != 0 || (a->value & ~a->mask) != 0)
		return -E_INVAL;

	for (unsigned i = 0; i < a->width; i++) {
		unsigned at = a->offset + i;

		shift = 8 * (a->width - 1 - i);
		uint8_t m = a->mask >> shift, v = a->value >> shift;

		if ((mask[at] & m & (value[at] ^ v)) != 0)
			return -E_INVAL;	/* contradicts an earlier atom */
		mask[at] |= m;
		value[at] |= v;
	}
	if (p->min_len < a->offset + a->width)
		p->min_len = a->offset + a->width;
	return 0;
}

int predicate_init(struct predicate *out, const struct flow_predicate *p)
{
	int error;

	if (p->version != FLOW_VERSION || p->zero != 0 || p->natoms > FLOW_ATOMS_MAX)
		return -E_INVAL;
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < p->natoms; i++)
		if ((error = predicate_add(out, &p->atom[i])) != 0)
			return error;
	for (unsigned i = 0; i < PREDICATE_WORDS; i++) {
		if (out->mask[i] != 0)
			out->words |= 1u << i;
		for (uint64_t m = out->mask[i]; m != 0; m &= m - 1)
			out->bits++;
	}
	return 0;
}

bool predicate_implies(const struct predicate *a, const struct predicate *b)
{
	uint64_t wrong = 0;

	/* b must fix nothing that a leaves open or fixes otherwise, and must not want more bytes. */
	for (unsigned i = 0; i < PREDICATE_WORDS; i++)
		wrong |= b->mask[i] & (~a->mask[i] | (a->value[i] ^ b->value[i]));
	return wrong == 0 && a->min_len >= b->min_len;
}

bool predicate_equal(const struct predicate *a, const struct predicate *b)
{
	return predicate_implies(a, b) && predicate_implies(b, a);
}

bool predicate_disjoint(const struct predicate *a, const struct predicate *b)
{
	uint64_t conflict = 0;

	for (unsigned i = 0; i < PREDICATE_WORDS; i++)
		conflict |= a->mask[i] & b->mask[i] & (a->value[i] ^ b->value[i]);
	return conflict != 0;
}

bool predicate_match(const struct predicate *p, const uint64_t *frame, size_t len)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; p->words >> i != 0; i++)
		wrong |= (frame[i] & p->mask[i]) ^ p->value[i];
	return wrong == 0 && len >= p->min_len;
}

/* The classifier */

/*
 * A word more into the hash. The multiplier is secret, so that no user can aim at one bucket. Both halves of the product count: of the
 * lower one alone everybody knows how it changes with the highest bits of a word, and could make good for it in the next.
 */
static inline uint64_t hash_word(uint64_t multiplier, uint64_t hash, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * multiplier;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * A second multiplication, for ports and addresses count upwards in a few bits of the last word: with 10,000 ports, 1.6 filters in
 * the mean in the bucket of a packet, as chance has it, and 2.8 without.
 */
static inline struct filter **bucket_of(struct classifier *c, uint64_t hash)
{
	return &c->bucket[hash * c->multiplier >> (64 - CLASSIFIER_BITS)];
}

/* Of all packets that satisfy p, in its shape. */
static uint64_t predicate_hash(const struct classifier *c, const struct predicate *p, unsigned shape)
{
	uint64_t hash = c->shape[shape].salt;

	for (unsigned i = 0; i < PREDICATE_WORDS; i++)
		if (p->mask[i] != 0)
			hash = hash_word(c->multiplier, hash, p->value[i]);
	return hash;
}

void classifier_init(struct classifier *c, uint64_t key)
{
	memset(c, 0, sizeof(*c));
	c->multiplier = (key * 0x9e3779b97f4a7c15u) | 1;
	for (unsigned i = 0; i < CLASSIFIER_SHAPES; i++)
		c->shape[i].salt = (key ^ key >> 29 ^ i) * 0xbf58476d1ce4e5b9u;
}

void filter_init(struct filter *f, const struct predicate *pred, bool shared, unsigned rank)
{
	KASSERT(rank <= pred->bits && (shared || rank == pred->bits));
	memset(f, 0, sizeof(*f));
	f->pred = *pred;
	f->shared = shared;
	f->rank = rank;
}

/* Does the predicate test the bits of the shape? */
static bool shape_is(const struct filter_shape *s, const struct predicate *p)
{
	bool is = s->words == p->words;

	for (unsigned i = 0; is && i < s->nsteps; i++)
		is = s->step[i].mask == p->mask[s->step[i].word];
	return is;
}

int classifier_shape(const struct classifier *c, const struct predicate *p)
{
	for (unsigned i = 0; i < c->nshapes; i++)
		if (c->shape[i].refs != 0 && shape_is(&c->shape[i], p))
			return i;
	return -1;
}

unsigned classifier_room(const struct classifier *c)
{
	return least(CLASSIFIER_SHAPES - c->used_shapes, CLASSIFIER_SHARED - c->nshared);
}

/* f is one filter more of the shape. */
static void shape_join(struct classifier *c, struct filter_shape *s, const struct filter *f)
{
	const struct predicate *p = &f->pred;

	if (s->refs++ == 0) {
		c->used_shapes++;
		s->words = p->words;
		s->nsteps = 0;
		for (unsigned i = 0; i < PREDICATE_WORDS; i++)
			if (p->mask[i] != 0)
				s->step[s->nsteps++] = (struct filter_step){ p->mask[i], p->mask[i], p->value[i], i };
	}
	for (unsigned i = 0; i < s->nsteps; i++)
		s->step[i].same &= ~(s->step[i].value ^ p->value[s->step[i].word]);
}

int classifier_insert(struct classifier *c, struct filter *f)
{
	struct filter **bucket;
	unsigned exclusive = 0;
	uint64_t hash;
	int shape = classifier_shape(c, &f->pred);

	KASSERT(f->bound == NULL);
	if (shape < 0)
		for (shape = 0; shape < CLASSIFIER_SHAPES && c->shape[shape].refs != 0; shape++)
			;
	if (shape == CLASSIFIER_SHAPES)
		return -E_LIMIT;
	hash = predicate_hash(c, &f->pred, shape);
	bucket = bucket_of(c, hash);
	for (const struct filter *o = *bucket; o != NULL; o = o->chain) {
		if (predicate_equal(&o->pred, &f->pred) && !(o->shared && f->shared))
			return -E_EXISTS;
		exclusive += !o->shared;
	}
	if (f->shared ? c->nshared == CLASSIFIER_SHARED : exclusive >= CLASSIFIER_CHAIN_MAX)
		return -E_LIMIT;

	shape_join(c, &c->shape[shape], f);
	if (c->nshapes <= (unsigned)shape)
		c->nshapes = shape + 1;
	f->shape = shape;
	f->hash = hash;
	f->chain = *bucket;
	*bucket = f;
	if (f->shared)
		c->shared[c->nshared++] = f;
	f->order = c->next_order++;
	c->nfilters++;
	f->bound = c;
	return 0;
}

void classifier_remove(struct classifier *c, struct filter *f)
{
	struct filter **at = bucket_of(c, f->hash);

	KASSERT(f->bound == c);
	for (; *at != f; at = &(*at)->chain)
		KASSERT(*at != NULL);
	*at = f->chain;
	c->used_shapes -= --c->shape[f->shape].refs == 0;
	while (c->nshapes > 0 && c->shape[c->nshapes - 1].refs == 0)
		c->nshapes--;
	for (unsigned i = 0; f->shared && i < c->nshared; i++)
		if (c->shared[i] == f)
			c->shared[i] = c->shared[--c->nshared];
	c->nfilters--;
	f->bound = NULL;
}

/* a is preferred to b, both exclusive; b may be NULL. */
static inline bool filter_outranks(const struct filter *a, const struct filter *b)
{
	if (b == NULL || a->rank != b->rank)
		return b == NULL || a->rank > b->rank;
	if (a->pred.min_len != b->pred.min_len)
		return a->pred.min_len > b->pred.min_len;
	return a->order < b->order;
}

/* The hash of the filters of the shape that the frame can satisfy. False: it satisfies none, for it lacks what they have in common. */
static inline bool shape_hash(const struct classifier *c, const struct filter_shape *s, const uint64_t *frame, uint64_t *result)
{
	const uint64_t multiplier = c->multiplier;
	uint64_t hash = s->salt;

	for (const struct filter_step *step = s->step; step < s->step + s->nsteps; step++) {
		uint64_t word = frame[step->word] & step->mask;

		if (((word ^ step->value) & step->same) != 0)
			return false;
		hash = hash_word(multiplier, hash, word);
	}
	*result = hash;
	return true;
}

unsigned classifier_lookup(struct classifier *c, const uint64_t *frame, size_t len, struct filter **out, unsigned max)
{
	struct filter *best = NULL;
	unsigned nout = 0, kept = 0;

	KASSERT(max >= CLASSIFIER_SHARED);
	for (const struct filter_shape *s = c->shape; s < c->shape + c->nshapes; s++) {
		uint64_t hash;

		if (s->refs == 0 || !shape_hash(c, s, frame, &hash))
			continue;
		for (struct filter *f = *bucket_of(c, hash); f != NULL; f = f->chain) {
#ifdef EXOS_DEBUG
			c->probes++;
#endif
			/* The hash only says where to look. Each filter is asked with its own shape alone: nobody gets two copies. */
			if (f->hash != hash || &c->shape[f->shape] != s || !predicate_match(&f->pred, frame, len))
				continue;
			if (f->shared)
				out[nout++] = f;
			else if (filter_outranks(f, best))
				best = f;
		}
	}
	if (best == NULL)
		return nout;
	for (unsigned i = 0; i < nout; i++)
		if (out[i]->rank > best->rank)
			out[kept++] = out[i];
	if (kept == 0)
		out[kept++] = best;
	return kept;
}

/* What is wrong with a filter that is chained in a bucket. */
static const char *audit_filter(struct classifier *c, struct filter **bucket, const struct filter *f)
{
	const struct filter_shape *s = &c->shape[f->shape];

	if (f->bound != c)
		return "a filter is in the table that is not bound";
	if (f->shape >= c->nshapes || !shape_is(s, &f->pred))
		return "a filter's shape is not its own";
	if (f->hash != predicate_hash(c, &f->pred, f->shape) || bucket_of(c, f->hash) != bucket)
		return "a filter is in a bucket that its predicate does not lead to";
	for (const struct filter_step *step = s->step; step < s->step + s->nsteps; step++)
		if ((step->same & ~step->mask) != 0 || ((f->pred.value[step->word] ^ step->value) & step->same) != 0)
			return "a filter lacks what all filters of its shape have in common";
	for (const struct filter *o = f->chain; o != NULL; o = o->chain)
		if (predicate_equal(&f->pred, &o->pred) && !(f->shared && o->shared))
			return "two filters with equal predicates, and one is exclusive";
	return NULL;
}

/*
 * (1) Each filter in the table is found by whatever packet satisfies it: it stands in its bucket, and its shape lets the packet through;
 * (2) no two are equal, unless they are shared; (3) the counts are right, so none is missing.
 */
const char *classifier_audit(struct classifier *c)
{
	uint32_t refs[CLASSIFIER_SHAPES] = { 0 }, filters = 0, shared = 0, shapes = 0;
	const char *wrong;

	for (size_t i = 0; i < ARRAY_SIZE(c->bucket); i++)
		for (const struct filter *f = c->bucket[i]; f != NULL; f = f->chain) {
			if ((wrong = audit_filter(c, &c->bucket[i], f)) != NULL)
				return wrong;
			refs[f->shape]++;
			shared += f->shared;
			filters++;
		}
	if (filters != c->nfilters || shared != c->nshared)
		return "the filters are miscounted";
	if (c->nshapes > CLASSIFIER_SHAPES || (c->nshapes > 0 && c->shape[c->nshapes - 1].refs == 0))
		return "the shapes are miscounted";
	for (unsigned i = 0; i < CLASSIFIER_SHAPES; i++) {
		if (refs[i] != c->shape[i].refs)
			return "the filters of a shape are miscounted";
		shapes += refs[i] != 0;
	}
	if (shapes != c->used_shapes)
		return "the shapes in use are miscounted";
	for (unsigned i = 0; i < c->nshared; i++)
		if (c->shared[i]->bound != c || !c->shared[i]->shared)
			return "what is listed as shared is not";
	return NULL;
}
