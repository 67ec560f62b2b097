// SPDX-License-Identifier: BSD-2-Clause
/* view_json.c - one JSON object per refresh, on one line */

#include "view_json.h"

#include <inttypes.h>
#include <string.h>

#include "cause.h"
#include "cells.h"
#include "format.h"

/* Where a list or object stands: a comma belongs before all but the first. */
struct json {
	FILE	*out;
	bool	first;
};

void view_json_string(FILE *out, const char *text)
{
	size_t size;

	fputc('"', out);
	for (; *text; text += size) {
		int32_t code = format_utf8(text, &size);

		if (code < 0)
			fputs("\\ufffd", out);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (code < 0x20 || code == 0x7f)
			fprintf(out, "\\u%04x", (unsigned int)code);
		else
			fwrite(text, 1, size, out);
	}
	fputc('"', out);
}

static void key(struct json *json, const char *name)
{
	fprintf(json->out, "%s\"%s\":", json->first ? "" : ",", name);
	json->first = false;
}

static void open_object(struct json *json)
{
	fputs(json->first ? "{" : ",{", json->out);
	json->first = true;
}

static void close_object(struct json *json)
{
	fputc('}', json->out);
	json->first = false;
}

static void open_list(struct json *json, const char *name)
{
	key(json, name);
	fputc('[', json->out);
	json->first = true;
}

static void close_list(struct json *json)
{
	fputc(']', json->out);
	json->first = false;
}

static void put_object(struct json *json, const char *name)
{
	key(json, name);
	fputc('{', json->out);
	json->first = true;
}

static void put_null(struct json *json, const char *name)
{
	key(json, name);
	fputs("null", json->out);
}

static void put_number(struct json *json, const char *name, uint64_t number)
{
	key(json, name);
	fprintf(json->out, "%" PRIu64, number);
}

static void put_known(struct json *json, const char *name, bool known, uint64_t number)
{
	if (known)
		put_number(json, name, number);
	else
		put_null(json, name);
}

static void put_real(struct json *json, const char *name, bool known, double number)
{
	if (!known) {
		put_null(json, name);
		return;
	}
	key(json, name);
	fprintf(json->out, "%.3f", number);
}

static void put_bool(struct json *json, const char *name, bool value)
{
	key(json, name);
	fputs(value ? "true" : "false", json->out);
}

static void put_string(struct json *json, const char *name, const char *text)
{
	key(json, name);
	view_json_string(json->out, text);
}

static void put_address(struct json *json, const char *name, uint64_t address)
{
	key(json, name);
	fprintf(json->out, "\"0x%" PRIx64 "\"", address);
}

static void put_endpoints(struct json *json, const struct model *model, uint64_t topic)
{
	open_list(json, "endpoints");
	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[i];
		bool publisher = endpoint->kind == AGNOCAST_PUBLISHER;

		if (endpoint->topic != topic)
			continue;
		open_object(json);
		put_number(json, "id", endpoint->generation);
		put_string(json, "kind", publisher ? "publisher" : "subscription");
		put_number(json, "pid", endpoint->pid);
		put_string(json, "node", endpoint->node);
		put_number(json, "depth", endpoint->depth);
		put_bool(json, "transient_local", endpoint->flags & AGNOCAST_TRANSIENT_LOCAL);
		put_known(json, publisher ? "published" : "taken", endpoint->known,
			  endpoint->messages);
		if (publisher) {
			put_known(json, "bytes", endpoint->known, endpoint->bytes);
			put_known(json, "retained", endpoint->known, endpoint->retained);
			put_known(json, "wakes", endpoint->known, endpoint->wakes);
		} else {
			put_known(json, "dropped", endpoint->known, endpoint->dropped);
			put_known(json, "skipped", endpoint->known, endpoint->skipped);
			put_known(json, "held", endpoint->known, endpoint->held);
			put_known(json, "sleeps", endpoint->known, endpoint->sleeps);
		}
		put_known(json, "refused", endpoint->known, endpoint->refused);
		close_object(json);
	}
	close_list(json);
}

static void put_topic(struct json *json, const struct model *model,
		      const struct topic_row *topic)
{
	bool rates = topic->known && topic->rates_known;
	bool latency = topic->known && topic->latency_samples;

	open_object(json);
	put_string(json, "topic", topic->name);
	put_number(json, "id", topic->topic);
	put_number(json, "publishers", topic->publishers);
	put_number(json, "subscriptions", topic->subscriptions);
	put_number(json, "depth", topic->depth);
	put_real(json, "hz", rates, topic->hz);
	put_real(json, "bytes_per_s", rates, topic->bytes_per_s);
	put_known(json, "published", topic->known, topic->messages);
	put_known(json, "published_bytes", topic->known, topic->bytes);
	put_known(json, "retained", topic->known, topic->retained);
	put_real(json, "latency_p50_ns", latency, topic->p50_ns);
	put_real(json, "latency_p99_ns", latency, topic->p99_ns);
	put_known(json, "latency_samples", topic->known, topic->latency_samples);
	put_string(json, "latency_over", topic->latency_recent ? "interval" : "life");
	put_known(json, "dropped", topic->known, topic->dropped);
	put_known(json, "dropped_interval", rates, topic->dropped_now);
	put_known(json, "skipped", topic->known, topic->skipped);
	put_known(json, "held", topic->known, topic->held);
	put_known(json, "refused", topic->known, topic->refused);
	put_endpoints(json, model, topic->topic);
	close_object(json);
}

