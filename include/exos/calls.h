/*
 * calls.h - the list of system calls
 *
 * Numbers, user stubs, argument counts, names and the reference pages of the book all come from this one list.
 * X(name, number of arguments, type, argument, ...): the position in the list is the number. The comment in front of an
 * entry is its reference page: first a sentence, then a line each for the arguments, Result, Errors and Notes
 * (docs/reference/, made by test/harness/reference.py).
 *
 * Convention: a0 holds the number and afterwards the result, a1..a6 the arguments. ra, sp, gp, tp and s0-s11 survive; t0-t6
 * and a1-a7 are lost: they come back as zero or unchanged, never with a value of the kernel. `ctx`, `env`, `slot` and the
 * like are slot numbers in the caller's capability table; env 0 is the caller itself. A negative result is an E_* code, and
 * then nothing has changed.
 *
 * The entries marked Y give the processor away, and the kernel may keep nothing of the caller but its pc: what such a call does to
 * the registers is told in its notes. They need a stub that saves what it wants to keep (libexos/upcall/switch.S).
 */
#ifndef EXOS_CALLS_H
#define EXOS_CALLS_H

#define EXOS_CALLS(X) EXOS_CALL_LIST(X, X)
#define EXOS_CALL_LIST(X, Y) \
	/* \
	 * Do nothing. \
	 * Result: 0. \
	 * Notes: the shortest road through the kernel, which everything is measured against: entry.S answers it without any C. \
	 */ \
	X(null, 0) \
	/* \
	 * Enter another environment at its protected entry, on the slice of the caller, and wait for its answer. \
	 * env: an environment with RIGHT_CALL that has a protected entry (UP_ENTRY) and is receptive. \
	 * deadline: value of the time CSR after which the caller gets its slice back with an error; 0 for none. \
	 * Result: 0 and in a1..a7 the words that the callee left there; a negative code when no answer came. \
	 * Errors: E_NOCAP, E_RIGHTS; E_INVAL: env is the caller, or the caller has no u-area; E_DEAD: it is stopped or being ended, or \
	 * it was before it answered; E_BUSY: it runs, is in an upcall, serves or makes a transfer itself, was interrupted, or has no \
	 * protected entry; E_TIME: the deadline has passed. \
	 * Notes: a3..a7 and every other register but t0..t3 arrive as they are: what the caller does not want to show it clears, what \
	 * the callee does not trust it replaces. docs/transfers.md tells what else the two find. The kernel keeps the caller's pc \
	 * alone: after an answer it goes on behind the call with gp = its u-area, a0 = 0 and the callee's other registers; after \
	 * E_DEAD or E_TIME that came later with gp, a0 and zeros. Errors at once leave everything as after any call. \
	 */ \
	Y(pct_call, 2, unsigned long, env, unsigned long, deadline) \
	/* \
	 * End a protected entry: answer the caller, if there is one that waits. \
	 * Result: does not return; the next entry begins at UP_ENTRY. \
	 * Errors: E_INVAL: the caller of this is not in a protected entry. \
	 * Notes: a1..a7 and every other register but t0..t3 go to the one that called. When it has died, was stopped, got its \
	 * deadline, or sent with pct_send(), the rest of the slice goes to whoever is next. The right to answer is used up in any case. \
	 * What the environment did before the entry, a yield() or a wait(), goes on. \
	 */ \
	Y(pct_reply, 0) \
	/* \
	 * Enter another environment at its protected entry and do not wait: it gets the rest of the current slice. \
	 * env: as for pct_call(). \
	 * Result: 0 when the caller runs again, in a slice of its own. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL, E_DEAD, E_BUSY as for pct_call(). \
	 * Notes: a2..a7 and every other register but t0..t3 arrive as they are. The caller comes back behind the call with gp = its \
	 * u-area, a0 = 0 and zeros. \
	 */ \
	Y(pct_send, 1, unsigned long, env) \
	/* \
	 * Give the rest of the current slice to another environment, or to whoever is next. \
	 * env: an environment with RIGHT_YIELD that is ready to run, or 0 for anyone. \
	 * Result: 0 when the caller runs again; at once when env is the caller itself. \
	 * Errors: E_NOCAP, E_RIGHTS; E_DEAD: it is stopped or being ended; E_BUSY: it waits for an event. \
	 * Notes: answers a slice-end upcall. An environment with a slice-begin handler that answers a slice-end upcall comes \
	 * back through that handler with nothing but gp; everyone else comes back from this call. In the grace after a slice \
	 * there is no rest to give, and the next slice is chosen instead. An environment with a slice-begin handler or a protected \
	 * entry keeps its registers itself: it comes back with gp = its u-area, a0, and zeros. All others are saved by the kernel. \
	 */ \
	Y(yield, 1, unsigned long, env) \
	/* \
	 * Sleep until one of the event bits is set or the time has come. \
	 * mask: event bits (EV_*); 0: only the deadline counts. \
	 * deadline: value of the time CSR, 0 for none. \
	 * Result: the bits of mask that are set in the u-area's events; 0 at the deadline. The bits stay set. \
	 * Errors: E_INVAL: no u-area is registered, or neither a bit nor a deadline is given. \
	 * Notes: returns at once when a bit is set already or the deadline has passed. Slices of a sleeping environment are \
	 * skipped; it goes on in the next of its slices, not at the very moment. An environment with a slice-begin handler or a \
	 * protected entry keeps its registers itself, as for yield(). One that sleeps within a protected entry gives up what it waited \
	 * for before: that wait ends with 0 after the answer. \
	 */ \
	Y(wait, 2, unsigned long, mask, unsigned long, deadline) \
	/* \
	 * Stop for good, with a status for the parent. \
	 * status: 32-bit number. \
	 * Result: does not return. \
	 * Notes: the parent gets EV_CHILD, reads the status from the exposed environment record, and ends the object. When the \
	 * first environment exits, the machine is switched off. \
	 */ \
	X(exit, 1, long, status) \
	/* \
	 * Raise event bits in another environment and wake it when it waits for them. \
	 * env: an environment with RIGHT_NOTIFY, or 0. \
	 * bits: any of EV_USER_MASK. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_RIGHTS; E_INVAL: no bits or other bits, or it has no u-area; E_DEAD: it is stopped or being ended. \
	 */ \
	X(notify, 2, unsigned long, env, unsigned long, bits) \
	/* \
	 * Copy a capability into an empty slot of the own table, with fewer or the same rights. \
	 * env: whose table src is in: 0, or an environment with RIGHT_CONTROL. \
	 * src: slot there. \
	 * dst: empty slot of the caller. \
	 * rights: subset of the source's. \
	 * first, count: for SLICE the slices of the copy, by their place in the hart's vector, within the source's; otherwise 0. \
	 * Result: 0. \
	 * Errors: E_NOCAP: env, or src is empty; E_RIGHTS: no CONTROL, or more rights than the source has; E_SLOT; E_TYPE: a \
	 * TABLE, CAPTAB, RING or FILTER, of which there is only one; E_INVAL: range outside the source's, or not 0; E_LIMIT: \
	 * CAP_LIST_MAX or CAP_DEPTH_MAX reached; E_BUSY: the source or an ancestor of it is being revoked; E_DEAD. \
	 * Notes: the copy is one level below the source, holds no binding, and dies with a revoke of the source or of any \
	 * ancestor. \
	 */ \
	X(cap_copy, 6, unsigned long, env, unsigned long, src, unsigned long, dst, unsigned long, rights, \
		unsigned long, first, unsigned long, count) \
	/* \
	 * Copy a capability into an empty slot of another environment. \
	 * src: slot of the caller. \
	 * env: the receiver, by any ENV capability of it, or 0. \
	 * dst: empty slot of the receiver. Without RIGHT_CONTROL it must lie in the window of slots that the receiver opened \
	 * (ENV_WINDOW). \
	 * rights: subset of the source's. \
	 * first, count: for SLICE the slices of the copy, as in cap_copy(); otherwise 0. \
	 * Result: 0. \
	 * Errors: E_NOCAP: env, or src is empty; E_RIGHTS: more than the source has; E_SLOT; E_TYPE: a TABLE, CAPTAB, RING or \
	 * FILTER; E_INVAL: range outside the source's, or not 0; E_LIMIT: CAP_LIST_MAX or CAP_DEPTH_MAX reached; E_BUSY: the \
	 * source or an ancestor of it is being revoked; E_DEAD. \
	 */ \
	X(cap_grant, 6, unsigned long, src, unsigned long, env, unsigned long, dst, unsigned long, rights, \
		unsigned long, first, unsigned long, count) \
	/* \
	 * Delete one capability; its binding is undone, its descendants move up one level. The last one frees the resource. \
	 * slot: any slot in use. \
	 * Result: 0; 1: an object with much in it is being taken apart, call again. \
	 * Errors: E_NOCAP; E_BUSY: a TABLE or CAPTAB, or the last capability of a context in which environments run, or the \
	 * caller itself. \
	 * Notes: with the last capability of a context, ring or filter the object ends too. An environment ends with the \
	 * capability that it was created with, and then its copies go first. The page is given back to the free frames, and its \
	 * charge to its owner; one with requests in flight when they are done. \
	 */ \
	X(cap_delete, 1, unsigned long, slot) \
	/* \
	 * Delete every descendant of a capability and break their bindings. \
	 * slot: any slot in use. \
	 * Result: 0; 1: more are left, call again. \
	 * Errors: E_NOCAP. \
	 * Notes: until it returns 0, what it has not reached yet cannot be copied: the copy is refused with E_BUSY. What goes on \
	 * without the capability stays: an environment that entered a context goes on running in it, and a pinned page stays \
	 * pinned. \
	 */ \
	X(cap_revoke, 1, unsigned long, slot) \
	/* \
	 * Tell what a capability is. \
	 * slot: any slot in use. \
	 * info: struct cap_info, written whole. \
	 * Result: 0. \
	 * Errors: E_NOCAP; E_FAULT: info is not writable. \
	 */ \
	X(cap_info, 2, unsigned long, slot, struct cap_info *, info) \
	/* \
	 * Set the owner's word of the object that a capability names: a page, or anything made of one. \
	 * slot: for an ENV with RIGHT_CONTROL; for everything else of a page that is charged to the caller. \
	 * word: any value; the kernel never reads it. \
	 * Result: 0. \
	 * Errors: E_NOCAP; E_RIGHTS: not charged for the page, or no CONTROL; E_INVAL: SLICE, CONSOLE and MACHINE have no word. \
	 * Notes: everybody can read it: in the exposed environment record for an ENV, in the frame table for everything else. \
	 */ \
	X(cap_word, 2, unsigned long, slot, unsigned long, word) \
	/* \
	 * End the object that a page became, and get the page back: CTX, ENV, RING, FLOW or FILTER becomes PAGE again. \
	 * slot: a capability of the object with all rights; copies are deleted first. \
	 * Result: 0; 1: more to take apart, call again: the object cannot be used meanwhile. \
	 * Errors: E_NOCAP: not such an object; E_RIGHTS: not all rights; E_TYPE: other capabilities of it do not descend from \
	 * this one, or a FLOW has copies; E_BUSY: environments run in the context, or the environment is the caller. \
	 * Notes: ending an environment gives back everything it holds, ends its children, and returns its guarantee. The end of \
	 * a ring unbinds its filters, that of a flow the filters and the flows below it. \
	 */ \
	X(object_end, 1, unsigned long, slot) \
	/* \
	 * Take a free page of memory. \
	 * env: who holds and pays: 0, or an environment with RIGHT_CONTROL. \
	 * slot: empty slot of its table. \
	 * frame: frame number, or FRAME_ANY (order 0 only). \
	 * order: 0 4 KiB, 1 2 MiB; 1 GiB by page_join(). \
	 * Result: the frame number. The page is zero, unless its last owner takes it again. \
	 * Errors: E_NOCAP, E_RIGHTS, E_SLOT; E_INVAL: order, or a frame that does not exist or is not aligned; E_NOMEM; E_QUOTA; \
	 * E_DEAD; E_AGAIN: a page of order 0 that the environment is promised has been lent, and is asked for now. \
	 * Notes: after E_AGAIN the environment waits for a page, as after env_ask(). \
	 */ \
	X(page_alloc, 4, unsigned long, env, unsigned long, slot, unsigned long, frame, unsigned long, order) \
	/* \
	 * Bind pages to addresses, replacing what stood there. \
	 * ctx: context with RIGHT_MAP. \
	 * va: aligned to the size of the page. \
	 * slot: first page capability; with npages > 1 the slots follow one another and hold 4 KiB pages. \
	 * npages: 1..PAGES_MAX. \
	 * prot: PROT_* within the rights of each page. \
	 * Result: number of pages bound; fewer than npages when a later one was refused, and the error when the first was. \
	 * Errors: E_NOCAP; E_RIGHTS: no MAP, or prot exceeds the page's rights; E_INVAL; E_NOTABLE: or a larger page is in the \
	 * way; E_BUSY: a table stands where a larger page should go; E_TYPE: a TABLE and prot has more than PROT_R. \
	 * Notes: a page capability holds one binding; binding it elsewhere undoes the old one. A TABLE is bound like a page, \
	 * read-only: so a library reads its own page tables. \
	 */ \
	X(page_bind, 5, unsigned long, ctx, unsigned long, va, unsigned long, slot, unsigned long, npages, unsigned long, prot) \
	/* \
	 * Undo bindings. \
	 * ctx: context with RIGHT_MAP. \
	 * va: of the first page. \
	 * npages: 1..PAGES_MAX pages of 4 KiB; addresses where nothing is bound are passed over. An address within a larger page \
	 * undoes all of that page. \
	 * Result: npages. On return nobody can use the old translations. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL. \
	 */ \
	X(page_unbind, 3, unsigned long, ctx, unsigned long, va, unsigned long, npages) \
	/* \
	 * Change the protection of bound pages. \
	 * ctx: context with RIGHT_MAP. \
	 * va: of the first page. \
	 * npages: 1..PAGES_MAX pages of 4 KiB. An address within a larger page changes all of that page. \
	 * prot: within the rights of the capability through which each page was bound. \
	 * Result: number of pages changed; fewer than npages when a later one was refused, and the error when the first was. \
	 * Errors: E_NOCAP, E_INVAL; E_RIGHTS: no MAP, prot exceeds the rights, or a page of the exposed bookkeeping; E_NOTBOUND. \
	 * Notes: accessed and dirty bits stay, unless prot has PROT_TRACK, which clears them. \
	 */ \
	X(page_protect, 4, unsigned long, ctx, unsigned long, va, unsigned long, npages, unsigned long, prot) \
	/* \
	 * Do many page operations in one call. \
	 * ctx: context with RIGHT_MAP. \
	 * ops: array of struct page_op, each entry read once. \
	 * n: 1..PAGES_MAX. \
	 * Result: number of entries done, BATCH_MAX at most: call again for the rest. The result field of each is written: 0 or the \
	 * error of page_bind(), page_unbind() or page_protect(); an entry that fails does not stop the rest. A PROTECT with \
	 * PROT_TRACK answers what it clears: PAGE_ACCESSED, PAGE_DIRTY, both or none. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_FAULT: ops is not readable and writable. \
	 * Notes: one fence at the end. Unbinding where nothing is bound is E_NOTBOUND here. \
	 */ \
	X(page_batch, 3, unsigned long, ctx, struct page_op *, ops, unsigned long, n) \
	/* \
	 * Make one larger page of 512 consecutive ones: 2 MiB of 4 KiB pages, 1 GiB of 2 MiB pages. \
	 * slot: the first of 512 slots with page capabilities whose frames follow one another, the first aligned to the larger \
	 * size; each the only one of its page, with all rights, unbound and unpinned, all charged to one environment. \
	 * Result: 0; slot holds the larger page, the other 511 are empty. The content stays. \
	 * Errors: E_NOCAP; E_INVAL: frames do not follow, alignment, or 1 GiB pages; E_TYPE: shared, bound, pinned, rights, or \
	 * charged to several. \
	 */ \
	X(page_join, 1, unsigned long, slot) \
	/* \
	 * Take a larger page apart into 512 of the next smaller size. \
	 * slot: page capability of a larger page, the only one of it, with all rights, unbound and unpinned. \
	 * others: the first of 511 empty slots, for the second to last part; slot keeps the first. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_SLOT; E_INVAL: it is a 4 KiB page; E_TYPE: shared, bound, pinned, rights. \
	 */ \
	X(page_split, 2, unsigned long, slot, unsigned long, others) \
	/* \
	 * Donate a page as page table. \
	 * ctx: context with RIGHT_MAP. \
	 * va: any address that the table shall cover. \
	 * level: 0 the leaf table (2 MiB), 1 the one above (1 GiB). \
	 * slot: page capability with all rights that is the only one of its page, unbound and unpinned. \
	 * Result: 0; the capability is now a TABLE. \
	 * Errors: E_NOCAP; E_RIGHTS: no MAP, or not all rights to the page; E_INVAL; E_TYPE; E_EXISTS: there is one already, or \
	 * a larger page is bound there; E_NOTABLE: level 0 without level 1. \
	 */ \
	X(table_bind, 4, unsigned long, ctx, unsigned long, va, unsigned long, level, unsigned long, slot) \
	/* \
	 * Take an empty page table out of a context; its capability becomes a PAGE again. \
	 * ctx: context with RIGHT_MAP. \
	 * va: any address that the table covers. \
	 * level: 0 or 1, as in table_bind(). \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_NOTABLE; E_BUSY: something is bound through it. \
	 * Notes: whoever may map in the context may do this; the page goes back to the capability that donated it, wherever that \
	 * is. \
	 */ \
	X(table_unbind, 3, unsigned long, ctx, unsigned long, va, unsigned long, level) \
	/* \
	 * Make a page the root table of a new addressing context. \
	 * slot: page capability with all rights, the only one of its page, unbound and unpinned. \
	 * Result: 0; the capability is now a CTX with all rights. \
	 * Errors: E_NOCAP, E_TYPE, E_RIGHTS. \
	 */ \
	X(ctx_create, 1, unsigned long, slot) \
	/* \
	 * Map pages of the kernel's own bookkeeping, read-only. \
	 * ctx: context with RIGHT_MAP. \
	 * va: of the first page, aligned to 4 KiB. \
	 * region: enum expose_region. \
	 * first: page within the region. \
	 * npages: 1..PAGES_MAX. \
	 * machine: for EXPOSE_TRACE a MACHINE; otherwise ignored. \
	 * Result: pages mapped; fewer than npages when a table is missing for a later one, and the error when for the first. \
	 * Errors: E_NOCAP, E_RIGHTS; E_INVAL: address, region, or pages outside of it; E_NOTABLE. \
	 * Notes: replaces what was bound there, and is undone by page_unbind(). No capability stands for such a page. \
	 */ \
	X(expose_bind, 6, unsigned long, ctx, unsigned long, va, unsigned long, region, unsigned long, first, unsigned long, npages, \
		unsigned long, machine) \
	/* \
	 * Make a page a new environment, stopped and empty. \
	 * slot: page capability with all rights, the only one of its page, unbound and unpinned. \
	 * guarantee: pages promised to it, out of the caller's own guarantee. \
	 * Result: the environment's number; the capability is now an ENV with all rights, and the caller its parent. \
	 * Errors: E_NOCAP, E_TYPE, E_RIGHTS; E_QUOTA: more than the caller has left to promise, or uses while somebody misses pages; \
	 * E_LIMIT: ENV_MAX. \
	 */ \
	X(env_create, 2, unsigned long, slot, unsigned long, guarantee) \
	/* \
	 * Donate a page as the next page of an environment's capability table. \
	 * env: 0, or a child of the caller with RIGHT_CONTROL. \
	 * slot: page capability of the caller with all rights, the only one of its page, unbound and unpinned. \
	 * Result: number of slots of the table now. \
	 * Errors: E_NOCAP, E_TYPE, E_DEAD; E_RIGHTS: not its parent, no CONTROL, or not all rights to the page; E_LIMIT: \
	 * CAPTAB_PAGES. \
	 * Notes: the page comes back, as a PAGE in the slot that donated it, when the environment ends, and not before. \
	 */ \
	X(env_captab, 2, unsigned long, env, unsigned long, slot) \
	/* \
	 * Set one property of an environment. \
	 * env: 0, or one with RIGHT_CONTROL. \
	 * property: enum env_property. \
	 * a, b: as the property says; otherwise ignored. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_DEAD; E_RIGHTS: no CONTROL, or what a names lacks a right or is charged to another; for ENV_GUARANTEE: \
	 * neither its parent nor itself; E_INVAL: for ENV_GUARANTEE of the caller itself: more than now, or less than its children \
	 * have; E_BUSY: it must be stopped for this, or for ENV_RUN is not, \
	 * or is to be stopped and runs on another hart, which has been told: ask again; E_QUOTA: ENV_GUARANTEE, also of what is in use while \
	 * somebody misses what it is promised. \
	 */ \
	X(env_set, 4, unsigned long, env, unsigned long, property, unsigned long, a, unsigned long, b) \
	/* \
	 * Read or write the registers of a stopped environment. \
	 * env: one with RIGHT_CONTROL that is stopped. \
	 * write: 0 read, 1 write. \
	 * regs: struct env_regs. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_RIGHTS, E_DEAD; E_BUSY: it is not stopped; E_FAULT; E_INVAL: write, the caller itself, or a pc that \
	 * is odd or outside of the lower half. \
	 */ \
	X(env_regs, 3, unsigned long, env, unsigned long, write, struct env_regs *, regs) \
	/* \
	 * Bind slices to an environment. \
	 * slot: SLICE capability with RIGHT_BIND. \
	 * first, count: slices by their place in the hart's vector, all within the capability. \
	 * env: one with RIGHT_YIELD, or 0 for nobody. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL, E_DEAD; E_BUSY: one of them is bound to another environment, through a capability that is \
	 * neither this one nor descends from it; E_AGAIN: slices of nobody are kept for others, and the environment, which is promised so \
	 * many, waits for them now; E_QUOTA: they are kept, and it is not promised so many, or the caller has no CONTROL, or somebody \
	 * misses slices, and it would have more than it is promised. \
	 * Notes: whoever may revoke a binding may replace it. A run of slices that has begun ends when it was to end. \
	 */ \
	X(slice_bind, 4, unsigned long, slot, unsigned long, first, unsigned long, count, unsigned long, env) \
	/* \
	 * Make a narrower flow capability: packets that satisfy more atoms, sending under more atoms. \
	 * flow: source. \
	 * slot: page capability with all rights, the only one of its page, unbound and unpinned. \
	 * spec: struct flow_spec with the whole receive and send predicates of the new flow. \
	 * rights: subset of the source's. \
	 * Result: 0; the page is now a FLOW, one level below the source. \
	 * Errors: E_NOCAP, E_RIGHTS, E_TYPE, E_FAULT; E_INVAL: malformed predicate, version or flags; E_IMPLY; E_LIMIT: \
	 * CAP_LIST_MAX or CAP_DEPTH_MAX reached; E_BUSY: the source or an ancestor of it is being revoked. \
	 */ \
	X(flow_derive, 4, unsigned long, flow, unsigned long, slot, struct flow_spec *, spec, unsigned long, rights) \
	/* \
	 * Make a packet ring. \
	 * slot: page capability for the kernel's side, with all rights, the only one of its page, unbound and unpinned. \
	 * shared: page capability, writable, of the 4 KiB page that both use (struct ring_shared); the caller pays for the page; it is \
	 * pinned and cleared. \
	 * event: 0..EV_RINGS-1, the event bit EV_RING(event). \
	 * Result: 0; the first page is now a RING of the caller. \
	 * Errors: E_NOCAP, E_TYPE; E_RIGHTS: or shared is charged to another; E_INVAL: event, the same slot twice, a larger page, or no \
	 * u-area. \
	 */ \
	X(ring_create, 3, unsigned long, slot, unsigned long, shared, unsigned long, event) \
	/* \
	 * Register a page as buffer of a ring, or take it back. \
	 * ring: RING. \
	 * index: 0..RING_SIZE-1. \
	 * slot: page capability, writable, 4 KiB, that the caller pays for; it is pinned. 0: take the buffer back. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_INVAL; E_RIGHTS: not writable, or charged to another; E_EXISTS: the index is taken. \
	 */ \
	X(ring_buffer, 3, unsigned long, ring, unsigned long, index, unsigned long, slot) \
	/* \
	 * Bind a flow to a ring. \
	 * slot: page capability for the filter, with all rights, the only one of its page, unbound and unpinned. \
	 * flow: FLOW with RIGHT_RECV. \
	 * ring: RING. \
	 * pred: struct flow_predicate that implies the flow's receive predicate. \
	 * flags: FILTER_SHARED or 0. \
	 * Result: 0; the page is now a FILTER. \
	 * Errors: E_NOCAP, E_RIGHTS, E_TYPE, E_FAULT, E_INVAL; E_IMPLY; E_EXISTS: another filter has the same predicate and one \
	 * of the two is not shared, or the flow is shared and this filter is not; E_LIMIT: a bucket of the classifier; E_QUOTA: it needs \
	 * a place in the classifier, and none is free or somebody misses one, or it would be more beyond the guarantee than anybody may \
	 * have, or the caller is being asked for places, and is beyond its guarantee; E_AGAIN: the \
	 * place is promised to the caller, who waits for it now, and others are asked for it; E_BUSY: the flow or an ancestor of it is \
	 * being revoked, or the ring is being taken. \
	 * Notes: a filter needs a place if it is the first of the caller that tests just these bits, and one if it is shared. \
	 */ \
	X(filter_bind, 5, unsigned long, slot, unsigned long, flow, unsigned long, ring, struct flow_predicate *, pred, \
		unsigned long, flags) \
	/* \
	 * Send a packet from pages of the caller. \
	 * ring: RING that gets the completion. \
	 * flow: FLOW with RIGHT_SEND whose send predicate the packet satisfies. \
	 * segs: array of struct send_segment. \
	 * n: 1..SEND_SEGMENTS. \
	 * cookie: 63-bit number that comes back. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_RIGHTS, E_FAULT; E_INVAL: n, cookie, length not 14..RING_FRAME_MAX, segment empty, outside its page \
	 * or of a larger page; E_IMPLY: the packet does not satisfy the send predicate; E_FULL; E_IO; E_NODEV. \
	 * Notes: the first SEND_HEAD bytes are copied and judged, the rest is sent from the pages, which stay pinned until the \
	 * completion. \
	 */ \
	X(net_send, 5, unsigned long, ring, unsigned long, flow, struct send_segment *, segs, unsigned long, n, \
		unsigned long, cookie) \
	/* \
	 * Write bytes to the serial line, or to the report channel, by which verdicts travel apart from it. \
	 * slot: CONSOLE for the one, MACHINE for the other. \
	 * buf, n: bytes, at most CONSOLE_MAX are taken. \
	 * Result: bytes written: fewer than n, or 0, when the line takes no more now, because nobody reads at its other end. \
	 * Errors: E_NOCAP, E_FAULT; E_NODEV: the machine was started without a report channel. \
	 */ \
	X(console_write, 3, unsigned long, slot, const void *, buf, unsigned long, n) \
	/* \
	 * Take bytes that came over the serial line. \
	 * slot: CONSOLE. \
	 * buf, n: room; what waits in the kernel is given, 256 bytes at most. \
	 * Result: bytes read, 0 when there are none. \
	 * Errors: E_NOCAP, E_FAULT. \
	 */ \
	X(console_read, 3, unsigned long, slot, void *, buf, unsigned long, n) \
	/* \
	 * Have EV_CONSOLE raised in the caller when input comes. The last caller gets it. \
	 * slot: CONSOLE. \
	 * Result: 0. \
	 * Errors: E_NOCAP; E_INVAL: no u-area. \
	 * Notes: raised at once when input waits already. \
	 */ \
	X(console_bind, 1, unsigned long, slot) \
	/* \
	 * Switch the machine off. \
	 * slot: MACHINE. \
	 * code: 0..255, handed to whoever started the machine. \
	 * Result: does not return. \
	 * Errors: E_NOCAP, E_INVAL. \
	 */ \
	X(poweroff, 2, unsigned long, slot, unsigned long, code) \
	/* \
	 * Begin or end to write what all harts do into their trace rings (struct trace_ring). \
	 * slot: MACHINE. \
	 * on: 1 or 0. \
	 * Result: 0. \
	 * Errors: E_NOCAP, E_INVAL. \
	 * Notes: another hart follows at the interrupt that it is sent. The first time makes the region EXPOSE_TRACE; the rings are never \
	 * cleared afterwards. \
	 */ \
	X(trace_set, 2, unsigned long, slot, unsigned long, on) \
	/* \
	 * Ask for what the caller is promised and others hold, or a child for what it holds beyond its guarantee. \
	 * env: 0, or an environment with RIGHT_CONTROL that is to give something up. \
	 * kind: REVOKE_PAGES, REVOKE_SLICES, REVOKE_FILTERS, or REVOKE_RINGS, of which nobody is promised any. \
	 * amount: how many; 0 withdraws what was asked before. \
	 * deadline: for another environment: value of the time CSR at which the kernel begins to take, 0 for what is usual; for the \
	 * caller 0. \
	 * Result: for the caller 0: all of them are free, and kept for it until it takes them, withdraws, or ends; for another environment \
	 * what it was asked for, which is no more than it holds beyond its guarantee and can be taken. \
	 * Errors: E_NOCAP, E_RIGHTS, E_DEAD; E_INVAL: kind, or a deadline for the caller; E_QUOTA: more than the caller is still promised; \
	 * E_BUSY: it is being asked already, and what is asked by others than its parent is not withdrawn; E_AGAIN: not all of them are free yet: EV_GRANT will tell. \
	 * Notes: after E_AGAIN the caller waits for them, until it takes them with page_alloc(), slice_bind() or filter_bind(). What another environment gives up because it was asked is free for all. \
	 * docs/revocation.md tells the whole dialogue. \
	 */ \
	X(env_ask, 4, unsigned long, env, unsigned long, kind, unsigned long, amount, unsigned long, deadline)

enum exos_call {
#define X(name, ...) CALL_##name,
	EXOS_CALLS(X)
#undef X
	CALL_COUNT
};

#define FRAME_ANY	(~0ul)
#define PAGES_MAX	512
#define BATCH_MAX	128	/* entries that one page_batch() does */
#define CONSOLE_MAX	1024

#endif
