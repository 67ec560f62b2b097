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

#include "tracer.h"

#define DELAY_MIN 0.1
#define DELAY_MAX 3600.0

static const char usage_text[] =
"usage: agnocast-top [-bjr] [-n N] [-d SECS] [-s COLUMN] [--view VIEW]\n"
"                    [-p PID[,PID]] [-t TOPIC] [--filter WORDS] [--prom]\n"
"                    [-o FILE] [-i FILE] [--color WHEN] [--no-bpf]\n"
"                    [--btf FILE] [--registry WHERE]\n"
"\n"
"Shows topics, processes, mappings and failures of Agnocast, live.\n"
"\n"
"  -b, --batch          plain text, for pipes and files\n"
"  -j, --json           one JSON object per refresh, on one line; implies -b\n"
"      --prom           one sample in Prometheus' text format\n"
"  -n, --iterations N   end after N refreshes\n"
"  -d, --delay SECS     between refreshes, 0.1 to 3600, fractions allowed (1)\n"
"  -s, --sort COLUMN    by the title of a column; 'help' lists them\n"
"  -r, --reverse        the other way round\n"
"      --view VIEW      topics, procs, maps, graph, fails or all\n"
"  -p, --pid PID[,PID]  only what concerns these processes\n"
"  -t, --topic TOPIC    only what concerns this topic; * ? [ ] as in the shell\n"
"      --filter WORDS   only rows that match all WORDS: !ok, !peer, pid:N,\n"
"                       topic:GLOB, any other word, ! before it for none of it\n"
"  -o, --output FILE    record: each refresh as a line of JSON, to be read by -i\n"
"  -i, --input FILE     replay such a recording ('-': standard input)\n"
"      --color WHEN     auto, always or never; the marks ! ~ x say the same\n"
"      --no-bpf         do not trace system calls\n"
"      --btf FILE       BTF of this kernel, where it has none in /sys/kernel/btf\n"
"      --registry WHERE /dev/... or a socket; else $AGNOCAST_REGISTRY, else\n"
"                       " AGNOCAST_DEVICE " or " AGNOCAST_SOCKET "\n"
"  -h, --help           this;  -V, --version\n"
"\n"
"Rates are over the last interval: a first sample is taken one delay before the\n"
"first output of batch mode. Keys: see h on the screen.\n"
"\n"
"Exit status: 0 fine, also after Ctrl-C; 64 wrong usage, or a file that can't be\n"
"used; 69 no registry; 70 internal error; 77 the registry may not be opened.\n";

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
	wrong("--view '%s' is none of topics, procs, maps, graph, fails, all", text);
}

static enum colour parse_colour(const char *text)
{
	if (!strcmp(text, "auto"))
		return COLOUR_AUTO;
	if (!strcmp(text, "always"))
		return COLOUR_ALWAYS;
	if (!strcmp(text, "never"))
		return COLOUR_NEVER;
	wrong("--color '%s' is none of auto, always, never", text);
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

struct query options_query(const struct options *options, enum view view)
{
	return (struct query){
		.order.column = options->sort ? find_column(view, options->sort) : -1,
		.order.invert = options->invert,
		.filter = options->filter,
	};
}

void options_screen(const struct options *options, struct screen *screen)
{
	*screen = (struct screen){ .delay_s = options->delay_s };
	memcpy(screen->filter, options->filter, sizeof(screen->filter));
	for (enum view view = VIEW_COUNT; view-- > 0;) {
		screen->order[view] = options_query(options, view).order;
		if (options->views & VIEW_BIT(view))
			screen->view = view;
	}
}

/* One more word of the filter. */
static void add_filter(struct options *options, const char *prefix, const char *text)
{
	size_t used = strlen(options->filter), room = sizeof(options->filter) - used;

	if ((size_t)snprintf(options->filter + used, room, "%s%s%s", used ? " " : "", prefix,
			     text) >= room)
		wrong("the filters make more than %zu bytes", sizeof(options->filter) - 1);
}

static void add_pids(struct options *options, const char *text)
{
	if (!*text || strspn(text, "0123456789,") != strlen(text))
		wrong("-p '%s' is no list of process numbers", text);
	add_filter(options, "pid:", text);
}

static void add_topic(struct options *options, const char *text)
{
	if (!*text || strchr(text, ' '))
		wrong("-t '%s' is no topic", text);
	add_filter(options, "topic:", text);
}

enum { OPTION_VIEW = 256, OPTION_NO_BPF, OPTION_REGISTRY, OPTION_PROM, OPTION_FILTER,
       OPTION_COLOR, OPTION_BTF };

static void take(struct options *options, int option)
{
	switch (option) {
	case 'b': options->mode = options->mode ? options->mode : MODE_TEXT; break;
	case 'j': options->mode = MODE_JSON; break;
	case OPTION_PROM: options->mode = MODE_PROM; break;
	case 'n': options->refreshes = parse_count(optarg); break;
	case 'd': options->delay_s = parse_delay(optarg); break;
	case 's': check_sort(optarg); options->sort = optarg; break;
	case 'r': options->invert = true; break;
	case 'p': add_pids(options, optarg); break;
	case 't': add_topic(options, optarg); break;
	case 'o': options->record = optarg; break;
	case 'i': options->replay = optarg; break;
	case OPTION_VIEW: options->views = parse_view(optarg); break;
	case OPTION_FILTER: add_filter(options, "", optarg); break;
	case OPTION_COLOR: options->colour = parse_colour(optarg); break;
	case OPTION_NO_BPF: options->no_bpf = true; break;
	case OPTION_BTF: options->btf = optarg; break;
	case OPTION_REGISTRY: options->registry = optarg; break;
	case 'h': fputs(usage_text, stdout); exit(EX_OK);
	case 'V': puts("agnocast-top " AGNOCAST_VERSION); exit(EX_OK);
	default: exit(EX_USAGE);	/* getopt said what */
	}
}

static const struct option table[] = {
	{ "batch", no_argument, NULL, 'b' },
	{ "json", no_argument, NULL, 'j' },
	{ "prom", no_argument, NULL, OPTION_PROM },
	{ "iterations", required_argument, NULL, 'n' },
	{ "delay", required_argument, NULL, 'd' },
	{ "sort", required_argument, NULL, 's' },
	{ "reverse", no_argument, NULL, 'r' },
	{ "pid", required_argument, NULL, 'p' },
	{ "topic", required_argument, NULL, 't' },
	{ "filter", required_argument, NULL, OPTION_FILTER },
	{ "view", required_argument, NULL, OPTION_VIEW },
	{ "output", required_argument, NULL, 'o' },
	{ "input", required_argument, NULL, 'i' },
	{ "color", required_argument, NULL, OPTION_COLOR },
	{ "no-bpf", no_argument, NULL, OPTION_NO_BPF },
	{ "btf", required_argument, NULL, OPTION_BTF },
	{ "registry", required_argument, NULL, OPTION_REGISTRY },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

void options_parse(struct options *options, int argc, char **argv)
{
	const char *registry = getenv("AGNOCAST_REGISTRY");
	int c;

	*options = (struct options){
		.delay_s = 1, .registry = registry && *registry ? registry : NULL,
		.btf = tracer_btf(),
	};
	while ((c = getopt_long(argc, argv, "bjn:d:s:rp:t:o:i:hV", table, NULL)) != -1)
		take(options, c);
	if (optind < argc)
		wrong("'%s' is not expected", argv[optind]);
	if (options->replay && options->record)
		wrong("-i and -o exclude each other: a recording is one already");
}
