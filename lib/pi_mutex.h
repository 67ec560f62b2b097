/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pi_mutex.h - mutexes of the heap, which hand on their waiters' priority
 *
 * Otherwise a real-time thread that needs memory would wait until an ordinary
 * thread, preempted while it holds the lock, is scheduled again.
 */
#ifndef AGNOCAST_PI_MUTEX_H
#define AGNOCAST_PI_MUTEX_H

#include <pthread.h>

/* Also in a forked child, where the owner of a held one does not exist. */
static inline void pi_mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(mutex, &attr))
		pthread_mutex_init(mutex, NULL);	/* a kernel without */
	pthread_mutexattr_destroy(&attr);
}

/* Somebody has it: waits as becomes the caller's priority. */
int pi_mutex_wait(pthread_mutex_t *mutex);

static inline void pi_mutex_lock(pthread_mutex_t *mutex)
{
	if (pthread_mutex_trylock(mutex))
		pi_mutex_wait(mutex);
}

#endif /* AGNOCAST_PI_MUTEX_H */
