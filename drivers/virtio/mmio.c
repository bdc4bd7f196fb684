/*
 * mmio.c - the register window of a virtio device; see mmio.h
 */
#include "drivers/virtio/mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "kern/arch.h"

#define MAGIC		0x74726976	/* "virt" */
#define RESET_TRIES	1000
#define CONFIG_TRIES	8

int virtio_mmio_probe(uintptr_t base, uint32_t device_id)
{
	/* 4.2.3.1.1: look no further when the magic value or the version is another. Device 0 is an empty slot. */
	if (mmio_read32(base + VIRTIO_MMIO_MAGIC_VALUE) != MAGIC || mmio_read32(base + VIRTIO_MMIO_VERSION) != 2)
		return -E_NODEV;
	return mmio_read32(base + VIRTIO_MMIO_DEVICE_ID) == device_id ? 0 : -E_NODEV;
}

bool virtio_mmio_reset(uintptr_t base)
{
	mmio_write32(base + VIRTIO_MMIO_STATUS, 0);
	for (unsigned i = 0; i < RESET_TRIES; i++)
		if (mmio_read32(base + VIRTIO_MMIO_STATUS) == 0)
			return true;
	return false;
}

/* Once set, bits stay; the device shows what it accepted. */
static bool status_add(uintptr_t base, uint32_t bits)
{
	uint32_t status = mmio_read32(base + VIRTIO_MMIO_STATUS) | bits;

	mmio_write32(base + VIRTIO_MMIO_STATUS, status);
	status = mmio_read32(base + VIRTIO_MMIO_STATUS);
	return (status & bits) == bits && (status & (VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)) == 0;
}

int virtio_mmio_negotiate(uintptr_t base, uint64_t need, uint64_t want, uint64_t *got)
{
	uint64_t offered;

	if (!virtio_mmio_reset(base))
		return -E_IO;
	if (!status_add(base, VIRTIO_CONFIG_S_ACKNOWLEDGE) || !status_add(base, VIRTIO_CONFIG_S_DRIVER))
		return -E_IO;

	mmio_write32(base + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	offered = (uint64_t)mmio_read32(base + VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	mmio_write32(base + VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	offered |= mmio_read32(base + VIRTIO_MMIO_DEVICE_FEATURES);
	if ((offered & need) != need) {
		mmio_write32(base + VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED);
		return -E_IO;
	}
	*got = offered & (need | want);
	mmio_write32(base + VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	mmio_write32(base + VIRTIO_MMIO_DRIVER_FEATURES, *got >> 32);
	mmio_write32(base + VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	mmio_write32(base + VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)*got);
	return status_add(base, VIRTIO_CONFIG_S_FEATURES_OK) ? 0 : -E_IO;
}

int virtio_mmio_go(uintptr_t base)
{
	return status_add(base, VIRTIO_CONFIG_S_DRIVER_OK) ? 0 : -E_IO;
}

bool virtio_mmio_needs_reset(uintptr_t base)
{
	return (mmio_read32(base + VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;
}

uint32_t virtio_mmio_interrupt(uintptr_t base)
{
	uint32_t cause = mmio_read32(base + VIRTIO_MMIO_INTERRUPT_STATUS) & (VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);

	if (cause != 0)
		mmio_write32(base + VIRTIO_MMIO_INTERRUPT_ACK, cause);
	return cause;
}

int virtio_mmio_config(uintptr_t base, uint32_t *words, unsigned nwords)
{
	for (unsigned i = 0; i < CONFIG_TRIES; i++) {
		uint32_t generation = mmio_read32(base + VIRTIO_MMIO_CONFIG_GENERATION);

		/* 4.2.2.2 asks for accesses as wide as the field; words are what devices take in practice. */
		for (unsigned k = 0; k < nwords; k++)
			words[k] = mmio_read32(base + VIRTIO_MMIO_CONFIG + 4 * k);
		if (mmio_read32(base + VIRTIO_MMIO_CONFIG_GENERATION) == generation)
			return 0;
	}
	return -E_IO;
}
