/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.h - what a failed call means here, and what to do about it
 *
 * A table, from the call and its errno alone; "" where nothing useful is known.
 */
#ifndef AGNOCAST_CLI_EXPLAIN_H
#define AGNOCAST_CLI_EXPLAIN_H

#include "model.h"

const char *explain(const struct failure_row *failure);

#endif /* AGNOCAST_CLI_EXPLAIN_H */
