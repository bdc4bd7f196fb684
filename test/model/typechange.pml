/*
 * typechange.pml - a frame changes what it is, while harts remember what it was
 *
 * Harts with translation caches, contexts with an ASID and one address each, frames. Programs bind, unbind, protect, free and
 * allocate pages, make tables and kernel objects of them and end them: kern/page.c, ctx.c, frame.c, with the kernel's lock. The
 * hardware of each hart walks the tables of its context whenever it likes, remembers the table and the leaf apart, and programs read
 * and write through what it remembers. Fences ask the firmware of the other harts, which answers at any moment.
 *
 * What must not happen: a walk through what is not a table or was written by a program; a write into anything but one's own
 * data; a look at what is somebody else's or the kernel's.
 *
 * Left out: the numbering of ASIDs (each context has its own), levels above the leaf table, copies of capabilities, DMA.
 *
 * model two_harts: -DHARTS=2 -DCTXS=2 -DFRAMES=2
 * model three_harts: -DHARTS=3 -DCTXS=1 -DFRAMES=2
 * model three_frames: -DHARTS=2 -DCTXS=1 -DFRAMES=3
 *
 * mistake 1 (two_harts): a fence is done on this hart alone
 * mistake 2 (two_harts): a fence does not wait until the other harts have done it
 * mistake 3 (two_harts): a hart that goes on to another context is fenced no more for the one before
 * mistake 4 (two_harts): page_unbind() fences before it clears the entry
 * mistake 5 (two_harts): page_delete() fences after it has given the lock back
 * mistake 6 (two_harts): page_claimable() does not ask whether the page is bound
 * mistake 7 (two_harts): table_unlink() fences the address, not what was remembered of the table
 * mistake 8 (two_harts): page_claim() does not zero the page
 * mistake 9 (two_harts): page_bind() binds a table for writing
 * mistake 10 (three_frames): page_bind() does not fence what stood in the entry before
 * mistake 11 (two_harts): page_protect() does not fence
 * mistake 12 (two_harts): entry.S goes into a context that never ran on this hart
 * mistake 13 (two_harts): page_alloc() gives a page to somebody else without zeroing it
 * mistake 14 (three_harts): a fence waits for the first of the other harts alone
 */
#ifndef MISTAKE
#define MISTAKE	0
#endif
#define NO	7		/* no frame, no context, no hart */

#define FREE	0		/* types */
#define DATA	1
#define TABLE	2
#define KOBJ	3

#define BY_NOBODY 0		/* what stands in a frame: zeros, or the kernel's; or what a program of context c wrote: c + 1 */

/* Frames: struct frame, struct frame_priv, the binding of the one capability, and the content. */
byte type[FRAMES], owner[FRAMES], bound[FRAMES], content[FRAMES];
byte leaf[FRAMES];		/* of a table: the frame in its entry */
bit leaf_w[FRAMES];
/* Contexts: the entry of the root for the one leaf table; priv_of(root)->harts. */
byte link[CTXS];
typedef context { bit ran[HARTS] };
context mask[CTXS];
/* Harts: satp, and what is remembered for each ASID. */
typedef cache { byte table[CTXS]; byte frame[CTXS]; bit w[CTXS] };
cache tlb[HARTS];
byte satp[HARTS];
bit kernel[HARTS];		/* not in user mode */
byte asked[HARTS];		/* the firmware is asked to fence that context .. */
bit asked_leaf[HARTS];		/* .. but for what is remembered of its table */
byte lock;

/* ---- the hardware and the firmware of a hart ---- */

inline flush(h, c, leaf_only)
{
	tlb[h].frame[c] = NO;
	tlb[h].w[c] = 0;
	if
	:: !(leaf_only) -> tlb[h].table[c] = NO
	:: else
	fi
}

