/*
 * test_lib_ptable_radix.c - the radix tree keeps what ptable.h promises
 */
/* ctest: sources=libexos/vm/ptable/radix.c */
#include "unit/ptable_test.h"
