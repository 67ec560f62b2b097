// SPDX-License-Identifier: BSD-2-Clause
/* rows.c - the model as tables: order, width, lines */

#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "filter.h"
#include "format.h"
#include "graph.h"

const char *const view_names[VIEW_COUNT] = { "topics", "procs", "maps", "graph", "fails" };
const char *const view_titles[VIEW_COUNT] = { "Topics", "Procs", "Maps", "Graph", "Fails" };

static const struct table *const tables[VIEW_COUNT] = {
	&topic_table, &process_table, &mapping_table, &graph_table, &failure_table,
};

size_t rows_columns(enum view view)
{
	return tables[view]->count;
}

const char *rows_title(enum view view, size_t column)
{
	return tables[view]->columns[column].title;
}

size_t rows_count(const struct model *model, enum view view)
{
	switch (view) {
	case VIEW_TOPICS: return model->topics_count;
	case VIEW_PROCS: return model->processes_count;
	case VIEW_MAPS: return model->mappings_count;
	default: return model->failures_count;
	}
}

bool folds_hold(const struct folds *folds, uint64_t id)
{
	if (!folds)
		return false;
	for (size_t i = 0; i < folds->count; i++)
		if (folds->id[i] == id)
			return !folds->all;
	return folds->all;
}

/* When the list is full the oldest exception is forgotten. */
void folds_set(struct folds *folds, uint64_t id, bool folded)
{
	if (folds_hold(folds, id) == folded)
		return;
	if (folded == folds->all) {	/* no exception any more */
		size_t i = 0;

		while (folds->id[i] != id)
			i++;
		folds->id[i] = folds->id[--folds->count];
		return;
	}
	if (folds->count == ROWS_FOLDS_MAX)
		folds->id[0] = folds->id[--folds->count];
	folds->id[folds->count++] = id;
}

struct sort_key {
	size_t	row;
	double	number;
	char	text[64];
	bool	by_text, descending;
};

static int compare(const void *a, const void *b)
{
	const struct sort_key *left = a, *right = b;
	int order = left->by_text ? strcmp(left->text, right->text)
				  : (left->number > right->number) - (left->number < right->number);

	if (left->descending)
		order = (order < 0) - (order > 0);
	return order ? order : (left->row > right->row) - (left->row < right->row);
}

/* Numbers of which the large ones matter come largest first, failures newest first. */
bool rows_is_descending(enum view view, struct order order)
{
	bool natural = view == VIEW_FAILS;

	if (order.column >= 0 && (size_t)order.column < tables[view]->count)
		natural = tables[view]->columns[order.column].flags & COLUMN_BIG;
	return order.invert ^ natural;
}

static void fill_key(struct sort_key *key, const struct model *model, enum view view,
		     struct order order)
{
	const struct column *column;
	struct cell cell = { .number = 0 };

	key->number = (double)key->row;
	key->descending = rows_is_descending(view, order);
	if (order.column < 0 || (size_t)order.column >= tables[view]->count)
		return;
	column = &tables[view]->columns[order.column];
	column->cell(model, key->row, &cell);
	key->number = cell.number;
	snprintf(key->text, sizeof(key->text), "%.*s", (int)sizeof(key->text) - 1, cell.text);
	key->by_text = column->flags & COLUMN_TEXT;
}

void rows_sort(size_t *rows, size_t count, const struct model *model, enum view view,
	       struct order order)
{
	struct sort_key *keys = calloc(count + 1, sizeof(*keys));

	if (!keys)
		model_out_of_memory();
	for (size_t i = 0; i < count; i++) {
		keys[i].row = rows[i];
		fill_key(&keys[i], model, view, order);
	}
	qsort(keys, count, sizeof(*keys), compare);
	for (size_t i = 0; i < count; i++)
		rows[i] = keys[i].row;
	free(keys);
}

void rows_select(struct selection *selection, const struct model *model, enum view view,
		 const struct query *query)
{
	size_t count = rows_count(model, view);

	if (view == VIEW_GRAPH) {
		graph_select(selection, model, query);
		return;
	}
	*selection = (struct selection){ .all = count };
	selection->row = calloc(count + 1, sizeof(*selection->row));
	if (!selection->row)
		model_out_of_memory();
	for (size_t i = 0; i < count; i++)
		if (filter_matches(query->filter, model, view, i))
			selection->row[selection->count++] = i;
	rows_sort(selection->row, selection->count, model, view, query->order);
}

/* Two columns for the mark, and one blank before each column but the first. */
static size_t total_width(const struct layout *layout)
{
	size_t sum = 1;

	for (size_t i = 0; i < layout->count; i++)
		sum += layout->width[i] + 1;
	return sum;
}

static void drop(struct layout *layout, size_t index)
{
	layout->count--;
	for (size_t i = index; i < layout->count; i++) {
		layout->column[i] = layout->column[i + 1];
		layout->width[i] = layout->width[i + 1];
	}
}

