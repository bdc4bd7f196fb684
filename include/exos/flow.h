/*
 * flow.h - which packets: atoms, predicates, and how one packet finds its owner
 *
 * An atom loads 1, 2 or 4 bytes of the frame, in network byte order, and compares the masked value. A predicate holds
 * when all of its atoms hold; without atoms it holds for every packet. A load that ends beyond the packet is a mismatch,
 * whatever the mask. Only the first FLOW_REACH bytes can be looked at.
 *
 * One predicate implies another when every packet that satisfies the first satisfies the second. The kernel decides this
 * bit by bit, so it does not matter how a test is cut into atoms; only the end of the longest load counts beside the bits.
 *
 * Who gets a packet. Each filter has a rank: the number of bits that its predicate fixes. The matching filter of the
 * highest rank wins; among equals the one with the longer reach, then the one bound first.
 * A SHARED filter gets a copy and takes nothing away from other SHARED filters, so a narrower one cannot blind a wider
 * one: a packet goes to every matching SHARED filter that outranks all matching exclusive filters, or, if there is none,
 * to the exclusive winner alone. Under a flow that was declared FLOW_SHARED every filter must be SHARED and has the rank of
 * that declaration, however narrow it is: so it cannot take packets from an exclusive flow that outranks the declaration.
 */
#ifndef EXOS_FLOW_H
#define EXOS_FLOW_H

#include <stdint.h>

#define FLOW_VERSION	1
#define FLOW_ATOMS_MAX	16
#define FLOW_REACH	128	/* offset + width of an atom is at most this */

struct flow_atom {
	uint16_t offset;	/* from the first byte of the Ethernet header */
	uint8_t  width;		/* 1, 2 or 4 bytes */
	uint8_t  zero;
	uint32_t mask;		/* not 0, within width */
	uint32_t value;		/* within mask */
};

struct flow_predicate {
	uint16_t version;	/* FLOW_VERSION */
	uint16_t natoms;	/* 0..FLOW_ATOMS_MAX */
	uint32_t zero;
	struct flow_atom atom[FLOW_ATOMS_MAX];
};

#define FLOW_SHARED	1u	/* flow_spec.flags: filters below this flow must be SHARED; narrower flows inherit it */
#define FILTER_SHARED	1u	/* filter_bind: take a copy, and let others with the same predicate have theirs */

/* The packets that may be received under a flow, and those that may be sent. */
struct flow_spec {
	uint32_t version;	/* FLOW_VERSION */
	uint32_t flags;		/* FLOW_* */
	struct flow_predicate receive, send;
};

#endif
