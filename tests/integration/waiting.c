/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waiting.c - wait-sets, the descriptor, blocked takes
 *
 * This program subscribes itself; agents publish.
 */

#include <agnocast/agnocast.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "harness.h"

#define MANY 1000

static struct agnocast_subscription *subscribe(const char *topic, uint32_t depth, uint32_t flags)
{
	struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = depth, .flags = flags,
	};
	struct agnocast_subscription *sub;

	return agnocast_subscription_create(topic, &options, &sub) ? NULL : sub;
}

/* Takes one and gives it back; its value, or a negative errno. */
static long take_one(struct agnocast_subscription *sub, int timeout_ms)
{
	struct agnocast_message message;
	long value = agnocast_subscription_take(sub, timeout_ms, &message);

	if (value)
		return value;
	value = *(const long *)message.data;
	agnocast_message_release(&message);
	return value;
}

static struct agnocast_waitset *set_of(struct agnocast_subscription **subs, int n)
{
	struct agnocast_waitset *ws;

	if (agnocast_waitset_create(NULL, &ws))
		return NULL;
	for (int i = 0; i < n; i++)
		if (agnocast_waitset_add(ws, subs[i], &subs[i]))
			return NULL;
	return ws;
}

static void end(struct agnocast_waitset *ws, struct agnocast_subscription **subs, int n)
{
	agnocast_waitset_destroy(ws);
	for (int i = 0; i < n; i++)
		CHECK(!agnocast_subscription_destroy(subs[i]));
}

struct followed {
	struct agnocast_subscription *sub;
	uint32_t publishers;
};

static bool follows_all(void *arg)
{
	const struct followed *followed = arg;
	struct agnocast_subscription_stats stats;

	return !agnocast_subscription_stats_get(followed->sub, &stats, sizeof(stats)) &&
	       stats.publishers == followed->publishers;
}

/* Until it reads so many publishers. That these have mapped it is another matter. */
static bool follows(struct agnocast_subscription *sub, uint32_t publishers)
{
	struct followed followed = { .sub = sub, .publishers = publishers };

	return wait_until(follows_all, &followed);
}

static unsigned long wakes_of(struct agent *agent)
{
	unsigned long wakes = 0;

	sscanf(ask(agent, "pub_stats 0"), "0 %*u %*u %*u %*u %lu", &wakes);
	return wakes;
}

