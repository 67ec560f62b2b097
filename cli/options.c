// SPDX-License-Identifier: BSD-2-Clause
/* options.c - the command line of agnocast-top */

#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "view_text.h"

#define DELAY_MIN 0.1
#define DELAY_MAX 3600.0

static const char usage_text[] =
"usage: agnocast-top [-bj] [-n N] [-d SECS] [-s COLUMN] [-r] [--view VIEW]\n"
"                    [--no-bpf] [--registry WHERE]\n"
"\n"
"Shows topics, processes, mappings and failures of Agnocast, live.\n"
"\n"
"  -b, --batch          plain text, for pipes and files\n"
"  -j, --json           one JSON object per refresh, on one line; implies -b\n"
"  -n, --iterations N   end after N refreshes\n"
"  -d, --delay SECS     between refreshes, 0.1 to 3600, fractions allowed (1)\n"
"  -s, --sort COLUMN    by the title of a column; 'help' lists them\n"
"  -r, --reverse        the other way round\n"
"      --view VIEW      topics, procs, maps, fails or all\n"
"      --no-bpf         do not trace system calls\n"
"      --registry WHERE /dev/... or a socket; else $AGNOCAST_REGISTRY, else\n"
"                       " AGNOCAST_DEVICE " or " AGNOCAST_SOCKET "\n"
"  -h, --help           this;  -V, --version\n"
"\n"
"Rates are over the last interval: a first sample is taken one delay before the\n"
"first output of batch mode. Keys: see h on the screen.\n"
"\n"
"Exit status: 0 fine, also after Ctrl-C; 64 wrong usage; 69 no registry; 70\n"
"internal error; 77 the registry may not be opened.\n";

static void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;

	fputs("agnocast-top: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; see --help\n", stderr);
	exit(EX_USAGE);
}

static double parse_delay(const char *text)
{
	char *end;
	double delay = strtod(text, &end);

	if (end == text || *end || !(delay >= DELAY_MIN && delay <= DELAY_MAX))
		wrong("-d '%s' is no number from 0.1 to 3600 (seconds)", text);
	return delay;
}

static unsigned long parse_count(const char *text)
{
	char *end;
	unsigned long count;

	errno = 0;
	count = strtoul(text, &end, 10);
	if (errno || end == text || *end || !count || strchr(text, '-'))
		wrong("-n '%s' is no number from 1 on", text);
	return count;
}

static unsigned int parse_view(const char *text)
{
	if (!strcmp(text, "all"))
		return VIEW_ALL;
	for (enum view view = 0; view < VIEW_COUNT; view++)
		if (!strcmp(text, view_names[view]))
			return VIEW_BIT(view);
	wrong("--view '%s' is none of topics, procs, maps, fails, all", text);
}

static void list_columns(void)
{
	for (enum view view = 0; view < VIEW_COUNT; view++) {
		printf("%s:", view_names[view]);
		for (size_t i = 0; i < rows_columns(view); i++)
			printf(" %s", rows_title(view, i));
		putchar('\n');
	}
}

static int find_column(enum view view, const char *title)
{
	for (size_t i = 0; i < rows_columns(view); i++)
		if (!strcasecmp(rows_title(view, i), title))
			return (int)i;
	return -1;
}

static void check_sort(const char *title)
{
	if (!strcmp(title, "help")) {
		list_columns();
		exit(EX_OK);
	}
	for (enum view view = 0; view < VIEW_COUNT; view++)
		if (find_column(view, title) >= 0)
			return;
	wrong("-s '%s' is no column; -s help lists them", title);
}

struct order options_order(const struct options *options, enum view view)
{
	return (struct order){
		.column = options->sort ? find_column(view, options->sort) : -1,
		.invert = options->invert,
	};
}

void options_parse(struct options *options, int argc, char **argv)
{
	enum { OPTION_VIEW = 256, OPTION_NO_BPF, OPTION_REGISTRY };
	static const struct option table[] = {
		{ "batch", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "iterations", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ "sort", required_argument, NULL, 's' },
		{ "reverse", no_argument, NULL, 'r' },
		{ "view", required_argument, NULL, OPTION_VIEW },
		{ "no-bpf", no_argument, NULL, OPTION_NO_BPF },
		{ "registry", required_argument, NULL, OPTION_REGISTRY },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *registry = getenv("AGNOCAST_REGISTRY");
	int c;

	*options = (struct options){
		.delay_s = 1, .registry = registry && *registry ? registry : NULL,
	};
	while ((c = getopt_long(argc, argv, "bjn:d:s:rhV", table, NULL)) != -1) {
		switch (c) {
		case 'b': options->batch = true; break;
		case 'j': options->json = true; break;
		case 'n': options->refreshes = parse_count(optarg); break;
		case 'd': options->delay_s = parse_delay(optarg); break;
		case 's': check_sort(optarg); options->sort = optarg; break;
		case 'r': options->invert = true; break;
		case OPTION_VIEW: options->views = parse_view(optarg); break;
		case OPTION_NO_BPF: options->no_bpf = true; break;
		case OPTION_REGISTRY: options->registry = optarg; break;
		case 'h': fputs(usage_text, stdout); exit(EX_OK);
		case 'V': puts("agnocast-top " AGNOCAST_VERSION); exit(EX_OK);
		default: exit(EX_USAGE);	/* getopt said what */
		}
	}
	if (optind < argc)
		wrong("'%s' is not expected", argv[optind]);
}
