/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * take.c - taking messages, waiting for them, giving them back
 *
 * No system call while there is something to take. A taker that finds nothing
 * says so, fences, looks again, and only then sleeps: see wait.h.
 */

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "bell.h"
#include "clock.h"
#include "descriptor.h"
#include "log.h"
#include "ownfd.h"
#include "participant.h"
#include "probes.h"
#include "subscription.h"
#include "wait.h"
#include "window.h"

#define POLL_NS 2000000u		/* how long to sleep if not all can be watched */
#define LOOK_NS 1000000000u		/* that often a sleep on a bell sees to its descriptors */
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
	/* What a publisher rang a bell for may be gone now. Nobody is .watched unarmed. */
	if (atomic_load_explicit(&sub->armed, memory_order_relaxed)) {
		atomic_store_explicit(&sub->armed, false, memory_order_relaxed);
		/* Relaxed: see settle() in lookout.c. */
		if (sub->watched)
			atomic_store_explicit(sub->watched, false, memory_order_relaxed);
	}
	/*
	 * Atomic: a wait-set looks at it with another lock. Late is early enough,
	 * but not before .armed: see wait_stirs().
	 */
	__atomic_store_n(&source->cursor, next, __ATOMIC_RELEASE);
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
	PROBE(take, sub->add.topic, sub->generation, source->generation, item->seq,
	      item->address, latency);
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

static void count_dropped(struct agnocast_subscription *sub, const struct source *source,
			  uint64_t first, uint64_t n)
{
	PROBE(drop, sub->add.topic, sub->generation, source->generation, first, n);
	count(&sub->block->dropped, n);
}

static void refuse(struct agnocast_subscription *sub)
{
	count(&sub->block->refused, 1);
	if (sub->told_limit)
		return;
	sub->told_limit = true;
	log_line(AGNOCAST_LOG_ERROR, "topic %s: %u messages of this subscription are on loan, "
		 "which is the limit: release one before the next take (said once)",
		 sub->add.topic, AGNOCAST_CLAIMS);
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
		refuse(sub);
		return claim;
	}
	if (!ring_read_claimed(&source->view, next, &item)) {
		claim_end(sub->block, (uint32_t)claim, source->generation, next);
		return -EAGAIN;
	}
	if (next != source->cursor)
		count_dropped(sub, source, source->cursor, next - source->cursor);
	source_advance(sub, source, next + 1);
	if (!is_sane(source, &item, window.area_size)) {
		claim_end(sub->block, (uint32_t)claim, source->generation, next);
		log_line(AGNOCAST_LOG_ERROR, "pid %u published %p, which is not in its "
			 "heap: dropped", source->peer->pid, (void *)item.address);
		count_dropped(sub, source, next, 1);
		return -EAGAIN;
	}
	fill(sub, source, &item, claim, message);
	return 0;
}

static int take_now(struct agnocast_subscription *sub, bool latest,
		    struct agnocast_message *message)
{
	/* Before any message: others may come without end. */
	if (atomic_load_explicit(&sub->trouble, memory_order_relaxed)) {
		atomic_store_explicit(&sub->trouble, false, memory_order_relaxed);
		return -ECONNREFUSED;
	}
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

/*
 * The lock is held, and held again on return. 0: look again; -ETIMEDOUT; -EINTR.
 * With one publisher on its head alone: see news.h.
 */
static int sleep_on_heads(struct agnocast_subscription *sub, uint64_t deadline_ns)
{
	bool alone = sub->sources_count == 1 && !sub->stirred;
	struct sleep sleep;
	int ret = 0;

	wait_begin(sub);
	/* waiting before the heads and the rings: see wait.h. */
	atomic_thread_fence(memory_order_seq_cst);
	sleep_start(&sleep);
	if (!alone)
		sleep_watch_own(&sleep, (const uint32_t *)&sub->news,
				atomic_load_explicit(&sub->news, memory_order_acquire));
	if (!wait_watch(sub, &sleep)) {
		count(&sub->block->sleeps, 1);
		sub->alone += alone;
		pthread_mutex_unlock(&sub->lock);
		ret = sleep_until(&sleep, deadline_ns);
		pthread_mutex_lock(&sub->lock);
		sub->alone -= alone;
	}
	wait_end(sub);
	return ret;
}

/* The number of an epoll that hears the bell; the host may have closed it. Or -errno. */
static int need_crowd(struct agnocast_subscription *sub)
{
	int bell = bell_handle_of(AGNOCAST_BELL_EDGE);
	int fd = sub->crowd_bell == bell ? ownfd_number(sub->crowd) : -EBADF;

	if (fd >= 0)
		return fd;
	ownfd_close(sub->crowd);
	sub->crowd = OWNFD_NONE;
	fd = bell_epoll(0);
	if (fd < 0)
		return fd;
	sub->crowd = ownfd_keep(fd);
	/* Made by bell_epoll() if it was the first: then the next look makes this anew. */
	sub->crowd_bell = bell;
	return ownfd_number(sub->crowd);
}

/*
 * The same with more publishers than there are words to sleep on, and with a
 * look at the descriptors once in a while.
 */
static int sleep_on_bell(struct agnocast_subscription *sub, int epoll, uint64_t deadline_ns)
{
	uint64_t look_ns;
	int ret = 0;

	wait_arm(sub, AGNOCAST_BELL_EDGE);
	/* The bell before the rings: see wait.h. */
	atomic_thread_fence(memory_order_seq_cst);
	if (wait_visible(sub))
		return 0;
	look_ns = clock_ns() + LOOK_NS;
	count(&sub->block->sleeps, 1);
	sub->crowd_asleep++;
	pthread_mutex_unlock(&sub->lock);
	ret = sleep_on_epoll(epoll, NULL, look_ns < deadline_ns ? look_ns : deadline_ns);
	pthread_mutex_lock(&sub->lock);
	sub->crowd_asleep--;
	/* EBADF, EINVAL: closed since; the next round makes it anew. */
	if ((ret == -ETIMEDOUT && look_ns < deadline_ns) || ret == -EBADF || ret == -EINVAL)
		return 0;
	return ret;
}

/*
 * A bell wakes one of those that sleep on it, and does not ring again before
 * somebody has asked for it. Who took a message may take no more: so it asks
 * for those that still sleep, and looks for them. The lock is held.
 */
static void call_another(struct agnocast_subscription *sub)
{
	wait_arm(sub, AGNOCAST_BELL_EDGE);
	/* The bell before the rings: see wait.h. */
	atomic_thread_fence(memory_order_seq_cst);
	if (wait_visible(sub))
		bell_ring_own(AGNOCAST_BELL_EDGE);
}

/* No bell to be had: sleeps on some of the heads, for a moment. */
static int sleep_a_little(struct agnocast_subscription *sub, uint64_t deadline_ns)
{
	uint64_t poll_ns = clock_ns() + POLL_NS;
	int ret = sleep_on_heads(sub, poll_ns < deadline_ns ? poll_ns : deadline_ns);

	return ret == -ETIMEDOUT && poll_ns < deadline_ns ? 0 : ret;
}

static int wait_for_news(struct agnocast_subscription *sub, uint64_t deadline_ns)
{
	int epoll;

	if (sub->sources_count < SLEEP_WORDS)
		return sleep_on_heads(sub, deadline_ns);
	/* agnocast_fd() has another bell, and there is room for one. */
	epoll = sub->flags & AGNOCAST_POLLABLE ? -EBUSY : need_crowd(sub);
	return epoll >= 0 ? sleep_on_bell(sub, epoll, deadline_ns)
			  : sleep_a_little(sub, deadline_ns);
}

/* The lock is held, and held again on return. */
static int take_waiting(struct agnocast_subscription *sub, int timeout_ms, bool latest,
			struct agnocast_message *message)
{
	uint64_t deadline_ns = UINT64_MAX;
	int ret = -EAGAIN;

