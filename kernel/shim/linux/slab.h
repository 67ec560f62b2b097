/* SPDX-License-Identifier: GPL-2.0-only */
/* kzalloc() and friends for user space. Tests make them fail: agk_alloc_fails. */
#ifndef AGK_SHIM_SLAB_H
#define AGK_SHIM_SLAB_H

#include <stdlib.h>
#include <linux/kernel.h>

#define GFP_KERNEL 0

/* Every allocation fails while this returns true; NULL: none does. */
extern bool (*agk_alloc_fails)(void);

static inline void *kzalloc(size_t size, int flags)
{
	(void)flags;
	return agk_alloc_fails && agk_alloc_fails() ? NULL : calloc(1, size);
}

static inline void *kvzalloc(size_t size, int flags)
{
	return kzalloc(size, flags);
}

static inline void *kvcalloc(size_t count, size_t size, int flags)
{
	(void)flags;
	return agk_alloc_fails && agk_alloc_fails() ? NULL : calloc(count, size);
}

static inline void kfree(const void *p)
{
	free((void *)p);
}

static inline void kvfree(const void *p)
{
	free((void *)p);
}

#endif /* AGK_SHIM_SLAB_H */
