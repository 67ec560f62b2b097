/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sleep.h - sleeping on futex words that others change
 *
 * The words lie in other processes' memory and are only read here. Whoever
 * sleeps notes what each word was before its last look at what it waits for.
 */
#ifndef AGNOCAST_SLEEP_H
#define AGNOCAST_SLEEP_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define SLEEP_WORDS 128			/* of FUTEX_WAITV */

struct sleep {
	struct futex_waitv on[SLEEP_WORDS];
	unsigned int count;
	bool	full;		/* there was no room for a word */
};

static inline void sleep_start(struct sleep *sleep)
{
	sleep->count = 0;
	sleep->full = false;
}

/* Adds a word of any process and what it was. */
void sleep_watch(struct sleep *sleep, const uint32_t *word, uint32_t seen);

/*
 * The same of a word that only threads of this process wake for. Sleeping on it
 * costs the kernel less: it need not look up whose memory this is. Who takes
 * too long to fall asleep is met by the answer while doing so, which costs its
 * sender an interrupt to this processor.
 */
void sleep_watch_own(struct sleep *sleep, const uint32_t *word, uint32_t seen);

/*
 * Until a word moves or @deadline_ns (CLOCK_MONOTONIC, UINT64_MAX: none).
 * 0: look again; -ETIMEDOUT; -EINTR.
 */
int sleep_until(const struct sleep *sleep, uint64_t deadline_ns);

/* The same on an epoll descriptor; *@event (may be NULL) gets one that came. */
struct epoll_event;
int sleep_on_epoll(int epoll, struct epoll_event *event, uint64_t deadline_ns);

/* Wakes everybody who sleeps on @word. The second: in this process; signal handlers may. */
void sleep_wake(const uint32_t *word);
void sleep_wake_own(const uint32_t *word);

/* The half of a 64-bit counter that moves. */
static inline const uint32_t *sleep_word(const _Atomic uint64_t *counter)
{
	return (const uint32_t *)counter + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static inline struct timespec sleep_timespec(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u),
	};
}

#endif /* AGNOCAST_SLEEP_H */
