/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - what the registry should do, as simply as it can be said
 *
 * A second writing of the rules of uapi/agnocast.h and DESIGN.md for the
 * fuzzer to compare the core with. Arrays in the order in which things were
 * made, linear searches, nothing counted that can be looked up, nothing of
 * the core included.
 *
 * Where the rules leave a choice (ids, which roster a topic gets) the model
 * takes the core's and checks that it is allowed. Functions return what the
 * core must return: 0 or -errno. They are called after the core.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uapi/agnocast.h>

#define MODEL_SESSIONS	8	/* most areas of a window here */
#define MODEL_ENDPOINTS	(AGNOCAST_TOPICS_MAX * AGNOCAST_ENDPOINTS_MAX)
#define MODEL_STALE	4096	/* the oldest goes when one more comes */
#define MODEL_MAPPINGS	256

struct model_session {
	uint64_t id, key, mempool_size;
	uint32_t pid, uid, slot;
	bool	ready;
	char	comm[AGNOCAST_COMM_MAX];
	void	*bell[AGNOCAST_BELLS_MAX];
};

struct model_topic {
	uint64_t id, roster;
	char	name[AGNOCAST_TOPIC_MAX];
};

struct model_endpoint {
	uint64_t generation, topic, session, block;
	uint32_t kind, flags, depth, index;
	char	node[AGNOCAST_NODE_MAX];
};

struct model_mapping {
	uint64_t serial, owner, reader;
	uint32_t owner_pid, slot, state, parts, error;
	bool	sees;			/* has the control part */
	bool	blind, acknowledged;
};

struct model_stale {
	uint64_t serial, session;
	uint32_t pid, uid;
};

struct model {
	uint64_t base, area_size;
	uint32_t areas, next_slot;
	uint64_t first;			/* ids up to here are earlier registries' */
	uint64_t last;			/* highest id of any kind so far */
	uint32_t joins_and_ends, stale_ever, awaited;
	uint32_t reserved[MODEL_SESSIONS]; /* times each slot is reserved */
	size_t	sessions, topics, endpoints, mappings, stales;
	struct model_session session[MODEL_SESSIONS];
	struct model_topic topic[AGNOCAST_TOPICS_MAX];
	struct model_endpoint endpoint[MODEL_ENDPOINTS];
	struct model_mapping mapping[MODEL_MAPPINGS];
	struct model_stale stale[MODEL_STALE];
};

/* Called when the core's choice is not allowed, or the two disagree. No return. */
void disagree(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

bool model_window_is_usable(uint64_t base, uint64_t area_size, uint32_t areas);

/*
 * @oom: an allocation failed while the core did it. In @id, @new_topic...: what
 * the core chose, looked at only if the model says that it must have succeeded.
 */
int model_join(struct model *m, bool oom, uint32_t abi,
	       const struct model_session *who, uint64_t id);
int model_rejoin(struct model *m, bool oom, const struct agnocast_rejoin *rejoin,
		 const struct model_session *who);
/* For someone of an earlier registry; slots are then handed out from beyond it. */
int model_reserve(struct model *m, uint32_t slot);
void model_unreserve(struct model *m, uint32_t slot);
int model_ready(struct model *m, uint64_t session);
/* @serial: the stale entry's cursor. */
void model_end(struct model *m, uint64_t session, bool names_left, uint64_t serial);
int model_cleaned(struct model *m, uint64_t session, uint32_t uid);

/* @add: as passed, gets the out members. @core: the core's answer. */
int model_add(struct model *m, bool oom, uint64_t session, uint32_t kind,
	      struct agnocast_endpoint_add *add,
	      const struct agnocast_endpoint_add *core, uint64_t topic_id);
/* The peers of an endpoint, stored while there is room. */
uint32_t model_peers(const struct model *m, uint64_t generation,
		     struct agnocast_peer *peers, uint32_t room);
int model_remove(struct model *m, uint64_t session, uint32_t kind, uint64_t generation);

/* @serial: of the announcement if this report made one. */
int model_report(struct model *m, bool oom, uint64_t session,
		 struct agnocast_map_report *report, uint64_t serial);

int model_acknowledge(struct model *m, uint64_t session, uint64_t reader);

/* @old: as the core must give it back. */
int model_bell_set(struct model *m, uint64_t session, uint32_t which, void *bell, void **old);
int model_bell_get(const struct model *m, uint64_t session, uint64_t owner, uint32_t which,
		   void **bell);
/* @rung: whose bells ring, in that order; @rings of them. */
int model_wake(const struct model *m, uint64_t session, uint64_t publisher,
	       const struct agnocast_sleeper *sleepers, uint32_t count, void **rung,
	       uint32_t *rings);

/* @buf has room for @list->buf_len bytes. */
int model_list(const struct model *m, struct agnocast_list *list, void *buf);

/* Lookups. NULL or 0 if there is none. */
const struct model_session *model_session(const struct model *m, uint64_t id);
const struct model_topic *model_topic_named(const struct model *m, const char *name);
const struct model_mapping *model_mapping_of(const struct model *m, uint64_t reader,
					     uint64_t owner);
uint32_t model_pins(const struct model *m, uint32_t slot);
bool model_slot_is_live(const struct model *m, uint32_t slot);
uint32_t model_blind(const struct model *m, uint64_t owner);
/* The entries of a topic's roster, oldest endpoint first. */
uint32_t model_roster(const struct model *m, uint64_t topic,
		      struct agnocast_roster_entry entry[AGNOCAST_ENDPOINTS_MAX]);

#endif /* FUZZ_MODEL_H */
