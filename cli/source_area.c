// SPDX-License-Identifier: BSD-2-Clause
/* source_area.c - the counters that processes keep in their areas */

#define _GNU_SOURCE
#include "source_area.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"

/* The block without its cursors: 8 KiB, of which a few are in use. */
#define SUB_BYTES offsetof(struct agnocast_sub, cursor)
#define CURSORS (sizeof(((struct agnocast_sub *)0)->cursor) / sizeof(struct agnocast_cursor))
#define CURSORS_LEAST 16

static bool read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
	return pread(fd, to, bytes, (off_t)offset) == (ssize_t)bytes;
}

static void set_why(struct process_row *process, int error)
{
	format_errno(process->area_why, sizeof(process->area_why), error);
}

/* A descriptor of the memory that is really that session's, or -1. */
static int open_area(struct process_row *process, struct agnocast_area *area)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/agnocast@%u", process->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		set_why(process, errno);
		return -1;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && read_at(fd, area, sizeof(*area), 0) &&
	    area->magic == AGNOCAST_AREA_MAGIC && area->version == AGNOCAST_LAYOUT_VERSION &&
	    area->session == process->session && area->base == process->base &&
	    area->size == process->size) {
		process->resident = (uint64_t)st.st_blocks * 512;
		return fd;
	}
	snprintf(process->area_why, sizeof(process->area_why), "not its memory");
	close(fd);
	return -1;
}

static void take_area(struct process_row *process, const struct agnocast_area *area)
{
	process->area_known = true;
	process->control_committed = area->control_committed;
	process->heap_committed = area->heap_committed;
	process->heap_used = area->heap_used;
	process->grows = area->grows;
	process->grow_failures = area->grow_failures;
	process->map_failures = area->map_failures;
	process->forks = area->forks;
	process->participant = area->participant;
}

/* Room for @bytes at @block in the control part, where blocks lie. */
static bool block_is_valid(uint64_t block, size_t bytes)
{
	return block >= sizeof(struct agnocast_area) && block % AGNOCAST_LINE == 0 &&
	       block < AGNOCAST_CONTROL_SIZE && bytes <= AGNOCAST_CONTROL_SIZE - block;
}

/* The block may have been given to another endpoint while we read it. */
static bool is_still(int fd, uint64_t block, size_t instance_at, uint64_t generation)
{
	uint64_t instance;

	return read_at(fd, &instance, sizeof(instance), block + instance_at) &&
	       instance == generation;
}

static void read_ring(int fd, struct endpoint_row *endpoint)
{
	struct agnocast_ring ring;

	if (!block_is_valid(endpoint->block, sizeof(ring)) ||
	    !read_at(fd, &ring, sizeof(ring), endpoint->block) ||
	    ring.instance != endpoint->generation || ring.head < ring.first ||
	    !is_still(fd, endpoint->block, offsetof(struct agnocast_ring, instance),
		      endpoint->generation))
		return;
	endpoint->known = true;
	endpoint->head = ring.head;
	endpoint->messages = ring.head - ring.first;
	endpoint->bytes = ring.published_bytes;
	endpoint->retained = ring.retained;
	endpoint->wakes = ring.wakes;
	endpoint->refused = ring.refused;
}

/* Claims change while they are read: one without a time was not finished, or is over. */
static void take_claims(struct model *model, struct endpoint_row *endpoint,
			const struct agnocast_sub *sub)
{
	endpoint->held = (uint64_t)__builtin_popcountll(sub->claimed);
	for (size_t i = 0; i < AGNOCAST_CLAIMS; i++) {
		struct claim_row *row;

		if (!(sub->claimed & UINT64_C(1) << i) || !sub->claimed_ns[i])
			continue;
		row = MODEL_ADD(model, claims);
		row->subscription = endpoint->generation;
		row->publisher = (uint32_t)(sub->claim[i] >> 32);
		row->seq = (uint32_t)sub->claim[i];
		row->since_ns = sub->claimed_ns[i];
		if (!endpoint->oldest_claim_ns || row->since_ns < endpoint->oldest_claim_ns)
			endpoint->oldest_claim_ns = row->since_ns;
	}
}

static void read_sub(int fd, struct model *model, struct endpoint_row *endpoint)
{
	struct agnocast_sub sub;

	if (!block_is_valid(endpoint->block, sizeof(sub)) ||
	    !read_at(fd, &sub, SUB_BYTES, endpoint->block) ||
	    sub.instance != endpoint->generation ||
	    !is_still(fd, endpoint->block, offsetof(struct agnocast_sub, instance),
		      endpoint->generation))
		return;
	endpoint->known = true;
	endpoint->messages = sub.taken;
	endpoint->dropped = sub.dropped;
	endpoint->skipped = sub.skipped;
	endpoint->sleeps = sub.sleeps;
	endpoint->refused = sub.refused;
	take_claims(model, endpoint, &sub);
	for (size_t i = 0; i < AGNOCAST_LATENCY_BUCKETS; i++)
		endpoint->latency[i] = sub.latency[i];
}

