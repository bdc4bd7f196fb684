/*
 * threads.h - a thread, for the files of this folder
 */
#ifndef SCHED_THREADS_H
#define SCHED_THREADS_H

/* Offsets for switch.S. */
#define T_FP	272
#define T_FULL	536

#ifndef __ASSEMBLER__
#include "thread.h"
#include "upcall.h"

struct thread {
	struct upcall_frame frame;	/* pc in x[0] */
	uint64_t fp[33];		/* f0..f31, fcsr */
	uint64_t full;			/* all registers are to be loaded: it was preempted. 0: what a call need not keep is lost */
	unsigned int depth;		/* preempt_depth when it goes on */
	uint64_t switch_sp;		/* preempted: the word of upcall/switch.S */

	struct thread *next;		/* in `in` */
	struct thread_queue *in;	/* ready, or whom it waits for; NULL: runs, ended, or waits for events only */
	struct thread *sleeping;	/* next of those with a mask or a deadline */
	uint64_t mask, got;
	unsigned long deadline;		/* 0: none */
	bool asleep, late;		/* in that list; the deadline ended the wait */

	void *(*fn)(void *);
	void *arg, *result, *memory;
	bool ended;
	struct thread_queue joiner;
};

/* thread.c; all with preempt_depth > 0. */
extern struct thread *thread_current;
void thread_push(struct thread_queue *q, struct thread *t);
struct thread *thread_pop(struct thread_queue *q);
void thread_make_ready(struct thread *t);

/* The caller is in q, or waits for mask or deadline, or both: another one runs. Returns when this one was made ready and chosen. */
void thread_block(struct thread_queue *q, uint64_t mask, unsigned long deadline);
#endif
#endif
