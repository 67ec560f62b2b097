/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup.h - how much more memory the control groups of a process allow */
#ifndef AGNOCAST_CGROUP_H
#define AGNOCAST_CGROUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The bytes that can be charged before the kernel has to kill: of the memory
 * cgroup of process @pid (0: this one) and all above it, of version 1 or 2, as
 * far as they can be seen from here, the smallest room. Caches of files and free swap are
 * room. @file (@len bytes) gets the name of the limit that is the smallest.
 * UINT64_MAX: nothing limits, or nothing can be seen. @root stands before all
 * paths: "", but for tests.
 */
uint64_t cgroup_room(const char *root, uint32_t pid, char *file, size_t len);

#endif /* AGNOCAST_CGROUP_H */
