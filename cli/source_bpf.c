// SPDX-License-Identifier: BSD-2-Clause
/* source_bpf.c - what eBPF counts */

#define _GNU_SOURCE
#include "source_bpf.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "seen.h"
#include "source_proc.h"
#include "tracer.h"

_Static_assert((int)MODEL_CALLS == (int)AGNOCAST_CALL_COUNT, "one column for each call");

struct source_bpf {
	struct tracer			*tracer;
	struct agnocast_version		version;
	/* while collecting */
	const struct model		*model;
	struct failures			*failures;
};

static void on_failure(void *context, const struct agnocast_failure *failure)
{
	struct source_bpf *source = context;
	uint64_t age = clock_ns(CLOCK_MONOTONIC) - failure->event.time_ns;
	struct seen seen;

	seen_complete(&seen, failure, &source->version, source->model);
	failures_add_traced(source->failures, &seen.is, clock_ns(CLOCK_REALTIME) - age);
}

struct source_bpf *source_bpf_open(const struct agnocast_version *version, const char *btf,
				   char *why, size_t len)
{
	struct source_bpf *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->version = *version;
	source->tracer = tracer_open(version, 0, btf, why, len);
	if (source->tracer)
		return source;
	free(source);
	return NULL;
}

void source_bpf_close(struct source_bpf *source)
{
	if (!source)
		return;
	tracer_close(source->tracer);
	free(source);
}

int source_bpf_fd(const struct source_bpf *source)
{
	return source ? tracer_fd(source->tracer) : -1;
}

void source_bpf_collect(struct source_bpf *source, const struct model *model,
			struct failures *failures)
{
	if (!source)
		return;
	source->model = model;
	source->failures = failures;
	tracer_collect(source->tracer, on_failure, source);
}

/* The row for the caller of @key: the registry's, that of the sample before, or a new one. */
static struct process_row *row_of(struct model *model, const struct model *before,
				  const struct agnocast_call_key *key,
				  const struct agnocast_call_stat *stat)
{
	struct process_row *row = model_pid(model, key->pid);
	uint64_t exited_ns = model->mono_ns;
	bool alive;

	if (row)
		return row;
	alive = source_proc_is_alive(key->pid);
	for (size_t i = 0; before && i < before->processes_count; i++)
		if (before->processes[i].pid == key->pid && before->processes[i].exited)
			exited_ns = before->processes[i].exited_ns;
	if (!alive && model->mono_ns - exited_ns >= MODEL_EXITED_NS)
		return NULL;
	row = MODEL_ADD(model, processes);
	row->pid = key->pid;
	row->exited = !alive;
	row->exited_ns = alive ? 0 : exited_ns;
	row->calls_known = true;
	memcpy(row->comm, stat->comm, sizeof(row->comm));
	row->comm[sizeof(row->comm) - 1] = '\0';
	return row;
}

static void add_stat(struct process_row *row, uint32_t call,
		     const struct agnocast_call_stat *stat)
{
	row->calls[call] = (struct call_row){
		.calls = stat->calls, .errors = stat->errors, .again = stat->again,
		.sum_ns = stat->sum_ns, .max_ns = stat->max_ns,
	};
}

/* Exited rows carry what was counted before; the map says it again, or better. */
static void mark_known(struct model *model)
{
	for (size_t i = 0; i < model->processes_count; i++)
		model->processes[i].calls_known = true;
}

void source_bpf_fill(struct source_bpf *source, struct model *model,
		     const struct model *before)
{
	struct agnocast_call_key key, *previous = NULL, done;
	struct agnocast_call_stat stat;
	bool forget = false;
	int fd;

	if (!source)
		return;
	fd = tracer_stats(source->tracer);
	mark_known(model);
	while (!bpf_map_get_next_key(fd, previous, &key)) {
		struct process_row *row = NULL;

		if (forget)	/* only now: the walk needed the key */
			bpf_map_delete_elem(fd, &done);
		forget = false;
		if (!bpf_map_lookup_elem(fd, &key, &stat) && key.call < MODEL_CALLS) {
			row = row_of(model, before, &key, &stat);
			forget = !row;
		}
		if (row)
			add_stat(row, key.call, &stat);
		done = key;
		previous = &done;
	}
	if (forget)
		bpf_map_delete_elem(fd, &done);
	model->lost = tracer_lost(source->tracer);
}
