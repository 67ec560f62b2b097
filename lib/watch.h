/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - what a wait-set hears in epoll_wait()
 *
 * The user's descriptors, this process's edge bell, and an event that sends those
 * who sleep there to have another look. Made when it is first wanted, and anew
 * when the host closed it. The wait-set's lock is held where nothing else is said.
 */
#ifndef AGNOCAST_WATCH_H
#define AGNOCAST_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <agnocast/agnocast.h>

#include "ownfd.h"

struct watch {
	struct foreign *foreign;	/* the user's descriptors */
	uint32_t count, room;		/* of these */
	int	epoll;			/* a handle */
	int	bell;			/* the handle of what .epoll hears */
	_Atomic int event;		/* a handle */
};

void watch_init(struct watch *watch);
void watch_end(struct watch *watch);

/* 0, -EEXIST, -EBADF, ... */
int watch_add(struct watch *watch, int fd, uint32_t events, void *arg);
/* -ENOENT: it is not there. */
int watch_remove(struct watch *watch, int fd);
/*
 * Which of the user's are ready, up to @max. Returns how many. *@rung becomes
 * true if it heard the bell, which watch_sleep() does not hear again then.
 */
int watch_collect(struct watch *watch, struct agnocast_event *events, int max, bool *rung);

/* The epoll's number, for the next system call, or -errno. */
int watch_epoll(struct watch *watch);

static inline bool watch_is_open(const struct watch *watch)
{
	return watch->epoll != OWNFD_NONE;
}

/*
 * No lock: until something is ready there. 0, -ETIMEDOUT, -EINTR; -EBADF,
 * -EINVAL: the host closed it. *@stirred: it was the event, which
 * watch_settle() resets.
 */
int watch_sleep(int epoll, uint64_t deadline_ns, bool *stirred);
void watch_settle(struct watch *watch);
/* Once in a while: has the host closed the event? Then all is made anew. */
void watch_look_after_event(struct watch *watch);

/* No lock: the event as it is now, for watch_stir(), which wakes those who sleep. */
static inline int watch_event(const struct watch *watch)
{
	/* Acquire: the descriptor is there before its handle. */
	return atomic_load_explicit(&watch->event, memory_order_acquire);
}
void watch_stir(int event);

#endif /* AGNOCAST_WATCH_H */
