// SPDX-License-Identifier: BSD-2-Clause
/* graph.c - who publishes what to whom, as a tree */

#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "filter.h"
#include "format.h"

/* A row's number: what it is, where it stands, and an index into a list of the model. */
#define KIND_SHIFT	60
#define TOPIC		(UINT64_C(0) << KIND_SHIFT)
#define PROCESS		(UINT64_C(1) << KIND_SHIFT)
#define OF_TOPIC	(UINT64_C(2) << KIND_SHIFT)	/* an endpoint under its topic */
#define OF_PROCESS	(UINT64_C(3) << KIND_SHIFT)	/* an endpoint under its process */
#define KINDS		(UINT64_C(15) << KIND_SHIFT)
#define LAST		(UINT64_C(1) << 59)		/* the group ends here */
#define FOLDED		(UINT64_C(1) << 58)
#define INDEX		((UINT64_C(1) << 48) - 1)

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a row's number has 64 bits");

const struct endpoint_row *graph_endpoint(const struct model *model, size_t row)
{
	uint64_t kind = row & KINDS;

	return kind == OF_TOPIC || kind == OF_PROCESS ? &model->endpoints[row & INDEX] : NULL;
}

const struct topic_row *graph_topic(const struct model *model, size_t row)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint)
		return model_topic(model, endpoint->topic);
	return (row & KINDS) == TOPIC ? &model->topics[row & INDEX] : NULL;
}

const struct process_row *graph_process(const struct model *model, size_t row)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint)
		return model_session(model, endpoint->session);
	return (row & KINDS) == PROCESS ? &model->processes[row & INDEX] : NULL;
}

bool graph_is_under_topic(size_t row)
{
	return (row & KINDS) == OF_TOPIC;
}

uint64_t graph_fold_id(const struct model *model, size_t row)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	switch (row & KINDS) {
	case TOPIC: return model->topics[row & INDEX].topic;
	case PROCESS: return model->processes[row & INDEX].session;
	case OF_TOPIC: return endpoint->topic;
	default: return endpoint->session;
	}
}

static bool group_matches(const struct model *model, const char *filter, size_t head,
			  const uint32_t *index, size_t count, uint64_t kind)
{
	if (filter_matches(filter, model, VIEW_GRAPH, head))
		return true;
	for (size_t i = 0; i < count; i++)
		if (filter_matches(filter, model, VIEW_GRAPH, kind | index[i]))
			return true;
	return false;
}

/* The endpoints under @head. */
static const uint32_t *members(const struct model *model, size_t head, size_t *count)
{
	if ((head & KINDS) == TOPIC)
		return model_of_topic(model, model->topics[head & INDEX].topic, count);
	return model_of_session(model, model->processes[head & INDEX].session, count);
}

static void add_group(struct selection *selection, const struct model *model,
		      const struct query *query, size_t head)
{
	uint64_t kind = (head & KINDS) == TOPIC ? OF_TOPIC : OF_PROCESS;
	size_t count;
	const uint32_t *index = members(model, head, &count);
	bool folded = folds_hold(query->folds, graph_fold_id(model, head));

	selection->all += 1 + count;
	if (!group_matches(model, query->filter, head, index, count, kind))
		return;
	selection->row[selection->count++] = head | (folded && count ? FOLDED : 0);
	for (size_t i = 0; !folded && i < count; i++)
		selection->row[selection->count++] =
			kind | index[i] | (i + 1 == count ? LAST : 0);
}

/* Topics, or processes that have joined, in the wanted order. */
static size_t *sorted_heads(const struct model *model, const struct query *query, size_t *count)
{
	size_t all = query->by_process ? model->processes_count : model->topics_count;
	size_t *heads = calloc(all + 1, sizeof(*heads));

	if (!heads)
		model_out_of_memory();
	*count = 0;
	for (size_t i = 0; i < all; i++)
		if (!query->by_process || model->processes[i].session)
			heads[(*count)++] = (query->by_process ? PROCESS : TOPIC) | i;
	rows_sort(heads, *count, model, VIEW_GRAPH, query->order);
	return heads;
}

