// SPDX-License-Identifier: BSD-2-Clause
/*
 * many.c - many topics, two subscriptions on each, every topic at its own phase
 *
 * One process publishes on all topics, two processes have a subscription to
 * each and wait for them all at once. The phases are spread over the period by
 * a fixed pseudo-random sequence, as independent timers are. End to end: from
 * just before the publish to when the reader has looked at the payload.
 */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Not counted: who was never asleep in the one call that all this is about is woken
 * there for the first time, in memory that nobody has touched before.
 */
#define WARM_PERIODS 30u

static const char *topic_name(uint32_t i)
{
	static char name[32];

	snprintf(name, sizeof(name), "/bench/many%u", i);
	return name;
}

static int by_phase(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* In microseconds within the period, ascending. */
static uint32_t *phases(uint32_t period_us)
{
	uint32_t *phase = calloc(args.topics, sizeof(*phase)), state = 12345;

	for (uint32_t i = 0; i < args.topics; i++) {
		state = state * 1664525u + 1013904223u;
		phase[i] = (uint32_t)(((uint64_t)(state >> 8) * period_us) >> 24);
	}
	qsort(phase, args.topics, sizeof(*phase), by_phase);
	return phase;
}

static void send_seq(void *pub, uint64_t seq)
{
	void *message = peer_loan(pub, args.bytes);

	payload_write(message, args.bytes, seq);
	payload_stamp(message);
	peer_publish(pub, message, args.bytes);
}

static void sleep_till(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u) };

	if (ns > now_ns())
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void publish_periods(void **pubs, uint64_t periods, bool counted)
{
	uint32_t period_us = 1000000 / args.hz;
	uint32_t *phase = phases(period_us);
	uint64_t start = now_ns() + 1000000;

	for (uint64_t p = 0; p < periods; p++)
		for (uint32_t i = 0; i < args.topics; i++) {
			sleep_till(start + (p * period_us + phase[i]) * 1000);
			send_seq(pubs[i], counted ? p + 1 : SEQ_PROBE);
		}
}

static void publish_many(void)
{
	void **pubs = calloc(args.topics, sizeof(*pubs));
	uint64_t periods = (uint64_t)(args.seconds * args.hz);
	struct usage from, to;

	for (uint32_t i = 0; i < args.topics; i++)
		pubs[i] = peer_publisher(topic_name(i));
	meet(&args.meeting->ready, args.processes);
	while (atomic_load(&args.meeting->matched) < args.subs) {
		for (uint32_t i = 0; i < args.topics; i++)
			send_seq(pubs[i], SEQ_PROBE);
		sleep_us(20000);
	}
	peer_settle();
	meet(&args.meeting->quiet, args.processes);
	publish_periods(pubs, WARM_PERIODS, false);
	from = usage_now();
	publish_periods(pubs, periods, true);
	to = usage_now();
	sleep_us(20000);
	for (uint32_t i = 0; i < args.topics; i++)
		send_seq(pubs[i], SEQ_STOPPED);
	printf("{\"role\":\"many\",");
	usage_print(&from, &to, periods * args.topics);
	printf("}\n");
}

/* Until every topic has been heard of. */
static void match(void *set, void **subs)
{
	bool *heard = calloc(args.topics, sizeof(*heard));
	uint32_t missing = args.topics;
	unsigned int index;
	struct message m;

	while (missing) {
		if (!peer_set_take(set, &m, &index))
			continue;
		peer_release(subs[index], &m);
		missing -= !heard[index];
		heard[index] = true;
	}
	free(heard);
	atomic_fetch_add(&args.meeting->matched, 1);
}

static void read_many(void)
{
	void **subs = calloc(args.topics, sizeof(*subs));
	uint64_t *expected = calloc(args.topics, sizeof(*expected)), seq;
	uint32_t running = args.topics;
	struct samples samples;
	struct usage from, to;
	unsigned int index;
	struct message m;
	void *set;

	samples_init(&samples, (uint64_t)(args.seconds * args.hz + 1) * args.topics);
	for (uint32_t i = 0; i < args.topics; i++)
		subs[i] = peer_subscription(topic_name(i), HOW_SLEEP);
	set = peer_set(subs, args.topics);
	meet(&args.meeting->ready, args.processes);
	match(set, subs);
	peer_settle();
	meet(&args.meeting->quiet, args.processes);
	from = usage_now();
	while (running) {
		if (!peer_set_take(set, &m, &index))
			continue;
		seq = payload_seq(m.data);
		samples.bad += !payload_good(m.data, args.bytes);
		if (SEQ_IS_STOP(seq)) {
			running--;
		} else if (seq != SEQ_PROBE) {
			if (!samples.count)
				from = usage_now();
			samples_add(&samples, now_ns() - payload_stamp_of(m.data));
			samples.lost += seq - 1 - expected[index];
			expected[index] = seq;
		}
		peer_release(subs[index], &m);
	}
	to = usage_now();
	printf("{\"role\":\"reader\",\"lost\":%llu,\"bad\":%llu,",
	       (unsigned long long)samples.lost, (unsigned long long)samples.bad);
	usage_print(&from, &to, samples.count);
	printf(",");
	samples_print("there_us", &samples);
	printf("}\n");
}

void many(void)
{
	if (role_is("many"))
		publish_many();
	else
		read_many();
	fflush(stdout);
	meet(&args.meeting->stop, args.processes);
}
