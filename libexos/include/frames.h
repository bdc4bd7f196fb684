/*
 * frames.h - pages whose frames the program chooses
 *
 * The kernel shows which frames are free and gives the one that is named; what to do with that is policy. Here: a colour, for caches and
 * banks that are indexed by physical address, and runs of neighbouring frames. What is seen free may be taken by another before
 * it is asked for; then the search goes on.
 */
#ifndef FRAMES_H
#define FRAMES_H

/*
 * A page, unbound, whose frame number modulo `colours` is `colour`. Returns its slot; -E_INVAL: colour not below colours; -E_NOMEM: no
 * such frame is free; -E_SLOT: no slot; -E_QUOTA. Zero, or what this program left in it before.
 */
long page_colour(unsigned int colour, unsigned int colours);

/*
 * n pages with neighbouring frames, the first a multiple of `align` frames (a power of two), in n neighbouring slots. Returns the first
 * slot; errors as above, -E_INVAL: n or align. On an error nothing is taken.
 */
long page_run(unsigned int n, unsigned int align);

#endif
