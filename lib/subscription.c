/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subscription.c - a subscription's life, and the publishers that it follows
 *
 * Taking messages is in take.c. Here is what happens when peers come and go:
 * the library's thread attaches publishers as sources and drops those that
 * left, once they are drained and nothing of theirs is held.
 */

#include "subscription.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "area.h"
#include "blind.h"
#include "clock.h"
#include "descriptor.h"
#include "log.h"
#include "news.h"
#include "ownfd.h"
#include "options.h"
#include "participant.h"
#include "roster.h"
#include "start.h"
#include "waitset.h"

#define LOCK_RETRY_US 50

static struct source *source_find(struct agnocast_subscription *sub, uint64_t generation)
{
	for (uint32_t i = 0; i < sub->sources_count; i++)
		if (sub->sources[i].generation == generation)
			return &sub->sources[i];
	return NULL;
}

/* The first message that was published after we began to register. */
static uint64_t since_registration(const struct agnocast_subscription *sub,
				   const struct ring_view *view, uint64_t head, uint64_t oldest)
{
	while (head > oldest) {
		struct ring_item item;

		if (!ring_read_claimed(view, head - 1, &item) ||
		    item.publish_ns < sub->registered_ns)
			break;
		head--;
	}
	return head;
}

/*
 * Where to start. Publishers older than the subscription: at what they
 * published since it registered, or, transient local, at what they keep. Newer
 * ones: at their first message.
 */
static uint64_t first_cursor(const struct agnocast_subscription *sub,
			     const struct source *source)
{
	const struct agnocast_ring *ring = source->view.ring;
	uint64_t oldest = ring_oldest(&source->view);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (source->generation > sub->generation)
		return ring->first;
	if (!(sub->flags & AGNOCAST_QOS_TRANSIENT_LOCAL) ||
	    !(ring->flags & AGNOCAST_TRANSIENT_LOCAL))
		return since_registration(sub, &source->view, head, oldest);
	return head - oldest > sub->depth ? head - sub->depth : oldest;
}

static int show_cursor(struct agnocast_subscription *sub, const struct source *source)
{
	struct agnocast_cursor *cursors = sub->block->cursor;

	for (uint32_t i = 0; i < AGNOCAST_ENDPOINTS_MAX; i++) {
		if (atomic_load_explicit(&cursors[i].publisher, memory_order_relaxed))
			continue;
		atomic_store_explicit(&cursors[i].next, source->cursor, memory_order_relaxed);
		/* Release: who sees the publisher sees where we stand. */
		atomic_store_explicit(&cursors[i].publisher, source->generation,
				      memory_order_release);
		return (int)i;
	}
	return -ENOSPC;
}

static int sources_have_room(struct agnocast_subscription *sub)
{
	uint32_t room = sub->sources_room ? sub->sources_room * 2 : 4;
	struct source *sources;

	if (sub->sources_count < sub->sources_room)
		return 0;
	sources = realloc(sub->sources, room * sizeof(*sources));
	if (!sources)
		return -ENOMEM;
	sub->sources = sources;
	sub->sources_room = room;
	return 0;
}

/* Locks all who look at the sources: sources_unlock() with what it returns. */
static struct agnocast_waitset *sources_lock(struct agnocast_subscription *sub)
{
	for (;;) {
		pthread_mutex_lock(&sub->lock);
		/* It stays as long as we are in it, and so as long as we have this lock. */
		if (!sub->waitset || waitset_try_lock(sub->waitset))
			return sub->waitset;
		pthread_mutex_unlock(&sub->lock);
		usleep(LOCK_RETRY_US);
	}
}

static void sources_unlock(struct agnocast_subscription *sub, struct agnocast_waitset *ws)
{
	if (ws)
		waitset_unlock(ws);
	pthread_mutex_unlock(&sub->lock);
}

/* The source is mapped; sources_lock() was called. */
static int append(struct agnocast_subscription *sub, struct source *source)
{
	int ret = sources_have_room(sub);

	if (ret)
		return ret;
	source->cursor = first_cursor(sub, source);
	ret = show_cursor(sub, source);
	if (ret < 0)
		return ret;
	source->shown = (uint32_t)ret;
	sub->sources[sub->sources_count++] = *source;
	/* It may have rung for what we are not going to read. */
	atomic_store_explicit(&sub->armed, false, memory_order_relaxed);
	return 0;
}

/*
 * -EAGAIN: listed, but its ring is not open yet, or is closed again.
 */
