/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pi_mutex.c - how a thread waits for a mutex of the heap
 *
 * One that hands on priority is handed on itself: to the first waiter, who has
 * to be woken first, while nobody may take it. With many ordinary threads, each
 * of which comes back for it soon, it is never free again, and each turn costs
 * two switches. So an ordinary thread lets others run for a while, and queues
 * only then; a real-time one queues at once, and the owner runs for it.
 */

#define _GNU_SOURCE 1
#include "pi_mutex.h"

#include <sched.h>
#include <stdbool.h>

#include "raw.h"

#define TURNS 64

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
