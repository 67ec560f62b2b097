/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source_proc.h - what /proc tells: who lives, and what is really mapped
 *
 * The registry knows what readers report; this is the kernel's own view.
 */
#ifndef AGNOCAST_CLI_SOURCE_PROC_H
#define AGNOCAST_CLI_SOURCE_PROC_H

#include "model.h"

bool source_proc_is_alive(uint32_t pid);

/*
 * The permissions of every mapping of @model, from /proc/PID/maps. Those that
 * did not change since @before (NULL: the first sample) are read in turn, as
 * many as fit into 2 ms: with many processes some are older than the others.
 */
void source_proc_permissions(struct model *model, const struct model *before);

/* A line of /proc/PID/maps. */
struct vma {
	uint64_t	start, end;
	char		perm[5];
	char		name[96];	/* cut, if longer; "" without one */
};

/* The first mapping of process @pid in [address, address + length): false if there is none. */
bool source_proc_in_the_way(uint32_t pid, uint64_t address, uint64_t length, struct vma *vma);

#endif /* AGNOCAST_CLI_SOURCE_PROC_H */