static void ready_is_reported_in_turn_until_taken(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *subs[3];
	struct agnocast_waitset *ws;
	struct agnocast_event events[8];
	unsigned int seen = 0;

	for (int i = 0; i < 3; i++) {
		char topic[] = { '/', 'w', (char)('0' + i), 0 };

		CHECK(subs[i] = subscribe(topic, 10, 0));
		EXPECT(ask(pub, "pub %d %s 10 0", i, topic), "0");
	}
	CHECK(ws = set_of(subs, 3));
	CHECK(agnocast_waitset_wait(ws, 0, events, 8) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(ask(pub, "publish %d %d 5", i, 1 + 100 * i), "0");
	for (int i = 0; i < 2000 && agnocast_waitset_wait(ws, 10000, events, 8) < 3; i++)
		usleep(5000);
	for (int i = 0; i < 3; i++) {
		CHECK(agnocast_waitset_wait(ws, 10000, events, 1) == 1);
		CHECK(!events[0].events && events[0].fd == -1);
		CHECK(events[0].arg >= (void *)subs && *(void **)events[0].arg ==
		      (void *)events[0].subscription);
		seen |= 1u << ((struct agnocast_subscription **)events[0].arg - subs);
	}
	CHECK(seen == 7);
	/* Level-triggered: all three, whatever was reported before. */
	CHECK(agnocast_waitset_wait(ws, -1, events, 8) == 3);
	while (take_one(subs[1], 0) > 0)
		;
	CHECK(agnocast_waitset_wait(ws, -1, events, 8) == 2);
	CHECK(agnocast_subscription_destroy(subs[0]) == -EBUSY);
	CHECK(agnocast_waitset_add(ws, subs[0], NULL) == -EBUSY);
	CHECK(!agnocast_waitset_remove(ws, subs[0]));
	CHECK(agnocast_waitset_remove(ws, subs[0]) == -ENOENT);
	CHECK(agnocast_waitset_wait(ws, -1, events, 8) == 1);
	CHECK(events[0].subscription == subs[2]);
	end(ws, subs, 3);
}

/* Where the next look begins may be behind the last entry after a removal. */
static void what_is_left_is_reported_whoever_was_removed(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *subs[3];
	struct agnocast_event event;

	EXPECT(ask(pub, "pub 0 /left 1 0"), "0");
	for (int i = 0; i < 3; i++)
		CHECK(subs[i] = subscribe("/left", 1, 0));
	CHECK(reached(pub, 3, 0));
	for (int reported = 0; reported < 3; reported++) {
		for (int removed = 0; removed < 3; removed++) {
			struct agnocast_waitset *ws = set_of(subs, 3);

			EXPECT(ask(pub, "publish 0 1 1"), "0");
			for (int i = 0; i <= reported; i++)
				CHECK(agnocast_waitset_wait(ws, 10000, &event, 1) == 1);
			CHECK(!agnocast_waitset_remove(ws, subs[removed]));
			for (int left = 0; left < 2; left++) {
				CHECK(agnocast_waitset_wait(ws, 10000, &event, 1) == 1);
				CHECK(event.subscription != subs[removed]);
				CHECK(take_one(event.subscription, 0) == 1);
			}
			CHECK(agnocast_waitset_wait(ws, 0, &event, 1) == 0);
			CHECK(take_one(subs[removed], 0) == 1);
			agnocast_waitset_destroy(ws);
		}
	}
	for (int i = 0; i < 3; i++)
		CHECK(!agnocast_subscription_destroy(subs[i]));
}

static void bad_arguments_change_nothing(void)
{
	struct agnocast_waitset_options options = { .size = sizeof(options), .flags = 1 };
	struct { struct agnocast_waitset_options known; long more; } later = {
		.known.size = sizeof(later),
	};
	struct agnocast_subscription_options short_one = {
		.size = offsetof(struct agnocast_subscription_options, spin_us),
		.depth = 3, .spin_us = 4000000,
	};
	struct agnocast_subscription *sub;
	struct agnocast_waitset *ws;
	struct agnocast_event event;
	int fds[2];

	CHECK(agnocast_waitset_create(&options, &ws) == -EINVAL && !ws);
	options = (struct agnocast_waitset_options){ .size = sizeof(options),
						     .spin_us = 1000001 };
	CHECK(agnocast_waitset_create(&options, &ws) == -EINVAL && !ws);
	/* A program that is newer than the library, and does not use the news. */
	CHECK(!agnocast_waitset_create(&later.known, &ws));
	agnocast_waitset_destroy(ws);
	later.more = 1;
	CHECK(agnocast_waitset_create(&later.known, &ws) == -EINVAL);
	/* One that is older: what it does not know is not looked at. */
	CHECK(!agnocast_subscription_create("/w", &short_one, &sub));
	CHECK(!agnocast_waitset_create(NULL, &ws));
	CHECK(agnocast_waitset_wait(ws, 0, &event, 0) == -EINVAL);
	CHECK(!pipe(fds));
	CHECK(agnocast_waitset_add_fd(ws, fds[0], EPOLLIN | EPOLLET, NULL) == -EINVAL);
	CHECK(!agnocast_waitset_add_fd(ws, fds[0], EPOLLIN, NULL));
	CHECK(agnocast_waitset_add_fd(ws, fds[0], EPOLLIN, NULL) == -EEXIST);
	CHECK(agnocast_waitset_add_fd(ws, 9999, EPOLLIN, NULL) == -EBADF);
	CHECK(!agnocast_waitset_remove_fd(ws, fds[0]));
	CHECK(agnocast_waitset_remove_fd(ws, fds[0]) == -ENOENT);
	close(fds[0]);
	close(fds[1]);
	end(ws, &sub, 1);
}

struct waiter {
	struct agnocast_waitset *ws;
	_Atomic pid_t tid;
	struct agnocast_event event;
	int	result;
};

static void *wait_for_ever(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = gettid();
	waiter->result = agnocast_waitset_wait(waiter->ws, -1, &waiter->event, 1);
	return NULL;
}

/* A thread that is asleep there. */
static bool starts_to_wait(pthread_t *thread, struct waiter *waiter, enum bed bed)
{
	waiter->tid = 0;
	return !pthread_create(thread, NULL, wait_for_ever, waiter) &&
	       falls_asleep(&waiter->tid, bed);
}

/* In both ways of sleeping: on futexes, and in epoll_wait(). */
static void a_wait_is_woken_by_anything(bool with_descriptor)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/w", 1, 0), *late;
	struct waiter waiter = { 0 };
	enum bed bed = with_descriptor ? IN_EPOLL : ON_HEADS;
	pthread_t thread;
	int fds[2], *tag = &fds[0];

	CHECK(sub && (waiter.ws = set_of(&sub, 1)) && !pipe(fds));
	if (with_descriptor)
		CHECK(!agnocast_waitset_add_fd(waiter.ws, fds[0], EPOLLIN, tag));
	/* agnocast_waitset_wake(), also if it comes first. */
	CHECK(!agnocast_waitset_wake(waiter.ws));
	CHECK(agnocast_waitset_wait(waiter.ws, -1, &waiter.event, 1) == 0);
	CHECK(starts_to_wait(&thread, &waiter, bed));
	CHECK(!agnocast_waitset_wake(waiter.ws));
	pthread_join(thread, NULL);
	CHECK(waiter.result == 0);
	/* A publisher that comes later. */
	CHECK(starts_to_wait(&thread, &waiter, bed));
	EXPECT(ask(pub, "pub 0 /w 1 0"), "0");
	EXPECT(ask(pub, "publish 0 5 1"), "0");
	pthread_join(thread, NULL);
	CHECK(waiter.result == 1 && waiter.event.subscription == sub);
	CHECK(take_one(sub, 0) == 5);
	/* A subscription that is added meanwhile, with a message in it. */
	CHECK(late = subscribe("/w", 1, 0));
	EXPECT(ask(pub, "publish 0 6 1"), "0");
	CHECK(take_one(sub, 5000) == 6);
	CHECK(starts_to_wait(&thread, &waiter, bed));
	CHECK(!agnocast_waitset_add(waiter.ws, late, NULL));
	pthread_join(thread, NULL);
	CHECK(waiter.result == 1 && waiter.event.subscription == late);
	CHECK(take_one(late, 0) == 6);
	/* A descriptor that is added meanwhile. */
	if (!with_descriptor) {
		CHECK(starts_to_wait(&thread, &waiter, bed));
		CHECK(!agnocast_waitset_add_fd(waiter.ws, fds[0], EPOLLIN, tag));
	} else {
		CHECK(starts_to_wait(&thread, &waiter, bed));
	}
	CHECK(write(fds[1], "x", 1) == 1);
	pthread_join(thread, NULL);
	CHECK(waiter.result == 1 && !waiter.event.subscription && waiter.event.fd == fds[0]);
	CHECK(waiter.event.events == EPOLLIN && waiter.event.arg == tag);
	agnocast_waitset_destroy(waiter.ws);
	CHECK(!agnocast_subscription_destroy(late) && !agnocast_subscription_destroy(sub));
	close(fds[0]);
	close(fds[1]);
}

