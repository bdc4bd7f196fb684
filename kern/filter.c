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

/* The frame itself when its words are aligned; else a copy of the bytes that can count. */
static const uint8_t *frame_aligned(const uint8_t *frame, size_t len, uint64_t room[PREDICATE_WORDS])
{
	if (((uintptr_t)frame & 7) == 0)
		return frame;
	return memcpy(room, frame, len < FLOW_REACH ? len : FLOW_REACH);
}

static uint64_t frame_tail(const uint8_t *frame, size_t len, unsigned i)
{
	uint64_t v = 0;

	for (unsigned at = 8 * i; at < len; at++)
		v |= (uint64_t)frame[at] << 8 * (at - 8 * i);
	return v;
}

/* Word i of an aligned frame; zero behind its end. */
static inline uint64_t frame_word(const uint8_t *frame, size_t len, unsigned i)
{
	return likely(8 * i + 8 <= len) ? ((const uint64_t *)(const void *)frame)[i] : frame_tail(frame, len, i);
}

bool predicate_match(const struct predicate *p, const uint8_t *frame, size_t len)
{
	uint64_t room[PREDICATE_WORDS], wrong = 0;

	if (len < p->min_len)
		return false;
	frame = frame_aligned(frame, len, room);
	for (unsigned i = 0; p->words >> i != 0; i++)
		if ((p->words >> i & 1) != 0)
			wrong |= (frame_word(frame, len, i) & p->mask[i]) ^ p->value[i];
	return wrong == 0;
}

/* The hash table of children */

/*
 * Secret odd multipliers keep a user from aiming at one bucket. One multiplication would do against that, but leaves ports
 * and addresses, which count upwards in a few bits, unevenly spread: measured up to 4 nodes in place of 1.3 at 10,000
 * ports. The second one cures it. salt is the branch's number times salt_multiplier.
 */
static inline struct filter_node **classifier_bucket(struct classifier *c, uint64_t salt, uint64_t value)
{
	uint64_t x = (value + salt) * c->multiplier;

	return &c->bucket[(x ^ x >> 32) * c->multiplier >> (64 - CLASSIFIER_BITS)];
}

static inline struct filter_node *branch_find(struct classifier *c, const struct filter_branch *b, uint64_t value)
{
	struct filter_node *n;

	if (b->nchildren == 1)
		return b->children->value == value ? b->children : NULL;
	for (n = *classifier_bucket(c, b->salt, value); n != NULL; n = n->chain) {
#ifdef EXOS_DEBUG
		c->probes++;
#endif
		if (n->value == value && n->salt == b->salt)
			return n;
	}
	return NULL;
}

static struct filter_branch *node_branch(const struct filter_node *n, unsigned word, uint64_t mask)
{
	struct filter_branch *b;

	for (b = n->branches; b != NULL; b = b->next)
		if (b->word == word && b->mask == mask)
			return b;
	return NULL;
}

/* The place that points to n in its bucket. */
static struct filter_node **node_chained(struct classifier *c, const struct filter_node *n)
{
	struct filter_node **at = classifier_bucket(c, n->salt, n->value);

	while (*at != n) {
		KASSERT(*at != NULL);
		at = &(*at)->chain;
	}
	return at;
}

void classifier_init(struct classifier *c, uint64_t key)
{
	memset(c, 0, sizeof(*c));
	c->multiplier = (key * 0x9e3779b97f4a7c15u) | 1;
	c->salt_multiplier = ((key ^ key >> 29) * 0xbf58476d1ce4e5b9u) | 1;
}

void filter_init(struct filter *f, const struct predicate *pred, bool shared, unsigned rank, uint32_t owner)
{
	KASSERT(rank <= pred->bits && (shared || rank == pred->bits));
	memset(f, 0, sizeof(*f));
	f->pred = *pred;
	f->shared = shared;
	f->rank = rank;
	f->owner = owner;
}

/* The word of step i + 1 when that of step i is word; the first one for word = -1. */
static int predicate_next_word(const struct predicate *p, int word)
{
	do
		word++;
	while (word < PREDICATE_WORDS && (p->words >> word & 1) == 0);
	return word;
}

