// SPDX-License-Identifier: BSD-2-Clause
/* failures.c - the failures seen so far */

#include "failures.h"

#include "cause.h"

#include <stdio.h>
#include <string.h>

static void explain(struct failure_row *row, const struct cause_case *failed)
{
	struct cause cause;

	cause_find(&cause, failed);
	row->cause = cause.id;
	memcpy(row->why, cause.why, sizeof(row->why));
	memcpy(row->remedy, cause.remedy, sizeof(row->remedy));
}

static bool is_same(const struct failure_row *a, const struct failure_row *b)
{
	return a->pid == b->pid && a->error == b->error && a->is_signal == b->is_signal &&
	       a->odd == b->odd && a->address == b->address && a->length == b->length &&
	       !strcmp(a->call, b->call) && !strcmp(a->name, b->name);
}

static struct failure_row *find(struct failures *failures, const struct failure_row *failure)
{
	for (size_t i = failures->count; i-- > 0;)
		if (is_same(&failures->row[i], failure))
			return &failures->row[i];
	return NULL;
}

struct failure_row *failures_add(struct failures *failures, const struct failure_row *failure)
{
	struct failure_row *row = find(failures, failure);

	if (row) {
		row->count += failure->count;
		row->time_ns = failure->time_ns;
		return row;
	}
	if (failures->count == MODEL_FAILURES_MAX)
		memmove(failures->row, failures->row + 1,
			--failures->count * sizeof(failures->row[0]));
	row = &failures->row[failures->count++];
	*row = *failure;
	return row;
}

/* A refusal is a state: it counts once, when it is seen first. */
static void add_refused(struct failures *failures, const struct model *model,
			const struct mapping_row *mapping)
{
	struct failure_row failure = {
		.time_ns = model->time_ns, .pid = mapping->reader_pid, .call = "map",
		.error = (int)mapping->error, .by_registry = true,
		.address = mapping->base, .length = model_mapping_bytes(mapping), .count = 1,
	};

	snprintf(failure.name, sizeof(failure.name), "agnocast@%u", mapping->owner_pid);
	memcpy(failure.comm, mapping->comm, sizeof(failure.comm));
	if (!find(failures, &failure))
		explain(failures_add(failures, &failure), &(struct cause_case){
			.machine = &(struct cause_machine){ 0 },
			.failure = &(struct agnocast_failure){ .event = {
				.call = AGNOCAST_CALL_REPORT, .result = -(int64_t)mapping->error,
				.address = failure.address, .length = failure.length,
				.pid = mapping->reader_pid,
			} },
		});
}

void failures_add_traced(struct failures *failures, const struct cause_case *failed,
			 uint64_t time_ns)
{
	const struct agnocast_event *event = &failed->failure->event;
	struct failure_row failure = {
		.time_ns = time_ns, .pid = event->pid, .call = cause_call(event->call),
		.is_signal = event->call == AGNOCAST_CALL_SIGNAL, .odd = event->odd,
		.address = event->address, .count = 1,
	}, *row;

	failure.error = failure.is_signal ? (int)event->result : cause_errno(event);
	failure.length = event->call == AGNOCAST_CALL_IOCTL ? 0 : event->length;
	memcpy(failure.comm, event->comm, sizeof(failure.comm));
	snprintf(failure.name, sizeof(failure.name), "%.*s",
		 (int)strnlen(event->name, sizeof(event->name)), event->name);
	row = failures_add(failures, &failure);
	if (!row->why[0])
		explain(row, failed);
}

void failures_fill(struct failures *failures, struct model *model)
{
	for (size_t i = 0; i < model->mappings_count; i++)
		if (!model->mappings[i].own && model->mappings[i].state == AGNOCAST_REFUSED)
			add_refused(failures, model, &model->mappings[i]);
	for (size_t i = 0; i < failures->count; i++)
		*MODEL_ADD(model, failures) = failures->row[i];
}
