/* SPDX-License-Identifier: BSD-2-Clause */
/* sleep.c - sleeping on futex words that others change */

#include "sleep.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "raw.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define POLL_NS 2000000u	/* before Linux 5.16, which can watch one word only */

static void watch(struct sleep *sleep, const uint32_t *word, uint32_t seen, uint32_t flags)
{
	if (sleep->count == SLEEP_WORDS) {
		sleep->full = true;
		return;
	}
	sleep->on[sleep->count++] = (struct futex_waitv){
		.uaddr = (uintptr_t)word, .val = seen, .flags = flags,
	};
}

void sleep_watch(struct sleep *sleep, const uint32_t *word, uint32_t seen)
{
	watch(sleep, word, seen, FUTEX_32);
}

void sleep_watch_own(struct sleep *sleep, const uint32_t *word, uint32_t seen)
{
	watch(sleep, word, seen, FUTEX_32 | FUTEX_PRIVATE_FLAG);
}

static int wait_on_one(const struct futex_waitv *on, uint64_t until_ns)
{
	struct timespec until = sleep_timespec(until_ns);

	return syscall(SYS_futex, on->uaddr,
		       FUTEX_WAIT_BITSET | (on->flags & FUTEX_PRIVATE_FLAG), (uint32_t)on->val,
		       until_ns == UINT64_MAX ? NULL : &until, NULL,
		       FUTEX_BITSET_MATCH_ANY) < 0 ? -errno : 0;
}

/* Before Linux 5.16: one word, and a look at the others now and then. */
static int wait_on_last(const struct sleep *sleep, uint64_t until_ns)
{
	uint64_t poll = clock_ns() + POLL_NS;

	return wait_on_one(&sleep->on[sleep->count - 1], until_ns < poll ? until_ns : poll);
}

static int wait_on_all(const struct sleep *sleep, uint64_t until_ns)
{
	struct timespec until = sleep_timespec(until_ns);

	return syscall(SYS_futex_waitv, sleep->on, sleep->count, 0,
		       until_ns == UINT64_MAX ? NULL : &until, CLOCK_MONOTONIC) < 0 ?
	       -errno : 0;
}

int sleep_until(const struct sleep *sleep, uint64_t deadline_ns)
{
	int ret = sleep->count == 1 ? wait_on_one(sleep->on, deadline_ns)
				    : wait_on_all(sleep, deadline_ns);

	if (ret == -ENOSYS)
		ret = wait_on_last(sleep, deadline_ns);
	if (ret == -ETIMEDOUT && clock_ns() < deadline_ns)
		return 0;
	/* EAGAIN: a word moved; EFAULT: a publisher was unmapped meanwhile. */
	return ret == -ETIMEDOUT || ret == -EINTR ? ret : 0;
}

int sleep_on_epoll(int epoll, struct epoll_event *event, uint64_t deadline_ns)
{
	uint64_t now = deadline_ns == UINT64_MAX ? 0 : clock_ns();
	struct timespec left = sleep_timespec(deadline_ns > now ? deadline_ns - now : 0);
	struct epoll_event any;
	int n = epoll_pwait2(epoll, event ? event : &any, 1,
			     deadline_ns == UINT64_MAX ? NULL : &left, NULL);

	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

void sleep_wake(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX);
}

void sleep_wake_own(const uint32_t *word)
{
	raw_call(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX);
}
