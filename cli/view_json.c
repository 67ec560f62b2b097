// SPDX-License-Identifier: BSD-2-Clause
/* view_json.c - one JSON object per refresh, on one line; replay.c reads it */

#include "view_json.h"

#include <string.h>

#include "cause.h"
#include "cells.h"
#include "filter.h"
#include "json.h"

static uint64_t age(const struct model *model, uint64_t since_ns)
{
	return since_ns && model->mono_ns > since_ns ? model->mono_ns - since_ns : 0;
}

static void put_latency(struct json *json, const struct latency *late, bool known)
{
	json_real(json, "latency_p50_ns", known && late->samples, late->p50_ns);
	json_real(json, "latency_p99_ns", known && late->samples, late->p99_ns);
	json_real(json, "latency_max_ns", known && late->samples, late->max_ns);
	json_known(json, "latency_samples", known, late->samples);
	json_string(json, "latency_over", late->recent ? "interval" : "life");
}

/* Bucket i counts latencies from 2^i to 2^(i+1) ns; empty ones at the end are left out. */
static void put_buckets(struct json *json, const uint64_t *buckets)
{
	size_t count = AGNOCAST_LATENCY_BUCKETS;

	while (count && !buckets[count - 1])
		count--;
	json_open_list(json, "latency_buckets");
	for (size_t i = 0; i < count; i++)
		json_number(json, NULL, buckets[i]);
	json_close_list(json);
}

static void put_claims(struct json *json, const struct model *model, uint64_t subscription)
{
	size_t count;
	const struct claim_row *claim = model_claims(model, subscription, &count);

	json_open_list(json, "claims");
	for (size_t i = 0; i < count; i++) {
		json_open(json);
		json_number(json, "publisher", claim[i].publisher);
		json_number(json, "seq", claim[i].seq);
		json_number(json, "age", age(model, claim[i].since_ns));
		json_close(json);
	}
	json_close_list(json);
}

static void put_publisher(struct json *json, const struct endpoint_row *endpoint)
{
	bool rates = endpoint->known && endpoint->rates_known;

	json_known(json, "published", endpoint->known, endpoint->messages);
	json_known(json, "bytes", endpoint->known, endpoint->bytes);
	json_real(json, "hz", rates, endpoint->hz);
	json_real(json, "bytes_per_s", rates, endpoint->bytes_per_s);
	json_known(json, "retained", endpoint->known, endpoint->retained);
	json_known(json, "wakes", endpoint->known, endpoint->wakes);
}

static void put_subscription(struct json *json, const struct model *model,
			     const struct endpoint_row *endpoint)
{
	bool rates = endpoint->known && endpoint->rates_known;

	json_known(json, "taken", endpoint->known, endpoint->messages);
	json_real(json, "hz", rates, endpoint->hz);
	json_known(json, "dropped", endpoint->known, endpoint->dropped);
	json_known(json, "dropped_interval", rates, endpoint->dropped_now);
	json_known(json, "skipped", endpoint->known, endpoint->skipped);
	json_known(json, "held", endpoint->known, endpoint->held);
	json_known(json, "sleeps", endpoint->known, endpoint->sleeps);
	json_known(json, "lag", endpoint->known && endpoint->lag_known, endpoint->lag);
	put_latency(json, &endpoint->late, endpoint->known);
	put_buckets(json, endpoint->latency);
	put_claims(json, model, endpoint->generation);
}

static void put_endpoint(struct json *json, const struct model *model,
			 const struct endpoint_row *endpoint)
{
	bool publisher = endpoint->kind == AGNOCAST_PUBLISHER;

	json_open(json);
	json_id(json, "id", endpoint->generation);
	json_string(json, "kind", publisher ? "publisher" : "subscription");
	json_number(json, "pid", endpoint->pid);
	json_id(json, "session", endpoint->session);
	json_string(json, "node", endpoint->node);
	json_number(json, "depth", endpoint->depth);
	json_bool(json, "transient_local", endpoint->flags & AGNOCAST_TRANSIENT_LOCAL);
	json_bool(json, "ignore_local", endpoint->flags & AGNOCAST_IGNORE_LOCAL);
	if (publisher)
		put_publisher(json, endpoint);
	else
		put_subscription(json, model, endpoint);
	json_known(json, "refused", endpoint->known, endpoint->refused);
	json_close(json);
}

static void put_endpoints(struct json *json, const struct model *model, uint64_t topic)
{
	size_t count;
	const uint32_t *index = model_of_topic(model, topic, &count);

	json_open_list(json, "endpoints");
	for (size_t i = 0; i < count; i++)
		put_endpoint(json, model, &model->endpoints[index[i]]);
	json_close_list(json);
}

