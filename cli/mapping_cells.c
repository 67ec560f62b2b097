// SPDX-License-Identifier: BSD-2-Clause
/* mapping_cells.c - the columns of the mappings view */

#include <stdio.h>
#include <string.h>

#include "cells.h"
#include "format.h"

static const struct mapping_row *at(const struct model *model, size_t row)
{
	return &model->mappings[row];
}

const char *mapping_role(const struct mapping_row *mapping)
{
	if (mapping->own)
		return "own";
	return mapping->parts & AGNOCAST_MAP_HEAP ? "read" : "ctl";
}

void mapping_state(char *out, size_t len, const struct mapping_row *mapping)
{
	if (mapping->own)
		snprintf(out, len, mapping->ready ? "ok" : "joining");
	else if (mapping->state == AGNOCAST_REFUSED)
		format_errno(out, len, (int)mapping->error);
	else if (mapping->state == AGNOCAST_WILL_MAP)
		snprintf(out, len, "announced");
	else if (mapping->state == AGNOCAST_MAPPED)
		snprintf(out, len, mapping->owner_alive ? "ok" : "draining");
	else
		snprintf(out, len, "unmapped");
}

static void owner(const struct model *model, size_t row, struct cell *cell)
{
	cell_number(cell, at(model, row)->owner_pid);
}

static void start(const struct model *model, size_t row, struct cell *cell)
{
	const struct mapping_row *mapping = at(model, row);

	snprintf(cell->text, sizeof(cell->text), "%llx", (unsigned long long)mapping->base);
	cell->number = (double)mapping->base;
}

/* The first topic for which it is there, and how many more. */
static void topics(const struct model *model, size_t row, struct cell *cell)
{
	const struct topic_row *first = NULL;
	size_t count = model_mapping_topics(model, at(model, row), &first, 1);
	char more[24] = "";

	if (!first) {
		cell_none(cell);
		return;
	}
	cell_name(cell, first->name);
	if (count > 1) {
		snprintf(more, sizeof(more), " +%zu", count - 1);
		snprintf(cell->text + strlen(cell->text), sizeof(cell->text) - strlen(cell->text),
			 "%s", more);
	}
	cell->number = (double)count;
}

static void perm(const struct model *model, size_t row, struct cell *cell)
{
	const struct mapping_row *mapping = at(model, row);

	if (mapping->perm_state == PERM_FOUND)
		cell_name(cell, mapping->perm);
	else if (mapping->perm_state == PERM_NONE)
		cell_none(cell);
	else
		cell_unknown(cell);
}

static void reader(const struct model *model, size_t row, struct cell *cell)
{
	cell_number(cell, at(model, row)->reader_pid);
}

static void comm(const struct model *model, size_t row, struct cell *cell)
{
	cell_name(cell, at(model, row)->comm);
}

static void role(const struct model *model, size_t row, struct cell *cell)
{
	cell_name(cell, mapping_role(at(model, row)));
}

static void state(const struct model *model, size_t row, struct cell *cell)
{
	mapping_state(cell->text, sizeof(cell->text), at(model, row));
}

static const struct column columns[] = {
	{ "OWNER", 7, 0, 0, owner },
	{ "START", 12, 4, 0, start },
	{ "PERM", 4, 1, COLUMN_TEXT, perm },
	{ "PID", 7, 0, 0, reader },
	{ "COMM", 12, 3, COLUMN_TEXT, comm },
	{ "ROLE", 4, 2, COLUMN_TEXT, role },
	{ "STATE", 9, 1, COLUMN_TEXT, state },
	{ "TOPICS", 8, 5, COLUMN_TEXT | COLUMN_TAIL | COLUMN_FLEX, topics },
};

const struct table mapping_table = { columns, sizeof(columns) / sizeof(columns[0]) };

char mapping_mark(const struct model *model, size_t row)
{
	const struct mapping_row *mapping = at(model, row);

	if (model_mapping_is_wrong(mapping))
		return '!';
	if (mapping->own)
		return mapping->ready ? ' ' : '~';
	return mapping->state == AGNOCAST_MAPPED && mapping->owner_alive ? ' ' : '~';
}

void mapping_detail(char *line, const struct model *model, size_t row)
{
	const struct mapping_row *mapping = at(model, row);
	const char *right = mapping->own ? "rw-s" : "r--s";
	char state[32];

	mapping_state(state, sizeof(state), mapping);
	if (model_mapping_is_wrong(mapping) && mapping->state == AGNOCAST_REFUSED && !mapping->own)
		snprintf(line, ROWS_LINE, "process %u could not map agnocast@%u: %s; "
			 "their topics do not meet", mapping->reader_pid, mapping->owner_pid, state);
	else if (model_mapping_is_wrong(mapping))
		snprintf(line, ROWS_LINE, "found %s in process %u where it must be %s",
			 mapping->perm_state == PERM_NONE ? "nothing" : mapping->perm,
			 mapping->reader_pid, right);
	else
		snprintf(line, ROWS_LINE, "agnocast@%u in process %u, %llx-%llx: %s%s%s",
			 mapping->owner_pid, mapping->reader_pid,
			 (unsigned long long)mapping->base,
			 (unsigned long long)(mapping->base + mapping->size), state,
			 mapping->owner_alive || mapping->own ? "" :
			 "; its owner has ended, the reader still reads what is left",
			 mapping->perm_state == PERM_UNREADABLE ?
			 "; its /proc/PID/maps may not be read by this user" : "");
}
