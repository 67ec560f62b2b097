/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * summary.h - the lines above every table: where the numbers come from, and their sums
 */
#ifndef AGNOCAST_CLI_SUMMARY_H
#define AGNOCAST_CLI_SUMMARY_H

#include "rows.h"

#define SUMMARY_LINES 3

void summary_lines(char lines[SUMMARY_LINES][ROWS_LINE], const struct model *model);

#endif /* AGNOCAST_CLI_SUMMARY_H */
