/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publisher.h - a publisher's private side
 *
 * Its ring is in the area, for readers; everything else is here. .lock guards
 * all of it against the process's other threads and the library's thread.
 */
#ifndef AGNOCAST_PUBLISHER_H
#define AGNOCAST_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <agnocast/agnocast.h>
#include <agnocast/layout.h>
#include <uapi/agnocast.h>

#include "peer.h"

/* A subscription of the topic, as far as this process can reach it. */
struct link {
	uint64_t generation;
	uint64_t session;
	uint64_t block;
	struct peer *peer;			/* NULL: not tried yet */
	const struct agnocast_sub *sub;		/* in peer's area; NULL: not mapped */
	uint64_t slept;		/* the sleep that the last publish saw */
	uint64_t woken;		/* the sleep whose sleepers have been woken for good */
	uint64_t armed;		/* the bell's arming that the last publish saw */
	uint64_t rung;		/* the arming that has been rung for, for good */
};

/*
 * A publish wakes whoever sleeps. The first that sees a sleep may see it late,
 * when the sleeper has taken its message already and does not sleep yet: that
 * wake-up goes nowhere. The second has moved the head after the sleep was
 * there to be seen, so it meets the sleeper on the futex, or keeps it away.
 */
static inline bool wake_is_due(uint64_t now, uint64_t *seen, uint64_t *done)
{
	if (now == *done)
		return false;
	if (now == *seen)
		*done = now;
	*seen = now;
	return true;
}

/* A message that left the ring and may still be held. */
struct retired {
	uint64_t seq;
	void	*message;
};

struct agnocast_publisher {
	pthread_mutex_t lock;
	struct agnocast_ring *ring;
	uint64_t block;
	uint64_t block_size;
	uint64_t generation;
	const struct agnocast_roster *roster;
	uint64_t topic;			/* id; another one there: all peers are gone */
	uint32_t roster_seen;
	uint32_t awaited_seen;		/* rosters_awaited() at that time */
	bool	roster_known;
	struct agnocast_endpoint_add add;	/* to register again */
	uint32_t depth, slack;
	void	(*destroy)(void *message, void *arg);
	void	*arg;
	struct link *links;		/* as of roster_seen */
	uint32_t links_count;
	uint32_t unmapped;		/* of these */
	uint32_t map_next;		/* the link where links_map() goes on */
	struct agnocast_sleeper *sleepers;	/* scratch: whom to ring, */
	struct peer **asleep;			/* and whose bell that is */
	uint32_t asleep_room;		/* of both */
	struct retired *retired;	/* oldest first */
	uint32_t retired_count, retired_room;
	uint32_t *claims;		/* scratch for a scan */
	uint32_t claims_room;
	atomic_bool told_foreign;	/* the log has heard why a message was refused */
	bool	withdrawn;		/* destroyed by the user; readers drain */
	uint64_t withdrawn_ns;
	bool	stray;			/* which roster is its topic's is not known now */
	struct agnocast_publisher *next;	/* participant lock */
};

#define RECLAIM_BATCH 32u		/* messages destroyed by one call */

/*
 * links.c. The lock is held, but for links_map(), which takes it.
 *
 * links_refresh() follows the roster if it changed. False: could not, so that
 * nothing may be reclaimed and everybody must be woken.
 */
bool links_refresh(struct agnocast_publisher *pub);
/*
 * Those that are not mapped, and have not acknowledged it: they may hold any
 * message. For a reclaim, a full fence is to be between retirement and this.
 */
uint32_t links_unreached(const struct agnocast_publisher *pub);
/* Is there something to follow? */
bool links_moved(const struct agnocast_publisher *pub);
/*
 * Tries to map those that are not mapped: some in each call, all of them in
 * turn. The participant lock is held.
 */
void links_map(struct agnocast_publisher *pub);
/*
 * Wakes whoever waits for what was published. @all: look at nobody, wake them
 * all. A full fence is behind the last publish.
 */
void links_wake(struct agnocast_publisher *pub, bool all);
/* Withdrawn: has every subscription read all, or had its chance to attach? */
bool links_are_drained(struct agnocast_publisher *pub);
void links_free(struct agnocast_publisher *pub);

/*
 * reclaim.c. The lock is held, but for reclaim_destroy().
 *
 * Room for a scan of @links subscriptions, for @more retired messages.
 */
bool scan_has_room(struct agnocast_publisher *pub, uint32_t links);
int reclaim_reserve(struct agnocast_publisher *pub, uint32_t more);
/* Retires what is beyond @keep, as far as there is room. A full fence is to follow. */
void reclaim_retire(struct agnocast_publisher *pub, uint32_t keep);
/*
 * Moves up to RECLAIM_BATCH unclaimed messages into @batch. Returns how many.
 * A full fence is behind their retirement, the links are up to date.
 */
uint32_t reclaim(struct agnocast_publisher *pub, void *batch[RECLAIM_BATCH]);
/* No lock: calls the user's callback. */
void reclaim_destroy(struct agnocast_publisher *pub, void *batch[RECLAIM_BATCH], uint32_t n);
/* Shows observers how many messages are alive. */
void reclaim_count(struct agnocast_publisher *pub);

/*
 * The thread's visit; the participant lock is held. Follows the roster, maps
 * new subscriptions, reclaims. Returns whether something is unfinished.
 */
bool publisher_refresh(struct agnocast_publisher *pub);
/* Registers again with a new agnocastd; the participant lock is held. */
int publisher_rejoin(struct agnocast_publisher *pub);
/* Withdrawn, drained, and all messages destroyed or to be destroyed by free. */
bool publisher_is_finished(struct agnocast_publisher *pub);
/* No lock held: destroys what is left. Not in any list any more. */
void publisher_free(struct agnocast_publisher *pub);

#endif /* AGNOCAST_PUBLISHER_H */
