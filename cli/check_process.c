// SPDX-License-Identifier: BSD-2-Clause
/* check_process.c - the processes that run: limits, namespaces, mappings */

#define _GNU_SOURCE
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cells.h"
#include "format.h"
#include "process_state.h"
#include "source_proc.h"

#define MAPS_PERCENT	80
#define FDS_PERCENT	90
#define LIST_MAX	6	/* pids named in one sentence */

static bool is_asked(const struct doctor *doctor, uint32_t pid)
{
	return !doctor->pid || doctor->pid == pid;
}

static const struct process_row *member(const struct doctor *doctor, uint32_t pid)
{
	for (size_t i = 0; i < doctor->model.processes_count; i++)
		if (doctor->model.processes[i].pid == pid)
			return &doctor->model.processes[i];
	return NULL;
}

static const char *clean_comm(char comm[AGNOCAST_COMM_MAX], const struct process_row *process)
{
	return format_clean(comm, AGNOCAST_COMM_MAX, process->comm);
}

/* Counters that processes keep of what the system refused them. */
static void say_member(struct doctor *doctor, const struct process_row *process)
{
	char comm[AGNOCAST_COMM_MAX], used[16], committed[16];

	clean_comm(comm, process);
	if (process->area_known && process->grow_failures)
		doctor_say(doctor, LEVEL_WARN, "make /dev/shm larger, or lower MEMPOOL_SIZE",
			   "pid %u %s: the system refused memory %" PRIu64 " times", process->pid,
			   comm, process->grow_failures);
	if (!doctor->pid)
		return;
	if (process->area_known)
		doctor_say(doctor, LEVEL_OK, NULL, "pid %u %s: area %" PRIx64 ", %s of %s used, "
			   "%u publishers, %u subscriptions", process->pid, comm, process->base,
			   format_bytes(used, sizeof(used), (double)process->heap_used),
			   format_bytes(committed, sizeof(committed),
					(double)process->heap_committed),
			   process->publishers, process->subscriptions);
	else
		doctor_say(doctor, LEVEL_SKIP, NULL, "pid %u %s: its counters can't be read (%s)",
			   process->pid, comm, process->ready ? process->area_why : "not ready yet");
}

void check_members(struct doctor *doctor)
{
	unsigned int before = doctor->count[LEVEL_WARN];

	if (doctor->pid && !source_proc_is_alive(doctor->pid)) {
		doctor_say(doctor, LEVEL_FAIL, NULL, "there is no process %u", doctor->pid);
		return;
	}
	if (doctor->pid && doctor->there && !member(doctor, doctor->pid)) {
		doctor_say(doctor, LEVEL_FAIL, "start it by `agnocast run`, or set LD_PRELOAD and "
			   "MEMPOOL_SIZE", "process %u has not joined this registry", doctor->pid);
		return;
	}
	for (size_t i = 0; i < doctor->model.processes_count; i++)
		if (is_asked(doctor, doctor->model.processes[i].pid))
			say_member(doctor, &doctor->model.processes[i]);
	if (!doctor->pid && doctor->count[LEVEL_WARN] == before)
		doctor_say(doctor, LEVEL_OK, NULL, "nobody was refused memory");
}

static void say_limits(struct doctor *doctor, const struct process_row *process)
{
	uint64_t as = process_limit(process->pid, "Max address space");
	uint64_t nofile = process_limit(process->pid, "Max open files");
	uint64_t fds = process_open_files(process->pid), maps = process_mappings(process->pid);
	char comm[AGNOCAST_COMM_MAX], size[16];

	clean_comm(comm, process);
	if (as != UINT64_MAX)
		doctor_say(doctor, LEVEL_WARN, "ulimit -v unlimited, or LimitAS=infinity: addresses "
			   "cost no memory", "pid %u %s: RLIMIT_AS is %s", process->pid, comm,
			   format_bytes(size, sizeof(size), (double)as));
	if (nofile != UINT64_MAX && fds != UINT64_MAX && fds * 100 >= nofile * FDS_PERCENT)
		doctor_say(doctor, LEVEL_WARN, "raise it (ulimit -n, LimitNOFILE=), or look for a leak",
			   "pid %u %s: %" PRIu64 " of %" PRIu64 " descriptors are open",
			   process->pid, comm, fds, nofile);
	if (doctor->machine.max_map_count && maps != UINT64_MAX &&
	    maps * 100 >= doctor->machine.max_map_count * MAPS_PERCENT)
		doctor_say(doctor, LEVEL_WARN, "sysctl -w vm.max_map_count=262144",
			   "pid %u %s: %" PRIu64 " of %" PRIu64 " mappings", process->pid, comm, maps,
			   doctor->machine.max_map_count);
}