static void a_wait_on_heads_is_woken_by_anything(void)
{
	a_wait_is_woken_by_anything(false);
}

static void a_wait_on_a_bell_is_woken_by_anything(void)
{
	a_wait_is_woken_by_anything(true);
}

static void descriptors_and_subscriptions_share_the_room(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/w", 10, 0);
	struct agnocast_waitset *ws = set_of(&sub, 1);
	struct agnocast_event event;
	int fds[2], of_fd = 0, of_sub = 0;

	CHECK(ws && !pipe(fds) && write(fds[1], "x", 1) == 1);
	CHECK(!agnocast_waitset_add_fd(ws, fds[0], EPOLLIN, NULL));
	EXPECT(ask(pub, "pub 0 /w 10 0"), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	CHECK(take_one(sub, 5000) == 1);
	EXPECT(ask(pub, "publish 0 2 1"), "0");
	for (int i = 0; i < 10; i++) {
		CHECK(agnocast_waitset_wait(ws, 0, &event, 1) == 1);
		of_sub += event.subscription == sub;
		of_fd += event.fd == fds[0];
	}
	CHECK(of_sub == 5 && of_fd == 5);
	CHECK(take_one(sub, 0) == 2);
	/* The one that is ready gets through at any turn. */
	for (int i = 0; i < 4; i++)
		CHECK(agnocast_waitset_wait(ws, 0, &event, 1) == 1 && event.fd == fds[0]);
	end(ws, &sub, 1);
	close(fds[0]);
	close(fds[1]);
}

static int readable(int epoll, int timeout_ms)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, timeout_ms);
}

static void the_descriptor_is_readable_until_all_is_taken(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *subs[2] = { subscribe("/w", 10, AGNOCAST_POLLABLE),
						  subscribe("/v", 10, AGNOCAST_POLLABLE) };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);

	CHECK(subs[0] && subs[1] && agnocast_fd() >= 0 && agnocast_fd() == agnocast_fd());
	CHECK(!epoll_ctl(epoll, EPOLL_CTL_ADD, agnocast_fd(), &event));
	EXPECT(ask(pub, "pub 0 /w 10 0"), "0");
	EXPECT(ask(pub, "pub 1 /v 10 0"), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	EXPECT(ask(pub, "publish 1 1 1"), "0");
	CHECK(take_one(subs[0], 5000) == 1 && take_one(subs[1], 5000) == 1);
	for (int round = 1; round <= 50; round++) {
		int left = 2;

		EXPECT(ask(pub, "publish %d %d 2", round % 2, round * 10), "0");
		/* An event loop: rounds until nothing is readable any more. */
		while (readable(epoll, left ? 10000 : 0) == 1) {
			for (int i = 0; i < 2; i++) {
				long value = take_one(subs[i], 0);

				if (value > 0)
					left--;
				else
					CHECK(value == -EAGAIN);
			}
		}
		CHECK(left == 0);
	}
	CHECK(agnocast_waitset_create(NULL, &(struct agnocast_waitset *){ 0 }) == 0);
	CHECK(!agnocast_subscription_destroy(subs[0]) &&
	      !agnocast_subscription_destroy(subs[1]));
	close(epoll);
}

