// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - agnocast-top: who publishes what to whom, how fast, and what fails
 *
 * Finds out where samples come from (the registry, or a recording) and where
 * they go (the screen, or standard output). Only looks: it joins nothing,
 * locks nothing and writes nowhere but to the recording that -o asks for.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "live.h"
#include "options.h"
#include "play.h"

/* A terminal that can't place text gets plain text instead of a screen. */
static void choose_mode(struct options *options)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool dumb = !term || !*term || !strcmp(term, "dumb");

	if (options->colour == COLOUR_AUTO && ((no_color && *no_color) || dumb))
		options->colour = COLOUR_NEVER;
	if (options->mode != MODE_SCREEN)
		return;
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
		fputs("agnocast-top: no terminal: use -b (text) or -j (JSON)\n", stderr);
		exit(EX_USAGE);
	}
	if (!dumb)
		return;
	fputs("agnocast-top: this terminal can't place text ($TERM): text, as with -b\n", stderr);
	options->mode = MODE_TEXT;
}

int main(int argc, char **argv)
{
	struct options options;

	setlocale(LC_CTYPE, "");
	options_parse(&options, argc, argv);
	choose_mode(&options);
	return options.replay ? play(&options) : live(&options);
}
