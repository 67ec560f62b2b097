// SPDX-License-Identifier: BSD-2-Clause
/* model.c - what agnocast-top knows: rates, percentiles, rows of the dead */

#define _GNU_SOURCE
#include "model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

void model_out_of_memory(void)
{
	fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
	exit(EX_SOFTWARE);
}

void *model_array(void *array, size_t count, size_t size)
{
	bool full = !count || (count >= 16 && !(count & (count - 1)));
	char *grown = array;

	if (full) {
		grown = reallocarray(array, count ? 2 * count : 16, size);
		if (!grown)
			model_out_of_memory();
	}
	memset(grown + count * size, 0, size);
	return grown;
}

void model_clear(struct model *model)
{
	free(model->topics);
	free(model->processes);
	free(model->endpoints);
	free(model->mappings);
	free(model->failures);
	memset(model, 0, sizeof(*model));
}

/* Topics come in the order of their ids, which never repeat. */
static int by_topic(const void *a, const void *b)
{
	const struct topic_row *left = a, *right = b;

	return (left->topic > right->topic) - (left->topic < right->topic);
}

static int by_generation(const void *a, const void *b)
{
	const struct endpoint_row *left = a, *right = b;

	return (left->generation > right->generation) - (left->generation < right->generation);
}

struct topic_row *model_topic(struct model *model, uint64_t topic)
{
	const struct topic_row key = { .topic = topic };

	if (!model->topics_count)
		return NULL;
	return bsearch(&key, model->topics, model->topics_count, sizeof(key), by_topic);
}

static const struct endpoint_row *endpoint_before(const struct model *before,
						  uint64_t generation)
{
	const struct endpoint_row key = { .generation = generation };

	if (!before || !before->endpoints_count)
		return NULL;
	return bsearch(&key, before->endpoints, before->endpoints_count, sizeof(key),
		       by_generation);
}

struct process_row *model_session(struct model *model, uint64_t session)
{
	for (size_t i = 0; i < model->processes_count; i++)
		if (model->processes[i].session == session && !model->processes[i].exited)
			return &model->processes[i];
	return NULL;
}

struct process_row *model_pid(struct model *model, uint32_t pid)
{
	struct process_row *exited = NULL;

	for (size_t i = 0; i < model->processes_count; i++) {
		struct process_row *process = &model->processes[i];

		if (process->pid == pid && !process->exited)
			return process;
		if (process->pid == pid)
			exited = process;
	}
	return exited;
}

void model_carry_exited(struct model *model, const struct model *before)
{
	size_t live = model->processes_count;

	for (size_t i = 0; before && i < before->processes_count; i++) {
		const struct process_row *then = &before->processes[i];
		struct process_row *row;
		size_t j = 0;

		while (j < live && model->processes[j].session != then->session)
			j++;
		if (!then->session || j < live)
			continue;
		if (then->exited && model->mono_ns - then->exited_ns >= MODEL_EXITED_NS)
			continue;
		row = MODEL_ADD(model, processes);
		*row = *then;
		row->exited_ns = then->exited ? then->exited_ns : model->mono_ns;
		row->exited = true;
	}
}

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

struct topic_latency {
	uint64_t total[AGNOCAST_LATENCY_BUCKETS];
	uint64_t recent[AGNOCAST_LATENCY_BUCKETS];
};

static void add_publisher(struct topic_row *topic, const struct endpoint_row *now,
			  const struct endpoint_row *then, double seconds)
{
	topic->messages += now->messages;
	topic->bytes += now->bytes;
	topic->retained += now->retained;
	if (!then || !then->known || seconds <= 0)
		return;
	topic->hz += (double)since(now->messages, then->messages) / seconds;
	topic->bytes_per_s += (double)since(now->bytes, then->bytes) / seconds;
}

static void add_subscription(struct topic_row *topic, struct topic_latency *latency,
			     const struct endpoint_row *now, const struct endpoint_row *then)
{
	topic->dropped += now->dropped;
	topic->skipped += now->skipped;
	topic->held += now->held;
	if (now->oldest_claim_ns &&
	    (!topic->oldest_claim_ns || now->oldest_claim_ns < topic->oldest_claim_ns))
		topic->oldest_claim_ns = now->oldest_claim_ns;
	if (then && !then->known)
		then = NULL;
	topic->dropped_now += then ? since(now->dropped, then->dropped) : 0;
	for (size_t i = 0; i < AGNOCAST_LATENCY_BUCKETS; i++) {
		latency->total[i] += now->latency[i];
		latency->recent[i] += then ? since(now->latency[i], then->latency[i]) : 0;
	}
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

static void set_latency(struct topic_row *topic, const struct topic_latency *latency)
{
	const uint64_t *buckets = latency->recent;

	topic->p50_ns = model_percentile(buckets, AGNOCAST_LATENCY_BUCKETS, 0.50,
					 &topic->latency_samples);
	topic->latency_recent = topic->latency_samples > 0;
	if (!topic->latency_recent)
		buckets = latency->total;
	topic->p50_ns = model_percentile(buckets, AGNOCAST_LATENCY_BUCKETS, 0.50,
					 &topic->latency_samples);
	topic->p99_ns = model_percentile(buckets, AGNOCAST_LATENCY_BUCKETS, 0.99,
					 &topic->latency_samples);
}

void model_sum_up(struct model *model, const struct model *before)
{
	struct topic_latency *latencies =
		calloc(model->topics_count + 1, sizeof(*latencies));
	bool *by_publisher = calloc(model->topics_count + 1, sizeof(*by_publisher));

	if (!latencies || !by_publisher)
		model_out_of_memory();
	model->interval_ns = before ? since(model->mono_ns, before->mono_ns) : 0;
	if (model->topics_count)
		qsort(model->topics, model->topics_count, sizeof(*model->topics), by_topic);
	if (model->endpoints_count)
		qsort(model->endpoints, model->endpoints_count, sizeof(*model->endpoints),
		      by_generation);
	for (size_t i = 0; i < model->topics_count; i++) {
		model->topics[i].known = true;
		model->topics[i].rates_known = model->interval_ns > 0;
	}
	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct endpoint_row *now = &model->endpoints[i];
		const struct endpoint_row *then = endpoint_before(before, now->generation);
		struct topic_row *topic = model_topic(model, now->topic);
		size_t index = topic ? (size_t)(topic - model->topics) : 0;

		if (!topic)
			continue;
		set_depth(topic, &by_publisher[index], now);
		topic->known &= now->known;
		topic->refused += now->refused;
		if (now->known && now->kind == AGNOCAST_PUBLISHER)
			add_publisher(topic, now, then, (double)model->interval_ns / 1e9);
		else if (now->known)
			add_subscription(topic, &latencies[index], now, then);
	}
	for (size_t i = 0; i < model->topics_count; i++)
		set_latency(&model->topics[i], &latencies[i]);
	free(latencies);
	free(by_publisher);
}

void model_finish(struct model *model, const struct model *before)
{
	model_carry_exited(model, before);
	model_sum_up(model, before);
}

bool model_mapping_is_wrong(const struct mapping_row *mapping)
{
	const char *right = mapping->own ? "rw-s" : "r--s";
	bool there = mapping->own ? mapping->ready : mapping->state == AGNOCAST_MAPPED;

	if (mapping->state == AGNOCAST_REFUSED && !mapping->own)
		return true;
	if (mapping->perm_state == PERM_FOUND)
		return strcmp(mapping->perm, right) != 0;
	return there && mapping->perm_state == PERM_NONE;
}
