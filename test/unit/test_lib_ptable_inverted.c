/*
 * test_lib_ptable_inverted.c - the inverted table keeps what ptable.h promises
 */
/* ctest: sources=libexos/vm/ptable/inverted.c */
#include "unit/ptable_test.h"
