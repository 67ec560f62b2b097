/* SPDX-License-Identifier: BSD-2-Clause */
/* descriptor.c - the pollable subscriptions behind agnocast_fd() */

#include "descriptor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bell.h"
#include "ownfd.h"
#include "participant.h"
#include "wait.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct agnocast_subscription *members;	/* lock; .pollable_next */
static uint64_t rounds;				/* lock; how often it was reset */

int descriptor_add(struct agnocast_subscription *sub)
{
	int fd = bell_open(AGNOCAST_BELL_LEVEL);

	if (fd < 0)
		return fd;
	pthread_mutex_lock(&lock);
	sub->pollable_next = members;
	members = sub;
	sub->rounds_seen = rounds;
	pthread_mutex_unlock(&lock);
	/* Not armed yet: readable until a take has found nothing. */
	bell_ring_own(AGNOCAST_BELL_LEVEL);
	return 0;
}

void descriptor_remove(struct agnocast_subscription *sub)
{
	struct agnocast_subscription **at;

	pthread_mutex_lock(&lock);
	for (at = &members; *at; at = &(*at)->pollable_next) {
		if (*at == sub) {
			*at = sub->pollable_next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

/* The lock is held. */
static bool any_visible(void)
{
	bool visible = false;

	for (struct agnocast_subscription *sub = members; sub && !visible;
	     sub = sub->pollable_next) {
		pthread_mutex_lock(&sub->lock);
		visible = wait_visible(sub);
		pthread_mutex_unlock(&sub->lock);
	}
	return visible;
}

/*
 * Resets the descriptor. A publisher that rang before the reset showed its
 * message before that: the second look sees it. One that shows its message
 * after that look finds the subscription armed.
 */
static void reset(void)
{
	bool stirs = false;

	if (any_visible())
		return;
	rounds++;
	bell_reset(AGNOCAST_BELL_LEVEL);
	for (struct agnocast_subscription *sub = members; sub; sub = sub->pollable_next) {
		pthread_mutex_lock(&sub->lock);
		wait_arm(sub, AGNOCAST_BELL_LEVEL);
		pthread_mutex_unlock(&sub->lock);
	}
	/* The bells before the rings: see wait.h. */
	atomic_thread_fence(memory_order_seq_cst);
	for (struct agnocast_subscription *sub = members; sub && !stirs;
	     sub = sub->pollable_next) {
		pthread_mutex_lock(&sub->lock);
		stirs = wait_stirs(sub);
		pthread_mutex_unlock(&sub->lock);
	}
	if (stirs)
		bell_ring_own(AGNOCAST_BELL_LEVEL);
}

/*
 * An event loop takes from each subscription until it is empty: one reset for
 * each such round is enough. It is due when a subscription is found empty for
 * the second time since the last one.
 */
void descriptor_quiet(struct agnocast_subscription *sub)
{
	pthread_mutex_lock(&lock);
	if (sub->rounds_seen == rounds)
		reset();
	sub->rounds_seen = rounds;
	pthread_mutex_unlock(&lock);
}

int agnocast_fd(void)
{
	int saved = errno, ret = 0;

	/* Event loops ask each time: not behind the library's thread, once there is one. */
	if (bell_handle_of(AGNOCAST_BELL_LEVEL) == OWNFD_NONE || !participant_is_alive())
		ret = participant_enter();
	if (!ret)
		ret = bell_open(AGNOCAST_BELL_LEVEL);
	errno = saved;
	return ret;
}
