/*
 * sorted.c - the program of the tutorial, with a page table of its own, says that it went as expected
 */
#include "check.h"

int main(void)
{
	return demonstration("sorted");
}
