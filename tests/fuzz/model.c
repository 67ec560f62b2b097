/* SPDX-License-Identifier: BSD-2-Clause */
/* model.c - what the registry should do: lookups, sessions, endpoints, mappings */

#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GIB (1ULL << 30)

/* Makes room for an element @at in an array that has some to spare. */
#define INSERT(array, count, at) do {					\
	memmove(&(array)[(at) + 1], &(array)[at],			\
		((count) - (at)) * sizeof((array)[0]));			\
	memset(&(array)[at], 0, sizeof((array)[0]));			\
	(count)++;							\
} while (0)

/* Removes element @at of an array and closes the gap. */
#define REMOVE(array, count, at) do {					\
	memmove(&(array)[at], &(array)[(at) + 1],			\
		((count) - (at) - 1) * sizeof((array)[0]));		\
	(count)--;							\
} while (0)

static void check_is_new(struct model *m, uint64_t id, const char *what)
{
	if (!id)
		disagree("%s: the model makes one, the core does not", what);
	if (id <= m->last)
		disagree("%s %llu: not above %llu, ids repeat", what,
			 (unsigned long long)id, (unsigned long long)m->last);
	m->last = id;
}

static void shm_name(char name[AGNOCAST_SHM_NAME_MAX], uint32_t pid)
{
	memset(name, 0, AGNOCAST_SHM_NAME_MAX);
	sprintf(name, "/agnocast@%u", pid);
}

const struct model_session *model_session(const struct model *m, uint64_t id)
{
	for (size_t i = 0; i < m->sessions; i++)
		if (m->session[i].id == id)
			return &m->session[i];
	return NULL;
}

const struct model_topic *model_topic_named(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->topics; i++)
		if (!strcmp(m->topic[i].name, name))
			return &m->topic[i];
	return NULL;
}

const struct model_mapping *model_mapping_of(const struct model *m, uint64_t reader,
					     uint64_t owner)
{
	for (size_t i = 0; i < m->mappings; i++)
		if (m->mapping[i].reader == reader && m->mapping[i].owner == owner)
			return &m->mapping[i];
	return NULL;
}

uint32_t model_pins(const struct model *m, uint32_t slot)
{
	uint32_t pins = m->reserved[slot];

	for (size_t i = 0; i < m->mappings; i++)
		pins += m->mapping[i].slot == slot;
	return pins;
}

bool model_slot_is_live(const struct model *m, uint32_t slot)
{
	for (size_t i = 0; i < m->sessions; i++)
		if (m->session[i].slot == slot)
			return true;
	return false;
}

uint32_t model_blind(const struct model *m, uint64_t owner)
{
	uint32_t blind = 0;

	for (size_t i = 0; i < m->mappings; i++)
		blind += m->mapping[i].owner == owner && m->mapping[i].blind;
	return blind;
}

static const struct model_endpoint *endpoint_of(const struct model *m, uint64_t generation)
{
	for (size_t i = 0; i < m->endpoints; i++)
		if (m->endpoint[i].generation == generation)
			return &m->endpoint[i];
	return NULL;
}

static uint32_t endpoints_in(const struct model *m, uint64_t topic, uint32_t kind)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->endpoints; i++)
		n += m->endpoint[i].topic == topic && m->endpoint[i].kind == kind;
	return n;
}

static uint64_t base_of(const struct model *m, uint32_t slot)
{
	return m->base + slot * m->area_size;
}

bool model_window_is_usable(uint64_t base, uint64_t area_size, uint32_t areas)
{
	const unsigned __int128 end = base + (unsigned __int128)area_size * areas;

	return areas >= 1 && areas <= AGNOCAST_SESSIONS_MAX &&
	       area_size >= 2 * GIB && area_size % GIB == 0 &&
	       base && base % (2 << 20) == 0 && end < 1ULL << 47;
}

/* Round-robin, passing over what is in use or still mapped by someone. */
static int slot_take(struct model *m)
{
	for (uint32_t i = 0; i < m->areas; i++) {
		uint32_t slot = (m->next_slot + i) % m->areas;

		if (!model_slot_is_live(m, slot) && !model_pins(m, slot)) {
			m->next_slot = (slot + 1) % m->areas;
			return slot;
		}
	}
	return -ENOSPC;
}

static bool key_is_taken(const struct model *m, uint64_t key)
{
	for (size_t i = 0; i < m->sessions; i++)
		if (m->session[i].key == key)
			return true;
	return false;
}

