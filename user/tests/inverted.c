/*
 * inverted.c - the demonstration bin/inverted says that it went as expected
 */
#include "check.h"

int main(void)
{
	return demonstration("inverted");
}
