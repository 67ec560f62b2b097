// SPDX-License-Identifier: BSD-2-Clause
/* model.c - what agnocast-top knows: lists, look-ups, rows of the dead */

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
	free(model->claims);
	free(model->mappings);
	free(model->failures);
	free(model->by_topic);
	free(model->by_session);
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

static int by_subscription(const void *a, const void *b)
{
	const struct claim_row *left = a, *right = b;

	if (left->subscription != right->subscription)
		return left->subscription > right->subscription ? 1 : -1;
	return (left->since_ns > right->since_ns) - (left->since_ns < right->since_ns);
}

#define SORT(model, list, compare) do { \
	if ((model)->list##_count) \
		qsort((model)->list, (model)->list##_count, sizeof(*(model)->list), compare); \
} while (0)

static int by_place(uint64_t left, uint64_t right, const struct endpoint_row *a,
		    const struct endpoint_row *b)
{
	if (left != right)
		return left > right ? 1 : -1;
	if (a->kind != b->kind)		/* AGNOCAST_PUBLISHER is the lower one */
		return a->kind > b->kind ? 1 : -1;
	return by_generation(a, b);
}

static int by_topic_index(const void *a, const void *b, void *model)
{
	const struct endpoint_row *endpoints = ((const struct model *)model)->endpoints;
	const struct endpoint_row *left = &endpoints[*(const uint32_t *)a];
	const struct endpoint_row *right = &endpoints[*(const uint32_t *)b];

	return by_place(left->topic, right->topic, left, right);
}

static int by_session_index(const void *a, const void *b, void *model)
{
	const struct endpoint_row *endpoints = ((const struct model *)model)->endpoints;
	const struct endpoint_row *left = &endpoints[*(const uint32_t *)a];
	const struct endpoint_row *right = &endpoints[*(const uint32_t *)b];

	return by_place(left->session, right->session, left, right);
}

static uint32_t *index_endpoints(struct model *model,
				 int (*compare)(const void *, const void *, void *))
{
	uint32_t *index = calloc(model->endpoints_count + 1, sizeof(*index));

	if (!index)
		model_out_of_memory();
	for (size_t i = 0; i < model->endpoints_count; i++)
		index[i] = (uint32_t)i;
	qsort_r(index, model->endpoints_count, sizeof(*index), compare, model);
	return index;
}

void model_sort(struct model *model)
{
	SORT(model, topics, by_topic);
	SORT(model, endpoints, by_generation);
	SORT(model, claims, by_subscription);
	free(model->by_topic);
	free(model->by_session);
	model->by_topic = index_endpoints(model, by_topic_index);
	model->by_session = index_endpoints(model, by_session_index);
}

/* The part of @index whose endpoints have @wanted at byte @offset. */
static const uint32_t *find_range(const struct model *model, const uint32_t *index,
				  size_t offset, uint64_t wanted, size_t *count)
{
	size_t first = 0, end = model->endpoints_count, after;
	uint64_t value;

#define VALUE(i) (memcpy(&value, (const char *)&model->endpoints[index[i]] + offset, \
			 sizeof(value)), value)
	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (VALUE(middle) < wanted)
			first = middle + 1;
		else
			end = middle;
	}
	for (after = first; after < model->endpoints_count && VALUE(after) == wanted;)
		after++;
#undef VALUE
	*count = after - first;
	return index + first;
}

const uint32_t *model_of_topic(const struct model *model, uint64_t topic, size_t *count)
{
	return find_range(model, model->by_topic, offsetof(struct endpoint_row, topic), topic,
			  count);
}

const uint32_t *model_of_session(const struct model *model, uint64_t session, size_t *count)
{
	return find_range(model, model->by_session, offsetof(struct endpoint_row, session),
			  session, count);
}

struct topic_row *model_topic(const struct model *model, uint64_t topic)
{
	const struct topic_row key = { .topic = topic };

	if (!model->topics_count)
		return NULL;
	return bsearch(&key, model->topics, model->topics_count, sizeof(key), by_topic);
}

struct endpoint_row *model_endpoint(const struct model *model, uint64_t generation)
{
	const struct endpoint_row key = { .generation = generation };

	if (!model->endpoints_count)
		return NULL;
	return bsearch(&key, model->endpoints, model->endpoints_count, sizeof(key),
		       by_generation);
}

struct claim_row *model_claims(const struct model *model, uint64_t subscription, size_t *count)
{
	size_t first = 0, end = model->claims_count, after;

