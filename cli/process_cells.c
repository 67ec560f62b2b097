// SPDX-License-Identifier: BSD-2-Clause
/* process_cells.c - the columns of the processes view */

#include <stdio.h>

#include "cause.h"
#include "cells.h"
#include "format.h"

static const struct process_row *at(const struct model *model, size_t row)
{
	return &model->processes[row];
}

static void pid(const struct model *model, size_t row, struct cell *cell)
{
	cell_number(cell, at(model, row)->pid);
}

static void comm(const struct model *model, size_t row, struct cell *cell)
{
	cell_name(cell, at(model, row)->comm);
}

static void of_session(const struct process_row *process, uint64_t count, struct cell *cell)
{
	if (process->session)
		cell_count(cell, count);
	else
		cell_none(cell);
}

static void publishers(const struct model *model, size_t row, struct cell *cell)
{
	of_session(at(model, row), at(model, row)->publishers, cell);
}

static void subscriptions(const struct model *model, size_t row, struct cell *cell)
{
	of_session(at(model, row), at(model, row)->subscriptions, cell);
}

static void maps_in(const struct model *model, size_t row, struct cell *cell)
{
	of_session(at(model, row), at(model, row)->maps_in, cell);
}

static void base(const struct model *model, size_t row, struct cell *cell)
{
	const struct process_row *process = at(model, row);

	if (!process->session) {
		cell_none(cell);
		return;
	}
	snprintf(cell->text, sizeof(cell->text), "%llx", (unsigned long long)process->base);
	cell->number = (double)process->base;
}

/* False, and the cell is made, if the area could not be read. */
static bool area_is_known(const struct process_row *process, struct cell *cell)
{
	if (!process->session || !process->ready)
		cell_none(cell);
	else if (!process->area_known)
		cell_unknown(cell);
	return process->session && process->ready && process->area_known;
}

static void used(const struct model *model, size_t row, struct cell *cell)
{
	if (area_is_known(at(model, row), cell))
		cell_bytes(cell, (double)at(model, row)->heap_used);
}

static void committed(const struct model *model, size_t row, struct cell *cell)
{
	if (area_is_known(at(model, row), cell))
		cell_bytes(cell, (double)at(model, row)->heap_committed);
}

static void mempool(const struct model *model, size_t row, struct cell *cell)
{
	if (at(model, row)->session)
		cell_bytes(cell, (double)at(model, row)->mempool_size);
	else
		cell_none(cell);
}

static void grows(const struct model *model, size_t row, struct cell *cell)
{
	if (area_is_known(at(model, row), cell))
		cell_count(cell, at(model, row)->grows);
}

static void calls(const struct process_row *process, enum model_call call, struct cell *cell)
{
	if (process->calls_known)
		cell_count(cell, process->calls[call].calls);
	else
		cell_unknown(cell);
}

static void shm_opens(const struct model *model, size_t row, struct cell *cell)
{
	calls(at(model, row), MODEL_SHM_OPEN, cell);
}

static void mmaps(const struct model *model, size_t row, struct cell *cell)
{
	calls(at(model, row), MODEL_MMAP, cell);
}

static void mq_opens(const struct model *model, size_t row, struct cell *cell)
{
	calls(at(model, row), MODEL_MQ_OPEN, cell);
}

static void mq_sends(const struct model *model, size_t row, struct cell *cell)
{
	calls(at(model, row), MODEL_MQ_SEND, cell);
}

static struct call_row sum_of_calls(const struct process_row *process)
{
	struct call_row sum = { 0 };

	for (size_t i = 0; i < MODEL_CALLS; i++) {
		sum.calls += process->calls[i].calls;
		sum.errors += process->calls[i].errors;
		sum.sum_ns += process->calls[i].sum_ns;
	}
	return sum;
}

static void errors(const struct model *model, size_t row, struct cell *cell)
{
	if (at(model, row)->calls_known)
		cell_count(cell, sum_of_calls(at(model, row)).errors);
	else
		cell_unknown(cell);
}

