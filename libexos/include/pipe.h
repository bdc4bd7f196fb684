/*
 * pipe.h - bytes and messages between two environments, through pages that both have bound
 *
 * A pipe is a ring in shared memory. Who writes puts bytes in and moves the head, who reads takes them and moves the tail; the
 * kernel sees neither. Only a side that has to wait needs it: it first yields to the other one, which is the one it waits for, and if that does not
 * help it sleeps until it is notified. Replaceable: an application may keep the layout and inline its own way of waiting, or none.
 *
 * Neither side believes the other: indices are read once and judged, so that a wrong one is an error (-E_IO) and never an access outside
 * of the ring; contents are copied. What a side cannot be protected from is that the other one changes bytes which have not been
 * read yet, or never answers: so waiting has a deadline.
 *
 * Two directions are two pipes. One thread at a time uses one end.
 */
#ifndef PIPE_H
#define PIPE_H

#include <stddef.h>
#include <stdint.h>

#define PIPE_VERSION	1
#define PIPE_HEADER	64

/* At the start of the shared memory; the ring follows. */
struct pipe_shared {
	uint32_t version;
	uint32_t bytes;			/* of the ring, a power of two */
	uint32_t head;			/* bytes ever written, modulo 2^32; by the writer */
	uint32_t writer_sleeps, writer_closed;
	uint32_t zero[3];
	uint32_t tail;			/* bytes ever read; by the reader */
	uint32_t reader_sleeps, reader_closed;
	uint32_t zero2[5];
	uint8_t  ring[];
};

/* One end; private. */
struct pipe {
	struct pipe_shared *s;
	uint32_t bytes;			/* of the ring, judged when the end was opened */
	unsigned int peer;		/* slot of the other environment, with RIGHT_NOTIFY and, to be yielded to, RIGHT_YIELD */
	uint64_t event;			/* bit of EV_USER_MASK by which each side tells the other */
};

/*
 * The side that has the memory makes the pipe in it: bytes of memory, PIPE_HEADER and a power of two; the rest is not used. The other
 * side opens it. Both then are reader or writer as they agree. -E_INVAL: too small; what is there is not a pipe.
 */
int pipe_make(struct pipe *p, void *memory, size_t bytes, unsigned int peer, uint64_t event);
int pipe_open(struct pipe *p, void *memory, size_t bytes, unsigned int peer, uint64_t event);

/*
 * Write or read at least one byte and at most n, waiting until deadline (time CSR; 0: for ever; 1: do not wait). Returns the number; 0: nothing
 * by the deadline; when reading, also -E_DEAD: the writer has closed it and all is read; when writing, the reader has. -E_IO: the
 * other side wrote impossible indices. The death of the other environment ends a wait when somebody notifies or the deadline comes.
 */
long pipe_write(struct pipe *p, const void *buf, size_t n, unsigned long deadline);
long pipe_read(struct pipe *p, void *buf, size_t n, unsigned long deadline);

/* Tell the other side that nothing more comes, or is wanted. */
void pipe_close_writer(struct pipe *p);
void pipe_close_reader(struct pipe *p);

/*
 * A queue of messages is a pipe whose bytes are a length and that many bytes. Send: whole or not at all; returns n, 0 at the deadline,
 * -E_INVAL: it never fits. Receive: returns the length, 0 at the deadline; -E_LIMIT: it is longer than room, and is still there. Messages have at
 * least one byte. Other errors as above.
 */
long queue_send(struct pipe *p, const void *message, size_t n, unsigned long deadline);
long queue_receive(struct pipe *p, void *message, size_t room, unsigned long deadline);

#endif
