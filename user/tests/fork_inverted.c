/*
 * fork_inverted.c - fork.c over the inverted table
 */
/* link: vm_inverted */
#include "fork.c"