struct sleeper {
	_Atomic pid_t tid;
	struct agnocast_subscription *sub;
	long	got;
};

static void *take_sleeping(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->tid = gettid();
	sleeper->got = take_one(sleeper->sub, 20000);
	return NULL;
}

static bool sleeps(struct agnocast_subscription *sub, unsigned long n)
{
	struct agnocast_subscription_stats stats;

	for (int i = 0; i < 2000; i++) {
		if (!agnocast_subscription_stats_get(sub, &stats, sizeof(stats)) &&
		    stats.sleeps >= n)
			return true;
		usleep(5000);
	}
	return false;
}

static void eight_sleepers_are_woken_by_one_call(void)
{
	struct agent *pub = agent_start();
	struct sleeper sleepers[8] = { 0 };
	pthread_t threads[8];
	unsigned long before;

	for (int i = 0; i < 8; i++)
		CHECK(sleepers[i].sub = subscribe("/w", 1, 0));
	EXPECT(ask(pub, "pub 0 /w 1 0"), "0");
	CHECK(reached(pub, 8, 0));
	for (int i = 0; i < 8; i++)
		CHECK(!pthread_create(&threads[i], NULL, take_sleeping, &sleepers[i]));
	for (int i = 0; i < 8; i++)
		CHECK(falls_asleep(&sleepers[i].tid, ON_HEADS));
	before = wakes_of(pub);
	EXPECT(ask(pub, "publish 0 7 1"), "0");
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		CHECK(sleepers[i].got == 7);
	}
	CHECK(wakes_of(pub) - before == 1);
	/* Nobody sleeps: nobody is woken. */
	before = wakes_of(pub);
	EXPECT(ask(pub, "publish 0 8 1000"), "0");
	CHECK(wakes_of(pub) == before);
	for (int i = 0; i < 8; i++)
		CHECK(!agnocast_subscription_destroy(sleepers[i].sub));
}

