/* SPDX-License-Identifier: BSD-2-Clause */
/* test_ring.c - the protocol between a publisher and its subscriptions */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

static struct agnocast_ring *make_ring(uint32_t depth, uint64_t instance)
{
	struct ring_options options = { .depth = depth };
	size_t size = ring_size(ring_capacity(depth));
	struct agnocast_ring *ring = aligned_alloc(64, size);

	memset(ring, 0, size);
	ring_format(ring, &options);
	ring_open(ring, instance);
	return ring;
}

static struct agnocast_sub *make_sub(void)
{
	struct agnocast_sub *sub = aligned_alloc(64, sizeof(*sub));

	memset(sub, 0, sizeof(*sub));
	return sub;
}

static struct ring_view view_of(struct agnocast_ring *ring, uint64_t instance)
{
	struct ring_view view;

	cr_assert(ring_view_init(&view, ring, instance, 1 << 20));
	return view;
}

static uint64_t put(struct agnocast_ring *ring, uint64_t address)
{
	struct ring_item item = { .address = address, .bytes = 1, .publish_ns = address };

	return ring_put(ring, &item);
}

Test(ring, capacity_is_a_power_of_two_beyond_the_depth)
{
	for (uint32_t depth = 1; depth <= 65536; depth++) {
		uint32_t capacity = ring_capacity(depth);

		cr_assert_eq(capacity & (capacity - 1), 0);
		cr_assert_gt(capacity, depth + ring_slack(depth));
		cr_assert_leq(ring_slack(depth), 8);
		cr_assert_leq(ring_slack(depth), depth / 2);
	}
	cr_expect_eq(ring_capacity(1), 2);
	cr_expect_eq(ring_capacity(10), 16);
	cr_expect_eq(ring_capacity(65536), 131072);
}

Test(ring, an_empty_ring_shows_nothing)
{
	struct agnocast_ring *ring = make_ring(4, 7);
	struct ring_view view = view_of(ring, 7);
	uint64_t ns;

	cr_expect_not(ring_peek(&view, ring->first, &ns));
	free(ring);
}

Test(ring, messages_come_in_order_and_once)
{
	struct agnocast_ring *ring = make_ring(10, 7);
	struct ring_view view = view_of(ring, 7);
	struct agnocast_sub *sub = make_sub();
	uint64_t cursor = ring->first, ns;

	for (uint64_t i = 1; i <= 5; i++)
		put(ring, i * 64);
	for (uint64_t i = 1; i <= 5; i++, cursor++) {
		struct ring_item item;
		int claim;

		cr_assert(ring_peek(&view, cursor, &ns));
		cr_assert_eq(ring_next(&view, cursor, 10), cursor);
		claim = claim_begin(sub, 7, cursor);
		cr_assert_geq(claim, 0);
		cr_assert(ring_read_claimed(&view, cursor, &item));
		cr_expect_eq(item.address, i * 64);
		cr_expect(claim_end(sub, (uint32_t)claim, 7, cursor));
	}
	cr_expect_not(ring_peek(&view, cursor, &ns));
	free(ring);
	free(sub);
}

Test(ring, a_reader_that_was_lapped_goes_to_the_oldest_kept)
{
	struct agnocast_ring *ring = make_ring(4, 7);
	struct ring_view view = view_of(ring, 7);
	struct ring_item item;
	uint64_t first = ring->first, ns;

	for (uint64_t i = 0; i < 100; i++) {
		put(ring, i);
		while (ring_retire(ring, 4, &item))
			;
	}
	cr_expect(ring_peek(&view, first, &ns));
	cr_expect_eq(ring_next(&view, first, 65536), first + 96);
	cr_expect_eq(ring_next(&view, first, 2), first + 98, "own depth is smaller");
	cr_expect_not(ring_read_claimed(&view, first, &item), "long overwritten");
	cr_expect_not(ring_read_claimed(&view, first + 95, &item), "just retired");
	cr_expect(ring_read_claimed(&view, first + 96, &item));
	cr_expect_eq(item.address, 96);
	free(ring);
}

