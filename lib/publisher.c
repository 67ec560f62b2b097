/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publisher.c - publish, retire, reclaim
 *
 * A message lives in the ring, then among the retired until no subscription
 * claims it, then it is destroyed, exactly once, in this process, under no
 * lock.
 */

#include "publisher.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "area.h"
#include "clock.h"
#include "foreign.h"
#include "log.h"
#include "participant.h"
#include "ring.h"
#include "roster.h"
#include "start.h"

#define BATCH 32u			/* messages destroyed by one call */
#define UNREACHED_MAX 1024u		/* retained for readers not mapped yet */
#define NO_TOPIC UINT64_MAX		/* id of none: its roster is empty */
#define ATTACH_GRACE_NS 1000000000u	/* for a reader that was just mapping us */

static const uint32_t *futex_of(const _Atomic uint64_t *head)
{
	/* The low half. */
	return (const uint32_t *)head + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/* ---- the links, which follow the roster ---- */

static struct link *link_find(struct agnocast_publisher *pub, uint64_t generation)
{
	for (uint32_t i = 0; i < pub->links_count; i++)
		if (pub->links[i].generation == generation)
			return &pub->links[i];
	return NULL;
}

static void count_unmapped(struct agnocast_publisher *pub)
{
	pub->unmapped = 0;
	for (uint32_t i = 0; i < pub->links_count; i++)
		pub->unmapped += !pub->links[i].sub;
}

/* Takes over what is still listed; what is not loses its reference. */
static void links_replace(struct agnocast_publisher *pub, struct link *links, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct link *old = link_find(pub, links[i].generation);

		if (!old)
			continue;
		links[i] = *old;
		old->peer = NULL;
	}
	for (uint32_t i = 0; i < pub->links_count; i++)
		if (pub->links[i].peer)
			peer_put(pub->links[i].peer);
	free(pub->links);
	pub->links = links;
	pub->links_count = count;
	count_unmapped(pub);
}

static bool scan_has_room(struct agnocast_publisher *pub, uint32_t links)
{
	uint32_t room = links * AGNOCAST_CLAIMS;
	uint32_t *claims;

	if (room <= pub->claims_room)
		return true;
	claims = realloc(pub->claims, room * sizeof(*claims));
	if (!claims)
		return false;
	pub->claims = claims;
	pub->claims_room = room;
	return true;
}

/*
 * Not all participants of an earlier registry are back: those that are missing
 * may still read. @links has room for the old ones too.
 */
static uint32_t keep_missing(struct agnocast_publisher *pub, struct link *links, uint32_t count)
{
	uint32_t listed = count;

	for (uint32_t i = 0; i < pub->links_count; i++) {
		uint32_t j = 0;

		while (j < listed && links[j].generation != pub->links[i].generation)
			j++;
		if (j == listed)
			links[count++] = (struct link){
				.generation = pub->links[i].generation,
				.session = pub->links[i].session,
				.block = pub->links[i].block,
			};
	}
	return count;
}

static bool roster_moved(const struct agnocast_publisher *pub, uint32_t awaited)
{
	return !pub->roster_known || awaited != pub->awaited_seen ||
	       roster_generation(pub->roster) != pub->roster_seen;
}

/*
 * Follows the roster if it changed. False: could not, so that nothing may be
 * reclaimed and everybody must be woken.
 */
static bool links_refresh(struct agnocast_publisher *pub)
{
	struct agnocast_roster_entry *entries;
	uint32_t count, generation, awaited = rosters_awaited();
	struct link *links;

	if (pub->stray)
		return false;
	if (!roster_moved(pub, awaited))
		return true;
	if (roster_read(pub->roster, pub->topic, AGNOCAST_SUBSCRIPTION, &entries, &count,
			&generation))
		return false;
	links = calloc(count + pub->links_count + 1, sizeof(*links));
	if (!links || !scan_has_room(pub, count + pub->links_count)) {
		free(links);
		free(entries);
		return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		links[i].generation = entries[i].generation;
		links[i].session = entries[i].session;
		links[i].block = entries[i].block;
	}
	free(entries);
	if (awaited)
		count = keep_missing(pub, links, count);
	links_replace(pub, links, count);
	pub->roster_seen = generation;
	pub->awaited_seen = awaited;
	pub->roster_known = true;
	return true;
}