static int descriptors_of(pid_t pid)
{
	char path[32];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void a_thousand_subscriptions_meet_no_limit(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription **subs = calloc(MANY, sizeof(*subs));
	int many = getenv("AGNOCAST_VM") ? 100 : MANY, before = descriptors_of(getpid());
	struct agnocast_waitset *ws;
	struct agnocast_event event;

	for (int i = 0; i < many; i++) {
		char topic[32];

		snprintf(topic, sizeof(topic), "/many/%d", i);
		CHECK(subs[i] = subscribe(topic, 1, 0));
	}
	CHECK(ws = set_of(subs, many));
	for (int i = 0; i < many; i++)
		EXPECT(ask(pub, "pub %d /many/%d 1 0", i, i), "0");
	for (int i = many - 1; i >= 0; i -= many / 20) {
		EXPECT(ask(pub, "publish %d %d 1", i, i + 1), "0");
		CHECK(agnocast_waitset_wait(ws, 10000, &event, 1) == 1);
		CHECK(event.subscription == subs[i] && take_one(subs[i], 0) == i + 1);
	}
	/* An epoll, an event and a bell for all of them. */
	CHECK(descriptors_of(getpid()) - before <= 3);
	end(ws, subs, many);
	free(subs);
}

struct fds_awaited {
	pid_t	pid;
	int	n;
};

static bool has_descriptors(void *arg)
{
	const struct fds_awaited *awaited = arg;

	return descriptors_of(awaited->pid) == awaited->n;
}

/* Found empty twice, so that it asks to be rung for; the news of a publisher rings too. */
static bool is_quiet(void *arg)
{
	struct agnocast_subscription *sub = arg;
	struct pollfd fd = { .fd = agnocast_fd(), .events = POLLIN };

	return take_one(sub, 0) == -EAGAIN && take_one(sub, 0) == -EAGAIN &&
	       poll(&fd, 1, 0) == 0;
}

/*
 * The first ring must not wait until the publisher's library has asked for what
 * it is to ring: so it asks as soon as somebody wants to be rung for.
 */
static void a_publisher_has_the_bell_before_it_rings(void)
{
	const char *registry = getenv("AGNOCAST_REGISTRY");
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/bell", 10, AGNOCAST_POLLABLE);
	struct pollfd fd = { .fd = agnocast_fd(), .events = POLLIN };
	struct fds_awaited awaited = { .pid = pub->pid };
	long value = -EAGAIN;

	EXPECT(ask(pub, "pub 0 /bell 10 0"), "0");
	CHECK(reached(pub, 1, 0) && follows(sub, 1));
	awaited.n = descriptors_of(pub->pid);
	CHECK(wait_until(is_quiet, sub));
	/* The module rings for the publisher, which needs nothing for that. */
	awaited.n += registry && !strncmp(registry, "unix:", 5);
	CHECK(wait_until(has_descriptors, &awaited));
	EXPECT(ask(pub, "publish 0 7 1"), "0");
	while (value == -EAGAIN && poll(&fd, 1, 10000) == 1)
		value = take_one(sub, 0);
	CHECK(value == 7);
	CHECK(descriptors_of(pub->pid) == awaited.n);
	CHECK(!agnocast_subscription_destroy(sub));
}

static void many_publishers_are_waited_for_without_polling(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/crowd", 10, 0);
	struct agnocast_subscription_stats stats;
	struct sleeper sleeper = { .sub = sub };
	unsigned long before;
	pthread_t thread;

	for (int i = 0; i < 200; i++)
		EXPECT(ask(pub, "pub %d /crowd 1 0", i), "0");
	CHECK(follows(sub, 200));
	/* The first sleep makes the bell, and may be woken by what came before. */
	take_one(sub, 50);
	CHECK(!agnocast_subscription_stats_get(sub, &stats, sizeof(stats)));
	before = stats.sleeps;
	CHECK(take_one(sub, 500) == -EAGAIN);
	CHECK(!agnocast_subscription_stats_get(sub, &stats, sizeof(stats)));
	CHECK(stats.sleeps - before <= 3);
	for (int i = 199; i >= 0; i -= 20) {
		CHECK(!pthread_create(&thread, NULL, take_sleeping, &sleeper));
		EXPECT(ask(pub, "publish %d %d 1", i, i + 1), "0");
		pthread_join(thread, NULL);
		CHECK(sleeper.got == i + 1);
	}
	CHECK(!agnocast_subscription_destroy(sub));
}

/*
 * More publishers than there are words to sleep on. The first sleep of all, which
 * makes what it sleeps with, and later ones: each time somebody rings.
 */
static void a_wait_for_many_publishers_is_rung_for(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/rung", 10, 0);
	struct waiter waiter = { 0 };
	pthread_t thread;

	for (int i = 0; i < 70; i++)
		EXPECT(ask(pub, "pub %d /rung 10 0", i), "0");
	CHECK(reached(pub, 1, 0) && follows(sub, 70));
	CHECK(waiter.ws = set_of(&sub, 1));
	for (int i = 0; i < 10; i++) {
		unsigned long before = wakes_of(pub);

		CHECK(starts_to_wait(&thread, &waiter, IN_EPOLL));
		EXPECT(ask(pub, "publish 0 %d 1", i + 1), "0");
		CHECK(wakes_of(pub) == before + 1);
		pthread_join(thread, NULL);
		CHECK(waiter.result == 1 && waiter.event.subscription == sub);
		CHECK(take_one(sub, 0) == i + 1);
	}
	end(waiter.ws, &sub, 1);
}

/*
 * Each of three threads takes one message and takes no more: the bell that woke
 * the first is asked for again although nobody goes back to sleep.
 */
static void takers_of_many_publishers_are_woken_one_after_the_other(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/queue", 10, 0);
	struct agnocast_subscription_stats stats;
	struct sleeper sleeper[3] = { { .sub = sub }, { .sub = sub }, { .sub = sub } };
	pthread_t thread[3];
	long sum = 0;

	for (int i = 0; i < 130; i++)
		EXPECT(ask(pub, "pub %d /queue 10 0", i), "0");
	CHECK(follows(sub, 130));
	for (int round = 0; round < 20; round++) {
		CHECK(!agnocast_subscription_stats_get(sub, &stats, sizeof(stats)));
		for (int i = 0; i < 3; i++)
			CHECK(!pthread_create(&thread[i], NULL, take_sleeping, &sleeper[i]));
		CHECK(sleeps(sub, stats.sleeps + 3));
		/* One at a time, and all at once. */
		if (round % 2) {
			EXPECT(ask(pub, "publish 7 1 3"), "0");
		} else {
			for (int i = 1; i <= 3; i++)
				EXPECT(ask(pub, "publish %d %d 1", i * 40, i), "0");
		}
		sum = 0;
		for (int i = 0; i < 3; i++) {
			pthread_join(thread[i], NULL);
			sum += sleeper[i].got;
		}
		CHECK(sum == 1 + 2 + 3);
	}
	CHECK(!agnocast_subscription_destroy(sub));
}

/* Killed behind the message, before the wake-up: its death is what wakes. */
static void the_last_message_of_one_that_died_is_heard(void)
{
	struct agnocast_subscription *sub[3] = {
		subscribe("/last", 10, 0), subscribe("/last", 10, 0),
		subscribe("/last", 10, AGNOCAST_POLLABLE),
	};
	struct agnocast_waitset *ws = set_of(&sub[1], 1);
	int fds[2];

	CHECK(ws && !pipe(fds) && !agnocast_waitset_add_fd(ws, fds[0], EPOLLIN, NULL));
	for (int way = 0; way < 3; way++) {
		struct pollfd pollfd = { .fd = agnocast_fd(), .events = POLLIN };
		struct agent *pub = agent_start();
		struct sleeper sleeper = { .sub = sub[0] };
		struct waiter waiter = { .ws = ws };
		pthread_t thread;
		time_t since;
		int status;

		EXPECT(ask(pub, "pub 0 /last 1 0"), "0");
		CHECK(reached(pub, 3, 0));
		/* The bells are made, and rung for; all three sleep again. */
		EXPECT(ask(pub, "publish 0 1 1"), "0");
		for (int i = 0; i < 3; i++)
			CHECK(take_one(sub[i], 20000) == 1);
		CHECK(agnocast_waitset_wait(ws, 0, &waiter.event, 1) == 0);
		while (poll(&pollfd, 1, 0) == 1)
			CHECK(take_one(sub[2], 0) == -EAGAIN);
		CHECK(!pthread_create(&thread, NULL, way ? wait_for_ever : take_sleeping,
				      way ? (void *)&waiter : (void *)&sleeper));
		CHECK(way ? falls_asleep(&waiter.tid, IN_EPOLL) :
			    falls_asleep(&sleeper.tid, ON_HEADS));
		EXPECT(ask(pub, "die_at_wake"), "0");
		tell(pub, "publish 0 %d 1", 100 + way);
		status = agent_kill(pub, 0);
		since = time(NULL);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
		if (way == 2)
			CHECK(poll(&pollfd, 1, 20000) == 1);
		pthread_join(thread, NULL);
		CHECK(way || sleeper.got == 100);
		CHECK(!way || waiter.event.subscription == sub[1]);
		CHECK(time(NULL) - since < 15);
		for (int i = !way; i < 3; i++)
			CHECK(take_one(sub[i], 0) == 100 + way);
	}
	agnocast_waitset_destroy(ws);
	for (int i = 0; i < 3; i++)
		CHECK(!agnocast_subscription_destroy(sub[i]));
	close(fds[0]);
	close(fds[1]);
}

struct listener {
	struct agnocast_subscription *sub;
	atomic_long sum;
	atomic_bool stop;
};

static void *listen_sleeping(void *arg)
{
	struct listener *listener = arg;

	while (!atomic_load(&listener->stop)) {
		long value = take_one(listener->sub, 60000);

		if (value > 0)
			atomic_fetch_add(&listener->sum, value);
	}
	return NULL;
}

static bool sum_comes_to(struct listener *listener, long sum)
{
	for (int i = 0; i < 20000 && atomic_load(&listener->sum) < sum; i++)
		usleep(500);
	return atomic_load(&listener->sum) == sum;
}

static bool is_mapped(pid_t pid)
{
	char line[512], name[64];
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;

	snprintf(name, sizeof(name), "/agnocast@%d", pid);
	while (!found && fgets(line, sizeof(line), maps))
		found = strstr(line, name);
	fclose(maps);
	return found;
}

/* One publisher says nothing; whoever sleeps must hear the others, and its end. */
static void sleepers_hear_of_publishers_that_come_and_go(void)
{
	struct agent *still = agent_start(), *lively = agent_start();
	struct listener listener = { .sub = subscribe("/news", 10, 0) };
	pthread_t threads[2];
	time_t since;
	pid_t pid;

	CHECK(listener.sub);
	EXPECT(ask(still, "pub 0 /news 1 0"), "0");
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, listen_sleeping, &listener));
	CHECK(sleeps(listener.sub, 2));
	for (int i = 1; i <= 100; i++) {
		EXPECT(ask(lively, "pub 0 /news 1 0"), "0");
		/* Sometimes while they fall asleep, sometimes when they do sleep. */
		if (i % 2)
			usleep(1000 * (i % 20));
		EXPECT(ask(lively, "publish 0 1 1"), "0");
		CHECK(sum_comes_to(&listener, i));
		EXPECT(ask(lively, "unpub 0"), "0");
	}
	pid = still->pid;
	agent_kill(still, SIGKILL);
	since = time(NULL);
	while (is_mapped(pid) && time(NULL) - since < 10)
		usleep(5000);
	CHECK(!is_mapped(pid));
	atomic_store(&listener.stop, true);
	EXPECT(ask(lively, "pub 0 /news 1 0"), "0");
	for (int i = 0; i < 2; i++) {
		/* Each takes one and ends. */
		EXPECT(ask(lively, "publish 0 1 1"), "0");
		CHECK(sum_comes_to(&listener, 101 + i));
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(!agnocast_subscription_destroy(listener.sub));
}

