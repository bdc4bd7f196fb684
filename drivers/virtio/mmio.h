/*
 * mmio.h - the register window of a virtio device
 *
 * Only version 2 of the window, the modern one. Features are accepted by name: what we do not know is never switched on.
 * Source: VIRTIO 1.2, 4.2 (virtio over MMIO), 3.1.1 (initialisation), 2.4.1 (reset).
 */
#ifndef DRIVERS_VIRTIO_MMIO_H
#define DRIVERS_VIRTIO_MMIO_H

#include "kern/lib.h"

#define VIRTIO_FEATURE(n)	(1ull << (n))

/* A modern device of that kind (VIRTIO_ID_*) sits at base. Returns 0 or -E_NODEV. */
int virtio_mmio_probe(uintptr_t base, uint32_t device_id);

/*
 * Reset the device and agree on the features: all of need and, of want, what it offers. The queues come next.
 * Returns 0, *got being what is on; -E_IO: it lacks a needed one, refuses the choice, or does not come out of reset.
 */
int virtio_mmio_negotiate(uintptr_t base, uint64_t need, uint64_t want, uint64_t *got);

/* The queues are set up: go. Returns 0; -E_IO: the device asks to be reset already. */
int virtio_mmio_go(uintptr_t base);

/* Stop the device. Returns whether it confirmed, after which it does no more DMA. */
bool virtio_mmio_reset(uintptr_t base);

bool virtio_mmio_needs_reset(uintptr_t base);

/* Interrupt causes, VIRTIO_MMIO_INT_*, acknowledged. */
uint32_t virtio_mmio_interrupt(uintptr_t base);

/*
 * Copy nwords words of the device's configuration, all of the same generation.
 * Returns 0; -E_IO: it kept changing.
 */
int virtio_mmio_config(uintptr_t base, uint32_t *words, unsigned nwords);

#endif
