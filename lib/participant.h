/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * participant.h - a process with endpoints: its library thread and its lists
 *
 * Starts with the first endpoint: commits MEMPOOL_SIZE, opens the rosters and
 * the queue, starts the thread. The thread maps new peers, unmaps the dead,
 * finishes publishers that were withdrawn, removes the names of the dead.
 *
 * Lock order: participant lock, one endpoint's lock, peers_lock. Nobody else's
 * code (destroy callbacks) runs under any of them.
 */
#ifndef AGNOCAST_PARTICIPANT_H
#define AGNOCAST_PARTICIPANT_H

#include <stdbool.h>
#include <stdint.h>
#include <uapi/agnocast.h>

struct agnocast_publisher;
struct agnocast_roster;
struct agnocast_subscription;

/*
 * Every API call that makes an endpoint begins here. Returns 0, or the errno
 * of agnocast_status(), of which the log has then heard.
 */
int participant_enter(void);

/* False in a forked child, where handles are dead. */
bool participant_is_alive(void);

void participant_lock(void);
void participant_unlock(void);

/* Asks the thread to look at everything soon. Safe on the message path and in malloc. */
void participant_kick(void);

/* A hint to another process that the registry has news for it. */
void participant_tell(uint32_t pid);

/* The participant lock is held. */
void participant_add_publisher(struct agnocast_publisher *pub);
void participant_add_subscription(struct agnocast_subscription *sub);
void participant_remove_publisher(struct agnocast_publisher *pub);
void participant_remove_subscription(struct agnocast_subscription *sub);

/* Registers an endpoint; fills the out members of @add. Tells the peers. */
int participant_register(unsigned int cmd, struct agnocast_endpoint_add *add);

/* With @add->again: after a restart of the registry. Where its topic's roster is now. */
int participant_register_again(unsigned int cmd, struct agnocast_endpoint_add *add,
			       const struct agnocast_roster **roster, uint64_t *topic);

/* "/name" of at most 255 bytes and a node name that fits, copied into @add. */
int participant_name(struct agnocast_endpoint_add *add, const char *topic,
		     const char *node);

#endif /* AGNOCAST_PARTICIPANT_H */