/* Of equal rank the rightmost goes; rank 0 stays until nothing else is left. */
static void drop_least(struct layout *layout, const struct table *table)
{
	size_t least = layout->count - 1;

	for (size_t i = layout->count; i-- > 0;)
		if (table->columns[layout->column[i]].rank >
		    table->columns[layout->column[least]].rank)
			least = i;
	drop(layout, least);
}

static void skip_columns(struct layout *layout, const struct table *table, size_t skip)
{
	for (size_t i = 0; skip && i < layout->count;) {
		if (table->columns[layout->column[i]].rank) {
			drop(layout, i);
			skip--;
		} else {
			i++;
		}
	}
}

static size_t widest(const struct model *model, const struct selection *selection,
		     const struct column *column)
{
	size_t widest = column->width;
	struct cell cell = { .number = 0 };

	for (size_t i = 0; i < selection->count; i++) {
		size_t width;

		column->cell(model, selection->row[i], &cell);
		width = format_width(cell.text);
		if (width > widest)
			widest = width;
	}
	return widest;
}

void rows_layout(struct layout *layout, const struct model *model, enum view view,
		 const struct selection *selection, size_t width, size_t skip)
{
	const struct table *table = tables[view];

	layout->count = table->count;
	for (size_t i = 0; i < table->count; i++) {
		layout->column[i] = i;
		layout->width[i] = width ? table->columns[i].width
					 : widest(model, selection, &table->columns[i]);
	}
	skip_columns(layout, table, skip);
	while (width && layout->count > 1 && total_width(layout) > width)
		drop_least(layout, table);
	for (size_t i = 0; width && i < layout->count; i++)
		if (table->columns[layout->column[i]].flags & COLUMN_FLEX &&
		    total_width(layout) < width)
			layout->width[i] += width - total_width(layout);
}

static void trim(char *line)
{
	size_t length = strlen(line);

	while (length && line[length - 1] == ' ')
		line[--length] = '\0';
}

static unsigned int fit_flags(const struct column *column)
{
	return (column->flags & COLUMN_TEXT ? 0 : FORMAT_RIGHT) |
	       (column->flags & COLUMN_TAIL ? FORMAT_TAIL : 0);
}

/* Appends @text in the @i-th column of the layout. */
static void append(char *line, const char *text, const struct column *column, size_t width)
{
	size_t used = strlen(line);

	if (used && used + 1 < ROWS_LINE) {
		line[used++] = ' ';
		line[used] = '\0';
	}
	format_fit(line + used, ROWS_LINE - used, text, width, fit_flags(column));
}

void rows_header(char *line, enum view view, const struct layout *layout)
{
	snprintf(line, ROWS_LINE, " ");
	for (size_t i = 0; i < layout->count; i++) {
		const struct column *column = &tables[view]->columns[layout->column[i]];

		append(line, column->title, column, layout->width[i]);
	}
	trim(line);
}

void rows_line(char *line, const struct model *model, enum view view, size_t row,
	       const struct layout *layout)
{
	struct cell cell;

	snprintf(line, ROWS_LINE, "%c", rows_mark(model, view, row));
	for (size_t i = 0; i < layout->count; i++) {
		const struct column *column = &tables[view]->columns[layout->column[i]];

		column->cell(model, row, &cell);
		append(line, cell.text, column, layout->width[i]);
	}
	trim(line);
}

int rows_title_at(const struct layout *layout, int column, size_t *width)
{
	int at = 2;

	for (size_t i = 0; i < layout->count; i++) {
		*width = layout->width[i];
		if ((int)layout->column[i] == column)
			return at;
		at += (int)layout->width[i] + 1;
	}
	return -1;
}

void rows_text(char *line, const struct model *model, enum view view, size_t row)
{
	char detail[ROWS_LINE];
	struct cell cell = { .number = 0 };
	size_t used = 0;

	rows_detail(detail, model, view, row);
	for (size_t i = 0; i < tables[view]->count && used < ROWS_LINE; i++) {
		tables[view]->columns[i].cell(model, row, &cell);
		used += (size_t)snprintf(line + used, ROWS_LINE - used, "%s ", cell.text);
	}
	if (used < ROWS_LINE)
		snprintf(line + used, ROWS_LINE - used, "%s", detail);
}

char rows_mark(const struct model *model, enum view view, size_t row)
{
	switch (view) {
	case VIEW_TOPICS: return topic_mark(model, row);
	case VIEW_PROCS: return process_mark(model, row);
	case VIEW_MAPS: return mapping_mark(model, row);
	case VIEW_GRAPH: return graph_mark(model, row);
	default: return failure_mark(model, row);
	}
}

void rows_detail(char *line, const struct model *model, enum view view, size_t row)
{
	switch (view) {
	case VIEW_TOPICS: topic_detail(line, model, row); break;
	case VIEW_PROCS: process_detail(line, model, row); break;
	case VIEW_MAPS: mapping_detail(line, model, row); break;
	case VIEW_GRAPH: graph_detail(line, model, row); break;
	default: failure_detail(line, model, row);
	}
}
