// SPDX-License-Identifier: BSD-2-Clause
/* output.c - what goes to standard output and to the recording */

#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "view_json.h"
#include "view_prom.h"
#include "view_text.h"

/* $COLUMNS, else the terminal, else as wide as it takes. */
static size_t text_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (columns && atoi(columns) > 0)
		return (size_t)atoi(columns);
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return size.ws_col;
	return 0;
}

static void print_text(const struct options *options, const struct model *model)
{
	struct query queries[VIEW_COUNT];

	for (enum view view = 0; view < VIEW_COUNT; view++)
		queries[view] = options_query(options, view);
	view_text(stdout, model, options->views ? options->views : VIEW_BIT(VIEW_TOPICS),
		  queries, text_width());
}

bool output_print(const struct options *options, const struct model *model)
{
	static bool again;

	switch (options->mode) {
	case MODE_JSON:
		view_json(stdout, model, options->views ? options->views : VIEW_ALL,
			  options->filter);
		break;
	case MODE_PROM:
		view_prom(stdout, model, options->filter);
		break;
	default:
		if (again)
			putchar('\n');
		print_text(options, model);
	}
	again = true;
	return !fflush(stdout) && !ferror(stdout);
}

FILE *output_create(const char *path)
{
	return fopen(path, "we");
}

int output_record(FILE *file, const struct model *model)
{
	if (!file)
		return 0;
	errno = 0;
	view_json(file, model, VIEW_ALL, NULL);
	if (!fflush(file) && !ferror(file))
		return 0;
	return errno ? -errno : -EIO;
}