void check_limits(struct doctor *doctor)
{
	unsigned int before = doctor->count[LEVEL_WARN];

	for (size_t i = 0; i < doctor->model.processes_count; i++)
		if (is_asked(doctor, doctor->model.processes[i].pid))
			say_limits(doctor, &doctor->model.processes[i]);
	if (doctor->count[LEVEL_WARN] == before)
		doctor_say(doctor, LEVEL_OK, NULL, "nobody is near a limit of descriptors, addresses "
			   "or mappings");
}

struct list {
	char		text[LIST_MAX * 9 + 8];
	unsigned int	count;
};

static void add_pid(struct list *list, uint32_t pid)
{
	size_t used = strlen(list->text);

	if (list->count++ < LIST_MAX)
		snprintf(list->text + used, sizeof(list->text) - used, " %u", pid);
	else if (list->count == LIST_MAX + 1)
		snprintf(list->text + used, sizeof(list->text) - used, " ...");
}

/* 1: another one than ours; 0: the same; -1: may not be read. */
static int is_other(uint32_t pid, const char *ns)
{
	char path[48], mine[48];
	struct stat theirs, ours;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, ns);
	snprintf(mine, sizeof(mine), "/proc/self/%s", ns);
	if (stat(path, &theirs) || stat(mine, &ours))
		return -1;
	return theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev;
}

static const struct {
	const char	*path, *says, *remedy;
} namespaces[] = {
	{ "ns/ipc", "in another IPC namespace: it has other topics",
	  "containers: --ipc=host, or one IPC namespace for all" },
	{ "root/dev/shm", "with another /dev/shm: its memory can't be opened by name",
	  "containers: share /dev/shm (--ipc=host does)" },
	{ "ns/pid", "in another pid namespace: it calls the same processes by other numbers",
	  NULL },
};

/* Members, or the one that was asked for, member or not. */
void check_namespaces(struct doctor *doctor)
{
	size_t count = doctor->pid ? 1 : doctor->model.processes_count;
	unsigned int unknown = 0, said = 0;

	if (doctor->pid && !source_proc_is_alive(doctor->pid))
		return;
	for (size_t kind = 0; kind < sizeof(namespaces) / sizeof(namespaces[0]); kind++) {
		struct list list = { "", 0 };

		for (size_t i = 0; i < count; i++) {
			uint32_t pid = doctor->pid ? doctor->pid : doctor->model.processes[i].pid;
			int other = is_other(pid, namespaces[kind].path);

			if (other > 0)
				add_pid(&list, pid);
			unknown += other < 0;
		}
		if (!list.count)
			continue;
		said++;
		doctor_say(doctor, namespaces[kind].remedy ? LEVEL_WARN : LEVEL_OK,
			   namespaces[kind].remedy, "pid%s %s", list.text, namespaces[kind].says);
	}
	if (!said && unknown)
		doctor_say(doctor, LEVEL_SKIP, "run as root", "processes of other users can't be "
			   "looked into");
	else if (!said)
		doctor_say(doctor, LEVEL_OK, NULL, "all in the same namespaces as this command");
}

