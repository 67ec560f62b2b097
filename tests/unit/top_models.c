// SPDX-License-Identifier: BSD-2-Clause
/* top_models.c - models for the tests of agnocast-top, made by hand */

#include "top_models.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

void utf8(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		cr_skip("no C.UTF-8 locale");
}

struct topic_row *add_topic(struct model *model, uint64_t id, const char *name,
			    uint32_t publishers, uint32_t subscriptions)
{
	struct topic_row *topic = MODEL_ADD(model, topics);

	topic->topic = id;
	topic->publishers = publishers;
	topic->subscriptions = subscriptions;
	snprintf(topic->name, sizeof(topic->name), "%s", name);
	return topic;
}

struct endpoint_row *add_endpoint(struct model *model, uint64_t generation, uint64_t topic,
				  uint32_t kind, uint64_t messages)
{
	struct endpoint_row *endpoint = MODEL_ADD(model, endpoints);

	endpoint->generation = generation;
	endpoint->topic = topic;
	endpoint->kind = kind;
	endpoint->depth = 4;
	endpoint->known = true;
	endpoint->messages = messages;
	return endpoint;
}

struct process_row *add_process(struct model *model, uint64_t session, uint32_t pid,
				const char *comm)
{
	struct process_row *process = MODEL_ADD(model, processes);

	process->session = session;
	process->pid = pid;
	snprintf(process->comm, sizeof(process->comm), "%s", comm);
	return process;
}

static void add_claims(struct model *model, uint64_t subscription)
{
	*MODEL_ADD(model, claims) = (struct claim_row){
		.subscription = subscription, .publisher = 10, .seq = 108,
		.since_ns = model->mono_ns - 20000000,
	};
	*MODEL_ADD(model, claims) = (struct claim_row){
		.subscription = subscription, .publisher = 10, .seq = 107,
		.since_ns = model->mono_ns - 120000000,
	};
}

static void add_lidar(struct model *model, uint64_t messages)
{
	struct endpoint_row *endpoint;

	add_topic(model, 1, "/sensing/lidar/top/points_of_a_very_long_name", 1, 2);
	add_topic(model, 2, "/map/\033[31mvector_map", 0, 1);
	endpoint = add_endpoint(model, 10, 1, AGNOCAST_PUBLISHER, messages);
	endpoint->bytes = messages * 4194304;
	endpoint->session = 1;
	endpoint->pid = 14671;
	endpoint->retained = 6;
	endpoint->wakes = 99;
	endpoint->flags = AGNOCAST_TRANSIENT_LOCAL;
	endpoint = add_endpoint(model, 11, 1, AGNOCAST_SUBSCRIPTION, messages);
	endpoint->session = 2;
	endpoint->pid = 4194304;
	snprintf(endpoint->node, sizeof(endpoint->node), "/perception/\"b\"");
	endpoint->latency[13] = messages;	/* 8 to 16 us */
	endpoint->latency[16] = 3;
	endpoint->held = 2;
	endpoint->oldest_claim_ns = model->mono_ns - 120000000;
	endpoint->dropped = 41;
	endpoint->lag_known = true;
	endpoint->lag = 3;
	add_claims(model, 11);
	endpoint = add_endpoint(model, 12, 2, AGNOCAST_SUBSCRIPTION, 0);
	endpoint->session = 2;
	endpoint->pid = 4194304;
	endpoint->flags = AGNOCAST_IGNORE_LOCAL;
}

static void add_processes(struct model *model)
{
	struct process_row *process = add_process(model, 1, 14671, "lidar_driver");

	process->publishers = 1;
	process->base = 0x180000000000;
	process->mempool_size = 100 << 20;
	process->ready = process->area_known = process->calls_known = true;
	process->heap_committed = 104 << 20;
	process->heap_used = 33 << 20;
	process->calls[MODEL_MMAP] = (struct call_row){ .calls = 13, .errors = 3, .sum_ns = 26000 };
	process = add_process(model, 2, 4194304, "b\033ad");
	process->ready = true;
	process->subscriptions = 2;
	process->base = 0x180400000000;
	process->maps_in = 1;
	snprintf(process->area_why, sizeof(process->area_why), "EACCES");
	process = add_process(model, 3, 99, "rosbag");
	process->exited = true;
	process->exited_ns = model->mono_ns - SECOND;
}

static void add_mappings(struct model *model)
{
	struct mapping_row *mapping = MODEL_ADD(model, mappings);

	*mapping = (struct mapping_row){
		.owner_pid = 14671, .reader_pid = 14671, .comm = "lidar_driver", .own = true,
		.base = 0x180000000000, .size = 16ULL << 30, .ready = true,
		.owner = 1, .reader = 1, .owner_alive = true, .perm_ns = model->mono_ns,
		.perm_state = PERM_FOUND, .perm = "rw-s",
	};
	mapping = MODEL_ADD(model, mappings);
	*mapping = (struct mapping_row){
		.serial = 5, .owner = 1, .reader = 2, .owner_pid = 14671, .reader_pid = 4194304, .comm = "b\033ad",
		.base = 0x180000000000, .size = 16ULL << 30, .state = AGNOCAST_REFUSED,
		.error = EEXIST, .parts = AGNOCAST_MAP_PARTS, .owner_alive = true,
		.perm_state = PERM_UNREADABLE,
	};
}

static void add_failure(struct model *model)
{
	struct failure_row *failure = MODEL_ADD(model, failures);

	*failure = (struct failure_row){
		.why = "no file is in the way", .remedy = "another window base",
		.time_ns = 1700000000 * SECOND, .pid = 4194304, .comm = "b\033ad", .call = "mmap",
		.error = EEXIST, .address = 0x180000000000, .length = 16ULL << 30,
		.name = "agnocast@14671", .count = 3,
	};
}

const struct model *make_model(void)
{
	static struct model then = { .mono_ns = SECOND }, now = { .mono_ns = 2 * SECOND };

	if (now.time_ns)
		return &now;
	now.time_ns = 1700000001 * SECOND;
	setenv("TZ", "UTC", 1);
	add_lidar(&then, 100);
	model_finish(&then, NULL);
	add_lidar(&now, 110);
	add_processes(&now);
	add_mappings(&now);
	add_failure(&now);
	now.delay_s = 1;
	now.lost = 2;
	now.shm_known = true;
	now.shm_bytes = 1 << 30;
	now.shm_used = 1 << 27;
	now.registry_there = true;
	snprintf(now.where, sizeof(now.where), "/run/a");
	snprintf(now.version.home, sizeof(now.version.home), "kernel");
	snprintf(now.version.version, sizeof(now.version.version), "9.9");
	snprintf(now.bpf_why, sizeof(now.bpf_why), "not permitted");
	model_finish(&now, &then);
	return &now;
}
