/*
 * mman_linear.c - mman.c over the linear vector
 */
/* link: vm_linear */
#define TABLE "linear vector"
#include "mman.c"