static void say_mapping(struct doctor *doctor, const struct mapping_row *mapping)
{
	char comm[AGNOCAST_COMM_MAX], state[32];
	struct agnocast_failure failure = {
		.event = { .call = AGNOCAST_CALL_REPORT, .result = -(int64_t)mapping->error,
			   .address = mapping->base, .length = model_mapping_bytes(mapping),
			   .pid = mapping->reader_pid, .fd = -1 },
	};
	struct cause cause;
	struct vma vma;

	process_capture(&failure);
	cause_find(&cause, &(struct cause_case){ .failure = &failure,
						 .captured = failure.process_known,
						 .machine = &doctor->machine });
	mapping_state(state, sizeof(state), mapping);
	format_clean(comm, sizeof(comm), mapping->comm);
	if (mapping->error == EEXIST &&
	    source_proc_in_the_way(mapping->reader_pid, mapping->base, mapping->size, &vma)) {
		char name[sizeof(vma.name)];

		doctor_say(doctor, LEVEL_FAIL, cause.remedy, "pid %u %s could not map pid %u's "
			   "memory: %" PRIx64 "-%" PRIx64 " %s %s is in the way",
			   mapping->reader_pid, comm, mapping->owner_pid, vma.start, vma.end,
			   vma.perm, vma.name[0] ? format_clean(name, sizeof(name), vma.name)
						 : "(no file)");
		return;
	}
	doctor_say(doctor, LEVEL_FAIL, cause.remedy[0] ? cause.remedy : NULL,
		   "pid %u %s %s pid %u's memory: %s%s%s", mapping->reader_pid, comm,
		   mapping->state == AGNOCAST_REFUSED ? "could not map" : "maps",
		   mapping->owner_pid, state, cause.why[0] ? "; " : "", cause.why);
}

void check_mappings(struct doctor *doctor)
{
	size_t looked_at = 0;
	unsigned int before = doctor->count[LEVEL_FAIL];

	source_proc_permissions(&doctor->model, NULL);
	for (size_t i = 0; i < doctor->model.mappings_count; i++) {
		const struct mapping_row *mapping = &doctor->model.mappings[i];

		if (!is_asked(doctor, mapping->reader_pid) &&
		    !is_asked(doctor, mapping->owner_pid))
			continue;
		looked_at++;
		if (model_mapping_is_wrong(mapping))
			say_mapping(doctor, mapping);
	}
	if (doctor->count[LEVEL_FAIL] == before)
		doctor_say(doctor, LEVEL_OK, NULL, "%zu mappings, all as they should be", looked_at);
}

static bool has_library(uint32_t pid)
{
	char path[48], *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	file = fopen(path, "re");
	while (!found && file && getline(&line, &room, file) > 0)
		found = strstr(line, "/libagnocast.so");
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* It has an area that says so: of another registry, if this one does not list it. */
static bool has_joined(uint32_t pid)
{
	struct agnocast_area header;
	char path[64];
	bool joined;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/root/dev/shm/agnocast@%u", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	joined = fd >= 0 && read(fd, &header, sizeof(header)) == (ssize_t)sizeof(header) &&
		 header.magic == AGNOCAST_AREA_MAGIC && header.pid == pid;
	if (fd >= 0)
		close(fd);
	return joined;
}

/* In this IPC namespace: loaded, but without a session: no MEMPOOL_SIZE, a wrong registry, or too late. */
void check_preload(struct doctor *doctor)
{
	DIR *proc = opendir("/proc");
	struct list list = { "", 0 }, elsewhere = { "", 0 };
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		uint32_t pid = (uint32_t)strtoul(entry->d_name, NULL, 10);

		if (pid && is_asked(doctor, pid) && !member(doctor, pid) &&
		    is_other(pid, "ns/ipc") <= 0 && has_library(pid))
			add_pid(has_joined(pid) ? &elsewhere : &list, pid);
	}
	if (proc)
		closedir(proc);
	if (list.count)
		doctor_say(doctor, LEVEL_WARN, "AGNOCAST_STRICT=1 makes the library say why at the "
			   "start; MEMPOOL_SIZE must be set", "pid%s loaded libagnocast.so but has "
			   "not joined a registry", list.text);
	else if (elsewhere.count)
		doctor_say(doctor, LEVEL_OK, NULL, "pid%s joined another registry", elsewhere.text);
	else
		doctor_say(doctor, LEVEL_OK, NULL, "all that loaded libagnocast.so have joined");
}
