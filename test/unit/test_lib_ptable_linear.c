/*
 * test_lib_ptable_linear.c - the linear vector keeps what ptable.h promises
 */
/* ctest: sources=libexos/vm/ptable/linear.c */
#include "unit/ptable_test.h"
