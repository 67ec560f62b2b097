/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memlock.c - mlockall() for a process with a window
 *
 * The kernel's would count the reservation, terabytes of addresses, against
 * RLIMIT_MEMLOCK, and fill every hole of every file in the window, in other
 * processes' areas too. So a member's mlockall() locks what the program had
 * without us, and of its own area what is committed, now and with MCL_FUTURE
 * later. Peers' areas are never locked.
 */

#define _GNU_SOURCE 1
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "area.h"
#include "maps.h"
#include "raw.h"
#include "start.h"
#include "window.h"

#define EXPORT	__attribute__((visibility("default")))

struct lock {
	int	how;		/* for mlock2 */
	size_t	bytes;
};

static bool is_in_window(const struct mapping *mapping)
{
	return mapping->from - window.base < window.area_size * window.areas;
}

static bool count_one(const struct mapping *mapping, void *arg)
{
	struct lock *lock = arg;

	if (!is_in_window(mapping))
		lock->bytes += mapping->to - mapping->from;
	return false;
}

/* As the kernel does: what cannot be accessed is passed over. */
static bool lock_one(const struct mapping *mapping, void *arg)
{
	const struct lock *lock = arg;

	if (!is_in_window(mapping))
		raw_call(SYS_mlock2, mapping->from, mapping->to - mapping->from, lock->how);
	return false;
}

static bool may_lock_anything(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };

	return !raw_call(SYS_capget, &head, caps) &&
	       caps[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK);
}

static int lock_current(int flags)
{
	struct lock lock = { .how = flags & MCL_ONFAULT ? MLOCK_ONFAULT : 0 };
	struct rlimit limit;
	int ret;

	maps_each(count_one, &lock);
	lock.bytes += area_bytes_committed();
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	if (lock.bytes > limit.rlim_cur && !may_lock_anything())
		return limit.rlim_cur ? -ENOMEM : -EPERM;
	if (flags & MCL_FUTURE) {
		ret = (int)raw_call(SYS_mlockall, flags & ~MCL_CURRENT);
		if (ret)
			return ret;
	}
	maps_each(lock_one, &lock);
	return area_lock_memory(flags);
}

EXPORT int mlockall(int flags)
{
	int ret;

	if (!(flags & MCL_CURRENT) || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
	    start_once() < START_GUEST)
		ret = (int)raw_call(SYS_mlockall, flags);
	else
		ret = lock_current(flags);
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

EXPORT int munlockall(void)
{
	int ret = (int)raw_call(SYS_munlockall);

	if (!ret && start_state >= START_GUEST)
		area_unlock_memory();
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}