static void the_same_message_again_is_held_once(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/w", 10, 0);
	struct agnocast_subscription_stats stats;
	struct agnocast_message message = { 0 };

	CHECK(agnocast_subscription_update(sub, 0, &message) == -EAGAIN);
	EXPECT(ask(pub, "pub 0 /w 10 0"), "0");
	EXPECT(ask(pub, "publish 0 1 3"), "0");
	CHECK(agnocast_subscription_update(sub, 5000, &message) == 1);
	while (*(const long *)message.data != 3)
		CHECK(agnocast_subscription_update(sub, 0, &message) >= 0);
	for (int i = 0; i < 3; i++) {
		CHECK(agnocast_subscription_update(sub, 0, &message) == 0);
		CHECK(*(const long *)message.data == 3);
	}
	EXPECT(ask(pub, "publish 0 4 2"), "0");
	CHECK(agnocast_subscription_update(sub, 0, &message) == 1);
	CHECK(*(const long *)message.data == 5);
	CHECK(!agnocast_subscription_stats_get(sub, &stats, sizeof(stats)) && stats.held == 1);
	CHECK(!agnocast_message_release(&message));
	CHECK(!agnocast_subscription_destroy(sub));
}

#define THREADS 4
#define EACH 3000

static struct agnocast_publisher *shared_pub;
static _Atomic long shared_sum, shared_count;

