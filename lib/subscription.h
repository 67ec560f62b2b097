/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subscription.h - a subscription's private side
 *
 * Its block is in the area, for publishers; everything else is here. .lock
 * guards the sources against the process's other threads and the library's.
 */
#ifndef AGNOCAST_SUBSCRIPTION_H
#define AGNOCAST_SUBSCRIPTION_H

#include <pthread.h>
#include <stdbool.h>
#include <agnocast/agnocast.h>
#include <agnocast/layout.h>
#include <uapi/agnocast.h>

#include "peer.h"
#include "ring.h"

/* The cursor of a source that is not read any more, but held: nothing comes there. */
#define SOURCE_CUT UINT64_MAX

/* A publisher of the topic, mapped. */
struct source {
	uint64_t generation;
	struct peer *peer;
	struct ring_view view;
	uint64_t cursor;	/* seq of the next message to take */
	uint32_t shown;		/* index of our cursor in the block */
	bool	gone;		/* no longer in the roster: drain, then drop */
};

struct agnocast_subscription {
	pthread_mutex_t lock;
	struct agnocast_sub *block;
	uint64_t block_offset;
	uint64_t generation;
	uint64_t registered_ns;	/* just before that */
	const struct agnocast_roster *roster;
	uint64_t topic;
	uint32_t roster_seen;
	uint32_t awaited_seen;	/* rosters_awaited() at that time */
	bool	roster_known;
	struct agnocast_endpoint_add add;	/* to register again */
	bool	unfinished;	/* a publisher is listed but not attached yet */
	uint32_t flags;
	uint32_t depth;
	uint32_t spin_us;
	_Atomic uint32_t news;	/* futex word: the sources changed */
	uint32_t alone;		/* takes that sleep on sources[0]'s head alone, not on .news */
	bool	stirred;	/* they are being woken, and nobody joins them */
	struct source *sources;
	uint32_t sources_count, sources_room;
	uint64_t *barred;	/* publishers listed that cannot be read: generations */
	uint32_t barred_count;
	atomic_bool trouble;	/* there are some of whom the user has not heard */
	bool	told_limit;	/* the log has heard that too many are on loan */
	atomic_bool armed;	/* a bell was asked for, and nothing came since */
	uint64_t armings;	/* how often */
	struct agnocast_waitset *waitset;
	atomic_bool *watched;	/* there: armed, and it knows where the sources stand */
	struct agnocast_subscription *pollable_next;	/* descriptor lock */
	uint64_t rounds_seen;		/* descriptor lock */
	int	crowd;		/* a handle: epoll of takes with too many sources */
	int	crowd_bell;	/* the handle of what it hears */
	uint32_t crowd_asleep;	/* takes that sleep on it */
	struct agnocast_subscription *next;	/* participant lock */
};

/*
 * Follows the roster: maps and attaches new publishers, drops drained ones.
 * The participant lock is held, the subscription's is not. Returns whether
 * something is unfinished; *@err (may be NULL) gets the first error.
 */
bool subscription_refresh(struct agnocast_subscription *sub, int *err);
/* Does it read, or hold, what a publisher of @session published? The same lock. */
bool subscription_reads(const struct agnocast_subscription *sub, uint64_t session);
/* Registers again with a new agnocastd; the participant lock is held. */
int subscription_rejoin(struct agnocast_subscription *sub);

#endif /* AGNOCAST_SUBSCRIPTION_H */
