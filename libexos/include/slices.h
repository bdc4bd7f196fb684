/*
 * slices.h - the slices that a program has: which it gives up when others are promised them, and how it gets some
 *
 * A program with SLICE capabilities (grants "slices", "slices1", ... by the number of the hart) answers by itself when the kernel asks it for
 * slices: it binds the least important ones to nobody, one after the other, and keeps one in any case. One without such a capability
 * cannot give; from it the kernel takes. Either way the program goes on with fewer, and what it has stands in the exposed records.
 */
#ifndef SLICES_H
#define SLICES_H

#include <stdbool.h>
#include <stdint.h>

/* Slices bound to this environment, on all harts. */
unsigned int slices_left(void);

/*
 * What a slice is worth, by its place in the vector of a hart: the least goes first; SLICE_KEEP: it is not given at all. NULL: as it is at
 * first: those of other harts before those of the hart that the program runs on, and the last ones of each hart before the first ones.
 * The rules of revoke.h hold for the function.
 */
#define SLICE_KEEP UINT32_MAX
void slices_set_worth(uint32_t (*worth)(unsigned int hart, unsigned int at));

/* Of places with these worths the one that goes first; -1: none, all are kept. */
int slices_least(const uint32_t *worth, unsigned int n);

/*
 * Have n slices more, of those that the program's capabilities name: those that are nobody's, and for the rest others are asked, as far as
 * the program is promised so many; it waits for them, two seconds at most. Returns how many there are more, or a negative E_* code when
 * there is none; slices_strerror() says what it means.
 */
long slices_get(unsigned int n);

/*
 * slice_bind() that waits, two seconds at most, for slices that the environment is promised and others are asked for.
 *   slot    SLICE capability with RIGHT_BIND
 *   first   of `count` slices, by their place in the hart's vector
 *   env     slot with RIGHT_YIELD; self_slot() for the caller
 * Returns 0 or an error of slice_bind(); slices_strerror() says what it means here.
 */
long slices_bind(unsigned int slot, unsigned int first, unsigned int count, unsigned int env);
const char *slices_strerror(long err);

#endif