/* In the order of ids: one that came back is older than it looks. */
static void enter(struct model *m, const struct model_session *who, uint64_t id, uint32_t slot)
{
	size_t at = 0;

	while (at < m->sessions && m->session[at].id < id)
		at++;
	INSERT(m->session, m->sessions, at);
	m->session[at] = *who;
	memset(m->session[at].bell, 0, sizeof(m->session[at].bell));
	m->session[at].id = id;
	m->session[at].slot = slot;
	m->session[at].ready = false;
	m->joins_and_ends++;
}

int model_join(struct model *m, bool oom, uint32_t abi,
	       const struct model_session *who, uint64_t id)
{
	int slot;

	if (abi != AGNOCAST_ABI_VERSION)
		return -EPROTO;
	if (oom)
		return -ENOMEM;
	if (key_is_taken(m, who->key))
		return -EEXIST;
	slot = slot_take(m);
	if (slot < 0)
		return slot;
	check_is_new(m, id, "session");
	enter(m, who, id, slot);
	return 0;
}

int model_rejoin(struct model *m, bool oom, const struct agnocast_rejoin *rejoin,
		 const struct model_session *who)
{
	if (rejoin->abi != AGNOCAST_ABI_VERSION)
		return -EPROTO;
	if (rejoin->session < 1 || rejoin->session > m->first || rejoin->slot >= m->areas ||
	    rejoin->base != base_of(m, rejoin->slot))
		return -EINVAL;
	if (oom)
		return -ENOMEM;
	if (key_is_taken(m, who->key) || model_session(m, rejoin->session))
		return -EEXIST;
	if (model_slot_is_live(m, rejoin->slot))
		return -EBUSY;
	/* It came back before, ended, and someone still has its area mapped. */
	for (size_t i = 0; i < m->mappings; i++)
		if (m->mapping[i].owner == rejoin->session)
			return -EBUSY;
	enter(m, who, rejoin->session, rejoin->slot);
	return 0;
}

int model_reserve(struct model *m, uint32_t slot)
{
	if (slot >= m->areas)
		return -EINVAL;
	m->reserved[slot]++;
	if (m->next_slot <= slot)
		m->next_slot = (slot + 1) % m->areas;
	return 0;
}

void model_unreserve(struct model *m, uint32_t slot)
{
	m->reserved[slot]--;
}

int model_ready(struct model *m, uint64_t session)
{
	for (size_t i = 0; i < m->sessions; i++) {
		if (m->session[i].id != session)
			continue;
		if (m->session[i].ready)
			return -EALREADY;
		m->session[i].ready = true;
		return 0;
	}
	return -ENOTCONN;
}

static void forget_empty_topics(struct model *m)
{
	for (size_t i = m->topics; i-- > 0;)
		if (!endpoints_in(m, m->topic[i].id, AGNOCAST_PUBLISHER) &&
		    !endpoints_in(m, m->topic[i].id, AGNOCAST_SUBSCRIPTION))
			REMOVE(m->topic, m->topics, i);
}

static void add_stale(struct model *m, const struct model_session *dead, uint64_t serial)
{
	if (m->stales == MODEL_STALE)
		REMOVE(m->stale, m->stales, 0);
	check_is_new(m, serial, "stale entry");
	m->stale[m->stales++] = (struct model_stale){
		.serial = serial, .session = dead->id, .pid = dead->pid, .uid = dead->uid,
	};
	m->stale_ever++;
}

void model_end(struct model *m, uint64_t session, bool names_left, uint64_t serial)
{
	for (size_t i = 0; i < m->sessions; i++) {
		if (m->session[i].id != session)
			continue;
		if (names_left)
			add_stale(m, &m->session[i], serial);
		REMOVE(m->session, m->sessions, i);
		m->joins_and_ends++;
	}
	for (size_t i = m->endpoints; i-- > 0;)
		if (m->endpoint[i].session == session)
			REMOVE(m->endpoint, m->endpoints, i);
	for (size_t i = m->mappings; i-- > 0;)
		if (m->mapping[i].reader == session)
			REMOVE(m->mapping, m->mappings, i);
	forget_empty_topics(m);
}

