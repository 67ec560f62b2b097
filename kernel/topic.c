// SPDX-License-Identifier: GPL-2.0-only
/*
 * topic.c - topics and their endpoints
 *
 * A topic exists as long as it has an endpoint. Each change of its endpoints
 * is published in its roster before the call returns.
 */

#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <agk_trace.h>

#include "registry.h"

static u64 hash_name(const char *name)
{
	u64 hash = 0xcbf29ce484222325ULL;	/* FNV-1a */

	while (*name)
		hash = (hash ^ (u8)*name++) * 0x100000001b3ULL;
	return hash;
}

static bool is_string(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static int add_is_valid(const struct agnocast_endpoint_add *add)
{
	if (!is_string(add->topic, sizeof(add->topic)) ||
	    add->topic[0] != '/' || !add->topic[1])
		return -EINVAL;
	if (!is_string(add->node, sizeof(add->node)))
		return -EINVAL;
	if (!add->depth || add->depth > AGNOCAST_DEPTH_MAX)
		return -EINVAL;
	if (add->flags & ~AGNOCAST_ENDPOINT_FLAGS)
		return -EINVAL;
	/* Blocks lie in the control part, behind its header. */
	if (!add->block || add->block % 64 || add->block >= 1U << 30)
		return -EINVAL;
	return 0;
}

static struct agk_topic *topic_find(struct agk_world *world, const char *name)
{
	struct agk_topic *topic;

	lockdep_assert_held(&world->lock);
	list_for_each_entry(topic, agk_bucket(world->topic_by_name, hash_name(name)),
			    by_name)
		if (!strcmp(topic->name, name))
			return topic;
	return NULL;
}

static void topic_free(struct agk_world *world, struct agk_topic *topic)
{
	lockdep_assert_held(&world->lock);
	agk_roster_close(topic->roster);
	world->free_roster[world->free_rosters++] = topic->roster->index;
	world->topics_count--;
	list_del(&topic->link);
	list_del(&topic->by_name);
	kfree(topic);
}

static struct agk_topic *topic_create(struct agk_world *world, const char *name,
				      int *err)
{
	struct agk_topic *topic;

	lockdep_assert_held(&world->lock);
	*err = -ENOSPC;
	if (!world->free_rosters)
		return NULL;
	*err = -ENOMEM;
	topic = kzalloc(sizeof(*topic), GFP_KERNEL);
	if (!topic)
		return NULL;
	topic->roster = &world->roster[world->free_roster[world->free_rosters - 1]];
	if (agk_roster_reserve(topic->roster, 1, world->home.roster_page,
			       world->home.priv)) {
		kfree(topic);
		return NULL;
	}
	world->free_rosters--;
	world->topics_count++;
	topic->id = agk_next_serial(world);
	strscpy(topic->name, name, sizeof(topic->name));
	INIT_LIST_HEAD(&topic->endpoints);
	list_add_tail(&topic->link, &world->topics);
	list_add(&topic->by_name, agk_bucket(world->topic_by_name, hash_name(name)));
	agk_roster_open(topic->roster, topic->id, topic->name);
	*err = 0;
	return topic;
}

static int index_take(struct agk_topic *topic)
{
	u32 i;

	for (i = 0; i < AGNOCAST_ENDPOINTS_MAX; i++) {
		u64 bit = 1ULL << (i % 64);

		if (!(topic->used[i / 64] & bit)) {
			topic->used[i / 64] |= bit;
			return i;
		}
	}
	return -ENOSPC;
}

static void index_give(struct agk_topic *topic, u32 index)
{
	topic->used[index / 64] &= ~(1ULL << (index % 64));
}

void agk_topic_publish(struct agk_topic *topic)
{
	struct agk_endpoint *endpoint;
	u32 n = 0;

	list_for_each_entry(endpoint, &topic->endpoints, of_topic) {
		struct agk_session *session = endpoint->session;
		struct agnocast_roster_entry entry = {
			.generation = endpoint->generation,
			.session = session->id,
			.area_base = agk_session_base(session),
			.block = endpoint->block,
			.endpoint = endpoint->index,
			.kind = endpoint->kind,
			.flags = endpoint->flags,
			.depth = endpoint->depth,
			.pid = session->who.pid,
			.slot = session->slot,
			.blind = session->blind,
		};

		agk_roster_put(topic->roster, n++, &entry);
	}
	agk_roster_publish(topic->roster, n);
}

static u32 *count_of(struct agk_topic *topic, u32 kind)
{
	return kind == AGNOCAST_PUBLISHER ? &topic->publishers : &topic->subscriptions;
}

/* Keeps both lists in the order of generations: one may have come back. */
static void endpoint_link_in_order(struct agk_endpoint *endpoint)
{
	struct list_head *all = &endpoint->session->world->endpoints, *before;
	struct list_head *of_topic = &endpoint->topic->endpoints;

	for (before = all->prev; before != all; before = before->prev)
		if (list_entry(before, struct agk_endpoint, link)->generation <
		    endpoint->generation)
			break;
	list_add(&endpoint->link, before);
	for (before = of_topic->prev; before != of_topic; before = before->prev)
		if (list_entry(before, struct agk_endpoint, of_topic)->generation <
		    endpoint->generation)
			break;
	list_add(&endpoint->of_topic, before);
}

/* Links everywhere; the topic's roster has room, its index is taken. */
static void endpoint_link(struct agk_endpoint *endpoint)
{
	struct agk_session *session = endpoint->session;
	struct agk_world *world = session->world;

	lockdep_assert_held(&endpoint->session->world->lock);
	if (!endpoint->generation)
		endpoint->generation = agk_next_serial(world);
	endpoint_link_in_order(endpoint);
	list_add(&endpoint->by_generation,
		 agk_bucket(world->endpoint_by_generation, endpoint->generation));
	list_add_tail(&endpoint->of_session, &session->endpoints);
	session->endpoints_count++;
	(*count_of(endpoint->topic, endpoint->kind))++;
	trace_agnocast_endpoint_add(endpoint->generation, endpoint->topic->id,
				    session->id, session->who.pid, endpoint->kind);
}

static int endpoint_enter(struct agk_endpoint *endpoint, const char *name)
{
	struct agk_world *world = endpoint->session->world;
	struct agk_topic *topic = topic_find(world, name);
	bool created = false;
	int ret;

	lockdep_assert_held(&world->lock);
	if (!topic) {
		topic = topic_create(world, name, &ret);
		if (!topic)
			return ret;
		created = true;
	}
	ret = agk_roster_reserve(topic->roster,
				 topic->publishers + topic->subscriptions + 1 <
					AGNOCAST_ENDPOINTS_MAX ?
				 topic->publishers + topic->subscriptions + 1 :
				 AGNOCAST_ENDPOINTS_MAX,
				 world->home.roster_page, world->home.priv);
	if (ret)
		goto err_topic;
	ret = index_take(topic);
	if (ret < 0)
		goto err_topic;
	endpoint->index = ret;
	endpoint->topic = topic;
	endpoint_link(endpoint);
	agk_topic_publish(topic);
	return 0;

err_topic:
	if (created)
		topic_free(world, topic);
	return ret;
}

static u32 peers_of(const struct agk_endpoint *endpoint,
		    struct agnocast_peer *peers, u32 room)
{
	struct agk_endpoint *other;
	u32 n = 0;

	lockdep_assert_held(&endpoint->session->world->lock);
	list_for_each_entry(other, &endpoint->topic->endpoints, of_topic) {
		struct agk_session *session = other->session;

		if (other->kind == endpoint->kind)
			continue;
		if (n < room) {
			memset(&peers[n], 0, sizeof(peers[n]));
			peers[n].session = session->id;
			peers[n].generation = other->generation;
			peers[n].area_base = agk_session_base(session);
			peers[n].area_size = session->world->window.params.area_size;
			peers[n].block = other->block;
			peers[n].pid = session->who.pid;
			peers[n].endpoint = other->index;
			agk_shm_name(peers[n].shm_name, session->who.pid);
		}
		n++;
	}
	return n;
}

static struct agk_endpoint *endpoint_alloc(struct agk_session *session, u32 kind,
					   const struct agnocast_endpoint_add *add)
{
	struct agk_endpoint *endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL);

	if (!endpoint)
		return NULL;
	endpoint->session = session;
	endpoint->kind = kind;
	endpoint->flags = add->flags;
	endpoint->depth = add->depth;
	endpoint->block = add->block;
	endpoint->generation = add->again;
	strscpy(endpoint->node, add->node, sizeof(endpoint->node));
	return endpoint;
}

