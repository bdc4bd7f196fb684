/*
 * policies.c - the demonstration bin/policies says that it went as expected
 */
#include "check.h"

int main(void)
{
	return demonstration("policies");
}
