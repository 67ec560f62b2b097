/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - the protocol between one publisher and its subscriptions
 *
 * Pure functions on the structures of layout.h: no system call, no allocation,
 * no other file of the library. The publisher's side is called under the
 * publisher's lock, the reader's side under the subscription's, except for
 * claim_end().
 *
 * Why it is right. A reader stores its claim, fences, and then looks at tail;
 * a publisher moves tail, fences, and then looks at the claims. Whichever
 * fence comes first, at least one of the two sees the other: either the reader
 * sees that its message was retired, and drops the claim, or the publisher
 * sees the claim, and keeps the message.
 *
 * Why it is fast. While a reader keeps up, the only line it looks at that each
 * publish writes is the next entry, which it polls. Messages are retired, and
 * claims looked at, a few at a time (ring_slack()): that takes the line of tail
 * and the line of the claims away from the reader.
 */
#ifndef AGNOCAST_RING_H
#define AGNOCAST_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <agnocast/layout.h>

/* Bytes of a ring's block; @capacity is a power of two. */
static inline size_t ring_size(uint32_t capacity)
{
	return sizeof(struct agnocast_ring) +
	       (size_t)capacity * sizeof(struct agnocast_entry);
}

/*
 * How many messages beyond @depth may be in the ring: readers pass over them,
 * but they are not retired yet. Half of @depth, at most 8; none for a depth of
 * 1, which is what those choose whose messages are large.
 */
uint32_t ring_slack(uint32_t depth);

/*
 * Entries for @depth messages, the slack, and the one that is put before others
 * are retired: a retired entry is not overwritten before the fence that follows.
 */
uint32_t ring_capacity(uint32_t depth);

struct ring_options {
	uint64_t instance;
	uint64_t roster;
	uint32_t depth;
	uint32_t flags;
};

/* Prepares a new or reused block; not visible before ring_open(). */
void ring_format(struct agnocast_ring *ring, const struct ring_options *options);
void ring_open(struct agnocast_ring *ring, uint64_t instance);
void ring_close(struct agnocast_ring *ring);

/* Publisher's side. */
struct ring_item {
	uint64_t seq;
	uint64_t address;
	uint64_t bytes;
	uint64_t publish_ns;
};

/* A hint that ring_put() is to come soon; no lock needed. */
static inline void ring_prepare(const struct agnocast_ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	__builtin_prefetch(&ring->entry[head & (ring->capacity - 1)], 1);
}

/* Shows a message to readers. Returns its seq. */
uint64_t ring_put(struct agnocast_ring *ring, const struct ring_item *item);
/* Retires the oldest if more than @keep are in the ring: true and *@item. */
bool ring_retire(struct agnocast_ring *ring, uint32_t keep, struct ring_item *item);
/* Messages that are not retired. */
static inline uint32_t ring_count(const struct agnocast_ring *ring)
{
	return (uint32_t)(atomic_load_explicit(&ring->head, memory_order_relaxed) -
			  atomic_load_explicit(&ring->tail, memory_order_relaxed));
}

/* Reader's side: a ring in another process's area, checked once. */
struct ring_view {
	const struct agnocast_ring *ring;
	uint64_t instance;
	uint32_t mask;		/* capacity - 1, checked against the block */
	uint32_t depth;		/* checked against the capacity */
};

/* @room: bytes from @ring to the end of the control part. False: not @instance's. */
bool ring_view_init(struct ring_view *view, const struct agnocast_ring *ring,
		    uint64_t instance, size_t room);

/* Of the entry where @cursor comes: has it come, this is at least @cursor. */
static inline const _Atomic uint64_t *ring_seq_at(const struct ring_view *view,
						  uint64_t cursor)
{
	return &view->ring->entry[cursor & view->mask].seq;
}

/* Is there anything at or after @cursor? Then *@publish_ns is when the next came. */
bool ring_peek(const struct ring_view *view, uint64_t cursor, uint64_t *publish_ns);

/*
 * The next message that a reader with @depth should take: never before the
 * tail, never more than @depth or the ring's depth behind the head.
 */
uint64_t ring_next(const struct ring_view *view, uint64_t cursor, uint64_t depth);

/* The oldest message that a reader may start with: the same, for any depth. */
uint64_t ring_oldest(const struct ring_view *view);

/* Copies entry @seq after it was claimed. False: it was retired, or is not there. */
bool ring_read_claimed(const struct ring_view *view, uint64_t seq,
		       struct ring_item *item);

/* Claims, in the subscription's own block. */
/* Returns the index, or -EMFILE. Ends with the fence that ring_read_claimed() needs. */
int claim_begin(struct agnocast_sub *sub, uint64_t publisher, uint64_t seq);
/* True if @index held exactly that claim. Any thread. */
/* Is it this that is claimed there? */
bool claim_is(const struct agnocast_sub *sub, uint32_t index, uint64_t publisher, uint64_t seq);
bool claim_end(struct agnocast_sub *sub, uint32_t index, uint64_t publisher,
	       uint64_t seq);
uint32_t claims_held(const struct agnocast_sub *sub);
bool claims_any_of(const struct agnocast_sub *sub, uint64_t publisher);

/* What a publisher collects from all its subscriptions after its fence. */
struct claim_set {
	uint32_t *seq;		/* low halves; room for .room */
	uint32_t count;
	uint32_t room;
	bool	overflow;	/* did not fit: treat everything as claimed */
};

/* Adds the claims that @sub has on @publisher's messages. */
void claims_collect(const struct agnocast_sub *sub, uint64_t publisher,
		    struct claim_set *set);
bool claims_hold(const struct claim_set *set, uint64_t seq);

#endif /* AGNOCAST_RING_H */
