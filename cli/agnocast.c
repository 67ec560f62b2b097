// SPDX-License-Identifier: BSD-2-Clause
/* agnocast.c - the command `agnocast`: a table of subcommands */

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <uapi/agnocast.h>

#include "command.h"

#define PID_MAX 4194304

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*summary;
} commands[] = {
	{ "trace", cmd_trace, "show failed calls and faults as they happen, with cause and remedy" },
	{ "doctor", cmd_doctor, "check the machine and the running processes" },
	{ "run", cmd_run, "run a command with its heap in shared memory" },
	{ "ls", cmd_ls, "list topics, processes and mappings" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
	fputs("usage: agnocast COMMAND [OPTION...]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`agnocast COMMAND --help` tells more, and so does its man page:\n"
	      "agnocast-trace(8), agnocast-doctor(8), agnocast-run(1), agnocast-ls(1).\n"
	      "The live view is a program of its own: agnocast-top(8).\n\n"
	      "Exit status: that of the command; 64 wrong usage.\n", to);
}

void command_wrong(const char *name, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "agnocast %s: ", name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; see --help\n", stderr);
	exit(EX_USAGE);
}

void command_version(void)
{
	puts("agnocast " AGNOCAST_VERSION);
	exit(EX_OK);
}

const char *command_registry(void)
{
	const char *registry = getenv("AGNOCAST_REGISTRY");

	return registry && *registry ? registry : NULL;
}

unsigned int command_pids(const char *name, const char *text, uint32_t *pids, unsigned int max)
{
	unsigned int count = 0;
	const char *at = text;
	char *end;

	do {
		unsigned long pid = strtoul(at, &end, 10);

		if (end == at || *at == '-' || *at == '+' || (*end && *end != ',') || !pid ||
		    pid > PID_MAX)
			command_wrong(name, "-p '%s' is no list of process ids", text);
		if (count == max)
			command_wrong(name, "-p '%s' names more than %u processes", text, max);
		pids[count++] = (uint32_t)pid;
		at = end + 1;
	} while (*end);
	return count;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	setlocale(LC_CTYPE, "");
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		usage(stdout);
		return EX_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		command_version();
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "agnocast: '%s' is no command\n\n", name);
	usage(stderr);
	return EX_USAGE;
}
