/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asleep.h - is that thread of this process asleep, and where?
 *
 * For tests that wake somebody up: who was not asleep proves nothing.
 */
#ifndef AGNOCAST_TEST_ASLEEP_H
#define AGNOCAST_TEST_ASLEEP_H

#include <stdbool.h>
#include <sys/types.h>

enum bed {
	ON_HEADS,	/* of publishers, or on words of its own: futexes */
	IN_EPOLL,
};

/*
 * Waits until a thread sleeps there, for at most 10 s. It says itself which one it
 * is, with gettid(); *@tid is 0 before.
 */
bool falls_asleep(const _Atomic pid_t *tid, enum bed bed);

#endif /* AGNOCAST_TEST_ASLEEP_H */
