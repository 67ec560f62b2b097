// SPDX-License-Identifier: BSD-2-Clause
/* view_text.c - batch mode: the tables as plain text */

#include "view_text.h"

#include <stdlib.h>

#include "format.h"

static void put(FILE *out, const char *line, size_t width)
{
	char cut[ROWS_LINE];

	if (width && format_width(line) > width)
		line = format_fit(cut, sizeof(cut), line, width, 0);
	fprintf(out, "%s\n", line);
}

static void put_table(FILE *out, const struct model *model, enum view view,
		      struct order order, size_t width)
{
	size_t *rows = rows_sorted(model, view, order);
	struct layout layout;
	char line[ROWS_LINE], detail[ROWS_LINE + 4];

	rows_layout(&layout, model, view, width, 0);
	rows_header(line, view, &layout);
	put(out, line, width);
	for (size_t i = 0; i < rows_count(model, view); i++) {
		rows_line(line, model, view, rows[i], &layout);
		put(out, line, width);
		if (view != VIEW_FAILS)
			continue;
		snprintf(detail, sizeof(detail), "    ");
		rows_detail(detail + 4, model, view, rows[i]);
		put(out, detail, width);
	}
	free(rows);
}

void view_text(FILE *out, const struct model *model, unsigned int views,
	       const struct order orders[VIEW_COUNT], size_t width)
{
	char summary[ROWS_SUMMARY][ROWS_LINE];

	rows_summary(summary, model);
	for (size_t i = 0; i < ROWS_SUMMARY; i++)
		put(out, summary[i], width);
	for (enum view view = 0; view < VIEW_COUNT; view++) {
		if (!(views & VIEW_BIT(view)))
			continue;
		fprintf(out, "\n");
		if (views & (views - 1))	/* more than one */
			put(out, view_titles[view], width);
		put_table(out, model, view, orders[view], width);
	}
}
