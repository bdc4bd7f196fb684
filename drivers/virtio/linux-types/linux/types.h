/*
 * linux/types.h - the scalar types that linux-libc-dev's virtio headers expect
 *
 * Stands in for the original, which leads to headers of the host's libc. Sizes are exact on rv64 and on the host.
 * __virtio16 and its sisters are little-endian here: only modern (VIRTIO 1.x) devices are driven, by little-endian code.
 */
#ifndef EXOS_LINUX_TYPES_H
#define EXOS_LINUX_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef int8_t __s8;
typedef int16_t __s16;
typedef int32_t __s32;
#ifdef __linux__
/* The host's libc, included beside us, has already chosen these names for the same sizes. */
typedef unsigned long long __u64;
typedef long long __s64;
#else
typedef uint64_t __u64;
typedef int64_t __s64;
#endif

#define __bitwise
typedef __u16 __bitwise __le16;
typedef __u16 __bitwise __be16;
typedef __u32 __bitwise __le32;
typedef __u32 __bitwise __be32;
typedef __u64 __bitwise __le64;
typedef __u64 __bitwise __be64;
typedef __u16 __bitwise __sum16;
typedef __u32 __bitwise __wsum;

#endif
