/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup.c - how much more memory the control groups of a process allow
 *
 * Memory is charged when it is promised, so a MEMPOOL_SIZE beyond the limit
 * would be SIGKILL. Errs on the side of going on: whatever cannot be read is no
 * limit.
 */

#define _GNU_SOURCE 1
#include "cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#define PATH	1024
#define LINE	(3 * PATH)
#define UNLIMITED	(UINT64_C(1) << 62)	/* version 1: the largest signed number of whole pages */

/* What the two versions of control groups call the same. */
struct names {
	const char	*limit, *usage;
	const char	*caches[3];	/* lines of memory.stat */
	const char	*swap_limit, *swap_usage;
	bool		swap_and_memory;	/* these two count both together */
};

static const struct names version_1 = {
	"memory.limit_in_bytes", "memory.usage_in_bytes",
	{ "total_inactive_file ", "total_active_file " },
	"memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes", true,
};

static const struct names version_2 = {
	"memory.max", "memory.current",
	{ "inactive_file ", "active_file ", "slab_reclaimable " },
	"memory.swap.max", "memory.swap.current", false,
};

struct group {
	const struct names *names;
	char	dir[PATH];		/* as it is mounted */
	size_t	top;			/* so many characters of it are the mount point */
};

static FILE *open_file(const char *dir, const char *name)
{
	char path[PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, "re");
}

/* UINT64_MAX: "max", what version 1 calls unlimited, or there is no such file. */
static uint64_t number(const struct group *group, const char *name)
{
	FILE *f = open_file(group->dir, name);
	uint64_t value = UINT64_MAX;
	char text[32];

	if (!f)
		return value;
	if (fgets(text, sizeof(text), f) && text[0] >= '0' && text[0] <= '9')
		value = strtoull(text, NULL, 10);
	fclose(f);
	return value < UNLIMITED ? value : UINT64_MAX;
}

/* What the kernel can drop instead of killing. */
static uint64_t caches(const struct group *group)
{
	FILE *f = open_file(group->dir, "memory.stat");
	uint64_t bytes = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < 3 && group->names->caches[i]; i++)
			if (!strncmp(line, group->names->caches[i],
				     strlen(group->names->caches[i])))
				bytes += strtoull(strchr(line, ' '), NULL, 10);
	if (f)
		fclose(f);
	return bytes;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t free_swap(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : (uint64_t)info.freeswap * info.mem_unit;
}

static uint64_t room_of(const struct group *group)
{
	const struct names *names = group->names;
	uint64_t limit = number(group, names->limit), usage = number(group, names->usage);
	uint64_t swap = free_swap(), cached, room;

	if (limit == UINT64_MAX || usage == UINT64_MAX)
		return UINT64_MAX;
	cached = caches(group);
	room = minus(limit, minus(usage, cached));
	if (!swap)
		return room;
	limit = number(group, names->swap_limit);
	usage = number(group, names->swap_usage);
	if (limit == UINT64_MAX || usage == UINT64_MAX)
		return room + swap;
	if (names->swap_and_memory)
		return smaller(room + swap, minus(limit, minus(usage, cached)));
	return room + smaller(swap, minus(limit, usage));
}

/* Is @word one of the words of @list, which commas separate? */
static bool lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') &&
		    (!at[len] || at[len] == ',' || at[len] == '\n'))
			return true;
	return false;
}

/* Which group is it in? "4:memory:/path", or "0::/path" if no such line is there. */
static bool find_path(const char *root, uint32_t pid, struct group *group, char *path, size_t len)
{
	char line[PATH + 64], name[32] = "proc/self/cgroup", *controllers, *where;
	FILE *f;

	if (pid)
		snprintf(name, sizeof(name), "proc/%u/cgroup", pid);
	f = open_file(root, name);

	group->names = NULL;
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		controllers = strchr(line, ':');
		where = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!where)
			continue;
		*where++ = 0;
		controllers++;
		if (lists(controllers, "memory"))
			group->names = &version_1;
		else if (!*controllers && !group->names)
			group->names = &version_2;
		else
			continue;
		snprintf(path, len, "%s", where);
	}
	if (f)
		fclose(f);
	return group->names;
}

/* "36 35 0:30 /root /mount/point options... - type source options" */
static bool is_mount(const struct names *names, const char *line, char *from, char *at)
{
	const char *rest = strstr(line, " - ");
	char type[32] = "", options[256] = "";

	if (!rest || sscanf(rest, " - %31s %*s %255s", type, options) < 1 ||
	    sscanf(line, "%*s %*s %*s %1023s %1023s", from, at) != 2)
		return false;
	if (names == &version_2)
		return !strcmp(type, "cgroup2");
	return !strcmp(type, "cgroup") && lists(options, "memory");
}

/* What is left of @path below the directory @from, or "": a container sees its own group only. */
static const char *below(const char *path, const char *from)
{
	size_t len = strcmp(from, "/") ? strlen(from) : 0;

	if (strncmp(path, from, len) || (path[len] && path[len] != '/') || strstr(path, "/.."))
		return "";
	return strcmp(path + len, "/") ? path + len : "";
}

static bool find_mount(const char *root, const char *path, struct group *group)
{
	FILE *f = open_file(root, "proc/self/mountinfo");
	char line[LINE], from[PATH], at[PATH];
	bool found = false;
	size_t len;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (!is_mount(group->names, line, from, at))
			continue;
		group->top = strlen(root) + strlen(at);
		len = (size_t)snprintf(group->dir, sizeof(group->dir), "%s%s%s", root, at,
				       below(path, from));
		found = len < sizeof(group->dir);
	}
	if (f)
		fclose(f);
	return found;
}

uint64_t cgroup_room(const char *root, uint32_t pid, char *file, size_t len)
{
	uint64_t least = UINT64_MAX, room;
	char path[PATH], *slash;
	struct group group;

	if (!find_path(root, pid, &group, path, sizeof(path)) || !find_mount(root, path, &group))
		return least;
	for (;;) {
		room = room_of(&group);
		if (room < least) {
			least = room;
			snprintf(file, len, "%s/%s", group.dir, group.names->limit);
		}
		slash = strrchr(group.dir, '/');
		if (!slash || (size_t)(slash - group.dir) < group.top)
			return least;
		*slash = 0;
	}
}
