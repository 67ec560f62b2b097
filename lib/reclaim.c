/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reclaim.c - what becomes of a publisher's messages once they leave the ring
 *
 * They are retired, until no subscription claims them, and then destroyed,
 * exactly once, in this process, under no lock.
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "publisher.h"
#include "ring.h"

bool scan_has_room(struct agnocast_publisher *pub, uint32_t links)
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

/* The lock is held, the fence is behind us, the links are up to date. */
static void collect_claims(struct agnocast_publisher *pub, struct claim_set *set)
{
	*set = (struct claim_set){ .seq = pub->claims, .room = pub->claims_room };
	for (uint32_t i = 0; i < pub->links_count; i++)
		if (pub->links[i].sub)	/* else it has none, and has said so */
			claims_collect(pub->links[i].sub, pub->generation, set);
}

/* Moves up to RECLAIM_BATCH unclaimed messages into @batch. Returns how many. */
uint32_t reclaim(struct agnocast_publisher *pub, void *batch[RECLAIM_BATCH])
{
	struct claim_set set;
	uint32_t kept = 0, n = 0;

	if (!pub->retired_count || links_unreached(pub))
		return 0;
	collect_claims(pub, &set);
	for (uint32_t i = 0; i < pub->retired_count; i++) {
		if (n < RECLAIM_BATCH && !claims_hold(&set, pub->retired[i].seq))
			batch[n++] = pub->retired[i].message;
		else
			pub->retired[kept++] = pub->retired[i];
	}
	pub->retired_count = kept;
	return n;
}

void reclaim_destroy(struct agnocast_publisher *pub, void *batch[RECLAIM_BATCH], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		pub->destroy(batch[i], pub->arg);
}

void reclaim_count(struct agnocast_publisher *pub)
{
	atomic_store_explicit(&pub->ring->retained,
			      (uint64_t)ring_count(pub->ring) + pub->retired_count,
			      memory_order_relaxed);
}

void reclaim_retire(struct agnocast_publisher *pub, uint32_t keep)
{
	struct ring_item item;

	while (pub->retired_count < pub->retired_room &&
	       ring_retire(pub->ring, keep, &item)) {
		pub->retired[pub->retired_count++] = (struct retired){
			.seq = item.seq, .message = (void *)item.address,
		};
	}
}

int reclaim_reserve(struct agnocast_publisher *pub, uint32_t more)
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
