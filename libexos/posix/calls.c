/*
 * calls.c - the functions that picolibc expects from an operating system
 *
 * There are no files yet: descriptors 0, 1 and 2 are the console, everything else says so.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exos_calls.h"
#include "internal.h"
#include "posix.h"
#include "preempt.h"
#include "start.h"

static char *no_environment[] = { NULL };
char **environ = no_environment;

void _exit(int status)
{
	preempt_off();		/* from another hart it would only end that hart's environment */
	console_flush();
	for (;;)
		sys_exit(status);
}

pid_t getpid(void)
{
	return (pid_t)self_env();
}

/* A program can only end itself this way: abort() and raise() come here. */
int kill(pid_t pid, int sig)
{
	if (pid != getpid()) {
		errno = ESRCH;
		return -1;
	}
	if (sig != 0)
		_exit(128 + sig);
	return 0;
}

static int fails(int error)
{
	errno = error;
	return -1;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	if (fd != 1 && fd != 2)
		return fails(EBADF);
	console_flush();
	console_write_all(buf, n);
	return (ssize_t)n;
}

ssize_t read(int fd, void *buf, size_t n)
{
	unsigned char *p = buf;
	int c;

	if (fd != 0)
		return fails(EBADF);
	if (n == 0)
		return 0;
	console_flush();
	if ((c = console_getc(0)) < 0)
		return 0;
	*p = (unsigned char)c;
	return 1;
}

int open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return fails(ENOENT);
}

int close(int fd)
{
	(void)fd;
	return fails(EBADF);
}

off_t lseek(int fd, off_t offset, int whence)
{
	(void)offset;
	(void)whence;
	return fails(fd >= 0 && fd <= 2 ? ESPIPE : EBADF);
}

int fstat(int fd, struct stat *s)
{
	if (fd < 0 || fd > 2)
		return fails(EBADF);
	*s = (struct stat){ .st_mode = S_IFCHR | 0600 };
	return 0;
}

int isatty(int fd)
{
	return fd >= 0 && fd <= 2 ? 1 : fails(EBADF);
}