/* The lock is not held: mapping takes its time, and publish must not wait. */
static void map_link(struct agnocast_publisher *pub, const struct link *wanted)
{
	int err;
	struct peer *peer = peer_get(wanted->session, AGNOCAST_MAP_CONTROL, &err);
	const struct agnocast_sub *sub;
	struct link *link;

	if (!peer)
		return;
	sub = peer_control(peer, wanted->block, sizeof(*sub));
	pthread_mutex_lock(&pub->lock);
	link = link_find(pub, wanted->generation);
	if (link && !link->peer && sub) {
		link->peer = peer;
		link->sub = sub;
		peer = NULL;
	}
	count_unmapped(pub);
	pthread_mutex_unlock(&pub->lock);
	if (peer)
		peer_put(peer);
}

/* Copies those that are to be mapped; the lock is held. */
static uint32_t unmapped_links(struct agnocast_publisher *pub, struct link *to, uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pub->links_count && n < room; i++)
		if (!pub->links[i].sub)
			to[n++] = pub->links[i];
	return n;
}

static void map_links(struct agnocast_publisher *pub)
{
	struct link wanted[BATCH];
	uint32_t n;

	pthread_mutex_lock(&pub->lock);
	links_refresh(pub);
	n = unmapped_links(pub, wanted, BATCH);
	pthread_mutex_unlock(&pub->lock);
	for (uint32_t i = 0; i < n; i++)
		map_link(pub, &wanted[i]);
}

/* ---- reclaiming ---- */

/* The lock is held, the fence is behind us, the links are up to date. */
static void collect_claims(struct agnocast_publisher *pub, struct claim_set *set)
{
	*set = (struct claim_set){ .seq = pub->claims, .room = pub->claims_room };
	for (uint32_t i = 0; i < pub->links_count; i++)
		claims_collect(pub->links[i].sub, pub->generation, set);
}

/* Moves up to BATCH unclaimed messages into @batch. Returns how many. */
static uint32_t reclaim(struct agnocast_publisher *pub, void *batch[BATCH])
{
	struct claim_set set;
	uint32_t kept = 0, n = 0;

	if (!pub->retired_count || pub->unmapped)
		return 0;
	collect_claims(pub, &set);
	for (uint32_t i = 0; i < pub->retired_count; i++) {
		if (n < BATCH && !claims_hold(&set, pub->retired[i].seq))
			batch[n++] = pub->retired[i].message;
		else
			pub->retired[kept++] = pub->retired[i];
	}
	pub->retired_count = kept;
	return n;
}

static void destroy_batch(struct agnocast_publisher *pub, void *batch[BATCH], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		pub->destroy(batch[i], pub->arg);
}

static void count_retained(struct agnocast_publisher *pub)
{
	struct agnocast_ring *ring = pub->ring;
	uint64_t in_ring = atomic_load_explicit(&ring->head, memory_order_relaxed) -
			   atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->retained, in_ring + pub->retired_count,
			      memory_order_relaxed);
}

/* Retires what is beyond @keep. There is room in .retired for it. */
static void retire(struct agnocast_publisher *pub, uint32_t keep)
{
	struct ring_item item;

	while (pub->retired_count < pub->retired_room &&
	       ring_retire(pub->ring, keep, &item)) {
		pub->retired[pub->retired_count++] = (struct retired){
			.seq = item.seq, .message = (void *)item.address,
		};
	}
}

static int retired_has_room(struct agnocast_publisher *pub, uint32_t more)
{
	uint32_t need = pub->retired_count + more, room = pub->retired_room;
	struct retired *retired;

	if (need <= room)
		return 0;
	while (room < need)
		room = room ? room * 2 : 16;
	retired = realloc(pub->retired, room * sizeof(*retired));
	if (!retired)
		return -ENOMEM;
	pub->retired = retired;
	pub->retired_room = room;
	return 0;
}

/* ---- publishing ---- */

