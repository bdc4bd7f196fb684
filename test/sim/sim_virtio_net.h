/*
 * sim_virtio_net.h - a virtio network device of the simulated machine
 *
 * Honest unless told otherwise: it works through the queues as VIRTIO 1.2 says, and it is strict with the driver: the first
 * rule that the driver breaks is kept in `complaint`. A test makes it lie by changing its public fields, or by writing into the
 * used rings with the functions at the end.
 */
#ifndef TEST_SIM_VIRTIO_NET_H
#define TEST_SIM_VIRTIO_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_VN_RX	0
#define SIM_VN_TX	1

struct sim_virtio_net {
	/* What it says of itself. */
	uint32_t magic, version, device_id, num_max;
	uint64_t features;		/* offered */
	uint8_t  mac[6];
	uint16_t link;
	/* Lies and failures. */
	bool hold_tx;			/* takes packets and never completes them; sim_virtio_net_work() after a change */
	bool refuse_features;		/* FEATURES_OK does not stick */
	bool stuck_in_reset;		/* the status never becomes 0 */
	bool restless;			/* the configuration's generation changes with each read */
	bool no_notify;			/* asks not to be notified, and then needs sim_virtio_net_work() */
	bool line_stuck;		/* the interrupt line stays up */
	uint8_t rx_flags, rx_gso;	/* of the header in front of received frames */

	/* What happened. */
	const char *complaint;
	unsigned notifies[2], resets, irqs;
	uint64_t accepted;		/* features of the driver */
	unsigned sent;
	uint8_t  last[2048];		/* the frame sent last, without its header */
	size_t   last_len;
	void (*on_send)(void *ctx, const uint8_t *frame, size_t len);
	void *ctx;

	/* Registers. */
	uint64_t base;
	unsigned irq;
	uint32_t status, isr, generation, device_sel, driver_sel, queue_sel;
	struct sim_virtio_queue {
		uint32_t num, ready;
		uint64_t desc, avail, used;
		uint16_t avail_seen, used_idx;
		unsigned pending;	/* taken and not completed */
	} queue[2];
};

/* An honest device at base, known to the machine. After sim_machine_reset(). */
void sim_virtio_net_init(struct sim_virtio_net *n, uint64_t base, unsigned irq);

/* A frame arrives. False: it is not running, or the driver has given no buffer. */
bool sim_virtio_net_receive(struct sim_virtio_net *n, const void *frame, size_t len);

/* Work through the packets to send. */
void sim_virtio_net_work(struct sim_virtio_net *n);
/* Are there any? */
bool sim_virtio_net_has_work(struct sim_virtio_net *n);

/* Take the next chain of a queue from the driver and return its head, -1: none. For tests that complete by hand. */
int sim_virtio_net_take(struct sim_virtio_net *n, unsigned queue);
/* Append any used element. */
void sim_virtio_net_used(struct sim_virtio_net *n, unsigned queue, uint32_t id, uint32_t len);
/* Add to the used index without elements. */
void sim_virtio_net_jump(struct sim_virtio_net *n, unsigned queue, uint16_t by);
/* Raise an interrupt, VIRTIO_MMIO_INT_*; 0: without a cause. */
void sim_virtio_net_interrupt(struct sim_virtio_net *n, uint32_t cause);
/* Write nonsense over what the driver has written: descriptors and available ring. */
void sim_virtio_net_scribble(struct sim_virtio_net *n, unsigned queue);

#endif