proctype hardware(byte h)
{
	byte c, f;

end:	do
	/* A walk, ordered or not: the root's entry, then the table's. */
	:: atomic { satp[h] != NO && link[satp[h]] != NO && tlb[h].table[satp[h]] == NO -> tlb[h].table[satp[h]] = link[satp[h]] }
	:: atomic {
		satp[h] != NO && tlb[h].table[satp[h]] != NO && tlb[h].frame[satp[h]] == NO ->
		c = satp[h];
		f = tlb[h].table[c];
		assert(type[f] == TABLE && content[f] == BY_NOBODY);
		if
		:: leaf[f] != NO -> tlb[h].frame[c] = leaf[f]; tlb[h].w[c] = leaf_w[f]
		:: else
		fi;
		c = 0; f = 0
	   }
	/* The program looks, and writes. */
	:: atomic {
		!kernel[h] && satp[h] != NO && tlb[h].frame[satp[h]] != NO ->
		c = satp[h];
		f = tlb[h].frame[c];
		assert((type[f] == DATA || type[f] == TABLE) && owner[f] == c && (content[f] == BY_NOBODY || content[f] == c + 1));
		if
		:: tlb[h].w[c] -> assert(type[f] == DATA); content[f] = c + 1
		:: true
		fi;
		c = 0; f = 0
	   }
	:: atomic { asked[h] != NO -> flush(h, asked[h], asked_leaf[h]); asked[h] = NO; asked_leaf[h] = 0 }
	od
}

/* ---- ctx.c ---- */

/* ctx_fence(), ctx_fence_page(): this hart, then the others in the mask, and it is over when all have done it. */
inline fence(c, leaf_only)
{
	atomic {
		if
		:: mask[c].ran[h] -> flush(h, c, leaf_only)
		:: else
		fi;
		g = 0
	};
#if MISTAKE != 1
	do
	:: g < HARTS ->
		atomic {
			if
			:: g != h && mask[c].ran[g] -> asked[g] = c; asked_leaf[g] = (leaf_only)
			:: else
			fi;
			g++
		}
	:: else -> break
	od;
#if MISTAKE == 14
	(asked[(h + 1) % HARTS] == NO);
#elif MISTAKE != 2
	atomic { asked[0] == NO && asked[1] == NO && asked[HARTS - 1] == NO };
#endif
#endif
	g = 0
}

/* ctx_activate(), with the lock. */
inline activate(c)
{
	atomic {
#if MISTAKE == 3
		if
		:: satp[h] != NO -> mask[satp[h]].ran[h] = 0
		:: else
		fi;
#endif
		mask[c].ran[h] = 1;
		satp[h] = c
	}
}

/* ---- page.c, frame.c, ctx.c: calls ---- */

inline unbind_leaf(c)
{
	leaf[link[c]] = NO;
	leaf_w[link[c]] = 0
}

/* page_bind(): over whatever stood there; a table for reading only. */
inline page_bind()
{
	if
	:: link[c] != NO && owner[f] == c && (type[f] == DATA || type[f] == TABLE) ->
		atomic {
			w = 1;
			if
			:: type[f] == TABLE && MISTAKE != 9 -> w = 0
			:: else
			fi;
			if
			:: leaf[link[c]] != NO -> bound[leaf[link[c]]] = NO
			:: else
			fi;
			bound[f] = c;
			leaf[link[c]] = f;
			leaf_w[link[c]] = w
		};
#if MISTAKE != 10
		fence(c, true)
#endif
	:: else
	fi
}

/* page_unbind() */
inline page_unbind()
{
	if
	:: link[c] != NO && leaf[link[c]] != NO ->
#if MISTAKE == 4
		fence(c, true);
#endif
		atomic { bound[leaf[link[c]]] = NO; unbind_leaf(c) };
#if MISTAKE != 4
		fence(c, true)
#endif
	:: else
	fi
}

/* page_protect(): for reading only, from its return on */
inline page_protect()
{
	if
	:: link[c] != NO && leaf[link[c]] != NO ->
		leaf_w[link[c]] = 0;
#if MISTAKE != 11
		fence(c, true);
#endif
		atomic {
			do
			:: g < HARTS -> assert(!tlb[g].w[c]); g++
			:: else -> g = 0; break
			od
		}
	:: else
	fi
}