Test(ring, seqs_go_on_when_a_block_is_used_again)
{
	struct agnocast_ring *ring = make_ring(4, 7);
	struct ring_options options = { .depth = 2 };
	struct ring_view old = view_of(ring, 7), view;
	struct ring_item item;
	uint64_t head, ns;

	put(ring, 1);
	put(ring, 2);
	ring_close(ring);
	cr_expect_not(ring_view_init(&view, ring, 7, 1 << 20));
	head = ring->head;
	ring_format(ring, &options);
	ring_open(ring, 8);
	cr_expect_eq(ring->first, head);
	cr_expect_eq(ring->head, head);
	put(ring, 3);
	cr_expect_not(ring_peek(&old, head, &ns), "another instance's message");
	cr_expect_not(ring_read_claimed(&old, head, &item), "another instance's message");
	view = view_of(ring, 8);
	cr_expect(ring_read_claimed(&view, head, &item));
	cr_expect_eq(item.address, 3);
	free(ring);
}

Test(ring, a_ring_that_makes_no_sense_is_not_read)
{
	struct agnocast_ring *ring = make_ring(4, 7);
	struct ring_view view;

	cr_expect_not(ring_view_init(&view, ring, 6, 1 << 20), "another instance");
	cr_expect_not(ring_view_init(&view, ring, 7, ring_size(8) - 1), "too big");
	ring->capacity = 0;
	cr_expect_not(ring_view_init(&view, ring, 7, 1 << 20));
	ring->capacity = 12;
	cr_expect_not(ring_view_init(&view, ring, 7, 1 << 20));
	ring->capacity = 1u << 31;
	cr_expect_not(ring_view_init(&view, ring, 7, 1 << 20));
	free(ring);
}

Test(claim, sixty_four_and_no_more)
{
	struct agnocast_sub *sub = make_sub();

	for (uint64_t i = 0; i < AGNOCAST_CLAIMS; i++)
		cr_assert_eq(claim_begin(sub, 7, 100 + i), (int)i);
	cr_expect_eq(claim_begin(sub, 7, 200), -EMFILE);
	cr_expect_eq(claims_held(sub), 64);
	cr_expect(claim_end(sub, 10, 7, 110));
	cr_expect_eq(claim_begin(sub, 7, 300), 10);
	free(sub);
}

Test(claim, only_the_holder_of_a_claim_ends_it_and_only_once)
{
	struct agnocast_sub *sub = make_sub();
	int claim = claim_begin(sub, 7, 100);

	cr_expect_not(claim_end(sub, (uint32_t)claim, 7, 101), "another message");
	cr_expect_not(claim_end(sub, (uint32_t)claim, 8, 100), "another publisher");
	cr_expect_not(claim_end(sub, 64, 7, 100), "no such index");
	cr_expect_eq(claims_held(sub), 1);
	cr_expect(claim_end(sub, (uint32_t)claim, 7, 100));
	cr_expect_not(claim_end(sub, (uint32_t)claim, 7, 100), "twice");
	cr_expect_eq(claims_held(sub), 0);
	free(sub);
}

Test(claim, a_publisher_sees_its_own_claims_only)
{
	struct agnocast_sub *sub = make_sub();
	uint32_t room[2];
	struct claim_set set = { .seq = room, .room = 2 };

	claim_begin(sub, 7, 100);
	claim_begin(sub, 8, 101);
	claim_begin(sub, 7, 102);
	claims_collect(sub, 7, &set);
	cr_expect_eq(set.count, 2);
	cr_expect(claims_hold(&set, 100));
	cr_expect_not(claims_hold(&set, 101));
	cr_expect(claims_hold(&set, 102));
	cr_expect(claims_any_of(sub, 8));
	cr_expect_not(claims_any_of(sub, 9));
	free(sub);
}

Test(claim, what_does_not_fit_counts_as_claimed)
{
	struct agnocast_sub *sub = make_sub();
	uint32_t room[1];
	struct claim_set set = { .seq = room, .room = 1 };

	claim_begin(sub, 7, 100);
	claim_begin(sub, 7, 101);
	claims_collect(sub, 7, &set);
	cr_expect(set.overflow);
	cr_expect(claims_hold(&set, 55));
	free(sub);
}

/*
 * One publisher, three readers that hold what they read for a while. Every
 * reclaimed message is poisoned; no reader may ever see poison.
 */
#define STRESS_MESSAGES 400000u	/* at least, and until this much was read: */
#define STRESS_TAKEN 100000u
#define STRESS_READERS 3
#define POISON UINT64_C(0xdeadbeefdeadbeef)

