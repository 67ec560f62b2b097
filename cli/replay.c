// SPDX-License-Identifier: BSD-2-Clause
/* replay.c - a recording, as models again; view_json.c wrote it */

#define _GNU_SOURCE
#include "replay.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "view_json.h"

#define WORDS_MAX 256		/* different calls and causes; one more becomes "" */

static uint64_t number(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

/* False for null and for what is missing. */
static bool take_number(const json_t *object, const char *name, uint64_t *value)
{
	*value = number(object, name);
	return json_is_integer(json_object_get(object, name));
}

static bool take_real(const json_t *object, const char *name, double *value)
{
	const json_t *member = json_object_get(object, name);

	*value = json_number_value(member);
	return json_is_number(member);
}

static bool boolean(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

static const char *string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void copy(char *to, size_t len, const json_t *object, const char *name)
{
	snprintf(to, len, "%s", string(object, name));
}

#define COPY(to, object, name) copy(to, sizeof(to), object, name)

static uint64_t address(const json_t *object, const char *name)
{
	return strtoull(string(object, name), NULL, 16);
}

/* Ids are strings of digits. */
static uint64_t id(const json_t *object, const char *name)
{
	return strtoull(string(object, name), NULL, 10);
}

/* The time at which something was that is @name ns old. */
static uint64_t moment(const struct model *model, const json_t *object, const char *name)
{
	uint64_t age;

	return take_number(object, name, &age) && age < model->mono_ns ? model->mono_ns - age : 0;
}

/* A copy of @text that lives as long as the replay. */
static const char *word(struct replay *replay, const char *text)
{
	for (size_t i = 0; i < replay->words_count; i++)
		if (!strcmp(replay->words[i], text))
			return replay->words[i];
	if (replay->words_count == WORDS_MAX)
		return "";
	replay->words = model_array(replay->words, replay->words_count, sizeof(char *));
	replay->words[replay->words_count] = strdup(text);
	if (!replay->words[replay->words_count])
		model_out_of_memory();
	return replay->words[replay->words_count++];
}

static void take_latency(struct latency *late, const json_t *object)
{
	take_real(object, "latency_p50_ns", &late->p50_ns);
	take_real(object, "latency_p99_ns", &late->p99_ns);
	take_real(object, "latency_max_ns", &late->max_ns);
	late->samples = number(object, "latency_samples");
	late->recent = !strcmp(string(object, "latency_over"), "interval");
}

static void take_claims(struct model *model, const struct endpoint_row *endpoint,
			const json_t *claims)
{
	const json_t *claim;
	size_t i;

	json_array_foreach(claims, i, claim) {
		struct claim_row *row;

		if (i == AGNOCAST_CLAIMS)
			return;
		row = MODEL_ADD(model, claims);
		row->subscription = endpoint->generation;
		row->publisher = (uint32_t)number(claim, "publisher");
		row->seq = (uint32_t)number(claim, "seq");
		row->since_ns = moment(model, claim, "age");
	}
}

static void take_counters(struct endpoint_row *row, const json_t *endpoint)
{
	const json_t *buckets = json_object_get(endpoint, "latency_buckets"), *count;
	size_t i;

	row->known = take_number(endpoint, "refused", &row->refused);
	row->messages = number(endpoint, row->kind == AGNOCAST_PUBLISHER ? "published" : "taken");
	row->bytes = number(endpoint, "bytes");
	row->retained = number(endpoint, "retained");
	row->wakes = number(endpoint, "wakes");
	row->dropped = number(endpoint, "dropped");
	row->skipped = number(endpoint, "skipped");
	row->sleeps = number(endpoint, "sleeps");
	row->held = number(endpoint, "held");
	row->lag_known = take_number(endpoint, "lag", &row->lag);
	row->rates_known = take_real(endpoint, "hz", &row->hz);
	take_real(endpoint, "bytes_per_s", &row->bytes_per_s);
	take_number(endpoint, "dropped_interval", &row->dropped_now);
	take_latency(&row->late, endpoint);
	json_array_foreach(buckets, i, count)
		if (i < AGNOCAST_LATENCY_BUCKETS && json_integer_value(count) > 0)
			row->latency[i] = (uint64_t)json_integer_value(count);
}

static void take_endpoint(struct model *model, uint64_t topic, const json_t *endpoint)
{
	struct endpoint_row *row = MODEL_ADD(model, endpoints);

	row->generation = id(endpoint, "id");
	row->topic = topic;
	row->session = id(endpoint, "session");
	row->pid = (uint32_t)number(endpoint, "pid");
	row->kind = strcmp(string(endpoint, "kind"), "publisher") ? AGNOCAST_SUBSCRIPTION
								  : AGNOCAST_PUBLISHER;
	row->depth = (uint32_t)number(endpoint, "depth");
	row->flags = (boolean(endpoint, "transient_local") ? AGNOCAST_TRANSIENT_LOCAL : 0) |
		     (boolean(endpoint, "ignore_local") ? AGNOCAST_IGNORE_LOCAL : 0);
	COPY(row->node, endpoint, "node");
	take_counters(row, endpoint);
	take_claims(model, row, json_object_get(endpoint, "claims"));
}

static void take_topic(struct replay *replay, struct model *model, const json_t *topic)
{
	struct topic_row *row = MODEL_ADD(model, topics);
	const json_t *endpoints = json_object_get(topic, "endpoints"), *endpoint;
	size_t i;

	(void)replay;
	row->topic = id(topic, "id");
	COPY(row->name, topic, "topic");
	row->publishers = (uint32_t)number(topic, "publishers");
	row->subscriptions = (uint32_t)number(topic, "subscriptions");
	row->depth = (uint32_t)number(topic, "depth");
	row->known = take_number(topic, "published", &row->messages);
	row->rates_known = take_real(topic, "hz", &row->hz);
	take_real(topic, "bytes_per_s", &row->bytes_per_s);
	row->bytes = number(topic, "published_bytes");
	row->retained = number(topic, "retained");
	take_latency(&row->late, topic);
	row->dropped = number(topic, "dropped");
	row->dropped_now = number(topic, "dropped_interval");
	row->skipped = number(topic, "skipped");
	row->held = number(topic, "held");
	row->oldest_claim_ns = moment(model, topic, "oldest_held");
	row->refused = number(topic, "refused");
	json_array_foreach(endpoints, i, endpoint)
		take_endpoint(model, row->topic, endpoint);
}

static void take_calls(struct process_row *row, const json_t *calls)
{
	row->calls_known = json_is_object(calls);
	for (uint32_t i = 0; i < MODEL_CALLS; i++) {
		const json_t *call = json_object_get(calls, cause_call(i));

		row->calls[i].calls = number(call, "calls");
		row->calls[i].errors = number(call, "errors");
		row->calls[i].again = number(call, "again");
		row->calls[i].sum_ns = number(call, "sum_ns");
		row->calls[i].max_ns = number(call, "max_ns");
	}
}

static void take_process(struct replay *replay, struct model *model, const json_t *process)
{
	struct process_row *row = MODEL_ADD(model, processes);

	(void)replay;
	row->session = id(process, "session");
	row->pid = (uint32_t)number(process, "pid");
	row->uid = (uint32_t)number(process, "uid");
	COPY(row->comm, process, "comm");
	row->exited = boolean(process, "exited");
	row->exited_ns = moment(model, process, "exited_ago");
	row->ready = boolean(process, "ready");
	row->publishers = (uint32_t)number(process, "publishers");
	row->subscriptions = (uint32_t)number(process, "subscriptions");
	row->base = address(process, "base");
	row->size = number(process, "size");
	row->mempool_size = number(process, "mempool_size");
	row->area_known = take_number(process, "heap_used", &row->heap_used);
	row->heap_committed = number(process, "heap_committed");
	row->control_committed = number(process, "control_committed");
	row->resident = number(process, "resident");
	row->grows = number(process, "grows");
	row->grow_failures = number(process, "grow_failures");
	row->map_failures = number(process, "map_failures");
	row->forks = (uint32_t)number(process, "forks");
	row->participant = boolean(process, "participant");
	COPY(row->area_why, process, "area_why");
	row->maps_in = (uint32_t)number(process, "maps_in");
	row->maps_refused = (uint32_t)number(process, "maps_refused");
	take_calls(row, json_object_get(process, "calls"));
}

static uint32_t report_of(const char *text)
{
	static const char *const reports[] = {
		[AGNOCAST_WILL_MAP] = "will_map", [AGNOCAST_MAPPED] = "mapped",
		[AGNOCAST_REFUSED] = "refused", [AGNOCAST_UNMAPPED] = "unmapped",
	};

	for (uint32_t i = AGNOCAST_WILL_MAP; i <= AGNOCAST_UNMAPPED; i++)
		if (!strcmp(text, reports[i]))
			return i;
	return 0;
}

static void take_mapping(struct replay *replay, struct model *model, const json_t *mapping)
{
	struct mapping_row *row = MODEL_ADD(model, mappings);
	const char *role = string(mapping, "role");

	(void)replay;
	row->serial = id(mapping, "serial");
	row->owner = id(mapping, "owner_session");
	row->reader = id(mapping, "session");
	row->owner_pid = (uint32_t)number(mapping, "owner_pid");
	row->reader_pid = (uint32_t)number(mapping, "pid");
	COPY(row->comm, mapping, "comm");
	row->base = address(mapping, "start");
	row->size = address(mapping, "end") - row->base;
	row->own = !strcmp(role, "own");
	row->parts = !strcmp(role, "read") ? AGNOCAST_MAP_PARTS : AGNOCAST_MAP_CONTROL;
	row->state = report_of(string(mapping, "report"));
	row->error = (uint32_t)number(mapping, "error");
	row->owner_alive = boolean(mapping, "owner_alive");
	row->ready = boolean(mapping, "ready");
	row->perm_ns = moment(model, mapping, "perm_age");
	row->perm_state = PERM_UNREADABLE;
	if (!json_is_string(json_object_get(mapping, "perm")))
		return;
	COPY(row->perm, mapping, "perm");
	row->perm_state = row->perm[0] ? PERM_FOUND : PERM_NONE;
}

static uint32_t odd_of(const char *error)
{
	if (!strcmp(error, "MOVED"))
		return AGNOCAST_MOVED;
	return strcmp(error, "OVERWRITTEN") ? 0 : AGNOCAST_OVERWROTE;
}

static void take_failure(struct replay *replay, struct model *model, const json_t *failure)
{
	struct failure_row *row = MODEL_ADD(model, failures);

	row->time_ns = number(failure, "time");
	row->pid = (uint32_t)number(failure, "pid");
	COPY(row->comm, failure, "comm");
	row->call = word(replay, string(failure, "call"));
	row->is_signal = json_is_integer(json_object_get(failure, "signal"));
	row->error = (int)number(failure, row->is_signal ? "signal" : "errno");
	row->odd = odd_of(string(failure, "error"));
	row->by_registry = !strcmp(string(failure, "source"), "registry");
	row->address = address(failure, "address");
	row->length = number(failure, "length");
	COPY(row->name, failure, "name");
	row->cause = word(replay, string(failure, "cause"));
	COPY(row->why, failure, "why");
	COPY(row->remedy, failure, "do");
	row->count = number(failure, "count");
}

static void take_head(struct model *model, const json_t *object)
{
	const json_t *registry = json_object_get(object, "registry");
	const json_t *ebpf = json_object_get(object, "ebpf"), *shm = json_object_get(object, "shm");

	model->time_ns = model->mono_ns = number(object, "time");
	model->interval_ns = number(object, "interval");
	take_real(object, "delay", &model->delay_s);
	model->lost = number(object, "lost");
	model->registry_there = boolean(registry, "there");
	COPY(model->registry_why, registry, "why");
	COPY(model->where, registry, "where");
	COPY(model->version.home, registry, "home");
	COPY(model->version.version, registry, "version");
	model->version.window_base = address(registry, "window_base");
	model->version.area_size = number(registry, "area_size");
	model->version.sessions_max = (uint32_t)number(registry, "sessions_max");
	model->bpf_on = boolean(ebpf, "on");
	COPY(model->bpf_why, ebpf, "why");
	model->shm_known = take_number(shm, "size", &model->shm_bytes);
	model->shm_used = number(shm, "used");
}

static void take_all(struct replay *replay, struct model *model, const json_t *object)
{
	static const struct {
		const char *name;
		void (*take)(struct replay *replay, struct model *model, const json_t *row);
	} lists[] = {
		{ "topics", take_topic }, { "procs", take_process },
		{ "maps", take_mapping }, { "fails", take_failure },
	};

	take_head(model, object);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const json_t *list = json_object_get(object, lists[i].name), *row;
		size_t at;

		json_array_foreach(list, at, row)
			lists[i].take(replay, model, row);
	}
	model_sort(model);
}

int replay_load(struct replay *replay, size_t index, struct model *model, char *why, size_t len)
{
	json_error_t error;
	json_t *object = json_loads(replay->line[index], 0, &error);
	uint64_t schema = number(object, "schema");

	model_clear(model);
	if (!object)
		snprintf(why, len, "%s, object %zu: no JSON: %s", replay->path, index + 1, error.text);
	else if (strcmp(string(object, "tool"), "agnocast-top"))
		snprintf(why, len, "%s, object %zu: not written by agnocast-top", replay->path, index + 1);
	else if (schema != VIEW_JSON_SCHEMA)
		snprintf(why, len, "%s, object %zu: schema %llu, this agnocast-top reads %d", replay->path,
			 index + 1, (unsigned long long)schema, VIEW_JSON_SCHEMA);
	else
		take_all(replay, model, object);
	json_decref(object);
	return model->by_topic ? 0 : -EINVAL;
}

/* All of @file, with a NUL behind it; NULL and errno on failure. */
static char *read_all(FILE *file, size_t *length)
{
	char *text = NULL;
	size_t room = 0;

	*length = 0;
	do {
		if (room - *length < 2) {
			char *grown = realloc(text, room = room ? 2 * room : 65536);

			if (!grown)
				break;
			text = grown;
		}
		*length += fread(text + *length, 1, room - *length - 1, file);
	} while (!feof(file) && !ferror(file));
	if (text && feof(file)) {
		text[*length] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

/* One object a line; empty lines hold none. */
static void split(struct replay *replay, size_t length)
{
	char *end = replay->text + length;

	for (char *line = replay->text; line < end;) {
		char *after = memchr(line, '\n', (size_t)(end - line));

		if (after)
			*after = '\0';
		if (*line) {
			replay->line = model_array(replay->line, replay->lines, sizeof(char *));
			replay->line[replay->lines++] = line;
		}
		line = after ? after + 1 : end;
	}
}

int replay_open(struct replay *replay, const char *path, char *why, size_t len)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t length = 0;
	int err;

	*replay = (struct replay){ .path = path };
	if (file)
		replay->text = read_all(file, &length);
	err = errno;
	if (file && file != stdin)
		fclose(file);
	if (!replay->text) {
		snprintf(why, len, "can't read the recording %s: %s", path, strerror(err));
		return err ? -err : -EIO;
	}
	split(replay, length);
	if (replay->lines)
		return 0;
	snprintf(why, len, "the recording %s is empty", path);
	replay_close(replay);
	return -EINVAL;
}

void replay_close(struct replay *replay)
{
	for (size_t i = 0; i < replay->words_count; i++)
		free(replay->words[i]);
	free(replay->words);
	free(replay->line);
	free(replay->text);
	*replay = (struct replay){ .path = NULL };
}
