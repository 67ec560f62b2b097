// SPDX-License-Identifier: BSD-2-Clause
/* view_prom.c - one sample in Prometheus' text format */

#include "view_prom.h"

#include <stddef.h>
#include <string.h>

#include "cause.h"
#include "cells.h"
#include "filter.h"
#include "format.h"

/* Where a metric's number lies in a row, and what kind of number it is. */
struct metric {
	const char	*name, *type, *help;
	size_t		offset;
};

#define OF_ENDPOINT(field) offsetof(struct endpoint_row, field)
#define OF_PROCESS(field) offsetof(struct process_row, field)

static const struct metric publisher_metrics[] = {
	{ "publisher_messages_total", "counter", "Messages published.", OF_ENDPOINT(messages) },
	{ "publisher_bytes_total", "counter", "Bytes published.", OF_ENDPOINT(bytes) },
	{ "publisher_alive_messages", "gauge", "Messages in the ring or on loan.",
	  OF_ENDPOINT(retained) },
	{ "publisher_wakes_total", "counter", "Wake-ups of sleeping readers.", OF_ENDPOINT(wakes) },
	{ "publisher_refused_total", "counter", "Publishes refused: too many messages alive.",
	  OF_ENDPOINT(refused) },
};

static const struct metric subscription_metrics[] = {
	{ "subscription_messages_total", "counter", "Messages taken.", OF_ENDPOINT(messages) },
	{ "subscription_dropped_total", "counter", "Messages overwritten before they were taken.",
	  OF_ENDPOINT(dropped) },
	{ "subscription_skipped_total", "counter", "Messages passed over by take-latest.",
	  OF_ENDPOINT(skipped) },
	{ "subscription_held_messages", "gauge", "Messages on loan.", OF_ENDPOINT(held) },
	{ "subscription_sleeps_total", "counter", "Takes that slept.", OF_ENDPOINT(sleeps) },
	{ "subscription_refused_total", "counter", "Takes refused: too many messages on loan.",
	  OF_ENDPOINT(refused) },
};

static const struct metric area_metrics[] = {
	{ "heap_used_bytes", "gauge", "Heap handed out.", OF_PROCESS(heap_used) },
	{ "heap_committed_bytes", "gauge", "Memory reserved in /dev/shm for the heap.",
	  OF_PROCESS(heap_committed) },
	{ "control_committed_bytes", "gauge", "Memory reserved in /dev/shm for rings and counters.",
	  OF_PROCESS(control_committed) },
	{ "resident_bytes", "gauge", "Memory used in /dev/shm.", OF_PROCESS(resident) },
	{ "heap_grows_total", "counter", "Growths of the heap beyond MEMPOOL_SIZE.",
	  OF_PROCESS(grows) },
	{ "heap_grow_failures_total", "counter", "Growths that the system refused.",
	  OF_PROCESS(grow_failures) },
	{ "map_failures_total", "counter", "Areas of others that could not be mapped.",
	  OF_PROCESS(map_failures) },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t value_at(const void *row, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)row + offset, sizeof(value));
	return value;
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP agnocast_%s %s\n# TYPE agnocast_%s %s\n", name, help, name, type);
}

/* NAME="VALUE" with what must be escaped, and U+FFFD for what is not UTF-8. */
static void label(FILE *out, const char *before, const char *name, const char *text)
{
	size_t size;

	fprintf(out, "%s%s=\"", before, name);
	for (; *text; text += size) {
		int32_t code = format_utf8(text, &size);

		if (code < 0)
			fputs("\xef\xbf\xbd", out);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (code == '\n')
			fputs("\\n", out);
		else
			fwrite(text, 1, size, out);
	}
	fputc('"', out);
}

static void endpoint_labels(FILE *out, const struct model *model,
			    const struct endpoint_row *endpoint)
{
	const struct topic_row *topic = model_topic(model, endpoint->topic);
	const struct process_row *process = model_session(model, endpoint->session);

	label(out, "{", "topic", topic ? topic->name : "");
	fprintf(out, ",pid=\"%u\"", endpoint->pid);
	label(out, ",", "comm", process ? process->comm : "");
	label(out, ",", "node", endpoint->node);
	fprintf(out, ",id=\"%llu\"}", (unsigned long long)endpoint->generation);
}

