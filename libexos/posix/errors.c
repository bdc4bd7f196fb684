/*
 * errors.c - the kernel's error codes in words and as errno values
 */
#include <errno.h>

#include "exos_calls.h"
#include "posix.h"

static long positive(long err)
{
	return err < 0 ? -err : err;
}

const char *exos_strerror(long err)
{
	switch (positive(err)) {
#define X(name, number, sentence) case number: return sentence;
	EXOS_ERRORS(X)
#undef X
	default:
		return "not an error code of the kernel";
	}
}

const char *exos_errname(long err)
{
	switch (positive(err)) {
#define X(name, number, sentence) case number: return #name;
	EXOS_ERRORS(X)
#undef X
	default:
		return "E_?";
	}
}

int errno_of(long err)
{
	switch (positive(err)) {
	case 0:
		return 0;
	case E_NOCALL:
		return ENOSYS;
	case E_NOCAP:
		return EBADF;
	case E_RIGHTS:
	case E_IMPLY:
		return EACCES;
	case E_NOMEM:
	case E_QUOTA:
	case E_LIMIT:
	case E_NOTABLE:
		return ENOMEM;
	case E_EXISTS:
	case E_SLOT:
		return EEXIST;
	case E_BUSY:
		return EBUSY;
	case E_DEAD:
		return ESRCH;
	case E_FAULT:
		return EFAULT;
	case E_FULL:
		return EAGAIN;
	case E_IO:
		return EIO;
	case E_NODEV:
		return ENODEV;
	default:
		return EINVAL;
	}
}
