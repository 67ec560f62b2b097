/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_text.h - batch mode: the tables as plain text
 */
#ifndef AGNOCAST_CLI_VIEW_TEXT_H
#define AGNOCAST_CLI_VIEW_TEXT_H

#include <stdio.h>

#include "rows.h"

/*
 * The summary, then a table for each view in @views (VIEW_BIT), chosen and
 * sorted as @queries[view] says. @width 0: as wide as the content asks for.
 */
void view_text(FILE *out, const struct model *model, unsigned int views,
	       const struct query queries[VIEW_COUNT], size_t width);

#endif /* AGNOCAST_CLI_VIEW_TEXT_H */
