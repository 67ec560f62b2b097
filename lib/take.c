/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * take.c - taking messages, waiting for them, giving them back
 *
 * No system call while there is something to take. A taker that finds nothing
 * says so (waiting++), fences, looks again, and only then sleeps, on the
 * publishers' heads as it saw them before that look: a publisher stores its
 * head, fences, and then looks at waiting, so that one of the two notices the
 * other.
 */

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "participant.h"
#include "subscription.h"
#include "window.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define WAITERS_MAX 128			/* of FUTEX_WAITV */
#define POLL_NS 2000000u		/* how long to sleep if not all can be watched */
#define TRIES 64			/* laps by publishers before giving others a chance */

/* Relaxed load and store, not an atomic add: the lock is held, readers only look. */
static void count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

static void source_advance(struct agnocast_subscription *sub, struct source *source,
			   uint64_t next)
{
	source->cursor = next;
	/* Release: a withdrawn publisher that sees it may finish. */
	atomic_store_explicit(&sub->block->cursor[source->shown].next, next,
			      memory_order_release);
}

/* The source whose next message is the oldest; NULL: there is none. */
static struct source *oldest(struct agnocast_subscription *sub)
{
	struct source *best = NULL;
	uint64_t best_ns = UINT64_MAX;

	for (uint32_t i = 0; i < sub->sources_count; i++) {
		struct source *source = &sub->sources[i];
		uint64_t publish_ns;

		if (ring_peek(&source->view, source->cursor, &publish_ns) &&
		    (!best || publish_ns < best_ns)) {
			best = source;
			best_ns = publish_ns;
		}
	}
	return best;
}

/* Passes over all but the newest of each source, then over all but the newest source. */
static struct source *newest(struct agnocast_subscription *sub)
{
	struct source *best = NULL;
	uint64_t best_ns = 0, publish_ns;

	for (uint32_t i = 0; i < sub->sources_count; i++) {
		struct source *source = &sub->sources[i];
		uint64_t last;

		if (!ring_peek(&source->view, source->cursor, &publish_ns))
			continue;
		last = ring_next(&source->view, source->cursor, 1);
		count(&sub->block->skipped, last - source->cursor);
		source_advance(sub, source, last);
		ring_peek(&source->view, last, &publish_ns);
		if (best && publish_ns < best_ns) {
			count(&sub->block->skipped, 1);
			source_advance(sub, source, last + 1);
			continue;
		}
		if (best) {
			count(&sub->block->skipped, 1);
			source_advance(sub, best, best->cursor + 1);
		}
		best = source;
		best_ns = publish_ns;
	}
	return best;
}

static void fill(struct agnocast_subscription *sub, const struct source *source,
		 const struct ring_item *item, int claim, struct agnocast_message *message)
{
	uint64_t now = clock_ns();
	uint64_t latency = now > item->publish_ns ? now - item->publish_ns : 1;
	int bucket = 63 - __builtin_clzll(latency);

	if (bucket >= AGNOCAST_LATENCY_BUCKETS)
		bucket = AGNOCAST_LATENCY_BUCKETS - 1;
	count(&sub->block->latency[bucket], 1);
	count(&sub->block->taken, 1);
	atomic_store_explicit(&sub->block->claimed_ns[claim], now, memory_order_relaxed);
	*message = (struct agnocast_message){
		.data = (const void *)item->address,
		.bytes = item->bytes,
		.seq = item->seq,
		.publish_ns = item->publish_ns,
		.publisher = source->generation,
		.pid = source->peer->pid,
		.claim = (uint32_t)claim,
		.subscription = sub,
	};
}

/* A message must lie in its publisher's heap: anything else is not handed out. */
static bool is_sane(const struct source *source, const struct ring_item *item,
		    uint64_t area_size)
{
	uint64_t heap = source->peer->base + AGNOCAST_CONTROL_SIZE;

	return item->address >= heap && item->address < source->peer->base + area_size;
}

/* 0; -EAGAIN: retired before the claim was seen, look again; -EMFILE. */
static int take_from(struct agnocast_subscription *sub, struct source *source,
		     uint32_t depth, struct agnocast_message *message)
{
	uint64_t next = ring_next(&source->view, source->cursor, depth);
	struct ring_item item;
	int claim;

	claim = claim_begin(sub->block, source->generation, next);
	if (claim < 0) {
		count(&sub->block->refused, 1);
		return claim;
	}
	if (!ring_read_claimed(&source->view, next, &item)) {
		claim_end(sub->block, (uint32_t)claim, source->generation, next);
		return -EAGAIN;
	}
	count(&sub->block->dropped, next - source->cursor);
	source_advance(sub, source, next + 1);
	if (!is_sane(source, &item, window.area_size)) {
		claim_end(sub->block, (uint32_t)claim, source->generation, next);
		log_line(AGNOCAST_LOG_ERROR, "pid %u published %p, which is not in its "
			 "heap: dropped", source->peer->pid, (void *)item.address);
		count(&sub->block->dropped, 1);
		return -EAGAIN;
	}
	fill(sub, source, &item, claim, message);
	return 0;
}

static int take_now(struct agnocast_subscription *sub, bool latest,
		    struct agnocast_message *message)
{
	for (int i = 0; i < TRIES; i++) {
		struct source *source = latest ? newest(sub) : oldest(sub);
		int ret;

		if (!source)
			return -EAGAIN;
		ret = take_from(sub, source, sub->depth, message);
		if (ret != -EAGAIN)
			return ret;
	}
	return -EAGAIN;
}

