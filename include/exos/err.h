/*
 * err.h - what a system call says when it refuses
 *
 * A call returns a negative E_* code and has then changed nothing. exos_strerror() of libexos prints the sentences; the
 * list below is their only source.
 */
#ifndef EXOS_ERR_H
#define EXOS_ERR_H

/* X(name, number, sentence) */
#define EXOS_ERRORS(X) \
	X(E_INVAL,    1, "an argument is out of range, misaligned or contradicts another") \
	X(E_NOCALL,   2, "there is no system call of that number") \
	X(E_NOCAP,    3, "the slot is empty, out of range, or holds a capability of another type") \
	X(E_RIGHTS,   4, "the capability lacks a right that the operation needs") \
	X(E_SLOT,     5, "the target slot is occupied, out of range, or not in a window that the receiver opened") \
	X(E_TYPE,     6, "the page is in use as a table or kernel object, or is shared, bound or pinned and cannot become one") \
	X(E_NOTABLE,  7, "no page table has been donated for that address") \
	X(E_NOTBOUND, 8, "nothing is bound at that address") \
	X(E_EXISTS,   9, "something of that name or predicate is already there") \
	X(E_NOMEM,   10, "no frame is free, or the frame that was named is not free") \
	X(E_QUOTA,   11, "the environment holds its guarantee and nothing may be borrowed now") \
	X(E_LIMIT,   12, "a fixed bound of the kernel is reached: copies, depth, table pages, filters") \
	X(E_BUSY,    13, "the object is in use: empty it, stop it or wait for its requests first") \
	X(E_DEAD,    14, "the environment is dead, stopped, or another one now carries its number") \
	X(E_FAULT,   15, "the memory passed to the call is not mapped with the access that the call needs") \
	X(E_IMPLY,   16, "the predicate is not implied by that of the flow capability") \
	X(E_FULL,    17, "the queue or ring is full; try again when something has completed") \
	X(E_IO,      18, "the device failed or does not follow its protocol") \
	X(E_NODEV,   19, "the machine has no such device") \
	X(E_TIME,    20, "the deadline passed before an answer came") \
	X(E_AGAIN,   21, "others are asked for it now: call again, best after EV_GRANT")

enum {
#define X(name, number, sentence) name = number,
	EXOS_ERRORS(X)
#undef X
};

#endif
