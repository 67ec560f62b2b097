/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen.h - a failure that eBPF saw, with what else there is to know of it
 *
 * At once, since the process may end: the machine's limits, whose memory it
 * is, and the mapping in the way where the kernel could not tell.
 */
#ifndef AGNOCAST_CLI_SEEN_H
#define AGNOCAST_CLI_SEEN_H

#include "cause.h"
#include "place.h"

struct seen {
	struct agnocast_failure	failure;
	struct cause_machine	machine;
	struct place		place;
	struct cause_case	is;	/* points into the above */
};

/* @version: NULL without a registry; @model may be empty. */
void seen_complete(struct seen *seen, const struct agnocast_failure *failure,
		   const struct agnocast_version *version, const struct model *model);

#endif /* AGNOCAST_CLI_SEEN_H */
