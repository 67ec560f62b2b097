// SPDX-License-Identifier: BSD-2-Clause
/* view_json.c - one JSON object per refresh, on one line */

#include "view_json.h"

#include <string.h>

#include "cause.h"
#include "cells.h"
#include "json.h"

static void put_endpoints(struct json *json, const struct model *model, uint64_t topic)
{
	json_open_list(json, "endpoints");
	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[i];
		bool publisher = endpoint->kind == AGNOCAST_PUBLISHER;

		if (endpoint->topic != topic)
			continue;
		json_open(json);
		json_number(json, "id", endpoint->generation);
		json_string(json, "kind", publisher ? "publisher" : "subscription");
		json_number(json, "pid", endpoint->pid);
		json_string(json, "node", endpoint->node);
		json_number(json, "depth", endpoint->depth);
		json_bool(json, "transient_local", endpoint->flags & AGNOCAST_TRANSIENT_LOCAL);
		json_known(json, publisher ? "published" : "taken", endpoint->known,
			  endpoint->messages);
		if (publisher) {
			json_known(json, "bytes", endpoint->known, endpoint->bytes);
			json_known(json, "retained", endpoint->known, endpoint->retained);
			json_known(json, "wakes", endpoint->known, endpoint->wakes);
		} else {
			json_known(json, "dropped", endpoint->known, endpoint->dropped);
			json_known(json, "skipped", endpoint->known, endpoint->skipped);
			json_known(json, "held", endpoint->known, endpoint->held);
			json_known(json, "sleeps", endpoint->known, endpoint->sleeps);
		}
		json_known(json, "refused", endpoint->known, endpoint->refused);
		json_close(json);
	}
	json_close_list(json);
}

static void put_topic(struct json *json, const struct model *model,
		      const struct topic_row *topic)
{
	bool rates = topic->known && topic->rates_known;
	bool latency = topic->known && topic->latency_samples;

	json_open(json);
	json_string(json, "topic", topic->name);
	json_number(json, "id", topic->topic);
	json_number(json, "publishers", topic->publishers);
	json_number(json, "subscriptions", topic->subscriptions);
	json_number(json, "depth", topic->depth);
	json_real(json, "hz", rates, topic->hz);
	json_real(json, "bytes_per_s", rates, topic->bytes_per_s);
	json_known(json, "published", topic->known, topic->messages);
	json_known(json, "published_bytes", topic->known, topic->bytes);
	json_known(json, "retained", topic->known, topic->retained);
	json_real(json, "latency_p50_ns", latency, topic->p50_ns);
	json_real(json, "latency_p99_ns", latency, topic->p99_ns);
	json_known(json, "latency_samples", topic->known, topic->latency_samples);
	json_string(json, "latency_over", topic->latency_recent ? "interval" : "life");
	json_known(json, "dropped", topic->known, topic->dropped);
	json_known(json, "dropped_interval", rates, topic->dropped_now);
	json_known(json, "skipped", topic->known, topic->skipped);
	json_known(json, "held", topic->known, topic->held);
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
		json_known(json, "mean_ns", call->calls,
			  call->calls ? call->sum_ns / call->calls : 0);
		json_known(json, "max_ns", call->calls, call->max_ns);
		json_close(json);
	}
	json_close(json);
}

static void put_process(struct json *json, const struct process_row *process)
{
	bool listed = process->session, known = process->area_known;

	json_open(json);
	json_number(json, "pid", process->pid);
	json_string(json, "comm", process->comm);
	json_bool(json, "registered", listed && !process->exited);
	json_bool(json, "exited", process->exited);
	json_known(json, "session", listed, process->session);
	json_known(json, "uid", listed, process->uid);
	json_number(json, "publishers", process->publishers);
	json_number(json, "subscriptions", process->subscriptions);
	if (listed)
		json_address(json, "base", process->base);
	else
		json_null(json, "base");
	json_known(json, "size", listed, process->size);
	json_known(json, "mempool_size", listed, process->mempool_size);
	json_known(json, "heap_committed", known, process->heap_committed);
	json_known(json, "heap_used", known, process->heap_used);
	json_known(json, "control_committed", known, process->control_committed);
	json_known(json, "resident", known, process->resident);
	json_known(json, "grows", known, process->grows);
	json_known(json, "grow_failures", known, process->grow_failures);
	json_known(json, "map_failures", known, process->map_failures);
	json_known(json, "maps_in", listed, process->maps_in);
	json_known(json, "maps_refused", listed, process->maps_refused);
	put_calls(json, process);
	json_close(json);
}

static void put_mapping(struct json *json, const struct mapping_row *mapping)
{
	char state[32];

	mapping_state(state, sizeof(state), mapping);
	json_open(json);
	json_number(json, "owner_pid", mapping->owner_pid);
	json_number(json, "owner_session", mapping->owner);
	json_address(json, "start", mapping->base);
	json_address(json, "end", mapping->base + mapping->size);
	if (mapping->perm_state == PERM_FOUND)
		json_string(json, "perm", mapping->perm);
	else if (mapping->perm_state == PERM_NONE)
		json_string(json, "perm", "");
	else
		json_null(json, "perm");
	json_number(json, "pid", mapping->reader_pid);
	json_string(json, "comm", mapping->comm);
	json_string(json, "role", mapping_role(mapping));
	json_string(json, "state", state);
	json_number(json, "error", mapping->error);
	json_bool(json, "owner_alive", mapping->owner_alive);
	json_bool(json, "wrong", model_mapping_is_wrong(mapping));
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

static void put_head(struct json *json, const struct model *model)
{
	json_number(json, "schema", 1);
	json_string(json, "tool", "agnocast-top");
	json_string(json, "version", AGNOCAST_VERSION);
	json_number(json, "time", model->time_ns);
	json_number(json, "lost", model->lost);
	json_known(json, "interval", model->interval_ns, model->interval_ns);
	json_object(json, "registry");
	json_string(json, "where", model->where);
	json_string(json, "home", model->version.home);
	json_string(json, "version", model->version.version);
	json_address(json, "window_base", model->version.window_base);
	json_number(json, "area_size", model->version.area_size);
	json_number(json, "sessions_max", model->version.sessions_max);
	json_close(json);
	json_object(json, "ebpf");
	json_bool(json, "on", model->bpf_on);
	json_string(json, "why", model->bpf_why);
	json_close(json);
}

void view_json(FILE *out, const struct model *model, unsigned int views)
{
	struct json json = { .out = out, .first = true };

	json_open(&json);
	put_head(&json, model);
	for (enum view view = 0; view < VIEW_COUNT; view++) {
		if (!(views & VIEW_BIT(view)))
			continue;
		json_open_list(&json, view_names[view]);
		for (size_t i = 0; i < rows_count(model, view); i++) {
			switch (view) {
			case VIEW_TOPICS: put_topic(&json, model, &model->topics[i]); break;
			case VIEW_PROCS: put_process(&json, &model->processes[i]); break;
			case VIEW_MAPS: put_mapping(&json, &model->mappings[i]); break;
			default: put_failure(&json, &model->failures[i]);
			}
		}
		json_close_list(&json);
	}
	json_close(&json);
	fputc('\n', out);
}
