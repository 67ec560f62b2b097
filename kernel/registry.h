/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * registry.h - who is alive, who publishes what, who maps whom
 *
 * The registry core: all rules, no home. It never touches user memory, sleeps
 * only to allocate and to take the world's lock, and compiles in user space
 * too (agnocastd, unit tests) over kernel/shim.
 *
 * One mutex per world protects everything in it. In the kernel it nests
 * inside mmap_lock, because a session ends in vm_operations.close: nothing
 * here may fault user memory or take an inode lock.
 *
 * Functions return 0 or -errno; one that fails has changed nothing.
 */
#ifndef AGK_REGISTRY_H
#define AGK_REGISTRY_H

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <uapi/agnocast.h>

#include "roster.h"
#include "window.h"

#define AGK_BUCKETS 1024U

/* What the home lends a world. */
struct agk_home {
	agk_roster_page_fn roster_page;
	void	*priv;
	u64	first_serial;	/* greater than any serial of an earlier registry */
};

/* One IPC namespace. Everything below .lock is protected by it. */
struct agk_world {
	struct agk_home home;
	struct mutex lock;	/* the order of locks: DESIGN.md, 3 */
	struct agk_window window;
	struct agnocast_rosters *rosters;	/* first page of the roster file */
	u64	serial;			/* of sessions, topics, endpoints, mappings */
	u64	first_serial;		/* serials up to here are from earlier registries */
	u32	sessions_count;
	u32	topics_count;
	u32	stale_count;
	struct list_head sessions;	/* agk_session.link, oldest first */
	struct list_head topics;	/* agk_topic.link, oldest first */
	struct list_head endpoints;	/* agk_endpoint.link, oldest first */
	struct list_head mappings;	/* agk_mapping.link, oldest first */
	struct list_head stale;		/* agk_stale.link, oldest first */
	struct list_head session_by_id[AGK_BUCKETS];
	struct list_head session_by_key[AGK_BUCKETS];
	struct list_head topic_by_name[AGK_BUCKETS];
	struct list_head endpoint_by_generation[AGK_BUCKETS];
	struct agk_roster *roster;	/* AGNOCAST_TOPICS_MAX of them; owned */
	u32	free_rosters;
	u32	*free_roster;		/* stack of unused indices; owned */
};

/* Who wants to join. */
struct agk_who {
	u64	key;		/* the address space: unique among the living */
	u32	pid;
	u32	uid;
	char	comm[AGNOCAST_COMM_MAX];
};

/*
 * One process. The home that joined it owns it and frees it after its end.
 * .ended: the world has forgotten it; every call fails with -ENOTCONN.
 */
struct agk_session {
	struct agk_world *world;
	bool	ended;
	bool	ready;
	u64	id;
	u64	mempool_size;
	struct agk_who who;
	u32	slot;
	u32	endpoints_count;
	u32	blind;			/* readers that cannot map our control part */
	struct agk_stale *stale;	/* got in advance: an end can't fail */
	void	*bell[AGNOCAST_BELLS_MAX];	/* the home's, who frees them after the end */
	struct list_head link, by_id, by_key;
	struct list_head endpoints;	/* agk_endpoint.of_session */
	struct list_head mappings;	/* agk_mapping.of_reader */
	struct list_head mapped_by;	/* agk_mapping.of_owner, while alive */
};

struct agk_topic {
	u64	id;
	char	name[AGNOCAST_TOPIC_MAX];
	struct agk_roster *roster;
	u32	publishers, subscriptions;
	u64	used[AGNOCAST_ENDPOINTS_MAX / 64];	/* endpoint indices */
	struct list_head link, by_name;
	struct list_head endpoints;	/* agk_endpoint.of_topic, oldest first */
};

struct agk_endpoint {
	u64	generation;
	u32	index;
	u32	kind;
	u32	flags;
	u32	depth;
	u64	block;
	char	node[AGNOCAST_NODE_MAX];
	struct agk_session *session;
	struct agk_topic *topic;
	struct list_head link, by_generation, of_session, of_topic;
};

/* A reader's announcement; outlives the owner's session, not the reader's. */
struct agk_mapping {
	u64	serial;
	u64	owner_id;
	struct agk_session *owner;	/* NULL once it has ended */
	struct agk_session *reader;
	u32	owner_pid;
	u32	slot;			/* pinned */
	u32	state, parts, error;
	u32	mapped;			/* parts, whatever became of later attempts */
	bool	blind;			/* refused, and the control part is not mapped */
	bool	acknowledged;		/* and the owner has taken note */
	struct list_head link, of_reader, of_owner;
};

/* Names that a dead session may have left behind. */
struct agk_stale {
	u64	serial;
	u64	session;
	u32	pid, uid;
	struct list_head link;
};

/* registry.c: worlds and sessions */
struct agk_world *agk_world_create(const struct agk_window_params *window,
				   const struct agk_home *home, int *err);
/* All its sessions must have ended. */
void agk_world_destroy(struct agk_world *world);

