/*
 * test_lib_ptable_sorted.c - the page table of docs/page-table-tutorial.md keeps what ptable.h promises
 */
/* ctest: sources=user/sorted/ptable.c */
#include "unit/ptable_test.h"
