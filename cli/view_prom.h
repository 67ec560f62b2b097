/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view_prom.h - one sample in Prometheus' text format (version 0.0.4)
 *
 * Counters and gauges as they are in the areas, no rates: those are
 * Prometheus' to compute. What is not known is left out, never 0.
 */
#ifndef AGNOCAST_CLI_VIEW_PROM_H
#define AGNOCAST_CLI_VIEW_PROM_H

#include <stdio.h>

#include "rows.h"

/* The topics and processes that pass @filter, and what is there of each. */
void view_prom(FILE *out, const struct model *model, const char *filter);

#endif /* AGNOCAST_CLI_VIEW_PROM_H */
