/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process_state.h - limits of a process and how near it is to them, from /proc
 *
 * What may not be read, or belongs to a process that has ended, is UINT64_MAX.
 */
#ifndef AGNOCAST_CLI_PROCESS_STATE_H
#define AGNOCAST_CLI_PROCESS_STATE_H

#include <linux/types.h>
#include <stdint.h>

#include "../bpf/events.h"

/* The soft limit on that line of /proc/PID/limits; UINT64_MAX if it is unlimited as well. */
uint64_t process_limit(uint32_t pid, const char *name);

uint64_t process_open_files(uint32_t pid);
uint64_t process_mappings(uint32_t pid);

/*
 * What an eBPF program without BTF could not look at: the same numbers, if the
 * process still lives. They are those of now, a moment after the failure.
 */
void process_capture(struct agnocast_failure *failure);

#endif /* AGNOCAST_CLI_PROCESS_STATE_H */
