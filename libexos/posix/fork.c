/*
 * fork.c - fork(), wait(), waitpid() over proc_fork()
 *
 * A child has no slices of its own: it runs on its parent's, which yields to it while it waits. A process is known by the number of
 * its environment.
 *
 * Source: POSIX.1-2017, fork(), waitpid().
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exos_calls.h"
#include "posix.h"
#include "proc.h"
#include "start.h"
#include "upcall.h"

#define CHILDREN	32

static struct proc child[CHILDREN];	/* env 0: unused */

static pid_t fails(int error)
{
	errno = error;
	return -1;
}

pid_t fork(void)
{
	struct proc_fork f = { 0 };
	unsigned int i = 0;
	int r;

	while (i < CHILDREN && child[i].env != 0)
		i++;
	if (i == CHILDREN)
		return fails(EAGAIN);
	r = proc_fork(&f, &child[i]);
	if (r == 1) {
		for (i = 0; i < CHILDREN; i++)
			child[i].env = 0;	/* our parent's */
		return 0;
	}
	return r < 0 ? fails(r == -E_NOMEM || r == -E_QUOTA ? ENOMEM : EAGAIN) : (pid_t)child[i].id;
}

/* As <sys/wait.h> takes it apart: the exit status in the second byte, or the signal in the first. */
static int encode(enum proc_state state, int status)
{
	return state == PROC_EXITED ? (status & 0xff) << 8 : state == PROC_STOPPED ? SIGKILL : SIGSEGV;
}

/* The one that is asked for and has ended; *any: one is asked for and runs. */
static struct proc *ended(pid_t pid, struct proc **any, int *status)
{
	*any = NULL;
	for (struct proc *p = child; p < child + CHILDREN; p++) {
		enum proc_state state;
		int exit_status;

		if (p->env == 0 || (pid != -1 && (pid_t)p->id != pid))
			continue;
		state = proc_state(p, &exit_status);
		if (state != PROC_RUNNING) {
			*status = encode(state, exit_status);
			return p;
		}
		*any = p;
	}
	return NULL;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	struct proc *p, *running;
	pid_t who;
	int how;

	if ((options & ~(WNOHANG | WUNTRACED)) != 0)
		return fails(EINVAL);
	for (;;) {
		event_clear(EV_CHILD);
		if ((p = ended(pid, &running, &how)) != NULL)
			break;
		if (running == NULL)
			return fails(ECHILD);
		if (options & WNOHANG)
			return 0;
		/* It sleeps: so do we, until it ends or may have woken. */
		if (sys_yield(running->env) < 0)
			sys_wait(EV_CHILD, deadline_us(1000));
	}
	who = (pid_t)p->id;
	if (status != NULL)
		*status = how;
	if (proc_end(p) < 0)
		return fails(EAGAIN);
	return who;
}

pid_t wait(int *status)
{
	return waitpid(-1, status, 0);
}
