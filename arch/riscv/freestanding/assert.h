/*
 * assert.h - static_assert for code that is built without a C library: the kernel, and programs on the bare ABI
 *
 * C11 leaves this one macro to the library's header. assert() itself is absent on purpose: the kernel has KASSERT.
 */
#ifndef EXOS_FREESTANDING_ASSERT_H
#define EXOS_FREESTANDING_ASSERT_H

#define static_assert _Static_assert

#endif