	if (timeout_ms > 0)
		deadline_ns = clock_ns() + (uint64_t)timeout_ms * 1000000u;
	while (ret == -EAGAIN) {
		int slept = sub->spin_us && wait_spin(sub, deadline_ns) ?
			    0 : wait_for_news(sub, deadline_ns);

		ret = take_now(sub, latest, message);
		if (ret == -EAGAIN && slept)
			return slept == -ETIMEDOUT ? -EAGAIN : slept;
	}
	return ret;
}

static int take(struct agnocast_subscription *sub, int timeout_ms, bool latest,
		struct agnocast_message *message)
{
	int saved = errno, ret;

	memset(message, 0, sizeof(*message));
	if (!participant_is_alive())
		return -ECHILD;
	pthread_mutex_lock(&sub->lock);
	ret = take_now(sub, latest, message);
	if (ret == -EAGAIN && timeout_ms)
		ret = take_waiting(sub, timeout_ms, latest, message);
	if (!ret && sub->crowd_asleep)
		call_another(sub);
	pthread_mutex_unlock(&sub->lock);
	if (ret == -EAGAIN && sub->flags & AGNOCAST_POLLABLE)
		descriptor_quiet(sub);
	errno = saved;
	return ret;
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

int agnocast_subscription_update(struct agnocast_subscription *sub, int timeout_ms,
				 struct agnocast_message *message)
{
	struct agnocast_message newer;
	int ret;

	if (!participant_is_alive())
		return -ECHILD;
	if (message->data && (message->subscription != sub ||
			      !claim_is(sub->block, message->claim, message->publisher,
					message->seq)))
		return -EINVAL;
	ret = take(sub, message->data ? 0 : timeout_ms, true, &newer);
	if (ret)
		return ret == -EAGAIN && message->data ? 0 : ret;
	if (message->data)
		agnocast_message_release(message);
	*message = newer;
	return 1;
}

/* Before the release: behind it the subscription may be another thread's to destroy. */
static void trace_release(const struct agnocast_message *message)
{
	const struct agnocast_subscription *sub = message->subscription;

	if (claim_is(sub->block, message->claim, message->publisher, message->seq))
		PROBE(release, sub->add.topic, sub->generation, message->publisher, message->seq,
		      clock_ns() - atomic_load_explicit(&sub->block->claimed_ns[message->claim],
							memory_order_relaxed));
}

int agnocast_message_release(struct agnocast_message *message)
{
	struct agnocast_subscription *sub = message->subscription;

	if (!participant_is_alive())
		return -ECHILD;
	if (PROBE_IS_ON(release) && sub && message->data)
		trace_release(message);
	if (!sub || !message->data ||
	    !claim_end(sub->block, message->claim, message->publisher, message->seq)) {
		log_line(AGNOCAST_LOG_ERROR, "release: not a message on loan (released "
			 "twice, or never taken)");
		return -EINVAL;
	}
	memset(message, 0, sizeof(*message));
	return 0;
}
