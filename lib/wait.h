/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait.h - how a subscription tells its publishers that somebody waits for it
 *
 * Either on futexes, the publishers' heads (begin, watch, sleep_until, end), or
 * in epoll_wait() on a bell of this process (arm). In both cases: say so, full
 * fence, look; a publisher shows its message, full fence, and looks whether
 * somebody said so. One of the two sees the other.
 *
 * What the sleeper says is a new value each time, and a publisher wakes for the
 * first two messages that see a value (why two: wake_is_due()): whoever takes a
 * message has to say it again before sleeping.
 */
#ifndef AGNOCAST_WAIT_H
#define AGNOCAST_WAIT_H

#include <stdatomic.h>

#include "sleep.h"
#include "subscription.h"

/* No lock. A full fence must follow before wait_watch(). */
static inline void wait_begin(struct agnocast_subscription *sub)
{
	atomic_fetch_add_explicit(&sub->block->waiting, AGNOCAST_SLEEP_BEGIN,
				  memory_order_relaxed);
}

static inline void wait_end(struct agnocast_subscription *sub)
{
	atomic_fetch_sub_explicit(&sub->block->waiting, AGNOCAST_SLEEP_END,
				  memory_order_relaxed);
}

/* Is there something to take, or to be told? The subscription's lock is held, or its wait-set's. */
bool wait_visible(const struct agnocast_subscription *sub);

/* Notes the publishers' heads, then looks: wait_visible(). The lock is held. */
bool wait_watch(const struct agnocast_subscription *sub, struct sleep *sleep);

/*
 * Asks for the bell @which, if what it was asked for last may be used up. The
 * lock is held. A full fence must follow before wait_visible().
 */
void wait_arm(struct agnocast_subscription *sub, uint32_t which);

/*
 * After that and a full fence: is there something, or did another thread take
 * something since? Then the bell may have rung for that, and would not ring
 * again. As wait_visible().
 */
bool wait_stirs(struct agnocast_subscription *sub);

/* Looks for up to @spin_us: true as soon as there is something. The lock is held. */
bool wait_spin(struct agnocast_subscription *sub, uint64_t deadline_ns);

static inline void wait_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

#endif /* AGNOCAST_WAIT_H */
