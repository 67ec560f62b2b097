// SPDX-License-Identifier: BSD-2-Clause
/* cmd_ls.c - agnocast ls: topics, processes and mappings, once */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cells.h"
#include "clock.h"
#include "command.h"
#include "format.h"
#include "source_proc.h"
#include "source_registry.h"
#include "view_json.h"

#define CELL 32

static const char usage_text[] =
"usage: agnocast ls [-lj] [--registry WHERE] [topics | processes | mappings]...\n"
"\n"
"Lists what the registry knows, once; topics by default. Counters are since the\n"
"creation of what they count; \"?\" is what this user may not read.\n"
"\n"
"  -l, --long           topics: their publishers and subscriptions as well\n"
"  -j, --json           one JSON object, as agnocast-top(8) prints it\n"
"      --registry WHERE as in agnocast-top(8)\n"
"  -h, --help           this;  -V, --version\n"
"\n"
"Exit status: 0 fine; 64 wrong usage; 69 no registry; 70 internal error; 77 the\n"
"registry may not be opened.\n";

/* The number, or "?" where it could not be read. */
static const char *known(char cell[CELL], bool is_known, uint64_t number)
{
	snprintf(cell, CELL, "?");
	return is_known ? format_count(cell, CELL, number) : cell;
}

static const char *bytes(char cell[CELL], bool is_known, uint64_t number)
{
	snprintf(cell, CELL, "?");
	return is_known ? format_bytes(cell, CELL, (double)number) : cell;
}

static const char *comm_of(const struct model *model, uint32_t pid, char comm[AGNOCAST_COMM_MAX])
{
	comm[0] = '\0';
	for (size_t i = 0; i < model->processes_count; i++)
		if (model->processes[i].pid == pid)
			format_clean(comm, AGNOCAST_COMM_MAX, model->processes[i].comm);
	return comm;
}

static void list_endpoint(const struct model *model, const struct endpoint_row *endpoint)
{
	bool publisher = endpoint->kind == AGNOCAST_PUBLISHER;
	char node[AGNOCAST_NODE_MAX], comm[AGNOCAST_COMM_MAX], count[CELL], other[CELL];

	printf("  %s %7u %-15s %-15s depth %-5u %s %-7s %s %-5s%s\n", publisher ? "pub" : "sub",
	       endpoint->pid, comm_of(model, endpoint->pid, comm),
	       format_clean(node, sizeof(node), endpoint->node), endpoint->depth,
	       publisher ? "published" : "taken    ",
	       known(count, endpoint->known, endpoint->messages),
	       publisher ? "kept" : "held",
	       known(other, endpoint->known, publisher ? endpoint->retained : endpoint->held),
	       endpoint->flags & AGNOCAST_TRANSIENT_LOCAL ? " transient-local" : "");
}

static void list_topics(const struct model *model, bool with_endpoints)
{
	char name[AGNOCAST_TOPIC_MAX], published[CELL], size[CELL], dropped[CELL], held[CELL];

	printf("%-40s %4s %4s %6s %10s %7s %7s %5s\n", "TOPIC", "PUB", "SUB", "DEPTH",
	       "PUBLISHED", "BYTES", "DROPPED", "HELD");
	for (size_t i = 0; i < model->topics_count; i++) {
		const struct topic_row *topic = &model->topics[i];

		printf("%-40s %4u %4u %6u %10s %7s %7s %5s\n",
		       format_clean(name, sizeof(name), topic->name), topic->publishers,
		       topic->subscriptions, topic->depth,
		       known(published, topic->known, topic->messages),
		       bytes(size, topic->known, topic->bytes),
		       known(dropped, topic->known, topic->dropped),
		       known(held, topic->known, topic->held));
		for (size_t j = 0; with_endpoints && j < model->endpoints_count; j++)
			if (model->endpoints[j].topic == topic->topic)
				list_endpoint(model, &model->endpoints[j]);
	}
}

