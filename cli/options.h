/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - the command line of agnocast-top
 */
#ifndef AGNOCAST_CLI_OPTIONS_H
#define AGNOCAST_CLI_OPTIONS_H

#include "rows.h"

struct options {
	bool		batch, json, no_bpf;
	unsigned long	refreshes;	/* 0: no end */
	double		delay_s;
	unsigned int	views;		/* VIEW_BIT; 0: the mode's default */
	const char	*sort;		/* a column's title, or NULL */
	bool		invert;
	const char	*registry;	/* NULL: the default places */
};

/* Ends the program after -h, -V (0) and on a wrong command line (64). */
void options_parse(struct options *options, int argc, char **argv);

/* The order that --sort and -r ask for in @view. */
struct order options_order(const struct options *options, enum view view);

#endif /* AGNOCAST_CLI_OPTIONS_H */
