/* SPDX-License-Identifier: BSD-2-Clause */
/* ring.c - the protocol between one publisher and its subscriptions */

#include "ring.h"

#include <errno.h>

#define SLACK_MAX 8u

uint32_t ring_slack(uint32_t depth)
{
	return depth / 2 < SLACK_MAX ? depth / 2 : SLACK_MAX;
}

uint32_t ring_capacity(uint32_t depth)
{
	uint32_t capacity = 2;

	while (capacity < depth + ring_slack(depth) + 1)
		capacity *= 2;
	return capacity;
}

void ring_format(struct agnocast_ring *ring, const struct ring_options *options)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	/* Seq 0 is what a fresh block is full of: no message has it. */
	if (!head)
		head = 1;
	ring->topic_roster = options->roster;
	ring->first = head;
	ring->capacity = ring_capacity(options->depth);
	ring->depth = options->depth;
	ring->flags = options->flags;
	atomic_store_explicit(&ring->head, head, memory_order_relaxed);
	atomic_store_explicit(&ring->tail, head, memory_order_relaxed);
	atomic_store_explicit(&ring->published_bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->retained, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->wakes, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->refused, 0, memory_order_relaxed);
}

void ring_open(struct agnocast_ring *ring, uint64_t instance)
{
	/* Release: who sees the instance sees the fields that it vouches for. */
	atomic_store_explicit(&ring->instance, instance, memory_order_release);
}

void ring_close(struct agnocast_ring *ring)
{
	atomic_store_explicit(&ring->instance, 0, memory_order_release);
}

uint64_t ring_put(struct agnocast_ring *ring, const struct ring_item *item)
{
	uint64_t seq = atomic_load_explicit(&ring->head, memory_order_relaxed);
	struct agnocast_entry *entry = &ring->entry[seq & (ring->capacity - 1)];

	/*
	 * The entry's former message was retired at least one publish ago, and
	 * that publish ended with a full fence: a reader that meets these stores
	 * finds a tail beyond what it claimed.
	 */
	atomic_store_explicit(&entry->address, item->address, memory_order_relaxed);
	atomic_store_explicit(&entry->bytes, item->bytes, memory_order_relaxed);
	atomic_store_explicit(&entry->publish_ns, item->publish_ns, memory_order_relaxed);
	/* Release: who sees the seq sees the entry, and the message it points to. */
	atomic_store_explicit(&entry->seq, seq, memory_order_release);
	/* For those who sleep, lag or observe. */
	atomic_store_explicit(&ring->head, seq + 1, memory_order_release);
	return seq;
}

bool ring_retire(struct agnocast_ring *ring, uint32_t keep, struct ring_item *item)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const struct agnocast_entry *entry = &ring->entry[tail & (ring->capacity - 1)];

	if (head - tail <= keep)
		return false;
	item->seq = tail;
	item->address = atomic_load_explicit(&entry->address, memory_order_relaxed);
	item->bytes = atomic_load_explicit(&entry->bytes, memory_order_relaxed);
	item->publish_ns = atomic_load_explicit(&entry->publish_ns, memory_order_relaxed);
	/* Relaxed: the caller's full fence stands between this and the claims. */
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_relaxed);
	return true;
}

bool ring_view_init(struct ring_view *view, const struct agnocast_ring *ring,
		    uint64_t instance, size_t room)
{
	uint32_t capacity, depth;

	/* Acquire: pairs with ring_open(). */
	if (atomic_load_explicit(&ring->instance, memory_order_acquire) != instance)
		return false;
	capacity = *(const volatile uint32_t *)&ring->capacity;
	depth = *(const volatile uint32_t *)&ring->depth;
	if (!capacity || (capacity & (capacity - 1)) || ring_size(capacity) > room ||
	    !depth || depth >= capacity)
		return false;
	view->ring = ring;
	view->instance = instance;
	view->mask = capacity - 1;
	view->depth = depth;
	return true;
}

static const struct agnocast_entry *entry_at(const struct ring_view *view, uint64_t seq)
{
	return &view->ring->entry[seq & view->mask];
}

/* Has @seq been published? Overwritten since counts too. */
static bool is_there(const struct ring_view *view, uint64_t seq)
{
	return atomic_load_explicit(&entry_at(view, seq)->seq, memory_order_acquire) >= seq;
}