/* page_delete(), frame_release(): the last capability goes. */
inline page_delete()
{
	if
	:: type[f] == DATA ->
		if
		:: bound[f] != NO ->
			c = bound[f];
			atomic { bound[f] = NO; unbind_leaf(c) };
#if MISTAKE == 5
			type[f] = FREE;
			lock = NO;
#endif
			fence(c, true)
		:: else
		fi;
#if MISTAKE != 5
		type[f] = FREE
#else
		if
		:: lock == h -> type[f] = FREE
		:: else
		fi
#endif
	:: else
	fi
}

/* sys_page_alloc(): zeroed when it changes hands */
inline page_alloc()
{
	if
	:: type[f] == FREE ->
		atomic {
#if MISTAKE != 13
			if
			:: owner[f] != c -> content[f] = BY_NOBODY
			:: else
			fi;
#endif
			type[f] = DATA;
			owner[f] = c
		}
	:: else
	fi
}

/* page_claimable(), page_claim() */
#if MISTAKE == 6
#define CLAIMABLE	(type[f] == DATA && owner[f] == c)
#else
#define CLAIMABLE	(type[f] == DATA && owner[f] == c && bound[f] == NO)
#endif

inline page_claim(t)
{
	type[f] = t;
#if MISTAKE != 8
	content[f] = BY_NOBODY;
#endif
	leaf[f] = NO
}

/* table_bind() */
inline table_bind()
{
	if
	:: CLAIMABLE && link[c] == NO ->
		page_claim(TABLE);
		link[c] = f;
		fence(c, false)
	:: else
	fi
}

/* table_unbind(), table_unlink(): an empty table goes, and a binding of its page for reading stays. */
inline table_unbind()
{
	if
	:: link[c] != NO && leaf[link[c]] == NO ->
		f = link[c];
		link[c] = NO;
		fence(c, MISTAKE == 7);
		type[f] = DATA
	:: else
	fi
}

/* page_claim() for a kernel object, and page_unclaim() at its end */
inline object()
{
	if
	:: CLAIMABLE -> page_claim(KOBJ)
	:: type[f] == KOBJ -> type[f] = DATA
	:: else
	fi
}

inline any(v, n)
{
	if
	:: v = 0
	:: v = 1 % n
	:: v = n - 1
	fi
}

proctype software(byte h)
{
	byte c, f, g;
	bit w;

end:	do
	/* pct_call, yield in entry.S: no lock, into a context whose satp is known here */
#if MISTAKE == 12
	:: atomic { any(c, CTXS); satp[h] = c; c = 0 }
#else
	:: atomic { any(c, CTXS); if :: mask[c].ran[h] -> satp[h] = c :: else fi; c = 0 }
#endif
	:: atomic { kernel[h] = 1; any(c, CTXS); any(f, FRAMES) };
		atomic { lock == NO -> lock = h };
		/* Calls exclude each other: it is enough that one hart makes them, and the others remember. */
		if
		:: true -> activate(c)
		:: h == 0 -> page_bind()
		:: h == 0 -> page_unbind()
		:: h == 0 -> page_protect()
		:: h == 0 -> page_delete()
		:: h == 0 -> page_alloc()
		:: h == 0 -> table_bind()
		:: h == 0 -> table_unbind()
		:: h == 0 -> object()
		fi;
		atomic {
			if
			:: lock == h -> lock = NO
			:: else				/* unreached: given back before, by mistake 5 */
			fi;
			kernel[h] = 0; c = 0; f = 0; g = 0; w = 0
		}
	od
}

init
{
	byte i;

	atomic {
		lock = NO;
		for (i : 0 .. FRAMES - 1) {
			owner[i] = NO; bound[i] = NO; leaf[i] = NO
		}
		for (i : 0 .. CTXS - 1) {
			link[i] = NO
		}
		for (i : 0 .. HARTS - 1) {
			satp[i] = NO; asked[i] = NO;
			tlb[i].table[0] = NO; tlb[i].frame[0] = NO;
			tlb[i].table[CTXS - 1] = NO; tlb[i].frame[CTXS - 1] = NO
		}
		for (i : 0 .. HARTS - 1) {
			run hardware(i);
			run software(i)
		}
		i = 0
	}
}
