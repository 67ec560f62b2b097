/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waitset.h - waiting for many subscriptions, and for descriptors of others
 *
 * Sleeps on futexes, the heads of all publishers, as long as there are few of
 * them and no descriptors; else in epoll_wait() on this process's edge bell, and
 * looks at its subscriptions through lookout.h.
 *
 * Lock order: wait-set, then a subscription. Nobody holds either while asleep.
 * The list changes only while nobody sleeps: whoever changes it sends the
 * sleepers out first.
 */
#ifndef AGNOCAST_WAITSET_H
#define AGNOCAST_WAITSET_H

#include <stdbool.h>
#include <agnocast/agnocast.h>

/*
 * A subscription of the wait-set got another publisher: waits begin anew. The
 * subscription's lock is held, which keeps the wait-set alive.
 */
void waitset_news(struct agnocast_waitset *ws);

/*
 * A wait-set looks at the sources of its subscriptions under its own lock alone:
 * whoever changes them must hold that one too. It comes before a subscription's
 * lock; who has that already can only try. True: it is held.
 */
bool waitset_try_lock(struct agnocast_waitset *ws);
void waitset_unlock(struct agnocast_waitset *ws);

#endif /* AGNOCAST_WAITSET_H */
