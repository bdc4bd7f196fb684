/*
 * calls.h - the list of system calls
 *
 * Numbers, user stubs, argument counts, names and the reference pages of the book all come from this one list.
 * X(name, number of arguments, type, argument, ...): the position in the list is the number. The comment in front of an
 * entry is its reference page: first a sentence, then arguments, results, errors, notes.
 *
 * Convention: a0 holds the number and afterwards the result, a1..a6 the arguments. ra, sp, gp, tp and s0-s11 survive; t0-t6
 * and a1-a7 come back as zero. `ctx`, `env`, `slot` and the like are slot numbers in the caller's capability table; env 0
 * is the caller itself. A negative result is an E_* code, and then nothing has changed.
 */
#ifndef EXOS_CALLS_H
#define EXOS_CALLS_H

#define EXOS_CALLS(X) \
	/* \
	 * Do nothing. \
	 * Result: 0. \
	 * Notes: the fast path that everything is measured against. \
	 */ \
	X(null, 0) \
	/* \
	 * Give the rest of the current slice to another environment, or to whoever is next. \
	 * env: an environment with RIGHT_YIELD that is ready to run, or 0 for anyone. \
	 * Result: 0 when the caller runs again. \
	 * Errors: E_NOCAP, E_RIGHTS; E_DEAD: it is stopped or gone; E_BUSY: it waits for an event. \
	 * Notes: answers a slice-end upcall. An environment with a slice-begin handler that answers a slice-end upcall comes \
	 * back through that handler with nothing but gp; everyone else comes back from this call. \
	 */ \
	X(yield, 1, unsigned long, env) \
	/* \
	 * Sleep until one of the event bits is set or the time has come. \
	 * mask: event bits (EV_*). deadline: value of the time CSR, 0 for none. \
	 * Result: the bits of mask that are set in the u-area's events, 0 at the deadline. The bits stay set. \
	 * Errors: E_INVAL: no u-area is registered, or neither a bit nor a deadline is given. \
	 * Notes: returns at once when a bit is set already. Slices of a sleeping environment are skipped. \
	 */ \
	X(wait, 2, unsigned long, mask, unsigned long, deadline) \
	/* \
	 * Stop for good, with a status for the parent. \
	 * status: 32-bit number. Does not return. \
	 * Notes: the parent gets EV_CHILD, reads the status from the exposed environment record, and ends the object. \
	 */ \
	X(exit, 1, long, status) \
	/* \
	 * Raise event bits in another environment and wake it when it waits for them. \
	 * env: an environment with RIGHT_NOTIFY. bits: any of EV_USER_MASK. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS; E_INVAL: other bits, or it has no u-area; E_DEAD. \
	 */ \
	X(notify, 2, unsigned long, env, unsigned long, bits) \
	/* \
	 * Copy a capability into an empty slot of the own table, with fewer or the same rights. \
	 * env: whose table src is in: 0, or an environment with RIGHT_CONTROL. src: slot there. dst: empty slot of the caller. \
	 * rights: subset of the source's. first, count: for SLICE the sub-range, relative to the hart; otherwise 0. \
	 * Result: 0. Errors: E_NOCAP, E_SLOT; E_RIGHTS: more than the source has; E_INVAL: range outside the source's; E_TYPE: \
	 * the page is a table or kernel object; E_LIMIT: CAP_LIST_MAX or CAP_DEPTH_MAX reached; E_DEAD. \
	 * Notes: the copy is one level below the source, and dies with a revoke of the source or of any ancestor. \
	 */ \
	X(cap_copy, 6, unsigned long, env, unsigned long, src, unsigned long, dst, unsigned long, rights, \
		unsigned long, first, unsigned long, count) \
	/* \
	 * Copy a capability into an empty slot of another environment. \
	 * src: slot of the caller. env: the receiver; without RIGHT_CONTROL dst must lie in the window of slots that the \
	 * receiver opened. dst, rights, first, count, result, errors: as cap_copy(). \
	 */ \
	X(cap_grant, 6, unsigned long, src, unsigned long, env, unsigned long, dst, unsigned long, rights, \
		unsigned long, first, unsigned long, count) \
	/* \
	 * Delete one capability; its binding is undone, its descendants move up one level. The last one frees the resource. \
	 * Result: 0; 1: an object with much in it is being taken apart, call again. \
	 * Errors: E_NOCAP; E_BUSY: the page is a table or capability table that is in use, or the object is in use. \
	 * Notes: a page is given back to the free frames, and its charge to its owner. A page with requests in flight is given \
	 * back when they are done. \
	 */ \
	X(cap_delete, 1, unsigned long, slot) \
	/* \
	 * Delete every descendant of a capability and break their bindings. \
	 * Result: 0; 1: more are left, call again. Errors: E_NOCAP. \
	 * Notes: until it returns 0, what it has not reached yet cannot be copied: the copy is refused with E_BUSY. \
	 */ \
	X(cap_revoke, 1, unsigned long, slot) \
	/* \
	 * Tell what a capability is. \
	 * slot: any slot. info: struct cap_info, written whole. \
	 * Result: 0. Errors: E_NOCAP: empty; E_FAULT: info is not writable. \
	 */ \
	X(cap_info, 2, unsigned long, slot, struct cap_info *, info) \
	/* \
	 * Set the owner's word of the object that a capability names: page, environment, filter. \
	 * Result: 0. Errors: E_NOCAP; E_RIGHTS: not the owner of the page, or no CONTROL; E_INVAL: the type has no word. \
	 */ \
	X(cap_word, 2, unsigned long, slot, unsigned long, word) \
	/* \
	 * End the object that a page became, and get the page back: CTX, ENV, RING, FLOW or FILTER becomes PAGE again. \
	 * slot: the object's capability; copies are deleted first. \
	 * Result: 0; 1: more to take apart, call again: the object cannot be used meanwhile. \
	 * Errors: E_NOCAP: not such an object; E_RIGHTS: a copy without all rights; E_BUSY: environments run in the context, \
	 * or filters use the flow or ring; E_TYPE: not the first capability of the object. \
	 * Notes: ending an environment gives back everything it holds, ends its children, and returns its guarantee. \
	 */ \
	X(object_end, 1, unsigned long, slot) \
	/* \
	 * Take a free page of memory. \
	 * env: who holds and pays: 0, or an environment with RIGHT_CONTROL. slot: empty slot of its table. frame: frame number, \
	 * or FRAME_ANY (order 0 only). order: 0 4 KiB, 1 2 MiB; 1 GiB by page_join(). \
	 * Result: the frame number. The page is zero, unless its last owner takes it again. \
	 * Errors: E_NOCAP, E_SLOT, E_INVAL; E_NOMEM; E_QUOTA; E_DEAD. \
	 */ \
	X(page_alloc, 4, unsigned long, env, unsigned long, slot, unsigned long, frame, unsigned long, order) \
	/* \
	 * Bind pages to addresses, replacing what stood there. \
	 * ctx: context with RIGHT_MAP. va: aligned to the size of the page. slot: first page capability; with npages > 1 the \
	 * slots follow one another and hold 4 KiB pages. npages: 1..PAGES_MAX. prot: PROT_* within the rights of each page. \
	 * Result: number of pages bound; fewer than npages when a later one was refused, and the error when the first was. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_NOTABLE; E_BUSY: a table stands where a larger page should go; E_TYPE: a table \
	 * page and prot has more than PROT_R. \
	 * Notes: a page capability holds one binding; binding it elsewhere undoes the old one. \
	 */ \
	X(page_bind, 5, unsigned long, ctx, unsigned long, va, unsigned long, slot, unsigned long, npages, unsigned long, prot) \
	/* \
	 * Undo bindings. \
	 * ctx: context with RIGHT_MAP. va: of the first page. npages: 1..PAGES_MAX pages of 4 KiB; addresses where nothing is \
	 * bound are passed over. \
	 * Result: npages. Errors: E_NOCAP, E_RIGHTS, E_INVAL. On return nobody can use the old translations. \
	 */ \
	X(page_unbind, 3, unsigned long, ctx, unsigned long, va, unsigned long, npages) \
	/* \
	 * Change the protection of bound pages. \
	 * ctx, va, npages: as page_unbind(). prot: within the rights of the capability through which each page was bound. \
	 * Result: number of pages changed; fewer than npages when a later one was refused, and the error when the first was. \
	 * Errors: E_NOCAP, E_INVAL; E_RIGHTS; E_NOTBOUND. \
	 */ \
	X(page_protect, 4, unsigned long, ctx, unsigned long, va, unsigned long, npages, unsigned long, prot) \
	/* \
	 * Do many page operations in one call. \
	 * ctx: context with RIGHT_MAP. ops: array of struct page_op, read once. n: 1..PAGES_MAX. \
	 * Result: number of entries done. Each done entry's result field is written; an entry that fails does not stop the rest. \
	 * Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_FAULT: ops is not readable and writable. \
	 */ \
	X(page_batch, 3, unsigned long, ctx, struct page_op *, ops, unsigned long, n) \
	/* \
	 * Make one larger page of 512 consecutive ones: 2 MiB of 4 KiB pages, 1 GiB of 2 MiB pages. \
	 * slot: the first of 512 slots with page capabilities whose frames follow one another, the first aligned to the larger \
	 * size; each the only one of its page, with all rights, unbound and unpinned, all charged to one environment. \
	 * Result: 0; slot holds the larger page, the other 511 are empty. The content stays. \
	 * Errors: E_NOCAP; E_INVAL: frames do not follow, alignment, or 1 GiB pages; E_TYPE: shared, bound, pinned, rights. \
	 */ \
	X(page_join, 1, unsigned long, slot) \
	/* \
	 * Take a larger page apart into 512 of the next smaller size. \
	 * slot: page capability of a larger page, the only one of it, with all rights, unbound and unpinned. others: the first of 511 \
	 * empty slots, for the second to last part; slot keeps the first. \
	 * Result: 0. Errors: E_NOCAP, E_SLOT; E_INVAL: it is a 4 KiB page; E_TYPE: shared, bound, pinned, rights. \
	 */ \
	X(page_split, 2, unsigned long, slot, unsigned long, others) \
	/* \
	 * Donate a page as page table. \
	 * ctx: context with RIGHT_MAP. va: any address that the table shall cover. level: 0 the leaf table (2 MiB), 1 the one above \
	 * (1 GiB). slot: page capability that is the only one of its page, unbound and unpinned. \
	 * Result: 0; the capability is now a TABLE. Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_TYPE; E_EXISTS: there is one already, or \
	 * a larger page is bound there; E_NOTABLE: level 0 without level 1. \
	 */ \
	X(table_bind, 4, unsigned long, ctx, unsigned long, va, unsigned long, level, unsigned long, slot) \
	/* \
	 * Take an empty page table out of a context; its capability becomes a PAGE again. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_NOTABLE; E_BUSY: something is bound through it. \
	 */ \
	X(table_unbind, 3, unsigned long, ctx, unsigned long, va, unsigned long, level) \
	/* \
	 * Make a page the root table of a new addressing context. \
	 * slot: page capability, the only one of its page, unbound and unpinned. \
	 * Result: 0; the capability is now a CTX. Errors: E_NOCAP, E_TYPE, E_RIGHTS. \
	 */ \
	X(ctx_create, 1, unsigned long, slot) \
	/* \
	 * Map a page of the kernel's own bookkeeping, read-only. \
	 * ctx: context with RIGHT_MAP. va: aligned. region: enum expose_region. first: page within the region. npages: 1..PAGES_MAX. \
	 * Result: pages mapped. Errors: E_NOCAP, E_RIGHTS, E_INVAL, E_NOTABLE. Notes: undone by page_unbind(). \
	 */ \
	X(expose_bind, 5, unsigned long, ctx, unsigned long, va, unsigned long, region, unsigned long, first, unsigned long, npages) \
	/* \
	 * Make a page a new environment, stopped and empty. \
	 * slot: page capability, the only one of its page, unbound and unpinned. guarantee: pages promised to it, out of the \
	 * caller's own guarantee. \
	 * Result: the environment's number; the capability is now an ENV with all rights. \
	 * Errors: E_NOCAP, E_TYPE, E_RIGHTS; E_QUOTA: more than the caller has left to promise; E_LIMIT: ENV_MAX. \
	 */ \
	X(env_create, 2, unsigned long, slot, unsigned long, guarantee) \
	/* \
	 * Donate a page as the next page of an environment's capability table. \
	 * env: 0, or one with RIGHT_CONTROL. slot: page capability of the caller, the only one of its page, unbound and unpinned. \
	 * Result: number of slots of the table now. Errors: E_NOCAP, E_TYPE, E_RIGHTS, E_DEAD; E_LIMIT: CAPTAB_PAGES. \
	 */ \
	X(env_captab, 2, unsigned long, env, unsigned long, slot) \
	/* \
	 * Set one property of an environment: enum env_property in env.h tells what a and b are. \
	 * env: 0, or one with RIGHT_CONTROL. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS, E_INVAL, E_DEAD, and those of the property. \
	 */ \
	X(env_set, 4, unsigned long, env, unsigned long, property, unsigned long, a, unsigned long, b) \
	/* \
	 * Read or write the registers of a stopped environment. \
	 * env: one with RIGHT_CONTROL that is stopped. write: 0 read, 1 write. regs: struct env_regs. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS, E_DEAD; E_BUSY: it is not stopped; E_FAULT; E_INVAL. \
	 */ \
	X(env_regs, 3, unsigned long, env, unsigned long, write, struct env_regs *, regs) \
	/* \
	 * Bind slices to an environment. \
	 * slot: SLICE capability with RIGHT_BIND. first, count: slices within it. env: one with RIGHT_YIELD, or 0 for nobody. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS, E_INVAL, E_DEAD. \
	 */ \
	X(slice_bind, 4, unsigned long, slot, unsigned long, first, unsigned long, count, unsigned long, env) \
	/* \
	 * Make a narrower flow capability: packets that satisfy more atoms, sending under more atoms. \
	 * flow: source. slot: page capability, the only one of its page. spec: struct flow_spec with the whole receive and send \
	 * predicates of the new flow. rights: subset of the source's. \
	 * Result: 0; the page is now a FLOW, one level below the source. \
	 * Errors: E_NOCAP, E_RIGHTS, E_TYPE, E_FAULT; E_INVAL: malformed predicate; E_IMPLY; E_LIMIT. \
	 */ \
	X(flow_derive, 4, unsigned long, flow, unsigned long, slot, struct flow_spec *, spec, unsigned long, rights) \
	/* \
	 * Make a packet ring. \
	 * slot: page capability for the kernel's side, the only one of its page. shared: page capability, writable, of the page \
	 * that both use (struct ring_shared); it is pinned. event: 0..EV_RINGS-1, the event bit EV_RING(event). \
	 * Result: 0; the first page is now a RING of the caller. Errors: E_NOCAP, E_RIGHTS, E_TYPE; E_INVAL: event, or no u-area. \
	 */ \
	X(ring_create, 3, unsigned long, slot, unsigned long, shared, unsigned long, event) \
	/* \
	 * Register a page as buffer of a ring, or take it back. \
	 * ring: RING. index: 0..RING_SIZE-1. slot: page capability, writable, 4 KiB; it is pinned. 0: take the buffer back. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS, E_INVAL; E_EXISTS: the index is taken. \
	 */ \
	X(ring_buffer, 3, unsigned long, ring, unsigned long, index, unsigned long, slot) \
	/* \
	 * Bind a flow to a ring. \
	 * slot: page capability for the filter, the only one of its page. flow: FLOW with RIGHT_RECV. ring: RING. pred: struct \
	 * flow_predicate, implied by nothing less than the flow's own. flags: FILTER_SHARED or 0. \
	 * Result: 0; the page is now a FILTER. Errors: E_NOCAP, E_RIGHTS, E_TYPE, E_FAULT, E_INVAL; E_IMPLY; E_EXISTS: another \
	 * filter has the same predicate and one of the two is not shared; E_LIMIT. \
	 */ \
	X(filter_bind, 5, unsigned long, slot, unsigned long, flow, unsigned long, ring, struct flow_predicate *, pred, \
		unsigned long, flags) \
	/* \
	 * Send a packet from pages of the caller. \
	 * ring: RING that gets the completion. flow: FLOW with RIGHT_SEND whose send predicate the packet satisfies. segs: array \
	 * of struct send_segment. n: 1..SEND_SEGMENTS. cookie: 63-bit number that comes back. \
	 * Result: 0. Errors: E_NOCAP, E_RIGHTS, E_FAULT; E_INVAL: length not 14..RING_FRAME_MAX, segment outside its page; E_IMPLY: \
	 * the packet does not satisfy the send predicate; E_FULL; E_IO; E_NODEV. \
	 * Notes: the first SEND_HEAD bytes are copied and judged, the rest is sent from the pages, which stay pinned until the \
	 * completion. \
	 */ \
	X(net_send, 5, unsigned long, ring, unsigned long, flow, struct send_segment *, segs, unsigned long, n, \
		unsigned long, cookie) \
	/* \
	 * Write bytes to the serial line. \
	 * slot: CONSOLE. buf, n: bytes, at most CONSOLE_MAX are taken. Result: bytes written. Errors: E_NOCAP, E_FAULT. \
	 */ \
	X(console_write, 3, unsigned long, slot, const void *, buf, unsigned long, n) \
	/* \
	 * Take bytes that came over the serial line. \
	 * slot: CONSOLE. buf, n: room, at most CONSOLE_MAX are given. Result: bytes read, 0 when there are none. \
	 * Errors: E_NOCAP, E_FAULT. \
	 */ \
	X(console_read, 3, unsigned long, slot, void *, buf, unsigned long, n) \
	/* \
	 * Have EV_CONSOLE raised in the caller when input comes. The last caller gets it. \
	 * slot: CONSOLE. Result: 0. Errors: E_NOCAP; E_INVAL: no u-area. \
	 */ \
	X(console_bind, 1, unsigned long, slot) \
	/* \
	 * Write bytes to the report channel, by which verdicts travel apart from the console. \
	 * slot: MACHINE. buf, n: bytes, at most CONSOLE_MAX. Result: bytes written. Errors: E_NOCAP, E_FAULT; E_NODEV: the machine \
	 * was started without one. \
	 */ \
	X(report_write, 3, unsigned long, slot, const void *, buf, unsigned long, n) \
	/* \
	 * Switch the machine off. \
	 * slot: MACHINE. code: 0..255, handed to whoever started the machine. Does not return. Errors: E_NOCAP, E_INVAL. \
	 */ \
	X(poweroff, 2, unsigned long, slot, unsigned long, code)

enum exos_call {
#define X(name, ...) CALL_##name,
	EXOS_CALLS(X)
#undef X
	CALL_COUNT
};

#define FRAME_ANY	(~0ul)
#define PAGES_MAX	512
#define CONSOLE_MAX	1024

#endif