int model_cleaned(struct model *m, uint64_t session, uint32_t uid)
{
	for (size_t i = 0; i < m->stales; i++) {
		if (m->stale[i].session != session)
			continue;
		if (uid != 0 && uid != m->stale[i].uid)
			return -EPERM;
		REMOVE(m->stale, m->stales, i);
		return 0;
	}
	return -ENOENT;
}

static bool add_is_valid(const struct agnocast_endpoint_add *add)
{
	if (!memchr(add->topic, '\0', sizeof(add->topic)) ||
	    !memchr(add->node, '\0', sizeof(add->node)))
		return false;
	if (add->topic[0] != '/' || strlen(add->topic) < 2)
		return false;
	if (add->depth < 1 || add->depth > AGNOCAST_DEPTH_MAX)
		return false;
	if (add->flags & ~(AGNOCAST_TRANSIENT_LOCAL | AGNOCAST_IGNORE_LOCAL))
		return false;
	/* In the control part, behind its header, at the start of a line. */
	return add->block > 0 && add->block < GIB && add->block % 64 == 0;
}

static bool index_is_taken(const struct model *m, uint64_t topic, uint32_t index)
{
	for (size_t i = 0; i < m->endpoints; i++)
		if (m->endpoint[i].topic == topic && m->endpoint[i].index == index)
			return true;
	return false;
}

/* The core has chosen a roster: one of the file's, and nobody else's. */
static void check_roster(const struct model *m, uint64_t roster)
{
	if (roster < AGNOCAST_ROSTER_PAGE ||
	    (roster - AGNOCAST_ROSTER_PAGE) % AGNOCAST_ROSTER_STRIDE ||
	    (roster - AGNOCAST_ROSTER_PAGE) / AGNOCAST_ROSTER_STRIDE >= AGNOCAST_TOPICS_MAX)
		disagree("roster at %llu: not in the file", (unsigned long long)roster);
	for (size_t i = 0; i < m->topics; i++)
		if (m->topic[i].roster == roster)
			disagree("roster at %llu: in use", (unsigned long long)roster);
}

static const struct model_topic *make_topic(struct model *m, const char *name,
					    uint64_t roster, uint64_t id)
{
	struct model_topic *topic = &m->topic[m->topics];

	check_roster(m, roster);
	check_is_new(m, id, "topic");
	memset(topic, 0, sizeof(*topic));
	strcpy(topic->name, name);
	topic->roster = roster;
	topic->id = id;
	m->topics++;
	return topic;
}

/* In the order of generations. Returns its index in the topic. */
static uint32_t store_endpoint(struct model *m, uint64_t session, uint32_t kind,
			       const struct agnocast_endpoint_add *add, uint64_t topic)
{
	struct model_endpoint *endpoint;
	uint32_t index = 0;
	size_t at = 0;

	while (index_is_taken(m, topic, index))
		index++;
	while (at < m->endpoints && m->endpoint[at].generation < add->generation)
		at++;
	INSERT(m->endpoint, m->endpoints, at);
	endpoint = &m->endpoint[at];
	endpoint->index = index;
	endpoint->generation = add->generation;
	endpoint->topic = topic;
	endpoint->session = session;
	endpoint->block = add->block;
	endpoint->kind = kind;
	endpoint->flags = add->flags;
	endpoint->depth = add->depth;
	strcpy(endpoint->node, add->node);
	return index;
}

int model_add(struct model *m, bool oom, uint64_t session, uint32_t kind,
	      struct agnocast_endpoint_add *add,
	      const struct agnocast_endpoint_add *core, uint64_t topic_id)
{
	const struct model_session *owner = model_session(m, session);
	const struct model_topic *topic;

	if (!add_is_valid(add))
		return -EINVAL;
	if (oom)
		return -ENOMEM;
	if (!owner || !owner->ready)
		return -ENOTCONN;
	if (add->again > m->first)
		return -EINVAL;
	if (add->again && endpoint_of(m, add->again))
		return -EEXIST;
	topic = model_topic_named(m, add->topic);
	if (!topic && m->topics == AGNOCAST_TOPICS_MAX)
		return -ENOSPC;
	if (topic && endpoints_in(m, topic->id, AGNOCAST_PUBLISHER) +
		     endpoints_in(m, topic->id, AGNOCAST_SUBSCRIPTION) == AGNOCAST_ENDPOINTS_MAX)
		return -ENOSPC;
	if (!topic)
		topic = make_topic(m, add->topic, core->roster, topic_id);
	if (!add->again)
		check_is_new(m, core->generation, "endpoint");
	add->generation = add->again ? add->again : core->generation;
	add->endpoint = store_endpoint(m, session, kind, add, topic->id);
	add->roster = topic->roster;
	add->peers_count = endpoints_in(m, topic->id, kind == AGNOCAST_PUBLISHER ?
					AGNOCAST_SUBSCRIPTION : AGNOCAST_PUBLISHER);
	return 0;
}

