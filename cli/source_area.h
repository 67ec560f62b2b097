/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source_area.h - the counters that processes keep in their areas
 *
 * Read with pread() from /dev/shm: it can't fault and fills no hole. All that
 * is read is another process's word: identity, offsets and sizes are checked,
 * and nothing from there is used as an address or a size.
 */
#ifndef AGNOCAST_CLI_SOURCE_AREA_H
#define AGNOCAST_CLI_SOURCE_AREA_H

#include "model.h"

/* For each listed process: its heap, and its endpoints' counters. */
void source_area_read(struct model *model);

/* True if a message that @publisher of @owner has or had in its ring holds @address. */
bool source_area_holds(const struct process_row *owner, const struct endpoint_row *publisher,
		       uint64_t address);

#endif /* AGNOCAST_CLI_SOURCE_AREA_H */