/*
 * Rows at most. Not the number of endpoints: where two topics have one id, as in
 * a damaged recording, the same endpoints stand under both.
 */
static size_t rows_below(const struct model *model, const size_t *heads, size_t heads_count)
{
	size_t most = heads_count, count;

	for (size_t i = 0; i < heads_count; i++) {
		members(model, heads[i], &count);
		most += count;
	}
	return most;
}

void graph_select(struct selection *selection, const struct model *model,
		  const struct query *query)
{
	size_t count;
	size_t *heads = sorted_heads(model, query, &count);

	*selection = (struct selection){
		.row = calloc(rows_below(model, heads, count) + 1, sizeof(size_t)),
	};
	if (!selection->row)
		model_out_of_memory();
	for (size_t i = 0; i < count; i++)
		add_group(selection, model, query, heads[i]);
	free(heads);
}

static void name_of_head(const struct model *model, size_t row, struct cell *cell)
{
	char name[AGNOCAST_TOPIC_MAX];
	const char *fold = row & FOLDED ? "+ " : "";

	if ((row & KINDS) == TOPIC) {
		format_clean(name, sizeof(name), model->topics[row & INDEX].name);
		snprintf(cell->text, sizeof(cell->text), "%s%s", fold, name);
	} else {
		const struct process_row *process = &model->processes[row & INDEX];

		format_clean(name, sizeof(name), process->comm);
		snprintf(cell->text, sizeof(cell->text), "%s%7u %s", fold, process->pid, name);
	}
}

/* "|- pub 14671 lidar_driver /lidar_driver", or the topic where the process is above. */
static void name(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);
	const struct process_row *process;
	const struct topic_row *topic;
	char text[AGNOCAST_TOPIC_MAX] = "", node[AGNOCAST_NODE_MAX];
	const char *kind, *branch = row & LAST ? "`-" : "|-";

	if (!endpoint) {
		name_of_head(model, row, cell);
		return;
	}
	kind = endpoint->kind == AGNOCAST_PUBLISHER ? "pub" : "sub";
	format_clean(node, sizeof(node), endpoint->node);
	if ((row & KINDS) == OF_PROCESS) {
		topic = graph_topic(model, row);
		if (topic)
			format_clean(text, sizeof(text), topic->name);
		snprintf(cell->text, sizeof(cell->text), " %s %s %.250s", branch, kind, text);
	} else {
		process = graph_process(model, row);
		if (process)
			format_clean(text, sizeof(text), process->comm);
		snprintf(cell->text, sizeof(cell->text), " %s %s %7u %-15.15s %s", branch, kind,
			 endpoint->pid, text, node);
	}
}

/* False, and the cell is made, where the row has no such number. */
static bool is_topic_known(const struct topic_row *topic, struct cell *cell)
{
	if (!topic->publishers)
		cell_none(cell);
	else if (!topic->known)
		cell_unknown(cell);
	else if (!topic->rates_known)
		cell_none(cell);
	return topic->publishers && topic->known && topic->rates_known;
}

static bool is_endpoint_known(const struct endpoint_row *endpoint, struct cell *cell)
{
	if (!endpoint->known)
		cell_unknown(cell);
	return endpoint->known;
}

static void hz(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint && is_endpoint_known(endpoint, cell)) {
		if (endpoint->rates_known)
			cell_rate(cell, endpoint->hz);
		else
			cell_none(cell);
	} else if (!endpoint && (row & KINDS) == TOPIC) {
		if (is_topic_known(&model->topics[row & INDEX], cell))
			cell_rate(cell, model->topics[row & INDEX].hz);
	} else if (!endpoint) {
		cell_none(cell);
	}
}

static void rate(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint && is_endpoint_known(endpoint, cell)) {
		if (endpoint->rates_known && endpoint->kind == AGNOCAST_PUBLISHER)
			cell_bytes(cell, endpoint->bytes_per_s);
		else
			cell_none(cell);
	} else if (!endpoint && (row & KINDS) == TOPIC) {
		if (is_topic_known(&model->topics[row & INDEX], cell))
			cell_bytes(cell, model->topics[row & INDEX].bytes_per_s);
	} else if (!endpoint) {
		cell_none(cell);
	}
}

