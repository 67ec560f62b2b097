// SPDX-License-Identifier: BSD-2-Clause
/* source_registry.c - the registry's lists */

#define _GNU_SOURCE
#include "source_registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source_area.h"

#define PAGE_BYTES	32768		/* well below AGNOCAST_PACKET_MAX */
#define RECORDS_MAX	(1U << 20)	/* of one list: whoever answers is not trusted to end */

/* What to do with each record of a list. */
typedef void (*take_record)(struct model *model, const void *record);

static int list_page(struct registry_client *client, struct agnocast_list *list,
		     void *page, uint32_t what, size_t record_size)
{
	const uint64_t cursor = list->next;
	int ret;

	*list = (struct agnocast_list){
		.what = what, .cursor = cursor,
		.buf = (uintptr_t)page, .buf_len = PAGE_BYTES,
	};
	ret = registry_client_call(client, AGNOCAST_LIST_CMD, list);
	if (ret)
		return ret;
	if (!list->count)
		return 0;
	if (list->record_size != record_size || list->count > PAGE_BYTES / record_size ||
	    list->next == cursor)
		return -EPROTO;
	return 0;
}

static int list_all(struct source_registry *source, struct model *model, uint32_t what,
		    size_t record_size, take_record take)
{
	_Alignas(8) char page[PAGE_BYTES];
	struct agnocast_list list = { 0 };
	size_t total = 0;
	int ret;

	do {
		ret = list_page(&source->client, &list, page, what, record_size);
		for (uint32_t i = 0; !ret && i < list.count; i++)
			take(model, page + i * record_size);
		total += list.count;
	} while (!ret && list.count && total < RECORDS_MAX);
	return ret;
}

static void copy_name(char *to, size_t len, const char *from, size_t from_len)
{
	snprintf(to, len, "%.*s", (int)strnlen(from, from_len), from);
}

static void take_session(struct model *model, const void *record)
{
	const struct agnocast_session_info *info = record;
	struct process_row *row = MODEL_ADD(model, processes);
	struct mapping_row *own;

	row->session = info->session;
	row->pid = info->pid;
	row->uid = info->uid;
	row->base = info->base;
	row->size = info->size;
	row->mempool_size = info->mempool_size;
	row->ready = info->ready;
	copy_name(row->comm, sizeof(row->comm), info->comm, sizeof(info->comm));
	own = MODEL_ADD(model, mappings);
	own->owner = own->reader = info->session;
	own->owner_pid = own->reader_pid = info->pid;
	own->base = info->base;
	own->size = info->size;
	own->own = own->owner_alive = true;
	own->ready = info->ready;
	memcpy(own->comm, row->comm, sizeof(own->comm));
}

static void take_topic(struct model *model, const void *record)
{
	const struct agnocast_topic_info *info = record;
	struct topic_row *row = MODEL_ADD(model, topics);

	row->topic = info->topic;
	row->publishers = info->publishers;
	row->subscriptions = info->subscriptions;
	copy_name(row->name, sizeof(row->name), info->name, sizeof(info->name));
}

static void take_endpoint(struct model *model, const void *record)
{
	const struct agnocast_endpoint_info *info = record;
	struct endpoint_row *row = MODEL_ADD(model, endpoints);
	struct process_row *process = model_session(model, info->session);

	row->generation = info->generation;
	row->topic = info->topic;
	row->session = info->session;
	row->pid = info->pid;
	row->kind = info->kind;
	row->flags = info->flags;
	row->depth = info->depth;
	row->block = info->block;
	copy_name(row->node, sizeof(row->node), info->node, sizeof(info->node));
	if (process && info->kind == AGNOCAST_PUBLISHER)
		process->publishers++;
	else if (process)
		process->subscriptions++;
}

static void take_mapping(struct model *model, const void *record)
{
	const struct agnocast_mapping_info *info = record;
	struct process_row *reader = model_session(model, info->reader);
	struct mapping_row *row = MODEL_ADD(model, mappings);

	row->serial = info->serial;
	row->owner = info->owner;
	row->reader = info->reader;
	row->owner_pid = info->owner_pid;
	row->reader_pid = info->reader_pid;
	row->base = info->base;
	row->size = info->size;
	row->state = info->state;
	row->parts = info->parts;
	row->error = info->error;
	row->owner_alive = info->owner_alive;
	if (!reader)
		return;
	memcpy(row->comm, reader->comm, sizeof(row->comm));
	reader->maps_in += info->state == AGNOCAST_MAPPED;
	reader->maps_refused += info->state == AGNOCAST_REFUSED;
}

int source_registry_open(struct source_registry *source, const char *where,
			 char *why, size_t len)
{
	int ret = registry_client_open(&source->client, where, why, len);

	source->where = where;
	if (ret)
		return ret;
	ret = registry_client_call(&source->client, AGNOCAST_VERSION_CMD, &source->version);
	if (!ret && source->version.abi != AGNOCAST_ABI_VERSION)
		ret = -EPROTO;
	if (ret) {
		snprintf(why, len, ret == -EPROTO
			 ? "the registry at %s speaks another version; install matching parts"
			 : "the registry at %s does not answer as one (%s)",
			 source->client.address, strerror(-ret));
		registry_client_close(&source->client);
		return ret;
	}
	source->open = true;
	return 0;
}

void source_registry_close(struct source_registry *source)
{
	if (source->open)
		registry_client_close(&source->client);
	source->open = false;
}

static int fill_lists(struct source_registry *source, struct model *model)
{
	int ret = list_all(source, model, AGNOCAST_LIST_SESSIONS,
			   sizeof(struct agnocast_session_info), take_session);

	if (!ret)
		ret = list_all(source, model, AGNOCAST_LIST_TOPICS,
			       sizeof(struct agnocast_topic_info), take_topic);
	if (!ret)
		ret = list_all(source, model, AGNOCAST_LIST_ENDPOINTS,
			       sizeof(struct agnocast_endpoint_info), take_endpoint);
	if (!ret)
		ret = list_all(source, model, AGNOCAST_LIST_MAPPINGS,
			       sizeof(struct agnocast_mapping_info), take_mapping);
	return ret;
}

int source_registry_fill(struct source_registry *source, struct model *model)
{
	int ret = 0;

	if (!source->open)
		ret = source_registry_open(source, source->where, model->registry_why,
					   sizeof(model->registry_why));
	if (ret)
		return ret;
	ret = fill_lists(source, model);
	if (ret) {
		snprintf(model->registry_why, sizeof(model->registry_why),
			 "%s stopped answering (%s)", source->client.address, strerror(-ret));
		source_registry_close(source);
		return ret;
	}
	model->registry_there = true;
	model->version = source->version;
	snprintf(model->where, sizeof(model->where), "%s", source->client.address);
	source_area_read(model);
	return 0;
}
