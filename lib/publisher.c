/* SPDX-License-Identifier: BSD-2-Clause */
/* publisher.c - a publisher's life, and publishing */

#include "publisher.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "area.h"
#include "clock.h"
#include "foreign.h"
#include "log.h"
#include "options.h"
#include "participant.h"
#include "probes.h"
#include "ring.h"
#include "roster.h"
#include "start.h"

#define NO_TOPIC UINT64_MAX		/* id of none: its roster is empty */
#define UNREACHED_MAX 1024u		/* retained for readers not mapped yet */

/* At most depth in the ring, what subscriptions may claim, and one batch. */
static uint32_t retire_limit(const struct agnocast_publisher *pub)
{
	uint32_t reached = pub->links_count - pub->unmapped;

	return links_unreached(pub) * UNREACHED_MAX + reached * AGNOCAST_CLAIMS +
	       RECLAIM_BATCH;
}

static int refuse(struct agnocast_publisher *pub)
{
	atomic_fetch_add_explicit(&pub->ring->refused, 1, memory_order_relaxed);
	return -ENOBUFS;
}

/*
 * The lock is held. @doomed messages of @batch are to be destroyed. -EAGAIN: so
 * many had been waiting for a reader to be mapped that one batch was not enough.
 */
static int publish_locked(struct agnocast_publisher *pub, struct ring_item *item,
			  void *batch[RECLAIM_BATCH], uint32_t *doomed)
{
	bool full = ring_count(pub->ring) >= pub->depth + pub->slack, current, moved;
	int ret = 0;

	if (pub->retired_count >= retire_limit(pub)) {
		*doomed = links_refresh(pub) ? reclaim(pub, batch) : 0;
		if (pub->retired_count >= retire_limit(pub))
			return *doomed ? -EAGAIN : refuse(pub);
	}
	if (full)
		ret = reclaim_reserve(pub, pub->slack + 1);
	if (ret)
		return ret;
	item->seq = ring_put(pub->ring, item);
	PROBE(publish, pub->add.topic, pub->generation, item->seq, item->address, item->bytes);
	if (full)
		reclaim_retire(pub, pub->depth);
	/*
	 * The entry, the head and the tail before the roster, the claims and the
	 * waiting counters: see the tops of ring.h and wait.h. A subscription that
	 * registered before this fence is in the roster that we look at now.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	moved = links_moved(pub);
	current = !moved || links_refresh(pub);
	if (!current || links_unreached(pub))
		participant_kick();
	links_wake(pub, !current);
	if ((full || moved) && current && !*doomed)
		*doomed = reclaim(pub, batch);
	atomic_store_explicit(&pub->ring->published_bytes,
			      atomic_load_explicit(&pub->ring->published_bytes,
						   memory_order_relaxed) + item->bytes,
			      memory_order_relaxed);
	reclaim_count(pub);
	return 0;
}

int agnocast_publisher_publish(struct agnocast_publisher *pub, void *message, uint64_t bytes)
{
	struct ring_item item = { .address = (uintptr_t)message, .bytes = bytes };
	void *batch[RECLAIM_BATCH];
	uint32_t doomed;
	int saved = errno, ret;

	if (!participant_is_alive())
		return -ECHILD;
	if (!area_owns_heap(message, 1)) {
		if (!atomic_exchange(&pub->told_foreign, true))
			foreign_tell(pub->add.topic, message);
		return -EFAULT;
	}
	ring_prepare(pub->ring);
	do {
		doomed = 0;
		pthread_mutex_lock(&pub->lock);
		item.publish_ns = clock_ns();
		ret = publish_locked(pub, &item, batch, &doomed);
		pthread_mutex_unlock(&pub->lock);
		reclaim_destroy(pub, batch, doomed);
	} while (ret == -EAGAIN);
	errno = saved;
	return ret;
}

/* ---- life ---- */

static int check_options(const struct agnocast_publisher_options *options,
			 struct agnocast_publisher_options *to)
{
	int ret = options_copy("publisher", to, sizeof(*to), options);

	return ret ? ret : options_check_endpoint("publisher", &to->depth, to->flags,
						  AGNOCAST_QOS_TRANSIENT_LOCAL);
}

static void call_free(void *message, void *arg)
{
	(void)arg;
	agnocast_free(message);
}

static int create_ring(struct agnocast_publisher *pub,
		       const struct agnocast_publisher_options *options,
		       struct agnocast_endpoint_add *add)
{
	struct ring_options ring = { .depth = options->depth, .flags = options->flags };
	int ret = 0;

	pub->depth = options->depth;
	pub->slack = ring_slack(options->depth);
	pub->destroy = options->destroy ? options->destroy : call_free;
	pub->arg = options->arg;
	pub->block_size = ring_size(ring_capacity(options->depth));
	pub->block = area_block_alloc(pub->block_size, &ret);
	if (!pub->block)
		return ret;
	pub->ring = (struct agnocast_ring *)(own_area.base + pub->block);
	ring_format(pub->ring, &ring);
	add->block = pub->block;
	add->depth = options->depth;
	add->flags = options->flags & AGNOCAST_QOS_TRANSIENT_LOCAL ?
		     AGNOCAST_TRANSIENT_LOCAL : 0;
	return 0;
}

/*
 * The instance is stored when the registry gave one, after readers may have
 * heard of the endpoint: a reader that is that fast finds no instance yet, and
 * looks again.
 */
static int register_ring(struct agnocast_publisher *pub, struct agnocast_endpoint_add *add)
{
	int ret = participant_register(AGNOCAST_PUBLISHER_ADD_CMD, add);

	if (ret)
		return ret;
	pub->generation = add->generation;
	pub->roster = roster_at(add->roster);
	if (!pub->roster)
		return -EPROTO;
	pub->topic = roster_topic(pub->roster);
	pub->ring->topic_roster = add->roster;
	ring_open(pub->ring, pub->generation);
	return 0;
}

/*
 * From here to the switch nothing is reclaimed: subscriptions that are with the
 * new registry already find this publisher there before it looks for them.
 * True: it was so before, after an attempt of which nobody knows how it ended.
 */
static bool go_astray(struct agnocast_publisher *pub, int *err)
{
	bool before;

	pthread_mutex_lock(&pub->lock);
	before = pub->stray;
	/* The last word of the registry before: whom it lists may hold messages. */
	*err = before || links_refresh(pub) ? 0 : -ENOMEM;
	pub->stray = !*err;
	pthread_mutex_unlock(&pub->lock);
	return before;
}

int publisher_rejoin(struct agnocast_publisher *pub)
{
	struct agnocast_endpoint_add add = pub->add;
	const struct agnocast_roster *roster = pub->roster;
	uint64_t topic = pub->topic;
	bool doubtful;
	int ret;

	doubtful = go_astray(pub, &ret);
	if (ret || pub->withdrawn)
		return ret;
	add.again = pub->generation;
	ret = participant_register_again(AGNOCAST_PUBLISHER_ADD_CMD, &add, &roster, &topic);
	/* In doubt find_roster() has the last word. */
	if (doubtful || ret == -ENOTCONN)
		return ret;
	pthread_mutex_lock(&pub->lock);
	pub->roster = roster;
	pub->topic = topic;
	pub->roster_known = false;
	pub->stray = false;
	pthread_mutex_unlock(&pub->lock);
	return ret;
}

/*
 * A withdrawn publisher is not registered again, but follows those who may
 * still read it. Once all who live are back, its topic's new roster names them;
 * before, the topic may vanish and come anew. Likewise one that may have been
 * registered with a registry that ended at once.
 */
static void find_roster(struct agnocast_publisher *pub)
{
	const struct agnocast_roster *roster = pub->roster;
	uint64_t topic = NO_TOPIC;
	int ret;

	if (rosters_awaited())
		return;
	ret = roster_find(pub->add.topic, &roster, &topic);
	if (ret && ret != -ENOENT)
		return;
	pthread_mutex_lock(&pub->lock);
	pub->roster = roster;
	pub->topic = topic;
	pub->roster_known = false;
	pub->stray = false;
	pthread_mutex_unlock(&pub->lock);
}

static int create(struct agnocast_publisher *pub, struct agnocast_endpoint_add *add,
		  const struct agnocast_publisher_options *options)
{
	int ret = create_ring(pub, options, add);

	if (ret)
		return ret;
	pub->add = *add;
	/* Held all along: a registry that restarts meanwhile hears of it again. */
	participant_lock();
	ret = register_ring(pub, add);
	if (!ret) {
		links_map(pub);
		participant_add_publisher(pub);
	}
	participant_unlock();
	if (ret)
		area_block_free(pub->block, pub->block_size);
	return ret;
}

int agnocast_publisher_create(const char *topic,
			      const struct agnocast_publisher_options *options,
			      struct agnocast_publisher **out)
{
	struct agnocast_publisher_options checked;
	struct agnocast_endpoint_add add = { 0 };
	struct agnocast_publisher *pub;
	int saved = errno, ret;

	*out = NULL;
	ret = participant_enter();
	if (!ret)
		ret = check_options(options, &checked);
	if (!ret)
		ret = participant_name(&add, topic, checked.node);
	if (ret)
		return ret;
	pub = calloc(1, sizeof(*pub));
	if (!pub)
		return -ENOMEM;
	pthread_mutex_init(&pub->lock, NULL);
	ret = create(pub, &add, &checked);
	if (ret)
		free(pub);
	else
		*out = pub;
	errno = saved;
	return ret;
}

void agnocast_publisher_destroy(struct agnocast_publisher *pub)
{
	struct agnocast_endpoint_remove remove;
	int saved = errno;

	if (!pub || !participant_is_alive())
		return;
	remove.generation = pub->generation;
	/* Held all along: it must not be registered again in between. */
	participant_lock();
	registry_client_call(&registry, AGNOCAST_PUBLISHER_REMOVE_CMD, &remove);
	pthread_mutex_lock(&pub->lock);
	pub->withdrawn = true;
	pub->withdrawn_ns = clock_ns();
	pthread_mutex_unlock(&pub->lock);
	participant_unlock();
	participant_kick();
	errno = saved;
}

static bool finish(struct agnocast_publisher *pub)
{
	if (links_are_drained(pub)) {
		reclaim_reserve(pub, ring_count(pub->ring));
		reclaim_retire(pub, 0);
		atomic_thread_fence(memory_order_seq_cst);
	}
	return !ring_count(pub->ring) && !pub->retired_count;
}

bool publisher_is_finished(struct agnocast_publisher *pub)
{
	bool finished;

	pthread_mutex_lock(&pub->lock);
	finished = pub->withdrawn && finish(pub);
	pthread_mutex_unlock(&pub->lock);
	return finished;
}

bool publisher_refresh(struct agnocast_publisher *pub)
{
	void *batch[RECLAIM_BATCH];
	uint32_t doomed = 0;
	bool busy;

	if (pub->stray)
		find_roster(pub);
	links_map(pub);
	pthread_mutex_lock(&pub->lock);
	if (pub->withdrawn)
		finish(pub);
	else if (!reclaim_reserve(pub, pub->slack))
		reclaim_retire(pub, pub->depth);
	/* The tail moved under this lock, before the last publish's fence or ours. */
	atomic_thread_fence(memory_order_seq_cst);
	if (links_refresh(pub))
		doomed = reclaim(pub, batch);
	reclaim_count(pub);
	busy = pub->withdrawn || links_unreached(pub) || pub->stray ||
	       doomed == RECLAIM_BATCH;
	pthread_mutex_unlock(&pub->lock);
	/* Not under the participant lock: the callback is the user's. */
	if (doomed) {
		participant_unlock();
		reclaim_destroy(pub, batch, doomed);
		participant_lock();
	}
	return busy;
}

void publisher_free(struct agnocast_publisher *pub)
{
	ring_close(pub->ring);
	links_free(pub);
	area_block_free(pub->block, pub->block_size);
	pthread_mutex_destroy(&pub->lock);
	free(pub->claims);
	free(pub->retired);
	free(pub);
}

int agnocast_publisher_stats_get(struct agnocast_publisher *pub,
				 struct agnocast_publisher_stats *stats, size_t size)
{
	struct agnocast_ring *ring = pub->ring;
	struct agnocast_publisher_stats now;

	if (!participant_is_alive())
		return -ECHILD;
	pthread_mutex_lock(&pub->lock);
	links_refresh(pub);
	now = (struct agnocast_publisher_stats){
		.published = atomic_load(&ring->head) - ring->first,
		.bytes = atomic_load(&ring->published_bytes),
		.retained = atomic_load(&ring->retained),
		.wakes = atomic_load(&ring->wakes),
		.refused = atomic_load(&ring->refused),
		.subscriptions = pub->links_count,
		.unmapped = pub->unmapped,
	};
	pthread_mutex_unlock(&pub->lock);
	return options_give(stats, size, &now, sizeof(now));
}