uint32_t model_peers(const struct model *m, uint64_t generation,
		     struct agnocast_peer *peers, uint32_t room)
{
	const struct model_endpoint *added = endpoint_of(m, generation);
	uint32_t n = 0;

	for (size_t i = 0; i < m->endpoints && n < room; i++) {
		const struct model_endpoint *other = &m->endpoint[i];
		const struct model_session *owner = model_session(m, other->session);

		if (other->topic != added->topic || other->kind == added->kind)
			continue;
		peers[n] = (struct agnocast_peer){
			.session = owner->id, .generation = other->generation,
			.area_base = base_of(m, owner->slot), .area_size = m->area_size,
			.block = other->block, .pid = owner->pid, .endpoint = other->index,
		};
		shm_name(peers[n++].shm_name, owner->pid);
	}
	return n;
}

int model_remove(struct model *m, uint64_t session, uint32_t kind, uint64_t generation)
{
	if (!model_session(m, session))
		return -ENOTCONN;
	for (size_t i = 0; i < m->endpoints; i++) {
		if (m->endpoint[i].generation != generation ||
		    m->endpoint[i].session != session || m->endpoint[i].kind != kind)
			continue;
		REMOVE(m->endpoint, m->endpoints, i);
		forget_empty_topics(m);
		return 0;
	}
	return -EBADF;
}

int model_bell_set(struct model *m, uint64_t session, uint32_t which, void *bell, void **old)
{
	if (which >= AGNOCAST_BELLS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < m->sessions; i++) {
		if (m->session[i].id != session)
			continue;
		*old = m->session[i].bell[which];
		m->session[i].bell[which] = bell;
		return 0;
	}
	return -ENOTCONN;
}

static bool is_publisher_of(const struct model_endpoint *endpoint, uint64_t session)
{
	return endpoint && endpoint->session == session && endpoint->kind == AGNOCAST_PUBLISHER;
}

int model_wake(const struct model *m, uint64_t session, uint64_t publisher,
	       const struct agnocast_sleeper *sleepers, uint32_t count, void **rung,
	       uint32_t *rings)
{
	const struct model_endpoint *from = endpoint_of(m, publisher), *to;

	*rings = 0;
	for (uint32_t i = 0; i < count; i++)
		if (sleepers[i].bell >= AGNOCAST_BELLS_MAX || sleepers[i].pad)
			return -EINVAL;
	if (!model_session(m, session))
		return -ENOTCONN;
	if (!is_publisher_of(from, session))
		return -EBADF;
	for (uint32_t i = 0; i < count; i++) {
		void *bell;

		to = endpoint_of(m, sleepers[i].subscription);
		if (!to || to->topic != from->topic || to->kind != AGNOCAST_SUBSCRIPTION)
			continue;
		bell = model_session(m, to->session)->bell[sleepers[i].bell];
		if (bell)
			rung[(*rings)++] = bell;
	}
	return 0;
}

int model_bell_get(const struct model *m, uint64_t session, uint64_t owner, uint32_t which,
		   void **bell)
{
	if (which >= AGNOCAST_BELLS_MAX)
		return -EINVAL;
	if (!model_session(m, session))
		return -ENOTCONN;
	if (!model_session(m, owner) || !model_session(m, owner)->bell[which])
		return -ENOENT;
	if (owner == session) {
		*bell = model_session(m, owner)->bell[which];
		return 0;
	}
	for (size_t i = 0; i < m->endpoints; i++) {
		if (!is_publisher_of(&m->endpoint[i], session))
			continue;
		for (size_t j = 0; j < m->endpoints; j++) {
			const struct model_endpoint *to = &m->endpoint[j];

			if (to->topic == m->endpoint[i].topic && to->session == owner &&
			    to->kind == AGNOCAST_SUBSCRIPTION) {
				*bell = model_session(m, owner)->bell[which];
				return 0;
			}
		}
	}
	return -EPERM;
}