struct agk_endpoint *agk_endpoint_find(struct agk_world *world, u64 generation)
{
	struct agk_endpoint *endpoint;

	lockdep_assert_held(&world->lock);
	list_for_each_entry(endpoint,
			    agk_bucket(world->endpoint_by_generation, generation),
			    by_generation)
		if (endpoint->generation == generation)
			return endpoint;
	return NULL;
}

/* May this endpoint be entered? The lock is held. */
static int may_enter(struct agk_session *session, const struct agnocast_endpoint_add *add)
{
	struct agk_world *world = session->world;

	lockdep_assert_held(&world->lock);
	if (session->ended || !session->ready)
		return -ENOTCONN;
	if (add->again > world->first_serial)
		return -EINVAL;
	return add->again && agk_endpoint_find(world, add->again) ? -EEXIST : 0;
}

int agk_endpoint_add(struct agk_session *session, u32 kind,
		     struct agnocast_endpoint_add *add,
		     struct agnocast_peer *peers, u32 room)
{
	struct agk_world *world = session->world;
	struct agk_endpoint *endpoint;
	int ret = add_is_valid(add);

	if (ret)
		return ret;
	endpoint = endpoint_alloc(session, kind, add);
	if (!endpoint)
		return -ENOMEM;

	mutex_lock(&world->lock);
	ret = may_enter(session, add);
	if (!ret)
		ret = endpoint_enter(endpoint, add->topic);
	if (!ret) {
		add->generation = endpoint->generation;
		add->roster = agk_roster_offset(endpoint->topic->roster->index);
		add->endpoint = endpoint->index;
		add->peers_count = peers_of(endpoint, peers, room);
	}
	mutex_unlock(&world->lock);
	if (ret)
		kfree(endpoint);
	return ret;
}

