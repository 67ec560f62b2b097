// SPDX-License-Identifier: BSD-2-Clause
/*
 * batch.c - what publish and take cost, apart from each other
 *
 * The publisher publishes .flight messages, then the reader takes and releases
 * them all through each of its .subs subscriptions, awake all the time, and so
 * on in turns. A crowd of processes may hold other topics meanwhile, and do
 * nothing. Timed a batch at a time; with steps=1 the batches lie between marks,
 * for bench_step to count instructions.
 */

#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNTED		2	/* batches between marks */

static void mark(void)
{
	if (args.steps == 1)
		raise(SIGUSR1);
}

static void send_seq(void *pub, uint64_t seq)
{
	void *message = peer_loan(pub, args.bytes);

	payload_write(message, args.bytes, seq);
	peer_publish(pub, message, args.bytes);
}

/* Batch number @batch is published / has been read. */
static void wait_for(_Atomic uint32_t *counter, uint32_t batch)
{
	while (atomic_load_explicit(counter, memory_order_acquire) < batch)
		wait_turn();
}

static void print(const char *role, struct samples *samples, const struct usage *from,
		  const struct usage *to, uint64_t messages, uint64_t bad)
{
	printf("{\"role\":\"%s\",\"bad\":%llu,", role, (unsigned long long)bad);
	usage_print(from, to, messages);
	printf(",");
	/* Samples are picoseconds, so this prints nanoseconds. */
	samples_print("per_message_ns", samples);
	printf("}\n");
}

static bool is_over(uint32_t batch, uint64_t end)
{
	return args.steps ? batch > COUNTED + 8 : batch > 64 && now_ns() > end;
}

static void publish_batches(void)
{
	void *pub = peer_publisher("/bench/batch");
	uint64_t end, seq = 0, t0;
	struct samples samples;
	struct usage from, to;
	uint32_t batch;

	samples_init(&samples, 1000000);
	meet(&args.meeting->ready, args.processes);
	while (!atomic_load(&args.meeting->matched)) {
		send_seq(pub, SEQ_PROBE);
		sleep_us(5000);
	}
	peer_settle();
	meet(&args.meeting->quiet, 2);
	end = now_ns() + (uint64_t)(args.seconds * 1e9);
	from = usage_now();
	mark();
	mark();
	for (batch = 1; !is_over(batch, end); batch++) {
		if (batch > 8)
			mark();
		t0 = now_ns();
		for (uint32_t i = 0; i < args.flight; i++)
			send_seq(pub, ++seq);
		t0 = now_ns() - t0;
		if (batch > 8)
			mark();
		/* The first batches make pages and caches. */
		if (batch > 8)
			samples_add(&samples, t0 * 1000 / args.flight);
		atomic_store_explicit(&args.meeting->go, batch, memory_order_release);
		wait_for(&args.meeting->stop, batch);
	}
	to = usage_now();
	print("publisher", &samples, &from, &to, seq, 0);
	atomic_store(&args.meeting->readers, batch);
	atomic_store(&args.meeting->go, batch);
}

static void *subs_of[BENCH_READERS];

/* One message from each subscription, whichever comes. */
static void match(void)
{
	struct message m;

	for (uint32_t i = 0; i < args.subs; i++) {
		/* Slowly: the transport's threads need the processor until they match. */
		while (!peer_take(subs_of[i], &m))
			sleep_us(200);
		peer_release(subs_of[i], &m);
	}
	atomic_store(&args.meeting->matched, 1);
	peer_settle();
	meet(&args.meeting->quiet, 2);
}

/* The next message that is no probe. */
static uint64_t take_one(void *sub)
{
	struct message m;
	uint64_t seq;

	do {
		while (!peer_take(sub, &m))
			wait_turn();
		seq = payload_seq(m.data);
		peer_release(sub, &m);
	} while (seq == SEQ_PROBE);
	return seq;
}

static void take_batch(uint64_t last, uint64_t *bad)
{
	for (uint32_t s = 0; s < args.subs; s++)
		for (uint32_t i = 0; i < args.flight; i++)
			*bad += take_one(subs_of[s]) != last - args.flight + i + 1;
}

static void read_batches(void)
{
	uint64_t bad = 0, t0, messages = 0;
	struct samples samples;
	struct usage from, to;

	samples_init(&samples, 1000000);
	for (uint32_t i = 0; i < args.subs; i++)
		subs_of[i] = peer_subscription("/bench/batch", HOW_POLL);
	meet(&args.meeting->ready, args.processes);
	match();
	from = usage_now();
	mark();
	mark();
	for (uint32_t batch = 1;; batch++) {
		wait_for(&args.meeting->go, batch);
		if (atomic_load(&args.meeting->readers) == batch)
			break;
		if (batch > 8)
			mark();
		t0 = now_ns();
		take_batch((uint64_t)batch * args.flight, &bad);
		t0 = now_ns() - t0;
		if (batch > 8)
			mark();
		if (batch > 8)
			samples_add(&samples, t0 * 1000 / (args.flight * args.subs));
		messages += args.flight * args.subs;
		atomic_store_explicit(&args.meeting->stop, batch, memory_order_release);
	}
	to = usage_now();
	print("reader", &samples, &from, &to, messages, bad);
}

/* Topics of others, each with a publisher and a subscription. */
static void crowd(void)
{
	char name[48];

	for (uint32_t i = 0; i < args.topics; i++) {
		snprintf(name, sizeof(name), "/bench/crowd%u_%u", args.index, i);
		peer_publisher(name);
		peer_subscription(name, HOW_POLL);
	}
	meet(&args.meeting->ready, args.processes);
	while (!atomic_load(&args.meeting->readers))
		sleep_us(5000);
	printf("{\"role\":\"crowd\"}\n");
}

void batch(void)
{
	if (role_is("publisher"))
		publish_batches();
	else if (role_is("reader"))
		read_batches();
	else
		crowd();
}
