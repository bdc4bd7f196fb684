/*
 * paper_vm_inverted.c - paper_vm.c over the inverted page table: the second line of table 13
 */
/* link: vm_inverted */
#define TABLE "inverted"
#include "paper_vm.c"
