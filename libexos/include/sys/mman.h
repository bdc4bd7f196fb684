/*
 * sys/mman.h - memory mappings as POSIX.1-2017 has them, and madvise() as everybody has it
 *
 * There are no files yet: mmap() of a descriptor answers EBADF where none is open and ENODEV for the console. What libexos/vm can do
 * beyond this is in vm.h. PROT_WRITE implies PROT_READ, which the standard allows and the hardware demands.
 *
 * Image, heap and stack were not made by mmap(), and the standard leaves open what munmap() and mprotect() do to them: here it is
 * EINVAL and EACCES.
 */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <stddef.h>
#include <sys/types.h>

#define PROT_NONE	0
#define PROT_READ	1
#define PROT_WRITE	2
#define PROT_EXEC	4

#define MAP_SHARED	0x01
#define MAP_PRIVATE	0x02
#define MAP_FIXED	0x10		/* exactly there; what was mapped there goes */
#define MAP_ANONYMOUS	0x20
#define MAP_ANON	MAP_ANONYMOUS
#define MAP_NORESERVE	0x4000		/* always so: no effect */
#define MAP_POPULATE	0x8000		/* bring the pages in now */
#define MAP_STACK	0x20000		/* no effect */
#define MAP_HUGETLB	0x40000		/* 2 MiB pages where the machine has them free */
#define MAP_FIXED_NOREPLACE 0x100000	/* exactly there, or EEXIST */
#define MAP_FAILED	((void *)-1)

#define MADV_NORMAL	0
#define MADV_RANDOM	1
#define MADV_SEQUENTIAL	2
#define MADV_WILLNEED	3		/* bring the pages in now */
#define MADV_DONTNEED	4		/* give the pages back: private memory reads as zeros afterwards */
#define MADV_FREE	8		/* the same here */

#define POSIX_MADV_NORMAL	0
#define POSIX_MADV_RANDOM	1
#define POSIX_MADV_SEQUENTIAL	2
#define POSIX_MADV_WILLNEED	3
#define POSIX_MADV_DONTNEED	4	/* advice: the content stays */

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int munmap(void *addr, size_t len);
int mprotect(void *addr, size_t len, int prot);
int madvise(void *addr, size_t len, int advice);
int posix_madvise(void *addr, size_t len, int advice);	/* returns the error */

#endif
