/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.h - the model as tables: which columns, in which order, how wide
 *
 * Shared by the text and the curses view, so that both show the same. Cells
 * are made when they are asked for, from cleaned names.
 */
#ifndef AGNOCAST_CLI_ROWS_H
#define AGNOCAST_CLI_ROWS_H

#include "model.h"

enum view { VIEW_TOPICS, VIEW_PROCS, VIEW_MAPS, VIEW_FAILS, VIEW_COUNT };

#define ROWS_COLUMNS_MAX 20
#define ROWS_LINE 1024		/* bytes of a line, with the final NUL */

/* How a view is sorted; a negative column is the view's natural order. */
struct order {
	int	column;
	bool	invert;
};

/* The columns that fit a line, and how wide they are. */
struct layout {
	size_t	count;
	size_t	column[ROWS_COLUMNS_MAX];
	size_t	width[ROWS_COLUMNS_MAX];
};

extern const char *const view_names[VIEW_COUNT];	/* "topics", as in --view */
extern const char *const view_titles[VIEW_COUNT];	/* "Topics" */

size_t rows_columns(enum view view);
const char *rows_title(enum view view, size_t column);
size_t rows_count(const struct model *model, enum view view);

/*
 * Row numbers in the wanted order: an array of rows_count(), to be freed. Ties
 * keep the order of registration, so that nothing flickers.
 */
size_t *rows_sorted(const struct model *model, enum view view, struct order order);

/*
 * Fit @width columns: columns that matter least go first, the name takes what
 * is left. @width 0: as wide as the content asks for. @skip columns after the
 * name are left out, to make room for others.
 */
void rows_layout(struct layout *layout, const struct model *model, enum view view,
		 size_t width, size_t skip);

/* The line with the titles, and that of a row: ROWS_LINE bytes, no final blanks. */
void rows_header(char *line, enum view view, const struct layout *layout);
void rows_line(char *line, const struct model *model, enum view view, size_t row,
	       const struct layout *layout);

/* ' ' fine, '!' fault, '~' worth a look, 'x' exited. */
char rows_mark(const struct model *model, enum view view, size_t row);

/* One sentence that says all about a row, for which the table has no room. */
void rows_detail(char *line, const struct model *model, enum view view, size_t row);

/* Lines above every table. */
#define ROWS_SUMMARY 3
void rows_summary(char lines[ROWS_SUMMARY][ROWS_LINE], const struct model *model);

#endif /* AGNOCAST_CLI_ROWS_H */
