/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - CLOCK_MONOTONIC in nanoseconds, without a system call */
#ifndef AGNOCAST_CLOCK_H
#define AGNOCAST_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif /* AGNOCAST_CLOCK_H */
