/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shared.h - what the workers tell the one who starts and kills them
 *
 * A file that all of them map; outside of Agnocast's memory, so that it says
 * the truth when that does not.
 */
#ifndef STRESS_SHARED_H
#define STRESS_SHARED_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

struct shared {
	atomic_int	stop;		/* 1: finish in good order */
	atomic_int	failures;
	atomic_ulong	published, refused, taken, verified, destroyed;
	atomic_ulong	publishers, subscriptions;	/* made so far */
	char		first_failure[256];
};

extern struct shared *shared;

/* Maps the file behind descriptor @fd. Ends the process if that cannot be. */
void shared_map(int fd);
/* Counts a failure; the first one's sentence is kept. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void count(atomic_ulong *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift: each thread has its own. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline unsigned int any(uint64_t *state, unsigned int below)
{
	return (unsigned int)((random_next(state) >> 16) % below);
}

#endif /* STRESS_SHARED_H */
