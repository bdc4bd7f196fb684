/*
 * net.h - the virtio network device; its interface is kern/nic.h
 *
 * Source: VIRTIO 1.2, 5.1. Two queues, no offloads, no merged buffers, no control queue.
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include "kern/nic.h"

/*
 * Is there a network device at base? Then *nic is prepared for nic_start().
 * Returns 0 or -E_NODEV: the slot is empty, holds another device, or one of the legacy kind.
 */
int virtio_net_probe(uintptr_t base, unsigned irq, struct nic *nic);

#endif
