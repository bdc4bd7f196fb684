/*
 * hello.c - the shortest program: arguments, printf, exit status
 */
#include "check.h"

int main(int argc, char **argv)
{
	printf("hello from environment %u\n", self_env());
	CHECK(argc == 1);
	CHECK(strcmp(argv[0], "hello") == 0);
	CHECK(argv[argc] == NULL);
	CHECK(start_block()->version == START_VERSION);
	return verdict();
}
