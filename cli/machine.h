/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - limits of this machine, from /proc/sys and statfs
 */
#ifndef AGNOCAST_CLI_MACHINE_H
#define AGNOCAST_CLI_MACHINE_H

#include <uapi/agnocast.h>

#include "cause.h"

/* As it is now; @version gives the window, NULL if there is no registry. */
void machine_read(struct cause_machine *machine, const struct agnocast_version *version);

/* The number in file @path, or 0. */
uint64_t machine_number(const char *path);

#endif /* AGNOCAST_CLI_MACHINE_H */
