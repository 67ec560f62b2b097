/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's mutex names over pthreads. */
#ifndef AGK_SHIM_MUTEX_H
#define AGK_SHIM_MUTEX_H

#include <pthread.h>

struct mutex {
	pthread_mutex_t m;
};

#define mutex_init(lock) pthread_mutex_init(&(lock)->m, NULL)
#define mutex_destroy(lock) pthread_mutex_destroy(&(lock)->m)
#define mutex_lock(lock) pthread_mutex_lock(&(lock)->m)
#define mutex_unlock(lock) pthread_mutex_unlock(&(lock)->m)
#define lockdep_assert_held(lock) ((void)(lock))

#endif /* AGK_SHIM_MUTEX_H */