uint32_t model_roster(const struct model *m, uint64_t topic,
		      struct agnocast_roster_entry entry[AGNOCAST_ENDPOINTS_MAX])
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->endpoints; i++) {
		const struct model_endpoint *endpoint = &m->endpoint[i];
		const struct model_session *owner = model_session(m, endpoint->session);

		if (endpoint->topic != topic)
			continue;
		entry[n++] = (struct agnocast_roster_entry){
			.generation = endpoint->generation, .session = owner->id,
			.area_base = base_of(m, owner->slot), .block = endpoint->block,
			.endpoint = endpoint->index, .kind = endpoint->kind,
			.flags = endpoint->flags, .depth = endpoint->depth,
			.pid = owner->pid, .slot = owner->slot,
			.blind = model_blind(m, owner->id),
		};
	}
	return n;
}

static bool report_is_valid(const struct agnocast_map_report *report)
{
	const bool has_parts = report->parts == AGNOCAST_MAP_CONTROL ||
			       report->parts == AGNOCAST_MAP_HEAP ||
			       report->parts == (AGNOCAST_MAP_CONTROL | AGNOCAST_MAP_HEAP);

	switch (report->state) {
	case AGNOCAST_WILL_MAP:
	case AGNOCAST_MAPPED:
		return has_parts && !report->error;
	case AGNOCAST_REFUSED:
		return has_parts && report->error >= 1 && report->error <= 4095;
	case AGNOCAST_UNMAPPED:
		return !report->parts && !report->error;
	default:
		return false;
	}
}

static int announce(struct model *m, uint64_t reader, uint64_t owner, uint64_t serial)
{
	const struct model_session *session = model_session(m, owner);

	if (!session || !session->ready || owner == reader)
		return -ENOENT;
	if (model_mapping_of(m, reader, owner))
		return 0;
	if (m->mappings == MODEL_MAPPINGS)
		disagree("more mappings than the model has room for");
	check_is_new(m, serial, "mapping");
	m->mapping[m->mappings++] = (struct model_mapping){
		.serial = serial, .owner = owner, .reader = reader,
		.owner_pid = session->pid, .slot = session->slot,
	};
	return 0;
}

static void set_mapping(struct model *m, uint64_t reader,
			struct agnocast_map_report *report)
{
	for (size_t i = 0; i < m->mappings; i++) {
		struct model_mapping *mapping = &m->mapping[i];

		if (mapping->reader != reader || mapping->owner != report->owner)
			continue;
		switch (report->state) {
		case AGNOCAST_MAPPED:
			mapping->sees = report->parts & AGNOCAST_MAP_CONTROL;
			mapping->blind = mapping->acknowledged = false;
			break;
		case AGNOCAST_REFUSED:
			mapping->blind = mapping->blind || !mapping->sees;
			break;
		case AGNOCAST_UNMAPPED:
			mapping->acknowledged = false;
			break;
		}
		report->acknowledged = mapping->acknowledged;
		report->pad = 0;
		report->pid = mapping->owner_pid;
		report->base = base_of(m, mapping->slot);
		report->size = m->area_size;
		shm_name(report->shm_name, mapping->owner_pid);
		mapping->state = report->state;
		mapping->parts = report->parts;
		mapping->error = report->error;
		if (report->state == AGNOCAST_UNMAPPED)
			REMOVE(m->mapping, m->mappings, i);
		return;
	}
}

int model_report(struct model *m, bool oom, uint64_t session,
		 struct agnocast_map_report *report, uint64_t serial)
{
	int ret;

	if (!report_is_valid(report))
		return -EINVAL;
	if (oom)
		return -ENOMEM;
	if (!model_session(m, session))
		return -ENOTCONN;
	if (report->state == AGNOCAST_WILL_MAP) {
		ret = announce(m, session, report->owner, serial);
		if (ret)
			return ret;
	} else if (!model_mapping_of(m, session, report->owner)) {
		return -ENOENT;
	}
	set_mapping(m, session, report);
	return 0;
}

int model_acknowledge(struct model *m, uint64_t session, uint64_t reader)
{
	if (!model_session(m, session))
		return -ENOTCONN;
	for (size_t i = 0; i < m->mappings; i++) {
		struct model_mapping *mapping = &m->mapping[i];

		if (mapping->owner != session || mapping->reader != reader || !mapping->blind)
			continue;
		mapping->acknowledged = true;
		return 0;
	}
	return -ENOENT;
}
