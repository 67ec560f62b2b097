// SPDX-License-Identifier: BSD-2-Clause
/* machine.c - limits of this machine, from /proc/sys and statfs */

#define _GNU_SOURCE
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

uint64_t machine_number(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t number = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64, &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

void machine_read(struct cause_machine *machine, const struct agnocast_version *version)
{
	struct statvfs shm;

	*machine = (struct cause_machine){
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.max_map_count = machine_number("/proc/sys/vm/max_map_count"),
		.mmap_min_addr = machine_number("/proc/sys/vm/mmap_min_addr"),
		.file_max = machine_number("/proc/sys/fs/file-max"),
		.msg_max = machine_number("/proc/sys/fs/mqueue/msg_max"),
		.msgsize_max = machine_number("/proc/sys/fs/mqueue/msgsize_max"),
		.queues_max = machine_number("/proc/sys/fs/mqueue/queues_max"),
		.overcommit = machine_number("/proc/sys/vm/overcommit_memory"),
	};
	if (version) {
		machine->window_base = version->window_base;
		machine->window_bytes = version->area_size * version->sessions_max;
	}
	if (statvfs("/dev/shm", &shm))
		return;
	machine->shm_known = true;
	machine->shm_bytes = (uint64_t)shm.f_blocks * shm.f_frsize;
	/* A file system without a limit says 0 of 0. */
	machine->shm_free_bytes = shm.f_blocks ? (uint64_t)shm.f_bavail * shm.f_frsize : UINT64_MAX;
	machine->shm_free_inodes = shm.f_files ? shm.f_favail : UINT64_MAX;
}
