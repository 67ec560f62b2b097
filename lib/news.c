/* SPDX-License-Identifier: BSD-2-Clause */
/* news.c - telling those who wait at a subscription that its publishers changed */

#include "news.h"

#include "bell.h"
#include "ownfd.h"
#include "sleep.h"
#include "waitset.h"

void news_stir(struct agnocast_subscription *sub)
{
	sub->stirred = sub->alone;
	if (sub->alone)
		sleep_wake(sleep_word(&sub->sources[0].view.ring->head));
}

bool news_tell_rest(struct agnocast_subscription *sub)
{
	if (!sub->stirred)
		return false;
	pthread_mutex_lock(&sub->lock);
	news_stir(sub);
	pthread_mutex_unlock(&sub->lock);
	return sub->stirred;
}

void news_tell(struct agnocast_subscription *sub)
{
	/* Release: who sees the new value sees the sources behind it. */
	atomic_fetch_add_explicit(&sub->news, 1, memory_order_release);
	sleep_wake_own((const uint32_t *)&sub->news);
	pthread_mutex_lock(&sub->lock);
	news_stir(sub);
	if (sub->waitset)
		waitset_news(sub->waitset);
	pthread_mutex_unlock(&sub->lock);
	if (sub->flags & AGNOCAST_POLLABLE)
		bell_ring_own(AGNOCAST_BELL_LEVEL);
	if (sub->crowd != OWNFD_NONE)
		bell_ring_own(AGNOCAST_BELL_EDGE);
}
