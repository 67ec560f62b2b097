/* SPDX-License-Identifier: BSD-2-Clause */
/* waitset.c - waiting for many subscriptions, and for descriptors of others */

#include "waitset.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "array.h"
#include "clock.h"
#include "lookout.h"
#include "options.h"
#include "participant.h"
#include "start.h"
#include "wait.h"
#include "watch.h"

#define WORDS_MAX 64u		/* heads to sleep on; beyond, a bell is cheaper */
#define POLL_NS 2000000u	/* no bell to be had, too many heads: look that often */
#define LOOK_NS 1000000000u	/* that often a sleep in epoll_wait() sees to its descriptors */
#define NEARBY 16u		/* entries behind one that has something, looked at with it */
#define EVENTS_MAX (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP)

struct agnocast_waitset {
	pthread_mutex_t lock;
	pthread_cond_t moved;		/* .sleepers or .changers became less */
	struct lookout_entry *entries;	/* lock, and no sleepers */
	uint32_t count, room;
	uint32_t next;			/* lock; where the next look begins */
	struct watch watch;		/* lock; its descriptors change while no one sleeps */
	struct lookout lookout;		/* lock; for those who sleep on a bell */
	bool	foreign_first;		/* lock; in turn */
	uint32_t sleepers;		/* lock; threads asleep with the lock not held */
	uint32_t changers;		/* lock; threads that want them awake */
	uint32_t spin_us;
	uint32_t seen;			/* lock; .word at the last look at everything */
	bool	slept;			/* lock; the last wait did: the next will */
	_Atomic uint32_t word;		/* futex: moves when waits are to look again */
	_Atomic bool woken;		/* agnocast_waitset_wake() */
};

