// SPDX-License-Identifier: BSD-2-Clause
/*
 * check_cgroup.c - what the memory control groups leave
 *
 * An area's pages are charged to the group of the process that promises them.
 * The library refuses a promise that does not fit; for what a heap grows by
 * later, the kernel kills.
 */

#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../lib/cgroup.h"
#include "../lib/config.h"
#include "command.h"
#include "format.h"
#include "source_proc.h"

#define FILE_BYTES	256	/* of a limit's name */
#define NEARLY		10	/* room for less than this part of the heap that is there */

static const char raise_limit[] =
	"raise it (MemoryMax=, --memory) or lower MEMPOOL_SIZE";

struct room {
	uint64_t	bytes;		/* UINT64_MAX: no limit */
	char		left[16];
	char		file[FILE_BYTES];	/* cleaned */
};

static void look(struct room *room, uint32_t pid)
{
	char file[FILE_BYTES] = "";

	room->bytes = cgroup_room("", pid, file, sizeof(file));
	format_bytes(room->left, sizeof(room->left), (double)room->bytes);
	format_clean(room->file, sizeof(room->file), file);
}

/* What a process that is started from here would want. */
static uint64_t usual_mempool(void)
{
	const char *size = getenv("MEMPOOL_SIZE");
	char why[MODEL_SENTENCE];
	uint64_t bytes;

	if (!size || config_size("MEMPOOL_SIZE", size, &bytes, why, sizeof(why)))
		config_size("MEMPOOL_SIZE", COMMAND_MEMPOOL, &bytes, why, sizeof(why));
	return bytes;
}

/* What it was not promised yet; 0 also if that cannot be known. */
static uint64_t missing(const struct process_row *process)
{
	if (!process->area_known || process->participant ||
	    process->heap_committed > process->mempool_size)
		return 0;
	return process->mempool_size - process->heap_committed;
}

static void say_member(struct doctor *doctor, const struct process_row *process)
{
	uint64_t wants = missing(process);
	char comm[AGNOCAST_COMM_MAX], size[16];
	struct room room;

	look(&room, process->pid);
	format_clean(comm, sizeof(comm), process->comm);
	if (wants > room.bytes)
		doctor_say(doctor, LEVEL_FAIL, raise_limit, "pid %u %s: %s left, an endpoint takes %s "
			   "(ENOMEM): %s", process->pid, comm, room.left,
			   format_bytes(size, sizeof(size), (double)wants), room.file);
	else if (process->area_known && room.bytes < process->heap_committed / NEARLY)
		doctor_say(doctor, LEVEL_WARN, raise_limit, "pid %u %s: %s left, it has %s and is killed "
			   "for more: %s", process->pid, comm, room.left,
			   format_bytes(size, sizeof(size), (double)process->heap_committed),
			   room.file);
}

/* The group of @pid, 0: the caller's, where somebody will want @wants bytes. */
static void say_group(struct doctor *doctor, uint32_t pid, uint64_t wants)
{
	char size[16];
	struct room room;

	look(&room, pid);
	if (room.bytes == UINT64_MAX)
		doctor_say(doctor, LEVEL_OK, NULL, "no limit to be seen");
	else if (wants > room.bytes)
		doctor_say(doctor, LEVEL_FAIL, raise_limit, "%s left, MEMPOOL_SIZE=%s is refused "
			   "(ENOMEM): %s", room.left, format_bytes(size, sizeof(size), (double)wants),
			   room.file);
	else
		doctor_say(doctor, LEVEL_OK, NULL, "%s left: %s", room.left, room.file);
}

void check_cgroup(struct doctor *doctor)
{
	unsigned int before = doctor->count[LEVEL_WARN] + doctor->count[LEVEL_FAIL];
	bool member = false;

	if (doctor->pid && !source_proc_is_alive(doctor->pid))
		return;
	for (size_t i = 0; i < doctor->model.processes_count; i++) {
		const struct process_row *process = &doctor->model.processes[i];

		if (doctor->pid && doctor->pid != process->pid)
			continue;
		member = true;
		say_member(doctor, process);
	}
	if (!doctor->pid)
		say_group(doctor, 0, usual_mempool());
	else if (doctor->count[LEVEL_WARN] + doctor->count[LEVEL_FAIL] == before)
		say_group(doctor, doctor->pid, member ? 0 : usual_mempool());
}
