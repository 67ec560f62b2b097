/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model_list.c - what the listings should say
 *
 * All records of a kind, oldest first; of those the ones with a number above
 * the cursor, as many as fit. That a walk sees what stays exactly once follows
 * from that and from numbers that never repeat.
 */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

/* Any record, and the number that a cursor is compared with. */
struct record {
	uint64_t number;
	union {
		struct agnocast_session_info session;
		struct agnocast_topic_info topic;
		struct agnocast_endpoint_info endpoint;
		struct agnocast_mapping_info mapping;
		struct agnocast_stale_info stale;
	} u;
};

static void session_record(const struct model *m, size_t i, struct record *to)
{
	const struct model_session *from = &m->session[i];
	struct agnocast_session_info *info = &to->u.session;

	to->number = info->session = from->id;
	info->base = m->base + from->slot * m->area_size;
	info->size = m->area_size;
	info->mempool_size = from->mempool_size;
	info->slot = from->slot;
	info->pid = from->pid;
	info->uid = from->uid;
	info->ready = from->ready ? 1 : 0;
	memcpy(info->comm, from->comm, sizeof(info->comm));
	sprintf(info->shm_name, "/agnocast@%u", from->pid);
	for (size_t e = 0; e < m->endpoints; e++)
		info->endpoints += m->endpoint[e].session == from->id;
}

static void topic_record(const struct model *m, size_t i, struct record *to)
{
	const struct model_topic *from = &m->topic[i];
	struct agnocast_topic_info *info = &to->u.topic;

	to->number = info->topic = from->id;
	info->roster = from->roster;
	memcpy(info->name, from->name, sizeof(info->name));
	for (size_t e = 0; e < m->endpoints; e++) {
		if (m->endpoint[e].topic != from->id)
			continue;
		if (m->endpoint[e].kind == AGNOCAST_PUBLISHER)
			info->publishers++;
		else
			info->subscriptions++;
	}
}

static void endpoint_record(const struct model *m, size_t i, struct record *to)
{
	const struct model_endpoint *from = &m->endpoint[i];

	to->number = from->generation;
	to->u.endpoint = (struct agnocast_endpoint_info){
		.generation = from->generation, .topic = from->topic,
		.session = from->session, .block = from->block, .endpoint = from->index,
		.kind = from->kind, .flags = from->flags, .depth = from->depth,
		.pid = model_session(m, from->session)->pid,
	};
	memcpy(to->u.endpoint.node, from->node, sizeof(from->node));
}

static void mapping_record(const struct model *m, size_t i, struct record *to)
{
	const struct model_mapping *from = &m->mapping[i];

	to->number = from->serial;
	to->u.mapping = (struct agnocast_mapping_info){
		.serial = from->serial, .owner = from->owner, .reader = from->reader,
		.base = m->base + from->slot * m->area_size, .size = m->area_size,
		.owner_pid = from->owner_pid,
		.reader_pid = model_session(m, from->reader)->pid,
		.state = from->state, .parts = from->parts, .error = from->error,
		.owner_alive = model_session(m, from->owner) ? 1 : 0,
		.blind = from->blind, .acknowledged = from->acknowledged,
	};
}

static void stale_record(const struct model *m, size_t i, struct record *to)
{
	const struct model_stale *from = &m->stale[i];

	to->number = from->serial;
	to->u.stale.session = from->session;
	to->u.stale.pid = from->pid;
	to->u.stale.uid = from->uid;
	sprintf(to->u.stale.shm_name, "/agnocast@%u", from->pid);
}

static const struct kind {
	uint32_t size;
	size_t	count;			/* offset of the count in struct model */
	void	(*make)(const struct model *m, size_t i, struct record *to);
} kinds[] = {
	[AGNOCAST_LIST_SESSIONS] = { sizeof(struct agnocast_session_info),
				     offsetof(struct model, sessions), session_record },
	[AGNOCAST_LIST_TOPICS] = { sizeof(struct agnocast_topic_info),
				   offsetof(struct model, topics), topic_record },
	[AGNOCAST_LIST_ENDPOINTS] = { sizeof(struct agnocast_endpoint_info),
				      offsetof(struct model, endpoints), endpoint_record },
	[AGNOCAST_LIST_MAPPINGS] = { sizeof(struct agnocast_mapping_info),
				     offsetof(struct model, mappings), mapping_record },
	[AGNOCAST_LIST_STALE] = { sizeof(struct agnocast_stale_info),
				  offsetof(struct model, stales), stale_record },
};

int model_list(const struct model *m, struct agnocast_list *list, void *buf)
{
	const struct kind *kind;
	size_t all;

	if (list->what < AGNOCAST_LIST_SESSIONS || list->what > AGNOCAST_LIST_STALE ||
	    list->flags)
		return -EINVAL;
	kind = &kinds[list->what];
	if (list->buf_len < kind->size)
		return -EINVAL;
	memcpy(&all, (const char *)m + kind->count, sizeof(all));
	list->record_size = kind->size;
	list->count = 0;
	list->next = list->cursor;
	for (size_t i = 0; i < all && (list->count + 1ULL) * kind->size <= list->buf_len; i++) {
		struct record record;

		memset(&record, 0, offsetof(struct record, u) + kind->size);
		kind->make(m, i, &record);
		if (record.number <= list->cursor)
			continue;
		memcpy((char *)buf + list->count++ * kind->size, &record.u, kind->size);
		list->next = record.number;
	}
	return 0;
}
