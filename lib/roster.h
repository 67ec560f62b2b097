/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster.h - reading the registry's lists of endpoints
 *
 * One read-only mapping per process; a look at a topic's generation is one
 * load. What is read here was written by the registry alone.
 */
#ifndef AGNOCAST_ROSTER_H
#define AGNOCAST_ROSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <uapi/agnocast.h>

/* Maps the rosters, if they are not. 0 or -errno. */
int rosters_open(void);
/*
 * Maps those of a new agnocastd. The old ones stay where they are, for whoever
 * still reads them: a registry is not restarted often.
 */
int rosters_reopen(void);

/* The roster at an offset that the registry returned; NULL if it makes no sense. */
const struct agnocast_roster *roster_at(uint64_t offset);

static inline uint32_t roster_generation(const struct agnocast_roster *roster)
{
	return __atomic_load_n(&roster->generation, __ATOMIC_ACQUIRE);
}

/*
 * Copies the endpoints of @kind into a malloc'ed array. Returns 0 and the
 * generation it belongs to; -EAGAIN if the list kept changing (use the one
 * before, reclaim nothing); -ENOMEM. A roster whose topic is gone is empty.
 */
int roster_read(const struct agnocast_roster *roster, uint64_t topic, uint32_t kind,
		struct agnocast_roster_entry **entries, uint32_t *count,
		uint32_t *generation);

/*
 * How many peers cannot map the control part of the process that has the
 * endpoint @generation, says its entry; 0: no such entry. -EAGAIN as above.
 */
int roster_blind(const struct agnocast_roster *roster, uint64_t topic, uint32_t kind,
		 uint64_t generation, uint32_t *blind);

static inline uint64_t roster_topic(const struct agnocast_roster *roster)
{
	return __atomic_load_n(&roster->topic, __ATOMIC_RELAXED);
}

/*
 * Asks the registry for the roster of the topic called @name, without having
 * an endpoint there. -ENOENT: no such topic; -ENOMEM, -ENOTCONN, ...
 */
int roster_find(const char *name, const struct agnocast_roster **roster, uint64_t *topic);

/*
 * Participants of an earlier agnocastd that have not come back yet: while there
 * are any, who is missing from a roster is not gone.
 */
uint32_t rosters_awaited(void);

/* How often sessions' names became stale: a hint to clean up. */
uint32_t rosters_stale(void);

#endif /* AGNOCAST_ROSTER_H */
