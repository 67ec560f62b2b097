// SPDX-License-Identifier: BSD-2-Clause
/* process_state.c - limits of a process and how near it is to them, from /proc */

#define _GNU_SOURCE
#include "process_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FD_NAMES	"/dev/shm/"

static FILE *open_file(uint32_t pid, const char *name)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	return fopen(path, "re");
}

/* The number after @name, at the start of a line; UINT64_MAX: none, or no such line. */
static uint64_t number_after(FILE *file, const char *name)
{
	uint64_t value = UINT64_MAX;
	char line[160];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), " %" SCNu64, &value) != 1)
			value = UINT64_MAX;
	if (file)
		fclose(file);
	return value;
}

uint64_t process_limit(uint32_t pid, const char *name)
{
	return number_after(open_file(pid, "limits"), name);
}

uint64_t process_open_files(uint32_t pid)
{
	char path[48];
	uint64_t count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return UINT64_MAX;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

uint64_t process_mappings(uint32_t pid)
{
	FILE *file = open_file(pid, "maps");
	uint64_t count = 0;
	int c;

	if (!file)
		return UINT64_MAX;
	while ((c = getc_unlocked(file)) != EOF)
		count += c == '\n';
	fclose(file);
	return count;
}

/* Of an area, the name of the file behind the descriptor, where no call showed it. */
static void find_name(struct agnocast_event *event)
{
	char path[48], target[64];
	ssize_t length;

	if (event->name[0] || event->fd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", event->pid, event->fd);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	if (!strncmp(target, FD_NAMES, strlen(FD_NAMES)))
		snprintf(event->name, sizeof(event->name), "%.*s", (int)sizeof(event->name) - 1,
			 target + strlen(FD_NAMES));
}

void process_capture(struct agnocast_failure *failure)
{
	uint32_t pid = failure->event.pid;
	uint64_t locked_kib = number_after(open_file(pid, "status"), "VmLck:");
	uint64_t size_kib = number_after(open_file(pid, "status"), "VmSize:");
	uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;

	if (locked_kib == UINT64_MAX || size_kib == UINT64_MAX)
		return;		/* ended: nothing of it may be said */
	failure->locked_pages = locked_kib / page_kib;
	failure->total_pages = size_kib / page_kib;
	failure->map_count = process_mappings(pid);
	failure->limit_as = process_limit(pid, "Max address space");
	failure->limit_memlock = process_limit(pid, "Max locked memory");
	failure->limit_nofile = process_limit(pid, "Max open files");
	failure->limit_msgqueue = process_limit(pid, "Max msgqueue size");
	failure->limit_fsize = process_limit(pid, "Max file size");
	failure->next_fd = process_open_files(pid);
	find_name(&failure->event);
	failure->process_known = failure->map_count != UINT64_MAX &&
				 failure->next_fd != UINT64_MAX;
}
