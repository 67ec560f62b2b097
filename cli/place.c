// SPDX-License-Identifier: BSD-2-Clause
/* place.c - whose memory lies at an address of the window, and of which topic */

#define _GNU_SOURCE
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format.h"
#include "source_area.h"

static const struct process_row *owner_of(const struct model *model, uint64_t address)
{
	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		if (process->session && address >= process->base &&
		    address - process->base < process->size)
			return process;
	}
	return NULL;
}

static const struct process_row *process_of(const struct model *model, uint32_t pid)
{
	for (size_t i = 0; i < model->processes_count; i++)
		if (model->processes[i].pid == pid && model->processes[i].session)
			return &model->processes[i];
	return NULL;
}

static bool maps(const struct model *model, uint64_t reader, uint64_t owner)
{
	for (size_t i = 0; i < model->mappings_count; i++) {
		const struct mapping_row *mapping = &model->mappings[i];

		if (!mapping->own && mapping->reader == reader && mapping->owner == owner &&
		    mapping->state == AGNOCAST_MAPPED)
			return true;
	}
	return false;
}

static const char *topic_name(const struct model *model, uint64_t topic)
{
	for (size_t i = 0; i < model->topics_count; i++)
		if (model->topics[i].topic == topic)
			return model->topics[i].name;
	return NULL;
}

static void find_topic(struct place *place, const struct model *model,
		       const struct process_row *owner, uint64_t address)
{
	for (size_t i = 0; i < model->endpoints_count && !place->is.topic; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[i];
		const char *name = topic_name(model, endpoint->topic);

		if (endpoint->session != owner->session || endpoint->kind != AGNOCAST_PUBLISHER ||
		    !name || !source_area_holds(owner, endpoint, address))
			continue;
		format_clean(place->topic, sizeof(place->topic), name);
		place->is.topic = place->topic;
	}
}

static void set_owner(struct place *place, const struct process_row *owner)
{
	place->is.owner_pid = owner->pid;
	place->is.owner_comm = format_clean(place->comm, sizeof(place->comm), owner->comm);
}

static uint32_t pid_in(const char *name)
{
	const char *at = strncmp(name, "agnocast@", 9) ? NULL : name + 9;

	return at ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

/* Of the owner's file: at the fault, if the kernel could look then; else now, if it is there. */
static uint64_t file_size(const struct agnocast_failure *failure, uint32_t owner)
{
	char path[64];
	struct stat st;

	if (pid_in(failure->vma_name) == owner)
		return failure->vma_file_size;
	snprintf(path, sizeof(path), "/dev/shm/agnocast@%u", owner);
	return stat(path, &st) ? 0 : (uint64_t)st.st_size;
}

static void find_fault(struct place *place, const struct model *model,
		       const struct agnocast_failure *failure)
{
	const struct agnocast_event *event = &failure->event;
	const struct process_row *owner = owner_of(model, event->address);
	const struct process_row *process = process_of(model, event->pid);

	if (!owner)
		return;
	set_owner(place, owner);
	place->is.own = owner->pid == event->pid;
	place->is.offset = event->address - owner->base;
	place->is.in_heap = place->is.offset >= AGNOCAST_CONTROL_SIZE;
	place->is.mapped = process && maps(model, process->session, owner->session);
	place->is.file_size = file_size(failure, owner->pid);
	if (place->is.in_heap)
		find_topic(place, model, owner, event->address);
}

/* "agnocast@PID" could not be opened: does PID live? */
static void find_named(struct place *place, const struct model *model,
		       const struct agnocast_event *event)
{
	const struct process_row *owner = process_of(model, pid_in(event->name));

	if (owner && !owner->exited)
		set_owner(place, owner);
}

/* What the kernel saw mapped there names its owner, even if the registry is not there. */
static void find_mapped(struct place *place, const struct agnocast_failure *failure)
{
	uint32_t pid = pid_in(failure->vma_name);
	char path[32], comm[AGNOCAST_COMM_MAX] = "?";
	FILE *file;

	if (!pid)
		return;
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = fopen(path, "re");
	if (file && !fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	if (file)
		fclose(file);
	comm[strcspn(comm, "\n")] = '\0';
	place->is.owner_pid = pid;
	place->is.owner_comm = format_clean(place->comm, sizeof(place->comm), comm);
	place->is.own = pid == failure->event.pid;
	place->is.in_heap = true;
}

void place_find(struct place *place, const struct model *model,
		const struct agnocast_failure *failure)
{
	const struct agnocast_event *event = &failure->event;

	memset(place, 0, sizeof(*place));
	place->is.known = model && model->registry_there;
	if (place->is.known && event->call == AGNOCAST_CALL_SHM_OPEN)
		find_named(place, model, event);
	if (place->is.known && event->call == AGNOCAST_CALL_SIGNAL)
		find_fault(place, model, failure);
	if (event->call == AGNOCAST_CALL_SIGNAL && !place->is.owner_pid)
		find_mapped(place, failure);
}