static void lag(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (!endpoint || endpoint->kind == AGNOCAST_PUBLISHER)
		cell_none(cell);
	else if (is_endpoint_known(endpoint, cell) && endpoint->lag_known)
		cell_count(cell, endpoint->lag);
	else if (endpoint->known)
		cell_none(cell);
}

static void p99(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);
	const struct latency *late = endpoint ? &endpoint->late : NULL;

	if (endpoint && !is_endpoint_known(endpoint, cell))
		return;
	if ((row & KINDS) == TOPIC)
		late = &model->topics[row & INDEX].late;
	if (late && late->samples)
		cell_ns(cell, late->p99_ns);
	else
		cell_none(cell);
}

static void drops(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint && !is_endpoint_known(endpoint, cell))
		return;
	if (endpoint && endpoint->kind == AGNOCAST_SUBSCRIPTION)
		cell_count(cell, endpoint->dropped);
	else if ((row & KINDS) == TOPIC && model->topics[row & INDEX].subscriptions)
		cell_count(cell, model->topics[row & INDEX].dropped);
	else
		cell_none(cell);
}

static void held(const struct model *model, size_t row, struct cell *cell)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint && !is_endpoint_known(endpoint, cell))
		return;
	if (endpoint && endpoint->kind == AGNOCAST_SUBSCRIPTION)
		cell_count(cell, endpoint->held);
	else if ((row & KINDS) == TOPIC && model->topics[row & INDEX].subscriptions)
		cell_count(cell, model->topics[row & INDEX].held);
	else
		cell_none(cell);
}

static const struct column columns[] = {
	{ "TOPIC/PROCESS", 20, 0, COLUMN_TEXT | COLUMN_FLEX, name },
	{ "HZ", 6, 1, COLUMN_BIG, hz },
	{ "B/S", 5, 4, COLUMN_BIG, rate },
	{ "LAG", 3, 5, COLUMN_BIG, lag },
	{ "P99", 5, 3, COLUMN_BIG, p99 },
	{ "DROP", 5, 2, COLUMN_BIG, drops },
	{ "HELD", 4, 6, COLUMN_BIG, held },
};

const struct table graph_table = { columns, sizeof(columns) / sizeof(columns[0]) };

char graph_mark(const struct model *model, size_t row)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	switch (row & KINDS) {
	case TOPIC: return topic_mark(model, row & INDEX);
	case PROCESS: return process_mark(model, row & INDEX);
	default: break;
	}
	if (endpoint->known && endpoint->refused)
		return '!';
	return endpoint->dropped_now ? '~' : ' ';
}

static void endpoint_detail(char *line, const struct endpoint_row *endpoint)
{
	char qos[48];

	format_qos(qos, sizeof(qos), endpoint->depth, endpoint->flags);
	if (!endpoint->known)
		snprintf(line, ROWS_LINE, "counters are not readable; %s", qos);
	else if (endpoint->kind == AGNOCAST_PUBLISHER)
		snprintf(line, ROWS_LINE, "publisher: %llu published, %llu alive, %llu wakes, "
			 "%llu refused; %s", (unsigned long long)endpoint->messages,
			 (unsigned long long)endpoint->retained,
			 (unsigned long long)endpoint->wakes,
			 (unsigned long long)endpoint->refused, qos);
	else
		snprintf(line, ROWS_LINE, "subscription: %llu taken, %llu dropped, %llu skipped, "
			 "%llu held, slept %llu times, %llu refused; %s",
			 (unsigned long long)endpoint->messages,
			 (unsigned long long)endpoint->dropped,
			 (unsigned long long)endpoint->skipped,
			 (unsigned long long)endpoint->held,
			 (unsigned long long)endpoint->sleeps,
			 (unsigned long long)endpoint->refused, qos);
}

void graph_detail(char *line, const struct model *model, size_t row)
{
	const struct endpoint_row *endpoint = graph_endpoint(model, row);

	if (endpoint)
		endpoint_detail(line, endpoint);
	else if ((row & KINDS) == TOPIC)
		topic_detail(line, model, row & INDEX);
	else
		process_detail(line, model, row & INDEX);
}
