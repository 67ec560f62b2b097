/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_json.h - one JSON object per refresh, on one line
 *
 * Stable: "schema" is raised when a field goes or changes its meaning; fields
 * may be added at any time. Addresses are hex strings, since many readers
 * lose bits of 64-bit numbers; sizes are bytes, times nanoseconds; what is not
 * known is null, never 0.
 */
#ifndef AGNOCAST_CLI_VIEW_JSON_H
#define AGNOCAST_CLI_VIEW_JSON_H

#include <stdio.h>

#include "view_text.h"

void view_json(FILE *out, const struct model *model, unsigned int views);

#endif /* AGNOCAST_CLI_VIEW_JSON_H */