static void process_labels(FILE *out, const struct process_row *process)
{
	fprintf(out, "{pid=\"%u\"", process->pid);
	label(out, ",", "comm", process->comm);
}

/* Does the filter let the topic of @endpoint through? */
static bool is_wanted(const struct model *model, const struct endpoint_row *endpoint,
		      const char *filter)
{
	const struct topic_row *topic = model_topic(model, endpoint->topic);

	return topic && filter_matches(filter, model, VIEW_TOPICS, (size_t)(topic - model->topics));
}

static void put_endpoints(FILE *out, const struct model *model, const char *filter,
			  uint32_t kind, const struct metric *metric)
{
	head(out, metric->name, metric->type, metric->help);
	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[i];

		if (endpoint->kind != kind || !endpoint->known ||
		    !is_wanted(model, endpoint, filter))
			continue;
		fprintf(out, "agnocast_%s", metric->name);
		endpoint_labels(out, model, endpoint);
		fprintf(out, " %llu\n", (unsigned long long)value_at(endpoint, metric->offset));
	}
}

static void put_lags(FILE *out, const struct model *model, const char *filter)
{
	head(out, "subscription_lag_messages", "gauge", "Messages published but not taken yet.");
	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[i];

		if (!endpoint->lag_known || !is_wanted(model, endpoint, filter))
			continue;
		fputs("agnocast_subscription_lag_messages", out);
		endpoint_labels(out, model, endpoint);
		fprintf(out, " %llu\n", (unsigned long long)endpoint->lag);
	}
}

static void sum_buckets(const struct model *model, const struct topic_row *topic, uint64_t *sum)
{
	size_t count;
	const uint32_t *index = model_of_topic(model, topic->topic, &count);

	memset(sum, 0, AGNOCAST_LATENCY_BUCKETS * sizeof(*sum));
	for (size_t i = 0; i < count; i++)
		for (size_t bucket = 0; bucket < AGNOCAST_LATENCY_BUCKETS; bucket++)
			sum[bucket] += model->endpoints[index[i]].latency[bucket];
}

/* Buckets double; only those up to the last with a sample are there, then +Inf. */
static void put_histogram(FILE *out, const struct topic_row *topic, const uint64_t *buckets)
{
	size_t last = AGNOCAST_LATENCY_BUCKETS;
	uint64_t count = 0;
	double sum = 0;

	while (last && !buckets[last - 1])
		last--;
	for (size_t i = 0; i < last; i++) {
		double low = i ? (double)(UINT64_C(1) << i) : 0, high = (double)(UINT64_C(2) << i);

		count += buckets[i];
		sum += (double)buckets[i] * (low + high) / 2;
		fputs("agnocast_latency_seconds_bucket", out);
		label(out, "{", "topic", topic->name);
		fprintf(out, ",le=\"%.9g\"} %llu\n", high / 1e9, (unsigned long long)count);
	}
	fputs("agnocast_latency_seconds_bucket", out);
	label(out, "{", "topic", topic->name);
	fprintf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)count);
	fputs("agnocast_latency_seconds_sum", out);
	label(out, "{", "topic", topic->name);
	fprintf(out, "} %.9g\n", sum / 1e9);
	fputs("agnocast_latency_seconds_count", out);
	label(out, "{", "topic", topic->name);
	fprintf(out, "} %llu\n", (unsigned long long)count);
}

static void put_latencies(FILE *out, const struct model *model, const char *filter)
{
	uint64_t buckets[AGNOCAST_LATENCY_BUCKETS];

	head(out, "latency_seconds", "histogram",
	     "From publish to take; the sum is estimated from the buckets.");
	for (size_t i = 0; i < model->topics_count; i++) {
		if (!model->topics[i].known || !model->topics[i].subscriptions ||
		    !filter_matches(filter, model, VIEW_TOPICS, i))
			continue;
		sum_buckets(model, &model->topics[i], buckets);
		put_histogram(out, &model->topics[i], buckets);
	}
}

static void put_areas(FILE *out, const struct model *model, const char *filter,
		      const struct metric *metric)
{
	head(out, metric->name, metric->type, metric->help);
	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		if (!process->area_known || process->exited ||
		    !filter_matches(filter, model, VIEW_PROCS, i))
			continue;
		fprintf(out, "agnocast_%s", metric->name);
		process_labels(out, process);
		fprintf(out, "} %llu\n", (unsigned long long)value_at(process, metric->offset));
	}
}

