/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the registry core takes from the kernel's basic headers, for the build
 * of the same sources in user space.
 */
#ifndef AGK_SHIM_KERNEL_H
#define AGK_SHIM_KERNEL_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;

#define U32_MAX UINT32_MAX

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define WARN_ON_ONCE(condition) ({ bool bad_ = (condition); assert(!bad_); bad_; })
#define __must_check __attribute__((warn_unused_result))
#define scnprintf snprintf

#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

/* Not in glibc before 2.38. */
static inline long agk_strscpy(char *to, const char *from, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		to[i] = from[i];
		if (!from[i])
			return (long)i;
	}
	if (size)
		to[size - 1] = '\0';
	return -E2BIG;
}
#define strscpy agk_strscpy

#endif /* AGK_SHIM_KERNEL_H */
