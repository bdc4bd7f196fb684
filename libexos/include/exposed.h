/*
 * exposed.h - the kernel's bookkeeping at typed pointers
 *
 * Each function maps its region read-only at the first call and returns where it is; the structures are in exos/expose.h. Values
 * change while they are read. NULL: it could not be mapped (no memory for tables), or no such index.
 */
#ifndef EXPOSED_H
#define EXPOSED_H

#include <exos/expose.h>
#include <exos/trace.h>
#include <stdbool.h>

const volatile struct exposed_system *exposed_system(void);

/* Record i of the array, 0 <= i < ENV_MAX; whose record it is, its id tells. */
const volatile struct exposed_env *exposed_env(unsigned int i);

/* The record of environment id, or NULL when that generation is gone. */
const volatile struct exposed_env *exposed_env_of(uint32_t id);

/* Array of exposed_system()->nframes records; the first is frame first_frame. */
const volatile struct frame *exposed_frames(void);

/* The record of one frame number, or NULL when it is not RAM. */
const volatile struct frame *exposed_frame(uint64_t frame);

const volatile struct exposed_hart *exposed_hart(unsigned int hart);

/*
 * The system's record, the own one and those of all harts are bound from now on, so that they can be read in an upcall. A forked copy
 * has to call this again. False: no memory for tables.
 */
bool exposed_self(void);

/* The trace ring of a hart, by a MACHINE capability; NULL also before the first sys_trace_set(). */
const volatile struct trace_ring *exposed_trace(unsigned int hart, unsigned int machine);

#endif
