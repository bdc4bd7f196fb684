/*
 * machine.h - the machine that the kernel found itself on
 *
 * Filled in once at boot from the device tree and constant afterwards. Everything here has been checked: ranges do not
 * wrap, memory and device registers do not overlap.
 */
#ifndef KERN_MACHINE_H
#define KERN_MACHINE_H

#include "kern/lib.h"

#define MACHINE_MEMORY_MAX	4
#define MACHINE_RESERVED_MAX	16
#define MACHINE_HARTS_MAX	8
#define MACHINE_VIRTIO_MAX	32
#define MACHINE_ARGS_MAX	256	/* with the nul */
#define MACHINE_ADDRESS_END	(1ull << 38)	/* what the direct map of Sv39 can reach */

struct machine_range {
	paddr_t  base;
	uint64_t size;
};

struct machine_device {
	paddr_t  base;		/* 0: there is none */
	uint64_t size;
	uint32_t irq;		/* source number at the PLIC, 0: none */
};

enum { DEVICE_UART, DEVICE_PLIC, DEVICE_TEST, DEVICE_VIRTIO, MACHINE_DEVICES_MAX = DEVICE_VIRTIO + MACHINE_VIRTIO_MAX };

struct machine_hart {
	uint64_t id;
	bool     sstc;		/* has stimecmp */
	int32_t  plic_context;	/* of S-mode, -1: gets no external interrupts */
};

struct machine {
	uint32_t tree_bytes;					/* of the device tree itself */
	uint32_t nmemory, nreserved, nharts, nvirtio;
	struct machine_range memory[MACHINE_MEMORY_MAX];	/* sorted, whole pages */
	struct machine_range reserved[MACHINE_RESERVED_MAX];	/* whole pages; not to be touched */
	struct machine_hart hart[MACHINE_HARTS_MAX];		/* sorted by id; with an MMU and not disabled */
	uint64_t timebase_hz;
	union {
		struct machine_device device[MACHINE_DEVICES_MAX];
		struct {
			struct machine_device uart;		/* ns16550a */
			struct machine_device plic;
			struct machine_device test;		/* "sifive,test0": ends the emulation */
			struct machine_device virtio[MACHINE_VIRTIO_MAX];	/* virtio-mmio slots, sorted, occupied or not */
		};
	};
	uint32_t plic_ndev;					/* sources 1..plic_ndev */
	char bootargs[MACHINE_ARGS_MAX];			/* nul-terminated */
	paddr_t initrd_start, initrd_end;			/* within memory; 0, 0: none */
};

#endif
