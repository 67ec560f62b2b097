/* SPDX-License-Identifier: BSD-2-Clause */
/* asleep.c - is that thread of this process asleep, and where? */

#include "asleep.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#define PATIENCE_S 10

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* The system call that it sleeps in, or -1: the kernel says "running" then. */
static long call_of(pid_t tid)
{
	char path[64];
	long call = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	file = fopen(path, "r");
	if (!file)
		return -1;
	if (fscanf(file, "%ld", &call) != 1)
		call = -1;
	fclose(file);
	return call;
}

static bool is_in_bed(long call, enum bed bed)
{
	/* Before Linux 5.16 there is no futex_waitv(): then it is a mutex, perhaps. */
	return bed == IN_EPOLL ? call == SYS_epoll_pwait2 :
	       call == SYS_futex_waitv || call == SYS_futex;
}

bool falls_asleep(const _Atomic pid_t *tid, enum bed bed)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	time_t since = time(NULL);

	while (!*tid || !is_in_bed(call_of(*tid), bed)) {
		if (time(NULL) - since > PATIENCE_S)
			return false;
		nanosleep(&ms, NULL);
	}
	return true;
}
