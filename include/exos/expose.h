/*
 * expose.h - the kernel's own bookkeeping, readable by everyone; and the trace, by those who may
 *
 * expose_bind() maps pages of these regions read-only. Nothing here is a kernel address. Values may change while they
 * are read; each word is consistent in itself. Every region starts with a version or is an array whose record size
 * struct exposed_system tells.
 */
#ifndef EXOS_EXPOSE_H
#define EXOS_EXPOSE_H

#include <stdint.h>

#include "exos/uarea.h"

enum expose_region {
	EXPOSE_SYSTEM,		/* one page: struct exposed_system */
	EXPOSE_FRAMES,		/* array of struct frame, index = frame number - first_frame */
	EXPOSE_ENVS,		/* array of struct exposed_env, index = env number & ENV_INDEX_MASK */
	EXPOSE_HARTS,		/* one page per hart: struct exposed_hart */
	EXPOSE_TRACE,		/* trace_pages per hart: struct trace_ring. Needs a MACHINE capability; exists since trace_set() */
	EXPOSE_REGIONS
};

enum frame_type {
	FRAME_FREE,
	FRAME_DATA,
	FRAME_TABLE,		/* `level` 0..2 */
	FRAME_KOBJ,		/* `level` is the cap_type it serves as */
	FRAME_KERNEL,		/* kernel image, firmware, boot tables: never anybody's */
	FRAME_EXPOSED		/* these regions */
};

struct frame {
	uint8_t  type;		/* enum frame_type */
	uint8_t  level;		/* TABLE: 0 leaf table .. 2 root; KOBJ: enum cap_type */
	uint8_t  order;		/* DATA, first frame of a larger page: 1 (2 MiB), 2 (1 GiB) */
	uint8_t  tail;		/* 1: part of a larger page whose first frame is `parent` */
	uint32_t owner;		/* environment that is charged for it, 0: none */
	uint32_t pins;		/* device requests, rings and u-areas that hold it */
	uint32_t parent;	/* TABLE: frame of the table above. Tail: first frame of its 2 MiB, or of the 1 GiB */
	uint32_t last_owner;	/* FREE: whose data it still holds, 0: zeroed or nobody's */
	uint32_t ncaps;		/* capabilities that stand for it */
	uint64_t word;		/* the owner's own; the kernel never reads it */
};

#define ENV_INDEX_BITS	10
#define ENV_MAX		(1u << ENV_INDEX_BITS)
#define ENV_INDEX_MASK	(ENV_MAX - 1)

enum env_state { ENV_FREE, ENV_STOPPED, ENV_READY, ENV_WAITING, ENV_DYING };

/* Why an environment is stopped. */
enum env_reason { STOP_NEW, STOP_EXIT, STOP_PARENT, STOP_FAULT, STOP_DOUBLE_FAULT, STOP_NO_CONTEXT };

/* What an environment is promised of a kind of resource, and what it has of it. */
struct exposed_share {
	uint32_t guarantee;	/* promised to it */
	uint32_t promised_on;	/* of that, passed on to its children */
	uint32_t held;		/* charged to it */
	uint32_t wanted;	/* what it waits for */
};

struct exposed_env {
	uint32_t id;		/* index and generation */
	uint32_t parent;
	uint8_t  state, reason;
	uint16_t zero;
	int32_t  status;	/* exit status */
	union {
		struct exposed_share share[REVOKE_SHARES];	/* by enum revoke_kind, from REVOKE_PAGES on */
		struct {
			uint32_t guarantee, promised_on, held, wanted;	/* pages */
			struct exposed_share slices;	/* bound to it, on all harts */
			struct exposed_share filters;	/* places in the classifier: sets of bits that its filters test, and filters that are SHARED */
			struct exposed_share rings;	/* nobody is promised any */
		};
	};
	uint32_t context;	/* frame of the root table it runs in */
	uint32_t asked_kind;	/* enum revoke_kind, while it is asked */
	uint64_t used;		/* processor time, in ticks */
	uint64_t debt;		/* time that it overran and has not paid for yet, in ticks */
	uint64_t switches;	/* how often it was given the processor */
	uint64_t word;		/* the owner's own */
	uint32_t borrow;	/* ENV_BORROW */
	uint32_t fixed;		/* of the pages charged to it, those that are not taken: objects, roots, u-areas, rings, larger pages */
	uint32_t asked;		/* what it has been asked for, 0: nothing */
	uint32_t requests;	/* how often it was asked */
	uint32_t lost;		/* how often something was taken from it */
};

#define SLICES		64	/* per hart */
#define SLICE_TICKS	10000	/* 1 ms at 10 MHz; exposed_hart.slice_ticks is the real value */

struct exposed_hart {
	uint32_t version, hart;
	uint32_t slice_ticks, grace_ticks;
	uint32_t current;	/* environment that runs, 0: idle */
	uint32_t position;	/* slice that runs */
	uint64_t idle;		/* ticks without anybody to run */
	uint64_t interrupts, timer_interrupts;
	uint32_t lock_wait, lock_held;	/* longest time, in ticks, that it waited for the kernel's lock, and held it */
	uint32_t slice[SLICES];	/* environment bound to each, 0: none */
};

struct exposed_system {
	uint32_t version;
	uint32_t abi_bytes;	/* sizeof(struct exposed_system) */
	uint32_t frame_bytes, env_bytes;
	uint64_t timebase_hz;	/* of the time CSR */
	uint64_t boot_time;	/* time CSR when the kernel was entered */
	uint32_t first_frame, nframes;
	uint32_t free_frames, promised_frames;
	uint32_t nharts, asid_bits;
	uint64_t asid_generation;
	uint64_t fences_page;	/* fences of one address: only the debug kernel counts them */
	uint64_t fences_asid, fences_all;
	uint64_t rx_packets, rx_unclaimed, rx_dropped, tx_packets, tx_refused;
	uint32_t nic_present, nic_broken;
	uint8_t  mac[6], zero[2];
	uint32_t filters;
	uint32_t trace_pages;	/* of each ring in EXPOSE_TRACE */
	uint32_t wanted_frames;	/* pages that environments wait for; what is free is kept for them */
	uint32_t quarantined_frames;	/* taken away while a device reads them: free when it is done */
};

#endif