static void put_topic(struct json *json, const struct model *model, const struct topic_row *topic)
{
	bool rates = topic->known && topic->rates_known;

	json_open(json);
	json_string(json, "topic", topic->name);
	json_id(json, "id", topic->topic);
	json_number(json, "publishers", topic->publishers);
	json_number(json, "subscriptions", topic->subscriptions);
	json_number(json, "depth", topic->depth);
	json_real(json, "hz", rates, topic->hz);
	json_real(json, "bytes_per_s", rates, topic->bytes_per_s);
	json_known(json, "published", topic->known, topic->messages);
	json_known(json, "published_bytes", topic->known, topic->bytes);
	json_known(json, "retained", topic->known, topic->retained);
	put_latency(json, &topic->late, topic->known);
	json_known(json, "dropped", topic->known, topic->dropped);
	json_known(json, "dropped_interval", rates, topic->dropped_now);
	json_known(json, "skipped", topic->known, topic->skipped);
	json_known(json, "held", topic->known, topic->held);
	json_known(json, "oldest_held", topic->known && topic->oldest_claim_ns,
		 age(model, topic->oldest_claim_ns));
	json_known(json, "refused", topic->known, topic->refused);
	put_endpoints(json, model, topic->topic);
	json_close(json);
}

static void put_calls(struct json *json, const struct process_row *process)
{
	if (!process->calls_known) {
		json_null(json, "calls");
		return;
	}
	json_object(json, "calls");
	for (size_t i = 0; i < MODEL_CALLS; i++) {
		const struct call_row *call = &process->calls[i];

		json_object(json, cause_call((uint32_t)i));
		json_number(json, "calls", call->calls);
		json_number(json, "errors", call->errors);
		json_number(json, "again", call->again);
		json_number(json, "sum_ns", call->sum_ns);
		json_known(json, "mean_ns", call->calls,
			 call->calls ? call->sum_ns / call->calls : 0);
		json_known(json, "max_ns", call->calls, call->max_ns);
		json_close(json);
	}
	json_close(json);
}

static void put_area(struct json *json, const struct process_row *process)
{
	bool known = process->area_known;

	json_known(json, "heap_committed", known, process->heap_committed);
	json_known(json, "heap_used", known, process->heap_used);
	json_known(json, "control_committed", known, process->control_committed);
	json_known(json, "resident", known, process->resident);
	json_known(json, "grows", known, process->grows);
	json_known(json, "grow_failures", known, process->grow_failures);
	json_known(json, "map_failures", known, process->map_failures);
	json_known(json, "forks", known, process->forks);
	if (known)
		json_bool(json, "participant", process->participant);
	else
		json_null(json, "participant");
	json_string(json, "area_why", known ? "" : process->area_why);
}

static void put_process(struct json *json, const struct model *model,
			const struct process_row *process)
{
	bool listed = process->session;

	json_open(json);
	json_number(json, "pid", process->pid);
	json_string(json, "comm", process->comm);
	json_bool(json, "registered", listed && !process->exited);
	json_bool(json, "exited", process->exited);
	json_known(json, "exited_ago", process->exited, age(model, process->exited_ns));
	if (listed)
		json_id(json, "session", process->session);
	else
		json_null(json, "session");
	json_known(json, "uid", listed, process->uid);
	json_bool(json, "ready", process->ready);
	json_number(json, "publishers", process->publishers);
	json_number(json, "subscriptions", process->subscriptions);
	if (listed)
		json_address(json, "base", process->base);
	else
		json_null(json, "base");
	json_known(json, "size", listed, process->size);
	json_known(json, "mempool_size", listed, process->mempool_size);
	put_area(json, process);
	json_known(json, "maps_in", listed, process->maps_in);
	json_known(json, "maps_refused", listed, process->maps_refused);
	put_calls(json, process);
	json_close(json);
}