static void put_calls(struct json *json, const struct process_row *process)
{
	if (!process->calls_known) {
		put_null(json, "calls");
		return;
	}
	put_object(json, "calls");
	for (size_t i = 0; i < MODEL_CALLS; i++) {
		const struct call_row *call = &process->calls[i];

		put_object(json, cause_call((uint32_t)i));
		put_number(json, "calls", call->calls);
		put_number(json, "errors", call->errors);
		put_number(json, "again", call->again);
		put_known(json, "mean_ns", call->calls,
			  call->calls ? call->sum_ns / call->calls : 0);
		put_known(json, "max_ns", call->calls, call->max_ns);
		close_object(json);
	}
	close_object(json);
}

static void put_process(struct json *json, const struct process_row *process)
{
	bool listed = process->session, known = process->area_known;

	open_object(json);
	put_number(json, "pid", process->pid);
	put_string(json, "comm", process->comm);
	put_bool(json, "registered", listed && !process->exited);
	put_bool(json, "exited", process->exited);
	put_known(json, "session", listed, process->session);
	put_known(json, "uid", listed, process->uid);
	put_number(json, "publishers", process->publishers);
	put_number(json, "subscriptions", process->subscriptions);
	if (listed)
		put_address(json, "base", process->base);
	else
		put_null(json, "base");
	put_known(json, "size", listed, process->size);
	put_known(json, "mempool_size", listed, process->mempool_size);
	put_known(json, "heap_committed", known, process->heap_committed);
	put_known(json, "heap_used", known, process->heap_used);
	put_known(json, "control_committed", known, process->control_committed);
	put_known(json, "resident", known, process->resident);
	put_known(json, "grows", known, process->grows);
	put_known(json, "grow_failures", known, process->grow_failures);
	put_known(json, "map_failures", known, process->map_failures);
	put_known(json, "maps_in", listed, process->maps_in);
	put_known(json, "maps_refused", listed, process->maps_refused);
	put_calls(json, process);
	close_object(json);
}

static void put_mapping(struct json *json, const struct mapping_row *mapping)
{
	char state[32];

	mapping_state(state, sizeof(state), mapping);
	open_object(json);
	put_number(json, "owner_pid", mapping->owner_pid);
	put_number(json, "owner_session", mapping->owner);
	put_address(json, "start", mapping->base);
	put_address(json, "end", mapping->base + mapping->size);
	if (mapping->perm_state == PERM_FOUND)
		put_string(json, "perm", mapping->perm);
	else if (mapping->perm_state == PERM_NONE)
		put_string(json, "perm", "");
	else
		put_null(json, "perm");
	put_number(json, "pid", mapping->reader_pid);
	put_string(json, "comm", mapping->comm);
	put_string(json, "role", mapping_role(mapping));
	put_string(json, "state", state);
	put_number(json, "error", mapping->error);
	put_bool(json, "owner_alive", mapping->owner_alive);
	put_bool(json, "wrong", model_mapping_is_wrong(mapping));
	close_object(json);
}

static void put_failure(struct json *json, const struct failure_row *failure)
{
	char error[32];

	failure_error(error, sizeof(error), failure);
	open_object(json);
	put_number(json, "time", failure->time_ns);
	put_number(json, "pid", failure->pid);
	put_string(json, "comm", failure->comm);
	put_string(json, "call", failure->call);
	put_string(json, "error", error);
	put_number(json, failure->is_signal ? "signal" : "errno", (uint64_t)failure->error);
	put_string(json, "name", failure->name);
	if (failure->address)
		put_address(json, "address", failure->address);
	else
		put_null(json, "address");
	put_known(json, "length", failure->length, failure->length);
	put_number(json, "count", failure->count);
	put_string(json, "source", failure->by_registry ? "registry" : "ebpf");
	put_string(json, "cause", failure->cause ? failure->cause : "");
	put_string(json, "why", failure->why);
	put_string(json, "do", failure->remedy);
	close_object(json);
}

static void put_head(struct json *json, const struct model *model)
{
	put_number(json, "schema", 1);
	put_string(json, "tool", "agnocast-top");
	put_string(json, "version", AGNOCAST_VERSION);
	put_number(json, "time", model->time_ns);
	put_number(json, "lost", model->lost);
	put_known(json, "interval", model->interval_ns, model->interval_ns);
	put_object(json, "registry");
	put_string(json, "where", model->where);
	put_string(json, "home", model->version.home);
	put_string(json, "version", model->version.version);
	put_address(json, "window_base", model->version.window_base);
	put_number(json, "area_size", model->version.area_size);
	put_number(json, "sessions_max", model->version.sessions_max);
	close_object(json);
	put_object(json, "ebpf");
	put_bool(json, "on", model->bpf_on);
	put_string(json, "why", model->bpf_why);
	close_object(json);
}

void view_json(FILE *out, const struct model *model, unsigned int views)
{
	struct json json = { .out = out, .first = true };

	open_object(&json);
	put_head(&json, model);
	for (enum view view = 0; view < VIEW_COUNT; view++) {
		if (!(views & VIEW_BIT(view)))
			continue;
		open_list(&json, view_names[view]);
		for (size_t i = 0; i < rows_count(model, view); i++) {
			switch (view) {
			case VIEW_TOPICS: put_topic(&json, model, &model->topics[i]); break;
			case VIEW_PROCS: put_process(&json, &model->processes[i]); break;
			case VIEW_MAPS: put_mapping(&json, &model->mappings[i]); break;
			default: put_failure(&json, &model->failures[i]);
			}
		}
		close_list(&json);
	}
	close_object(&json);
	fputc('\n', out);
}
