/*
 * net.c - packets from the device to a ring
 */
#include "bench.h"

void bench_net(void)
{
}
