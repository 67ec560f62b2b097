/* SPDX-License-Identifier: GPL-2.0-only */
/* The few differences between the kernels that this module builds for. */
#ifndef AGK_COMPAT_H
#define AGK_COMPAT_H

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
/* bc292ab00f6c ("mm: introduce vma->vm_flags wrapper functions") */
static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set,
				vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
/* 3652117f8548 ("eventfd: simplify eventfd_signal()") */
#define agk_eventfd_signal(ctx) eventfd_signal(ctx, 1)
#else
#define agk_eventfd_signal(ctx) eventfd_signal(ctx)
#endif

#endif /* AGK_COMPAT_H */
