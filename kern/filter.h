/*
 * filter.h - predicates over packets, and the classifier that finds a packet's owners
 *
 * A predicate is kept in one canonical form, however it was cut into atoms: for each of the 16 words of the first 128
 * bytes a mask and a value, in memory order, and the length that its longest load needs. Implication, equality and
 * matching are then a few word operations, and exact.
 *
 * The filters that test the same bits are of one shape. All filters stand in one hash table, by their shape and their values. A packet
 * is looked up once for each shape in use: its words under the shape's masks, hashed, name the bucket of every filter that it can
 * satisfy. So its cost depends on the shapes, which are bounded, and not on the number of filters. Most packets do not get that far
 * in most shapes: what all filters of a shape have in common, an Ethernet type or a protocol, is compared on the way, and the first
 * word that differs ends it.
 *
 *	shape: ethertype, IHL | fragment, protocol | UDP destination port	in common: 0800, 45 | 0, 17 |
 *		7: filter	68: filter	20000: filter
 *	shape: ethertype							in common: 0806
 *		0806: filter, filter (SHARED)
 *
 * Source: Srinivasan, Suri, Varghese, SIGCOMM 1999, "Packet Classification using Tuple Space Search".
 * Context: kernel lock held; nothing here waits or allocates.
 */
#ifndef KERN_FILTER_H
#define KERN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exos/flow.h>

#define PREDICATE_WORDS		(FLOW_REACH / 8)

#define CLASSIFIER_BITS		14	/* log2 of the hash table's buckets; 8 bytes each */
#define CLASSIFIER_CHAIN_MAX	24	/* exclusive filters in one bucket */
#define CLASSIFIER_SHAPES	32	/* different sets of masks over all filters */
#define CLASSIFIER_SHARED	64	/* SHARED filters: so many copies can one packet have */

struct predicate {
	uint64_t mask[PREDICATE_WORDS];
	uint64_t value[PREDICATE_WORDS];	/* within mask; byte i of the array is byte i of the frame */
	uint16_t min_len;			/* end of the longest load */
	uint16_t bits;				/* set in mask: the rank */
	uint32_t words;				/* bit i: mask[i] is not 0 */
};

/*
 * Canonical form of what a user wrote; p is the kernel's copy. The empty predicate holds for every packet.
 * Returns 0; -E_INVAL: version, count, width, offset, a reserved field, mask 0 or beyond the width, value outside mask, or
 * two atoms that contradict each other. On error out is undefined.
 */
int predicate_init(struct predicate *out, const struct flow_predicate *p);

/* Every packet that satisfies a satisfies b; both are the same set; no packet satisfies both. */
bool predicate_implies(const struct predicate *a, const struct predicate *b);
bool predicate_equal(const struct predicate *a, const struct predicate *b);
bool predicate_disjoint(const struct predicate *a, const struct predicate *b);

/*
 * The frame of len bytes satisfies p. Here and below a frame can be read up to FLOW_REACH bytes, whatever its length; what is behind the
 * end counts as a mismatch, so it does not matter what stands there.
 */
bool predicate_match(const struct predicate *p, const uint64_t *frame, size_t len);

/* Public: what filter_init() takes. The rest belongs to the classifier while the filter is bound. */
struct filter {
	struct predicate pred;
	uint16_t rank;
	uint8_t  shared;
	uint64_t order;			/* rises with each binding */
	struct classifier *bound;	/* NULL: not bound */
	uint32_t shape;
	uint64_t hash;
	struct filter *chain;		/* same bucket */
};

/* One word of a frame, and the bits of it that a shape tests: not 0. */
struct filter_step {
	uint64_t mask;
	uint64_t same;			/* those that have been equal in all filters of the shape since it came into use ... */
	uint64_t value;			/* ... as they are here */
	uint32_t word;
};

struct filter_shape {
	uint64_t salt;
	uint32_t refs;			/* filters; 0: free */
	uint32_t words;			/* bit i: there is a step for word i */
	uint32_t nsteps;
	struct filter_step step[PREDICATE_WORDS];
};

struct classifier {
	uint64_t multiplier;		/* secret, odd */
	uint64_t next_order;
	uint32_t nfilters, nshared;
	uint32_t nshapes;		/* behind the last one in use */
	uint32_t used_shapes;
	uint64_t probes;		/* filters looked at by lookups; counted with EXOS_DEBUG only */
	struct filter *shared[CLASSIFIER_SHARED];
	struct filter_shape shape[CLASSIFIER_SHAPES];
	struct filter *bucket[1u << CLASSIFIER_BITS];
};

/* key: 64 random bits from boot; without them a user could aim for one bucket. */
void classifier_init(struct classifier *c, uint64_t key);

/*
 * Prepare a filter for classifier_insert().
 *   pred    checked to imply the flow's predicate
 *   shared  FILTER_SHARED was given
 *   rank    predicate bits of the flow that was declared FLOW_SHARED, when the flow is one of its descendants (shared must
 *           then be true); else pred->bits
 */
void filter_init(struct filter *f, const struct predicate *pred, bool shared, unsigned rank);

/* The shape of filters with this predicate; -1: none of the shapes in use. */
int classifier_shape(const struct classifier *c, const struct predicate *p);
/* So many filters more are not refused for want of shapes and of places for SHARED ones. */
unsigned classifier_room(const struct classifier *c);

/*
 * Bind f; it stays where it is in memory until classifier_remove().
 * Returns 0; -E_EXISTS: a filter with an equal predicate is bound and one of the two is not SHARED; -E_LIMIT: one of the
 * CLASSIFIER_ limits above. On error nothing has changed.
 */
int classifier_insert(struct classifier *c, struct filter *f);

/* Unbind f. Afterwards nothing points into its memory. */
void classifier_remove(struct classifier *c, struct filter *f);

/*
 * The filters that get this frame, by the rule of <exos/flow.h>: one exclusive filter or up to CLASSIFIER_SHARED shared ones.
 *   frame  may change meanwhile: the answer is then that for some mixture of the contents
 *   out    room for max >= CLASSIFIER_SHARED entries
 * Returns the number of entries written, 0: nobody's.
 */
unsigned classifier_lookup(struct classifier *c, const uint64_t *frame, size_t len, struct filter **out, unsigned max);

/* Lookups find exactly the bound filters. NULL, or what is wrong. */
const char *classifier_audit(struct classifier *c);

#endif
