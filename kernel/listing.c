// SPDX-License-Identifier: GPL-2.0-only
/*
 * listing.c - what observers may ask
 *
 * Every list is in the order of its never-repeating serials, so a serial is a
 * cursor: a walk survives any churn and sees what stays exactly once.
 */

#include <linux/errno.h>
#include <linux/string.h>

#include "registry.h"

static void put_session(struct agnocast_session_info *to,
			const struct agk_session *session)
{
	to->session = session->id;
	to->base = agk_session_base(session);
	to->size = session->world->window.params.area_size;
	to->mempool_size = session->mempool_size;
	to->slot = session->slot;
	to->pid = session->who.pid;
	to->uid = session->who.uid;
	to->endpoints = session->endpoints_count;
	to->ready = session->ready;
	memcpy(to->comm, session->who.comm, sizeof(to->comm));
	agk_shm_name(to->shm_name, session->who.pid);
}

static void put_topic(struct agnocast_topic_info *to, const struct agk_topic *topic)
{
	to->topic = topic->id;
	to->roster = agk_roster_offset(topic->roster->index);
	to->publishers = topic->publishers;
	to->subscriptions = topic->subscriptions;
	memcpy(to->name, topic->name, sizeof(to->name));
}

static void put_endpoint(struct agnocast_endpoint_info *to,
			 const struct agk_endpoint *endpoint)
{
	to->generation = endpoint->generation;
	to->topic = endpoint->topic->id;
	to->session = endpoint->session->id;
	to->block = endpoint->block;
	to->endpoint = endpoint->index;
	to->kind = endpoint->kind;
	to->flags = endpoint->flags;
	to->depth = endpoint->depth;
	to->pid = endpoint->session->who.pid;
	memcpy(to->node, endpoint->node, sizeof(to->node));
}

static void put_mapping(struct agnocast_mapping_info *to,
			const struct agk_mapping *mapping)
{
	const struct agk_window *window = &mapping->reader->world->window;

	to->serial = mapping->serial;
	to->owner = mapping->owner_id;
	to->reader = mapping->reader->id;
	to->base = agk_window_base(window, mapping->slot);
	to->size = window->params.area_size;
	to->owner_pid = mapping->owner_pid;
	to->reader_pid = mapping->reader->who.pid;
	to->state = mapping->state;
	to->parts = mapping->parts;
	to->error = mapping->error;
	to->owner_alive = !!mapping->owner;
	to->blind = mapping->blind;
	to->acknowledged = mapping->acknowledged;
}

static void put_stale(struct agnocast_stale_info *to, const struct agk_stale *stale)
{
	to->session = stale->session;
	to->pid = stale->pid;
	to->uid = stale->uid;
	agk_shm_name(to->shm_name, stale->pid);
}

u32 agk_list_record_size(u32 what)
{
	switch (what) {
	case AGNOCAST_LIST_SESSIONS:
		return sizeof(struct agnocast_session_info);
	case AGNOCAST_LIST_TOPICS:
		return sizeof(struct agnocast_topic_info);
	case AGNOCAST_LIST_ENDPOINTS:
		return sizeof(struct agnocast_endpoint_info);
	case AGNOCAST_LIST_MAPPINGS:
		return sizeof(struct agnocast_mapping_info);
	case AGNOCAST_LIST_STALE:
		return sizeof(struct agnocast_stale_info);
	default:
		return 0;
	}
}

/* Walk one list of the world: the records after the cursor, while there is room. */
#define WALK(list, head, type, key, put, to, room) do {			\
	const struct type *item;					\
									\
	list_for_each_entry(item, head, link) {				\
		if (item->key <= (list)->cursor)			\
			continue;					\
		if ((list)->count == (room))				\
			break;						\
		put(&(to)[(list)->count++], item);			\
		(list)->next = item->key;				\
	}								\
} while (0)

static void walk(struct agk_world *world, struct agnocast_list *list, void *buf,
		 u32 room)
{
	lockdep_assert_held(&world->lock);
	switch (list->what) {
	case AGNOCAST_LIST_SESSIONS:
		WALK(list, &world->sessions, agk_session, id, put_session,
		     (struct agnocast_session_info *)buf, room);
		break;
	case AGNOCAST_LIST_TOPICS:
		WALK(list, &world->topics, agk_topic, id, put_topic,
		     (struct agnocast_topic_info *)buf, room);
		break;
	case AGNOCAST_LIST_ENDPOINTS:
		WALK(list, &world->endpoints, agk_endpoint, generation, put_endpoint,
		     (struct agnocast_endpoint_info *)buf, room);
		break;
	case AGNOCAST_LIST_MAPPINGS:
		WALK(list, &world->mappings, agk_mapping, serial, put_mapping,
		     (struct agnocast_mapping_info *)buf, room);
		break;
	case AGNOCAST_LIST_STALE:
		WALK(list, &world->stale, agk_stale, serial, put_stale,
		     (struct agnocast_stale_info *)buf, room);
		break;
	}
}

int agk_list(struct agk_world *world, struct agnocast_list *list, void *buf)
{
	u32 size = agk_list_record_size(list->what);
	u64 room;

	if (!size || list->flags || list->buf_len < size)
		return -EINVAL;
	room = list->buf_len / size;
	memset(buf, 0, room * size);
	list->record_size = size;
	list->count = 0;
	list->next = list->cursor;
	mutex_lock(&world->lock);
	walk(world, list, buf, room > U32_MAX ? U32_MAX : (u32)room);
	mutex_unlock(&world->lock);
	return 0;
}
