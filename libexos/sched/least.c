/*
 * least.c - which slice goes first
 */
#include "slices.h"

int slices_least(const uint32_t *worth, unsigned int n)
{
	int least = -1;

	for (unsigned int i = 0; i < n; i++)
		if (worth[i] != SLICE_KEEP && (least < 0 || worth[i] < worth[least]))
			least = (int)i;
	return least;
}
