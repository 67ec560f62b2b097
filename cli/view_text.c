// SPDX-License-Identifier: BSD-2-Clause
/* view_text.c - batch mode: the tables as plain text */

#include "view_text.h"

#include <stdlib.h>

#include "format.h"
#include "summary.h"

static void put(FILE *out, const char *line, size_t width)
{
	char cut[ROWS_LINE];

	if (width && format_width(line) > width)
		line = format_fit(cut, sizeof(cut), line, width, 0);
	fprintf(out, "%s\n", line);
}

static void put_table(FILE *out, const struct model *model, enum view view,
		      const struct query *query, size_t width)
{
	struct selection selection;
	struct layout layout;
	char line[ROWS_LINE], detail[ROWS_LINE + 4];

	rows_select(&selection, model, view, query);
	rows_layout(&layout, model, view, &selection, width, 0);
	rows_header(line, view, &layout);
	put(out, line, width);
	for (size_t i = 0; i < selection.count; i++) {
		rows_line(line, model, view, selection.row[i], &layout);
		put(out, line, width);
		if (view != VIEW_FAILS)
			continue;
		snprintf(detail, sizeof(detail), "    ");
		rows_detail(detail + 4, model, view, selection.row[i]);
		put(out, detail, width);
	}
	free(selection.row);
}

void view_text(FILE *out, const struct model *model, unsigned int views,
	       const struct query queries[VIEW_COUNT], size_t width)
{
	char summary[SUMMARY_LINES][ROWS_LINE];

	summary_lines(summary, model);
	for (size_t i = 0; i < SUMMARY_LINES; i++)
		put(out, summary[i], width);
	for (enum view view = 0; view < VIEW_COUNT; view++) {
		if (!(views & VIEW_BIT(view)))
			continue;
		fprintf(out, "\n");
		if (views & (views - 1))	/* more than one */
			put(out, view_titles[view], width);
		put_table(out, model, view, &queries[view], width);
	}
}
