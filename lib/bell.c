/* SPDX-License-Identifier: BSD-2-Clause */
/* bell.c - waking processes that sleep in epoll_wait() */

#include "bell.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "raw.h"
#include "start.h"

static pthread_mutex_t bells_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int bell_fd[AGNOCAST_BELLS] = { -1, -1 };	/* set once, under the lock */

static int hand_over(uint32_t which, int fd)
{
	struct agnocast_bell args = { .bell = which, .fd_in = fd, .fd_out = -1 };

	return registry_client_call(&registry, AGNOCAST_BELL_CMD, &args);
}

static int make(uint32_t which)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ret;

	if (fd < 0)
		return -errno;
	fd = registry_client_raise_fd(fd);
	ret = hand_over(which, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	atomic_store_explicit(&bell_fd[which], fd, memory_order_release);
	return fd;
}

int bell_open(uint32_t which)
{
	int fd = atomic_load_explicit(&bell_fd[which], memory_order_acquire);

	if (fd >= 0)
		return fd;
	pthread_mutex_lock(&bells_lock);
	fd = atomic_load_explicit(&bell_fd[which], memory_order_relaxed);
	if (fd < 0)
		fd = make(which);
	pthread_mutex_unlock(&bells_lock);
	return fd;
}

void bell_ring_own(uint32_t which)
{
	int fd = atomic_load_explicit(&bell_fd[which], memory_order_acquire);
	const uint64_t one = 1;

	if (fd >= 0)
		raw_write(fd, &one, sizeof(one));
}

int bell_epoll(uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = data };
	int bell = bell_open(AGNOCAST_BELL_EDGE), epoll;

	if (bell < 0)
		return bell;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	epoll = registry_client_raise_fd(epoll);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, bell, &event)) {
		int ret = -errno;

		close(epoll);
		return ret;
	}
	return epoll;
}

int bells_rejoin(void)
{
	int ret = 0;

	pthread_mutex_lock(&bells_lock);
	for (uint32_t which = 0; which < AGNOCAST_BELLS && !ret; which++) {
		int fd = atomic_load_explicit(&bell_fd[which], memory_order_relaxed);

		if (fd >= 0)
			ret = hand_over(which, fd);
	}
	pthread_mutex_unlock(&bells_lock);
	return ret;
}
