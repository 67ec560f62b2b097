/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cells.h - the columns of each view
 *
 * A column is a function from a row of the model to a text and the number it
 * sorts by. For rows.c and the files that make cells.
 */
#ifndef AGNOCAST_CLI_CELLS_H
#define AGNOCAST_CLI_CELLS_H

#include "rows.h"

struct cell {
	char	text[288];	/* clean */
	double	number;		/* what numeric columns sort by; unknown is -1 */
};

#define COLUMN_TEXT	(1U << 0)	/* aligned left, sorted by text */
#define COLUMN_TAIL	(1U << 1)	/* cut at the front */
#define COLUMN_FLEX	(1U << 2)	/* takes the width that is left */
#define COLUMN_BIG	(1U << 3)	/* largest first is the natural order */

struct column {
	const char	*title;
	unsigned int	width;		/* least, in screen columns */
	unsigned int	rank;		/* 0 always shown; the highest goes first */
	unsigned int	flags;
	void		(*cell)(const struct model *model, size_t row, struct cell *cell);
};

struct table {
	const struct column	*columns;
	size_t			count;
};

extern const struct table topic_table, process_table, mapping_table, graph_table,
			 failure_table;

char topic_mark(const struct model *model, size_t row);
char process_mark(const struct model *model, size_t row);
char mapping_mark(const struct model *model, size_t row);
char failure_mark(const struct model *model, size_t row);

void topic_detail(char *line, const struct model *model, size_t row);
void process_detail(char *line, const struct model *model, size_t row);
void mapping_detail(char *line, const struct model *model, size_t row);
void failure_detail(char *line, const struct model *model, size_t row);

/* @rows in the wanted order, by what their cells say. */
void rows_sort(size_t *rows, size_t count, const struct model *model, enum view view,
	       struct order order);

/* "-" where there is nothing to say, "?" where it could not be read. */
void cell_none(struct cell *cell);
void cell_unknown(struct cell *cell);
void cell_number(struct cell *cell, uint64_t number);
void cell_count(struct cell *cell, uint64_t number);
void cell_bytes(struct cell *cell, double bytes);
void cell_rate(struct cell *cell, double per_second);
void cell_ns(struct cell *cell, double ns);
void cell_name(struct cell *cell, const char *name);

const char *mapping_role(const struct mapping_row *mapping);
void mapping_state(char *out, size_t len, const struct mapping_row *mapping);
void failure_error(char *out, size_t len, const struct failure_row *failure);

#endif /* AGNOCAST_CLI_CELLS_H */
