// SPDX-License-Identifier: BSD-2-Clause
/*
 * throughput.c - as many messages as go through a window of 16
 *
 * The source never has more than the window's worth on its way: the sink
 * counts in shared memory, the same way for every peer. So nothing may be lost.
 */

#include "bench.h"

#include <stdio.h>

static void send_seq(void *pub, uint64_t seq)
{
	void *message = peer_loan(pub, args.bytes);

	payload_write(message, args.bytes, seq);
	peer_publish(pub, message, args.bytes);
}

static void wait_for_room(uint64_t sent, uint64_t *seen)
{
	_Atomic uint64_t *received = &args.meeting->place[0].received;

	if (sent - *seen < args.depth)
		return;
	/* Acquire: the sink has released what it counts. */
	while (sent - (*seen = atomic_load_explicit(received, memory_order_acquire)) >=
	       args.depth)
		wait_turn();
}

static void source(void)
{
	void *pub = peer_publisher("/bench/flow");
	uint64_t sent = 0, seen = 0, from_sent = 0, warm, end, t0 = 0, t1;
	struct usage from = { 0 }, to;

	meet(&args.meeting->ready, 2);
	while (!atomic_load(&args.meeting->matched)) {
		send_seq(pub, SEQ_PROBE);
		sleep_us(2000);
	}
	peer_settle();
	meet(&args.meeting->quiet, 2);
	warm = now_ns() + (uint64_t)(args.warmup * 1e9);
	end = warm + (uint64_t)(args.seconds * 1e9);
	for (;;) {
		/* A clock for every 64: it is no part of the flow. */
		if (sent % 64 == 0) {
			uint64_t now = now_ns();

			if (!from_sent && now > warm) {
				from_sent = sent;
				from = usage_now();
				t0 = now_ns();
			} else if (now > end) {
				break;
			}
		}
		wait_for_room(sent, &seen);
		send_seq(pub, ++sent);
	}
	while (atomic_load(&args.meeting->place[0].received) < sent)
		wait_turn();
	t1 = now_ns();
	to = usage_now();
	send_seq(pub, SEQ_STOPPED);
	printf("{\"role\":\"source\",\"messages\":%llu,\"per_s\":%.0f,",
	       (unsigned long long)(sent - from_sent),
	       (double)(sent - from_sent) * 1e9 / (double)(t1 - t0));
	usage_print(&from, &to, sent - from_sent);
	printf("}\n");
	fflush(stdout);
	meet(&args.meeting->stop, 2);
}

static void sink(void)
{
	void *sub = peer_subscription("/bench/flow", args.how);
	_Atomic uint64_t *received = &args.meeting->place[0].received;
	uint64_t expected = 1, lost = 0, bad = 0, seq;
	struct usage from, to;
	struct message m;

	meet(&args.meeting->ready, 2);
	/* Slowly: the transport's threads need the processor until they match. */
	while (!peer_take(sub, &m))
		sleep_us(200);
	peer_release(sub, &m);
	atomic_store(&args.meeting->matched, 1);
	peer_settle();
	meet(&args.meeting->quiet, 2);
	from = usage_now();
	for (;;) {
		while (!peer_take(sub, &m))
			;
		seq = payload_seq(m.data);
		bad += !payload_good(m.data, args.bytes);
		peer_release(sub, &m);
		if (SEQ_IS_STOP(seq))
			break;
		if (seq == SEQ_PROBE)
			continue;
		lost += seq != expected;
		expected = seq + 1;
		atomic_store_explicit(received, seq, memory_order_release);
	}
	to = usage_now();
	printf("{\"role\":\"sink\",\"messages\":%llu,\"lost\":%llu,\"bad\":%llu,",
	       (unsigned long long)(expected - 1), (unsigned long long)lost,
	       (unsigned long long)bad);
	usage_print(&from, &to, expected - 1);
	printf("}\n");
	fflush(stdout);
	meet(&args.meeting->stop, 2);
}

void throughput(void)
{
	if (role_is("source"))
		source();
	else
		sink();
}
