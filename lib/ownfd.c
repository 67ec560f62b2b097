/* SPDX-License-Identifier: BSD-2-Clause */
/* ownfd.c - a long-lived descriptor, told from what the host put in its place */

#include "ownfd.h"

#include <stdatomic.h>

#include "raw.h"

#define MARK_BITS	6
#define MARK_MASK	((1 << MARK_BITS) - 1)
#define MARK_FIRST	32	/* no signal that a program would be likely to choose, */
#define MARKS		31	/* up to 62, and never 0, which is a file without mark */

static int mark_of(int fd)
{
	return (int)raw_call(SYS_fcntl, fd, F_GETSIG);
}

static int handle_of(int fd, int mark)
{
	return fd << MARK_BITS | (mark & MARK_MASK);
}

int ownfd_keep(int fd)
{
	static atomic_uint next;
	int mark = MARK_FIRST + (int)(atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) %
				      MARKS);

	fd = raw_raise(fd);
	/* Forbidden to us (seccomp): then any descriptor at this number is taken for it. */
	if (raw_call(SYS_fcntl, fd, F_SETSIG, mark))
		mark = 0;
	return handle_of(fd, mark);
}

int ownfd_adopt(int fd)
{
	int mark = mark_of(fd);

	if (mark <= 0)
		return ownfd_keep(fd);
	return handle_of(raw_raise(fd), mark);
}

int ownfd_number(int handle)
{
	int fd = handle >> MARK_BITS;

	if (handle < 0 || mark_of(fd) != (handle & MARK_MASK))
		return -EBADF;
	return fd;
}

void ownfd_close(int handle)
{
	int fd = ownfd_number(handle);

	if (fd >= 0)
		raw_close(fd);
}
