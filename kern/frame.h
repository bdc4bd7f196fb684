/*
 * frame.h - frames: the table of all of them, and pages made of free ones
 *
 * The table has two halves: struct frame (exos/expose.h), readable by everyone, and struct frame_priv, which holds
 * kernel addresses.
 */
#ifndef KERN_FRAME_H
#define KERN_FRAME_H

#include <assert.h>

#include "arch/riscv/sv39.h"
#include "exos/expose.h"
#include "kern/cap.h"
#include "kern/expose.h"

#define RIGHTS_PAGE	(PROT_R | PROT_W | PROT_X)

struct frame_priv {
	struct cap_list caps;
	union {
		struct {
			uint32_t next, prev;	/* FREE: neighbours in the free list, as ppn, 0 ends */
		};
		uint32_t fixes;		/* DATA: pins that last, of a u-area or ring */
		uint64_t asid_gen;	/* root: generation of the ASID, 0 never ran. 0 in all others that are not FREE */
	};
	uint16_t live;		/* TABLE: valid entries (root: of the lower half) */
	union {
		uint16_t index;	/* TABLE below the root: entry of the parent that points here. Capability table: which page of it */
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
extern uint64_t free_head;		/* ppn; 0: none is free */

static inline bool frame_exists(uint64_t ppn) { return ppn >= first_ppn && ppn < end_ppn; }
static inline struct frame *frame_of(uint64_t ppn) { return &frames_public[ppn]; }
static inline struct frame_priv *priv_of(uint64_t ppn) { return &frames_priv[ppn]; }
static inline ppn_t pages_of_order(unsigned order) { return 1u << (9 * order); }

/* Some free frame, 0: none is left. */
static inline ppn_t frame_any(void) { return free_head; }

/*
 * A frame that nobody can reach any more is free again, f being its record. owner: whose data lies in it. The free frames are a list,
 * `prev` meaning nothing in the first of them.
 */
static inline void frame_end(struct frame *f, uint64_t ppn, uint32_t owner)
{
	struct frame_priv *p = priv_of(ppn);
	const uint64_t head = free_head;

	f->type = FRAME_FREE;
	f->level = f->order = f->tail = 0;
	f->owner = 0;
	f->last_owner = owner;
	f->ncaps = f->parent = 0;
	f->word = 0;
	p->caps = (struct cap_list){ 0 };
	p->next = head;
	if (head != 0)
		priv_of(head)->prev = ppn;
	free_head = ppn;
	system_info->free_frames++;
}

/* Boot: the table stands at `table`, frame_table_bytes() long. Its records are written once, by one of the two below. */
size_t frame_table_bytes(ppn_t first, ppn_t end);
void frame_table_init(void *table, ppn_t first, ppn_t end);
/* Boot: the frames from first to before end stay the kernel's. */
void frames_keep(ppn_t first, ppn_t end);
/* Boot: hand these, of unknown content, to the free list; the first will be taken first. */
void frames_give(ppn_t first, ppn_t end);

/* Boot: take a free frame, zeroed, as kernel object of a type; charged to nobody yet. */
void frame_take_boot(ppn_t ppn, enum cap_type as);

/*
 * Take a free frame (or the first of 512) for payer, with c, empty, as its first capability, all page rights.
 * Returns 0; -E_NOMEM: not free; -E_QUOTA. On error nothing has changed.
 */
int page_take(struct env *payer, struct cap *c, ppn_t ppn, unsigned order);

/* The last capability is gone: free the frame, now or when the last pin goes. */
void frame_release(ppn_t ppn);
/* One of 1 GiB that nobody holds loses 2 MiB. True when what is left is a page of 2 MiB, to be released like others. */
bool frame_shrink(ppn_t ppn);
/*
 * May c's page be pinned for payer, for as long as payer likes? The kernel then writes it past all page tables, and no revoke ends
 * that: so only a page that payer is charged for, never one that somebody has lent. 0; -E_RIGHTS: not R and W, or charged to
 * another; -E_INVAL: a larger page.
 */
int page_pinnable(const struct cap *c, const struct env *payer);
/* lasts: for as long as the owner likes. Such a page is not taken: it is fixed, as kernel objects, roots, upper tables, larger pages are. */
void frame_pin(ppn_t ppn, bool lasts);
void frame_unpin(ppn_t ppn, bool lasts);
bool frame_fixed(ppn_t ppn);
/* Undo and remove all capabilities of a page. */
void frame_strip(ppn_t ppn);
/* n pages of their owner are fixed from now on, or no more. */
void env_fixes(uint32_t owner, int n);

/* May c's page become a table or kernel object? 0 or -E_RIGHTS, -E_TYPE; -E_QUOTA: it is lent, and can only become a leaf table. */
int page_claimable(const struct cap *c);
/* It does: zero it, type first. Its capability becomes `as`. */
void page_claim(struct cap *c, enum frame_type type, unsigned level, enum cap_type as);
/*
 * The way back: the page is zeroed, its one capability becomes a PAGE. Page tables, but for the kernel's half of a root, and capability
 * tables are emptied before this, and hold zeros only.
 */
void page_unclaim(struct cap *c);

#endif
