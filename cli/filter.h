/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.h - which rows are shown
 *
 * A filter is words separated by blanks; a row must match all of them:
 *
 *	!ok		rows with a mark
 *	!peer		topics without publisher or without subscription, and who uses them
 *	pid:N[,N]	rows that concern one of these processes
 *	topic:GLOB	rows that concern a topic; without * ? [ any part of its name
 *	WORD		any part of what the row shows, in either case
 *	!WORD		none of it
 */
#ifndef AGNOCAST_CLI_FILTER_H
#define AGNOCAST_CLI_FILTER_H

#include "rows.h"

#define FILTER_MAX 128		/* bytes, with the final NUL */

/* An empty or NULL filter matches everything. */
bool filter_matches(const char *filter, const struct model *model, enum view view, size_t row);

#endif /* AGNOCAST_CLI_FILTER_H */
