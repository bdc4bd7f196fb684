/*
 * mman.c - mappings with POSIX meaning over the regions of libexos/vm
 *
 * Source: POSIX.1-2017, mmap(), munmap(), mprotect(), posix_madvise(); each error below is one of the list there.
 */
#include <sys/mman.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "exos_calls.h"
#include "posix.h"
#include "start.h"
#include "vm.h"

#define KNOWN	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE | MAP_STACK | MAP_HUGETLB | \
		 MAP_FIXED_NOREPLACE)
#define LARGE	(512 * PAGE_SIZE)

static_assert(PROT_READ == PROT_R && PROT_WRITE == PROT_W && PROT_EXEC == PROT_X, "the same bits");

static int fails(int error)
{
	errno = error;
	return -1;
}

/* What the vm part says, as errno has it: a hole in a range and a full list of regions are ENOMEM to POSIX. */
static int vm_errno(int err)
{
	return err == -E_NOTBOUND || err == -E_LIMIT ? ENOMEM : errno_of(err);
}

static bool aligned(const void *addr)
{
	return (uintptr_t)addr % PAGE_SIZE == 0;
}

static unsigned int to_prot(int prot)
{
	return (unsigned int)prot | (prot & PROT_WRITE ? PROT_R : 0);
}

static bool prot_known(int prot)
{
	return (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) == 0;
}

/* 0, or the error of the arguments alone. */
static int judge(const void *addr, size_t len, int prot, int flags, int fd)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);

	if (len == 0 || !prot_known(prot) || (flags & ~KNOWN) != 0)
		return EINVAL;
	if (!(flags & MAP_SHARED) == !(flags & MAP_PRIVATE))
		return EINVAL;
	if (!(flags & MAP_ANONYMOUS))
		return fd >= 0 && fd <= 2 ? ENODEV : EBADF;
	if (fixed && (uintptr_t)addr % (flags & MAP_HUGETLB ? LARGE : PAGE_SIZE) != 0)
		return EINVAL;
	return len > LAYOUT_END ? ENOMEM : 0;
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	unsigned int how = (flags & MAP_SHARED ? VM_SHARED : 0) | (flags & MAP_HUGETLB ? VM_LARGE : 0);
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	int err = judge(addr, len, prot, flags, fd);
	void *at = addr;

	(void)offset;		/* anonymous memory has none */
	if (err != 0) {
		errno = err;
		return MAP_FAILED;
	}
	if (fixed) {
		err = addr == NULL ? -E_NOMEM
				   : vm_map_at(&at, len, to_prot(prot), how | (flags & MAP_FIXED_NOREPLACE ? 0 : VM_REPLACE));
	} else {
		/* A hint: there if it can be, otherwise anywhere. */
		err = addr != NULL && aligned(addr) ? vm_map_at(&at, len, to_prot(prot), how) : -E_INVAL;
		if (err < 0) {
			at = NULL;
			err = vm_map_at(&at, len, to_prot(prot), how);
		}
	}
	if (err < 0) {
		errno = vm_errno(err);
		return MAP_FAILED;
	}
	if ((flags & MAP_POPULATE) && prot != PROT_NONE)
		vm_touch(at, len);	/* as far as it goes: the mapping is made */
	return at;
}

int munmap(void *addr, size_t len)
{
	int err;

	if (!aligned(addr) || len == 0)
		return fails(EINVAL);
	err = vm_unmap_range(addr, len);
	return err < 0 ? fails(vm_errno(err)) : 0;
}

int mprotect(void *addr, size_t len, int prot)
{
	int err;

	if (!aligned(addr) || !prot_known(prot))
		return fails(EINVAL);
	if (len == 0)
		return 0;
	err = vm_protect(addr, len, to_prot(prot));
	/* Beyond the last address nothing can be mapped. */
	return err < 0 ? fails(err == -E_INVAL ? ENOMEM : vm_errno(err)) : 0;
}

static int advise(void *addr, size_t len, int advice, bool posix)
{
	int err;

	if (!aligned(addr))
		return EINVAL;
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_DONTNEED:
		break;
	case MADV_FREE:
		if (!posix)
			break;
		/* fall through */
	default:
		return EINVAL;
	}
	if (len == 0)
		return 0;
	if (!vm_mapped(addr, len))
		return ENOMEM;
	if (advice == MADV_WILLNEED) {
		err = vm_touch(addr, len);
		return err == -E_RIGHTS ? 0 : err < 0 ? EAGAIN : 0;	/* no access: nothing to bring in */
	}
	if (!posix && (advice == MADV_DONTNEED || advice == MADV_FREE))
		return vm_discard(addr, len) < 0 ? EINVAL : 0;
	return 0;
}

int madvise(void *addr, size_t len, int advice)
{
	int err = advise(addr, len, advice, false);

	return err != 0 ? fails(err) : 0;
}

int posix_madvise(void *addr, size_t len, int advice)
{
	return advise(addr, len, advice, true);
}
