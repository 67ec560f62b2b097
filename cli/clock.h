/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - a clock in nanoseconds */
#ifndef AGNOCAST_CLI_CLOCK_H
#define AGNOCAST_CLI_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif /* AGNOCAST_CLI_CLOCK_H */
