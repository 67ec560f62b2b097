// SPDX-License-Identifier: GPL-2.0-only
/*
 * registry.c - worlds and sessions
 *
 * A session is an address space's membership. Whatever it owned goes with it,
 * in agk_session_end(), which allocates nothing and cannot fail.
 */

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <agk_trace.h>

#include "registry.h"

#define STALE_MAX 4096U

struct list_head *agk_bucket(struct list_head *buckets, u64 key)
{
	/* Fibonacci hashing: keys are serials or addresses, near one another. */
	return &buckets[(key * 0x9E3779B97F4A7C15ULL >> 32) % AGK_BUCKETS];
}

static void buckets_init(struct list_head *buckets)
{
	u32 i;

	for (i = 0; i < AGK_BUCKETS; i++)
		INIT_LIST_HEAD(&buckets[i]);
}

static void world_lists_init(struct agk_world *world)
{
	u32 i;

	INIT_LIST_HEAD(&world->sessions);
	INIT_LIST_HEAD(&world->topics);
	INIT_LIST_HEAD(&world->endpoints);
	INIT_LIST_HEAD(&world->mappings);
	INIT_LIST_HEAD(&world->stale);
	buckets_init(world->session_by_id);
	buckets_init(world->session_by_key);
	buckets_init(world->topic_by_name);
	buckets_init(world->endpoint_by_generation);
	for (i = 0; i < AGNOCAST_TOPICS_MAX; i++) {
		world->roster[i].index = i;
		/* A stack: index 0 on top, so that the file stays small. */
		world->free_roster[i] = AGNOCAST_TOPICS_MAX - 1 - i;
	}
	world->free_rosters = AGNOCAST_TOPICS_MAX;
}

static int world_rosters_init(struct agk_world *world)
{
	struct agnocast_rosters *first = world->home.roster_page(world->home.priv, 0);

	if (!first)
		return -ENOMEM;
	first->abi = AGNOCAST_ABI_VERSION;
	first->topics_max = AGNOCAST_TOPICS_MAX;
	first->stride = AGNOCAST_ROSTER_STRIDE;
	first->magic = AGNOCAST_ROSTERS_MAGIC;
	world->rosters = first;
	return 0;
}

struct agk_world *agk_world_create(const struct agk_window_params *window,
				   const struct agk_home *home, int *err)
{
	struct agk_world *world = kvzalloc(sizeof(*world), GFP_KERNEL);

	*err = -ENOMEM;
	if (!world)
		return NULL;
	world->home = *home;
	world->serial = home->first_serial;
	world->first_serial = home->first_serial;
	world->roster = kvcalloc(AGNOCAST_TOPICS_MAX, sizeof(*world->roster), GFP_KERNEL);
	if (!world->roster)
		goto err_free_world;
	world->free_roster = kvcalloc(AGNOCAST_TOPICS_MAX, sizeof(u32), GFP_KERNEL);
	if (!world->free_roster)
		goto err_free_roster;
	*err = agk_window_init(&world->window, window);
	if (*err)
		goto err_free_stack;
	*err = world_rosters_init(world);
	if (*err)
		goto err_destroy_window;
	world_lists_init(world);
	mutex_init(&world->lock);
	return world;

err_destroy_window:
	agk_window_destroy(&world->window);
err_free_stack:
	kvfree(world->free_roster);
err_free_roster:
	kvfree(world->roster);
err_free_world:
	kvfree(world);
	return NULL;
}

void agk_world_destroy(struct agk_world *world)
{
	struct agk_stale *stale, *next;

	WARN_ON_ONCE(!list_empty(&world->sessions));
	list_for_each_entry_safe(stale, next, &world->stale, link)
		kfree(stale);
	mutex_destroy(&world->lock);
	agk_window_destroy(&world->window);
	kvfree(world->free_roster);
	kvfree(world->roster);
	kvfree(world);
}

void agk_shm_name(char name[AGNOCAST_SHM_NAME_MAX], u32 pid)
{
	memset(name, 0, AGNOCAST_SHM_NAME_MAX);
	scnprintf(name, AGNOCAST_SHM_NAME_MAX, "/agnocast@%u", pid);
}

u64 agk_session_base(const struct agk_session *session)
{
	return agk_window_base(&session->world->window, session->slot);
}