static int attach(struct agnocast_subscription *sub,
		  const struct agnocast_roster_entry *entry)
{
	struct source source = { .generation = entry->generation };
	const struct agnocast_ring *ring;
	int ret;

	source.peer = peer_get(entry->session, AGNOCAST_MAP_PARTS, &ret);
	/*
	 * Both pass: EBUSY, there still lies one that died, of which this process
	 * lets go soon; ENOTCONN, agnocastd is away.
	 */
	if (!source.peer)
		return ret == -EBUSY || ret == -ENOTCONN ? -EAGAIN : ret;
	ring = peer_control(source.peer, entry->block, sizeof(*ring));
	ret = -EAGAIN;
	if (ring && ring_view_init(&source.view, ring, entry->generation,
				   AGNOCAST_CONTROL_SIZE - entry->block)) {
		struct agnocast_waitset *ws = sources_lock(sub);

		ret = append(sub, &source);
		sources_unlock(sub, ws);
	}
	if (ret)
		peer_put(source.peer);
	return ret;
}

static bool wanted(const struct agnocast_subscription *sub,
		   const struct agnocast_roster_entry *entry)
{
	return !(sub->flags & AGNOCAST_QOS_IGNORE_LOCAL) ||
	       entry->session != own_area.session;
}

/* What became of the publishers that are listed. */
struct attached {
	uint32_t added;
	uint32_t pending;	/* not open yet, or gone since the list was read */
	uint32_t barred;	/* cannot be mapped, or cannot map us */
	uint64_t *barred_now;	/* their generations */
	bool	news;		/* there are some of whom the user has not heard */
};

static void bar(const struct agnocast_subscription *sub, uint64_t generation,
		struct attached *done)
{
	bool known = false;

	for (uint32_t i = 0; i < sub->barred_count && !known; i++)
		known = sub->barred[i] == generation;
	done->news = done->news || !known;
	done->barred_now[done->barred++] = generation;
}

/* The next take says so; whoever waits takes. */
static void show_barred(struct agnocast_subscription *sub, struct attached *done)
{
	struct agnocast_waitset *ws = sources_lock(sub);

	free(sub->barred);
	sub->barred = done->barred_now;
	sub->barred_count = done->barred;
	if (done->news)
		atomic_store_explicit(&sub->trouble, true, memory_order_relaxed);
	sources_unlock(sub, ws);
}

/* Attaches what is listed and new; *@err (may be NULL) gets the first error. */
static int attach_new(struct agnocast_subscription *sub,
		      const struct agnocast_roster_entry *entries, uint32_t count,
		      struct attached *done, int *err)
{
	*done = (struct attached){ .barred_now = malloc((count + 1) * sizeof(uint64_t)) };
	if (!done->barred_now)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		/* Only this function, under the participant lock, adds sources. */
		const struct source *source = source_find(sub, entries[i].generation);
		int ret = -ECONNREFUSED;

		if (!wanted(sub, &entries[i]) || (source && source->cursor != SOURCE_CUT))
			continue;
		if (!source && !blind_is(entries[i].session))
			ret = attach(sub, &entries[i]);
		if (!ret)
			done->added++;
		else if (ret == -EAGAIN || ret == -ENOENT)
			done->pending++;	/* the next list will tell */
		else
			bar(sub, entries[i].generation, done);
		if (ret != -EAGAIN && ret != -ENOENT && ret != -ECONNREFUSED && err && !*err)
			*err = ret;
	}
	show_barred(sub, done);
	if (done->added || done->news)
		news_tell(sub);
	return 0;
}

/*
 * Nothing more is taken from publishers that cannot see what is held here. What
 * is held is released as usual; what is unread is lost.
 */
static void cut_blind(struct agnocast_subscription *sub)
{
	struct agnocast_waitset *ws = sources_lock(sub);

	for (uint32_t i = 0; i < sub->sources_count; i++) {
		struct source *source = &sub->sources[i];
		uint64_t head;

		if (source->cursor == SOURCE_CUT || !blind_is(source->peer->session))
			continue;
		head = atomic_load_explicit(&source->view.ring->head, memory_order_acquire);
		if (head > source->cursor)
			atomic_fetch_add_explicit(&sub->block->dropped, head - source->cursor,
						  memory_order_relaxed);
		source->gone = true;
		/* Relaxed: the locks order it; a wait-set's look may be late. */
		__atomic_store_n(&source->cursor, SOURCE_CUT, __ATOMIC_RELAXED);
	}
	sources_unlock(sub, ws);
}

bool subscription_reads(const struct agnocast_subscription *sub, uint64_t session)
{
	for (uint32_t i = 0; i < sub->sources_count; i++)
		if (sub->sources[i].peer->session == session)
			return true;
	return false;
}

static bool is_listed(uint64_t generation, const struct agnocast_roster_entry *entries,
		      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (entries[i].generation == generation)
			return true;
	return false;
}

