/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pi_mutex.c - how a thread waits for a mutex of the heap
 *
 * One that hands on priority is handed on itself: to its first waiter, who has
 * to be woken for it, and nobody else may have it meanwhile. With many threads,
 * each of which soon comes back for it, it is never free again, and each turn
 * costs two switches. So an ordinary thread lets others run a few times before
 * it queues; a real-time one queues at once, and the owner runs for it.
 */

#define _GNU_SOURCE 1
#include "pi_mutex.h"

#include <sched.h>
#include <stdbool.h>

#include "raw.h"

#define TURNS 3	/* each may take a time slice of each thread that runs */

static bool is_real_time(void)
{
	long policy = raw_call(SYS_sched_getscheduler, 0) & ~SCHED_RESET_ON_FORK;

	return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

int pi_mutex_wait(pthread_mutex_t *mutex)
{
	int turns = is_real_time() ? 0 : TURNS;

	while (turns-- > 0) {
		raw_call(SYS_sched_yield);
		if (!pthread_mutex_trylock(mutex))
			return 0;
	}
	return pthread_mutex_lock(mutex);
}
