// SPDX-License-Identifier: BSD-2-Clause
/*
 * clouds.c - one 6 MB PointCloud2 now and then, to a sleeping reader
 *
 * One way: from just before the publish, with the points in place, to when the
 * reader has a PointCloud2 to work with. The publisher waits until the reader
 * sleeps again.
 */

#include "bench.h"

#include <stdio.h>

#define POINTS		300000u
#define PAUSE_US	500

static const struct field fields[] = {
	{ "x", 0, 1, 7 }, { "y", 4, 1, 7 }, { "z", 8, 1, 7 }, { "intensity", 12, 1, 7 },
	{ "ring", 16, 1, 4 },
};

static void publish_cloud(void *pub, uint64_t seq)
{
	struct cloud c = {
		.frame_id = "lidar", .height = 1, .width = POINTS, .point_step = 20,
		.row_step = POINTS * 20, .is_dense = 1, .fields = fields,
		.fields_count = sizeof(fields) / sizeof(*fields),
		.data_bytes = POINTS * 20,
	};

	c.data = peer_cloud_alloc(c.data_bytes);
	payload_write(c.data, c.data_bytes, seq);
	payload_stamp(c.data);
	peer_cloud_publish(pub, &c);
}

static void publish_clouds(void)
{
	void *pub = peer_cloud_publisher("/bench/cloud");
	_Atomic uint64_t *received = &args.meeting->place[0].received;
	uint64_t end, seq = 0;
	struct usage from, to;

	meet(&args.meeting->ready, 2);
	while (!atomic_load(&args.meeting->matched)) {
		publish_cloud(pub, SEQ_PROBE);
		sleep_us(20000);
	}
	peer_settle();
	meet(&args.meeting->quiet, 2);
	from = usage_now();
	end = now_ns() + (uint64_t)(args.seconds * 1e9);
	while (now_ns() < end) {
		publish_cloud(pub, ++seq);
		while (atomic_load(received) < seq)
			sleep_us(50);
		sleep_us(PAUSE_US);
	}
	to = usage_now();
	publish_cloud(pub, SEQ_STOPPED);
	printf("{\"role\":\"source\",\"messages\":%llu,", (unsigned long long)seq);
	usage_print(&from, &to, seq);
	printf("}\n");
}

static void read_clouds(void)
{
	void *sub = peer_cloud_subscription("/bench/cloud", args.how);
	_Atomic uint64_t *received = &args.meeting->place[0].received;
	struct samples samples;
	struct usage from, to;
	struct message m;
	struct cloud c;
	uint64_t seq, age, expected = 1;

	samples_init(&samples, (uint64_t)(args.seconds * 1e5) + 1000);
	meet(&args.meeting->ready, 2);
	while (!peer_cloud_take(sub, &m, &c))
		;
	peer_cloud_release(sub, &m, &c);
	atomic_store(&args.meeting->matched, 1);
	peer_settle();
	meet(&args.meeting->quiet, 2);
	from = usage_now();
	for (;;) {
		while (!peer_cloud_take(sub, &m, &c))
			;
		seq = payload_seq(c.data);
		age = now_ns() - payload_stamp_of(c.data);
		samples.bad += !payload_good(c.data, c.data_bytes) ||
			       c.fields_count != sizeof(fields) / sizeof(*fields);
		peer_cloud_release(sub, &m, &c);
		if (SEQ_IS_STOP(seq))
			break;
		if (seq == SEQ_PROBE)
			continue;
		samples.lost += seq != expected;
		expected = seq + 1;
		/* The first pages and buffers are not what a stream costs. */
		if (seq > 20)
			samples_add(&samples, age);
		atomic_store(received, seq);
	}
	to = usage_now();
	printf("{\"role\":\"sink\",\"lost\":%llu,\"bad\":%llu,", (unsigned long long)samples.lost,
	       (unsigned long long)samples.bad);
	usage_print(&from, &to, expected - 1);
	printf(",");
	samples_print("there_us", &samples);
	printf("}\n");
}

void clouds(void)
{
	if (role_is("source"))
		publish_clouds();
	else
		read_clouds();
	fflush(stdout);
	meet(&args.meeting->stop, 2);
}
