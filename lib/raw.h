/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raw.h - system calls for code that runs inside malloc
 *
 * Unlike libc's wrappers these are no cancellation points, return -errno and
 * leave errno alone.
 */
#ifndef AGNOCAST_RAW_H
#define AGNOCAST_RAW_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define raw_call(...)							\
({									\
	int saved_ = errno;						\
	long ret_ = syscall(__VA_ARGS__);				\
									\
	if (ret_ == -1)							\
		ret_ = -errno;						\
	errno = saved_;							\
	ret_;								\
})

static inline int raw_open(const char *path, int flags, int mode)
{
	return (int)raw_call(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static inline int raw_close(int fd)
{
	return (int)raw_call(SYS_close, fd);
}

/* Up to @len bytes of a file that has no end known beforehand (/proc). */
static inline long raw_read(int fd, void *buf, size_t len)
{
	return raw_call(SYS_read, fd, buf, len);
}

static inline long raw_write(int fd, const void *buf, size_t len)
{
	return raw_call(SYS_write, fd, buf, len);
}

#define RAW_HIGH_FD 900

/* Moves a descriptor out of the way of hosts that close or redirect low ones. */
static inline int raw_raise(int fd)
{
	struct rlimit limit;
	int floor = RAW_HIGH_FD, high;

	if (!raw_call(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) &&
	    limit.rlim_cur <= RAW_HIGH_FD + 64)
		floor = limit.rlim_cur > 64 ? (int)limit.rlim_cur - 64 : 3;
	high = (int)raw_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, floor);
	if (high < 0)
		return fd;
	raw_close(fd);
	return high;
}

#endif /* AGNOCAST_RAW_H */
