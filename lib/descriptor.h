/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptor.h - the pollable subscriptions behind agnocast_fd()
 *
 * The descriptor is an eventfd of this process (AGNOCAST_BELL_LEVEL). It is
 * reset when a take finds nothing and no pollable subscription has anything
 * unread; then all of them are armed, so that the next message rings it.
 *
 * Lock order: descriptor, then a subscription.
 */
#ifndef AGNOCAST_DESCRIPTOR_H
#define AGNOCAST_DESCRIPTOR_H

struct agnocast_subscription;

/* 0, or why there is no descriptor: nothing changed then. */
int descriptor_add(struct agnocast_subscription *sub);
void descriptor_remove(struct agnocast_subscription *sub);

/* A take found nothing. No lock is held. */
void descriptor_quiet(struct agnocast_subscription *sub);

#endif /* AGNOCAST_DESCRIPTOR_H */
