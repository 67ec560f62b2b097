/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h - whose memory lies at an address of the window, and of which topic
 */
#ifndef AGNOCAST_CLI_PLACE_H
#define AGNOCAST_CLI_PLACE_H

#include "cause.h"
#include "model.h"

struct place {
	struct cause_place	is;
	char			comm[AGNOCAST_COMM_MAX];	/* what .is points at */
	char			topic[AGNOCAST_TOPIC_MAX];
};

/*
 * For a fault and for a file that could not be opened. Reads the rings of the
 * owner; @model may be old, so that a process that has ended is still named.
 */
void place_find(struct place *place, const struct model *model,
		const struct agnocast_failure *failure);

#endif /* AGNOCAST_CLI_PLACE_H */