bool ring_peek(const struct ring_view *view, uint64_t cursor, uint64_t *publish_ns)
{
	const struct agnocast_entry *entry = entry_at(view, cursor);

	if (!is_there(view, cursor))
		return false;
	/* Lapped is visible too: then the time is that of a later message. */
	*publish_ns = atomic_load_explicit(&entry->publish_ns, memory_order_relaxed);
	/* The message comes from the other core while we claim it. */
	__builtin_prefetch((const void *)atomic_load_explicit(&entry->address,
							      memory_order_relaxed));
	/*
	 * The block's next user goes on with the same sequence: what it publishes
	 * is not for a reader of this instance. Its line is written twice in the
	 * ring's life, so this load stays in the reader's cache.
	 */
	return atomic_load_explicit(&view->ring->instance, memory_order_relaxed) ==
	       view->instance;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The oldest within @depth of the head. */
static uint64_t oldest_of(const struct ring_view *view, uint64_t depth)
{
	uint64_t head = atomic_load_explicit(&view->ring->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&view->ring->tail, memory_order_acquire);

	return later_of(tail, head > depth ? head - depth : 0);
}

uint64_t ring_oldest(const struct ring_view *view)
{
	return oldest_of(view, view->depth);
}

uint64_t ring_next(const struct ring_view *view, uint64_t cursor, uint64_t depth)
{
	if (depth > view->depth)
		depth = view->depth;
	/*
	 * Instead of the head, which each publish writes, a look at the entry that
	 * would be there if the reader lagged: it is in the reader's cache since
	 * the last lap, until it is written. The ring has more entries than
	 * @depth, so it is not the one at the cursor.
	 */
	if (is_there(view, cursor + depth))
		return later_of(cursor, oldest_of(view, depth));
	return cursor;
}

bool ring_read_claimed(const struct ring_view *view, uint64_t seq, struct ring_item *item)
{
	const struct agnocast_ring *ring = view->ring;
	const struct agnocast_entry *entry = entry_at(view, seq);

	if (atomic_load_explicit(&entry->seq, memory_order_acquire) != seq)
		return false;
	item->seq = seq;
	item->address = atomic_load_explicit(&entry->address, memory_order_relaxed);
	item->bytes = atomic_load_explicit(&entry->bytes, memory_order_relaxed);
	item->publish_ns = atomic_load_explicit(&entry->publish_ns, memory_order_relaxed);
	/*
	 * Orders the copy before the checks. If a word of the copy was already
	 * the next user's, the fence that ended the retiring publish came before
	 * that word, so tail shows it.
	 */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&ring->tail, memory_order_relaxed) <= seq &&
	       atomic_load_explicit(&entry->seq, memory_order_relaxed) == seq &&
	       atomic_load_explicit(&ring->instance, memory_order_relaxed) ==
		       view->instance;
}

int claim_begin(struct agnocast_sub *sub, uint64_t publisher, uint64_t seq)
{
	uint64_t claimed = atomic_load_explicit(&sub->claimed, memory_order_relaxed);
	int index;

	if (!~claimed)
		return -EMFILE;
	index = __builtin_ctzll(~claimed);
	atomic_store_explicit(&sub->claim[index], AGNOCAST_CLAIM(publisher, seq),
			      memory_order_relaxed);
	/* Release: who sees the bit sees the claim. */
	atomic_fetch_or_explicit(&sub->claimed, UINT64_C(1) << index, memory_order_release);
	/* The claim before the look at tail: see the top of ring.h. */
	atomic_thread_fence(memory_order_seq_cst);
	return index;
}

bool claim_is(const struct agnocast_sub *sub, uint32_t index, uint64_t publisher, uint64_t seq)
{
	uint64_t claim = AGNOCAST_CLAIM(publisher, seq);

	/* Relaxed: it is this process's own. */
	return index < AGNOCAST_CLAIMS && claim &&
	       atomic_load_explicit(&sub->claim[index], memory_order_relaxed) == claim;
}

bool claim_end(struct agnocast_sub *sub, uint32_t index, uint64_t publisher, uint64_t seq)
{
	uint64_t claim = AGNOCAST_CLAIM(publisher, seq);

	if (index >= AGNOCAST_CLAIMS || !claim)
		return false;
	/*
	 * Release, both: a publisher that acquires the cleared word or the
	 * cleared bit must have all our reads of the message behind it.
	 */
	if (!atomic_compare_exchange_strong_explicit(&sub->claim[index], &claim, 0,
						     memory_order_release,
						     memory_order_relaxed))
		return false;
	atomic_fetch_and_explicit(&sub->claimed, ~(UINT64_C(1) << index),
				  memory_order_release);
	return true;
}

uint32_t claims_held(const struct agnocast_sub *sub)
{
	return (uint32_t)__builtin_popcountll(
		atomic_load_explicit(&sub->claimed, memory_order_relaxed));
}

bool claims_any_of(const struct agnocast_sub *sub, uint64_t publisher)
{
	uint64_t claimed = atomic_load_explicit(&sub->claimed, memory_order_acquire);

	for (; claimed; claimed &= claimed - 1) {
		uint64_t claim = atomic_load_explicit(&sub->claim[__builtin_ctzll(claimed)],
						      memory_order_relaxed);

		if (claim >> 32 == (uint32_t)publisher)
			return true;
	}
	return false;
}

void claims_collect(const struct agnocast_sub *sub, uint64_t publisher,
		    struct claim_set *set)
{
	/* Acquire, both: pairs with claim_end(). */
	uint64_t claimed = atomic_load_explicit(&sub->claimed, memory_order_acquire);

	for (; claimed; claimed &= claimed - 1) {
		uint64_t claim = atomic_load_explicit(&sub->claim[__builtin_ctzll(claimed)],
						      memory_order_acquire);

		if (claim >> 32 != (uint32_t)publisher)
			continue;
		if (set->count == set->room) {
			set->overflow = true;
			return;
		}
		set->seq[set->count++] = (uint32_t)claim;
	}
}

bool claims_hold(const struct claim_set *set, uint64_t seq)
{
	if (set->overflow)
		return true;
	for (uint32_t i = 0; i < set->count; i++)
		if (set->seq[i] == (uint32_t)seq)
			return true;
	return false;
}
