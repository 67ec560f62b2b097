/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookout.c - a wait-set of more publishers than there are words to sleep on
 *
 * Two threads wait and take some of what they are told, a third one takes without
 * waiting, a fourth one changes the wait-set, all at random; the main thread
 * publishes a few messages and waits until they are taken. In every other round the
 * last two rest: then a message that nobody is woken for stays until a wait looks by
 * itself, which is once in a second.
 *
 * Two seconds, however few rounds that makes where much else runs.
 */

#include <agnocast/agnocast.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define TOPICS 70
#define SECONDS 2
#define SLOW_NS 900000000u

static struct agnocast_publisher *pubs[TOPICS];
static struct agnocast_subscription *subs[TOPICS];
static struct agnocast_waitset *ws;
static atomic_long taken;
static atomic_bool ends, busy;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of no quality, and the same each time. */
static uint32_t chance(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(*state >> 8) * n) >> 24);
}

static void take_some(struct agnocast_subscription *sub, uint32_t most)
{
	struct agnocast_message message;

	for (; most && !agnocast_subscription_take(sub, 0, &message); most--) {
		agnocast_message_release(&message);
		atomic_fetch_add(&taken, 1);
	}
}

static void *wait_and_take(void *seed)
{
	uint32_t state = (uint32_t)(uintptr_t)seed;
	struct agnocast_event events[8];

	while (!atomic_load(&ends)) {
		int timeout_ms = chance(&state, 20) ? -1 : (int)chance(&state, 3);
		int n = agnocast_waitset_wait(ws, timeout_ms, events, 1 + (int)chance(&state, 8));

		for (int i = 0; i < n; i++)
			take_some(events[i].subscription, chance(&state, 3) ? 1 : 100);
	}
	return NULL;
}

static void *only_take(void *seed)
{
	uint32_t state = (uint32_t)(uintptr_t)seed;

	while (!atomic_load(&ends)) {
		if (atomic_load(&busy))
			take_some(subs[chance(&state, TOPICS)], 1);
		if (!atomic_load(&busy) || !chance(&state, 8))
			usleep(50);
	}
	return NULL;
}

static void *change(void *seed)
{
	uint32_t state = (uint32_t)(uintptr_t)seed;
	long failed = 0;

	while (!atomic_load(&ends)) {
		struct agnocast_subscription *sub = subs[chance(&state, TOPICS)];

		usleep(chance(&state, 2000));
		if (atomic_load(&busy))
			failed |= agnocast_waitset_remove(ws, sub) || agnocast_waitset_add(ws, sub, NULL);
	}
	return (void *)failed;
}

static bool make_all(void)
{
	struct agnocast_publisher_options out = { .size = sizeof(out), .depth = 64 };
	struct agnocast_subscription_options in = { .size = sizeof(in), .depth = 64 };
	bool made = !agnocast_waitset_create(NULL, &ws);

	for (int i = 0; i < TOPICS && made; i++) {
		char topic[32];

		snprintf(topic, sizeof(topic), "/lookout/%d", i);
		made = !agnocast_subscription_create(topic, &in, &subs[i]) &&
		       !agnocast_publisher_create(topic, &out, &pubs[i]) &&
		       !agnocast_waitset_add(ws, subs[i], NULL);
	}
	return made;
}

/* Publishes some, and waits until all were taken. How long that took; 0: it failed. */
static uint64_t one_round(uint32_t *state, long *sent)
{
	uint32_t burst = chance(state, 8) ? 1 + chance(state, 3) : 20;
	uint64_t start = now_ns();

	for (; burst; burst--) {
		void *message = calloc(1, 64);

		if (agnocast_publisher_publish(pubs[chance(state, TOPICS)], message, 64))
			return 0;
		++*sent;
		for (uint32_t i = chance(state, 2) ? chance(state, 20) : 0; i; i--)
			sched_yield();
	}
	while (atomic_load(&taken) < *sent && now_ns() - start < 10 * (uint64_t)SLOW_NS)
		sched_yield();
	return atomic_load(&taken) == *sent ? now_ns() - start : 0;
}

/* One slow round is allowed: the machine may have been elsewhere. */
static void who_waits_for_many_misses_nothing_whoever_takes_it(void)
{
	static void *(*const others[])(void *) = { wait_and_take, wait_and_take, only_take, change };
	pthread_t threads[4];
	uint32_t state = 1, slow = 0;
	void *failed = NULL;
	uint64_t end;
	long sent = 0;

	CHECK(make_all());
	end = now_ns() + SECONDS * UINT64_C(1000000000);
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, others[i], (void *)(i + 1)));
	for (uint32_t n = 0; now_ns() < end; n++) {
		uint64_t took;

		atomic_store(&busy, n % 2);
		took = one_round(&state, &sent);
		CHECK(took);
		slow += took > SLOW_NS;
		if (!chance(&state, 16))
			usleep(chance(&state, 3000));	/* all asleep */
	}
	CHECK(slow <= 1);
	atomic_store(&ends, true);
	/* A wake reaches those who wait: again and again until they have seen the end. */
	for (int i = 0; i < 4; i++)
		while (pthread_tryjoin_np(threads[i], &failed) == EBUSY) {
			CHECK(!agnocast_waitset_wake(ws));
			usleep(1000);
		}
	CHECK(!failed);		/* of the one that changes, which came last */
	agnocast_waitset_destroy(ws);
	for (int i = 0; i < TOPICS; i++) {
		CHECK(!agnocast_subscription_destroy(subs[i]));
		agnocast_publisher_destroy(pubs[i]);
	}
}

static const struct test tests[] = {
	{ "who_waits_for_many_misses_nothing_whoever_takes_it",
	  who_waits_for_many_misses_nothing_whoever_takes_it },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
