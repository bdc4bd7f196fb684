/*
 * stay.h - how long a stay in the kernel may be: the one place where the number stands. docs/harts.md tells it, test/qemu/test_longest.py judges by it
 *
 * In instructions of the kernel, from a trap to the return from it; what the firmware does for it and the wait for other harts do not count.
 */
#ifndef TESTS_STAY_H
#define TESTS_STAY_H

#define STAY_MOST	550000

#endif