/* Find the shape of f or a free entry for it. Returns its index or -E_LIMIT. */
static int shape_find(const struct classifier *c, const struct filter *f)
{
	unsigned owned = 0;
	int unused = -E_LIMIT;

	for (unsigned i = 0; i < CLASSIFIER_SHAPES; i++) {
		const struct filter_shape *s = &c->shape[i];

		if (s->refs == 0)
			unused = i;
		else if (memcmp(s->mask, f->pred.mask, sizeof(s->mask)) == 0)
			return i;
		else if (s->owner == f->owner)
			owned++;
	}
	return owned < CLASSIFIER_OWNER_SHAPES ? unused : -E_LIMIT;
}

static bool shared_room(const struct classifier *c, const struct filter *f)
{
	unsigned owned = 0;

	for (unsigned i = 0; i < c->nshared; i++)
		owned += c->shared[i]->owner == f->owner;
	return c->nshared < CLASSIFIER_SHARED && owned < CLASSIFIER_OWNER_SHARED;
}

/* May f's path be added? Returns 0 or an error and changes nothing. */
static int insert_check(struct classifier *c, const struct filter *f)
{
	const struct predicate *p = &f->pred;
	struct filter_node *n = &c->root, *m;
	uint64_t id = c->next_branch;

	for (int w = predicate_next_word(p, -1); w < PREDICATE_WORDS; w = predicate_next_word(p, w)) {
		struct filter_branch *b = n != NULL ? node_branch(n, w, p->mask[w]) : NULL;
		struct filter_node *child = b != NULL ? branch_find(c, b, p->value[w]) : NULL;
		unsigned length = 0;

		if (n != NULL && b == NULL) {
			for (struct filter_branch *o = n->branches; o != NULL; o = o->next)
				length++;
			if (length >= CLASSIFIER_BRANCHES)
				return -E_LIMIT;
		}
		if (child == NULL) {
			uint64_t salt = b != NULL ? b->salt : id++ * c->salt_multiplier;

			length = 0;
			for (m = *classifier_bucket(c, salt, p->value[w]); m != NULL; m = m->chain)
				length++;
			if (length >= CLASSIFIER_CHAIN_MAX)
				return -E_LIMIT;
		}
		n = child;
	}
	if (n == NULL)
		return 0;
	/* Filters that end at one node have the same bits; only the reach may differ. */
	for (struct filter *o = n->filters; o != NULL; o = o->next)
		if (o->pred.min_len == p->min_len && !(o->shared && f->shared))
			return -E_EXISTS;
	return 0;
}

static struct filter_branch *branch_create(struct classifier *c, struct filter_branch *b, struct filter_node *parent,
	unsigned word, uint64_t mask)
{
	unsigned last = 0;

	for (uint64_t m = mask; m != 0; m >>= 8)
		last++;			/* memory order is little-endian: the highest byte is the last */
	*b = (struct filter_branch){ .mask = mask, .salt = c->next_branch++ * c->salt_multiplier, .word = word,
		.end = 8 * word + last };
	b->next = parent->branches;
	parent->branches = b;
	return b;
}

static struct filter_node *node_create(struct classifier *c, struct filter_node *n, struct filter_branch *b, uint64_t value)
{
	struct filter_node **bucket = classifier_bucket(c, b->salt, value);

	*n = (struct filter_node){ .value = value, .salt = b->salt, .chain = *bucket, .next = b->children };
	*bucket = n;
	if (n->next != NULL)
		n->next->prev = n;
	b->children = n;
	b->nchildren++;
	return n;
}