/* Where a subscription stands; the publisher's head may be read only later. */
struct place {
	uint64_t subscription, publisher, next;
};

struct places {
	struct place	*row;
	size_t		count;
};

/* Cursors are taken from the front: as many as there are publishers, and some that drained. */
static size_t cursors_of(const struct model *model, const struct endpoint_row *endpoint)
{
	const struct topic_row *topic = model_topic(model, endpoint->topic);
	size_t wanted = topic ? 2 * (size_t)topic->publishers : 0;

	return wanted < CURSORS_LEAST ? CURSORS_LEAST : wanted < CURSORS ? wanted : CURSORS;
}

static void read_cursors(int fd, const struct model *model, const struct endpoint_row *endpoint,
			 struct places *places)
{
	struct agnocast_cursor cursor[CURSORS];
	size_t count = cursors_of(model, endpoint);

	if (!endpoint->known || !read_at(fd, cursor, count * sizeof(cursor[0]),
					 endpoint->block + SUB_BYTES))
		return;
	for (size_t i = 0; i < count; i++) {
		struct place *place;

		if (!cursor[i].publisher)
			continue;
		places->row = model_array(places->row, places->count, sizeof(*places->row));
		place = &places->row[places->count++];
		place->subscription = endpoint->generation;
		place->publisher = cursor[i].publisher;
		place->next = cursor[i].next;
	}
}

static void set_lags(struct model *model, const struct places *places)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct place *place = &places->row[i];
		struct endpoint_row *subscription = model_endpoint(model, place->subscription);
		const struct endpoint_row *publisher = model_endpoint(model, place->publisher);

		if (!subscription || !publisher || !publisher->known ||
		    publisher->topic != subscription->topic)
			continue;
		subscription->lag_known = true;
		if (publisher->head > place->next)
			subscription->lag += publisher->head - place->next;
	}
}

static int by_session(const void *a, const void *b)
{
	const struct endpoint_row *left = a, *right = b;

	return (left->session > right->session) - (left->session < right->session);
}

static void read_endpoint(int fd, struct model *model, struct endpoint_row *endpoint,
			  struct places *places)
{
	if (endpoint->kind == AGNOCAST_PUBLISHER) {
		read_ring(fd, endpoint);
		return;
	}
	read_sub(fd, model, endpoint);
	read_cursors(fd, model, endpoint, places);
}

/* @next: the first endpoint of this session or of a later one; moved past its own. */
static void read_process(struct model *model, struct process_row *process, size_t *next,
			 struct places *places)
{
	struct agnocast_area area;
	int fd = process->ready ? open_area(process, &area) : -1;

	if (fd >= 0)
		take_area(process, &area);
	while (*next < model->endpoints_count &&
	       model->endpoints[*next].session < process->session)
		(*next)++;
	for (; *next < model->endpoints_count &&
	       model->endpoints[*next].session == process->session; (*next)++)
		if (fd >= 0)
			read_endpoint(fd, model, &model->endpoints[*next], places);
	if (fd >= 0)
		close(fd);
}

/* Sessions are listed in the order of their ids, which the walk relies on. */
void source_area_read(struct model *model)
{
	struct places places = { NULL, 0 };
	size_t next = 0;

	model_sort(model);
	if (model->endpoints_count)
		qsort(model->endpoints, model->endpoints_count, sizeof(*model->endpoints),
		      by_session);
	for (size_t i = 0; i < model->processes_count; i++)
		read_process(model, &model->processes[i], &next, &places);
	model_sort(model);
	set_lags(model, &places);
	free(places.row);
}

/* The rings are walked by their own counters, which are bounded by the file's control part. */
static bool ring_holds(int fd, const struct endpoint_row *publisher, uint64_t address)
{
	struct agnocast_ring ring;
	struct agnocast_entry entry;
	uint64_t at = publisher->block + offsetof(struct agnocast_ring, entry);

	if (!block_is_valid(publisher->block, sizeof(ring)) ||
	    !read_at(fd, &ring, sizeof(ring), publisher->block) ||
	    ring.instance != publisher->generation || !ring.capacity ||
	    ring.capacity > 2 * AGNOCAST_DEPTH_MAX)
		return false;
	for (uint64_t i = 0; i < ring.capacity; i++, at += sizeof(entry)) {
		if (!read_at(fd, &entry, sizeof(entry), at))
			return false;
		if (entry.seq && address >= entry.address && address - entry.address < entry.bytes)
			return true;
	}
	return false;
}

bool source_area_holds(const struct process_row *owner, const struct endpoint_row *publisher,
		       uint64_t address)
{
	struct process_row process = *owner;
	struct agnocast_area area;
	int fd = open_area(&process, &area);
	bool holds = fd >= 0 && ring_holds(fd, publisher, address);

	if (fd >= 0)
		close(fd);
	return holds;
}
