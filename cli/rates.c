// SPDX-License-Identifier: BSD-2-Clause
/* rates.c - what the counters of two samples say: rates, latencies, sums of topics */

#include <stdlib.h>

#include "model.h"

double model_percentile(const uint64_t *buckets, size_t count, double share, uint64_t *total)
{
	uint64_t samples = 0, below = 0;
	double wanted;

	for (size_t i = 0; i < count; i++)
		samples += buckets[i];
	*total = samples;
	if (!samples)
		return 0;
	wanted = share * (double)samples;
	for (size_t i = 0; i < count; i++) {
		double low = i ? (double)(UINT64_C(1) << i) : 0;
		double high = (double)(UINT64_C(2) << i);

		if (buckets[i] && (double)(below + buckets[i]) >= wanted)
			return low + (high - low) * (wanted - (double)below) / (double)buckets[i];
		below += buckets[i];
	}
	return (double)(UINT64_C(1) << count);
}

/* What came since @before; a counter that ran backwards is not believed. */
static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

struct buckets {
	uint64_t total[AGNOCAST_LATENCY_BUCKETS];
	uint64_t recent[AGNOCAST_LATENCY_BUCKETS];
};

/* What is recent says more, if there is any. */
static void set_latency(struct latency *late, const struct buckets *buckets)
{
	const uint64_t *from = buckets->recent;

	late->p50_ns = model_percentile(from, AGNOCAST_LATENCY_BUCKETS, 0.50, &late->samples);
	late->recent = late->samples > 0;
	if (!late->recent)
		from = buckets->total;
	late->p50_ns = model_percentile(from, AGNOCAST_LATENCY_BUCKETS, 0.50, &late->samples);
	late->p99_ns = model_percentile(from, AGNOCAST_LATENCY_BUCKETS, 0.99, &late->samples);
	late->max_ns = model_percentile(from, AGNOCAST_LATENCY_BUCKETS, 1, &late->samples);
}

/* What @now did since @then, NULL if there is nothing to compare with. */
static void compare_publisher(struct endpoint_row *now, const struct endpoint_row *then,
			      double seconds)
{
	now->rates_known = seconds > 0;
	if (!then || seconds <= 0)
		return;
	now->hz = (double)since(now->messages, then->messages) / seconds;
	now->bytes_per_s = (double)since(now->bytes, then->bytes) / seconds;
}

static void compare_subscription(struct endpoint_row *now, const struct endpoint_row *then,
				 double seconds, struct buckets *topic)
{
	struct buckets own = { .total = { 0 } };

	now->rates_known = seconds > 0;
	if (then && seconds > 0)
		now->hz = (double)since(now->messages, then->messages) / seconds;
	now->dropped_now = then ? since(now->dropped, then->dropped) : 0;
	for (size_t i = 0; i < AGNOCAST_LATENCY_BUCKETS; i++) {
		own.total[i] = now->latency[i];
		own.recent[i] = then ? since(now->latency[i], then->latency[i]) : 0;
		topic->total[i] += own.total[i];
		topic->recent[i] += own.recent[i];
	}
	set_latency(&now->late, &own);
}

static void add_publisher(struct topic_row *topic, const struct endpoint_row *publisher)
{
	topic->messages += publisher->messages;
	topic->bytes += publisher->bytes;
	topic->retained += publisher->retained;
	topic->hz += publisher->hz;
	topic->bytes_per_s += publisher->bytes_per_s;
}

static void add_subscription(struct topic_row *topic, const struct endpoint_row *subscription)
{
	uint64_t oldest = subscription->oldest_claim_ns;

	topic->dropped += subscription->dropped;
	topic->dropped_now += subscription->dropped_now;
	topic->skipped += subscription->skipped;
	topic->held += subscription->held;
	if (oldest && (!topic->oldest_claim_ns || oldest < topic->oldest_claim_ns))
		topic->oldest_claim_ns = oldest;
}

static void set_depth(struct topic_row *topic, bool *by_publisher,
		      const struct endpoint_row *endpoint)
{
	bool publisher = endpoint->kind == AGNOCAST_PUBLISHER;

	if (publisher == *by_publisher && endpoint->depth > topic->depth)
		topic->depth = endpoint->depth;
	else if (publisher && !*by_publisher)
		topic->depth = endpoint->depth;
	*by_publisher |= publisher;
}

/* What is summed up for a topic, but not shown. */
struct topic_sums {
	struct buckets	buckets;
	bool		by_publisher;	/* its depth is a publisher's */
};

static void sum_endpoint(struct model *model, struct topic_sums *all, struct endpoint_row *now,
			 const struct model *before)
{
	const struct endpoint_row *then = before ? model_endpoint(before, now->generation) : NULL;
	struct topic_row *topic = model_topic(model, now->topic);
	double seconds = (double)model->interval_ns / 1e9;
	struct topic_sums *sums;

	if (!topic)
		return;
	sums = &all[topic - model->topics];
	set_depth(topic, &sums->by_publisher, now);
	topic->known &= now->known;
	topic->refused += now->refused;
	if (!now->known)
		return;
	if (then && !then->known)
		then = NULL;
	if (now->kind == AGNOCAST_PUBLISHER) {
		compare_publisher(now, then, seconds);
		add_publisher(topic, now);
	} else {
		compare_subscription(now, then, seconds, &sums->buckets);
		add_subscription(topic, now);
	}
}

void model_sum_up(struct model *model, const struct model *before)
{
	struct topic_sums *sums = calloc(model->topics_count + 1, sizeof(*sums));

	if (!sums)
		model_out_of_memory();
	model->interval_ns = before ? since(model->mono_ns, before->mono_ns) : 0;
	model_sort(model);
	for (size_t i = 0; i < model->topics_count; i++) {
		model->topics[i].known = true;
		model->topics[i].rates_known = model->interval_ns > 0;
	}
	for (size_t i = 0; i < model->endpoints_count; i++)
		sum_endpoint(model, sums, &model->endpoints[i], before);
	for (size_t i = 0; i < model->topics_count; i++)
		set_latency(&model->topics[i].late, &sums[i].buckets);
	free(sums);
}