/* Sends all sleepers to have another look. Any thread, any context. */
static void disturb(struct agnocast_waitset *ws)
{
	int event;

	atomic_fetch_add_explicit(&ws->word, 1, memory_order_release);
	/*
	 * The word before the look at the event; sleep_on_bell() has stored that, and
	 * looks at the word behind its fence. Once they wake up, the wait-set may be
	 * gone: not after that.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	event = watch_event(&ws->watch);
	sleep_wake_own((const uint32_t *)&ws->word);
	watch_stir(event);
}

void waitset_news(struct agnocast_waitset *ws)
{
	disturb(ws);
}

bool waitset_try_lock(struct agnocast_waitset *ws)
{
	return !pthread_mutex_trylock(&ws->lock);
}

void waitset_unlock(struct agnocast_waitset *ws)
{
	lookout_forget(&ws->lookout);
	pthread_mutex_unlock(&ws->lock);
}

/* ---- what is in it ---- */

/* Takes the lock; when it returns, nobody sleeps. */
static void change_begin(struct agnocast_waitset *ws)
{
	pthread_mutex_lock(&ws->lock);
	ws->changers++;
	while (ws->sleepers) {
		disturb(ws);
		pthread_cond_wait(&ws->moved, &ws->lock);
	}
}

static void change_end(struct agnocast_waitset *ws)
{
	ws->changers--;
	pthread_cond_broadcast(&ws->moved);
	pthread_mutex_unlock(&ws->lock);
}

static int add_locked(struct agnocast_waitset *ws, struct agnocast_subscription *sub, void *arg)
{
	int ret = array_reserve((void **)&ws->entries, ws->count, &ws->room, sizeof(*ws->entries));

	if (ret)
		return ret;
	pthread_mutex_lock(&sub->lock);
	if (sub->waitset || sub->flags & AGNOCAST_POLLABLE)
		ret = -EBUSY;
	else
		sub->waitset = ws;
	pthread_mutex_unlock(&sub->lock);
	if (!ret)
		ws->entries[ws->count++] = (struct lookout_entry){ .sub = sub, .arg = arg };
	return ret;
}

int agnocast_waitset_add(struct agnocast_waitset *ws, struct agnocast_subscription *sub,
			 void *arg)
{
	int saved = errno, ret;

	if (!participant_is_alive())
		return -ECHILD;
	change_begin(ws);
	ret = add_locked(ws, sub, arg);
	lookout_forget(&ws->lookout);
	change_end(ws);
	errno = saved;
	return ret;
}

static void forget(struct agnocast_subscription *sub)
{
	pthread_mutex_lock(&sub->lock);
	sub->waitset = NULL;
	sub->watched = NULL;
	pthread_mutex_unlock(&sub->lock);
}

int agnocast_waitset_remove(struct agnocast_waitset *ws, struct agnocast_subscription *sub)
{
	int ret = -ENOENT;

	if (!participant_is_alive())
		return -ECHILD;
	change_begin(ws);
	for (uint32_t i = 0; i < ws->count && ret; i++) {
		if (ws->entries[i].sub != sub)
			continue;
		forget(sub);
		lookout_forget(&ws->lookout);
		memmove(&ws->entries[i], &ws->entries[i + 1],
			(--ws->count - i) * sizeof(*ws->entries));
		ws->next -= ws->next > i;
		if (ws->next == ws->count)
			ws->next = 0;
		ret = 0;
	}
	change_end(ws);
	return ret;
}

int agnocast_waitset_add_fd(struct agnocast_waitset *ws, int fd, uint32_t events, void *arg)
{
	int saved = errno, ret;

	if (!participant_is_alive())
		return -ECHILD;
	if (events & ~(uint32_t)EVENTS_MAX)
		return -EINVAL;
	change_begin(ws);
	ret = watch_add(&ws->watch, fd, events, arg);
	change_end(ws);
	errno = saved;
	return ret;
}

int agnocast_waitset_remove_fd(struct agnocast_waitset *ws, int fd)
{
	int saved = errno, ret;

	if (!participant_is_alive())
		return -ECHILD;
	change_begin(ws);
	ret = watch_remove(&ws->watch, fd);
	change_end(ws);
	errno = saved;
	return ret;
}

/* ---- what is ready; the lock is held ---- */

/*
 * Those that sleep on a bell. Who was woken and has found something does not go
 * through all the others before it says so: those come first the next time.
 */
static int collect_at_lookout(struct agnocast_waitset *ws, struct agnocast_event *events, int max)
{
	uint32_t most = ws->slept ? NEARBY : UINT32_MAX;
	int n;

	for (n = 0; n < max; n++) {
		int i = n ? lookout_next_left(&ws->lookout, ws->entries, most) :
			    lookout_next(&ws->lookout, ws->entries);

		if (i < 0)
			break;
		events[n] = (struct agnocast_event){
			.subscription = ws->entries[i].sub, .arg = ws->entries[i].arg,
			.fd = -1,
		};
	}
	return n;
}

static int collect_subscriptions(struct agnocast_waitset *ws, struct agnocast_event *events,
				 int max)
{
	uint32_t at = ws->next;
	int n = 0;

	if (ws->lookout.valid)
		return collect_at_lookout(ws, events, max);
	for (uint32_t i = 0; i < ws->count && n < max; i++) {
		const struct lookout_entry *entry = &ws->entries[at];

		at = at + 1 < ws->count ? at + 1 : 0;
		if (!wait_visible(entry->sub))
			continue;
		events[n++] = (struct agnocast_event){
			.subscription = entry->sub, .arg = entry->arg, .fd = -1,
		};
		ws->next = at;
	}
	return n;
}

static int collect_foreign(struct agnocast_waitset *ws, struct agnocast_event *events, int max)
{
	bool rung = false;
	int n = watch_collect(&ws->watch, events, max, &rung);

	/* Heard now, and not again for the same. */
	if (rung)
		lookout_restart(&ws->lookout);
	return n;
}

/* Descriptors and subscriptions share the room, the odd one goes in turn. */
static int collect(struct agnocast_waitset *ws, struct agnocast_event *events, int max)
{
	int half = ws->count ? (max + ws->foreign_first) / 2 : max;
	int n = collect_foreign(ws, events, half);

	ws->foreign_first = !ws->foreign_first;
	n += collect_subscriptions(ws, events + n, max - n);
	return n || half ? n : collect_foreign(ws, events, max);
}

/* ---- sleeping; the lock is held, given up while asleep, and held again ---- */

/* Heads to sleep on, or some number above WORDS_MAX. */
static uint32_t words_of(struct agnocast_waitset *ws)
{
	uint32_t words = 0;

	for (uint32_t i = 0; i < ws->count && words <= WORDS_MAX; i++)
		words += ws->entries[i].sub->sources_count;
	return words;
}

static void asleep(struct agnocast_waitset *ws)
{
	ws->sleepers++;
	ws->slept = true;
	pthread_mutex_unlock(&ws->lock);
}

static void awake(struct agnocast_waitset *ws)
{
	pthread_mutex_lock(&ws->lock);
	ws->sleepers--;
	if (ws->changers)
		pthread_cond_broadcast(&ws->moved);
}

/* 0: look again; -ETIMEDOUT; -EINTR. */
static int sleep_on_heads(struct agnocast_waitset *ws, uint32_t seen, uint64_t deadline_ns)
{
	struct sleep sleep;
	bool visible = false;
	int ret = 0;

	for (uint32_t i = 0; i < ws->count; i++)
		wait_begin(ws->entries[i].sub);
	/* waiting before the heads and the rings: see wait.h. */
	atomic_thread_fence(memory_order_seq_cst);
	sleep_start(&sleep);
	sleep_watch_own(&sleep, (const uint32_t *)&ws->word, seen);
	for (uint32_t i = 0; i < ws->count && !visible; i++) {
		struct agnocast_subscription *sub = ws->entries[i].sub;

		pthread_mutex_lock(&sub->lock);
		visible = wait_watch(sub, &sleep);
		pthread_mutex_unlock(&sub->lock);
	}
	if (!visible) {
		asleep(ws);
		ret = sleep_until(&sleep, deadline_ns);
		awake(ws);
	}
	for (uint32_t i = 0; i < ws->count; i++)
		wait_end(ws->entries[i].sub);
	return ret;
}

/*
 * As sleep_on_heads(). A bell is heard by one of the threads that sleep here,
 * and is not rung again before somebody has asked for it: so who finds
 * something sends the others to look, and to ask.
 */
static int sleep_on_bell(struct agnocast_waitset *ws, int epoll, uint32_t seen,
			 uint64_t deadline_ns)
{
	bool stirs, stirred = false;
	int ret = 0;

	/* .event before the word: see disturb(). */
	atomic_thread_fence(memory_order_seq_cst);
	stirs = atomic_load_explicit(&ws->word, memory_order_relaxed) != seen ||
		!lookout_is_quiet(&ws->lookout);
	if (!stirs) {
		uint64_t look_ns = clock_ns() + LOOK_NS;

		asleep(ws);
		ret = watch_sleep(epoll, look_ns < deadline_ns ? look_ns : deadline_ns, &stirred);
		awake(ws);
		/* The bell, if it was that, was heard: a fence before the rings, as any look. */
		atomic_thread_fence(memory_order_seq_cst);
		lookout_restart(&ws->lookout);
		/* EBADF, EINVAL: closed since; the next round makes it anew. */
		if (ret == -ETIMEDOUT)
			watch_look_after_event(&ws->watch);
		if ((ret == -ETIMEDOUT && look_ns < deadline_ns) || ret == -EBADF || ret == -EINVAL)
			ret = 0;
	}
	if (stirred)
		watch_settle(&ws->watch);
	return ret;
}

static bool wants_bell(struct agnocast_waitset *ws)
{
	return ws->watch.count ||
	       (ws->lookout.valid ? ws->lookout.sources : words_of(ws)) > WORDS_MAX;
}

/* Has it what it sleeps with, and looks at? */
static bool is_on_bell(struct agnocast_waitset *ws)
{
	if (wants_bell(ws) && watch_is_open(&ws->watch) &&
	    !lookout_prepare(&ws->lookout, ws->entries, ws->count))
		return true;
	lookout_forget(&ws->lookout);
	return false;
}

static int wait_asleep(struct agnocast_waitset *ws, uint32_t seen, uint64_t deadline_ns)
{
	uint64_t poll_ns;
	int epoll, ret;

	if (!wants_bell(ws))
		return sleep_on_heads(ws, seen, deadline_ns);
	epoll = watch_epoll(&ws->watch);
	if (epoll >= 0 && is_on_bell(ws))
		return sleep_on_bell(ws, epoll, seen, deadline_ns);
	poll_ns = clock_ns() + POLL_NS;
	ret = sleep_on_heads(ws, seen, poll_ns < deadline_ns ? poll_ns : deadline_ns);
	return ret == -ETIMEDOUT && poll_ns < deadline_ns ? 0 : ret;
}

/* At everything, or at least at what may not wake us. */
static int look_around(struct agnocast_waitset *ws, uint32_t seen, bool everywhere,
		       struct agnocast_event *events, int max)
{
	if (!is_on_bell(ws))
		return everywhere ? collect(ws, events, max) : 0;
	if (everywhere || seen != ws->seen)
		lookout_restart(&ws->lookout);
	ws->seen = seen;
	return everywhere ? collect(ws, events, max) : collect_at_lookout(ws, events, max);
}

static int wait_locked(struct agnocast_waitset *ws, uint64_t deadline_ns,
		       struct agnocast_event *events, int max)
{
	uint64_t spin_ns = ws->spin_us && deadline_ns ?
			   clock_ns() + ws->spin_us * UINT64_C(1000) : 0;
	bool last = !deadline_ns;
	/* Going to sleep looks at what may have changed: once is enough for the idle. */
	bool look = last || spin_ns || !ws->slept;

	ws->slept = false;
	for (;; look = true) {
		uint32_t seen = atomic_load_explicit(&ws->word, memory_order_acquire);
		bool woken = atomic_exchange_explicit(&ws->woken, false, memory_order_acquire);
		int n = look_around(ws, seen, look || woken, events, max), ret;

		if (n && ws->sleepers && watch_is_open(&ws->watch))
			disturb(ws);	/* our bell was theirs: see below */
		if (n || woken || last)
			return n;
		while (ws->changers)
			pthread_cond_wait(&ws->moved, &ws->lock);
		if (spin_ns && clock_ns() < spin_ns) {
			pthread_mutex_unlock(&ws->lock);
			wait_relax();
			pthread_mutex_lock(&ws->lock);
			last = clock_ns() >= deadline_ns;
			continue;
		}
		ret = wait_asleep(ws, seen, deadline_ns);
		if (ret && ret != -ETIMEDOUT)
			return ret;
		last = ret == -ETIMEDOUT;
		spin_ns = 0;
	}
}

int agnocast_waitset_wait_until(struct agnocast_waitset *ws, uint64_t deadline_ns,
				struct agnocast_event *events, int max)
{
	int saved = errno, ret;

	if (!participant_is_alive())
		return -ECHILD;
	if (max < 1)
		return -EINVAL;
	pthread_mutex_lock(&ws->lock);
	ret = wait_locked(ws, deadline_ns, events, max);
	pthread_mutex_unlock(&ws->lock);
	errno = saved;
	return ret;
}

int agnocast_waitset_wait(struct agnocast_waitset *ws, int timeout_ms,
			  struct agnocast_event *events, int max)
{
	uint64_t deadline_ns = timeout_ms < 0 ? UINT64_MAX : 0;

	if (timeout_ms > 0)
		deadline_ns = clock_ns() + (uint64_t)timeout_ms * 1000000u;
	return agnocast_waitset_wait_until(ws, deadline_ns, events, max);
}

int agnocast_waitset_wake(struct agnocast_waitset *ws)
{
	if (!participant_is_alive())
		return -ECHILD;
	atomic_store_explicit(&ws->woken, true, memory_order_release);
	disturb(ws);
	return 0;
}

/* ---- life ---- */

int agnocast_waitset_create(const struct agnocast_waitset_options *options,
			    struct agnocast_waitset **out)
{
	struct agnocast_waitset_options checked;
	struct agnocast_waitset *ws;
	int saved = errno, ret;

	*out = NULL;
	ret = participant_enter();
	if (!ret)
		ret = options_copy("wait-set", &checked, sizeof(checked), options);
	if (!ret)
		ret = options_check_spin("wait-set", checked.spin_us);
	if (!ret && checked.flags)
		ret = -EINVAL;
	if (ret)
		return ret;
	ws = calloc(1, sizeof(*ws));
	if (ws) {
		pthread_mutex_init(&ws->lock, NULL);
		pthread_cond_init(&ws->moved, NULL);
		ws->spin_us = checked.spin_us;
		watch_init(&ws->watch);
		*out = ws;
	}
	errno = saved;
	return ws ? 0 : -ENOMEM;
}

void agnocast_waitset_destroy(struct agnocast_waitset *ws)
{
	int saved = errno;

	if (!ws || !participant_is_alive())
		return;
	for (uint32_t i = 0; i < ws->count; i++)
		forget(ws->entries[i].sub);
	watch_end(&ws->watch);
	pthread_cond_destroy(&ws->moved);
	pthread_mutex_destroy(&ws->lock);
	lookout_free(&ws->lookout);
	free(ws->entries);
	free(ws);
	errno = saved;
}
