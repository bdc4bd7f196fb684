/*
 * filter.h - predicates over packets, and the trie that finds a packet's owners
 *
 * A predicate is kept in one canonical form, however it was cut into atoms: for each of the 16 words of the first 128
 * bytes a mask and a value, in memory order, and the length that its longest load needs. Implication, equality and
 * matching are then a few word operations, and exact.
 *
 * The classifier merges all bound filters into one trie. A filter's path has one step for each word that its predicate
 * masks, in ascending order. A node holds the filters whose predicate ends there and a list of branches; a branch is one
 * (word, mask) that some filters test next, and its children are found by value: by one comparison when there is a
 * single child, through a hash table with secret multipliers otherwise. So a packet's cost depends on the shapes of the
 * filters, not on their number, and the shapes are bounded: at most CLASSIFIER_SHAPES different sets of masks, which
 * bounds a lookup to CLASSIFIER_SHAPES * PREDICATE_WORDS nodes.
 *
 *	root --[word 1 & ethertype,ihl]--> 0800,45 --[word 2 & frag,proto]--> 0,17 --[word 4 & dst port]--> 7: filter
 *	     \-[word 1 & ethertype]------> 0806: filter, filter (SHARED)                                \-> 68: filter
 *
 * Memory: a filter carries room for all nodes and branches of its own path. A node lives in one of the filters whose paths
 * use it; when that one goes, the node moves into another of its users, which by construction has that room free.
 * Nothing points to a node but its hash chain, its siblings and its branch, so a move costs the same for any number of users.
 *
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
#define CLASSIFIER_CHAIN_MAX	24	/* nodes in one bucket */
#define CLASSIFIER_SHAPES	32	/* different sets of masks over all filters */
#define CLASSIFIER_OWNER_SHAPES	8	/* of them, those that one owner was the first to use */
#define CLASSIFIER_BRANCHES	16	/* fields that one node tests */
#define CLASSIFIER_SHARED	64	/* SHARED filters: so many copies can one packet have */
#define CLASSIFIER_OWNER_SHARED	8	/* of them, those of one owner */

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

/* The frame of len bytes satisfies p. Reads no byte at or behind frame + len, and at most FLOW_REACH bytes. */
bool predicate_match(const struct predicate *p, const uint8_t *frame, size_t len);

struct filter_node;

struct filter_branch {
	uint64_t mask;			/* of the word, not 0 */
	uint64_t salt;			/* names the branch in the hash table; unique */
	struct filter_branch *next;	/* another field that the same node tests */
	struct filter_node *children;
	uint32_t nchildren;		/* at least 1 */
	uint16_t word, end;		/* end: offset behind the last masked byte */
};

struct filter_node {
	uint64_t value;			/* of the branch's word: leads from the branch to here */
	uint64_t salt;			/* the branch's */
	struct filter_node *chain;	/* same bucket */
	struct filter_node *next, *prev;	/* same branch */
	struct filter_branch *branches;
	struct filter *filters;		/* whose predicate ends here */
	struct filter_step *users;	/* steps of all filters whose path comes through; not empty, except for the root */
};

/* One step of a filter's path: room for a branch and the node that it leads to, used or not, and the link among users. */
struct filter_step {
	struct filter_branch branch;
	struct filter_node node;
	struct filter_step *next, *prev;
};

/* Public: what filter_init() takes. The rest belongs to the classifier while the filter is bound. */
struct filter {
	struct predicate pred;
	uint32_t owner;			/* whom limits are counted against */
	uint16_t rank;
	uint8_t  shared;
	uint8_t  nsteps;
	uint64_t order;			/* rises with each binding */
	struct classifier *bound;	/* NULL: not bound */
	uint32_t shape;
	uint32_t zero;
	struct filter *next;		/* same node */
	struct filter *all_next, *all_prev;
	struct filter_step step[PREDICATE_WORDS];
};

struct filter_shape {
	uint64_t mask[PREDICATE_WORDS];
	uint32_t refs;			/* filters; 0: free */
	uint32_t owner;			/* who used it first */
};

struct classifier {
	struct filter_node root;
	uint64_t multiplier, salt_multiplier;	/* secret, odd */
	uint64_t next_branch, next_order;
	struct filter *all;
	uint32_t nfilters, nshared;
	uint64_t probes;		/* nodes compared by lookups; counted with EXOS_DEBUG only */
	struct filter *shared[CLASSIFIER_SHARED];
	struct filter_shape shape[CLASSIFIER_SHAPES];
	struct filter_node *bucket[1u << CLASSIFIER_BITS];
};

/* key: 64 random bits from boot; without them a user could aim for one bucket. */
void classifier_init(struct classifier *c, uint64_t key);

/*
 * Prepare a filter for classifier_insert().
 *   pred    checked to imply the flow's predicate
 *   shared  FILTER_SHARED was given
 *   rank    predicate bits of the flow that was declared FLOW_SHARED, when the flow is one of its descendants (shared must
 *           then be true); else pred->bits
 *   owner   environment
 */
void filter_init(struct filter *f, const struct predicate *pred, bool shared, unsigned rank, uint32_t owner);

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
 *   frame  fastest when 8-byte aligned; bytes at or behind frame + len count as a mismatch and are not read. May change
 *          meanwhile: the answer is then that for some mixture of the contents.
 *   out    room for max >= CLASSIFIER_SHARED entries
 * Returns the number of entries written, 0: nobody's.
 */
unsigned classifier_lookup(struct classifier *c, const uint8_t *frame, size_t len, struct filter **out, unsigned max);

/* The trie accepts exactly the union of the bound filters, and each node lives in one of its users. NULL, or what is wrong. */
const char *classifier_audit(const struct classifier *c);

#endif