int classifier_insert(struct classifier *c, struct filter *f)
{
	const struct predicate *p = &f->pred;
	struct filter_node *n = &c->root;
	unsigned step = 0;
	int error, shape;

	KASSERT(f->bound == NULL);
	if ((error = insert_check(c, f)) != 0)
		return error;
	if ((shape = shape_find(c, f)) < 0)
		return shape;
	if (f->shared && !shared_room(c, f))
		return -E_LIMIT;

	for (int w = predicate_next_word(p, -1); w < PREDICATE_WORDS; w = predicate_next_word(p, w)) {
		struct filter_step *s = &f->step[step++];
		struct filter_branch *b = node_branch(n, w, p->mask[w]);
		struct filter_node *child = b != NULL ? branch_find(c, b, p->value[w]) : NULL;

		if (b == NULL)
			b = branch_create(c, &s->branch, n, w, p->mask[w]);
		if (child == NULL)
			child = node_create(c, &s->node, b, p->value[w]);
		s->prev = NULL;
		s->next = child->users;
		if (s->next != NULL)
			s->next->prev = s;
		child->users = s;
		n = child;
	}
	f->nsteps = step;
	f->next = n->filters;
	n->filters = f;

	if (c->shape[shape].refs++ == 0) {
		memcpy(c->shape[shape].mask, p->mask, sizeof(p->mask));
		c->shape[shape].owner = f->owner;
	}
	f->shape = shape;
	if (f->shared)
		c->shared[c->nshared++] = f;
	f->order = c->next_order++;
	f->all_prev = NULL;
	f->all_next = c->all;
	if (c->all != NULL)
		c->all->all_prev = f;
	c->all = f;
	c->nfilters++;
	f->bound = c;
	return 0;
}

/* Move a node that lives in a filter which goes into the step of another user of it. */
static struct filter_node *node_move(struct classifier *c, struct filter_node *n, struct filter_branch *b)
{
	struct filter_node *to = &n->users->node;

	KASSERT(to != n);
	*node_chained(c, n) = to;
	if (n->prev != NULL)
		n->prev->next = to;
	else
		b->children = to;
	if (n->next != NULL)
		n->next->prev = to;
	*to = *n;
	return to;
}

static struct filter_branch **branch_linked(struct filter_node *parent, const struct filter_branch *b)
{
	struct filter_branch **at = &parent->branches;

	while (*at != b) {
		KASSERT(*at != NULL);
		at = &(*at)->next;
	}
	return at;
}

/* Take n, which nobody uses any more, out of its bucket and its branch. */
static void node_destroy(struct classifier *c, struct filter_node *n, struct filter_branch *b)
{
	KASSERT(n->users == NULL && n->branches == NULL && n->filters == NULL);
	*node_chained(c, n) = n->chain;
	if (n->prev != NULL)
		n->prev->next = n->next;
	else
		b->children = n->next;
	if (n->next != NULL)
		n->next->prev = n->prev;
	b->nchildren--;
}