/* What was given back already cannot be exchanged, nor kept. */
static void what_is_no_loan_is_not_exchanged(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/loan", 2, 0);
	struct agnocast_message m = { 0 }, old;

	EXPECT(ask(pub, "pub 0 /loan 2 0"), "0");
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	CHECK(agnocast_subscription_update(sub, 10000, &m) == 1);
	CHECK(agnocast_subscription_update(sub, 0, &m) == 0);
	old = m;
	CHECK(!agnocast_message_release(&m));
	m = old;
	CHECK(agnocast_subscription_update(sub, 0, &m) == -EINVAL);
	EXPECT(ask(pub, "publish 0 2 1"), "0");
	CHECK(agnocast_subscription_update(sub, 0, &m) == -EINVAL);
	CHECK(!memcmp(&m, &old, sizeof(m)));
	CHECK(take_one(sub, 10000) == 2);
	CHECK(!agnocast_subscription_destroy(sub));
}

/* A program may be older, or newer, than the library that it finds. */
static void counters_are_given_to_whoever_knows_more_or_fewer(void)
{
	struct agnocast_subscription *sub = subscribe("/sizes", 2, 0);
	struct { struct agnocast_subscription_stats stats; uint64_t more[4]; } large;
	uint64_t small[2] = { 1, 77 };

	memset(&large, 0xff, sizeof(large));
	CHECK(!agnocast_subscription_stats_get(sub, &large.stats, sizeof(large)));
	CHECK(!large.stats.taken && !large.more[0] && !large.more[3]);
	CHECK(!agnocast_subscription_stats_get(sub, (void *)small, sizeof(small[0])));
	CHECK(small[0] == 0 && small[1] == 77);
	CHECK(agnocast_subscription_stats_get(sub, (void *)small, 0) == -EINVAL);
	CHECK(!agnocast_subscription_destroy(sub));
}

static void *publish_many(void *arg)
{
	for (long i = 1; i <= EACH; i++) {
		long *message = malloc(sizeof(*message));

		*message = i;
		if (agnocast_publisher_publish(shared_pub, message, sizeof(*message)))
			return arg;
	}
	return NULL;
}

static void *take_many(void *arg)
{
	struct agnocast_subscription *sub = arg;
	long value;

	while (atomic_load(&shared_count) < THREADS * EACH) {
		value = take_one(sub, 20);
		if (value <= 0)
			continue;
		atomic_fetch_add(&shared_sum, value);
		atomic_fetch_add(&shared_count, 1);
	}
	return NULL;
}

