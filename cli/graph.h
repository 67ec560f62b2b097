/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph.h - who publishes what to whom, as a tree
 *
 * By topic: each topic, under it its publishers and subscriptions. By process:
 * each process, under it what it publishes and subscribes. A row of this view
 * is no index into one list of the model; its number says all about it.
 */
#ifndef AGNOCAST_CLI_GRAPH_H
#define AGNOCAST_CLI_GRAPH_H

#include "rows.h"

/* The row's topic, process or endpoint; NULL where it has none of these. */
const struct topic_row *graph_topic(const struct model *model, size_t row);
const struct process_row *graph_process(const struct model *model, size_t row);
const struct endpoint_row *graph_endpoint(const struct model *model, size_t row);

/* Is the row an endpoint that stands under its topic (else under its process)? */
bool graph_is_under_topic(size_t row);

/* What "+" and "-" fold: the topic or session that the row is or belongs to. */
uint64_t graph_fold_id(const struct model *model, size_t row);

/* Rows in the order that the query asks for; see rows_select(). */
void graph_select(struct selection *selection, const struct model *model,
		  const struct query *query);

char graph_mark(const struct model *model, size_t row);
void graph_detail(char *line, const struct model *model, size_t row);

#endif /* AGNOCAST_CLI_GRAPH_H */
