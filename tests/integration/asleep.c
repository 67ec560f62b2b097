/* SPDX-License-Identifier: BSD-2-Clause */
/* asleep.c - is that thread of this process asleep, and where? */

#include "asleep.h"

#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#define PATIENCE_S 10

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* The system call that it sleeps in and its second argument; false: it does not sleep. */
static bool call_of(pid_t tid, long *call, unsigned long *second)
{
	char path[64];
	FILE *file;
	bool sleeps;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	file = fopen(path, "r");
	sleeps = file && fscanf(file, "%ld %*x %lx", call, second) == 2;
	if (file)
		fclose(file);
	return sleeps;
}

static bool is_in_bed(pid_t tid, enum bed bed)
{
	unsigned long second;
	long call;

	if (!call_of(tid, &call, &second))
		return false;
	if (bed == IN_EPOLL)
		return call == SYS_epoll_pwait2;
	/* One word: a mutex of libc's is FUTEX_WAIT. */
	return call == SYS_futex_waitv ||
	       (call == SYS_futex && (second & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET);
}

bool falls_asleep(const _Atomic pid_t *tid, enum bed bed)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	time_t since = time(NULL);

	while (!*tid || !is_in_bed(*tid, bed)) {
		if (time(NULL) - since > PATIENCE_S)
			return false;
		nanosleep(&ms, NULL);
	}
	return true;
}
