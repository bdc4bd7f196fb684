/*
 * inverted.c - the program of user/matmul over the inverted page table
 *
 * Not a line of it differs. The linker was told to take libexos/vm/ptable/inverted.c instead of radix.c.
 */
/* link: vm_inverted */
#define TABLE_SMALL true
#include "../matmul/matmul.c"
