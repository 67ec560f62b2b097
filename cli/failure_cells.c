// SPDX-License-Identifier: BSD-2-Clause
/* failure_cells.c - the columns of the failures view */

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cause.h"
#include "cells.h"
#include "format.h"

static const struct failure_row *at(const struct model *model, size_t row)
{
	return &model->failures[row];
}

void failure_error(char *out, size_t len, const struct failure_row *failure)
{
	const struct agnocast_event event = {
		.call = failure->is_signal ? AGNOCAST_CALL_SIGNAL : AGNOCAST_CALL_MMAP,
		.result = failure->is_signal ? failure->error : -failure->error,
		.odd = failure->odd,
	};

	cause_error(out, len, &event);
}

static void when(const struct model *model, size_t row, struct cell *cell)
{
	time_t seconds = (time_t)(at(model, row)->time_ns / 1000000000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(cell->text, sizeof(cell->text), "%H:%M:%S", &tm);
	cell->number = (double)at(model, row)->time_ns;
}

static void pid(const struct model *model, size_t row, struct cell *cell)
{
	cell_number(cell, at(model, row)->pid);
}

static void comm(const struct model *model, size_t row, struct cell *cell)
{
	cell_name(cell, at(model, row)->comm);
}

static void call(const struct model *model, size_t row, struct cell *cell)
{
	cell_name(cell, at(model, row)->call);
}

static void error(const struct model *model, size_t row, struct cell *cell)
{
	failure_error(cell->text, sizeof(cell->text), at(model, row));
}

/* The name, and where memory is concerned the place. */
static void what(const struct model *model, size_t row, struct cell *cell)
{
	const struct failure_row *failure = at(model, row);
	char name[sizeof(failure->name)], length[16], place[64] = "";

	format_clean(name, sizeof(name), failure->name);
	if (failure->address && failure->length)
		snprintf(place, sizeof(place), "%s%llx+%s", name[0] ? " " : "",
			 (unsigned long long)failure->address,
			 format_bytes(length, sizeof(length), (double)failure->length));
	else if (failure->address)
		snprintf(place, sizeof(place), "%s%llx", name[0] ? " at " : "at ",
			 (unsigned long long)failure->address);
	snprintf(cell->text, sizeof(cell->text), "%s%s", name, place);
}

static void count(const struct model *model, size_t row, struct cell *cell)
{
	cell_count(cell, at(model, row)->count);
}

static const struct column columns[] = {
	{ "TIME", 8, 2, COLUMN_BIG, when },
	{ "PID", 7, 0, 0, pid },
	{ "COMM", 11, 3, COLUMN_TEXT, comm },
	{ "CALL", 10, 1, COLUMN_TEXT, call },
	{ "ERROR", 8, 0, COLUMN_TEXT, error },
	{ "WHAT", 10, 0, COLUMN_TEXT | COLUMN_FLEX, what },
	{ "COUNT", 5, 4, COLUMN_BIG, count },
};

const struct table failure_table = { columns, sizeof(columns) / sizeof(columns[0]) };

char failure_mark(const struct model *model, size_t row)
{
	return cause_is_minor(at(model, row)->cause) ? '~' : '!';
}

void failure_detail(char *line, const struct model *model, size_t row)
{
	const struct failure_row *failure = at(model, row);

	if (failure->why[0])
		snprintf(line, ROWS_LINE, "%s%s%s", failure->why,
			 failure->remedy[0] ? "; do: " : "", failure->remedy);
	else
		snprintf(line, ROWS_LINE, "%s", failure->is_signal ? strsignal(failure->error)
								   : strerror(failure->error));
}
