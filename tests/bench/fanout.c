// SPDX-License-Identifier: BSD-2-Clause
/*
 * fanout.c - one publisher, several sleeping subscriptions in as many processes
 *
 * What the publish call takes, and when the last reader has the message. The
 * publisher goes on when all have it, after a pause in which they fall asleep.
 */

#include "bench.h"

#include <stdio.h>

#define PAUSE_US	200

static void send_seq(void *pub, uint64_t seq)
{
	void *message = peer_loan(pub, args.bytes);

	payload_write(message, args.bytes, seq);
	payload_stamp(message);
	peer_publish(pub, message, args.bytes);
}

static uint32_t behind(uint64_t seq)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < args.subs; i++)
		n += atomic_load(&args.meeting->place[i].received) < seq;
	return n;
}

static uint64_t last_stamp(void)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < args.subs; i++) {
		uint64_t stamp = atomic_load(&args.meeting->place[i].stamp_ns);

		last = stamp > last ? stamp : last;
	}
	return last;
}

static void fan(void)
{
	void *pub = peer_publisher("/bench/fan");
	struct samples call, all;
	struct usage from, to;
	uint64_t seq = 0, end;

	samples_init(&call, 100000);
	samples_init(&all, 100000);
	meet(&args.meeting->ready, args.processes);
	while (atomic_load(&args.meeting->matched) < args.subs) {
		send_seq(pub, SEQ_PROBE);
		sleep_us(5000);
	}
	peer_settle();
	meet(&args.meeting->quiet, args.processes);
	from = usage_now();
	end = now_ns() + (uint64_t)(args.seconds * 1e9);
	while (now_ns() < end) {
		void *message = peer_loan(pub, args.bytes);
		uint64_t t0, t1;

		payload_write(message, args.bytes, ++seq);
		t0 = now_ns();
		peer_publish(pub, message, args.bytes);
		t1 = now_ns();
		while (behind(seq))
			wait_turn();
		if (seq > 20) {
			samples_add(&call, t1 - t0);
			samples_add(&all, last_stamp() - t0);
		}
		sleep_us(PAUSE_US);
	}
	to = usage_now();
	send_seq(pub, SEQ_STOPPED);
	printf("{\"role\":\"fan\",");
	usage_print(&from, &to, seq);
	printf(",");
	samples_print("publish_us", &call);
	printf(",");
	samples_print("last_us", &all);
	printf("}\n");
}

static void leaf(void)
{
	void *sub = peer_subscription("/bench/fan", args.how);
	struct place *place = &args.meeting->place[args.index];
	uint64_t seq, expected = 1, lost = 0, bad = 0;
	struct message m;

	meet(&args.meeting->ready, args.processes);
	while (!peer_take(sub, &m))
		;
	peer_release(sub, &m);
	atomic_fetch_add(&args.meeting->matched, 1);
	peer_settle();
	meet(&args.meeting->quiet, args.processes);
	for (;;) {
		while (!peer_take(sub, &m))
			;
		seq = payload_seq(m.data);
		bad += !payload_good(m.data, args.bytes);
		if (seq != SEQ_PROBE)
			atomic_store(&place->stamp_ns, now_ns());
		peer_release(sub, &m);
		if (SEQ_IS_STOP(seq))
			break;
		if (seq == SEQ_PROBE)
			continue;
		lost += seq != expected;
		expected = seq + 1;
		atomic_store(&place->received, seq);
	}
	printf("{\"role\":\"leaf\",\"lost\":%llu,\"bad\":%llu}\n", (unsigned long long)lost,
	       (unsigned long long)bad);
}

void fanout(void)
{
	if (role_is("fan"))
		fan();
	else
		leaf();
	fflush(stdout);
	meet(&args.meeting->stop, args.processes);
}
