/*
 * matmul.c - the demonstration bin/matmul says that it went as expected
 */
#include "check.h"

int main(void)
{
	return demonstration("matmul");
}
