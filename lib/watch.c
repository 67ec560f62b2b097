/* SPDX-License-Identifier: BSD-2-Clause */
/* watch.c - what a wait-set hears in epoll_wait() */

#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "array.h"
#include "bell.h"
#include "raw.h"
#include "sleep.h"

/* What epoll says of entries that are not the user's. */
#define MARK_BELL (UINT64_C(1) << 32)
#define MARK_EVENT (UINT64_C(2) << 32)

#define COLLECT_MAX 16		/* of the user's, in one call */

struct foreign {
	int	fd;
	uint32_t events;
	void	*arg;
};

static int hear(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = (uint32_t)fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void close_all(struct watch *watch)
{
	ownfd_close(watch->epoll);
	ownfd_close(atomic_load_explicit(&watch->event, memory_order_relaxed));
	watch->epoll = OWNFD_NONE;
}

static int make(struct watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = MARK_EVENT };
	int bell = bell_handle_of(AGNOCAST_BELL_EDGE);
	int epoll = bell_epoll(MARK_BELL), fd, ret;

	if (epoll < 0)
		return epoll;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = fd < 0 ? -errno : 0;
	if (!ret && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		ret = -errno;
	if (ret) {
		if (fd >= 0)
			close(fd);
		close(epoll);
		return ret;
	}
	/* Those that the host closed meanwhile are gone from an epoll anyway. */
	for (uint32_t i = 0; i < watch->count; i++)
		hear(epoll, watch->foreign[i].fd, watch->foreign[i].events);
	/* As it was before: if it has changed since, the next look makes this anew. */
	watch->bell = bell;
	watch->epoll = ownfd_keep(epoll);
	/* Release: pairs with watch_event(). */
	atomic_store_explicit(&watch->event, ownfd_keep(fd), memory_order_release);
	return 0;
}

/* Another one, if the host closed it, or the bell, as the library's thread noticed. */
int watch_epoll(struct watch *watch)
{
	int fd = watch->bell == bell_handle_of(AGNOCAST_BELL_EDGE) ?
		 ownfd_number(watch->epoll) : -1;

	if (fd >= 0)
		return fd;
	close_all(watch);
	fd = bell_open(AGNOCAST_BELL_EDGE);
	if (fd >= 0)
		fd = make(watch);
	return fd < 0 ? fd : ownfd_number(watch->epoll);
}

int watch_sleep(int epoll, uint64_t deadline_ns, bool *stirred)
{
	struct epoll_event event = { 0 };
	int ret = sleep_on_epoll(epoll, &event, deadline_ns);

	*stirred = event.data.u64 == MARK_EVENT;
	return ret;
}

void watch_stir(int event)
{
	const uint64_t one = 1;

	event = ownfd_number(event);
	if (event >= 0)
		raw_write(event, &one, sizeof(one));
}

void watch_settle(struct watch *watch)
{
	int fd = ownfd_number(atomic_load_explicit(&watch->event, memory_order_relaxed));
	uint64_t count;

	if (fd >= 0)
		raw_read(fd, &count, sizeof(count));
}

void watch_look_after_event(struct watch *watch)
{
	if (ownfd_number(atomic_load_explicit(&watch->event, memory_order_relaxed)) < 0)
		close_all(watch);
}

static struct foreign *find(struct watch *watch, int fd)
{
	for (uint32_t i = 0; i < watch->count; i++)
		if (watch->foreign[i].fd == fd)
			return &watch->foreign[i];
	return NULL;
}

int watch_add(struct watch *watch, int fd, uint32_t events, void *arg)
{
	int epoll = watch_epoll(watch), ret;

	if (epoll < 0)
		return epoll;
	ret = array_reserve((void **)&watch->foreign, watch->count, &watch->room,
			    sizeof(*watch->foreign));
	if (!ret)
		ret = hear(epoll, fd, events);
	if (!ret)
		watch->foreign[watch->count++] = (struct foreign){
			.fd = fd, .events = events, .arg = arg,
		};
	return ret;
}

int watch_remove(struct watch *watch, int fd)
{
	struct foreign *foreign = find(watch, fd);

	if (!foreign)
		return -ENOENT;
	/* Closed already: then epoll has forgotten it by itself. */
	epoll_ctl(ownfd_number(watch->epoll), EPOLL_CTL_DEL, fd, NULL);
	*foreign = watch->foreign[--watch->count];
	return 0;
}

int watch_collect(struct watch *watch, struct agnocast_event *events, int max, bool *rung)
{
	/* The bell and the event may be among them. */
	struct epoll_event ready[COLLECT_MAX + 2];
	int n, count = 0;

	if (max > COLLECT_MAX)
		max = COLLECT_MAX;
	n = max > 0 && watch->count ? epoll_wait(watch_epoll(watch), ready, max + 2, 0) : 0;
	for (int i = 0; i < n; i++) {
		struct foreign *foreign = ready[i].data.u64 < MARK_BELL ?
					  find(watch, ready[i].data.fd) : NULL;

		*rung |= ready[i].data.u64 == MARK_BELL;
		if (foreign && count < max)
			events[count++] = (struct agnocast_event){
				.arg = foreign->arg, .fd = foreign->fd,
				.events = ready[i].events,
			};
	}
	return count;
}

void watch_init(struct watch *watch)
{
	*watch = (struct watch){ .epoll = OWNFD_NONE };
	atomic_init(&watch->event, OWNFD_NONE);
}

void watch_end(struct watch *watch)
{
	close_all(watch);
	free(watch->foreign);
}