static void list_processes(const struct model *model)
{
	char comm[AGNOCAST_COMM_MAX], used[CELL], committed[CELL], resident[CELL];

	printf("%7s %-15s %7s %4s %4s %14s %7s %9s %8s\n", "PID", "COMM", "UID", "PUB", "SUB",
	       "AREA", "USED", "COMMITTED", "RESIDENT");
	for (size_t i = 0; i < model->processes_count; i++) {
		const struct process_row *process = &model->processes[i];

		printf("%7u %-15s %7u %4u %4u %14llx %7s %9s %8s\n", process->pid,
		       format_clean(comm, sizeof(comm), process->comm), process->uid,
		       process->publishers, process->subscriptions,
		       (unsigned long long)process->base,
		       bytes(used, process->area_known, process->heap_used),
		       bytes(committed, process->area_known, process->heap_committed),
		       bytes(resident, process->area_known, process->resident));
	}
}

static void list_mappings(const struct model *model)
{
	char comm[AGNOCAST_COMM_MAX], state[CELL];

	printf("%7s %-29s %-5s %7s %-15s %-6s %s\n", "OWNER", "START-END", "PERM", "PID", "COMM",
	       "ROLE", "STATE");
	for (size_t i = 0; i < model->mappings_count; i++) {
		const struct mapping_row *mapping = &model->mappings[i];

		mapping_state(state, sizeof(state), mapping);
		printf("%7u %14llx-%-14llx %-5s %7u %-15s %-6s %s\n", mapping->owner_pid,
		       (unsigned long long)mapping->base,
		       (unsigned long long)(mapping->base + mapping->size),
		       mapping->perm_state == PERM_FOUND ? mapping->perm :
		       mapping->perm_state == PERM_NONE ? "-" : "?", mapping->reader_pid,
		       format_clean(comm, sizeof(comm), mapping->comm), mapping_role(mapping),
		       state);
	}
}

static void list(const struct model *model, unsigned int views, bool with_endpoints)
{
	bool several = false;

	for (enum view view = VIEW_TOPICS; view <= VIEW_MAPS; view++) {
		if (!(views & VIEW_BIT(view)))
			continue;
		if (several)
			putchar('\n');
		several = true;
		switch (view) {
		case VIEW_TOPICS: list_topics(model, with_endpoints); break;
		case VIEW_PROCS: list_processes(model); break;
		default: list_mappings(model);
		}
	}
}

static unsigned int parse_view(const char *text)
{
	static const struct {
		const char	*name;
		enum view	view;
	} views[] = {
		{ "topics", VIEW_TOPICS }, { "processes", VIEW_PROCS }, { "mappings", VIEW_MAPS },
	};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (!strcmp(text, views[i].name))
			return VIEW_BIT(views[i].view);
	command_wrong("ls", "'%s' is none of topics, processes, mappings", text);
}

int cmd_ls(int argc, char **argv)
{
	static const struct option table[] = {
		{ "long", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "registry", required_argument, NULL, 'R' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *registry = command_registry();
	bool with_endpoints = false, json = false;
	struct source_registry source = { 0 };
	char why[MODEL_SENTENCE];
	struct model model = { 0 };
	unsigned int views = 0;
	int c, ret;

	while ((c = getopt_long(argc, argv, "ljhV", table, NULL)) != -1) {
		switch (c) {
		case 'l': with_endpoints = true; break;
		case 'j': json = true; break;
		case 'R': registry = optarg; break;
		case 'h': fputs(usage_text, stdout); return EX_OK;
		case 'V': command_version();
		default: return EX_USAGE;
		}
	}
	for (; optind < argc; optind++)
		views |= parse_view(argv[optind]);
	if (!views)
		views = json ? VIEW_BIT(VIEW_TOPICS) | VIEW_BIT(VIEW_PROCS) | VIEW_BIT(VIEW_MAPS)
			     : VIEW_BIT(VIEW_TOPICS);
	ret = source_registry_open(&source, registry, why, sizeof(why));
	if (ret) {
		fprintf(stderr, "agnocast ls: %s\n", why);
		return ret == -EACCES || ret == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	}
	snprintf(model.bpf_why, sizeof(model.bpf_why), "not used by agnocast ls");
	model.time_ns = clock_ns(CLOCK_REALTIME);
	ret = source_registry_fill(&source, &model);
	model_finish(&model, NULL);
	source_proc_permissions(&model, NULL);
	if (ret)
		fprintf(stderr, "agnocast ls: %s\n", model.registry_why);
	else if (json)
		view_json(stdout, &model, views, NULL);
	else
		list(&model, views, with_endpoints);
	source_registry_close(&source);
	model_clear(&model);
	return ret ? EX_UNAVAILABLE : fflush(stdout) ? EX_IOERR : EX_OK;
}
