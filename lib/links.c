/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.c - a publisher's subscriptions: who they are, waking them
 *
 * The roster says who they are; what they hold and whether they sleep is in
 * their blocks, as soon as the library's thread has mapped those. Until then
 * they may hold anything, and are woken always; unless they cannot be mapped,
 * and know it: then they take nothing.
 */

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bell.h"
#include "clock.h"
#include "participant.h"
#include "publisher.h"
#include "roster.h"
#include "sleep.h"
#include "start.h"

#define MAP_BATCH 32u			/* subscriptions mapped in one round */
#define ATTACH_GRACE_NS 1000000000u	/* for a reader that was just mapping us */

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

uint32_t links_unreached(const struct agnocast_publisher *pub)
{
	uint32_t n = 0;

	for (uint32_t i = 0; pub->unmapped && i < pub->links_count; i++) {
		const struct link *link = &pub->links[i];

		n += !link->sub && !(link->peer && peer_has_acknowledged(link->peer));
	}
	return n;
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

static bool bells_have_room(struct agnocast_publisher *pub, uint32_t links)
{
	struct agnocast_sleeper *sleepers;
	struct peer **asleep;

	if (links <= pub->asleep_room)
		return true;
	sleepers = realloc(pub->sleepers, links * sizeof(*sleepers));
	if (sleepers)
		pub->sleepers = sleepers;
	asleep = realloc(pub->asleep, links * sizeof(*asleep));
	if (asleep)
		pub->asleep = asleep;
	if (!sleepers || !asleep)
		return false;
	pub->asleep_room = links;
	return true;
}

static bool roster_moved(const struct agnocast_publisher *pub, uint32_t awaited)
{
	return !pub->roster_known || awaited != pub->awaited_seen ||
	       roster_generation(pub->roster) != pub->roster_seen;
}

bool links_moved(const struct agnocast_publisher *pub)
{
	return pub->stray || roster_moved(pub, rosters_awaited());
}

bool links_refresh(struct agnocast_publisher *pub)
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
	if (!links || !scan_has_room(pub, count + pub->links_count) ||
	    !bells_have_room(pub, count + pub->links_count)) {
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

/* One process may have several subscriptions here: one ring is enough. */
static uint32_t add_sleeper(struct agnocast_publisher *pub, uint32_t n,
			    const struct link *link, uint32_t bell)
{
	for (uint32_t i = 0; i < n; i++)
		if (pub->asleep[i] == link->peer && pub->sleepers[i].bell == bell)
			return n;
	pub->asleep[n] = link->peer;
	pub->sleepers[n] = (struct agnocast_sleeper){
		.subscription = link->generation, .bell = bell,
	};
	return n + 1;
}

/* Returns how many system calls it took. */
static uint32_t ring_bells(struct agnocast_publisher *pub, uint32_t n)
{
	struct agnocast_wake wake = {
		.publisher = pub->generation, .sleepers = (uintptr_t)pub->sleepers,
		.sleepers_len = n * sizeof(*pub->sleepers),
	};

	if (!registry.daemon) {
		registry_client_wake(&registry, &wake);
		return 1;
	}
	for (uint32_t i = 0; i < n; i++)
		peer_ring(pub->asleep[i], pub->sleepers[i].bell);
	return n;
}

static void count_wakes(struct agnocast_publisher *pub, uint32_t calls)
{
	atomic_store_explicit(&pub->ring->wakes,
			      atomic_load_explicit(&pub->ring->wakes,
						   memory_order_relaxed) + calls,
			      memory_order_relaxed);
}

/*
 * It may sleep in epoll_wait(), since before it was mapped, with a message that
 * we published then. If not, it is woken for nothing, and goes back to sleep
 * without asking anew: so its bell does not count as rung for what it asked.
 */
static void ring_newcomer(struct agnocast_publisher *pub, const struct link *link)
{
	uint64_t bell = link->sub ?
			atomic_load_explicit(&link->sub->bell, memory_order_relaxed) : 0;

	if (bell)
		count_wakes(pub, ring_bells(pub, add_sleeper(pub, 0, link, bell & 1)));
}

/* The lock is not held: mapping takes its time, and publish must not wait. */
static void map_link(struct agnocast_publisher *pub, const struct link *wanted)
{
	const struct agnocast_sub *sub = NULL;
	struct peer *peer = peer_hold(wanted->session);
	struct link *link;

	if (!peer)
		return;
	if (!peer_want(peer, AGNOCAST_MAP_CONTROL))
		sub = peer_control(peer, wanted->block, sizeof(*sub));
	pthread_mutex_lock(&pub->lock);
	link = link_find(pub, wanted->generation);
	if (link && !link->peer) {
		/* Kept where it cannot be mapped, too: it may acknowledge that. */
		link->peer = peer;
		peer = NULL;
	}
	if (link && sub)
		link->sub = sub;
	count_unmapped(pub);
	if (link)
		ring_newcomer(pub, link);
	pthread_mutex_unlock(&pub->lock);
	if (peer)
		peer_put(peer);
}

/*
 * Copies those that are to be mapped; the lock is held. From where the last call
 * ended: those that can never be mapped must not keep the others from their turn.
 */
static uint32_t unmapped_links(struct agnocast_publisher *pub, struct link *to, uint32_t room)
{
	uint32_t at = pub->map_next, n = 0;

	for (uint32_t i = 0; i < pub->links_count && n < room; i++, at++) {
		/* The list may have become shorter meanwhile. */
		if (at >= pub->links_count)
			at = 0;
		if (!pub->links[at].sub)
			to[n++] = pub->links[at];
	}
	pub->map_next = at;
	return n;
}

/*
 * Who has asked for a bell will be rung, and is not to wait then until agnocastd
 * has been asked for it. The lock is held.
 */
static void expect_rings(const struct agnocast_publisher *pub)
{
	for (uint32_t i = 0; i < pub->links_count; i++) {
		const struct link *link = &pub->links[i];
		uint64_t bell = link->sub ?
			atomic_load_explicit(&link->sub->bell, memory_order_relaxed) : 0;

		if (bell)
			peer_expect_ring(link->peer, bell & 1);
	}
}

void links_map(struct agnocast_publisher *pub)
{
	struct link wanted[MAP_BATCH];
	uint32_t n;

	pthread_mutex_lock(&pub->lock);
	links_refresh(pub);
	n = unmapped_links(pub, wanted, MAP_BATCH);
	if (registry.daemon)
		expect_rings(pub);
	pthread_mutex_unlock(&pub->lock);
	for (uint32_t i = 0; i < n; i++)
		map_link(pub, &wanted[i]);
}

void links_wake(struct agnocast_publisher *pub, bool all)
{
	bool wanted = all || links_unreached(pub);
	uint32_t bells = 0;

	for (uint32_t i = 0; i < pub->links_count; i++) {
		struct link *link = &pub->links[i];
		uint64_t waiting, bell;

		if (!link->sub)
			continue;
		/* Relaxed, both: the caller's full fence is between our entry and this. */
		waiting = atomic_load_explicit(&link->sub->waiting, memory_order_relaxed);
		bell = atomic_load_explicit(&link->sub->bell, memory_order_relaxed);
		if (AGNOCAST_SLEEPERS(waiting) &&
		    wake_is_due(waiting >> 16, &link->slept, &link->woken))
			wanted = true;
		if (wake_is_due(bell, &link->armed, &link->rung))
			bells = add_sleeper(pub, bells, link, bell & 1);
	}
	if (wanted) {
		/* One call for all of them: they sleep on the same word. */
		sleep_wake(sleep_word(&pub->ring->head));
		count_wakes(pub, 1);
	}
	if (bells)
		count_wakes(pub, ring_bells(pub, bells));
}

/* ---- the end ---- */

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

bool links_are_drained(struct agnocast_publisher *pub)
{
	uint64_t head = atomic_load_explicit(&pub->ring->head, memory_order_relaxed);
	bool grace = clock_ns() - pub->withdrawn_ns < ATTACH_GRACE_NS;

	if (links_unreached(pub))
		return !grace;
	for (uint32_t i = 0; i < pub->links_count; i++) {
		const struct agnocast_sub *sub = pub->links[i].sub;
		uint64_t next;

		if (!sub)
			continue;
		next = cursor_of(sub, pub->generation);

		if (next ? next < head : grace)
			return false;
	}
	return true;
}

void links_free(struct agnocast_publisher *pub)
{
	for (uint32_t i = 0; i < pub->links_count; i++)
		if (pub->links[i].peer)
			peer_put(pub->links[i].peer);
	free(pub->links);
	free(pub->sleepers);
	free(pub->asleep);
}