void agk_endpoint_drop(struct agk_endpoint *endpoint, bool publish)
{
	struct agk_topic *topic = endpoint->topic;
	struct agk_session *session = endpoint->session;

	lockdep_assert_held(&session->world->lock);
	trace_agnocast_endpoint_remove(endpoint->generation, topic->id, session->id,
				       session->who.pid, endpoint->kind);
	index_give(topic, endpoint->index);
	(*count_of(topic, endpoint->kind))--;
	session->endpoints_count--;
	list_del(&endpoint->link);
	list_del(&endpoint->by_generation);
	list_del(&endpoint->of_session);
	list_del(&endpoint->of_topic);
	kfree(endpoint);
	if (list_empty(&topic->endpoints))
		topic_free(session->world, topic);
	else if (publish)
		agk_topic_publish(topic);
}

/* A death: one new roster per endpoint of the dead. */
void agk_session_forget_endpoints(struct agk_session *session)
{
	lockdep_assert_held(&session->world->lock);
	while (!list_empty(&session->endpoints))
		agk_endpoint_drop(list_first_entry(&session->endpoints,
						   struct agk_endpoint, of_session),
				  true);
}

int agk_endpoint_remove(struct agk_session *session, u32 kind, u64 generation)
{
	struct agk_world *world = session->world;
	struct agk_endpoint *endpoint;
	int ret = 0;

	mutex_lock(&world->lock);
	endpoint = agk_endpoint_find(world, generation);
	if (session->ended)
		ret = -ENOTCONN;
	else if (!endpoint || endpoint->session != session || endpoint->kind != kind)
		ret = -EBADF;
	else
		agk_endpoint_drop(endpoint, true);
	mutex_unlock(&world->lock);
	return ret;
}