static void many_threads_share_a_handle(void)
{
	struct agnocast_publisher_options options = { .size = sizeof(options),
						      .depth = THREADS * EACH };
	struct agnocast_subscription *sub = subscribe("/shared", THREADS * EACH, 0);
	pthread_t takers[THREADS], publishers[THREADS];

	CHECK(sub && !agnocast_publisher_create("/shared", &options, &shared_pub));
	for (int i = 0; i < THREADS; i++) {
		CHECK(!pthread_create(&takers[i], NULL, take_many, sub));
		CHECK(!pthread_create(&publishers[i], NULL, publish_many, sub));
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(publishers[i], &failed);
		CHECK(!failed);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(takers[i], NULL);
	/* Each message exactly once. */
	CHECK(atomic_load(&shared_count) == THREADS * EACH);
	CHECK(atomic_load(&shared_sum) == THREADS * (EACH * (EACH + 1l) / 2));
	agnocast_publisher_destroy(shared_pub);
	CHECK(!agnocast_subscription_destroy(sub));
}

static atomic_bool thief_ends;

/* Takes what the others were told of, without ever waiting. */
static void *steal(void *arg)
{
	while (!atomic_load(&thief_ends))
		if (take_one(arg, 0) <= 0)
			usleep(20);	/* or the lock would be its own */
	return NULL;
}

/* One thread waits, on a bell, another one takes: none of them gets lost. */
static void a_wait_hears_of_messages_after_one_that_another_thread_took(void)
{
	struct agent *pub = agent_start();
	struct agnocast_subscription *sub = subscribe("/thief", 1000, 0);
	struct agnocast_waitset *ws = set_of(&sub, 1);
	struct agnocast_event event;
	pthread_t thief;
	int fds[2];

	CHECK(ws && !pipe(fds) && !agnocast_waitset_add_fd(ws, fds[0], EPOLLIN, NULL));
	EXPECT(ask(pub, "pub 0 /thief 1000 0"), "0");
	CHECK(reached(pub, 1, 0));
	/* It reaches us; now we are to read it. */
	EXPECT(ask(pub, "publish 0 1 1"), "0");
	CHECK(take_one(sub, 10000) == 1);
	for (int round = 1; round <= 300; round++) {
		atomic_store(&thief_ends, false);
		CHECK(!pthread_create(&thief, NULL, steal, sub));
		tell(pub, "publish 0 1 20");
		/* Meanwhile this thread goes to sleep and is woken, or not. */
		if (agnocast_waitset_wait(ws, 1, &event, 1) == 1)
			take_one(sub, 0);
		atomic_store(&thief_ends, true);
		pthread_join(thief, NULL);
		EXPECT(answer_of(pub), "0");
		while (take_one(sub, 0) > 0)
			;
		/* Now it must hear. */
		tell(pub, "publish 0 2 1");
		CHECK(agnocast_waitset_wait(ws, 10000, &event, 1) == 1);
		CHECK(take_one(sub, 0) == 2);
		EXPECT(answer_of(pub), "0");
	}
	end(ws, &sub, 1);
	close(fds[0]);
	close(fds[1]);
}

static const struct test tests[] = {
	/* First: later, the bell may have been rung before the first sleep. */
	{ "a_publisher_has_the_bell_before_it_rings", a_publisher_has_the_bell_before_it_rings },
	{ "a_wait_for_many_publishers_is_rung_for", a_wait_for_many_publishers_is_rung_for },
	{ "ready_is_reported_in_turn_until_taken", ready_is_reported_in_turn_until_taken },
	{ "what_is_left_is_reported_whoever_was_removed",
	  what_is_left_is_reported_whoever_was_removed },
	{ "bad_arguments_change_nothing", bad_arguments_change_nothing },
	{ "a_wait_on_heads_is_woken_by_anything", a_wait_on_heads_is_woken_by_anything },
	{ "a_wait_on_a_bell_is_woken_by_anything", a_wait_on_a_bell_is_woken_by_anything },
	{ "descriptors_and_subscriptions_share_the_room",
	  descriptors_and_subscriptions_share_the_room },
	{ "the_descriptor_is_readable_until_all_is_taken",
	  the_descriptor_is_readable_until_all_is_taken },
	{ "eight_sleepers_are_woken_by_one_call", eight_sleepers_are_woken_by_one_call },
	{ "a_thousand_subscriptions_meet_no_limit", a_thousand_subscriptions_meet_no_limit },
	{ "many_publishers_are_waited_for_without_polling",
	  many_publishers_are_waited_for_without_polling },
	{ "takers_of_many_publishers_are_woken_one_after_the_other",
	  takers_of_many_publishers_are_woken_one_after_the_other },
	{ "the_last_message_of_one_that_died_is_heard", the_last_message_of_one_that_died_is_heard },
	{ "sleepers_hear_of_publishers_that_come_and_go",
	  sleepers_hear_of_publishers_that_come_and_go },
	{ "the_same_message_again_is_held_once", the_same_message_again_is_held_once },
	{ "what_is_no_loan_is_not_exchanged", what_is_no_loan_is_not_exchanged },
	{ "counters_are_given_to_whoever_knows_more_or_fewer",
	  counters_are_given_to_whoever_knows_more_or_fewer },
	{ "many_threads_share_a_handle", many_threads_share_a_handle },
	{ "a_wait_hears_of_messages_after_one_that_another_thread_took",
	  a_wait_hears_of_messages_after_one_that_another_thread_took },
};

static void say_nothing(enum agnocast_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

int main(int argc, char **argv)
{
	if (!getenv("AGENT_LOG"))
		agnocast_log_set(say_nothing, NULL);
	return run_tests(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