static void put_mapping(struct json *json, const struct model *model,
			const struct mapping_row *mapping)
{
	static const char *const reports[] = {
		[AGNOCAST_WILL_MAP] = "will_map", [AGNOCAST_MAPPED] = "mapped",
		[AGNOCAST_REFUSED] = "refused", [AGNOCAST_UNMAPPED] = "unmapped",
	};
	bool reported = !mapping->own && mapping->state < sizeof(reports) / sizeof(reports[0]) &&
			reports[mapping->state];
	char state[32];

	mapping_state(state, sizeof(state), mapping);
	json_open(json);
	json_number(json, "owner_pid", mapping->owner_pid);
	json_id(json, "owner_session", mapping->owner);
	json_address(json, "start", mapping->base);
	json_address(json, "end", mapping->base + mapping->size);
	if (mapping->perm_state == PERM_FOUND)
		json_string(json, "perm", mapping->perm);
	else if (mapping->perm_state == PERM_NONE)
		json_string(json, "perm", "");
	else
		json_null(json, "perm");
	json_known(json, "perm_age", mapping->perm_ns, age(model, mapping->perm_ns));
	json_number(json, "pid", mapping->reader_pid);
	json_id(json, "session", mapping->reader);
	json_string(json, "comm", mapping->comm);
	json_string(json, "role", mapping_role(mapping));
	json_string(json, "state", state);
	if (reported)
		json_string(json, "report", reports[mapping->state]);
	else
		json_null(json, "report");
	json_bool(json, "ready", mapping->own && mapping->ready);
	json_number(json, "error", mapping->error);
	json_bool(json, "owner_alive", mapping->owner_alive);
	json_bool(json, "wrong", model_mapping_is_wrong(mapping));
	json_id(json, "serial", mapping->serial);
	json_close(json);
}

static void put_failure(struct json *json, const struct failure_row *failure)
{
	char error[32];

	failure_error(error, sizeof(error), failure);
	json_open(json);
	json_number(json, "time", failure->time_ns);
	json_number(json, "pid", failure->pid);
	json_string(json, "comm", failure->comm);
	json_string(json, "call", failure->call);
	json_string(json, "error", error);
	json_number(json, failure->is_signal ? "signal" : "errno", (uint64_t)failure->error);
	json_string(json, "name", failure->name);
	if (failure->address)
		json_address(json, "address", failure->address);
	else
		json_null(json, "address");
	json_known(json, "length", failure->length, failure->length);
	json_number(json, "count", failure->count);
	json_string(json, "source", failure->by_registry ? "registry" : "ebpf");
	json_string(json, "cause", failure->cause ? failure->cause : "");
	json_string(json, "why", failure->why);
	json_string(json, "do", failure->remedy);
	json_close(json);
}

static void put_registry(struct json *json, const struct model *model)
{
	json_object(json, "registry");
	json_bool(json, "there", model->registry_there);
	json_string(json, "why", model->registry_why);
	json_string(json, "where", model->where);
	json_string(json, "home", model->version.home);
	json_string(json, "version", model->version.version);
	json_address(json, "window_base", model->version.window_base);
	json_number(json, "area_size", model->version.area_size);
	json_number(json, "sessions_max", model->version.sessions_max);
	json_close(json);
}

static void put_head(struct json *json, const struct model *model)
{
	json_number(json, "schema", VIEW_JSON_SCHEMA);
	json_string(json, "tool", "agnocast-top");
	json_string(json, "version", AGNOCAST_VERSION);
	json_number(json, "time", model->time_ns);
	json_number(json, "lost", model->lost);
	json_known(json, "interval", model->interval_ns, model->interval_ns);
	json_real(json, "delay", true, model->delay_s);
	put_registry(json, model);
	json_object(json, "ebpf");
	json_bool(json, "on", model->bpf_on);
	json_string(json, "why", model->bpf_why);
	json_close(json);
	json_object(json, "shm");
	json_known(json, "size", model->shm_known, model->shm_bytes);
	json_known(json, "used", model->shm_known, model->shm_used);
	json_close(json);
}

static void put_row(struct json *json, const struct model *model, enum view view, size_t row)
{
	switch (view) {
	case VIEW_TOPICS: put_topic(json, model, &model->topics[row]); break;
	case VIEW_PROCS: put_process(json, model, &model->processes[row]); break;
	case VIEW_MAPS: put_mapping(json, model, &model->mappings[row]); break;
	default: put_failure(json, &model->failures[row]);
	}
}

/* In the order of the model, whatever the screen's is. */
static void put_list(struct json *json, const struct model *model, enum view view,
		     const char *filter)
{
	size_t count = rows_count(model, view);

	json_open_list(json, view_names[view]);
	for (size_t i = 0; i < count; i++)
		if (filter_matches(filter, model, view, i))
			put_row(json, model, view, i);
	json_close_list(json);
}

void view_json(FILE *out, const struct model *model, unsigned int views, const char *filter)
{
	struct json json = { .out = out, .first = true };

	if (views & VIEW_BIT(VIEW_GRAPH))
		views |= VIEW_BIT(VIEW_TOPICS);
	json_open(&json);
	put_head(&json, model);
	for (enum view view = 0; view < VIEW_COUNT; view++)
		if (view != VIEW_GRAPH && views & VIEW_BIT(view))
			put_list(&json, model, view, filter);
	json_close(&json);
	fputc('\n', out);
}
