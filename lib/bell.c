/* SPDX-License-Identifier: BSD-2-Clause */
/* bell.c - waking processes that sleep in epoll_wait() */

#include "bell.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "area.h"
#include "ownfd.h"
#include "raw.h"
#include "start.h"

static pthread_mutex_t bells_lock = PTHREAD_MUTEX_INITIALIZER;
/* Written under the lock. */
static _Atomic int bell_handle[AGNOCAST_BELLS] = { OWNFD_NONE, OWNFD_NONE };

static int hand_over(uint32_t which, int fd)
{
	struct agnocast_bell args = { .bell = which, .fd_in = fd, .fd_out = -1 };

	return registry_client_call(&registry, AGNOCAST_BELL_CMD, &args);
}

/* The handle of a new one, or -errno. */
static int make(uint32_t which)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), handle, ret;

	if (fd < 0)
		return -errno;
	handle = ownfd_keep(fd);
	ret = hand_over(which, ownfd_number(handle));
	if (!ret)
		return handle;
	ownfd_close(handle);
	return ret;
}

/*
 * The host closed it. Publishers that agnocastd gave it to still ring the old
 * one: so it is asked for that. The module's publishers ring what it has.
 */
static int remake(uint32_t which)
{
	struct agnocast_bell args = { .session = own_area.session, .bell = which,
				      .fd_in = -1, .fd_out = -1 };
	int ret;

	if (!registry.daemon)
		return make(which);
	ret = registry_client_call(&registry, AGNOCAST_OPEN_BELL_CMD, &args);
	if (!ret && args.fd_out < 0)
		ret = -EMFILE;
	return ret ? ret : ownfd_adopt(args.fd_out);
}

int bell_handle_of(uint32_t which)
{
	return atomic_load_explicit(&bell_handle[which], memory_order_acquire);
}

int bell_open(uint32_t which)
{
	int fd = ownfd_number(bell_handle_of(which)), handle;

	if (fd >= 0)
		return fd;
	pthread_mutex_lock(&bells_lock);
	handle = atomic_load_explicit(&bell_handle[which], memory_order_relaxed);
	fd = ownfd_number(handle);
	if (fd < 0) {
		bool again = handle != OWNFD_NONE;

		handle = again ? remake(which) : make(which);
		fd = handle < 0 ? handle : ownfd_number(handle);
		if (handle >= 0)
			atomic_store_explicit(&bell_handle[which], handle, memory_order_release);
		/* What the old one may have been rung for. */
		if (again && handle >= 0)
			bell_ring_own(which);
	}
	pthread_mutex_unlock(&bells_lock);
	return fd;
}

void bell_ring_own(uint32_t which)
{
	int fd = ownfd_number(bell_handle_of(which));
	const uint64_t one = 1;

	if (fd >= 0)
		raw_write(fd, &one, sizeof(one));
}

void bell_reset(uint32_t which)
{
	int fd = ownfd_number(bell_handle_of(which));
	uint64_t count;

	if (fd >= 0)
		raw_read(fd, &count, sizeof(count));
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
		int handle = atomic_load_explicit(&bell_handle[which], memory_order_relaxed);
		int fd = ownfd_number(handle);

		/* Lost, and nobody has it any more who could give it back. */
		if (fd < 0 && handle != OWNFD_NONE) {
			handle = make(which);
			ret = handle < 0 ? handle : 0;
			if (!ret)
				atomic_store_explicit(&bell_handle[which], handle,
						      memory_order_release);
		} else if (fd >= 0) {
			ret = hand_over(which, fd);
		}
	}
	pthread_mutex_unlock(&bells_lock);
	return ret;
}