	while (first < end) {		/* the first that is not below */
		size_t middle = first + (end - first) / 2;

		if (model->claims[middle].subscription < subscription)
			first = middle + 1;
		else
			end = middle;
	}
	for (after = first; after < model->claims_count; after++)
		if (model->claims[after].subscription != subscription)
			break;
	*count = after - first;
	return *count ? &model->claims[first] : NULL;
}

struct endpoint_row *model_claimed(const struct model *model, const struct claim_row *claim)
{
	const struct endpoint_row *subscription = model_endpoint(model, claim->subscription);

	const uint32_t *index;
	size_t count;

	if (!subscription)
		return NULL;
	index = model_of_topic(model, subscription->topic, &count);
	for (size_t i = 0; i < count; i++) {
		struct endpoint_row *endpoint = &model->endpoints[index[i]];

		if (endpoint->kind == AGNOCAST_PUBLISHER &&
		    (uint32_t)endpoint->generation == claim->publisher)
			return endpoint;
	}
	return NULL;
}

struct process_row *model_session(const struct model *model, uint64_t session)
{
	for (size_t i = 0; i < model->processes_count; i++)
		if (model->processes[i].session == session && !model->processes[i].exited)
			return &model->processes[i];
	return NULL;
}

struct process_row *model_pid(const struct model *model, uint32_t pid)
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

void model_finish(struct model *model, const struct model *before)
{
	model_carry_exited(model, before);
	model_sum_up(model, before);
}

uint64_t model_mapping_bytes(const struct mapping_row *mapping)
{
	return mapping->own || mapping->parts & AGNOCAST_MAP_HEAP ? mapping->size
								  : AGNOCAST_CONTROL_SIZE;
}

bool model_mapping_is_wrong(const struct mapping_row *mapping)
{
	const char *right = mapping->own ? "rw-s" : "r--s";
	bool there = mapping->own ? mapping->ready : mapping->state == AGNOCAST_MAPPED;

	if (mapping->state == AGNOCAST_REFUSED && !mapping->own)
		return true;
	/* A mapping is made without access, then opened: until it is reported that is on its way. */
	if (mapping->perm_state == PERM_FOUND && !there &&
	    (!strcmp(mapping->perm, "---s") || !strcmp(mapping->perm, "mixed")))
		return false;
	if (mapping->perm_state == PERM_FOUND)
		return strcmp(mapping->perm, right) != 0;
	/* What a reader has of an owner that ended it may give back before it says so. */
	if (!mapping->own && !mapping->owner_alive)
		return false;
	return there && mapping->perm_state == PERM_NONE;
}

/* Does @session have an endpoint of @kind on @topic? */
static bool has_endpoint(const struct model *model, uint64_t session, uint32_t kind,
			 uint64_t topic)
{
	size_t count;
	const uint32_t *index = model_of_session(model, session, &count);

	for (size_t i = 0; i < count; i++)
		if (model->endpoints[index[i]].kind == kind &&
		    model->endpoints[index[i]].topic == topic)
			return true;
	return false;
}

/* Is one of the endpoints before the @i-th of @index the same kind on the same topic? */
static bool came_before(const struct model *model, const uint32_t *index, size_t i)
{
	const struct endpoint_row *endpoint = &model->endpoints[index[i]];

	for (size_t j = 0; j < i; j++)
		if (model->endpoints[index[j]].topic == endpoint->topic &&
		    model->endpoints[index[j]].kind == endpoint->kind)
			return true;
	return false;
}

/* An owner's own mapping is there for what it publishes. */
size_t model_mapping_topics(const struct model *model, const struct mapping_row *mapping,
			    const struct topic_row **topics, size_t max)
{
	bool heap = mapping->own || mapping->parts & AGNOCAST_MAP_HEAP;
	uint32_t kind = mapping->own || !heap ? AGNOCAST_PUBLISHER : AGNOCAST_SUBSCRIPTION;
	size_t count, found = 0;
	const uint32_t *index = model_of_session(model, mapping->reader, &count);

	for (size_t i = 0; i < count; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[index[i]];

		if (endpoint->kind != kind || came_before(model, index, i))
			continue;
		if (!mapping->own && !has_endpoint(model, mapping->owner,
						   heap ? AGNOCAST_PUBLISHER : AGNOCAST_SUBSCRIPTION,
						   endpoint->topic))
			continue;
		if (found < max)
			topics[found] = model_topic(model, endpoint->topic);
		found++;
	}
	return found;
}
