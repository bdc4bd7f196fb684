/*
 * gc.c - the demonstration bin/gc says that it went as expected
 */
#include "check.h"

int main(void)
{
	return demonstration("gc");
}
