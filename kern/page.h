/*
 * page.h - frames, and the bindings that make them reachable
 *
 * The frame table has two halves: struct frame (exos/expose.h), readable by everyone, and struct frame_priv, which holds
 * kernel addresses. Authority is checked when a binding is made; after that the MMU enforces it alone.
 * Source: Engler, Kaashoek, O'Toole, SOSP 1995, "Secure Bindings".
 *
 * A page capability holds at most one binding, encoded in one word: root table frame << 27 | address >> 12. So the record that
 * the owner of a mapping paid for is also the reverse map, and a forced unbind is a walk of one list.
 */
#ifndef KERN_PAGE_H
#define KERN_PAGE_H

#include <assert.h>

#include "arch/riscv/sv39.h"
#include "exos/expose.h"
#include "kern/cap.h"

struct frame_priv {
	struct cap_list caps;
	union {
		struct {
			uint32_t next, prev;	/* FREE: neighbours in the free list, as ppn, 0 ends */
		};
		uint64_t asid_gen;	/* root: generation of the ASID, 0 never ran. 0 in all others that are not FREE */
	};
	uint16_t live;		/* TABLE: valid entries (root: of the lower half) */
	union {
		uint16_t index;	/* TABLE below the root: entry of the parent that points here */
		uint16_t harts;	/* root: bits of the harts that may have cached something of it */
	};
	asid_t   asid;		/* root: 0 never ran */
	uint16_t users;		/* root: environments that run in it */
};

static_assert(sizeof(struct frame_priv) == 32 && sizeof(struct frame) == 32, "indexed by a shift");

extern struct frame *frames;		/* indexed by ppn - first_ppn */
extern struct frame *frames_public;	/* indexed by ppn: begin where that of frame 0 would stand */
extern struct frame_priv *frames_priv;
extern ppn_t first_ppn, end_ppn;
extern uint32_t free_frames, promised_frames;

/* Show the two counts to everyone; after each change. */
void frames_tell(void);

static inline bool frame_exists(uint64_t ppn) { return ppn >= first_ppn && ppn < end_ppn; }
static inline struct frame *frame_of(uint64_t ppn) { return &frames_public[ppn]; }
static inline struct frame_priv *priv_of(uint64_t ppn) { return &frames_priv[ppn]; }

static inline uint64_t binding_of(ppn_t root, vaddr_t va) { return (uint64_t)root << 27 | va >> PAGE_SHIFT; }
static inline ppn_t binding_root(uint64_t b) { return (ppn_t)(b >> 27); }
static inline vaddr_t binding_va(uint64_t b) { return (b & ((1ul << 27) - 1)) << PAGE_SHIFT; }
static inline ppn_t pages_of_order(unsigned order) { return 1u << (9 * order); }

/* Boot: the table stands at `table` (frame_table_bytes() long, zeroed); all frames start as FRAME_KERNEL. */
size_t frame_table_bytes(ppn_t first, ppn_t end);
void frame_table_init(void *table, ppn_t first, ppn_t end);
/* Boot: hand a frame of unknown content to the free list. */
void frame_give(ppn_t ppn);

/* Boot: take a free frame, zeroed, as kernel object of a type; charged to nobody yet. */
void frame_take_boot(ppn_t ppn, enum cap_type as);

/*
 * Take a free frame (or the first of 512) for payer, with c, empty, as its first capability, all page rights.
 * Returns 0; -E_NOMEM: not free; -E_QUOTA. On error nothing has changed.
 */
int page_take(struct env *payer, struct cap *c, ppn_t ppn, unsigned order);
ppn_t frame_any(void);

/* The last capability is gone: free the frame, now or when the last pin goes. */
void frame_release(ppn_t ppn);
/*
 * c, the only capability of a 1 GiB page, loses 2 MiB of it. True when what is left is a 2 MiB page, to be released like others:
 * no call frees a quarter of a million frames at once.
 */
bool page_shrink(struct cap *c);
/* The same without a capability. */
bool frame_shrink(ppn_t ppn);
/*
 * May c's page be pinned for payer, for as long as payer likes? The kernel then writes it past all page tables, and no revoke ends
 * that: so only a page that payer is charged for, never one that somebody has lent. 0; -E_RIGHTS: not R and W, or charged to
 * another; -E_INVAL: a larger page.
 */
int page_pinnable(const struct cap *c, const struct env *payer);
void frame_pin(ppn_t ppn);
void frame_unpin(ppn_t ppn);

/* May c's page become a table or kernel object? 0 or -E_RIGHTS, -E_TYPE. */
int page_claimable(const struct cap *c);
/* It does: zero it, type first. Its capability becomes `as`. */
void page_claim(struct cap *c, enum frame_type type, unsigned level, enum cap_type as);
/*
 * The way back: the page is zeroed, its one capability becomes a PAGE. Page tables, but for the kernel's half of a root, and capability
 * tables are emptied before this, and hold zeros only.
 */
void page_unclaim(struct cap *c);

/*
 * The short road of cap_delete(): the only capability of a page of 4 KiB that nothing pins and its holder pays for, bound nowhere or in
 * the table that is known. done 0: nothing happened, take the long one.
 */
struct short_answer {
	long result, done;
};
struct short_answer page_delete(struct env *self, unsigned long slot);

/*
 * Write the leaf for va in the context so that it reaches the page of c, undoing what stood there and where c was bound before.
 *   va    bytes, in the lower half, aligned to the page's size
 *   c     PAGE or TABLE capability; the caller's right to it and to the context is already checked
 *   prot  valid, a subset of c's rights
 * Allocates nothing. On return no hart can use an old translation, unless fence is false: then the caller fences the context.
 * Returns 0; -E_INVAL: alignment; -E_RIGHTS; -E_TYPE; -E_NOTABLE; -E_BUSY. On error nothing has changed.
 */
int page_bind(ppn_t root, vaddr_t va, struct cap *c, unsigned long prot, bool fence);
/* Undo the leaf for va, if there is one. Returns how many bytes it covered, 0 when nothing was there. */
vaddr_t page_unbind(ppn_t root, vaddr_t va, bool fence);
/* A table, a right to map or an environment goes: what the last call found is not to be believed any more. */
void page_forget(void);
/* Is what it found still true? For the audit. */
bool page_known_is_true(void);
/* Undo the binding that c holds, if any. */
void page_unbind_cap(struct cap *c);
/* The capability through which a leaf that leads to ppn was bound: the one with that binding. NULL for exposed frames. */
static inline struct cap *page_cap_bound(uint64_t ppn, uint64_t binding)
{
	struct cap *c = priv_of(ppn)->caps.head;

	while (c != NULL && c->binding != binding)
		c = c->next;
	return c;
}

/* Copy between kernel memory and the caller's, as its current context maps it. All or nothing. 0 or -E_FAULT. */
int user_read(const struct env *e, void *to, uva_t from, size_t n);
int user_write(const struct env *e, uva_t to, const void *from, size_t n);

#endif