struct agk_session *agk_session_find(struct agk_world *world, u64 id)
{
	struct agk_session *session;

	lockdep_assert_held(&world->lock);
	list_for_each_entry(session, agk_bucket(world->session_by_id, id), by_id)
		if (session->id == id)
			return session;
	return NULL;
}

static bool key_is_taken(struct agk_world *world, u64 key)
{
	struct agk_session *session;

	lockdep_assert_held(&world->lock);
	list_for_each_entry(session, agk_bucket(world->session_by_key, key), by_key)
		if (session->who.key == key)
			return true;
	return false;
}

/* Keeps the list in the order of ids: one that came back is older than it looks. */
static void session_link_in_order(struct agk_session *session)
{
	struct list_head *before = session->world->sessions.prev;

	lockdep_assert_held(&session->world->lock);
	while (before != &session->world->sessions &&
	       list_entry(before, struct agk_session, link)->id > session->id)
		before = before->prev;
	list_add(&session->link, before);
}

static void session_link(struct agk_session *session)
{
	struct agk_world *world = session->world;

	session_link_in_order(session);
	list_add(&session->by_id, agk_bucket(world->session_by_id, session->id));
	list_add(&session->by_key,
		 agk_bucket(world->session_by_key, session->who.key));
	INIT_LIST_HEAD(&session->endpoints);
	INIT_LIST_HEAD(&session->mappings);
	INIT_LIST_HEAD(&session->mapped_by);
	world->sessions_count++;
	WRITE_ONCE(world->rosters->sessions, world->rosters->sessions + 1);
}

static int session_enter(struct agk_world *world, struct agk_session *session)
{
	int slot;

	lockdep_assert_held(&world->lock);
	if (key_is_taken(world, session->who.key))
		return -EEXIST;
	slot = agk_window_take(&world->window);
	if (slot < 0)
		return slot;
	session->slot = slot;
	session->id = agk_next_serial(world);
	session_link(session);
	trace_agnocast_join(session->id, session->who.pid, session->slot,
			    agk_session_base(session));
	return 0;
}

static struct agk_session *session_alloc(void)
{
	struct agk_session *session = kzalloc(sizeof(*session), GFP_KERNEL);

	if (!session)
		return NULL;
	session->stale = kzalloc(sizeof(*session->stale), GFP_KERNEL);
	if (!session->stale) {
		kfree(session);
		return NULL;
	}
	return session;
}

int agk_session_join(struct agk_world *world, u32 abi, const struct agk_who *who,
		     u64 mempool_size, struct agk_session **out)
{
	struct agk_session *session;
	int ret;

	if (abi != AGNOCAST_ABI_VERSION)
		return -EPROTO;
	session = session_alloc();
	if (!session)
		return -ENOMEM;
	session->world = world;
	session->who = *who;
	session->mempool_size = mempool_size;

	mutex_lock(&world->lock);
	ret = session_enter(world, session);
	mutex_unlock(&world->lock);
	if (ret) {
		kfree(session->stale);
		kfree(session);
		return ret;
	}
	*out = session;
	return 0;
}

/* It ended here, and readers still have its area: where it was, as it was. */
static bool id_is_mapped(struct agk_world *world, u64 id)
{
	struct agk_mapping *mapping;

	lockdep_assert_held(&world->lock);
	list_for_each_entry(mapping, &world->mappings, link)
		if (mapping->owner_id == id)
			return true;
	return false;
}

static int session_reenter(struct agk_world *world, struct agk_session *session,
			   const struct agnocast_rejoin *rejoin)
{
	int ret;

	lockdep_assert_held(&world->lock);
	if (key_is_taken(world, session->who.key) || agk_session_find(world, rejoin->session))
		return -EEXIST;
	if (id_is_mapped(world, rejoin->session))
		return -EBUSY;
	ret = agk_window_take_at(&world->window, rejoin->slot);
	if (ret)
		return ret;
	session->slot = rejoin->slot;
	session->id = rejoin->session;
	session_link(session);
	trace_agnocast_join(session->id, session->who.pid, session->slot, rejoin->base);
	return 0;
}