static void put_mempools(FILE *out, const struct model *model, const char *filter)
{
	head(out, "mempool_bytes", "gauge", "MEMPOOL_SIZE, rounded.");
	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		if (!process->session || process->exited ||
		    !filter_matches(filter, model, VIEW_PROCS, i))
			continue;
		fputs("agnocast_mempool_bytes", out);
		process_labels(out, process);
		fprintf(out, "} %llu\n", (unsigned long long)process->mempool_size);
	}
}

enum call_number { CALLS, ERRORS, SECONDS };

static void put_call_metric(FILE *out, const struct model *model, const char *filter,
			    const char *name, enum call_number which)
{
	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		if (!process->calls_known || !filter_matches(filter, model, VIEW_PROCS, i))
			continue;
		for (uint32_t call = 0; call < MODEL_CALLS; call++) {
			const struct call_row *row = &process->calls[call];

			if (!row->calls)
				continue;
			fprintf(out, "agnocast_%s", name);
			process_labels(out, process);
			fprintf(out, ",call=\"%s\"} ", cause_call(call));
			if (which == SECONDS)
				fprintf(out, "%.9g\n", (double)row->sum_ns / 1e9);
			else
				fprintf(out, "%llu\n", (unsigned long long)
					(which == CALLS ? row->calls : row->errors));
		}
	}
}

static void put_calls(FILE *out, const struct model *model, const char *filter)
{
	if (!model->bpf_on)
		return;
	head(out, "calls_total", "counter", "System calls since agnocast-top was started.");
	put_call_metric(out, model, filter, "calls_total", CALLS);
	head(out, "call_errors_total", "counter", "Of these, the failed ones.");
	put_call_metric(out, model, filter, "call_errors_total", ERRORS);
	head(out, "call_seconds_total", "counter", "Time spent in them.");
	put_call_metric(out, model, filter, "call_seconds_total", SECONDS);
	head(out, "ebpf_lost_total", "counter", "Events and counts that eBPF had no room for.");
	fprintf(out, "agnocast_ebpf_lost_total %llu\n", (unsigned long long)model->lost);
}

static void gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "gauge", help);
	fprintf(out, "agnocast_%s %llu\n", name, (unsigned long long)value);
}

static void put_totals(FILE *out, const struct model *model)
{
	uint64_t processes = 0, wrong = 0;

	for (size_t i = 0; i < model->processes_count; i++)
		processes += model->processes[i].session && !model->processes[i].exited;
	for (size_t i = 0; i < model->mappings_count; i++)
		wrong += model_mapping_is_wrong(&model->mappings[i]);
	head(out, "registry_info", "gauge", "Which registry answers.");
	fputs("agnocast_registry_info", out);
	label(out, "{", "home", model->version.home);
	label(out, ",", "version", model->version.version);
	fputs("} 1\n", out);
	gauge(out, "processes", "Processes that have joined.", processes);
	gauge(out, "topics", "Topics with an endpoint.", model->topics_count);
	gauge(out, "mappings", "Mappings of areas, the owners' own included.",
	      model->mappings_count);
	gauge(out, "mappings_wrong", "Mappings that were refused or have a wrong permission.",
	      wrong);
	gauge(out, "ebpf_on", "1 if system calls are traced.", model->bpf_on);
	if (!model->shm_known)
		return;
	gauge(out, "shm_size_bytes", "Size of /dev/shm.", model->shm_bytes);
	gauge(out, "shm_used_bytes", "Of it, used by anybody.", model->shm_used);
}

void view_prom(FILE *out, const struct model *model, const char *filter)
{
	put_totals(out, model);
	for (size_t i = 0; i < COUNT(publisher_metrics); i++)
		put_endpoints(out, model, filter, AGNOCAST_PUBLISHER, &publisher_metrics[i]);
	for (size_t i = 0; i < COUNT(subscription_metrics); i++)
		put_endpoints(out, model, filter, AGNOCAST_SUBSCRIPTION, &subscription_metrics[i]);
	put_lags(out, model, filter);
	put_latencies(out, model, filter);
	for (size_t i = 0; i < COUNT(area_metrics); i++)
		put_areas(out, model, filter, &area_metrics[i]);
	put_mempools(out, model, filter);
	put_calls(out, model, filter);
}
