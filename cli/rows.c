// SPDX-License-Identifier: BSD-2-Clause
/* rows.c - the model as tables: order, width, lines */

#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "format.h"

const char *const view_names[VIEW_COUNT] = { "topics", "procs", "maps", "fails" };
const char *const view_titles[VIEW_COUNT] = { "Topics", "Procs", "Maps", "Fails" };

static const struct table *const tables[VIEW_COUNT] = {
	&topic_table, &process_table, &mapping_table, &failure_table,
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

static void fill_key(struct sort_key *key, const struct model *model, enum view view,
		     struct order order)
{
	const struct column *column;
	struct cell cell = { .number = 0 };

	key->number = (double)key->row;
	key->descending = order.invert ^ (order.column < 0 && view == VIEW_FAILS);
	if (order.column < 0 || (size_t)order.column >= tables[view]->count)
		return;
	column = &tables[view]->columns[order.column];
	column->cell(model, key->row, &cell);
	key->number = cell.number;
	snprintf(key->text, sizeof(key->text), "%.*s", (int)sizeof(key->text) - 1, cell.text);
	key->by_text = column->flags & COLUMN_TEXT;
	key->descending = order.invert ^ !!(column->flags & COLUMN_BIG);
}

size_t *rows_sorted(const struct model *model, enum view view, struct order order)
{
	size_t count = rows_count(model, view);
	struct sort_key *keys = calloc(count + 1, sizeof(*keys));
	size_t *rows = calloc(count + 1, sizeof(*rows));

	if (!keys || !rows)
		model_out_of_memory();
	for (size_t i = 0; i < count; i++) {
		keys[i].row = i;
		fill_key(&keys[i], model, view, order);
	}
	qsort(keys, count, sizeof(*keys), compare);
	for (size_t i = 0; i < count; i++)
		rows[i] = keys[i].row;
	free(keys);
	return rows;
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

static size_t widest(const struct model *model, enum view view, const struct column *column)
{
	size_t widest = column->width, rows = rows_count(model, view);
	struct cell cell;

	for (size_t i = 0; i < rows; i++) {
		size_t width;

		column->cell(model, i, &cell);
		width = format_width(cell.text);
		if (width > widest)
			widest = width;
	}
	return widest;
}

void rows_layout(struct layout *layout, const struct model *model, enum view view,
		 size_t width, size_t skip)
{
	const struct table *table = tables[view];

	layout->count = table->count;
	for (size_t i = 0; i < table->count; i++) {
		layout->column[i] = i;
		layout->width[i] = width ? table->columns[i].width
					 : widest(model, view, &table->columns[i]);
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

char rows_mark(const struct model *model, enum view view, size_t row)
{
	switch (view) {
	case VIEW_TOPICS: return topic_mark(model, row);
	case VIEW_PROCS: return process_mark(model, row);
	case VIEW_MAPS: return mapping_mark(model, row);
	default: return '!';
	}
}

void rows_detail(char *line, const struct model *model, enum view view, size_t row)
{
	switch (view) {
	case VIEW_TOPICS: topic_detail(line, model, row); break;
	case VIEW_PROCS: process_detail(line, model, row); break;
	case VIEW_MAPS: mapping_detail(line, model, row); break;
	default: failure_detail(line, model, row);
	}
}

struct sums {
	size_t	processes, publishers, subscriptions, mapped, mappings;
	double	used, committed;
	bool	all_known;
};

static struct sums sum_up(const struct model *model)
{
	struct sums sums = { .all_known = true };

	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		if (process->exited || !process->session)
			continue;
		sums.processes++;
		sums.all_known &= process->area_known || !process->ready;
		sums.used += process->area_known ? (double)process->heap_used : 0;
		sums.committed += process->area_known ? (double)process->heap_committed : 0;
	}
	for (size_t i = 0; i < model->topics_count; i++) {
		sums.publishers += model->topics[i].publishers;
		sums.subscriptions += model->topics[i].subscriptions;
	}
	for (size_t i = 0; i < model->mappings_count; i++) {
		if (model->mappings[i].own || model->mappings[i].state == AGNOCAST_UNMAPPED)
			continue;
		sums.mappings++;
		sums.mapped += !model_mapping_is_wrong(&model->mappings[i]) &&
			       model->mappings[i].state == AGNOCAST_MAPPED;
	}
	return sums;
}

static void registry_line(char *line, const struct model *model)
{
	char where[sizeof(model->where)], version[16], home[16];

	if (!model->registry_there) {
		snprintf(line, ROWS_LINE, "agnocast-top " AGNOCAST_VERSION "  registry gone: %s",
			 model->registry_why);
		return;
	}
	snprintf(line, ROWS_LINE, "agnocast-top " AGNOCAST_VERSION
		 "  every %.4gs  lost %llu  registry: %s %s at %s", model->delay_s,
		 (unsigned long long)model->lost,
		 format_clean(home, sizeof(home), model->version.home),
		 format_clean(version, sizeof(version), model->version.version),
		 format_clean(where, sizeof(where), model->where));
}

/* What eBPF saw in all, of the processes that are still shown. */
static void bpf_line(char *line, const struct model *model)
{
	uint64_t calls[MODEL_CALLS] = { 0 }, errors = 0;

	for (size_t i = 0; i < model->processes_count; i++)
		for (size_t call = 0; call < MODEL_CALLS; call++) {
			calls[call] += model->processes[i].calls[call].calls;
			errors += model->processes[i].calls[call].errors;
		}
	snprintf(line, ROWS_LINE, "eBPF on: shm_open %llu  mmap %llu  mq_open %llu  "
		 "mq_send %llu  errors %llu%s%s",
		 (unsigned long long)calls[MODEL_SHM_OPEN], (unsigned long long)calls[MODEL_MMAP],
		 (unsigned long long)calls[MODEL_MQ_OPEN], (unsigned long long)calls[MODEL_MQ_SEND],
		 (unsigned long long)errors, model->bpf_why[0] ? "; " : "", model->bpf_why);
}

void rows_summary(char lines[ROWS_SUMMARY][ROWS_LINE], const struct model *model)
{
	const struct sums sums = sum_up(model);
	char used[16], committed[16];

	registry_line(lines[0], model);
	snprintf(lines[1], ROWS_LINE, "Procs %zu  Topics %zu  Pub %zu  Sub %zu  Maps %zu/%zu ok  "
		 "Heap %s of %s%s  Fails %zu", sums.processes, model->topics_count,
		 sums.publishers, sums.subscriptions, sums.mapped, sums.mappings,
		 format_bytes(used, sizeof(used), sums.used),
		 format_bytes(committed, sizeof(committed), sums.committed),
		 sums.all_known ? "" : " (not all readable)", model->failures_count);
	if (model->bpf_on)
		bpf_line(lines[2], model);
	else
		snprintf(lines[2], ROWS_LINE, "eBPF off: %s", model->bpf_why);
}