/* ---- waiting ---- */

struct sleep {
	struct futex_waitv on[WAITERS_MAX];
	unsigned int count;
	bool	partial;	/* more publishers than can be watched */
};

static void watch(struct sleep *sleep, const uint32_t *word, uint32_t seen)
{
	sleep->on[sleep->count++] = (struct futex_waitv){
		.uaddr = (uintptr_t)word, .val = seen, .flags = FUTEX_32,
	};
}

/* Notes what to sleep on, as it is now; the lock is held. */
static void prepare(struct agnocast_subscription *sub, struct sleep *sleep)
{
	sleep->count = 0;
	watch(sleep, (const uint32_t *)&sub->news,
	      atomic_load_explicit(&sub->news, memory_order_acquire));
	sleep->partial = sub->sources_count >= WAITERS_MAX;
	for (uint32_t i = 0; i < sub->sources_count && sleep->count < WAITERS_MAX; i++) {
		const _Atomic uint64_t *head = &sub->sources[i].view.ring->head;
		const uint32_t *low = (const uint32_t *)head +
				      (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);

		watch(sleep, low, (uint32_t)atomic_load_explicit(head, memory_order_acquire));
	}
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u),
	};
}

/* Before Linux 5.16: one word, and a look at the others now and then. */
static int sleep_on_one(const struct sleep *sleep, uint64_t until_ns)
{
	const struct futex_waitv *on = &sleep->on[sleep->count > 1];
	uint64_t poll = clock_ns() + POLL_NS;
	struct timespec until = to_timespec(until_ns < poll ? until_ns : poll);

	return syscall(SYS_futex, on->uaddr, FUTEX_WAIT_BITSET, (uint32_t)on->val, &until,
		       NULL, FUTEX_BITSET_MATCH_ANY) < 0 ? -errno : 0;
}

/* 0: look again; -ETIMEDOUT; -EINTR. */
static int sleep_until(const struct sleep *sleep, uint64_t deadline_ns)
{
	uint64_t poll = clock_ns() + POLL_NS;
	uint64_t until_ns = sleep->partial && poll < deadline_ns ? poll : deadline_ns;
	struct timespec until = to_timespec(until_ns);
	int ret = syscall(SYS_futex_waitv, sleep->on, sleep->count, 0,
			  until_ns == UINT64_MAX ? NULL : &until, CLOCK_MONOTONIC) < 0 ?
		  -errno : 0;

	if (ret == -ENOSYS)
		ret = sleep_on_one(sleep, deadline_ns);
	if (ret == -ETIMEDOUT && clock_ns() < deadline_ns)
		return 0;
	/* EAGAIN: a word moved; EFAULT: a publisher was unmapped meanwhile. */
	return ret == -ETIMEDOUT || ret == -EINTR ? ret : 0;
}

/* The lock is held, and held again on return. */
static int wait_for_news(struct agnocast_subscription *sub, uint64_t deadline_ns)
{
	uint64_t publish_ns;
	struct sleep sleep;
	bool visible = false;
	int ret = 0;

	atomic_fetch_add_explicit(&sub->block->waiting, 1, memory_order_relaxed);
	/* waiting before the words and the rings: see the top of this file. */
	atomic_thread_fence(memory_order_seq_cst);
	prepare(sub, &sleep);
	for (uint32_t i = 0; i < sub->sources_count && !visible; i++)
		visible = ring_peek(&sub->sources[i].view, sub->sources[i].cursor, &publish_ns);
	if (!visible) {
		count(&sub->block->sleeps, 1);
		pthread_mutex_unlock(&sub->lock);
		ret = sleep_until(&sleep, deadline_ns);
		pthread_mutex_lock(&sub->lock);
	}
	atomic_fetch_sub_explicit(&sub->block->waiting, 1, memory_order_relaxed);
	return ret;
}

static int take(struct agnocast_subscription *sub, int timeout_ms, bool latest,
		struct agnocast_message *message)
{
	uint64_t deadline_ns = UINT64_MAX;
	int saved = errno, ret;

	memset(message, 0, sizeof(*message));
	if (!participant_is_alive())
		return -ECHILD;
	if (timeout_ms > 0)
		deadline_ns = clock_ns() + (uint64_t)timeout_ms * 1000000u;
	pthread_mutex_lock(&sub->lock);
	ret = take_now(sub, latest, message);
	while (ret == -EAGAIN && timeout_ms) {
		ret = wait_for_news(sub, deadline_ns);
		if (ret)
			break;
		ret = take_now(sub, latest, message);
	}
	pthread_mutex_unlock(&sub->lock);
	errno = saved;
	return ret == -ETIMEDOUT ? -EAGAIN : ret;
}

int agnocast_subscription_take(struct agnocast_subscription *sub, int timeout_ms,
			       struct agnocast_message *message)
{
	return take(sub, timeout_ms, false, message);
}

int agnocast_subscription_take_latest(struct agnocast_subscription *sub, int timeout_ms,
				      struct agnocast_message *message)
{
	return take(sub, timeout_ms, true, message);
}

int agnocast_message_release(struct agnocast_message *message)
{
	struct agnocast_subscription *sub = message->subscription;

	if (!participant_is_alive())
		return -ECHILD;
	if (!sub || !message->data ||
	    !claim_end(sub->block, message->claim, message->publisher, message->seq)) {
		log_line(AGNOCAST_LOG_ERROR, "release: not a message on loan (released "
			 "twice, or never taken)");
		return -EINVAL;
	}
	memset(message, 0, sizeof(*message));
	return 0;
}
