/*
 * points.h - read before every file of kern/ and drivers/ on the host: where harts may overtake each other
 *
 * Each atomic operation, and each access that says that somebody else may look, is preceded by a point; see sim_point() in sim.h. Kernel
 * code that runs under the lock is overtaken by short roads, by user code and by the firmware of other harts, and by nothing else.
 * Memory is sequentially consistent here: what a weaker machine may reorder is the business of the fences that the comments name.
 */
#ifndef TEST_SIM_POINTS_H
#define TEST_SIM_POINTS_H

#include <stddef.h>

#include "kern/audit.h"
#include "kern/lib.h"

extern void (*sim_point_hook)(const char *where, bool wait);
#define SIM_POINT() \
	(__builtin_expect(sim_point_hook != NULL, 0) ? sim_point_hook(__func__, false) : (void)0)

#define __atomic_load_n(p, order)		(SIM_POINT(), __atomic_load_n(p, order))
#define __atomic_store_n(p, v, order)		(SIM_POINT(), __atomic_store_n(p, v, order))
#define __atomic_exchange_n(p, v, order)	(SIM_POINT(), __atomic_exchange_n(p, v, order))
#define __atomic_fetch_add(p, v, order)		(SIM_POINT(), __atomic_fetch_add(p, v, order))
#define __atomic_fetch_or(p, v, order)		(SIM_POINT(), __atomic_fetch_or(p, v, order))
#define __atomic_compare_exchange_n(p, old, new, weak, won, lost) \
	(SIM_POINT(), __atomic_compare_exchange_n(p, old, new, weak, won, lost))

#undef READ_ONCE
#define READ_ONCE(x)	 (SIM_POINT(), *(const volatile __typeof__(x) *)&(x))
#undef WRITE_ONCE
#define WRITE_ONCE(x, v) (SIM_POINT(), *(volatile __typeof__(x) *)&(x) = (v))

/* The debug kernel audits after each trap, where nobody is on a short road. Here somebody may be: explore() audits at the end. */
#define audit() (sim_point_hook != NULL ? (void)0 : audit())

#endif
