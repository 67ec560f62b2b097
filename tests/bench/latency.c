// SPDX-License-Identifier: BSD-2-Clause
/*
 * latency.c - one message there, one back, and again
 *
 * One way: from just before the publish to when the reader has the payload and
 * has looked at its first and last words. Round trip / 2: loan, publish, take,
 * release and all. ping and pong wait in the same way; the one that answers
 * sleeps again long before the next message comes.
 */

#include "bench.h"

#include <stdio.h>
#include <string.h>

static void *pub, *sub;
/* Until they match, both are slow: the transport's threads need the processor. */
static bool matching = true;

static void send_seq(uint64_t seq)
{
	void *message = peer_loan(pub, args.bytes);

	payload_write(message, args.bytes, seq);
	payload_stamp(message);
	peer_publish(pub, message, args.bytes);
}

/* Waits for the next message; returns its seq. *@one_way: its age. */
static uint64_t receive(struct samples *bad, uint64_t *one_way)
{
	struct message m;
	uint64_t seq;

	while (!peer_take(sub, &m))
		if (matching)
			sleep_us(200);
	seq = payload_seq(m.data);
	bad->bad += !payload_good(m.data, args.bytes);
	*one_way = now_ns() - payload_stamp_of(m.data);
	peer_release(sub, &m);
	return seq;
}

/*
 * Ping sends probes until pong has one, pong until ping has one. Then both
 * know that messages pass, and what is still on its way is taken out by seq.
 */
static void match_ping(struct samples *samples)
{
	uint64_t age;

	while (!(atomic_load(&args.meeting->matched) & 1)) {
		send_seq(SEQ_PROBE);
		sleep_us(2000);
	}
	/* Pong answers with probes until it reads our 1. */
	while (receive(samples, &age) != SEQ_PROBE)
		;
	atomic_fetch_or(&args.meeting->matched, 2);
}

static void match_pong(struct samples *samples)
{
	uint64_t age;

	while (receive(samples, &age) != SEQ_PROBE)
		;
	atomic_fetch_or(&args.meeting->matched, 1);
	while (!(atomic_load(&args.meeting->matched) & 2)) {
		send_seq(SEQ_PROBE);
		sleep_us(2000);
	}
}

/* Probes that arrive late are passed over, on both sides. */
static uint64_t receive_seq(struct samples *samples, uint64_t *age)
{
	uint64_t seq;

	while ((seq = receive(samples, age)) == SEQ_PROBE)
		;
	return seq;
}

static void ping(struct samples *rtt, struct samples *back)
{
	uint64_t warm = now_ns() + (uint64_t)(args.warmup * 1e9), end = 0, seq = 0, age;
	struct usage from = { 0 }, to;
	bool measuring = false;

	for (;;) {
		uint64_t t0 = now_ns();

		if (!measuring && t0 > warm) {
			measuring = true;
			from = usage_now();
			t0 = now_ns();
			end = t0 + (uint64_t)(args.seconds * 1e9);
		} else if (measuring && t0 > end) {
			break;
		}
		send_seq(++seq);
		if (receive_seq(back, &age) != seq)
			back->lost++;
		if (measuring) {
			samples_add(rtt, (now_ns() - t0) / 2);
			samples_add(back, age);
		}
	}
	to = usage_now();
	send_seq(SEQ_STOPPED);
	receive_seq(back, &age);
	printf("{\"role\":\"ping\",\"lost\":%llu,\"bad\":%llu,", (unsigned long long)back->lost,
	       (unsigned long long)back->bad);
	usage_print(&from, &to, 2 * rtt->count);
	printf(",");
	samples_print("cycle_us", rtt);
	printf(",");
	samples_print("back_us", back);
	printf("}\n");
}

static void pong(struct samples *there)
{
	uint64_t start = now_ns() + (uint64_t)(args.warmup * 1e9), seq, expected = 1, age;
	struct usage from = { 0 }, to;
	bool measuring = false;

	for (;;) {
		seq = receive_seq(there, &age);
		if (SEQ_IS_STOP(seq))
			break;
		if (seq != expected)
			there->lost++;
		expected = seq + 1;
		send_seq(seq);
		if (measuring) {
			samples_add(there, age);
		} else if (now_ns() > start) {
			measuring = true;
			from = usage_now();
		}
	}
	to = usage_now();
	send_seq(seq);
	printf("{\"role\":\"pong\",\"lost\":%llu,\"bad\":%llu,",
	       (unsigned long long)there->lost, (unsigned long long)there->bad);
	usage_print(&from, &to, 2 * there->count);
	printf(",");
	samples_print("there_us", there);
	printf("}\n");
}

void latency(void)
{
	struct samples a, b;
	bool is_ping = role_is("ping");

	samples_init(&a, (uint64_t)(args.seconds * 8e6) + 1000);
	samples_init(&b, (uint64_t)(args.seconds * 8e6) + 1000);
	pub = peer_publisher(is_ping ? "/bench/ping" : "/bench/pong");
	sub = peer_subscription(is_ping ? "/bench/pong" : "/bench/ping", args.how);
	meet(&args.meeting->ready, 2);
	if (is_ping)
		match_ping(&a);
	else
		match_pong(&a);
	peer_settle();
	meet(&args.meeting->quiet, 2);
	matching = false;
	if (is_ping)
		ping(&a, &b);
	else
		pong(&a);
	fflush(stdout);
	/* Nobody leaves before the other has the answer to the stop. */
	meet(&args.meeting->stop, 2);
}