void classifier_remove(struct classifier *c, struct filter *f)
{
	const struct predicate *p = &f->pred;
	struct filter_node *node[PREDICATE_WORDS + 1] = { &c->root };
	struct filter_branch *branch[PREDICATE_WORDS + 1];
	struct filter **at;
	unsigned i, n = 0;

	KASSERT(f->bound == c);
	for (int w = predicate_next_word(p, -1); w < PREDICATE_WORDS; w = predicate_next_word(p, w)) {
		branch[n + 1] = node_branch(node[n], w, p->mask[w]);
		KASSERT(branch[n + 1] != NULL);
		node[n + 1] = branch_find(c, branch[n + 1], p->value[w]);
		n++;
		KASSERT(node[n] != NULL);
	}
	KASSERT(n == f->nsteps);
	for (at = &node[n]->filters; *at != f; at = &(*at)->next)
		KASSERT(*at != NULL);
	*at = f->next;

	/* Upwards: leave each node; what has no user left goes, and a branch with its last child. */
	for (i = n; i > 0; i--) {
		struct filter_step *s = &f->step[i - 1];

		if (s->prev != NULL)
			s->prev->next = s->next;
		else
			node[i]->users = s->next;
		if (s->next != NULL)
			s->next->prev = s->prev;
		if (node[i]->users != NULL)
			continue;
		node_destroy(c, node[i], branch[i]);
		node[i] = NULL;
		if (branch[i]->nchildren == 0) {
			*branch_linked(node[i - 1], branch[i]) = branch[i]->next;
			branch[i] = NULL;
		}
	}
	/* Downwards: what others still use moves out of f's memory. */
	for (i = 1; i <= n && branch[i] != NULL; i++) {
		struct filter_step *s = &f->step[i - 1];

		if (branch[i] == &s->branch) {
			struct filter_branch *to = &branch[i]->children->users->branch;

			*branch_linked(node[i - 1], branch[i]) = to;
			*to = *branch[i];
			branch[i] = to;
		}
		if (node[i] == NULL)
			break;
		if (node[i] == &s->node)
			node[i] = node_move(c, node[i], branch[i]);
	}

	c->shape[f->shape].refs--;
	if (f->shared) {
		for (i = 0; c->shared[i] != f; i++)
			KASSERT(i + 1 < c->nshared);
		c->shared[i] = c->shared[--c->nshared];
	}
	if (f->all_prev != NULL)
		f->all_prev->all_next = f->all_next;
	else
		c->all = f->all_next;
	if (f->all_next != NULL)
		f->all_next->all_prev = f->all_prev;
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

/*
 * Walk every path that the frame matches: at each node all branches, of each branch at most one child. Branches still to
 * be tried wait on a stack, one per level, since a path has at most PREDICATE_WORDS steps.
 */
unsigned classifier_lookup(struct classifier *c, const uint8_t *frame, size_t len, struct filter **out, unsigned max)
{
	const struct filter_branch *wait[PREDICATE_WORDS], *b;
	const struct filter_node *n = &c->root;
	struct filter *best = NULL, *f;
	uint64_t room[PREDICATE_WORDS];
	unsigned nwait = 0, nout = 0, kept = 0;

	KASSERT(max >= CLASSIFIER_SHARED);
	frame = frame_aligned(frame, len, room);
	for (;;) {
		for (f = n->filters; f != NULL; f = f->next) {
			if (len < f->pred.min_len)
				continue;
			if (f->shared)
				out[nout++] = f;
			else if (filter_outranks(f, best))
				best = f;
		}
		b = n->branches;
		for (;;) {
			if (b == NULL) {
				if (nwait == 0)
					goto done;
				b = wait[--nwait];
			}
#ifdef EXOS_DEBUG
			c->probes++;
#endif
			const struct filter_node *child = NULL;

			if (len >= b->end)	/* beyond the packet is a mismatch, here and below */
				child = branch_find(c, b, frame_word(frame, len, b->word) & b->mask);
			b = b->next;
			if (child != NULL) {
				n = child;
				break;
			}
		}
		if (b != NULL) {
			KASSERT(nwait < PREDICATE_WORDS);
			wait[nwait++] = b;
		}
	}
done:
	if (best == NULL)
		return nout;
	for (unsigned i = 0; i < nout; i++)
		if (out[i]->rank > best->rank)
			out[kept++] = out[i];
	if (kept == 0)
		out[kept++] = best;
	return kept;
}

/* Audit */

struct audit {
	const struct classifier *c;
	uint64_t mask[PREDICATE_WORDS], value[PREDICATE_WORDS];	/* of the path to the node */
	uint64_t nodes, uses, ends;
};

/* One node at the end of a path of depth steps: its users, its home, its filters. */
static const char *audit_node(struct audit *a, const struct filter_node *n, unsigned depth)
{
	const struct filter_step *s, *before = NULL;
	const struct filter_node *o;
	unsigned home = 0, ends = 0;

	for (s = n->users; s != NULL; before = s, s = s->next) {
		const struct filter *f = (const struct filter *)(const void *)((const char *)(s - (depth - 1)) - offsetof(struct filter, step));
		unsigned left = depth;

		if (s->prev != before)
			return "the list of a node's users is broken";
		if (f->bound != a->c || f->nsteps < depth)
			return "a node is used by a filter that is not bound or whose path is shorter";
		for (unsigned i = 0; i < PREDICATE_WORDS && left > 0; i++) {
			if (a->mask[i] != f->pred.mask[i] || a->value[i] != f->pred.value[i])
				return "a node is used by a filter whose predicate is another";
			left -= a->mask[i] != 0;
		}
		home += n == &s->node;
		a->uses++;
	}
	if (depth > 0 && n->users == NULL)
		return "a node has no user";
	if (depth > 0 && home != 1)
		return "a node does not live in one of its users";
	for (const struct filter *f = n->filters; f != NULL; f = f->next) {
		if (f->bound != a->c || memcmp(f->pred.mask, a->mask, sizeof(a->mask)) != 0 ||
		    memcmp(f->pred.value, a->value, sizeof(a->value)) != 0)
			return "a filter ends at a node that its predicate does not lead to";
		for (const struct filter *g = f->next; g != NULL; g = g->next)
			if (predicate_equal(&f->pred, &g->pred) && !(f->shared && g->shared))
				return "two filters with equal predicates, and one is exclusive";
		ends++;
	}
	a->ends += ends;
	if (depth == 0)
		return NULL;
	a->nodes++;
	for (o = *classifier_bucket((struct classifier *)a->c, n->salt, n->value); o != n; o = o->chain)
		if (o == NULL)
			return "a node is not in its bucket";
	return NULL;
}

static const char *audit_totals(const struct classifier *c, const struct audit *a)
{
	uint64_t steps = 0, filters = 0, shared = 0, chained = 0;
	uint32_t refs[CLASSIFIER_SHAPES] = { 0 };

	for (const struct filter *f = c->all; f != NULL; f = f->all_next) {
		if (f->shape >= CLASSIFIER_SHAPES || memcmp(c->shape[f->shape].mask, f->pred.mask, sizeof(f->pred.mask)) != 0)
			return "a filter's shape is not its own";
		refs[f->shape]++;
		steps += f->nsteps;
		shared += f->shared;
		filters++;
	}
	for (unsigned i = 0; i < CLASSIFIER_SHAPES; i++)
		if (refs[i] != c->shape[i].refs)
			return "the filters of a shape are miscounted";
	for (size_t i = 0; i < 1u << CLASSIFIER_BITS; i++)
		for (const struct filter_node *n = c->bucket[i]; n != NULL; n = n->chain)
			chained++;
	if (filters != c->nfilters || shared != c->nshared)
		return "the filters are miscounted";
	if (a->ends != filters || a->uses != steps)
		return "the trie accepts more or less than the union of the filters";
	if (chained != a->nodes)
		return "the hash table holds a node that no path reaches";
	return NULL;
}

/*
 * (1) The path to each node is a prefix of the predicate of each of its users, and the node lives in one of them; (2) each
 * filter ends where its predicate leads; (3) the sums over the trie are those over the list of all filters, so none is
 * missing and none is too many; (4) the hash table holds exactly the nodes.
 */
const char *classifier_audit(const struct classifier *c)
{
	const struct filter_branch *branch[PREDICATE_WORDS];
	const struct filter_node *node[PREDICATE_WORDS + 1] = { &c->root };
	struct audit a = { .c = c };
	const char *wrong = audit_node(&a, &c->root, 0);
	unsigned depth = 0;

	/* Depth first. branch[d] is the one under way at node[d], node[d + 1] the child under way. */
	branch[0] = c->root.branches;
	node[1] = branch[0] != NULL ? branch[0]->children : NULL;
	while (wrong == NULL) {
		const struct filter_branch *b = branch[depth];

		if (b != NULL && node[depth + 1] == NULL) {	/* this branch is finished */
			a.mask[b->word] = a.value[b->word] = 0;
			branch[depth] = b = b->next;
			node[depth + 1] = b != NULL ? b->children : NULL;
			continue;
		}
		if (b == NULL) {				/* this node is finished */
			if (depth == 0)
				break;
			depth--;
			node[depth + 1] = node[depth + 1]->next;
			continue;
		}
		const struct filter_node *n = node[depth + 1];

		if (b->mask == 0 || b->nchildren == 0 || n->salt != b->salt || (n->value & ~b->mask) != 0)
			return "a branch and its child disagree";
		if (depth > 0 && branch[depth - 1]->word >= b->word)
			return "a path does not ascend";
		a.mask[b->word] = b->mask;
		a.value[b->word] = n->value;
		wrong = audit_node(&a, n, depth + 1);
		if (depth + 1 == PREDICATE_WORDS) {		/* no word is left to test */
			if (n->branches != NULL)
				return "a path is too long";
			node[depth + 1] = n->next;
			continue;
		}
		depth++;
		branch[depth] = n->branches;
		node[depth + 1] = branch[depth] != NULL ? branch[depth]->children : NULL;
	}
	return wrong != NULL ? wrong : audit_totals(c, &a);
}