/* Who was killed behind its last message has woken nobody for it: that is done here. */
static void mark_gone(struct agnocast_subscription *sub,
		      const struct agnocast_roster_entry *entries, uint32_t count)
{
	bool went = false;

	pthread_mutex_lock(&sub->lock);
	for (uint32_t i = 0; i < sub->sources_count; i++) {
		struct source *source = &sub->sources[i];

		if (source->gone || is_listed(source->generation, entries, count))
			continue;
		source->gone = true;
		went = true;
	}
	pthread_mutex_unlock(&sub->lock);
	if (went)
		news_tell(sub);
}

static bool is_drained(const struct agnocast_subscription *sub, const struct source *source)
{
	uint64_t publish_ns;

	return !ring_peek(&source->view, source->cursor, &publish_ns) &&
	       !claims_any_of(sub->block, source->generation);
}

/* Returns how many of the gone are still to be drained. */
static uint32_t drop_drained(struct agnocast_subscription *sub)
{
	uint32_t kept = 0, left = 0, dropped = 0;
	bool held_up = false;
	struct agnocast_waitset *ws = sources_lock(sub);

	for (uint32_t i = 0; i < sub->sources_count; i++) {
		struct source *source = &sub->sources[i];

		bool drained = source->gone && is_drained(sub, source);

		/* None may go while somebody sleeps on one: it is unmapped soon. */
		held_up |= drained && sub->alone;
		if (drained && !sub->alone) {
			atomic_store_explicit(&sub->block->cursor[source->shown].publisher,
					      0, memory_order_release);
			peer_put(source->peer);
			dropped++;
			continue;
		}
		left += source->gone;
		sub->sources[kept++] = *source;
	}
	sub->sources_count = kept;
	if (held_up)
		news_stir(sub);
	sources_unlock(sub, ws);
	if (dropped)
		news_tell(sub);
	return left;
}

/* Who is blind, as of now or later than @sub's roster. 0 or -errno. */
static int look_for_blind(struct agnocast_subscription *sub)
{
	uint32_t blind;
	int ret = roster_blind(sub->roster, sub->topic, AGNOCAST_SUBSCRIPTION,
			       sub->generation, &blind);

	if (!ret && (blind || blind_any()))
		ret = blind_refresh();
	if (!ret && blind_any())
		cut_blind(sub);
	return ret;
}

bool subscription_refresh(struct agnocast_subscription *sub, int *err)
{
	struct agnocast_roster_entry *entries;
	uint32_t count, generation, awaited = rosters_awaited();
	bool stirred = news_tell_rest(sub);
	struct attached done;
	int ret;

	if (sub->roster_known && !sub->unfinished && awaited == sub->awaited_seen &&
	    roster_generation(sub->roster) == sub->roster_seen)
		return stirred;
	if (roster_read(sub->roster, sub->topic, AGNOCAST_PUBLISHER, &entries, &count,
			&generation))
		return true;
	ret = look_for_blind(sub);
	if (!ret)
		ret = attach_new(sub, entries, count, &done, err);
	if (!ret && !awaited)
		mark_gone(sub, entries, count);
	free(entries);
	if (ret)
		return true;
	sub->roster_seen = generation;
	sub->awaited_seen = awaited;
	sub->roster_known = true;
	/* The barred are tried again, but not all the time. */
	done.pending += drop_drained(sub);
	sub->unfinished = done.pending || done.barred;
	return done.pending || sub->stirred;
}

/* ---- life ---- */

static int check_options(const struct agnocast_subscription_options *options,
			 struct agnocast_subscription_options *to)
{
	int ret = options_copy("subscription", to, sizeof(*to), options);

	if (!ret)
		ret = options_check_endpoint("subscription", &to->depth, to->flags,
					     AGNOCAST_QOS_TRANSIENT_LOCAL |
					     AGNOCAST_QOS_IGNORE_LOCAL | AGNOCAST_POLLABLE);
	if (!ret)
		ret = options_check_spin("subscription", to->spin_us);
	if (!ret && to->pad)
		ret = -EINVAL;
	return ret;
}

static void format_block(struct agnocast_sub *block, uint32_t depth, uint32_t flags)
{
	memset(block, 0, sizeof(*block));
	block->depth = depth;
	block->flags = flags;
}

static int register_block(struct agnocast_subscription *sub,
			  struct agnocast_endpoint_add *add)
{
	int ret;

	sub->registered_ns = clock_ns();
	ret = participant_register(AGNOCAST_SUBSCRIBER_ADD_CMD, add);
	if (ret)
		return ret;
	sub->generation = add->generation;
	sub->roster = roster_at(add->roster);
	if (!sub->roster)
		return -EPROTO;
	sub->topic = roster_topic(sub->roster);
	atomic_store_explicit(&sub->block->instance, sub->generation, memory_order_release);
	return 0;
}

