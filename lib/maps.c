/* SPDX-License-Identifier: BSD-2-Clause */
/* maps.c - what lies where in this process, from /proc/self/maps */

#define _GNU_SOURCE 1
#include "maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define BUFFER	2048

/* "from-to perms offset dev inode   name" */
static void parse(char *line, struct mapping *mapping)
{
	char *at = line;

	mapping->from = strtoull(at, &at, 16);
	mapping->to = strtoull(at + (*at == '-'), &at, 16);
	for (int field = 0; field < 4 && at; field++)
		at = strchr(at + 1, ' ');
	while (at && *at == ' ')
		at++;
	snprintf(mapping->name, sizeof(mapping->name), "%s",
		 at && *at ? at : "anonymous memory");
}

typedef bool (*each_fn)(const struct mapping *mapping, void *arg);

/* The whole lines in @buf; returns how many bytes they are. */
static size_t each_line(char *buf, each_fn each, void *arg, bool *done)
{
	struct mapping mapping;
	char *line = buf, *newline;

	while (!*done && (newline = strchr(line, '\n'))) {
		*newline = 0;
		parse(line, &mapping);
		*done = each(&mapping, arg);
		line = newline + 1;
	}
	return (size_t)(line - buf);
}

bool maps_each(each_fn each, void *arg)
{
	int fd = raw_open("/proc/self/maps", O_RDONLY, 0);
	char buf[BUFFER];
	size_t have = 0, used;
	bool done = false;
	long got;

	if (fd < 0)
		return false;
	while (!done && (got = raw_read(fd, buf + have, sizeof(buf) - 1 - have)) > 0) {
		have += (size_t)got;
		buf[have] = 0;
		used = each_line(buf, each, arg, &done);
		have -= used;
		memmove(buf, buf + used, have);
		if (have == sizeof(buf) - 1)
			have = 0;	/* a monster of a line: its tail will not parse */
	}
	raw_close(fd);
	return done;
}

struct search {
	uintptr_t	from, to;
	struct mapping	*found;
};

static bool overlaps(const struct mapping *mapping, void *arg)
{
	const struct search *search = arg;

	if (mapping->to <= search->from || mapping->from >= search->to)
		return false;
	*search->found = *mapping;
	return true;
}

bool maps_find(uintptr_t from, uintptr_t to, struct mapping *found)
{
	struct search search = { .from = from, .to = to, .found = found };

	return maps_each(overlaps, &search);
}
