/*
 * shared.c - the hook behind READ_SHARED; see kern/shared.h
 */
#include "kern/shared.h"

uint64_t (*shared_hook)(const volatile void *at, uint64_t value, unsigned bytes);
