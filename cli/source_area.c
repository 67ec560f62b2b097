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

/* The whole block but for the cursors, which nobody shows. */
#define SUB_BYTES offsetof(struct agnocast_sub, cursor)

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
	endpoint->messages = ring.head - ring.first;
	endpoint->bytes = ring.published_bytes;
	endpoint->retained = ring.retained;
	endpoint->wakes = ring.wakes;
	endpoint->refused = ring.refused;
}

static uint64_t oldest_claim(const struct agnocast_sub *sub)
{
	uint64_t oldest = 0;

	for (size_t i = 0; i < AGNOCAST_CLAIMS; i++)
		if (sub->claimed & UINT64_C(1) << i && sub->claimed_ns[i] &&
		    (!oldest || sub->claimed_ns[i] < oldest))
			oldest = sub->claimed_ns[i];
	return oldest;
}

static void read_sub(int fd, struct endpoint_row *endpoint)
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
	endpoint->held = (uint64_t)__builtin_popcountll(sub.claimed);
	endpoint->oldest_claim_ns = oldest_claim(&sub);
	for (size_t i = 0; i < AGNOCAST_LATENCY_BUCKETS; i++)
		endpoint->latency[i] = sub.latency[i];
}

static int by_session(const void *a, const void *b)
{
	const struct endpoint_row *left = a, *right = b;

	return (left->session > right->session) - (left->session < right->session);
}

/* @next: the first endpoint of this session or of a later one; moved past its own. */
static void read_process(struct model *model, struct process_row *process, size_t *next)
{
	struct agnocast_area area;
	int fd = process->ready ? open_area(process, &area) : -1;

	if (fd >= 0)
		take_area(process, &area);
	while (*next < model->endpoints_count &&
	       model->endpoints[*next].session < process->session)
		(*next)++;
	for (; *next < model->endpoints_count &&
	       model->endpoints[*next].session == process->session; (*next)++) {
		struct endpoint_row *endpoint = &model->endpoints[*next];

		if (fd >= 0 && endpoint->kind == AGNOCAST_PUBLISHER)
			read_ring(fd, endpoint);
		else if (fd >= 0)
			read_sub(fd, endpoint);
	}
	if (fd >= 0)
		close(fd);
}

/* Sessions are listed in the order of their ids, which the walk relies on. */
void source_area_read(struct model *model)
{
	size_t next = 0;

	if (model->endpoints_count)
		qsort(model->endpoints, model->endpoints_count, sizeof(*model->endpoints),
		      by_session);
	for (size_t i = 0; i < model->processes_count; i++)
		read_process(model, &model->processes[i], &next);
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