static void mean(const struct model *model, size_t row, struct cell *cell)
{
	const struct call_row sum = sum_of_calls(at(model, row));

	if (!at(model, row)->calls_known) {
		cell_unknown(cell);
	} else if (!sum.calls) {
		cell_none(cell);
	} else {
		cell->number = (double)sum.sum_ns / (double)sum.calls;
		format_ns(cell->text, sizeof(cell->text), cell->number);
	}
}

static const struct column columns[] = {
	{ "PID", 7, 0, 0, pid },
	{ "COMM", 15, 0, COLUMN_TEXT | COLUMN_FLEX, comm },
	{ "PUB", 3, 1, COLUMN_BIG, publishers },
	{ "SUB", 3, 1, COLUMN_BIG, subscriptions },
	{ "AREA-BASE", 12, 9, 0, base },
	{ "USED", 5, 2, COLUMN_BIG, used },
	{ "COMMT", 5, 3, COLUMN_BIG, committed },
	{ "MPOOL", 5, 3, COLUMN_BIG, mempool },
	{ "GROW", 4, 8, COLUMN_BIG, grows },
	{ "IN", 3, 4, COLUMN_BIG, maps_in },
	{ "SHM", 4, 5, COLUMN_BIG, shm_opens },
	{ "MMAP", 4, 5, COLUMN_BIG, mmaps },
	{ "MQO", 4, 8, COLUMN_BIG, mq_opens },
	{ "MQS", 4, 6, COLUMN_BIG, mq_sends },
	{ "ERR", 3, 4, COLUMN_BIG, errors },
	{ "MEAN", 5, 7, COLUMN_BIG, mean },
};

const struct table process_table = { columns, sizeof(columns) / sizeof(columns[0]) };

char process_mark(const struct model *model, size_t row)
{
	const struct process_row *process = at(model, row);

	if (process->exited)
		return 'x';
	if (process->maps_refused || (process->area_known &&
				      (process->grow_failures || process->map_failures)))
		return '!';
	if (process->calls_known && sum_of_calls(process).errors)
		return '~';
	return ' ';
}

static void detail_of_calls(char *line, size_t len, const struct process_row *process)
{
	size_t used = 0;
	char mean[16], max[16];

	line[0] = '\0';
	for (size_t i = 0; process->calls_known && i < MODEL_CALLS && used < len; i++) {
		const struct call_row *call = &process->calls[i];

		if (!call->calls)
			continue;
		format_ns(mean, sizeof(mean), (double)call->sum_ns / (double)call->calls);
		format_ns(max, sizeof(max), (double)call->max_ns);
		used += (size_t)snprintf(line + used, len - used, "; %s %llu/%llu mean %s max %s",
					 cause_call((uint32_t)i), (unsigned long long)call->calls,
					 (unsigned long long)call->errors, mean, max);
	}
}

static void detail_of_area(char *line, size_t len, const struct process_row *process)
{
	char resident[16];

	if (!process->session)
		snprintf(line, len, "not in the registry");
	else if (process->exited)
		snprintf(line, len, "has ended");
	else if (!process->area_known)
		snprintf(line, len, "area %llx: counters not readable (%s)",
			 (unsigned long long)process->base,
			 process->ready ? process->area_why : "not ready yet");
	else
		snprintf(line, len, "area %llx, %s resident, %llu grows, %llu failed; "
			 "%llu map failures, %u refused",
			 (unsigned long long)process->base,
			 format_bytes(resident, sizeof(resident), (double)process->resident),
			 (unsigned long long)process->grows,
			 (unsigned long long)process->grow_failures,
			 (unsigned long long)process->map_failures, process->maps_refused);
}

void process_detail(char *line, const struct model *model, size_t row)
{
	const struct process_row *process = at(model, row);
	char area[256], calls[256], uid[24] = "";

	detail_of_area(area, sizeof(area), process);
	detail_of_calls(calls, sizeof(calls), process);
	if (process->session)
		snprintf(uid, sizeof(uid), " uid %u", process->uid);
	snprintf(line, ROWS_LINE, "pid %u%s: %s%s", process->pid, uid, area, calls);
}