struct stress {
	struct agnocast_ring *ring;
	struct agnocast_sub *sub[STRESS_READERS];
	_Atomic uint64_t slab[4096];	/* the messages: their seq, or poison */
	_Atomic bool done;
	_Atomic uint64_t bad, taken;
};

struct reader {
	struct stress *stress;
	int index;
};

static void *read_all(void *arg)
{
	struct reader *reader = arg;
	struct stress *stress = reader->stress;
	struct agnocast_sub *sub = stress->sub[reader->index];
	struct ring_view view = view_of(stress->ring, 7);
	struct { uint64_t seq, address; int claim; } held[8] = { 0 };
	uint64_t cursor = stress->ring->first, ns, n = 0;

	for (int i = 0; i < 8; i++)
		held[i].claim = -1;
	while (!atomic_load(&stress->done)) {
		int at = (int)(n % 8);
		struct ring_item item;
		uint64_t next;
		int claim;

		if (!ring_peek(&view, cursor, &ns))
			continue;
		if (held[at].claim >= 0) {
			if (atomic_load_explicit(&stress->slab[held[at].address],
						 memory_order_relaxed) != held[at].seq)
				atomic_fetch_add(&stress->bad, 1);
			claim_end(sub, (uint32_t)held[at].claim, 7, held[at].seq);
			held[at].claim = -1;
		}
		next = ring_next(&view, cursor, 64);
		claim = claim_begin(sub, 7, next);
		if (!ring_read_claimed(&view, next, &item)) {
			claim_end(sub, (uint32_t)claim, 7, next);
			continue;
		}
		cursor = next + 1;
		held[at].claim = claim;
		held[at].seq = next;
		held[at].address = item.address;
		n++;
		atomic_fetch_add_explicit(&stress->taken, 1, memory_order_relaxed);
	}
	return NULL;
}

static void reclaim_unclaimed(struct stress *stress, struct ring_item *retired, uint32_t *count)
{
	uint32_t seqs[STRESS_READERS * AGNOCAST_CLAIMS], kept = 0;
	struct claim_set set = { .seq = seqs, .room = STRESS_READERS * AGNOCAST_CLAIMS };

	for (int i = 0; i < STRESS_READERS; i++)
		claims_collect(stress->sub[i], 7, &set);
	for (uint32_t i = 0; i < *count; i++) {
		if (claims_hold(&set, retired[i].seq))
			retired[kept++] = retired[i];
		else
			atomic_store_explicit(&stress->slab[retired[i].address], POISON,
					      memory_order_relaxed);
	}
	*count = kept;
}

static uint64_t free_slot(struct stress *stress)
{
	static uint64_t at;

	do {
		at = (at + 1) % 4096;
	} while (atomic_load_explicit(&stress->slab[at], memory_order_relaxed) != POISON);
	return at;
}

Test(ring, no_reader_ever_sees_a_reclaimed_message, .timeout = 120)
{
	struct stress *stress = calloc(1, sizeof(*stress));
	struct reader readers[STRESS_READERS];
	pthread_t threads[STRESS_READERS];
	struct ring_item retired[1024];
	uint32_t count = 0;

	stress->ring = make_ring(4, 7);
	for (int i = 0; i < 4096; i++)
		stress->slab[i] = POISON;
	for (int i = 0; i < STRESS_READERS; i++) {
		stress->sub[i] = make_sub();
		readers[i] = (struct reader){ stress, i };
		pthread_create(&threads[i], NULL, read_all, &readers[i]);
	}
	for (uint64_t i = 0; i < STRESS_MESSAGES || stress->taken < STRESS_TAKEN; i++) {
		uint64_t slot = free_slot(stress);
		struct ring_item item = { .address = slot, .publish_ns = i };

		atomic_store_explicit(&stress->slab[slot], stress->ring->head,
				      memory_order_relaxed);
		ring_put(stress->ring, &item);
		while (ring_retire(stress->ring, 4, &item))
			retired[count++] = item;
		atomic_thread_fence(memory_order_seq_cst);
		reclaim_unclaimed(stress, retired, &count);
		cr_assert_lt(count, 1000, "readers hold at most 24");
	}
	atomic_store(&stress->done, true);
	for (int i = 0; i < STRESS_READERS; i++)
		pthread_join(threads[i], NULL);
	cr_expect_eq(stress->bad, 0, "%lu poisoned reads", (unsigned long)stress->bad);
}