int agk_session_rejoin(struct agk_world *world, const struct agnocast_rejoin *rejoin,
		       const struct agk_who *who, struct agk_session **out)
{
	struct agk_session *session;
	int ret;

	if (rejoin->abi != AGNOCAST_ABI_VERSION)
		return -EPROTO;
	if (!rejoin->session || rejoin->session > world->first_serial ||
	    rejoin->slot >= world->window.params.areas ||
	    rejoin->base != agk_window_base(&world->window, rejoin->slot))
		return -EINVAL;
	session = session_alloc();
	if (!session)
		return -ENOMEM;
	session->world = world;
	session->who = *who;
	session->mempool_size = rejoin->mempool_size;

	mutex_lock(&world->lock);
	ret = session_reenter(world, session, rejoin);
	mutex_unlock(&world->lock);
	if (ret) {
		kfree(session->stale);
		kfree(session);
		return ret;
	}
	*out = session;
	return 0;
}

void agk_world_awaits(struct agk_world *world, int more)
{
	mutex_lock(&world->lock);
	WRITE_ONCE(world->rosters->awaited, world->rosters->awaited + more);
	mutex_unlock(&world->lock);
}

int agk_slot_reserve(struct agk_world *world, u32 slot)
{
	if (slot >= world->window.params.areas)
		return -EINVAL;
	mutex_lock(&world->lock);
	agk_window_pin(&world->window, slot);
	/* Others nearby may still be mapped somewhere: start beyond them. */
	if (world->window.hint <= slot)
		world->window.hint = (slot + 1) % world->window.params.areas;
	mutex_unlock(&world->lock);
	return 0;
}

void agk_slot_unreserve(struct agk_world *world, u32 slot)
{
	mutex_lock(&world->lock);
	agk_window_unpin(&world->window, slot);
	mutex_unlock(&world->lock);
}

int agk_session_ready(struct agk_session *session)
{
	struct agk_world *world = session->world;
	int ret = 0;

	mutex_lock(&world->lock);
	if (session->ended)
		ret = -ENOTCONN;
	else if (session->ready)
		ret = -EALREADY;
	else
		session->ready = true;
	mutex_unlock(&world->lock);
	return ret;
}

static void stale_drop(struct agk_world *world, struct agk_stale *stale)
{
	lockdep_assert_held(&world->lock);
	list_del(&stale->link);
	world->stale_count--;
	kfree(stale);
}

static void stale_add(struct agk_session *session)
{
	struct agk_world *world = session->world;
	struct agk_stale *stale = session->stale;

	lockdep_assert_held(&session->world->lock);
	session->stale = NULL;
	stale->serial = agk_next_serial(world);
	stale->session = session->id;
	stale->pid = session->who.pid;
	stale->uid = session->who.uid;
	/* Users that never come back must not fill the kernel. */
	if (world->stale_count >= STALE_MAX)
		stale_drop(world, list_first_entry(&world->stale,
						   struct agk_stale, link));
	list_add_tail(&stale->link, &world->stale);
	world->stale_count++;
	WRITE_ONCE(world->rosters->stale, world->rosters->stale + 1);
}

void agk_session_end(struct agk_session *session, bool names_left)
{
	struct agk_world *world = session->world;

	mutex_lock(&world->lock);
	if (!session->ended) {
		session->ended = true;
		trace_agnocast_leave(session->id, session->who.pid,
				     session->endpoints_count, names_left);
		agk_session_forget_endpoints(session);
		agk_mappings_of_reader_end(session);
		agk_mappings_of_owner_end(session);
		agk_window_owner_gone(&world->window, session->slot);
		list_del(&session->link);
		list_del(&session->by_id);
		list_del(&session->by_key);
		world->sessions_count--;
		WRITE_ONCE(world->rosters->sessions, world->rosters->sessions + 1);
		if (names_left)
			stale_add(session);
	}
	mutex_unlock(&world->lock);
}

void agk_session_free(struct agk_session *session)
{
	WARN_ON_ONCE(!session->ended);
	kfree(session->stale);
	kfree(session);
}

int agk_stale_cleaned(struct agk_world *world, u64 session, u32 uid)
{
	struct agk_stale *stale;
	int ret = -ENOENT;

	mutex_lock(&world->lock);
	list_for_each_entry(stale, &world->stale, link) {
		if (stale->session != session)
			continue;
		ret = uid && uid != stale->uid ? -EPERM : 0;
		if (!ret)
			stale_drop(world, stale);
		break;
	}
	mutex_unlock(&world->lock);
	return ret;
}
