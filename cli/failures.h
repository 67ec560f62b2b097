/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failures.h - the failures seen so far, the newest MODEL_FAILURES_MAX kinds
 *
 * The same call failing the same way at the same place in the same process is
 * one row with a count, so that a loop of failures hides nothing else.
 */
#ifndef AGNOCAST_CLI_FAILURES_H
#define AGNOCAST_CLI_FAILURES_H

#include "cause.h"
#include "model.h"

struct failures {
	struct failure_row	row[MODEL_FAILURES_MAX];	/* oldest first */
	size_t			count;
};

/* @failure->count is how many to add. Returns the row. */
struct failure_row *failures_add(struct failures *failures,
				 const struct failure_row *failure);

/* What eBPF saw, at @time_ns (CLOCK_REALTIME), with its cause. */
void failures_add_traced(struct failures *failures, const struct cause_case *failed,
			 uint64_t time_ns);

/* Refused mappings of @model become rows; then @model gets a copy of all rows. */
void failures_fill(struct failures *failures, struct model *model);

#endif /* AGNOCAST_CLI_FAILURES_H */
