/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h - what goes to standard output and to the recording
 */
#ifndef AGNOCAST_CLI_OUTPUT_H
#define AGNOCAST_CLI_OUTPUT_H

#include <stdio.h>

#include "options.h"

/* One refresh, as the options want it. False: nobody reads on. */
bool output_print(const struct options *options, const struct model *model);

/* A file for output_record(), or NULL and errno. */
FILE *output_create(const char *path);

/* All of @model as one line of @file; NULL is allowed. 0 or -errno. */
int output_record(FILE *file, const struct model *model);

#endif /* AGNOCAST_CLI_OUTPUT_H */
