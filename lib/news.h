/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * news.h - telling those who wait at a subscription that its publishers changed
 *
 * They sleep on words of the publishers they know. Most also on the
 * subscription's own .news. Who knows only one publisher sleeps on its head
 * alone: falling asleep on two words takes the kernel twice as long, and an
 * answer that comes meanwhile costs its sender an interrupt to this processor.
 *
 * A thread that sleeps so counts itself in .alone under the lock, lets go of
 * it and sleeps; if it was told in between, it did not hear. So it is told
 * again each round of the library's thread until .alone is 0; from the first
 * time on, .stirred, nobody else sleeps so. Meanwhile the publisher stays in
 * its place and mapped, so that there is a word to wake them by.
 *
 * To be called by the library's thread, the participant lock held.
 */
#ifndef AGNOCAST_NEWS_H
#define AGNOCAST_NEWS_H

#include "subscription.h"

/* The subscription's lock is not held. */
void news_tell(struct agnocast_subscription *sub);

/* Returns whether some may not have heard yet. The same lock is not held. */
bool news_tell_rest(struct agnocast_subscription *sub);

/* Only those who sleep on one word. The subscription's lock is held. */
void news_stir(struct agnocast_subscription *sub);

#endif /* AGNOCAST_NEWS_H */
