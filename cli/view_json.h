/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_json.h - one JSON object per refresh, on one line
 *
 * Stable: "schema" is raised when a member goes or changes its meaning;
 * members may be added at any time. docs/json.md says what each is. Addresses
 * are hex strings, since many readers lose bits of 64-bit numbers; sizes are
 * bytes, times nanoseconds; what is not known is null, never 0.
 */
#ifndef AGNOCAST_CLI_VIEW_JSON_H
#define AGNOCAST_CLI_VIEW_JSON_H

#include <stdio.h>

#include "rows.h"

#define VIEW_JSON_SCHEMA 1

/*
 * The head and the lists of @views (VIEW_BIT), of the rows that pass @filter.
 * The graph has no list of its own: it is that of the topics.
 */
void view_json(FILE *out, const struct model *model, unsigned int views, const char *filter);

#endif /* AGNOCAST_CLI_VIEW_JSON_H */
