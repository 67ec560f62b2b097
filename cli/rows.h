/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.h - the model as tables: which rows and columns, in which order, how wide
 *
 * Shared by the text and the screen, so that both show the same. Cells are
 * made when they are asked for, from cleaned names.
 */
#ifndef AGNOCAST_CLI_ROWS_H
#define AGNOCAST_CLI_ROWS_H

#include "model.h"

enum view { VIEW_TOPICS, VIEW_PROCS, VIEW_MAPS, VIEW_GRAPH, VIEW_FAILS, VIEW_COUNT };

#define ROWS_COLUMNS_MAX 20
#define ROWS_LINE 1024		/* bytes of a line, with the final NUL */

/* How a view is sorted; a negative column is the view's natural order. */
struct order {
	int	column;
	bool	invert;
};

/* Which groups of the graph are folded: all but those listed, or only those. */
#define ROWS_FOLDS_MAX 256
struct folds {
	bool		all;
	size_t		count;
	uint64_t	id[ROWS_FOLDS_MAX];
};

/* What is asked of a view. */
struct query {
	struct order		order;
	const char		*filter;	/* see filter.h; NULL: everything */
	bool			by_process;	/* the graph */
	const struct folds	*folds;		/* the graph; NULL: nothing is folded */
};

/* The answer: row numbers from the top. */
struct selection {
	size_t	*row;		/* to be freed */
	size_t	count;
	size_t	all;		/* how many there are without the filter */
};

/* The columns that fit a line, and how wide they are. */
struct layout {
	size_t	count;
	size_t	column[ROWS_COLUMNS_MAX];
	size_t	width[ROWS_COLUMNS_MAX];
};

extern const char *const view_names[VIEW_COUNT];	/* "topics", as in --view */
extern const char *const view_titles[VIEW_COUNT];	/* "Topics" */

#define VIEW_BIT(view)	(1U << (view))
#define VIEW_ALL	(VIEW_BIT(VIEW_COUNT) - 1)

/* How many rows the model has for a view; the graph's are made by rows_select() only. */
size_t rows_count(const struct model *model, enum view view);
size_t rows_columns(enum view view);
const char *rows_title(enum view view, size_t column);

bool rows_is_descending(enum view view, struct order order);

/*
 * The rows that pass the filter, in the wanted order. Ties keep the order of
 * registration, so that nothing flickers.
 */
void rows_select(struct selection *selection, const struct model *model, enum view view,
		 const struct query *query);

bool folds_hold(const struct folds *folds, uint64_t id);
void folds_set(struct folds *folds, uint64_t id, bool folded);

/*
 * Fit @width columns: columns that matter least go first, the name takes what
 * is left. @width 0: as wide as the content of @selection asks for. @skip
 * columns after the name are left out, to make room for others.
 */
void rows_layout(struct layout *layout, const struct model *model, enum view view,
		 const struct selection *selection, size_t width, size_t skip);

/* The line with the titles, and that of a row: ROWS_LINE bytes, no final blanks. */
void rows_header(char *line, enum view view, const struct layout *layout);
void rows_line(char *line, const struct model *model, enum view view, size_t row,
	       const struct layout *layout);
/* Where the title of @column is in the header: its first screen column, or -1. */
int rows_title_at(const struct layout *layout, int column, size_t *width);

/* All that a row shows and its detail, cleaned, for searching. */
void rows_text(char *line, const struct model *model, enum view view, size_t row);

/* ' ' fine, '!' fault, '~' worth a look, 'x' exited. */
char rows_mark(const struct model *model, enum view view, size_t row);

/* One sentence that says all about a row, for which the table has no room. */
void rows_detail(char *line, const struct model *model, enum view view, size_t row);

#endif /* AGNOCAST_CLI_ROWS_H */