/* @abi is the caller's. Free the result with agk_session_free() after its end. */
int __must_check agk_session_join(struct agk_world *world, u32 abi,
				  const struct agk_who *who, u64 mempool_size,
				  struct agk_session **session);
/* Goes on with a session of an earlier registry. */
int __must_check agk_session_rejoin(struct agk_world *world,
				    const struct agnocast_rejoin *rejoin,
				    const struct agk_who *who,
				    struct agk_session **session);
/* How many of an earlier registry's participants are still to come back. */
void agk_world_awaits(struct agk_world *world, int more);
/* A slot that an earlier registry gave to someone who lives: not for others. */
int agk_slot_reserve(struct agk_world *world, u32 slot);
void agk_slot_unreserve(struct agk_world *world, u32 slot);

/*
 * The address space is gone, or leaves: idempotent, can't fail. @names_left:
 * list its names as stale.
 */
void agk_session_end(struct agk_session *session, bool names_left);
void agk_session_free(struct agk_session *session);
int agk_session_ready(struct agk_session *session);
u64 agk_session_base(const struct agk_session *session);
void agk_shm_name(char name[AGNOCAST_SHM_NAME_MAX], u32 pid);
/* The names are gone. Only @uid's own, or anyone's for uid 0. */
int agk_stale_cleaned(struct agk_world *world, u64 session, u32 uid);

/* topic.c: endpoints. Fills the out members of @add, and up to @room peers. */
int agk_endpoint_add(struct agk_session *session, u32 kind,
		     struct agnocast_endpoint_add *add,
		     struct agnocast_peer *peers, u32 room);
int agk_endpoint_remove(struct agk_session *session, u32 kind, u64 generation);

/* mapping.c: fills the out members of @report. */
int agk_mapping_report(struct agk_session *session,
		       struct agnocast_map_report *report);
/* The owner's word that it holds nothing of a blind @reader's. */
int agk_mapping_acknowledge(struct agk_session *session, u64 reader);

/* bell.c: gives back the one that was there before, or NULL. */
int agk_bell_set(struct agk_session *session, u32 which, void *bell, void **old);

struct agk_wake {
	u64	publisher;
	const struct agnocast_sleeper *sleepers;
	u32	count;
	u32	held;		/* out: how many there are in .bells */
	void	**bells;	/* out: whom to ring; room for .count */
};

/*
 * Finds the bells, and calls @hold for each, which must not sleep: a world's
 * lock is held. The caller rings them when it is not, and lets go of them.
 */
int agk_wake(struct agk_session *session, struct agk_wake *wake,
	     void (*hold)(void *bell));
/* For a home whose publishers ring for themselves; an owner may have its own again. */
int agk_bell_get(struct agk_session *session, u64 owner, u32 which, void **bell);

/* listing.c: stores records in @buf, sets .next, .count and .record_size. */
int agk_list(struct agk_world *world, struct agnocast_list *list, void *buf);
/* Bytes of one record, or 0 if @what is unknown. */
u32 agk_list_record_size(u32 what);

/* An unknown command is ENOTTY even before a session: that is how one probes. */
static inline bool agk_command_is_known(u32 cmd)
{
	switch (cmd) {
	case AGNOCAST_VERSION_CMD:
	case AGNOCAST_NEW_SHM_CMD:
	case AGNOCAST_AREA_READY_CMD:
	case AGNOCAST_OPEN_AREA_CMD:
	case AGNOCAST_OPEN_ROSTERS_CMD:
	case AGNOCAST_LEAVE_CMD:
	case AGNOCAST_REJOIN_CMD:
	case AGNOCAST_REJOINED_CMD:
	case AGNOCAST_PUBLISHER_ADD_CMD:
	case AGNOCAST_SUBSCRIBER_ADD_CMD:
	case AGNOCAST_PUBLISHER_REMOVE_CMD:
	case AGNOCAST_SUBSCRIBER_REMOVE_CMD:
	case AGNOCAST_MAP_REPORT_CMD:
	case AGNOCAST_CLEANED_CMD:
	case AGNOCAST_BELL_CMD:
	case AGNOCAST_OPEN_BELL_CMD:
	case AGNOCAST_ACKNOWLEDGE_CMD:
	case AGNOCAST_WAKE_CMD:
	case AGNOCAST_LIST_CMD:
		return true;
	default:
		return false;
	}
}

/* Shared by the files above; the lock is held. */
static inline u64 agk_next_serial(struct agk_world *world)
{
	lockdep_assert_held(&world->lock);
	return ++world->serial;
}

struct list_head *agk_bucket(struct list_head *buckets, u64 key);
struct agk_session *agk_session_find(struct agk_world *world, u64 id);
struct agk_endpoint *agk_endpoint_find(struct agk_world *world, u64 generation);
void agk_endpoint_drop(struct agk_endpoint *endpoint, bool publish);
void agk_topic_publish(struct agk_topic *topic);
void agk_mappings_of_reader_end(struct agk_session *reader);
void agk_mappings_of_owner_end(struct agk_session *owner);
void agk_session_forget_endpoints(struct agk_session *session);

#endif /* AGK_REGISTRY_H */
