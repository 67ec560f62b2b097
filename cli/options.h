/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - the command line of agnocast-top
 */
#ifndef AGNOCAST_CLI_OPTIONS_H
#define AGNOCAST_CLI_OPTIONS_H

#include "filter.h"
#include "rows.h"
#include "view_curses.h"

enum mode { MODE_SCREEN, MODE_TEXT, MODE_JSON, MODE_PROM };

struct options {
	enum mode	mode;
	bool		no_bpf;
	unsigned long	refreshes;	/* 0: no end */
	double		delay_s;
	unsigned int	views;		/* VIEW_BIT; 0: the mode's default */
	const char	*sort;		/* a column's title, or NULL */
	bool		invert;
	char		filter[FILTER_MAX];
	enum colour	colour;
	const char	*record, *replay;	/* files, or NULL */
	const char	*registry;	/* NULL: the default places */
	const char	*btf;		/* file, or NULL: the kernel's own */
};

/* Ends the program after -h, -V (0) and on a wrong command line (64). */
void options_parse(struct options *options, int argc, char **argv);

/* What --sort, -r and the filters ask for in @view. */
struct query options_query(const struct options *options, enum view view);

/* A screen that starts as the options say. */
void options_screen(const struct options *options, struct screen *screen);

#endif /* AGNOCAST_CLI_OPTIONS_H */