int subscription_rejoin(struct agnocast_subscription *sub)
{
	struct agnocast_endpoint_add add = sub->add;
	const struct agnocast_roster *roster;
	uint64_t topic;
	int ret;

	add.again = sub->generation;
	ret = participant_register_again(AGNOCAST_SUBSCRIBER_ADD_CMD, &add, &roster, &topic);
	if (ret)
		return ret;
	sub->roster = roster;
	sub->topic = topic;
	sub->roster_known = false;
	return 0;
}

static int unregister(struct agnocast_subscription *sub)
{
	struct agnocast_endpoint_remove remove = { .generation = sub->generation };

	return registry_client_call(&registry, AGNOCAST_SUBSCRIBER_REMOVE_CMD, &remove);
}

static void detach_all(struct agnocast_subscription *sub)
{
	for (uint32_t i = 0; i < sub->sources_count; i++)
		peer_put(sub->sources[i].peer);
	sub->sources_count = 0;
}

static void free_all(struct agnocast_subscription *sub)
{
	detach_all(sub);
	ownfd_close(sub->crowd);
	if (sub->block_offset)
		area_block_free(sub->block_offset, sizeof(*sub->block));
	pthread_mutex_destroy(&sub->lock);
	free(sub->sources);
	free(sub->barred);
	free(sub);
}

static int create(struct agnocast_subscription *sub, struct agnocast_endpoint_add *add)
{
	int ret = 0;

	sub->block_offset = area_block_alloc(sizeof(*sub->block), &ret);
	if (!sub->block_offset)
		return ret;
	sub->block = (struct agnocast_sub *)(own_area.base + sub->block_offset);
	format_block(sub->block, sub->depth, sub->flags);
	add->block = sub->block_offset;
	add->depth = sub->depth;
	add->flags = sub->flags & AGNOCAST_ENDPOINT_FLAGS;
	sub->add = *add;
	/* Held all along: a registry that restarts meanwhile hears of it again. */
	participant_lock();
	ret = register_block(sub, add);
	if (!ret) {
		subscription_refresh(sub, &ret);
		if (!ret && sub->flags & AGNOCAST_POLLABLE)
			ret = descriptor_add(sub);
		if (ret)
			unregister(sub);
		else
			participant_add_subscription(sub);
	}
	participant_unlock();
	/* Publishers of this process map us from its thread. */
	participant_kick();
	return ret;
}

int agnocast_subscription_create(const char *topic,
				 const struct agnocast_subscription_options *options,
				 struct agnocast_subscription **out)
{
	struct agnocast_subscription_options checked;
	struct agnocast_endpoint_add add = { 0 };
	struct agnocast_subscription *sub;
	int saved = errno, ret;

	*out = NULL;
	ret = participant_enter();
	if (!ret)
		ret = check_options(options, &checked);
	if (!ret)
		ret = participant_name(&add, topic, checked.node);
	if (ret)
		return ret;
	sub = calloc(1, sizeof(*sub));
	if (!sub)
		return -ENOMEM;
	pthread_mutex_init(&sub->lock, NULL);
	sub->depth = checked.depth;
	sub->flags = checked.flags;
	sub->spin_us = checked.spin_us;
	sub->crowd = OWNFD_NONE;
	ret = create(sub, &add);
	if (ret)
		free_all(sub);
	else
		*out = sub;
	errno = saved;
	return ret;
}

int agnocast_subscription_destroy(struct agnocast_subscription *sub)
{
	int saved = errno;

	if (!sub)
		return 0;
	if (!participant_is_alive())
		return -ECHILD;
	if (claims_held(sub->block) || sub->waitset)
		return -EBUSY;
	participant_lock();
	participant_remove_subscription(sub);
	participant_unlock();
	if (sub->flags & AGNOCAST_POLLABLE)
		descriptor_remove(sub);
	unregister(sub);
	atomic_store_explicit(&sub->block->instance, 0, memory_order_release);
	free_all(sub);
	participant_kick();
	errno = saved;
	return 0;
}

int agnocast_subscription_stats_get(struct agnocast_subscription *sub,
				    struct agnocast_subscription_stats *stats, size_t size)
{
	struct agnocast_sub *block = sub->block;
	struct agnocast_subscription_stats now;

	if (!participant_is_alive())
		return -ECHILD;
	now = (struct agnocast_subscription_stats){
		.taken = atomic_load(&block->taken),
		.dropped = atomic_load(&block->dropped),
		.skipped = atomic_load(&block->skipped),
		.sleeps = atomic_load(&block->sleeps),
		.held = claims_held(block),
	};
	for (int i = 0; i < AGNOCAST_LATENCY_BUCKETS; i++)
		now.latency[i] = atomic_load(&block->latency[i]);
	pthread_mutex_lock(&sub->lock);
	now.publishers = sub->sources_count;
	now.barred = sub->barred_count;
	pthread_mutex_unlock(&sub->lock);
	return options_give(stats, size, &now, sizeof(now));
}
