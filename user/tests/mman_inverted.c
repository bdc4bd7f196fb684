/*
 * mman_inverted.c - mman.c over the inverted table
 */
/* link: vm_inverted */
#define TABLE "inverted table"
#include "mman.c"
