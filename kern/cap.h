/*
 * cap.h - capability records and the derivation list
 *
 * All records that stand for one resource form one list. A copy is inserted right behind its source, one level deeper, so
 * that the descendants of a record are exactly the records behind it that lie deeper than itself:
 *
 *	depth	0	1	2	1	2	3
 *		A ----> B ----> C ----> D ----> E ----> F	C was copied from B; D from A; E from D; F from E
 *
 * Revoking D deletes E and F. Deleting D moves E and F up one level: they now descend from A, and never from B, because
 * B's run of deeper records ended at D. Records live in the capability tables of environments, in pages that these donated;
 * an empty one has type CAP_NONE and is all zero.
 */
#ifndef KERN_CAP_H
#define KERN_CAP_H

#include "exos/cap.h"
#include "kern/lib.h"

struct env;

struct cap {
	uint8_t  type;		/* enum cap_type */
	uint8_t  rights;
	uint8_t  depth;
	uint8_t  aux;		/* PAGE: order. CAP_REVOKING: a revocation of the descendants is under way */
	uint32_t object;	/* page-based: its frame. SLICE: hart */
	uint64_t binding;	/* PAGE, TABLE: see page.h. SLICE: first << 32 | count. FLOW: filters bound under it */
	struct cap *next, *prev;
};

#define CAP_REVOKING 0x80
static inline unsigned cap_order(const struct cap *c) { return c->aux & ~CAP_REVOKING; }
static inline void cap_set_order(struct cap *c, unsigned order) { c->aux = (c->aux & CAP_REVOKING) | order; }

/* Do the slices that c stands for include count, not 0, from first on? */
static inline bool cap_covers(const struct cap *c, unsigned long first, unsigned long count)
{
	uint32_t have_first = c->binding >> 32, have_count = (uint32_t)c->binding;

	return count != 0 && first >= have_first && count <= have_count && first - have_first <= have_count - count;
}

struct cap_list {
	struct cap *head;
	uint32_t count;
};

/* The list that c belongs to: that of its frame, hart, or the one of its type. */
struct cap_list *cap_list_of(const struct cap *c);

/* Make an empty record the first of an empty list. The caller fills type, rights, object before. */
void cap_insert_first(struct cap *c);

/* Copy src into the empty dst, one level deeper, with the given rights. Binds nothing. Errors: E_LIMIT, E_BUSY (revocation). */
int cap_insert_copy(struct cap *src, struct cap *dst, unsigned rights);

/* Is a revocation under way in c or above it? Then no copy may be made from c. */
bool cap_being_revoked(const struct cap *c);
/* Is d the capability c or a descendant of it? */
bool cap_descends(const struct cap *d, const struct cap *c);
/* c, a fresh copy, stands for an object of its own from now on: a derived flow. */
void cap_reseat(struct cap *c, ppn_t object);

/* Take a record out of its list, move its descendants up, and empty it. Its binding is undone before by cap_unbind(). */
void cap_remove(struct cap *c);

/* Undo whatever c is bound to. */
void cap_unbind(struct cap *c);

/*
 * Delete c: unbind, remove, free the resource if it was the last; the first of an environment ends it, whatever copies there are.
 * 0 done; 1 call again; -E_BUSY: a table, or an object in use.
 * force: the holder is being destroyed, tables are torn out of their contexts.
 */
int cap_drop(struct cap *c, bool force);

/* Delete descendants of c. 0: none is left; 1: call again, and until then nothing that is left may be copied. */
int cap_revoke(struct cap *c);

/* Records by slot: cap_slot() and cap_get() in env.h. An empty record in a slot, NULL when occupied or out of range: */
struct cap *cap_empty_slot(const struct env *e, unsigned long slot);

extern struct cap_list console_caps, machine_caps;
extern unsigned revocations;	/* capabilities with CAP_REVOKING set */

#endif
