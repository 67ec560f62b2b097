/* SPDX-License-Identifier: BSD-2-Clause */
/* wait.c - how a subscription tells its publishers that somebody waits for it */

#include "wait.h"

#include "clock.h"

#define SPIN_ROUND 256			/* looks between two looks at the clock */

bool wait_visible(const struct agnocast_subscription *sub)
{
	uint64_t publish_ns;

	if (atomic_load_explicit(&sub->trouble, memory_order_relaxed))
		return true;
	for (uint32_t i = 0; i < sub->sources_count; i++) {
		const struct source *source = &sub->sources[i];

		if (ring_peek(&source->view, __atomic_load_n(&source->cursor, __ATOMIC_RELAXED),
			      &publish_ns))
			return true;
	}
	return false;
}

bool wait_watch(const struct agnocast_subscription *sub, struct sleep *sleep)
{
	for (uint32_t i = 0; i < sub->sources_count; i++) {
		const _Atomic uint64_t *head = &sub->sources[i].view.ring->head;

		/*
		 * Acquire: if this is what the head was after a message, the look
		 * below sees that message.
		 */
		sleep_watch(sleep, sleep_word(head),
			    (uint32_t)atomic_load_explicit(head, memory_order_acquire));
	}
	return wait_visible(sub);
}

void wait_arm(struct agnocast_subscription *sub, uint32_t which)
{
	uint64_t bell;

	/* Armed, and nothing was taken or attached since: nobody has used it up. */
	if (atomic_load_explicit(&sub->armed, memory_order_relaxed))
		return;
	atomic_store_explicit(&sub->armed, true, memory_order_relaxed);
	bell = AGNOCAST_BELL(++sub->armings, which);
	/* Relaxed: the caller's full fence is between this and its look. */
	atomic_store_explicit(&sub->block->bell, bell, memory_order_relaxed);
}

bool wait_stirs(struct agnocast_subscription *sub)
{
	if (wait_visible(sub))
		return true;
	/* Acquire: who sees the cursor moved on sees that it was disarmed before. */
	atomic_thread_fence(memory_order_acquire);
	return !atomic_load_explicit(&sub->armed, memory_order_relaxed);
}

bool wait_spin(struct agnocast_subscription *sub, uint64_t deadline_ns)
{
	uint64_t until_ns = clock_ns() + sub->spin_us * UINT64_C(1000);

	if (until_ns > deadline_ns)
		until_ns = deadline_ns;
	do {
		for (int i = 0; i < SPIN_ROUND; i++) {
			if (wait_visible(sub))
				return true;
			wait_relax();
		}
		/* The library's thread may have a new publisher for us. */
		pthread_mutex_unlock(&sub->lock);
		pthread_mutex_lock(&sub->lock);
	} while (clock_ns() < until_ns);
	return false;
}