static void wake_sleepers(struct agnocast_publisher *pub, bool all)
{
	bool wanted = all || pub->unmapped;

	for (uint32_t i = 0; i < pub->links_count && !wanted; i++)
		wanted = atomic_load_explicit(&pub->links[i].sub->waiting,
					      memory_order_relaxed) != 0;
	if (!wanted)
		return;
	/* One call for all of them: they sleep on the same word. */
	syscall(SYS_futex, futex_of(&pub->ring->head), FUTEX_WAKE, INT_MAX);
	atomic_store_explicit(&pub->ring->wakes,
			      atomic_load_explicit(&pub->ring->wakes,
						   memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* At most depth in the ring, what subscriptions may claim, and one batch. */
static uint32_t retire_limit(const struct agnocast_publisher *pub)
{
	uint32_t reached = pub->links_count - pub->unmapped;

	return pub->unmapped * UNREACHED_MAX + reached * AGNOCAST_CLAIMS + BATCH;
}

static int refuse(struct agnocast_publisher *pub)
{
	atomic_fetch_add_explicit(&pub->ring->refused, 1, memory_order_relaxed);
	return -ENOBUFS;
}

/* The lock is held. Returns how many messages of @batch are to be destroyed. */
static int publish_locked(struct agnocast_publisher *pub, const struct ring_item *item,
			  void *batch[BATCH], uint32_t *doomed)
{
	bool current;
	int ret;

	if (pub->retired_count >= retire_limit(pub)) {
		*doomed = links_refresh(pub) ? reclaim(pub, batch) : 0;
		if (pub->retired_count >= retire_limit(pub))
			return refuse(pub);
	}
	ret = retired_has_room(pub, 1);
	if (ret)
		return ret;
	ring_put(pub->ring, item);
	retire(pub, pub->depth);
	/*
	 * The entry, the head and the tail before the roster, the claims and the
	 * waiting counters: see the top of ring.h. A subscription that registered
	 * before this fence is in the roster that we look at now.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	current = links_refresh(pub);
	if (!current || pub->unmapped)
		participant_kick();
	wake_sleepers(pub, !current);
	if (current && !*doomed)
		*doomed = reclaim(pub, batch);
	atomic_store_explicit(&pub->ring->published_bytes,
			      atomic_load_explicit(&pub->ring->published_bytes,
						   memory_order_relaxed) + item->bytes,
			      memory_order_relaxed);
	count_retained(pub);
	return 0;
}

int agnocast_publisher_publish(struct agnocast_publisher *pub, void *message, uint64_t bytes)
{
	struct ring_item item = { .address = (uintptr_t)message, .bytes = bytes };
	void *batch[BATCH];
	uint32_t doomed = 0;
	int saved = errno, ret;

	if (!participant_is_alive())
		return -ECHILD;
	if (!area_owns_heap(message, 1)) {
		if (!atomic_exchange(&pub->told_foreign, true))
			foreign_tell(pub->add.topic, message);
		return -EFAULT;
	}
	pthread_mutex_lock(&pub->lock);
	item.publish_ns = clock_ns();
	ret = publish_locked(pub, &item, batch, &doomed);
	pthread_mutex_unlock(&pub->lock);
	destroy_batch(pub, batch, doomed);
	errno = saved;
	return ret;
}

/* ---- life ---- */

static int check_options(const struct agnocast_publisher_options *options,
			 struct agnocast_publisher_options *to)
{
	*to = (struct agnocast_publisher_options){ 0 };
	if (options) {
		if (options->size != sizeof(*to)) {
			log_line(AGNOCAST_LOG_ERROR, "publisher options: .size is %zu, must "
				 "be sizeof(struct agnocast_publisher_options), %zu",
				 options->size, sizeof(*to));
			return -EINVAL;
		}
		*to = *options;
	}
	if (!to->depth)
		to->depth = 1;
	if (to->depth > AGNOCAST_DEPTH_MAX || (to->flags & ~AGNOCAST_QOS_TRANSIENT_LOCAL)) {
		log_line(AGNOCAST_LOG_ERROR, "publisher options: depth %u (1..%u) or flags "
			 "0x%x are not valid", to->depth, AGNOCAST_DEPTH_MAX, to->flags);
		return -EINVAL;
	}
	return 0;
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

int publisher_rejoin(struct agnocast_publisher *pub)
{
	struct agnocast_endpoint_add add = pub->add;
	const struct agnocast_roster *roster;
	uint64_t topic;
	int ret;

	if (pub->withdrawn) {
		pub->stray = true;
		return 0;
	}
	add.again = pub->generation;
	ret = participant_register_again(AGNOCAST_PUBLISHER_ADD_CMD, &add, &roster, &topic);
	if (ret)
		return ret;
	pthread_mutex_lock(&pub->lock);
	pub->roster = roster;
	pub->topic = topic;
	pub->roster_known = false;
	pthread_mutex_unlock(&pub->lock);
	return 0;
}

/*
 * A withdrawn publisher is not registered again, but follows those who may
 * still read it. Once all who live are back, its topic's new roster names them;
 * before, the topic may vanish and come anew.
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
	ret = register_ring(pub, add);
	if (ret) {
		area_block_free(pub->block, pub->block_size);
		return ret;
	}
	participant_lock();
	map_links(pub);
	participant_add_publisher(pub);
	participant_unlock();
	return 0;
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
	registry_client_call(&registry, AGNOCAST_PUBLISHER_REMOVE_CMD, &remove);
	pthread_mutex_lock(&pub->lock);
	pub->withdrawn = true;
	pub->withdrawn_ns = clock_ns();
	pthread_mutex_unlock(&pub->lock);
	participant_kick();
	errno = saved;
}

/* Where the subscription stands in this ring; 0: it has not attached. */
static uint64_t cursor_of(const struct agnocast_sub *sub, uint64_t publisher)
{
	for (uint32_t i = 0; i < 512; i++)
		if (atomic_load_explicit(&sub->cursor[i].publisher,
					 memory_order_acquire) == publisher)
			return atomic_load_explicit(&sub->cursor[i].next,
						    memory_order_acquire);
	return 0;
}

/* Withdrawn: has every subscription read all, or had its chance to attach? */
static bool is_drained(struct agnocast_publisher *pub)
{
	uint64_t head = atomic_load_explicit(&pub->ring->head, memory_order_relaxed);
	bool grace = clock_ns() - pub->withdrawn_ns < ATTACH_GRACE_NS;

	if (pub->unmapped)
		return !grace;
	for (uint32_t i = 0; i < pub->links_count; i++) {
		const struct agnocast_sub *sub = pub->links[i].sub;
		uint64_t next = cursor_of(sub, pub->generation);

		if (next ? next < head : grace)
			return false;
	}
	return true;
}

static bool finish(struct agnocast_publisher *pub)
{
	bool empty;

	if (is_drained(pub)) {
		retired_has_room(pub, pub->depth);
		retire(pub, 0);
		atomic_thread_fence(memory_order_seq_cst);
	}
	empty = atomic_load_explicit(&pub->ring->head, memory_order_relaxed) ==
		atomic_load_explicit(&pub->ring->tail, memory_order_relaxed);
	return empty && !pub->retired_count;
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
	void *batch[BATCH];
	uint32_t doomed = 0;
	bool busy;

	if (pub->stray)
		find_roster(pub);
	map_links(pub);
	pthread_mutex_lock(&pub->lock);
	if (pub->withdrawn)
		finish(pub);
	/* The tail moved under this lock, before the last publish's fence or ours. */
	atomic_thread_fence(memory_order_seq_cst);
	if (links_refresh(pub))
		doomed = reclaim(pub, batch);
	count_retained(pub);
	busy = pub->withdrawn || pub->unmapped;
	pthread_mutex_unlock(&pub->lock);
	/* Not under the participant lock: the callback is the user's. */
	if (doomed) {
		participant_unlock();
		destroy_batch(pub, batch, doomed);
		participant_lock();
	}
	return busy;
}

void publisher_free(struct agnocast_publisher *pub)
{
	ring_close(pub->ring);
	for (uint32_t i = 0; i < pub->links_count; i++)
		if (pub->links[i].peer)
			peer_put(pub->links[i].peer);
	area_block_free(pub->block, pub->block_size);
	pthread_mutex_destroy(&pub->lock);
	free(pub->claims);
	free(pub->retired);
	free(pub->links);
	free(pub);
}

int agnocast_publisher_stats_get(struct agnocast_publisher *pub,
				 struct agnocast_publisher_stats *stats, size_t size)
{
	struct agnocast_ring *ring = pub->ring;

	if (size != sizeof(*stats))
		return -EINVAL;
	if (!participant_is_alive())
		return -ECHILD;
	pthread_mutex_lock(&pub->lock);
	links_refresh(pub);
	*stats = (struct agnocast_publisher_stats){
		.published = atomic_load(&ring->head) - ring->first,
		.bytes = atomic_load(&ring->published_bytes),
		.retained = atomic_load(&ring->retained),
		.wakes = atomic_load(&ring->wakes),
		.refused = atomic_load(&ring->refused),
		.subscriptions = pub->links_count,
		.unmapped = pub->unmapped,
	};
	pthread_mutex_unlock(&pub->lock);
	return 0;
}
