// SPDX-License-Identifier: BSD-2-Clause
/* topic_cells.c - the columns of the topics view */

#include <stdio.h>

#include "cells.h"
#include "format.h"

static const struct topic_row *at(const struct model *model, size_t row)
{
	return &model->topics[row];
}

static void name(const struct model *model, size_t row, struct cell *cell)
{
	cell_name(cell, at(model, row)->name);
}

static void publishers(const struct model *model, size_t row, struct cell *cell)
{
	cell_count(cell, at(model, row)->publishers);
}

static void subscriptions(const struct model *model, size_t row, struct cell *cell)
{
	cell_count(cell, at(model, row)->subscriptions);
}

/* Without a publisher there is no rate, and before a second sample none is known. */
static bool rate_is_known(const struct topic_row *topic, struct cell *cell)
{
	if (!topic->publishers)
		cell_none(cell);
	else if (!topic->known)
		cell_unknown(cell);
	else if (!topic->rates_known)
		cell_none(cell);
	return topic->publishers && topic->known && topic->rates_known;
}

static void hz(const struct model *model, size_t row, struct cell *cell)
{
	if (rate_is_known(at(model, row), cell))
		cell_rate(cell, at(model, row)->hz);
}

static void rate(const struct model *model, size_t row, struct cell *cell)
{
	if (rate_is_known(at(model, row), cell))
		cell_bytes(cell, at(model, row)->bytes_per_s);
}

static void latency(const struct topic_row *topic, double ns, struct cell *cell)
{
	if (!topic->known)
		cell_unknown(cell);
	else if (!topic->late.samples)
		cell_none(cell);
	else
		cell_ns(cell, ns);
}

static void p50(const struct model *model, size_t row, struct cell *cell)
{
	latency(at(model, row), at(model, row)->late.p50_ns, cell);
}

static void p99(const struct model *model, size_t row, struct cell *cell)
{
	latency(at(model, row), at(model, row)->late.p99_ns, cell);
}

static void of_readers(const struct topic_row *topic, uint64_t count, struct cell *cell)
{
	if (!topic->subscriptions)
		cell_none(cell);
	else if (!topic->known)
		cell_unknown(cell);
	else
		cell_count(cell, count);
}

static void drops(const struct model *model, size_t row, struct cell *cell)
{
	of_readers(at(model, row), at(model, row)->dropped, cell);
}

static void held(const struct model *model, size_t row, struct cell *cell)
{
	of_readers(at(model, row), at(model, row)->held, cell);
}

static void depth(const struct model *model, size_t row, struct cell *cell)
{
	cell_count(cell, at(model, row)->depth);
}

static const struct column columns[] = {
	{ "TOPIC", 12, 0, COLUMN_TEXT | COLUMN_TAIL | COLUMN_FLEX, name },
	{ "PUB", 3, 1, COLUMN_BIG, publishers },
	{ "SUB", 3, 1, COLUMN_BIG, subscriptions },
	{ "HZ", 6, 2, COLUMN_BIG, hz },
	{ "B/S", 5, 3, COLUMN_BIG, rate },
	{ "P50", 5, 4, COLUMN_BIG, p50 },
	{ "P99", 5, 4, COLUMN_BIG, p99 },
	{ "DROP", 5, 5, COLUMN_BIG, drops },
	{ "HELD", 4, 6, COLUMN_BIG, held },
	{ "DEPTH", 5, 7, COLUMN_BIG, depth },
};

const struct table topic_table = { columns, sizeof(columns) / sizeof(columns[0]) };

/* Refused publishes are a fault; one side missing or fresh drops are worth a look. */
char topic_mark(const struct model *model, size_t row)
{
	const struct topic_row *topic = at(model, row);

	if (topic->known && topic->refused)
		return '!';
	if (!topic->publishers || !topic->subscriptions || topic->dropped_now)
		return '~';
	return ' ';
}

static void oldest_hold(char *text, size_t len, const struct model *model,
			const struct topic_row *topic)
{
	char age[16];

	text[0] = '\0';
	if (!topic->oldest_claim_ns || topic->oldest_claim_ns > model->mono_ns)
		return;
	format_ns(age, sizeof(age), (double)(model->mono_ns - topic->oldest_claim_ns));
	snprintf(text, len, ", oldest for %s", age);
}

/* Who loses messages now; of several the one that loses most. NULL: nobody. */
static const struct endpoint_row *slowest(const struct model *model, const struct topic_row *topic)
{
	const struct endpoint_row *slow = NULL;

	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct endpoint_row *endpoint = &model->endpoints[i];

		if (endpoint->topic == topic->topic && endpoint->dropped_now &&
		    (!slow || endpoint->dropped_now > slow->dropped_now))
			slow = endpoint;
	}
	return slow;
}

/* "too slow: pid 7 logger (drops 2 of 5 messages, takes them after 130ms); " */
static void blame(char *text, size_t len, const struct model *model, const struct topic_row *topic)
{
	const struct endpoint_row *slow = slowest(model, topic);
	const struct process_row *process = slow ? model_session(model, slow->session) : NULL;
	char comm[AGNOCAST_COMM_MAX], late[16] = "", after[40] = "";

	text[0] = '\0';
	if (!slow)
		return;
	if (slow->late.samples)
		snprintf(after, sizeof(after), ", takes after %s",
			 format_ns(late, sizeof(late), slow->late.p50_ns));
	snprintf(text, len, "too slow: pid %u %s (%llu dropped in the interval%s, depth %u); ",
		 slow->pid, format_clean(comm, sizeof(comm), process ? process->comm : "?"),
		 (unsigned long long)slow->dropped_now, after, slow->depth);
}

void topic_detail(char *line, const struct model *model, size_t row)
{
	const struct topic_row *topic = at(model, row);
	char name[AGNOCAST_TOPIC_MAX], age[32], slow[160];

	format_clean(name, sizeof(name), topic->name);
	oldest_hold(age, sizeof(age), model, topic);
	blame(slow, sizeof(slow), model, topic);
	if (!topic->known)
		snprintf(line, ROWS_LINE, "%s: counters of some endpoints are not readable", name);
	else
		snprintf(line, ROWS_LINE, "%s%llu published, %llu alive, %llu held%s, "
			 "%llu dropped, %llu skipped, %llu refused; latency over %s  %s", slow,
			 (unsigned long long)topic->messages, (unsigned long long)topic->retained,
			 (unsigned long long)topic->held, age,
			 (unsigned long long)topic->dropped, (unsigned long long)topic->skipped,
			 (unsigned long long)topic->refused,
			 topic->late.recent ? "the interval" : "its life", name);
}
