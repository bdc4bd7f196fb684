/*
 * fork_linear.c - fork.c over the linear vector
 */
/* link: vm_linear */
#include "fork.c"
