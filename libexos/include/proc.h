/*
 * proc.h - starting other programs, and what becomes of them
 *
 * A process is an idea of the library: an environment with a context of its own, an ELF image, some slices, and capabilities given
 * under names (struct start_grant). The parent donates the environment's record, its root page table, the tables that cover
 * the image, the start page and the first capability tables; all other pages are the child's own, out of the guarantee. The parent keeps the ENV
 * capability and with it the last word.
 *
 *	static const char *const argv[] = { "hello", "world", NULL };
 *	struct proc_grant grants[] = { { .name = "console", .slot = start_slot("console"), .rights = RIGHT_USE } };
 *	struct spawn s = {
 *		.elf = e.data, .elf_bytes = e.size, .argv = argv,
 *		.guarantee = 256, .slices = slot, .first = 0, .count = 4,
 *		.grants = grants, .ngrants = 1,
 *	};
 *	struct proc p;
 *	int err = proc_spawn(&s, &p);
 *	if (err < 0)
 *		printf("%s\n", proc_strerror(err));
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Capabilities for the child: count of them (0 means 1) from slot on are copied with these rights. */
struct proc_grant {
	const char *name;		/* at most 23 characters */
	unsigned int slot, count;
	unsigned int rights;
	uint64_t value;
	unsigned int first, nslices;	/* a SLICE capability: which part of it; 0 is the first that it covers */
};

struct spawn {
	const void *elf;		/* the file in memory; not needed after the return */
	size_t elf_bytes;
	const char *const *argv;	/* NULL-terminated; argv[0] is the name, also the environment's (env_name.h) */
	unsigned long guarantee;	/* pages promised to the child, out of the own guarantee */
	unsigned long borrow;		/* pages beyond these that it may borrow until they are asked for (revoke.h); at most the own allowance */
	unsigned int slices;		/* SLICE slot with RIGHT_BIND; 0: the child gets no time yet */
	unsigned int first, count;	/* which slices of it; 0 is the first that the capability covers */
	unsigned int promise_slices;	/* so many slices are promised to the child, out of the own guarantee */
	unsigned int promise_filters;	/* likewise places in the packet classifier; 0: PROC_FILTERS, if it gets a flow and there are as many */
	const struct proc_grant *grants;
	unsigned int ngrants;
	bool stopped;			/* do not start it: proc_run() does */
};

#define PROC_FILTERS 4			/* enough for ARP, a port of TCP or UDP or both, and ICMP */
#define PROC_DONATED 96			/* pages that a parent gives at most beside record and root table */

struct proc {
	uint32_t id;			/* environment number, as in the exposed records */
	unsigned int env, ctx;		/* slots of its capabilities here */
	unsigned int slices, first, count;
	unsigned int ndonated;
	uint16_t donated[PROC_DONATED];		/* slots of tables, capability tables, start page */
};

/* Results below this value are elf_plan() errors plus PROC_ELF; proc_strerror() knows all. */
#define PROC_ELF	(-1000)
#define PROC_ARGS	(-2000)		/* arguments, grants and segments do not fit into the start page */
#define PROC_LARGE	(-2001)		/* the image needs more tables than a parent donates */
#define PROC_GUARANTEE	(-2002)		/* the guarantee is smaller than the image */
#define PROC_PROMISE	(-2003)		/* more slices, or places for filters, than there are left to promise */
#define PROC_SLICES	(-2004)		/* the slices are kept for others */
#define PROC_SLICES_LENT (-2005)	/* they are promised to the child, and those who have them were asked in vain */

/*
 * Start a program. Returns 0 and fills in *p; a negative E_* code or one of the above, and then nothing is left of it.
 */
int proc_spawn(const struct spawn *s, struct proc *p);
const char *proc_strerror(int err);

/*
 * Make a copy of this program: an environment whose memory is that of the caller at this moment, in slots of the same numbers. Both
 * go on from here. Returns 1 in the copy; 0 in the caller, with *p filled in; a negative E_* code, and then nothing is left of it.
 *
 * The image's data is copied at once, for upcall handlers may touch it. Text, and what lies in regions that vm.h calls shared (also
 * vm_reserve(), vm_share(), vm_attach()), is shared. All else is bound read-only on both sides and copied when one of the two writes it;
 * until then its page is charged to the caller.
 *
 * The copy gets the caller's named grants, its own environment and context, the right to notify, call and yield to the caller, and no
 * other capability: no rings, no children. It is not receptive to transfers until it calls pct_serve(). What vm_entries() returned
 * is void there. Not for the first environment, nor from an upcall handler.
 */
struct proc_fork {
	unsigned long guarantee;	/* pages promised to the copy; 0: it borrows what is promised to nobody */
	unsigned long borrow;		/* as in struct spawn */
	unsigned int slices;		/* SLICE slot with RIGHT_BIND; 0: it runs when somebody yields to it */
	unsigned int first, count;	/* which slices of it; 0 is the first that the capability covers */
};
int proc_fork(const struct proc_fork *f, struct proc *p);

/* In a copy: slot of the environment that it is a copy of (NOTIFY, CALL, YIELD). Elsewhere 0. */
unsigned int proc_parent_slot(void);

/* Let a stopped one run. Returns 0 or a negative E_* code. */
int proc_run(const struct proc *p);

enum proc_state {
	PROC_RUNNING,		/* ready, running or asleep */
	PROC_EXITED,		/* called exit: status is its */
	PROC_FAULTED,		/* a fault without a handler */
	PROC_DOUBLE_FAULT,	/* a fault in a fault handler */
	PROC_STOPPED,		/* by us */
	PROC_GONE,		/* no such environment any more */
};

/* How it stands, without waiting. status may be NULL. */
enum proc_state proc_state(const struct proc *p, int *status);
const char *proc_state_name(enum proc_state state);

/*
 * Wait until it does not run any more or the time CSR reaches deadline (0: for ever). Returns the state; PROC_RUNNING at the
 * deadline. The environment is still there, for inspection; proc_end() removes it.
 */
enum proc_state proc_wait(const struct proc *p, unsigned long deadline, int *status);

/* Take it apart, running or not: everything it held is free again, and so is what was donated. Returns 0 or a negative E_* code. */
int proc_end(struct proc *p);
#define proc_kill proc_end

/*
 * Give it (more) slices: count of them from first on, 0 being the first that the capability in slot covers. For those that it is promised and
 * others have it waits, two seconds at most. Returns 0 or an error: PROC_SLICES, PROC_SLICES_LENT, or one of slice_bind().
 */
int proc_slices(struct proc *p, unsigned int slot, unsigned int first, unsigned int count);

#endif
