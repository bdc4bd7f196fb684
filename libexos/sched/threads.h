/*
 * threads.h - a thread, for the files of this folder
 */
#ifndef SCHED_THREADS_H
#define SCHED_THREADS_H

/* Offsets for switch.S. */
#define T_FP	272
#define T_FULL	536
#define T_AT	544

/* struct worker; it lies in a u-area. */
#define W_SP	0
#define W_THREAD 8

#ifndef __ASSEMBLER__
#include "thread.h"
#include "upcall.h"

struct thread {
	struct upcall_frame frame;	/* pc in x[0] */
	uint64_t fp[33];		/* f0..f31, fcsr */
	uint64_t full;			/* all registers are to be loaded: it was preempted. 0: what a call need not keep is lost */
	struct worker *at;		/* on another hart (harts.c); NULL: at home */
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

	/* For threads on several harts, harts.c. */
	bool free;			/* ready, and where it goes on it need not be at home */
	bool stays;			/* does not leave */
	bool came;			/* home, by worker_leave() */
	bool faulted, lost;		/* came home by a fault; its environment ended under it */
};

#define THREAD_LOCAL_EXEC __attribute__((tls_model("local-exec")))	/* nothing is linked dynamically: no table is asked */

/* thread.c; all with preempt_depth > 0. */
extern struct thread *thread_current;		/* of those at home the one that runs */
extern __thread struct thread *thread_me THREAD_LOCAL_EXEC;	/* the caller, wherever it is. Not in upcalls */
extern struct thread_queue thread_ready;
extern struct thread first_thread;
extern struct thread_stats thread_counts;
void thread_push(struct thread_queue *q, struct thread *t);
struct thread *thread_pop(struct thread_queue *q);
void thread_make_ready(struct thread *t);

/* The caller is in q, or waits for mask or deadline, or both: another one runs. Returns when this one was made ready and chosen. */
void thread_block(struct thread_queue *q, uint64_t mask, unsigned long deadline);
void thread_leave_queue(struct thread *t);
void thread_first_use(void);
void thread_home(void);
void thread_begin(void), thread_begin_away(void);
void thread_wake_mask(void);
void thread_end_of(struct thread *t);	/* it has ended: who joins it goes on */

/* harts.c. Of use when preempt_harts is set. */
#define POOL_EVENT	EV_USER(31)
#define FULL_NOT_YET	2	/* of thread.full: its registers are about to be saved */

/* Take back who came home, give free threads to harts without one. At depth > 0, or in an upcall that found it 0. */
void pool_work(void);
/* The thread t was chosen to run at home: it may leave at the end of its piece, if others need to be here. */
void pool_chosen(struct thread *t);
/* The caller, in thread_yield(), would rather go on elsewhere. True: it does. */
bool pool_leave(void);
/* Does any thread run elsewhere? */
bool pool_busy(void);
/* Give the rest of the slice to threads elsewhere whose hart is not ours any more. False: there are none, or they had the last one. */
bool pool_lend(void);

/* switch.S */
void thread_registers(struct thread *from, struct thread *to);
void thread_registers_away(struct thread *from, struct thread *to);
#endif
#endif
